// SPDX-License-Identifier: GPL-2.0-or-later
/* A host's paths: rows of them, what is put around packets, and sets to choose from. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/encap.h"
#include "lib/maglev.h"
#include "lib/tables_priv.h"

#define SET_SEED 0x646d7363 /* of Maglev; the same everywhere */

static bool same_encap(const struct plan_encap *a, const struct plan_encap *b)
{
	return a == b || (a && b && !memcmp(a, b, sizeof(*a)));
}

static int add_encap(struct build *b, uint32_t dst_host, const struct plan_encap *e,
		     struct dmsc_path *path)
{
	const struct plan *p = b->in->plan;
	struct tables *out = b->out;

	encap_build(e, &p->topo.nodes[p->hosts[b->in->host].node].addr,
		    &p->topo.nodes[p->hosts[dst_host].node].addr, &out->encaps[out->t.nr_encaps]);
	path->encap = out->t.nr_encaps++;
	if (dmsc_addr_given(&e->nexthop))
		path->nexthop = e->nexthop;
	path->family = dmsc_addr_is_v4(&path->nexthop) ? AF_INET : AF_INET6;
	return 0;
}

bool tables_talk6(const struct build *b, uint32_t host)
{
	const struct plan *p = b->in->plan;

	return dmsc_addr_given(&p->topo.nodes[p->hosts[b->in->host].node].addr6) &&
	       dmsc_addr_given(&p->topo.nodes[p->hosts[host].node].addr6);
}

/*
 * The row for (dst_host, link, encapsulation, family), made when there is none. What is put
 * around packets has a next hop of its own, which serves both families. DMSC_PATH_NONE where
 * the link has no next hop of IPv6.
 */
static int path_row(struct build *b, uint32_t dst_host, uint32_t link, uint32_t plan_path,
		    const struct plan_encap *encap, bool ipv6, uint32_t *row)
{
	const struct plan *p = b->in->plan;
	const struct topo_link *l = &p->topo.links[link];
	struct tables *out = b->out;
	struct dmsc_path *path;

	ipv6 = ipv6 && !encap;
	if (ipv6 && !dmsc_addr_given(&l->addr6_b)) {
		*row = DMSC_PATH_NONE;
		return 0;
	}
	for (uint32_t i = 1; i < out->t.nr_paths; i++) {
		if (out->about[i].dst_host == dst_host && out->about[i].link == link &&
		    out->about[i].ipv6 == ipv6 && same_encap(out->about[i].encap, encap)) {
			*row = i;
			return 0;
		}
	}
	if (out->t.nr_paths >= DMSC_MAX_PATHS)
		return dmsc_fail(b->err, -EINVAL,
				 "plan: paths: host %s needs more than %u, expected at most that many",
				 p->hosts[b->in->host].name, DMSC_MAX_PATHS - 1);
	if (!b->in->ifindexes[link])
		return dmsc_fail(b->err, -EINVAL,
				 "plan: paths: one leaves %s by %s, which is not an interface to use here",
				 p->hosts[b->in->host].name, l->if_a);
	*row = out->t.nr_paths++;
	out->about[*row] = (struct tables_path){
		.dst_host = dst_host,
		.ipv6 = ipv6,
		.link = link,
		.plan_path = plan_path,
		.encap = encap,
	};
	path = &out->paths[*row];
	path->ifindex = b->in->ifindexes[link];
	path->nexthop = ipv6 ? l->addr6_b : l->addr_b;
	path->family = dmsc_addr_is_v4(&path->nexthop) ? AF_INET : AF_INET6;
	return encap ? add_encap(b, dst_host, encap, path) : 0;
}

int tables_paths(struct build *b)
{
	const struct plan *p = b->in->plan;
	uint32_t row;
	int ret;

	for (uint32_t i = 0; i < p->nr_paths; i++) {
		const struct plan_path *path = &p->paths[i];

		if (path->src_host != b->in->host)
			continue;
		if (!tables_link_of(p, b->in->host, path->link))
			return dmsc_fail(b->err, -EINVAL,
					 "plan: paths[%u].link: %u is not a link of %s, expected one",
					 i, path->link, p->hosts[b->in->host].name);
		ret = path_row(b, path->dst_host, path->link, i, path->encap, false, &row);
		if (!ret && tables_talk6(b, path->dst_host))
			ret = path_row(b, path->dst_host, path->link, i, path->encap, true, &row);
		if (ret)
			return ret;
	}
	return 0;
}

/* ---- sets ---- */

/* Who a path is, wherever it stands in a table and whatever number its interface has. */
static uint64_t path_key(const struct build *b, uint32_t row)
{
	const struct tables_path *about = &b->out->about[row];
	const struct dmsc_path *path = &b->out->paths[row];
	const char *dev = b->in->plan->topo.links[about->link].if_a;
	uint64_t h = 14695981039346656037ULL; /* FNV-1a */
	const uint8_t *bytes;
	size_t i;

	for (i = 0; dev[i]; i++)
		h = (h ^ (uint8_t)dev[i]) * 1099511628211ULL;
	for (i = 0; i < sizeof(path->nexthop); i++)
		h = (h ^ path->nexthop.b[i]) * 1099511628211ULL;
	bytes = (const uint8_t *)&b->out->encaps[path->encap];
	for (i = 0; i < sizeof(*b->out->encaps); i++)
		h = (h ^ bytes[i]) * 1099511628211ULL;
	return h;
}

