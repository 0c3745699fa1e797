// SPDX-License-Identifier: GPL-2.0-or-later
/* report.json, as doc/report-format.md describes it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "emulator/qdisc.h"
#include "emulator/results.h"

#define MAX_RECORDS 20000

static json_t *ns(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *scale_json(const struct results *r)
{
	uint64_t planned = 0;
	char text[160];
	uint32_t i;

	for (i = 0; i < r->messages->nr; i++)
		if (!r->plan->flows[r->messages->list[i].flow].bulk)
			planned += r->messages->list[i].bytes;

	snprintf(text, sizeof(text), "link rates / %.6g, bytes / %.6g, time x %.4g", r->scale->rate,
		 r->scale->bytes, r->scale->time);
	return json_pack("{s:f, s:f, s:f, s:I, s:i, s:I, s:s}", "rate", r->scale->rate, "bytes",
			 r->scale->bytes, "time", r->scale->time, "link_rate_real",
			 (json_int_t)r->scale->link_rate, "mtu", EMULATED_MTU, "planned_real_bytes",
			 (json_int_t)planned, "text", text);
}

static json_t *classes_json(const struct results *r)
{
	struct qdisc_band bands[DMSC_NR_CLASSES];
	json_t *list = json_array();
	uint32_t c, i;

	qdisc_bands(bands);
	for (c = 0; c < DMSC_NR_CLASSES; c++)
		for (i = 0; i < DMSC_NR_CLASSES; i++)
			if (bands[i].class == c)
				json_array_append_new(list,
						      json_pack("{s:i, s:s, s:i, s:s, s:i}", "id",
								c, "name", dmsc_class_name(c),
								"dscp", r->profile.dscp[c], "band",
								bands[i].strict ? "strict" :
										  "weighted",
								"weight", bands[i].weight));
	return list;
}

static void add_topology(json_t *root, const struct plan *p)
{
	static const char *const kinds[] = { "host", "leaf", "spine", "core" };
	json_t *nodes = json_array(), *links = json_array(), *edges = json_array();
	char addr[INET_ADDR_LEN];
	uint32_t i;

	for (i = 0; i < p->topo.nr_nodes; i++) {
		const struct topo_node *n = &p->topo.nodes[i];

		json_array_append_new(nodes, json_pack("{s:s, s:s, s:i, s:s}", "name", n->name,
						       "kind", kinds[n->kind], "gpus", n->gpus,
						       "addr", cluster_addr(&n->addr, addr)));
	}
	for (i = 0; i < p->topo.nr_links; i++) {
		const struct topo_link *l = &p->topo.links[i];

		json_array_append_new(links, json_pack("{s:i, s:i, s:s, s:s, s:I}", "a", l->a, "b",
						       l->b, "if_a", l->if_a, "if_b", l->if_b,
						       "rate", (json_int_t)l->rate));
	}
	for (i = 0; i < 2 * p->topo.nr_links; i++) {
		const struct topo_link *l = &p->topo.links[i / 2];

		json_array_append_new(edges,
				      json_pack("{s:i, s:i, s:i, s:f}", "link", i / 2, "from",
						cluster_end(l, i & 1), "to",
						cluster_end(l, !(i & 1)), "load", p->edge_load[i]));
	}
	json_object_set_new(root, "nodes", nodes);
	json_object_set_new(root, "links", links);
	json_object_set_new(root, "edges", edges);
}

static json_t *path_json(const struct plan *p, uint32_t index)
{
	const struct plan_path *path = &p->paths[index];
	json_t *edges = json_array(), *bytes = json_object();
	double sum[DMSC_NR_CLASSES] = { 0 };
	uint32_t i, k, taken;

	for (i = 0; i < path->nr_edges; i++)
		json_array_append_new(edges, json_pack("{s:i, s:f}", "edge", path->edges[i],
						       "share", path->share[i]));
	for (i = 0; i < p->nr_flows; i++)
		for (k = 0; k < plan_flow_paths(&p->flows[i]); k++) {
			double share = plan_flow_share(p, &p->flows[i], k, &taken);

			if (taken == index)
				sum[p->flows[i].class] += p->flows[i].bytes * share;
		}
	for (i = 0; i < DMSC_NR_CLASSES; i++)
		if (sum[i])
			json_object_set_new(bytes, dmsc_class_name(i), ns(sum[i]));
	return json_pack("{s:i, s:i, s:i, s:o, s:o}", "src", path->src_host, "dst", path->dst_host,
			 "link", path->link, "edges", edges, "bytes", bytes);
}

static void add_plan(json_t *root, const struct plan *p)
{
	json_t *hosts = json_array(), *instances = json_array(), *paths = json_array();
	json_t *flows = json_array();
	uint32_t i;

	for (i = 0; i < p->nr_hosts; i++)
		json_array_append_new(hosts, json_pack("{s:s, s:i}", "name", p->hosts[i].name,
						       "node", p->hosts[i].node));
	for (i = 0; i < p->nr_instances; i++) {
		const struct plan_instance *in = &p->instances[i];

		json_array_append_new(instances, json_pack("{s:s, s:I, s:i, s:i}", "name", in->name,
							   "sid", (json_int_t)in->sid, "host",
							   in->host, "gpu", in->gpu));
	}
	for (i = 0; i < p->nr_paths; i++)
		json_array_append_new(paths, path_json(p, i));
	for (i = 0; i < p->nr_flows; i++) {
		const struct plan_flow *f = &p->flows[i];

		json_array_append_new(flows,
				      json_pack("{s:i, s:i, s:s, s:I, s:I, s:o, s:b}", "src", f->src,
						"dst", f->dst, "class", dmsc_class_name(f->class),
						"bytes", (json_int_t)f->bytes, "messages",
						(json_int_t)f->messages, "path",
						f->path == MODEL_NONE ? json_null() :
									json_integer(f->path),
						"bulk", f->bulk));
	}
	json_object_set_new(root, "hosts", hosts);
	json_object_set_new(root, "instances", instances);
	json_object_set_new(root, "paths", paths);
	json_object_set_new(root, "flows", flows);
	json_object_set_new(root, "critical_path_ns", ns(p->critical_path));
}

static json_t *totals_json(const struct plan_totals *t)
{
	const struct {
		const char *name;
		uint64_t value;
	} all[] = {
		{ "tp_all_reduce_forward", t->tp_all_reduce_forward },
		{ "tp_all_reduce_backward", t->tp_all_reduce_backward },
		{ "tp_all_gather", t->tp_all_gather },
		{ "tp_reduce_scatter", t->tp_reduce_scatter },
		{ "dp_reduce_scatter", t->dp_reduce_scatter },
		{ "dp_all_gather", t->dp_all_gather },
		{ "dp_all_reduce", t->dp_all_reduce },
		{ "pp_send_forward", t->pp_send_forward },
		{ "pp_send_backward", t->pp_send_backward },
		{ "ep_all_to_all", t->ep_all_to_all },
	};
	json_t *o = json_object();
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		json_object_set_new(o, all[i].name, ns(all[i].value));
	return o;
}

struct record {
	uint8_t class;
	uint32_t src, dst;
	uint64_t bytes, start, end;
};

static int by_start(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static void add_record(struct record *list, uint32_t *n, const struct results *r, uint32_t flow,
		       uint64_t bytes, uint64_t start, uint64_t end)
{
	const struct plan_flow *f = &r->plan->flows[flow];

	list[(*n)++] = (struct record){
		f->class,
		f->src,
		f->dst,
		bytes,
		scale_to_emulated(r->scale, start),
		scale_to_emulated(r->scale, end),
	};
}

/* What one iteration moved: its messages, and the transfers of bulk until its end. */
static json_t *timeline_json(const struct results *r, const struct round *round)
{
	const struct plan *p = r->plan;
	json_t *records = json_array();
	uint32_t i, k, n = 0, room = r->messages->nr;
	struct record *list;

	for (i = 0; i < r->nr_bulk; i++)
		room += round->bulk[i].nr;
	list = calloc(room + 1, sizeof(*list));
	if (!list) {
		json_decref(records);
		return NULL;
	}
	for (i = 0; i < r->messages->nr; i++) {
		const struct message *m = &r->messages->list[i];

		if (!p->flows[m->flow].bulk)
			add_record(list, &n, r, m->flow, p->ops[m->send].amount, round->start[i],
				   round->end[i]);
	}
	for (i = 0; i < r->nr_bulk; i++) {
		const struct round_bulk *b = &round->bulk[i];

		for (k = 0; k < b->nr && b->start[k] < round->time; k++)
			add_record(list, &n, r, b->flow, p->flows[b->flow].bytes, b->start[k],
				   b->end[k] && b->end[k] < round->time ? b->end[k] : round->time);
	}
	qsort(list, n, sizeof(*list), by_start);
	for (i = 0; i < n && i < MAX_RECORDS; i++)
		json_array_append_new(records,
				      json_pack("[s, i, i, I, I, I]", dmsc_class_name(list[i].class),
						list[i].src, list[i].dst, (json_int_t)list[i].bytes,
						(json_int_t)list[i].start, (json_int_t)list[i].end));
	free(list);
	return json_pack("{s:i, s:I, s:b, s:o}", "iteration", round->iteration, "time_ns",
			 (json_int_t)scale_to_emulated(r->scale, round->time), "truncated",
			 n > MAX_RECORDS, "records", records);
}

