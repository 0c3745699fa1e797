// SPDX-License-Identifier: GPL-2.0-or-later
#include "emulator/round.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "emulator/interrupt.h"

#define ORDER_MS     120000	  /* for what takes milliseconds on a machine that is not loaded */
#define LEAD_NS	     200000000ULL /* so that all processes wait when the start comes */
#define SETTLE_TRIES 200	  /* of 50 ms, until the fabric is empty */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int order(const struct round_env *env, struct worker_order *o, enum worker_order_kind kind,
		 struct dmsc_error *err)
{
	o->kind = kind;
	return control_order(env->control, o, ORDER_MS, err);
}

static int allocate(const struct round_env *env, struct round *r)
{
	uint32_t nr_edges = 2 * env->plan->topo.nr_links;

	r->utilisation = calloc(nr_edges + 1, sizeof(*r->utilisation));
	r->by_class = calloc(nr_edges + 1, sizeof(*r->by_class));
	r->class_bytes = calloc(nr_edges + 1, sizeof(*r->class_bytes));
	r->start = calloc(env->messages->nr + 1, sizeof(*r->start));
	r->end = calloc(env->messages->nr + 1, sizeof(*r->end));
	r->bulk = calloc(env->shared->nr_bulk + 1, sizeof(*r->bulk));
	return r->utilisation && r->by_class && r->class_bytes && r->start && r->end && r->bulk ?
		       0 :
		       -ENOMEM;
}

void round_free(struct round *r, uint32_t nr_bulk)
{
	uint32_t i;

	for (i = 0; i < nr_bulk && r->bulk; i++) {
		free(r->bulk[i].start);
		free(r->bulk[i].end);
	}
	free(r->utilisation);
	free(r->by_class);
	free(r->class_bytes);
	free(r->start);
	free(r->end);
	free(r->bulk);
	memset(r, 0, sizeof(*r));
}

static int collect_bulk(const struct round_env *env, struct round *r, uint64_t t0)
{
	const struct shared *s = env->shared;
	uint32_t f, i;

	for (f = 0; f < env->plan->nr_flows; f++) {
		const struct shared_bulk *b;
		struct round_bulk *to;
		double seconds;

		if (s->bulk_of_flow[f] == MODEL_NONE)
			continue;
		b = &s->bulk[s->bulk_of_flow[f]];
		to = &r->bulk[s->bulk_of_flow[f]];
		to->flow = f;
		to->nr = b->nr_started < BULK_RECORDS ? b->nr_started : BULK_RECORDS;
		to->start = calloc(to->nr + 1, sizeof(*to->start));
		to->end = calloc(to->nr + 1, sizeof(*to->end));
		if (!to->start || !to->end)
			return -ENOMEM;
		for (i = 0; i < to->nr; i++) {
			to->start[i] = b->start[i] > t0 ? b->start[i] - t0 : 0;
			to->end[i] = i < b->nr_done ? b->end[i] - t0 : 0;
		}
		r->bulk_bytes += b->received;
		seconds = (s->workers[env->plan->flows[f].dst].stopped_at - t0) / 1e9;
		r->bulk_rate += b->received * 8 / fmax(seconds, 1e-9);
	}
	return 0;
}

/* Every byte that was planned has to have come, and no other. */
static int check_bytes(const struct round_env *env, struct dmsc_error *err)
{
	uint64_t *planned = calloc(env->plan->nr_instances + 1, sizeof(*planned));
	const struct messages *m = env->messages;
	int ret = 0;
	uint32_t i;

	if (!planned)
		return dmsc_fail(err, -ENOMEM, "no memory");
	for (i = 0; i < m->nr; i++)
		if (!env->plan->flows[m->list[i].flow].bulk)
			planned[env->plan->flows[m->list[i].flow].dst] += m->list[i].bytes;
	for (i = 0; i < env->plan->nr_instances && !ret; i++)
		if (env->shared->workers[i].received != planned[i])
			ret = dmsc_fail(err, -EIO, "%s: received %llu bytes, expected %llu",
					env->plan->instances[i].name,
					(unsigned long long)env->shared->workers[i].received,
					(unsigned long long)planned[i]);
	free(planned);
	return ret;
}

static int collect(const struct round_env *env, struct round *r, uint64_t t0,
		   const struct measure_edge *before, const struct measure_edge *after,
		   struct dmsc_error *err)
{
	const struct topology *t = &env->plan->topo;
	uint32_t i, k;

