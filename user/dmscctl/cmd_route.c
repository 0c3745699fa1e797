// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dmscctl/ctl.h"
#include "dmscctl/table.h"
#include "dmscctl/units.h"
#include "lib/hostconf.h"
#include "lib/neigh.h"
#include "lib/router.h"

static const char *address_text(const struct router_service_status *s, char out[80])
{
	char addr[INET6_ADDRSTRLEN];

	if (!s->key.port)
		return "-";
	snprintf(out, 80, dmsc_addr_is_v4(&s->key.addr) ? "%s:%u/%s" : "[%s]:%u/%s",
		 dmsc_addr_format(&s->key.addr, addr), ntohs(s->key.port),
		 s->key.proto == IPPROTO_UDP ? "udp" : "tcp");
	return out;
}

/* ---- changes ---- */

/* What a change did to sockets of instances that are gone. */
static void report_ended(const struct router_ended *ended)
{
	if (ended->left)
		fprintf(stderr, "warning: %u UDP sockets of instances that are gone: %s\n",
			ended->left, ended->why);
}

/* Puts @s in force; returns the exit status. The file was good: failures are no bad input. */
static int program(struct ctl *c, struct router *r, const struct router_spec *s)
{
	struct router_ended ended = {};
	struct dmsc_error err;
	int generation = router_program(r, s, &err);

	if (generation < 0)
		return ctl_fail(generation, &err), STATUS_FAILED;
	router_end_sockets(r, &ended);
	report_ended(&ended);
	if (c->json)
		return ctl_print_json(json_pack("{s:b, s:i, s:i, s:i, s:i}", "checked_only", 0,
						"generation", generation, "services",
						(int)s->nr_services, "udp_ended", (int)ended.ended,
						"udp_left", (int)ended.left));
	printf("generation %d: %zu services", generation, s->nr_services);
	if (ended.ended)
		printf(", %u UDP sockets of instances that are gone were ended", ended.ended);
	putchar('\n');
	return 0;
}

static int set(struct ctl *c, const char *file, const struct router_config *cfg, const char *host,
	       bool check)
{
	struct router_spec spec;
	struct dmsc_error err;
	struct router *r;
	int ret = router_spec_read(&spec, file, host, &err), status;

	if (ret)
		return ctl_fail(ret, &err);
	if (check) {
		status = 0;
		if (c->json)
			status = ctl_print_json(json_pack("{s:b, s:i}", "checked_only", 1,
							  "services", (int)spec.nr_services));
		else
			printf("%s: good, %zu services\n", file, spec.nr_services);
	} else {
		ret = router_open(&r, cfg, true, &err);
		status = ret ? (ctl_fail(ret, &err), STATUS_FAILED) : program(c, r, &spec);
		if (!ret)
			router_close(r);
	}
	router_spec_free(&spec);
	return status;
}

static struct router_instance *find(struct router_spec *spec, const char *service,
				    const char *instance, struct dmsc_error *err)
{
	size_t i, k;

	for (i = 0; i < spec->nr_services; i++) {
		struct router_service *s = &spec->services[i];

		if (strcmp(s->name, service))
			continue;
		for (k = 0; k < s->nr_instances; k++) {
			if (!strcmp(s->instances[k].name, instance))
				return &s->instances[k];
		}
		dmsc_fail(err, -EINVAL, "'%s', expected an instance of service '%s'", instance,
			  service);
		return NULL;
	}
	dmsc_fail(err, -EINVAL, "'%s', expected a service ('dmscctl route')", service);
	return NULL;
}

/* One instance's state; all else stays as it is. */
static int change(struct ctl *c, const struct router_config *cfg, const char *service,
		  const char *instance, enum router_state state)
{
	struct router_instance *inst;
	struct router_spec spec;
	struct dmsc_error err;
	struct router *r;
	int status, ret = router_open(&r, cfg, false, &err);

	if (ret)
		return ctl_fail(ret, &err), STATUS_FAILED;
	ret = router_spec_current(r, &spec, &err);
	if (ret) {
		router_close(r);
		return ctl_fail(ret, &err), STATUS_FAILED;
	}
	inst = find(&spec, service, instance, &err);
	if (inst) {
		inst->state = state;
		status = program(c, r, &spec);
	} else {
		status = ctl_fail(-EINVAL, &err);
	}
	router_spec_free(&spec);
	router_close(r);
	return status;
}

