// SPDX-License-Identifier: GPL-2.0-or-later
/* guests: 6.12 */
/*
 * Several paths of a group, and paths that put something around packets: who takes
 * which, what happens when one fails, and what arrives at the other end.
 */
#include <netinet/udp.h>
#include <pthread.h>

#include "lib/encap.h"

#include "live.h"

#define CONNS	24
#define AT_ONCE 64   /* sockets of two threads */
#define UDP_IN	5555 /* where encapsulated packets go */
#define SID_END "fd05::e"
#define SID_DX4 "fd05::4"
#define SID_DT6 "fd05::6"

static struct dmsc_set sets[1];
static struct dmsc_encap encaps[2];

/* Whatever has a path takes both rails, @w0 to @w1. */
static void program_set(uint16_t w0, uint16_t w1)
{
	tables_make(-1);
	sets[0] = (struct dmsc_set){ .path = { PATH_R0, PATH_R1 }, .weight = { w0, w1 }, .nr = 2 };
	for (int i = 0; i < DMSC_SET_SLOTS; i++)
		sets[0].slot[i] = i * (w0 + w1) / DMSC_SET_SLOTS >= w0;
	for (size_t i = 0; i < g.t.nr_groups; i++)
		g.groups[i].path = DMSC_PATH_SET | 0;
	for (size_t i = 0; i < g.t.nr_peers; i++)
		g.peers[i].path = DMSC_PATH_SET | 0;
	g.t.sets = sets;
	g.t.nr_sets = 1;
	env_program(dp, &g.t);
}

/* Everything to THERE and THERE6 by @rail, wrapped as @e says. */
static void program_encap(int rail, const struct plan_encap *e, const char *hop)
{
	struct dmsc_addr here = addr_of(HERE), there = addr_of(THERE);

	tables_make(rail);
	encap_build(e, &here, &there, &encaps[1]);
	g.t.encaps = encaps;
	g.t.nr_encaps = 2;
	for (int p = PATH_R0; p <= PATH_R1_V6; p++) {
		uint32_t dev = g.paths[p].ifindex;

		if (dev != (uint32_t)rail_here[rail])
			continue;
		g.paths[p] = env_path(dev, addr_of(hop), DMSC_PATH_F_UP);
		g.paths[p].encap = 1;
	}
	env_program(dp, &g.t);
}

/* What one rail has seen of a port: 0 or 1, -1 when it is both. */
static int rail_of(struct tally t)
{
	CHECK(t.packets > 0, "no packet came through");
	return t.rail[0] == t.packets ? 0 : t.rail[1] == t.packets ? 1 : -1;
}

static int next_rail(const struct conn *c)
{
	/* Until an acknowledgement that was held back is here, a connection stays. */
	CHECK(WAIT_FOR(!sock_info(c->client).tcpi_unacked), "still in flight");
	watch();
	send_all(c->client, 100);
	recv_all(c->server, 100);
	return rail_of(tally(IPPROTO_TCP, c->port));
}

static void conns_open(struct conn *c, int class)
{
	c[0] = connect_out(cgroup_job, THERE, class);
	for (int i = 1; i < CONNS; i++) {
		cgroup_enter(cgroup_job);
		c[i].client = sock_make(ns_here, SOCK_STREAM, HERE, 0);
		sock_connect(c[i].client, THERE, PORT_THERE + class);
		c[i].server = sock_accept(c[0].listener);
		c[i].port = sock_port(c[i].client);
		c[i].listener = -1;
		cgroup_enter(cgroup_nobody);
	}
	for (int i = 0; i < CONNS; i++)
		ping_pong(&c[i], 2);
}

static void conns_close(struct conn *c)
{
	for (int i = CONNS - 1; i > 0; i--) {
		sock_close(c[i].client);
		sock_close(c[i].server);
	}
	conn_close(&c[0]);
}

