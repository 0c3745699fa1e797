// SPDX-License-Identifier: GPL-2.0
#include "sched.h"

const u8 dmsc_class_order[DMSC_NR_CLASSES] = {
	DMSC_CLASS_CONTROL, DMSC_CLASS_GATEWAY, DMSC_CLASS_TENSOR, DMSC_CLASS_EXPERT,
	DMSC_CLASS_PIPELINE, DMSC_CLASS_DATA, DMSC_CLASS_DEFAULT, DMSC_CLASS_BULK,
};

#define MIB	(1024 * 1024)

/*
 * A training host's needs without any configuration: mode, weight, share, limit,
 * ECN threshold. What delays the computation is strict; pipeline traffic and
 * what lies below it get a little always, so that nothing starves. Limits are
 * some ten milliseconds of a 1 Gbit/s share; control is small, and never marked,
 * since its endpoints could do nothing about it.
 */
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
	return clamp_t(u32, base * weight / DMSC_WEIGHT_DEFAULT,
		       DMSC_QUANTUM_MIN, DMSC_QUANTUM_MAX);
}

static s32 class_quantum(const struct dmsc_sched *s, const struct dmsc_sched_class *c)
{
	return quantum_of(s->base_quantum, c->cfg.weight);
}

/* What a packet is charged: lengths may come from a size table and be anything. */
static s32 charge_of(const struct dmsc_pkt *p)
{
	return min_t(u32, p->len, DMSC_QUANTUM_MAX);
}

static void queue_init(struct dmsc_queue *q, u32 slot, u32 class, u32 weight, u32 sid)
{
	INIT_LIST_HEAD(&q->active);
	q->slot = slot;
	q->class = class;
	q->weight = weight;
	q->sid = sid;
}

