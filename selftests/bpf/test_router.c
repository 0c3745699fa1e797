// SPDX-License-Identifier: GPL-2.0-or-later
/* guests: 6.12 */
/*
 * The service router with real sockets: programs of cgroup hooks on addresses
 * have no test run. Instances listen at addresses of the loopback device; the
 * services' own addresses are nowhere, so that a call that is not resolved fails.
 */
#include <poll.h>

#include "rails.h"

#include "lib/router_priv.h"

#define VIP	      "10.96.0.1"
#define VIP6	      "fd96::1"
#define PORT	      700  /* of services */
#define TARGET	      7000 /* of instances */
#define MAX_INSTANCES 64

static struct dataplane *dp;
static struct router *rt;
static char cgroup_in[128], cgroup_other[128];

/* ---- what is to be in force ---- */

static struct router_spec spec;
static struct router_service services[32];

static struct router_service *a_service(const char *name, const char *addr, uint8_t proto,
					enum dmsc_rt_method method)
{
	static struct router_instance room[32][MAX_INSTANCES];
	struct router_service *s = &services[spec.nr_services];
	struct sockaddr_storage ss;

	sock_addr(&ss, addr, 0);
	*s = (struct router_service){ .port = PORT + spec.nr_services,
				      .proto = proto,
				      .method = method,
				      .table = 251,
				      .instances = room[spec.nr_services] };
	snprintf(s->name, sizeof(s->name), "%s", name);
	if (ss.ss_family == AF_INET6) {
		memcpy(&s->addr, &((struct sockaddr_in6 *)&ss)->sin6_addr, 16);
	} else {
		s->addr = V4(0, 0, 0, 0);
		memcpy(s->addr.b + 12, &((struct sockaddr_in *)&ss)->sin_addr, 4);
	}
	spec.services = services;
	spec.nr_services++;
	return s;
}

/* Instance @n of a service is at 10.7.0.n or fd07::n. */
static struct router_instance *an_instance(struct router_service *s, int n)
{
	struct router_instance *inst = &s->instances[s->nr_instances++];

	memset(inst, 0, sizeof(*inst));
	snprintf(inst->name, sizeof(inst->name), "i%d", n);
	if (s->addr.b[10] == 0xff && s->addr.b[11] == 0xff)
		inst->addr = V4(10, 7, 0, n);
	else
		inst->addr = (struct dmsc_addr){ { 0xfd, 7, [15] = n } };
	inst->port = TARGET;
	inst->weight = 1;
	inst->distance = DMSC_RT_FAR;
	return inst;
}

static struct router_service *some(const char *name, const char *addr, uint8_t proto,
				   enum dmsc_rt_method method, int instances)
{
	struct router_service *s = a_service(name, addr, proto, method);
	int i;

	for (i = 1; i <= instances; i++)
		an_instance(s, i);
	return s;
}

static void no_services(void)
{
	memset(&spec, 0, sizeof(spec));
	spec.seed = 42;
}

static void put(void)
{
	struct router_ended ended;
	int ret = router_program(rt, &spec, &env_err);

	CHECK(ret > 0, "%s", env_err.text);
	router_end_sockets(rt, &ended);
	CHECK_EQ(ended.left, 0, "sockets that could not be ended: %s", ended.why);
}

static struct router_config config(void)
{
	return (struct router_config){ .pin_dir = env_pins, .cgroup = env_cgroup };
}

/* ---- what is in force ---- */

static uint64_t count_of(const struct router_service *s, enum dmsc_rt_count what)
{
	struct router_status st;
	uint64_t n = 0;
	size_t i;

	CHECK(!router_status(rt, &st, &env_err), "%s", env_err.text);
	for (i = 0; i < st.nr_services; i++) {
		if (!strcmp(st.services[i].service.name, s->name))
			n = st.services[i].counts.n[what];
	}
	router_status_free(&st);
	return n;
}

/* Outstanding connections of instance @n of @s, and its number. */
static uint64_t open_at(const struct router_service *s, int n, uint16_t *number)
{
	struct router_status st;
	uint64_t open = 0;
	char name[16];
	size_t i, k;

	snprintf(name, sizeof(name), "i%d", n);
	if (number)
		*number = 0;
	CHECK(!router_status(rt, &st, &env_err), "%s", env_err.text);
	for (i = 0; i < st.nr_services; i++) {
		for (k = 0; k < st.services[i].nr_instances; k++) {
			const struct router_instance_status *inst = &st.services[i].instances[k];

			if (strcmp(inst->inst.name, name) ||
			    strcmp(inst->inst.service_name, s->name))
				continue;
			open += inst->load.open;
			if (number)
				*number = inst->number;
		}
	}
	router_status_free(&st);
	return open;
}

static uint64_t open_in_all(void)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < DMSC_RT_MAX_INSTANCES; i++)
		sum += router_open_sockets(rt, i);
	return sum;
}

/* ---- instances at work ---- */

static struct {
	int tcp[2], udp[2]; /* IPv4, IPv6 */
} at[MAX_INSTANCES];

static void instance_address(char out[32], int n, bool v6)
{
	snprintf(out, 32, v6 ? "fd07::%x" : "10.7.0.%d", n);
}

static void instances_up(int n)
{
	char addr[32];
	int i, v6;

	memset(at, 0xff, sizeof(at));
	for (i = 1; i <= n; i++) {
		for (v6 = 0; v6 < 2; v6++) {
			instance_address(addr, i, v6);
			at[i].tcp[v6] = sock_listen(ns_here, addr, TARGET);
			CHECK(!listen(at[i].tcp[v6], 4096), "listen: %s", strerror(errno));
			at[i].udp[v6] = sock_make(ns_here, SOCK_DGRAM, addr, TARGET);
		}
	}
}

/* Which instance has something to take; -1 for none. Calls are made one by one. */
static int arrived(bool udp, bool v6)
{
	struct pollfd p[MAX_INSTANCES];
	int i;

	for (i = 0; i < MAX_INSTANCES; i++)
		p[i] = (struct pollfd){ .fd = i ? (udp ? at[i].udp[v6] : at[i].tcp[v6]) : -1,
					.events = POLLIN };
	CHECK(poll(p, MAX_INSTANCES, 60000) >= 0, "poll: %s", strerror(errno));
	for (i = 1; i < MAX_INSTANCES; i++) {
		if (p[i].revents & POLLIN)
			return i;
	}
	return -1;
}

struct call {
	int client, server, instance;
};

static struct call tcp_call(const char *to, uint16_t port)
{
	bool v6 = strchr(to, ':') && strncmp(to, "::ffff:", 7);
	struct call c;

