// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The layer 4 gateway: packets to a virtual address go to one of its instances,
 * in an outer IP header, and the instance answers the client itself. XDP does the
 * work; what it cannot send, because a neighbour's address is not known yet,
 * passes on to the same program at tc, where the kernel finds it out.
 *
 * Also the instances' end, where the outer header is taken off again.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "gateway_decap.h"
#include "gateway_encap.h"
#include "gateway_toobig.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum gw_verdict {
	GW_PASS,		/* not ours, or delivered here */
	GW_DROP,		/* counted */
	GW_FORWARD,		/* g->real and g->lane say where to */
};

static __always_inline enum gw_verdict gw_drop(struct gw *g, enum dmsc_gw_count why)
{
	gw_count(g, why);
	return GW_DROP;
}

/*
 * What has many ways through it is a function of its own that the verifier looks
 * at once, and not once for each way that led there.
 */
__noinline int gw_parse_xdp(struct xdp_md *ctx, struct gw_packet *p)
{
	return p && gw_parse(p, (void *)(long)ctx->data, (void *)(long)ctx->data_end);
}

__noinline int gw_parse_tc(struct __sk_buff *skb, struct gw_packet *p)
{
	return p && gw_parse(p, (void *)(long)skb->data, (void *)(long)skb->data_end);
}

__noinline int gw_sound_xdp(struct xdp_md *ctx, struct gw_packet *p)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	return p && gw_sound(p, data, end, end - data);
}

__noinline int gw_sound_tc(struct __sk_buff *skb, struct gw_packet *p)
{
	return p && gw_sound(p, (void *)(long)skb->data, (void *)(long)skb->data_end, skb->len);
}

/* Whether it is for a service of ours. */
static __always_inline bool gw_find(struct gw *g)
{
	__u32 zero = 0, generation;

	g->ctl = bpf_map_lookup_elem(&dmsc_gw_ctl, &zero);
	if (!g->ctl)
		return false;
	generation = *(volatile __u32 *)&g->ctl->generation;
	g->side = generation & 1;
	if (!generation)
		return false;
	g->vip = gw_vip(g, g->p.fragment ? 0 : g->p.dport);
	return g->vip;
}

/*
 * What is to become of a packet that was parsed. The packet itself and the
 * counters of instances are left alone.
 */
static __always_inline enum gw_verdict gw_decide(struct gw *g, void *ctx, bool xdp, __u32 ifindex)
{
	__u32 number, index;

	if (!gw_find(g))
		return GW_PASS;
	g->cpu = bpf_get_smp_processor_id();
	if (!gw_counts_of(g, g->vip->service & (DMSC_GW_MAX_SERVICES - 1)))
		return GW_PASS;
	if (!(xdp ? gw_sound_xdp(ctx, &g->p) : gw_sound_tc(ctx, &g->p)))
		return gw_drop(g, DMSC_GW_DROP_MALFORMED);
	if (g->p.fragment && !(g->vip->flags & DMSC_GW_VIP_SOURCE))
		return gw_drop(g, DMSC_GW_DROP_FRAGMENT);
	if (g->vip->flags & DMSC_GW_VIP_SOURCE)
		g->p.sport = 0;
	g->now = bpf_ktime_get_coarse_ns();
	if ((g->vip->flags & DMSC_GW_VIP_LIMITED) && !g->p.error && gw_limited(g))
		return GW_DROP;

	number = gw_flow(g);
	if (!number || !g->real)
		return gw_drop(g, DMSC_GW_DROP_NO_REAL);
	index = g->cpu * DMSC_GW_MAX_REALS + number;
	g->lane = bpf_map_lookup_elem(&dmsc_gw_lanes, &index);
	if (!g->lane)
		return gw_drop(g, DMSC_GW_DROP_ERROR);
	if (g->real->encap != DMSC_GW_ENCAP_LOCAL && (__s64)(g->lane->until - g->now) < 0)
		gw_hop_ask(ctx, ifindex, g->real, g->lane, g->now);
	return GW_FORWARD;
}

static __always_inline void gw_account(struct gw *g, __u32 packets, __u32 bytes)
{
	g->lane->packets += packets;
	g->lane->bytes += bytes;
	if (g->p.error)
		gw_count(g, DMSC_GW_ICMP);
	if (g->p.fragment)
		gw_count(g, DMSC_GW_FRAGMENT);
}

static __always_inline bool gw_fits(const struct gw *g, __u32 len)
{
	return !g->lane->mtu || len + gw_outer_len(g->real) <= g->lane->mtu;
}

