/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the simulator share. */
#ifndef DMSC_PLANNER_SIMULATE_INTERNAL_H
#define DMSC_PLANNER_SIMULATE_INTERNAL_H

#include "planner/simulate.h"

/* ---- simulate_rates.c: rates of the flows that are under way ---- */

/* A flow's part on one edge; stands in that edge's list while the flow is under way. */
struct rate_use {
	uint32_t edge, flow;
	uint32_t place; /* in the edge's list */
	float share;
};

struct rate_flow {
	uint32_t first_use, nr_uses;
	uint32_t rank, weight;
	double rate;   /* byte/s */
	double given;  /* by the calculation that runs */
	uint32_t seen; /* number of that calculation */
	uint8_t class;
	bool active, frozen;
};

struct rate_edge {
	double rate;	/* byte/s */
	double room;	/* of it that is left in the calculation that runs */
	double cap;	/* of the class that is being filled */
	double weight;	/* of the flows that still rise */
	uint32_t *uses; /* of active flows */
	uint32_t nr_uses, room_uses;
	uint32_t seen;
	bool dirty;
};

struct rate_heap_item {
	double level;
	uint32_t edge;
};

struct rates {
	const struct sim_class *classes;
	struct rate_flow *flows;
	struct rate_use *uses;
	struct rate_edge *edges;
	uint32_t nr_flows, nr_uses, nr_edges;
	uint32_t *dirty; /* edges whose flows changed */
	uint32_t nr_dirty;
	uint32_t epoch;
	/* scratch: what the calculation is about, and the heap of edges */
	uint32_t *list, nr_list;     /* flows */
	uint32_t *around, nr_around; /* edges */
	struct rate_heap_item *heap;
	uint32_t nr_heap, room_heap;
	bool failed; /* out of memory */
};

int rates_open(struct rates *r, const struct topology *topo, uint32_t nr_flows, uint32_t nr_uses,
	       const struct sim_class *classes);
void rates_close(struct rates *r);

void rates_begin(struct rates *r, uint32_t flow); /* is under way from now on */
void rates_end(struct rates *r, uint32_t flow);

/*
 * New rates (rate_flow.given) for all flows that changes since the last call
 * can reach over shared edges; they stand in @r->list. False: out of memory.
 */
bool rates_fill(struct rates *r);

#endif /* DMSC_PLANNER_SIMULATE_INTERNAL_H */
