// SPDX-License-Identifier: GPL-2.0-or-later
/* The service router's files: mistakes by name and line, and how far instances are. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/router.h"
#include "lib/spec.h"

static const char good[] = "seed: 1\n"
			   "services:\n"
			   "  - name: web\n"
			   "    address: 10.96.0.1\n"
			   "    port: 80\n"
			   "    instances:\n"
			   "      - {name: a, address: 10.0.0.1}\n"
			   "      - {name: b, address: 10.0.0.2, port: 8080, weight: 3}\n"
			   "  - name: log\n"
			   "    address: 10.96.0.2\n"
			   "    port: 514\n"
			   "    protocol: udp\n"
			   "    instances:\n"
			   "      - {name: a, address: 10.0.0.1}\n";

static const struct {
	const char *from, *to, *says;
} mistakes[] = {
	{ "seed: 1", "seeds: 1", ":1: seeds: unknown key, expected one of seed, plan, topology" },
	{ "port: 80\n", "port: 0\n", ":5: services[0].port: 0, expected 1 to 65535" },
	{ "    port: 80\n", "", ":3: services[0].port: missing, expected it here" },
	{ "10.96.0.1", "224.0.0.1",
	  ":3: services[0].address: '224.0.0.1', expected a unicast IPv4 or IPv6 address" },
	{ "10.96.0.1", "web.example", ":3: services[0].address: 'web.example', expected a unicast" },
	{ "protocol: udp", "protocol: sctp",
	  ":9: services[1].protocol: 'sctp', expected one of tcp, udp" },
	{ "port: 80\n", "port: 80\n    method: best\n",
	  ":3: services[0].method: 'best', expected one of hash, least" },
	{ "port: 80\n", "port: 80\n    affinity: host\n",
	  ":3: services[0].affinity: 'host', expected one of socket, client" },
	{ "port: 80\n", "port: 80\n    method: least\n    affinity: client\n",
	  ":3: services[0].affinity: 'client' goes with method 'hash', expected one of the two" },
	{ "port: 80\n", "port: 80\n    spill: 0\n", ":6: services[0].spill: 0, expected 1 to" },
	{ "port: 80\n", "port: 80\n    table: 252\n",
	  ":3: services[0].table: 252, expected a prime of 251 to 4194301" },
	{ "name: log", "name: web", ":9: services[1].name: 'web' is also on line 3, expected once" },
	{ "10.96.0.2\n    port: 514\n    protocol: udp", "10.96.0.1\n    port: 80",
	  ":9: services[1]: address, port and protocol are also on line 3, expected once" },
	{ "{name: b", "{name: a",
	  ":8: services[0].instances[1]: name, or address and port, are also on line 7, expected" },
	{ "10.0.0.2, port: 8080", "10.0.0.1, port: 80",
	  ":8: services[0].instances[1]: name, or address and port, are also on line 7, expected" },
	{ "10.0.0.2, port: 8080", "'fd00::2'",
	  ":8: services[0].instances[1]: IPv6, expected an instance of the service's family" },
	{ "address: 10.0.0.2, port", "address: 10.96.0.1, port",
	  NULL }, /* the service's address at another port is somebody's own */
	{ "10.0.0.2, port: 8080", "10.96.0.1, port: 80",
	  ":8: services[0].instances[1]: address and port are those of service 'web', expected" },
	{ "weight: 3", "weight: 65536", ":8: services[0].instances[1].weight: 65536, expected 0 to" },
	{ "weight: 3", "priority: 8", ":8: services[0].instances[1].priority: 8, expected 0 to 7" },
	{ "weight: 3", "state: ill",
	  ":8: services[0].instances[1].state: 'ill', expected one of active, draining, down" },
	{ "weight: 3", "class: data",
	  ":8: services[0].instances[1].class: expected only where the plan says the address" },
	{ "address: 10.0.0.2, port: 8080, weight: 3", "class: data",
	  ":8: services[0].instances[1].address: missing, expected the instance's, or 'plan'" },
	{ "seed: 1", "plan: /nowhere.json", "/nowhere.json: " },
	{ "seed: 1", "topology: /nowhere.yaml", "/nowhere.yaml: " },
};

static char path[64];

