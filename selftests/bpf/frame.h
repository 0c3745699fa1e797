/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames for BPF_PROG_TEST_RUN, built from a description, and running them.
 */
#ifndef DMSC_SELFTESTS_FRAME_H
#define DMSC_SELFTESTS_FRAME_H

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <linux/bpf.h>

#include "env.h"

#define FRAME_MAX 1536

struct frame {
	uint8_t b[FRAME_MAX];
	uint32_t len;
	uint32_t l3; /* offset of the network header */
	uint32_t l4; /* and of the transport header */
};

struct frame_spec {
	const char *saddr, *daddr; /* of either family */
	uint16_t sport, dport;
	uint8_t proto;
	uint8_t tos;
	uint8_t ttl;	    /* 0: 64 */
	int vlans;	    /* 802.1Q tags in the frame */
	int options;	    /* bytes of IPv4 options */
	uint16_t frag_off;  /* IPv4, host order, flags included */
	const uint8_t *ext; /* IPv6: types of extension headers, ends with 59 */
	uint16_t ext_frag;  /* what a fragment header among them says */
	uint8_t icmp_type;
	int payload;
};

static inline uint16_t ip_sum(const void *p, int len)
{
	const uint8_t *b = p;
	uint32_t sum = 0;
	int i;

	for (i = 0; i < len; i += 2)
		sum += b[i] << 8 | b[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static inline void frame_put(struct frame *f, const void *data, int len)
{
	CHECK(f->len + len <= FRAME_MAX, "the frame is too long");
	memcpy(f->b + f->len, data, len);
	f->len += len;
}

static inline void frame_put16(struct frame *f, uint16_t v)
{
	v = htons(v);
	frame_put(f, &v, 2);
}

static inline void frame_ethernet(struct frame *f, int vlans, uint16_t type)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };

	memset(f, 0, sizeof(*f));
	frame_put(f, macs, sizeof(macs));
	while (vlans--) {
		frame_put16(f, ETHERTYPE_VLAN);
		frame_put16(f, 100);
	}
	frame_put16(f, type);
	f->l3 = f->len;
}

static inline void frame_transport(struct frame *f, const struct frame_spec *s)
{
	uint8_t head[20] = {};

	f->l4 = f->len;
	switch (s->proto) {
	case IPPROTO_TCP:
		frame_put16(f, s->sport);
		frame_put16(f, s->dport);
		head[8] = 0x50;
		frame_put(f, head, 16);
		break;
	case IPPROTO_UDP:
		frame_put16(f, s->sport);
		frame_put16(f, s->dport);
		frame_put16(f, 8 + s->payload);
		frame_put16(f, 0);
		break;
	case IPPROTO_ICMPV6:
		head[0] = s->icmp_type;
		frame_put(f, head, 8);
		break;
	}
	f->len += s->payload;
	CHECK(f->len <= FRAME_MAX, "the frame is too long");
}

static inline void frame_ipv4(struct frame *f, const struct frame_spec *s)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5 + s->options / 4,
		.tos = s->tos,
		.id = htons(7),
		.frag_off = htons(s->frag_off),
		.ttl = s->ttl ?: 64,
		.protocol = s->proto,
	};

	inet_pton(AF_INET, s->saddr, &ip.saddr);
	inet_pton(AF_INET, s->daddr, &ip.daddr);
	frame_ethernet(f, s->vlans, ETHERTYPE_IP);
	frame_put(f, &ip, sizeof(ip));
	memset(f->b + f->len, 1, s->options); /* no operation */
	f->len += s->options;
	frame_transport(f, s);
	ip.tot_len = htons(f->len - f->l3);
	memcpy(f->b + f->l3, &ip, sizeof(ip));
	ip.check = htons(ip_sum(f->b + f->l3, ip.ihl * 4));
	memcpy(f->b + f->l3, &ip, sizeof(ip));
}

