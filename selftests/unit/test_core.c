// SPDX-License-Identifier: GPL-2.0-or-later
/* The scheduler core, in userspace: what it promises, checked after each step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kmod/core/dscp.h"
#include "kmod/core/sched.h"
#include "lib/profile.h"

#define MTU 1514

/* Bytes of a turn of weight 16, which is the bound of most unfairness. */
#define TURN 4096

static uint32_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static struct dmsc_pkt *packet(u32 len)
{
	struct dmsc_pkt *p = calloc(1, sizeof(*p));

	p->len = len;
	return p;
}

/* The clock and the marks that the core asks for. */
static u32 now;
static bool can_mark;

static u32 clock_now(void)
{
	return now;
}

static bool mark_packet(struct dmsc_pkt *p)
{
	(void)p;
	return can_mark;
}

static const struct dmsc_sched_ops ops = { clock_now, mark_packet };

static u32 ms(u32 n)
{
	return n * (1000000 >> DMSC_CODEL_SHIFT);
}

static u32 free_chain(struct dmsc_pkt *p)
{
	struct dmsc_pkt *next;
	u32 n = 0;

	for (; p; p = next, n++) {
		next = p->next;
		free(p);
	}
	return n;
}

static u32 put(struct dmsc_sched *s, u32 slot, u32 class, u32 hash, u32 len)
{
	return free_chain(dmsc_sched_enqueue(s, dmsc_sched_queue(s, slot, class, hash), packet(len)));
}

/* What CoDel dropped is freed; where the time stands still it drops nothing. */
static struct dmsc_pkt *next(struct dmsc_sched *s)
{
	struct dmsc_pkt *dropped, *p = dmsc_sched_dequeue(s, &dropped);

	free_chain(dropped);
	return p;
}

static struct dmsc_pkt *peek(struct dmsc_sched *s)
{
	struct dmsc_pkt *dropped, *p = dmsc_sched_peek(s, &dropped);

	free_chain(dropped);
	return p;
}

/* Class of the packet that goes next, by which class's counter moves. */
static int take(struct dmsc_sched *s, u32 *len)
{
	u64 before[DMSC_NR_CLASSES];
	struct dmsc_pkt *p;
	int c;

	for (c = 0; c < DMSC_NR_CLASSES; c++)
		before[c] = s->class[c].n.deq_packets;
	p = next(s);
	if (!p)
		return -1;
	if (len)
		*len = p->len;
	free(p);
	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		if (s->class[c].n.deq_packets != before[c])
			return c;
	}
	return -1;
}

static void balanced(const struct dmsc_counters *n)
{
	assert_true(n->enq_packets == n->deq_packets + n->drop_packets + n->backlog_packets);
	assert_true(n->enq_bytes == n->deq_bytes + n->drop_bytes + n->backlog_bytes);
}

static void check(const struct dmsc_sched *s)
{
	u64 packets = 0, bytes = 0;
	int c;

	balanced(&s->n);
	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		balanced(&s->class[c].n);
		packets += s->class[c].n.backlog_packets;
		bytes += s->class[c].n.backlog_bytes;
		assert_true(s->class[c].n.backlog_bytes <= s->class[c].cfg.limit);
		/* exactly a backlogged class has queues to take from */
		assert_true(!s->class[c].n.backlog_packets ==
			    (list_empty(&s->class[c].fresh) && list_empty(&s->class[c].old)));
	}
	assert_true(packets == s->n.backlog_packets && bytes == s->n.backlog_bytes);
}

static void start(struct dmsc_sched *s)
{
	now = 0;
	can_mark = true;
	assert_int_equal(dmsc_sched_init(s, MTU, &ops), 0);
}

static void stop(struct dmsc_sched *s)
{
	free_chain(dmsc_sched_purge(s));
	check(s);
	assert_int_equal(s->n.backlog_packets, 0);
	dmsc_sched_destroy(s);
}

