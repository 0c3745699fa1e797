// SPDX-License-Identifier: GPL-2.0-or-later
/* guests: 6.1 */
/*
 * What egress and ingress make of single frames: BPF_PROG_TEST_RUN. Single cases
 * are vectors (test_vectors.c); here is what takes a loop (every DSCP, every
 * length), a change in between, or a second thread: the flip of a generation.
 */
#include <net/if.h>
#include <pthread.h>

#include <linux/pkt_cls.h>

#include "frame.h"

#define NEXT	       TC_ACT_UNSPEC
#define TOS(dscp, ecn) ((dscp) << 2 | (ecn))
#define SERVER	       "10.0.0.2"
#define SERVER6	       "fd00::2"
#define PORT	       7000

static struct dataplane *dp;
static int egress, ingress, v0, v1;

/* ---- a generation that has something of everything ---- */

/* DSCP of class c is 8 + c, so that no class leaves a zero in the header. */
static void profile_make(struct dmsc_profile *p)
{
	int c;

	memset(p->class_of, 0xff, sizeof(p->class_of));
	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		p->dscp[c] = 8 + c;
		p->class_of[8 + c] = c;
	}
}

static struct dmsc_addr addr_of(const char *text)
{
	struct dmsc_addr a = V4(0, 0, 0, 0);

	if (strchr(text, ':'))
		inet_pton(AF_INET6, text, a.b);
	else
		inet_pton(AF_INET, text, a.b + 12);
	return a;
}

enum { PATH_OTHER = 1, PATH_DOWN, PATH_SAME_ROUTED, PATH_SAME, PATH_V6, PATH_GONE, NR_PATHS };

static struct dmsc_path paths[NR_PATHS];
static struct dmsc_endpoint_key endpoint_keys[4];
static struct dmsc_endpoint endpoints[4];
static struct dmsc_flow_key flow_keys[32];
static struct dmsc_flow flows[32];
static struct dataplane_tables tables;

static void add_flow(const char *saddr, const char *daddr, uint16_t sport, uint16_t dport,
		     uint8_t proto, uint32_t path, uint8_t class, uint16_t slot)
{
	size_t n = tables.nr_flows++;

	flow_keys[n] = (struct dmsc_flow_key){
		.saddr = addr_of(saddr),
		.daddr = addr_of(daddr),
		.sport = htons(sport),
		.dport = htons(dport),
		.proto = proto,
	};
	flows[n] = (struct dmsc_flow){ .sid = 500 + n, .path = path, .slot = slot, .class = class };
}

static void tables_make(void)
{
	tables = (struct dataplane_tables){
		.flags = DMSC_CTL_STEER | DMSC_CTL_DSCP,
		.endpoint_keys = endpoint_keys,
		.endpoints = endpoints,
		.nr_endpoints = 4,
		.flow_keys = flow_keys,
		.flows = flows,
		.paths = paths,
		.nr_paths = NR_PATHS,
	};
	profile_make(&tables.profile);
	paths[PATH_OTHER] = env_path(v1, V4(10, 2, 0, 2), DMSC_PATH_F_UP);
	paths[PATH_DOWN] = env_path(v1, V4(10, 2, 0, 3), 0);
	paths[PATH_SAME_ROUTED] = env_path(v0, V4(10, 1, 0, 2), DMSC_PATH_F_UP | DMSC_PATH_F_ROUTED);
	paths[PATH_SAME] = env_path(v0, V4(10, 1, 0, 3), DMSC_PATH_F_UP);
	paths[PATH_V6] = env_path(v1, addr_of("fd02::2"), DMSC_PATH_F_UP);
	paths[PATH_GONE] = env_path(4711, V4(10, 2, 0, 2), DMSC_PATH_F_UP);

	endpoint_keys[0] =
		(struct dmsc_endpoint_key){ addr_of(SERVER), htons(PORT), IPPROTO_TCP, 0 };
	endpoints[0] = (struct dmsc_endpoint){ .sid = 11, .class = DMSC_CLASS_TENSOR };
	endpoint_keys[1] =
		(struct dmsc_endpoint_key){ addr_of(SERVER6), htons(PORT), IPPROTO_TCP, 0 };
	endpoints[1] = (struct dmsc_endpoint){ .sid = 12, .class = DMSC_CLASS_EXPERT };
	endpoint_keys[2] =
		(struct dmsc_endpoint_key){ addr_of(SERVER), htons(PORT), IPPROTO_UDP, 0 };
	endpoints[2] = (struct dmsc_endpoint){ .sid = 13, .class = DMSC_CLASS_PIPELINE };
	endpoint_keys[3] =
		(struct dmsc_endpoint_key){ addr_of(SERVER6), htons(PORT), IPPROTO_UDP, 0 };
	endpoints[3] = (struct dmsc_endpoint){ .sid = 14, .class = DMSC_CLASS_DATA };

	/* Ports 1 to NR_PATHS - 1 stand for the path of that number. */
	for (int p = 1; p < NR_PATHS; p++) {
		add_flow("10.0.0.1", SERVER, 0, p, IPPROTO_TCP, p, DMSC_CLASS_BULK, 100 + p);
		add_flow("fd00::1", SERVER6, 0, p, IPPROTO_TCP, p, DMSC_CLASS_BULK, 100 + p);
	}
}

