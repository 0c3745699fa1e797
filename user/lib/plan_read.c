// SPDX-License-Identifier: GPL-2.0-or-later
/* Plans from JSON, doc/plan-format.md. Trusts nothing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/plan_json.h"
#include "lib/plan_paths.h"
#include "lib/plan_reader.h"
#include "lib/plan_steps.h"
#include "lib/spec.h"

#define PLAN_MAX_SIZE (512UL << 20) /* bytes of text */

static int read_topology(struct reader *r, json_t *o, struct topology *t)
{
	json_t *a, *v, *paths;
	uint32_t i;
	int ret, kind;

	r->where[0] = '\0';
	if (!json_is_object(o))
		return bad(r, "topology", "an object");
	ret = get_text(r, o, "name", t->name, sizeof(t->name));
	paths = json_object_get(o, "paths");
	if (!ret && paths && (!json_is_string(paths) || strcmp(json_string_value(paths), "srv6")))
		ret = bad(r, "paths", "srv6, or nothing");
	t->srv6 = paths;
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
		if (!ret)
			ret = plan_get_addr6(r, v, "address6", &t->nodes[i].addr6);
		if (!ret)
			ret = plan_get_addr6(r, v, "segment", &t->nodes[i].segment);
		kind = find_name(plan_kind_names, PLAN_KINDS,
				 json_string_value(json_object_get(v, "kind")));
		if (!ret && kind < 0)
			ret = bad(r, "kind", "host, leaf, spine or core");
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
			ret = plan_get_addr6(r, v, "addr6_a", &l->addr6_a);
		if (!ret)
			ret = plan_get_addr6(r, v, "addr6_b", &l->addr6_b);
		if (!ret)
			ret = get_int(r, v, "rate", 1, UINT64_MAX >> 1, &l->rate);
		if (!ret && (l->a == l->b || t->nodes[l->b].kind == NODE_HOST))
			ret = bad(r, "b", "a switch, and not the node at a");
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

/* bit/s, which may be missing; to bytes a second */
static int read_rates(struct reader *r, json_t *o, const char *key, uint64_t *out)
{
	json_t *a = json_object_get(o, key);
	size_t c;

	if (!a)
		return 0;
	if (json_array_size(a) != DMSC_NR_CLASSES)
		return bad(r, key, "a list of 8 rates");
	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		json_t *v = json_array_get(a, c);
		json_int_t rate = json_integer_value(v);

		if (!json_is_integer(v) || (rate && (rate < (json_int_t)(8 * DMSC_RATE_MIN) ||
						     rate > (json_int_t)(8 * DMSC_RATE_MAX))))
			return bad(r, key, "a list of 8 rates, 0 or 8000 to 8 * 10^12 bit/s");
		out[c] = rate / 8;
	}
	return 0;
}

/* What its queues get beside a slot; all of it may be missing. */
static int read_queueing(struct reader *r, json_t *o, struct plan_instance *in)
{
	uint16_t ranks[DMSC_NR_CLASSES] = { 0 };
	uint32_t all = 0;
	size_t c;
	int ret = 0;

	if (json_object_get(o, "rank") && json_object_get(o, "ranks"))
		return bad(r, "ranks", "none beside rank");
	if (json_object_get(o, "ranks"))
		ret = read_per_class(r, o, "ranks", PLAN_RANK_MAX, ranks);
	else if (json_object_get(o, "rank"))
		ret = get_u32(r, o, "rank", PLAN_RANK_MAX, &all);
	for (c = 0; c < DMSC_NR_CLASSES; c++)
		in->rank[c] = json_object_get(o, "ranks") ? ranks[c] : all;
	if (!ret)
		ret = read_rates(r, o, "rates", in->rate);
	if (!ret)
		ret = read_rates(r, o, "ceilings", in->ceil);
	for (c = 0; !ret && c < DMSC_NR_CLASSES; c++)
		if (in->ceil[c] && in->ceil[c] < in->rate[c])
			ret = bad(r, "ceilings", "none below the rate of its class");
	return ret;
}