static json_t *completion_json(const struct completion *of)
{
	json_t *list = json_array();
	int i, c;

	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		c = results_order[i];
		if (!of[c].messages)
			continue;
		json_array_append_new(list, json_pack("{s:s, s:i, s:I, s:I, s:I, s:I}", "class",
						      dmsc_class_name(c), "messages", of[c].messages,
						      "p50_ns", (json_int_t)of[c].p50, "p99_ns",
						      (json_int_t)of[c].p99, "max_ns",
						      (json_int_t)of[c].max, "bytes",
						      (json_int_t)of[c].bytes));
	}
	return list;
}

static json_t *iteration_json(const struct results *r, const struct round *round)
{
	return json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f}", "index",
			 round->iteration, "time_ns",
			 (json_int_t)scale_to_emulated(r->scale, round->time), "time_real_ns",
			 (json_int_t)round->time, "retransmits", (json_int_t)round->retransmits,
			 "host_drops", (json_int_t)round->host_drops, "fabric_drops",
			 (json_int_t)round->fabric_drops, "received_real_bytes",
			 (json_int_t)round->received, "bulk_real_bytes",
			 (json_int_t)round->bulk_bytes, "bulk_goodput",
			 round->bulk_rate * r->scale->rate, "cpu_idle", round->cpu_idle,
			 "cpu_daemons", round->cpu_daemons);
}

