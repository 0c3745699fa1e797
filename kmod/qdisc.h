/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DMSC_QDISC_H
#define DMSC_QDISC_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/skbuff.h>
#include <linux/workqueue.h>
#include <net/pkt_sched.h>
#include <net/sch_generic.h>

#include "core/dscp.h"
#include "core/sched.h"

/* What an event tells, as it was when it happened. */
struct dmsc_event_state {
	bool pending;
	u32 slot, sid;			/* of a queue */
	struct dmsc_class_config cfg;	/* of a class */
	struct dmsc_counters n;
};

/* What a class looked like when it was looked at last. */
struct dmsc_sample {
	u64 sent;			/* packets */
	unsigned long served;		/* jiffies: when it last sent, or had nothing to send */
	const struct dmsc_queue *over;	/* the longest queue, if above the threshold */
};

/*
 * One dmsc qdisc. @sched is protected by the qdisc's root lock, as all
 * enqueueing and dequeueing is; RTNL protects @node, the namespace's list, and
 * @sched's configuration against other writers.
 */
struct dmsc_qdisc {
	struct dmsc_sched sched;
	struct Qdisc *sch;
	struct qdisc_watchdog watchdog;	/* for what ceilings hold back */
	struct list_head node;
	bool listed;

	/* siblings.c; read by siblings without a lock */
	u32 active;			/* bit n: class n had packets lately */
	unsigned long active_at;	/* jiffies: when @active was written */
	u32 used;			/* classes that had packets since; root lock */

	/* events.c: sent from process context, each kind and class once a second at most */
	unsigned long sample_at;	/* jiffies; root lock, as the samples */
	struct dmsc_sample sample[DMSC_NR_CLASSES];
	struct delayed_work event_work;
	spinlock_t event_lock;		/* protects what follows; inside the root lock */
	unsigned long event_next;	/* jiffies */
	struct dmsc_event_state event[DMSC_EVENT_MAX + 1][DMSC_NR_CLASSES];
};

extern struct Qdisc_ops dmsc_qdisc_ops;

void dmsc_kick(struct dmsc_qdisc *q);	/* root lock */

/* classify.c: slot and class of a packet; tc egress puts them into skb->priority */
struct dmsc_verdict {
	u16 slot;
	u8 class;
};

u8 dmsc_classify_other(const struct sk_buff *skb);

/* Nearly all are IPv4, in the packet's head; others may have a VLAN's header in front. */
static inline u8 dmsc_classify_unmarked(const struct sk_buff *skb)
{
	int offset = skb_network_offset(skb);

	if (likely(skb->protocol == htons(ETH_P_IP) &&
		   offset + (int)sizeof(struct iphdr) <= (int)skb_headlen(skb)))
		return dmsc_class_of_dscp[((const struct iphdr *)(skb->data + offset))->tos >> 2];
	return dmsc_classify_other(skb);
}

static inline struct dmsc_verdict dmsc_classify(const struct sk_buff *skb)
{
	u32 priority = skb->priority;
	struct dmsc_verdict v = { 0 };

	if (unlikely((priority & DMSC_PRIO_MAJOR_MASK) != DMSC_PRIO_MAJOR)) {
		v.class = dmsc_classify_unmarked(skb);
		return v;
	}
	/* Classes 8 to 15 do not exist; such a packet is nobody's. */
	v.class = priority & DMSC_PRIO_CLASS_MASK;
	if (likely(v.class < DMSC_NR_CLASSES))
		v.slot = (priority & ~DMSC_PRIO_MAJOR_MASK) >> DMSC_PRIO_SLOT_SHIFT;
	else
		v.class = DMSC_CLASS_DEFAULT;
	return v;
}

/* The queue that is planned for a packet; NULL: none of its slot and class is. */
static inline struct dmsc_queue *dmsc_planned_queue(const struct dmsc_sched *s,
						    const struct sk_buff *skb)
{
	u32 priority = skb->priority;
	struct dmsc_queue *queue;

	if ((priority & DMSC_PRIO_MAJOR_MASK) != DMSC_PRIO_MAJOR)
		return NULL;
	/* Slot 0 never has one, and no queue is of a class that does not exist. */
	queue = s->slot[(priority & ~DMSC_PRIO_MAJOR_MASK) >> DMSC_PRIO_SLOT_SHIFT];
	return queue && queue->class == (priority & DMSC_PRIO_CLASS_MASK) ? queue : NULL;
}

/* netlink.c */
int dmsc_netlink_init(void);
void dmsc_netlink_exit(void);
void dmsc_qdisc_list(struct dmsc_qdisc *q);	/* RTNL */
void dmsc_qdisc_unlist(struct dmsc_qdisc *q);	/* RTNL */

/* kfuncs.c: no kfuncs are no error */
void dmsc_kfuncs_init(void);

/* siblings.c */
void dmsc_siblings_update(struct dmsc_qdisc *q);	/* root lock */

/* events.c */
void dmsc_events_init(struct dmsc_qdisc *q);
void dmsc_events_stop(struct dmsc_qdisc *q);
void dmsc_event_drops(struct dmsc_qdisc *q);		/* root lock */
void dmsc_sample(struct dmsc_qdisc *q);			/* root lock */

/* Ten times a second the classes are looked at, if packets come. */
static inline bool dmsc_sample_due(const struct dmsc_qdisc *q)
{
	return unlikely(time_after_eq(jiffies, q->sample_at));
}

#endif /* DMSC_QDISC_H */