static void configure(struct dmsc_sched *s, u32 class, u32 mode, u32 weight, u32 share, u32 limit)
{
	struct dmsc_class_config cfg = { mode, weight, share, limit, 0 };

	dmsc_sched_configure(s, class, &cfg);
}

static void add_slot(struct dmsc_sched *s, u32 slot, u32 class, u32 weight)
{
	dmsc_queue_free(dmsc_sched_set_slot(s, slot, dmsc_queue_alloc(slot, class, weight, slot)));
}

static void test_strict_order(void **state)
{
	static const int order[] = { 7, 6, 5, 4, 3, 2, 0, 1 };
	struct dmsc_sched s;
	int c, k;

	(void)state;
	start(&s);
	for (c = 0; c < 8; c++)
		configure(&s, c, DMSC_MODE_STRICT, 16, 0, 1 << 20);
	for (k = 0; k < 5; k++)
		for (c = 0; c < 8; c++)
			put(&s, 0, c, k, 100 + k);
	for (c = 0; c < 8; c++)
		for (k = 0; k < 5; k++)
			assert_int_equal(take(&s, NULL), order[c]);
	assert_int_equal(take(&s, NULL), -1);
	stop(&s);
}

/* A saturating strict class leaves those below exactly what they are guaranteed. */
static void test_guarantee(void **state)
{
	u64 sent[8] = { 0 }, total = 0;
	struct dmsc_sched s;
	u32 len;
	int i, c;

	(void)state;
	start(&s);
	for (c = 0; c < 8; c++)
		configure(&s, c, DMSC_MODE_STRICT, 16, 0, 1 << 20);
	configure(&s, DMSC_CLASS_DATA, DMSC_MODE_WEIGHTED, 16, 200, 1 << 20);
	configure(&s, DMSC_CLASS_BULK, DMSC_MODE_WEIGHTED, 16, 50, 1 << 20);
	configure(&s, DMSC_CLASS_DEFAULT, DMSC_MODE_WEIGHTED, 16, 0, 1 << 20);
	for (i = 0; i < 200000; i++) {
		/* keep them backlogged, with uneven sizes */
		for (c = 0; c < 8; c++) {
			if ((c == DMSC_CLASS_DATA || c == DMSC_CLASS_BULK ||
			     c == DMSC_CLASS_DEFAULT || c == DMSC_CLASS_EXPERT) &&
			    s.class[c].n.backlog_packets < 3) {
				put(&s, 0, c, i, 64 + rnd(MTU - 64));
				put(&s, 0, c, i, 64 + rnd(MTU - 64));
			}
		}
		c = take(&s, &len);
		sent[c] += len;
		total += len;
		/* within a quantum of the guarantee at every moment */
		assert_true(sent[DMSC_CLASS_DATA] + 2 * MTU >= total / 5);
		assert_true(sent[DMSC_CLASS_BULK] + 2 * MTU >= total / 20);
	}
	/* and no more than that, since the strict class wants all */
	assert_true(sent[DMSC_CLASS_DATA] <= total / 5 + 4 * MTU);
	assert_true(sent[DMSC_CLASS_BULK] <= total / 20 + 4 * MTU);
	assert_true(sent[DMSC_CLASS_DEFAULT] == 0);
	stop(&s);
}

/*
 * The same with packets of very different sizes: small strict ones, GSO ones
 * below, for more bytes than 32 bits hold.
 */
