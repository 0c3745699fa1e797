// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Real sockets over real interfaces: whose a packet is, which class and queue it
 * gets, which rail it takes, and when a live connection changes rails.
 *
 * All tests are run with tcx and with clsact, where the kernel has both.
 */
#include <poll.h>
#include <pthread.h>

#include "rails.h"

#define SID_JOB	   21
#define SID_NARROW 22
#define SID_THERE  31
#define SID_THERE6 32

/* Port + class is an endpoint of that class. */
#define PORT_THERE 7000
#define PORT_HERE  7100

enum { PATH_R0 = 1, PATH_R1, PATH_R0_V6, PATH_R1_V6, NR_PATHS };

static struct dataplane *dp;
static char cgroup_job[128], cgroup_deep[128], cgroup_narrow[128], cgroup_nobody[128];

/* ---- the generation ---- */

static struct {
	struct dataplane_tables t;
	struct dmsc_instance_key instance_keys[2];
	struct dmsc_instance instances[2];
	struct dmsc_endpoint_key endpoint_keys[64];
	struct dmsc_endpoint endpoints[64];
	struct dmsc_group_key group_keys[64];
	struct dmsc_group groups[64];
	struct dmsc_peer_key peer_keys[32];
	struct dmsc_peer peers[32];
	struct dmsc_path paths[NR_PATHS];
} g;

static struct dmsc_addr addr_of(const char *text)
{
	struct dmsc_addr a = V4(0, 0, 0, 0);

	if (strchr(text, ':'))
		inet_pton(AF_INET6, text, a.b);
	else
		inet_pton(AF_INET, text, a.b + 12);
	return a;
}

static void add_endpoints(const char *addr, uint16_t port, uint32_t sid)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP };
	int c, p;

	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		for (p = 0; p < 2; p++) {
			size_t n = g.t.nr_endpoints++;

			g.endpoint_keys[n] =
				(struct dmsc_endpoint_key){ addr_of(addr), htons(port + c),
							    protos[p], 0 };
			g.endpoints[n] = (struct dmsc_endpoint){ .sid = sid, .class = c };
		}
	}
}

static void add_group(uint32_t src, uint32_t dst, uint8_t class, uint32_t path)
{
	g.group_keys[g.t.nr_groups] = (struct dmsc_group_key){ src, dst, class, 0, 0 };
	g.groups[g.t.nr_groups++].path = path;
}

static void add_peer(const char *addr, uint8_t class, uint32_t path)
{
	g.peer_keys[g.t.nr_peers] = (struct dmsc_peer_key){ addr_of(addr), class, 0, 0 };
	g.peers[g.t.nr_peers++].path = path;
}

