// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The least loaded path of a flow, and moving what is too much. A path is
 * chosen in two steps, as the fabric is built: the spine, by its two leaf
 * links and by what its cores have left in common, then the core.
 */
#include <math.h>

#include "planner/route_priv.h"

#define SPINES_TRIED 3	  /* of which the cores are looked at, as long as they promise something */
#define SWEEPS	     24	  /* over all flows, when excess is moved */
#define LEAST_SHARE  1e-3 /* of a flow; nothing smaller is split off */

static double worse(double a, double b)
{
	return a > b ? a : b;
}

/* The core of least load for @amount between the two pods through @spine. */
static double choose_core(const struct routing *r, const struct ends *e, uint32_t spine,
			  double amount, uint16_t *core)
{
	uint32_t first = fabric_core_link(r->fabric, e->pod_from, spine, 0), u;
	uint32_t last = fabric_core_link(r->fabric, e->pod_to, spine, 0);
	const double *up = r->up + first, *up_inverse = r->inverse + first;
	const double *down = r->down + last, *down_inverse = r->inverse + last;
	double best = INFINITY;

	for (u = 0; u < r->fabric->cores; u++) {
		double cost = worse((up[u] + amount) * up_inverse[u],
				    (down[u] + amount) * down_inverse[u]);

		if (cost < best) {
			best = cost;
			*core = u;
		}
	}
	return best;
}

/* What each spine costs as far as can be seen without its cores. */
static void spine_costs(struct routing *r, const struct ends *e, double amount)
{
	const struct fabric *f = r->fabric;
	uint32_t first = fabric_leaf_link(f, e->from, 0), last = fabric_leaf_link(f, e->to, 0), s;
	const double *pool_up = r->pool_up + e->pod_from * f->spines;
	const double *pool_down = r->pool_down + e->pod_to * f->spines;
	const double *up_inverse = r->pool_inverse + e->pod_from * f->spines;
	const double *down_inverse = r->pool_inverse + e->pod_to * f->spines;

	for (s = 0; s < f->spines; s++)
		r->cost[s] = worse((r->up[first + s] + amount) * r->inverse[first + s],
				   (r->down[last + s] + amount) * r->inverse[last + s]);
	if (e->pod_from == e->pod_to)
		return;
	for (s = 0; s < f->spines; s++)
		r->cost[s] = worse(r->cost[s], worse((pool_up[s] + amount) * up_inverse[s],
						     (pool_down[s] + amount) * down_inverse[s]));
}

double route_choose(struct routing *r, const struct ends *e, double amount, struct subflow *best)
{
	const struct fabric *f = r->fabric;
	uint32_t tried, s, at;
	double cost = INFINITY;
	uint16_t core = 0;

	best->core = ROUTE_NONE;
	best->spine = ROUTE_NONE;
	if (e->from == e->to)
		return 0;
	if (e->pod_from != e->pod_to && !f->cores)
		return INFINITY;
	spine_costs(r, e, amount);
	for (tried = 0; tried < f->spines; tried++) {
		double found;

		for (at = 0, s = 1; s < f->spines; s++)
			at = r->cost[s] < r->cost[at] ? s : at;
		if (r->cost[at] >= cost || (tried >= SPINES_TRIED && cost < INFINITY) ||
		    r->cost[at] == INFINITY)
			break;
		found = r->cost[at];
		if (e->pod_from != e->pod_to)
			found = worse(found, choose_core(r, e, at, amount, &core));
		if (found < cost) {
			cost = found;
			best->spine = at;
			if (e->pod_from != e->pod_to)
				best->core = core;
		}
		r->cost[at] = INFINITY;
	}
	return cost;
}

/* Part @k of the flow gives @amount to path @to; false when that would be one part too many. */
static bool shift(struct routing *r, uint32_t i, const struct ends *e, uint32_t k,
		  const struct subflow *to, double amount)
{
	struct route *route = &r->routes[i];
	struct subflow *from = &route->sub[k], *into = NULL;
	uint32_t n = parts(route), p;
	float share = amount / r->flows[i].amount;

	for (p = 0; p < n; p++) {
		if (route->sub[p].spine == to->spine && route->sub[p].core == to->core)
			into = &route->sub[p];
	}
	if (share >= from->share)
		share = from->share;
	if (!into && share < from->share) {
		if (n == ROUTE_SUBFLOWS)
			return false;
		into = &route->sub[n];
		*into = (struct subflow){ to->spine, to->core, 0 };
	}
	amount = (double)share * r->flows[i].amount;
	route_load(r, e, from, -amount);
	route_load(r, e, to, amount);
	if (!into) {
		from->spine = to->spine;
		from->core = to->core;
		return true;
	}
	from->share -= share;
	into->share += share;
	if (!(from->share > 0)) {
		*from = route->sub[n - 1];
		route->sub[n - 1] = (struct subflow){ ROUTE_NONE, ROUTE_NONE, 0 };
	}
	return true;
}

/* Takes from part @k what its worst link has above @limit, as far as another path has room. */
static bool relieve_part(struct routing *r, uint32_t i, const struct ends *e, uint32_t k,
			 double limit)
{
	const struct subflow *sub = &r->routes[i].sub[k];
	double amount = sub->share * r->flows[i].amount, excess = -route_room(r, e, sub, limit);
	double least = LEAST_SHARE * r->flows[i].amount;
	struct subflow to;

	if (excess <= 0)
		return false;
	if (excess < least)
		excess = least;
	if (excess > amount - least)
		excess = amount;
	if (route_choose(r, e, excess, &to) > limit) {
		double room;

		/* Not all of it, then; the other path may take a part. */
		route_choose(r, e, least, &to);
		if (to.spine == ROUTE_NONE)
			return false;
		room = route_room(r, e, &to, limit);
		if (room < least)
			return false;
		if (room < excess)
			excess = room;
	}
	if (to.spine == sub->spine && to.core == sub->core)
		return false;
	return shift(r, i, e, k, &to, excess);
}

uint32_t route_relieve(struct routing *r, const uint32_t *list, uint32_t n, double limit,
		       uint32_t budget)
{
	uint32_t sweep, j, k, changed = 0;
	bool any = true;

	for (sweep = 0; sweep < SWEEPS && any; sweep++) {
		any = false;
		for (j = 0; j < n && changed < budget; j++) {
			uint32_t i = list ? list[j] : j;
			struct ends e;
			bool moved = false;

			if (!r->flows[i].amount)
				continue;
			e = ends_of(r, &r->flows[i]);
			if (e.from == e.to)
				continue;
			for (k = 0; k < ROUTE_SUBFLOWS && r->routes[i].sub[k].share > 0; k++) {
				if (route_worst(r, &e, &r->routes[i].sub[k]) > limit * (1 + 1e-9))
					moved |= relieve_part(r, i, &e, k, limit);
			}
			changed += moved;
			any |= moved;
		}
	}
	return changed;
}
