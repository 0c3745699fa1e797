/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Which next hop a packet takes, and when a live connection may change it.
 */
#ifndef DMSC_BPF_STEER_H
#define DMSC_BPF_STEER_H

#include "packet.h"
#include "redirect.h"
#include "tables.h"
#include "wrap.h"

#define SET_TRIES	4	/* positions of a set that a flow of a failed path tries */
#define SET_STEP	97	/* from one to the next */

/* Where a packet goes; ifindex 0 leaves it to routing. */
struct hop {
	struct dmsc_addr nexthop;
	__u32 ifindex;
	__u32 encap;		/* key of dmsc_encaps, 0 none */
	__u16 counter;
	bool routed;		/* nothing to do when it is on ifindex already */
};

static __always_inline bool hop_up(const struct dmsc_stamp *s)
{
	struct dmsc_hop_key key = {
		.ifindex = s->ifindex, .encap = s->encap, .nexthop = s->nexthop,
	};
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
	h->encap = path->encap;
	h->counter = path->counter;
	h->routed = flags & DMSC_PATH_F_ROUTED;
	return h->ifindex != 0;
}

/*
 * A path of the set for a flow whose own one is down: positions further on, so
 * that its flows are spread over the others by their weights, then one after
 * the other, so that one that is up is found. A global function, as
 * dmsc_stamp_resolve() is. Returns whether there is one.
 */
__weak int dmsc_hop_of_set(struct hop *h, __u32 side, __u32 way, __u32 hash)
{
	struct dmsc_set *set = set_get(side, way);
	__u32 i;

	if (!h)
		return 0;
	h->ifindex = 0;
	if (!set)
		return 0;
	for (i = 1; i <= SET_TRIES; i++) {
		if (hop_of_path(h, side, set_path(set, hash + i * SET_STEP)))
			return 1;
	}
	for (i = 0; i < DMSC_MAX_WAYS; i++) {
		if (i < set->nr && hop_of_path(h, side, set->path[i]))
			return 1;
	}
	return 0;
}

/* Of flow @hash, @way being a path or a set. */
static __always_inline bool hop_of_way(struct hop *h, __u32 side, __u32 way, __u32 hash)
{
	if (hop_of_path(h, side, way_path(side, way, hash)))
		return true;
	return way & DMSC_PATH_SET && dmsc_hop_of_set(h, side, way, hash);
}

static __always_inline bool hop_of_stamp(struct hop *h, __u32 side, const struct dmsc_stamp *s)
{
	if (hop_of_path(h, side, s->path))
		return true;
	return s->set && dmsc_hop_of_set(h, side, s->set, s->hash);
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

static __always_inline bool same_hop(const struct dmsc_stamp *s, const struct hop *h)
{
	return s->ifindex == h->ifindex && s->encap == h->encap &&
	       addr_equal(&s->nexthop, &h->nexthop);
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

	h->ifindex = 0;
	want = flags & DMSC_CTL_STEER && hop_of_stamp(h, side, s);
	s->flags |= DMSC_STAMP_F_LIVE;
	if (was ? want && same_hop(s, h) : !want) {
		s->counter = h->counter;
		return false;
	}

	if (!tcp_idle(sk) && !(was && !hop_up(s))) {
		h->ifindex = was ? s->ifindex : 0;
		h->nexthop = s->nexthop;
		h->encap = s->encap;
		h->counter = s->counter;
		h->routed = false;
		return false;
	}

	s->ifindex = h->ifindex;
	s->nexthop = h->nexthop;
	s->encap = h->encap;
	s->counter = h->counter;
	if (want)
		s->flags |= DMSC_STAMP_F_STEERED;
	else
		s->flags &= ~DMSC_STAMP_F_STEERED;
	return live;
}

/*
 * Sends the packet of flow @hash to @h, wrapped where its path says so. Returns
 * the verdict, or -1 when it stays as it is:
 * where the device is gone or its MTU is smaller than routing's, a redirected
 * packet would be dropped.
 */
static __always_inline int hop_redirect(struct __sk_buff *skb, const struct packet *p,
					const struct hop *h, __u32 hash)
{
	bool v4 = addr_is_v4(&h->nexthop);
	__u32 mtu = 0;
	int ret;

	if (h->encap) {
		struct wrap w = {
			.encap = h->encap, .ifindex = h->ifindex, .hash = hash,
			.l4 = p->l4, .l3 = p->l3, .kind = p->kind,
			.proto = p->has_ports ? p->proto : 0, .tos = p->tos, .v4 = v4,
		};

		ret = dmsc_wrap(skb, &w);
		if (ret == WRAP_SPOILED)
			return TC_ACT_SHOT;
		if (ret != WRAP_DONE)
			return -1;
	} else {
		if (h->ifindex == skb->ifindex && h->routed)
			return -1;
		if (v4 && p->kind != PACKET_IPV4)
			return -1;
		if (bpf_check_mtu(skb, h->ifindex, &mtu, 0, BPF_MTU_CHK_SEGS))
			return -1;
	}
	return neigh_redirect(h->ifindex, v4, &h->nexthop);
}

#endif /* DMSC_BPF_STEER_H */
