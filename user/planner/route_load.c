// SPDX-License-Identifier: GPL-2.0-or-later
/* The loads that paths make. */
#include <math.h>
#include <string.h>

#include "planner/route_priv.h"

void route_load(struct routing *r, const struct ends *e, const struct subflow *sub, double amount)
{
	const struct fabric *f = r->fabric;

	if (sub->spine == ROUTE_NONE)
		return;
	r->up[fabric_leaf_link(f, e->from, sub->spine)] += amount;
	r->down[fabric_leaf_link(f, e->to, sub->spine)] += amount;
	if (sub->core == ROUTE_NONE)
		return;
	r->up[fabric_core_link(f, e->pod_from, sub->spine, sub->core)] += amount;
	r->down[fabric_core_link(f, e->pod_to, sub->spine, sub->core)] += amount;
	r->pool_up[e->pod_from * f->spines + sub->spine] += amount;
	r->pool_down[e->pod_to * f->spines + sub->spine] += amount;
}

/* The links of a path between leaves: 0, 2 or 4; the first half are taken up. */
static uint32_t links_of(const struct routing *r, const struct ends *e, const struct subflow *sub,
			 uint32_t link[4])
{
	const struct fabric *f = r->fabric;

	if (sub->spine == ROUTE_NONE)
		return 0;
	if (sub->core == ROUTE_NONE) {
		link[0] = fabric_leaf_link(f, e->from, sub->spine);
		link[1] = fabric_leaf_link(f, e->to, sub->spine);
		return 2;
	}
	link[0] = fabric_leaf_link(f, e->from, sub->spine);
	link[1] = fabric_core_link(f, e->pod_from, sub->spine, sub->core);
	link[2] = fabric_core_link(f, e->pod_to, sub->spine, sub->core);
	link[3] = fabric_leaf_link(f, e->to, sub->spine);
	return 4;
}

double route_worst(const struct routing *r, const struct ends *e, const struct subflow *sub)
{
	uint32_t link[4], n = links_of(r, e, sub, link), i;
	double worst = 0;

	for (i = 0; i < n; i++) {
		double amount = i < n / 2 ? r->up[link[i]] : r->down[link[i]];
		double load = amount * r->inverse[link[i]];

		worst = load > worst ? load : worst;
	}
	return worst;
}

double route_room(const struct routing *r, const struct ends *e, const struct subflow *sub,
		  double limit)
{
	uint32_t link[4], n = links_of(r, e, sub, link), i;
	double room = INFINITY;

	for (i = 0; i < n; i++) {
		double amount = i < n / 2 ? r->up[link[i]] : r->down[link[i]];
		double left = limit * r->fabric->rate[link[i]] - amount;

		room = left < room ? left : room;
	}
	return room;
}

uint32_t route_edges(const struct routing *r, uint32_t i, const struct subflow *sub,
		     uint32_t edges[6])
{
	struct ends e = ends_of(r, &r->flows[i]);
	uint32_t link[4], n = links_of(r, &e, sub, link), k, nr = 0;

	edges[nr++] = 2 * r->flows[i].src;
	for (k = 0; k < n; k++)
		edges[nr++] = 2 * link[k] + (k >= n / 2);
	edges[nr++] = 2 * r->flows[i].dst + 1;
	return nr;
}

static void find_worst(struct routing *r)
{
	uint32_t i;

	r->worst = 0;
	r->worst_edge = 0;
	for (i = 0; i < r->fabric->nr_links; i++) {
		/* divided as the bound is, so that equal is equal */
		double up = r->up[i] > 0 ? r->up[i] / r->fabric->rate[i] : 0;
		double down = r->down[i] > 0 ? r->down[i] / r->fabric->rate[i] : 0;

		if (up > r->worst) {
			r->worst = up;
			r->worst_edge = 2 * i;
		}
		if (down > r->worst) {
			r->worst = down;
			r->worst_edge = 2 * i + 1;
		}
	}
}

void route_reload(struct routing *r)
{
	const struct fabric *f = r->fabric;
	uint32_t pools = f->pods * f->spines, i, k;

	memset(r->up, 0, f->nr_links * sizeof(*r->up));
	memset(r->down, 0, f->nr_links * sizeof(*r->down));
	memset(r->pool_up, 0, pools * sizeof(*r->pool_up));
	memset(r->pool_down, 0, pools * sizeof(*r->pool_down));
	for (i = 0; i < r->nr_flows; i++) {
		const struct flow *flow = &r->flows[i];
		const struct route *route = &r->routes[i];
		struct ends e;

		if (!flow->amount || flow->src == flow->dst)
			continue;
		e = ends_of(r, flow);
		r->up[flow->src] += flow->amount;
		r->down[flow->dst] += flow->amount;
		for (k = 0; k < ROUTE_SUBFLOWS && route->sub[k].share > 0; k++)
			route_load(r, &e, &route->sub[k], route->sub[k].share * flow->amount);
	}
	find_worst(r);
}
