// SPDX-License-Identifier: GPL-2.0-or-later
/* The emulator's pure parts: scale, messages, order of steps, quantiles, qdiscs. */
#include <errno.h>
#include <math.h>

#include "plan_util.h"

#include "emulator/qdisc.h"
#include "emulator/results.h"
#include "emulator/steps.h"

static struct plan gpt;

static int setup_all(void **state)
{
	(void)state;
	gpt = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL);
	return 0;
}

static int teardown_all(void **state)
{
	(void)state;
	plan_free(&gpt);
	return 0;
}

static void test_scale(void **state)
{
	struct dmsc_error err;
	struct scale s;

	(void)state;
	assert_int_equal(scale_choose(&s, &gpt, 10000000, 20000, &err), 0);
	assert_true(fabs(s.rate - 40000) < 1e-6);
	assert_true(fabs(s.time - 2) < 1e-9);
	assert_int_equal(scale_rate(&s, 400000000000ULL), 10000000);
	assert_int_equal(scale_bytes(&s, 20000 * 1000ULL), 1000);
	assert_int_equal(scale_bytes(&s, 1), 1);
	assert_int_equal(scale_to_real(&s, 1000), 2000);
	assert_int_equal(scale_to_emulated(&s, 2000), 1000);

	/* Chosen so that what the plan predicts takes two seconds, but for rounding. */
	assert_int_equal(scale_choose(&s, &gpt, 10000000, 0, &err), 0);
	assert_true(gpt.critical_path * s.time < 2.2e9);
	assert_true(fabs(s.time * s.bytes - s.rate) < 1e-6 * s.rate);

	assert_int_equal(scale_choose(&s, &gpt, 1000, 0, &err), -EINVAL);
	assert_non_null(strstr(err.text, "--link-rate"));
}

static void test_messages(void **state)
{
	struct scale s = { .rate = 1, .bytes = 1000, .time = 1e-3 };
	struct dmsc_error err;
	struct messages m;
	uint64_t sum = 0;
	uint32_t i, f;

	(void)state;
	assert_int_equal(messages_build(&m, &gpt, &s, &err), 0);
	for (f = 0; f < gpt.nr_flows; f++)
		sum += gpt.flows[f].messages;
	assert_int_equal(m.nr, sum);
	for (i = 0; i < m.nr; i++) {
		const struct message *msg = &m.list[i];

		assert_int_equal(gpt.ops[msg->send].kind, OP_SEND);
		assert_int_equal(gpt.ops[msg->recv].kind, OP_RECV);
		assert_int_equal(gpt.ops[msg->send].flow, msg->flow);
		assert_int_equal(gpt.ops[msg->recv].flow, msg->flow);
		assert_in_range(i, m.first[msg->flow], m.first[msg->flow + 1] - 1);
		assert_int_equal(m.of_op[msg->send], i);
		assert_int_equal(m.of_op[msg->recv], i);
		assert_int_equal(msg->bytes, scale_bytes(&s, gpt.ops[msg->send].amount));
		/* The same place in the flow at both ends. */
		if (i > m.first[msg->flow]) {
			assert_true(m.list[i - 1].send < msg->send);
			assert_true(m.list[i - 1].recv < msg->recv);
		}
	}
	messages_free(&m);
}

static void test_messages_unlike(void **state)
{
	struct scale s = { .rate = 1, .bytes = 1, .time = 1 };
	struct dmsc_error err;
	struct messages m;
	uint64_t was;
	uint32_t i;

	(void)state;
	for (i = 0; gpt.ops[i].kind != OP_RECV; i++)
		;
	was = gpt.ops[i].amount++;
	assert_int_equal(messages_build(&m, &gpt, &s, &err), -EINVAL);
	gpt.ops[i].amount = was;
	gpt.ops[i].kind = OP_COMPUTE;
	assert_int_equal(messages_build(&m, &gpt, &s, &err), -EINVAL);
	gpt.ops[i].kind = OP_RECV;
}

