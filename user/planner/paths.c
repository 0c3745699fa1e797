// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Paths: a host decides by which of its links a flow leaves; from there every
 * switch splits over its shortest next hops (ECMP). Each flow gets the link
 * that leaves the most loaded edge least loaded, important classes first; one
 * more sweep mends what an early choice could not know. What is less important
 * than the flow weighs little there: the queues let the flow pass it, so bulk
 * traffic keeps off training traffic but does not push it about.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "planner/internal.h"

#define LESS_IMPORTANT (1.0 / 16) /* weight of such load when a path is chosen */

struct router {
	struct plan *plan;
	double *load[DMSC_NR_CLASSES]; /* bytes of each class by directed edge */
	uint32_t *dist;		       /* [target * nr_nodes + node], hops */
	uint32_t *adj_start, *adj;     /* edges that leave each node */
	double *share;		       /* scratch, by directed edge */
	double *amount;		       /* scratch, by node */
	uint32_t *queue;	       /* scratch, nodes */
	uint32_t *path_of;	       /* [(src * nr_hosts + dst) * max_links + k] + 1 */
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
static void distances(struct router *r, uint32_t target, uint32_t *dist)
{
	const struct topology *t = &r->plan->topo;
	uint32_t head = 0, tail = 0, k, n, to;

	for (n = 0; n < t->nr_nodes; n++)
		dist[n] = MODEL_NONE;
	dist[target] = 0;
	r->queue[tail++] = target;
	while (head < tail) {
		n = r->queue[head++];
		if (n != target && t->nodes[n].kind == NODE_HOST)
			continue;
		for (k = r->adj_start[n]; k < r->adj_start[n + 1]; k++) {
			to = edge_to(t, r->adj[k]);
			if (dist[to] == MODEL_NONE) {
				dist[to] = dist[n] + 1;
				r->queue[tail++] = to;
			}
		}
	}
}

/* Spreads one unit from @node to the target whose distances are @dist. */
static void spread(struct router *r, uint32_t node, const uint32_t *dist)
{
	const struct topology *t = &r->plan->topo;
	uint32_t head = 0, tail = 0, k, n, to;

	memset(r->amount, 0, t->nr_nodes * sizeof(*r->amount));
	r->amount[node] = 1;
	r->queue[tail++] = node;
	/* Nodes come up by falling distance, so all of a node's share is there in time. */
	while (head < tail) {
		node = r->queue[head++];
		if (!dist[node])
			continue;
		for (n = 0, k = r->adj_start[node]; k < r->adj_start[node + 1]; k++)
			n += dist[edge_to(t, r->adj[k])] == dist[node] - 1;
		for (k = r->adj_start[node]; k < r->adj_start[node + 1]; k++) {
			to = edge_to(t, r->adj[k]);
			if (dist[to] != dist[node] - 1)
				continue;
			if (!r->amount[to])
				r->queue[tail++] = to;
			r->amount[to] += r->amount[node] / n;
			r->share[r->adj[k]] += r->amount[node] / n;
		}
	}
}

/* The path of @src to @dst that leaves by edge @first, made once. */
static uint32_t path_by_edge(struct router *r, uint32_t src, uint32_t dst, uint32_t k,
			     uint32_t first, const uint32_t *dist)
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
	spread(r, edge_to(t, first), dist);
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

static void load_path(struct router *r, const struct plan_flow *f, double sign)
{
	const struct plan_path *path = &r->plan->paths[f->path];
	uint32_t i;

	for (i = 0; i < path->nr_edges; i++)
		r->load[f->class][path->edges[i]] += sign * f->bytes * path->share[i];
}

/* Bulk and what nobody classified come last (the order of strict classes in dmsc.h). */
static int importance(const struct plan_flow *f)
{
	return f->bulk || f->class == DMSC_CLASS_BULK ? -1 : f->class;
}

/* Bytes on @edge as a flow of class @class sees them. */
static double seen_load(const struct router *r, uint32_t edge, uint8_t class)
{
	double sum = 0;
	uint32_t c;

	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		bool less = class != DMSC_CLASS_BULK && (c == DMSC_CLASS_BULK || c < class);

		sum += less ? LESS_IMPORTANT * r->load[c][edge] : r->load[c][edge];
	}
	return sum;
}

/* Worst edge, in seconds of its rate, if @f took @path; then their sum. */
static double path_cost(const struct router *r, const struct plan_path *path,
			const struct plan_flow *f, double *sum)
{
	double worst = 0;
	uint32_t i;

	*sum = 0;
	for (i = 0; i < path->nr_edges; i++) {
		double s = 8 * (seen_load(r, path->edges[i], f->class) + f->bytes * path->share[i]) /
			   r->plan->topo.links[path->edges[i] / 2].rate;

		*sum += s;
		if (s > worst)
			worst = s;
	}
	return worst;
}

