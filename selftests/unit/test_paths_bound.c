// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The lower bound against two others' computations, on small random fabrics
 * with dead links: GLPK's solver (a process of its own) finds the best that any
 * splitting over all paths can reach, igraph the maximum flow. Both must lie
 * between the bound and what the router reached.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <igraph/igraph.h>

#include "planner/route.h"

#define CASES 40

static uint64_t seed = 0x2545f4914f6cdd1dULL;

static uint32_t any(uint32_t below)
{
	/* xorshift64 (Marsaglia 2003): the same cases in every run */
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static void make_fabric(struct fabric *f)
{
	const struct fabric_shape shape = {
		.pods = 1 + any(3),
		.leaves = 1 + any(3),
		.spines = 1 + any(3),
		.cores = 1 + any(3),
		.ports = 1 + any(3),
		.port_rate = 4 + any(5),
		.leaf_rate = 1 + any(4),
		.spine_rate = 1 + any(4),
	};
	struct dmsc_error err;
	uint32_t i;

	assert_int_equal(fabric_make(f, &shape, &err), 0);
	for (i = f->first_up; i < f->nr_links; i++) {
		if (!any(8))
			fabric_set_rate(f, i, 0);
	}
}

static uint32_t make_flows(const struct fabric *f, struct flow *flows, uint32_t most)
{
	uint32_t n = 0, i;

	for (i = 0; i < most; i++) {
		flows[n] = (struct flow){ any(f->nr_ports), any(f->nr_ports), 1 + any(5) };
		n += flows[n].src != flows[n].dst;
	}
	return n;
}

/* ---- linear programme ---- */

/* Writes " + x<i>_<k>" to the row of each link that path k of flow i takes. */
struct programme {
	char *rows[2048]; /* by directed edge */
	char *demand;
	size_t paths;
};

static void append(char **text, const char *term)
{
	size_t n = *text ? strlen(*text) : 0;

	*text = realloc(*text, n + strlen(term) + 1);
	assert_non_null(*text);
	strcpy(*text + n, term);
}

static void add_path(struct programme *lp, const struct routing *r, uint32_t i, uint16_t spine,
		     uint16_t core)
{
	const struct subflow sub = { spine, core, 1 };
	uint32_t edges[6], n = route_edges(r, i, &sub, edges), e;
	char term[40];

	for (e = 0; e < n; e++) {
		if (!r->fabric->rate[edges[e] / 2])
			return;
	}
	snprintf(term, sizeof(term), " + x%u_%zu", i, lp->paths++);
	append(&lp->demand, term);
	for (e = 0; e < n; e++)
		append(&lp->rows[edges[e]], term);
}

static void add_paths(struct programme *lp, const struct routing *r, uint32_t i)
{
	const struct fabric *f = r->fabric;
	uint32_t from = f->leaf_of[r->flows[i].src], to = f->leaf_of[r->flows[i].dst], s, c;

	if (from == to) {
		add_path(lp, r, i, ROUTE_NONE, ROUTE_NONE);
		return;
	}
	for (s = 0; s < f->spines; s++) {
		if (f->pod_of[from] == f->pod_of[to])
			add_path(lp, r, i, s, ROUTE_NONE);
		for (c = 0; f->pod_of[from] != f->pod_of[to] && c < f->cores; c++)
			add_path(lp, r, i, s, c);
	}
}

/* The least worst load of any routing, or -1 without a solver. */
static double solve(const struct routing *r)
{
	char in[] = "/tmp/dmsc-lp-XXXXXX", command[200], line[256];
	struct programme lp = { 0 };
	double best = -1;
	uint32_t i, e;
	FILE *f;

	f = fdopen(mkstemp(in), "w");
	assert_non_null(f);
	fprintf(f, "Minimize\n t\nSubject To\n");
	for (i = 0; i < r->nr_flows; i++) {
		add_paths(&lp, r, i);
		fprintf(f, " %s = %.17g\n", lp.demand, r->flows[i].amount);
		free(lp.demand);
		lp.demand = NULL;
	}
	for (e = 0; e < 2 * r->fabric->nr_links; e++) {
		if (lp.rows[e])
			fprintf(f, " %s - %.17g t <= 0\n", lp.rows[e], r->fabric->rate[e / 2]);
		free(lp.rows[e]);
	}
	fprintf(f, "End\n");
	fclose(f);
	snprintf(command, sizeof(command), "glpsol --lp %s -o /dev/stdout", in);
	f = popen(command, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "Objective:", 10) && strchr(line, '='))
			best = strtod(strchr(line, '=') + 1, NULL);
	}
	pclose(f);
	unlink(in);
	return best;
}

static void test_linear_programme(void **state)
{
	struct flow flows[24];
	struct dmsc_error err;
	uint32_t round, tight = 0, solved = 0;
	double far = 1;

	(void)state;
	if (system("glpsol --version >/dev/null 2>&1")) {
		print_message("glpsol is absent (package glpk-utils)\n");
		skip();
	}
	for (round = 0; round < CASES; round++) {
		struct routing r;
		struct fabric f;
		uint32_t n;
		double best;

		make_fabric(&f);
		n = make_flows(&f, flows, 24);
		assert_int_equal(routing_init(&r, &f, &err), 0);
		if (n && !routing_plan(&r, flows, n, &err)) {
			best = solve(&r);
			assert_true(best > 0);
			if (r.bound.load > best * (1 + 1e-4) || r.worst < best * (1 - 1e-4))
				fail_msg("bound %g, best %g, reached %g", r.bound.load, best,
					 r.worst);
			solved++;
			tight += r.bound.load > best * (1 - 1e-4);
			if (r.worst / best > far)
				far = r.worst / best;
		}
		routing_free(&r);
		fabric_free(&f);
	}
	print_message("%u programmes; the bound was the optimum in %u, the router at most %.3f times it\n",
		      solved, tight, far);
	assert_true(solved > CASES / 2);
}

