// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The classifier: egress by flow table and by socket, ingress, and what a new
 * generation costs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "lib/dataplane_priv.h"

#include "bench.h"

/* ::ffff:a.b.c.d */
#define V4(a, b, c, d) \
	((struct dmsc_addr){ { [10] = 0xff, [11] = 0xff, [12] = (a), (b), (c), (d) } })

#define ENTRIES	   100000
#define FLIPS	   1000000
#define TABLE_SIDE 65536 /* entries of the flow table in the cases of up to 64K flows */

static struct dataplane *dp;
static uint64_t our_cgroup; /* id */
static struct dmsc_endpoint_key endpoint_keys[DMSC_MAX_ENDPOINTS];
static struct dmsc_endpoint endpoints[DMSC_MAX_ENDPOINTS];
static struct dmsc_group_key group_keys[ENTRIES];
static struct dmsc_group groups[ENTRIES];
static struct dmsc_flow_key flow_keys[TABLE_SIDE];
static struct dmsc_flow flows[TABLE_SIDE];

static void program(const struct dataplane_tables *t)
{
	struct dmsc_error err;

	if (dataplane_program(dp, t, &err) <= 0)
		bench_die("%s", err.text);
}

static void profile(struct dmsc_profile *p)
{
	int i;

	memset(p->class_of, 0xff, sizeof(p->class_of));
	for (i = 0; i < DMSC_NR_CLASSES; i++)
		p->dscp[i] = 8 * i;
}

/* The flows of the stream that the drivers make, and this cgroup as an instance. */
static void program_flows(struct bench_case *c)
{
	struct dmsc_instance_key inst_key = { .cgroup_id = our_cgroup };
	struct dmsc_instance inst = { .sid = 7,
				      .class_default = DMSC_CLASS_DATA,
				      .class_mask = 0xff };
	struct dataplane_tables t = {
		.flags = DMSC_CTL_STEER | DMSC_CTL_DSCP,
		.instance_keys = &inst_key,
		.instances = &inst,
		.nr_instances = 1,
		.flow_keys = flow_keys,
		.flows = flows,
		.nr_flows = c->flows,
	};
	uint32_t n;

	inst.slot[DMSC_CLASS_DATA] = 3;
	profile(&t.profile);
	for (n = 0; n < c->flows; n++) {
		uint32_t saddr = 0x0a010000 + (n >> 14);

		flow_keys[n] = (struct dmsc_flow_key){
			.saddr = V4(saddr >> 24, saddr >> 16, saddr >> 8, saddr),
			.daddr = V4(10, 0, 0, 2),
			.sport = htons(1024 + (n & 0x3fff)),
			.dport = htons(80),
			.proto = IPPROTO_TCP,
		};
		flows[n] = (struct dmsc_flow){ .sid = 7, .slot = 3, .class = DMSC_CLASS_DATA };
	}
	program(&t);
}

/* ---- a new generation ---- */

/* Tables whose every value is that of @round. */
static void entries_of(struct dataplane_tables *t, uint32_t round)
{
	static struct dmsc_path paths[3];
	uint32_t i;

	for (i = 1; i < 3; i++)
		paths[i] = (struct dmsc_path){ .ifindex = 1,
					       .family = AF_INET,
					       .nexthop = V4(10, 3, 0, i) };
	*t = (struct dataplane_tables){
		.endpoint_keys = endpoint_keys,
		.endpoints = endpoints,
		.nr_endpoints = DMSC_MAX_ENDPOINTS,
		.group_keys = group_keys,
		.groups = groups,
		.nr_groups = ENTRIES - DMSC_MAX_ENDPOINTS,
		.paths = paths,
		.nr_paths = 3,
	};
	profile(&t->profile);
	for (i = 0; i < t->nr_endpoints; i++) {
		endpoint_keys[i] = (struct dmsc_endpoint_key){ .addr = V4(10, 2, i >> 8, i),
							       .port = htons(5000),
							       .proto = IPPROTO_TCP };
		endpoints[i] =
			(struct dmsc_endpoint){ .sid = i + 1 + round, .class = DMSC_CLASS_DATA };
	}
	for (i = 0; i < t->nr_groups; i++) {
		group_keys[i] = (struct dmsc_group_key){ .src_sid = i + 1, .dst_sid = i + 2 };
		groups[i].path = 1 + (round & 1);
	}
}

/* Both sides are full before one is replaced, by entries that all differ. */
static double replace_entries(struct bench_case *c)
{
	static uint32_t round;
	struct dataplane_tables t;
	uint64_t start;

	entries_of(&t, round++);
	program(&t);
	program(&t);
	entries_of(&t, round++);
	if (c->arg)
		dataplane_tables_forget(dp);
	start = bench_cpu_ns();
	program(&t);
	return (bench_cpu_ns() - start) / 1e6;
}

/* The store that makes a generation the one in force, with the same generation. */
static double flip(struct bench_case *c)
{
	uint64_t word = *(volatile uint64_t *)dp->ctl, start = bench_cpu_ns();
	uint32_t i;

	(void)c;
	for (i = 0; i < FLIPS; i++)
		__atomic_store_n((uint64_t *)dp->ctl, word, __ATOMIC_SEQ_CST);
	return (double)(bench_cpu_ns() - start) / FLIPS;
}

void bench_enter(const char *cgroup)
{
	char procs[256];
	FILE *f;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", cgroup);
	f = fopen(procs, "we");
	if (!f || fprintf(f, "%d", getpid()) < 0 || fclose(f))
		bench_die("%s: %s", procs, strerror(errno));
}

void dataplane_cases(struct bench *b, const struct dataplane_config *cfg)
{
	static const uint32_t many[] = { 1, 1 << 10, 1 << 16 };
	struct bench_case *c;
	struct dmsc_error err;
	struct stat st;
	size_t i;

	if (dataplane_open(&dp, cfg, &err))
		bench_die("%s", err.text);
	if (stat(cfg->cgroup, &st))
		bench_die("%s: %s", cfg->cgroup, strerror(errno));
	our_cgroup = st.st_ino;
	/* The sender over veth is this process; its sockets belong to the instance. */
	bench_enter(cfg->cgroup);

	for (i = 0; i < sizeof(many) / sizeof(many[0]); i++) {
		c = bench_add_packets(b, "egress, flow table", dataplane_prog(dp, "dmsc_egress"),
				      BENCH_TC, &bench_tcp4, many[i]);
		c->prepare = program_flows;
		if (many[i] == 1) {
			c->aim_kind = AIM_FLOOR;
			c->aim = 1.3;
		}
	}
	/* The veth's sockets connect below, so the tables come first. */
	program_flows(&(struct bench_case){ .flows = 1 });
	c = bench_add_packets(b, "ingress", dataplane_prog(dp, "dmsc_ingress"), BENCH_TC,
			      &bench_tcp4, 1);
	c->prepare = program_flows;

	veth_cases(b, dataplane_prog(dp, "dmsc_egress"));

	c = bench_add(b, "flip of a generation");
	c->measure = flip;
	c->aim_kind = AIM_ABSOLUTE;
	c->aim = 1000;
	c = bench_add(b, "100,000 entries replaced");
	c->measure = replace_entries;
	c->unit = "ms";
	c->aim_kind = AIM_ABSOLUTE;
	c->aim = 50;
	c = bench_add(b, "100,000 entries replaced, a daemon's first");
	c->measure = replace_entries;
	c->unit = "ms";
	c->arg = dp; /* what is there has to be read */
}

void dataplane_cases_end(void)
{
	veth_end();
	dataplane_close(dp);
}
