/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DMSC_DMSCCTL_MODULES_H
#define DMSC_DMSCCTL_MODULES_H

#include "lib/module.h"
#include "planner/planner.h"

/**
 * ctl_module - the module named on the command line, or else in the configuration
 *
 * A module that is cut off later is told on stderr. Errors as module_open().
 */
int ctl_module(const char *name, struct module *out, struct dmsc_error *err);

/** ctl_module_ask - @m as the planner asks it: only what it answers itself */
struct plan_modules ctl_module_ask(struct module *m);

/** ctl_module_event - the line that told that a module was cut off; "": none was */
const char *ctl_module_event(void);

#endif /* DMSC_DMSCCTL_MODULES_H */
