/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The usual packet at egress: TCP or UDP without fragments, tags and IP options, of a
 * connection that is settled (DMSC_STAMP_F_SETTLED) or of a flow in the table. What
 * egress.bpf.c found out about the ones before is with the socket or the flow, so
 * that there is one look-up for the decision, one for its path and two for counting.
 * Whatever is not as usual, or not as it was, is left to egress.bpf.c, untouched.
 */
#ifndef DMSC_BPF_FAST_H
#define DMSC_BPF_FAST_H

#include <linux/pkt_cls.h>

#include "packet.h"
#include "redirect.h"
#include "stats.h"
#include "tables.h"

#define FAST_NOT	(-2)	/* not the usual packet */
#define FAST_NO_FLOW	(-3)	/* it is, without a socket, and not in the flow table */

#define MONOTONIC_MAX	0x1000000000000000ULL	/* 36 years up; real time and TAI are beyond */

/*
 * When the packet leaves, without reading a clock: TCP has written it; else the last
 * tick has to do. GSO packets are a batch of packets, and one here.
 */
static __always_inline __u64 departure(struct __sk_buff *skb)
{
	__u64 time = skb->tstamp;

	return time && time < MONOTONIC_MAX ? time : bpf_ktime_get_coarse_ns();
}

/* What is done with a packet: as the stamp or the flow says. */
struct fast {
	__u32 path;
	__u16 counter;		/* next hop that the path had, or 0 for the one it has */
	__u16 stats;
	__u16 slot;
	__u8 class;
	__u8 tos;
};

/*
 * The verdict for a path that is up; FAST_NOT where it has changed or needs more
 * than a next hop. ipv4: of the packet, which the next hop can take then.
 */
static __always_inline int fast_path(struct __sk_buff *skb, __u32 side, const struct fast *f,
				     bool ipv4)
{
	struct dmsc_path *path = path_get(side, f->path);
	__u32 mtu = 0;
	__u8 flags;

	if (!path)
		return FAST_NOT;
	flags = *(volatile __u8 *)&path->flags;
	if (!(flags & DMSC_PATH_F_UP) || path->encap || !path->counter ||
	    (f->counter && path->counter != f->counter))
		return FAST_NOT;
	if (flags & DMSC_PATH_F_ROUTED && path->ifindex == skb->ifindex)
		return TC_ACT_UNSPEC;
	if (bpf_check_mtu(skb, path->ifindex, &mtu, 0, BPF_MTU_CHK_SEGS))
		return FAST_NOT;
	if (path->family == AF_INET && !ipv4)
		return FAST_NOT;
	if (neigh_redirect(path->ifindex, path->family == AF_INET, &path->nexthop) !=
	    TC_ACT_REDIRECT)
		return FAST_NOT;
	reentry_expect(skb, path->ifindex);
	return TC_ACT_REDIRECT;
}

/* Counts the packet and gives it its queue. */
static __always_inline void fast_count(struct __sk_buff *skb, const struct fast *f, int verdict)
{
	__u64 bytes = skb->wire_len ?: skb->len;

	skb->priority = DMSC_PRIO(f->slot & (DMSC_NR_SLOTS - 1),
				  f->class & (DMSC_NR_CLASSES - 1));
	stats_add(f->stats, skb->gso_segs ?: 1, bytes, verdict == TC_ACT_REDIRECT, false);
	stats_bin(departure(skb), f->class, bytes);
}

/* The verdict, with the packet counted; FAST_NOT with nothing done. */
static __always_inline int fast_send(struct __sk_buff *skb, __u32 side, const struct fast *f,
				     bool ipv4)
{
	int verdict = TC_ACT_UNSPEC;

	if (f->path != DMSC_PATH_NONE)
		verdict = fast_path(skb, side, f, ipv4);
	if (verdict != FAST_NOT)
		fast_count(skb, f, verdict);
	return verdict;
}

/* DSCP and checksum (RFC 1624) of IPv4. Pointers into the packet are void after it. */
static __always_inline void fast_dscp4(struct __sk_buff *skb, const struct iphdr *ip, __u8 tos)
{
	__be16 head[6];
	__u32 sum;

	tos = (tos & ~3) | (ip->tos & 3);
	if (tos == ip->tos)
		return;
	__builtin_memcpy(head, ip, sizeof(head));
	sum = (__u16)~head[5] + (__u16)~head[0];
	head[0] = (head[0] & bpf_htons(0xff00)) | bpf_htons(tos);
	sum += head[0];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	head[5] = ~sum;
	bpf_skb_store_bytes(skb, ETH_HLEN, head, sizeof(head), 0);
}

static __always_inline void fast_dscp6(struct __sk_buff *skb, const struct ipv6hdr *ip6, __u8 tos)
{
	__be16 old = *(const __be16 *)ip6, new;

	tos = (tos & ~3) | (bpf_ntohs(old) >> 4 & 3);
	new = (old & bpf_htons(0xf00f)) | bpf_htons(tos << 4);
	if (new != old)
		bpf_skb_store_bytes(skb, ETH_HLEN, &new, sizeof(new), BPF_F_RECOMPUTE_CSUM);
}

/*
 * Whether the packet is a local socket's, or what stands for one that has answered.
 * BPF_PROG_TEST_RUN has one without a port, for packets that none has sent.
 */
static __always_inline bool fast_socket(const struct bpf_sock *sk)
{
	return sk && sk->src_port;
}

