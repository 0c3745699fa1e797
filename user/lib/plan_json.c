// SPDX-License-Identifier: GPL-2.0-or-later
/* Plans as JSON, doc/plan-format.md. Reading trusts nothing. */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/spec.h"

#define PLAN_VERSION	1
#define PLAN_MAX_SIZE	(512UL << 20)	/* bytes of text */
#define PLAN_MAX_ITEMS	(64U << 20)

static const char *const kind_names[] = { "host", "leaf", "spine" };
static const char *const op_names[] = { "compute", "send", "recv" };

#define TOTALS(x) \
	x(tp_all_reduce_forward) x(tp_all_reduce_backward) x(tp_all_gather) x(tp_reduce_scatter) \
	x(dp_reduce_scatter) x(dp_all_gather) x(dp_all_reduce) x(pp_send_forward) \
	x(pp_send_backward) x(ep_all_to_all)

/* ---- writing ---- */

static json_t *addr_json(const struct dmsc_addr *a)
{
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, a->b + 12, text, sizeof(text));
	return json_string(text);
}

static json_t *topology_json(const struct topology *t)
{
	json_t *nodes = json_array(), *links = json_array();
	uint32_t i;

	for (i = 0; i < t->nr_nodes; i++)
		json_array_append_new(nodes, json_pack("{s:s, s:s, s:I, s:o}",
						       "name", t->nodes[i].name,
						       "kind", kind_names[t->nodes[i].kind],
						       "gpus", (json_int_t)t->nodes[i].gpus,
						       "address", addr_json(&t->nodes[i].addr)));
	for (i = 0; i < t->nr_links; i++) {
		const struct topo_link *l = &t->links[i];

		json_array_append_new(links, json_pack("{s:I, s:I, s:s, s:s, s:o, s:o, s:I}",
						       "a", (json_int_t)l->a, "b", (json_int_t)l->b,
						       "if_a", l->if_a, "if_b", l->if_b,
						       "addr_a", addr_json(&l->addr_a),
						       "addr_b", addr_json(&l->addr_b),
						       "rate", (json_int_t)l->rate));
	}
	return json_pack("{s:s, s:o, s:o}", "name", t->name, "nodes", nodes, "links", links);
}

static json_t *instance_json(const struct plan_instance *in)
{
	json_t *slots = json_array(), *ports = json_array();
	int c;

	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		json_array_append_new(slots, json_integer(in->slot[c]));
		json_array_append_new(ports, json_integer(in->port[c]));
	}
	return json_pack("{s:I, s:I, s:s, s:I, s:i, s:s, s:s, s:i, s:o, s:o}",
			 "sid", (json_int_t)in->sid, "mic", (json_int_t)in->mic, "name", in->name,
			 "host", (json_int_t)in->host, "gpu", in->gpu, "cgroup", in->cgroup,
			 "class", dmsc_class_name(in->class_default), "class_mask", in->class_mask,
			 "slots", slots, "ports", ports);
}

static json_t *index_json(uint32_t index)
{
	return index == MODEL_NONE ? json_null() : json_integer(index);
}

static json_t *flow_json(const struct plan_flow *f)
{
	return json_pack("{s:I, s:I, s:s, s:b, s:I, s:I, s:I, s:I, s:o}",
			 "src", (json_int_t)f->src, "dst", (json_int_t)f->dst,
			 "class", dmsc_class_name(f->class), "bulk", f->bulk,
			 "bytes", (json_int_t)f->bytes, "messages", (json_int_t)f->messages,
			 "order", (json_int_t)f->order, "slack_ns", (json_int_t)f->slack,
			 "path", index_json(f->path));
}

static json_t *path_json(const struct plan_path *path)
{
	json_t *edges = json_array(), *share = json_array();
	uint32_t i;

	for (i = 0; i < path->nr_edges; i++) {
		json_array_append_new(edges, json_integer(path->edges[i]));
		json_array_append_new(share, json_real(path->share[i]));
	}
	return json_pack("{s:I, s:I, s:I, s:o, s:o}", "src_host", (json_int_t)path->src_host,
			 "dst_host", (json_int_t)path->dst_host, "link", (json_int_t)path->link,
			 "edges", edges, "share", share);
}