static int off(struct ctl *c, const struct router_config *cfg)
{
	struct dmsc_error err;
	int ret = router_off(cfg, &err);

	if (ret)
		return ctl_fail(ret, &err), STATUS_FAILED;
	if (c->json)
		return ctl_print_json(json_pack("{s:b}", "off", 1));
	printf("off: addresses of services are left to routing\n");
	return 0;
}

/* ---- show ---- */

static json_t *instance_json(const struct router_status *st, const struct router_instance_status *i)
{
	uint32_t side = st->generation & 1;
	char addr[INET6_ADDRSTRLEN];

	return json_pack("{s:s, s:s, s:i, s:s, s:i, s:i, s:s, s:i, s:f, s:I, s:I}", "name",
			 i->inst.name, "address", dmsc_addr_format(&i->inst.addr, addr), "port",
			 ntohs(i->inst.port), "state", router_state_of(&i->inst, side), "weight",
			 i->inst.weight[side], "priority", i->inst.priority[side], "distance",
			 router_distance_name[i->inst.distance[side] & 3], "level", i->level,
			 "share", i->share / 10000.0, "open", (json_int_t)i->load.open, "total",
			 (json_int_t)i->load.total);
}

static json_t *service_json(const struct router_status *st, const struct router_service_status *s)
{
	json_t *instances = json_array(), *counts = json_object();
	char addr[INET6_ADDRSTRLEN];
	size_t k;

	for (k = 0; k < s->nr_instances; k++)
		json_array_append_new(instances, instance_json(st, &s->instances[k]));
	for (k = 0; k < DMSC_RT_NR_COUNTS; k++)
		json_object_set_new(counts, router_count_name[k], json_integer(s->counts.n[k]));
	return json_pack("{s:s, s:b, s:s, s:i, s:s, s:s, s:s, s:I, s:i, s:o, s:o}", "name",
			 s->service.name, "named", s->key.port != 0, "address",
			 s->key.port ? dmsc_addr_format(&s->key.addr, addr) : "", "port",
			 ntohs(s->key.port), "protocol", s->key.proto == IPPROTO_UDP ? "udp" : "tcp",
			 "method", router_method_name[s->service.method & 1], "affinity",
			 s->service.flags & DMSC_RT_BY_CLIENT ? "client" : "socket", "spill",
			 (json_int_t)s->service.spill, "priority", s->service.priority, "counts",
			 counts, "instances", instances);
}

static json_t *status_json(const struct router_status *st)
{
	json_t *services = json_array();
	size_t i;

	for (i = 0; i < st->nr_services; i++)
		json_array_append_new(services, service_json(st, &st->services[i]));
	return json_pack("{s:I, s:I, s:o}", "generation", (json_int_t)st->generation, "udp_sockets",
			 (json_int_t)st->flows, "services", services);
}

static void add_row(struct table *t, const struct ctl *c, const struct router_status *st,
		    const struct router_service_status *s, const struct router_instance_status *i)
{
	uint32_t side = st->generation & 1;
	char addr[80], a[UNITS_LEN];
	const char *state = router_state_of(&i->inst, side);

	table_add(t, "%s", s->service.name);
	table_add(t, "%s", address_text(s, addr));
	table_add(t, "%s", i->inst.name);
	table_add(t, "%s", state);
	table_add(t, "%s", router_distance_name[i->inst.distance[side] & 3]);
	table_add(t, "%u", i->inst.priority[side]);
	if (i->level < 0)
		table_add(t, "-");
	else
		table_add(t, "%.1f %%", i->share / 100.0);
	table_add(t, "%s", units_count(i->load.open, c->exact, a));
	table_add(t, "%s", units_count(i->load.total, c->exact, a));
}

