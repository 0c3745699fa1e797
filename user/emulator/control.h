/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The workers of a run, seen from the one who gives the orders. */
#ifndef DMSC_EMULATOR_CONTROL_H
#define DMSC_EMULATOR_CONTROL_H

#include "emulator/cluster.h"
#include "emulator/command.h"
#include "emulator/worker.h"
#include "lib/error.h"

struct control_worker {
	pid_t pid;
	int fd;
};

struct control {
	const struct plan *plan;
	const struct shared *shared;
	struct control_worker *workers; /* by instance */
	uint32_t nr;			/* started */
};

/**
 * control_start - a process for each instance, in its host's namespace and its cgroup
 * @env: what they share; instance and control are filled here
 */
int control_start(struct control *c, const struct cluster *cluster, const struct worker_env *env,
		  struct dmsc_error *err);

/**
 * control_send - an order to all, without waiting
 * control_wait - until all have answered @kind; -EINTR after a signal, -ETIMEDOUT
 */
int control_send(struct control *c, const struct worker_order *order, struct dmsc_error *err);
int control_wait(struct control *c, enum worker_order_kind kind, int timeout_ms,
		 struct dmsc_error *err);

static inline int control_order(struct control *c, const struct worker_order *order, int timeout_ms,
				struct dmsc_error *err)
{
	int ret = control_send(c, order, err);

	return ret ? ret : control_wait(c, order->kind, timeout_ms, err);
}

/**
 * control_pending - what unfinished workers wait for, one line each
 * @max: lines at most
 */
void control_pending(const struct control *c, const struct messages *m, uint32_t max,
		     struct text *out);

/** control_stop - kills all that are there */
void control_stop(struct control *c);

#endif /* DMSC_EMULATOR_CONTROL_H */
