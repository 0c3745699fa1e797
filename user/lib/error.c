// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>

#include "lib/error.h"

int dmsc_fail(struct dmsc_error *e, int err, const char *fmt, ...)
{
	va_list ap;
	char *c;

	if (e) {
		va_start(ap, fmt);
		vsnprintf(e->text, sizeof(e->text), fmt, ap);
		va_end(ap);
		/* What is quoted from a file stays on the line and off the terminal's controls. */
		for (c = e->text; *c; c++) {
			if ((unsigned char)*c < ' ' || *c == 0x7f)
				*c = '?';
		}
	}
	return err;
}
