/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All rounds of a run, and what they come to. Times are emulated ns, rates
 * emulated bit/s. Quantiles are nearest-rank, over all iterations of a set-up.
 */
#ifndef DMSC_EMULATOR_RESULTS_H
#define DMSC_EMULATOR_RESULTS_H

#include "emulator/round.h"

struct completion { /* of the messages of one class */
	uint32_t messages;
	uint64_t p50, p99, max; /* ns */
	uint64_t bytes;		/* of the job */
};

struct setup_results {
	const struct setup *setup;
	uint32_t nr;				      /* rounds */
	uint64_t median, p95, min, max;		      /* iteration time, ns */
	double retransmits, host_drops, fabric_drops; /* mean of the iterations */
	double bulk_goodput, cpu_idle, cpu_daemons;
	struct completion remote[DMSC_NR_CLASSES], local[DMSC_NR_CLASSES];
	double *utilisation; /* by edge, mean */
	uint32_t typical;    /* round whose time is nearest the median */
};

struct results {
	const struct plan *plan;
	const struct scale *scale;
	const struct messages *messages;
	struct profile profile;
	const struct setup *setups[SETUP_MAX];
	uint32_t nr_setups, iterations, nr_bulk;
	struct round *rounds; /* iteration * nr_setups + setup */
	uint32_t nr_rounds;   /* complete ones */
	struct setup_results per[SETUP_MAX];
	struct text notes, warnings; /* a line each */
};

int results_summarise(struct results *r, struct dmsc_error *err);
void results_free(struct results *r);

/* NULL when the set-up did not run. */
const struct setup_results *results_find(const struct results *r, const char *name);

/* Is a message of this flow one between hosts? */
static inline bool results_remote(const struct plan *p, uint32_t flow)
{
	return p->instances[p->flows[flow].src].host != p->instances[p->flows[flow].dst].host;
}

/* Classes from the most important to the least. */
extern const uint8_t results_order[DMSC_NR_CLASSES];

/* table.c: for people, on standard output */
void results_print(const struct results *r);

/* results_json.c: doc/report-format.md */
struct results_about {
	const char *command, *date, *kernel, *machine;
	const char *job_file, *topology_file, *workload_file;
};

int results_write(const struct results *r, const struct results_about *about, const char *file,
		  struct dmsc_error *err);

#endif /* DMSC_EMULATOR_RESULTS_H */
