/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Keys and values of the BPF maps pinned under /sys/fs/bpf/dmsc. Shared by the
 * BPF programs and userspace; fixed widths, no implicit padding.
 *
 * Configuration is double-buffered: every table that a generation replaces
 * carries the side (0 or 1) in its key, readers use side = generation & 1, a
 * writer fills the other side, then stores the new generation together with
 * its flags. That one aligned 64-bit store is the whole commit.
 */
#ifndef _UAPI_LINUX_DMSC_BPF_H
#define _UAPI_LINUX_DMSC_BPF_H

#include <linux/types.h>
#include <linux/dmsc.h>

#define DMSC_PIN_DIR		"/sys/fs/bpf/dmsc"

#define DMSC_MAX_INSTANCES	4096	/* local instances, each side */
#define DMSC_MAX_ENDPOINTS	65536	/* each side */
#define DMSC_MAX_GROUPS		65536	/* each side */
#define DMSC_MAX_PATHS		4096	/* each side */
#define DMSC_MAX_PEERS		16384	/* each side */
#define DMSC_MAX_FLOWS		65536	/* each side */
#define DMSC_MAX_HOPS		8192	/* next hops of both sides' paths */
#define DMSC_MAX_SETS		4096	/* each side; of paths */
#define DMSC_MAX_DEALS		16384	/* groups with sets, of all generations */
#define DMSC_MAX_TRUSTED	64	/* interfaces whose DSCP is believed */
#define DMSC_MAX_ENCAPS		8192	/* of both sides' paths */
#define DMSC_MAX_STATS		8192	/* {SID, class, direction, next hop} */
#define DMSC_MAX_RULES		4096	/* each side */
#define DMSC_MAX_RATES		512	/* each side; of rules */

#define DMSC_MAX_WAYS		8	/* paths of a flow group */
#define DMSC_MAX_SEGMENTS	8	/* of an SRv6 path */

#define DMSC_SID_UNKNOWN	0U
#define DMSC_SID_ANY		0U	/* in a group key: whoever has no entry of its own */
#define DMSC_PATH_NONE		0U	/* leave it to routing */
#define DMSC_PATH_SET		(1U << 31)	/* the rest is a set's number, not a path's */

/* IPv4 addresses are stored as ::ffff:a.b.c.d. Network byte order. */
struct dmsc_addr {
	__u8 b[16];
} __attribute__((aligned(4)));

/*
 * Map dmsc_ctl: array, one entry. Generation and flags are one 64-bit word to
 * readers and to the writer, so that no reader sees one without the other.
 */
struct dmsc_ctl {
	__u32 generation;	/* 0: nothing was ever programmed */
	__u32 flags;		/* DMSC_CTL_* */
	__u32 abi;		/* DMSC_ABI of the writer */
	__u32 reserved;
} __attribute__((aligned(8)));

#define DMSC_CTL_STEER		(1U << 0)	/* redirect to the chosen path */
#define DMSC_CTL_DSCP		(1U << 1)	/* write the class's DSCP */
#define DMSC_CTL_POLICY		(1U << 2)	/* ask dmsc_rules who may talk to whom */
#define DMSC_CTL_DENY		(1U << 3)	/* what no rule is about is denied */
#define DMSC_CTL_AUDIT		(1U << 4)	/* what no rule is about is reported */
#define DMSC_CTL_TRACE		(1U << 5)	/* sample packets; belongs to no generation */
#define DMSC_CTL_TRUST		(1U << 6)	/* believe the DSCP that dmsc_trusted is about */

/*
 * Map dmsc_profile: array, one entry a side. How a class travels between
 * hosts. dscp[c] is 0..63; class_of[d] is the class a received DSCP stands
 * for, or 0xff for none.
 */
struct dmsc_profile {
	__u8 dscp[DMSC_NR_CLASSES];
	__u8 class_of[64];
};

/* Map dmsc_instances: hash. Who a process is: by its cgroup v2 id. */
struct dmsc_instance_key {
	__u64 cgroup_id;
	__u32 side;
	__u32 reserved;
};