/* ---- checks ---- */

static struct frame_spec tcp4(void)
{
	return (struct frame_spec){ .saddr = "10.0.0.1",
				    .daddr = SERVER,
				    .sport = 40000,
				    .dport = PORT,
				    .proto = IPPROTO_TCP,
				    .payload = 32 };
}

static struct frame_spec tcp6(void)
{
	struct frame_spec s = tcp4();

	s.saddr = "fd00::1";
	s.daddr = SERVER6;
	return s;
}

/* Everything but the traffic class and IPv4's checksum is as it was. */
static void check_rest_same(const struct frame *in, const struct frame *out, const char *what)
{
	struct frame a = *in, b = *out;

	CHECK_EQ(b.len, a.len, "%s", what);
	if (a.b[a.l3] >> 4 == 4) {
		CHECK_EQ(ip_sum(b.b + b.l3, (b.b[b.l3] & 15) * 4), 0, "%s: checksum", what);
		a.b[a.l3 + 1] = b.b[b.l3 + 1] = 0;
		memset(a.b + a.l3 + 10, 0, 2);
		memset(b.b + b.l3 + 10, 0, 2);
	} else {
		a.b[a.l3] &= 0xf0;
		b.b[b.l3] &= 0xf0;
		a.b[a.l3 + 1] &= 0x0f;
		b.b[b.l3 + 1] &= 0x0f;
	}
	CHECK(!memcmp(a.b, b.b, a.len), "%s: other bytes changed", what);
}

static void expect(const struct frame_spec *s, int class, int slot, int verdict, const char *what)
{
	struct frame_result r;
	struct frame f;

	frame_build(&f, s);
	frame_run(egress, &f, v0, &r);
	CHECK_EQ(r.priority, DMSC_PRIO(slot, class), "%s", what);
	CHECK_EQ(r.verdict, verdict, "%s", what);
	CHECK_EQ(frame_tos(&r.out), TOS(8 + class, s->tos & 3), "%s: traffic class", what);
	check_rest_same(&f, &r.out, what);
}

/* Default class, not one byte changed: what cannot be read is left alone. */
static void expect_untouched(const struct frame *f, const char *what)
{
	struct frame_result r;

	frame_run(egress, f, v0, &r);
	CHECK_EQ(r.priority, DMSC_PRIO(0, DMSC_CLASS_DEFAULT), "%s", what);
	CHECK_EQ(r.verdict, NEXT, "%s", what);
	CHECK_EQ(r.out.len, f->len, "%s", what);
	CHECK(!memcmp(r.out.b, f->b, f->len), "%s: bytes changed", what);
}

