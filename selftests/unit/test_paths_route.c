// SPDX-License-Identifier: GPL-2.0-or-later
/* Paths on Clos fabrics: every plan is checked link by link, against its own bound. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "planner/colour.h"
#include "planner/route.h"

static uint64_t seed = 88172645463325252ULL;

static uint32_t any(uint32_t below)
{
	/* xorshift64 (Marsaglia 2003): the same cases in every run */
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

/* Where directed edge @e leads from and to: ports, leaves, spines and cores numbered in turn. */
static void ends(const struct fabric *f, uint32_t e, uint32_t *from, uint32_t *to)
{
	uint32_t link = e / 2, low, high, spine;

	if (link < f->first_up) {
		low = link;
		high = f->nr_ports + f->leaf_of[link];
	} else if (link < f->first_core) {
		low = (link - f->first_up) / f->spines;
		high = f->nr_ports + f->nr_leaves + f->pod_of[low] * f->spines +
		       (link - f->first_up) % f->spines;
		low += f->nr_ports;
	} else {
		spine = (link - f->first_core) / f->cores;
		low = f->nr_ports + f->nr_leaves + spine;
		high = f->nr_ports + f->nr_leaves + f->pods * f->spines +
		       spine % f->spines * f->cores + (link - f->first_core) % f->cores;
	}
	*from = e & 1 ? high : low;
	*to = e & 1 ? low : high;
}

/* Paths connect, shares are whole, nothing is dead, loads add up, the bound holds. */
static void check(const struct routing *r)
{
	const struct fabric *f = r->fabric;
	double *load = calloc(2 * f->nr_links, sizeof(*load)), worst = 0;
	uint32_t i, k, e, n, edges[6];

	for (i = 0; i < r->nr_flows; i++) {
		const struct flow *flow = &r->flows[i];
		double all = 0;

		if (!flow->amount || flow->src == flow->dst)
			continue;
		for (k = 0; k < ROUTE_SUBFLOWS; k++) {
			const struct subflow *sub = &r->routes[i].sub[k];
			uint32_t at = flow->src, from, to;

			if (!(sub->share > 0)) {
				assert_true(k > 0);
				continue;
			}
			assert_true(sub->share <= 1);
			all += sub->share;
			n = route_edges(r, i, sub, edges);
			for (e = 0; e < n; e++) {
				ends(f, edges[e], &from, &to);
				assert_int_equal(from, at);
				assert_true(f->rate[edges[e] / 2] > 0);
				load[edges[e]] += sub->share * flow->amount;
				at = to;
			}
			assert_int_equal(at, flow->dst);
		}
		assert_true(fabs(all - 1) < 1e-5);
	}
	for (e = 0; e < 2 * f->nr_links; e++) {
		double held = e & 1 ? r->down[e / 2] : r->up[e / 2];

		assert_true(fabs(load[e] - held) <= 1e-4 * (1 + load[e]));
		if (load[e] > 0 && load[e] / f->rate[e / 2] > worst)
			worst = load[e] / f->rate[e / 2];
	}
	assert_true(fabs(worst - r->worst) <= 1e-4 * (1 + worst));
	assert_true(r->worst >= r->bound.load * (1 - 1e-5));
	free(load);
}

static void shape_of(struct fabric_shape *s)
{
	*s = (struct fabric_shape){ .pods = 1 + any(5),
				    .leaves = 1 + any(5),
				    .spines = 1 + any(6),
				    .cores = any(6),
				    .ports = 1 + any(8),
				    .port_rate = 1 + any(4),
				    .leaf_rate = 1 + any(4),
				    .spine_rate = 1 + any(4) };
}

static bool reaches(const struct fabric *f, uint32_t src, uint32_t dst)
{
	return f->cores || f->pod_of[f->leaf_of[src]] == f->pod_of[f->leaf_of[dst]];
}

