// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmscctl/inputs.h"
#include "lib/spec.h"

/* The plan to send: a file, read and checked here for its line numbers, or planned now. */
static char *plan_text(const struct inputs *in, const char *file, int *ret, struct dmsc_error *err)
{
	struct plan plan;
	char *text;

	*ret = file ? plan_read(file, &plan, err) : inputs_plan(in, &plan, err);
	if (*ret == -ENOENT || *ret == -EACCES || *ret == -EISDIR)
		*ret = -EINVAL;
	if (*ret)
		return NULL;
	text = plan_to_text(&plan, err);
	plan_free(&plan);
	if (!text)
		*ret = -ENOMEM;
	return text;
}

static int run(struct ctl *c, int argc, char **argv)
{
	struct inputs in = { 0 };
	bool check = false;
	const struct opt opts[] = { INPUTS_OPTIONS(&in),
				    { "check", 'c', NULL,
				      "say what would happen and change nothing", NULL, &check },
				    { 0 } };
	const json_t *paths;
	struct dmsc_error err;
	json_t *answer;
	int ret, status, n;
	char *text;

	n = ctl_options(c, argc, argv, opts, 0, 1, &status);
	if (n < 0)
		return status;
	if (n && (in.job || in.topology || in.workload))
		return ctl_usage(c, "both a plan and --job, --topology or --workload");
	if (!n && !in.job)
		return ctl_usage(c, "expected a plan, or --job and --topology");
	text = plan_text(&in, n ? argv[1] : NULL, &ret, &err);
	if (!text)
		return ctl_fail(ret, &err);
	ret = ctl_call(c, json_pack("{s:s, s:s, s:b}", "cmd", "apply", "plan", text, "check", check),
		       &answer);
	free(text);
	if (ret)
		return ret;
	if (c->json)
		return ctl_print_json(answer);
	paths = json_object_get(answer, "paths");
	if (!ctl_bool(answer, "changed"))
		printf("%s: nothing to change, generation %lld is in force",
		       ctl_str(answer, "host"), ctl_int(answer, "generation"));
	else if (check)
		printf("%s: would make a new generation", ctl_str(answer, "host"));
	else
		printf("%s: generation %lld is in force", ctl_str(answer, "host"),
		       ctl_int(answer, "generation"));
	printf(": job %s, %lld of %lld instances, %lld queues, %lld paths", ctl_str(answer, "job"),
	       ctl_int(answer, "instances"), ctl_int(answer, "instances_total"),
	       ctl_int(answer, "queues"), ctl_int(paths, "up") + ctl_int(paths, "down"));
	if (ctl_int(paths, "down"))
		printf(" (%lld down)", ctl_int(paths, "down"));
	putchar('\n');
	fflush(stdout);
	ctl_warnings(answer);
	json_decref(answer);
	return 0;
}

const struct command cmd_apply = {
	.name = "apply",
	.usage = "PLAN | --job FILE --topology FILE [--workload FILE]",
	.summary = "put a plan in force on this host",
	.details =
		"The plan goes in force as a whole or not at all; applying it again changes nothing.",
	.run = run,
};