int dmsc_sched_init(struct dmsc_sched *s, u32 mtu, const struct dmsc_sched_ops *ops)
{
	u32 total = DMSC_HASHED_DEFAULT + (DMSC_NR_CLASSES - 1) * DMSC_HASHED_OTHER;
	struct dmsc_queue *next;
	u32 c, i;

	memset(s, 0, sizeof(*s));
	s->ops = ops;
	s->mtu = mtu;
	s->base_quantum = clamp_t(u32, mtu, DMSC_BASE_MIN, DMSC_BASE_MAX);
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

		class->nr_hashed = c == DMSC_CLASS_DEFAULT ? DMSC_HASHED_DEFAULT :
							     DMSC_HASHED_OTHER;
		class->hashed = next;
		for (i = 0; i < class->nr_hashed; i++, next++) {
			queue_init(next, 0, c, DMSC_WEIGHT_DEFAULT, 0);
			next->quantum = s->base_quantum;
			next->codel = c == DMSC_CLASS_DEFAULT;
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

static struct dmsc_queue *hashed_queue(struct dmsc_sched *s, u32 class, u32 hash)
{
	struct dmsc_sched_class *c = &s->class[class];

	return &c->hashed[hash & (c->nr_hashed - 1)];
}

struct dmsc_queue *dmsc_sched_queue(struct dmsc_sched *s, u32 slot, u32 class, u32 hash)
{
	if (!slot)
		return hashed_queue(s, class, hash);
	if (slot < DMSC_NR_SLOTS && s->slot[slot] && s->slot[slot]->class == class)
		return s->slot[slot];
	return hashed_queue(s, class, slot);
}

/* ---- lists of queues, and chains of packets ---- */

static bool class_ready(const struct dmsc_sched_class *c)
{
	return c->n.backlog_packets;
}

static void queue_list(struct dmsc_sched_class *c, struct dmsc_queue *q)
{
	if (!list_empty(&q->active))
		return;
	q->deficit = q->quantum;
	list_add_tail(&q->active, &c->fresh);
}

static void queue_unlist(struct dmsc_queue *q)
{
	list_del_init(&q->active);
	dmsc_codel_idle(&q->cv);
}

static struct dmsc_queue *class_first(struct dmsc_sched_class *c)
{
	return list_first_entry(list_empty(&c->fresh) ? &c->old : &c->fresh,
				struct dmsc_queue, active);
}

/*
 * Without competitors nobody in the class owes anything, and what was owed to
 * the class is not owed later; but what it took beyond its part it took.
 */
static void class_emptied(struct dmsc_sched *s, struct dmsc_sched_class *c)
{
	while (!list_empty(&c->fresh) || !list_empty(&c->old))
		queue_unlist(class_first(c));
	c->credit = min_t(s64, c->credit, 0);
	c->deficit = min_t(s32, c->deficit, 0);
	/* Its turn ends, or a class with one packet at a time would keep it. */
	if (c == &s->class[dmsc_class_order[s->round]])
		s->round = (s->round + 1) % DMSC_NR_CLASSES;
}

static void queue_append(struct dmsc_queue *q, struct dmsc_pkt *first, struct dmsc_pkt *last)
{
	if (q->tail)
		q->tail->next = first;
	else
		q->head = first;
	q->tail = last;
}

static struct dmsc_pkt *queue_pop(struct dmsc_queue *q)
{
	struct dmsc_pkt *p = q->head;

	q->head = p->next;
	if (!q->head)
		q->tail = NULL;
	p->next = NULL;
	return p;
}

/* Takes the oldest packet that no peek has promised. NULL if there is none. */
static struct dmsc_pkt *queue_pop_unpromised(struct dmsc_sched *s, struct dmsc_queue *q)
{
	struct dmsc_pkt *promised = q->head, *p;

	if (!promised)
		return NULL;
	if (q != s->pending)
		return queue_pop(q);
	p = promised->next;
	if (!p)
		return NULL;
	promised->next = p->next;
	if (!p->next)
		q->tail = promised;
	p->next = NULL;
	return p;
}

/* ---- accounting: all counters change here and in queue_splice() only ---- */

enum account {
	ACCOUNT_QUEUED,		/* came in */
	ACCOUNT_SENT,		/* left */
	ACCOUNT_DROPPED,	/* was queued, and dropped */
	ACCOUNT_REFUSED,	/* came in, and was dropped at once */
};

static void count(struct dmsc_counters *n, enum account what, u32 len)
{
	if (what == ACCOUNT_QUEUED || what == ACCOUNT_REFUSED) {
		n->enq_packets++;
		n->enq_bytes += len;
	}
	if (what == ACCOUNT_SENT) {
		n->deq_packets++;
		n->deq_bytes += len;
	}
	if (what == ACCOUNT_DROPPED || what == ACCOUNT_REFUSED) {
		n->drop_packets++;
		n->drop_bytes += len;
	}
	if (what == ACCOUNT_QUEUED) {
		n->backlog_packets++;
		n->backlog_bytes += len;
	} else if (what != ACCOUNT_REFUSED) {
		n->backlog_packets--;
		n->backlog_bytes -= len;
	}
}

static void account(struct dmsc_sched *s, struct dmsc_queue *q, enum account what, u32 len)
{
	struct dmsc_sched_class *c = &s->class[q->class];

	count(&s->n, what, len);
	count(&c->n, what, len);
	count(&q->n, what, len);
	if (what == ACCOUNT_QUEUED)
		queue_list(c, q);
	else if (what != ACCOUNT_REFUSED && !class_ready(c))
		class_emptied(s, c);
	if (what == ACCOUNT_DROPPED || what == ACCOUNT_REFUSED)
		s->dropped |= 1 << q->class;
}

static bool mark(struct dmsc_sched *s, struct dmsc_queue *q, struct dmsc_pkt *p)
{
	if (!s->ops->mark(p))
		return false;
	s->n.mark_packets++;
	s->class[q->class].n.mark_packets++;
	q->n.mark_packets++;
	return true;
}

/* ---- in ---- */

/* The longest queue of a backlogged class, in bytes. */
static struct dmsc_queue *class_longest(struct dmsc_sched_class *c)
{
	struct dmsc_queue *q, *longest = NULL;

	list_for_each_entry(q, &c->fresh, active) {
		if (!longest || q->n.backlog_bytes > longest->n.backlog_bytes)
			longest = q;
	}
	list_for_each_entry(q, &c->old, active) {
		if (!longest || q->n.backlog_bytes > longest->n.backlog_bytes)
			longest = q;
	}
	return longest;
}

/* Place of a class in dmsc_class_order. */
static u32 rank_of(const struct dmsc_sched *s, const struct dmsc_sched_class *c)
{
	u32 i;

	for (i = 0; &s->class[dmsc_class_order[i]] != c; i++)
		;
	return i;
}

/* Which class must give way to a packet of class @c? NULL: there is room. */
static struct dmsc_sched_class *overfull(struct dmsc_sched *s, struct dmsc_sched_class *c, u32 len)
{
	u32 i;

	if ((u64)c->n.backlog_bytes + len > c->cfg.limit)
		return c;
	if (s->n.backlog_packets < DMSC_TOTAL_PACKETS &&
	    (u64)s->n.backlog_bytes + len <= DMSC_TOTAL_BYTES)
		return NULL;
	for (i = DMSC_NR_CLASSES - 1; i > rank_of(s, c); i--) {
		if (class_ready(&s->class[dmsc_class_order[i]]))
			return &s->class[dmsc_class_order[i]];
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
		longest = class_longest(full);
		if (!longest)
			return false;
		if (full == c &&
		    longest->n.backlog_bytes <= (u64)q->n.backlog_bytes + len)
			return false;
		p = queue_pop_unpromised(s, longest);
		if (!p)
			return false;
		account(s, longest, ACCOUNT_DROPPED, p->len);
		p->next = *dropped;
		*dropped = p;
	}
	return true;
}

struct dmsc_pkt *dmsc_sched_enqueue(struct dmsc_sched *s, struct dmsc_queue *q,
				    struct dmsc_pkt *p)
{
	struct dmsc_sched_class *c = &s->class[q->class];
	struct dmsc_pkt *dropped = NULL;

	p->next = NULL;
	if (!make_room(s, q, p->len, &dropped)) {
		account(s, q, ACCOUNT_REFUSED, p->len);
		p->next = dropped;
		return p;
	}
	if (q->codel)
		p->time = s->ops->clock();
	queue_append(q, p, p);
	account(s, q, ACCOUNT_QUEUED, p->len);
	if (c->cfg.ecn && c->n.backlog_bytes > c->cfg.ecn)
		mark(s, q, p);
	return dropped;
}

/* ---- out ---- */

/* Rounds in which a deficit does not get above 0. */
static s32 rounds_to_wait(s32 deficit, s32 quantum)
{
	return deficit > 0 ? 0 : -deficit / quantum;
}

/* Skips the rounds in which no queue of a class would get a deficit above 0. */
static void skip_queue_rounds(struct dmsc_sched_class *c)
{
	s32 rounds = DMSC_QUANTUM_MAX;
	struct dmsc_queue *q;

	list_for_each_entry(q, &c->old, active)
		rounds = min_t(s32, rounds, rounds_to_wait(q->deficit, q->quantum));
	list_for_each_entry(q, &c->old, active) {
		if (q->deficit <= 0)
			q->deficit += rounds * (s32)q->quantum;
	}
}

/*
 * Deficit round robin within a backlogged class. A queue that ran empty waits
 * out a round among the old ones, also with what it owes: else a flow with one
 * packet at a time would be fresh again each time and starve them (RFC 8290,
 * section 4.2).
 *
 * Ends: rounds without a result are skipped after the first, empty queues are
 * left out after two visits, and the class has one that is not empty.
 */
static struct dmsc_queue *class_pick(struct dmsc_sched_class *c)
{
	struct dmsc_queue *q, *seen = NULL;
	bool fresh;

	for (;;) {
		fresh = !list_empty(&c->fresh);
		q = class_first(c);
		if (q->deficit <= 0) {
			if (q == seen)
				skip_queue_rounds(c);
			else if (!seen)
				seen = q;
			q->deficit += q->quantum;
			list_move_tail(&q->active, &c->old);
		} else if (q->head) {
			return q;
		} else if (fresh && !list_empty(&c->old)) {
			list_move_tail(&q->active, &c->old);
		} else {
			queue_unlist(q);
			if (q == seen)
				seen = NULL;
		}
	}
}

static bool weighted_ready(const struct dmsc_sched_class *c)
{
	return class_ready(c) && c->cfg.mode == DMSC_MODE_WEIGHTED;
}

/* Deficit round robin among weighted classes, of which one is backlogged. */
static struct dmsc_sched_class *weighted_pick(struct dmsc_sched *s)
{
	struct dmsc_sched_class *c = &s->class[dmsc_class_order[s->round]];
	s32 rounds = DMSC_QUANTUM_MAX;
	u32 i;

	if (weighted_ready(c) && c->deficit > 0)
		return c;

	/* Rounds in which no class would get a deficit above 0 are skipped. */
	for (c = s->class; c < s->class + DMSC_NR_CLASSES; c++) {
		if (weighted_ready(c))
			rounds = min_t(s32, rounds,
				       rounds_to_wait(c->deficit, class_quantum(s, c)));
	}
	for (c = s->class; c < s->class + DMSC_NR_CLASSES; c++) {
		if (weighted_ready(c) && c->deficit <= 0)
			c->deficit += rounds * class_quantum(s, c);
	}

	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		c = &s->class[dmsc_class_order[s->round]];
		if (weighted_ready(c)) {
			if (c->deficit <= 0)
				c->deficit += class_quantum(s, c);
			if (c->deficit > 0)
				return c;
		}
		s->round = (s->round + 1) % DMSC_NR_CLASSES;
	}
	return NULL;
}

static struct dmsc_sched_class *sched_pick(struct dmsc_sched *s)
{
	struct dmsc_sched_class *c, *strict = NULL;
	u32 i;

	s->owed = false;
	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		c = &s->class[dmsc_class_order[i]];
		if (!class_ready(c))
			continue;
		if (c->cfg.share && c->credit > 0) {
			s->owed = true;
			return c;
		}
		if (!strict && c->cfg.mode == DMSC_MODE_STRICT)
			strict = c;
	}
	return strict ? strict : weighted_pick(s);
}

