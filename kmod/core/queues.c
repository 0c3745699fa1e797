// SPDX-License-Identifier: GPL-2.0
/*
 * The queues of a class: where each waits for its turn, and which goes next.
 *
 * A queue with packets is in exactly one place: in the group of its rank, in
 * the group of those above their rate, in the heap of those that finish soonest,
 * or held back for its ceiling. One that ran empty stays listed in its group
 * for a while (see group_pick()), as long as that has others with packets.
 */
#include "internal.h"

static struct dmsc_queue *queue_of(struct dmsc_heap_node *n)
{
	return container_of(n, struct dmsc_queue, node);
}

static struct dmsc_sched_class *class_of(struct dmsc_sched *s, const struct dmsc_queue *q)
{
	return &s->class[q->class];
}

/* ---- groups ---- */

static void group_join(struct dmsc_sched_class *c, struct dmsc_queue *q, u8 group, bool fresh)
{
	struct dmsc_ring *g = &c->group[group];

	if (list_empty(&q->active)) {
		if (fresh)
			q->deficit = q->quantum;
		list_add_tail(&q->active, fresh ? &g->fresh : &g->old);
	} else if (q->group != group) {
		list_move_tail(&q->active, &g->old);
	}
	q->group = group;
	if (!g->busy++)
		c->groups |= 1ULL << group;
}

static void unlist_all(struct list_head *list)
{
	while (!list_empty(list))
		list_del_init(list->next);
}

/* Without competitors nobody in a group owes anything. */
static void group_leave(struct dmsc_sched_class *c, struct dmsc_queue *q)
{
	struct dmsc_ring *g = &c->group[q->group];

	if (--g->busy)
		return;
	c->groups &= ~(1ULL << q->group);
	unlist_all(&g->fresh);
	unlist_all(&g->old);
}

/* Rounds in which a deficit does not get above 0. */
static s32 rounds_to_wait(s32 deficit, s32 quantum)
{
	return deficit > 0 ? 0 : -deficit / quantum;
}

/* Skips the rounds in which no queue of a group would get a deficit above 0. */
static void skip_rounds(struct dmsc_ring *g)
{
	s32 rounds = DMSC_QUANTUM_MAX;
	struct dmsc_queue *q;

	list_for_each_entry(q, &g->old, active)
		rounds = min_t(s32, rounds, rounds_to_wait(q->deficit, q->quantum));
	list_for_each_entry(q, &g->old, active) {
		if (q->deficit <= 0)
			q->deficit += rounds * (s32)q->quantum;
	}
}

/*
 * Deficit round robin within a group that has packets. A queue that ran empty
 * waits out a round among the old ones, also with what it owes: else a flow
 * with one packet at a time would be fresh again each time and starve them
 * (RFC 8290, section 4.2).
 *
 * Ends: rounds without a result are skipped after the first, empty queues are
 * left out after two visits, and the group has one that is not empty.
 */
static struct dmsc_queue *group_pick(struct dmsc_ring *g)
{
	struct dmsc_queue *q, *seen = NULL;
	bool fresh;

	for (;;) {
		fresh = !list_empty(&g->fresh);
		q = list_first_entry(fresh ? &g->fresh : &g->old, struct dmsc_queue, active);
		if (q->deficit <= 0) {
			if (q == seen)
				skip_rounds(g);
			else if (!seen)
				seen = q;
			q->deficit += q->quantum;
			list_move_tail(&q->active, &g->old);
		} else if (q->head) {
			return q;
		} else if (fresh && !list_empty(&g->old)) {
			list_move_tail(&q->active, &g->old);
		} else {
			list_del_init(&q->active);
			if (q == seen)
				seen = NULL;
		}
	}
}

struct dmsc_queue *dmsc_class_pick(struct dmsc_sched_class *c)
{
	u32 first = c->groups ? __ffs64(c->groups) : DMSC_NR_GROUPS;

	if (c->shortest.root && queue_of(c->shortest.root)->rank <= first)
		return queue_of(c->shortest.root);
	return group_pick(&c->group[first]);
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
		group_join(c, q, DMSC_GROUP_EXCESS, fresh);
		q->place = DMSC_PLACE_EXCESS;
	} else if (unlikely(q->hinted)) {
		list_del_init(&q->active);
		shortest_add(c, q);
		q->place = DMSC_PLACE_SHORTEST;
	} else {
		group_join(c, q, q->rank, fresh);
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
	if (was == DMSC_PLACE_SHORTEST)
		dmsc_heap_remove(&c->shortest, &q->node);
	else
		group_leave(c, q);
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
	list_del_init(&q->active);
	q->place = DMSC_PLACE_HELD;
	timer_add(s, q, q->in_ceil);
}

void dmsc_queue_start(struct dmsc_sched *s, struct dmsc_queue *q)
{
	place_or_hold(s, q, true);
}

void dmsc_queue_stop(struct dmsc_sched *s, struct dmsc_queue *q)
{
	if (s->codel & dmsc_class_bit(q->class))
		dmsc_codel_idle(&q->cv);
	unplace(s, q);
}

void dmsc_queue_unplace(struct dmsc_sched *s, struct dmsc_queue *q)
{
	unplace(s, q);
	list_del_init(&q->active);
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

void dmsc_queue_served(struct dmsc_sched *s, struct dmsc_queue *q, u32 len)
{
	bool shortest = q->place == DMSC_PLACE_SHORTEST;

	if (!shortest)
		q->deficit -= dmsc_charge(len);
	if (unlikely(q->hinted)) {
		q->remaining -= min_t(u64, q->remaining, len);
		q->hinted = q->remaining;
	}
	if (unlikely(q->shaped))
		shape(s, q, len);
	if (!q->head)
		dmsc_queue_stop(s, q);
	else if (shortest && q->place == DMSC_PLACE_SHORTEST)
		shortened(s, q);
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

/* ---- the longest ---- */

static struct dmsc_queue *longer(struct dmsc_queue *a, struct dmsc_queue *b)
{
	return !a || b->n.backlog_bytes > a->n.backlog_bytes ? b : a;
}

struct dmsc_queue *dmsc_sched_longest(struct dmsc_sched *s, u32 class)
{
	struct dmsc_sched_class *c = &s->class[class];
	struct dmsc_queue *q, *longest = NULL;
	struct dmsc_heap_node *n;
	struct dmsc_ring *g;
	u64 groups;

	for (groups = c->groups; groups; groups &= groups - 1) {
		g = &c->group[__ffs64(groups)];
		list_for_each_entry(q, &g->fresh, active)
			longest = longer(longest, q);
		list_for_each_entry(q, &g->old, active)
			longest = longer(longest, q);
	}
	for (n = c->shortest.root; n; n = dmsc_heap_next(n))
		longest = longer(longest, queue_of(n));
	for (n = s->timers.root; n; n = dmsc_heap_next(n)) {
		if (class_of(s, queue_of(n)) == c)
			longest = longer(longest, queue_of(n));
	}
	return longest;
}
