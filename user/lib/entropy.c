// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/entropy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/errqueue.h>

/* Whose "time exceeded" came back; false: another error, or none. */
static bool offender(int fd, struct in_addr *router)
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
		const struct sock_extended_err *e = (const void *)CMSG_DATA(c);
		const struct sockaddr_in *from = (const void *)SO_EE_OFFENDER(e);

		if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_RECVERR ||
		    e->ee_origin != SO_EE_ORIGIN_ICMP || e->ee_type != ICMP_TIME_EXCEEDED)
			continue;
		*router = from->sin_addr;
		return true;
	}
	return false;
}

/*
 * Not connected: a connected socket gives its packets a hash at random, which Linux
 * routers at the other end of a veth pair would take for that of the packet.
 */
static int open_port(const struct entropy_ask *ask, uint16_t port)
{
	struct sockaddr_in src = { .sin_family = AF_INET,
				   .sin_addr = ask->src,
				   .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1, ttl = ask->hop, ret;

	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, IPPROTO_IP, IP_RECVERR, &one, sizeof(one)) &&
	    !setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)) &&
	    !bind(fd, (struct sockaddr *)&src, sizeof(src)))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/* One source port. A port that somebody else has is nobody's here: silent. */
static int probe(const struct entropy_ask *ask, struct entropy_answer *a)
{
	struct sockaddr_in dst = { .sin_family = AF_INET,
				   .sin_addr = ask->dst,
				   .sin_port = htons(ask->port) };
	int fd = open_port(ask, a->port), i;

	if (fd < 0)
		return fd == -EADDRINUSE ? 0 : fd;
	for (i = 0; i < ENTROPY_TRIES && !a->router.s_addr; i++) {
		struct pollfd p = { .fd = fd };

		/* An answer to the last one may stand here as an error: then again. */
		if (sendto(fd, "", 1, 0, (struct sockaddr *)&dst, sizeof(dst)) < 0 &&
		    errno != ECONNREFUSED && errno != EHOSTUNREACH) {
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
	char addr[INET_ADDRSTRLEN];
	uint32_t i;
	int ret;

	if (!ask->first || ask->first + ask->count > 65536)
		return dmsc_fail(err, -EINVAL, "ports: %u from %u on, expected ports up to 65535",
				 ask->count, ask->first);
	if (!ask->hop || !ask->port)
		return dmsc_fail(err, -EINVAL, "hop %u, port %u: expected them from 1 on", ask->hop,
				 ask->port);
	for (i = 0; i < ask->count; i++) {
		out[i] = (struct entropy_answer){ .port = ask->first + i };
		ret = probe(ask, &out[i]);
		if (ret)
			return dmsc_fail(err, ret, "from %s port %u: %s",
					 inet_ntop(AF_INET, &ask->src, addr, sizeof(addr)),
					 out[i].port, strerror(-ret));
	}
	return 0;
}
