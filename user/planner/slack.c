// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The critical path of an iteration and each flow's slack: earliest and latest
 * completion of every step, with compute times as given and every message at
 * the rate of the link that it leaves by. Contention is not modelled: slack
 * ranks flows, it does not predict times.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "planner/internal.h"

/* Within a host: NVLink-like, this many times the fastest link of the fabric. */
#define LOCAL_SPEEDUP	8

struct timing {
	struct plan *p;
	uint32_t *peer;			/* the send of a receive, the receive of a send */
	uint32_t *pending;		/* dependencies not yet done */
	uint32_t *succ_start, *succ;
	uint64_t *early, *late;		/* completion, ns */
	uint32_t *order;
	uint64_t local_rate;
};

static bool is_bulk(const struct plan *p, const struct plan_op *op)
{
	return op->kind != OP_COMPUTE && p->flows[op->flow].bulk;
}

/* The n-th receive of a flow waits for its n-th send. */
static bool match(struct timing *t)
{
	struct plan *p = t->p;
	uint32_t *next = calloc(p->nr_flows + 1, sizeof(*next)), *sends, *start, i, f, n = 0;
	bool ok = true;

	start = calloc(p->nr_flows + 1, sizeof(*start));
	sends = calloc(p->nr_ops + 1, sizeof(*sends));
	if (!next || !start || !sends) {
		ok = false;
		goto out;
	}
	for (f = 0; f < p->nr_flows; f++) {
		start[f] = n;
		n += p->flows[f].messages;
	}
	for (i = 0; i < p->nr_ops; i++) {
		if (p->ops[i].kind == OP_SEND)
			sends[start[p->ops[i].flow] + next[p->ops[i].flow]++] = i;
		t->peer[i] = MODEL_NONE;
	}
	memset(next, 0, p->nr_flows * sizeof(*next));
	for (i = 0; i < p->nr_ops; i++) {
		f = p->ops[i].flow;
		if (p->ops[i].kind != OP_RECV)
			continue;
		if (next[f] >= p->flows[f].messages ||
		    p->ops[sends[start[f] + next[f]]].amount != p->ops[i].amount) {
			ok = false;
			break;
		}
		t->peer[i] = sends[start[f] + next[f]++];
		t->peer[t->peer[i]] = i;
	}
out:
	free(next);
	free(start);
	free(sends);
	return ok;
}

static bool successors(struct timing *t)
{
	struct plan *p = t->p;
	uint32_t i, k, *fill;

	t->succ_start = calloc(p->nr_ops + 2, sizeof(*t->succ_start));
	t->succ = calloc(p->nr_deps + 1, sizeof(*t->succ));
	fill = calloc(p->nr_ops + 1, sizeof(*fill));
	if (!t->succ_start || !t->succ || !fill) {
		free(fill);
		return false;
	}
	for (i = 0; i < p->nr_deps; i++)
		t->succ_start[p->deps[i] + 1]++;
	for (i = 0; i < p->nr_ops; i++)
		t->succ_start[i + 1] += t->succ_start[i];
	for (i = 0; i < p->nr_ops; i++) {
		for (k = p->ops[i].first_dep; k < p->ops[i].first_dep + p->ops[i].nr_deps; k++)
			t->succ[t->succ_start[p->deps[k]] + fill[p->deps[k]]++] = i;
	}
	free(fill);
	return true;
}

static uint64_t duration(const struct timing *t, uint32_t i)
{
	const struct plan_op *op = &t->p->ops[i];
	uint64_t rate = t->local_rate;

	if (op->kind == OP_COMPUTE)
		return op->amount;
	if (op->kind == OP_RECV)
		return 0;
	if (t->p->flows[op->flow].path != MODEL_NONE)
		rate = t->p->topo.links[t->p->paths[t->p->flows[op->flow].path].link].rate;
	return (double)op->amount * 8e9 / rate;
}

/* A topological order over all instances; false when steps wait in a circle. */
static bool run_forward(struct timing *t)
{
	struct plan *p = t->p;
	uint32_t head = 0, tail = 0, i, k, next;

	for (i = 0; i < p->nr_ops; i++) {
		t->pending[i] = p->ops[i].nr_deps + (p->ops[i].kind == OP_RECV);
		if (!t->pending[i])
			t->order[tail++] = i;
	}
	while (head < tail) {
		i = t->order[head++];
		t->early[i] += duration(t, i);
		for (k = t->succ_start[i]; k < t->succ_start[i + 1]; k++) {
			next = t->succ[k];
			if (t->early[next] < t->early[i])
				t->early[next] = t->early[i];
			if (!--t->pending[next])
				t->order[tail++] = next;
		}
		if (p->ops[i].kind == OP_SEND && t->peer[i] != MODEL_NONE) {
			next = t->peer[i];
			if (t->early[next] < t->early[i])
				t->early[next] = t->early[i];
			if (!--t->pending[next])
				t->order[tail++] = next;
		}
		if (!is_bulk(p, &p->ops[i]) && t->early[i] > p->critical_path)
			p->critical_path = t->early[i];
	}
	return tail == p->nr_ops;
}

static void run_backward(struct timing *t)
{
	struct plan *p = t->p;
	uint32_t n, i, k, f;
	uint64_t latest;

	for (n = p->nr_ops; n-- > 0;) {
		i = t->order[n];
		t->late[i] = p->critical_path;
		for (k = t->succ_start[i]; k < t->succ_start[i + 1]; k++) {
			latest = t->late[t->succ[k]] - duration(t, t->succ[k]);
			if (latest < t->late[i])
				t->late[i] = latest;
		}
		if (p->ops[i].kind == OP_SEND && t->peer[i] != MODEL_NONE &&
		    t->late[t->peer[i]] < t->late[i])
			t->late[i] = t->late[t->peer[i]];
	}
	for (f = 0; f < p->nr_flows; f++)
		p->flows[f].slack = p->flows[f].bulk ? (int64_t)p->critical_path : INT64_MAX;
	for (i = 0; i < p->nr_ops; i++) {
		int64_t slack = (int64_t)(t->late[i] - t->early[i]);

		f = p->ops[i].flow;
		if (p->ops[i].kind == OP_RECV && !p->flows[f].bulk && slack < p->flows[f].slack)
			p->flows[f].slack = slack;
	}
}

int plan_slack(struct plan *p, struct dmsc_error *err)
{
	struct timing t = { .p = p };
	uint32_t i, n = p->nr_ops + 1;
	int ret = 0;

	for (i = 0; i < p->topo.nr_links; i++) {
		if (p->topo.links[i].rate * LOCAL_SPEEDUP > t.local_rate)
			t.local_rate = p->topo.links[i].rate * LOCAL_SPEEDUP;
	}
	t.peer = calloc(n, sizeof(*t.peer));
	t.pending = calloc(n, sizeof(*t.pending));
	t.order = calloc(n, sizeof(*t.order));
	t.early = calloc(n, sizeof(*t.early));
	t.late = calloc(n, sizeof(*t.late));
	if (!t.peer || !t.pending || !t.order || !t.early || !t.late || !successors(&t))
		ret = dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	else if (!match(&t))
		ret = dmsc_fail(err, -EINVAL, "plan: a receive without its send");
	else if (!run_forward(&t))
		ret = dmsc_fail(err, -EINVAL, "plan: steps wait for each other in a circle");
	else
		run_backward(&t);
	free(t.peer);
	free(t.pending);
	free(t.order);
	free(t.early);
	free(t.late);
	free(t.succ_start);
	free(t.succ);
	return ret;
}
