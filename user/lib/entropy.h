/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which way ECMP sends a UDP flow, by its source port. A switch's hash is its own
 * secret (Linux' is keyed anew at each boot), so it is asked: a datagram with that
 * port whose TTL ends at the hop of interest comes back as ICMP "time exceeded" from
 * the router that it took. What is encapsulated with the same addresses and ports
 * takes the same way.
 */
#ifndef DMSC_LIB_ENTROPY_H
#define DMSC_LIB_ENTROPY_H

#include <stdint.h>

#include <netinet/in.h>

#include "lib/error.h"

#define ENTROPY_TRIES 3 /* datagrams for one port, before it counts as silent */

struct entropy_ask {
	struct in_addr src, dst; /* of the outer header */
	uint16_t port;		 /* destination port, host order */
	uint16_t first, count;	 /* source ports to try, host order: first, first + 1, ... */
	uint8_t hop;		 /* the router asked about: 1 is the first one */
	uint32_t timeout_ms;	 /* for an answer to one datagram */
};

struct entropy_answer {
	uint16_t port;
	struct in_addr router; /* 0: nobody answered, or the destination was reached before */
};

/**
 * entropy_probe - the router that each source port leads to
 * @out: @ask->count elements
 *
 * One port after the other, so that the routers' limits on ICMP are respected as far
 * as the timeout allows. Needs no privilege beyond binding. -EINVAL for ports beyond 65535 or
 * a hop of 0; other errors are those of the socket (an address that is not ours).
 */
int entropy_probe(const struct entropy_ask *ask, struct entropy_answer *out, struct dmsc_error *err);

#endif /* DMSC_LIB_ENTROPY_H */
