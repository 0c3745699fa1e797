/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the data plane would decide about a flow, and by which entries. It runs
 * the programs' own code (bpf/tables.h, bpf/policy.h) on the maps in force, and
 * notes every look-up.
 */
#ifndef DMSC_LIB_EXPLAIN_H
#define DMSC_LIB_EXPLAIN_H

#include <stdbool.h>

#include "lib/dataplane.h"

#define EXPLAIN_MAX_STEPS 64

struct explain_flow {
	struct dmsc_addr saddr, daddr;
	uint16_t sport, dport; /* host order; sport 0: not chosen yet */
	uint8_t proto;
	bool local;		 /* a socket of this host sends it */
	bool accepted;		 /* ... that was accepted, or bound to answer */
	const uint64_t *cgroups; /* of the process: its own, then its ancestors' */
	uint32_t nr_cgroups;
};

struct explain_step {
	const char *table; /* "instances", "endpoints", ... */
	char what[160];	   /* the key, for people */
	bool found;
};

struct explain {
	uint32_t generation, flags;
	uint32_t sid, mic, peer_sid, path;
	uint16_t slot;
	uint8_t class, dscp;
	uint8_t action, reason; /* of policy: enum dmsc_action, enum dmsc_reason */
	bool asked;		/* policy was asked at all */
	uint32_t rule;		/* 0: its default */
	struct dmsc_path hop;	/* of path */
	uint32_t set;		/* connections choose from it, with DMSC_PATH_SET; 0: path alone */
	struct dmsc_set ways;	/* of set */
	struct explain_step steps[EXPLAIN_MAX_STEPS];
	uint32_t nr_steps;
};

/** explain - -ENOENT when no generation is in force */
int explain(struct dataplane *dp, const struct explain_flow *f, struct explain *out,
	    struct dmsc_error *err);

/** explain_stamp - what is stamped on the socket @fd; -ENOENT: nothing */
int explain_stamp(struct dataplane *dp, int fd, struct dmsc_stamp *out, struct dmsc_error *err);

#endif /* DMSC_LIB_EXPLAIN_H */
