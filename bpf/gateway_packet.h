/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the gateway needs to know about a frame, in two steps: whom it is for,
 * which every frame of the host pays for, and, when that is a service of ours,
 * whether it is whole and sound. Frames are read in place, for XDP and tc alike:
 * what does not lie between data and its end does not exist.
 */
#ifndef DMSC_BPF_GATEWAY_PACKET_H
#define DMSC_BPF_GATEWAY_PACKET_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <linux/dmsc_gateway.h>

#define GW_IPV6_EXT_MAX	8	/* extension headers that are walked */
#define GW_L4_MAX	1024	/* the transport header begins before, bytes into the frame */

#define IP_FLAG_DF	0x4000
#define IP_FRAGMENT	0x3fff	/* MF and the offset */

#define ICMP_UNREACH	3	/* types of ICMP and ICMPv6 that quote a packet */
#define ICMP_TIME	11
#define ICMP_PARAMETER	12
#define ICMPV6_LAST_ERROR	4

#define TCP_FIN		0x01
#define TCP_SYN		0x02
#define TCP_RST		0x04
#define TCP_ACK		0x10

/* An address as the two words that are hashed and compared. */
struct gw_addr {
	__u64 a, b;
};

struct gw_packet {
	struct gw_addr src, dst;	/* of the flow: of an ICMP error, the other way round */
	__be16 sport, dport;
	__u16 l4;		/* offset of the transport header in the frame */
	__u16 len;		/* of the IP packet, bytes, as its header says */
	__u8 proto;		/* of the flow; an ICMP error's is that of the packet quoted */
	__u8 tos;
	__u8 tcp;		/* flags */
	bool ipv6;
	bool fragment;
	bool error;		/* an ICMP error about the flow */
	bool df;
};

static __always_inline void gw_addr4(struct gw_addr *to, __be32 v4)
{
	to->a = 0;
	to->b = bpf_htonl(0xffff) | (__u64)v4 << 32;
}

static __always_inline void gw_addr6(struct gw_addr *to, const void *from)
{
	__builtin_memcpy(to, from, sizeof(*to));
}

/* The packet that an ICMP error quotes, in the direction of the one that it answers. */
static __always_inline bool gw_quoted(struct gw_packet *p, void *data, void *end)
{
	void *quoted = data + p->l4 + 8;
	struct gw_addr vip;
	__be16 *ports;

	p->error = true;
	if (p->ipv6) {
		struct ipv6hdr *ip6 = quoted;

		if (quoted + sizeof(*ip6) + 4 > end || ip6->version != 6)
			return false;
		p->proto = ip6->nexthdr;
		gw_addr6(&vip, &ip6->saddr);
		gw_addr6(&p->src, &ip6->daddr);
		ports = (__be16 *)(ip6 + 1);
	} else {
		struct iphdr *ip = quoted;

		if (quoted + sizeof(*ip) + 4 > end || ip->version != 4 || ip->ihl != 5 ||
		    (ip->frag_off & bpf_htons(0x1fff)))
			return false;
		p->proto = ip->protocol;
		gw_addr4(&vip, ip->saddr);
		gw_addr4(&p->src, ip->daddr);
		ports = (__be16 *)(ip + 1);
	}
	/* It went from the address that is told now. */
	if (vip.a != p->dst.a || vip.b != p->dst.b)
		return false;
	p->sport = ports[1];
	p->dport = ports[0];
	return p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP;
}

/* The ports, behind whatever stands between. @type: whether it is an error, of ICMP. */
static __always_inline bool gw_ports(struct gw_packet *p, void *data, void *end)
{
	__be16 *ports;
	__u8 *type;

	if (p->l4 > GW_L4_MAX)
		return false;
	ports = data + p->l4;
	if (p->fragment)
		return p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP;
	if ((void *)(ports + 2) > end)
		return false;
	if (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP) {
		p->sport = ports[0];
		p->dport = ports[1];
		return true;
	}
	type = (__u8 *)ports;
	if (!p->ipv6 && p->proto == IPPROTO_ICMP &&
	    (*type == ICMP_UNREACH || *type == ICMP_TIME || *type == ICMP_PARAMETER))
		return gw_quoted(p, data, end);
	if (p->ipv6 && p->proto == IPPROTO_ICMPV6 && *type && *type <= ICMPV6_LAST_ERROR)
		return gw_quoted(p, data, end);
	return false;
}

static __always_inline bool gw_parse4(struct gw_packet *p, void *data, void *end)
{
	struct iphdr *ip = data + ETH_HLEN;

	if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5)
		return false;
	p->ipv6 = false;
	gw_addr4(&p->src, ip->saddr);
	gw_addr4(&p->dst, ip->daddr);
	p->proto = ip->protocol;
	p->tos = ip->tos;
	p->len = bpf_ntohs(ip->tot_len);
	p->fragment = ip->frag_off & bpf_htons(IP_FRAGMENT);
	p->df = ip->frag_off & bpf_htons(IP_FLAG_DF);
	p->l4 = ETH_HLEN + ip->ihl * 4;
	return gw_ports(p, data, end);
}

