// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * tc ingress: counts what arrives, and drops what policy denies from outside.
 * The class is what the sender's DSCP stands for; where classes do not travel in
 * DSCP, it is the endpoint's.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "dscp.h"
#include "filter.h"
#include "packet.h"
#include "stats.h"
#include "tables.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline __u8 received_class(const struct control *c, const struct packet *p,
					   const struct dmsc_endpoint *ep)
{
	if (p->kind == PACKET_ARP || p->discovery)
		return DMSC_CLASS_CONTROL;
	if (!(c->flags & DMSC_CTL_DSCP))
		return ep ? ep->class & (DMSC_NR_CLASSES - 1) : DMSC_CLASS_DEFAULT;
	return dscp_class(side_of(c->generation), p);
}

SEC("tc")
int dmsc_ingress(struct __sk_buff *skb)
{
	/* wire_len lacks the Ethernet header here. */
	__u64 packets = skb->gso_segs ?: 1, bytes = skb->len;
	struct dmsc_endpoint *local = NULL, *remote = NULL;
	struct control c;
	struct packet p;
	__u32 stats;
	__u8 class;

	/* A packet that was redirected in another namespace may still carry it. */
	skb->tc_index = 0;
	if (!control_read(&c))
		return TC_ACT_UNSPEC;

	packet_parse(skb, &p);
	if (packet_denied(skb, &p, &c, DMSC_SID_UNKNOWN, DMSC_HOOK_INGRESS))
		return TC_ACT_SHOT;
	if (p.has_ports) {
		local = endpoint_get(side_of(c.generation), &p.daddr, p.dport, p.proto);
		if (!local && !(c.flags & DMSC_CTL_DSCP))
			remote = endpoint_get(side_of(c.generation), &p.saddr, p.sport, p.proto);
	}
	class = received_class(&c, &p, local ? local : remote);
	if (local && local->stats && local->class == class)
		stats = local->stats;
	else
		stats = dmsc_stats_index(local ? local->sid : DMSC_SID_UNKNOWN, class, DMSC_DIR_RX,
					 0);
	stats_add(stats, packets, bytes, false, false);
	return TC_ACT_UNSPEC;
}
