// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What was in flight when: for each set-up a row a host and class on one time
 * axis. The height of a row's fill says how many messages were in flight at
 * once; where nothing is drawn the host computed or waited.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "emulator/report_page.h"

#define MAX_LANES 32	 /* hosts drawn */
#define MAX_ROWS  64	 /* of a set-up */
#define MAX_STEPS 150000 /* of the axis, over all rows; seven bytes each at worst */
#define PLOT_W	  1000.0
#define LEFT	  150.0
#define ROW_H	  15
#define ROW_GAP	  3
#define LANE_GAP  9

struct row {
	uint32_t host;
	uint8_t class;
	uint32_t messages;
	double y;
};

struct chart {
	const struct report *r;
	double end;	/* of the common time axis, ns */
	uint32_t cells; /* steps of the axis that are told apart */
	uint32_t hosts_left_out;
	struct row rows[MAX_ROWS];
	uint32_t nr_rows;
	double height;
	int32_t *change; /* [row][cells + 1]: messages that begin and end there */
};

/* Rows are the same in all set-ups, so that they can be compared by eye. */
static bool chart_rows(struct chart *c)
{
	const struct report *r = c->r;
	uint32_t(*count)[DMSC_NR_CLASSES] = calloc(r->nr_hosts + 1, sizeof(*count));
	uint32_t s, i, h, k, lanes = 0;
	double y = 4;

	if (!count)
		return false;
	for (s = 0; s < r->nr_setups; s++)
		for (i = 0; i < r->setups[s].nr_records; i++) {
			const struct report_record *rec = &r->setups[s].records[i];

			count[r->instance_host[rec->src]][rec->class]++;
		}
	for (h = 0; h < r->nr_hosts; h++) {
		uint32_t need = 0;

		for (k = 0; k < DMSC_NR_CLASSES; k++)
			need += count[h][k] > 0;
		if (!need)
			continue;
		if (lanes == MAX_LANES || c->nr_rows + need > MAX_ROWS) {
			c->hosts_left_out++;
			continue;
		}
		lanes++;
		for (k = 0; k < DMSC_NR_CLASSES; k++) {
			if (!count[h][report_class_order[k]])
				continue;
			c->rows[c->nr_rows++] = (struct row){ h, report_class_order[k], 0, y };
			y += ROW_H + ROW_GAP;
		}
		y += LANE_GAP;
	}
	c->height = y;
	free(count);
	return true;
}

static double axis_end(const struct report *r)
{
	double end = 0;
	uint32_t s, i;

	for (s = 0; s < r->nr_setups; s++) {
		end = fmax(end, r->setups[s].timeline_time);
		for (i = 0; i < r->setups[s].nr_records; i++)
			end = fmax(end, r->setups[s].records[i].end);
	}
	return end;
}

/* Tens, twenties or fifties, four to ten of them. */
static double tick_step(double end)
{
	double step = pow(10, floor(log10(end)));

	if (end / step < 2)
		return step / 5;
	return end / step < 5 ? step / 2 : step;
}

static void fill_rows(struct chart *c, const struct report_setup *s)
{
	uint32_t i, k, width = c->cells + 1, min = (c->cells + 999) / 1000;

	memset(c->change, 0, sizeof(*c->change) * width * c->nr_rows);
	for (k = 0; k < c->nr_rows; k++)
		c->rows[k].messages = 0;
	for (i = 0; i < s->nr_records; i++) {
		const struct report_record *rec = &s->records[i];
		uint32_t from = rec->start / c->end * c->cells, to;

		for (k = 0; k < c->nr_rows; k++)
			if (c->rows[k].host == c->r->instance_host[rec->src] &&
			    c->rows[k].class == rec->class)
				break;
		if (k == c->nr_rows)
			continue;
		if (from >= c->cells)
			from = c->cells - 1;
		to = rec->end / c->end * c->cells; /* as begin, or neighbours overlap */
		if (to < from + min)
			to = from + min; /* however short, it is seen */
		if (to > c->cells)
			to = c->cells;
		c->change[k * width + from]++;
		c->change[k * width + to]--;
		c->rows[k].messages++;
	}
}

