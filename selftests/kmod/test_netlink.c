// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Generic netlink family "dmsc": what it sets, shows and refuses, for root, for
 * an ordinary user, from another network namespace, and for noise.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/queues.h"
#include "selftests/bpf/tap.h"
#include "selftests/kmod/balance.h"
#include "selftests/kmod/commands.h"

static struct queues *q;
static struct dmsc_error err;
static uint32_t one, multi; /* interfaces: one qdisc, two under mq */

static struct queue_class class_of(uint32_t ifindex, uint32_t id)
{
	struct queue_class_entry *e;
	struct queue_class c = { .id = 99 };
	size_t n, i;

	CHECK(!queues_get_classes(q, ifindex, &e, &n, &err), "%s", err.text);
	for (i = 0; i < n; i++) {
		if (e[i].class.id == id)
			c = e[i].class;
	}
	free(e);
	return c;
}

static uint32_t backlog_of(uint32_t ifindex, uint32_t id)
{
	return class_of(ifindex, id).stats.backlog_packets;
}

static size_t count_queues(uint32_t ifindex)
{
	struct queue_queue_entry *e;
	size_t n;

	CHECK(!queues_get_queues(q, ifindex, &e, &n, &err), "%s", err.text);
	free(e);
	return n;
}

static void test_version(void)
{
	char version[32];
	uint32_t abi;

	CHECK(!queues_version(q, &abi, version, sizeof(version), &err), "%s", err.text);
	CHECK_EQ(abi, DMSC_ABI, "");
	CHECK(!strcmp(version, DMSC_VERSION), "%s", version);
}

static void test_dump(void)
{
	struct queue_qdisc *d;
	struct queue_class_entry *e;
	size_t n, i, mine = 0;

	CHECK(!queues_get_qdiscs(q, 0, &d, &n, &err), "%s", err.text);
	CHECK_EQ(n, 3, "qdiscs");
	for (i = 0; i < n; i++)
		mine += d[i].ifindex == multi;
	CHECK_EQ(mine, 2, "under mq");
	free(d);
	CHECK(!queues_get_qdiscs(q, one, &d, &n, &err), "%s", err.text);
	CHECK_EQ(n, 1, "with filter");
	CHECK(d[0].handle == 0xd0000, "%x", d[0].handle);
	free(d);
	CHECK(!queues_get_classes(q, one, &e, &n, &err), "%s", err.text);
	CHECK_EQ(n, DMSC_NR_CLASSES, "classes");
	free(e);
}

static void test_set_class(void)
{
	struct queue_class c = { .id = 2,
				 .mode = DMSC_MODE_WEIGHTED,
				 .weight = 7,
				 .share = 123,
				 .limit = 77777,
				 .ecn = 5555 },
			   got;

	CHECK(!queues_set_classes(q, one, 0, &c, 1, &err), "%s", err.text);
	got = class_of(one, 2);
	CHECK(got.weight == 7 && got.share == 123 && got.limit == 77777 && got.ecn == 5555, "");
	/* both qdiscs of a device, or one by its handle */
	CHECK(!queues_set_classes(q, multi, 0, &c, 1, &err), "%s", err.text);
	c.weight = 9;
	CHECK(queues_set_classes(q, multi, 0x12340000, &c, 1, &err) == -ENOENT, "");
	CHECK(strstr(err.text, "no dmsc qdisc"), "%s", err.text);
}

/* What is left out stays as it is; what is set comes back. */
static void test_set_class_more(void)
{
	struct queue_class c = class_of(one, 3), got;
	const uint32_t all = QUEUE_CLASS_CEIL | QUEUE_CLASS_CODEL | QUEUE_CLASS_TARGET |
			     QUEUE_CLASS_INTERVAL | QUEUE_CLASS_FAIR | QUEUE_CLASS_STARVE;

	CHECK_EQ(c.given, all, "the module tells everything");
	CHECK(!c.ceil && !c.codel && c.fair && c.target == DMSC_TARGET_DEFAULT, "defaults");
	c.ceil = 5000000000000000ULL;
	CHECK(queues_set_classes(q, one, 0, &c, 1, &err) == -ERANGE, "%s", err.text);
	c.ceil = 12345678901ULL;
	c.codel = 1;
	c.target = 1234;
	c.interval = 56789;
	c.fair = 0;
	c.starve = 250;
	CHECK(!queues_set_classes(q, one, 0, &c, 1, &err), "%s", err.text);
	c.given = QUEUE_CLASS_STARVE;
	c.starve = 0;
	CHECK(!queues_set_classes(q, one, 0, &c, 1, &err), "%s", err.text);
	got = class_of(one, 3);
	CHECK(got.ceil == 12345678901ULL && got.codel == 1 && got.target == 1234 &&
		      got.interval == 56789 && got.fair == 0 && got.starve == 0,
	      "");
	c = (struct queue_class){ .id = 3, .mode = DMSC_MODE_STRICT, .weight = 16, .limit = 4 << 20 };
	c.given = all;
	c.target = DMSC_TARGET_DEFAULT;
	c.interval = DMSC_INTERVAL_DEFAULT;
	c.fair = 1;
	CHECK(!queues_set_classes(q, one, 0, &c, 1, &err), "%s", err.text);
}

