// SPDX-License-Identifier: GPL-2.0-or-later
/* Plans from AICB files: the published ones, and made ones for what those lack. */
#include <errno.h>

#include "selftests/unit/plan_check.h"

static const char *data_file(const char *name)
{
	static char path[512];
	const char *dir = getenv("DMSC_DATA");

	snprintf(path, sizeof(path), "%s/aicb/physical/%s", dir ? dir : "../shared/data", name);
	return access(path, R_OK) ? NULL : path;
}

/* Parameters of LLaMA: 2Vh + L(4h^2 + 3hf + 2h) + h. */
#define LLAMA(v, h, l, f) \
	(2ULL * (v) * (h) + (l) * (4ULL * (h) * (h) + 3ULL * (h) * (f) + 2 * (h)) + (h))
#define LLAMA7B	 LLAMA(32000, 4096, 32, 11008)
#define LLAMA13B LLAMA(32000, 5120, 40, 13824)

struct aicb_case {
	const char *file;
	struct plan_totals totals;
};

/* The sound files' totals, against the formulae of the job beside them. */
static const struct aicb_case aicb[] = {
	/* all-reduces: 81 x 2bsh, and three of 4bs bytes for the vocabulary-parallel loss */
	{ "G13B-M1-C01_GPT13B_megatron_tp8_pp1_mbs1.csv",
	  { .tp_all_reduce_forward = 1698693120 + 3 * 8192,
	    .tp_all_reduce_backward = 1698693120,
	    .dp_reduce_scatter = 6422958080,
	    .dp_all_gather = 3211479040,
	    .dp_all_reduce = 4 } },
	{ "G13B-M1-C02_GPT13B_megatron_tp8_pp1_mbs1_sp.csv",
	  { .tp_all_reduce_forward = 20971520 + 3 * 8192,
	    .tp_all_reduce_backward = 20971520,
	    .tp_all_gather = 240 * 20971520ULL,
	    .tp_reduce_scatter = 160 * 20971520ULL,
	    .dp_reduce_scatter = 6422958080,
	    .dp_all_gather = 3211479040,
	    .dp_all_reduce = 4 } },
	/* gradients and parameters in 16 bits, padded to 128 ranks; a flag of overflow */
	{ "L13B-D1-C03_Llama13B_zero2_mbs1.csv",
	  { .dp_all_gather = 2 * LLAMA13B + 512, .dp_all_reduce = 2 * LLAMA13B + 1 } },
	/* gathered forward and backward; the 65 norms that stay whole again after the step */
	{ "L7B-D1-C02_Llama7B_zero3_mbs1.csv",
	  { .dp_all_gather = 4 * LLAMA7B + 65 * 8192,
	    .dp_reduce_scatter = 2 * LLAMA7B,
	    .dp_all_reduce = 9 } },
	/* each of 8 stages has all 80 layers (a defect of the file): 161 x 2bsh x 8 micro-batches; 8 micro-batches of 2bsh over a boundary, each way */
	{ "L65B-M1-C05_Llama65B_megatron_tp2_pp8_mbs1.csv",
	  { .tp_all_reduce_forward = 64 * 161 * 33554432ULL,
	    .tp_all_reduce_backward = 64 * 161 * 33554432ULL,
	    .pp_send_forward = 8 * 33554432ULL,
	    .pp_send_backward = 8 * 33554432ULL } },
};

static void test_aicb(void **state)
{
	uint32_t i;

	(void)state;
	if (!data_file(aicb[0].file))
		skip();
	for (i = 0; i < sizeof(aicb) / sizeof(aicb[0]); i++) {
		struct plan p = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, data_file(aicb[i].file));

		assert_memory_equal(&p.totals, &aicb[i].totals, sizeof(p.totals));
		check_all(&p);
		assert_true(p.nr_notes > 1);
		plan_free(&p);
	}
}

/*
 * The same jobs as a job file: what the planner decomposes is what AICB counted,
 * but for the deviations that are listed. Each wants 128 GPUs.
 */
