// SPDX-License-Identifier: GPL-2.0-or-later
#include "emulator/report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emulator/report_page.h"

#define MAX_REMARKS 60

static void fact(struct text *t, const char *name, const char *value, bool code)
{
	if (!value || !*value)
		return;
	text_add(t, "<dt>%s</dt><dd>%s", name, code ? "<code>" : "");
	page_text(t, value, PAGE_LINE);
	text_add(t, "%s</dd>\n", code ? "</code>" : "");
}

static void page_head(struct text *t, const struct report *r)
{
	text_add(t, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; "
		    "form-action 'none'\">\n<title>");
	page_text(t, r->job, PAGE_NAME);
	text_add(t, " on ");
	page_text(t, r->kernel, PAGE_NAME);
	text_add(t,
		 " \u2013 DMSC report</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n<h1>",
		 page_style);
	page_text(t, r->job, PAGE_NAME);
	text_add(t, ": one training iteration, %u set-up%s</h1>\n<dl>\n", r->nr_setups,
		 r->nr_setups == 1 ? "" : "s");
	fact(t, "Kernel", r->kernel, false);
	fact(t, "Date", r->date, false);
	fact(t, "Machine", r->machine, false);
	fact(t, "Job", r->file_job, true);
	fact(t, "Topology", r->file_topology, true);
	fact(t, "Workload", r->file_workload, true);
	fact(t, "Command", r->command, true);
	fact(t, "DMSC", r->version, false);
	text_add(t, "<dt>Iterations</dt><dd>%u of each set-up, in turn</dd>\n</dl>\n",
		 r->iterations);
	text_add(t,
		 "<p class=\"scale\"><strong>Scaled down.</strong> Link rates are divided by %s "
		 "(the fastest link runs at %s), message sizes by %s; so everything takes %s "
		 "times as long, and the times on this page are divided by that.",
		 number_plain(r->scale_rate).s, number_rate(r->link_rate_real).s,
		 number_plain(r->scale_bytes).s, number_plain(r->scale_time).s);
	if (r->planned_real_bytes > 0)
		text_add(t, " In an iteration %s really go through sockets, bulk not counted.",
			 number_bytes(r->planned_real_bytes).s);
	text_add(t, "</p>\n");
}

static void remarks(struct text *t, json_t *list, const char *class)
{
	json_t *v;
	size_t i;

	if (!json_array_size(list))
		return;
	text_add(t, "<ul%s>\n", class);
	json_array_foreach(list, i, v)
	{
		if (i == MAX_REMARKS) {
			text_add(t, "<li>%zu more are in report.json</li>\n",
				 json_array_size(list) - i);
			break;
		}
		text_add(t, "<li>");
		page_text(t, json_string_value(v), PAGE_LINE);
		text_add(t, "</li>\n");
	}
	text_add(t, "</ul>\n");
}

static void page_warnings(struct text *t, const struct report *r)
{
	if (!json_array_size(r->warnings))
		return;
	text_add(t, "<section class=\"scale warn\" aria-labelledby=\"warnings\">"
		    "<strong id=\"warnings\">What limits the worth of these numbers</strong>\n");
	remarks(t, r->warnings, "");
	text_add(t, "</section>\n");
}

static void page_notes(struct text *t, const struct report *r)
{
	uint32_t s;

	text_add(t, "<section aria-labelledby=\"notes\">\n<h2 id=\"notes\">Notes</h2>\n<dl>\n");
	for (s = 0; s < r->nr_setups; s++) {
		text_add(t, "<dt>");
		page_text(t, r->setups[s].title, PAGE_NAME);
		text_add(t, "</dt><dd>");
		page_text(t, r->setups[s].description, PAGE_LINE);
		text_add(t, "</dd>\n");
	}
	text_add(t, "</dl>\n");
	remarks(t, r->notes, "");
	text_add(t, "</section>\n");
}

/* Beside the file and then in its place, so that nobody reads half a page. */
static int write_file(const char *file, const struct text *t, struct dmsc_error *err)
{
	char *name;
	FILE *f;
	int rc;

	if (asprintf(&name, "%s.new", file) < 0)
		return dmsc_fail(err, -ENOMEM, "%s: out of memory", file);
	f = fopen(name, "we");
	if (!f) {
		rc = -errno;
		goto out;
	}
	rc = fwrite(t->data, 1, t->len, f) == t->len ? 0 : -EIO;
	if (fclose(f) && !rc)
		rc = -errno;
	if (!rc && rename(name, file))
		rc = -errno;
	if (rc)
		unlink(name);
out:
	free(name);
	return rc ? dmsc_fail(err, rc, "%s: %s", file, strerror(-rc)) : 0;
}

int report_html(const char *json_file, const char *html_file, struct dmsc_error *err)
{
	struct text t = {};
	struct report r;
	int rc;

	rc = report_load(&r, json_file, err);
	if (rc)
		return rc;
	page_head(&t, &r);
	page_warnings(&t, &r);
	page_summary(&t, &r);
	page_results(&t, &r);
	page_timeline(&t, &r);
	page_network(&t, &r);
	page_links(&t, &r);
	page_plan(&t, &r);
	page_notes(&t, &r);
	text_add(&t, "</main>\n<script>\n%s</script>\n</body>\n</html>\n", page_script);
	report_free(&r);

	if (t.failed)
		rc = dmsc_fail(err, -ENOMEM, "%s: out of memory", html_file);
	else if (t.len > REPORT_MAX_HTML)
		rc = dmsc_fail(err, -EFBIG, "%s: the page would have %zu bytes, expected at most %u",
			       html_file, t.len, REPORT_MAX_HTML);
	else
		rc = write_file(html_file, &t, err);
	text_free(&t);
	return rc;
}
