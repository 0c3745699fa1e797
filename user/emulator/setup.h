/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A set-up: what the hosts do with their traffic. The fabric, the links, the
 * processes and their sockets' options are the same in all of them.
 */
#ifndef DMSC_EMULATOR_SETUP_H
#define DMSC_EMULATOR_SETUP_H

#include <stdbool.h>
#include <stdint.h>

#include "emulator/cluster.h"
#include "emulator/command.h"
#include "lib/error.h"
#include "lib/profile.h"

#define SETUP_MAX 3

struct setup_env {
	const struct cluster *cluster;
	const struct plan *plan;
	struct profile profile;	     /* DSCP of each class, in all set-ups */
	bool fifo;		     /* a FIFO instead of every qdisc but the rate limit */
	const char *dmscd, *dmscctl; /* programs */
	struct command *daemons;     /* by host, of the dmsc set-up; NULL: not started */
	struct text warnings;	     /* a line each */
};

struct setup {
	const char *name, *title, *description;
	bool mark; /* processes set their sockets' DSCP themselves */
	/* Before the first round; may be NULL. */
	int (*start)(struct setup_env *env, struct dmsc_error *err);
	/* Before and after each round of it; leave may be NULL. */
	int (*enter)(struct setup_env *env, struct dmsc_error *err);
	int (*leave)(struct setup_env *env, struct dmsc_error *err);
	/* At the end, after failures too; may be NULL. */
	void (*stop)(struct setup_env *env);
};

extern const struct setup setup_default, setup_stock, setup_dmsc;

/** setup_find - by name, NULL unknown */
const struct setup *setup_find(const char *name);

/** setup_fabric - rate limits everywhere, DSCP queues at all ports of switches */
int setup_fabric(struct setup_env *env, struct dmsc_error *err);

/**
 * setup_hosts - run tc in all hosts
 * @write: adds the commands for one port
 */
int setup_hosts(struct setup_env *env,
		void (*write)(struct setup_env *env, struct text *t, const char *ifname,
			      uint64_t rate),
		struct dmsc_error *err);

#endif /* DMSC_EMULATOR_SETUP_H */
