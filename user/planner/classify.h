/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What connections serve, out of byte counts alone: no ports, no cgroups, no
 * plan. For jobs that nobody described; where a plan is, classes stand there.
 */
#ifndef DMSC_PLANNER_CLASSIFY_H
#define DMSC_PLANNER_CLASSIFY_H

#include <stdbool.h>
#include <stdint.h>

#define CLASSIFY_FLOWS_MAX (1U << 20)
#define CLASSIFY_BINS_MAX  (1U << 20)

/* One direction of a connection. */
struct counted_flow {
	uint32_t src, dst;   /* processes, numbered as the caller likes */
	bool local;	     /* both are on one host */
	const float *counts; /* bytes by bin */
};

/**
 * classify_flows - DMSC_CLASS_TENSOR, _EXPERT, _PIPELINE, _DATA or _BULK for each flow
 * @bins: of each flow's counts, all from the same time on
 * @period: of the job's iterations, bins (period.h)
 * @class: set for each flow
 *
 * By what parallelism does, not by sizes or times of any model:
 *
 * - bulk goes one way; all else comes back to who sent it, along flows of as many bytes;
 * - of a pipeline, what comes back comes at another time: activations and their gradients;
 * - of a collective all members send at once. In an all-to-all each to several others, in a
 *   ring to one;
 * - a ring through some of those that another ring goes through is of replicas: of experts or
 *   a sequence that they share if it is also busy while the other is silent, else of experts'
 *   gradients. An all-to-all of two is such a ring, too;
 * - a tensor ring shares no more than one process with those of replicas. It is busy in every
 *   pass of the iteration, the ring of gradients at its end: of the rings that a process is in,
 *   the one with most bursts, of equals (ZeRO-3) the one inside the host, and a single one if
 *   it is busy in all micro-batches of a pipeline or, without one, never silent for as long as a
 *   pass takes.
 *
 * -EINVAL for sizes out of range or a period that the counts do not hold twice; -ENOMEM.
 */
int classify_flows(const struct counted_flow *flows, uint32_t nr, uint32_t bins, double period,
		   uint8_t *class);

#endif /* DMSC_PLANNER_CLASSIFY_H */
