// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/dmsc_gateway.h>

#include "lib/maglev.h"

/* One backend while the table is filled. */
struct turn {
	const struct maglev_backend *b;
	uint32_t next;	 /* the position that it prefers now */
	uint32_t skip;	 /* to the next one, modulo the table's size */
	uint32_t credit; /* a turn is due at the largest weight */
};

bool maglev_size_ok(uint32_t n)
{
	uint32_t d;

	if (n < MAGLEV_TABLE_MIN || n > MAGLEV_TABLE_MAX || !(n & 1))
		return false;
	for (d = 3; d <= n / d; d += 2) {
		if (n % d == 0)
			return false;
	}
	return true;
}

static int by_key(const void *a, const void *b)
{
	const struct maglev_backend *x = ((const struct turn *)a)->b;
	const struct maglev_backend *y = ((const struct turn *)b)->b;
	int i;

	for (i = 0; i < 2; i++) {
		if (x->key[i] != y->key[i])
			return x->key[i] < y->key[i] ? -1 : 1;
	}
	return (x->number > y->number) - (x->number < y->number);
}

/* Fills in who takes part, in the order of their keys; how many they are. */
static size_t line_up(struct turn *turns, uint32_t size, const struct maglev_backend *backends,
		      size_t n, uint64_t seed, uint32_t *largest)
{
	size_t i, k = 0;

	*largest = 0;
	for (i = 0; i < n; i++) {
		const struct maglev_backend *b = &backends[i];

		if (!b->weight)
			continue;
		turns[k++] = (struct turn){
			.b = b,
			.next = dmsc_gw_hash(seed, b->key[0], b->key[1], 1) % size,
			.skip = dmsc_gw_hash(seed, b->key[0], b->key[1], 2) % (size - 1) + 1,
		};
		if (b->weight > *largest)
			*largest = b->weight;
	}
	qsort(turns, k, sizeof(*turns), by_key);
	/* The first turn is due at once: whoever has a weight has a position. */
	for (i = 0; i < k; i++)
		turns[i].credit = *largest - turns[i].b->weight;
	return k;
}

/* The backend takes the first position of its order that is free. */
static void take(struct turn *t, uint16_t *table, uint32_t size)
{
	while (table[t->next])
		t->next = ((uint64_t)t->next + t->skip) % size;
	table[t->next] = t->b->number;
}

int maglev_fill(uint16_t *table, uint32_t size, const struct maglev_backend *backends, size_t n,
		uint64_t seed)
{
	uint32_t largest, filled = 0;
	struct turn *turns;
	size_t i, k;

	if (!maglev_size_ok(size) || n > size)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		if (backends[i].weight > MAGLEV_WEIGHT_MAX || !backends[i].number)
			return -EINVAL;
	}
	memset(table, 0, size * sizeof(*table));
	turns = calloc(n + 1, sizeof(*turns));
	if (!turns)
		return -ENOMEM;
	k = line_up(turns, size, backends, n, seed, &largest);
	while (k && filled < size) {
		for (i = 0; i < k && filled < size; i++) {
			turns[i].credit += turns[i].b->weight;
			if (turns[i].credit < largest)
				continue;
			turns[i].credit -= largest;
			take(&turns[i], table, size);
			filled++;
		}
	}
	free(turns);
	return 0;
}
