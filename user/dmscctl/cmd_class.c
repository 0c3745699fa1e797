// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <linux/dmsc.h>

#include "dmscctl/table.h"
#include "dmscctl/units.h"

/* Counters of a class over all qdiscs. */
static long long total(const json_t *qdiscs, const char *class, const char *key)
{
	long long sum = 0;
	const json_t *q;
	size_t i;

	json_array_foreach(qdiscs, i, q) if (!strcmp(ctl_str(q, "class"), class)) sum +=
		ctl_int(q, key);
	return sum;
}

static int list(struct ctl *c)
{
	static const char *const heads[] = { "CLASS",  "-DSCP",	   "MODE", "-WEIGHT",
					     "-SHARE", "-LIMIT",   "-ECN", "-SENT",
					     "-DROPS", "-BACKLOG", NULL };
	static const char *const order[] = { "control",	 "gateway", "tensor",  "expert",
					     "pipeline", "data",    "default", "bulk" };
	char a[UNITS_LEN];
	const json_t *k, *qdiscs;
	struct table t;
	json_t *answer;
	size_t i;
	int status;

	status = ctl_call(c, json_pack("{s:s}", "cmd", "classes"), &answer);
	if (status)
		return status;
	if (c->json)
		return ctl_print_json(answer);
	qdiscs = json_object_get(answer, "qdiscs");
	table_init(&t, c, heads);
	for (size_t o = 0; o < sizeof(order) / sizeof(order[0]); o++) {
		json_array_foreach(json_object_get(answer, "classes"), i, k)
		{
			const char *name = ctl_str(k, "class");

			if (strcmp(name, order[o]))
				continue;
			table_add(&t, "%s", name);
			table_add(&t, "%lld", ctl_int(k, "dscp"));
			table_add(&t, "%s", ctl_str(k, "mode"));
			table_add(&t, "%lld", ctl_int(k, "weight"));
			table_add(&t, "%lld", ctl_int(k, "share"));
			table_add(&t, "%s", units_bytes(ctl_int(k, "limit"), c->exact, a));
			table_add(&t, "%s", units_bytes(ctl_int(k, "ecn"), c->exact, a));
			table_add(&t, "%s", units_bytes(total(qdiscs, name, "bytes"), c->exact, a));
			table_add(&t, "%s",
				  units_count(total(qdiscs, name, "drop_packets"), c->exact, a));
			table_add(&t, "%s",
				  units_bytes(total(qdiscs, name, "backlog_bytes"), c->exact, a));
		}
	}
	table_print(&t);
	if (*ctl_str(answer, "why")) {
		fflush(stdout);
		fprintf(stderr, "warning: queues: %s\n", ctl_str(answer, "why"));
	}
	json_decref(answer);
	return 0;
}

static int set(struct ctl *c, const char *class, int n, char **settings)
{
	static const char *const numbers[] = { "weight", "share",  "limit",    "ecn",  "ceil",
					       "codel",	 "target", "interval", "fair", "starve" };
	json_t *req = json_pack("{s:s, s:s}", "cmd", "class-set", "class", class), *answer;
	int status;

	for (int i = 0; i < n; i++) {
		char *value = strchr(settings[i], '=');
		bool known = false;
		unsigned long long v;

		if (!value) {
			json_decref(req);
			return ctl_usage(c, "'%s', expected NAME=VALUE", settings[i]);
		}
		*value++ = '\0';
		if (!strcmp(settings[i], "mode")) {
			json_object_set_new(req, "mode", json_string(value));
			known = true;
		}
		for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
			if (strcmp(settings[i], numbers[k]))
				continue;
			known = true;
			if (!ctl_number(value,
					strcmp(numbers[k], "ceil") ? UINT32_MAX : DMSC_RATE_MAX,
					&v)) {
				json_decref(req);
				return ctl_usage(c, "%s: '%s', expected a number", numbers[k],
						 value);
			}
			json_object_set_new(req, numbers[k], json_integer(v));
		}
		if (!known) {
			json_decref(req);
			return ctl_usage(c,
					 "'%s', expected mode, weight, share, limit, ecn, ceil, "
					 "codel, target, interval, fair or starve",
					 settings[i]);
		}
	}
	status = ctl_call(c, req, &answer);
	if (status)
		return status;
	if (c->json)
		return ctl_print_json(answer);
	ctl_warnings(answer);
	json_decref(answer);
	return list(c);
}

static int run(struct ctl *c, int argc, char **argv)
{
	int n, status;

	n = ctl_options(c, argc, argv, NULL, 0, 7, &status);
	if (n < 0)
		return status;
	if (n == 0 || (n == 1 && !strcmp(argv[1], "list")))
		return list(c);
	if (n >= 3 && !strcmp(argv[1], "set"))
		return set(c, argv[2], n - 2, argv + 3);
	return ctl_usage(c, "expected list, or set CLASS NAME=VALUE...");
}

const struct command cmd_class = {
	.name = "class",
	.usage = "[list | set CLASS NAME=VALUE...]",
	.summary = "priority classes; change one",
	.details =
		"Names: mode (strict, weighted), weight (1..1024, among weighted classes), share\n"
		"(permille guaranteed, all together at most 900), limit (bytes held), ecn (bytes of\n"
		"backlog above which packets are marked, 0 never), ceil (bytes a second for the\n"
		"whole device, 0 none), codel (1: under CoDel, 0: not) with target and interval\n"
		"(microseconds), fair (1: traffic without a queue of its own has one a flow, 0: one\n"
		"for all), starve (milliseconds without service that are reported, 0 never). What is\n"
		"set stays set over restarts and new plans; --json shows all of it.",
	.run = run,
};
