// SPDX-License-Identifier: GPL-2.0
/*
 * The queues of a class: where each waits for its turn, and which goes next.
 *
 * A queue with packets is in exactly one place: in the group of its rank, in
 * the group of those above their rate, in the heap of those that finish soonest,
 * or held back for its ceiling. One that ran empty stays listed in its group
 * for a while, as long as that has others with packets (ring.h).
 */
#include "ring.h"
#include "internal.h"

static struct dmsc_queue *queue_of(struct dmsc_heap_node *n)
{
	return container_of(n, struct dmsc_queue, node);
}

static struct dmsc_sched_class *class_of(struct dmsc_sched *s, const struct dmsc_queue *q)
{
	return &s->class[q->class];
}

/* ---- places ---- */

/* By rank, then by what is left. */
static u64 shortest_key(const struct dmsc_queue *q)
{
	return (u64)q->rank << 48 | q->remaining;
}

static void shortest_add(struct dmsc_sched_class *c, struct dmsc_queue *q)
{
	q->node.key = shortest_key(q);
	dmsc_heap_add(&c->shortest, &q->node);
	c->extra |= DMSC_EXTRA_SHORTEST;
}

static void timer_add(struct dmsc_sched *s, struct dmsc_queue *q, u64 time)
{
	q->node.key = time;
	dmsc_heap_add(&s->timers, &q->node);
}

/* @q has packets and is within its ceiling. */
static void place(struct dmsc_sched *s, struct dmsc_queue *q, bool fresh)
{
	struct dmsc_sched_class *c = class_of(s, q);

	if (unlikely(q->shaped) && q->rate.bytes && q->in_rate > dmsc_now(s)) {
		timer_add(s, q, q->in_rate);
		dmsc_ring_join(c, q, DMSC_GROUP_EXCESS, fresh);
		q->place = DMSC_PLACE_EXCESS;
	} else if (unlikely(q->hinted)) {
		dmsc_unlist(c, q);
		shortest_add(c, q);
		q->place = DMSC_PLACE_SHORTEST;
	} else {
		dmsc_ring_join(c, q, q->rank, fresh);
		q->place = DMSC_PLACE_GROUP;
	}
	if (!c->busy++)
		dmsc_class_refresh(s, c);
}

/* It stays listed in its group if it was. */
static void unplace(struct dmsc_sched *s, struct dmsc_queue *q)
{
	struct dmsc_sched_class *c = class_of(s, q);
	u8 was = q->place;

	if (was == DMSC_PLACE_NONE)
		return;
	q->place = DMSC_PLACE_NONE;
	if (was == DMSC_PLACE_EXCESS || was == DMSC_PLACE_HELD)
		dmsc_heap_remove(&s->timers, &q->node);
	if (was == DMSC_PLACE_HELD)
		return;
	if (was == DMSC_PLACE_SHORTEST) {
		dmsc_heap_remove(&c->shortest, &q->node);
		if (!c->shortest.root)
			c->extra &= ~DMSC_EXTRA_SHORTEST;
	} else {
		dmsc_ring_leave(c, q);
	}
	if (!--c->busy)
		dmsc_class_refresh(s, c);
}

static bool above_ceil(struct dmsc_sched *s, const struct dmsc_queue *q)
{
	return q->ceil.bytes && q->in_ceil > dmsc_now(s);
}

static void place_or_hold(struct dmsc_sched *s, struct dmsc_queue *q, bool fresh)
{
	if (likely(!q->shaped) || !above_ceil(s, q)) {
		place(s, q, fresh);
		return;
	}
	dmsc_unlist(class_of(s, q), q);
	q->place = DMSC_PLACE_HELD;
	timer_add(s, q, q->in_ceil);
}

void dmsc_queue_place(struct dmsc_sched *s, struct dmsc_queue *q)
{
	place_or_hold(s, q, true);
}

void dmsc_queue_stop(struct dmsc_sched *s, struct dmsc_queue *q)
{
	if (class_of(s, q)->cfg.codel)
		dmsc_codel_idle(&q->cv);
	unplace(s, q);
}

void dmsc_queue_unplace(struct dmsc_sched *s, struct dmsc_queue *q)
{
	unplace(s, q);
	dmsc_unlist(class_of(s, q), q);
}

