// SPDX-License-Identifier: GPL-2.0-or-later
/* guests: 6.1 7.3 */
/*
 * Whose a packet is, and which class, queue and rail it gets: real sockets over
 * real interfaces.
 */
#include "live.h"

static void stamp_by_cgroup(void)
{
	struct conn c;
	struct dmsc_stamp s;
	struct dmsc_stats n;
	uint64_t seen;

	program_rail(1);
	watch();
	seen = observed(200 + DMSC_CLASS_TENSOR, DMSC_CLASS_TENSOR);
	n = env_counter(dp, SID_JOB, DMSC_CLASS_TENSOR, DMSC_DIR_TX);
	c = connect_out(cgroup_job, THERE, DMSC_CLASS_TENSOR);
	s = stamp_of(c.client);
	CHECK_EQ(s.sid, SID_JOB, "SID");
	CHECK_EQ(s.peer_sid, SID_THERE, "peer's SID");
	CHECK_EQ(s.class, DMSC_CLASS_TENSOR, "class");
	CHECK_EQ(s.slot, 200 + DMSC_CLASS_TENSOR, "slot");
	CHECK_EQ(s.path, PATH_R1, "path");
	CHECK_EQ(s.cgroup_id, cgroup_id(cgroup_job), "cgroup");
	CHECK(!(s.flags & DMSC_STAMP_F_PASSIVE), "flags 0x%x", s.flags);
	ping_pong(&c, 20);
	conn_close(&c);

	struct tally t = tally(IPPROTO_TCP, c.port);

	CHECK_EQ(t.syn, 1, "the SYN was seen");
	check_tally(t, DMSC_CLASS_TENSOR, 1, "SYN and all after it");
	/* Each was counted once, though it passed the hook on both rails. */
	n.packets = env_counter(dp, SID_JOB, DMSC_CLASS_TENSOR, DMSC_DIR_TX).packets - n.packets;
	CHECK_EQ(n.packets, t.packets, "counted");
	CHECK_EQ(observed(200 + DMSC_CLASS_TENSOR, DMSC_CLASS_TENSOR) - seen, t.packets,
		 "left with the priority of slot and class");
}

static void stamp_by_ancestor(void)
{
	struct conn c;

	watch();
	c = connect_out(cgroup_deep, THERE, DMSC_CLASS_EXPERT);
	CHECK_EQ(stamp_of(c.client).sid, SID_JOB, "two levels below the instance's cgroup");
	ping_pong(&c, 3);
	conn_close(&c);
	check_tally(tally(IPPROTO_TCP, c.port), DMSC_CLASS_EXPERT, 1, "ancestor");
}

static void stamp_of_nobody(void)
{
	struct conn c;

	watch();
	c = connect_out(cgroup_nobody, THERE, DMSC_CLASS_TENSOR);
	CHECK_EQ(stamp_of(c.client).sid, 0, "no instance");
	ping_pong(&c, 3);
	conn_close(&c);
	/* No claim to the endpoint's class; the path is the host's. */
	check_tally(tally(IPPROTO_TCP, c.port), DMSC_CLASS_DEFAULT, 1, "nobody");
}

static void class_beyond_the_mask(void)
{
	struct conn c;

	watch();
	c = connect_out(cgroup_narrow, THERE, DMSC_CLASS_TENSOR);
	CHECK_EQ(stamp_of(c.client).sid, SID_NARROW, "SID");
	CHECK_EQ(stamp_of(c.client).slot, 300 + DMSC_CLASS_DATA, "slot of the class it got");
	ping_pong(&c, 3);
	conn_close(&c);
	check_tally(tally(IPPROTO_TCP, c.port), DMSC_CLASS_DATA, 1, "tensor is not allowed");
	watch();
	c = connect_out(cgroup_narrow, THERE, DMSC_CLASS_BULK);
	ping_pong(&c, 3);
	conn_close(&c);
	check_tally(tally(IPPROTO_TCP, c.port), DMSC_CLASS_BULK, 1, "bulk is allowed");
}

