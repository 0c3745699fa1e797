/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random small cases for the order among jobs: a leaf-spine fabric of 4 to 20
 * hosts of 8 GPUs, 2 to 5 jobs on scattered GPUs, rings between the hosts of a
 * job. Everything follows from a seed.
 */
#ifndef DMSC_BENCH_ORDER_CASES_H
#define DMSC_BENCH_ORDER_CASES_H

#include <stdlib.h>
#include <string.h>

#include "planner/order.h"

#define CASE_HOSTS_A_LEAF 4
#define CASE_GPUS	  8

static inline double case_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (*state >> 11) / 9007199254740992.0;
}

static inline uint32_t case_between(uint64_t *state, uint32_t low, uint32_t high)
{
	return low + (uint32_t)(case_random(state) * (high - low + 1));
}

struct case_fabric {
	uint32_t hosts, leaves, spines;
	uint32_t gpus_left[20];
};

/* Edges: host up and down, then leaf to spine and back for each pair. */
static inline uint32_t case_host_edge(uint32_t host, bool down)
{
	return 2 * host + down;
}

static inline uint32_t case_leaf_edge(const struct case_fabric *f, uint32_t leaf, uint32_t spine,
				      bool down)
{
	return 2 * f->hosts + 2 * (leaf * f->spines + spine) + down;
}

static inline void case_use(struct order_way *w, uint32_t edge, double seconds)
{
	w->use[w->nr_use++] = (struct order_use){ edge, seconds };
}

/* One part: all ring edges that begin on hosts of one leaf; a way is a spine. */
static inline void case_part(const struct case_fabric *f, struct order_part *part,
			     const uint32_t *hosts, uint32_t n, uint32_t leaf, double seconds)
{
	bool crosses = false;
	uint32_t i, s;

	for (i = 0; i < n; i++)
		crosses |= hosts[i] / CASE_HOSTS_A_LEAF == leaf &&
			   hosts[(i + 1) % n] / CASE_HOSTS_A_LEAF != leaf;
	part->nr_ways = crosses ? f->spines : 1;
	part->ways = calloc(part->nr_ways, sizeof(*part->ways));
	for (s = 0; s < part->nr_ways; s++) {
		part->ways[s].use = calloc(4 * n, sizeof(*part->ways[s].use));
		for (i = 0; i < n; i++) {
			uint32_t from = hosts[i], to = hosts[(i + 1) % n];

			if (from / CASE_HOSTS_A_LEAF != leaf || from == to)
				continue;
			case_use(&part->ways[s], case_host_edge(from, false), seconds);
			case_use(&part->ways[s], case_host_edge(to, true), seconds);
			if (to / CASE_HOSTS_A_LEAF == leaf)
				continue;
			case_use(&part->ways[s], case_leaf_edge(f, leaf, s, false), seconds);
			case_use(&part->ways[s], case_leaf_edge(f, to / CASE_HOSTS_A_LEAF, s, true),
				 seconds);
		}
	}
}

/* GPUs on hosts that have some left, in random order; false: none. */
static inline bool case_job(struct case_fabric *f, struct order_job *j, uint64_t *state)
{
	uint32_t want = 1 << case_between(state, 3, 6), hosts[20], order[20], n = 0, i, k, leaf;
	double seconds;

	for (i = 0; i < f->hosts; i++) {
		k = case_between(state, 0, i);
		order[i] = order[k];
		order[k] = i;
	}
	j->gpus = 0;
	for (i = 0; i < f->hosts && j->gpus < want; i++) {
		uint32_t *left = &f->gpus_left[order[i]];
		uint32_t take = *left < 4 ? *left : 4 * case_between(state, 1, *left / 4);

		if (!take)
			continue;
		*left -= take;
		j->gpus += take;
		hosts[n++] = order[i];
	}
	if (n < 2)
		return false;
	/* Iterations of 0.1 to 1 s; a tenth to all of that again for the network. */
	j->compute = 0.1 * (1 << case_between(state, 0, 2)) * (1 + case_random(state));
	j->overlap = case_random(state) * 0.8;
	seconds = j->compute * (0.1 + 0.9 * case_random(state));
	j->parts = calloc(f->leaves, sizeof(*j->parts));
	for (leaf = 0; leaf < f->leaves; leaf++) {
		for (i = 0; i < n && hosts[i] / CASE_HOSTS_A_LEAF != leaf; i++)
			;
		if (i < n)
			case_part(f, &j->parts[j->nr_parts++], hosts, n, leaf, seconds);
	}
	return true;
}

