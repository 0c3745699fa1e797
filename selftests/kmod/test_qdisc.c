// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The module in a kernel: loading, every place the qdisc may stand in, traffic
 * through it, what tc tells of it, and being taken away under traffic. Packets
 * get their class by DSCP here; counters decide, never times.
 */
#include "traffic.h"

#include "module.h"

#define EACH 20 /* packets of a kind */

static uint32_t ifindex;
static int peer; /* a socket of the other side, which counts what arrives */

/* ---- packets ---- */

static int open_peer(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(9) };
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), size = 4 << 20, fd;
	int there = open("/run/netns/dmscpeer", O_RDONLY | O_CLOEXEC);

	CHECK(home >= 0 && there >= 0 && !setns(there, CLONE_NEWNET), "%s", strerror(errno));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	CHECK(!setns(home, CLONE_NEWNET), "%s", strerror(errno));
	close(there);
	close(home);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	CHECK(fd >= 0 && !bind(fd, (void *)&sin, sizeof(sin)), "%s", strerror(errno));
	return fd;
}

/* Packets of one type of service, sent at once. */
static void send_tos(const char *to, int tos, int n)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(9) };
	static char payload[100];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK(fd >= 0 && inet_pton(AF_INET, to, &sin.sin_addr) == 1, "%s", strerror(errno));
	CHECK(!setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos)), "%s", strerror(errno));
	while (n--)
		CHECK(sendto(fd, payload, sizeof(payload), 0, (void *)&sin, sizeof(sin)) > 0, "%s",
		      strerror(errno));
	close(fd);
}

static uint64_t arrived;

/* Has all of send_tos() arrived? */
static bool all_arrived(void)
{
	char payload[200];

	while (recv(peer, payload, sizeof(payload), 0) > 0)
		arrived++;
	return arrived >= EACH;
}

static void passes(int tos)
{
	arrived = 0;
	send_tos("10.81.0.2", tos, EACH);
	CHECK(until(all_arrived), "type of service %d: %llu of %d packets arrived", tos,
	      (unsigned long long)arrived, EACH);
}

/* What a class counted, in packets, in all qdiscs of the device. */
static struct queue_stats counted(uint32_t class)
{
	struct queue_class_entry *e = NULL;
	struct queue_stats sum = { 0 };
	size_t n = 0, i;

	CHECK(!queues_get_classes(q, ifindex, &e, &n, &err), "%s", err.text);
	for (i = 0; i < n; i++) {
		if (e[i].class.id != class)
			continue;
		sum.deq_packets += e[i].class.stats.deq_packets;
		sum.drop_packets += e[i].class.stats.drop_packets;
		sum.backlog_packets += e[i].class.stats.backlog_packets;
	}
	free(e);
	return sum;
}

static uint64_t left_by(uint32_t class)
{
	return counted(class).deq_packets;
}

/* The same by tc: class n is the qdisc's minor n + 1. */
static void left_by_tc(unsigned long long packets[DMSC_NR_CLASSES])
{
	FILE *f = popen("tc -s class show dev va", "r");
	unsigned int minor = 0;
	char line[256];

	memset(packets, 0, DMSC_NR_CLASSES * sizeof(packets[0]));
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "class dmsc %*x:%x", &minor) != 1 && minor >= 1 &&
		    minor <= DMSC_NR_CLASSES)
			sscanf(line, " Sent %*u bytes %llu pkt", &packets[minor - 1]);
	}
	CHECK(f && !pclose(f), "tc -s class show");
}

/* ---- tests ---- */

static void test_loads(void)
{
	int i;

	for (i = 0; i < 10; i++) {
		module_load();
		CHECK(!module_unload(), "%s", strerror(errno));
	}
}

/* The kernel asks for the module by its alias. */
static void test_alias(void)
{
	CHECK(access("/sys/module/sch_dmsc", F_OK), "it is there already");
	TC("qdisc replace dev va root dmsc\n");
	CHECK(!access("/sys/module/sch_dmsc", F_OK), "tc did not bring it");
	CHECK(!queues_open(&q, false, &err), "%s", err.text);
	balanced(1);
}

static void test_refusals(void)
{
	CHECK(run("tc qdisc add dev va parent 8001:1 pfifo 2> /dev/null"), "it took a child");
	CHECK(run("tc qdisc replace dev va root handle d: dmsc limit 5 2> /dev/null"),
	      "it took an option");
	balanced(1);
}

