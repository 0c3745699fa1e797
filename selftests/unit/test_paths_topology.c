// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Topologies that are generated or come from other tools, and what is wrong
 * with them: always one line with file, line and field. All of it within
 * 100 MB of data, which the process gives itself as its limit.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/spec.h"

static char folder[] = "/tmp/dmsc-topology-XXXXXX";

static const char *file_of(const char *name, const char *text)
{
	static char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

static void good(const char *yaml, struct topology *t)
{
	struct dmsc_error err;

	if (topology_read(file_of("t.yaml", yaml), t, &err))
		fail_msg("%s: %s", yaml, err.text);
}

/* The message of @yaml is folder/@expected. */
static void refused(const char *yaml, const char *expected)
{
	struct dmsc_error err;
	struct topology t;
	char text[400];

	assert_int_equal(topology_read(file_of("t.yaml", yaml), &t, &err), -EINVAL);
	snprintf(text, sizeof(text), "%s/%s", folder, expected);
	if (strncmp(err.text, text, strlen(text)))
		fail_msg("'%s', expected '%s'", err.text, text);
}

static uint32_t count(const struct topology *t, enum node_kind kind)
{
	uint32_t i, n = 0;

	for (i = 0; i < t->nr_nodes; i++)
		n += t->nodes[i].kind == kind;
	return n;
}

static void check_kinds(const struct topology *t, uint32_t hosts, uint32_t leaves, uint32_t spines,
			uint32_t cores, uint32_t links)
{
	uint32_t i;

	assert_int_equal(count(t, NODE_HOST), hosts);
	assert_int_equal(count(t, NODE_LEAF), leaves);
	assert_int_equal(count(t, NODE_SPINE), spines);
	assert_int_equal(count(t, NODE_CORE), cores);
	assert_int_equal(t->nr_links, links);
	/* Every link leads one tier up. */
	for (i = 0; i < t->nr_links; i++)
		assert_int_equal(t->nodes[t->links[i].a].kind + 1, t->nodes[t->links[i].b].kind);
}

static void test_generate(void **state)
{
	struct topology t;

	(void)state;
	good("name: x\ngenerate: {fabric: leaf-spine, leaves: 3, spines: 2, hosts: 4, gpus: 8, rate: 400Gbit}\n",
	     &t);
	check_kinds(&t, 12, 3, 2, 0, 18);
	assert_string_equal(t.nodes[11].name, "host11");
	assert_int_equal(t.nodes[11].gpus, 8);
	assert_true(t.links[0].rate == 400000000000ULL);
	topology_free(&t);
	good("name: x\ngenerate: {fabric: fat-tree, k: 4, gpus: 8, rate: 100Gbit, uplink_rate: 50Gbit}\n",
	     &t);
	check_kinds(&t, 16, 8, 8, 4, 48);
	topology_free(&t);
	good("name: x\ngenerate: {fabric: rail-optimised, segments: 2, hosts: 4, rails: 8, spines: 4, gpus: 8, rate: 400Gbit}\n",
	     &t);
	check_kinds(&t, 8, 16, 4, 0, 8 * 8 + 16 * 4);
	topology_free(&t);
	good("name: x\ngenerate: {fabric: dual-plane, segments: 2, hosts: 4, rails: 8, spines: 4, gpus: 8, rate: 200Gbit}\n",
	     &t);
	check_kinds(&t, 8, 32, 8, 0, 8 * 16 + 32 * 4);
	topology_free(&t);
	/* The largest: 65,536 hosts. */
	good("name: x\ngenerate: {fabric: fat-tree, k: 64, gpus: 8, rate: 400Gbit}\n", &t);
	check_kinds(&t, 65536, 2048, 2048, 1024, 3 * 65536);
	topology_free(&t);
}

static void test_generate_refused(void **state)
{
	(void)state;
	refused("name: x\ngenerate: {fabric: torus, gpus: 8, rate: 1Gbit}\n",
		"t.yaml:2: generate.fabric: 'torus', expected leaf-spine");
	refused("name: x\ngenerate: {fabric: fat-tree, k: 5, gpus: 8, rate: 1Gbit}\n",
		"t.yaml:2: generate.k: 5, expected an even number");
	refused("name: x\ngenerate: {fabric: fat-tree, gpus: 8, rate: 1Gbit}\n",
		"t.yaml:2: generate.k: missing, expected for fat-tree");
	refused("name: x\ngenerate: {fabric: fat-tree, k: 4, spines: 3, gpus: 8, rate: 1Gbit}\n",
		"t.yaml:2: generate.spines: given, expected not for fat-tree");
	refused("name: x\ngenerate: {fabric: fat-tree, k: 4, gpus: 1000000000000, rate: 1Gbit}\n",
		"t.yaml:2: generate.gpus: 1000000000000, expected 1 to 64");
	refused("name: x\ngenerate: {fabric: leaf-spine, leaves: 65536, hosts: 65536, spines: 1, gpus: 8, rate: 1Gbit}\n",
		"t.yaml:2: generate: 4294967296 hosts and");
	refused("name: x\n", "t.yaml:1: topology: expected hosts and links, or generate, or import");
	refused("name: x\nhosts: []\ngenerate: {fabric: fat-tree, k: 4, gpus: 8, rate: 1Gbit}\n",
		"t.yaml:1: topology: expected");
	refused("name: x\nimport: {format: visio, file: x}\n", "t.yaml:2: import.format: 'visio'");
	refused("name: x\nimport: {format: slurm-conf, file: x, gpus: 8}\n",
		"t.yaml:2: import.rate: missing");
	refused("name: x\nimport: {format: simai, file: x, gpus: 8}\n", "t.yaml:2: import: gpus or");
}

/* Two fabrics in one file. */
static void test_pieces(void **state)
{
	(void)state;
	refused("name: x\n"
		"hosts:\n"
		"  - {name: a, gpus: 1, address: 10.1.0.1}\n"
		"  - {name: b, gpus: 1, address: 10.1.0.2}\n"
		"switches:\n"
		"  - {name: l, tier: leaf, address: 10.1.0.3}\n"
		"  - {name: m, tier: leaf, address: 10.1.0.4}\n"
		"links:\n"
		"  - {a: 'a:e0', b: 'l:e0', subnet: 10.0.0.0/31, rate: 1Gbit}\n"
		"  - {a: 'b:e0', b: 'm:e0', subnet: 10.0.0.2/31, rate: 1Gbit}\n",
		"t.yaml:4: links: no way from 'a' to 'b', expected one fabric");
}

#define SIMAI "name: x\nimport: {format: simai, file: s}\n"

/* Two servers of two GPUs, two leaves, a spine. */
static const char simai_good[] = "9 2 2 3 12 H100\n4 5 6 7 8\n"
				 "0 4 2880Gbps 0.000025ms 0\n1 4 2880Gbps 0.000025ms 0\n"
				 "2 5 2880Gbps 0.000025ms 0\n3 5 2880Gbps 0.000025ms 0\n"
				 "0 6 400Gbps 0.0005ms 0\n1 7 400Gbps 0.0005ms 0\n"
				 "2 6 400Gbps 0.0005ms 0\n3 7 400Gbps 0.0005ms 0\n"
				 "6 8 800Gbps 0.0005ms 0\n7 8 800Gbps 0.0005ms 0\n"
				 "7 8 800Gbps 0.0005ms 0\n8 6 800Gbps 0.0005ms 0\n";

static void simai_refused(const char *text, const char *expected)
{
	file_of("s", text);
	refused(SIMAI, expected);
}

static void test_simai(void **state)
{
	struct topology t;

	(void)state;
	file_of("s", simai_good);
	good(SIMAI, &t);
	check_kinds(&t, 2, 2, 1, 0, 8);
	assert_int_equal(t.nodes[0].gpus, 2);
	assert_true(t.links[0].rate == 400000000000ULL);
	topology_free(&t);
	simai_refused("", "s:1: nodes: '', expected a number");
	simai_refused("1000000000000 8 0 1 1 H100\n", "s:1: nodes: '1000000000000', expected");
	simai_refused("9 8 1\n", "s:1: switches: '', expected a number");
	simai_refused("5 2 2 3 1 X\n", "s:1: nodes: 5, expected more than the 5 switches");
	simai_refused("9 3 2 3 1 X\n4 5 6 7 8\n", "s:1: GPUs a server: 3, expected a divisor");
	simai_refused("9 2 2 3 1 X\n4 5\n", "s:2: switches: 2 numbers, expected 5");
	simai_refused("9 2 2 3 1 X\n4 5 6 7 8\n0 99 1Gbps\n", "s:3: destination: '99', expected");
	simai_refused("9 2 2 3 1 X\n4 5 6 7 8\n6 6 1Gbps\n", "s:3: destination: '6', expected");
	simai_refused("9 2 2 3 1 X\n4 5 6 7 8\n0 6 fast\n", "s:3: rate: 'fast', expected one such");
	simai_refused("9 2 2 3 1 X\n4 5 6 7 8\n0 1 1Gbps\n",
		      "s:3: destination: 0 and 1 are both GPUs");
	simai_refused("9 2 2 3 2 X\n4 5 6 7 8\n0 6 1Gbps\n", "s:3: links: 1, expected 2");
	simai_refused("9 2 2 3 1 X\n4 5 6 7 8\n0 6 1Gbps\n1 6 1Gbps\n", "s:4: links: more than");
	/* a ring of switches */
	simai_refused("9 2 2 3 3 X\n4 5 6 7 8\n0 6 1Gbps\n2 7 1Gbps\n6 7 1Gbps\n",
		      "s:5: destination: 6 and 7 are in the same tier");
	/* two pieces */
	simai_refused("9 2 2 3 2 X\n4 5 6 7 8\n0 6 1Gbps\n2 7 1Gbps\n",
		      "s:1: links: no way from 'host0' to 'host1'");
}

#define CONF "name: x\nimport: {format: slurm-conf, file: c, gpus: 8, rate: 400Gbit}\n"

static void conf_refused(const char *text, const char *expected)
{
	file_of("c", text);
	refused(CONF, expected);
}

static void test_slurm_conf(void **state)
{
	struct topology t;

	(void)state;
	file_of("c", "# two leaves\nSwitchName=top Switches=s[1-2]\n"
		     "switchname=s1 nodes=n[01-03],login LinkSpeed=100\n\n"
		     "SwitchName=s2 \\\n  Nodes=n[08,10-11]x[1-2]  # end\n");
	good(CONF, &t);
	check_kinds(&t, 10, 2, 1, 0, 12);
	topology_free(&t);
	conf_refused("SwitchName=s1\n", "c:1: Nodes or Switches: missing");
	conf_refused("Nodes=n1\n", "c:1: SwitchName: missing");
	conf_refused("SwitchName=s1 Nodes=\n", "c:1: Nodes: no value");
	conf_refused("SwitchName=s1 Nodes=n[1-2\n", "c:1: Nodes: at 'n[1-2', expected a host list");
	conf_refused("SwitchName=s1 Nodes=n[2-1]\n", "c:1: Nodes: at '2-1]', expected a range");
	conf_refused("SwitchName=s1 Nodes=n[1-1000000000000]\n",
		     "c:1: Nodes: at '1-1000000000000]', expected a range");
	conf_refused("SwitchName=s1 Nodes=n[1-60000]x[1-60000]\n",
		     "c:1: Nodes: at '', expected at most 65536 names");
	conf_refused("SwitchName=s1 Nodes=a\nSwitchName=s2 Nodes=a\n",
		     "c:2: Nodes: 'a' is there already");
	conf_refused("SwitchName=s1 Nodes=a\nSwitchName=s1 Nodes=b\n",
		     "c:2: switch: 's1' is there already");
	conf_refused("SwitchName=s1 Switches=s9\n", "c:1: Switches: 's9', expected a switch");
	conf_refused("BlockName=b1 Nodes=a\n", "c:1: BlockName: not known");
	/* circles, with and without hosts below */
	conf_refused("SwitchName=a Switches=b\nSwitchName=b Switches=a\n",
		     "c:1: tiers: 'a' is part of");
	conf_refused("SwitchName=a Switches=b Nodes=n\nSwitchName=b Switches=a\n",
		     "c:1: tiers: 'n' is below more");
	conf_refused("SwitchName=a Switches=c\nSwitchName=b Switches=c\nSwitchName=c Nodes=n\n",
		     "c:2: Switches: 'c' is below another switch already");
	conf_refused("SwitchName=s1 Nodes=a\nSwitchName=s2 Nodes=b\n",
		     "c:1: switches: no way from 'a' to 'b', expected one fabric");
}

#define YAML "name: x\nimport: {format: slurm-yaml, file: y, gpus: 8, rate: 400Gbit}\n"

static void test_slurm_yaml(void **state)
{
	struct topology t;

	(void)state;
	file_of("y", "- topology: flat\n  flat: true\n"
		     "- topology: topo1\n  cluster_default: true\n  tree:\n    switches:\n"
		     "      - switch: root\n        children: s[1-2]\n"
		     "      - switch: s1\n        nodes: n[01-02]\n"
		     "      - switch: s2\n        nodes: n[03-04]\n");
	good(YAML, &t);
	check_kinds(&t, 4, 2, 1, 0, 6);
	topology_free(&t);
	file_of("y", "- topology: flat\n  flat: true\n");
	refused(YAML, "y:1: tree: no topology has switches");
	file_of("y", "- topology: t\n  tree:\n    switches:\n      - nodes: a\n");
	refused(YAML, "y:4: switches[0].switch: missing");
	file_of("y",
		"- topology: t\n  tree:\n    switches:\n      - switch: a\n        children: b\n");
	refused(YAML, "y:4: children: 'b', expected a switch");
}

#define CSV "name: x\nimport: {format: lingjun, file: l.csv, gpus: 8, rate: 400Gbit}\n"

static void test_lingjun(void **state)
{
	struct topology t;

	(void)state;
	file_of("l.csv", "ip,DSW,PSW,ASW\na,G,P1,S1\nb,G,P1,S2\nc,G,P2,S1\n");
	good(CSV, &t);
	check_kinds(&t, 3, 3, 2, 1, 8);
	topology_free(&t);
	file_of("l.csv", "host,rack\n");
	refused(CSV, "l.csv:1: header: expected ip,DSW,PSW,ASW");
	file_of("l.csv", "ip,DSW,PSW,ASW\na,G,P1\n");
	refused(CSV, "l.csv:2: PSW: missing or too much");
	file_of("l.csv", "ip,DSW,PSW,ASW\na,G,P1,S1,X\n");
	refused(CSV, "l.csv:2: ASW: missing or too much");
	file_of("l.csv", "ip,DSW,PSW,ASW\na,G,P1,S1\na,G,P1,S2\n");
	refused(CSV, "l.csv:3: ip: 'a' is there already");
	file_of("l.csv", "ip,DSW,PSW,ASW\na,G,P1,S1\nb,H,P1,S2\n");
	refused(CSV, "l.csv:1: switches: no way from 'a' to 'b'");
}

/* The real files, where they are. */
static void test_data(void **state)
{
	static const struct {
		const char *file, *import;
		uint32_t hosts, leaves, spines, cores, links;
	} cases[] = {
		{ "simai/Spectrum-X_1024g_8gps_400Gbps_H100", "format: simai", 128, 16, 64, 0, 0 },
		{ "simai/AlibabaHPN_1024g_8gps_DualToR_DualPlane_200Gbps_H100", "format: simai",
		  128, 16, 120, 0, 0 },
		{ "lingjun/topo.csv", "format: lingjun, gpus: 8, rate: 400Gbit", 847, 119, 3, 1, 0 },
	};
	const char *data = getenv("DMSC_DATA");
	char yaml[600], path[300], *real;
	struct topology t;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", data ? data : "../shared/data", cases[i].file);
		real = realpath(path, NULL);
		if (!real) {
			print_message("%s: absent (DMSC_DATA names the folder of real inputs)\n",
				      path);
			skip();
		}
		snprintf(yaml, sizeof(yaml), "name: x\nimport: {%s, file: %s}\n", cases[i].import,
			 real);
		free(real);
		good(yaml, &t);
		assert_int_equal(count(&t, NODE_HOST), cases[i].hosts);
		assert_int_equal(count(&t, NODE_LEAF), cases[i].leaves);
		assert_int_equal(count(&t, NODE_SPINE), cases[i].spines);
		assert_int_equal(count(&t, NODE_CORE), cases[i].cores);
		topology_free(&t);
	}
}

static int make_folder(void **state)
{
	const struct rlimit limit = { 100 << 20, 100 << 20 };

	(void)state;
	return mkdtemp(folder) && !setrlimit(RLIMIT_DATA, &limit) ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "t.yaml", "s", "c", "y", "l.csv" };
	char path[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generate),   cmocka_unit_test(test_generate_refused),
		cmocka_unit_test(test_pieces),	   cmocka_unit_test(test_simai),
		cmocka_unit_test(test_slurm_conf), cmocka_unit_test(test_slurm_yaml),
		cmocka_unit_test(test_lingjun),	   cmocka_unit_test(test_data),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
