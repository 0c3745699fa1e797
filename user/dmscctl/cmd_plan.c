// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmscctl/explain.h"
#include "dmscctl/inputs.h"
#include "dmscctl/table.h"
#include "dmscctl/units.h"
#include "lib/spec.h"

static const char *mask_names(uint8_t mask, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (int c = DMSC_NR_CLASSES - 1; c >= 0; c--)
		if (mask >> c & 1 && len < size)
			len += snprintf(out + len, size - len, "%s%s", len ? "," : "",
					dmsc_class_name(c));
	return out;
}

static void print_totals(const struct ctl *c, const struct plan_totals *t)
{
	const struct {
		const char *name;
		uint64_t bytes;
	} rows[] = {
		{ "tensor: all-reduce, forward", t->tp_all_reduce_forward },
		{ "tensor: all-reduce, backward", t->tp_all_reduce_backward },
		{ "tensor: all-gather", t->tp_all_gather },
		{ "tensor: reduce-scatter", t->tp_reduce_scatter },
		{ "tensor: all-to-all", t->tp_all_to_all },
		{ "data: gradient reduce-scatter", t->dp_reduce_scatter },
		{ "data: parameter all-gather", t->dp_all_gather },
		{ "data: gradient all-reduce", t->dp_all_reduce },
		{ "pipeline: send forward", t->pp_send_forward },
		{ "pipeline: send backward", t->pp_send_backward },
		{ "expert: all-to-all", t->ep_all_to_all },
		{ "boundary: tensor all-gather", t->pp_tensor_all_gather },
		{ "embedding: gradient all-reduce", t->pp_embedding_all_reduce },
		{ "context: all-gather", t->cp_all_gather },
		{ "context: reduce-scatter", t->cp_reduce_scatter },
	};
	static const char *const heads[] = { "PAYLOAD OF A RANK AND ITERATION", "-BYTES", NULL };
	struct table table;
	char text[UNITS_LEN];

	table_init(&table, c, heads);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!rows[i].bytes)
			continue;
		table_add(&table, "%s", rows[i].name);
		table_add(&table, "%s", units_bytes(rows[i].bytes, c->exact, text));
	}
	table_print(&table);
}

static void print_classes(const struct ctl *c, const struct plan *p)
{
	static const char *const heads[] = { "CLASS",	  "-FLOWS", "-BETWEEN HOSTS",
					     "-MESSAGES", "-BYTES", "-ON THE NETWORK",
					     NULL };
	static const int order[] = { 7, 6, 5, 4, 3, 2, 0, 1 };
	struct table table;
	char a[UNITS_LEN], b[UNITS_LEN], m[UNITS_LEN];

	table_init(&table, c, heads);
	for (size_t k = 0; k < DMSC_NR_CLASSES; k++) {
		uint64_t bytes = 0, wire = 0, messages = 0;
		uint32_t flows = 0, between = 0;

		for (uint32_t i = 0; i < p->nr_flows; i++) {
			const struct plan_flow *f = &p->flows[i];

			if (f->class != order[k])
				continue;
			flows++;
			messages += f->messages;
			bytes += f->bytes;
			between += f->path != MODEL_NONE;
			wire += f->path != MODEL_NONE ? f->bytes : 0;
		}
		if (!flows)
			continue;
		table_add(&table, "%s", dmsc_class_name(order[k]));
		table_add(&table, "%u", flows);
		table_add(&table, "%u", between);
		table_add(&table, "%s", units_count(messages, c->exact, m));
		table_add(&table, "%s", units_bytes(bytes, c->exact, a));
		table_add(&table, "%s", units_bytes(wire, c->exact, b));
	}
	table_print(&table);
}

/* Seconds that the edge needs for its bytes of one iteration. */
static double edge_time(const struct plan *p, uint32_t edge)
{
	return p->edge_load[edge] * 8 / p->topo.links[edge / 2].rate;
}

static int edge_cmp(const void *a, const void *b, void *arg)
{
	double x = edge_time(arg, *(const uint32_t *)a), y = edge_time(arg, *(const uint32_t *)b);

	return x > y ? -1 : x < y;
}

