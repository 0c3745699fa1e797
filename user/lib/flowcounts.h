/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Byte counts of connections, as text: a line for each direction of each,
 *
 *	FROM TO here|away COUNT COUNT ...
 *
 * FROM and TO are names of processes, "here" says that both are on one host;
 * then a whole number for each bin of time, as many in every line. Payload:
 * acknowledgements are left out. Lines that are empty or begin with # are left
 * out, too.
 */
#ifndef DMSC_LIB_FLOWCOUNTS_H
#define DMSC_LIB_FLOWCOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/model.h"

#define FLOWCOUNTS_MAX_FLOWS 65536
#define FLOWCOUNTS_MAX_COUNT (1ULL << 50) /* bytes in a bin */

struct flowcounts_line {
	uint32_t from, to; /* into names */
	bool here;
};

struct flowcounts {
	struct flowcounts_line *lines;
	uint32_t nr, bins;
	float *counts; /* [line * bins + bin] */
	char (*names)[MODEL_NAME_LEN];
	uint32_t nr_names;
};

/* -EINVAL with "file:line: field: ..."; -errno when it cannot be read. Else to be freed. */
int flowcounts_read(const char *file, struct flowcounts *out, struct dmsc_error *err);
void flowcounts_free(struct flowcounts *f);

#endif /* DMSC_LIB_FLOWCOUNTS_H */