/* ---- tests ---- */

static void nothing_programmed(void)
{
	struct frame_spec s = tcp4();
	struct frame_result r;
	struct dmsc_ctl ctl;
	struct frame f;

	dataplane_ctl(dp, &ctl);
	CHECK_EQ(ctl.generation, 0, "a new data plane");
	CHECK_EQ(ctl.abi, DMSC_ABI, "a new data plane");
	s.tos = TOS(46, 1);
	frame_build(&f, &s);
	expect_untouched(&f, "IPv4");
	frame_run(ingress, &f, v0, &r);
	CHECK_EQ(r.verdict, NEXT, "ingress");
	CHECK_EQ(env_counter(dp, ANY_SID, ANY_CLASS, DMSC_DIR_TX).packets, 0, "nothing counted");
	CHECK_EQ(env_counter(dp, ANY_SID, ANY_CLASS, DMSC_DIR_RX).packets, 0, "nothing counted");
}

static void refused_tables(void)
{
	struct dataplane_tables t = tables;
	struct dmsc_endpoint_key twice[2] = { endpoint_keys[0], endpoint_keys[0] };
	struct dmsc_flow bad = flows[0];
	struct dmsc_ctl ctl;
	uint32_t before;

	dataplane_ctl(dp, &ctl);
	before = ctl.generation;
	t.nr_flows = DMSC_MAX_FLOWS + 1;
	CHECK_EQ(dataplane_program(dp, &t, &env_err), -E2BIG, "too many flows");
	t = tables;
	t.endpoint_keys = twice;
	t.nr_endpoints = 2;
	CHECK_EQ(dataplane_program(dp, &t, &env_err), -EEXIST, "a key twice");
	t = tables;
	t.flows = &bad;
	t.nr_flows = 1;
	bad.path = NR_PATHS;
	CHECK_EQ(dataplane_program(dp, &t, &env_err), -EINVAL, "a path that is not there");
	bad = flows[0];
	bad.class = DMSC_NR_CLASSES;
	CHECK_EQ(dataplane_program(dp, &t, &env_err), -EINVAL, "class 8");
	t = tables;
	t.profile.dscp[3] = 64;
	CHECK_EQ(dataplane_program(dp, &t, &env_err), -EINVAL, "DSCP 64");
	dataplane_ctl(dp, &ctl);
	CHECK_EQ(ctl.generation, before, "still in force");
}

static void programmed(void)
{
	struct dmsc_ctl ctl;
	uint32_t g = env_program(dp, &tables);

	dataplane_ctl(dp, &ctl);
	CHECK_EQ(ctl.generation, g, "generation");
	CHECK_EQ(ctl.flags, DMSC_CTL_STEER | DMSC_CTL_DSCP, "flags");
}

static void dscp_and_ecn(void)
{
	struct frame_spec s = tcp4();
	int dscp, ecn;

	for (dscp = 0; dscp < 64; dscp++) {
		for (ecn = 0; ecn < 4; ecn++) {
			s = tcp4();
			s.tos = TOS(dscp, ecn);
			expect(&s, DMSC_CLASS_TENSOR, 0, NEXT, "IPv4");
			s = tcp6();
			s.tos = TOS(dscp, ecn);
			expect(&s, DMSC_CLASS_EXPERT, 0, NEXT, "IPv6");
		}
	}
}

