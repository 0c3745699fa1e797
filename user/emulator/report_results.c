// SPDX-License-Identifier: GPL-2.0-or-later
/* What came out: in words, as a table, and every single iteration as a dot. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "emulator/report_page.h"

/* Smaller differences are called none: set-ups run in turn differ by about as much. */
#define SAME 0.03

#define MAX_METRICS (9 + 4 * DMSC_NR_CLASSES)
#define MAX_DOTS    200 /* iterations drawn of a set-up */

enum group { GROUP_ITERATION, GROUP_BETWEEN, GROUP_NETWORK, GROUP_LOCAL, NR_GROUPS };

static const char *const group_titles[NR_GROUPS] = {
	[GROUP_ITERATION] = "Iteration",
	[GROUP_BETWEEN] = "Completion of messages between hosts",
	[GROUP_NETWORK] = "Network and machine, mean of the iterations",
	[GROUP_LOCAL] = "Completion of messages within a host (they use no link)",
};

struct metric {
	enum group group;
	char name[64];
	bool more_is_better;
	bool judged; /* the summary says who was better */
	struct number (*format)(double);
	double value[REPORT_MAX_SETUPS];
};

static struct metric *metric_new(struct metric *list, uint32_t *nr, enum group group,
				 struct number (*format)(double))
{
	struct metric *m = &list[(*nr)++];

	memset(m, 0, sizeof(*m));
	m->group = group;
	m->format = format;
	m->judged = group != GROUP_LOCAL;
	return m;
}

static void metric_completion(const struct report *r, struct metric *list, uint32_t *nr,
			      enum group group, uint8_t class)
{
	struct metric *p50 = NULL, *p99 = NULL;
	uint32_t s;

	for (s = 0; s < r->nr_setups; s++) {
		const struct report_setup *setup = &r->setups[s];
		const struct report_completion *c;

		c = group == GROUP_LOCAL ? &setup->local[class] : &setup->between[class];
		if (!c->present)
			continue;
		if (!p50) {
			p50 = metric_new(list, nr, group, number_time);
			p99 = metric_new(list, nr, group, number_time);
			snprintf(p50->name, sizeof(p50->name), "%s, p50", dmsc_class_name(class));
			snprintf(p99->name, sizeof(p99->name), "%s, p99", dmsc_class_name(class));
			for (uint32_t i = 0; i < REPORT_MAX_SETUPS; i++)
				p50->value[i] = p99->value[i] = NAN;
		}
		p50->value[s] = c->p50;
		p99->value[s] = c->p99;
	}
}

/* The highest utilisation of any directed link. */
static double busiest(const struct report *r, const struct report_setup *s)
{
	double most = NAN;
	uint32_t e;

	for (e = 0; s->utilisation && e < 2 * r->nr_links; e++)
		most = fmax(most, s->utilisation[e]);
	return most;
}

static uint32_t metrics(const struct report *r, struct metric *list)
{
	struct metric *median, *p95, *bulk, *retransmits, *host, *fabric, *link, *idle, *daemons;
	uint32_t nr = 0, s, c;

	median = metric_new(list, &nr, GROUP_ITERATION, number_time);
	strcpy(median->name, "time, median");
	p95 = metric_new(list, &nr, GROUP_ITERATION, number_time);
	strcpy(p95->name, "time, p95");
	for (c = 0; c < DMSC_NR_CLASSES; c++)
		metric_completion(r, list, &nr, GROUP_BETWEEN, report_class_order[c]);
	bulk = metric_new(list, &nr, GROUP_NETWORK, number_rate);
	strcpy(bulk->name, "bulk goodput");
	bulk->more_is_better = true;
	retransmits = metric_new(list, &nr, GROUP_NETWORK, number_plain);
	strcpy(retransmits->name, "TCP segments sent again");
	host = metric_new(list, &nr, GROUP_NETWORK, number_plain);
	strcpy(host->name, "packets dropped at hosts");
	fabric = metric_new(list, &nr, GROUP_NETWORK, number_plain);
	strcpy(fabric->name, "packets dropped in the fabric");
	link = metric_new(list, &nr, GROUP_NETWORK, number_percent);
	strcpy(link->name, "busiest link, utilisation");
	link->judged = false;
	idle = metric_new(list, &nr, GROUP_NETWORK, number_percent);
	strcpy(idle->name, "CPU idle");
	idle->judged = false;
	idle->more_is_better = true;
	daemons = metric_new(list, &nr, GROUP_NETWORK, number_percent);
	strcpy(daemons->name, "CPU of the daemons");
	daemons->judged = false;
	for (s = 0; s < r->nr_setups; s++) {
		median->value[s] = r->setups[s].median;
		p95->value[s] = r->setups[s].p95;
		bulk->value[s] = r->setups[s].bulk_goodput;
		retransmits->value[s] = r->setups[s].retransmits;
		host->value[s] = r->setups[s].host_drops;
		fabric->value[s] = r->setups[s].fabric_drops;
		link->value[s] = busiest(r, &r->setups[s]);
		idle->value[s] = r->setups[s].cpu_idle;
		daemons->value[s] = r->setups[s].cpu_daemons;
	}
	for (c = 0; c < DMSC_NR_CLASSES; c++)
		metric_completion(r, list, &nr, GROUP_LOCAL, report_class_order[c]);
	return nr;
}

