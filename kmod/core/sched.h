/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The scheduler: which packet goes next. Knows lengths, queues and classes;
 * nothing of sk_buffs and locks. The caller serialises all calls.
 *
 * Between classes, in this order:
 *  1. a backlogged class whose guaranteed share is owed goes first;
 *  2. strict classes, 7 down to 1 with 0 before 1 (see dmsc_class_order);
 *  3. weighted classes by deficit round robin.
 * A share is owed on a byte clock: each byte that leaves credits every
 * backlogged class that has a guarantee with its permille, and the class that
 * sent is charged a whole byte. No time is read, so a guarantee is a part of
 * what the device really sends.
 *
 * Within a class: the lowest rank first. Within a rank: queues of which is
 * known how much they have still to send, shortest first (SRPT); then deficit
 * round robin by weight (Shreedhar and Varghese, SIGCOMM 1995, section 3),
 * queues that were idle first (as fq_codel does, RFC 8290 section 4.2), so that
 * a sparse flow need not wait for a full round.
 *
 * Ceilings hold a class or a queue back until its departure time: that of the
 * packet before, and the time it took at the ceiling. A queue's rate does not
 * hold it back, but above it the queue goes after all ranks of its class.
 *
 * A class that is full drops from its longest queue, or one that has more than
 * four fifths of that one's bytes: the oldest packet of another queue, or the
 * new packet where that is its own queue. When all is full, the least important
 * class that holds more than its part of the whole does so; its part is as its
 * limit is to the sum of limits.
 */
#ifndef DMSC_CORE_SCHED_H
#define DMSC_CORE_SCHED_H

#include "codel.h"
#include "heap.h"
#include "pkt.h"
#include "rate.h"
#include "shim.h"

#include <linux/dmsc.h>

#define DMSC_QUANTUM_MIN	256
#define DMSC_QUANTUM_MAX	(1024 * 1024)
#define DMSC_HASHED_DEFAULT	1024	/* flows of the default class */
#define DMSC_HASHED_OTHER	64	/* flows of every other class */
#define DMSC_SHARE_SUM_MAX	900	/* permille: strict classes keep a tenth */

/*
 * The quantum of weight DMSC_WEIGHT_DEFAULT: between these, every weight gets
 * its exact multiple within the bounds above.
 */
#define DMSC_BASE_MIN		(DMSC_QUANTUM_MIN * DMSC_WEIGHT_DEFAULT / DMSC_WEIGHT_MIN)
#define DMSC_BASE_MAX		(DMSC_QUANTUM_MAX / DMSC_WEIGHT_MAX * DMSC_WEIGHT_DEFAULT)

/* What all classes together may hold, whatever their own limits. */
#define DMSC_TOTAL_PACKETS	65536
#define DMSC_TOTAL_BYTES	DMSC_LIMIT_MAX

/*
 * How far ahead of its guarantee a class may send in its ordinary turns, beside
 * a turn (a quantum and a packet), on the byte clock: so much of what strict
 * classes have for a burst goes uninterrupted, and then the class is owed its
 * share again.
 */
#define DMSC_AHEAD_BYTES	(256 * 1024)

/* Parts of a byte that the clock of guarantees knows. */
#define DMSC_CLOCK_SHIFT	22

/* Groups of queues in a class: the ranks, and after them what is above its rate. */
#define DMSC_NR_GROUPS		(DMSC_RANK_MAX + 2)
#define DMSC_GROUP_EXCESS	(DMSC_RANK_MAX + 1)

/* What the core asks of its caller. */
struct dmsc_sched_ops {
#ifndef __KERNEL__
	u64 (*clock)(void);			/* ns; only called for CoDel, rates, ceilings */
#endif
	bool (*mark)(struct dmsc_pkt *p);	/* "congestion experienced"; false: cannot */
};

/*
 * What was sent is what came and neither was dropped nor is here. @backlog is
 * both of its parts, so that a packet is counted with one addition.
 */
struct dmsc_counters {
	union {
		u64 backlog;
		struct {
			u32 backlog_bytes, backlog_packets;
		};
	};
	u64 enq_packets, enq_bytes;
	u64 drop_packets, drop_bytes;
	u64 mark_packets;
};

