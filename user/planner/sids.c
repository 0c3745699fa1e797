// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Service IDs: an instance gets first_sid plus its place in the plan, or the
 * SID that the job file gives it. None is handed out twice.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "planner/internal.h"

static int by_name(const void *a, const void *b, void *plan)
{
	const struct plan_instance *in = ((const struct plan *)plan)->instances;

	return strcmp(in[*(const uint32_t *)a].name, in[*(const uint32_t *)b].name);
}

static int by_sid(const void *a, const void *b, void *plan)
{
	const struct plan_instance *in = ((const struct plan *)plan)->instances;
	uint32_t x = in[*(const uint32_t *)a].sid, y = in[*(const uint32_t *)b].sid;

	return x < y ? -1 : x > y;
}

/* The instance of that name, through @order, which is sorted by name. */
static struct plan_instance *find(const struct plan *p, const uint32_t *order, const char *name)
{
	uint32_t low = 0, high = p->nr_instances;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int c = strcmp(p->instances[order[middle]].name, name);

		if (!c)
			return &p->instances[order[middle]];
		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static const struct job_sid *given(const struct job *job, const struct plan_instance *in)
{
	uint32_t i;

	for (i = 0; i < job->nr_sids; i++) {
		if (!strcmp(job->sids[i].instance, in->name))
			return &job->sids[i];
	}
	return NULL;
}

static int twice(const struct job *job, const struct plan_instance *x,
		 const struct plan_instance *y, struct dmsc_error *err)
{
	const struct job_sid *g = given(job, x);

	/* The job file names no SID twice, so one of the two is handed out. */
	if (!g) {
		const struct plan_instance *other = x;

		g = given(job, y);
		x = y;
		y = other;
	}
	return dmsc_fail(err, -EINVAL,
			 "%s:%u: sids.sid: %u of %s is handed out to %s, expected one outside first_sid and following",
			 job->file, g ? g->line : 0, x->sid, x->name, y->name);
}

static int assign(struct plan *p, const struct job *job, uint32_t *order, struct dmsc_error *err)
{
	uint32_t n = p->nr_instances, i;

	if (n && n - 1 > UINT32_MAX - job->first_sid)
		return dmsc_fail(err, -EINVAL,
				 "%s:%u: first_sid: %u, expected at most %u for %u instances",
				 job->file, job->line.first_sid, job->first_sid,
				 UINT32_MAX - (n - 1), n);
	for (i = 0; i < n; i++) {
		order[i] = i;
		p->instances[i].sid = job->first_sid + i;
	}
	qsort_r(order, n, sizeof(*order), by_name, p);
	for (i = 1; i < n; i++) {
		if (!by_name(&order[i - 1], &order[i], p))
			return dmsc_fail(err, -EINVAL,
					 "%s:%u: bulk.name: two instances would be named '%s', expected other names",
					 job->file, job->line.bulk, p->instances[order[i]].name);
	}
	for (i = 0; i < job->nr_sids; i++) {
		struct plan_instance *in = find(p, order, job->sids[i].instance);

		if (!in)
			return dmsc_fail(err, -EINVAL,
					 "%s:%u: sids.instance: '%s', expected an instance of this job such as %s",
					 job->file, job->sids[i].line, job->sids[i].instance,
					 p->instances[0].name);
		in->sid = job->sids[i].sid;
	}
	qsort_r(order, n, sizeof(*order), by_sid, p);
	for (i = 1; i < n; i++) {
		if (!by_sid(&order[i - 1], &order[i], p))
			return twice(job, &p->instances[order[i - 1]], &p->instances[order[i]], err);
	}
	return 0;
}

int plan_sids(struct plan *p, const struct job *job, struct dmsc_error *err)
{
	uint32_t *order = calloc(p->nr_instances + 1, sizeof(*order));
	int ret;

	if (!order)
		return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	ret = assign(p, job, order, err);
	free(order);
	return ret;
}
