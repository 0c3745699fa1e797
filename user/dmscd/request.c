// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscd/request.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dmscd/apply.h"
#include "dmscd/control.h"
#include "dmscd/daemon.h"
#include "dmscd/datapath.h"
#include "dmscd/override.h"
#include "dmscd/policy.h"
#include "dmscd/queuectl.h"
#include "dmscd/watch.h"
#include "lib/log.h"
#include "lib/encap.h"
#include "lib/neigh.h"

struct call {
	struct daemon *d;
	uint64_t client;
	json_t *req;
	json_t **answer;
	struct dmsc_error *err;
};

/* A string that must be there. NULL: it is not, and err says so. */
static const char *want_string(struct call *c, const char *key)
{
	const char *s = json_string_value(json_object_get(c->req, key));

	if (!s)
		dmsc_fail(c->err, -EINVAL, "request: %s: missing, expected a string", key);
	return s;
}

/* A number from 0 to @max, if it is there. */
static int get_u32(struct call *c, const char *key, uint32_t max, uint32_t *out)
{
	const json_t *v = json_object_get(c->req, key);

	if (!v)
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > max)
		return dmsc_fail(c->err, -EINVAL,
				 "request: %s: expected a whole number from 0 to %u", key, max);
	*out = json_integer_value(v);
	return 1;
}

static int do_version(struct call *c)
{
	*c->answer = json_pack("{s:s, s:i}", "version", DMSC_VERSION, "abi", DMSC_ABI);
	return 0;
}

static int do_status(struct call *c)
{
	*c->answer = status_json(c->d);
	return 0;
}

static int do_apply(struct call *c)
{
	const json_t *plan = json_object_get(c->req, "plan");
	const json_t *check = json_object_get(c->req, "check");

	if (!json_is_string(plan))
		return dmsc_fail(c->err, -EINVAL,
				 "request: plan: missing, expected a plan as a string of JSON");
	if (check && !json_is_boolean(check))
		return dmsc_fail(c->err, -EINVAL, "request: check: expected true or false");
	return apply_start(c->d, json_string_value(plan), json_string_length(plan), c->client,
			   json_is_true(check), c->answer, c->err);
}

static int nr_processes(const char *cgroup)
{
	char path[600];
	int n = 0, ch;
	FILE *f;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while ((ch = getc(f)) != EOF)
		n += ch == '\n';
	fclose(f);
	return n;
}

static json_t *classes_json(const struct plan_instance *in)
{
	json_t *list = json_array();

	for (unsigned int k = 0; k < DMSC_NR_CLASSES; k++)
		if (in->class_mask >> k & 1)
			json_array_append_new(list, json_string(dmsc_class_name(k)));
	return list;
}

/* What only the plan in force knows about a service. */
static void add_plan_details(struct daemon *d, json_t *o, const struct registry_service *s)
{
	struct hostplan *hp = d->current;
	json_t *slots, *ports;
	char path[512];

	if (s->local && !hostplan_cgroup_path(d, s->cgroup, path, sizeof(path))) {
		json_object_set_new(o, "cgroup_path", json_string(path));
		json_object_set_new(o, "processes", json_integer(nr_processes(path)));
	}
	for (uint32_t i = 0; hp && i < hp->plan.nr_instances; i++) {
		const struct plan_instance *in = &hp->plan.instances[i];

		if (in->sid != s->sid)
			continue;
		slots = json_object();
		ports = json_object();
		for (unsigned int k = 0; k < DMSC_NR_CLASSES; k++) {
			if (in->slot[k])
				json_object_set_new(slots, dmsc_class_name(k),
						    json_integer(in->slot[k]));
			if (in->port[k])
				json_object_set_new(ports, dmsc_class_name(k),
						    json_integer(in->port[k]));
		}
		json_object_set_new(o, "class", json_string(dmsc_class_name(in->class_default)));
		json_object_set_new(o, "classes", classes_json(in));
		json_object_set_new(o, "slots", slots);
		json_object_set_new(o, "ports", ports);
		json_object_set_new(o, "gpu", in->gpu < 0 ? json_null() : json_integer(in->gpu));
		return;
	}
}