static void test_set_queue_more(void)
{
	struct queue_queue w = { .slot = 9, .class = 2, .weight = 16, .sid = 7 };
	struct queue_queue_entry *e;
	size_t n;

	CHECK(!queues_set_queues(q, one, 0, &w, 1, true, &err), "%s", err.text);
	CHECK(!queues_get_queues(q, one, &e, &n, &err) && n == 1, "%s", err.text);
	CHECK(e[0].queue.rank == DMSC_RANK_DEFAULT && !e[0].queue.rate && !e[0].queue.ceil &&
		      !e[0].queue.remaining,
	      "defaults");
	free(e);
	w.given = QUEUE_QUEUE_RANK | QUEUE_QUEUE_RATE | QUEUE_QUEUE_CEIL | QUEUE_QUEUE_REMAINING;
	w.rank = 5, w.rate = 1000, w.ceil = DMSC_RATE_MAX, w.remaining = DMSC_REMAINING_MAX;
	CHECK(!queues_set_queues(q, one, 0, &w, 1, true, &err), "%s", err.text);
	w.given = QUEUE_QUEUE_RANK;
	CHECK(!queues_set_queues(q, one, 0, &w, 1, true, &err), "%s", err.text);
	CHECK(!queues_get_queues(q, one, &e, &n, &err) && n == 1, "%s", err.text);
	CHECK(e[0].queue.rank == 5 && !e[0].queue.rate && !e[0].queue.ceil, "");
	CHECK(e[0].queue.remaining == DMSC_REMAINING_MAX, "a hint left out stays");
	free(e);
	w.rank = DMSC_RANK_MAX + 1;
	CHECK(queues_set_queues(q, one, 0, &w, 1, true, &err) == -ERANGE, "%s", err.text);
	CHECK(strstr(err.text, "rank"), "%s", err.text);
	w.given = QUEUE_QUEUE_RATE, w.rate = 999;
	CHECK(queues_set_queues(q, one, 0, &w, 1, true, &err) == -ERANGE, "%s", err.text);
	CHECK(strstr(err.text, "rate: rates must be"), "%s", err.text);
	w.given = QUEUE_QUEUE_RATE | QUEUE_QUEUE_CEIL, w.rate = 2000, w.ceil = 1999;
	CHECK(queues_set_queues(q, one, 0, &w, 1, true, &err) == -EINVAL, "%s", err.text);
	CHECK(strstr(err.text, "ceil: ceiling must not be below"), "%s", err.text);
	w.given = QUEUE_QUEUE_REMAINING, w.remaining = DMSC_REMAINING_MAX + 1;
	CHECK(queues_set_queues(q, one, 0, &w, 1, true, &err) == -ERANGE, "%s", err.text);
	CHECK_EQ(count_queues(one), 1, "");
	CHECK(!queues_set_queues(q, one, 0, NULL, 0, true, &err), "%s", err.text);
}

static void refused(struct queue_class c, const char *why)
{
	struct queue_class two[2] = { { .id = 3, .mode = 1, .weight = 1, .share = 0, .limit = 4096 },
				      c };
	struct queue_class before = class_of(one, 3), after;

	CHECK(queues_set_classes(q, one, 0, two, 2, &err) < 0, "%s was taken", why);
	CHECK(strstr(err.text, why), "'%s' does not say '%s'", err.text, why);
	/* nor was the class before it changed */
	after = class_of(one, 3);
	CHECK(before.weight == after.weight && before.limit == after.limit, "half applied");
}

