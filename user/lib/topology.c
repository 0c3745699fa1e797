// SPDX-License-Identifier: GPL-2.0-or-later
/* The cluster: hosts, switches and the links between them. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/spec.h"
#include "lib/topology_build.h"
#include "lib/topology_segments.h"
#include "lib/yaml.h"

#define MAX_NODES     8192
#define MAX_LINKS     65536
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct raw_topology {
	char name[MODEL_NAME_LEN];
	char paths[8];
	yaml_node_t *hosts, *switches, *links, *generate, *import;
};

struct raw_node {
	char name[MODEL_NAME_LEN];
	char tier[8];
	char address[48], address6[48], segment[48];
	uint64_t gpus;
};

struct raw_link {
	char a[96], b[96], subnet[64], subnet6[64];
	uint64_t rate;
};

static const struct yaml_field topology_fields[] = {
	YAML_FIELD("name", YAML_NAME, struct raw_topology, name, true, 0, 0),
	YAML_FIELD("paths", YAML_TEXT, struct raw_topology, paths, false, 0, 0),
	YAML_FIELD("hosts", YAML_SUBTREE, struct raw_topology, hosts, false, 0, 0),
	YAML_FIELD("switches", YAML_SUBTREE, struct raw_topology, switches, false, 0, 0),
	YAML_FIELD("links", YAML_SUBTREE, struct raw_topology, links, false, 0, 0),
	YAML_FIELD("generate", YAML_SUBTREE, struct raw_topology, generate, false, 0, 0),
	YAML_FIELD("import", YAML_SUBTREE, struct raw_topology, import, false, 0, 0),
};

static const struct yaml_field host_fields[] = {
	YAML_FIELD("name", YAML_NAME, struct raw_node, name, true, 0, 0),
	YAML_FIELD("gpus", YAML_U64, struct raw_node, gpus, true, 0, 64),
	YAML_FIELD("address", YAML_TEXT, struct raw_node, address, true, 0, 0),
	YAML_FIELD("address6", YAML_TEXT, struct raw_node, address6, false, 0, 0),
	YAML_FIELD("segment", YAML_TEXT, struct raw_node, segment, false, 0, 0),
};

static const struct yaml_field switch_fields[] = {
	YAML_FIELD("name", YAML_NAME, struct raw_node, name, true, 0, 0),
	YAML_FIELD("tier", YAML_TEXT, struct raw_node, tier, true, 0, 0),
	YAML_FIELD("address", YAML_TEXT, struct raw_node, address, true, 0, 0),
	YAML_FIELD("segment", YAML_TEXT, struct raw_node, segment, false, 0, 0),
};

static const struct yaml_field link_fields[] = {
	YAML_FIELD("a", YAML_TEXT, struct raw_link, a, true, 0, 0),
	YAML_FIELD("b", YAML_TEXT, struct raw_link, b, true, 0, 0),
	YAML_FIELD("subnet", YAML_TEXT, struct raw_link, subnet, true, 0, 0),
	YAML_FIELD("subnet6", YAML_TEXT, struct raw_link, subnet6, false, 0, 0),
	YAML_FIELD("rate", YAML_RATE, struct raw_link, rate, true, 1000000, 10000000000000ULL),
};

static void map_v4(struct dmsc_addr *addr, uint32_t host_order)
{
	uint32_t v4 = htonl(host_order);

	memset(addr, 0, sizeof(*addr));
	addr->b[10] = 0xff;
	addr->b[11] = 0xff;
	memcpy(addr->b + 12, &v4, 4);
}

static bool parse_v4(const char *text, uint32_t *host_order)
{
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) != 1)
		return false;
	*host_order = ntohl(in.s_addr);
	/* Unicast only: no 0/8, loopback, multicast or reserved addresses. */
	return *host_order >> 24 != 0 && *host_order >> 24 != 127 && *host_order >> 28 < 14;
}

