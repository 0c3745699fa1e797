// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dmscctl/table.h"

static int list(struct ctl *c)
{
	static const char *const heads[] = { "-SID",  "NAME",	    "SERVICE", "HOST",
					     "CLASS", "-PROCESSES", NULL };
	const json_t *s;
	struct table t;
	json_t *answer;
	size_t i;
	int status;

	status = ctl_call(c, json_pack("{s:s}", "cmd", "services"), &answer);
	if (status)
		return status;
	if (c->json)
		return ctl_print_json(answer);
	table_init(&t, c, heads);
	json_array_foreach(json_object_get(answer, "services"), i, s)
	{
		table_add(&t, "%lld", ctl_int(s, "sid"));
		table_add(&t, "%s", ctl_str(s, "name"));
		table_add(&t, "%s", ctl_str(s, "mic_name"));
		table_add(&t, "%s", ctl_str(s, "host"));
		table_add(&t, "%s", ctl_str(s, "class"));
		if (ctl_bool(s, "local"))
			table_add(&t, "%lld", ctl_int(s, "processes"));
		else
			table_add(&t, "-");
	}
	table_print(&t);
	json_decref(answer);
	return 0;
}

static int find(struct ctl *c, const char *name, json_t **answer, const json_t **service)
{
	int status = ctl_call(c, json_pack("{s:s, s:s}", "cmd", "services", "name", name), answer);

	if (!status)
		*service = json_array_get(json_object_get(*answer, "services"), 0);
	return status;
}

static void print_by_class(const char *title, const json_t *o)
{
	const char *key, *sep = "";
	json_t *v;

	printf("%-10s", title);
	json_object_foreach((json_t *)o, key, v)
	{
		printf("%s%s %lld", sep, key, (long long)json_integer_value(v));
		sep = ", ";
	}
	putchar('\n');
}

static int show(struct ctl *c, const char *name)
{
	const json_t *s, *v;
	const char *sep = "";
	json_t *answer;
	size_t i;
	int status;

	status = find(c, name, &answer, &s);
	if (status)
		return status;
	if (c->json)
		return ctl_print_json(answer);
	printf("name      %s\nsid       %lld\nservice   %s (%lld)\nhost      %s%s\n",
	       ctl_str(s, "name"), ctl_int(s, "sid"), ctl_str(s, "mic_name"), ctl_int(s, "mic"),
	       ctl_str(s, "host"), ctl_bool(s, "local") ? " (this one)" : "");
	printf("class     %s; may use ", ctl_str(s, "class"));
	json_array_foreach(json_object_get(s, "classes"), i, v)
	{
		printf("%s%s", sep, json_string_value(v));
		sep = ", ";
	}
	putchar('\n');
	print_by_class("ports", json_object_get(s, "ports"));
	print_by_class("queues", json_object_get(s, "slots"));
	if (ctl_bool(s, "local"))
		printf("cgroup    %s\nprocesses %lld\n", ctl_str(s, "cgroup_path"),
		       ctl_int(s, "processes"));
	json_decref(answer);
	return 0;
}

/* Into the instance's cgroup and away: sockets made from now on are the instance's. */
static int exec(struct ctl *c, const char *name, char **command)
{
	struct dmsc_error err;
	const json_t *s;
	json_t *answer;
	char path[600];
	int status, fd;

	status = find(c, name, &answer, &s);
	if (status)
		return status;
	if (!ctl_bool(s, "local")) {
		dmsc_fail(&err, -ENOENT, "service %s: runs on host %s, not here", name,
			  ctl_str(s, "host"));
		json_decref(answer);
		return ctl_fail(-ENOENT, &err);
	}
	snprintf(path, sizeof(path), "%s/cgroup.procs", ctl_str(s, "cgroup_path"));
	json_decref(answer);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1) {
		dmsc_fail(&err, -errno, "%s: %s", path, strerror(errno));
		return ctl_fail(-EIO, &err);
	}
	close(fd);
	execvp(command[0], command);
	dmsc_fail(&err, -errno, "%s: %s", command[0], strerror(errno));
	return ctl_fail(-EIO, &err);
}

static int run(struct ctl *c, int argc, char **argv)
{
	int n, status;

	n = ctl_options(c, argc, argv, NULL, 0, -1, &status);
	if (n < 0)
		return status;
	if (n == 0 || (n == 1 && !strcmp(argv[1], "list")))
		return list(c);
	if (n == 2 && !strcmp(argv[1], "show"))
		return show(c, argv[2]);
	if (n >= 4 && !strcmp(argv[1], "exec") && !strcmp(argv[3], "--"))
		return exec(c, argv[2], argv + 4);
	if (n >= 3 && !strcmp(argv[1], "exec"))
		return exec(c, argv[2], argv + 3);
	return ctl_usage(c, "expected list, show NAME or exec NAME -- COMMAND");
}

const struct command cmd_service = {
	.name = "service",
	.usage = "[list | show NAME | exec NAME -- COMMAND...]",
	.summary = "instances, and running a command as one",
	.details =
		"NAME is an instance's name or SID. exec puts the command into the instance's cgroup;\n"
		"write \"--\" before the command so that its options stay its own.",
	.run = run,
};