/* The process that connects counts, not the one that created the socket. */
static void socket_from_elsewhere(void)
{
	int listener = sock_listen(ns_there, THERE, PORT_THERE + DMSC_CLASS_PIPELINE), fd;
	struct dmsc_ctl ctl;

	cgroup_enter(cgroup_nobody);
	fd = sock_make(ns_here, SOCK_STREAM, NULL, 0);
	cgroup_enter(cgroup_job);
	sock_connect(fd, THERE, PORT_THERE + DMSC_CLASS_PIPELINE);
	cgroup_enter(cgroup_nobody);
	CHECK_EQ(stamp_of(fd).sid, SID_JOB, "SID");
	/* and it stays so when the tables change */
	program_rail(1);
	send_all(fd, 100);
	dataplane_ctl(dp, &ctl);
	CHECK_EQ(stamp_of(fd).generation, ctl.generation, "resolved again");
	CHECK_EQ(stamp_of(fd).sid, SID_JOB, "SID of the new generation");
	CHECK_EQ(stamp_of(fd).class, DMSC_CLASS_PIPELINE, "class of the new generation");
	sock_close(fd);
	sock_close(listener);
}

static void ipv6_and_mapped(void)
{
	struct sockaddr_storage ss;
	int listener, fd;
	struct conn c;

	watch();
	c = connect_out(cgroup_job, THERE6, DMSC_CLASS_TENSOR);
	CHECK_EQ(stamp_of(c.client).peer_sid, SID_THERE6, "peer's SID");
	ping_pong(&c, 5);
	conn_close(&c);
	check_tally(tally(IPPROTO_TCP, c.port), DMSC_CLASS_TENSOR, 1, "IPv6");

	/* An IPv6 socket that talks IPv4. */
	watch();
	listener = sock_listen(ns_there, THERE, PORT_THERE + DMSC_CLASS_DATA);
	cgroup_enter(cgroup_job);
	fd = sock_keep(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
	CHECK(!connect(fd, (void *)&ss,
		       sock_addr(&ss, "::ffff:" THERE, PORT_THERE + DMSC_CLASS_DATA)),
	      "connect: %s", strerror(errno));
	cgroup_enter(cgroup_nobody);
	CHECK_EQ(stamp_of(fd).peer_sid, SID_THERE, "peer's SID");
	CHECK_EQ(stamp_of(fd).path, PATH_R1, "path");
	send_all(fd, 100);
	c.server = sock_accept(listener);
	recv_all(c.server, 100);
	c.port = sock_port(fd);
	sock_close(fd);
	sock_close(c.server);
	sock_close(listener);
	check_tally(tally(IPPROTO_TCP, c.port), DMSC_CLASS_DATA, 1, "IPv4-mapped");
}

static void accepted(void)
{
	static const char *const bound[] = { HERE, "0.0.0.0", "::" };
	struct dmsc_stamp s;
	struct conn c;
	struct tally t;
	size_t i;

	for (i = 0; i < sizeof(bound) / sizeof(bound[0]); i++) {
		watch();
		c = connect_in(cgroup_job, bound[i], DMSC_CLASS_EXPERT);
		ping_pong(&c, 5);
		s = stamp_of(c.server);
		CHECK_EQ(s.sid, SID_JOB, "SID, bound to %s", bound[i]);
		CHECK_EQ(s.class, DMSC_CLASS_EXPERT, "class, bound to %s", bound[i]);
		CHECK_EQ(s.slot, 200 + DMSC_CLASS_EXPERT, "slot, bound to %s", bound[i]);
		CHECK(s.flags & DMSC_STAMP_F_PASSIVE, "flags 0x%x", s.flags);
		CHECK_EQ(s.path, PATH_R1, "path by the peer's address, bound to %s", bound[i]);
		conn_close(&c);
		t = tally(IPPROTO_TCP, c.port);
		CHECK_EQ(t.syn, 1, "the SYN-ACK was seen");
		check_tally(t, DMSC_CLASS_EXPERT, 1, "SYN-ACK and all after it");
	}
}

/* Nobody listens: the kernel's own answer has the endpoint's class. */
static void reset(void)
{
	struct sockaddr_storage ss;
	struct tally t;
	int fd, ret;

	watch();
	fd = sock_make(ns_there, SOCK_STREAM, THERE, 0);
	ret = connect(fd, (void *)&ss, sock_addr(&ss, HERE, PORT_HERE + DMSC_CLASS_GATEWAY));
	CHECK(ret && errno == ECONNREFUSED, "connect: %s", strerror(errno));
	sock_close(fd);
	t = tally(IPPROTO_TCP, PORT_HERE + DMSC_CLASS_GATEWAY);
	CHECK_EQ(t.rst, 1, "the reset was seen");
	CHECK_EQ(t.class[8 + DMSC_CLASS_GATEWAY], t.packets, "class of the reset");
}

static void udp(void)
{
	struct sockaddr_storage ss;
	int server[2], fd, i, class[2] = { DMSC_CLASS_PIPELINE, DMSC_CLASS_GATEWAY };
	socklen_t len;
	struct tally t;
	uint16_t port;

	watch();
	for (i = 0; i < 2; i++)
		server[i] = sock_make(ns_there, SOCK_DGRAM, THERE, PORT_THERE + class[i]);

	/* One socket, two classes. */
	cgroup_enter(cgroup_job);
	fd = sock_make(ns_here, SOCK_DGRAM, HERE, 0);
	port = sock_port(fd);
	for (i = 0; i < 20; i++) {
		len = sock_addr(&ss, THERE, PORT_THERE + class[i & 1]);
		CHECK_EQ(sendto(fd, "x", 1, 0, (void *)&ss, len), 1, "sendto: %s", strerror(errno));
	}
	t = tally(IPPROTO_UDP, port);
	CHECK_EQ(t.packets, 20, "datagrams");
	CHECK_EQ(t.class[8 + class[0]], 10, "the first's class");
	CHECK_EQ(t.class[8 + class[1]], 10, "the second's class");
	CHECK_EQ(t.rail[1], 20, "rail");

	/* Connected, and a datagram to somebody else all the same. */
	sock_connect(fd, THERE, PORT_THERE + class[0]);
	CHECK_EQ(stamp_of(fd).class, class[0], "connected");
	CHECK_EQ(stamp_of(fd).sid, SID_JOB, "connected");
	CHECK_EQ(send(fd, "x", 1, 0), 1, "send: %s", strerror(errno));
	len = sock_addr(&ss, THERE, PORT_THERE + class[1]);
	CHECK_EQ(sendto(fd, "x", 1, 0, (void *)&ss, len), 1, "sendto: %s", strerror(errno));
	t = tally(IPPROTO_UDP, port);
	CHECK_EQ(t.class[8 + class[0]], 1, "to its peer");
	CHECK_EQ(t.class[8 + class[1]], 1, "to somebody else");

	/* A datagram in fragments: the connection's class and rail. */
	CHECK_EQ(send(fd, &g, 4000, 0), 4000, "send: %s", strerror(errno));
	cgroup_enter(cgroup_nobody);
	t = tally(IPPROTO_UDP, 0);
	CHECK_EQ(t.packets, 3, "fragments");
	check_tally(t, class[0], 1, "fragments");
	sock_close(fd);

	/* A server answers with its own endpoint's class. */
	cgroup_enter(cgroup_job);
	fd = sock_make(ns_here, SOCK_DGRAM, HERE, PORT_HERE + DMSC_CLASS_EXPERT);
	cgroup_enter(cgroup_nobody);
	len = sock_addr(&ss, THERE, 5555);
	CHECK_EQ(sendto(fd, "x", 1, 0, (void *)&ss, len), 1, "sendto: %s", strerror(errno));
	check_tally(tally(IPPROTO_UDP, PORT_HERE + DMSC_CLASS_EXPERT), DMSC_CLASS_EXPERT, 1,
		    "answer");
	sock_close(fd);
	sock_close(server[0]);
	sock_close(server[1]);
}

/*
 * A program before ours marks packets as if they came back from a redirect, and
 * gives them the highest class: with every value, so that one would be the right
 * one if the mark alone were enough.
 *	skb->priority = DMSC_PRIO(0, CONTROL); skb->tc_index = ++*value
 */
static void forged_mark(void)
{
	struct bpf_insn insns[] = {
		{ BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0 },
		{ BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0 },
		{ BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4 },
		{ BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, 0 },
		{ 0, 0, 0, 0, 0 },
		{ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem },
		{ BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 6, 0 },
		{ BPF_LDX | BPF_MEM | BPF_W, 1, 0, 0, 0 },
		{ BPF_ALU | BPF_ADD | BPF_K, 1, 0, 0, 1 },
		{ BPF_STX | BPF_MEM | BPF_W, 0, 1, 0, 0 },
		{ BPF_STX | BPF_MEM | BPF_W, 6, 1, offsetof(struct __sk_buff, tc_index), 0 },
		{ BPF_ALU | BPF_MOV | BPF_K, 2, 0, 0, (int)DMSC_PRIO(0, DMSC_CLASS_CONTROL) },
		{ BPF_STX | BPF_MEM | BPF_W, 6, 2, offsetof(struct __sk_buff, priority), 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, -1 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = rail_here[0], .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, tc, .handle = 1, .priority = 1);
	LIBBPF_OPTS(bpf_link_create_opts, before, .flags = 1U << 3 /* BPF_F_BEFORE */);
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "forger", 4, 4, 1, NULL), prog, link = -1;
	uint32_t key = 0, n = 0;
	struct conn c;

	insns[4].imm = map;
	prog = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "forger", "GPL", insns,
			     sizeof(insns) / sizeof(insns[0]), NULL);
	CHECK(prog >= 0, "forger: %s", strerror(errno));
	program_rail(1);
	if (!strcmp(dataplane_method(dp), "tcx")) {
		link = bpf_link_create(prog, rail_here[0], 47 /* BPF_TCX_EGRESS */, &before);
		CHECK(link >= 0, "forger: %s", strerror(errno));
	} else {
		tc.prog_fd = prog;
		CHECK(!bpf_tc_attach(&hook, &tc), "forger: %s", strerror(errno));
	}
	watch();
	c = connect_out(cgroup_narrow, THERE, DMSC_CLASS_BULK);
	ping_pong(&c, 500);
	conn_close(&c);
	check_tally(tally(IPPROTO_TCP, c.port), DMSC_CLASS_BULK, 1, "forged marks");
	bpf_map_lookup_elem(map, &key, &n);
	CHECK(n > 500, "the forger saw %u packets", n);
	tc.flags = tc.prog_fd = tc.prog_id = 0;
	if (link >= 0)
		close(link);
	else
		bpf_tc_detach(&hook, &tc);
	close(prog);
	close(map);
}