/* -1: @b is better than @a, 1: worse, 0: no difference worth a word. */
static int verdict(const struct metric *m, double a, double b)
{
	if (!isfinite(a) || !isfinite(b) || fabs(a - b) <= SAME * fmax(fabs(a), fabs(b)))
		return 0;
	return (b < a) != m->more_is_better ? -1 : 1;
}

static uint32_t setup_index(const struct report *r, const char *name)
{
	const struct report_setup *s = report_find_setup(r, name);

	return s ? (uint32_t)(s - r->setups) : r->nr_setups;
}

/* "12.3 % less than under best stock (1.18 s)", and whether the two can be told apart. */
static void say_time(struct text *t, const struct report *r, const struct report_setup *dmsc,
		     const struct report_setup *other)
{
	double change = dmsc->median / other->median - 1;

	if (!isfinite(change)) {
		text_add(t, "<li>");
		page_text(t, other->title, PAGE_NAME);
		text_add(t, ": not comparable, a time is missing.</li>\n");
		return;
	}
	text_add(t, "<li>");
	if (fabs(change) <= SAME)
		text_add(t, "as long as under ");
	else
		text_add(t, "<strong>%.1f\u00a0%% %s</strong> than under ", fabs(change) * 100,
			 change < 0 ? "less" : "more");
	page_text(t, other->title, PAGE_NAME);
	text_add(t, " (%s)", number_time(other->median).s);
	if (fabs(change) <= SAME)
		text_add(t, ", a difference of %s", number_change(other->median, dmsc->median).s);
	else if (dmsc->max >= other->min && other->max >= dmsc->min)
		text_add(t,
			 ", but their iterations overlap (%s to %s against %s to %s): "
			 "%u iterations cannot tell for sure",
			 number_time(dmsc->min).s, number_time(dmsc->max).s,
			 number_time(other->min).s, number_time(other->max).s, r->iterations);
	else
		text_add(t, ", and each of its iterations was %s than each of the other's",
			 change < 0 ? "shorter" : "longer");
	text_add(t, ".</li>\n");
}

static void say_group(struct text *t, const char *title, const struct metric *list, uint32_t nr,
		      uint32_t base, uint32_t dmsc, int wanted)
{
	bool first = true;
	uint32_t i;

	text_add(t, "<dt>%s</dt><dd>", title);
	for (i = 0; i < nr; i++) {
		const struct metric *m = &list[i];
		double a = m->value[base], b = m->value[dmsc];

		if (!m->judged || !isfinite(a) || !isfinite(b) || verdict(m, a, b) != wanted)
			continue;
		text_add(t, "%s%s%s", first ? "" : "; ",
			 m->group == GROUP_ITERATION ? "iteration " : "", m->name);
		if (a > 0 && wanted)
			text_add(t, " (%s)", number_change(a, b).s);
		else if (wanted)
			text_add(t, " (%s instead of %s)", m->format(b).s, m->format(a).s);
		first = false;
	}
	text_add(t, "%s</dd>\n", first ? "nothing" : "");
}