static void test_guarantee_sizes(void **state)
{
	u64 sent[8] = { 0 }, total = 0;
	struct dmsc_sched s;
	u32 len, i;
	int c;

	(void)state;
	start(&s);
	configure(&s, 7, DMSC_MODE_STRICT, 16, 0, 1 << 22);
	configure(&s, 2, DMSC_MODE_WEIGHTED, 16, 400, 1 << 22);
	configure(&s, 1, DMSC_MODE_WEIGHTED, 16, 100, 1 << 22);
	for (i = 0; i < 600000; i++) {
		if (!s.class[7].n.backlog_packets)
			put(&s, 0, 7, i, i & 1 ? 64 : 50000);
		while (s.class[2].n.backlog_packets < 2)
			put(&s, 0, 2, i, 65535);
		while (s.class[1].n.backlog_packets < 2)
			put(&s, 0, 1, i, 1500);
		c = take(&s, &len);
		sent[c] += len;
		total += len;
		assert_true(sent[2] + 2 * 65535 >= 2 * total / 5 &&
			    sent[2] <= 2 * total / 5 + 2 * 65535);
		assert_true(sent[1] + 65535 >= total / 10 && sent[1] <= total / 10 + 65535);
	}
	assert_true(sent[2] > 1U << 31);
	stop(&s);
}

/* Ordinary turns count towards the guarantee: among weighted classes it only lifts. */
static void test_guarantee_among_weighted(void **state)
{
	u64 sent[8] = { 0 }, total = 0;
	struct dmsc_sched s;
	u32 len;
	int i, c;

	(void)state;
	start(&s);
	for (i = 0; i < 200000; i++) {
		for (c = 0; c < 3; c++) {
			while (s.class[c].n.backlog_packets < 2)
				put(&s, 0, c, 0, 64 + rnd(MTU - 64));
		}
		c = take(&s, &len);
		sent[c] += len;
		total += len;
	}
	/* the defaults, 64 : 16 : 4, where bulk has 4.76 % by weight and 5 % guaranteed */
	assert_in_range(1000 * sent[DMSC_CLASS_BULK] / total, 49, 53);
	assert_in_range(1000 * sent[DMSC_CLASS_DEFAULT] / total, 187, 193);
	stop(&s);
}

/* A guarantee is not saved up while a class has nothing to send. */
static void test_no_hoarding(void **state)
{
	struct dmsc_sched s;
	int i, in_a_row = 0;

	(void)state;
	start(&s);
	configure(&s, DMSC_CLASS_EXPERT, DMSC_MODE_STRICT, 16, 0, 1 << 20);
	configure(&s, DMSC_CLASS_DATA, DMSC_MODE_WEIGHTED, 16, 100, 1 << 20);
	for (i = 0; i < 10000; i++) {
		put(&s, 0, DMSC_CLASS_EXPERT, i, 1000);
		take(&s, NULL);
	}
	for (i = 0; i < 100; i++) {
		put(&s, 0, DMSC_CLASS_EXPERT, i, 1000);
		put(&s, 0, DMSC_CLASS_DATA, 0, 1000);
	}
	while (take(&s, NULL) == DMSC_CLASS_DATA)
		in_a_row++;
	assert_true(in_a_row <= 1);
	stop(&s);
}

static void test_weights(void **state)
{
	u64 sent[8] = { 0 };
	struct dmsc_sched s;
	u32 len;
	int i, c;

	(void)state;
	start(&s);
	for (c = 0; c < 8; c++)
		configure(&s, c, DMSC_MODE_WEIGHTED, 1, 0, 1 << 20);
	configure(&s, 2, DMSC_MODE_WEIGHTED, 64, 0, 1 << 20);
	configure(&s, 0, DMSC_MODE_WEIGHTED, 16, 0, 1 << 20);
	configure(&s, 1, DMSC_MODE_WEIGHTED, 4, 0, 1 << 20);
	for (i = 0; i < 300000; i++) {
		for (c = 0; c < 3; c++) {
			while (s.class[c].n.backlog_packets < 2)
				put(&s, 0, c, 0, 64 + rnd(MTU - 64));
		}
		c = take(&s, &len);
		sent[c] += len;
	}
	/* 64 : 16 : 4 within 0.5 % */
	assert_true(llabs((long long)(sent[2] - 4 * sent[0])) < (long long)(sent[2] / 200));
	assert_true(llabs((long long)(sent[0] - 4 * sent[1])) < (long long)(sent[0] / 200));
	stop(&s);
}

