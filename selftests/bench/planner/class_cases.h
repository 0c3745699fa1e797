/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Byte counts of jobs whose classes are known: plans of well-known models, simulated
 * with hashed paths beside their bulk, so that exchanges are late and slow as links happen to
 * be shared, and counted in bins.
 */
#ifndef DMSC_BENCH_CLASS_CASES_H
#define DMSC_BENCH_CLASS_CASES_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/spec.h"
#include "planner/classify.h"
#include "planner/planner.h"
#include "planner/simulate.h"

struct class_case {
	const char *model, *parallel; /* the job file's */
	bool judged;		      /* not looked at while the rules were made */
};

static const struct class_case class_cases[] = {
	{ "gpt-13b", "tensor: 8, pipeline: 2, data: 2, micro_batches: 8", false },
	{ "mixtral-8x7b", "tensor: 4, data: 8, expert: 8, micro_batches: 4", false },
	{ "llama-7b", "tensor: 4, pipeline: 2, data: 4, micro_batches: 6", false },
	{ "llama-7b", "tensor: 2, data: 16, micro_batches: 4", false },
	{ "llama-7b", "tensor: 8, data: 4, zero: 3, micro_batches: 2", false },
	{ "llama-13b", "tensor: 4, pipeline: 4, data: 2, micro_batches: 8", false },
	{ "llama-13b", "tensor: 8, data: 4, micro_batches: 8, zero: 2", false },
	{ "llama-30b", "tensor: 4, pipeline: 4, data: 1, micro_batches: 8", false },
	{ "llama-30b", "tensor: 4, pipeline: 2, data: 4, micro_batches: 16", false },
	{ "llama-65b", "tensor: 8, pipeline: 4, data: 2, micro_batches: 8", false },
	{ "llama-65b", "tensor: 8, pipeline: 2, data: 4, micro_batches: 4", false },
	{ "gpt-175b", "tensor: 8, pipeline: 4, data: 2, micro_batches: 8", false },
	{ "gpt-175b", "tensor: 8, pipeline: 8, data: 1, micro_batches: 16", false },
	{ "mixtral-8x7b", "tensor: 2, pipeline: 2, data: 8, expert: 4, micro_batches: 4", false },
	{ "mixtral-8x7b", "tensor: 8, data: 4, expert: 4, micro_batches: 2", false },
	{ "gpt-13b", "tensor: 4, pipeline: 4, data: 4, micro_batches: 12", false },
	{ "gpt-13b", "tensor: 8, data: 8, micro_batches: 3", false },
	{ "gpt-175b", "tensor: 8, pipeline: 2, data: 4, micro_batches: 6", false },
	{ "gpt-175b", "tensor: 4, pipeline: 8, data: 2, micro_batches: 24", false },
	{ "llama-7b", "tensor: 1, pipeline: 4, data: 8, micro_batches: 8", false },
	{ "llama-7b", "tensor: 8, pipeline: 8, data: 1, micro_batches: 32", false },
	{ "llama-13b", "tensor: 2, pipeline: 2, data: 16, micro_batches: 4, zero: 0", false },
	{ "llama-13b", "tensor: 4, data: 16, micro_batches: 4, zero: 3", false },
	{ "llama-30b", "tensor: 2, pipeline: 6, data: 4, micro_batches: 12", false },
	{ "llama-65b", "tensor: 4, pipeline: 8, data: 2, micro_batches: 16, recompute: full", false },
	{ "llama-65b", "tensor: 8, data: 8, micro_batches: 4, overlap: false", false },
	{ "mixtral-8x7b", "tensor: 4, pipeline: 4, data: 4, expert: 4, micro_batches: 8", false },
	{ "mixtral-8x7b", "tensor: 1, data: 32, expert: 8, micro_batches: 2", false },
	{ "mixtral-8x7b", "tensor: 2, pipeline: 1, data: 32, expert: 8, micro_batches: 3", false },
	/*
	 * Of experts of two, of ranks that share sequences, and of one micro-batch; the
	 * first was judged once.
	 */
	{ "mixtral-8x7b", "tensor: 8, pipeline: 4, data: 2, expert: 2, micro_batches: 4", false },
	{ "mixtral-8x7b", "tensor: 4, data: 8, expert: 2, micro_batches: 4", false },
	{ "mixtral-8x7b", "tensor: 2, pipeline: 2, data: 4, expert: 2, micro_batches: 6, zero: 2",
	  false },
	{ "mixtral-8x7b", "tensor: 4, pipeline: 2, data: 2, expert: 2, micro_batches: 8", false },
	{ "mixtral-8x7b", "tensor: 1, data: 16, expert: 2, micro_batches: 2", false },
	{ "mixtral-8x7b", "tensor: 1, pipeline: 2, data: 8, expert: 2, micro_batches: 4, zero: 0",
	  false },
	{ "mixtral-8x7b", "tensor: 4, data: 4, expert: 2, micro_batches: 2, zero: 3", false },
	{ "mixtral-8x7b", "tensor: 2, data: 16, expert: 8, micro_batches: 2, zero: 3", false },
	{ "mixtral-8x7b", "tensor: 8, data: 4, expert: 4, micro_batches: 1, zero: 2", false },
	{ "mixtral-8x7b", "tensor: 4, data: 2, expert: 2, micro_batches: 1", false },
	{ "mixtral-8x7b", "tensor: 1, data: 8, expert: 2, micro_batches: 4, zero: 3", false },
	{ "llama-7b", "tensor: 4, context: 2, data: 4, micro_batches: 4", false },
	{ "llama-13b", "tensor: 4, context: 4, pipeline: 2, data: 2, micro_batches: 2", false },
	{ "llama-7b", "tensor: 4, pipeline: 2, data: 2, micro_batches: 1", false },
	{ "llama-7b", "tensor: 8, data: 2, micro_batches: 2, zero: 3", false },
	{ "mixtral-8x7b", "tensor: 2, data: 8, expert: 2, micro_batches: 2, recompute: full", false },
	{ "mixtral-8x7b", "tensor: 8, data: 8, expert: 2, micro_batches: 2, bucket: 64MiB", false },
	{ "deepseek-v3", "tensor: 4, data: 4, expert: 2, micro_batches: 2", false },
	{ "llama-13b", "tensor: 8, context: 2, data: 4, micro_batches: 6, zero: 3", false },
	{ "llama-65b", "tensor: 8, context: 2, pipeline: 4, data: 1, micro_batches: 8", false },
	{ "llama-13b", "tensor: 1, pipeline: 2, data: 4, micro_batches: 2", false },
	{ "gpt-13b", "tensor: 2, pipeline: 4, data: 8, micro_batches: 10, zero: 0", true },
	{ "gpt-13b", "tensor: 8, pipeline: 4, data: 2, micro_batches: 4", true },
	{ "gpt-175b", "tensor: 8, pipeline: 4, data: 2, micro_batches: 20, zero: 0", true },
	{ "gpt-175b", "tensor: 8, data: 8, micro_batches: 2, zero: 3", true },
	{ "llama-7b", "tensor: 4, pipeline: 8, data: 2, micro_batches: 9", true },
	/* It was judged once, and has led to a rule since. */
	{ "llama-7b", "tensor: 1, data: 16, micro_batches: 5, zero: 2", false },
	{ "llama-13b", "tensor: 8, pipeline: 2, data: 4, micro_batches: 3, bucket: 64MiB", true },
	{ "llama-13b", "tensor: 4, pipeline: 2, data: 8, micro_batches: 7, recompute: full", true },
	{ "llama-30b", "tensor: 4, data: 8, micro_batches: 6, overlap: false", true },
	{ "llama-30b", "tensor: 4, pipeline: 3, data: 4, micro_batches: 5, scatter_gather: false",
	  true },
	{ "llama-65b", "tensor: 8, pipeline: 8, data: 1, micro_batches: 12", true },
	{ "llama-65b", "tensor: 2, pipeline: 8, data: 4, micro_batches: 8", true },
	{ "mixtral-8x7b", "tensor: 4, pipeline: 2, data: 8, expert: 8, micro_batches: 6", true },
	{ "mixtral-8x7b", "tensor: 1, pipeline: 4, data: 8, expert: 8, micro_batches: 8", true },
	{ "llama-7b", "tensor: 8, pipeline: 2, data: 4, micro_batches: 8, interleave: 2", true },
	{ "gpt-13b", "tensor: 4, data: 16, micro_batches: 3", true },
	{ "gpt-13b", "tensor: 1, pipeline: 8, data: 4, micro_batches: 16", true },
	{ "gpt-175b", "tensor: 8, pipeline: 8, data: 1, micro_batches: 8", true },
	{ "llama-7b", "tensor: 2, pipeline: 2, data: 16, micro_batches: 8, zero: 0", true },
	{ "llama-7b", "tensor: 4, data: 8, micro_batches: 2, zero: 3", true },
	{ "llama-13b", "tensor: 1, data: 64, micro_batches: 4, zero: 2", true },
	{ "llama-13b", "tensor: 2, pipeline: 4, data: 4, micro_batches: 8, interleave: 2", true },
	{ "llama-30b", "tensor: 4, data: 8, micro_batches: 4, zero: 2", true },
	{ "llama-30b",
	  "tensor: 4, pipeline: 2, data: 8, micro_batches: 4, recompute: full, zero: 0", true },
	{ "llama-65b", "tensor: 8, pipeline: 4, data: 1, micro_batches: 6", true },
	{ "llama-65b", "tensor: 8, pipeline: 2, data: 2, micro_batches: 10, overlap: false", true },
	{ "mixtral-8x7b", "tensor: 2, data: 16, expert: 4, micro_batches: 4", true },
	{ "mixtral-8x7b", "tensor: 4, pipeline: 2, data: 4, expert: 4, micro_batches: 5", true },
	{ "mixtral-8x7b", "tensor: 1, data: 16, expert: 8, micro_batches: 2", true },
	/* Written down before they were run, once, after the last rule. */
	{ "mixtral-8x7b", "tensor: 4, data: 4, expert: 2, micro_batches: 6", true },
	{ "mixtral-8x7b", "tensor: 2, pipeline: 4, data: 4, expert: 2, micro_batches: 8, zero: 0",
	  true },
	{ "mixtral-8x7b", "tensor: 8, pipeline: 2, data: 4, expert: 2, micro_batches: 3, zero: 2",
	  true },
	{ "mixtral-8x7b",
	  "tensor: 4, pipeline: 4, data: 2, expert: 2, micro_batches: 12, overlap: false", true },
	{ "mixtral-8x7b", "tensor: 1, pipeline: 4, data: 8, expert: 2, micro_batches: 4", true },
	{ "mixtral-8x7b", "tensor: 4, data: 8, expert: 4, micro_batches: 3, zero: 3", true },
	{ "mixtral-8x7b", "tensor: 8, data: 2, expert: 2, micro_batches: 4, zero: 3", true },
	{ "mixtral-8x7b", "tensor: 1, data: 4, expert: 2, micro_batches: 1", true },
	{ "deepseek-v3", "tensor: 2, data: 16, expert: 16, micro_batches: 2", true },
	{ "gpt-13b", "tensor: 8, pipeline: 4, data: 2, micro_batches: 8, interleave: 2", true },
	{ "gpt-175b", "tensor: 8, pipeline: 2, data: 4, micro_batches: 8, sequence: true", true },
	{ "gpt-13b", "tensor: 4, context: 2, pipeline: 2, data: 4, micro_batches: 4", true },
	{ "llama-7b", "tensor: 2, context: 4, data: 8, micro_batches: 3, zero: 2", true },
	{ "llama-65b", "tensor: 8, data: 4, micro_batches: 4, zero: 3", true },
	{ "llama-30b", "tensor: 2, data: 16, micro_batches: 3, zero: 2", true },
	{ "llama-30b", "tensor: 4, pipeline: 4, data: 2, micro_batches: 1", true },
	{ "llama-13b", "tensor: 4, pipeline: 2, data: 4, micro_batches: 1, zero: 0", true },
	{ "gpt-175b", "tensor: 4, pipeline: 4, data: 4, micro_batches: 8, recompute: full", true },
	/* Drawn by lot. */
	{ "llama-7b", "tensor: 8, data: 2, micro_batches: 1, zero: 3", true },
	{ "mixtral-8x7b", "tensor: 4, data: 4, expert: 4, micro_batches: 6", true },
	{ "llama-13b", "tensor: 4, data: 4, micro_batches: 12, sequence: true", true },
	{ "llama-30b", "tensor: 2, pipeline: 4, data: 2, micro_batches: 1, sequence: true", true },
	{ "mixtral-8x7b", "tensor: 2, data: 4, expert: 4, micro_batches: 3, overlap: false", true },
	{ "llama-30b", "tensor: 2, pipeline: 4, data: 8, micro_batches: 1, zero: 0", true },
	{ "gpt-13b", "tensor: 8, data: 2, micro_batches: 2, zero: 3", true },
	{ "mixtral-8x7b",
	  "tensor: 2, pipeline: 2, data: 2, expert: 2, micro_batches: 6, zero: 2, overlap: false",
	  true },
	{ "mixtral-8x7b", "tensor: 1, pipeline: 4, data: 2, expert: 2, micro_batches: 12, zero: 0",
	  true },
	{ "llama-65b", "tensor: 8, data: 2, micro_batches: 2, zero: 3", true },
	{ "mixtral-8x7b", "tensor: 1, pipeline: 4, data: 8, expert: 8, micro_batches: 3, zero: 0",
	  true },
	{ "llama-13b", "tensor: 4, context: 2, data: 8, micro_batches: 1, zero: 2", true },
	{ "gpt-13b", "tensor: 2, data: 8, micro_batches: 8, zero: 3, sequence: true", true },
	{ "mixtral-8x7b",
	  "tensor: 1, pipeline: 4, data: 8, expert: 4, micro_batches: 2, recompute: full", true },
	{ "llama-7b", "tensor: 4, data: 8, micro_batches: 8, zero: 2, overlap: false", true },
	{ "llama-65b", "tensor: 4, context: 2, data: 1, micro_batches: 6", true },
	{ "mixtral-8x7b", "tensor: 8, pipeline: 4, data: 2, expert: 2, micro_batches: 3", true },
	{ "gpt-13b", "tensor: 1, data: 8, micro_batches: 12", true },
	{ "gpt-13b", "tensor: 8, data: 4, micro_batches: 3, overlap: false", true },
	{ "mixtral-8x7b", "tensor: 8, data: 2, expert: 2, micro_batches: 2", true },
	{ "llama-13b", "tensor: 4, pipeline: 2, data: 2, micro_batches: 12", true },
	{ "llama-30b", "tensor: 2, data: 4, micro_batches: 3", true },
	{ "llama-7b", "tensor: 2, data: 4, micro_batches: 1, zero: 3", true },
	{ "mixtral-8x7b", "tensor: 2, pipeline: 2, data: 8, expert: 4, micro_batches: 6", true },
};

