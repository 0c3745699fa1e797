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
#include "kmod/core/longest.h"
#include "kmod/core/fast.h"
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
static u64 now; /* ns */
static u64 nr_clocks;
static bool can_mark;

static u64 clock_now(void)
{
	nr_clocks++;
	return now;
}

static bool mark_packet(struct dmsc_pkt *p)
{
	(void)p;
	return can_mark;
}

static const struct dmsc_sched_ops ops = { clock_now, mark_packet };

static u64 ms(u64 n)
{
	return n * 1000000;
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

/* As the qdisc does. */
static u32 put(struct dmsc_sched *s, u32 slot, u32 class, u32 hash, u32 len)
{
	struct dmsc_queue *q = dmsc_sched_queue(s, slot, class, hash);
	struct dmsc_pkt *p = packet(len);

	return dmsc_enqueue_fast(s, q, p, true) ? 0 : free_chain(dmsc_sched_enqueue(s, q, p));
}

/* What CoDel dropped is freed; where the time stands still it drops nothing. */
static struct dmsc_pkt *next(struct dmsc_sched *s)
{
	struct dmsc_pick pick = dmsc_pick_fast(s);
	struct dmsc_pkt *dropped, *p;

	p = pick.class ? dmsc_take_fast(s, pick, true) : NULL;
	if (p)
		return p;
	p = dmsc_sched_dequeue(s, &dropped);
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
		before[c] = dmsc_sent_packets(&s->class[c].n);
	p = next(s);
	if (!p)
		return -1;
	if (len)
		*len = p->len;
	free(p);
	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		if (dmsc_sent_packets(&s->class[c].n) != before[c])
			return c;
	}
	return -1;
}

static void balanced(const struct dmsc_counters *n)
{
	assert_true(n->enq_packets >= n->drop_packets + n->backlog_packets);
	assert_true(n->enq_bytes >= n->drop_bytes + n->backlog_bytes);
}

static void check(const struct dmsc_sched *s)
{
	u64 packets = 0, bytes = 0;
	int c;

	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		balanced(&s->class[c].n);
		packets += s->class[c].n.backlog_packets;
		bytes += s->class[c].n.backlog_bytes;
		assert_true(s->class[c].n.backlog_bytes <= s->class[c].cfg.limit);
		/* exactly a backlogged class has queues to take from, unless held back */
		assert_true(s->nr_shaped ||
			    !s->class[c].n.backlog_packets ==
				    !(s->class[c].groups || s->class[c].shortest.root));
	}
	assert_true(packets == s->backlog_packets && bytes == s->backlog_bytes);
}

static void start(struct dmsc_sched *s)
{
	now = 0;
	nr_clocks = 0;
	can_mark = true;
	assert_int_equal(dmsc_sched_init(s, MTU, &ops), 0);
}

static void stop(struct dmsc_sched *s)
{
	free_chain(dmsc_sched_purge(s));
	check(s);
	assert_int_equal(s->backlog_packets, 0);
	dmsc_sched_destroy(s);
}

static void configure(struct dmsc_sched *s, u32 class, u32 mode, u32 weight, u32 share, u32 limit)
{
	struct dmsc_class_config cfg = s->class[class].cfg;

	cfg.mode = mode;
	cfg.weight = weight;
	cfg.share = share;
	cfg.limit = limit;
	cfg.ecn = 0;
	dmsc_sched_configure(s, class, &cfg);
}

static void set_slot(struct dmsc_sched *s, u32 slot, u32 class, struct dmsc_queue_config cfg)
{
	dmsc_queue_free(dmsc_sched_set_slot(s, slot, dmsc_queue_alloc(slot, class, &cfg)));
}

