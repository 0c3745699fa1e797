// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The floors as cases, and the drivers' handles.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench.h"
#include "selftests/bench/bpf/floor.skel.h"

#define MAX_FLOWS (1U << 19)

static struct floor *skel;

/* TCP with the ACK flag, of 10.1.0.0:1024 to 10.0.0.2:80, in the least Ethernet frame. */
const struct bench_frame bench_tcp4 = {
	.b = { 2,    0, 0,  0,	0,    2,    2,	  0, 0,	 0,	      0,    1,	  0x08, 0x00,
	       0x45, 0, 0,  46, 0,    7,    0,	  0, 64, IPPROTO_TCP, 0x65, 0xc3, 10,	1,
	       0,    0, 10, 0,	0,    2,    4,	  0, 0,	 80,	      0,    0,	  0,	1,
	       0,    0, 0,  1,	0x50, 0x10, 0x10, 0, 0,	 0,	      0,    0 },
	.len = 60,
};

/* The same from fd01::1:0 to fd00::2. */
const struct bench_frame bench_tcp6 = {
	.b = { 2, 0, 0, 0, 0,  2,	    2,	  0,	0,    0, 0, 1, 0x86, 0xdd, 0x60,
	       0, 0, 0, 0, 26, IPPROTO_TCP, 64,	  0xfd, 1,    0, 0, 0, 0,    0,	   0,
	       0, 0, 0, 0, 0,  1,	    0,	  0,	0xfd, 0, 0, 0, 0,    0,	   0,
	       0, 0, 0, 0, 0,  0,	    0,	  0,	2,    4, 0, 0, 80,   0,	   0,
	       0, 1, 0, 0, 0,  1,	    0x50, 0x10, 0x10, 0, 0, 0, 0,    0 },
	.len = 80,
	.ipv6 = true,
};

int floor_driver(enum bench_hook hook)
{
	return bpf_program__fd(hook == BENCH_XDP ? skel->progs.drive_xdp : skel->progs.drive_tc);
}

int floor_empty_tc(void)
{
	return bpf_program__fd(skel->progs.empty_tc);
}

void floor_target(enum bench_hook hook, int prog)
{
	struct bpf_map *map = hook == BENCH_XDP ? skel->maps.xdp_target : skel->maps.tc_target;
	__u32 zero = 0;

	if (bpf_map_update_elem(bpf_map__fd(map), &zero, &prog, BPF_ANY))
		bench_die("a driver's target: %s", strerror(errno));
}

struct floor_stream *floor_stream(void)
{
	return &skel->bss->stream;
}

/* The stream's flow @n, as stream_next() in floor.bpf.c writes it. */
static struct floor_flow flow(uint32_t n)
{
	return (struct floor_flow){
		.saddr = { 0, 0, htonl(0xffff), htonl(0x0a010000 + (n >> 14)) },
		.daddr = { 0, 0, htonl(0xffff), htonl(0x0a000002) },
		.sport = htons(1024 + (n & 0x3fff)),
		.dport = htons(80),
		.proto = IPPROTO_TCP,
	};
}

static void fill(void)
{
	int flows = bpf_map__fd(skel->maps.floor_flows), services;
	struct floor_service s = { .addr = { 0, 0, htonl(0xffff) }, .proto = IPPROTO_TCP };
	struct floor_backend backend = { .number = 1 };
	uint64_t one = 1;
	uint32_t i;

	for (i = 0; i < MAX_FLOWS; i++) {
		struct floor_flow key = flow(i);

		if (bpf_map_update_elem(flows, &key, &backend, BPF_ANY))
			bench_die("flow %u: %s", i, strerror(errno));
	}
	services = bpf_map__fd(skel->maps.floor_services);
	for (i = 0; i < 64; i++) {
		s.addr[3] = htonl(0x0a000002 + i);
		s.port = htons(80);
		if (bpf_map_update_elem(services, &s, &one, BPF_ANY))
			bench_die("service %u: %s", i, strerror(errno));
	}
}

static void direct(struct bench *b, const char *name, struct bpf_program *prog,
		   enum bench_hook hook, int verdict)
{
	struct bench_case *c = bench_add(b, "%s", name);

	c->measure = measure_direct;
	c->prog = bpf_program__fd(prog);
	c->hook = hook;
	c->frame = &bench_tcp4;
	c->flows = 1;
	c->verdict = verdict;
}

static void driven(struct bench *b, const char *name, struct bpf_program *prog,
		   enum bench_hook hook, uint32_t flows, int verdict)
{
	struct bench_case *c =
		bench_add_packets(b, name, bpf_program__fd(prog), hook, &bench_tcp4, flows);

	c->verdict = verdict;
}

void floor_cases(struct bench *b)
{
	static const uint32_t many[] = { 1 << 10, 1 << 16, 1 << 19 };
	size_t i;

	skel = floor__open_and_load();
	if (!skel)
		bench_die("cannot load the floor programs: %s", strerror(errno));
	fill();

	direct(b, "empty XDP", skel->progs.empty_xdp, BENCH_XDP, XDP_PASS);
	direct(b, BENCH_EMPTY_TC, skel->progs.empty_tc, BENCH_TC, -1);
	direct(b, "parse", skel->progs.parse_xdp, BENCH_XDP, XDP_PASS);
	direct(b, "parse, 20-byte hash", skel->progs.hash_xdp, BENCH_XDP, XDP_PASS);
	direct(b, BENCH_FLOOR, skel->progs.floor_xdp, BENCH_XDP, XDP_PASS);
	direct(b, "floor on tc, priority and mark", skel->progs.floor_tc, BENCH_TC, -1);
	direct(b, "clock read", skel->progs.clock_xdp, BENCH_XDP, XDP_PASS);
	direct(b, "coarse clock read", skel->progs.coarse_clock_xdp, BENCH_XDP, XDP_PASS);
	driven(b, "driver, XDP", skel->progs.empty_xdp, BENCH_XDP, 1, XDP_PASS);
	driven(b, "driver, tc", skel->progs.empty_tc, BENCH_TC, 1, -1);
	driven(b, "driver, XDP, packet moved", skel->progs.grow_xdp, BENCH_XDP, 1, XDP_TX);
	for (i = b->nr_cases - 3; i < b->nr_cases; i++)
		b->cases[i].net = false;
	driven(b, "floor, driven", skel->progs.floor_xdp, BENCH_XDP, 1, XDP_PASS);
	for (i = 0; i < sizeof(many) / sizeof(many[0]); i++)
		driven(b, "floor", skel->progs.floor_xdp, BENCH_XDP, many[i], XDP_PASS);
}

void floor_close(void)
{
	floor__destroy(skel);
}
