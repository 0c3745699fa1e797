// SPDX-License-Identifier: GPL-2.0-or-later
/* Task graphs: placed, carried out, ranked by deadline; bad ones refused with a line. */
#include <errno.h>

#include "selftests/unit/plan_check.h"

static int plan_of(const char *text, struct plan *p, struct dmsc_error *err)
{
	char *file = temp_file(text, strlen(text));
	struct topology topo;
	struct job j;
	int ret;

	if (topology_read(EXAMPLE_TOPO, &topo, err))
		fail_msg("%s", err->text);
	ret = job_read(file, &j, err);
	if (!ret) {
		ret = plan_job(&j, &topo, p, err);
		job_free(&j);
	}
	if (ret && strncmp(err->text, file, strlen(file)))
		fail_msg("'%s' does not name %s", err->text, file);
	topology_free(&topo);
	unlink(file);
	free(file);
	return ret;
}

static struct plan good_plan(const char *text)
{
	struct dmsc_error err;
	struct plan p;

	if (plan_of(text, &p, &err))
		fail_msg("%s", err.text);
	run_plan(&p);
	check_paths(&p);
	check_round_trip(&p);
	return p;
}

static uint32_t instance(const struct plan *p, const char *name)
{
	uint32_t i;

	for (i = 0; i < p->nr_instances; i++) {
		if (!strcmp(p->instances[i].name, name))
			return i;
	}
	fail_msg("no instance %s", name);
	return 0;
}

static const struct plan_flow *flow(const struct plan *p, const char *from, const char *to)
{
	uint32_t src = instance(p, from), dst = instance(p, to), i;

	for (i = 0; i < p->nr_flows; i++) {
		if (p->flows[i].src == src && p->flows[i].dst == dst)
			return &p->flows[i];
	}
	return NULL;
}

static void test_examples(void **state)
{
	static const char *const jobs[] = { "examples/datascience.yaml",
					    "examples/industrial.yaml" };
	uint32_t i, k, g;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct plan p = make_plan(jobs[i], EXAMPLE_TOPO, NULL);
		uint64_t gpus[8] = { 0 };

		check_all(&p);
		assert_string_equal(p.source, "tasks");
		/* what the files promise holds: nothing late, no period overrun */
		assert_int_equal(p.nr_notes, 0);
		for (k = 0; k < p.nr_instances; k++) {
			if (p.instances[k].gpu < 0)
				continue;
			g = 1U << p.instances[k].gpu;
			assert_false(gpus[p.instances[k].host] & g);
			gpus[p.instances[k].host] |= g;
		}
		plan_free(&p);
	}
}

/* Every byte of a flow arrives, whatever it is spread over. */
static void test_bytes(void **state)
{
	struct plan p = good_plan("name: x\ntasks:\n"
				  "  - {name: a, instances: 3, compute: 1ms}\n"
				  "  - {name: b, instances: 5, compute: 2ms}\n"
				  "  - {name: c, instances: 5}\n"
				  "flows:\n"
				  "  - {from: a, to: b, bytes: 1000}\n"
				  "  - {from: b, to: c, bytes: 1001, spread: pairs, class: tensor}\n"
				  "  - {from: a, to: c, bytes: 7}\n");
	uint64_t data = 0, tensor = 0;
	uint32_t i;

	(void)state;
	for (i = 0; i < p.nr_flows; i++)
		*(p.flows[i].class == DMSC_CLASS_TENSOR ? &tensor : &data) += p.flows[i].bytes;
	assert_int_equal(data, 1007);
	assert_int_equal(tensor, 1001);
	/* 1000 bytes in 15 parts; 1001 in 5; 7 bytes do not reach all 15 pairs */
	assert_in_range(flow(&p, "x.a.0", "x.b.4")->bytes, 66, 67);
	assert_in_range(flow(&p, "x.b.2", "x.c.2")->bytes, 200, 201);
	assert_null(flow(&p, "x.b.2", "x.c.3"));
	assert_true(p.critical_path >= 3000000 && p.critical_path < 3100000);
	plan_free(&p);
}

