// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "lib/bpf_write.h"

#define GRACE_NS 50000000L
#define RETRY_NS 1000000L
#define RETRIES	 200

static void pause_ns(long ns)
{
	struct timespec ts = { .tv_nsec = ns };

	nanosleep(&ts, NULL);
}

void bpf_grace_period(void)
{
	if (syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		pause_ns(GRACE_NS);
}

int bpf_write(int fd, const void *key, const void *value)
{
	int i;

	for (i = 0; bpf_map_update_elem(fd, key, value, BPF_ANY); i++) {
		if (errno != ENOMEM || i == RETRIES)
			return -errno;
		pause_ns(RETRY_NS);
	}
	return 0;
}
