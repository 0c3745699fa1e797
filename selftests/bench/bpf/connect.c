// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a connect() costs on the loopback device: of a socket of nobody's, which no program
 * sees; of an instance's to an ordinary address; of an instance's to a service's address.
 * And what a packet of such connections costs from send() to recv(), both by this thread.
 *
 * The programs run for sockets that were made in the data path's cgroup, so that sockets
 * of both sorts are compared while programs and services are there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "lib/router.h"

#include "bench.h"

#define SLICES	   41
#define CONNECTS   32	/* TCP connections of a slice */
#define RECONNECTS 1000 /* of the one UDP socket */
#define PACKETS	   1000
#define PAYLOAD	   22

#define INSTANCE "127.0.0.1"
#define SERVICE	 "10.96.0.1"
#define PORT	 700

/* Who connects, and where to. */
enum who {
	NOBODY,	  /* outside of the cgroup: no program */
	ORDINARY, /* an instance, to an ordinary address */
	RESOLVED, /* an instance, to a service */
	NR_WHO,
};

/* Cases that take turns every few milliseconds; the median slice of each counts. */
struct group {
	double (*slice)(enum who who);
	struct bench_case *cases[NR_WHO];
	double slices[NR_WHO][SLICES];
};

static struct router *rt;
static const char *inside, *outside;
static int listener = -1;
static uint16_t instance_port;
static int udp[NR_WHO], udp_server = -1;
static int tcp[NR_WHO], tcp_server[NR_WHO];

static struct sockaddr_in address(const char *ip, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	inet_pton(AF_INET, ip, &a.sin_addr);
	return a;
}

static struct sockaddr_in target(enum who who)
{
	return who == RESOLVED ? address(SERVICE, PORT) : address(INSTANCE, instance_port);
}

static int make(int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		bench_die("socket: %s", strerror(errno));
	return fd;
}

static void connect_to(int fd, const struct sockaddr_in *to)
{
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)))
		bench_die("connect: %s", strerror(errno));
}

static int accept_one(void)
{
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		bench_die("accept: %s", strerror(errno));
	return fd;
}

/* Both ends without a TIME_WAIT. */
static void drop(int client, int server)
{
	const struct linger now = { .l_onoff = 1 };

	setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(client);
	close(server);
}

/* ---- slices ---- */

static int nobodys[SLICES * CONNECTS]; /* TCP sockets made outside: a change of cgroup takes long */
static int nr_nobodys;

static double slice_tcp(enum who who)
{
	struct sockaddr_in to = target(who);
	int fd[CONNECTS], i;
	uint64_t start;

	for (i = 0; i < CONNECTS; i++)
		fd[i] = who == NOBODY ? nobodys[--nr_nobodys] : make(SOCK_STREAM);
	start = bench_cpu_ns();
	for (i = 0; i < CONNECTS; i++)
		connect_to(fd[i], &to);
	start = bench_cpu_ns() - start;
	for (i = 0; i < CONNECTS; i++)
		drop(fd[i], accept_one());
	return (double)start / CONNECTS;
}

static double slice_udp(enum who who)
{
	struct sockaddr_in to = target(who);
	uint64_t start = bench_cpu_ns();
	int i;

	for (i = 0; i < RECONNECTS; i++)
		connect_to(udp[who], &to);
	return (double)(bench_cpu_ns() - start) / RECONNECTS;
}

static double packets(int from, int to)
{
	uint64_t start = bench_cpu_ns();
	char buf[PAYLOAD] = {};
	int i;

	for (i = 0; i < PACKETS; i++) {
		if (send(from, buf, PAYLOAD, 0) != PAYLOAD || recv(to, buf, PAYLOAD, 0) != PAYLOAD)
			bench_die("packet %d: %s", i, strerror(errno));
	}
	return (double)(bench_cpu_ns() - start) / PACKETS;
}

static double slice_tcp_packets(enum who who)
{
	return packets(tcp[who], tcp_server[who]);
}

