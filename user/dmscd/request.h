/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The requests of dmscctl, one function each. */
#ifndef DMSC_DMSCD_REQUEST_H
#define DMSC_DMSCD_REQUEST_H

#include <stdint.h>

#include <jansson.h>

#include "lib/error.h"

struct daemon;

/**
 * request_handle - do what @req asks
 *
 * Returns 0 with *answer set, 1 when the answer comes later through
 * control_answer(), or a negative errno with @err.
 */
int request_handle(struct daemon *d, uint64_t client, json_t *req, json_t **answer,
		   struct dmsc_error *err);

/** status_json - the answer to "status" */
json_t *status_json(struct daemon *d);

#endif /* DMSC_DMSCD_REQUEST_H */
