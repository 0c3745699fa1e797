/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a functional module exports: one object, named dmsc_module. This header
 * needs nothing else of DMSC. All functions are called from one thread of a
 * process of their own; they may keep state, and must not wait for anything.
 * Each returns 0, or anything else to leave this question to the built-in one.
 */
#ifndef DMSC_MODULE_API_H
#define DMSC_MODULE_API_H

#include <stdint.h>

/* Counts incompatible changes. Functions are only ever added at the end. */
#define DMSC_MODULE_VERSION 1

/* Policy analysis: how important is a flow? */
struct dmsc_module_flow {
	uint32_t class;		   /* by parallelism: DMSC_CLASS_* of linux/dmsc.h */
	uint32_t job_level;	   /* of the job among jobs, 0 goes first */
	uint64_t bytes, messages;  /* of an iteration */
	int64_t slack_ns;	   /* it may be this late before the iteration is longer */
	uint64_t critical_path_ns; /* of the iteration */
};

struct dmsc_module_importance {
	uint32_t class; /* 0..7 */
	uint32_t rank;	/* within the class, 0 goes first; at most 62 (DMSC_RANK_MAX) */
};

/* Path optimisation: one of several ways for a flow. */
struct dmsc_module_way {
	double worst; /* seconds an iteration that its busiest link would be busy */
	double sum;   /* the same, of all its links */
	uint32_t hops;
};

struct dmsc_module {
	uint32_t version; /* DMSC_MODULE_VERSION */
	uint32_t size;	  /* sizeof(struct dmsc_module), as the module knows it */
	const char *name;

	/* Any of them may be NULL: then the built-in one answers. */
	int (*policy)(const struct dmsc_module_flow *flow, struct dmsc_module_importance *out);
	/* @choice: below @nr */
	int (*path)(const struct dmsc_module_way *ways, uint32_t nr, uint32_t *choice);
	/* The value that follows @nr values of a series (the last one is the newest), >= 0 */
	int (*predict)(const double *values, uint32_t nr, double *next);
};

#endif /* DMSC_MODULE_API_H */
