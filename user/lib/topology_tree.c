// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/topology_tree.h"

static int bad(struct tree *t, uint32_t line, const char *field, const char *name, const char *what)
{
	return dmsc_fail(t->err, -EINVAL, "%s:%u: %s: '%.70s' %s", t->file, line, field, name, what);
}

void tree_free(struct tree *t)
{
	free(t->entries);
	free(t->hash);
}

static uint32_t slot(const struct tree *t, const char *name)
{
	uint32_t h = 2166136261U, at; /* FNV-1a */
	const char *c;

	for (c = name; *c; c++)
		h = (h ^ (unsigned char)*c) * 16777619U;
	at = h & (t->hash_size - 1);
	while (t->hash[at] && strcmp(t->entries[t->hash[at] - 1].name, name))
		at = (at + 1) & (t->hash_size - 1);
	return at;
}

static bool grow(struct tree *t)
{
	uint32_t room = t->room ? 2 * t->room : 256, i;
	void *grown;

	if (t->nr < t->room)
		return true;
	grown = realloc(t->entries, room * sizeof(*t->entries));
	if (!grown)
		return false;
	t->entries = grown;
	t->room = room;
	free(t->hash);
	t->hash_size = 2 * room;
	t->hash = calloc(t->hash_size, sizeof(*t->hash));
	for (i = 0; t->hash && i < t->nr; i++)
		t->hash[slot(t, t->entries[i].name)] = i + 1;
	return t->hash;
}

static bool is_name(const char *name)
{
	const char *c;

	for (c = name; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
			return false;
	}
	return c > name && c - name < MODEL_NAME_LEN && *name != '.';
}

int tree_add(struct tree *t, const char *name, bool host, uint32_t line, const char *field,
	     uint32_t *index)
{
	uint32_t at;

	if (!is_name(name))
		return bad(t, line, field, name,
			   "is no name, expected up to 63 letters, digits, '.', '_' and '-'");
	if (t->nr == TOPO_MAX_NODES)
		return bad(t, line, field, name, "is one too many, expected at most 262144 nodes");
	if (!grow(t))
		return dmsc_fail(t->err, -ENOMEM, "out of memory");
	at = slot(t, name);
	if (t->hash[at])
		return bad(t, line, field, name, "is there already, expected once");
	t->entries[t->nr] = (struct tree_entry){ .line = line, .parent = MODEL_NONE, .host = host };
	strcpy(t->entries[t->nr].name, name);
	*index = t->nr++;
	t->hash[at] = t->nr;
	return 0;
}

uint32_t tree_find(const struct tree *t, const char *name)
{
	uint32_t at = t->nr ? slot(t, name) : 0;

	if (!t->nr || !t->hash[at] || t->entries[t->hash[at] - 1].host)
		return MODEL_NONE;
	return t->hash[at] - 1;
}

int tree_hang(struct tree *t, uint32_t child, uint32_t parent, uint32_t line, const char *field)
{
	if (t->entries[child].parent != MODEL_NONE)
		return bad(t, line, field, t->entries[child].name,
			   "is below another switch already, expected below one");
	t->entries[child].parent = parent;
	return 0;
}

/* Tiers from below: a switch of hosts is a leaf, one above leaves a spine, and so on. */
static int find_tiers(struct tree *t, uint8_t *tier)
{
	uint32_t i, n;

	for (i = 0; i < t->nr; i++) {
		const struct tree_entry *e = &t->entries[i];
		uint32_t depth = 1;

		if (!e->host)
			continue;
		for (n = e->parent; n != MODEL_NONE; n = t->entries[n].parent, depth++) {
			if (depth > NODE_CORE)
				return bad(t, e->line, "tiers", e->name,
					   "is below more than three switches, expected at most three tiers and no circle");
			if (tier[n] < depth)
				tier[n] = depth;
		}
	}
	/* Circles that no host hangs below. */
	for (i = 0; i < t->nr; i++) {
		uint32_t depth = 0;

		for (n = i; n != MODEL_NONE && depth <= NODE_CORE + 1; n = t->entries[n].parent)
			depth++;
		if (depth > NODE_CORE + 1)
			return bad(t, t->entries[i].line, "tiers", t->entries[i].name,
				   "is part of a circle or of more than three tiers, expected neither");
	}
	return 0;
}