static int do_services(struct call *c)
{
	const char *name = json_string_value(json_object_get(c->req, "name"));
	struct registry_service *list = NULL;
	json_t *out = json_array();
	size_t n = 0;
	int ret;

	ret = registry_services(c->d->registry, &list, &n, c->err);
	for (size_t i = 0; i < n && !ret; i++) {
		const struct registry_service *s = &list[i];
		char sid[16];
		json_t *o;

		snprintf(sid, sizeof(sid), "%u", s->sid);
		if (name && strcmp(name, s->name) && strcmp(name, sid))
			continue;
		o = json_pack("{s:I, s:s, s:I, s:s, s:s, s:s, s:b, s:b}", "sid", (json_int_t)s->sid,
			      "name", s->name, "mic", (json_int_t)s->mic, "mic_name", s->mic_name,
			      "host", s->host, "cgroup", s->cgroup, "local", s->local, "in_force",
			      c->d->current != NULL);
		if (o)
			add_plan_details(c->d, o, s);
		json_array_append_new(out, o);
	}
	free(list);
	if (!ret && name && !json_array_size(out))
		ret = dmsc_fail(c->err, -ENOENT,
				"service %s: unknown, expected a name or SID of `dmscctl service list`",
				name);
	if (ret)
		json_decref(out);
	else
		*c->answer = json_pack("{s:o}", "services", out);
	return ret;
}

/* What of flow @f's bytes goes by path @index of the plan, by its weights. */
static uint64_t flow_bytes(const struct plan *p, const struct plan_flow *f, uint32_t index)
{
	uint64_t sum = 0, here = 0;

	if (index == MODEL_NONE || !f->nr_ways)
		return index != MODEL_NONE && f->path == index ? f->bytes : 0;
	for (uint32_t i = f->first_way; i < f->first_way + f->nr_ways; i++) {
		sum += p->ways[i].weight;
		here += p->ways[i].path == index ? p->ways[i].weight : 0;
	}
	return (double)f->bytes * here / sum;
}

/* Whether @way is path @p, or a set with it. */
static bool takes(const struct tables *t, uint32_t way, uint32_t p)
{
	const struct dmsc_set *set = &t->sets[way & ~DMSC_PATH_SET];

	if (!(way & DMSC_PATH_SET))
		return way == p;
	for (uint32_t i = 0; i < set->nr; i++)
		if (set->path[i] == p)
			return true;
	return false;
}

static json_t *path_json(struct daemon *d, const struct hostplan *hp, uint32_t p,
			 const struct dataplane_counter *list, size_t n)
{
	const struct tables_path *about = &hp->tables.about[p];
	const struct topo_link *l = &hp->plan.topo.links[about->link];
	const struct path_state *s = &hp->paths[p];
	char hop[INET6_ADDRSTRLEN], encap[ENCAP_TEXT_LEN];
	struct dmsc_stats sent = { 0 };
	uint64_t bytes = 0;
	int groups = 0;

	for (uint32_t i = 0; i < hp->plan.nr_flows; i++)
		bytes += flow_bytes(&hp->plan, &hp->plan.flows[i], about->plan_path);
	for (size_t i = 0; i < hp->tables.t.nr_groups; i++)
		groups += takes(&hp->tables, hp->tables.t.groups[i].path, p);
	if (d->dp)
		dataplane_path_stats(list, n, dataplane_path_number(d->dp, p), &sent);
	return json_pack("{s:i, s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:b, s:i, s:I, s:{s:I, s:I, s:I}}",
			 "path", (int)p, "host", hp->plan.hosts[about->dst_host].name, "interface",
			 l->if_a, "ifindex", (int)hp->tables.paths[p].ifindex, "nexthop",
			 dmsc_addr_format(&hp->tables.paths[p].nexthop, hop), "kind",
			 about->encap ? encap_text(about->encap, encap) : "route", "state",
			 s->flags & DMSC_PATH_F_UP ? "up" : "down", "reason", watch_why(hp, p),
			 "routed", !!(s->flags & DMSC_PATH_F_ROUTED), "groups", groups, "bytes",
			 (json_int_t)bytes, "sent", "packets", (json_int_t)sent.packets, "bytes",
			 (json_int_t)sent.bytes, "moved", (json_int_t)sent.moved);
}

static int need_plan(struct call *c)
{
	if (c->d->current)
		return 0;
	return dmsc_fail(c->err, -ENOENT, "no plan is in force%s%s%s",
			 c->d->plan_why.text[0] ? " (" : "", c->d->plan_why.text,
			 c->d->plan_why.text[0] ? ")" : "");
}

