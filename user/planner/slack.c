// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The critical path of an iteration and each flow's slack: earliest and latest
 * completion of every step, with compute times as given and every message at
 * the rate of the link that it leaves by. Contention is not modelled: slack
 * ranks flows, it does not predict times.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/plan_steps.h"
#include "planner/internal.h"

#define MAX_TIME 4e18 /* ns; the sum of all steps, so that none overflows */

struct timing {
	struct plan *p;
	uint32_t *peer, *order;
	int64_t *early, *late; /* completion, ns */
	uint64_t local_rate;
};

static bool is_bulk(const struct plan *p, const struct plan_op *op)
{
	return op->kind != OP_COMPUTE && p->flows[op->flow].bulk;
}

static double duration(const struct timing *t, uint32_t i)
{
	return plan_step_ns(t->p, t->local_rate, &t->p->ops[i]);
}

static void later(int64_t *time, int64_t than)
{
	if (*time < than)
		*time = than;
}

static void sooner(int64_t *time, int64_t than)
{
	if (*time > than)
		*time = than;
}

static void run_forward(struct timing *t)
{
	struct plan *p = t->p;
	uint32_t n, i, k;

	for (n = 0; n < p->nr_ops; n++) {
		const struct plan_op *op = &p->ops[i = t->order[n]];

		for (k = op->first_dep; k < op->first_dep + op->nr_deps; k++)
			later(&t->early[i], t->early[p->deps[k]]);
		if (op->kind == OP_RECV)
			later(&t->early[i], t->early[t->peer[i]]);
		t->early[i] += (int64_t)duration(t, i);
		if (!is_bulk(p, op) && t->early[i] > (int64_t)p->critical_path)
			p->critical_path = t->early[i];
	}
}

static void run_backward(struct timing *t)
{
	struct plan *p = t->p;
	int64_t end = p->critical_path;
	uint32_t n, i, k, f;

	for (i = 0; i < p->nr_ops; i++) {
		const struct plan_op *op = &p->ops[i];

		t->late[i] = end;
		if (op->kind != OP_COMPUTE && p->flows[op->flow].deadline)
			sooner(&t->late[i], p->flows[op->flow].deadline);
	}
	for (n = p->nr_ops; n-- > 0;) {
		const struct plan_op *op = &p->ops[i = t->order[n]];

		for (k = op->first_dep; k < op->first_dep + op->nr_deps; k++)
			sooner(&t->late[p->deps[k]], t->late[i] - (int64_t)duration(t, i));
		if (op->kind == OP_RECV)
			sooner(&t->late[t->peer[i]], t->late[i]);
	}
	/* Bulk belongs to no iteration: nothing waits for it. */
	for (f = 0; f < p->nr_flows; f++)
		p->flows[f].slack = end;
	/*
	 * A message may end as late as those who wait for it can bear: its receiver,
	 * and what its sender does next.
	 */
	for (i = 0; i < p->nr_ops; i++) {
		if (p->ops[i].kind == OP_SEND && !is_bulk(p, &p->ops[i]))
			sooner(&p->flows[p->ops[i].flow].slack, t->late[i] - t->early[i]);
	}
}

/* The step that @i waited for longest; MODEL_NONE when it waited for nothing. */
static uint32_t waited_for(const struct timing *t, uint32_t i)
{
	const struct plan *p = t->p;
	const struct plan_op *op = &p->ops[i];
	uint32_t found = op->kind == OP_RECV ? t->peer[i] : MODEL_NONE, k;

	for (k = op->first_dep; k < op->first_dep + op->nr_deps; k++) {
		if (found == MODEL_NONE || t->early[p->deps[k]] > t->early[found])
			found = p->deps[k];
	}
	return found;
}

/* Back from the step that ends last, along what each one waited for. */
static bool trace(struct timing *t)
{
	struct plan *p = t->p;
	uint32_t i, last = MODEL_NONE, n = 0;

	for (i = 0; i < p->nr_ops; i++) {
		if (!is_bulk(p, &p->ops[i]) && t->early[i] == (int64_t)p->critical_path)
			last = last == MODEL_NONE ? i : last;
	}
	for (i = last; i != MODEL_NONE; i = waited_for(t, i))
		n++;
	p->critical = calloc(n + 1, sizeof(*p->critical));
	if (!p->critical)
		return false;
	p->nr_critical = n;
	for (i = last; i != MODEL_NONE; i = waited_for(t, i))
		p->critical[--n] = i;
	return true;
}

static int run(struct timing *t, const char *source, struct dmsc_error *err)
{
	struct plan *p = t->p;
	uint32_t flow, i;
	double sum = 0;
	int ret;

	for (i = 0; i < p->nr_ops; i++)
		sum += duration(t, i);
	if (sum > MAX_TIME)
		return dmsc_fail(err, -EINVAL,
				 "%s: parallel: messages and computation take %.3g s at the rates of topology %s, expected at most %.3g s",
				 source, sum / 1e9, p->topo.name, MAX_TIME / 1e9);
	ret = plan_match(p, t->peer, &flow);
	if (ret == -EINVAL)
		return dmsc_fail(err, ret, "%s: flows: a receive of %s, expected a send for each",
				 source, p->instances[p->flows[flow].dst].name);
	if (!ret)
		ret = plan_order(p, t->peer, t->order);
	if (ret == -EINVAL)
		return dmsc_fail(err, ret,
				 "%s: steps: they wait for each other in a circle, expected an order that ends",
				 source);
	if (ret)
		return dmsc_fail(err, ret, "out of memory for the plan");
	run_forward(t);
	run_backward(t);
	if (!trace(t))
		return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	return 0;
}

int plan_slack(struct plan *p, const char *source, struct dmsc_error *err)
{
	struct timing t = { .p = p, .local_rate = plan_local_rate(p) };
	uint32_t n = p->nr_ops + 1;
	int ret;

	t.peer = calloc(n, sizeof(*t.peer));
	t.order = calloc(n, sizeof(*t.order));
	t.early = calloc(n, sizeof(*t.early));
	t.late = calloc(n, sizeof(*t.late));
	if (!t.peer || !t.order || !t.early || !t.late)
		ret = dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	else
		ret = run(&t, source, err);
	free(t.peer);
	free(t.order);
	free(t.early);
	free(t.late);
	return ret;
}
