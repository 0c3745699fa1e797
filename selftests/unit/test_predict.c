// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Periods, bursts and bytes of traffic whose truth is known; iteration times
 * against naive baselines; changes and stragglers, seen and not imagined.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "lib/flowcounts.h"
#include "planner/period.h"
#include "planner/predict.h"
#include "selftests/bench/planner/class_cases.h"
#include "selftests/bench/planner/pai.h"
#include "selftests/bench/planner/traces.h"
#include "selftests/unit/plan_util.h"

#define TRACES 60

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double quantile(double *v, uint32_t n, double q)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[(uint32_t)(q * (n - 1))];
}

/* Five iterations of 60 to 900 bins: period, next burst, bytes. */
static void traces(double jitter, double noise, double *period, double *next, double *bytes)
{
	double errors[3][TRACES];
	uint32_t i;

	for (i = 0; i < TRACES; i++) {
		struct period p;
		struct trace t;

		trace_make(i + 1, 5, jitter, noise, &t);
		assert_int_equal(period_find(t.counts, t.n, &p), 0);
		errors[0][i] = fabs(p.period / t.period - 1);
		errors[1][i] = isfinite(p.next) ? fabs(p.next - t.next) / t.period : 1;
		errors[2][i] = fabs(p.bytes / t.bytes - 1);
		assert_true(p.iterations >= 3 && p.iterations <= 6);
		free(t.counts);
	}
	*period = quantile(errors[0], TRACES, 0.95);
	*next = quantile(errors[1], TRACES, 0.95);
	*bytes = quantile(errors[2], TRACES, 0.95);
}

static void test_period(void **state)
{
	double period, next, bytes;

	(void)state;
	traces(0, 0, &period, &next, &bytes);
	assert_true(period < 0.0005 && next < 0.003 && bytes < 1e-9);
	traces(0.002, 0, &period, &next, &bytes);
	assert_true(period < 0.003 && next < 0.01 && bytes < 1e-9);
	/* Other packets, a thousandth of the bytes: they are counted as well. */
	traces(0.002, 0.001, &period, &next, &bytes);
	assert_true(period < 0.003 && next < 0.01 && bytes < 0.002);
}

/* A sine has no pause: a period, but no burst. Noise has none at all. */
static void test_period_other(void **state)
{
	static double x[4000];
	struct period p;
	uint64_t seed = 5;
	uint32_t i;

	(void)state;
	for (i = 0; i < 1000; i++)
		x[i] = 1000 * (1 + 0.9 * sin(2 * M_PI * i / 123.4));
	assert_int_equal(period_find(x, 1000, &p), 0);
	assert_true(fabs(p.period / 123.4 - 1) < 0.003);
	assert_true(isnan(p.onset) && isnan(p.next));
	for (i = 0; i < 4000; i++)
		x[i] = case_random(&seed);
	assert_int_equal(period_find(x, 4000, &p), -ENODATA);
	memset(x, 0, sizeof(x));
	assert_int_equal(period_find(x, 4000, &p), -ENODATA);
	x[7] = -1;
	assert_int_equal(period_find(x, 4000, &p), -EINVAL);
	x[7] = INFINITY;
	assert_int_equal(period_find(x, 4000, &p), -EINVAL);
	assert_int_equal(period_find(x, 3, &p), -EINVAL);
}

/* Where the baselines' assumptions hold, the vote is close to the right one. */
static void test_series(void **state)
{
	struct series s;
	double ours = 0, last = 0, value, before = 100;
	uint64_t seed = 3;
	uint32_t i;

	(void)state;
	series_init(&s);
	assert_true(isnan(series_next(&s)));
	/* Independent values: the mean is right, the last one is worse by a root of two. */
	for (i = 0; i < 4000; i++) {
		value = 100 + trace_normal(&seed);
		if (i >= 100) {
			ours += fabs(series_next(&s) - value);
			last += fabs(before - value);
		}
		series_add(&s, value);
		before = value;
	}
	assert_true(ours < 0.8 * last);
	/* A walk: nothing is better than the last one, and we are not much worse. */
	series_init(&s);
	for (ours = last = 0, i = 0, value = 1000; i < 4000; i++) {
		value += trace_normal(&seed);
		if (i >= 100) {
			ours += fabs(series_next(&s) - value);
			last += fabs(before - value);
		}
		series_add(&s, value);
		before = value;
	}
	assert_true(ours < 1.1 * last);
	/* A gauge: each value stands for three steps, which the last value is right for. */
	series_init(&s);
	for (ours = last = 0, i = 0; i < 3000; i++) {
		if (i % 3 == 0)
			value = 100 + trace_normal(&seed);
		if (i >= 300) {
			ours += fabs(series_next(&s) - value);
			last += fabs(before - value);
		}
		series_add(&s, value);
		before = value;
	}
	assert_true(ours <= last);
	value = series_next(&s);
	series_add(&s, NAN);
	series_add(&s, -1);
	assert_true(series_next(&s) == value);
}

