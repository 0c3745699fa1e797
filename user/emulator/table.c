// SPDX-License-Identifier: GPL-2.0-or-later
/* The results as a table, set-ups side by side. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "emulator/results.h"

#define LABEL  34
#define COLUMN 16

static bool compared(const struct results *r)
{
	return results_find(r, "stock") && results_find(r, "dmsc");
}

/* One line: a value a set-up, and what DMSC changes: in %, of percentages in points. */
static void row(const struct results *r, const char *label, const char *unit, const double *values,
		int digits)
{
	double stock = NAN, dmsc = NAN;
	uint32_t i;

	printf("%-*s", LABEL - 5, label);
	printf("%5s", unit);
	for (i = 0; i < r->nr_setups; i++) {
		printf("%*.*f", COLUMN, digits, values[i]);
		if (!strcmp(r->setups[i]->name, "stock"))
			stock = values[i];
		if (!strcmp(r->setups[i]->name, "dmsc"))
			dmsc = values[i];
	}
	if (compared(r)) {
		if (!strcmp(unit, "%"))
			printf("%+*.1f pt", COLUMN - 3, dmsc - stock);
		else if (stock > 0)
			printf("%+*.1f %%", COLUMN - 2, 100 * (dmsc - stock) / stock);
		else
			printf("%*s", COLUMN, "-");
	}
	putchar('\n');
}

#define ROW(r, label, unit, digits, expression)                        \
	do {                                                           \
		double values_[SETUP_MAX];                             \
		for (uint32_t i_ = 0; i_ < (r)->nr_setups; i_++) {     \
			const struct setup_results *s = &(r)->per[i_]; \
			values_[i_] = (expression);                    \
		}                                                      \
		row(r, label, unit, values_, digits);                  \
	} while (0)

static void print_head(const struct results *r)
{
	uint32_t i;

	printf("%-*s", LABEL, "");
	for (i = 0; i < r->nr_setups; i++)
		printf("%*s", COLUMN, r->setups[i]->title);
	if (compared(r))
		printf("%*s", COLUMN, "DMSC to stock");
	putchar('\n');
}

static void print_completion(const struct results *r, bool remote)
{
	char label[64];
	int i, c;

	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		c = results_order[i];
		if (!(remote ? r->per[0].remote[c] : r->per[0].local[c]).messages)
			continue;
		snprintf(label, sizeof(label), "%s%s p50", dmsc_class_name(c),
			 remote ? "" : " (in host)");
		ROW(r, label, "ms", 2, (remote ? s->remote[c] : s->local[c]).p50 / 1e6);
		snprintf(label, sizeof(label), "%s%s p99", dmsc_class_name(c),
			 remote ? "" : " (in host)");
		ROW(r, label, "ms", 2, (remote ? s->remote[c] : s->local[c]).p99 / 1e6);
	}
}

static double worst(const struct setup_results *s, uint32_t nr_edges)
{
	double most = 0;
	uint32_t e;

	for (e = 0; e < nr_edges; e++)
		most = fmax(most, s->utilisation[e]);
	return most;
}

static double mean(const struct setup_results *s, uint32_t nr_edges)
{
	double sum = 0;
	uint32_t e;

	for (e = 0; e < nr_edges; e++)
		sum += s->utilisation[e];
	return nr_edges ? sum / nr_edges : 0;
}

static void print_links(const struct results *r)
{
	const struct topology *t = &r->plan->topo;
	char label[160];
	uint32_t e;

	printf("\nUtilisation by link\n");
	for (e = 0; e < 2 * t->nr_links; e++) {
		const struct topo_link *l = &t->links[e / 2];
		int from = e & 1;

		snprintf(label, sizeof(label), "  %.12s to %.12s (%.8s)",
			 t->nodes[cluster_end(l, from)].name, t->nodes[cluster_end(l, !from)].name,
			 cluster_ifname(l, from));
		ROW(r, label, "%", 1, 100 * s->utilisation[e]);
	}
}

static void print_lines(const char *title, const struct text *t)
{
	const char *line = t->data;

	while (t->len && line && *line) {
		const char *end = strchrnul(line, '\n');

		printf("%s: %.*s\n", title, (int)(end - line), line);
		line = *end ? end + 1 : end;
	}
}

void results_print(const struct results *r)
{
	uint32_t nr_edges = 2 * r->plan->topo.nr_links;

	printf("\nJob %s on %s, %u iterations of each set-up, interleaved.\n"
	       "Scale: link rates / %.6g, bytes / %.6g, time x %.4g (real = %.4g x emulated); times and rates below are the cluster's.\n\n",
	       r->plan->job, r->plan->topo.name, r->iterations, r->scale->rate, r->scale->bytes,
	       r->scale->time, r->scale->time);
	print_head(r);
	ROW(r, "iteration median", "ms", 1, s->median / 1e6);
	ROW(r, "iteration p95", "ms", 1, s->p95 / 1e6);
	printf("\nCompletion of messages\n");
	print_completion(r, true);
	print_completion(r, false);
	printf("\nThe rest, mean of the iterations\n");
	ROW(r, "worst link's utilisation", "%", 1, 100 * worst(s, nr_edges));
	ROW(r, "mean utilisation", "%", 1, 100 * mean(s, nr_edges));
	ROW(r, "retransmits", "", 1, s->retransmits);
	ROW(r, "drops at hosts", "", 1, s->host_drops);
	ROW(r, "drops in the fabric", "", 1, s->fabric_drops);
	ROW(r, "bulk goodput", "Gb/s", 1, s->bulk_goodput / 1e9);
	ROW(r, "CPU idle", "%", 1, 100 * s->cpu_idle);
	ROW(r, "CPU of the daemons", "%", 1, 100 * s->cpu_daemons);
	print_links(r);
	putchar('\n');
	print_lines("note", &r->notes);
	print_lines("warning", &r->warnings);
}