/* Whatever has a path takes @rail; -1: nothing has one. */
static void tables_make(int rail)
{
	uint32_t v4 = DMSC_PATH_NONE, v6 = DMSC_PATH_NONE;
	int c;

	if (rail >= 0) {
		v4 = PATH_R0 + rail;
		v6 = PATH_R0_V6 + rail;
	}
	memset(&g, 0, sizeof(g));
	g.t = (struct dataplane_tables){
		.flags = DMSC_CTL_STEER | DMSC_CTL_DSCP,
		.instance_keys = g.instance_keys,
		.instances = g.instances,
		.nr_instances = 2,
		.endpoint_keys = g.endpoint_keys,
		.endpoints = g.endpoints,
		.group_keys = g.group_keys,
		.groups = g.groups,
		.peer_keys = g.peer_keys,
		.peers = g.peers,
		.paths = g.paths,
		.nr_paths = NR_PATHS,
	};
	memset(g.t.profile.class_of, 0xff, sizeof(g.t.profile.class_of));
	g.instance_keys[0].cgroup_id = cgroup_id(cgroup_job);
	g.instances[0] = (struct dmsc_instance){
		.sid = SID_JOB, .mic = 1, .class_default = DMSC_CLASS_BULK, .class_mask = 0xff
	};
	g.instance_keys[1].cgroup_id = cgroup_id(cgroup_narrow);
	g.instances[1] =
		(struct dmsc_instance){ .sid = SID_NARROW,
					.mic = 1,
					.class_default = DMSC_CLASS_DATA,
					.class_mask = 1 << DMSC_CLASS_DATA | 1 << DMSC_CLASS_BULK };
	add_endpoints(THERE, PORT_THERE, SID_THERE);
	add_endpoints(HERE, PORT_HERE, SID_JOB);
	add_endpoints(THERE6, PORT_THERE, SID_THERE6);
	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		g.t.profile.dscp[c] = 8 + c;
		g.t.profile.class_of[8 + c] = c;
		g.instances[0].slot[c] = 200 + c;
		g.instances[1].slot[c] = 300 + c;
		add_group(SID_JOB, SID_THERE, c, v4);
		add_group(SID_JOB, SID_THERE6, c, v6);
		add_group(SID_NARROW, DMSC_SID_ANY, c, v4);
		add_peer(THERE, c, v4);
	}
	for (c = 0; c < 2; c++) {
		g.paths[PATH_R0 + c] = (struct dmsc_path){ rail_here[c], AF_INET, DMSC_PATH_F_UP, 0,
							   V4(10, 1 + c, 0, 2) };
		g.paths[PATH_R0_V6 + c] =
			(struct dmsc_path){ rail_here[c], AF_INET6, DMSC_PATH_F_UP, 0,
					    addr_of(c ? "fd02::2" : "fd01::2") };
	}
	g.paths[PATH_R0].flags |= DMSC_PATH_F_ROUTED;
	g.paths[PATH_R0_V6].flags |= DMSC_PATH_F_ROUTED;
}

static void program_rail(int rail)
{
	CHECK(dp, "there is no data plane");
	tables_make(rail);
	env_program(dp, &g.t);
}

/* ---- the priority that a packet leaves with ---- */

/*
 * A filter behind ours: counts packets by the low half of skb->priority.
 *	r1 = skb->priority & 0xffff, as the key; value of the array += 1
 */
static int observer_map = -1;

static int observer_load(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, map_opts);
	struct bpf_insn insns[] = {
		{ BPF_LDX | BPF_MEM | BPF_W, 0, 1, offsetof(struct __sk_buff, priority), 0 },
		{ BPF_ALU64 | BPF_AND | BPF_K, 0, 0, 0, 0xffff },
		{ BPF_STX | BPF_MEM | BPF_W, 10, 0, -4, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0 },
		{ BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4 },
		{ BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, 0 },
		{ 0, 0, 0, 0, 0 },
		{ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem },
		{ BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 1 },
		{ BPF_STX | BPF_ATOMIC | BPF_DW, 0, 1, 0, BPF_ADD },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, -1 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};

	observer_map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "observer", 4, 8, 65536, &map_opts);
	if (observer_map < 0)
		return -errno;
	insns[5].imm = observer_map;
	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "observer", "GPL", insns,
			     sizeof(insns) / sizeof(insns[0]), NULL);
}

static void observe(void)
{
	int prog = observer_load(), r, ret;

	CHECK(prog >= 0, "observer: %s", strerror(-prog));
	for (r = 0; r < 2; r++) {
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = rail_here[r],
			    .attach_point = BPF_TC_EGRESS);
		LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 60000, .prog_fd = prog);

		ret = bpf_tc_hook_create(&hook);
		CHECK(!ret || ret == -EEXIST, "observer: %s", strerror(-ret));
		ret = bpf_tc_attach(&hook, &opts);
		CHECK(!ret, "observer: %s", strerror(-ret));
	}
	close(prog);
}

static void observe_end(void)
{
	int r;

	for (r = 0; r < 2; r++) {
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = rail_here[r],
			    .attach_point = BPF_TC_EGRESS);
		LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 60000);

		bpf_tc_detach(&hook, &opts);
	}
	close(observer_map);
}

