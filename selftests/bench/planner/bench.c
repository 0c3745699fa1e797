// SPDX-License-Identifier: GPL-2.0-or-later
/* bench-planner [--output FILE] [GROUP...]: runs, prints a table, writes JSON. */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "selftests/bench/planner/bench.h"

static struct bench_group *groups;
static json_t *results;
static unsigned int met_aims, all_aims;

void bench_register(struct bench_group *group)
{
	struct bench_group **at = &groups;

	while (*at && strcmp((*at)->name, group->name) < 0)
		at = &(*at)->next;
	group->next = *at;
	*at = group;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double bench_median(const double *values, size_t n)
{
	double sorted[BENCH_REPEATS];

	if (n > BENCH_REPEATS)
		n = BENCH_REPEATS;
	memcpy(sorted, values, n * sizeof(*values));
	qsort(sorted, n, sizeof(*sorted), by_value);
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

void bench_report(const char *what, const char *metric, const char *unit, const double *values,
		  size_t n, const char *aim, bool met)
{
	double median = bench_median(values, n), low = values[0], high = values[0];
	char value[48];
	size_t i;

	for (i = 1; i < n; i++) {
		low = values[i] < low ? values[i] : low;
		high = values[i] > high ? values[i] : high;
	}
	snprintf(value, sizeof(value), "%.4g%s%s", median, *unit ? " " : "", unit);
	printf("%-52s %-24s %14s  %-14s %s\n", what, metric, value, aim ? aim : "",
	       !aim ? "" :
	       met  ? "met" :
		      "missed");
	fflush(stdout);
	all_aims += aim != NULL;
	met_aims += aim && met;
	json_array_append_new(results,
			      json_pack("{s:s, s:s, s:s, s:f, s:[f,f], s:I, s:{}, s:o, s:o}",
					"case", what, "metric", metric, "unit", unit, "value",
					median, "spread", low, high, "repeats", (json_int_t)n,
					"peers", "aim", aim ? json_string(aim) : json_null(), "met",
					aim ? json_boolean(met) : json_null()));
}

void bench_peer(const char *name, double median)
{
	json_t *last = json_array_get(results, json_array_size(results) - 1);

	if (last)
		json_object_set_new(json_object_get(last, "peers"), name, json_real(median));
	printf("%-52s   %-22s %14.4g\n", "", name, median);
}

double bench_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

uint64_t bench_random(uint64_t *state)
{
	/* xorshift64 (Marsaglia 2003) */
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

const char *bench_data(const char *folder, char *path, size_t size)
{
	const char *data = getenv("DMSC_DATA");

	snprintf(path, size, "%s/%s", data ? data : "../shared/data", folder);
	if (!access(path, R_OK))
		return path;
	printf("%s: absent, what needs it is left out (DMSC_DATA names the folder of real inputs)\n",
	       path);
	return NULL;
}

static bool named(const char *name, char **names, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return !n;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "output", required_argument, NULL, 'o' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	const char *output = "build/bench/planner.json";
	struct bench_group *g;
	unsigned int ran = 0;
	int c;

	while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		if (c == 'o') {
			output = optarg;
			continue;
		}
		printf("usage: bench-planner [--output FILE] [GROUP...]\ngroups:");
		for (g = groups; g; g = g->next)
			printf(" %s", g->name);
		putchar('\n');
		return c == 'h' ? 0 : 2;
	}
	results = json_array();
	printf("%-52s %-24s %14s  %-14s %s\n", "CASE", "METRIC", "MEDIAN", "AIM", "RESULT");
	for (g = groups; g; g = g->next) {
		if (!named(g->name, argv + optind, argc - optind))
			continue;
		ran++;
		g->run();
	}
	if (!ran) {
		fprintf(stderr, "bench-planner: no such group, see --help\n");
		return 2;
	}
	printf("%u of %u aims met\n", met_aims, all_aims);
	if (!json_array_size(results) || json_dump_file(results, output, JSON_INDENT(1))) {
		fprintf(stderr, "bench-planner: %s: cannot be written\n", output);
		return 1;
	}
	json_decref(results);
	return 0;
}
