// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A group's common period is a circle of SLOTS pieces. Each job turns its
 * pattern of sending on it; what counts is by how much the demands on an edge
 * exceed it, summed over edges and pieces.
 */
#include "planner/interleave.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS	 360
#define LAPS_MAX 8 /* of the longest iteration in the common period */
#define SWEEPS	 4 /* in which each job may turn again */
#define CHANCES	 8 /* random starts that make the mean without shifts */

struct phase {
	double period; /* of an iteration alone */
	double from;   /* when it begins to send */
	double comm;   /* how long that takes alone */
	uint32_t group, laps;
	uint32_t slot; /* by which it is turned */
	struct order_use *use;
	uint32_t nr_use;
};

struct circle {
	const struct order_case *c;
	struct phase *jobs;
	float *load; /* [edge * SLOTS + slot], parts of the edge */
	double length;
};

/* The seconds on each edge of all of a job's parts on their ways. */
static int collect(const struct order_job *j, const uint32_t *way, struct phase *p)
{
	uint32_t room = 0, k, i, n;

	for (k = 0; k < j->nr_parts; k++)
		room += j->parts[k].ways[way[k]].nr_use;
	p->use = calloc(room + 1, sizeof(*p->use));
	if (!p->use)
		return -ENOMEM;
	for (k = 0; k < j->nr_parts; k++) {
		const struct order_way *w = &j->parts[k].ways[way[k]];

		for (i = 0; i < w->nr_use; i++) {
			for (n = 0; n < p->nr_use && p->use[n].edge != w->use[i].edge; n++)
				;
			if (n == p->nr_use)
				p->use[p->nr_use++] = (struct order_use){ w->use[i].edge, 0 };
			p->use[n].seconds += w->use[i].seconds;
			p->comm = fmax(p->comm, p->use[n].seconds);
		}
	}
	p->from = (1 - j->overlap) * j->compute;
	p->period = fmax(j->compute, p->from + p->comm);
	return 0;
}

static void find_groups(const struct order_case *c, const struct order_model *m, struct phase *jobs)
{
	uint32_t a, b;
	bool changed = true;

	for (a = 0; a < c->nr_jobs; a++)
		jobs[a].group = a;
	while (changed) {
		changed = false;
		for (a = 0; a < c->nr_jobs; a++) {
			for (b = 0; b < c->nr_jobs; b++) {
				if (jobs[b].group < jobs[a].group && order_model_contend(m, a, b)) {
					jobs[a].group = jobs[b].group;
					changed = true;
				}
			}
		}
	}
}

/*
 * The common period that stretches the worst of the group's iterations least:
 * whole iterations of each, none faster than it is alone. 0: there is none.
 */
static double common_period(struct phase *jobs, uint32_t nr, uint32_t group)
{
	double longest = 0, best = INTERLEAVE_STRETCH, length = 0;
	uint32_t k, laps, step;

	for (k = 0; k < nr; k++)
		longest = jobs[k].group == group ? fmax(longest, jobs[k].period) : longest;
	for (laps = 1; laps <= LAPS_MAX; laps++) {
		for (step = 0; step <= 10; step++) {
			double h = longest * laps * (1 + step * INTERLEAVE_STRETCH / 10), worst = 0;

			for (k = 0; k < nr; k++) {
				if (jobs[k].group == group)
					worst = fmax(worst, h / floor(h / jobs[k].period + 1e-9) /
									    jobs[k].period -
								    1);
			}
			if (worst < best - 1e-9) {
				best = worst;
				length = h;
			}
		}
	}
	for (k = 0; length > 0 && k < nr; k++) {
		if (jobs[k].group == group)
			jobs[k].laps = floor(length / jobs[k].period + 1e-9);
	}
	return length;
}

