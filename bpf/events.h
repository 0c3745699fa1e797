/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Denials are counted, all of them, and sampled into the ring buffer: a few each
 * jiffy and CPU, so that a storm of them costs no more than counting. Traced
 * packets are sampled likewise.
 */
#ifndef DMSC_BPF_EVENTS_H
#define DMSC_BPF_EVENTS_H

#include "maps.h"
#include "policy.h"
#include "tables.h"

#define EVENTS_PER_JIFFY	4

static __always_inline bool event_due(void)
{
	struct dmsc_sampling *s;
	__u32 zero = 0;
	__u64 now;

	s = bpf_map_lookup_elem(&dmsc_sampling, &zero);
	if (!s)
		return false;
	now = bpf_jiffies64();
	if (s->jiffy != now) {
		s->jiffy = now;
		s->used = 0;
	}
	return s->used++ < EVENTS_PER_JIFFY;
}

/*
 * One sample of what @p says about a call or packet with these ends; @s has SIDs,
 * class, slot and generation. Returns how many were taken. A global function, as
 * dmsc_policy_ask() is.
 */
__weak int dmsc_sample_take(const struct ends *e, const struct policy *p,
			    const struct dmsc_stamp *s)
{
	struct dmsc_sample *ev;
	bool inbound;

	if (!e || !p || !s || !event_due())
		return 0;
	inbound = p->hook == DMSC_HOOK_INGRESS;
	ev = bpf_ringbuf_reserve(&dmsc_events, sizeof(*ev), 0);
	if (!ev)
		return 0;
	__builtin_memset(ev, 0, sizeof(*ev));
	ev->time = bpf_ktime_get_ns();
	ev->kind = p->traced ? DMSC_SAMPLE_PACKET : DMSC_SAMPLE_POLICY;
	ev->verdict = p->traced ? p->traced - 1 : 0;
	ev->generation = s->generation;
	ev->sid = s->sid;
	ev->peer_sid = s->peer_sid;
	ev->rule = p->rule;
	ev->ifindex = p->ifindex;
	ev->length = p->length;
	ev->saddr = inbound ? e->peer : e->local;
	ev->daddr = inbound ? e->local : e->peer;
	ev->sport = inbound ? e->peer_port : e->local_port;
	ev->dport = inbound ? e->local_port : e->peer_port;
	ev->proto = e->proto;
	ev->slot = s->slot;
	ev->class = s->class;
	ev->hook = p->hook;
	ev->reason = p->reason;
	bpf_ringbuf_submit(ev, 0);
	return 1;
}

/* Counts and perhaps samples what policy answered, in the same words. */
__weak int dmsc_report(const struct ends *e, const struct policy *p, const struct dmsc_stamp *s)
{
	struct dmsc_denial *count;
	__u32 index;

	if (!e || !p || !s)
		return 0;
	index = p->hook * DMSC_NR_REASONS + p->reason;
	count = bpf_map_lookup_elem(&dmsc_denials, &index);
	if (!count)
		return 0;
	count->count += p->packets;
	count->bytes += p->length;
	count->sampled += dmsc_sample_take(e, p, s) == 1;
	return 0;
}

#endif /* DMSC_BPF_EVENTS_H */
