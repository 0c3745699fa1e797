/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Counters, per CPU. A program does not interrupt itself on its CPU, so plain
 * additions do. A packet is counted once: SID, class and path are one counter,
 * whose number the flow or the stamp of the socket has.
 */
#ifndef DMSC_BPF_STATS_H
#define DMSC_BPF_STATS_H

#include <stdbool.h>

#include "maps.h"

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

/* A number that nobody has; 0 when there is none. */
static __always_inline __u32 stats_take(void)
{
	struct dmsc_stats_room *room;
	__u32 zero = 0, index = 0;

	if (!bpf_map_pop_elem(&dmsc_stats_free, &index))
		return index;
	room = bpf_map_lookup_elem(&dmsc_stats_room, &zero);
	if (!room || *(volatile __u32 *)&room->next >= DMSC_MAX_STATS - DMSC_STATS_NOBODY)
		return 0;
	index = DMSC_STATS_NOBODY + __sync_fetch_and_add(&room->next, 1);
	return index < DMSC_MAX_STATS ? index : 0;
}

/*
 * Where it is counted that @sid sent or received (@dir) in @class, by the next hop
 * @path or, 0, without one of ours. A global function: the verifier looks at it once.
 */
__weak int dmsc_stats_index(__u32 sid, __u32 class, __u32 dir, __u32 path)
{
	struct dmsc_stats_key key = { .sid = sid, .class = class, .dir = dir, .path = path };
	__u32 *known, index;

	if (!sid && !path)
		goto nobody;
	known = bpf_map_lookup_elem(&dmsc_counters, &key);
	if (known)
		return *known;
	index = stats_take();
	if (!index) {
		/* No room: at least with its instance's, where that has a counter. */
		key.path = 0;
		known = bpf_map_lookup_elem(&dmsc_counters, &key);
		if (known)
			return *known;
		goto nobody;
	}
	if (!bpf_map_update_elem(&dmsc_counters, &key, &index, BPF_NOEXIST))
		return index;
	/* Another CPU was first, or there is no memory. */
	bpf_map_push_elem(&dmsc_stats_free, &index, 0);
	known = bpf_map_lookup_elem(&dmsc_counters, &key);
	if (known)
		return *known;
nobody:
	return (dir & 1) * DMSC_NR_CLASSES + (class & (DMSC_NR_CLASSES - 1));
}

/* Adds one packet. */
static __always_inline void stats_add(__u32 index, __u64 packets, __u64 bytes, bool steered,
				      bool moved)
{
	struct dmsc_stats *s = bpf_map_lookup_elem(&dmsc_stats, &index);

	if (!s)
		return;
	s->packets += packets;
	s->bytes += bytes;
	if (steered)
		s->steered += packets;
	if (moved)
		s->moved++;
}

#endif /* DMSC_BPF_STATS_H */
