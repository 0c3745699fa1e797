// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/tables.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/tables_priv.h"

uint32_t tables_host(const struct plan *p, const char *name)
{
	for (uint32_t i = 0; i < p->nr_hosts; i++)
		if (!strcmp(p->hosts[i].name, name))
			return i;
	return MODEL_NONE;
}

bool tables_link_of(const struct plan *p, uint32_t host, uint32_t link)
{
	return link < p->topo.nr_links && p->topo.links[link].a == p->hosts[host].node;
}

static int choices_add(struct choices *cs, const void *key, size_t len, uint32_t rank,
		       uint32_t path, uint64_t bytes)
{
	struct choice *c;

	if (cs->n == cs->cap) {
		size_t cap = cs->cap ? 2 * cs->cap : 64;

		c = reallocarray(cs->c, cap, sizeof(*c));
		if (!c)
			return -ENOMEM;
		cs->c = c;
		cs->cap = cap;
	}
	c = &cs->c[cs->n++];
	memset(c, 0, sizeof(*c));
	memcpy(c->key, key, len);
	c->rank = rank;
	c->path = path;
	c->bytes = bytes;
	return 0;
}

static int choice_key_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(((struct choice *)0)->key));
}

static int choice_cmp(const void *a, const void *b)
{
	const struct choice *x = a, *y = b;
	int d = memcmp(x->key, y->key, sizeof(x->key));

	if (d)
		return d;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->path < y->path ? -1 : x->path > y->path;
}

/*
 * One choice a key: the path of most bytes among those of the lowest rank; the
 * lower path on a tie. With @unanimous, keys that name several paths go.
 */
static void choices_reduce(struct choices *cs, bool unanimous)
{
	size_t out = 0;

	if (!cs->n)
		return;
	qsort(cs->c, cs->n, sizeof(*cs->c), choice_cmp);
	for (size_t i = 0, next; i < cs->n; i = next) {
		struct choice best = cs->c[i];
		uint64_t sum = 0;
		uint32_t nr_paths = 0;

		best.bytes = 0;
		for (next = i; next < cs->n; next++) {
			const struct choice *c = &cs->c[next];

			if (memcmp(c->key, best.key, sizeof(best.key)))
				break;
			if (c->rank != best.rank)
				continue;
			if (next == i || c->path != cs->c[next - 1].path) {
				sum = 0;
				nr_paths++;
			}
			sum = sum + c->bytes < sum ? UINT64_MAX : sum + c->bytes;
			if (sum > best.bytes) {
				best.bytes = sum;
				best.path = c->path;
			}
		}
		if (!unanimous || nr_paths == 1)
			cs->c[out++] = best;
	}
	cs->n = out;
}

static int add_group(struct build *b, const struct plan_flow *f, uint32_t rank, bool ipv6)
{
	const struct plan *p = b->in->plan;
	const struct plan_instance *local = &p->instances[rank ? f->dst : f->src];
	const struct plan_instance *remote = &p->instances[rank ? f->src : f->dst];
	const struct topo_node *node = &p->topo.nodes[p->hosts[remote->host].node];
	struct dmsc_group_key gk = {
		.src_sid = local->sid,
		.dst_sid = remote->sid,
		.class = f->class,
		.ipv6 = ipv6,
	};
	struct dmsc_peer_key pk = {
		.addr = ipv6 ? node->addr6 : node->addr,
		.class = f->class,
	};
	/* A flow of no bytes still has connections: give it a voice. */
	uint64_t bytes = f->bytes ? f->bytes : 1;
	uint32_t way;
	int ret;

	ret = tables_flow_way(b, f, ipv6, &way);
	if (ret || way == DMSC_PATH_NONE)
		return ret;
	ret = choices_add(&b->groups, &gk, sizeof(gk), rank, way, bytes);
	if (!ret)
		ret = choices_add(&b->peers, &pk, sizeof(pk), rank, way, bytes);
	/*
	 * Who accepted a connection does not know its peer's SID: answers decide
	 * about the path for "any", what it sends itself only if it never answers.
	 */
	gk.dst_sid = DMSC_SID_ANY;
	if (!ret)
		ret = choices_add(&b->any, &gk, sizeof(gk), !rank, way, bytes);
	return ret ? dmsc_fail(b->err, ret, "no memory for the tables") : 0;
}

