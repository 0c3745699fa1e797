// SPDX-License-Identifier: GPL-2.0
/* Between the classes, and a packet's way in and out. */
#include "internal.h"

const u8 dmsc_class_order[DMSC_NR_CLASSES] = {
	DMSC_CLASS_CONTROL, DMSC_CLASS_GATEWAY, DMSC_CLASS_TENSOR, DMSC_CLASS_EXPERT,
	DMSC_CLASS_PIPELINE, DMSC_CLASS_DATA, DMSC_CLASS_DEFAULT, DMSC_CLASS_BULK,
};

const u8 dmsc_class_place[DMSC_NR_CLASSES] = {
	[DMSC_CLASS_CONTROL] = 0, [DMSC_CLASS_GATEWAY] = 1, [DMSC_CLASS_TENSOR] = 2,
	[DMSC_CLASS_EXPERT] = 3, [DMSC_CLASS_PIPELINE] = 4, [DMSC_CLASS_DATA] = 5,
	[DMSC_CLASS_DEFAULT] = 6, [DMSC_CLASS_BULK] = 7,
};

struct dmsc_queue *dmsc_hashed_queue(struct dmsc_sched *s, u32 class, u32 hash)
{
	struct dmsc_sched_class *c = &s->class[class];

	return &c->hashed[c->cfg.fair ? hash & (c->nr_hashed - 1) : 0];
}

struct dmsc_queue *dmsc_sched_queue(struct dmsc_sched *s, u32 slot, u32 class, u32 hash)
{
	struct dmsc_queue *q;

	if (!slot)
		return dmsc_hashed_queue(s, class, hash);
	q = slot < DMSC_NR_SLOTS ? s->slot[slot] : NULL;
	return q && q->class == class ? q : dmsc_hashed_queue(s, class, slot);
}

/*
 * A class that may go, or may not any longer. What was owed to it is not owed
 * later; but what it took beyond its part it took.
 */
void dmsc_class_refresh(struct dmsc_sched *s, struct dmsc_sched_class *c)
{
	u32 bit = dmsc_class_bit(c - s->class);

	if (c->busy && !(s->held & bit)) {
		s->ready |= bit;
		return;
	}
	if (!(s->ready & bit))
		return;
	s->ready &= ~bit;
	c->credit = min_t(s64, c->credit, 0);
	c->deficit = min_t(s32, c->deficit, 0);
	/* Its turn ends, or a class with one packet at a time would keep it. */
	if (bit == 1U << s->round)
		s->round = (s->round + 1) % DMSC_NR_CLASSES;
}

/* ---- in ---- */

static void queue_append(struct dmsc_queue *q, struct dmsc_pkt *p)
{
	if (q->tail)
		q->tail->next = p;
	else
		q->head = p;
	q->tail = p;
}

/* Takes the oldest packet that no peek has promised. NULL if there is none. */
static struct dmsc_pkt *queue_pop_unpromised(struct dmsc_sched *s, struct dmsc_queue *q)
{
	struct dmsc_pkt *promised = q->head, *p;

	if (q != s->pending)
		return dmsc_queue_pop(q);
	p = promised->next;
	if (!p)
		return NULL;
	promised->next = p->next;
	if (!p->next)
		q->tail = promised;
	p->next = NULL;
	return p;
}

/* @p was taken out of @q to be dropped. */
void dmsc_count_dropped(struct dmsc_sched *s, struct dmsc_queue *q, struct dmsc_pkt *p)
{
	struct dmsc_sched_class *c = &s->class[q->class];

	dmsc_count_out(&q->n, p->len);
	q->n.drop_packets++;
	q->n.drop_bytes += p->len;
	dmsc_count_out(&c->n, p->len);
	c->n.drop_packets++;
	c->n.drop_bytes += p->len;
	s->backlog_packets--;
	s->backlog_bytes -= p->len;
	s->dropped |= 1U << q->class;
}

