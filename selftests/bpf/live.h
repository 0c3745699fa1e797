/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tests on live traffic share: instances, endpoints and paths over two
 * rails, connections between them, and running all of it with tcx and with
 * clsact, where the kernel has both.
 */
#ifndef DMSC_SELFTESTS_LIVE_H
#define DMSC_SELFTESTS_LIVE_H

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

static inline struct dmsc_addr addr_of(const char *text)
{
	struct dmsc_addr a = V4(0, 0, 0, 0);

	if (strchr(text, ':'))
		inet_pton(AF_INET6, text, a.b);
	else
		inet_pton(AF_INET, text, a.b + 12);
	return a;
}

static inline void add_endpoints(const char *addr, uint16_t port, uint32_t sid)
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

static inline void add_group(uint32_t src, uint32_t dst, uint8_t class, uint32_t path)
{
	g.group_keys[g.t.nr_groups] = (struct dmsc_group_key){
		.src_sid = src, .dst_sid = dst, .class = class, .ipv6 = dst == SID_THERE6
	};
	g.groups[g.t.nr_groups++].path = path;
}

static inline void add_peer(const char *addr, uint8_t class, uint32_t path)
{
	g.peer_keys[g.t.nr_peers] = (struct dmsc_peer_key){ addr_of(addr), class, 0, 0 };
	g.peers[g.t.nr_peers++].path = path;
}

/* Whatever has a path takes @rail; -1: nothing has one. */
static inline void tables_make(int rail)
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
		g.paths[PATH_R0 + c] = env_path(rail_here[c], V4(10, 1 + c, 0, 2), DMSC_PATH_F_UP);
		g.paths[PATH_R0_V6 + c] =
			env_path(rail_here[c], addr_of(c ? "fd02::2" : "fd01::2"), DMSC_PATH_F_UP);
	}
	g.paths[PATH_R0].flags |= DMSC_PATH_F_ROUTED;
	g.paths[PATH_R0_V6].flags |= DMSC_PATH_F_ROUTED;
}

static inline void program_rail(int rail)
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

static inline int observer_load(void)
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

static inline void observe(void)
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

static inline void observe_end(void)
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

