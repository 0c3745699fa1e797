// SPDX-License-Identifier: GPL-2.0-or-later
/* Planning from nothing, and changing a plan when jobs or links come and go. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "planner/route_priv.h"

#define TARGET	 1.003 /* times the bound: excess is moved until no link is above */
#define CONTENT	 1.02  /* times the bound: good enough to be left alone */
#define CROWDED	 1.05  /* times the bound: flows that were there may be moved */
#define NO_LIMIT UINT32_MAX

static int no_memory(struct dmsc_error *err)
{
	return dmsc_fail(err, -ENOMEM, "out of memory for paths");
}

static void set_inverse(struct routing *r, uint32_t link)
{
	const struct fabric *f = r->fabric;
	uint32_t spine, i;
	double all = 0;

	r->inverse[link] = f->rate[link] ? 1 / f->rate[link] : INFINITY;
	if (link < f->first_core)
		return;
	spine = (link - f->first_core) / f->cores;
	for (i = 0; i < f->cores; i++)
		all += f->rate[f->first_core + spine * f->cores + i];
	r->pool_inverse[spine] = all ? 1 / all : INFINITY;
}

int routing_init(struct routing *r, const struct fabric *f, struct dmsc_error *err)
{
	uint32_t pools = f->pods * f->spines, i;

	memset(r, 0, sizeof(*r));
	r->fabric = f;
	r->up = calloc(f->nr_links, sizeof(*r->up));
	r->down = calloc(f->nr_links, sizeof(*r->down));
	r->inverse = calloc(f->nr_links, sizeof(*r->inverse));
	r->pool_up = calloc(pools, sizeof(*r->pool_up));
	r->pool_down = calloc(pools, sizeof(*r->pool_down));
	r->pool_inverse = calloc(pools, sizeof(*r->pool_inverse));
	r->cost = calloc(f->spines, sizeof(*r->cost));
	if (!r->up || !r->down || !r->inverse || !r->pool_up || !r->pool_down || !r->pool_inverse ||
	    !r->cost) {
		routing_free(r);
		return no_memory(err);
	}
	for (i = 0; i < f->first_core; i++)
		r->inverse[i] = f->rate[i] ? 1 / f->rate[i] : INFINITY;
	/* The last core of each spine sets what they have in common. */
	for (i = f->first_core; i < f->nr_links; i++) {
		r->inverse[i] = f->rate[i] ? 1 / f->rate[i] : INFINITY;
		if ((i - f->first_core) % f->cores == f->cores - 1)
			set_inverse(r, i);
	}
	return 0;
}

void routing_free(struct routing *r)
{
	free(r->flows);
	free(r->routes);
	free(r->up);
	free(r->down);
	free(r->inverse);
	free(r->pool_up);
	free(r->pool_down);
	free(r->pool_inverse);
	free(r->cost);
	memset(r, 0, sizeof(*r));
}

static int append(struct routing *r, const struct flow *flows, uint32_t n, struct dmsc_error *err)
{
	uint32_t i;

	if (n > UINT32_MAX / 2 - r->nr_flows)
		return no_memory(err);
	for (i = 0; i < n; i++) {
		if (flows[i].src >= r->fabric->nr_ports || flows[i].dst >= r->fabric->nr_ports ||
		    !(flows[i].amount > 0) || isinf(flows[i].amount))
			return dmsc_fail(err, -EINVAL,
					 "flow %u: from port %u to %u, amount %g, expected ports below %u and a positive amount",
					 i, flows[i].src, flows[i].dst, flows[i].amount,
					 r->fabric->nr_ports);
	}
	if (r->nr_flows + n > r->room) {
		uint32_t room = r->nr_flows + n + r->nr_flows / 2;
		void *grown = realloc(r->flows, room * sizeof(*r->flows));

		if (grown)
			r->flows = grown;
		else
			return no_memory(err);
		grown = realloc(r->routes, room * sizeof(*r->routes));
		if (grown)
			r->routes = grown;
		else
			return no_memory(err);
		r->room = room;
	}
	memcpy(r->flows + r->nr_flows, flows, n * sizeof(*flows));
	r->nr_flows += n;
	return 0;
}

static int unreachable(const struct routing *r, uint32_t i, struct dmsc_error *err)
{
	return dmsc_fail(err, -EHOSTUNREACH, "fabric: no living path from port %u to port %u",
			 r->flows[i].src, r->flows[i].dst);
}

/* One whole flow on its least loaded path. */
static int place(struct routing *r, uint32_t i, struct dmsc_error *err)
{
	struct flow *flow = &r->flows[i];
	struct ends e = ends_of(r, flow);
	struct subflow sub = { ROUTE_NONE, ROUTE_NONE, 1 };

	if (flow->src != flow->dst && (isinf(r->inverse[flow->src]) || isinf(r->inverse[flow->dst]) ||
				       isinf(route_choose(r, &e, flow->amount, &sub))))
		return unreachable(r, i, err);
	r->routes[i] = (struct route){ { sub } };
	route_load(r, &e, &sub, flow->amount);
	return 0;
}

static int by_amount(const void *a, const void *b, void *flows)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	double p = ((const struct flow *)flows)[x].amount,
	       q = ((const struct flow *)flows)[y].amount;

	if (p != q)
		return p > q ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Flows @first and following, the largest first. */
static int place_all(struct routing *r, uint32_t first, struct dmsc_error *err)
{
	uint32_t n = r->nr_flows - first, i;
	uint32_t *order = malloc((n + 1) * sizeof(*order));
	int ret = 0;

	if (!order)
		return no_memory(err);
	for (i = 0; i < n; i++)
		order[i] = first + i;
	qsort_r(order, n, sizeof(*order), by_amount, r->flows);
	for (i = 0; i < n && !ret; i++)
		ret = place(r, order[i], err);
	free(order);
	return ret;
}

