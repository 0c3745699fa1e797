/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text and numbers on their way into HTML and SVG. What comes from a report
 * goes through page_text(); everything else is the program's own.
 */
#ifndef DMSC_EMULATOR_REPORT_PAGE_H
#define DMSC_EMULATOR_REPORT_PAGE_H

#include "emulator/command.h"
#include "emulator/report_data.h"

#define PAGE_NAME 48   /* bytes of a name that are shown */
#define PAGE_LINE 1000 /* of a sentence */

/**
 * page_text - add text that was not written by this program
 * @max: bytes of it that are shown, "..." stands for the rest
 *
 * Fit for element content and for quoted attributes. Control characters and
 * those that change the direction of writing become U+FFFD.
 */
void page_text(struct text *t, const char *s, size_t max);

struct number {
	char s[40];
};

/* Three significant digits and a unit; a dash for what is not finite. */
struct number number_time(double ns);
struct number number_bytes(double bytes);
struct number number_rate(double bits_per_second);
struct number number_percent(double share);	     /* 0.123: "12 %" */
struct number number_change(double from, double to); /* "-12.3 %" */
struct number number_points(double from, double to); /* of shares: "-7 points" */
struct number number_plain(double n);

/* Coordinates: finite, short, at most two digits after the point. */
struct number number_xy(double n);

/* The parts of the page. */
void page_summary(struct text *t, const struct report *r);
void page_results(struct text *t, const struct report *r);
void page_links(struct text *t, const struct report *r);
void page_plan(struct text *t, const struct report *r);
void page_network(struct text *t, const struct report *r);
void page_timeline(struct text *t, const struct report *r);

extern const char page_style[], page_script[];

#endif /* DMSC_EMULATOR_REPORT_PAGE_H */
