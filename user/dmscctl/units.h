/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers for people. Each returns @out, which has UNITS_LEN bytes. */
#ifndef DMSC_DMSCCTL_UNITS_H
#define DMSC_DMSCCTL_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#define UNITS_LEN 32

const char *units_bytes(uint64_t n, bool exact, char *out);   /* 1.50 GiB */
const char *units_rate(uint64_t bits, bool exact, char *out); /* 100 Mbit/s */
const char *units_count(uint64_t n, bool exact, char *out);   /* 12.3 M */
const char *units_time(uint64_t ns, bool exact, char *out);   /* 3.21 ms */
const char *units_date(int64_t seconds, char *out);	      /* 2025-01-31 12:00:00 */

#endif /* DMSC_DMSCCTL_UNITS_H */
