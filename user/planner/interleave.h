/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Start times that interleave periodic jobs on the links they share (after
 * CASSINI: Rajasekaran et al., NSDI 2024): while one computes the other sends.
 * Times are seconds.
 */
#ifndef DMSC_PLANNER_INTERLEAVE_H
#define DMSC_PLANNER_INTERLEAVE_H

#include "planner/order.h"

/* An iteration may be stretched by this much to fall into step with others. */
#define INTERLEAVE_STRETCH 0.05

struct interleave {
	double *shift;	    /* by job: its iterations start this late */
	double *pace;	    /* by job: and this far apart; 0: it is in step with nobody */
	double utilisation; /* with shifts, as the model expects it, 0..1 */
	double before;	    /* without, mean of jobs that start at chance */
	uint32_t nr_groups; /* of jobs that are in step */
};

/**
 * interleave_jobs - start times for the jobs of @c on the ways @way
 * @level: of order_levels(); both are compared under it
 *
 * Jobs that share links directly or through others are a group. A group is in
 * step when each of its periods, stretched by at most INTERLEAVE_STRETCH, goes
 * into a common one of at most eight of the longest; others are left alone. Shifts
 * are dropped when the model does not show a gain. -ENOMEM; on error @out holds
 * nothing to be freed.
 */
int interleave_jobs(const struct order_case *c, const uint32_t *way, const uint32_t *level,
		    struct interleave *out, struct dmsc_error *err);

void interleave_free(struct interleave *i);

#endif /* DMSC_PLANNER_INTERLEAVE_H */
