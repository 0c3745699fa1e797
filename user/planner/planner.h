/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a job (or a workload file) and a cluster to a plan. Pure functions: no
 * input or output, no clock, no randomness; the same input gives the same plan.
 */
#ifndef DMSC_PLANNER_PLANNER_H
#define DMSC_PLANNER_PLANNER_H

#include "lib/error.h"
#include "lib/model.h"

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

#endif /* DMSC_PLANNER_PLANNER_H */