static int add_node(struct yaml_file *f, struct topology *t, yaml_node_t *node, bool host, size_t i)
{
	struct topo_node *n = &t->nodes[t->nr_nodes];
	struct raw_node raw = { 0 };
	char where[64];
	uint32_t v4, k;
	int ret;

	snprintf(where, sizeof(where), "%s[%zu]", host ? "hosts" : "switches", i);
	ret = host ? yaml_mapping(f, node, where, host_fields, ARRAY_SIZE(host_fields), &raw) :
		     yaml_mapping(f, node, where, switch_fields, ARRAY_SIZE(switch_fields), &raw);
	if (ret)
		return ret;
	strcpy(n->name, raw.name);
	n->line = yaml_line(node);
	n->gpus = raw.gpus;
	if (host)
		n->kind = NODE_HOST;
	else if (!strcmp(raw.tier, "leaf"))
		n->kind = NODE_LEAF;
	else if (!strcmp(raw.tier, "spine"))
		n->kind = NODE_SPINE;
	else if (!strcmp(raw.tier, "core"))
		n->kind = NODE_CORE;
	else
		return yaml_fail(f, n->line, "%s.tier: '%s', expected leaf, spine or core", where,
				 raw.tier);
	if (!parse_v4(raw.address, &v4))
		return yaml_fail(f, n->line, "%s.address: '%s', expected a unicast IPv4 address",
				 where, raw.address);
	map_v4(&n->addr, v4);
	if (*raw.address6 && !segment_parse(raw.address6, &n->addr6))
		return yaml_fail(f, n->line, "%s.address6: '%s', expected a unicast IPv6 address",
				 where, raw.address6);
	if (*raw.segment && !segment_parse(raw.segment, &n->segment))
		return yaml_fail(f, n->line, "%s.segment: '%s', expected a unicast IPv6 address",
				 where, raw.segment);
	for (k = 0; k < t->nr_nodes; k++) {
		if (!strcmp(t->nodes[k].name, n->name))
			return yaml_fail(f, n->line,
					 "%s.name: '%s' is also on line %u, expected once", where,
					 n->name, t->nodes[k].line);
	}
	t->nr_nodes++;
	return 0;
}

/* What the kernel takes as an interface's name, but for lo, which every node has. */
static bool is_ifname(const char *s)
{
	const char *c;

	for (c = s; *c; c++) {
		if (*c <= ' ' || *c > '~' || strchr("/:%", *c))
			return false;
	}
	return c > s && c - s < 16 && strcmp(s, ".") && strcmp(s, "..") && strcmp(s, "lo");
}

/* "host0:rail0": a node and its interface. */
static int parse_end(struct yaml_file *f, const struct topology *t, const char *where,
		     uint32_t line, char *text, uint32_t *node, char ifname[16])
{
	char *colon = strchr(text, ':');
	uint32_t i;

	if (!colon || colon == text || !is_ifname(colon + 1))
		return yaml_fail(f, line,
				 "%s: '%s', expected NODE:INTERFACE (15 characters at most, not lo)",
				 where, text);
	*colon = '\0';
	strcpy(ifname, colon + 1);
	for (i = 0; i < t->nr_nodes; i++) {
		if (!strcmp(t->nodes[i].name, text)) {
			*node = i;
			return 0;
		}
	}
	return yaml_fail(f, line, "%s: '%s', expected a node of this file", where, text);
}

static int add_link(struct yaml_file *f, struct topology *t, yaml_node_t *node, size_t i)
{
	struct topo_link *l = &t->links[t->nr_links];
	struct raw_link raw = { 0 };
	char where[64], field[80], *slash;
	uint32_t v4;
	int ret;

	snprintf(where, sizeof(where), "links[%zu]", i);
	ret = yaml_mapping(f, node, where, link_fields, ARRAY_SIZE(link_fields), &raw);
	if (ret)
		return ret;
	l->line = yaml_line(node);
	l->rate = raw.rate;
	snprintf(field, sizeof(field), "%s.a", where);
	ret = parse_end(f, t, field, l->line, raw.a, &l->a, l->if_a);
	if (ret)
		return ret;
	snprintf(field, sizeof(field), "%s.b", where);
	ret = parse_end(f, t, field, l->line, raw.b, &l->b, l->if_b);
	if (ret)
		return ret;
	if (l->a == l->b)
		return yaml_fail(f, l->line, "%s: both ends are at '%s', expected two nodes", where,
				 raw.a);
	if (t->nodes[l->b].kind == NODE_HOST)
		return yaml_fail(f, l->line,
				 "%s.b: '%s' is a host, expected a switch (hosts stand at a)",
				 where, raw.b);
	slash = strchr(raw.subnet, '/');
	if (slash)
		*slash = '\0';
	if (!slash || strcmp(slash + 1, "31") || !parse_v4(raw.subnet, &v4) || v4 & 1)
		return yaml_fail(f, l->line,
				 "%s.subnet: '%s%s%s', expected a subnet such as 10.0.0.0/31",
				 where, raw.subnet, slash ? "/" : "", slash ? slash + 1 : "");
	map_v4(&l->addr_a, v4);
	map_v4(&l->addr_b, v4 | 1);
	if (*raw.subnet6 && !segment_subnet(raw.subnet6, &l->addr6_a, &l->addr6_b))
		return yaml_fail(f, l->line,
				 "%s.subnet6: '%s', expected a subnet such as fd00:1::/127", where,
				 raw.subnet6);
	t->nr_links++;
	return 0;
}

