/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DMSC_DMSCCTL_SIMULATE_MEASURED_H
#define DMSC_DMSCCTL_SIMULATE_MEASURED_H

#include "dmscctl/jobs.h"

/**
 * simulate_measured - simulate what the emulator measured, and show both
 * @file: its report.json, of the same job and topology
 *
 * Sizes and packets are those of the emulated cluster. Set-ups: default as ecmp, stock as stock,
 * dmsc as dmsc; what chooses paths by hash is simulated with nine seeds. -EINVAL with one line for
 * what is no such report, or of another job.
 */
int simulate_measured(struct ctl *c, const struct jobs *jobs, const char *file,
		      struct dmsc_error *err);

#endif /* DMSC_DMSCCTL_SIMULATE_MEASURED_H */
