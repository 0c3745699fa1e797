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

#define NR_TABLES DATAPLANE_NR_TABLES
#define TABLES(t)                                                                         \
	{ TABLE(t, instance, DMSC_MAX_INSTANCES), TABLE(t, endpoint, DMSC_MAX_ENDPOINTS), \
	  TABLE(t, group, DMSC_MAX_GROUPS),	  TABLE(t, peer, DMSC_MAX_PEERS),         \
	  TABLE(t, flow, DMSC_MAX_FLOWS),	  TABLE(t, rule, DMSC_MAX_RULES) }

/* ---- checks: what is wrong is found before anything is written ---- */

static int check_counts(const struct dataplane_tables *t, const struct dataplane_table *tables,
			size_t n, struct dmsc_error *err)
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
	if (t->nr_rates > DMSC_MAX_RATES)
		return dmsc_fail(err, -E2BIG, "rates: %zu entries, at most %d fit", t->nr_rates,
				 DMSC_MAX_RATES);
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
		if (t->rules[i].rate && t->rules[i].rate >= t->nr_rates)
			return dmsc_fail(err, -EINVAL, "rules[%zu]: rate %u of %zu", i,
					 t->rules[i].rate, t->nr_rates);
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

/* ---- what the loader fills in ---- */

/* The answer of the last time, while one table is filled in: later it may be another's. */
struct counted {
	struct dmsc_stats_key key;
	uint16_t index; /* 0: none */
};

/* Where what @key says is counted; asked for many in turn, of which most are alike. */
static uint16_t counted_at(struct dataplane *dp, const struct dmsc_stats_key *key,
			   struct counted *last)
{
	if (!last->index || memcmp(&last->key, key, sizeof(*key)))
		*last = (struct counted){ *key, dataplane_stats_index(dp, key) };
	return last->index;
}

/* The endpoints, those of our own instances with their counters. NULL: no memory. */
static struct dmsc_endpoint *own_endpoints(struct dataplane *dp, const struct dataplane_tables *t)
{
	struct dmsc_endpoint *out = malloc(t->nr_endpoints * sizeof(*out) + 1);
	uint32_t *sids = calloc(t->nr_instances + 1, sizeof(*sids));
	struct counted last = { 0 };
	size_t i;

	if (!out || !sids) {
		free(sids);
		free(out);
		return NULL;
	}
	if (t->nr_endpoints)
		memcpy(out, t->endpoints, t->nr_endpoints * sizeof(*out));
	for (i = 0; i < t->nr_instances; i++)
		sids[i] = t->instances[i].sid;
	qsort(sids, t->nr_instances, sizeof(*sids), dataplane_compare_sids);
	for (i = 0; t->nr_instances && i < t->nr_endpoints; i++) {
		struct dmsc_stats_key key = { .sid = out[i].sid,
					      .class = out[i].class,
					      .dir = DMSC_DIR_RX };

		out[i].stats = 0;
		if (key.sid &&
		    bsearch(&key.sid, sids, t->nr_instances, sizeof(*sids), dataplane_compare_sids))
			out[i].stats = counted_at(dp, &key, &last);
	}
	free(sids);
	return out;
}

/* The flows with DSCP and counters; @paths have the numbers of their next hops. */
static struct dmsc_flow *own_flows(struct dataplane *dp, const struct dataplane_tables *t,
				   const struct dmsc_path *paths)
{
	struct dmsc_flow *out = malloc(t->nr_flows * sizeof(*out) + 1);
	struct counted last = { 0 };
	size_t i;

	for (i = 0; out && i < t->nr_flows; i++) {
		struct dmsc_stats_key key = { .sid = t->flows[i].sid,
					      .class = t->flows[i].class,
					      .dir = DMSC_DIR_TX };

		out[i] = t->flows[i];
		out[i].tos = 0;
		out[i].stats = 0;
		if (t->flags & DMSC_CTL_DSCP)
			out[i].tos = t->profile.dscp[key.class] << 2 | DMSC_TOS_F_WRITE;
		/* Which path of a set it takes depends. */
		if (t->flags & DMSC_CTL_STEER) {
			if (out[i].path & DMSC_PATH_SET)
				continue;
			key.path = paths[out[i].path].counter;
		}
		out[i].stats = counted_at(dp, &key, &last);
	}
	return out;
}