	c.client = sock_make(ns_here, SOCK_STREAM, strchr(to, ':') ? "::" : NULL, 0);
	sock_connect(c.client, to, port);
	c.instance = arrived(false, v6);
	CHECK(c.instance > 0, "%s: no instance was asked", to);
	c.server = sock_accept(at[c.instance].tcp[v6]);
	return c;
}

static void call_end(struct call *c)
{
	sock_close(c->client);
	if (c->server >= 0)
		sock_close(c->server);
}

static int connect_errno(int fd, const char *to, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = sock_addr(&ss, to, port);

	return connect(fd, (struct sockaddr *)&ss, len) ? errno : 0;
}

/* An address is what a service's is. */
static void check_address(const struct sockaddr_storage *ss, const char *addr, uint16_t port,
			  const char *what)
{
	struct sockaddr_storage want;
	char got[INET6_ADDRSTRLEN] = "?";

	sock_addr(&want, addr, port);
	if (ss->ss_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)ss)->sin_addr, got, sizeof(got));
	else
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)ss)->sin6_addr, got, sizeof(got));
	CHECK_EQ(ss->ss_family, want.ss_family, "%s: family", what);
	CHECK(!strcmp(got, addr), "%s is %s, expected %s", what, got, addr);
	CHECK_EQ(ntohs(((struct sockaddr_in *)ss)->sin_port), port, "%s: port", what);
}

static void check_peer(int fd, const char *addr, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	CHECK(!getpeername(fd, (struct sockaddr *)&ss, &len), "getpeername: %s", strerror(errno));
	check_address(&ss, addr, port, "getpeername");
}

static void send_to(int fd, const char *addr, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = sock_addr(&ss, addr, port);

	CHECK(sendto(fd, "?", 1, 0, (struct sockaddr *)&ss, len) == 1, "sendto %s: %s", addr,
	      strerror(errno));
}

/* Takes what came to an instance, answers it; which instance it was. */
static int udp_answer(bool v6)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int n = arrived(true, v6);
	char c;

	CHECK(n > 0, "nothing arrived");
	CHECK(recvfrom(at[n].udp[v6], &c, 1, 0, (struct sockaddr *)&ss, &len) == 1, "recvfrom: %s",
	      strerror(errno));
	CHECK(sendto(at[n].udp[v6], "!", 1, 0, (struct sockaddr *)&ss, len) == 1, "answer: %s",
	      strerror(errno));
	return n;
}

static void check_answer(int fd, const char *addr, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	char c;

	CHECK(recvfrom(fd, &c, 1, 0, (struct sockaddr *)&ss, &len) == 1, "recvfrom: %s",
	      strerror(errno));
	check_address(&ss, addr, port, "recvfrom");
}

/* ---- tests: the application's view ---- */

static void tcp(void)
{
	static const char *const to[] = { VIP, VIP6, "::ffff:" VIP };
	struct router_service *s[2];
	bool seen[4] = {};
	struct call c;
	char buf[4];
	int i, k;

	no_services();
	s[0] = some("web", VIP, IPPROTO_TCP, DMSC_RT_HASH, 3);
	s[1] = some("web6", VIP6, IPPROTO_TCP, DMSC_RT_HASH, 3);
	put();
	instances_up(3);
	for (i = 0; i < 3; i++) {
		memset(seen, 0, sizeof(seen));
		for (k = 0; k < 60; k++) {
			c = tcp_call(to[i], s[i == 1]->port);
			seen[c.instance] = true;
			check_peer(c.client, to[i], s[i == 1]->port);
			CHECK_EQ(open_in_all(), 1, "outstanding");
			CHECK(send(c.client, "abc", 3, 0) == 3 && recv(c.server, buf, 3, 0) == 3,
			      "data: %s", strerror(errno));
			call_end(&c);
		}
		/* One in a hundred million runs leaves one out by chance. */
		CHECK(seen[1] && seen[2] && seen[3], "%s: not all instances were asked", to[i]);
	}
	CHECK_EQ(open_in_all(), 0, "outstanding");
	CHECK_EQ(count_of(s[0], DMSC_RT_CHOSEN), 120, "chosen");
	/* What is no service's is left alone, also its address at another port or protocol. */
	i = sock_make(ns_here, SOCK_STREAM, NULL, 0);
	sock_connect(i, "10.7.0.2", TARGET);
	check_peer(i, "10.7.0.2", TARGET);
	sock_close(i);
	i = sock_make(ns_here, SOCK_STREAM, NULL, 0);
	CHECK(connect_errno(i, VIP, PORT + 20), "a port that no service has was resolved");
	sock_close(i);
	i = sock_make(ns_here, SOCK_DGRAM, NULL, 0);
	CHECK(connect_errno(i, VIP, s[0]->port), "another protocol was resolved");
	CHECK_EQ(open_in_all(), 0, "outstanding");
}

/* connect() and the first data in one call. */
static void tcp_fast_open(void)
{
	struct sockaddr_storage ss;
	struct router_service *s;
	int fd, server, n;
	socklen_t len;

	no_services();
	s = some("web", VIP, IPPROTO_TCP, DMSC_RT_HASH, 2);
	put();
	instances_up(2);
	fd = sock_make(ns_here, SOCK_STREAM, NULL, 0);
	len = sock_addr(&ss, VIP, s->port);
	CHECK(sendto(fd, "abc", 3, MSG_FASTOPEN, (struct sockaddr *)&ss, len) == 3,
	      "MSG_FASTOPEN: %s", strerror(errno));
	check_peer(fd, VIP, s->port);
	n = arrived(false, false);
	CHECK(n > 0, "no instance was asked");
	server = sock_accept(at[n].tcp[0]);
	recv_all(server, 3);
	CHECK_EQ(open_in_all(), 1, "outstanding");
	sock_close(fd);
	CHECK_EQ(open_in_all(), 0, "outstanding");
}

static void udp_connected(void)
{
	static const char *const to[] = { VIP, VIP6 };
	struct router_service *s[2];
	int i, fd;

	no_services();
	s[0] = some("log", VIP, IPPROTO_UDP, DMSC_RT_HASH, 3);
	s[1] = some("log6", VIP6, IPPROTO_UDP, DMSC_RT_HASH, 3);
	put();
	instances_up(3);
	for (i = 0; i < 2; i++) {
		fd = sock_make(ns_here, SOCK_DGRAM, i ? "::" : "0.0.0.0", 0);
		sock_connect(fd, to[i], s[i]->port);
		check_peer(fd, to[i], s[i]->port);
		CHECK(send(fd, "?", 1, 0) == 1, "send: %s", strerror(errno));
		udp_answer(i);
		check_answer(fd, to[i], s[i]->port);
		CHECK_EQ(open_in_all(), 1, "outstanding");
		/* To another one: the first is given back. */
		sock_connect(fd, to[i], s[i]->port);
		CHECK_EQ(open_in_all(), 1, "outstanding after a second connect");
		sock_connect(fd, i ? "fd07::1" : "10.7.0.1", TARGET);
		CHECK_EQ(open_in_all(), 0, "outstanding after connect to no service");
		check_peer(fd, i ? "fd07::1" : "10.7.0.1", TARGET);
		sock_close(fd);
	}
}