static const struct {
	const char *file, *job;
	struct plan_totals more; /* in the file than from the job, modulo 2^64 */
} same[] = {
	/* the loss, which the planner leaves out, and a scalar over the replicas */
	{ "G13B-M1-C01_GPT13B_megatron_tp8_pp1_mbs1.csv",
	  "model: {layers: 40, hidden: 5120, sequence: 2048, vocabulary: 32000}\n"
	  "parallel: {tensor: 8, data: 16, zero: 1}\n",
	  { .tp_all_reduce_forward = 3 * 8192, .dp_all_reduce = 4 } },
	{ "G13B-M1-C02_GPT13B_megatron_tp8_pp1_mbs1_sp.csv",
	  "model: {layers: 40, hidden: 5120, sequence: 2048, vocabulary: 32000}\n"
	  "parallel: {tensor: 8, data: 16, zero: 1, sequence: true}\n",
	  { .tp_all_reduce_forward = 3 * 8192, .dp_all_reduce = 4 } },
	/* padding to the ranks; gradients are labelled all-reduce; the flag of overflow */
	{ "L13B-D1-C03_Llama13B_zero2_mbs1.csv",
	  "preset: llama-13b\nmodel: {precision: {gradients: 2}}\n"
	  "parallel: {data: 128, zero: 2}\n",
	  { .dp_all_gather = 512,
	    .dp_reduce_scatter = -2 * LLAMA13B,
	    .dp_all_reduce = 2 * LLAMA13B + 1 } },
	/* the norms once more after the step; a norm of gradients and the flag */
	{ "L7B-D1-C02_Llama7B_zero3_mbs1.csv",
	  "preset: llama-7b\nmodel: {precision: {gradients: 2}}\n"
	  "parallel: {data: 128, zero: 3}\n",
	  { .dp_all_gather = 65 * 8192, .dp_all_reduce = 9 } },
};

static void test_jobs(void **state)
{
	uint32_t i, k;

	(void)state;
	if (!data_file(same[0].file))
		skip();
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		static const char big[] = "examples/cluster16.yaml";
		char text[400], *file;
		struct plan job, aicb_plan;
		const uint64_t *a = (uint64_t *)&aicb_plan.totals, *b = (uint64_t *)&job.totals;
		const uint64_t *more = (uint64_t *)&same[i].more;

		snprintf(text, sizeof(text), "name: x\n%s", same[i].job);
		file = temp_file(text, strlen(text));
		job = make_plan(file, big, NULL);
		aicb_plan = make_plan(file, big, data_file(same[i].file));
		for (k = 0; k < sizeof(job.totals) / sizeof(*a); k++) {
			if (a[k] != b[k] + more[k])
				fail_msg("%s: total %u: %llu, from the job %llu", same[i].file, k,
					 (unsigned long long)a[k], (unsigned long long)b[k]);
		}
		plan_free(&job);
		plan_free(&aicb_plan);
		unlink(file);
		free(file);
	}
}

/* The messages over a boundary of the pipeline, which are right in the file of 8 stages. */
static void test_boundaries(void **state)
{
	static const char text[] =
		"name: x\npreset: llama-65b\n"
		"parallel: {tensor: 2, pipeline: 8, data: 8, micro_batches: 8, scatter_gather: false, exchanges: 1}\n";
	struct plan job, file;
	char *name;

	(void)state;
	if (!data_file("L65B-M1-C05_Llama65B_megatron_tp2_pp8_mbs1.csv"))
		skip();
	name = temp_file(text, strlen(text));
	job = make_plan(name, "examples/cluster16.yaml", NULL);
	file = make_plan(name, "examples/cluster16.yaml",
			 data_file("L65B-M1-C05_Llama65B_megatron_tp2_pp8_mbs1.csv"));
	assert_true(job.totals.pp_send_forward == file.totals.pp_send_forward);
	assert_true(job.totals.pp_send_backward == file.totals.pp_send_backward);
	/*
	 * Each of the file's stages has all 80 layers: 8 times the all-reduces of
	 * the layers, and the embedding's on every stage instead of once a rank.
	 */
	assert_true(file.totals.tp_all_reduce_forward == 8 * job.totals.tp_all_reduce_forward);
	plan_free(&job);
	plan_free(&file);
	unlink(name);
	free(name);
}

/* ---- files made here ---- */

#define HEADER \
	"comm_type,comm_group,comm_group_size,msg_size,stage,dst,src,additional,_elapsed_time,algbw,busbw,count\n"

struct text {
	char s[1 << 16];
	size_t len;
};

static void add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	t->len += vsnprintf(t->s + t->len, sizeof(t->s) - t->len, fmt, ap);
	va_end(ap);
	assert_true(t->len < sizeof(t->s));
}

