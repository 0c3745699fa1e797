/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A packet's usual way in and out, without calls but to the clock (CoDel), so that the qdisc's
 * own functions need little on the stack: no rates, ceilings and hints, no limit
 * near, nothing that CoDel would drop. What is not so is found out before anything
 * that counts is changed, and is sched.c's.
 */
#ifndef DMSC_CORE_FAST_H
#define DMSC_CORE_FAST_H

#include "internal.h"
#include "ring.h"

/* ---- a class comes to life, and rests ---- */

/* What was owed to it is not owed later; but what it took beyond its part it took. */
static __always_inline void dmsc_class_ready(struct dmsc_sched *s, struct dmsc_sched_class *c)
{
	c->due = max_t(u64, c->due, s->sent);
	if (c->clock_per_byte)
		s->owed_from = min_t(u64, s->owed_from, c->due);
	s->ready |= c->bit;
}

static __always_inline void dmsc_class_rest(struct dmsc_sched *s, struct dmsc_sched_class *c)
{
	s->ready &= ~c->bit;
	c->deficit = min_t(s32, c->deficit, 0);
	/* Its turn ends, or a class with one packet at a time would keep it. */
	if (c->bit == 1U << s->round)
		s->round = (s->round + 1) % DMSC_NR_CLASSES;
}

/* ---- in ---- */

/* Neither a drop nor a mark is near, so that nothing more has to be looked at. */
static __always_inline bool dmsc_calm(const struct dmsc_sched *s, const struct dmsc_sched_class *c,
				      u32 len)
{
	return (u64)c->n.backlog_bytes + len <= c->calm &&
	       s->backlog_packets + 1 < s->calm_packets &&
	       (u64)s->backlog_bytes + len < s->calm_bytes;
}

/* @q, which is not special, has its first packet; its class may be held back. */
static __always_inline void dmsc_queue_start(struct dmsc_sched *s, struct dmsc_sched_class *c,
					     struct dmsc_queue *q)
{
	dmsc_ring_join(c, q, q->rank, true);
	q->place = DMSC_PLACE_GROUP;
	if (!c->busy++ && likely(!(s->held & c->bit)))
		dmsc_class_ready(s, c);
}

/* @q gets @p, for which there is room. @special: as in @q. */
static __always_inline void dmsc_queue_put(struct dmsc_sched *s, struct dmsc_sched_class *c,
					   struct dmsc_queue *q, struct dmsc_pkt *p, u32 len,
					   bool special)
{
	dmsc_pkt_link(p, NULL);
	dmsc_count_in(&q->n, 1, len);
	dmsc_count_in(&c->n, 1, len);
	s->backlog += dmsc_backlog(1, len);
	if (q->head) {
		dmsc_pkt_link(q->tail, p);
		q->tail = p;
		return;
	}
	q->head = p;
	q->tail = p;
	if (unlikely(special))
		dmsc_queue_place(s, q);
	else
		dmsc_queue_start(s, c, q);
}

/* CoDel's time, 0 being none. */
static inline u32 dmsc_codel_stamp(struct dmsc_sched *s)
{
	u32 time = dmsc_now(s) >> DMSC_CODEL_SHIFT;

	return time ? time : 1;
}

/**
 * dmsc_enqueue_fast - queue @p, if that is all that there is to do
 * @codel: also where that is to stamp it for CoDel, for which the clock is read
 *
 * False: nothing was done, it is for dmsc_sched_enqueue().
 */
static __always_inline bool dmsc_enqueue_fast(struct dmsc_sched *s, struct dmsc_queue *q,
					      struct dmsc_pkt *p, bool codel)
{
	struct dmsc_sched_class *c = &s->class[q->class];
	u32 extra = c->extra & (DMSC_EXTRA_CODEL | DMSC_EXTRA_SIZED);
	u32 may = codel ? DMSC_EXTRA_CODEL : 0, len = dmsc_pkt_len(p);

	if (unlikely(q->special || extra & ~may || !dmsc_calm(s, c, len)))
		return false;
	s->pending = NULL;
	dmsc_queue_put(s, c, q, p, len, false);
	if (codel && extra) {
		s->now = 0;
		dmsc_pkt_stamp(p, dmsc_codel_stamp(s));
	}
	return true;
}

/* ---- out ---- */

/*
 * A class with a guarantee sent @len bytes, which the byte clock has counted: it
 * is due again when its share of what leaves meanwhile is as much. In its
 * ordinary turn (not @owed) it sends ahead of that, since what it got is part of
 * its guarantee, but by no more than DMSC_AHEAD_BYTES and a turn: else it would
 * have to wait for long when strict classes come to life. Not even a part of a
 * byte is taken back of what it was charged before, or it would be owed too early
 * in time.
 */
static __always_inline void dmsc_charge_guarantee(struct dmsc_sched *s, struct dmsc_sched_class *c,
						  u32 len, bool owed)
{
	u64 part = c->due_part + (u64)len * c->clock_per_byte, due, ahead;

	due = c->due + (part >> DMSC_CLOCK_SHIFT);
	if (!owed) {
		ahead = s->sent + c->ahead + (part >> DMSC_CLOCK_SHIFT);
		if (due >= ahead) {
			if (ahead > c->due) {
				c->due = ahead;
				c->due_part = 0;
			}
			return;
		}
	}
	c->due = due;
	c->due_part = part & ((1U << DMSC_CLOCK_SHIFT) - 1);
}

/*
 * The head of @q, taken out and accounted for, but for the queue's own turns.
 * @owed: it goes for a guarantee. @turn: for a weighted class's turn among others.
 */