/* Does the job, turned by @slot, send in piece @at of the circle? Part of the piece. */
static double sends(const struct circle *c, const struct phase *p, uint32_t slot, uint32_t at)
{
	double piece = c->length / SLOTS, lap = c->length / p->laps;
	double t = fmod((at + SLOTS - slot) * piece, lap), end;

	/* The piece may reach over the end of a lap. */
	end = fmin(t + piece, p->from + p->comm) - fmax(t, p->from);
	if (t + piece > lap)
		end = fmax(end, 0) + fmax(0, fmin(t + piece - lap, p->from + p->comm) - p->from);
	return fmax(0, end) / piece;
}

static void put(struct circle *c, const struct phase *p, double sign)
{
	uint32_t i, s;

	for (s = 0; s < SLOTS; s++) {
		double part = sends(c, p, p->slot, s);

		for (i = 0; part > 0 && i < p->nr_use; i++)
			c->load[(size_t)p->use[i].edge * SLOTS + s] +=
				sign * part * p->use[i].seconds / p->comm;
	}
}

/* By how much more edges would be asked for than they have, with the job at @slot. */
static double excess(const struct circle *c, const struct phase *p, uint32_t slot)
{
	double sum = 0;
	uint32_t i, s;

	for (s = 0; s < SLOTS; s++) {
		double part = sends(c, p, slot, s);

		for (i = 0; part > 0 && i < p->nr_use; i++) {
			double load = c->load[(size_t)p->use[i].edge * SLOTS + s];
			double mine = part * p->use[i].seconds / p->comm;

			sum += fmax(0, load + mine - 1) - fmax(0, load - 1);
		}
	}
	return sum;
}

static void turn(struct circle *c, struct phase *p)
{
	double best = excess(c, p, p->slot), e;
	uint32_t s;

	for (s = 0; s < SLOTS / p->laps && best > 0; s++) {
		e = excess(c, p, s);
		if (e < best - 1e-9) {
			best = e;
			p->slot = s;
		}
	}
}

/* Those that send longest choose first; then each may turn again. */
static void arrange(struct circle *c, uint32_t group, uint32_t *left)
{
	uint32_t sweep, k, n = 0, i;

	for (k = 0; k < c->c->nr_jobs; k++) {
		if (c->jobs[k].group != group || !c->jobs[k].nr_use)
			continue;
		for (i = n++; i && c->jobs[left[i - 1]].comm * c->jobs[left[i - 1]].laps <
					   c->jobs[k].comm * c->jobs[k].laps;
		     i--)
			left[i] = left[i - 1];
		left[i] = k;
	}
	for (sweep = 0; sweep < SWEEPS; sweep++) {
		for (k = 0; k < n; k++) {
			struct phase *p = &c->jobs[left[k]];

			if (sweep)
				put(c, p, -1);
			turn(c, p);
			put(c, p, 1);
		}
	}
}

static bool alone(const struct phase *jobs, uint32_t nr, uint32_t k)
{
	uint32_t i, n = 0;

	for (i = 0; i < nr; i++)
		n += jobs[i].group == jobs[k].group;
	return n < 2;
}

/* Utilisation of jobs with the given starts; negative: out of memory. */
static double expect(const struct order_case *c, const uint32_t *way, const uint32_t *level,
		     const double *shift, const double *pace)
{
	struct order_case with = *c;
	struct order_model *m;
	double u = -1;
	uint32_t k;

	with.jobs = malloc((c->nr_jobs + 1) * sizeof(*with.jobs));
	if (!with.jobs)
		return -1;
	memcpy(with.jobs, c->jobs, c->nr_jobs * sizeof(*with.jobs));
	for (k = 0; k < c->nr_jobs; k++) {
		with.jobs[k].shift = shift[k];
		with.jobs[k].pace = pace ? pace[k] : 0;
	}
	m = order_model_new(&with, way);
	if (m)
		u = order_model_run(m, level, 0, 0, ORDER_CYCLES_JUDGE, NULL, NULL);
	order_model_free(m);
	free(with.jobs);
	return u;
}