void page_summary(struct text *t, const struct report *r)
{
	const struct report_setup *dmsc = report_find_setup(r, "dmsc");
	struct metric list[MAX_METRICS];
	uint32_t nr, base, s;

	text_add(t, "<section aria-labelledby=\"summary\">\n<h2 id=\"summary\">Summary</h2>\n");
	if (!dmsc || r->nr_setups < 2) {
		text_add(t, "<p>There is nothing to compare: %s.</p>\n<ul>\n",
			 dmsc ? "only DMSC ran" : "DMSC did not run");
		for (s = 0; s < r->nr_setups; s++) {
			text_add(t, "<li>");
			page_text(t, r->setups[s].title, PAGE_NAME);
			text_add(t, ": median iteration %s</li>\n",
				 number_time(r->setups[s].median).s);
		}
		text_add(t, "</ul>\n</section>\n");
		return;
	}
	text_add(t, "<p>Under DMSC the median iteration of ");
	page_text(t, r->job, PAGE_NAME);
	text_add(t, " took <strong>%s</strong>:</p>\n<ul>\n", number_time(dmsc->median).s);
	for (s = r->nr_setups; s-- > 0;)
		if (&r->setups[s] != dmsc)
			say_time(t, r, dmsc, &r->setups[s]);
	text_add(t, "</ul>\n");

	base = setup_index(r, "stock");
	if (base == r->nr_setups)
		base = setup_index(r, "default");
	if (base < r->nr_setups) {
		nr = metrics(r, list);
		text_add(t, "<p>DMSC against ");
		page_text(t, r->setups[base].title, PAGE_NAME);
		text_add(t, ", differences of up to %.0f\u00a0%% counted as none:</p>\n<dl>\n",
			 SAME * 100);
		say_group(t, "Better", list, nr, base, dmsc - r->setups, -1);
		say_group(t, "Worse", list, nr, base, dmsc - r->setups, 1);
		say_group(t, "Same", list, nr, base, dmsc - r->setups, 0);
		text_add(t, "</dl>\n");
	}
	text_add(t, "</section>\n");
}

/* The set-up that is better than all others by more than SAME; nr_setups: none is. */
static uint32_t best_of(const struct report *r, const struct metric *m)
{
	uint32_t a, b;

	for (a = 0; m->judged && a < r->nr_setups; a++) {
		bool best = isfinite(m->value[a]) && r->nr_setups > 1;

		for (b = 0; best && b < r->nr_setups; b++)
			best = a == b || verdict(m, m->value[b], m->value[a]) < 0;
		if (best)
			return a;
	}
	return r->nr_setups;
}

static void result_row(struct text *t, const struct report *r, const struct metric *m,
		       uint32_t base, uint32_t dmsc)
{
	uint32_t best = best_of(r, m), s;

	text_add(t, "<tr><th scope=\"row\">%s</th>", m->name);
	for (s = 0; s < r->nr_setups; s++)
		text_add(t,
			 s == best ? "<td class=\"best\">%s<span class=\"sr\"> (best)</span></td>" :
				     "<td>%s</td>",
			 m->format(m->value[s]).s);
	if (base < r->nr_setups && dmsc < r->nr_setups && base != dmsc) {
		double from = m->value[base], to = m->value[dmsc];
		int v = m->judged ? verdict(m, from, to) : 0;

		text_add(t, "<td class=\"%s\">", v < 0 ? "good" : v > 0 ? "bad" : "");
		if (m->format == number_percent)
			text_add(t, "%s</td>", number_points(from, to).s);
		else
			text_add(t, "%s</td>", from == to ? "0\u00a0%" : number_change(from, to).s);
	}
	text_add(t, "</tr>\n");
}

static void result_table(struct text *t, const struct report *r)
{
	uint32_t dmsc = setup_index(r, "dmsc"), base = setup_index(r, "stock"), nr, i, s;
	struct metric list[MAX_METRICS];
	bool compare;
	int group;

	if (base == r->nr_setups)
		base = setup_index(r, "default");
	compare = base < r->nr_setups && dmsc < r->nr_setups && base != dmsc;
	nr = metrics(r, list);
	text_add(t,
		 "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Results\">"
		 "<table>\n<caption>Times and rates are those of the cluster at its stated rates. "
		 "A message's completion time runs from the moment it could be sent to its last "
		 "byte at the receiver. Bold: better than each of the others by more than "
		 "%.0f\u00a0%%.%s</caption>\n<thead><tr><td></td>",
		 SAME * 100,
		 r->iterations < 20 ? " With fewer than 20 iterations, p95 is the slowest one." :
				      "");
	for (s = 0; s < r->nr_setups; s++) {
		text_add(t, "<th scope=\"col\">");
		page_text(t, r->setups[s].title, PAGE_NAME);
		text_add(t, "</th>");
	}
	if (compare) {
		text_add(t, "<th scope=\"col\">DMSC against ");
		page_text(t, r->setups[base].title, PAGE_NAME);
		text_add(t, "</th>");
	}
	text_add(t, "</tr></thead>\n");
	for (group = 0; group < NR_GROUPS; group++) {
		bool open = false;

		for (i = 0; i < nr; i++) {
			if ((int)list[i].group != group)
				continue;
			if (!open)
				text_add(t,
					 "<tbody><tr class=\"group\"><th scope=\"rowgroup\" "
					 "colspan=\"%u\">%s</th></tr>\n",
					 r->nr_setups + 1 + compare, group_titles[group]);
			open = true;
			result_row(t, r, &list[i], base, dmsc);
		}
		if (open)
			text_add(t, "</tbody>\n");
	}
	text_add(t, "</table></div>\n");
}

