/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan's flows between hosts, routed by the path core (route.h). */
#ifndef DMSC_PLANNER_PATHS_CORE_H
#define DMSC_PLANNER_PATHS_CORE_H

#include "lib/model.h"
#include "planner/clos.h"

struct paths_core {
	struct clos clos;
	struct routing routing;
	uint32_t *index; /* by flow of the plan: its number in the routing, MODEL_NONE: not there */
	bool made;
};

/**
 * paths_core_make - route what a job's iteration exchanges between hosts
 *
 * Class by class, the most important first, so that each class is spread as evenly as all
 * together are: classes have their bursts at different times. Bulk takes no part, because it
 * gives way to the others; nor do flows of no bytes. Flows of one size between two hosts are
 * interchangeable: each takes the rail of its GPU when one of them has it.
 *
 * Where the topology is no fabric that the core knows (clos_make()), or has no living path for a
 * flow, @c->made is false and the caller chooses paths itself. -ENOMEM.
 */
int paths_core_make(struct paths_core *c, const struct plan *p, struct dmsc_error *err);
void paths_core_free(struct paths_core *c);

/*
 * The directed edges of flow @flow's largest part, from host to host; 0: the
 * core did not route it.
 */
uint32_t paths_core_way(const struct paths_core *c, uint32_t flow, uint32_t edges[CLOS_EDGES_MAX]);

#endif /* DMSC_PLANNER_PATHS_CORE_H */
