// SPDX-License-Identifier: GPL-2.0-or-later
#include "planner/classify.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <linux/dmsc.h>

#define ALIKE	 0.03 /* parts by which two flows' bytes may differ and be of one exchange */
#define TOGETHER 0.5  /* of the times when a burst begins: in step */
#define BURST	 0.5  /* of a burst: by as much two flows may differ and be in step */
#define ONCE	 1.5  /* bursts an iteration; fewer are no micro-batches */
#define FAINT	 1e-3 /* of the busiest bin; less is silence */
#define OFTEN	 2    /* times as many bursts: in every pass, not in the last one only */
#define SILENT	 0.25 /* of an iteration: a pass forward is a third of what is computed */
#define EVEN	 0.1  /* deviation of bursts from their mean: all of one size */
#define ALONE	 0.12 /* of a ring's bursts that begin while another is silent; if less, none do */
#define QUIET	 0.25 /* of a ring's longest silence: it is silent, not about to go on */
#define HELD	 0.7  /* of the longest silence in a ring: less is a slow link's */
#define ALWAYS	 0.75 /* of a pipeline's bursts with something between: in every pass */
#define APART	 0.1  /* of the bytes that go while others come back: less is one after the other */
#define RING_MAX 4096
#define NOT_YET	 UINT8_MAX

struct seen {
	double bytes;
	uint32_t next;	      /* of the same source + 1 */
	uint32_t *starts, nr; /* bins in which bursts begin */
	uint32_t silent;      /* the longest silence within the counts */
	float peak;	      /* of the counts */
	double spread;	      /* standard deviation of the bursts' bytes, parts of their mean */
	uint32_t succ, size;  /* of a ring: the flow that goes on, and how many there are */
	bool ring, inside;    /* of it; all of it within a host */
	bool apart;	      /* once an iteration; what comes back has come or comes later */
	bool part; /* of a ring of some of the replicas only, for experts or a sequence */
	bool kin;  /* of a ring that has more than the sender in common with another of it */
};

struct classifier {
	const struct counted_flow *flows;
	struct seen *seen;
	uint32_t nr, bins;
	uint32_t *first;  /* by process: its first flow + 1 */
	uint32_t *starts; /* of all flows, one after the other */
	double period;
};

static bool alike(const struct classifier *c, uint32_t a, uint32_t b)
{
	double x = c->seen[a].bytes, y = c->seen[b].bytes;

	return fabs(x - y) <= ALIKE * fmax(x, y);
}

static bool silent(const struct classifier *c, uint32_t flow, uint32_t bin)
{
	return c->flows[flow].counts[bin] <= FAINT * c->seen[flow].peak;
}

/*
 * Members of a collective wait for each other: when a burst begins after both
 * were silent, they have sent as much. Of a pipeline the one way is ahead then,
 * by the micro-batches that are under way. The part of such times, 0..1.
 */
static double in_step(const struct classifier *c, uint32_t a, uint32_t b)
{
	double x = 0, y = 0, burst;
	uint32_t i, times = 0, equal = 0;

	burst = fmax(c->seen[a].bytes, c->seen[b].bytes) /
		fmax(1, fmin(c->seen[a].nr, c->seen[b].nr));
	for (i = 0; i < c->bins; i++) {
		if (i && silent(c, a, i - 1) && silent(c, b, i - 1) &&
		    (!silent(c, a, i) || !silent(c, b, i))) {
			times++;
			equal += fabs(x - y) <= BURST * burst;
		}
		x += c->flows[a].counts[i];
		y += c->flows[b].counts[i];
	}
	return times ? (double)equal / times : 1;
}

/*
 * The part of @a's bytes that go while @b sends, too, or in a bin beside: 0..1. What two
 * exchange goes both ways at once, but for who is first; what is handed on and back does not.
 */
static double beside(const struct classifier *c, uint32_t a, uint32_t b)
{
	uint32_t i, last = c->bins - 1;
	double sum = 0;

	for (i = 0; i <= last; i++) {
		if (!silent(c, b, i) || (i && !silent(c, b, i - 1)) ||
		    (i < last && !silent(c, b, i + 1)))
			sum += c->flows[a].counts[i];
	}
	return sum / c->seen[a].bytes;
}