static void test_placement(void **state)
{
	struct plan p = good_plan("name: x\ntasks:\n"
				  "  - {name: in, host: host2}\n"
				  "  - {name: far, host: store0}\n"
				  "  - {name: work, gpus: 4}\n"
				  "  - {name: more, gpus: 8, instances: 2}\n"
				  "flows:\n"
				  "  - {from: in, to: work, bytes: 1GiB}\n"
				  "  - {from: far, to: work, bytes: 1MiB}\n"
				  "  - {from: work, to: more, bytes: 1GiB}\n");

	(void)state;
	/* beside most of its bytes; and where that host is full, elsewhere, each on its own */
	assert_int_equal(p.instances[instance(&p, "x.work.0")].host, 2);
	assert_int_not_equal(p.instances[instance(&p, "x.more.0")].host, 2);
	assert_int_not_equal(p.instances[instance(&p, "x.more.0")].host,
			     p.instances[instance(&p, "x.more.1")].host);
	assert_int_equal(flow(&p, "x.in.0", "x.work.0")->path, MODEL_NONE);
	/* an instance without flows of training may send as anybody, not as bulk */
	assert_int_equal(p.instances[instance(&p, "x.in.0")].class_default, DMSC_CLASS_DEFAULT);
	plan_free(&p);
}

/* Deadlines rank flows: slack is what is left of them, and below 0 it is said. */
static void test_deadlines(void **state)
{
	static const char text[] = "name: x\nperiod: 40ms\ntasks:\n"
				   "  - {name: a, host: host0, compute: 10ms}\n"
				   "  - {name: b, host: host1, compute: 10ms, deadline: %dms}\n"
				   "  - {name: c, host: host2, compute: 30ms}\n"
				   "flows:\n"
				   "  - {from: a, to: b, bytes: 1000}\n"
				   "  - {from: a, to: c, bytes: 1000, class: bulk}\n";
	char file[sizeof(text) + 20];
	struct plan p;

	(void)state;
	snprintf(file, sizeof(file), text, 25);
	p = good_plan(file);
	/* b begins at 15 ms at the latest, 5 ms after a is done, less 20 ns on the wire */
	assert_int_equal(flow(&p, "x.a.0", "x.b.0")->deadline, 15000000);
	assert_int_equal(flow(&p, "x.a.0", "x.b.0")->slack, 5000000 - 20);
	assert_int_equal(flow(&p, "x.a.0", "x.b.0")->class, DMSC_CLASS_DATA);
	assert_int_equal(flow(&p, "x.a.0", "x.c.0")->slack, 0);
	plan_free(&p);
	snprintf(file, sizeof(file), text, 19);
	p = good_plan(file);
	assert_true(flow(&p, "x.a.0", "x.b.0")->slack == -1000000 - 20);
	assert_int_equal(p.nr_notes, 2);
	assert_non_null(
		strstr(p.notes[0], "1 flows are late even without contention, x.a.0 to x.b.0"));
	assert_non_null(strstr(p.notes[1], "longer than the period"));
	plan_free(&p);
}

#define TASKS	  "name: x\ntasks:\n  - {name: a}\n  - {name: b, instances: 2}\n"
/* Longer than any class or spread, but a name. */
#define LONG_NAME "aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd"

