// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The order of jobs and their levels: first by what pairs of jobs cost each
 * other, then by trying in the model of all of them.
 */
#include "planner/order.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "planner/order_internal.h"

/* Enough for few jobs; many are bounded by it. */
#define DEFAULT_TRIES 64

struct search {
	const struct order_case *c;
	struct order_model *m;
	uint32_t tries;
	uint32_t *trial; /* nr_jobs */
	double best;
};

static double run(struct search *s, const uint32_t *level)
{
	return order_model_run(s->m, level, 0, 0, ORDER_CYCLES_PLAN, NULL, NULL);
}

static int search_open(struct search *s, const struct order_case *c, const uint32_t *way,
		       uint32_t tries)
{
	*s = (struct search){ .c = c, .tries = tries };
	s->m = order_model_new(c, way);
	s->trial = calloc(c->nr_jobs + 1, sizeof(*s->trial));
	return s->m && s->trial ? 0 : -ENOMEM;
}

static void search_close(struct search *s)
{
	order_model_free(s->m);
	free(s->trial);
}

/* Takes @level out and puts it before or behind; all ranks between move by one. */
static void move(const uint32_t *rank, uint32_t nr, uint32_t from, uint32_t to, uint32_t *out)
{
	uint32_t k;

	for (k = 0; k < nr; k++) {
		out[k] = rank[k];
		if (rank[k] == from)
			out[k] = to;
		else if (from < to && rank[k] > from && rank[k] <= to)
			out[k]--;
		else if (to < from && rank[k] >= to && rank[k] < from)
			out[k]++;
	}
}

/*
 * The linear ordering of the pairs: each job goes where the pairs that it is in
 * gain most, until none moves. Each move adds to a sum that is bounded; the
 * rounds are bounded as well.
 */
static void order_by_pairs(const double *gain, uint32_t nr, uint32_t *sequence)
{
	uint32_t round, k, i, job;
	bool moved = true;

	for (round = 0; moved && round < nr; round++) {
		moved = false;
		for (k = 0; k < nr; k++) {
			double sum = 0, best = 1e-9;
			uint32_t to = k;

			job = sequence[k];
			for (i = k; i-- > 0;) {
				sum += gain[(size_t)job * nr + sequence[i]];
				if (sum > best) {
					best = sum;
					to = i;
				}
			}
			for (sum = 0, i = k + 1; i < nr; i++) {
				sum += gain[(size_t)sequence[i] * nr + job];
				if (sum > best) {
					best = sum;
					to = i;
				}
			}
			if (to == k)
				continue;
			moved = true;
			if (to < k)
				memmove(sequence + to + 1, sequence + to, (k - to) * sizeof(job));
			else
				memmove(sequence + k, sequence + k + 1, (to - k) * sizeof(job));
			sequence[to] = job;
		}
	}
}

/* Takes @s->trial into @rank when the model likes it better. */
static void offer(struct search *s, uint32_t *rank)
{
	double u = run(s, s->trial);

	if (u > s->best * (1 + 1e-7)) {
		s->best = u;
		memcpy(rank, s->trial, s->c->nr_jobs * sizeof(*rank));
	}
}

/* Each job to each other place, neighbours first, while that helps and tries last. */
static void improve_ranks(struct search *s, uint32_t *rank)
{
	uint32_t nr = s->c->nr_jobs, distance, from, side;
	double before = -1;

	while (s->best > before && s->tries) {
		before = s->best;
		for (distance = 1; distance < nr && s->tries; distance++) {
			for (from = 0; from < nr && s->tries; from++) {
				for (side = distance == 1; side < 2 && s->tries; side++) {
					uint32_t to = side ? from + distance : from - distance;

					if (to >= nr)
						continue;
					move(rank, nr, from, to, s->trial);
					s->tries--;
					offer(s, rank);
				}
			}
		}
	}
}

int order_ranks(const struct order_case *c, const uint32_t *way, uint32_t tries, uint32_t *rank)
{
	uint32_t *sequence = calloc(c->nr_jobs + 1, sizeof(*sequence));
	double *score = calloc(c->nr_jobs + 1, sizeof(*score));
	struct order_pairs pairs = { NULL, NULL };
	struct search s;
	uint32_t k;
	int ret;

	ret = search_open(&s, c, way, tries);
	if (!sequence || !score)
		ret = -ENOMEM;
	if (!ret) {
		for (k = 0; k < c->nr_jobs; k++)
			score[k] = c->jobs[k].gpus * c->jobs[k].compute /
				   fmax(order_model_comm(s.m, k), 1e-12);
		ret = order_sort(score, c->nr_jobs, rank);
	}
	if (!ret)
		ret = order_pairs_fill(c, s.m, ORDER_CYCLES_PLAN, &pairs);
	if (!ret) {
		order_invert(rank, c->nr_jobs, sequence);
		order_by_pairs(pairs.gain, c->nr_jobs, sequence);
		s.best = run(&s, rank);
		for (k = 0; k < c->nr_jobs; k++)
			s.trial[sequence[k]] = k;
		offer(&s, rank);
		improve_ranks(&s, rank);
	}
	order_pairs_free(&pairs);
	search_close(&s);
	free(sequence);
	free(score);
	return ret;
}

