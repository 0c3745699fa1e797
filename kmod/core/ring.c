// SPDX-License-Identifier: GPL-2.0
/* Deficit round robin (Shreedhar and Varghese, SIGCOMM 1995, section 3) in a group. */
#include "ring.h"
#include "internal.h"

/* Skips the rounds in which no queue of a group would get a deficit above 0. */
static void skip_rounds(struct dmsc_ring *g)
{
	s32 rounds = DMSC_QUANTUM_MAX;
	struct dmsc_queue *q;

	list_for_each_entry(q, &g->old, active)
		rounds = min_t(s32, rounds, dmsc_rounds_to_wait(q->deficit, q->quantum));
	list_for_each_entry(q, &g->old, active) {
		if (q->deficit <= 0)
			q->deficit += rounds * (s32)q->quantum;
	}
}

/*
 * Ends: rounds without a result are skipped after the first, empty queues are
 * left out after two visits, and the group has one that is not empty.
 */
struct dmsc_queue *dmsc_ring_search(struct dmsc_ring *g)
{
	struct dmsc_queue *q, *seen = NULL;
	bool fresh;

	for (;;) {
		fresh = dmsc_ring_head(g, &q);
		if (q->deficit > 0) {
			if (q->head)
				return q;
			dmsc_ring_pass(g, q, fresh);
			if (q == seen && !q->listed)
				seen = NULL;
			continue;
		}
		if (q == seen)
			skip_rounds(g);
		else if (!seen)
			seen = q;
		q->deficit += q->quantum;
		list_move_tail(&q->active, &g->old);
	}
}
