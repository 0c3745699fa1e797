// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The cluster as a drawing, twice: how busy each link was in a set-up, and
 * which links the plan gives to a class. Storage stands above the spines when
 * it hangs off them, hosts stand below the leaves.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "emulator/report_page.h"

#define MAX_DRAWN_NODES 96
#define MAX_DRAWN_LINKS 256
#define MAX_PORTS	8 /* lines in a box */

#define BOX_W	160.0
#define BOX_GAP 22.0
#define LINE_H	15.0

enum tier { TIER_TOP, TIER_SPINE, TIER_LEAF, TIER_BOTTOM, NR_TIERS };

struct box {
	bool drawn;
	enum tier tier;
	double x, y, h;	   /* middle, top, height */
	uint32_t up, down; /* links to higher and to lower boxes */
};

struct layout {
	const struct report *r;
	struct box *box;
	double width, height;
	uint32_t nodes_left_out, links_left_out;
	uint32_t nr_links; /* those before it are drawn, if their ends are */
};

static bool link_drawn(const struct layout *l, uint32_t link)
{
	const struct report_link *rl = &l->r->links[link];

	return link < l->nr_links && l->box[rl->a].drawn && l->box[rl->b].drawn && rl->a != rl->b;
}

/* The end that stands lower, whose box lists the link. */
static uint32_t lower_end(const struct layout *l, const struct report_link *link)
{
	return l->box[link->a].tier >= l->box[link->b].tier ? link->a : link->b;
}

static enum tier tier_of(const struct report *r, uint32_t node)
{
	bool to_spine = false, to_leaf = false;
	uint32_t i;

	if (r->nodes[node].kind == NODE_SPINE)
		return TIER_SPINE;
	if (r->nodes[node].kind == NODE_LEAF)
		return TIER_LEAF;
	for (i = 0; i < r->nr_links; i++) {
		uint32_t other;

		if (r->links[i].a == node)
			other = r->links[i].b;
		else if (r->links[i].b == node)
			other = r->links[i].a;
		else
			continue;
		to_spine |= r->nodes[other].kind == NODE_SPINE;
		to_leaf |= r->nodes[other].kind == NODE_LEAF;
	}
	return to_spine && !to_leaf ? TIER_TOP : TIER_BOTTOM;
}

static bool layout_make(struct layout *l, const struct report *r)
{
	uint32_t count[NR_TIERS] = {}, at[NR_TIERS] = {}, i, drawn = 0;
	double height[NR_TIERS] = {}, top[NR_TIERS], widest = 3, y = 10;
	int tier;

	l->r = r;
	l->box = calloc(r->nr_nodes + 1, sizeof(*l->box));
	if (!l->box)
		return false;
	/* Switches first: hosts without them would be a drawing of nothing. */
	for (tier = 0; tier < 2; tier++)
		for (i = 0; i < r->nr_nodes; i++) {
			if ((r->nodes[i].kind == NODE_HOST) != tier)
				continue;
			if (drawn >= (tier ? MAX_DRAWN_NODES : MAX_DRAWN_NODES / 3)) {
				l->nodes_left_out++;
				continue;
			}
			drawn++;
			l->box[i].drawn = true;
			l->box[i].tier = tier_of(r, i);
			count[l->box[i].tier]++;
		}
	l->nr_links = r->nr_links < MAX_DRAWN_LINKS ? r->nr_links : MAX_DRAWN_LINKS;
	for (i = 0; i < r->nr_links; i++) {
		if (!link_drawn(l, i)) {
			l->links_left_out++;
			continue;
		}
		uint32_t low = lower_end(l, &r->links[i]);

		l->box[low].up++;
		l->box[r->links[i].a + r->links[i].b - low].down++;
	}
	for (i = 0; i < r->nr_nodes; i++) {
		struct box *b = &l->box[i];

		if (!b->drawn)
			continue;
		b->h = 26 + LINE_H * (b->up < MAX_PORTS ? b->up : MAX_PORTS);
		height[b->tier] = fmax(height[b->tier], b->h);
	}
	for (tier = 0; tier < NR_TIERS; tier++) {
		top[tier] = y;
		if (count[tier])
			y += height[tier] + 86;
		widest = fmax(widest, count[tier]);
	}
	l->height = y - 76;
	l->width = widest * (BOX_W + BOX_GAP) + 20;
	for (i = 0; i < r->nr_nodes; i++) {
		struct box *b = &l->box[i];

		if (!b->drawn)
			continue;
		b->x = l->width * (at[b->tier]++ + 0.5) / count[b->tier];
		b->y = top[b->tier];
	}
	return true;
}