static void control_traffic(void)
{
	static const uint8_t frag[] = { IPPROTO_FRAGMENT, IPPROTO_NONE };
	struct frame_spec s = { .saddr = "fe80::1",
				.daddr = "ff02::1:ff00:2",
				.proto = IPPROTO_ICMPV6,
				.ttl = 255,
				.payload = 16 };
	struct frame_result r;
	struct frame f;
	int type;

	for (type = 0; type < 256; type++) {
		bool nd = type >= 133 && type <= 137;

		s.icmp_type = type;
		expect(&s, nd ? DMSC_CLASS_CONTROL : DMSC_CLASS_DEFAULT, 0, NEXT, "ICMPv6");
	}
	s.icmp_type = 135;
	s.ttl = 254;
	expect(&s, DMSC_CLASS_DEFAULT, 0, NEXT, "discovery that crossed a router");
	s.ttl = 255;
	s.ext = frag;
	s.ext_frag = 1;
	expect(&s, DMSC_CLASS_DEFAULT, 0, NEXT, "discovery in fragments (RFC 6980)");

	frame_ethernet(&f, 0, ETHERTYPE_ARP);
	f.len += 28;
	frame_run(egress, &f, v0, &r);
	CHECK_EQ(r.priority, DMSC_PRIO(0, DMSC_CLASS_CONTROL), "ARP");
	CHECK(!memcmp(r.out.b, f.b, f.len), "ARP: bytes changed");
}

static void path_down_and_up(void)
{
	struct frame_spec s = tcp4();

	s.dport = PATH_OTHER;
	expect(&s, DMSC_CLASS_BULK, 100 + PATH_OTHER, TC_ACT_REDIRECT, "up");
	CHECK_EQ(dataplane_set_path(dp, PATH_OTHER, 0, &env_err), 0, "%s", env_err.text);
	expect(&s, DMSC_CLASS_BULK, 100 + PATH_OTHER, NEXT, "down");
	CHECK_EQ(dataplane_set_path(dp, PATH_OTHER, DMSC_PATH_F_UP, &env_err), 0, "%s",
		 env_err.text);
	expect(&s, DMSC_CLASS_BULK, 100 + PATH_OTHER, TC_ACT_REDIRECT, "up again");
	CHECK_EQ(dataplane_set_path(dp, NR_PATHS, 0, &env_err), -ENOENT, "no such path");
	CHECK_EQ(dataplane_set_path(dp, 0, 0, &env_err), -EINVAL, "no path");
}

static void smaller_mtu(void)
{
	struct frame_spec s = tcp4();

	s.dport = PATH_OTHER;
	s.payload = 300;
	expect(&s, DMSC_CLASS_BULK, 100 + PATH_OTHER, TC_ACT_REDIRECT, "fits");
	sh("ip link set v1 mtu 300");
	expect(&s, DMSC_CLASS_BULK, 100 + PATH_OTHER, NEXT, "does not fit");
	sh("ip link set v1 mtu 1500");
}

static void flags_off(void)
{
	struct dataplane_tables t = tables;
	struct frame_spec s = tcp4();
	struct frame_result r;
	struct frame f;

	t.flags = 0;
	env_program(dp, &t);
	s.dport = PATH_OTHER;
	s.tos = TOS(46, 2);
	frame_build(&f, &s);
	frame_run(egress, &f, v0, &r);
	CHECK_EQ(r.verdict, NEXT, "no steering");
	CHECK_EQ(r.priority, DMSC_PRIO(100 + PATH_OTHER, DMSC_CLASS_BULK), "still classified");
	CHECK(!memcmp(r.out.b, f.b, f.len), "bytes changed without DMSC_CTL_DSCP");
	env_program(dp, &tables);
}

/* What nobody knows, of any DSCP, that came by an interface which is trusted or is not. */
static void check_brought(const char *from, const char *to, int ingress_ifindex, bool trusted)
{
	struct frame_spec s = tcp4();
	struct frame_result r;
	struct frame f;
	int dscp, class;

	s.saddr = from;
	s.daddr = to;
	s.sport = s.dport = 4444;
	for (dscp = 0; dscp < 64; dscp++) {
		s.tos = TOS(dscp, 1);
		class = trusted && dscp >= 8 && dscp < 8 + DMSC_NR_CLASSES ? dscp - 8 :
									     DMSC_CLASS_DEFAULT;
		frame_build(&f, &s);
		frame_brought(egress, &f, v0, ingress_ifindex, &r);
		CHECK_EQ(r.priority, DMSC_PRIO(0, class), "%s, DSCP %d", from, dscp);
	}
}

