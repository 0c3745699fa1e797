// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Several paths, with weights, for groups of several connections: flows of one
 * class between the same two instances, whom the data plane cannot tell apart.
 * Where the path core split their flows, weights are its shares. What it leaves
 * out (bulk; topologies that are no fabric) is dealt in small portions, each to
 * the path whose most loaded edge stays least loaded, important classes first;
 * a few sweeps take portions back and deal them again.
 *
 * Hosts deal whole connections by the weights (bpf/deal.h). So a portion is no smaller than
 * a connection, and the loads of what is dealt here are those of connections, not of
 * a mean over them. Shares of the core are a mean.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/module.h"
#include "planner/internal.h"
#include "planner/paths_router.h"

#define PORTIONS_MAX 64
#define PORTIONS_MIN 8
#define PORTIONS_ALL (1U << 21) /* of all groups together: what bounds the time */
#define SWEEPS	     3
#define SHARE_UNITS  1024 /* weights of shares that the core found */

struct group {
	uint32_t first, nr; /* flows, in spread.list */
	uint32_t connections;
	uint32_t portions; /* it is dealt in */
	uint32_t nr_ways, path[DMSC_MAX_WAYS];
	double weight[DMSC_MAX_WAYS];
	bool dealt; /* in portions, not by what is known */
};

struct spread {
	struct router *r;
	const struct paths_core *core;
	uint32_t *list; /* flows between hosts, group by group */
	struct group *groups;
	uint32_t nr_groups;
	uint32_t *sets; /* by host: choices of several paths that its data plane has to hold */
};

static uint64_t group_bytes(const struct spread *s, const struct group *g)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < g->nr; i++)
		sum += s->r->plan->flows[s->list[g->first + i]].bytes;
	return sum;
}

static const struct plan_flow *flow_of(const struct spread *s, const struct group *g)
{
	return &s->r->plan->flows[s->list[g->first]];
}

static int by_group(const void *a, const void *b, void *plan)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const struct plan_flow *f = &((const struct plan *)plan)->flows[x];
	const struct plan_flow *g = &((const struct plan *)plan)->flows[y];

	if (f->class != g->class)
		return f->class > g->class ? -1 : 1;
	if (f->src != g->src)
		return f->src < g->src ? -1 : 1;
	if (f->dst != g->dst)
		return f->dst < g->dst ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Bulk last: it goes where the others leave room. */
static int by_weight_of_class(const void *a, const void *b)
{
	const struct group *g = a, *h = b;

	if (g->dealt != h->dealt)
		return g->dealt ? 1 : -1;
	return g->first < h->first ? -1 : g->first > h->first;
}

static void find_groups(struct spread *s, uint32_t n)
{
	const struct plan *p = s->r->plan;
	uint32_t first, i;

	for (first = 0; first < n; first = i) {
		const struct plan_flow *f = &p->flows[s->list[first]];
		struct group *g = &s->groups[s->nr_groups];

		*g = (struct group){ .first = first };
		for (i = first; i < n; i++) {
			const struct plan_flow *x = &p->flows[s->list[i]];

			if (x->class != f->class || x->src != f->src || x->dst != f->dst)
				break;
			g->connections += x->connections;
			g->nr++;
		}
		s->nr_groups += g->connections > 1;
	}
}

/* @weight more on @path; what has no room any more stays with the way of most weight. */
static void add_way(struct group *g, uint32_t path, double weight)
{
	uint32_t i, most = 0;

	for (i = 0; i < g->nr_ways; i++) {
		most = g->weight[i] > g->weight[most] ? i : most;
		if (g->path[i] == path)
			break;
	}
	if (i == g->nr_ways && i == DMSC_MAX_WAYS)
		i = most;
	if (i == g->nr_ways) {
		g->path[g->nr_ways++] = path;
		g->weight[i] = 0;
	}
	g->weight[i] += weight;
}