static void row(struct text *t, const char *type, const char *group, int size, long bytes,
		const char *stage, const char *additional)
{
	add(t, "CommType.%s,CommGroup.%s,%d,%ld,%s,None,None,%s,None,None,None,1\n", type, group,
	    size, bytes, stage, additional);
}

static void end_epoch(struct text *t)
{
	add(t, "CommType.epoch_end,None,None,0,,None,None,,None,None,None,1\n");
}

static int plan_of(const struct text *t, const char *topology, struct plan *p,
		   struct dmsc_error *err)
{
	char *file = temp_file(t->s, t->len);
	struct topology topo;
	struct workload w;
	struct job j;
	int ret;

	if (job_read(EXAMPLE_JOB, &j, err) || topology_read(topology, &topo, err))
		fail_msg("%s", err->text);
	ret = workload_read_aicb(file, &w, err);
	if (!ret) {
		ret = plan_workload(&w, &j, &topo, p, err);
		workload_free(&w);
	}
	/* Every message names the file first. */
	if (ret && strncmp(err->text, file, strlen(file)))
		fail_msg("'%s' does not name %s", err->text, file);
	if (ret)
		memmove(err->text, err->text + strlen(file), strlen(err->text + strlen(file)) + 1);
	topology_free(&topo);
	job_free(&j);
	unlink(file);
	free(file);
	return ret;
}

static struct plan good_plan(const struct text *t)
{
	struct dmsc_error err;
	struct plan p;

	if (plan_of(t, EXAMPLE_TOPO, &p, &err))
		fail_msg("%s", err.text);
	check_all(&p);
	return p;
}

static uint64_t class_bytes(const struct plan *p, int class)
{
	uint64_t n = 0;
	uint32_t i;

	for (i = 0; i < p->nr_flows; i++)
		n += p->flows[i].class == class && !p->flows[i].bulk ? p->flows[i].bytes : 0;
	return n;
}

static bool has_note(const struct plan *p, const char *what)
{
	uint32_t i;

	for (i = 0; i < p->nr_notes; i++) {
		if (strstr(p->notes[i], what))
			return true;
	}
	return false;
}

static void make_moe(struct text *t, int data, int expert)
{
	t->len = 0;
	add(t, "[rank0 ~ rank%d]\n" HEADER, 2 * data - 1);
	row(t, "all_gather", "dp_group", data, 64, "init.model_setup", "");
	end_epoch(t);
	row(t, "all_to_all", "ep_group", expert, 1000, "forward.MoELayer", "");
	row(t, "all_reduce", "ep_tp_group", 2, 500, "forward.MoELayer", "");
	row(t, "all_to_all", "ep_group", expert, 1001, "forward.MoELayer", "");
	row(t, "reduce_scatter", "ep_dp_group", data / expert, 4000, "step", "");
	row(t, "reduce_scatter", "dp_group", data, 8000, "step", "");
	end_epoch(t);
}

static void test_expert_groups(void **state)
{
	static struct text t;
	struct plan p;

	(void)state;
	make_moe(&t, 8, 4);
	p = good_plan(&t);
	assert_true(p.totals.ep_all_to_all == 2001);
	/* 4 groups, 3 of 4 parts go to others; to the byte, though 4 does not divide 2001 */
	assert_true(class_bytes(&p, DMSC_CLASS_EXPERT) == 4 * 3 * 2001);
	/* rings of 2 replicas for experts, of 8 for the rest */
	assert_true(class_bytes(&p, DMSC_CLASS_DATA) == 8 * 1 * 4000 + 2 * 7 * 8000);
	assert_true(class_bytes(&p, DMSC_CLASS_TENSOR) == 8 * 2 * 500);
	plan_free(&p);
	/* 64 replicas in groups of 32 become 16 in one group */
	make_moe(&t, 64, 32);
	p = good_plan(&t);
	assert_true(class_bytes(&p, DMSC_CLASS_EXPERT) == 2 * 15 * 2001);
	assert_true(has_note(&p, "expert groups of 32 ranks are folded to 16"));
	assert_true(has_note(&p, "data parallel groups of 64 ranks are folded to 16"));
	plan_free(&p);
	/* 24 replicas in groups of 12: 16 would fit, but groups of 12 do not divide them */
	make_moe(&t, 24, 12);
	p = good_plan(&t);
	assert_true(class_bytes(&p, DMSC_CLASS_EXPERT) == 2 * 11 * 2001);
	plan_free(&p);
}

