// SPDX-License-Identifier: GPL-2.0-or-later
#include "planner/schedule.h"

/*
 * Micro-batches go through the chunks in groups of as many as there are
 * stages: a group through the first chunk, then through the second one, and
 * backward in the opposite order of chunks.
 */
static struct slot pass(const struct schedule *s, bool backward, uint32_t k)
{
	uint32_t group = s->pipeline * s->interleave, in = k % group;
	struct slot slot = { .backward = backward };

	if (s->interleave == 1) {
		slot.micro_batch = k;
		return slot;
	}
	slot.chunk = in / s->pipeline;
	if (backward)
		slot.chunk = s->interleave - 1 - slot.chunk;
	slot.micro_batch = k / group * s->pipeline + in % s->pipeline;
	return slot;
}

/* Forward passes before the first backward pass. */
static uint32_t warm_up(const struct schedule *s, uint32_t p)
{
	uint32_t total = s->interleave * s->micro_batches, n = s->pipeline - p - 1;

	if (s->interleave > 1)
		n = 2 * n + (s->interleave - 1) * s->pipeline;
	return n < total ? n : total;
}

void schedule_fill(const struct schedule *s, uint32_t p, struct slot *slots)
{
	uint32_t total = s->interleave * s->micro_batches, warm = warm_up(s, p), i;

	for (i = 0; i < warm; i++)
		*slots++ = pass(s, false, i);
	for (i = 0; i < total - warm; i++) {
		*slots++ = pass(s, false, warm + i);
		*slots++ = pass(s, true, i);
	}
	for (i = total - warm; i < total; i++)
		*slots++ = pass(s, true, i);
}

bool schedule_output(const struct schedule *s, uint32_t p, const struct slot *slot,
		     struct boundary *out)
{
	uint32_t stage = schedule_stage(s, p, slot);

	if (stage == (slot->backward ? 0 : s->pipeline * s->interleave - 1))
		return false;
	*out = (struct boundary){ .backward = slot->backward,
				  .stage = slot->backward ? stage - 1 : stage + 1,
				  .micro_batch = slot->micro_batch };
	return true;
}
