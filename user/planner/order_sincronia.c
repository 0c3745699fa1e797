// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sincronia (Agarwal et al., SIGCOMM 2018): an order of coflows from the most
 * loaded link backwards, each job's traffic of an iteration being a coflow of
 * weight 1, and the priorities of the network for the first of them.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "planner/order_internal.h"

struct bssi {
	const struct order_case *c;
	double *need; /* [job * nr_edges + edge], seconds */
	double *weight;
	bool *placed;
};

/* Edge with most to send of all jobs that have no place yet. */
static uint32_t bottleneck(const struct bssi *b)
{
	uint32_t e, k, worst = 0;
	double most = -1;

	for (e = 0; e < b->c->nr_edges; e++) {
		double sum = 0;

		for (k = 0; k < b->c->nr_jobs; k++)
			sum += b->placed[k] ? 0 : b->need[(size_t)k * b->c->nr_edges + e];
		if (sum > most) {
			most = sum;
			worst = e;
		}
	}
	return worst;
}

/* The job that weighs least for what it sends there goes last of those left. */
static uint32_t select_last(const struct bssi *b, uint32_t edge)
{
	uint32_t k, last = MODEL_NONE;
	double least = INFINITY;

	for (k = 0; k < b->c->nr_jobs; k++) {
		double need = b->need[(size_t)k * b->c->nr_edges + edge];
		double ratio = need > 0 ? b->weight[k] / need : INFINITY;

		if (!b->placed[k] && (last == MODEL_NONE || ratio < least)) {
			least = ratio;
			last = k;
		}
	}
	return last;
}

static void scale(struct bssi *b, uint32_t edge, uint32_t last)
{
	size_t row = b->c->nr_edges;
	double need = b->need[last * row + edge];
	uint32_t k;

	for (k = 0; need > 0 && k < b->c->nr_jobs; k++) {
		if (!b->placed[k] && k != last)
			b->weight[k] -= b->weight[last] * b->need[k * row + edge] / need;
	}
}

int sincronia_ranks(const struct order_case *c, const uint32_t *way, uint32_t *rank)
{
	struct bssi b = {
		.c = c,
		.need = calloc((size_t)c->nr_jobs * c->nr_edges + 1, sizeof(*b.need)),
		.weight = calloc(c->nr_jobs + 1, sizeof(*b.weight)),
		.placed = calloc(c->nr_jobs + 1, sizeof(*b.placed)),
	};
	uint32_t k, p, i, n, edge, last;
	int ret = -ENOMEM;

	if (!b.need || !b.weight || !b.placed)
		goto out;
	for (k = 0; k < c->nr_jobs; k++) {
		b.weight[k] = 1;
		for (p = 0; p < c->jobs[k].nr_parts; p++) {
			const struct order_way *w = &c->jobs[k].parts[p].ways[*way++];

			for (i = 0; i < w->nr_use; i++)
				b.need[(size_t)k * c->nr_edges + w->use[i].edge] +=
					w->use[i].seconds;
		}
	}
	for (n = c->nr_jobs; n-- > 0;) {
		edge = bottleneck(&b);
		last = select_last(&b, edge);
		scale(&b, edge, last);
		b.placed[last] = true;
		rank[last] = n;
	}
	ret = 0;
out:
	free(b.need);
	free(b.weight);
	free(b.placed);
	return ret;
}

void sincronia_levels(const struct order_case *c, const uint32_t *rank, uint32_t levels,
		      uint32_t *level)
{
	uint32_t k;

	for (k = 0; k < c->nr_jobs; k++)
		level[k] = rank[k] < levels ? rank[k] : levels - 1;
}