static void test_queue_fairness(void **state)
{
	u64 base = 0, triple = 0;
	struct dmsc_sched s;
	int i;

	(void)state;
	start(&s);
	add_slot(&s, 1, 2, 16);
	add_slot(&s, 2, 2, 48);
	for (i = 0; i < 50000; i++) {
		while (s.slot[1]->n.backlog_packets < 2)
			put(&s, 1, 2, 0, 64 + rnd(MTU - 64));
		while (s.slot[2]->n.backlog_packets < 2)
			put(&s, 2, 2, 0, 64 + rnd(MTU - 64));
		take(&s, NULL);
		base = s.slot[1]->n.deq_bytes;
		triple = s.slot[2]->n.deq_bytes;
		/* never further apart than a turn of each */
		assert_true(llabs((long long)(3 * base - triple)) <= 2 * 3 * TURN + 3 * MTU);
	}
	stop(&s);
}

/* A sparse flow passes the backlog of a heavy one. */
static void test_sparse_first(void **state)
{
	struct dmsc_sched s;
	u32 len;
	int i;

	(void)state;
	start(&s);
	for (i = 0; i < 100; i++)
		put(&s, 0, 0, 1, MTU);
	for (i = 0; i < TURN / MTU + 1; i++)
		take(&s, NULL);
	put(&s, 0, 0, 2, 77);
	assert_int_equal(take(&s, &len), 0);
	assert_int_equal(len, 77);
	stop(&s);
}

/* Whoever has one packet at a time takes turns, and no more. */
static void test_one_at_a_time(void **state)
{
	static const u32 lengths[] = { 1000, 65000 };
	struct dmsc_sched s;
	u64 others;
	size_t k;
	int i;

	(void)state;
	/* flows of a class; one packet of the greedy one lasts many turns */
	for (k = 0; k < 2; k++) {
		start(&s);
		for (i = 0; i < 10000; i++) {
			while (s.class[0].hashed[1].n.backlog_packets < 2)
				put(&s, 0, 0, 1, 1000);
			if (!s.class[0].hashed[2].n.backlog_packets)
				put(&s, 0, 0, 2, lengths[k]);
			take(&s, NULL);
		}
		others = s.class[0].hashed[1].n.deq_bytes;
		assert_true(others + lengths[k] + 2 * TURN >= s.class[0].hashed[2].n.deq_bytes);
		assert_true(s.class[0].hashed[2].n.deq_packets > 100);
		stop(&s);
	}
	/* weighted classes */
	for (k = 0; k < 2; k++) {
		start(&s);
		configure(&s, 0, DMSC_MODE_WEIGHTED, 16, 0, 1 << 22);
		configure(&s, 1, DMSC_MODE_WEIGHTED, 16, 0, 1 << 22);
		for (i = 0; i < 10000; i++) {
			while (s.class[1].n.backlog_packets < 2)
				put(&s, 0, 1, 1, 1000);
			if (!s.class[0].n.backlog_packets)
				put(&s, 0, 0, 2, lengths[k]);
			take(&s, NULL);
		}
		others = s.class[1].n.deq_bytes;
		assert_true(others + lengths[k] + 2 * TURN >= s.class[0].n.deq_bytes);
		assert_true(s.class[0].n.deq_packets > 100);
		stop(&s);
	}
}

