// SPDX-License-Identifier: GPL-2.0
/*
 * Class of a packet that tc egress did not decide on (see dmsc_classify()): its
 * DSCP's, so that marked traffic keeps its class where no BPF program runs. Runs
 * on whatever CPU enqueues, which need not be the sender's, so nothing of the
 * sender is looked at.
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

u8 dmsc_classify_other(const struct sk_buff *skb)
{
	int offset = skb_network_offset(skb);
	const struct iphdr *ip;
	struct iphdr _ip;

	switch (skb_protocol(skb, true)) {
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
