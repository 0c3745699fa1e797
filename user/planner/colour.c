// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Koenig's edge colouring: Euler splits halve the degrees while the number of
 * classes is even; for what is left of it, edges are coloured one by one, and
 * an alternating path is flipped where the two ends have no free colour in
 * common.
 */
#include <stdlib.h>
#include <string.h>

#include "planner/colour.h"

#define NONE  UINT32_MAX
#define UNSET 2

struct mates {
	uint32_t left, right; /* the edge that this one is paired with there */
};

struct scratch {
	struct mates *mate;
	struct colour_edge *spare;
	uint8_t *side;
	uint32_t *last_left, *last_right;
	uint32_t lefts, rights;
};

/* Pairs the edges of each vertex; of an odd number, one stays alone. */
static void pair_up(struct scratch *s, const struct colour_edge *edges, uint32_t n)
{
	uint32_t i, other;

	memset(s->last_left, 0xff, s->lefts * sizeof(*s->last_left));
	memset(s->last_right, 0xff, s->rights * sizeof(*s->last_right));
	for (i = 0; i < n; i++) {
		uint32_t *left = &s->last_left[edges[i].left];
		uint32_t *right = &s->last_right[edges[i].right];

		other = *left;
		s->mate[i].left = other;
		*left = i;
		if (other != NONE) {
			s->mate[other].left = i;
			*left = NONE;
		}
		other = *right;
		s->mate[i].right = other;
		*right = i;
		if (other != NONE) {
			s->mate[other].right = i;
			*right = NONE;
		}
	}
}

/*
 * Mates go to different sides. They link the edges to paths and cycles that
 * take left and right mates by turns, so cycles are even and never conflict.
 */
static void walk(struct scratch *s, uint32_t n)
{
	uint32_t i, at, next;
	uint8_t side;

	memset(s->side, UNSET, n);
	for (i = 0; i < n; i++) {
		if (s->side[i] != UNSET)
			continue;
		/* to the right ... */
		for (at = i, side = 0; at != NONE && s->side[at] == UNSET; at = next) {
			s->side[at] = side;
			next = s->mate[at].right;
			if (next == NONE || s->side[next] != UNSET)
				break;
			s->side[next] = !side;
			next = s->mate[next].left;
		}
		/* ... and to the left, unless the cycle is closed */
		for (at = s->mate[i].left, side = 1; at != NONE && s->side[at] == UNSET; at = next) {
			s->side[at] = side;
			next = s->mate[at].right;
			if (next == NONE || s->side[next] != UNSET)
				break;
			s->side[next] = !side;
			next = s->mate[next].left;
		}
	}
}

/* Halves the edges and every degree, both to within one; the number of the first half. */
static uint32_t euler_split(struct scratch *s, struct colour_edge *edges, uint32_t n)
{
	uint32_t i, first = 0, second = 0;

	pair_up(s, edges, n);
	walk(s, n);
	for (i = 0; i < n; i++) {
		if (s->side[i])
			s->spare[second++] = edges[i];
		else
			edges[first++] = edges[i];
	}
	memcpy(edges + first, s->spare, second * sizeof(*edges));
	return first;
}

/* ---- an odd number of classes ---- */

struct painter {
	const struct colour_edge *edges;
	uint32_t *at; /* [(vertex) * colours + colour]: edge, or NONE; left vertices first */
	uint32_t *colour;
	uint32_t colours, lefts;
};

static uint32_t *cell(struct painter *p, bool right, uint32_t vertex, uint32_t colour)
{
	return &p->at[(size_t)(right ? p->lefts + vertex : vertex) * p->colours + colour];
}

static uint32_t free_colour(struct painter *p, bool right, uint32_t vertex)
{
	uint32_t c = 0;

	while (*cell(p, right, vertex, c) != NONE)
		c++;
	return c;
}

