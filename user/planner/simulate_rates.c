// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rates by progressive filling (Bertsekas and Gallager, Data Networks, section
 * 6.5.2), tier by tier. Only flows that can feel a change are calculated again:
 * those that are connected with it over edges in use.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "planner/simulate_internal.h"

/* An edge with less than this part of its rate left is full. */
#define FULL	1e-9
/* Rounds in which weighted classes hand on what they do not use. */
#define SHARING 3

/* kmod/core/sched.c, dmsc_class_order: the most important first. */
static const uint8_t class_order[DMSC_NR_CLASSES] = {
	DMSC_CLASS_CONTROL,  DMSC_CLASS_GATEWAY, DMSC_CLASS_TENSOR,  DMSC_CLASS_EXPERT,
	DMSC_CLASS_PIPELINE, DMSC_CLASS_DATA,	 DMSC_CLASS_DEFAULT, DMSC_CLASS_BULK,
};

int rates_open(struct rates *r, const struct topology *topo, uint32_t nr_flows, uint32_t nr_uses,
	       const struct sim_class *classes)
{
	uint32_t e;

	memset(r, 0, sizeof(*r));
	r->classes = classes;
	r->nr_flows = nr_flows;
	r->nr_uses = nr_uses;
	r->nr_edges = 2 * topo->nr_links;
	r->flows = calloc((size_t)nr_flows + 1, sizeof(*r->flows));
	r->uses = calloc((size_t)nr_uses + 1, sizeof(*r->uses));
	r->edges = calloc((size_t)r->nr_edges + 1, sizeof(*r->edges));
	r->dirty = calloc((size_t)r->nr_edges + 1, sizeof(*r->dirty));
	r->around = calloc((size_t)r->nr_edges + 1, sizeof(*r->around));
	r->list = calloc((size_t)nr_flows + 1, sizeof(*r->list));
	if (!r->flows || !r->uses || !r->edges || !r->dirty || !r->around || !r->list)
		return -ENOMEM;
	for (e = 0; e < r->nr_edges; e++)
		r->edges[e].rate = topo->links[e / 2].rate / 8.0;
	return 0;
}

void rates_close(struct rates *r)
{
	uint32_t e;

	for (e = 0; r->edges && e < r->nr_edges; e++)
		free(r->edges[e].uses);
	free(r->flows);
	free(r->uses);
	free(r->edges);
	free(r->dirty);
	free(r->around);
	free(r->list);
	free(r->heap);
	memset(r, 0, sizeof(*r));
}

static void touch(struct rates *r, uint32_t edge)
{
	if (r->edges[edge].dirty)
		return;
	r->edges[edge].dirty = true;
	r->dirty[r->nr_dirty++] = edge;
}

void rates_begin(struct rates *r, uint32_t flow)
{
	struct rate_flow *f = &r->flows[flow];
	uint32_t u;

	f->active = true;
	f->rate = 0;
	for (u = f->first_use; u < f->first_use + f->nr_uses; u++) {
		struct rate_edge *e = &r->edges[r->uses[u].edge];

		if (e->nr_uses == e->room_uses) {
			uint32_t room = e->room_uses ? 2 * e->room_uses : 4;
			void *grown = realloc(e->uses, room * sizeof(*e->uses));

			if (!grown) {
				r->failed = true;
				f->nr_uses = u - f->first_use;
				return;
			}
			e->uses = grown;
			e->room_uses = room;
		}
		r->uses[u].place = e->nr_uses;
		e->uses[e->nr_uses++] = u;
		touch(r, r->uses[u].edge);
	}
}

void rates_end(struct rates *r, uint32_t flow)
{
	struct rate_flow *f = &r->flows[flow];
	uint32_t u, last;

	f->active = false;
	for (u = f->first_use; u < f->first_use + f->nr_uses; u++) {
		struct rate_edge *e = &r->edges[r->uses[u].edge];

		last = e->uses[--e->nr_uses];
		e->uses[r->uses[u].place] = last;
		r->uses[last].place = r->uses[u].place;
		touch(r, r->uses[u].edge);
	}
}

static void take_edge(struct rates *r, uint32_t edge)
{
	struct rate_edge *e = &r->edges[edge];

	if (e->seen == r->epoch)
		return;
	e->seen = r->epoch;
	e->room = e->rate;
	e->weight = 0;
	r->around[r->nr_around++] = edge;
}

