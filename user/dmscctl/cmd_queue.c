// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "dmscctl/table.h"
#include "dmscctl/units.h"

static int run(struct ctl *c, int argc, char **argv)
{
	static const char *const heads[] = { "INTERFACE", "-SLOT",   "CLASS",	 "-SID",
					     "NAME",	  "-WEIGHT", "-PACKETS", "-BYTES",
					     "-DROPS",	  "-MARKS",  "-BACKLOG", NULL };
	char a[UNITS_LEN];
	const json_t *q;
	struct table t;
	json_t *answer;
	int n, status;
	size_t i;

	n = ctl_options(c, argc, argv, NULL, 0, 1, &status);
	if (n < 0)
		return status;
	if (n && strcmp(argv[1], "list"))
		return ctl_usage(c, "expected list");
	status = ctl_call(c, json_pack("{s:s}", "cmd", "queues"), &answer);
	if (status)
		return status;
	if (c->json)
		return ctl_print_json(answer);
	table_init(&t, c, heads);
	json_array_foreach(json_object_get(answer, "queues"), i, q)
	{
		table_add(&t, "%s", ctl_str(q, "interface"));
		table_add(&t, "%lld", ctl_int(q, "slot"));
		table_add(&t, "%s", ctl_str(q, "class"));
		table_add(&t, "%lld", ctl_int(q, "sid"));
		table_add(&t, "%s", ctl_str(q, "name"));
		table_add(&t, "%lld", ctl_int(q, "weight"));
		table_add(&t, "%s", units_count(ctl_int(q, "packets"), c->exact, a));
		table_add(&t, "%s", units_bytes(ctl_int(q, "bytes"), c->exact, a));
		table_add(&t, "%s", units_count(ctl_int(q, "drop_packets"), c->exact, a));
		table_add(&t, "%s", units_count(ctl_int(q, "mark_packets"), c->exact, a));
		table_add(&t, "%s", units_bytes(ctl_int(q, "backlog_bytes"), c->exact, a));
	}
	table_print(&t);
	json_decref(answer);
	return 0;
}

const struct command cmd_queue = {
	.name = "queue",
	.usage = "[list]",
	.summary = "scheduling queues of the kernel module",
	.run = run,
};
