/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DMSC_QDISC_H
#define DMSC_QDISC_H

#include <linux/skbuff.h>
#include <linux/workqueue.h>
#include <net/pkt_sched.h>
#include <net/sch_generic.h>

#include "core/sched.h"

/*
 * One dmsc qdisc. @sched is protected by the qdisc's root lock, as all
 * enqueueing and dequeueing is; RTNL protects @node, the namespace's list, and
 * @sched's configuration against other writers.
 */
struct dmsc_qdisc {
	struct dmsc_sched sched;
	struct Qdisc *sch;
	struct list_head node;
	bool listed;

	/*
	 * Events of drops: one a second, sent from process context, with what
	 * the counters were at the last drop before.
	 */
	struct delayed_work event_work;
	spinlock_t event_lock;		/* protects what follows; inside the root lock */
	unsigned long event_next;	/* jiffies */
	u32 event_pending;		/* bit n: class n */
	struct dmsc_class_config event_cfg[DMSC_NR_CLASSES];
	struct dmsc_counters event_counters[DMSC_NR_CLASSES];
};

static inline struct dmsc_pkt *dmsc_pkt_of(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct dmsc_pkt) > QDISC_CB_PRIV_LEN);
	BUILD_BUG_ON(offsetof(struct qdisc_skb_cb, data) % __alignof__(struct dmsc_pkt));
	return (struct dmsc_pkt *)qdisc_skb_cb(skb)->data;
}

static inline struct sk_buff *dmsc_skb_of(struct dmsc_pkt *p)
{
	struct qdisc_skb_cb *cb = container_of((void *)p, struct qdisc_skb_cb, data);

	return container_of((void *)cb, struct sk_buff, cb);
}

extern struct Qdisc_ops dmsc_qdisc_ops;

/* classify.c: slot and class of a packet */
struct dmsc_verdict {
	u16 slot;
	u8 class;
};

struct dmsc_verdict dmsc_classify(const struct sk_buff *skb);

/* netlink.c */
int dmsc_netlink_init(void);
void dmsc_netlink_exit(void);
void dmsc_qdisc_list(struct dmsc_qdisc *q);	/* RTNL */
void dmsc_qdisc_unlist(struct dmsc_qdisc *q);	/* RTNL */
void dmsc_event_drops(struct dmsc_qdisc *q);	/* root lock */
void dmsc_event_work(struct work_struct *work);

#endif /* DMSC_QDISC_H */
