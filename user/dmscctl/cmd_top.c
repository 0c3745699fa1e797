// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dmscctl/table.h"
#include "dmscctl/units.h"

struct row {
	const json_t *now;
	double bytes, packets; /* a second */
};

/* The counter of the same SID, class and direction in an earlier answer. */
static const json_t *same(const json_t *list, const json_t *k)
{
	const json_t *o;
	size_t i;

	json_array_foreach(list, i, o)
	{
		if (ctl_int(o, "sid") == ctl_int(k, "sid") &&
		    !strcmp(ctl_str(o, "class"), ctl_str(k, "class")) &&
		    !strcmp(ctl_str(o, "dir"), ctl_str(k, "dir")))
			return o;
	}
	return NULL;
}

static int by_rate(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->bytes < y->bytes ? 1 : x->bytes > y->bytes ? -1 : 0;
}

static void print_json(const struct row *rows, size_t n)
{
	json_t *out = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(out, json_pack("{s:I, s:s, s:s, s:s, s:f, s:f}", "sid",
						     (json_int_t)ctl_int(rows[i].now, "sid"),
						     "name", ctl_str(rows[i].now, "name"), "class",
						     ctl_str(rows[i].now, "class"), "dir",
						     ctl_str(rows[i].now, "dir"), "bits_per_second",
						     rows[i].bytes * 8, "packets_per_second",
						     rows[i].packets));
	json_dumpf(out, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(out);
}

static void print_table(struct ctl *c, const struct row *rows, size_t n, size_t max)
{
	static const char *const heads[] = { "-SID",   "NAME",	     "CLASS", "DIR",
					     "-BIT/S", "-PACKETS/S", NULL };
	char a[UNITS_LEN];
	struct table t;

	table_init(&t, c, heads);
	for (size_t i = 0; i < n && i < max; i++) {
		const json_t *k = rows[i].now;

		table_add(&t, "%lld", ctl_int(k, "sid"));
		table_add(&t, "%s", ctl_int(k, "sid") ? ctl_str(k, "name") : "(nobody)");
		table_add(&t, "%s", ctl_str(k, "class"));
		table_add(&t, "%s", ctl_str(k, "dir"));
		table_add(&t, "%s", units_rate(rows[i].bytes * 8, c->exact, a));
		table_add(&t, "%s", units_count(rows[i].packets, c->exact, a));
	}
	table_print(&t);
}

/* What moved between two answers, the most first; rows with nothing are left out. */
static size_t rates(const json_t *before, const json_t *after, double seconds, struct row **out)
{
	const json_t *list = json_object_get(after, "counters"), *k, *old;
	struct row *rows = calloc(json_array_size(list) + 1, sizeof(*rows));
	size_t i, n = 0;

	*out = rows;
	json_array_foreach(list, i, k)
	{
		if (!rows)
			break;
		old = same(json_object_get(before, "counters"), k);
		rows[n].now = k;
		rows[n].bytes = (ctl_int(k, "bytes") - (old ? ctl_int(old, "bytes") : 0)) / seconds;
		rows[n].packets =
			(ctl_int(k, "packets") - (old ? ctl_int(old, "packets") : 0)) / seconds;
		n += rows[n].packets > 0;
	}
	if (n)
		qsort(rows, n, sizeof(*rows), by_rate);
	return n;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int run(struct ctl *c, int argc, char **argv)
{
	const char *delay = "1", *count = NULL, *lines = "20";
	const struct opt opts[] = {
		{ "delay", 'i', "N", "seconds between two looks (1)", &delay, NULL },
		{ "count", 'n', "N", "end after so many (for ever)", &count, NULL },
		{ "lines", 'l', "N", "at most so many lines (20)", &lines, NULL },
		{ 0 }
	};
	unsigned long long seconds, looks = 0, max;
	json_t *before = NULL, *after;
	double then, at;
	struct row *rows;
	int status;
	size_t n;

	if (ctl_options(c, argc, argv, opts, 0, 0, &status) < 0)
		return status;
	if (!ctl_number(delay, 3600, &seconds) || !seconds)
		return ctl_usage(c, "--delay: '%s', expected 1 to 3600", delay);
	if (count && (!ctl_number(count, 1000000, &looks) || !looks))
		return ctl_usage(c, "--count: '%s', expected 1 to 1000000", count);
	if (!ctl_number(lines, 1000000, &max))
		return ctl_usage(c, "--lines: '%s', expected a number", lines);
	status = ctl_call(c, json_pack("{s:s}", "cmd", "counters"), &before);
	then = now();
	for (unsigned long long i = 0; !status && (!count || i < looks); i++) {
		struct timespec ts = { .tv_sec = seconds };

		nanosleep(&ts, NULL);
		status = ctl_call(c, json_pack("{s:s}", "cmd", "counters"), &after);
		if (status)
			break;
		at = now();
		n = rates(before, after, at - then, &rows);
		if (c->json) {
			print_json(rows, n);
		} else {
			if (c->color)
				printf("\033[H\033[J");
			print_table(c, rows, n, max);
		}
		free(rows);
		json_decref(before);
		before = after;
		then = at;
		if (fflush(stdout))
			break;
	}
	json_decref(before);
	return status;
}

const struct command cmd_top = {
	.name = "top",
	.usage = "[--delay N] [--count N] [--lines N]",
	.summary = "who sends and receives how much, the most first",
	.details = "With --json one array a line, once every --delay seconds.",
	.run = run,
};
