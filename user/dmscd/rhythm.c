// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscd/rhythm.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/dmsc_bpf.h>

#include "dmscd/functional.h"
#include "lib/log.h"
#include "lib/module.h"
#include "planner/period.h"
/* Its struct watch has changes of a level; the daemon's own of that name stays closed here. */
#include "planner/predict.h"

#define LOOK_USEC 500000 /* less than the data path remembers (DMSC_BINS ms) */
#define GROWING	  100	 /* ms back, in which packets may still be counted that leave late */
#define HISTORY	  65536	 /* ms; iterations of up to 20 s are seen */
#define SERIES	  256	 /* iteration times that the module is shown */
#define FORGET_MS 10000	 /* without traffic */

/*
 * A search looks at as many steps, of a millisecond each or of several together, and
 * so takes about as long for iterations of any length. It begins when a second has
 * passed, and the time is a small part in which the last one had the processor.
 */
#define STEPS	4096
#define SPAN	8 /* iterations, where the history goes back so far */
#define FIND_MS 1000
#define SHARE	200 /* one part of it is a search */

struct rhythm {
	sd_event_source *timer;
	double bins[HISTORY];	   /* bytes, at millisecond % HISTORY */
	uint64_t first, last, now; /* ms: of the first and last traffic, of the last look */
	uint64_t search;	   /* ms: of the next search */
	uint32_t step;		   /* ms that are one in a search */
	double period, onset;	   /* ms; onset since boot, 0: none yet */
	double times[SERIES];	   /* of iterations, ms */
	uint32_t nr_times;
	uint64_t iterations;
	double scratch[STEPS];
	struct watch level;
};

static void forget(struct rhythm *r)
{
	memset(r->bins, 0, sizeof(r->bins));
	r->first = r->last = 0;
	r->step = 1;
	r->period = r->onset = 0;
	r->nr_times = 0;
	r->iterations = 0;
	watch_init(&r->level);
}

/* What an iteration sends; bulk and what nobody planned have no rhythm of it. */
static double iteration_bytes(const struct dataplane_bin *b)
{
	return (double)b->bytes[DMSC_CLASS_TENSOR] + b->bytes[DMSC_CLASS_EXPERT] +
	       b->bytes[DMSC_CLASS_PIPELINE] + b->bytes[DMSC_CLASS_DATA];
}

static int look(struct daemon *d, struct rhythm *r, uint64_t now)
{
	uint64_t from = r->now > GROWING ? r->now - GROWING : 0, ms;
	struct dataplane_bin *list = NULL;
	struct dmsc_error e;
	size_t n = 0, i;
	int ret = dataplane_bins(d->dp, from, now, &list, &n, &e);

	if (ret)
		return ret;
	for (ms = now - r->now < HISTORY ? r->now + 1 : now - HISTORY + 1; ms <= now; ms++)
		r->bins[ms % HISTORY] = 0;
	r->now = now;
	for (i = 0; i < n; i++) {
		double bytes = iteration_bytes(&list[i]);

		if (!(bytes > 0))
			continue;
		r->bins[list[i].number % HISTORY] = bytes;
		r->last = list[i].number > r->last ? list[i].number : r->last;
		if (!r->first)
			r->first = list[i].number;
	}
	free(list);
	return 0;
}

static void tell(struct daemon *d, const struct rhythm *r, enum watch_event e, double took)
{
	log_info("iterations have become %s: %.0f ms", e == WATCH_SLOWER ? "slower" : "faster",
		 took);
	daemon_event(d, "iteration",
		     json_pack("{s:s, s:I, s:I}", "what", e == WATCH_SLOWER ? "slower" : "faster",
			       "took_ns", (json_int_t)(took * 1e6), "iterations",
			       (json_int_t)r->iterations));
}