/* Where a link meets a box: links side by side in the order of their other ends. */
static double port_x(const struct layout *l, uint32_t link, uint32_t node)
{
	const struct report_link *links = l->r->links;
	uint32_t other = links[link].a + links[link].b - node, rank = 0, total = 0, i;
	bool up = lower_end(l, &links[link]) == node;

	for (i = 0; i < l->nr_links; i++) {
		uint32_t far;

		if (!link_drawn(l, i) || (links[i].a != node && links[i].b != node) ||
		    (lower_end(l, &links[i]) == node) != up)
			continue;
		far = links[i].a + links[i].b - node;
		total++;
		rank += l->box[far].x < l->box[other].x ||
			(l->box[far].x == l->box[other].x && i < link);
	}
	return l->box[node].x + (rank + 0.5 - total / 2.0) * fmin(BOX_W * 0.8 / total, 34);
}

struct line {
	double x1, y1, x2, y2; /* from end a to end b */
	double dx, dy;	       /* one unit to the right of that direction */
};

static struct line link_line(const struct layout *l, uint32_t link)
{
	const struct report_link *rl = &l->r->links[link];
	uint32_t low = lower_end(l, rl), high = rl->a + rl->b - low;
	double xl = port_x(l, link, low), yl = l->box[low].y;
	double xh = port_x(l, link, high), yh = l->box[high].y + l->box[high].h, len, rise;
	struct line line = { xl, yl, xh, yh, 0, 0 };

	if (rl->a != low)
		line = (struct line){ xh, yh, xl, yl, 0, 0 };
	len = hypot(line.x2 - line.x1, line.y2 - line.y1);
	rise = line.y2 - line.y1;
	/* Sideways along the boxes' edges, so that every line ends at its boxes. */
	if (l->box[low].tier != l->box[high].tier)
		line.dx = (rise < 0 ? 1 : -1) * fmin(len / fabs(rise), 2.5);
	else if (len > 0)
		line.dy = (line.x2 - line.x1) / len;
	return line;
}

/* The line moved to the right by @off. */
static void put_line(struct text *t, const struct line *n, double off)
{
	text_add(t, "M%s %s", number_xy(n->x1 + n->dx * off).s, number_xy(n->y1 + n->dy * off).s);
	text_add(t, "L%s %s", number_xy(n->x2 + n->dx * off).s, number_xy(n->y2 + n->dy * off).s);
}

static void put_boxes(struct text *t, const struct layout *l)
{
	static const char *const kinds[NR_TIERS] = { "host", "spine", "leaf", "host" };
	const struct report *r = l->r;
	uint32_t i;

	for (i = 0; i < r->nr_nodes; i++) {
		const struct box *b = &l->box[i];

		if (!b->drawn)
			continue;
		text_add(t,
			 "<rect class=\"box %s\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" "
			 "rx=\"5\"/>",
			 kinds[b->tier], number_xy(b->x - BOX_W / 2).s, number_xy(b->y).s,
			 number_xy(BOX_W).s, number_xy(b->h).s);
		text_add(t, "<text class=\"node\" x=\"%s\" y=\"%s\">", number_xy(b->x).s,
			 number_xy(b->y + 17).s);
		page_text(t, r->nodes[i].name, 14);
		if (r->nodes[i].kind == NODE_HOST && r->nodes[i].gpus)
			text_add(t, "<tspan class=\"dim\"> %u GPU%s</tspan>", r->nodes[i].gpus,
				 r->nodes[i].gpus > 1 ? "s" : "");
		else if (r->nodes[i].kind == NODE_HOST)
			text_add(t, "<tspan class=\"dim\"> storage</tspan>");
		text_add(t, "</text>\n");
	}
}

/* A line in the lower end's box: interface, to it and from it. */
static void put_port(struct text *t, const struct layout *l, uint32_t *used, uint32_t link,
		     const char *up, const char *down)
{
	const struct report_link *rl = &l->r->links[link];
	uint32_t node = lower_end(l, rl), nr = used[node]++;
	double y = l->box[node].y + 33 + LINE_H * nr;

	if (nr >= MAX_PORTS)
		return;
	if (nr == MAX_PORTS - 1 && l->box[node].up > MAX_PORTS) {
		text_add(t, "<text class=\"port\" x=\"%s\" y=\"%s\">\u2026</text>\n",
			 number_xy(l->box[node].x - BOX_W / 2 + 8).s, number_xy(y).s);
		return;
	}
	text_add(t, "<text class=\"port\" y=\"%s\"><tspan x=\"%s\">", number_xy(y).s,
		 number_xy(l->box[node].x - BOX_W / 2 + 8).s);
	page_text(t, rl->a == node ? rl->if_a : rl->if_b, 8);
	text_add(t, "</tspan><tspan class=\"end\" x=\"%s\">\u2191%s</tspan>",
		 number_xy(l->box[node].x + 22).s, up);
	text_add(t, "<tspan class=\"end\" x=\"%s\">\u2193%s</tspan></text>\n",
		 number_xy(l->box[node].x + BOX_W / 2 - 6).s, down);
}

