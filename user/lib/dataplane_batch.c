// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many entries of a hash in one system call. Each call is bounded, so that a CPU
 * is not held for longer than that.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bpf_write.h"
#include "lib/dataplane_priv.h"

#define CHUNK 4096

/**
 * dataplane_all_keys - the keys of a hash, one after the other; *n of them
 * @value_size: of what a look-up from userspace returns
 *
 * NULL: no memory. Not for tables that somebody else writes meanwhile.
 */
void *dataplane_all_keys(int fd, size_t key_size, size_t value_size, size_t *n)
{
	size_t room = CHUNK;
	char *keys = malloc(room * key_size), *values = malloc(room * value_size), *more;
	bool done = false;
	__u32 count, at = 0, *from = NULL; /* a position in a hash has 32 bits */

	*n = 0;
	while (keys && values) {
		int ret;

		count = room - *n;
		ret = bpf_map_lookup_batch(fd, from, &at, keys + *n * key_size, values, &count,
					   NULL);
		from = &at;
		/* ENOENT: that was all of it. ENOSPC: the next bucket needs more room. */
		done = ret && errno == ENOENT;
		if (!ret || done)
			*n += count;
		if (done || (ret && errno != ENOSPC))
			break;
		if (!ret && room - *n >= CHUNK / 2)
			continue;
		room *= 2;
		more = realloc(keys, room * key_size);
		if (!more)
			break;
		keys = more;
		free(values);
		values = malloc(room * value_size);
	}
	free(values);
	if (done)
		return keys;
	free(keys);
	*n = 0;
	return NULL;
}

int dataplane_update_many(int fd, const void *keys, size_t key_size, const void *values,
			  size_t value_size, size_t n)
{
	size_t done = 0;
	int tries = 0;

	while (done < n) {
		__u32 count = n - done < CHUNK ? n - done : CHUNK;
		int ret = bpf_map_update_batch(fd, (const char *)keys + done * key_size,
					       (const char *)values + done * value_size, &count,
					       NULL);

		if (!ret || count)
			tries = 0;
		done += count;
		if (!ret)
			continue;
		if (!bpf_write_again(&tries))
			return -errno;
	}
	return 0;
}

int dataplane_delete_many(int fd, const void *keys, size_t key_size, size_t n)
{
	size_t done = 0;

	while (done < n) {
		__u32 count = n - done < CHUNK ? n - done : CHUNK;
		int ret = bpf_map_delete_batch(fd, (const char *)keys + done * key_size, &count,
					       NULL);

		done += count;
		if (ret && errno == ENOENT)
			done++; /* as good as deleted */
		else if (ret)
			return -errno;
	}
	return 0;
}
