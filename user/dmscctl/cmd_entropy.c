// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include <linux/dmsc_bpf.h>

#include "dmscctl/table.h"
#include "lib/entropy.h"

#define COUNT_MAX 1024
#define WAIT_MS	  300

static int print(struct ctl *c, const struct entropy_answer *a, uint32_t n)
{
	static const char *const heads[] = { "-PORT", "ROUTER", NULL };
	char addr[INET_ADDRSTRLEN];
	json_t *list = json_array();
	struct table t;

	table_init(&t, c, heads);
	for (uint32_t i = 0; i < n; i++) {
		const char *router = a[i].router.s_addr ?
					     inet_ntop(AF_INET, &a[i].router, addr, sizeof(addr)) :
					     NULL;

		json_array_append_new(list, json_pack("{s:i, s:s?}", "port", (int)a[i].port,
						      "router", router));
		table_add(&t, "%u", a[i].port);
		table_add(&t, "%s", router ? router : "(no answer)");
	}
	if (c->json) {
		json_t *o = json_pack("{s:o}", "ports", list);

		return ctl_print_json(o);
	}
	table_print(&t);
	json_decref(list);
	return 0;
}

static int run(struct ctl *c, int argc, char **argv)
{
	const char *hop = "2", *count = "16", *first = NULL;
	const struct opt opts[] = {
		{ "hop", 'n', "N", "the router asked about; 1 is the first one (2)", &hop, NULL },
		{ "count", 'c', "N", "how many source ports, at most 1024 (16)", &count, NULL },
		{ "first", 'f', "PORT", "the first of them (49152)", &first, NULL },
		{ 0 },
	};
	unsigned long long n = 0, h = 0, f = DMSC_ENCAP_PORTS, port = 0;
	struct entropy_ask ask = { .timeout_ms = WAIT_MS };
	struct entropy_answer *answers;
	struct dmsc_error err;
	int args, ret, status;

	args = ctl_options(c, argc, argv, opts, 3, 3, &status);
	if (args < 0)
		return status;
	if (inet_pton(AF_INET, argv[1], &ask.src) != 1 || inet_pton(AF_INET, argv[2], &ask.dst) != 1)
		return ctl_usage(c, "'%s' to '%s', expected two IPv4 addresses", argv[1], argv[2]);
	if (!ctl_number(argv[3], 65535, &port) || !port)
		return ctl_usage(c, "'%s' is no port, expected 1 to 65535", argv[3]);
	if (!ctl_number(hop, 255, &h) || !h)
		return ctl_usage(c, "--hop: '%s', expected 1 to 255", hop);
	if (!ctl_number(count, COUNT_MAX, &n) || !n)
		return ctl_usage(c, "--count: '%s', expected 1 to %d", count, COUNT_MAX);
	if (first && (!ctl_number(first, 65535, &f) || !f))
		return ctl_usage(c, "--first: '%s', expected a port", first);
	ask.port = port;
	ask.hop = h;
	ask.count = n;
	ask.first = f;
	answers = calloc(n, sizeof(*answers));
	if (!answers)
		return 1;
	ret = entropy_probe(&ask, answers, &err);
	status = ret ? ctl_fail(ret, &err) : print(c, answers, n);
	free(answers);
	return status;
}

const struct command cmd_entropy = {
	.name = "entropy",
	.usage = "SOURCE DESTINATION PORT",
	.summary = "which router each UDP source port leads to",
	.details =
		"For paths of kind udp: sends datagrams that end at the hop of interest and lists who answered.\n"
		"A port of the list, as a path's entropy, leads its traffic over that router.",
	.run = run,
};