static void trusted(void)
{
	uint32_t both[] = { v0, v1 }, many[DMSC_MAX_TRUSTED];
	struct dataplane_tables t = tables;
	struct frame_spec s = tcp4();
	struct frame_result r;
	struct frame f;

	CHECK(!dataplane_trust(dp, both, 2, &env_err), "%s", env_err.text);
	check_brought("192.0.2.1", "192.0.2.2", v1, false);
	t.flags |= DMSC_CTL_TRUST;
	env_program(dp, &t);
	check_brought("192.0.2.1", "192.0.2.2", v1, true);
	check_brought("192.0.2.1", "192.0.2.2", 0, false);
	CHECK(!dataplane_trust(dp, both, 1, &env_err), "%s", env_err.text);
	check_brought("192.0.2.1", "192.0.2.2", v0, true);
	check_brought("192.0.2.1", "192.0.2.2", v1, false);
	/* Who is known is known better. */
	s.dport = PATH_OTHER;
	s.tos = TOS(8 + DMSC_CLASS_TENSOR, 0);
	frame_build(&f, &s);
	frame_brought(egress, &f, v0, v0, &r);
	CHECK_EQ(r.priority, DMSC_PRIO(100 + PATH_OTHER, DMSC_CLASS_BULK), "the flow table");
	for (int i = 0; i < DMSC_MAX_TRUSTED; i++)
		many[i] = 1000 + i;
	CHECK(!dataplane_trust(dp, many, DMSC_MAX_TRUSTED, &env_err), "%s", env_err.text);
	check_brought("192.0.2.1", "192.0.2.2", 1000 + DMSC_MAX_TRUSTED - 1, true);
	CHECK(!dataplane_trust(dp, NULL, 0, &env_err), "%s", env_err.text);
	check_brought("192.0.2.1", "192.0.2.2", 1000, false);
	env_program(dp, &tables);
}

static void truncated(void)
{
	struct frame_spec specs[] = { tcp4(), tcp6(), tcp4(), tcp6() };
	struct frame_result r;
	struct frame f;
	uint32_t full;
	size_t i;

	specs[0].options = 24;
	specs[2].vlans = specs[3].vlans = 1;
	for (i = 0; i < 4; i++) {
		frame_build(&f, &specs[i]);
		full = f.len;
		/* See frame_try(): shorter ones are tried behind a tag. */
		f.len = specs[i].vlans ? ETHER_HDR_LEN + 1 : f.l3 + sizeof(struct ip6_hdr);
		for (; f.len < full; f.len++) {
			if (f.len < f.l4 + 4) {
				expect_untouched(&f, "cut in a header");
				continue;
			}
			frame_run(egress, &f, v0, &r);
			CHECK_EQ(r.priority & DMSC_PRIO_CLASS_MASK,
				 i & 1 ? DMSC_CLASS_EXPERT : DMSC_CLASS_TENSOR,
				 "cut behind the ports");
			CHECK_EQ(r.out.len, f.len, "length");
		}
	}
}

