/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The messages of a plan: each send with its receive, scaled, in the order of the flows. */
#ifndef DMSC_EMULATOR_MESSAGES_H
#define DMSC_EMULATOR_MESSAGES_H

#include <stdint.h>

#include "emulator/scale.h"
#include "lib/model.h"

struct message {
	uint32_t flow;
	uint32_t send, recv; /* ops */
	uint64_t bytes;	     /* as they are sent */
};

struct messages {
	struct message *list;
	uint32_t nr;
	uint32_t *first; /* by flow: first[f] .. first[f + 1] - 1; nr_flows + 1 */
	uint32_t *of_op; /* by op; MODEL_NONE for compute */
};

/**
 * messages_build - -EINVAL when a send has no receive of its size, or none other way round
 */
int messages_build(struct messages *m, const struct plan *p, const struct scale *s,
		   struct dmsc_error *err);
void messages_free(struct messages *m);

#endif /* DMSC_EMULATOR_MESSAGES_H */
