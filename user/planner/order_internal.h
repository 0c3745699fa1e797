/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that order jobs share. */
#ifndef DMSC_PLANNER_ORDER_INTERNAL_H
#define DMSC_PLANNER_ORDER_INTERNAL_H

#include "planner/order.h"

/* What is known of all pairs of jobs: [a * nr_jobs + b], for a != b. */
struct order_pairs {
	double *gain;  /* GPUs that compute more when a goes before b than the other way */
	double *apart; /* ... when a goes before b than when they share */
};

/* order_pairs.c: pairs that do not contend have zeros. @cycles: of order_model_run() */
int order_pairs_fill(const struct order_case *c, struct order_model *m, double cycles,
		     struct order_pairs *out);
void order_pairs_free(struct order_pairs *p);

/**
 * order_sort - ranks by falling @score; the lower index first where they are equal
 * @rank: by job
 */
int order_sort(const double *score, uint32_t nr, uint32_t *rank);

/**
 * order_cut - levels along @sequence, so that pairs of different levels weigh most
 * @sequence: jobs, the most important first
 * @weight: [a * nr + b] for a before b in @sequence
 * @value: set to the weight of the pairs within a level; or NULL
 *
 * Dynamic programming over the places of the cuts, O(nr^2 * levels). -ENOMEM.
 */
int order_cut(const double *weight, const uint32_t *sequence, uint32_t nr, uint32_t levels,
	      uint32_t *level, double *value);

/* order_ways.c: each part, jobs by @rank, on the way whose busiest edge stays least busy */
int order_ways_greedy(const struct order_case *c, const uint32_t *rank, uint32_t *way);

/* The inverse of a permutation. */
static inline void order_invert(const uint32_t *rank, uint32_t nr, uint32_t *sequence)
{
	uint32_t k;

	for (k = 0; k < nr; k++)
		sequence[rank[k]] = k;
}

#endif /* DMSC_PLANNER_ORDER_INTERNAL_H */
