// SPDX-License-Identifier: GPL-2.0-or-later
#include "planner/predict_module.h"

#include <linux/dmsc.h>

#include "planner/predict.h"

#define SAME 1e-9 /* parts by which loads may differ and be equal */

static uint32_t slack_rank(const struct dmsc_module_flow *f)
{
	double part = f->critical_path_ns ? (double)f->slack_ns / f->critical_path_ns : 1;

	return part <= 0 ? 0 : part < 0.1 ? 1 : part < 0.5 ? 2 : 3;
}

static int policy(const struct dmsc_module_flow *f, struct dmsc_module_importance *out)
{
	uint32_t level = DMSC_RANK_MAX / BUILTIN_SLACK_RANKS - 1;

	/* The queues have only so many ranks: jobs far down share the last ones. */
	if (f->job_level < level)
		level = f->job_level;
	out->class = f->class;
	out->rank = level * BUILTIN_SLACK_RANKS + slack_rank(f);
	return 0;
}

static int path(const struct dmsc_module_way *ways, uint32_t nr, uint32_t *choice)
{
	uint32_t i;

	*choice = 0;
	for (i = 1; i < nr; i++) {
		const struct dmsc_module_way *w = &ways[i], *best = &ways[*choice];

		/* Sums in another order are equal: the first one stays. */
		if (w->worst < best->worst * (1 - SAME) ||
		    (w->worst <= best->worst * (1 + SAME) && w->sum < best->sum * (1 - SAME)))
			*choice = i;
	}
	return 0;
}

static int predict(const double *values, uint32_t nr, double *next)
{
	struct series s;
	uint32_t i;

	series_init(&s);
	for (i = 0; i < nr; i++)
		series_add(&s, values[i]);
	*next = series_next(&s);
	return 0;
}

const struct dmsc_module builtin_module = {
	.version = DMSC_MODULE_VERSION,
	.size = sizeof(builtin_module),
	.name = "builtin",
	.policy = policy,
	.path = path,
	.predict = predict,
};