static uint64_t observed(int slot, int class)
{
	uint32_t key = DMSC_PRIO(slot, class) & 0xffff;
	uint64_t n = 0;

	bpf_map_lookup_elem(observer_map, &key, &n);
	return n;
}

/* ---- helpers ---- */

struct conn {
	int listener, server, client; /* server is the accepted side */
	uint16_t port;		      /* of the side that is here */
};

/* From here to an endpoint of class @class there; the process is in @cgroup. */
static struct conn connect_out(const char *cgroup, const char *to, int class)
{
	struct conn c;

	c.listener = sock_listen(ns_there, to, PORT_THERE + class);
	cgroup_enter(cgroup);
	c.client = sock_make(ns_here, SOCK_STREAM, strchr(to, ':') ? HERE6 : HERE, 0);
	sock_connect(c.client, to, PORT_THERE + class);
	c.server = sock_accept(c.listener);
	c.port = sock_port(c.client);
	cgroup_enter(cgroup_nobody);
	return c;
}

/* From there to a listener of class @class here. */
static struct conn connect_in(const char *cgroup, const char *bound, int class)
{
	struct conn c;

	cgroup_enter(cgroup);
	c.listener = sock_listen(ns_here, bound, PORT_HERE + class);
	cgroup_enter(cgroup_nobody);
	c.client = sock_make(ns_there, SOCK_STREAM, THERE, 0);
	sock_connect(c.client, HERE, PORT_HERE + class);
	c.server = sock_accept(c.listener);
	c.port = PORT_HERE + class;
	return c;
}

static void conn_close(struct conn *c)
{
	sock_close(c->client);
	sock_close(c->server);
	sock_close(c->listener);
}

/* Some messages to and fro; small, so that each is one packet. */
static void ping_pong(const struct conn *c, int n)
{
	while (n--) {
		send_all(c->client, 100);
		recv_all(c->server, 100);
		send_all(c->server, 100);
		recv_all(c->client, 100);
	}
}

static struct dmsc_stamp stamp_of(int fd)
{
	struct dmsc_stamp s;

	CHECK(sock_stamp(dp, fd, &s), "the socket has no stamp: %s", strerror(errno));
	return s;
}

/* All packets of the connection were of this class and took this rail. */
static void check_tally(struct tally t, int class, int rail, const char *what)
{
	CHECK(t.packets > 0, "%s: no packet came through", what);
	CHECK_EQ(t.class[8 + class], t.packets, "%s: packets of class %d", what, class);
	CHECK_EQ(t.rail[rail], t.packets, "%s: packets on rail %d", what, rail);
}

/* The peer's acknowledgements get lost from now on: what we send stays in flight. */
static void acks_stop(void)
{
	enter(ns_there);
	sh("ip route replace blackhole 10.9.0.1");
	enter(ns_here);
}

static void acks_go(void)
{
	enter(ns_there);
	sh("ip route replace 10.9.0.1 via 10.1.0.1 src 10.9.0.2");
	enter(ns_here);
}

/* A loaded machine is slow: retransmissions then say nothing about the data plane. */
static void no_timers(void)
{
	sh("echo 0 > /proc/sys/net/ipv4/tcp_early_retrans");
	sh("ip route replace 10.9.0.2 via 10.1.0.2 src 10.9.0.1 rto_min 60s");
}

static void timers(void)
{
	sh("echo 3 > /proc/sys/net/ipv4/tcp_early_retrans");
	sh("ip route replace 10.9.0.2 via 10.1.0.2 src 10.9.0.1");
}

/* ---- tests: whose, and which class ---- */

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

/* ---- tests: changing a path ---- */

/*
 * Data is in flight and stays so: the connection keeps its rail however often
 * the tables change, retransmissions included. With everything acknowledged, it
 * moves with its next packet.
 */
