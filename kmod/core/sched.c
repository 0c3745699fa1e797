// SPDX-License-Identifier: GPL-2.0
#include "sched.h"

const u8 dmsc_class_order[DMSC_NR_CLASSES] = {
	DMSC_CLASS_CONTROL, DMSC_CLASS_GATEWAY, DMSC_CLASS_TENSOR, DMSC_CLASS_EXPERT,
	DMSC_CLASS_PIPELINE, DMSC_CLASS_DATA, DMSC_CLASS_DEFAULT, DMSC_CLASS_BULK,
};

#define MIB	(1U << 20)

/* A training host's needs without any configuration; doc/scheduling.md says why. */
static const struct dmsc_class_config class_defaults[DMSC_NR_CLASSES] = {
	[DMSC_CLASS_CONTROL]  = { DMSC_MODE_STRICT, 16, 0, 1 * MIB, 0 },
	[DMSC_CLASS_GATEWAY]  = { DMSC_MODE_STRICT, 16, 0, 4 * MIB, 1 * MIB },
	[DMSC_CLASS_TENSOR]   = { DMSC_MODE_STRICT, 16, 0, 4 * MIB, 1 * MIB },
	[DMSC_CLASS_EXPERT]   = { DMSC_MODE_STRICT, 16, 0, 4 * MIB, 1 * MIB },
	[DMSC_CLASS_PIPELINE] = { DMSC_MODE_STRICT, 16, 50, 4 * MIB, 1 * MIB },
	[DMSC_CLASS_DATA]     = { DMSC_MODE_WEIGHTED, 64, 100, 4 * MIB, 1 * MIB },
	[DMSC_CLASS_DEFAULT]  = { DMSC_MODE_WEIGHTED, 16, 50, 4 * MIB, 1 * MIB },
	[DMSC_CLASS_BULK]     = { DMSC_MODE_WEIGHTED, 4, 50, 4 * MIB, 1 * MIB },
};

static u32 quantum_of(u32 base, u32 weight)
{
	return clamp_t(u64, (u64)base * weight / DMSC_WEIGHT_DEFAULT,
		       DMSC_QUANTUM_MIN, DMSC_QUANTUM_MAX);
}

static void queue_init(struct dmsc_queue *q, u32 slot, u32 class, u32 weight, u32 sid)
{
	INIT_LIST_HEAD(&q->active);
	q->slot = slot;
	q->class = class;
	q->weight = weight;
	q->sid = sid;
}

static void count_in(struct dmsc_counters *n, u32 packets, u32 bytes)
{
	n->backlog_packets += packets;
	n->backlog_bytes += bytes;
}

static void count_out(struct dmsc_counters *n, u32 packets, u32 bytes)
{
	n->backlog_packets -= packets;
	n->backlog_bytes -= bytes;
}

int dmsc_sched_init(struct dmsc_sched *s, u32 mtu)
{
	u32 total = DMSC_HASHED_DEFAULT + (DMSC_NR_CLASSES - 1) * DMSC_HASHED_OTHER;
	struct dmsc_queue *next;
	u32 c, i;

	memset(s, 0, sizeof(*s));
	s->base_quantum = clamp_t(u32, mtu, DMSC_QUANTUM_MIN, DMSC_QUANTUM_MAX);
	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		INIT_LIST_HEAD(&s->class[c].fresh);
		INIT_LIST_HEAD(&s->class[c].old);
		s->class[c].cfg = class_defaults[c];
	}

	s->slot = core_zalloc(DMSC_NR_SLOTS * sizeof(*s->slot));
	s->hashed = core_zalloc(total * sizeof(*s->hashed));
	if (!s->slot || !s->hashed)
		return -ENOMEM;

	next = s->hashed;
	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		struct dmsc_sched_class *class = &s->class[c];

		class->nr_hashed = c == DMSC_CLASS_DEFAULT ? DMSC_HASHED_DEFAULT : DMSC_HASHED_OTHER;
		class->hashed = next;
		for (i = 0; i < class->nr_hashed; i++, next++) {
			queue_init(next, 0, c, DMSC_WEIGHT_DEFAULT, 0);
			next->quantum = s->base_quantum;
		}
	}
	return 0;
}