/* ---- maximum flow ---- */

/*
 * Up and down are different nodes, so that a way never goes up again: leaf and spine each have
 * two, and an edge without limit where a way turns round.
 */
static void add_edge(igraph_vector_int_t *edges, igraph_vector_t *capacity, uint32_t from,
		     uint32_t to, double rate)
{
	igraph_vector_int_push_back(edges, from);
	igraph_vector_int_push_back(edges, to);
	igraph_vector_push_back(capacity, rate);
}

/* What fits from port @src to a sink behind the flows' destinations, links at @load. */
static double max_flow(const struct fabric *f, const struct flow *flows, uint32_t n, double load)
{
	uint32_t leaf = 2 * f->nr_ports, spine = leaf + 2 * f->nr_leaves, i, s, c, l;
	uint32_t core = spine + 2 * f->pods * f->spines, sink = core + f->spines * f->cores;
	igraph_vector_int_t edges;
	igraph_vector_t capacity;
	igraph_real_t value = 0;
	igraph_t g;

	igraph_vector_int_init(&edges, 0);
	igraph_vector_init(&capacity, 0);
	for (i = 0; i < f->nr_ports; i++) {
		add_edge(&edges, &capacity, 2 * i, leaf + 2 * f->leaf_of[i], load * f->rate[i]);
		add_edge(&edges, &capacity, leaf + 2 * f->leaf_of[i] + 1, 2 * i + 1,
			 load * f->rate[i]);
	}
	for (l = 0; l < f->nr_leaves; l++) {
		add_edge(&edges, &capacity, leaf + 2 * l, leaf + 2 * l + 1, 1e12);
		for (s = 0; s < f->spines; s++) {
			uint32_t at = spine + 2 * (f->pod_of[l] * f->spines + s);
			double rate = load * f->rate[fabric_leaf_link(f, l, s)];

			add_edge(&edges, &capacity, leaf + 2 * l, at, rate);
			add_edge(&edges, &capacity, at + 1, leaf + 2 * l + 1, rate);
		}
	}
	for (s = 0; s < f->pods * f->spines; s++) {
		add_edge(&edges, &capacity, spine + 2 * s, spine + 2 * s + 1, 1e12);
		for (c = 0; c < f->cores; c++) {
			uint32_t at = core + s % f->spines * f->cores + c;
			double rate = load * f->rate[f->first_core + s * f->cores + c];

			add_edge(&edges, &capacity, spine + 2 * s, at, rate);
			add_edge(&edges, &capacity, at, spine + 2 * s + 1, rate);
		}
	}
	for (i = 0; i < n; i++)
		add_edge(&edges, &capacity, 2 * flows[i].dst + 1, sink, flows[i].amount);
	igraph_create(&g, &edges, sink + 1, IGRAPH_DIRECTED);
	assert_int_equal(igraph_maxflow_value(&g, &value, 2 * flows[0].src, sink, &capacity, NULL),
			 IGRAPH_SUCCESS);
	igraph_destroy(&g);
	igraph_vector_int_destroy(&edges);
	igraph_vector_destroy(&capacity);
	return value;
}

/* One port sends to several: that all of it fits is a question of one maximum flow. */
static void test_max_flow(void **state)
{
	struct flow flows[6];
	struct dmsc_error err;
	uint32_t round, i, reached = 0, unreachable = 0;

	(void)state;
	for (round = 0; round < 4 * CASES; round++) {
		struct routing r;
		struct fabric f;
		double all = 0, fits;
		uint32_t n;
		int ret;

		make_fabric(&f);
		n = make_flows(&f, flows, 1 + any(6));
		for (i = 0; i < n; i++)
			flows[i].src = flows[0].src;
		for (i = 0; i < n; i++)
			flows[i].dst = flows[i].dst == flows[0].src ? flows[0].dst : flows[i].dst;
		assert_int_equal(routing_init(&r, &f, &err), 0);
		ret = n ? routing_plan(&r, flows, n, &err) : -EINVAL;
		for (i = 0; i < n; i++)
			all += flows[i].amount;
		if (!ret) {
			/* At the load that the router reached all fits; below the bound not all. */
			fits = max_flow(&f, flows, n, r.worst * (1 + 1e-5));
			assert_true(fits >= all * (1 - 1e-5));
			fits = max_flow(&f, flows, n, r.bound.load * (1 - 1e-3));
			assert_true(fits < all);
			reached++;
		} else if (n) {
			/* Where there is no path at all, some flow does not fit at any load. */
			assert_int_equal(ret, -EHOSTUNREACH);
			fits = max_flow(&f, flows, n, 1e6);
			assert_true(fits < all * (1 - 1e-9));
			unreachable++;
		}
		routing_free(&r);
		fabric_free(&f);
	}
	assert_true(reached > CASES && unreachable > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_linear_programme),
		cmocka_unit_test(test_max_flow),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
