/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why a plan is as it is. */
#ifndef DMSC_DMSCCTL_EXPLAIN_H
#define DMSC_DMSCCTL_EXPLAIN_H

#include "dmscctl/ctl.h"
#include "lib/model.h"

/** explain_plan - granularity with its cost, the critical path by what it consists of, slack */
void explain_plan(const struct ctl *c, const struct plan *p);

#endif /* DMSC_DMSCCTL_EXPLAIN_H */
