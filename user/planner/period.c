// SPDX-License-Identifier: GPL-2.0-or-later
#include "planner/period.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <kissfft/kiss_fftr.h>

#define LIKE	 0.95 /* of the highest peak: as good as that */
#define STRENGTH 0.25 /* less is no period */
#define CHANCE	 4.5  /* standard deviations that noise as wide as the window may reach */
#define QUIET	 0.04 /* of the peak of a mean iteration */
#define PAUSE	 0.01 /* of an iteration, at least, and 2 bins */
#define WINDOW	 0.06 /* of an iteration, to each side of where a burst is expected */

#define LATE_BINS  64	/* at most, that tell how late an iteration is */
#define LATE_LEAST 0.05 /* of its bytes; before that they tell nothing */

/*
 * Bursts are late now and then, and the more so the longer an iteration is: each
 * range of lags is looked at through a window of its own, bins to each side.
 */
static const struct scale {
	uint32_t window, from, to; /* lags */
} scales[] = { { 1, PERIOD_MIN, 100 },
	       { 3, 60, 400 },
	       { 9, 200, 1600 },
	       { 27, 700, 6400 },
	       { 81, 2500, UINT32_MAX } };

#define NR_SCALES (sizeof(scales) / sizeof(scales[0]))

struct finder {
	const double *x;
	uint32_t n;
	/* the transform's, of its size: a power of two that holds the counts twice */
	uint32_t size;
	kiss_fftr_cfg forward, inverse;
	kiss_fft_scalar *in;
	kiss_fft_cpx *spectrum;
	double *energy;	  /* n + 1: of the counts before each */
	double *rho;	  /* autocorrelation by lag, 0..1 */
	uint32_t longest; /* lag that is still used */
	double *profile;  /* a mean iteration, by bin */
	double *onsets;	  /* the last one first */
	uint32_t nr_onsets;
	double *sent;  /* by bin: all bytes before it; n + 1 of them */
	double others; /* bytes a bin that go on in the pause: not this job's */
};

static bool transform_alloc(struct finder *f)
{
	f->size = 1;
	while (f->size < 2 * f->n)
		f->size *= 2;
	f->forward = kiss_fftr_alloc(f->size, 0, NULL, NULL);
	f->inverse = kiss_fftr_alloc(f->size, 1, NULL, NULL);
	f->in = calloc(f->size, sizeof(*f->in));
	f->spectrum = calloc(f->size / 2 + 1, sizeof(*f->spectrum));
	f->energy = calloc(f->n + 1, sizeof(*f->energy));
	return f->forward && f->inverse && f->in && f->spectrum && f->energy;
}

static void transform_free(struct finder *f)
{
	free(f->in);
	free(f->energy);
	free(f->spectrum);
	kiss_fftr_free(f->forward);
	kiss_fftr_free(f->inverse);
}

/* Autocorrelation of the smoothed counts less their mean, for each lag by its own overlap. */
static void correlate(struct finder *f, uint32_t window)
{
	double mean = f->sent[f->n] / f->n;
	uint32_t i;

	memset(f->in, 0, f->size * sizeof(*f->in));
	for (i = 0; i < f->n; i++) {
		uint32_t from = i < window ? 0 : i - window, to = i + window + 1;

		/* In units of the mean, so that single precision is enough. */
		f->in[i] =
			(f->sent[to < f->n ? to : f->n] - f->sent[from]) / (2 * window + 1) / mean -
			1;
		f->energy[i + 1] = f->energy[i] + (double)f->in[i] * f->in[i];
	}
	kiss_fftr(f->forward, f->in, f->spectrum);
	for (i = 0; i <= f->size / 2; i++) {
		kiss_fft_cpx *c = &f->spectrum[i];

		c->r = c->r * c->r + c->i * c->i;
		c->i = 0;
	}
	kiss_fftri(f->inverse, f->spectrum, f->in);
	/* By the energy of the two stretches that a lag compares, else a quiet start weighs. */
	for (i = 0; i <= f->longest; i++) {
		double both = f->energy[f->n - i] * (f->energy[f->n] - f->energy[i]);

		/* kissfft's inverse is not divided by the size. */
		f->rho[i] = both > 0 ? f->in[i] / f->size / sqrt(both) : 0;
	}
}

