/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A packet that does not fit its way with the outer header is answered: the client
 * is told by ICMP (RFC 792, RFC 1191; RFC 4443) what would fit. The answer is made
 * of the packet itself, cut off behind what it quotes, and goes out where it came in.
 */
#ifndef DMSC_BPF_GATEWAY_TOOBIG_H
#define DMSC_BPF_GATEWAY_TOOBIG_H

#include "gateway_encap.h"

#define GW_MTU4_MIN	68	/* RFC 791 */
#define GW_MTU6_MIN	1280	/* RFC 8200 */

/*
 * Bytes quoted: of IPv4 all headers that there can be and a piece of the segment, of
 * IPv6 as much as fits the least MTU. Multiples of four, for the checksum.
 */
#define GW_QUOTE4	128
#define GW_QUOTE6	(GW_MTU6_MIN - sizeof(struct ipv6hdr) - sizeof(struct gw_icmp))

#define GW_TOS_ICMP	0xc0	/* internetwork control, as routers do */
#define GW_SUM_MAX	512	/* bytes that bpf_csum_diff() takes at once */

struct gw_icmp {
	__u8 type, code;
	__u16 check;
	union {
		struct {
			__u16 unused;
			__be16 mtu4;
		};
		__be32 mtu6;
	};
};

/* The largest packet that fits with its outer header. */
static __always_inline __u32 gw_inner_max(const struct gw *g)
{
	return g->lane->mtu - gw_outer_len(g->real);
}

static __always_inline __u16 gw_sum_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

/*
 * Whether the client is to hear of it: nobody is told about an ICMP error or a
 * piece of a packet, nor who would rather have it fragmented; and not too often.
 */
static __always_inline bool gw_tells(const struct gw *g)
{
	__u32 mtu = gw_inner_max(g);
	struct dmsc_gw_cpu *cpu;

	if (g->p.error || g->p.fragment || !g->p.df ||
	    mtu < (g->p.ipv6 ? GW_MTU6_MIN : GW_MTU4_MIN) || g->lane->mtu < mtu)
		return false;
	cpu = bpf_map_lookup_elem(&dmsc_gw_cpus, &g->cpu);
	return cpu && !gw_over(&cpu->too_big_at, g->now, DMSC_GW_TOO_BIG_NS);
}

/* Link addresses, the other way round. */
struct gw_link {
	__u8 dest[ETH_ALEN], source[ETH_ALEN];
};

static __always_inline bool gw_link_back(struct gw_link *l, void *data, void *end)
{
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > end)
		return false;
	__builtin_memcpy(l->dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(l->source, eth->h_dest, ETH_ALEN);
	return true;
}

static __always_inline void gw_link_fill(const struct gw_link *l, struct ethhdr *eth, __be16 proto)
{
	__builtin_memcpy(eth->h_dest, l->dest, ETH_ALEN);
	__builtin_memcpy(eth->h_source, l->source, ETH_ALEN);
	eth->h_proto = proto;
}

static __always_inline bool gw_too_big4(const struct gw_packet *p, const struct gw_link *l,
					void *data, void *end, __u32 mtu)
{
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct gw_icmp *icmp = (void *)(ip + 1);

	if ((void *)(icmp + 1) + GW_QUOTE4 > end)
		return false;
	gw_link_fill(l, eth, bpf_htons(ETH_P_IP));
	ip->version = 4;
	ip->ihl = 5;
	ip->tos = GW_TOS_ICMP;
	ip->tot_len = bpf_htons(sizeof(*ip) + sizeof(*icmp) + GW_QUOTE4);
	ip->id = 0;
	ip->frag_off = bpf_htons(IP_FLAG_DF);
	ip->ttl = GW_TTL;
	ip->protocol = IPPROTO_ICMP;
	ip->check = 0;
	ip->saddr = p->dst.b >> 32;
	ip->daddr = p->src.b >> 32;
	ip->check = ~gw_sum4(ip);
	icmp->type = ICMP_UNREACH;
	icmp->code = 4;		/* fragmentation needed */
	icmp->check = 0;
	icmp->unused = 0;
	icmp->mtu4 = bpf_htons(mtu);
	icmp->check = gw_sum_fold(bpf_csum_diff(NULL, 0, (__be32 *)icmp,
						sizeof(*icmp) + GW_QUOTE4, 0));
	return true;
}

