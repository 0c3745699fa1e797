/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the emulation is smaller and slower than the cluster it stands for.
 *
 * Rates are divided by R, message sizes by B. A transfer of n bytes at rate r
 * takes 8n/r in the cluster and 8(n/B)/(r/R) = 8n/r * R/B in the emulation, so
 * real time is T = R/B times emulated time; compute steps sleep T times their
 * length. Propagation, protocol headers and the kernel's own constants
 * (retransmission time-outs, CoDel's target) are not scaled.
 */
#ifndef DMSC_EMULATOR_SCALE_H
#define DMSC_EMULATOR_SCALE_H

#include <stdint.h>

#include "lib/error.h"
#include "lib/model.h"

#define EMULATED_MTU   1500
#define EMULATED_FRAME (EMULATED_MTU + 14) /* as qdiscs count it */

struct scale {
	double rate, bytes, time; /* R, B, T */
	uint64_t link_rate;	  /* bit/s of the fastest link as emulated */
};

/**
 * scale_choose - factors for a plan
 * @link_rate: bit/s that the fastest link of the plan gets
 * @bytes: B, or 0 to choose one by which an iteration lasts about two seconds
 *
 * -EINVAL when a link would be too slow to be emulated.
 */
int scale_choose(struct scale *s, const struct plan *p, uint64_t link_rate, double bytes,
		 struct dmsc_error *err);

/* A message as it is sent; never nothing. */
uint64_t scale_bytes(const struct scale *s, uint64_t bytes);

/* A link's rate as emulated, bit/s. */
uint64_t scale_rate(const struct scale *s, uint64_t rate);

static inline uint64_t scale_to_real(const struct scale *s, uint64_t ns)
{
	return (double)ns * s->time;
}

static inline uint64_t scale_to_emulated(const struct scale *s, uint64_t real_ns)
{
	return (double)real_ns / s->time;
}

#endif /* DMSC_EMULATOR_SCALE_H */
