/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/* Do not edit directly, auto-generated from: */
/*	include/netlink/specs/dmsc.yaml */
/* YNL-GEN uapi header */
/* To regenerate run: selftests/ynl/generate.sh */

#ifndef _UAPI_LINUX_DMSC_NETLINK_H
#define _UAPI_LINUX_DMSC_NETLINK_H

#define DMSC_GENL_NAME		"dmsc"
#define DMSC_GENL_VERSION	1

/* incompatible changes of this file and of dmsc_bpf.h; module, BPF object and daemon agree on it */
#define DMSC_ABI		3
#define DMSC_NR_CLASSES		8
#define DMSC_NR_SLOTS		4096	/* slot 0 means "no queue of its own" */
#define DMSC_WEIGHT_MIN		1
#define DMSC_WEIGHT_MAX		1024
#define DMSC_WEIGHT_DEFAULT	16
#define DMSC_LIMIT_MIN		2048	/* bytes */
#define DMSC_LIMIT_MAX		1073741824	/* bytes */
#define DMSC_SHARE_MAX		1000	/* permille; the sum is bounded, too */
#define DMSC_RATE_MIN		1000	/* bytes a second */
#define DMSC_RATE_MAX		1000000000000	/* bytes a second */
#define DMSC_RANK_MAX		62	/* 0 goes first */
#define DMSC_RANK_DEFAULT	32	/* also of traffic without a slot */
#define DMSC_TARGET_DEFAULT	5000	/* microseconds */
#define DMSC_TARGET_MAX		1000000	/* microseconds */
#define DMSC_INTERVAL_DEFAULT	100000	/* microseconds */
#define DMSC_INTERVAL_MAX	10000000	/* microseconds */
#define DMSC_STARVE_DEFAULT	1000	/* milliseconds */
#define DMSC_STARVE_MAX		3600000	/* milliseconds */
#define DMSC_REMAINING_MAX	281474976710655	/* bytes */

/**
 * enum dmsc_class - priority classes, after the draft's table. The values
 *   follow IEEE 802.1Q: 1 (background) is the least important, then 0 (best
 *   effort), then 2 upwards. A driver or mqprio map that looks at
 *   skb->priority & 15 therefore orders DMSC classes as it would order PCPs.
 * @DMSC_CLASS_DEFAULT: nobody classified it
 * @DMSC_CLASS_BULK: checkpoints, data loading
 * @DMSC_CLASS_DATA: data parallel: hides behind compute
 * @DMSC_CLASS_PIPELINE: pipeline parallel: partly hidden
 * @DMSC_CLASS_EXPERT: expert parallel: delay-sensitive
 * @DMSC_CLASS_TENSOR: tensor parallel: ultra-low latency
 * @DMSC_CLASS_GATEWAY: requests from outside
 * @DMSC_CLASS_CONTROL: ARP, ND, registry, orchestration
 */
enum dmsc_class {
	DMSC_CLASS_DEFAULT,
	DMSC_CLASS_BULK,
	DMSC_CLASS_DATA,
	DMSC_CLASS_PIPELINE,
	DMSC_CLASS_EXPERT,
	DMSC_CLASS_TENSOR,
	DMSC_CLASS_GATEWAY,
	DMSC_CLASS_CONTROL,
};

/**
 * enum dmsc_class_mode - how a class is served among the others
 * @DMSC_MODE_WEIGHTED: shares what strict classes leave, by weight
 * @DMSC_MODE_STRICT: before every weighted class, and before strict classes of
 *   lower precedence
 */
enum dmsc_class_mode {
	DMSC_MODE_WEIGHTED,
	DMSC_MODE_STRICT,
};

/**
 * enum dmsc_event - what an event tells
 * @DMSC_EVENT_UNSPEC: none
 * @DMSC_EVENT_DROPS: a class dropped packets: DMSC_A_CLASS with ID and STATS.
 *   At most one a second and class; the counters say how many there were.
 * @DMSC_EVENT_CONGESTED: a queue holds more than its class's ECN threshold,
 *   and did so a tenth of a second before: DMSC_A_QUEUE with SLOT (0: a flow
 *   without one), CLASS, SID and STATS. At most one a second and class, of the
 *   longest.
 * @DMSC_EVENT_STARVED: a class has packets and could send none for as long as
 *   its STARVE says: DMSC_A_CLASS with ID and STATS. At most one a second and
 *   class.
 */
enum dmsc_event {
	DMSC_EVENT_UNSPEC,
	DMSC_EVENT_DROPS,
	DMSC_EVENT_CONGESTED,
	DMSC_EVENT_STARVED,

	/* private: */
	__DMSC_EVENT_MAX,
	DMSC_EVENT_MAX = (__DMSC_EVENT_MAX - 1)
};

