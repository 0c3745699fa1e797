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

bool bpf_write_again(int *tries)
{
	if (errno != ENOMEM || (*tries)++ == RETRIES)
		return false;
	pause_ns(RETRY_NS);
	return true;
}

int bpf_write(int fd, const void *key, const void *value, uint64_t flags)
{
	int tries = 0;

	while (bpf_map_update_elem(fd, key, value, flags)) {
		if (!bpf_write_again(&tries))
			return -errno;
	}
	return 0;
}