static void test_dscp(void)
{
	static const struct {
		int tos;
		uint32_t class;
	} kinds[] = {
		{ 0x20, DMSC_CLASS_BULK },     { 0x48, DMSC_CLASS_DATA },
		{ 0x68, DMSC_CLASS_PIPELINE }, { 0x88, DMSC_CLASS_EXPERT },
		{ 0xb8, DMSC_CLASS_TENSOR },   { 0xa0, DMSC_CLASS_GATEWAY },
		{ 0xc0, DMSC_CLASS_CONTROL },  { 0, DMSC_CLASS_DEFAULT },
	};
	unsigned long long tc[DMSC_NR_CLASSES];
	uint64_t left[DMSC_NR_CLASSES];
	uint32_t i, class;

	peer = open_peer();
	TC("qdisc replace dev va root handle d: dmsc\n");
	for (i = 0; i < DMSC_NR_CLASSES; i++)
		passes(kinds[i].tos);
	left_by_tc(tc);
	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		class = kinds[i].class;
		left[class] = left_by(class);
		/* the kernel's own packets are in these two */
		if (class == DMSC_CLASS_CONTROL || class == DMSC_CLASS_DEFAULT)
			CHECK(left[class] >= EACH && tc[class] >= EACH, "class %u: %llu", class,
			      (unsigned long long)left[class]);
		else
			CHECK(left[class] == EACH && tc[class] == EACH, "class %u: %llu, tc: %llu",
			      class, (unsigned long long)left[class], tc[class]);
	}
}

/* A large packet (GSO) of class expert, of a flow of its own, to a band of ets. */
static void send_large(int band, size_t len)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(10) };
	int fd = open_flow(3), priority = 2 << 16 | band;
	static char payload[GSO_PAYLOAD];

	inet_pton(AF_INET, "10.81.0.2", &sin.sin_addr);
	CHECK(!setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority)), "%s",
	      strerror(errno));
	CHECK(sendto(fd, payload, len, 0, (void *)&sin, sizeof(sin)) > 0, "%s", strerror(errno));
	close(fd);
}

/*
 * The only packet gives way to one that is itself above the limit, which was
 * lowered: nothing is left, and the parent must be told, or it would wait for
 * this band, and let no other have its turn.
 */
static void test_ran_empty(void)
{
	struct queue_class c = { .id = DMSC_CLASS_EXPERT,
				 .mode = DMSC_MODE_STRICT,
				 .weight = 16,
				 .limit = DMSC_LIMIT_MIN };
	int i;

	/* the neighbour is not asked again while nothing can get to it */
	RUN("echo 3600 > /proc/sys/net/ipv4/neigh/va/delay_first_probe_time");
	passes(0);
	/* a hundred bytes a second, after the burst */
	TC("qdisc replace dev va root handle 1: tbf rate 800bit burst 12000 limit 3000000\n"
	   "qdisc add dev va parent 1:1 handle 2: ets bands 2 quanta 12000 12000"
	   " priomap 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n"
	   "qdisc add dev va parent 2:1 handle d: dmsc\n");
	/* one takes the burst, the shaper waits for the other */
	send_large(2, GSO_PAYLOAD);
	send_large(2, GSO_PAYLOAD);
	send_large(1, GSO_PAYLOAD);
	CHECK_EQ(counted(c.id).backlog_packets, 1, "what is to give way");
	CHECK(!queues_set_classes(q, ifindex, 0, &c, 1, &err), "%s", err.text);
	/* until one is of another queue: flows may share one */
	for (i = 0; i < 100 && counted(c.id).backlog_packets; i++)
		send_large(1, GSO_PAYLOAD - 1000);
	CHECK_EQ(counted(c.id).backlog_packets, 0, "it does not give way");
	CHECK_EQ(counted(c.id).drop_packets, i + 1, "it, and each that was refused");
	balanced(1);
	TC("qdisc change dev va root handle 1: tbf rate 100mbit burst 12000 limit 3000000\n");
	passes(0);
	CHECK(until(drained), "packets that nobody has are still counted");
	balanced(1);
	TC("qdisc del dev va root\n"
	   "qdisc add dev va root handle d: dmsc\n");
}

static uint64_t control_before;