struct dmsc_instance {
	__u32 sid;
	__u32 mic;
	__u8  class_default;	/* for a socket whose peer says nothing */
	__u8  class_mask;	/* classes it may use, bit n = class n */
	__u16 reserved;
	__u16 slot[DMSC_NR_CLASSES];	/* its queue in each class, 0 none */
};

/*
 * Map dmsc_endpoints: hash. Where instances listen, local and remote ones: a
 * port stands for an instance and the class of what is said to it.
 */
struct dmsc_endpoint_key {
	struct dmsc_addr addr;
	__be16 port;
	__u8  proto;		/* IPPROTO_TCP, IPPROTO_UDP */
	__u8  side;
};

/*
 * Port and protocol 0: a host of the plan, whose own data plane has checked what
 * it sends; sid is 0. Address :: stands for all addresses of this host. Both are
 * there only with DMSC_CTL_POLICY.
 */
struct dmsc_endpoint {
	__u32 sid;
	__u32 mic;
	__u8  class;
	__u8  reserved;
	__u16 stats;		/* index into dmsc_stats of what it receives in this class; the
				 * loader's, 0 for those of other hosts
				 */
};

/*
 * Map dmsc_groups: hash. The path of a flow group. Looked up with both SIDs,
 * then with dst_sid = DMSC_SID_ANY, then dmsc_peers by address and class. Flows of
 * IPv4 and of IPv6 between the same two have next hops of their own.
 */
struct dmsc_group_key {
	__u32 src_sid;
	__u32 dst_sid;
	__u8  class;
	__u8  side;
	__u8  ipv6;		/* 1: of flows of IPv6; 0: of IPv4 (::ffff:a.b.c.d) */
	__u8  reserved;
};

struct dmsc_group {
	__u32 path;		/* index into dmsc_paths, DMSC_PATH_NONE, or a set */
};

/* Map dmsc_peers: hash. The path towards a host's address in one class. */
struct dmsc_peer_key {
	struct dmsc_addr addr;
	__u8  class;
	__u8  side;
	__u16 reserved;
};

struct dmsc_peer {
	__u32 path;
};

/* Map dmsc_paths: array of 2 * DMSC_MAX_PATHS; index side * DMSC_MAX_PATHS + path. */
struct dmsc_path {
	__u32 ifindex;
	__u8  family;		/* AF_INET, AF_INET6: of the next hop */
	__u8  flags;		/* DMSC_PATH_F_* */
	__u16 counter;		/* the next hop's number, 0 none; the loader's */
	__u32 encap;		/* key of dmsc_encaps, 0 none */
	struct dmsc_addr nexthop;
	__u32 reserved;		/* mapped arrays are of multiples of 8 bytes */
};

/*
 * Map dmsc_sets: array of 2 * DMSC_MAX_SETS; index side * DMSC_MAX_SETS + set. The
 * paths that the flows of a group are spread over. A flow has a number that stays
 * the same as long as it lives; slot[number % DMSC_SET_SLOTS] is its path, if that
 * is up. Slots are filled by Maglev hashing of what the paths are, so that
 * another weight or another path moves few flows.
 */
#define DMSC_SET_SLOTS		251	/* a prime */

struct dmsc_set {
	__u32 path[DMSC_MAX_WAYS];	/* indexes into dmsc_paths */
	__u16 weight[DMSC_MAX_WAYS];	/* as asked for; slot has what is done */
	__u8  nr;			/* 1 to DMSC_MAX_WAYS */
	__u8  slot[DMSC_SET_SLOTS];	/* indexes into path */
	__u32 reserved;
};

/*
 * Map dmsc_deals: LRU hash. How many connections of a group were dealt to each path
 * of its set, so that the next one goes where one is missing; a group that comes anew
 * begins anywhere in that order. A group: of an instance with a peer's, or with an
 * address where the peer's instance is not known. Of generations that are gone entries
 * stay until others need the room; one that is gone too early only begins again.
 */
