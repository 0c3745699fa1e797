// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One table, and for each set-up two pictures on the same scale of time: the
 * iterations of each job, and the loads of the busiest links. Inline SVG, no
 * scripts, nothing from outside.
 */
#include "dmscctl/simulate_page.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dmscctl/units.h"

#define LEFT   190 /* where time begins */
#define WIDTH  900 /* of the time axis */
#define ROW    20
#define BLOCKS 400 /* of a row; more iterations than that are joined */

static const char style[] =
	":root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#57606a;--line:#d0d7de;"
	"--a:#2563c9;--b:#7fa8e8;--hot:#c2281d}"
	"@media(prefers-color-scheme:dark){:root{--bg:#14181d;--fg:#e4e8ed;--dim:#9aa5b1;"
	"--line:#363d46;--a:#6ea3ff;--b:#3a5f9e;--hot:#ff6b5e}}"
	"body{margin:0 auto;max-width:1240px;padding:1rem;background:var(--bg);color:var(--fg);"
	"font:16px/1.5 system-ui,sans-serif}h1{font-size:1.6rem}h2{font-size:1.2rem}"
	"table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
	"th,td{padding:.25rem .8rem;text-align:right;border-bottom:1px solid var(--line)}"
	"th:first-child,td:first-child{text-align:left}"
	"figure{margin:1rem 0;overflow-x:auto}figcaption{color:var(--dim)}"
	"svg{display:block;width:100%;min-width:760px;height:auto;font:12px system-ui,sans-serif}"
	"svg text{fill:var(--fg)}.n{text-anchor:end}.t{text-anchor:middle}"
	"svg .t{fill:var(--dim)}.i0{fill:var(--a)}.i1{fill:var(--b)}.l{fill:var(--hot)}"
	".f{fill:none;stroke:var(--line)}.p{color:var(--dim)}";

static void put_text(FILE *f, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '&':
			fputs("&amp;", f);
			break;
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		default:
			fputc(*s, f);
		}
	}
}

static const char *time_text(double s, char *out)
{
	return units_time(s * 1e9, false, out);
}

static void summary(FILE *f, const struct jobs *jobs, const struct simulation *list, uint32_t nr)
{
	char t[UNITS_LEN];

	fputs("<table><thead><tr><th>Set-up<th>GPU utilisation<th>busiest link", f);
	for (uint32_t k = 0; k < jobs->nr; k++) {
		fputs("<th>", f);
		put_text(f, jobs->plans[k].job);
		fprintf(f, "<br><small>%u GPUs, iteration</small>", list[0].result.jobs[k].gpus);
	}
	fputs("</thead><tbody>\n", f);
	for (uint32_t i = 0; i < nr; i++) {
		const struct sim_result *r = &list[i].result;

		fprintf(f, "<tr><td>%s<td>%.1f %%<td>%.1f %%", list[i].name, r->utilisation * 100,
			r->busiest * 100);
		for (uint32_t k = 0; k < jobs->nr; k++)
			fprintf(f, "<td>%s", time_text(r->jobs[k].mean, t));
		fputc('\n', f);
	}
	fputs("</tbody></table>\n", f);
}

/* Ticks at 0, a quarter, ... of the whole. */
static void axis(FILE *f, double end, uint32_t rows)
{
	char t[UNITS_LEN];

	fprintf(f, "<rect class=f x=%d y=0 width=%d height=%u />\n", LEFT, WIDTH, rows * ROW);
	for (int k = 0; k <= 4; k++)
		fprintf(f, "<text class=t x=%d y=%u>%s</text>\n", LEFT + k * WIDTH / 4,
			rows * ROW + 16, k ? time_text(end * k / 4, t) : "0");
}

static void open_figure(FILE *f, const char *caption, const char *name, uint32_t rows)
{
	fprintf(f,
		"<figure><figcaption>%s: %s</figcaption><svg viewBox=\"0 0 %d %u\" role=img aria-label=\"%s, %s\">\n",
		name, caption, LEFT + WIDTH + 40, rows * ROW + 24, caption, name);
}

