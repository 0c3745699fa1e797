// SPDX-License-Identifier: GPL-2.0-or-later
/* The key "generate" of a topology file: fabrics by their shape. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/topology_build.h"
#include "lib/yaml.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct raw {
	char fabric[32];
	uint64_t k, segments, hosts, rails, leaves, spines, gpus, rate, uplink_rate;
};

static const struct yaml_field fields[] = {
	YAML_FIELD("fabric", YAML_TEXT, struct raw, fabric, true, 0, 0),
	YAML_FIELD("k", YAML_U64, struct raw, k, false, 2, 64),
	YAML_FIELD("segments", YAML_U64, struct raw, segments, false, 1, 65536),
	YAML_FIELD("leaves", YAML_U64, struct raw, leaves, false, 1, 65536),
	YAML_FIELD("spines", YAML_U64, struct raw, spines, false, 1, 1024),
	YAML_FIELD("hosts", YAML_U64, struct raw, hosts, false, 1, 65536),
	YAML_FIELD("rails", YAML_U64, struct raw, rails, false, 1, 64),
	YAML_FIELD("gpus", YAML_U64, struct raw, gpus, true, 1, 64),
	YAML_FIELD("rate", YAML_RATE, struct raw, rate, true, 1000000, 10000000000000ULL),
	YAML_FIELD("uplink_rate", YAML_RATE, struct raw, uplink_rate, false, 1000000,
		   10000000000000ULL),
};

struct generator {
	struct topo_builder b;
	struct raw raw;
	uint32_t line;
};

static uint32_t host(struct generator *g, uint32_t i)
{
	return topo_build_node(&g->b, NODE_HOST, g->raw.gpus, g->line, "host%u", i);
}

static void up(struct generator *g, uint32_t low, uint32_t high)
{
	topo_build_link(&g->b, low, high, g->raw.uplink_rate, g->line);
}

/* Hosts are numbered from 0 on, so host h is node h. */
static void add_hosts(struct generator *g, uint64_t n)
{
	uint64_t i;

	for (i = 0; i < n && !g->b.failed; i++)
		host(g, i);
}

static void leaf_spine(struct generator *g)
{
	uint32_t leaves = g->raw.leaves, spines = g->raw.spines, hosts = g->raw.hosts, i, k, leaf;
	uint32_t first = leaves * hosts;

	add_hosts(g, first);
	for (i = 0; i < spines; i++)
		topo_build_node(&g->b, NODE_SPINE, 0, g->line, "spine%u", i);
	for (i = 0; i < leaves && !g->b.failed; i++) {
		leaf = topo_build_node(&g->b, NODE_LEAF, 0, g->line, "leaf%u", i);
		for (k = 0; k < hosts; k++)
			topo_build_link(&g->b, i * hosts + k, leaf, g->raw.rate, g->line);
		for (k = 0; k < spines; k++)
			up(g, leaf, first + k);
	}
}

/* Al-Fares et al., SIGCOMM 2008: k pods of k/2 leaves and k/2 spines, (k/2)^2 cores. */
static void fat_tree(struct generator *g)
{
	uint32_t half = g->raw.k / 2, pods = g->raw.k, first = pods * half * half, p, i, k;
	uint32_t spine = first + half * half, leaf;

	add_hosts(g, first);
	for (i = 0; i < half * half; i++)
		topo_build_node(&g->b, NODE_CORE, 0, g->line, "core%u", i);
	for (p = 0; p < pods && !g->b.failed; p++, spine += 2 * half) {
		for (i = 0; i < half; i++) {
			topo_build_node(&g->b, NODE_SPINE, 0, g->line, "spine%u.%u", p, i);
			for (k = 0; k < half; k++)
				up(g, spine + i, first + i * half + k);
		}
		for (i = 0; i < half; i++) {
			leaf = topo_build_node(&g->b, NODE_LEAF, 0, g->line, "leaf%u.%u", p, i);
			for (k = 0; k < half; k++)
				topo_build_link(&g->b, (p * half + i) * half + k, leaf, g->raw.rate,
						g->line);
			for (k = 0; k < half; k++)
				up(g, leaf, spine + k);
		}
	}
}

/*
 * Rail r of every host of a segment is at leaf r of that segment. One plane: all leaves share the
 * spines. Two planes (Qian et al., Alibaba HPN, SIGCOMM 2024): each rail has a port at a leaf of
 * either plane, and each plane its own spines.
 */