static void udp_unconnected(void)
{
	static const char *const to[] = { VIP, VIP6, "::ffff:" VIP };
	static const char *const own[] = { "10.7.0.%d", "fd07::%d", "::ffff:10.7.0.%d" };
	struct router_service *s[2];
	int i, k, fd, first;
	char addr[32];

	no_services();
	s[0] = some("log", VIP, IPPROTO_UDP, DMSC_RT_LEAST, 3);
	s[1] = some("log6", VIP6, IPPROTO_UDP, DMSC_RT_LEAST, 3);
	put();
	instances_up(3);
	for (i = 0; i < 3; i++) {
		uint16_t port = s[i == 1]->port;

		fd = sock_make(ns_here, SOCK_DGRAM, i ? "::" : "0.0.0.0", 0);
		send_to(fd, to[i], port);
		first = udp_answer(i == 1);
		check_answer(fd, to[i], port);
		for (k = 0; k < 20; k++) {
			send_to(fd, to[i], port);
			CHECK_EQ(udp_answer(i == 1), first, "a socket stays with its instance");
			check_answer(fd, to[i], port);
		}
		CHECK_EQ(open_in_all(), 1, "outstanding");
		/* Who was spoken to by its own address answers with that. */
		k = first % 3 + 1;
		snprintf(addr, sizeof(addr), i == 1 ? own[1] : i ? own[2] : own[0], k);
		send_to(fd, addr, TARGET);
		CHECK_EQ(udp_answer(i == 1), k, "by its own address");
		check_answer(fd, addr, TARGET);
		sock_close(fd);
		CHECK_EQ(open_in_all(), 0, "outstanding");
	}
}

/* More services from one socket than it can hold: they are reached all the same. */
static void udp_many_services(void)
{
	int i, round, fd;
	char name[16];

	no_services();
	for (i = 0; i < DMSC_RT_MAX_PEERS + 3; i++) {
		snprintf(name, sizeof(name), "log%d", i);
		some(name, VIP, IPPROTO_UDP, DMSC_RT_HASH, 2);
	}
	put();
	instances_up(2);
	fd = sock_make(ns_here, SOCK_DGRAM, "0.0.0.0", 0);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < DMSC_RT_MAX_PEERS + 3; i++) {
			send_to(fd, VIP, services[i].port);
			udp_answer(false);
			recv_all(fd, 1);
			CHECK(open_in_all() <= DMSC_RT_MAX_PEERS, "outstanding");
		}
	}
	CHECK_EQ(open_in_all(), DMSC_RT_MAX_PEERS, "outstanding");
	CHECK(count_of(&services[DMSC_RT_MAX_PEERS], DMSC_RT_GIVEN_UP), "nothing was given up");
	sock_close(fd);
	CHECK_EQ(open_in_all(), 0, "outstanding");
}

/* ---- nothing is paid for packets ---- */

/* How often a program has run since statistics are on. */
static uint64_t runs_of(const char *name)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int fd = dataplane_prog(rt->dp, name);

	CHECK(!bpf_obj_get_info_by_fd(fd, &info, &len), "%s: %s", name, strerror(errno));
	return info.run_cnt;
}

static uint64_t runs_of_all(void)
{
	static const char *const names[] = { "dmsc_connect4",	  "dmsc_sendmsg4",
					     "dmsc_getpeername4", "dmsc_recvmsg4",
					     "dmsc_connect6",	  "dmsc_sendmsg6",
					     "dmsc_recvmsg6",	  "dmsc_sock_release" };
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		sum += runs_of(names[i]);
	return sum;
}

static void free_afterwards(void)
{
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME), fd, i;
	uint64_t before, connects;
	struct call c;

	CHECK(stats >= 0, "BPF statistics: %s", strerror(errno));
	no_services();
	some("web", VIP, IPPROTO_TCP, DMSC_RT_HASH, 1);
	some("log", VIP, IPPROTO_UDP, DMSC_RT_HASH, 1);
	put();
	instances_up(1);
	connects = runs_of("dmsc_connect4");
	c = tcp_call(VIP, services[0].port);
	fd = sock_make(ns_here, SOCK_DGRAM, NULL, 0);
	sock_connect(fd, VIP, services[1].port);
	CHECK_EQ(runs_of("dmsc_connect4") - connects, 2, "what is counted is what runs");
	before = runs_of_all();
	for (i = 0; i < 500; i++) {
		send_all(c.client, 100);
		recv_all(c.server, 100);
		send_all(fd, 1);
		recv_all(at[1].udp[0], 1);
	}
	CHECK_EQ(runs_of_all() - before, 0, "programs that ran for 1000 packets");
	close(stats);
}

/* ---- identity and policy are about the instance ---- */

