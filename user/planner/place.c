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

/* @group: ranks that have to be together on a host */
static int check_room(const struct plan *p, const char *source, const struct grid *g,
		      uint32_t group, struct dmsc_error *err)
{
	uint32_t most = 0, tensor = g->tensor * (g->gpus ? g->gpus : 1), h;
	uint64_t world = (uint64_t)tensor * g->data * g->pipeline, gpus = 0;

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
				 source, tensor, g->pipeline, g->data, (unsigned long long)world,
				 (unsigned long long)gpus, p->topo.name, group);
	return 0;
}

/* Tensor group after tensor group, on the hosts in the order of place_order(). */
static int place_best(const struct plan *p, const struct grid *g, struct seat *seats,
		      struct dmsc_error *err)
{
	uint32_t each = g->gpus ? g->gpus : 1, group = g->tensor * each, gpu = 0, at = 0, i, t;
	uint32_t groups = g->data * g->pipeline, *order;

	order = place_order(p, group, (uint64_t)group * groups);
	if (!order)
		return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	for (i = 0; i < groups; i++) {
		while (host_gpus(p, order[at]) < gpu + group) {
			at++;
			gpu = 0;
		}
		for (t = 0; t < g->tensor; t++, gpu += each)
			seats[(size_t)i * g->tensor + t] = (struct seat){ order[at], gpu };
	}
	free(order);
	return 0;
}

/* A cluster of instances is one stage of one replica. */
static void add_ranks(struct builder *b, const struct grid *g, uint32_t first_mic,
		      const struct seat *seat)
{
	const char *job = b->plan->job;
	uint32_t s, d, t, id;

	for (s = 0; s < g->pipeline; s++) {
		for (d = 0; d < g->data; d++) {
			id = builder_mic(b, first_mic + s * g->data + d, "%s.pp%u.dp%u", job, s, d);
			for (t = 0; t < g->tensor; t++, seat++) {
				if (g->gpus > 1) {
					builder_instance(b, id, seat->host, seat->gpu,
							 "%s.pp%u.dp%u.group", job, s, d);
					builder_gpus(b, g->gpus);
				} else {
					builder_instance(b, id, seat->host, seat->gpu,
							 "%s.pp%u.dp%u.tp%u", job, s, d, t);
				}
			}
		}
	}
}

int place_ranks(struct builder *b, const char *source, const struct job *job, const struct grid *g,
		struct dmsc_error *err)
{
	uint64_t nr = (uint64_t)g->tensor * g->data * g->pipeline;
	uint32_t each = g->gpus ? g->gpus : 1;
	struct seat *seats;
	int ret;

	/* More ranks than GPUs are refused before memory is taken for them. */
	ret = check_room(b->plan, source, g, job->fixed ? each : g->tensor * each, err);
	if (ret)
		return ret;
	seats = calloc(nr + 1, sizeof(*seats));
	if (!seats)
		return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	if (job->fixed)
		ret = place_fixed(b->plan, job, nr, each, seats, err);
	else
		ret = place_best(b->plan, g, seats, err);
	if (!ret)
		add_ranks(b, g, job->first_sid, seats);
	free(seats);
	return ret;
}