/* One thing of the file that must not be there twice. */
struct claim {
	uint32_t node, line;
	const char *ifname; /* NULL: an address, @addr */
	const struct dmsc_addr *addr;
};

static int by_claim(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = !x->ifname - !y->ifname;

	if (!order && x->ifname)
		order = x->node != y->node ? (x->node < y->node ? -1 : 1) :
					     strcmp(x->ifname, y->ifname);
	else if (!order)
		order = memcmp(x->addr, y->addr, sizeof(*x->addr));
	return order ? order : x->line < y->line ? -1 : x->line > y->line;
}

/* What is not given is claimed by nobody; the number of claims. */
static uint32_t claim(struct claim *c, uint32_t n, const struct dmsc_addr *addr, uint32_t line)
{
	if (!dmsc_addr_given(addr))
		return n;
	c[n] = (struct claim){ .line = line, .addr = addr };
	return n + 1;
}

/* Interfaces are unique within a node, addresses of either family in the whole cluster. */
static int check_unique(struct yaml_file *f, const struct topology *t)
{
	struct claim *c = calloc(3 * t->nr_nodes + 6 * t->nr_links + 1, sizeof(*c));
	char text[INET6_ADDRSTRLEN];
	uint32_t n = 0, i;
	int ret = 0;

	if (!c)
		return dmsc_fail(f->err, -ENOMEM, "out of memory");
	for (i = 0; i < t->nr_nodes; i++) {
		n = claim(c, n, &t->nodes[i].addr, t->nodes[i].line);
		n = claim(c, n, &t->nodes[i].addr6, t->nodes[i].line);
		n = claim(c, n, &t->nodes[i].segment, t->nodes[i].line);
	}
	for (i = 0; i < t->nr_links; i++) {
		const struct topo_link *l = &t->links[i];

		n = claim(c, n, &l->addr_a, l->line);
		n = claim(c, n, &l->addr_b, l->line);
		n = claim(c, n, &l->addr6_a, l->line);
		n = claim(c, n, &l->addr6_b, l->line);
		c[n++] = (struct claim){ .line = l->line, .node = l->a, .ifname = l->if_a };
		c[n++] = (struct claim){ .line = l->line, .node = l->b, .ifname = l->if_b };
	}
	qsort(c, n, sizeof(*c), by_claim);
	for (i = 1; i < n && !ret; i++) {
		const struct claim *x = &c[i - 1], *y = &c[i];

		if (!x->ifname != !y->ifname)
			continue;
		if (y->ifname && x->node == y->node && !strcmp(x->ifname, y->ifname))
			ret = yaml_fail(f, y->line,
					"links: interface %s:%s is also on line %u, expected once",
					t->nodes[y->node].name, y->ifname, x->line);
		else if (!y->ifname && !memcmp(x->addr, y->addr, sizeof(*x->addr)))
			ret = yaml_fail(f, y->line, "address: %s is also on line %u, expected once",
					dmsc_addr_format(y->addr, text), x->line);
	}
	free(c);
	return ret;
}

static int check_linked(struct yaml_file *f, const struct topology *t)
{
	bool *linked = calloc(t->nr_nodes + 1, sizeof(*linked));
	uint32_t n, l;
	int ret = 0;

	if (!linked)
		return dmsc_fail(f->err, -ENOMEM, "out of memory");
	for (l = 0; l < t->nr_links; l++) {
		linked[t->links[l].a] = true;
		linked[t->links[l].b] = true;
	}
	for (n = 0; n < t->nr_nodes && !ret; n++) {
		if (!linked[n])
			ret = yaml_fail(f, t->nodes[n].line,
					"links: none leads to '%s', expected at least one",
					t->nodes[n].name);
	}
	free(linked);
	return ret;
}

