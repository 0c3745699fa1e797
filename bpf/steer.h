/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Which next hop a packet takes, and when a live connection may change it.
 */
#ifndef DMSC_BPF_STEER_H
#define DMSC_BPF_STEER_H

#include "packet.h"
#include "tables.h"

/* Where a packet goes; ifindex 0 leaves it to routing. */
struct hop {
	struct dmsc_addr nexthop;
	__u32 ifindex;
	bool routed;		/* nothing to do when it is on ifindex already */
};

static __always_inline bool hop_up(__u32 ifindex, const struct dmsc_addr *nexthop)
{
	struct dmsc_hop_key key = { .ifindex = ifindex, .nexthop = *nexthop };
	struct dmsc_hop *hop = bpf_map_lookup_elem(&dmsc_hops, &key);

	return hop && (hop->flags & DMSC_PATH_F_UP);
}

/* The path as a hop, if it is up; else false, and the packet is routing's. */
static __always_inline bool hop_of_path(struct hop *h, __u32 side, __u32 index)
{
	struct dmsc_path *path = path_get(side, index);
	__u8 flags;

	h->ifindex = 0;
	if (!path)
		return false;
	flags = *(volatile __u8 *)&path->flags;
	if (!(flags & DMSC_PATH_F_UP))
		return false;
	h->ifindex = path->ifindex;
	h->nexthop = path->nexthop;
	h->routed = flags & DMSC_PATH_F_ROUTED;
	return h->ifindex != 0;
}

/*
 * Whether a change of path now reorders nothing. During the handshake there is
 * one packet at a time; later everything that was sent must have been
 * acknowledged. At egress packets_out does not count the packet at hand yet,
 * except for a SYN.
 */
static __always_inline bool tcp_idle(struct bpf_sock *sk)
{
	struct bpf_tcp_sock *tp;

	if (sk->state == BPF_TCP_SYN_SENT)
		return true;
	tp = bpf_tcp_sock(sk);
	return !tp || !tp->packets_out;
}

/*
 * The hop of a packet of connection @sk. Its owner holds the socket's lock, so
 * that the stamp does not change under us. Returns whether a live connection
 * changed its path with this packet.
 */
static __always_inline bool tcp_steer(struct hop *h, struct dmsc_stamp *s, struct bpf_sock *sk,
				      __u32 side, __u32 flags)
{
	bool was = s->flags & DMSC_STAMP_F_STEERED, live = s->flags & DMSC_STAMP_F_LIVE;
	bool want;

	want = hop_of_path(h, side, flags & DMSC_CTL_STEER ? s->path : DMSC_PATH_NONE);
	s->flags |= DMSC_STAMP_F_LIVE;
	if (was ? want && s->ifindex == h->ifindex && addr_equal(&s->nexthop, &h->nexthop) : !want)
		return false;

	if (!tcp_idle(sk) && !(was && !hop_up(s->ifindex, &s->nexthop))) {
		h->ifindex = was ? s->ifindex : 0;
		h->nexthop = s->nexthop;
		h->routed = false;
		return false;
	}

	s->ifindex = h->ifindex;
	s->nexthop = h->nexthop;
	if (want)
		s->flags |= DMSC_STAMP_F_STEERED;
	else
		s->flags &= ~DMSC_STAMP_F_STEERED;
	return live;
}

/*
 * Sends the packet to @h. Returns the verdict, or -1 when it stays as it is:
 * where the device is gone or its MTU is smaller than routing's, a redirected
 * packet would be dropped.
 */
static __always_inline int hop_redirect(struct __sk_buff *skb, const struct packet *p,
					const struct hop *h)
{
	struct bpf_redir_neigh nh = {};
	__u32 mtu = 0;

	if (h->ifindex == skb->ifindex && h->routed)
		return -1;
	if (addr_is_v4(&h->nexthop)) {
		if (p->kind != PACKET_IPV4)
			return -1;
		nh.nh_family = AF_INET;
		nh.ipv4_nh = ((const __u32 *)h->nexthop.b)[3];
	} else {
		nh.nh_family = AF_INET6;
		__builtin_memcpy(nh.ipv6_nh, h->nexthop.b, sizeof(nh.ipv6_nh));
	}
	if (bpf_check_mtu(skb, h->ifindex, &mtu, 0, BPF_MTU_CHK_SEGS))
		return -1;
	return bpf_redirect_neigh(h->ifindex, &nh, sizeof(nh), 0);
}

#endif /* DMSC_BPF_STEER_H */
