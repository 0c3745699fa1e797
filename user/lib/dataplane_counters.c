// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counters: dmsc_counters says where in dmsc_stats what is counted. Programs give out
 * numbers when they first count something, and so does the loader for what it
 * programs; both take them from the same room.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bpf_write.h"
#include "lib/dataplane_priv.h"

/* A number that nobody has; 0 when few are left, which are for who has traffic. */
static uint32_t number_take(struct dataplane *dp)
{
	uint32_t index;

	if (!bpf_map_lookup_and_delete_elem(dataplane_map(dp, "dmsc_stats_free"), NULL, &index))
		return index;
	if (__atomic_load_n(&dp->room->next, __ATOMIC_RELAXED) >= DMSC_MAX_STATS / 2)
		return 0;
	index = DMSC_STATS_NOBODY + __atomic_fetch_add(&dp->room->next, 1, __ATOMIC_RELAXED);
	return index < DMSC_MAX_STATS ? index : 0;
}

static void number_free(struct dataplane *dp, uint32_t index)
{
	bpf_map_update_elem(dataplane_map(dp, "dmsc_stats_free"), NULL, &index, BPF_ANY);
}

/**
 * dataplane_stats_index - where @key is counted; 0: the program is to find out itself
 */
uint16_t dataplane_stats_index(struct dataplane *dp, const struct dmsc_stats_key *key)
{
	int fd = dataplane_map(dp, "dmsc_counters");
	uint32_t index;

	if (!key->sid && !key->path)
		return key->dir * DMSC_NR_CLASSES + key->class;
	if (!bpf_map_lookup_elem(fd, key, &index))
		return index;
	index = number_take(dp);
	if (!index || !bpf_write(fd, key, &index, BPF_NOEXIST))
		return index;
	number_free(dp, index);
	return bpf_map_lookup_elem(fd, key, &index) ? 0 : index;
}

void dataplane_stats_add(struct dmsc_stats *sum, const struct dmsc_stats *more)
{
	sum->packets += more->packets;
	sum->bytes += more->bytes;
	sum->steered += more->steered;
	sum->moved += more->moved;
}

static int read_sum(int fd, uint32_t index, struct dmsc_stats *values, int cpus,
		    struct dmsc_stats *sum)
{
	int cpu;

	memset(sum, 0, sizeof(*sum));
	if (bpf_map_lookup_elem(fd, &index, values))
		return -errno;
	for (cpu = 0; cpu < cpus; cpu++)
		dataplane_stats_add(sum, &values[cpu]);
	return 0;
}

int dataplane_counters(struct dataplane *dp, struct dataplane_counter **out, size_t *n,
		       struct dmsc_error *err)
{
	int counters = dataplane_map(dp, "dmsc_counters"), stats = dataplane_map(dp, "dmsc_stats");
	int cpus = libbpf_num_possible_cpus();
	struct dataplane_counter *list = NULL;
	struct dmsc_stats_key *keys = NULL;
	struct dmsc_stats *values;
	size_t nr = 0, i;
	uint32_t index;

	*out = NULL;
	*n = 0;
	if (cpus < 1)
		return dmsc_fail(err, -EIO, "cannot tell the number of CPUs");
	values = calloc(cpus, sizeof(*values));
	if (values)
		keys = dataplane_all_keys(counters, sizeof(*keys), sizeof(index), &nr);
	if (keys)
		list = calloc(nr + DMSC_STATS_NOBODY, sizeof(*list));
	for (index = 0; list && index < DMSC_STATS_NOBODY; index++) {
		list[*n].key = (struct dmsc_stats_key){ .class = index % DMSC_NR_CLASSES,
							.dir = index / DMSC_NR_CLASSES };
		if (!read_sum(stats, index, values, cpus, &list[*n].sum) && list[*n].sum.packets)
			++*n;
	}
	for (i = 0; list && i < nr; i++) {
		/* Of one that is forgotten meanwhile nothing is said. */
		list[*n].key = keys[i];
		if (!bpf_map_lookup_elem(counters, &keys[i], &index) &&
		    !read_sum(stats, index, values, cpus, &list[*n].sum) && list[*n].sum.packets)
			++*n;
	}
	free(values);
	free(keys);
	if (!list)
		return dmsc_fail(err, -ENOMEM, "out of memory");
	*out = list;
	return 0;
}

