// SPDX-License-Identifier: GPL-2.0-or-later
#include "emulator/progress.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool tty, moving;
static struct timespec began;

/* A serial line is one too, but its other end is as likely a file. */
static bool is_screen(void)
{
	const char *term = getenv("TERM"), *name;

	if (!isatty(STDERR_FILENO) || !term || !strcmp(term, "dumb"))
		return false;
	name = ttyname(STDERR_FILENO);
	return name && strncmp(name, "/dev/ttyS", 9);
}

void progress_open(void)
{
	tty = is_screen();
	clock_gettime(CLOCK_MONOTONIC, &began);
}

static void show(const char *fmt, va_list ap)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	fprintf(stderr, "%s%6.1f s  ", moving ? "\r\033[K" : "",
		now.tv_sec - began.tv_sec + (now.tv_nsec - began.tv_nsec) / 1e9);
	vfprintf(stderr, fmt, ap);
}

void progress(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	show(fmt, ap);
	va_end(ap);
	moving = tty;
	if (!tty)
		fputc('\n', stderr);
}

void progress_line(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	show(fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	moving = false;
}

void progress_close(void)
{
	if (moving)
		fputc('\n', stderr);
	moving = false;
}
