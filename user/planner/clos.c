// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tiers are found by the kinds of nodes, pods by what hangs together between
 * the lower two tiers. The middle switches of a pod are put in the order of the
 * first switch above them, then of the links below them, so that those which
 * reach the same switches above have the same place in every pod.
 */
#include "planner/clos.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Links of a node to the tier above, in the file's order. */
struct tiers {
	const struct topology *t;
	uint32_t *up_start, *up; /* by node: links that lead upwards */
	uint32_t *pod;	     /* by node: the pod's first node (union-find), MODEL_NONE: no part */
	uint32_t *place;     /* by node: number within its pod; of pods: by first node */
	uint32_t *first_top; /* by node, of the middle ones: their first node above */
	uint32_t *mids, nr_mids; /* in the order of discovery, then sorted */
	uint32_t *lows, nr_lows;
	uint32_t pods, spines, leaves, ports, cores;
	uint32_t *core; /* by spine * nr_nodes + node above: number within the group */
	bool rails;
};

static uint32_t far_end(const struct topology *t, uint32_t link, uint32_t node)
{
	return t->links[link].a == node ? t->links[link].b : t->links[link].a;
}

/* Which end of @link is the lower one; MODEL_NONE: neither. */
static uint32_t lower_end(const struct topology *t, uint32_t link)
{
	const struct topo_link *l = &t->links[link];
	int a = t->nodes[l->a].kind, b = t->nodes[l->b].kind;

	return a < b ? l->a : b < a ? l->b : MODEL_NONE;
}

static bool find_links(struct tiers *x)
{
	const struct topology *t = x->t;
	uint32_t i, n, low;

	x->up_start = calloc(t->nr_nodes + 2, sizeof(*x->up_start));
	x->up = calloc(t->nr_links + 1, sizeof(*x->up));
	if (!x->up_start || !x->up)
		return false;
	for (i = 0; i < t->nr_links; i++) {
		low = lower_end(t, i);
		if (low != MODEL_NONE)
			x->up_start[low + 2]++;
	}
	for (n = 0; n < t->nr_nodes; n++)
		x->up_start[n + 2] += x->up_start[n + 1];
	for (i = 0; i < t->nr_links; i++) {
		low = lower_end(t, i);
		if (low != MODEL_NONE)
			x->up[x->up_start[low + 1]++] = i;
	}
	return true;
}

static uint32_t nr_up(const struct tiers *x, uint32_t node)
{
	return x->up_start[node + 1] - x->up_start[node];
}

static uint32_t root(uint32_t *pod, uint32_t n)
{
	while (pod[n] != n) {
		pod[n] = pod[pod[n]];
		n = pod[n];
	}
	return n;
}

static void join(uint32_t *pod, uint32_t a, uint32_t b)
{
	a = root(pod, a);
	b = root(pod, b);
	if (a < b)
		pod[b] = a;
	else
		pod[a] = b;
}

/* No two links from @node lead to the same place, and all of them to one tier. */
static bool plain(const struct tiers *x, uint32_t node, uint32_t *seen, uint32_t mark)
{
	uint32_t k, to;

	for (k = x->up_start[node]; k < x->up_start[node + 1]; k++) {
		to = far_end(x->t, x->up[k], node);
		if (seen[to] == mark ||
		    x->t->nodes[to].kind !=
			    x->t->nodes[far_end(x->t, x->up[x->up_start[node]], node)].kind)
			return false;
		seen[to] = mark;
	}
	return true;
}

/* The lower tier: hosts, or their leaves when each host has one link. */
static int find_lows(struct tiers *x, const bool *wanted)
{
	const struct topology *t = x->t;
	uint32_t n, low;

	for (n = 0; n < t->nr_nodes; n++) {
		if (!wanted[n])
			continue;
		if (!nr_up(x, n))
			return -ENOENT;
		x->rails |= nr_up(x, n) > 1;
	}
	for (n = 0; n < t->nr_nodes; n++) {
		if (!wanted[n])
			continue;
		low = x->rails ? n : far_end(t, x->up[x->up_start[n]], n);
		if (x->pod[low] == MODEL_NONE) {
			x->pod[low] = low;
			x->lows[x->nr_lows++] = low;
		}
		/* of ports at a leaf; a host that is a leaf itself has one */
		x->place[low]++;
		if (x->place[low] > x->ports)
			x->ports = x->place[low];
	}
	return 0;
}

