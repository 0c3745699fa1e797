// SPDX-License-Identifier: GPL-2.0-or-later
/* Sorting, pairs of jobs, and cutting an order into levels. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "planner/order_internal.h"

struct scored {
	double score;
	uint32_t job;
};

static int by_score(const void *a, const void *b)
{
	const struct scored *x = a, *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->job < y->job ? -1 : x->job > y->job;
}

int order_sort(const double *score, uint32_t nr, uint32_t *rank)
{
	struct scored *s = calloc(nr + 1, sizeof(*s));
	uint32_t k;

	if (!s)
		return -ENOMEM;
	for (k = 0; k < nr; k++)
		s[k] = (struct scored){ score[k], k };
	qsort(s, nr, sizeof(*s), by_score);
	for (k = 0; k < nr; k++)
		rank[s[k].job] = k;
	free(s);
	return 0;
}

int order_pairs_fill(const struct order_case *c, struct order_model *m, double cycles,
		     struct order_pairs *out)
{
	uint32_t n = c->nr_jobs, *level = calloc(n + 1, sizeof(*level)), a, b;

	out->gain = calloc((size_t)n * n + 1, sizeof(*out->gain));
	out->apart = calloc((size_t)n * n + 1, sizeof(*out->apart));
	if (!level || !out->gain || !out->apart) {
		free(level);
		order_pairs_free(out);
		return -ENOMEM;
	}
	for (a = 0; a < n; a++) {
		for (b = a + 1; b < n; b++) {
			double gpus = (double)c->jobs[a].gpus + c->jobs[b].gpus;
			double first, second, shared;

			if (!order_model_contend(m, a, b))
				continue;
			level[a] = level[b] = 0;
			shared = gpus * order_model_run(m, level, a, b, cycles, NULL, NULL);
			level[b] = 1;
			first = gpus * order_model_run(m, level, a, b, cycles, NULL, NULL);
			level[b] = 0;
			level[a] = 1;
			second = gpus * order_model_run(m, level, a, b, cycles, NULL, NULL);
			out->gain[(size_t)a * n + b] = first - second;
			out->gain[(size_t)b * n + a] = second - first;
			out->apart[(size_t)a * n + b] = first - shared;
			out->apart[(size_t)b * n + a] = second - shared;
		}
	}
	free(level);
	return 0;
}

void order_pairs_free(struct order_pairs *p)
{
	free(p->gain);
	free(p->apart);
	p->gain = p->apart = NULL;
}

/* Weight of all pairs within places @from .. @to - 1, for all of them: [from * (nr + 1) + to]. */
static double *together(const double *weight, const uint32_t *sequence, uint32_t nr)
{
	size_t row = (size_t)nr + 1;
	double *sum = calloc(row * row, sizeof(*sum));
	uint32_t from, to, k;

	for (from = 0; sum && from < nr; from++) {
		for (to = from + 1; to <= nr; to++) {
			double add = 0;

			/* The last one with all before it: from the interval that begins later. */
			if (to - from >= 2) {
				k = sequence[from];
				add = weight[(size_t)k * nr + sequence[to - 1]];
			}
			sum[from * row + to] = sum[from * row + to - 1] + add;
		}
	}
	/* Now each interval has the pairs of its first one; add those of the later ones. */
	for (from = nr; sum && from-- > 0;) {
		for (to = from + 1; to <= nr; to++)
			sum[from * row + to] += sum[(from + 1) * row + to];
	}
	return sum;
}

int order_cut(const double *weight, const uint32_t *sequence, uint32_t nr, uint32_t levels,
	      uint32_t *level, double *value)
{
	size_t row = (size_t)nr + 1;
	double *sum, *best;
	uint32_t *from, l, i, k;

	if (levels > nr)
		levels = nr;
	sum = together(weight, sequence, nr);
	best = calloc(row * (levels + 1), sizeof(*best));
	from = calloc(row * (levels + 1), sizeof(*from));
	if (!sum || !best || !from) {
		free(sum);
		free(best);
		free(from);
		return -ENOMEM;
	}
	for (l = 0; l <= levels; l++) {
		for (i = 1; i <= nr; i++)
			best[l * row + i] = INFINITY;
	}
	for (l = 1; l <= levels; l++) {
		for (i = 1; i <= nr; i++) {
			for (k = 0; k < i; k++) {
				double v = best[(l - 1) * row + k] + sum[k * row + i];

				/* Where it costs nothing, more levels rather than fewer. */
				if (v <= best[l * row + i]) {
					best[l * row + i] = v;
					from[l * row + i] = k;
				}
			}
		}
	}
	/* Fewer levels may be better: some pairs gain by sharing. */
	for (k = l = levels; l > 0; l--) {
		if (best[l * row + nr] < best[k * row + nr])
			k = l;
	}
	if (value)
		*value = best[k * row + nr];
	for (l = k, i = nr; l > 0; i = from[l * row + i], l--) {
		for (k = from[l * row + i]; k < i; k++)
			level[sequence[k]] = l - 1;
	}
	free(sum);
	free(best);
	free(from);
	return 0;
}
