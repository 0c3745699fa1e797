// SPDX-License-Identifier: GPL-2.0-or-later
/* Paths of plans from and to JSON, doc/plan-format.md. Trusts nothing. */
#include "lib/plan_paths.h"

#include "lib/addr.h"
#include "lib/plan_reader.h"

static const char *const kind_names[] = { "route", "srv6", "udp", "label" };

#define NR_KINDS (sizeof(kind_names) / sizeof(kind_names[0]))

#define LABEL_MAX 0xfffff /* 20 bits */

static bool parse_addr(json_t *v, struct dmsc_addr *out)
{
	const char *s = json_string_value(v);

	memset(out, 0, sizeof(*out));
	if (s && inet_pton(AF_INET, s, out->b + 12) == 1) {
		out->b[10] = out->b[11] = 0xff;
		return true;
	}
	return s && inet_pton(AF_INET6, s, out->b) == 1;
}

static bool is_v6(const struct dmsc_addr *a)
{
	return dmsc_addr_given(a) && !dmsc_addr_is_v4(a);
}

/* An address of either family; one that is missing leaves @out as it is. */
static int get_either(struct reader *r, json_t *o, const char *key, struct dmsc_addr *out)
{
	json_t *v = json_object_get(o, key);

	if (v && (!parse_addr(v, out) || !dmsc_addr_given(out)))
		return bad(r, key, "an IPv4 or IPv6 address");
	return 0;
}

int plan_get_addr6(struct reader *r, json_t *o, const char *key, struct dmsc_addr *out)
{
	json_t *v = json_object_get(o, key);

	if (v && (!parse_addr(v, out) || !is_v6(out)))
		return bad(r, key, "an IPv6 address");
	return 0;
}

/* One of IPv6 that has to be there. */
static int get_ipv6(struct reader *r, json_t *o, const char *key, struct dmsc_addr *out)
{
	json_t *v = json_object_get(o, key);

	if (!parse_addr(v, out) || !dmsc_addr_given(out) || dmsc_addr_is_v4(out))
		return bad(r, key, "an IPv6 address");
	return 0;
}

static int read_segments(struct reader *r, json_t *o, struct plan_encap *e)
{
	json_t *a = json_object_get(o, "segments");
	size_t n = json_array_size(a), i;

	if (n < 1 || n > DMSC_MAX_SEGMENTS)
		return dmsc_fail(r->err, -EINVAL,
				 "%s: %s.segments: %zu of them, expected a list of 1 to %d IPv6 addresses",
				 r->file, r->where, n, DMSC_MAX_SEGMENTS);
	for (i = 0; i < n; i++) {
		struct dmsc_addr *to = &e->segments[i];

		if (!parse_addr(json_array_get(a, i), to) || !dmsc_addr_given(to) ||
		    dmsc_addr_is_v4(to))
			return bad(r, "segments", "a list of IPv6 addresses");
	}
	e->nr_segments = n;
	return 0;
}

static int read_udp(struct reader *r, json_t *o, struct plan_encap *e)
{
	uint64_t port = 0;
	int ret;

	ret = get_int(r, o, "port", 1, 65535, &port);
	e->port = port;
	if (!ret)
		ret = get_either(r, o, "target", &e->target);
	/* A host's own address is of IPv4. */
	if (!ret && is_v6(&e->source) != is_v6(&e->target))
		ret = bad(r, "target", "an address of the same family as source");
	return ret;
}

