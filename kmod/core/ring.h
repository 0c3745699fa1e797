/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Queues of a class that take turns: those of one rank, or those above their
 * rate. Inline, because each packet comes by here.
 *
 * A queue that ran empty stays listed, as long as its group has others with
 * packets: it waits out a round among the old ones, also with what it owes, or
 * a flow with one packet at a time would be fresh again each time and starve
 * them (RFC 8290, section 4.2).
 */
#ifndef DMSC_CORE_RING_H
#define DMSC_CORE_RING_H

#include "sched.h"

/* Is @q in a list of the group that it was in last? */
static inline bool dmsc_listed(const struct dmsc_sched_class *c, const struct dmsc_queue *q)
{
	return q->listed == c->group[q->group].epoch;
}

static inline void dmsc_unlist(struct dmsc_sched_class *c, struct dmsc_queue *q)
{
	if (dmsc_listed(c, q))
		list_del(&q->active);
	q->listed = 0;
}

/* @q has packets. @fresh: it had none, and goes first if it is not listed still. */
static inline void dmsc_ring_join(struct dmsc_sched_class *c, struct dmsc_queue *q, u8 group,
				  bool fresh)
{
	struct dmsc_ring *g = &c->group[group];

	if (!dmsc_listed(c, q)) {
		if (fresh)
			q->deficit = q->quantum;
		list_add_tail(&q->active, fresh ? &g->fresh : &g->old);
	} else if (q->group != group) {
		list_move_tail(&q->active, &g->old);
	}
	q->group = group;
	q->listed = g->epoch;
	if (!g->busy++)
		c->groups |= 1ULL << group;
}

/*
 * Without competitors nobody in a group owes anything: all are taken off its
 * lists, without going through them.
 */
static inline void dmsc_ring_leave(struct dmsc_sched_class *c, struct dmsc_queue *q)
{
	struct dmsc_ring *g = &c->group[q->group];

	if (--g->busy)
		return;
	c->groups &= ~(1ULL << q->group);
	INIT_LIST_HEAD(&g->fresh);
	INIT_LIST_HEAD(&g->old);
	g->epoch++;
}

/* A listed queue's turn is over. It gets its next quantum now, while it is at hand. */
static inline void dmsc_end_turn(struct dmsc_sched_class *c, struct dmsc_queue *q)
{
	struct list_head *old = &c->group[q->group].old;

	q->deficit += q->quantum;
	if (q->active.next != old || q->active.prev != old)
		list_move_tail(&q->active, old);
}

/* ring.c: the queue with packets whose turn it is; the group has one. */
struct dmsc_queue *dmsc_ring_search(struct dmsc_ring *g);

/*
 * @q, the first of its list, may send, but has no packets any more: it waits out
 * a round among the old ones, or leaves.
 */
static inline void dmsc_ring_pass(struct dmsc_ring *g, struct dmsc_queue *q, bool fresh)
{
	if (fresh && !list_empty(&g->old)) {
		list_move_tail(&q->active, &g->old);
		return;
	}
	list_del(&q->active);
	q->listed = 0;
}

static inline bool dmsc_ring_head(const struct dmsc_ring *g, struct dmsc_queue **q)
{
	bool fresh = !list_empty(&g->fresh);

	*q = list_first_entry(fresh ? &g->fresh : &g->old, struct dmsc_queue, active);
	return fresh;
}

/* The same, if it is the first, or after one that ran empty. */
static inline bool dmsc_ring_first(struct dmsc_ring *g, struct dmsc_queue **q)
{
	bool fresh = dmsc_ring_head(g, q);

	if (likely((*q)->deficit > 0 && (*q)->head))
		return true;
	if ((*q)->deficit <= 0)
		return false;
	dmsc_ring_pass(g, *q, fresh);
	dmsc_ring_head(g, q);
	return likely((*q)->deficit > 0 && (*q)->head);
}

#endif /* DMSC_CORE_RING_H */