static void timeline(FILE *f, const struct jobs *jobs, const struct simulation *s, double end)
{
	char a[UNITS_LEN];

	open_figure(f, "iterations of each job", s->name, jobs->nr);
	for (uint32_t k = 0; k < jobs->nr; k++) {
		const struct sim_job_result *j = &s->result.jobs[k];
		uint32_t step = j->iterations / BLOCKS + 1;

		fprintf(f, "<text class=n x=%d y=%u>", LEFT - 8, k * ROW + 14);
		put_text(f, jobs->plans[k].job);
		fputs("</text>\n", f);
		for (uint32_t i = 0; i < j->iterations; i += step) {
			uint32_t last = i + step <= j->iterations ? i + step - 1 : j->iterations - 1;
			double from = (j->ends[i] - j->times[i]) / end * WIDTH;
			double to = j->ends[last] / end * WIDTH;

			fprintf(f,
				"<rect class=i%u x=%.2f y=%u width=%.2f height=%d><title>iteration %u: %s</title></rect>\n",
				i / step % 2, LEFT + from, k * ROW + 3, to - from, ROW - 6, i + 1,
				time_text(j->times[i], a));
		}
	}
	axis(f, end, jobs->nr);
	fputs("</svg></figure>\n", f);
}

static void loads(FILE *f, const struct topology *t, const struct simulation *s, double end)
{
	const struct sim_result *r = &s->result;

	open_figure(f, "load of the busiest links, darker is fuller", s->name, r->nr_links);
	for (uint32_t l = 0; l < r->nr_links; l++) {
		const struct sim_link *k = &r->links[l];
		const struct topo_link *link = &t->links[k->edge / 2];
		bool back = k->edge % 2;

		fprintf(f, "<text class=n x=%d y=%u>", LEFT - 8, l * ROW + 14);
		put_text(f, t->nodes[back ? link->b : link->a].name);
		fputs(" \u2192 ", f);
		put_text(f, t->nodes[back ? link->a : link->b].name);
		fprintf(f, "<title>mean %.1f %%</title></text>\n", k->utilisation * 100);
		for (uint32_t b = 0; b < r->nr_bins; b++) {
			double from = b * r->bin / end * WIDTH, width = r->bin / end * WIDTH;

			if (from >= WIDTH || k->load[b] < 0.005)
				continue;
			if (from + width > WIDTH)
				width = WIDTH - from;
			fprintf(f,
				"<rect class=l x=%.2f y=%u width=%.2f height=%d fill-opacity=%.2f />\n",
				LEFT + from, l * ROW + 1, width, ROW - 2,
				k->load[b] < 1 ? k->load[b] : 1);
		}
	}
	axis(f, end, r->nr_links);
	fputs("</svg></figure>\n", f);
}

int simulate_page(const char *file, const struct jobs *jobs, const struct simulation *list,
		  uint32_t nr, struct dmsc_error *err)
{
	FILE *f = fopen(file, "we");
	double end = 0;
	int bad;

	if (!f)
		return dmsc_fail(err, -errno, "%s: %s", file, strerror(errno));
	for (uint32_t i = 0; i < nr; i++)
		end = list[i].result.end > end ? list[i].result.end : end;
	fputs("<!doctype html>\n<html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\n<title>DMSC: simulation on ",
	      f);
	put_text(f, jobs->topo.name);
	fprintf(f, "</title><style>%s</style></head><body>\n<h1>Simulation on ", style);
	put_text(f, jobs->topo.name);
	fputs("</h1>\n<p class=p>Flow-level: messages are fluids that share links by class, rank and weight. No packets, losses or round trips.</p>\n",
	      f);
	summary(f, jobs, list, nr);
	for (uint32_t i = 0; i < nr; i++) {
		fprintf(f, "<h2>%s</h2>\n", list[i].name);
		timeline(f, jobs, &list[i], end);
		loads(f, &jobs->topo, &list[i], end);
	}
	fputs("</body>\n</html>\n", f);
	bad = ferror(f);
	if (fclose(f) || bad)
		return dmsc_fail(err, -EIO, "%s: cannot be written", file);
	return 0;
}
