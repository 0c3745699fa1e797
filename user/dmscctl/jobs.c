// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscctl/jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/spec.h"
#include "planner/planner.h"

/* GPUs that the plan's ranks sit on are gone for the next job. */
static void take_gpus(const struct plan *p, struct topology *left)
{
	uint32_t i;

	for (i = 0; i < p->nr_instances; i++)
		left->nodes[p->hosts[p->instances[i].host].node].gpus -= p->instances[i].gpus;
}

static int add_job(struct jobs *j, const char *file, struct topology *left, struct dmsc_error *err)
{
	struct plan *p = &j->plans[j->nr];
	struct job job;
	int ret;

	ret = job_read(file, &job, err);
	if (ret)
		return ret;
	ret = plan_job(&job, left, p, err);
	job_free(&job);
	if (ret)
		return ret;
	take_gpus(p, left);
	j->list[j->nr++] = p;
	return 0;
}

int jobs_read(const struct ctl_list *files, const char *topology, struct jobs *out,
	      struct dmsc_error *err)
{
	struct jobs j = { .nr = 0 };
	uint32_t *gpus = NULL, i;
	int ret;

	if (!files->nr)
		return dmsc_fail(err, -EINVAL, "--job: missing, expected a job file");
	if (!topology)
		return dmsc_fail(err, -EINVAL, "--topology: missing, expected a topology file");
	ret = topology_read(topology, &j.topo, err);
	if (ret)
		goto out;
	j.plans = calloc(files->nr, sizeof(*j.plans));
	j.list = calloc(files->nr, sizeof(*j.list));
	gpus = calloc(j.topo.nr_nodes + 1, sizeof(*gpus));
	if (!j.plans || !j.list || !gpus)
		ret = dmsc_fail(err, -ENOMEM, "out of memory for %u jobs", files->nr);
	for (i = 0; !ret && i < j.topo.nr_nodes; i++)
		gpus[i] = j.topo.nodes[i].gpus;
	for (i = 0; !ret && i < files->nr; i++)
		ret = add_job(&j, files->items[i], &j.topo, err);
	for (i = 0; !ret && i < j.topo.nr_nodes; i++)
		j.topo.nodes[i].gpus = gpus[i];
	free(gpus);
out:
	if (ret)
		jobs_free(&j);
	else
		*out = j;
	/* A file that cannot be read is bad input, too. */
	if (ret == -ENOENT || ret == -EACCES || ret == -EISDIR || ret == -EIO)
		ret = -EINVAL;
	return ret;
}

void jobs_free(struct jobs *j)
{
	uint32_t i;

	for (i = 0; i < j->nr; i++)
		plan_free(&j->plans[i]);
	topology_free(&j->topo);
	free(j->plans);
	free(j->list);
	memset(j, 0, sizeof(*j));
}
