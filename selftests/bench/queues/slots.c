// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * slots DEVICE N: gives the dmsc qdisc of a device queues 1 to N, queue n in
 * class (n - 1) % 8, as the benchmark's module numbers its flows.
 */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/queues.h"

int main(int argc, char **argv)
{
	static struct queue_queue all[DMSC_NR_SLOTS];
	struct dmsc_error err;
	struct queues *q;
	uint32_t i, n;

	n = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	if (!n || n >= DMSC_NR_SLOTS) {
		fprintf(stderr, "usage: slots DEVICE N (1 to %d)\n", DMSC_NR_SLOTS - 1);
		return 2;
	}
	for (i = 0; i < n; i++)
		all[i] = (struct queue_queue){ .slot = i + 1,
					       .class = i % DMSC_NR_CLASSES,
					       .weight = DMSC_WEIGHT_DEFAULT,
					       .sid = i + 1 };
	if (queues_open(&q, true, &err) ||
	    queues_set_queues(q, if_nametoindex(argv[1]), 0, all, n, true, &err)) {
		fprintf(stderr, "slots: %s\n", err.text);
		return 1;
	}
	queues_close(q);
	return 0;
}
