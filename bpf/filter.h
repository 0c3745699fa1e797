/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Policy for packets without a socket of ours: what comes from outside, and what
 * is forwarded. Only the packet is known: whose endpoint it goes to, and whether
 * its source is an endpoint or a host of the plan.
 */
#ifndef DMSC_BPF_FILTER_H
#define DMSC_BPF_FILTER_H

#include "events.h"
#include "packet.h"
#include "rate.h"

/*
 * A packet's own question, too large for the stack. A tc program does not
 * interrupt another of the same hook on its CPU.
 */
struct scratch {
	struct ends ends;
	struct policy policy;
	struct dmsc_stamp stamp;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DMSC_NR_HOOKS);
	__type(key, __u32);
	__type(value, struct scratch);
} dmsc_scratch __weak SEC(".maps");

static __always_inline struct scratch *scratch_get(__u32 hook)
{
	struct scratch *s = bpf_map_lookup_elem(&dmsc_scratch, &hook);

	if (s)
		__builtin_memset(s, 0, sizeof(*s));
	return s;
}

/*
 * Whether policy denies this packet; reports it, also when it is only audited.
 * @sid is the sender's, where the flow table knows it. Free are: answers of
 * endpoints (they go to no endpoint), what hosts of the plan send (they have
 * checked it), and what is for nobody. A fragment shows no ports, so that one
 * for a host of the plan is judged as one for an instance that no rule names.
 */
static __noinline bool packet_denied(struct __sk_buff *skb, const struct packet *p,
				     const struct control *c, __u32 sid, __u8 hook)
{
	__u32 side = side_of(c->generation);
	struct dmsc_endpoint *ep = NULL;
	bool inbound = hook == DMSC_HOOK_INGRESS;
	struct scratch *q;

	if (!(c->flags & DMSC_CTL_POLICY) || (p->kind != PACKET_IPV4 && p->kind != PACKET_IPV6))
		return false;
	if (p->has_ports) {
		ep = endpoint_get(side, &p->daddr, p->dport, p->proto);
		if (!ep)
			return false;
	} else if (!p->fragment || !host_known(side, &p->daddr)) {
		return false;
	}
	if (!sid && host_known(side, &p->saddr))
		return false;
	q = scratch_get(hook);
	if (!q)
		return false;
	q->policy.src_sid = sid;
	q->policy.dst_sid = ep ? ep->sid : (__u32)-1;
	q->policy.dst_mic = ep ? ep->mic : 0;
	q->policy.side = side;
	q->policy.flags = c->flags;
	dmsc_policy_ask(&q->policy);
	if (q->policy.action == DMSC_ACTION_ALLOW && !q->policy.rate)
		return false;

	q->ends.peer = inbound ? p->saddr : p->daddr;
	q->ends.local = inbound ? p->daddr : p->saddr;
	q->ends.peer_port = inbound ? p->sport : p->dport;
	q->ends.local_port = inbound ? p->dport : p->sport;
	q->ends.proto = p->proto;
	q->stamp.generation = c->generation;
	q->stamp.sid = inbound && ep ? ep->sid : sid;
	q->stamp.peer_sid = inbound || !ep ? sid : ep->sid;
	q->stamp.class = ep ? ep->class : DMSC_CLASS_DEFAULT;
	q->policy.ifindex = skb->ifindex;
	q->policy.length = skb->wire_len ?: skb->len;
	q->policy.packets = skb->gso_segs ?: 1;
	q->policy.hook = hook;
	if (q->policy.action != DMSC_ACTION_ALLOW)
		dmsc_report(&q->ends, &q->policy, &q->stamp);
	if (q->policy.action == DMSC_ACTION_DENY)
		return true;
	if (!rate_exceeded(side, q->policy.rate, q->policy.length))
		return false;
	rate_report(&q->ends, &q->policy, &q->stamp);
	return true;
}

#endif /* DMSC_BPF_FILTER_H */
