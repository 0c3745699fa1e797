// SPDX-License-Identifier: GPL-2.0
/* Between the classes, and a packet's way in and out. */
#include "fast.h"
#include "longest.h"
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

/* A class that may go, or may not any longer. */
void dmsc_class_refresh(struct dmsc_sched *s, struct dmsc_sched_class *c)
{
	bool may_go = c->busy && !(s->held & c->bit), could = s->ready & c->bit;

	if (may_go && !could)
		dmsc_class_ready(s, c);
	else if (!may_go && could)
		dmsc_class_rest(s, c);
}

/* ---- in ---- */

/* @p was taken out of @q to be dropped. */
void dmsc_count_dropped(struct dmsc_sched *s, struct dmsc_queue *q, struct dmsc_pkt *p)
{
	struct dmsc_sched_class *c = &s->class[q->class];
	u32 len = dmsc_pkt_len(p);

	dmsc_count_out(&q->n, len);
	q->n.drop_packets++;
	q->n.drop_bytes += len;
	dmsc_count_out(&c->n, len);
	c->n.drop_packets++;
	c->n.drop_bytes += len;
	s->backlog -= dmsc_backlog(1, len);
	s->dropped |= 1U << q->class;
	if (unlikely(c->extra & DMSC_EXTRA_SIZED))
		dmsc_longest_resize(c, q);
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
 * because its queue would be the longest, or nearly so (longest.h). Older packets
 * are nearer to being useful to their receiver.
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
		longest = dmsc_longest(s, full);
		if (!longest)
			return false;
		if (full == c &&
		    longest->n.backlog_bytes <= (u64)q->n.backlog_bytes + len)
			return false;
		p = dmsc_queue_pop(longest);
		dmsc_count_dropped(s, longest, p);
		if (!longest->head)
			dmsc_queue_stop(s, longest);
		dmsc_pkt_link(p, *dropped);
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
	if (likely(s->backlog_packets < s->calm_packets && s->backlog_bytes < s->calm_bytes))
		return false;
	return over_part(s, c, 0);
}

struct dmsc_pkt *dmsc_sched_enqueue(struct dmsc_sched *s, struct dmsc_queue *q,
				    struct dmsc_pkt *p)
{
	struct dmsc_sched_class *c = &s->class[q->class];
	struct dmsc_pkt *dropped = NULL;
	u32 len = dmsc_pkt_len(p);
	bool near;

	s->now = 0;
	s->pending = NULL;
	near = !dmsc_calm(s, c, len);
	if (unlikely(near) && !room(s, c, len) && !make_room(s, q, len, &dropped)) {
		count_refused(s, q, len);
		dmsc_pkt_link(p, dropped);
		return p;
	}
	if (c->extra & DMSC_EXTRA_CODEL)
		dmsc_pkt_stamp(p, dmsc_codel_stamp(s));
	dmsc_queue_put(s, c, q, p, len, q->special);
	if (unlikely(c->extra & DMSC_EXTRA_SIZED))
		dmsc_longest_resize(c, q);
	if (unlikely(near) && c->cfg.ecn && congested(s, c))
		mark(s, q, p);
	return dropped;
}

/* ---- out ---- */

/*
 * Deficit round robin among weighted classes, of which several are ready, after
 * rounds in which none of them would get a deficit above 0.
 */
static struct dmsc_sched_class *weighted_search(struct dmsc_sched *s)
{
	s32 rounds = DMSC_QUANTUM_MAX;
	struct dmsc_sched_class *c;
	u32 m, i;

