// SPDX-License-Identifier: GPL-2.0
/*
 * Slot and class of a packet. What tc egress decided stands in skb->priority;
 * a packet without it is classed by its DSCP, so that marked traffic keeps its
 * class where no BPF program runs. Runs on whatever CPU enqueues, which need
 * not be the sender's, so nothing of the sender is looked at.
 */
#include <linux/if_arp.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/dsfield.h>
#include <net/ndisc.h>

#include "core/dscp.h"
#include "qdisc.h"

static u8 classify_ipv6(const struct sk_buff *skb, int offset)
{
	const struct icmp6hdr *icmp;
	const struct ipv6hdr *ip6;
	struct icmp6hdr _icmp;
	struct ipv6hdr _ip6;

	ip6 = skb_header_pointer(skb, offset, sizeof(_ip6), &_ip6);
	if (!ip6)
		return DMSC_CLASS_DEFAULT;
	if (ip6->nexthdr == IPPROTO_ICMPV6) {
		icmp = skb_header_pointer(skb, offset + sizeof(*ip6), sizeof(_icmp), &_icmp);
		if (icmp && icmp->icmp6_type >= NDISC_ROUTER_SOLICITATION &&
		    icmp->icmp6_type <= NDISC_REDIRECT)
			return DMSC_CLASS_CONTROL;
	}
	return dmsc_class_of_dscp[ipv6_get_dsfield(ip6) >> 2];
}

static u8 classify_packet(const struct sk_buff *skb)
{
	int offset = skb_network_offset(skb);
	__be16 proto = skb_protocol(skb, true);
	const struct iphdr *ip;
	struct iphdr _ip;

	switch (proto) {
	case htons(ETH_P_ARP):
		return DMSC_CLASS_CONTROL;
	case htons(ETH_P_IP):
		ip = skb_header_pointer(skb, offset, sizeof(_ip), &_ip);
		return ip ? dmsc_class_of_dscp[ip->tos >> 2] : DMSC_CLASS_DEFAULT;
	case htons(ETH_P_IPV6):
		return classify_ipv6(skb, offset);
	default:
		return DMSC_CLASS_DEFAULT;
	}
}

struct dmsc_verdict dmsc_classify(const struct sk_buff *skb)
{
	u32 priority = skb->priority;
	struct dmsc_verdict v = { 0 };

	if ((priority & DMSC_PRIO_MAJOR_MASK) == DMSC_PRIO_MAJOR) {
		/* Classes 8 to 15 do not exist; such a packet is nobody's. */
		v.class = priority & DMSC_PRIO_CLASS_MASK;
		if (v.class < DMSC_NR_CLASSES)
			v.slot = (priority & ~DMSC_PRIO_MAJOR_MASK) >> DMSC_PRIO_SLOT_SHIFT;
		else
			v.class = DMSC_CLASS_DEFAULT;
		return v;
	}
	v.class = classify_packet(skb);
	return v;
}
