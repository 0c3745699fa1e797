// SPDX-License-Identifier: GPL-2.0-or-later
/* dmsc-gateway(5): what a gateway, or an instance's host, is to do. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/gateway.h"
#include "lib/maglev.h"
#include "lib/neigh.h"
#include "lib/yaml_words.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define RATE_MAX       1000000000ULL /* packets/s: an interval of a nanosecond */
#define FLOWS_MAX      16777216
#define DEFAULT_FLOWS  262144
#define DEFAULT_INSERT 100000
#define DEFAULT_TCP    3600
#define DEFAULT_UDP    60
#define DEFAULT_SEED   0xd5c
#define DEFAULT_GUE    6080 /* IANA */

struct raw_spec {
	yaml_node_t *devices, *services, *unwrap;
	char mode[16], source[INET6_ADDRSTRLEN], source6[INET6_ADDRSTRLEN];
	uint64_t seed, insert_rate;
	uint32_t flows, tcp_timeout, udp_timeout;
};

struct raw_service {
	char name[64], address[INET6_ADDRSTRLEN], protocol[8], encap[8], affinity[8];
	uint32_t port, gue_port, table;
	double rate, syn_rate, source_rate;
	yaml_node_t *instances;
};

struct raw_instance {
	char name[64], address[INET6_ADDRSTRLEN], state[16];
	uint32_t weight;
};

struct raw_unwrap {
	yaml_node_t *devices, *from;
	char encap[8];
	uint32_t gue_port;
};

