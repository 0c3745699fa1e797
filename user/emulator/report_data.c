// SPDX-License-Identifier: GPL-2.0-or-later
#include "emulator/report_data.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "emulator/report.h"

const uint8_t report_class_order[DMSC_NR_CLASSES] = {
	DMSC_CLASS_CONTROL,  DMSC_CLASS_GATEWAY, DMSC_CLASS_TENSOR,  DMSC_CLASS_EXPERT,
	DMSC_CLASS_PIPELINE, DMSC_CLASS_DATA,	 DMSC_CLASS_DEFAULT, DMSC_CLASS_BULK,
};

/* The first thing that was wrong stays; what is read after it is thrown away. */
struct reader {
	const char *file;
	struct dmsc_error *err;
	int rc;
	char at[160]; /* which object is read: "setups[2].time" */
};

static void __attribute__((format(printf, 2, 3))) enter(struct reader *rd, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(rd->at, sizeof(rd->at), fmt, ap);
	va_end(ap);
}

static void __attribute__((format(printf, 3, 4))) wrong(struct reader *rd, const char *key,
							const char *fmt, ...)
{
	char what[200];
	va_list ap;

	if (rd->rc)
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	rd->rc = dmsc_fail(rd->err, -EINVAL, "%s: %s%s%s: %s", rd->file, rd->at,
			   *rd->at && *key ? "." : "", key, what);
}

static const char *get_string(struct reader *rd, json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	if (!v || json_is_null(v))
		return NULL;
	if (!json_is_string(v))
		wrong(rd, key, "not text, expected a string");
	return json_string_value(v);
}

static const char *need_string(struct reader *rd, json_t *o, const char *key)
{
	const char *s = get_string(rd, o, key);

	if (!s)
		wrong(rd, key, "missing, expected a string");
	return s ? s : "";
}

/* NAN: null or missing. */
static double get_number(struct reader *rd, json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	if (!v || json_is_null(v))
		return NAN;
	if (!json_is_number(v) || json_number_value(v) < 0) {
		wrong(rd, key, "expected a number that is not negative");
		return NAN;
	}
	return json_number_value(v);
}

static uint32_t need_index(struct reader *rd, json_t *v, const char *key, uint32_t count)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) >= count) {
		wrong(rd, key, "expected an index below %u", count);
		return 0;
	}
	return json_integer_value(v);
}

static uint8_t need_class(struct reader *rd, json_t *v, const char *key)
{
	int c = json_is_string(v) ? dmsc_class_parse(json_string_value(v)) : -1;

	if (c < 0)
		wrong(rd, key, "expected the name of a class");
	return c < 0 ? 0 : c;
}

static json_t *get_array(struct reader *rd, json_t *o, const char *key, bool needed)
{
	json_t *v = json_object_get(o, key);

	if ((!v || json_is_null(v)) && !needed)
		return NULL;
	if (!json_is_array(v))
		wrong(rd, key, "expected an array");
	return json_is_array(v) ? v : NULL;
}

static json_t *get_object(struct reader *rd, json_t *o, const char *key, bool needed)
{
	json_t *v = json_object_get(o, key);

	if ((!v || json_is_null(v)) && !needed)
		return NULL;
	if (!json_is_object(v))
		wrong(rd, key, "expected an object");
	return json_is_object(v) ? v : NULL;
}

/* An array for the elements of @from, at least one long. */
static void *alloc(struct reader *rd, json_t *from, size_t size, uint32_t *count)
{
	void *p = calloc(json_array_size(from) + 1, size);

	if (!p && !rd->rc)
		rd->rc = dmsc_fail(rd->err, -ENOMEM, "%s: out of memory", rd->file);
	*count = p ? json_array_size(from) : 0;
	return p;
}

static void read_classes(struct reader *rd, struct report *r)
{
	json_t *list, *o;
	size_t i;

	for (i = 0; i < DMSC_NR_CLASSES; i++)
		r->classes[i].dscp = -1;
	enter(rd, "%s", "");
	list = get_array(rd, r->root, "classes", false);
	json_array_foreach(list, i, o)
	{
		struct report_class *c;
		double dscp;

		enter(rd, "classes[%zu]", i);
		c = &r->classes[need_class(rd, json_object_get(o, "name"), "name")];
		dscp = get_number(rd, o, "dscp");
		if (dscp > 63)
			wrong(rd, "dscp", "expected 0..63");
		c->dscp = dscp <= 63 ? dscp : -1;
		c->band = get_string(rd, o, "band");
		c->weight = get_number(rd, o, "weight");
	}
}

