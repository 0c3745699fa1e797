// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The what-if model: periodic jobs as fluids on links with strict levels.
 * A job's traffic advances as a whole (the ends of a collective wait for each
 * other), so its rate is one number, in parts of its speed alone. Between
 * events rates are constant; events are the beginning and the end of sending
 * and the end of an iteration.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "planner/order.h"

struct need {
	uint32_t edge;
	double part; /* of the edge, while the job sends at the speed it has alone */
};

struct model_job {
	const struct order_job *job;
	double comm; /* seconds alone */
	struct need *needs;
	uint32_t nr_needs;

	/* while running */
	double start, ready; /* of this iteration; when it can send */
	double left;	     /* seconds alone that are still to be sent */
	double rate;	     /* 0..1 */
	double until;	     /* next event */
	double computed;     /* by earlier iterations */
	bool sending, frozen;
};

struct order_model {
	const struct order_case *c;
	struct model_job *jobs;
	uint32_t *order; /* running jobs by level */
	uint32_t nr_order;
	double *room;	  /* by edge, what higher levels left */
	double *pressure; /* by edge, scratch of fill_level() */
	double longest;	  /* iteration alone, of all jobs */
	uint64_t events;  /* of all runs */
};

uint32_t order_first_part(const struct order_case *c, uint32_t job)
{
	uint32_t j, n = 0;

	for (j = 0; j < job; j++)
		n += c->jobs[j].nr_parts;
	return n;
}

static int by_edge(const void *a, const void *b)
{
	const struct need *x = a, *y = b;

	return x->edge < y->edge ? -1 : x->edge > y->edge;
}

/* Adds up what several parts need of the same edge. */
static void merge_needs(struct model_job *j)
{
	uint32_t i, n = 0;

	qsort(j->needs, j->nr_needs, sizeof(*j->needs), by_edge);
	for (i = 0; i < j->nr_needs; i++) {
		if (n && j->needs[n - 1].edge == j->needs[i].edge)
			j->needs[n - 1].part += j->needs[i].part;
		else
			j->needs[n++] = j->needs[i];
	}
	j->nr_needs = n;
}

static bool gather(struct model_job *j, const uint32_t *way)
{
	uint32_t p, i, room = 0;

	for (p = 0; p < j->job->nr_parts; p++)
		room += j->job->parts[p].ways[way[p]].nr_use;
	j->needs = calloc(room + 1, sizeof(*j->needs));
	if (!j->needs)
		return false;
	for (p = 0; p < j->job->nr_parts; p++) {
		const struct order_way *w = &j->job->parts[p].ways[way[p]];

		for (i = 0; i < w->nr_use; i++)
			j->needs[j->nr_needs++] = (struct need){ w->use[i].edge, w->use[i].seconds };
	}
	merge_needs(j);
	for (i = 0; i < j->nr_needs; i++)
		j->comm = fmax(j->comm, j->needs[i].part);
	for (i = 0; i < j->nr_needs; i++)
		j->needs[i].part /= j->comm;
	return true;
}

/* An edge that one job alone uses says nothing beyond the job's speed alone. */
static void keep_shared(struct order_model *m, const uint32_t *users)
{
	uint32_t k, i, n;

	for (k = 0; k < m->c->nr_jobs; k++) {
		struct model_job *j = &m->jobs[k];

		for (n = 0, i = 0; i < j->nr_needs; i++) {
			if (users[j->needs[i].edge] > 1)
				j->needs[n++] = j->needs[i];
		}
		j->nr_needs = n;
	}
}

struct order_model *order_model_new(const struct order_case *c, const uint32_t *way)
{
	struct order_model *m = calloc(1, sizeof(*m));
	uint32_t *users = calloc(c->nr_edges + 1, sizeof(*users)), k, i;
	bool ok = m && users;

