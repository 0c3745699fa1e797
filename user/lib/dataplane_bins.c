// SPDX-License-Identifier: GPL-2.0-or-later
/* Bytes by class and millisecond: the CPUs' bins put together. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/dataplane_priv.h"

uint64_t dataplane_bin_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ts.tv_sec * 1000000000ULL + ts.tv_nsec) / DMSC_BIN_NS;
}

#define BATCH 64 /* bins that are read at a time */

/* What the CPUs have of millisecond @number, @values; false when it had no traffic. */
static bool add_up(struct dataplane_bin *bin, uint64_t number, const struct dmsc_bin *values,
		   int cpus)
{
	bool any = false;
	int cpu, c;

	memset(bin, 0, sizeof(*bin));
	bin->number = number;
	for (cpu = 0; cpu < cpus; cpu++) {
		/* Others are of an earlier time around. */
		if (values[cpu].number != number)
			continue;
		any = true;
		for (c = 0; c < DMSC_NR_CLASSES; c++)
			bin->bytes[c] += values[cpu].bytes[c];
	}
	return any;
}

int dataplane_bins(struct dataplane *dp, uint64_t from, uint64_t to, struct dataplane_bin **out,
		   size_t *n, struct dmsc_error *err)
{
	int fd = dataplane_map(dp, "dmsc_bins"), cpus = libbpf_num_possible_cpus();
	struct dataplane_bin *list = calloc(DMSC_BINS, sizeof(*list));
	struct dmsc_bin *values = calloc(cpus > 0 ? cpus : 1, BATCH * sizeof(*values));
	uint32_t keys[BATCH], before, end, count, i;
	int ret = 0;

	*out = NULL;
	*n = 0;
	if (!list || !values || cpus < 1)
		ret = dmsc_fail(err, -ENOMEM, "out of memory");
	if (to >= DMSC_BINS && from <= to - DMSC_BINS)
		from = to - DMSC_BINS + 1;
	for (; from <= to && !ret; from += count) {
		uint32_t index = from & (DMSC_BINS - 1);

		count = to - from < BATCH ? to - from + 1 : BATCH;
		if (count > DMSC_BINS - index)
			count = DMSC_BINS - index;
		before = index - 1;
		/* ENOENT: that was the map's last one. */
		if (bpf_map_lookup_batch(fd, index ? &before : NULL, &end, keys, values, &count,
					 NULL) &&
		    errno != ENOENT)
			ret = dmsc_fail(err, -errno, "dmsc_bins: %s", strerror(errno));
		if (!count && !ret)
			ret = dmsc_fail(err, -EIO, "dmsc_bins: cannot be read");
		for (i = 0; i < count && !ret; i++)
			if (add_up(&list[*n], from + i, values + (size_t)i * cpus, cpus))
				++*n;
	}
	free(values);
	if (ret)
		free(list);
	else
		*out = list;
	return ret;
}