static bool more_control(void)
{
	return left_by(DMSC_CLASS_CONTROL) > control_before;
}

/* Nobody has this address, so it is asked for. */
static void test_arp(void)
{
	control_before = left_by(DMSC_CLASS_CONTROL);
	send_tos("10.81.0.99", 0, 1);
	CHECK(until(more_control), "no request in the control class");
}

static void test_in_use(void)
{
	module_stays();
}

static void test_mq(void)
{
	put_mq();
	passes(0);
	balanced(4);
}

static void test_channels(void)
{
	CHECK(!set_channels("va", 1), "%s", strerror(errno));
	passes(0);
	CHECK(!set_channels("va", 4), "%s", strerror(errno));
	passes(0);
	CHECK(!balance_check(q, NULL), "the books do not balance");
}

static bool both_progress(void)
{
	return left_by(DMSC_CLASS_EXPERT) >= 100 && left_by(DMSC_CLASS_BULK) >= 20;
}

/*
 * A link that is too slow: the strict class waits for nobody, the bulk class
 * with its guarantee is not starved. Far more is offered than the link takes.
 */
static void test_full_link(void)
{
	TC("qdisc replace dev va root handle 1: tbf rate 4mbit burst 3000 limit 10000000\n"
	   "qdisc add dev va parent 1:1 handle d: dmsc\n");
	offered = 1U << 0 | 1U << 3; /* bulk; expert, in large packets */
	traffic_start("10.81.0.2");
	offered = ~0U;
	CHECK(until(both_progress), "expert %llu, bulk %llu packets",
	      (unsigned long long)left_by(DMSC_CLASS_EXPERT),
	      (unsigned long long)left_by(DMSC_CLASS_BULK));
	CHECK(left_by(DMSC_CLASS_EXPERT) > left_by(DMSC_CLASS_BULK), "the strict class waited");
	balanced(1);
}

/* A neighbour that was forgotten is found again through the full link. */
static void test_full_link_arp(void)
{
	IP("neigh flush dev va\n");
	passes(0xb8);
	balanced(1);
	traffic_stop();
}

static void test_balance(void)
{
	int i;

	traffic_start("10.81.0.2");
	for (i = 0; i < 10; i++) {
		flows();
		balanced(1);
	}
	traffic_stop();
}

/* Taken away, replaced and put back under traffic. */
static void test_replaced(void)
{
	int i;

	traffic_start("10.81.0.2");
	for (i = 0; i < 5; i++) {
		TC("qdisc replace dev va root dmsc\n"
		   "qdisc replace dev va root pfifo\n"
		   "qdisc replace dev va root handle 1: tbf rate 40mbit burst 12000 limit 10000000\n"
		   "qdisc add dev va parent 1:1 handle d: dmsc\n");
		IP("link set va down\n"
		   "link set va up\n");
	}
	flows();
	balanced(1);
}

/* The namespace goes with everything in it, traffic and what waits included. */
static void test_all_goes(void)
{
	int first = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);

	queues_close(q);
	q = NULL;
	/* Nothing but the senders, and what they still have, holds it from here. */
	close(peer);
	peer = -1;
	CHECK(first >= 0 && !setns(first, CLONE_NEWNET), "%s", strerror(errno));
	close(first);
	net_down();
	CHECK(until(module_is_unloaded), "the module cannot be unloaded any more");
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(test_loads),	      TAP_TEST(test_alias),
		TAP_TEST(test_refusals),      TAP_TEST(test_dscp),
		TAP_TEST(test_ran_empty),     TAP_TEST(test_arp),
		TAP_TEST(test_in_use),	      TAP_TEST(test_mq),
		TAP_TEST(test_channels),      TAP_TEST(test_full_link),
		TAP_TEST(test_full_link_arp), TAP_TEST(test_balance),
		TAP_TEST(test_replaced),      TAP_TEST(test_all_goes),
	};
	int ret;

	if (!traffic_init(&ret))
		return ret;
	queues_close(q);
	q = NULL;
	ifindex = if_nametoindex("va");
	if (!module_find() || !until(module_is_unloaded)) {
		printf("Bail out! the module cannot be found, or not be unloaded at first\n");
		net_down();
		return TAP_FAIL;
	}
	ret = TAP_RUN(tests);
	queues_close(q);
	net_down();
	return ret;
}