static void add_slot(struct dmsc_sched *s, u32 slot, u32 class, u32 weight)
{
	struct dmsc_queue_config cfg = { .weight = weight, .sid = slot, .rank = DMSC_RANK_DEFAULT };

	set_slot(s, slot, class, cfg);
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
/*
 * To part of a byte of the byte clock, a class passes others as late as its
 * guarantee says: with 7 permille a byte is worth 142 and 6/7 of the clock's,
 * 599186 parts of 2^-22 of them, rounded down, and no rounding adds up, neither
 * when it passes nor when it sends in its ordinary turns in between.
 */
static void test_clock_fraction(void **state)
{
	const u64 part = (1000U << DMSC_CLOCK_SHIFT) / 7, whole = 1ULL << DMSC_CLOCK_SHIFT;
	u64 early = 0, sent = 0, behind, least = U64_MAX;
	struct dmsc_sched_class *c;
	struct dmsc_sched s;
	u32 i, len;

	(void)state;
	start(&s);
	for (i = 0; i < DMSC_NR_CLASSES; i++)
		configure(&s, i, DMSC_MODE_STRICT, 16, 0, 1 << 30);
	configure(&s, 1, DMSC_MODE_STRICT, 16, 7, 1 << 30);
	c = &s.class[1];
	/* in turns a packet that takes it far ahead, and one that is sent when it is */
	for (i = 0; i < 200; i++) {
		put(&s, 0, 1, 0, 20000 + rnd(1500));
		put(&s, 0, 1, 0, 1 + rnd(100));
	}
	for (i = 0; i < 200; i++) {
		/* up to the time when it is due, and a byte */
		len = c->due - s.sent;
		put(&s, 0, 5, 0, len ? len : 1);
		put(&s, 0, 5, 0, 1);
		put(&s, 0, 5, 0, 1);
		assert_int_equal(take(&s, &len), 5);
		sent += len;
		if (s.sent <= c->due) {
			assert_int_equal(s.sent, c->due);
			assert_int_equal(take(&s, &len), 5);
			sent += len;
		}
		/* it passes, no part of the clock too early, and not a byte too late */
		behind = (sent << DMSC_CLOCK_SHIFT) - early * part;
		assert_true(sent << DMSC_CLOCK_SHIFT > early * part);
		assert_true(behind <= whole || !i);
		least = behind < least ? behind : least;
		assert_int_not_equal(s.class[5].n.backlog_packets, 0);
		assert_int_equal(take(&s, &len), 1);
		early += len;
		sent += len;
		/* those it passed, and then nobody wants more */
		while (s.class[5].n.backlog_packets) {
			assert_int_equal(take(&s, &len), 5);
			sent += len;
		}
		assert_int_equal(take(&s, &len), 1);
		sent += len;
	}
	assert_true(least < whole / 50);
	stop(&s);
}

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
		base = dmsc_sent_bytes(&s.slot[1]->n);
		triple = dmsc_sent_bytes(&s.slot[2]->n);
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
		others = dmsc_sent_bytes(&s.class[0].hashed[1].n);
		assert_true(others + lengths[k] + 2 * TURN >=
			    dmsc_sent_bytes(&s.class[0].hashed[2].n));
		assert_true(dmsc_sent_packets(&s.class[0].hashed[2].n) > 100);
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
		others = dmsc_sent_bytes(&s.class[1].n);
		assert_true(others + lengths[k] + 2 * TURN >= dmsc_sent_bytes(&s.class[0].n));
		assert_true(dmsc_sent_packets(&s.class[0].n) > 100);
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

static u32 longest_of(struct dmsc_sched *s, u32 class)
{
	struct dmsc_queue *q = dmsc_sched_longest(s, class);

	return q ? q->n.backlog_bytes : 0;
}

/* Lists by size: each holds what differs by less than a quarter of the shorter. */
static void test_sizes(void **state)
{
	u32 bytes, size, first = 1;

	(void)state;
	assert_int_equal(dmsc_size_of(0), 1);
	assert_int_equal(dmsc_size_of(1), 1);
	for (bytes = 2; bytes < 1 << 20; bytes++) {
		size = dmsc_size_of(bytes);
		if (size != dmsc_size_of(bytes - 1)) {
			assert_int_equal(size, dmsc_size_of(bytes - 1) + 1);
			first = bytes;
		}
		assert_true(4 * bytes < 5 * first);
	}
	for (bytes = 1 << 20; bytes < 1U << 31; bytes += bytes / 64)
		assert_int_equal(dmsc_size_of(bytes), dmsc_size_of(bytes / 2) + 4);
	assert_int_equal(dmsc_size_of(U32_MAX), DMSC_NR_SIZES - 5);
}

/*
 * A full class with many queues drops from one with more than four fifths of the
 * longest's bytes, and looks at all of them once for as many packets.
 */
static void test_longest(void **state)
{
	struct dmsc_longest *lists;
	u32 i, k, len, longest, drops = 0, before[DMSC_HASHED_DEFAULT];
	struct dmsc_pkt *dropped, *p;
	struct dmsc_queue *q;
	struct dmsc_sched s;

	(void)state;
	start(&s);
	configure(&s, 0, DMSC_MODE_WEIGHTED, 16, 0, 2 << 20);
	lists = s.class[0].longest;
	assert_int_equal(lists->epoch, 0);
	for (i = 0; i < 40000; i++) {
		if (rnd(8) == 0)
			free(next(&s));
		for (k = 0; k < DMSC_HASHED_DEFAULT; k++)
			before[k] = s.class[0].hashed[k].n.backlog_bytes;
		longest = longest_of(&s, 0);
		/* some have more than others */
		q = dmsc_sched_queue(&s, 0, 0, rnd(rnd(3) ? 64 : DMSC_HASHED_DEFAULT));
		k = q - s.class[0].hashed;
		len = 1 + rnd(MTU);
		p = packet(len);
		dropped = dmsc_sched_enqueue(&s, q, p);
		if (dropped == p) {
			/* others may have given way first */
			assert_true(5 * (before[k] + len) > 4 * longest_of(&s, 0));
			drops++;
		} else if (dropped) {
			for (k = 0; s.class[0].hashed[k].n.backlog_bytes >= before[k]; k++)
				assert_true(k + 1 < DMSC_HASHED_DEFAULT);
			/* the first of several at least was dropped when it was the longest */
			assert_true(5 * before[k] > 4 * longest || dropped->next);
			drops++;
		}
		free_chain(dropped);
		if (i % 64 == 0)
			check(&s);
	}
	assert_true(drops > 10000);
	assert_int_equal(lists->epoch, 1);
	/* Without drops they are given up, and what they say later is not believed. */
	while (s.class[0].extra & DMSC_EXTRA_SIZED)
		free(next(&s));
	assert_true(dmsc_sent_packets(&s.class[0].n) < 40000);
	while (!put(&s, 0, 0, rnd(DMSC_HASHED_DEFAULT), MTU))
		;
	assert_int_equal(lists->epoch, 2);
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
	/* room is made by the lowest class over its eighth, not by the lowest of all */
	for (i = 0; i < DMSC_TOTAL_PACKETS / 8; i++)
		assert_int_equal(put(&s, 0, 1, i, 100), 1);
	assert_int_equal(s.class[1].n.backlog_packets, DMSC_TOTAL_PACKETS / 8);
	assert_int_equal(s.class[3].n.drop_packets, DMSC_TOTAL_PACKETS / 8);
	/* a class that is over it itself, and below others, gives way to itself */
	assert_int_equal(put(&s, 0, 1, 0, 100), 1);
	assert_int_equal(s.class[1].n.drop_packets, 1);
	assert_int_equal(put(&s, 0, 7, 0, 100), 1);
	assert_int_equal(s.class[7].n.backlog_packets, 1);
	assert_int_equal(s.class[3].n.drop_packets, DMSC_TOTAL_PACKETS / 8 + 1);
	assert_int_equal(s.class[4].n.drop_packets, 0);
	assert_int_equal(s.dropped, 1 << 1 | 1 << 3);
	check(&s);
	free_chain(dmsc_sched_purge(&s));
	/* bytes: the sum never leaves 32 bits */
	for (i = 0; i < 20; i++)
		put(&s, 0, i % 8, i, 1 << 28);
	assert_int_equal(s.backlog_bytes, DMSC_TOTAL_BYTES);
	check(&s);
	stop(&s);
}

static void test_mark(void **state)
{
	struct dmsc_class_config cfg = { DMSC_MODE_WEIGHTED, 16, 0, 1 << 20, 5000, .fair = 1 };
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

/* Marks come before drops: when the whole is nearly full, who would drop marks. */
static void test_mark_before_drop(void **state)
{
	struct dmsc_sched s;
	u32 i, marked;

	(void)state;
	start(&s);
	dmsc_sched_limit(&s, 800, DMSC_TOTAL_BYTES);
	for (i = 0; i < 2; i++) {
		struct dmsc_class_config cfg = s.class[2 + i].cfg;

		cfg.ecn = 1 << 20; /* never reached */
		dmsc_sched_configure(&s, 2 + i, &cfg);
	}
	for (i = 0; i < 800; i++) {
		assert_int_equal(put(&s, 0, 2, 0, 100), 0);
		marked = s.class[2].n.mark_packets;
		assert_int_equal(marked, i < 699 ? 0 : i - 698);
	}
	/* a class within its part of the whole neither marks nor drops */
	assert_int_equal(put(&s, 0, 3, 0, 100), 1);
	assert_int_equal(s.class[3].n.mark_packets + s.class[3].n.drop_packets, 0);
	assert_int_equal(s.class[2].n.drop_packets, 1);
	stop(&s);
}

/* One flow a class: no matter what the hash is, one queue in order. */
static void test_no_flow_fairness(void **state)
{
	struct dmsc_class_config cfg;
	struct dmsc_sched s;

	(void)state;
	start(&s);
	cfg = s.class[1].cfg;
	cfg.fair = 0;
	dmsc_sched_configure(&s, 1, &cfg);
	assert_ptr_equal(dmsc_sched_queue(&s, 0, 1, 5), dmsc_sched_queue(&s, 0, 1, 6));
	assert_ptr_not_equal(dmsc_sched_queue(&s, 0, 2, 5), dmsc_sched_queue(&s, 0, 2, 6));
	stop(&s);
}

/* Slot of the packet that goes next; 0: of none, -1: no packet. */
static int take_slot(struct dmsc_sched *s, u32 nr)
{
	u64 before[64];
	struct dmsc_pkt *p;
	u32 i;

	for (i = 1; i <= nr; i++)
		before[i] = dmsc_sent_packets(&s->slot[i]->n);
	p = next(s);
	if (!p)
		return -1;
	free(p);
	for (i = 1; i <= nr; i++) {
		if (dmsc_sent_packets(&s->slot[i]->n) != before[i])
			return i;
	}
	return 0;
}

static void test_rank(void **state)
{
	struct dmsc_queue_config cfg = { .weight = 16 };
	static const int ranks[] = { 40, 3, 62, 3 };
	u32 i, k, of_two = 0;
	struct dmsc_sched s;

	(void)state;
	start(&s);
	for (i = 0; i < 4; i++) {
		cfg.rank = ranks[i];
		set_slot(&s, 1 + i, 2, cfg);
	}
	for (k = 0; k < 40; k++) {
		for (i = 0; i < 4; i++)
			put(&s, 1 + i, 2, 0, 1000);
		put(&s, 0, 2, 9, 1000); /* of the default rank, 32 */
	}
	/* equal ranks take turns */
	for (k = 0; k < 80; k++) {
		i = take_slot(&s, 4);
		assert_true(i == 2 || i == 4);
		of_two += i == 2;
		assert_in_range(of_two, k / 2 < 5 ? 0 : k / 2 - 5, k / 2 + 6);
	}
	for (k = 0; k < 40; k++)
		assert_int_equal(take_slot(&s, 4), 0);
	for (k = 0; k < 20; k++)
		assert_int_equal(take_slot(&s, 4), 1);
	/* a better one comes in between; a rank changes under load */
	put(&s, 2, 2, 0, 1000);
	assert_int_equal(take_slot(&s, 4), 2);
	cfg.rank = 0;
	set_slot(&s, 3, 2, cfg);
	for (k = 0; k < 40; k++)
		assert_int_equal(take_slot(&s, 4), 3);
	for (k = 0; k < 20; k++)
		assert_int_equal(take_slot(&s, 4), 1);
	check(&s);
	stop(&s);
}

static void test_shortest(void **state)
{
	struct dmsc_queue_config cfg = { .weight = 16, .rank = 5 };
	static const int order[] = { 3, 3, 1, 1, 1, 2, 2, 2, 2, 2 };
	struct dmsc_sched s;
	u32 i, k;

	(void)state;
	start(&s);
	cfg.remaining = 3000, set_slot(&s, 1, 2, cfg);
	cfg.remaining = 5000, set_slot(&s, 2, 2, cfg);
	cfg.remaining = 2000, set_slot(&s, 3, 2, cfg);
	cfg.remaining = 0, set_slot(&s, 4, 2, cfg); /* not known */
	cfg.remaining = 100, cfg.rank = 6, set_slot(&s, 5, 2, cfg);
	for (k = 0; k < 6; k++) {
		for (i = 1; i <= 5; i++)
			put(&s, i, 2, 0, 1000);
	}
	for (k = 0; k < sizeof(order) / sizeof(order[0]); k++)
		assert_int_equal(take_slot(&s, 5), order[k]);
	assert_int_equal(s.slot[2]->remaining, 0);
	/* what is left of theirs takes turns with the one that never said */
	for (k = 0; k < 4 + 3 + 1 + 6; k++)
		assert_in_range(take_slot(&s, 5), 1, 4);
	assert_int_equal(take_slot(&s, 5), 5);
	assert_int_equal(s.slot[5]->remaining, 0);
	/* a hint that is not given again stays; one that shrinks moves it to the front */
	cfg.rank = 5, cfg.remaining = 9000;
	set_slot(&s, 1, 2, cfg);
	cfg.remaining = DMSC_REMAINING_KEEP;
	set_slot(&s, 1, 2, cfg);
	assert_int_equal(s.slot[1]->remaining, 9000);
	cfg.remaining = 8000;
	set_slot(&s, 2, 2, cfg);
	put(&s, 1, 2, 0, 1000), put(&s, 1, 2, 0, 1000);
	put(&s, 2, 2, 0, 1000), put(&s, 2, 2, 0, 1000);
	assert_int_equal(take_slot(&s, 5), 2);
	cfg.remaining = 1000;
	set_slot(&s, 1, 2, cfg);
	assert_int_equal(take_slot(&s, 5), 1);
	assert_int_equal(take_slot(&s, 5), 2);
	check(&s);
	stop(&s);
}

/*
 * Dequeues for @ns, all that may go as soon as it may; bytes of each slot go to
 * @sent[slot], all others' to @sent[0].
 */
static void drain_for(struct dmsc_sched *s, u64 ns, u32 nr, u64 *sent, u32 step)
{
	u64 end = now + ns;
	u32 len[64], i;
	int slot;

	memset(sent, 0, (nr + 1) * sizeof(*sent));
	while (now < end) {
		for (i = 1; i <= nr; i++)
			len[i] = s->slot[i]->head ? s->slot[i]->head->len : 0;
		slot = take_slot(s, nr);
		if (slot < 0) {
			assert_true(dmsc_sched_next(s) > now);
			now = dmsc_sched_next(s);
			continue;
		}
		sent[slot] += slot ? len[slot] : 0;
		if (slot)
			put(s, slot, s->slot[slot]->class, 0, len[slot]);
		now += step;
		check(s);
	}
}

static void test_ceil(void **state)
{
	struct dmsc_queue_config cfg = { .weight = 16, .rank = 5, .ceil = 10000000 };
	struct dmsc_sched s;
	u64 sent[4];
	u32 i;

	(void)state;
	start(&s);
	now = ms(1000);
	set_slot(&s, 1, 2, cfg); /* 10 MB/s */
	cfg.ceil = 1000000;
	set_slot(&s, 2, 2, cfg);
	cfg.ceil = 0, cfg.rank = 6;
	for (i = 0; i < 3; i++)
		put(&s, 1, 2, 0, 1000), put(&s, 2, 2, 0, 500);
	assert_int_equal(dmsc_sched_next(&s), U64_MAX);
	drain_for(&s, ms(1000), 2, sent, 100);
	/* within 1 % beside the burst, and exactly what the link has left for one without */
	assert_in_range(sent[1], 9990000, 10021000);
	assert_in_range(sent[2], 999000, 1003000);
	set_slot(&s, 3, 2, cfg);
	for (i = 0; i < 3; i++)
		put(&s, 3, 2, 0, 1500);
	drain_for(&s, ms(1000), 3, sent, 10000);
	assert_in_range(sent[1], 9990000, 10021000);
	assert_true(sent[3] > 80000000);
	/* shared by four qdiscs: a fourth each */
	dmsc_sched_divide(&s, 2, 4);
	set_slot(&s, 3, 3, cfg);
	drain_for(&s, ms(1000), 2, sent, 100);
	assert_in_range(sent[1], 2490000, 2512000);
	/* lifted, while it is held back */
	set_slot(&s, 1, 2, cfg);
	assert_true(take_slot(&s, 2) >= 0);
	stop(&s);
}

/* Up to its rate a queue goes in its rank, above it after all others. */
static void test_rate(void **state)
{
	struct dmsc_queue_config cfg = { .weight = 16, .rank = 0, .rate = 10000000 };
	struct dmsc_sched s;
	u64 sent[4];
	u32 i;

	(void)state;
	start(&s);
	now = ms(1000);
	set_slot(&s, 1, 2, cfg);
	cfg.rate = 0, cfg.rank = 9;
	set_slot(&s, 2, 2, cfg);
	for (i = 0; i < 3; i++)
		put(&s, 1, 2, 0, 1000), put(&s, 2, 2, 0, 1000);
	/* the link takes 100 MB/s: the rate goes first, the rest is the other's */
	drain_for(&s, ms(1000), 2, sent, 10000);
	assert_in_range(sent[1], 9990000, 10021000);
	assert_in_range(sent[2], 89900000, 90100000);
	/* alone it may have all, up to its ceiling */
	cfg.rate = 10000000, cfg.ceil = 50000000, cfg.rank = 0;
	set_slot(&s, 1, 2, cfg);
	dmsc_queue_free(dmsc_sched_set_slot(&s, 2, NULL));
	while (s.class[2].hashed[2].n.backlog_packets)
		take_slot(&s, 1), now += 100;
	put(&s, 1, 2, 0, 1000), put(&s, 1, 2, 0, 1000);
	drain_for(&s, ms(1000), 1, sent, 100);
	assert_in_range(sent[1], 49950000, 50101000);
	stop(&s);
}

static void test_class_ceil(void **state)
{
	struct dmsc_class_config cfg;
	struct dmsc_sched s;
	u64 sent[8] = { 0 }, clocks;
	u32 len, i;
	int c;

	(void)state;
	start(&s);
	now = ms(1000);
	/* no clock is read where nothing needs one */
	put(&s, 0, 4, 0, 100);
	take(&s, NULL);
	clocks = nr_clocks;
	assert_int_equal(clocks, 0);
	cfg = s.class[4].cfg;
	cfg.ceil = 30000000;
	dmsc_sched_configure(&s, 4, &cfg);
	for (i = 0; i < 100000; i++) {
		while (s.class[4].n.backlog_packets < 2)
			put(&s, 0, 4, 1, MTU);
		while (s.class[1].n.backlog_packets < 2)
			put(&s, 0, 1, 1, MTU);
		c = take(&s, &len);
		assert_true(c == 4 || c == 1);
		sent[c] += len;
		now += 10 * len; /* 100 MB/s */
	}
	/* a strict class with a ceiling leaves the rest */
	assert_in_range(100 * sent[4] / (sent[4] + sent[1]), 29, 31);
	/* held back alone: nothing goes, and next() says when */
	while (s.class[1].n.backlog_packets)
		take(&s, NULL);
	for (i = 0; i < 200; i++)
		put(&s, 0, 4, 1, MTU);
	while (take(&s, NULL) >= 0)
		;
	assert_true(s.backlog_packets > 0);
	assert_in_range(dmsc_sched_next(&s), now + 1, now + ms(1));
	now = dmsc_sched_next(&s);
	assert_int_equal(take(&s, NULL), 4);
	/* what takes longer than the burst is to be split */
	assert_false(dmsc_sched_overshoots(&s, &s.class[4].hashed[0], 29000));
	assert_true(dmsc_sched_overshoots(&s, &s.class[4].hashed[0], 31000));
	assert_false(dmsc_sched_overshoots(&s, &s.class[1].hashed[0], 65535));
	cfg.ceil = 0;
	dmsc_sched_configure(&s, 4, &cfg);
	while (s.backlog_packets)
		assert_int_equal(take(&s, NULL), 4);
	stop(&s);
}

/* Rates from the smallest to the largest: time for a second's bytes is a second. */
static void test_rate_range(void **state)
{
	struct dmsc_rate r;
	u64 rate, ns;

	(void)state;
	for (rate = DMSC_RATE_MIN; rate <= DMSC_RATE_MAX; rate = rate * 11 / 7) {
		dmsc_rate_set(&r, rate);
		ns = dmsc_rate_ns(&r, 1000000);
		assert_true(llabs((long long)(ns - 1000000 * 1000000000ULL / rate)) <=
			    1 + (long long)(ns / 1000000));
	}
}

/* The heap against sorting, with removals from anywhere. */
static void test_heap(void **state)
{
	static struct dmsc_heap_node nodes[500];
	struct dmsc_heap h = { NULL };
	struct dmsc_heap_node *n;
	bool in[500] = { false };
	u32 i, k, size = 0, walked;
	u64 least;

	(void)state;
	for (i = 0; i < 20000; i++) {
		k = rnd(500);
		if (in[k]) {
			dmsc_heap_remove(&h, &nodes[k]);
			size--;
		} else {
			nodes[k].key = rnd(1000);
			dmsc_heap_add(&h, &nodes[k]);
			size++;
		}
		in[k] = !in[k];
		least = U64_MAX;
		for (k = 0; k < 500; k++)
			least = in[k] && nodes[k].key < least ? nodes[k].key : least;
		assert_true(h.root ? h.root->key == least : least == U64_MAX);
		walked = 0;
		for (n = h.root; n; n = dmsc_heap_next(n)) {
			assert_true(in[n - nodes]);
			walked++;
		}
		assert_int_equal(walked, size);
	}
}

/*
 * Ten packets arrive and @rate leave in each of 1000 steps of 1 ms. Returns the
 * longest wait, in ms, of the last tenth.
 */
static u32 codel_run(struct dmsc_sched *s, u32 class, u32 rate)
{
	struct dmsc_pkt *p;
	u32 step, i, waited, longest = 0;

	for (step = 0; step < 1000; step++, now += ms(1)) {
		/* a sender that reacts: one packet less a step for each drop or mark */
		for (i = 0;
		     i + dmsc_sched_counters(s).drop_packets + dmsc_sched_counters(s).mark_packets <
		     10;
		     i++)
			put(s, 0, class, 1, MTU);
		for (i = 0; i < rate && (p = next(s)); i++) {
			waited = (u32)(now >> DMSC_CODEL_SHIFT) - p->time;
			if (step >= 900 && p->time && waited / dmsc_codel_time(1000) > longest)
				longest = waited / dmsc_codel_time(1000);
			free(p);
		}
		check(s);
	}
	return longest;
}

static void test_codel(void **state)
{
	struct dmsc_class_config cfg;
	struct dmsc_sched s;
	struct dmsc_pkt *p, *dropped;
	u64 marks[2];
	u32 i;

	(void)state;
	/* no standing queue: nothing is dropped */
	start(&s);
	assert_int_equal(codel_run(&s, 0, 10), 0);
	assert_int_equal(dmsc_sched_counters(&s).drop_packets + dmsc_sched_counters(&s).mark_packets,
			 0);
	stop(&s);
	/* a standing queue is worked off, by drops or by marks */
	for (i = 0; i < 2; i++) {
		start(&s);
		can_mark = i;
		/* CoDel's clock wraps on the way */
		now = (1ULL << (32 + DMSC_CODEL_SHIFT)) - ms(500);
		assert_true(codel_run(&s, 0, 8) <= 10);
		assert_true(dmsc_sched_counters(&s).drop_packets == 0 ? i == 1 : i == 0);
		assert_true(dmsc_sched_counters(&s).drop_packets +
				    dmsc_sched_counters(&s).mark_packets >
			    0);
		stop(&s);
	}
	/* another target: a class under CoDel keeps to its own, slots as well */
	for (i = 0; i < 2; i++) {
		start(&s);
		cfg = s.class[2].cfg;
		cfg.codel = 1;
		cfg.target = i ? 50000 : 1000;
		cfg.interval = 20000;
		dmsc_sched_configure(&s, 2, &cfg);
		add_slot(&s, 1, 2, 16);
		assert_in_range(codel_run(&s, 2, 8), 0, i ? 60 : 5);
		marks[i] = s.class[2].n.mark_packets;
		stop(&s);
	}
	assert_true(marks[0] > 0 && marks[1] > 0);
	/* turned on over a queue whose packets bear no time: they are not judged */
	start(&s);
	can_mark = false;
	for (i = 0; i < 100; i++)
		put(&s, 0, 2, 1, MTU);
	cfg = s.class[2].cfg;
	cfg.codel = 1;
	dmsc_sched_configure(&s, 2, &cfg);
	while (s.backlog_packets) {
		now += ms(50);
		take(&s, NULL);
	}
	assert_int_equal(s.class[2].n.drop_packets, 0);
	stop(&s);
	/* only what nobody planned is judged */
	start(&s);
	codel_run(&s, 2, 8);
	assert_int_equal(dmsc_sched_counters(&s).drop_packets, 0);
	stop(&s);
	/* the last packets are never dropped, and a peek drops only once */
	start(&s);
	can_mark = false;
	for (i = 0; i < 200; i++)
		put(&s, 0, 0, 1, MTU);
	for (i = 0; i < 100 && dmsc_sched_counters(&s).drop_packets == 0; i++) {
		now += ms(20);
		p = dmsc_sched_peek(&s, &dropped);
		assert_int_equal(free_chain(dropped), dmsc_sched_counters(&s).drop_packets);
		assert_ptr_equal(p, dmsc_sched_peek(&s, &dropped));
		assert_null(dropped);
		assert_ptr_equal(p, dmsc_sched_dequeue(&s, &dropped));
		assert_null(dropped);
		free(p);
		check(&s);
	}
	assert_int_equal(dmsc_sched_counters(&s).drop_packets, 1);
	while (s.backlog_packets > 1) {
		now += ms(1000);
		p = next(&s);
		assert_non_null(p);
		free(p);
		check(&s);
	}
	assert_int_equal(s.backlog_packets, 1);
	stop(&s);
}

/* What peek shows is what comes, and what comes in between may come first. */
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
	assert_ptr_equal(peek(&s), p);
	assert_ptr_equal(next(&s), p);
	free(p);
	assert_non_null(peek(&s));
	put(&s, 0, 7, 0, 100); /* more important */
	for (i = 0; i < 4; i++)
		put(&s, 0, 1, 2 + i, 1000); /* drops from the peeked queue */
	p = peek(&s);
	assert_int_equal(p->len, 100);
	assert_ptr_equal(next(&s), p);
	free(p);
	check(&s);
	assert_int_equal(take(&s, NULL), 1);
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
	struct dmsc_queue_config of_slot = { 0 };
	struct dmsc_pkt *peeked = NULL, *p;
	struct dmsc_class_config cfg;
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
					now = take(&s, NULL) < 0 ? dmsc_sched_next(&s) : now;
				cfg = s.class[class].cfg;
				cfg.ceil = rnd(2) ? 0 : (uint64_t)DMSC_RATE_MIN << rnd(24);
				cfg.codel = rnd(2);
				cfg.target = 1 + rnd(6000);
				cfg.interval = 1 + rnd(200000);
				cfg.fair = rnd(2);
				cfg.ecn = rnd(2) * rnd(100000);
				dmsc_sched_configure(&s, class, &cfg);
				dmsc_sched_divide(&s, class, 1 + rnd(4));
				peeked = NULL;
				break;
			case 1:
				of_slot.weight = 1 + rnd(DMSC_WEIGHT_MAX);
				of_slot.rank = 30 + rnd(4);
				of_slot.rate = rnd(3) ? 0 : (uint64_t)DMSC_RATE_MIN << rnd(24);
				of_slot.ceil = rnd(3) ? 0 : of_slot.rate << rnd(3);
				of_slot.remaining = rnd(3) ? 0 : rnd(100000);
				if (!rnd(3))
					of_slot.remaining = DMSC_REMAINING_KEEP;
				if (slot)
					set_slot(&s, slot, class, of_slot);
				peeked = NULL;
				break;
			case 2:
				if (slot)
					dmsc_queue_free(dmsc_sched_set_slot(&s, slot, NULL));
				peeked = NULL;
				break;
			case 3:
				p = peek(&s);
				assert_true(!p == !s.backlog_packets || dmsc_sched_next(&s) > now);
				if (peeked)
					assert_ptr_equal(p, peeked);
				peeked = p;
				break;
			case 4 ... 9:
				put(&s, slot, class, rnd(5000), 1 + rnd(rnd(10) ? MTU : 65535));
				peeked = NULL;
				now += rnd(ms(2));
				can_mark = rnd(2);
				break;
			default:
				p = next(&s);
				assert_true(p || !s.backlog_packets || dmsc_sched_next(&s) > now);
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
		cmocka_unit_test(test_clock_fraction),
		cmocka_unit_test(test_guarantee_among_weighted),
		cmocka_unit_test(test_no_hoarding),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_queue_fairness),
		cmocka_unit_test(test_sparse_first),
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_total_limit),
		cmocka_unit_test(test_mark),
		cmocka_unit_test(test_mark_before_drop),
		cmocka_unit_test(test_no_flow_fairness),
		cmocka_unit_test(test_rank),
		cmocka_unit_test(test_shortest),
		cmocka_unit_test(test_ceil),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_class_ceil),
		cmocka_unit_test(test_rate_range),
		cmocka_unit_test(test_heap),
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
