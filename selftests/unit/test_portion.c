// SPDX-License-Identifier: GPL-2.0-or-later
/* How connections are dealt to weighted paths: each prefix, each beginning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../bpf/portion.h"

static struct dmsc_set set_of(int nr, const int *weights)
{
	struct dmsc_set s = { .nr = nr };

	for (int i = 0; i < nr; i++)
		s.weight[i] = weights[i];
	return s;
}

static uint64_t led(const struct dmsc_set *s, uint32_t steps)
{
	uint64_t dealt = 0;

	while (steps--)
		dealt = portion_add(dealt, portion_next(s, dealt));
	return dealt;
}

/* Deals @n connections of a group that begins with @lead, and counts them by path. */
static void deal(const struct dmsc_set *s, uint32_t lead, int n, int *got)
{
	uint64_t dealt = led(s, lead);

	memset(got, 0, DMSC_MAX_WAYS * sizeof(*got));
	while (n--) {
		uint32_t way = portion_next(s, dealt);

		assert_in_range(way, 0, s->nr - 1);
		dealt = portion_add(dealt, way);
		got[way]++;
	}
}

static void equal_paths_differ_by_one(void **state)
{
	static const int ones[DMSC_MAX_WAYS] = { 7, 7, 7, 7, 7, 7, 7, 7 };
	int got[DMSC_MAX_WAYS];

	(void)state;
	for (int nr = 1; nr <= DMSC_MAX_WAYS; nr++) {
		struct dmsc_set s = set_of(nr, ones);

		for (uint32_t lead = 0; lead < PORTION_LEAD; lead++) {
			for (int n = 1; n <= 24; n++) {
				deal(&s, lead, n, got);
				for (int i = 0; i < nr; i++)
					assert_in_range(got[i], n / nr, (n + nr - 1) / nr);
			}
		}
	}
}

static void eight_by_three_to_one(void **state)
{
	static const int weights[] = { 3, 1 }, scaled[] = { 48, 16 };
	int got[DMSC_MAX_WAYS];

	(void)state;
	for (uint32_t lead = 0; lead < PORTION_LEAD; lead++) {
		struct dmsc_set s = set_of(2, weights), t = set_of(2, scaled);

		deal(&s, lead, 8, got);
		assert_int_equal(got[0], 6);
		assert_int_equal(got[1], 2);
		deal(&t, lead, 8, got);
		assert_int_equal(got[0], 6);
		assert_int_equal(got[1], 2);
	}
}

/* Of two paths, whatever their weights: never a whole connection off. */
static void two_paths_are_within_one(void **state)
{
	int got[DMSC_MAX_WAYS];

	(void)state;
	for (int w = 1; w < 64; w++) {
		const int weights[] = { w, 64 - w };
		struct dmsc_set s = set_of(2, weights);

		for (uint32_t lead = 0; lead < PORTION_LEAD; lead += 5) {
			for (int n = 1; n <= 100; n++) {
				deal(&s, lead, n, got);
				assert_in_range(abs(64 * got[0] - n * w), 0, 64);
			}
		}
	}
}

/* Of eight, by chance: off by less than two, where chance itself is off by its root. */
static void many_paths_are_within_two(void **state)
{
	int got[DMSC_MAX_WAYS], weights[DMSC_MAX_WAYS];
	uint32_t seed = 1;

	(void)state;
	for (int k = 0; k < 300; k++) {
		int nr = 3 + k % 6, total = 0;
		struct dmsc_set s;

		for (int i = 0; i < nr; i++) {
			seed = seed * 1664525 + 1013904223;
			weights[i] = 1 + (seed >> 16) % 64;
			total += weights[i];
		}
		s = set_of(nr, weights);
		for (int n = 1; n <= 96; n += 5) {
			deal(&s, seed % PORTION_LEAD, n, got);
			for (int i = 0; i < nr; i++)
				assert_in_range(abs(total * got[i] - n * weights[i]), 0, 2 * total);
		}
	}
}

/* Of groups with one connection each, as many begin with a path as its weight says. */
static void beginnings_are_weighted(void **state)
{
	static const int weights[][3] = { { 3, 1, 0 }, { 43, 21, 0 }, { 1, 1, 2 }, { 16, 8, 40 } };
	int got[DMSC_MAX_WAYS], first[3];

	(void)state;
	for (size_t k = 0; k < sizeof(weights) / sizeof(weights[0]); k++) {
		struct dmsc_set s = set_of(3, weights[k]);
		int total = weights[k][0] + weights[k][1] + weights[k][2];

		memset(first, 0, sizeof(first));
		for (uint32_t lead = 0; lead < PORTION_LEAD; lead++) {
			deal(&s, lead, 1, got);
			for (int i = 0; i < 3; i++)
				first[i] += got[i];
		}
		for (int i = 0; i < 3; i++)
			assert_int_equal(first[i] * total, PORTION_LEAD * weights[k][i]);
	}
}

/* Thousands: counts begin again now and then, and the proportion lasts. */
static void many_connections_keep_the_weights(void **state)
{
	static const int weights[] = { 5, 2, 1 };
	struct dmsc_set s = set_of(3, weights);
	int got[DMSC_MAX_WAYS];

	(void)state;
	deal(&s, 11, 80000, got);
	for (int i = 0; i < 3; i++)
		assert_in_range(got[i], 9950 * weights[i], 10050 * weights[i]);
}

static void what_has_no_weight_gets_none(void **state)
{
	static const int some[] = { 0, 65535, 0, 1 }, none[] = { 0, 0 };
	struct dmsc_set s = set_of(4, some), t = set_of(2, none);
	int got[DMSC_MAX_WAYS];

	(void)state;
	deal(&s, 0, 1000, got);
	assert_int_equal(got[0] + got[2], 0);
	assert_in_range(got[3], 0, 3);
	assert_int_equal(portion_next(&t, 0), DMSC_MAX_WAYS);
	s.nr = 1;
	assert_int_equal(portion_next(&s, 0), DMSC_MAX_WAYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_paths_differ_by_one),
		cmocka_unit_test(eight_by_three_to_one),
		cmocka_unit_test(two_paths_are_within_one),
		cmocka_unit_test(many_paths_are_within_two),
		cmocka_unit_test(beginnings_are_weighted),
		cmocka_unit_test(many_connections_keep_the_weights),
		cmocka_unit_test(what_has_no_weight_gets_none),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