/* [kind, flow, amount, phase, micro-batch, dependency...] */
static json_t *op_json(const struct plan *p, const struct plan_op *op)
{
	json_t *a = json_array();
	uint32_t i;

	json_array_append_new(a, json_string(op_names[op->kind]));
	json_array_append_new(a, index_json(op->flow));
	json_array_append_new(a, json_integer(op->amount));
	json_array_append_new(a, json_integer(op->phase));
	json_array_append_new(a, json_integer(op->micro_batch));
	for (i = 0; i < op->nr_deps; i++)
		json_array_append_new(a, json_integer(p->deps[op->first_dep + i]));
	return a;
}

static json_t *plan_json(const struct plan *p)
{
	json_t *o = json_object(), *a, *totals = json_object();
	uint32_t i, k;

	json_object_set_new(o, "version", json_integer(PLAN_VERSION));
	json_object_set_new(o, "job", json_string(p->job));
	json_object_set_new(o, "source", json_string(p->source));
#define x(f) json_object_set_new(totals, #f, json_integer(p->totals.f));
	TOTALS(x)
#undef x
	json_object_set_new(o, "totals", totals);
	json_object_set_new(o, "critical_path_ns", json_integer(p->critical_path));
	json_object_set_new(o, "notes", a = json_array());
	for (i = 0; i < p->nr_notes; i++)
		json_array_append_new(a, json_string(p->notes[i]));
	json_object_set_new(o, "topology", topology_json(&p->topo));
	json_object_set_new(o, "edge_load", a = json_array());
	for (i = 0; i < 2 * p->topo.nr_links; i++)
		json_array_append_new(a, json_real(p->edge_load[i]));
	json_object_set_new(o, "hosts", a = json_array());
	for (i = 0; i < p->nr_hosts; i++)
		json_array_append_new(a, json_pack("{s:s, s:I}", "name", p->hosts[i].name,
						   "node", (json_int_t)p->hosts[i].node));
	json_object_set_new(o, "mics", a = json_array());
	for (i = 0; i < p->nr_mics; i++)
		json_array_append_new(a, json_pack("{s:I, s:s}", "id", (json_int_t)p->mics[i].id,
						   "name", p->mics[i].name));
	json_object_set_new(o, "instances", a = json_array());
	for (i = 0; i < p->nr_instances; i++)
		json_array_append_new(a, instance_json(&p->instances[i]));
	json_object_set_new(o, "flows", a = json_array());
	for (i = 0; i < p->nr_flows; i++)
		json_array_append_new(a, flow_json(&p->flows[i]));
	json_object_set_new(o, "paths", a = json_array());
	for (i = 0; i < p->nr_paths; i++)
		json_array_append_new(a, path_json(&p->paths[i]));
	json_object_set_new(o, "ops", a = json_array());
	for (i = 0; i < p->nr_instances; i++) {
		json_t *mine = json_array();

		for (k = p->op_start[i]; k < p->op_start[i + 1]; k++)
			json_array_append_new(mine, op_json(p, &p->ops[k]));
		json_array_append_new(a, mine);
	}
	return o;
}

char *plan_to_text(const struct plan *p, struct dmsc_error *err)
{
	json_t *o = plan_json(p);
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	json_decref(o);
	if (!text)
		dmsc_fail(err, -ENOMEM, "plan: cannot be written as JSON");
	return text;
}

int plan_write(const struct plan *p, const char *file, struct dmsc_error *err)
{
	char *text = plan_to_text(p, err);
	FILE *out;
	int ret = 0;

	if (!text)
		return -ENOMEM;
	out = strcmp(file, "-") ? fopen(file, "we") : stdout;
	if (!out) {
		ret = dmsc_fail(err, -errno, "%s: %s", file, strerror(errno));
	} else {
		if (fputs(text, out) < 0 || fputc('\n', out) < 0 || fflush(out))
			ret = dmsc_fail(err, -EIO, "%s: %s", file, strerror(errno));
		if (out != stdout && fclose(out) && !ret)
			ret = dmsc_fail(err, -errno, "%s: %s", file, strerror(errno));
	}
	free(text);
	return ret;
}

