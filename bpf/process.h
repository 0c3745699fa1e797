/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The process that makes a call: what the cgroup hooks share.
 */
#ifndef DMSC_BPF_PROCESS_H
#define DMSC_BPF_PROCESS_H

#include "tables.h"

/* Verdicts of cgroup hooks. */
#define ALLOW	1
#define REFUSE	0		/* the caller gets EPERM */

static __always_inline struct dmsc_instance *current_instance(__u32 side, __u64 cgroup_id)
{
	struct dmsc_instance *inst = instance_get(side, cgroup_id);
	int level;

	/* The nearest registered ancestor; 0 is what lies deeper than we are. */
	for (level = DMSC_CGROUP_LEVELS; !inst && level > 0; level--) {
		__u64 id = bpf_get_current_ancestor_cgroup_id(level);

		if (id && id != cgroup_id)
			inst = instance_get(side, id);
	}
	return inst;
}

#endif /* DMSC_BPF_PROCESS_H */