/* The ways of flow @f as they are known: the core's parts, else its path. False: no memory. */
static bool known_ways(struct spread *s, struct group *g, uint32_t f)
{
	struct plan *p = s->r->plan;
	const struct plan_flow *flow = &p->flows[f];
	uint32_t src = p->instances[flow->src].host, dst = p->instances[flow->dst].host;
	uint32_t from = p->hosts[src].node, to = p->hosts[dst].node, k, path;
	uint32_t edges[CLOS_EDGES_MAX];
	double bytes = flow->bytes ? flow->bytes : 1;
	const struct route *route;

	if (!p->certificate.core || p->pinned || s->core->index[f] == MODEL_NONE) {
		add_way(g, flow->path, bytes);
		return true;
	}
	route = &s->core->routing.routes[s->core->index[f]];
	for (k = 0; k < ROUTE_SUBFLOWS && route->sub[k].share > 0; k++) {
		if (!clos_way(&s->core->clos, &s->core->routing, s->core->index[f], &route->sub[k],
			      edges))
			continue;
		path = router_nearer(s->r, edges[0], to, router_hops(s->r, from, to)) ?
			       router_path(s->r, src, dst, edges[0]) :
			       flow->path;
		if (path == MODEL_NONE)
			return false;
		add_way(g, path, bytes * route->sub[k].share);
	}
	return true;
}

static bool group_is_cores(const struct spread *s, const struct group *g)
{
	uint32_t i;

	if (!s->r->plan->certificate.core)
		return false;
	for (i = 0; i < g->nr; i++) {
		if (s->core->index[s->list[g->first + i]] == MODEL_NONE)
			return false;
	}
	return true;
}

static void load_portion(struct spread *s, const struct group *g, uint32_t way, double bytes)
{
	const struct plan_path *path = &s->r->plan->paths[g->path[way]];
	double *load = s->r->load[flow_of(s, g)->class];
	uint32_t k;

	for (k = 0; k < path->nr_edges; k++)
		load[path->edges[k]] += bytes * path->share[k];
}

/* Of all flows of the group, @sign times its bytes on its ways. */
static void load_group(struct spread *s, const struct group *g, double sign)
{
	double bytes = group_bytes(s, g), sum = 0;
	uint32_t i;

	for (i = 0; i < g->nr_ways; i++)
		sum += g->weight[i];
	for (i = 0; i < g->nr_ways; i++)
		load_portion(s, g, i, sign * bytes * g->weight[i] / sum);
}

/* All paths that the group may take, without weight; those it has come first. False: no memory. */
static bool open_ways(struct spread *s, struct group *g)
{
	struct router *r = s->r;
	const struct plan *p = r->plan;
	const struct plan_flow *f = flow_of(s, g);
	uint32_t src = p->instances[f->src].host, dst = p->instances[f->dst].host;
	uint32_t from = p->hosts[src].node, to = p->hosts[dst].node, k, path;
	uint32_t left = router_hops(r, from, to);

	for (k = 0; k < g->nr_ways; k++)
		g->weight[k] = 0;
	for (k = r->adj_start[from]; k < r->adj_start[from + 1]; k++) {
		if (g->nr_ways == DMSC_MAX_WAYS || !router_nearer(r, r->adj[k], to, left))
			continue;
		path = router_path(r, src, dst, r->adj[k]);
		if (path == MODEL_NONE)
			return false;
		add_way(g, path, 0);
	}
	return true;
}

