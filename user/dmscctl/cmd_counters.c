// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "dmscctl/table.h"
#include "dmscctl/units.h"

static int run(struct ctl *c, int argc, char **argv)
{
	static const char *const heads[] = { "-SID",   "NAME",	   "CLASS",  "DIR", "-PACKETS",
					     "-BYTES", "-STEERED", "-MOVED", NULL };
	char a[UNITS_LEN];
	const json_t *k;
	struct table t;
	json_t *answer;
	int status;
	size_t i;

	if (ctl_options(c, argc, argv, NULL, 0, 0, &status) < 0)
		return status;
	status = ctl_call(c, json_pack("{s:s}", "cmd", "counters"), &answer);
	if (status)
		return status;
	if (c->json)
		return ctl_print_json(answer);
	table_init(&t, c, heads);
	json_array_foreach(json_object_get(answer, "counters"), i, k)
	{
		bool tx = !strcmp(ctl_str(k, "dir"), "tx");

		table_add(&t, "%lld", ctl_int(k, "sid"));
		table_add(&t, "%s", ctl_int(k, "sid") ? ctl_str(k, "name") : "(nobody)");
		table_add(&t, "%s", ctl_str(k, "class"));
		table_add(&t, "%s", ctl_str(k, "dir"));
		table_add(&t, "%s", units_count(ctl_int(k, "packets"), c->exact, a));
		table_add(&t, "%s", units_bytes(ctl_int(k, "bytes"), c->exact, a));
		/* Only what is sent is steered. */
		table_add(&t, "%s", tx ? units_count(ctl_int(k, "steered"), c->exact, a) : "");
		table_add(&t, "%s", tx ? units_count(ctl_int(k, "moved"), c->exact, a) : "");
	}
	table_print(&t);
	json_decref(answer);
	return 0;
}

const struct command cmd_counters = {
	.name = "counters",
	.usage = "",
	.summary = "traffic by SID and class",
	.run = run,
};
