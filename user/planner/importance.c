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

/*
 * The most urgent rank of what each instance sends to other hosts in each class, by instance *
 * DMSC_NR_CLASSES + class; MODEL_NONE: it sends nothing in it.
 */
static void most_urgent(const struct plan *p, uint32_t *least)
{
	uint32_t i, *of;

	for (i = 0; i < p->nr_instances * DMSC_NR_CLASSES; i++)
		least[i] = MODEL_NONE;
	for (i = 0; i < p->nr_flows; i++) {
		const struct plan_flow *f = &p->flows[i];

		of = &least[f->src * DMSC_NR_CLASSES + f->class];
		/* Bulk is behind everything by its class, and within a host nothing queues. */
		if (f->path != MODEL_NONE && !f->bulk && f->rank < *of)
			*of = f->rank;
	}
}

/* How many of the ranks in use come before @rank; what is too many shares the last one. */
static uint32_t place_of(const bool *used, uint32_t rank)
{
	uint32_t place = 0, r;

	for (r = 0; r < rank && r <= DMSC_RANK_MAX; r++)
		place += used[r];
	return place < PLAN_RANK_MAX ? place : PLAN_RANK_MAX;
}

/* Where it sends nothing by plan, an instance is as urgent as in what it does send. */
static void set_ranks(struct plan_instance *in, const uint32_t *least,
		      bool (*used)[DMSC_RANK_MAX + 1])
{
	uint32_t any = MODEL_NONE, c;

	for (c = 0; c < DMSC_NR_CLASSES; c++)
		any = least[c] < any ? least[c] : any;
	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		uint32_t rank = least[c] == MODEL_NONE ? any : least[c];

		in->rank[c] = rank == MODEL_NONE ? 0 : place_of(used[c], rank);
	}
}

/*
 * Queues are told apart by rank within their class only, so in each class the
 * ranks in use are numbered from 0 without gaps: a plan has fewer than a module
 * may name.
 */
int plan_ranks(struct plan *const *plans, uint32_t nr)
{
	bool used[DMSC_NR_CLASSES][DMSC_RANK_MAX + 1] = { 0 };
	uint32_t most = 0, i, k, *least;

	for (k = 0; k < nr; k++)
		most = plans[k]->nr_instances > most ? plans[k]->nr_instances : most;
	least = malloc(((size_t)most * DMSC_NR_CLASSES + 1) * sizeof(*least));
	if (!least)
		return -ENOMEM;
	for (k = 0; k < nr; k++) {
		most_urgent(plans[k], least);
		for (i = 0; i < plans[k]->nr_instances * DMSC_NR_CLASSES; i++) {
			if (least[i] != MODEL_NONE)
				used[i % DMSC_NR_CLASSES][least[i]] = true;
		}
	}
	for (k = 0; k < nr; k++) {
		most_urgent(plans[k], least);
		for (i = 0; i < plans[k]->nr_instances; i++)
			set_ranks(&plans[k]->instances[i], least + (size_t)i * DMSC_NR_CLASSES,
				  used);
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