/* What @packets of @bytes together add to a backlog; each half is below 2^31. */
static inline u64 dmsc_backlog(u32 packets, u32 bytes)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (u64)packets << 32 | bytes;
#else
	return (u64)bytes << 32 | packets;
#endif
}

static inline u64 dmsc_sent_packets(const struct dmsc_counters *n)
{
	return n->enq_packets - n->drop_packets - n->backlog_packets;
}

static inline u64 dmsc_sent_bytes(const struct dmsc_counters *n)
{
	return n->enq_bytes - n->drop_bytes - n->backlog_bytes;
}

/* Where a queue waits for its turn. */
enum dmsc_queue_place {
	DMSC_PLACE_NONE,	/* it has no packets */
	DMSC_PLACE_GROUP,	/* in the group of its rank */
	DMSC_PLACE_EXCESS,	/* above its rate: in the last group, and in the heap of timers
				 * for the end of that
				 */
	DMSC_PLACE_SHORTEST,	/* in its class's heap of the shortest */
	DMSC_PLACE_HELD,	/* in the heap of timers, for its ceiling */
};

/*
 * A queue of packets: a configured slot, or one hashed flow bucket of a class.
 * The first cache line is all that dequeue needs, the second what enqueue and
 * CoDel need, and the rest is for slots with a rate or a hint.
 */
struct dmsc_queue {
	struct list_head active;	/* in a group's fresh or old list, if dmsc_listed();
					 * it may stay there with no packets
					 */
	struct dmsc_pkt *head, *tail;	/* @tail: if @head is not NULL */
	s32 deficit;			/* bytes */
	u32 quantum;			/* bytes a round */
	u16 slot;			/* 0: a hashed bucket */
	u8 class;
	u8 rank;
	u8 group;			/* whose list @active is in */
	u8 place;			/* enum dmsc_queue_place */
	union {
		struct {
			bool shaped;	/* has a rate or a ceiling */
			bool hinted;	/* @remaining is not 0 */
		};
		u16 special;		/* not 0: either */
	};
	struct dmsc_counters n;

	u64 listed;			/* dmsc_ring.epoch when it was listed; 0: it is not */
	struct dmsc_codel cv;		/* if its class is under CoDel */
	u32 weight;
	u32 sid;
	struct dmsc_heap_node node;	/* in the heap that @place says */
	bool keep_remaining;		/* its configuration did not say @remaining */
	u8 size;			/* see longest.h */
	u64 remaining;			/* bytes, 0: not known */
	u64 in_rate, in_ceil;		/* ns: when it is within them again */
	struct dmsc_rate rate, ceil;
	struct list_head same_size;	/* in dmsc_longest.size[@size], if ... */
	u64 sized;			/* dmsc_longest.epoch; else it is in no list */
};

_Static_assert(sizeof(void *) < 8 || sizeof(struct dmsc_queue) % 64 == 0, "whole cache lines");

struct dmsc_queue_config {
	u32 weight, sid, rank;	/* as in the uapi */
	u64 rate, ceil;
	u64 remaining;		/* DMSC_REMAINING_KEEP: as it is; 0 for a new queue */
};

#define DMSC_REMAINING_KEEP	U64_MAX

struct dmsc_class_config {
	u32 mode, weight, share, limit, ecn;	/* as in the uapi */
	u32 codel, target, interval, fair, starve;
	u64 ceil;
};

struct dmsc_ring {
	struct list_head fresh, old;	/* queues, some with no packets */
	u64 epoch;			/* goes up when all are taken off the lists */
	u32 busy;			/* with packets */
	u32 unused[5];			/* to a whole cache line */
};

/* What a packet's way through a class has to look at beside the usual. */
enum dmsc_class_extra {
	DMSC_EXTRA_CODEL = 1 << 0,	/* it is under CoDel */
	DMSC_EXTRA_CEIL = 1 << 1,	/* it has a ceiling */
	DMSC_EXTRA_SIZED = 1 << 2,	/* its lists by size are kept (longest.h) */
	DMSC_EXTRA_SHORTEST = 1 << 3,	/* @shortest has queues */
};

