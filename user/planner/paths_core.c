// SPDX-License-Identifier: GPL-2.0-or-later
#include "planner/paths_core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t node_of(const struct plan *p, uint32_t instance)
{
	return p->hosts[p->instances[instance].host].node;
}

/* What the core routes: exchanges of an iteration between two hosts. */
static bool takes_part(const struct plan *p, const struct plan_flow *f)
{
	return !f->bulk && f->class != DMSC_CLASS_BULK && f->bytes &&
	       p->instances[f->src].host != p->instances[f->dst].host;
}

/* By class, then those that are interchangeable together, in the plan's order. */
static int by_class(const void *a, const void *b, void *plan)
{
	const struct plan *p = plan;
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	const struct plan_flow *x = &p->flows[i], *y = &p->flows[k];
	uint32_t m, n;

	if (x->class != y->class)
		return x->class > y->class ? -1 : 1;
	m = p->instances[x->src].host;
	n = p->instances[y->src].host;
	if (m != n)
		return m < n ? -1 : 1;
	m = p->instances[x->dst].host;
	n = p->instances[y->dst].host;
	if (m != n)
		return m < n ? -1 : 1;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return i < k ? -1 : i > k;
}

/* The flows of @list[0..n-1], class after class. */
static int route_classes(struct paths_core *c, const struct plan *p, const uint32_t *list,
			 uint32_t n, struct dmsc_error *err)
{
	struct flow *flows = calloc(n + 1, sizeof(*flows));
	uint32_t first, i;
	int ret = 0;

	if (!flows)
		return dmsc_fail(err, -ENOMEM, "out of memory for paths");
	for (i = 0; i < n; i++) {
		const struct plan_flow *f = &p->flows[list[i]];

		flows[i] = (struct flow){ c->clos.port[node_of(p, f->src)],
					  c->clos.port[node_of(p, f->dst)], 8.0 * f->bytes };
		c->index[list[i]] = i;
	}
	for (first = 0; first < n && !ret; first = i) {
		for (i = first; i < n && p->flows[list[i]].class == p->flows[list[first]].class; i++)
			;
		if (!first)
			ret = routing_plan(&c->routing, flows, i, err);
		else
			ret = routing_add(&c->routing, flows + first, i - first, NULL, err);
	}
	free(flows);
	return ret;
}

/* The number, among the switches of its host, of the rail that the GPU of @flow's sender has. */
static uint32_t own_spine(const struct paths_core *c, const struct plan *p, const uint32_t *start,
			  const uint32_t *links, const struct plan_flow *f)
{
	const struct fabric *fabric = &c->clos.fabric;
	uint32_t node = node_of(p, f->src), n = start[node + 1] - start[node], leaf, s, own;

	if (p->instances[f->src].gpu < 0 || !n)
		return MODEL_NONE;
	own = links[start[node] + p->instances[f->src].gpu % n];
	leaf = fabric->leaf_of[c->clos.port[node]];
	for (s = 0; s < fabric->spines; s++) {
		if (c->clos.link[fabric_leaf_link(fabric, leaf, s)] == own)
			return s;
	}
	return MODEL_NONE;
}

/*
 * Flows @first to @end - 1 of the routing can take each other's ways. Who has
 * the rail of another one's GPU swaps with who has its own.
 */
static void give_own(struct paths_core *c, uint32_t first, uint32_t end, const uint32_t *own)
{
	struct route *routes = c->routing.routes;
	uint32_t i, k;

	for (i = first; i < end; i++) {
		for (k = first; k < end && routes[i].sub[0].spine != own[i]; k++) {
			struct route swap = routes[i];

			if (k == i || routes[k].sub[0].spine != own[i] ||
			    routes[k].sub[0].spine == own[k])
				continue;
			routes[i] = routes[k];
			routes[k] = swap;
		}
	}
}

static int own_rails(struct paths_core *c, const struct plan *p, const uint32_t *list, uint32_t n,
		     struct dmsc_error *err)
{
	const struct topology *t = &p->topo;
	uint32_t *start = calloc(t->nr_nodes + 2, sizeof(*start));
	uint32_t *links = calloc(t->nr_links + 1, sizeof(*links));
	uint32_t *own = calloc(n + 1, sizeof(*own)), i, k;

