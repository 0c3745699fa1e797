/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A packet from its description: words for its layers, outermost first, each
 * with its arguments and NAME=VALUE. What a layer says about the one behind it
 * (EtherType, protocol, length, checksum) follows from that, unless given.
 *
 *   eth [type=N]                    Ethernet
 *   vlan ID, qinq ID                a tag: 802.1Q, 802.1ad
 *   ip4 SRC DST [tos ttl frag opts proto ihl version]
 *                                   frag: flags and offset, opts: bytes of options
 *   ip6 SRC DST [tos hop proto version]
 *   hbh, route, dst [len=UNITS]     extension headers, UNITS of 8 bytes behind the first
 *   ah [len=UNITS]                  authentication header, UNITS of 4 bytes less 2
 *   frag VALUE                      fragment header: offset and flags
 *   tcp SPORT DPORT [flags=N], udp SPORT DPORT
 *   icmp TYPE, icmp6 TYPE, sctp SPORT DPORT, gre, esp, arp
 *   data N, hex DIGITS              N zero bytes; these bytes
 *   pad N                           N bytes that no header counts
 *   cut N                           the frame ends after N bytes
 *   set OFFSET VALUE                one byte, over what is there
 */
#ifndef DMSC_SELFTESTS_VECTOR_PACKET_H
#define DMSC_SELFTESTS_VECTOR_PACKET_H

#include <ctype.h>

#include "frame.h"

#define VECTOR_LAYERS 32
#define VECTOR_WORDS  96

struct vector_layer {
	const struct vector_kind *kind;
	const char *args[2];
	const char *names[8], *values[8];
	int nr_values;
};

struct vector_kind {
	const char *name;
	int nr_args;
	int proto;     /* as the IP layer in front of it says, -1 none */
	uint16_t type; /* as the Ethernet layer in front says, 0 none */
	void (*put)(struct frame *f, const struct vector_layer *l, const struct vector_layer *next);
};

static inline uint32_t vector_number(const char *text, uint32_t max)
{
	char *end;
	unsigned long v = strtoul(text, &end, 0);

	CHECK(*text && !*end && v <= max, "'%s' is no number up to %u", text, max);
	return v;
}

/* The value of @name, or @def. */
static inline uint32_t vector_value(const struct vector_layer *l, const char *name, uint32_t def)
{
	for (int i = 0; i < l->nr_values; i++) {
		if (!strcmp(l->names[i], name))
			return vector_number(l->values[i], UINT16_MAX);
	}
	return def;
}

static inline uint8_t vector_proto(const struct vector_layer *l, const struct vector_layer *next)
{
	int proto = next && next->kind->proto >= 0 ? next->kind->proto : IPPROTO_NONE;

	return vector_value(l, "proto", proto);
}

static inline uint16_t vector_type(const struct vector_layer *l, const struct vector_layer *next)
{
	return vector_value(l, "type", next && next->kind->type ? next->kind->type : 0x88b5);
}

static inline void put_eth(struct frame *f, const struct vector_layer *l,
			   const struct vector_layer *next)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };

	frame_put(f, macs, sizeof(macs));
	frame_put16(f, vector_type(l, next));
	f->l3 = f->len;
}

static inline void put_vlan(struct frame *f, const struct vector_layer *l,
			    const struct vector_layer *next)
{
	frame_put16(f, vector_number(l->args[0], 4095));
	frame_put16(f, vector_type(l, next));
	f->l3 = f->len;
}

static inline void put_ip4(struct frame *f, const struct vector_layer *l,
			   const struct vector_layer *next)
{
	int opts = vector_value(l, "opts", 0);
	struct iphdr ip = {
		.version = vector_value(l, "version", 4),
		.ihl = vector_value(l, "ihl", 5 + opts / 4),
		.tos = vector_value(l, "tos", 0),
		.id = htons(7),
		.frag_off = htons(vector_value(l, "frag", 0)),
		.ttl = vector_value(l, "ttl", 64),
		.protocol = vector_proto(l, next),
	};

	CHECK(inet_pton(AF_INET, l->args[0], &ip.saddr) == 1, "'%s'", l->args[0]);
	CHECK(inet_pton(AF_INET, l->args[1], &ip.daddr) == 1, "'%s'", l->args[1]);
	frame_put(f, &ip, sizeof(ip));
	CHECK(f->len + opts <= FRAME_MAX, "the frame is too long");
	memset(f->b + f->len, 1, opts); /* no operation */
	f->len += opts;
}

