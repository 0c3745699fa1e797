// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include <linux/dmsc_bpf.h>

#include "dmscctl/table.h"
#include "dmscctl/units.h"

static int list(struct ctl *c)
{
	static const char *const heads[] = { "-PATH", "TO HOST", "INTERFACE", "NEXT HOP",
					     "KIND",  "STATE",	 "-GROUPS",   "-PLANNED",
					     "-SENT", "-MOVED",	 "REASON",    NULL };
	char bytes[UNITS_LEN];
	const json_t *p;
	struct table t;
	json_t *answer;
	size_t i;
	int status;

	status = ctl_call(c, json_pack("{s:s}", "cmd", "paths"), &answer);
	if (status)
		return status;
	if (c->json)
		return ctl_print_json(answer);
	table_init(&t, c, heads);
	json_array_foreach(json_object_get(answer, "paths"), i, p)
	{
		const char *state = ctl_str(p, "state");

		table_add(&t, "%lld", ctl_int(p, "path"));
		table_add(&t, "%s", ctl_str(p, "host"));
		table_add(&t, "%s", ctl_str(p, "interface"));
		table_add(&t, "%s", ctl_str(p, "nexthop"));
		table_add(&t, "%s", ctl_str(p, "kind"));
		table_add(&t, "%s", state);
		table_add(&t, "%lld", ctl_int(p, "groups"));
		table_add(&t, "%s", units_bytes(ctl_int(p, "bytes"), c->exact, bytes));
		table_add(&t, "%s",
			  units_bytes(ctl_int(json_object_get(p, "sent"), "bytes"), c->exact, bytes));
		table_add(&t, "%s",
			  units_count(ctl_int(json_object_get(p, "sent"), "moved"), c->exact, bytes));
		table_add(&t, "%s", strcmp(state, "up") ? ctl_str(p, "reason") : "");
	}
	table_print(&t);
	json_decref(answer);
	return 0;
}

static int set(struct ctl *c, const char *state, const char *path, const char *interface,
	       const char *host)
{
	unsigned long long n = 0;
	json_t *req, *answer;
	int status;

	if (path && !ctl_number(path, DMSC_MAX_PATHS - 1, &n))
		return ctl_usage(c, "'%s' is no path, expected a number of `dmscctl path list`",
				 path);
	if (!path && !interface && !host)
		return ctl_usage(c, "which path: expected a number, --interface or --to");
	req = json_pack("{s:s, s:s}", "cmd", "path-set", "state", state);
	if (path)
		json_object_set_new(req, "path", json_integer(n));
	if (interface)
		json_object_set_new(req, "interface", json_string(interface));
	if (host)
		json_object_set_new(req, "host", json_string(host));
	status = ctl_call(c, req, &answer);
	if (status)
		return status;
	if (c->json)
		return ctl_print_json(answer);
	printf("%lld path%s %s\n", ctl_int(answer, "changed"),
	       ctl_int(answer, "changed") == 1 ? "" : "s",
	       strcmp(state, "up") ? "taken out" : "released");
	json_decref(answer);
	return 0;
}

static int run(struct ctl *c, int argc, char **argv)
{
	const char *interface = NULL, *host = NULL;
	const struct opt opts[] = { { "interface", 'i', "IF",
				      "all paths that leave by this interface", &interface, NULL },
				    { "to", 't', "HOST", "all paths to this host", &host, NULL },
				    { 0 } };
	int n, status;

	n = ctl_options(c, argc, argv, opts, 0, 2, &status);
	if (n < 0)
		return status;
	if (n == 0 || (n == 1 && !strcmp(argv[1], "list")))
		return list(c);
	if (!strcmp(argv[1], "up") || !strcmp(argv[1], "down"))
		return set(c, argv[1], n > 1 ? argv[2] : NULL, interface, host);
	return ctl_usage(c, "expected list, down or up");
}

const struct command cmd_path = {
	.name = "path",
	.usage = "[list | down PATH | up PATH]",
	.summary = "paths of this host; take one out, let it back",
	.details =
		"A path that was taken out stays out over restarts and new plans; its traffic is left to\n"
		"routing. \"up\" releases it; it is used again once its link and next hop are up.",
	.run = run,
};
