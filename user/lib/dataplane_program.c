// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One generation into the maps. Readers use the side named by the generation's
 * lowest bit. The other side is emptied and filled, then generation and flags
 * are stored as one word: until that store nothing has changed for a packet,
 * after it everything has.
 *
 * The side that has just gone out of use keeps its entries until the next
 * program: a reader that took up the old generation right before the store still
 * finds all of them. When that side is about to be emptied, a grace period of
 * RCU, under which BPF programs run, tells that no such reader is left.
 */
#include <errno.h>
#include <limits.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/dataplane_priv.h"

/* Longer than any run of a BPF program, for kernels that refuse membarrier(). */
#define GRACE_MS 50

/* How often an update is tried again that the map's allocator could not serve. */
#define UPDATE_RETRIES 200

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

/* Room for the largest key, aligned for all of them. */
union any_key {
	struct dmsc_instance_key instance;
	struct dmsc_endpoint_key endpoint;
	struct dmsc_group_key group;
	struct dmsc_peer_key peer;
	struct dmsc_flow_key flow;
	struct dmsc_hop_key hop;
	struct dmsc_stats_key stats;
	struct dmsc_rule_key rule;
};

static void sleep_ms(int ms)
{
	struct timespec ts = { .tv_nsec = ms * 1000000L };

	nanosleep(&ts, NULL);
}

static void grace_period(void)
{
	if (syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		sleep_ms(GRACE_MS);
}

/*
 * Maps without preallocated elements take them from a small cache that the
 * kernel fills in the background: -ENOMEM may only mean that we were faster.
 */
static int map_update(int fd, const void *key, const void *value, __u64 flags)
{
	int i;

	for (i = 0; bpf_map_update_elem(fd, key, value, flags); i++) {
		if (errno != ENOMEM || i == UPDATE_RETRIES)
			return -errno;
		sleep_ms(1);
	}
	return 0;
}

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
	return 0;
}

