/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A topology seen as the Clos fabric that the path core works on (fabric.h),
 * and back from its links to those of the topology. Three tiers are looked at:
 *
 *	hosts with several links:  hosts  -> their switches -> switches above
 *	hosts with one link each:  leaves -> spines         -> cores
 *
 * So on a fabric of rails the core chooses the rail and the spine behind it,
 * on any other the spine and the core. In the first case a host is a leaf of
 * the core's fabric with one port of the rate of all its links; rail r of one
 * pod meets rail r of another one, and what several rails have in common above
 * them counts as a switch of each, since only links have a capacity.
 */
#ifndef DMSC_PLANNER_CLOS_H
#define DMSC_PLANNER_CLOS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/model.h"
#include "planner/route.h"

#define CLOS_EDGES_MAX 6

struct clos {
	struct fabric fabric;
	const struct topology *topo; /* the caller's */
	bool rails;		     /* hosts are the leaves: the core chooses their links */
	uint32_t *port;		     /* by node: of a host, MODEL_NONE: it takes no part */
	uint32_t *low;		     /* by fabric leaf: its node, MODEL_NONE: padding */
	uint32_t *link;		     /* by fabric link: of the topology, MODEL_NONE: padding */
	uint32_t *mid;		     /* by pod * spines + spine: its node, MODEL_NONE: padding */
};

/**
 * clos_make - the part of @topo that joins the hosts @wanted (by node)
 *
 * -ENOENT, without a message, when it is no such fabric: a host of two links to one switch, two
 * links between two switches, a host between tiers, or more than three tiers above hosts of
 * several links. -ENOMEM. On an error nothing is to be freed.
 */
int clos_make(struct clos *c, const struct topology *topo, const bool *wanted,
	      struct dmsc_error *err);
void clos_free(struct clos *c);

/**
 * clos_way - a part of flow @i as directed edges of the topology, from host to host
 *
 * Returns how many, at most CLOS_EDGES_MAX.
 */
uint32_t clos_way(const struct clos *c, const struct routing *r, uint32_t i,
		  const struct subflow *sub, uint32_t edges[CLOS_EDGES_MAX]);

#endif /* DMSC_PLANNER_CLOS_H */