/* 0 compute -> 1 compute, 2 send; 3 receive waits for 1 and 2; 4 a bulk send. */
static const uint32_t diamond_deps[] = { 0, 0, 1, 2 };
static struct plan_op diamond_ops[] = {
	{ .kind = OP_COMPUTE, .amount = 100 },
	{ .kind = OP_COMPUTE, .amount = 50, .first_dep = 0, .nr_deps = 1 },
	{ .kind = OP_SEND, .flow = 0, .first_dep = 1, .nr_deps = 1 },
	{ .kind = OP_RECV, .flow = 0, .first_dep = 2, .nr_deps = 2 },
	{ .kind = OP_SEND, .flow = 1 },
};

static void test_steps(void **state)
{
	struct plan_flow flows[] = { { .messages = 1 }, { .bulk = true, .messages = 1 } };
	uint32_t op_start[] = { 0, 5 };
	struct plan p = {
		.nr_ops = 5,
		.ops = diamond_ops,
		.op_start = op_start,
		.nr_instances = 1,
		.deps = (uint32_t *)diamond_deps,
		.nr_deps = 4,
		.flows = flows,
		.nr_flows = 2,
	};
	uint64_t done[5], at;
	struct steps s;
	int round;

	(void)state;
	assert_int_equal(steps_make(&s, &p, 0, done), 0);
	for (round = 0; round < 2; round++) {
		memset(done, 0, sizeof(done));
		steps_restart(&s, 1000);
		assert_int_equal(s.nr_left, 4);
		assert_int_equal(steps_next(&s, &at), 0);
		assert_int_equal(at, 1000);
		steps_compute(&s, 0, at + 100);
		assert_int_equal(steps_next(&s, &at), 4);
		assert_int_equal(steps_next(&s, &at), MODEL_NONE);
		assert_int_equal(steps_expire(&s, 1099), 1100);
		/* Woken late: what follows begins when it should have. */
		assert_int_equal(steps_expire(&s, 1500), UINT64_MAX);
		assert_int_equal(steps_next(&s, &at), 1);
		assert_int_equal(at, 1100);
		steps_compute(&s, 1, at + 50);
		assert_int_equal(steps_next(&s, &at), 2);
		assert_int_equal(at, 1100);
		steps_done(&s, 2, 1200);
		assert_false(steps_waiting(&s, 3));
		assert_int_equal(steps_expire(&s, 1500), UINT64_MAX);
		assert_int_equal(steps_next(&s, &at), 3);
		assert_int_equal(at, 1200);
		assert_true(steps_waiting(&s, 3));
		assert_int_equal(s.nr_left, 1);
		/* It had come before it was waited for. */
		steps_done(&s, 3, 1150);
		assert_int_equal(done[3], 1200);
		assert_int_equal(s.nr_left, 0);
		assert_int_equal(s.last, 1200);
		assert_int_equal(steps_next(&s, &at), MODEL_NONE);
	}
	steps_free(&s);
}

static void test_timers(void **state)
{
	struct plan_op ops[] = { { .kind = OP_COMPUTE },
				 { .kind = OP_COMPUTE },
				 { .kind = OP_COMPUTE } };
	uint32_t op_start[] = { 0, 3 };
	struct plan p = { .nr_ops = 3, .ops = ops, .op_start = op_start, .nr_instances = 1 };
	uint64_t done[3] = { 0 };
	struct steps s;

	(void)state;
	assert_int_equal(steps_make(&s, &p, 0, done), 0);
	steps_restart(&s, 0);
	steps_compute(&s, 0, 30);
	steps_compute(&s, 1, 10);
	steps_compute(&s, 2, 20);
	assert_int_equal(steps_expire(&s, 0), 10);
	assert_int_equal(steps_expire(&s, 15), 20);
	assert_int_equal(done[1], 10);
	assert_int_equal(done[2], 0);
	assert_int_equal(steps_expire(&s, 40), UINT64_MAX);
	assert_int_equal(done[0], 30);
	assert_int_equal(s.nr_left, 0);
	steps_free(&s);
}

#define ROUNDS 5