SEC("xdp")
int dmsc_gw_xdp(struct xdp_md *ctx)
{
	__u32 frame, outer, ifindex = ctx->ingress_ifindex;
	void *data, *end;
	struct ethhdr *eth;
	struct gw g;

	__builtin_memset(&g.p, 0, sizeof(g.p));	/* for the verifiers before 6.3 */
	if (!gw_parse_xdp(ctx, &g.p))
		return XDP_PASS;
	switch (gw_decide(&g, ctx, true, ifindex)) {
	case GW_PASS:
		return XDP_PASS;
	case GW_DROP:
		return XDP_DROP;
	case GW_FORWARD:
		break;
	}
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	frame = end - data;
	if (g.real->encap == DMSC_GW_ENCAP_LOCAL) {
		gw_account(&g, 1, frame);
		return XDP_PASS;
	}
	if (!g.lane->resolved)
		return XDP_PASS;
	if (!gw_fits(&g, g.p.len)) {
		if (!gw_tells(&g) || !gw_too_big_xdp(ctx, &g.p, gw_inner_max(&g))) {
			gw_count(&g, DMSC_GW_DROP_TOO_BIG);
			return XDP_DROP;
		}
		gw_count(&g, DMSC_GW_TOO_BIG_SENT);
		return XDP_TX;
	}
	if (!gw_ttl(&g, data, end)) {
		gw_count(&g, DMSC_GW_DROP_TTL);
		return XDP_DROP;
	}
	gw_account(&g, 1, frame);

	outer = gw_outer_len(g.real);
	if (bpf_xdp_adjust_head(ctx, -(int)outer)) {
		gw_count(&g, DMSC_GW_DROP_ERROR);
		return XDP_DROP;
	}
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	eth = data;
	if ((void *)(eth + 1) > end || !gw_outer_fill(&g, eth + 1, end, g.p.len + outer)) {
		gw_count(&g, DMSC_GW_DROP_ERROR);
		return XDP_DROP;
	}
	__builtin_memcpy(eth->h_dest, g.lane->dmac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, g.lane->smac, ETH_ALEN);
	eth->h_proto = g.real->encap == DMSC_GW_ENCAP_IP4 ? bpf_htons(ETH_P_IP) :
							    bpf_htons(ETH_P_IPV6);
	return g.lane->ifindex == ifindex ? XDP_TX : bpf_redirect(g.lane->ifindex, 0);
}

/* The longest packet of what a GSO packet will be cut into. */
static __always_inline __u32 gw_tc_len(struct __sk_buff *skb, const struct gw *g)
{
	__u32 head = g->p.l4 - ETH_HLEN + sizeof(struct tcphdr);

	return skb->gso_size ? skb->gso_size + head : g->p.len;
}

SEC("tc")
int dmsc_gw_tc(struct __sk_buff *skb)
{
	__u32 outer, ifindex = skb->ifindex;
	__u32 o[GW_OUTER_MAX / 4] = {};
	void *data, *end;
	__be16 proto;
	struct gw g;
	__u64 flags;

	/* Headers have to lie in the linear part; what is there is enough, mostly. */
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	if (data + ETH_HLEN + 60 + sizeof(struct tcphdr) > end)
		bpf_skb_pull_data(skb, skb->len < 256 ? skb->len : 256);
	__builtin_memset(&g.p, 0, sizeof(g.p));
	if (!gw_parse_tc(skb, &g.p))
		return TC_ACT_UNSPEC;
	switch (gw_decide(&g, skb, false, ifindex)) {
	case GW_PASS:
		return TC_ACT_UNSPEC;
	case GW_DROP:
		return TC_ACT_SHOT;
	case GW_FORWARD:
		break;
	}
	if (g.real->encap == DMSC_GW_ENCAP_LOCAL) {
		gw_account(&g, skb->gso_segs ?: 1, skb->len);
		return TC_ACT_UNSPEC;
	}
	if (!g.lane->ifindex) {
		gw_count(&g, DMSC_GW_DROP_NO_HOP);
		return TC_ACT_SHOT;
	}
	if (!gw_fits(&g, gw_tc_len(skb, &g))) {
		if (!gw_tells(&g) || !gw_too_big_tc(skb, &g.p, gw_inner_max(&g))) {
			gw_count(&g, DMSC_GW_DROP_TOO_BIG);
			return TC_ACT_SHOT;
		}
		gw_count(&g, DMSC_GW_TOO_BIG_SENT);
		return bpf_redirect(ifindex, 0);
	}
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	if (!gw_ttl(&g, data, end)) {
		gw_count(&g, DMSC_GW_DROP_TTL);
		return TC_ACT_SHOT;
	}
	gw_account(&g, skb->gso_segs ?: 1, skb->len);

	outer = gw_outer_len(g.real);
	flags = g.real->encap == DMSC_GW_ENCAP_IP4 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 :
						     BPF_F_ADJ_ROOM_ENCAP_L3_IPV6;
	if (g.real->gue_port)
		flags |= BPF_F_ADJ_ROOM_ENCAP_L4_UDP;
	proto = g.real->encap == DMSC_GW_ENCAP_IP4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
	if (!gw_outer_fill(&g, o, (void *)o + sizeof(o), g.p.len + outer) ||
	    bpf_skb_adjust_room(skb, outer, BPF_ADJ_ROOM_MAC, flags) ||
	    bpf_skb_store_bytes(skb, ETH_HLEN, o, outer, 0) ||
	    bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_proto), &proto, sizeof(proto), 0)) {
		gw_count(&g, DMSC_GW_DROP_ERROR);
		return TC_ACT_SHOT;
	}
	return bpf_redirect_neigh(g.lane->ifindex, NULL, 0, 0);
}

SEC("xdp")
int dmsc_gw_unwrap(struct xdp_md *ctx)
{
	return gw_unwrap(ctx);
}
