// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "dmscctl/table.h"
#include "dmscctl/units.h"

static void print_plan(const struct ctl *c, const json_t *s)
{
	const json_t *plan = json_object_get(s, "plan");
	const char *state = ctl_str(s, "state");
	char date[UNITS_LEN];

	printf("state       %s%s%s, generation %lld\n", ctl_color(c, state), state, ctl_plain(c),
	       ctl_int(s, "generation"));
	if (json_is_object(plan))
		printf("plan        job %s (from %s), applied %s, %lld of %lld instances, %lld flows\n",
		       ctl_str(plan, "job"), ctl_str(plan, "source"),
		       units_date(ctl_int(plan, "applied"), date), ctl_int(plan, "instances"),
		       ctl_int(plan, "instances_total"), ctl_int(plan, "flows"));
	else
		printf("plan        none%s%s\n", *ctl_str(s, "why") ? ": " : "", ctl_str(s, "why"));
}

static void print_parts(const struct ctl *c, const json_t *s)
{
	const json_t *bpf = json_object_get(s, "bpf"), *q = json_object_get(s, "queues");
	const char *b = ctl_str(bpf, "state"), *m = ctl_str(q, "state");

	printf("bpf         %s%s%s", ctl_color(c, b), b, ctl_plain(c));
	if (*ctl_str(bpf, "method"))
		printf(" (%s), steering %s, DSCP %s, pinned in %s", ctl_str(bpf, "method"),
		       ctl_bool(bpf, "steer") ? "on" : "off", ctl_bool(bpf, "dscp") ? "on" : "off",
		       ctl_str(bpf, "pin_dir"));
	if (*ctl_str(bpf, "why"))
		printf(": %s", ctl_str(bpf, "why"));
	printf("\nqueues      %s%s%s", ctl_color(c, m), m, ctl_plain(c));
	if (*ctl_str(q, "version"))
		printf(", module sch_dmsc %s, %zu dmsc qdiscs", ctl_str(q, "version"),
		       json_array_size(json_object_get(q, "qdiscs")));
	if (*ctl_str(q, "why"))
		printf(": %s", ctl_str(q, "why"));
	putchar('\n');
}

static void print_iterations(const struct ctl *c, const json_t *s)
{
	const json_t *i = json_object_get(s, "iterations");
	char mean[UNITS_LEN], next[UNITS_LEN];

	if (json_is_object(i))
		printf("iterations  %s, %lld seen; the next is expected to take %s (module %s)\n",
		       units_time(ctl_int(i, "period_ns"), c->exact, mean), ctl_int(i, "iterations"),
		       units_time(ctl_int(i, "expected_ns"), c->exact, next), ctl_str(i, "module"));
}

static void print_interfaces(const struct ctl *c, const json_t *s)
{
	static const char *const heads[] = { "INTERFACE", "-INDEX", "STATE", "-RATE", "QDISC", NULL };
	const json_t *list = json_object_get(s, "interfaces"), *i;
	char rate[UNITS_LEN];
	struct table t;
	size_t n;

	if (!json_array_size(list))
		return;
	putchar('\n');
	table_init(&t, c, heads);
	json_array_foreach(list, n, i)
	{
		table_add(&t, "%s", ctl_str(i, "name"));
		table_add(&t, "%lld", ctl_int(i, "ifindex"));
		table_add(&t, "%s", ctl_bool(i, "up") ? "up" : "down");
		table_add(&t, "%s", units_rate(ctl_int(i, "rate"), c->exact, rate));
		table_add(&t, "%s", ctl_str(i, "qdisc"));
	}
	table_print(&t);
}

static void print_history(const struct ctl *c, const json_t *s)
{
	static const char *const heads[] = { "-GENERATION", "APPLIED", "JOB",
					     "-INSTANCES",  "-FLOWS",  NULL };
	const json_t *list = json_object_get(s, "history"), *g;
	char date[UNITS_LEN];
	struct table t;
	size_t n;

	if (!json_array_size(list))
		return;
	putchar('\n');
	table_init(&t, c, heads);
	json_array_foreach(list, n, g)
	{
		table_add(&t, "%lld", ctl_int(g, "generation"));
		table_add(&t, "%s", units_date(ctl_int(g, "applied"), date));
		table_add(&t, "%s", ctl_str(g, "job"));
		table_add(&t, "%lld", ctl_int(g, "instances"));
		table_add(&t, "%lld", ctl_int(g, "flows"));
	}
	table_print(&t);
}

static int run(struct ctl *c, int argc, char **argv)
{
	const json_t *paths;
	char date[UNITS_LEN];
	json_t *s;
	int status;

	if (ctl_options(c, argc, argv, NULL, 0, 0, &status) < 0)
		return status;
	status = ctl_call(c, json_pack("{s:s}", "cmd", "status"), &s);
	if (status)
		return status;
	if (c->json)
		return ctl_print_json(s);
	paths = json_object_get(s, "paths");
	printf("host        %s, dmscd %s (process %lld) since %s\n", ctl_str(s, "host"),
	       ctl_str(s, "version"), ctl_int(s, "pid"), units_date(ctl_int(s, "started"), date));
	print_plan(c, s);
	print_parts(c, s);
	print_iterations(c, s);
	printf("paths       %lld up, %lld down\n", ctl_int(paths, "up"), ctl_int(paths, "down"));
	printf("profile     %s\n", ctl_str(json_object_get(s, "profile"), "name"));
	print_interfaces(c, s);
	print_history(c, s);
	json_decref(s);
	return 0;
}

const struct command cmd_status = {
	.name = "status",
	.usage = "",
	.summary = "what is in force on this host",
	.run = run,
};