static void print_status(const struct ctl *c, const struct router_status *st)
{
	static const char *const heads[] = { "SERVICE",	 "ADDRESS",   "INSTANCE", "STATE",
					     "DISTANCE", "-PRIORITY", "-SHARE",	  "-OPEN",
					     "-TOTAL",	 NULL };
	char a[UNITS_LEN];
	struct table t;
	size_t i, k;

	printf("generation %u, %s connected UDP sockets\n\n", st->generation,
	       units_count(st->flows, c->exact, a));
	table_init(&t, c, heads);
	for (i = 0; i < st->nr_services; i++) {
		for (k = 0; k < st->services[i].nr_instances; k++)
			add_row(&t, c, st, &st->services[i], &st->services[i].instances[k]);
	}
	table_print(&t);
	for (i = 0; i < st->nr_services; i++) {
		const struct router_service_status *s = &st->services[i];
		const char *sep = "";

		for (k = DMSC_RT_SPILLED; k < DMSC_RT_NR_COUNTS; k++) {
			if (!s->counts.n[k])
				continue;
			if (!*sep)
				printf("\n%s:", s->service.name);
			printf("%s %s %s", sep, router_count_name[k],
			       units_count(s->counts.n[k], c->exact, a));
			sep = ",";
		}
	}
	putchar('\n');
}

static int show(struct ctl *c, const struct router_config *cfg)
{
	struct router_status st;
	struct dmsc_error err;
	struct router *r;
	int ret = router_open(&r, cfg, false, &err);

	if (ret)
		return ctl_fail(ret, &err), STATUS_FAILED;
	ret = router_status(r, &st, &err);
	router_close(r);
	if (ret)
		return ctl_fail(ret, &err), STATUS_FAILED;
	if (c->json)
		ret = ctl_print_json(status_json(&st));
	else
		print_status(c, &st);
	router_status_free(&st);
	return ret;
}

/* ---- the command ---- */

static int dispatch(struct ctl *c, int n, char **argv, const struct router_config *cfg,
		    const char *host, bool check)
{
	if (!n || (!strcmp(argv[1], "show") && n == 1))
		return show(c, cfg);
	if (!strcmp(argv[1], "set") && n == 2)
		return set(c, argv[2], cfg, host, check);
	if (!strcmp(argv[1], "up") && n == 3)
		return change(c, cfg, argv[2], argv[3], ROUTER_ACTIVE);
	if (!strcmp(argv[1], "drain") && n == 3)
		return change(c, cfg, argv[2], argv[3], ROUTER_DRAINING);
	if (!strcmp(argv[1], "down") && n == 3)
		return change(c, cfg, argv[2], argv[3], ROUTER_DOWN);
	if (!strcmp(argv[1], "off") && n == 1)
		return off(c, cfg);
	return ctl_usage(c, "expected show, set FILE, up, drain or down SERVICE INSTANCE, or off");
}

static int run(struct ctl *c, int argc, char **argv)
{
	const char *config = NULL, *pin_dir = NULL, *cgroup = NULL, *host = NULL;
	bool check = false;
	const struct opt opts[] = {
		{ "check", 'c', NULL, "read the file and stop there", NULL, &check },
		{ "host", 0, "NAME", "this host's name in plan and topology", &host, NULL },
		{ "config", 0, "FILE", "dmscd's configuration", &config, NULL },
		{ "pin-dir", 0, "DIR", "as given to dmscd", &pin_dir, NULL },
		{ "cgroup-root", 0, "DIR", "as given to dmscd", &cgroup, NULL },
		{ 0 }
	};
	struct router_config cfg;
	struct hostconf conf;
	struct dmsc_error err;
	int ret, status, n = ctl_options(c, argc, argv, opts, 0, 3, &status);

	if (n < 0)
		return status;
	hostconf_defaults(&conf);
	ret = hostconf_read(config ?: HOSTCONF_FILE, &conf, &err);
	if (ret && (config || ret != -ENOENT))
		return ctl_fail(ret, &err);
	cfg.pin_dir = pin_dir ?: *conf.pin_dir ? conf.pin_dir : NULL;
	cfg.cgroup = cgroup ?: conf.cgroup_root;
	return dispatch(c, n, argv, &cfg, host ?: conf.host, check);
}

const struct command cmd_route = {
	.name = "route",
	.usage = "[show | set FILE | up|drain|down SERVICE INSTANCE | off] [--check]",
	.summary = "service router: service addresses to instances, at connect and send",
	.details =
		"Works without dmscd. FILE is a dmsc-router(5); its services replace those in force\n"
		"in one step. drain: an instance gets nothing new; down: its UDP sockets are ended as well.",
	.run = run,
};