static void test_limit(void **state)
{
	struct dmsc_sched s;
	int i;

	(void)state;
	start(&s);
	configure(&s, 1, DMSC_MODE_WEIGHTED, 16, 0, 20000);
	/* one flow fills the class; a second one makes room at its cost */
	for (i = 0; i < 30; i++)
		put(&s, 0, 1, 1, 1000);
	assert_int_equal(s.class[1].n.backlog_packets, 20);
	assert_int_equal(s.class[1].n.drop_packets, 10);
	for (i = 0; i < 5; i++)
		assert_int_equal(put(&s, 0, 1, 2, 1000), 1);
	assert_int_equal(s.class[1].hashed[2].n.backlog_packets, 5);
	assert_int_equal(s.class[1].hashed[1].n.backlog_packets, 15);
	check(&s);
	/* nothing larger than the limit gets in */
	assert_int_equal(put(&s, 0, 1, 3, 30000), 1);
	stop(&s);
}

/* A class in need makes room at the cost of the least important one. */
static void test_total_limit(void **state)
{
	struct dmsc_sched s;
	u32 i;

	(void)state;
	start(&s);
	for (i = 0; i < DMSC_NR_CLASSES; i++)
		configure(&s, i, DMSC_MODE_STRICT, 16, 0, DMSC_LIMIT_MAX);
	for (i = 0; i < DMSC_TOTAL_PACKETS; i++)
		assert_int_equal(put(&s, 0, 3 + (i & 1), i, 100), 0);
	assert_int_equal(put(&s, 0, 1, 0, 100), 1);
	assert_int_equal(s.class[1].n.drop_packets, 1);
	assert_int_equal(put(&s, 0, 7, 0, 100), 1);
	assert_int_equal(s.class[7].n.backlog_packets, 1);
	assert_int_equal(s.class[3].n.drop_packets, 1);
	assert_int_equal(put(&s, 0, 4, 0, 100), 1);
	assert_int_equal(s.class[3].n.drop_packets, 2);
	assert_int_equal(s.dropped, 1 << 1 | 1 << 3);
	check(&s);
	free_chain(dmsc_sched_purge(&s));
	/* bytes: the sum never leaves 32 bits */
	for (i = 0; i < 20; i++)
		put(&s, 0, i % 8, i, 1 << 28);
	assert_int_equal(s.n.backlog_bytes, DMSC_TOTAL_BYTES);
	check(&s);
	stop(&s);
}

static void test_mark(void **state)
{
	struct dmsc_class_config cfg = { DMSC_MODE_WEIGHTED, 16, 0, 1 << 20, 5000 };
	struct dmsc_sched s;
	int i;

	(void)state;
	start(&s);
	dmsc_sched_configure(&s, 2, &cfg);
	for (i = 1; i <= 8; i++) {
		put(&s, 0, 2, 0, 1000);
		assert_int_equal(s.class[2].n.mark_packets, i > 5 ? i - 5 : 0);
	}
	/* what cannot be marked is queued all the same */
	can_mark = false;
	put(&s, 0, 2, 0, 1000);
	assert_int_equal(s.class[2].n.mark_packets, 3);
	assert_int_equal(s.class[2].n.backlog_packets, 9);
	stop(&s);
}

/*
 * Ten packets arrive and @rate leave in each of 1000 steps of 1 ms. Returns the
 * longest wait, in ms, of the last tenth.
 */
static u32 codel_run(struct dmsc_sched *s, u32 class, u32 rate)
{
	struct dmsc_pkt *p;
	u32 step, i, longest = 0;

	for (step = 0; step < 1000; step++, now += ms(1)) {
		/* a sender that reacts: one packet less a step for each drop or mark */
		for (i = 0; i + s->n.drop_packets + s->n.mark_packets < 10; i++)
			put(s, 0, class, 1, MTU);
		for (i = 0; i < rate && (p = next(s)); i++) {
			if (step >= 900 && (now - p->time) / ms(1) > longest)
				longest = (now - p->time) / ms(1);
			free(p);
		}
		check(s);
	}
	return longest;
}