/* Leaves at least one packet in @q. */
static void codel(struct dmsc_sched *s, struct dmsc_queue *q, struct dmsc_pkt **dropped)
{
	u32 now = s->ops->clock();
	struct dmsc_pkt *p = q->head;

	while (dmsc_codel_drop(&q->cv, now, now - p->time, q->n.backlog_bytes - p->len, s->mtu)) {
		if (mark(s, q, p))
			break;
		queue_pop(q);
		account(s, q, ACCOUNT_DROPPED, p->len);
		p->next = *dropped;
		*dropped = p;
		p = q->head;
	}
}

struct dmsc_pkt *dmsc_sched_peek(struct dmsc_sched *s, struct dmsc_pkt **dropped)
{
	*dropped = NULL;
	if (!s->pending) {
		if (!s->n.backlog_packets)
			return NULL;
		s->pending = class_pick(sched_pick(s));
		if (s->pending->codel)
			codel(s, s->pending, dropped);
	}
	return s->pending->head;
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

	for (c = s->class; c < s->class + DMSC_NR_CLASSES; c++) {
		if (!c->cfg.share)
			continue;
		c->credit += (s64)len * c->cfg.share;
		if (!class_ready(c)) {
			c->credit = min_t(s64, c->credit, 0);
		} else if (c == sent && s->owed) {
			c->credit -= 1000LL * len;
		} else if (c == sent) {
			turn = (s64)len + class_quantum(s, c);
			c->credit = max_t(s64, c->credit - 1000LL * len,
					  min_t(s64, c->credit, -1000 * turn));
		}
	}
}