static void count_refused(struct dmsc_sched *s, struct dmsc_queue *q, u32 len)
{
	struct dmsc_counters *of[] = { &q->n, &s->class[q->class].n };
	u32 i;

	for (i = 0; i < 2; i++) {
		of[i]->enq_packets++;
		of[i]->enq_bytes += len;
		of[i]->drop_packets++;
		of[i]->drop_bytes += len;
	}
	s->dropped |= 1U << q->class;
}

static bool mark(struct dmsc_sched *s, struct dmsc_queue *q, struct dmsc_pkt *p)
{
	if (!s->ops->mark(p))
		return false;
	s->class[q->class].n.mark_packets++;
	q->n.mark_packets++;
	return true;
}

/* Does a class hold more than its limit's part of what all may hold? */
static bool over_part(const struct dmsc_sched *s, const struct dmsc_sched_class *c, u32 more)
{
	u64 limit = c->cfg.limit;

	/* A class holds at most 2^30 bytes and limits add up to 2^33, so products fit. */
	return ((u64)c->n.backlog_bytes + more) * s->limits > limit * s->limit_bytes ||
	       (u64)(c->n.backlog_packets + !!more) * s->limits > limit * s->limit_packets;
}

static bool room(const struct dmsc_sched *s, const struct dmsc_sched_class *c, u32 len)
{
	return (u64)c->n.backlog_bytes + len <= c->cfg.limit &&
	       s->backlog_packets < s->limit_packets &&
	       (u64)s->backlog_bytes + len <= s->limit_bytes;
}

/* Which class must give way to a packet of class @c? NULL: there is room. */
static struct dmsc_sched_class *overfull(struct dmsc_sched *s, struct dmsc_sched_class *c, u32 len)
{
	struct dmsc_sched_class *other;
	u32 i;

	if (room(s, c, len))
		return NULL;
	if ((u64)c->n.backlog_bytes + len > c->cfg.limit)
		return c;
	for (i = DMSC_NR_CLASSES; i--; ) {
		other = dmsc_class_at(s, i);
		if (over_part(s, other, other == c ? len : 0))
			return other;
	}
	return c;
}

/*
 * Drops until a packet of @len bytes fits into @q; false when it must itself go,
 * because its queue would be the longest. Older packets are nearer to being
 * useful to their receiver.
 */
static bool make_room(struct dmsc_sched *s, struct dmsc_queue *q, u32 len,
		      struct dmsc_pkt **dropped)
{
	struct dmsc_sched_class *c = &s->class[q->class], *full;
	struct dmsc_queue *longest;
	struct dmsc_pkt *p;

	/* Ends: each round takes a packet out. */
	while ((full = overfull(s, c, len))) {
		/* With more than half of it, no other can be longer. */
		if (full == c && q->n.backlog_bytes > c->n.backlog_bytes / 2)
			return false;
		longest = dmsc_sched_longest(s, full - s->class);
		if (!longest || !longest->head)
			return false;
		if (full == c &&
		    longest->n.backlog_bytes <= (u64)q->n.backlog_bytes + len)
			return false;
		p = queue_pop_unpromised(s, longest);
		if (!p)
			return false;
		dmsc_count_dropped(s, longest, p);
		if (!longest->head)
			dmsc_queue_stop(s, longest);
		p->next = *dropped;
		*dropped = p;
	}
	return true;
}

/*
 * Above its threshold; or when the whole is nearly full and the class, over its
 * part of it, would be the one to drop.
 */
static bool congested(const struct dmsc_sched *s, const struct dmsc_sched_class *c)
{
	if (c->n.backlog_bytes > c->cfg.ecn)
		return true;
	if (likely(s->backlog_packets < s->limit_packets - s->limit_packets / 8 &&
		   s->backlog_bytes < s->limit_bytes - s->limit_bytes / 8))
		return false;
	return over_part(s, c, 0);
}

static u32 codel_now(struct dmsc_sched *s)
{
	return dmsc_now(s) >> DMSC_CODEL_SHIFT;
}