static void read_cluster(struct reader *rd, struct report *r)
{
	json_t *list, *o;
	size_t i;

	enter(rd, "%s", "");
	list = get_array(rd, r->root, "nodes", true);
	r->nodes = alloc(rd, list, sizeof(*r->nodes), &r->nr_nodes);
	for (i = 0; !rd->rc && i < r->nr_nodes; i++) {
		const char *kind;
		double gpus;

		o = json_array_get(list, i);
		enter(rd, "nodes[%zu]", i);
		r->nodes[i].name = need_string(rd, o, "name");
		kind = need_string(rd, o, "kind");
		if (!strcmp(kind, "leaf"))
			r->nodes[i].kind = NODE_LEAF;
		else if (!strcmp(kind, "spine") || !strcmp(kind, "core"))
			r->nodes[i].kind = NODE_SPINE;
		else if (strcmp(kind, "host"))
			wrong(rd, "kind", "expected host, leaf, spine or core");
		gpus = get_number(rd, o, "gpus");
		r->nodes[i].gpus = gpus < 1e6 ? gpus : 0;
	}

	enter(rd, "%s", "");
	list = get_array(rd, r->root, "links", true);
	r->links = alloc(rd, list, sizeof(*r->links), &r->nr_links);
	for (i = 0; !rd->rc && i < r->nr_links; i++) {
		o = json_array_get(list, i);
		enter(rd, "links[%zu]", i);
		r->links[i].a = need_index(rd, json_object_get(o, "a"), "a", r->nr_nodes);
		r->links[i].b = need_index(rd, json_object_get(o, "b"), "b", r->nr_nodes);
		r->links[i].if_a = need_string(rd, o, "if_a");
		r->links[i].if_b = need_string(rd, o, "if_b");
		r->links[i].rate = get_number(rd, o, "rate");
	}

	enter(rd, "%s", "");
	list = get_array(rd, r->root, "hosts", true);
	r->host_node = alloc(rd, list, sizeof(*r->host_node), &r->nr_hosts);
	for (i = 0; !rd->rc && i < r->nr_hosts; i++) {
		enter(rd, "hosts[%zu]", i);
		o = json_object_get(json_array_get(list, i), "node");
		r->host_node[i] = need_index(rd, o, "node", r->nr_nodes);
	}

	enter(rd, "%s", "");
	list = get_array(rd, r->root, "instances", true);
	r->instance_host = alloc(rd, list, sizeof(*r->instance_host), &r->nr_instances);
	for (i = 0; !rd->rc && i < r->nr_instances; i++) {
		enter(rd, "instances[%zu]", i);
		o = json_object_get(json_array_get(list, i), "host");
		r->instance_host[i] = need_index(rd, o, "host", r->nr_hosts);
	}
}

static void read_path(struct reader *rd, struct report *r, struct report_path *p, json_t *o)
{
	json_t *bytes, *step, *v;
	const char *name;
	size_t i;

	p->src = need_index(rd, json_object_get(o, "src"), "src", r->nr_hosts);
	p->dst = need_index(rd, json_object_get(o, "dst"), "dst", r->nr_hosts);
	p->link = need_index(rd, json_object_get(o, "link"), "link", r->nr_links);
	bytes = get_object(rd, o, "bytes", false);
	json_object_foreach(bytes, name, v)
	{
		if (dmsc_class_parse(name) < 0)
			wrong(rd, "bytes", "a key that is not a class");
		else
			p->bytes[dmsc_class_parse(name)] = get_number(rd, bytes, name);
	}
	p->edges = get_array(rd, o, "edges", true);
	json_array_foreach(p->edges, i, step)
	{
		uint32_t edge, c;
		double share;

		edge = need_index(rd, json_object_get(step, "edge"), "edges", 2 * r->nr_links);
		share = get_number(rd, step, "share");
		for (c = 0; !rd->rc && c < DMSC_NR_CLASSES; c++)
			if (p->bytes[c] > 0)
				r->planned[c][edge] += p->bytes[c] * (share <= 1 ? share : 1);
	}
}

static void read_paths(struct reader *rd, struct report *r)
{
	json_t *list;
	uint32_t i;

	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		r->planned[i] = calloc(2 * (size_t)r->nr_links + 1, sizeof(double));
		if (!r->planned[i] && !rd->rc)
			rd->rc = dmsc_fail(rd->err, -ENOMEM, "%s: out of memory", rd->file);
	}
	enter(rd, "%s", "");
	list = get_array(rd, r->root, "paths", true);
	r->paths = alloc(rd, list, sizeof(*r->paths), &r->nr_paths);
	for (i = 0; !rd->rc && i < r->nr_paths; i++) {
		enter(rd, "paths[%u]", i);
		read_path(rd, r, &r->paths[i], json_array_get(list, i));
	}
}

