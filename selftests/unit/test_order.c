// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Order among jobs: the model against closed forms, the steps against
 * enumeration, the baselines against examples done by hand.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "planner/interleave.h"
#include "planner/order_internal.h"
#include "selftests/bench/planner/order_cases.h"
#include "selftests/unit/plan_util.h"

#define CASES 60 /* of make bench-planner's 1,500 */
#define TRIES 64

/* Jobs with one way; uses end with seconds 0. */
struct simple {
	double compute, overlap;
	uint32_t gpus;
	struct order_use use[4];
};

static void make(struct order_case *c, const struct simple *s, uint32_t nr, uint32_t edges)
{
	uint32_t k, i;

	*c = (struct order_case){ calloc(nr, sizeof(*c->jobs)), nr, edges };
	for (k = 0; k < nr; k++) {
		struct order_job *j = &c->jobs[k];
		struct order_way *w = calloc(1, sizeof(*w));

		j->compute = s[k].compute;
		j->overlap = s[k].overlap;
		j->gpus = s[k].gpus;
		j->nr_parts = 1;
		j->parts = calloc(1, sizeof(*j->parts));
		j->parts[0] = (struct order_part){ w, 1 };
		w->use = calloc(4, sizeof(*w->use));
		for (i = 0; i < 4 && s[k].use[i].seconds > 0; i++)
			w->use[w->nr_use++] = s[k].use[i];
	}
}

static void assert_near(double a, double b, double part)
{
	if (fabs(a - b) > part * fabs(b))
		fail_msg("%.9g, expected %.9g within %g %%", a, b, part * 100);
}

static double model_run(const struct order_case *c, const uint32_t *level, double cycles,
			double *busy)
{
	uint32_t way[8] = { 0 };
	struct order_model *m = order_model_new(c, way);
	double u = order_model_run(m, level, 0, 0, cycles, busy, NULL);

	order_model_free(m);
	return u;
}

/* Alone: computation, then what of the network does not hide behind it. */
static void test_alone(void **state)
{
	static const struct simple jobs[] = {
		{ 3, 0, 8, { { 0, 1 } } },	       /* 3 of 4 s */
		{ 3, 1, 8, { { 0, 1 } } },	       /* hidden: all */
		{ 2, 0.5, 8, { { 0, 3 }, { 1, 1 } } }, /* sends from 1 to 4: 2 of 4 s */
		{ 5, 0.25, 8, { { 0, 0 } } },	       /* nothing to send */
	};
	static const double expect[] = { 0.75, 1, 0.5, 1 };
	struct order_case c;
	uint32_t level = 0;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
		make(&c, &jobs[i], 1, 2);
		assert_near(model_run(&c, &level, 100, NULL), expect[i], 1e-9);
		order_case_free(&c);
	}
}

/* The first level does not notice the second; the second takes what is left. */
static void test_levels_strict(void **state)
{
	/* The first sends 1 of 4 s; the second, whose computation is short, always wants to. */
	static const struct simple jobs[] = { { 3, 0, 8, { { 0, 1 } } },
					      { 0.001, 0, 8, { { 0, 0.5 } } } };
	uint32_t first[] = { 0, 1 };
	struct order_case c;
	double busy[2];

	(void)state;
	make(&c, jobs, 2, 1);
	model_run(&c, first, 200, busy);
	assert_near(busy[0], 200 * 3, 1e-6);
	/* Its iterations: 3 s of link in every 4. */
	assert_near(busy[1], 200 * 3 / 0.501 * 0.001, 0.01);
	order_case_free(&c);
}

/* Two equal jobs in step and in one level: each has half the link. */
static void test_levels_shared(void **state)
{
	static const struct simple jobs[] = { { 1, 0, 8, { { 0, 1 } } }, { 1, 0, 8, { { 0, 1 } } } };
	uint32_t same[] = { 0, 0 };
	struct order_case c;

	(void)state;
	make(&c, jobs, 2, 1);
	assert_near(model_run(&c, same, 300, NULL), 1.0 / 3, 1e-6);
	order_case_free(&c);
}

/* Max-min over two links: the third job's rate is what the shared link leaves. */
static void test_fill(void **state)
{
	static const struct simple jobs[] = {
		{ 1e-6, 0, 1, { { 0, 1 } } },
		{ 1e-6, 0, 1, { { 0, 1 }, { 1, 1 } } },
		{ 1e-6, 0, 1, { { 1, 1 } } },
		{ 1e-6, 0, 1, { { 0, 1 } } },
	};
	uint32_t same[] = { 0, 0, 0, 0 };
	struct order_case c;
	double busy[4];

	(void)state;
	make(&c, jobs, 4, 2);
	model_run(&c, same, 3000, busy);
	/* A third each on edge 0, two thirds for the one that is alone with it on edge 1. */
	assert_near(busy[0], 1000e-6, 0.01);
	assert_near(busy[1], 1000e-6, 0.01);
	assert_near(busy[2], 2000e-6, 0.01);
	order_case_free(&c);
}

