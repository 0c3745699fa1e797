// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include <linux/dmsc_bpf.h>

#include "dmscctl/table.h"
#include "dmscctl/units.h"
#include "lib/model.h"

#define LAST_DEFAULT 100 /* milliseconds */

static void print_bins(const struct ctl *c, const json_t *answer)
{
	const char *heads[DMSC_NR_CLASSES + 2] = { "-MS AGO" };
	char names[DMSC_NR_CLASSES][24], text[UNITS_LEN];
	const json_t *bin;
	struct table t;
	size_t i;

	for (int k = 0; k < DMSC_NR_CLASSES; k++) {
		snprintf(names[k], sizeof(names[k]), "-%s", dmsc_class_name(k));
		heads[k + 1] = names[k];
	}
	table_init(&t, c, heads);
	json_array_foreach(json_object_get(answer, "bins"), i, bin)
	{
		table_add(&t, "%lld", ctl_int(answer, "now_ms") - ctl_int(bin, "ms"));
		for (int k = 0; k < DMSC_NR_CLASSES; k++) {
			long long n = ctl_int(json_object_get(bin, "bytes"), dmsc_class_name(k));

			table_add(&t, "%s", n ? units_bytes(n, c->exact, text) : "");
		}
	}
	table_print(&t);
}

static int run(struct ctl *c, int argc, char **argv)
{
	const char *last = NULL;
	const struct opt opts[] = {
		{ "last", 'n', "MS", "the last so many milliseconds, 1 to 1024 (100)", &last, NULL },
		{ 0 },
	};
	unsigned long long ms = LAST_DEFAULT;
	json_t *answer;
	int status;

	if (ctl_options(c, argc, argv, opts, 0, 0, &status) < 0)
		return status;
	if (last && (!ctl_number(last, DMSC_BINS, &ms) || !ms))
		return ctl_usage(c, "--last: '%s', expected a number from 1 to %d", last, DMSC_BINS);
	status = ctl_call(c, json_pack("{s:s, s:I}", "cmd", "bins", "last", (json_int_t)ms),
			  &answer);
	if (status)
		return status;
	if (c->json)
		return ctl_print_json(answer);
	print_bins(c, answer);
	json_decref(answer);
	return 0;
}

const struct command cmd_bins = {
	.name = "bins",
	.usage = "",
	.summary = "bytes sent in each class, millisecond by millisecond",
	.details =
		"Milliseconds without traffic are left out. Bursts of a few milliseconds show the rhythm of an\n"
		"iteration, which `dmscctl predict` looks for.",
	.run = run,
};