/* A flow from @src to @dst of as many bytes as @like; @nr: none. */
static uint32_t find(const struct classifier *c, uint32_t src, uint32_t dst, uint32_t like)
{
	uint32_t f;

	for (f = c->first[src]; f; f = c->seen[f - 1].next) {
		if (c->flows[f - 1].dst == dst && alike(c, f - 1, like))
			return f - 1;
	}
	return c->nr;
}

/* Others that the sender sends to at the same time, as much each. */
static uint32_t siblings(const struct classifier *c, uint32_t flow)
{
	uint32_t f, n = 0;

	for (f = c->first[c->flows[flow].src]; f && n < 2; f = c->seen[f - 1].next) {
		if (f - 1 != flow && c->flows[f - 1].dst != c->flows[flow].dst &&
		    alike(c, f - 1, flow) && in_step(c, f - 1, flow) >= TOGETHER)
			n++;
	}
	return n;
}

/*
 * Along the flows of the most similar bytes back to the sender, among those that
 * nothing comes back for: over more than two members a ring goes one way.
 */
static bool ring(struct classifier *c, const uint8_t *class, uint32_t flow)
{
	uint32_t start = c->flows[flow].src, at = flow, n, f, next;
	double like = c->seen[flow].bytes;

	c->seen[flow].inside = true;
	for (n = 1; n < RING_MAX; n++) {
		c->seen[flow].inside &= c->flows[at].local;
		if (c->flows[at].dst == start) {
			c->seen[flow].size = n;
			return true;
		}
		next = c->nr;
		for (f = c->first[c->flows[at].dst]; f; f = c->seen[f - 1].next) {
			if (class[f - 1] != NOT_YET || !alike(c, f - 1, flow))
				continue;
			if (next == c->nr ||
			    fabs(c->seen[f - 1].bytes - like) < fabs(c->seen[next].bytes - like))
				next = f - 1;
		}
		if (next == c->nr)
			return false;
		if (at == flow)
			c->seen[flow].succ = next;
		at = next;
	}
	return false;
}

/* What comes back tells; NOT_YET: nothing does. */
static uint8_t first_look(struct classifier *c, uint32_t f)
{
	const struct counted_flow *flow = &c->flows[f];
	uint32_t back = find(c, flow->dst, flow->src, f);

	if (!(c->seen[f].bytes > 0))
		return DMSC_CLASS_BULK;
	if (back == c->nr)
		return NOT_YET;
	if (c->seen[f].nr * c->period >= ONCE * c->bins) {
		if (in_step(c, back, f) < TOGETHER)
			return DMSC_CLASS_PIPELINE;
		if (siblings(c, f))
			return DMSC_CLASS_EXPERT;
	} else {
		c->seen[f].apart = beside(c, f, back) < APART && beside(c, back, f) < APART;
	}
	c->seen[f].ring = true;
	c->seen[f].inside = flow->local;
	c->seen[f].succ = back;
	c->seen[f].size = 2;
	return DMSC_CLASS_DATA;
}

static bool in_pipeline(const struct classifier *c, const uint8_t *class, uint32_t who)
{
	uint32_t f;

	for (f = c->first[who]; f; f = c->seen[f - 1].next) {
		if (class[f - 1] == DMSC_CLASS_PIPELINE)
			return true;
	}
	return false;
}

/*
 * What goes once an iteration and comes back at another time is of a pipeline of one
 * micro-batch. Where there is one of several, the ends of a ring of two have been ready at
 * different times: those of the first and the last stage, which share an embedding.
 */
static void one_micro_batch(struct classifier *c, uint8_t *class)
{
	uint32_t f;

	for (f = 0; f < c->nr; f++)
		c->seen[f].apart &= !in_pipeline(c, class, c->flows[f].src) &&
				    !in_pipeline(c, class, c->flows[f].dst);
	for (f = 0; f < c->nr; f++) {
		if (!c->seen[f].apart)
			continue;
		c->seen[f].ring = false;
		class[f] = DMSC_CLASS_PIPELINE;
	}
}

