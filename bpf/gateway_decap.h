/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * An instance's host: packets of known gateways lose their outer header, so that
 * the service behind sees the client's packet, and answers the client. Hosts with
 * the kernel's own tunnels (ipip, ip6tnl, fou) do not need it.
 */
#ifndef DMSC_BPF_GATEWAY_DECAP_H
#define DMSC_BPF_GATEWAY_DECAP_H

#include "gateway_maps.h"
#include "gateway_packet.h"

/*
 * What is taken off and what is below, or 0 for a packet that is not
 * encapsulated. *@inner: the protocol number of what is inside.
 */
static __always_inline __u32 gw_outer_of(void *data, void *end, struct gw_addr *from, __u8 *inner,
					 __be16 *gue_port)
{
	struct ethhdr *eth = data;
	struct udphdr *udp;
	__u32 head;
	__u8 proto;

	if ((void *)(eth + 1) > end)
		return 0;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data + ETH_HLEN;

		if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl != 5 ||
		    (ip->frag_off & bpf_htons(IP_FRAGMENT)))
			return 0;
		gw_addr4(from, ip->saddr);
		proto = ip->protocol;
		head = sizeof(*ip);
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip6 = data + ETH_HLEN;

		if ((void *)(ip6 + 1) > end || ip6->version != 6)
			return 0;
		gw_addr6(from, &ip6->saddr);
		proto = ip6->nexthdr;
		head = sizeof(*ip6);
	} else {
		return 0;
	}
	*gue_port = 0;
	if (proto == IPPROTO_UDP) {
		__u8 *first;

		udp = data + ETH_HLEN + head;
		first = (__u8 *)(udp + 1);
		if ((void *)(first + 1) > end)
			return 0;
		*gue_port = udp->dest;
		/* Version 1 of GUE is an IP header's first bits: 01. */
		proto = *first >> 4 == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
		head += sizeof(*udp);
	}
	*inner = proto;
	return proto == IPPROTO_IPIP || proto == IPPROTO_IPV6 ? head : 0;
}

static __always_inline int gw_unwrap(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct dmsc_gw_unwrapped *counts;
	struct dmsc_gw_peer *peer;
	struct ethhdr eth, *to;
	struct gw_addr from;
	__u32 head, zero = 0;
	__be16 gue_port;
	__u8 inner, *first;

	head = gw_outer_of(data, end, &from, &inner, &gue_port);
	counts = bpf_map_lookup_elem(&dmsc_gw_unwrapped, &zero);
	if (!head || !counts)
		return XDP_PASS;
	peer = bpf_map_lookup_elem(&dmsc_gw_decap, &from);
	if (!peer || peer->gue_port != gue_port) {
		/* Tunnels of others are the kernel's business; another of a gateway's is odd. */
		if (peer && inner)
			counts->refused++;
		return XDP_PASS;
	}
	first = data + ETH_HLEN + head;
	if ((void *)(first + sizeof(struct iphdr)) > end ||
	    *first >> 4 != (inner == IPPROTO_IPIP ? 4 : 6)) {
		counts->malformed++;
		return XDP_DROP;
	}
	__builtin_memcpy(&eth, data, sizeof(eth));
	eth.h_proto = inner == IPPROTO_IPIP ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
	if (bpf_xdp_adjust_head(ctx, head))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	to = data;
	if ((void *)(to + 1) > end)
		return XDP_DROP;
	__builtin_memcpy(to, &eth, sizeof(eth));
	counts->packets++;
	return XDP_PASS;
}

#endif /* DMSC_BPF_GATEWAY_DECAP_H */
