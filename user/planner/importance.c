// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How important each flow is: its class, and its rank within the class. The
 * question is a functional module's (doc/modules.md); the built-in one leaves
 * classes by parallelism and ranks by slack. A rank is a queue's, and an
 * instance's queues have one: that of the most urgent of what it sends.
 */
#include <errno.h>
#include <stdlib.h>

#include "planner/internal.h"
#include "planner/predict_module.h"

void plan_ask_importance(const struct plan_modules *modules, const struct plan *p,
			 const struct plan_flow *f, uint32_t level,
			 struct dmsc_module_importance *out)
{
	const struct dmsc_module_flow question = { .class = f->class,
						   .job_level = level,
						   .bytes = f->bytes,
						   .messages = f->messages,
						   .slack_ns = f->slack,
						   .critical_path_ns = p->critical_path };

	if (modules && modules->policy)
		modules->policy(modules->arg, &question, out);
	else
		builtin_module.policy(&question, out);
}

bool plan_importance(struct plan *p, uint32_t level)
{
	struct dmsc_module_importance answer;
	bool changed = false;
	uint32_t i;

	for (i = 0; i < p->nr_flows; i++) {
		struct plan_flow *f = &p->flows[i];

		plan_ask_importance(p->ask, p, f, level, &answer);
		changed |= answer.class != f->class;
		f->class = answer.class;
		f->rank = answer.rank;
	}
	return changed;
}

/* The most urgent rank of what each instance sends to other hosts; MODEL_NONE: it sends nothing. */
static void most_urgent(const struct plan *p, uint32_t *least)
{
	uint32_t i;

	for (i = 0; i < p->nr_instances; i++)
		least[i] = MODEL_NONE;
	for (i = 0; i < p->nr_flows; i++) {
		const struct plan_flow *f = &p->flows[i];

		/* Bulk is behind everything by its class, and within a host nothing queues. */
		if (f->path != MODEL_NONE && !f->bulk && f->rank < least[f->src])
			least[f->src] = f->rank;
	}
}

/*
 * Ranks that are in use are numbered from 0 without gaps, because a plan has
 * fewer than a module may name; what is left over shares the last one.
 */
int plan_ranks(struct plan *const *plans, uint32_t nr)
{
	uint32_t number[DMSC_RANK_MAX + 1] = { 0 }, next = 0, most = 0, i, k, r, *least;

	for (k = 0; k < nr; k++)
		most = plans[k]->nr_instances > most ? plans[k]->nr_instances : most;
	least = malloc((most + 1) * sizeof(*least));
	if (!least)
		return -ENOMEM;
	for (k = 0; k < nr; k++) {
		most_urgent(plans[k], least);
		for (i = 0; i < plans[k]->nr_instances; i++) {
			if (least[i] != MODEL_NONE)
				number[least[i]] = 1;
		}
	}
	for (r = 0; r <= DMSC_RANK_MAX; r++) {
		if (number[r])
			number[r] = next++;
	}
	for (k = 0; k < nr; k++) {
		most_urgent(plans[k], least);
		for (i = 0; i < plans[k]->nr_instances; i++) {
			r = least[i] == MODEL_NONE ? 0 : number[least[i]];
			plans[k]->instances[i].rank = r < PLAN_RANK_MAX ? r : PLAN_RANK_MAX;
		}
	}
	free(least);
	return 0;
}

int plan_levels(struct plan *const *plans, uint32_t nr, const uint32_t *level,
		const struct plan_modules *modules, struct dmsc_error *err)
{
	struct dmsc_module_importance answer;
	uint32_t i, k;

	for (k = 0; k < nr; k++) {
		for (i = 0; i < plans[k]->nr_flows; i++) {
			plan_ask_importance(modules, plans[k], &plans[k]->flows[i], level[k],
					    &answer);
			plans[k]->flows[i].rank = answer.rank;
		}
	}
	return plan_ranks(plans, nr) ? dmsc_fail(err, -ENOMEM, "out of memory for ranks") : 0;
}
