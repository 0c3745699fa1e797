/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Keys and values of the layer 4 gateway's BPF maps, pinned under
 * /sys/fs/bpf/dmsc-gateway, and the hash that all gateways of a service share.
 *
 * Tables that a generation replaces have two sides; readers use side =
 * generation & 1, a writer fills the other one and then stores generation and
 * flags as one 64-bit word. What has to outlive a generation has none: reals,
 * which live flows go on using, flows, and counters.
 *
 * What is written for every packet is kept per CPU, as plain arrays with an
 * index of cpu * N + i, because those are read without a call on all kernels and
 * can be mapped by userspace. Elements are whole cache lines.
 */
#ifndef _UAPI_LINUX_DMSC_GATEWAY_H
#define _UAPI_LINUX_DMSC_GATEWAY_H

#include <linux/types.h>
#include <linux/dmsc_bpf.h>

#define DMSC_GW_PIN_DIR		"/sys/fs/bpf/dmsc-gateway"
#define DMSC_GW_ABI		1

#define DMSC_GW_MAX_SERVICES	1024	/* number 0 is unused: counters of no service */
#define DMSC_GW_MAX_REALS	8192	/* number 0 is unused: no instance */
#define DMSC_GW_VIP_BUCKETS	4096	/* each side; a power of two */
#define DMSC_GW_WAYS		4	/* entries of a bucket, flows of a set */
#define DMSC_GW_RING_BLOCK	32	/* ring positions of an element */
#define DMSC_GW_RING_BLOCKS	131072	/* each side: 4 M positions, 64 rings of 65537 */
#define DMSC_GW_MAX_SOURCES	65536	/* sources whose rate is known */
#define DMSC_GW_MAX_GATEWAYS	64	/* whose packets an instance unwraps */

/*
 * Map dmsc_gw_ctl: array, one entry. Generation and flags are one word to
 * readers and to the writer. Times are in ns of the coarse monotonic clock.
 */
struct dmsc_gw_ctl {
	__u32 generation;	/* 0: nothing was ever programmed, all packets pass */
	__u32 flags;
	__u32 abi;		/* DMSC_GW_ABI of the writer */
	__u32 flow_mask;	/* sets of a CPU's flow table, minus 1 */
	__u64 vip_seed[2];	/* of each side's address table */
	__u64 secret;		/* of this host's flow tables */
	__u64 insert_ns;	/* least time between new flows of a CPU that are kept, 0: any */
	__u64 tcp_ns, udp_ns;	/* a flow is forgotten when it was silent for so long */
	__u32 last_id;		/* of a service; the writer's */
} __attribute__((aligned(128)));

/* Map dmsc_gw_vips: array of 2 * DMSC_GW_VIP_BUCKETS buckets, by dmsc_gw_hash(). */
struct dmsc_gw_vip {
	struct dmsc_addr addr;
	__be16 port;		/* 0: fragments, and nothing else */
	__u8  proto;		/* IPPROTO_TCP, IPPROTO_UDP; 0: an unused entry */
	__u8  flags;		/* DMSC_GW_VIP_* */
	__u16 service;		/* index into dmsc_gw_services */
	__u16 reserved;
	__u32 id;		/* of the service, never used twice: part of a flow's key */
	__u32 reserved2;
};

#define DMSC_GW_VIP_LIMITED	(1U << 0)	/* by packets, of the service or a source */
#define DMSC_GW_VIP_SOURCE	(1U << 1)	/* instances by source address only */

struct dmsc_gw_bucket {
	struct dmsc_gw_vip way[DMSC_GW_WAYS];
};

/* Map dmsc_gw_services: array of 2 * DMSC_GW_MAX_SERVICES. Intervals: ns a packet, 0 no limit. */
struct dmsc_gw_service {
	__u64 salt;		/* dmsc_gw_salt() of its address and the published seed */
	__u32 id;
	__u32 ring;		/* first element in dmsc_gw_rings, without the side */
	__u32 ring_size;	/* positions; 0: it has no instance */
	__u32 reserved;
	__u64 packet_ns;	/* all packets */
	__u64 syn_ns;		/* TCP connections that begin */
	__u64 source_ns;	/* packets of one source: IPv4 address, IPv6 /64 */
	char  name[64];
} __attribute__((aligned(128)));

/* Map dmsc_gw_rings: array of 2 * DMSC_GW_RING_BLOCKS. Maglev tables: position to real. */
struct dmsc_gw_ring {
	__u16 real[DMSC_GW_RING_BLOCK];
};

/*
 * Map dmsc_gw_reals: array of DMSC_GW_MAX_REALS. An instance of one service and
 * how packets get there. The number is kept while flows may use it: what changes
 * with a generation is flags alone.
 */