static int build_flows(struct build *b)
{
	const struct plan *p = b->in->plan;
	uint32_t host = b->in->host;
	int ret;

	for (uint32_t i = 0; i < p->nr_flows; i++) {
		const struct plan_flow *f = &p->flows[i];
		const struct plan_instance *src = &p->instances[f->src];
		const struct plan_instance *dst = &p->instances[f->dst];
		const struct plan_path *path;
		uint32_t rank = src->host != host; /* 0: sends; 1: answers */

		if (f->path == MODEL_NONE || (src->host != host && dst->host != host) ||
		    src->host == dst->host)
			continue;
		path = &p->paths[f->path];
		if (path->src_host != src->host || path->dst_host != dst->host)
			return dmsc_fail(b->err, -EINVAL,
					 "plan: flows[%u].path: path %u joins other hosts, expected one from %s to %s",
					 i, f->path, p->hosts[src->host].name,
					 p->hosts[dst->host].name);
		ret = add_group(b, f, rank, false);
		if (!ret && tables_talk6(b, rank ? src->host : dst->host))
			ret = add_group(b, f, rank, true);
		if (ret)
			return ret;
	}
	choices_reduce(&b->groups, false);
	choices_reduce(&b->any, true);
	choices_reduce(&b->peers, false);
	return 0;
}

static bool end_is(const struct plan_instance *in, uint32_t id, bool mic)
{
	return mic ? in->mic == id : in->sid == id;
}

static bool group_there(const struct build *b, size_t n, const struct dmsc_group_key *key)
{
	struct choice c = { 0 };

	memcpy(c.key, key, sizeof(*key));
	/* choices_reduce() has left them in the order of their keys. */
	return bsearch(c.key, b->groups.c, n, sizeof(c), choice_key_cmp);
}

/*
 * Groups of the plan: every pair of their ends, unless it has a flow. Of two groups
 * the one with the more specific ends counts, so these come first.
 */
static int build_group(struct build *b, const struct plan_group *g, size_t nr_flows, uint32_t rank,
		       bool ipv6)
{
	const struct plan *p = b->in->plan;
	int ret = 0;

	for (uint32_t i = 0; i < p->nr_instances && !ret; i++) {
		const struct plan_instance *src = &p->instances[i];

		if (src->host != b->in->host || !end_is(src, g->from, g->from_mic))
			continue;
		for (uint32_t k = 0; k < p->nr_instances && !ret; k++) {
			const struct plan_instance *dst = &p->instances[k];
			struct dmsc_group_key key = {
				.src_sid = src->sid,
				.dst_sid = dst->sid,
				.class = g->class,
				.ipv6 = ipv6,
			};
			uint32_t way;

			if (dst->host == src->host || !end_is(dst, g->to, g->to_mic) ||
			    (ipv6 && !tables_talk6(b, dst->host)) || group_there(b, nr_flows, &key))
				continue;
			ret = tables_group_way(b, g, dst->host, ipv6, &way);
			if (!ret && way != DMSC_PATH_NONE &&
			    choices_add(&b->groups, &key, sizeof(key), rank, way, 1))
				ret = dmsc_fail(b->err, -ENOMEM, "no memory for the tables");
		}
	}
	return ret;
}

static int build_groups(struct build *b)
{
	const struct plan *p = b->in->plan;
	size_t nr_flows = b->groups.n;
	int ret = 0;

	for (uint32_t i = 0; i < p->nr_groups && !ret; i++) {
		const struct plan_group *g = &p->groups[i];

		/* Behind what flows say; instances before clusters, sources first. */
		for (int ipv6 = 0; ipv6 < 2 && !ret; ipv6++)
			ret = build_group(b, g, nr_flows, 2 + 2 * g->from_mic + g->to_mic, ipv6);
	}
	if (p->nr_groups)
		choices_reduce(&b->groups, false);
	return ret;
}

