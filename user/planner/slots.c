// SPDX-License-Identifier: GPL-2.0-or-later
/* Queues, ports and allowed classes of each instance. */
#include <errno.h>
#include <stdlib.h>

#include "planner/internal.h"

#define FIRST_PORT 20000

int plan_slots(struct plan *p, struct dmsc_error *err)
{
	uint32_t *next_slot = calloc(p->nr_hosts + 1, sizeof(*next_slot));
	uint32_t *local = calloc(p->nr_hosts + 1, sizeof(*local));
	uint32_t i, c;
	int ret = 0;

	if (!next_slot || !local) {
		ret = dmsc_fail(err, -ENOMEM, "out of memory for the plan");
		goto out;
	}
	for (i = 0; i < p->nr_flows; i++) {
		struct plan_flow *f = &p->flows[i];

		p->instances[f->src].class_mask |= 1 << f->class;
		p->instances[f->dst].class_mask |= 1 << f->class;
		/* It listens; which port follows from its place on the host. */
		p->instances[f->dst].port[f->class] = 1;
	}
	for (i = 0; i < p->nr_instances; i++) {
		struct plan_instance *inst = &p->instances[i];
		uint32_t at = local[inst->host]++;

		inst->class_default = DMSC_CLASS_DEFAULT;
		if (inst->class_mask == 1 << DMSC_CLASS_BULK)
			inst->class_default = DMSC_CLASS_BULK;
		inst->class_mask |= 1 << inst->class_default;
		for (c = 0; c < DMSC_NR_CLASSES; c++) {
			/* Acknowledgements share the queue of what they acknowledge. */
			if (inst->class_mask & 1 << c)
				inst->slot[c] = ++next_slot[inst->host];
			if (inst->port[c])
				inst->port[c] = FIRST_PORT + at * DMSC_NR_CLASSES + c;
		}
		if (next_slot[inst->host] >= DMSC_NR_SLOTS ||
		    FIRST_PORT + (at + 1) * DMSC_NR_CLASSES > 65536) {
			ret = dmsc_fail(err, -EINVAL,
					"host %s: more instances than queues (%d) or ports",
					p->hosts[inst->host].name, DMSC_NR_SLOTS - 1);
			break;
		}
	}
out:
	free(next_slot);
	free(local);
	return ret;
}