static void test_codel(void **state)
{
	struct dmsc_sched s;
	struct dmsc_pkt *p, *dropped;
	u32 i;

	(void)state;
	/* no standing queue: nothing is dropped */
	start(&s);
	assert_int_equal(codel_run(&s, 0, 10), 0);
	assert_int_equal(s.n.drop_packets + s.n.mark_packets, 0);
	stop(&s);
	/* a standing queue is worked off, by drops or by marks */
	for (i = 0; i < 2; i++) {
		start(&s);
		can_mark = i;
		now = 0U - ms(500); /* the clock wraps on the way */
		assert_true(codel_run(&s, 0, 8) <= 10);
		assert_true(s.n.drop_packets == 0 ? i == 1 : i == 0);
		assert_true(s.n.drop_packets + s.n.mark_packets > 0);
		stop(&s);
	}
	/* only what nobody planned is judged */
	start(&s);
	codel_run(&s, 2, 8);
	assert_int_equal(s.n.drop_packets, 0);
	stop(&s);
	/* the last packets are never dropped, and a peek drops only once */
	start(&s);
	can_mark = false;
	for (i = 0; i < 200; i++)
		put(&s, 0, 0, 1, MTU);
	for (i = 0; i < 100 && s.n.drop_packets == 0; i++) {
		now += ms(20);
		p = dmsc_sched_peek(&s, &dropped);
		assert_int_equal(free_chain(dropped), s.n.drop_packets);
		assert_ptr_equal(p, dmsc_sched_peek(&s, &dropped));
		assert_null(dropped);
		assert_ptr_equal(p, dmsc_sched_dequeue(&s, &dropped));
		assert_null(dropped);
		free(p);
		check(&s);
	}
	assert_int_equal(s.n.drop_packets, 1);
	while (s.n.backlog_packets > 1) {
		now += ms(1000);
		p = next(&s);
		assert_non_null(p);
		free(p);
		check(&s);
	}
	assert_int_equal(s.n.backlog_packets, 1);
	stop(&s);
}

/* What peek showed is what comes, whatever happened in between. */
static void test_peek(void **state)
{
	struct dmsc_sched s;
	struct dmsc_pkt *p;
	int i;

	(void)state;
	start(&s);
	assert_null(peek(&s));
	configure(&s, 1, DMSC_MODE_WEIGHTED, 16, 0, 10000);
	for (i = 0; i < 10; i++)
		put(&s, 0, 1, 1, 1000);
	p = peek(&s);
	put(&s, 0, 7, 0, 100); /* more important */
	for (i = 0; i < 4; i++)
		put(&s, 0, 1, 2 + i, 1000); /* drops from the peeked queue */
	assert_ptr_equal(peek(&s), p);
	assert_ptr_equal(next(&s), p);
	free(p);
	check(&s);
	assert_int_equal(take(&s, NULL), 7);
	stop(&s);
}

static void test_slots(void **state)
{
	struct dmsc_sched s;
	int i;

	(void)state;
	start(&s);
	add_slot(&s, 7, 2, 16);
	for (i = 0; i < 10; i++)
		put(&s, 7, 2, 0, 500);
	assert_int_equal(s.slot[7]->n.backlog_packets, 10);
	/* a packet of another class does not get into the slot's queue */
	assert_int_equal(dmsc_sched_queue(&s, 7, 3, 5)->slot, 0);
	/* same class: packets and counters stay */
	add_slot(&s, 7, 2, 32);
	assert_int_equal(s.slot[7]->n.backlog_packets, 10);
	assert_int_equal(s.slot[7]->weight, 32);
	/* another class: the packets go on in the old class */
	add_slot(&s, 7, 3, 16);
	assert_int_equal(s.slot[7]->n.backlog_packets, 0);
	assert_int_equal(s.class[2].n.backlog_packets, 10);
	check(&s);
	/* gone while it is the one that a peek chose */
	put(&s, 7, 3, 0, 500);
	assert_non_null(peek(&s));
	dmsc_queue_free(dmsc_sched_set_slot(&s, 7, NULL));
	assert_int_equal(s.nr_slots, 0);
	check(&s);
	for (i = 0; i < 11; i++)
		assert_true(take(&s, NULL) >= 0);
	assert_int_equal(take(&s, NULL), -1);
	stop(&s);
}

