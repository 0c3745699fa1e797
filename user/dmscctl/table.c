// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscctl/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void table_init(struct table *t, const struct ctl *c, const char *const *heads)
{
	memset(t, 0, sizeof(*t));
	t->ctl = c;
	while (heads[t->nr_columns] && t->nr_columns < TABLE_MAX_COLUMNS) {
		t->heads[t->nr_columns] = heads[t->nr_columns];
		t->nr_columns++;
	}
}

void table_add(struct table *t, const char *fmt, ...)
{
	va_list ap;
	char *cell;

	if (t->nr_cells == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 128;
		char **cells = reallocarray(t->cells, cap, sizeof(*cells));

		if (!cells)
			abort();
		t->cells = cells;
		t->cap = cap;
	}
	va_start(ap, fmt);
	if (vasprintf(&cell, fmt, ap) < 0)
		abort();
	va_end(ap);
	t->cells[t->nr_cells++] = cell;
}

static void print_row(const struct table *t, const char *const *cells, const size_t *width)
{
	for (size_t i = 0; i < t->nr_columns; i++) {
		const char *on = ctl_color(t->ctl, cells[i]);
		int pad = width[i] - strlen(cells[i]);
		bool last = i + 1 == t->nr_columns;

		if (t->heads[i][0] == '-')
			printf("%*s%s%s%s%s", pad, "", on, cells[i], *on ? ctl_plain(t->ctl) : "",
			       last ? "" : "  ");
		else
			printf("%s%s%s%*s", on, cells[i], *on ? ctl_plain(t->ctl) : "",
			       last ? 0 : pad + 2, "");
	}
	putchar('\n');
}

void table_print(struct table *t)
{
	const char *heads[TABLE_MAX_COLUMNS];
	size_t width[TABLE_MAX_COLUMNS];

	for (size_t i = 0; i < t->nr_columns; i++) {
		heads[i] = t->heads[i] + (t->heads[i][0] == '-');
		width[i] = strlen(heads[i]);
	}
	for (size_t i = 0; i < t->nr_cells; i++) {
		size_t len = strlen(t->cells[i]);

		if (len > width[i % t->nr_columns])
			width[i % t->nr_columns] = len;
	}
	print_row(t, heads, width);
	for (size_t i = 0; i + t->nr_columns <= t->nr_cells; i += t->nr_columns)
		print_row(t, (const char *const *)t->cells + i, width);
	for (size_t i = 0; i < t->nr_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	memset(t, 0, sizeof(*t));
}