/* The first two cache lines are all that a packet's way needs where there is no @extra. */
struct dmsc_sched_class {
	struct dmsc_counters n;
	u64 groups;			/* bit n: group n has queues with packets */
	struct dmsc_ring *group;	/* DMSC_NR_GROUPS */
	u64 ahead;			/* DMSC_AHEAD_BYTES and a quantum's time on the clock */
	u64 due;			/* owed service after this time of the byte clock */
	u32 due_part;			/* and this part of a byte of it, DMSC_CLOCK_SHIFT bits */
	u32 clock_per_byte;		/* 1000 / share, with as many; 0: no guarantee */
	s32 deficit;			/* among weighted classes, bytes */
	s32 quantum;			/* bytes a round */
	u32 busy;			/* queues that may go */
	u32 bit;			/* 1 << its place in dmsc_class_order */
	u32 calm;			/* bytes up to which it neither marks nor drops */
	u32 extra;			/* DMSC_EXTRA_* */
	struct dmsc_queue *hashed;
	struct dmsc_codel_params codel;
	struct dmsc_class_config cfg;
	struct dmsc_rate ceil;
	u64 in_ceil;			/* ns: when it is within its ceiling again */
	struct dmsc_heap shortest;
	u32 divide;			/* qdiscs that share its device-wide rates */
	u32 sized;			/* packets to send until its lists by size are given up */
	u32 nr_hashed;			/* power of two */
	struct dmsc_longest *longest;
	u64 unused[3];			/* a power of two makes it cheap to find */
};

_Static_assert(sizeof(void *) < 8 || sizeof(struct dmsc_sched_class) == 256, "a power of two");

/* Sets of classes have bit n for the class at place n of dmsc_class_order. */
struct dmsc_sched {
	u32 ready;			/* may go now */
	u32 held;			/* waits for its ceiling */
	u32 strict, shared;		/* by configuration */
	u32 round;			/* place of the weighted class whose turn it is */
	union {				/* as in struct dmsc_counters */
		u64 backlog;
		struct {
			u32 backlog_bytes, backlog_packets;
		};
	};
	u32 limit_packets, limit_bytes;	/* of all classes; dmsc_sched_limit() */
	u32 calm_packets, calm_bytes;	/* seven eighths of them */
	u64 sent;			/* bytes that left, ever: the byte clock */
	u64 owed_from;			/* until then, on it, no class is owed its share */
	struct dmsc_queue *pending;	/* chosen by a peek; not taken, and nothing came since */
	bool owed;			/* the choice was made for a guarantee */
	bool turn;			/* or for a weighted class's turn among others */
	u64 now;			/* ns, of the current call; 0: not read yet */
	struct dmsc_heap timers;	/* queues, by when their state changes */
	const struct dmsc_sched_ops *ops;
	struct dmsc_queue **slot;	/* DMSC_NR_SLOTS, NULL: not configured */
	struct dmsc_queue *hashed;	/* all classes' buckets in one allocation */
	struct dmsc_ring *group;	/* all classes' groups in one allocation */
	struct dmsc_longest *longest;	/* one a class */
	u64 limits;			/* sum of the classes' limits */
	u32 mtu;			/* bytes */
	u32 base_quantum;		/* bytes for weight DMSC_WEIGHT_DEFAULT */
	u32 nr_slots;			/* configured */
	u32 nr_shaped;			/* slots and classes with a rate or a ceiling */
	u32 dropped;			/* bit n: class n dropped; the caller clears it */
	struct dmsc_sched_class class[DMSC_NR_CLASSES];
};

extern const u8 dmsc_class_order[DMSC_NR_CLASSES];	/* first is served first */

/**
 * dmsc_sched_init - all classes at their defaults, no slots
 * @mtu: largest packet the device sends, bytes
 *
 * -ENOMEM leaves @s such that dmsc_sched_destroy() may be called.
 */
int dmsc_sched_init(struct dmsc_sched *s, u32 mtu, const struct dmsc_sched_ops *ops);

/* What all classes together may hold; DMSC_TOTAL_* at first. */
void dmsc_sched_limit(struct dmsc_sched *s, u32 packets, u32 bytes);

/* The caller has taken all packets out (dmsc_sched_purge()). */
void dmsc_sched_destroy(struct dmsc_sched *s);

/* The bucket of a class for a flow; one for all without flow fairness. */
static inline struct dmsc_queue *dmsc_hashed_queue(struct dmsc_sched *s, u32 class, u32 hash)
{
	struct dmsc_sched_class *c = &s->class[class];

	return &c->hashed[c->cfg.fair ? hash & (c->nr_hashed - 1) : 0];
}