static int compare(const struct order_case *c, const uint32_t *way, const uint32_t *level,
		   const struct phase *jobs, struct interleave *out)
{
	double *chance = calloc(c->nr_jobs + 1, sizeof(*chance)), u;
	uint32_t state = 0x9e3779b9, n, k;

	if (!chance)
		return -ENOMEM;
	for (n = 0; n < CHANCES; n++) {
		for (k = 0; k < c->nr_jobs; k++) {
			state ^= state << 13;
			state ^= state >> 17;
			state ^= state << 5;
			chance[k] = state / 4294967296.0 * jobs[k].period;
		}
		u = expect(c, way, level, chance, NULL);
		if (u < 0)
			break;
		out->before += u / CHANCES;
	}
	free(chance);
	out->utilisation = expect(c, way, level, out->shift, out->pace);
	if (n < CHANCES || out->utilisation < 0)
		return -ENOMEM;
	if (out->utilisation > out->before * (1 + 1e-6))
		return 0;
	memset(out->shift, 0, c->nr_jobs * sizeof(*out->shift));
	memset(out->pace, 0, c->nr_jobs * sizeof(*out->pace));
	out->utilisation = out->before;
	out->nr_groups = 0;
	return 0;
}

static void step_groups(struct circle *circle, uint32_t *left, struct interleave *out)
{
	const struct order_case *c = circle->c;
	struct phase *jobs = circle->jobs;
	uint32_t g, k;

	for (g = 0; g < c->nr_jobs; g++) {
		if (jobs[g].group != g || alone(jobs, c->nr_jobs, g))
			continue;
		circle->length = common_period(jobs, c->nr_jobs, g);
		if (circle->length <= 0)
			continue;
		out->nr_groups++;
		memset(circle->load, 0, (size_t)c->nr_edges * SLOTS * sizeof(*circle->load));
		arrange(circle, g, left);
		for (k = 0; k < c->nr_jobs; k++) {
			if (jobs[k].group != g)
				continue;
			out->shift[k] = jobs[k].slot * circle->length / SLOTS;
			out->pace[k] = circle->length / jobs[k].laps;
		}
	}
}

int interleave_jobs(const struct order_case *c, const uint32_t *way, const uint32_t *level,
		    struct interleave *out, struct dmsc_error *err)
{
	struct circle circle = { .c = c };
	struct order_model *m = order_model_new(c, way);
	uint32_t *left = calloc(c->nr_jobs + 1, sizeof(*left)), k;
	int ret = -ENOMEM;

	memset(out, 0, sizeof(*out));
	circle.jobs = calloc(c->nr_jobs + 1, sizeof(*circle.jobs));
	circle.load = calloc((size_t)c->nr_edges * SLOTS + 1, sizeof(*circle.load));
	out->shift = calloc(c->nr_jobs + 1, sizeof(*out->shift));
	out->pace = calloc(c->nr_jobs + 1, sizeof(*out->pace));
	if (!m || !left || !circle.jobs || !circle.load || !out->shift || !out->pace)
		goto out;
	for (ret = 0, k = 0; k < c->nr_jobs && !ret; k++)
		ret = collect(&c->jobs[k], way + order_first_part(c, k), &circle.jobs[k]);
	if (!ret) {
		find_groups(c, m, circle.jobs);
		step_groups(&circle, left, out);
		ret = compare(c, way, level, circle.jobs, out);
	}
out:
	for (k = 0; circle.jobs && k < c->nr_jobs; k++)
		free(circle.jobs[k].use);
	free(circle.jobs);
	free(circle.load);
	free(left);
	order_model_free(m);
	if (!ret)
		return 0;
	interleave_free(out);
	return dmsc_fail(err, ret, "out of memory for start times");
}

void interleave_free(struct interleave *i)
{
	free(i->shift);
	free(i->pace);
	memset(i, 0, sizeof(*i));
}
