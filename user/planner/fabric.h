/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A Clos fabric in flat arrays, for tens of thousands of hosts. Its shape is
 * arithmetic: pods of leaves and spines, every leaf linked once to each spine
 * of its pod; spine s of every pod linked once to each core of group s.
 *
 *	ports -> leaves -> spines -> cores
 *
 * A port is one link of a host to a leaf, so a host of several NICs has
 * several. Without cores, pods are planes that do not reach each other.
 * Parallel links are one link of their common rate.
 */
#ifndef DMSC_PLANNER_FABRIC_H
#define DMSC_PLANNER_FABRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define FABRIC_MAX_PORTS (1U << 24)
#define FABRIC_MAX_LINKS (1U << 26)

/* What a generated fabric looks like; all counts at least 1 unless 0 is said. */
struct fabric_shape {
	uint32_t pods;
	uint32_t leaves;   /* a pod */
	uint32_t spines;   /* a pod, at most 65,535 */
	uint32_t cores;	   /* a group, at most 65,535; 0: two tiers */
	uint32_t ports;	   /* a leaf */
	double port_rate;  /* bit/s each way, as are the others */
	double leaf_rate;  /* leaf to spine */
	double spine_rate; /* spine to core */
};

/*
 * Links are numbered: ports first, then leaf to spine, then spine to core.
 * Directed edges are 2 * link (up) and 2 * link + 1 (down).
 */
struct fabric {
	uint32_t pods, leaves, spines, cores;
	uint32_t nr_leaves, nr_ports, nr_links;
	uint32_t first_up, first_core; /* links: of leaf 0, of spine 0 */
	uint32_t *leaf_of;	       /* by port; leaves are numbered through all pods */
	uint32_t *pod_of;	       /* by leaf */
	double *rate;		       /* by link, bit/s each way; 0: dead */
	uint32_t dead;		       /* links of rate 0 */
};

/* -EINVAL (with a reason) for a shape that is empty or too large; -ENOMEM. */
int fabric_make(struct fabric *f, const struct fabric_shape *shape, struct dmsc_error *err);
void fabric_free(struct fabric *f);

/* The shapes that are built most; @rate of every link in bit/s. */

/* 3-tier fat-tree of k-port switches, k even: k^3 / 4 ports (Al-Fares et al., SIGCOMM 2008). */
struct fabric_shape fabric_fat_tree(uint32_t k, double rate);

static inline uint32_t fabric_leaf_link(const struct fabric *f, uint32_t leaf, uint32_t spine)
{
	return f->first_up + leaf * f->spines + spine;
}

static inline uint32_t fabric_core_link(const struct fabric *f, uint32_t pod, uint32_t spine,
					uint32_t core)
{
	return f->first_core + (pod * f->spines + spine) * f->cores + core;
}

/* What has to get from port to port: bit/s, or bits an iteration. */
struct flow {
	uint32_t src, dst; /* ports */
	double amount;	   /* > 0 */
};

/* A link's rate becomes @rate (0: it is dead). */
void fabric_set_rate(struct fabric *f, uint32_t link, double rate);

#endif /* DMSC_PLANNER_FABRIC_H */
