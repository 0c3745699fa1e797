/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that the controller shares with its workers: what happened when, in
 * ns of CLOCK_MONOTONIC, which is one clock for all of them. Every field has
 * one writer; the controller reads when the round is over, or to say what a
 * hung round waits for.
 */
#ifndef DMSC_EMULATOR_SHARED_H
#define DMSC_EMULATOR_SHARED_H

#include <stdint.h>

#include "emulator/messages.h"

#define BULK_RECORDS 1024 /* transfers of a bulk flow that are remembered */

struct shared_bulk {		      /* of one flow */
	uint64_t received;	      /* bytes */
	uint32_t nr_started, nr_done; /* beyond BULK_RECORDS they are only counted */
	uint64_t start[BULK_RECORDS], end[BULK_RECORDS];
};

struct shared_worker {		 /* of one instance */
	uint64_t done_at;	 /* its last step, 0 not yet */
	uint64_t stopped_at;	 /* end of its counting */
	uint64_t sent, received; /* bytes, without bulk */
	uint64_t retransmits;	 /* segments, all its connections */
};

struct shared {
	size_t size; /* of the whole mapping */
	uint32_t nr_bulk;
	uint32_t *bulk_of_flow;	       /* index into bulk[], MODEL_NONE */
	struct shared_worker *workers; /* by instance */
	uint64_t *start, *end;	       /* by message: ready to be sent, arrived; 0 not yet */
	uint64_t *done;		       /* by op, 0 not yet */
	struct shared_bulk *bulk;
	void *base;
};

int shared_make(struct shared *s, const struct plan *p, const struct messages *m,
		struct dmsc_error *err);

/* For a new round. */
void shared_clear(struct shared *s);
void shared_free(struct shared *s);

#endif /* DMSC_EMULATOR_SHARED_H */