	for (m = s->ready; rounds && m; m &= m - 1) {
		c = dmsc_class_at(s, __ffs(m));
		rounds = min_t(s32, rounds, dmsc_rounds_to_wait(c->deficit, c->quantum));
	}
	for (m = s->ready; rounds && m; m &= m - 1) {
		c = dmsc_class_at(s, __ffs(m));
		if (c->deficit <= 0)
			c->deficit += rounds * c->quantum;
	}

	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		if (s->ready & 1U << s->round) {
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
	struct dmsc_pick pick = dmsc_pick_class(s);

	s->owed = pick.owed;
	s->turn = pick.turn;
	return likely(pick.class) ? pick.class : weighted_search(s);
}

/* By rank, then what finishes soonest, then in turns. */
static __always_inline struct dmsc_queue *class_pick(struct dmsc_sched_class *c)
{
	u32 first = c->groups ? __ffs64(c->groups) : DMSC_NR_GROUPS;
	struct dmsc_queue *q;

	if (unlikely(c->extra & DMSC_EXTRA_SHORTEST)) {
		q = container_of(c->shortest.root, struct dmsc_queue, node);
		if (q->rank <= first)
			return q;
	}
	return likely(dmsc_ring_first(&c->group[first], &q)) ? q :
							       dmsc_ring_search(&c->group[first]);
}

/* Leaves at least one packet in @q. */
static void codel(struct dmsc_sched *s, struct dmsc_queue *q, struct dmsc_pkt **dropped)
{
	const struct dmsc_codel_params *params = &s->class[q->class].codel;
	struct dmsc_pkt *p = q->head;
	u32 now, time;

	if (likely(!dmsc_codel_late(s, &s->class[q->class], q))) {
		dmsc_codel_idle(&q->cv);
		return;
	}
	now = dmsc_now(s) >> DMSC_CODEL_SHIFT;
	time = dmsc_pkt_time(p);
	while (dmsc_codel_drop(&q->cv, params, now, time ? now - time : 0,
			       q->n.backlog_bytes - dmsc_pkt_len(p), s->mtu)) {
		if (mark(s, q, p))
			break;
		dmsc_queue_pop(q);
		dmsc_count_dropped(s, q, p);
		dmsc_pkt_link(p, *dropped);
		*dropped = p;
		p = q->head;
		time = dmsc_pkt_time(p);
	}
}

/* The queue whose head goes next, of class *@class; NULL: none may go. */
static __always_inline struct dmsc_queue *
choose(struct dmsc_sched *s, struct dmsc_sched_class **class, struct dmsc_pkt **dropped)
{
	struct dmsc_queue *q;

	*dropped = NULL;
	s->now = 0;
	if (unlikely(s->pending)) {
		*class = &s->class[s->pending->class];
		return s->pending;
	}
	/* Without anything that is shaped nothing waits for its time. */
	if (unlikely(s->nr_shaped))
		dmsc_timers_run(s);
	if (unlikely(!s->ready))
		return NULL;
	*class = sched_pick(s);
	q = class_pick(*class);
	if ((*class)->extra & DMSC_EXTRA_CODEL)
		codel(s, q, dropped);
	return q;
}

struct dmsc_pkt *dmsc_sched_peek(struct dmsc_sched *s, struct dmsc_pkt **dropped)
{
	struct dmsc_sched_class *c;

	s->pending = choose(s, &c, dropped);
	return s->pending ? s->pending->head : NULL;
}

static void hold_class(struct dmsc_sched *s, struct dmsc_sched_class *c, u32 len)
{
	c->in_ceil = dmsc_departure(s, &c->ceil, c->divide, c->in_ceil, len);
	if (c->in_ceil > dmsc_now(s)) {
		s->held |= c->bit;
		dmsc_class_refresh(s, c);
	}
}

struct dmsc_pkt *dmsc_sched_dequeue(struct dmsc_sched *s, struct dmsc_pkt **dropped)
{
	struct dmsc_sched_class *c;
	struct dmsc_queue *q = choose(s, &c, dropped);
	struct dmsc_pkt *p;
	u32 len;

	if (!q)
		return NULL;
	s->pending = NULL;
	p = dmsc_queue_take(s, c, q, s->owed, s->turn);
	len = dmsc_pkt_len(p);
	if (unlikely(q->special)) {
		dmsc_queue_served_special(s, q, len);
	} else {
		dmsc_queue_served(s, c, q, len);
		if (!q->head && c->extra & DMSC_EXTRA_CODEL)
			dmsc_codel_idle(&q->cv);
	}
	if (unlikely(c->extra & (DMSC_EXTRA_SIZED | DMSC_EXTRA_CEIL))) {
		if (c->extra & DMSC_EXTRA_SIZED)
			dmsc_longest_sent(c, q);
		if (c->extra & DMSC_EXTRA_CEIL)
			hold_class(s, c, len);
	}
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