static __always_inline bool fast_stamp(struct fast *f, const struct dmsc_stamp *s,
				       const struct control *c, __u8 proto)
{
	if (s->generation != c->generation || !(s->flags & DMSC_STAMP_F_SETTLED) ||
	    s->proto != proto)
		return false;
	f->path = c->flags & DMSC_CTL_STEER ? s->path : DMSC_PATH_NONE;
	f->counter = s->counter;
	f->stats = s->stats;
	f->slot = s->slot;
	f->class = s->class;
	f->tos = s->tos;
	return true;
}

/* Looked up with the five-tuple, then without the source port. */
static __always_inline int fast_flow(struct fast *f, struct dmsc_flow_key *key,
				     const struct control *c)
{
	struct dmsc_flow *flow;

	if (c->flags & DMSC_CTL_POLICY)
		return FAST_NOT;
	flow = bpf_map_lookup_elem(&dmsc_flows, key);
	if (!flow) {
		key->sport = 0;
		flow = bpf_map_lookup_elem(&dmsc_flows, key);
		if (!flow)
			return FAST_NO_FLOW;
	}
	if (!flow->stats)
		return FAST_NOT;
	f->path = c->flags & DMSC_CTL_STEER ? flow->path : DMSC_PATH_NONE;
	f->counter = 0;
	f->stats = flow->stats;
	f->slot = flow->slot;
	f->class = flow->class;
	f->tos = flow->tos;
	return 0;
}

static __always_inline int fast_ipv4(struct __sk_buff *skb, const struct iphdr *ip,
				     const struct control *c)
{
	const struct ports *ports = (const void *)(ip + 1);
	struct bpf_sock *sk = skb->sk;
	struct fast f;
	int verdict;

	if (*(const __u8 *)ip != 0x45 || ip->frag_off & bpf_htons(0x3fff))
		return FAST_NOT;
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return FAST_NOT;
	if (fast_socket(sk)) {
		struct dmsc_stamp *s = bpf_sk_storage_get(&dmsc_sockets, sk, NULL, 0);

		if (!s || !fast_stamp(&f, s, c, ip->protocol) || sk->dst_ip4 != ip->daddr ||
		    sk->dst_port != ports->dest || sk->bound_dev_if)
			return FAST_NOT;
	} else {
		struct dmsc_flow_key key = {
			.sport = ports->source, .dport = ports->dest, .proto = ip->protocol,
			.side = side_of(c->generation),
		};

		addr_v4(&key.saddr, ip->saddr);
		addr_v4(&key.daddr, ip->daddr);
		verdict = fast_flow(&f, &key, c);
		if (verdict)
			return verdict;
		if (f.path != DMSC_PATH_NONE && !ipv4_routable(ip->daddr))
			return FAST_NOT;
	}
	verdict = fast_send(skb, side_of(c->generation), &f, true);
	if (verdict != FAST_NOT && f.tos & DMSC_TOS_F_WRITE)
		fast_dscp4(skb, ip, f.tos);
	return verdict;
}

static __always_inline int fast_ipv6(struct __sk_buff *skb, const struct ipv6hdr *ip6,
				     const struct control *c)
{
	const struct ports *ports = (const void *)(ip6 + 1);
	struct bpf_sock *sk = skb->sk;
	struct fast f;
	int verdict;

	if (ip6->version != 6 || (ip6->nexthdr != IPPROTO_TCP && ip6->nexthdr != IPPROTO_UDP))
		return FAST_NOT;
	if (fast_socket(sk)) {
		struct dmsc_stamp *s = bpf_sk_storage_get(&dmsc_sockets, sk, NULL, 0);
		const __u32 *d = ip6->daddr.in6_u.u6_addr32;

		if (!s || !fast_stamp(&f, s, c, ip6->nexthdr) || sk->dst_ip6[0] != d[0] ||
		    sk->dst_ip6[1] != d[1] || sk->dst_ip6[2] != d[2] || sk->dst_ip6[3] != d[3] ||
		    sk->dst_port != ports->dest || sk->bound_dev_if)
			return FAST_NOT;
	} else {
		struct dmsc_flow_key key = {
			.sport = ports->source, .dport = ports->dest, .proto = ip6->nexthdr,
			.side = side_of(c->generation),
		};

		__builtin_memcpy(&key.saddr, &ip6->saddr, sizeof(key.saddr));
		__builtin_memcpy(&key.daddr, &ip6->daddr, sizeof(key.daddr));
		verdict = fast_flow(&f, &key, c);
		if (verdict)
			return verdict;
		if (f.path != DMSC_PATH_NONE && !ipv6_routable(&key.daddr))
			return FAST_NOT;
	}
	verdict = fast_send(skb, side_of(c->generation), &f, false);
	if (verdict != FAST_NOT && f.tos & DMSC_TOS_F_WRITE)
		fast_dscp6(skb, ip6, f.tos);
	return verdict;
}

/* The verdict, or FAST_NOT or FAST_NO_FLOW: then nothing has been done. */
static __always_inline int fast_egress(struct __sk_buff *skb, const struct control *c)
{
	const void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	const struct ethhdr *eth = data;
	const void *l3 = data + sizeof(*eth);

	if (l3 + sizeof(struct iphdr) + sizeof(struct ports) > end ||
	    c->flags & DMSC_CTL_TRACE || skb->vlan_present)
		return FAST_NOT;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return fast_ipv4(skb, l3, c);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6) &&
	    l3 + sizeof(struct ipv6hdr) + sizeof(struct ports) <= end)
		return fast_ipv6(skb, l3, c);
	return FAST_NOT;
}

#endif /* DMSC_BPF_FAST_H */