static bool is_peak(const struct finder *f, uint32_t lag)
{
	return f->rho[lag] >= f->rho[lag - 1] && f->rho[lag] > f->rho[lag + 1];
}

/* All multiples of @lag / @k below @lag are as good: then that is the period. */
static bool divides(const struct finder *f, uint32_t lag, uint32_t k)
{
	double part = (double)lag / k, best;
	uint32_t m, i, at;

	for (m = 1; m < k; m++) {
		at = lround(m * part);
		for (best = 0, i = at - 2; i <= at + 2 && i <= f->longest; i++)
			best = fmax(best, f->rho[i]);
		if (best < LIKE * f->rho[lag])
			return false;
	}
	return true;
}

/*
 * The highest peak is the period or a multiple of it. What repeats within an
 * iteration has peaks as well, but not at all of its multiples. 0: there is none.
 */
static uint32_t best_peak(const struct finder *f, const struct scale *s)
{
	uint32_t lag, best = 0, k;

	for (lag = s->from; lag < f->longest && lag < s->to; lag++) {
		double least =
			fmax(STRENGTH, CHANCE / sqrt((double)(f->n - lag) / (2 * s->window + 1)));

		if (is_peak(f, lag) && f->rho[lag] > (best ? f->rho[best] : least))
			best = lag;
	}
	for (k = best / PERIOD_MIN; k > 1; k--) {
		if (divides(f, best, k))
			return lround((double)best / k);
	}
	return best;
}

/* The best lag of all scales, 0: there is none; then the correlation of its scale is there. */
static uint32_t find_lag(struct finder *f)
{
	size_t i, take = 0, last = 0;
	double strength = 0;
	uint32_t lag = 0;

	for (i = 0; i < NR_SCALES && scales[i].from < f->longest; i++) {
		uint32_t found;

		correlate(f, scales[i].window);
		last = i;
		found = best_peak(f, &scales[i]);
		if (found && f->rho[found] > strength) {
			strength = f->rho[found];
			lag = found;
			take = i;
		}
	}
	if (lag && take != last)
		correlate(f, scales[take].window);
	return lag;
}

/* Top of the parabola through three points, relative to the middle one. */
static double vertex(double a, double b, double c)
{
	double d = a - 2 * b + c;

	return d < 0 ? fmin(fmax((a - c) / (2 * d), -0.5), 0.5) : 0;
}

static double peak_near(const struct finder *f, double lag, double slack)
{
	uint32_t from = fmax(lag - slack, 1), to = fmin(lag + slack, f->longest - 1.0), i;
	uint32_t best = from;

	for (i = from; i <= to; i++) {
		if (f->rho[i] > f->rho[best])
			best = i;
	}
	return best + vertex(f->rho[best - 1], f->rho[best], f->rho[best + 1]);
}

/* From multiple to multiple: each makes the period finer, so the next is found nearby. */
static double refine(const struct finder *f, uint32_t lag)
{
	uint32_t laps = f->longest / (lag + 0.5), k;
	double period = peak_near(f, lag, 2), slack;

	for (k = 2; k <= laps && k * period < f->longest; k++) {
		slack = fmin(fmax(2, 0.01 * k * period), period / 4);
		period = peak_near(f, k * period, slack) / k;
	}
	return period;
}

/* A mean iteration, folded at @period, from the first bin on. */
static uint32_t fold(struct finder *f, double period)
{
	uint32_t bins = (uint32_t)period, i;

	memset(f->profile, 0, bins * sizeof(*f->profile));
	for (i = 0; i < f->n; i++) {
		uint32_t at = fmod(i, period) / period * bins;

		f->profile[at < bins ? at : bins - 1] += f->x[i];
	}
	return bins;
}

/*
 * The longest pause of the mean iteration; its end is where a burst begins.
 * Returns its length in bins, 0: there is none worth the name.
 */
static uint32_t find_pause(const struct finder *f, uint32_t bins, uint32_t *end)
{
	uint32_t run = 0, longest = 0, i;
	double peak = 0;

	for (i = 0; i < bins; i++)
		peak = fmax(peak, f->profile[i]);
	/* Twice around, so that a pause over the end is one. */
	for (i = 0; i < 2 * bins; i++) {
		if (f->profile[i % bins] <= QUIET * peak) {
			run++;
			continue;
		}
		if (run > longest && run < bins) {
			longest = run;
			*end = i % bins;
		}
		run = 0;
	}
	return longest >= 2 && longest >= PAUSE * bins ? longest : 0;
}

