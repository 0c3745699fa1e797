// SPDX-License-Identifier: GPL-2.0-or-later
/* What is looked up rather than read: utilisation of each link, classes, planned paths. */
#include <math.h>

#include "emulator/report_page.h"

#define MAX_ROWS 256

static void left_out(struct text *t, uint32_t nr, const char *what)
{
	if (nr > MAX_ROWS)
		text_add(t, "<p>%u more %s are in report.json.</p>\n", nr - MAX_ROWS, what);
}

static void share_cell(struct text *t, double share)
{
	double bar = isfinite(share) ? fmin(fmax(share, 0), 1) * 100 : 0;

	text_add(t, "<td><span class=\"bar\" style=\"--u:%.0f%%\">%s</span></td>", bar,
		 number_percent(share).s);
}

void page_links(struct text *t, const struct report *r)
{
	uint32_t l, s, d;

	text_add(t,
		 "<section aria-labelledby=\"links\">\n<h2 id=\"links\">Utilisation by link</h2>\n"
		 "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"links\">"
		 "<table>\n<caption>Mean over the iterations, of each direction.</caption>\n"
		 "<thead><tr><th scope=\"col\">From</th><th scope=\"col\" class=\"name\">To</th>"
		 "<th scope=\"col\">Rate</th>");
	for (s = 0; s < r->nr_setups; s++) {
		text_add(t, "<th scope=\"col\">");
		page_text(t, r->setups[s].title, PAGE_NAME);
		text_add(t, "</th>");
	}
	text_add(t, "</tr></thead>\n<tbody>\n");
	for (l = 0; l < r->nr_links && l < MAX_ROWS / 2; l++) {
		const struct report_link *link = &r->links[l];

		for (d = 0; d < 2; d++) {
			text_add(t, "<tr><th scope=\"row\">");
			page_text(t, r->nodes[d ? link->b : link->a].name, PAGE_NAME);
			text_add(t, " <small>");
			page_text(t, d ? link->if_b : link->if_a, PAGE_NAME);
			text_add(t, "</small></th><td class=\"name\">");
			page_text(t, r->nodes[d ? link->a : link->b].name, PAGE_NAME);
			text_add(t, "</td><td>%s</td>", number_rate(link->rate).s);
			for (s = 0; s < r->nr_setups; s++)
				share_cell(t, r->setups[s].utilisation ?
						      r->setups[s].utilisation[2 * l + d] :
						      NAN);
			text_add(t, "</tr>\n");
		}
	}
	text_add(t, "</tbody></table></div>\n");
	left_out(t, 2 * r->nr_links, "directions of links");
	text_add(t, "</section>\n");
}

static void class_table(struct text *t, const struct report *r)
{
	uint32_t i, p;

	text_add(t, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Classes\">"
		    "<table>\n<caption>Classes, the most important first. Planned bytes are those "
		    "between hosts in one iteration; of bulk, one transfer each.</caption>\n"
		    "<thead><tr><th scope=\"col\">Class</th><th scope=\"col\">DSCP</th>"
		    "<th scope=\"col\" class=\"name\">Band</th><th scope=\"col\">Weight</th>"
		    "<th scope=\"col\">Planned</th></tr></thead>\n<tbody>\n");
	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		uint32_t c = report_class_order[i];
		const struct report_class *class = &r->classes[c];
		double bytes = 0;

		for (p = 0; p < r->nr_paths; p++)
			bytes += r->paths[p].bytes[c];
		text_add(t, "<tr><th scope=\"row\"><span class=\"key c%u\"></span>%s</th><td>", c,
			 dmsc_class_name(c));
		if (class->dscp >= 0)
			text_add(t, "%d", class->dscp);
		else
			text_add(t, "\u2013");
		text_add(t, "</td><td class=\"name\">");
		page_text(t, class->band, PAGE_NAME);
		text_add(t, "</td><td>%s</td><td>%s</td></tr>\n",
			 class->weight > 0 ? number_plain(class->weight).s : "\u2013",
			 bytes > 0 ? number_bytes(bytes).s : "\u2013");
	}
	text_add(t, "</tbody></table></div>\n");
}

