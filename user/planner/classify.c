// SPDX-License-Identifier: GPL-2.0-or-later
#include "planner/classify.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <linux/dmsc.h>

#define ALIKE	 0.03 /* parts by which two flows' bytes may differ and be of one exchange */
#define TOGETHER 0.8  /* of their bursts begin at the same time: sent at once */
#define REACH	 2    /* bins: what is nearer is the same time */
#define ONCE	 1.5  /* bursts an iteration; fewer are no micro-batches */
#define FAINT	 1e-3 /* of the busiest bin; less is silence */
#define OFTEN	 2    /* times as many bursts: in every pass, not in the last one only */
#define SILENT	 0.25 /* of an iteration: a pass forward is a third of what is computed */
#define RING_MAX 4096

struct seen {
	double bytes;
	uint32_t next;	      /* of the same source + 1 */
	uint32_t *starts, nr; /* bins in which bursts begin */
	uint32_t silent;      /* the longest silence within the counts */
	bool ring;
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

/* The part of the bursts of the flow that has fewer that begin when one of the other does. */
static double together(const struct classifier *c, uint32_t a, uint32_t b)
{
	const struct seen *x = &c->seen[a], *y = &c->seen[b];
	uint32_t i = 0, k = 0, n = 0;

	while (i < x->nr && k < y->nr) {
		if (x->starts[i] + REACH < y->starts[k]) {
			i++;
		} else if (y->starts[k] + REACH < x->starts[i]) {
			k++;
		} else {
			n++;
			i++;
			k++;
		}
	}
	return (double)n / fmax(1, fmin(x->nr, y->nr));
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
		    alike(c, f - 1, flow) && together(c, f - 1, flow) >= TOGETHER)
			n++;
	}
	return n;
}

/*
 * Along flows of as many bytes back to the sender. Over more than two members
 * nothing goes back the same way, as it does in a pipeline.
 */
static bool ring(const struct classifier *c, uint32_t flow)
{
	uint32_t start = c->flows[flow].src, at = flow, n, f, next;

	for (n = 1; n < RING_MAX; n++) {
		if (c->flows[at].dst == start)
			return true;
		next = c->nr;
		for (f = c->first[c->flows[at].dst]; f && next == c->nr; f = c->seen[f - 1].next) {
			if (alike(c, f - 1, flow) && c->flows[f - 1].dst != c->flows[at].src)
				next = f - 1;
		}
		if (next == c->nr)
			return false;
		at = next;
	}
	return false;
}

static uint8_t first_look(struct classifier *c, uint32_t f)
{
	const struct counted_flow *flow = &c->flows[f];
	uint32_t back = find(c, flow->dst, flow->src, f);

	if (!(c->seen[f].bytes > 0))
		return DMSC_CLASS_BULK;
	/* Once an iteration, both ways: a ring of two, whose ends were not ready at the same time. */
	if (back != c->nr && c->seen[f].nr * c->period < ONCE * c->bins) {
		c->seen[f].ring = true;
		return DMSC_CLASS_DATA;
	}
	if (back != c->nr && together(c, back, f) < TOGETHER)
		return DMSC_CLASS_PIPELINE;
	if (back != c->nr && siblings(c, f) >= 1)
		return DMSC_CLASS_EXPERT;
	c->seen[f].ring = back != c->nr || ring(c, f);
	return c->seen[f].ring ? DMSC_CLASS_DATA : DMSC_CLASS_BULK;
}

/*
 * Of the rings that a process is in, which one is busy in every pass: the one
 * with clearly more bursts than any other; of equals, the one inside the host.
 * A single one: if it has clearly more bursts than there are micro-batches in
 * the pipeline; without a pipeline, if it is never silent for as long as a pass
 * takes.
 */
static bool every_pass(const struct classifier *c, const uint8_t *class, uint32_t flow)
{
	const struct seen *mine = &c->seen[flow];
	bool alone = true, most = true, inside = true;
	uint32_t f, passes = 0;

	for (f = c->first[c->flows[flow].src]; f; f = c->seen[f - 1].next) {
		const struct seen *other = &c->seen[f - 1];

		if (class[f - 1] == DMSC_CLASS_PIPELINE && other->nr > passes)
			passes = other->nr;

		if (!other->ring || f - 1 == flow)
			continue;
		alone = false;
		most &= mine->nr >= OFTEN * other->nr;
		inside &= !c->flows[f - 1].local && c->flows[flow].local &&
			  OFTEN * mine->nr >= other->nr;
	}
	if (!alone)
		return most || inside;
	return passes ? mine->nr >= OFTEN * passes : mine->silent < SILENT * c->period;
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
	float peak = 0;

	for (i = 0; i < c->bins; i++)
		peak = fmaxf(peak, x[i]);
	for (i = 0; i < c->bins; i++) {
		if (x[i] <= FAINT * peak) {
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
	for (f = 0; !ret && f < nr; f++) {
		if (c.seen[f].ring && every_pass(&c, class, f))
			class[f] = DMSC_CLASS_TENSOR;
	}
	free(c.seen);
	free(c.first);
	free(c.starts);
	return ret;
}
