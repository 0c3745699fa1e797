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
#define RING_MAX 4096
#define NOT_YET	 UINT8_MAX

struct seen {
	double bytes;
	uint32_t next;	      /* of the same source + 1 */
	uint32_t *starts, nr; /* bins in which bursts begin */
	uint32_t silent;      /* the longest silence within the counts */
	float peak;	      /* of the counts */
	bool ring, inside;    /* of it; all of it within a host */
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
static bool ring(const struct classifier *c, const uint8_t *class, uint32_t flow, bool *inside)
{
	uint32_t start = c->flows[flow].src, at = flow, n, f, next;
	double like = c->seen[flow].bytes;

	*inside = true;
	for (n = 1; n < RING_MAX; n++) {
		*inside &= c->flows[at].local;
		if (c->flows[at].dst == start)
			return true;
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
	/* Once an iteration, both ways: a ring of two, whose ends were not ready at the same time. */
	if (c->seen[f].nr * c->period >= ONCE * c->bins) {
		if (in_step(c, back, f) < TOGETHER)
			return DMSC_CLASS_PIPELINE;
		if (siblings(c, f))
			return DMSC_CLASS_EXPERT;
	}
	c->seen[f].ring = true;
	c->seen[f].inside = flow->local;
	return DMSC_CLASS_DATA;
}

/*
 * Of the rings that a process is in, which one is busy in every pass: the one
 * with clearly more bursts than any other; of equals, the one inside the host.
 * A single one: if it has clearly more bursts than there are micro-batches in
 * the pipeline; without a pipeline, if it stays inside the host, as tensor groups
 * do, and is never silent for as long as a pass takes.
 */
static bool every_pass(const struct classifier *c, const uint8_t *class, uint32_t flow)
{
	const struct seen *mine = &c->seen[flow];
	bool alone = true, most = true, inside = mine->inside;
	uint32_t f, passes = 0;

	for (f = c->first[c->flows[flow].src]; f; f = c->seen[f - 1].next) {
		const struct seen *other = &c->seen[f - 1];

		/* An all-to-all has as many bursts as layers that are exchanged at once; twice. */
		if (class[f - 1] == DMSC_CLASS_PIPELINE && OFTEN * other->nr > passes)
			passes = OFTEN * other->nr;
		if (class[f - 1] == DMSC_CLASS_EXPERT && other->nr / OFTEN > passes)
			passes = other->nr / OFTEN;
		if (!other->ring || f - 1 == flow)
			continue;
		alone = false;
		most &= mine->nr >= OFTEN * other->nr;
		inside &= !other->inside && OFTEN * mine->nr >= other->nr;
	}
	if (mine->nr < passes)
		return false;
	if (!alone)
		return most || inside;
	return passes || (mine->inside && mine->silent < SILENT * c->period);
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
	struct seen *s = &c->seen[flow];
	uint32_t i, silence = 0, n = 0;

	for (i = 0; i < c->bins; i++)
		s->peak = fmaxf(s->peak, x[i]);
	for (i = 0; i < c->bins; i++) {
		if (x[i] <= FAINT * s->peak) {
			silence++;
			continue;
		}
		if (silence) {
			if (starts)
				starts[n] = i;
			n++;
			if (silence < i && silence > s->silent)
				s->silent = silence;
		}
		silence = 0;
	}
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
	/* All of them are looked at before any is told: a ring is found along what is NOT_YET. */
	for (f = 0; !ret && f < nr; f++) {
		if (class[f] == NOT_YET)
			c.seen[f].ring = ring(&c, class, f, &c.seen[f].inside);
	}
	for (f = 0; !ret && f < nr; f++) {
		if (class[f] == NOT_YET)
			class[f] = c.seen[f].ring ? DMSC_CLASS_DATA : DMSC_CLASS_BULK;
	}
	for (f = 0; !ret && f < nr; f++) {
		if (c.seen[f].ring && every_pass(&c, class, f))
			class[f] = DMSC_CLASS_TENSOR;
	}
	free(c.seen);
	free(c.first);
	free(c.starts);
	return ret;
}
