/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Several jobs on one cluster, for the commands that look at all of them. */
#ifndef DMSC_DMSCCTL_JOBS_H
#define DMSC_DMSCCTL_JOBS_H

#include "dmscctl/ctl.h"
#include "lib/model.h"

struct jobs {
	struct topology topo;
	struct plan *plans;
	const struct plan **list; /* the same, as the planner takes them */
	uint32_t nr;
};

/**
 * jobs_read - plan the jobs of @files one after the other on the topology
 *
 * Each takes GPUs that those before left. Errors as inputs_plan(); on error
 * @out holds nothing to be freed.
 */
int jobs_read(const struct ctl_list *files, const char *topology, struct jobs *out,
	      struct dmsc_error *err);
void jobs_free(struct jobs *j);

#endif /* DMSC_DMSCCTL_JOBS_H */
