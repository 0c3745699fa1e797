// SPDX-License-Identifier: GPL-2.0-or-later
/* The scheduler core, in userspace: what it promises, checked after each step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kmod/core/sched.h"

#define MTU 1514

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
	bool mark;

	return free_chain(dmsc_sched_enqueue(s, dmsc_sched_queue(s, slot, class, hash), packet(len),
					     &mark));
}

/* Class of the packet that goes next, by which class's counter moves. */
static int take(struct dmsc_sched *s, u32 *len)
{
	u64 before[DMSC_NR_CLASSES];
	struct dmsc_pkt *p;
	int c;

	for (c = 0; c < DMSC_NR_CLASSES; c++)
		before[c] = s->class[c].n.deq_packets;
	p = dmsc_sched_dequeue(s);
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
		/* a backlogged class has a queue to take from */
		assert_true(!s->class[c].n.backlog_packets || !list_empty(&s->class[c].fresh) ||
			    !list_empty(&s->class[c].old));
	}
	assert_true(packets == s->n.backlog_packets && bytes == s->n.backlog_bytes);
}

static void start(struct dmsc_sched *s)
{
	assert_int_equal(dmsc_sched_init(s, MTU), 0);
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
			if ((c == DMSC_CLASS_DATA || c == DMSC_CLASS_BULK || c == DMSC_CLASS_DEFAULT ||
			     c == DMSC_CLASS_EXPERT) && s.class[c].n.backlog_packets < 3) {
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
		/* never further apart than a quantum of each */
		assert_true(llabs((long long)(3 * base - triple)) <= 2 * 3 * MTU + 3 * MTU);
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
	take(&s, NULL);
	take(&s, NULL);
	put(&s, 0, 0, 2, 77);
	assert_int_equal(take(&s, &len), 0);
	assert_int_equal(len, 77);
	stop(&s);
}

/* Whoever has one packet at a time takes turns, and no more. */
static void test_one_at_a_time(void **state)
{
	struct dmsc_sched s;
	u64 heavy;
	int i;

	(void)state;
	start(&s);
	/* flows of a class */
	for (i = 0; i < 1000; i++)
		put(&s, 0, 0, 1, 1000);
	for (i = 0; i < 1000; i++) {
		if (!s.class[0].hashed[2].n.backlog_packets)
			put(&s, 0, 0, 2, 1000);
		take(&s, NULL);
	}
	heavy = s.class[0].hashed[1].n.deq_packets;
	assert_in_range(heavy, 400, 700);
	free_chain(dmsc_sched_purge(&s));
	/* weighted classes */
	configure(&s, 0, DMSC_MODE_WEIGHTED, 16, 0, 1 << 22);
	configure(&s, 1, DMSC_MODE_WEIGHTED, 16, 0, 1 << 22);
	for (i = 0; i < 1000; i++)
		put(&s, 0, 1, 1, 1000);
	heavy = s.class[1].n.deq_packets;
	for (i = 0; i < 1000; i++) {
		if (!s.class[0].n.backlog_packets)
			put(&s, 0, 0, 2, 1000);
		take(&s, NULL);
	}
	assert_in_range(s.class[1].n.deq_packets - heavy, 400, 700);
	stop(&s);
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

static void test_mark(void **state)
{
	struct dmsc_class_config cfg = { DMSC_MODE_WEIGHTED, 16, 0, 1 << 20, 5000 };
	struct dmsc_sched s;
	bool mark;
	int i;

	(void)state;
	start(&s);
	dmsc_sched_configure(&s, 2, &cfg);
	for (i = 1; i <= 8; i++) {
		assert_null(dmsc_sched_enqueue(&s, dmsc_sched_queue(&s, 0, 2, 0), packet(1000), &mark));
		assert_int_equal(mark, i > 5);
	}
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
	assert_null(dmsc_sched_peek(&s));
	configure(&s, 1, DMSC_MODE_WEIGHTED, 16, 0, 10000);
	for (i = 0; i < 10; i++)
		put(&s, 0, 1, 1, 1000);
	p = dmsc_sched_peek(&s);
	put(&s, 0, 7, 0, 100);			/* more important */
	for (i = 0; i < 4; i++)
		put(&s, 0, 1, 2 + i, 1000);	/* drops from the peeked queue */
	assert_ptr_equal(dmsc_sched_peek(&s), p);
	assert_ptr_equal(dmsc_sched_dequeue(&s), p);
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
	assert_non_null(dmsc_sched_peek(&s));
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
	assert_null(dmsc_sched_check(cfg));
	for (c = 0; c < DMSC_NR_CLASSES; c++)
		cfg[c].share = 900 / 8 + 1;
	assert_non_null(dmsc_sched_check(cfg));
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

		assert_int_equal(dmsc_sched_init(&s, seed & 1 ? MTU : 64 << (2 * seed)), 0);
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
				p = dmsc_sched_peek(&s);
				assert_true(!p == !s.n.backlog_packets);
				if (peeked)
					assert_ptr_equal(p, peeked);
				peeked = p;
				break;
			case 4 ... 9:
				put(&s, slot, class, rnd(5000), 1 + rnd(rnd(10) ? MTU : 65535));
				break;
			default:
				p = dmsc_sched_dequeue(&s);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strict_order), cmocka_unit_test(test_guarantee),
		cmocka_unit_test(test_no_hoarding),  cmocka_unit_test(test_weights),
		cmocka_unit_test(test_queue_fairness), cmocka_unit_test(test_sparse_first),
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_limit),	     cmocka_unit_test(test_mark),
		cmocka_unit_test(test_peek),	     cmocka_unit_test(test_slots),
		cmocka_unit_test(test_share_sum),    cmocka_unit_test(test_random),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
