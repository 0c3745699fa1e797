// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Flows of one amount on an intact fabric: two-level edge colouring. First the
 * flows between leaves are dealt to spines, so that every leaf has as many on
 * each of its links; then, for every spine number, those between pods to the
 * cores of its group.
 */
#include <stdlib.h>

#include "planner/colour.h"
#include "planner/route_priv.h"

bool route_is_uniform(const struct routing *r)
{
	const struct fabric *f = r->fabric;
	double first = 0;
	uint32_t i;

	if (f->dead)
		return false;
	for (i = 0; i < r->nr_flows; i++) {
		struct ends e = ends_of(r, &r->flows[i]);

		if (!r->flows[i].amount)
			continue;
		if (!first)
			first = r->flows[i].amount;
		if (r->flows[i].amount != first || (e.pod_from != e.pod_to && !f->cores))
			return false;
	}
	for (i = f->first_up; i < f->nr_links; i++) {
		if (f->rate[i] != f->rate[i < f->first_core ? f->first_up : f->first_core])
			return false;
	}
	return true;
}

static uint32_t divide_up(uint32_t a, uint32_t b)
{
	return (a + b - 1) / b;
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

/*
 * Around every leaf and pod the flows that cross are whole ones, so one of n
 * equal links carries at least ceil(crossing / n) of them.
 */
double route_unsplit_bound(const struct routing *r)
{
	const struct fabric *f = r->fabric;
	uint32_t *cross = calloc(2 * ((size_t)f->nr_leaves + f->pods), sizeof(*cross)), i;
	uint32_t *pods = cross + 2 * (size_t)f->nr_leaves, leaf = 0, pod = 0;
	double amount = 0, bound = r->bound.load;

	if (!cross)
		return bound;
	for (i = 0; i < r->nr_flows; i++) {
		struct ends e = ends_of(r, &r->flows[i]);

		if (!r->flows[i].amount || e.from == e.to)
			continue;
		amount = r->flows[i].amount;
		cross[2 * e.from]++;
		cross[2 * e.to + 1]++;
		if (e.pod_from == e.pod_to)
			continue;
		pods[2 * e.pod_from]++;
		pods[2 * e.pod_to + 1]++;
	}
	for (i = 0; i < 2 * f->nr_leaves; i++)
		leaf = cross[i] > leaf ? cross[i] : leaf;
	for (i = 0; i < 2 * f->pods; i++)
		pod = pods[i] > pod ? pods[i] : pod;
	free(cross);
	bound = larger(bound, amount * divide_up(leaf, f->spines) / f->rate[f->first_up]);
	if (pod)
		bound = larger(bound, amount * divide_up(pod, f->spines * f->cores) /
					      f->rate[f->first_core]);
	return bound;
}

/* Edges between leaves become edges between pods; those within a pod are dropped. */
static uint32_t to_pods(const struct fabric *f, struct colour_edge *edges, uint32_t n)
{
	uint32_t i, kept = 0;

	for (i = 0; i < n; i++) {
		uint32_t from = f->pod_of[edges[i].left], to = f->pod_of[edges[i].right];

		if (from != to)
			edges[kept++] = (struct colour_edge){ from, to, edges[i].id };
	}
	return kept;
}

static bool deal_cores(struct routing *r, struct colour_edge *edges, uint32_t n, uint32_t *start)
{
	const struct fabric *f = r->fabric;
	uint32_t u, i;

	if (!n)
		return true;
	if (!colour_deal(edges, n, f->pods, f->pods, f->cores, start))
		return false;
	for (u = 0; u < f->cores; u++) {
		for (i = start[u]; i < start[u + 1]; i++)
			r->routes[edges[i].id].sub[0].core = u;
	}
	return true;
}

bool route_by_colour(struct routing *r)
{
	const struct fabric *f = r->fabric;
	struct colour_edge *edges = malloc((r->nr_flows + 1) * sizeof(*edges));
	uint32_t *spines = malloc((f->spines + 1) * sizeof(*spines));
	uint32_t *cores = malloc((f->cores + 1) * sizeof(*cores)), n = 0, i, s;
	bool ok = edges && spines && cores;

	for (i = 0; ok && i < r->nr_flows; i++) {
		struct ends e = ends_of(r, &r->flows[i]);

		r->routes[i] = (struct route){ { { ROUTE_NONE, ROUTE_NONE, 1 } } };
		if (e.from != e.to && r->flows[i].amount)
			edges[n++] = (struct colour_edge){ e.from, e.to, i };
	}
	ok = ok && colour_deal(edges, n, f->nr_leaves, f->nr_leaves, f->spines, spines);
	for (s = 0; ok && s < f->spines; s++) {
		struct colour_edge *mine = edges + spines[s];
		uint32_t nr = spines[s + 1] - spines[s];

		for (i = 0; i < nr; i++)
			r->routes[mine[i].id].sub[0].spine = s;
		if (f->cores)
			ok = deal_cores(r, mine, to_pods(f, mine, nr), cores);
	}
	free(edges);
	free(spines);
	free(cores);
	return ok;
}