/* One portion of @bytes to the best way; no more ways than connections are taken. */
static void deal_one(struct spread *s, struct group *g, double bytes)
{
	uint32_t i, best = MODEL_NONE, taken = 0;
	double least = 0, least_sum = 0, cost, sum;

	for (i = 0; i < g->nr_ways; i++)
		taken += g->weight[i] > 0;
	for (i = 0; i < g->nr_ways; i++) {
		if (!(g->weight[i] > 0) && taken >= g->connections)
			continue;
		cost = router_cost(s->r, &s->r->plan->paths[g->path[i]], flow_of(s, g)->class,
				   bytes, &sum);
		if (best != MODEL_NONE &&
		    (cost > least * (1 + 1e-12) ||
		     (cost > least * (1 - 1e-12) && sum >= least_sum * (1 - 1e-12))))
			continue;
		best = i;
		least = cost;
		least_sum = sum;
	}
	g->weight[best] += 1;
	load_portion(s, g, best, bytes);
}

/* Portions of all groups that nobody has spread yet; false: no memory. */
static bool deal(struct spread *s)
{
	uint32_t nr = 0, portions, i, k, n, sweep;

	for (i = 0; i < s->nr_groups; i++)
		nr += s->groups[i].dealt;
	if (!nr)
		return true;
	portions = PORTIONS_ALL / nr;
	portions = portions > PORTIONS_MAX ? PORTIONS_MAX : portions;
	portions = portions < PORTIONS_MIN ? PORTIONS_MIN : portions;
	for (i = 0; i < s->nr_groups; i++) {
		struct group *g = &s->groups[i];

		if (!g->dealt)
			continue;
		g->portions = g->connections < portions ? g->connections : portions;
		load_group(s, g, -1);
		if (!open_ways(s, g))
			return false;
	}
	/* In turns, so that no group fills a path before the others have come. */
	for (n = 0; n < portions; n++) {
		for (i = 0; i < s->nr_groups; i++) {
			struct group *g = &s->groups[i];

			if (g->dealt && n < g->portions)
				deal_one(s, g, (double)group_bytes(s, g) / g->portions);
		}
	}
	for (sweep = 0; sweep < SWEEPS; sweep++) {
		for (i = 0; i < s->nr_groups; i++) {
			struct group *g = &s->groups[i];
			double bytes;

			if (!g->dealt)
				continue;
			bytes = (double)group_bytes(s, g) / g->portions;
			for (k = 0; k < g->nr_ways; k++) {
				if (!(g->weight[k] > 0))
					continue;
				g->weight[k] -= 1;
				load_portion(s, g, k, -bytes);
				deal_one(s, g, bytes);
			}
		}
	}
	return true;
}

static uint32_t divisor(uint32_t a, uint32_t b)
{
	return b ? divisor(b, a % b) : a;
}

/* The weights as small whole numbers; ways of none go. */
static void round_weights(struct group *g)
{
	uint32_t whole[DMSC_MAX_WAYS], i, n = 0, common = 0;
	double sum = 0;

	for (i = 0; i < g->nr_ways; i++)
		sum += g->weight[i];
	for (i = 0; i < g->nr_ways; i++) {
		uint32_t w = g->dealt ? g->weight[i] + 0.5 : SHARE_UNITS * g->weight[i] / sum + 0.5;

		if (!w)
			continue;
		g->path[n] = g->path[i];
		whole[n++] = w;
		common = divisor(w, common);
	}
	g->nr_ways = n;
	for (i = 0; i < n; i++)
		g->weight[i] = whole[i] / common;
}

/* Its flows get the group's ways, or, where those are too many for a host, the best one. */
static bool give_ways(struct spread *s, struct group *g)
{
	struct plan *p = s->r->plan;
	const struct plan_flow *f = flow_of(s, g);
	uint32_t *src = &s->sets[p->instances[f->src].host];
	uint32_t *dst = &s->sets[p->instances[f->dst].host], i, best = 0;
	bool several = g->nr_ways > 1 && *src < DMSC_MAX_SETS && *dst < DMSC_MAX_SETS;
	struct plan_way *grown;

	for (i = 1; i < g->nr_ways; i++)
		best = g->weight[i] > g->weight[best] ? i : best;
	for (i = 0; i < g->nr; i++) {
		struct plan_flow *flow = &p->flows[s->list[g->first + i]];

		flow->path = g->path[best];
		flow->first_way = p->nr_ways;
		flow->nr_ways = several ? g->nr_ways : 0;
	}
	if (!several)
		return true;
	grown = realloc(p->ways, (p->nr_ways + g->nr_ways) * sizeof(*grown));
	if (!grown)
		return false;
	p->ways = grown;
	for (i = 0; i < g->nr_ways; i++)
		p->ways[p->nr_ways++] = (struct plan_way){ g->path[i], g->weight[i] };
	++*src;
	++*dst;
	return true;
}

