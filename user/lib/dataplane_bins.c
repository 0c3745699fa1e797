// SPDX-License-Identifier: GPL-2.0-or-later
/* Bytes by class and millisecond: the CPUs' bins put together. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dataplane_priv.h"

static int by_number(const void *a, const void *b)
{
	const struct dataplane_bin *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

/* Adds one CPU's to those at @at, of which the newest number counts. */
static void add(struct dataplane_bin *to, const struct dmsc_bin *bin)
{
	if (bin->number < to->number)
		return;
	if (bin->number > to->number) {
		memset(to, 0, sizeof(*to));
		to->number = bin->number;
	}
	for (int c = 0; c < DMSC_NR_CLASSES; c++)
		to->bytes[c] += bin->bytes[c];
}

int dataplane_bins(struct dataplane *dp, uint64_t from, struct dataplane_bin **out, size_t *n,
		   struct dmsc_error *err)
{
	int fd = dataplane_map(dp, "dmsc_bins"), cpus = libbpf_num_possible_cpus(), cpu;
	struct dataplane_bin *list = calloc(DMSC_BINS, sizeof(*list));
	struct dmsc_bin *values = calloc(cpus > 0 ? cpus : 1, sizeof(*values));
	uint32_t i;

	*out = NULL;
	*n = 0;
	if (!list || !values || cpus < 1) {
		free(list);
		free(values);
		return dmsc_fail(err, -ENOMEM, "out of memory");
	}
	for (i = 0; i < DMSC_BINS; i++) {
		struct dataplane_bin *to = &list[*n];

		if (bpf_map_lookup_elem(fd, &i, values))
			continue;
		memset(to, 0, sizeof(*to));
		for (cpu = 0; cpu < cpus; cpu++)
			add(to, &values[cpu]);
		if (to->number && to->number >= from)
			++*n;
	}
	free(values);
	qsort(list, *n, sizeof(*list), by_number);
	*out = list;
	return 0;
}