/* Iterations that have begun since the last search: their mean length counts once. */
static void add_iterations(struct daemon *d, struct rhythm *r, const struct period *p, double onset)
{
	double whole = r->onset > 0 ? round((onset - r->onset) / p->period) : 0, took;
	enum watch_event e;

	if (r->onset > 0 && whole < 1)
		return;
	if (r->onset > 0) {
		took = (onset - r->onset) / whole;
		if (r->nr_times == SERIES)
			memmove(r->times, r->times + 1, --r->nr_times * sizeof(*r->times));
		r->times[r->nr_times++] = took;
		r->iterations += whole;
		e = watch_add(&r->level, took);
		if (e != WATCH_NOTHING)
			tell(d, r, e, took);
	}
	r->onset = onset;
}

/* What was counted until now, in r->scratch; the number of steps. */
static uint32_t steps(struct rhythm *r)
{
	uint64_t n = (r->now - r->first + 1) / r->step, i;
	uint32_t k;

	n = n < STEPS ? n : STEPS;
	for (i = 0; i < n; i++) {
		uint64_t ms = r->now + 1 - (n - i) * r->step;

		r->scratch[i] = 0;
		for (k = 0; k < r->step; k++)
			r->scratch[i] += r->bins[(ms + k) % HISTORY];
	}
	return n;
}

/* The coarsest step that was of use is kept; as long as there is none, each has its turn. */
static void search(struct daemon *d, struct rhythm *r)
{
	uint32_t n = steps(r);
	struct period p;

	if (n < 3 * PERIOD_MIN || period_find(r->scratch, n, &p)) {
		r->period = 0;
		r->step *= 2;
		if (r->step * STEPS > HISTORY || r->now - r->first < r->step / 2 * STEPS)
			r->step = 1;
		return;
	}
	p.period *= r->step;
	p.onset = r->now + 1 - (n - p.onset) * r->step;
	r->period = p.period;
	if (isfinite(p.onset))
		add_iterations(d, r, &p, p.onset);
	while (r->step * STEPS < SPAN * p.period && 2 * r->step * STEPS <= HISTORY)
		r->step *= 2;
}

/* How long a search has had the processor, ms. */
static uint64_t processor_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

static int on_timer(sd_event_source *s, uint64_t usec, void *arg)
{
	struct daemon *d = arg;
	struct rhythm *r = d->rhythm;
	uint64_t now = dataplane_bin_now(), began;

	(void)usec;
	if (d->dp && d->current && !look(d, r, now) && r->last) {
		if (now > r->last + FORGET_MS) {
			forget(r);
		} else if (now >= r->search) {
			began = processor_ms();
			search(d, r);
			r->search = now + fmax(FIND_MS, (processor_ms() - began) * SHARE);
		}
	}
	sd_event_source_set_time_relative(s, LOOK_USEC);
	sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
	return 0;
}

int rhythm_start(struct daemon *d, struct dmsc_error *err)
{
	struct rhythm *r = calloc(1, sizeof(*r));

	d->rhythm = r;
	if (!r || sd_event_add_time_relative(d->event, &r->timer, CLOCK_MONOTONIC, LOOK_USEC, 0,
					     on_timer, d) < 0)
		return dmsc_fail(err, -ENOMEM, "no memory for the iterations' rhythm");
	forget(r);
	return 0;
}

void rhythm_stop(struct daemon *d)
{
	struct rhythm *r = d->rhythm;

	if (!r)
		return;
	sd_event_source_disable_unref(r->timer);
	free(r);
	d->rhythm = NULL;
}

json_t *rhythm_json(struct daemon *d)
{
	struct rhythm *r = d->rhythm;
	struct module *m;
	double next;

	if (!r || !r->nr_times || !(r->period > 0))
		return json_null();
	m = functional_module(d);
	if (!m)
		return json_null();
	next = module_predict(m, r->times, r->nr_times);
	return json_pack("{s:I, s:I, s:I, s:I, s:s}", "period_ns", (json_int_t)(r->period * 1e6),
			 "iterations", (json_int_t)r->iterations, "last_ns",
			 (json_int_t)(r->times[r->nr_times - 1] * 1e6), "expected_ns",
			 (json_int_t)(next * 1e6), "module", m->name);
}