/* One-forward-one-backward as AICB writes it, one collective a pass. */
static void make_pipeline(struct text *t, int stages, int batches, int tensor)
{
	int s, i, k, warm;

	t->len = 0;
	for (s = 0; s < stages; s++) {
		add(t, "[ pp_stage%d: [", s);
		for (i = 0; i < tensor; i++)
			add(t, "%srank%d", i ? ", " : "", s * tensor + i);
		add(t, "] ]\n" HEADER);
		end_epoch(t);
		warm = stages - s - 1 < batches ? stages - s - 1 : batches;
		for (i = 0; i < batches + warm; i++) {
			if (i < batches) {
				if (s)
					row(t, "irecv", "pp_group", 1, 4096, "forward_step",
					    "recv_prev");
				row(t, "all_reduce", "tp_group", tensor, 10 + s, "forward.X", "");
				if (s < stages - 1)
					row(t, "isend", "pp_group", 1, 4096, "forward_step",
					    "send_next");
			}
			k = i - warm;
			if (k < 0)
				continue;
			if (s < stages - 1)
				row(t, "irecv", "pp_group", 1, 4096, "backward_step", "recv_next");
			row(t, "all_reduce", "tp_group", tensor, 10 + s, "backward.X", "");
			if (s)
				row(t, "isend", "pp_group", 1, 4096, "backward_step", "send_prev");
		}
		end_epoch(t);
	}
}

static void test_pipeline_folds(void **state)
{
	static struct text t;
	struct plan p;

	(void)state;
	/* 4 groups of 8 GPUs for 8 stages: the first three and the last */
	make_pipeline(&t, 8, 5, 8);
	p = good_plan(&t);
	assert_true(has_note(&p, "pipeline of 8 stages is folded to 4: stages 3 to 6 are left out"));
	assert_true(p.totals.pp_send_forward == 5 * 4096 && p.totals.pp_send_backward == 5 * 4096);
	assert_true(p.totals.tp_all_reduce_forward == 5 * (10 + 11 + 12 + 17));
	assert_true(class_bytes(&p, DMSC_CLASS_PIPELINE) == 3 * 8 * 2 * 5 * 4096);
	plan_free(&p);
	make_pipeline(&t, 4, 1, 8);
	p = good_plan(&t);
	assert_true(class_bytes(&p, DMSC_CLASS_PIPELINE) == 3 * 8 * 2 * 4096);
	plan_free(&p);
}

/* Many receives posted at once, with sends among them. */
static void test_posted_batch(void **state)
{
	static struct text t;
	struct plan p;
	int i;

	(void)state;
	t.len = 0;
	add(&t, "[ pp_stage0: [rank0] ]\n" HEADER);
	for (i = 0; i < 6; i++)
		row(&t, "isend", "pp_group", 1, 100000 + i, "forward_step", "send_next");
	for (i = 0; i < 6; i++)
		row(&t, "irecv", "pp_group", 1, 200000 + i, "backward_step", "recv_next");
	end_epoch(&t);
	add(&t, "[ pp_stage1: [rank1] ]\n" HEADER);
	for (i = 0; i < 6; i++)
		row(&t, "irecv", "pp_group", 1, 100000 + i, "forward_step", "recv_prev");
	for (i = 0; i < 6; i++)
		row(&t, "isend", "pp_group", 1, 200000 + i, "backward_step", "send_prev");
	end_epoch(&t);
	p = good_plan(&t);
	assert_true(class_bytes(&p, DMSC_CLASS_PIPELINE) == 6 * 300000 + 2 * 15);
	plan_free(&p);
}

static void test_measured(void **state)
{
	static struct text t;
	uint64_t ns = 0, messages = 0;
	struct plan p;
	uint32_t i;
	int k;

	(void)state;
	t.len = 0;
	add(&t, "[rank0 ~ rank3]\n" HEADER);
	end_epoch(&t);
	for (k = 0; k < 3; k++) {
		add(&t,
		    "CommType.computation,CommGroup.all,4,((2048, 5120), (5120, 15360)),forward.X,None,None,,1.5,None,None,1\n");
		row(&t, "all_reduce", "tp_group", 4, 1000, "forward.X", "");
		add(&t,
		    "CommType.computation,CommGroup.all,4,(1, 2),backward.X,None,None,,None,None,None,1\n");
		row(&t, "all_reduce", "tp_group", 4, 1000, "backward.X", "");
		end_epoch(&t);
	}
	p = good_plan(&t);
	for (i = p.op_start[0]; i < p.op_start[1]; i++) {
		ns += p.ops[i].kind == OP_COMPUTE ? p.ops[i].amount : 0;
		messages += p.ops[i].kind == OP_SEND;
	}
	/* the first of three iterations, and the one time that the file gives in it */
	assert_true(ns == 1500000);
	assert_int_equal(messages, 2);
	assert_true(p.totals.tp_all_reduce_forward == 1000 &&
		    p.totals.tp_all_reduce_backward == 1000);
	assert_true(has_note(&p, "compute times are those of the file"));
	assert_true(has_note(&p, "3 iterations"));
	plan_free(&p);
}