struct dmsc_gw_real {
	struct dmsc_addr addr;	/* outer destination */
	struct dmsc_addr source;	/* outer source */
	__u32 csum;		/* of the constant part of an outer IPv4 header, unfolded */
	__u32 service;		/* id */
	__u16 version;		/* changes when the number gets another meaning */
	__u16 number;		/* of the service: index into dmsc_gw_services */
	__be16 gue_port;	/* UDP destination port, 0 without GUE */
	__u8  encap;		/* DMSC_GW_ENCAP_* */
	__u8  reserved;
	__u8  flags[2];		/* DMSC_GW_REAL_*, of each side; 0: not used by it */
	__u8  reserved2[14];
	char  name[64];
} __attribute__((aligned(128)));

#define DMSC_GW_ENCAP_LOCAL	0	/* delivered on this host, as it is */
#define DMSC_GW_ENCAP_IP4	1	/* IPv4 outside: protocol 4 or 41, or GUE */
#define DMSC_GW_ENCAP_IP6	2	/* IPv6 outside */

#define DMSC_GW_REAL_UP		(1U << 0)	/* takes packets; else its flows go elsewhere */
#define DMSC_GW_REAL_NEW	(1U << 1)	/* takes new flows: it is in its service's ring */
#define DMSC_GW_REAL_USED	(1U << 2)	/* named; else it only keeps flows */

/*
 * Map dmsc_gw_flows: array of one array for each CPU, of sets of flows. A flow is
 * found in the set that its hash names and replaces the one there that was silent
 * for longest.
 */
struct dmsc_gw_flow {
	struct dmsc_addr source;
	__u32 service;		/* id; 0: unused */
	__be16 port;		/* source port */
	__u16 real;
	__u16 version;		/* of the real */
	__u16 flags;		/* DMSC_GW_FLOW_* */
	__u32 seen;		/* DMSC_GW_TIME_SHIFT */
};

#define DMSC_GW_FLOW_CLOSED	(1U << 0)	/* FIN or RST was seen */
#define DMSC_GW_FLOW_UDP	(1U << 1)

#define DMSC_GW_TIME_SHIFT	20	/* ns >> 20: about a millisecond; wraps after 52 days */
#define DMSC_GW_CLOSED_NS	(60ULL * 1000000000)	/* a closed connection is live for */
#define DMSC_GW_BURST_NS	100000000ULL	/* what a limit lets through at once */
#define DMSC_GW_TOO_BIG_NS	1000000ULL	/* least time between ICMP errors of a CPU */
#define DMSC_GW_HOP_NS		1000000000ULL	/* a next hop is asked for again after */

struct dmsc_gw_set {
	struct dmsc_gw_flow way[DMSC_GW_WAYS];
};

/* Map dmsc_gw_lanes: array, cpu * DMSC_GW_MAX_REALS + real: one CPU's way to a real. */
struct dmsc_gw_lane {
	__u64 packets;
	__u64 bytes;		/* of the frames that came in */
	__u64 until;		/* the next hop is fresh until then, ns */
	__u32 ifindex;
	__u16 mtu;		/* largest outer packet, bytes; 0: any */
	__u16 resolved;		/* the addresses are known */
	__u8  dmac[6];
	__u8  smac[6];
	__u8  reserved[20];
} __attribute__((aligned(64)));

/*
 * Map dmsc_gw_counts: array, cpu * DMSC_GW_MAX_SERVICES + service. What became of
 * packets that did not simply go on; number 0 counts those of no service.
 */
enum dmsc_gw_count {
	DMSC_GW_NEW,		/* flows begun */
	DMSC_GW_UNKEPT,		/* flows not kept: more than insert_ns allows */
	DMSC_GW_ICMP,		/* ICMP errors sent on to the instance of the flow they tell of */
	DMSC_GW_FRAGMENT,	/* fragments sent on, by source address */
	DMSC_GW_FAILOVER,	/* flows moved because their instance is down */
	DMSC_GW_TOO_BIG_SENT,	/* ICMP "too big" sent to a client */
	DMSC_GW_DROP,		/* from here on: dropped, because */
	DMSC_GW_DROP_MALFORMED = DMSC_GW_DROP,
	DMSC_GW_DROP_FRAGMENT,	/* the service tells instances apart by ports */
	DMSC_GW_DROP_RATE,	/* the service's limit */
	DMSC_GW_DROP_SYN,	/* the service's limit of new connections */
	DMSC_GW_DROP_SOURCE,	/* the limit of a source */
	DMSC_GW_DROP_NO_REAL,	/* the service has no instance that is up */
	DMSC_GW_DROP_NO_HOP,	/* no route or no neighbour to the instance */
	DMSC_GW_DROP_TOO_BIG,	/* does not fit the link with its outer header */
	DMSC_GW_DROP_TTL,
	DMSC_GW_DROP_ERROR,	/* the kernel refused a change of the packet */
	DMSC_GW_NR_COUNTS,
};

