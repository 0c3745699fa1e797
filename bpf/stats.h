/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Counters, per CPU. A program does not interrupt itself on its CPU, so plain
 * additions do.
 */
#ifndef DMSC_BPF_STATS_H
#define DMSC_BPF_STATS_H

#include "maps.h"

static __always_inline void stats_add(struct dmsc_stats *to, const struct dmsc_stats *what)
{
	to->packets += what->packets;
	to->bytes += what->bytes;
	to->steered += what->steered;
	to->moved += what->moved;
}

/*
 * Adds a packet to its class's bytes of the millisecond @time (ns). A bin that an
 * older millisecond has left is begun anew; nobody else writes this CPU's.
 */
static __always_inline void stats_bin(__u64 time, __u8 class, __u64 bytes)
{
	__u64 number = time / DMSC_BIN_NS;
	__u32 index = number & (DMSC_BINS - 1);
	struct dmsc_bin *bin;

	bin = bpf_map_lookup_elem(&dmsc_bins, &index);
	if (!bin)
		return;
	if (bin->number != number) {
		__builtin_memset(bin->bytes, 0, sizeof(bin->bytes));
		bin->number = number;
	}
	bin->bytes[class & (DMSC_NR_CLASSES - 1)] += bytes;
}

/* Adds @what, one packet's, to its instance's counters in its class. */
static __always_inline void stats_count(__u32 sid, __u8 class, __u8 dir,
					const struct dmsc_stats *what)
{
	struct dmsc_stats_key key = { .sid = sid, .class = class, .dir = dir };
	struct dmsc_stats *s;

	s = bpf_map_lookup_elem(&dmsc_stats, &key);
	if (!s) {
		struct dmsc_stats zero = {};

		/* Fails when another CPU was first, which is as good. */
		bpf_map_update_elem(&dmsc_stats, &key, &zero, BPF_NOEXIST);
		s = bpf_map_lookup_elem(&dmsc_stats, &key);
	}
	if (s)
		stats_add(s, what);
}

/* Adds one packet to what went by a path. */
static __always_inline void stats_path(__u32 counter, const struct dmsc_stats *what)
{
	struct dmsc_path_stats *s;

	s = bpf_map_lookup_elem(&dmsc_path_stats, &counter);
	if (!s)
		return;
	s->packets += what->packets;
	s->bytes += what->bytes;
	s->moved += what->moved;
}

#endif /* DMSC_BPF_STATS_H */