/**
 * dmsc_sched_queue - the queue that a packet goes to
 * @hash: of its flow; only used for slot 0 of a class with flow fairness
 *
 * A slot that is not configured, or for another class, shares a hashed bucket
 * as a whole: there its packets stay in order when a slot is removed.
 */
static inline struct dmsc_queue *dmsc_sched_queue(struct dmsc_sched *s, u32 slot, u32 class,
						  u32 hash)
{
	struct dmsc_queue *q;

	if (!slot)
		return dmsc_hashed_queue(s, class, hash);
	q = slot < DMSC_NR_SLOTS ? s->slot[slot] : NULL;
	return likely(q && q->class == class) ? q : dmsc_hashed_queue(s, class, slot);
}

/**
 * dmsc_sched_enqueue - queue @p, and mark it if its class is above its threshold
 *
 * Returns a chain of packets that had to go to keep the limits, NULL if none.
 * If @p itself had to, it is the first of the chain.
 */
struct dmsc_pkt *dmsc_sched_enqueue(struct dmsc_sched *s, struct dmsc_queue *q,
				    struct dmsc_pkt *p);

/**
 * dmsc_sched_peek, dmsc_sched_dequeue - the packet that goes next
 * @dropped: set to a chain of packets that CoDel dropped, NULL if none
 *
 * NULL with packets queued: all are held back by ceilings, until
 * dmsc_sched_next(). Peek is true: it shows the packet that a dequeue returns,
 * and the packet stays queued and counted. A packet that is enqueued in between
 * may come first, so that it need not wait for one that a parent only looked at;
 * so may reconfiguration change the choice. Something remains queued whenever
 * something was dropped.
 */
struct dmsc_pkt *dmsc_sched_peek(struct dmsc_sched *s, struct dmsc_pkt **dropped);
struct dmsc_pkt *dmsc_sched_dequeue(struct dmsc_sched *s, struct dmsc_pkt **dropped);

/* After a dequeue that gave nothing: when to try again, ns; U64_MAX: no packets. */
u64 dmsc_sched_next(const struct dmsc_sched *s);

/**
 * dmsc_sched_overshoots - would a packet exceed a bound by more than a burst?
 *
 * True: its parts, one at a time, would not (see DMSC_BURST_NS).
 */
bool dmsc_sched_overshoots(const struct dmsc_sched *s, const struct dmsc_queue *q, u32 len);

/* The longest queue of a class, in bytes, by a look at each; NULL: none has packets. */
struct dmsc_queue *dmsc_sched_longest(struct dmsc_sched *s, u32 class);

/* All packets, as one chain; they count as dropped. */
struct dmsc_pkt *dmsc_sched_purge(struct dmsc_sched *s);

/* The counters of all classes together. */
struct dmsc_counters dmsc_sched_counters(const struct dmsc_sched *s);

/* Do the guarantees add up to no more than DMSC_SHARE_SUM_MAX? */
bool dmsc_sched_check(const struct dmsc_class_config cfg[DMSC_NR_CLASSES]);

/* @cfg passed dmsc_sched_check(). */
void dmsc_sched_configure(struct dmsc_sched *s, u32 class, const struct dmsc_class_config *cfg);

/* The rates of @class are for @n qdiscs together, 1 or more. */
void dmsc_sched_divide(struct dmsc_sched *s, u32 class, u32 n);

/* NULL: no memory. */
struct dmsc_queue *dmsc_queue_alloc(u32 slot, u32 class, const struct dmsc_queue_config *cfg);
void dmsc_queue_free(struct dmsc_queue *q);

/**
 * dmsc_sched_set_slot - configure a slot from @q, or remove it (@q NULL)
 *
 * A slot that keeps its class keeps its packets and counters and takes the
 * configuration of @q. Packets of a slot that goes, or changes class, go on in a
 * hashed bucket of their class. Returns what the caller is to free, or NULL.
 */
struct dmsc_queue *dmsc_sched_set_slot(struct dmsc_sched *s, u32 slot, struct dmsc_queue *q);

#endif /* DMSC_CORE_SCHED_H */