static void print_links(const struct ctl *c, struct plan *p)
{
	static const char *const heads[] = {
		"MOST LOADED LINKS", "INTERFACE", "-BYTES", "-RATE", "-TIME", NULL
	};
	uint32_t n = 2 * p->topo.nr_links, *edges = calloc(n + 1, sizeof(*edges));
	char a[UNITS_LEN], b[UNITS_LEN], t[UNITS_LEN];
	struct table table;

	if (!edges)
		return;
	for (uint32_t i = 0; i < n; i++)
		edges[i] = i;
	qsort_r(edges, n, sizeof(*edges), edge_cmp, p);
	table_init(&table, c, heads);
	for (uint32_t i = 0; i < n && i < 5 && p->edge_load[edges[i]] > 0; i++) {
		const struct topo_link *l = &p->topo.links[edges[i] / 2];
		bool back = edges[i] % 2;

		table_add(&table, "%s -> %s", p->topo.nodes[back ? l->b : l->a].name,
			  p->topo.nodes[back ? l->a : l->b].name);
		table_add(&table, "%s", back ? l->if_b : l->if_a);
		table_add(&table, "%s", units_bytes(p->edge_load[edges[i]], c->exact, a));
		table_add(&table, "%s", units_rate(l->rate, c->exact, b));
		table_add(&table, "%s", units_time(edge_time(p, edges[i]) * 1e9, c->exact, t));
	}
	table_print(&table);
	free(edges);
}

/* How far the most loaded link is from what no routing can go below. */
static void print_certificate(const struct ctl *c, const struct plan *p)
{
	const struct plan_certificate *cert = &p->certificate;
	char a[UNITS_LEN], b[UNITS_LEN];
	uint32_t spread = 0;

	if (cert->edge == MODEL_NONE)
		return;
	for (uint32_t i = 0; i < p->nr_flows; i++)
		spread += p->flows[i].nr_ways > 1;
	printf("\nworst link load %s, lower bound %s (%s), ratio %.4f; paths found %s\n",
	       units_time(cert->worst * 1e9, c->exact, a),
	       units_time(cert->bound * 1e9, c->exact, b), cert->cut,
	       cert->bound > 0 ? cert->worst / cert->bound : 1,
	       cert->core ? "by the path core" : "flow by flow");
	if (spread)
		printf("%u flow%s spread by connections over several paths, whole ones by weight\n",
		       spread, spread == 1 ? " is" : "s are");
}

/* "12.3% more", "as much" */
static const char *against(double given, double own, char *text, size_t size)
{
	if (own > 0 && given > own * 1.0005)
		snprintf(text, size, "%.1f%% more", 100 * (given / own - 1));
	else if (own > 0 && given < own * 0.9995)
		snprintf(text, size, "%.1f%% less", 100 * (1 - given / own));
	else
		snprintf(text, size, "%s", given > own ? "instead of none" : "as much");
	return text;
}

/* What the placement that the job file gives costs against the planner's own. */
static void print_placement(const struct ctl *c, const struct plan *p)
{
	static const char *const heads[] = { "PLACEMENT", "-AS GIVEN", "-THE PLANNER'S OWN",
					     "GIVEN", NULL };
	const struct plan_placement *pl = &p->placement;
	char a[UNITS_LEN], b[UNITS_LEN], t[40];
	struct table table;

	if (!pl->given)
		return;
	if (!pl->compared) {
		printf("\nplacement as given; the planner itself finds none for this job\n");
		return;
	}
	putchar('\n');
	table_init(&table, c, heads);
	table_add(&table, "worst link load");
	table_add(&table, "%s", units_time(pl->worst * 1e9, c->exact, a));
	table_add(&table, "%s", units_time(pl->own_worst * 1e9, c->exact, b));
	table_add(&table, "%s", against(pl->worst, pl->own_worst, t, sizeof(t)));
	table_add(&table, "between hosts, without bulk");
	table_add(&table, "%s", units_bytes(pl->bytes, c->exact, a));
	table_add(&table, "%s", units_bytes(pl->own_bytes, c->exact, b));
	table_add(&table, "%s", against(pl->bytes, pl->own_bytes, t, sizeof(t)));
	table_add(&table, "critical path");
	table_add(&table, "%s", units_time(pl->path, c->exact, a));
	table_add(&table, "%s", units_time(pl->own_path, c->exact, b));
	table_add(&table, "%s", against(pl->path, pl->own_path, t, sizeof(t)));
	table_print(&table);
}

