// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Next hops, their numbers and encapsulations: what belongs to no side, because
 * connections may still use those of an earlier generation.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bpf_write.h"
#include "lib/dataplane_priv.h"

static struct dmsc_hop_key hop_key(const struct dmsc_path *p)
{
	return (struct dmsc_hop_key){
		.ifindex = p->ifindex,
		.encap = p->encap,
		.nexthop = p->nexthop,
	};
}

int dataplane_hop_set(struct dataplane *dp, const struct dmsc_path *p, uint32_t flags)
{
	struct dmsc_hop hop = { .flags = flags & DMSC_PATH_F_UP, .counter = p->counter };
	struct dmsc_hop_key key = hop_key(p);

	return bpf_write(dataplane_map(dp, "dmsc_hops"), &key, &hop, BPF_ANY);
}

/* ---- encapsulations ---- */

static uint32_t encap_hash(const struct dmsc_encap *e)
{
	const uint8_t *p = (const uint8_t *)e;
	uint32_t h = 2166136261U; /* FNV-1a */
	size_t i;

	for (i = 0; i < sizeof(*e); i++)
		h = (h ^ p[i]) * 16777619U;
	return h ? h : 1;
}

/* Its key in the map: that of an equal one, or one that is free. */
static int encap_add(int fd, const struct dmsc_encap *e, uint32_t *key)
{
	struct dmsc_encap there;

	for (*key = encap_hash(e);; *key = *key + 1 ? *key + 1 : 1) {
		if (bpf_map_lookup_elem(fd, key, &there))
			return errno == ENOENT ? bpf_write(fd, key, e, BPF_NOEXIST) : -errno;
		if (!memcmp(&there, e, sizeof(there)))
			return 0;
	}
}

static int encaps_add(struct dataplane *dp, const struct dataplane_tables *t,
		      struct dmsc_path *paths, struct dmsc_error *err)
{
	uint32_t *keys = calloc(t->nr_encaps + 1, sizeof(*keys));
	int fd = dataplane_map(dp, "dmsc_encaps"), ret = 0;
	size_t i;

	if (!keys)
		return dmsc_fail(err, -ENOMEM, "out of memory");
	for (i = 1; i < t->nr_encaps && !ret; i++)
		ret = encap_add(fd, &t->encaps[i], &keys[i]);
	for (i = 1; i < t->nr_paths; i++)
		paths[i].encap = keys[paths[i].encap];
	free(keys);
	return ret ? dmsc_fail(err, ret, "encapsulations: %s", strerror(-ret)) : 0;
}

/* ---- their numbers ---- */

/*
 * Each next hop has a number as long as it is there, which is a part of the key of
 * what it carries (dmsc_stats_key). Those of next hops that are gone are not given
 * out again while something is counted for them. @used: by number.
 */
#define NUMBERS (UINT16_MAX + 1)

static uint16_t number_take(bool *used)
{
	uint32_t i = 1;

	while (i < NUMBERS && used[i])
		i++;
	if (i == NUMBERS)
		return 0; /* it is used, and counted as no path */
	used[i] = true;
	return i;
}

static bool *numbers_used(struct dataplane *dp)
{
	bool *used = calloc(NUMBERS, sizeof(*used));
	int fd = dataplane_map(dp, "dmsc_hops");
	struct dmsc_hop_key *keys;
	struct dmsc_hop hop;
	size_t n, i;

	keys = dataplane_all_keys(fd, sizeof(*keys), sizeof(hop), &n);
	for (i = 0; keys && used && i < n; i++) {
		if (!bpf_map_lookup_elem(fd, &keys[i], &hop))
			used[hop.counter] = true;
	}
	if (!keys || !used || dataplane_counted_paths(dp, used)) {
		free(used);
		used = NULL;
	}
	free(keys);
	return used;
}

static int counters_add(struct dataplane *dp, size_t nr, struct dmsc_path *paths)
{
	int fd = dataplane_map(dp, "dmsc_hops"), ret = 0;
	bool *used = numbers_used(dp);
	size_t i;

	if (!used)
		return -ENOMEM;
	for (i = 1; i < nr && !ret; i++) {
		struct dmsc_hop_key key = hop_key(&paths[i]);
		struct dmsc_hop hop;

		if (!bpf_map_lookup_elem(fd, &key, &hop)) {
			paths[i].counter = hop.counter;
			continue;
		}
		paths[i].counter = number_take(used);
		/* Another path of the same next hop finds it. */
		ret = dataplane_hop_set(dp, &paths[i], paths[i].flags);
	}
	free(used);
	return ret;
}

/* ---- next hops ---- */

/**
 * dataplane_hops_add - next hops of @paths, which are @t's on their side of the map
 *
 * Replaces each path's encap, an index into @t, by its key, and fills in counter.
 */
int dataplane_hops_add(struct dataplane *dp, const struct dataplane_tables *t,
		       struct dmsc_path *paths, struct dmsc_error *err)
{
	int pass, ret;
	size_t i;

	ret = encaps_add(dp, t, paths, err);
	if (ret)
		return ret;
	ret = counters_add(dp, t->nr_paths, paths);
	/* A next hop that several paths share is up when one of them says so. */
	for (pass = 0; pass < 2; pass++) {
		uint32_t up = pass ? DMSC_PATH_F_UP : 0;

		for (i = 1; i < t->nr_paths && !ret; i++) {
			if ((paths[i].flags & DMSC_PATH_F_UP) == up)
				ret = dataplane_hop_set(dp, &paths[i], up);
		}
	}
	return ret ? dmsc_fail(err, ret, "next hops: %s", strerror(-ret)) : 0;
}

static bool hop_used(const struct dataplane *dp, const struct dmsc_hop_key *key)
{
	size_t i;

	for (i = 0; i < 2 * DMSC_MAX_PATHS; i++) {
		struct dmsc_hop_key k = hop_key(&dp->paths[i]);

		if (!memcmp(&k, key, sizeof(k)))
			return true;
	}
	return false;
}

static bool encap_used(const struct dataplane *dp, uint32_t key)
{
	size_t i;

	for (i = 0; i < 2 * DMSC_MAX_PATHS; i++) {
		if (dp->paths[i].encap == key)
			return true;
	}
	return false;
}

/**
 * dataplane_hops_prune - forget what neither side's paths use
 *
 * Connections still on such a next hop then leave it at once.
 */
void dataplane_hops_prune(const struct dataplane *dp)
{
	int hops = dataplane_map(dp, "dmsc_hops"), encaps = dataplane_map(dp, "dmsc_encaps");
	struct dmsc_hop_key *keys;
	uint32_t *ids;
	size_t n, i;

	keys = dataplane_all_keys(hops, sizeof(*keys), sizeof(struct dmsc_hop), &n);
	for (i = 0; keys && i < n; i++) {
		if (!hop_used(dp, &keys[i]))
			bpf_map_delete_elem(hops, &keys[i]);
	}
	free(keys);
	ids = dataplane_all_keys(encaps, sizeof(*ids), sizeof(struct dmsc_encap), &n);
	for (i = 0; ids && i < n; i++) {
		if (!encap_used(dp, ids[i]))
			bpf_map_delete_elem(encaps, &ids[i]);
	}
	free(ids);
}