static inline void put_ip6(struct frame *f, const struct vector_layer *l,
			   const struct vector_layer *next)
{
	struct ip6_hdr ip6 = { .ip6_hlim = vector_value(l, "hop", 64),
			       .ip6_nxt = vector_proto(l, next) };

	ip6.ip6_flow = htonl(vector_value(l, "version", 6) << 28 | vector_value(l, "tos", 0) << 20 |
			     0x54321);
	CHECK(inet_pton(AF_INET6, l->args[0], &ip6.ip6_src) == 1, "'%s'", l->args[0]);
	CHECK(inet_pton(AF_INET6, l->args[1], &ip6.ip6_dst) == 1, "'%s'", l->args[1]);
	frame_put(f, &ip6, sizeof(ip6));
}

static inline void put_ext(struct frame *f, const struct vector_layer *l,
			   const struct vector_layer *next)
{
	bool ah = l->kind->proto == IPPROTO_AH;
	uint8_t h[2] = { vector_proto(l, next), vector_value(l, "len", ah ? 2 : 1) };
	static const uint8_t zero[FRAME_MAX];

	frame_put(f, h, 2);
	frame_put(f, zero, (ah ? (h[1] + 2) * 4 : (h[1] + 1) * 8) - 2);
}

static inline void put_frag(struct frame *f, const struct vector_layer *l,
			    const struct vector_layer *next)
{
	frame_put16(f, vector_proto(l, next) << 8);
	frame_put16(f, vector_number(l->args[0], UINT16_MAX));
	frame_put16(f, 0);
	frame_put16(f, 7);
}

static inline void put_ports(struct frame *f, const struct vector_layer *l,
			     const struct vector_layer *next)
{
	uint8_t rest[16] = {};
	int len = l->kind->proto == IPPROTO_TCP ? 16 : l->kind->proto == IPPROTO_UDP ? 4 : 8;

	(void)next;
	f->l4 = f->len;
	frame_put16(f, vector_number(l->args[0], UINT16_MAX));
	frame_put16(f, vector_number(l->args[1], UINT16_MAX));
	if (l->kind->proto == IPPROTO_TCP) {
		rest[8] = 0x50;
		rest[9] = vector_value(l, "flags", 0x10);
	}
	frame_put(f, rest, len);
}

static inline void put_icmp(struct frame *f, const struct vector_layer *l,
			    const struct vector_layer *next)
{
	uint8_t head[8] = { vector_number(l->args[0], 255) };

	(void)next;
	f->l4 = f->len;
	frame_put(f, head, sizeof(head));
}

static inline void put_zeros(struct frame *f, const struct vector_layer *l,
			     const struct vector_layer *next)
{
	static const uint8_t zero[FRAME_MAX];
	uint32_t n = l->kind->nr_args ? vector_number(l->args[0], FRAME_MAX) : 28;

	(void)next;
	frame_put(f, zero, n);
}

/* A name of its own, since it comes when the lengths are set. */
static inline void put_pad(struct frame *f, const struct vector_layer *l,
			   const struct vector_layer *next)
{
	put_zeros(f, l, next);
}

static inline void put_hex(struct frame *f, const struct vector_layer *l,
			   const struct vector_layer *next)
{
	const char *p = l->args[0];
	unsigned int byte;

	(void)next;
	for (; *p; p += 2) {
		uint8_t b;

		CHECK(isxdigit(p[0]) && isxdigit(p[1]) && sscanf(p, "%2x", &byte) == 1,
		      "'%s' is not hexadecimal", l->args[0]);
		b = byte;
		frame_put(f, &b, 1);
	}
}

static inline void put_cut(struct frame *f, const struct vector_layer *l,
			   const struct vector_layer *next)
{
	uint32_t n = vector_number(l->args[0], FRAME_MAX);

	(void)next;
	CHECK(n <= f->len, "cut %u of %u bytes", n, f->len);
	f->len = n;
}

static inline void put_set(struct frame *f, const struct vector_layer *l,
			   const struct vector_layer *next)
{
	uint32_t at = vector_number(l->args[0], FRAME_MAX - 1);

	(void)next;
	CHECK(at < f->len, "set %u of %u bytes", at, f->len);
	f->b[at] = vector_number(l->args[1], 255);
}