static void test_refusals(void)
{
	struct queue_class ok = { .id = 4, .mode = 1, .weight = 16, .share = 10, .limit = 65536 }, c;

	c = ok, c.id = 8, refused(c, "integer out of range");
	c = ok, c.mode = 2, refused(c, "integer out of range");
	c = ok, c.weight = 0, refused(c, "integer out of range");
	c = ok, c.weight = 1025, refused(c, "integer out of range");
	c = ok, c.share = 901, refused(c, "integer out of range");
	c = ok, c.share = 899, refused(c, "add up to more than 900");
	c = ok, c.limit = 2047, refused(c, "2048 bytes to 1 GiB");
	c = ok, c.limit = 0xffffffff, refused(c, "2048 bytes to 1 GiB");
	c = ok, c.id = 3, refused(c, "named twice");
	ok.given = QUEUE_CLASS_CEIL | QUEUE_CLASS_CODEL | QUEUE_CLASS_TARGET |
		   QUEUE_CLASS_INTERVAL | QUEUE_CLASS_FAIR | QUEUE_CLASS_STARVE;
	ok.target = ok.interval = 1;
	c = ok, c.ceil = 999, refused(c, "ceil: ceiling must be 0 or");
	c = ok, c.ceil = DMSC_RATE_MAX + 1, refused(c, "ceil: ceiling must be 0 or");
	c = ok, c.codel = 2, refused(c, "codel: integer out of range");
	c = ok, c.fair = 2, refused(c, "fair: integer out of range");
	c = ok, c.target = 0, refused(c, "target: target must be 1 to");
	c = ok, c.target = 1000001, refused(c, "target: target must be 1 to");
	c = ok, c.interval = 0, refused(c, "interval: interval must be");
	c = ok, c.starve = 3600001, refused(c, "starve: starve must be");
	ok.given = 0;
	CHECK(queues_set_classes(q, if_nametoindex("lo"), 0, &ok, 1, &err) == -ENOENT, "%s",
	      err.text);
	CHECK(queues_set_classes(q, 99999, 0, &ok, 1, &err) == -ENOENT, "%s", err.text);
}

static void test_queues(void)
{
	struct queue_queue two[] = { { .slot = 5, .class = 2, .weight = 16, .sid = 1001 },
				     { .slot = 6, .class = 3, .weight = 32, .sid = 1002 } };
	struct queue_queue bad[] = { { .slot = 7, .class = 2, .weight = 16, .sid = 1 },
				     { .slot = 7, .class = 3, .weight = 16, .sid = 2 } };
	struct queue_queue_entry *e;
	size_t n;

	CHECK(!queues_set_queues(q, one, 0, two, 2, true, &err), "%s", err.text);
	CHECK(!queues_get_queues(q, one, &e, &n, &err), "%s", err.text);
	CHECK_EQ(n, 2, "");
	CHECK(e[1].queue.slot == 6 && e[1].queue.class == 3 && e[1].queue.weight == 32 &&
		      e[1].queue.sid == 1002,
	      "");
	free(e);
	CHECK(queues_set_queues(q, one, 0, bad, 2, true, &err) < 0, "");
	CHECK(strstr(err.text, "slot named twice"), "%s", err.text);
	CHECK_EQ(count_queues(one), 2, "replace was half applied");
	CHECK(!queues_set_queues(q, one, 0, bad, 1, false, &err), "%s", err.text);
	CHECK_EQ(count_queues(one), 3, "added");
	bad[0].slot = 0;
	CHECK(queues_set_queues(q, one, 0, bad, 1, false, &err) == -ERANGE, "slot 0: %s", err.text);
	bad[0].slot = 4096;
	CHECK(queues_set_queues(q, one, 0, bad, 1, false, &err) == -ERANGE, "slot 4096: %s",
	      err.text);
	CHECK(queues_set_queues(q, one, 0, NULL, 0, false, &err) == -EINVAL, "%s", err.text);
	CHECK(strstr(err.text, "no queue given"), "%s", err.text);
	CHECK(!queues_set_queues(q, one, 0, NULL, 0, true, &err), "%s", err.text);
	CHECK_EQ(count_queues(one), 0, "all removed");
}

