/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters of the cluster's interfaces and qdiscs, and of the machine's CPUs. */
#ifndef DMSC_EMULATOR_MEASURE_H
#define DMSC_EMULATOR_MEASURE_H

#include <stdint.h>

#include "emulator/cluster.h"
#include "lib/error.h"

/* One directed edge, as its sending interface counts it. */
struct measure_edge {
	uint64_t at;	  /* CLOCK_MONOTONIC, ns, when it was read */
	uint64_t bytes;	  /* sent, with Ethernet headers */
	uint64_t drops;	  /* packets, by the port's qdiscs */
	uint32_t backlog; /* bytes */
	bool by_class;	  /* @class_bytes was counted */
	uint64_t class_bytes[DMSC_NR_CLASSES];
};

/**
 * measure_bytes - bytes of all edges (2 * links of them); fast
 * measure_qdiscs - drops, backlog, bytes by class
 *
 * Bytes by class come from the bands of DSCP ports and from sch_dmsc.
 */
int measure_bytes(const struct cluster *c, struct measure_edge *edges, struct dmsc_error *err);
int measure_qdiscs(const struct cluster *c, struct measure_edge *edges, struct dmsc_error *err);

/* What is queued anywhere, bytes. */
uint64_t measure_backlog(const struct cluster *c, const struct measure_edge *edges);

struct measure_cpu {
	uint64_t idle, total; /* ticks, all CPUs */
	uint64_t daemons;     /* ns, of the set-up's daemons together; 0 where there are none */
};

int measure_cpu(const struct cluster *c, struct measure_cpu *cpu);

#endif /* DMSC_EMULATOR_MEASURE_H */
