/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jobs on a cluster as fluids: each message of their plans is a flow that gets
 * a rate on the links of its way; rates change when flows begin and end. Pure
 * functions; the same input gives the same result. Times are seconds, sizes
 * bytes, rates of links bit/s.
 *
 * On each link classes share as the queues do (doc/scheduling.md): guarantees
 * first, then strict classes in their order, then weighted ones by weight;
 * within a class the lower rank goes first, flows of one rank share by weight.
 * A flow has the rate that its tightest link leaves it (max-min fairness).
 * Packets, round trips, losses and the time to notice a free link are not
 * modelled.
 */
#ifndef DMSC_PLANNER_SIMULATE_H
#define DMSC_PLANNER_SIMULATE_H

#include <stdbool.h>

#include "lib/error.h"
#include "lib/model.h"
#include "planner/planner.h"

/* How the links treat a class; the defaults are those of kmod/core. */
struct sim_class {
	bool strict;
	uint32_t weight; /* of a class that is not strict, 1..1024 */
	uint32_t share;	 /* permille guaranteed; all together at most 900 */
};

struct sim_use {
	uint32_t edge; /* directed edge of the topology */
	float share;   /* of the flow's bytes, 0..1 */
};

/* How one flow of a plan goes. */
struct sim_flow {
	uint8_t class;
	uint32_t rank;	    /* within the class, lower goes first */
	uint32_t weight;    /* within the rank, >= 1 */
	uint32_t first_use; /* into sim_job.uses; nr_uses 0: within a host */
	uint32_t nr_uses;
};

struct sim_job {
	const struct plan *plan; /* all on the same topology */
	struct sim_flow *flows;	 /* by flow of the plan */
	struct sim_use *uses;
	uint32_t nr_uses;
	double start; /* of its first iteration */
	double pace;  /* iterations begin no closer than this; 0: at once */
};

/* A way to run the same jobs: how flows go and what links do with them. */
struct sim_setup {
	const char *name;
	struct sim_job *jobs;
	uint32_t nr_jobs;
	struct sim_class classes[DMSC_NR_CLASSES];
};

/*
 * Messages as a network carries them: cut into packets of @mtu, each with the
 * headers of Ethernet, IPv4 and TCP with timestamps; acknowledgements of every
 * second packet come back on the same links; behind the first link a message's last packet is
 * sent again by every switch. On an emulated cluster sizes are divided by
 * @scale, and packets are not.
 */
struct sim_packets {
	uint32_t mtu; /* bytes, with the headers of IP and TCP */
	double scale; /* 1: the real network */
	/* How long messages within hosts took, s: each takes one of these; 0 of them: as else */
	const double *local;
	uint32_t nr_local;
};

struct sim_options {
	uint32_t iterations;		   /* each job does as many at least; >= 1 */
	const struct sim_packets *packets; /* NULL: messages are fluids */
	/*
	 * Events are dealt with at multiples of this, so that many near ones
	 * cost one calculation of rates. 0: exact.
	 */
	double resolution;
	/*
	 * Told of each stretch of time in which a flow of a job sent @bytes evenly; those of messages
	 * within a host, too. May be NULL.
	 */
	void (*sent)(void *arg, uint32_t job, uint32_t flow, double from, double to, double bytes);
	void *sent_arg;
	/* Called now and then with the part that is done, 0..1; false: stop. May be NULL. */
	bool (*progress)(void *arg, double part);
	void *arg;
};

#define SIM_BINS    240 /* at most, of a link's load over time */
#define SIM_WATCHED 12	/* links, the most loaded ones */
#define SIM_SPANS   4096

struct sim_job_result {
	uint32_t iterations;
	uint32_t gpus;
	double *times, *ends; /* of each iteration: its length, when it ended */
	double mean, worst;   /* of them */
	double utilisation;   /* part of its GPUs' time that is spent computing */
};

struct sim_link {
	uint32_t edge;
	double bytes;	       /* in all */
	double utilisation;    /* mean over the run */
	double load[SIM_BINS]; /* over time, parts of its rate */
};

struct sim_result {
	struct sim_job_result *jobs;
	uint32_t nr_jobs;
	double utilisation; /* of all jobs' GPUs */
	double end;
	double bin;	  /* length of one */
	uint32_t nr_bins; /* that have begun */
	struct sim_link links[SIM_WATCHED];
	uint32_t nr_links;
	double bulk;		/* bytes of bulk that were sent */
	double busiest;		/* mean utilisation of the most loaded link of all */
	uint64_t events, fills; /* what was simulated; how often rates were calculated */
};

/**
 * simulate - run the jobs of @setup
 *
 * -EINVAL for a plan whose steps do not end or a flow that can never go on;
 * -EINTR when the progress function said so; -ENOMEM. On error @out holds
 * nothing to be freed.
 */
int simulate(const struct topology *topo, const struct sim_setup *setup,
	     const struct sim_options *options, struct sim_result *out, struct dmsc_error *err);
void sim_result_free(struct sim_result *r);

/* ---- simulate_setup.c ---- */

enum sim_kind {
	SIM_DMSC,      /* the plans' paths and classes, jobs in our order */
	SIM_ECMP,      /* paths by hash, one queue: max-min over flows */
	SIM_CRUX,      /* least congested of hashed paths; jobs by Crux's levels */
	SIM_SINCRONIA, /* paths by hash; jobs by Sincronia's levels */
	SIM_NR_KINDS,
	SIM_STOCK = SIM_NR_KINDS, /* paths by hash; the plans' classes, without guarantees */
	SIM_MODULE,		  /* paths of eight hashed ones and importance by a module */
};

const char *
sim_kind_name(enum sim_kind kind);    /* "dmsc", "ecmp", "crux", "sincronia", "stock", "module" */
int sim_kind_parse(const char *name); /* -1: unknown */

/**
 * sim_setup - how the flows of @plans go under @kind
 * @levels: of priority for jobs, 1..ORDER_JOBS_MAX
 * @interleave: SIM_DMSC: use start times where the model shows a gain
 * @module: SIM_MODULE: who is asked; NULL: the built-in module
 *
 * Every flow has one way, as a connection has; @seed changes what hashing
 * makes of it. -EINVAL for a host that cannot be reached, -ENOMEM.
 */
int sim_setup(enum sim_kind kind, const struct plan *const *plans, uint32_t nr, uint32_t levels,
	      bool interleave, uint64_t seed, const struct plan_modules *module,
	      struct sim_setup *out, struct dmsc_error *err);
void sim_setup_free(struct sim_setup *s);

/* The classes as kmod/core has them when nobody configured it. */
extern const struct sim_class sim_default_classes[DMSC_NR_CLASSES];

#endif /* DMSC_PLANNER_SIMULATE_H */
