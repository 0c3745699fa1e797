// SPDX-License-Identifier: GPL-2.0-or-later
/* Classes out of byte counts alone, on models of which the rules know nothing. */
#include "selftests/bench/planner/bench.h"
#include "selftests/bench/planner/class_cases.h"

/* Flows of class @class, and in @said what those that are wrong are taken for. */
static double class_share(const struct class_table *t, uint32_t class, char *said, size_t size)
{
	uint32_t i, n = 0;

	said[0] = 0;
	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		n += t->n[class][i];
		if (i != class && t->n[class][i])
			snprintf(said + strlen(said), size - strlen(said), ", %u taken for %s",
				 t->n[class][i], dmsc_class_name(i));
	}
	return n ? 100.0 * t->n[class][class] / n : -1;
}

BENCH(classify)
{
	static const char *const sets[] = { "jobs that the rules were made on", "other jobs" };
	uint32_t i, k, n, good, jobs[2] = { 0 }, whole[2] = { 0 };
	struct class_table tables[2] = { 0 };
	char what[256], said[128];
	double value;

	for (i = 0; i < NR_CLASS_CASES; i++) {
		const struct class_case *x = &class_cases[i];

		value = class_score(x, &tables[x->judged]);
		if (value < 0)
			continue;
		jobs[x->judged]++;
		whole[x->judged] += value >= 100;
		snprintf(what, sizeof(what), "class, %s, %.100s", x->model, x->parallel);
		bench_report(what, "flows that get theirs", "%", &value, 1, NULL, false);
	}
	for (k = 0; k < 2; k++) {
		for (n = good = i = 0; i < DMSC_NR_CLASSES; i++) {
			value = class_share(&tables[k], i, said, sizeof(said));
			if (value < 0)
				continue;
			snprintf(what, sizeof(what), "class %s, %u %s%s", dmsc_class_name(i),
				 jobs[k], sets[k], said);
			bench_report(what, "flows that get theirs", "%", &value, 1, NULL, false);
			good += tables[k].n[i][i];
		}
		for (i = 0; i < DMSC_NR_CLASSES * DMSC_NR_CLASSES; i++)
			n += tables[k].n[i / DMSC_NR_CLASSES][i % DMSC_NR_CLASSES];
		if (!n)
			continue;
		value = 100.0 * good / n;
		snprintf(what, sizeof(what), "class, %u %s, %u right throughout", jobs[k], sets[k],
			 whole[k]);
		bench_report(what, "flows that get theirs", "%", &value, 1, k ? ">= 99.5 %" : NULL,
			     value >= 99.5);
	}
}