struct dmsc_deal_key {
	__u32 generation;
	__u32 set;		/* with DMSC_PATH_SET */
	__u32 src_sid;
	__u32 dst_sid;		/* 0 unknown */
	struct dmsc_addr peer;	/* zero where dst_sid is known */
	__u8  class;
	__u8  reserved[3];
};

struct dmsc_deal {
	__u64 dealt;		/* bits 8 i to 8 i + 7: of the set's path[i] */
};

#define DMSC_PATH_F_UP		(1U << 0)	/* usable; otherwise left to routing */
#define DMSC_PATH_F_ROUTED	(1U << 1)	/* routing on this interface reaches the
						 * same next hop: nothing to do for a
						 * packet that is there already
						 */

/*
 * Map dmsc_hops: hash. Next hops of the paths of both sides, without a side: a
 * live flow may stay on the next hop of an earlier generation until it pauses,
 * and has to learn here when that one fails. What is not in it is unusable.
 */
struct dmsc_hop_key {
	__u32 ifindex;
	__u32 encap;		/* key of dmsc_encaps, 0 none */
	struct dmsc_addr nexthop;
};

struct dmsc_hop {
	__u32 flags;		/* DMSC_PATH_F_UP */
	__u16 counter;		/* its number: path in dmsc_stats_key, 0 none left */
	__u16 reserved;
};

/*
 * Map dmsc_encaps: hash, key __u32, a hash of the value that no other value has.
 * What is put in front of a packet, as it goes onto the wire, without what differs
 * from packet to packet (lengths, traffic class, the inner protocol, and label and
 * port where they are made from the flow). Without a side, as dmsc_hops.
 */
enum dmsc_encap_kind {
	DMSC_ENCAP_SRV6 = 1,	/* IPv6, segment routing header (RFC 8754), H.Encaps */
	DMSC_ENCAP_UDP4,	/* IPv4, UDP; GUE version 1 */
	DMSC_ENCAP_UDP6,	/* IPv6, UDP without a checksum (RFC 6935); GUE version 1 */
	DMSC_ENCAP_LABEL,	/* no header: the packet's own flow label */
};

#define DMSC_ENCAP_MAX		176	/* 40 + 8 + 16 * DMSC_MAX_SEGMENTS */
#define DMSC_ENCAP_PORTS	0xc000	/* UDP source ports made from a flow: from here on */

struct dmsc_encap {
	__u8  kind;		/* enum dmsc_encap_kind */
	__u8  length;		/* of header, bytes; 0: DMSC_ENCAP_LABEL */
	__u16 csum;		/* UDP4: sum of the header's constant words, folded */
	__u32 entropy;		/* flow label, UDP source port (over IPv6 also the label), host
				 * order; 0: the flow's
				 */
	__u8  header[DMSC_ENCAP_MAX];
};

/*
 * Map dmsc_flows: hash. Packets that no local socket sent (forwarded,
 * containers). Looked up with the five-tuple, then with sport = 0.
 */
struct dmsc_flow_key {
	struct dmsc_addr saddr;
	struct dmsc_addr daddr;
	__be16 sport;
	__be16 dport;
	__u8  proto;
	__u8  side;
	__u16 reserved;
};

struct dmsc_flow {
	__u32 sid;
	__u32 path;
	__u16 slot;
	__u8  class;
	__u8  tos;		/* DSCP << 2 | DMSC_TOS_F_WRITE, or 0; the loader's */
	__u16 stats;		/* index into dmsc_stats if it takes its path; the loader's */
	__u16 reserved;
};

#define DMSC_TOS_F_WRITE	1	/* in the place of the ECN bits, which stay the packet's */

/*
 * Map dmsc_sockets: socket storage; what the hooks stamped on a socket. What each
 * packet of a settled connection needs comes first.
 */