	for (i = 0; i < env->plan->nr_instances; i++) {
		const struct shared_worker *w = &env->shared->workers[i];

		if (w->done_at - t0 > r->time)
			r->time = w->done_at - t0;
		r->retransmits += w->retransmits;
		r->received += w->received;
	}
	for (i = 0; i < 2 * t->nr_links; i++) {
		double seconds = (after[i].at - t0) / 1e9;
		uint64_t drops = after[i].drops - before[i].drops;

		r->utilisation[i] = (after[i].bytes - before[i].bytes) * 8 /
				    (seconds * scale_rate(env->scale, t->links[i / 2].rate));
		if (t->nodes[cluster_end(&t->links[i / 2], i & 1)].kind == NODE_HOST)
			r->host_drops += drops;
		else
			r->fabric_drops += drops;
		r->by_class[i] = after[i].by_class;
		for (k = 0; k < DMSC_NR_CLASSES; k++)
			r->class_bytes[i][k] = after[i].class_bytes[k] - before[i].class_bytes[k];
	}
	for (i = 0; i < env->messages->nr; i++) {
		if (env->plan->flows[env->messages->list[i].flow].bulk)
			continue;
		r->start[i] = env->shared->start[i] - t0;
		r->end[i] = env->shared->end[i] - t0;
	}
	if (collect_bulk(env, r, t0))
		return dmsc_fail(err, -ENOMEM, "no memory");
	return check_bytes(env, err);
}

/* What bulk flows left in the queues must not count for, or slow, the next round. */
static int settle(const struct round_env *env, struct measure_edge *edges, struct dmsc_error *err)
{
	const struct timespec pause = { 0, 50 * 1000 * 1000 };
	int ret, i;

	for (i = 0; i < SETTLE_TRIES; i++) {
		ret = measure_qdiscs(env->cluster, edges, err);
		if (ret)
			return ret;
		if (!measure_backlog(env->cluster, edges))
			return 0;
		if (interrupt_pending())
			return dmsc_fail(err, -EINTR, "interrupted");
		nanosleep(&pause, NULL);
	}
	return dmsc_fail(err, -ETIMEDOUT, "the links do not run empty after a round");
}

static int run_steps(const struct round_env *env, struct round *r, struct worker_order *o,
		     struct dmsc_error *err)
{
	struct measure_cpu cpu[2] = { 0 };
	struct text pending = { 0 };
	struct timespec at;
	int ret;

	o->kind = WORKER_START;
	o->start = now_ns() + LEAD_NS;
	ret = control_send(env->control, o, err);
	if (ret)
		return ret;
	at.tv_sec = o->start / 1000000000;
	at.tv_nsec = o->start % 1000000000;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
	measure_cpu(env->cluster, &cpu[0]);
	ret = control_wait(env->control, WORKER_START, env->timeout_ms, err);
	measure_cpu(env->cluster, &cpu[1]);
	if (cpu[1].total > cpu[0].total) {
		double ticks = cpu[1].total - cpu[0].total;

		r->cpu_idle = (cpu[1].idle - cpu[0].idle) / ticks;
		r->cpu_daemons =
			(cpu[1].daemons - cpu[0].daemons) / 1e9 * sysconf(_SC_CLK_TCK) / ticks;
	}
	if (ret == -ETIMEDOUT) {
		control_pending(env->control, env->messages, 8, &pending);
		if (pending.data)
			fprintf(stderr, "emulator: the iteration hangs; what is waited for:\n%s",
				pending.data);
		text_free(&pending);
		ret = dmsc_fail(err, -ETIMEDOUT, "the iteration did not end within %d s (--timeout)",
				env->timeout_ms / 1000);
	}
	return ret;
}

static int run_connected(const struct round_env *env, struct round *r, struct worker_order *o,
			 struct measure_edge *before, struct measure_edge *after,
			 struct dmsc_error *err)
{
	int ret;

	ret = measure_qdiscs(env->cluster, before, err);
	if (!ret)
		ret = measure_bytes(env->cluster, before, err);
	if (!ret)
		ret = run_steps(env, r, o, err);
	if (!ret)
		ret = measure_bytes(env->cluster, after, err);
	if (!ret)
		ret = order(env, o, WORKER_STOP, err);
	if (!ret)
		ret = measure_qdiscs(env->cluster, after, err);
	if (!ret)
		ret = order(env, o, WORKER_CLOSE, err);
	return ret;
}

int round_run(const struct round_env *env, const struct setup *s, struct round *r,
	      struct dmsc_error *err)
{
	uint32_t nr_edges = 2 * env->plan->topo.nr_links;
	struct measure_edge *before = calloc(nr_edges + 1, sizeof(*before));
	struct measure_edge *after = calloc(nr_edges + 1, sizeof(*after));
	struct worker_order o = { .mark = s->mark };
	int ret;

	memcpy(o.dscp, env->setup->profile.dscp, sizeof(o.dscp));
	shared_clear(env->shared);
	if (!before || !after || allocate(env, r)) {
		ret = dmsc_fail(err, -ENOMEM, "no memory");
		goto out;
	}
	ret = s->enter(env->setup, err);
	if (!ret)
		ret = order(env, &o, WORKER_LISTEN, err);
	if (!ret)
		ret = order(env, &o, WORKER_CONNECT, err);
	if (!ret)
		ret = run_connected(env, r, &o, before, after, err);
	if (!ret)
		ret = collect(env, r, o.start, before, after, err);
	if (!ret)
		ret = settle(env, after, err);
	if (!ret && s->leave)
		ret = s->leave(env->setup, err);
out:
	free(before);
	free(after);
	return ret;
}