static void test_all_slots(void)
{
	static struct queue_queue all[DMSC_NR_SLOTS - 1];
	uint32_t i;

	for (i = 0; i < DMSC_NR_SLOTS - 1; i++)
		all[i] = (struct queue_queue){
			.slot = i + 1, .class = i % 8, .weight = 1 + i % 1024, .sid = i
		};
	CHECK(!queues_set_queues(q, multi, 0, all, DMSC_NR_SLOTS - 1, true, &err), "%s", err.text);
	CHECK_EQ(count_queues(multi), 2 * (DMSC_NR_SLOTS - 1), "");
	CHECK(!queues_set_queues(q, multi, 0, all, 1, true, &err), "%s", err.text);
	CHECK_EQ(count_queues(multi), 2, "");
}

/* Runs @fn in a child; its exit status is to be 0. */
static void in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(fn());
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status), "killed");
	CHECK_EQ(WEXITSTATUS(status), 0, "line of the child");
}

static int as_nobody(void)
{
	struct queue_class c = { .id = 4, .mode = 1, .weight = 16, .share = 10, .limit = 65536 };
	struct queue_qdisc *d;
	struct queues *mine;
	size_t n;

	if (setgid(65534) || setuid(65534) || queues_open(&mine, false, &err))
		return __LINE__ & 127;
	if (queues_set_classes(mine, one, 0, &c, 1, &err) != -EPERM)
		return __LINE__ & 127;
	if (queues_set_queues(mine, one, 0, NULL, 0, true, &err) != -EPERM)
		return __LINE__ & 127;
	/* looking is allowed */
	if (queues_get_qdiscs(mine, 0, &d, &n, &err) || n != 3)
		return __LINE__ & 127;
	return 0;
}

static void test_nobody(void)
{
	in_child(as_nobody);
}

/* Who has all capabilities, but over a user namespace of their own. */
static int as_somebody(void)
{
	struct queue_class c = { .id = 4, .mode = 1, .weight = 16, .share = 10, .limit = 65536 };
	struct queues *mine;

	if (unshare(CLONE_NEWUSER) || queues_open(&mine, false, &err))
		return __LINE__ & 127;
	if (queues_set_classes(mine, one, 0, &c, 1, &err) != -EPERM)
		return __LINE__ & 127;
	if (queues_set_queues(mine, one, 0, NULL, 0, true, &err) != -EPERM)
		return __LINE__ & 127;
	return 0;
}

static void test_other_users(void)
{
	in_child(as_somebody);
}

/* Nothing of here is seen or found there, whatever is asked for. */
static int look_from_elsewhere(int flags)
{
	struct queue_class c = { .id = 4, .mode = 1, .weight = 16, .share = 10, .limit = 65536 };
	struct queue_class_entry *e;
	struct queue_queue_entry *w;
	struct queue_qdisc *d;
	struct queues *mine;
	size_t n;

	if (unshare(flags) || queues_open(&mine, false, &err))
		return __LINE__ & 127;
	if (queues_get_qdiscs(mine, 0, &d, &n, &err) || n)
		return __LINE__ & 127;
	if (queues_get_classes(mine, one, &e, &n, &err) || n)
		return __LINE__ & 127;
	if (queues_get_queues(mine, one, &w, &n, &err) || n)
		return __LINE__ & 127;
	if (queues_set_classes(mine, one, 0, &c, 1, &err) != -ENOENT)
		return __LINE__ & 127;
	if (queues_set_queues(mine, one, 0, NULL, 0, true, &err) != -ENOENT)
		return __LINE__ & 127;
	return 0;
}

static int elsewhere(void)
{
	return look_from_elsewhere(CLONE_NEWNET);
}

static int elsewhere_as_somebody(void)
{
	return look_from_elsewhere(CLONE_NEWUSER | CLONE_NEWNET);
}

static void test_other_namespace(void)
{
	struct queue_queue w = { .slot = 9, .class = 2, .weight = 16, .sid = 7 };

	CHECK(!queues_set_queues(q, one, 0, &w, 1, true, &err), "%s", err.text);
	in_child(elsewhere);
	in_child(elsewhere_as_somebody);
	CHECK_EQ(count_queues(one), 1, "");
	CHECK(!queues_set_queues(q, one, 0, NULL, 0, true, &err), "%s", err.text);
}

