/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The next hops of a plan: asked for, waited for, given back. */
#ifndef DMSC_DMSCD_HOPS_H
#define DMSC_DMSCD_HOPS_H

#include <stdbool.h>

#include "lib/error.h"

struct daemon;
struct hostplan;

/**
 * hops_ask - have the kernel resolve them and keep them so
 * @managed: false when this kernel resolves them only once
 *
 * Nothing is asked through a link that is down; hops_again() does when it is up.
 */
int hops_ask(struct daemon *d, struct hostplan *hp, bool *managed, struct dmsc_error *err);

/** hops_again - ask for those whose entry is gone: a link that goes down takes them with it */
void hops_again(struct daemon *d, struct hostplan *hp);

/** hops_answered - is there an answer, wherever one can be expected? */
bool hops_answered(struct daemon *d, struct hostplan *hp);

/** hops_release - give back all but those of @keep; NULL: all */
int hops_release(struct daemon *d, struct hostplan *keep, struct dmsc_error *err);

#endif /* DMSC_DMSCD_HOPS_H */
