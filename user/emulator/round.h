/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One iteration of the job under one set-up, and what it measured. */
#ifndef DMSC_EMULATOR_ROUND_H
#define DMSC_EMULATOR_ROUND_H

#include "emulator/control.h"
#include "emulator/measure.h"
#include "emulator/setup.h"

struct round_bulk { /* one bulk flow */
	uint32_t flow, nr;
	uint64_t *start, *end; /* ns after the start; end 0: unfinished */
};

struct round {
	uint32_t setup, iteration; /* indexes */
	/* All as measured, that is real time and scaled bytes. */
	uint64_t time;	    /* ns from the start to the last step done */
	double cpu_idle;    /* 0..1, of all CPUs */
	double cpu_daemons; /* likewise: what dmscd took */
	uint64_t retransmits, host_drops, fabric_drops;
	uint64_t received; /* bytes of messages, bulk not counted */
	uint64_t bulk_bytes;
	double bulk_rate;			  /* bit/s */
	double *utilisation;			  /* by edge */
	bool *by_class;				  /* by edge */
	uint64_t (*class_bytes)[DMSC_NR_CLASSES]; /* by edge */
	uint64_t *start, *end;			  /* by message, ns after the start */
	struct round_bulk *bulk;		  /* shared.nr_bulk of them */
};

struct round_env {
	const struct plan *plan;
	const struct scale *scale;
	const struct messages *messages;
	const struct cluster *cluster;
	struct shared *shared;
	struct control *control;
	struct setup_env *setup;
	int timeout_ms; /* for an iteration */
};

/**
 * round_run - switch to the set-up, connect, run, measure, close
 *
 * Errors fail the whole run; *@r can be freed in any case.
 */
int round_run(const struct round_env *env, const struct setup *s, struct round *r,
	      struct dmsc_error *err);
void round_free(struct round *r, uint32_t nr_bulk);

#endif /* DMSC_EMULATOR_ROUND_H */
