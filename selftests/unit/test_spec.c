// SPDX-License-Identifier: GPL-2.0-or-later
/* Bad files: one line that names file, line and field, and nothing taken over. */
#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "selftests/unit/plan_util.h"

struct change {
	const char *from, *to; /* in a good file; from NULL: the whole file */
	const char *says;      /* after the file's name */
};

static const struct change jobs[] = {
	{ "layers: 40", "layers: 0", ":6: model.layers: 0, expected 1 to 100000" },
	{ "layers: 40", "layers: -1", ":6: model.layers: '-1', expected a whole number" },
	{ "layers: 40", "layers: many", ":6: model.layers: 'many', expected a whole number" },
	{ "layers: 40", "layers: 1000000000", ":6: model.layers: 1000000000, expected" },
	{ "layers: 40", "layers: 99999999999999999999999", ":6: model.layers:" },
	{ "layers: 40", "layers: [40]", ":6: model.layers: a sequence, expected" },
	{ "layers: 40", "layers: 40\n  layers: 41", ":7: model.layers: given twice, expected once" },
	{ "layers: 40", "layer: 40",
	  ":6: model.layer: unknown key, expected one of layers, hidden," },
	{ "layers: 40\n", "hidden: 5120\n", ":7: model.hidden: given twice, expected once" },
	{ "  layers: 40\n", "", ":6: model.layers: missing, expected it here" },
	{ "tensor: 8", "tensor: 0", ":14: parallel.tensor: 0, expected 1 to" },
	{ "tensor: 8", "tensor: 7",
	  ":14: parallel.tensor: 7, expected a divisor of model.hidden (5120)" },
	{ "pipeline: 2", "pipeline: 3",
	  ":15: parallel.pipeline: 3, expected a divisor of model.layers (40)" },
	{ "data: 2", "data: 10000000", ":16: parallel.data: 10000000, expected 1 to 65536" },
	{ "data: 2", "data: 65536",
	  ":14: parallel: tensor x pipeline x data is 1048576 ranks, expected at most 65536" },
	{ "zero: 1", "zero: 4", ":17: parallel.zero: 4, expected 0 to 3" },
	{ "zero: 1", "zero: 3", ":17: parallel.zero: 3 with pipeline 2, expected pipeline 1" },
	{ "zero: 1", "expert: 2", ":17: parallel.expert: 2, expected 1 (model.moe is missing)" },
	{ "micro_batch: 1", "micro_batch: 65536\n  sequence: true",
	  ":18: parallel.micro_batch: activations of 2 x micro_batch x sequence x hidden, expected at most" },
	{ "sequence: 2048", "sequence: 2048\n  gated: maybe",
	  ":11: model.gated: 'maybe', expected true or false" },
	{ "heads: 40", "heads: 40\n  kv_heads: 3",
	  ":10: model.kv_heads: 3, expected a divisor of model.heads (40)" },
	{ "  heads: 40\n", "  kv_heads: 8\n", "model.heads: missing, expected it beside kv_heads" },
	{ "heads: 40", "heads: 40\n  mla: {kv_rank: 1, rope: 1, value: 1}",
	  "model.head_size: missing, expected it beside mla" },
	{ "heads: 40", "heads: 40\n  moe: {experts: 8, topk: 2, first_dense: 40}",
	  ":10: model.moe.first_dense: 40, expected less than model.layers (40)" },
	{ "heads: 40", "heads: 40\n  moe: {experts: 1000000000000, topk: 2}",
	  ":10: model.moe.experts: 1000000000000, expected 2 to 65536" },
	{ "name: gpt13b\n", "name: gpt13b\npreset: gpt-14b\n",
	  ":5: preset: 'gpt-14b', expected one of gpt-13b, gpt-175b, llama-7b," },
	{ NULL, "name: x\nparallel: {}\n", ":1: model: missing, expected it or preset here" },
	{ "data: 2", "data: 2\n  context: 3",
	  ":17: parallel.context: 3, expected a divisor of model.sequence (2048)" },
	{ "data: 2", "data: 2\n  context: 65536",
	  ":14: parallel: tensor x pipeline x data x context is 2097152 ranks" },
	{ "data: 2", "data: 2\n  interleave: 3",
	  ":17: parallel.interleave: 3, expected a divisor of the layers of a stage (20)" },
	{ "micro_batches: 8", "micro_batches: 7\n  interleave: 2",
	  ":20: parallel.interleave: 2, expected 1 (it needs a pipeline" },
	{ "micro_batches: 8", "micro_batches: 8\n  global_batch: 16",
	  ":20: parallel.global_batch: beside micro_batches, expected one of them" },
	{ "micro_batches: 8", "global_batch: 15",
	  ":19: parallel.global_batch: 15, expected a multiple of micro_batch x data (2)" },
	{ "zero: 1", "recompute: some", ":17: parallel.recompute: 'some', expected none, selective" },
	{ "zero: 1", "exchanges: -3", ":17: parallel.exchanges: '-3', expected auto or 1 to" },
	{ "zero: 1", "instances: few",
	  ":17: parallel.instances: 'few', expected auto, rank or group" },
	{ "zero: 1", "bucket: 7", ":17: parallel.bucket: 7, expected 4096 to" },
	{ "pipeline: 2", "pipeline: 64\n  uneven: true",
	  ":15: parallel.pipeline: 64 stages, expected at most model.layers (40)" },
	{ "4GiB", "1PB", ":22: bulk[0].bytes: 1PB, expected 1 to" },
	{ "4GiB", "0", ":22: bulk[0].bytes: 0, expected 1 to" },
	{ "4GiB", "4 apples", "bulk[0].bytes: '4 apples', expected a size" },
	{ "name: loading", "name: checkpoint",
	  ":23: bulk[1].name: 'checkpoint' is given twice, expected once" },
	{ "gpu_flops: 150T", "gpu_flops: fast", ":20: gpu_flops: 'fast', expected a number" },
	{ "gpu_flops: 150T", "gpu_flops: 0", ":20: gpu_flops: 0, expected" },
	{ "name: gpt13b\n", "name: \"../etc\"\n", ":4: name: '../etc', expected a name" },
	{ "model:", "model", "YAML:" },
	{ "name: gpt13b\n", "name: gpt13b\nname: x\n", ":5: name: given twice, expected once" },
	{ "name: gpt13b\n", "name: gpt13b\nfirst_sid: 0\n", ":5: first_sid: 0, expected 1 to" },
	{ "name: gpt13b\n", "name: ..\n", ":4: name: '..', expected a name" },
	{ "name: gpt13b\n", "name: a..b\n", ":4: name: 'a..b', expected a name" },
	{ "name: gpt13b\n", "name: -rf\n", ":4: name: '-rf', expected a name" },
	{ "name: gpt13b\n", "name: \"*\"\n", ":4: name: '*', expected a name" },
	{ "name: gpt13b\n", "name: \"a\\0b\"\n", ":4: name: holds a zero byte" },
	{ "layers: 40", "\"layers\\0\": 40", ":6: model.layers: unknown key" },
	{ "layers: 40", "\"lay\\ners\": 40", ":6: model.lay?ers: unknown key" },
	{ "heads: 40", "heads: 41", ":9: model.heads: 41, expected a divisor of model.hidden" },
	{ "heads: 40", "heads: 20",
	  ":14: parallel.tensor: 8, expected a divisor of model.heads (20)" },
	{ "from: store0", "from: \"*0\"", ":23: bulk[1].from: '*0', expected a host's name or" },
	{ "from: store0, to: \"*\"", "from: store0, to: store0",
	  ":23: bulk[1].to: 'store0', expected another host than from" },
	{ "gpu_flops: 150T", "sids: [{instance: a, sid: 7}, {instance: b, sid: 7}]",
	  ":20: sids.sid: 7 is also on line 20, expected a SID of its own" },
	{ "gpu_flops: 150T", "sids:\n  - {instance: a, sid: 7}\n  - {instance: a, sid: 8}\n",
	  ":22: sids.instance: 'a' is also on line 21, expected once" },
	{ "gpu_flops: 150T", "sids: [{instance: a, sid: 0}]", ":20: sids[0].sid: 0, expected 1 to" },
	{ NULL, "name: x\n---\nname: y\n", ":3: file: a second document, expected one" },
	{ NULL, "name: \xc3\x28\n", ":1: YAML:" },
	{ NULL, "name: x\nmodel: {layers: 1\n", "YAML:" },
	{ NULL, "", "empty, expected a mapping" },
	{ NULL, "- a\n- b\n", ":1: file: a sequence, expected a mapping" },
	{ NULL, "\x01\x02\xff", "YAML:" },
	{ NULL, "a: *nothing\n", "YAML:" },
	{ NULL, "? [a, b]\n: c\n", ":1: file: a key that is no word" },
};