/* The worst edge of all classes together, which is what the certificate says. */
static double worst_edge(const struct router *r)
{
	double worst = 0, sum;
	uint32_t e, c;

	for (e = 0; e < 2 * r->plan->topo.nr_links; e++) {
		for (sum = 0, c = 0; c < DMSC_NR_CLASSES; c++)
			sum += r->load[c][e];
		sum *= 8 / (double)r->plan->topo.links[e / 2].rate;
		worst = sum > worst ? sum : worst;
	}
	return worst;
}

static bool spread_all(struct spread *s)
{
	struct plan *p = s->r->plan;
	struct group *before;
	double worst;
	uint32_t i, k;
	bool ok = true;

	for (i = 0; i < s->nr_groups; i++) {
		struct group *g = &s->groups[i];

		for (k = 0; k < g->nr; k++) {
			plan_flow_load(p, &p->flows[s->list[g->first + k]], -1,
				       s->r->load[flow_of(s, g)->class]);
			if (!known_ways(s, g, s->list[g->first + k]))
				return false;
		}
		load_group(s, g, 1);
		/* Who was asked flow by flow, or pinned them, has said which paths they take. */
		g->dealt = !(p->ask && p->ask->path) && !p->pinned && !group_is_cores(s, g);
	}
	qsort(s->groups, s->nr_groups, sizeof(*s->groups), by_weight_of_class);
	before = malloc((s->nr_groups + 1) * sizeof(*before));
	if (!before)
		return false;
	memcpy(before, s->groups, s->nr_groups * sizeof(*before));
	worst = worst_edge(s->r);
	if (!deal(s))
		ok = false;
	else if (worst_edge(s->r) > worst * (1 + 1e-9))
		memcpy(s->groups, before, s->nr_groups * sizeof(*before));
	for (i = 0; ok && i < s->nr_groups; i++) {
		round_weights(&s->groups[i]);
		ok = give_ways(s, &s->groups[i]);
	}
	free(before);
	return ok;
}

int plan_spread(struct router *r, const uint32_t *order, uint32_t n, const struct paths_core *core,
		struct dmsc_error *err)
{
	struct plan *p = r->plan;
	struct spread s = { .r = r, .core = core };
	uint32_t i;
	bool ok;

	s.list = malloc((n + 1) * sizeof(*s.list));
	s.groups = calloc(n + 1, sizeof(*s.groups));
	s.sets = calloc(p->nr_hosts + 1, sizeof(*s.sets));
	ok = s.list && s.groups && s.sets;
	if (ok) {
		memcpy(s.list, order, n * sizeof(*s.list));
		qsort_r(s.list, n, sizeof(*s.list), by_group, p);
		find_groups(&s, n);
		/* As the paths are that were kept, whatever was tried last. */
		for (i = 0; i < DMSC_NR_CLASSES; i++)
			memset(r->load[i], 0, 2 * p->topo.nr_links * sizeof(*r->load[i]));
		for (i = 0; i < n; i++)
			plan_flow_load(p, &p->flows[order[i]], 1, r->load[p->flows[order[i]].class]);
		ok = spread_all(&s);
	}
	free(s.list);
	free(s.groups);
	free(s.sets);
	return ok ? 0 : dmsc_fail(err, -ENOMEM, "out of memory for the plan");
}