/* Long packets of one type of service, sent at once. */
static void send_to_peer(int tos, int n)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(9) };
	static char payload[1400];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	CHECK(fd >= 0 && inet_pton(AF_INET, "10.77.0.2", &sin.sin_addr) == 1, "%s", strerror(errno));
	CHECK(!setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos)), "%s", strerror(errno));
	while (n--)
		sendto(fd, payload, sizeof(payload), 0, (void *)&sin, sizeof(sin));
	close(fd);
}

/* Somebody who listens in another network namespace. */
static struct queues *listen_elsewhere(void)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct queues *there = NULL;

	CHECK(home >= 0 && !unshare(CLONE_NEWNET), "%s", strerror(errno));
	CHECK(!queues_open(&there, false, &err), "%s", err.text);
	CHECK(queues_event_fd(there, &err) >= 0, "%s", err.text);
	CHECK(!setns(home, CLONE_NEWNET), "%s", strerror(errno));
	close(home);
	return there;
}

static void test_event(void)
{
	struct queue_class c = class_of(one, DMSC_CLASS_DEFAULT);
	struct queues *there = listen_elsewhere();
	struct queue_event ev = { 0 };
	struct pollfd p = { .events = POLLIN };

	p.fd = queues_event_fd(q, &err);
	CHECK(p.fd >= 0, "%s", err.text);
	c.limit = DMSC_LIMIT_MIN;
	CHECK(!queues_set_classes(q, one, 0, &c, 1, &err), "%s", err.text);
	/* the device is shaped, so a class of 2 KB must drop */
	send_to_peer(0, 60);
	CHECK(poll(&p, 1, 60000) == 1, "no event");
	CHECK(!queues_event_read(q, &ev, &err), "%s", err.text);
	CHECK(ev.event == DMSC_EVENT_DROPS && ev.ifindex == one, "%u %u", ev.event, ev.ifindex);
	CHECK(ev.class.id == DMSC_CLASS_DEFAULT && ev.class.stats.drop_packets > 0, "");
	p.fd = queues_event_fd(there, &err);
	CHECK_EQ(poll(&p, 1, 0), 0, "told to another namespace");
	queues_close(there);
	c.limit = 4 << 20;
	CHECK(!queues_set_classes(q, one, 0, &c, 1, &err), "%s", err.text);
}

/*
 * Waits for an event of a kind; others are passed over. Looks are taken as
 * packets come and go, so there is traffic of another class meanwhile.
 */
static void await(uint32_t event, struct queue_event *ev)
{
	struct pollfd p = { .fd = queues_event_fd(q, &err), .events = POLLIN };
	int i;

	for (i = 0; i < 6000; i++) {
		send_to_peer(0, 1);
		while (poll(&p, 1, 10) == 1) {
			if (!queues_event_read(q, ev, &err) && ev->event == event)
				return;
		}
	}
	CHECK(false, "no event %u", event);
}

/*
 * A flood in the class bulk, far above its ceiling: its packets wait, so it is
 * starved (within a millisecond, which is asked for) and its queue stays long.
 */
static void test_event_waiting(void)
{
	struct queue_class c = class_of(one, DMSC_CLASS_BULK), before = c;
	struct queue_event ev = { 0 };
	int i;

	c.given = QUEUE_CLASS_CEIL | QUEUE_CLASS_STARVE;
	c.ceil = DMSC_RATE_MIN;
	c.starve = 1;
	c.ecn = 2000;
	CHECK(!queues_set_classes(q, one, 0, &c, 1, &err), "%s", err.text);
	CHECK(queues_event_fd(q, &err) >= 0, "%s", err.text);
	send_to_peer(0x20, 30);
	await(DMSC_EVENT_STARVED, &ev);
	CHECK(ev.class.id == DMSC_CLASS_BULK && ev.class.stats.backlog_packets > 0, "%u",
	      ev.class.id);
	CHECK(ev.class.starve == 1 && ev.ifindex == one, "");
	await(DMSC_EVENT_CONGESTED, &ev);
	CHECK(ev.queue.class == DMSC_CLASS_BULK && ev.queue.slot == 0, "%u", ev.queue.class);
	CHECK(ev.queue.stats.backlog_bytes > 2000, "%u", ev.queue.stats.backlog_bytes);
	CHECK(!queues_set_classes(q, one, 0, &before, 1, &err), "%s", err.text);
	/* with the ceiling gone nothing is held back any longer */
	for (i = 0; i < 6000 && backlog_of(one, DMSC_CLASS_BULK); i++)
		usleep(10000);
	CHECK_EQ(backlog_of(one, DMSC_CLASS_BULK), 0, "packets are stuck");
}

