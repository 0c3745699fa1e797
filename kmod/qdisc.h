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
 * enqueueing and dequeueing is; RTNL protects @node and the namespace's list.
 */
struct dmsc_qdisc {
	struct dmsc_sched sched;
	struct Qdisc *sch;
	struct list_head node;
	bool listed;

	/* Events of drops: one a second and class, sent from process context. */
	struct work_struct event_work;
	unsigned long event_pending;	/* bit n: class n */
	unsigned long event_next[DMSC_NR_CLASSES];	/* jiffies */
};

static inline struct dmsc_pkt *dmsc_pkt_of(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct dmsc_pkt) > QDISC_CB_PRIV_LEN);
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
void dmsc_event_drops(struct dmsc_qdisc *q, u32 class);
void dmsc_event_work(struct work_struct *work);

#endif /* DMSC_QDISC_H */