static int do_paths(struct call *c)
{
	struct hostplan *hp = c->d->current;
	struct dataplane_counter *list = NULL;
	json_t *out = json_array();
	size_t n = 0;

	if (c->d->dp)
		dataplane_counters(c->d->dp, &list, &n, NULL);
	for (uint32_t p = 1; hp && p < hp->tables.t.nr_paths; p++)
		json_array_append_new(out, path_json(c->d, hp, p, list, n));
	free(list);
	*c->answer = json_pack("{s:o}", "paths", out);
	return 0;
}

/* {"path": N} or {"interface": IF} or {"host": HOST}, "state": "up" or "down". */
static int do_path_set(struct call *c)
{
	const char *state = want_string(c, "state");
	const char *dev = json_string_value(json_object_get(c->req, "interface"));
	const char *host = json_string_value(json_object_get(c->req, "host"));
	uint32_t path = 0, n = 0;
	struct hostplan *hp;
	int ret, has_path;

	if (!state)
		return -EINVAL;
	if (strcmp(state, "up") && strcmp(state, "down"))
		return dmsc_fail(c->err, -EINVAL, "request: state: '%s', expected up or down",
				 state);
	has_path = get_u32(c, "path", DMSC_MAX_PATHS - 1, &path);
	if (has_path < 0)
		return has_path;
	if (!has_path && !dev && !host)
		return dmsc_fail(c->err, -EINVAL,
				 "request: which path: expected path, interface or host");
	ret = need_plan(c);
	hp = c->d->current;
	for (uint32_t p = 1; !ret && p < hp->tables.t.nr_paths; p++) {
		const struct tables_path *about = &hp->tables.about[p];
		const char *if_a = hp->plan.topo.links[about->link].if_a;
		const char *dst = hp->plan.hosts[about->dst_host].name;
		char name[PATH_NAME_LEN];

		if ((has_path && p != path) || (dev && strcmp(dev, if_a)) ||
		    (host && strcmp(host, dst)))
			continue;
		n++;
		ret = registry_path_set(c->d->registry, dst, hostplan_path_name(hp, p, name),
					!strcmp(state, "down"), c->err);
	}
	if (!ret && !n)
		ret = dmsc_fail(c->err, -ENOENT,
				"path: no such path, expected one of `dmscctl path list`");
	if (!ret) {
		watch_refresh(c->d);
		*c->answer = json_pack("{s:i}", "changed", (int)n);
	}
	return ret;
}

static json_t *class_json(const struct queue_class *q)
{
	json_t *o = json_pack("{s:s, s:i, s:s, s:i, s:i, s:i, s:i}", "class",
			      dmsc_class_name(q->id), "id", (int)q->id, "mode",
			      q->mode == DMSC_MODE_STRICT ? "strict" : "weighted", "weight",
			      (int)q->weight, "share", (int)q->share, "limit", (int)q->limit, "ecn",
			      (int)q->ecn);

	for (int i = 0; i < QUEUE_CLASS_OPTIONS; i++) {
		const struct queue_class_option *option = &queue_class_options[i];

		if (q->given & option->given)
			json_object_set_new(o, option->name,
					    json_integer(queue_class_option_get(q, option->given)));
	}
	return o;
}

static void add_stats(json_t *o, const struct queue_stats *s)
{
	json_object_set_new(o, "packets", json_integer(s->deq_packets));
	json_object_set_new(o, "bytes", json_integer(s->deq_bytes));
	json_object_set_new(o, "enqueued_packets", json_integer(s->enq_packets));
	json_object_set_new(o, "enqueued_bytes", json_integer(s->enq_bytes));
	json_object_set_new(o, "drop_packets", json_integer(s->drop_packets));
	json_object_set_new(o, "drop_bytes", json_integer(s->drop_bytes));
	json_object_set_new(o, "mark_packets", json_integer(s->mark_packets));
	json_object_set_new(o, "backlog_packets", json_integer(s->backlog_packets));
	json_object_set_new(o, "backlog_bytes", json_integer(s->backlog_bytes));
}

