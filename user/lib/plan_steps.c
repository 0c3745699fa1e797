// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/plan_steps.h"

#define LOCAL_SPEEDUP 8

uint64_t plan_local_rate(const struct plan *p)
{
	uint64_t rate = 0;
	uint32_t i;

	for (i = 0; i < p->topo.nr_links; i++) {
		if (p->topo.links[i].rate * LOCAL_SPEEDUP > rate)
			rate = p->topo.links[i].rate * LOCAL_SPEEDUP;
	}
	return rate;
}

double plan_step_ns(const struct plan *p, uint64_t local_rate, const struct plan_op *op)
{
	uint64_t rate = local_rate;

	if (op->kind == OP_COMPUTE)
		return op->amount;
	if (op->kind == OP_RECV)
		return 0;
	if (p->flows[op->flow].path != MODEL_NONE)
		rate = p->topo.links[p->paths[p->flows[op->flow].path].link].rate;
	return (double)op->amount * 8e9 / rate;
}

struct flow_count {
	uint32_t start; /* of the flow's messages in the list of sends */
	uint32_t sends, receives;
	uint64_t bytes;
};

static bool match_flows(const struct plan *p, struct flow_count *c, uint32_t *sends, uint32_t *peer,
			uint32_t *flow)
{
	uint32_t i, f, n = 0;

	for (i = 0; i < p->nr_ops; i++) {
		peer[i] = MODEL_NONE;
		if (p->ops[i].kind == OP_SEND)
			c[p->ops[i].flow].sends++;
	}
	for (f = 0; f < p->nr_flows; f++) {
		c[f].start = n;
		n += c[f].sends;
		c[f].sends = 0;
	}
	for (i = 0; i < p->nr_ops; i++) {
		f = p->ops[i].flow;
		if (p->ops[i].kind == OP_SEND)
			sends[c[f].start + c[f].sends++] = i;
	}
	for (i = 0; i < p->nr_ops; i++) {
		uint32_t send;

		if (p->ops[i].kind != OP_RECV)
			continue;
		*flow = f = p->ops[i].flow;
		if (c[f].receives == c[f].sends)
			return false;
		send = sends[c[f].start + c[f].receives++];
		if (p->ops[send].amount != p->ops[i].amount ||
		    __builtin_add_overflow(c[f].bytes, p->ops[i].amount, &c[f].bytes))
			return false;
		peer[i] = send;
		peer[send] = i;
	}
	for (f = 0; f < p->nr_flows; f++) {
		*flow = f;
		if (c[f].sends != c[f].receives || c[f].sends != p->flows[f].messages ||
		    c[f].bytes != p->flows[f].bytes)
			return false;
	}
	return true;
}

int plan_match(const struct plan *p, uint32_t *peer, uint32_t *flow)
{
	struct flow_count *c = calloc(p->nr_flows + 1, sizeof(*c));
	uint32_t *sends = calloc(p->nr_ops + 1, sizeof(*sends));
	int ret = -ENOMEM;

	*flow = 0;
	if (c && sends)
		ret = match_flows(p, c, sends, peer, flow) ? 0 : -EINVAL;
	free(c);
	free(sends);
	return ret;
}

bool plan_followers(const struct plan *p, struct plan_followers *f)
{
	uint32_t i, k;

	f->start = calloc(p->nr_ops + 2, sizeof(*f->start));
	f->op = calloc(p->nr_deps + 1, sizeof(*f->op));
	if (!f->start || !f->op)
		return false;
	/* Counted one further on, so that filling in moves each start to its place. */
	for (i = 0; i < p->nr_deps; i++)
		f->start[p->deps[i] + 2]++;
	for (i = 0; i < p->nr_ops; i++)
		f->start[i + 2] += f->start[i + 1];
	for (i = 0; i < p->nr_ops; i++) {
		for (k = p->ops[i].first_dep; k < p->ops[i].first_dep + p->ops[i].nr_deps; k++)
			f->op[f->start[p->deps[k] + 1]++] = i;
	}
	return true;
}

/* Kahn (1962): what waits for nothing comes next. */
static bool drain(const struct plan *p, const uint32_t *peer, const struct plan_followers *f,
		  uint32_t *pending, uint32_t *order)
{
	uint32_t head = 0, tail = 0, i, k;

	for (i = 0; i < p->nr_ops; i++) {
		pending[i] = p->ops[i].nr_deps + (p->ops[i].kind == OP_RECV);
		if (!pending[i])
			order[tail++] = i;
	}
	while (head < tail) {
		i = order[head++];
		for (k = f->start[i]; k < f->start[i + 1]; k++) {
			if (!--pending[f->op[k]])
				order[tail++] = f->op[k];
		}
		if (p->ops[i].kind == OP_SEND && !--pending[peer[i]])
			order[tail++] = peer[i];
	}
	return tail == p->nr_ops;
}

int plan_order(const struct plan *p, const uint32_t *peer, uint32_t *order)
{
	uint32_t *pending = calloc(p->nr_ops + 1, sizeof(*pending));
	struct plan_followers f = { NULL, NULL };
	int ret = -ENOMEM;

	if (pending && plan_followers(p, &f))
		ret = drain(p, peer, &f, pending, order) ? 0 : -EINVAL;
	free(pending);
	free(f.start);
	free(f.op);
	return ret;
}
