/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Putting a plan in force. Checked whole, prepared (cgroups, programs, next
 * hops), then changed: queues, the stored plan, and last the one store that
 * makes the new generation the one in force. What fails before that store is
 * taken back; the old generation stays.
 */
#ifndef DMSC_DMSCD_APPLY_H
#define DMSC_DMSCD_APPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/error.h"

struct daemon;

/**
 * apply_start - begin with @text
 * @client: who gets the answer, 0 nobody
 * @check: only say what would happen
 *
 * Returns 1 when it waits for next hops (the client is answered later), 0 with
 * an answer in *answer, or a negative errno; -EBUSY: another is under way.
 */
int apply_start(struct daemon *d, const char *text, size_t len, uint64_t client, bool check,
		json_t **answer, struct dmsc_error *err);

/** apply_poll - next hops may have answered meanwhile */
void apply_poll(struct daemon *d);

/**
 * apply_stored - put the stored plan in force, unless it is already
 *
 * Failure is kept in d->plan_why. -EBUSY: another apply is under way.
 */
int apply_stored(struct daemon *d);

/** apply_recover - after a crash between stage and commit: which side of the change is it? */
void apply_recover(struct daemon *d);

/** apply_cancel - the daemon goes; what was prepared is taken back */
void apply_cancel(struct daemon *d);

#endif /* DMSC_DMSCD_APPLY_H */
