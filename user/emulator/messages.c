// SPDX-License-Identifier: GPL-2.0-or-later
#include "emulator/messages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int count(struct messages *m, const struct plan *p, struct dmsc_error *err)
{
	uint32_t *recvs = calloc(p->nr_flows + 1, sizeof(*recvs)), i, f;
	int ret = 0;

	if (!recvs)
		return dmsc_fail(err, -ENOMEM, "no memory");
	for (i = 0; i < p->nr_ops; i++) {
		if (p->ops[i].kind == OP_SEND)
			m->first[p->ops[i].flow + 1]++;
		else if (p->ops[i].kind == OP_RECV)
			recvs[p->ops[i].flow]++;
	}
	for (f = 0; f < p->nr_flows && !ret; f++) {
		if (m->first[f + 1] != recvs[f])
			ret = dmsc_fail(err, -EINVAL,
					"plan: flow %u: %u sends and %u receives, expected as many",
					f, m->first[f + 1], recvs[f]);
		m->first[f + 1] += m->first[f];
	}
	m->nr = m->first[p->nr_flows];
	free(recvs);
	return ret;
}

/* The n-th receive of a flow belongs to its n-th send. */
static int match(struct messages *m, const struct plan *p, const struct scale *s,
		 struct dmsc_error *err)
{
	uint32_t *next[2] = { NULL, NULL }, i, k;
	int ret = 0;

	for (k = 0; k < 2; k++)
		next[k] = calloc(p->nr_flows + 1, sizeof(*next[k]));
	if (!next[0] || !next[1])
		ret = dmsc_fail(err, -ENOMEM, "no memory");
	for (i = 0; i < p->nr_ops && !ret; i++) {
		const struct plan_op *op = &p->ops[i];
		struct message *msg;

		m->of_op[i] = MODEL_NONE;
		if (op->kind == OP_COMPUTE)
			continue;
		m->of_op[i] = m->first[op->flow] + next[op->kind == OP_RECV][op->flow]++;
		msg = &m->list[m->of_op[i]];
		msg->flow = op->flow;
		if (op->kind == OP_SEND)
			msg->send = i;
		else
			msg->recv = i;
		msg->bytes = scale_bytes(s, op->amount);
	}
	for (i = 0; i < m->nr && !ret; i++)
		if (p->ops[m->list[i].send].amount != p->ops[m->list[i].recv].amount)
			ret = dmsc_fail(err, -EINVAL, "plan: flow %u: a receive unlike its send",
					m->list[i].flow);
	free(next[0]);
	free(next[1]);
	return ret;
}

int messages_build(struct messages *m, const struct plan *p, const struct scale *s,
		   struct dmsc_error *err)
{
	int ret;

	memset(m, 0, sizeof(*m));
	m->first = calloc(p->nr_flows + 2, sizeof(*m->first));
	m->of_op = calloc(p->nr_ops + 1, sizeof(*m->of_op));
	ret = m->first && m->of_op ? count(m, p, err) : dmsc_fail(err, -ENOMEM, "no memory");
	if (!ret) {
		m->list = calloc(m->nr + 1, sizeof(*m->list));
		ret = m->list ? match(m, p, s, err) : dmsc_fail(err, -ENOMEM, "no memory");
	}
	if (ret)
		messages_free(m);
	return ret;
}

void messages_free(struct messages *m)
{
	free(m->list);
	free(m->first);
	free(m->of_op);
	memset(m, 0, sizeof(*m));
}