static void put_ends(struct text *t, const struct layout *l, uint32_t link, bool back)
{
	const struct report_link *rl = &l->r->links[link];

	page_text(t, l->r->nodes[back ? rl->b : rl->a].name, PAGE_NAME);
	text_add(t, " \u2192 ");
	page_text(t, l->r->nodes[back ? rl->a : rl->b].name, PAGE_NAME);
}

static void put_utilisation(struct text *t, const struct layout *l, uint32_t setup)
{
	const struct report *r = l->r;
	const double *u = r->setups[setup].utilisation;
	uint32_t *used = calloc(r->nr_nodes + 1, sizeof(*used)), i, d;

	text_add(t, "<g class=\"u%u\">\n", setup);
	for (i = 0; u && used && i < l->nr_links; i++) {
		struct line line;

		if (!link_drawn(l, i))
			continue;
		line = link_line(l, i);
		for (d = 0; d < 2; d++) {
			double busy = isfinite(u[2 * i + d]) ? fmin(fmax(u[2 * i + d], 0), 1) : 0;

			text_add(t, "<path class=\"link b%d\" stroke-width=\"%s\" d=\"",
				 (int)fmin(busy * 5, 4), number_xy(1.5 + 5 * busy).s);
			put_line(t, &line, d ? -4 : 4);
			text_add(t, "\"><title>");
			put_ends(t, l, i, d);
			text_add(t, ": %s of %s</title></path>\n", number_percent(u[2 * i + d]).s,
				 number_rate(r->links[i].rate).s);
		}
		d = lower_end(l, &r->links[i]) == r->links[i].a ? 0 : 1;
		put_port(t, l, used, i, number_percent(u[2 * i + d]).s,
			 number_percent(u[2 * i + 1 - d]).s);
	}
	free(used);
	text_add(t, "</g>\n");
}

static bool class_planned(const struct report *r, uint32_t class)
{
	uint32_t p;

	for (p = 0; p < r->nr_paths; p++)
		if (r->paths[p].bytes[class] > 0)
			return true;
	return false;
}

/* In the boxes: what all classes together put on each link. */
static void put_loads(struct text *t, const struct layout *l)
{
	uint32_t *used = calloc(l->r->nr_nodes + 1, sizeof(*used)), i, c, d;

	for (i = 0; used && i < l->nr_links; i++) {
		double bytes[2] = {};

		if (!link_drawn(l, i))
			continue;
		for (c = 0; c < DMSC_NR_CLASSES; c++)
			for (d = 0; d < 2; d++)
				bytes[d] += l->r->planned[c][2 * i + d];
		d = lower_end(l, &l->r->links[i]) == l->r->links[i].a ? 0 : 1;
		put_port(t, l, used, i, bytes[d] > 0 ? number_bytes(bytes[d]).s : "\u2013",
			 bytes[1 - d] > 0 ? number_bytes(bytes[1 - d]).s : "\u2013");
	}
	free(used);
}

/* A class keeps its place beside the others on every link. */
static void put_planned(struct text *t, const struct layout *l, uint32_t class, double off)
{
	const struct report *r = l->r;
	const double *bytes = r->planned[class];
	double most = 0;
	uint32_t i;

	for (i = 0; i < 2 * r->nr_links; i++)
		most = fmax(most, bytes[i]);
	text_add(t, "<g class=\"p k%u\">\n", class);
	for (i = 0; i < l->nr_links; i++) {
		double there = bytes[2 * i], back = bytes[2 * i + 1];
		struct line line;

		if (!link_drawn(l, i) || !(there + back > 0))
			continue;
		line = link_line(l, i);
		text_add(t, "<path class=\"s%u\" stroke-width=\"%s\" d=\"", class,
			 number_xy(1.5 + 2.5 * sqrt(fmax(there, back) / most)).s);
		put_line(t, &line, off);
		text_add(t, "\"><title>%s, ", dmsc_class_name(class));
		put_ends(t, l, i, false);
		text_add(t, ": %s, back: %s</title></path>\n", number_bytes(there).s,
			 number_bytes(back).s);
	}
	text_add(t, "</g>\n");
}

