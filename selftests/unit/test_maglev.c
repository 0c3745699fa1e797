// SPDX-License-Identifier: GPL-2.0-or-later
/* The Maglev table: shares, how little changes, and that every host makes the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/dmsc_gateway.h>

#include "lib/maglev.h"

#define SIZE 65537
#define SEED 0x1234567

static uint16_t table[SIZE], other[SIZE];

static void backends(struct maglev_backend *b, int n, uint32_t weight)
{
	int i;

	for (i = 0; i < n; i++)
		b[i] = (struct maglev_backend){ .key = { 0, 0x0b00000affff0000ULL + i },
						.weight = weight,
						.number = i + 1 };
}

static uint32_t share(const uint16_t *t, uint16_t number)
{
	uint32_t i, n = 0;

	for (i = 0; i < SIZE; i++)
		n += t[i] == number;
	return n;
}

static void fill(uint16_t *t, const struct maglev_backend *b, size_t n)
{
	assert_int_equal(maglev_fill(t, SIZE, b, n, SEED), 0);
}

/* Turns are taken one by one, so that equals differ by one position at most. */
static void equal_weights_have_equal_shares(void **state)
{
	static const int many[] = { 1, 2, 3, 7, 100, 1000 };
	struct maglev_backend b[1000];
	size_t i;
	int k;

	(void)state;
	for (i = 0; i < sizeof(many) / sizeof(many[0]); i++) {
		backends(b, many[i], 5);
		fill(table, b, many[i]);
		for (k = 1; k <= many[i]; k++)
			assert_in_range(share(table, k), SIZE / many[i], SIZE / many[i] + 1);
	}
}

static void shares_are_as_weights_are(void **state)
{
	static const uint32_t weights[] = { 1, 2, 3, 10, 100, 0, 50, 7 };
	struct maglev_backend b[8];
	uint32_t sum = 0;
	int i;

	(void)state;
	backends(b, 8, 1);
	for (i = 0; i < 8; i++) {
		b[i].weight = weights[i];
		sum += weights[i];
	}
	fill(table, b, 8);
	for (i = 0; i < 8; i++) {
		double want = (double)SIZE * weights[i] / sum;

		/* Half a percent, or the two positions of an unfinished round. */
		assert_true(abs((int)share(table, i + 1) - (int)want) <= 2 + want / 200);
	}
	assert_int_equal(share(table, 6), 0);
}

static void all_positions_are_filled(void **state)
{
	struct maglev_backend b[3];

	(void)state;
	backends(b, 3, 65535);
	b[1].weight = 1;
	fill(table, b, 3);
	assert_int_equal(share(table, 0), 0);
	assert_true(share(table, 2) >= 1);
}

static uint32_t differ(void)
{
	uint32_t i, n = 0;

	for (i = 0; i < SIZE; i++)
		n += table[i] != other[i];
	return n;
}

/*
 * One of a hundred goes: its hundredth has to move, and of the others at most a
 * few per cent do (figure 12 of the paper: well below 2 % at this size).
 */
static void little_changes_when_one_goes(void **state)
{
	struct maglev_backend b[100];
	uint32_t gone, moved;

	(void)state;
	backends(b, 100, 1);
	fill(table, b, 100);
	gone = share(table, 50);
	b[49].weight = 0;
	fill(other, b, 100);
	moved = differ() - gone;
	assert_int_equal(share(other, 50), 0);
	assert_true(moved < SIZE / 50);
}

static void little_changes_when_one_comes(void **state)
{
	struct maglev_backend b[101];

	(void)state;
	backends(b, 101, 1);
	fill(table, b, 100);
	fill(other, b, 101);
	assert_true(differ() - share(other, 101) < SIZE / 50);
}

static void a_weight_moves_what_it_must(void **state)
{
	struct maglev_backend b[10];

	(void)state;
	backends(b, 10, 10);
	fill(table, b, 10);
	b[0].weight = 11;
	fill(other, b, 10);
	/* 10 of 100 to 11 of 101: 0.9 %; some more changes hands because turns shift. */
	assert_true(differ() < SIZE / 5);
}