static void test_share_sum(void **state)
{
	struct dmsc_class_config cfg[DMSC_NR_CLASSES] = { 0 };
	struct dmsc_sched s;
	int c;

	(void)state;
	start(&s);
	for (c = 0; c < DMSC_NR_CLASSES; c++)
		cfg[c] = s.class[c].cfg;
	assert_true(dmsc_sched_check(cfg));
	for (c = 0; c < DMSC_NR_CLASSES; c++)
		cfg[c].share = 900 / 8 + 1;
	assert_false(dmsc_sched_check(cfg));
	stop(&s);
}

/* Extremes of weight, length and quantum; everything changes at random. */
static void test_random(void **state)
{
	struct dmsc_pkt *peeked = NULL, *p;
	struct dmsc_sched s;
	u32 i, slot, class;

	(void)state;
	for (seed = 1; seed < 9; seed++) {
		uint32_t keep = seed;

		assert_int_equal(dmsc_sched_init(&s, seed & 1 ? MTU : 64 << (2 * seed), &ops), 0);
		for (i = 0; i < 40000; i++) {
			slot = rnd(20);
			class = rnd(8);
			switch (rnd(16)) {
			case 0:
				configure(&s, class, rnd(2), 1 + rnd(DMSC_WEIGHT_MAX), rnd(112),
					  DMSC_LIMIT_MIN + rnd(200000));
				/* a smaller limit may leave a class above it: let it drain */
				while (s.class[class].n.backlog_bytes > s.class[class].cfg.limit)
					take(&s, NULL);
				peeked = NULL;
				break;
			case 1:
				if (slot)
					add_slot(&s, slot, class, 1 + rnd(DMSC_WEIGHT_MAX));
				peeked = NULL;
				break;
			case 2:
				if (slot)
					dmsc_queue_free(dmsc_sched_set_slot(&s, slot, NULL));
				peeked = NULL;
				break;
			case 3:
				p = peek(&s);
				assert_true(!p == !s.n.backlog_packets);
				if (peeked)
					assert_ptr_equal(p, peeked);
				peeked = p;
				break;
			case 4 ... 9:
				put(&s, slot, class, rnd(5000), 1 + rnd(rnd(10) ? MTU : 65535));
				now += rnd(ms(2));
				can_mark = rnd(2);
				break;
			default:
				p = next(&s);
				assert_true(p || !s.n.backlog_packets);
				if (peeked)
					assert_ptr_equal(p, peeked);
				peeked = NULL;
				free(p);
			}
			check(&s);
		}
		peeked = NULL;
		stop(&s);
		seed = keep;
	}
}

/* One table of DSCPs: the module's classifier and the default profile agree. */
static void test_profile(void **state)
{
	u32 of_default = 0, i;
	struct profile p;

	(void)state;
	assert_int_equal(profile_find("default", &p, NULL), 0);
	for (i = 0; i < DMSC_NR_CLASSES; i++)
		assert_int_equal(dmsc_class_of_dscp[p.dscp[i]], i);
	for (i = 0; i < 64; i++)
		of_default += dmsc_class_of_dscp[i] == DMSC_CLASS_DEFAULT;
	assert_int_equal(of_default, 64 - DMSC_NR_CLASSES + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strict_order),
		cmocka_unit_test(test_guarantee),
		cmocka_unit_test(test_guarantee_sizes),
		cmocka_unit_test(test_guarantee_among_weighted),
		cmocka_unit_test(test_no_hoarding),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_queue_fairness),
		cmocka_unit_test(test_sparse_first),
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_total_limit),
		cmocka_unit_test(test_mark),
		cmocka_unit_test(test_codel),
		cmocka_unit_test(test_peek),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_share_sum),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_profile),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