/* ---- reading ---- */

struct reader {
	const char *file;
	struct dmsc_error *err;
	char where[64];
};

static int bad(struct reader *r, const char *field, const char *expected)
{
	return dmsc_fail(r->err, -EINVAL, "%s: %s%s%s: expected %s", r->file, r->where,
			 *r->where && *field ? "." : "", field, expected);
}

static int get_int(struct reader *r, json_t *o, const char *key, uint64_t min, uint64_t max,
		   uint64_t *out)
{
	json_t *v = json_object_get(o, key);
	char text[80];

	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    (uint64_t)json_integer_value(v) < min || (uint64_t)json_integer_value(v) > max) {
		snprintf(text, sizeof(text), "a whole number, %llu to %llu", (unsigned long long)min,
			 (unsigned long long)max);
		return bad(r, key, text);
	}
	*out = json_integer_value(v);
	return 0;
}

static int get_u32(struct reader *r, json_t *o, const char *key, uint32_t max, uint32_t *out)
{
	uint64_t v;
	int ret = get_int(r, o, key, 0, max, &v);

	if (!ret)
		*out = v;
	return ret;
}

/* An index below @n, or null for none where that is allowed. */
static int get_index(struct reader *r, json_t *o, const char *key, uint32_t n, bool none, uint32_t *out)
{
	if (none && json_is_null(json_object_get(o, key))) {
		*out = MODEL_NONE;
		return 0;
	}
	if (!n)
		return bad(r, key, "an index of a list that is not empty");
	return get_u32(r, o, key, n - 1, out);
}

static int get_text(struct reader *r, json_t *o, const char *key, char *out, size_t size)
{
	const char *s = json_string_value(json_object_get(o, key));

	if (!s || !*s || strlen(s) >= size)
		return bad(r, key, "a text");
	strcpy(out, s);
	return 0;
}

/* A path below the cgroup root that cannot leave it. */
static int get_cgroup(struct reader *r, json_t *o, char *out, size_t size)
{
	int ret = get_text(r, o, "cgroup", out, size);

	if (!ret && (*out == '/' || strstr(out, "..") || strchr(out, '\n')))
		return bad(r, "cgroup", "a relative path without '..'");
	return ret;
}

static int get_addr(struct reader *r, json_t *o, const char *key, struct dmsc_addr *out)
{
	const char *s = json_string_value(json_object_get(o, key));

	memset(out, 0, sizeof(*out));
	out->b[10] = 0xff;
	out->b[11] = 0xff;
	if (!s || inet_pton(AF_INET, s, out->b + 12) != 1)
		return bad(r, key, "an IPv4 address");
	return 0;
}

static int get_class(struct reader *r, json_t *o, uint8_t *out)
{
	const char *s = json_string_value(json_object_get(o, "class"));
	int c = s ? dmsc_class_parse(s) : -1;

	if (c < 0)
		return bad(r, "class", "the name of a class");
	*out = c;
	return 0;
}

static int get_array(struct reader *r, json_t *o, const char *key, size_t size, void *out, uint32_t *n,
		     json_t **array)
{
	r->where[0] = '\0';
	*array = json_object_get(o, key);
	if (!json_is_array(*array) || json_array_size(*array) > PLAN_MAX_ITEMS)
		return bad(r, key, "a list");
	*n = json_array_size(*array);
	*(void **)out = calloc(*n + 1, size);
	return *(void **)out ? 0 : dmsc_fail(r->err, -ENOMEM, "%s: out of memory", r->file);
}

static int find_name(const char *const *names, size_t n, const char *s)
{
	size_t i;

	for (i = 0; s && i < n; i++) {
		if (!strcmp(names[i], s))
			return i;
	}
	return -1;
}

#define AT(r, list, i) snprintf((r)->where, sizeof((r)->where), "%s[%u]", list, i)