	if (ok) {
		m->c = c;
		m->jobs = calloc(c->nr_jobs + 1, sizeof(*m->jobs));
		m->order = calloc(c->nr_jobs + 1, sizeof(*m->order));
		m->room = calloc(c->nr_edges + 1, sizeof(*m->room));
		m->pressure = calloc(c->nr_edges + 1, sizeof(*m->pressure));
		ok = m->jobs && m->order && m->room && m->pressure;
	}
	for (k = 0; ok && k < c->nr_jobs; k++) {
		struct model_job *j = &m->jobs[k];
		double alone;

		j->job = &c->jobs[k];
		ok = gather(j, way);
		way += c->jobs[k].nr_parts;
		for (i = 0; ok && i < j->nr_needs; i++)
			users[j->needs[i].edge]++;
		alone = fmax(j->job->compute, (1 - j->job->overlap) * j->job->compute + j->comm);
		m->longest = fmax(m->longest, fmax(alone, j->job->pace));
	}
	if (ok)
		keep_shared(m, users);
	free(users);
	if (ok)
		return m;
	order_model_free(m);
	return NULL;
}

void order_model_free(struct order_model *m)
{
	uint32_t k;

	if (!m)
		return;
	for (k = 0; m->jobs && k < m->c->nr_jobs; k++)
		free(m->jobs[k].needs);
	free(m->jobs);
	free(m->order);
	free(m->room);
	free(m->pressure);
	free(m);
}

uint64_t order_model_events(const struct order_model *m)
{
	return m->events;
}

double order_model_comm(const struct order_model *m, uint32_t job)
{
	return m->jobs[job].comm;
}

bool order_model_contend(const struct order_model *m, uint32_t a, uint32_t b)
{
	const struct model_job *x = &m->jobs[a], *y = &m->jobs[b];
	uint32_t i = 0, k = 0;

	while (i < x->nr_needs && k < y->nr_needs) {
		if (x->needs[i].edge == y->needs[k].edge)
			return true;
		if (x->needs[i].edge < y->needs[k].edge)
			i++;
		else
			k++;
	}
	return false;
}

static void take_room(struct order_model *m, const struct model_job *j)
{
	uint32_t i;

	for (i = 0; i < j->nr_needs; i++)
		m->room[j->needs[i].edge] =
			fmax(0, m->room[j->needs[i].edge] - j->rate * j->needs[i].part);
}

static void fill_one(struct order_model *m, struct model_job *j)
{
	uint32_t i;

	j->rate = 1;
	for (i = 0; i < j->nr_needs; i++)
		j->rate = fmin(j->rate, m->room[j->needs[i].edge] / j->needs[i].part);
	take_room(m, j);
}

/*
 * Jobs of one level rise together until an edge is full; those that use it stay
 * where they are, the others go on (progressive filling: Bertsekas and Gallager,
 * Data Networks, section 6.5.2).
 */
static void fill_level(struct order_model *m, const uint32_t *ids, uint32_t n)
{
	uint32_t k, i, open = 0;
	double share = 0;

	for (k = 0; k < n; k++) {
		m->jobs[ids[k]].frozen = !m->jobs[ids[k]].sending;
		open += m->jobs[ids[k]].sending;
	}
	while (open) {
		double step = 1 - share;

		for (k = 0; k < n; k++) {
			const struct model_job *j = &m->jobs[ids[k]];

			for (i = 0; !j->frozen && i < j->nr_needs; i++)
				m->pressure[j->needs[i].edge] += j->needs[i].part;
		}
		for (k = 0; k < n; k++) {
			const struct model_job *j = &m->jobs[ids[k]];

			for (i = 0; !j->frozen && i < j->nr_needs; i++)
				step = fmin(step, m->room[j->needs[i].edge] /
							  m->pressure[j->needs[i].edge]);
		}
		share += step;
		for (k = 0; k < n; k++) {
			struct model_job *j = &m->jobs[ids[k]];

			for (i = 0; !j->frozen && i < j->nr_needs; i++)
				m->room[j->needs[i].edge] -= step * j->needs[i].part;
		}
		for (k = 0; k < n; k++) {
			struct model_job *j = &m->jobs[ids[k]];
			bool full = share >= 1 - 1e-9;

			if (j->frozen)
				continue;
			for (i = 0; i < j->nr_needs; i++) {
				full |= m->room[j->needs[i].edge] < 1e-9;
				m->pressure[j->needs[i].edge] = 0;
			}
			if (full) {
				j->rate = share;
				j->frozen = true;
				open--;
			}
		}
	}
}

