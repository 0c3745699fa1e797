// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every allocation of a request to the module fails once, the first, the
 * second, and so on until a request needs no more: /proc/thread-self/fail-nth.
 * What failed says so and has changed nothing; what succeeded has done its work.
 * Needs a kernel with fault injection (make check-debug).
 */
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "lib/queues.h"
#include "selftests/bpf/tap.h"
#include "selftests/kmod/balance.h"

#define DEV	  "dmscfail"
#define QUEUES	  40
#define STEPS_MAX 2000 /* more allocations than any request makes */

static struct queues *q;    /* whose requests fail */
static struct queues *look; /* sees what came of them */
static struct dmsc_error err;
static struct mnl_socket *rt;
static uint32_t ifindex;

/* What a pass found: requests that an allocation's failure stopped, or did not. */
static struct {
	int failed, survived;
} seen;

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	CHECK(fd >= 0, "%s: %s", path, strerror(errno));
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s", path);
	close(fd);
}

/* Opened once: opening it anew would allocate. */
static int nth_fd;

static void arm(int nth)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", nth);

	CHECK(pwrite(nth_fd, text, n, 0) == n, "fail-nth: %s", strerror(errno));
}

/* Turns it off. Was the fault injected since arm()? */
static bool disarm(void)
{
	char text[16] = "";

	CHECK(pread(nth_fd, text, sizeof(text) - 1, 0) > 0, "fail-nth: %s", strerror(errno));
	CHECK(pwrite(nth_fd, "0", 1, 0) == 1, "fail-nth: %s", strerror(errno));
	return atoi(text) == 0;
}