static int read_topology(struct reader *r, json_t *o, struct topology *t)
{
	json_t *a, *v;
	uint32_t i;
	int ret, kind;

	r->where[0] = '\0';
	if (!json_is_object(o))
		return bad(r, "topology", "an object");
	ret = get_text(r, o, "name", t->name, sizeof(t->name));
	if (!ret)
		ret = get_array(r, o, "nodes", sizeof(*t->nodes), &t->nodes, &t->nr_nodes, &a);
	for (i = 0; !ret && i < t->nr_nodes; i++) {
		v = json_array_get(a, i);
		AT(r, "nodes", i);
		ret = get_text(r, v, "name", t->nodes[i].name, MODEL_NAME_LEN);
		if (!ret)
			ret = get_u32(r, v, "gpus", 64, &t->nodes[i].gpus);
		if (!ret)
			ret = get_addr(r, v, "address", &t->nodes[i].addr);
		kind = find_name(kind_names, 3, json_string_value(json_object_get(v, "kind")));
		if (!ret && kind < 0)
			ret = bad(r, "kind", "host, leaf or spine");
		t->nodes[i].kind = kind;
	}
	if (!ret)
		ret = get_array(r, o, "links", sizeof(*t->links), &t->links, &t->nr_links, &a);
	for (i = 0; !ret && i < t->nr_links; i++) {
		struct topo_link *l = &t->links[i];

		v = json_array_get(a, i);
		AT(r, "links", i);
		ret = get_index(r, v, "a", t->nr_nodes, false, &l->a);
		if (!ret)
			ret = get_index(r, v, "b", t->nr_nodes, false, &l->b);
		if (!ret)
			ret = get_text(r, v, "if_a", l->if_a, sizeof(l->if_a));
		if (!ret)
			ret = get_text(r, v, "if_b", l->if_b, sizeof(l->if_b));
		if (!ret)
			ret = get_addr(r, v, "addr_a", &l->addr_a);
		if (!ret)
			ret = get_addr(r, v, "addr_b", &l->addr_b);
		if (!ret)
			ret = get_int(r, v, "rate", 1, UINT64_MAX >> 1, &l->rate);
	}
	return ret;
}

static int read_per_class(struct reader *r, json_t *o, const char *key, uint32_t max, uint16_t *out)
{
	json_t *a = json_object_get(o, key);
	size_t c;

	if (json_array_size(a) != DMSC_NR_CLASSES)
		return bad(r, key, "a list of 8 numbers");
	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		json_t *v = json_array_get(a, c);

		if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > max)
			return bad(r, key, "a list of 8 numbers in range");
		out[c] = json_integer_value(v);
	}
	return 0;
}

static int read_instances(struct reader *r, json_t *o, struct plan *p)
{
	json_t *a, *v;
	uint32_t i, u;
	int ret;

	ret = get_array(r, o, "instances", sizeof(*p->instances), &p->instances, &p->nr_instances, &a);
	for (i = 0; !ret && i < p->nr_instances; i++) {
		struct plan_instance *in = &p->instances[i];

		v = json_array_get(a, i);
		AT(r, "instances", i);
		ret = get_u32(r, v, "sid", UINT32_MAX, &in->sid);
		if (!ret && !in->sid)
			ret = bad(r, "sid", "a SID, not 0");
		if (!ret)
			ret = get_u32(r, v, "mic", UINT32_MAX, &in->mic);
		if (!ret)
			ret = get_text(r, v, "name", in->name, sizeof(in->name));
		if (!ret)
			ret = get_index(r, v, "host", p->nr_hosts, false, &in->host);
		if (!ret)
			ret = get_cgroup(r, v, in->cgroup, sizeof(in->cgroup));
		if (!ret)
			ret = get_class(r, v, &in->class_default);
		if (!ret)
			ret = get_u32(r, v, "class_mask", 255, &u);
		if (!ret)
			in->class_mask = u;
		if (!ret)
			ret = read_per_class(r, v, "slots", DMSC_NR_SLOTS - 1, in->slot);
		if (!ret)
			ret = read_per_class(r, v, "ports", 65535, in->port);
		if (!json_is_integer(json_object_get(v, "gpu")))
			ret = ret ? ret : bad(r, "gpu", "a whole number");
		in->gpu = json_integer_value(json_object_get(v, "gpu"));
	}
	return ret;
}

