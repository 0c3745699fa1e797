// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdbool.h>
#include <string.h>

#include "dmscctl/table.h"
#include "dmscctl/units.h"

static void add_numbers(struct table *t, const struct ctl *c, const json_t *k, bool tx)
{
	char a[UNITS_LEN];

	table_add(t, "%s", units_count(ctl_int(k, "packets"), c->exact, a));
	table_add(t, "%s", units_bytes(ctl_int(k, "bytes"), c->exact, a));
	/* Only what is sent is steered. */
	table_add(t, "%s", tx ? units_count(ctl_int(k, "steered"), c->exact, a) : "");
	table_add(t, "%s", tx ? units_count(ctl_int(k, "moved"), c->exact, a) : "");
}

static void add_who(struct table *t, const json_t *k)
{
	table_add(t, "%lld", ctl_int(k, "sid"));
	table_add(t, "%s", ctl_int(k, "sid") ? ctl_str(k, "name") : "(nobody)");
	table_add(t, "%s", ctl_str(k, "class"));
}

static void print_all(const struct ctl *c, const json_t *answer)
{
	static const char *const heads[] = { "-SID",   "NAME",	   "CLASS",  "DIR", "-PACKETS",
					     "-BYTES", "-STEERED", "-MOVED", NULL };
	const json_t *k;
	struct table t;
	size_t i;

	table_init(&t, c, heads);
	json_array_foreach(json_object_get(answer, "counters"), i, k)
	{
		add_who(&t, k);
		table_add(&t, "%s", ctl_str(k, "dir"));
		add_numbers(&t, c, k, !strcmp(ctl_str(k, "dir"), "tx"));
	}
	table_print(&t);
}

/* What was sent, by path. */
static void print_paths(const struct ctl *c, const json_t *answer)
{
	static const char *const heads[] = { "-SID",	  "NAME",     "CLASS",	  "-PATH",
					     "INTERFACE", "NEXT HOP", "-PACKETS", "-BYTES",
					     "-STEERED",  "-MOVED",   NULL };
	const json_t *k, *p;
	struct table t;
	size_t i, j;

	table_init(&t, c, heads);
	json_array_foreach(json_object_get(answer, "counters"), i, k)
	{
		json_array_foreach(json_object_get(k, "paths"), j, p)
		{
			long long path = ctl_int(p, "path");

			add_who(&t, k);
			table_add(&t, path ? "%lld" : "", path);
			table_add(&t, "%s",
				  path		    ? ctl_str(p, "interface") :
				  ctl_int(p, "hop") ? "(no more)" :
						      "(routing)");
			table_add(&t, "%s", path ? ctl_str(p, "nexthop") : "");
			add_numbers(&t, c, p, true);
		}
	}
	table_print(&t);
}

static int run(struct ctl *c, int argc, char **argv)
{
	bool paths = false;
	const struct opt opts[] = {
		{ "paths", 'p', NULL, "what was sent, by path", NULL, &paths },
		{ 0 },
	};
	json_t *answer;
	int status;

	if (ctl_options(c, argc, argv, opts, 0, 0, &status) < 0)
		return status;
	status = ctl_call(c, json_pack("{s:s}", "cmd", "counters"), &answer);
	if (status)
		return status;
	if (c->json)
		return ctl_print_json(answer);
	if (paths)
		print_paths(c, answer);
	else
		print_all(c, answer);
	json_decref(answer);
	return 0;
}

const struct command cmd_counters = {
	.name = "counters",
	.usage = "[--paths]",
	.summary = "traffic by SID, class and path",
	.run = run,
};