static void identity(void)
{
	struct dmsc_instance_key me = { .cgroup_id = cgroup_id(cgroup_in) };
	struct dmsc_instance inst = {
		.sid = 21, .mic = 1, .class_default = DMSC_CLASS_BULK, .class_mask = 0xff
	};
	struct dmsc_endpoint_key keys[3] = {
		{ V4(10, 7, 0, 1), htons(TARGET), IPPROTO_TCP, 0 },
		{ V4(10, 7, 0, 2), htons(TARGET), IPPROTO_TCP, 0 },
		{ V4(10, 96, 0, 1), htons(PORT), IPPROTO_TCP, 0 },
	};
	struct dmsc_endpoint endpoints[3] = { { .sid = 31, .mic = 3, .class = DMSC_CLASS_TENSOR },
					      { .sid = 32, .mic = 3, .class = DMSC_CLASS_DATA },
					      { .sid = 99, .class = DMSC_CLASS_CONTROL } };
	struct dmsc_rule_key rule_key = { 0, 32, DMSC_WHO_ANY, DMSC_WHO_SID, 0, 0 };
	struct dmsc_rule rule = { DMSC_ACTION_DENY, 0xff, 0, 1 };
	struct dataplane_tables t = {
		.flags = DMSC_CTL_DSCP,
		.instance_keys = &me,
		.instances = &inst,
		.nr_instances = 1,
		.endpoint_keys = keys,
		.endpoints = endpoints,
		.nr_endpoints = 3,
	};
	int seen[3] = {}, denied = 0, i, fd;
	struct router_service *s;
	struct dmsc_stamp stamp;
	struct call c;

	no_services();
	s = some("web", VIP, IPPROTO_TCP, DMSC_RT_HASH, 2);
	put();
	instances_up(2);
	env_program(dp, &t);
	for (i = 0; i < 40; i++) {
		c = tcp_call(VIP, s->port);
		CHECK(sock_stamp(dp, c.client, &stamp), "no stamp");
		CHECK_EQ(stamp.sid, 21, "SID");
		CHECK_EQ(stamp.peer_sid, 30 + c.instance, "peer's SID is the instance's");
		CHECK_EQ(stamp.class, c.instance == 1 ? DMSC_CLASS_TENSOR : DMSC_CLASS_DATA,
			 "class is that of the instance's port");
		seen[c.instance]++;
		call_end(&c);
	}
	CHECK(seen[1] && seen[2], "not all instances were asked");

	/* A rule about the instance decides, and what is refused is not outstanding. */
	t.flags |= DMSC_CTL_POLICY;
	t.rule_keys = &rule_key;
	t.rules = &rule;
	t.nr_rules = 1;
	env_program(dp, &t);
	for (i = 0; i < 40; i++) {
		fd = sock_make(ns_here, SOCK_STREAM, NULL, 0);
		switch (connect_errno(fd, VIP, s->port)) {
		case 0:
			CHECK_EQ(arrived(false, false), 1, "the instance that is allowed");
			sock_close(sock_accept(at[1].tcp[0]));
			CHECK_EQ(open_in_all(), 1, "outstanding");
			break;
		case EPERM:
			denied++;
			CHECK_EQ(open_in_all(), 0, "outstanding though denied");
			break;
		default:
			CHECK(false, "connect: %s", strerror(errno));
		}
		sock_close(fd);
	}
	CHECK(denied > 0 && denied < 40, "%d of 40 denied", denied);
	t = (struct dataplane_tables){ .flags = DMSC_CTL_DSCP };
	env_program(dp, &t);
}

/* ---- which instance ---- */

static void least(void)
{
	struct call c[40];
	struct router_service *s;
	int i, n[5] = {};

	no_services();
	s = some("web", VIP, IPPROTO_TCP, DMSC_RT_LEAST, 4);
	s->instances[3].weight = 2;
	put();
	instances_up(4);
	for (i = 0; i < 40; i++) {
		c[i] = tcp_call(VIP, s->port);
		n[c[i].instance]++;
	}
	/* 40 connections over weights of 1, 1, 1 and 2. */
	for (i = 1; i <= 4; i++)
		CHECK_EQ(n[i], i == 4 ? 16 : 8, "instance %d", i);
	/* Whoever loses some gets the next ones. */
	for (i = 0; i < 40; i++) {
		if (c[i].instance == 2)
			call_end(&c[i]);
	}
	CHECK_EQ(open_at(s, 2, NULL), 0, "outstanding");
	for (i = 0; i < 8; i++) {
		struct call again = tcp_call(VIP, s->port);

		CHECK_EQ(again.instance, 2, "the instance that has least");
	}
	CHECK_EQ(open_in_all(), 40, "outstanding");
	socks_close();
	CHECK_EQ(open_in_all(), 0, "outstanding");
}

/* By client: always the same instance for a cgroup; few change when one goes. */
static void hash_by_client(void)
{
	int was[60], n[6] = {}, i, k, moved = 0, of_gone = 0;
	struct router_service *s;
	char dir[200];
	struct call c;

	no_services();
	s = some("web", VIP, IPPROTO_TCP, DMSC_RT_HASH, 5);
	s->by_client = true;
	s->table = 4099;
	put();
	instances_up(5);
	for (i = 0; i < 60; i++) {
		snprintf(dir, sizeof(dir), "%s/client%d", env_cgroup, i);
		CHECK(!mkdir(dir, 0700), "%s: %s", dir, strerror(errno));
		cgroup_enter(dir);
		for (k = 0; k < 3; k++) {
			c = tcp_call(VIP, s->port);
			if (!k)
				was[i] = c.instance;
			CHECK_EQ(c.instance, was[i], "the same instance for the same client");
			call_end(&c);
		}
		n[was[i]]++;
	}
	for (i = 1; i <= 5; i++)
		CHECK(n[i], "instance %d has no client", i);
	s->instances[1].state = ROUTER_DOWN;
	put();
	for (i = 0; i < 60; i++) {
		snprintf(dir, sizeof(dir), "%s/client%d", env_cgroup, i);
		cgroup_enter(dir);
		c = tcp_call(VIP, s->port);
		CHECK(c.instance != 2, "an instance that is down was asked");
		of_gone += was[i] == 2;
		moved += was[i] != 2 && c.instance != was[i];
		call_end(&c);
	}
	cgroup_enter(cgroup_in);
	for (i = 0; i < 60; i++) {
		snprintf(dir, sizeof(dir), "%s/client%d", env_cgroup, i);
		rmdir(dir);
	}
	printf("# %d clients of 60 had the instance that went, %d of the others moved\n", of_gone,
	       moved);
	CHECK(moved <= 6, "%d of %d clients moved without need", moved, 60 - of_gone);
}

/* Shares of Maglev's tables are as the weights are. */
static void hash_by_weight(void)
{
	struct router_service *s;
	int i, n[4] = {};
	struct call c;

	no_services();
	s = some("web", VIP, IPPROTO_TCP, DMSC_RT_HASH, 3);
	s->instances[0].weight = 1;
	s->instances[1].weight = 3;
	s->instances[2].weight = 0;
	put();
	instances_up(3);
	for (i = 0; i < 200; i++) {
		c = tcp_call(VIP, s->port);
		n[c.instance]++;
		call_end(&c);
	}
	CHECK_EQ(n[3], 0, "weight 0");
	/* 50 expected, a standard deviation of 6: six of them. */
	CHECK(n[1] > 14 && n[1] < 86, "%d of 200 at a weight of 1 in 4", n[1]);
}

