/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How finely a pass is cut: into how many groups of layers, each of which
 * computes and then exchanges. Finer means more overlap and parallelism
 * (gradients go while the next group computes; a step can be moved or delayed
 * by itself), coarser means fewer messages and less to coordinate.
 *
 * The cost of g exchanges, in time that an iteration gets longer:
 *	overhead = MESSAGE_NS * messages that a rank sends
 *	exposed  = max(D / g, D - B (g - 1) / g)
 * with D the time of a rank's gradient exchange at its part of its host's
 * rates, and B the time of the backward passes beside which it may go: the
 * last group's gradients come when nothing is left to compute. It is the
 * start-up and bandwidth terms of Thakur et al. (2005) with the overlap of Li
 * et al., PyTorch Distributed (VLDB 2020), section 3.2.
 *
 * Chosen is the least number whose cost is within TOLERANCE of the iteration
 * of the best one's.
 */
#ifndef DMSC_PLANNER_GRANULARITY_H
#define DMSC_PLANNER_GRANULARITY_H

#include "planner/builder.h"
#include "planner/volume.h"

/**
 * granularity_choose - the job's number where it gives one, else the model's choice
 * @stages: of volume_stages()
 */
void granularity_choose(const struct job *j, const struct stage *stages,
			const struct topology *topo, struct plan_granularity *out);

#endif /* DMSC_PLANNER_GRANULARITY_H */
