/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DMSC_DMSCCTL_PREDICT_CLASSES_H
#define DMSC_DMSCCTL_PREDICT_CLASSES_H

#include "dmscctl/ctl.h"

/** predict_classes - what the connections of @file (lib/flowcounts.h) serve; errors as run() has */
int predict_classes(struct ctl *c, const char *file, double bin_ns, struct dmsc_error *err);

#endif /* DMSC_DMSCCTL_PREDICT_CLASSES_H */