static int choose(struct router *r, struct plan_flow *f, struct dmsc_error *err)
{
	struct plan *p = r->plan;
	const struct topology *t = &p->topo;
	uint32_t src = p->instances[f->src].host, dst = p->instances[f->dst].host;
	uint32_t from = p->hosts[src].node, best = MODEL_NONE, i, k, links, path;
	const uint32_t *dist = r->dist + (size_t)dst * t->nr_nodes;
	int32_t gpu = p->instances[f->src].gpu;
	double cost, sum, best_cost = 0, best_sum = 0;

	links = r->adj_start[from + 1] - r->adj_start[from];
	if (dist[from] == MODEL_NONE)
		return dmsc_fail(err, -EINVAL, "topology %s: no path from %s to %s", t->name,
				 p->hosts[src].name, p->hosts[dst].name);
	for (i = 0; i < links; i++) {
		/* Of equals, ranks take the rail of their GPU, bulk the last one. */
		k = gpu >= 0 ? ((uint32_t)gpu + i) % links : links - 1 - i;
		if (dist[edge_to(t, r->adj[r->adj_start[from] + k])] != dist[from] - 1)
			continue;
		path = path_by_edge(r, src, dst, k, r->adj[r->adj_start[from] + k], dist);
		if (path == MODEL_NONE)
			return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
		cost = path_cost(r, &p->paths[path], f, &sum);
		if (best == MODEL_NONE || cost < best_cost * (1 - 1e-9) ||
		    (cost <= best_cost * (1 + 1e-9) && sum < best_sum * (1 - 1e-9))) {
			best = path;
			best_cost = cost;
			best_sum = sum;
		}
	}
	f->path = best;
	load_path(r, f, 1);
	return 0;
}

/* Important classes first, bulk last; within a class the large ones. */
static int by_importance(const void *a, const void *b, void *plan)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const struct plan_flow *f = &((const struct plan *)plan)->flows[x];
	const struct plan_flow *g = &((const struct plan *)plan)->flows[y];

	if (importance(f) != importance(g))
		return importance(f) > importance(g) ? -1 : 1;
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
	qsort_r(order, n, sizeof(*order), by_importance, p);
	for (sweep = 0; sweep < 2 && !ret; sweep++) {
		for (i = 0; i < n && !ret; i++) {
			struct plan_flow *f = &p->flows[order[i]];

			if (sweep)
				load_path(r, f, -1);
			ret = choose(r, f, err);
		}
	}
	free(order);
	return ret;
}

static int out_of_memory(struct dmsc_error *err)
{
	return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
}

static int prepare(struct router *r, struct dmsc_error *err)
{
	struct plan *p = r->plan;
	const struct topology *t = &p->topo;
	uint32_t edges = 2 * t->nr_links + 1, h, n, c;

	p->edge_load = calloc(edges, sizeof(*p->edge_load));
	r->share = calloc(edges, sizeof(*r->share));
	r->amount = calloc(t->nr_nodes + 1, sizeof(*r->amount));
	r->queue = calloc(t->nr_nodes + 1, sizeof(*r->queue));
	r->dist = calloc((size_t)p->nr_hosts * t->nr_nodes + 1, sizeof(*r->dist));
	if (!p->edge_load || !r->share || !r->amount || !r->queue || !r->dist || !build_adjacency(r))
		return out_of_memory(err);
	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		r->load[c] = calloc(edges, sizeof(*r->load[c]));
		if (!r->load[c])
			return out_of_memory(err);
	}
	for (h = 0; h < p->nr_hosts; h++) {
		n = p->hosts[h].node;
		if (r->adj_start[n + 1] - r->adj_start[n] > r->max_links)
			r->max_links = r->adj_start[n + 1] - r->adj_start[n];
		distances(r, n, r->dist + (size_t)h * t->nr_nodes);
	}
	r->path_of =
		calloc((size_t)p->nr_hosts * p->nr_hosts * r->max_links + 1, sizeof(*r->path_of));
	return r->path_of ? 0 : out_of_memory(err);
}

int plan_paths(struct plan *p, struct dmsc_error *err)
{
	struct router r = { .plan = p };
	uint32_t c, i, k;
	int ret;

	ret = prepare(&r, err);
	if (!ret)
		ret = route_all(&r, err);
	for (i = 0; !ret && i < p->nr_flows; i++) {
		const struct plan_path *path;

		if (p->flows[i].path == MODEL_NONE)
			continue;
		path = &p->paths[p->flows[i].path];
		for (k = 0; k < path->nr_edges; k++)
			p->edge_load[path->edges[k]] += p->flows[i].bytes * path->share[k];
	}
	for (c = 0; c < DMSC_NR_CLASSES; c++)
		free(r.load[c]);
	free(r.share);
	free(r.amount);
	free(r.queue);
	free(r.dist);
	free(r.adj_start);
	free(r.adj);
	free(r.path_of);
	return ret;
}
