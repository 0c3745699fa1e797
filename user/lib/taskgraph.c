// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/taskgraph.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MAX_TASKS     10000
#define MAX_FLOWS     100000
#define MAX_INSTANCES 65536
#define MAX_BYTES     (1ULL << 40)
#define MAX_TIME      1000000000000000ULL /* ns, eleven days */

static const struct yaml_field task_fields[] = {
	YAML_FIELD("name", YAML_NAME, struct task, name, true, 0, 0),
	YAML_FIELD("compute", YAML_TIME, struct task, compute, false, 0, MAX_TIME),
	YAML_FIELD("instances", YAML_U32, struct task, instances, false, 1, MAX_INSTANCES),
	YAML_FIELD("gpus", YAML_U32, struct task, gpus, false, 0, 64),
	YAML_FIELD("host", YAML_NAME, struct task, host, false, 0, 0),
	YAML_FIELD("deadline", YAML_TIME, struct task, deadline, false, 1, MAX_TIME),
};

struct raw_flow {
	struct task_flow f;
	char from[MODEL_NAME_LEN], to[MODEL_NAME_LEN];
	char class[16], spread[16];
};

static const struct yaml_field flow_fields[] = {
	YAML_FIELD("from", YAML_NAME, struct raw_flow, from, true, 0, 0),
	YAML_FIELD("to", YAML_NAME, struct raw_flow, to, true, 0, 0),
	YAML_FIELD("bytes", YAML_SIZE, struct raw_flow, f.bytes, true, 1, MAX_BYTES),
	YAML_FIELD("class", YAML_TEXT, struct raw_flow, class, false, 0, 0),
	YAML_FIELD("spread", YAML_TEXT, struct raw_flow, spread, false, 0, 0),
	YAML_FIELD("deadline", YAML_TIME, struct raw_flow, f.deadline, false, 1, MAX_TIME),
};

/* A task by its name, through indexes that are sorted by name. */
struct index {
	const struct taskgraph *g;
	uint32_t *by_name;
};

static int compare(const void *a, const void *b, void *arg)
{
	const struct taskgraph *g = arg;
	const struct task *x = &g->tasks[*(const uint32_t *)a];
	const struct task *y = &g->tasks[*(const uint32_t *)b];
	int order = strcmp(x->name, y->name);

	return order ? order : x->line < y->line ? -1 : x->line > y->line;
}

