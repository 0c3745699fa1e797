/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which way ECMP sends a flow, by its UDP source port or its IPv6 flow label. A switch's
 * hash is its own secret (Linux' is keyed anew at each boot), so it is asked: a packet with
 * that port or label whose TTL ends at the hop of interest comes back as ICMP "time
 * exceeded" from the router that it took. What is encapsulated with the same addresses and
 * ports, or has the same addresses, label and protocol, takes the same way. Over IPv6 the
 * UDP port is the flow label, too, as the data path writes it, so that it does not matter
 * which of them a switch looks at.
 */
#ifndef DMSC_LIB_ENTROPY_H
#define DMSC_LIB_ENTROPY_H

#include <stdint.h>

#include <net/if.h>

#include <linux/dmsc_bpf.h>

#include "lib/error.h"

#define ENTROPY_TRIES	  3 /* packets for one value, before it counts as silent */
#define ENTROPY_LABEL_MAX 0xfffff

struct entropy_ask {
	struct dmsc_addr src, dst;   /* of the outer header, both of one family */
	char interface[IF_NAMESIZE]; /* to send by; "": as routing says */
	uint16_t port;		     /* destination port, host order */
	uint32_t first, count;	     /* source ports, or labels, to try: first, first + 1, ... */
	uint8_t hop;		     /* the router asked about: 1 is the first one */
	uint32_t timeout_ms;	     /* for an answer to one packet */
};

struct entropy_answer {
	uint32_t value;		 /* source port or label, host order */
	struct dmsc_addr router; /* zero: nobody answered, or the destination was reached before */
};

/**
 * entropy_probe - the router that each source port leads to
 * @out: @ask->count elements
 *
 * One port after the other, so that the routers' limits on ICMP are respected as far
 * as the timeout allows. Needs no privilege beyond binding. -EINVAL for ports beyond 65535, a
 * hop of 0 or addresses of two families; other errors are those of the socket (an address that
 * is not ours).
 */
int entropy_probe(const struct entropy_ask *ask, struct entropy_answer *out, struct dmsc_error *err);

/**
 * entropy_probe_labels - the router that TCP with each flow label leads to
 * @out: @ask->count elements
 *
 * For switches that hash addresses, label and protocol. Asks with single segments of no
 * connection. -EINVAL for labels beyond ENTROPY_LABEL_MAX, a hop or port of 0, or addresses of
 * IPv4; -EPERM without CAP_NET_RAW; other errors are those of the socket.
 */
int entropy_probe_labels(const struct entropy_ask *ask, struct entropy_answer *out,
			 struct dmsc_error *err);

#endif /* DMSC_LIB_ENTROPY_H */
