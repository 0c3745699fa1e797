/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traffic through a device that is being changed, in a network namespace of the
 * test's own:
 *
 *   va (10.81.0.1, 4 transmit queues) ---veth--- vb (in the namespace dmscpeer)
 *
 * Senders, a process each, send without end what a qdisc may get: plain packets
 * of all DSCPs, marked ones with and without a slot, ones that can be marked by
 * ECN, and large ones (GSO). Errors do not stop them, since devices go and come.
 * They pause between rounds: without, they would have all of an emulated processor.
 */
#ifndef DMSC_SELFTESTS_TRAFFIC_H
#define DMSC_SELFTESTS_TRAFFIC_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <linux/udp.h>

#include "balance.h"
#include "commands.h"
#include "selftests/bpf/tap.h"

#define SENDERS	    2
#define PATIENCE    120 /* seconds, an upper bound that decides nothing */
#define NR_FLOWS    14
#define GSO_PAYLOAD 9000

static struct queues *q;
static struct dmsc_error err;
static pid_t senders[SENDERS];
static volatile uint64_t *sent; /* packets, counted by each sender */
static uint32_t offered = ~0U;	/* which flows are sent, a bit each */

/* ---- senders ---- */

static int open_flow(int i)
{
	static const int tos[] = { 0x20, 0x48, 0x68, 0x88, 0xb8, 0, 0x22 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), value;

	if (fd < 0)
		return fd;
	/* What waits in a qdisc must not stop the sender. */
	value = 8 << 20;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &value, sizeof(value));
	if (i < 7) {
		setsockopt(fd, IPPROTO_IP, IP_TOS, &tos[i], sizeof(tos[i]));
	} else {
		/* slots 0 to 6, in classes that may not be theirs */
		value = DMSC_PRIO(i - 7, i % DMSC_NR_CLASSES);
		setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &value, sizeof(value));
	}
	value = 1000;
	if (i % 4 == 3)
		setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &value, sizeof(value));
	return fd;
}

static void send_forever(int me, const char *to)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	static char payload[GSO_PAYLOAD];
	int fd[NR_FLOWS], i, round;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The test's own commands come first, or it would take minutes. */
	if (nice(10) == -1)
		_exit(1);
	inet_pton(AF_INET, to, &sin.sin_addr);
	for (i = 0; i < NR_FLOWS; i++) {
		fd[i] = open_flow(i);
		if (fd[i] < 0)
			_exit(1);
	}
	for (round = 0;; round++) {
		for (i = 0; i < NR_FLOWS; i++) {
			if (!(offered & 1U << i))
				continue;
			sin.sin_port = htons(1000 + i + (round & 63) * NR_FLOWS);
			if (sendto(fd[i], payload, i % 4 == 3 ? GSO_PAYLOAD : 100 + round % 1300, 0,
				   (void *)&sin, sizeof(sin)) > 0)
				sent[me]++;
			else if (errno == ENETUNREACH || errno == ENETDOWN || errno == ENODEV)
				usleep(500);
		}
		usleep(1000);
	}
}

static void traffic_start(const char *to)
{
	int i;

	for (i = 0; i < SENDERS; i++) {
		senders[i] = fork();
		CHECK(senders[i] >= 0, "%s", strerror(errno));
		if (!senders[i])
			send_forever(i, to);
	}
}

static void traffic_stop(void)
{
	int i;

	for (i = 0; i < SENDERS; i++) {
		if (senders[i] <= 0)
			continue;
		kill(senders[i], SIGKILL);
		waitpid(senders[i], NULL, 0);
		senders[i] = 0;
	}
}

__attribute__((unused)) static uint64_t traffic_sent(void)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < SENDERS; i++)
		sum += sent[i];
	return sum;
}

/* Waits for @fn, as long as the patience lasts. */
static bool until(bool (*fn)(void))
{
	int i;

	for (i = 0; i < PATIENCE * 500; i++) {
		if (fn())
			return true;
		usleep(2000);
	}
	return false;
}

/* ---- what stands there ---- */

