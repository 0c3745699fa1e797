/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queues as they were set by hand, over those of the plan. Kept by the service's
 * name and the class, so that they outlive restarts and new plans.
 */
#ifndef DMSC_DMSCD_OVERRIDE_H
#define DMSC_DMSCD_OVERRIDE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"
#include "lib/queues.h"

struct daemon;
struct hostplan;

/**
 * override_apply - the plan's queues with what was set by hand
 * @out: hp->tables.nr_queues queues, sorted by slot; to be freed by the caller
 *
 * What was set for a service or class that the plan does not have is left out,
 * and so is a rate or ceiling that does not go with the plan's other one.
 */
int override_apply(struct daemon *d, const struct hostplan *hp, struct queue_queue **out,
		   struct dmsc_error *err);

/**
 * override_set - set a queue of this host by hand
 * @name: of the service, or its SID
 * @change: what is given, over what was set before
 * @forget: first forget what was set before: back to the plan
 * @now: the queue as it is then; may be NULL
 *
 * -EINVAL: there is no such queue here, or a value is out of range. On error
 * everything is as it was.
 */
int override_set(struct daemon *d, const char *name, uint32_t class,
		 const struct queue_queue *change, bool forget, struct queue_queue *now,
		 struct dmsc_error *err);

#endif /* DMSC_DMSCD_OVERRIDE_H */