/* The job whose traffic hides behind computation has slack: it can wait. */
static void test_slack_decides(void **state)
{
	/* The first is more intense, but 2 s late costs it nothing. */
	static const struct simple jobs[] = { { 4, 0.8, 64, { { 0, 1 } } },
					      { 1.7, 0, 8, { { 0, 2 } } } };
	uint32_t way[2] = { 0 }, rank[2], crux[2];
	struct order_case c;

	(void)state;
	make(&c, jobs, 2, 1);
	assert_true(order_intensity(&c, way, 0) > order_intensity(&c, way, 1));
	assert_int_equal(order_ranks(&c, way, TRIES, rank), 0);
	assert_int_equal(rank[1], 0);
	assert_int_equal(crux_ranks(&c, way, crux), 0);
	assert_true(model_run(&c, rank, 100, NULL) >= model_run(&c, crux, 100, NULL));
	order_case_free(&c);
}

/* The cut against all cuts, of random weights. */
static void test_cut(void **state)
{
	enum { N = 7, LEVELS = 3 };
	uint64_t seed = 1;
	uint32_t sequence[N] = { 3, 1, 6, 0, 2, 5, 4 }, level[N], i, k, a, b, round;
	double w[N * N];

	(void)state;
	for (round = 0; round < 50; round++) {
		double best = INFINITY, value, mine = 0;

		for (i = 0; i < N * N; i++)
			w[i] = case_random(&seed) - 0.3;
		assert_int_equal(order_cut(w, sequence, N, LEVELS, level, &value), 0);
		/* Levels are [0, a), [a, b), [b, N) in the sequence; empty ones are fewer levels. */
		for (a = 0; a <= N; a++) {
			for (b = a; b <= N; b++) {
				double sum = 0;

				for (i = 0; i < N; i++) {
					for (k = i + 1; k < N; k++) {
						if ((i >= a) + (i >= b) == (k >= a) + (k >= b))
							sum += w[sequence[i] * N + sequence[k]];
					}
				}
				best = fmin(best, sum);
			}
		}
		for (i = 0; i < N; i++) {
			for (k = i + 1; k < N; k++) {
				assert_true(level[sequence[i]] <= level[sequence[k]]);
				if (level[sequence[i]] == level[sequence[k]])
					mine += w[sequence[i] * N + sequence[k]];
			}
		}
		assert_true(fabs(value - best) < 1e-9);
		assert_true(fabs(mine - best) < 1e-9);
	}
}

/*
 * Sincronia by hand: edge 1 carries 3 + 3, edge 0 carries 2 + 3. The first
 * bottleneck is edge 1; of its jobs 1 and 2 both weigh 1/3, the first is taken
 * last; then edge 1 has job 2 alone, edge 0 jobs 0 and, no more, 1.
 */
static void test_sincronia(void **state)
{
	static const struct simple jobs[] = { { 1, 0, 1, { { 0, 2 } } },
					      { 1, 0, 1, { { 0, 3 }, { 1, 3 } } },
					      { 1, 0, 1, { { 1, 3 } } } };
	uint32_t way[3] = { 0 }, rank[3], level[3];
	struct order_case c;

	(void)state;
	make(&c, jobs, 3, 2);
	assert_int_equal(sincronia_ranks(&c, way, rank), 0);
	assert_int_equal(rank[1], 2);
	/* Job 2's weight fell to 0, edge 1 has most left: it goes before the last. */
	assert_int_equal(rank[2], 1);
	assert_int_equal(rank[0], 0);
	sincronia_levels(&c, rank, 2, level);
	assert_int_equal(level[0], 0);
	assert_int_equal(level[1], 1);
	assert_int_equal(level[2], 1);
	order_case_free(&c);
}

