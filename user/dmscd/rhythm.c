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
#define HISTORY	  65536	 /* ms; iterations of up to 20 s are seen */
#define LEAST	  4096	 /* ms that are looked at; more when an iteration is long */
#define SPAN	  8	 /* iterations that are looked at */
#define FORGET_MS 10000	 /* without traffic */
#define FIND_MS	  1000	 /* from one search to the next */
#define SERIES	  256	 /* iteration times that the module is shown */

struct rhythm {
	sd_event_source *timer;
	double bins[HISTORY];	   /* bytes, at millisecond % HISTORY */
	uint64_t first, last, now; /* ms: of the first and last traffic, of the last look */
	uint64_t looked;	   /* ms: of the last search */
	double period, onset;	   /* ms; onset since boot, 0: none yet */
	double times[SERIES];	   /* of iterations, ms */
	uint32_t nr_times;
	uint64_t iterations;
	double *scratch; /* HISTORY */
	struct watch level;
};

static void forget(struct rhythm *r)
{
	memset(r->bins, 0, sizeof(r->bins));
	r->first = r->last = 0;
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

/* The newest bins may still grow, so they are written anew each time. */
static int look(struct daemon *d, struct rhythm *r, uint64_t now)
{
	uint64_t from = now > DMSC_BINS ? now - DMSC_BINS + 1 : 0, ms;
	struct dataplane_bin *list = NULL;
	struct dmsc_error e;
	size_t n = 0, i;
	int ret = dataplane_bins(d->dp, from, &list, &n, &e);

	if (ret)
		return ret;
	for (ms = r->now + 1 > from ? r->now + 1 : from; ms <= now; ms++)
		r->bins[ms % HISTORY] = 0;
	r->now = now;
	for (i = 0; i < n; i++) {
		double bytes = iteration_bytes(&list[i]);

		if (!(bytes > 0) || list[i].number > now)
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

static void search(struct daemon *d, struct rhythm *r)
{
	uint64_t n = r->now - r->first + 1, i;
	uint64_t want = r->period * SPAN > LEAST ? r->period * SPAN : LEAST;
	struct period p;

	/* All there is, as long as nothing repeats in less. */
	if (r->period > 0 && n > want)
		n = want;
	n = n > HISTORY ? HISTORY : n;
	for (i = 0; i < n; i++)
		r->scratch[i] = r->bins[(r->now - n + 1 + i) % HISTORY];
	if (n < 3 * PERIOD_MIN || period_find(r->scratch, n, &p)) {
		r->period = 0;
		return;
	}
	r->period = p.period;
	if (isfinite(p.onset))
		add_iterations(d, r, &p, r->now - n + 1 + p.onset);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *arg)
{
	struct daemon *d = arg;
	struct rhythm *r = d->rhythm;
	struct timespec ts;
	uint64_t now;

	(void)usec;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = ts.tv_sec * 1000ULL + ts.tv_nsec / DMSC_BIN_NS;
	if (d->dp && d->current && !look(d, r, now) && r->last) {
		if (now > r->last + FORGET_MS) {
			forget(r);
		} else if (now > r->looked + FIND_MS) {
			r->looked = now;
			search(d, r);
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
	if (!r || !(r->scratch = calloc(HISTORY, sizeof(*r->scratch))) ||
	    sd_event_add_time_relative(d->event, &r->timer, CLOCK_MONOTONIC, LOOK_USEC, 0, on_timer,
				       d) < 0)
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
	free(r->scratch);
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
