// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Topologies as fabrics of the path core, and plans whose paths it finds: its
 * ways are looked up link by link in the topology, by rules of the test's own.
 */
#include <math.h>

#include "planner/paths_core.h"
#include "selftests/unit/plan_check.h"

static const char *const fabrics[] = {
	"fabric: leaf-spine, leaves: 4, spines: 2, hosts: 4",
	"fabric: fat-tree, k: 4",
	"fabric: rail-optimised, segments: 2, hosts: 8, rails: 8, spines: 4",
	"fabric: dual-plane, segments: 2, hosts: 8, rails: 8, spines: 4",
};

#define NR_FABRICS (sizeof(fabrics) / sizeof(fabrics[0]))

/* The job with @change (after its name) on the fabric; free() what comes back with plan_free(). */
static struct plan plan_on(const char *fabric, const char *job, bool pinned)
{
	struct dmsc_error err;
	struct topology t;
	char text[300], *file;
	struct plan p;
	struct job j;

	snprintf(text, sizeof(text), "name: x\ngenerate: {%s, gpus: 8, rate: 400Gbit}\n", fabric);
	file = temp_file(text, strlen(text));
	if (job_read(job, &j, &err) || topology_read(file, &t, &err))
		fail_msg("%s", err.text);
	j.pinned = pinned;
	if (plan_job(&j, &t, &p, &err))
		fail_msg("%s", err.text);
	job_free(&j);
	topology_free(&t);
	unlink(file);
	free(file);
	return p;
}

static uint32_t from_of(const struct topology *t, uint32_t edge)
{
	return edge & 1 ? t->links[edge / 2].b : t->links[edge / 2].a;
}

static uint32_t to_of(const struct topology *t, uint32_t edge)
{
	return edge & 1 ? t->links[edge / 2].a : t->links[edge / 2].b;
}

/* Each way is one chain of links from its sender's host to its receiver's. */
static void test_ways(void **state)
{
	uint32_t i, f, k, n, part;

	(void)state;
	for (i = 0; i < NR_FABRICS; i++) {
		struct plan p = plan_on(fabrics[i], "examples/gpt13b-tp8-dp16.yaml", false);
		uint32_t edges[CLOS_EDGES_MAX], routed = 0;
		double *load = calloc(2 * p.topo.nr_links + 1, sizeof(*load)), worst = 0;
		struct dmsc_error err;
		struct paths_core c;

		assert_int_equal(paths_core_make(&c, &p, &err), 0);
		assert_true(c.made);
		assert_int_equal(c.clos.rails, i >= 2);
		for (f = 0; f < p.nr_flows; f++) {
			const struct plan_flow *flow = &p.flows[f];
			uint32_t src = p.hosts[p.instances[flow->src].host].node;
			uint32_t dst = p.hosts[p.instances[flow->dst].host].node;
			const struct route *route;

			if (c.index[f] == MODEL_NONE) {
				assert_true(src == dst || flow->bulk);
				continue;
			}
			routed++;
			route = &c.routing.routes[c.index[f]];
			for (part = 0; part < ROUTE_SUBFLOWS && route->sub[part].share > 0; part++) {
				n = clos_way(&c.clos, &c.routing, c.index[f], &route->sub[part],
					     edges);
				assert_true(n >= 2);
				assert_int_equal(from_of(&p.topo, edges[0]), src);
				assert_int_equal(to_of(&p.topo, edges[n - 1]), dst);
				for (k = 1; k < n; k++)
					assert_int_equal(from_of(&p.topo, edges[k]),
							 to_of(&p.topo, edges[k - 1]));
				for (k = 0; k < n; k++)
					load[edges[k]] += 8.0 * flow->bytes * route->sub[part].share;
			}
		}
		assert_true(routed > 0);
		for (k = 0; k < 2 * p.topo.nr_links; k++)
			worst = fmax(worst, load[k] / p.topo.links[k / 2].rate);
		/* The core's own account is that of the topology's links; no more than 2 % is lost. */
		assert_true(fabs(worst / c.routing.worst - 1) < 1e-6);
		assert_true(worst >= c.routing.bound.load * (1 - 1e-6));
		assert_true(worst <= c.routing.bound.load * 1.02);
		free(load);
		paths_core_free(&c);
		plan_free(&p);
	}
}

