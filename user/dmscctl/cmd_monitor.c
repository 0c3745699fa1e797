// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "dmscctl/ctl.h"
#include "dmscctl/units.h"

static void print_event(const struct ctl *c, const json_t *ev)
{
	const char *name = ctl_str(ev, "event"), *state = ctl_str(ev, "state");
	char date[UNITS_LEN];

	printf("%s  ", units_date(json_number_value(json_object_get(ev, "time")), date));
	if (!strcmp(name, "monitor"))
		printf("watching %s, generation %lld\n", ctl_str(ev, "host"),
		       ctl_int(ev, "generation"));
	else if (!strcmp(name, "generation"))
		printf("generation %lld in force: job %s, %lld instances here\n",
		       ctl_int(ev, "generation"), ctl_str(ev, "job"), ctl_int(ev, "instances"));
	else if (!strcmp(name, "path"))
		printf("path %lld to %s by %s: %s%s%s%s%s\n", ctl_int(ev, "path"),
		       ctl_str(ev, "host"), ctl_str(ev, "interface"), ctl_color(c, state), state,
		       ctl_plain(c), strcmp(state, "up") ? ": " : "",
		       strcmp(state, "up") ? ctl_str(ev, "reason") : "");
	else if (!strcmp(name, "drops"))
		printf("drops on interface %lld in class %s: %lld packets so far\n",
		       ctl_int(ev, "ifindex"), ctl_str(ev, "class"), ctl_int(ev, "packets"));
	else
		printf("%s\n", name);
}

/* One line; @msg is gone then. */
static void show(const struct ctl *c, json_t *msg)
{
	if (c->json) {
		json_dumpf(msg, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		print_event(c, msg);
	}
	json_decref(msg);
}

static int run(struct ctl *c, int argc, char **argv)
{
	struct ipc_client client;
	struct dmsc_error err;
	json_t *msg;
	int ret, status;

	if (ctl_options(c, argc, argv, NULL, 0, 0, &status) < 0)
		return status;
	ret = ipc_connect(&client, c->socket, &err);
	if (!ret)
		ret = ipc_call(&client, json_pack("{s:s}", "cmd", "monitor"), &msg, CALL_TIMEOUT_MS,
			       &err);
	if (ret)
		return ctl_fail(ret, &err);
	/* So that a script knows from when on it misses nothing. */
	json_object_del(msg, "ok");
	show(c, msg);
	while (!fflush(stdout) && !(ret = ipc_receive(&client, &msg, -1, &err))) {
		show(c, msg);
	}
	ipc_disconnect(&client);
	return ret ? ctl_fail(ret, &err) : STATUS_FAILED;
}

const struct command cmd_monitor = {
	.name = "monitor",
	.usage = "",
	.summary = "events as they happen: generations, paths, drops",
	.details = "With --json one object a line. Ends with ^C, or when dmscd stops.",
	.run = run,
};