/* Swaps @a and @b along the path that leaves right vertex @vertex by colour @a. */
static void flip(struct painter *p, uint32_t vertex, uint32_t a, uint32_t b)
{
	uint32_t at = *cell(p, true, vertex, a), next, swap, v = vertex;
	bool right = true;

	*cell(p, true, vertex, a) = NONE;
	while (at != NONE) {
		/* edge @at, of colour a, gets b; @v has been freed of a, and takes it under b */
		*cell(p, right, v, b) = at;
		right = !right;
		v = right ? p->edges[at].right : p->edges[at].left;
		next = *cell(p, right, v, b);
		*cell(p, right, v, b) = at;
		p->colour[at] = b;
		if (next == NONE)
			*cell(p, right, v, a) = NONE;
		/* the edge that had b there goes on as one that has to get a */
		at = next;
		swap = a;
		a = b;
		b = swap;
	}
}

static bool paint(struct scratch *s, struct colour_edge *edges, uint32_t n, uint32_t classes,
		  uint32_t *start)
{
	struct painter p = { .edges = edges, .lefts = s->lefts };
	uint32_t i, c, degree = 0, each, *count, pos;
	bool ok;

	memset(s->last_left, 0, s->lefts * sizeof(*s->last_left));
	memset(s->last_right, 0, s->rights * sizeof(*s->last_right));
	for (i = 0; i < n; i++) {
		uint32_t d = ++s->last_left[edges[i].left];

		degree = d > degree ? d : degree;
		d = ++s->last_right[edges[i].right];
		degree = d > degree ? d : degree;
	}
	each = (degree + classes - 1) / classes;
	p.colours = each ? each * classes : classes;
	p.at = malloc((size_t)(s->lefts + s->rights) * p.colours * sizeof(*p.at) + 1);
	p.colour = calloc(n + 1, sizeof(*p.colour));
	count = calloc(classes + 1, sizeof(*count));
	ok = p.at && p.colour && count;
	if (!ok)
		goto out;
	memset(p.at, 0xff, (size_t)(s->lefts + s->rights) * p.colours * sizeof(*p.at));
	for (i = 0; i < n; i++) {
		uint32_t a = free_colour(&p, false, edges[i].left);

		/* A path that starts right on colour a cannot end at the left end, which lacks a. */
		if (*cell(&p, true, edges[i].right, a) != NONE)
			flip(&p, edges[i].right, a, free_colour(&p, true, edges[i].right));
		*cell(&p, false, edges[i].left, a) = i;
		*cell(&p, true, edges[i].right, a) = i;
		p.colour[i] = a;
	}
	for (i = 0; i < n; i++)
		count[p.colour[i] % classes]++;
	for (c = 0, pos = 0; c < classes; c++) {
		start[c] = pos;
		pos += count[c];
		count[c] = start[c];
	}
	for (i = 0; i < n; i++)
		s->spare[count[p.colour[i] % classes]++] = edges[i];
	memcpy(edges, s->spare, n * sizeof(*edges));
out:
	free(p.at);
	free(p.colour);
	free(count);
	return ok;
}

static bool deal(struct scratch *s, struct colour_edge *edges, uint32_t n, uint32_t classes,
		 uint32_t *start)
{
	uint32_t half, c;

	if (classes == 1) {
		start[0] = 0;
		return true;
	}
	if (classes % 2)
		return paint(s, edges, n, classes, start);
	half = euler_split(s, edges, n);
	if (!deal(s, edges, half, classes / 2, start) ||
	    !deal(s, edges + half, n - half, classes / 2, start + classes / 2))
		return false;
	for (c = classes / 2; c < classes; c++)
		start[c] += half;
	return true;
}

bool colour_deal(struct colour_edge *edges, uint32_t n, uint32_t lefts, uint32_t rights,
		 uint32_t classes, uint32_t *start)
{
	struct scratch s = { .lefts = lefts, .rights = rights };
	bool ok;

	s.mate = malloc((n + 1) * sizeof(*s.mate));
	s.spare = malloc((n + 1) * sizeof(*s.spare));
	s.side = malloc(n + 1);
	s.last_left = malloc((lefts + 1) * sizeof(*s.last_left));
	s.last_right = malloc((rights + 1) * sizeof(*s.last_right));
	ok = s.mate && s.spare && s.side && s.last_left && s.last_right &&
	     deal(&s, edges, n, classes, start);
	start[classes] = n;
	free(s.mate);
	free(s.spare);
	free(s.side);
	free(s.last_left);
	free(s.last_right);
	return ok;
}
