// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Paths: a host decides by which of its links a flow leaves; from there every
 * switch splits over its shortest next hops (ECMP), unless the job asks for
 * pinned paths, which hosts prescribe to the end. What an iteration exchanges
 * gets the links (and pinned paths) that the path core found (paths_core.h).
 * What the core leaves out, and everything on topologies that it does not know,
 * gets the link that leaves the most loaded edge least loaded, important
 * classes first; one more sweep mends what an early choice could not know. What
 * is less important than the flow weighs little there: the queues let the flow
 * pass it, so bulk traffic keeps off training traffic but does not push it
 * about. Both are tried, and the better one is taken. What has several
 * connections is then spread over several paths (spread.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/module.h"
#include "planner/internal.h"
#include "planner/paths_router.h"
#include "planner/predict_module.h"

/* Two paths are one when hosts and first edge are the same; pinned ones, all edges. */
struct path_key {
	uint32_t src, dst; /* hosts */
	const uint32_t *edges;
	uint32_t nr_edges;
	bool pinned;
};

static bool build_adjacency(struct router *r)
{
	const struct topology *t = &r->plan->topo;
	uint32_t e, n;

	r->adj_start = calloc(t->nr_nodes + 2, sizeof(*r->adj_start));
	r->adj = calloc(2 * t->nr_links + 1, sizeof(*r->adj));
	if (!r->adj_start || !r->adj)
		return false;
	for (e = 0; e < 2 * t->nr_links; e++)
		r->adj_start[topo_edge_from(t, e) + 2]++;
	for (n = 0; n < t->nr_nodes; n++)
		r->adj_start[n + 2] += r->adj_start[n + 1];
	for (e = 0; e < 2 * t->nr_links; e++)
		r->adj[r->adj_start[topo_edge_from(t, e) + 1]++] = e;
	return true;
}

/* A part of what @node has, @amount, takes @edge. */
static void touch(struct router *r, uint32_t edge, double amount)
{
	r->share[edge] = amount;
	r->touched[r->nr_touched++] = edge;
}

/* Spreads one unit from @node to @target; the edges that it takes are touched. False: no memory. */
static bool spread(struct router *r, uint32_t node, uint32_t target)
{
	const struct topology *t = &r->plan->topo;
	uint32_t head = 0, tail = 0, k, n, to, left;
	bool ok = true;

	r->amount[node] = 1;
	r->queue[tail++] = node;
	/* Nodes come up by falling distance, so all of a node's share is there in time. */
	while (head < tail && ok) {
		const uint32_t *edges = NULL;

		node = r->queue[head++];
		left = router_hops(r, node, target);
		if (left == 1) {
			/* The links to the host itself, as the host has them. */
			for (n = 0, k = r->adj_start[target]; k < r->adj_start[target + 1]; k++)
				n += topo_edge_to(t, r->adj[k]) == node;
			for (k = r->adj_start[target]; k < r->adj_start[target + 1]; k++) {
				if (topo_edge_to(t, r->adj[k]) == node)
					touch(r, r->adj[k] ^ 1, r->amount[node] / n);
			}
		}
		if (left < 2)
			continue;
		edges = router_onward(r, node, target, &n);
		ok = edges;
		for (k = 0; ok && k < n; k++) {
			to = topo_edge_to(t, edges[k]);
			if (!r->amount[to])
				r->queue[tail++] = to;
			r->amount[to] += r->amount[node] / n;
			touch(r, edges[k], r->amount[node] / n);
		}
	}
	while (tail)
		r->amount[r->queue[--tail]] = 0;
	return ok;
}

static bool same_path(const struct plan_path *path, const struct path_key *key)
{
	if (path->src_host != key->src || path->dst_host != key->dst || path->pinned != key->pinned)
		return false;
	if (!key->pinned)
		return path->link == key->edges[0] / 2;
	return path->nr_edges == key->nr_edges &&
	       !memcmp(path->edges, key->edges, key->nr_edges * sizeof(*key->edges));
}

static uint32_t hash_slot(const struct router *r, const struct path_key *key)
{
	uint64_t h = ((uint64_t)key->src << 32 | key->dst) * 0x9e3779b97f4a7c15ULL;
	uint32_t at, i;

	/* Of a path that is not pinned only the first link counts. */
	for (i = 0; i < (key->pinned ? key->nr_edges : 1); i++)
		h = (h ^ (key->edges[i] / 2)) * 0x9e3779b97f4a7c15ULL;
	at = (h >> 32) & (r->hash_size - 1);
	while (r->path_hash[at] && !same_path(&r->plan->paths[r->path_hash[at] - 1], key))
		at = (at + 1) & (r->hash_size - 1);
	return at;
}

/* Room for one more path, in the list and in the hash. */
static bool grow_paths(struct router *r)
{
	struct plan *p = r->plan;
	uint32_t room = r->room_paths ? 2 * r->room_paths : 64, i;
	void *grown;

	if (p->nr_paths < r->room_paths)
		return true;
	grown = realloc(p->paths, room * sizeof(*p->paths));
	if (!grown)
		return false;
	p->paths = grown;
	r->room_paths = room;
	free(r->path_hash);
	r->hash_size = 2 * room;
	r->path_hash = calloc(r->hash_size, sizeof(*r->path_hash));
	if (!r->path_hash)
		return false;
	for (i = 0; i < p->nr_paths; i++) {
		const struct plan_path *path = &p->paths[i];
		const uint32_t first = 2 * path->link;
		const struct path_key key = { path->src_host, path->dst_host,
					      path->pinned ? path->edges : &first,
					      path->pinned ? path->nr_edges : 1, path->pinned };

		r->path_hash[hash_slot(r, &key)] = i + 1;
	}
	return true;
}

static int by_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* A path that takes the edges that are touched, and no others. */
static uint32_t add_path(struct router *r, const struct path_key *key, uint32_t at)
{
	struct plan *p = r->plan;
	struct plan_path *path = &p->paths[p->nr_paths];
	uint32_t i;

	memset(path, 0, sizeof(*path));
	path->edges = calloc(r->nr_touched, sizeof(*path->edges));
	path->share = calloc(r->nr_touched, sizeof(*path->share));
	p->nr_paths++;
	if (!path->edges || !path->share)
		return MODEL_NONE;
	path->src_host = key->src;
	path->dst_host = key->dst;
	path->link = key->edges[0] / 2;
	path->pinned = key->pinned;
	path->nr_edges = r->nr_touched;
	for (i = 0; i < r->nr_touched; i++) {
		path->edges[i] = r->touched[i];
		path->share[i] = r->share[r->touched[i]];
	}
	r->path_hash[at] = p->nr_paths;
	return p->nr_paths - 1;
}

uint32_t router_path(struct router *r, uint32_t src, uint32_t dst, uint32_t first)
{
	const struct path_key key = { src, dst, &first, 1, false };
	struct plan *p = r->plan;
	uint32_t at;

	if (!grow_paths(r))
		return MODEL_NONE;
	at = hash_slot(r, &key);
	if (r->path_hash[at])
		return r->path_hash[at] - 1;
	r->nr_touched = 0;
	r->share[first] = 1;
	r->touched[r->nr_touched++] = first;
	if (!spread(r, topo_edge_to(&p->topo, first), p->hosts[dst].node))
		return MODEL_NONE;
	qsort(r->touched, r->nr_touched, sizeof(*r->touched), by_u32);
	return add_path(r, &key, at);
}

/* The path of @src to @dst along @edges, in their order, made once. */
static uint32_t path_along(struct router *r, uint32_t src, uint32_t dst, const uint32_t *edges,
			   uint32_t n)
{
	const struct path_key key = { src, dst, edges, n, true };
	uint32_t at, i;

	if (!grow_paths(r))
		return MODEL_NONE;
	at = hash_slot(r, &key);
	if (r->path_hash[at])
		return r->path_hash[at] - 1;
	r->nr_touched = n;
	for (i = 0; i < n; i++) {
		r->touched[i] = edges[i];
		r->share[edges[i]] = 1;
	}
	return add_path(r, &key, at);
}

static void load_path(struct router *r, const struct plan_flow *f, double sign)
{
	plan_flow_load(r->plan, f, sign, r->load[f->class]);
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

		if (!(r->classes >> c & 1))
			continue;
		sum += less ? LESS_IMPORTANT * r->load[c][edge] : r->load[c][edge];
	}
	return sum;
}

