/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text files line by line, with one way to say what is wrong with them. */
#ifndef DMSC_LIB_TEXTFILE_H
#define DMSC_LIB_TEXTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/error.h"

#define TEXTFILE_MAX (32U << 20) /* bytes */

struct textfile {
	const char *name;
	FILE *in;
	char *line; /* the current one, without its end */
	size_t room, bytes;
	uint32_t number; /* of the current line, from 1 */
	struct dmsc_error *err;
};

/* -errno when it cannot be read, or is no file. */
int textfile_open(struct textfile *f, const char *name, struct dmsc_error *err);

/* 1: a line is there; 0: the end; -EINVAL: too large, or holds a zero byte; -errno. */
int textfile_next(struct textfile *f);
void textfile_close(struct textfile *f);

/* "file:line: ..."; -EINVAL */
int textfile_fail(struct textfile *f, uint32_t line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The next word of *@at, between blanks; NULL: none. Writes a zero behind it. */
char *textfile_word(char **at);

/* A decimal number of at most @max, all of @text. */
bool textfile_number(const char *text, uint64_t max, uint64_t *value);

#endif /* DMSC_LIB_TEXTFILE_H */