static int find_mids(struct tiers *x, uint32_t *seen)
{
	const struct topology *t = x->t;
	int low_kind = t->nodes[x->lows[0]].kind, mid_kind = -1;
	uint32_t i, k, mid;

	for (i = 0; i < x->nr_lows; i++) {
		uint32_t low = x->lows[i];

		if ((int)t->nodes[low].kind != low_kind || !plain(x, low, seen, i + 1))
			return -ENOENT;
		for (k = x->up_start[low]; k < x->up_start[low + 1]; k++) {
			mid = far_end(t, x->up[k], low);
			if (mid_kind < 0)
				mid_kind = t->nodes[mid].kind;
			if ((int)t->nodes[mid].kind != mid_kind)
				return -ENOENT;
			if (x->pod[mid] == MODEL_NONE) {
				x->pod[mid] = mid;
				x->place[mid] = x->nr_mids;
				x->mids[x->nr_mids++] = mid;
			}
			join(x->pod, low, mid);
		}
	}
	for (i = 0; i < x->nr_mids; i++) {
		mid = x->mids[i];
		if (!plain(x, mid, seen, x->nr_lows + i + 1))
			return -ENOENT;
		x->first_top[mid] = MODEL_NONE;
		for (k = x->up_start[mid]; k < x->up_start[mid + 1]; k++) {
			uint32_t top = far_end(t, x->up[k], mid);

			if (top < x->first_top[mid])
				x->first_top[mid] = top;
		}
	}
	return 0;
}

static int by_pod(const void *a, const void *b, void *tiers)
{
	const struct tiers *x = tiers;
	uint32_t m = *(const uint32_t *)a, n = *(const uint32_t *)b;

	if (x->pod[m] != x->pod[n])
		return x->pod[m] < x->pod[n] ? -1 : 1;
	if (x->first_top[m] != x->first_top[n])
		return x->first_top[m] < x->first_top[n] ? -1 : 1;
	return x->place[m] < x->place[n] ? -1 : x->place[m] > x->place[n];
}

/* Numbers nodes within their pods, which stand together in @list; the largest count. */
static uint32_t number(struct tiers *x, const uint32_t *list, uint32_t n)
{
	uint32_t i, at = 0, most = 0;

	for (i = 0; i < n; i++) {
		at = i && x->pod[list[i]] == x->pod[list[i - 1]] ? at + 1 : 0;
		x->place[list[i]] = at;
		most = at + 1 > most ? at + 1 : most;
	}
	return most;
}

/* Pods from 0, in x->pod; x->place of low and middle nodes within them. */
static void find_pods(struct tiers *x)
{
	uint32_t i;

	for (i = 0; i < x->nr_lows; i++) {
		x->pod[x->lows[i]] = root(x->pod, x->lows[i]);
		x->first_top[x->lows[i]] = 0;
		x->place[x->lows[i]] = i;
	}
	for (i = 0; i < x->nr_mids; i++)
		x->pod[x->mids[i]] = root(x->pod, x->mids[i]);
	qsort_r(x->lows, x->nr_lows, sizeof(*x->lows), by_pod, x);
	qsort_r(x->mids, x->nr_mids, sizeof(*x->mids), by_pod, x);
	x->leaves = number(x, x->lows, x->nr_lows);
	x->spines = number(x, x->mids, x->nr_mids);
	for (i = 0; i < x->nr_lows; i++)
		x->pods += !i || x->pod[x->lows[i]] != x->pod[x->lows[i - 1]];
}