/* All flows and edges that hang together with the dirty edges. */
static void collect(struct rates *r)
{
	uint32_t i, k, u;

	r->epoch++;
	r->nr_list = r->nr_around = 0;
	for (i = 0; i < r->nr_dirty; i++) {
		r->edges[r->dirty[i]].dirty = false;
		take_edge(r, r->dirty[i]);
	}
	r->nr_dirty = 0;
	for (i = 0; i < r->nr_around; i++) {
		struct rate_edge *e = &r->edges[r->around[i]];

		for (k = 0; k < e->nr_uses; k++) {
			uint32_t flow = r->uses[e->uses[k]].flow;
			struct rate_flow *f = &r->flows[flow];

			if (f->seen == r->epoch)
				continue;
			f->seen = r->epoch;
			f->given = 0;
			r->list[r->nr_list++] = flow;
			for (u = f->first_use; u < f->first_use + f->nr_uses; u++)
				take_edge(r, r->uses[u].edge);
		}
	}
}

static void heap_push(struct rates *r, double level, uint32_t edge)
{
	uint32_t i;

	if (r->nr_heap == r->room_heap) {
		uint32_t room = r->room_heap ? 2 * r->room_heap : 64;
		void *grown = realloc(r->heap, room * sizeof(*r->heap));

		if (!grown) {
			r->failed = true;
			return;
		}
		r->heap = grown;
		r->room_heap = room;
	}
	for (i = r->nr_heap++; i && r->heap[(i - 1) / 2].level > level; i = (i - 1) / 2)
		r->heap[i] = r->heap[(i - 1) / 2];
	r->heap[i] = (struct rate_heap_item){ level, edge };
}

static struct rate_heap_item heap_pop(struct rates *r)
{
	struct rate_heap_item top = r->heap[0], last = r->heap[--r->nr_heap];
	uint32_t i = 0, child;

	while ((child = 2 * i + 1) < r->nr_heap) {
		if (child + 1 < r->nr_heap && r->heap[child + 1].level < r->heap[child].level)
			child++;
		if (r->heap[child].level >= last.level)
			break;
		r->heap[i] = r->heap[child];
		i = child;
	}
	r->heap[i] = last;
	return top;
}

/* What an edge can still give to those that rise, for each unit of weight. */
static double edge_level(const struct rate_edge *e)
{
	double left = fmin(e->room, e->cap);

	return left <= FULL * e->rate ? 0 : left / e->weight;
}

static void freeze(struct rates *r, struct rate_flow *f, double level)
{
	uint32_t u;

	f->frozen = true;
	f->given += level * f->weight;
	for (u = f->first_use; u < f->first_use + f->nr_uses; u++) {
		struct rate_edge *e = &r->edges[r->uses[u].edge];
		double share = r->uses[u].share;

		e->room = fmax(0, e->room - level * f->weight * share);
		e->cap = fmax(0, e->cap - level * f->weight * share);
		e->weight -= f->weight * share;
	}
}

/*
 * The flows @first .. @last - 1 of the list rise together by their weights,
 * until an edge of theirs has no room (or its cap is reached). An edge's level
 * only goes up when others freeze, so what comes off the heap with a level that
 * is too low goes back.
 */
static void rise(struct rates *r, uint32_t first, uint32_t last)
{
	uint32_t i, k, u;

	for (i = first; i < last; i++) {
		struct rate_flow *f = &r->flows[r->list[i]];

		f->frozen = false;
		for (u = f->first_use; u < f->first_use + f->nr_uses; u++)
			r->edges[r->uses[u].edge].weight += f->weight * (double)r->uses[u].share;
	}
	r->nr_heap = 0;
	for (i = 0; i < r->nr_around; i++) {
		struct rate_edge *e = &r->edges[r->around[i]];

		if (e->weight > 1e-6)
			heap_push(r, edge_level(e), r->around[i]);
	}
	while (r->nr_heap) {
		struct rate_heap_item top = heap_pop(r);
		struct rate_edge *e = &r->edges[top.edge];
		double level;

		if (e->weight <= 1e-6)
			continue;
		level = edge_level(e);
		if (level > top.level * (1 + 1e-12)) {
			heap_push(r, level, top.edge);
			continue;
		}
		for (k = 0; k < e->nr_uses; k++) {
			struct rate_flow *f = &r->flows[r->uses[e->uses[k]].flow];

			if (!f->frozen)
				freeze(r, f, level);
		}
		e->weight = 0;
	}
	for (i = 0; i < r->nr_around; i++)
		r->edges[r->around[i]].weight = 0;
	for (i = first; i < last; i++)
		r->flows[r->list[i]].frozen = true;
}

