// SPDX-License-Identifier: GPL-2.0-or-later
#include "planner/internal.h"

int plan_derive(struct plan *plan, const char *source, struct dmsc_error *err)
{
	int ret;

	ret = plan_paths(plan, err);
	if (!ret)
		ret = plan_certify(plan, err);
	if (!ret)
		ret = plan_slack(plan, source, err);
	if (!ret)
		ret = plan_slots(plan, err);
	return ret;
}