static __always_inline bool gw_too_big6(const struct gw_packet *p, const struct gw_link *l,
					void *data, void *end, __u32 mtu)
{
	struct ethhdr *eth = data;
	struct ipv6hdr *ip6 = (void *)(eth + 1);
	struct gw_icmp *icmp = (void *)(ip6 + 1);
	__be32 *sums = (__be32 *)icmp;
	__u32 sum, pseudo[2];

	if ((void *)(icmp + 1) + GW_QUOTE6 > end)
		return false;
	gw_link_fill(l, eth, bpf_htons(ETH_P_IPV6));
	*(__be32 *)ip6 = bpf_htonl(6U << 28 | GW_TOS_ICMP << 20);
	ip6->payload_len = bpf_htons(sizeof(*icmp) + GW_QUOTE6);
	ip6->nexthdr = IPPROTO_ICMPV6;
	ip6->hop_limit = GW_TTL;
	__builtin_memcpy(&ip6->saddr, &p->dst, sizeof(ip6->saddr));
	__builtin_memcpy(&ip6->daddr, &p->src, sizeof(ip6->daddr));
	icmp->type = 2;		/* packet too big */
	icmp->code = 0;
	icmp->check = 0;
	icmp->mtu6 = bpf_htonl(mtu);
	pseudo[0] = bpf_htonl(sizeof(*icmp) + GW_QUOTE6);
	pseudo[1] = bpf_htonl(IPPROTO_ICMPV6);
	sum = bpf_csum_diff(NULL, 0, pseudo, sizeof(pseudo), 0);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&ip6->saddr, 32, sum);
	sum = bpf_csum_diff(NULL, 0, sums, GW_SUM_MAX, sum);
	sum = bpf_csum_diff(NULL, 0, sums + GW_SUM_MAX / 4, GW_SUM_MAX, sum);
	sum = bpf_csum_diff(NULL, 0, sums + 2 * GW_SUM_MAX / 4,
			    sizeof(*icmp) + GW_QUOTE6 - 2 * GW_SUM_MAX, sum);
	icmp->check = gw_sum_fold(sum);
	return true;
}

static __always_inline bool gw_too_big(const struct gw_packet *p, const struct gw_link *l,
				       void *data, void *end, __u32 mtu)
{
	return p->ipv6 ? gw_too_big6(p, l, data, end, mtu) : gw_too_big4(p, l, data, end, mtu);
}

/* What the new headers need, and what is left of the packet. */
static __always_inline __u32 gw_too_big_room(const struct gw_packet *p)
{
	return (p->ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) + sizeof(struct gw_icmp);
}

static __always_inline __u32 gw_too_big_left(const struct gw_packet *p)
{
	return ETH_HLEN + (p->ipv6 ? GW_QUOTE6 : GW_QUOTE4);
}

/* The packet becomes the answer; false: it did not, and is not to be sent as it is now. */
__noinline int gw_too_big_xdp(struct xdp_md *ctx, struct gw_packet *p, __u32 mtu)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 len = end - data;
	struct gw_link l;

	if (!p || !gw_link_back(&l, data, end) || len < gw_too_big_left(p))
		return false;
	if (bpf_xdp_adjust_tail(ctx, (int)(gw_too_big_left(p) - len)) ||
	    bpf_xdp_adjust_head(ctx, -(int)gw_too_big_room(p)))
		return false;
	return gw_too_big(p, &l, (void *)(long)ctx->data, (void *)(long)ctx->data_end, mtu);
}

__noinline int gw_too_big_tc(struct __sk_buff *skb, struct gw_packet *p, __u32 mtu)
{
	struct gw_link l;

	if (!p || !gw_link_back(&l, (void *)(long)skb->data, (void *)(long)skb->data_end) ||
	    skb->len < gw_too_big_left(p))
		return false;
	if (bpf_skb_change_tail(skb, gw_too_big_left(p), 0) ||
	    bpf_skb_adjust_room(skb, gw_too_big_room(p), BPF_ADJ_ROOM_MAC, 0) ||
	    bpf_skb_pull_data(skb, gw_too_big_left(p) + gw_too_big_room(p)))
		return false;
	return gw_too_big(p, &l, (void *)(long)skb->data, (void *)(long)skb->data_end, mtu);
}

#endif /* DMSC_BPF_GATEWAY_TOOBIG_H */
