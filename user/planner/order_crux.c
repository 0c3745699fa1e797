// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Crux (Cao et al., SIGCOMM 2024), as its paper describes it: the baseline that
 * the planner's order is compared with, and its beginning.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "planner/order_internal.h"

#define CORRECTION_MAX 100.0 /* either way, where a pair hardly meets */
#define SAMPLED_ORDERS 10    /* topological orders that are cut (section 4.3) */

static double intensity(const struct order_job *j, double comm)
{
	return j->gpus * j->compute / fmax(comm, 1e-12);
}

double order_intensity(const struct order_case *c, const uint32_t *way, uint32_t job)
{
	struct order_model *m = order_model_new(c, way);
	double i = m ? intensity(&c->jobs[job], order_model_comm(m, job)) : 0;

	order_model_free(m);
	return i;
}

int crux_ways(const struct order_case *c, uint32_t *way)
{
	uint32_t *rank = calloc(c->nr_jobs + 1, sizeof(*rank)), k;
	double *score = calloc(c->nr_jobs + 1, sizeof(*score));
	struct order_model *m;
	int ret = -ENOMEM;

	memset(way, 0, order_first_part(c, c->nr_jobs) * sizeof(*way));
	m = order_model_new(c, way);
	if (rank && score && m) {
		for (k = 0; k < c->nr_jobs; k++)
			score[k] = intensity(&c->jobs[k], order_model_comm(m, k));
		ret = order_sort(score, c->nr_jobs, rank);
		if (!ret)
			ret = order_ways_greedy(c, rank, way);
	}
	order_model_free(m);
	free(rank);
	free(score);
	return ret;
}

/* Seconds of sending that each of two jobs gets done, @a before @b. */
static void link_time(const struct order_case *c, struct order_model *m, uint32_t *level,
		      double *busy, uint32_t a, uint32_t b, double *sent_a, double *sent_b)
{
	double length;

	level[a] = 0;
	level[b] = 1;
	order_model_run(m, level, a, b, ORDER_CYCLES_PLAN, busy, &length);
	*sent_a = busy[a] / c->jobs[a].compute * order_model_comm(m, a) / length;
	*sent_b = busy[b] / c->jobs[b].compute * order_model_comm(m, b) / length;
}

static double correction(const struct order_case *c, struct order_model *m, uint32_t *level,
			 double *busy, uint32_t job, uint32_t ref)
{
	double mine_first, ref_second, ref_first, mine_second, gain, loss;

	if (job == ref || !order_model_contend(m, job, ref))
		return 1;
	link_time(c, m, level, busy, job, ref, &mine_first, &ref_second);
	link_time(c, m, level, busy, ref, job, &ref_first, &mine_second);
	gain = mine_first - mine_second;
	loss = ref_first - ref_second;
	if (gain <= 0 && loss <= 0)
		return 1;
	if (gain <= 0)
		return 1 / CORRECTION_MAX;
	if (loss <= 0)
		return CORRECTION_MAX;
	return fmin(fmax(gain / loss, 1 / CORRECTION_MAX), CORRECTION_MAX);
}

int crux_ranks(const struct order_case *c, const uint32_t *way, uint32_t *rank)
{
	struct order_model *m = order_model_new(c, way);
	double *score = calloc(c->nr_jobs + 1, sizeof(*score));
	double *busy = calloc(c->nr_jobs + 1, sizeof(*busy));
	uint32_t *level = calloc(c->nr_jobs + 1, sizeof(*level)), k, ref = 0;
	int ret = -ENOMEM;

	if (m && score && busy && level) {
		for (k = 1; k < c->nr_jobs; k++) {
			if (order_model_comm(m, k) > order_model_comm(m, ref))
				ref = k;
		}
		for (k = 0; k < c->nr_jobs; k++)
			score[k] = intensity(&c->jobs[k], order_model_comm(m, k)) *
				   correction(c, m, level, busy, k, ref);
		ret = order_sort(score, c->nr_jobs, rank);
	}
	order_model_free(m);
	free(score);
	free(busy);
	free(level);
	return ret;
}

/*
 * A random order that respects @weight's pairs: of the jobs that wait for no
 * other, one. xorshift with a fixed seed, so the same input gives the same plan.
 */
static void topological(const double *weight, uint32_t nr, const uint32_t *rank, uint32_t *state,
			uint32_t *sequence, bool *placed)
{
	uint32_t n, a, b, pick;

	memset(placed, 0, nr * sizeof(*placed));
	for (n = 0; n < nr; n++) {
		uint32_t choices = 0;

		pick = 0;
		for (a = 0; a < nr; a++) {
			bool free_of_others = !placed[a];

			for (b = 0; b < nr && free_of_others; b++)
				free_of_others = placed[b] || rank[b] >= rank[a] ||
						 weight[(size_t)b * nr + a] <= 0;
			if (!free_of_others)
				continue;
			*state ^= *state << 13;
			*state ^= *state >> 17;
			*state ^= *state << 5;
			if (*state % ++choices == 0)
				pick = a;
		}
		placed[pick] = true;
		sequence[n] = pick;
	}
}

int crux_levels(const struct order_case *c, const uint32_t *way, const uint32_t *rank,
		uint32_t levels, uint32_t *level)
{
	uint32_t n = c->nr_jobs, a, b, s, state = 0x9e3779b9;
	struct order_model *m = order_model_new(c, way);
	double *weight = calloc((size_t)n * n + 1, sizeof(*weight)), value, best = INFINITY;
	uint32_t *sequence = calloc(2 * n + 1, sizeof(*sequence)), *trial = sequence + n;
	bool *placed = calloc(n + 1, sizeof(*placed));
	int ret = -ENOMEM;

	if (!m || !weight || !sequence || !placed)
		goto out;
	for (a = 0; a < n; a++) {
		for (b = 0; b < n; b++) {
			if (rank[a] < rank[b] && order_model_contend(m, a, b))
				weight[(size_t)a * n + b] =
					fabs(intensity(&c->jobs[a], order_model_comm(m, a)) -
					     intensity(&c->jobs[b], order_model_comm(m, b)));
		}
	}
	for (s = 0; s <= SAMPLED_ORDERS; s++) {
		if (s)
			topological(weight, n, rank, &state, sequence, placed);
		else
			order_invert(rank, n, sequence);
		ret = order_cut(weight, sequence, n, levels, trial, &value);
		if (ret)
			break;
		if (value < best) {
			best = value;
			memcpy(level, trial, n * sizeof(*level));
		}
	}
out:
	order_model_free(m);
	free(weight);
	free(sequence);
	free(placed);
	return ret;
}
