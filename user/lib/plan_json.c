// SPDX-License-Identifier: GPL-2.0-or-later
/* Plans to JSON, doc/plan-format.md. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/plan_json.h"
#include "lib/plan_paths.h"
#include "lib/spec.h"

const char *const plan_kind_names[PLAN_KINDS] = { "host", "leaf", "spine", "core" };
const char *const plan_op_names[3] = { "compute", "send", "recv" };

/* Takes @v over; a value that could not be made spoils the whole. */
static void append(json_t *array, json_t *v, bool *ok)
{
	if (json_array_append_new(array, v))
		*ok = false;
}

static json_t *addr_json(const struct dmsc_addr *a)
{
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, a->b + 12, text, sizeof(text));
	return json_string(text);
}

static json_t *topology_json(const struct topology *t, bool *ok)
{
	json_t *nodes = json_array(), *links = json_array(), *o;
	uint32_t i;

	for (i = 0; i < t->nr_nodes; i++) {
		o = json_pack("{s:s, s:s, s:I, s:o}", "name", t->nodes[i].name, "kind",
			      plan_kind_names[t->nodes[i].kind], "gpus",
			      (json_int_t)t->nodes[i].gpus, "address", addr_json(&t->nodes[i].addr));
		plan_set_addr(o, "address6", &t->nodes[i].addr6, ok);
		plan_set_addr(o, "segment", &t->nodes[i].segment, ok);
		append(nodes, o, ok);
	}
	for (i = 0; i < t->nr_links; i++) {
		const struct topo_link *l = &t->links[i];

		o = json_pack("{s:I, s:I, s:s, s:s, s:o, s:o, s:I}", "a", (json_int_t)l->a, "b",
			      (json_int_t)l->b, "if_a", l->if_a, "if_b", l->if_b, "addr_a",
			      addr_json(&l->addr_a), "addr_b", addr_json(&l->addr_b), "rate",
			      (json_int_t)l->rate);
		plan_set_addr(o, "addr6_a", &l->addr6_a, ok);
		plan_set_addr(o, "addr6_b", &l->addr6_b, ok);
		append(links, o, ok);
	}
	o = json_pack("{s:s, s:o, s:o}", "name", t->name, "nodes", nodes, "links", links);
	if (t->srv6 && json_object_set_new(o, "paths", json_string("srv6")))
		*ok = false;
	return o;
}

/* Bytes a second in the model, bit/s in the file; none at all is left out. */
static void put_rates(json_t *o, const char *key, const uint64_t *rate, bool *ok)
{
	json_t *a = json_array();
	uint64_t any = 0;
	int c;

	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		append(a, json_integer(8 * rate[c]), ok);
		any |= rate[c];
	}
	if (!any)
		json_decref(a);
	else if (json_object_set_new(o, key, a))
		*ok = false;
}

/* One number where it holds for all classes. */
static void put_ranks(json_t *o, const uint32_t *rank, bool *ok)
{
	bool same = true;
	json_t *a;
	int c;

	for (c = 1; c < DMSC_NR_CLASSES; c++)
		same &= rank[c] == rank[0];
	if (same && !rank[0])
		return;
	if (same) {
		*ok &= !json_object_set_new(o, "rank", json_integer(rank[0]));
		return;
	}
	a = json_array();
	for (c = 0; c < DMSC_NR_CLASSES; c++)
		append(a, json_integer(rank[c]), ok);
	*ok &= !json_object_set_new(o, "ranks", a);
}

static json_t *instance_json(const struct plan_instance *in, bool *ok)
{
	json_t *slots = json_array(), *ports = json_array(), *o;
	int c;

	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		append(slots, json_integer(in->slot[c]), ok);
		append(ports, json_integer(in->port[c]), ok);
	}
	o = json_pack("{s:I, s:I, s:s, s:I, s:i, s:s, s:s, s:i, s:o, s:o}", "sid",
		      (json_int_t)in->sid, "mic", (json_int_t)in->mic, "name", in->name, "host",
		      (json_int_t)in->host, "gpu", in->gpu, "cgroup", in->cgroup, "class",
		      dmsc_class_name(in->class_default), "class_mask", in->class_mask, "slots",
		      slots, "ports", ports);
	if (in->gpus > 1)
		*ok &= !json_object_set_new(o, "gpus", json_integer(in->gpus));
	put_ranks(o, in->rank, ok);
	put_rates(o, "rates", in->rate, ok);
	put_rates(o, "ceilings", in->ceil, ok);
	return o;
}

