// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A connected UDP socket that sends over a veth pair into another namespace: what
 * a packet costs from send() to recv(), both by this thread, with no program at
 * the sender's egress, an empty one, and the classifier. BPF_PROG_TEST_RUN gives
 * packets no socket, so the classifier's usual case can only be measured live.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <net/if.h>
#include <sys/socket.h>

#include "bench.h"

#define SLICES	101
#define PACKETS 1000 /* of a slice */
#define PAYLOAD 22   /* bytes: the least Ethernet frame */

#define ATTACH_TCX_EGRESS 47 /* not in the headers of kernels before 6.6 */

#define VETH_NONE   "veth, no program"
#define VETH_EMPTY  "veth, empty tc"
#define VETH_EGRESS "veth, egress with socket"

#define NR_VETH 3

static struct bench_case *veth[NR_VETH];
static int sender = -1, receiver = -1, ifindex;

static void run(const char *cmd)
{
	if (system(cmd))
		bench_die("%s: failed", cmd);
}

static int udp_socket(const char *bind_to)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, bind_to, &a.sin_addr);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
		bench_die("%s: %s", bind_to, strerror(errno));
	return fd;
}

static void make_pair(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	char cmd[64];

	if (here < 0 || unshare(CLONE_NEWNET))
		bench_die("network namespace: %s", strerror(errno));
	run("ip link add bench1 type veth peer name bench0");
	run("ip addr add 10.9.0.2/24 dev bench1 && ip link set bench1 up");
	receiver = udp_socket("10.9.0.2");
	snprintf(cmd, sizeof(cmd), "ip link set bench0 netns /proc/%d/fd/%d", getpid(), here);
	run(cmd);
	if (setns(here, CLONE_NEWNET))
		bench_die("network namespace: %s", strerror(errno));
	close(here);
	run("ip addr add 10.9.0.1/24 dev bench0 && ip link set bench0 up");
	ifindex = if_nametoindex("bench0");
	sender = udp_socket("10.9.0.1");
	inet_pton(AF_INET, "10.9.0.2", &to.sin_addr);
	if (connect(sender, (struct sockaddr *)&to, sizeof(to)))
		bench_die("connect: %s", strerror(errno));
}

/* CPU time of a packet with @prog at egress (-1: none), over one slice. */
static double slice(int prog)
{
	char buf[64] = {};
	int link = -1, i;
	uint64_t start;

	if (prog >= 0) {
		link = bpf_link_create(prog, ifindex, ATTACH_TCX_EGRESS, NULL);
		if (link < 0)
			bench_die("tcx: %s", strerror(errno));
	}
	start = bench_cpu_ns();
	for (i = 0; i < PACKETS; i++) {
		if (send(sender, buf, PAYLOAD, 0) != PAYLOAD ||
		    recv(receiver, buf, sizeof(buf), 0) != PAYLOAD)
			bench_die("packet %d: %s", i, strerror(errno));
	}
	start = bench_cpu_ns() - start;
	if (link >= 0)
		close(link);
	return (double)start / PACKETS;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * The differences are small against what the way through the stack takes, so the
 * programs take turns every few milliseconds, and the median slice counts.
 */
static double send_and_receive(struct bench_case *c)
{
	static double slices[NR_VETH][SLICES];
	int i;

	if (c == veth[0]) {
		for (i = 0; i < NR_VETH * SLICES; i++)
			slices[i % NR_VETH][i / NR_VETH] = slice(veth[i % NR_VETH]->prog);
		for (i = 0; i < NR_VETH; i++)
			qsort(slices[i], SLICES, sizeof(slices[i][0]), compare);
	}
	for (i = 0; veth[i] != c; i++)
		;
	return slices[i][SLICES / 2];
}

static struct bench_case *add(struct bench *b, const char *name, int prog)
{
	static int n;
	struct bench_case *c = bench_add(b, "%s", name);

	c->metric = "cpu, send to receive";
	c->measure = send_and_receive;
	c->with = "veth";
	c->prog = prog;
	veth[n++] = c;
	return c;
}

/* What the classifier takes in the place of the empty program, on top of that one's cost. */
static double over_empty(struct bench *b, int turn)
{
	return bench_find(b, VETH_EGRESS)->value[turn] - bench_find(b, VETH_EMPTY)->value[turn] +
	       bench_find(b, BENCH_EMPTY_TC)->value[turn];
}

void veth_cases(struct bench *b, int egress)
{
	struct bench_case *c;

	make_pair();
	add(b, VETH_NONE, -1);
	add(b, VETH_EMPTY, floor_empty_tc());
	c = add(b, VETH_EGRESS, egress);
	c->peer = VETH_NONE;
	c->aim_kind = AIM_OVER_PEER;
	c->aim = 46;
	c = bench_add(b, "egress with socket (veth, instead of empty tc)");
	c->derive = over_empty;
	c->with = "veth";
	c->aim_kind = AIM_EMPTY_TC_FLOOR;
	c->aim = 0.5;
}

void veth_end(void)
{
	close(sender);
	close(receiver);
}
