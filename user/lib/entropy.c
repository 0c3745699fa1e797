// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/entropy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/errqueue.h>
#include <linux/in6.h>

#include "lib/addr.h"

/* What a probe binds and sends to. */
union end {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t make_end(union end *e, const struct dmsc_addr *addr, uint16_t port)
{
	memset(e, 0, sizeof(*e));
	if (dmsc_addr_is_v4(addr)) {
		e->v4.sin_family = AF_INET;
		e->v4.sin_port = htons(port);
		memcpy(&e->v4.sin_addr, addr->b + 12, sizeof(e->v4.sin_addr));
		return sizeof(e->v4);
	}
	e->v6.sin6_family = AF_INET6;
	e->v6.sin6_port = htons(port);
	memcpy(&e->v6.sin6_addr, addr->b, sizeof(e->v6.sin6_addr));
	return sizeof(e->v6);
}

/* Whether @c says that a router let the datagram end, and which one. */
static bool time_exceeded(struct cmsghdr *c, struct dmsc_addr *router)
{
	const struct sock_extended_err *e = (const void *)CMSG_DATA(c);
	const union end *from = (const void *)SO_EE_OFFENDER(e);

	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR &&
	    e->ee_origin == SO_EE_ORIGIN_ICMP && e->ee_type == ICMP_TIME_EXCEEDED) {
		memset(router, 0, sizeof(*router));
		router->b[10] = router->b[11] = 0xff;
		memcpy(router->b + 12, &from->v4.sin_addr, 4);
		return true;
	}
	if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR &&
	    e->ee_origin == SO_EE_ORIGIN_ICMP6 && e->ee_type == ICMP6_TIME_EXCEEDED) {
		memcpy(router, &from->v6.sin6_addr, sizeof(*router));
		return true;
	}
	return false;
}

/* Whose "time exceeded" came back; false: another error, or none. */
static bool offender(int fd, struct dmsc_addr *router)
{
	char control[512], byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;

	if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (time_exceeded(c, router))
			return true;
	}
	return false;
}

static bool set(int fd, int level, int option, int value)
{
	return !setsockopt(fd, level, option, &value, sizeof(value));
}

/*
 * Not connected: a connected socket gives its packets a hash at random, which Linux
 * routers at the other end of a veth pair would take for that of the packet.
 */
static int open_port(const struct entropy_ask *ask, uint16_t port)
{
	union end src;
	socklen_t len = make_end(&src, &ask->src, port);
	bool v4 = src.any.sa_family == AF_INET;
	int fd = socket(src.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return -errno;
	if (v4 ? set(fd, IPPROTO_IP, IP_RECVERR, 1) && set(fd, IPPROTO_IP, IP_TTL, ask->hop) :
		 set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1) &&
			    set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, ask->hop) &&
			    set(fd, IPPROTO_IPV6, IPV6_FLOWINFO_SEND, 1)) {
		if ((!*ask->interface || !setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE,
						     ask->interface, strlen(ask->interface))) &&
		    !bind(fd, &src.any, len))
			return fd;
	}
	ret = -errno;
	close(fd);
	return ret;
}

/* One source port. A port that somebody else has is nobody's here: silent. */
static int probe(const struct entropy_ask *ask, struct entropy_answer *a)
{
	int fd = open_port(ask, a->value), i;
	union end dst;
	socklen_t len = make_end(&dst, &ask->dst, ask->port);

	if (fd < 0)
		return fd == -EADDRINUSE ? 0 : fd;
	if (dst.any.sa_family == AF_INET6)
		dst.v6.sin6_flowinfo = htonl(a->value);
	for (i = 0; i < ENTROPY_TRIES && !dmsc_addr_given(&a->router); i++) {
		struct pollfd p = { .fd = fd };

		/* An answer to the last one may stand here as an error: then again. */
		if (sendto(fd, "", 1, 0, &dst.any, len) < 0 && errno != ECONNREFUSED &&
		    errno != EHOSTUNREACH) {
			int ret = -errno;

			close(fd);
			return ret;
		}
		if (poll(&p, 1, ask->timeout_ms) > 0)
			offender(fd, &a->router);
	}
	close(fd);
	return 0;
}

int entropy_probe(const struct entropy_ask *ask, struct entropy_answer *out, struct dmsc_error *err)
{
	char addr[INET6_ADDRSTRLEN];
	uint32_t i;
	int ret;

	if (!ask->first || ask->first + ask->count > 65536)
		return dmsc_fail(err, -EINVAL, "ports: %u from %u on, expected ports up to 65535",
				 ask->count, ask->first);
	if (!ask->hop || !ask->port)
		return dmsc_fail(err, -EINVAL, "hop %u, port %u: expected them from 1 on", ask->hop,
				 ask->port);
	if (dmsc_addr_is_v4(&ask->src) != dmsc_addr_is_v4(&ask->dst))
		return dmsc_fail(err, -EINVAL, "addresses: expected two of the same family");
	for (i = 0; i < ask->count; i++) {
		out[i] = (struct entropy_answer){ .value = ask->first + i };
		ret = probe(ask, &out[i]);
		if (ret)
			return dmsc_fail(err, ret, "from %s port %u: %s",
					 dmsc_addr_format(&ask->src, addr), out[i].value,
					 strerror(-ret));
	}
	return 0;
}
