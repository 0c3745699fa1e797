// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/addr.h"
#include "lib/entropy.h"

#define LABEL_PORT 49152 /* source port of the segments that ask */

struct probe {
	struct ip6_hdr ip;
	struct tcphdr tcp;
};

/* What a router sends back: of the segment at least the IP header. */
struct returned {
	struct icmp6_hdr icmp;
	struct ip6_hdr ip;
};

static uint32_t sum_words(const void *data, size_t len)
{
	const uint8_t *b = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += b[i] << 8 | b[i + 1];
	return sum;
}

/*
 * A segment without flags that open anything: who gets it after all answers with a
 * reset, which this host ignores, as it has no such connection.
 */
static void make_probe(struct probe *p, const struct entropy_ask *ask, uint32_t label)
{
	uint32_t sum;

	memset(p, 0, sizeof(*p));
	p->ip.ip6_flow = htonl(6U << 28 | label);
	p->ip.ip6_plen = htons(sizeof(p->tcp));
	p->ip.ip6_nxt = IPPROTO_TCP;
	p->ip.ip6_hlim = ask->hop;
	memcpy(&p->ip.ip6_src, &ask->src, sizeof(p->ip.ip6_src));
	memcpy(&p->ip.ip6_dst, &ask->dst, sizeof(p->ip.ip6_dst));
	p->tcp.source = htons(LABEL_PORT);
	p->tcp.dest = htons(ask->port);
	p->tcp.doff = sizeof(p->tcp) / 4;
	p->tcp.ack = 1;
	sum = sum_words(&p->ip.ip6_src, 32) + sum_words(&p->tcp, sizeof(p->tcp)) + sizeof(p->tcp) +
	      IPPROTO_TCP; /* RFC 8200, 8.1 */
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	p->tcp.check = htons(~sum);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits for the router that let @sent end; others' messages come by here, too. */
static void wait_answer(int icmp, const struct probe *sent, uint32_t timeout_ms,
			struct dmsc_addr *router)
{
	int64_t end = now_ms() + timeout_ms, left;
	struct sockaddr_in6 from;
	struct returned r;

	while ((left = end - now_ms()) > 0) {
		struct pollfd p = { .fd = icmp, .events = POLLIN };
		socklen_t len = sizeof(from);
		ssize_t n;

		if (poll(&p, 1, left) <= 0)
			return;
		n = recvfrom(icmp, &r, sizeof(r), MSG_DONTWAIT, (struct sockaddr *)&from, &len);
		/* DSCP and hop limit changed on the way; the label did not. */
		if (n != sizeof(r) || r.icmp.icmp6_type != ICMP6_TIME_EXCEEDED ||
		    ((r.ip.ip6_flow ^ sent->ip.ip6_flow) & htonl(0xf00fffff)) ||
		    r.ip.ip6_nxt != IPPROTO_TCP ||
		    memcmp(&r.ip.ip6_src, &sent->ip.ip6_src, 2 * sizeof(r.ip.ip6_src)))
			continue;
		memcpy(router, &from.sin6_addr, sizeof(*router));
		return;
	}
}

static int probe(const struct entropy_ask *ask, int raw, int icmp, struct entropy_answer *a)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };
	struct probe p;

	memcpy(&to.sin6_addr, &ask->dst, sizeof(to.sin6_addr));
	make_probe(&p, ask, a->value);
	for (int i = 0; i < ENTROPY_TRIES && !dmsc_addr_given(&a->router); i++) {
		if (sendto(raw, &p, sizeof(p), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			return -errno;
		wait_answer(icmp, &p, ask->timeout_ms, &a->router);
	}
	return 0;
}

/* Two sockets: one to send whole packets, one that hears what routers say. */
static int open_sockets(const struct entropy_ask *ask, int *raw, int *icmp)
{
	struct icmp6_filter filter;

	*raw = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	*icmp = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	if (*raw < 0 || *icmp < 0)
		return -errno;
	if (*ask->interface &&
	    setsockopt(*raw, SOL_SOCKET, SO_BINDTODEVICE, ask->interface, strlen(ask->interface)))
		return -errno;
	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ICMP6_TIME_EXCEEDED, &filter);
	return setsockopt(*icmp, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)) ? -errno : 0;
}

int entropy_probe_labels(const struct entropy_ask *ask, struct entropy_answer *out,
			 struct dmsc_error *err)
{
	int raw = -1, icmp = -1, ret;

	if (!ask->first || ask->first + ask->count - 1 > ENTROPY_LABEL_MAX)
		return dmsc_fail(err, -EINVAL, "labels: %u from %u on, expected labels from 1 to %u",
				 ask->count, ask->first, ENTROPY_LABEL_MAX);
	if (!ask->hop || !ask->port)
		return dmsc_fail(err, -EINVAL, "hop %u, port %u: expected them from 1 on", ask->hop,
				 ask->port);
	if (dmsc_addr_is_v4(&ask->src) || dmsc_addr_is_v4(&ask->dst))
		return dmsc_fail(err, -EINVAL, "addresses: expected two of IPv6");
	ret = open_sockets(ask, &raw, &icmp);
	for (uint32_t i = 0; i < ask->count && !ret; i++) {
		out[i] = (struct entropy_answer){ .value = ask->first + i };
		ret = probe(ask, raw, icmp, &out[i]);
	}
	if (ret)
		dmsc_fail(err, ret, "labels: %s", strerror(-ret));
	if (raw >= 0)
		close(raw);
	if (icmp >= 0)
		close(icmp);
	return ret;
}