void dmsc_sched_destroy(struct dmsc_sched *s)
{
	u32 i;

	for (i = 0; s->slot && i < DMSC_NR_SLOTS; i++)
		dmsc_queue_free(s->slot[i]);
	core_free(s->slot);
	core_free(s->hashed);
	s->slot = NULL;
	s->hashed = NULL;
}

struct dmsc_queue *dmsc_sched_queue(struct dmsc_sched *s, u32 slot, u32 class, u32 hash)
{
	struct dmsc_sched_class *c = &s->class[class];

	if (slot < DMSC_NR_SLOTS && s->slot[slot] && s->slot[slot]->class == class)
		return s->slot[slot];
	return &c->hashed[hash & (c->nr_hashed - 1)];
}

/* Takes the oldest packet that no peek has promised. NULL if there is none. */
static struct dmsc_pkt *queue_drop_oldest(struct dmsc_sched *s, struct dmsc_queue *q)
{
	struct dmsc_pkt *p = q->head;

	if (q == s->pending) {
		if (!p || !p->next)
			return NULL;
		p = q->head->next;
		q->head->next = p->next;
		if (!p->next)
			q->tail = q->head;
	} else {
		if (!p)
			return NULL;
		q->head = p->next;
		if (!q->head)
			q->tail = NULL;
	}
	p->next = NULL;
	return p;
}

static void queue_activate(struct dmsc_sched_class *c, struct dmsc_queue *q)
{
	if (!list_empty(&q->active))
		return;
	q->deficit = q->quantum;
	q->fresh = true;
	list_add_tail(&q->active, &c->fresh);
}

/*
 * A fresh queue that runs empty waits out a round among the old ones: else a
 * flow with one packet at a time would be fresh again each time and starve
 * them (RFC 8290, section 4.2).
 */
static void queue_emptied(struct dmsc_sched_class *c, struct dmsc_queue *q)
{
	if (q->fresh && !list_empty(&c->old)) {
		q->fresh = false;
		list_move_tail(&q->active, &c->old);
	} else {
		list_del_init(&q->active);
	}
}

static void class_emptied(struct dmsc_sched *s, struct dmsc_sched_class *c)
{
	/* What was owed to a class without packets is not owed later. */
	if (c->credit > 0)
		c->credit = 0;
	/* Its turn ends, or a class with one packet at a time would keep it. */
	c->deficit = 0;
	if (c == &s->class[dmsc_class_order[s->round]])
		s->round = (s->round + 1) % DMSC_NR_CLASSES;
}

static void account_drop(struct dmsc_sched *s, struct dmsc_queue *q, u32 len, bool queued)
{
	struct dmsc_counters *all[] = { &s->n, &s->class[q->class].n, &q->n };
	u32 i;

	for (i = 0; i < 3; i++) {
		all[i]->drop_packets++;
		all[i]->drop_bytes += len;
		if (queued)
			count_out(all[i], 1, len);
	}
	if (queued && !q->head)
		queue_emptied(&s->class[q->class], q);
	if (queued && !s->class[q->class].n.backlog_packets)
		class_emptied(s, &s->class[q->class]);
}

/* The longest backlogged queue of a class, in bytes. */
static struct dmsc_queue *class_longest(struct dmsc_sched_class *c)
{
	struct list_head *lists[] = { &c->fresh, &c->old }, *l;
	struct dmsc_queue *q, *longest = NULL;
	u32 i;

	for (i = 0; i < 2; i++) {
		for (l = lists[i]->next; l != lists[i]; l = l->next) {
			q = container_of(l, struct dmsc_queue, active);
			if (!longest || q->n.backlog_bytes > longest->n.backlog_bytes)
				longest = q;
		}
	}
	return longest;
}

struct dmsc_pkt *dmsc_sched_enqueue(struct dmsc_sched *s, struct dmsc_queue *q,
				    struct dmsc_pkt *p, bool *mark)
{
	struct dmsc_sched_class *c = &s->class[q->class];
	struct dmsc_counters *all[] = { &s->n, &c->n, &q->n };
	struct dmsc_pkt *dropped = NULL, *victim;
	struct dmsc_queue *longest;
	u32 i;

	*mark = false;
	for (i = 0; i < 3; i++) {
		all[i]->enq_packets++;
		all[i]->enq_bytes += p->len;
	}
	p->next = NULL;