static void add_interface(json_t *o, uint32_t ifindex, uint32_t handle)
{
	char name[IF_NAMESIZE];

	json_object_set_new(o, "interface", json_string(if_indextoname(ifindex, name) ? name : "?"));
	json_object_set_new(o, "ifindex", json_integer(ifindex));
	json_object_set_new(o, "handle", json_integer(handle));
}

static int do_classes(struct call *c)
{
	json_t *wanted = json_array(), *live = json_array();
	struct queue_class_entry *list = NULL;
	struct daemon *d = c->d;
	size_t n = 0;
	int ret = 0;

	for (uint32_t id = 0; id < DMSC_NR_CLASSES && !ret; id++) {
		struct queue_class q;
		json_t *o;

		ret = queuectl_class(d, id, &q, c->err);
		if (ret)
			break;
		q.id = id;
		o = class_json(&q);
		json_object_set_new(o, "dscp", json_integer(d->conf.profile.dscp[id]));
		json_array_append_new(wanted, o);
	}
	if (!ret && !queuectl_open(d))
		ret = queues_get_classes(d->queues, 0, &list, &n, c->err);
	for (size_t i = 0; i < n && !ret; i++) {
		json_t *o = class_json(&list[i].class);

		add_interface(o, list[i].ifindex, list[i].handle);
		add_stats(o, &list[i].class.stats);
		json_array_append_new(live, o);
	}
	free(list);
	if (ret) {
		json_decref(wanted);
		json_decref(live);
		return ret;
	}
	*c->answer = json_pack("{s:o, s:o}", "classes", wanted, "qdiscs", live);
	if (!d->queues)
		json_object_set_new(*c->answer, "why", json_string(d->queues_why.text));
	return 0;
}

/*
 * A number that may be missing, whatever wide field it is for: 0 when it is, 1 when
 * it is there. What does not fit the field must not look as if it did.
 */
static int get_option(struct call *c, const char *of, const char *name, uint64_t max, uint64_t *out)
{
	const json_t *v = json_object_get(c->req, name);

	if (!v)
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return dmsc_fail(c->err, -EINVAL,
				 "request: %s: expected a whole number, not below 0", name);
	if ((uint64_t)json_integer_value(v) > max)
		return dmsc_fail(c->err, -EINVAL, "%s: %s: %lld, expected at most %llu", of, name,
				 (long long)json_integer_value(v), (unsigned long long)max);
	*out = json_integer_value(v);
	return 1;
}

static int class_options(struct call *c, struct queue_class *q)
{
	for (int i = 0; i < QUEUE_CLASS_OPTIONS; i++) {
		const struct queue_class_option *o = &queue_class_options[i];
		uint64_t v;
		int ret = get_option(c, "class", o->name, o->max, &v);

		if (ret < 0)
			return ret;
		if (ret)
			queue_class_option_set(q, o->given, v);
	}
	return 0;
}

static int class_request(struct call *c, struct queue_class *q)
{
	const char *mode = json_string_value(json_object_get(c->req, "mode"));
	int ret;

	if (mode && strcmp(mode, "strict") && strcmp(mode, "weighted"))
		return dmsc_fail(c->err, -EINVAL, "class: mode: '%s', expected strict or weighted",
				 mode);
	if (mode)
		q->mode = strcmp(mode, "strict") ? DMSC_MODE_WEIGHTED : DMSC_MODE_STRICT;
	ret = get_u32(c, "weight", UINT32_MAX, &q->weight);
	if (ret >= 0)
		ret = get_u32(c, "share", UINT32_MAX, &q->share);
	if (ret >= 0)
		ret = get_u32(c, "limit", UINT32_MAX, &q->limit);
	if (ret >= 0)
		ret = get_u32(c, "ecn", UINT32_MAX, &q->ecn);
	if (ret >= 0)
		ret = class_options(c, q);
	return ret < 0 ? ret : hostconf_class_check(dmsc_class_name(q->id), q, c->err);
}

