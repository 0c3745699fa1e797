/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a job (or a workload file) and a cluster to a plan. Pure functions: no
 * input or output, no clock, no randomness; the same input gives the same plan.
 */
#ifndef DMSC_PLANNER_PLANNER_H
#define DMSC_PLANNER_PLANNER_H

#include "lib/error.h"
#include "lib/model.h"
#include "lib/module_api.h"

/*
 * A functional module that is asked in place of the built-in one (doc/modules.md). Each
 * function always has an answer (lib/module.h); NULL is the built-in one's.
 */
struct plan_modules {
	void (*policy)(void *arg, const struct dmsc_module_flow *flow,
		       struct dmsc_module_importance *out);
	uint32_t (*path)(void *arg, const struct dmsc_module_way *ways, uint32_t nr);
	void *arg;
};

/**
 * plan_ask_importance - the policy question about flow @f of @p, a job of @level
 * @modules: who answers; NULL, or without a policy: the built-in module
 */
void plan_ask_importance(const struct plan_modules *modules, const struct plan *p,
			 const struct plan_flow *f, uint32_t level,
			 struct dmsc_module_importance *out);

/**
 * plan_job - decompose, place, choose paths, order, hand out slots
 *
 * -EINVAL with a message naming the field when job and topology do not fit.
 * On error @out holds nothing that must be freed.
 */
int plan_job(const struct job *job, const struct topology *topo, struct plan *out,
	     struct dmsc_error *err);

/**
 * plan_workload - the same with the traffic of a workload file
 *
 * Sizes of groups larger than the cluster are folded onto it: the plan says
 * what was folded, bytes per rank stay those of the file.
 */
int plan_workload(const struct workload *w, const struct job *job, const struct topology *topo,
		  struct plan *out, struct dmsc_error *err);

/**
 * plan_streams - add a note to @p if bulk transfers of more connections would do better
 * @job: what @p was made of, with @load (NULL: the job alone) and @topo
 *
 * Says the least number of streams, up to DMSC_MAX_WAYS, and the entries that need
 * it. Makes the plan again up to 8 + nr_bulk times, and so not where it is large.
 * -ENOMEM.
 */
int plan_streams(struct plan *p, const struct job *job, const struct workload *load,
		 const struct topology *topo, struct dmsc_error *err);

/**
 * plan_levels - ranks of the plans of several jobs that share links
 * @level: of each job, 0 goes first (order.h)
 *
 * Of two flows of one class that of the more important job goes first; within a job slack
 * decides. Classes stay. -ENOMEM.
 */
int plan_levels(struct plan *const *plans, uint32_t nr, const uint32_t *level,
		const struct plan_modules *modules, struct dmsc_error *err);

#endif /* DMSC_PLANNER_PLANNER_H */