struct dmsc_stamp {
	__u32 generation;	/* the tables it was resolved with, 0 not yet */
	__u16 slot;
	__u8  class;
	__u8  flags;		/* DMSC_STAMP_F_* */
	__u32 path;		/* wanted, in the generation's side; of a set: if it is up */
	__u16 counter;		/* number of the next hop in use */
	__u16 stats;		/* index into dmsc_stats while SETTLED */
	__u8  proto;		/* of the connection, while SETTLED */
	__u8  tos;		/* as in dmsc_flow, while SETTLED */
	__u16 rate;		/* number in dmsc_rates, 0 none; never SETTLED with one */
	__u32 ifindex;		/* the path in use until the next idle gap, */
	__u32 sid;		/* local instance, 0 nobody */
	__u32 peer_sid;		/* remote instance, 0 unknown */
	__u64 cgroup_id;	/* of the process that connected or bound it */
	struct dmsc_addr nexthop;	/* kept so that a move waits for one */
	__u32 encap;		/* of the path in use */
	__u32 set;		/* that path is of, with DMSC_PATH_SET; 0 none */
	__u32 hash;		/* the flow's number, 0 not yet */
	__u32 reserved2;
};

#define DMSC_STAMP_F_PASSIVE	(1U << 0)	/* bound here, or accepted from such */
#define DMSC_STAMP_F_STEERED	(1U << 1)	/* ifindex and nexthop are in use */
#define DMSC_STAMP_F_LIVE	(1U << 2)	/* has sent before */
#define DMSC_STAMP_F_DENIED	(1U << 3)	/* policy: not with this peer */
#define DMSC_STAMP_F_SETTLED	(1U << 4)	/* the next packet to the peer is treated as the
						 * last one was, while the generation and the
						 * state of the path last
						 */
#define DMSC_STAMP_F_DEALT	(1U << 5)	/* its number is one of a path that it was dealt */

/*
 * Map dmsc_choices: socket storage; the class that an application chose for a
 * socket. It counts as long as policy allows it, before that of the endpoint.
 */
struct dmsc_choice {
	__u8  chosen;		/* class + 1, 0 none */
	__u8  reserved[3];
};

/*
 * setsockopt(fd, DMSC_SOL, DMSC_SO_CLASS, &class, sizeof(class)), class being an
 * int: one of enum dmsc_class, or -1 for no choice any more. EINVAL: no class;
 * ESRCH: the caller is no instance; EPERM: not among its classes; ENOPROTOOPT,
 * from the kernel: there is no data plane. SO_PRIORITY from 1 to 7 chooses as
 * well, 0 withdraws; where the class is not among the caller's, it only does
 * what it does without a data plane.
 */
#define DMSC_SOL		0xd5c
#define DMSC_SO_CLASS		1

/*
 * Map dmsc_counters: hash, value __u32. Where dmsc_stats counts what: numbers are given out
 * when something is first counted, and stay. What finds no room any more counts as
 * of no path, else as nobody's.
 */
struct dmsc_stats_key {
	__u32 sid;		/* 0: traffic of nobody */
	__u8  class;
	__u8  dir;		/* DMSC_DIR_* */
	__u16 path;		/* number of the next hop (dmsc_hop) that it took, 0: routing's */
};

#define DMSC_DIR_TX		0
#define DMSC_DIR_RX		1

/*
 * Map dmsc_stats: per-CPU array, index by dmsc_counters; but the first DMSC_STATS_NOBODY are
 * those of SID 0 without a path: dir * DMSC_NR_CLASSES + class.
 */
#define DMSC_STATS_NOBODY	(2 * DMSC_NR_CLASSES)

struct dmsc_stats {
	__u64 packets;		/* as on the wire: segments, not GSO packets */
	__u64 bytes;		/* as on the wire, skb->wire_len where known; without what
				 * was put around packets
				 */
	__u64 steered;		/* sent on another interface or next hop than routing's */
	__u64 moved;		/* live flows moved to another path */
};

/* Map dmsc_stats_room: array, one entry, mapped; which numbers are free. */
struct dmsc_stats_room {
	__u32 next;		/* given out so far; more in dmsc_stats_free, a stack */
	__u32 reserved;
};