struct dmsc_pkt *dmsc_sched_enqueue(struct dmsc_sched *s, struct dmsc_queue *q,
				    struct dmsc_pkt *p)
{
	struct dmsc_sched_class *c = &s->class[q->class];
	struct dmsc_pkt *dropped = NULL;
	u32 time;

	s->now = 0;
	p->next = NULL;
	p->time = 0;
	if (unlikely(!room(s, c, p->len)) && !make_room(s, q, p->len, &dropped)) {
		count_refused(s, q, p->len);
		p->next = dropped;
		return p;
	}
	if (c->cfg.codel) {
		time = codel_now(s);
		p->time = time ? time : 1;
	}
	queue_append(q, p);
	dmsc_count_in(&q->n, 1, p->len);
	dmsc_count_in(&c->n, 1, p->len);
	s->backlog_packets++;
	s->backlog_bytes += p->len;
	if (q->head == p)
		dmsc_queue_start(s, q);
	if (c->cfg.ecn && congested(s, c))
		mark(s, q, p);
	return dropped;
}

/* ---- out ---- */

/* Rounds in which a deficit does not get above 0. */
static s32 rounds_to_wait(s32 deficit, s32 quantum)
{
	return deficit > 0 ? 0 : -deficit / quantum;
}

/* Deficit round robin among weighted classes, of which one is ready. */
static struct dmsc_sched_class *weighted_pick(struct dmsc_sched *s)
{
	u32 ready = s->ready & ~s->strict, m, i;
	struct dmsc_sched_class *c = dmsc_class_at(s, s->round);
	s32 rounds = DMSC_QUANTUM_MAX;

	if ((ready & 1U << s->round) && c->deficit > 0)
		return c;

	/* Rounds in which no class would get a deficit above 0 are skipped. */
	for (m = ready; m; m &= m - 1) {
		c = dmsc_class_at(s, __ffs(m));
		rounds = min_t(s32, rounds, rounds_to_wait(c->deficit, c->quantum));
	}
	for (m = ready; rounds && m; m &= m - 1) {
		c = dmsc_class_at(s, __ffs(m));
		if (c->deficit <= 0)
			c->deficit += rounds * c->quantum;
	}

	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		if (ready & 1U << s->round) {
			c = dmsc_class_at(s, s->round);
			if (c->deficit <= 0)
				c->deficit += c->quantum;
			if (c->deficit > 0)
				return c;
		}
		s->round = (s->round + 1) % DMSC_NR_CLASSES;
	}
	return NULL;
}

/* One is ready. */
static struct dmsc_sched_class *sched_pick(struct dmsc_sched *s)
{
	struct dmsc_sched_class *c;
	u32 m;

	s->owed = false;
	for (m = s->ready & s->shared; m; m &= m - 1) {
		c = dmsc_class_at(s, __ffs(m));
		if (c->credit > 0) {
			s->owed = true;
			return c;
		}
	}
	m = s->ready & s->strict;
	return m ? dmsc_class_at(s, __ffs(m)) : weighted_pick(s);
}

/* Leaves at least one packet in @q. */
static void codel(struct dmsc_sched *s, struct dmsc_queue *q, struct dmsc_pkt **dropped)
{
	const struct dmsc_codel_params *params = &s->class[q->class].codel;
	u32 now = codel_now(s);
	struct dmsc_pkt *p = q->head;

	while (dmsc_codel_drop(&q->cv, params, now, p->time ? now - p->time : 0,
			       q->n.backlog_bytes - p->len, s->mtu)) {
		if (mark(s, q, p))
			break;
		dmsc_queue_pop(q);
		dmsc_count_dropped(s, q, p);
		p->next = *dropped;
		*dropped = p;
		p = q->head;
	}
}

static struct dmsc_pkt *choose(struct dmsc_sched *s, struct dmsc_pkt **dropped)
{
	*dropped = NULL;
	if (!s->pending) {
		if (unlikely(s->held || s->timers.root))
			dmsc_timers_run(s);
		if (!s->ready)
			return NULL;
		s->pending = dmsc_class_pick(sched_pick(s));
		if (s->codel & dmsc_class_bit(s->pending->class))
			codel(s, s->pending, dropped);
	}
	return s->pending->head;
}

