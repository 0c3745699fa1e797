// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dmscctl/ctl.h"
#include "dmscctl/table.h"
#include "dmscctl/units.h"
#include "lib/gateway.h"
#include "lib/neigh.h"

static const char *address_text(const struct dmsc_addr *a, char *out)
{
	return dmsc_addr_format(a, out);
}

/* ---- set ---- */

static int set(struct ctl *c, const char *file, const char *pin_dir, bool check)
{
	struct gateway_spec spec;
	struct dmsc_error err;
	struct gw *gw;
	int ret = gateway_spec_read(&spec, file, &err), generation = 0;

	if (ret)
		return ctl_fail(ret, &err);
	if (!check) {
		ret = gateway_open(&gw, pin_dir, spec.flows, &err);
		if (!ret) {
			/* Tables before hooks: the first packet finds them there. */
			ret = generation = gateway_program(gw, &spec, &err);
			if (ret > 0)
				ret = gateway_attach(gw, &spec, &err);
			gateway_close(gw);
		}
	}
	if (!ret && c->json)
		ret = ctl_print_json(json_pack("{s:b, s:i, s:i}", "checked_only", check, "generation",
					       generation, "services", (int)spec.nr_services));
	else if (!ret && check)
		printf("%s: good, %zu services\n", file, spec.nr_services);
	else if (!ret)
		printf("generation %d: %zu services on %zu devices\n", generation, spec.nr_services,
		       spec.nr_devices);
	gateway_spec_free(&spec);
	/* The file was good; what went wrong after it is a failure. */
	return ret ? (ctl_fail(ret, &err), STATUS_FAILED) : 0;
}

/* ---- status ---- */

static const char *state_name(const struct gateway_status *st,
			      const struct gateway_instance_status *i)
{
	uint8_t flags = i->real->flags[st->generation & 1];

	if (!i->named)
		return "removed";
	if (!(flags & DMSC_GW_REAL_UP))
		return "down";
	return flags & DMSC_GW_REAL_NEW ? "active" : "draining";
}

static const char *encap_name(const struct dmsc_gw_real *r)
{
	return r->encap == DMSC_GW_ENCAP_LOCAL ? "local" : r->gue_port ? "gue" : "ipip";
}

static json_t *instance_json(const struct gateway_status *st,
			     const struct gateway_instance_status *i)
{
	char addr[INET6_ADDRSTRLEN];

	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:b}", "name", i->real->name,
			 "address", address_text(&i->real->addr, addr), "encap", encap_name(i->real),
			 "state", state_name(st, i), "flows", (json_int_t)i->flows, "share",
			 (json_int_t)i->share, "packets", (json_int_t)i->packets, "bytes",
			 (json_int_t)i->bytes, "resolved", i->resolved);
}

static json_t *status_json(const struct gateway_status *st)
{
	json_t *services = json_array();
	char addr[INET6_ADDRSTRLEN];
	size_t i, k;

	for (i = 0; i < st->nr_services; i++) {
		const struct gateway_service_status *s = &st->services[i];
		json_t *instances = json_array(), *counts = json_object();

		for (k = 0; k < s->nr_instances; k++)
			json_array_append_new(instances, instance_json(st, &s->instances[k]));
		for (k = 0; k < DMSC_GW_NR_COUNTS; k++)
			json_object_set_new(counts, gateway_count_name[k],
					    json_integer(s->counts[k]));
		json_array_append_new(services,
				      json_pack("{s:s, s:s, s:i, s:s, s:I, s:o, s:o}", "name",
						s->service->name, "address",
						address_text(&s->vip.addr, addr), "port",
						ntohs(s->vip.port), "protocol",
						s->vip.proto == IPPROTO_UDP ? "udp" : "tcp",
						"table", (json_int_t)s->service->ring_size,
						"instances", instances, "counts", counts));
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "generation", (json_int_t)st->generation,
			 "flows_per_cpu", (json_int_t)st->flows_max, "unwrapped",
			 (json_int_t)st->unwrapped, "unwrap_refused", (json_int_t)st->refused,
			 "unwrap_malformed", (json_int_t)st->malformed, "services", services);
}