static void counted(void)
{
	struct dmsc_stats before = env_counter(dp, 0, DMSC_CLASS_TENSOR, DMSC_DIR_TX), after;
	struct dataplane_bin *bins;
	struct frame_spec s = tcp4();
	struct frame_result r;
	uint64_t bytes = 0, then;
	struct timespec ts;
	struct frame f;
	size_t n, k;
	int i;

	frame_build(&f, &s);
	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	then = ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
	/* What this millisecond has already. */
	CHECK(!dataplane_bins(dp, then, then + DMSC_BINS - 1, &bins, &n, &env_err), "%s",
	      env_err.text);
	for (k = 0; k < n; k++)
		bytes -= bins[k].bytes[DMSC_CLASS_TENSOR];
	free(bins);
	for (i = 0; i < 10; i++)
		frame_run(egress, &f, v0, &r);
	after = env_counter(dp, 0, DMSC_CLASS_TENSOR, DMSC_DIR_TX);
	CHECK_EQ(after.packets - before.packets, 10, "packets");
	CHECK_EQ(after.bytes - before.bytes, 10 * f.len, "bytes");

	/* The same bytes, in their milliseconds, which come one after the other. */
	CHECK(!dataplane_bins(dp, then, then + DMSC_BINS - 1, &bins, &n, &env_err), "%s",
	      env_err.text);
	for (k = 0; k < n; k++) {
		bytes += bins[k].bytes[DMSC_CLASS_TENSOR];
		CHECK(bins[k].number >= then && (!k || bins[k].number > bins[k - 1].number),
		      "bin %zu is of millisecond %llu", k, (unsigned long long)bins[k].number);
	}
	free(bins);
	CHECK_EQ(bytes, 10 * f.len, "bytes in bins");

	before = env_counter(dp, 500, DMSC_CLASS_BULK, DMSC_DIR_TX);
	s.dport = PATH_OTHER;
	frame_build(&f, &s);
	frame_run(egress, &f, v0, &r);
	after = env_counter(dp, 500, DMSC_CLASS_BULK, DMSC_DIR_TX);
	CHECK_EQ(after.packets - before.packets, 1, "of the flow's SID");
	CHECK_EQ(after.steered - before.steered, 1, "steered");
}

static void check_received(const struct frame_spec *s, uint32_t sid, int class, const char *what)
{
	struct dmsc_stats before = env_counter(dp, sid, class, DMSC_DIR_RX), after;
	struct frame_result r;
	struct frame f;

	frame_build(&f, s);
	frame_run(ingress, &f, v0, &r);
	CHECK_EQ(r.verdict, NEXT, "%s", what);
	CHECK(r.out.len == f.len && !memcmp(r.out.b, f.b, f.len), "%s: bytes changed", what);
	after = env_counter(dp, sid, class, DMSC_DIR_RX);
	CHECK_EQ(after.packets - before.packets, 1, "%s", what);
	CHECK_EQ(after.bytes - before.bytes, f.len, "%s", what);
}

static void received(void)
{
	struct dataplane_tables t = tables;
	struct frame_spec s = tcp4();
	int dscp;

	for (dscp = 0; dscp < 64; dscp++) {
		s.tos = TOS(dscp, 1);
		check_received(&s, 11, dscp >= 8 && dscp < 16 ? dscp - 8 : DMSC_CLASS_DEFAULT,
			       "class by DSCP");
	}
	s = tcp6();
	s.vlans = 1;
	s.tos = TOS(8 + DMSC_CLASS_GATEWAY, 0);
	check_received(&s, 12, DMSC_CLASS_GATEWAY, "IPv6 with a tag");
	s.dport++;
	check_received(&s, 0, DMSC_CLASS_GATEWAY, "no endpoint of ours");
	s = (struct frame_spec){ .saddr = "fe80::1",
				 .daddr = "fe80::2",
				 .proto = IPPROTO_ICMPV6,
				 .icmp_type = 136,
				 .ttl = 255,
				 .payload = 16 };
	check_received(&s, 0, DMSC_CLASS_CONTROL, "neighbour discovery");

	t.flags = 0;
	env_program(dp, &t);
	s = tcp4();
	s.tos = TOS(8 + DMSC_CLASS_GATEWAY, 0);
	check_received(&s, 11, DMSC_CLASS_TENSOR, "without DSCP: the endpoint's class");
	env_program(dp, &tables);
}

/* ---- the flip ---- */

#define FLIPS 60

static struct dataplane_tables flip_tables[2];
static volatile bool flip_done;
static int flip_error;

static void *flip(void *arg)
{
	struct dmsc_error err;
	int i;

	for (i = 0; i < FLIPS && flip_error >= 0; i++)
		flip_error = dataplane_program(dp, &flip_tables[i & 1], &err);
	flip_done = true;
	return arg;
}