/* Each job to each level, while that helps and tries last. */
static void improve_levels(struct search *s, uint32_t levels, uint32_t *level)
{
	uint32_t nr = s->c->nr_jobs, k, l;
	double before = -1;

	while (s->best > before && s->tries) {
		before = s->best;
		for (k = 0; k < nr; k++) {
			for (l = 0; l < levels && s->tries; l++) {
				if (l == level[k])
					continue;
				memcpy(s->trial, level, nr * sizeof(*level));
				s->trial[k] = l;
				s->tries--;
				offer(s, level);
			}
		}
	}
}

int order_levels(const struct order_case *c, const uint32_t *way, const uint32_t *rank,
		 uint32_t levels, uint32_t tries, uint32_t *level)
{
	uint32_t *sequence = calloc(c->nr_jobs + 1, sizeof(*sequence));
	struct order_pairs pairs = { NULL, NULL };
	struct search s;
	int ret;

	ret = search_open(&s, c, way, tries);
	if (!sequence)
		ret = -ENOMEM;
	if (!ret)
		ret = order_pairs_fill(c, s.m, ORDER_CYCLES_PLAN, &pairs);
	if (!ret) {
		order_invert(rank, c->nr_jobs, sequence);
		ret = order_cut(pairs.apart, sequence, c->nr_jobs, levels, level, NULL);
	}
	if (!ret) {
		s.best = run(&s, level);
		improve_levels(&s, levels, level);
	}
	order_pairs_free(&pairs);
	search_close(&s);
	free(sequence);
	return ret;
}

static int check(const struct order_case *c, const struct order_limits *l, struct dmsc_error *err)
{
	uint32_t k, p, w, i;

	if (!c->nr_jobs || c->nr_jobs > ORDER_JOBS_MAX)
		return dmsc_fail(err, -EINVAL, "%u jobs, expected 1 to %u", c->nr_jobs,
				 ORDER_JOBS_MAX);
	if (!l->levels || l->levels > ORDER_JOBS_MAX)
		return dmsc_fail(err, -EINVAL, "%u levels, expected 1 to %u", l->levels,
				 ORDER_JOBS_MAX);
	for (k = 0; k < c->nr_jobs; k++) {
		const struct order_job *j = &c->jobs[k];

		if (!(j->compute > 0) || !isfinite(j->compute) ||
		    !(j->overlap >= 0 && j->overlap <= 1) || !(j->shift >= 0) || !(j->pace >= 0))
			return dmsc_fail(err, -EINVAL,
					 "job %u: compute, overlap, shift or pace out of range", k);
		for (p = 0; p < j->nr_parts; p++) {
			if (!j->parts[p].nr_ways)
				return dmsc_fail(err, -EINVAL, "job %u: part %u has no way", k, p);
			for (w = 0; w < j->parts[p].nr_ways; w++) {
				const struct order_way *way = &j->parts[p].ways[w];

				for (i = 0; i < way->nr_use; i++) {
					if (way->use[i].edge >= c->nr_edges ||
					    !(way->use[i].seconds > 0) ||
					    !isfinite(way->use[i].seconds))
						return dmsc_fail(err, -EINVAL,
								 "job %u: part %u: use of an edge out of range",
								 k, p);
				}
			}
		}
	}
	return 0;
}

int order_decide(const struct order_case *c, const struct order_limits *limits,
		 struct order_choice *out, struct dmsc_error *err)
{
	uint32_t tries = limits->tries ? limits->tries : DEFAULT_TRIES;
	struct order_choice o = { 0 };
	struct order_model *m = NULL;
	int ret;

	ret = check(c, limits, err);
	if (ret)
		return ret;
	o.way = calloc(order_first_part(c, c->nr_jobs) + 1, sizeof(*o.way));
	o.rank = calloc(c->nr_jobs + 1, sizeof(*o.rank));
	o.level = calloc(c->nr_jobs + 1, sizeof(*o.level));
	ret = o.way && o.rank && o.level ? crux_ways(c, o.way) : -ENOMEM;
	if (!ret)
		ret = order_ranks(c, o.way, tries / 4, o.rank);
	if (!ret)
		ret = order_ways(c, o.rank, tries, o.way);
	if (!ret)
		ret = order_ranks(c, o.way, tries, o.rank);
	if (!ret)
		ret = order_levels(c, o.way, o.rank, limits->levels, tries, o.level);
	if (!ret) {
		m = order_model_new(c, o.way);
		ret = m ? 0 : -ENOMEM;
	}
	if (!ret)
		o.utilisation = order_model_run(m, o.level, 0, 0, ORDER_CYCLES_JUDGE, NULL, NULL);
	order_model_free(m);
	if (ret) {
		order_choice_free(&o);
		return dmsc_fail(err, ret, "out of memory for the order of jobs");
	}
	*out = o;
	return 0;
}

void order_choice_free(struct order_choice *c)
{
	free(c->way);
	free(c->rank);
	free(c->level);
	memset(c, 0, sizeof(*c));
}

void order_case_free(struct order_case *c)
{
	uint32_t k, p, w;

	for (k = 0; c->jobs && k < c->nr_jobs; k++) {
		for (p = 0; c->jobs[k].parts && p < c->jobs[k].nr_parts; p++) {
			struct order_part *part = &c->jobs[k].parts[p];

			for (w = 0; part->ways && w < part->nr_ways; w++)
				free(part->ways[w].use);
			free(part->ways);
		}
		free(c->jobs[k].parts);
	}
	free(c->jobs);
	memset(c, 0, sizeof(*c));
}