/* Same intensity: the one that can use the link more often goes first (Crux, section 4.2). */
static void test_crux(void **state)
{
	static const struct simple jobs[] = { { 6, 0, 8, { { 0, 3 } } },
					      { 2, 0, 8, { { 0, 1 } } },
					      { 2, 0, 64, { { 1, 1 } } } };
	uint32_t way[3] = { 0 }, rank[3], level[3];
	struct order_case c;

	(void)state;
	make(&c, jobs, 3, 2);
	assert_near(order_intensity(&c, way, 0), order_intensity(&c, way, 1), 1e-9);
	assert_near(order_intensity(&c, way, 2), 128, 1e-9);
	assert_int_equal(crux_ranks(&c, way, rank), 0);
	assert_int_equal(rank[2], 0);
	assert_int_equal(crux_levels(&c, way, rank, 8, level), 0);
	order_case_free(&c);
}

/* Ways, order and levels of random small cases, against all that there are. */
static void test_enumerated(void **state)
{
	double sum[3] = { 0 }, crux = 0;
	uint32_t way[64], other[64], rank[8], level[8], i, k;

	(void)state;
	for (i = 0; i < CASES; i++) {
		struct order_case c;
		double u, best;

		case_make(i + 1, 256, &c);
		assert_int_equal(crux_ways(&c, other), 0);
		assert_int_equal(order_ranks(&c, other, TRIES, rank), 0);
		assert_int_equal(order_ways(&c, rank, TRIES, way), 0);
		best = case_best_ways(&c, rank);
		sum[0] += case_judge(&c, way, rank) / best;
		crux += case_judge(&c, other, rank) / best;
		assert_int_equal(order_ranks(&c, way, TRIES, rank), 0);
		best = case_best_levels(&c, way, c.nr_jobs, true);
		u = case_judge(&c, way, rank);
		assert_true(u <= best * (1 + 1e-9));
		sum[1] += u / best;
		assert_int_equal(order_levels(&c, way, rank, 3, TRIES, level), 0);
		for (k = 0; k < c.nr_jobs; k++)
			assert_true(level[k] < 3);
		u = case_judge(&c, way, level);
		best = case_best_levels(&c, way, 3, false);
		assert_true(u <= best * (1 + 1e-9));
		sum[2] += u / best;
		order_case_free(&c);
	}
	assert_true(sum[0] / CASES >= 0.99);
	assert_true(sum[1] / CASES >= 0.99);
	assert_true(sum[2] / CASES >= 0.985);
	assert_true(sum[0] > crux);
}

/* All of it in one call; the same input gives the same; jobs are not lost. */
static void test_decide(void **state)
{
	struct order_limits limits = { .levels = 3 };
	struct order_choice a, b;
	struct dmsc_error err;
	struct order_case c;
	uint32_t seen = 0, k;

	(void)state;
	case_make(7, 1024, &c);
	assert_int_equal(order_decide(&c, &limits, &a, &err), 0);
	assert_int_equal(order_decide(&c, &limits, &b, &err), 0);
	for (k = 0; k < c.nr_jobs; k++) {
		seen |= 1U << a.rank[k];
		assert_int_equal(a.rank[k], b.rank[k]);
		assert_int_equal(a.level[k], b.level[k]);
	}
	assert_int_equal(seen, (1U << c.nr_jobs) - 1);
	assert_memory_equal(a.way, b.way, order_first_part(&c, c.nr_jobs) * sizeof(*a.way));
	assert_true(a.utilisation > 0 && a.utilisation <= 1);
	order_choice_free(&a);
	order_choice_free(&b);

	limits.levels = 0;
	assert_int_equal(order_decide(&c, &limits, &a, &err), -22);
	limits.levels = 3;
	c.jobs[1].compute = NAN;
	assert_int_equal(order_decide(&c, &limits, &a, &err), -22);
	c.jobs[1].compute = 1;
	c.jobs[1].parts[0].ways[0].use[0].edge = c.nr_edges;
	assert_int_equal(order_decide(&c, &limits, &a, &err), -22);
	order_case_free(&c);
}

/* Half computing, half sending: two such jobs fit on a link without a loss. */
static void test_interleave(void **state)
{
	static const struct simple jobs[] = { { 1, 0, 8, { { 0, 1 } } },
					      { 1.02, 0, 8, { { 0, 0.98 } } } };
	uint32_t way[2] = { 0 }, same[2] = { 0 };
	struct dmsc_error err;
	struct interleave i;
	struct order_case c;

	(void)state;
	make(&c, jobs, 2, 1);
	assert_int_equal(interleave_jobs(&c, way, same, &i, &err), 0);
	assert_int_equal(i.nr_groups, 1);
	assert_near(i.pace[0], 2, 0.05);
	assert_near(fabs(i.shift[0] - i.shift[1]), 1, 0.05);
	assert_near(i.utilisation, 0.505, 0.01);
	assert_true(i.utilisation > i.before);
	interleave_free(&i);
	order_case_free(&c);
}

