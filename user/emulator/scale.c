// SPDX-License-Identifier: GPL-2.0-or-later
#include "emulator/scale.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define ITERATION_NS 2e9    /* real time that an iteration shall take on idle links */
#define MIN_RATE     100000 /* bit/s: a frame takes an eighth of a second */

/* Two digits are enough for a factor that people read. */
static double round_factor(double x)
{
	double unit = pow(10, floor(log10(x)) - 1);

	return round(x / unit) * unit;
}

/* What the busiest link needs, without bulk, if nothing else held it up. */
static double busiest_ns(const struct plan *p)
{
	double *load = calloc(2 * p->topo.nr_links + 1, sizeof(*load)), worst = 0;
	uint32_t f, e;

	if (!load)
		return 0;
	for (f = 0; f < p->nr_flows; f++) {
		if (!p->flows[f].bulk)
			plan_flow_load(p, &p->flows[f], 1, load);
	}
	for (e = 0; e < 2 * p->topo.nr_links; e++)
		worst = fmax(worst, load[e] * 8e9 / p->topo.links[e / 2].rate);
	free(load);
	return worst;
}

int scale_choose(struct scale *s, const struct plan *p, uint64_t link_rate, double bytes,
		 struct dmsc_error *err)
{
	uint64_t fastest = 0, slowest = UINT64_MAX;
	double iteration;
	uint32_t i;

	for (i = 0; i < p->topo.nr_links; i++) {
		if (p->topo.links[i].rate > fastest)
			fastest = p->topo.links[i].rate;
		if (p->topo.links[i].rate < slowest)
			slowest = p->topo.links[i].rate;
	}
	if (!fastest)
		return dmsc_fail(err, -EINVAL, "topology %s: no links, expected at least one",
				 p->topo.name);
	s->link_rate = link_rate;
	s->rate = (double)fastest / link_rate;
	if (slowest / s->rate < MIN_RATE)
		return dmsc_fail(err, -EINVAL,
				 "--link-rate: the slowest link would get %.0f bit/s, expected at least %d",
				 slowest / s->rate, MIN_RATE);
	s->bytes = bytes;
	if (s->bytes <= 0) {
		iteration = fmax(fmax(p->critical_path, busiest_ns(p)), 1);
		s->bytes = round_factor(s->rate * iteration / ITERATION_NS);
	}
	s->time = s->rate / s->bytes;
	return 0;
}

uint64_t scale_bytes(const struct scale *s, uint64_t bytes)
{
	double n = round((double)bytes / s->bytes);

	return n < 1 ? 1 : (uint64_t)n;
}

uint64_t scale_rate(const struct scale *s, uint64_t rate)
{
	return round((double)rate / s->rate);
}
