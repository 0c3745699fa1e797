/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scheduling queues of one host, through generic netlink family "dmsc".
 * The only code that speaks it. Every refusal carries the kernel's own text.
 */
#ifndef DMSC_LIB_QUEUES_H
#define DMSC_LIB_QUEUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/dmsc.h>

#include "lib/error.h"

struct queues;

struct queue_stats {
	uint64_t enq_packets, enq_bytes, deq_packets, deq_bytes;
	uint64_t drop_packets, drop_bytes, mark_packets;
	uint32_t backlog_packets, backlog_bytes;
};

struct queue_qdisc {
	uint32_t ifindex, handle, parent;
	struct queue_stats stats;
};

struct queue_class {
	uint32_t id, mode, weight, share, limit, ecn;
	struct queue_stats stats; /* only read */
};

struct queue_queue {
	uint32_t slot, class, weight, sid;
	struct queue_stats stats; /* only read */
};

struct queue_event {
	uint32_t event, ifindex, handle;
	struct queue_class class;
};

/** queues_open - -ENOENT when the module is not loaded; tries to load it when @load */
int queues_open(struct queues **q, bool load, struct dmsc_error *err);
void queues_close(struct queues *q);

int queues_version(struct queues *q, uint32_t *abi, char *version, size_t len,
		   struct dmsc_error *err);

/* handle 0: every dmsc qdisc of the device. All or nothing. */
int queues_set_classes(struct queues *q, uint32_t ifindex, uint32_t handle,
		       const struct queue_class *classes, size_t n, struct dmsc_error *err);
int queues_set_queues(struct queues *q, uint32_t ifindex, uint32_t handle,
		      const struct queue_queue *queues, size_t n, bool replace,
		      struct dmsc_error *err);

/* ifindex 0: every device. *out is to be freed by the caller. */
int queues_get_qdiscs(struct queues *q, uint32_t ifindex, struct queue_qdisc **out, size_t *n,
		      struct dmsc_error *err);

struct queue_class_entry {
	uint32_t ifindex, handle;
	struct queue_class class;
};

struct queue_queue_entry {
	uint32_t ifindex, handle;
	struct queue_queue queue;
};

int queues_get_classes(struct queues *q, uint32_t ifindex, struct queue_class_entry **out,
		       size_t *n, struct dmsc_error *err);
int queues_get_queues(struct queues *q, uint32_t ifindex, struct queue_queue_entry **out, size_t *n,
		      struct dmsc_error *err);

/* Events: a socket to poll, and one event read from it (-EAGAIN: none). */
int queues_event_fd(struct queues *q, struct dmsc_error *err);
int queues_event_read(struct queues *q, struct queue_event *ev, struct dmsc_error *err);

#endif /* DMSC_LIB_QUEUES_H */
