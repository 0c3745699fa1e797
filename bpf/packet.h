/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the programs need to know about an Ethernet frame. Nothing outside the
 * frame is ever read: each access goes through packet_bytes() or
 * bpf_skb_load_bytes(), which fail beyond its end.
 */
#ifndef DMSC_BPF_PACKET_H
#define DMSC_BPF_PACKET_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tables.h"

#ifndef ETH_P_8021AD
#define ETH_P_8021AD	0x88A8
#endif

#define ICMPV6_ND_FIRST	133	/* router solicitation */
#define ICMPV6_ND_LAST	137	/* redirect */
#define ND_HOP_LIMIT	255	/* RFC 4861: it did not cross a router */

#define IPV6_EXT_MAX	8	/* extension headers that are walked */

enum packet_kind {
	PACKET_OTHER,		/* no protocol of ours, or malformed */
	PACKET_ARP,
	PACKET_IPV4,
	PACKET_IPV6,
};

struct packet {
	struct dmsc_addr saddr, daddr;
	__be16 sport, dport;	/* 0 when has_ports is false */
	__u8 kind;		/* enum packet_kind */
	__u8 proto;		/* the transport protocol */
	__u8 tos;		/* IPv4 TOS, IPv6 traffic class */
	bool has_ports;		/* TCP or UDP, and not a fragment */
	bool fragment;
	bool tagged;		/* an 802.1Q tag, in the frame or beside it */
	bool discovery;		/* IPv6 neighbour discovery */
	__u8 l3;		/* offset of the network header */
	__u16 l4;		/* of the transport header, where has_ports is true */
};

struct vlan_tag {
	__be16 tci;
	__be16 proto;
};

struct ports {
	__be16 source, dest;
};

/*
 * @len bytes at @off: in place where the frame is linear, else in @buf. NULL
 * when the frame is shorter.
 */
static __always_inline const void *packet_bytes(struct __sk_buff *skb, __u32 off, void *buf,
						__u32 len)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (data + off + len <= end)
		return data + off;
	if (bpf_skb_load_bytes(skb, off, buf, len))
		return NULL;
	return buf;
}

static __always_inline bool packet_ports(struct __sk_buff *skb, struct packet *p, __u32 off)
{
	struct ports ports;

	if (p->fragment || (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP))
		return true;
	if (bpf_skb_load_bytes(skb, off, &ports, sizeof(ports)))
		return false;
	p->sport = ports.source;
	p->dport = ports.dest;
	p->l4 = off;
	p->has_ports = true;
	return true;
}

static __always_inline bool packet_ipv4(struct __sk_buff *skb, struct packet *p)
{
	const struct iphdr *ip;
	struct iphdr buf;
	__u32 len;

	ip = packet_bytes(skb, p->l3, &buf, sizeof(buf));
	if (!ip || ip->version != 4 || ip->ihl < 5)
		return false;
	len = ip->ihl * 4;
	p->tos = ip->tos;
	p->proto = ip->protocol;
	p->fragment = ip->frag_off & bpf_htons(0x3fff);	/* MF and the offset */
	addr_v4(&p->saddr, ip->saddr);
	addr_v4(&p->daddr, ip->daddr);
	return packet_ports(skb, p, p->l3 + len);
}

