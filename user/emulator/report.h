/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page that people look at: report.html out of report.json. One file that
 * asks for nothing from elsewhere.
 */
#ifndef DMSC_EMULATOR_REPORT_H
#define DMSC_EMULATOR_REPORT_H

#include "lib/error.h"

#define REPORT_MAX_JSON (64U << 20) /* bytes; larger files are refused */
#define REPORT_MAX_HTML (3U << 20)  /* bytes; no page is larger */

/**
 * report_html - write the page for a report
 * @json_file: as doc/report-format.md describes it
 * @html_file: replaced as a whole, or left as it is on error
 *
 * What does not fit a page (hosts, links, paths beyond the drawn number) is
 * left out, and the page says so. -EINVAL when the file is not a report.
 */
int report_html(const char *json_file, const char *html_file, struct dmsc_error *err);

#endif /* DMSC_EMULATOR_REPORT_H */