/* Either all is listed, or it is made by a generator or from another tool's file. */
static int check_ways(struct yaml_file *f, const struct raw_topology *raw)
{
	uint32_t line = yaml_line(yaml_root(f));
	bool listed = raw->hosts || raw->switches || raw->links;

	if (!listed != (raw->generate || raw->import) || (raw->generate && raw->import))
		return yaml_fail(f, line,
				 "topology: expected hosts and links, or generate, or import, and not several");
	if (listed && !raw->hosts)
		return yaml_fail(f, line, "hosts: missing, expected it here");
	if (listed && !raw->links)
		return yaml_fail(f, line, "links: missing, expected it here");
	return 0;
}

/* Whether hosts prescribe paths; only who lists nodes and links says their segments. */
static int check_paths(struct yaml_file *f, const struct raw_topology *raw, struct topology *t)
{
	uint32_t line = yaml_key_line(f, yaml_root(f), "paths");

	t->srv6 = !strcmp(raw->paths, "srv6");
	if (!t->srv6 && strcmp(raw->paths, "routed"))
		return yaml_fail(f, line, "paths: '%s', expected routed or srv6", raw->paths);
	if (t->srv6 && !raw->hosts)
		return yaml_fail(f, line,
				 "paths: srv6, expected hosts, switches and links to be listed for it");
	return 0;
}

/* Hosts do not forward, so switches have to lead from each to each. */
static int check_one_piece(struct yaml_file *f, const struct topology *t)
{
	uint32_t cut;

	if (topo_find_cut_off(t, &cut))
		return dmsc_fail(f->err, -ENOMEM, "out of memory");
	if (cut != MODEL_NONE)
		return yaml_fail(f, t->nodes[cut].line,
				 "links: no way from '%s' to '%s', expected one fabric",
				 t->nodes[0].name, t->nodes[cut].name);
	return 0;
}

static int read_all(struct yaml_file *f, struct topology *t)
{
	struct raw_topology raw = { 0 };
	size_t hosts, switches = 0, links, i;
	int ret;

	ret = yaml_mapping(f, yaml_root(f), "", topology_fields, ARRAY_SIZE(topology_fields), &raw);
	if (!ret)
		ret = check_ways(f, &raw);
	if (!ret && *raw.paths)
		ret = check_paths(f, &raw, t);
	if (!ret && (raw.generate || raw.import)) {
		strcpy(t->name, raw.name);
		return raw.generate ? topology_generate(f, raw.generate, t) :
				      topology_import(f, raw.import, t);
	}
	if (!ret)
		ret = yaml_sequence(f, raw.hosts, "hosts", MAX_NODES, &hosts);
	if (!ret && raw.switches)
		ret = yaml_sequence(f, raw.switches, "switches", MAX_NODES, &switches);
	if (!ret)
		ret = yaml_sequence(f, raw.links, "links", MAX_LINKS, &links);
	if (ret)
		return ret;
	if (!hosts)
		return yaml_fail(f, yaml_line(raw.hosts), "hosts: none, expected at least one");
	strcpy(t->name, raw.name);
	t->nodes = calloc(hosts + switches, sizeof(*t->nodes));
	t->links = calloc(links + 1, sizeof(*t->links));
	if (!t->nodes || !t->links)
		return dmsc_fail(f->err, -ENOMEM, "out of memory");
	for (i = 0; i < hosts && !ret; i++)
		ret = add_node(f, t, yaml_item(f, raw.hosts, i), true, i);
	for (i = 0; i < switches && !ret; i++)
		ret = add_node(f, t, yaml_item(f, raw.switches, i), false, i);
	for (i = 0; i < links && !ret; i++)
		ret = add_link(f, t, yaml_item(f, raw.links, i), i);
	if (!ret)
		ret = check_unique(f, t);
	if (!ret)
		ret = check_linked(f, t);
	if (!ret)
		ret = segments_check(f, t);
	return ret ? ret : check_one_piece(f, t);
}

int topology_read(const char *file, struct topology *out, struct dmsc_error *err)
{
	struct topology t = { 0 };
	struct yaml_file f;
	int ret;

	ret = yaml_open(&f, file, err);
	if (ret)
		return ret;
	ret = read_all(&f, &t);
	yaml_close(&f);
	if (ret)
		topology_free(&t);
	else
		*out = t;
	return ret;
}