static int by_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int unique_sids(struct reader *r, const struct plan *p)
{
	uint32_t *sids = calloc(p->nr_instances + 1, sizeof(*sids)), i;
	int ret = 0;

	if (!sids)
		return dmsc_fail(r->err, -ENOMEM, "%s: out of memory", r->file);
	for (i = 0; i < p->nr_instances; i++)
		sids[i] = p->instances[i].sid;
	qsort(sids, p->nr_instances, sizeof(*sids), by_u32);
	for (i = 1; i < p->nr_instances && !ret; i++) {
		if (sids[i] == sids[i - 1])
			ret = dmsc_fail(r->err, -EINVAL, "%s: instances.sid: %u is given twice", r->file,
					sids[i]);
	}
	free(sids);
	return ret;
}

static int read_flows(struct reader *r, json_t *o, struct plan *p)
{
	json_t *a, *v;
	uint32_t i;
	int ret;

	ret = get_array(r, o, "flows", sizeof(*p->flows), &p->flows, &p->nr_flows, &a);
	for (i = 0; !ret && i < p->nr_flows; i++) {
		struct plan_flow *f = &p->flows[i];

		v = json_array_get(a, i);
		AT(r, "flows", i);
		ret = get_index(r, v, "src", p->nr_instances, false, &f->src);
		if (!ret)
			ret = get_index(r, v, "dst", p->nr_instances, false, &f->dst);
		if (!ret)
			ret = get_class(r, v, &f->class);
		if (!ret)
			ret = get_int(r, v, "bytes", 0, INT64_MAX, &f->bytes);
		if (!ret)
			ret = get_int(r, v, "messages", 0, UINT32_MAX, &f->messages);
		if (!ret)
			ret = get_u32(r, v, "order", UINT32_MAX, &f->order);
		if (!ret)
			ret = get_index(r, v, "path", p->nr_paths, true, &f->path);
		if (!ret && !json_is_integer(json_object_get(v, "slack_ns")))
			ret = bad(r, "slack_ns", "a whole number");
		f->slack = json_integer_value(json_object_get(v, "slack_ns"));
		f->bulk = json_is_true(json_object_get(v, "bulk"));
		if (!ret && f->path != MODEL_NONE &&
		    (p->paths[f->path].src_host != p->instances[f->src].host ||
		     p->paths[f->path].dst_host != p->instances[f->dst].host))
			ret = bad(r, "path", "a path between the flow's hosts");
	}
	return ret;
}

static int read_paths(struct reader *r, json_t *o, struct plan *p)
{
	json_t *a, *v, *edges, *share;
	uint32_t i, k;
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
		edges = json_object_get(v, "edges");
		share = json_object_get(v, "share");
		if (!ret && (!json_is_array(edges) || json_array_size(edges) != json_array_size(share) ||
			     json_array_size(edges) > 2 * p->topo.nr_links))
			ret = bad(r, "edges", "a list of edges with a share each");
		if (ret)
			break;
		path->edges = calloc(json_array_size(edges) + 1, sizeof(*path->edges));
		path->share = calloc(json_array_size(edges) + 1, sizeof(*path->share));
		if (!path->edges || !path->share)
			return dmsc_fail(r->err, -ENOMEM, "%s: out of memory", r->file);
		for (k = 0; k < json_array_size(edges); k++) {
			json_int_t e = json_integer_value(json_array_get(edges, k));

			if (!json_is_integer(json_array_get(edges, k)) || e < 0 ||
			    e >= 2 * (json_int_t)p->topo.nr_links)
				return bad(r, "edges", "edges of the topology");
			path->edges[k] = e;
			path->share[k] = json_number_value(json_array_get(share, k));
			path->nr_edges++;
		}
		if (p->topo.links[path->link].a != p->hosts[path->src_host].node &&
		    p->topo.links[path->link].b != p->hosts[path->src_host].node)
			return bad(r, "link", "a link of the source host");
	}
	return ret;
}

