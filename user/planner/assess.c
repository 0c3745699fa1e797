// SPDX-License-Identifier: GPL-2.0-or-later
/* What a placement that was given costs against the planner's own. */
#include "planner/internal.h"

/* Bytes of an iteration that leave their host; bulk goes where it goes. */
static uint64_t between_hosts(const struct plan *p)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < p->nr_flows; i++) {
		const struct plan_flow *f = &p->flows[i];

		if (!f->bulk && p->instances[f->src].host != p->instances[f->dst].host)
			sum += f->bytes;
	}
	return sum;
}

void plan_assess(struct plan *given, const struct plan *own)
{
	given->placement = (struct plan_placement){ .given = true,
						    .compared = own,
						    .worst = given->certificate.worst,
						    .bytes = between_hosts(given),
						    .path = given->critical_path };
	if (!own)
		return;
	given->placement.own_worst = own->certificate.worst;
	given->placement.own_bytes = between_hosts(own);
	given->placement.own_path = own->critical_path;
}
