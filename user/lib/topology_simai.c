// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SimAI's link lists. First line: nodes, GPUs a server, NVLink switches, other
 * switches, links, type of GPU. Second: the switches' numbers. Then a line a
 * link: two nodes, rate, latency, error rate. GPUs are nodes 0 to n - 1, NVLink
 * switches follow them. Here a server is a host, and its NVLinks are inside it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/textfile.h"
#include "lib/topology_build.h"
#include "lib/yaml.h"

struct header {
	uint64_t nodes, gpus_a_server, nv_switches, switches, links, gpus;
};

struct link {
	uint32_t a, b, line; /* a < b unless both are switches */
	uint32_t port;	     /* of a GPU: its n-th */
	uint64_t rate;
};

struct simai {
	struct textfile f;
	struct header h;
	struct link *links;
	uint32_t nr_links, *ports; /* by GPU: links so far */
	uint8_t *tier;		   /* by node, enum node_kind; 0: not known */
	uint32_t *index;	   /* by node: of the topology */
};

static int read_header(struct simai *s)
{
	static const char *const names[] = { "nodes", "GPUs a server", "NVLink switches",
					     "switches", "links" };
	uint64_t *values[] = { &s->h.nodes, &s->h.gpus_a_server, &s->h.nv_switches, &s->h.switches,
			       &s->h.links };
	static const uint64_t max[] = { TOPO_MAX_NODES * 8, 64, TOPO_MAX_NODES, TOPO_MAX_NODES,
					TOPO_MAX_LINKS };
	int ret = textfile_next(&s->f), i;
	char *at = s->f.line, *word;

	if (ret < 0)
		return ret;
	for (i = 0; i < 5; i++) {
		word = ret ? textfile_word(&at) : NULL;
		if (!word || !textfile_number(word, max[i], values[i]))
			return textfile_fail(&s->f, 1,
					     "%s: '%.40s', expected a number, at most %llu",
					     names[i], word ? word : "", (unsigned long long)max[i]);
	}
	if (s->h.nv_switches + s->h.switches >= s->h.nodes)
		return textfile_fail(&s->f, 1, "nodes: %llu, expected more than the %llu switches",
				     (unsigned long long)s->h.nodes,
				     (unsigned long long)(s->h.nv_switches + s->h.switches));
	s->h.gpus = s->h.nodes - s->h.nv_switches - s->h.switches;
	if (!s->h.gpus_a_server || s->h.gpus % s->h.gpus_a_server ||
	    s->h.gpus / s->h.gpus_a_server > TOPO_MAX_HOSTS)
		return textfile_fail(&s->f, 1,
				     "GPUs a server: %llu, expected a divisor of the %llu GPUs, and at most %u servers",
				     (unsigned long long)s->h.gpus_a_server,
				     (unsigned long long)s->h.gpus, TOPO_MAX_HOSTS);
	ret = textfile_next(&s->f);
	if (ret < 0)
		return ret;
	for (at = s->f.line, i = 0; ret && (word = textfile_word(&at)); i++)
		;
	if (!ret || (uint64_t)i != s->h.nv_switches + s->h.switches)
		return textfile_fail(&s->f, 2, "switches: %d numbers, expected %llu", i,
				     (unsigned long long)(s->h.nv_switches + s->h.switches));
	return 0;
}

/* "400Gbps" */
static bool parse_rate(char *text, uint64_t *rate)
{
	size_t n = strlen(text);

	if (n < 4 || n > 30 || strcmp(text + n - 3, "bps"))
		return false;
	memcpy(text + n - 3, "bit", 3);
	return rate_parse(text, rate) && *rate >= 1000000 && *rate <= 10000000000000ULL;
}

static int read_link(struct simai *s, char *line)
{
	struct link *l = &s->links[s->nr_links];
	char *a = textfile_word(&line), *b = textfile_word(&line), *rate = textfile_word(&line);
	uint64_t from, to;

	if (!a || !textfile_number(a, s->h.nodes - 1, &from))
		return textfile_fail(&s->f, s->f.number,
				     "source: '%.40s', expected a node below %llu", a ? a : "",
				     (unsigned long long)s->h.nodes);
	if (!b || !textfile_number(b, s->h.nodes - 1, &to) || from == to)
		return textfile_fail(&s->f, s->f.number,
				     "destination: '%.40s', expected another node below %llu",
				     b ? b : "", (unsigned long long)s->h.nodes);
	if (!rate || !parse_rate(rate, &l->rate))
		return textfile_fail(&s->f, s->f.number,
				     "rate: '%.40s', expected one such as 400Gbps",
				     rate ? rate : "");
	*l = (struct link){ from < to ? from : to, from < to ? to : from, s->f.number, 0, l->rate };
	if (l->b < s->h.gpus)
		return textfile_fail(&s->f, s->f.number,
				     "destination: %u and %u are both GPUs, expected a switch",
				     l->a, l->b);
	/* Inside the server. */
	if (l->a < s->h.gpus && l->b < s->h.gpus + s->h.nv_switches)
		return 0;
	if (l->b < s->h.gpus + s->h.nv_switches ||
	    (l->a >= s->h.gpus && l->a < s->h.gpus + s->h.nv_switches))
		return textfile_fail(&s->f, s->f.number,
				     "source: an NVLink switch, expected it to link GPUs only");
	if (l->a < s->h.gpus) {
		l->port = s->ports[l->a]++;
		s->tier[l->b] = NODE_LEAF;
	}
	s->nr_links++;
	return 0;
}

