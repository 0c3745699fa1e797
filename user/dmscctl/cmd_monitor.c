// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "dmscctl/ctl.h"
#include "dmscctl/units.h"

/* "denied at connect by rule 3: a (SID 7) to 10.0.0.2 port 80" */
static void print_denied(const struct ctl *c, const char *name, const json_t *ev)
{
	const json_t *local = json_object_get(ev, "local"), *peer = json_object_get(ev, "peer");
	const char *in = ctl_str(ev, "hook");

	printf("%s%s%s at %s by ", ctl_color(c, strcmp(name, "audit") ? "down" : "up"),
	       strcmp(name, "audit") ? "denied" : "audited", ctl_plain(c), in);
	if (ctl_int(ev, "rule"))
		printf("rule %lld", ctl_int(ev, "rule"));
	else
		printf("%s", ctl_str(ev, "reason"));
	printf(": %s port %lld", ctl_str(ev, "from"), ctl_int(ev, "from_port"));
	if (ctl_int(local, "sid"))
		printf(" (here %s)", ctl_str(local, "name"));
	printf(" to %s port %lld", ctl_str(ev, "to"), ctl_int(ev, "to_port"));
	if (ctl_int(peer, "sid"))
		printf(" (%s)", ctl_str(peer, "name"));
	putchar('\n');
}

/* "congested on rail0: the queue of job.pp0.dp0.tp3 (SID 7), class data, holds 2.1 MB" */
static void print_congested(const struct ctl *c, const json_t *ev)
{
	char size[UNITS_LEN];

	printf("congested on %s: ", ctl_str(ev, "interface"));
	if (!ctl_int(ev, "slot"))
		printf("a flow without a queue of its own");
	else if (*ctl_str(ev, "name"))
		printf("the queue of %s (SID %lld)", ctl_str(ev, "name"), ctl_int(ev, "sid"));
	else
		printf("the queue of SID %lld", ctl_int(ev, "sid"));
	printf(", class %s, holds %s in %lld packets\n", ctl_str(ev, "class"),
	       units_bytes(ctl_int(ev, "backlog_bytes"), c->exact, size),
	       ctl_int(ev, "backlog_packets"));
}

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
		printf("drops on %s in class %s: %lld packets so far\n", ctl_str(ev, "interface"),
		       ctl_str(ev, "class"), ctl_int(ev, "packets"));
	else if (!strcmp(name, "congested"))
		print_congested(c, ev);
	else if (!strcmp(name, "starved"))
		printf("starved on %s: class %s sent nothing for %lld ms, %s in %lld packets wait\n",
		       ctl_str(ev, "interface"), ctl_str(ev, "class"), ctl_int(ev, "starve"),
		       units_bytes(ctl_int(ev, "backlog_bytes"), c->exact, date),
		       ctl_int(ev, "backlog_packets"));
	else if (!strcmp(name, "denied") || !strcmp(name, "audit"))
		print_denied(c, name, ev);
	else if (!strcmp(name, "module"))
		printf("%s\n", ctl_str(ev, "text"));
	else if (!strcmp(name, "finding"))
		printf("finding%s: %s\n", ctl_bool(ev, "refused") ? ", refused" : "",
		       ctl_str(ev, "text"));
	else if (!strcmp(name, "iteration"))
		printf("iterations have become %s: %s\n", ctl_str(ev, "what"),
		       units_time(ctl_int(ev, "took_ns"), c->exact, date));
	else
		printf("%s\n", name);
}

/* One line; @msg is gone then. */
static void show(const struct ctl *c, json_t *msg)
{
	if (!c->json && !strcmp(ctl_str(msg, "event"), "packet")) {
		/* somebody traces: `dmscctl trace` shows them */
	} else if (c->json) {
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
	ret = ctl_ask(c, &client, json_pack("{s:s}", "cmd", "monitor"), &msg, &err);
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
	.summary = "events as they happen: generations, paths, drops, congestion, denials",
	.details = "With --json one object a line. Ends with ^C, or when dmscd stops.",
	.run = run,
};
