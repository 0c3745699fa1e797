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
#define BATCH	   50 /* packets that are written, and then enqueued */
#define CLASSES	   7  /* of dmsc, 1 to 7: what a plan uses; bands of others */

struct round {
	u64 enqueue, dequeue; /* ns */
};

u32 bench_priority(const struct Qdisc *q, const char *scheme, u32 flow)
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

/* What is measured, and the state of it. */
struct cost {
	struct Qdisc *q;
	char scheme[16];
	u32 flows, packets, queued, nr_rounds;
	u32 flow;	       /* of the next packet */
	struct sk_buff **skbs; /* @queued, and then @packets; some may be NULL */
	struct round *rounds;
};

static void renew(struct cost *c, struct sk_buff *skb)
{
	bench_packet_renew(skb, bench_priority(c->q, c->scheme, c->flow), 0, c->flow);
	c->flow = (c->flow + 1) % c->flows;
}

static int make_packets(struct cost *c)
{
	u32 i;

	for (i = 0; i < c->queued + c->packets; i++) {
		if (!c->skbs[i])
			c->skbs[i] = bench_packet(c->q->dev_queue->dev, i);
		if (!c->skbs[i])
			return -ENOMEM;
	}
	return 0;
}

/*
 * -EAGAIN: the qdisc dropped some packets, as one with a clock may when the
 * machine was away for long. @c->skbs has those that came out.
 */
static int one_round(struct cost *c, struct round *r)
{
	u32 all = c->queued + c->packets, i, k, end, got = 0, qlen;
	struct sk_buff *to_free = NULL, *skb;
	struct Qdisc *q = c->q;
	u64 start;

	local_bh_disable();
	spin_lock(qdisc_lock(q));
	if (!qdisc_run_begin(q)) {
		spin_unlock(qdisc_lock(q));
		local_bh_enable();
		return -EBUSY;
	}
	for (i = 0; i < c->queued; i++) {
		renew(c, c->skbs[i]);
		q->enqueue(c->skbs[i], q, &to_free);
	}
	r->enqueue = 0;
	for (; i < all; i = end) {
		end = min(i + BATCH, all);
		for (k = i; k < end; k++)
			renew(c, c->skbs[k]);
		start = ktime_get_ns();
		for (k = i; k < end; k++)
			q->enqueue(c->skbs[k], q, &to_free);
		r->enqueue += ktime_get_ns() - start;
	}
	qlen = qdisc_qlen(q);
	start = ktime_get_ns();
	while (got < c->packets && (skb = q->dequeue(q)) != NULL)
		c->skbs[got++] = skb;
	r->dequeue = ktime_get_ns() - start;
	if (c->queued || got < c->packets)
		qdisc_reset(q);
	end_run(q, to_free);
	for (i = got; i < all; i++)
		c->skbs[i] = NULL;
	/*
	 * A qdisc that was to be full, and was not, did not what is measured. Not all
	 * count to the limit what is in their fast path.
	 */
	if (c->queued && qlen > c->queued + c->packets / 20) {
		pr_err("bench_qdisc: %s holds %u packets\n", q->ops->id, qlen);
		return -ERANGE;
	}
	return got == c->packets ? 0 : -EAGAIN;
}

static int measure(struct cost *c)
{
	u32 round, again = 0;
	int err;

	for (round = 0; round < c->nr_rounds; round++) {
		err = make_packets(c);
		if (err)
			return err;
		err = one_round(c, &c->rounds[round]);
		if (err == -EAGAIN && again++ < 10 * c->nr_rounds) {
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

static int run(struct cost *c, char *answer)
{
	u32 all = c->queued + c->packets, i, enqueue, dequeue;
	int err = -ENOMEM;

	c->skbs = vcalloc(all, sizeof(*c->skbs));
	c->rounds = vcalloc(c->nr_rounds, sizeof(*c->rounds));
	if (!c->skbs || !c->rounds)
		goto out;
	err = measure(c);
	if (err) {
		pr_err("bench_qdisc: %s: error %d\n", c->q->ops->id, err);
		goto out;
	}
	sort(c->rounds, c->nr_rounds, sizeof(*c->rounds), by_enqueue, NULL);
	enqueue = tenths(c->rounds[c->nr_rounds / 2].enqueue, c->packets);
	sort(c->rounds, c->nr_rounds, sizeof(*c->rounds), by_dequeue, NULL);
	dequeue = tenths(c->rounds[c->nr_rounds / 2].dequeue, c->packets);
	scnprintf(answer, ANSWER_MAX, "%u.%u %u.%u\n", enqueue / 10, enqueue % 10, dequeue / 10,
		  dequeue % 10);
out:
	for (i = 0; c->skbs && i < all; i++)
		kfree_skb(c->skbs[i]);
	vfree(c->rounds);
	vfree(c->skbs);
	return err;
}

int bench_cost(const char *request, char *answer)
{
	struct net_device *dev;
	char name[IFNAMSIZ];
	struct cost c = {};

	if (sscanf(request, "%15s %15s %u %u %u %u", name, c.scheme, &c.flows, &c.packets,
		   &c.nr_rounds, &c.queued) != 6 ||
	    !c.flows || !c.packets || c.packets > PACKETS_MAX || c.queued > PACKETS_MAX ||
	    !c.nr_rounds || c.nr_rounds > ROUNDS_MAX)
		return -EINVAL;
	dev = __dev_get_by_name(&init_net, name);
	if (!dev)
		return -ENODEV;
	c.q = rtnl_dereference(dev->qdisc);
	return run(&c, answer);
}
