// SPDX-License-Identifier: GPL-2.0-or-later
/* Interfaces of which the DSCP of what they bring is believed: of no side. */
#include <errno.h>
#include <string.h>

#include "lib/bpf_write.h"
#include "lib/dataplane_priv.h"

static bool among(uint32_t ifindex, const uint32_t *ifindexes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ifindexes[i] == ifindex)
			return true;
	return false;
}

int dataplane_trust(struct dataplane *dp, const uint32_t *ifindexes, size_t n,
		    struct dmsc_error *err)
{
	int fd = dataplane_map(dp, "dmsc_trusted"), ret = 0;
	uint32_t there[DMSC_MAX_TRUSTED], key, one = 1;
	size_t nr = 0;

	/* All are noted before one is deleted, with which the walk would begin again. */
	while (nr < DMSC_MAX_TRUSTED && !bpf_map_get_next_key(fd, nr ? &key : NULL, &key))
		there[nr++] = key;
	for (size_t i = 0; i < nr && !ret; i++)
		if (!among(there[i], ifindexes, n) && bpf_map_delete_elem(fd, &there[i]) &&
		    errno != ENOENT)
			ret = -errno;
	for (size_t i = 0; i < n && !ret; i++)
		ret = bpf_write(fd, &ifindexes[i], &one, BPF_ANY);
	return ret ? dmsc_fail(err, ret, "dmsc_trusted: %s", strerror(-ret)) : 0;
}
