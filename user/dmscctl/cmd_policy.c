// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "dmscctl/table.h"
#include "dmscctl/units.h"

static void print_classes(struct table *t, const json_t *classes)
{
	char text[128] = "";
	const json_t *k;
	size_t i;

	json_array_foreach(classes, i, k) snprintf(text + strlen(text), sizeof(text) - strlen(text),
						   "%s%s", i ? "," : "", json_string_value(k));
	table_add(t, "%s", *text ? text : "all");
}

static void list(struct ctl *c, const json_t *answer)
{
	static const char *const heads[] = { "-RULE",	"FROM",	 "TO", "ACTION",
					     "CLASSES", "-RATE", NULL };
	char rate[UNITS_LEN];
	const json_t *r;
	struct table t;
	size_t i;

	table_init(&t, c, heads);
	json_array_foreach(json_object_get(answer, "rules"), i, r)
	{
		table_add(&t, "%lld", ctl_int(r, "rule"));
		table_add(&t, "%s", ctl_str(r, "from"));
		table_add(&t, "%s", ctl_str(r, "to"));
		table_add(&t, "%s", ctl_str(r, "action"));
		print_classes(&t, json_object_get(r, "classes"));
		table_add(&t, "%s",
			  ctl_int(r, "rate") ? units_rate(ctl_int(r, "rate"), c->exact, rate) : "-");
	}
	table_print(&t);
	printf("everything else: %s%s\n", ctl_str(answer, "default"),
	       ctl_bool(answer, "in_use") ? "" : " (no policy in force)");
}

static void denials(struct ctl *c, const json_t *answer)
{
	static const char *const heads[] = { "HOOK", "REASON", "-COUNT", "-BYTES", "-SAMPLED", NULL };
	char a[UNITS_LEN];
	const json_t *r;
	struct table t;
	size_t i;

	table_init(&t, c, heads);
	json_array_foreach(json_object_get(answer, "denials"), i, r)
	{
		table_add(&t, "%s", ctl_str(r, "hook"));
		table_add(&t, "%s", ctl_str(r, "reason"));
		table_add(&t, "%s", units_count(ctl_int(r, "count"), c->exact, a));
		table_add(&t, "%s", units_bytes(ctl_int(r, "bytes"), c->exact, a));
		table_add(&t, "%s", units_count(ctl_int(r, "sampled"), c->exact, a));
	}
	table_print(&t);
}

static int run(struct ctl *c, int argc, char **argv)
{
	json_t *answer;
	int n, status;

	n = ctl_options(c, argc, argv, NULL, 0, 1, &status);
	if (n < 0)
		return status;
	if (n && strcmp(argv[1], "list") && strcmp(argv[1], "denials"))
		return ctl_usage(c, "expected list or denials");
	status = ctl_call(c, json_pack("{s:s}", "cmd", "policy"), &answer);
	if (status)
		return status;
	if (c->json)
		return ctl_print_json(answer);
	if (n && !strcmp(argv[1], "denials"))
		denials(c, answer);
	else
		list(c, answer);
	json_decref(answer);
	return 0;
}

const struct command cmd_policy = {
	.name = "policy",
	.usage = "[list | denials]",
	.summary = "who may talk to whom; what was denied",
	.details =
		"Rules are part of the host's configuration, see dmscd(8); `dmscctl monitor` shows\n"
		"samples of what is denied as it happens, `dmscctl explain` why.",
	.run = run,
};
