/* SPDX-License-Identifier: GPL-2.0 */
/* What the scheduler's own files share. Others see it by fast.h only. */
#ifndef DMSC_CORE_INTERNAL_H
#define DMSC_CORE_INTERNAL_H

#include "sched.h"

/* Place of each class in dmsc_class_order. */
extern const u8 dmsc_class_place[DMSC_NR_CLASSES];

static inline struct dmsc_sched_class *dmsc_class_at(struct dmsc_sched *s, u32 place)
{
	return &s->class[dmsc_class_order[place]];
}

static inline u64 dmsc_now(struct dmsc_sched *s)
{
	if (!s->now)
		s->now = core_clock(s->ops);
	return s->now;
}

/* Rounds in which a deficit does not get above 0. */
static inline s32 dmsc_rounds_to_wait(s32 deficit, s32 quantum)
{
	return -deficit < quantum ? 0 : -deficit / quantum;
}

/* What a packet is charged: lengths may come from a size table and be anything. */
static inline s32 dmsc_charge(u32 len)
{
	return min_t(u32, len, DMSC_QUANTUM_MAX);
}

/* When a sender that sent @len now is within @r again, if it was at @before. */
static inline u64 dmsc_departure(struct dmsc_sched *s, const struct dmsc_rate *r, u32 divide,
				 u64 before, u32 len)
{
	u64 now = dmsc_now(s), earliest = now > DMSC_BURST_NS ? now - DMSC_BURST_NS : 0;

	return max_t(u64, before, earliest) + dmsc_rate_ns(r, dmsc_charge(len)) * divide;
}

/* @len bytes in @packets. */
static inline void dmsc_count_in(struct dmsc_counters *n, u32 packets, u32 len)
{
	n->enq_packets += packets;
	n->enq_bytes += len;
	n->backlog += dmsc_backlog(packets, len);
}

static inline void dmsc_count_out(struct dmsc_counters *n, u32 len)
{
	n->backlog -= dmsc_backlog(1, len);
}

static inline struct dmsc_pkt *dmsc_queue_pop(struct dmsc_queue *q)
{
	struct dmsc_pkt *p = q->head;

	q->head = dmsc_pkt_next(p);
	dmsc_pkt_link(p, NULL);
	return p;
}

/* sched.c */
void dmsc_count_dropped(struct dmsc_sched *s, struct dmsc_queue *q, struct dmsc_pkt *p);
void dmsc_class_refresh(struct dmsc_sched *s, struct dmsc_sched_class *c);

/* queues.c: where the queues of a class wait */
void dmsc_queue_place(struct dmsc_sched *s, struct dmsc_queue *q);	/* has its first packet */
void dmsc_queue_stop(struct dmsc_sched *s, struct dmsc_queue *q);	/* ran empty */
void dmsc_queue_served_special(struct dmsc_sched *s, struct dmsc_queue *q, u32 len);
void dmsc_queue_unplace(struct dmsc_sched *s, struct dmsc_queue *q);	/* from everywhere */
void dmsc_queue_replace(struct dmsc_sched *s, struct dmsc_queue *q);	/* after a change */
void dmsc_timers_run(struct dmsc_sched *s);

/*
 * Calls @look for each queue of @c that has packets, in no order, for some twice,
 * and for some that have none or are another class's.
 */
void dmsc_queues_walk(struct dmsc_sched *s, struct dmsc_sched_class *c,
		      void (*look)(struct dmsc_sched_class *c, struct dmsc_queue *q, void *to),
		      void *to);

/* config.c */
u32 dmsc_quantum(const struct dmsc_sched *s, u32 weight);

#endif /* DMSC_CORE_INTERNAL_H */