static int get_gpu(struct reader *r, json_t *o, const struct plan *p, struct plan_instance *in)
{
	json_t *v = json_object_get(o, "gpu");
	json_int_t gpus = p->topo.nodes[p->hosts[in->host].node].gpus;

	if (!json_is_integer(v) || json_integer_value(v) < -1 || json_integer_value(v) >= gpus)
		return bad(r, "gpu", "a GPU of the host, or -1");
	in->gpu = json_integer_value(v);
	in->gpus = in->gpu >= 0;
	v = json_object_get(o, "gpus");
	if (!v)
		return 0;
	if (in->gpu < 0 || !json_is_integer(v) || json_integer_value(v) < 1 ||
	    json_integer_value(v) > gpus - in->gpu)
		return bad(r, "gpus", "as many as the host has from gpu on, at least 1");
	in->gpus = json_integer_value(v);
	return 0;
}

static int by_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int read_mics(struct reader *r, json_t *o, struct plan *p)
{
	json_t *a, *v;
	uint32_t i;
	int ret;

	ret = get_array(r, o, "mics", sizeof(*p->mics), &p->mics, &p->nr_mics, &a);
	for (i = 0; !ret && i < p->nr_mics; i++) {
		v = json_array_get(a, i);
		AT(r, "mics", i);
		ret = get_u32(r, v, "id", UINT32_MAX, &p->mics[i].id);
		if (!ret)
			ret = get_text(r, v, "name", p->mics[i].name, MODEL_NAME_LEN);
	}
	return ret;
}

static int read_instances(struct reader *r, json_t *o, struct plan *p)
{
	uint32_t *mics = calloc(p->nr_mics + 1, sizeof(*mics)), i, u;
	json_t *a, *v;
	int ret;

	if (!mics)
		return dmsc_fail(r->err, -ENOMEM, "%s: out of memory", r->file);
	for (i = 0; i < p->nr_mics; i++)
		mics[i] = p->mics[i].id;
	qsort(mics, p->nr_mics, sizeof(*mics), by_u32);
	ret = get_array(r, o, "instances", sizeof(*p->instances), &p->instances, &p->nr_instances,
			&a);
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
		if (!ret)
			ret = read_queueing(r, v, in);
		if (!ret)
			ret = get_gpu(r, v, p, in);
		if (!ret && !(in->class_mask & 1 << in->class_default))
			ret = bad(r, "class_mask", "a mask that allows the class");
		if (!ret && !bsearch(&in->mic, mics, p->nr_mics, sizeof(*mics), by_u32))
			ret = bad(r, "mic", "the id of a mic");
	}
	free(mics);
	return ret;
}

/* What no two instances (of a host) may share. */
struct claim {
	uint32_t host, instance;
	enum { CLAIM_SID, CLAIM_CGROUP, CLAIM_SLOT, CLAIM_PORT } what;
	uint32_t number;
	const char *text;
};

static const char *const claim_names[] = { "sid", "cgroup", "slots", "ports" };

static int by_claim(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = x->what != y->what	   ? (x->what < y->what ? -1 : 1) :
		    x->host != y->host	   ? (x->host < y->host ? -1 : 1) :
		    x->number != y->number ? (x->number < y->number ? -1 : 1) :
					     strcmp(x->text, y->text);

	return order ? order : (x->instance > y->instance) - (x->instance < y->instance);
}

static int unique_claims(struct reader *r, struct claim *c, uint32_t n)
{
	uint32_t i;

	qsort(c, n, sizeof(*c), by_claim);
	for (i = 1; i < n; i++) {
		const struct claim *x = &c[i - 1], *y = &c[i];

		if (x->what == y->what && x->host == y->host && x->number == y->number &&
		    !strcmp(x->text, y->text)) {
			AT(r, "instances", y->instance);
			return dmsc_fail(r->err, -EINVAL,
					 "%s: %s.%s: %.*u%.100s is also that of instances[%u], expected one of its own",
					 r->file, r->where, claim_names[y->what], y->number ? 1 : 0,
					 y->number, y->text, x->instance);
		}
	}
	return 0;
}