static int do_class_set(struct call *c)
{
	const char *name = want_string(c, "class");
	struct queue_class q, other;
	struct daemon *d = c->d;
	uint32_t sum = 0;
	bool was_set;
	int id, ret;

	if (!name)
		return -EINVAL;
	id = dmsc_class_parse(name);
	if (id < 0)
		return dmsc_fail(c->err, -EINVAL,
				 "class: '%s', expected control, gateway, tensor, expert, pipeline, data, default or bulk",
				 name);
	ret = queuectl_class(d, id, &q, c->err);
	if (ret)
		return ret;
	q.id = id;
	was_set = !registry_class_get(d->registry, id, &other, NULL);
	ret = class_request(c, &q);
	for (uint32_t i = 0; i < DMSC_NR_CLASSES && !ret; i++) {
		struct queue_class o;

		ret = i == q.id ? 0 : queuectl_class(d, i, &o, c->err);
		sum += i == q.id ? q.share : ret ? 0 : o.share;
	}
	if (!ret && sum > 900)
		ret = dmsc_fail(c->err, -EINVAL,
				"class: share: all add up to %u permille, expected at most 900",
				sum);
	if (ret)
		return ret;
	ret = registry_class_set(d->registry, &q, c->err);
	if (!ret && d->current)
		ret = queuectl_program(d, d->current, NULL, NULL, c->err);
	if (ret) {
		if (was_set)
			registry_class_set(d->registry, &other, NULL);
		else
			registry_class_unset(d->registry, id, NULL);
		return ret;
	}
	*c->answer = json_pack("{s:o}", "class", class_json(&q));
	if (!d->queues)
		json_object_set_new(*c->answer, "warnings",
				    json_pack("[o]", json_sprintf("queues: %s; stored for later",
								  d->queues_why.text)));
	return 0;
}

static const char *service_name(struct daemon *d, uint32_t sid)
{
	const struct plan_instance *in = d->current ? hostplan_service(d->current, sid) : NULL;

	return in ? in->name : NULL;
}

static void add_service(struct daemon *d, json_t *o, uint32_t sid)
{
	const char *name = service_name(d, sid);

	json_object_set_new(o, "sid", json_integer(sid));
	json_object_set_new(o, "name", name ? json_string(name) : json_null());
}

static json_t *queue_json(const struct queue_queue *q)
{
	json_t *o = json_pack("{s:i, s:s, s:i}", "slot", (int)q->slot, "class",
			      dmsc_class_name(q->class), "weight", (int)q->weight);

	for (int i = 0; i < QUEUE_QUEUE_OPTIONS; i++) {
		const struct queue_queue_option *option = &queue_queue_options[i];

		if (q->given & option->given)
			json_object_set_new(o, option->name,
					    json_integer(queue_queue_option_get(q, option->given)));
	}
	return o;
}

static int do_queues(struct call *c)
{
	struct queue_queue_entry *list = NULL;
	struct daemon *d = c->d;
	json_t *out;
	size_t n = 0;
	int ret;

	ret = queuectl_open(d);
	if (ret)
		return dmsc_fail(c->err, ret, "queues: %.500s", d->queues_why.text);
	ret = queues_get_queues(d->queues, 0, &list, &n, c->err);
	if (ret)
		return ret;
	out = json_array();
	for (size_t i = 0; i < n; i++) {
		const struct queue_queue *q = &list[i].queue;
		json_t *o = queue_json(q);

		add_interface(o, list[i].ifindex, list[i].handle);
		add_service(d, o, q->sid);
		add_stats(o, &q->stats);
		json_array_append_new(out, o);
	}
	free(list);
	*c->answer = json_pack("{s:o}", "queues", out);
	return 0;
}

static int queue_options(struct call *c, struct queue_queue *q)
{
	for (int i = 0; i < QUEUE_QUEUE_OPTIONS; i++) {
		const struct queue_queue_option *o = &queue_queue_options[i];
		uint64_t v;
		int ret = get_option(c, "queue", o->name, o->max, &v);

		if (ret < 0)
			return ret;
		if (ret)
			queue_queue_option_set(q, o->given, v);
	}
	return 0;
}