static __always_inline bool gw_parse6(struct gw_packet *p, void *data, void *end)
{
	struct ipv6hdr *ip6 = data + ETH_HLEN;
	__u32 off = ETH_HLEN + sizeof(*ip6), len;
	__u8 next, *ext;
	int i;

	if ((void *)(ip6 + 1) > end || ip6->version != 6)
		return false;
	p->ipv6 = true;
	gw_addr6(&p->src, &ip6->saddr);
	gw_addr6(&p->dst, &ip6->daddr);
	p->tos = ip6->priority << 4 | ip6->flow_lbl[0] >> 4;
	len = bpf_ntohs(ip6->payload_len) + sizeof(*ip6);
	p->len = len > 0xffff ? 0 : len;
	p->fragment = false;
	p->df = true;
	next = ip6->nexthdr;
	for (i = 0; i < GW_IPV6_EXT_MAX; i++) {
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING &&
		    next != IPPROTO_DSTOPTS && next != IPPROTO_FRAGMENT && next != IPPROTO_AH)
			break;
		if (off > GW_L4_MAX)
			return false;
		ext = data + off;
		if ((void *)(ext + 8) > end)
			return false;
		if (next == IPPROTO_FRAGMENT) {
			/* An atomic fragment (RFC 6946) is a whole packet. */
			p->fragment = *(__be16 *)(ext + 2) & bpf_htons(0xfff9);
			off += 8;
		} else {
			off += next == IPPROTO_AH ? (ext[1] + 2) * 4 : (ext[1] + 1) * 8;
		}
		next = ext[0];
		if (p->fragment)
			break;
	}
	p->proto = next;
	p->l4 = off > GW_L4_MAX ? GW_L4_MAX + 1 : off;
	return gw_ports(p, data, end);
}

/* False: nothing that could be for a service, or too short to tell. */
static __always_inline bool gw_parse(struct gw_packet *p, void *data, void *end)
{
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > end)
		return false;
	p->error = false;
	p->tcp = 0;
	p->sport = 0;
	p->dport = 0;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return gw_parse4(p, data, end);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return gw_parse6(p, data, end);
	return false;
}

/* ---- soundness ---- */

/* A source that no answer could be sent to, or that is the service itself. */
static __always_inline bool gw_source_bad(const struct gw_packet *p)
{
	__u8 first = p->src.a;		/* the address's first byte, on either byte order's wire */

	if (p->src.a == p->dst.a && p->src.b == p->dst.b)
		return true;
	if (!p->ipv6) {
		__u8 v4 = p->src.b >> 32;

		return !v4 || v4 == 127 || v4 >= 224;
	}
	return first == 0xff || (!p->src.a && !(p->src.b & 0xffffffff));
}

/* The sum of an IPv4 header without options, folded: 0xffff when it is right. */
static __always_inline __u32 gw_sum4(const struct iphdr *ip)
{
	const __u32 *w = (const __u32 *)ip;
	__u64 sum = (__u64)w[0] + w[1] + w[2] + w[3] + w[4];

	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static __always_inline bool gw_sound4(void *data, void *end)
{
	struct iphdr *ip = data + ETH_HLEN;
	__u32 sum;
	int i;

	if ((void *)(ip + 1) > end)
		return false;
	if (ip->ihl == 5)
		return gw_sum4(ip) == 0xffff;
	sum = gw_sum4(ip);
	for (i = 5; i < 15 && i < ip->ihl; i++) {
		__u32 *option = data + ETH_HLEN + i * 4;

		if ((void *)(option + 1) > end)
			return false;
		sum += (*option & 0xffff) + (*option >> 16);
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

static __always_inline bool gw_sound_tcp(struct gw_packet *p, struct tcphdr *tcp, void *end,
					 __u32 payload)
{
	__u8 flags;

	if ((void *)(tcp + 1) > end || tcp->doff < 5 || tcp->doff * 4U > payload)
		return false;
	flags = ((__u8 *)tcp)[13];
	p->tcp = flags;
	/* A segment has one of these, a SYN neither FIN nor RST. */
	if (!(flags & (TCP_SYN | TCP_ACK | TCP_RST)))
		return false;
	return !(flags & TCP_SYN) || !(flags & (TCP_FIN | TCP_RST));
}

static __always_inline bool gw_sound_udp(const struct udphdr *udp, void *end, __u32 payload)
{
	__u16 len;

	if ((void *)(udp + 1) > end)
		return false;
	len = bpf_ntohs(udp->len);
	return len >= sizeof(*udp) && len <= payload;
}

/*
 * Whether the packet is what its headers say. Its length may be less than the
 * frame's, which small frames are filled up to; never more. @frame: bytes.
 */
static __always_inline bool gw_sound(struct gw_packet *p, void *data, void *end, __u32 frame)
{
	__u32 head = p->l4 - ETH_HLEN, payload;
	__u16 len = p->len;

	if (len < head || len + ETH_HLEN > frame)
		return false;
	if (!p->ipv6 && !gw_sound4(data, end))
		return false;
	if (p->error)
		return true;
	if (gw_source_bad(p))
		return false;
	if (p->fragment)
		return true;
	payload = len - head;
	if (p->l4 > GW_L4_MAX)
		return false;
	return p->proto == IPPROTO_TCP ? gw_sound_tcp(p, data + p->l4, end, payload) :
					 gw_sound_udp(data + p->l4, end, payload);
}

#endif /* DMSC_BPF_GATEWAY_PACKET_H */
