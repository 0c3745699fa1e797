// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscctl/bar.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WIDTH	 40
#define EVERY_MS 100

static bool drawn;
static double last_ms;

static bool can_move(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb");
}

void bar_show(const char *what, double part)
{
	char bar[WIDTH + 1];
	struct timespec t;
	double ms;
	int full;

	if (!can_move())
		return;
	clock_gettime(CLOCK_MONOTONIC, &t);
	ms = t.tv_sec * 1e3 + t.tv_nsec / 1e6;
	if (drawn && ms - last_ms < EVERY_MS)
		return;
	last_ms = ms;
	full = part <= 0 ? 0 : part >= 1 ? WIDTH : (int)(part * WIDTH);
	memset(bar, '-', WIDTH);
	memset(bar, '#', full);
	bar[WIDTH] = '\0';
	fprintf(stderr, "\r%-10s [%s] %3.0f %%", what, bar, part * 100);
	fflush(stderr);
	drawn = true;
}

void bar_clear(void)
{
	if (drawn)
		fputs("\r\033[K", stderr);
	drawn = false;
}