static void read_completion(struct reader *rd, struct report_completion *out, json_t *o,
			    const char *key)
{
	json_t *list = get_array(rd, o, key, false), *v;
	size_t i;

	json_array_foreach(list, i, v)
	{
		struct report_completion *c;

		c = &out[need_class(rd, json_object_get(v, "class"), key)];
		c->present = true;
		c->messages = get_number(rd, v, "messages");
		c->p50 = get_number(rd, v, "p50_ns");
		c->p99 = get_number(rd, v, "p99_ns");
		c->max = get_number(rd, v, "max_ns");
	}
}

static void read_iterations(struct reader *rd, struct report_setup *s, json_t *o, uint32_t nr)
{
	json_t *list;
	uint32_t i;

	list = get_array(rd, o, "iterations", true);
	s->iterations = alloc(rd, list, sizeof(*s->iterations), &s->nr_iterations);
	for (i = 0; !rd->rc && i < s->nr_iterations; i++) {
		struct report_iteration *it = &s->iterations[i];

		o = json_array_get(list, i);
		enter(rd, "setups[%u].iterations[%u]", nr, i);
		it->time = get_number(rd, o, "time_ns");
		it->retransmits = get_number(rd, o, "retransmits");
		it->host_drops = get_number(rd, o, "host_drops");
		it->fabric_drops = get_number(rd, o, "fabric_drops");
		it->bulk_goodput = get_number(rd, o, "bulk_goodput");
		it->cpu_idle = get_number(rd, o, "cpu_idle");
	}
}

static void read_timeline(struct reader *rd, struct report *r, struct report_setup *s, json_t *o,
			  uint32_t nr)
{
	double iteration;
	json_t *list;
	uint32_t i;

	enter(rd, "setups[%u]", nr);
	o = get_object(rd, o, "timeline", false);
	if (!o)
		return;
	enter(rd, "setups[%u].timeline", nr);
	s->timeline_time = get_number(rd, o, "time_ns");
	iteration = get_number(rd, o, "iteration");
	s->timeline_iteration = iteration < 1e9 ? iteration : 0;
	s->truncated = json_is_true(json_object_get(o, "truncated"));
	list = get_array(rd, o, "records", true);
	s->records = alloc(rd, list, sizeof(*s->records), &s->nr_records);
	for (i = 0; !rd->rc && i < s->nr_records; i++) {
		struct report_record *rec = &s->records[i];
		json_t *start, *end;

		o = json_array_get(list, i);
		enter(rd, "setups[%u].timeline.records[%u]", nr, i);
		rec->class = need_class(rd, json_array_get(o, 0), "[0]");
		rec->src = need_index(rd, json_array_get(o, 1), "[1]", r->nr_instances);
		rec->dst = need_index(rd, json_array_get(o, 2), "[2]", r->nr_instances);
		start = json_array_get(o, 4);
		end = json_array_get(o, 5);
		rec->start = json_number_value(start);
		rec->end = json_number_value(end);
		if (!json_is_number(start) || !json_is_number(end) || rec->start < 0 ||
		    rec->end < rec->start)
			wrong(rd, "[4], [5]", "expected a start and an end not before it");
	}
}

static void read_setup(struct reader *rd, struct report *r, json_t *o, uint32_t nr)
{
	struct report_setup *s = &r->setups[nr];
	json_t *v, *list;
	uint32_t i, nr_edges;

	enter(rd, "setups[%u]", nr);
	s->name = need_string(rd, o, "name");
	s->title = need_string(rd, o, "title");
	s->description = get_string(rd, o, "description");
	s->retransmits = get_number(rd, o, "retransmits");
	s->host_drops = get_number(rd, o, "host_drops");
	s->fabric_drops = get_number(rd, o, "fabric_drops");
	s->bulk_goodput = get_number(rd, o, "bulk_goodput");
	s->cpu_idle = get_number(rd, o, "cpu_idle");
	s->cpu_daemons = get_number(rd, o, "cpu_daemons");
	read_completion(rd, s->between, o, "completion");
	read_completion(rd, s->local, o, "local");
	v = get_object(rd, o, "time", true);
	s->median = get_number(rd, v, "median_ns");
	s->p95 = get_number(rd, v, "p95_ns");
	s->min = get_number(rd, v, "min_ns");
	s->max = get_number(rd, v, "max_ns");

	list = get_array(rd, o, "utilisation", false);
	if (list && json_array_size(list) != 2 * (size_t)r->nr_links)
		wrong(rd, "utilisation", "%zu values, expected %u, two a link",
		      json_array_size(list), 2 * r->nr_links);
	if (list) {
		s->utilisation = alloc(rd, list, sizeof(double), &nr_edges);
		for (i = 0; !rd->rc && i < nr_edges; i++) {
			v = json_array_get(list, i);
			s->utilisation[i] = json_is_number(v) ? json_number_value(v) : NAN;
		}
	}
	if (!rd->rc)
		read_iterations(rd, s, o, nr);
	if (!rd->rc)
		read_timeline(rd, r, s, o, nr);
}