/* Offsets stay below 14 + 4 + 40 + 8 * 2048: the frame's length bounds each read. */
static __always_inline bool packet_ipv6(struct __sk_buff *skb, struct packet *p)
{
	const struct ipv6hdr *ip6;
	struct ipv6hdr buf;
	__u8 next, type, ext[2];
	__u32 off;
	int i;

	ip6 = packet_bytes(skb, p->l3, &buf, sizeof(buf));
	if (!ip6 || ip6->version != 6)
		return false;
	p->tos = ip6->priority << 4 | ip6->flow_lbl[0] >> 4;
	__builtin_memcpy(&p->saddr, &ip6->saddr, sizeof(p->saddr));
	__builtin_memcpy(&p->daddr, &ip6->daddr, sizeof(p->daddr));
	next = ip6->nexthdr;
	p->discovery = ip6->hop_limit == ND_HOP_LIMIT;
	off = p->l3 + sizeof(*ip6);

	for (i = 0; i < IPV6_EXT_MAX; i++) {
		__be16 frag;

		switch (next) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
		case IPPROTO_AH:
			if (bpf_skb_load_bytes(skb, off, ext, sizeof(ext)))
				return false;
			off += next == IPPROTO_AH ? (ext[1] + 2) * 4 : (ext[1] + 1) * 8;
			next = ext[0];
			continue;
		case IPPROTO_FRAGMENT:
			if (bpf_skb_load_bytes(skb, off, ext, sizeof(ext)) ||
			    bpf_skb_load_bytes(skb, off + 2, &frag, sizeof(frag)))
				return false;
			/* An atomic fragment (RFC 6946) is a whole packet. */
			p->fragment = frag & bpf_htons(0xfff9);
			off += 8;
			next = ext[0];
			if (p->fragment)
				break;
			continue;
		}
		break;
	}
	p->proto = next;
	if (i == IPV6_EXT_MAX)
		return false;
	if (p->discovery) {
		p->discovery = next == IPPROTO_ICMPV6 && !p->fragment &&
			       !bpf_skb_load_bytes(skb, off, &type, sizeof(type)) &&
			       type >= ICMPV6_ND_FIRST && type <= ICMPV6_ND_LAST;
	}
	return packet_ports(skb, p, off);
}

/*
 * Fills in @p, which is all zero. A global function, so that the verifier goes
 * through the headers once, and not again with all that follows for each shape of
 * them: kernel 6.1 takes every number in programs with functions for precious.
 */
__weak int dmsc_packet_parse(struct __sk_buff *skb, struct packet *p)
{
	const struct vlan_tag *tag;
	struct vlan_tag tag_buf;
	const __be16 *type;
	__be16 type_buf, proto;
	bool ok;

	if (!p)
		return 0;
	type = packet_bytes(skb, offsetof(struct ethhdr, h_proto), &type_buf, sizeof(*type));
	if (!type)
		return 0;
	proto = *type;
	p->l3 = ETH_HLEN;
	p->tagged = skb->vlan_present;
	if (proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD)) {
		tag = packet_bytes(skb, ETH_HLEN, &tag_buf, sizeof(*tag));
		if (!tag)
			return 0;
		p->tagged = true;
		p->l3 += sizeof(*tag);
		proto = tag->proto;
	}

	if (proto == bpf_htons(ETH_P_ARP)) {
		p->kind = PACKET_ARP;
	} else if (proto == bpf_htons(ETH_P_IP)) {
		ok = packet_ipv4(skb, p);
		p->kind = ok ? PACKET_IPV4 : PACKET_OTHER;
	} else if (proto == bpf_htons(ETH_P_IPV6)) {
		ok = packet_ipv6(skb, p);
		p->kind = ok ? PACKET_IPV6 : PACKET_OTHER;
	}
	return 0;
}

/* Malformed packets and unknown protocols are PACKET_OTHER. */
static __always_inline void packet_parse(struct __sk_buff *skb, struct packet *p)
{
	__builtin_memset(p, 0, sizeof(*p));
	dmsc_packet_parse(skb, p);
}

/* Whether a packet to @daddr leaves this link's neighbourhood for one other host. */
static __always_inline bool ipv4_routable(__be32 daddr)
{
	const __u8 *d = (const __u8 *)&daddr;

	/* this network, loopback, link-local, multicast and reserved */
	return d[0] && d[0] != 127 && !(d[0] == 169 && d[1] == 254) && d[0] < 224;
}

static __always_inline bool ipv6_routable(const struct dmsc_addr *daddr)
{
	const __u32 *w = (const __u32 *)daddr->b;
	const __u8 *d = daddr->b;

	if (d[0] == 0xff || (d[0] == 0xfe && (d[1] & 0xc0) == 0x80))
		return false;
	/* unspecified and loopback */
	return w[0] || w[1] || w[2] || (w[3] & bpf_htonl(~1U));
}

static __always_inline bool packet_routable(const struct packet *p)
{
	if (p->kind == PACKET_IPV4)
		return ipv4_routable(((const __u32 *)p->daddr.b)[3]);
	return p->kind == PACKET_IPV6 && ipv6_routable(&p->daddr);
}

#endif /* DMSC_BPF_PACKET_H */
