/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DMSC_PLANNER_PREDICT_MODULE_H
#define DMSC_PLANNER_PREDICT_MODULE_H

#include "lib/module_api.h"

/*
 * The module that is always there. Policy: class by parallelism, rank by the
 * job's level and, within it, by slack: none, less than a tenth, less than half
 * of the critical path, more. Path: the way whose busiest link stays least busy.
 * Prediction: the vote of predict.h.
 */
extern const struct dmsc_module builtin_module;

#define BUILTIN_SLACK_RANKS 4 /* of each level */

#endif /* DMSC_PLANNER_PREDICT_MODULE_H */
