// SPDX-License-Identifier: GPL-2.0-or-later
/* How a flow's bytes are spread over its paths. */
#include "lib/model.h"

uint32_t plan_flow_paths(const struct plan_flow *f)
{
	return f->nr_ways ? f->nr_ways : f->path != MODEL_NONE;
}

double plan_flow_share(const struct plan *p, const struct plan_flow *f, uint32_t i, uint32_t *path)
{
	uint64_t sum = 0;
	uint32_t k;

	if (!f->nr_ways) {
		*path = f->path;
		return 1;
	}
	for (k = 0; k < f->nr_ways; k++)
		sum += p->ways[f->first_way + k].weight;
	*path = p->ways[f->first_way + i].path;
	return (double)p->ways[f->first_way + i].weight / sum;
}

void plan_flow_load(const struct plan *p, const struct plan_flow *f, double factor, double *by_edge)
{
	uint32_t i, k, path;

	for (i = 0; i < plan_flow_paths(f); i++) {
		double bytes = factor * f->bytes * plan_flow_share(p, f, i, &path);

		for (k = 0; k < p->paths[path].nr_edges; k++)
			by_edge[p->paths[path].edges[k]] += bytes * p->paths[path].share[k];
	}
}