struct dmsc_gw_counts {
	__u64 n[DMSC_GW_NR_COUNTS];
};

/* Map dmsc_gw_states: array of DMSC_GW_MAX_SERVICES: when a limit lets the next packet through. */
struct dmsc_gw_state {
	__u64 packet_at;
	__u64 syn_at;
} __attribute__((aligned(64)));

/* Map dmsc_gw_sources: LRU hash. The same for one source of one service. */
struct dmsc_gw_source_key {
	struct dmsc_addr addr;	/* IPv6: the first 64 bits */
	__u32 service;		/* id */
};

struct dmsc_gw_source {
	__u64 at;
};

/* Map dmsc_gw_cpus: array of one entry a CPU. */
struct dmsc_gw_cpu {
	__u64 insert_at;	/* when the next new flow may be kept */
	__u64 too_big_at;	/* when the next ICMP "too big" may be sent */
} __attribute__((aligned(64)));

/* Map dmsc_gw_decap: hash, on the instances' side: from whom packets are unwrapped. */
struct dmsc_gw_peer {
	__be16 gue_port;	/* 0: no GUE */
	__u16 reserved;
	__u32 reserved2;
};

/* Map dmsc_gw_unwrapped: per-CPU array, one entry. */
struct dmsc_gw_unwrapped {
	__u64 packets;
	__u64 refused;		/* of a gateway, but encapsulated otherwise than agreed */
	__u64 malformed;
};

/*
 * The hash of everything here: fold, multiply and fold, a word at a time, since
 * what differs in an address is often in its last byte, which is a word's first.
 * The same on hosts of one byte order; constants are those of SplitMix64 (Steele, Lea and
 * Flood, OOPSLA 2014).
 */
static inline __u64 dmsc_gw_mix(__u64 h, __u64 word)
{
	h ^= word;
	h = (h ^ (h >> 32)) * 0xbf58476d1ce4e5b9ULL;
	return h ^ (h >> 32);
}

/* @a and @b: an address, @c: ports and the like. The upper half is as good as the lower. */
static inline __u64 dmsc_gw_hash(__u64 seed, __u64 a, __u64 b, __u64 c)
{
	__u64 h = dmsc_gw_mix(dmsc_gw_mix(dmsc_gw_mix(seed, a), b), c);

	h *= 0x94d049bb133111ebULL;
	return h ^ (h >> 31);
}

/* A service's part of its flows' hash: from its address and the published seed. */
static inline __u64 dmsc_gw_salt(__u64 seed, __u64 a, __u64 b, __be16 port, __u8 proto)
{
	return dmsc_gw_hash(seed, a, b, (__u64)port << 8 | proto);
}

/* The position in a ring of @size that hash @h stands for: its upper half, scaled. */
static inline __u32 dmsc_gw_position(__u64 h, __u32 size)
{
	return (__u32)(((h >> 32) * size) >> 32);
}

DMSC_ASSERT_SIZE(struct dmsc_gw_ctl, 128);
DMSC_ASSERT_SIZE(struct dmsc_gw_vip, 32);
DMSC_ASSERT_SIZE(struct dmsc_gw_bucket, 128);
DMSC_ASSERT_SIZE(struct dmsc_gw_service, 128);
DMSC_ASSERT_SIZE(struct dmsc_gw_ring, 64);
DMSC_ASSERT_SIZE(struct dmsc_gw_real, 128);
DMSC_ASSERT_SIZE(struct dmsc_gw_flow, 32);
DMSC_ASSERT_SIZE(struct dmsc_gw_set, 128);
DMSC_ASSERT_SIZE(struct dmsc_gw_lane, 64);
DMSC_ASSERT_SIZE(struct dmsc_gw_counts, 128);
DMSC_ASSERT_SIZE(struct dmsc_gw_state, 64);
DMSC_ASSERT_SIZE(struct dmsc_gw_source_key, 20);
DMSC_ASSERT_SIZE(struct dmsc_gw_source, 8);
DMSC_ASSERT_SIZE(struct dmsc_gw_cpu, 64);
DMSC_ASSERT_SIZE(struct dmsc_gw_peer, 8);

#endif /* _UAPI_LINUX_DMSC_GATEWAY_H */
