// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The simulator against the main job's own measured run: build/report/report.json, which
 * "make run" leaves, REPORT=FILE, or the run that was recorded in selftests/unit. With
 * the measured times of messages within hosts; doc/simulation.md says why.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "selftests/bench/planner/bench.h"

#define RECORDED "selftests/unit/report.json"

static const char *report_file(void)
{
	const char *named = getenv("REPORT");

	if (named)
		return named;
	return access("build/report/report.json", R_OK) ? RECORDED : "build/report/report.json";
}

/* What dmscctl makes of it; NULL when it does not, having said why. */
static json_t *compared(const char *file)
{
	json_error_t err;
	char cmd[512];
	json_t *o;
	FILE *f;

	snprintf(cmd, sizeof(cmd),
		 "build/user/dmscctl simulate --job examples/gpt13b.yaml "
		 "--topology examples/cluster4.yaml --json --measured '%s'",
		 file);
	f = popen(cmd, "r");
	if (!f)
		return NULL;
	o = json_loadf(f, JSON_DISABLE_EOF_CHECK, &err);
	pclose(f);
	return o;
}

BENCH(measured)
{
	const char *file = report_file();
	json_t *o = compared(file), *s;
	double worst = 0;
	size_t i;

	if (!o) {
		printf("measured: %s: no report of gpt13b on cluster4\n", file);
		return;
	}
	printf("# %s\n", file);
	json_array_foreach(json_object_get(o, "measured"), i, s)
	{
		double off = 100 * json_number_value(json_object_get(s, "hosts_difference"));
		double links = 100 * json_number_value(json_object_get(s, "links_difference"));
		char what[64];

		snprintf(what, sizeof(what), "main job, measured run, %s",
			 json_string_value(json_object_get(s, "name")));
		bench_report(what, "links alone, off", "%", &links, 1, NULL, false);
		bench_report(what, "hosts too, off", "%", &off, 1, NULL, false);
		worst = fmax(worst, fabs(off));
	}
	bench_report("main job, measured run, all set-ups", "off the median, most", "%", &worst, 1,
		     "<= 10", worst <= 10);
	json_decref(o);
}
