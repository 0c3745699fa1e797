/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Builds a plan piece by piece. Instances come first, then the steps of each
 * instance in the order of the instances. What goes wrong is remembered and
 * reported once, by builder_finish().
 */
#ifndef DMSC_PLANNER_BUILDER_H
#define DMSC_PLANNER_BUILDER_H

#include "lib/error.h"
#include "lib/model.h"

#define MAX_STEPS     (1U << 22)
#define MAX_FLOWS     (1U << 20)
#define MAX_INSTANCES (1U << 20)

enum builder_trouble {
	TROUBLE_NONE,
	TROUBLE_MEMORY,
	TROUBLE_NAME,
	TROUBLE_INSTANCES,
	TROUBLE_FLOWS,
	TROUBLE_STEPS,
	TROUBLE_BYTES,
};

struct builder {
	struct plan *plan;
	uint32_t room_instances, room_flows, room_ops, room_deps, room_mics, room_notes;
	uint32_t *flow_hash; /* (src, dst, class) -> flow */
	uint32_t hash_size;
	uint32_t current; /* instance whose steps are being added */
	bool failed;
	enum builder_trouble trouble;  /* the first */
	char name[4 * MODEL_NAME_LEN]; /* that is too long */
};

/* Steps that the next one waits for. */
struct after {
	uint32_t ops[4];
	uint32_t n;
};

void builder_init(struct builder *b, struct plan *plan);

/*
 * -ENOMEM, or -EINVAL for a plan that is too large.
 * @source: file:line of what the traffic comes from, for the message
 */
int builder_finish(struct builder *b, const struct job *job, const char *source,
		   struct dmsc_error *err);

uint32_t builder_mic(struct builder *b, uint32_t id, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Index of a new instance; SIDs, slots and ports are handed out later. */
uint32_t builder_instance(struct builder *b, uint32_t mic, uint32_t host, int32_t gpu,
			  const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* How many GPUs the last instance stands for, where that is not one. */
void builder_gpus(struct builder *b, uint32_t gpus);

/* A note to a plan that is built; false: out of memory */
bool plan_note(struct plan *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void builder_note(struct builder *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Gives up now when the plan will have more than MAX_STEPS steps anyway. */
void builder_expect(struct builder *b, double steps);

/* The same for MAX_FLOWS flows. */
void builder_expect_flows(struct builder *b, double flows);

/* Steps of instance @i follow; instances in ascending order, none left out. */
void builder_begin(struct builder *b, uint32_t i);

uint32_t builder_compute(struct builder *b, uint64_t ns, const struct after *after, uint8_t phase,
			 uint32_t micro_batch);
uint32_t builder_send(struct builder *b, uint32_t dst, uint8_t class, uint64_t bytes,
		      const struct after *after, uint8_t phase, uint32_t micro_batch);
uint32_t builder_recv(struct builder *b, uint32_t src, uint8_t class, uint64_t bytes,
		      const struct after *after, uint8_t phase, uint32_t micro_batch);

/* A flow of its own, not merged with others of the same ends and class. */
uint32_t builder_bulk_flow(struct builder *b, uint32_t src, uint32_t dst, uint64_t bytes);
void builder_bulk_op(struct builder *b, enum op_kind kind, uint32_t flow);

/* A step that takes no time, behind all steps from @first on. */
struct after builder_join(struct builder *b, uint32_t first, const struct after *after,
			  uint8_t phase, uint32_t micro_batch);

static inline struct after after_one(uint32_t op)
{
	return (struct after){ { op }, 1 };
}

/*
 * A collective as its ring edges: every member sends to the next one and
 * receives from the one before, and goes on when both are done.
 * @members: instance indexes, @me: position of the current instance
 * @factor: of the payload that crosses each edge, times n: 2(n-1) for an
 *	all-reduce, n-1 for reduce-scatter and all-gather (Thakur et al. 2005)
 */
struct after builder_ring(struct builder *b, const uint32_t *members, uint32_t n, uint32_t me,
			  uint8_t class, uint64_t payload, uint64_t factor,
			  const struct after *after, uint8_t phase, uint32_t micro_batch);

/* Every member sends payload / n to each other one. */
struct after builder_all_to_all(struct builder *b, const uint32_t *members, uint32_t n, uint32_t me,
				uint8_t class, uint64_t payload, const struct after *after,
				uint8_t phase, uint32_t micro_batch);

/* What edge i of n carries, so that all edges together carry payload * factor. */
uint64_t ring_share(uint64_t payload, uint64_t factor, uint32_t i, uint32_t n);

#endif /* DMSC_PLANNER_BUILDER_H */