static void print_status(const struct ctl *c, const struct gateway_status *st)
{
	static const char *const heads[] = { "SERVICE", "ADDRESS", "INSTANCE", "STATE",	 "ENCAP",
					     "-SHARE",	"-FLOWS",  "-PACKETS", "-BYTES", NULL };
	char addr[INET6_ADDRSTRLEN], port[80], a[UNITS_LEN];
	struct table t;
	size_t i, k;

	printf("generation %u, %s flows per CPU", st->generation,
	       units_count(st->flows_max, c->exact, a));
	if (st->unwrapped)
		printf(", %s packets unwrapped", units_count(st->unwrapped, c->exact, a));
	printf("\n\n");
	table_init(&t, c, heads);
	for (i = 0; i < st->nr_services; i++) {
		const struct gateway_service_status *s = &st->services[i];

		snprintf(port, sizeof(port),
			 dmsc_addr_is_v4(&s->vip.addr) ? "%s:%u/%s" : "[%s]:%u/%s",
			 address_text(&s->vip.addr, addr), ntohs(s->vip.port),
			 s->vip.proto == IPPROTO_UDP ? "udp" : "tcp");
		for (k = 0; k < s->nr_instances; k++) {
			const struct gateway_instance_status *inst = &s->instances[k];

			table_add(&t, "%s", s->service->name);
			table_add(&t, "%s", port);
			table_add(&t, "%s", inst->real->name);
			table_add(&t, "%s", state_name(st, inst));
			table_add(&t, "%s", encap_name(inst->real));
			table_add(&t, "%.1f %%",
				  s->service->ring_size ?
					  100.0 * inst->share / s->service->ring_size :
					  0);
			table_add(&t, "%s", units_count(inst->flows, c->exact, a));
			table_add(&t, "%s", units_count(inst->packets, c->exact, a));
			table_add(&t, "%s", units_bytes(inst->bytes, c->exact, a));
		}
	}
	table_print(&t);
	for (i = 0; i < st->nr_services; i++) {
		const struct gateway_service_status *s = &st->services[i];
		bool any = false;

		for (k = 0; k < DMSC_GW_NR_COUNTS; k++) {
			if (!s->counts[k])
				continue;
			printf("%s%s%s %s", any ? ", " : "\n", any ? "" : s->service->name,
			       any ? "" : ":", gateway_count_name[k]);
			printf(" %s", units_count(s->counts[k], c->exact, a));
			any = true;
		}
	}
	putchar('\n');
}

static int show(struct ctl *c, const char *pin_dir)
{
	struct gateway_status st;
	struct dmsc_error err;
	struct gw *gw;
	int ret = gateway_running(pin_dir, &err);

	if (!ret) {
		dmsc_fail(&err, -ENOENT, "no gateway is at work here ('dmscctl gateway set FILE')");
		ret = -ENOENT;
	}
	if (ret > 0)
		ret = gateway_open(&gw, pin_dir, 0, &err);
	if (ret)
		return ctl_fail(ret, &err), STATUS_FAILED;
	ret = gateway_status(gw, &st, &err);
	if (!ret) {
		if (c->json)
			ret = ctl_print_json(status_json(&st));
		else
			print_status(c, &st);
		gateway_status_free(&st);
	} else {
		ctl_fail(ret, &err);
	}
	gateway_close(gw);
	return ret ? STATUS_FAILED : 0;
}

static int off(struct ctl *c, const char *pin_dir)
{
	struct dmsc_error err;
	int ret = gateway_flush(pin_dir, &err);

	if (ret)
		return ctl_fail(ret, &err), STATUS_FAILED;
	if (c->json)
		return ctl_print_json(json_pack("{s:b}", "off", 1));
	printf("off: packets to service addresses are left to routing\n");
	return 0;
}

static int run(struct ctl *c, int argc, char **argv)
{
	const char *pin_dir = NULL;
	bool check = false;
	const struct opt opts[] = {
		{ "check", 'c', NULL, "read the file and stop there", NULL, &check },
		{ "pin-dir", 0, "DIR", "where maps and links are pinned (" DMSC_GW_PIN_DIR ")",
		  &pin_dir, NULL },
		{ 0 }
	};
	int status, n = ctl_options(c, argc, argv, opts, 0, 2, &status);

	if (n < 0)
		return status;
	if (!n || (!strcmp(argv[1], "status") && n == 1))
		return show(c, pin_dir);
	if (!strcmp(argv[1], "set") && n == 2)
		return set(c, argv[2], pin_dir, check);
	if (!strcmp(argv[1], "off") && n == 1)
		return off(c, pin_dir);
	return ctl_usage(c, "expected status, set FILE or off");
}

const struct command cmd_gateway = {
	.name = "gateway",
	.usage = "[status | set FILE | off] [--check]",
	.summary = "layer 4 gateway: service addresses to instances, in XDP",
	.details =
		"Works without dmscd. FILE is a dmsc-gateway(5); its services replace those in force\n"
		"in one step, and live flows stay with their instances. An instance's host unwraps\n"
		"what gateways send with the same command.",
	.run = run,
};