	/*
	 * A class that is full makes room in its longest queue, unless that is
	 * the queue of the new packet: then the new packet goes, since older ones
	 * are nearer to being useful to their receiver.
	 */
	while ((u64)c->n.backlog_bytes + p->len > c->cfg.limit) {
		longest = class_longest(c);
		victim = NULL;
		if (longest && longest != q && longest->n.backlog_bytes > q->n.backlog_bytes + p->len)
			victim = queue_drop_oldest(s, longest);
		if (!victim) {
			account_drop(s, q, p->len, false);
			p->next = dropped;
			return p;
		}
		account_drop(s, longest, victim->len, true);
		victim->next = dropped;
		dropped = victim;
	}

	if (q->tail)
		q->tail->next = p;
	else
		q->head = p;
	q->tail = p;
	for (i = 0; i < 3; i++)
		count_in(all[i], 1, p->len);
	queue_activate(c, q);
	*mark = c->cfg.ecn && c->n.backlog_bytes > c->cfg.ecn;
	return dropped;
}

void dmsc_sched_marked(struct dmsc_sched *s, struct dmsc_queue *q)
{
	s->n.mark_packets++;
	s->class[q->class].n.mark_packets++;
	q->n.mark_packets++;
}

/*
 * Deficit round robin within a class. Ends: the class has a backlogged queue,
 * empty ones leave the lists, and a deficit that is used up, by one packet at
 * most, gains at least DMSC_QUANTUM_MIN a round.
 */
static struct dmsc_queue *class_pick(struct dmsc_sched_class *c)
{
	struct dmsc_queue *q;

	for (;;) {
		q = list_first_entry(list_empty(&c->fresh) ? &c->old : &c->fresh,
				     struct dmsc_queue, active);
		if (!q->head) {
			queue_emptied(c, q);
		} else if (q->deficit > 0) {
			return q;
		} else {
			q->deficit += q->quantum;
			q->fresh = false;
			list_move_tail(&q->active, &c->old);
		}
	}
}

static bool class_ready(const struct dmsc_sched_class *c)
{
	return c->n.backlog_packets;
}

static struct dmsc_sched_class *sched_pick(struct dmsc_sched *s)
{
	struct dmsc_sched_class *c, *strict = NULL;
	bool weighted = false;
	u32 i;

	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		c = &s->class[dmsc_class_order[i]];
		if (!class_ready(c))
			continue;
		if (c->cfg.share && c->credit > 0)
			return c;
		if (c->cfg.mode == DMSC_MODE_WEIGHTED)
			weighted = true;
		else if (!strict)
			strict = c;
	}
	if (strict || !weighted)
		return strict;

	/* Deficits may be negative by at most one packet, so few rounds suffice. */
	for (;;) {
		c = &s->class[dmsc_class_order[s->round]];
		if (class_ready(c) && c->cfg.mode == DMSC_MODE_WEIGHTED) {
			if (c->deficit > 0)
				return c;
			c->deficit += quantum_of(s->base_quantum, c->cfg.weight);
			if (c->deficit > 0)
				return c;
		}
		s->round = (s->round + 1) % DMSC_NR_CLASSES;
	}
}

struct dmsc_pkt *dmsc_sched_peek(struct dmsc_sched *s)
{
	struct dmsc_sched_class *c;

	if (!s->pending) {
		c = sched_pick(s);
		if (!c)
			return NULL;
		s->pending = class_pick(c);
	}
	return s->pending->head;
}

/* Every byte sent is owed in part to each backlogged class with a guarantee. */
static void credit_classes(struct dmsc_sched *s, struct dmsc_sched_class *sent, u32 len)
{
	s64 cap = 2000LL * (len > s->base_quantum ? len : s->base_quantum);
	struct dmsc_sched_class *c;

	for (c = s->class; c < s->class + DMSC_NR_CLASSES; c++) {
		if (!c->cfg.share || !class_ready(c))
			continue;
		c->credit += (s64)len * c->cfg.share;
		if (c == sent)
			c->credit -= 1000LL * len;
		c->credit = clamp_t(s64, c->credit, -cap, cap);
	}
}

struct dmsc_pkt *dmsc_sched_dequeue(struct dmsc_sched *s)
{
	struct dmsc_pkt *p = dmsc_sched_peek(s);
	struct dmsc_sched_class *c;
	struct dmsc_counters *all[3];
	struct dmsc_queue *q;
	u32 i;

