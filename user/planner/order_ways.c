// SPDX-License-Identifier: GPL-2.0-or-later
/* Which way each part of a job's traffic takes. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "planner/order_internal.h"

/* How busy each edge is, as a part of time, with the jobs that have their way. */
static void load_way(const struct order_job *j, const struct order_way *w, double *busy)
{
	uint32_t i;

	for (i = 0; i < w->nr_use; i++)
		busy[w->use[i].edge] += w->use[i].seconds / fmax(j->compute, j->pace);
}

static double busiest(const struct order_job *j, const struct order_way *w, const double *busy,
		      double *sum)
{
	double most = 0;
	uint32_t i;

	*sum = 0;
	for (i = 0; i < w->nr_use; i++) {
		double b = busy[w->use[i].edge] + w->use[i].seconds / fmax(j->compute, j->pace);

		*sum += b;
		most = fmax(most, b);
	}
	return most;
}

int order_ways_greedy(const struct order_case *c, const uint32_t *rank, uint32_t *way)
{
	double *busy = calloc(c->nr_edges + 1, sizeof(*busy));
	uint32_t *sequence = calloc(c->nr_jobs + 1, sizeof(*sequence));
	uint32_t *first = calloc(c->nr_jobs + 1, sizeof(*first)), k, p, w;
	int ret = -ENOMEM;

	if (!busy || !sequence || !first)
		goto out;
	for (k = 0; k + 1 < c->nr_jobs; k++)
		first[k + 1] = first[k] + c->jobs[k].nr_parts;
	order_invert(rank, c->nr_jobs, sequence);
	for (k = 0; k < c->nr_jobs; k++) {
		const struct order_job *j = &c->jobs[sequence[k]];

		for (p = 0; p < j->nr_parts; p++) {
			double best = INFINITY, best_sum = INFINITY, most, sum;
			uint32_t take = 0;

			for (w = 0; w < j->parts[p].nr_ways; w++) {
				most = busiest(j, &j->parts[p].ways[w], busy, &sum);
				if (most < best * (1 - 1e-9) ||
				    (most <= best * (1 + 1e-9) && sum < best_sum * (1 - 1e-9))) {
					best = most;
					best_sum = sum;
					take = w;
				}
			}
			way[first[sequence[k]] + p] = take;
			load_way(j, &j->parts[p].ways[take], busy);
		}
	}
	ret = 0;
out:
	free(busy);
	free(sequence);
	free(first);
	return ret;
}

/*
 * A run costs what its events cost, and jobs of very unlike periods have many.
 * So a try is worth this many: most runs have fewer, and then there are more of
 * them; a decision takes the same time in any case.
 */
#define EVENTS_A_TRY 420
#define MODEL_COSTS  120 /* events: to make the model for a run */
#define MEMORY	     256 /* runs that are remembered; a power of two */

struct memory {
	uint64_t key; /* of the ways, 0: empty */
	double value;
};

struct descent {
	const struct order_case *c;
	const uint32_t *rank;
	uint32_t *way, parts;
	int64_t events; /* that may still be run */
	double value;
	struct memory *known; /* what was tried already: descents come back to the same ways */
};

/* FNV-1a over the ways; two of one key are taken for the same, which a plan survives. */
static uint64_t key_of(const uint32_t *way, uint32_t n)
{
	uint64_t h = 14695981039346656037ULL;
	uint32_t i;

	for (i = 0; i < n; i++)
		h = (h ^ way[i]) * 1099511628211ULL;
	return h ? h : 1;
}

/* GPUs' utilisation on the present ways; negative: out of memory. */
static double try_ways(struct descent *d)
{
	uint64_t key = key_of(d->way, d->parts);
	struct memory *m = &d->known[(key >> 32) & (MEMORY - 1)];
	struct order_model *model;

	/* A look-up costs as much as some events, and ends a search that finds nothing new. */
	d->events -= 10;
	if (m->key == key)
		return m->value;
	model = order_model_new(d->c, d->way);
	if (!model)
		return -1;
	m->key = key;
	m->value = order_model_run(model, d->rank, 0, 0, ORDER_CYCLES_PLAN, NULL, NULL);
	d->events -= MODEL_COSTS + (int64_t)order_model_events(model);
	order_model_free(model);
	return m->value;
}

/* Each other way of part @at; 0: none is better, 1: took one, negative: out of memory. */
static int change_part(struct descent *d, const struct order_part *part, uint32_t at)
{
	uint32_t old = d->way[at], keep = old, w;
	double u;

	for (w = 0; w < part->nr_ways && d->events > 0; w++) {
		if (w == old)
			continue;
		d->way[at] = w;
		u = try_ways(d);
		if (u < 0)
			return -ENOMEM;
		if (u > d->value * (1 + 1e-6)) {
			d->value = u;
			keep = w;
		}
	}
	d->way[at] = keep;
	return keep != old;
}

/* One change after the other, until a whole round brings nothing. */
static int descend(struct descent *d)
{
	uint32_t k, p, at, changes;
	int ret;

	d->value = try_ways(d);
	if (d->value < 0)
		return -ENOMEM;
	do {
		changes = 0;
		for (at = 0, k = 0; k < d->c->nr_jobs; k++) {
			for (p = 0; p < d->c->jobs[k].nr_parts; p++, at++) {
				ret = change_part(d, &d->c->jobs[k].parts[p], at);
				if (ret < 0)
					return ret;
				changes += ret;
			}
		}
	} while (changes && d->events > 0);
	return 0;
}

/*
 * Ways that no single change improves may still be far from the best: a few
 * parts are thrown onto other ways and everything descends again, as long as
 * there are tries (iterated local search). xorshift with a fixed seed: the same
 * input gives the same plan.
 */
static int improve(const struct order_case *c, const uint32_t *rank, uint32_t tries, uint32_t *way)
{
	uint32_t parts = order_first_part(c, c->nr_jobs), state = 0x9e3779b9, k, p, at, loose = 0;
	struct descent d = { .c = c, .rank = rank, .way = way, .parts = parts };
	uint32_t *best = calloc(parts + 1, sizeof(*best));
	double value;
	int ret;

	d.events = (int64_t)tries * EVENTS_A_TRY;
	d.known = calloc(MEMORY, sizeof(*d.known));
	ret = best && d.known ? descend(&d) : -ENOMEM;

	for (k = 0; k < c->nr_jobs; k++) {
		for (p = 0; p < c->jobs[k].nr_parts; p++)
			loose += c->jobs[k].parts[p].nr_ways > 1;
	}
	while (!ret && d.events > 0 && loose > 1) {
		memcpy(best, way, parts * sizeof(*best));
		value = d.value;
		for (at = 0, k = 0; k < c->nr_jobs; k++) {
			for (p = 0; p < c->jobs[k].nr_parts; p++, at++) {
				state ^= state << 13;
				state ^= state >> 17;
				state ^= state << 5;
				if (state % loose < 3)
					way[at] = (state >> 8) % c->jobs[k].parts[p].nr_ways;
			}
		}
		ret = descend(&d);
		if (d.value <= value) {
			memcpy(way, best, parts * sizeof(*best));
			d.value = value;
		}
	}
	free(best);
	free(d.known);
	return ret;
}

int order_ways(const struct order_case *c, const uint32_t *rank, uint32_t tries, uint32_t *way)
{
	int ret = order_ways_greedy(c, rank, way);

	return ret || !tries ? ret : improve(c, rank, tries, way);
}