/* Pinned paths reach the certificate's bound, which stands on other cuts than the core's. */
static void test_pinned(void **state)
{
	uint32_t i, k;

	(void)state;
	for (i = 0; i < NR_FABRICS; i++) {
		struct plan p = plan_on(fabrics[i], "examples/gpt13b-tp8-dp16.yaml", true);
		struct plan rails = plan_on(fabrics[i], "examples/gpt13b-tp8-dp16.yaml", false);

		assert_true(p.certificate.core);
		check_paths(&p);
		for (k = 0; k < p.nr_flows; k++) {
			const struct plan_path *path = &p.paths[p.flows[k].path];

			if (p.flows[k].path == MODEL_NONE)
				continue;
			assert_true(path->pinned);
			assert_int_equal(path->link, path->edges[0] / 2);
		}
		/* One way a flow: where the core splits none, as on these, it is what it promised. */
		assert_true(p.certificate.worst <= rails.certificate.worst * 1.02);
		plan_free(&p);
		plan_free(&rails);
	}
}

static struct dmsc_addr v6(uint8_t net, uint32_t n)
{
	struct dmsc_addr a = { .b = { 0xfd, net, [12] = n >> 24, n >> 16, n >> 8, n } };

	return a;
}

/* Behind the first switch, all that the edges lead to, from a file that was written and read. */
static void check_segments(const struct plan *p, uint32_t *prescribed)
{
	uint32_t i, k;

	for (i = 0; i < p->nr_paths; i++) {
		const struct plan_path *path = &p->paths[i];
		const struct plan_encap *e = path->encap;

		if (!e)
			continue;
		++*prescribed;
		assert_int_equal(e->kind, PATH_SRV6);
		assert_int_equal(e->nr_segments, path->nr_edges - 1);
		assert_memory_equal(&e->source, &p->topo.links[path->link].addr6_a, 16);
		assert_memory_equal(&e->nexthop, &p->topo.links[path->link].addr6_b, 16);
		for (k = 0; k < e->nr_segments; k++) {
			struct dmsc_addr to = v6(1, to_of(&p->topo, path->edges[k + 1]));

			assert_memory_equal(&e->segments[k], &to, sizeof(to));
		}
	}
}

/* Prescribed paths are written as segments, over two tiers and three, and read back. */
static void test_segments(void **state)
{
	uint32_t i, k, tiers;

	(void)state;
	for (tiers = 0; tiers < 2; tiers++) {
		struct plan p, back;
		struct dmsc_error err;
		struct topology t;
		char text[300], *file, *out = temp_file("", 0);
		uint32_t prescribed = 0, longest = 0;
		struct job j;

		snprintf(text, sizeof(text), "name: x\ngenerate: {%s, gpus: 8, rate: 400Gbit}\n",
			 fabrics[tiers]);
		file = temp_file(text, strlen(text));
		assert_int_equal(job_read("examples/gpt13b-tp8-dp16.yaml", &j, &err), 0);
		assert_int_equal(topology_read(file, &t, &err), 0);
		t.srv6 = true;
		for (i = 0; i < t.nr_nodes; i++)
			t.nodes[i].segment = v6(1, i);
		for (i = 0; i < t.nr_links; i++) {
			t.links[i].addr6_a = v6(2, 2 * i);
			t.links[i].addr6_b = v6(2, 2 * i + 1);
		}
		if (plan_job(&j, &t, &p, &err) || plan_write(&p, out, &err) ||
		    plan_read(out, &back, &err))
			fail_msg("%s", err.text);
		assert_true(back.topo.srv6);
		assert_memory_equal(&back.topo.nodes[1].segment, &t.nodes[1].segment, 16);
		check_segments(&back, &prescribed);
		assert_true(prescribed > 0);
		for (k = 0; k < p.nr_flows; k++) {
			const struct plan_flow *f = &p.flows[k];

			if (f->path == MODEL_NONE || f->bulk)
				continue;
			/* Only within a leaf there is nothing to prescribe. */
			assert_true(p.paths[f->path].nr_edges == 2 || p.paths[f->path].encap);
			longest = p.paths[f->path].nr_edges > longest ? p.paths[f->path].nr_edges :
									longest;
		}
		assert_int_equal(longest, tiers ? 6 : 4);
		plan_free(&p);
		plan_free(&back);
		job_free(&j);
		topology_free(&t);
		unlink(file);
		unlink(out);
		free(file);
		free(out);
	}
}