/* Most messages in flight at once in a row, and how much of the time there were any. */
static int32_t row_peak(const struct chart *c, uint32_t row, double *busy)
{
	const int32_t *change = &c->change[row * (c->cells + 1)];
	int32_t now = 0, peak = 0;
	uint32_t i, in_use = 0;

	for (i = 0; i < c->cells; i++) {
		now += change[i];
		in_use += now > 0;
		if (now > peak)
			peak = now;
	}
	*busy = (double)in_use / c->cells;
	return peak;
}

/* An outline from left to right, relative, steps of equal height joined. */
static void put_row(struct text *t, const struct chart *c, uint32_t row)
{
	const int32_t *change = &c->change[row * (c->cells + 1)];
	const struct row *rw = &c->rows[row];
	double busy;
	int32_t now = 0, peak = row_peak(c, row, &busy);
	int height = 0, level;
	uint32_t i, run = 0;

	if (!peak)
		return;
	text_add(t, "<path class=\"c%u k%u\" transform=\"translate(%s 0) scale(%.4f 1)\" d=\"M0 %s",
		 rw->class, rw->class, number_xy(LEFT).s, PLOT_W / c->cells,
		 number_xy(rw->y + ROW_H).s);
	for (i = 0; i < c->cells; i++, run++) {
		now += change[i];
		level = now <= 0 ? 0 : 4 + (ROW_H - 4) * (now - 1) / (peak > 1 ? peak - 1 : 1);
		if (peak == 1 && now)
			level = ROW_H;
		if (level == height)
			continue;
		if (run)
			text_add(t, "h%u", run);
		text_add(t, "v%d", height - level);
		height = level;
		run = 0;
	}
	text_add(t, "h%u", run);
	if (height)
		text_add(t, "v%d", height);
	text_add(t, "z\"><title>");
	page_text(t, report_host(c->r, rw->host), PAGE_NAME);
	text_add(t,
		 ", %s: %u messages sent, up to %d at once, some in flight %s of the axis"
		 "</title></path>\n",
		 dmsc_class_name(rw->class), rw->messages, peak, number_percent(busy).s);
}

static void put_axis(struct text *t, const struct chart *c)
{
	double step = tick_step(c->end), at;
	uint32_t i;

	for (i = 0; (at = i * step) <= c->end * 1.0001 && i < 12; i++) {
		double x = LEFT + PLOT_W * at / c->end;

		text_add(t, "<path class=\"grid\" d=\"M%s 0V%s\"/>", number_xy(x).s,
			 number_xy(c->height).s);
		text_add(t, "<text class=\"tick\" x=\"%s\" y=\"%s\">%s</text>\n", number_xy(x).s,
			 number_xy(c->height + 16).s, i ? number_time(at).s : "0");
	}
}

static void put_labels(struct text *t, const struct chart *c)
{
	uint32_t i;

	for (i = 0; i < c->nr_rows; i++) {
		const struct row *rw = &c->rows[i];

		if (!i || rw->host != rw[-1].host) {
			text_add(t, "<text class=\"lane\" x=\"4\" y=\"%s\">",
				 number_xy(rw->y + 12).s);
			page_text(t, report_host(c->r, rw->host), 9);
			text_add(t, "</text>\n");
		}
		text_add(t, "<text class=\"label\" x=\"%s\" y=\"%s\">%s</text>\n",
			 number_xy(LEFT - 8).s, number_xy(rw->y + 12).s, dmsc_class_name(rw->class));
	}
}