/* Where routing goes there anyhow, nothing is redirected. */
static void routed_path(void)
{
	struct dmsc_stats before;
	struct conn c;

	program_rail(0);
	before = env_counter(dp, SID_JOB, DMSC_CLASS_TENSOR, DMSC_DIR_TX);
	watch();
	c = connect_out(cgroup_job, THERE, DMSC_CLASS_TENSOR);
	ping_pong(&c, 5);
	conn_close(&c);
	check_tally(tally(IPPROTO_TCP, c.port), DMSC_CLASS_TENSOR, 0, "rail 0");
	CHECK_EQ(env_counter(dp, SID_JOB, DMSC_CLASS_TENSOR, DMSC_DIR_TX).steered, before.steered,
		 "steered");

	/* Without the flag it is redirected to the device it is on; once. */
	tables_make(0);
	g.paths[PATH_R0].flags = DMSC_PATH_F_UP;
	env_program(dp, &g.t);
	before = env_counter(dp, SID_JOB, DMSC_CLASS_TENSOR, DMSC_DIR_TX);
	watch();
	c = connect_out(cgroup_job, THERE, DMSC_CLASS_TENSOR);
	ping_pong(&c, 5);
	conn_close(&c);

	struct tally t = tally(IPPROTO_TCP, c.port);
	struct dmsc_stats n = env_counter(dp, SID_JOB, DMSC_CLASS_TENSOR, DMSC_DIR_TX);

	check_tally(t, DMSC_CLASS_TENSOR, 0, "rail 0");
	CHECK_EQ(n.packets - before.packets, t.packets, "counted once");
	CHECK_EQ(n.steered - before.steered, t.packets, "steered");
}