static void moves_in_an_idle_gap(void)
{
	struct dmsc_stats before;
	uint32_t retrans;
	struct conn c;

	program_rail(1);
	before = env_counter(dp, SID_JOB, DMSC_CLASS_DATA, DMSC_DIR_TX);
	c = connect_out(cgroup_job, THERE, DMSC_CLASS_DATA);
	ping_pong(&c, 3);
	acks_stop();
	send_all(c.client, 100);
	program_rail(0);
	watch();
	send_all(c.client, 100);
	program_rail(-1);
	send_all(c.client, 100);
	program_rail(0);
	send_all(c.client, 100);
	/* At least one retransmission as well. */
	retrans = sock_info(c.client).tcpi_total_retrans;
	CHECK(WAIT_FOR(sock_info(c.client).tcpi_total_retrans > retrans), "no retransmission");
	CHECK(sock_info(c.client).tcpi_unacked > 0, "nothing is in flight");
	check_tally(tally_some(IPPROTO_TCP, c.port), DMSC_CLASS_DATA, 1, "in flight");
	CHECK_EQ(env_counter(dp, SID_JOB, DMSC_CLASS_DATA, DMSC_DIR_TX).moved, before.moved,
		 "moved");

	acks_go();
	CHECK(WAIT_FOR(!sock_info(c.client).tcpi_unacked), "everything is acknowledged");
	recv_all(c.server, 400);
	watch();
	send_all(c.client, 100);
	recv_all(c.server, 100);
	check_tally(tally(IPPROTO_TCP, c.port), DMSC_CLASS_DATA, 0, "idle before");
	CHECK_EQ(env_counter(dp, SID_JOB, DMSC_CLASS_DATA, DMSC_DIR_TX).moved, before.moved + 1,
		 "moved");
	conn_close(&c);
}

static void path_down_moves_at_once(void)
{
	struct conn c;

	program_rail(1);
	c = connect_out(cgroup_job, THERE, DMSC_CLASS_DATA);
	ping_pong(&c, 3);
	acks_stop();
	send_all(c.client, 100);
	CHECK(!dataplane_set_path(dp, PATH_R1, 0, &env_err), "%s", env_err.text);
	watch();
	send_all(c.client, 100);
	CHECK(sock_info(c.client).tcpi_unacked > 0, "nothing is in flight");
	check_tally(tally_some(IPPROTO_TCP, c.port), DMSC_CLASS_DATA, 0, "routing has it");

	/* Up again: not back before a pause. */
	CHECK(!dataplane_set_path(dp, PATH_R1, DMSC_PATH_F_UP, &env_err), "%s", env_err.text);
	send_all(c.client, 100);
	check_tally(tally_some(IPPROTO_TCP, c.port), DMSC_CLASS_DATA, 0, "still in flight");
	acks_go();
	CHECK(WAIT_FOR(!sock_info(c.client).tcpi_unacked), "everything is acknowledged");
	watch();
	send_all(c.client, 100);
	check_tally(tally_some(IPPROTO_TCP, c.port), DMSC_CLASS_DATA, 1, "after a pause");
	recv_all(c.server, 400);
	conn_close(&c);
}

