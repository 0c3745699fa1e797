/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Which path of its set a connection takes: those of a group are dealt in turn
 * (portion.h), since chance spreads few of them badly. Of eight on two equal paths, six
 * or more would share one in 29 % of cases.
 *
 * A connection is dealt once, when it is first stamped with a set. What it gets is a
 * number (dmsc_stamp.hash) whose position in the set's table belongs to that path, and
 * which it keeps: all that happens later, moves and failures, goes by the number as ever.
 * Paths that are down are dealt as well: their connections use others of the set
 * meanwhile, and return.
 */
#ifndef DMSC_BPF_DEAL_H
#define DMSC_BPF_DEAL_H

#include "portion.h"
#include "tables.h"

#define DEAL_TRIES	8	/* to count a connection while others count theirs */

/*
 * portion_next(), and @dealt with that one more. Global functions: of what they return the
 * verifier knows nothing, and so has nothing to tell apart from one connection that is
 * dealt to the next.
 */
__weak int dmsc_deal_next(const struct dmsc_set *set, __u64 dealt)
{
	return set ? portion_next(set, dealt) : DMSC_MAX_WAYS;
}

__weak __u64 dmsc_deal_more(const struct dmsc_set *set, __u64 dealt)
{
	__u32 way = dmsc_deal_next(set, dealt);

	return way < DMSC_MAX_WAYS ? portion_add(dealt, way) : dealt;
}

/* What a group begins with that has dealt @steps connections, fewer than PORTION_LEAD. */
static __always_inline __u64 deal_lead(const struct dmsc_set *set, __u32 steps)
{
	__u64 dealt = 0;
	__u32 i;

	for (i = 0; i < PORTION_LEAD && i < steps; i++)
		dealt = dmsc_deal_more(set, dealt);
	return dealt;
}

/* The same in each generation and at each start, and another for each group. */
static __always_inline __u32 deal_lead_of(const struct dmsc_deal_key *key)
{
	const __u32 *w = (const __u32 *)key->peer.b;
	__u64 h = (__u64)key->src_sid << 32 | key->dst_sid;

	h ^= ((__u64)w[2] << 32 | w[3]) * 0xff51afd7ed558ccdULL;
	h ^= ((__u64)w[0] << 32 | w[1]) * 0xc4ceb9fe1a85ec53ULL;
	return flow_hash(h ^ (__u64)key->class << 60) % PORTION_LEAD;
}

static __always_inline struct dmsc_deal *deal_get(const struct dmsc_deal_key *key,
						  const struct dmsc_set *set)
{
	struct dmsc_deal *d = bpf_map_lookup_elem(&dmsc_deals, key);
	struct dmsc_deal first;

	if (d)
		return d;
	first.dealt = deal_lead(set, deal_lead_of(key));
	bpf_map_update_elem(&dmsc_deals, key, &first, BPF_NOEXIST);
	return bpf_map_lookup_elem(&dmsc_deals, key);
}

/* Takes the next path; DMSC_MAX_WAYS: there is none. */
static __always_inline __u32 deal_take(struct dmsc_deal *d, const struct dmsc_set *set)
{
	__u32 way = DMSC_MAX_WAYS, i;

	for (i = 0; i < DEAL_TRIES; i++) {
		__u64 dealt = *(volatile __u64 *)&d->dealt;

		way = dmsc_deal_next(set, dealt);
		if (way >= DMSC_MAX_WAYS)
			break;
		if (__sync_val_compare_and_swap(&d->dealt, dealt, portion_add(dealt, way)) == dealt)
			break;
	}
	return way;
}

/*
 * Gives the connection with stamp @s, just resolved, its path of the set that it has.
 * @peer: the other end's address. A global function, as dmsc_stamp_resolve() is.
 */
__weak int dmsc_deal(struct dmsc_stamp *s, const struct dmsc_addr *peer)
{
	struct dmsc_deal_key key = {};
	struct dmsc_set *set;
	struct dmsc_deal *d;
	__u32 i, way, number, step;

	if (!s || !peer)
		return 0;
	set = set_get(side_of(s->generation), s->set);
	if (!set)
		return 0;
	key.generation = s->generation;
	key.set = s->set;
	key.src_sid = s->sid;
	key.dst_sid = s->peer_sid;
	key.class = s->class;
	if (!s->peer_sid)
		key.peer = *peer;
	d = deal_get(&key, set);
	if (!d)
		return 0;
	way = deal_take(d, set);
	if (way >= DMSC_MAX_WAYS)
		return 0;
	/*
	 * The first number whose position is that path's, from its own on by steps of its
	 * own: positions are a prime number, and so it is any of the path's alike.
	 */
	number = s->hash;
	step = 1 + (number >> 16) % (DMSC_SET_SLOTS - 1);
	for (i = 0; i < DMSC_SET_SLOTS; i++, number += step) {
		__u32 slot = number % DMSC_SET_SLOTS;

		/* Verifiers know nothing of what a division leaves. */
		asm volatile("" : "+r"(slot));
		if (slot >= DMSC_SET_SLOTS)
			return 0;
		if (set->slot[slot] == way)
			break;
	}
	/* A path of hardly any weight may have no position; 0 is no number. */
	if (i == DMSC_SET_SLOTS || !number)
		return 0;
	s->hash = number;
	s->path = set->path[way];
	s->flags |= DMSC_STAMP_F_DEALT;
	return 0;
}

/* Whether a stamp that has been resolved is to be dealt. */
static __always_inline bool deal_due(const struct dmsc_stamp *s)
{
	return s->set && !(s->flags & (DMSC_STAMP_F_DEALT | DMSC_STAMP_F_DENIED));
}

#endif /* DMSC_BPF_DEAL_H */