double router_cost(const struct router *r, const struct plan_path *path, uint8_t class,
		   double bytes, double *sum)
{
	double worst = 0;
	uint32_t i;

	*sum = 0;
	for (i = 0; i < path->nr_edges; i++) {
		double s = 8 * (seen_load(r, path->edges[i], class) + bytes * path->share[i]) /
			   r->plan->topo.links[path->edges[i] / 2].rate;

		*sum += s;
		if (s > worst)
			worst = s;
	}
	return worst;
}

static int out_of_memory(struct dmsc_error *err)
{
	return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
}

/* The first of @ways that is best, or what a module says. */
static uint32_t pick(const struct plan *p, const struct dmsc_module_way *ways, uint32_t n)
{
	uint32_t take;

	if (p->ask && p->ask->path)
		return p->ask->path(p->ask->arg, ways, n);
	builtin_module.path(ways, n, &take);
	return take;
}

static int choose(struct router *r, struct plan_flow *f, struct dmsc_error *err)
{
	struct plan *p = r->plan;
	const struct topology *t = &p->topo;
	uint32_t src = p->instances[f->src].host, dst = p->instances[f->dst].host;
	uint32_t from = p->hosts[src].node, i, k, n = 0, links;
	uint32_t left = router_hops(r, from, p->hosts[dst].node), paths[MODULE_WAYS_MAX];
	struct dmsc_module_way ways[MODULE_WAYS_MAX];
	int32_t gpu = p->instances[f->src].gpu;

	links = r->adj_start[from + 1] - r->adj_start[from];
	if (left == FAR)
		return dmsc_fail(err, -EINVAL, "topology %s: no path from %s to %s", t->name,
				 p->hosts[src].name, p->hosts[dst].name);
	for (i = 0; i < links && n < MODULE_WAYS_MAX; i++) {
		/* Of equals, ranks take the rail of their GPU, bulk the last one. */
		k = gpu >= 0 ? ((uint32_t)gpu + i) % links : links - 1 - i;
		if (!router_nearer(r, r->adj[r->adj_start[from] + k], p->hosts[dst].node, left))
			continue;
		paths[n] = router_path(r, src, dst, r->adj[r->adj_start[from] + k]);
		if (paths[n] == MODEL_NONE)
			return out_of_memory(err);
		ways[n].hops = left;
		ways[n].worst =
			router_cost(r, &p->paths[paths[n]], f->class, f->bytes, &ways[n].sum);
		n++;
	}
	f->path = paths[pick(p, ways, n)];
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

/*
 * The path that the core found for flow @i: its link, or all of it when @pinned. MODEL_NONE: the
 * core left it out, or its link is a detour for switches that go the shortest way.
 */
static uint32_t core_path(struct router *r, const struct paths_core *core, uint32_t i, bool pinned,
			  bool *failed)
{
	struct plan *p = r->plan;
	uint32_t src = p->instances[p->flows[i].src].host, dst = p->instances[p->flows[i].dst].host;
	uint32_t from = p->hosts[src].node, to = p->hosts[dst].node, path;
	uint32_t edges[CLOS_EDGES_MAX], n = paths_core_way(core, i, edges);

	if (!n || (!pinned && !router_nearer(r, edges[0], to, router_hops(r, from, to))))
		return MODEL_NONE;
	path = pinned ? path_along(r, src, dst, edges, n) : router_path(r, src, dst, edges[0]);
	*failed |= path == MODEL_NONE;
	return path;
}

/*
 * All flows of @order[0..n-1]. @core: takes what it found, NULL: one flow after
 * the other; @pinned: its paths are kept to the end, and so no sweep moves them.
 */
static int route_all(struct router *r, const uint32_t *order, uint32_t n,
		     const struct paths_core *core, bool pinned, struct dmsc_error *err)
{
	struct plan *p = r->plan;
	bool failed = false;
	uint32_t i, sweep;
	int ret = 0;

	for (i = 0; i < DMSC_NR_CLASSES; i++)
		memset(r->load[i], 0, 2 * p->topo.nr_links * sizeof(*r->load[i]));
	for (i = 0; i < n; i++) {
		struct plan_flow *f = &p->flows[order[i]];

		f->path = core ? core_path(r, core, order[i], pinned, &failed) : MODEL_NONE;
		if (f->path != MODEL_NONE)
			load_path(r, f, 1);
	}
	if (failed)
		return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	for (sweep = 0; sweep < 2 && !ret; sweep++) {
		for (i = 0; i < n && !ret; i++) {
			struct plan_flow *f = &p->flows[order[i]];

			/* In the first sweep, those that the core has left. */
			if (f->path != MODEL_NONE &&
			    (!sweep || (core && core->index[order[i]] != MODEL_NONE)))
				continue;
			if (f->path != MODEL_NONE)
				load_path(r, f, -1);
			ret = choose(r, f, err);
		}
	}
	return ret;
}

double router_total(const struct router *r, double *each)
{
	double most[DMSC_NR_CLASSES] = { 0 }, worst = 0;
	uint32_t e, c;

	for (e = 0; e < 2 * r->plan->topo.nr_links; e++) {
		double rate = r->plan->topo.links[e / 2].rate, sum = 0;

		for (c = 0; c < DMSC_NR_CLASSES; c++) {
			sum += c == DMSC_CLASS_BULK ? 0 : r->load[c][e];
			if (8 * r->load[c][e] / rate > most[c])
				most[c] = 8 * r->load[c][e] / rate;
		}
		if (8 * sum / rate > worst)
			worst = 8 * sum / rate;
	}
	for (*each = 0, c = 0; c < DMSC_NR_CLASSES; c++)
		*each += most[c];
	return worst;
}

/* Flow by flow, then by the core; what is better stays. */
static int route_best(struct router *r, const uint32_t *order, uint32_t n,
		      const struct paths_core *core, bool pinned, struct dmsc_error *err)
{
	struct plan *p = r->plan;
	uint32_t *kept = malloc((n + 1) * sizeof(*kept)), i;
	double cost = 0, each = 0, core_cost, core_each;
	int ret = kept ? 0 : dmsc_fail(err, -ENOMEM, "out of memory for the plan");

	pinned &= core->made;
	if (!ret && !pinned)
		ret = route_all(r, order, n, NULL, false, err);
	if (ret || !core->made)
		goto out;
	if (!pinned)
		cost = router_total(r, &each);
	for (i = 0; i < n; i++)
		kept[i] = p->flows[order[i]].path;
	ret = route_all(r, order, n, core, pinned, err);
	core_cost = router_total(r, &core_each);
	p->certificate.core = pinned || core_cost < cost * (1 - 1e-9) ||
			      (core_cost <= cost * (1 + 1e-9) && core_each <= each * (1 + 1e-9));
	for (i = 0; !ret && i < n && !p->certificate.core; i++)
		p->flows[order[i]].path = kept[i];
out:
	free(kept);
	return ret;
}

static int route_flows(struct router *r, struct dmsc_error *err)
{
	struct plan *p = r->plan;
	uint32_t *order = calloc(p->nr_flows + 1, sizeof(*order)), n = 0, i;
	struct paths_core core;
	int ret;

	if (!order)
		return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	for (i = 0; i < p->nr_flows; i++) {
		if (p->instances[p->flows[i].src].host != p->instances[p->flows[i].dst].host)
			order[n++] = i;
	}
	qsort_r(order, n, sizeof(*order), by_importance, p);
	/* Who optimises paths in its place is asked flow by flow. */
	memset(&core, 0, sizeof(core));
	ret = p->ask && p->ask->path ? 0 : paths_core_make(&core, p, err);
	if (!ret) {
		ret = route_best(r, order, n, &core, p->pinned, err);
		if (!ret && p->pinned && !core.made)
			ret = plan_note(p,
					"paths are not pinned: %s is no fabric of three tiers that the path core knows",
					p->topo.name) ?
				      0 :
				      out_of_memory(err);
		if (!ret)
			ret = plan_spread(r, order, n, &core, err);
		paths_core_free(&core);
	}
	free(order);
	return ret;
}

static int prepare(struct router *r, struct dmsc_error *err)
{
	struct plan *p = r->plan;
	const struct topology *t = &p->topo;
	uint32_t edges = 2 * t->nr_links + 1, c;

	p->edge_load = calloc(edges, sizeof(*p->edge_load));
	r->share = calloc(edges, sizeof(*r->share));
	r->touched = calloc(edges, sizeof(*r->touched));
	r->amount = calloc(t->nr_nodes + 1, sizeof(*r->amount));
	r->queue = calloc(t->nr_nodes + 1, sizeof(*r->queue));
	if (!p->edge_load || !r->share || !r->touched || !r->amount || !r->queue ||
	    !build_adjacency(r))
		return out_of_memory(err);
	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		r->load[c] = calloc(edges, sizeof(*r->load[c]));
		if (!r->load[c])
			return out_of_memory(err);
	}
	for (c = 0; c < p->nr_flows; c++)
		r->classes |= 1U << p->flows[c].class;
	return router_measure(r) ? 0 : out_of_memory(err);
}

int plan_paths(struct plan *p, struct dmsc_error *err)
{
	struct router r = { .plan = p };
	uint32_t c, i;
	int ret;

	p->pinned |= p->topo.srv6;
	ret = prepare(&r, err);
	if (!ret)
		ret = route_flows(&r, err);
	for (i = 0; !ret && i < p->nr_flows; i++)
		plan_flow_load(p, &p->flows[i], 1, p->edge_load);
	for (c = 0; c < DMSC_NR_CLASSES; c++)
		free(r.load[c]);
	free(r.share);
	free(r.amount);
	free(r.queue);
	router_measure_free(&r);
	free(r.adj_start);
	free(r.adj);
	free(r.touched);
	free(r.path_hash);
	return ret;
}
