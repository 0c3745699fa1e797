// SPDX-License-Identifier: GPL-2.0-or-later
/* Bad files: one line that names file, line and field, and nothing taken over. */
#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "selftests/unit/plan_util.h"

struct change {
	const char *from, *to;		/* in a good file; from NULL: the whole file */
	const char *says;		/* after the file's name */
};

static const struct change jobs[] = {
	{ "layers: 40", "layers: 0", ":5: model.layers: 0, expected 1 to 100000" },
	{ "layers: 40", "layers: -1", ":5: model.layers: '-1', expected a whole number" },
	{ "layers: 40", "layers: many", ":5: model.layers: 'many', expected a whole number" },
	{ "layers: 40", "layers: 1000000000", ":5: model.layers: 1000000000, expected" },
	{ "layers: 40", "layers: 99999999999999999999999", ":5: model.layers:" },
	{ "layers: 40", "layers: [40]", ":5: model.layers: a sequence, expected" },
	{ "layers: 40", "layers: 40\n  layers: 41", ":6: model.layers: given twice" },
	{ "layers: 40", "layer: 40", ":5: model.layer: unknown key" },
	{ "layers: 40\n", "hidden: 5120\n", ":6: model.hidden: given twice" },
	{ "  layers: 40\n", "", ":5: model.layers: missing" },
	{ "tensor: 8", "tensor: 0", ":13: parallel.tensor: 0, expected 1 to" },
	{ "tensor: 8", "tensor: 7", "parallel.tensor: 7 does not divide model.hidden (5120)" },
	{ "pipeline: 2", "pipeline: 3", "parallel.pipeline: 3 does not divide model.layers (40)" },
	{ "data: 2", "data: 10000000", ":15: parallel.data: 10000000, expected 1 to 65536" },
	{ "data: 2", "data: 65536", "ranks, expected at most 65536" },
	{ "zero: 1", "zero: 4", ":16: parallel.zero: 4, expected 0 to 3" },
	{ "zero: 1", "zero: 3", "parallel.zero: 3 with pipeline 2" },
	{ "zero: 1", "expert: 2", "parallel.expert: 2, but model.moe is missing" },
	{ "micro_batch: 1", "micro_batch: 65536\n  sequence: true",
	  "parallel.micro_batch: activations of more than" },
	{ "4GiB", "1PB", "bulk[0].bytes: 1PB, expected 1 to" },
	{ "4GiB", "0", "bulk[0].bytes: 0, expected 1 to" },
	{ "4GiB", "4 apples", "bulk[0].bytes: '4 apples', expected a size" },
	{ "name: loading", "name: checkpoint", "bulk[1].name: 'checkpoint' is given twice" },
	{ "gpu_flops: 150T", "gpu_flops: fast", "gpu_flops: 'fast', expected a number" },
	{ "gpu_flops: 150T", "gpu_flops: 0", "gpu_flops: 0, expected" },
	{ "name: gpt13b\n", "name: \"../etc\"\n", ":3: name: '../etc', expected a name" },
	{ "model:", "model", "YAML:" },
	{ "name: gpt13b\n", "name: gpt13b\nname: x\n", ":4: name: given twice" },
	{ "name: gpt13b\n", "name: gpt13b\nfirst_sid: 0\n", ":4: first_sid: 0, expected 1 to" },
	{ NULL, "", "empty, expected a mapping" },
	{ NULL, "- a\n- b\n", ":1: file: a sequence, expected a mapping" },
	{ NULL, "\x01\x02\xff", "YAML:" },
	{ NULL, "a: *nothing\n", "YAML:" },
	{ NULL, "? [a, b]\n: c\n", "a key that is no word" },
};

static const struct change topologies[] = {
	{ "gpus: 8", "gpus: 65", ":5: hosts[0].gpus: 65, expected 0 to 64" },
	{ "name: host1", "name: host0", "hosts[1].name: 'host0' is also on line 5" },
	{ "10.255.0.2", "10.255.0.1", "hosts[1].address: 10.255.0.1 is also on line 5" },
	{ "10.255.0.1", "127.0.0.1", "hosts[0].address: '127.0.0.1', expected a unicast" },
	{ "10.255.0.1", "10.255.0.256", "hosts[0].address: '10.255.0.256'" },
	{ "tier: leaf", "tier: core", "switches[0].tier: 'core', expected leaf or spine" },
	{ "\"host0:rail0\"", "\"host9:rail0\"", "links[0].a: there is no node 'host9'" },
	{ "\"host0:rail0\"", "\"host0\"", "links[0].a: 'host0', expected NODE:INTERFACE" },
	{ "\"host0:rail0\"", "\"host0:a/b\"", "expected NODE:INTERFACE" },
	{ "\"host0:rail0\"", "\"host0:seventeenletters1\"", "expected NODE:INTERFACE" },
	{ "\"leaf0:host0\"", "\"host0:x\"", "links[0]: both ends are at" },
	{ "\"leaf0:host0\"", "\"host1:x\"", "links[0].b: 'host1' is a host" },
	{ "10.0.0.0/31", "10.0.0.1/31", "links[0].subnet: '10.0.0.1/31', expected" },
	{ "10.0.0.0/31", "10.0.0.0/30", "links[0].subnet: '10.0.0.0/30', expected" },
	{ "10.0.0.2/31", "10.0.0.0/31", "links[1].subnet: also on line" },
	{ "\"host0:rail1\"", "\"host0:rail0\"", "links[1]: an interface of it is also on line" },
	{ "rate: 400Gbit", "rate: 0bit", "links[0].rate: 0bit, expected" },
	{ "rate: 400Gbit", "rate: 400", "links[0].rate: '400', expected a rate" },
	{ "rate: 400Gbit", "rate: 400Gbit, mtu: 9000", "links[0].mtu: unknown key" },
	{ "name: store0, gpus: 0, address: 10.255.1.1}",
	  "name: store0, gpus: 0, address: 10.255.1.1}\n  - {name: alone, gpus: 1, address: 10.255.9.9}",
	  "links: none leads to 'alone'" },
	{ NULL, "name: x\nhosts: []\nlinks: []\n", "hosts: none, expected at least one" },
	{ NULL, "name: x\nhosts: {}\nlinks: []\n", "hosts: no sequence" },
};

