/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DMSC_DMSCCTL_MODULES_H
#define DMSC_DMSCCTL_MODULES_H

#include "lib/module.h"

/**
 * ctl_module - the module named on the command line, or else in the configuration
 *
 * A module that is cut off later is told on stderr. Errors as module_open().
 */
int ctl_module(const char *name, struct module *out, struct dmsc_error *err);

#endif /* DMSC_DMSCCTL_MODULES_H */
