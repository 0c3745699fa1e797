/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lower bounds for the worst link load of any routing, by cuts: what has to
 * leave (or enter) a part of the network takes at least its amount divided by
 * the rate of all links that lead out (or in). This holds however flows are
 * split, so a plan whose worst load equals the bound is optimal.
 */
#ifndef DMSC_PLANNER_BOUND_H
#define DMSC_PLANNER_BOUND_H

#include <stdint.h>

#include "planner/fabric.h"

enum bound_cut { CUT_NONE, CUT_PORT, CUT_LEAF, CUT_POD };

struct bound {
	double load;	    /* of the worst link, amount / rate: a ratio or seconds */
	enum bound_cut cut; /* the cut that gives it */
	uint32_t which;	    /* port, leaf or pod */
	uint8_t inward;	    /* 1: into it, 0: out of it */
};

/**
 * bound_cuts - the largest of the cuts around every port, leaf and pod
 *
 * O(flows + links). Infinite when a cut with traffic has no living link.
 * 0, or -ENOMEM.
 */
int bound_cuts(const struct fabric *f, const struct flow *flows, uint32_t nr_flows,
	       struct bound *bound);

#endif /* DMSC_PLANNER_BOUND_H */
