// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmscctl/jobs.h"
#include "dmscctl/table.h"
#include "dmscctl/units.h"
#include "lib/spec.h"
#include "planner/interleave.h"
#include "planner/planner.h"

#define DEFAULT_LEVELS 8 /* the classes of a port */

struct decision {
	struct jobs jobs;
	struct order_case jobs_case;
	struct order_choice ours;
	struct interleave times;
	struct order_model *model;
	double crux, sincronia, shared; /* utilisation to expect */
};

/* Crux's and Sincronia's orders, and none at all, in the same model. */
static int baselines(struct decision *d, uint32_t levels)
{
	const struct order_case *c = &d->jobs_case;
	uint32_t *rank = calloc(2 * c->nr_jobs + 1, sizeof(*rank));
	uint32_t *level = rank + c->nr_jobs;
	int ret = -1;

	d->model = order_model_new(c, d->ours.way);
	if (!rank || !d->model)
		goto out;
	d->shared = order_model_run(d->model, level, 0, 0, ORDER_CYCLES_JUDGE, NULL, NULL);
	if (crux_ranks(c, d->ours.way, rank) || crux_levels(c, d->ours.way, rank, levels, level))
		goto out;
	d->crux = order_model_run(d->model, level, 0, 0, ORDER_CYCLES_JUDGE, NULL, NULL);
	if (sincronia_ranks(c, d->ours.way, rank))
		goto out;
	sincronia_levels(c, rank, levels, level);
	d->sincronia = order_model_run(d->model, level, 0, 0, ORDER_CYCLES_JUDGE, NULL, NULL);
	ret = 0;
out:
	free(rank);
	return ret;
}

static int decide(struct decision *d, uint32_t levels, struct dmsc_error *err)
{
	struct order_limits limits = { .levels = levels };
	int ret;

	ret = order_from_plans(d->jobs.list, d->jobs.nr, &d->jobs_case, err);
	if (!ret)
		ret = order_decide(&d->jobs_case, &limits, &d->ours, err);
	if (!ret)
		ret = interleave_jobs(&d->jobs_case, d->ours.way, d->ours.level, &d->times, err);
	if (!ret && baselines(d, levels))
		ret = dmsc_fail(err, -ENOMEM, "out of memory for the order of jobs");
	return ret;
}

/* Each job's plan with the ranks of its level, DIR/JOB.json. */
static int write_plans(struct decision *d, const char *dir, struct dmsc_error *err)
{
	struct plan **plans = calloc(d->jobs.nr, sizeof(*plans));
	char file[4096];
	uint32_t k, i;
	int ret;

	if (!plans)
		return dmsc_fail(err, -ENOMEM, "out of memory for plans");
	for (k = 0; k < d->jobs.nr; k++)
		plans[k] = &d->jobs.plans[k];
	ret = plan_levels(plans, d->jobs.nr, d->ours.level, NULL, err);
	for (k = 0; k < d->jobs.nr && !ret; k++) {
		for (i = 0; i < k && strcmp(plans[i]->job, plans[k]->job); i++)
			;
		if (i < k)
			ret = dmsc_fail(err, -EINVAL,
					"--output: two jobs of the name '%s', expected names of their own",
					plans[k]->job);
		else if (snprintf(file, sizeof(file), "%s/%s.json", dir, plans[k]->job) >=
			 (int)sizeof(file))
			ret = dmsc_fail(err, -EINVAL, "--output: %.60s..., expected a shorter name",
					dir);
		if (!ret && plan_write(plans[k], file, err))
			ret = -EIO;
	}
	free(plans);
	return ret;
}

static double hidden(const struct decision *d, uint32_t k)
{
	const struct order_job *j = &d->jobs_case.jobs[k];
	double comm = order_model_comm(d->model, k), room = j->overlap * j->compute;

	return comm < room ? comm : room;
}

static void print_json(const struct decision *d)
{
	json_t *jobs = json_array();

	for (uint32_t k = 0; k < d->jobs.nr; k++) {
		const struct order_job *j = &d->jobs_case.jobs[k];
		double comm = order_model_comm(d->model, k);

		json_array_append_new(jobs,
				      json_pack("{s:s, s:i, s:f, s:f, s:f, s:o, s:i, s:i, s:f, s:f}",
						"job", d->jobs.plans[k].job, "gpus", j->gpus,
						"compute_ns", j->compute * 1e9, "network_ns",
						comm * 1e9, "hidden_ns", hidden(d, k) * 1e9,
						"intensity",
						comm > 0 ? json_real(j->gpus * j->compute / comm) :
							   json_null(),
						"rank", d->ours.rank[k], "level", d->ours.level[k],
						"start_ns", d->times.shift[k] * 1e9, "pace_ns",
						d->times.pace[k] * 1e9));
	}
	ctl_print_json(json_pack("{s:o, s:{s:f, s:f, s:f, s:f}, s:{s:i, s:f, s:f}}", "jobs", jobs,
				 "utilisation", "order", d->ours.utilisation, "crux", d->crux,
				 "sincronia", d->sincronia, "shared", d->shared, "interleaved",
				 "groups", d->times.nr_groups, "utilisation", d->times.utilisation,
				 "chance", d->times.before));
}

