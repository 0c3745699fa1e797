/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every plan must fulfil: it can be carried out, its paths lead where they should. */
#ifndef DMSC_SELFTESTS_PLAN_CHECK_H
#define DMSC_SELFTESTS_PLAN_CHECK_H

#include "selftests/unit/plan_util.h"

/*
 * Carries a plan out without a network: a step ends when what it waits for has
 * ended; messages of a flow are sent, and received, in the order of the steps.
 */
static inline void run_plan(const struct plan *p)
{
	uint32_t *sent = calloc(p->nr_flows + 1, sizeof(*sent));
	uint32_t *received = calloc(p->nr_flows + 1, sizeof(*received));
	uint32_t *next_send = calloc(p->nr_flows + 1, sizeof(*next_send));
	uint32_t *seq = calloc(p->nr_ops + 1, sizeof(*seq));
	uint64_t *bytes = calloc(p->nr_flows + 1, sizeof(*bytes));
	bool *done = calloc(p->nr_ops + 1, sizeof(*done)), progress = true;
	uint32_t i, k, left = p->nr_ops;

	/* the number of each message within its flow, on both sides */
	for (i = 0; i < p->nr_ops; i++) {
		const struct plan_op *op = &p->ops[i];

		if (op->kind == OP_SEND)
			seq[i] = next_send[op->flow]++;
		else if (op->kind == OP_RECV)
			seq[i] = received[op->flow]++;
	}
	memset(received, 0, p->nr_flows * sizeof(*received));
	while (left && progress) {
		progress = false;
		for (i = 0; i < p->nr_ops; i++) {
			const struct plan_op *op = &p->ops[i];
			bool ready = !done[i];

			for (k = 0; ready && k < op->nr_deps; k++)
				ready = done[p->deps[op->first_dep + k]];
			if (ready && op->kind == OP_SEND)
				ready = sent[op->flow] == seq[i];
			if (ready && op->kind == OP_RECV)
				ready = sent[op->flow] > seq[i] && received[op->flow] == seq[i];
			if (!ready)
				continue;
			if (op->kind == OP_SEND) {
				sent[op->flow]++;
				bytes[op->flow] += op->amount;
			} else if (op->kind == OP_RECV) {
				received[op->flow]++;
			}
			done[i] = true;
			progress = true;
			left--;
		}
	}
	assert_int_equal(left, 0);
	for (i = 0; i < p->nr_flows; i++) {
		assert_int_equal(sent[i], received[i]);
		assert_int_equal(sent[i], p->flows[i].messages);
		assert_true(bytes[i] == p->flows[i].bytes);
	}
	free(sent);
	free(received);
	free(next_send);
	free(seq);
	free(bytes);
	free(done);
}

/* Every path leads from its source to its destination, all of it. */
static inline void check_paths(const struct plan *p)
{
	double *in = calloc(p->topo.nr_nodes, sizeof(*in));
	double *load = calloc(2 * p->topo.nr_links + 1, sizeof(*load));
	uint32_t i, k, n;

	for (i = 0; i < p->nr_paths; i++) {
		const struct plan_path *path = &p->paths[i];
		uint32_t src = p->hosts[path->src_host].node, dst = p->hosts[path->dst_host].node;

		memset(in, 0, p->topo.nr_nodes * sizeof(*in));
		for (k = 0; k < path->nr_edges; k++) {
			const struct topo_link *l = &p->topo.links[path->edges[k] / 2];
			bool back = path->edges[k] & 1;

			in[back ? l->b : l->a] -= path->share[k];
			in[back ? l->a : l->b] += path->share[k];
		}
		for (n = 0; n < p->topo.nr_nodes; n++) {
			double expected = n == src ? -1 : n == dst ? 1 : 0;

			assert_true(in[n] > expected - 1e-9 && in[n] < expected + 1e-9);
		}
	}
	for (i = 0; i < p->nr_flows; i++) {
		const struct plan_flow *f = &p->flows[i];

		if (p->instances[f->src].host == p->instances[f->dst].host) {
			assert_int_equal(f->path, MODEL_NONE);
			continue;
		}
		assert_true(f->path < p->nr_paths);
		plan_flow_load(p, f, 1, load);
	}
	for (i = 0; i < 2 * p->topo.nr_links; i++)
		assert_true(load[i] - p->edge_load[i] < 1 && p->edge_load[i] - load[i] < 1);
	free(in);
	free(load);
}

static inline void check_instances(const struct plan *p)
{
	uint32_t i, k, c;

	for (i = 0; i < p->nr_instances; i++) {
		const struct plan_instance *a = &p->instances[i];

		assert_true(a->sid && a->host < p->nr_hosts);
		for (k = 0; k < i; k++) {
			const struct plan_instance *b = &p->instances[k];

			assert_true(a->sid != b->sid && strcmp(a->name, b->name));
			for (c = 0; c < DMSC_NR_CLASSES && a->host == b->host; c++) {
				assert_true(!a->slot[c] || a->slot[c] != b->slot[c]);
				assert_true(!a->port[c] || a->port[c] != b->port[c]);
			}
		}
	}
	for (i = 0; i < p->nr_flows; i++) {
		const struct plan_flow *f = &p->flows[i];

		assert_true(p->instances[f->src].slot[f->class]);
		assert_true(p->instances[f->dst].port[f->class]);
		assert_true(p->instances[f->src].class_mask & 1 << f->class);
		assert_true(f->slack >= 0);
	}
}

static inline void check_round_trip(const struct plan *p)
{
	struct dmsc_error err;
	struct plan back;
	char *a = plan_to_text(p, &err), *b;

	assert_non_null(a);
	if (plan_from_text(a, strlen(a), &back, &err))
		fail_msg("%s", err.text);
	b = plan_to_text(&back, &err);
	assert_string_equal(a, b);
	plan_free(&back);
	free(a);
	free(b);
}

static inline void check_all(struct plan *p)
{
	run_plan(p);
	check_paths(p);
	check_instances(p);
	check_round_trip(p);
	assert_true(p->critical_path > 0);
}

#endif /* DMSC_SELFTESTS_PLAN_CHECK_H */