static void test_deal(void **state)
{
	uint32_t round, i, c, v;

	(void)state;
	for (round = 0; round < 400; round++) {
		uint32_t n = any(300), lefts = 1 + any(12), rights = 1 + any(12);
		uint32_t classes = 1 + any(9), start[11], degree = 0;
		struct colour_edge *edges = calloc(n + 1, sizeof(*edges));
		uint32_t *count = calloc((lefts + rights) * (classes + 1), sizeof(*count));
		bool *seen = calloc(n + 1, sizeof(*seen));

		for (i = 0; i < n; i++)
			edges[i] = (struct colour_edge){ any(lefts), any(rights), i };
		assert_true(colour_deal(edges, n, lefts, rights, classes, start));
		assert_int_equal(start[0], 0);
		assert_int_equal(start[classes], n);
		for (c = 0; c < classes; c++) {
			assert_true(start[c] <= start[c + 1]);
			for (i = start[c]; i < start[c + 1]; i++) {
				assert_false(seen[edges[i].id]);
				seen[edges[i].id] = true;
				count[edges[i].left * (classes + 1) + c]++;
				count[(lefts + edges[i].right) * (classes + 1) + c]++;
				count[edges[i].left * (classes + 1) + classes]++;
				count[(lefts + edges[i].right) * (classes + 1) + classes]++;
			}
		}
		for (v = 0; v < lefts + rights; v++) {
			if (count[v * (classes + 1) + classes] > degree)
				degree = count[v * (classes + 1) + classes];
		}
		for (v = 0; v < lefts + rights; v++) {
			uint32_t d = count[v * (classes + 1) + classes];

			if (classes & (classes - 1))
				d = degree;
			for (c = 0; c < classes; c++)
				assert_true(count[v * (classes + 1) + c] <=
					    (d + classes - 1) / classes);
		}
		free(edges);
		free(count);
		free(seen);
	}
}

/* One flow out of and into every port of a full fat-tree: no link carries two. */
static void test_permutation(void **state)
{
	static const uint32_t ks[] = { 2, 4, 6, 8, 10, 12, 16 };
	uint32_t t, i;

	(void)state;
	for (t = 0; t < sizeof(ks) / sizeof(ks[0]); t++) {
		struct fabric_shape shape = fabric_fat_tree(ks[t], 10);
		struct dmsc_error err;
		struct fabric f;
		struct routing r;
		struct flow *flows;

		assert_int_equal(fabric_make(&f, &shape, &err), 0);
		assert_int_equal(f.nr_ports, ks[t] * ks[t] * ks[t] / 4);
		flows = calloc(f.nr_ports, sizeof(*flows));
		for (i = 0; i < f.nr_ports; i++) {
			uint32_t j = any(i + 1);

			flows[i] = (struct flow){ i, i, 10 };
			flows[i].dst = flows[j].dst;
			flows[j].dst = i;
		}
		assert_int_equal(routing_init(&r, &f, &err), 0);
		assert_int_equal(routing_plan(&r, flows, f.nr_ports, &err), 0);
		check(&r);
		assert_true(r.worst == r.bound.load);
		assert_true(r.unsplit_best);
		for (i = 0; i < r.nr_flows; i++)
			assert_true(r.routes[i].sub[0].share == 1);
		routing_free(&r);
		fabric_free(&f);
		free(flows);
	}
}

static uint32_t random_flows(const struct fabric *f, struct flow *flows, uint32_t most, bool equal)
{
	uint32_t n = 0, i;

	for (i = 0; i < most; i++) {
		struct flow flow = { any(f->nr_ports), any(f->nr_ports), equal ? 3 : 1 + any(7) };

		if (reaches(f, flow.src, flow.dst))
			flows[n++] = flow;
	}
	return n;
}

