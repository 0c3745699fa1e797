// SPDX-License-Identifier: GPL-2.0
/*
 * Rates of a device that has several dmsc qdiscs, one a transmit queue. Each
 * tells now and then in which classes it had packets, counts the siblings that
 * told so of the same class, and divides the class's rates by that, as cake_mq
 * does. Nobody takes a lock of another: what is read may be an interval old.
 */
#include <linux/netdevice.h>
#include <linux/rcupdate.h>

#include "qdisc.h"

#define INTERVAL	max(HZ / 100, 1)

static void publish(struct dmsc_qdisc *q)
{
	u32 active = q->used, class;

	for (class = 0; class < DMSC_NR_CLASSES; class++) {
		if (q->sched.class[class].n.backlog_packets)
			active |= 1U << class;
	}
	q->used = 0;
	WRITE_ONCE(q->active, active);
	WRITE_ONCE(q->active_at, jiffies);
}

void dmsc_siblings_update(struct dmsc_qdisc *q)
{
	struct net_device *dev = qdisc_dev(q->sch);
	u32 count[DMSC_NR_CLASSES] = { 0 }, class, active;
	const struct dmsc_qdisc *sibling;
	struct Qdisc *sch;
	unsigned int i;

	if (time_before(jiffies, q->active_at + INTERVAL))
		return;
	publish(q);
	rcu_read_lock();
	for (i = 0; i < dev->real_num_tx_queues; i++) {
		sch = rcu_dereference(netdev_get_tx_queue(dev, i)->qdisc);
		if (!sch || sch == q->sch || sch->ops != &dmsc_qdisc_ops)
			continue;
		sibling = qdisc_priv(sch);
		if (time_after(jiffies, READ_ONCE(sibling->active_at) + 3 * INTERVAL))
			continue;
		active = READ_ONCE(sibling->active);
		for (class = 0; class < DMSC_NR_CLASSES; class++)
			count[class] += active >> class & 1;
	}
	rcu_read_unlock();
	for (class = 0; class < DMSC_NR_CLASSES; class++)
		dmsc_sched_divide(&q->sched, class, 1 + count[class]);
}
