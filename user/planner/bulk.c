// SPDX-License-Identifier: GPL-2.0-or-later
/* Checkpoints, data loading and whatever else shares the links with the job. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "planner/internal.h"

struct bulk {
	uint32_t first;		     /* instance; those of bulk stand behind all others */
	uint32_t *sender, *receiver; /* [entry * nr_hosts + host]: instance, or MODEL_NONE */
};

static bool names_host(const struct plan *p, const char *pattern, uint32_t host)
{
	if (!strcmp(pattern, "*"))
		return p->topo.nodes[p->hosts[host].node].gpus > 0;
	return !strcmp(pattern, p->hosts[host].name);
}

/* @n: how many hosts the pattern names */
static int count_hosts(const struct plan *p, const struct job *job, const struct job_bulk *e,
		       const char *field, const char *pattern, uint32_t *n, struct dmsc_error *err)
{
	uint32_t h;

	for (*n = 0, h = 0; h < p->nr_hosts; h++)
		*n += names_host(p, pattern, h);
	if (*n)
		return 0;
	return dmsc_fail(err, -EINVAL, "%s:%u: bulk.%s: '%s', expected a host of topology %s",
			 job->file, e->line, field, pattern, p->topo.name);
}

/* Hosts that are named by both ends of an entry: nobody sends to the own host. */
static uint64_t count_both(const struct plan *p, const struct job_bulk *e)
{
	uint64_t n = 0;
	uint32_t h;

	for (h = 0; h < p->nr_hosts; h++)
		n += names_host(p, e->from, h) && names_host(p, e->to, h);
	return n;
}

/* The streams of a transfer from one host to one other: no more than it has bytes. */
static uint32_t streams_of(const struct job_bulk *e)
{
	return e->streams < e->bytes ? e->streams : e->bytes;
}

/* One end of an entry; a host's name that is too long is replaced by its number. */
static uint32_t add_end(struct builder *b, const struct job_bulk *e, uint32_t mic, uint32_t host,
			const char *end)
{
	const struct plan *p = b->plan;
	size_t n = strlen(p->job) + strlen(e->name) + strlen(p->hosts[host].name) + strlen(end) + 3;

	if (n < MODEL_NAME_LEN)
		return builder_instance(b, mic, host, -1, "%s.%s.%s.%s", p->job, e->name,
					p->hosts[host].name, end);
	return builder_instance(b, mic, host, -1, "%s.%s.%u.%s", p->job, e->name, host, end);
}

int bulk_place(struct builder *b, const struct job *job, struct bulk **out, struct dmsc_error *err)
{
	struct plan *p = b->plan;
	uint32_t i, h, n = job->nr_bulk * p->nr_hosts, first;
	uint64_t flows = 0;
	struct bulk *bulk = calloc(1, sizeof(*bulk));
	int ret;

	if (!bulk)
		return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	*out = bulk;
	bulk->first = p->nr_instances;
	bulk->sender = calloc(n + 1, sizeof(*bulk->sender));
	bulk->receiver = calloc(n + 1, sizeof(*bulk->receiver));
	if (!bulk->sender || !bulk->receiver)
		return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	memset(bulk->sender, 0xff, n * sizeof(*bulk->sender));
	memset(bulk->receiver, 0xff, n * sizeof(*bulk->receiver));
	for (i = 0; i < job->nr_bulk && !b->failed; i++) {
		const struct job_bulk *e = &job->bulk[i];
		uint32_t mic, senders, receivers;

		ret = count_hosts(p, job, e, "from", e->from, &senders, err);
		if (!ret)
			ret = count_hosts(p, job, e, "to", e->to, &receivers, err);
		if (ret)
			return ret;
		/* Now, before they are made: those of all hosts to all fill the memory. */
		flows += ((uint64_t)senders * receivers - count_both(p, e)) * streams_of(e);
		if (flows > MAX_FLOWS)
			return dmsc_fail(err, -EINVAL,
					 "%s:%u: bulk: %llu streams of this entry and those before, expected at most %u",
					 job->file, e->line, (unsigned long long)flows, MAX_FLOWS);
		mic = builder_mic(b, job->first_sid + p->nr_mics, "%s.%s", p->job, e->name);
		first = p->nr_instances;
		for (h = 0; h < p->nr_hosts; h++) {
			bool sends = names_host(p, e->from, h), receives = names_host(p, e->to, h);

			/* Nobody sends to the own host. */
			if (sends && receivers > receives)
				bulk->sender[i * p->nr_hosts + h] = add_end(b, e, mic, h, "tx");
			if (receives && senders > sends)
				bulk->receiver[i * p->nr_hosts + h] = add_end(b, e, mic, h, "rx");
		}
		if (first == p->nr_instances && !b->failed)
			return dmsc_fail(err, -EINVAL,
					 "%s:%u: bulk.to: '%s', expected a host other than '%s'",
					 job->file, e->line, e->to, e->from);
	}
	return 0;
}

/* Flows from host @from to host @to of entry @i: its streams, which share its bytes. */
static void entry_flows(struct builder *b, const struct job *job, const struct bulk *bulk,
			uint32_t i, uint32_t from, uint32_t to)
{
	uint32_t tx = bulk->sender[i * b->plan->nr_hosts + from];
	uint32_t rx = bulk->receiver[i * b->plan->nr_hosts + to], s;
	uint64_t bytes = job->bulk[i].bytes;
	uint32_t n = streams_of(&job->bulk[i]);

	if (tx == MODEL_NONE || rx == MODEL_NONE || from == to)
		return;
	for (s = 0; s < n && !b->failed; s++)
		builder_bulk_flow(b, tx, rx, bytes / n + (s < bytes % n));
}

/* The flows of each instance as a list: next[2 * flow] of its sender, [2 * flow + 1] of its receiver. */
static void bulk_steps(struct builder *b, const struct bulk *bulk, uint32_t first, uint32_t *head,
		       uint32_t *next)
{
	struct plan *p = b->plan;
	uint32_t f, k;

	memset(head, 0xff, p->nr_instances * sizeof(*head));
	for (f = p->nr_flows; f-- > first;) {
		next[2 * (f - first)] = head[p->flows[f].src];
		head[p->flows[f].src] = f;
		next[2 * (f - first) + 1] = head[p->flows[f].dst];
		head[p->flows[f].dst] = f;
	}
	for (k = bulk->first; k < p->nr_instances && !b->failed; k++) {
		builder_begin(b, k);
		for (f = head[k]; f != MODEL_NONE;) {
			bool sends = p->flows[f].src == k;

			builder_bulk_op(b, sends ? OP_SEND : OP_RECV, f);
			f = next[2 * (f - first) + !sends];
		}
	}
}

void bulk_flows(struct builder *b, const struct job *job, struct bulk *bulk)
{
	struct plan *p = b->plan;
	uint32_t i, from, to, first = p->nr_flows, *head, *next;

	for (i = 0; i < job->nr_bulk; i++) {
		for (from = 0; from < p->nr_hosts; from++) {
			for (to = 0; to < p->nr_hosts && !b->failed; to++)
				entry_flows(b, job, bulk, i, from, to);
		}
	}
	head = calloc(p->nr_instances + 1, sizeof(*head));
	next = calloc(2 * (p->nr_flows - first) + 1, sizeof(*next));
	if (head && next)
		bulk_steps(b, bulk, first, head, next);
	else
		b->failed = true;
	free(head);
	free(next);
}

void bulk_free(struct bulk *bulk)
{
	if (!bulk)
		return;
	free(bulk->sender);
	free(bulk->receiver);
	free(bulk);
}