static int emit_choices(struct build *b)
{
	size_t nr_groups = b->groups.n + b->any.n, nr_peers = b->peers.n;
	struct dataplane_tables *t = &b->out->t;
	struct dmsc_group_key *gk;
	struct dmsc_peer_key *pk;
	struct dmsc_group *g;
	struct dmsc_peer *pv;

	if (nr_groups > DMSC_MAX_GROUPS)
		return dmsc_fail(b->err, -EINVAL,
				 "plan: flows: %zu groups on this host, expected at most %u",
				 nr_groups, DMSC_MAX_GROUPS);
	if (nr_peers > DMSC_MAX_PEERS)
		return dmsc_fail(b->err, -EINVAL,
				 "plan: flows: %zu pairs of peer and class, expected at most %u",
				 nr_peers, DMSC_MAX_PEERS);
	gk = calloc(nr_groups + 1, sizeof(*gk));
	g = calloc(nr_groups + 1, sizeof(*g));
	t->group_keys = gk;
	t->groups = g;
	pk = calloc(nr_peers + 1, sizeof(*pk));
	pv = calloc(nr_peers + 1, sizeof(*pv));
	t->peer_keys = pk;
	t->peers = pv;
	if (!gk || !g || !pk || !pv)
		return dmsc_fail(b->err, -ENOMEM, "no memory for the tables");
	for (size_t i = 0; i < nr_groups; i++) {
		const struct choice *c =
			i < b->groups.n ? &b->groups.c[i] : &b->any.c[i - b->groups.n];

		memcpy(&gk[i], c->key, sizeof(gk[i]));
		g[i].path = c->path;
	}
	for (size_t i = 0; i < nr_peers; i++) {
		memcpy(&pk[i], b->peers.c[i].key, sizeof(pk[i]));
		pv[i].path = b->peers.c[i].path;
	}
	t->nr_groups = nr_groups;
	t->nr_peers = nr_peers;
	return 0;
}

static int u64_cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Two local instances in one cgroup could not be told apart. */
static int check_cgroup_ids(struct build *b, const struct dmsc_instance_key *keys, size_t n)
{
	uint64_t *ids = calloc(n + 1, sizeof(*ids));
	int ret = 0;

	if (!ids)
		return dmsc_fail(b->err, -ENOMEM, "no memory for the tables");
	for (size_t i = 0; i < n; i++)
		ids[i] = keys[i].cgroup_id;
	qsort(ids, n, sizeof(*ids), u64_cmp);
	for (size_t i = 1; i < n && !ret; i++)
		if (ids[i] == ids[i - 1])
			ret = dmsc_fail(b->err, -EINVAL,
					"plan: instances: two share one cgroup on %s, expected one each",
					b->in->plan->hosts[b->in->host].name);
	free(ids);
	return ret;
}

static int build_instances(struct build *b)
{
	const struct plan *p = b->in->plan;
	struct dataplane_tables *t = &b->out->t;
	struct dmsc_instance_key *keys;
	struct dmsc_instance *vals;
	size_t n = 0, nq = 0, i = 0;

	for (uint32_t k = 0; k < p->nr_instances; k++) {
		if (p->instances[k].host != b->in->host)
			continue;
		n++;
		for (unsigned int c = 0; c < DMSC_NR_CLASSES; c++)
			nq += p->instances[k].slot[c] != 0;
	}
	if (n > DMSC_MAX_INSTANCES)
		return dmsc_fail(b->err, -EINVAL,
				 "plan: instances: %zu on host %s, expected at most %u", n,
				 p->hosts[b->in->host].name, DMSC_MAX_INSTANCES);
	keys = calloc(n + 1, sizeof(*keys));
	vals = calloc(n + 1, sizeof(*vals));
	t->instance_keys = keys;
	t->instances = vals;
	b->out->queues = calloc(nq + 1, sizeof(*b->out->queues));
	if (!keys || !vals || !b->out->queues)
		return dmsc_fail(b->err, -ENOMEM, "no memory for the tables");
	for (uint32_t k = 0; k < p->nr_instances; k++) {
		const struct plan_instance *in = &p->instances[k];

		if (in->host != b->in->host)
			continue;
		keys[i].cgroup_id = b->in->cgroup_ids[k];
		vals[i].sid = in->sid;
		vals[i].mic = in->mic;
		vals[i].class_default = in->class_default;
		vals[i].class_mask = in->class_mask;
		for (unsigned int c = 0; c < DMSC_NR_CLASSES; c++) {
			struct queue_queue *q;

			if (in->slot[c] >= DMSC_NR_SLOTS)
				return dmsc_fail(b->err, -EINVAL,
						 "plan: instances[%u].slot[%u]: %u, expected below %u",
						 k, c, in->slot[c], DMSC_NR_SLOTS);
			vals[i].slot[c] = in->slot[c];
			if (!in->slot[c])
				continue;
			q = &b->out->queues[b->out->nr_queues++];
			q->slot = in->slot[c];
			q->class = c;
			q->weight = DMSC_WEIGHT_DEFAULT;
			q->sid = in->sid;
			q->given = QUEUE_QUEUE_RANK | QUEUE_QUEUE_RATE | QUEUE_QUEUE_CEIL;
			q->rank = DMSC_RANK_DEFAULT + in->rank[c];
			q->rate = in->rate[c];
			q->ceil = in->ceil[c];
		}
		i++;
	}
	t->nr_instances = n;
	return check_cgroup_ids(b, keys, n);
}