static inline uint64_t observed(int slot, int class)
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
static inline struct conn connect_out(const char *cgroup, const char *to, int class)
{
	int size = 4 << 20;
	struct conn c;

	c.listener = sock_listen(ns_there, to, PORT_THERE + class);
	/* Where a slow machine's receiver drops, nothing can be said of the way there. */
	setsockopt(c.listener, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	cgroup_enter(cgroup);
	c.client = sock_make(ns_here, SOCK_STREAM, strchr(to, ':') ? HERE6 : HERE, 0);
	sock_connect(c.client, to, PORT_THERE + class);
	c.server = sock_accept(c.listener);
	c.port = sock_port(c.client);
	cgroup_enter(cgroup_nobody);
	return c;
}

/* From there to a listener of class @class here. */
static inline struct conn connect_in(const char *cgroup, const char *bound, int class)
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

static inline void conn_close(struct conn *c)
{
	sock_close(c->client);
	sock_close(c->server);
	sock_close(c->listener);
}

/* Some messages to and fro; small, so that each is one packet. */
static inline void ping_pong(const struct conn *c, int n)
{
	while (n--) {
		send_all(c->client, 100);
		recv_all(c->server, 100);
		send_all(c->server, 100);
		recv_all(c->client, 100);
	}
}

static inline struct dmsc_stamp stamp_of(int fd)
{
	struct dmsc_stamp s;

	CHECK(sock_stamp(dp, fd, &s), "the socket has no stamp: %s", strerror(errno));
	return s;
}

/* All packets of the connection were of this class and took this rail. */
static inline void check_tally(struct tally t, int class, int rail, const char *what)
{
	CHECK(t.packets > 0, "%s: no packet came through", what);
	CHECK_EQ(t.class[8 + class], t.packets, "%s: packets of class %d", what, class);
	CHECK_EQ(t.rail[rail], t.packets, "%s: packets on rail %d", what, rail);
}

/* What is to be put back before the next test. */
static bool no_acks, no_timeouts, rails_slow;

/* The peer's acknowledgements get lost from now on: what we send stays in flight. */
static inline void acks_stop(void)
{
	no_acks = true;
	enter(ns_there);
	sh("ip route replace blackhole 10.9.0.1");
	enter(ns_here);
}

static inline void acks_go(void)
{
	enter(ns_there);
	sh("ip route replace 10.9.0.1 via 10.1.0.1 src 10.9.0.2");
	enter(ns_here);
	no_acks = false;
}

/* A loaded machine is slow: retransmissions then say nothing about the data plane. */
static inline void no_timers(void)
{
	no_timeouts = true;
	sh("echo 0 > /proc/sys/net/ipv4/tcp_early_retrans");
	sh("ip route replace 10.9.0.2 via 10.1.0.2 src 10.9.0.1 rto_min 20s");
}

static inline void timers(void)
{
	sh("echo 3 > /proc/sys/net/ipv4/tcp_early_retrans");
	sh("ip route replace 10.9.0.2 via 10.1.0.2 src 10.9.0.1");
	no_timeouts = false;
}

/* Both rails hold a queue, the second a longer one. */
static inline void slow_rails(void)
{
	rails_slow = true;
	sh("tc qdisc add dev r0 root tbf rate 200mbit burst 20kb limit 400kb");
	sh("tc qdisc add dev r1 root tbf rate 50mbit burst 20kb limit 400kb");
}

static inline void fast_rails(void)
{
	sh("for r in r0 r1; do tc qdisc del dev $r root 2> /dev/null; done; true");
	rails_slow = false;
}

/* ---- running it ---- */

/* What a test that failed may have left. */
static inline void before(void)
{
	socks_close();
	cgroup_enter(cgroup_nobody);
	if (no_acks)
		acks_go();
	if (no_timeouts)
		timers();
	if (rails_slow)
		fast_rails();
}

/* The next round starts from nothing. */
static inline void flushed(void)
{
	struct dataplane_config cfg = env_config();

	observe_end();
	dataplane_close(dp);
	dp = NULL;
	CHECK(!dataplane_flush(&cfg, &env_err), "%s", env_err.text);
}

static inline void attached(void)
{
	dp = env_open();
	CHECK(!dataplane_attach(dp, "r0", &env_err), "%s", env_err.text);
	CHECK(!dataplane_attach(dp, "r1", &env_err), "%s", env_err.text);
	printf("# %s\n", dataplane_method(dp));
	observe();
}

static inline void set_up(void)
{
	snprintf(cgroup_job, sizeof(cgroup_job), "%s/job", env_cgroup);
	snprintf(cgroup_deep, sizeof(cgroup_deep), "%s/job/a/b", env_cgroup);
	snprintf(cgroup_narrow, sizeof(cgroup_narrow), "%s/narrow", env_cgroup);
	snprintf(cgroup_nobody, sizeof(cgroup_nobody), "%s/nobody", env_cgroup);
	sh("mkdir -p %s %s %s", cgroup_deep, cgroup_narrow, cgroup_nobody);
	rails_up();
	tap_before = before;
}

static inline void use_clsact(void)
{
	setenv("DMSC_TC", "clsact", 1);
}

/* The first way that this kernel offers; NULL when the data plane does not even open. */
static inline const char *first_method(void)
{
	struct dataplane_config cfg = env_config();
	const char *method = NULL;

	if (!dataplane_open(&dp, &cfg, &env_err))
		method = dataplane_method(dp);
	dataplane_close(dp);
	dp = NULL;
	dataplane_flush(&cfg, &env_err);
	return method;
}

/* The tests, the first of which attaches; where there is tcx, then by clsact too. */
static inline int live_run(const struct tap_test *tests, int n)
{
	struct tap_test all[64] = { { "set_up", set_up } };
	const char *method = first_method();
	int i, nr = 1;

	for (i = 0; i < n; i++)
		all[nr++] = tests[i];
	all[nr++] = (struct tap_test){ "flushed", flushed };
	if (method && strcmp(method, "clsact")) {
		all[nr++] = (struct tap_test){ "use_clsact", use_clsact };
		for (i = 0; i < n; i++)
			all[nr++] = tests[i];
		all[nr++] = (struct tap_test){ "flushed", flushed };
	}
	return tap_run(all, nr);
}

#endif /* DMSC_SELFTESTS_LIVE_H */
