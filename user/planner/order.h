/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which job's traffic goes first where jobs meet on a link, and by which ways:
 * from what each job computes and sends an iteration to a path for each part
 * of its traffic, an order of the jobs, and that order pressed into the levels
 * at hand. Pure functions; times are seconds.
 *
 * What is optimised is the GPU utilisation of the cluster: the part of all the
 * jobs' GPU time that is spent computing. A job computes, and from some point
 * of its computation on sends what it has to send; its iteration ends when both
 * are done. On a link a level goes before all lower ones; jobs of one level
 * share it equally.
 */
#ifndef DMSC_PLANNER_ORDER_H
#define DMSC_PLANNER_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/model.h"

#define ORDER_JOBS_MAX 1024

/* What a part of a job's traffic needs of a link (or any other single resource). */
struct order_use {
	uint32_t edge;	/* below order_case.nr_edges */
	double seconds; /* of the whole edge, an iteration; > 0 */
};

struct order_way {
	struct order_use *use;
	uint32_t nr_use;
};

/* Traffic of a job that takes one way. */
struct order_part {
	struct order_way *ways;
	uint32_t nr_ways; /* at least one */
};

struct order_job {
	double compute; /* of an iteration when the network takes no time; > 0 */
	double overlap; /* 0..1: the last part of it during which sending is possible */
	uint32_t gpus;	/* what a second of its computation is worth */
	double shift;	/* its first iteration starts this late; >= 0 */
	double pace;	/* iterations start no closer than this; 0: at once */
	struct order_part *parts;
	uint32_t nr_parts;
};

struct order_case {
	struct order_job *jobs;
	uint32_t nr_jobs;
	uint32_t nr_edges;
};

/* What is decided; see order_decide(). */
struct order_choice {
	uint32_t *way;	    /* by part, jobs one after the other: index into its ways */
	uint32_t *rank;	    /* by job: 0 goes first; all different */
	uint32_t *level;    /* by job: 0 goes first; below the levels that were asked for */
	double utilisation; /* that the model expects, 0..1 */
};

struct order_limits {
	uint32_t levels; /* 1..ORDER_JOBS_MAX */
	uint32_t tries;	 /* what-if runs that may be spent on each decision; 0: the default */
};

void order_choice_free(struct order_choice *c);
void order_case_free(struct order_case *c);

/* Index of a job's first part in order_choice.way. */
uint32_t order_first_part(const struct order_case *c, uint32_t job);

/**
 * order_decide - ways, order and levels for all jobs of @c
 *
 * The three steps below, one after the other. -ENOMEM; -EINVAL when a number
 * of @c is out of its range. On error @out holds nothing to be freed.
 */
int order_decide(const struct order_case *c, const struct order_limits *limits,
		 struct order_choice *out, struct dmsc_error *err);

/* ---- the steps alone; each returns 0 or -ENOMEM ---- */

/**
 * order_ways - a way for each part, with the jobs in order @rank
 *
 * Begins with each part on the way whose busiest link stays least busy, most
 * important job first, and then takes what the model shows to be better.
 */
int order_ways(const struct order_case *c, const uint32_t *rank, uint32_t tries, uint32_t *way);

/**
 * order_ranks - an order of the jobs on the ways @way
 *
 * Begins with the order by intensity. Pairs of jobs that share links tell what
 * each order costs, slack included: traffic that hides behind computation costs
 * nothing until its slack is used up. What remains of @tries goes into moves of
 * one job among all.
 */
int order_ranks(const struct order_case *c, const uint32_t *way, uint32_t tries, uint32_t *rank);

/**
 * order_levels - @rank pressed into @levels levels
 *
 * Jobs of a level share; the cut that separates the pairs that lose most by
 * sharing is found by dynamic programming (a Max-K-Cut whose parts follow the
 * order, as Crux has it) and improved in the model.
 */
int order_levels(const struct order_case *c, const uint32_t *way, const uint32_t *rank,
		 uint32_t levels, uint32_t tries, uint32_t *level);

/* ---- baselines, as published, for comparison ---- */

/** order_intensity - computation a second of communication, GPUs counted (Crux, section 4.1) */
double order_intensity(const struct order_case *c, const uint32_t *way, uint32_t job);

/** crux_ways - most intense job first, each part on the least congested way (section 4.1) */
int crux_ways(const struct order_case *c, uint32_t *way);

/**
 * crux_ranks - by intensity times a correction factor (section 4.2)
 *
 * The factor is what a job gains of the links by priority over what the
 * reference job, the one with most traffic, loses by it.
 */
int crux_ranks(const struct order_case *c, const uint32_t *way, uint32_t *rank);

/**
 * crux_levels - Max-K-Cut of the graph of contending jobs along the order (section 4.3)
 *
 * The weight of a pair that contends is the difference of their intensities.
 */
int crux_levels(const struct order_case *c, const uint32_t *way, const uint32_t *rank,
		uint32_t levels, uint32_t *level);

/** sincronia_ranks - bottleneck, select, scale, iterate (Sincronia, SIGCOMM 2018, algorithm 1) */
int sincronia_ranks(const struct order_case *c, const uint32_t *way, uint32_t *rank);

/** sincronia_levels - the first jobs a level each, all others the last (section 4.2) */
void sincronia_levels(const struct order_case *c, const uint32_t *rank, uint32_t levels,
		      uint32_t *level);

/* ---- the model ---- */

struct order_model;

/** order_model_new - the jobs of @c on the ways @way; NULL: out of memory */
struct order_model *order_model_new(const struct order_case *c, const uint32_t *way);
void order_model_free(struct order_model *m);

/**
 * order_model_run - GPU utilisation of the jobs, 0..1
 * @level: by job; lower goes first, equal ones share
 * @a, @b: only these two run; a == b: all run
 * @cycles: length, in longest iterations
 * @busy: of each job, seconds that it computed; or NULL
 * @length: set to the simulated seconds; or NULL
 */
double order_model_run(struct order_model *m, const uint32_t *level, uint32_t a, uint32_t b,
		       double cycles, double *busy, double *length);

/* Do both send over a link? */
bool order_model_contend(const struct order_model *m, uint32_t a, uint32_t b);

/* Events of all runs so far: what they cost. */
uint64_t order_model_events(const struct order_model *m);

/* Seconds that the job's traffic takes alone. */
double order_model_comm(const struct order_model *m, uint32_t job);

/* Length of the longest run that is taken for "for ever". */
#define ORDER_CYCLES_JUDGE 100
#define ORDER_CYCLES_PLAN  24

/* order_plan.c: an order_case of jobs that have plans */

/**
 * order_from_plans - what each plan computes and sends an iteration
 * @plans: all on topologies with the same links, in the same order
 *
 * A job has one part with one way: its paths are those of its plan. Bulk
 * traffic is left out. -ENOMEM.
 */
int order_from_plans(const struct plan *const *plans, uint32_t nr, struct order_case *out,
		     struct dmsc_error *err);

#endif /* DMSC_PLANNER_ORDER_H */