/* Whether the ring of @flow goes through process @who. */
static bool goes_through(const struct classifier *c, uint32_t flow, uint32_t who)
{
	uint32_t n, at = flow;

	for (n = 0; n < c->seen[flow].size && c->seen[at].ring; n++) {
		if (c->flows[at].dst == who)
			return true;
		at = c->seen[at].succ;
	}
	return false;
}

/*
 * @flow, or, where its link is so slow that it is hardly silent, the flow of its ring that
 * is silent for longest.
 */
static uint32_t quietest(const struct classifier *c, uint32_t flow)
{
	uint32_t n, at = flow, best = flow;

	for (n = 1; n < c->seen[flow].size; n++) {
		at = c->seen[at].succ;
		if (!c->seen[at].ring)
			break;
		if (c->seen[at].silent > c->seen[best].silent)
			best = at;
	}
	return c->seen[flow].silent < HELD * c->seen[best].silent ? best : flow;
}

/* How many of @flow's bursts begin while the ring of @other has been silent for long. */
static uint32_t alone(const struct classifier *c, uint32_t flow, uint32_t other)
{
	const struct seen *s = &c->seen[flow];
	uint32_t i, next = 0, silence = 0, n = 0, quiet = quietest(c, other);

	for (i = 0; i < c->bins && next < s->nr; i++) {
		silence = silent(c, quiet, i) ? silence + 1 : 0;
		if (i != s->starts[next])
			continue;
		next++;
		n += silence > QUIET * c->seen[quiet].silent;
	}
	return n;
}

/* Whether the ring of @flow is one of some of those that the ring of @all goes through. */
static bool within(const struct classifier *c, uint32_t flow, uint32_t all)
{
	const struct seen *x = &c->seen[flow], *y = &c->seen[all];

	return flow != all && y->ring && (x->size < y->size || (x->size == 2 && y->size == 2)) &&
	       goes_through(c, all, c->flows[flow].dst);
}

/*
 * Where experts have replicas, those exchange the experts' gradients when the others are
 * exchanged: a ring that is within @all, too, and has none but the sender in common with
 * the experts', which the ring of @flow may be.
 */
static bool has_replicas(const struct classifier *c, uint32_t flow, uint32_t all)
{
	uint32_t f;

	for (f = c->first[c->flows[flow].src]; f; f = c->seen[f - 1].next) {
		if (f - 1 != flow && f - 1 != all && c->seen[f - 1].ring && within(c, f - 1, all) &&
		    !goes_through(c, f - 1, c->flows[flow].dst) &&
		    alone(c, f - 1, all) < ALONE * c->seen[f - 1].nr)
			return true;
	}
	return false;
}

/*
 * Replicas that share experts or a sequence exchange in a ring of their own (for experts
 * of two: an all-to-all of two is one), within that of the gradients, which goes through
 * all replicas. They do in every pass, also while no gradients are exchanged. Experts have
 * replicas that exchange, too, or, where there are none, get as many bytes backward as
 * forward; keys and values come twice backward, once with their gradients.
 */
static uint8_t among_replicas(const struct classifier *c, uint32_t flow)
{
	const struct seen *mine = &c->seen[flow];
	uint32_t f, n;

	for (f = c->first[c->flows[flow].src]; f; f = c->seen[f - 1].next) {
		if (!within(c, flow, f - 1))
			continue;
		n = alone(c, flow, f - 1);
		if (n < ALONE * mine->nr)
			continue;
		/* Of two replicas both rings are of two. */
		if (c->seen[f - 1].size == 2 && n <= alone(c, f - 1, flow))
			continue;
		if (mine->size == 2 && (has_replicas(c, flow, f - 1) ||
					fmax(mine->spread, c->seen[mine->succ].spread) < EVEN))
			return DMSC_CLASS_EXPERT;
		return DMSC_CLASS_PIPELINE;
	}
	return DMSC_CLASS_DATA;
}

