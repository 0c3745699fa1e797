// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the qdiscs stand on changes under traffic: root, mq and parents are
 * replaced, transmit queues become fewer and more, the device goes down and up,
 * the device and the namespace are deleted. DMSC_RESHAPES times (2) each.
 */
#include "traffic.h"

static int rounds = 2;

/* At the root, below mq, below a shaper; and a stranger in between. */
static void test_places(void)
{
	int i;

	traffic_start("10.81.0.2");
	for (i = 0; i < rounds; i++) {
		TC("qdisc replace dev va root handle d: dmsc\n");
		flows();
		balanced(1);
		put_mq();
		flows();
		balanced(4);
		TC("qdisc replace dev va root handle 1: tbf rate 40mbit burst 12000 limit 300000\n"
		   "qdisc add dev va parent 1:1 handle e: dmsc\n");
		flows();
		balanced(1);
		TC("qdisc replace dev va parent 1:1 handle f: pfifo limit 50\n"
		   "qdisc replace dev va parent 1:1 handle e: dmsc\n");
		flows();
		balanced(1);
	}
	traffic_stop();
	/* what the shaper still has comes out, and then nobody thinks that there is more */
	CHECK(until(drained), "packets that nobody has are still counted");
	balanced(1);
}

static void test_transmit_queues(void)
{
	static const int numbers[] = { 1, 3, 2, 4 };
	uint32_t i;
	int k;

	put_mq();
	traffic_start("10.81.0.2");
	for (k = 0; k < rounds; k++) {
		for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
			CHECK(!set_channels("va", numbers[i]), "%d: %s", numbers[i],
			      strerror(errno));
			flows();
			CHECK(!balance_check(q, NULL), "the books do not balance");
		}
	}
	for (k = 0; k < rounds; k++) {
		IP("link set va down\nlink set va up\n");
		flows();
		CHECK(!balance_check(q, NULL), "the books do not balance");
	}
	traffic_stop();
	CHECK(until(drained), "packets that nobody has are still counted");
	CHECK(!balance_check(q, NULL), "the books do not balance");
}

static void test_device_goes(void)
{
	int i;

	traffic_start("10.81.0.2");
	for (i = 0; i < rounds; i++) {
		if (i % 2)
			put_mq();
		else
			TC("qdisc replace dev va root handle 1: tbf rate 1mbit burst 12000"
			   " limit 3000000\n"
			   "qdisc add dev va parent 1:1 handle d: dmsc\n");
		flows();
		/* from this side, or from the other */
		CHECK(!(i % 2 ? batch("ip", NULL, "link del va\n") :
				batch("ip", "dmscpeer", "link del vb\n")),
		      "the device cannot be deleted");
		CHECK_EQ(enqueued(), 0, "a qdisc outlives its device");
		CHECK(!link_up(), "the device cannot be made again");
	}
	traffic_stop();
}

/* A namespace that goes with the last process in it, which is sending. */
static void in_a_namespace(void)
{
	if (unshare(CLONE_NEWNET) ||
	    batch("ip", NULL,
		  "link set lo up\n"
		  "link add da numtxqueues 2 type dummy\n"
		  "addr add 10.82.0.1/24 dev da\n"
		  "link set da up\n"
		  "neigh add 10.82.0.2 lladdr 02:00:00:00:00:02 dev da nud permanent\n") ||
	    batch("tc", NULL,
		  "qdisc add dev da root handle 1: tbf rate 20mbit burst 12000 limit 100000\n"
		  "qdisc add dev da parent 1:1 handle d: dmsc\n"))
		_exit(1);
	send_forever(0, "10.82.0.2");
}

static uint64_t sent_before;

static bool some_sent(void)
{
	return traffic_sent() >= sent_before + 100;
}

/* Nobody uses the module any longer once the namespaces are gone. */
static bool is_free(void)
{
	FILE *f = fopen("/sys/module/sch_dmsc/refcnt", "r");
	int n = -1;

	if (f && fscanf(f, "%d", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return !n;
}

static void test_namespace_goes(void)
{
	pid_t pid;
	int i;

	TC("qdisc replace dev va root handle 9: pfifo\n");
	for (i = 0; i < rounds; i++) {
		sent_before = traffic_sent();
		pid = fork();
		if (!pid)
			in_a_namespace();
		CHECK(until(some_sent), "no traffic in the namespace");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	CHECK(until(is_free), "a namespace that is gone still has its qdisc");
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(test_places),
		TAP_TEST(test_transmit_queues),
		TAP_TEST(test_device_goes),
		TAP_TEST(test_namespace_goes),
	};
	int ret;

	if (getenv("DMSC_RESHAPES"))
		rounds = atoi(getenv("DMSC_RESHAPES"));
	if (!traffic_init(&ret))
		return ret;
	ret = TAP_RUN(tests);
	queues_close(q);
	net_down();
	return ret;
}