/**
 * enum dmsc_attr - attributes at the top of every message
 * @DMSC_A_ABI: u32; DMSC_ABI
 * @DMSC_A_VERSION: NUL-terminated string; the module's release
 * @DMSC_A_IFINDEX: u32
 * @DMSC_A_HANDLE: u32; handle of a qdisc
 * @DMSC_A_PARENT: u32; parent of a qdisc
 * @DMSC_A_STATS: nest of DMSC_STATS_A_; a whole qdisc
 * @DMSC_A_CLASS: nest of DMSC_CLASS_A_; may repeat
 * @DMSC_A_QUEUE: nest of DMSC_QUEUE_A_; may repeat
 * @DMSC_A_REPLACE: flag
 * @DMSC_A_EVENT: u32, enum dmsc_event
 */
enum dmsc_attr {
	DMSC_A_UNSPEC,
	DMSC_A_PAD,
	DMSC_A_ABI,
	DMSC_A_VERSION,
	DMSC_A_IFINDEX,
	DMSC_A_HANDLE,
	DMSC_A_PARENT,
	DMSC_A_STATS,
	DMSC_A_CLASS,
	DMSC_A_QUEUE,
	DMSC_A_REPLACE,
	DMSC_A_EVENT,

	__DMSC_A_MAX,
	DMSC_A_MAX = (__DMSC_A_MAX - 1)
};

/**
 * enum dmsc_class_attr - one class; an attribute left out stays as it is
 * @DMSC_CLASS_A_ID: u32, enum dmsc_class
 * @DMSC_CLASS_A_MODE: u32, enum dmsc_class_mode
 * @DMSC_CLASS_A_WEIGHT: u32; among weighted classes
 * @DMSC_CLASS_A_SHARE: u32; permille guaranteed, 0 none
 * @DMSC_CLASS_A_LIMIT: u32; bytes the class may hold, DMSC_LIMIT_MIN..MAX
 * @DMSC_CLASS_A_ECN: u32; mark ECN-capable packets above this many bytes of class backlog;
 *   0 never
 * @DMSC_CLASS_A_STATS: nest of DMSC_STATS_A_; told, not taken
 * @DMSC_CLASS_A_CEIL: u64; bytes a second, DMSC_RATE_MIN..MAX; 0 none
 * @DMSC_CLASS_A_CODEL: u32; 1 its queues are under CoDel (RFC 8289), 0 not
 * @DMSC_CLASS_A_TARGET: u32; CoDel's, microseconds, 1..DMSC_TARGET_MAX
 * @DMSC_CLASS_A_INTERVAL: u32; CoDel's, microseconds, 1..DMSC_INTERVAL_MAX
 * @DMSC_CLASS_A_FAIR: u32; 1 traffic without a slot has a queue a flow, 0 one for all of it
 * @DMSC_CLASS_A_STARVE: u32; milliseconds without service while backlogged after which
 *   DMSC_EVENT_STARVED is sent; 0 never
 *
 * Strict classes are served in the order 7, 6, 5, 4, 3, 2, 0, 1. A class with a guaranteed
 * share gets it, when it has packets, from whatever the device sends, also before strict
 * classes above it. The guaranteed shares of a qdisc's classes add up to at most 900
 * permille.
 *
 * A ceiling is a bound for the device: where it has several of these qdiscs (below mq),
 * those in which the class is active divide it among themselves.
 */
enum dmsc_class_attr {
	DMSC_CLASS_A_UNSPEC,
	DMSC_CLASS_A_PAD,
	DMSC_CLASS_A_ID,
	DMSC_CLASS_A_MODE,
	DMSC_CLASS_A_WEIGHT,
	DMSC_CLASS_A_SHARE,
	DMSC_CLASS_A_LIMIT,
	DMSC_CLASS_A_ECN,
	DMSC_CLASS_A_STATS,
	DMSC_CLASS_A_CEIL,
	DMSC_CLASS_A_CODEL,
	DMSC_CLASS_A_TARGET,
	DMSC_CLASS_A_INTERVAL,
	DMSC_CLASS_A_FAIR,
	DMSC_CLASS_A_STARVE,

	__DMSC_CLASS_A_MAX,
	DMSC_CLASS_A_MAX = (__DMSC_CLASS_A_MAX - 1)
};

/**
 * enum dmsc_queue_attr - one scheduling queue: a slot with its class
 * @DMSC_QUEUE_A_SLOT: u32; 1..DMSC_NR_SLOTS - 1
 * @DMSC_QUEUE_A_CLASS: u32, enum dmsc_class
 * @DMSC_QUEUE_A_WEIGHT: u32; within the class
 * @DMSC_QUEUE_A_SID: u32; whose queue this is; only reported back
 * @DMSC_QUEUE_A_STATS: nest of DMSC_STATS_A_; told, not taken
 * @DMSC_QUEUE_A_RANK: u32; 0..DMSC_RANK_MAX, default DMSC_RANK_DEFAULT
 * @DMSC_QUEUE_A_RATE: u64; bytes a second, DMSC_RATE_MIN..MAX; 0 no bound
 * @DMSC_QUEUE_A_CEIL: u64; as the rate, and not below it; 0 none
 * @DMSC_QUEUE_A_REMAINING: u64; bytes the sender still has of its transfer, at most
 *   DMSC_REMAINING_MAX; counted down as they leave; 0 not known
 *
 * What is left out has its default, except REMAINING, which stays as it is. Within a class
 * the lowest rank goes first. Among queues of one rank those with a REMAINING go before
 * those without, the shortest first; the others share by weight. Up to its rate a queue
 * goes in its rank; what is above it goes after all ranks of its class, up to the ceiling.
 * Rate and ceiling are divided among the qdiscs of the device as a class's ceiling is.
 */
