// SPDX-License-Identifier: GPL-2.0-or-later
/* Classes out of byte counts alone, on models of which the rules know nothing. */
#include "selftests/bench/planner/bench.h"
#include "selftests/bench/planner/class_cases.h"

BENCH(classify)
{
	uint32_t i, n, right, flows[2] = { 0 }, good[2] = { 0 };
	char what[160];
	double value;

	for (i = 0; i < NR_CLASS_CASES; i++) {
		const struct class_case *x = &class_cases[i];

		n = class_score(x, &right);
		if (!n)
			continue;
		flows[x->judged] += n;
		good[x->judged] += right;
		value = 100.0 * right / n;
		snprintf(what, sizeof(what), "class, %s, %.100s", x->model, x->parallel);
		bench_report(what, "flows that get theirs", "%", &value, 1, NULL, false);
	}
	if (!flows[1])
		return;
	value = 100.0 * good[1] / flows[1];
	bench_report("class, models not tuned on", "flows that get theirs", "%", &value, 1,
		     ">= 99.5 %", value >= 99.5);
}