static void test_refusals(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "name: x\ntasks: []\n", ":2: tasks: none, expected at least one" },
		{ "name: x\ntasks: {}\n", ":2: tasks: no sequence" },
		{ "name: x\ntasks: [{name: a}, {name: a}]\n",
		  ":2: tasks.name: 'a' is also on line 2" },
		{ "name: x\ntasks:\n  - {compute: 1s}\n", ":3: tasks[0].name: missing" },
		{ "name: x\ntasks:\n  - {name: a, compute: soon}\n",
		  ":3: tasks[0].compute: 'soon', expected a time such as 200ms" },
		{ "name: x\ntasks:\n  - {name: a, compute: 100000000s}\n",
		  ":3: tasks[0].compute: 1" },
		{ "name: x\ntasks:\n  - {name: a, instances: 1000000000}\n",
		  ":3: tasks[0].instances: 1000000000, expected 1 to 65536" },
		{ "name: x\ntasks:\n  - {name: a, instances: 65536}\n  - {name: b}\n",
		  ":4: tasks[1].instances: 65537 of all tasks so far" },
		{ "name: x\ntasks:\n  - {name: a, gpus: 9}\n",
		  ":3: tasks.gpus: instance 0 of a needs 9, expected as many free on a host of topology" },
		{ "name: x\ntasks:\n  - {name: a, gpus: 3, host: host1, instances: 3}\n",
		  ":3: tasks.gpus: instance 2 of a needs 3, expected as many free on host host1" },
		{ "name: x\ntasks:\n  - {name: a, host: nowhere}\n",
		  ":3: tasks.host: 'nowhere', expected a host of topology cluster4" },
		{ TASKS "flows:\n  - {from: a, to: c, bytes: 1}\n",
		  ":6: flows[0].to: 'c', expected a task of this file" },
		{ TASKS "flows:\n  - {from: a, to: a, bytes: 1}\n",
		  ":6: flows[0]: 'a' and 'a' wait for each other in a circle" },
		{ TASKS "flows:\n  - {from: a, to: b, bytes: 1}\n  - {from: b, to: a, bytes: 1}\n",
		  ":6: flows[0]: 'a' and 'b' wait for each other in a circle" },
		{ TASKS "flows:\n  - {from: a, to: b}\n", ":6: flows[0].bytes: missing" },
		{ TASKS "flows:\n  - {from: a, to: b, bytes: 0}\n",
		  ":6: flows[0].bytes: 0, expected" },
		{ TASKS "flows:\n  - {from: a, to: b, bytes: 1, class: fast}\n",
		  ":6: flows[0].class: 'fast', expected the name of a class" },
		{ TASKS "flows:\n  - {from: a, to: b, bytes: 1, class: " LONG_NAME "}\n",
		  ":6: flows[0].class: '" LONG_NAME "', expected a text" },
		{ TASKS "flows:\n  - {from: a, to: b, bytes: 1, spread: " LONG_NAME "}\n",
		  ":6: flows[0].spread: '" LONG_NAME "', expected a text" },
		{ TASKS "flows:\n  - {from: a, to: b, bytes: 1, spread: pairs}\n",
		  ":6: flows[0].spread: pairs of 1 and 2 instances" },
		{ TASKS "flows:\n  - {from: a, to: b, bytes: 1, spread: some}\n",
		  ":6: flows[0].spread: 'some', expected all or pairs" },
		{ TASKS "parallel: {}\n", ":5: parallel: beside tasks, expected one or the other" },
		{ TASKS "preset: gpt-13b\n", ":5: preset: beside tasks" },
		{ "name: x\nflows: []\npreset: gpt-13b\nparallel: {}\n", ":2: flows: without tasks" },
		{ "name: x\ntasks: [{name: a, instances: 30000}, {name: b, instances: 30000}]\n"
		  "flows: [{from: a, to: b, bytes: 1TB}]\n",
		  ":2: flows: more than 4194304 steps an iteration" },
	};
	struct dmsc_error err;
	struct plan p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(plan_of(bad[i].text, &p, &err), -EINVAL);
		if (!strstr(err.text, bad[i].says))
			fail_msg("'%s' does not say '%s'", err.text, bad[i].says);
		assert_null(strchr(err.text, '\n'));
	}
}

static uint32_t seed = 17;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* Random graphs without circles plan, and their plans end. */
static void test_random(void **state)
{
	static char text[1 << 16];
	int round;

	(void)state;
	for (round = 0; round < 60; round++) {
		uint32_t n = 1 + rnd(12), i, len;
		struct plan p;

		len = sprintf(text, "name: x\ntasks:\n");
		for (i = 0; i < n; i++)
			len += sprintf(text + len,
				       "  - {name: t%u, instances: %u, compute: %uus%s}\n", i,
				       1 + rnd(5), rnd(1000), rnd(4) ? "" : ", gpus: 1");
		len += sprintf(text + len, "flows:\n");
		for (i = 0; i < 2 * n && n > 1; i++) {
			uint32_t to = 1 + rnd(n - 1);

			len += sprintf(text + len,
				       "  - {from: t%u, to: t%u, bytes: %u, class: %s}\n", rnd(to),
				       to, 1 + rnd(1000000), dmsc_class_name(rnd(8)));
		}
		if (n == 1)
			len += sprintf(text + len, "  []\n");
		p = good_plan(text);
		check_instances(&p);
		plan_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),  cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_placement), cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_refusals),  cmocka_unit_test(test_random),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
