/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Edge colouring of bipartite multigraphs, used to deal flows to equal links:
 * left and right vertices are where flows leave and arrive, a class is a link
 * that each vertex has once.
 */
#ifndef DMSC_PLANNER_COLOUR_H
#define DMSC_PLANNER_COLOUR_H

#include <stdbool.h>
#include <stdint.h>

struct colour_edge {
	uint32_t left, right; /* vertices, from 0 */
	uint32_t id;	      /* the caller's; edges are reordered */
};

/**
 * colour_deal - divide edges into classes, evenly at every vertex
 * @edges: @n of them; on return those of class 0 stand first, then class 1, ...
 * @start: @classes + 1 numbers: class c is edges[start[c]] to edges[start[c + 1] - 1]
 *
 * A vertex of degree d gets at most ceil(D / @classes) edges of a class, where D is the largest
 * degree; when @classes is a power of two, at most ceil(d / @classes). By Koenig's theorem
 * (every bipartite multigraph of degree D has a D-edge-colouring) no division does better for
 * the largest vertex.
 *
 * Powers of two by Euler splits, O(n log(classes)) (Gabow 1976); an odd factor by alternating
 * paths, O(n * path). False: out of memory, and the order of edges is undefined.
 */
bool colour_deal(struct colour_edge *edges, uint32_t n, uint32_t lefts, uint32_t rights,
		 uint32_t classes, uint32_t *start);

#endif /* DMSC_PLANNER_COLOUR_H */
