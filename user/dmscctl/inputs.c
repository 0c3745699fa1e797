// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscctl/inputs.h"

#include <errno.h>
#include <string.h>

#include "dmscctl/modules.h"
#include "lib/spec.h"
#include "planner/builder.h"
#include "planner/planner.h"

static int advise(const struct inputs *in, const struct job *job, const struct workload *load,
		  const struct topology *topo, struct plan *out, struct dmsc_error *err)
{
	int ret = in->advise ? plan_streams(out, job, load, topo, err) : 0;

	if (ret)
		plan_free(out);
	return ret;
}

static int make_plan(const struct inputs *in, struct job *job, const struct topology *topo,
		     struct plan *out, struct dmsc_error *err)
{
	const char *name = in->module ? in->module : *job->module ? job->module : NULL;
	struct plan_modules ask;
	struct workload load;
	struct dmsc_error why;
	struct module module;
	int ret;

	ret = ctl_module(name, &module, &why);
	if (ret && name == job->module)
		dmsc_fail(err, ret, "%s:%u: module: %s", job->file, job->line.module, why.text);
	else if (ret)
		*err = why;
	if (ret)
		goto out;
	ask = ctl_module_ask(&module);
	job->ask = &ask;
	if (in->workload) {
		ret = workload_read(in->workload, &load, err);
		if (ret)
			goto out;
		ret = plan_workload(&load, job, topo, out, err);
		if (!ret)
			ret = advise(in, job, &load, topo, out, err);
		workload_free(&load);
	} else {
		ret = plan_job(job, topo, out, err);
		if (!ret)
			ret = advise(in, job, NULL, topo, out, err);
	}
	job->ask = NULL;
	if (!ret && *ctl_module_event() && !plan_note(out, "%s", ctl_module_event())) {
		plan_free(out);
		ret = dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	}
out:
	module_close(&module);
	return ret;
}

int inputs_plan(const struct inputs *in, struct plan *out, struct dmsc_error *err)
{
	struct topology topo;
	struct job job;
	int ret;

	if (!in->job)
		return dmsc_fail(err, -EINVAL, "--job: missing, expected a job file");
	if (!in->topology)
		return dmsc_fail(err, -EINVAL, "--topology: missing, expected a topology file");
	ret = job_read(in->job, &job, err);
	if (ret)
		goto out;
	ret = topology_read(in->topology, &topo, err);
	if (!ret) {
		ret = make_plan(in, &job, &topo, out, err);
		topology_free(&topo);
	}
	job_free(&job);
out:
	/* A file that cannot be read is bad input, too. */
	if (ret == -ENOENT || ret == -EACCES || ret == -EISDIR || ret == -EIO)
		ret = -EINVAL;
	return ret;
}
