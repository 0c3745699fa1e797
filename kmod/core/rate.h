/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A rate as the time that a byte takes, in fixed point: a packet then costs a
 * multiplication, and its error is below one part in four millions.
 */
#ifndef DMSC_CORE_RATE_H
#define DMSC_CORE_RATE_H

#include "shim.h"

/*
 * How far behind its rate a sender may catch up, and so the burst above it:
 * what the rate gives in this time, beside one packet.
 */
#define DMSC_BURST_NS	1000000ULL

struct dmsc_rate {
	u64 bytes;	/* a second; 0: no bound */
	u32 mult;
	u8 shift;
};

/* @bytes: 0, or DMSC_RATE_MIN..DMSC_RATE_MAX */
static inline void dmsc_rate_set(struct dmsc_rate *r, u64 bytes)
{
	u64 factor = NSEC_PER_SEC, mult;

	r->bytes = bytes;
	r->mult = 0;
	r->shift = 0;
	if (!bytes)
		return;
	/* As many bits as a u32 holds, and as the numerator has room for. */
	mult = div64_u64(factor, bytes);
	while (!(mult & 1U << 31) && !(factor & 1ULL << 62)) {
		factor <<= 1;
		r->shift++;
		mult = div64_u64(factor, bytes);
	}
	r->mult = mult;
}

/* Nanoseconds that @len bytes, at most DMSC_LIMIT_MAX, take. */
static inline u64 dmsc_rate_ns(const struct dmsc_rate *r, u32 len)
{
	return (u64)len * r->mult >> r->shift;
}

#endif /* DMSC_CORE_RATE_H */