static void set_caps(struct rates *r, double part)
{
	uint32_t i;

	for (i = 0; i < r->nr_around; i++)
		r->edges[r->around[i]].cap = part * r->edges[r->around[i]].rate;
}

/* One class, rank by rank. Lists stand sorted by class and rank. */
static void rise_ranks(struct rates *r, uint32_t first, uint32_t last)
{
	uint32_t from, to;

	for (from = first; from < last; from = to) {
		for (to = from;
		     to < last && r->flows[r->list[to]].rank == r->flows[r->list[from]].rank; to++)
			;
		rise(r, from, to);
	}
}

static int place_of(uint8_t class)
{
	int i;

	for (i = 0; class_order[i] != class; i++)
		;
	return i;
}

static int by_tier(const void *a, const void *b, void *rates)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const struct rate_flow *f = &((const struct rates *)rates)->flows[x];
	const struct rate_flow *g = &((const struct rates *)rates)->flows[y];

	if (f->class != g->class)
		return place_of(f->class) < place_of(g->class) ? -1 : 1;
	if (f->rank != g->rank)
		return f->rank < g->rank ? -1 : 1;
	return x < y ? -1 : x > y;
}

/*
 * Weighted classes take what is left in proportion: in each round a class may
 * have its part of an edge; what it does not use is there in the next one.
 */
static void rise_weighted(struct rates *r, const uint32_t *first, const uint32_t *last)
{
	double sum[DMSC_NR_CLASSES] = { 0 };
	uint32_t round, c, k, i, n = 0, only = 0;

	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		if (first[c] < last[c] && !r->classes[c].strict) {
			n++;
			only = c;
		}
	}
	if (n == 1) {
		set_caps(r, INFINITY);
		rise_ranks(r, first[only], last[only]);
		return;
	}
	for (round = 0; n && round < SHARING; round++) {
		double *left = malloc((r->nr_around + 1) * sizeof(*left));

		if (!left) {
			r->failed = true;
			return;
		}
		for (i = 0; i < r->nr_around; i++)
			left[i] = r->edges[r->around[i]].room;
		for (c = 0; c < DMSC_NR_CLASSES; c++) {
			if (first[c] >= last[c] || r->classes[c].strict)
				continue;
			for (i = 0; i < r->nr_around; i++) {
				struct rate_edge *e = &r->edges[r->around[i]];

				memset(sum, 0, sizeof(sum));
				for (k = 0; k < e->nr_uses; k++)
					sum[r->flows[r->uses[e->uses[k]].flow].class] = 1;
				for (sum[c] = 1, k = 0, e->cap = 0; k < DMSC_NR_CLASSES; k++) {
					if (sum[k] > 0 && !r->classes[k].strict)
						e->cap += r->classes[k].weight;
				}
				e->cap = left[i] * r->classes[c].weight / e->cap;
			}
			rise_ranks(r, first[c], last[c]);
		}
		free(left);
	}
	/* What nobody's weight could place goes to whoever can use it. */
	set_caps(r, INFINITY);
	for (i = 0; n && i < DMSC_NR_CLASSES; i++) {
		c = class_order[i];
		if (first[c] < last[c] && !r->classes[c].strict)
			rise_ranks(r, first[c], last[c]);
	}
}

bool rates_fill(struct rates *r)
{
	uint32_t first[DMSC_NR_CLASSES], last[DMSC_NR_CLASSES], i, c, present = 0;

	collect(r);
	qsort_r(r->list, r->nr_list, sizeof(*r->list), by_tier, r);
	memset(first, 0xff, sizeof(first));
	memset(last, 0, sizeof(last));
	for (i = 0; i < r->nr_list; i++) {
		c = r->flows[r->list[i]].class;
		present += first[c] == UINT32_MAX;
		if (first[c] == UINT32_MAX)
			first[c] = i;
		last[c] = i + 1;
		r->flows[r->list[i]].frozen = true;
	}
	/* Guarantees bind only where another class could take it all. */
	for (i = 0; present > 1 && i < DMSC_NR_CLASSES; i++) {
		c = class_order[i];
		if (first[c] >= last[c] || !r->classes[c].share)
			continue;
		set_caps(r, r->classes[c].share / 1000.0);
		rise_ranks(r, first[c], last[c]);
	}
	set_caps(r, INFINITY);
	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		c = class_order[i];
		if (first[c] < last[c] && r->classes[c].strict)
			rise_ranks(r, first[c], last[c]);
	}
	rise_weighted(r, first, last);
	return !r->failed;
}