static int read_links(struct simai *s)
{
	uint64_t seen = 0;
	int ret;

	while ((ret = textfile_next(&s->f)) > 0) {
		if (!s->f.line[strspn(s->f.line, " \t")])
			continue;
		if (++seen > s->h.links)
			return textfile_fail(&s->f, s->f.number,
					     "links: more than the %llu of line 1, expected no more",
					     (unsigned long long)s->h.links);
		ret = read_link(s, s->f.line);
		if (ret)
			return ret;
	}
	if (!ret && seen < s->h.links)
		return textfile_fail(&s->f, s->f.number, "links: %llu, expected %llu as line 1 says",
				     (unsigned long long)seen, (unsigned long long)s->h.links);
	return ret;
}

/* Who is linked to a leaf is a spine, who is linked to a spine a core. */
static int find_tiers(struct simai *s)
{
	uint32_t i;
	int tier;

	for (tier = NODE_SPINE; tier <= NODE_CORE; tier++) {
		for (i = 0; i < s->nr_links; i++) {
			struct link *l = &s->links[i];

			if (l->a < s->h.gpus)
				continue;
			if (s->tier[l->a] == tier - 1 && !s->tier[l->b])
				s->tier[l->b] = tier;
			else if (s->tier[l->b] == tier - 1 && !s->tier[l->a])
				s->tier[l->a] = tier;
		}
	}
	for (i = 0; i < s->nr_links; i++) {
		struct link *l = &s->links[i];

		if (l->a < s->h.gpus)
			continue;
		if (!s->tier[l->a] || !s->tier[l->b])
			return textfile_fail(&s->f, l->line,
					     "source: no way to a GPU within three tiers, expected one");
		if (s->tier[l->a] == s->tier[l->b])
			return textfile_fail(&s->f, l->line,
					     "destination: %u and %u are in the same tier, expected links between tiers",
					     l->a, l->b);
		if (s->tier[l->a] > s->tier[l->b]) {
			uint32_t a = l->a;

			l->a = l->b;
			l->b = a;
		}
	}
	return 0;
}

/* A host's rails: the first port of each GPU, then the second of each. */
static int by_rail(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static int build(struct simai *s, struct topology *t)
{
	static const char *const names[] = { "host", "leaf", "spine", "core" };
	uint32_t hosts = s->h.gpus / s->h.gpus_a_server, i;
	struct topo_builder b;
	char where[400];

	topo_build_begin(&b, t);
	for (i = 0; i < hosts; i++)
		topo_build_node(&b, NODE_HOST, s->h.gpus_a_server, 1, "host%u", i);
	for (i = s->h.gpus + s->h.nv_switches; i < s->h.nodes; i++) {
		if (s->tier[i])
			s->index[i] =
				topo_build_node(&b, s->tier[i], 0, 1, "%s%u", names[s->tier[i]], i);
	}
	qsort(s->links, s->nr_links, sizeof(*s->links), by_rail);
	for (i = 0; i < s->nr_links && !b.failed; i++) {
		const struct link *l = &s->links[i];
		uint32_t low = l->a < s->h.gpus ? l->a / s->h.gpus_a_server : s->index[l->a];

		topo_build_link(&b, low, s->index[l->b], l->rate, l->line);
	}
	snprintf(where, sizeof(where), "%s:1: links", s->f.name);
	return topo_build_end(&b, where, s->f.err);
}

int topology_import_simai(const char *file, const struct import_options *o, struct topology *t,
			  struct dmsc_error *err)
{
	struct simai s = { 0 };
	int ret;

	(void)o;
	ret = textfile_open(&s.f, file, err);
	if (ret)
		return ret;
	ret = read_header(&s);
	if (!ret) {
		s.links = calloc(s.h.links + 1, sizeof(*s.links));
		s.ports = calloc(s.h.gpus + 1, sizeof(*s.ports));
		s.tier = calloc(s.h.nodes + 1, 1);
		s.index = calloc(s.h.nodes + 1, sizeof(*s.index));
		if (!s.links || !s.ports || !s.tier || !s.index)
			ret = dmsc_fail(err, -ENOMEM, "out of memory");
	}
	if (!ret)
		ret = read_links(&s);
	if (!ret)
		ret = find_tiers(&s);
	if (!ret)
		ret = build(&s, t);
	free(s.links);
	free(s.ports);
	free(s.tier);
	free(s.index);
	textfile_close(&s.f);
	return ret;
}
