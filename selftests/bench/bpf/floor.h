/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Shared by the floor programs and the benchmark that runs them. */
#ifndef DMSC_BENCH_FLOOR_H
#define DMSC_BENCH_FLOOR_H

#include <linux/types.h>

/* Offsets in an untagged frame without options, bytes. */
#define FLOOR_CHECK4 24
#define FLOOR_SADDR4 26
#define FLOOR_SPORT4 34
#define FLOOR_SADDR6 22
#define FLOOR_SPORT6 54

#define FLOOR_HEAD 56 /* bytes of a frame that are put back before each run */

/* What the drivers make of one packet; written by the benchmark between runs. */
struct floor_stream {
	__u32 at;   /* flows so far */
	__u32 mask; /* flows - 1; flows is a power of two */
	__u32 len;  /* of the frame, bytes */
	__u32 ipv6; /* which header the frame has */
	__u32 sum;  /* of an IPv4 header but for source and checksum, host order, unfolded */
	__u8 head[FLOOR_HEAD];
};

struct floor_service {
	__u32 addr[4];
	__be16 port;
	__u16 proto;
};

struct floor_flow {
	__u32 saddr[4];
	__u32 daddr[4];
	__be16 sport;
	__be16 dport;
	__u32 proto;
};

struct floor_backend {
	__u64 seen;
	__u64 number;
};

_Static_assert(sizeof(struct floor_service) == 20, "the floor's service key has 20 bytes");
_Static_assert(sizeof(struct floor_flow) == 40, "the floor's flow key has 40 bytes");

#endif /* DMSC_BENCH_FLOOR_H */
