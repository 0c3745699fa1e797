/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the steps of a plan hang together across its instances. */
#ifndef DMSC_LIB_PLAN_STEPS_H
#define DMSC_LIB_PLAN_STEPS_H

#include "lib/model.h"

/**
 * plan_match - the send of each receive and the receive of each send
 * @peer: nr_ops entries; MODEL_NONE for what computes
 * @flow: set to the first flow that does not match
 *
 * -EINVAL when a flow's n-th receive and n-th send do not both exist and have
 * the same size, or when there are not as many as the flow's messages, or when
 * their bytes are not the flow's; -ENOMEM.
 */
int plan_match(const struct plan *p, uint32_t *peer, uint32_t *flow);

/**
 * plan_order - all steps, each behind those that it waits for
 * @peer: of plan_match()
 * @order: nr_ops entries
 *
 * -EINVAL when steps wait for each other in a circle; -ENOMEM.
 */
int plan_order(const struct plan *p, const uint32_t *peer, uint32_t *order);

/* bit/s within a host: NVLink-like, a multiple of the fastest link of the fabric. */
uint64_t plan_local_rate(const struct plan *p);

/**
 * plan_step_ns - how long a step takes by itself
 * @local_rate: of plan_local_rate()
 *
 * Computation as given, a message at the rate of the link that it leaves by;
 * to receive takes no time of its own. Contention is not modelled.
 */
double plan_step_ns(const struct plan *p, uint64_t local_rate, const struct plan_op *op);

/* The steps that wait for each step within its instance: op[start[i]] .. op[start[i + 1] - 1]. */
struct plan_followers {
	uint32_t *start, *op;
};

/** plan_followers - false: out of memory; free both either way */
bool plan_followers(const struct plan *p, struct plan_followers *f);

#endif /* DMSC_LIB_PLAN_STEPS_H */