/* Each connection keeps to one path; another weight moves those that it has to. */
static void spread_by_weight(void)
{
	int rail[CONNS], now, on1 = 0, due = 0, moved = 0, back = 0;
	struct conn c[CONNS];

	if (!dp)
		attached();
	program_set(1, 1);
	conns_open(c, DMSC_CLASS_DATA);
	for (int i = 0; i < CONNS; i++) {
		struct dmsc_stamp s = stamp_of(c[i].client);

		CHECK_EQ(s.set, DMSC_PATH_SET, "connection %d chooses from the set", i);
		rail[i] = next_rail(&c[i]);
		CHECK_EQ(s.path, (uint32_t)PATH_R0 + rail[i], "its path");
		CHECK_EQ(next_rail(&c[i]), rail[i], "connection %d stays", i);
		on1 += rail[i];
	}
	CHECK_EQ(on1, CONNS / 2, "connections on rail 1");
	/* From half to three quarters: nobody leaves rail 1. */
	program_set(1, 3);
	for (int i = 0; i < CONNS; i++) {
		due += !rail[i] && sets[0].slot[stamp_of(c[i].client).hash % DMSC_SET_SLOTS];
		now = next_rail(&c[i]);
		moved += now && !rail[i];
		back += !now && rail[i];
	}
	printf("# %d of %d on rail 1, then %d\n", on1, CONNS, on1 + moved - back);
	CHECK_EQ(back, 0, "connections that moved to the path that lost weight");
	CHECK_EQ(moved, due, "connections that moved to the path that gained weight");
	conns_close(c);
}

/* How many of @n sockets were dealt rail 1; all were dealt one. */
static int dealt_on1(const int *fds, int n)
{
	int on1 = 0;

	for (int i = 0; i < n; i++) {
		struct dmsc_stamp s = stamp_of(fds[i]);

		CHECK(s.flags & DMSC_STAMP_F_DEALT, "socket %d was not dealt a path", i);
		CHECK_EQ(s.path, sets[0].path[sets[0].slot[s.hash % DMSC_SET_SLOTS]],
			 "its number stands for its path");
		on1 += s.path == PATH_R1;
	}
	return on1;
}

/* The few that a job opens are as its weights say, in each generation again. */
static void dealt_by_weight(void)
{
	static const uint16_t weights[][2] = { { 1, 1 }, { 3, 1 }, { 1, 3 }, { 8, 8 } };
	struct conn c[CONNS];
	int fds[CONNS];

	for (size_t i = 0; i < sizeof(weights) / sizeof(weights[0]); i++) {
		const uint16_t *w = weights[i];

		program_set(w[0], w[1]);
		conns_open(c, DMSC_CLASS_EXPERT);
		for (int k = 0; k < CONNS; k++)
			fds[k] = c[k].client;
		/* The first eight, eight from the middle, all. */
		CHECK_EQ(dealt_on1(fds, 8), 8 * w[1] / (w[0] + w[1]), "of eight, %u to %u", w[0],
			 w[1]);
		CHECK_EQ(dealt_on1(fds + 9, 8), 8 * w[1] / (w[0] + w[1]), "of eight later ones");
		CHECK_EQ(dealt_on1(fds, CONNS), CONNS * w[1] / (w[0] + w[1]), "of all");
		conns_close(c);
	}
}

/* Connections that were accepted know their peer's address, and no more. */
static void accepted_are_dealt(void)
{
	int fds[8], on1 = 0;
	struct conn c[8];

	program_set(1, 1);
	c[0] = connect_in(cgroup_job, HERE, DMSC_CLASS_DATA);
	for (int i = 1; i < 8; i++) {
		c[i].client = sock_make(ns_there, SOCK_STREAM, THERE, 0);
		sock_connect(c[i].client, HERE, PORT_HERE + DMSC_CLASS_DATA);
		c[i].server = sock_accept(c[0].listener);
	}
	for (int i = 0; i < 8; i++) {
		ping_pong(&c[i], 2);
		fds[i] = c[i].server;
		CHECK(stamp_of(fds[i]).flags & DMSC_STAMP_F_PASSIVE, "connection %d was accepted",
		      i);
	}
	CHECK_EQ(dealt_on1(fds, 8), 4, "of eight that were accepted");
	/* What they send is on those rails. */
	watch();
	for (int i = 0; i < 8; i++)
		ping_pong(&c[i], 1);
	on1 = tally(IPPROTO_TCP, PORT_HERE + DMSC_CLASS_DATA).rail[1];
	CHECK(on1 >= 4, "%d of their packets on rail 1", on1);
	for (int i = 7; i > 0; i--) {
		sock_close(c[i].client);
		sock_close(c[i].server);
	}
	conn_close(&c[0]);
}

