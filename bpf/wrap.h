/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What is put around a packet so that the fabric takes it along a path of ours:
 * IPv6 with a segment routing header, or UDP whose source port leads ECMP. Or
 * nothing but another flow label.
 *
 * GSO packets are wrapped whole: the kernel knows the outer headers as those of a
 * tunnel (SKB_GSO_IPXIP6, SKB_GSO_UDP_TUNNEL) and repeats them for each segment;
 * it steps over a routing header as over any extension header. Segments keep
 * their size, because a path is only configured where the route's MTU leaves room
 * for its headers.
 */
#ifndef DMSC_BPF_WRAP_H
#define DMSC_BPF_WRAP_H

#include <linux/udp.h>

#include "packet.h"
#include "tables.h"

#define WRAP_HOPS	64		/* hop limit, TTL; userspace has put it there */
#define WRAP_WHOLE	48		/* what is written at once: IPv6 and 8 bytes more */
#define IP_FLAG_DF	0x4000
#define ECN_MASK	3

enum wrap_result {
	WRAP_DONE,
	WRAP_NOT,		/* the packet is as it was */
	WRAP_SPOILED,		/* it is of no use any more */
};

/* A packet and how it is to be wrapped. */
struct wrap {
	__u32 encap;		/* key of dmsc_encaps */
	__u32 ifindex;		/* that it is going to leave by */
	__u32 hash;		/* the flow's */
	__u16 l4;		/* offsets */
	__u8  l3;
	__u8  kind;		/* enum packet_kind */
	__u8  proto;		/* of the transport; 0: no transport header at l4 */
	__u8  tos;		/* as it stands in the packet */
	__u8  v4;		/* the next hop is of IPv4 */
	__u8  reserved;
};

/* The outer header's first bytes; the rest is as in the map. */
struct wrap_head6 {
	__be32 flow;
	__be16 length;
	__u8  next, hops;
	__u8  addresses[32];
	__u8  next4[8];		/* of the segment routing header, or UDP */
};

struct wrap_head4 {
	struct iphdr ip;
	struct udphdr udp;
};

/* One place on the stack for both. */
union wrap_head {
	struct wrap_head6 v6;
	struct wrap_head4 v4;
};

/* Bytes of the largest packet that leaves, from its network header on. */
static __always_inline __u32 wrap_size(struct __sk_buff *skb, const struct wrap *w)
{
	__u32 size = skb->gso_size, head = 0;
	__u8 offset;

	if (!size)
		return 0;	/* the whole packet, which bpf_check_mtu() looks at */
	if (w->proto == IPPROTO_TCP) {
		if (bpf_skb_load_bytes(skb, w->l4 + 12, &offset, sizeof(offset)))
			return ~0U;
		head = (offset >> 4) * 4;
	} else if (w->proto == IPPROTO_UDP) {
		head = sizeof(struct udphdr);
	} else {
		return ~0U;
	}
	return w->l4 - w->l3 + head + size;
}

static __always_inline bool wrap_fits(struct __sk_buff *skb, const struct wrap *w, __u32 length)
{
	__u32 mtu = 0, size = wrap_size(skb, w);

	/* The packet and its length with what comes in front, which is 16 bits wide. */
	if (skb->len - ETH_HLEN + length > 0xffff || size > 0xffff)
		return false;
	if (bpf_check_mtu(skb, w->ifindex, &mtu, length, 0))
		return false;
	return size + length <= mtu;
}

static __always_inline __be16 wrap_port(const struct wrap *w, const struct dmsc_encap *e)
{
	return bpf_htons(e->entropy ?: DMSC_ENCAP_PORTS | w->hash >> 18);
}

