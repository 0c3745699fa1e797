// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How far it is to a host, and which way switches go. The hosts on the same switches are
 * alike but for the last link, so distances are kept for each such set of switches, and
 * so are the edges that a switch takes towards it once they are asked for: a spine of
 * a large fabric has hundreds, of which a few lead nearer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "planner/internal.h"
#include "planner/paths_router.h"

#define REACH_MAX (64U << 20) /* bytes of distances to sets of several switches */

/* Edges of @node that lead nearer to the switches of @set: edge[first..first + nr - 1]. */
struct onward {
	uint32_t node, set, first, nr;
};

struct hops {
	uint8_t *dist; /* [row * nr_nodes + node], hops to a switch with hosts */
	uint32_t *row; /* by node: its row of dist, MODEL_NONE for most */

	uint32_t *set;		/* by node: of a host that something goes to, else MODEL_NONE */
	uint32_t *first, *rows; /* by set: its rows are rows[first[s]..first[s + 1] - 1] */
	const uint8_t **reach; /* by set: hops to its nearest switch, by node; NULL: look at rows */
	uint8_t *several;      /* what reach points to, for sets of several switches */
	uint32_t nr_sets;

	struct onward *onward;
	uint32_t *edge, *index; /* index: hash of (node, set) to number in onward + 1 */
	uint32_t nr_onward, room_onward, nr_edges, room_edges;
};

/* Hops from every node to switch @target; hosts do not forward. */
static void distances(struct router *r, uint32_t target, uint8_t *dist)
{
	const struct topology *t = &r->plan->topo;
	uint32_t head = 0, tail = 0, k, n, to;

	memset(dist, FAR, t->nr_nodes);
	dist[target] = 0;
	r->queue[tail++] = target;
	while (head < tail) {
		n = r->queue[head++];
		if (t->nodes[n].kind == NODE_HOST || dist[n] == FAR - 1)
			continue;
		for (k = r->adj_start[n]; k < r->adj_start[n + 1]; k++) {
			to = topo_edge_to(t, r->adj[k]);
			if (dist[to] == FAR) {
				dist[to] = dist[n] + 1;
				r->queue[tail++] = to;
			}
		}
	}
}

static uint32_t hash(uint64_t key, uint32_t size)
{
	return (key * 0x9e3779b97f4a7c15ULL >> 32) & (size - 1);
}

static int by_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Distances to every switch that has a host which something goes to. */
static bool measure(struct router *r)
{
	const struct plan *p = r->plan;
	const struct topology *t = &p->topo;
	struct hops *h = r->hops;
	uint32_t i, k, n, rows = 0;

	for (i = 0; i < p->nr_flows; i++) {
		n = p->hosts[p->instances[p->flows[i].dst].host].node;
		for (k = r->adj_start[n]; k < r->adj_start[n + 1]; k++) {
			uint32_t *row = &h->row[topo_edge_to(t, r->adj[k])];

			if (*row == MODEL_NONE)
				*row = rows++;
		}
	}
	h->dist = malloc((size_t)rows * t->nr_nodes + 1);
	if (!h->dist)
		return false;
	for (n = 0; n < t->nr_nodes; n++) {
		if (h->row[n] != MODEL_NONE)
			distances(r, n, h->dist + (size_t)h->row[n] * t->nr_nodes);
	}
	return true;
}

/* The rows of host @n, each once, in order, behind those of the sets that are there. */
static uint32_t rows_of(const struct router *r, uint32_t n)
{
	struct hops *h = r->hops;
	uint32_t *rows = h->rows + h->first[h->nr_sets], k, nr = 0, kept = 0;

	for (k = r->adj_start[n]; k < r->adj_start[n + 1]; k++)
		rows[nr++] = h->row[topo_edge_to(&r->plan->topo, r->adj[k])];
	qsort(rows, nr, sizeof(*rows), by_u32);
	for (k = 0; k < nr; k++) {
		if (!k || rows[k] != rows[k - 1])
			rows[kept++] = rows[k];
	}
	return kept;
}

