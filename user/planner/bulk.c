// SPDX-License-Identifier: GPL-2.0-or-later
/* Checkpoints, data loading and whatever else shares the links with the job. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "planner/internal.h"

struct bulk {
	uint32_t *sender, *receiver;	/* [entry * nr_hosts + host]: instance, or MODEL_NONE */
};

static bool names_host(const struct plan *p, const char *pattern, uint32_t host)
{
	if (!strcmp(pattern, "*"))
		return p->topo.nodes[p->hosts[host].node].gpus > 0;
	return !strcmp(pattern, p->hosts[host].name);
}

static int check_name(const struct plan *p, const struct job *job, const struct job_bulk *e,
		      const char *field, const char *pattern, struct dmsc_error *err)
{
	uint32_t h;

	for (h = 0; h < p->nr_hosts; h++) {
		if (names_host(p, pattern, h))
			return 0;
	}
	return dmsc_fail(err, -EINVAL, "%s:%u: bulk.%s: topology %s has no host '%s'", job->file, e->line,
			 field, p->topo.name, pattern);
}

int bulk_place(struct builder *b, const struct job *job, struct bulk **out, struct dmsc_error *err)
{
	struct plan *p = b->plan;
	uint32_t i, h, n = job->nr_bulk * p->nr_hosts, sid = job->first_sid + p->nr_instances;
	struct bulk *bulk = calloc(1, sizeof(*bulk));
	int ret;

	if (!bulk)
		return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	*out = bulk;
	bulk->sender = calloc(n + 1, sizeof(*bulk->sender));
	bulk->receiver = calloc(n + 1, sizeof(*bulk->receiver));
	if (!bulk->sender || !bulk->receiver)
		return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	for (i = 0; i < job->nr_bulk; i++) {
		const struct job_bulk *e = &job->bulk[i];
		uint32_t mic;

		ret = check_name(p, job, e, "from", e->from, err);
		if (!ret)
			ret = check_name(p, job, e, "to", e->to, err);
		if (ret)
			return ret;
		mic = builder_mic(b, job->first_sid + p->nr_mics, "%.30s.%.30s", p->job, e->name);
		for (h = 0; h < p->nr_hosts; h++) {
			bulk->sender[i * p->nr_hosts + h] = MODEL_NONE;
			bulk->receiver[i * p->nr_hosts + h] = MODEL_NONE;
			if (names_host(p, e->from, h))
				bulk->sender[i * p->nr_hosts + h] = builder_instance(
					b, sid++, mic, h, -1, "%.20s.%.20s.%.16s.tx", p->job, e->name,
					p->hosts[h].name);
			if (names_host(p, e->to, h))
				bulk->receiver[i * p->nr_hosts + h] = builder_instance(
					b, sid++, mic, h, -1, "%.20s.%.20s.%.16s.rx", p->job, e->name,
					p->hosts[h].name);
		}
	}
	return 0;
}

void bulk_flows(struct builder *b, const struct job *job, struct bulk *bulk)
{
	struct plan *p = b->plan;
	uint32_t i, from, to, s, f, k, first = p->nr_flows;

	for (i = 0; i < job->nr_bulk; i++) {
		for (from = 0; from < p->nr_hosts; from++) {
			for (to = 0; to < p->nr_hosts; to++) {
				uint32_t tx = bulk->sender[i * p->nr_hosts + from];
				uint32_t rx = bulk->receiver[i * p->nr_hosts + to];

				if (tx == MODEL_NONE || rx == MODEL_NONE || from == to)
					continue;
				for (s = 0; s < job->bulk[i].streams; s++)
					builder_bulk_flow(b, tx, rx, job->bulk[i].bytes);
			}
		}
	}
	/* Instances of bulk stand behind all ranks. */
	for (k = 0; k < p->nr_instances && !b->failed; k++) {
		if (p->instances[k].gpu >= 0)
			continue;
		builder_begin(b, k);
		for (f = first; f < p->nr_flows; f++) {
			if (p->flows[f].src == k)
				builder_bulk_op(b, OP_SEND, f);
			if (p->flows[f].dst == k)
				builder_bulk_op(b, OP_RECV, f);
		}
	}
}

void bulk_free(struct bulk *bulk)
{
	if (!bulk)
		return;
	free(bulk->sender);
	free(bulk->receiver);
	free(bulk);
}
