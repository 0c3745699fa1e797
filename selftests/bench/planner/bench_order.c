// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Order among jobs against enumeration, on random small cases: ways, order and
 * levels, each with the others as they were decided. Baselines: Crux and
 * Sincronia. DMSC_BENCH_CASES: other than 1,500 cases.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "planner/interleave.h"
#include "selftests/bench/planner/bench.h"
#include "selftests/bench/planner/order_cases.h"

#define CASES	  1500
#define LEVELS	  3
#define MOST_WAYS 1024
#define TRIES	  64

enum { WAYS, RANKS, LEVELS_OF, NR_STEPS };

static const char *const steps[] = { "path", "priority", "compression" };
static const double aims[] = { 99, 99, 98.5 };

struct sums {
	double ours[NR_STEPS], crux[NR_STEPS], sincronia[NR_STEPS];
	double worst[NR_STEPS], most_ms[NR_STEPS];
};

/* CPU time of this process: what a decision costs, whoever else runs. */
static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void record(struct sums *s, int step, double ms, double ours, double crux, double sincronia,
		   double best)
{
	double of = 100 / best;

	s->ours[step] += ours * of;
	s->crux[step] += crux * of;
	s->sincronia[step] += sincronia * of;
	if (ours * of < s->worst[step])
		s->worst[step] = ours * of;
	if (ms > s->most_ms[step])
		s->most_ms[step] = ms;
}

static void one(uint64_t seed, struct sums *s)
{
	uint32_t way[64], rank[8], level[8], other[64], base[8];
	struct order_case c;
	double ms, u, v;

	case_make(seed, MOST_WAYS, &c);
	crux_ways(&c, other);
	order_ranks(&c, other, TRIES, rank);
	ms = cpu_ms();
	order_ways(&c, rank, TRIES, way);
	ms = cpu_ms() - ms;
	u = case_judge(&c, other, rank);
	record(s, WAYS, ms, case_judge(&c, way, rank), u, u, case_best_ways(&c, rank));

	ms = cpu_ms();
	order_ranks(&c, way, TRIES, rank);
	ms = cpu_ms() - ms;
	crux_ranks(&c, way, base);
	u = case_judge(&c, way, base);
	sincronia_ranks(&c, way, base);
	v = case_judge(&c, way, base);
	record(s, RANKS, ms, case_judge(&c, way, rank), u, v,
	       case_best_levels(&c, way, c.nr_jobs, true));

	ms = cpu_ms();
	order_levels(&c, way, rank, LEVELS, TRIES, level);
	ms = cpu_ms() - ms;
	crux_levels(&c, way, rank, LEVELS, base);
	u = case_judge(&c, way, base);
	sincronia_levels(&c, rank, LEVELS, base);
	v = case_judge(&c, way, base);
	record(s, LEVELS_OF, ms, case_judge(&c, way, level), u, v,
	       case_best_levels(&c, way, LEVELS, false));
	order_case_free(&c);
}

BENCH(order)
{
	const char *want = getenv("DMSC_BENCH_CASES");
	int cases = want ? atoi(want) : CASES, i, k;
	struct sums s = { .worst = { 100, 100, 100 } };
	char what[64], aim[32];
	double value;

	for (i = 0; i < cases; i++)
		one(i + 1, &s);
	for (k = 0; cases > 0 && k < NR_STEPS; k++) {
		snprintf(what, sizeof(what), "order among jobs, %s, %d cases", steps[k], cases);
		snprintf(aim, sizeof(aim), ">= %g %%", aims[k]);
		value = s.ours[k] / cases;
		bench_report(what, "of the optimum, mean", "%", &value, 1, aim, value >= aims[k]);
		bench_peer("crux", s.crux[k] / cases);
		if (k != WAYS)
			bench_peer("sincronia", s.sincronia[k] / cases);
		bench_report(what, "of the optimum, worst", "%", &s.worst[k], 1, NULL, false);
		bench_report(what, "CPU time, most", "ms", &s.most_ms[k], 1, "< 10 ms",
			     s.most_ms[k] < 10);
	}
}

/* Pairs of jobs on one link whose periods fit within 4 %. */
BENCH(interleave)
{
	double gain = 0, before = 0, after = 0, value;
	uint64_t state = 99;
	int i, n = 200, stepped = 0;

	for (i = 0; i < n; i++) {
		struct order_use use[2];
		struct order_way way[2];
		struct order_part part[2];
		struct order_job jobs[2];
		struct order_case c = { jobs, 2, 1 };
		uint32_t ways[2] = { 0 }, levels[2] = { 0 }, k;
		struct dmsc_error err;
		struct interleave t;

		for (k = 0; k < 2; k++) {
			double duty = 0.25 + 0.25 * case_random(&state);
			double period = 1 + k * 0.04 * case_random(&state);

			use[k] = (struct order_use){ 0, period * duty };
			way[k] = (struct order_way){ &use[k], 1 };
			part[k] = (struct order_part){ &way[k], 1 };
			jobs[k] = (struct order_job){ .compute = period * (1 - duty),
						      .gpus = 8,
						      .parts = &part[k],
						      .nr_parts = 1 };
		}
		if (interleave_jobs(&c, ways, levels, &t, &err))
			return;
		stepped += t.nr_groups > 0;
		before += t.before / n;
		after += t.utilisation / n;
		interleave_free(&t);
	}
	gain = 100 * (after / before - 1);
	bench_report("start times, 200 pairs of jobs on a link", "GPU utilisation gained", "%",
		     &gain, 1, NULL, false);
	value = 100.0 * stepped / n;
	bench_report("start times, 200 pairs of jobs on a link", "pairs in step", "%", &value, 1,
		     NULL, false);
}
