// SPDX-License-Identifier: GPL-2.0
#include <linux/delay.h>
#include <linux/dmsc.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/rtnetlink.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>

#include "bench.h"

#define ROUNDS_MAX 1000
#define CLASSES	   7 /* of dmsc, 1 to 7: what a plan uses; bands of others */

struct round {
	u64 enqueue, dequeue; /* ns */
};

/* 0: no such scheme */
static u32 priority_of(const struct Qdisc *q, const char *scheme, u32 flow)
{
	if (!strcmp(scheme, "bands"))
		return q->handle | (1 + flow % CLASSES);
	if (!strcmp(scheme, "classes"))
		return q->handle | (1 + flow);
	if (!strcmp(scheme, "slots"))
		return DMSC_PRIO_MAJOR | (1 + flow) << DMSC_PRIO_SLOT_SHIFT | (1 + flow % CLASSES);
	return 0;
}

static int by_enqueue(const void *a, const void *b)
{
	u64 x = ((const struct round *)a)->enqueue, y = ((const struct round *)b)->enqueue;

	return x < y ? -1 : x > y;
}

static int by_dequeue(const void *a, const void *b)
{
	u64 x = ((const struct round *)a)->dequeue, y = ((const struct round *)b)->dequeue;

	return x < y ? -1 : x > y;
}

/* What a qdisc drops in dequeue is its owner's to free, after the lock. */
static void end_run(struct Qdisc *q, struct sk_buff *to_free)
{
	struct sk_buff *late;

	late = qdisc_run_end(q);
	spin_unlock(qdisc_lock(q));
	local_bh_enable();
	kfree_skb_list(late);
	kfree_skb_list(to_free);
}

/*
 * -EAGAIN: the qdisc dropped some packets, as one with a clock may when the
 * machine was away for long; @skbs has as many that are NULL.
 */
static int one_round(struct Qdisc *q, struct sk_buff **skbs, u32 n, struct round *r)
{
	struct sk_buff *to_free = NULL, *skb;
	u32 i, got = 0;
	u64 start;

	local_bh_disable();
	spin_lock(qdisc_lock(q));
	if (!qdisc_run_begin(q)) {
		spin_unlock(qdisc_lock(q));
		local_bh_enable();
		return -EBUSY;
	}
	start = ktime_get_ns();
	for (i = 0; i < n; i++)
		q->enqueue(skbs[i], q, &to_free);
	r->enqueue = ktime_get_ns() - start;
	start = ktime_get_ns();
	while (got < n && (skb = q->dequeue(q)) != NULL)
		skbs[got++] = skb;
	r->dequeue = ktime_get_ns() - start;
	if (got < n)
		qdisc_reset(q);
	end_run(q, to_free);
	for (i = got; i < n; i++)
		skbs[i] = NULL;
	return got == n ? 0 : -EAGAIN;
}

static int measure(struct Qdisc *q, const char *scheme, u32 flows, struct sk_buff **skbs, u32 n,
		   struct round *rounds, u32 nr_rounds)
{
	u32 i, round, flow = 0, again = 0;
	int err;

	for (round = 0; round < nr_rounds; round++) {
		for (i = 0; i < n; i++) {
			if (!skbs[i])
				skbs[i] = bench_packet(q->dev_queue->dev, i);
			if (!skbs[i])
				return -ENOMEM;
			bench_packet_renew(skbs[i], priority_of(q, scheme, flow), 0, flow);
			flow = (flow + 1) % flows;
		}
		err = one_round(q, skbs, n, &rounds[round]);
		if (err == -EAGAIN && again++ < 10 * nr_rounds) {
			/* What cake thinks of its queues decays with time. */
			msleep(20);
			round--;
		} else if (err) {
			return err;
		}
		cond_resched();
	}
	return 0;
}

/* Tenths of a nanosecond a packet. */
static u32 tenths(u64 ns, u32 packets)
{
	return div_u64(10 * ns, packets);
}

static int run(struct net_device *dev, const char *scheme, u32 flows, u32 n, u32 nr_rounds,
	       char *answer)
{
	struct Qdisc *q = rtnl_dereference(dev->qdisc);
	u32 i, enqueue, dequeue;
	struct round *rounds;
	struct sk_buff **skbs;
	int err = -ENOMEM;

	skbs = vcalloc(n, sizeof(*skbs));
	rounds = vcalloc(nr_rounds, sizeof(*rounds));
	if (!skbs || !rounds)
		goto out;
	err = measure(q, scheme, flows, skbs, n, rounds, nr_rounds);
	if (err) {
		pr_err("bench_qdisc: %s: error %d\n", q->ops->id, err);
		goto out;
	}
	sort(rounds, nr_rounds, sizeof(*rounds), by_enqueue, NULL);
	enqueue = tenths(rounds[nr_rounds / 2].enqueue, n);
	sort(rounds, nr_rounds, sizeof(*rounds), by_dequeue, NULL);
	dequeue = tenths(rounds[nr_rounds / 2].dequeue, n);
	scnprintf(answer, ANSWER_MAX, "%u.%u %u.%u\n", enqueue / 10, enqueue % 10, dequeue / 10,
		  dequeue % 10);
out:
	for (i = 0; skbs && i < n; i++)
		kfree_skb(skbs[i]);
	vfree(rounds);
	vfree(skbs);
	return err;
}

int bench_cost(const char *request, char *answer)
{
	char name[IFNAMSIZ], scheme[16];
	u32 flows, packets, rounds;
	struct net_device *dev;

	if (sscanf(request, "%15s %15s %u %u %u", name, scheme, &flows, &packets, &rounds) != 5 ||
	    !flows || !packets || packets > PACKETS_MAX || !rounds || rounds > ROUNDS_MAX)
		return -EINVAL;
	dev = __dev_get_by_name(&init_net, name);
	return dev ? run(dev, scheme, flows, packets, rounds, answer) : -ENODEV;
}
