/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results of a simulation as a page that needs nothing else. */
#ifndef DMSC_DMSCCTL_SIMULATE_PAGE_H
#define DMSC_DMSCCTL_SIMULATE_PAGE_H

#include "dmscctl/jobs.h"
#include "planner/simulate.h"

struct simulation {
	const char *name; /* of the set-up */
	struct sim_result result;
};

/** simulate_page - write it; -errno with a message when @file cannot be written */
int simulate_page(const char *file, const struct jobs *jobs, const struct simulation *list,
		  uint32_t nr, struct dmsc_error *err);

#endif /* DMSC_DMSCCTL_SIMULATE_PAGE_H */