static void rails(struct generator *g, uint32_t planes)
{
	uint32_t segments = g->raw.segments, hosts = g->raw.hosts, s, r, p, k, leaf;
	uint32_t first = segments * hosts;

	add_hosts(g, first);
	for (p = 0; p < planes; p++) {
		for (k = 0; k < g->raw.spines && planes == 1; k++)
			topo_build_node(&g->b, NODE_SPINE, 0, g->line, "spine%u", k);
		for (k = 0; k < g->raw.spines && planes > 1; k++)
			topo_build_node(&g->b, NODE_SPINE, 0, g->line, "spine%u.%u", p, k);
	}
	for (p = 0; p < planes; p++) {
		for (s = 0; s < segments; s++) {
			for (r = 0; r < g->raw.rails && !g->b.failed; r++) {
				if (planes == 1)
					leaf = topo_build_node(&g->b, NODE_LEAF, 0, g->line,
							       "leaf%u.%u", s, r);
				else
					leaf = topo_build_node(&g->b, NODE_LEAF, 0, g->line,
							       "leaf%u.%u.%u", p, s, r);
				for (k = 0; k < hosts; k++)
					topo_build_link(&g->b, s * hosts + k, leaf, g->raw.rate,
							g->line);
				for (k = 0; k < g->raw.spines; k++)
					up(g, leaf, first + p * g->raw.spines + k);
			}
		}
	}
}

/* What each fabric needs of the optional keys. */
struct kind {
	const char *name;
	bool k, segments, hosts, rails, leaves, spines;
	uint32_t planes;
};

static const struct kind kinds[] = {
	{ .name = "leaf-spine", .hosts = true, .leaves = true, .spines = true },
	{ .name = "fat-tree", .k = true },
	{ .name = "rail-optimised",
	  .segments = true,
	  .hosts = true,
	  .rails = true,
	  .spines = true,
	  .planes = 1 },
	{ .name = "dual-plane",
	  .segments = true,
	  .hosts = true,
	  .rails = true,
	  .spines = true,
	  .planes = 2 },
};

static int check_keys(struct yaml_file *f, const struct generator *g, const struct kind *kind)
{
	const struct {
		const char *key;
		bool needed;
		uint64_t value;
	} keys[] = {
		{ "k", kind->k, g->raw.k },
		{ "segments", kind->segments, g->raw.segments },
		{ "hosts", kind->hosts, g->raw.hosts },
		{ "rails", kind->rails, g->raw.rails },
		{ "leaves", kind->leaves, g->raw.leaves },
		{ "spines", kind->spines, g->raw.spines },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].needed && !keys[i].value)
			return yaml_fail(f, g->line, "generate.%s: missing, expected for %s",
					 keys[i].key, kind->name);
		if (!keys[i].needed && keys[i].value)
			return yaml_fail(f, g->line, "generate.%s: given, expected not for %s",
					 keys[i].key, kind->name);
	}
	if (g->raw.k % 2)
		return yaml_fail(f, g->line, "generate.k: %u, expected an even number",
				 (unsigned int)g->raw.k);
	return 0;
}

/* Before anything is built; all factors are below 2^17, so that no product of three overflows. */
static int check_size(struct yaml_file *f, const struct generator *g, const struct kind *kind)
{
	const struct raw *r = &g->raw;
	uint64_t hosts = r->k * r->k * r->k / 4, links = 3 * hosts;

	if (kind->leaves) {
		hosts = r->leaves * r->hosts;
		links = hosts + r->leaves * r->spines;
	} else if (kind->rails) {
		hosts = r->segments * r->hosts;
		links = kind->planes * r->rails * (hosts + r->segments * r->spines);
	}
	if (hosts > TOPO_MAX_HOSTS || links > TOPO_MAX_LINKS)
		return yaml_fail(f, g->line,
				 "generate: %llu hosts and %llu links, expected at most %u and %u",
				 (unsigned long long)hosts, (unsigned long long)links,
				 TOPO_MAX_HOSTS, TOPO_MAX_LINKS);
	return 0;
}

int topology_generate(struct yaml_file *f, void *node, struct topology *t)
{
	struct generator g = { .line = yaml_line(node) };
	const struct kind *kind = kinds;
	char where[300];
	int ret;

	ret = yaml_mapping(f, node, "generate", fields, ARRAY_SIZE(fields), &g.raw);
	if (ret)
		return ret;
	while (kind < kinds + ARRAY_SIZE(kinds) && strcmp(kind->name, g.raw.fabric))
		kind++;
	if (kind == kinds + ARRAY_SIZE(kinds))
		return yaml_fail(f, g.line,
				 "generate.fabric: '%s', expected leaf-spine, fat-tree, rail-optimised or dual-plane",
				 g.raw.fabric);
	ret = check_keys(f, &g, kind);
	if (!ret)
		ret = check_size(f, &g, kind);
	if (ret)
		return ret;
	if (!g.raw.uplink_rate)
		g.raw.uplink_rate = g.raw.rate;
	topo_build_begin(&g.b, t);
	if (kind->k)
		fat_tree(&g);
	else if (kind->leaves)
		leaf_spine(&g);
	else
		rails(&g, kind->planes);
	snprintf(where, sizeof(where), "%s:%u: generate", f->name, g.line);
	return topo_build_end(&g.b, where, f->err);
}