/* A request to rtnetlink for a qdisc of the device. Returns 0 or a negative errno. */
static int rt_qdisc(uint16_t type, uint16_t flags)
{
	static uint32_t seq;
	char buf[8192];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct tcmsg *tcm;
	int n;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	nlh->nlmsg_seq = ++seq;
	tcm = mnl_nlmsg_put_extra_header(nlh, sizeof(*tcm));
	tcm->tcm_family = AF_UNSPEC;
	tcm->tcm_ifindex = ifindex;
	tcm->tcm_parent = TC_H_ROOT;
	tcm->tcm_handle = type == RTM_NEWQDISC ? 0xd0000 : 0;
	if (type == RTM_NEWQDISC)
		mnl_attr_put_strz(nlh, TCA_KIND, "dmsc");
	if (mnl_socket_sendto(rt, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	n = recv(mnl_socket_get_fd(rt), buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	if (mnl_cb_run(buf, n, seq, mnl_socket_get_portid(rt), NULL, NULL) < 0)
		return -errno;
	return 0;
}

static size_t count_qdiscs(void)
{
	struct queue_qdisc *d;
	size_t n;

	CHECK(!queues_get_qdiscs(look, ifindex, &d, &n, &err), "%s", err.text);
	free(d);
	return n;
}

static size_t count_queues(void)
{
	struct queue_queue_entry *e;
	size_t n;

	CHECK(!queues_get_queues(look, ifindex, &e, &n, &err), "%s", err.text);
	free(e);
	return n;
}

static uint32_t weight_of(uint32_t id)
{
	struct queue_class_entry *e;
	uint32_t weight = 0;
	size_t n, i;

	CHECK(!queues_get_classes(look, ifindex, &e, &n, &err), "%s", err.text);
	for (i = 0; i < n; i++) {
		if (e[i].class.id == id)
			weight = e[i].class.weight;
	}
	free(e);
	return weight;
}

/*
 * sweep - @request with its first allocation failing, its second, ...
 * @request: 0 or a negative errno
 * @done: has the request's effect come about?
 * @undo: takes the effect back, without faults
 */
static void sweep(int (*request)(void), bool (*done)(void), void (*undo)(void))
{
	bool injected = true;
	int nth, ret;

	memset(&seen, 0, sizeof(seen));
	for (nth = 1; injected; nth++) {
		CHECK(nth < STEPS_MAX, "no end to its allocations");
		arm(nth);
		ret = request();
		injected = disarm();
		/* -ENOBUFS: no memory for the answer, which may have been a good one. */
		if (ret && ret != -ENOBUFS)
			CHECK(!done(), "allocation %d failed with %d, and yet it was done", nth,
			      ret);
		if (!ret)
			CHECK(done(), "allocation %d failed, success, and yet it was not done", nth);
		CHECK(injected || !ret, "without a fault: error %d", ret);
		seen.failed += injected && ret;
		seen.survived += injected && !ret;
		if (done())
			undo();
		CHECK(!done(), "cannot be undone after allocation %d", nth);
	}
	printf("# %d allocations: %d stopped the request, %d did not\n",
	       seen.failed + seen.survived, seen.failed, seen.survived);
	CHECK(seen.failed > 0, "no allocation ever failed");
}

static int qdisc_add(void)
{
	return rt_qdisc(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL);
}

static bool qdisc_is_there(void)
{
	return count_qdiscs() == 1;
}

static void qdisc_del(void)
{
	int ret = rt_qdisc(RTM_DELQDISC, 0);

	CHECK(!ret, "%d", ret);
}

static void test_init(void)
{
	sweep(qdisc_add, qdisc_is_there, qdisc_del);
}

static int set_weight(uint32_t weight)
{
	struct queue_class c[] = {
		{ .id = 2, .mode = DMSC_MODE_WEIGHTED, .weight = weight, .limit = 65536 },
		{ .id = 3, .mode = DMSC_MODE_WEIGHTED, .weight = weight, .limit = 65536 },
	};

	return queues_set_classes(q, ifindex, 0, c, 2, &err);
}

static int class_set(void)
{
	return set_weight(77);
}

static bool class_is_set(void)
{
	bool set = weight_of(2) == 77;

	CHECK((weight_of(3) == 77) == set, "half applied");
	return set;
}

static void class_reset(void)
{
	CHECK(!set_weight(7), "%s", err.text);
}

static void test_class_set(void)
{
	CHECK(!qdisc_add(), "no qdisc");
	sweep(class_set, class_is_set, class_reset);
	qdisc_del();
}

static int queue_set(void)
{
	struct queue_queue all[QUEUES];
	uint32_t i;

	for (i = 0; i < QUEUES; i++)
		all[i] = (struct queue_queue){
			.slot = i + 1, .class = i % DMSC_NR_CLASSES, .weight = 16, .sid = 1000 + i
		};
	return queues_set_queues(q, ifindex, 0, all, QUEUES, true, &err);
}

static bool queues_are_set(void)
{
	size_t n = count_queues();

	CHECK(n == 0 || n == QUEUES, "half applied: %zu queues", n);
	return n == QUEUES;
}

static void queues_clear(void)
{
	CHECK(!queues_set_queues(q, ifindex, 0, NULL, 0, true, &err), "%s", err.text);
}

static void test_queue_set(void)
{
	CHECK(!qdisc_add(), "no qdisc");
	sweep(queue_set, queues_are_set, queues_clear);
	qdisc_del();
}

static int listing(void)
{
	struct queue_class_entry *e;
	size_t n;
	int ret = queues_get_classes(q, 0, &e, &n, &err);

	if (!ret)
		free(e);
	return ret;
}

/* A listing has no effect; it must end, and the next one must work. */
static void test_listing(void)
{
	bool injected = true;
	int nth, ret, failed = 0;

	CHECK(!qdisc_add(), "no qdisc");
	for (nth = 1; injected; nth++) {
		CHECK(nth < STEPS_MAX, "no end to its allocations");
		arm(nth);
		ret = listing();
		injected = disarm();
		CHECK(injected || !ret, "without a fault: %s", err.text);
		failed += injected && ret;
		/* A dump that netlink had no memory to begin goes on at the next read. */
		queues_close(q);
		CHECK(!queues_open(&q, false, &err), "%s", err.text);
		ret = listing();
		CHECK(!ret, "after allocation %d failed: %s", nth, err.text);
	}
	CHECK(failed > 0, "no allocation ever failed");
	qdisc_del();
}

/*
 * All of the kernel's own allocations are in the game, also those that may wait;
 * one line a fault, no stack. Pages of processes are not.
 */
static void prepare(void)
{
	write_file("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	write_file("/sys/kernel/debug/failslab/verbose", "1");
	write_file("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	write_file("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	write_file("/sys/kernel/debug/fail_page_alloc/verbose", "1");
}

static void test_prepare(void)
{
	prepare();
	/* proves that the file does what it says: an allocation that is sure to be made */
	arm(1);
	CHECK(open("/proc/self/status", O_RDONLY) < 0 && errno == ENOMEM, "fail-nth has no effect");
	CHECK(disarm(), "fail-nth says that it had no effect");
}

static void still_balanced(void)
{
	CHECK(!balance_check(look, NULL), "the books do not balance");
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(test_prepare),	  TAP_TEST(test_init),	  TAP_TEST(test_class_set),
		TAP_TEST(test_queue_set), TAP_TEST(test_listing),
	};
	int ret;

	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	if (nth_fd < 0)
		return tap_skip_all("this kernel has no fault injection");
	if (system("modprobe -q sch_dmsc"))
		return tap_skip_all("no module sch_dmsc");
	if (unshare(CLONE_NEWNET) || system("ip link add " DEV " type dummy")) {
		printf("Bail out! cannot make the device\n");
		return TAP_FAIL;
	}
	rt = mnl_socket_open(NETLINK_ROUTE);
	ifindex = if_nametoindex(DEV);
	if (!rt || mnl_socket_bind(rt, 0, MNL_SOCKET_AUTOPID) || !ifindex ||
	    queues_open(&q, false, &err) || queues_open(&look, false, &err)) {
		printf("Bail out! cannot open netlink: %s\n", err.text);
		return TAP_FAIL;
	}
	tap_after = still_balanced;
	ret = TAP_RUN(tests);
	queues_close(q);
	queues_close(look);
	mnl_socket_close(rt);
	return ret;
}
