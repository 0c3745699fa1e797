// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table, and the same as JSON: a list of objects with case, metric, unit,
 * value (median), spread (min, max), repeats, peers, aim and met.
 */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "bench.h"

/* What the case may take at most, in its unit; 0: it has no aim. */
static double limit(struct bench *b, const struct bench_case *c)
{
	switch (c->aim_kind) {
	case AIM_FLOOR:
		return c->aim * bench_median(bench_find(b, BENCH_FLOOR));
	case AIM_EMPTY_TC_FLOOR:
		return bench_median(bench_find(b, BENCH_EMPTY_TC)) +
		       c->aim * bench_median(bench_find(b, BENCH_FLOOR));
	case AIM_OVER_PEER:
		return bench_median(bench_find(b, c->peer)) + c->aim;
	case AIM_ABSOLUTE:
		return c->aim;
	case AIM_NONE:
		break;
	}
	return 0;
}

static void aim_text(const struct bench_case *c, char *out, size_t len)
{
	*out = '\0';
	switch (c->aim_kind) {
	case AIM_FLOOR:
		snprintf(out, len, "at most %.1f x floor", c->aim);
		break;
	case AIM_EMPTY_TC_FLOOR:
		snprintf(out, len, "at most empty tc + %.1f x floor", c->aim);
		break;
	case AIM_OVER_PEER:
		snprintf(out, len, "at most %s + %.0f %s", c->peer, c->aim, c->unit);
		break;
	case AIM_ABSOLUTE:
		snprintf(out, len, "at most %.0f %s", c->aim, c->unit);
		break;
	case AIM_NONE:
		break;
	}
}

static bool per_packet(const struct bench_case *c)
{
	return !strcmp(c->metric, "cpu") && !strcmp(c->unit, "ns");
}

static json_t *to_json(struct bench *b, const struct bench_case *c)
{
	const struct bench_case *floor = bench_find(b, BENCH_FLOOR);
	const struct bench_case *peer = c->peer ? bench_find(b, c->peer) : NULL;
	json_t *j, *peers = json_object();
	char aim[128];

	if (peer)
		json_object_set_new(peers, peer->name, json_real(bench_median(peer)));
	if (per_packet(c) && c != floor)
		json_object_set_new(peers, floor->name, json_real(bench_median(floor)));
	j = json_pack("{s:s, s:s, s:s, s:f, s:[f,f], s:i, s:o}", "case", c->name, "metric",
		      c->metric, "unit", c->unit, "value", bench_median(c), "spread", bench_min(c),
		      bench_max(c), "repeats", BENCH_REPEATS, "peers", peers);
	if (!j)
		bench_die("out of memory");
	aim_text(c, aim, sizeof(aim));
	if (*aim) {
		json_object_set_new(j, "aim", json_string(aim));
		json_object_set_new(j, "met", json_boolean(bench_median(c) <= limit(b, c)));
	}
	return j;
}

static void print_row(struct bench *b, const struct bench_case *c)
{
	double floor = bench_median(bench_find(b, BENCH_FLOOR)), median = bench_median(c);
	char ratio[16] = "", aim[128];

	if (per_packet(c))
		snprintf(ratio, sizeof(ratio), "%.2f", median / floor);
	aim_text(c, aim, sizeof(aim));
	printf("| %-46s | %7.1f %s | %.1f to %.1f | %s | %s | %s |\n", c->name, median, c->unit,
	       bench_min(c), bench_max(c), ratio, aim,
	       !*aim		     ? "" :
	       median <= limit(b, c) ? "met" :
				       "**missed**");
}

void bench_report(struct bench *b, const char *json)
{
	json_t *list = json_array();
	size_t i;

	printf("| case | median | spread | ÷ floor | aim | |\n|---|---|---|---|---|---|\n");
	for (i = 0; i < b->nr_cases; i++) {
		if (b->cases[i].skipped)
			continue;
		print_row(b, &b->cases[i]);
		json_array_append_new(list, to_json(b, &b->cases[i]));
	}
	if (json_dump_file(list, json, JSON_INDENT(2)))
		bench_die("%s: cannot be written", json);
	json_decref(list);
}
