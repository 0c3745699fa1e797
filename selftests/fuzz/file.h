/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fuzzer's input as a file, for parsers that take a name: in memory, the same one each time. */
#ifndef DMSC_SELFTESTS_FUZZ_FILE_H
#define DMSC_SELFTESTS_FUZZ_FILE_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/spec.h"
#include "selftests/fuzz/input.h"

static inline const char *fuzz_file(const uint8_t *data, size_t size)
{
	static char name[64];
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		FUZZ_CHECK(fd >= 0, "memfd_create");
		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	}
	FUZZ_CHECK(!ftruncate(fd, 0) && pwrite(fd, data, size, 0) == (ssize_t)size, "write");
	return name;
}

/* A refusal is one line that begins with the file's name, and says something. */
static inline void fuzz_refused(int ret, const struct dmsc_error *err, const char *file)
{
	FUZZ_CHECK(ret < 0, "%d", ret);
	FUZZ_CHECK(!strchr(err->text, '\n'), "%s", err->text);
	FUZZ_CHECK(ret == -ENOMEM || (!strncmp(err->text, file, strlen(file)) &&
				      strlen(err->text) > strlen(file) + 4),
		   "%d '%s'", ret, err->text);
}

/*
 * A small cluster: what is taken is planned on it. @gpus: of each of three hosts,
 * so that small jobs fit and large ones do not.
 */
static inline struct topology fuzz_topology(uint32_t gpus)
{
	static struct topo_node nodes[] = {
		{ .name = "host0", .kind = NODE_HOST, .addr.b = { [10] = 0xff, 0xff, 10, 255, 0, 1 } },
		{ .name = "host1", .kind = NODE_HOST, .addr.b = { [10] = 0xff, 0xff, 10, 255, 0, 2 } },
		{ .name = "store0",
		  .kind = NODE_HOST,
		  .addr.b = { [10] = 0xff, 0xff, 10, 255, 0, 3 } },
		{ .name = "leaf0", .kind = NODE_LEAF, .addr.b = { [10] = 0xff, 0xff, 10, 255, 0, 4 } },
	};
	static struct topo_link links[] = {
		{ .a = 0, .b = 3, .if_a = "rail0", .if_b = "p0", .rate = 400000000000 },
		{ .a = 1, .b = 3, .if_a = "rail0", .if_b = "p1", .rate = 400000000000 },
		{ .a = 2, .b = 3, .if_a = "rail0", .if_b = "p2", .rate = 100000000000 },
	};

	nodes[0].gpus = gpus;
	nodes[1].gpus = gpus;
	return (struct topology){
		.name = "fuzz", .nodes = nodes, .nr_nodes = 4, .links = links, .nr_links = 3
	};
}

#endif /* DMSC_SELFTESTS_FUZZ_FILE_H */
