// SPDX-License-Identifier: GPL-2.0
/* Setting up, changing and emptying a scheduler. */
#include "longest.h"
#include "internal.h"

#define MIB	(1024 * 1024)

#define DEFAULTS(_mode, _weight, _share, _limit, _ecn, _codel) {	\
	.mode = DMSC_MODE_##_mode, .weight = _weight, .share = _share,	\
	.limit = _limit, .ecn = _ecn, .codel = _codel,			\
	.target = DMSC_TARGET_DEFAULT, .interval = DMSC_INTERVAL_DEFAULT, \
	.fair = 1, .starve = DMSC_STARVE_DEFAULT,			\
}

/*
 * A training host's needs without any configuration: mode, weight, share, limit,
 * ECN threshold, CoDel. What delays the computation is strict; pipeline traffic
 * and what lies below it get a little always, so that nothing starves. Limits
 * are some ten milliseconds of a 1 Gbit/s share; control is small, and never
 * marked, since its endpoints could do nothing about it. Only what nobody
 * planned is under CoDel.
 */
static const struct dmsc_class_config class_defaults[DMSC_NR_CLASSES] = {
	[DMSC_CLASS_CONTROL]  = DEFAULTS(STRICT, 16, 0, 1 * MIB, 0, 0),
	[DMSC_CLASS_GATEWAY]  = DEFAULTS(STRICT, 16, 0, 4 * MIB, 1 * MIB, 0),
	[DMSC_CLASS_TENSOR]   = DEFAULTS(STRICT, 16, 0, 4 * MIB, 1 * MIB, 0),
	[DMSC_CLASS_EXPERT]   = DEFAULTS(STRICT, 16, 0, 4 * MIB, 1 * MIB, 0),
	[DMSC_CLASS_PIPELINE] = DEFAULTS(STRICT, 16, 50, 4 * MIB, 1 * MIB, 0),
	[DMSC_CLASS_DATA]     = DEFAULTS(WEIGHTED, 64, 100, 4 * MIB, 1 * MIB, 0),
	[DMSC_CLASS_DEFAULT]  = DEFAULTS(WEIGHTED, 16, 50, 4 * MIB, 1 * MIB, 1),
	[DMSC_CLASS_BULK]     = DEFAULTS(WEIGHTED, 4, 50, 4 * MIB, 1 * MIB, 0),
};

u32 dmsc_quantum(const struct dmsc_sched *s, u32 weight)
{
	return clamp_t(u32, s->base_quantum * weight / DMSC_WEIGHT_DEFAULT,
		       DMSC_QUANTUM_MIN, DMSC_QUANTUM_MAX);
}

static void queue_init(struct dmsc_queue *q, u32 slot, u32 class)
{
	q->slot = slot;
	q->class = class;
	q->rank = DMSC_RANK_DEFAULT;
	q->weight = DMSC_WEIGHT_DEFAULT;
}

static void class_init(struct dmsc_sched *s, u32 class, struct dmsc_queue *hashed)
{
	struct dmsc_sched_class *c = &s->class[class];
	u32 i;

	c->divide = 1;
	c->bit = 1U << dmsc_class_place[class];
	c->group = s->group + class * DMSC_NR_GROUPS;
	c->longest = s->longest + class;
	for (i = 0; i < DMSC_NR_GROUPS; i++) {
		INIT_LIST_HEAD(&c->group[i].fresh);
		INIT_LIST_HEAD(&c->group[i].old);
		c->group[i].epoch = 1;
	}
	c->nr_hashed = class == DMSC_CLASS_DEFAULT ? DMSC_HASHED_DEFAULT : DMSC_HASHED_OTHER;
	c->hashed = hashed;
	for (i = 0; i < c->nr_hashed; i++) {
		queue_init(&hashed[i], 0, class);
		hashed[i].quantum = s->base_quantum;
	}
	dmsc_sched_configure(s, class, &class_defaults[class]);
}

void dmsc_sched_limit(struct dmsc_sched *s, u32 packets, u32 bytes)
{
	s->limit_packets = packets;
	s->limit_bytes = bytes;
	s->calm_packets = packets - packets / 8;
	s->calm_bytes = bytes - bytes / 8;
}

