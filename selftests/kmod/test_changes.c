// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Classes and queues, ceilings and rates change while packets run through them.
 * Nothing may be lost from the books, nothing may stall, and what was held back
 * has to come. DMSC_CHANGES changes at random (150).
 */
#include "traffic.h"

static uint32_t seed = 1, ifindex;
static int changes = 150;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static uint64_t rnd_rate(void)
{
	return rnd(3) ? 0 : (uint64_t)DMSC_RATE_MIN << rnd(25);
}

static void class_ceil(uint64_t ceil)
{
	struct queue_class_entry *e = NULL;
	size_t n = 0, i;

	CHECK(!queues_get_classes(q, ifindex, &e, &n, &err), "%s", err.text);
	for (i = 0; i < n; i++) {
		e[i].class.given = QUEUE_CLASS_CEIL;
		e[i].class.ceil = ceil;
		CHECK(!queues_set_classes(q, ifindex, e[i].handle, &e[i].class, 1, &err), "%s",
		      err.text);
	}
	free(e);
}

/* No queues, no bounds, no CoDel but for the default class; ends what the others did. */
static void plain(void)
{
	uint32_t id;

	for (id = 0; id < DMSC_NR_CLASSES; id++) {
		struct queue_class c = { .id = id,
					 .weight = 16,
					 .limit = 1 << 20,
					 .given = QUEUE_CLASS_CEIL | QUEUE_CLASS_CODEL |
						  QUEUE_CLASS_FAIR,
					 .fair = 1,
					 .codel = id == DMSC_CLASS_DEFAULT };

		CHECK(!queues_set_classes(q, ifindex, 0, &c, 1, &err), "%s", err.text);
	}
	CHECK(!queues_set_queues(q, ifindex, 0, NULL, 0, true, &err), "%s", err.text);
}

/* The one qdisc of the device. */
static struct queue_stats stats(void)
{
	struct queue_qdisc *d = NULL;
	struct queue_stats s;
	size_t n = 0;

	CHECK(!queues_get_qdiscs(q, ifindex, &d, &n, &err) && n == 1, "%zu qdiscs", n);
	s = d->stats;
	free(d);
	return s;
}

static bool is_empty(void)
{
	return !stats().backlog_packets;
}

/* Large packets under a ceiling: cut, so that each that leaves fits a frame. */
static void test_ceiling_cuts(void)
{
	struct queue_stats before, after;
	static char payload[GSO_PAYLOAD];
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd = open_flow(3), i; /* of class expert, GSO */

	inet_pton(AF_INET, "10.81.0.2", &sin.sin_addr);
	/* resolves the neighbour, so that all below is enqueued at once */
	RUN("ping -q -c 1 -W 60 10.81.0.2 > /dev/null");
	class_ceil(1000000);
	before = stats();
	for (i = 0; i < 20; i++)
		CHECK(sendto(fd, payload, sizeof(payload), 0, (void *)&sin, sizeof(sin)) > 0, "%s",
		      strerror(errno));
	close(fd);
	CHECK(until(is_empty), "what the ceiling holds back does not come");
	after = stats();
	CHECK(after.deq_packets - before.deq_packets >= 20 * GSO_PAYLOAD / 1000, "not cut: %llu",
	      (unsigned long long)(after.deq_packets - before.deq_packets));
	CHECK(after.deq_bytes - before.deq_bytes >= 20 * GSO_PAYLOAD, "lost");
	CHECK(after.deq_bytes - before.deq_bytes <= (after.deq_packets - before.deq_packets) * 1514,
	      "longer than a frame");
	balanced(1);
	class_ceil(0);
}

