// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The simulator on rail-optimised fabrics made here: pods of 128 hosts with
 * eight rails. Each pod runs a job of 1,024 GPUs, tensor 8, data 128; pods do
 * not share links, so 64 of them are 64 times the events of one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/spec.h"
#include "planner/planner.h"
#include "planner/simulate.h"
#include "selftests/bench/planner/bench.h"

#define POD    128
#define RAILS  8
#define SPINES 32 /* of each rail: 4:1 oversubscribed */
#define RATE   400000000000ULL

static void make_pod(struct topology *t)
{
	uint32_t h, r, s, n = 0;

	memset(t, 0, sizeof(*t));
	strcpy(t->name, "pod");
	t->nr_nodes = POD + RAILS + RAILS * SPINES;
	t->nr_links = POD * RAILS + RAILS * SPINES;
	t->nodes = calloc(t->nr_nodes, sizeof(*t->nodes));
	t->links = calloc(t->nr_links, sizeof(*t->links));
	for (h = 0; h < t->nr_nodes; h++) {
		snprintf(t->nodes[h].name, sizeof(t->nodes[h].name), "n%u", h);
		t->nodes[h].kind = h < POD ? NODE_HOST : h < POD + RAILS ? NODE_LEAF : NODE_SPINE;
		t->nodes[h].gpus = h < POD ? 8 : 0;
	}
	for (h = 0; h < POD; h++) {
		for (r = 0; r < RAILS; r++)
			t->links[n++] = (struct topo_link){ .a = h, .b = POD + r, .rate = RATE };
	}
	for (r = 0; r < RAILS; r++) {
		for (s = 0; s < SPINES; s++)
			t->links[n++] = (struct topo_link){ .a = POD + r,
							    .b = POD + RAILS + r * SPINES + s,
							    .rate = RATE };
	}
}

/* The same fabric @pods times side by side. */
static void repeat(const struct topology *pod, uint32_t pods, struct topology *t)
{
	uint32_t p, i;

	*t = (struct topology){ .nr_nodes = pods * pod->nr_nodes, .nr_links = pods * pod->nr_links };
	t->nodes = calloc(t->nr_nodes, sizeof(*t->nodes));
	t->links = calloc(t->nr_links, sizeof(*t->links));
	for (p = 0; p < pods; p++) {
		memcpy(t->nodes + p * pod->nr_nodes, pod->nodes,
		       pod->nr_nodes * sizeof(*pod->nodes));
		for (i = 0; i < pod->nr_links; i++) {
			t->links[p * pod->nr_links + i] = pod->links[i];
			t->links[p * pod->nr_links + i].a += p * pod->nr_nodes;
			t->links[p * pod->nr_links + i].b += p * pod->nr_nodes;
		}
	}
}

/* The set-up of one pod, for pod @p of the whole. */
static void place(const struct sim_setup *one, const struct topology *pod, uint32_t p,
		  struct sim_job *out)
{
	uint32_t u;

	*out = one->jobs[0];
	out->uses = malloc((out->nr_uses + 1) * sizeof(*out->uses));
	for (u = 0; u < out->nr_uses; u++) {
		out->uses[u] = one->jobs[0].uses[u];
		out->uses[u].edge += 2 * p * pod->nr_links;
	}
}

static void run(const struct plan *plan, const struct topology *pod, uint32_t pods)
{
	struct sim_options o = { .iterations = 1 };
	struct topology whole;
	struct dmsc_error err;
	char what[64];
	uint32_t p;
	int kind;

	repeat(pod, pods, &whole);
	for (kind = SIM_DMSC; kind < SIM_NR_KINDS; kind++) {
		struct sim_setup one, all;
		struct sim_result r;
		double ms, percent;

		if (sim_setup(kind, &plan, 1, 8, false, 1, NULL, &one, &err))
			return;
		all = one;
		all.nr_jobs = pods;
		all.jobs = calloc(pods, sizeof(*all.jobs));
		for (p = 0; p < pods; p++)
			place(&one, pod, p, &all.jobs[p]);
		ms = bench_ms();
		if (simulate(&whole, &all, &o, &r, &err))
			return;
		ms = bench_ms() - ms;
		percent = 100 * r.utilisation;
		snprintf(what, sizeof(what), "simulate, %u GPUs, %s", pods * POD * 8,
			 sim_kind_name(kind));
		bench_report(what, "time", "ms", &ms, 1, NULL, false);
		bench_report(what, "GPU utilisation", "%", &percent, 1, NULL, false);
		sim_result_free(&r);
		for (p = 0; p < pods; p++)
			free(all.jobs[p].uses);
		free(all.jobs);
		sim_setup_free(&one);
	}
	topology_free(&whole);
}

BENCH(simulate)
{
	struct topology pod;
	struct dmsc_error err;
	struct plan plan;
	struct job job;

	if (job_read("examples/gpt13b-tp8-dp16.yaml", &job, &err)) {
		printf("simulate: %s\n", err.text);
		return;
	}
	job.par.data = 128;
	make_pod(&pod);
	if (plan_job(&job, &pod, &plan, &err)) {
		printf("simulate: %s\n", err.text);
	} else {
		run(&plan, &pod, 1);
		run(&plan, &pod, 8);
		run(&plan, &pod, 64);
		plan_free(&plan);
	}
	topology_free(&pod);
	job_free(&job);
}
