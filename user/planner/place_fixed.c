// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ranks where the job file wants them. It may part what belongs together
 * (a tensor group over two hosts): that is respected, and what it costs is
 * said by assess.c. Refused is what cannot be: hosts that there are not, a GPU
 * for two ranks, ranks without a place.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "planner/internal.h"

struct fixed {
	const struct plan *p;
	const struct job *job;
	const struct job_placement *f;
	uint32_t ranks;
	struct seat *seats; /* by rank; host MODEL_NONE: none yet */
	uint32_t *by_name;  /* hosts, sorted */
	uint64_t *taken;    /* by host: bit by GPU */
	struct dmsc_error *err;
};

static uint32_t host_gpus(const struct fixed *x, uint32_t host)
{
	return x->p->topo.nodes[x->p->hosts[host].node].gpus;
}

static int by_name(const void *a, const void *b, void *plan)
{
	const struct plan *p = plan;

	return strcmp(p->hosts[*(const uint32_t *)a].name, p->hosts[*(const uint32_t *)b].name);
}

static int find_host(const struct fixed *x, const char *name, uint32_t line, const char *field,
		     uint32_t *host)
{
	uint32_t low = 0, high = x->p->nr_hosts;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int order = strcmp(name, x->p->hosts[x->by_name[mid]].name);

		if (!order) {
			*host = x->by_name[mid];
			return 0;
		}
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return dmsc_fail(x->err, -EINVAL,
			 "%s:%u: placement.%s: '%s', expected a host of topology %s", x->job->file,
			 line, field, name, x->p->topo.name);
}

/* @gpu: which, or -1 for the lowest that is free. */
static int seat_rank(struct fixed *x, uint32_t rank, uint32_t host, int32_t gpu, uint32_t line,
		     const char *field)
{
	uint32_t gpus = host_gpus(x, host), g = gpu < 0 ? 0 : (uint32_t)gpu;
	const char *name = x->p->hosts[host].name;

	if (x->seats[rank].host != MODEL_NONE)
		return dmsc_fail(x->err, -EINVAL,
				 "%s:%u: placement.%s: rank %u is on %s already, expected once",
				 x->job->file, line, field, rank,
				 x->p->hosts[x->seats[rank].host].name);
	while (gpu < 0 && g < gpus && x->taken[host] >> g & 1)
		g++;
	if (g >= gpus)
		return dmsc_fail(x->err, -EINVAL,
				 "%s:%u: placement.%s: rank %u needs GPU %u of %s, expected one of its %u",
				 x->job->file, line, field, rank, g, name, gpus);
	if (x->taken[host] >> g & 1)
		return dmsc_fail(x->err, -EINVAL,
				 "%s:%u: placement.%s: rank %u and another one on GPU %u of %s, expected one on each",
				 x->job->file, line, field, rank, g, name);
	x->taken[host] |= 1ULL << g;
	x->seats[rank] = (struct seat){ host, g };
	return 0;
}

/* Hosts in their order: block after block, or one rank each in turn. */
static int fill_hosts(struct fixed *x)
{
	const struct job_placement *f = x->f;
	uint32_t *hosts = calloc(f->nr_hosts, sizeof(*hosts)), *room;
	uint32_t rank = 0, i, k;
	bool any = true;
	int ret;

	room = calloc(f->nr_hosts, sizeof(*room));
	ret = hosts && room ? 0 : dmsc_fail(x->err, -ENOMEM, "out of memory for the plan");

	for (i = 0; i < f->nr_hosts && !ret; i++) {
		ret = find_host(x, f->hosts[i], f->line, "hosts", &hosts[i]);
		if (!ret)
			room[i] = f->per_host ? f->per_host : host_gpus(x, hosts[i]);
	}
	while (!ret && any && rank < x->ranks) {
		for (any = false, i = 0; i < f->nr_hosts && !ret; i++) {
			uint32_t n = f->cyclic && room[i] ? 1 : room[i];

			for (k = 0; k < n && rank < x->ranks && !ret; k++, rank++, any = true)
				ret = seat_rank(x, rank, hosts[i], -1, f->line, "hosts");
			room[i] -= n;
		}
	}
	if (!ret && rank < x->ranks)
		ret = dmsc_fail(x->err, -EINVAL,
				"%s:%u: placement.hosts: room for %u ranks, expected it for %u, those of the job",
				x->job->file, f->line, rank, x->ranks);
	free(hosts);
	free(room);
	return ret;
}

static int fill_places(struct fixed *x)
{
	uint32_t i, rank, host;
	int ret;

	for (i = 0; i < x->f->nr_places; i++) {
		const struct job_place *at = &x->f->places[i];

		if (at->last >= x->ranks)
			return dmsc_fail(x->err, -EINVAL,
					 "%s:%u: placement.ranks: rank %u, expected less than %u, the job's ranks",
					 x->job->file, at->line, at->last, x->ranks);
		ret = find_host(x, at->host, at->line, "ranks.host", &host);
		if (ret)
			return ret;
		for (rank = at->first; rank <= at->last; rank++) {
			ret = seat_rank(x, rank, host,
					at->gpu < 0 ? -1 : at->gpu + (int32_t)(rank - at->first),
					at->line, "ranks");
			if (ret)
				return ret;
		}
	}
	for (rank = 0; rank < x->ranks; rank++) {
		if (x->seats[rank].host == MODEL_NONE)
			return dmsc_fail(x->err, -EINVAL,
					 "%s:%u: placement.ranks: rank %u has no place, expected one for each of %u",
					 x->job->file, x->f->line, rank, x->ranks);
	}
	return 0;
}

/* An instance that stands for its tensor group is on one host. */
static int merge(const struct fixed *x, uint32_t nr, uint32_t each, struct seat *seats)
{
	uint32_t i, k;

	for (i = 0; i < nr; i++) {
		seats[i] = x->seats[(size_t)i * each];
		for (k = 1; k < each; k++) {
			const struct seat *s = &x->seats[(size_t)i * each + k];

			if (s->host != seats[i].host)
				return dmsc_fail(x->err, -EINVAL,
						 "%s:%u: placement: ranks %u and %u on two hosts, expected one host, because their tensor group is one instance (parallel.instances)",
						 x->job->file, x->f->line, i * each, i * each + k);
			if (s->gpu < seats[i].gpu)
				seats[i].gpu = s->gpu;
		}
	}
	return 0;
}

int place_fixed(const struct plan *p, const struct job *job, uint32_t nr, uint32_t each,
		struct seat *seats, struct dmsc_error *err)
{
	struct fixed x = { .p = p, .job = job, .f = job->fixed, .ranks = nr * each, .err = err };
	uint32_t i;
	int ret;

	x.seats = malloc((x.ranks + 1) * sizeof(*x.seats));
	x.by_name = calloc(p->nr_hosts + 1, sizeof(*x.by_name));
	x.taken = calloc(p->nr_hosts + 1, sizeof(*x.taken));
	if (x.seats && x.by_name && x.taken) {
		for (i = 0; i < x.ranks; i++)
			x.seats[i] = (struct seat){ MODEL_NONE, -1 };
		for (i = 0; i < p->nr_hosts; i++)
			x.by_name[i] = i;
		qsort_r(x.by_name, p->nr_hosts, sizeof(*x.by_name), by_name, (void *)p);
		ret = x.f->nr_places ? fill_places(&x) : fill_hosts(&x);
		if (!ret)
			ret = merge(&x, nr, each, seats);
	} else {
		ret = dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	}
	free(x.seats);
	free(x.by_name);
	free(x.taken);
	return ret;
}