static void received_here(void)
{
	struct dmsc_stats before, after;
	struct conn c;

	program_rail(1);
	before = env_counter(dp, SID_JOB, ANY_CLASS, DMSC_DIR_RX);
	c = connect_in(cgroup_job, HERE, DMSC_CLASS_EXPERT);
	ping_pong(&c, 10);
	conn_close(&c);
	after = env_counter(dp, SID_JOB, ANY_CLASS, DMSC_DIR_RX);
	CHECK(after.packets - before.packets >= 12, "received %llu packets, sent were 12 and more",
	      (unsigned long long)(after.packets - before.packets));
}

/* A bound device is the application's own choice of path. */
static void bound_to_device(void)
{
	struct conn c = { .listener = sock_listen(ns_there, THERE, PORT_THERE) };

	program_rail(1);
	watch();
	cgroup_enter(cgroup_job);
	c.client = sock_make(ns_here, SOCK_STREAM, HERE, 0);
	CHECK(!setsockopt(c.client, SOL_SOCKET, SO_BINDTODEVICE, "r0", 3), "SO_BINDTODEVICE: %s",
	      strerror(errno));
	sock_connect(c.client, THERE, PORT_THERE);
	cgroup_enter(cgroup_nobody);
	c.server = sock_accept(c.listener);
	c.port = sock_port(c.client);
	ping_pong(&c, 2);
	conn_close(&c);
	check_tally(tally(IPPROTO_TCP, c.port), DMSC_CLASS_DEFAULT, 0, "bound to r0");
}