static const char good_aicb[] =
	"[rank0 ~ rank15]\n"
	"comm_type,comm_group,comm_group_size,msg_size,stage,dst,src,additional,_elapsed_time,algbw,busbw,count\n"
	"CommType.all_reduce,CommGroup.tp_group,8,1000,forward.X,None,None,,None,None,None,1\n"
	"CommType.reduce_scatter,CommGroup.dp_group,2,1000,step,None,None,,None,None,None,1\n"
	"CommType.epoch_end,None,None,0,,None,None,,None,None,None,1\n";

static const struct change aicb[] = {
	{ "CommType.epoch_end,None,None,0,,None,None,,None,None,None,1\n", "", "truncated" },
	{ ",None,None,,None,None,None,1\nCommType.epoch", ",No", ":4: row:" },
	{ "1000,forward", "1e9,forward", ":3: msg_size: '1e9', expected a whole number" },
	{ "1000,forward", "-5,forward", ":3: msg_size: '-5'" },
	{ "1000,forward", "1125899906842624,forward", ":3: msg_size:" },
	{ "all_reduce", "all_shrink", ":3: comm_type: 'CommType.all_shrink'" },
	{ "tp_group", "xp_group", ":3: comm_group: 'CommGroup.xp_group'" },
	{ "forward.X", "sideways", ":3: stage: 'sideways'" },
	{ ",8,1000", ",0,1000", ":3: comm_group_size: '0'" },
	{ "[rank0 ~ rank15]\n", "", ":2: row:" },
	{ "rank15", "rank14", "ranks: 15, expected tensor 8 x data 2 x pipeline 1" },
	{ "rank15", "rank99999999", ":1: ranks:" },
	{ NULL, "", "expected an AICB workload" },
	{ NULL, "hello\nworld\n", ":1: row:" },
};

static char *apply_change(const char *good, const struct change *c, size_t *len)
{
	const char *at = c->from ? strstr(good, c->from) : NULL;
	char *text;

	if (!c->from) {
		*len = strlen(c->to);
		return strdup(c->to);
	}
	if (!at)
		fail_msg("'%s' is not in the good file", c->from);
	*len = strlen(good) - strlen(c->from) + strlen(c->to);
	text = malloc(*len + 1);
	sprintf(text, "%.*s%s%s", (int)(at - good), good, c->to, at + strlen(c->from));
	return text;
}

enum kind { JOB, TOPOLOGY, AICB };

static int parse(enum kind kind, const char *file, struct dmsc_error *err)
{
	struct workload w = { 0 };
	struct topology t = { 0 };
	struct job j = { 0 };
	int ret;

	ret = kind == JOB ? job_read(file, &j, err) : kind == TOPOLOGY ? topology_read(file, &t, err) :
							  workload_read_aicb(file, &w, err);
	job_free(&j);
	topology_free(&t);
	workload_free(&w);
	return ret;
}

static void check_table(enum kind kind, const char *good, const struct change *c, size_t n)
{
	struct dmsc_error err;
	char *text, *file;
	size_t len;

	for (; n--; c++) {
		text = apply_change(good, c, &len);
		file = temp_file(text, len);
		err.text[0] = '\0';
		if (parse(kind, file, &err) != -EINVAL)
			fail_msg("'%s' was taken", c->to);
		if (strncmp(err.text, file, strlen(file)) || !strstr(err.text, c->says) ||
		    strchr(err.text, '\n'))
			fail_msg("'%s' does not say '%s'", err.text, c->says);
		unlink(file);
		free(file);
		free(text);
	}
}

#define TABLE(kind, good, table) check_table(kind, good, table, sizeof(table) / sizeof((table)[0]))

static void test_jobs(void **state)
{
	size_t len;
	char *good = slurp(EXAMPLE_JOB, &len);

	(void)state;
	TABLE(JOB, good, jobs);
	free(good);
}

