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

/*
 * What `given` does not name is not sent: the kernel keeps a class's value, and
 * gives a queue the default. What was read has everything the module knows.
 */
enum {
	QUEUE_CLASS_CEIL = 1 << 0,
	QUEUE_CLASS_CODEL = 1 << 1,
	QUEUE_CLASS_TARGET = 1 << 2,
	QUEUE_CLASS_INTERVAL = 1 << 3,
	QUEUE_CLASS_FAIR = 1 << 4,
	QUEUE_CLASS_STARVE = 1 << 5,
};

struct queue_class {
	uint32_t id, mode, weight, share, limit, ecn;
	uint32_t given;		   /* of the following, QUEUE_CLASS_ */
	uint64_t ceil;		   /* bytes a second, 0 none */
	uint32_t codel;		   /* 0, 1 */
	uint32_t target, interval; /* CoDel's, microseconds */
	uint32_t fair;		   /* 0, 1: a queue a flow */
	uint32_t starve;	   /* milliseconds, 0 never */
	struct queue_stats stats;  /* only read */
};

/* The same by name, for what people write and the registry keeps. */
struct queue_class_option {
	const char *name;
	uint32_t given;	   /* QUEUE_CLASS_ */
	uint64_t min, max; /* 0 is always taken where @zero */
	bool zero;
};

#define QUEUE_CLASS_OPTIONS 6
extern const struct queue_class_option queue_class_options[QUEUE_CLASS_OPTIONS];

uint64_t queue_class_option_get(const struct queue_class *c, uint32_t given);
/* Marks it as given. */
void queue_class_option_set(struct queue_class *c, uint32_t given, uint64_t value);

enum {
	QUEUE_QUEUE_RANK = 1 << 0,
	QUEUE_QUEUE_RATE = 1 << 1,
	QUEUE_QUEUE_CEIL = 1 << 2,
	QUEUE_QUEUE_REMAINING = 1 << 3,
	QUEUE_QUEUE_WEIGHT = 1 << 4, /* the weight is sent in any case */
};

struct queue_queue {
	uint32_t slot, class, weight, sid;
	uint32_t given;		  /* of the following, QUEUE_QUEUE_ */
	uint32_t rank;		  /* 0 goes first; left out: DMSC_RANK_DEFAULT */
	uint64_t rate;		  /* bytes a second, 0 no bound; left out: 0 */
	uint64_t ceil;		  /* bytes a second, 0 none; left out: 0 */
	uint64_t remaining;	  /* bytes, 0 not known; left out: as it is */
	struct queue_stats stats; /* only read */
};

/* What may be set of a queue, by name; ranges as in linux/dmsc.h. */
struct queue_queue_option {
	const char *name;
	uint32_t given;	   /* QUEUE_QUEUE_ */
	uint64_t min, max; /* 0 is always taken where @zero */
	bool zero;
	bool kept; /* stays set; remaining is of one transfer only */
};

#define QUEUE_QUEUE_OPTIONS 5
extern const struct queue_queue_option queue_queue_options[QUEUE_QUEUE_OPTIONS];

uint64_t queue_queue_option_get(const struct queue_queue *q, uint32_t given);
/* Marks it as given. */
void queue_queue_option_set(struct queue_queue *q, uint32_t given, uint64_t value);

/** queue_queue_merge - what @from gives, over @q */
void queue_queue_merge(struct queue_queue *q, const struct queue_queue *from);

/** queue_queue_check - are all values that are given in range? -EINVAL: no, @err says which */
int queue_queue_check(const struct queue_queue *q, struct dmsc_error *err);

struct queue_event {
	uint32_t event, ifindex, handle;
	struct queue_class class; /* DMSC_EVENT_DROPS, DMSC_EVENT_STARVED */
	struct queue_queue queue; /* DMSC_EVENT_CONGESTED */
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
