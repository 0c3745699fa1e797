/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The iterations of what this host sends, out of the bytes of each millisecond:
 * how long they take, what the functional module expects of the next one, and
 * when they have become slower or faster.
 */
#ifndef DMSC_DMSCD_RHYTHM_H
#define DMSC_DMSCD_RHYTHM_H

#include "dmscd/daemon.h"

/** rhythm_start - look at the bins twice a second, while there is a data path; -ENOMEM */
int rhythm_start(struct daemon *d, struct dmsc_error *err);
void rhythm_stop(struct daemon *d);

/**
 * rhythm_json - what is known
 *
 * An object of period_ns (mean), iterations (seen), last_ns, expected_ns (of the next one) and
 * module (who expects it); null before three iterations were seen, and 10 s after the traffic ended.
 */
json_t *rhythm_json(struct daemon *d);

#endif /* DMSC_DMSCD_RHYTHM_H */