static void set_rates(struct order_model *m, const uint32_t *level)
{
	uint32_t first, last, k, i, active;

	for (k = 0; k < m->nr_order; k++) {
		struct model_job *j = &m->jobs[m->order[k]];

		j->rate = 0;
		for (i = 0; j->sending && i < j->nr_needs; i++)
			m->room[j->needs[i].edge] = 1;
	}
	for (first = 0; first < m->nr_order; first = last) {
		uint32_t at = 0;

		for (active = 0, last = first;
		     last < m->nr_order && level[m->order[last]] == level[m->order[first]]; last++) {
			if (m->jobs[m->order[last]].sending) {
				active++;
				at = last;
			}
		}
		if (active == 1)
			fill_one(m, &m->jobs[m->order[at]]);
		else if (active)
			fill_level(m, m->order + first, last - first);
	}
}

static void begin_iteration(struct model_job *j, double now)
{
	j->start = now;
	j->ready = now + (1 - j->job->overlap) * j->job->compute;
	j->left = j->comm;
	j->sending = false;
}

static double next_event(const struct model_job *j, double now)
{
	double compute_end = j->start + j->job->compute;

	if (j->sending)
		return j->rate > 0 ? now + j->left / j->rate : INFINITY;
	if (j->left > 0)
		return j->ready;
	return fmax(compute_end, j->start + j->job->pace);
}

/* What happens at @now, where the job's next event is. */
static void advance(struct model_job *j, double now)
{
	if (j->sending) {
		j->sending = false;
		j->left = 0;
		if (now < fmax(j->start + j->job->compute, j->start + j->job->pace))
			return;
	} else if (j->left > 0) {
		j->sending = true;
		return;
	}
	j->computed += j->job->compute;
	begin_iteration(j, now);
}

static void order_jobs(struct order_model *m, const uint32_t *level, uint32_t a, uint32_t b)
{
	uint32_t k, i;

	m->nr_order = 0;
	for (k = 0; k < m->c->nr_jobs; k++) {
		if (a != b && k != a && k != b)
			continue;
		for (i = m->nr_order++; i && level[m->order[i - 1]] > level[k]; i--)
			m->order[i] = m->order[i - 1];
		m->order[i] = k;
	}
}

double order_model_run(struct order_model *m, const uint32_t *level, uint32_t a, uint32_t b,
		       double cycles, double *busy, double *length)
{
	double now = 0, end = 0, sum = 0, all = 0;
	uint32_t k;

	order_jobs(m, level, a, b);
	for (k = 0; k < m->nr_order; k++) {
		struct model_job *j = &m->jobs[m->order[k]];

		end = fmax(end, fmax(j->job->compute + j->comm, j->job->pace));
		j->computed = 0;
		begin_iteration(j, j->job->shift);
	}
	end = cycles * (a == b ? m->longest : end);
	while (m->nr_order) {
		bool changed = false;
		double next = end;

		for (k = 0; k < m->nr_order; k++) {
			struct model_job *j = &m->jobs[m->order[k]];

			j->until = next_event(j, now);
			next = fmin(next, j->until);
		}
		for (k = 0; k < m->nr_order; k++) {
			struct model_job *j = &m->jobs[m->order[k]];

			if (j->sending)
				j->left = fmax(0, j->left - j->rate * (next - now));
		}
		now = next;
		m->events++;
		if (now >= end)
			break;
		for (k = 0; k < m->nr_order; k++) {
			struct model_job *j = &m->jobs[m->order[k]];

			if (j->until > now * (1 + 1e-12))
				continue;
			changed |= j->sending || j->left > 0;
			advance(j, now);
		}
		if (changed)
			set_rates(m, level);
	}
	for (k = 0; k < m->nr_order; k++) {
		struct model_job *j = &m->jobs[m->order[k]];

		j->computed += fmax(0, fmin(end - j->start, j->job->compute));
		if (busy)
			busy[m->order[k]] = j->computed;
		sum += j->job->gpus * j->computed;
		all += j->job->gpus * fmax(0, end - j->job->shift);
	}
	if (length)
		*length = end;
	return all > 0 ? sum / all : 1;
}
