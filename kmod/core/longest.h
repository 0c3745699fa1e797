/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The longest queue of a full class, found in constant time however many queues
 * the class has: its queues lie in lists by size, four sizes for each power of
 * two, so that two queues of a list differ by less than a quarter of the shorter.
 *
 * Nearly always no class is full, and then nothing is kept. The lists of a class
 * are made when it has to drop, which looks at each of its queues once, and are
 * kept up to date until it sent as many packets as that looked at queues without
 * having to drop: so the looking costs a packet a constant, too, spread over all.
 */
#ifndef DMSC_CORE_LONGEST_H
#define DMSC_CORE_LONGEST_H

#include "sched.h"

/* Sizes below 2^32, four for each power of two; 0 is none. */
#define DMSC_NR_SIZES	128

struct dmsc_longest {
	u64 used[DMSC_NR_SIZES / 64];	/* bit n: size[n] has queues */
	u64 epoch;			/* goes up when the lists are made anew */
	u32 looked_at;			/* queues, when they were made */
	struct list_head size[DMSC_NR_SIZES];
};

/* Which list a queue of @bytes is in; 1..DMSC_NR_SIZES - 1. */
static inline u32 dmsc_size_of(u32 bytes)
{
	u32 power;

	if (bytes < 4)
		return bytes ? bytes : 1;
	power = __fls(bytes);
	return (power - 1) * 4 + (bytes >> (power - 2) & 3);
}

/**
 * dmsc_longest - a queue of @c with more than four fifths of the longest one's bytes
 *
 * NULL: none has packets.
 */
struct dmsc_queue *dmsc_longest(struct dmsc_sched *s, struct dmsc_sched_class *c);

/* The lists are kept (DMSC_EXTRA_SIZED), and @q has more or less than before. */
void dmsc_longest_resize(struct dmsc_sched_class *c, struct dmsc_queue *q);

/* The lists are kept, and @q sent a packet. */
void dmsc_longest_sent(struct dmsc_sched_class *c, struct dmsc_queue *q);

#endif /* DMSC_CORE_LONGEST_H */
