// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/encap.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>

#include <linux/seg6.h>

#include "lib/addr.h"

#define HOPS		 64 /* TTL, hop limit */
#define ROUTING_SEGMENTS 4  /* RFC 8754: the routing type */

static void header6(struct dmsc_encap *out, uint8_t next, const struct dmsc_addr *src,
		    const struct dmsc_addr *dst)
{
	struct ip6_hdr ip = { .ip6_nxt = next, .ip6_hlim = HOPS };

	memcpy(&ip.ip6_src, src->b, sizeof(ip.ip6_src));
	memcpy(&ip.ip6_dst, dst->b, sizeof(ip.ip6_dst));
	memcpy(out->header, &ip, sizeof(ip));
	out->length = sizeof(ip);
}

static void build_srv6(const struct plan_encap *e, struct dmsc_encap *out)
{
	struct ipv6_sr_hdr sr = {
		.hdrlen = 2 * e->nr_segments, /* in 8 bytes, without the first */
		.type = ROUTING_SEGMENTS,
		.segments_left = e->nr_segments - 1,
		.first_segment = e->nr_segments - 1,
	};
	uint8_t *at;

	out->kind = DMSC_ENCAP_SRV6;
	header6(out, IPPROTO_ROUTING, &e->source, &e->segments[0]);
	at = out->header + out->length;
	memcpy(at, &sr, sizeof(sr));
	at += sizeof(sr);
	for (uint32_t i = e->nr_segments; i-- > 0; at += 16)
		memcpy(at, e->segments[i].b, 16);
	out->length = at - out->header;
}

/* The ones' complement sum of what is in every packet, as bytes lie in memory. */
static uint16_t sum_words(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t sum = 0;
	uint16_t word;

	for (; len >= sizeof(word); len -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum += word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static void build_udp(const struct plan_encap *e, const struct dmsc_addr *src,
		      const struct dmsc_addr *dst, struct dmsc_encap *out)
{
	struct udphdr udp = { .dest = htons(e->port) };

	src = dmsc_addr_given(&e->source) ? &e->source : src;
	dst = dmsc_addr_given(&e->target) ? &e->target : dst;
	if (dmsc_addr_is_v4(dst)) {
		struct iphdr ip = { .version = 4,
				    .ihl = 5,
				    .frag_off = htons(IP_DF),
				    .ttl = HOPS,
				    .protocol = IPPROTO_UDP };

		memcpy(&ip.saddr, src->b + 12, sizeof(ip.saddr));
		memcpy(&ip.daddr, dst->b + 12, sizeof(ip.daddr));
		out->kind = DMSC_ENCAP_UDP4;
		out->csum = sum_words(&ip, sizeof(ip));
		memcpy(out->header, &ip, sizeof(ip));
		out->length = sizeof(ip);
	} else {
		out->kind = DMSC_ENCAP_UDP6;
		header6(out, IPPROTO_UDP, src, dst);
	}
	memcpy(out->header + out->length, &udp, sizeof(udp));
	out->length += sizeof(udp);
}

void encap_build(const struct plan_encap *e, const struct dmsc_addr *src,
		 const struct dmsc_addr *dst, struct dmsc_encap *out)
{
	memset(out, 0, sizeof(*out));
	out->entropy = e->entropy;
	switch (e->kind) {
	case PATH_SRV6:
		build_srv6(e, out);
		break;
	case PATH_UDP:
		build_udp(e, src, dst, out);
		break;
	case PATH_LABEL:
		out->kind = DMSC_ENCAP_LABEL;
		break;
	case PATH_ROUTE:
		break;
	}
}

const char *encap_text(const struct plan_encap *e, char out[ENCAP_TEXT_LEN])
{
	char addr[INET6_ADDRSTRLEN];
	size_t n;

	*out = '\0';
	if (!e)
		return out;
	n = snprintf(out, ENCAP_TEXT_LEN, "%s",
		     e->kind == PATH_SRV6 ? "srv6" :
		     e->kind == PATH_UDP  ? "udp" :
					    "label");
	for (uint32_t i = 0; i < e->nr_segments; i++)
		n += snprintf(out + n, ENCAP_TEXT_LEN - n, " %s",
			      inet_ntop(AF_INET6, e->segments[i].b, addr, sizeof(addr)));
	if (e->kind == PATH_UDP)
		n += snprintf(out + n, ENCAP_TEXT_LEN - n, " port %u", e->port);
	if (e->entropy)
		snprintf(out + n, ENCAP_TEXT_LEN - n, " %s %u",
			 e->kind == PATH_UDP ? "from" : "label", e->entropy);
	return out;
}