/* One period goes three times into the other: they are in step as well. */
static void test_interleave_laps(void **state)
{
	static const struct simple jobs[] = { { 2.1, 0, 8, { { 0, 0.9 } } },
					      { 0.7, 0, 8, { { 0, 0.3 } } } };
	uint32_t way[2] = { 0 }, same[2] = { 0 };
	struct dmsc_error err;
	struct interleave i;
	struct order_case c;

	(void)state;
	make(&c, jobs, 2, 1);
	assert_int_equal(interleave_jobs(&c, way, same, &i, &err), 0);
	if (i.nr_groups) {
		assert_near(i.pace[0], 3 * i.pace[1], 1e-9);
		assert_true(i.utilisation > i.before);
	}
	interleave_free(&i);
	order_case_free(&c);
}

/* Periods that fit nowhere, and jobs that never meet, are left alone. */
static void test_interleave_not(void **state)
{
	static const struct simple odd[] = { { 1, 0, 8, { { 0, 1 } } },
					     { 0.3, 0, 8, { { 0, 0.937 } } } };
	static const struct simple apart[] = { { 1, 0, 8, { { 0, 1 } } },
					       { 1, 0, 8, { { 1, 1 } } } };
	uint32_t way[2] = { 0 }, same[2] = { 0 };
	struct dmsc_error err;
	struct interleave i;
	struct order_case c;

	(void)state;
	make(&c, apart, 2, 2);
	assert_int_equal(interleave_jobs(&c, way, same, &i, &err), 0);
	assert_int_equal(i.nr_groups, 0);
	assert_true(i.pace[0] == 0 && i.pace[1] == 0);
	assert_near(i.utilisation, i.before, 1e-9);
	interleave_free(&i);
	order_case_free(&c);
	make(&c, odd, 2, 1);
	assert_int_equal(interleave_jobs(&c, way, same, &i, &err), 0);
	assert_true(i.utilisation >= i.before);
	interleave_free(&i);
	order_case_free(&c);
}

/*
 * In each class, ranks of two jobs' plans: the more important one's before all of
 * the other's, without gaps.
 */
static void test_ranks(void **state)
{
	struct plan a = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL);
	struct plan b = make_plan("examples/moe.yaml", EXAMPLE_TOPO, NULL), *plans[] = { &a, &b };
	const uint32_t level[] = { 1, 0 };
	struct dmsc_error err;
	uint32_t i, k, c, both = 0, seen[DMSC_NR_CLASSES][PLAN_RANK_MAX + 1] = { 0 };

	(void)state;
	/* One job alone: by slack; nothing that sends without any slack is behind. */
	for (i = 0; i < a.nr_flows; i++) {
		if (a.flows[i].path != MODEL_NONE && !a.flows[i].bulk && a.flows[i].slack <= 0)
			assert_int_equal(a.instances[a.flows[i].src].rank[a.flows[i].class], 0);
	}
	assert_int_equal(plan_levels(plans, 2, level, NULL, &err), 0);
	for (k = 0; k < 2; k++) {
		for (i = 0; i < plans[k]->nr_flows; i++) {
			const struct plan_flow *f = &plans[k]->flows[i];

			assert_int_equal(f->rank / 4, level[k]);
			if (f->path != MODEL_NONE && !f->bulk)
				seen[f->class][plans[k]->instances[f->src].rank[f->class]] |=
					1 << level[k];
		}
	}
	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		for (i = 0; i <= PLAN_RANK_MAX && seen[c][i] == 1; i++)
			;
		for (k = i; k <= PLAN_RANK_MAX && seen[c][k] == 2; k++)
			;
		both += i > 0 && k > i;
		for (; k <= PLAN_RANK_MAX; k++)
			assert_int_equal(seen[c][k], 0);
	}
	assert_true(both > 0);
	plan_free(&a);
	plan_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alone),	       cmocka_unit_test(test_levels_strict),
		cmocka_unit_test(test_levels_shared),  cmocka_unit_test(test_fill),
		cmocka_unit_test(test_slack_decides),  cmocka_unit_test(test_cut),
		cmocka_unit_test(test_sincronia),      cmocka_unit_test(test_crux),
		cmocka_unit_test(test_enumerated),     cmocka_unit_test(test_decide),
		cmocka_unit_test(test_interleave),     cmocka_unit_test(test_interleave_laps),
		cmocka_unit_test(test_interleave_not), cmocka_unit_test(test_ranks),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