/*
 * Two generations that differ in class, slot, DSCP and path of one flow: every
 * packet is wholly of one of them.
 */
static void flip_under_packets(void)
{
	struct dmsc_flow two[2] = { flows[0], flows[0] };
	uint64_t seen[2] = {}, runs = 0;
	struct frame_spec s = tcp4();
	struct frame_result r;
	pthread_t thread;
	struct frame f;
	int i;

	two[0].class = DMSC_CLASS_DATA;
	two[0].slot = 1;
	two[0].path = PATH_OTHER;
	two[1].class = DMSC_CLASS_EXPERT;
	two[1].slot = 2;
	two[1].path = DMSC_PATH_NONE;
	for (i = 0; i < 2; i++) {
		flip_tables[i] = tables;
		flip_tables[i].flows = &two[i];
		flip_tables[i].nr_flows = 1;
	}
	/* One writes no DSCP at all: flags and generation change together. */
	flip_tables[1].flags = DMSC_CTL_STEER;
	env_program(dp, &flip_tables[1]);

	s.dport = ntohs(flow_keys[0].dport);
	s.tos = TOS(50, 1);
	frame_build(&f, &s);
	flip_done = false;
	flip_error = 0;
	CHECK_EQ(pthread_create(&thread, NULL, flip, NULL), 0, "thread");
	while (!flip_done) {
		bool second;

		frame_run(egress, &f, v0, &r);
		second = r.priority == DMSC_PRIO(2, DMSC_CLASS_EXPERT);
		seen[second]++;
		runs++;
		if (second ? r.verdict == NEXT && frame_tos(&r.out) == s.tos :
			     r.priority == DMSC_PRIO(1, DMSC_CLASS_DATA) &&
				     r.verdict == TC_ACT_REDIRECT &&
				     frame_tos(&r.out) == TOS(8 + DMSC_CLASS_DATA, 1))
			continue;
		pthread_join(thread, NULL);
		tap_fail("# run %llu: priority 0x%x, verdict %d, traffic class 0x%x are of no generation",
			 (unsigned long long)runs, r.priority, r.verdict, frame_tos(&r.out));
	}
	pthread_join(thread, NULL);
	CHECK(flip_error > 0, "dataplane_program: %d", flip_error);
	CHECK(seen[0] && seen[1], "of %llu runs only one generation was seen",
	      (unsigned long long)runs);
	printf("# %d flips under %llu packets\n", FLIPS, (unsigned long long)runs);
	env_program(dp, &tables);
}

static int run(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(nothing_programmed), TAP_TEST(refused_tables),	 TAP_TEST(programmed),
		TAP_TEST(dscp_and_ecn),	      TAP_TEST(control_traffic), TAP_TEST(path_down_and_up),
		TAP_TEST(smaller_mtu),	      TAP_TEST(flags_off),	 TAP_TEST(trusted),
		TAP_TEST(truncated),	      TAP_TEST(counted),	 TAP_TEST(received),
		TAP_TEST(flip_under_packets),
	};
	struct dataplane_config cfg = env_config();
	int ret;

	if (system("ip link add v0 type veth peer name v0p && ip link add v1 type veth peer name v1p && "
		   "ip link set v0 up && ip link set v1 up && ip link set v1p up && ip link set v0p up")) {
		printf("Bail out! cannot make veth interfaces\n");
		return TAP_FAIL;
	}
	v0 = if_nametoindex("v0");
	v1 = if_nametoindex("v1");
	if (dataplane_open(&dp, &cfg, &env_err)) {
		printf("Bail out! %s\n", env_err.text);
		return TAP_FAIL;
	}
	egress = dataplane_prog(dp, "dmsc_egress");
	ingress = dataplane_prog(dp, "dmsc_ingress");
	tables_make();
	ret = TAP_RUN(tests);
	dataplane_close(dp);
	return ret;
}

int main(void)
{
	return env_main(run);
}
