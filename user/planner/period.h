/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The iteration of a job out of its byte counts alone: how long it is, when its
 * traffic begins, how many bytes it moves, and when the next one begins. Times
 * are in bins (1 ms by default), as real numbers; bin 0 is the first count.
 */
#ifndef DMSC_PLANNER_PERIOD_H
#define DMSC_PLANNER_PERIOD_H

#include <stdbool.h>
#include <stdint.h>

#define PERIOD_BINS_MAX (1U << 22)
/* Shorter than this many bins nothing is told from noise. */
#define PERIOD_MIN	16

struct period {
	double period;	     /* mean of the iterations that were seen */
	double strength;     /* 0..1, likeness of one iteration to the next */
	double onset;	     /* where the last burst began; NAN without a pause in the traffic */
	double next;	     /* where the next one will begin: onset + period */
	double jitter;	     /* of the iterations' lengths, standard deviation */
	double bytes;	     /* of an iteration, median */
	uint32_t iterations; /* whole ones that were seen */
};

/**
 * period_find - the period of @n counts
 *
 * The autocorrelation (by FFT) is highest at the period or a multiple of it; what
 * repeats within an iteration has peaks, too, but not at each multiple. Then the places
 * where traffic begins again after the longest pause of an iteration are found
 * one by one: their distances make period and jitter. Without a pause, the peak
 * of the largest multiple that the counts hold makes the period finer.
 *
 * -EINVAL when @n is out of range or a count is negative or not a number;
 * -ENODATA when nothing repeats at least twice; -ENOMEM.
 */
int period_find(const double *counts, uint32_t n, struct period *out);

#endif /* DMSC_PLANNER_PERIOD_H */