	if (!p)
		return NULL;
	q = s->pending;
	s->pending = NULL;
	c = &s->class[q->class];
	credit_classes(s, c, p->len);

	q->head = p->next;
	if (!q->head)
		q->tail = NULL;
	p->next = NULL;
	q->deficit -= p->len;
	if (c->cfg.mode == DMSC_MODE_WEIGHTED) {
		c->deficit -= p->len;
		if (c->deficit <= 0 && c == &s->class[dmsc_class_order[s->round]])
			s->round = (s->round + 1) % DMSC_NR_CLASSES;
	}

	all[0] = &s->n;
	all[1] = &c->n;
	all[2] = &q->n;
	for (i = 0; i < 3; i++) {
		all[i]->deq_packets++;
		all[i]->deq_bytes += p->len;
		count_out(all[i], 1, p->len);
	}
	if (!q->head)
		queue_emptied(c, q);
	if (!class_ready(c))
		class_emptied(s, c);
	return p;
}

struct dmsc_pkt *dmsc_sched_purge(struct dmsc_sched *s)
{
	struct dmsc_pkt *chain = NULL, *p;
	struct dmsc_sched_class *c;
	struct dmsc_queue *q;

	s->pending = NULL;
	for (c = s->class; c < s->class + DMSC_NR_CLASSES; c++) {
		while (!list_empty(&c->fresh) || !list_empty(&c->old)) {
			q = list_first_entry(list_empty(&c->fresh) ? &c->old : &c->fresh,
					     struct dmsc_queue, active);
			p = queue_drop_oldest(s, q);
			if (!p) {
				list_del_init(&q->active);
				continue;
			}
			account_drop(s, q, p->len, true);
			p->next = chain;
			chain = p;
		}
		c->credit = 0;
	}
	return chain;
}

const char *dmsc_sched_check(const struct dmsc_class_config cfg[DMSC_NR_CLASSES])
{
	u32 c, sum = 0;

	for (c = 0; c < DMSC_NR_CLASSES; c++)
		sum += cfg[c].share;
	return sum > DMSC_SHARE_SUM_MAX ? "guaranteed shares add up to more than 900 permille" : NULL;
}

void dmsc_sched_configure(struct dmsc_sched *s, u32 class, const struct dmsc_class_config *cfg)
{
	struct dmsc_sched_class *c = &s->class[class];

	c->cfg = *cfg;
	c->credit = 0;
	c->deficit = 0;
}

struct dmsc_queue *dmsc_queue_alloc(u32 slot, u32 class, u32 weight, u32 sid)
{
	struct dmsc_queue *q = core_zalloc(sizeof(*q));

	if (q)
		queue_init(q, slot, class, weight, sid);
	return q;
}

void dmsc_queue_free(struct dmsc_queue *q)
{
	core_free(q);
}

/* Moves all packets of @from behind those of @to, a queue of the same class. */
static void queue_splice(struct dmsc_sched *s, struct dmsc_queue *from, struct dmsc_queue *to)
{
	u32 packets = from->n.backlog_packets, bytes = from->n.backlog_bytes;

	if (s->pending == from)
		s->pending = NULL;
	list_del_init(&from->active);
	if (!from->head)
		return;
	if (to->tail)
		to->tail->next = from->head;
	else
		to->head = from->head;
	to->tail = from->tail;
	from->head = NULL;
	from->tail = NULL;
	count_in(&to->n, packets, bytes);
	to->n.enq_packets += packets;
	to->n.enq_bytes += bytes;
	queue_activate(&s->class[to->class], to);
}

struct dmsc_queue *dmsc_sched_set_slot(struct dmsc_sched *s, u32 slot, struct dmsc_queue *q)
{
	struct dmsc_queue *old = s->slot[slot];

	if (old && q && old->class == q->class) {
		old->weight = q->weight;
		old->sid = q->sid;
		old->quantum = quantum_of(s->base_quantum, q->weight);
		return q;
	}
	if (q)
		q->quantum = quantum_of(s->base_quantum, q->weight);
	s->slot[slot] = q;
	s->nr_slots += !!q;
	if (old) {
		s->nr_slots--;
		queue_splice(s, old, dmsc_sched_queue(s, 0, old->class, slot));
	}
	return old;
}