static void test_topologies(void **state)
{
	size_t len;
	char *good = slurp(EXAMPLE_TOPO, &len);

	(void)state;
	TABLE(TOPOLOGY, good, topologies);
	free(good);
}

static void test_aicb(void **state)
{
	struct dmsc_error err;
	char *file = temp_file(good_aicb, strlen(good_aicb));

	(void)state;
	assert_int_equal(parse(AICB, file, &err), 0);
	unlink(file);
	free(file);
	TABLE(AICB, good_aicb, aicb);
}

/* What is no readable file. */
static void test_files(void **state)
{
	struct dmsc_error err;
	enum kind k;

	(void)state;
	for (k = JOB; k <= AICB; k++) {
		assert_int_equal(parse(k, "/nonexistent/x", &err), -ENOENT);
		assert_non_null(strstr(err.text, "/nonexistent/x: No such file"));
		assert_true(parse(k, "/tmp", &err) < 0);
		assert_non_null(strstr(err.text, "/tmp: is not a file"));
		assert_true(parse(k, "/dev/zero", &err) < 0);
	}
}

static uint32_t seed = 7;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* Any file is refused or taken, never more: whatever is taken also plans or is refused. */
static void mutate(enum kind kind, const char *good, size_t len, int rounds)
{
	char *text = malloc(len + 1), *file;
	struct dmsc_error err;
	int i, k;

	for (i = 0; i < rounds; i++) {
		memcpy(text, good, len);
		for (k = 1 + rnd(4); k; k--)
			text[rnd(len)] = rnd(2) ? "0123456789:-,[]{} \n#*&"[rnd(22)] : (char)rnd(256);
		file = temp_file(text, rnd(8) ? len : rnd(len));
		parse(kind, file, &err);
		unlink(file);
		free(file);
	}
	free(text);
}

static void test_mutations(void **state)
{
	size_t len = 0;
	char *good;

	(void)state;
	good = slurp(EXAMPLE_JOB, &len);
	mutate(JOB, good, len, 2000);
	free(good);
	good = slurp(EXAMPLE_TOPO, &len);
	mutate(TOPOLOGY, good, len, 1000);
	free(good);
	mutate(AICB, good_aicb, strlen(good_aicb), 2000);
}

/* Damaged plans are refused, or are plans whose every index may be used. */
static void test_plan_mutations(void **state)
{
	struct plan p = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL), back;
	char *good = plan_to_text(&p, NULL), *text, *again;
	size_t len = strlen(good);
	struct dmsc_error err;
	int i, k, refused = 0;

	(void)state;
	text = malloc(len + 1);
	for (i = 0; i < 150; i++) {
		memcpy(text, good, len + 1);
		for (k = 1 + rnd(8); k; k--)
			text[rnd(len)] = "0123456789-,[]{}\"n"[rnd(18)];
		if (plan_from_text(text, rnd(10) ? len : rnd(len), &back, &err)) {
			refused++;
			assert_null(strchr(err.text, '\n'));
			continue;
		}
		again = plan_to_text(&back, &err);
		assert_non_null(again);
		free(again);
		plan_free(&back);
	}
	assert_true(refused > 20);
	free(text);
	free(good);
	plan_free(&p);
}

struct plan_case {
	const char *from, *to, *says;
};

static const struct plan_case plans[] = {
	{ "\"version\":1", "\"version\":2", "version: expected" },
	{ "\"sid\":65537", "\"sid\":65536", "instances.sid: 65536 is given twice" },
	{ "\"cgroup\":\"gpt13b/", "\"cgroup\":\"../../", "cgroup: expected a relative path" },
	{ "\"class\":\"tensor\"", "\"class\":\"turbo\"", "class: expected the name of a class" },
	{ "\"gpus\":8", "\"gpus\":9999", "nodes[0].gpus: expected" },
	{ "\"hosts\":[", "\"hosts\":7,\"x\":[", "hosts: expected a list" },
};

static void test_plans(void **state)
{
	struct plan p = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL), back;
	char *good = plan_to_text(&p, NULL), *text;
	struct dmsc_error err;
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		struct change c = { plans[i].from, plans[i].to, plans[i].says };

		text = apply_change(good, &c, &len);
		assert_int_equal(plan_from_text(text, len, &back, &err), -EINVAL);
		if (!strstr(err.text, c.says))
			fail_msg("'%s' does not say '%s'", err.text, c.says);
		free(text);
	}
	free(good);
	plan_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jobs),	  cmocka_unit_test(test_topologies),
		cmocka_unit_test(test_aicb),	  cmocka_unit_test(test_files),
		cmocka_unit_test(test_mutations), cmocka_unit_test(test_plan_mutations),
		cmocka_unit_test(test_plans),
	};
	/* Whoever allocates by what a file claims is found out. */
	struct rlimit limit = { 2UL << 30, 2UL << 30 };

	if (!getenv("DMSC_NO_RLIMIT"))
		setrlimit(RLIMIT_AS, &limit);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
