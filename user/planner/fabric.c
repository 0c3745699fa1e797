// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "planner/fabric.h"

/* @a * @b, or 0 (which no count is) when it is above @max. */
static uint64_t times(uint64_t a, uint64_t b, uint64_t max)
{
	return b && a <= max / b ? a * b : 0;
}

int fabric_make(struct fabric *f, const struct fabric_shape *s, struct dmsc_error *err)
{
	uint64_t leaves = times(s->pods, s->leaves, FABRIC_MAX_LINKS);
	uint64_t ports = times(leaves, s->ports, FABRIC_MAX_PORTS);
	uint64_t up = times(leaves, s->spines, FABRIC_MAX_LINKS), core = 0, i;

	if (s->cores)
		core = times(times(s->pods, s->spines, FABRIC_MAX_LINKS), s->cores,
			     FABRIC_MAX_LINKS);
	if (!leaves || !ports || !up || (s->cores && !core) || s->spines > UINT16_MAX ||
	    s->cores > UINT16_MAX || ports + up + core > FABRIC_MAX_LINKS)
		return dmsc_fail(err, -EINVAL,
				 "fabric: %u pods of %u leaves, %u spines and %u cores a spine, %u ports a leaf, expected at least one of each, at most %u ports and %u links",
				 s->pods, s->leaves, s->spines, s->cores, s->ports,
				 FABRIC_MAX_PORTS, FABRIC_MAX_LINKS);
	*f = (struct fabric){ .pods = s->pods,
			      .leaves = s->leaves,
			      .spines = s->spines,
			      .cores = s->cores,
			      .nr_leaves = leaves,
			      .nr_ports = ports,
			      .nr_links = ports + up + core,
			      .first_up = ports,
			      .first_core = ports + up };
	f->leaf_of = malloc(ports * sizeof(*f->leaf_of));
	f->pod_of = malloc(leaves * sizeof(*f->pod_of));
	f->rate = malloc(f->nr_links * sizeof(*f->rate));
	if (!f->leaf_of || !f->pod_of || !f->rate) {
		fabric_free(f);
		return dmsc_fail(err, -ENOMEM, "out of memory for the fabric");
	}
	for (i = 0; i < ports; i++)
		f->leaf_of[i] = i / s->ports;
	for (i = 0; i < leaves; i++)
		f->pod_of[i] = i / s->leaves;
	for (i = 0; i < f->nr_links; i++)
		f->rate[i] = i < f->first_up   ? s->port_rate :
			     i < f->first_core ? s->leaf_rate :
						 s->spine_rate;
	return 0;
}

void fabric_free(struct fabric *f)
{
	free(f->leaf_of);
	free(f->pod_of);
	free(f->rate);
	memset(f, 0, sizeof(*f));
}

struct fabric_shape fabric_fat_tree(uint32_t k, double rate)
{
	return (struct fabric_shape){ .pods = k,
				      .leaves = k / 2,
				      .spines = k / 2,
				      .cores = k / 2,
				      .ports = k / 2,
				      .port_rate = rate,
				      .leaf_rate = rate,
				      .spine_rate = rate };
}

void fabric_set_rate(struct fabric *f, uint32_t link, double rate)
{
	f->dead += !rate;
	f->dead -= !f->rate[link];
	f->rate[link] = rate;
}
