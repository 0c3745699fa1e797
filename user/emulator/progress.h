/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is being done, on standard error: a line a step, or one moving line on a terminal. */
#ifndef DMSC_EMULATOR_PROGRESS_H
#define DMSC_EMULATOR_PROGRESS_H

void progress_open(void);

/* Replaces the moving line of before. */
void progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A line that stays. */
void progress_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void progress_close(void);

#endif /* DMSC_EMULATOR_PROGRESS_H */