static uint32_t find(const struct index *x, const char *name)
{
	uint32_t low = 0, high = x->g->nr_tasks;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(x->g->tasks[x->by_name[middle]].name, name);

		if (!order)
			return x->by_name[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return MODEL_NONE;
}

static int read_tasks(struct yaml_file *f, yaml_node_t *node, struct taskgraph *g)
{
	uint64_t instances = 0;
	char where[32];
	size_t n, i;
	int ret;

	ret = yaml_sequence(f, node, "tasks", MAX_TASKS, &n);
	if (ret)
		return ret;
	if (!n)
		return yaml_fail(f, yaml_line(node), "tasks: none, expected at least one");
	g->tasks = calloc(n, sizeof(*g->tasks));
	if (!g->tasks)
		return dmsc_fail(f->err, -ENOMEM, "out of memory");
	for (i = 0; i < n; i++) {
		yaml_node_t *item = yaml_item(f, node, i);
		struct task *t = &g->tasks[i];

		snprintf(where, sizeof(where), "tasks[%zu]", i);
		t->instances = 1;
		t->line = yaml_line(item);
		ret = yaml_mapping(f, item, where, task_fields, ARRAY_SIZE(task_fields), t);
		if (ret)
			return ret;
		g->nr_tasks++;
		instances += t->instances;
		if (instances > MAX_INSTANCES)
			return yaml_fail(f, t->line,
					 "%s.instances: %llu of all tasks so far, expected at most %d",
					 where, (unsigned long long)instances, MAX_INSTANCES);
	}
	return 0;
}

static int sort_names(struct yaml_file *f, struct index *x)
{
	const struct taskgraph *g = x->g;
	uint32_t i;

	x->by_name = calloc(g->nr_tasks, sizeof(*x->by_name));
	if (!x->by_name)
		return dmsc_fail(f->err, -ENOMEM, "out of memory");
	for (i = 0; i < g->nr_tasks; i++)
		x->by_name[i] = i;
	qsort_r(x->by_name, g->nr_tasks, sizeof(*x->by_name), compare, (void *)g);
	for (i = 1; i < g->nr_tasks; i++) {
		const struct task *a = &g->tasks[x->by_name[i - 1]];
		const struct task *b = &g->tasks[x->by_name[i]];

		if (!strcmp(a->name, b->name))
			return yaml_fail(f, b->line,
					 "tasks.name: '%s' is also on line %u, expected once",
					 b->name, a->line);
	}
	return 0;
}

/* Between delay-sensitive and masked (doc/decomposition.md) when nothing is given. */
static int read_class(struct yaml_file *f, yaml_node_t *item, const char *where,
		      struct raw_flow *raw)
{
	int class = raw->f.deadline ? DMSC_CLASS_EXPERT : DMSC_CLASS_DATA;

	if (*raw->class)
		class = dmsc_class_parse(raw->class);
	if (class < 0)
		return yaml_fail(f, yaml_key_line(f, item, "class"),
				 "%s.class: '%s', expected the name of a class such as data", where,
				 raw->class);
	raw->f.class = class;
	return 0;
}

static int read_spread(struct yaml_file *f, yaml_node_t *item, const char *where,
		       const struct taskgraph *g, struct raw_flow *raw)
{
	const struct task *from = &g->tasks[raw->f.from], *to = &g->tasks[raw->f.to];

	if (*raw->spread && strcmp(raw->spread, "all") && strcmp(raw->spread, "pairs"))
		return yaml_fail(f, yaml_key_line(f, item, "spread"),
				 "%s.spread: '%s', expected all or pairs", where, raw->spread);
	raw->f.pairs = !strcmp(raw->spread, "pairs");
	if (raw->f.pairs && from->instances != to->instances)
		return yaml_fail(f, yaml_key_line(f, item, "spread"),
				 "%s.spread: pairs of %u and %u instances, expected as many", where,
				 from->instances, to->instances);
	return 0;
}

static int read_flow(struct yaml_file *f, yaml_node_t *item, const char *where,
		     const struct index *names, struct task_flow *out)
{
	struct raw_flow raw = { .f = { .line = yaml_line(item) } };
	const char *missing;
	int ret;

	ret = yaml_mapping(f, item, where, flow_fields, ARRAY_SIZE(flow_fields), &raw);
	if (ret)
		return ret;
	raw.f.from = find(names, raw.from);
	raw.f.to = find(names, raw.to);
	missing = raw.f.from == MODEL_NONE ? "from" : "to";
	if (raw.f.from == MODEL_NONE || raw.f.to == MODEL_NONE)
		return yaml_fail(f, yaml_key_line(f, item, missing),
				 "%s.%s: '%s', expected a task of this file", where, missing,
				 *missing == 'f' ? raw.from : raw.to);
	ret = read_class(f, item, where, &raw);
	if (!ret)
		ret = read_spread(f, item, where, names->g, &raw);
	if (!ret)
		*out = raw.f;
	return ret;
}

static int read_flows(struct yaml_file *f, yaml_node_t *node, const struct index *names,
		      struct taskgraph *g)
{
	char where[32];
	size_t n, i;
	int ret;

	ret = yaml_sequence(f, node, "flows", MAX_FLOWS, &n);
	if (ret)
		return ret;
	g->flows = calloc(n + 1, sizeof(*g->flows));
	if (!g->flows)
		return dmsc_fail(f->err, -ENOMEM, "out of memory");
	for (i = 0; i < n && !ret; i++) {
		snprintf(where, sizeof(where), "flows[%zu]", i);
		ret = read_flow(f, yaml_item(f, node, i), where, names, &g->flows[i]);
		g->nr_flows += !ret;
	}
	return ret;
}

/* Kahn (1962), with the flows of a task as a list. */
uint32_t taskgraph_order(const struct taskgraph *g, uint32_t *order)
{
	uint32_t *waits = calloc(g->nr_tasks + 1, sizeof(*waits));
	uint32_t *first = calloc(g->nr_tasks + 1, sizeof(*first));
	uint32_t *next = calloc(g->nr_flows + 1, sizeof(*next));
	uint32_t head = 0, tail = 0, i;

	if (waits && first && next) {
		for (i = g->nr_flows; i-- > 0;) {
			next[i] = first[g->flows[i].from];
			first[g->flows[i].from] = i + 1;
			waits[g->flows[i].to]++;
		}
		for (i = 0; i < g->nr_tasks; i++) {
			if (!waits[i])
				order[tail++] = i;
		}
		while (head < tail) {
			for (i = first[order[head++]]; i; i = next[i - 1]) {
				if (!--waits[g->flows[i - 1].to])
					order[tail++] = g->flows[i - 1].to;
			}
		}
	}
	free(waits);
	free(first);
	free(next);
	return tail;
}

static int check_order(struct yaml_file *f, const struct taskgraph *g)
{
	uint32_t *order = calloc(g->nr_tasks, sizeof(*order)), n, i;
	bool *done = calloc(g->nr_tasks, sizeof(*done));
	int ret = 0;

	if (!order || !done) {
		ret = dmsc_fail(f->err, -ENOMEM, "out of memory");
		goto out;
	}
	n = taskgraph_order(g, order);
	for (i = 0; i < n; i++)
		done[order[i]] = true;
	/* Some flow leads on from a task of the circle to one that never gets its turn. */
	for (i = 0; i < g->nr_flows && !ret; i++) {
		const struct task_flow *t = &g->flows[i];

		if (!done[t->from])
			ret = yaml_fail(f, t->line,
					"flows[%u]: '%s' and '%s' wait for each other in a circle, expected an order that ends",
					i, g->tasks[t->from].name, g->tasks[t->to].name);
	}
out:
	free(order);
	free(done);
	return ret;
}

int taskgraph_read(struct yaml_file *f, yaml_node_t *tasks, yaml_node_t *flows,
		   struct taskgraph **out)
{
	struct taskgraph *g = calloc(1, sizeof(*g));
	struct index names = { .g = g };
	int ret;

	if (!g)
		return dmsc_fail(f->err, -ENOMEM, "out of memory");
	ret = read_tasks(f, tasks, g);
	if (!ret)
		ret = sort_names(f, &names);
	if (!ret && flows)
		ret = read_flows(f, flows, &names, g);
	if (!ret)
		ret = check_order(f, g);
	free(names.by_name);
	if (ret)
		taskgraph_free(g);
	else
		*out = g;
	return ret;
}