static void svg_open(struct text *t, const struct layout *l, const char *id, const char *title)
{
	text_add(t,
		 "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"%s\">"
		 "<svg class=\"net\" style=\"min-width:%.0fpx;max-width:%.0fpx\" "
		 "viewBox=\"0 0 %s %s\" role=\"img\" aria-labelledby=\"%s-t %s-d\">"
		 "<title id=\"%s-t\">%s</title>",
		 title, l->width * 0.8, l->width * 1.35, number_xy(l->width).s,
		 number_xy(l->height).s, id, id, id, title);
	text_add(t,
		 "<desc id=\"%s-d\">%u nodes and %u links. The tables further down hold the same "
		 "numbers.</desc>\n",
		 id, l->r->nr_nodes, l->r->nr_links);
}

static void utilisation_figure(struct text *t, const struct layout *l)
{
	const struct report *r = l->r;
	const struct report_setup *dmsc = report_find_setup(r, "dmsc");
	uint32_t s, shown = dmsc ? (uint32_t)(dmsc - r->setups) : 0;

	text_add(t, "<figure class=\"util\">\n<fieldset><legend>Utilisation under</legend>");
	for (s = 0; s < r->nr_setups; s++) {
		text_add(t, "<label><input type=\"radio\" name=\"util\" id=\"u%u\"%s> ", s,
			 s == shown ? " checked" : "");
		page_text(t, r->setups[s].title, PAGE_NAME);
		text_add(t, "</label>\n");
	}
	text_add(t, "</fieldset>\n");
	svg_open(t, l, "util", "Cluster and utilisation of its links");
	put_boxes(t, l);
	for (s = 0; s < r->nr_setups; s++)
		put_utilisation(t, l, s);
	text_add(t,
		 "</svg></div>\n<figcaption>Each link as two lines, one a direction; the wider and "
		 "the redder, the busier. In the boxes: \u2191 towards the upper end, \u2193 from "
		 "it.</figcaption></figure>\n");
}

static void planned_figure(struct text *t, const struct layout *l)
{
	const struct report *r = l->r;
	uint32_t i, c, nr = 0, at = 0;

	for (c = 0; c < DMSC_NR_CLASSES; c++)
		nr += class_planned(r, c);
	if (!nr)
		return;
	text_add(t, "<figure>\n<fieldset><legend>Planned paths of</legend>");
	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		c = report_class_order[i];
		if (class_planned(r, c))
			text_add(t,
				 "<label><input type=\"checkbox\" id=\"k%u\" checked> "
				 "<span class=\"key c%u\"></span>%s</label>\n",
				 c, c, dmsc_class_name(c));
	}
	text_add(t, "</fieldset>\n");
	svg_open(t, l, "planned", "Planned paths by class");
	text_add(t, "<path class=\"link b0\" stroke-width=\"1\" d=\"");
	for (i = 0; i < l->nr_links; i++) {
		struct line line;

		if (!link_drawn(l, i))
			continue;
		line = link_line(l, i);
		put_line(t, &line, 0);
	}
	text_add(t, "\"/>\n");
	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		c = report_class_order[i];
		if (class_planned(r, c))
			put_planned(t, l, c, (at++ - (nr - 1) / 2.0) * 5);
	}
	put_boxes(t, l);
	put_loads(t, l);
	text_add(t,
		 "</svg></div>\n<figcaption>The wider a line, the more bytes the plan puts on the "
		 "link, compared with other links of the class. Hosts choose the interface; from "
		 "leaf to spine flows spread. In the boxes: bytes of all classes, \u2191 towards the "
		 "upper end, \u2193 from it.</figcaption></figure>\n");
}

void page_network(struct text *t, const struct report *r)
{
	struct layout l = {};

	if (!layout_make(&l, r)) {
		t->failed = true;
		return;
	}
	text_add(t, "<section aria-labelledby=\"network\">\n<h2 id=\"network\">Cluster</h2>\n");
	utilisation_figure(t, &l);
	planned_figure(t, &l);
	if (l.nodes_left_out || l.links_left_out)
		text_add(t, "<p>Not drawn: %u nodes and %u links.</p>\n", l.nodes_left_out,
			 l.links_left_out);
	text_add(t, "</section>\n");
	free(l.box);
}