static const struct vector_kind vector_kinds[] = {
	{ "eth", 0, -1, 0, put_eth },
	{ "vlan", 1, -1, ETHERTYPE_VLAN, put_vlan },
	{ "qinq", 1, -1, 0x88a8, put_vlan },
	{ "arp", 0, -1, ETHERTYPE_ARP, put_zeros },
	{ "ip4", 2, IPPROTO_IPIP, ETHERTYPE_IP, put_ip4 },
	{ "ip6", 2, IPPROTO_IPV6, ETHERTYPE_IPV6, put_ip6 },
	{ "hbh", 0, IPPROTO_HOPOPTS, 0, put_ext },
	{ "route", 0, IPPROTO_ROUTING, 0, put_ext },
	{ "dst", 0, IPPROTO_DSTOPTS, 0, put_ext },
	{ "ah", 0, IPPROTO_AH, 0, put_ext },
	{ "frag", 1, IPPROTO_FRAGMENT, 0, put_frag },
	{ "tcp", 2, IPPROTO_TCP, 0, put_ports },
	{ "udp", 2, IPPROTO_UDP, 0, put_ports },
	{ "sctp", 2, IPPROTO_SCTP, 0, put_ports },
	{ "icmp", 1, IPPROTO_ICMP, 0, put_icmp },
	{ "icmp6", 1, IPPROTO_ICMPV6, 0, put_icmp },
	{ "gre", 0, IPPROTO_GRE, 0, put_zeros },
	{ "esp", 0, IPPROTO_ESP, 0, put_zeros },
	{ "data", 1, -1, 0, put_zeros },
	{ "hex", 1, -1, 0, put_hex },
	{ "pad", 1, -1, 0, put_pad },
	{ "cut", 1, -1, 0, put_cut },
	{ "set", 2, -1, 0, put_set },
};

/* The first IP header is f->l3; all of them get their lengths and checksums. */
static inline void vector_finish(struct frame *f, const struct vector_layer *l, uint32_t at)
{
	uint16_t v;

	if (!strcmp(l->kind->name, "ip4")) {
		uint32_t len = 20 + vector_value(l, "opts", 0);

		v = htons(f->len - at);
		memcpy(f->b + at + 2, &v, 2);
		v = htons(ip_sum(f->b + at, len));
		memcpy(f->b + at + 10, &v, 2);
	} else if (!strcmp(l->kind->name, "ip6")) {
		v = htons(f->len - at - 40);
		memcpy(f->b + at + 4, &v, 2);
	} else if (!strcmp(l->kind->name, "udp")) {
		v = htons(f->len - at);
		memcpy(f->b + at + 4, &v, 2);
	}
}

/* @words are the layers' words, of which there are @n. */
static inline void vector_packet(struct frame *f, char **words, int n)
{
	struct vector_layer layers[VECTOR_LAYERS] = {};
	uint32_t at[VECTOR_LAYERS];
	int nr = 0, i, whole;

	for (i = 0; i < n;) {
		struct vector_layer *l = &layers[nr];

		CHECK(nr < VECTOR_LAYERS, "too many layers");
		for (size_t k = 0; k < sizeof(vector_kinds) / sizeof(vector_kinds[0]); k++) {
			if (!strcmp(vector_kinds[k].name, words[i]))
				l->kind = &vector_kinds[k];
		}
		CHECK(l->kind, "'%s' is no layer", words[i]);
		CHECK(i + l->kind->nr_args < n, "%s needs %d arguments", words[i], l->kind->nr_args);
		i++;
		for (int a = 0; a < l->kind->nr_args; a++)
			l->args[a] = words[i++];
		for (char *eq; i < n && (eq = strchr(words[i], '=')); i++) {
			CHECK(l->nr_values < 8, "too many values");
			*eq = '\0';
			l->names[l->nr_values] = words[i];
			l->values[l->nr_values++] = eq + 1;
		}
		nr++;
	}
	memset(f, 0, sizeof(*f));
	for (whole = 0; whole < nr; whole++) {
		const struct vector_layer *l = &layers[whole];

		if (l->kind->put == put_pad || l->kind->put == put_cut || l->kind->put == put_set)
			break;
		at[whole] = f->len;
		l->kind->put(f, l, whole + 1 < nr ? l + 1 : NULL);
	}
	for (i = 0; i < whole; i++)
		vector_finish(f, &layers[i], at[i]);
	for (i = whole; i < nr; i++) /* what damages it */
		layers[i].kind->put(f, &layers[i], NULL);
}

#endif /* DMSC_SELFTESTS_VECTOR_PACKET_H */