uint16_t dataplane_path_number(const struct dataplane *dp, uint32_t path)
{
	if (path == DMSC_PATH_NONE || path >= DMSC_MAX_PATHS)
		return 0;
	return dp->paths[(dp->ctl->generation & 1) * DMSC_MAX_PATHS + path].counter;
}

void dataplane_path_stats(const struct dataplane_counter *list, size_t n, uint16_t number,
			  struct dmsc_stats *out)
{
	size_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; number && i < n; i++) {
		if (list[i].key.path == number)
			dataplane_stats_add(out, &list[i].sum);
	}
}

/**
 * dataplane_counted_paths - marks in @used, by number, what something was counted for
 */
int dataplane_counted_paths(const struct dataplane *dp, bool *used)
{
	struct dmsc_stats_key *keys;
	size_t n, i;

	keys = dataplane_all_keys(dataplane_map(dp, "dmsc_counters"), sizeof(*keys),
				  sizeof(uint32_t), &n);
	if (!keys)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		used[keys[i].path] = true;
	free(keys);
	return 0;
}

int dataplane_compare_sids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t *sids_of(const struct dataplane_tables *t, size_t *nr)
{
	uint32_t *sids = calloc(t->nr_instances + t->nr_endpoints + t->nr_flows + 1, sizeof(*sids));
	size_t i;

	if (!sids)
		return NULL;
	*nr = 1; /* SID 0 */
	for (i = 0; i < t->nr_instances; i++)
		sids[(*nr)++] = t->instances[i].sid;
	for (i = 0; i < t->nr_endpoints; i++)
		sids[(*nr)++] = t->endpoints[i].sid;
	for (i = 0; i < t->nr_flows; i++)
		sids[(*nr)++] = t->flows[i].sid;
	qsort(sids, *nr, sizeof(*sids), dataplane_compare_sids);
	return sids;
}

/**
 * dataplane_stats_prune - forget instances that are gone, when room gets scarce
 *
 * They stay readable until half of all numbers are given out; then those go that the
 * new generation @t, which is in force, does not know.
 */
void dataplane_stats_prune(struct dataplane *dp, const struct dataplane_tables *t)
{
	int counters = dataplane_map(dp, "dmsc_counters"), stats = dataplane_map(dp, "dmsc_stats");
	int cpus = libbpf_num_possible_cpus();
	struct dmsc_stats *zero = NULL;
	struct dmsc_stats_key *keys;
	uint32_t *sids = NULL, *index = NULL;
	size_t n, i, nr, gone = 0;

	keys = dataplane_all_keys(counters, sizeof(*keys), sizeof(*index), &n);
	if (keys && n > DMSC_MAX_STATS / 2) {
		sids = sids_of(t, &nr);
		index = calloc(n, sizeof(*index));
		zero = calloc(cpus > 0 ? cpus : 1, sizeof(*zero));
	}
	for (i = 0; sids && index && zero && i < n; i++) {
		if (!bsearch(&keys[i].sid, sids, nr, sizeof(*sids), dataplane_compare_sids) &&
		    !bpf_map_lookup_elem(counters, &keys[i], &index[gone]) &&
		    !bpf_map_delete_elem(counters, &keys[i]))
			gone++;
	}
	/* Packets of the last generation may be counted at this moment. */
	if (gone)
		bpf_grace_period();
	for (i = 0; i < gone; i++) {
		if (!bpf_map_update_elem(stats, &index[i], zero, BPF_ANY))
			number_free(dp, index[i]);
	}
	free(zero);
	free(index);
	free(sids);
	free(keys);
}
