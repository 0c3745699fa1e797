// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "planner/bound.h"

/* Amounts that cross the border of each part, [2 * part] out and [2 * part + 1] in. */
struct crossing {
	double *port, *leaf, *pod;
};

static void add_flows(const struct fabric *f, const struct flow *flows, uint32_t n,
		      struct crossing *x)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		uint32_t from = f->leaf_of[flows[i].src], to = f->leaf_of[flows[i].dst];
		double amount = flows[i].amount;

		if (flows[i].src == flows[i].dst)
			continue;
		x->port[2 * flows[i].src] += amount;
		x->port[2 * flows[i].dst + 1] += amount;
		if (from == to)
			continue;
		x->leaf[2 * from] += amount;
		x->leaf[2 * to + 1] += amount;
		if (f->pod_of[from] == f->pod_of[to])
			continue;
		x->pod[2 * f->pod_of[from]] += amount;
		x->pod[2 * f->pod_of[to] + 1] += amount;
	}
}

static void consider(struct bound *b, const double *amount, double rate, enum bound_cut cut,
		     uint32_t which)
{
	int in;

	for (in = 0; in < 2; in++) {
		double load = amount[in] > 0 ? amount[in] / rate : 0;

		if (load > b->load)
			*b = (struct bound){ load, cut, which, in };
	}
}

static double sum(const double *rate, uint32_t n)
{
	double all = 0;
	uint32_t i;

	for (i = 0; i < n; i++)
		all += rate[i];
	return all;
}

int bound_cuts(const struct fabric *f, const struct flow *flows, uint32_t nr_flows,
	       struct bound *bound)
{
	size_t n = (size_t)f->nr_ports + f->nr_leaves + f->pods;
	struct crossing x = { .port = calloc(2 * n, sizeof(*x.port)) };
	uint32_t i;

	*bound = (struct bound){ 0 };
	if (!x.port)
		return -ENOMEM;
	x.leaf = x.port + 2 * (size_t)f->nr_ports;
	x.pod = x.leaf + 2 * (size_t)f->nr_leaves;
	add_flows(f, flows, nr_flows, &x);
	for (i = 0; i < f->nr_ports; i++)
		consider(bound, &x.port[2 * i], f->rate[i], CUT_PORT, i);
	for (i = 0; i < f->nr_leaves; i++)
		consider(bound, &x.leaf[2 * i], sum(&f->rate[fabric_leaf_link(f, i, 0)], f->spines),
			 CUT_LEAF, i);
	for (i = 0; i < f->pods; i++)
		consider(bound, &x.pod[2 * i],
			 sum(&f->rate[f->first_core + (size_t)i * f->spines * f->cores],
			     f->spines * f->cores),
			 CUT_POD, i);
	free(x.port);
	return 0;
}