/* Random fabrics, jobs that come and go, links that die and come back. */
static void test_changes(void **state)
{
	struct flow flows[200];
	struct dmsc_error err;
	uint32_t round, step;

	(void)state;
	for (round = 0; round < 150; round++) {
		struct fabric_shape shape;
		uint32_t n, moved, used;
		struct routing r;
		struct fabric f;

		shape_of(&shape);
		assert_int_equal(fabric_make(&f, &shape, &err), 0);
		assert_int_equal(routing_init(&r, &f, &err), 0);
		n = random_flows(&f, flows, any(200), round & 1);
		assert_int_equal(routing_plan(&r, flows, n, &err), 0);
		check(&r);
		for (step = 0; step < 12; step++) {
			uint32_t link = f.first_up + any(f.nr_links - f.first_up);
			double rate = f.rate[link];
			int ret;

			switch (any(3)) {
			case 0:
				fabric_set_rate(&f, link, rate ? 0 : 2);
				ret = routing_link_changed(&r, link, &used, &moved, &err);
				if (ret == -EHOSTUNREACH) {
					/* The search gives up only when there is nothing. */
					step = 12;
					continue;
				}
				assert_int_equal(ret, 0);
				assert_true(moved <= used + used / 10);
				break;
			case 1:
				n = random_flows(&f, flows, any(30), false);
				ret = routing_add(&r, flows, n, &moved, &err);
				if (ret == -EHOSTUNREACH) {
					step = 12;
					continue;
				}
				assert_int_equal(ret, 0);
				break;
			default:
				n = r.nr_flows / 2;
				ret = routing_remove(&r, n, r.nr_flows - n, &err);
				assert_int_equal(ret, 0);
			}
			check(&r);
		}
		routing_free(&r);
		fabric_free(&f);
	}
}

/* With 4:1 at the leaves, 2% of links dead and mixed rates the bound is all but reached. */
static void test_near_bound(void **state)
{
	const struct fabric_shape shape = { 8, 4, 8, 4, 32, 100, 100, 100 };
	uint32_t round, i;

	(void)state;
	for (round = 0; round < 6; round++) {
		struct flow *flows;
		struct dmsc_error err;
		struct routing r;
		struct fabric f;

		assert_int_equal(fabric_make(&f, &shape, &err), 0);
		for (i = 0; i < (f.nr_links - f.first_up) / 50; i++)
			fabric_set_rate(&f, f.first_up + any(f.nr_links - f.first_up), 0);
		flows = calloc(f.nr_ports, sizeof(*flows));
		for (i = 0; i < f.nr_ports; i++) {
			uint32_t j = any(i + 1);

			flows[i] = (struct flow){ i, i, 25 << any(3) };
			flows[i].dst = flows[j].dst;
			flows[j].dst = i;
		}
		assert_int_equal(routing_init(&r, &f, &err), 0);
		assert_int_equal(routing_plan(&r, flows, f.nr_ports, &err), 0);
		check(&r);
		assert_true(r.worst <= 1.02 * r.bound.load);
		routing_free(&r);
		fabric_free(&f);
		free(flows);
	}
}

static void test_refused(void **state)
{
	struct fabric_shape shape = { 2, 2, 2, 0, 2, 1, 1, 1 };
	struct flow flow = { 0, 4, 1 };
	struct dmsc_error err;
	struct routing r;
	struct fabric f;

	(void)state;
	assert_int_equal(fabric_make(&f, &shape, &err), 0);
	assert_int_equal(routing_init(&r, &f, &err), 0);
	/* Pods without cores do not reach each other. */
	assert_int_equal(routing_plan(&r, &flow, 1, &err), -EHOSTUNREACH);
	flow.dst = 8;
	assert_int_equal(routing_plan(&r, &flow, 1, &err), -EINVAL);
	flow.dst = 3;
	flow.amount = 0;
	assert_int_equal(routing_plan(&r, &flow, 1, &err), -EINVAL);
	flow.amount = 1;
	fabric_set_rate(&f, 0, 0);
	routing_free(&r);
	assert_int_equal(routing_init(&r, &f, &err), 0);
	assert_int_equal(routing_plan(&r, &flow, 1, &err), -EHOSTUNREACH);
	routing_free(&r);
	fabric_free(&f);
	shape.pods = 1U << 31;
	assert_int_equal(fabric_make(&f, &shape, &err), -EINVAL);
	shape = (struct fabric_shape){ 1 << 12, 1 << 12, 1 << 8, 1, 1, 1, 1, 1 };
	assert_int_equal(fabric_make(&f, &shape, &err), -EINVAL);
	shape = (struct fabric_shape){ 1, 1, 0, 1, 1, 1, 1, 1 };
	assert_int_equal(fabric_make(&f, &shape, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deal),	cmocka_unit_test(test_permutation),
		cmocka_unit_test(test_changes), cmocka_unit_test(test_near_bound),
		cmocka_unit_test(test_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