/* ---- noise: random attributes to every command ---- */

static uint32_t seed = 12345;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void noise(struct nlmsghdr *nlh, int depth)
{
	uint32_t n = rnd(6), len, i;
	struct nlattr *nest;
	uint8_t data[64];

	while (n--) {
		if (depth < 4 && rnd(3) == 0) {
			nest = mnl_attr_nest_start(nlh, rnd(18));
			noise(nlh, depth + 1);
			mnl_attr_nest_end(nlh, nest);
			if (!rnd(8)) /* a length that is not true */
				nest->nla_len = rnd(200);
			continue;
		}
		len = rnd(2) ? 4U << rnd(2) : rnd(sizeof(data));
		for (i = 0; i < len; i++)
			data[i] = rnd(3) ? 0 : rnd(256);
		if (rnd(2))
			data[0] = rnd(10);
		mnl_attr_put(nlh, rnd(16), len, data);
	}
	if (rnd(2))
		mnl_attr_put_u32(nlh, DMSC_A_IFINDEX, one);
}

/* 0 when it is not found. */
static uint16_t family_id(struct mnl_socket *nl)
{
	char buf[8192];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *g;
	const struct nlattr *attr;

	nlh->nlmsg_type = GENL_ID_CTRL;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	g->cmd = CTRL_CMD_GETFAMILY;
	g->version = 1;
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, DMSC_GENL_NAME);
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) <= 0 ||
	    mnl_socket_recvfrom(nl, buf, sizeof(buf)) <= 0)
		return 0;
	mnl_attr_for_each(attr, (struct nlmsghdr *)buf, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			return mnl_attr_get_u16(attr);
	}
	return 0;
}

