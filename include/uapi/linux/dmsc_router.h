/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Keys and values of the service router's BPF maps, pinned with those of the data
 * path under /sys/fs/bpf/dmsc. The router turns a service's address into that of
 * one of its instances when a socket connects or sends.
 *
 * Tables that a generation replaces have two sides; readers use side =
 * generation & 1, a writer fills the other one and then stores generation and
 * flags as one 64-bit word. What has to outlive a generation has none: instances,
 * whose numbers sockets hold, what sockets hold, and counters. The router's
 * generations are its own: a plan that is applied does not change them.
 */
#ifndef _UAPI_LINUX_DMSC_ROUTER_H
#define _UAPI_LINUX_DMSC_ROUTER_H

#include <linux/types.h>
#include <linux/dmsc_bpf.h>
#include <linux/dmsc_gateway.h>	/* the hash that Maglev tables are made and read with */

#define DMSC_RT_ABI		1

#define DMSC_RT_MAX_SERVICES	1024	/* number 0 is unused */
#define DMSC_RT_MAX_INSTANCES	4096	/* number 0 is unused; with those that linger */
#define DMSC_RT_MAX_MEMBERS	8192	/* each side: instances of all levels of all services */
#define DMSC_RT_MAX_LEVELS	4	/* of distance */
#define DMSC_RT_RING_BLOCK	32	/* ring positions of an element */
#define DMSC_RT_RING_BLOCKS	16384	/* each side: 524288 positions, 127 rings of 4099 */
#define DMSC_RT_MAX_FLOWS	65536	/* connected UDP sockets that can be ended */
#define DMSC_RT_MAX_PEERS	8	/* services that a UDP socket sends to at once */

/* Map dmsc_rt_ctl: array, one entry. */
struct dmsc_rt_ctl {
	__u32 generation;	/* 0: nothing was ever programmed, every address is left alone */
	__u32 flags;		/* 0 */
	__u32 abi;		/* DMSC_RT_ABI of the writer */
	__u32 last_id;		/* of a service; the writer's */
	__u64 secret;		/* of this host: spreads sockets over instances */
	__u64 seed;		/* published: of Maglev tables and of DMSC_RT_BY_CLIENT */
} __attribute__((aligned(8)));

/* Map dmsc_rt_services: hash. IPv4 addresses as ::ffff:a.b.c.d, also of IPv6 sockets. */
struct dmsc_rt_service_key {
	struct dmsc_addr addr;
	__be16 port;
	__u8  proto;		/* IPPROTO_TCP, IPPROTO_UDP */
	__u8  side;
};

/*
 * Instances of one distance, which are tried together: a run of dmsc_rt_members,
 * and with DMSC_RT_HASH a Maglev table of the same.
 */
struct dmsc_rt_level {
	__u32 first;		/* index into dmsc_rt_members, without the side */
	__u32 nr;		/* how many */
	__u32 ring;		/* first element in dmsc_rt_rings, without the side */
	__u32 ring_size;	/* positions; 0: none */
};

enum dmsc_rt_method {
	DMSC_RT_HASH,		/* weighted consistent hashing (Maglev) */
	DMSC_RT_LEAST,		/* fewest outstanding connections for its weight */
};

struct dmsc_rt_service {
	__u64 salt;		/* dmsc_gw_salt() of its address and the seed */
	__u32 id;		/* never used twice */
	__u32 spill;		/* outstanding connections of an instance at which the next
				 * level is asked; 0: there is one level only
				 */
	__u32 table;		/* positions asked for, of each level's ring */
	__u16 number;		/* index into dmsc_rt_counts */
	__u8  method;		/* enum dmsc_rt_method */
	__u8  flags;		/* DMSC_RT_BY_CLIENT, DMSC_RT_FAILOVER */
	__u8  nr_levels;	/* 0: no instance takes anything new */
	__u8  priority;		/* of the group in use */
	__u8  reserved[6];
	struct dmsc_rt_level level[DMSC_RT_MAX_LEVELS];	/* nearest first */
	char  name[64];
};

#define DMSC_RT_BY_CLIENT	(1U << 0)	/* hashes who asks (SID, else cgroup) */
#define DMSC_RT_FAILOVER	(1U << 1)	/* a better group is named, but not usable */

/* Map dmsc_rt_members: array of 2 * DMSC_RT_MAX_MEMBERS: numbers of instances. */

/* Map dmsc_rt_rings: array of 2 * DMSC_RT_RING_BLOCKS: position to number of an instance. */
struct dmsc_rt_ring {
	__u16 instance[DMSC_RT_RING_BLOCK];
};