/* Gives each host that something goes to its set. */
static bool find_sets(struct router *r)
{
	const struct plan *p = r->plan;
	struct hops *h = r->hops;
	uint32_t size = 64, *table, i, k, n, nr, at;

	while (size < 2 * p->nr_hosts)
		size *= 2;
	table = calloc(size, sizeof(*table));
	if (!table)
		return false;
	for (i = 0; i < p->nr_flows; i++) {
		const uint32_t *rows = h->rows + h->first[h->nr_sets];
		uint64_t key = 0;

		n = p->hosts[p->instances[p->flows[i].dst].host].node;
		if (h->set[n] != MODEL_NONE)
			continue;
		nr = rows_of(r, n);
		for (k = 0; k < nr; k++)
			key = (key ^ rows[k]) * 0x9e3779b97f4a7c15ULL;
		for (at = hash(key, size); table[at]; at = (at + 1) & (size - 1)) {
			const uint32_t *first = &h->first[table[at] - 1];

			if (first[1] - first[0] == nr &&
			    !memcmp(h->rows + first[0], rows, nr * sizeof(*rows)))
				break;
		}
		if (!table[at]) {
			h->first[h->nr_sets + 1] = h->first[h->nr_sets] + nr;
			table[at] = ++h->nr_sets;
		}
		h->set[n] = table[at] - 1;
	}
	free(table);
	return true;
}

/* Distances to sets: those to its switch, or, where there is room, the least of several. */
static bool reach_sets(struct router *r)
{
	struct hops *h = r->hops;
	size_t nodes = r->plan->topo.nr_nodes, room = 0, used = 0;
	uint32_t s, k, n;

	for (s = 0; s < h->nr_sets; s++)
		room += h->first[s + 1] - h->first[s] > 1 ? nodes : 0;
	if (room > REACH_MAX)
		room = 0;
	h->several = malloc(room + 1);
	if (!h->several)
		return false;
	for (s = 0; s < h->nr_sets; s++) {
		const uint32_t *rows = h->rows + h->first[s];
		uint32_t nr = h->first[s + 1] - h->first[s];
		uint8_t *least = h->several + used;

		if (nr == 1)
			h->reach[s] = h->dist + rows[0] * nodes;
		if (nr < 2 || !room)
			continue;
		memcpy(least, h->dist + rows[0] * nodes, nodes);
		for (k = 1; k < nr; k++) {
			const uint8_t *d = h->dist + rows[k] * nodes;

			for (n = 0; n < nodes; n++)
				least[n] = d[n] < least[n] ? d[n] : least[n];
		}
		h->reach[s] = least;
		used += nodes;
	}
	return true;
}

bool router_measure(struct router *r)
{
	const struct plan *p = r->plan;
	const struct topology *t = &p->topo;
	struct hops *h = calloc(1, sizeof(*h));

	r->hops = h;
	if (!h)
		return false;
	h->row = malloc((t->nr_nodes + 1) * sizeof(*h->row));
	h->set = malloc((t->nr_nodes + 1) * sizeof(*h->set));
	h->first = calloc(p->nr_hosts + 2, sizeof(*h->first));
	/* Hosts' links, each of which leads to one switch; and room to look at one host more. */
	h->rows = malloc((2 * (size_t)t->nr_links + 1) * sizeof(*h->rows));
	h->reach = calloc(p->nr_hosts + 1, sizeof(*h->reach));
	if (!h->row || !h->set || !h->first || !h->rows || !h->reach)
		return false;
	memset(h->row, 0xff, (t->nr_nodes + 1) * sizeof(*h->row));
	memset(h->set, 0xff, (t->nr_nodes + 1) * sizeof(*h->set));
	return measure(r) && find_sets(r) && reach_sets(r);
}

