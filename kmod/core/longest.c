// SPDX-License-Identifier: GPL-2.0
#include "longest.h"
#include "internal.h"

static bool has_size(const struct dmsc_longest *l, const struct dmsc_queue *q)
{
	return q->sized == l->epoch;
}

static void remove(struct dmsc_longest *l, struct dmsc_queue *q)
{
	u32 size = q->size;

	list_del(&q->same_size);
	q->sized = 0;
	if (list_empty(&l->size[size]))
		l->used[size / 64] &= ~(1ULL << size % 64);
}

static void add(struct dmsc_longest *l, struct dmsc_queue *q, u32 size)
{
	q->size = size;
	q->sized = l->epoch;
	list_add_tail(&q->same_size, &l->size[size]);
	l->used[size / 64] |= 1ULL << size % 64;
}

void dmsc_longest_resize(struct dmsc_sched_class *c, struct dmsc_queue *q)
{
	u32 size = q->head ? dmsc_size_of(q->n.backlog_bytes) : 0;
	struct dmsc_longest *l = c->longest;

	if (has_size(l, q)) {
		if (q->size == size)
			return;
		remove(l, q);
	}
	if (size)
		add(l, q, size);
}

void dmsc_longest_sent(struct dmsc_sched_class *c, struct dmsc_queue *q)
{
	dmsc_longest_resize(c, q);
	/* At 0 the lists are left as they are: their epoch will be past. */
	if (!--c->sized)
		c->extra &= ~DMSC_EXTRA_SIZED;
}

static void look_at(struct dmsc_sched_class *c, struct dmsc_queue *q, void *to)
{
	struct dmsc_longest *l = to;

	l->looked_at++;
	if (dmsc_class_place[q->class] == __ffs(c->bit))
		dmsc_longest_resize(c, q);
}

static void make_lists(struct dmsc_sched *s, struct dmsc_sched_class *c)
{
	struct dmsc_longest *l = c->longest;
	u32 i;

	for (i = 0; i < DMSC_NR_SIZES; i++)
		INIT_LIST_HEAD(&l->size[i]);
	memset(l->used, 0, sizeof(l->used));
	l->epoch++;
	l->looked_at = DMSC_NR_SIZES;
	dmsc_queues_walk(s, c, look_at, l);
}

struct dmsc_queue *dmsc_longest(struct dmsc_sched *s, struct dmsc_sched_class *c)
{
	struct dmsc_longest *l = c->longest;
	u32 i;

	if (!(c->extra & DMSC_EXTRA_SIZED))
		make_lists(s, c);
	c->extra |= DMSC_EXTRA_SIZED;
	c->sized = l->looked_at;
	for (i = DMSC_NR_SIZES / 64; i--; ) {
		if (l->used[i])
			return list_first_entry(&l->size[i * 64 + __fls(l->used[i])],
						struct dmsc_queue, same_size);
	}
	return NULL;
}
