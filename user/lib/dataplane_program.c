// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One generation into the maps. Readers use the side named by the generation's
 * lowest bit. The other side is written anew, then generation and flags
 * are stored as one word: until that store nothing has changed for a packet,
 * after it everything has.
 *
 * The side that has just gone out of use keeps its entries until the next
 * program: a reader that took up the old generation right before the store still
 * finds all of them. When that side is about to be written, a grace period of
 * RCU, under which BPF programs run, tells that no such reader is left.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/addr.h"
#include "lib/bpf_write.h"
#include "lib/dataplane_priv.h"

struct table {
	const char *map;
	const void *keys, *values;
	size_t n, max, key_size, value_size, side, side_size;
};

#define TABLE(t, type, limit)                               \
	{ .map = "dmsc_" #type "s",                         \
	  .keys = (t)->type##_keys,                         \
	  .values = (t)->type##s,                           \
	  .n = (t)->nr_##type##s,                           \
	  .max = (limit),                                   \
	  .key_size = sizeof(struct dmsc_##type##_key),     \
	  .value_size = sizeof(struct dmsc_##type),         \
	  .side = offsetof(struct dmsc_##type##_key, side), \
	  .side_size = sizeof(((struct dmsc_##type##_key *)0)->side) }

/* ---- checks: what is wrong is found before anything is written ---- */

static int check_counts(const struct dataplane_tables *t, const struct table *tables, size_t n,
			struct dmsc_error *err)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (tables[i].n > tables[i].max)
			return dmsc_fail(err, -E2BIG, "%s: %zu entries, at most %zu fit",
					 tables[i].map + 5, tables[i].n, tables[i].max);
	}
	if (t->nr_paths > DMSC_MAX_PATHS)
		return dmsc_fail(err, -E2BIG, "paths: %zu entries, at most %d fit", t->nr_paths,
				 DMSC_MAX_PATHS);
	if (t->nr_sets > DMSC_MAX_SETS)
		return dmsc_fail(err, -E2BIG, "sets: %zu entries, at most %d fit", t->nr_sets,
				 DMSC_MAX_SETS);
	return 0;
}

static bool path_exists(const struct dataplane_tables *t, uint32_t path)
{
	if (path & DMSC_PATH_SET)
		return (path & ~DMSC_PATH_SET) < t->nr_sets;
	return path == DMSC_PATH_NONE || path < t->nr_paths;
}

static int check_instances(const struct dataplane_tables *t, struct dmsc_error *err)
{
	size_t i;
	int c;

	for (i = 0; i < t->nr_instances; i++) {
		const struct dmsc_instance *inst = &t->instances[i];

		if (!inst->sid || !t->instance_keys[i].cgroup_id)
			return dmsc_fail(err, -EINVAL, "instances[%zu]: no SID or no cgroup", i);
		if (inst->class_default >= DMSC_NR_CLASSES ||
		    !(inst->class_mask & (1U << inst->class_default)))
			return dmsc_fail(err, -EINVAL,
					 "instances[%zu]: default class %u is not among those allowed (mask 0x%02x)",
					 i, inst->class_default, inst->class_mask);
		for (c = 0; c < DMSC_NR_CLASSES; c++) {
			if (inst->slot[c] >= DMSC_NR_SLOTS)
				return dmsc_fail(err, -EINVAL,
						 "instances[%zu]: slot %u, expected less than %d",
						 i, inst->slot[c], DMSC_NR_SLOTS);
		}
	}
	return 0;
}

static int check_paths(const struct dataplane_tables *t, struct dmsc_error *err)
{
	size_t i;

	for (i = 1; i < t->nr_paths; i++) {
		const struct dmsc_path *p = &t->paths[i];
		bool v4 = dmsc_addr_is_v4(&p->nexthop);

		if (!p->ifindex)
			return dmsc_fail(err, -EINVAL, "paths[%zu]: no interface", i);
		if (p->family != (v4 ? AF_INET : AF_INET6))
			return dmsc_fail(err, -EINVAL,
					 "paths[%zu]: family %u does not fit the next hop's address",
					 i, p->family);
		if (p->encap && p->encap >= t->nr_encaps)
			return dmsc_fail(err, -EINVAL, "paths[%zu]: encapsulation %u of %zu", i,
					 p->encap, t->nr_encaps);
	}
	return 0;
}

static int check_sets(const struct dataplane_tables *t, struct dmsc_error *err)
{
	size_t i, k;

	for (i = 0; i < t->nr_sets; i++) {
		const struct dmsc_set *s = &t->sets[i];

		if (!s->nr || s->nr > DMSC_MAX_WAYS)
			return dmsc_fail(err, -EINVAL, "sets[%zu]: %u paths, expected 1 to %d", i,
					 s->nr, DMSC_MAX_WAYS);
		for (k = 0; k < s->nr; k++) {
			if (s->path[k] == DMSC_PATH_NONE || s->path[k] >= t->nr_paths)
				return dmsc_fail(err, -EINVAL, "sets[%zu]: path %u of %zu", i,
						 s->path[k], t->nr_paths);
		}
		for (k = 0; k < DMSC_SET_SLOTS; k++) {
			if (s->slot[k] >= s->nr)
				return dmsc_fail(err, -EINVAL,
						 "sets[%zu]: position %zu names path %u", i, k,
						 s->slot[k]);
		}
	}
	return 0;
}

static int check_encaps(const struct dataplane_tables *t, struct dmsc_error *err)
{
	size_t i;

	for (i = 1; i < t->nr_encaps; i++) {
		const struct dmsc_encap *e = &t->encaps[i];
		uint32_t max = e->kind == DMSC_ENCAP_SRV6 || e->kind == DMSC_ENCAP_LABEL ? 0xfffff :
											   0xffff;
		uint32_t least = e->kind == DMSC_ENCAP_UDP4  ? 28 :
				 e->kind == DMSC_ENCAP_LABEL ? 0 :
							       48;

		if (e->kind < DMSC_ENCAP_SRV6 || e->kind > DMSC_ENCAP_LABEL || e->length < least ||
		    e->length > DMSC_ENCAP_MAX || e->entropy > max)
			return dmsc_fail(err, -EINVAL, "encaps[%zu]: kind %u, %u bytes, entropy %u",
					 i, e->kind, e->length, e->entropy);
	}
	return 0;
}

static int check_rules(const struct dataplane_tables *t, struct dmsc_error *err)
{
	size_t i;

	for (i = 0; i < t->nr_rules; i++) {
		const struct dmsc_rule_key *k = &t->rule_keys[i];
		bool src = k->src_who == DMSC_WHO_SID || k->src_who == DMSC_WHO_MIC;
		bool dst = k->dst_who == DMSC_WHO_SID || k->dst_who == DMSC_WHO_MIC;

		if (k->src_who > DMSC_WHO_OUTSIDE || k->dst_who > DMSC_WHO_OUTSIDE ||
		    src != !!k->src || dst != !!k->dst || k->reserved)
			return dmsc_fail(err, -EINVAL, "rules[%zu]: whom it is about is unclear", i);
		if (!src && !dst && k->src_who == k->dst_who)
			return dmsc_fail(err, -EINVAL,
					 "rules[%zu]: is about no instance and no cluster of them",
					 i);
		if (t->rules[i].action > DMSC_ACTION_AUDIT || !t->rules[i].number)
			return dmsc_fail(err, -EINVAL, "rules[%zu]: action %u, number %u", i,
					 t->rules[i].action, t->rules[i].number);
	}
	return 0;
}

static int check_tables(const struct dataplane_tables *t, struct dmsc_error *err)
{
	size_t i;
	int ret = check_instances(t, err);

	if (!ret)
		ret = check_paths(t, err);
	if (!ret)
		ret = check_rules(t, err);
	if (!ret)
		ret = check_sets(t, err);
	if (!ret)
		ret = check_encaps(t, err);
	if (ret)
		return ret;
	for (i = 0; i < t->nr_endpoints; i++) {
		if (t->endpoints[i].class >= DMSC_NR_CLASSES)
			return dmsc_fail(err, -EINVAL, "endpoints[%zu]: class %u", i,
					 t->endpoints[i].class);
	}
	for (i = 0; i < t->nr_groups; i++) {
		if (t->group_keys[i].class >= DMSC_NR_CLASSES || !path_exists(t, t->groups[i].path))
			return dmsc_fail(err, -EINVAL, "groups[%zu]: class %u, path %u of %zu", i,
					 t->group_keys[i].class, t->groups[i].path, t->nr_paths);
	}
	for (i = 0; i < t->nr_peers; i++) {
		if (t->peer_keys[i].class >= DMSC_NR_CLASSES || !path_exists(t, t->peers[i].path))
			return dmsc_fail(err, -EINVAL, "peers[%zu]: class %u, path %u of %zu", i,
					 t->peer_keys[i].class, t->peers[i].path, t->nr_paths);
	}
	for (i = 0; i < t->nr_flows; i++) {
		if (t->flows[i].class >= DMSC_NR_CLASSES || t->flows[i].slot >= DMSC_NR_SLOTS ||
		    !path_exists(t, t->flows[i].path))
			return dmsc_fail(err, -EINVAL,
					 "flows[%zu]: class %u, slot %u, path %u of %zu", i,
					 t->flows[i].class, t->flows[i].slot, t->flows[i].path,
					 t->nr_paths);
	}
	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		if (t->profile.dscp[i] > 63)
			return dmsc_fail(err, -EINVAL, "profile: DSCP %u of class %zu",
					 t->profile.dscp[i], i);
	}
	for (i = 0; i < 64; i++) {
		if (t->profile.class_of[i] >= DMSC_NR_CLASSES && t->profile.class_of[i] != 0xff)
			return dmsc_fail(err, -EINVAL, "profile: class %u of DSCP %zu",
					 t->profile.class_of[i], i);
	}
	return 0;
}

/* ---- filling one side ---- */

static uint32_t key_side(const struct table *t, const void *key)
{
	uint32_t side;

	if (t->side_size == 1)
		return *((const uint8_t *)key + t->side);
	memcpy(&side, (const char *)key + t->side, sizeof(side));
	return side;
}

static void key_set_side(const struct table *t, void *key, uint32_t side)
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

/* Takes away what is on @side and not among the new keys. */
static int table_clear(const struct table *t, int fd, uint32_t side, const struct key_index *kept)
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

/* Makes @t what is on @side. Entries of the same key are written over. */
static int table_replace(const struct table *t, int fd, uint32_t side, struct dmsc_error *err)
{
	struct key_index index = { 0 };
	char *keys = malloc(t->n * t->key_size + 1);
	size_t i, twice;
	int ret = -ENOMEM;

	if (keys) {
		if (t->n)
			memcpy(keys, t->keys, t->n * t->key_size);
		for (i = 0; i < t->n; i++)
			key_set_side(t, keys + i * t->key_size, side);
		ret = key_index_make(&index, keys, t->key_size, t->n, &twice);
	}
	if (!ret && twice < t->n)
		ret = dmsc_fail(err, -EEXIST, "%s[%zu]: its key is there twice", t->map + 5, twice);
	else if (!ret)
		ret = table_clear(t, fd, side, &index);
	if (!ret)
		ret = dataplane_update_many(fd, keys, t->key_size, t->values, t->value_size, t->n);
	if (ret && ret != -EEXIST)
		ret = dmsc_fail(err, ret, "%s: %s", t->map + 5, strerror(-ret));
	free(index.place);
	free(keys);
	return ret;
}

static int compare_sids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/*
 * Counters of instances that are gone stay readable until their table is half
 * full; then those go that the new generation does not know.
 */
static void stats_prune(const struct dataplane *dp, const struct dataplane_tables *t)
{
	int fd = dataplane_map(dp, "dmsc_stats");
	struct dmsc_stats_key *keys;
	uint32_t *sids = NULL;
	size_t n, i, nr = 0;

	keys = dataplane_all_keys(fd, sizeof(*keys),
				  libbpf_num_possible_cpus() * sizeof(struct dmsc_stats), &n);
	if (keys && n > DMSC_MAX_STATS / 2)
		sids = calloc(t->nr_instances + t->nr_endpoints + 1, sizeof(*sids));
	if (sids) {
		nr++; /* SID 0 */
		for (i = 0; i < t->nr_instances; i++)
			sids[nr++] = t->instances[i].sid;
		for (i = 0; i < t->nr_endpoints; i++)
			sids[nr++] = t->endpoints[i].sid;
		qsort(sids, nr, sizeof(*sids), compare_sids);
		for (i = 0; i < n; i++) {
			if (!bsearch(&keys[i].sid, sids, nr, sizeof(*sids), compare_sids))
				bpf_map_delete_elem(fd, &keys[i]);
		}
	}
	free(sids);
	free(keys);
}

/* Generations are positive ints: after the last comes 2, which is on the other side. */
static uint32_t next_generation(uint32_t generation)
{
	return generation >= INT_MAX ? 2 : generation + 1;
}

static void commit_word(struct dataplane *dp, uint32_t generation, uint32_t flags)
{
	union {
		struct {
			uint32_t generation, flags;
		};
		uint64_t word;
	} u = { .generation = generation, .flags = flags };

	__atomic_store_n((uint64_t *)dp->ctl, u.word, __ATOMIC_RELEASE);
}

void dataplane_trace(struct dataplane *dp, bool on)
{
	uint32_t flags = dp->ctl->flags & ~DMSC_CTL_TRACE;

	commit_word(dp, dp->ctl->generation, flags | (on ? DMSC_CTL_TRACE : 0));
}

int dataplane_program(struct dataplane *dp, const struct dataplane_tables *t, struct dmsc_error *err)
{
	const struct table tables[] = {
		TABLE(t, instance, DMSC_MAX_INSTANCES), TABLE(t, endpoint, DMSC_MAX_ENDPOINTS),
		TABLE(t, group, DMSC_MAX_GROUPS),	TABLE(t, peer, DMSC_MAX_PEERS),
		TABLE(t, flow, DMSC_MAX_FLOWS),		TABLE(t, rule, DMSC_MAX_RULES),
	};
	const size_t nr_tables = sizeof(tables) / sizeof(tables[0]);
	uint32_t generation = next_generation(dp->ctl->generation), side = generation & 1;
	struct dmsc_path *paths = dp->paths + side * DMSC_MAX_PATHS;
	int profile = dataplane_map(dp, "dmsc_profile");
	size_t i;
	int ret;

	dataplane_log_reset();
	ret = check_counts(t, tables, nr_tables, err);
	if (!ret)
		ret = check_tables(t, err);
	if (ret)
		return ret;

	bpf_grace_period();
	for (i = 0; i < nr_tables && !ret; i++) {
		int fd = dataplane_map(dp, tables[i].map);

		ret = table_replace(&tables[i], fd, side, err);
	}
	if (ret)
		return ret;
	memset(paths, 0, DMSC_MAX_PATHS * sizeof(*paths));
	if (t->nr_paths > 1)
		memcpy(paths + 1, t->paths + 1, (t->nr_paths - 1) * sizeof(*paths));
	ret = dataplane_hops_add(dp, t, paths, err);
	if (ret)
		return ret;
	if (t->nr_sets)
		memcpy(dp->sets + side * DMSC_MAX_SETS, t->sets, t->nr_sets * sizeof(*t->sets));
	if (bpf_map_update_elem(profile, &side, &t->profile, BPF_ANY))
		return dmsc_fail(err, -errno, "profile: %s", strerror(errno));

	/* Whoever watches goes on watching. */
	commit_word(dp, generation,
		    (t->flags & ~DMSC_CTL_TRACE) | (dp->ctl->flags & DMSC_CTL_TRACE));
	dataplane_hops_prune(dp);
	stats_prune(dp, t);
	return generation;
}

int dataplane_set_path(struct dataplane *dp, uint32_t path, uint8_t flags, struct dmsc_error *err)
{
	struct dmsc_path *p;
	int ret;

	if (!dp->ctl->generation)
		return dmsc_fail(err, -EINVAL, "path %u: no generation is in force", path);
	if (path == DMSC_PATH_NONE || path >= DMSC_MAX_PATHS)
		return dmsc_fail(err, -EINVAL, "path %u: expected 1 to %d", path,
				 DMSC_MAX_PATHS - 1);
	p = dp->paths + (dp->ctl->generation & 1) * DMSC_MAX_PATHS + path;
	if (!p->ifindex)
		return dmsc_fail(err, -ENOENT, "path %u: not in generation %u", path,
				 dp->ctl->generation);

	/* First the next hop: connections that leave the path ask whether it is down. */
	ret = dataplane_hop_set(dp, p, flags);
	if (ret)
		return dmsc_fail(err, ret, "path %u: %s", path, strerror(-ret));
	__atomic_store_n(&p->flags, flags, __ATOMIC_RELEASE);
	return 0;
}
