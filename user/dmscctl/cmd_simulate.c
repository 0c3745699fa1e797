// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmscctl/bar.h"
#include "dmscctl/modules.h"
#include "dmscctl/simulate_measured.h"
#include "dmscctl/simulate_page.h"
#include "dmscctl/table.h"
#include "dmscctl/units.h"
#include "planner/order.h"

#define DEFAULT_ITERATIONS 5
#define DEFAULT_LEVELS	   8
#define MANY_STEPS	   100000 /* of all plans: events are rounded to a grid from here on */
#define GRID_PARTS	   20000  /* of the shortest critical path */
#define MAX_SETUPS	   8

struct request {
	enum sim_kind kinds[MAX_SETUPS];
	uint32_t nr_kinds;
	unsigned long long iterations, levels, seed, resolution_us;
	bool grid, interleave; /* grid: resolution_us was given */
	const char *page;
	struct module module;
};

static void ask_policy(void *module, const struct dmsc_module_flow *flow,
		       struct dmsc_module_importance *out)
{
	module_policy(module, flow, out);
}

static uint32_t ask_path(void *module, const struct dmsc_module_way *ways, uint32_t nr)
{
	return module_path(module, ways, nr);
}

static bool show(void *name, double part)
{
	bar_show(name, part);
	return true;
}

/* "dmsc,ecmp"; the name that is none, or NULL. */
static const char *parse_setups(char *list, struct request *q)
{
	char *save = NULL, *word;
	int kind;

	q->nr_kinds = 0;
	for (word = strtok_r(list, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		kind = sim_kind_parse(word);
		if (kind < 0 || q->nr_kinds == MAX_SETUPS)
			return word;
		q->kinds[q->nr_kinds++] = kind;
	}
	return q->nr_kinds ? NULL : "";
}

/* Exact where that is quick, else fine enough for a per cent. */
static double resolution(const struct request *q, const struct jobs *jobs)
{
	uint64_t steps = 0, shortest = UINT64_MAX;

	if (q->grid)
		return q->resolution_us / 1e6;
	for (uint32_t k = 0; k < jobs->nr; k++) {
		steps += jobs->plans[k].nr_ops;
		if (jobs->plans[k].critical_path < shortest)
			shortest = jobs->plans[k].critical_path;
	}
	return steps < MANY_STEPS ? 0 : shortest / 1e9 / GRID_PARTS;
}

static int run_setup(struct request *q, const struct jobs *jobs, enum sim_kind kind,
		     struct simulation *out, struct dmsc_error *err)
{
	const struct plan_modules module = { ask_policy, ask_path, &q->module };
	struct sim_options o = { .iterations = q->iterations, .progress = show };
	struct sim_setup setup;
	int ret;

	out->name = sim_kind_name(kind);
	o.arg = (void *)out->name;
	o.resolution = resolution(q, jobs);
	bar_show(out->name, 0);
	ret = sim_setup(kind, jobs->list, jobs->nr, q->levels, q->interleave, q->seed, &module,
			&setup, err);
	if (!ret) {
		ret = simulate(&jobs->topo, &setup, &o, &out->result, err);
		sim_setup_free(&setup);
	}
	bar_clear();
	return ret;
}

static json_t *link_json(const struct topology *t, const struct sim_result *r,
			 const struct sim_link *l)
{
	const struct topo_link *link = &t->links[l->edge / 2];
	bool back = l->edge % 2;
	json_t *load = json_array();

	for (uint32_t b = 0; b < r->nr_bins; b++)
		json_array_append_new(load, json_real(l->load[b]));
	return json_pack("{s:s, s:s, s:s, s:f, s:f, s:o}", "from",
			 t->nodes[back ? link->b : link->a].name, "to",
			 t->nodes[back ? link->a : link->b].name, "interface",
			 back ? link->if_b : link->if_a, "bytes", l->bytes, "utilisation",
			 l->utilisation, "load", load);
}

static json_t *setup_json(const struct jobs *jobs, const struct simulation *s)
{
	json_t *list = json_array(), *links = json_array();
	const struct sim_result *r = &s->result;

	for (uint32_t k = 0; k < r->nr_jobs; k++) {
		const struct sim_job_result *j = &r->jobs[k];
		json_t *times = json_array();

		for (uint32_t i = 0; i < j->iterations; i++)
			json_array_append_new(times, json_real(j->times[i] * 1e9));
		json_array_append_new(list, json_pack("{s:s, s:i, s:f, s:f, s:f, s:o}", "job",
						      jobs->plans[k].job, "gpus", j->gpus,
						      "mean_ns", j->mean * 1e9, "worst_ns",
						      j->worst * 1e9, "utilisation", j->utilisation,
						      "iterations_ns", times));
	}
	for (uint32_t l = 0; l < r->nr_links; l++)
		json_array_append_new(links, link_json(&jobs->topo, r, &r->links[l]));
	return json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:o, s:o}", "name", s->name,
			 "utilisation", r->utilisation, "busiest_link", r->busiest, "bulk_rate",
			 r->end > 0 ? r->bulk * 8 / r->end : 0, "end_ns", r->end * 1e9, "bin_ns",
			 r->bin * 1e9, "events", (json_int_t)r->events, "rate_calculations",
			 (json_int_t)r->fills, "jobs", list, "links", links);
}