/*
 * Map dmsc_bins: per-CPU array of DMSC_BINS; index number % DMSC_BINS. What was sent in
 * each class during a millisecond: number is that of the millisecond, of
 * CLOCK_MONOTONIC, as the packet's own time of departure says where it has one (TCP),
 * else as the clock's last tick. An entry with another number is of a time long ago.
 */
#define DMSC_BINS		1024	/* a power of two: a second's worth */
#define DMSC_BIN_NS		1000000

struct dmsc_bin {
	__u64 number;
	__u64 bytes[DMSC_NR_CLASSES];	/* as in dmsc_stats */
};

/*
 * Map dmsc_rules: hash. Who may talk to whom, from the one that begins to the
 * one that is spoken to; answers belong to the conversation. The most specific
 * rule counts: an instance before its cluster (MIC) before anybody; of two rules
 * as specific as each other that with the more specific source. What no rule is
 * about, ctl's flags decide. Two ends that are both outside are nobody's
 * business here.
 */
enum dmsc_who {
	DMSC_WHO_ANY,		/* id 0 */
	DMSC_WHO_MIC,		/* id: a MIC's */
	DMSC_WHO_SID,		/* id: a SID */
	DMSC_WHO_OUTSIDE,	/* id 0: who is no instance */
};

struct dmsc_rule_key {
	__u32 src;
	__u32 dst;
	__u8  src_who;		/* enum dmsc_who */
	__u8  dst_who;
	__u8  side;
	__u8  reserved;
};

enum dmsc_action {
	DMSC_ACTION_ALLOW,
	DMSC_ACTION_DENY,
	DMSC_ACTION_AUDIT,	/* allowed, counted and sampled */
};

struct dmsc_rule {
	__u8  action;		/* enum dmsc_action */
	__u8  class_mask;	/* classes for it, within those of the instance */
	__u16 rate;		/* its number in dmsc_rates, 0: no limit */
	__u32 number;		/* of the rule in the configuration, from 1 */
};

/*
 * Map dmsc_rates: array of 2 * DMSC_MAX_RATES; index side * DMSC_MAX_RATES + number. What
 * those of a rule may send together, by a virtual clock: each packet puts it forward by what it
 * takes at that rate, and one that finds it more than @burst ahead of time is dropped
 * (GCRA, ITU-T I.371). Only who begins a conversation is limited, where he sends.
 */
struct dmsc_rule_rate {
	__u64 due;		/* the clock, ns of CLOCK_MONOTONIC */
	__u64 cost;		/* of a byte: ns << DMSC_RATE_SHIFT */
	__u64 burst;		/* ns */
};

#define DMSC_RATE_SHIFT		20

/* Where something was denied or audited, and why. */
enum dmsc_hook {
	DMSC_HOOK_CONNECT,
	DMSC_HOOK_BIND,
	DMSC_HOOK_SEND,
	DMSC_HOOK_EGRESS,
	DMSC_HOOK_INGRESS,
	DMSC_NR_HOOKS,
};

enum dmsc_reason {
	DMSC_REASON_RULE,	/* a rule denies it */
	DMSC_REASON_DEFAULT,	/* no rule is about it, and the default denies it */
	DMSC_REASON_CLASS,	/* no class is left that both rule and instance allow */
	DMSC_REASON_FOREIGN,	/* to bind another instance's endpoint */
	DMSC_REASON_AUDIT,	/* allowed: only reported */
	DMSC_NR_REASONS,	/* that dmsc_denials counts */
	DMSC_REASON_RATE = DMSC_NR_REASONS,	/* more than the rule's rate: dmsc_exceeded */
};

/*
 * Map dmsc_denials: per-CPU array; index hook * DMSC_NR_REASONS + reason. Map dmsc_exceeded:
 * the same of what was above a rule's rate; index hook.
 */
struct dmsc_denial {
	__u64 count;		/* calls, or packets as on the wire */
	__u64 bytes;		/* of packets */
	__u64 sampled;		/* how many of them went to dmsc_events */
};