/* What measured times say; not by how much, since the trace repeats values. */
static void test_pai(void **state)
{
	struct pai_score score;
	uint32_t job, jobs = 0;

	(void)state;
	for (job = 1; job <= PAI_JOBS; job++) {
		if (!pai_score(job, true, &score))
			continue;
		jobs++;
		assert_true(score.ours < score.last && score.ours < score.median);
		assert_true(pai_score(job, false, &score));
		assert_true(score.ours < score.last && score.ours < score.median);
	}
	if (!jobs)
		skip();
}

/* A level that moves by 8 spreads is noticed at its second iteration. */
static void test_change(void **state)
{
	uint64_t seed = 11;
	uint32_t round, i, found = 0;

	(void)state;
	for (round = 0; round < 500; round++) {
		double level = 100, spread = 0.2 + case_random(&seed);
		bool up = round % 2;
		struct watch w;

		watch_init(&w);
		for (i = 0; i < 40; i++)
			watch_add(&w, level + spread * trace_normal(&seed));
		level += (up ? 1 : -1) * fmax(8.5 * spread, 2);
		watch_add(&w, level + spread * trace_normal(&seed));
		found += watch_add(&w, level + spread * trace_normal(&seed)) ==
			 (up ? WATCH_SLOWER : WATCH_FASTER);
	}
	assert_true(found >= 490);
}

/* 200,000 values of a level that does not move, normal and with heavier tails. */
static void test_false_alarms(void **state)
{
	struct watch normal, laplace;
	uint32_t i, alarms = 0;
	uint64_t seed = 17;

	(void)state;
	watch_init(&normal);
	watch_init(&laplace);
	for (i = 0; i < 100000; i++) {
		double u = case_random(&seed) - 0.5;

		alarms += watch_add(&normal, 100 + trace_normal(&seed)) != WATCH_NOTHING;
		alarms += watch_add(&laplace, 100 + (u < 0 ? 1 : -1) * log(1 - 2 * fabs(u))) !=
			  WATCH_NOTHING;
	}
	assert_true(alarms < 20);
}

static void test_stragglers(void **state)
{
	double times[16];
	bool late[16];
	struct stragglers s;
	uint64_t seed = 23;
	uint32_t i, k, alarms = 0;

	(void)state;
	assert_int_equal(stragglers_init(&s, 0), -EINVAL);
	assert_int_equal(stragglers_init(&s, 16), 0);
	for (k = 0; k < 2000; k++) {
		for (i = 0; i < 16; i++)
			times[i] = 100 + trace_normal(&seed);
		alarms += stragglers_add(&s, times, late);
	}
	assert_int_equal(alarms, 0);
	for (k = 0; k < 3; k++) {
		for (i = 0; i < 16; i++)
			times[i] = 100 + trace_normal(&seed) + (i == 5 ? 15 : 0);
		times[9] = NAN;
		assert_int_equal(stragglers_add(&s, times, late), k == 1);
		assert_int_equal(late[5], k >= 1);
		assert_false(late[4]);
	}
	stragglers_free(&s);
}

