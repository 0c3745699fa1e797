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
 * Within a class: deficit round robin by weight (Shreedhar and Varghese,
 * SIGCOMM 1995, section 3), queues that were idle first (as fq_codel does,
 * RFC 8290 section 4.2), so that a sparse flow need not wait for a full round.
 * Flows of the default class, which nobody planned, are under CoDel as well:
 * together that is what fq_codel does for them.
 *
 * A class that is full drops from its longest queue: the oldest packet of
 * another queue, or the new packet where that is its own queue.
 */
#ifndef DMSC_CORE_SCHED_H
#define DMSC_CORE_SCHED_H

#include "codel.h"
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

/* A packet as the core sees it; the caller embeds it. */
struct dmsc_pkt {
	struct dmsc_pkt *next;
	u32 len;		/* bytes on the wire */
	u32 time;		/* when it was queued, CoDel's units; only set under CoDel */
};

/* What the core asks of its caller. */
struct dmsc_sched_ops {
	u32 (*clock)(void);			/* CoDel's units; only called under CoDel */
	bool (*mark)(struct dmsc_pkt *p);	/* "congestion experienced"; false: cannot */
};

struct dmsc_counters {
	u64 enq_packets, enq_bytes;
	u64 deq_packets, deq_bytes;
	u64 drop_packets, drop_bytes;
	u64 mark_packets;
	u32 backlog_packets, backlog_bytes;
};

/* A queue of packets: a configured slot, or one hashed flow bucket of a class. */
struct dmsc_queue {
	struct list_head active;	/* in its class's fresh or old list, or in none */
	bool codel;
	struct dmsc_pkt *head, *tail;
	s32 deficit;			/* bytes */
	u32 quantum;			/* bytes a round */
	u32 weight;
	u32 sid;
	u16 slot;			/* 0: a hashed bucket */
	u8 class;
	struct dmsc_codel cv;		/* if @codel */
	struct dmsc_counters n;
};

struct dmsc_class_config {
	u32 mode, weight, share, limit, ecn;	/* as in the uapi */
};

struct dmsc_sched_class {
	struct dmsc_class_config cfg;
	struct list_head fresh, old;	/* while backlogged: queues, which may have run empty */
	s64 credit;			/* guaranteed service owed, bytes * 1000 */
	s32 deficit;			/* among weighted classes, bytes */
	u32 nr_hashed;			/* power of two */
	struct dmsc_queue *hashed;
	struct dmsc_counters n;
};

struct dmsc_sched {
	struct dmsc_sched_class class[DMSC_NR_CLASSES];
	const struct dmsc_sched_ops *ops;
	struct dmsc_queue **slot;	/* DMSC_NR_SLOTS, NULL: not configured */
	struct dmsc_queue *hashed;	/* all classes' buckets in one allocation */
	struct dmsc_queue *pending;	/* chosen by a peek, not yet taken */
	bool owed;			/* the choice was made for a guarantee */
	u32 round;			/* weighted class whose turn it is */
	u32 mtu;			/* bytes */
	u32 base_quantum;		/* bytes for weight DMSC_WEIGHT_DEFAULT */
	u32 nr_slots;			/* configured */
	u32 dropped;			/* bit n: class n dropped; the caller clears it */
	struct dmsc_counters n;
};

extern const u8 dmsc_class_order[DMSC_NR_CLASSES];	/* first is served first */

/**
 * dmsc_sched_init - all classes at their defaults, no slots
 * @mtu: largest packet the device sends, bytes
 *
 * -ENOMEM leaves @s such that dmsc_sched_destroy() may be called.
 */
int dmsc_sched_init(struct dmsc_sched *s, u32 mtu, const struct dmsc_sched_ops *ops);

/* The caller has taken all packets out (dmsc_sched_purge()). */
void dmsc_sched_destroy(struct dmsc_sched *s);

/**
 * dmsc_sched_queue - the queue that a packet goes to
 * @hash: of its flow; only used for slot 0
 *
 * A slot that is not configured, or for another class, shares a hashed bucket
 * as a whole: there its packets stay in order when a slot is removed.
 */
struct dmsc_queue *dmsc_sched_queue(struct dmsc_sched *s, u32 slot, u32 class, u32 hash);

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
 * Peek is true: it shows the packet that the next dequeue returns, whatever is
 * enqueued in between; only reconfiguration may change it. The packet stays
 * queued and counted. Something remains queued whenever something was dropped.
 */
struct dmsc_pkt *dmsc_sched_peek(struct dmsc_sched *s, struct dmsc_pkt **dropped);
struct dmsc_pkt *dmsc_sched_dequeue(struct dmsc_sched *s, struct dmsc_pkt **dropped);

/* All packets, as one chain; they count as dropped. */
struct dmsc_pkt *dmsc_sched_purge(struct dmsc_sched *s);

/* Do the guarantees add up to no more than DMSC_SHARE_SUM_MAX? */
bool dmsc_sched_check(const struct dmsc_class_config cfg[DMSC_NR_CLASSES]);

/* @cfg passed dmsc_sched_check(). */
void dmsc_sched_configure(struct dmsc_sched *s, u32 class, const struct dmsc_class_config *cfg);

/* NULL: no memory. */
struct dmsc_queue *dmsc_queue_alloc(u32 slot, u32 class, u32 weight, u32 sid);
void dmsc_queue_free(struct dmsc_queue *q);

/**
 * dmsc_sched_set_slot - configure a slot from @q, or remove it (@q NULL)
 *
 * A slot that keeps its class keeps its packets and counters and takes weight
 * and SID of @q. Packets of a slot that goes, or changes class, go on in a
 * hashed bucket of their class. Returns what the caller is to free, or NULL.
 */
struct dmsc_queue *dmsc_sched_set_slot(struct dmsc_sched *s, u32 slot, struct dmsc_queue *q);

#endif /* DMSC_CORE_SCHED_H */
