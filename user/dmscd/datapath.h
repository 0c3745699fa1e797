/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The BPF side of the daemon: open, attach, what is in force, take it away. */
#ifndef DMSC_DMSCD_DATAPATH_H
#define DMSC_DMSCD_DATAPATH_H

#include <stdint.h>

#include <jansson.h>

#include "lib/error.h"

struct daemon;
struct hostplan;

/**
 * datapath_open - load, or take up what is pinned
 *
 * 0 when there is one; else dp_why says why not. The cgroup root must exist.
 */
int datapath_open(struct daemon *d);

/** datapath_generation - in force in the kernel; 0 none */
uint32_t datapath_generation(struct daemon *d);

/** datapath_is_pinned - is there a data path of an earlier daemon to take up? */
int datapath_is_pinned(const struct daemon *d);

/** datapath_attach - to every rail of the plan */
int datapath_attach(struct daemon *d, struct hostplan *hp, struct dmsc_error *err);

/**
 * datapath_trust - the interfaces of trust_dscp that are there now
 *
 * To be called again when interfaces come and go.
 */
int datapath_trust(struct daemon *d, struct dmsc_error *err);

/**
 * datapath_remove - the kill switch: programs, maps, next hops, queues of ours
 *
 * Goes on after a failure and reports the first. The registry is told that
 * nothing shall be in force.
 */
int datapath_remove(struct daemon *d, struct dmsc_error *err);

#endif /* DMSC_DMSCD_DATAPATH_H */