/* A ceiling that is lifted frees what waits, without a packet that comes first. */
static void test_ceiling_lifted(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(9) };
	static char payload[1400];
	int fd = open_flow(0), i;

	inet_pton(AF_INET, "10.81.0.2", &sin.sin_addr);
	class_ceil(DMSC_RATE_MIN);
	for (i = 0; i < 30; i++)
		CHECK(sendto(fd, payload, sizeof(payload), 0, (void *)&sin, sizeof(sin)) > 0, "%s",
		      strerror(errno));
	close(fd);
	CHECK(stats().backlog_packets >= 25, "%u held back", stats().backlog_packets);
	class_ceil(0);
	CHECK(until(is_empty), "%u packets are stuck", stats().backlog_packets);
	balanced(1);
}

static void change_class(void)
{
	struct queue_class c = { .id = rnd(DMSC_NR_CLASSES),
				 .mode = rnd(2),
				 .weight = 1 + rnd(DMSC_WEIGHT_MAX),
				 .share = rnd(112),
				 .limit = DMSC_LIMIT_MIN + rnd(1 << 20),
				 .ecn = rnd(2) * rnd(1 << 18),
				 .given = rnd(64) };

	c.ceil = rnd_rate();
	c.codel = rnd(2);
	c.target = 1 + rnd(10000);
	c.interval = 1 + rnd(200000);
	c.fair = rnd(2);
	c.starve = rnd(100);
	CHECK(!queues_set_classes(q, ifindex, 0, &c, 1, &err), "%s", err.text);
}

/* Some queues, among them those that the traffic names; others go. */
static void change_queues(void)
{
	static struct queue_queue w[64];
	uint32_t n = 1 + rnd(64), first = rnd(4) ? 1 : 1 + rnd(DMSC_NR_SLOTS - 65), i;

	for (i = 0; i < n; i++) {
		w[i] = (struct queue_queue){ .slot = first + i,
					     .class = rnd(DMSC_NR_CLASSES),
					     .weight = 1 + rnd(DMSC_WEIGHT_MAX),
					     .sid = i,
					     .given = rnd(16),
					     .rank = rnd(DMSC_RANK_MAX + 1),
					     .rate = rnd_rate(),
					     .remaining = rnd(1 << 20) };
		w[i].ceil = w[i].rate << rnd(2);
	}
	CHECK(!queues_set_queues(q, ifindex, 0, w, n, rnd(2), &err), "%s", err.text);
}

static uint64_t sent_before;

static bool some_sent(void)
{
	return traffic_sent() >= sent_before + 10;
}

static void test_changes(void)
{
	uint64_t before = traffic_sent();
	int i;

	traffic_start("10.81.0.2");
	flows();
	for (i = 0; i < changes; i++) {
		if (rnd(2))
			change_class();
		else
			change_queues();
		sent_before = traffic_sent();
		CHECK(until(some_sent), "no traffic after %d changes", i + 1);
		if (i % 8 == 0)
			CHECK(!balance_check(q, NULL), "after %d changes", i + 1);
	}
	plain();
	flows();
	balanced(1);
	traffic_stop();
	CHECK(until(drained), "packets that nobody has are still counted");
	balanced(1);
	/* nothing is stuck: each kind of packet comes back */
	RUN("ping -q -c 2 -W 60 10.81.0.2 > /dev/null && ping -q -c 2 -Q 0x20 -W 60 10.81.0.2 > /dev/null");
	printf("# %d changes, %llu packets\n", changes,
	       (unsigned long long)(traffic_sent() - before));
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(test_ceiling_cuts),
		TAP_TEST(test_ceiling_lifted),
		TAP_TEST(test_changes),
	};
	int ret;

	if (getenv("DMSC_CHANGES"))
		changes = atoi(getenv("DMSC_CHANGES"));
	if (!traffic_init(&ret))
		return ret;
	ifindex = if_nametoindex("va");
	if (batch("tc", NULL, "qdisc replace dev va root handle d: dmsc\n")) {
		printf("Bail out! no qdisc\n");
		ret = TAP_FAIL;
	} else {
		ret = TAP_RUN(tests);
	}
	queues_close(q);
	net_down();
	return ret;
}