void router_measure_free(struct router *r)
{
	struct hops *h = r->hops;

	if (!h)
		return;
	free(h->dist);
	free(h->row);
	free(h->set);
	free(h->first);
	free(h->rows);
	free(h->reach);
	free(h->several);
	free(h->onward);
	free(h->edge);
	free(h->index);
	free(h);
}

static uint32_t set_hops(const struct router *r, uint32_t node, uint32_t set)
{
	const struct hops *h = r->hops;
	uint32_t k, least = FAR;

	if (h->reach[set])
		return h->reach[set][node];
	for (k = h->first[set]; k < h->first[set + 1]; k++) {
		uint32_t d = h->dist[(size_t)h->rows[k] * r->plan->topo.nr_nodes + node];

		least = d < least ? d : least;
	}
	return least;
}

uint32_t router_hops(const struct router *r, uint32_t node, uint32_t target)
{
	uint32_t d;

	if (node == target)
		return 0;
	d = set_hops(r, node, r->hops->set[target]);
	return d < FAR ? d + 1 : FAR;
}

bool router_nearer(const struct router *r, uint32_t edge, uint32_t target, uint32_t left)
{
	const struct topology *t = &r->plan->topo;
	uint32_t to = topo_edge_to(t, edge);

	if (t->nodes[to].kind == NODE_HOST && to != target)
		return false;
	return router_hops(r, to, target) == left - 1;
}

static uint32_t onward_slot(const struct hops *h, uint32_t node, uint32_t set)
{
	uint32_t size = 2 * h->room_onward, at = hash((uint64_t)node << 32 | set, size);

	while (h->index[at] &&
	       (h->onward[h->index[at] - 1].node != node || h->onward[h->index[at] - 1].set != set))
		at = (at + 1) & (size - 1);
	return at;
}

static bool grow_onward(struct hops *h)
{
	uint32_t room = h->room_onward ? 2 * h->room_onward : 256, i;
	void *grown;

	if (h->nr_onward < h->room_onward)
		return true;
	grown = realloc(h->onward, room * sizeof(*h->onward));
	if (!grown)
		return false;
	h->onward = grown;
	free(h->index);
	h->index = calloc(2 * (size_t)room, sizeof(*h->index));
	h->room_onward = room;
	if (!h->index)
		return false;
	for (i = 0; i < h->nr_onward; i++)
		h->index[onward_slot(h, h->onward[i].node, h->onward[i].set)] = i + 1;
	return true;
}

static bool add_edge(struct hops *h, uint32_t edge)
{
	uint32_t room = h->room_edges ? 2 * h->room_edges : 1024;
	void *grown;

	if (h->nr_edges == h->room_edges) {
		grown = realloc(h->edge, room * sizeof(*h->edge));
		if (!grown)
			return false;
		h->edge = grown;
		h->room_edges = room;
	}
	h->edge[h->nr_edges++] = edge;
	return true;
}

const uint32_t *router_onward(struct router *r, uint32_t node, uint32_t target, uint32_t *nr)
{
	const struct topology *t = &r->plan->topo;
	struct hops *h = r->hops;
	uint32_t set = h->set[target], at, k, left;
	struct onward *o;

	if (!grow_onward(h))
		return NULL;
	at = onward_slot(h, node, set);
	if (!h->index[at]) {
		o = &h->onward[h->nr_onward];
		*o = (struct onward){ node, set, h->nr_edges, 0 };
		left = set_hops(r, node, set);
		for (k = r->adj_start[node]; k < r->adj_start[node + 1]; k++) {
			uint32_t to = topo_edge_to(t, r->adj[k]);

			if (t->nodes[to].kind == NODE_HOST || set_hops(r, to, set) + 1 != left)
				continue;
			if (!add_edge(h, r->adj[k]))
				return NULL;
			o->nr++;
		}
		h->index[at] = ++h->nr_onward;
	}
	o = &h->onward[h->index[at] - 1];
	*nr = o->nr;
	return h->edge + o->first;
}
