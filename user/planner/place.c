// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ranks to hosts: in Megatron-LM's order, so that a tensor group lies inside
 * one host (Narayanan et al., SC 2021, section 3.2, takeaway 1). Data and
 * expert groups come next to each other, then stages; place_order() gives the
 * hosts so that neighbours in this order are near each other in the fabric.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "planner/internal.h"

int place_hosts(struct plan *plan, const struct topology *topo, struct dmsc_error *err)
{
	uint32_t i;

	plan->topo = *topo;
	plan->topo.nodes = calloc(topo->nr_nodes + 1, sizeof(*topo->nodes));
	plan->topo.links = calloc(topo->nr_links + 1, sizeof(*topo->links));
	plan->hosts = calloc(topo->nr_nodes + 1, sizeof(*plan->hosts));
	if (!plan->topo.nodes || !plan->topo.links || !plan->hosts)
		return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	memcpy(plan->topo.nodes, topo->nodes, topo->nr_nodes * sizeof(*topo->nodes));
	memcpy(plan->topo.links, topo->links, topo->nr_links * sizeof(*topo->links));
	for (i = 0; i < topo->nr_nodes; i++) {
		if (topo->nodes[i].kind != NODE_HOST)
			continue;
		strcpy(plan->hosts[plan->nr_hosts].name, topo->nodes[i].name);
		plan->hosts[plan->nr_hosts++].node = i;
	}
	return 0;
}

static uint32_t host_gpus(const struct plan *p, uint32_t host)
{
	return p->topo.nodes[p->hosts[host].node].gpus;
}

int place_ranks(struct builder *b, const char *source, const struct grid *g, uint32_t first_mic,
		struct dmsc_error *err)
{
	struct plan *p = b->plan;
	uint64_t world = (uint64_t)g->tensor * g->data * g->pipeline * (g->gpus ? g->gpus : 1);
	uint64_t gpus = 0;
	uint32_t at = 0, gpu = 0, most = 0, h, t, d, s, mic = 0, *order;
	uint32_t each = g->gpus ? g->gpus : 1, group = g->tensor * each;

	for (h = 0; h < p->nr_hosts; h++) {
		gpus += host_gpus(p, h) - host_gpus(p, h) % group;
		if (host_gpus(p, h) > most)
			most = host_gpus(p, h);
	}
	if (group > most)
		return dmsc_fail(err, -EINVAL,
				 "%s: parallel.tensor: %u, expected at most %u, the GPUs of the largest host of topology %s (a tensor group stays inside one host)",
				 source, group, most, p->topo.name);
	if (world > gpus)
		return dmsc_fail(err, -EINVAL,
				 "%s: parallel: tensor %u x pipeline %u x data %u needs %llu GPUs, expected at most %llu, what topology %s has for groups of %u",
				 source, group, g->pipeline, g->data, (unsigned long long)world,
				 (unsigned long long)gpus, p->topo.name, group);

	order = place_order(p, group, world);
	if (!order)
		return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	for (s = 0; s < g->pipeline; s++) {
		for (d = 0; d < g->data; d++) {
			/* A cluster of instances is one stage of one replica. */
			uint32_t id = builder_mic(b, first_mic + mic, "%s.pp%u.dp%u", p->job, s, d);

			mic++;
			while (host_gpus(p, order[at]) < gpu + group) {
				at++;
				gpu = 0;
			}
			if (each > 1) {
				builder_instance(b, id, order[at], gpu, "%s.pp%u.dp%u.group",
						 p->job, s, d);
				gpu += each;
				continue;
			}
			for (t = 0; t < g->tensor; t++)
				builder_instance(b, id, order[at], gpu++, "%s.pp%u.dp%u.tp%u",
						 p->job, s, d, t);
		}
	}
	free(order);
	return 0;
}