#define NR_CLASS_CASES (sizeof(class_cases) / sizeof(class_cases[0]))

struct class_counts {
	const struct plan *plan;
	float *counts; /* [flow * bins + bin] */
	uint32_t bins;
	double bin; /* seconds */
};

static inline void class_count(void *arg, uint32_t job, uint32_t flow, double from, double to,
			       double bytes)
{
	struct class_counts *c = arg;
	uint32_t b;

	(void)job;
	for (b = from / c->bin; b < c->bins && b * c->bin < to; b++) {
		double part = to > from ? (fmin(to, (b + 1) * c->bin) - fmax(from, b * c->bin)) /
						  (to - from) :
					  1;

		c->counts[(size_t)flow * c->bins + b] += bytes * part;
	}
}

static inline struct plan class_plan(const struct class_case *x)
{
	char text[1024], job[] = "/tmp/dmsc-class-XXXXXX", cluster[] = "/tmp/dmsc-class-XXXXXX";
	struct plan p = { .nr_flows = 0 };
	struct dmsc_error err;
	struct topology t;
	struct job j;
	int fd;

	fd = mkstemp(job);
	snprintf(text, sizeof(text),
		 "name: x\npreset: %s\nparallel: {%s}\n"
		 "bulk:\n  - {name: checkpoint, from: \"*\", to: h0, bytes: 4GiB}\n",
		 x->model, x->parallel);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return p;
	close(fd);
	fd = mkstemp(cluster);
	snprintf(text, sizeof(text),
		 "name: x\ngenerate: {fabric: leaf-spine, leaves: 4, spines: 4, hosts: 2, gpus: 8, rate: 400Gbit}\n");
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return p;
	close(fd);
	if (topology_read(cluster, &t, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return p;
	}
	/* The checkpoints' target is whatever the generator calls its first host. */
	snprintf(text, sizeof(text), "%s", t.nodes[0].name);
	if (job_read(job, &j, &err)) {
		fprintf(stderr, "%s\n", err.text);
	} else {
		strcpy(j.bulk[0].to, text);
		if (plan_job(&j, &t, &p, &err))
			fprintf(stderr, "%s\n", err.text);
		job_free(&j);
	}
	topology_free(&t);
	unlink(job);
	unlink(cluster);
	return p;
}

/* Flows by their class and the one that they are taken for. */
struct class_table {
	uint32_t n[DMSC_NR_CLASSES][DMSC_NR_CLASSES];
};

/*
 * How many of the case's flows get their class, per cent; @table is added to; -1: it cannot
 * be made.
 */
static inline double class_score(const struct class_case *x, struct class_table *table)
{
	struct plan p = class_plan(x);
	const struct plan *list = &p;
	struct sim_options o = { .iterations = 4 };
	struct class_counts c = { .plan = &p, .bin = 1e-3 };
	struct counted_flow *flows;
	struct sim_result r;
	struct sim_setup s;
	struct dmsc_error err;
	uint32_t i, right = 0, n = p.nr_flows;
	double score = -1;
	uint8_t *class;

	if (!n || sim_setup(SIM_ECMP, &list, 1, 1, false, 7, NULL, &s, &err))
		return -1;
	/* First how long it takes, then what is sent when. */
	o.resolution = p.critical_path / 1e9 / 20000;
	if (simulate(&p.topo, &s, &o, &r, &err))
		return -1;
	c.bins = r.end / c.bin + 1;
	c.counts = calloc((size_t)n * c.bins, sizeof(*c.counts));
	flows = calloc(n, sizeof(*flows));
	class = calloc(n, 1);
	o.sent = class_count;
	o.sent_arg = &c;
	sim_result_free(&r);
	if (!simulate(&p.topo, &s, &o, &r, &err)) {
		double period = r.jobs[0].mean / c.bin;

		for (i = 0; i < n; i++)
			flows[i] = (struct counted_flow){
				.src = p.flows[i].src,
				.dst = p.flows[i].dst,
				.local = p.flows[i].path == MODEL_NONE,
				.counts = c.counts + (size_t)i * c.bins,
			};
		if (!classify_flows(flows, n, c.bins, period, class)) {
			for (i = 0; i < n; i++) {
				right += class[i] == p.flows[i].class;
				table->n[p.flows[i].class][class[i]]++;
			}
			score = 100.0 * right / n;
		}
		sim_result_free(&r);
	}
	free(class);
	free(flows);
	free(c.counts);
	sim_setup_free(&s);
	plan_free(&p);
	return score;
}

#endif /* DMSC_BENCH_CLASS_CASES_H */
