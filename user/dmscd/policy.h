/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policy at work: what it says, what it denied, and why a flow is treated as it is. */
#ifndef DMSC_DMSCD_POLICY_H
#define DMSC_DMSCD_POLICY_H

#include <stdint.h>

#include <jansson.h>

#include "lib/error.h"

struct daemon;

/** policy_watch - from now on samples of what is denied go to those who monitor */
void policy_watch(struct daemon *d);
void policy_unwatch(struct daemon *d);

/** policy_trace - sample packets for @seconds, to those who monitor */
int policy_trace(struct daemon *d, uint32_t seconds, struct dmsc_error *err);

/** policy_json - the answer to "policy": default, rules, counts of denials */
int policy_json(struct daemon *d, json_t **answer, struct dmsc_error *err);

/** explain_json - the answer to "explain": what @req describes and what becomes of it */
int explain_json(struct daemon *d, const json_t *req, json_t **answer, struct dmsc_error *err);

#endif /* DMSC_DMSCD_POLICY_H */