/* Packets that came to the dmsc qdiscs of the namespace. */
static uint64_t enqueued(void)
{
	struct queue_qdisc *d = NULL;
	uint64_t sum = 0;
	size_t n = 0, i;

	if (queues_get_qdiscs(q, 0, &d, &n, &err))
		return 0;
	for (i = 0; i < n; i++)
		sum += d[i].stats.enq_packets;
	free(d);
	return sum;
}

static uint64_t seen_before;

static bool more_came(void)
{
	return enqueued() >= seen_before + 100;
}

/* Packets go through the qdiscs that stand there now. */
__attribute__((unused)) static void flows(void)
{
	seen_before = enqueued();
	CHECK(until(more_came), "no traffic through the qdisc");
}

__attribute__((unused)) static void balanced(size_t qdiscs)
{
	size_t n;

	CHECK(!balance_check(q, &n), "the books do not balance");
	CHECK_EQ(n, qdiscs, "dmsc qdiscs");
}

/* Nothing waits in any qdisc of va, as tc tells: parents, too, know that. */
__attribute__((unused)) static bool drained(void)
{
	FILE *f = popen("tc -s qdisc show dev va", "r");
	char line[256], *at;
	bool empty = true;
	int n = 0;

	while (f && fgets(line, sizeof(line), f)) {
		at = strstr(line, "backlog ");
		if (!at)
			continue;
		n++;
		if (strncmp(at, "backlog 0b 0p", 13))
			empty = false;
	}
	return f && !pclose(f) && n && empty;
}

/* ---- the network, and the module ---- */

static int net_up(void)
{
	run("ip netns del dmscpeer 2>/dev/null");
	return unshare(CLONE_NEWNET) || batch("ip", NULL, "link set lo up\nnetns add dmscpeer\n");
}

static void net_down(void)
{
	traffic_stop();
	run("ip netns del dmscpeer 2>/dev/null");
}

static int link_up(void)
{
	return batch("ip", NULL,
		     "link add va numtxqueues 4 numrxqueues 4 type veth"
		     " peer name vb netns dmscpeer numtxqueues 4 numrxqueues 4\n"
		     "addr add 10.81.0.1/24 dev va\n"
		     "link set va up\n") ||
	       batch("ip", "dmscpeer",
		     "addr add 10.81.0.2/24 dev vb\n"
		     "link set vb up\n");
}

/* A dmsc qdisc at each transmit queue, 2:1 to 2:4. */
__attribute__((unused)) static void put_mq(void)
{
	TC("qdisc replace dev va root handle 2: mq\n"
	   "qdisc replace dev va parent 2:1 dmsc\n"
	   "qdisc replace dev va parent 2:2 dmsc\n"
	   "qdisc replace dev va parent 2:3 dmsc\n"
	   "qdisc replace dev va parent 2:4 dmsc\n");
}

/* The number of transmit queues in use, as ethtool -L does. */
__attribute__((unused)) static int set_channels(const char *dev, int tx)
{
	struct ethtool_channels c = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq ifr = { .ifr_data = (void *)&c };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), ret;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev);
	ret = ioctl(fd, SIOCETHTOOL, &ifr);
	c.cmd = ETHTOOL_SCHANNELS;
	c.tx_count = tx;
	if (!ret)
		ret = ioctl(fd, SIOCETHTOOL, &ifr);
	close(fd);
	return ret ? -errno : 0;
}

/* After each test, what is left of its qdiscs. */
static void still_balanced(void)
{
	CHECK(!q || !balance_check(q, NULL), "the books do not balance");
}

/* Everything up to the first test; else what main() returns, in *status. */
static bool traffic_init(int *status)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	tap_after = still_balanced;
	sent = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run("modprobe -q sch_dmsc")) {
		*status = tap_skip_all("no module sch_dmsc");
		return false;
	}
	if (sent == MAP_FAILED || net_up() || link_up() || queues_open(&q, false, &err)) {
		printf("Bail out! cannot make the network: %s\n", err.text);
		net_down();
		*status = TAP_FAIL;
		return false;
	}
	return true;
}

#endif /* DMSC_SELFTESTS_TRAFFIC_H */