static json_t *index_json(uint32_t index)
{
	return index == MODEL_NONE ? json_null() : json_integer(index);
}

static json_t *flow_json(const struct plan *p, const struct plan_flow *f, bool *ok)
{
	json_t *o =
		json_pack("{s:I, s:I, s:s, s:b, s:I, s:I, s:I, s:I, s:o}", "src",
			  (json_int_t)f->src, "dst", (json_int_t)f->dst, "class",
			  dmsc_class_name(f->class), "bulk", f->bulk, "bytes", (json_int_t)f->bytes,
			  "messages", (json_int_t)f->messages, "order", (json_int_t)f->order,
			  "slack_ns", (json_int_t)f->slack, "path", index_json(f->path));

	if (o && f->rank)
		json_object_set_new(o, "rank", json_integer(f->rank));
	if (o && f->deadline)
		json_object_set_new(o, "deadline_ns", json_integer(f->deadline));
	if (o && f->connections > 1)
		json_object_set_new(o, "connections", json_integer(f->connections));
	if (o && f->nr_ways)
		json_object_set_new(o, "paths", plan_ways_json(p, f->first_way, f->nr_ways, ok));
	return o;
}

/* [kind, flow, amount, phase, micro-batch, dependency...] */
static json_t *op_json(const struct plan *p, const struct plan_op *op, bool *ok)
{
	json_t *a = json_array();
	uint32_t i;

	append(a, json_string(plan_op_names[op->kind]), ok);
	append(a, index_json(op->flow), ok);
	append(a, json_integer(op->amount), ok);
	append(a, json_integer(op->phase), ok);
	append(a, json_integer(op->micro_batch), ok);
	for (i = 0; i < op->nr_deps; i++)
		append(a, json_integer(p->deps[op->first_dep + i]), ok);
	return a;
}

static json_t *certificate_json(const struct plan_certificate *c)
{
	return json_pack("{s:f, s:f, s:o, s:s, s:b}", "worst_s", c->worst, "bound_s", c->bound,
			 "edge", index_json(c->edge), "cut", c->cut, "core", c->core);
}

static json_t *placement_json(const struct plan_placement *pl)
{
	json_t *o = json_pack("{s:f, s:I, s:I}", "worst_s", pl->worst, "between_hosts",
			      (json_int_t)pl->bytes, "critical_path_ns", (json_int_t)pl->path);

	if (o && pl->compared)
		json_object_set_new(o, "own",
				    json_pack("{s:f, s:I, s:I}", "worst_s", pl->own_worst,
					      "between_hosts", (json_int_t)pl->own_bytes,
					      "critical_path_ns", (json_int_t)pl->own_path));
	return o;
}

static json_t *granularity_json(const struct plan_granularity *g, bool *ok)
{
	json_t *choices = json_array();
	uint32_t i;

	for (i = 0; i < g->nr_choices; i++)
		append(choices,
		       json_pack("[I, I, I]", (json_int_t)g->choices[i].exchanges,
				 (json_int_t)g->choices[i].overhead_ns,
				 (json_int_t)g->choices[i].exposed_ns),
		       ok);
	return json_pack("{s:I, s:b, s:o}", "exchanges", (json_int_t)g->exchanges, "given",
			 g->given, "choices", choices);
}

