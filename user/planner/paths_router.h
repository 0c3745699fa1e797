/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What choosing a path (paths.c) and spreading over several (spread.c) share. */
#ifndef DMSC_PLANNER_PATHS_ROUTER_H
#define DMSC_PLANNER_PATHS_ROUTER_H

#include "lib/model.h"
#include "planner/paths_core.h"

#define FAR	       255	  /* hops: not reached */
#define LESS_IMPORTANT (1.0 / 16) /* weight of such load when a path is chosen */

struct hops;

struct router {
	struct plan *plan;
	double *load[DMSC_NR_CLASSES]; /* bytes of each class by directed edge */
	uint32_t classes;	       /* that there are flows of, bit n = class n */
	struct hops *hops;	       /* paths_hops.c */
	uint32_t *adj_start, *adj;     /* edges that leave each node */
	double *share;		       /* scratch, by directed edge */
	double *amount;		       /* scratch, by node */
	uint32_t *queue;	       /* scratch, nodes */
	uint32_t *touched, nr_touched; /* edges with a share, while a path is made */
	uint32_t *path_hash;	       /* struct path_key -> path + 1 */
	uint32_t hash_size, room_paths;
};

/* Distances to all hosts that flows go to, once adj is there; false: no memory. Freed either way. */
bool router_measure(struct router *r);
void router_measure_free(struct router *r);

/*
 * The edges that switch @node, two hops or more from host @target, takes towards it, @nr of
 * them; good until the next call. NULL: no memory.
 */
const uint32_t *router_onward(struct router *r, uint32_t node, uint32_t target, uint32_t *nr);

/* Hops from @node to host @target, which a flow goes to: over the switch of the host that is nearest; FAR: none. */
uint32_t router_hops(const struct router *r, uint32_t node, uint32_t target);

/* Whether a switch takes @edge towards @target, @left hops ahead. */
bool router_nearer(const struct router *r, uint32_t edge, uint32_t target, uint32_t left);

/* The path of @src to @dst that leaves by edge @first, made once; MODEL_NONE: no memory. */
uint32_t router_path(struct router *r, uint32_t src, uint32_t dst, uint32_t first);

/*
 * Worst edge of @path, in seconds of its rate, if it carried @bytes more of class @class; and the
 * @sum over its edges.
 */
double router_cost(const struct router *r, const struct plan_path *path, uint8_t class,
		   double bytes, double *sum);

/*
 * What the paths of all flows cost: seconds an iteration that the busiest edge
 * is busy with what the iteration exchanges, so without bulk; @each: the
 * same of each class alone, bulk too, added up, because classes have their
 * bursts at different times.
 */
double router_total(const struct router *r, double *each);

/**
 * plan_spread - several paths for what has several connections (spread.c)
 * @order: the flows between hosts, @n of them; each has its path, and r->load is theirs
 * @core: what the path core found; not made: nothing
 *
 * The data plane knows flows of one class between two instances as one group, so they get
 * the same paths and weights. -ENOMEM.
 */
int plan_spread(struct router *r, const uint32_t *order, uint32_t n, const struct paths_core *core,
		struct dmsc_error *err);

#endif /* DMSC_PLANNER_PATHS_ROUTER_H */