static int read_op(struct reader *r, json_t *a, struct plan *p, uint32_t instance, uint32_t *room_deps)
{
	struct plan_op *op = &p->ops[p->nr_ops];
	int kind = find_name(op_names, 3, json_string_value(json_array_get(a, 0)));
	json_t *flow = json_array_get(a, 1), *amount = json_array_get(a, 2), *v;
	size_t i;

	if (kind < 0 || json_array_size(a) < 5 || !json_is_integer(amount) ||
	    json_integer_value(amount) < 0 || !json_is_integer(json_array_get(a, 3)) ||
	    !json_is_integer(json_array_get(a, 4)))
		return bad(r, "", "[kind, flow, amount, phase, micro-batch, dependency...]");
	op->kind = kind;
	op->amount = json_integer_value(amount);
	op->phase = json_integer_value(json_array_get(a, 3));
	op->micro_batch = json_integer_value(json_array_get(a, 4));
	op->first_dep = p->nr_deps;
	op->flow = MODEL_NONE;
	if (op->kind != OP_COMPUTE) {
		if (!json_is_integer(flow) || json_integer_value(flow) < 0 ||
		    json_integer_value(flow) >= p->nr_flows)
			return bad(r, "flow", "an index of a flow");
		op->flow = json_integer_value(flow);
		if ((op->kind == OP_SEND ? p->flows[op->flow].src : p->flows[op->flow].dst) != instance)
			return bad(r, "flow", "a flow of this instance");
	}
	for (i = 5; i < json_array_size(a); i++) {
		v = json_array_get(a, i);
		/* Steps stand after what they wait for, so no circle is possible. */
		if (!json_is_integer(v) || json_integer_value(v) < p->op_start[instance] ||
		    json_integer_value(v) >= p->nr_ops)
			return bad(r, "dependency", "an earlier step of the same instance");
		if (p->nr_deps == *room_deps) {
			uint32_t *grown;

			*room_deps = *room_deps ? 2 * *room_deps : 1024;
			grown = realloc(p->deps, *room_deps * sizeof(*grown));
			if (!grown)
				return dmsc_fail(r->err, -ENOMEM, "%s: out of memory", r->file);
			p->deps = grown;
		}
		p->deps[p->nr_deps++] = json_integer_value(v);
		op->nr_deps++;
	}
	p->nr_ops++;
	return 0;
}

static int read_ops(struct reader *r, json_t *o, struct plan *p)
{
	json_t *a = json_object_get(o, "ops"), *mine;
	uint32_t i, k, room_deps = 0;
	size_t total = 0;
	int ret;

	r->where[0] = '\0';
	if (!json_is_array(a) || json_array_size(a) != p->nr_instances)
		return bad(r, "ops", "one list for each instance");
	for (i = 0; i < p->nr_instances; i++)
		total += json_array_size(json_array_get(a, i));
	if (total > PLAN_MAX_ITEMS)
		return bad(r, "ops", "fewer steps");
	p->ops = calloc(total + 1, sizeof(*p->ops));
	p->op_start = calloc(p->nr_instances + 1, sizeof(*p->op_start));
	if (!p->ops || !p->op_start)
		return dmsc_fail(r->err, -ENOMEM, "%s: out of memory", r->file);
	for (i = 0; i < p->nr_instances; i++) {
		mine = json_array_get(a, i);
		p->op_start[i] = p->nr_ops;
		for (k = 0; k < json_array_size(mine); k++) {
			snprintf(r->where, sizeof(r->where), "ops[%u][%u]", i, k);
			ret = read_op(r, json_array_get(mine, k), p, i, &room_deps);
			if (ret)
				return ret;
		}
	}
	p->op_start[p->nr_instances] = p->nr_ops;
	return 0;
}

