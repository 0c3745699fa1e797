// SPDX-License-Identifier: GPL-2.0-or-later
#include "emulator/results.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const uint8_t results_order[DMSC_NR_CLASSES] = {
	DMSC_CLASS_CONTROL,  DMSC_CLASS_GATEWAY, DMSC_CLASS_TENSOR,  DMSC_CLASS_EXPERT,
	DMSC_CLASS_PIPELINE, DMSC_CLASS_DATA,	 DMSC_CLASS_DEFAULT, DMSC_CLASS_BULK,
};

#define CPU_IDLE_MIN 0.15 /* below, the machine was the limit and not the links */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Nearest rank: the smallest sample that @permille of all do not exceed. */
static uint64_t quantile(const uint64_t *sorted, uint32_t n, uint32_t permille)
{
	uint64_t rank = ((uint64_t)n * permille + 999) / 1000;

	return n ? sorted[rank ? rank - 1 : 0] : 0;
}

static void summarise_class(const struct results *r, uint32_t setup, uint8_t class, bool remote,
			    uint64_t *samples, struct completion *out)
{
	uint32_t i, m, n = 0;

	memset(out, 0, sizeof(*out));
	for (i = setup; i < r->nr_rounds; i += r->nr_setups) {
		for (m = 0; m < r->messages->nr; m++) {
			const struct message *msg = &r->messages->list[m];
			const struct plan_flow *f = &r->plan->flows[msg->flow];

			if (f->bulk || f->class != class ||
			    results_remote(r->plan, msg->flow) != remote)
				continue;
			samples[n++] = scale_to_emulated(r->scale, r->rounds[i].end[m] -
									   r->rounds[i].start[m]);
			out->bytes += r->plan->ops[msg->send].amount;
		}
	}
	qsort(samples, n, sizeof(*samples), compare);
	out->messages = n;
	out->p50 = quantile(samples, n, 500);
	out->p99 = quantile(samples, n, 990);
	out->max = quantile(samples, n, 1000);
}

static void summarise_rounds(const struct results *r, uint32_t setup, uint64_t *samples,
			     struct setup_results *s)
{
	uint32_t nr_edges = 2 * r->plan->topo.nr_links, i, e;
	uint64_t best = UINT64_MAX;

	for (i = setup; i < r->nr_rounds; i += r->nr_setups) {
		const struct round *round = &r->rounds[i];

		samples[s->nr++] = scale_to_emulated(r->scale, round->time);
		s->retransmits += round->retransmits;
		s->host_drops += round->host_drops;
		s->fabric_drops += round->fabric_drops;
		/* bit/s of the emulation, times R, are bit/s of the cluster */
		s->bulk_goodput += round->bulk_rate * r->scale->rate;
		s->cpu_idle += round->cpu_idle;
		s->cpu_daemons += round->cpu_daemons;
		for (e = 0; e < nr_edges; e++)
			s->utilisation[e] += round->utilisation[e];
	}
	if (!s->nr)
		return;
	qsort(samples, s->nr, sizeof(*samples), compare);
	s->median = quantile(samples, s->nr, 500);
	s->p95 = quantile(samples, s->nr, 950);
	s->min = samples[0];
	s->max = samples[s->nr - 1];
	s->retransmits /= s->nr;
	s->host_drops /= s->nr;
	s->fabric_drops /= s->nr;
	s->bulk_goodput /= s->nr;
	s->cpu_idle /= s->nr;
	s->cpu_daemons /= s->nr;
	for (e = 0; e < nr_edges; e++)
		s->utilisation[e] /= s->nr;
	for (i = setup; i < r->nr_rounds; i += r->nr_setups) {
		uint64_t time = scale_to_emulated(r->scale, r->rounds[i].time);
		uint64_t distance = time > s->median ? time - s->median : s->median - time;

		if (distance < best) {
			best = distance;
			s->typical = i;
		}
	}
}

static void warn(struct results *r, const struct setup_results *s)
{
	if (s->cpu_idle < CPU_IDLE_MIN)
		text_add(&r->warnings,
			 "%s: the machine's CPUs were %.0f %% idle: they, and not the links, were the limit; a lower --link-rate or a larger --bytes-scale helps\n",
			 s->setup->name, 100 * s->cpu_idle);
}

int results_summarise(struct results *r, struct dmsc_error *err)
{
	uint32_t i, c, nr = r->iterations * (r->messages->nr + 1);
	uint64_t *samples = calloc(nr + 1, sizeof(*samples));

	if (!samples)
		return dmsc_fail(err, -ENOMEM, "no memory");
	for (i = 0; i < r->nr_setups; i++) {
		struct setup_results *s = &r->per[i];

		memset(s, 0, sizeof(*s));
		s->setup = r->setups[i];
		s->utilisation = calloc(2 * r->plan->topo.nr_links + 1, sizeof(*s->utilisation));
		if (!s->utilisation) {
			free(samples);
			return dmsc_fail(err, -ENOMEM, "no memory");
		}
		summarise_rounds(r, i, samples, s);
		for (c = 0; c < DMSC_NR_CLASSES; c++) {
			summarise_class(r, i, c, true, samples, &s->remote[c]);
			summarise_class(r, i, c, false, samples, &s->local[c]);
		}
		warn(r, s);
	}
	free(samples);
	return 0;
}

const struct setup_results *results_find(const struct results *r, const char *name)
{
	uint32_t i;

	for (i = 0; i < r->nr_setups; i++)
		if (!strcmp(r->setups[i]->name, name) && r->per[i].nr)
			return &r->per[i];
	return NULL;
}

void results_free(struct results *r)
{
	uint32_t i;

	for (i = 0; r->rounds && i < r->iterations * r->nr_setups; i++)
		round_free(&r->rounds[i], r->nr_bulk);
	free(r->rounds);
	for (i = 0; i < r->nr_setups; i++)
		free(r->per[i].utilisation);
	text_free(&r->notes);
	text_free(&r->warnings);
	memset(r, 0, sizeof(*r));
}