/* Writes @text with @from replaced, and reads it. */
static int read_changed(struct router_spec *s, const char *text, const char *from, const char *to,
			struct dmsc_error *err)
{
	const char *at = from ? strstr(text, from) : text;
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_non_null(at);
	if (from)
		fprintf(f, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	else
		fputs(text, f);
	assert_int_equal(fclose(f), 0);
	return router_spec_read(s, path, "host0", err);
}

static void refused(void **state)
{
	struct router_spec s;
	struct dmsc_error err;
	size_t i;
	int ret;

	(void)state;
	for (i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		err.text[0] = '\0';
		ret = read_changed(&s, good, mistakes[i].from, mistakes[i].to, &err);
		if (!mistakes[i].says) {
			assert_int_equal(ret, 0);
			router_spec_free(&s);
			continue;
		}
		if (!ret || !strstr(err.text, mistakes[i].says))
			fail_msg("%s: %d '%s', expected '%s'", mistakes[i].to, ret, err.text,
				 mistakes[i].says);
		assert_null(strchr(err.text, '\n'));
		assert_null(s.services);
	}
}

static void taken(void **state)
{
	struct router_spec s;
	struct dmsc_error err;

	(void)state;
	assert_int_equal(read_changed(&s, good, NULL, NULL, &err), 0);
	assert_int_equal(s.nr_services, 2);
	assert_int_equal(s.services[0].proto, 6);
	assert_int_equal(s.services[1].proto, 17);
	assert_int_equal(s.services[0].method, DMSC_RT_HASH);
	assert_int_equal(s.services[0].table, ROUTER_TABLE_DEFAULT);
	assert_int_equal(s.services[0].nr_instances, 2);
	assert_int_equal(s.services[0].instances[0].port, 80);
	assert_int_equal(s.services[0].instances[1].port, 8080);
	assert_int_equal(s.services[0].instances[1].weight, 3);
	assert_int_equal(s.services[0].instances[1].state, ROUTER_ACTIVE);
	router_spec_free(&s);
}

/* Two pods: four hosts of two rails, rail n at leaf n of the pod. */
static const char pods[] =
	"name: pods\n"
	"hosts:\n"
	"  - {name: host0, gpus: 2, address: 10.255.0.1}\n"
	"  - {name: host1, gpus: 2, address: 10.255.0.2}\n"
	"  - {name: host2, gpus: 2, address: 10.255.0.3}\n"
	"switches:\n"
	"  - {name: leaf0, tier: leaf, address: 10.255.2.1}\n"
	"  - {name: leaf1, tier: leaf, address: 10.255.2.2}\n"
	"  - {name: leaf2, tier: leaf, address: 10.255.2.3}\n"
	"  - {name: spine0, tier: spine, address: 10.255.3.1}\n"
	"links:\n"
	"  - {a: \"host0:rail0\", b: \"leaf0:host0\", subnet: 10.0.0.0/31, rate: 1Gbit}\n"
	"  - {a: \"host0:rail1\", b: \"leaf1:host0\", subnet: 10.0.0.2/31, rate: 1Gbit}\n"
	"  - {a: \"host1:rail0\", b: \"leaf1:host1\", subnet: 10.0.0.4/31, rate: 1Gbit}\n"
	"  - {a: \"host1:rail1\", b: \"leaf1:host1b\", subnet: 10.0.0.6/31, rate: 1Gbit}\n"
	"  - {a: \"host2:rail0\", b: \"leaf2:host2\", subnet: 10.0.0.8/31, rate: 1Gbit}\n"
	"  - {a: \"leaf0:spine0\", b: \"spine0:leaf0\", subnet: 10.0.0.16/31, rate: 1Gbit}\n"
	"  - {a: \"leaf1:spine0\", b: \"spine0:leaf1\", subnet: 10.0.0.18/31, rate: 1Gbit}\n"
	"  - {a: \"leaf2:spine0\", b: \"spine0:leaf2\", subnet: 10.0.0.20/31, rate: 1Gbit}\n";

static const char placed[] =
	"services:\n"
	"  - name: web\n"
	"    address: 10.96.0.1\n"
	"    port: 80\n"
	"    instances:\n"
	"      - {name: own, address: 10.255.0.1}\n"
	"      - {name: own-rail, address: 10.0.0.2}\n"
	"      - {name: rail, address: 10.0.0.6}\n"	  /* our rail 1 is at leaf1 as well */
	"      - {name: other-rail, address: 10.0.0.4}\n" /* our rail 0 is at leaf0 */
	"      - {name: leaf, address: 10.255.0.2}\n"
	"      - {name: far, address: 10.255.0.3}\n"
	"      - {name: far-rail, address: 10.0.0.8}\n"
	"      - {name: outside, address: 198.51.100.1}\n"
	"      - {name: told, address: 198.51.100.2, host: host1}\n";

static void distances(void **state)
{
	static const enum dmsc_rt_distance want[] = {
		DMSC_RT_SAME_HOST, DMSC_RT_SAME_HOST, DMSC_RT_SAME_RAIL,
		DMSC_RT_SAME_LEAF, DMSC_RT_SAME_LEAF, DMSC_RT_FAR,
		DMSC_RT_FAR,	   DMSC_RT_FAR,	      DMSC_RT_SAME_LEAF,
	};
	struct topology topo = {};
	struct router_spec s;
	struct dmsc_error err;
	uint32_t line;
	FILE *f;
	size_t i;

	(void)state;
	assert_int_equal(read_changed(&s, placed, NULL, NULL, &err), 0);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(pods, f);
	assert_int_equal(fclose(f), 0);
	if (topology_read(path, &topo, &err))
		fail_msg("%s", err.text);
	assert_int_equal(router_place(&s, &topo, "host0", &line, &err), 0);
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		if (s.services[0].instances[i].distance != want[i])
			fail_msg("%s: %s, expected %s", s.services[0].instances[i].name,
				 router_distance_name[s.services[0].instances[i].distance],
				 router_distance_name[want[i]]);
	}
	/* Names that the cluster has not, and a host that its address gives the lie to. */
	assert_int_equal(router_place(&s, &topo, "host9", &line, &err), -EINVAL);
	assert_int_equal(line, 0);
	assert_non_null(strstr(err.text, "'host9', this host's name, is no host of pods"));
	strcpy(s.services[0].instances[8].host, "host8");
	assert_int_equal(router_place(&s, &topo, "host0", &line, &err), -EINVAL);
	assert_int_equal(line, 14);
	assert_non_null(strstr(err.text, "instances[8].host: 'host8', expected a host of pods"));
	strcpy(s.services[0].instances[5].host, "host1");
	assert_int_equal(router_place(&s, &topo, "host0", &line, &err), -EINVAL);
	assert_int_equal(line, 11);
	assert_non_null(strstr(err.text, "host: 'host1', but the address is that of 'host2'"));
	topology_free(&topo);
	router_spec_free(&s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused),
		cmocka_unit_test(taken),
		cmocka_unit_test(distances),
	};
	int fd, ret;

	snprintf(path, sizeof(path), "/tmp/dmsc-router.XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	ret = cmocka_run_group_tests_name("router_spec", tests, NULL, NULL);
	unlink(path);
	return ret;
}