static json_t *plan_json(const struct plan *p, bool *ok)
{
	json_t *o = json_object(), *a, *totals = json_object();
	uint32_t i, k;

	json_object_set_new(o, "version", json_integer(PLAN_VERSION));
	json_object_set_new(o, "job", json_string(p->job));
	json_object_set_new(o, "source", json_string(p->source));
#define x(f) json_object_set_new(totals, #f, json_integer(p->totals.f));
	PLAN_TOTALS(x)
	PLAN_TOTALS_LATER(x)
#undef x
	json_object_set_new(o, "totals", totals);
	json_object_set_new(o, "certificate", certificate_json(&p->certificate));
	if (p->placement.given)
		json_object_set_new(o, "placement", placement_json(&p->placement));
	if (p->granularity.nr_choices)
		json_object_set_new(o, "granularity", granularity_json(&p->granularity, ok));
	json_object_set_new(o, "critical_path_ns", json_integer(p->critical_path));
	json_object_set_new(o, "critical", a = json_array());
	for (i = 0; i < p->nr_critical; i++)
		append(a, json_integer(p->critical[i]), ok);
	json_object_set_new(o, "notes", a = json_array());
	for (i = 0; i < p->nr_notes; i++)
		append(a, json_string(p->notes[i]), ok);
	json_object_set_new(o, "topology", topology_json(&p->topo, ok));
	json_object_set_new(o, "edge_load", a = json_array());
	for (i = 0; i < 2 * p->topo.nr_links; i++)
		append(a, json_real(p->edge_load[i]), ok);
	json_object_set_new(o, "hosts", a = json_array());
	for (i = 0; i < p->nr_hosts; i++)
		append(a,
		       json_pack("{s:s, s:I}", "name", p->hosts[i].name, "node",
				 (json_int_t)p->hosts[i].node),
		       ok);
	json_object_set_new(o, "mics", a = json_array());
	for (i = 0; i < p->nr_mics; i++)
		append(a,
		       json_pack("{s:I, s:s}", "id", (json_int_t)p->mics[i].id, "name",
				 p->mics[i].name),
		       ok);
	json_object_set_new(o, "instances", a = json_array());
	for (i = 0; i < p->nr_instances; i++)
		append(a, instance_json(&p->instances[i], ok), ok);
	json_object_set_new(o, "flows", a = json_array());
	for (i = 0; i < p->nr_flows; i++)
		append(a, flow_json(p, &p->flows[i], ok), ok);
	json_object_set_new(o, "paths", a = json_array());
	for (i = 0; i < p->nr_paths; i++)
		append(a, plan_path_json(&p->paths[i], ok), ok);
	if (p->nr_groups)
		json_object_set_new(o, "groups", plan_groups_json(p, ok));
	json_object_set_new(o, "ops", a = json_array());
	for (i = 0; i < p->nr_instances; i++) {
		json_t *mine = json_array();

		for (k = p->op_start[i]; k < p->op_start[i + 1]; k++)
			append(mine, op_json(p, &p->ops[k], ok), ok);
		append(a, mine, ok);
	}
	return o;
}

char *plan_to_text(const struct plan *p, struct dmsc_error *err)
{
	bool ok = true;
	json_t *o = plan_json(p, &ok);
	char *text = o && ok ? json_dumps(o, JSON_COMPACT) : NULL;

	json_decref(o);
	if (!text)
		dmsc_fail(err, -ENOMEM, "plan: cannot be written as JSON");
	return text;
}

/* To @out, which is closed unless it is stdout. */
static int write_text(const char *text, FILE *out)
{
	int ret = 0;

	if (fputs(text, out) < 0 || fputc('\n', out) < 0 || fflush(out))
		ret = -errno;
	if (out != stdout && fclose(out) && !ret)
		ret = -errno;
	return ret;
}

/* A file that is there is replaced in one go, or stays as it was. */
static int replace_file(const char *text, const char *file)
{
	char temp[4096];
	mode_t mask = umask(0);
	FILE *out;
	int fd, ret;

	umask(mask);
	if (snprintf(temp, sizeof(temp), "%s.XXXXXX", file) >= (int)sizeof(temp))
		return -ENAMETOOLONG;
	fd = mkstemp(temp);
	if (fd < 0)
		return -errno;
	out = fchmod(fd, 0666 & ~mask) ? NULL : fdopen(fd, "w");
	if (!out) {
		ret = -errno;
		close(fd);
	} else {
		ret = write_text(text, out);
	}
	if (!ret && rename(temp, file))
		ret = -errno;
	if (ret)
		unlink(temp);
	return ret;
}

int plan_write(const struct plan *p, const char *file, struct dmsc_error *err)
{
	char *text = plan_to_text(p, err);
	struct stat st;
	FILE *out;
	int ret;

	if (!text)
		return -ENOMEM;
	if (!strcmp(file, "-")) {
		ret = write_text(text, stdout);
	} else if (!stat(file, &st) && !S_ISREG(st.st_mode)) {
		out = fopen(file, "we");
		ret = out ? write_text(text, out) : -errno;
	} else {
		ret = replace_file(text, file);
	}
	free(text);
	if (ret)
		return dmsc_fail(err, ret, "%s: %s", file, strerror(-ret));
	return 0;
}
