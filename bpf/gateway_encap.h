/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The way to an instance, and the header that is put in front.
 */
#ifndef DMSC_BPF_GATEWAY_ENCAP_H
#define DMSC_BPF_GATEWAY_ENCAP_H

#include "gateway_flow.h"

#define AF_INET		2
#define AF_INET6	10

#define GW_TTL		64
#define GW_RETRY_NS	20000000ULL	/* before a next hop that is unknown is asked for again */
#define GW_OUTER_MAX	(sizeof(struct ipv6hdr) + sizeof(struct udphdr))
#define GW_GUE_PORTS	0xc000		/* source ports of GUE: this and what follows */

static __always_inline __u32 gw_outer_ip(const struct dmsc_gw_real *r)
{
	return r->encap == DMSC_GW_ENCAP_IP4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

static __always_inline __u32 gw_outer_len(const struct dmsc_gw_real *r)
{
	return gw_outer_ip(r) + (r->gue_port ? sizeof(struct udphdr) : 0);
}

/*
 * Asks routing, once in a while, so that it costs nothing and is right a second
 * after a change at most. A next hop whose link address is not known yet has an
 * interface only.
 */
static __noinline int gw_hop_ask(void *ctx, __u32 ifindex, struct dmsc_gw_real *r,
				 struct dmsc_gw_lane *lane, __u64 now)
{
	struct bpf_fib_lookup fib = {
		.l4_protocol = IPPROTO_IPIP,
		.tot_len = 1,	/* so that the MTU is told */
		.ifindex = ifindex,
	};
	int ret;

	if (r->encap == DMSC_GW_ENCAP_IP4) {
		fib.family = AF_INET;
		fib.ipv4_src = ((__u32 *)r->source.b)[3];
		fib.ipv4_dst = ((__u32 *)r->addr.b)[3];
	} else {
		fib.family = AF_INET6;
		__builtin_memcpy(fib.ipv6_src, r->source.b, sizeof(fib.ipv6_src));
		__builtin_memcpy(fib.ipv6_dst, r->addr.b, sizeof(fib.ipv6_dst));
	}
	ret = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);
	lane->until = now + GW_RETRY_NS;
	lane->resolved = 0;
	lane->ifindex = 0;
	if (ret != BPF_FIB_LKUP_RET_SUCCESS && ret != BPF_FIB_LKUP_RET_NO_NEIGH)
		return 0;
	lane->ifindex = fib.ifindex;
	if (ret == BPF_FIB_LKUP_RET_NO_NEIGH)
		return 0;
	lane->mtu = fib.mtu_result;
	__builtin_memcpy(lane->dmac, fib.dmac, sizeof(lane->dmac));
	__builtin_memcpy(lane->smac, fib.smac, sizeof(lane->smac));
	lane->until = now + DMSC_GW_HOP_NS;
	lane->resolved = 1;
	return 0;
}

/*
 * Writes the outer header of a packet of @len bytes in all at @at, where there is
 * room until @end; false when there is not.
 */
static __always_inline bool gw_outer_fill(const struct gw *g, void *at, void *end, __u32 len)
{
	const struct dmsc_gw_real *r = g->real;
	__u8 inner = g->p.ipv6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
	struct udphdr *udp;

	if (r->encap == DMSC_GW_ENCAP_IP4) {
		struct iphdr *ip = at;
		__u16 id = g->hash >> 48;
		__u32 sum;

		udp = (struct udphdr *)(ip + 1);
		if ((void *)udp > end)
			return false;
		ip->version = 4;
		ip->ihl = 5;
		ip->tos = g->p.tos;
		ip->tot_len = bpf_htons(len);
		ip->id = id;
		ip->frag_off = g->p.df ? bpf_htons(IP_FLAG_DF) : 0;
		ip->ttl = GW_TTL;
		ip->protocol = r->gue_port ? IPPROTO_UDP : inner;
		ip->saddr = ((const __u32 *)r->source.b)[3];
		ip->daddr = ((const __u32 *)r->addr.b)[3];
		sum = r->csum + bpf_htons(0x4500 | g->p.tos) + bpf_htons(len) + id +
		      (g->p.df ? bpf_htons(IP_FLAG_DF) : 0) +
		      bpf_htons(GW_TTL << 8 | (r->gue_port ? IPPROTO_UDP : inner));
		sum = (sum & 0xffff) + (sum >> 16);
		sum = (sum & 0xffff) + (sum >> 16);
		ip->check = ~sum;
		len -= sizeof(*ip);
	} else {
		__u32 label = (g->hash >> 44) & 0xfffff;
		struct ipv6hdr *ip6 = at;

		udp = (struct udphdr *)(ip6 + 1);
		if ((void *)udp > end)
			return false;
		len -= sizeof(*ip6);
		*(__be32 *)ip6 = bpf_htonl(6U << 28 | (__u32)g->p.tos << 20 | label);
		ip6->payload_len = bpf_htons(len);
		ip6->nexthdr = r->gue_port ? IPPROTO_UDP : inner;
		ip6->hop_limit = GW_TTL;
		__builtin_memcpy(&ip6->saddr, &r->source, sizeof(ip6->saddr));
		__builtin_memcpy(&ip6->daddr, &r->addr, sizeof(ip6->daddr));
	}
	if (r->gue_port) {
		if ((void *)(udp + 1) > end)
			return false;
		/* GUE version 1: the IP packet follows at once. The port spreads flows. */
		udp->source = bpf_htons(GW_GUE_PORTS | (g->hash >> 50));
		udp->dest = r->gue_port;
		udp->len = bpf_htons(len);
		udp->check = 0;
	}
	return true;
}

/* One hop less to live, as for any router: a packet that goes in circles ends. */
static __always_inline bool gw_ttl(struct gw *g, void *data, void *end)
{
	if (g->p.ipv6) {
		struct ipv6hdr *ip6 = data + ETH_HLEN;

		if ((void *)(ip6 + 1) > end || ip6->hop_limit <= 1)
			return false;
		ip6->hop_limit--;
	} else {
		struct iphdr *ip = data + ETH_HLEN;
		__u32 check;

		if ((void *)(ip + 1) > end || ip->ttl <= 1)
			return false;
		check = (__u32)ip->check + bpf_htons(0x0100);
		ip->check = check + (check >= 0xffff);
		ip->ttl--;
	}
	return true;
}

#endif /* DMSC_BPF_GATEWAY_ENCAP_H */
