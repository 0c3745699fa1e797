// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/numbers.h"

static int add(struct numbers *n, double value, const char *file, struct dmsc_error *err)
{
	if (n->nr == n->room) {
		uint32_t room = n->room ? 2 * n->room : 4096;
		void *grown = realloc(n->v, room * sizeof(*n->v));

		if (!grown)
			return dmsc_fail(err, -ENOMEM, "out of memory for %s", file);
		n->v = grown;
		n->room = room;
	}
	n->v[n->nr++] = value;
	return 0;
}

static int read_line(struct numbers *n, char *line, uint32_t most, const char *file,
		     struct dmsc_error *err)
{
	char *rest;
	double value = strtod(line, &rest);

	if (n->nr == most)
		return dmsc_fail(err, -EINVAL, "%s:%u: one more value, expected at most %u", file,
				 n->nr + 1, most);
	if (rest == line || rest[strspn(rest, " \t\r\n")] || !isfinite(value) || value < 0) {
		line[strcspn(line, "\r\n")] = '\0';
		return dmsc_fail(err, -EINVAL, "%s:%u: '%.40s', expected a number, 0 or more", file,
				 n->nr + 1, line);
	}
	return add(n, value, file, err);
}

int numbers_read(const char *file, uint32_t most, struct numbers *out, struct dmsc_error *err)
{
	FILE *f = strcmp(file, "-") ? fopen(file, "re") : stdin;
	struct numbers n = { .nr = 0 };
	char line[256];
	int ret = 0;

	if (!f)
		return dmsc_fail(err, -EINVAL, "%s: %s", file, strerror(errno));
	while (!ret && fgets(line, sizeof(line), f))
		ret = read_line(&n, line, most, file, err);
	if (!ret && ferror(f))
		ret = dmsc_fail(err, -EINVAL, "%s: cannot be read", file);
	if (f != stdin)
		fclose(f);
	if (ret)
		numbers_free(&n);
	else
		*out = n;
	return ret;
}

void numbers_free(struct numbers *n)
{
	free(n->v);
	*n = (struct numbers){ .nr = 0 };
}
