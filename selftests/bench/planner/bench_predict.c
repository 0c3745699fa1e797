// SPDX-License-Identifier: GPL-2.0-or-later
/* Prediction on made-up traffic whose truth is known, and on measured iteration times. */
#include <stdio.h>
#include <stdlib.h>

#include "planner/period.h"
#include "selftests/bench/planner/bench.h"
#include "selftests/bench/planner/pai.h"
#include "selftests/bench/planner/traces.h"

#define TRACES 500

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double p95(double *v, uint32_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[(uint32_t)(0.95 * (n - 1))];
}

/* Parts of the period or of the bytes, in per cent. */
static void traces(const char *what, double jitter, double noise)
{
	static double period[TRACES], next[TRACES], bytes[TRACES];
	uint32_t i, n = 0, lost = 0;
	double value;

	for (i = 0; i < TRACES; i++) {
		struct period p;
		struct trace t;

		trace_make(i + 1, 5, jitter, noise, &t);
		if (!period_find(t.counts, t.n, &p)) {
			period[n] = 100 * fabs(p.period / t.period - 1);
			next[n] = isfinite(p.next) ? 100 * fabs(p.next - t.next) / t.period : 100;
			bytes[n++] = 100 * fabs(p.bytes / t.bytes - 1);
		} else {
			lost++;
		}
		free(t.counts);
	}
	value = p95(period, n);
	bench_report(what, "period, error p95", "%", &value, 1, "<= 0.3 %", value <= 0.3);
	value = p95(next, n);
	bench_report(what, "next burst, error p95", "%", &value, 1, "<= 1 %", value <= 1);
	value = p95(bytes, n);
	bench_report(what, "bytes, error p95", "%", &value, 1, "<= 0.1 %", value <= 0.1);
	value = 100.0 * lost / TRACES;
	bench_report(what, "no period found", "%", &value, 1, NULL, false);
}

BENCH(predict)
{
	traces("5 iterations, even", 0, 0);
	traces("5 iterations, jitter 0.2 %", 0.002, 0);
	traces("5 iterations, jitter 0.2 %, others' 0.1 %", 0.002, 0.001);
	traces("5 iterations, jitter 0.5 %", 0.005, 0);
}

BENCH(changes)
{
	double found = 0, value, alarms = 0;
	uint64_t seed = 5;
	uint32_t i, k;
	struct watch w;

	for (i = 0; i < 2000; i++) {
		double spread = 0.2 + case_random(&seed), level = 100 + fmax(10 * spread, 2);

		watch_init(&w);
		for (k = 0; k < 40; k++)
			watch_add(&w, 100 + spread * trace_normal(&seed));
		watch_add(&w, level + spread * trace_normal(&seed));
		found += watch_add(&w, level + spread * trace_normal(&seed)) == WATCH_SLOWER;
	}
	value = found / 20;
	bench_report("change by 10 spreads", "noticed in 2 iterations", "%", &value, 1, ">= 99.9 %",
		     value >= 99.9);
	watch_init(&w);
	for (i = 0; i < 1000000; i++)
		alarms += watch_add(&w, 100 + trace_normal(&seed)) != WATCH_NOTHING;
	value = alarms / 100;
	bench_report("no change, normal spread, 10^6 iterations", "false alarms in 10,000", "",
		     &value, 1, "< 1", value < 1);
}

BENCH(pai)
{
	char what[96], path[512];
	struct pai_score s;
	uint32_t job, fresh;

	if (!bench_data("pai-minibatch", path, sizeof(path)))
		return;
	for (job = 1; job <= PAI_JOBS; job++) {
		for (fresh = 0; fresh < 2; fresh++) {
			double better, value;

			if (!pai_score(job, fresh, &s))
				continue;
			better = fmin(s.last, s.median);
			value = 100 * (s.ours / better - 1);
			snprintf(what, sizeof(what), "PAI job %u, %s", job,
				 fresh ? "values measured anew" : "as it stands");
			bench_report(what, "mean error", "%", &s.ours, 1, NULL, false);
			bench_peer("last value", s.last);
			bench_peer("median of 8", s.median);
			bench_report(what, "against the better one", "%", &value, 1, "<= -20 %",
				     value <= -20);
		}
	}
}