/* Groups of switches above: those that the middle switches of one number reach. */
static int find_cores(struct tiers *x)
{
	const struct topology *t = x->t;
	uint32_t *count, i, k;
	int ret = 0;

	if (x->pods < 2)
		return 0;
	x->core = malloc((size_t)x->spines * t->nr_nodes * sizeof(*x->core));
	count = calloc(x->spines + 1, sizeof(*count));
	if (!x->core || !count) {
		free(count);
		return -ENOMEM;
	}
	memset(x->core, 0xff, (size_t)x->spines * t->nr_nodes * sizeof(*x->core));
	for (i = 0; i < x->nr_mids; i++) {
		uint32_t mid = x->mids[i], s = x->place[mid];

		for (k = x->up_start[mid]; k < x->up_start[mid + 1]; k++) {
			uint32_t *c = &x->core[(size_t)s * t->nr_nodes + far_end(t, x->up[k], mid)];

			if (*c == MODEL_NONE)
				*c = count[s]++;
			x->cores = count[s] > x->cores ? count[s] : x->cores;
		}
	}
	/* Pods that nothing joins */
	if (!x->cores)
		ret = -ENOENT;
	free(count);
	return ret;
}

static void set_link(struct clos *c, uint32_t link, uint32_t of)
{
	c->link[link] = of;
	c->fabric.rate[link] = c->topo->links[of].rate;
}

/* The pod's number of each node, in the order of x->lows. */
static void number_pods(struct tiers *x)
{
	uint32_t i, k = 0, pod = 0, was;

	for (i = 0; i < x->nr_lows; i = k) {
		was = x->pod[x->lows[i]];
		for (k = i; k < x->nr_lows && x->pod[x->lows[k]] == was; k++)
			;
		x->first_top[was] = pod++; /* no longer needed for the order */
	}
	for (i = 0; i < x->nr_mids; i++)
		x->pod[x->mids[i]] = x->first_top[x->pod[x->mids[i]]];
	for (i = 0; i < x->nr_lows; i++)
		x->pod[x->lows[i]] = x->first_top[x->pod[x->lows[i]]];
}

static void fill_links(struct clos *c, const struct tiers *x)
{
	const struct topology *t = x->t;
	struct fabric *f = &c->fabric;
	uint32_t i, k, leaf;

	for (i = 0; i < x->nr_lows; i++) {
		uint32_t low = x->lows[i];

		leaf = x->pod[low] * f->leaves + x->place[low];
		c->low[leaf] = low;
		for (k = x->up_start[low]; k < x->up_start[low + 1]; k++) {
			uint32_t mid = far_end(t, x->up[k], low);

			set_link(c, fabric_leaf_link(f, leaf, x->place[mid]), x->up[k]);
		}
	}
	for (i = 0; i < x->nr_mids; i++) {
		uint32_t mid = x->mids[i], s = x->place[mid];

		c->mid[x->pod[mid] * f->spines + s] = mid;
		for (k = x->up_start[mid]; f->cores && k < x->up_start[mid + 1]; k++) {
			uint32_t top = far_end(t, x->up[k], mid);

			set_link(c,
				 fabric_core_link(f, x->pod[mid], s,
						  x->core[(size_t)s * t->nr_nodes + top]),
				 x->up[k]);
		}
	}
	for (i = f->first_up; i < f->nr_links; i++)
		f->dead += !f->rate[i];
}

/* A host's port: its link; or, where it chooses among several, all of them. */
static void fill_ports(struct clos *c, struct tiers *x, const bool *wanted)
{
	const struct topology *t = x->t;
	uint32_t n, k, low, leaf;

	memset(c->port, 0xff, t->nr_nodes * sizeof(*c->port));
	for (k = 0; k < x->nr_lows; k++)
		x->first_top[x->lows[k]] = 0; /* ports that are taken */
	for (n = 0; n < t->nr_nodes; n++) {
		if (!wanted[n])
			continue;
		low = x->rails ? n : far_end(t, x->up[x->up_start[n]], n);
		leaf = x->pod[low] * c->fabric.leaves + x->place[low];
		c->port[n] = leaf * x->ports + x->first_top[low]++;
		c->fabric.rate[c->port[n]] = 0;
		for (k = x->up_start[n]; k < x->up_start[n + 1]; k++)
			c->fabric.rate[c->port[n]] += t->links[x->up[k]].rate;
		if (!x->rails)
			c->link[c->port[n]] = x->up[x->up_start[n]];
	}
}