static void test_refusals(void **state)
{
	static struct text t;
	struct dmsc_error err;
	struct plan p;
	char *at;

	(void)state;
	make_pipeline(&t, 2, 2, 16);
	assert_int_equal(plan_of(&t, EXAMPLE_TOPO, &p, &err), -EINVAL);
	assert_non_null(strstr(err.text, ":1: ranks: tensor groups of 16, expected at most 8"));
	/* a send of another size, one too many, one too few; a neighbour that is not there */
	make_pipeline(&t, 2, 2, 1);
	at = strstr(t.s, "4096,forward_step,None,None,send_next");
	memcpy(at, "4095", 4);
	assert_int_equal(plan_of(&t, EXAMPLE_TOPO, &p, &err), -EINVAL);
	assert_non_null(
		strstr(err.text, ":5: isend: of stage 0, expected an irecv of the same size"));
	memcpy(at, "4096", 4);
	memcpy(strstr(t.s, "isend,CommGroup"), "irecv", 5);
	assert_int_equal(plan_of(&t, EXAMPLE_TOPO, &p, &err), -EINVAL);
	assert_non_null(strstr(err.text, "irecv: of stage"));
	make_pipeline(&t, 2, 2, 1);
	memcpy(strstr(t.s, "send_next"), "send_prev", 9);
	assert_int_equal(plan_of(&t, EXAMPLE_TOPO, &p, &err), -EINVAL);
	assert_non_null(strstr(err.text, ":5: additional: stage 0 of 2, expected a stage that has"));
	/* each waits for the other's message before it sends its own */
	t.len = 0;
	add(&t, "[ pp_stage0: [rank0] ]\n" HEADER);
	row(&t, "irecv", "pp_group", 1, 100, "backward_step", "recv_next");
	row(&t, "all_reduce", "dp_group", 1, 4, "forward_step", "");
	row(&t, "isend", "pp_group", 1, 100, "forward_step", "send_next");
	end_epoch(&t);
	add(&t, "[ pp_stage1: [rank1] ]\n" HEADER);
	row(&t, "irecv", "pp_group", 1, 100, "forward_step", "recv_prev");
	row(&t, "all_reduce", "dp_group", 1, 4, "backward_step", "");
	row(&t, "isend", "pp_group", 1, 100, "backward_step", "send_prev");
	end_epoch(&t);
	assert_int_equal(plan_of(&t, EXAMPLE_TOPO, &p, &err), -EINVAL);
	assert_non_null(strstr(err.text, ":1: steps: they wait for each other in a circle"));
}

static uint32_t seed = 11;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* Damaged files are refused with one line, or give a plan that can be carried out. */
static void test_mutations(void **state)
{
	static struct text good, t;
	struct dmsc_error err;
	int i, k, plans = 0;
	struct plan p;

	(void)state;
	for (i = 0; i < 1500; i++) {
		if (i & 1)
			make_moe(&good, 8, 4);
		else
			make_pipeline(&good, 3, 2, 2);
		t = good;
		for (k = 1 + rnd(3); k; k--)
			t.s[rnd(t.len)] = rnd(4) ? "0123456789,_ \n[]"[rnd(16)] : (char)rnd(256);
		if (plan_of(&t, EXAMPLE_TOPO, &p, &err)) {
			assert_null(strchr(err.text, '\n'));
			continue;
		}
		run_plan(&p);
		check_paths(&p);
		plan_free(&p);
		plans++;
	}
	assert_true(plans > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jobs),	       cmocka_unit_test(test_boundaries),
		cmocka_unit_test(test_aicb),	       cmocka_unit_test(test_expert_groups),
		cmocka_unit_test(test_pipeline_folds), cmocka_unit_test(test_posted_batch),
		cmocka_unit_test(test_measured),       cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_mutations),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
