// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The module comes and goes under traffic: loaded, put at a device that sends,
 * not unloaded while it is there, taken off, unloaded. DMSC_LOADS times (6).
 */
#include "traffic.h"

#include "module.h"

static int loads = 6;

/* At the root, below a shaper, at each transmit queue. */
static void put_shape(int i)
{
	if (i % 3 == 0)
		TC("qdisc replace dev va root handle d: dmsc\n");
	else if (i % 3 == 1)
		TC("qdisc replace dev va root handle 1: tbf rate 2mbit burst 12000 limit 3000000\n"
		   "qdisc add dev va parent 1:1 handle d: dmsc\n");
	else
		put_mq();
}

/* A queue for each slot that the traffic names, one of them held back. */
static void configure(void)
{
	struct queue_queue w[6] = { 0 };
	uint32_t i;

	for (i = 0; i < 6; i++)
		w[i] = (struct queue_queue){ .slot = i + 1,
					     .class = (i + 8) % DMSC_NR_CLASSES,
					     .weight = 16,
					     .sid = i,
					     .given = QUEUE_QUEUE_RANK | QUEUE_QUEUE_CEIL,
					     .rank = i,
					     .ceil = i == 3 ? 20000 : 0 };
	CHECK(!queues_set_queues(q, if_nametoindex("va"), 0, w, 6, true, &err), "%s", err.text);
}

static void test_loads(void)
{
	uint64_t before = traffic_sent();
	int i;

	queues_close(q);
	q = NULL;
	CHECK(until(module_is_unloaded), "cannot be unloaded at first");
	traffic_start("10.81.0.2");
	for (i = 0; i < loads; i++) {
		module_load();
		CHECK(!queues_open(&q, false, &err), "%s", err.text);
		put_shape(i);
		configure();
		flows();
		module_stays();
		balanced(i % 3 == 2 ? 4 : 1);
		TC("qdisc replace dev va root handle 9: pfifo limit 100\n");
		queues_close(q);
		q = NULL;
		CHECK(until(module_is_unloaded), "cannot be unloaded any more");
	}
	printf("# %d times, %llu packets\n", loads, (unsigned long long)(traffic_sent() - before));
	traffic_stop();
}

int main(void)
{
	static const struct tap_test tests[] = { TAP_TEST(test_loads) };
	int ret;

	if (getenv("DMSC_LOADS"))
		loads = atoi(getenv("DMSC_LOADS"));
	if (!traffic_init(&ret))
		return ret;
	if (!module_find()) {
		printf("Bail out! modinfo does not find the module\n");
		ret = TAP_FAIL;
	} else {
		ret = TAP_RUN(tests);
	}
	queues_close(q);
	net_down();
	return ret;
}
