// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscctl/explain.h"

#include <stdio.h>
#include <stdlib.h>

#include "dmscctl/table.h"
#include "dmscctl/units.h"
#include "lib/plan_steps.h"

static void explain_granularity(const struct ctl *c, const struct plan_granularity *g)
{
	static const char *const heads[] = { "-EXCHANGES A PASS",
					     "-STARTING MESSAGES",
					     "-GRADIENTS NOT CONCEALED",
					     "-TOGETHER",
					     "",
					     NULL };
	struct table table;
	char text[UNITS_LEN];
	uint32_t i;

	if (!g->nr_choices)
		return;
	printf("\ngranularity: %u exchanges a pass, %s\n", g->exchanges,
	       g->given ? "as the job file says" :
			  "the fewest that cost at most 2 % of an iteration more than the best");
	table_init(&table, c, heads);
	for (i = 0; i < g->nr_choices; i++) {
		const struct plan_choice *k = &g->choices[i];

		table_add(&table, "%u", k->exchanges);
		table_add(&table, "%s", units_time(k->overhead_ns, c->exact, text));
		table_add(&table, "%s", units_time(k->exposed_ns, c->exact, text));
		table_add(&table, "%s", units_time(k->overhead_ns + k->exposed_ns, c->exact, text));
		table_add(&table, "%s", k->exchanges == g->exchanges ? "taken" : "");
	}
	table_print(&table);
}

/* Index DMSC_NR_CLASSES: computation. */
static void explain_critical(const struct ctl *c, const struct plan *p)
{
	static const char *const heads[] = { "CRITICAL PATH", "-STEPS", "-TIME", "-SHARE", NULL };
	uint64_t local = plan_local_rate(p), steps[DMSC_NR_CLASSES + 1] = { 0 };
	double ns[DMSC_NR_CLASSES + 1] = { 0 };
	struct table table;
	char text[UNITS_LEN];
	uint32_t i;
	int k;

	for (i = 0; i < p->nr_critical; i++) {
		const struct plan_op *op = &p->ops[p->critical[i]];
		double t = plan_step_ns(p, local, op);

		k = op->kind == OP_COMPUTE ? DMSC_NR_CLASSES : p->flows[op->flow].class;
		ns[k] += t;
		steps[k] += t > 0;
	}
	putchar('\n');
	table_init(&table, c, heads);
	for (k = DMSC_NR_CLASSES; k >= 0; k--) {
		if (!steps[k])
			continue;
		table_add(&table, "%s", k == DMSC_NR_CLASSES ? "computation" : dmsc_class_name(k));
		table_add(&table, "%llu", (unsigned long long)steps[k]);
		table_add(&table, "%s", units_time(ns[k], c->exact, text));
		table_add(&table, "%.1f %%",
			  100 * ns[k] / (p->critical_path ? p->critical_path : 1));
	}
	table_print(&table);
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void explain_slack(const struct ctl *c, const struct plan *p)
{
	static const char *const heads[] = { "SLACK OF FLOWS", "-FLOWS", "-WITHOUT", "-LEAST",
					     "-MEDIAN",	       "-MOST",	 NULL };
	int64_t *slack = calloc(p->nr_flows + 1, sizeof(*slack));
	struct table table;
	char text[UNITS_LEN];
	uint32_t i, n, none;
	int k;

	if (!slack)
		return;
	putchar('\n');
	table_init(&table, c, heads);
	for (k = DMSC_NR_CLASSES - 1; k >= 0; k--) {
		for (i = 0, n = 0, none = 0; i < p->nr_flows; i++) {
			if (p->flows[i].class != k || p->flows[i].bulk)
				continue;
			none += p->flows[i].slack <= 0;
			slack[n++] = p->flows[i].slack;
		}
		if (!n)
			continue;
		qsort(slack, n, sizeof(*slack), by_value);
		table_add(&table, "%s", dmsc_class_name(k));
		table_add(&table, "%u", n);
		table_add(&table, "%u", none);
		table_add(&table, "%s", units_time(slack[0], c->exact, text));
		table_add(&table, "%s", units_time(slack[n / 2], c->exact, text));
		table_add(&table, "%s", units_time(slack[n - 1], c->exact, text));
	}
	table_print(&table);
	free(slack);
}

void explain_plan(const struct ctl *c, const struct plan *p)
{
	explain_granularity(c, &p->granularity);
	explain_critical(c, p);
	explain_slack(c, p);
}
