/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CoDel (RFC 8289): keeps the standing queue of a flow near a target. The control
 * law only; whose packets it judges, and the clock, are the scheduler's.
 */
#ifndef DMSC_CORE_CODEL_H
#define DMSC_CORE_CODEL_H

#include "shim.h"

/* Times are in units of 1024 ns, as in the kernel's own codel, and wrap. */
#define DMSC_CODEL_SHIFT	10

/* Microseconds, at most DMSC_INTERVAL_MAX, in these units; at least 1. */
static inline u32 dmsc_codel_time(u32 us)
{
	u32 time = (u64)us * 1000 >> DMSC_CODEL_SHIFT;

	return time ? time : 1;
}

struct dmsc_codel_params {
	u32 target, interval;
};

struct dmsc_codel {
	u32 first_above;	/* when the delay will have been too long for an interval */
	u32 drop_next;		/* when to drop again */
	u32 count;		/* drops since the dropping state was entered */
	u32 last_count;		/* @count when it was entered last */
	bool above;		/* @first_above is set */
	bool dropping;
};

/**
 * dmsc_codel_drop - is the packet at the head to be dropped, or marked?
 * @params: of the class
 * @now: the time
 * @delay: how long the packet was queued
 * @behind: bytes queued behind it
 * @mtu: never drop when no more than this is behind
 *
 * After a drop, the caller asks again for the new head; after a mark it sends
 * the packet. True implies that a packet is behind this one.
 */
bool dmsc_codel_drop(struct dmsc_codel *v, const struct dmsc_codel_params *params, u32 now,
		     u32 delay, u32 behind, u32 mtu);

/*
 * The queue ran empty; or the packet at its head has no more than an MTU behind
 * it, and so is not to be dropped however long it was queued: then no clock need
 * be read for it.
 */
static inline void dmsc_codel_idle(struct dmsc_codel *v)
{
	v->above = false;
	v->dropping = false;
}

#endif /* DMSC_CORE_CODEL_H */
