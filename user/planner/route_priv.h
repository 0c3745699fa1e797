/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the router share. */
#ifndef DMSC_PLANNER_ROUTE_PRIV_H
#define DMSC_PLANNER_ROUTE_PRIV_H

#include "planner/route.h"

/* The end of a path search: links that a part of a flow takes, up and down. */
struct ends {
	uint32_t from, to; /* leaves */
	uint32_t pod_from, pod_to;
};

static inline struct ends ends_of(const struct routing *r, const struct flow *flow)
{
	const struct fabric *f = r->fabric;
	struct ends e = { .from = f->leaf_of[flow->src], .to = f->leaf_of[flow->dst] };

	e.pod_from = f->pod_of[e.from];
	e.pod_to = f->pod_of[e.to];
	return e;
}

static inline uint32_t parts(const struct route *route)
{
	uint32_t n = 0;

	while (n < ROUTE_SUBFLOWS && route->sub[n].share > 0)
		n++;
	return n;
}

/* route_load.c: adds @amount (may be negative) along a path between leaves */
void route_load(struct routing *r, const struct ends *e, const struct subflow *sub, double amount);

/* The worst load on the path between leaves, without the ports. */
double route_worst(const struct routing *r, const struct ends *e, const struct subflow *sub);

/* How much more the path can take until a link of it has load @limit. */
double route_room(const struct routing *r, const struct ends *e, const struct subflow *sub,
		  double limit);

/* All loads anew from the flows' paths (no sums of differences), then worst and worst_edge. */
void route_reload(struct routing *r);

/* route_search.c: the path on which @amount makes the smallest worst load; infinite: none lives */
double route_choose(struct routing *r, const struct ends *e, double amount, struct subflow *best);

/*
 * Moves what is above @limit to paths below it, among flows @list[0..n-1] (NULL: all @n).
 * @budget: how many flows may change; how many did.
 */
uint32_t route_relieve(struct routing *r, const uint32_t *list, uint32_t n, double limit,
		       uint32_t budget);

/* route_colour.c: for flows of one amount on an intact fabric; false: out of memory */
bool route_by_colour(struct routing *r);
bool route_is_uniform(const struct routing *r);

/* The least worst load of any routing that splits no flow, for the same case. */
double route_unsplit_bound(const struct routing *r);

#endif /* DMSC_PLANNER_ROUTE_PRIV_H */