/* On another host the same instances may be named in another order. */
static void order_does_not_matter(void **state)
{
	struct maglev_backend b[50], r[50];
	int i;

	(void)state;
	backends(b, 50, 1);
	for (i = 0; i < 50; i++) {
		b[i].weight = 1 + i % 7;
		r[49 - i] = b[i];
	}
	fill(table, b, 50);
	fill(other, r, 50);
	assert_memory_equal(table, other, sizeof(table));
}

/* A table that another release made: a change of it would split flows during an upgrade. */
static void the_table_is_what_it_was(void **state)
{
	struct maglev_backend b[5];
	uint64_t sum = 0;
	uint32_t i;

	(void)state;
	backends(b, 5, 1);
	b[2].weight = 3;
	fill(table, b, 5);
	for (i = 0; i < SIZE; i++)
		sum = dmsc_gw_mix(sum, table[i]);
	assert_int_equal(sum, 0x811a3ff0b72e8820ULL);
}

static void seeds_give_other_tables(void **state)
{
	struct maglev_backend b[10];

	(void)state;
	backends(b, 10, 1);
	fill(table, b, 10);
	assert_int_equal(maglev_fill(other, SIZE, b, 10, SEED + 1), 0);
	assert_true(differ() > SIZE / 2);
}

static void nobody_gives_an_empty_table(void **state)
{
	struct maglev_backend b[2];

	(void)state;
	backends(b, 2, 0);
	memset(table, 0xff, sizeof(table));
	fill(table, b, 2);
	assert_int_equal(share(table, 0), SIZE);
	fill(table, NULL, 0);
	assert_int_equal(share(table, 0), SIZE);
}

static void what_cannot_be_is_refused(void **state)
{
	static const uint32_t bad[] = { 0, 1, 2, 249, 250, 1000, 65536, 65539 * 3, 4194303 };
	static const uint32_t good[] = { 251, 1021, 4093, 65537, 655373, 4194301 };
	struct maglev_backend b[300];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(maglev_size_ok(bad[i]));
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(maglev_size_ok(good[i]));
	backends(b, 300, 1);
	assert_int_equal(maglev_fill(table, 252, b, 3, SEED), -22);
	assert_int_equal(maglev_fill(table, 251, b, 300, SEED), -22);
	b[0].weight = MAGLEV_WEIGHT_MAX + 1;
	assert_int_equal(maglev_fill(table, SIZE, b, 3, SEED), -22);
	b[0].weight = 1;
	b[1].number = 0;
	assert_int_equal(maglev_fill(table, SIZE, b, 3, SEED), -22);
}

/* What a flow's hash makes of addresses and ports that differ in one place only. */
static void hashes_spread(void **state)
{
	uint32_t buckets[3][64] = { { 0 } }, i, k;
	uint64_t h;

	(void)state;
	for (i = 0; i < 64000; i++) {
		/* The last byte of an IPv4 address, its first, and the port. */
		uint64_t b = 0x0000000affff0000ULL;

		h = dmsc_gw_hash(SEED, 0, b | (uint64_t)i << 48, 80);
		buckets[0][dmsc_gw_position(h, 64)]++;
		h = dmsc_gw_hash(SEED, 0, b | (uint64_t)i << 32, 80);
		buckets[1][dmsc_gw_position(h, 64)]++;
		h = dmsc_gw_hash(SEED, 0, b, i);
		buckets[2][dmsc_gw_position(h, 64)]++;
	}
	for (k = 0; k < 3; k++) {
		for (i = 0; i < 64; i++)
			assert_in_range(buckets[k][i], 800, 1200); /* 1000, 6 sigma: 190 */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_weights_have_equal_shares),
		cmocka_unit_test(shares_are_as_weights_are),
		cmocka_unit_test(all_positions_are_filled),
		cmocka_unit_test(little_changes_when_one_goes),
		cmocka_unit_test(little_changes_when_one_comes),
		cmocka_unit_test(a_weight_moves_what_it_must),
		cmocka_unit_test(order_does_not_matter),
		cmocka_unit_test(the_table_is_what_it_was),
		cmocka_unit_test(seeds_give_other_tables),
		cmocka_unit_test(nobody_gives_an_empty_table),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(hashes_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