/* The nodes between source and destination, in the order of the edges. */
static void path_via(struct text *t, const struct report *r, const struct report_path *p)
{
	uint32_t nr = 0;
	json_t *step;
	size_t i;

	json_array_foreach(p->edges, i, step)
	{
		uint32_t edge = json_integer_value(json_object_get(step, "edge"));
		double share = json_number_value(json_object_get(step, "share"));
		const struct report_link *link = &r->links[edge / 2];
		uint32_t to = edge & 1 ? link->a : link->b;

		if (to == r->host_node[p->dst])
			continue;
		if (++nr > 8) {
			text_add(t, ", \u2026");
			break;
		}
		text_add(t, nr > 1 ? ", " : "");
		page_text(t, r->nodes[to].name, PAGE_NAME);
		if (share < 0.995)
			text_add(t, "\u00a0(%s)", number_percent(share).s);
	}
	if (!nr)
		text_add(t, "directly");
}

static bool path_used(const struct report_path *p)
{
	uint32_t c;

	for (c = 0; c < DMSC_NR_CLASSES; c++)
		if (p->bytes[c] > 0)
			return true;
	return false;
}

static void path_table(struct text *t, const struct report *r)
{
	uint32_t p, c, i, rows = 0, unused = 0;

	text_add(t,
		 "<div class=\"scroll\" role=\"region\" tabindex=\"0\" "
		 "aria-label=\"Planned paths\"><table>\n<caption>Planned paths between hosts. The "
		 "host chooses the interface and its next hop; beyond it the switches spread "
		 "flows, in the expected shares.</caption>\n<thead><tr><th scope=\"col\">From</th>"
		 "<th scope=\"col\" class=\"name\">To</th><th scope=\"col\" class=\"name\">Interface</th>"
		 "<th scope=\"col\" class=\"name\">By</th><th scope=\"col\" class=\"name\">Bytes of one iteration</th></tr>"
		 "</thead>\n<tbody>\n");
	for (p = 0; p < r->nr_paths; p++) {
		const struct report_path *path = &r->paths[p];
		const struct report_link *link = &r->links[path->link];
		bool first = true;

		if (!path_used(path)) {
			unused++;
			continue;
		}
		if (++rows > MAX_ROWS)
			continue;
		text_add(t, "<tr><th scope=\"row\">");
		page_text(t, report_host(r, path->src), PAGE_NAME);
		text_add(t, "</th><td class=\"name\">");
		page_text(t, report_host(r, path->dst), PAGE_NAME);
		text_add(t, "</td><td class=\"name\">");
		page_text(t, link->a == r->host_node[path->src] ? link->if_a : link->if_b,
			  PAGE_NAME);
		text_add(t, "</td><td class=\"name\">");
		path_via(t, r, path);
		text_add(t, "</td><td class=\"name\">");
		for (i = 0; i < DMSC_NR_CLASSES; i++) {
			c = report_class_order[i];
			if (!(path->bytes[c] > 0))
				continue;
			text_add(t, "%s<span class=\"key c%u\"></span>%s\u00a0%s", first ? "" : ", ",
				 c, dmsc_class_name(c), number_bytes(path->bytes[c]).s);
			first = false;
		}
		text_add(t, "</td></tr>\n");
	}
	text_add(t, "</tbody></table></div>\n");
	left_out(t, rows, "paths");
	if (unused)
		text_add(t, "<p>%u more paths are known, but the plan puts nothing on them.</p>\n",
			 unused);
}

void page_plan(struct text *t, const struct report *r)
{
	text_add(t, "<section aria-labelledby=\"plan\">\n<h2 id=\"plan\">Plan</h2>\n");
	if (r->critical_path > 0)
		text_add(t, "<p>Predicted for idle links: an iteration of %s.</p>\n",
			 number_time(r->critical_path).s);
	class_table(t, r);
	path_table(t, r);
	text_add(t, "</section>\n");
}
