// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kfuncs: BPF programs read the backlog of a class. What they are told is what
 * the netlink family tells, wherever the qdiscs of the device stand.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <linux/dmsc_kfunc.h>

#include "lib/queues.h"
#include "selftests/bpf/tap.h"
#include "selftests/kmod/backlog.skel.h"
#include "selftests/kmod/balance.h"
#include "selftests/kmod/commands.h"

static struct backlog *skel;
static struct queues *q;
static struct dmsc_error err;
static uint32_t deep, multi; /* interfaces: a qdisc below tbf, two below mq */

static void send_marked(const char *to, uint32_t priority, int n)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(9) };
	static char payload[1000];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK(fd >= 0, "%s", strerror(errno));
	CHECK(inet_pton(AF_INET, to, &sin.sin_addr) == 1, "%s", to);
	CHECK(!setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority)), "%s",
	      strerror(errno));
	while (n--)
		CHECK(sendto(fd, payload, sizeof(payload), 0, (void *)&sin, sizeof(sin)) > 0, "%s",
		      strerror(errno));
	close(fd);
}

static void ask(int prog, uint32_t ifindex, uint32_t class)
{
	static char frame[64];
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(frame));

	skel->bss->ask_ifindex = ifindex;
	skel->bss->ask_class = class;
	skel->bss->error = 1;
	CHECK(!bpf_prog_test_run_opts(prog, &run), "%s", strerror(errno));
}

/* What the family says of a class, over all qdiscs of the device. */
static struct dmsc_backlog told(uint32_t ifindex, uint32_t class)
{
	struct queue_class_entry *e;
	struct dmsc_backlog sum = { 0 };
	size_t n, i;

	CHECK(!queues_get_classes(q, ifindex, &e, &n, &err), "%s", err.text);
	for (i = 0; i < n; i++) {
		if (e[i].class.id != class)
			continue;
		sum.bytes += e[i].class.stats.backlog_bytes;
		sum.packets += e[i].class.stats.backlog_packets;
		sum.qdiscs++;
	}
	free(e);
	return sum;
}

static void same(int prog, uint32_t ifindex, uint32_t class, uint32_t packets, uint32_t qdiscs)
{
	struct dmsc_backlog want = told(ifindex, class);

	ask(prog, ifindex, class);
	CHECK_EQ(skel->bss->error, 0, "class %u", class);
	CHECK_EQ(skel->bss->answer.packets, want.packets, "class %u", class);
	CHECK_EQ(skel->bss->answer.bytes, want.bytes, "class %u", class);
	CHECK_EQ(skel->bss->answer.qdiscs, qdiscs, "");
	CHECK_EQ(want.qdiscs, qdiscs, "");
	CHECK_EQ(want.packets, packets, "class %u", class);
	CHECK(want.bytes >= 1000 * packets, "");
	CHECK_EQ(skel->bss->short_error, -EINVAL, "another size");
}

static void both(uint32_t ifindex, uint32_t class, uint32_t packets, uint32_t qdiscs)
{
	same(bpf_program__fd(skel->progs.ask_skb), ifindex, class, packets, qdiscs);
	same(bpf_program__fd(skel->progs.ask_xdp), ifindex, class, packets, qdiscs);
}

/* Ten bytes a second: one packet of the bucket, and then nothing for a minute. */
static void test_below_tbf(void)
{
	both(deep, DMSC_CLASS_BULK, 0, 1);
	send_marked("10.80.1.2", DMSC_PRIO(0, DMSC_CLASS_BULK), 12);
	both(deep, DMSC_CLASS_BULK, told(deep, DMSC_CLASS_BULK).packets, 1);
	CHECK(skel->bss->answer.packets >= 10, "%llu", skel->bss->answer.packets);
	both(deep, DMSC_CLASS_DATA, 0, 1);
}

static void test_below_mq(void)
{
	both(multi, DMSC_CLASS_EXPERT, 0, 2);
}

static void refused(int prog)
{
	const struct dmsc_backlog untouched = { 0xeeeeeeeeeeeeeeeeULL, 0xeeeeeeeeeeeeeeeeULL,
						0xeeeeeeee, 0xeeeeeeee };

	ask(prog, deep, DMSC_NR_CLASSES);
	CHECK_EQ(skel->bss->error, -EINVAL, "class 8");
	ask(prog, 99999, 0);
	CHECK_EQ(skel->bss->error, -ENODEV, "no device");
	ask(prog, if_nametoindex("lo"), 0);
	CHECK_EQ(skel->bss->error, -ENOENT, "no qdisc");
	CHECK(!memcmp(&skel->bss->answer, &untouched, sizeof(untouched)), "it was written to");
	/* 0 is the packet's own device, lo in a test run */
	ask(prog, 0, 0);
	CHECK_EQ(skel->bss->error, -ENOENT, "lo");
}

static void test_refusals(void)
{
	refused(bpf_program__fd(skel->progs.ask_skb));
	refused(bpf_program__fd(skel->progs.ask_xdp));
}

/* A program that may call them keeps the module. */
static void test_module_stays(void)
{
	CHECK(syscall(SYS_delete_module, "sch_dmsc", O_NONBLOCK), "it was unloaded");
	CHECK(!access("/sys/module/sch_dmsc", F_OK), "it is gone");
}

static void still_balanced(void)
{
	size_t n;

	CHECK(!balance_check(q, &n), "the books do not balance");
	CHECK_EQ(n, 3, "dmsc qdiscs");
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(test_below_tbf),
		TAP_TEST(test_below_mq),
		TAP_TEST(test_refusals),
		TAP_TEST(test_module_stays),
	};
	int ret;

	if (system("modprobe -q sch_dmsc"))
		return tap_skip_all("no module sch_dmsc");
	if (access("/sys/kernel/btf/sch_dmsc", F_OK))
		return tap_skip_all("the module has no BTF on this kernel, so no kfuncs");
	if (unshare(CLONE_NEWNET) ||
	    batch("ip", NULL,
		  "link set lo up\n"
		  "link add d1 type dummy\n"
		  "addr add 10.80.1.1/24 dev d1\n"
		  "link set d1 up\n"
		  "neigh add 10.80.1.2 lladdr 02:00:00:00:00:02 dev d1 nud permanent\n"
		  "link add d2 numtxqueues 2 type dummy\n"
		  "link set d2 up\n") ||
	    batch("tc", NULL,
		  "qdisc add dev d1 root handle 1: tbf rate 80bit burst 1600 limit 1000000\n"
		  "qdisc add dev d1 parent 1:1 handle d: dmsc\n"
		  "qdisc add dev d2 root handle 2: mq\n"
		  "qdisc add dev d2 parent 2:1 dmsc\n"
		  "qdisc add dev d2 parent 2:2 dmsc\n")) {
		printf("Bail out! cannot make the devices\n");
		return TAP_FAIL;
	}
	deep = if_nametoindex("d1");
	multi = if_nametoindex("d2");
	skel = backlog__open_and_load();
	if (!skel || queues_open(&q, false, &err)) {
		printf("Bail out! %s\n", skel ? err.text : "the programs do not load");
		return TAP_FAIL;
	}
	tap_after = still_balanced;
	ret = TAP_RUN(tests);
	queues_close(q);
	backlog__destroy(skel);
	/* What still waits there would keep the namespace, and the module, for minutes. */
	if (system("ip link del d1"))
		return TAP_FAIL;
	return ret;
}
