/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maglev hashing: Eisenbud et al., "Maglev: A Fast and Reliable Software Network
 * Load Balancer", NSDI 2016, section 3.4. A table of a prime number of positions
 * in which every backend has its share, and which changes little when backends
 * come and go. Pure functions: the same input gives the same table everywhere,
 * in whatever order the backends are named.
 */
#ifndef DMSC_LIB_MAGLEV_H
#define DMSC_LIB_MAGLEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAGLEV_TABLE_MIN     251U
#define MAGLEV_TABLE_MAX     4194301U
#define MAGLEV_TABLE_DEFAULT 65537U /* 655 positions for each of a hundred backends */
#define MAGLEV_WEIGHT_MAX    65535U

struct maglev_backend {
	uint64_t key[2]; /* who it is, on every host: its address */
	uint32_t weight; /* 0: takes nothing, to MAGLEV_WEIGHT_MAX */
	uint16_t number; /* what is written into the table, not 0 */
};

/* Whether @n can be a table's size: a prime in MAGLEV_TABLE_MIN..MAX. */
bool maglev_size_ok(uint32_t n);

/**
 * maglev_fill - the table of @backends
 * @table: @size entries, each becomes the number of a backend; all 0 when no
 *	backend has a weight
 * @size: a prime (maglev_size_ok), not less than the number of backends
 * @seed: that of the service, the same on all hosts
 *
 * A backend's order of preference is the paper's: offset + j * skip, both from its
 * key. Backends take turns; one of weight w takes a turn in w of every W rounds,
 * W being the largest weight, so that shares are as the weights are, and at least
 * one position. Two of the same key are in the order of their numbers.
 *
 * Returns 0, -EINVAL for a size or a weight that cannot be, -ENOMEM.
 */
int maglev_fill(uint16_t *table, uint32_t size, const struct maglev_backend *backends, size_t n,
		uint64_t seed);

#endif /* DMSC_LIB_MAGLEV_H */