static int fill_slots(const struct build *b, struct dmsc_set *set)
{
	struct maglev_backend ends[DMSC_MAX_WAYS];
	uint16_t table[DMSC_SET_SLOTS];
	int ret;

	for (uint32_t i = 0; i < set->nr; i++)
		ends[i] = (struct maglev_backend){
			.key = { path_key(b, set->path[i]) },
			.weight = set->weight[i],
			.number = i + 1,
		};
	ret = maglev_fill(table, DMSC_SET_SLOTS, ends, set->nr, SET_SEED);
	for (uint32_t i = 0; i < DMSC_SET_SLOTS && !ret; i++)
		set->slot[i] = table[i] - 1;
	return ret ? dmsc_fail(b->err, ret, "no memory for the tables") : 0;
}

/* Two ways that lead by the same row are one, of both weights; no row is no way. */
static void set_add(struct dmsc_set *set, uint32_t row, uint32_t weight)
{
	uint32_t i, sum;

	if (row == DMSC_PATH_NONE)
		return;
	for (i = 0; i < set->nr && set->path[i] < row; i++)
		;
	if (i < set->nr && set->path[i] == row) {
		sum = set->weight[i] + weight;
		set->weight[i] = sum < PLAN_WEIGHT_MAX ? sum : PLAN_WEIGHT_MAX;
		return;
	}
	memmove(&set->path[i + 1], &set->path[i], (set->nr - i) * sizeof(set->path[0]));
	memmove(&set->weight[i + 1], &set->weight[i], (set->nr - i) * sizeof(set->weight[0]));
	set->path[i] = row;
	set->weight[i] = weight;
	set->nr++;
}

/* The set's number, that of an equal one if there is one; a single path is itself. */
static int set_way(struct build *b, struct dmsc_set *set, uint32_t *way)
{
	struct tables *out = b->out;
	size_t i;
	int ret;

	if (set->nr < 2) {
		*way = set->nr ? set->path[0] : DMSC_PATH_NONE;
		return 0;
	}
	for (i = 0; i < out->t.nr_sets; i++) {
		const struct dmsc_set *s = &out->sets[i];

		if (s->nr == set->nr && !memcmp(s->path, set->path, sizeof(s->path)) &&
		    !memcmp(s->weight, set->weight, sizeof(s->weight)))
			break;
	}
	if (i == DMSC_MAX_SETS)
		return dmsc_fail(b->err, -EINVAL,
				 "plan: flows: host %s needs more than %u different choices of paths, expected at most that many",
				 b->in->plan->hosts[b->in->host].name, DMSC_MAX_SETS);
	if (i == out->t.nr_sets) {
		ret = fill_slots(b, set);
		if (ret)
			return ret;
		out->sets[out->t.nr_sets++] = *set;
	}
	*way = DMSC_PATH_SET | i;
	return 0;
}

/* The host's link by which most of a path's traffic reaches its destination. */
static uint32_t arrival_link(const struct plan *p, const struct plan_path *path)
{
	uint32_t node = p->hosts[path->dst_host].node, best = MODEL_NONE;
	double share = -1;

	for (uint32_t i = 0; i < path->nr_edges; i++) {
		uint32_t edge = path->edges[i];

		if (edge % 2 && edge / 2 < p->topo.nr_links && p->topo.links[edge / 2].a == node &&
		    path->share[i] > share) {
			share = path->share[i];
			best = edge / 2;
		}
	}
	return best;
}

/* The row by which @path's traffic leaves this host, or its answers do. */
static int row_of(struct build *b, uint32_t index, bool ipv6, uint32_t *row)
{
	const struct plan *p = b->in->plan;
	const struct plan_path *path = &p->paths[index];
	uint32_t link;

	if (path->src_host == b->in->host)
		return path_row(b, path->dst_host, path->link, index, path->encap, ipv6, row);
	link = arrival_link(p, path);
	if (link == MODEL_NONE)
		return dmsc_fail(b->err, -EINVAL,
				 "plan: paths[%u].edges: none ends at %s, expected one", index,
				 p->hosts[b->in->host].name);
	return path_row(b, path->src_host, link, MODEL_NONE, NULL, ipv6, row);
}

int tables_flow_way(struct build *b, const struct plan_flow *f, bool ipv6, uint32_t *way)
{
	const struct plan_way *ways = &b->in->plan->ways[f->first_way];
	struct dmsc_set set = { 0 };
	uint32_t row;
	int ret;

	if (!f->nr_ways)
		return row_of(b, f->path, ipv6, way);
	for (uint32_t i = 0; i < f->nr_ways; i++) {
		ret = row_of(b, ways[i].path, ipv6, &row);
		if (ret)
			return ret;
		set_add(&set, row, ways[i].weight);
	}
	return set_way(b, &set, way);
}

int tables_group_way(struct build *b, const struct plan_group *g, uint32_t dst_host, bool ipv6,
		     uint32_t *way)
{
	const struct plan *p = b->in->plan;
	struct dmsc_set set = { 0 };
	uint32_t row;
	int ret;

	for (uint32_t i = 0; i < g->nr_ways; i++) {
		const struct plan_way *w = &p->ways[g->first_way + i];
		const struct plan_path *path = &p->paths[w->path];

		if (path->src_host != b->in->host || path->dst_host != dst_host)
			continue;
		ret = row_of(b, w->path, ipv6, &row);
		if (ret)
			return ret;
		set_add(&set, row, w->weight);
	}
	return set_way(b, &set, way);
}
