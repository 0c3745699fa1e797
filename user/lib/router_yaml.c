// SPDX-License-Identifier: GPL-2.0-or-later
/* dmsc-router(5): the services of a host. */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/maglev.h"
#include "lib/neigh.h"
#include "lib/router.h"
#include "lib/spec.h"
#include "lib/yaml_words.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define DEFAULT_SEED 0xd5c

const char *const router_state_name[ROUTER_NR_STATES] = { "active", "draining", "down" };
const char *const router_method_name[2] = { "hash", "least" };

struct raw_spec {
	yaml_node_t *services;
	char plan[256], topology[256];
	uint64_t seed;
};

struct raw_service {
	char name[64], address[INET6_ADDRSTRLEN], protocol[8], method[8], affinity[8];
	uint32_t port, spill, table;
	yaml_node_t *instances;
};

struct raw_instance {
	char name[64], address[INET6_ADDRSTRLEN], host[64], class[16], state[16];
	uint32_t port, weight, priority;
};

#define FIELD(type, member, kind, required, min, max) \
	YAML_FIELD(#member, kind, struct type, member, required, min, max)

static const struct yaml_field spec_fields[] = {
	FIELD(raw_spec, seed, YAML_U64, false, 0, UINT64_MAX),
	FIELD(raw_spec, plan, YAML_TEXT, false, 0, 0),
	FIELD(raw_spec, topology, YAML_TEXT, false, 0, 0),
	FIELD(raw_spec, services, YAML_SUBTREE, true, 0, 0),
};

static const struct yaml_field service_fields[] = {
	FIELD(raw_service, name, YAML_NAME, true, 0, 0),
	FIELD(raw_service, address, YAML_TEXT, true, 0, 0),
	FIELD(raw_service, port, YAML_U32, true, 1, 65535),
	FIELD(raw_service, protocol, YAML_TEXT, false, 0, 0),
	FIELD(raw_service, method, YAML_TEXT, false, 0, 0),
	FIELD(raw_service, affinity, YAML_TEXT, false, 0, 0),
	FIELD(raw_service, spill, YAML_U32, false, 1, ROUTER_SPILL_MAX),
	FIELD(raw_service, table, YAML_U32, false, MAGLEV_TABLE_MIN, MAGLEV_TABLE_MAX),
	FIELD(raw_service, instances, YAML_SUBTREE, true, 0, 0),
};

static const struct yaml_field instance_fields[] = {
	FIELD(raw_instance, name, YAML_NAME, true, 0, 0),
	FIELD(raw_instance, address, YAML_TEXT, false, 0, 0),
	FIELD(raw_instance, port, YAML_U32, false, 1, 65535),
	FIELD(raw_instance, class, YAML_TEXT, false, 0, 0),
	FIELD(raw_instance, host, YAML_NAME, false, 0, 0),
	FIELD(raw_instance, weight, YAML_U32, false, 0, MAGLEV_WEIGHT_MAX),
	FIELD(raw_instance, priority, YAML_U32, false, 0, ROUTER_PRIORITY_MAX),
	FIELD(raw_instance, state, YAML_TEXT, false, 0, 0),
};

/* What is read, and what its names are looked up in. */
struct reading {
	struct yaml_file f;
	struct router_spec *s;
	bool has_plan;
	struct plan plan;
	char plan_name[256];
};

/* ---- instances ---- */

/* An instance of the plan, at the port that stands for @class. */
static int from_plan(struct reading *r, const char *where, const struct raw_instance *raw,
		     struct router_instance *inst)
{
	const struct plan_instance *in = NULL;
	const struct plan_host *host;
	uint32_t i;
	int class;

	if (!r->has_plan)
		return yaml_fail(&r->f, inst->line,
				 "%s.address: missing, expected the instance's, or 'plan' at the top",
				 where);
	for (i = 0; i < r->plan.nr_instances && !in; i++) {
		if (!strcmp(r->plan.instances[i].name, raw->name))
			in = &r->plan.instances[i];
	}
	if (!in)
		return yaml_fail(&r->f, inst->line, "%s.name: '%s', expected an instance of %s",
				 where, raw->name, r->plan_name);
	class = *raw->class ? dmsc_class_parse(raw->class) : in->class_default;
	if (class < 0)
		return yaml_fail(&r->f, inst->line, "%s.class: '%s', expected a class", where,
				 raw->class);
	if (!raw->port && !in->port[class])
		return yaml_fail(&r->f, inst->line,
				 "%s.class: '%s' has no port for %s in %s, expected a class that it receives",
				 where, raw->name, dmsc_class_name(class), r->plan_name);
	host = &r->plan.hosts[in->host];
	inst->addr = r->plan.topo.nodes[host->node].addr;
	inst->port = raw->port ?: in->port[class];
	strcpy(inst->host, host->name);
	return 0;
}

static int instance_address(struct reading *r, const char *where, const struct raw_instance *raw,
			    const struct router_service *s, struct router_instance *inst)
{
	char field[192];
	int ret;

	if (!*raw->address) {
		ret = from_plan(r, where, raw, inst);
		if (ret)
			return ret;
	} else if (*raw->class) {
		return yaml_fail(&r->f, inst->line,
				 "%s.class: expected only where the plan says the address", where);
	} else {
		snprintf(field, sizeof(field), "%s.address", where);
		ret = yaml_address(&r->f, inst->line, field, raw->address, true, &inst->addr);
		if (ret)
			return ret;
		inst->port = raw->port ?: s->port;
		strcpy(inst->host, raw->host);
	}
	if (dmsc_addr_is_v4(&inst->addr) != dmsc_addr_is_v4(&s->addr))
		return yaml_fail(&r->f, inst->line,
				 "%s: IPv%d, expected an instance of the service's family", where,
				 dmsc_addr_is_v4(&inst->addr) ? 4 : 6);
	return 0;
}

static int instance(struct reading *r, yaml_node_t *node, const char *where,
		    struct router_service *s)
{
	struct router_instance *inst = &s->instances[s->nr_instances];
	struct raw_instance raw = { .state = "active", .weight = 1 };
	char field[192];
	size_t i;
	int ret;

	ret = yaml_mapping(&r->f, node, where, instance_fields, ARRAY_SIZE(instance_fields), &raw);
	if (ret)
		return ret;
	inst->line = yaml_line(node);
	inst->weight = raw.weight;
	inst->priority = raw.priority;
	strcpy(inst->name, raw.name);
	ret = instance_address(r, where, &raw, s, inst);
	if (ret)
		return ret;
	snprintf(field, sizeof(field), "%s.state", where);
	ret = yaml_one_of(&r->f, inst->line, field, raw.state, router_state_name, ROUTER_NR_STATES);
	if (ret < 0)
		return ret;
	inst->state = ret;
	for (i = 0; i < s->nr_instances; i++) {
		const struct router_instance *o = &s->instances[i];

		if (!strcmp(o->name, inst->name) ||
		    (o->port == inst->port && !memcmp(&o->addr, &inst->addr, sizeof(o->addr))))
			return yaml_fail(&r->f, inst->line,
					 "%s: name, or address and port, are also on line %u, expected once",
					 where, o->line);
	}
	s->nr_instances++;
	return 0;
}

/* ---- services ---- */

static bool same_address(const struct router_service *s, const struct dmsc_addr *addr,
			 uint16_t port, uint8_t proto)
{
	return s->port == port && s->proto == proto && !memcmp(&s->addr, addr, sizeof(*addr));
}

static int check_service(struct reading *r, const struct router_service *s, const char *where)
{
	const struct router_service *o;

	for (o = r->s->services; o < s; o++) {
		if (!strcmp(o->name, s->name))
			return yaml_fail(&r->f, s->line,
					 "%s.name: '%s' is also on line %u, expected once", where,
					 s->name, o->line);
		if (same_address(o, &s->addr, s->port, s->proto))
			return yaml_fail(&r->f, s->line,
					 "%s: address, port and protocol are also on line %u, expected once",
					 where, o->line);
	}
	if (!maglev_size_ok(s->table))
		return yaml_fail(&r->f, s->line, "%s.table: %u, expected a prime of %u to %u",
				 where, s->table, MAGLEV_TABLE_MIN, MAGLEV_TABLE_MAX);
	if (s->nr_instances > s->table)
		return yaml_fail(&r->f, s->line,
				 "%s.table: %u, expected more than its %zu instances", where,
				 s->table, s->nr_instances);
	if (s->by_client && s->method != DMSC_RT_HASH)
		return yaml_fail(&r->f, s->line,
				 "%s.affinity: 'client' goes with method 'hash', expected one of the two",
				 where);
	return 0;
}

static int service_words(struct reading *r, const struct raw_service *raw, const char *where,
			 struct router_service *s)
{
	static const char *const protocols[] = { "tcp", "udp" };
	static const char *const affinities[] = { "socket", "client" };
	char field[128];
	int ret;

	snprintf(field, sizeof(field), "%s.address", where);
	ret = yaml_address(&r->f, s->line, field, raw->address, true, &s->addr);
	if (ret)
		return ret;
	snprintf(field, sizeof(field), "%s.protocol", where);
	ret = yaml_one_of(&r->f, s->line, field, raw->protocol, protocols, ARRAY_SIZE(protocols));
	if (ret < 0)
		return ret;
	s->proto = ret ? IPPROTO_UDP : IPPROTO_TCP;
	snprintf(field, sizeof(field), "%s.method", where);
	ret = yaml_one_of(&r->f, s->line, field, raw->method, router_method_name,
			  ARRAY_SIZE(router_method_name));
	if (ret < 0)
		return ret;
	s->method = ret;
	snprintf(field, sizeof(field), "%s.affinity", where);
	ret = yaml_one_of(&r->f, s->line, field, raw->affinity, affinities, ARRAY_SIZE(affinities));
	if (ret < 0)
		return ret;
	s->by_client = ret;
	return 0;
}

static int service(struct reading *r, yaml_node_t *node, size_t index)
{
	struct router_service *s = &r->s->services[index];
	struct raw_service raw = { .protocol = "tcp",
				   .method = "hash",
				   .affinity = "socket",
				   .table = ROUTER_TABLE_DEFAULT };
	char where[32], field[128];
	size_t i, n;
	int ret;

	snprintf(where, sizeof(where), "services[%zu]", index);
	ret = yaml_mapping(&r->f, node, where, service_fields, ARRAY_SIZE(service_fields), &raw);
	if (ret)
		return ret;
	s->line = yaml_line(node);
	strcpy(s->name, raw.name);
	s->port = raw.port;
	s->table = raw.table;
	s->spill = raw.spill;
	ret = service_words(r, &raw, where, s);
	if (ret)
		return ret;
	snprintf(field, sizeof(field), "%s.instances", where);
	ret = yaml_sequence(&r->f, raw.instances, field, ROUTER_INSTANCES_MAX, &n);
	if (ret)
		return ret;
	if (!n)
		return yaml_fail(&r->f, s->line, "%s: none, expected at least one", field);
	s->instances = calloc(n, sizeof(*s->instances));
	if (!s->instances)
		return dmsc_fail(r->f.err, -ENOMEM, "out of memory");
	for (i = 0; i < n && !ret; i++) {
		snprintf(field, sizeof(field), "%s.instances[%zu]", where, i);
		ret = instance(r, yaml_item(&r->f, raw.instances, i), field, s);
	}
	return ret ?: check_service(r, s, where);
}

/* An instance behind another service's address would not be reached. */
static int check_chains(struct reading *r)
{
	size_t i, k, o;

	for (i = 0; i < r->s->nr_services; i++) {
		const struct router_service *s = &r->s->services[i];

		for (k = 0; k < s->nr_instances; k++) {
			const struct router_instance *inst = &s->instances[k];

			for (o = 0; o < r->s->nr_services; o++) {
				if (same_address(&r->s->services[o], &inst->addr, inst->port,
						 s->proto))
					return yaml_fail(&r->f, inst->line,
							 "services[%zu].instances[%zu]: address and port are those of service '%s', expected an instance's own",
							 i, k, r->s->services[o].name);
			}
		}
	}
	return 0;
}

static int services(struct reading *r, yaml_node_t *list)
{
	struct router_spec *s = r->s;
	size_t i, n;
	int ret = yaml_sequence(&r->f, list, "services", DMSC_RT_MAX_SERVICES - 1, &n);

	if (ret)
		return ret;
	s->services = calloc(n + 1, sizeof(*s->services));
	if (!s->services)
		return dmsc_fail(r->f.err, -ENOMEM, "out of memory");
	for (i = 0; i < n && !ret; i++) {
		s->nr_services = i + 1;
		ret = service(r, yaml_item(&r->f, list, i), i);
	}
	return ret ?: check_chains(r);
}

/* ---- the file ---- */

/* @name as it is seen from the folder that @file is in. */
static void beside(char *out, size_t len, const char *file, const char *name)
{
	const char *slash = strrchr(file, '/');

	if (*name == '/' || !slash)
		snprintf(out, len, "%s", name);
	else
		snprintf(out, len, "%.*s/%s", (int)(slash - file), file, name);
}

static int place(struct reading *r, const struct raw_spec *raw, const char *host)
{
	struct dmsc_error why = { "" };
	struct topology topo = {};
	char path[PATH_MAX];
	uint32_t line;
	int ret = 0;

	if (*raw->topology) {
		beside(path, sizeof(path), r->f.name, raw->topology);
		ret = topology_read(path, &topo, r->f.err);
		if (ret)
			return ret;
	}
	ret = router_place(r->s,
			   *raw->topology ? &topo :
			   r->has_plan	  ? &r->plan.topo :
					    NULL,
			   host, &line, &why);
	topology_free(&topo);
	if (!ret)
		return 0;
	if (line)
		return yaml_fail(&r->f, line, "%s", why.text);
	return yaml_fail(&r->f,
			 yaml_key_line(&r->f, yaml_root(&r->f), *raw->topology ? "topology" : "plan"),
			 "%s: %s", *raw->topology ? "topology" : "plan", why.text);
}

static int top(struct reading *r, const char *host)
{
	struct raw_spec raw = { .seed = DEFAULT_SEED };
	char path[PATH_MAX];
	int ret;

	ret = yaml_mapping(&r->f, yaml_root(&r->f), "", spec_fields, ARRAY_SIZE(spec_fields), &raw);
	if (ret)
		return ret;
	r->s->seed = raw.seed;
	if (*raw.plan) {
		beside(path, sizeof(path), r->f.name, raw.plan);
		ret = plan_read(path, &r->plan, r->f.err);
		if (ret)
			return ret;
		r->has_plan = true;
		strcpy(r->plan_name, raw.plan);
	}
	ret = services(r, raw.services);
	return ret ?: place(r, &raw, host);
}

int router_spec_read(struct router_spec *s, const char *file, const char *host,
		     struct dmsc_error *err)
{
	struct reading r = { .s = s };
	int ret;

	memset(s, 0, sizeof(*s));
	ret = yaml_open(&r.f, file, err);
	if (ret)
		return ret;
	ret = top(&r, host);
	if (r.has_plan)
		plan_free(&r.plan);
	yaml_close(&r.f);
	if (ret)
		router_spec_free(s);
	return ret;
}

void router_spec_free(struct router_spec *s)
{
	size_t i;

	for (i = 0; i < s->nr_services; i++)
		free(s->services[i].instances);
	free(s->services);
	memset(s, 0, sizeof(*s));
}
