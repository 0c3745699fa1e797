/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The functional module (doc/modules.md) that the daemon asks: what it says of plans. */
#ifndef DMSC_DMSCD_FUNCTIONAL_H
#define DMSC_DMSCD_FUNCTIONAL_H

#include "dmscd/daemon.h"

struct module;

/**
 * functional_module - the module of the configuration, opened when it is first asked for
 *
 * Always answers: with one that cannot be loaded or is cut off, the built-in one takes over, and
 * those who monitor are told ("module"). Opened anew when the configuration names another.
 */
struct module *functional_module(struct daemon *d);
void functional_close(struct daemon *d);

/**
 * functional_review - let the module analyse what this host is to send
 * @warnings: gets one line for each kind of finding
 *
 * A finding is a flow that the module puts into another class than the plan, or behind one that
 * the plan puts behind it. Those who monitor are told each time ("finding"). With
 * "refuse_findings: true" in the configuration a finding is -EINVAL and nothing is done. The
 * built-in module finds nothing: plans are made by it, or on purpose by another.
 */
int functional_review(struct daemon *d, const struct hostplan *hp, json_t *warnings,
		      struct dmsc_error *err);

#endif /* DMSC_DMSCD_FUNCTIONAL_H */
