/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket: clients, their lines in and out. A client that is slow,
 * silent, or sends nonsense costs a bounded amount of memory and no time of
 * others.
 */
#ifndef DMSC_DMSCD_CONTROL_H
#define DMSC_DMSCD_CONTROL_H

#include <stdint.h>

#include <jansson.h>

#include "lib/error.h"

struct daemon;

int control_start(struct daemon *d, struct dmsc_error *err);

/** control_stop - sends what can be sent at once, closes all, removes the socket */
void control_stop(struct daemon *d);

/** control_answer - the answer a client waits for; @answer is stolen, "ok" put in */
void control_answer(struct daemon *d, uint64_t client, json_t *answer);
void control_fail(struct daemon *d, uint64_t client, int ret, const struct dmsc_error *err);

/** control_monitor - this client wants events from now on */
void control_monitor(struct daemon *d, uint64_t client);

#endif /* DMSC_DMSCD_CONTROL_H */
