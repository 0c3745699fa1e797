// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "planner/predict.h"

#define SMOOTHERS 7
#define FADE	  0.95 /* of an error, with each value */
#define HOLD_FADE 0.98 /* of how often values stand */
#define KEENNESS  0.5  /* of the vote: weight e^(-keenness * loss / scale) */

static const double rates[SMOOTHERS] = { 1, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02 };
static const uint32_t windows[SERIES_EXPERTS - SMOOTHERS] = { 8, 32 };

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(const double *v, uint32_t n)
{
	double sorted[WATCH_HISTORY];

	_Static_assert(WATCH_HISTORY >= SERIES_HISTORY, "room for the longer one");
	memcpy(sorted, v, n * sizeof(*v));
	qsort(sorted, n, sizeof(*sorted), by_value);
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static double median_of_last(const struct series *s, uint32_t n)
{
	double last[SERIES_HISTORY];
	uint32_t i;

	if (n > s->seen)
		n = s->seen;
	for (i = 0; i < n; i++)
		last[i] = s->history[(s->seen - 1 - i) % SERIES_HISTORY];
	return median(last, n);
}

static double opinion(const struct series *s, uint32_t expert)
{
	if (expert < SMOOTHERS)
		return s->smooth[expert];
	return median_of_last(s, windows[expert - SMOOTHERS]);
}

void series_init(struct series *s)
{
	memset(s, 0, sizeof(*s));
}

/* What the experts say of a value that is a new one. */
static double vote(const struct series *s)
{
	double least = INFINITY, sum = 0, all = 0, weight;
	uint32_t i;

	for (i = 0; i < SERIES_EXPERTS; i++)
		least = fmin(least, s->loss[i]);
	for (i = 0; i < SERIES_EXPERTS; i++) {
		weight = s->scale > 0 ? exp(-KEENNESS * (s->loss[i] - least) / s->scale) : 1;
		sum += weight * opinion(s, i);
		all += weight;
	}
	return sum / all;
}

/*
 * The next value is the last one with probability p, else a new one, normal
 * around the vote. Its median is the last one where that lies between the
 * quantiles a and 1 - a of the new ones, a = (1/2 - p) / (1 - p), else the nearer
 * of these. Quantiles by the logistic distribution, which is close enough.
 */
double series_next(const struct series *s)
{
	double p = s->steps > 0 ? s->held / s->steps : 0, last, middle, reach;

	if (!s->seen)
		return NAN;
	last = s->history[(s->seen - 1) % SERIES_HISTORY];
	if (p >= 0.5 || s->run >= SERIES_STEADY)
		return last;
	middle = vote(s);
	/* Mean absolute error to standard deviation; 1.702: logistic to normal. */
	reach = 1.2533 * s->scale * log(0.5 / (0.5 - p)) / 1.702;
	return fmin(fmax(last, middle - reach), middle + reach);
}

void series_add(struct series *s, double value)
{
	double error, mean = 0;
	uint32_t i;
	bool same;

	if (!isfinite(value) || value < 0)
		return;
	same = s->seen && value == s->history[(s->seen - 1) % SERIES_HISTORY];
	s->steps = s->seen ? HOLD_FADE * s->steps + 1 : 0;
	s->held = HOLD_FADE * s->held + same;
	s->run = same ? s->run + 1 : 0;
	if (same && s->run < SERIES_STEADY)
		return;
	for (i = 0; i < SERIES_EXPERTS; i++) {
		error = s->seen ? fabs(opinion(s, i) - value) : 0;
		s->loss[i] = FADE * s->loss[i] + error;
		mean += error / SERIES_EXPERTS;
	}
	s->scale = s->seen > 1 ? FADE * s->scale + (1 - FADE) * mean : mean;
	for (i = 0; i < SMOOTHERS; i++)
		s->smooth[i] = s->seen ? s->smooth[i] + rates[i] * (value - s->smooth[i]) : value;
	s->history[s->seen++ % SERIES_HISTORY] = value;
}

/* ---- changes ---- */

#define SUSPECT	    4.5	   /* spreads that two in a row must be out by */
#define WATCH_LEAST 8	   /* values before anything is said */
#define WATCH_PART  0.01   /* of the level: less is no change that matters */
#define MAD	    1.4826 /* median deviation to standard deviation, normal distribution */

void watch_init(struct watch *w)
{
	memset(w, 0, sizeof(*w));
}

static double spread(const double *v, uint32_t n, double level)
{
	double off[WATCH_HISTORY];
	uint32_t i;

	for (i = 0; i < n; i++)
		off[i] = fabs(v[i] - level);
	/* Few values underestimate it (Croux and Rousseeuw 1992). */
	return MAD * median(off, n) * n / (n - 0.8);
}

static void remember(struct watch *w, double value)
{
	w->history[w->at] = value;
	w->at = (w->at + 1) % WATCH_HISTORY;
	if (w->nr < WATCH_HISTORY)
		w->nr++;
}

enum watch_event watch_add(struct watch *w, double value)
{
	double level, limit;
	int side = 0;

	if (!isfinite(value) || value < 0)
		return WATCH_NOTHING;
	if (w->nr >= WATCH_LEAST) {
		level = median(w->history, w->nr);
		limit = fmax(SUSPECT * spread(w->history, w->nr, level), WATCH_PART * level);
		side = value > level + limit ? 1 : value < level - limit ? -1 : 0;
	}
	if (side && side == w->suspect) {
		double first = w->suspect_value;

		watch_init(w);
		remember(w, first);
		remember(w, value);
		return side > 0 ? WATCH_SLOWER : WATCH_FASTER;
	}
	/* One by itself is remembered as well: it may be how wide the spread is. */
	if (w->suspect)
		remember(w, w->suspect_value);
	w->suspect = side;
	w->suspect_value = value;
	if (!side)
		remember(w, value);
	return WATCH_NOTHING;
}

/* ---- stragglers ---- */

#define LATE_SPREADS 6.0
#define LATE_PART    0.05

int stragglers_init(struct stragglers *s, uint32_t nr)
{
	memset(s, 0, sizeof(*s));
	if (!nr || nr > STRAGGLERS_MAX)
		return -EINVAL;
	s->nr = nr;
	s->behind = calloc(nr, sizeof(*s->behind));
	s->scratch = calloc(2 * (size_t)nr, sizeof(*s->scratch));
	if (s->behind && s->scratch)
		return 0;
	stragglers_free(s);
	return -ENOMEM;
}

void stragglers_free(struct stragglers *s)
{
	free(s->behind);
	free(s->scratch);
	memset(s, 0, sizeof(*s));
}

static double sorted_median(double *v, uint32_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

uint32_t stragglers_add(struct stragglers *s, const double *times, bool *late)
{
	double *known = s->scratch, *off = s->scratch + s->nr, level, limit;
	uint32_t n = 0, i, fresh = 0;

	for (i = 0; i < s->nr; i++) {
		if (isfinite(times[i]))
			known[n++] = times[i];
	}
	if (n >= 3) {
		level = sorted_median(known, n);
		for (i = 0; i < n; i++)
			off[i] = fabs(known[i] - level);
		limit = level + fmax(LATE_SPREADS * MAD * sorted_median(off, n), LATE_PART * level);
	}
	for (i = 0; i < s->nr; i++) {
		if (n < 3 || !isfinite(times[i]))
			continue;
		if (times[i] <= limit)
			s->behind[i] = 0;
		else if (s->behind[i] < 2)
			fresh += ++s->behind[i] == 2;
	}
	for (i = 0; i < s->nr; i++)
		late[i] = s->behind[i] == 2;
	return fresh;
}