int dmsc_sched_init(struct dmsc_sched *s, u32 mtu, const struct dmsc_sched_ops *ops)
{
	u32 total = DMSC_HASHED_DEFAULT + (DMSC_NR_CLASSES - 1) * DMSC_HASHED_OTHER;
	struct dmsc_queue *next;
	u32 c;

	memset(s, 0, sizeof(*s));
	s->ops = ops;
	s->mtu = mtu;
	s->base_quantum = clamp_t(u32, mtu, DMSC_BASE_MIN, DMSC_BASE_MAX);
	dmsc_sched_limit(s, DMSC_TOTAL_PACKETS, DMSC_TOTAL_BYTES);
	s->slot = core_zalloc(DMSC_NR_SLOTS * sizeof(*s->slot));
	s->group = core_zalloc(DMSC_NR_CLASSES * DMSC_NR_GROUPS * sizeof(*s->group));
	s->longest = core_zalloc(DMSC_NR_CLASSES * sizeof(*s->longest));
	s->hashed = core_zalloc(total * sizeof(*s->hashed));
	if (!s->slot || !s->group || !s->longest || !s->hashed)
		return -ENOMEM;

	next = s->hashed;
	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		class_init(s, c, next);
		next += s->class[c].nr_hashed;
	}
	return 0;
}

void dmsc_sched_destroy(struct dmsc_sched *s)
{
	u32 i;

	for (i = 0; s->slot && i < DMSC_NR_SLOTS; i++)
		dmsc_queue_free(s->slot[i]);
	core_free(s->slot);
	core_free(s->group);
	core_free(s->longest);
	core_free(s->hashed);
	s->slot = NULL;
	s->group = NULL;
	s->longest = NULL;
	s->hashed = NULL;
}

static void queue_purge(struct dmsc_sched *s, struct dmsc_queue *q, struct dmsc_pkt **chain)
{
	struct dmsc_pkt *p;

	while (q->head) {
		p = dmsc_queue_pop(q);
		dmsc_count_dropped(s, q, p);
		dmsc_pkt_link(p, *chain);
		*chain = p;
	}
	dmsc_codel_idle(&q->cv);
	dmsc_queue_unplace(s, q);
}

struct dmsc_pkt *dmsc_sched_purge(struct dmsc_sched *s)
{
	struct dmsc_pkt *chain = NULL;
	struct dmsc_sched_class *c;
	u32 i;

	s->pending = NULL;
	s->now = 0;
	for (c = s->class; c < s->class + DMSC_NR_CLASSES; c++) {
		for (i = 0; i < c->nr_hashed; i++)
			queue_purge(s, &c->hashed[i], &chain);
	}
	for (i = 0; i < DMSC_NR_SLOTS; i++) {
		if (s->slot[i])
			queue_purge(s, s->slot[i], &chain);
	}
	for (c = s->class; c < s->class + DMSC_NR_CLASSES; c++) {
		c->due = s->sent;
		c->deficit = 0;
	}
	s->dropped = 0;
	return chain;
}

struct dmsc_counters dmsc_sched_counters(const struct dmsc_sched *s)
{
	struct dmsc_counters sum = { 0 };
	const struct dmsc_counters *n;
	u32 c;

	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		n = &s->class[c].n;
		sum.backlog_packets += n->backlog_packets;
		sum.backlog_bytes += n->backlog_bytes;
		sum.enq_packets += n->enq_packets;
		sum.enq_bytes += n->enq_bytes;
		sum.drop_packets += n->drop_packets;
		sum.drop_bytes += n->drop_bytes;
		sum.mark_packets += n->mark_packets;
	}
	return sum;
}

/* ---- classes ---- */

bool dmsc_sched_check(const struct dmsc_class_config cfg[DMSC_NR_CLASSES])
{
	u32 c, sum = 0;

	for (c = 0; c < DMSC_NR_CLASSES; c++)
		sum += cfg[c].share;
	return sum <= DMSC_SHARE_SUM_MAX;
}

static void set_bit_if(u32 *set, u32 bit, bool on)
{
	*set = on ? *set | bit : *set & ~bit;
}

/* What CoDel thought of the queue is long past, and its packets have no time. */
static void codel_restart_queue(struct dmsc_queue *q)
{
	struct dmsc_pkt *p;

	dmsc_codel_idle(&q->cv);
	for (p = q->head; p; p = dmsc_pkt_next(p))
		dmsc_pkt_stamp(p, 0);
}

static void codel_restart(struct dmsc_sched *s, u32 class)
{
	struct dmsc_sched_class *c = &s->class[class];
	u32 i;

	for (i = 0; i < c->nr_hashed; i++)
		codel_restart_queue(&c->hashed[i]);
	for (i = 0; i < DMSC_NR_SLOTS; i++) {
		if (s->slot[i] && s->slot[i]->class == class)
			codel_restart_queue(s->slot[i]);
	}
}

