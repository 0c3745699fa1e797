// SPDX-License-Identifier: GPL-2.0
#include "codel.h"

static bool reached(u32 now, u32 time)
{
	return (s32)(now - time) >= 0;
}

/* Rounded down; bit by bit, which is fast enough for once a drop. */
static u32 square_root(u64 x)
{
	u64 bit = 1ULL << 40, root = 0;

	while (bit > x)
		bit >>= 2;
	for (; bit; bit >>= 2) {
		if (x >= root + bit) {
			x -= root + bit;
			root = (root >> 1) + bit;
		} else {
			root >>= 1;
		}
	}
	return root;
}

/* RFC 8289, section 5.6: interval / sqrt(count); the root has four fraction bits. */
static u32 control_law(const struct dmsc_codel_params *params, u32 time, u32 count)
{
	return time + (params->interval << 4) / square_root((u64)count << 8);
}

/* RFC 8289, section 5.6: has the delay been above target for an interval? */
static bool too_long(struct dmsc_codel *v, const struct dmsc_codel_params *params, u32 now,
		     u32 delay, u32 behind, u32 mtu)
{
	if (delay < params->target || behind <= mtu) {
		v->above = false;
		return false;
	}
	if (!v->above) {
		v->above = true;
		v->first_above = now + params->interval;
		return false;
	}
	return reached(now, v->first_above);
}

bool dmsc_codel_drop(struct dmsc_codel *v, const struct dmsc_codel_params *params, u32 now,
		     u32 delay, u32 behind, u32 mtu)
{
	u32 since;

	if (!too_long(v, params, now, delay, behind, mtu)) {
		v->dropping = false;
		return false;
	}
	if (v->dropping) {
		if (!reached(now, v->drop_next))
			return false;
		/* The square root's argument stays within its 41 bits. */
		if (v->count < U32_MAX)
			v->count++;
		v->drop_next = control_law(params, v->drop_next, v->count);
		return true;
	}

	/* Shortly after the last time the rate that was right then is tried again. */
	v->dropping = true;
	since = v->count - v->last_count;
	v->count = since > 1 && !reached(now, v->drop_next + 16 * params->interval) ? since : 1;
	v->last_count = v->count;
	v->drop_next = control_law(params, now, v->count);
	return true;
}
