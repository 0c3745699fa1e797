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
#include <malloc.h>
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

/*
 * Plans from nothing; leaves the last plan. The process keeps freed memory, as
 * one that plans again and again does: the first plan, which the kernel has to
 * give its pages, is told apart.
 */
static void measure(struct routing *r, const struct fabric *f, const struct traffic *t,
		    double ms[REPEATS], double *first)
{
	struct dmsc_error err;
	double start;
	int i;

	malloc_trim(0);
	for (i = -1; i < REPEATS; i++) {
		start = bench_ms();
		if (routing_init(r, f, &err) || routing_plan(r, t->flows, t->n, &err)) {
			fprintf(stderr, "bench-planner: %s\n", err.text);
			exit(1);
		}
		*(i < 0 ? first : &ms[i]) = bench_ms() - start;
		if (i + 1 < REPEATS)
			routing_free(r);
	}
}

static void intact(uint32_t k, double aim_ms)
{
	struct fabric_shape shape = fabric_fat_tree(k, RATE);
	struct traffic t = { 0 };
	uint64_t seed = 1000 + k;
	double ms[REPEATS], first, ratio;
	char what[80], aim[32];
	struct dmsc_error err;
	struct routing r;
	uint32_t *hosts;
	struct fabric f;

	if (fabric_make(&f, &shape, &err))
		return;
	hosts = shuffled(f.nr_ports, &seed);
	add_rings(&t, hosts, f.nr_ports, false, &seed);
	measure(&r, &f, &t, ms, &first);
	snprintf(what, sizeof(what), "intact fat-tree, %u hosts, equal rings", f.nr_ports);
	snprintf(aim, sizeof(aim), "<= %g ms", aim_ms);
	bench_report(what, "time", "ms", ms, REPEATS, aim_ms ? aim : NULL,
		     bench_median(ms, REPEATS) <= aim_ms);
	bench_report(what, "time of the first plan", "ms", &first, 1, NULL, false);
	ratio = r.worst / r.bound.load;
	bench_report(what, "worst load / bound", "", &ratio, 1, "= 1", ratio == 1);
	routing_free(&r);
	fabric_free(&f);
	free(hosts);
	free(t.flows);
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

/* One irregular case; @seed decides what is dead and who talks to whom. */
static void make_irregular(struct fabric *f, struct traffic *t, const struct fabric_shape *shape,
			   uint64_t seed)
{
	struct dmsc_error err;
	uint32_t *hosts, rings;

	if (fabric_make(f, shape, &err))
		abort();
	kill_links(f, 0.02, &seed);
	hosts = shuffled(f->nr_ports, &seed);
	rings = f->nr_ports / 4 * 3;
	add_rings(t, hosts, rings, true, &seed);
	add_all_to_all(t, hosts + rings, f->nr_ports - rings, 8);
	free(hosts);
}

static void irregular(const char *name, const struct fabric_shape *shape, double aim_ms, int cases,
		      bool reactions)
{
	double ms[REPEATS], median[BENCH_REPEATS], ratio[BENCH_REPEATS], first, worst = 0;
	char what[80], aim[32];
	int i;

	for (i = 0; i < cases; i++) {
		struct traffic t = { 0 };
		struct routing r;
		struct fabric f;

		make_irregular(&f, &t, shape, 4242 + i);
		measure(&r, &f, &t, ms, &first);
		median[i] = bench_median(ms, REPEATS);
		ratio[i] = r.worst / r.bound.load;
		worst = ratio[i] > worst ? ratio[i] : worst;
		if (i == cases - 1) {
			snprintf(what, sizeof(what), "%s, %u hosts, %u flows", name, f.nr_ports,
				 t.n);
			snprintf(aim, sizeof(aim), "<= %g ms", aim_ms);
			bench_report(what, "time", "ms", median, cases, aim_ms ? aim : NULL,
				     bench_median(median, cases) <= aim_ms);
			bench_report(what, "worst load / bound", "", ratio, cases,
				     aim_ms ? "<= 1.02" : NULL, bench_median(ratio, cases) <= 1.02);
			bench_report(what, "the same, worst case", "", &worst, 1,
				     aim_ms ? "<= 1.02" : NULL, worst <= 1.02);
		}
		if (i == cases - 1 && reactions) {
			fail_link(&f, &r, f.nr_ports);
			change_job(&f, &r);
		}
		routing_free(&r);
		fabric_free(&f);
		free(t.flows);
	}
}

BENCH(paths)
{
	/* 32 hosts and 8 uplinks a leaf; above the leaves as many links up as down */
	const struct fabric_shape small = { 8, 4, 8, 4, 32, RATE, RATE, RATE };
	const struct fabric_shape medium = { 16, 16, 8, 16, 32, RATE, RATE, RATE };
	const struct fabric_shape large = { 64, 32, 8, 32, 32, RATE, RATE, RATE };
	/* as many links up as down everywhere, as in a fat-tree */
	const struct fabric_shape full = { 32, 16, 16, 16, 16, RATE, RATE, RATE };

	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	intact(16, 1);
	intact(32, 0);
	intact(64, 20);
	irregular("irregular 4:1", &small, 5, 20, false);
	irregular("irregular 4:1", &medium, 50, 10, true);
	irregular("irregular 4:1", &large, 1000, 3, false);
	irregular("irregular 1:1", &full, 0, 10, false);
}
