// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/textfile.h"

int textfile_open(struct textfile *f, const char *name, struct dmsc_error *err)
{
	struct stat st;

	*f = (struct textfile){ .name = name, .err = err };
	f->in = fopen(name, "re");
	if (!f->in)
		return dmsc_fail(err, -errno, "%s: %s", name, strerror(errno));
	if (fstat(fileno(f->in), &st) < 0 || S_ISDIR(st.st_mode)) {
		fclose(f->in);
		return dmsc_fail(err, -EISDIR, "%s: is not a file", name);
	}
	return 0;
}

/* Like getline(), but never takes more than what a file may hold. */
int textfile_next(struct textfile *f)
{
	size_t len = 0;
	int c;

	for (;;) {
		c = getc_unlocked(f->in);
		if (c == EOF || c == '\n')
			break;
		if (!len)
			f->number++;
		if (!c)
			return textfile_fail(f, f->number, "text: a zero byte, expected text");
		if (++f->bytes > TEXTFILE_MAX)
			return textfile_fail(f, f->number,
					     "file: larger than expected, at most %u bytes",
					     TEXTFILE_MAX);
		if (len + 1 >= f->room) {
			size_t room = f->room ? 2 * f->room : 256;
			char *grown = realloc(f->line, room);

			if (!grown)
				return dmsc_fail(f->err, -ENOMEM, "%s: out of memory", f->name);
			f->line = grown;
			f->room = room;
		}
		f->line[len++] = c;
	}
	if (ferror(f->in))
		return dmsc_fail(f->err, -EIO, "%s: cannot be read", f->name);
	if (c == EOF && !len)
		return 0;
	if (!f->line) {
		f->line = malloc(256);
		if (!f->line)
			return dmsc_fail(f->err, -ENOMEM, "%s: out of memory", f->name);
		f->room = 256;
	}
	f->number += !len;
	if (len && f->line[len - 1] == '\r')
		len--;
	f->line[len] = '\0';
	return 1;
}

void textfile_close(struct textfile *f)
{
	free(f->line);
	fclose(f->in);
}

int textfile_fail(struct textfile *f, uint32_t line, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return dmsc_fail(f->err, -EINVAL, "%s:%u: %s", f->name, line, text);
}

char *textfile_word(char **at)
{
	char *word = *at + strspn(*at, " \t"), *end = word + strcspn(word, " \t");

	*at = *end ? end + 1 : end;
	*end = '\0';
	return *word ? word : NULL;
}

bool textfile_number(const char *text, uint64_t max, uint64_t *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return !errno && !*end && *value <= max;
}