/*
 * Whether a ring is busy in every pass of a pipeline: between most bursts of @sends, what a
 * stage hands on after its passes. Gradients' is between the last ones.
 */
static bool between(const struct classifier *c, uint32_t flow, uint32_t sends)
{
	const struct seen *s = &c->seen[sends];
	uint32_t i, k, n = 0;

	for (k = 1; k < s->nr; k++) {
		for (i = s->starts[k - 1]; i < s->starts[k] && silent(c, flow, i); i++)
			;
		n += i < s->starts[k];
	}
	return n >= ALWAYS * (s->nr - 1);
}

/*
 * Of the rings that a process is in, which one is busy in every pass: the one
 * with clearly more bursts than any other; of equals, the one inside the host.
 * A single one: if it has clearly more bursts than there are micro-batches in
 * the pipeline, and some in all of them; without a pipeline, if it stays inside the
 * host, as tensor groups do, and is never silent for as long as a pass takes.
 */
static bool every_pass(const struct classifier *c, const uint8_t *class, uint32_t flow)
{
	const struct seen *mine = &c->seen[flow];
	bool only = true, most = true, inside = mine->inside, always = true;
	uint32_t f, passes = 0;

	for (f = c->first[c->flows[flow].src]; f; f = c->seen[f - 1].next) {
		const struct seen *other = &c->seen[f - 1];

		/* An all-to-all has as many bursts as layers that are exchanged at once; twice. */
		if (class[f - 1] == DMSC_CLASS_PIPELINE && !other->part) {
			passes = OFTEN * other->nr > passes ? OFTEN * other->nr : passes;
			always &= between(c, flow, f - 1);
		}
		if (class[f - 1] == DMSC_CLASS_EXPERT && other->nr / OFTEN > passes)
			passes = other->nr / OFTEN;
		if (!other->ring || other->part || f - 1 == flow)
			continue;
		only = false;
		most &= mine->nr >= OFTEN * other->nr;
		inside &= !other->inside && OFTEN * mine->nr >= other->nr;
	}
	if (mine->nr < passes)
		return false;
	if (!only)
		return most || inside;
	return (passes && mine->nr > passes && always) ||
	       (mine->inside && mine->silent < SILENT * c->period);
}

/* Whether the rings of two flows of one process have another process in common. */
static bool akin(const struct classifier *c, uint32_t a, uint32_t b)
{
	return goes_through(c, a, c->flows[b].dst) || goes_through(c, b, c->flows[a].dst);
}

/* Whether another ring of the process is akin to that of @flow. */
static bool has_kin(const struct classifier *c, uint32_t flow)
{
	uint32_t f;

	for (f = c->first[c->flows[flow].src]; f; f = c->seen[f - 1].next) {
		if (f - 1 != flow && c->seen[f - 1].ring && akin(c, flow, f - 1))
			return true;
	}
	return false;
}

/*
 * A tensor group has one ring, replicas may have several, and no two processes are in both.
 * So where rings are akin, those are of replicas, and the busiest of the others is the
 * tensor group's. Where none are, what they do tells.
 */
static bool tensor(const struct classifier *c, const uint8_t *class, uint32_t flow)
{
	bool replicas = false, most = true;
	uint32_t f;

	if (c->seen[flow].kin)
		return false;
	for (f = c->first[c->flows[flow].src]; f; f = c->seen[f - 1].next) {
		if (f - 1 == flow || !c->seen[f - 1].ring)
			continue;
		if (c->seen[f - 1].kin)
			replicas = true;
		else
			most &= c->seen[flow].nr >= c->seen[f - 1].nr;
	}
	return replicas ? most : every_pass(c, class, flow);
}

static int index_flows(struct classifier *c)
{
	uint32_t f, i, most = 0;

	for (f = 0; f < c->nr; f++) {
		most = c->flows[f].src > most ? c->flows[f].src : most;
		most = c->flows[f].dst > most ? c->flows[f].dst : most;
	}
	if (most >= CLASSIFY_FLOWS_MAX)
		return -EINVAL;
	c->first = calloc((size_t)most + 1, sizeof(*c->first));
	if (!c->first)
		return -ENOMEM;
	for (f = c->nr; f-- > 0;) {
		c->seen[f].next = c->first[c->flows[f].src];
		c->first[c->flows[f].src] = f + 1;
		for (i = 0; i < c->bins; i++) {
			if (!(c->flows[f].counts[i] >= 0) || isinf(c->flows[f].counts[i]))
				return -EINVAL;
			c->seen[f].bytes += c->flows[f].counts[i];
		}
	}
	return 0;
}