static int queue_cmp(const void *a, const void *b)
{
	const struct queue_queue *x = a, *y = b;

	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/* A slot is one queue with one class: the qdisc finds it by the slot alone. */
static int build_queues(struct build *b)
{
	struct tables *out = b->out;

	qsort(out->queues, out->nr_queues, sizeof(*out->queues), queue_cmp);
	for (size_t i = 1; i < out->nr_queues; i++)
		if (out->queues[i].slot == out->queues[i - 1].slot)
			return dmsc_fail(b->err, -EINVAL,
					 "plan: instances: SIDs %u and %u both have slot %u, expected a slot for each SID and class",
					 out->queues[i - 1].sid, out->queues[i].sid,
					 out->queues[i].slot);
	return 0;
}

struct endpoint_row {
	struct dmsc_endpoint_key key;
	struct dmsc_endpoint val;
	uint32_t instance;
};

static int endpoint_cmp(const void *a, const void *b)
{
	const struct endpoint_row *x = a, *y = b;

	return memcmp(&x->key, &y->key, sizeof(x->key));
}

struct endpoint_rows {
	struct endpoint_row *rows;
	size_t n, cap;
};

static int add_endpoint(struct build *b, struct endpoint_rows *e, const struct endpoint_row *row)
{
	if (e->n == e->cap) {
		size_t cap = e->cap ? 2 * e->cap : 64;
		struct endpoint_row *rows = reallocarray(e->rows, cap, sizeof(*rows));

		if (!rows)
			return dmsc_fail(b->err, -ENOMEM, "no memory for the tables");
		e->rows = rows;
		e->cap = cap;
	}
	e->rows[e->n++] = *row;
	return 0;
}

static int add_ports(struct build *b, struct endpoint_rows *e, uint32_t k)
{
	const struct plan *p = b->in->plan;
	const struct plan_instance *in = &p->instances[k];
	const struct topo_node *node = &p->topo.nodes[p->hosts[in->host].node];
	int ret = 0;

	for (unsigned int c = 0; c < DMSC_NR_CLASSES && !ret; c++) {
		struct endpoint_row row = {
			.key = { .addr = node->addr,
				 .port = htons(in->port[c]),
				 .proto = IPPROTO_TCP },
			.val = { .sid = in->sid, .mic = in->mic, .class = c },
			.instance = k,
		};

		if (!in->port[c])
			continue;
		ret = add_endpoint(b, e, &row);
		row.key.addr = node->addr6;
		if (!ret && dmsc_addr_given(&node->addr6))
			ret = add_endpoint(b, e, &row);
		/* To bind it on all addresses is to bind it. */
		memset(&row.key.addr, 0, sizeof(row.key.addr));
		if (!ret && in->host == b->in->host && b->in->policy)
			ret = add_endpoint(b, e, &row);
	}
	return ret;
}

/* A host's address, if it has it. */
static int add_host(struct build *b, struct endpoint_rows *e, const struct dmsc_addr *addr)
{
	struct endpoint_row row = { .key.addr = *addr, .instance = MODEL_NONE };

	return dmsc_addr_given(addr) ? add_endpoint(b, e, &row) : 0;
}

/* What these addresses send has been checked where it was sent. */
static int add_hosts(struct build *b, struct endpoint_rows *e)
{
	const struct plan *p = b->in->plan;
	int ret = 0;

	for (uint32_t h = 0; h < p->nr_hosts && !ret; h++) {
		const struct topo_node *node = &p->topo.nodes[p->hosts[h].node];

		ret = add_host(b, e, &node->addr);
		if (!ret)
			ret = add_host(b, e, &node->addr6);
		for (uint32_t l = 0; l < p->topo.nr_links && !ret; l++) {
			if (!tables_link_of(p, h, l))
				continue;
			ret = add_host(b, e, &p->topo.links[l].addr_a);
			if (!ret)
				ret = add_host(b, e, &p->topo.links[l].addr6_a);
		}
	}
	return ret;
}

static int emit_endpoints(struct build *b, struct endpoint_rows *e)
{
	struct dataplane_tables *t = &b->out->t;
	struct dmsc_endpoint_key *keys;
	struct dmsc_endpoint *vals;

	if (e->n > DMSC_MAX_ENDPOINTS)
		return dmsc_fail(b->err, -EINVAL,
				 "plan: instances: %zu ports in all, expected at most %u", e->n,
				 DMSC_MAX_ENDPOINTS);
	keys = calloc(e->n + 1, sizeof(*keys));
	vals = calloc(e->n + 1, sizeof(*vals));
	t->endpoint_keys = keys;
	t->endpoints = vals;
	if (!keys || !vals)
		return dmsc_fail(b->err, -ENOMEM, "no memory for the tables");
	if (e->n)
		qsort(e->rows, e->n, sizeof(*e->rows), endpoint_cmp);
	for (size_t i = 0; i < e->n; i++) {
		const struct endpoint_row *row = &e->rows[i];

		if (i && !endpoint_cmp(row, row - 1)) {
			if (row->instance == MODEL_NONE)
				continue; /* a link's address that is the host's, too */
			return dmsc_fail(b->err, -EINVAL,
					 "plan: instances[%u].port: %u is also a port of instances[%u] on the same host, expected one of its own",
					 row->instance, ntohs(row->key.port), row[-1].instance);
		}
		keys[t->nr_endpoints] = row->key;
		vals[t->nr_endpoints++] = row->val;
	}
	return 0;
}

static int build_endpoints(struct build *b)
{
	struct endpoint_rows e = { 0 };
	int ret = 0;

	for (uint32_t k = 0; k < b->in->plan->nr_instances && !ret; k++)
		ret = add_ports(b, &e, k);
	if (!ret && b->in->policy)
		ret = add_hosts(b, &e);
	if (!ret)
		ret = emit_endpoints(b, &e);
	free(e.rows);
	return ret;
}

static int build_policy(struct build *b)
{
	struct dataplane_tables *t = &b->out->t;
	struct dmsc_rule_key *keys;
	struct dmsc_rule *rules;
	int ret;

	if (!b->in->policy)
		return 0;
	t->flags |= policy_flags(b->in->policy);
	ret = policy_rows(b->in->policy, b->in->plan, &keys, &rules, &t->nr_rules, b->err);
	t->rule_keys = keys;
	t->rules = rules;
	if (ret)
		return ret;
	t->rates = policy_rates(b->in->policy, &t->nr_rates);
	return t->nr_rates && !t->rates ? dmsc_fail(b->err, -ENOMEM, "no memory for the tables") : 0;
}

int tables_build(const struct tables_input *in, struct tables *out, struct dmsc_error *err)
{
	struct build b = { .in = in, .out = out, .err = err };
	int ret;

	memset(out, 0, sizeof(*out));
	if (in->host >= in->plan->nr_hosts)
		return dmsc_fail(err, -EINVAL, "plan: hosts: no host %u", in->host);
	out->t.flags = in->flags;
	profile_tables(in->profile, &out->t.profile);
	out->paths = calloc(DMSC_MAX_PATHS, sizeof(*out->paths));
	out->about = calloc(DMSC_MAX_PATHS, sizeof(*out->about));
	out->sets = calloc(DMSC_MAX_SETS, sizeof(*out->sets));
	out->encaps = calloc(DMSC_MAX_PATHS, sizeof(*out->encaps));
	if (!out->paths || !out->about || !out->sets || !out->encaps) {
		ret = dmsc_fail(err, -ENOMEM, "no memory for the tables");
		goto out;
	}
	out->t.paths = out->paths;
	out->t.nr_paths = 1;
	out->t.sets = out->sets;
	out->t.encaps = out->encaps;
	out->t.nr_encaps = 1;
	ret = build_instances(&b);
	if (!ret)
		ret = build_queues(&b);
	if (!ret)
		ret = build_endpoints(&b);
	if (!ret)
		ret = tables_paths(&b);
	if (!ret)
		ret = build_flows(&b);
	if (!ret)
		ret = build_groups(&b);
	if (!ret)
		ret = emit_choices(&b);
	if (!ret)
		ret = build_policy(&b);
out:
	free(b.groups.c);
	free(b.any.c);
	free(b.peers.c);
	if (ret)
		tables_free(out);
	return ret;
}

void tables_free(struct tables *t)
{
	free((void *)t->t.instance_keys);
	free((void *)t->t.instances);
	free((void *)t->t.endpoint_keys);
	free((void *)t->t.endpoints);
	free((void *)t->t.group_keys);
	free((void *)t->t.groups);
	free((void *)t->t.peer_keys);
	free((void *)t->t.peers);
	free((void *)t->t.flow_keys);
	free((void *)t->t.flows);
	free((void *)t->t.rule_keys);
	free((void *)t->t.rules);
	free((void *)t->t.rates);
	free(t->paths);
	free(t->about);
	free(t->sets);
	free(t->encaps);
	free(t->queues);
	memset(t, 0, sizeof(*t));
}

struct blob {
	uint8_t *data; /* NULL: only measure */
	size_t len;
};

static void blob_put(struct blob *b, const void *rows, size_t n, size_t size)
{
	uint64_t count = n;

	if (b->data)
		memcpy(b->data + b->len, &count, sizeof(count));
	b->len += sizeof(count);
	if (b->data && n)
		memcpy(b->data + b->len, rows, n * size);
	b->len += n * size;
}

static void blob_fill(struct blob *b, const struct tables *t, const struct dmsc_path *paths)
{
	const struct dataplane_tables *d = &t->t;

	blob_put(b, &d->flags, 1, sizeof(d->flags));
	blob_put(b, &d->profile, 1, sizeof(d->profile));
	blob_put(b, d->instance_keys, d->nr_instances, sizeof(*d->instance_keys));
	blob_put(b, d->instances, d->nr_instances, sizeof(*d->instances));
	blob_put(b, d->endpoint_keys, d->nr_endpoints, sizeof(*d->endpoint_keys));
	blob_put(b, d->endpoints, d->nr_endpoints, sizeof(*d->endpoints));
	blob_put(b, d->group_keys, d->nr_groups, sizeof(*d->group_keys));
	blob_put(b, d->groups, d->nr_groups, sizeof(*d->groups));
	blob_put(b, d->peer_keys, d->nr_peers, sizeof(*d->peer_keys));
	blob_put(b, d->peers, d->nr_peers, sizeof(*d->peers));
	blob_put(b, d->flow_keys, d->nr_flows, sizeof(*d->flow_keys));
	blob_put(b, d->flows, d->nr_flows, sizeof(*d->flows));
	if (d->nr_rules) { /* so that who has no policy keeps his generation over an upgrade */
		blob_put(b, d->rule_keys, d->nr_rules, sizeof(*d->rule_keys));
		blob_put(b, d->rules, d->nr_rules, sizeof(*d->rules));
	}
	if (d->nr_rates)
		blob_put(b, d->rates, d->nr_rates, sizeof(*d->rates));
	blob_put(b, paths, d->nr_paths, sizeof(*paths));
	if (d->nr_sets)
		blob_put(b, d->sets, d->nr_sets, sizeof(*d->sets));
	if (d->nr_encaps > 1)
		blob_put(b, d->encaps, d->nr_encaps, sizeof(*d->encaps));
}

void *tables_blob(const struct tables *t, size_t *len)
{
	struct dmsc_path *paths = calloc(t->t.nr_paths + 1, sizeof(*paths));
	struct blob b = { 0 };

	if (!paths)
		return NULL;
	for (size_t i = 0; i < t->t.nr_paths; i++) {
		paths[i] = t->paths[i];
		paths[i].flags = 0;
	}
	blob_fill(&b, t, paths);
	b.data = malloc(b.len);
	if (b.data) {
		b.len = 0;
		blob_fill(&b, t, paths);
		*len = b.len;
	}
	free(paths);
	return b.data;
}
