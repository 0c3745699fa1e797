// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Paths with a certificate: how long planning takes, and how far the worst
 * link load is from the cut bound.
 *
 * Intact: fat-trees of 16-, 32- and 64-port switches, every host sends to the
 * next one of its ring, rings of 8 to 64 hosts in random places.
 *
 * Irregular: leaves of 32 hosts and 8 uplinks (4:1), 2% of the links between
 * switches dead, three quarters of the hosts in rings at a quarter, half or
 * the whole of the port rate, one quarter in all-to-all groups of 8. Links of
 * hosts stay alive: a dead one would cut its host off and mend nothing.
 */
#include <stdio.h>
#include <stdlib.h>

#include "planner/route.h"
#include "selftests/bench/planner/bench.h"

#define RATE	100e9
#define REPEATS 11

struct traffic {
	struct flow *flows;
	uint32_t n, room;
};

static void add(struct traffic *t, uint32_t src, uint32_t dst, double amount)
{
	if (t->n == t->room) {
		t->room = t->room ? 2 * t->room : 1024;
		t->flows = realloc(t->flows, t->room * sizeof(*t->flows));
		if (!t->flows)
			abort();
	}
	t->flows[t->n++] = (struct flow){ src, dst, amount };
}

static uint32_t *shuffled(uint32_t n, uint64_t *seed)
{
	uint32_t *order = malloc(n * sizeof(*order)), i;

	if (!order)
		abort();
	for (i = 0; i < n; i++) {
		uint32_t j = bench_random(seed) % (i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	return order;
}

/* Rings of 8 to 64 of the hosts; @mixed: of several rates. */
static void add_rings(struct traffic *t, const uint32_t *hosts, uint32_t n, bool mixed,
		      uint64_t *seed)
{
	static const double rates[] = { 0.25, 0.5, 1 };
	uint32_t first, size, i;

	for (first = 0; first < n; first += size) {
		double rate = mixed ? rates[bench_random(seed) % 3] : 1;

		size = 8u << bench_random(seed) % 4;
		if (size > n - first)
			size = n - first;
		for (i = 0; size > 1 && i < size; i++)
			add(t, hosts[first + i], hosts[first + (i + 1) % size], rate * RATE);
	}
}

static void add_all_to_all(struct traffic *t, const uint32_t *hosts, uint32_t n, uint32_t size)
{
	uint32_t first, i, k;

	for (first = 0; first + size <= n; first += size) {
		for (i = 0; i < size; i++) {
			for (k = 0; k < size; k++) {
				if (i != k)
					add(t, hosts[first + i], hosts[first + k],
					    RATE / (size - 1));
			}
		}
	}
}

static void kill_links(struct fabric *f, double part, uint64_t *seed)
{
	uint32_t links = f->nr_links - f->first_up, n = links * part;

	while (n) {
		uint32_t link = f->first_up + bench_random(seed) % links;

		if (f->rate[link]) {
			fabric_set_rate(f, link, 0);
			n--;
		}
	}
}

/* Plans @repeats times from nothing, the memory for it included; leaves the last plan. */
static void measure(struct routing *r, const struct fabric *f, const struct traffic *t,
		    double ms[REPEATS])
{
	struct dmsc_error err;
	double start;
	int i;

	for (i = 0; i < REPEATS; i++) {
		start = bench_ms();
		if (routing_init(r, f, &err) || routing_plan(r, t->flows, t->n, &err)) {
			fprintf(stderr, "bench-planner: %s\n", err.text);
			exit(1);
		}
		ms[i] = bench_ms() - start;
		if (i + 1 < REPEATS)
			routing_free(r);
	}
}

static void intact(uint32_t k, double aim_ms)
{
	struct fabric_shape shape = fabric_fat_tree(k, RATE);
	struct traffic t = { 0 };
	uint64_t seed = 1000 + k;
	double ms[REPEATS], ratio;
	char what[80], aim[32];
	struct dmsc_error err;
	struct routing r;
	uint32_t *hosts;
	struct fabric f;

	if (fabric_make(&f, &shape, &err))
		return;
	hosts = shuffled(f.nr_ports, &seed);
	add_rings(&t, hosts, f.nr_ports, false, &seed);
	measure(&r, &f, &t, ms);
	snprintf(what, sizeof(what), "intact fat-tree, %u hosts, equal rings", f.nr_ports);
	snprintf(aim, sizeof(aim), "<= %g ms", aim_ms);
	bench_report(what, "time", "ms", ms, REPEATS, aim, bench_median(ms, REPEATS) <= aim_ms);
	ratio = r.worst / r.bound.load;
	bench_report(what, "worst load / bound", "", &ratio, 1, "= 1", ratio == 1);
	routing_free(&r);
	fabric_free(&f);
	free(hosts);
	free(t.flows);
}

static void report_irregular(const char *what, const struct routing *r, const double *ms,
			     double aim_ms)
{
	double ratio = r->worst / r->bound.load;
	char aim[32];

	snprintf(aim, sizeof(aim), "<= %g ms", aim_ms);
	bench_report(what, "time", "ms", ms, REPEATS, aim, bench_median(ms, REPEATS) <= aim_ms);
	bench_report(what, "worst load / bound", "", &ratio, 1, "<= 1.02", ratio <= 1.02);
}

/* A link of a leaf dies: the plan is mended, and brought back for the next repeat. */
static void fail_link(struct fabric *f, struct routing *r, uint32_t hosts)
{
	double ms[REPEATS], part[REPEATS], ratio[REPEATS], start;
	uint32_t used, moved, i;
	struct dmsc_error err;
	uint64_t seed = 7;
	char what[80];

	for (i = 0; i < REPEATS; i++) {
		uint32_t link;

		do {
			link = f->first_up + bench_random(&seed) % (f->nr_links - f->first_up);
		} while (!f->rate[link] || !(r->up[link] > 0));
		fabric_set_rate(f, link, 0);
		start = bench_ms();
		if (routing_link_changed(r, link, &used, &moved, &err)) {
			fprintf(stderr, "bench-planner: %s\n", err.text);
			exit(1);
		}
		ms[i] = bench_ms() - start;
		part[i] = used ? (double)moved / used : 1;
		ratio[i] = r->worst / r->bound.load;
	}
	snprintf(what, sizeof(what), "a link fails, irregular, %u hosts", hosts);
	bench_report(what, "time", "ms", ms, REPEATS, "<= 5 ms", bench_median(ms, REPEATS) <= 5);
	bench_report(what, "flows moved / flows on it", "", part, REPEATS, "<= 1.1",
		     bench_median(part, REPEATS) <= 1.1);
	bench_report(what, "worst load / bound", "", ratio, REPEATS, NULL, false);
}

/* A job of 256 hosts comes and goes. */
static void change_job(const struct fabric *f, struct routing *r)
{
	double arrive[REPEATS], leave[REPEATS], others[REPEATS], ratio[REPEATS], start;
	struct dmsc_error err;
	uint64_t seed = 77;
	char what[80];
	uint32_t i;

	for (i = 0; i < REPEATS; i++) {
		uint32_t *hosts = shuffled(f->nr_ports, &seed), first = r->nr_flows, moved;
		struct traffic t = { 0 };

		add_rings(&t, hosts, 256, true, &seed);
		start = bench_ms();
		if (routing_add(r, t.flows, t.n, &moved, &err)) {
			fprintf(stderr, "bench-planner: %s\n", err.text);
			exit(1);
		}
		arrive[i] = bench_ms() - start;
		others[i] = moved;
		ratio[i] = r->worst / r->bound.load;
		start = bench_ms();
		if (routing_remove(r, first, t.n, &err))
			exit(1);
		leave[i] = bench_ms() - start;
		free(hosts);
		free(t.flows);
	}
	snprintf(what, sizeof(what), "a job of 256 hosts comes, goes, irregular, %u hosts",
		 f->nr_ports);
	bench_report(what, "time to add", "ms", arrive, REPEATS, NULL, false);
	bench_report(what, "time to remove", "ms", leave, REPEATS, NULL, false);
	bench_report(what, "flows of others moved", "", others, REPEATS, NULL, false);
	bench_report(what, "worst load / bound", "", ratio, REPEATS, "<= 1.05",
		     bench_median(ratio, REPEATS) <= 1.05);
}

static void irregular(const struct fabric_shape *shape, double aim_ms, bool reactions)
{
	uint64_t seed = 4242;
	struct traffic t = { 0 };
	struct dmsc_error err;
	double ms[REPEATS];
	struct routing r;
	struct fabric f;
	uint32_t *hosts, rings;
	char what[80];

	if (fabric_make(&f, shape, &err))
		return;
	kill_links(&f, 0.02, &seed);
	hosts = shuffled(f.nr_ports, &seed);
	rings = f.nr_ports / 4 * 3;
	add_rings(&t, hosts, rings, true, &seed);
	add_all_to_all(&t, hosts + rings, f.nr_ports - rings, 8);
	measure(&r, &f, &t, ms);
	snprintf(what, sizeof(what), "irregular, %u hosts, %u flows", f.nr_ports, t.n);
	report_irregular(what, &r, ms, aim_ms);
	if (reactions) {
		fail_link(&f, &r, f.nr_ports);
		change_job(&f, &r);
	}
	routing_free(&r);
	fabric_free(&f);
	free(hosts);
	free(t.flows);
}

BENCH(paths)
{
	/* 32 hosts and 8 uplinks a leaf; above the leaves as many links up as down */
	const struct fabric_shape small = { 8, 4, 8, 4, 32, RATE, RATE, RATE };
	const struct fabric_shape medium = { 16, 16, 8, 16, 32, RATE, RATE, RATE };
	const struct fabric_shape large = { 64, 32, 8, 32, 32, RATE, RATE, RATE };

	intact(16, 1);
	intact(32, 20);
	intact(64, 20);
	irregular(&small, 5, false);
	irregular(&medium, 50, true);
	irregular(&large, 1000, false);
}