static void read_all(struct reader *rd, struct report *r)
{
	json_t *o, *list;
	uint32_t i;

	if (json_integer_value(json_object_get(r->root, "format")) != 1)
		wrong(rd, "format", "expected 1");
	r->version = need_string(rd, r->root, "version");
	r->date = need_string(rd, r->root, "date");
	r->kernel = need_string(rd, r->root, "kernel");
	r->machine = get_string(rd, r->root, "machine");
	r->command = get_string(rd, r->root, "command");
	r->job = need_string(rd, r->root, "job");
	r->source = get_string(rd, r->root, "source");
	r->critical_path = get_number(rd, r->root, "critical_path_ns");
	r->notes = get_array(rd, r->root, "notes", false);
	r->warnings = get_array(rd, r->root, "warnings", false);
	o = get_object(rd, r->root, "files", false);
	enter(rd, "files");
	r->file_job = get_string(rd, o, "job");
	r->file_topology = get_string(rd, o, "topology");
	r->file_workload = get_string(rd, o, "workload");
	enter(rd, "%s", "");
	o = get_object(rd, r->root, "scale", true);
	enter(rd, "scale");
	r->scale_rate = get_number(rd, o, "rate");
	r->scale_bytes = get_number(rd, o, "bytes");
	r->scale_time = get_number(rd, o, "time");
	r->link_rate_real = get_number(rd, o, "link_rate_real");
	r->planned_real_bytes = get_number(rd, o, "planned_real_bytes");
	if (!rd->rc)
		read_classes(rd, r);
	if (!rd->rc)
		read_cluster(rd, r);
	if (!rd->rc)
		read_paths(rd, r);
	enter(rd, "%s", "");
	list = get_array(rd, r->root, "setups", true);
	if (json_array_size(list) < 1 || json_array_size(list) > REPORT_MAX_SETUPS)
		wrong(rd, "setups", "%zu of them, expected 1..%d", json_array_size(list),
		      REPORT_MAX_SETUPS);
	for (i = 0; !rd->rc && i < json_array_size(list); i++) {
		read_setup(rd, r, json_array_get(list, i), i);
		r->nr_setups = i + 1;
		if (r->setups[i].nr_iterations > r->iterations)
			r->iterations = r->setups[i].nr_iterations;
	}
}

int report_load(struct report *r, const char *file, struct dmsc_error *err)
{
	struct reader rd = { .file = file, .err = err };
	json_error_t je;
	struct stat st;
	FILE *f;

	memset(r, 0, sizeof(*r));
	f = fopen(file, "re");
	if (!f || fstat(fileno(f), &st)) {
		int rc = -errno;

		if (f)
			fclose(f);
		return dmsc_fail(err, rc, "%s: %s", file, strerror(-rc));
	}
	if (!S_ISREG(st.st_mode) || st.st_size > REPORT_MAX_JSON) {
		fclose(f);
		return dmsc_fail(err, -EINVAL, "%s: not a report, expected a file of at most %u MiB",
				 file, REPORT_MAX_JSON >> 20);
	}
	r->root = json_loadf(f, JSON_REJECT_DUPLICATES, &je);
	fclose(f);
	if (!r->root)
		return dmsc_fail(err, -EINVAL, "%s:%d: %s, expected JSON", file, je.line, je.text);
	if (!json_is_object(r->root))
		wrong(&rd, "", "expected an object");
	else
		read_all(&rd, r);
	if (rd.rc)
		report_free(r);
	return rd.rc;
}

void report_free(struct report *r)
{
	uint32_t i;

	for (i = 0; i < REPORT_MAX_SETUPS; i++) {
		free(r->setups[i].iterations);
		free(r->setups[i].utilisation);
		free(r->setups[i].records);
	}
	for (i = 0; i < DMSC_NR_CLASSES; i++)
		free(r->planned[i]);
	free(r->nodes);
	free(r->links);
	free(r->host_node);
	free(r->instance_host);
	free(r->paths);
	json_decref(r->root);
	memset(r, 0, sizeof(*r));
}

const struct report_setup *report_find_setup(const struct report *r, const char *name)
{
	uint32_t i;

	for (i = 0; i < r->nr_setups; i++)
		if (!strcmp(r->setups[i].name, name))
			return &r->setups[i];
	return NULL;
}
