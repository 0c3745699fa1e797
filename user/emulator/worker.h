/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One process per microservice instance. It carries out the instance's steps
 * of the plan: computes (sleeps), sends and receives over TCP, each as soon as
 * what it depends on is done. Between rounds it waits for orders.
 */
#ifndef DMSC_EMULATOR_WORKER_H
#define DMSC_EMULATOR_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "emulator/messages.h"
#include "emulator/shared.h"

/* Orders, in the order of a round. Each is answered, START by DONE as well. */
enum worker_order_kind {
	WORKER_LISTEN,	/* open the ports that the plan gives the instance */
	WORKER_CONNECT, /* one connection a flow, both ends ready */
	WORKER_START,	/* at time @start; the answer comes when all steps are done */
	WORKER_STOP,	/* move nothing more, say what was counted */
	WORKER_CLOSE,	/* all connections and ports */
};

struct worker_order {
	enum worker_order_kind kind;
	uint64_t start; /* CLOCK_MONOTONIC, ns */
	bool mark;	/* set the sockets' DSCP */
	uint8_t dscp[DMSC_NR_CLASSES];
};

struct worker_answer {
	enum worker_order_kind kind;
	int status; /* 0 or a negative errno, then @text says more */
	char text[240];
};

struct worker_env {
	const struct plan *plan;
	const struct scale *scale;
	const struct messages *messages;
	struct shared *shared;
	uint32_t instance;
	int control; /* SOCK_SEQPACKET */
};

/** worker_run - until the controller is gone; never returns */
void worker_run(const struct worker_env *env) __attribute__((noreturn));

#endif /* DMSC_EMULATOR_WORKER_H */
