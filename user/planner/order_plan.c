// SPDX-License-Identifier: GPL-2.0-or-later
/* What plans say of their jobs, as the order among jobs needs it. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "planner/order.h"

/* Computing of the busiest rank, ns; ranks with steps are counted. */
static double busiest_rank(const struct plan *p, uint32_t *ranks)
{
	double most = 0;
	uint32_t i, k;

	*ranks = 0;
	for (i = 0; i < p->nr_instances; i++) {
		double sum = 0;

		for (k = p->op_start[i]; k < p->op_start[i + 1]; k++)
			sum += p->ops[k].kind == OP_COMPUTE ? p->ops[k].amount : 0;
		*ranks += p->instances[i].gpus;
		most = fmax(most, sum);
	}
	return most;
}

static int use_edges(const struct plan *p, struct order_job *j, double *bytes, double *longest)
{
	uint32_t edges = 2 * p->topo.nr_links, i;
	struct order_way *way;

	for (i = 0; i < edges; i++)
		bytes[i] = 0;
	for (i = 0; i < p->nr_flows; i++) {
		const struct plan_flow *f = &p->flows[i];

		if (!f->bulk)
			plan_flow_load(p, f, 1, bytes);
	}
	j->parts = calloc(1, sizeof(*j->parts));
	way = calloc(1, sizeof(*way));
	if (!j->parts || !way) {
		free(way);
		return -ENOMEM;
	}
	j->nr_parts = 1;
	j->parts[0] = (struct order_part){ way, 1 };
	way->use = calloc(edges + 1, sizeof(*way->use));
	if (!way->use)
		return -ENOMEM;
	*longest = 0;
	for (i = 0; i < edges; i++) {
		double s = bytes[i] * 8 / p->topo.links[i / 2].rate;

		if (s <= 0)
			continue;
		way->use[way->nr_use++] = (struct order_use){ i, s };
		*longest = fmax(*longest, s);
	}
	return 0;
}

int order_from_plans(const struct plan *const *plans, uint32_t nr, struct order_case *out,
		     struct dmsc_error *err)
{
	struct order_case c = { .nr_edges = nr ? 2 * plans[0]->topo.nr_links : 0 };
	double *bytes = calloc(c.nr_edges + 1, sizeof(*bytes));
	uint32_t k;
	int ret = 0;

	c.jobs = calloc(nr + 1, sizeof(*c.jobs));
	if (!c.jobs || !bytes)
		ret = -ENOMEM;
	for (k = 0; k < nr && !ret; k++) {
		struct order_job *j = &c.jobs[k];
		double comm, hidden;

		c.nr_jobs++;
		j->compute = fmax(busiest_rank(plans[k], &j->gpus) / 1e9, 1e-9);
		ret = use_edges(plans[k], j, bytes, &comm);
		if (ret)
			break;
		/*
		 * What the critical path does not show of the network is the slack
		 * that hides behind computation.
		 */
		hidden = comm - (plans[k]->critical_path / 1e9 - j->compute);
		j->overlap = fmin(fmax(hidden / j->compute, 0), 1);
	}
	free(bytes);
	if (!ret) {
		*out = c;
		return 0;
	}
	order_case_free(&c);
	return dmsc_fail(err, ret, "out of memory for the order of jobs");
}
