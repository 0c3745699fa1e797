// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Helper of test_qdisc.sh: in every dmsc qdisc, class and queue of this network
 * namespace, enqueued = dequeued + dropped + backlog, in packets and bytes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/queues.h"

static int check(const char *what, uint32_t id, const struct queue_stats *s)
{
	if (s->enq_packets == s->deq_packets + s->drop_packets + s->backlog_packets &&
	    s->enq_bytes == s->deq_bytes + s->drop_bytes + s->backlog_bytes)
		return 0;
	printf("# %s %u: enqueued %llu, dequeued %llu, dropped %llu, backlog %u packets\n", what,
	       id, (unsigned long long)s->enq_packets, (unsigned long long)s->deq_packets,
	       (unsigned long long)s->drop_packets, s->backlog_packets);
	return 1;
}

int main(void)
{
	struct queue_class_entry *classes;
	struct queue_queue_entry *queues;
	struct queue_qdisc *qdiscs;
	struct dmsc_error err;
	struct queues *q;
	size_t n, i;
	int bad = 0;

	if (queues_open(&q, false, &err) || queues_get_qdiscs(q, 0, &qdiscs, &n, &err) || !n) {
		printf("# no qdisc: %s\n", err.text);
		return 1;
	}
	for (i = 0; i < n; i++)
		bad |= check("qdisc", qdiscs[i].handle, &qdiscs[i].stats);
	if (queues_get_classes(q, 0, &classes, &n, &err))
		return 1;
	for (i = 0; i < n; i++)
		bad |= check("class", classes[i].class.id, &classes[i].class.stats);
	if (queues_get_queues(q, 0, &queues, &n, &err))
		return 1;
	for (i = 0; i < n; i++)
		bad |= check("queue", queues[i].queue.slot, &queues[i].queue.stats);
	free(qdiscs);
	free(classes);
	free(queues);
	queues_close(q);
	return bad;
}
