// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Paths: a host decides by which of its links a flow leaves; from there every
 * switch splits over its shortest next hops (ECMP). Each flow gets the link
 * that leaves the most loaded edge least loaded, important classes first; one
 * more sweep mends what an early choice could not know.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "planner/internal.h"

struct router {
	struct plan *plan;
	uint32_t *dist;			/* [target * nr_nodes + node], hops */
	uint32_t *adj_start, *adj;	/* edges that leave each node */
	double *share;			/* scratch, by directed edge */
	uint32_t *path_of;		/* [(src * nr_hosts + dst) * max_links + k] + 1 */
	uint32_t max_links, room_paths;
};

static uint32_t edge_from(const struct topology *t, uint32_t e)
{
	return e & 1 ? t->links[e / 2].b : t->links[e / 2].a;
}

static uint32_t edge_to(const struct topology *t, uint32_t e)
{
	return e & 1 ? t->links[e / 2].a : t->links[e / 2].b;
}

static bool build_adjacency(struct router *r)
{
	const struct topology *t = &r->plan->topo;
	uint32_t e, n;

	r->adj_start = calloc(t->nr_nodes + 2, sizeof(*r->adj_start));
	r->adj = calloc(2 * t->nr_links + 1, sizeof(*r->adj));
	if (!r->adj_start || !r->adj)
		return false;
	for (e = 0; e < 2 * t->nr_links; e++)
		r->adj_start[edge_from(t, e) + 2]++;
	for (n = 0; n < t->nr_nodes; n++)
		r->adj_start[n + 2] += r->adj_start[n + 1];
	for (e = 0; e < 2 * t->nr_links; e++)
		r->adj[r->adj_start[edge_from(t, e) + 1]++] = e;
	return true;
}

/* Hops from every node to @target; hosts do not forward. */
static bool distances(struct router *r, uint32_t target, uint32_t *dist)
{
	const struct topology *t = &r->plan->topo;
	uint32_t *queue = calloc(t->nr_nodes, sizeof(*queue)), head = 0, tail = 0, k, n, to;

	if (!queue)
		return false;
	for (n = 0; n < t->nr_nodes; n++)
		dist[n] = MODEL_NONE;
	dist[target] = 0;
	queue[tail++] = target;
	while (head < tail) {
		n = queue[head++];
		if (n != target && t->nodes[n].kind == NODE_HOST)
			continue;
		for (k = r->adj_start[n]; k < r->adj_start[n + 1]; k++) {
			to = edge_to(t, r->adj[k]);
			if (dist[to] == MODEL_NONE) {
				dist[to] = dist[n] + 1;
				queue[tail++] = to;
			}
		}
	}
	free(queue);
	return true;
}

/* Spreads one unit from @node to the target whose distances are @dist. */
static void spread(struct router *r, uint32_t node, const uint32_t *dist, double amount)
{
	const struct topology *t = &r->plan->topo;
	uint32_t k, n = 0;

	if (!dist[node])
		return;
	for (k = r->adj_start[node]; k < r->adj_start[node + 1]; k++)
		n += dist[edge_to(t, r->adj[k])] == dist[node] - 1;
	for (k = r->adj_start[node]; k < r->adj_start[node + 1]; k++) {
		uint32_t e = r->adj[k];

		if (dist[edge_to(t, e)] != dist[node] - 1)
			continue;
		r->share[e] += amount / n;
		spread(r, edge_to(t, e), dist, amount / n);
	}
}

/* The path of @src to @dst that leaves by edge @first, made once. */
static uint32_t path_by_edge(struct router *r, uint32_t src, uint32_t dst, uint32_t k, uint32_t first,
			     const uint32_t *dist)
{
	struct plan *p = r->plan;
	const struct topology *t = &p->topo;
	uint32_t *slot = &r->path_of[((size_t)src * p->nr_hosts + dst) * r->max_links + k], e, n = 0;
	struct plan_path *path;

	if (*slot)
		return *slot - 1;
	if (p->nr_paths == r->room_paths) {
		uint32_t room = r->room_paths ? 2 * r->room_paths : 64;
		void *grown = realloc(p->paths, room * sizeof(*p->paths));

		if (!grown)
			return MODEL_NONE;
		p->paths = grown;
		r->room_paths = room;
	}
	memset(r->share, 0, 2 * t->nr_links * sizeof(*r->share));
	r->share[first] = 1;
	spread(r, edge_to(t, first), dist, 1);
	path = &p->paths[p->nr_paths];
	memset(path, 0, sizeof(*path));
	for (e = 0; e < 2 * t->nr_links; e++)
		n += r->share[e] > 0;
	path->edges = calloc(n, sizeof(*path->edges));
	path->share = calloc(n, sizeof(*path->share));
	p->nr_paths++;
	if (!path->edges || !path->share)
		return MODEL_NONE;
	path->src_host = src;
	path->dst_host = dst;
	path->link = first / 2;
	for (e = 0; e < 2 * t->nr_links; e++) {
		if (r->share[e] > 0) {
			path->edges[path->nr_edges] = e;
			path->share[path->nr_edges++] = r->share[e];
		}
	}
	*slot = p->nr_paths;
	return p->nr_paths - 1;
}