/* Only the tables of the generation in force count; a new class takes effect at once. */
static void class_changes_with_the_generation(void)
{
	struct conn c;
	size_t i;

	program_rail(1);
	c = connect_out(cgroup_job, THERE, DMSC_CLASS_DATA);
	ping_pong(&c, 3);
	tables_make(1);
	for (i = 0; i < g.t.nr_endpoints; i++) {
		if (g.endpoints[i].class == DMSC_CLASS_DATA)
			g.endpoints[i].class = DMSC_CLASS_GATEWAY;
	}
	env_program(dp, &g.t);
	watch();
	ping_pong(&c, 3);
	CHECK_EQ(stamp_of(c.client).class, DMSC_CLASS_GATEWAY, "stamp");
	check_tally(tally(IPPROTO_TCP, c.port), DMSC_CLASS_GATEWAY, 1, "the new class");
	conn_close(&c);
}

static int run(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(attached),
		TAP_TEST(stamp_by_cgroup),
		TAP_TEST(stamp_by_ancestor),
		TAP_TEST(stamp_of_nobody),
		TAP_TEST(class_beyond_the_mask),
		TAP_TEST(socket_from_elsewhere),
		TAP_TEST(ipv6_and_mapped),
		TAP_TEST(accepted),
		TAP_TEST(reset),
		TAP_TEST(udp),
		TAP_TEST(forged_mark),
		TAP_TEST(routed_path),
		TAP_TEST(received_here),
		TAP_TEST(bound_to_device),
		TAP_TEST(class_changes_with_the_generation),
	};

	return live_run(tests, sizeof(tests) / sizeof(tests[0]));
}

int main(void)
{
	return env_main(run);
}
