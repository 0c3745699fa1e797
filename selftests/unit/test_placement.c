// SPDX-License-Identifier: GPL-2.0-or-later
/* Placements that the job file gives: respected rank by rank, assessed, or refused with a line. */
#include <errno.h>

#include "selftests/unit/plan_check.h"

/* The example job with @placement as its fifth line. */
static char *job_with(const char *placement)
{
	size_t len;
	char *text = slurp(EXAMPLE_JOB, &len), *at = strstr(text, "name: gpt13b\n") + 13, *file;
	char *all = malloc(len + strlen(placement) + 2);

	assert_non_null(all);
	sprintf(all, "%.*s%s\n%s", (int)(at - text), text, placement, at);
	file = temp_file(all, strlen(all));
	free(all);
	free(text);
	return file;
}

static struct plan plan_with(const char *placement)
{
	char *file = job_with(placement);
	struct plan p = make_plan(file, EXAMPLE_TOPO, NULL);

	unlink(file);
	free(file);
	check_paths(&p);
	check_instances(&p);
	return p;
}

static const char *host_of(const struct plan *p, uint32_t rank)
{
	return p->hosts[p->instances[rank].host].name;
}

static void test_hosts(void **state)
{
	struct plan p = plan_with("placement: {hosts: \"host[3,0-1],host2\"}");
	static const char *const want[] = { "host3", "host0", "host1", "host2" };
	uint32_t i;

	(void)state;
	for (i = 0; i < 32; i++) {
		assert_string_equal(host_of(&p, i), want[i / 8]);
		assert_int_equal(p.instances[i].gpu, i % 8);
	}
	assert_true(p.placement.given && p.placement.compared);
	/* The four hosts are alike: another order of them costs nothing. */
	assert_true(p.placement.bytes == p.placement.own_bytes);
	assert_true(p.placement.worst <= p.placement.own_worst * 1.001);
	check_round_trip(&p);
	plan_free(&p);
}

/* One rank each in turn: every tensor group lies over all hosts, and that costs. */
static void test_cyclic(void **state)
{
	struct plan p = plan_with("placement: {hosts: \"host[0-3]\", distribution: cyclic}");
	uint64_t bytes = 0;
	uint32_t i;
	char want[8];

	(void)state;
	for (i = 0; i < 32; i++) {
		snprintf(want, sizeof(want), "host%u", i % 4);
		assert_string_equal(host_of(&p, i), want);
		assert_int_equal(p.instances[i].gpu, i / 4);
	}
	for (i = 0; i < p.nr_flows; i++) {
		if (!p.flows[i].bulk && p.flows[i].path != MODEL_NONE)
			bytes += p.flows[i].bytes;
	}
	assert_true(p.placement.bytes == bytes);
	assert_true(p.placement.bytes > 5 * p.placement.own_bytes);
	assert_true(p.placement.worst > 5 * p.placement.own_worst);
	assert_true(p.placement.path > p.placement.own_path);
	plan_free(&p);
}

static void test_ranks(void **state)
{
	struct plan p = plan_with("placement: {ranks: [{ranks: 8-15, host: host0}, "
				  "{ranks: 0-7, host: host2}, {ranks: 16-23, host: host1}, "
				  "{ranks: 24-27, host: host3, gpu: 4}, {ranks: 28, host: host3}, "
				  "{ranks: 29-31, host: host3}]}");
	static const int32_t last[] = { 4, 5, 6, 7, 0, 1, 2, 3 };
	uint32_t i;

	(void)state;
	for (i = 0; i < 24; i++)
		assert_string_equal(host_of(&p, i), i < 8 ? "host2" : i < 16 ? "host0" : "host1");
	for (i = 0; i < 8; i++) {
		assert_string_equal(host_of(&p, 24 + i), "host3");
		assert_int_equal(p.instances[24 + i].gpu, last[i]);
	}
	plan_free(&p);
}

/* Nothing given: nothing is said of it. */
static void test_none(void **state)
{
	struct plan p = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL);

	(void)state;
	assert_false(p.placement.given);
	plan_free(&p);
}

