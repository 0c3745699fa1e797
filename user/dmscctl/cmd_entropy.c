// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/dmsc_bpf.h>

#include "dmscctl/table.h"
#include "lib/addr.h"
#include "lib/entropy.h"

#define COUNT_MAX 1024
#define WAIT_MS	  300

static int print(struct ctl *c, const struct entropy_answer *a, uint32_t n, bool label)
{
	const char *const heads[] = { label ? "-LABEL" : "-PORT", "ROUTER", NULL };
	char addr[INET6_ADDRSTRLEN];
	json_t *list = json_array();
	struct table t;

	table_init(&t, c, heads);
	for (uint32_t i = 0; i < n; i++) {
		const char *router =
			dmsc_addr_given(&a[i].router) ? dmsc_addr_format(&a[i].router, addr) : NULL;

		json_array_append_new(list, json_pack("{s:i, s:s?}", label ? "label" : "port",
						      (int)a[i].value, "router", router));
		table_add(&t, "%u", a[i].value);
		table_add(&t, "%s", router ? router : "(no answer)");
	}
	if (c->json) {
		json_t *o = json_pack("{s:o}", label ? "labels" : "ports", list);

		return ctl_print_json(o);
	}
	table_print(&t);
	json_decref(list);
	return 0;
}

static bool parse(const char *text, struct dmsc_addr *out)
{
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, out->b + 12) == 1) {
		out->b[10] = out->b[11] = 0xff;
		return true;
	}
	return inet_pton(AF_INET6, text, out->b) == 1;
}

static int run(struct ctl *c, int argc, char **argv)
{
	const char *hop = "2", *count = "16", *first = NULL, *interface = NULL;
	bool label = false;
	const struct opt opts[] = {
		{ "hop", 'n', "N", "the router asked about; 1 is the first one (2)", &hop, NULL },
		{ "count", 'c', "N", "how many ports or labels, at most 1024 (16)", &count, NULL },
		{ "first", 'f', "N", "the first of them (49152)", &first, NULL },
		{ "interface", 'i', "IF", "the link to ask by (routing's)", &interface, NULL },
		{ "label", 'l', NULL, "IPv6 flow labels of TCP instead of UDP source ports", NULL,
		  &label },
		{ 0 },
	};
	unsigned long long n = 0, h = 0, f = DMSC_ENCAP_PORTS, port = 0, max;
	struct entropy_ask ask = { .timeout_ms = WAIT_MS };
	struct entropy_answer *answers;
	struct dmsc_error err;
	int args, ret, status;

	args = ctl_options(c, argc, argv, opts, 3, 3, &status);
	if (args < 0)
		return status;
	if (!parse(argv[1], &ask.src) || !parse(argv[2], &ask.dst) ||
	    dmsc_addr_is_v4(&ask.src) != dmsc_addr_is_v4(&ask.dst))
		return ctl_usage(c, "'%s' to '%s', expected two addresses, both IPv4 or both IPv6",
				 argv[1], argv[2]);
	if (label && dmsc_addr_is_v4(&ask.src))
		return ctl_usage(c, "--label: '%s' to '%s', expected two IPv6 addresses", argv[1],
				 argv[2]);
	if (!ctl_number(argv[3], 65535, &port) || !port)
		return ctl_usage(c, "'%s' is no port, expected 1 to 65535", argv[3]);
	if (!ctl_number(hop, 255, &h) || !h)
		return ctl_usage(c, "--hop: '%s', expected 1 to 255", hop);
	if (!ctl_number(count, COUNT_MAX, &n) || !n)
		return ctl_usage(c, "--count: '%s', expected 1 to %d", count, COUNT_MAX);
	max = label ? ENTROPY_LABEL_MAX : 65535;
	if (first && (!ctl_number(first, max, &f) || !f))
		return ctl_usage(c, "--first: '%s', expected 1 to %llu", first, max);
	if (interface && (!*interface || strlen(interface) >= sizeof(ask.interface)))
		return ctl_usage(c, "--interface: '%s', expected the name of an interface",
				 interface);
	if (interface)
		strcpy(ask.interface, interface);
	ask.port = port;
	ask.hop = h;
	ask.count = n;
	ask.first = f;
	answers = calloc(n, sizeof(*answers));
	if (!answers)
		return 1;
	ret = label ? entropy_probe_labels(&ask, answers, &err) : entropy_probe(&ask, answers, &err);
	status = ret ? ctl_fail(ret, &err) : print(c, answers, n, label);
	free(answers);
	return status;
}

const struct command cmd_entropy = {
	.name = "entropy",
	.usage = "SOURCE DESTINATION PORT",
	.summary = "which router each UDP source port or IPv6 flow label leads to",
	.details =
		"For paths of kind udp and label: sends packets that end at the hop of interest and lists who\n"
		"answered. A port or label of the list, as a path's entropy, leads its traffic over that router.",
	.run = run,
};
