// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "dmscctl/table.h"
#include "dmscctl/units.h"
#include "lib/queues.h"

static int list(struct ctl *c)
{
	static const char *const heads[] = { "INTERFACE", "-SLOT",   "CLASS",  "-SID",
					     "NAME",	  "-WEIGHT", "-RANK",  "-PACKETS",
					     "-BYTES",	  "-DROPS",  "-MARKS", "-BACKLOG",
					     NULL };
	char a[UNITS_LEN];
	const json_t *q;
	struct table t;
	json_t *answer;
	int status;
	size_t i;

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
		table_add(&t, "%lld", ctl_int(q, "rank"));
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

/* NAME=VALUE into a request; false: it was wrong, and that was said. */
static bool put_setting(struct ctl *c, json_t *req, char *setting)
{
	char *value = strchr(setting, '=');
	unsigned long long v;

	if (!value) {
		ctl_usage(c, "'%s', expected NAME=VALUE", setting);
		return false;
	}
	*value++ = '\0';
	for (int i = 0; i < QUEUE_QUEUE_OPTIONS; i++) {
		const struct queue_queue_option *o = &queue_queue_options[i];

		if (strcmp(setting, o->name))
			continue;
		if (!ctl_number(value, o->max, &v)) {
			ctl_usage(c, "%s: '%s', expected a whole number, at most %llu", o->name,
				  value, (unsigned long long)o->max);
			return false;
		}
		json_object_set_new(req, o->name, json_integer(v));
		return true;
	}
	ctl_usage(c, "'%s', expected weight, rank, rate, ceil or remaining", setting);
	return false;
}

static int set(struct ctl *c, bool forget, const char *service, const char *class, int n,
	       char **settings)
{
	json_t *req = json_pack("{s:s, s:s, s:s, s:b}", "cmd", "queue-set", "service", service,
				"class", class, "forget", forget),
	       *answer;
	int status;

	for (int i = 0; i < n; i++) {
		if (!put_setting(c, req, settings[i])) {
			json_decref(req);
			return STATUS_USAGE;
		}
	}
	status = ctl_call(c, req, &answer);
	if (status)
		return status;
	if (c->json)
		return ctl_print_json(answer);
	ctl_warnings(answer);
	json_decref(answer);
	return 0;
}

static int run(struct ctl *c, int argc, char **argv)
{
	int n, status;

	n = ctl_options(c, argc, argv, NULL, 0, 3 + QUEUE_QUEUE_OPTIONS, &status);
	if (n < 0)
		return status;
	if (n == 0 || (n == 1 && !strcmp(argv[1], "list")))
		return list(c);
	if (n >= 4 && !strcmp(argv[1], "set"))
		return set(c, false, argv[2], argv[3], n - 3, argv + 4);
	if (n == 3 && !strcmp(argv[1], "unset"))
		return set(c, true, argv[2], argv[3], 0, NULL);
	return ctl_usage(c, "expected list, set SERVICE CLASS NAME=VALUE... or unset SERVICE CLASS");
}

const struct command cmd_queue = {
	.name = "queue",
	.usage = "[list | set SERVICE CLASS NAME=VALUE... | unset SERVICE CLASS]",
	.summary = "scheduling queues of the kernel module; change one",
	.details =
		"SERVICE is an instance of this host, or its SID. Names: weight (1..1024, among queues\n"
		"of a rank), rank (0..62, lower goes first in the class; plans use 32 and above, as\n"
		"traffic without a queue has), rate (bytes a second that keep the rank, the rest goes\n"
		"after all ranks), ceil (bytes a second at most); 0 is none. What is set stays set over\n"
		"restarts and new plans until it is unset. remaining (bytes the service has still to\n"
		"send: within a rank the shortest goes first) is of one transfer and counted down.",
	.run = run,
};