/* ---- the generation ---- */

/* Generations are positive ints: after the last comes 2, which is on the other side. */
static uint32_t next_generation(uint32_t generation)
{
	return generation >= INT_MAX ? 2 : generation + 1;
}

/* Paths and what hangs on them: next hops, sets. */
static int paths_replace(struct dataplane *dp, const struct dataplane_tables *t, uint32_t side,
			 struct dmsc_error *err)
{
	struct dmsc_path *paths = dp->paths + side * DMSC_MAX_PATHS;

	memset(paths, 0, DMSC_MAX_PATHS * sizeof(*paths));
	if (t->nr_paths > 1)
		memcpy(paths + 1, t->paths + 1, (t->nr_paths - 1) * sizeof(*paths));
	if (t->nr_sets)
		memcpy(dp->sets + side * DMSC_MAX_SETS, t->sets, t->nr_sets * sizeof(*t->sets));
	return dataplane_hops_add(dp, t, paths, err);
}

/*
 * Rates of rules. One that was there before, and is the same, goes on where it stands, so
 * that generations in a row are no burst in a row.
 */
static int rates_replace(struct dataplane *dp, const struct dataplane_tables *t, uint32_t side,
			 struct dmsc_error *err)
{
	int fd = dataplane_map(dp, "dmsc_rates");

	for (uint32_t i = 1; i < t->nr_rates; i++) {
		uint32_t at = side * DMSC_MAX_RATES + i, other = !side * DMSC_MAX_RATES + i;
		struct dmsc_rule_rate rate = t->rates[i], old;

		if (!bpf_map_lookup_elem(fd, &other, &old) && old.cost == rate.cost)
			rate.due = old.due;
		if (bpf_map_update_elem(fd, &at, &rate, BPF_ANY))
			return dmsc_fail(err, -errno, "rates: %s", strerror(errno));
	}
	return 0;
}

static int tables_replace(struct dataplane *dp, const struct dataplane_tables *t, uint32_t side,
			  struct dmsc_error *err)
{
	struct dmsc_endpoint *endpoints = own_endpoints(dp, t);
	struct dmsc_flow *flows = own_flows(dp, t, dp->paths + side * DMSC_MAX_PATHS);
	struct dataplane_tables own = *t;
	int ret = 0;
	size_t i;

	if (!endpoints || !flows)
		ret = dmsc_fail(err, -ENOMEM, "out of memory");
	own.endpoints = endpoints;
	own.flows = flows;

	const struct dataplane_table tables[NR_TABLES] = TABLES(&own);

	for (i = 0; i < NR_TABLES && !ret; i++)
		ret = dataplane_table_replace(dp, i, &tables[i], side, err);
	free(endpoints);
	free(flows);
	return ret;
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
	const struct dataplane_table tables[NR_TABLES] = TABLES(t);
	uint32_t generation = next_generation(dp->ctl->generation), side = generation & 1;
	int profile = dataplane_map(dp, "dmsc_profile");
	int ret;

	dataplane_log_reset();
	ret = check_counts(t, tables, NR_TABLES, err);
	if (!ret)
		ret = check_tables(t, err);
	if (ret)
		return ret;

	bpf_grace_period();
	ret = paths_replace(dp, t, side, err);
	if (!ret)
		ret = rates_replace(dp, t, side, err);
	if (!ret)
		ret = tables_replace(dp, t, side, err);
	if (ret)
		return ret;
	if (bpf_map_update_elem(profile, &side, &t->profile, BPF_ANY))
		return dmsc_fail(err, -errno, "profile: %s", strerror(errno));

	/* Whoever watches goes on watching. */
	commit_word(dp, generation,
		    (t->flags & ~DMSC_CTL_TRACE) | (dp->ctl->flags & DMSC_CTL_TRACE));
	dataplane_hops_prune(dp);
	dataplane_stats_prune(dp, t);
	ret = dp->upgrade ? dataplane_upgrade_finish(dp, err) : 0;
	return ret ? ret : (int)generation;
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