/* Members of a path that is more than an interface and a next hop. */
static int read_encap(struct reader *r, json_t *o, struct plan_path *path)
{
	int kind = find_name(kind_names, NR_KINDS, json_string_value(json_object_get(o, "kind")));
	struct plan_encap *e;
	uint32_t max;
	int ret;

	if (kind < 0)
		return bad(r, "kind", "route, srv6, udp or label");
	if (kind == PATH_ROUTE)
		return 0;
	e = calloc(1, sizeof(*e));
	if (!e)
		return dmsc_fail(r->err, -ENOMEM, "%s: out of memory", r->file);
	path->encap = e;
	e->kind = kind;
	ret = get_either(r, o, "nexthop", &e->nexthop);
	if (!ret)
		ret = get_either(r, o, "source", &e->source);
	max = kind == PATH_UDP ? 65535 : LABEL_MAX;
	if (!ret && (kind == PATH_LABEL || json_object_get(o, "entropy"))) {
		uint64_t entropy = 0;

		ret = get_int(r, o, "entropy", 1, max, &entropy);
		e->entropy = entropy;
	}
	if (!ret && kind == PATH_SRV6)
		ret = read_segments(r, o, e);
	if (!ret && kind == PATH_SRV6)
		ret = get_ipv6(r, o, "source", &e->source);
	if (!ret && kind == PATH_UDP)
		ret = read_udp(r, o, e);
	/* What leaves as IPv6 needs a next hop of IPv6; a topology's are of IPv4. */
	if (!ret && (kind != PATH_UDP || is_v6(&e->source)))
		ret = get_ipv6(r, o, "nexthop", &e->nexthop);
	return ret;
}

static int read_edges(struct reader *r, json_t *o, const struct plan *p, struct plan_path *path)
{
	json_t *edges = json_object_get(o, "edges"), *share = json_object_get(o, "share");
	size_t n = json_array_size(edges), k;
	int ret = 0;

	if (!json_is_array(edges) || n != json_array_size(share) || n > 2 * p->topo.nr_links)
		return bad(r, "edges", "a list of edges with a share each");
	path->edges = calloc(n + 1, sizeof(*path->edges));
	path->share = calloc(n + 1, sizeof(*path->share));
	if (!path->edges || !path->share)
		return dmsc_fail(r->err, -ENOMEM, "%s: out of memory", r->file);
	for (k = 0; k < n && !ret; k++) {
		json_int_t e = json_integer_value(json_array_get(edges, k));

		if (!json_is_integer(json_array_get(edges, k)) || e < 0 ||
		    e >= 2 * (json_int_t)p->topo.nr_links)
			return bad(r, "edges", "edges of the topology");
		path->edges[k] = e;
		path->nr_edges++;
		ret = get_real(r, json_array_get(share, k), "share", 1, &path->share[k]);
	}
	return ret;
}

int plan_read_paths(struct reader *r, json_t *o, struct plan *p)
{
	json_t *a, *v;
	uint32_t i;
	int ret;

	ret = get_array(r, o, "paths", sizeof(*p->paths), &p->paths, &p->nr_paths, &a);
	for (i = 0; !ret && i < p->nr_paths; i++) {
		struct plan_path *path = &p->paths[i];

		v = json_array_get(a, i);
		AT(r, "paths", i);
		ret = get_index(r, v, "src_host", p->nr_hosts, false, &path->src_host);
		if (!ret)
			ret = get_index(r, v, "dst_host", p->nr_hosts, false, &path->dst_host);
		if (!ret)
			ret = get_index(r, v, "link", p->topo.nr_links, false, &path->link);
		if (!ret)
			ret = read_edges(r, v, p, path);
		if (!ret && p->topo.links[path->link].a != p->hosts[path->src_host].node &&
		    p->topo.links[path->link].b != p->hosts[path->src_host].node)
			ret = bad(r, "link", "a link of the source host");
		if (!ret && json_object_get(v, "kind"))
			ret = read_encap(r, v, path);
	}
	return ret;
}