struct dmsc_pkt *dmsc_sched_peek(struct dmsc_sched *s, struct dmsc_pkt **dropped)
{
	s->now = 0;
	return choose(s, dropped);
}

/*
 * The byte clock. A class that is idle pays off what it owes, too. A class that
 * sends in its ordinary turn owes for that, since what it got is part of its
 * guarantee, but for no more than a turn: else it would have to wait for long
 * when strict classes come to life.
 */
static void credit_classes(struct dmsc_sched *s, struct dmsc_sched_class *sent, u32 len)
{
	struct dmsc_sched_class *c;
	s64 turn;
	u32 m;

	for (m = s->shared; m; m &= m - 1) {
		c = dmsc_class_at(s, __ffs(m));
		c->credit += (s64)len * c->cfg.share;
		if (c == sent && s->owed) {
			c->credit -= 1000LL * len;
		} else if (c == sent) {
			turn = (s64)len + c->quantum;
			c->credit = max_t(s64, c->credit - 1000LL * len,
					  min_t(s64, c->credit, -1000 * turn));
		} else if (!(s->ready & 1U << __ffs(m))) {
			c->credit = min_t(s64, c->credit, 0);
		}
	}
}

static void hold_class(struct dmsc_sched *s, struct dmsc_sched_class *c, u32 len)
{
	c->in_ceil = dmsc_departure(s, &c->ceil, c->divide, c->in_ceil, len);
	if (c->in_ceil > dmsc_now(s)) {
		s->held |= dmsc_class_bit(c - s->class);
		dmsc_class_refresh(s, c);
	}
}

struct dmsc_pkt *dmsc_sched_dequeue(struct dmsc_sched *s, struct dmsc_pkt **dropped)
{
	struct dmsc_sched_class *c;
	struct dmsc_queue *q;
	struct dmsc_pkt *p;

	s->now = 0;
	p = choose(s, dropped);
	if (!p)
		return NULL;
	q = s->pending;
	s->pending = NULL;
	c = &s->class[q->class];
	credit_classes(s, c, p->len);
	/* What was owed is no part of the turns, or debts would grow without end. */
	if (c->cfg.mode == DMSC_MODE_WEIGHTED && !s->owed) {
		c->deficit -= dmsc_charge(p->len);
		if (c->deficit <= 0 && c == dmsc_class_at(s, s->round))
			s->round = (s->round + 1) % DMSC_NR_CLASSES;
	}

	dmsc_queue_pop(q);
	dmsc_count_out(&q->n, p->len);
	dmsc_count_out(&c->n, p->len);
	s->backlog_packets--;
	s->backlog_bytes -= p->len;
	dmsc_queue_served(s, q, p->len);
	if (unlikely(c->ceil.bytes))
		hold_class(s, c, p->len);
	return p;
}

u64 dmsc_sched_next(const struct dmsc_sched *s)
{
	u64 next = s->timers.root ? s->timers.root->key : U64_MAX;
	const struct dmsc_sched_class *c;
	u32 m;

	for (m = s->held; m; m &= m - 1) {
		c = &s->class[dmsc_class_order[__ffs(m)]];
		if (c->busy)
			next = min_t(u64, next, c->in_ceil);
	}
	return next;
}

bool dmsc_sched_overshoots(const struct dmsc_sched *s, const struct dmsc_queue *q, u32 len)
{
	const struct dmsc_sched_class *c = &s->class[q->class];
	u64 ns = dmsc_rate_ns(&c->ceil, dmsc_charge(len));

	if (q->shaped) {
		ns = max_t(u64, ns, dmsc_rate_ns(&q->rate, dmsc_charge(len)));
		ns = max_t(u64, ns, dmsc_rate_ns(&q->ceil, dmsc_charge(len)));
	}
	return ns * c->divide > DMSC_BURST_NS;
}
