/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the simulation is compared with: a report of the emulator, doc/report-format.md. */
#ifndef DMSC_LIB_MEASURED_H
#define DMSC_LIB_MEASURED_H

#include <stdint.h>

#include "lib/error.h"
#include "lib/model.h"

#define MEASURED_SETUPS	  8
#define MEASURED_MAX_FILE (256U << 20) /* bytes */

struct measured_setup {
	char name[16]; /* default, stock, dmsc */
	uint32_t iterations;
	double median; /* of their lengths, seconds of emulated time */
	double least, most;
	double idle;   /* of the processors, mean of the iterations, 0..1; -1: not known */
	double *local; /* how long messages within hosts took, seconds, as they came */
	uint32_t nr_local;
};

struct measured {
	char job[MODEL_NAME_LEN];
	double rate, bytes; /* by which rates of links and sizes were divided */
	uint32_t mtu;
	struct measured_setup setups[MEASURED_SETUPS];
	uint32_t nr_setups;
};

/**
 * measured_read - the measured iterations of a report
 *
 * -EINVAL with "file: member: ..." for what is no such report; -errno when it cannot be read.
 */
int measured_read(const char *file, struct measured *out, struct dmsc_error *err);
void measured_free(struct measured *m);

#endif /* DMSC_LIB_MEASURED_H */