/* Ways that a case has in all. */
static inline double case_combinations(const struct order_case *c)
{
	double n = 1;

	for (uint32_t k = 0; k < c->nr_jobs; k++)
		for (uint32_t p = 0; p < c->jobs[k].nr_parts; p++)
			n *= c->jobs[k].parts[p].nr_ways;
	return n;
}

/* Case number @seed; one whose ways number more than @most is drawn again. */
static inline void case_make(uint64_t seed, double most, struct order_case *c)
{
	uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 12345;

	for (;;) {
		struct case_fabric f = { .hosts = case_between(&state, 4, 20) };
		uint32_t jobs = case_between(&state, 2, 5), i;

		f.leaves = (f.hosts + CASE_HOSTS_A_LEAF - 1) / CASE_HOSTS_A_LEAF;
		f.spines = case_between(&state, 2, 3);
		for (i = 0; i < f.hosts; i++)
			f.gpus_left[i] = CASE_GPUS;
		memset(c, 0, sizeof(*c));
		c->nr_edges = 2 * f.hosts + 2 * f.leaves * f.spines;
		c->jobs = calloc(jobs, sizeof(*c->jobs));
		for (i = 0; i < jobs && case_job(&f, &c->jobs[c->nr_jobs], &state); i++)
			c->nr_jobs++;
		if (c->nr_jobs >= 2 && case_combinations(c) <= most)
			return;
		order_case_free(c);
	}
}

/* ---- the optimum by enumeration; the judge's model is a long run ---- */

static inline double case_judge(const struct order_case *c, const uint32_t *way,
				const uint32_t *level)
{
	struct order_model *m = order_model_new(c, way);
	double u = order_model_run(m, level, 0, 0, ORDER_CYCLES_JUDGE, NULL, NULL);

	order_model_free(m);
	return u;
}

static inline double case_best_ways(const struct order_case *c, const uint32_t *rank)
{
	uint32_t way[64] = { 0 }, parts = order_first_part(c, c->nr_jobs), at, k, p;
	double best = 0, u;

	do {
		u = case_judge(c, way, rank);
		best = u > best ? u : best;
		for (at = 0, k = 0; k < c->nr_jobs; k++) {
			for (p = 0; p < c->jobs[k].nr_parts; p++, at++) {
				if (++way[at] < c->jobs[k].parts[p].nr_ways)
					goto next;
				way[at] = 0;
			}
		}
next:;
	} while (at < parts);
	return best;
}

/* All assignments of @levels levels to jobs; only permutations when @different. */
static inline double case_best_levels(const struct order_case *c, const uint32_t *way,
				      uint32_t levels, bool different)
{
	struct order_model *m = order_model_new(c, way);
	uint32_t level[8] = { 0 }, k, used;
	double best = 0, u;

	do {
		bool twice = false;

		for (used = 0, k = 0; k < c->nr_jobs; k++) {
			twice |= used >> level[k] & 1;
			used |= 1U << level[k];
		}
		if (!different || !twice) {
			u = order_model_run(m, level, 0, 0, ORDER_CYCLES_JUDGE, NULL, NULL);
			best = u > best ? u : best;
		}
		for (k = 0; k < c->nr_jobs && ++level[k] == levels; k++)
			level[k] = 0;
	} while (k < c->nr_jobs);
	order_model_free(m);
	return best;
}

#endif /* DMSC_BENCH_ORDER_CASES_H */