static void print_text(const struct ctl *c, const struct jobs *jobs, const struct simulation *list,
		       uint32_t nr)
{
	static const char *const heads[] = { "SET-UP", "JOB",	      "-GPUS",
					     "-MEAN",  "-WORST",      "-OF THE FIRST",
					     "-BUSY",  "-ITERATIONS", NULL };
	char a[UNITS_LEN], b[UNITS_LEN];
	struct table t;

	table_init(&t, c, heads);
	for (uint32_t i = 0; i < nr; i++) {
		for (uint32_t k = 0; k < jobs->nr; k++) {
			const struct sim_job_result *j = &list[i].result.jobs[k];

			table_add(&t, "%s", list[i].name);
			table_add(&t, "%s", jobs->plans[k].job);
			table_add(&t, "%u", j->gpus);
			table_add(&t, "%s", units_time(j->mean * 1e9, c->exact, a));
			table_add(&t, "%s", units_time(j->worst * 1e9, c->exact, b));
			table_add(&t, "%.1f %%", j->mean / list[0].result.jobs[k].mean * 100);
			table_add(&t, "%.1f %%", j->utilisation * 100);
			table_add(&t, "%u", j->iterations);
		}
	}
	table_print(&t);
	putchar('\n');
	for (uint32_t i = 0; i < nr; i++)
		printf("%-10s GPU utilisation %.1f %%, busiest link %.1f %%, bulk %s, %.2f s simulated in %llu events\n",
		       list[i].name, list[i].result.utilisation * 100, list[i].result.busiest * 100,
		       units_rate(list[i].result.end > 0 ?
					  list[i].result.bulk * 8 / list[i].result.end :
					  0,
				  c->exact, a),
		       list[i].result.end, (unsigned long long)list[i].result.events);
}

static int work(struct ctl *c, struct request *q, const struct jobs *jobs, struct dmsc_error *err)
{
	struct simulation list[MAX_SETUPS] = { { .name = NULL } };
	json_t *setups = json_array();
	uint32_t i;
	int ret = 0;

	for (i = 0; !ret && i < q->nr_kinds; i++)
		ret = run_setup(q, jobs, q->kinds[i], &list[i], err);
	/* The input was good; that its page cannot be written is a failure. */
	if (!ret && q->page && simulate_page(q->page, jobs, list, q->nr_kinds, err))
		ret = -EIO;
	for (i = 0; !ret && i < q->nr_kinds; i++)
		json_array_append_new(setups, setup_json(jobs, &list[i]));
	if (!ret && c->json)
		ctl_print_json(json_pack("{s:O}", "setups", setups));
	else if (!ret)
		print_text(c, jobs, list, q->nr_kinds);
	if (!ret && !c->json && q->page)
		printf("\nwritten: %s\n", q->page);
	json_decref(setups);
	for (i = 0; i < q->nr_kinds; i++)
		sim_result_free(&list[i].result);
	return ret;
}