static void print_text(const struct ctl *c, const struct decision *d)
{
	static const char *const heads[] = { "JOB",	"-GPUS",      "-COMPUTES", "-SENDS",
					     "-HIDDEN", "-INTENSITY", "-RANK",	   "-LEVEL",
					     "-STARTS", "-EVERY",     NULL };
	char a[UNITS_LEN];
	struct table t;

	table_init(&t, c, heads);
	for (uint32_t k = 0; k < d->jobs.nr; k++) {
		const struct order_job *j = &d->jobs_case.jobs[k];
		double comm = order_model_comm(d->model, k);

		table_add(&t, "%s", d->jobs.plans[k].job);
		table_add(&t, "%u", j->gpus);
		table_add(&t, "%s", units_time(j->compute * 1e9, c->exact, a));
		table_add(&t, "%s", units_time(comm * 1e9, c->exact, a));
		table_add(&t, "%s", units_time(hidden(d, k) * 1e9, c->exact, a));
		table_add(&t, comm > 0 ? "%.4g" : "-", comm > 0 ? j->gpus * j->compute / comm : 0);
		table_add(&t, "%u", d->ours.rank[k]);
		table_add(&t, "%u", d->ours.level[k]);
		table_add(&t, "%s", units_time(d->times.shift[k] * 1e9, c->exact, a));
		table_add(&t, "%s",
			  d->times.pace[k] > 0 ? units_time(d->times.pace[k] * 1e9, c->exact, a) :
						 "-");
	}
	table_print(&t);
	printf("\nGPU utilisation to expect: %.1f %% in this order, %.1f %% in Crux's, %.1f %% in Sincronia's, %.1f %% in none\n",
	       d->ours.utilisation * 100, d->crux * 100, d->sincronia * 100, d->shared * 100);
	if (d->times.nr_groups)
		printf("with these start times: %.1f %%, without (at chance): %.1f %%\n",
		       d->times.utilisation * 100, d->times.before * 100);
	else
		printf("start times bring nothing: no jobs that share links have periods that fit\n");
}

static int run(struct ctl *c, int argc, char **argv)
{
	const char *job = NULL, *topology = NULL, *levels_text = NULL, *output = NULL;
	const struct opt opts[] = {
		{ "job", 'f', "FILE", "a job file (dmsc-job(5)); one for each job", &job, NULL },
		{ "topology", 't', "FILE", "topology file (dmsc-topology(5))", &topology, NULL },
		{ "levels", 'l', "N", "levels of priority (default 8)", &levels_text, NULL },
		{ "output", 'o', "DIR", "write the plans, with their ranks, as DIR/JOB.json",
		  &output, NULL },
		{ 0 }
	};
	unsigned long long levels = DEFAULT_LEVELS;
	struct ctl_list files = { .letter = 'f' };
	struct decision d = { .shared = 0 };
	struct dmsc_error err;
	int ret, status;

	c->list = &files;
	if (ctl_options(c, argc, argv, opts, 0, 0, &status) < 0)
		return status;
	if (levels_text && (!ctl_number(levels_text, ORDER_JOBS_MAX, &levels) || !levels))
		return ctl_usage(c, "--levels: '%s', expected 1..%d", levels_text, ORDER_JOBS_MAX);
	ret = jobs_read(&files, topology, &d.jobs, &err);
	if (!ret)
		ret = decide(&d, levels, &err);
	if (!ret && output)
		ret = write_plans(&d, output, &err);
	if (!ret && c->json)
		print_json(&d);
	else if (!ret)
		print_text(c, &d);
	order_model_free(d.model);
	interleave_free(&d.times);
	order_choice_free(&d.ours);
	order_case_free(&d.jobs_case);
	jobs_free(&d.jobs);
	return ret ? ctl_fail(ret, &err) : 0;
}

const struct command cmd_order = {
	.name = "order",
	.usage = "--job FILE... --topology FILE [--levels N] [--output DIR]",
	.summary = "which of several jobs goes first, and when each starts",
	.details =
		"Works without dmscd. Jobs take GPUs in the order in which they are given. Rank 0\n"
		"and level 0 go first; jobs of a level share. STARTS and EVERY are start times that\n"
		"interleave jobs on shared links. With --output the jobs' plans are written; their queues\n"
		"have ranks by level, and within a job by slack.",
	.run = run,
};