#define FIELD(type, member, kind, required, min, max) \
	YAML_FIELD(#member, kind, struct type, member, required, min, max)

static const struct yaml_field spec_fields[] = {
	FIELD(raw_spec, devices, YAML_SUBTREE, false, 0, 0),
	FIELD(raw_spec, mode, YAML_TEXT, false, 0, 0),
	FIELD(raw_spec, source, YAML_TEXT, false, 0, 0),
	FIELD(raw_spec, source6, YAML_TEXT, false, 0, 0),
	FIELD(raw_spec, seed, YAML_U64, false, 0, UINT64_MAX),
	FIELD(raw_spec, flows, YAML_U32, false, 1024, FLOWS_MAX),
	FIELD(raw_spec, insert_rate, YAML_U64, false, 0, RATE_MAX),
	FIELD(raw_spec, tcp_timeout, YAML_U32, false, 1, 604800),
	FIELD(raw_spec, udp_timeout, YAML_U32, false, 1, 604800),
	FIELD(raw_spec, services, YAML_SUBTREE, false, 0, 0),
	FIELD(raw_spec, unwrap, YAML_SUBTREE, false, 0, 0),
};

static const struct yaml_field service_fields[] = {
	FIELD(raw_service, name, YAML_NAME, true, 0, 0),
	FIELD(raw_service, address, YAML_TEXT, true, 0, 0),
	FIELD(raw_service, port, YAML_U32, true, 1, 65535),
	FIELD(raw_service, protocol, YAML_TEXT, false, 0, 0),
	FIELD(raw_service, encap, YAML_TEXT, false, 0, 0),
	FIELD(raw_service, gue_port, YAML_U32, false, 1, 65535),
	FIELD(raw_service, affinity, YAML_TEXT, false, 0, 0),
	FIELD(raw_service, table, YAML_U32, false, MAGLEV_TABLE_MIN, MAGLEV_TABLE_MAX),
	FIELD(raw_service, rate, YAML_NUMBER, false, 1, RATE_MAX),
	FIELD(raw_service, syn_rate, YAML_NUMBER, false, 1, RATE_MAX),
	FIELD(raw_service, source_rate, YAML_NUMBER, false, 1, RATE_MAX),
	FIELD(raw_service, instances, YAML_SUBTREE, true, 0, 0),
};

static const struct yaml_field instance_fields[] = {
	FIELD(raw_instance, name, YAML_NAME, true, 0, 0),
	FIELD(raw_instance, address, YAML_TEXT, true, 0, 0),
	FIELD(raw_instance, weight, YAML_U32, false, 0, MAGLEV_WEIGHT_MAX),
	FIELD(raw_instance, state, YAML_TEXT, false, 0, 0),
};

static const struct yaml_field unwrap_fields[] = {
	FIELD(raw_unwrap, devices, YAML_SUBTREE, true, 0, 0),
	FIELD(raw_unwrap, from, YAML_SUBTREE, true, 0, 0),
	FIELD(raw_unwrap, encap, YAML_TEXT, false, 0, 0),
	FIELD(raw_unwrap, gue_port, YAML_U32, false, 1, 65535),
};

/* Item @i of a sequence of texts. */
static int text_item(struct yaml_file *f, yaml_node_t *list, const char *where, size_t i,
		     size_t max, const char **out, uint32_t *line)
{
	yaml_node_t *node = yaml_item(f, list, i);

	*line = yaml_line(node);
	if (node->type != YAML_SCALAR_NODE || !node->data.scalar.length ||
	    node->data.scalar.length >= max)
		return yaml_fail(f, *line, "%s[%zu]: expected a text of less than %zu characters",
				 where, i, max);
	*out = (const char *)node->data.scalar.value;
	return 0;
}

static int devices(struct yaml_file *f, yaml_node_t *list, const char *where,
		   char out[GATEWAY_DEVICES_MAX][64], size_t *n)
{
	const char *text;
	uint32_t line;
	size_t i, k;
	int ret = yaml_sequence(f, list, where, GATEWAY_DEVICES_MAX, n);

	for (i = 0; i < *n && !ret; i++) {
		ret = text_item(f, list, where, i, IF_NAMESIZE, &text, &line);
		if (ret)
			break;
		strcpy(out[i], text);
		for (k = 0; k < i && !ret; k++) {
			if (!strcmp(out[k], text))
				ret = yaml_fail(f, line,
						"%s[%zu]: '%s' is there twice, expected once",
						where, i, text);
		}
	}
	return ret;
}

static int instance(struct yaml_file *f, yaml_node_t *node, const char *where,
		    struct gateway_service *s, const struct gateway_spec *spec)
{
	static const char *const states[] = { "active", "draining", "down" };
	struct gateway_instance *inst = &s->instances[s->nr_instances];
	struct raw_instance raw = { .state = "active", .weight = 1 };
	char field[192];
	size_t i;
	int ret;

	ret = yaml_mapping(f, node, where, instance_fields, ARRAY_SIZE(instance_fields), &raw);
	if (ret)
		return ret;
	inst->line = yaml_line(node);
	strcpy(inst->name, raw.name);
	inst->weight = raw.weight;
	snprintf(field, sizeof(field), "%s.address", where);
	ret = yaml_address(f, inst->line, field, raw.address, false, &inst->addr);
	if (ret)
		return ret;
	if (!s->local && !spec->has_source[!dmsc_addr_is_v4(&inst->addr)])
		return yaml_fail(f, inst->line,
				 "%s: '%s' needs an outer source, expected '%s' at the top", field,
				 raw.address, dmsc_addr_is_v4(&inst->addr) ? "source" : "source6");
	if (!memcmp(&inst->addr, &s->addr, sizeof(s->addr)))
		return yaml_fail(f, inst->line,
				 "%s: '%s' is the service's own, expected the instance's host",
				 field, raw.address);
	snprintf(field, sizeof(field), "%s.state", where);
	ret = yaml_one_of(f, inst->line, field, raw.state, states, ARRAY_SIZE(states));
	if (ret < 0)
		return ret;
	inst->state = ret;
	for (i = 0; i < s->nr_instances; i++) {
		if (!strcmp(s->instances[i].name, inst->name) ||
		    !memcmp(&s->instances[i].addr, &inst->addr, sizeof(inst->addr)))
			return yaml_fail(f, inst->line,
					 "%s: name or address is also on line %u, expected once",
					 where, s->instances[i].line);
	}
	s->nr_instances++;
	return 0;
}

static int check_service(struct yaml_file *f, const struct gateway_spec *spec,
			 const struct gateway_service *s, const char *where)
{
	const struct gateway_service *o;

	for (o = spec->services; o < s; o++) {
		bool same = !memcmp(&o->addr, &s->addr, sizeof(s->addr)) && o->proto == s->proto;

		if (!strcmp(o->name, s->name))
			return yaml_fail(f, s->line,
					 "%s.name: '%s' is also on line %u, expected once", where,
					 s->name, o->line);
		if (same && o->port == s->port)
			return yaml_fail(f, s->line,
					 "%s: address, port and protocol are also on line %u, expected once",
					 where, o->line);
		if (same && o->by_source && s->by_source)
			return yaml_fail(f, s->line,
					 "%s.affinity: 'source' is also on line %u, expected once for an address and protocol, which is all that fragments tell",
					 where, o->line);
	}
	if (!maglev_size_ok(s->table))
		return yaml_fail(f, s->line, "%s.table: %u, expected a prime of %u to %u", where,
				 s->table, MAGLEV_TABLE_MIN, MAGLEV_TABLE_MAX);
	if (s->nr_instances > s->table)
		return yaml_fail(f, s->line, "%s.table: %u, expected more than its %zu instances",
				 where, s->table, s->nr_instances);
	return 0;
}

static int service(struct yaml_file *f, yaml_node_t *node, size_t index, struct gateway_spec *spec)
{
	static const char *const protocols[] = { "tcp", "udp" };
	static const char *const encaps[] = { "ipip", "gue", "local" };
	static const char *const affinities[] = { "flow", "source" };
	struct gateway_service *s = &spec->services[index];
	struct raw_service raw = { .protocol = "tcp",
				   .encap = "ipip",
				   .affinity = "flow",
				   .gue_port = DEFAULT_GUE,
				   .table = MAGLEV_TABLE_DEFAULT };
	char where[32], field[128];
	size_t i, n;
	int ret;

	snprintf(where, sizeof(where), "services[%zu]", index);
	ret = yaml_mapping(f, node, where, service_fields, ARRAY_SIZE(service_fields), &raw);
	if (ret)
		return ret;
	s->line = yaml_line(node);
	strcpy(s->name, raw.name);
	s->port = raw.port;
	s->table = raw.table;
	s->rate = raw.rate;
	s->syn_rate = raw.syn_rate;
	s->source_rate = raw.source_rate;
	snprintf(field, sizeof(field), "%s.address", where);
	ret = yaml_address(f, s->line, field, raw.address, false, &s->addr);
	if (ret)
		return ret;
	snprintf(field, sizeof(field), "%s.protocol", where);
	ret = yaml_one_of(f, s->line, field, raw.protocol, protocols, ARRAY_SIZE(protocols));
	if (ret < 0)
		return ret;
	s->proto = ret ? IPPROTO_UDP : IPPROTO_TCP;
	snprintf(field, sizeof(field), "%s.encap", where);
	ret = yaml_one_of(f, s->line, field, raw.encap, encaps, ARRAY_SIZE(encaps));
	if (ret < 0)
		return ret;
	s->local = ret == 2;
	s->gue_port = ret == 1 ? raw.gue_port : 0;
	snprintf(field, sizeof(field), "%s.affinity", where);
	ret = yaml_one_of(f, s->line, field, raw.affinity, affinities, ARRAY_SIZE(affinities));
	if (ret < 0)
		return ret;
	s->by_source = ret;

	snprintf(field, sizeof(field), "%s.instances", where);
	ret = yaml_sequence(f, raw.instances, field, GATEWAY_INSTANCES_MAX, &n);
	if (ret)
		return ret;
	s->instances = calloc(n + 1, sizeof(*s->instances));
	if (!s->instances)
		return dmsc_fail(f->err, -ENOMEM, "out of memory");
	for (i = 0; i < n && !ret; i++) {
		snprintf(field, sizeof(field), "%s.instances[%zu]", where, i);
		ret = instance(f, yaml_item(f, raw.instances, i), field, s, spec);
	}
	return ret ?: check_service(f, spec, s, where);
}

static int services(struct yaml_file *f, yaml_node_t *list, struct gateway_spec *s)
{
	size_t i, n;
	int ret = yaml_sequence(f, list, "services", DMSC_GW_MAX_SERVICES - 1, &n);

	if (ret)
		return ret;
	s->services = calloc(n + 1, sizeof(*s->services));
	if (!s->services)
		return dmsc_fail(f->err, -ENOMEM, "out of memory");
	for (i = 0; i < n && !ret; i++) {
		s->nr_services = i + 1;
		ret = service(f, yaml_item(f, list, i), i, s);
	}
	return ret;
}

static int unwrap(struct yaml_file *f, yaml_node_t *node, struct gateway_spec *s)
{
	static const char *const encaps[] = { "ipip", "gue" };
	struct raw_unwrap raw = { .encap = "ipip", .gue_port = DEFAULT_GUE };
	char where[40];
	const char *text;
	uint32_t line;
	size_t i;
	int ret;

	ret = yaml_mapping(f, node, "unwrap", unwrap_fields, ARRAY_SIZE(unwrap_fields), &raw);
	if (!ret)
		ret = devices(f, raw.devices, "unwrap.devices", s->unwrap_devices,
			      &s->nr_unwrap_devices);
	if (!ret)
		ret = yaml_one_of(f, yaml_line(node), "unwrap.encap", raw.encap, encaps,
				  ARRAY_SIZE(encaps));
	if (ret < 0)
		return ret;
	s->unwrap_gue_port = ret ? raw.gue_port : 0;
	ret = yaml_sequence(f, raw.from, "unwrap.from", DMSC_GW_MAX_GATEWAYS, &s->nr_gateways);
	for (i = 0; i < s->nr_gateways && !ret; i++) {
		snprintf(where, sizeof(where), "unwrap.from[%zu]", i);
		ret = text_item(f, raw.from, "unwrap.from", i, INET6_ADDRSTRLEN, &text, &line);
		if (!ret)
			ret = yaml_address(f, line, where, text, false, &s->gateways[i]);
	}
	return ret;
}

/* An outer source address of the family that its key stands for. */
static int source(struct yaml_file *f, const char *key, const char *text, bool v6,
		  struct gateway_spec *s)
{
	uint32_t line = yaml_key_line(f, yaml_root(f), key);
	int ret;

	if (!*text)
		return 0;
	ret = yaml_address(f, line, key, text, false, &s->source[v6]);
	if (!ret && dmsc_addr_is_v4(&s->source[v6]) == v6)
		ret = yaml_fail(f, line, "%s: '%s', expected an IPv%d address", key, text,
				v6 ? 6 : 4);
	s->has_source[v6] = true;
	return ret;
}

static int top(struct yaml_file *f, struct gateway_spec *s)
{
	static const char *const modes[] = { "auto", "xdp", "generic", "tc" };
	struct raw_spec raw = { .mode = "auto",
				.seed = DEFAULT_SEED,
				.flows = DEFAULT_FLOWS,
				.insert_rate = DEFAULT_INSERT,
				.tcp_timeout = DEFAULT_TCP,
				.udp_timeout = DEFAULT_UDP };
	yaml_node_t *root = yaml_root(f);
	int ret;

	ret = yaml_mapping(f, root, "", spec_fields, ARRAY_SIZE(spec_fields), &raw);
	if (ret)
		return ret;
	s->seed = raw.seed;
	s->flows = raw.flows;
	s->insert_rate = raw.insert_rate;
	s->tcp_timeout = raw.tcp_timeout;
	s->udp_timeout = raw.udp_timeout;
	ret = yaml_one_of(f, yaml_key_line(f, root, "mode"), "mode", raw.mode, modes,
			  ARRAY_SIZE(modes));
	if (ret < 0)
		return ret;
	s->mode = ret;
	ret = source(f, "source", raw.source, false, s);
	if (!ret)
		ret = source(f, "source6", raw.source6, true, s);
	if (!ret && raw.devices)
		ret = devices(f, raw.devices, "devices", s->devices, &s->nr_devices);
	if (!ret && raw.services)
		ret = services(f, raw.services, s);
	if (!ret && raw.unwrap)
		ret = unwrap(f, raw.unwrap, s);
	if (!ret && s->nr_services && !s->nr_devices)
		ret = yaml_fail(f, yaml_key_line(f, root, "services"),
				"devices: missing, expected where packets for the services come in");
	return ret;
}

int gateway_spec_read(struct gateway_spec *s, const char *file, struct dmsc_error *err)
{
	struct yaml_file f;
	int ret;

	memset(s, 0, sizeof(*s));
	ret = yaml_open(&f, file, err);
	if (ret)
		return ret;
	ret = top(&f, s);
	yaml_close(&f);
	if (ret)
		gateway_spec_free(s);
	return ret;
}

void gateway_spec_free(struct gateway_spec *s)
{
	size_t i;

	for (i = 0; i < s->nr_services; i++)
		free(s->services[i].instances);
	free(s->services);
	memset(s, 0, sizeof(*s));
}