static __always_inline bool wrap_write6(struct __sk_buff *skb, const struct wrap *w,
					const struct dmsc_encap *e, struct wrap_head6 *h,
					__u32 inner, __u32 length)
{
	__u8 tos = w->tos;

	__builtin_memcpy(h, e->header, sizeof(*h));
	if (e->kind == DMSC_ENCAP_SRV6) {
		/*
		 * Linux's End.DT* does not carry a congestion mark over to the inner
		 * header: then the outer one must not take one (RFC 6040).
		 */
		tos &= ~ECN_MASK;
		h->next4[0] = w->kind == PACKET_IPV4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	} else {
		*(__be16 *)h->next4 = wrap_port(w, e);
		*(__be16 *)(h->next4 + 4) = bpf_htons(inner + sizeof(struct udphdr));
	}
	/* With UDP the chosen port is the label, too: switches look at one or the other. */
	h->flow = bpf_htonl(6U << 28 | (__u32)tos << 20 |
			   (e->entropy ? e->entropy & 0xfffff : w->hash >> 12));
	h->length = bpf_htons(inner + length - sizeof(struct ipv6hdr));
	if (bpf_skb_store_bytes(skb, ETH_HLEN, h, sizeof(*h), 0))
		return false;
	if (length <= sizeof(*h))
		return true;
	length -= sizeof(*h);
	if (length > DMSC_ENCAP_MAX - WRAP_WHOLE)
		return false;
	return !bpf_skb_store_bytes(skb, ETH_HLEN + WRAP_WHOLE, e->header + WRAP_WHOLE, length, 0);
}

static __always_inline bool wrap_write4(struct __sk_buff *skb, const struct wrap *w,
					const struct dmsc_encap *e, struct wrap_head4 *h,
					__u32 inner)
{
	__u32 sum;

	__builtin_memcpy(h, e->header, sizeof(*h));
	h->ip.tos = w->tos;
	h->ip.tot_len = bpf_htons(inner + sizeof(*h));
	sum = e->csum + bpf_htons(w->tos) + h->ip.tot_len;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	h->ip.check = ~sum;
	h->udp.source = wrap_port(w, e);
	h->udp.len = bpf_htons(inner + sizeof(h->udp));
	return !bpf_skb_store_bytes(skb, ETH_HLEN, h, sizeof(*h), 0);
}

/* The label is in no checksum. */
static __always_inline int wrap_label(struct __sk_buff *skb, const struct wrap *w,
				      const struct dmsc_encap *e)
{
	__be32 flow = bpf_htonl(6U << 28 | (__u32)w->tos << 20 | (e->entropy & 0xfffff));
	__u32 mtu = 0;

	if (w->kind != PACKET_IPV6 || w->v4 ||
	    bpf_check_mtu(skb, w->ifindex, &mtu, 0, BPF_MTU_CHK_SEGS))
		return WRAP_NOT;
	if (bpf_skb_store_bytes(skb, w->l3, &flow, sizeof(flow), 0))
		return WRAP_NOT;
	bpf_set_hash_invalid(skb);
	return WRAP_DONE;
}

/*
 * Wraps the packet as @w says; returns one of enum wrap_result. A global function:
 * the verifier looks at it once; hence the checks of what is always so.
 */
__weak int dmsc_wrap(struct __sk_buff *skb, const struct wrap *w)
{
	struct dmsc_encap *e;
	union wrap_head head;
	__u32 inner, length, key;
	__u64 flags;
	bool v4;

	if (!w)
		return WRAP_NOT;
	key = w->encap;	/* on the stack: kernel 6.1 takes no key of an argument's memory */
	e = bpf_map_lookup_elem(&dmsc_encaps, &key);
	if (!e)
		return WRAP_NOT;
	if (e->kind == DMSC_ENCAP_LABEL)
		return wrap_label(skb, w, e);
	v4 = e->kind == DMSC_ENCAP_UDP4;
	length = e->length;
	if (w->v4 != v4 || w->l3 != ETH_HLEN ||
	    length < (v4 ? sizeof(struct wrap_head4) : sizeof(struct wrap_head6)) ||
	    !wrap_fits(skb, w, length))
		return WRAP_NOT;

	flags = BPF_F_ADJ_ROOM_FIXED_GSO |
		(v4 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV6) |
		(e->kind != DMSC_ENCAP_SRV6 ? BPF_F_ADJ_ROOM_ENCAP_L4_UDP : 0);
	inner = skb->len - ETH_HLEN;
	/* Fails for what is encapsulated already, and for what is no packet of IP. */
	if (bpf_skb_adjust_room(skb, length, BPF_ADJ_ROOM_MAC, flags))
		return WRAP_NOT;
	if (v4 ? !wrap_write4(skb, w, e, &head.v4, inner) :
		 !wrap_write6(skb, w, e, &head.v6, inner, length))
		return WRAP_SPOILED;
	/* The socket's hash is not the outer header's, and ECMP would go by it. */
	bpf_set_hash_invalid(skb);
	return WRAP_DONE;
}

#endif /* DMSC_BPF_WRAP_H */
