// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether bulk transfers of more connections would bring a plan's worst link load nearer to
 * its bound. One connection is never split, so that where a single large transfer is what
 * a link is loaded by, no choice of paths helps, but two streams may. Nothing is
 * estimated: the plan is made again with other numbers of streams.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "planner/builder.h"
#include "planner/planner.h"

#define GAIN  0.01	 /* what is worth a line: of the worst load */
#define SAME  0.001	 /* as good as the best */
#define STEPS (1U << 18) /* plans of more take too long to be made several times */

struct trial {
	const struct workload *load;
	const struct topology *topo;
	const struct job *job;
	struct job changed; /* with a copy of its bulk entries */
};

/* Worst load ÷ bound when the job is @x->changed; 0: it cannot be planned. */
static double tried(struct trial *x)
{
	struct dmsc_error err;
	struct plan p;
	double ratio;
	int ret;

	ret = x->load ? plan_workload(x->load, &x->changed, x->topo, &p, &err) :
			plan_job(&x->changed, x->topo, &p, &err);
	if (ret)
		return 0;
	ratio = p.certificate.bound > 0 ? p.certificate.worst / p.certificate.bound : 0;
	plan_free(&p);
	return ratio;
}

/* Entry @i gets @streams, if that is more than it has. */
static void raise_to(struct trial *x, uint32_t i, uint32_t streams)
{
	const struct job_bulk *b = &x->job->bulk[i];

	x->changed.bulk[i].streams = streams > b->streams ? streams : b->streams;
}

static double all_raised(struct trial *x, uint32_t streams)
{
	uint32_t i;

	for (i = 0; i < x->job->nr_bulk; i++)
		raise_to(x, i, streams);
	return tried(x);
}

/* The names of the entries that have more streams than the job says. */
static void raised_names(const struct trial *x, char *out, size_t size)
{
	size_t len = 0;
	uint32_t i;

	out[0] = '\0';
	for (i = 0; i < x->job->nr_bulk && len < size; i++) {
		if (x->changed.bulk[i].streams > x->job->bulk[i].streams)
			len += snprintf(out + len, size - len, "%s%s", len ? ", " : "",
					x->job->bulk[i].name);
	}
}

/* The least that does as well as @best: first how many streams, then for whom. */
static uint32_t least(struct trial *x, double best)
{
	uint32_t streams, i;
	double ratio;

	for (streams = 2; streams < DMSC_MAX_WAYS; streams++) {
		ratio = all_raised(x, streams);
		if (ratio > 0 && ratio <= best + SAME)
			break;
	}
	for (i = 0; i < x->job->nr_bulk; i++)
		raise_to(x, i, streams);
	for (i = 0; i < x->job->nr_bulk; i++) {
		x->changed.bulk[i].streams = x->job->bulk[i].streams;
		ratio = tried(x);
		if (!(ratio > 0 && ratio <= best + SAME))
			raise_to(x, i, streams);
	}
	return streams;
}

int plan_streams(struct plan *p, const struct job *job, const struct workload *load,
		 const struct topology *topo, struct dmsc_error *err)
{
	struct trial x = { .load = load, .topo = topo, .job = job, .changed = *job };
	double ratio, best;
	char names[256];
	uint32_t streams;
	bool ok = true;

	if (!job->nr_bulk || p->nr_ops > STEPS || !(p->certificate.bound > 0))
		return 0;
	ratio = p->certificate.worst / p->certificate.bound;
	if (ratio < 1 + GAIN)
		return 0;
	x.changed.bulk = malloc(job->nr_bulk * sizeof(*job->bulk));
	if (!x.changed.bulk)
		return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	memcpy(x.changed.bulk, job->bulk, job->nr_bulk * sizeof(*job->bulk));
	best = all_raised(&x, DMSC_MAX_WAYS);
	if (best > 0 && best <= ratio * (1 - GAIN)) {
		streams = least(&x, best);
		best = tried(&x);
		raised_names(&x, names, sizeof(names));
		ok = plan_note(p,
			       "with streams: %u for %s the worst link load would be %.4f x its bound, not %.4f",
			       streams, names, best, ratio);
	}
	free(x.changed.bulk);
	return ok ? 0 : dmsc_fail(err, -ENOMEM, "out of memory for the plan");
}
