/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In which order a pipeline stage takes its micro-batches: one-forward-one-
 * backward, plain and interleaved (Narayanan et al., SC 2021, section 2.2 and
 * figure 4; the order of passes is that of Megatron-LM's schedules).
 */
#ifndef DMSC_PLANNER_SCHEDULE_H
#define DMSC_PLANNER_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

/* One pass of one micro-batch over one model chunk of the stage. */
struct slot {
	bool backward;
	uint32_t chunk; /* 0 .. interleave - 1 */
	uint32_t micro_batch;
};

struct schedule {
	uint32_t pipeline, interleave, micro_batches;
};

/* A message between stages: what pass it belongs to, and of which virtual stage. */
struct boundary {
	bool backward;
	uint32_t stage; /* that takes it, 0 .. pipeline * interleave - 1 */
	uint32_t micro_batch;
};

static inline uint32_t schedule_length(const struct schedule *s)
{
	return 2 * s->interleave * s->micro_batches;
}

/* The passes of pipeline stage @p in their order; @slots: schedule_length() entries. */
void schedule_fill(const struct schedule *s, uint32_t p, struct slot *slots);

/* Virtual stage of a pass of pipeline stage @p. */
static inline uint32_t schedule_stage(const struct schedule *s, uint32_t p, const struct slot *slot)
{
	return slot->chunk * s->pipeline + p;
}

/* What stage @p hands on after @slot; false: nothing, the pass ends there. */
bool schedule_output(const struct schedule *s, uint32_t p, const struct slot *slot,
		     struct boundary *out);

#endif /* DMSC_PLANNER_SCHEDULE_H */