static void near_first(enum dmsc_rt_method method)
{
	struct call c[16];
	struct router_service *s;
	int i, n[6] = {};
	uint64_t spilled;

	no_services();
	s = some("web", VIP, IPPROTO_TCP, method, 5);
	s->spill = 3;
	s->instances[0].distance = DMSC_RT_SAME_HOST;
	s->instances[1].distance = DMSC_RT_SAME_RAIL;
	s->instances[2].distance = DMSC_RT_SAME_RAIL;
	s->instances[3].distance = DMSC_RT_SAME_LEAF;
	put();
	instances_up(5);
	spilled = count_of(s, DMSC_RT_SPILLED);
	for (i = 0; i < 16; i++) {
		static const int level[16] = { 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3 };
		static const int of[6] = { -1, 0, 1, 1, 2, 3 };

		c[i] = tcp_call(VIP, s->port);
		n[c[i].instance]++;
		CHECK_EQ(of[c[i].instance], level[i], "level of connection %d", i);
	}
	/* What the last level has is above the threshold. */
	CHECK_EQ(n[5], 4, "the farthest takes the rest");
	CHECK_EQ(n[2], 3, "rail");
	CHECK_EQ(n[3], 3, "rail");
	CHECK_EQ(count_of(s, DMSC_RT_SPILLED) - spilled, 13, "spilled");
	/* Room nearby is used at once. */
	call_end(&c[0]);
	c[0] = tcp_call(VIP, s->port);
	CHECK_EQ(c[0].instance, 1, "the nearest has room again");
	socks_close();
	CHECK_EQ(open_in_all(), 0, "outstanding");
}

static void locality(void)
{
	near_first(DMSC_RT_LEAST);
	near_first(DMSC_RT_HASH);
}

static void failover(void)
{
	struct router_service *s;
	struct call c;
	int i, fd;

	no_services();
	s = some("web", VIP, IPPROTO_TCP, DMSC_RT_HASH, 4);
	s->instances[1].priority = 1;
	s->instances[2].priority = 1;
	s->instances[3].priority = 2;
	put();
	instances_up(4);
	for (i = 0; i < 10; i++) {
		c = tcp_call(VIP, s->port);
		CHECK_EQ(c.instance, 1, "the first group");
		call_end(&c);
	}
	CHECK_EQ(count_of(s, DMSC_RT_FAILED_OVER), 0, "failed over");
	s->instances[0].state = ROUTER_DOWN;
	s->instances[1].state = ROUTER_DRAINING;
	put();
	for (i = 0; i < 10; i++) {
		c = tcp_call(VIP, s->port);
		CHECK_EQ(c.instance, 3, "the second group, but for who drains");
		call_end(&c);
	}
	CHECK_EQ(count_of(s, DMSC_RT_FAILED_OVER), 10, "failed over");
	s->instances[2].weight = 0;
	put();
	c = tcp_call(VIP, s->port);
	CHECK_EQ(c.instance, 4, "the last group");
	call_end(&c);
	s->instances[3].state = ROUTER_DOWN;
	put();
	fd = sock_make(ns_here, SOCK_STREAM, NULL, 0);
	CHECK_EQ(connect_errno(fd, VIP, s->port), ECONNREFUSED, "nobody is left");
	CHECK_EQ(count_of(s, DMSC_RT_REFUSED), 1, "refused");
	s->instances[0].state = ROUTER_ACTIVE;
	put();
	c = tcp_call(VIP, s->port);
	CHECK_EQ(c.instance, 1, "back to the first group");
	call_end(&c);
}

/* ---- instances that go ---- */

static void draining(void)
{
	struct router_service *s[2];
	struct call c, more;
	int fd, had, i;

	no_services();
	s[0] = some("web", VIP, IPPROTO_TCP, DMSC_RT_LEAST, 2);
	s[1] = some("log", VIP, IPPROTO_UDP, DMSC_RT_LEAST, 2);
	put();
	instances_up(2);
	c = tcp_call(VIP, s[0]->port);
	fd = sock_make(ns_here, SOCK_DGRAM, "0.0.0.0", 0);
	send_to(fd, VIP, s[1]->port);
	had = udp_answer(false);
	recv_all(fd, 1);
	s[0]->instances[c.instance - 1].state = ROUTER_DRAINING;
	s[1]->instances[had - 1].state = ROUTER_DRAINING;
	put();
	send_all(c.client, 10);
	recv_all(c.server, 10);
	check_peer(c.client, VIP, s[0]->port);
	send_to(fd, VIP, s[1]->port);
	CHECK_EQ(udp_answer(false), had, "a UDP socket stays where it is");
	check_answer(fd, VIP, s[1]->port);
	for (i = 0; i < 5; i++) {
		more = tcp_call(VIP, s[0]->port);
		CHECK(more.instance != c.instance, "who drains got a connection");
	}
	CHECK_EQ(open_at(s[0], c.instance, NULL), 1, "outstanding where it drains");
}

static void gone(void)
{
	struct router_service *s[2];
	struct router_ended ended;
	int fd[3], had[3], i;
	struct call c;
	char b;

	no_services();
	s[0] = some("web", VIP, IPPROTO_TCP, DMSC_RT_LEAST, 2);
	s[1] = some("log", VIP, IPPROTO_UDP, DMSC_RT_LEAST, 3);
	put();
	instances_up(3);
	c = tcp_call(VIP, s[0]->port);
	for (i = 0; i < 3; i++) {
		fd[i] = sock_make(ns_here, SOCK_DGRAM, "0.0.0.0", 0);
		if (i < 2)
			sock_connect(fd[i], VIP, s[1]->port);
		send_to(fd[i], VIP, s[1]->port);
		had[i] = udp_answer(false);
		recv_all(fd[i], 1);
	}
	/* The instance of fd[1] and that of fd[2] go; one is down, one not named any more. */
	CHECK(had[0] != had[1] && had[1] != had[2] && had[0] != had[2], "least connections");
	s[0]->instances[c.instance - 1].state = ROUTER_DOWN;
	s[1]->instances[had[2] - 1].state = ROUTER_DOWN;
	memmove(&s[1]->instances[had[1] - 1], &s[1]->instances[had[1]],
		(3 - had[1]) * sizeof(s[1]->instances[0]));
	s[1]->nr_instances--;
	CHECK(router_program(rt, &spec, &env_err) > 0, "%s", env_err.text);
	router_end_sockets(rt, &ended);
	CHECK_EQ(ended.ended, 1, "ended: the one that is connected");
	CHECK_EQ(ended.left, 0, "left: %s", ended.why);
	CHECK(recv(fd[1], &b, 1, 0) < 0 && errno == ECONNABORTED, "recv: %s", strerror(errno));
	CHECK(send(fd[0], "?", 1, 0) == 1, "the one that stays: %s", strerror(errno));
	CHECK_EQ(udp_answer(false), had[0], "instance of the one that stays");
	recv_all(fd[0], 1);
	/* Without a connection the next datagram goes to another one. */
	send_to(fd[2], VIP, s[1]->port);
	CHECK_EQ(udp_answer(false), had[0], "the only one left");
	check_answer(fd[2], VIP, s[1]->port);
	CHECK_EQ(count_of(s[1], DMSC_RT_MOVED), 1, "moved");
	CHECK_EQ(open_at(s[1], had[0], NULL), 2, "outstanding");
	/* A new connect finds one, too. */
	sock_connect(fd[1], VIP, s[1]->port);
	CHECK_EQ(open_at(s[1], had[0], NULL), 3, "outstanding");
	/* TCP goes on and is counted. */
	CHECK_EQ(open_at(s[0], c.instance, NULL), 1, "connections of one that is down");
	send_all(c.client, 10);
	recv_all(c.server, 10);
	/* Again: nothing is ended twice. */
	put();
	socks_close();
	CHECK_EQ(open_in_all(), 0, "outstanding");
}

