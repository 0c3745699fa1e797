// SPDX-License-Identifier: GPL-2.0-or-later
/* Whole plans on generated fabrics: paths lead where they should, and the bound is one. */
#include "selftests/unit/plan_check.h"

static const char *const fabrics[] = {
	"fabric: leaf-spine, leaves: 4, spines: 2, hosts: 4",
	"fabric: fat-tree, k: 4",
	"fabric: rail-optimised, segments: 2, hosts: 8, rails: 8, spines: 4",
	"fabric: dual-plane, segments: 2, hosts: 8, rails: 8, spines: 4",
};

/* What crosses the border of a host alone is a bound that anybody can add up. */
static double host_bound(const struct plan *p)
{
	double *out = calloc(p->nr_hosts, sizeof(*out)), *rate = calloc(p->nr_hosts, sizeof(*rate));
	double bound = 0;
	uint32_t i, h;

	for (i = 0; i < p->nr_flows; i++) {
		if (p->flows[i].path != MODEL_NONE)
			out[p->instances[p->flows[i].src].host] += 8.0 * p->flows[i].bytes;
	}
	for (h = 0; h < p->nr_hosts; h++) {
		for (i = 0; i < p->topo.nr_links; i++) {
			if (p->topo.links[i].a == p->hosts[h].node)
				rate[h] += p->topo.links[i].rate;
		}
		if (out[h] / rate[h] > bound)
			bound = out[h] / rate[h];
	}
	free(out);
	free(rate);
	return bound;
}

static void test_fabrics(void **state)
{
	char text[300], *file;
	uint32_t i, e;

	(void)state;
	for (i = 0; i < sizeof(fabrics) / sizeof(fabrics[0]); i++) {
		double worst = 0;
		struct plan p;

		snprintf(text, sizeof(text), "name: x\ngenerate: {%s, gpus: 8, rate: 400Gbit}\n",
			 fabrics[i]);
		file = temp_file(text, strlen(text));
		p = make_plan("examples/gpt13b-tp8-dp16.yaml", file, NULL);
		unlink(file);
		free(file);
		check_paths(&p);
		check_round_trip(&p);
		for (e = 0; e < 2 * p.topo.nr_links; e++) {
			double load = 8 * p.edge_load[e] / p.topo.links[e / 2].rate;

			worst = load > worst ? load : worst;
		}
		assert_true(worst > 0 && worst == p.certificate.worst);
		assert_true(p.certificate.bound <= worst * (1 + 1e-9));
		assert_true(p.certificate.bound >= host_bound(&p) * (1 - 1e-9));
		assert_true(p.certificate.cut[0]);
		plan_free(&p);
	}
}

/* A rail for every GPU: nothing better is possible, and the plan says so. */
static void test_certified(void **state)
{
	static const char text[] =
		"name: x\n"
		"generate: {fabric: rail-optimised, segments: 1, hosts: 16, rails: 8, spines: 1, "
		"gpus: 8, rate: 400Gbit}\n";
	char *file = temp_file(text, strlen(text));
	struct plan p;

	(void)state;
	p = make_plan("examples/gpt13b-tp8-dp16.yaml", file, NULL);
	assert_true(p.certificate.worst <= p.certificate.bound * (1 + 1e-9));
	plan_free(&p);
	unlink(file);
	free(file);
}

/* Eight leaves whose hosts the file mixes: the job takes those of as few pods as hold it. */
static void test_places(void **state)
{
	char csv[2048] = "ip,DSW,PSW,ASW\n", yaml[200], *file, *data;
	uint32_t i, k, leaves = 0, seen[64] = { 0 };
	struct plan p;

	(void)state;
	/* Pod P0 has 12 hosts, pod P1 20: the job of 16 hosts fits into the second. */
	for (i = 0; i < 32; i++)
		snprintf(csv + strlen(csv), 40, "h%u,G,P%u,S%u\n", i, i % 8 >= 3, i % 4);
	data = temp_file(csv, strlen(csv));
	snprintf(yaml, sizeof(yaml),
		 "name: x\nimport: {format: lingjun, file: %s, gpus: 8, rate: 400Gbit}\n", data);
	file = temp_file(yaml, strlen(yaml));
	p = make_plan("examples/gpt13b-tp8-dp16.yaml", file, NULL);
	for (i = 0; i < p.nr_instances; i++) {
		uint32_t host = p.instances[i].host, leaf = MODEL_NONE;

		if (p.instances[i].gpu < 0)
			continue;
		/* its pod: the file's rule */
		assert_true(host % 8 >= 3);
		for (k = 0; k < p.topo.nr_links; k++) {
			if (p.topo.links[k].a == p.hosts[host].node)
				leaf = p.topo.links[k].b;
		}
		assert_true(leaf < 64);
		/* Leaf by leaf: none is come back to. */
		if (!i || !seen[leaf]) {
			leaves++;
			seen[leaf] = leaves;
		}
		assert_int_equal(seen[leaf], leaves);
	}
	assert_true(leaves <= 4);
	plan_free(&p);
	unlink(file);
	unlink(data);
	free(file);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fabrics),
		cmocka_unit_test(test_certified),
		cmocka_unit_test(test_places),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
