/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Made-up traffic whose truth is known: iterations of some micro-batches with
 * several bursts each, a longer one at the end, and a pause; lengths and bytes
 * vary; other packets are strewn in. Everything follows from a seed.
 */
#ifndef DMSC_BENCH_TRACES_H
#define DMSC_BENCH_TRACES_H

#include <math.h>
#include <stdlib.h>

#include "selftests/bench/planner/order_cases.h"

struct trace {
	double *counts;
	uint32_t n;
	double period; /* true mean of the whole iterations in it */
	double next;   /* true start of the burst after the end */
	double bytes;  /* of an iteration */
	uint32_t iterations;
};

static inline double trace_normal(uint64_t *state)
{
	double u = case_random(state), v = case_random(state);

	return sqrt(-2 * log(u + 1e-300)) * cos(2 * M_PI * v);
}

/* Bytes at an even rate over [from, to). */
static inline void trace_burst(struct trace *t, double from, double to, double bytes)
{
	for (uint32_t i = from > 0 ? from : 0; i < to && i < t->n; i++) {
		double part = fmin(to, i + 1.0) - fmax(from, i);

		t->counts[i] += bytes * part / (to - from);
	}
}

/*
 * @jitter: of the iterations' lengths, part of them
 * @noise: bytes of other packets, part of the iteration's
 */
static inline void trace_make(uint64_t seed, uint32_t iterations, double jitter, double noise,
			      struct trace *t)
{
	uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 777;
	double period = 60 + 840 * case_random(&state), start, scale, first, starts[64];
	uint32_t micro = case_between(&state, 1, 8), bursts = case_between(&state, 1, 4), i, m, b;
	double pause = 0.04 + 0.3 * case_random(&state), sync = 0.1 + 0.3 * case_random(&state);
	double burst = 0.2 + 0.5 * case_random(&state);
	double small = 1e6 * (1 + 9 * case_random(&state)), large = small * micro * bursts;

	*t = (struct trace){ .iterations = iterations };
	first = case_random(&state) * period;
	t->n = first + iterations * period * (1 + 3 * jitter) + 0.5 * period;
	t->counts = calloc(t->n + 1, sizeof(*t->counts));
	t->bytes = small * micro * bursts + large;
	start = first - period;
	for (i = 0;; i++) {
		double length = period * (1 + jitter * trace_normal(&state));
		double part = length * (1 - pause - sync) / (micro * bursts);
		/* The pause is the longest one, or another burst would be the first. */
		double duty = fmax(burst, 1 - 0.7 * pause * length / part);

		starts[i] = start;
		if (start >= t->n || i == 63)
			break;
		scale = 1;
		for (m = 0; m < micro; m++) {
			for (b = 0; b < bursts; b++) {
				double from = start + (m * bursts + b) * part;

				trace_burst(t, from, from + fmax(0.3, duty * part), small * scale);
			}
		}
		trace_burst(t, start + length * (1 - pause - sync), start + length * (1 - pause),
			    large * scale);
		start += length;
	}
	t->next = starts[i];
	/* Bursts that began, from the first to the last one in the counts. */
	t->period = (starts[i - 1] - starts[1]) / (i - 2);
	for (m = 0; noise > 0 && m < t->n; m++) {
		if (case_random(&state) < 0.05)
			t->counts[m] += noise * t->bytes / (0.05 * period) * case_random(&state) * 2;
	}
}

#endif /* DMSC_BENCH_TRACES_H */