/* A socket in a network namespace of its own is found and ended as well. */
static void gone_in_a_namespace(void)
{
	struct router_service *s;
	struct router_ended ended;
	int p[2], q[2];
	char c = 0;
	pid_t pid;

	no_services();
	s = some("log", VIP, IPPROTO_UDP, DMSC_RT_HASH, 1);
	put();
	CHECK(!pipe(p) && !pipe(q), "pipe: %s", strerror(errno));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct sockaddr_storage ss;
		socklen_t len = sock_addr(&ss, VIP, s->port);
		int fd;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) ||
		    system("ip link set lo up && ip addr add 10.7.0.1/32 dev lo"))
			_exit(1);
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		if (connect(fd, (struct sockaddr *)&ss, len) || write(p[1], "r", 1) != 1)
			_exit(2);
		if (read(q[0], &c, 1) != 1)
			_exit(3);
		_exit(recv(fd, &c, 1, MSG_DONTWAIT) < 0 && errno == ECONNABORTED ? 0 : 4);
	}
	close(p[1]);
	CHECK(read(p[0], &c, 1) == 1, "the child has no socket");
	s->instances[0].state = ROUTER_DOWN;
	CHECK(router_program(rt, &spec, &env_err) > 0, "%s", env_err.text);
	router_end_sockets(rt, &ended);
	CHECK(write(q[1], "g", 1) == 1, "pipe: %s", strerror(errno));
	CHECK(waitpid(pid, &p[1], 0) == pid, "waitpid: %s", strerror(errno));
	close(p[0]);
	close(q[0]);
	close(q[1]);
	CHECK_EQ(ended.ended, 1, "ended");
	CHECK_EQ(ended.left, 0, "left: %s", ended.why);
	CHECK_EQ(WEXITSTATUS(p[1]), 0, "what the child saw");
	/* And we are back where we were. */
	instances_up(1);
}

/* The number of an instance is not given to another one while sockets hold it. */
static void numbers(void)
{
	struct router_service *s;
	uint16_t held, number;
	struct call c;
	int round, i;

	no_services();
	s = some("web", VIP, IPPROTO_TCP, DMSC_RT_HASH, 1);
	put();
	instances_up(1);
	c = tcp_call(VIP, s->port);
	open_at(s, 1, &held);
	CHECK(held, "no number");
	for (round = 0; round < 6; round++) {
		/* Other instances, different ones in every generation. */
		s->nr_instances = 0;
		for (i = 0; i < 8; i++)
			an_instance(s, 2 + round * 8 + i);
		put();
		for (i = 0; i < 8; i++) {
			open_at(s, 2 + round * 8 + i, &number);
			CHECK(number && number != held, "number %d was given away", held);
		}
		CHECK_EQ(open_at(s, 1, &number), 1, "outstanding of the one that is not named");
		CHECK_EQ(number, held, "its number");
	}
	check_peer(c.client, VIP, s->port);
	send_all(c.client, 10);
	recv_all(c.server, 10);
	/* It comes back: as what it was. */
	s->nr_instances = 0;
	an_instance(s, 1);
	put();
	CHECK_EQ(open_at(s, 1, &number), 1, "outstanding");
	CHECK_EQ(number, held, "its number");
	/* The whole service goes, then the connection; then the number is free. */
	spec.nr_services = 0;
	put();
	CHECK_EQ(open_at(s, 1, &number), 1, "outstanding of a service that is not named");
	call_end(&c);
	CHECK_EQ(open_in_all(), 0, "outstanding");
	put();
	some("other", VIP, IPPROTO_TCP, DMSC_RT_HASH, 8);
	put();
	for (i = 1, round = 0; i <= 8; i++) {
		open_at(&services[0], i, &number);
		round += number == held;
	}
	CHECK_EQ(round, 1, "number %d is used again", held);
}

/* ---- counts do not drift ---- */

