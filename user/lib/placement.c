// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/placement.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/textfile.h"
#include "lib/topology_tree.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define LIST_LEN      4096 /* of a host list */

struct raw {
	char hosts[LIST_LEN];
	char distribution[16];
	uint32_t per_host;
	yaml_node_t *ranks;
};

struct raw_place {
	char ranks[32], host[MODEL_NAME_LEN];
	uint32_t gpu;
};

static const struct yaml_field fields[] = {
	YAML_FIELD("hosts", YAML_TEXT, struct raw, hosts, false, 0, 0),
	YAML_FIELD("ranks_per_host", YAML_U32, struct raw, per_host, false, 1, 64),
	YAML_FIELD("distribution", YAML_TEXT, struct raw, distribution, false, 0, 0),
	YAML_FIELD("ranks", YAML_SUBTREE, struct raw, ranks, false, 0, 0),
};

static const struct yaml_field place_fields[] = {
	YAML_FIELD("ranks", YAML_TEXT, struct raw_place, ranks, true, 0, 0),
	YAML_FIELD("host", YAML_NAME, struct raw_place, host, true, 0, 0),
	YAML_FIELD("gpu", YAML_U32, struct raw_place, gpu, false, 0, 63),
};

struct list {
	struct job_placement *p;
	struct yaml_file *f;
	uint32_t room;
};

/* hostlist_each() has seen to it that no list is longer than a topology may be. */
static int add_host(void *arg, const char *name)
{
	struct list *l = arg;
	struct job_placement *p = l->p;
	uint32_t room = l->room ? 2 * l->room : 64;
	void *grown;

	if (!*name || strlen(name) >= MODEL_NAME_LEN || p->nr_hosts == PLACEMENT_MAX_HOSTS)
		return yaml_fail(l->f, p->line,
				 "placement.hosts: '%.70s', expected names of 1 to 63 letters, at most %d of them",
				 name, PLACEMENT_MAX_HOSTS);
	if (p->nr_hosts == l->room) {
		grown = realloc(p->hosts, room * sizeof(*p->hosts));
		if (!grown)
			return dmsc_fail(l->f->err, -ENOMEM, "out of memory");
		p->hosts = grown;
		l->room = room;
	}
	strcpy(p->hosts[p->nr_hosts++], name);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* A host that is named twice would be filled twice. */
static int check_twice(struct yaml_file *f, const struct job_placement *p)
{
	char(*sorted)[MODEL_NAME_LEN] = malloc(p->nr_hosts * sizeof(*sorted));
	uint32_t i;
	int ret = 0;

	if (!sorted)
		return dmsc_fail(f->err, -ENOMEM, "out of memory");
	memcpy(sorted, p->hosts, p->nr_hosts * sizeof(*sorted));
	qsort(sorted, p->nr_hosts, sizeof(*sorted), by_name);
	for (i = 1; i < p->nr_hosts && !ret; i++) {
		if (!strcmp(sorted[i - 1], sorted[i]))
			ret = yaml_fail(f, p->line,
					"placement.hosts: '%s' is given twice, expected once",
					sorted[i]);
	}
	free(sorted);
	return ret;
}

static int read_hosts(struct yaml_file *f, yaml_node_t *node, const struct raw *raw,
		      struct job_placement *p)
{
	struct list list = { .p = p, .f = f };
	int ret;

	if (*raw->distribution && strcmp(raw->distribution, "block") &&
	    strcmp(raw->distribution, "cyclic"))
		return yaml_fail(f, yaml_key_line(f, node, "distribution"),
				 "placement.distribution: '%s', expected block or cyclic",
				 raw->distribution);
	p->line = yaml_key_line(f, node, "hosts");
	p->per_host = raw->per_host;
	p->cyclic = !strcmp(raw->distribution, "cyclic");
	ret = hostlist_each(f->name, p->line, "placement.hosts", raw->hosts, add_host, &list,
			    f->err);
	if (!ret && !p->nr_hosts)
		ret = yaml_fail(f, p->line, "placement.hosts: no names, expected at least one");
	return ret ? ret : check_twice(f, p);
}

/* "3" or "0-7" */
static bool parse_ranks(char *text, uint32_t *first, uint32_t *last)
{
	char *dash = strchr(text, '-');
	uint64_t a, b;

	if (dash)
		*dash = '\0';
	if (!textfile_number(text, PLACEMENT_LAST_RANK, &a) ||
	    !textfile_number(dash ? dash + 1 : text, PLACEMENT_LAST_RANK, &b) || a > b)
		return false;
	*first = a;
	*last = b;
	return true;
}

static int read_ranks(struct yaml_file *f, const struct raw *raw, yaml_node_t *node,
		      struct job_placement *p)
{
	char where[40], given[32];
	size_t n, i;
	int ret;

	p->line = yaml_key_line(f, node, "ranks");
	ret = yaml_sequence(f, raw->ranks, "placement.ranks", PLACEMENT_MAX_PLACES, &n);
	if (ret)
		return ret;
	p->places = calloc(n + 1, sizeof(*p->places));
	if (!p->places)
		return dmsc_fail(f->err, -ENOMEM, "out of memory");
	for (i = 0; i < n; i++) {
		struct raw_place at = { .gpu = UINT32_MAX };
		struct job_place *place = &p->places[i];
		yaml_node_t *item = yaml_item(f, raw->ranks, i);

		snprintf(where, sizeof(where), "placement.ranks[%zu]", i);
		ret = yaml_mapping(f, item, where, place_fields, ARRAY_SIZE(place_fields), &at);
		if (ret)
			return ret;
		place->line = yaml_line(item);
		place->gpu = at.gpu == UINT32_MAX ? -1 : (int32_t)at.gpu;
		strcpy(place->host, at.host);
		strcpy(given, at.ranks);
		if (!parse_ranks(at.ranks, &place->first, &place->last))
			return yaml_fail(f, place->line,
					 "%s.ranks: '%s', expected a rank or FIRST-LAST, at most %u",
					 where, given, PLACEMENT_LAST_RANK);
		p->nr_places++;
	}
	return n ? 0 : yaml_fail(f, p->line, "placement.ranks: empty, expected at least one");
}

int placement_read(struct yaml_file *f, yaml_node_t *node, struct job_placement **out)
{
	struct raw raw = { .per_host = 0 };
	struct job_placement *p = calloc(1, sizeof(*p));
	int ret;

	*out = NULL;
	if (!p)
		return dmsc_fail(f->err, -ENOMEM, "out of memory");
	ret = yaml_mapping(f, node, "placement", fields, ARRAY_SIZE(fields), &raw);
	if (!ret && !*raw.hosts == !raw.ranks)
		ret = yaml_fail(f, yaml_line(node), "placement: %s, expected one of hosts and ranks",
				raw.ranks ? "hosts and ranks" : "neither hosts nor ranks");
	if (!ret && raw.ranks && (raw.per_host || *raw.distribution))
		ret = yaml_fail(f,
				yaml_key_line(f, node,
					      raw.per_host ? "ranks_per_host" : "distribution"),
				"placement.%s: beside ranks, expected it beside hosts",
				raw.per_host ? "ranks_per_host" : "distribution");
	if (!ret)
		ret = raw.ranks ? read_ranks(f, &raw, node, p) : read_hosts(f, node, &raw, p);
	if (ret)
		placement_free(p);
	else
		*out = p;
	return ret;
}

void placement_free(struct job_placement *p)
{
	if (!p)
		return;
	free(p->hosts);
	free(p->places);
	free(p);
}