/* Rounds whose messages of a class take 1, 2, 3, ... ms. */
static void test_results(void **state)
{
	static const uint64_t times[ROUNDS] = { 50, 10, 40, 20, 30 };
	struct scale s = { .rate = 100, .bytes = 50, .time = 2 };
	uint32_t i, m, per_round = 0, n = 0;
	struct dmsc_error err;
	struct messages ms;
	struct results r;

	(void)state;
	assert_int_equal(messages_build(&ms, &gpt, &s, &err), 0);
	r = (struct results){ .plan = &gpt,
			      .scale = &s,
			      .messages = &ms,
			      .nr_setups = 1,
			      .iterations = ROUNDS,
			      .setups = { &setup_stock } };
	r.rounds = calloc(ROUNDS, sizeof(*r.rounds));
	for (i = 0; i < ROUNDS; i++) {
		struct round *round = &r.rounds[r.nr_rounds++];

		round->iteration = i;
		round->time = times[i] * 2;
		round->cpu_idle = 0.1;
		round->retransmits = i;
		round->bulk_rate = 7;
		round->utilisation = calloc(2 * gpt.topo.nr_links, sizeof(*round->utilisation));
		round->utilisation[3] = i / 10.0;
		round->start = calloc(ms.nr, sizeof(*round->start));
		round->end = calloc(ms.nr, sizeof(*round->end));
		for (m = 0; m < ms.nr; m++) {
			const struct plan_flow *f = &gpt.flows[ms.list[m].flow];

			if (f->class != DMSC_CLASS_PIPELINE ||
			    !results_remote(&gpt, ms.list[m].flow))
				continue;
			round->start[m] = 1000;
			round->end[m] = 1000 + 2 * ++n; /* n ns emulated */
			per_round += !i;
		}
	}
	assert_int_equal(results_summarise(&r, &err), 0);
	assert_int_equal(r.per[0].median, 30);
	assert_int_equal(r.per[0].p95, 50);
	assert_int_equal(r.per[0].min, 10);
	assert_int_equal(r.per[0].max, 50);
	assert_int_equal(r.rounds[r.per[0].typical].iteration, 4);
	assert_true(fabs(r.per[0].retransmits - 2) < 1e-9);
	assert_true(fabs(r.per[0].bulk_goodput - 700) < 1e-6);
	assert_true(fabs(r.per[0].utilisation[3] - 0.2) < 1e-9);
	assert_non_null(strstr(r.warnings.data, "CPU"));

	assert_true(per_round > 0);
	assert_int_equal(r.per[0].remote[DMSC_CLASS_PIPELINE].messages, n);
	assert_int_equal(n, ROUNDS * per_round);
	assert_int_equal(r.per[0].remote[DMSC_CLASS_PIPELINE].p50, (n + 1) / 2);
	assert_int_equal(r.per[0].remote[DMSC_CLASS_PIPELINE].p99, (n * 99 + 99) / 100);
	assert_int_equal(r.per[0].remote[DMSC_CLASS_PIPELINE].max, n);
	assert_int_equal(r.per[0].remote[DMSC_CLASS_BULK].messages, 0);
	assert_ptr_equal(results_find(&r, "stock"), &r.per[0]);
	assert_null(results_find(&r, "dmsc"));
	results_free(&r);
	messages_free(&ms);
}

static void test_bands(void **state)
{
	struct qdisc_band bands[DMSC_NR_CLASSES];
	uint32_t seen = 0, i;

	(void)state;
	qdisc_bands(bands);
	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		seen |= 1U << bands[i].class;
		/* ets wants its strict bands first. */
		assert_true(!i || bands[i].strict <= bands[i - 1].strict);
		assert_int_equal(bands[i].strict, bands[i].weight == 0);
	}
	assert_int_equal(seen, 0xff);
	assert_int_equal(bands[0].class, DMSC_CLASS_CONTROL);
	assert_int_equal(bands[DMSC_NR_CLASSES - 1].class, DMSC_CLASS_BULK);

	/* 200 ms at 10 Mbit/s; a floor for slow links; the module's ceiling for fast ones. */
	assert_int_equal(qdisc_limit(10000000), 250000);
	assert_int_equal(qdisc_limit(100000), 32 * EMULATED_FRAME);
	assert_int_equal(qdisc_limit(400000000000ULL), DMSC_LIMIT_MAX);
}

static void test_text(void **state)
{
	struct text t = { 0 };
	int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		text_add(&t, "%d,", i);
	assert_false(t.failed);
	assert_int_equal(t.len, strlen(t.data));
	assert_non_null(strstr(t.data, ",998,999,"));
	text_free(&t);
	assert_null(t.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scale),		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_messages_unlike), cmocka_unit_test(test_steps),
		cmocka_unit_test(test_timers),		cmocka_unit_test(test_results),
		cmocka_unit_test(test_bands),		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
