/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole run: cluster, processes, all rounds, the results. */
#ifndef DMSC_EMULATOR_RUN_H
#define DMSC_EMULATOR_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "emulator/setup.h"

struct run_options {
	const char *command;				      /* as it was given, for the report */
	const char *job_file, *topology_file, *workload_file; /* the last may be NULL */
	const char *out; /* directory, made when it is missing */
	const struct setup *setups[SETUP_MAX];
	uint32_t nr_setups, iterations;
	uint64_t link_rate; /* bit/s */
	double bytes_scale; /* 0: automatic */
	const char *dmscd, *dmscctl;
	int timeout_ms; /* for one iteration */
	bool fifo, keep;
};

/**
 * run - needs root; whatever happens, all that it made is gone at the end
 *
 * Prints the table on standard output, progress on standard error; writes
 * report.json and report.html. -EINVAL: bad options; -EINTR: a signal came.
 */
int run(const struct run_options *o, const struct plan *plan, struct dmsc_error *err);

#endif /* DMSC_EMULATOR_RUN_H */
