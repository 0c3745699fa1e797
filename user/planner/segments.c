// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pinned paths as lists of segments (SRv6). The host's link leads to the first switch;
 * each further switch is a segment, so that no switch has a choice left as long as two
 * have one link between them, which is so in every fabric that the path core knows. The
 * last segment is the receiver's, where the outer header is taken off.
 */
#include <errno.h>
#include <stdlib.h>

#include "planner/clos.h"
#include "planner/internal.h"

/* False: no memory. Behind one switch there is nothing to prescribe. */
static bool prescribe(const struct topology *t, struct plan_path *path)
{
	const struct topo_link *first = &t->links[path->link];
	struct plan_encap *e;
	uint32_t i;

	_Static_assert(CLOS_EDGES_MAX - 1 <= DMSC_MAX_SEGMENTS, "the core's ways are short enough");
	if (path->nr_edges < 3)
		return true;
	e = calloc(1, sizeof(*e));
	if (!e)
		return false;
	e->kind = PATH_SRV6;
	e->source = first->addr6_a;
	e->nexthop = first->addr6_b;
	for (i = 1; i < path->nr_edges; i++)
		e->segments[e->nr_segments++] = t->nodes[topo_edge_to(t, path->edges[i])].segment;
	path->encap = e;
	return true;
}

int plan_segments(struct plan *p, struct dmsc_error *err)
{
	uint32_t i;

	for (i = 0; p->topo.srv6 && i < p->nr_paths; i++) {
		if (p->paths[i].pinned && !prescribe(&p->topo, &p->paths[i]))
			return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	}
	return 0;
}