static double slice_udp_packets(enum who who)
{
	return packets(udp[who], udp_server);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double in_turns(struct bench_case *c)
{
	struct group *g = c->arg;
	int i;

	if (c == g->cases[0]) {
		for (i = 0; i < NR_WHO * SLICES; i++)
			g->slices[i % NR_WHO][i / NR_WHO] = g->slice(i % NR_WHO);
		for (i = 0; i < NR_WHO; i++)
			qsort(g->slices[i], SLICES, sizeof(g->slices[i][0]), compare);
	}
	for (i = 0; g->cases[i] != c; i++)
		;
	return g->slices[i][SLICES / 2];
}

/* ---- what is there ---- */

static void make_nobodys(struct bench_case *c)
{
	(void)c;
	bench_enter(outside);
	while (nr_nobodys < SLICES * CONNECTS)
		nobodys[nr_nobodys++] = make(SOCK_STREAM);
	bench_enter(inside);
}

static struct router_service service(const char *name, uint8_t proto, struct router_instance *i)
{
	struct router_service s = { .port = PORT, .proto = proto, .table = 251, .instances = i };
	struct sockaddr_in a = address(SERVICE, 0);

	s.nr_instances = 1;
	snprintf(s.name, sizeof(s.name), "%s", name);
	s.addr.b[10] = s.addr.b[11] = 0xff;
	memcpy(s.addr.b + 12, &a.sin_addr, 4);
	return s;
}

static void make_services(const struct router_config *cfg)
{
	struct router_instance inst = {
		.name = "i", .port = instance_port, .weight = 1, .distance = DMSC_RT_FAR
	};
	struct router_service s[2] = { service("tcp", IPPROTO_TCP, &inst),
				       service("udp", IPPROTO_UDP, &inst) };
	struct router_spec spec = { .seed = 1, .services = s, .nr_services = 2 };
	struct sockaddr_in a = address(INSTANCE, 0);
	struct dmsc_error err;

	inst.addr.b[10] = inst.addr.b[11] = 0xff;
	memcpy(inst.addr.b + 12, &a.sin_addr, 4);
	if (router_open(&rt, cfg, true, &err) || router_program(rt, &spec, &err) <= 0)
		bench_die("services: %s", err.text);
}

/* The instance: TCP and UDP of one port. */
static void make_servers(void)
{
	struct sockaddr_in a = address(INSTANCE, 0);
	socklen_t len = sizeof(a);

	if (system("ip link set lo up"))
		bench_die("ip link set lo up: failed");
	listener = make(SOCK_STREAM);
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) || listen(listener, CONNECTS) ||
	    getsockname(listener, (struct sockaddr *)&a, &len))
		bench_die("listen: %s", strerror(errno));
	instance_port = ntohs(a.sin_port);
	udp_server = make(SOCK_DGRAM);
	if (bind(udp_server, (struct sockaddr *)&a, sizeof(a)))
		bench_die("%s port %u: %s", INSTANCE, instance_port, strerror(errno));
}

static void make_clients(void)
{
	const struct rlimit files = { .rlim_cur = 4096, .rlim_max = 4096 };
	struct sockaddr_in to;
	int who;

	if (setrlimit(RLIMIT_NOFILE, &files))
		bench_die("open files: %s", strerror(errno));
	for (who = 0; who < NR_WHO; who++) {
		bench_enter(who == NOBODY ? outside : inside);
		to = target(who);
		udp[who] = make(SOCK_DGRAM);
		connect_to(udp[who], &to);
		tcp[who] = make(SOCK_STREAM);
		connect_to(tcp[who], &to);
		tcp_server[who] = accept_one();
	}
}

static void add_group(struct bench *b, struct group *g, const char *what, const char *metric)
{
	static const char *const names[NR_WHO] = { "no program", "address", "service" };
	int who;

	for (who = 0; who < NR_WHO; who++) {
		struct bench_case *c = bench_add(b, "%s, %s", what, names[who]);

		c->metric = metric;
		c->measure = in_turns;
		c->with = what;
		c->arg = g;
		g->cases[who] = c;
		c->peer = g->cases[NOBODY]->name;
	}
}

void connect_cases(struct bench *b, const struct router_config *cfg, const char *other_cgroup)
{
	static struct group connects_tcp = { .slice = slice_tcp },
			    connects_udp = { .slice = slice_udp },
			    packets_tcp = { .slice = slice_tcp_packets },
			    packets_udp = { .slice = slice_udp_packets };

	inside = cfg->cgroup;
	outside = other_cgroup;
	bench_enter(outside);
	make_servers();
	make_services(cfg);
	make_clients();
	add_group(b, &connects_tcp, "connect, TCP", "cpu, a call");
	connects_tcp.cases[0]->prepare = make_nobodys;
	add_group(b, &connects_udp, "connect, UDP", "cpu, a call");
	add_group(b, &packets_tcp, "connected, TCP", "cpu, send to receive");
	add_group(b, &packets_udp, "connected, UDP", "cpu, send to receive");
}

void connect_cases_end(void)
{
	int who;

	for (who = 0; who < NR_WHO; who++) {
		close(udp[who]);
		drop(tcp[who], tcp_server[who]);
	}
	close(udp_server);
	close(listener);
	router_close(rt);
}