/* Its class does not stop being ready in between, which would cost it its credit. */
void dmsc_queue_replace(struct dmsc_sched *s, struct dmsc_queue *q)
{
	struct dmsc_sched_class *c = class_of(s, q);

	c->busy++;
	unplace(s, q);
	if (q->head)
		place_or_hold(s, q, false);
	c->busy--;
	dmsc_class_refresh(s, c);
}

/* Charges the rate and the ceiling, and moves the queue if it is above one now. */
static void shape(struct dmsc_sched *s, struct dmsc_queue *q, u32 len)
{
	u32 divide = class_of(s, q)->divide;

	if (q->rate.bytes)
		q->in_rate = dmsc_departure(s, &q->rate, divide, q->in_rate, len);
	if (q->ceil.bytes)
		q->in_ceil = dmsc_departure(s, &q->ceil, divide, q->in_ceil, len);
	if (q->place == DMSC_PLACE_EXCESS || above_ceil(s, q) ||
	    (q->rate.bytes && q->in_rate > dmsc_now(s)))
		dmsc_queue_replace(s, q);
}

/* It has less to send than before. */
static void shortened(struct dmsc_sched *s, struct dmsc_queue *q)
{
	if (q->hinted && class_of(s, q)->shortest.root == &q->node)
		q->node.key = shortest_key(q);
	else
		dmsc_queue_replace(s, q);
}

void dmsc_queue_served_special(struct dmsc_sched *s, struct dmsc_queue *q, u32 len)
{
	bool shortest = q->place == DMSC_PLACE_SHORTEST;
	struct dmsc_sched_class *c = class_of(s, q);

	if (!shortest)
		q->deficit -= dmsc_charge(len);
	if (q->hinted) {
		q->remaining -= min_t(u64, q->remaining, len);
		q->hinted = q->remaining;
	}
	if (q->shaped)
		shape(s, q, len);
	if (!q->head)
		dmsc_queue_stop(s, q);
	else if (shortest && q->place == DMSC_PLACE_SHORTEST)
		shortened(s, q);
	if (!shortest && q->deficit <= 0 && dmsc_listed(c, q))
		dmsc_end_turn(c, q);
}

void dmsc_timers_run(struct dmsc_sched *s)
{
	u64 now = dmsc_now(s);
	u32 held, place_in_order;

	for (held = s->held; held; held &= held - 1) {
		place_in_order = __ffs(held);
		if (dmsc_class_at(s, place_in_order)->in_ceil > now)
			continue;
		s->held &= ~(1U << place_in_order);
		dmsc_class_refresh(s, dmsc_class_at(s, place_in_order));
	}
	/* Ends: what stays in the heap, or comes into it again, is in the future. */
	while (s->timers.root && s->timers.root->key <= now)
		dmsc_queue_replace(s, queue_of(s->timers.root));
}

/* ---- all of a class ---- */

void dmsc_queues_walk(struct dmsc_sched *s, struct dmsc_sched_class *c,
		      void (*look)(struct dmsc_sched_class *c, struct dmsc_queue *q, void *to),
		      void *to)
{
	struct dmsc_heap_node *n;
	struct dmsc_queue *q;
	struct dmsc_ring *g;
	u64 groups;

	for (groups = c->groups; groups; groups &= groups - 1) {
		g = &c->group[__ffs64(groups)];
		list_for_each_entry(q, &g->fresh, active)
			look(c, q, to);
		list_for_each_entry(q, &g->old, active)
			look(c, q, to);
	}
	for (n = c->shortest.root; n; n = dmsc_heap_next(n))
		look(c, queue_of(n), to);
	for (n = s->timers.root; n; n = dmsc_heap_next(n))
		look(c, queue_of(n), to);
}

static void keep_longer(struct dmsc_sched_class *c, struct dmsc_queue *q, void *to)
{
	struct dmsc_queue **longest = to;

	if (q->head && dmsc_class_place[q->class] == __ffs(c->bit) &&
	    (!*longest || q->n.backlog_bytes > (*longest)->n.backlog_bytes))
		*longest = q;
}

struct dmsc_queue *dmsc_sched_longest(struct dmsc_sched *s, u32 class)
{
	struct dmsc_queue *longest = NULL;

	dmsc_queues_walk(s, &s->class[class], keep_longer, &longest);
	return longest;
}