static void load_path(struct plan *p, const struct plan_path *path, double bytes)
{
	uint32_t i;

	for (i = 0; i < path->nr_edges; i++)
		p->edge_load[path->edges[i]] += bytes * path->share[i];
}

/* Worst edge, in seconds of its rate, if @bytes more took @path; then their sum. */
static double path_cost(const struct plan *p, const struct plan_path *path, double bytes, double *sum)
{
	double worst = 0;
	uint32_t i;

	*sum = 0;
	for (i = 0; i < path->nr_edges; i++) {
		double s = 8 * (p->edge_load[path->edges[i]] + bytes * path->share[i]) /
			   p->topo.links[path->edges[i] / 2].rate;

		*sum += s;
		if (s > worst)
			worst = s;
	}
	return worst;
}

static int choose(struct router *r, struct plan_flow *f, uint32_t turn, struct dmsc_error *err)
{
	struct plan *p = r->plan;
	const struct topology *t = &p->topo;
	uint32_t src = p->instances[f->src].host, dst = p->instances[f->dst].host;
	uint32_t from = p->hosts[src].node, best = MODEL_NONE, i, k, links, path;
	const uint32_t *dist = r->dist + (size_t)dst * t->nr_nodes;
	double cost, sum, best_cost = 0, best_sum = 0;

	links = r->adj_start[from + 1] - r->adj_start[from];
	if (dist[from] == MODEL_NONE)
		return dmsc_fail(err, -EINVAL, "topology %s: no path from %s to %s", t->name,
				 p->hosts[src].name, p->hosts[dst].name);
	for (i = 0; i < links; i++) {
		/* Equal costs are broken by turn, so that equal flows alternate. */
		k = (turn + i) % links;
		if (dist[edge_to(t, r->adj[r->adj_start[from] + k])] != dist[from] - 1)
			continue;
		path = path_by_edge(r, src, dst, k, r->adj[r->adj_start[from] + k], dist);
		if (path == MODEL_NONE)
			return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
		cost = path_cost(p, &p->paths[path], f->bytes, &sum);
		if (best == MODEL_NONE || cost < best_cost * (1 - 1e-9) ||
		    (cost <= best_cost * (1 + 1e-9) && sum < best_sum * (1 - 1e-9))) {
			best = path;
			best_cost = cost;
			best_sum = sum;
		}
	}
	f->path = best;
	load_path(p, &p->paths[best], f->bytes);
	return 0;
}

/* Important classes first, bulk last; within a class the large ones. */
static const struct plan *sort_plan;

static int by_importance(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const struct plan_flow *f = &sort_plan->flows[x], *g = &sort_plan->flows[y];

	if (f->bulk != g->bulk)
		return f->bulk ? 1 : -1;
	if (f->class != g->class)
		return f->class > g->class ? -1 : 1;
	if (f->bytes != g->bytes)
		return f->bytes > g->bytes ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int route_all(struct router *r, struct dmsc_error *err)
{
	struct plan *p = r->plan;
	uint32_t *order = calloc(p->nr_flows + 1, sizeof(*order)), n = 0, i, sweep;
	int ret = 0;

	if (!order)
		return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	for (i = 0; i < p->nr_flows; i++) {
		if (p->instances[p->flows[i].src].host != p->instances[p->flows[i].dst].host)
			order[n++] = i;
	}
	sort_plan = p;
	qsort(order, n, sizeof(*order), by_importance);
	for (sweep = 0; sweep < 2 && !ret; sweep++) {
		for (i = 0; i < n && !ret; i++) {
			struct plan_flow *f = &p->flows[order[i]];
			int32_t gpu = p->instances[f->src].gpu;

			if (sweep)
				load_path(p, &p->paths[f->path], -(double)f->bytes);
			ret = choose(r, f, gpu >= 0 ? (uint32_t)gpu : i, err);
		}
	}
	free(order);
	return ret;
}

int plan_paths(struct plan *p, struct dmsc_error *err)
{
	const struct topology *t = &p->topo;
	struct router r = { .plan = p };
	uint32_t h, n;
	int ret = 0;

	p->edge_load = calloc(2 * t->nr_links + 1, sizeof(*p->edge_load));
	r.share = calloc(2 * t->nr_links + 1, sizeof(*r.share));
	r.dist = calloc((size_t)p->nr_hosts * t->nr_nodes + 1, sizeof(*r.dist));
	if (!p->edge_load || !r.share || !r.dist || !build_adjacency(&r)) {
		ret = dmsc_fail(err, -ENOMEM, "out of memory for the plan");
		goto out;
	}
	for (h = 0; h < p->nr_hosts && !ret; h++) {
		n = p->hosts[h].node;
		if (r.adj_start[n + 1] - r.adj_start[n] > r.max_links)
			r.max_links = r.adj_start[n + 1] - r.adj_start[n];
		if (!distances(&r, n, r.dist + (size_t)h * t->nr_nodes))
			ret = dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	}
	r.path_of = calloc((size_t)p->nr_hosts * p->nr_hosts * r.max_links + 1, sizeof(*r.path_of));
	if (!r.path_of)
		ret = dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	if (!ret)
		ret = route_all(&r, err);
out:
	free(r.share);
	free(r.dist);
	free(r.adj_start);
	free(r.adj);
	free(r.path_of);
	return ret;
}
