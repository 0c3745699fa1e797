/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A progress bar on standard error, when that is a terminal that can move its cursor. */
#ifndef DMSC_DMSCCTL_BAR_H
#define DMSC_DMSCCTL_BAR_H

/** bar_show - @part 0..1 of @what is done; draws ten times a second at most */
void bar_show(const char *what, double part);

/** bar_clear - takes the bar away, before other output */
void bar_clear(void);

#endif /* DMSC_DMSCCTL_BAR_H */
