// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmscctl/ctl.h"

/* ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT into the request; false: it is none. */
static bool add_end(json_t *req, const char *text, const char *addr_key, const char *port_key)
{
	char addr[64];
	const char *port = NULL, *end = text + strlen(text);
	unsigned long long n;

	if (*text == '[') {
		end = strchr(++text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return false;
		port = end[1] ? end + 2 : NULL;
	} else if (strchr(text, ':') && strchr(text, ':') == strrchr(text, ':')) {
		end = strchr(text, ':');
		port = end + 1;
	}
	if (end == text || (size_t)(end - text) >= sizeof(addr))
		return false;
	snprintf(addr, sizeof(addr), "%.*s", (int)(end - text), text);
	json_object_set_new(req, addr_key, json_string(addr));
	if (!port)
		return true;
	if (!ctl_number(port, 65535, &n))
		return false;
	json_object_set_new(req, port_key, json_integer(n));
	return true;
}

static void print_policy(const struct ctl *c, const json_t *p)
{
	const char *action = ctl_str(p, "action");

	if (!ctl_bool(p, "asked")) {
		printf("policy    not asked: none in force, or no instance at either end, or decided where it was sent\n");
		return;
	}
	printf("policy    %s%s%s by ", ctl_color(c, strcmp(action, "deny") ? "up" : "down"), action,
	       ctl_plain(c));
	if (ctl_int(p, "rule"))
		printf("rule %lld (%s to %s)\n", ctl_int(p, "rule"), ctl_str(p, "from"),
		       ctl_str(p, "to"));
	else if (!strcmp(ctl_str(p, "reason"), "class"))
		printf("the classes: rule and instance have none in common\n");
	else
		printf("the default, no rule is about these two\n");
}

static void print_ways(const json_t *ways)
{
	const json_t *w;
	size_t i;

	printf("path      each connection its own of");
	json_array_foreach(ways, i, w)
	{
		printf("%s %lld (weight %lld)", i ? "," : "", ctl_int(w, "path"),
		       ctl_int(w, "weight"));
	}
	printf("\n");
}

static void print_answer(const struct ctl *c, const json_t *a)
{
	const json_t *step, *live = json_object_get(a, "live");
	const json_t *service = json_object_get(a, "service");
	size_t i;

	if (service)
		printf("service   %s: a process gets one of %lld instances in its place ('dmscctl route'); ask about that one\n",
		       ctl_str(service, "name"), ctl_int(service, "instances"));
	printf("sender    SID %lld%s\n", ctl_int(a, "sid"), ctl_int(a, "sid") ? "" : " (nobody)");
	printf("receiver  SID %lld%s\n", ctl_int(a, "peer_sid"),
	       ctl_int(a, "peer_sid") ? "" : " (unknown)");
	printf("class     %s, slot %lld, DSCP %lld\n", ctl_str(a, "class"), ctl_int(a, "slot"),
	       ctl_int(a, "dscp"));
	if (json_object_get(a, "paths"))
		print_ways(json_object_get(a, "paths"));
	else if (ctl_int(a, "path"))
		printf("path      %lld by %s, next hop %s, %s\n", ctl_int(a, "path"),
		       ctl_str(a, "interface"), ctl_str(a, "nexthop"),
		       ctl_bool(a, "path_up") ? "up" : "down: left to routing");
	else
		printf("path      left to routing\n");
	print_policy(c, json_object_get(a, "policy"));
	if (live)
		printf("live      process %lld, stamped by generation %lld: SID %lld to %lld, %s, slot %lld, path %lld%s%s%s\n",
		       ctl_int(live, "pid"), ctl_int(live, "generation"), ctl_int(live, "sid"),
		       ctl_int(live, "peer_sid"), ctl_str(live, "class"), ctl_int(live, "slot"),
		       ctl_int(live, "path"), ctl_bool(live, "denied") ? ", denied" : "",
		       ctl_bool(live, "steered") ? ", now by " : "", ctl_str(live, "interface"));
	printf("looked at, in order, in generation %lld:\n", ctl_int(a, "generation"));
	json_array_foreach(json_object_get(a, "steps"), i, step)
		printf("  %-10s %-3s  %s\n", ctl_str(step, "table"),
		       ctl_bool(step, "found") ? "yes" : "no", ctl_str(step, "key"));
}

static int run(struct ctl *c, int argc, char **argv)
{
	const char *from = NULL, *proto = "tcp", *service = NULL, *cgroup = NULL;
	bool accepted = false, local = false;
	const struct opt opts[] = {
		{ "from", 'f', "ADDRESS[:PORT]", "the local end", &from, NULL },
		{ "protocol", 'p', "PROTO", "tcp (default) or udp", &proto, NULL },
		{ "service", 's', "NAME", "sent by this instance of the host", &service, NULL },
		{ "cgroup", 'g', "DIR", "sent by a process of this cgroup", &cgroup, NULL },
		{ "local", 'l', NULL, "sent by a process of no instance", NULL, &local },
		{ "accepted", 'a', NULL, "the connection was accepted here", NULL, &accepted },
		{ 0 }
	};
	json_t *req, *answer;
	int n, status;

	n = ctl_options(c, argc, argv, opts, 1, 1, &status);
	if (n < 0)
		return status;
	if (!!service + !!cgroup + local > 1)
		return ctl_usage(c, "expected one of --service, --cgroup and --local");
	req = json_pack("{s:s, s:s, s:b, s:b}", "cmd", "explain", "protocol", proto, "accepted",
			accepted, "local", local);
	if (service)
		json_object_set_new(req, "service", json_string(service));
	if (cgroup)
		json_object_set_new(req, "cgroup", json_string(cgroup));
	if (!add_end(req, argv[1], "to", "to_port") ||
	    (from && !add_end(req, from, "from", "from_port"))) {
		json_decref(req);
		return ctl_usage(c, "expected ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT");
	}
	status = ctl_call(c, req, &answer);
	if (status)
		return status;
	if (c->json)
		return ctl_print_json(answer);
	print_answer(c, answer);
	json_decref(answer);
	return 0;
}

const struct command cmd_explain = {
	.name = "explain",
	.usage = "[--from ADDRESS[:PORT]] [--service NAME | --cgroup DIR | --local] ADDRESS:PORT",
	.summary = "what becomes of a flow, and which rule decides",
	.details =
		"Asks the tables in force the way the programs do, and shows every look-up. Without\n"
		"--service, --cgroup and --local the packet is taken as forwarded, with no socket here.\n"
		"When a connection with exactly these ends lives here, what is stamped on it is shown, too.",
	.run = run,
};
