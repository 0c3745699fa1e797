/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interfaces and what routing would do with them, as rtnetlink tells it. */
#ifndef DMSC_LIB_LINK_H
#define DMSC_LIB_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/dmsc_bpf.h>

#include "lib/error.h"
#include "lib/rtnl.h"

struct link_info {
	uint32_t ifindex;
	char name[16];
	bool up;    /* administratively up, with carrier */
	bool noarp; /* has no neighbours to resolve */
	uint32_t tx_queues;
	uint32_t mtu;
	char qdisc[32]; /* kind of the root qdisc */
};

/** link_get - by name; -ENODEV when there is no such interface */
int link_get(struct rtnl *r, const char *name, struct link_info *out, struct dmsc_error *err);

/**
 * link_routes_via - does routing reach @dst through @nexthop, given that the
 * packet leaves by @ifindex?
 *
 * Returns 1 or 0; 0 also when no route leaves by that interface.
 */
int link_routes_via(struct rtnl *r, const struct dmsc_addr *dst, uint32_t ifindex,
		    const struct dmsc_addr *nexthop);

/**
 * link_route_mtu - the largest packet that is sent to @dst without fragmenting
 *
 * The route's own mtu, or that of its interface; 0 when there is no route.
 */
uint32_t link_route_mtu(struct rtnl *r, const struct dmsc_addr *dst);

#endif /* DMSC_LIB_LINK_H */
