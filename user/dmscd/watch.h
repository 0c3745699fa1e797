/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happens to the paths in force: interfaces, next hops, routes and qdiscs
 * are watched through rtnetlink, and paths go down and up with them.
 */
#ifndef DMSC_DMSCD_WATCH_H
#define DMSC_DMSCD_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

struct daemon;
struct hostplan;

int watch_start(struct daemon *d, struct dmsc_error *err);
void watch_stop(struct daemon *d);

/**
 * watch_paths - ask the kernel about every path of @hp
 *
 * Fills link_up, hop_ok, admin_down; answers the flags that follow in
 * @flags[path], which has tables.t.nr_paths elements.
 */
int watch_paths(struct daemon *d, struct hostplan *hp, uint8_t *flags, struct dmsc_error *err);

/** watch_refresh - bring the paths in force up to date; tells who monitors */
void watch_refresh(struct daemon *d);

/** watch_why - why a path is down, for people: "by hand", "link down", ... */
const char *watch_why(const struct hostplan *hp, uint32_t path);

#endif /* DMSC_DMSCD_WATCH_H */
