// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One table of one side. Reading a large table back costs more than writing it, so
 * the loader remembers what it wrote: nobody else writes these maps. With the same
 * keys as last time nothing has to be looked for, and only values that differ are
 * written. What an earlier process wrote, or what failed half-way, is read from the map.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dataplane_priv.h"

static uint32_t key_side(const struct dataplane_table *t, const void *key)
{
	uint32_t side;

	if (t->side_size == 1)
		return *((const uint8_t *)key + t->side);
	memcpy(&side, (const char *)key + t->side, sizeof(side));
	return side;
}

static void key_set_side(const struct dataplane_table *t, void *key, uint32_t side)
{
	if (t->side_size == 1)
		*((uint8_t *)key + t->side) = side;
	else
		memcpy((char *)key + t->side, &side, sizeof(side));
}

static uint64_t key_hash(const void *key, size_t len)
{
	const uint8_t *p = key;
	uint64_t h = 0, word;

	for (; len; p += sizeof(word), len -= sizeof(word)) {
		word = 0;
		if (len <= sizeof(word)) {
			memcpy(&word, p, len);
			h = (h ^ word) * 0x9e3779b97f4a7c15ULL;
			break;
		}
		memcpy(&word, p, sizeof(word));
		h = (h ^ word) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 29;
	}
	return h ^ h >> 32;
}

/* Keys, to be found by what they are: an open hash of places. */
struct key_index {
	const char *keys;
	size_t size, room;
	uint32_t *place; /* from 1; 0 free */
};

/* Where @key is, or where it would be. */
static uint32_t *key_find(const struct key_index *x, const void *key)
{
	size_t at = key_hash(key, x->size) & (x->room - 1);

	while (x->place[at] && memcmp(x->keys + (x->place[at] - 1) * x->size, key, x->size))
		at = (at + 1) & (x->room - 1);
	return &x->place[at];
}

/* Of @n keys; *twice is the place of one that is there before, else @n. -ENOMEM. */
static int key_index_make(struct key_index *x, const char *keys, size_t size, size_t n,
			  size_t *twice)
{
	*x = (struct key_index){ .keys = keys, .size = size, .room = 64 };
	while (x->room < 2 * n)
		x->room *= 2;
	x->place = calloc(x->room, sizeof(*x->place));
	if (!x->place)
		return -ENOMEM;
	for (*twice = 0; *twice < n; ++*twice) {
		uint32_t *place = key_find(x, keys + *twice * size);

		if (*place)
			break;
		*place = *twice + 1;
	}
	return 0;
}

/* Takes away what is on @side of the map and not among the new keys. */
static int clear_map(const struct dataplane_table *t, int fd, uint32_t side,
		     const struct key_index *kept)
{
	char *keys;
	size_t n, i, out = 0;
	int ret;

	keys = dataplane_all_keys(fd, t->key_size, t->value_size, &n);
	if (!keys)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		const char *key = keys + i * t->key_size;

		if (key_side(t, key) == side && !*key_find(kept, key))
			memmove(keys + out++ * t->key_size, key, t->key_size);
	}
	ret = dataplane_delete_many(fd, keys, t->key_size, out);
	free(keys);
	return ret;
}

/* The same by what is remembered, which is used up. */
static int clear_known(const struct dataplane_table *t, int fd, struct dataplane_side *s,
		       const struct key_index *kept)
{
	char *keys = s->keys;
	size_t i, out = 0;

	for (i = 0; i < s->n; i++) {
		if (!*key_find(kept, keys + i * t->key_size))
			memmove(keys + out++ * t->key_size, keys + i * t->key_size, t->key_size);
	}
	return dataplane_delete_many(fd, keys, t->key_size, out);
}

/* Writes the entries of @t, whose keys are those that are there, where the value differs. */
static int write_changed(const struct dataplane_table *t, int fd, const struct dataplane_side *s)
{
	const char *is = s->values, *new = t->values;
	size_t i, from, v = t->value_size;
	int ret = 0;

	for (i = 0; i < t->n && !ret; i++) {
		if (!memcmp(is + i * v, new + i *v, v))
			continue;
		for (from = i; i < t->n && memcmp(is + i * v, new + i *v, v);)
			i++;
		ret = dataplane_update_many(fd, s->keys + from * t->key_size, t->key_size,
					    new + from *v, v, i - from);
	}
	return ret;
}

static void side_forget(struct dataplane_side *s)
{
	free(s->keys);
	free(s->values);
	*s = (struct dataplane_side){ 0 };
}

static bool side_same_keys(const struct dataplane_side *s, const struct dataplane_table *t,
			   const char *keys)
{
	return s->known && s->n == t->n && (!t->n || !memcmp(s->keys, keys, t->n * t->key_size));
}

/* Makes @keys, all of @side, and @t's values the table's. 0, -EEXIST with *twice, or an error. */
static int replace(const struct dataplane_table *t, int fd, uint32_t side, struct dataplane_side *s,
		   const char *keys, size_t *twice)
{
	struct key_index index = { 0 };
	int ret = key_index_make(&index, keys, t->key_size, t->n, twice);

	if (!ret && *twice < t->n) {
		free(index.place);
		return -EEXIST;
	}
	if (!ret && s->known)
		ret = clear_known(t, fd, s, &index);
	else if (!ret)
		ret = clear_map(t, fd, side, &index);
	free(index.place);
	if (!ret)
		ret = dataplane_update_many(fd, keys, t->key_size, t->values, t->value_size, t->n);
	return ret;
}

/**
 * dataplane_table_replace - make @t what is on @side
 * @nr: the table's place among those of a generation
 *
 * Entries of the same key are written over.
 */
int dataplane_table_replace(struct dataplane *dp, size_t nr, const struct dataplane_table *t,
			    uint32_t side, struct dmsc_error *err)
{
	struct dataplane_side *s = &dp->sides[side][nr];
	char *keys = malloc(t->n * t->key_size + 1), *values = malloc(t->n * t->value_size + 1);
	int fd = dataplane_map(dp, t->map), ret = -ENOMEM;
	size_t i, twice = 0;

	if (!keys || !values)
		goto out;
	if (t->n) {
		memcpy(keys, t->keys, t->n * t->key_size);
		memcpy(values, t->values, t->n * t->value_size);
	}
	for (i = 0; i < t->n; i++)
		key_set_side(t, keys + i * t->key_size, side);
	if (side_same_keys(s, t, keys))
		ret = write_changed(t, fd, s);
	else
		ret = replace(t, fd, side, s, keys, &twice);
	if (ret == -EEXIST)
		dmsc_fail(err, ret, "%s[%zu]: its key is there twice", t->map + 5, twice);
	if (ret)
		goto out;
	side_forget(s);
	*s = (struct dataplane_side){ .known = true, .n = t->n, .keys = keys, .values = values };
	return 0;
out:
	free(keys);
	free(values);
	if (ret == -EEXIST)
		return ret; /* nothing was written */
	side_forget(s);
	return dmsc_fail(err, ret, "%s: %s", t->map + 5, strerror(-ret));
}

/** dataplane_tables_forget - what is remembered of both sides */
void dataplane_tables_forget(struct dataplane *dp)
{
	size_t side, i;

	for (side = 0; side < 2; side++) {
		for (i = 0; i < DATAPLANE_NR_TABLES; i++)
			side_forget(&dp->sides[side][i]);
	}
}