static bool path_exists(const struct dataplane_tables *t, uint32_t path)
{
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
	static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };
	size_t i;

	for (i = 1; i < t->nr_paths; i++) {
		const struct dmsc_path *p = &t->paths[i];
		bool v4 = !memcmp(p->nexthop.b, v4_prefix, sizeof(v4_prefix));

		if (!p->ifindex)
			return dmsc_fail(err, -EINVAL, "paths[%zu]: no interface", i);
		if (p->family != (v4 ? AF_INET : AF_INET6))
			return dmsc_fail(err, -EINVAL,
					 "paths[%zu]: family %u does not fit the next hop's address",
					 i, p->family);
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

/* All keys of a hash table, one after the other; *n of them. NULL: no memory. */
static void *all_keys(int fd, size_t key_size, size_t *n)
{
	char *keys = malloc(key_size), *more;
	size_t room = 1;
	void *prev = NULL;
	union any_key key;

	*n = 0;
	while (keys && !bpf_map_get_next_key(fd, prev, &key)) {
		if (*n == room) {
			room *= 2;
			more = realloc(keys, room * key_size);
			if (!more) {
				free(keys);
				return NULL;
			}
			keys = more;
		}
		prev = memcpy(keys + *n * key_size, &key, key_size);
		++*n;
	}
	return keys;
}

static int table_clear(const struct table *t, int fd, uint32_t side, struct dmsc_error *err)
{
	size_t n, i;
	char *keys = all_keys(fd, t->key_size, &n);

	if (!keys)
		return dmsc_fail(err, -ENOMEM, "out of memory");
	for (i = 0; i < n; i++) {
		if (key_side(t, keys + i * t->key_size) == side)
			bpf_map_delete_elem(fd, keys + i * t->key_size);
	}
	free(keys);
	return 0;
}

static int table_fill(const struct table *t, int fd, uint32_t side, struct dmsc_error *err)
{
	union any_key key;
	size_t i;
	int ret;

	for (i = 0; i < t->n; i++) {
		memcpy(&key, (const char *)t->keys + i * t->key_size, t->key_size);
		key_set_side(t, &key, side);
		ret = map_update(fd, &key, (const char *)t->values + i * t->value_size, BPF_NOEXIST);
		if (ret)
			return dmsc_fail(err, ret, "%s[%zu]: %s", t->map + 5, i,
					 ret == -EEXIST ? "its key is there twice" : strerror(-ret));
	}
	return 0;
}

static int hop_set(int fd, const struct dmsc_path *p, uint32_t flags)
{
	struct dmsc_hop_key key = { .ifindex = p->ifindex, .nexthop = p->nexthop };
	struct dmsc_hop hop = { .flags = flags & DMSC_PATH_F_UP };

	return map_update(fd, &key, &hop, BPF_ANY);
}

/* A next hop that several paths share is up when one of them says so. */
static int hops_add(int fd, const struct dataplane_tables *t, struct dmsc_error *err)
{
	int pass, ret = 0;
	size_t i;

	for (pass = 0; pass < 2; pass++) {
		uint32_t up = pass ? DMSC_PATH_F_UP : 0;

		for (i = 1; i < t->nr_paths && !ret; i++) {
			if ((t->paths[i].flags & DMSC_PATH_F_UP) == up)
				ret = hop_set(fd, &t->paths[i], up);
		}
	}
	return ret ? dmsc_fail(err, ret, "next hops: %s", strerror(-ret)) : 0;
}

static bool hop_used(const struct dataplane *dp, const struct dmsc_hop_key *key)
{
	size_t i;

	for (i = 0; i < 2 * DMSC_MAX_PATHS; i++) {
		if (dp->paths[i].ifindex == key->ifindex &&
		    !memcmp(&dp->paths[i].nexthop, &key->nexthop, sizeof(key->nexthop)))
			return true;
	}
	return false;
}

/* Connections still on a next hop of neither generation then leave it at once. */
static void hops_prune(const struct dataplane *dp, int fd)
{
	size_t n, i;
	struct dmsc_hop_key *keys = all_keys(fd, sizeof(*keys), &n);

	for (i = 0; keys && i < n; i++) {
		if (!hop_used(dp, &keys[i]))
			bpf_map_delete_elem(fd, &keys[i]);
	}
	free(keys);
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

	keys = all_keys(fd, sizeof(*keys), &n);
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
	int hops = dataplane_map(dp, "dmsc_hops"), profile = dataplane_map(dp, "dmsc_profile");
	struct dmsc_path *paths = dp->paths + side * DMSC_MAX_PATHS;
	size_t i;
	int ret;

	dataplane_log_reset();
	ret = check_counts(t, tables, nr_tables, err);
	if (!ret)
		ret = check_tables(t, err);
	if (ret)
		return ret;

	grace_period();
	for (i = 0; i < nr_tables && !ret; i++) {
		int fd = dataplane_map(dp, tables[i].map);

		ret = table_clear(&tables[i], fd, side, err);
		if (!ret)
			ret = table_fill(&tables[i], fd, side, err);
	}
	if (!ret)
		ret = hops_add(hops, t, err);
	if (ret)
		return ret;
	if (bpf_map_update_elem(profile, &side, &t->profile, BPF_ANY))
		return dmsc_fail(err, -errno, "profile: %s", strerror(errno));
	memset(paths, 0, DMSC_MAX_PATHS * sizeof(*paths));
	if (t->nr_paths > 1)
		memcpy(paths + 1, t->paths + 1, (t->nr_paths - 1) * sizeof(*paths));

	/* Whoever watches goes on watching. */
	commit_word(dp, generation,
		    (t->flags & ~DMSC_CTL_TRACE) | (dp->ctl->flags & DMSC_CTL_TRACE));
	hops_prune(dp, hops);
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
	ret = hop_set(dataplane_map(dp, "dmsc_hops"), p, flags);
	if (ret)
		return dmsc_fail(err, ret, "path %u: %s", path, strerror(-ret));
	__atomic_store_n(&p->flags, flags, __ATOMIC_RELEASE);
	return 0;
}