static void test_refused(void **state)
{
	static const struct {
		const char *placement, *says;
	} cases[] = {
		{ "placement: {hosts: \"host[0-3],node9\"}",
		  ":5: placement.hosts: 'node9', expected a host of topology cluster4" },
		{ "placement: {hosts: \"host[0-2]\"}",
		  ":5: placement.hosts: room for 24 ranks, expected it for 32" },
		{ "placement: {hosts: \"host[0-3]\", ranks_per_host: 7}",
		  ":5: placement.hosts: room for 28 ranks, expected it for 32" },
		{ "placement: {hosts: \"host[0-3]\", ranks_per_host: 9}",
		  ":5: placement.hosts: rank 8 needs GPU 8 of host0, expected one of its 8" },
		{ "placement: {hosts: \"host[0-3],host1\"}",
		  ":5: placement.hosts: 'host1' is given twice, expected once" },
		{ "placement: {hosts: \"host[0-\"}", ":5: placement.hosts:" },
		{ "placement: {hosts: \"host[0-1000000000]\"}", ":5: placement.hosts:" },
		{ "placement: {hosts: \"store0\"}", ":5: placement.hosts: room for 0 ranks" },
		{ "placement: {}", ":5: placement: neither hosts nor ranks, expected one of" },
		{ "placement: {hosts: host0, ranks: []}",
		  ":5: placement: hosts and ranks, expected" },
		{ "placement: {ranks: []}", ":5: placement.ranks: empty, expected at least one" },
		{ "placement: {ranks: [{ranks: 0-31, host: host0}], distribution: cyclic}",
		  ":5: placement.distribution: beside ranks, expected it beside hosts" },
		{ "placement: {hosts: host0, distribution: random}",
		  ":5: placement.distribution: 'random', expected block or cyclic" },
		{ "placement: {ranks: [{ranks: 7-0, host: host0}]}",
		  ":5: placement.ranks[0].ranks: '7-0', expected a rank or FIRST-LAST" },
		{ "placement: {ranks: [{ranks: 0-32, host: host0}]}",
		  ":5: placement.ranks: rank 32, expected less than 32" },
		{ "placement: {ranks: [{ranks: 0-8, host: host0}]}",
		  ":5: placement.ranks: rank 8 needs GPU 8 of host0, expected one of its 8" },
		{ "placement: {ranks: [{ranks: 0, host: host0, gpu: 1}, {ranks: 1, host: host0, gpu: 1}]}",
		  ":5: placement.ranks: rank 1 and another one on GPU 1 of host0" },
		{ "placement: {ranks: [{ranks: 0-3, host: host0}, {ranks: 3, host: host1}]}",
		  ":5: placement.ranks: rank 3 is on host0 already, expected once" },
		{ "placement: {ranks: [{ranks: 0-3, host: host0}]}",
		  ":5: placement.ranks: rank 4 has no place, expected one for each of 32" },
		{ "placement: {ranks: [{ranks: 0-3, host: nowhere}]}",
		  ":5: placement.ranks.host: 'nowhere', expected a host of topology" },
	};
	struct topology t;
	struct dmsc_error err;
	uint32_t i;

	(void)state;
	assert_int_equal(topology_read(EXAMPLE_TOPO, &t, &err), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *file = job_with(cases[i].placement);
		struct plan p;
		struct job j;
		int ret = job_read(file, &j, &err);

		if (!ret) {
			ret = plan_job(&j, &t, &p, &err);
			if (!ret)
				plan_free(&p);
			job_free(&j);
		}
		if (ret != -EINVAL || strncmp(err.text, file, strlen(file)) ||
		    strncmp(err.text + strlen(file), cases[i].says, strlen(cases[i].says)))
			fail_msg("%s: got %d '%s', expected '%s'", cases[i].placement, ret,
				 ret ? err.text : "", cases[i].says);
		unlink(file);
		free(file);
	}
	topology_free(&t);
}

/* A tensor group that is one instance cannot be on two hosts. */
static void test_group(void **state)
{
	char *file = job_with("placement: {hosts: \"host[0-3]\", distribution: cyclic}");
	struct dmsc_error err;
	struct topology t;
	struct plan p;
	struct job j;

	(void)state;
	assert_int_equal(job_read(file, &j, &err), 0);
	assert_int_equal(topology_read(EXAMPLE_TOPO, &t, &err), 0);
	j.par.instances = INSTANCES_GROUP;
	assert_int_equal(plan_job(&j, &t, &p, &err), -EINVAL);
	assert_non_null(strstr(err.text, ":5: placement: ranks 0 and 1 on two hosts, expected one"));
	j.fixed->cyclic = false;
	assert_int_equal(plan_job(&j, &t, &p, &err), 0);
	assert_int_equal(p.instances[1].gpu, 0);
	assert_string_equal(host_of(&p, 1), "host1");
	plan_free(&p);
	job_free(&j);
	topology_free(&t);
	unlink(file);
	free(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),	cmocka_unit_test(test_cyclic),
		cmocka_unit_test(test_ranks),	cmocka_unit_test(test_none),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_group),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
