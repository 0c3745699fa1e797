/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Whole connections in proportion to weights. The next one goes to the path with the
 * least (2 n + 1) / weight, n being what it has got: the divisor method of Webster and
 * Sainte-Lague (Balinski and Young, Fair Representation, 1982). Of however many
 * connections in a row, paths of equal weight have the same number or one more, and of
 * two paths with any weights each is less than one connection away from its share.
 *
 * Groups do not all begin with their heaviest path: each begins as if it had dealt some
 * already, so that over groups of few connections the weights hold as well.
 */
#ifndef DMSC_BPF_PORTION_H
#define DMSC_BPF_PORTION_H

#include <linux/dmsc_bpf.h>

#define PORTION_LEAD	64	/* groups begin with 0 to 63 connections dealt */
#define PORTION_BITS	8	/* of the count of one path in struct dmsc_deal */
#define PORTION_MAX	((1U << PORTION_BITS) - 1)

/* The path of @set that is next when @dealt are dealt; DMSC_MAX_WAYS: none has a weight. */
static __always_inline __u32 portion_next(const struct dmsc_set *set, __u64 dealt)
{
	__u32 best = DMSC_MAX_WAYS, i;
	__u64 odd = 1, divisor = 0;	/* of the best one; at first more than any */

	for (i = 0; i < DMSC_MAX_WAYS; i++) {
		__u64 n = 2 * (dealt >> (PORTION_BITS * i) & PORTION_MAX) + 1;
		__u64 weight = set->weight[i];

		if (i < set->nr && n * divisor < odd * weight) {
			best = i;
			odd = n;
			divisor = weight;
		}
	}
	return best;
}

/*
 * @dealt with one more for path @way. Where a count becomes too large, all begin again: a
 * connection at most is lost to somebody then, of more than PORTION_MAX.
 */
static __always_inline __u64 portion_add(__u64 dealt, __u32 way)
{
	__u32 shift = PORTION_BITS * (way & (DMSC_MAX_WAYS - 1));

	if ((dealt >> shift & PORTION_MAX) == PORTION_MAX)
		dealt = 0;
	return dealt + (1ULL << shift);
}

#endif /* DMSC_BPF_PORTION_H */