static void put_setup(struct text *t, struct chart *c, uint32_t nr)
{
	const struct report_setup *s = &c->r->setups[nr];
	uint32_t i;

	fill_rows(c, s);
	text_add(t, "<figure>\n<h3>");
	page_text(t, s->title, PAGE_NAME);
	text_add(t,
		 " <small>iteration %u, %s</small></h3>\n<div class=\"scroll\" role=\"region\" "
		 "tabindex=\"0\" aria-label=\"Timeline of set-up %u\"><svg class=\"time\" "
		 "viewBox=\"0 0 %s %s\" role=\"img\" aria-labelledby=\"time%u-t time%u-d\" "
		 "data-end=\"%.0f\"><title id=\"time%u-t\">Messages in flight under ",
		 s->timeline_iteration + 1, number_time(s->timeline_time).s, nr + 1,
		 number_xy(LEFT + PLOT_W + 30).s, number_xy(c->height + 24).s, nr, nr, c->end, nr);
	page_text(t, s->title, PAGE_NAME);
	text_add(t,
		 "</title><desc id=\"time%u-d\">A row for each sending host and class. "
		 "The iteration lasts %s.</desc>\n",
		 nr, number_time(s->timeline_time).s);
	put_axis(t, c);
	put_labels(t, c);
	for (i = 0; i < c->nr_rows; i++)
		put_row(t, c, i);
	if (s->timeline_time > 0)
		text_add(t, "<path class=\"finish\" d=\"M%s 0V%s\"/>\n",
			 number_xy(LEFT + PLOT_W * s->timeline_time / c->end).s,
			 number_xy(c->height).s);
	text_add(t, "<path class=\"cursor\" d=\"M0 0V%s\" visibility=\"hidden\"/></svg></div>\n",
		 number_xy(c->height).s);
	if (!s->nr_records)
		text_add(t, "<p>No timeline was kept.</p>\n");
	if (s->truncated)
		text_add(t, "<p>Not every message was recorded; some are missing here.</p>\n");
	text_add(t, "</figure>\n");
}

void page_timeline(struct text *t, const struct report *r)
{
	struct chart *c = calloc(1, sizeof(*c));
	bool used[DMSC_NR_CLASSES] = {};
	uint32_t i;

	if (!c) {
		t->failed = true;
		return;
	}
	c->r = r;
	c->end = axis_end(r);
	if (!(c->end > 0) || !isfinite(c->end))
		goto out;
	if (!chart_rows(c))
		goto fail;
	if (!c->nr_rows)
		goto out;
	c->cells = MAX_STEPS / (c->nr_rows * r->nr_setups);
	if (c->cells > 2000)
		c->cells = 2000;
	c->change = calloc((size_t)(c->cells + 1) * (c->nr_rows + 1), sizeof(*c->change));
	if (!c->change)
		goto fail;

	text_add(t, "<section class=\"timeline\" aria-labelledby=\"timeline\">\n"
		    "<h2 id=\"timeline\">Timeline</h2>\n<p>One iteration of each set-up, the one "
		    "nearest its median, on the same axis. Height: messages in flight at once. Gaps: "
		    "the host computes or waits. The dashed line is the iteration's end.</p>\n"
		    "<fieldset><legend>Classes</legend>");
	for (i = 0; i < c->nr_rows; i++)
		used[c->rows[i].class] = true;
	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		uint32_t k = report_class_order[i];

		if (used[k])
			text_add(t,
				 "<label><input type=\"checkbox\" id=\"t%u\" checked> "
				 "<span class=\"key c%u\"></span>%s</label>\n",
				 k, k, dmsc_class_name(k));
	}
	text_add(t, "<output id=\"cursor\"></output></fieldset>\n");
	for (i = 0; i < r->nr_setups; i++)
		put_setup(t, c, i);
	if (c->hosts_left_out)
		text_add(t, "<p>Not drawn: %u more hosts.</p>\n", c->hosts_left_out);
	text_add(t, "</section>\n");
	goto out;
fail:
	t->failed = true;
out:
	free(c->change);
	free(c);
}