static int read_rest(struct reader *r, json_t *o, struct plan *p)
{
	json_t *a, *v;
	uint32_t i, n = 0;
	int ret;

	ret = get_array(r, o, "edge_load", sizeof(*p->edge_load), &p->edge_load, &n, &a);
	if (!ret && n != 2 * p->topo.nr_links)
		ret = bad(r, "edge_load", "two numbers for each link");
	for (i = 0; !ret && i < n; i++)
		p->edge_load[i] = json_number_value(json_array_get(a, i));
	if (!ret)
		ret = get_array(r, o, "mics", sizeof(*p->mics), &p->mics, &p->nr_mics, &a);
	for (i = 0; !ret && i < p->nr_mics; i++) {
		v = json_array_get(a, i);
		AT(r, "mics", i);
		ret = get_u32(r, v, "id", UINT32_MAX, &p->mics[i].id);
		if (!ret)
			ret = get_text(r, v, "name", p->mics[i].name, MODEL_NAME_LEN);
	}
	if (!ret)
		ret = get_array(r, o, "notes", sizeof(*p->notes), &p->notes, &p->nr_notes, &a);
	for (i = 0; !ret && i < p->nr_notes; i++) {
		const char *s = json_string_value(json_array_get(a, i));

		AT(r, "notes", i);
		p->notes[i] = s ? strdup(s) : NULL;
		if (!p->notes[i])
			ret = bad(r, "", "a text");
	}
	return ret;
}

static int read_plan(struct reader *r, json_t *o, struct plan *p)
{
	json_t *a, *totals = json_object_get(o, "totals");
	uint64_t version;
	uint32_t i;
	int ret;

	if (!json_is_object(o))
		return bad(r, "file", "an object");
	ret = get_int(r, o, "version", PLAN_VERSION, PLAN_VERSION, &version);
	if (!ret)
		ret = get_text(r, o, "job", p->job, sizeof(p->job));
	if (!ret)
		ret = get_text(r, o, "source", p->source, sizeof(p->source));
	if (!ret)
		ret = get_int(r, o, "critical_path_ns", 0, INT64_MAX, &p->critical_path);
#define x(f) \
	if (!ret) \
		ret = get_int(r, totals, #f, 0, INT64_MAX, &p->totals.f);
	TOTALS(x)
#undef x
	if (!ret)
		ret = read_topology(r, json_object_get(o, "topology"), &p->topo);
	if (!ret)
		ret = get_array(r, o, "hosts", sizeof(*p->hosts), &p->hosts, &p->nr_hosts, &a);
	for (i = 0; !ret && i < p->nr_hosts; i++) {
		AT(r, "hosts", i);
		ret = get_text(r, json_array_get(a, i), "name", p->hosts[i].name, MODEL_NAME_LEN);
		if (!ret)
			ret = get_index(r, json_array_get(a, i), "node", p->topo.nr_nodes, false,
					&p->hosts[i].node);
	}
	if (!ret)
		ret = read_instances(r, o, p);
	if (!ret)
		ret = unique_sids(r, p);
	if (!ret)
		ret = read_paths(r, o, p);
	if (!ret)
		ret = read_flows(r, o, p);
	if (!ret)
		ret = read_ops(r, o, p);
	if (!ret)
		ret = read_rest(r, o, p);
	return ret;
}

static int from_json(const char *file, json_t *o, json_error_t *je, struct plan *out,
		     struct dmsc_error *err)
{
	struct reader r = { .file = file, .err = err };
	struct plan p = { 0 };
	int ret;

	if (!o)
		return dmsc_fail(err, -EINVAL, "%s:%d: JSON: %s", file, je->line, je->text);
	ret = read_plan(&r, o, &p);
	json_decref(o);
	if (ret)
		plan_free(&p);
	else
		*out = p;
	return ret;
}

int plan_from_text(const char *text, size_t len, struct plan *out, struct dmsc_error *err)
{
	json_error_t je;

	return from_json("plan", json_loadb(text, len, JSON_REJECT_DUPLICATES, &je), &je, out, err);
}

int plan_read(const char *file, struct plan *out, struct dmsc_error *err)
{
	json_error_t je;
	struct stat st;

	if (stat(file, &st) < 0)
		return dmsc_fail(err, -errno, "%s: %s", file, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)PLAN_MAX_SIZE)
		return dmsc_fail(err, -EINVAL, "%s: file: expected a plan of at most %lu bytes", file,
				 PLAN_MAX_SIZE);
	return from_json(file, json_load_file(file, JSON_REJECT_DUPLICATES, &je), &je, out, err);
}
