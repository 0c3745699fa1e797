/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of one number a line: byte counts, iteration times. */
#ifndef DMSC_LIB_NUMBERS_H
#define DMSC_LIB_NUMBERS_H

#include <stdint.h>

#include "lib/error.h"

struct numbers {
	double *v; /* finite, 0 or more */
	uint32_t nr, room;
};

/**
 * numbers_read - all numbers of @file, "-" for standard input; at most @most
 *
 * -EINVAL with "file:line: ..." for a line that is no number, and where the file cannot be
 * read; -ENOMEM. On error @out holds nothing that must be freed.
 */
int numbers_read(const char *file, uint32_t most, struct numbers *out, struct dmsc_error *err);
void numbers_free(struct numbers *n);

#endif /* DMSC_LIB_NUMBERS_H */