static int build(struct tree *t, const struct import_options *o, const uint8_t *tier,
		 uint32_t *index, struct topology *out)
{
	struct topo_builder b;
	char where[4200];
	uint32_t i;

	topo_build_begin(&b, out);
	for (i = 0; i < t->nr; i++) {
		const struct tree_entry *e = &t->entries[i];

		/* A switch that no host is below carries nothing. */
		if (e->host || tier[i])
			index[i] = topo_build_node(&b, e->host ? NODE_HOST : tier[i],
						   e->host ? o->gpus : 0, e->line, "%s", e->name);
	}
	for (i = 0; i < t->nr; i++) {
		const struct tree_entry *e = &t->entries[i];

		if (e->parent != MODEL_NONE && (e->host || tier[i]))
			topo_build_link(&b, index[i], index[e->parent],
					e->host ? o->rate : o->uplink_rate, e->line);
	}
	snprintf(where, sizeof(where), "%s:1: switches", t->file);
	return topo_build_end(&b, where, t->err);
}

int tree_build(struct tree *t, const struct import_options *o, struct topology *out)
{
	uint8_t *tier = calloc(t->nr + 1, 1);
	uint32_t *index = calloc(t->nr + 1, sizeof(*index));
	int ret;

	if (!tier || !index)
		ret = dmsc_fail(t->err, -ENOMEM, "out of memory");
	else
		ret = find_tiers(t, tier);
	if (!ret)
		ret = build(t, o, tier, index, out);
	free(tier);
	free(index);
	return ret;
}

/* ---- host lists ---- */

struct hostlist {
	const char *file, *field;
	uint32_t line, names;
	int (*each)(void *arg, const char *name);
	void *arg;
	struct dmsc_error *err;
};

static int list_fail(struct hostlist *h, const char *at, const char *expected)
{
	return dmsc_fail(h->err, -EINVAL, "%s:%u: %s: at '%.40s', expected %s", h->file, h->line,
			 h->field, at, expected);
}

/* @prefix is what stands before @rest, which may hold further ranges. */
static int expand(struct hostlist *h, const char *prefix, const char *rest, int depth)
{
	size_t plain = strcspn(rest, "[");
	char name[2 * MODEL_NAME_LEN];
	const char *at;

	if (strlen(prefix) + plain >= MODEL_NAME_LEN)
		return list_fail(h, rest, "a name of at most 63 characters");
	if (!rest[plain]) {
		snprintf(name, sizeof(name), "%s%s", prefix, rest);
		if (h->names++ >= TOPO_MAX_HOSTS)
			return list_fail(h, rest, "at most 65536 names");
		return h->each(h->arg, name);
	}
	if (depth > 3)
		return list_fail(h, rest, "at most four ranges in a name");
	at = rest + plain;
	do {
		char *end, number[24];
		const char *from = ++at;
		uint64_t low, high, i;
		int width, ret;

		if (!isdigit((unsigned char)*at))
			return list_fail(h, at, "a number");
		errno = 0;
		low = strtoull(at, &end, 10);
		width = end - from;
		high = low;
		if (*end == '-' && isdigit((unsigned char)end[1]))
			high = strtoull(end + 1, &end, 10);
		if (errno || high < low || high - low >= TOPO_MAX_HOSTS || width > 18)
			return list_fail(h, from, "a range of at most 65536 numbers");
		at = end;
		if (*at != ',' && *at != ']')
			return list_fail(h, at, "',' or ']'");
		for (i = low; i <= high; i++) {
			snprintf(number, sizeof(number), "%0*llu", width, (unsigned long long)i);
			if (snprintf(name, sizeof(name), "%s%.*s%s", prefix, (int)plain, rest,
				     number) >= (int)sizeof(name))
				return list_fail(h, rest, "a shorter name");
			ret = expand(h, name, strchr(at, ']') ? strchr(at, ']') + 1 : "", depth + 1);
			if (ret)
				return ret;
		}
	} while (*at == ',');
	return 0;
}

int hostlist_each(const char *file, uint32_t line, const char *field, const char *list,
		  int (*each)(void *arg, const char *name), void *arg, struct dmsc_error *err)
{
	struct hostlist h = { file, field, line, 0, each, arg, err };
	char item[1024];

	while (*list) {
		size_t n = 0;
		bool inside = false;
		int ret;

		while (list[n] && (inside || list[n] != ',')) {
			if (list[n] == '[')
				inside = true;
			else if (list[n] == ']')
				inside = false;
			n++;
		}
		if (!n || n >= sizeof(item) || inside)
			return list_fail(&h, list, "a host list such as n[01-16,20],login");
		memcpy(item, list, n);
		item[n] = '\0';
		ret = expand(&h, "", item, 0);
		if (ret)
			return ret;
		list += n + (list[n] == ',');
	}
	return 0;
}
