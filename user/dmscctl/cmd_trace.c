// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dmscctl/ctl.h"
#include "dmscctl/units.h"
#include "lib/model.h"

static void print_packet(const json_t *p)
{
	const json_t *local = json_object_get(p, "local");
	long long proto = ctl_int(p, "protocol");
	double time = json_number_value(json_object_get(p, "time"));
	char date[UNITS_LEN];

	printf("%s.%03d  %s:%lld > %s:%lld %s %lld bytes, %s slot %lld, %s %s%s%s\n",
	       units_date(time, date), (int)((time - (long long)time) * 1000), ctl_str(p, "from"),
	       ctl_int(p, "from_port"), ctl_str(p, "to"), ctl_int(p, "to_port"),
	       proto == 6  ? "tcp" :
	       proto == 17 ? "udp" :
			     "ip",
	       ctl_int(p, "length"), ctl_str(p, "class"), ctl_int(p, "slot"),
	       ctl_bool(p, "steered") ? "steered by" : "routed by", ctl_str(p, "interface"),
	       ctl_int(local, "sid") ? ", of " : "", ctl_str(local, "name"));
}

static int run(struct ctl *c, int argc, char **argv)
{
	const char *seconds = "10", *class = NULL, *service = NULL;
	const struct opt opts[] = {
		{ "seconds", 'n', "N", "how long (10, at most 3600)", &seconds, NULL },
		{ "class", 'k', "CLASS", "only packets of this class", &class, NULL },
		{ "service", 's', "NAME", "only packets of this instance", &service, NULL },
		{ 0 }
	};
	struct ipc_client client;
	unsigned long long n;
	struct dmsc_error err;
	struct timespec now;
	json_t *msg;
	int ret, status;
	time_t end;

	if (ctl_options(c, argc, argv, opts, 0, 0, &status) < 0)
		return status;
	if (!ctl_number(seconds, 3600, &n) || !n)
		return ctl_usage(c, "--seconds: '%s', expected 1 to 3600", seconds);
	if (class && dmsc_class_parse(class) < 0)
		return ctl_usage(c, "--class: '%s' is no class", class);
	ret = ctl_ask(c, &client, json_pack("{s:s}", "cmd", "monitor"), &msg, &err);
	if (ret)
		return ctl_fail(ret, &err);
	json_decref(msg);
	/* On a connection of its own: events may come before its answer. */
	status = ctl_call(c, json_pack("{s:s, s:I}", "cmd", "trace", "seconds", (json_int_t)n),
			  &msg);
	if (status) {
		ipc_disconnect(&client);
		return status;
	}
	json_decref(msg);
	clock_gettime(CLOCK_MONOTONIC, &now);
	end = now.tv_sec + n;
	while (!fflush(stdout) && now.tv_sec <= end) {
		ret = ipc_receive(&client, &msg, (end - now.tv_sec + 1) * 1000, &err);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (ret)
			break;
		if (!strcmp(ctl_str(msg, "event"), "packet") &&
		    (!class || !strcmp(ctl_str(msg, "class"), class)) &&
		    (!service || !strcmp(ctl_str(json_object_get(msg, "local"), "name"), service))) {
			if (c->json) {
				json_dumpf(msg, stdout, JSON_COMPACT);
				putchar('\n');
			} else {
				print_packet(msg);
			}
		}
		json_decref(msg);
	}
	ipc_disconnect(&client);
	return ret && ret != -ETIMEDOUT ? ctl_fail(ret, &err) : 0;
}

const struct command cmd_trace = {
	.name = "trace",
	.usage = "[--seconds N] [--class CLASS] [--service NAME]",
	.summary = "sampled packets with what was decided about each",
	.details = "A few packets a scheduler tick and CPU, at egress; the rest is counted as ever.\n"
		   "Ends by itself. With --json one object a line.",
	.run = run,
};