static void print_hosts(const struct ctl *c, const struct plan *p)
{
	static const char *const heads[] = { "HOST",   "-INSTANCES", "-QUEUES",
					     "-PATHS", "CLASSES",    NULL };
	struct table table;
	char names[128];

	table_init(&table, c, heads);
	for (uint32_t h = 0; h < p->nr_hosts; h++) {
		uint32_t n = 0, queues = 0, paths = 0;
		uint8_t mask = 0;

		for (uint32_t i = 0; i < p->nr_instances; i++) {
			if (p->instances[i].host != h)
				continue;
			n++;
			mask |= p->instances[i].class_mask;
			for (int k = 0; k < DMSC_NR_CLASSES; k++)
				queues += p->instances[i].slot[k] != 0;
		}
		for (uint32_t i = 0; i < p->nr_paths; i++)
			paths += p->paths[i].src_host == h;
		table_add(&table, "%s", p->hosts[h].name);
		table_add(&table, "%u", n);
		table_add(&table, "%u", queues);
		table_add(&table, "%u", paths);
		table_add(&table, "%s", mask_names(mask, names, sizeof(names)));
	}
	table_print(&table);
}

static void summary(const struct ctl *c, struct plan *p)
{
	char t[UNITS_LEN];

	printf("job %s: %u instances of %u services on %u hosts, %u flows, %u paths, %u steps\n",
	       p->job, p->nr_instances, p->nr_mics, p->nr_hosts, p->nr_flows, p->nr_paths,
	       p->nr_ops);
	printf("traffic from: %s; critical path: %s\n\n", p->source,
	       units_time(p->critical_path, c->exact, t));
	for (uint32_t i = 0; i < p->nr_notes; i++)
		printf("note: %s%s", p->notes[i], i + 1 == p->nr_notes ? "\n\n" : "\n");
	if (strcmp(p->source, "tasks")) {
		print_totals(c, &p->totals);
		putchar('\n');
	}
	print_classes(c, p);
	putchar('\n');
	print_links(c, p);
	print_certificate(c, p);
	print_placement(c, p);
	putchar('\n');
	print_hosts(c, p);
}

static int run(struct ctl *c, int argc, char **argv)
{
	struct inputs in = { .advise = true };
	const char *output = NULL;
	bool explain = false;
	const struct opt opts[] = {
		INPUTS_OPTIONS(&in),
		{ "output", 'o', "FILE", "write the plan here, for dmscctl apply", &output, NULL },
		{ "explain", 0, NULL, "say why: granularity, critical path, slack", NULL, &explain },
		{ 0 }
	};
	struct dmsc_error err;
	struct plan plan;
	char *text;
	int ret, status;

	if (ctl_options(c, argc, argv, opts, 0, 0, &status) < 0)
		return status;
	ret = inputs_plan(&in, &plan, &err);
	if (ret)
		return ctl_fail(ret, &err);
	if (output)
		ret = plan_write(&plan, output, &err);
	if (!ret && c->json && !output) {
		text = plan_to_text(&plan, &err);
		ret = text ? 0 : -ENOMEM;
		if (text)
			puts(text);
		free(text);
	} else if (!ret && !c->json) {
		summary(c, &plan);
		if (explain)
			explain_plan(c, &plan);
		if (output)
			printf("\nwritten: %s\n", output);
	}
	plan_free(&plan);
	/* The input was good; that it cannot be written is a failure. */
	return ret ? (ctl_fail(ret, &err), STATUS_FAILED) : 0;
}

const struct command cmd_plan = {
	.name = "plan",
	.usage = "--job FILE --topology FILE [--workload FILE] [--output FILE] [--explain]",
	.summary = "make a plan from a job and a cluster",
	.details =
		"Works without dmscd. With --json the plan itself goes to stdout, unless --output\n"
		"names a file for it.",
	.run = run,
};