static int run(struct ctl *c, int argc, char **argv)
{
	const char *job = NULL, *topology = NULL, *setups = "dmsc,ecmp,crux,sincronia";
	const char *measured = NULL, *iterations = NULL, *levels = NULL, *seed = NULL, *grid = NULL,
		   *module = NULL;
	struct request q = { .iterations = DEFAULT_ITERATIONS, .levels = DEFAULT_LEVELS, .seed = 1 };
	const struct opt opts[] = {
		{ "job", 'f', "FILE", "a job file (dmsc-job(5)); one for each job", &job, NULL },
		{ "topology", 't', "FILE", "topology file (dmsc-topology(5))", &topology, NULL },
		{ "setups", 'u', "LIST", "of dmsc, ecmp, stock, crux, sincronia, module", &setups,
		  NULL },
		{ "iterations", 'n', "N", "of each job at least (5)", &iterations, NULL },
		{ "levels", 'l', "N", "of priority for jobs (8)", &levels, NULL },
		{ "seed", 's', "N", "of the hashing (1)", &seed, NULL },
		{ "resolution", 'r', "US", "round events up to multiples; 0: exact", &grid, NULL },
		{ "interleave", 0, NULL, "dmsc: start times that interleave jobs", NULL,
		  &q.interleave },
		{ "module", 'm', "NAME", "who answers for set-up module", &module, NULL },
		{ "measured", 0, "REPORT", "compare with what dmsc-emulate measured", &measured,
		  NULL },
		{ "page", 0, "FILE", "write an HTML page", &q.page, NULL },
		{ 0 }
	};
	struct ctl_list files = { .letter = 'f' };
	struct dmsc_error err;
	struct jobs jobs;
	const char *bad;
	char list[256];
	int ret, status;

	c->list = &files;
	if (ctl_options(c, argc, argv, opts, 0, 0, &status) < 0)
		return status;
	if (iterations && (!ctl_number(iterations, 1000000, &q.iterations) || !q.iterations))
		return ctl_usage(c, "--iterations: '%s', expected 1..1000000", iterations);
	if (levels && (!ctl_number(levels, ORDER_JOBS_MAX, &q.levels) || !q.levels))
		return ctl_usage(c, "--levels: '%s', expected 1..%d", levels, ORDER_JOBS_MAX);
	if (seed && !ctl_number(seed, UINT64_MAX, &q.seed))
		return ctl_usage(c, "--seed: '%s', expected a number", seed);
	q.grid = grid;
	if (grid && !ctl_number(grid, 1000000000, &q.resolution_us))
		return ctl_usage(c, "--resolution: '%s', expected microseconds, 0..1000000000",
				 grid);
	snprintf(list, sizeof(list), "%s", setups);
	bad = parse_setups(list, &q);
	if (bad)
		return ctl_usage(c,
				 "--setups: '%s', expected at most %d of dmsc, ecmp, stock, crux, sincronia, module",
				 bad, MAX_SETUPS);
	ret = jobs_read(&files, topology, &jobs, &err);
	if (ret)
		return ctl_fail(ret, &err);
	if (measured) {
		ret = simulate_measured(c, &jobs, measured, &err);
	} else {
		ret = ctl_module(module, &q.module, &err);
		if (!ret)
			ret = work(c, &q, &jobs, &err);
		module_close(&q.module);
	}
	jobs_free(&jobs);
	return ret ? ctl_fail(ret, &err) : 0;
}

const struct command cmd_simulate = {
	.name = "simulate",
	.usage = "--job FILE... --topology FILE [--setups LIST] [--page FILE]",
	.summary = "iteration times and link loads of jobs on a cluster, as flows",
	.details =
		"Works without dmscd. Set-ups: dmsc (classes, ranks, our order of jobs), ecmp (hashed\n"
		"paths, one queue), crux and sincronia (their order of jobs), module (paths and importance by a module).\nJobs take GPUs in the\n"
		"order in which they are given and run until each has done its iterations.",
	.run = run,
};