/*
 * Map dmsc_rt_instances: array of DMSC_RT_MAX_INSTANCES. An instance of one
 * service. A number means the same as long as a socket holds it (dmsc_rt_loads)
 * or a generation in force names it.
 */
struct dmsc_rt_instance {
	struct dmsc_addr addr;
	__be16 port;
	__u16 number;		/* of the service: index into dmsc_rt_counts */
	__u32 service;		/* id */
	__u16 weight[2];	/* from here on: of each side */
	__u8  flags[2];		/* DMSC_RT_INSTANCE_*; 0: not used by it */
	__u8  distance[2];	/* enum dmsc_rt_distance */
	__u8  priority[2];	/* 0 is asked first */
	__u8  reserved[14];
	char  name[64];
	char  service_name[64];
	__u8  reserved2[8];
} __attribute__((aligned(64)));

#define DMSC_RT_INSTANCE_USED	(1U << 0)	/* named */
#define DMSC_RT_INSTANCE_UP	(1U << 1)	/* keeps what it has */
#define DMSC_RT_INSTANCE_NEW	(1U << 2)	/* may be chosen */

enum dmsc_rt_distance {
	DMSC_RT_SAME_HOST,
	DMSC_RT_SAME_RAIL,	/* its address is at a leaf that our rail of that number is at */
	DMSC_RT_SAME_LEAF,	/* its host and ours have a leaf in common */
	DMSC_RT_FAR,
};

/*
 * Map dmsc_rt_loads: array of DMSC_RT_MAX_INSTANCES. Up when a socket is given to
 * the instance, down when it is closed, connects elsewhere or is given to another.
 */
struct dmsc_rt_load {
	__u64 open;		/* sockets that hold it: outstanding connections */
	__u64 total;		/* sockets ever given to it */
} __attribute__((aligned(64)));

/* Map dmsc_rt_sockets: socket storage. What a socket asked for and was given. */
struct dmsc_rt_peer {
	struct dmsc_addr addr;	/* the instance's */
	struct dmsc_addr service_addr;
	__be16 port;
	__be16 service_port;
	__u32 service;		/* id */
	__u16 instance;		/* number, 0: unused entry */
	__u16 reserved;
};

struct dmsc_rt_socket {
	__u64 cookie;		/* of the socket; 0: not in dmsc_rt_flows */
	__u32 next;		/* entry of peer[] to give up when all are used */
	__u32 connected;	/* 1: peer[0] is the other end */
	struct dmsc_rt_peer peer[DMSC_RT_MAX_PEERS];
};

/* Map dmsc_rt_flows: hash, by socket cookie. Connected UDP sockets of services. */
struct dmsc_rt_flow {
	__u64 netns;		/* cookie of the network namespace */
	__u16 instance;
	__u16 reserved[3];
};

/* Map dmsc_rt_counts: array of DMSC_RT_MAX_SERVICES. */
enum dmsc_rt_count {
	DMSC_RT_CHOSEN,		/* sockets given to an instance */
	DMSC_RT_SPILLED,	/* of these: not of the nearest level */
	DMSC_RT_FAILED_OVER,	/* of these: not of the best priority */
	DMSC_RT_MOVED,		/* of these: UDP sends whose instance before is gone */
	DMSC_RT_REFUSED,	/* no instance takes anything new: ECONNREFUSED */
	DMSC_RT_UNCOUNTED,	/* of the chosen: no memory for what the socket holds */
	DMSC_RT_UNLISTED,	/* of the chosen: dmsc_rt_flows is full */
	DMSC_RT_GIVEN_UP,	/* a UDP socket sends to more than DMSC_RT_MAX_PEERS services */
	DMSC_RT_NR_COUNTS,
};

struct dmsc_rt_counts {
	__u64 n[DMSC_RT_NR_COUNTS];
};

DMSC_ASSERT_SIZE(struct dmsc_rt_ctl, 32);
DMSC_ASSERT_SIZE(struct dmsc_rt_service_key, 20);
DMSC_ASSERT_SIZE(struct dmsc_rt_level, 16);
DMSC_ASSERT_SIZE(struct dmsc_rt_service, 160);
DMSC_ASSERT_SIZE(struct dmsc_rt_ring, 64);
DMSC_ASSERT_SIZE(struct dmsc_rt_instance, 192);
DMSC_ASSERT_SIZE(struct dmsc_rt_load, 64);
DMSC_ASSERT_SIZE(struct dmsc_rt_peer, 44);
DMSC_ASSERT_SIZE(struct dmsc_rt_socket, 368);
DMSC_ASSERT_SIZE(struct dmsc_rt_flow, 16);
DMSC_ASSERT_SIZE(struct dmsc_rt_counts, 64);

#endif /* _UAPI_LINUX_DMSC_ROUTER_H */