static int do_queue_set(struct call *c)
{
	const char *service = want_string(c, "service"), *name = want_string(c, "class");
	const json_t *forget = json_object_get(c->req, "forget");
	struct queue_queue change = { 0 }, now = { 0 };
	struct daemon *d = c->d;
	int class, ret;

	if (!service || !name)
		return -EINVAL;
	class = dmsc_class_parse(name);
	if (class < 0)
		return dmsc_fail(c->err, -EINVAL,
				 "queue: class: '%.64s', expected control, gateway, tensor, expert, pipeline, data, default or bulk",
				 name);
	if (forget && !json_is_boolean(forget))
		return dmsc_fail(c->err, -EINVAL, "request: forget: expected true or false");
	ret = queue_options(c, &change);
	if (!ret && !change.given && !json_is_true(forget))
		ret = dmsc_fail(c->err, -EINVAL,
				"queue: nothing to set, expected weight, rank, rate, ceil or remaining");
	if (!ret && d->apply)
		ret = dmsc_fail(c->err, -EBUSY, "queue: another apply is under way");
	if (!ret)
		ret = override_set(d, service, class, &change, json_is_true(forget), &now, c->err);
	if (ret)
		return ret;
	*c->answer = json_pack("{s:o}", "queue", queue_json(&now));
	if (!d->queues)
		json_object_set_new(*c->answer, "warnings",
				    json_pack("[o]", json_sprintf("queues: %s; stored for later",
								  d->queues_why.text)));
	return 0;
}

/* By which path: its number and ends; of one that is no more only the number of its next hop. */
static json_t *counted_path(struct daemon *d, const struct dataplane_counter *k)
{
	const struct hostplan *hp = d->current;
	json_t *o =
		json_pack("{s:i, s:I, s:I, s:I, s:I}", "hop", (int)k->key.path, "packets",
			  (json_int_t)k->sum.packets, "bytes", (json_int_t)k->sum.bytes, "steered",
			  (json_int_t)k->sum.steered, "moved", (json_int_t)k->sum.moved);
	char hop[INET6_ADDRSTRLEN];

	for (uint32_t p = 1; k->key.path && hp && p < hp->tables.t.nr_paths; p++) {
		if (dataplane_path_number(d->dp, p) != k->key.path)
			continue;
		json_object_set_new(o, "path", json_integer(p));
		json_object_set_new(o, "interface",
				    json_string(hp->plan.topo.links[hp->tables.about[p].link].if_a));
		json_object_set_new(o, "nexthop",
				    json_string(dmsc_addr_format(&hp->tables.paths[p].nexthop, hop)));
		break;
	}
	return o;
}

static int compare_counters(const void *a, const void *b)
{
	const struct dmsc_stats_key *x = &((const struct dataplane_counter *)a)->key;
	const struct dmsc_stats_key *y = &((const struct dataplane_counter *)b)->key;

	if (x->sid != y->sid)
		return x->sid < y->sid ? -1 : 1;
	if (x->class != y->class)
		return x->class - y->class;
	return x->dir != y->dir ? x->dir - y->dir : x->path - y->path;
}

/* One SID, class and direction: @n counters, of different next hops. */
static json_t *counter_json(struct daemon *d, const struct dataplane_counter *k, size_t n)
{
	struct dmsc_stats sum = { 0 };
	json_t *o, *paths = json_array();

	for (size_t i = 0; i < n; i++) {
		dataplane_stats_add(&sum, &k[i].sum);
		if (k->key.dir == DMSC_DIR_TX)
			json_array_append_new(paths, counted_path(d, &k[i]));
	}
	o = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:o}", "class", dmsc_class_name(k->key.class),
		      "dir", k->key.dir == DMSC_DIR_TX ? "tx" : "rx", "packets",
		      (json_int_t)sum.packets, "bytes", (json_int_t)sum.bytes, "steered",
		      (json_int_t)sum.steered, "moved", (json_int_t)sum.moved, "paths", paths);
	add_service(d, o, k->key.sid);
	return o;
}

static int do_counters(struct call *c)
{
	struct dataplane_counter *list = NULL;
	struct daemon *d = c->d;
	json_t *out;
	size_t n = 0, i, to;
	int ret;

	if (!d->dp)
		return dmsc_fail(c->err, -ENODEV, "counters: no BPF data path%s%.480s",
				 d->dp_why.text[0] ? ": " : "", d->dp_why.text);
	ret = dataplane_counters(d->dp, &list, &n, c->err);
	if (ret)
		return ret;
	qsort(list, n, sizeof(*list), compare_counters);
	out = json_array();
	for (i = 0; i < n; i = to) {
		for (to = i + 1; to < n && list[to].key.sid == list[i].key.sid &&
				 list[to].key.class == list[i].key.class &&
				 list[to].key.dir == list[i].key.dir;)
			to++;
		json_array_append_new(out, counter_json(d, &list[i], to - i));
	}
	free(list);
	*c->answer = json_pack("{s:o}", "counters", out);
	return 0;
}