static int find_bound(struct routing *r, struct dmsc_error *err)
{
	return bound_cuts(r->fabric, r->flows, r->nr_flows, &r->bound) ? no_memory(err) : 0;
}

/* Moves excess until the target is reached, or what comes nearest to it. */
static uint32_t approach(struct routing *r, const uint32_t *list, uint32_t n, uint32_t budget)
{
	static const double steps[] = { TARGET, 1.008, 1.015, 1.03, 1.06, 1.15 };
	uint32_t moved = 0, i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]) && moved < budget; i++) {
		if (r->worst <= r->bound.load * steps[i])
			break;
		moved += route_relieve(r, list, n, r->bound.load * steps[i], budget - moved);
		route_reload(r);
	}
	return moved;
}

int routing_plan(struct routing *r, const struct flow *flows, uint32_t nr_flows,
		 struct dmsc_error *err)
{
	int ret;

	r->nr_flows = 0;
	r->unsplit_best = false;
	route_reload(r);
	ret = append(r, flows, nr_flows, err);
	if (!ret)
		ret = find_bound(r, err);
	if (ret)
		return ret;
	if (route_is_uniform(r)) {
		if (!route_by_colour(r))
			return no_memory(err);
		route_reload(r);
		if (r->worst > r->bound.load)
			r->unsplit_best = r->worst <= route_unsplit_bound(r) * (1 + 1e-9);
		else
			r->unsplit_best = true;
	} else {
		ret = place_all(r, 0, err);
		if (ret)
			return ret;
		route_reload(r);
	}
	if (r->worst > r->bound.load * CONTENT || !r->unsplit_best) {
		uint32_t moved = approach(r, NULL, r->nr_flows, NO_LIMIT);

		r->unsplit_best &= !moved;
	}
	return 0;
}

int routing_add(struct routing *r, const struct flow *flows, uint32_t nr_flows, uint32_t *moved,
		struct dmsc_error *err)
{
	uint32_t first = r->nr_flows, *mine, i;
	int ret = append(r, flows, nr_flows, err);

	if (moved)
		*moved = 0;
	if (!ret)
		ret = find_bound(r, err);
	if (!ret)
		ret = place_all(r, first, err);
	if (ret)
		return ret;
	r->unsplit_best = false;
	mine = malloc((nr_flows + 1) * sizeof(*mine));
	if (!mine)
		return no_memory(err);
	for (i = 0; i < nr_flows; i++)
		mine[i] = first + i;
	route_reload(r);
	if (r->worst > r->bound.load * CONTENT)
		approach(r, mine, nr_flows, NO_LIMIT);
	if (r->worst > r->bound.load * CROWDED) {
		uint32_t others = approach(r, NULL, first, NO_LIMIT);

		if (moved)
			*moved = others;
	}
	free(mine);
	return 0;
}

int routing_remove(struct routing *r, uint32_t first, uint32_t nr, struct dmsc_error *err)
{
	uint32_t i;

	if (first > r->nr_flows || nr > r->nr_flows - first)
		return dmsc_fail(err, -EINVAL, "flows %u to %u, expected below %u", first,
				 first + nr, r->nr_flows);
	for (i = first; i < first + nr; i++)
		r->flows[i].amount = 0;
	while (r->nr_flows && !r->flows[r->nr_flows - 1].amount)
		r->nr_flows--;
	r->unsplit_best = false;
	route_reload(r);
	return find_bound(r, err);
}

/* Takes flow @i off the link; true when it had been there. */
static bool drop(struct routing *r, uint32_t i, uint32_t link)
{
	struct route *route = &r->routes[i];
	uint32_t edges[6], n, k, e;
	struct ends ends;

	for (k = 0; k < ROUTE_SUBFLOWS && route->sub[k].share > 0; k++) {
		n = route_edges(r, i, &route->sub[k], edges);
		for (e = 0; e < n && edges[e] / 2 != link; e++)
			;
		if (e < n)
			break;
	}
	if (k == ROUTE_SUBFLOWS || !(route->sub[k].share > 0))
		return false;
	ends = ends_of(r, &r->flows[i]);
	for (k = 0; k < ROUTE_SUBFLOWS && route->sub[k].share > 0; k++)
		route_load(r, &ends, &route->sub[k], -route->sub[k].share * r->flows[i].amount);
	return true;
}

int routing_link_changed(struct routing *r, uint32_t link, uint32_t *used, uint32_t *moved,
			 struct dmsc_error *err)
{
	uint32_t *list = malloc((r->nr_flows + 1) * sizeof(*list)), n = 0, others = 0, i;
	int ret;

	if (!list)
		return no_memory(err);
	set_inverse(r, link);
	r->unsplit_best = false;
	for (i = 0; i < r->nr_flows && !r->fabric->rate[link]; i++) {
		if (r->flows[i].amount && r->flows[i].src != r->flows[i].dst && drop(r, i, link))
			list[n++] = i;
	}
	ret = find_bound(r, err);
	for (i = 0; i < n && !ret; i++)
		ret = place(r, list[i], err);
	if (!ret) {
		route_reload(r);
		if (r->worst > r->bound.load * TARGET)
			approach(r, list, n, NO_LIMIT);
		if (r->worst > r->bound.load * CONTENT)
			others = approach(r, NULL, r->nr_flows, n / 10);
	}
	free(list);
	if (used)
		*used = n;
	if (moved)
		*moved = n + others;
	return ret;
}