/* Every flow of a job that shares its links with checkpoints gets its class. */
static void test_classes(void **state)
{
	static const char *const parallel[] = {
		/* a pipeline with tied embeddings */
		"tensor: 8, pipeline: 2, data: 2, micro_batches: 8",
		"tensor: 4, data: 8, expert: 8, micro_batches: 4",
		/* an all-to-all of two, beside a ring of the same two */
		"tensor: 4, data: 2, expert: 2, micro_batches: 1",
		/* and one inside the host, beside its replicas' ring, where there is no tensor group */
		"tensor: 1, data: 8, expert: 2, micro_batches: 4, zero: 3",
		/* keys and values */
		"tensor: 4, context: 2, data: 4, micro_batches: 4",
		/* nothing repeats in an iteration of this pipeline */
		"tensor: 4, pipeline: 2, data: 2, micro_batches: 1",
	};
	struct class_table table = { 0 };
	uint32_t i, k;

	(void)state;
	for (i = 0; i < sizeof(parallel) / sizeof(parallel[0]); i++) {
		for (k = 0; strcmp(class_cases[k].parallel, parallel[i]); k++)
			assert_true(k + 1 < NR_CLASS_CASES);
		if (class_score(&class_cases[k], &table) != 100)
			fail_msg("%s, %s: not all right", class_cases[k].model, parallel[i]);
	}
	for (i = DMSC_CLASS_BULK; i <= DMSC_CLASS_TENSOR; i++)
		assert_true(table.n[i][i] > 0);
}

static void test_classes_refused(void **state)
{
	static const float counts[8] = { 1, 0, 0, 0, 1, 0, 0, 0 }, bad[8] = { 1, -1 };
	struct counted_flow flows[2] = { { 0, 1, false, counts }, { 1, 0, false, counts } };
	uint8_t class[2];

	(void)state;
	assert_int_equal(classify_flows(flows, 2, 8, 4, class), 0);
	/* Both once an iteration: a ring of two. */
	assert_int_equal(class[0], DMSC_CLASS_DATA);
	assert_int_equal(classify_flows(flows, 0, 8, 4, class), -EINVAL);
	assert_int_equal(classify_flows(flows, 2, 8, 5, class), -EINVAL);
	assert_int_equal(classify_flows(flows, 2, 8, NAN, class), -EINVAL);
	flows[1].counts = bad;
	assert_int_equal(classify_flows(flows, 2, 8, 4, class), -EINVAL);
}

static void refuse_counts(const char *text, const char *says)
{
	char *file = temp_file(text, strlen(text));
	struct dmsc_error err;
	struct flowcounts f;

	assert_int_equal(flowcounts_read(file, &f, &err), -EINVAL);
	if (strncmp(err.text, file, strlen(file)) || strcmp(err.text + strlen(file), says))
		fail_msg("got '%s', expected '%s'", err.text, says);
	unlink(file);
	free(file);
}

static void test_flowcounts(void **state)
{
	static const char text[] = "# two\na b here 1 2\n\nb c away 3 4\n";
	char *file = temp_file(text, strlen(text));
	struct dmsc_error err;
	struct flowcounts f;

	(void)state;
	assert_int_equal(flowcounts_read(file, &f, &err), 0);
	assert_int_equal(f.nr, 2);
	assert_int_equal(f.nr_names, 3);
	assert_int_equal(f.bins, 2);
	assert_true(f.lines[0].here && !f.lines[1].here);
	assert_int_equal(f.lines[0].to, f.lines[1].from);
	assert_true(f.counts[3] == 4);
	flowcounts_free(&f);
	unlink(file);
	free(file);
	refuse_counts("", ":1: no lines, expected FROM TO here|away COUNT...");
	refuse_counts("a\n", ":1: TO: missing, expected FROM TO here|away COUNT...");
	refuse_counts("a b up 1\n", ":1: third word: 'up', expected here or away");
	refuse_counts("a b here\n", ":1: counts: 0 of them, expected at least 1");
	refuse_counts("a b here 1 -2\n", ":1: count 2: '-2', expected a whole number up to 2^50");
	refuse_counts("a b here 1 2\nb a here 1\n",
		      ":2: counts: 1 of them, expected as many as in the first line, 2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_period),		cmocka_unit_test(test_period_other),
		cmocka_unit_test(test_series),		cmocka_unit_test(test_pai),
		cmocka_unit_test(test_change),		cmocka_unit_test(test_false_alarms),
		cmocka_unit_test(test_stragglers),	cmocka_unit_test(test_classes),
		cmocka_unit_test(test_classes_refused), cmocka_unit_test(test_flowcounts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