/* Ends by SIGKILL in the middle of whatever it does. */
static void killed_process(const struct router_service *s)
{
	int p[2], i;
	pid_t pid;
	char c;

	CHECK(!pipe(p), "pipe: %s", strerror(errno));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct sockaddr_storage ss;
		socklen_t len = sock_addr(&ss, VIP, s->port);

		for (i = 0; i < 20; i++) {
			int fd = socket(AF_INET, SOCK_STREAM, 0);

			if (connect(fd, (struct sockaddr *)&ss, len))
				_exit(1);
		}
		if (write(p[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(p[1]);
	CHECK(read(p[0], &c, 1) == 1, "the child's connections failed");
	close(p[0]);
	CHECK(open_in_all() >= 20, "outstanding");
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, &i, 0) == pid, "waitpid: %s", strerror(errno));
}

/* One step of a socket's life, by chance; whether it holds an instance afterwards. */
static bool step_of(int *fd, int kind, bool held, const struct router_service *s)
{
	static const struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct sockaddr_storage ss;
	socklen_t len = sock_addr(&ss, VIP, s->port);
	int copy;

	switch (rand() % 8) {
	case 0 ... 2: /* again and again; whether it comes about or not, it was given one */
		(void)!connect(*fd, (struct sockaddr *)&ss, len);
		held = true;
		break;
	case 3:
		if (kind == 1) {
			(void)!sendto(*fd, "?", 1, 0, (struct sockaddr *)&ss, len);
			held = true;
		}
		break;
	case 4: /* the last descriptor counts, not the first */
		copy = dup(*fd);
		CHECK(copy >= 0, "dup: %s", strerror(errno));
		close(*fd);
		*fd = copy;
		break;
	case 5: /* gives up its peer, but not what it holds */
		(void)!connect(*fd, &none, sizeof(none));
		break;
	case 6:
		shutdown(*fd, SHUT_RDWR);
		break;
	case 7:
		close(*fd);
		*fd = -1;
		held = false;
		break;
	}
	return held;
}

static void no_drift(void)
{
	enum { SOCKETS = 48, STEPS = 6000 };
	struct router_service *s[3];
	int fd[SOCKETS], kind[SOCKETS], i, step, most = 0, sum;
	bool holds[SOCKETS] = {};

	no_services();
	s[0] = some("web", VIP, IPPROTO_TCP, DMSC_RT_LEAST, 3);
	s[1] = some("log", VIP, IPPROTO_UDP, DMSC_RT_HASH, 3);
	/* Nobody listens at the instances of this one. */
	s[2] = a_service("dead", VIP, IPPROTO_TCP, DMSC_RT_LEAST);
	an_instance(s[2], 1)->port = TARGET + 1;
	an_instance(s[2], 2)->port = TARGET + 1;
	put();
	instances_up(3);
	memset(fd, 0xff, sizeof(fd));
	srand(1);
	for (step = 0; step < STEPS; step++) {
		i = rand() % SOCKETS;
		if (fd[i] < 0) {
			kind[i] = rand() % 3;
			fd[i] = socket(AF_INET,
				       (kind[i] == 1 ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK |
					       SOCK_CLOEXEC,
				       0);
			CHECK(fd[i] >= 0, "socket: %s", strerror(errno));
		} else {
			holds[i] = step_of(&fd[i], kind[i], holds[i], s[kind[i]]);
		}
		if (rand() % 1000 == 0)
			put(); /* a generation in between */
		if (step % 50)
			continue;
		for (i = 0, sum = 0; i < SOCKETS; i++)
			sum += holds[i];
		CHECK_EQ(open_in_all(), sum, "outstanding after %d steps", step);
		if (sum > most)
			most = sum;
	}
	printf("# up to %d sockets held an instance, %llu were given one\n", most,
	       (unsigned long long)count_of(s[0], DMSC_RT_CHOSEN) + count_of(s[1], DMSC_RT_CHOSEN) +
		       count_of(s[2], DMSC_RT_CHOSEN));
	CHECK(most > SOCKETS / 4, "the steps do not cover what they are for");
	for (i = 0; i < SOCKETS; i++) {
		if (fd[i] >= 0)
			close(fd[i]);
	}
	CHECK_EQ(open_in_all(), 0, "outstanding");
	killed_process(s[0]);
	CHECK(WAIT_FOR(!open_in_all()), "%llu outstanding of a process that was killed",
	      (unsigned long long)open_in_all());
}

/* ---- full maps ---- */

static void refused(const char *part)
{
	uint32_t generation = rt->ctl->generation;
	int ret = router_program(rt, &spec, &env_err);

	CHECK_EQ(ret, -E2BIG, "refused");
	CHECK(strstr(env_err.text, part), "%s", env_err.text);
	CHECK_EQ(rt->ctl->generation, generation, "generation");
}

static void full(void)
{
	static struct router_instance many[5][1024];
	struct router_service *s, *web;
	struct call c;
	int i, k;

	no_services();
	web = some("web", VIP, IPPROTO_TCP, DMSC_RT_HASH, 2);
	put();
	instances_up(2);
	c = tcp_call(VIP, web->port);

	for (i = 0; i < 5; i++) {
		char name[16];

		snprintf(name, sizeof(name), "big%d", i);
		s = a_service(name, VIP, IPPROTO_TCP, DMSC_RT_LEAST);
		s->instances = many[i];
		for (k = 0; k < 1024; k++) {
			an_instance(s, 1);
			snprintf(many[i][k].name, sizeof(many[i][k].name), "i%d", k);
			many[i][k].port = 1 + k;
		}
	}
	refused("services[4].instances[");
	spec.nr_services = 2;
	services[1].method = DMSC_RT_HASH;
	services[1].table = 524309; /* a prime above 16384 blocks of 32 */
	refused("services[1].table: 524309 positions");
	spec.nr_services = 1;

	/* What was there before is as it was. */
	send_all(c.client, 10);
	recv_all(c.server, 10);
	check_peer(c.client, VIP, web->port);
	CHECK_EQ(open_in_all(), 1, "outstanding");
	call_end(&c);
	c = tcp_call(VIP, web->port);
	call_end(&c);
}

/* No room to list one more UDP socket: it works all the same, and is counted. */
static void full_list(void)
{
	struct dmsc_rt_flow none = { .netns = 1 };
	struct router_service *s;
	uint64_t key;
	int fd;

	no_services();
	s = some("log", VIP, IPPROTO_UDP, DMSC_RT_HASH, 2);
	put();
	instances_up(2);
	for (key = 1ULL << 60;
	     !bpf_map_update_elem(rt->flows, &key, &none, BPF_ANY) || errno == ENOMEM; key++)
		;
	CHECK_EQ(errno, E2BIG, "the list is full");
	fd = sock_make(ns_here, SOCK_DGRAM, NULL, 0);
	sock_connect(fd, VIP, s->port);
	check_peer(fd, VIP, s->port);
	CHECK(send(fd, "?", 1, 0) == 1, "send: %s", strerror(errno));
	udp_answer(false);
	check_answer(fd, VIP, s->port);
	CHECK_EQ(open_in_all(), 1, "outstanding");
	CHECK_EQ(count_of(s, DMSC_RT_UNLISTED), 1, "unlisted");
	sock_close(fd);
	CHECK_EQ(open_in_all(), 0, "outstanding");
	while (key-- > 1ULL << 60)
		bpf_map_delete_elem(rt->flows, &key);
}

/* ---- changes under way ---- */

/*
 * Two generations that have no instance in common, changed by a process that is
 * killed wherever it is. Whatever is in force is one of them, whole; each call
 * gets an instance; whoever comes next can change it.
 */
static void killed_writer(void)
{
	enum { KILLS = 40 };
	struct router_service *a, *b;
	int kills, calls = 0, i, status;
	struct call c, d;
	pid_t pid;

	no_services();
	a = some("web", VIP, IPPROTO_TCP, DMSC_RT_HASH, 2);
	b = some("web2", VIP, IPPROTO_TCP, DMSC_RT_LEAST, 2);
	put();
	instances_up(4);
	router_close(rt);
	rt = NULL;
	for (kills = 0; kills < KILLS; kills++) {
		fflush(stdout);
		pid = fork();
		if (!pid) {
			struct router_config cfg = config();

			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (router_open(&rt, &cfg, false, &env_err))
				_exit(1);
			for (i = 0;; i++) {
				a->nr_instances = b->nr_instances = 0;
				an_instance(a, 1 + i % 2 * 2);
				an_instance(a, 2 + i % 2 * 2);
				an_instance(b, 1 + i % 2 * 2);
				an_instance(b, 2 + i % 2 * 2);
				if (router_program(rt, &spec, &env_err) < 0)
					_exit(1);
			}
		}
		for (i = 0; i < 5; i++, calls++) {
			c = tcp_call(VIP, a->port);
			call_end(&c);
		}
		sleep_ms(rand() % 20);
		kill(pid, SIGKILL);
		CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status),
		      "the writer ended by itself");
		/* One generation: both services are on the same side of the change. */
		c = tcp_call(VIP, a->port);
		d = tcp_call(VIP, b->port);
		CHECK_EQ((c.instance - 1) / 2, (d.instance - 1) / 2, "one generation, whole");
		call_end(&c);
		call_end(&d);
	}
	struct router_config cfg = config();

	CHECK(!router_open(&rt, &cfg, true, &env_err), "%s", env_err.text);
	CHECK_EQ(open_in_all(), 0, "outstanding");
	put();
	printf("# %d kills, %d calls meanwhile\n", kills, calls);
}