static void iteration_dots(struct text *t, const struct report *r)
{
	const double left = 170, width = 800, row = 34;
	double lo = INFINITY, hi = 0, span;
	uint32_t s, i, dots = 0;

	for (s = 0; s < r->nr_setups; s++)
		for (i = 0; i < r->setups[s].nr_iterations; i++) {
			if (!isfinite(r->setups[s].iterations[i].time))
				continue;
			dots++;
			lo = fmin(lo, r->setups[s].iterations[i].time);
			hi = fmax(hi, r->setups[s].iterations[i].time);
		}
	if (dots < 2 || hi <= 0)
		return;
	span = fmax(hi - lo, hi * 0.01);
	lo = fmax(lo - span * 0.1, 0);
	span = hi + span * 0.1 - lo;

	text_add(t,
		 "<figure><div class=\"scroll\" role=\"region\" tabindex=\"0\" "
		 "aria-label=\"Iteration times\"><svg class=\"narrow\" viewBox=\"0 0 1000 %s\" "
		 "role=\"img\" aria-labelledby=\"dots-t dots-d\"><title id=\"dots-t\">Time of each "
		 "iteration</title><desc id=\"dots-d\">One row a set-up, one dot an iteration, a "
		 "bar at the median; times from %s to %s.</desc>\n",
		 number_xy(r->nr_setups * row + 30).s, number_time(lo).s, number_time(lo + span).s);
	for (i = 0; i <= 4; i++) {
		double x = left + width * i / 4;

		text_add(t,
			 "<path class=\"grid\" d=\"M%s 0V%s\"/><text class=\"tick\" x=\"%s\" "
			 "y=\"%s\">%s</text>\n",
			 number_xy(x).s, number_xy(r->nr_setups * row).s, number_xy(x).s,
			 number_xy(r->nr_setups * row + 20).s, number_time(lo + span * i / 4).s);
	}
	for (s = 0; s < r->nr_setups; s++) {
		const struct report_setup *setup = &r->setups[s];
		double y = s * row + row / 2;

		text_add(t, "<text class=\"label\" x=\"%s\" y=\"%s\">", number_xy(left - 14).s,
			 number_xy(y + 5).s);
		page_text(t, setup->title, 20);
		text_add(t, "</text>\n");
		for (i = 0; i < setup->nr_iterations && i < MAX_DOTS; i++) {
			double time = setup->iterations[i].time;

			if (isfinite(time))
				text_add(t,
					 "<circle class=\"dot\" cx=\"%s\" cy=\"%s\" r=\"6\"><title>"
					 "iteration %u: %s</title></circle>\n",
					 number_xy(left + width * (time - lo) / span).s,
					 number_xy(y).s, i + 1, number_time(time).s);
		}
		if (isfinite(setup->median))
			text_add(t, "<path class=\"median\" d=\"M%s %sv22\"/>\n",
				 number_xy(left + width * (setup->median - lo) / span).s,
				 number_xy(y - 11).s);
	}
	text_add(t, "</svg></div><figcaption>Each iteration. The axis does not begin at zero."
		    "</figcaption></figure>\n");
}

void page_results(struct text *t, const struct report *r)
{
	text_add(t, "<section aria-labelledby=\"results\">\n<h2 id=\"results\">Results</h2>\n");
	result_table(t, r);
	iteration_dots(t, r);
	text_add(t, "</section>\n");
}