/* Four hosts of two rails: every class is on both rails as evenly as its flows can be. */
static void test_rails(void **state)
{
	struct plan p = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL);
	uint32_t h, c, i, own = 0, others = 0;

	(void)state;
	assert_true(p.certificate.core);
	for (h = 0; h < p.nr_hosts; h++) {
		for (c = DMSC_CLASS_DATA; c < DMSC_NR_CLASSES; c++) {
			double bytes[2] = { 0 }, largest = 0;

			for (i = 0; i < p.nr_flows; i++) {
				const struct plan_flow *f = &p.flows[i];

				if (f->path == MODEL_NONE || f->class != c ||
				    p.instances[f->src].host != h)
					continue;
				bytes[p.topo.links[p.paths[f->path].link].if_a[4] == '1'] +=
					f->bytes;
				largest = fmax(largest, f->bytes);
			}
			assert_true(fabs(bytes[0] - bytes[1]) <= largest);
		}
	}
	for (i = 0; i < p.nr_flows; i++) {
		const struct plan_flow *f = &p.flows[i];

		if (f->path == MODEL_NONE || f->bulk)
			continue;
		if ((p.instances[f->src].gpu & 1) ==
		    (p.topo.links[p.paths[f->path].link].if_a[4] == '1'))
			own++;
		else
			others++;
	}
	/* Flows of one size take the rail of their GPU. */
	assert_true(own > 3 * others);
	plan_free(&p);
}

/* Two links to one switch are no fabric of the core; the plan is made flow by flow. */
static void test_other(void **state)
{
	static const char text[] =
		"name: two\n"
		"hosts:\n"
		"  - {name: host0, gpus: 8, address: 10.255.0.1}\n"
		"  - {name: host1, gpus: 8, address: 10.255.0.2}\n"
		"  - {name: host2, gpus: 8, address: 10.255.0.3}\n"
		"  - {name: host3, gpus: 8, address: 10.255.0.4}\n"
		"  - {name: store0, gpus: 0, address: 10.255.0.5}\n"
		"switches:\n"
		"  - {name: leaf0, tier: leaf, address: 10.255.2.1}\n"
		"links:\n"
		"  - {a: \"host0:rail0\", b: \"leaf0:p0\", subnet: 10.0.0.0/31, rate: 400Gbit}\n"
		"  - {a: \"host0:rail1\", b: \"leaf0:p1\", subnet: 10.0.0.2/31, rate: 400Gbit}\n"
		"  - {a: \"host1:rail0\", b: \"leaf0:p2\", subnet: 10.0.0.4/31, rate: 400Gbit}\n"
		"  - {a: \"host2:rail0\", b: \"leaf0:p3\", subnet: 10.0.0.6/31, rate: 400Gbit}\n"
		"  - {a: \"host3:rail0\", b: \"leaf0:p4\", subnet: 10.0.0.8/31, rate: 400Gbit}\n"
		"  - {a: \"store0:rail0\", b: \"leaf0:p5\", subnet: 10.0.0.10/31, rate: 400Gbit}\n";
	char *file = temp_file(text, sizeof(text) - 1);
	struct plan p = make_plan(EXAMPLE_JOB, file, NULL);

	(void)state;
	assert_false(p.certificate.core);
	check_paths(&p);
	assert_true(p.certificate.worst > 0 && p.certificate.bound > 0);
	plan_free(&p);
	unlink(file);
	free(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ways),	 cmocka_unit_test(test_pinned),
		cmocka_unit_test(test_segments), cmocka_unit_test(test_rails),
		cmocka_unit_test(test_other),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
