/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cluster of a plan, out of network namespaces and veth pairs: a namespace
 * a node, a pair a link, the routes that an ordinary fabric would have. All
 * its names begin with the id of the run, so that runs can stand side by side.
 */
#ifndef DMSC_EMULATOR_CLUSTER_H
#define DMSC_EMULATOR_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "emulator/scale.h"
#include "lib/error.h"
#include "lib/model.h"
#include "lib/rtnl.h"

#define CLUSTER_DIR	"/run/dmsc-emulator"
#define INET_ADDR_LEN	16
#define CLUSTER_DAEMONS "daemons" /* cgroup of what is no instance, below the cluster's */

struct cluster_node {
	char netns[96];	   /* name below /run/netns */
	int fd;		   /* of the namespace, -1 */
	struct rtnl *rtnl; /* in the namespace, NULL */
};

struct cluster {
	const struct plan *plan;
	const struct scale *scale;
	char id[32];
	char dir[64];		    /* sockets, states, logs, a bpffs: CLUSTER_DIR/ID */
	char cgroup[256];	    /* <cgroup2>/ID */
	int lock;		    /* held while the run lives */
	struct cluster_node *nodes; /* by topology node */
	uint32_t *ifindex;	    /* [2 * link + side] */
};

/**
 * cluster_sweep - remove what runs left behind that were killed
 *
 * Those that still live hold their lock and stay.
 */
void cluster_sweep(void);

/** cluster_make - on error nothing is left but what cluster_remove() takes away */
int cluster_make(struct cluster *c, const struct plan *p, const struct scale *s,
		 struct dmsc_error *err);

/** cluster_remove - idempotent; kills who is still in its cgroups */
void cluster_remove(struct cluster *c);

/** cluster_forget - close it and leave it standing */
void cluster_forget(struct cluster *c);

/* Namespace of a node of the plan's hosts. */
static inline int cluster_host_netns(const struct cluster *c, uint32_t host)
{
	return c->nodes[c->plan->hosts[host].node].fd;
}

/* Side 0 of a link is node a, side 1 node b. */
static inline uint32_t cluster_end(const struct topo_link *l, int side)
{
	return side ? l->b : l->a;
}

static inline const char *cluster_ifname(const struct topo_link *l, int side)
{
	return side ? l->if_b : l->if_a;
}

/* Directory of an instance's cgroup, made on the way. */
int cluster_cgroup(const struct cluster *c, uint32_t instance, char *out, size_t size,
		   struct dmsc_error *err);

/* Address as text; IPv4 is all there is. */
const char *cluster_addr(const struct dmsc_addr *a, char out[INET_ADDR_LEN]);

#endif /* DMSC_EMULATOR_CLUSTER_H */