	if (!start || !links || !own) {
		free(start);
		free(links);
		free(own);
		return dmsc_fail(err, -ENOMEM, "out of memory for paths");
	}
	for (i = 0; i < t->nr_links; i++)
		start[t->links[i].a + 2]++;
	for (i = 0; i < t->nr_nodes; i++)
		start[i + 2] += start[i + 1];
	for (i = 0; i < t->nr_links; i++)
		links[start[t->links[i].a + 1]++] = i;
	for (i = 0; i < n; i++)
		own[i] = own_spine(c, p, start, links, &p->flows[list[i]]);
	for (i = 0; i < n; i = k) {
		const struct plan_flow *f = &p->flows[list[i]], *g;

		for (k = i + 1; k < n; k++) {
			g = &p->flows[list[k]];
			if (g->class != f->class || g->bytes != f->bytes ||
			    p->instances[g->src].host != p->instances[f->src].host ||
			    p->instances[g->dst].host != p->instances[f->dst].host)
				break;
		}
		give_own(c, i, k, own);
	}
	free(start);
	free(links);
	free(own);
	return 0;
}

static int make(struct paths_core *c, const struct plan *p, bool *wanted, uint32_t *list,
		struct dmsc_error *err)
{
	struct dmsc_error why;
	uint32_t i, n = 0;
	int ret;

	memset(c->index, 0xff, p->nr_flows * sizeof(*c->index));
	for (i = 0; i < p->nr_flows; i++) {
		const struct plan_flow *f = &p->flows[i];

		if (!takes_part(p, f))
			continue;
		wanted[node_of(p, f->src)] = true;
		wanted[node_of(p, f->dst)] = true;
		list[n++] = i;
	}
	if (!n)
		return 0;
	ret = clos_make(&c->clos, &p->topo, wanted, err);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	qsort_r(list, n, sizeof(*list), by_class, (void *)p);
	ret = routing_init(&c->routing, &c->clos.fabric, err);
	if (!ret)
		ret = route_classes(c, p, list, n, &why);
	/* Not in this shape; whether there is a path at all is said by who looks on. */
	if (ret == -EHOSTUNREACH)
		return 0;
	if (!ret && c->clos.rails)
		ret = own_rails(c, p, list, n, err);
	c->made = !ret;
	return ret == -ENOMEM ? dmsc_fail(err, ret, "out of memory for paths") : ret;
}

int paths_core_make(struct paths_core *c, const struct plan *p, struct dmsc_error *err)
{
	bool *wanted = calloc(p->topo.nr_nodes + 1, sizeof(*wanted));
	uint32_t *list = calloc(p->nr_flows + 1, sizeof(*list));
	int ret;

	memset(c, 0, sizeof(*c));
	c->index = malloc((p->nr_flows + 1) * sizeof(*c->index));
	if (wanted && list && c->index)
		ret = make(c, p, wanted, list, err);
	else
		ret = dmsc_fail(err, -ENOMEM, "out of memory for paths");
	free(wanted);
	free(list);
	if (ret)
		paths_core_free(c);
	return ret;
}

void paths_core_free(struct paths_core *c)
{
	routing_free(&c->routing);
	clos_free(&c->clos);
	free(c->index);
	memset(c, 0, sizeof(*c));
}

uint32_t paths_core_way(const struct paths_core *c, uint32_t flow, uint32_t edges[CLOS_EDGES_MAX])
{
	const struct route *route;
	uint32_t k, most = 0;

	if (!c->made || c->index[flow] == MODEL_NONE)
		return 0;
	route = &c->routing.routes[c->index[flow]];
	for (k = 1; k < ROUTE_SUBFLOWS && route->sub[k].share > 0; k++)
		most = route->sub[k].share > route->sub[most].share ? k : most;
	return clos_way(&c->clos, &c->routing, c->index[flow], &route->sub[most], edges);
}