static int check_unique(struct reader *r, const struct plan *p)
{
	struct claim *claims =
		calloc((size_t)p->nr_instances * (2 + 2 * DMSC_NR_CLASSES) + 1, sizeof(*claims));
	uint32_t i, c, n = 0;
	int ret;

	if (!claims)
		return dmsc_fail(r->err, -ENOMEM, "%s: out of memory", r->file);
	for (i = 0; i < p->nr_instances; i++) {
		const struct plan_instance *in = &p->instances[i];

		claims[n++] = (struct claim){ 0, i, CLAIM_SID, in->sid, "" };
		claims[n++] = (struct claim){ in->host, i, CLAIM_CGROUP, 0, in->cgroup };
		for (c = 0; c < DMSC_NR_CLASSES; c++) {
			if (in->slot[c])
				claims[n++] =
					(struct claim){ in->host, i, CLAIM_SLOT, in->slot[c], "" };
			if (in->port[c])
				claims[n++] =
					(struct claim){ in->host, i, CLAIM_PORT, in->port[c], "" };
		}
	}
	ret = unique_claims(r, claims, n);
	free(claims);
	return ret;
}

/* Ends, class and path of a flow fit together. */
static int check_flow(struct reader *r, const struct plan *p, const struct plan_flow *f)
{
	const struct plan_instance *src = &p->instances[f->src], *dst = &p->instances[f->dst];

	if (f->src == f->dst)
		return bad(r, "dst", "another instance than src");
	if (!(src->class_mask & dst->class_mask & 1 << f->class))
		return bad(r, "class", "a class that both ends may use");
	if (!src->slot[f->class])
		return bad(r, "class", "a class that src has a slot for");
	if (!dst->port[f->class])
		return bad(r, "class", "a class that dst has a port for");
	if (f->path == MODEL_NONE)
		return src->host == dst->host ? 0 : bad(r, "path", "one, between two hosts");
	if (p->paths[f->path].src_host != src->host || p->paths[f->path].dst_host != dst->host)
		return bad(r, "path", "a path between the flow's hosts");
	return 0;
}

static int read_flows(struct reader *r, json_t *o, struct plan *p)
{
	uint64_t connections = 1;
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
		if (!ret && json_object_get(v, "rank"))
			ret = get_u32(r, v, "rank", DMSC_RANK_MAX, &f->rank);
		connections = 1;
		if (!ret && json_object_get(v, "connections"))
			ret = get_int(r, v, "connections", 1, UINT16_MAX, &connections);
		f->connections = connections;
		if (!ret && json_object_get(v, "deadline_ns"))
			ret = get_int(r, v, "deadline_ns", 1, INT64_MAX, &f->deadline);
		if (!ret && !json_is_boolean(json_object_get(v, "bulk")))
			ret = bad(r, "bulk", "true or false");
		f->bulk = json_is_true(json_object_get(v, "bulk"));
		if (!ret)
			ret = check_flow(r, p, f);
		if (!ret && json_object_get(v, "paths"))
			ret = plan_read_flow_ways(r, v, p, f);
	}
	return ret;
}

static bool in_range(json_t *v, json_int_t max)
{
	return json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= max;
}