enum dmsc_queue_attr {
	DMSC_QUEUE_A_UNSPEC,
	DMSC_QUEUE_A_PAD,
	DMSC_QUEUE_A_SLOT,
	DMSC_QUEUE_A_CLASS,
	DMSC_QUEUE_A_WEIGHT,
	DMSC_QUEUE_A_SID,
	DMSC_QUEUE_A_STATS,
	DMSC_QUEUE_A_RANK,
	DMSC_QUEUE_A_RATE,
	DMSC_QUEUE_A_CEIL,
	DMSC_QUEUE_A_REMAINING,

	__DMSC_QUEUE_A_MAX,
	DMSC_QUEUE_A_MAX = (__DMSC_QUEUE_A_MAX - 1)
};

/**
 * enum dmsc_stats_attr - counters of a qdisc, a class or a queue
 * @DMSC_STATS_A_ENQ_PACKETS: u64
 * @DMSC_STATS_A_ENQ_BYTES: u64
 * @DMSC_STATS_A_DEQ_PACKETS: u64
 * @DMSC_STATS_A_DEQ_BYTES: u64
 * @DMSC_STATS_A_DROP_PACKETS: u64
 * @DMSC_STATS_A_DROP_BYTES: u64
 * @DMSC_STATS_A_MARK_PACKETS: u64; marked by ECN
 * @DMSC_STATS_A_BACKLOG_PACKETS: u32
 * @DMSC_STATS_A_BACKLOG_BYTES: u32
 *
 * enqueued = dequeued + dropped + backlog, in packets and in bytes, holds whenever they are
 * read. Packets refused before they were queued count as enqueued and dropped.
 */
enum dmsc_stats_attr {
	DMSC_STATS_A_UNSPEC,
	DMSC_STATS_A_PAD,
	DMSC_STATS_A_ENQ_PACKETS,
	DMSC_STATS_A_ENQ_BYTES,
	DMSC_STATS_A_DEQ_PACKETS,
	DMSC_STATS_A_DEQ_BYTES,
	DMSC_STATS_A_DROP_PACKETS,
	DMSC_STATS_A_DROP_BYTES,
	DMSC_STATS_A_MARK_PACKETS,
	DMSC_STATS_A_BACKLOG_PACKETS,
	DMSC_STATS_A_BACKLOG_BYTES,

	__DMSC_STATS_A_MAX,
	DMSC_STATS_A_MAX = (__DMSC_STATS_A_MAX - 1)
};

/**
 * enum dmsc_cmd - commands of the family
 * @DMSC_CMD_VERSION_GET: do; anybody. Answers DMSC_A_ABI, DMSC_A_VERSION.
 * @DMSC_CMD_QDISC_GET: dump; anybody. One message for each dmsc qdisc of the caller's
 *   network namespace (filter: DMSC_A_IFINDEX), with DMSC_A_IFINDEX, DMSC_A_HANDLE,
 *   DMSC_A_PARENT and DMSC_A_STATS.
 * @DMSC_CMD_CLASS_SET: do; CAP_NET_ADMIN. DMSC_A_IFINDEX, one or more DMSC_A_CLASS,
 *   DMSC_A_HANDLE to mean one qdisc of the device (else all of them). All classes are set
 *   on all qdiscs named, or none is.
 * @DMSC_CMD_CLASS_GET: dump; anybody. One message a class and qdisc: DMSC_A_IFINDEX,
 *   DMSC_A_HANDLE, one DMSC_A_CLASS.
 * @DMSC_CMD_QUEUE_SET: do; CAP_NET_ADMIN. DMSC_A_IFINDEX, DMSC_A_QUEUE any number,
 *   DMSC_A_HANDLE as above, DMSC_A_REPLACE: queues that the message does not name are
 *   removed (their packets go on in the hashed flows of their class). All or nothing.
 * @DMSC_CMD_QUEUE_GET: dump; anybody. One message a configured queue.
 * @DMSC_CMD_EVENT: multicast to group "events" of the qdisc's namespace: DMSC_A_EVENT,
 *   DMSC_A_IFINDEX, DMSC_A_HANDLE and what the event says.
 */
enum dmsc_cmd {
	DMSC_CMD_UNSPEC,
	DMSC_CMD_VERSION_GET,
	DMSC_CMD_QDISC_GET,
	DMSC_CMD_CLASS_SET,
	DMSC_CMD_CLASS_GET,
	DMSC_CMD_QUEUE_SET,
	DMSC_CMD_QUEUE_GET,
	DMSC_CMD_EVENT,

	__DMSC_CMD_MAX,
	DMSC_CMD_MAX = (__DMSC_CMD_MAX - 1)
};

#define DMSC_MCGRP_EVENTS	"events"

#endif /* _UAPI_LINUX_DMSC_NETLINK_H */