/* Connections that are there before there is a set are dealt when there is one, and only then. */
static void dealt_once(void)
{
	uint32_t number[CONNS];
	struct conn c[CONNS];
	int fds[CONNS];

	program_rail(0);
	conns_open(c, DMSC_CLASS_DATA);
	for (int i = 0; i < CONNS; i++) {
		fds[i] = c[i].client;
		CHECK(!(stamp_of(fds[i]).flags & DMSC_STAMP_F_DEALT), "dealt without a set");
	}
	program_set(1, 1);
	for (int i = 0; i < CONNS; i++)
		next_rail(&c[i]);
	CHECK_EQ(dealt_on1(fds, CONNS), CONNS / 2, "of those that were there");
	for (int i = 0; i < CONNS; i++)
		number[i] = stamp_of(fds[i]).hash;
	program_set(1, 3);
	for (int i = 0; i < CONNS; i++) {
		next_rail(&c[i]);
		CHECK_EQ(stamp_of(fds[i]).hash, number[i], "connection %d keeps its number", i);
	}
	conns_close(c);
}

struct opener {
	int cpu, fds[AT_ONCE / 2];
	pthread_barrier_t *start;
};

static void *open_all(void *arg)
{
	struct opener *o = arg;
	struct sockaddr_storage to;
	socklen_t len = sock_addr(&to, THERE, PORT_THERE + DMSC_CLASS_BULK);

	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(o->cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	pthread_barrier_wait(o->start);
	for (int i = 0; i < AT_ONCE / 2; i++) {
		if (connect(o->fds[i], (struct sockaddr *)&to, len))
			return strerror(errno);
	}
	return NULL;
}

/* Two threads that connect at the same time: none of theirs is counted twice. */
static void dealt_at_once(void)
{
	pthread_barrier_t start;
	struct opener o[2];
	pthread_t threads[2];
	int on1 = 0;
	void *why;

	program_set(1, 1);
	CHECK(!pthread_barrier_init(&start, NULL, 2), "barrier");
	for (int t = 0; t < 2; t++) {
		o[t].start = &start;
		o[t].cpu = t % (int)sysconf(_SC_NPROCESSORS_ONLN);
		for (int i = 0; i < AT_ONCE / 2; i++)
			o[t].fds[i] = sock_make(ns_here, SOCK_DGRAM, HERE, 0);
	}
	cgroup_enter(cgroup_job);
	for (int t = 0; t < 2; t++)
		CHECK(!pthread_create(&threads[t], NULL, open_all, &o[t]), "thread");
	for (int t = 0; t < 2; t++) {
		pthread_join(threads[t], &why);
		CHECK(!why, "connect: %s", (char *)why);
	}
	cgroup_enter(cgroup_nobody);
	for (int t = 0; t < 2; t++)
		on1 += dealt_on1(o[t].fds, AT_ONCE / 2);
	CHECK_EQ(on1, AT_ONCE / 2, "on rail 1 of those of both threads");
	for (int t = 0; t < 2; t++) {
		for (int i = 0; i < AT_ONCE / 2; i++)
			sock_close(o[t].fds[i]);
	}
	pthread_barrier_destroy(&start);
}

/* A path that fails: its connections take the other, data in flight or not; then back. */
static void failover_in_a_set(void)
{
	struct dmsc_stats before, after;
	struct conn c[CONNS];
	int rail[CONNS], n = 0;

	program_set(1, 1);
	conns_open(c, DMSC_CLASS_DATA);
	for (int i = 0; i < CONNS; i++)
		rail[i] = next_rail(&c[i]);
	before = env_path_counter(dp, PATH_R1);
	acks_stop();
	for (int i = 0; i < CONNS; i++)
		send_all(c[i].client, 100);
	/* Rail 0 is routing's as well: what leaves it has gone to another path. */
	CHECK(!dataplane_set_path(dp, PATH_R0, 0, &env_err), "%s", env_err.text);
	watch();
	for (int i = 0; i < CONNS; i++) {
		n += rail[i] == 0;
		send_all(c[i].client, 100);
	}
	CHECK(WAIT_FOR(sock_info(c[0].client).tcpi_unacked > 0), "nothing is in flight");
	check_tally(tally_some(IPPROTO_TCP, 0), DMSC_CLASS_DATA, 1, "after the failure");
	after = env_path_counter(dp, PATH_R1);
	CHECK_EQ(after.moved - before.moved, n, "connections that moved to path 1");
	CHECK(after.packets - before.packets >= (uint64_t)(2 * CONNS - n),
	      "%llu packets counted on path 1",
	      (unsigned long long)(after.packets - before.packets));
	CHECK(!dataplane_set_path(dp, PATH_R0, DMSC_PATH_F_UP, &env_err), "%s", env_err.text);
	acks_go();
	for (int i = 0; i < CONNS; i++) {
		CHECK(WAIT_FOR(!sock_info(c[i].client).tcpi_unacked), "acknowledged");
		recv_all(c[i].server, 200);
		CHECK_EQ(next_rail(&c[i]), rail[i], "connection %d is back on its path", i);
	}
	conns_close(c);
}

/* The receiver's own counters of what came in the wrong order. */
static long disorder(void)
{
	return netstat_there("TCPOFOQueue") + netstat_there("TCPSACKReorder") +
	       netstat("TCPSACKReorder") + netstat("TCPTSReorder") + netstat("TCPRenoReorder");
}

struct stream {
	struct conn c;
	volatile bool stop;
	uint64_t sent;
};

#define BURST 65536

static void pin(void)
{
	cpu_set_t set;

	/* veth reorders by itself what several CPUs send. */
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *stream_run(void *arg)
{
	static char buf[BURST];
	struct stream *s = arg;
	size_t n;
	ssize_t ret;

	pin();
	while (!s->stop) {
		for (n = 0; n < BURST; n += ret) {
			ret = send(s->c.client, buf + n, BURST - n, MSG_NOSIGNAL);
			if (ret <= 0)
				return "send";
		}
		for (n = 0; n < BURST; n += ret) {
			ret = recv(s->c.server, buf, BURST - n, 0);
			if (ret <= 0)
				return "receive";
		}
		s->sent += BURST;
	}
	return NULL;
}

/* Weights change under a stream that pauses: it moves each time, in the pauses, in order. */
static void moves_in_order(void)
{
	struct dmsc_stats before, after;
	static struct stream s;
	pthread_t thread;
	long disordered;
	void *err;

	slow_rails();
	no_timers();
	program_set(1, 1);
	memset(&s, 0, sizeof(s));
	s.c = connect_out(cgroup_job, THERE, DMSC_CLASS_PIPELINE);
	before = env_counter(dp, SID_JOB, DMSC_CLASS_PIPELINE, DMSC_DIR_TX);
	disordered = disorder();
	CHECK(!pthread_create(&thread, NULL, stream_run, &s), "thread");
	for (int i = 0; i < 20; i++) {
		uint64_t until = s.sent + 2 * BURST;

		program_set(i & 1, !(i & 1));
		CHECK(WAIT_FOR(s.sent >= until), "the stream has stopped");
	}
	s.stop = true;
	pthread_join(thread, &err);
	CHECK(!err, "%s", (char *)err);
	after = env_counter(dp, SID_JOB, DMSC_CLASS_PIPELINE, DMSC_DIR_TX);
	printf("# %llu bytes, %llu moves\n", (unsigned long long)s.sent,
	       (unsigned long long)(after.moved - before.moved));
	CHECK(after.moved - before.moved >= 15, "%llu moves",
	      (unsigned long long)(after.moved - before.moved));
	CHECK_EQ(disorder() - disordered, 0, "segments that came in another order");
	CHECK_EQ(sock_info(s.c.client).tcpi_reord_seen, 0, "reordering seen by the sender");
	conn_close(&s.c);
}

/* ---- what is around packets ---- */

/* Room for what comes around packets, or none. */
static void route_mtu(int mtu)
{
	sh("ip route replace 10.9.0.2 via 10.1.0.2 src 10.9.0.1 mtu %d", mtu);
	sh("ip -6 route replace fd09::2 via fd01::2 src fd09::1 mtu %d", mtu);
}

static bool srv6_ready, srv6_here;

/* Segments of the other end: one to pass, one to take the header off. */
static void srv6_up(void)
{
	route_mtu(1320);
	if (srv6_ready)
		return;
	srv6_ready = true;
	enter(ns_there);
	sh("for f in all default r0 r1 lo; do echo 1 > /proc/sys/net/ipv6/conf/$f/seg6_enabled; done");
	sh("echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
	srv6_here = !system("ip -6 route add " SID_END
			    "/128 encap seg6local action End dev r0 2>/dev/null");
	if (srv6_here) {
		sh("ip -6 route add " SID_DX4
		   "/128 encap seg6local action End.DX4 nh4 0.0.0.0 dev r0");
		sh("ip -6 route add " SID_DT6
		   "/128 encap seg6local action End.DT6 table 255 dev r0");
	}
	enter(ns_here);
}

static struct plan_encap srv6(const char *end, int nr)
{
	struct plan_encap e = { .kind = PATH_SRV6, .source = addr_of(HERE6), .nr_segments = nr };

	for (int i = 0; i < nr - 1; i++)
		e.segments[i] = addr_of(SID_END);
	e.segments[nr - 1] = addr_of(end);
	return e;
}

struct outer {
	int rail;
	uint8_t b[256]; /* from the outer network header on */
	size_t whole;	/* bytes of the frame, without its Ethernet header */
};

/* The next frame whose outer header is of IPv6 with @next, or of IPv4 with it. */
static bool outer_next(struct outer *o, uint8_t next)
{
	struct sockaddr_ll from;
	uint8_t b[14 + 256];
	ssize_t n;

	for (;;) {
		socklen_t len = sizeof(from);

		memset(b, 0, sizeof(b));
		n = recvfrom(watch_fd, b, sizeof(b), MSG_TRUNC, (struct sockaddr *)&from, &len);
		if (n < 0)
			return false;
		if (from.sll_pkttype == PACKET_OUTGOING || n < 14 + 40)
			continue;
		if ((b[12] == 0x86 && b[13] == 0xdd && b[20] == next) ||
		    (b[12] == 8 && !b[13] && b[23] == next))
			break;
	}
	o->rail = from.sll_ifindex == rail_there[1];
	o->whole = n - 14;
	memcpy(o->b, b + 14, sizeof(o->b));
	return true;
}

static void bulk(const struct conn *c, int n)
{
	while (n--) {
		send_all(c->client, BURST);
		recv_all(c->server, BURST);
	}
}

/* A busy machine makes TCP impatient now and then; frames that are not taken, all the time. */
static void few_retransmissions(const struct conn *c)
{
	__u32 n = sock_info(c->client).tcpi_total_retrans;

	CHECK(n < 10, "%u retransmissions", n);
}

/* Frames with @nr segments, the inner header at the right place, DSCP inside and outside. */
static void check_srv6(int nr, bool v4, int class)
{
	size_t inner = 40 + 8 + 16 * nr, largest = 0, frames = 0;
	struct outer o;

	while (outer_next(&o, IPPROTO_ROUTING)) {
		frames++;
		CHECK_EQ(o.rail, 1, "its rail");
		CHECK_EQ(o.b[40], v4 ? IPPROTO_IPIP : IPPROTO_IPV6, "what is inside");
		CHECK_EQ(o.b[41], 2 * nr, "length of the routing header");
		CHECK_EQ(o.b[42], 4, "routing type");
		CHECK_EQ(o.b[44], nr - 1, "last entry");
		CHECK_EQ(o.b[4] << 8 | o.b[5], o.whole - 40, "payload length");
		CHECK_EQ((o.b[0] << 4 | o.b[1] >> 4) & 255, (8 + class) << 2, "outer traffic class");
		/* The segments behind the watcher work on the same bytes. */
		CHECK(o.b[43] < nr, "%u segments left", o.b[43]);
		CHECK(!memcmp(o.b + 24, o.b + 48 + 16 * o.b[43], 16), "the destination");
		for (int i = 0; i < nr; i++)
			CHECK(!memcmp(o.b + 48 + 16 * i,
				      addr_of(i	 ? SID_END :
					      v4 ? SID_DX4 :
						   SID_DT6)
					      .b,
				      16),
			      "segment %d", i);
		if (v4)
			CHECK_EQ(o.b[inner + 1] & 0xfc, (8 + class) << 2, "inner TOS");
		else
			CHECK_EQ((o.b[inner] << 4 | o.b[inner + 1] >> 4) & 0xfc, (8 + class) << 2,
				 "inner traffic class");
		largest = o.whole > largest ? o.whole : largest;
	}
	printf("# %d segments: %zu frames, the largest of %zu bytes\n", nr, frames, largest);
	CHECK(frames > 10, "%zu frames with segments", frames);
	CHECK(nr > 6 || largest > 2000, "no GSO packet among them: the largest has %zu", largest);
}

static void srv6_carries(const char *end, const char *to, int nr)
{
	struct plan_encap e = srv6(end, nr);
	long disordered;
	struct conn c;

	srv6_up();
	if (!srv6_here) {
		printf("# this kernel knows no segments: skipped\n");
		return;
	}
	program_encap(1, &e, "fd02::2");
	disordered = disorder();
	watch();
	c = connect_out(cgroup_job, to, DMSC_CLASS_TENSOR);
	ping_pong(&c, 2);
	bulk(&c, 20);
	check_srv6(nr, !strchr(to, ':'), DMSC_CLASS_TENSOR);
	few_retransmissions(&c);
	CHECK_EQ(disorder() - disordered, 0, "segments in another order");
	CHECK_EQ(stamp_of(c.client).encap != 0, 1, "the path in use is wrapped");
	conn_close(&c);
}

static void srv6_one_segment(void)
{
	srv6_carries(SID_DX4, THERE, 1);
}

static void srv6_two_segments(void)
{
	srv6_carries(SID_DX4, THERE, 2);
}

static void srv6_eight_segments(void)
{
	srv6_carries(SID_DX4, THERE, 8);
}

static void srv6_of_ipv6(void)
{
	srv6_carries(SID_DT6, THERE6, 3);
}

/* The device segments what is around, too: what arrives fits the wire. */
static void srv6_segmented(void)
{
	struct plan_encap e = srv6(SID_DX4, 2);
	struct outer o;
	size_t largest = 0;
	struct conn c;

	srv6_up();
	if (!srv6_here)
		return;
	sh("ip link set r1 gso_max_size 1000");
	program_encap(1, &e, "fd02::2");
	watch();
	c = connect_out(cgroup_job, THERE, DMSC_CLASS_TENSOR);
	bulk(&c, 10);
	while (outer_next(&o, IPPROTO_ROUTING)) {
		CHECK_EQ(o.b[4] << 8 | o.b[5], o.whole - 40, "payload length");
		largest = o.whole > largest ? o.whole : largest;
	}
	sh("ip link set r1 gso_max_size 65536");
	printf("# the largest of %zu bytes\n", largest);
	CHECK(largest > 1000 && largest <= 1500, "the largest frame has %zu bytes", largest);
	few_retransmissions(&c);
	conn_close(&c);
}

/* A packet for which there is no room is left to routing as it is. */
static void too_large_for_the_header(void)
{
	struct plan_encap e = srv6(SID_DX4, 8);
	struct outer o;
	struct conn c;

	srv6_up();
	if (!srv6_here)
		return;
	route_mtu(1500);
	program_encap(1, &e, "fd02::2");
	c = connect_out(cgroup_job, THERE, DMSC_CLASS_TENSOR);
	watch();
	bulk(&c, 5);
	while (outer_next(&o, IPPROTO_ROUTING))
		CHECK(o.whole <= 1500, "a frame of %zu bytes was wrapped", o.whole);
	watch();
	ping_pong(&c, 2);
	CHECK(outer_next(&o, IPPROTO_ROUTING), "small ones are wrapped");
	conn_close(&c);
}

/* UDP around datagrams: the port that was asked for, and the whole packet inside. */
static void udp_source_port(void)
{
	struct plan_encap e = { .kind = PATH_UDP, .port = UDP_IN, .entropy = 50123 };
	int in, from = sock_make(ns_here, SOCK_DGRAM, HERE, 0);
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	uint8_t b[2048];
	ssize_t n;

	srv6_up();
	in = sock_make(ns_there, SOCK_DGRAM, THERE, UDP_IN);
	program_encap(1, &e, "10.2.0.2");
	cgroup_enter(cgroup_job);
	sock_connect(from, THERE, PORT_THERE + DMSC_CLASS_EXPERT);
	CHECK_EQ(send(from, "hello", 5, 0), 5, "send");
	cgroup_enter(cgroup_nobody);
	n = recvfrom(in, b, sizeof(b), 0, (struct sockaddr *)&peer, &len);
	CHECK_EQ(n, 20 + 8 + 5, "bytes of the packet inside");
	CHECK_EQ(ntohs(peer.sin_port), 50123, "source port");
	CHECK_EQ(b[0], 0x45, "an IPv4 header inside");
	CHECK_EQ(b[1] >> 2, 8 + DMSC_CLASS_EXPERT, "its DSCP");
	CHECK_EQ(b[22] << 8 | b[23], PORT_THERE + DMSC_CLASS_EXPERT, "its destination port");
	CHECK(!memcmp(b + 28, "hello", 5), "its payload");

	/* No port asked for: one of the flow's own, always the same. */
	e.entropy = 0;
	program_encap(1, &e, "10.2.0.2");
	for (int i = 0, port = 0; i < 3; i++) {
		CHECK_EQ(send(from, "hello", 5, 0), 5, "send");
		n = recvfrom(in, b, sizeof(b), 0, (struct sockaddr *)&peer, &len);
		CHECK_EQ(n, 33, "bytes of the packet inside");
		CHECK(ntohs(peer.sin_port) >= DMSC_ENCAP_PORTS, "source port %u",
		      ntohs(peer.sin_port));
		CHECK(!i || port == peer.sin_port, "the port changed");
		port = peer.sin_port;
	}
	sock_close(from);
	sock_close(in);
}

/* The label that ECMP looks at; IPv4 has none and is left alone. */
static void flow_label(void)
{
	struct plan_encap e = { .kind = PATH_LABEL, .entropy = 0xabcde };
	struct outer o;
	struct conn c;
	int n = 0;

	program_encap(1, &e, "fd02::2");
	watch();
	c = connect_out(cgroup_job, THERE6, DMSC_CLASS_DATA);
	ping_pong(&c, 3);
	while (outer_next(&o, IPPROTO_TCP)) {
		if ((o.b[0] & 0xf0) != 0x60)
			continue;
		n++;
		CHECK_EQ(o.rail, 1, "its rail");
		CHECK_EQ((o.b[1] & 15) << 16 | o.b[2] << 8 | o.b[3], 0xabcde, "flow label");
		CHECK_EQ((o.b[0] << 4 | o.b[1] >> 4) >> 2 & 63, 8 + DMSC_CLASS_DATA, "DSCP");
	}
	CHECK(n > 4, "%d packets of IPv6", n);
	conn_close(&c);
	c = connect_out(cgroup_job, THERE, DMSC_CLASS_DATA);
	watch();
	ping_pong(&c, 2);
	check_tally(tally(IPPROTO_TCP, c.port), DMSC_CLASS_DATA, 0, "IPv4 by routing");
	conn_close(&c);
}

static int run(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(spread_by_weight),
		TAP_TEST(dealt_by_weight),
		TAP_TEST(accepted_are_dealt),
		TAP_TEST(dealt_once),
		TAP_TEST(dealt_at_once),
		TAP_TEST(failover_in_a_set),
		TAP_TEST(moves_in_order),
		TAP_TEST(srv6_one_segment),
		TAP_TEST(srv6_two_segments),
		TAP_TEST(srv6_eight_segments),
		TAP_TEST(srv6_of_ipv6),
		TAP_TEST(srv6_segmented),
		TAP_TEST(too_large_for_the_header),
		TAP_TEST(udp_source_port),
		TAP_TEST(flow_label),
	};

	return live_run(tests, sizeof(tests) / sizeof(tests[0]));
}

int main(void)
{
	return env_main(run);
}