/* A burst begins after a silence; where the counts begin nothing does. */
static uint32_t find_bursts(const struct classifier *c, uint32_t flow, uint32_t *starts)
{
	const float *x = c->flows[flow].counts;
	double burst = 0, sum = 0, squares = 0;
	struct seen *s = &c->seen[flow];
	uint32_t i, silence = 0, n = 0, whole = 0;

	for (i = 0; i < c->bins; i++)
		s->peak = fmaxf(s->peak, x[i]);
	for (i = 0; i < c->bins; i++) {
		if (x[i] <= FAINT * s->peak) {
			/* What the counts begin with may be a part of one. */
			if (!silence && n) {
				whole++;
				sum += burst;
				squares += burst * burst;
			}
			burst = 0;
			silence++;
			continue;
		}
		burst += x[i];
		if (silence) {
			if (starts)
				starts[n] = i;
			n++;
			if (silence < i && silence > s->silent)
				s->silent = silence;
		}
		silence = 0;
	}
	s->spread = sum > 0 ? sqrt(fmax(0, squares * whole / (sum * sum) - 1)) : 0;
	return n;
}

static int index_bursts(struct classifier *c)
{
	size_t all = 0;
	uint32_t f;

	for (f = 0; f < c->nr; f++)
		all += c->seen[f].nr = find_bursts(c, f, NULL);
	c->starts = calloc(all + 1, sizeof(*c->starts));
	if (!c->starts)
		return -ENOMEM;
	for (all = 0, f = 0; f < c->nr; f++) {
		c->seen[f].starts = c->starts + all;
		find_bursts(c, f, c->seen[f].starts);
		all += c->seen[f].nr;
	}
	return 0;
}

int classify_flows(const struct counted_flow *flows, uint32_t nr, uint32_t bins, double period,
		   uint8_t *class)
{
	struct classifier c = { .flows = flows, .nr = nr, .bins = bins, .period = period };
	uint32_t f;
	int ret = -ENOMEM;

	if (!nr || nr > CLASSIFY_FLOWS_MAX || bins > CLASSIFY_BINS_MAX || !(period >= 1) ||
	    !(2 * period <= bins))
		return -EINVAL;
	c.seen = calloc(nr, sizeof(*c.seen));
	if (c.seen)
		ret = index_flows(&c);
	if (!ret)
		ret = index_bursts(&c);
	for (f = 0; !ret && f < nr; f++)
		class[f] = first_look(&c, f);
	if (!ret)
		one_micro_batch(&c, class);
	/* All of them are looked at before any is told: a ring is found along what is NOT_YET. */
	for (f = 0; !ret && f < nr; f++) {
		if (class[f] == NOT_YET)
			c.seen[f].ring = ring(&c, class, f);
	}
	for (f = 0; !ret && f < nr; f++) {
		if (class[f] == NOT_YET)
			class[f] = c.seen[f].ring ? DMSC_CLASS_DATA : DMSC_CLASS_BULK;
	}
	for (f = 0; !ret && f < nr; f++) {
		if (c.seen[f].ring)
			class[f] = among_replicas(&c, f);
	}
	for (f = 0; !ret && f < nr; f++) {
		c.seen[f].part = c.seen[f].ring && class[f] != DMSC_CLASS_DATA;
		c.seen[f].kin = c.seen[f].ring && has_kin(&c, f);
	}
	for (f = 0; !ret && f < nr; f++) {
		if (c.seen[f].ring && !c.seen[f].part && tensor(&c, class, f))
			class[f] = DMSC_CLASS_TENSOR;
	}
	free(c.seen);
	free(c.first);
	free(c.starts);
	return ret;
}
