/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the senders of a rule may send together (dmsc_rates): packets above it are dropped,
 * counted and sampled as denials are.
 */
#ifndef DMSC_BPF_RATE_H
#define DMSC_BPF_RATE_H

#include "events.h"

#define RATE_TRIES	4	/* against other CPUs that charge at the same moment */

/* Charges rate @number with @bytes, or says that they are too many. */
static __always_inline bool rate_exceeded(__u32 side, __u32 number, __u32 bytes)
{
	__u32 index = side * DMSC_MAX_RATES + number;
	struct dmsc_rule_rate *r;
	__u64 now, old, due;
	int i;

	if (!number || number >= DMSC_MAX_RATES)
		return false;
	r = bpf_map_lookup_elem(&dmsc_rates, &index);
	if (!r || !r->cost)
		return false;
	now = bpf_ktime_get_ns();
	for (i = 0; i < RATE_TRIES; i++) {
		old = *(volatile __u64 *)&r->due;
		due = old > now ? old : now;
		if (due - now > r->burst)
			return true;
		due += (bytes * r->cost) >> DMSC_RATE_SHIFT;
		if (__sync_val_compare_and_swap(&r->due, old, due) == old)
			break;
	}
	return false;
}

/* Counts and perhaps samples a packet that is dropped, as @p and @s describe it. */
static __always_inline void rate_report(const struct ends *e, struct policy *p,
					const struct dmsc_stamp *s)
{
	struct dmsc_denial *count;
	__u32 hook = p->hook;

	count = bpf_map_lookup_elem(&dmsc_exceeded, &hook);
	if (!count)
		return;
	p->reason = DMSC_REASON_RATE;
	count->count += p->packets;
	count->bytes += p->length;
	count->sampled += dmsc_sample_take(e, p, s) == 1;
}

#endif /* DMSC_BPF_RATE_H */