static inline void frame_ipv6(struct frame *f, const struct frame_spec *s)
{
	struct ip6_hdr ip6 = { .ip6_hlim = s->ttl ?: 64, .ip6_nxt = s->proto };
	const uint8_t *ext = s->ext;

	ip6.ip6_flow = htonl(6U << 28 | s->tos << 20 | 0x54321);
	inet_pton(AF_INET6, s->saddr, &ip6.ip6_src);
	inet_pton(AF_INET6, s->daddr, &ip6.ip6_dst);
	if (ext && *ext != IPPROTO_NONE)
		ip6.ip6_nxt = *ext;
	frame_ethernet(f, s->vlans, ETHERTYPE_IPV6);
	frame_put(f, &ip6, sizeof(ip6));
	for (; ext && *ext != IPPROTO_NONE; ext++) {
		uint8_t h[16] = { ext[1] != IPPROTO_NONE ? ext[1] : s->proto };

		switch (*ext) {
		case IPPROTO_FRAGMENT:
			h[2] = s->ext_frag >> 8;
			h[3] = s->ext_frag;
			frame_put(f, h, 8);
			break;
		case IPPROTO_AH:
			h[1] = 2; /* (2 + 2) * 4 bytes */
			frame_put(f, h, 16);
			break;
		default:
			h[1] = 1; /* (1 + 1) * 8 bytes */
			frame_put(f, h, 16);
		}
	}
	frame_transport(f, s);
	ip6.ip6_plen = htons(f->len - f->l3 - sizeof(ip6));
	memcpy(f->b + f->l3, &ip6, sizeof(ip6));
}

static inline void frame_build(struct frame *f, const struct frame_spec *s)
{
	if (strchr(s->daddr, ':'))
		frame_ipv6(f, s);
	else
		frame_ipv4(f, s);
}

static inline uint8_t frame_tos(const struct frame *f)
{
	const uint8_t *ip = f->b + f->l3;

	return ip[0] >> 4 == 4 ? ip[1] : (ip[0] << 4 | ip[1] >> 4);
}

struct frame_result {
	int verdict;
	uint32_t priority;
	struct frame out;
};

/*
 * One run of @prog on the frame as if it left (or came in) by @ifindex. Some
 * kernels refuse (-EINVAL) an IP frame that is shorter than an IP header; behind
 * a VLAN tag they do not look.
 */
static inline int frame_try_brought(int prog, const struct frame *f, int ifindex, int ingress,
				    struct frame_result *r)
{
	struct __sk_buff in = { .ifindex = ifindex, .ingress_ifindex = ingress, .priority = 6 };
	struct __sk_buff out = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->b, .data_size_in = f->len,
		    .data_out = r->out.b, .data_size_out = sizeof(r->out.b), .ctx_in = &in,
		    .ctx_size_in = sizeof(in), .ctx_out = &out, .ctx_size_out = sizeof(out));
	int ret = bpf_prog_test_run_opts(prog, &opts);

	r->verdict = (int)opts.retval;
	r->priority = out.priority;
	r->out.len = opts.data_size_out;
	r->out.l3 = f->l3;
	r->out.l4 = f->l4;
	return ret;
}

static inline int frame_try(int prog, const struct frame *f, int ifindex, struct frame_result *r)
{
	return frame_try_brought(prog, f, ifindex, 0, r);
}

/* As if it had come by @ingress before. */
static inline void frame_brought(int prog, const struct frame *f, int ifindex, int ingress,
				 struct frame_result *r)
{
	int ret = frame_try_brought(prog, f, ifindex, ingress, r);

	CHECK(!ret, "bpf_prog_test_run: %s, %u bytes", strerror(-ret), f->len);
}

static inline void frame_run(int prog, const struct frame *f, int ifindex, struct frame_result *r)
{
	int ret = frame_try(prog, f, ifindex, r);

	CHECK(!ret, "bpf_prog_test_run: %s, %u bytes", strerror(-ret), f->len);
}

#endif /* DMSC_SELFTESTS_FRAME_H */