static __always_inline struct dmsc_pkt *dmsc_queue_take(struct dmsc_sched *s,
							struct dmsc_sched_class *c,
							struct dmsc_queue *q, bool owed, bool turn)
{
	struct dmsc_pkt *p = q->head;
	u32 len = dmsc_pkt_len(p);

	s->sent += len;
	if (c->clock_per_byte)
		dmsc_charge_guarantee(s, c, len, owed);
	/* What was owed is no part of the turns, or debts would grow without end. */
	if (turn) {
		c->deficit -= dmsc_charge(len);
		if (c->deficit <= 0 && c->bit == 1U << s->round)
			s->round = (s->round + 1) % DMSC_NR_CLASSES;
	}
	q->head = dmsc_pkt_next(p);
	dmsc_count_out(&q->n, len);
	dmsc_count_out(&c->n, len);
	s->backlog -= dmsc_backlog(1, len);
	return p;
}

/* @q, which is not special, sent @len bytes: it waits in the ring of its rank. */
static __always_inline void dmsc_queue_served(struct dmsc_sched *s, struct dmsc_sched_class *c,
					      struct dmsc_queue *q, u32 len)
{
	q->deficit -= dmsc_charge(len);
	if (!q->head) {
		dmsc_ring_leave(c, q);
		q->place = DMSC_PLACE_NONE;
		if (!--c->busy && likely(s->ready & c->bit))
			dmsc_class_rest(s, c);
		if (!dmsc_listed(c, q))
			return;
	}
	if (q->deficit <= 0)
		dmsc_end_turn(c, q);
}

/* The first class that is owed something; NULL: none is, until s->owed_from. */
static __always_inline struct dmsc_sched_class *dmsc_owed_next(struct dmsc_sched *s)
{
	struct dmsc_sched_class *c;
	u64 from = U64_MAX;
	u32 m;

	for (m = s->ready & s->shared; m; m &= m - 1) {
		c = dmsc_class_at(s, __ffs(m));
		if (s->sent > c->due)
			return c;
		from = min_t(u64, from, c->due);
	}
	s->owed_from = from;
	return NULL;
}

/*
 * Deficit round robin among weighted classes, of which several are ready: the
 * one whose turn it is, unless it owes more than a quantum.
 */
static __always_inline struct dmsc_sched_class *dmsc_weighted_next(struct dmsc_sched *s, u32 ready)
{
	u32 on = ready & ~0U << s->round, place = __ffs(on ? on : ready);
	struct dmsc_sched_class *c = dmsc_class_at(s, place);

	s->round = place;
	if (c->deficit <= 0) {
		if (unlikely(c->deficit + c->quantum <= 0))
			return NULL;
		c->deficit += c->quantum;
	}
	return c;
}

/*
 * Was the head of @q queued for so long that CoDel has to think about it? Not if
 * no more than an MTU is behind it: then no clock is read.
 */
static __always_inline bool dmsc_codel_late(struct dmsc_sched *s, const struct dmsc_sched_class *c,
					    const struct dmsc_queue *q)
{
	u32 time;

	if (q->n.backlog_bytes - dmsc_pkt_len(q->head) <= s->mtu)
		return false;
	time = dmsc_pkt_time(q->head);
	return time && (u32)(dmsc_now(s) >> DMSC_CODEL_SHIFT) - time >= c->codel.target;
}

/* The class that goes next, and why. */
struct dmsc_pick {
	struct dmsc_sched_class *class;	/* NULL: it is for dmsc_sched_dequeue() to find */
	bool owed, turn;		/* as in struct dmsc_sched */
};

/* One is ready. No class: all whose turn it could be owe more than a quantum. */
static __always_inline struct dmsc_pick dmsc_pick_class(struct dmsc_sched *s)
{
	u32 ready = s->ready, strict = ready & s->strict;
	struct dmsc_pick pick = { 0 };

	if (s->sent > s->owed_from) {
		pick.class = dmsc_owed_next(s);
		if (pick.class) {
			pick.owed = true;
			return pick;
		}
	}
	/* A weighted class that is alone has every turn, and nobody to owe anything to. */
	pick.turn = !strict && ready & (ready - 1);
	if (pick.turn)
		pick.class = dmsc_weighted_next(s, ready);
	else
		pick.class = dmsc_class_at(s, __ffs(strict ? strict : ready));
	return pick;
}

static __always_inline struct dmsc_pick dmsc_pick_fast(struct dmsc_sched *s)
{
	struct dmsc_pick none = { 0 };

	if (unlikely(s->nr_shaped || s->pending || !s->ready))
		return none;
	return dmsc_pick_class(s);
}

/**
 * dmsc_take_fast - the packet of the chosen class that goes next, if it is easily found
 * @codel: also where the clock is read for that
 *
 * NULL: none was taken, it is for dmsc_sched_dequeue().
 */
static __always_inline struct dmsc_pkt *dmsc_take_fast(struct dmsc_sched *s,
						       struct dmsc_pick pick, bool codel)
{
	struct dmsc_sched_class *c = pick.class;
	struct dmsc_queue *q;
	struct dmsc_pkt *p;

	if (unlikely(c->extra & ~(codel ? DMSC_EXTRA_CODEL : 0)))
		return NULL;
	if (unlikely(!dmsc_ring_first(&c->group[__ffs64(c->groups)], &q) || q->special))
		return NULL;
	if (codel && c->extra) {
		s->now = 0;
		if (dmsc_codel_late(s, c, q))
			return NULL;
		dmsc_codel_idle(&q->cv);
	}
	p = dmsc_queue_take(s, c, q, pick.owed, pick.turn);
	dmsc_queue_served(s, c, q, dmsc_pkt_len(p));
	return p;
}

#endif /* DMSC_CORE_FAST_H */
