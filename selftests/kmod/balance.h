/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The books of this network namespace: in every dmsc qdisc, class and queue,
 * enqueued = dequeued + dropped + backlog, in packets and bytes.
 */
#ifndef DMSC_SELFTESTS_BALANCE_H
#define DMSC_SELFTESTS_BALANCE_H

#include <stdio.h>
#include <stdlib.h>

#include "lib/queues.h"

static int balance_one(const char *what, uint32_t id, const struct queue_stats *s)
{
	if (s->enq_packets == s->deq_packets + s->drop_packets + s->backlog_packets &&
	    s->enq_bytes == s->deq_bytes + s->drop_bytes + s->backlog_bytes)
		return 0;
	printf("# %s %x: packets: enqueued %llu, dequeued %llu, dropped %llu, backlog %u;"
	       " bytes: %llu, %llu, %llu, %u\n",
	       what, id, (unsigned long long)s->enq_packets, (unsigned long long)s->deq_packets,
	       (unsigned long long)s->drop_packets, s->backlog_packets,
	       (unsigned long long)s->enq_bytes, (unsigned long long)s->deq_bytes,
	       (unsigned long long)s->drop_bytes, s->backlog_bytes);
	return 1;
}

/**
 * balance_check - do all books balance?
 * @nr: number of qdiscs that were looked at; may be NULL
 *
 * A listing that changed while it was read (-EINTR) is read again.
 */
static int balance_check(struct queues *q, size_t *nr)
{
	struct queue_class_entry *classes = NULL;
	struct queue_queue_entry *queues = NULL;
	struct queue_qdisc *qdiscs = NULL;
	size_t nd = 0, nc = 0, nq = 0, i;
	struct dmsc_error err;
	int bad = 0, tries = 100;

	do {
		free(qdiscs);
		free(classes);
		free(queues);
		qdiscs = NULL, classes = NULL, queues = NULL;
		bad = queues_get_qdiscs(q, 0, &qdiscs, &nd, &err) ||
		      queues_get_classes(q, 0, &classes, &nc, &err) ||
		      queues_get_queues(q, 0, &queues, &nq, &err);
	} while (bad && --tries);
	if (bad)
		printf("# %s\n", err.text);
	for (i = 0; i < nd && tries; i++)
		bad |= balance_one("qdisc", qdiscs[i].handle, &qdiscs[i].stats);
	for (i = 0; i < nc && tries; i++)
		bad |= balance_one("class", classes[i].class.id, &classes[i].class.stats);
	for (i = 0; i < nq && tries; i++)
		bad |= balance_one("queue", queues[i].queue.slot, &queues[i].queue.stats);
	free(qdiscs);
	free(classes);
	free(queues);
	if (nr)
		*nr = nd;
	return bad;
}

#endif /* DMSC_SELFTESTS_BALANCE_H */