static int do_policy(struct call *c)
{
	return policy_json(c->d, c->answer, c->err);
}

static int do_explain(struct call *c)
{
	return explain_json(c->d, c->req, c->answer, c->err);
}

/* {"seconds": N}: packets to whoever monitors. */
/* {"last": MILLISECONDS}; all that there is without it. */
static int do_bins(struct call *c)
{
	struct dataplane_bin *bins = NULL;
	json_t *out, *bytes;
	uint32_t last = DMSC_BINS;
	uint64_t now = dataplane_bin_now();
	size_t n = 0;
	int ret = get_u32(c, "last", DMSC_BINS, &last);

	if (ret < 0)
		return ret;
	if (!c->d->dp)
		return dmsc_fail(c->err, -ENODEV, "bins: no BPF data path");
	ret = dataplane_bins(c->d->dp, now > last ? now - last : 0, now, &bins, &n, c->err);
	if (ret)
		return ret;
	out = json_array();
	for (size_t i = 0; i < n; i++) {
		bytes = json_object();
		for (int k = 0; k < DMSC_NR_CLASSES; k++)
			if (bins[i].bytes[k])
				json_object_set_new(bytes, dmsc_class_name(k),
						    json_integer(bins[i].bytes[k]));
		json_array_append_new(out, json_pack("{s:I, s:o}", "ms", (json_int_t)bins[i].number,
						     "bytes", bytes));
	}
	free(bins);
	*c->answer = json_pack("{s:I, s:o}", "now_ms", (json_int_t)now, "bins", out);
	return 0;
}

static int do_trace(struct call *c)
{
	uint32_t seconds = 10;
	int ret = get_u32(c, "seconds", 3600, &seconds);

	if (ret >= 0 && !seconds)
		ret = dmsc_fail(c->err, -EINVAL, "trace: seconds: 0, expected 1 to 3600");
	if (ret >= 0)
		ret = policy_trace(c->d, seconds, c->err);
	if (ret < 0)
		return ret;
	*c->answer = json_pack("{s:i}", "seconds", (int)seconds);
	return 0;
}

static int do_off(struct call *c)
{
	int ret;

	if (c->d->apply)
		apply_cancel(c->d);
	ret = datapath_remove(c->d, c->err);
	daemon_event(c->d, "off", json_object());
	log_info("switched off");
	if (!ret)
		*c->answer = json_object();
	return ret;
}

static int do_monitor(struct call *c)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	control_monitor(c->d, c->client);
	*c->answer = json_pack("{s:s, s:f, s:s, s:I}", "event", "monitor", "time",
			       now.tv_sec + now.tv_nsec / 1e9, "host", c->d->conf.host,
			       "generation", (json_int_t)datapath_generation(c->d));
	return 0;
}

static const struct {
	const char *name;
	int (*fn)(struct call *c);
} requests[] = {
	{ "version", do_version }, { "status", do_status },
	{ "apply", do_apply },	   { "services", do_services },
	{ "paths", do_paths },	   { "path-set", do_path_set },
	{ "classes", do_classes }, { "class-set", do_class_set },
	{ "queues", do_queues },   { "counters", do_counters },
	{ "policy", do_policy },   { "explain", do_explain },
	{ "trace", do_trace },	   { "off", do_off },
	{ "monitor", do_monitor }, { "queue-set", do_queue_set },
	{ "bins", do_bins },
};

int request_handle(struct daemon *d, uint64_t client, json_t *req, json_t **answer,
		   struct dmsc_error *err)
{
	struct call c = { d, client, req, answer, err };
	const char *cmd = want_string(&c, "cmd");

	if (!cmd)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		int ret;

		if (strcmp(cmd, requests[i].name))
			continue;
		ret = requests[i].fn(&c);
		if (ret)
			return ret;
		if (!*answer)
			return dmsc_fail(err, -ENOMEM, "%s: no memory for the answer", cmd);
		json_object_set_new(*answer, "ok", json_true());
		return 0;
	}
	return dmsc_fail(err, -EINVAL,
			 "request: cmd: '%.64s', expected version, status, apply, services, paths, path-set, classes, class-set, queues, queue-set, counters, bins, policy, explain, trace, off or monitor",
			 cmd);
}
