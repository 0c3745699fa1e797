/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paths for flows on a Clos fabric, so that the most loaded link is loaded as
 * little as can be. A flow goes up from its leaf to a spine, where needed on
 * to a core, and down again; it may be split into up to ROUTE_SUBFLOWS parts.
 *
 * Amounts are what the caller likes, bit/s or bits an iteration; a load is an
 * amount divided by a link's rate.
 */
#ifndef DMSC_PLANNER_ROUTE_H
#define DMSC_PLANNER_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "planner/bound.h"
#include "planner/fabric.h"

#define ROUTE_SUBFLOWS 4
#define ROUTE_NONE     UINT16_MAX

/* One part of a flow; ROUTE_NONE: the path turns round below (leaf, spine). */
struct subflow {
	uint16_t spine, core;
	float share; /* of the flow, 0 (unused) to 1 */
};

struct route {
	struct subflow sub[ROUTE_SUBFLOWS]; /* those in use first */
};

/*
 * Flows, their paths, and the load that they make. A flow that left has
 * amount 0. Read it; only the functions below write to it.
 */
struct routing {
	const struct fabric *fabric;
	struct flow *flows;
	struct route *routes;
	uint32_t nr_flows, room;
	double *up, *down; /* amounts by link */
	double *inverse;   /* 1 / rate, by link; infinite when it is dead */
	/* amounts between a spine and all its cores, by pod * spines + spine, and their 1 / rate */
	double *pool_up, *pool_down, *pool_inverse;
	double *cost;	    /* scratch, by spine */
	struct bound bound; /* for the worst load of any routing, splitting as it likes */
	double worst;	    /* the worst load of this one */
	uint32_t worst_edge;
	bool unsplit_best; /* proven: no routing that splits no flow has a smaller worst load */
};

/* -ENOMEM, with nothing to be freed. @fabric stays the caller's and must outlive it. */
int routing_init(struct routing *r, const struct fabric *fabric, struct dmsc_error *err);
void routing_free(struct routing *r);

/**
 * routing_plan - paths for all flows, from nothing
 *
 * On an intact fabric with flows of one amount: two-level edge colouring, no flow split, the
 * worst load is the least that is possible without splitting. Else: largest flow first on the
 * least loaded path, then excess is moved from links above the bound, splitting flows.
 *
 * -EHOSTUNREACH with the flow's ends when dead links leave it no path; -EINVAL for a port that
 * the fabric does not have; -ENOMEM.
 */
int routing_plan(struct routing *r, const struct flow *flows, uint32_t nr_flows,
		 struct dmsc_error *err);

/* On an error of the functions below the routing is good for routing_free() only. */

/**
 * routing_add - a job arrives: paths for more flows
 *
 * Flows that are there keep their paths, unless the worst load would miss the new bound by more
 * than 5%; then flows on the links above it move, too. @moved (or NULL): how many of the old.
 */
int routing_add(struct routing *r, const struct flow *flows, uint32_t nr_flows, uint32_t *moved,
		struct dmsc_error *err);

/* A job leaves: flows @first to @first + @nr - 1. The others stay. */
int routing_remove(struct routing *r, uint32_t first, uint32_t nr, struct dmsc_error *err);

/**
 * routing_link_changed - after fabric_set_rate() of @link
 *
 * When it died, the flows that used it get new paths; others move only as long as that makes
 * the worst load smaller, and at most a tenth as many. @used (or NULL): flows that lost a path;
 * @moved (or NULL): flows whose path changed, those included.
 */
int routing_link_changed(struct routing *r, uint32_t link, uint32_t *used, uint32_t *moved,
			 struct dmsc_error *err);

/* The directed edges of a part of flow @i, in order, 2 to 6 of them; returns how many. */
uint32_t route_edges(const struct routing *r, uint32_t i, const struct subflow *sub,
		     uint32_t edges[6]);

#endif /* DMSC_PLANNER_ROUTE_H */