/* The path that fails is one of an earlier generation, which the flow kept. */
static void kept_path_down(void)
{
	struct conn c;

	program_rail(1);
	c = connect_out(cgroup_job, THERE, DMSC_CLASS_DATA);
	ping_pong(&c, 3);
	acks_stop();
	send_all(c.client, 100);
	program_rail(0);
	program_rail(0);
	watch();
	send_all(c.client, 100);
	check_tally(tally_some(IPPROTO_TCP, c.port), DMSC_CLASS_DATA, 1,
		    "kept over two generations");
	CHECK(!dataplane_set_path(dp, PATH_R1, 0, &env_err), "%s", env_err.text);
	watch();
	send_all(c.client, 100);
	check_tally(tally_some(IPPROTO_TCP, c.port), DMSC_CLASS_DATA, 0, "down");
	acks_go();
	recv_all(c.server, 300);
	conn_close(&c);
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

struct traffic {
	struct conn c;
	volatile bool stop;
	bool bursts;   /* wait for an answer after each */
	uint64_t sent; /* bytes */
	pthread_t sender, receiver;
};

#define BURST 65536

/*
 * veth puts a packet into the backlog of the CPU that sends it, so two CPUs that
 * send for one stream may reorder it. The traffic stays on one.
 */
static void one_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *traffic_send(void *arg)
{
	static const char buf[BURST];
	struct traffic *t = arg;
	char c;

	one_cpu();
	while (!t->stop) {
		size_t n = 0;

		while (n < BURST) {
			ssize_t ret = send(t->c.client, buf + n, BURST - n, MSG_NOSIGNAL);

			if (ret <= 0)
				return "send";
			n += ret;
		}
		t->sent += BURST;
		if (t->bursts && recv(t->c.client, &c, 1, 0) != 1)
			return "answer";
	}
	shutdown(t->c.client, SHUT_WR);
	return NULL;
}

static void *traffic_receive(void *arg)
{
	static char buf[BURST];
	struct traffic *t = arg;
	uint64_t got = 0;
	ssize_t n;

	one_cpu();
	while ((n = recv(t->c.server, buf, sizeof(buf), 0)) > 0) {
		if (t->bursts && got / BURST != (got + n) / BURST)
			send(t->c.server, "x", 1, MSG_NOSIGNAL);
		got += n;
	}
	return n || got != t->sent ? "receive" : NULL;
}

static void traffic_start(struct traffic *t, const char *to, int class, bool bursts)
{
	memset(t, 0, sizeof(*t));
	t->c = connect_out(cgroup_job, to, class);
	t->bursts = bursts;
	CHECK(!pthread_create(&t->receiver, NULL, traffic_receive, t), "thread");
	CHECK(!pthread_create(&t->sender, NULL, traffic_send, t), "thread");
}

static void traffic_stop(struct traffic *t)
{
	void *send_err, *recv_err;

	t->stop = true;
	pthread_join(t->sender, &send_err);
	pthread_join(t->receiver, &recv_err);
	CHECK(!send_err && !recv_err, "%s%s failed", send_err ? (char *)send_err : "",
	      recv_err ? (char *)recv_err : "");
}

/* Waits for @bytes more of a stream that goes on, and follows its order. */
static void traffic_wait(struct traffic *t, uint64_t bytes, struct order *o)
{
	uint64_t until = t->sent + bytes;

	CHECK(WAIT_FOR((order_follow(o), t->sent >= until)), "the traffic has stopped");
}

static void slow_rails(void)
{
	no_timers();
	sh("tc qdisc add dev r0 root tbf rate 200mbit burst 20kb limit 400kb");
	sh("tc qdisc add dev r1 root tbf rate 50mbit burst 20kb limit 400kb");
}

/*
 * Rail 1 is the slower one and holds a queue; every change of the tables sends the
 * flow to the other rail. Whatever overtook that queue would arrive too early.
 */
static void generations_under_traffic(void)
{
	struct dmsc_stats before, after;
	static struct traffic t;
	struct order o = {};
	struct tcp_info ti;
	int i;

	slow_rails();
	program_rail(1);
	before = env_counter(dp, SID_JOB, DMSC_CLASS_PIPELINE, DMSC_DIR_TX);
	watch();
	traffic_start(&t, THERE, DMSC_CLASS_PIPELINE, true);
	o.port = t.c.port;
	for (i = 0; i < 40; i++) {
		traffic_wait(&t, 3 * BURST, &o);
		program_rail(i & 1);
	}
	traffic_stop(&t);
	order_follow(&o);
	ti = sock_info(t.c.client);
	conn_close(&t.c);
	after = env_counter(dp, SID_JOB, DMSC_CLASS_PIPELINE, DMSC_DIR_TX);
	printf("# %llu bytes, 40 generations, %llu moves, %u retransmissions\n",
	       (unsigned long long)t.sent, (unsigned long long)(after.moved - before.moved),
	       ti.tcpi_total_retrans);
	CHECK(after.moved - before.moved >= 10, "moved %llu times in 40 generations",
	      (unsigned long long)(after.moved - before.moved));
	CHECK(o.segments > 1000, "%d segments seen", o.segments);
	CHECK_EQ(o.gaps, 0, "segments that arrived too early");
	CHECK_EQ(ti.tcpi_reord_seen, 0, "reordering seen by the sender");
}

/* The same without waiting for a gap, to show that the test above would see it. */
static void moving_without_a_gap_reorders(void)
{
	static struct traffic t;
	struct order o = {};
	int i;

	slow_rails();
	program_rail(1);
	watch();
	traffic_start(&t, THERE, DMSC_CLASS_PIPELINE, false);
	o.port = t.c.port;
	for (i = 0; i < 50 && !o.gaps; i++) {
		traffic_wait(&t, 4 * BURST, &o);
		CHECK(!dataplane_set_path(dp, PATH_R1, i & 1 ? DMSC_PATH_F_UP : 0, &env_err), "%s",
		      env_err.text);
	}
	traffic_stop(&t);
	order_follow(&o);
	conn_close(&t.c);
	CHECK(o.gaps > 0, "a path that failed under a full queue reordered nothing");
}

/* A daemon that is started again, ten times, while datagrams and a stream run. */
static void reopened_under_traffic(void)
{
	int server = sock_make(ns_there, SOCK_DGRAM, THERE, PORT_THERE + DMSC_CLASS_GATEWAY), fd, i,
	    n;
	int sent = 0, got = 0, datagrams = 0, segments = 0, strangers = 0;
	struct dmsc_ctl before, after;
	struct dataplane *again;
	static struct traffic t;
	int size = 16 << 20;
	struct seen s;
	uint16_t port;
	char c;

	slow_rails();
	setsockopt(server, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	program_rail(1);
	cgroup_enter(cgroup_job);
	fd = sock_make(ns_here, SOCK_DGRAM, HERE, 0);
	port = sock_port(fd);
	sock_connect(fd, THERE, PORT_THERE + DMSC_CLASS_GATEWAY);
	cgroup_enter(cgroup_nobody);
	dataplane_ctl(dp, &before);
	watch();
	traffic_start(&t, THERE, DMSC_CLASS_TENSOR, true);
	for (i = 0; i < 10; i++) {
		uint64_t until = t.sent + BURST;

		again = env_open();
		for (n = 0; n < 50; n++)
			sent += send(fd, "x", 1, 0) == 1;
		dataplane_close(dp);
		dp = again;
		CHECK(WAIT_FOR(t.sent >= until), "the traffic has stopped");
		/* The last ones came through the queue before the stream's end. */
		if (i == 9)
			traffic_stop(&t);
		/* Not one passes without a program: each has its class and its rail. */
		while (seen_next(&s)) {
			bool udp = s.proto == IPPROTO_UDP && s.sport == port;
			bool tcp = s.proto == IPPROTO_TCP && s.sport == t.c.port;

			datagrams += udp;
			segments += tcp;
			strangers += (udp && s.tos >> 2 != 8 + DMSC_CLASS_GATEWAY) ||
				     (tcp && s.tos >> 2 != 8 + DMSC_CLASS_TENSOR) ||
				     ((udp || tcp) && s.rail != 1);
		}
	}
	dataplane_ctl(dp, &after);
	CHECK_EQ(after.generation, before.generation, "generation");
	while (recv(server, &c, 1, MSG_DONTWAIT) == 1)
		got++;
	CHECK_EQ(sent, 500, "datagrams sent");
	CHECK_EQ(got, sent, "datagrams received");
	CHECK_EQ(datagrams, sent, "datagrams seen");
	CHECK(segments > 100, "%d segments seen", segments);
	CHECK_EQ(strangers, 0, "packets with another class or rail");
	CHECK_EQ(sock_info(t.c.client).tcpi_total_retrans, 0, "retransmissions");
	conn_close(&t.c);
	sock_close(fd);
	sock_close(server);
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

/* ---- running it ---- */

/* What a test that failed may have left. */
static void before(void)
{
	socks_close();
	cgroup_enter(cgroup_nobody);
	acks_go();
	timers();
	sh("for r in r0 r1; do tc qdisc del dev $r root 2> /dev/null; done; true");
}

/* The next round starts from nothing. */
static void flushed(void)
{
	struct dataplane_config cfg = env_config();

	observe_end();
	dataplane_close(dp);
	dp = NULL;
	CHECK(!dataplane_flush(&cfg, &env_err), "%s", env_err.text);
}

static void attached(void)
{
	dp = env_open();
	CHECK(!dataplane_attach(dp, "r0", &env_err), "%s", env_err.text);
	CHECK(!dataplane_attach(dp, "r1", &env_err), "%s", env_err.text);
	printf("# %s\n", dataplane_method(dp));
	observe();
}

/* A connection from before the programs: its class at once, its path in a gap. */
static void connection_from_before(void)
{
	struct conn c = connect_out(cgroup_job, THERE, DMSC_CLASS_EXPERT);

	ping_pong(&c, 3);
	acks_stop();
	send_all(c.client, 100);
	attached();
	program_rail(1);
	watch();
	send_all(c.client, 100);
	check_tally(tally_some(IPPROTO_TCP, c.port), DMSC_CLASS_EXPERT, 0, "in flight");
	CHECK_EQ(stamp_of(c.client).sid, SID_JOB, "by the cgroup that created it");
	acks_go();
	CHECK(WAIT_FOR(!sock_info(c.client).tcpi_unacked), "everything is acknowledged");
	watch();
	send_all(c.client, 100);
	check_tally(tally_some(IPPROTO_TCP, c.port), DMSC_CLASS_EXPERT, 1, "after a pause");
	conn_close(&c);
}

static void use_clsact(void)
{
	setenv("DMSC_TC", "clsact", 1);
}

static const struct tap_test tests[] = {
	TAP_TEST(connection_from_before),
	TAP_TEST(stamp_by_cgroup),
	TAP_TEST(stamp_by_ancestor),
	TAP_TEST(stamp_of_nobody),
	TAP_TEST(class_beyond_the_mask),
	TAP_TEST(socket_from_elsewhere),
	TAP_TEST(ipv6_and_mapped),
	TAP_TEST(accepted),
	TAP_TEST(reset),
	TAP_TEST(udp),
	TAP_TEST(routed_path),
	TAP_TEST(received_here),
	TAP_TEST(bound_to_device),
	TAP_TEST(moves_in_an_idle_gap),
	TAP_TEST(path_down_moves_at_once),
	TAP_TEST(kept_path_down),
	TAP_TEST(class_changes_with_the_generation),
	TAP_TEST(generations_under_traffic),
	TAP_TEST(moving_without_a_gap_reorders),
	TAP_TEST(reopened_under_traffic),
	TAP_TEST(flushed),
};

#define NR_TESTS (sizeof(tests) / sizeof(tests[0]))

static void set_up(void)
{
	snprintf(cgroup_job, sizeof(cgroup_job), "%s/job", env_cgroup);
	snprintf(cgroup_deep, sizeof(cgroup_deep), "%s/job/a/b", env_cgroup);
	snprintf(cgroup_narrow, sizeof(cgroup_narrow), "%s/narrow", env_cgroup);
	snprintf(cgroup_nobody, sizeof(cgroup_nobody), "%s/nobody", env_cgroup);
	sh("mkdir -p %s %s %s", cgroup_deep, cgroup_narrow, cgroup_nobody);
	rails_up();
	tap_before = before;
}

static int run(void)
{
	struct tap_test both[2 * NR_TESTS + 2] = { { "set_up", set_up } };

	memcpy(both + 1, tests, sizeof(tests));
	both[1 + NR_TESTS] = (struct tap_test){ "use_clsact", use_clsact };
	memcpy(both + 2 + NR_TESTS, tests, sizeof(tests));
	return tap_run(both, 2 * NR_TESTS + 2);
}

int main(void)
{
	return env_main(run);
}