static const struct change topologies[] = {
	{ "gpus: 8", "gpus: 65", ":6: hosts[0].gpus: 65, expected 0 to 64" },
	{ "name: host1", "name: host0",
	  ":7: hosts[1].name: 'host0' is also on line 6, expected once" },
	{ "10.255.0.2", "10.255.0.1", ":7: address: 10.255.0.1 is also on line 6, expected once" },
	{ "10.255.0.1", "127.0.0.1", "hosts[0].address: '127.0.0.1', expected a unicast" },
	{ "10.255.0.1", "10.255.0.256", "hosts[0].address: '10.255.0.256'" },
	{ "tier: leaf", "tier: top", "switches[0].tier: 'top', expected leaf, spine or core" },
	{ "\"host0:rail0\"", "\"host9:rail0\"", "links[0].a: 'host9', expected a node of this file" },
	{ "\"host0:rail0\"", "\"host0\"", "links[0].a: 'host0', expected NODE:INTERFACE" },
	{ "\"host0:rail0\"", "\"host0:a/b\"", "expected NODE:INTERFACE" },
	{ "\"host0:rail0\"", "\"host0:seventeenletters1\"", "expected NODE:INTERFACE" },
	{ "\"leaf0:host0\"", "\"host0:x\"", "links[0]: both ends are at" },
	{ "\"leaf0:host0\"", "\"host1:x\"", "links[0].b: 'host1' is a host" },
	{ "10.0.0.0/31", "10.0.0.1/31", "links[0].subnet: '10.0.0.1/31', expected" },
	{ "10.0.0.0/31", "10.0.0.0/30", "links[0].subnet: '10.0.0.0/30', expected" },
	{ "10.0.0.2/31", "10.0.0.0/31", ":18: address: 10.0.0.0 is also on line 17, expected once" },
	{ "\"host0:rail1\"", "\"host0:rail0\"",
	  ":18: links: interface host0:rail0 is also on line 17, expected once" },
	{ "10.255.0.1", "10.0.0.1", ":17: address: 10.0.0.1 is also on line 6, expected once" },
	{ "\"host0:rail0\"", "\"host0:lo\"", "expected NODE:INTERFACE" },
	{ "\"host0:rail0\"", "\"host0:..\"", "expected NODE:INTERFACE" },
	{ "\"host0:rail0\"", "\"host0:r\\e0\"", "links[0].a: 'host0:r?0', expected NODE:INTERFACE" },
	{ "rate: 400Gbit", "rate: 0bit", "links[0].rate: 0bit, expected" },
	{ "rate: 400Gbit", "rate: 400", "links[0].rate: '400', expected a rate" },
	{ "rate: 400Gbit", "rate: 400Gbit, mtu: 9000", "links[0].mtu: unknown key" },
	{ "name: store0, gpus: 0, address: 10.255.1.1}",
	  "name: store0, gpus: 0, address: 10.255.1.1}\n  - {name: alone, gpus: 1, address: 10.255.9.9}",
	  ":11: links: none leads to 'alone', expected at least one" },
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
	{ ",None,None,,None,None,None,1\nCommType.red",
	  ",None,None,,None,None,None,2\nCommType.red", ":3: count: '2', expected 1" },
	{ "all_reduce,CommGroup.tp_group", "isend,CommGroup.tp_group", ":3: comm_group:" },
	{ "all_reduce,CommGroup.tp_group", "isend,CommGroup.pp_group",
	  ":3: additional: '', expected send_next" },
	{ "CommType.reduce_scatter",
	  "CommType.computation,CommGroup.all,1,((1, 2), (3, 4)),forward.X,None,None,,x,None,None,1\nCommType.reduce_scatter",
	  ":4: _elapsed_time: 'x', expected None or milliseconds" },
	{ "CommType.reduce_scatter", "CommType.computation,1\nCommType.reduce_scatter", ":4: row:" },
	{ "reduce_scatter,CommGroup.dp_group,2", "all_to_all,CommGroup.ep_group,3",
	  ":1: ranks: expert groups of 3, expected" },
	{ "all_reduce", "all_\033[2J", ":3: comm_type: 'CommType.all_?[2J'" },
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

/* Reads @file; what is taken is planned too, with the examples for the other half. */
static int parse(enum kind kind, const char *file, struct dmsc_error *err)
{
	struct workload w = { 0 };
	struct topology t = { 0 };
	struct job j = { 0 };
	struct plan p = { 0 };
	int ret;

	if (kind != JOB)
		assert_int_equal(job_read(EXAMPLE_JOB, &j, err), 0);
	if (kind != TOPOLOGY)
		assert_int_equal(topology_read(EXAMPLE_TOPO, &t, err), 0);
	err->text[0] = '\0';
	ret = kind == JOB      ? job_read(file, &j, err) :
	      kind == TOPOLOGY ? topology_read(file, &t, err) :
				 workload_read(file, &w, err);
	if (!ret)
		ret = kind == AICB ? plan_workload(&w, &j, &t, &p, err) : plan_job(&j, &t, &p, err);
	assert_int_equal(ret != 0, err->text[0] != '\0');
	plan_free(&p);
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

/* Text that a parser might take hours for. */
static void test_shapes(void **state)
{
	static const struct {
		const char *piece, *says;
	} shapes[] = {
		{ "[", ":1: YAML: nested too deep" },
		{ "{a: ", ":1: YAML: nested too deep" },
		{ "- &a b\n", ":1001: YAML: too many anchors" },
		{ "%TAG !a! tag:x:\n", ":11: YAML: too many directives" },
		{ "- ", ":1: YAML: nested too deep" },
		{ "? ", ":1: YAML: nested too deep" },
		{ "- ? ", ":1: YAML: nested too deep" },
		{ "!a ", "YAML:" },
		{ "- 1\n", ":500000: YAML: too many keys and values" },
		{ "a: b\n", ":250000: YAML: too many keys and values" },
		{ "\"", "YAML:" },
		{ "#\n", ":1: file: larger than expected" },
	};
	size_t size = (4 << 20) + 10, i, len, n;
	char *text = malloc(size), *file;
	struct dmsc_error err;

	(void)state;
	for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		n = strlen(shapes[i].piece);
		len = shapes[i].piece[0] == '#' ? size : (4 << 20) - 10;
		for (size_t k = 0; k < len; k++)
			text[k] = shapes[i].piece[k % n];
		file = temp_file(text, len);
		assert_int_equal(parse(JOB, file, &err), -EINVAL);
		if (!strstr(err.text, shapes[i].says))
			fail_msg("'%s' does not say '%s'", err.text, shapes[i].says);
		unlink(file);
		free(file);
	}
	free(text);
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
			text[rnd(len)] =
				rnd(2) ? "0123456789:-,[]{} \n#*&"[rnd(22)] : (char)rnd(256);
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
	{ "\"sid\":65537", "\"sid\":65536", "instances[1].sid: 65536 is also that of instances[0]" },
	{ "\"cgroup\":\"gpt13b/", "\"cgroup\":\"../../", "cgroup: expected a relative path" },
	{ "\"class\":\"tensor\"", "\"class\":\"turbo\"", "class: expected the name of a class" },
	{ "\"gpus\":8", "\"gpus\":9999", "nodes[0].gpus: expected" },
	{ "\"hosts\":[", "\"hosts\":7,\"x\":[", "hosts: expected a list" },
	{ "\"name\":\"host0\",\"node\":0", "\"name\":\"host0\",\"node\":1",
	  "hosts[0].node: expected" },
	{ "\"name\":\"host1\",\"node\":1", "\"name\":\"host0\",\"node\":0",
	  "hosts[1].node: expected" },
	{ "\"mic\":65536", "\"mic\":9", "instances[0].mic: expected the id of a mic" },
	{ "\"gpu\":7", "\"gpu\":8", "instances[7].gpu: expected a GPU of the host" },
	{ "\"class_mask\":45", "\"class_mask\":44", "instances[0].class_mask: expected" },
	{ "tp1\",\"host\":0,\"gpu\":1,\"cgroup\":\"gpt13b/gpt13b.pp0.dp0.tp1\"",
	  "tp1\",\"host\":0,\"gpu\":1,\"cgroup\":\"gpt13b/gpt13b.pp0.dp0.tp0\"",
	  "instances[1].cgroup: gpt13b/gpt13b.pp0.dp0.tp0 is also that of instances[0]" },
	{ "\"messages\":72", "\"messages\":71", "flows[0]: expected sends and receives of the same" },
	{ "[\"send\",0,", "[\"recv\",0,", "flow: expected a flow of this instance" },
	{ "\"share\":[1.0", "\"share\":[1.5", "paths[0].share: expected a number, 0 to 1" },
	{ "\"share\":[1.0", "\"share\":[\"1\"", "paths[0].share: expected a number, 0 to 1" },
	{ "\"edge_load\":[", "\"edge_load\":[-", "edge_load: expected a number, not negative" },
	{ "\"bulk\":false", "\"bulk\":0", "flows[0].bulk: expected true or false" },
	{ "\"mic\":65536", "\"mic\":65536,\"rank\":31", "instances[0].rank: expected a whole" },
	{ "\"mic\":65536", "\"mic\":65536,\"rank\":\"1\"", "instances[0].rank: expected a whole" },
	{ "\"mic\":65536", "\"mic\":65536,\"rates\":[0]",
	  "instances[0].rates: expected a list of 8" },
	{ "\"mic\":65536", "\"mic\":65536,\"rates\":[0,0,7999,0,0,0,0,0]",
	  "instances[0].rates: expected a list of 8 rates, 0 or 8000 to" },
	{ "\"mic\":65536",
	  "\"mic\":65536,\"rates\":[0,0,16000,0,0,0,0,0],\"ceilings\":[0,0,8000,0,0,0,0,0]",
	  "instances[0].ceilings: expected none below the rate" },
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

/* What queues get goes into a plan and comes back; what is not said is not written. */
static void test_plan_queueing(void **state)
{
	struct plan p = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL), back;
	struct plan_instance *in = &p.instances[1];
	struct dmsc_error err;
	char *text;

	(void)state;
	for (uint32_t i = 0; i < p.nr_instances; i++)
		memset(p.instances[i].rank, 0, sizeof(p.instances[i].rank));
	for (uint32_t i = 0; i < p.nr_flows; i++)
		p.flows[i].rank = 0;
	text = plan_to_text(&p, NULL);
	assert_null(strstr(text, "\"rank\""));
	assert_null(strstr(text, "\"rates\""));
	assert_int_equal(plan_from_text(text, strlen(text), &back, &err), 0);
	assert_int_equal(back.instances[1].rank[DMSC_CLASS_DATA], 0);
	assert_int_equal(back.instances[1].rate[DMSC_CLASS_DATA], 0);
	free(text);
	plan_free(&back);

	for (uint32_t c = 0; c < DMSC_NR_CLASSES; c++)
		in->rank[c] = PLAN_RANK_MAX;
	in->rate[DMSC_CLASS_DATA] = DMSC_RATE_MIN;
	in->ceil[DMSC_CLASS_DATA] = DMSC_RATE_MAX;
	text = plan_to_text(&p, NULL);
	assert_int_equal(plan_from_text(text, strlen(text), &back, &err), 0);
	assert_int_equal(back.instances[0].rank[DMSC_CLASS_DATA], 0);
	assert_int_equal(back.instances[1].rank[DMSC_CLASS_BULK], PLAN_RANK_MAX);
	assert_memory_equal(back.instances[1].rate, in->rate, sizeof(in->rate));
	assert_memory_equal(back.instances[1].ceil, in->ceil, sizeof(in->ceil));
	free(text);
	plan_free(&back);
	plan_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jobs),	       cmocka_unit_test(test_topologies),
		cmocka_unit_test(test_aicb),	       cmocka_unit_test(test_files),
		cmocka_unit_test(test_mutations),      cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_plan_mutations), cmocka_unit_test(test_plans),
		cmocka_unit_test(test_plan_queueing),
	};
	/* Whoever allocates by what a file claims is found out. */
	struct rlimit limit = { 2UL << 30, 2UL << 30 };

	if (!getenv("DMSC_NO_RLIMIT"))
		setrlimit(RLIMIT_AS, &limit);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