/* A daemon that starts again has new programs in the old hooks; nothing is lost. */
static void reopened(void)
{
	struct router_service *s;
	struct call c;
	int fd, i;

	no_services();
	s = some("log", VIP, IPPROTO_UDP, DMSC_RT_HASH, 2);
	some("web", VIP, IPPROTO_TCP, DMSC_RT_HASH, 2);
	put();
	instances_up(2);
	c = tcp_call(VIP, services[1].port);
	fd = sock_make(ns_here, SOCK_DGRAM, NULL, 0);
	sock_connect(fd, VIP, s->port);
	for (i = 0; i < 3; i++) {
		dataplane_close(dp);
		dp = env_open();
		check_peer(c.client, VIP, services[1].port);
		check_peer(fd, VIP, s->port);
		CHECK_EQ(open_in_all(), 2, "outstanding");
	}
	sock_close(fd);
	CHECK_EQ(open_in_all(), 1, "outstanding");
	call_end(&c);
	CHECK_EQ(open_in_all(), 0, "outstanding");
}

static void other_cgroup(void)
{
	struct router_config cfg = config();
	struct router *other;

	router_close(rt);
	rt = NULL;
	cfg.cgroup = cgroup_other;
	CHECK_EQ(router_open(&other, &cfg, true, &env_err), -EBUSY, "%s", env_err.text);
	CHECK(strstr(env_err.text, cgroup_other), "%s", env_err.text);
	cfg = config();
	CHECK(!router_open(&rt, &cfg, true, &env_err), "%s", env_err.text);
}

static int pins_of_router(void)
{
	char line[256];

	return atoi(
		sh_line(line,
			"ls %s %s/links | grep -c -e dmsc_rt_ -e sock_release -e getpeername -e recvmsg",
			env_pins, env_pins));
}

/* Off leaves nothing of the router; the data path stays. What is open is not counted wrongly. */
static void off_and_on(void)
{
	struct router_config cfg = config();
	struct router_service *s;
	struct router *none;
	struct call c;
	int fd;

	no_services();
	s = some("web", VIP, IPPROTO_TCP, DMSC_RT_HASH, 2);
	put();
	instances_up(2);
	c = tcp_call(VIP, s->port);
	CHECK(pins_of_router() >= 9 + 3, "%d pins", pins_of_router());
	router_close(rt);
	rt = NULL;
	CHECK(!router_off(&cfg, &env_err), "%s", env_err.text);
	CHECK_EQ(pins_of_router(), 0, "pins");
	CHECK(!router_off(&cfg, &env_err), "again: %s", env_err.text);
	CHECK_EQ(router_open(&none, &cfg, false, &env_err), -ENOENT, "%s", env_err.text);
	fd = sock_make(ns_here, SOCK_STREAM, NULL, 0);
	CHECK(connect_errno(fd, VIP, s->port), "an address was still resolved");
	sock_close(fd);
	send_all(c.client, 10);
	recv_all(c.server, 10);

	dataplane_close(dp);
	dp = env_open();
	CHECK(!router_open(&rt, &cfg, true, &env_err), "%s", env_err.text);
	put();
	call_end(&c);
	CHECK_EQ(open_in_all(), 0, "what was open before is nobody's");
	c = tcp_call(VIP, s->port);
	CHECK_EQ(open_in_all(), 1, "outstanding");
	call_end(&c);
	CHECK_EQ(open_in_all(), 0, "outstanding");
}

static void flushed(void)
{
	struct dataplane_config cfg = env_config();

	router_close(rt);
	dataplane_close(dp);
	CHECK(!dataplane_flush(&cfg, &env_err), "%s", env_err.text);
	CHECK(access(env_pins, F_OK), "%s is still there", env_pins);
}

/* ---- running it ---- */

static void set_up(void)
{
	struct router_config cfg = config();
	int i;

	snprintf(cgroup_in, sizeof(cgroup_in), "%s/in", env_cgroup);
	snprintf(cgroup_other, sizeof(cgroup_other), "%s/other", env_cgroup);
	sh("mkdir -p %s %s", cgroup_in, cgroup_other);
	ns_here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	for (i = 1; i <= 8; i++)
		sh("ip addr add 10.7.0.%d/32 dev lo && ip addr add fd07::%x/128 dev lo nodad", i, i);
	cgroup_enter(cgroup_in);
	dp = env_open();
	CHECK(!router_open(&rt, &cfg, true, &env_err), "%s", env_err.text);
}

static void before(void)
{
	struct router_config cfg = config();

	socks_close();
	if (!dp)
		return;
	cgroup_enter(cgroup_in);
	if (!rt && router_open(&rt, &cfg, true, &env_err))
		printf("# %s\n", env_err.text);
}

static int run(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(set_up),
		TAP_TEST(tcp),
		TAP_TEST(tcp_fast_open),
		TAP_TEST(udp_connected),
		TAP_TEST(udp_unconnected),
		TAP_TEST(udp_many_services),
		TAP_TEST(free_afterwards),
		TAP_TEST(identity),
		TAP_TEST(least),
		TAP_TEST(hash_by_client),
		TAP_TEST(hash_by_weight),
		TAP_TEST(locality),
		TAP_TEST(failover),
		TAP_TEST(draining),
		TAP_TEST(gone),
		TAP_TEST(gone_in_a_namespace),
		TAP_TEST(numbers),
		TAP_TEST(no_drift),
		TAP_TEST(full),
		TAP_TEST(full_list),
		TAP_TEST(killed_writer),
		TAP_TEST(reopened),
		TAP_TEST(other_cgroup),
		TAP_TEST(off_and_on),
		TAP_TEST(flushed),
	};

	tap_before = before;
	return TAP_RUN(tests);
}

int main(void)
{
	return env_main(run);
}