struct dmsc_pkt *dmsc_sched_dequeue(struct dmsc_sched *s, struct dmsc_pkt **dropped)
{
	struct dmsc_pkt *p = dmsc_sched_peek(s, dropped);
	struct dmsc_sched_class *c;
	struct dmsc_queue *q;

	if (!p)
		return NULL;
	q = s->pending;
	s->pending = NULL;
	c = &s->class[q->class];
	credit_classes(s, c, p->len);

	queue_pop(q);
	q->deficit -= charge_of(p);
	/* What was owed is no part of the turns, or debts would grow without end. */
	if (c->cfg.mode == DMSC_MODE_WEIGHTED && !s->owed) {
		c->deficit -= charge_of(p);
		if (c->deficit <= 0 && c == &s->class[dmsc_class_order[s->round]])
			s->round = (s->round + 1) % DMSC_NR_CLASSES;
	}
	account(s, q, ACCOUNT_SENT, p->len);
	return p;
}

struct dmsc_pkt *dmsc_sched_purge(struct dmsc_sched *s)
{
	struct dmsc_pkt *chain = NULL, *p;
	struct dmsc_sched_class *c;
	struct dmsc_queue *q;

	s->pending = NULL;
	for (c = s->class; c < s->class + DMSC_NR_CLASSES; c++) {
		while (class_ready(c)) {
			q = class_first(c);
			if (!q->head) {
				queue_unlist(q);
				continue;
			}
			p = queue_pop(q);
			account(s, q, ACCOUNT_DROPPED, p->len);
			p->next = chain;
			chain = p;
		}
		c->credit = 0;
		c->deficit = 0;
	}
	s->dropped = 0;
	return chain;
}

/* ---- configuration ---- */

bool dmsc_sched_check(const struct dmsc_class_config cfg[DMSC_NR_CLASSES])
{
	u32 c, sum = 0;

	for (c = 0; c < DMSC_NR_CLASSES; c++)
		sum += cfg[c].share;
	return sum <= DMSC_SHARE_SUM_MAX;
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

/*
 * Takes @from out of the scheduler; its packets go on behind those of @to, a
 * queue of the same class. Class and qdisc see no change.
 */
static void queue_splice(struct dmsc_sched *s, struct dmsc_queue *from, struct dmsc_queue *to)
{
	u32 packets = from->n.backlog_packets, bytes = from->n.backlog_bytes;
	struct dmsc_pkt *p;

	if (s->pending == from)
		s->pending = NULL;
	queue_unlist(from);
	if (!from->head)
		return;
	/* How long they waited in the other queue is not held against the flow. */
	if (to->codel) {
		for (p = from->head; p; p = p->next)
			p->time = s->ops->clock();
	}
	queue_append(to, from->head, from->tail);
	from->head = NULL;
	from->tail = NULL;
	to->n.enq_packets += packets;
	to->n.enq_bytes += bytes;
	to->n.backlog_packets += packets;
	to->n.backlog_bytes += bytes;
	queue_list(&s->class[to->class], to);
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
		queue_splice(s, old, hashed_queue(s, old->class, slot));
	}
	return old;
}