void dmsc_sched_configure(struct dmsc_sched *s, u32 class, const struct dmsc_class_config *cfg)
{
	struct dmsc_sched_class *c = &s->class[class];
	u32 bit = c->bit;

	s->limits += (u64)cfg->limit - c->cfg.limit;
	s->nr_shaped += !!cfg->ceil - !!c->cfg.ceil;
	if (cfg->codel && !c->cfg.codel)
		codel_restart(s, class);
	c->cfg = *cfg;
	c->calm = cfg->ecn ? min_t(u32, cfg->ecn, cfg->limit) : cfg->limit;
	c->due = s->sent;
	s->owed_from = s->sent;
	c->clock_per_byte = cfg->share ? (1000U << DMSC_CLOCK_SHIFT) / cfg->share : 0;
	c->deficit = 0;
	c->quantum = dmsc_quantum(s, cfg->weight);
	c->ahead = DMSC_AHEAD_BYTES + ((u64)c->quantum * c->clock_per_byte >> DMSC_CLOCK_SHIFT);
	c->codel.target = dmsc_codel_time(cfg->target);
	c->codel.interval = dmsc_codel_time(cfg->interval);
	set_bit_if(&c->extra, DMSC_EXTRA_CODEL, cfg->codel);
	set_bit_if(&c->extra, DMSC_EXTRA_CEIL, cfg->ceil);
	set_bit_if(&s->strict, bit, cfg->mode == DMSC_MODE_STRICT);
	set_bit_if(&s->shared, bit, cfg->share);
	if (c->ceil.bytes != cfg->ceil) {
		/* The time that it waits for is that of the old one. */
		dmsc_rate_set(&c->ceil, cfg->ceil);
		c->in_ceil = 0;
		s->held &= ~bit;
		dmsc_class_refresh(s, c);
	}
}

void dmsc_sched_divide(struct dmsc_sched *s, u32 class, u32 n)
{
	s->class[class].divide = n;
}

/* ---- slots ---- */

static void queue_configure(struct dmsc_queue *q, const struct dmsc_queue_config *cfg)
{
	q->weight = cfg->weight;
	q->sid = cfg->sid;
	q->rank = cfg->rank;
	q->shaped = cfg->rate || cfg->ceil;
	if (q->rate.bytes != cfg->rate) {
		dmsc_rate_set(&q->rate, cfg->rate);
		q->in_rate = 0;
	}
	if (q->ceil.bytes != cfg->ceil) {
		dmsc_rate_set(&q->ceil, cfg->ceil);
		q->in_ceil = 0;
	}
	q->keep_remaining = cfg->remaining == DMSC_REMAINING_KEEP;
	if (!q->keep_remaining)
		q->remaining = cfg->remaining;
	q->hinted = q->remaining;
}

struct dmsc_queue *dmsc_queue_alloc(u32 slot, u32 class, const struct dmsc_queue_config *cfg)
{
	struct dmsc_queue *q = core_zalloc(sizeof(*q));

	if (!q)
		return NULL;
	queue_init(q, slot, class);
	queue_configure(q, cfg);
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
	dmsc_queue_unplace(s, from);
	if (!from->head)
		return;
	dmsc_count_in(&to->n, from->n.backlog_packets, from->n.backlog_bytes);
	if (to->head) {
		dmsc_pkt_link(to->tail, from->head);
		to->tail = from->tail;
	} else {
		to->head = from->head;
		to->tail = from->tail;
		dmsc_queue_place(s, to);
	}
	from->head = NULL;
	if (s->class[to->class].extra & DMSC_EXTRA_SIZED) {
		dmsc_longest_resize(&s->class[to->class], from);
		dmsc_longest_resize(&s->class[to->class], to);
	}
}

/* @q, which keeps its packets, takes the configuration of @from. */
static void reconfigure(struct dmsc_sched *s, struct dmsc_queue *q, const struct dmsc_queue *from)
{
	struct dmsc_queue_config cfg = {
		.weight = from->weight, .sid = from->sid, .rank = from->rank,
		.rate = from->rate.bytes, .ceil = from->ceil.bytes,
		.remaining = from->keep_remaining ? DMSC_REMAINING_KEEP : from->remaining,
	};

	dmsc_queue_unplace(s, q);
	queue_configure(q, &cfg);
	q->quantum = dmsc_quantum(s, q->weight);
	q->deficit = min_t(s32, q->deficit, q->quantum);
	dmsc_queue_replace(s, q);
}

struct dmsc_queue *dmsc_sched_set_slot(struct dmsc_sched *s, u32 slot, struct dmsc_queue *q)
{
	struct dmsc_queue *old = s->slot[slot];

	s->now = 0;
	if (old && s->pending == old)
		s->pending = NULL;
	if (old)
		s->nr_shaped -= old->shaped;
	if (q)
		s->nr_shaped += q->shaped;
	if (old && q && old->class == q->class) {
		reconfigure(s, old, q);
		return q;
	}
	if (q)
		q->quantum = dmsc_quantum(s, q->weight);
	s->slot[slot] = q;
	s->nr_slots += !!q;
	if (old) {
		s->nr_slots--;
		queue_splice(s, old, dmsc_hashed_queue(s, old->class, slot));
	}
	return old;
}
