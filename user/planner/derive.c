// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>

#include "planner/internal.h"

static int paths_and_slack(struct plan *plan, const char *source, struct dmsc_error *err)
{
	int ret = plan_paths(plan, err);

	return ret ? ret : plan_slack(plan, source, err);
}

/* What follows from classes, taken back. */
static void forget(struct plan *plan)
{
	uint32_t i;

	for (i = 0; i < plan->nr_paths; i++) {
		free(plan->paths[i].edges);
		free(plan->paths[i].share);
	}
	free(plan->paths);
	plan->paths = NULL;
	plan->nr_paths = 0;
	for (i = 0; i < plan->nr_flows; i++) {
		plan->flows[i].path = MODEL_NONE;
		plan->flows[i].nr_ways = 0;
	}
	free(plan->ways);
	plan->ways = NULL;
	plan->nr_ways = 0;
	free(plan->edge_load);
	plan->edge_load = NULL;
	free(plan->critical);
	plan->critical = NULL;
	plan->nr_critical = 0;
	plan->critical_path = 0;
}

int plan_derive(struct plan *plan, const char *source, struct dmsc_error *err)
{
	int ret;

	ret = paths_and_slack(plan, source, err);
	/* Slack is part of the question, and paths go by the answer. */
	if (!ret && plan_importance(plan, 0)) {
		forget(plan);
		ret = paths_and_slack(plan, source, err);
	}
	plan->ask = NULL;
	if (!ret)
		ret = plan_segments(plan, err);
	if (!ret)
		ret = plan_certify(plan, err);
	if (!ret && plan_ranks(&plan, 1))
		ret = dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	if (!ret)
		ret = plan_slots(plan, err);
	return ret;
}
