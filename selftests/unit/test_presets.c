// SPDX-License-Identifier: GPL-2.0-or-later
/* Presets: as many parameters as their authors say; jobs of them plan and take overrides. */
#include <errno.h>

#include "lib/preset.h"
#include "planner/volume.h"
#include "selftests/unit/plan_util.h"

/*
 * Published: the checkpoints' own counts where there are any, which the papers
 * round (6.7B, 13.0B, 32.5B, 65.2B; 46.7B; 671B). GPT-3 has no checkpoint: 12 l
 * h^2 (1 + 13/(12h) + (V + s)/(12lh)), Narayanan et al. (SC 2021) equation 2,
 * and a final norm, rounds to its 13B and 175B.
 */
static const struct {
	const char *name;
	uint64_t params;
} published[] = {
	{ "gpt-13b",
	  12ULL * 40 * 5120 * 5120 + 13 * 40 * 5120 + (50257 + 2048) * 5120ULL + 2 * 5120 },
	{ "gpt-175b",
	  12ULL * 96 * 12288 * 12288 + 13 * 96 * 12288 + (50257 + 2048) * 12288ULL + 2 * 12288 },
	{ "llama-7b", 6738415616 },
	{ "llama-13b", 13015864320 },
	{ "llama-30b", 32528943616 },
	{ "llama-65b", 65285660672 },
	{ "mixtral-8x7b", 46702792704 },
	/* 671,026,419,200 with the 58 x 256 biases that balance its experts, which nobody trains */
	{ "deepseek-v3", 671026419200 - 58 * 256 },
};

static void test_parameters(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
		const struct job_model *m = preset_find(published[i].name);

		assert_non_null(m);
		if (volume_parameters(m) != published[i].params)
			fail_msg("%s: %llu parameters, expected %llu", published[i].name,
				 (unsigned long long)volume_parameters(m),
				 (unsigned long long)published[i].params);
	}
	/* none that is not checked */
	assert_null(preset_get(i));
	assert_null(preset_find("gpt-14b"));
}

static int read_text(const char *text, struct job *j, struct dmsc_error *err)
{
	char *file = temp_file(text, strlen(text));
	int ret = job_read(file, j, err);

	unlink(file);
	free(file);
	return ret;
}

static const char llama[] = "name: x\n"
			    "preset: llama-7b\n"
			    "parallel: {tensor: 2, data: 16, global_batch: 64}\n";

static void test_job(void **state)
{
	struct dmsc_error err;
	struct topology t;
	struct plan p;
	struct job j;

	(void)state;
	assert_int_equal(topology_read(EXAMPLE_TOPO, &t, &err), 0);
	if (read_text(llama, &j, &err))
		fail_msg("%s", err.text);
	assert_int_equal(j.par.micro_batches, 4);
	assert_int_equal(j.model.layers, 32);
	assert_int_equal(j.model.param_bytes, 2);
	if (plan_job(&j, &t, &p, &err))
		fail_msg("%s", err.text);
	/* norms on both tensor ranks, everything else on one */
	assert_true(p.totals.dp_all_gather == 6738415616 + 65 * 4096);
	/* 2 all-reduces a layer and one of the embedding, 4 micro-batches of 2048 x 4096 */
	assert_true(p.totals.tp_all_reduce_forward == 65 * 4 * 2ULL * 2048 * 4096);
	plan_free(&p);
	job_free(&j);
	topology_free(&t);
}

static void test_override(void **state)
{
	struct dmsc_error err;
	struct job j;
	char text[300];

	(void)state;
	snprintf(text, sizeof(text), "%smodel: {sequence: 4096, precision: {gradients: 2}}\n",
		 llama);
	if (read_text(text, &j, &err))
		fail_msg("%s", err.text);
	assert_int_equal(j.model.sequence, 4096);
	assert_int_equal(j.model.hidden, 4096);
	assert_int_equal(j.model.grad_bytes, 2);
	assert_true(j.model.gated && !j.model.bias && !j.model.tied);
	job_free(&j);
	/* what does not fit the preset is refused where it stands */
	snprintf(text, sizeof(text), "%smodel:\n  heads: 33\n", llama);
	assert_int_equal(read_text(text, &j, &err), -EINVAL);
	assert_non_null(strstr(err.text, ":5: model.heads: 33, expected a divisor of model.hidden"));
}

/* Every preset plans in a way that its authors might train it. */
static void test_all_plan(void **state)
{
	struct dmsc_error err;
	struct topology t;
	struct plan p;
	struct job j;
	char text[300];
	size_t i;

	(void)state;
	assert_int_equal(topology_read("examples/cluster16.yaml", &t, &err), 0);
	for (i = 0; preset_get(i); i++) {
		const struct job_model *m = &preset_get(i)->model;

		snprintf(text, sizeof(text),
			 "name: x\npreset: %s\nparallel: {tensor: 2, pipeline: 8, uneven: true, data: 8, expert: %d, micro_batches: 8, exchanges: 2}\n",
			 preset_get(i)->name, m->experts ? 8 : 1);
		if (read_text(text, &j, &err) || plan_job(&j, &t, &p, &err))
			fail_msg("%s: %s", preset_get(i)->name, err.text);
		assert_int_equal(p.totals.ep_all_to_all > 0, m->experts > 0);
		/* 4 all-to-alls in each MoE layer and micro-batch, 2bshk / t */
		assert_true(p.totals.ep_all_to_all ==
			    4 * (m->layers - m->moe_first_dense) * 8 *
				    (m->experts ? 2 * m->sequence * m->hidden * m->topk / 2 : 0));
		plan_free(&p);
		job_free(&j);
	}
	topology_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_job),
		cmocka_unit_test(test_override),
		cmocka_unit_test(test_all_plan),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