/* Sum over the iterations of what each class sent on an edge. */
static json_t *class_bytes_json(const struct results *r, uint32_t setup)
{
	json_t *list = json_array();
	uint32_t e, c, i;

	for (e = 0; e < 2 * r->plan->topo.nr_links; e++) {
		uint64_t sum[DMSC_NR_CLASSES] = { 0 };
		json_t *bytes = json_object();
		bool any = false;

		for (i = setup; i < r->nr_rounds; i += r->nr_setups) {
			any |= r->rounds[i].by_class[e];
			for (c = 0; c < DMSC_NR_CLASSES; c++)
				sum[c] += r->rounds[i].class_bytes[e][c];
		}
		for (c = 0; c < DMSC_NR_CLASSES && any; c++)
			json_object_set_new(bytes, dmsc_class_name(c), ns(sum[c]));
		json_array_append_new(list, json_pack("{s:i, s:o}", "edge", e, "real_bytes",
						      any ? json_incref(bytes) : json_null()));
		json_decref(bytes);
	}
	return list;
}

static json_t *setup_json(const struct results *r, uint32_t index)
{
	const struct setup_results *s = &r->per[index];
	json_t *o, *iterations = json_array(), *utilisation = json_array();
	uint32_t i;

	for (i = index; i < r->nr_rounds; i += r->nr_setups)
		json_array_append_new(iterations, iteration_json(r, &r->rounds[i]));
	for (i = 0; i < 2 * r->plan->topo.nr_links; i++)
		json_array_append_new(utilisation, json_real(s->utilisation[i]));
	o = json_pack("{s:s, s:s, s:s, s:o, s:{s:I, s:I, s:I, s:I}, s:f, s:f, s:f, s:f, s:f, s:f}",
		      "name", s->setup->name, "title", s->setup->title, "description",
		      s->setup->description, "iterations", iterations, "time", "median_ns",
		      (json_int_t)s->median, "p95_ns", (json_int_t)s->p95, "min_ns",
		      (json_int_t)s->min, "max_ns", (json_int_t)s->max, "retransmits",
		      s->retransmits, "host_drops", s->host_drops, "fabric_drops", s->fabric_drops,
		      "bulk_goodput", s->bulk_goodput, "cpu_idle", s->cpu_idle, "cpu_daemons",
		      s->cpu_daemons);
	json_object_set_new(o, "completion", completion_json(s->remote));
	json_object_set_new(o, "local", completion_json(s->local));
	json_object_set_new(o, "utilisation", utilisation);
	json_object_set_new(o, "class_bytes", class_bytes_json(r, index));
	json_object_set_new(o, "timeline", timeline_json(r, &r->rounds[s->typical]));
	return o;
}

