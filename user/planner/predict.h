/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What comes next in a series of iteration times, and when it is no longer what
 * it was. State is what the caller holds; units are his own.
 */
#ifndef DMSC_PLANNER_PREDICT_H
#define DMSC_PLANNER_PREDICT_H

#include <stdbool.h>
#include <stdint.h>

/* ---- the next value: experts and a vote that learns ---- */

#define SERIES_EXPERTS 9
#define SERIES_HISTORY 32
#define SERIES_STEADY  3

struct series {
	double history[SERIES_HISTORY]; /* the last values, at number % SERIES_HISTORY */
	uint64_t seen;
	double smooth[SERIES_EXPERTS]; /* of the experts that smooth */
	double loss[SERIES_EXPERTS];   /* faded sum of each one's errors */
	double scale;		       /* of errors */
	double held, steps;	       /* faded counts: values that were the one before, all */
	uint32_t run;		       /* how often the last value has come again since */
};

void series_init(struct series *s);

/**
 * series_next - the value to expect; NAN before the first one
 *
 * Experts are exponential smoothing at seven rates (the fastest is "as the last
 * one") and medians of 8 and 32. They are weighed by their recent errors
 * (exponential weights: Cesa-Bianchi and Lugosi, Prediction, Learning, and
 * Games, section 2.2), so nothing is fitted beforehand. Where values often stand
 * unchanged (a gauge read more often than it is set), the answer is the median of
 * what may come: the last value, unless it is far out. One that came SERIES_STEADY
 * times again is no gauge's, but how it is now.
 */
double series_next(const struct series *s);

/* A new value; not finite or negative ones are left out. */
void series_add(struct series *s, double value);

/* ---- changes ---- */

#define WATCH_HISTORY 64

enum watch_event {
	WATCH_NOTHING,
	WATCH_SLOWER, /* a new level, higher */
	WATCH_FASTER, /* a new level, lower */
};

struct watch {
	double history[WATCH_HISTORY];
	uint32_t nr, at;
	int suspect; /* sign of a first value that is out of place */
	double suspect_value;
};

void watch_init(struct watch *w);

/**
 * watch_add - is the level another one?
 *
 * Level and spread are median and median deviation of up to 64 values. Two
 * values in a row on one side, each by more than 4.5 spreads (of a normal
 * distribution) and 1 %, are a change. One by 10 spreads is noticed at its second
 * iteration; by 8.5, in 98 of 100 cases. Nothing is said before 8 values. After a change the
 * level is learned anew from these two.
 */
enum watch_event watch_add(struct watch *w, double value);

/* ---- stragglers ---- */

#define STRAGGLERS_MAX 65536

struct stragglers {
	uint32_t nr;	 /* workers */
	uint8_t *behind; /* iterations in a row */
	double *scratch;
};

int stragglers_init(struct stragglers *s, uint32_t nr); /* -EINVAL, -ENOMEM */
void stragglers_free(struct stragglers *s);

/**
 * stragglers_add - one iteration's times of all workers
 * @times: NAN: this one is not known
 * @late: set for each worker: it is one since its second slow iteration
 *
 * Slow is more than the median of all by 6 spreads between workers and 5 %.
 * Returns the number of those that became one now.
 */
uint32_t stragglers_add(struct stragglers *s, const double *times, bool *late);

#endif /* DMSC_PLANNER_PREDICT_H */