static int build(struct clos *c, struct tiers *x, const bool *wanted, struct dmsc_error *err)
{
	struct fabric_shape shape = { x->pods, x->leaves, x->spines, x->cores, x->ports, 1, 0, 0 };
	uint32_t leaves, mids;
	int ret;

	ret = fabric_make(&c->fabric, &shape, err);
	if (ret)
		return ret == -EINVAL ? -ENOENT : ret;
	leaves = c->fabric.nr_leaves;
	mids = x->pods * x->spines;
	c->rails = x->rails;
	c->port = malloc((x->t->nr_nodes + 1) * sizeof(*c->port));
	c->low = malloc((leaves + 1) * sizeof(*c->low));
	c->mid = malloc((mids + 1) * sizeof(*c->mid));
	c->link = malloc((c->fabric.nr_links + 1) * sizeof(*c->link));
	if (!c->port || !c->low || !c->mid || !c->link)
		return -ENOMEM;
	memset(c->low, 0xff, leaves * sizeof(*c->low));
	memset(c->mid, 0xff, mids * sizeof(*c->mid));
	memset(c->link, 0xff, c->fabric.nr_links * sizeof(*c->link));
	number_pods(x);
	fill_links(c, x);
	fill_ports(c, x, wanted);
	return 0;
}

static bool allocate(struct tiers *x)
{
	uint32_t n = x->t->nr_nodes + 1;

	x->pod = malloc(n * sizeof(*x->pod));
	x->place = calloc(n, sizeof(*x->place));
	x->first_top = calloc(n, sizeof(*x->first_top));
	x->mids = calloc(n, sizeof(*x->mids));
	x->lows = calloc(n, sizeof(*x->lows));
	if (!x->pod || !x->place || !x->first_top || !x->mids || !x->lows)
		return false;
	memset(x->pod, 0xff, n * sizeof(*x->pod));
	return find_links(x);
}

int clos_make(struct clos *c, const struct topology *topo, const bool *wanted,
	      struct dmsc_error *err)
{
	struct tiers x = { .t = topo };
	uint32_t *seen = calloc(topo->nr_nodes + 1, sizeof(*seen));
	int ret;

	memset(c, 0, sizeof(*c));
	c->topo = topo;
	ret = seen && allocate(&x) ? find_lows(&x, wanted) : -ENOMEM;
	if (!ret && !x.nr_lows)
		ret = -ENOENT;
	if (!ret)
		ret = find_mids(&x, seen);
	/* Leaves without anything above them: nothing to choose. */
	if (!ret && !x.nr_mids)
		ret = -ENOENT;
	if (!ret) {
		find_pods(&x);
		ret = find_cores(&x);
	}
	if (!ret)
		ret = build(c, &x, wanted, err);
	free(seen);
	free(x.up_start);
	free(x.up);
	free(x.pod);
	free(x.place);
	free(x.first_top);
	free(x.mids);
	free(x.lows);
	free(x.core);
	if (ret)
		clos_free(c);
	return ret == -ENOMEM ? dmsc_fail(err, ret, "out of memory for the fabric") : ret;
}

void clos_free(struct clos *c)
{
	fabric_free(&c->fabric);
	free(c->port);
	free(c->low);
	free(c->mid);
	free(c->link);
	memset(c, 0, sizeof(*c));
}

uint32_t clos_way(const struct clos *c, const struct routing *r, uint32_t i,
		  const struct subflow *sub, uint32_t edges[CLOS_EDGES_MAX])
{
	uint32_t n = route_edges(r, i, sub, edges), k, out = 0;

	for (k = 0; k < n; k++) {
		uint32_t link = c->link[edges[k] / 2];
		bool up = !(edges[k] & 1);

		/* The port of a host that is a leaf itself is no link. */
		if (link == MODEL_NONE)
			continue;
		edges[out++] =
			2 * link + ((c->topo->links[link].a == lower_end(c->topo, link)) != up);
	}
	return out;
}