/* Map dmsc_events: ring buffer, for one reader. */
struct dmsc_sample {
	__u64 time;		/* ns, CLOCK_MONOTONIC */
	__u32 kind;		/* DMSC_SAMPLE_* */
	__u32 generation;
	__u32 sid, peer_sid;	/* of the local and the remote end, 0 unknown */
	__u32 rule;		/* number, 0 none */
	__u32 ifindex;		/* of packets, else 0 */
	__u32 path;
	__u32 length;		/* bytes, of packets */
	struct dmsc_addr saddr, daddr;	/* saddr: zero where it is not chosen yet */
	__be16 sport, dport;
	__u16 slot;
	__u8  proto;
	__u8  class;
	__u8  hook;		/* enum dmsc_hook */
	__u8  reason;		/* enum dmsc_reason, of DMSC_SAMPLE_POLICY */
	__u8  verdict;		/* enum dmsc_verdict, of DMSC_SAMPLE_PACKET */
	__u8  reserved[5];
};

enum dmsc_verdict {
	DMSC_VERDICT_ROUTED,	/* left to routing; ifindex is where it leaves */
	DMSC_VERDICT_STEERED,	/* ifindex is that of its path */
};

#define DMSC_SAMPLE_POLICY	1	/* denied or audited */
#define DMSC_SAMPLE_PACKET	2	/* at egress, with DMSC_CTL_TRACE */

#define DMSC_ASSERT_SIZE(type, size) \
	_Static_assert(sizeof(type) == (size), #type " must have " #size " bytes")

DMSC_ASSERT_SIZE(struct dmsc_addr, 16);
DMSC_ASSERT_SIZE(struct dmsc_ctl, 16);
DMSC_ASSERT_SIZE(struct dmsc_profile, 72);
DMSC_ASSERT_SIZE(struct dmsc_instance_key, 16);
DMSC_ASSERT_SIZE(struct dmsc_instance, 28);
DMSC_ASSERT_SIZE(struct dmsc_endpoint_key, 20);
DMSC_ASSERT_SIZE(struct dmsc_endpoint, 12);
DMSC_ASSERT_SIZE(struct dmsc_group_key, 12);
DMSC_ASSERT_SIZE(struct dmsc_group, 4);
DMSC_ASSERT_SIZE(struct dmsc_peer_key, 20);
DMSC_ASSERT_SIZE(struct dmsc_peer, 4);
DMSC_ASSERT_SIZE(struct dmsc_path, 32);
DMSC_ASSERT_SIZE(struct dmsc_set, 304);
DMSC_ASSERT_SIZE(struct dmsc_deal_key, 36);
DMSC_ASSERT_SIZE(struct dmsc_deal, 8);
DMSC_ASSERT_SIZE(struct dmsc_encap, 184);
DMSC_ASSERT_SIZE(struct dmsc_flow_key, 40);
DMSC_ASSERT_SIZE(struct dmsc_flow, 16);
DMSC_ASSERT_SIZE(struct dmsc_hop_key, 24);
DMSC_ASSERT_SIZE(struct dmsc_hop, 8);
DMSC_ASSERT_SIZE(struct dmsc_stamp, 72);
DMSC_ASSERT_SIZE(struct dmsc_choice, 4);
DMSC_ASSERT_SIZE(struct dmsc_stats_key, 8);
DMSC_ASSERT_SIZE(struct dmsc_stats, 32);
DMSC_ASSERT_SIZE(struct dmsc_stats_room, 8);
DMSC_ASSERT_SIZE(struct dmsc_bin, 72);
DMSC_ASSERT_SIZE(struct dmsc_rule_key, 12);
DMSC_ASSERT_SIZE(struct dmsc_rule, 8);
DMSC_ASSERT_SIZE(struct dmsc_denial, 24);
DMSC_ASSERT_SIZE(struct dmsc_sample, 88);

#endif /* _UAPI_LINUX_DMSC_BPF_H */