/* The part of its first bin that the burst had is guessed by what the second one holds. */
static double within(const struct finder *f, uint32_t i)
{
	double next = i + 1 < f->n ? f->x[i + 1] : 0;

	if (next <= 0)
		return i;
	return i + 1 - fmin(1, f->x[i] / next);
}

/*
 * Where traffic begins near @expected: the bin behind the longest quiet stretch
 * of the window. NAN: there is none.
 */
static double find_onset(const struct finder *f, double expected, double window, double level)
{
	double from = fmax(0, floor(expected - window)), to = fmin(f->n, expected + window + 1);
	uint32_t run = 0, longest = 0, i;
	double at = NAN;

	for (i = from; i < to; i++) {
		if (f->x[i] <= level) {
			run++;
			continue;
		}
		if (run > longest) {
			longest = run;
			at = within(f, i);
		}
		run = 0;
	}
	return at;
}

/* Counts that few bins reach, but those of bursts do. */
static double burst_level(const struct finder *f, double period)
{
	double peak = 0;
	uint32_t i, from = f->n > 3 * period ? f->n - 3 * period : 0;

	for (i = from; i < f->n; i++)
		peak = fmax(peak, f->x[i]);
	return QUIET * peak;
}

/* All onsets, from the last expected one backwards; each tells where the one before is. */
static void find_onsets(struct finder *f, double period, uint32_t anchor, uint32_t bins)
{
	double expected = (anchor + 0.5) / bins * period, level = burst_level(f, period), at;
	double window = fmax(3, WINDOW * period);
	uint32_t missed = 0;

	expected += floor((f->n - 1 - expected) / period) * period;
	f->nr_onsets = 0;
	while (expected >= 0 && missed < 3) {
		at = find_onset(f, expected, window, level);
		if (isfinite(at)) {
			f->onsets[f->nr_onsets++] = at;
			missed = 0;
		} else {
			at = expected;
			missed++;
		}
		expected = at - period;
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *v, uint32_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* Of the job alone, from the bin of @from to that of @to. */
static double bytes_between(const struct finder *f, double from, double to)
{
	uint32_t i = from, end = fmin(to, f->n);

	return f->sent[end] - f->sent[i] - f->others * (end - i);
}

/*
 * What goes on in the pauses, evenly as far as can be known, is others'
 * traffic. The ends of a pause are left out: bursts are early and late.
 */
static void find_others(struct finder *f, double pause)
{
	double bytes = 0, bins = 0;
	uint32_t k;

	for (k = 0; k < f->nr_onsets; k++) {
		double from = f->onsets[k] - 0.75 * pause, to = f->onsets[k] - 0.15 * pause - 1;

		if (from < 0 || to < from + 1)
			continue;
		bytes += f->sent[(uint32_t)to] - f->sent[(uint32_t)from];
		bins += (uint32_t)to - (uint32_t)from;
	}
	f->others = bins > 0 ? bytes / bins : 0;
}

/* When, as a part of an iteration, the one from onset @k + 1 to @k had sent @bytes. */
static double phase_of(const struct finder *f, uint32_t k, double bytes)
{
	uint32_t low = f->onsets[k + 1], high = fmin(f->onsets[k], f->n), from = low;
	double before, in;

	/* the last bin before which not more than @bytes were sent */
	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (bytes_between(f, from, mid) <= bytes)
			low = mid;
		else
			high = mid;
	}
	before = bytes_between(f, from, low);
	in = bytes_between(f, from, low + 1) - before;
	return (low + (in > 0 ? fmin(1, (bytes - before) / in) : 0) - f->onsets[k + 1]) /
	       (f->onsets[k] - f->onsets[k + 1]);
}

/*
 * How late the iteration that has begun is: what it has sent by now, the
 * earlier ones had sent at a phase that is the earlier. Bytes tell that where
 * they are sent fast, so all such bins of the last part of what was seen are
 * asked, each by its bytes, and the median (by bytes) counts. What is late
 * stays late: a delay in one place moves all that follows.
 */
static double lateness(const struct finder *f, const struct period *p)
{
	double late[LATE_BINS], total = p->bytes, sum = 0, peak = 0;
	uint32_t i, k, n = 0, first = p->onset, seen = f->n - first, step;

	for (i = first; i < f->n; i++)
		peak = fmax(peak, f->x[i]);
	if (bytes_between(f, first, f->n) < LATE_LEAST * total)
		return 0;
	step = 1 + seen / 4 / LATE_BINS;
	for (i = f->n; i-- > f->n - seen / 4 && n < LATE_BINS; i -= step - 1) {
		double bytes = bytes_between(f, first, i + 0.5), phase = 0;

		/* between bursts, and in what may have been counted in part, time tells nothing */
		if (f->x[i] < 0.5 * peak || bytes >= total || i < first + 2)
			continue;
		for (k = 0; k + 1 < f->nr_onsets; k++)
			phase += phase_of(f, k, bytes) / (f->nr_onsets - 1);
		late[n++] = i - p->onset - phase * p->period;
	}
	if (n < 3)
		return 0;
	sum = median(late, n);
	return fabs(sum) <= WINDOW * p->period ? sum : 0;
}

/* Period and jitter are those of the distances; one that was skipped counts as several. */
static bool from_onsets(struct finder *f, struct period *out)
{
	double *bytes = f->profile, square = 0, first, last;
	uint32_t i, n = 0, whole = 0;

	if (f->nr_onsets < 3)
		return false;
	last = f->onsets[0];
	first = f->onsets[f->nr_onsets - 1];
	whole = lround((last - first) / out->period);
	if (!whole)
		return false;
	out->period = (last - first) / whole;
	for (i = 0; i + 1 < f->nr_onsets; i++) {
		double d = f->onsets[i] - f->onsets[i + 1];

		if (lround(d / out->period) != 1)
			continue;
		square += (d - out->period) * (d - out->period);
		bytes[n++] = bytes_between(f, f->onsets[i + 1], f->onsets[i]);
	}
	if (!n)
		return false;
	out->jitter = sqrt(square / n);
	out->bytes = median(bytes, n);
	out->iterations = whole;
	out->onset = last;
	out->next = last + out->period + lateness(f, out);
	return true;
}

static int find(struct finder *f, struct period *out)
{
	uint32_t lag = f->sent[f->n] > 0 ? find_lag(f) : 0, bins, end = 0, pause, i;
	double sum = 0;

	if (!lag)
		return -ENODATA;
	out->strength = fmin(1, f->rho[lag]);
	out->period = refine(f, lag);
	out->iterations = f->n / out->period;
	bins = fold(f, out->period);
	pause = find_pause(f, bins, &end);
	if (pause) {
		find_onsets(f, out->period, end, bins);
		find_others(f, pause);
		if (from_onsets(f, out))
			return 0;
	}
	/* Always busy: whole iterations from the first bin on. */
	for (i = 0; i < (uint32_t)(out->iterations * out->period); i++)
		sum += f->x[i];
	out->bytes = sum / out->iterations;
	out->onset = out->next = NAN;
	out->jitter = 0;
	return 0;
}

int period_find(const double *counts, uint32_t n, struct period *out)
{
	struct finder f = { .x = counts, .n = n, .longest = n * 2 / 3 };
	struct period p = { .onset = NAN, .next = NAN };
	uint32_t i;
	int ret;

	if (n < 3 * PERIOD_MIN || n > PERIOD_BINS_MAX)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		if (!(counts[i] >= 0) || !isfinite(counts[i]))
			return -EINVAL;
	}
	f.rho = calloc(f.longest + 2, sizeof(*f.rho));
	f.profile = calloc(n + 1, sizeof(*f.profile));
	f.onsets = calloc(n / PERIOD_MIN + 8, sizeof(*f.onsets));
	f.sent = calloc((size_t)n + 1, sizeof(*f.sent));
	for (i = 0; f.sent && i < n; i++)
		f.sent[i + 1] = f.sent[i] + counts[i];
	ret = transform_alloc(&f) && f.rho && f.profile && f.onsets && f.sent ? find(&f, &p) :
										-ENOMEM;
	transform_free(&f);
	free(f.sent);
	free(f.rho);
	free(f.profile);
	free(f.onsets);
	if (!ret)
		*out = p;
	return ret;
}
