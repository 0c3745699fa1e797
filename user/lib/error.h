/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a function says what went wrong: it returns a negative errno and fills
 * one line of text that can be shown to the user as it is.
 */
#ifndef DMSC_LIB_ERROR_H
#define DMSC_LIB_ERROR_H

struct dmsc_error {
	char text[512];
};

/**
 * dmsc_fail - fill @e with a formatted line and return @err; control characters become '?'
 * @e: may be NULL
 * @err: negative errno; bad user input is always -EINVAL
 */
int dmsc_fail(struct dmsc_error *e, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* DMSC_LIB_ERROR_H */
