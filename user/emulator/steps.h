/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The steps of one instance: which are done, which may begin. A step begins
 * when the last of its dependencies is done, at exactly that time: a process
 * that the machine woke late does not push the rest of its work back.
 */
#ifndef DMSC_EMULATOR_STEPS_H
#define DMSC_EMULATOR_STEPS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/model.h"

struct steps {
	const struct plan *plan;
	uint32_t first, nr;	     /* ops of the instance */
	uint32_t nr_left;	     /* not done; bulk ones do not count */
	uint32_t *succ_start, *succ; /* ops that wait for an op, from @first on */
	uint32_t *pending;	     /* dependencies that are not done */
	uint64_t *ready_at;
	uint64_t *done;	 /* shared with the controller: by op, from @first on */
	uint32_t *queue; /* ready to begin, not yet taken */
	uint32_t head, tail;
	uint32_t *timers;   /* computing; earliest deadline last */
	uint64_t *deadline; /* by op, from @first on */
	uint32_t nr_timers;
	uint64_t last; /* when the latest step was done */
};

int steps_make(struct steps *s, const struct plan *p, uint32_t instance, uint64_t *done);

/* All over again, beginning at @start. */
void steps_restart(struct steps *s, uint64_t start);

/** steps_next - an op that may begin; MODEL_NONE: none now. @at: since when */
uint32_t steps_next(struct steps *s, uint64_t *at);

/** steps_done - @op was done at @at, not before it was ready */
void steps_done(struct steps *s, uint32_t op, uint64_t at);

/** steps_compute - @op is done at @deadline by itself */
void steps_compute(struct steps *s, uint32_t op, uint64_t deadline);

/** steps_expire - finish what is due at @now; the next deadline, UINT64_MAX none */
uint64_t steps_expire(struct steps *s, uint64_t now);

/** steps_waiting - is @op ready and not done? */
bool steps_waiting(const struct steps *s, uint32_t op);

void steps_free(struct steps *s);

#endif /* DMSC_EMULATOR_STEPS_H */