/* A list of {path, weight} at "paths" of @o, appended to the plan's ways. */
static int read_ways(struct reader *r, json_t *o, struct plan *p, uint32_t *first, uint32_t *nr)
{
	json_t *a = json_object_get(o, "paths"), *v;
	size_t n = json_array_size(a), i, k;
	struct plan_way *grown;
	uint64_t weight = 0;
	char at[64];
	int ret = 0;

	if (!json_is_array(a) || n < 1 || n > DMSC_MAX_WAYS)
		return dmsc_fail(r->err, -EINVAL,
				 "%s: %s.paths: %zu of them, expected a list of 1 to %d", r->file,
				 r->where, n, DMSC_MAX_WAYS);
	grown = realloc(p->ways, (p->nr_ways + n) * sizeof(*grown));
	if (!grown)
		return dmsc_fail(r->err, -ENOMEM, "%s: out of memory", r->file);
	p->ways = grown;
	*first = p->nr_ways;
	snprintf(at, sizeof(at), "%s", r->where);
	for (i = 0; i < n && !ret; i++) {
		struct plan_way *w = &grown[*first + i];

		snprintf(r->where, sizeof(r->where), "%.40s.paths[%zu]", at, i);
		v = json_array_get(a, i);
		ret = get_index(r, v, "path", p->nr_paths, false, &w->path);
		if (!ret)
			ret = get_int(r, v, "weight", 1, PLAN_WEIGHT_MAX, &weight);
		if (ret)
			return ret;
		w->weight = weight;
		for (k = 0; k < i && !ret; k++) {
			if (grown[*first + k].path == w->path)
				ret = bad(r, "path", "one that is not in this list before");
		}
	}
	snprintf(r->where, sizeof(r->where), "%s", at);
	p->nr_ways += n;
	*nr = n;
	return ret;
}

int plan_read_flow_ways(struct reader *r, json_t *o, struct plan *p, struct plan_flow *f)
{
	uint32_t src = p->instances[f->src].host, dst = p->instances[f->dst].host, i;
	bool among = false;
	int ret;

	if (f->path == MODEL_NONE)
		return bad(r, "paths", "none, within a host");
	ret = read_ways(r, o, p, &f->first_way, &f->nr_ways);
	if (ret)
		return ret;
	for (i = 0; i < f->nr_ways; i++) {
		const struct plan_path *path = &p->paths[p->ways[f->first_way + i].path];

		if (path->src_host != src || path->dst_host != dst)
			return bad(r, "paths", "paths between the flow's hosts");
		among |= p->ways[f->first_way + i].path == f->path;
	}
	return among ? 0 : bad(r, "path", "one of paths");
}

static bool end_known(const struct plan *p, uint32_t id, bool mic)
{
	uint32_t i;

	for (i = 0; mic && i < p->nr_mics; i++) {
		if (p->mics[i].id == id)
			return true;
	}
	for (i = 0; !mic && i < p->nr_instances; i++) {
		if (p->instances[i].sid == id)
			return true;
	}
	return false;
}

/* {"sid": N} or {"mic": N} */
static int read_end(struct reader *r, json_t *o, const char *key, const struct plan *p,
		    uint32_t *id, bool *mic)
{
	json_t *v = json_object_get(o, key), *n;

	*mic = json_object_get(v, "mic");
	n = json_object_get(v, *mic ? "mic" : "sid");
	if (json_object_size(v) != 1 || !json_is_integer(n) || json_integer_value(n) < 0 ||
	    json_integer_value(n) > UINT32_MAX)
		return bad(r, key, "an object of sid or mic, and its number");
	*id = json_integer_value(n);
	if (!end_known(p, *id, *mic))
		return dmsc_fail(r->err, -EINVAL, "%s: %s.%s: %s %u is unknown, expected one of %s",
				 r->file, r->where, key, *mic ? "MIC" : "SID", *id,
				 *mic ? "mics" : "instances");
	return 0;
}