static json_t *percent(uint64_t base, uint64_t other)
{
	return base ? json_real(100.0 * ((double)other - (double)base) / (double)base) : json_null();
}

static json_t *comparison_json(const struct results *r)
{
	const struct setup_results *base = results_find(r, "stock"),
				   *other = results_find(r, "dmsc");
	json_t *list;
	int i, c;

	if (!base || !other)
		return json_null();
	list = json_array();
	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		c = results_order[i];
		if (base->remote[c].messages)
			json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "class",
							      dmsc_class_name(c), "p50_percent",
							      percent(base->remote[c].p50,
								      other->remote[c].p50),
							      "p99_percent",
							      percent(base->remote[c].p99,
								      other->remote[c].p99)));
	}
	return json_pack("{s:s, s:s, s:o, s:o, s:o}", "base", "stock", "other", "dmsc",
			 "time_median_percent", percent(base->median, other->median),
			 "time_p95_percent", percent(base->p95, other->p95), "completion", list);
}

static json_t *lines_json(const struct text *t)
{
	json_t *list = json_array();
	const char *line = t->data;

	while (t->len && line && *line) {
		const char *end = strchrnul(line, '\n');

		json_array_append_new(list, json_stringn(line, end - line));
		line = *end ? end + 1 : end;
	}
	return list;
}

int results_write(const struct results *r, const struct results_about *a, const char *file,
		  struct dmsc_error *err)
{
	json_t *root, *setups = json_array();
	uint32_t i;
	int ret = 0;

	root = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s, s:s?}, s:i}",
			 "format", 1, "version", DMSC_VERSION, "date", a->date, "kernel", a->kernel,
			 "machine", a->machine, "command", a->command, "job", r->plan->job, "source",
			 r->plan->source, "files", "job", a->job_file, "topology", a->topology_file,
			 "workload", a->workload_file, "iterations", r->iterations);
	json_object_set_new(root, "scale", scale_json(r));
	json_object_set_new(root, "classes", classes_json(r));
	add_topology(root, r->plan);
	add_plan(root, r->plan);
	json_object_set_new(root, "totals", totals_json(&r->plan->totals));
	for (i = 0; i < r->nr_setups; i++)
		if (r->per[i].nr)
			json_array_append_new(setups, setup_json(r, i));
	json_object_set_new(root, "setups", setups);
	json_object_set_new(root, "comparison", comparison_json(r));
	json_object_set_new(root, "notes", lines_json(&r->notes));
	json_object_set_new(root, "warnings", lines_json(&r->warnings));
	if (!root)
		ret = dmsc_fail(err, -ENOMEM, "%s: no memory", file);
	else if (json_dump_file(root, file, JSON_INDENT(1) | JSON_REAL_PRECISION(9)))
		ret = dmsc_fail(err, -EIO, "%s: cannot be written: %s", file, strerror(errno));
	json_decref(root);
	return ret;
}