/* Messages of noise to the family, from whoever calls. False: there is no way to it. */
static bool make_noise(int messages)
{
	struct mnl_socket *nl = mnl_socket_open(NETLINK_GENERIC);
	static char buf[65536];
	struct nlmsghdr *nlh;
	struct genlmsghdr *g;
	uint16_t family = 0;
	int i, one_on = 1, strict;

	if (nl && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) >= 0)
		family = family_id(nl);
	if (!family)
		return false;
	mnl_socket_setsockopt(nl, NETLINK_EXT_ACK, &one_on, sizeof(one_on));
	for (i = 0; i < messages; i++) {
		nlh = mnl_nlmsg_put_header(buf);
		nlh->nlmsg_type = family;
		nlh->nlmsg_seq = i + 1;
		nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | (rnd(3) ? 0 : NLM_F_DUMP);
		g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
		g->cmd = rnd(DMSC_CMD_MAX + 3);
		g->version = rnd(4) ? DMSC_GENL_VERSION : rnd(256);
		noise(nlh, 0);
		if (!rnd(10)) /* truncated */
			nlh->nlmsg_len = NLMSG_HDRLEN + rnd(nlh->nlmsg_len - NLMSG_HDRLEN + 1);
		strict = rnd(2);
		setsockopt(mnl_socket_get_fd(nl), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict,
			   sizeof(strict));
		if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
			continue;
		while (recv(mnl_socket_get_fd(nl), buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
	}
	mnl_socket_close(nl);
	return true;
}

static void still_balanced(void)
{
	CHECK(!balance_check(q, NULL), "the books do not balance");
}

static void still_answers(void)
{
	test_version();
	CHECK_EQ(class_of(one, 7).id, 7, "");
}

static void test_noise(void)
{
	printf("# seed %u\n", seed);
	CHECK(make_noise(4000), "the family is not found");
	still_answers();
}

static int noise_of_nobody(void)
{
	return setgid(65534) || setuid(65534) || !make_noise(2000);
}

static int noise_from_elsewhere(void)
{
	return unshare(CLONE_NEWNET) || !make_noise(2000);
}

/* All that can be set of the classes and queues of @ifindex, as one number. */
static uint64_t settings(uint32_t ifindex)
{
	struct queue_class_entry *c = NULL;
	struct queue_queue_entry *w = NULL;
	const uint8_t *byte;
	uint64_t sum = 14695981039346656037ULL; /* FNV-1a */
	size_t nc, nq, i, k;

	CHECK(!queues_get_classes(q, ifindex, &c, &nc, &err) &&
		      !queues_get_queues(q, ifindex, &w, &nq, &err),
	      "%s", err.text);
	for (i = 0; i < nc; i++) {
		memset(&c[i].class.stats, 0, sizeof(c[i].class.stats));
		for (byte = (void *)&c[i].class, k = 0; k < sizeof(c[i].class); k++)
			sum = (sum ^ byte[k]) * 1099511628211ULL;
	}
	for (i = 0; i < nq; i++) {
		memset(&w[i].queue.stats, 0, sizeof(w[i].queue.stats));
		for (byte = (void *)&w[i].queue, k = 0; k < sizeof(w[i].queue); k++)
			sum = (sum ^ byte[k]) * 1099511628211ULL;
	}
	free(c);
	free(w);
	return sum ^ nc ^ nq << 32;
}

/* Nothing that an ordinary user, or root of another namespace, sends has an effect. */
static void test_noise_refused(void)
{
	struct queue_queue some[] = { { .slot = 5, .class = 2, .weight = 16, .sid = 1001 },
				      { .slot = 6, .class = 3, .weight = 32, .sid = 1002 } };
	struct queue_class c;
	uint64_t before, changed;

	CHECK(!queues_set_queues(q, one, 0, some, 2, true, &err), "%s", err.text);
	before = settings(one);
	CHECK_EQ(settings(one), before, "what is set changes by itself");
	in_child(noise_of_nobody);
	CHECK_EQ(settings(one), before, "by an ordinary user");
	in_child(noise_from_elsewhere);
	CHECK_EQ(settings(one), before, "from another namespace");
	/* a change would be seen */
	c = class_of(one, 2);
	c.weight ^= 1;
	CHECK(!queues_set_classes(q, one, 0, &c, 1, &err), "%s", err.text);
	changed = settings(one);
	CHECK(changed != before, "a change is not seen");
	CHECK(!queues_set_queues(q, one, 0, NULL, 0, true, &err), "%s", err.text);
	still_answers();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(test_version),		TAP_TEST(test_dump),
		TAP_TEST(test_set_class),	TAP_TEST(test_set_class_more),
		TAP_TEST(test_refusals),	TAP_TEST(test_set_queue_more),
		TAP_TEST(test_queues),		TAP_TEST(test_all_slots),
		TAP_TEST(test_nobody),		TAP_TEST(test_other_users),
		TAP_TEST(test_other_namespace), TAP_TEST(test_event),
		TAP_TEST(test_event_waiting),	TAP_TEST(test_noise),
		TAP_TEST(test_noise_refused),
	};

	if (system("modprobe -q sch_dmsc"))
		return tap_skip_all("no module sch_dmsc");
	if (unshare(CLONE_NEWNET) ||
	    batch("ip", NULL,
		  "link set lo up\n"
		  "netns add dmscnl\n"
		  "link add d1 type veth peer name d1p netns dmscnl\n"
		  "addr add 10.77.0.1/24 dev d1\n"
		  "link set d1 up\n"
		  "link add d2 numtxqueues 2 type dummy\n"
		  "link set d2 up\n") ||
	    batch("ip", "dmscnl",
		  "addr add 10.77.0.2/24 dev d1p\n"
		  "link set d1p up\n") ||
	    batch("tc", NULL,
		  "qdisc add dev d1 root handle 1: tbf rate 1mbit burst 3000 limit 1000000\n"
		  "qdisc add dev d1 parent 1:1 handle d: dmsc\n"
		  "qdisc add dev d2 root handle 2: mq\n"
		  "qdisc add dev d2 parent 2:1 dmsc\n"
		  "qdisc add dev d2 parent 2:2 dmsc\n")) {
		printf("Bail out! cannot make the devices\n");
		return TAP_FAIL;
	}
	one = if_nametoindex("d1");
	multi = if_nametoindex("d2");
	if (queues_open(&q, false, &err)) {
		printf("Bail out! %s\n", err.text);
		return TAP_FAIL;
	}
	tap_after = still_balanced;
	int ret = tap_run(tests, sizeof(tests) / sizeof(tests[0]));

	queues_close(q);
	if (system("ip netns del dmscnl"))
		return TAP_FAIL;
	return ret;
}