int plan_read_groups(struct reader *r, json_t *o, struct plan *p)
{
	json_t *a, *v;
	uint32_t i;
	int ret;

	if (!json_object_get(o, "groups"))
		return 0;
	ret = get_array(r, o, "groups", sizeof(*p->groups), &p->groups, &p->nr_groups, &a);
	for (i = 0; !ret && i < p->nr_groups; i++) {
		struct plan_group *g = &p->groups[i];

		v = json_array_get(a, i);
		AT(r, "groups", i);
		ret = read_end(r, v, "from", p, &g->from, &g->from_mic);
		if (!ret)
			ret = read_end(r, v, "to", p, &g->to, &g->to_mic);
		if (!ret)
			ret = get_class(r, v, &g->class);
		if (!ret)
			ret = read_ways(r, v, p, &g->first_way, &g->nr_ways);
	}
	return ret;
}

/* ---- writing ---- */

/* Takes @v over; a value that could not be made spoils the whole. */
static void append(json_t *array, json_t *v, bool *ok)
{
	if (json_array_append_new(array, v))
		*ok = false;
}

static void set(json_t *o, const char *key, json_t *v, bool *ok)
{
	if (json_object_set_new(o, key, v))
		*ok = false;
}

void plan_set_addr(json_t *o, const char *key, const struct dmsc_addr *a, bool *ok)
{
	char text[INET6_ADDRSTRLEN];

	if (dmsc_addr_given(a))
		set(o, key, json_string(dmsc_addr_format(a, text)), ok);
}

static void encap_json(json_t *o, const struct plan_encap *e, bool *ok)
{
	json_t *segments;
	char text[INET6_ADDRSTRLEN];
	uint32_t i;

	set(o, "kind", json_string(kind_names[e->kind]), ok);
	plan_set_addr(o, "source", &e->source, ok);
	plan_set_addr(o, "target", &e->target, ok);
	plan_set_addr(o, "nexthop", &e->nexthop, ok);
	if (e->port)
		set(o, "port", json_integer(e->port), ok);
	if (e->entropy)
		set(o, "entropy", json_integer(e->entropy), ok);
	if (!e->nr_segments)
		return;
	segments = json_array();
	for (i = 0; i < e->nr_segments; i++)
		append(segments, json_string(dmsc_addr_format(&e->segments[i], text)), ok);
	set(o, "segments", segments, ok);
}

json_t *plan_path_json(const struct plan_path *path, bool *ok)
{
	json_t *edges = json_array(), *share = json_array(), *o;
	uint32_t i;

	for (i = 0; i < path->nr_edges; i++) {
		append(edges, json_integer(path->edges[i]), ok);
		append(share, json_real(path->share[i]), ok);
	}
	o = json_pack("{s:I, s:I, s:I, s:o, s:o}", "src_host", (json_int_t)path->src_host,
		      "dst_host", (json_int_t)path->dst_host, "link", (json_int_t)path->link,
		      "edges", edges, "share", share);
	if (o && path->encap)
		encap_json(o, path->encap, ok);
	return o;
}

json_t *plan_ways_json(const struct plan *p, uint32_t first, uint32_t nr, bool *ok)
{
	json_t *a = json_array();
	uint32_t i;

	for (i = first; i < first + nr; i++)
		append(a,
		       json_pack("{s:I, s:I}", "path", (json_int_t)p->ways[i].path, "weight",
				 (json_int_t)p->ways[i].weight),
		       ok);
	return a;
}

json_t *plan_groups_json(const struct plan *p, bool *ok)
{
	json_t *a = json_array();
	uint32_t i;

	for (i = 0; i < p->nr_groups; i++) {
		const struct plan_group *g = &p->groups[i];

		append(a,
		       json_pack("{s:{s:I}, s:{s:I}, s:s, s:o}", "from", g->from_mic ? "mic" : "sid",
				 (json_int_t)g->from, "to", g->to_mic ? "mic" : "sid",
				 (json_int_t)g->to, "class", dmsc_class_name(g->class), "paths",
				 plan_ways_json(p, g->first_way, g->nr_ways, ok)),
		       ok);
	}
	return a;
}
