/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Aligned columns on stdout: text to the left, numbers to the right. */
#ifndef DMSC_DMSCCTL_TABLE_H
#define DMSC_DMSCCTL_TABLE_H

#include <stddef.h>

#include "dmscctl/ctl.h"

#define TABLE_MAX_COLUMNS 12

struct table {
	const struct ctl *ctl;
	const char *heads[TABLE_MAX_COLUMNS];
	size_t nr_columns;
	char **cells;
	size_t nr_cells, cap;
};

/** table_init - @heads: titles, "-NAME" for a column of numbers; NULL ends them */
void table_init(struct table *t, const struct ctl *c, const char *const *heads);

/** table_add - the next cell, row by row */
void table_add(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** table_print - print and free */
void table_print(struct table *t);

#endif /* DMSC_DMSCCTL_TABLE_H */