static int read_op(struct reader *r, json_t *a, struct plan *p, uint32_t instance,
		   uint32_t *room_deps)
{
	struct plan_op *op = &p->ops[p->nr_ops];
	int kind = find_name(plan_op_names, 3, json_string_value(json_array_get(a, 0)));
	json_t *flow = json_array_get(a, 1), *amount = json_array_get(a, 2), *v;
	size_t i;

	if (kind < 0 || !in_range(amount, INT64_MAX) ||
	    !in_range(json_array_get(a, 3), PHASE_PARAMETER) ||
	    !in_range(json_array_get(a, 4), UINT32_MAX))
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
		if ((op->kind == OP_SEND ? p->flows[op->flow].src : p->flows[op->flow].dst) !=
		    instance)
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
	uint32_t i, n = 0;
	json_t *a;
	int ret;

	ret = get_array(r, o, "edge_load", sizeof(*p->edge_load), &p->edge_load, &n, &a);
	if (!ret && n != 2 * p->topo.nr_links)
		ret = bad(r, "edge_load", "two numbers for each link");
	for (i = 0; !ret && i < n; i++)
		ret = get_real(r, json_array_get(a, i), "edge_load", 1e300, &p->edge_load[i]);
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

/* What plans have had only since later, and may lack. */
static int read_critical(struct reader *r, json_t *o, struct plan *p)
{
	uint64_t at;
	json_t *a;
	uint32_t i;
	int ret;

	if (!json_object_get(o, "critical"))
		return 0;
	ret = get_array(r, o, "critical", sizeof(*p->critical), &p->critical, &p->nr_critical, &a);
	for (i = 0; !ret && i < p->nr_critical; i++) {
		AT(r, "critical", i);
		at = json_integer_value(json_array_get(a, i));
		if (!json_is_integer(json_array_get(a, i)) || at >= p->nr_ops)
			ret = bad(r, "", "the number of a step");
		p->critical[i] = at;
	}
	return ret;
}

static int read_granularity(struct reader *r, json_t *o, struct plan_granularity *g)
{
	json_t *a, *given;
	uint32_t i;
	int ret;

	r->where[0] = '\0';
	if (!o)
		return 0;
	ret = get_u32(r, o, "exchanges", UINT32_MAX, &g->exchanges);
	given = json_object_get(o, "given");
	if (!ret && !json_is_boolean(given))
		ret = bad(r, "granularity.given", "true or false");
	g->given = json_is_true(given);
	a = json_object_get(o, "choices");
	if (!ret && (!json_is_array(a) || json_array_size(a) > PLAN_CHOICES))
		ret = bad(r, "granularity.choices", "a list, not too long");
	for (i = 0; !ret && i < json_array_size(a); i++) {
		json_t *c = json_array_get(a, i);
		struct plan_choice *to = &g->choices[g->nr_choices++];
		json_int_t v[3];
		uint32_t k;

		for (k = 0; !ret && k < 3; k++) {
			v[k] = json_integer_value(json_array_get(c, k));
			if (!json_is_integer(json_array_get(c, k)) || v[k] < 0 ||
			    (!k && v[k] > UINT32_MAX))
				ret = bad(r, "granularity.choices",
					  "exchanges, overhead and exposed time");
		}
		if (!ret)
			*to = (struct plan_choice){ v[0], v[1], v[2] };
	}
	return ret;
}

static int read_certificate(struct reader *r, json_t *o, const struct plan *p,
			    struct plan_certificate *c)
{
	json_t *worst = json_object_get(o, "worst_s"), *bound = json_object_get(o, "bound_s");
	int ret;

	snprintf(r->where, sizeof(r->where), "certificate");
	c->edge = MODEL_NONE;
	if (!o) /* plans of before had none */
		return 0;
	if (!json_is_number(worst) || json_number_value(worst) < 0)
		return bad(r, "worst_s", "seconds");
	if (!json_is_number(bound) || json_number_value(bound) < 0)
		return bad(r, "bound_s", "seconds");
	c->worst = json_number_value(worst);
	c->bound = json_number_value(bound);
	c->core = json_is_true(json_object_get(o, "core"));
	ret = get_index(r, o, "edge", 2 * p->topo.nr_links, true, &c->edge);
	if (ret || c->edge == MODEL_NONE)
		return ret;
	return get_text(r, o, "cut", c->cut, sizeof(c->cut));
}

static int read_seconds(struct reader *r, json_t *o, const char *key, double *out)
{
	json_t *v = json_object_get(o, key);

	if (!json_is_number(v) || json_number_value(v) < 0)
		return bad(r, key, "seconds");
	*out = json_number_value(v);
	return 0;
}

/* A placement that was given, and the planner's own beside it. */
static int read_placement(struct reader *r, json_t *o, struct plan_placement *pl)
{
	json_t *own = json_object_get(o, "own");
	int ret;

	if (!o) /* the planner's own */
		return 0;
	snprintf(r->where, sizeof(r->where), "placement");
	pl->given = true;
	ret = read_seconds(r, o, "worst_s", &pl->worst);
	if (!ret)
		ret = get_int(r, o, "between_hosts", 0, INT64_MAX, &pl->bytes);
	if (!ret)
		ret = get_int(r, o, "critical_path_ns", 0, INT64_MAX, &pl->path);
	if (ret || !own)
		return ret;
	snprintf(r->where, sizeof(r->where), "placement.own");
	pl->compared = true;
	ret = read_seconds(r, own, "worst_s", &pl->own_worst);
	if (!ret)
		ret = get_int(r, own, "between_hosts", 0, INT64_MAX, &pl->own_bytes);
	return ret ? ret : get_int(r, own, "critical_path_ns", 0, INT64_MAX, &pl->own_path);
}

/* Who carries the plan out comes to its end. */
static int check_steps(struct reader *r, const struct plan *p)
{
	uint32_t *peer = calloc(p->nr_ops + 1, sizeof(*peer));
	uint32_t *order = calloc(p->nr_ops + 1, sizeof(*order));
	uint32_t flow = 0;
	int ret = -ENOMEM;

	r->where[0] = '\0';
	if (peer && order)
		ret = plan_match(p, peer, &flow);
	if (ret == -EINVAL) {
		AT(r, "flows", flow);
		bad(r, "", "sends and receives of the same sizes, messages and bytes in all");
	} else if (!ret) {
		ret = plan_order(p, peer, order);
		if (ret == -EINVAL)
			bad(r, "ops", "no steps that wait for each other in a circle");
	}
	if (ret == -ENOMEM)
		dmsc_fail(r->err, ret, "%s: out of memory", r->file);
	free(peer);
	free(order);
	return ret;
}

static int read_hosts(struct reader *r, json_t *o, struct plan *p)
{
	bool *seen = calloc(p->topo.nr_nodes + 1, sizeof(*seen));
	json_t *a, *v;
	uint32_t i;
	int ret;

	if (!seen)
		return dmsc_fail(r->err, -ENOMEM, "%s: out of memory", r->file);
	ret = get_array(r, o, "hosts", sizeof(*p->hosts), &p->hosts, &p->nr_hosts, &a);
	for (i = 0; !ret && i < p->nr_hosts; i++) {
		struct plan_host *h = &p->hosts[i];

		v = json_array_get(a, i);
		AT(r, "hosts", i);
		ret = get_text(r, v, "name", h->name, MODEL_NAME_LEN);
		if (!ret)
			ret = get_index(r, v, "node", p->topo.nr_nodes, false, &h->node);
		if (!ret && (p->topo.nodes[h->node].kind != NODE_HOST || seen[h->node] ||
			     strcmp(p->topo.nodes[h->node].name, h->name)))
			ret = bad(r, "node", "the node of the host's name, once");
		if (!ret)
			seen[h->node] = true;
	}
	free(seen);
	return ret;
}

static int read_plan(struct reader *r, json_t *o, struct plan *p)
{
	json_t *totals = json_object_get(o, "totals");
	uint64_t version;
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
#define x(f)      \
	if (!ret) \
		ret = get_int(r, totals, #f, 0, INT64_MAX, &p->totals.f);
	PLAN_TOTALS(x)
#undef x
#define x(f)                                     \
	if (!ret && json_object_get(totals, #f)) \
		ret = get_int(r, totals, #f, 0, INT64_MAX, &p->totals.f);
	PLAN_TOTALS_LATER(x)
#undef x
	if (!ret)
		ret = read_topology(r, json_object_get(o, "topology"), &p->topo);
	if (!ret)
		ret = read_hosts(r, o, p);
	if (!ret)
		ret = read_mics(r, o, p);
	if (!ret)
		ret = read_instances(r, o, p);
	if (!ret)
		ret = check_unique(r, p);
	if (!ret)
		ret = plan_read_paths(r, o, p);
	if (!ret)
		ret = read_flows(r, o, p);
	if (!ret)
		ret = plan_read_groups(r, o, p);
	if (!ret)
		ret = read_ops(r, o, p);
	if (!ret)
		ret = check_steps(r, p);
	if (!ret)
		ret = read_rest(r, o, p);
	if (!ret)
		ret = read_critical(r, o, p);
	if (!ret)
		ret = read_granularity(r, json_object_get(o, "granularity"), &p->granularity);
	if (!ret)
		ret = read_certificate(r, json_object_get(o, "certificate"), p, &p->certificate);
	if (!ret)
		ret = read_placement(r, json_object_get(o, "placement"), &p->placement);
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
		return dmsc_fail(err, -EINVAL, "%s: file: expected a plan of at most %lu bytes",
				 file, PLAN_MAX_SIZE);
	return from_json(file, json_load_file(file, JSON_REJECT_DUPLICATES, &je), &je, out, err);
}
