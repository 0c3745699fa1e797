// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscctl/inputs.h"

#include <errno.h>
#include <string.h>

#include "lib/spec.h"
#include "planner/planner.h"

int inputs_plan(const struct inputs *in, struct plan *out, struct dmsc_error *err)
{
	struct topology topo;
	struct workload load;
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
	if (ret)
		goto free_job;
	if (in->workload) {
		ret = workload_read(in->workload, &load, err);
		if (ret)
			goto free_topo;
		ret = plan_workload(&load, &job, &topo, out, err);
		workload_free(&load);
	} else {
		ret = plan_job(&job, &topo, out, err);
	}
free_topo:
	topology_free(&topo);
free_job:
	job_free(&job);
out:
	/* A file that cannot be read is bad input, too. */
	if (ret == -ENOENT || ret == -EACCES || ret == -EISDIR || ret == -EIO)
		ret = -EINVAL;
	return ret;
}
