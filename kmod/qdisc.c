// SPDX-License-Identifier: GPL-2.0
/*
 * The qdisc "dmsc": flat, no children, no options; configured by netlink.c.
 * One a device or, under mq, one a tx queue.
 */
#include <linux/module.h>
#include <net/inet_ecn.h>
#include <net/pkt_cls.h>

#include "compat/compat.h"
#include "qdisc.h"

/* Packets that the core gave up on enqueue, other than the new one. */
static void drop_chain(struct Qdisc *sch, struct dmsc_pkt *chain, struct sk_buff **to_free)
{
	unsigned int packets = 0, bytes = 0;
	struct dmsc_pkt *next;
	struct sk_buff *skb;

	for (; chain; chain = next) {
		next = chain->next;
		skb = dmsc_skb_of(chain);
		packets++;
		bytes += qdisc_pkt_len(skb);
		qdisc_qlen_dec(sch);
		qdisc_qstats_backlog_dec(sch, skb);
		qdisc_drop(skb, sch, to_free);
	}
	if (packets)
		qdisc_tree_reduce_backlog(sch, packets, bytes);
}

static int dmsc_enqueue(struct sk_buff *skb, struct Qdisc *sch, struct sk_buff **to_free)
{
	struct dmsc_qdisc *q = qdisc_priv(sch);
	struct dmsc_verdict v = dmsc_classify(skb);
	struct dmsc_pkt *p = dmsc_pkt_of(skb), *dropped;
	struct dmsc_queue *queue;
	bool mark;

	/* The hash is only taken where flows share a class without slots. */
	queue = dmsc_sched_queue(&q->sched, v.slot, v.class, 0);
	if (!queue->slot)
		queue = dmsc_sched_queue(&q->sched, 0, v.class, skb_get_hash(skb));

	p->len = qdisc_pkt_len(skb);
	dropped = dmsc_sched_enqueue(&q->sched, queue, p, &mark);
	if (unlikely(dropped)) {
		dmsc_event_drops(q, v.class);
		if (dropped == p) {
			drop_chain(sch, p->next, to_free);
			return qdisc_drop(skb, sch, to_free);
		}
		drop_chain(sch, dropped, to_free);
	}
	qdisc_qlen_inc(sch);
	qdisc_qstats_backlog_inc(sch, skb);
	if (mark && INET_ECN_set_ce(skb))
		dmsc_sched_marked(&q->sched, queue);
	return NET_XMIT_SUCCESS;
}

static struct sk_buff *dmsc_dequeue(struct Qdisc *sch)
{
	struct dmsc_qdisc *q = qdisc_priv(sch);
	struct dmsc_pkt *p = dmsc_sched_dequeue(&q->sched);
	struct sk_buff *skb;

	if (!p)
		return NULL;
	skb = dmsc_skb_of(p);
	qdisc_qlen_dec(sch);
	qdisc_qstats_backlog_dec(sch, skb);
	qdisc_bstats_update(sch, skb);
	return skb;
}

static struct sk_buff *dmsc_peek(struct Qdisc *sch)
{
	struct dmsc_qdisc *q = qdisc_priv(sch);
	struct dmsc_pkt *p = dmsc_sched_peek(&q->sched);

	return p ? dmsc_skb_of(p) : NULL;
}

static void dmsc_reset(struct Qdisc *sch)
{
	struct dmsc_qdisc *q = qdisc_priv(sch);
	struct dmsc_pkt *chain, *next;

	/* After a failed init there is nothing to go through. */
	if (!q->sched.hashed)
		return;
	for (chain = dmsc_sched_purge(&q->sched); chain; chain = next) {
		next = chain->next;
		rtnl_kfree_skbs(dmsc_skb_of(chain), dmsc_skb_of(chain));
	}
}

static int dmsc_init(struct Qdisc *sch, struct nlattr *opt, struct netlink_ext_ack *extack)
{
	struct dmsc_qdisc *q = qdisc_priv(sch);
	int err;

	q->sch = sch;
	INIT_WORK(&q->event_work, dmsc_event_work);
	if (opt) {
		NL_SET_ERR_MSG(extack, "dmsc takes no options here: use generic netlink family dmsc");
		return -EINVAL;
	}
	err = dmsc_sched_init(&q->sched, psched_mtu(qdisc_dev(sch)));
	if (err) {
		NL_SET_ERR_MSG(extack, "no memory for the queues");
		return err;
	}
	dmsc_qdisc_list(q);
	return 0;
}

/* Also called after a failed init. */
static void dmsc_destroy(struct Qdisc *sch)
{
	struct dmsc_qdisc *q = qdisc_priv(sch);

	dmsc_qdisc_unlist(q);
	if (q->sch)
		cancel_work_sync(&q->event_work);
	dmsc_sched_destroy(&q->sched);
}

static int dmsc_dump(struct Qdisc *sch, struct sk_buff *skb)
{
	/* No options: the family dumps everything. */
	return 0;
}

/* Classes are shown as MAJ:1 to MAJ:8, class number plus one. */
static unsigned long dmsc_class_find(struct Qdisc *sch, u32 classid)
{
	u32 minor = TC_H_MIN(classid);

	return minor >= 1 && minor <= DMSC_NR_CLASSES ? minor : 0;
}

static struct Qdisc *dmsc_class_leaf(struct Qdisc *sch, unsigned long cl)
{
	return NULL;
}

static void dmsc_class_walk(struct Qdisc *sch, struct qdisc_walker *w)
{
	unsigned long cl;

	if (w->stop)
		return;
	for (cl = 1; cl <= DMSC_NR_CLASSES; cl++) {
		if (!tc_qdisc_stats_dump(sch, cl, w))
			break;
	}
}

static int dmsc_class_dump(struct Qdisc *sch, unsigned long cl, struct sk_buff *skb,
			   struct tcmsg *tcm)
{
	tcm->tcm_parent = TC_H_ROOT;
	tcm->tcm_handle = TC_H_MAKE(sch->handle, cl);
	return 0;
}

static int dmsc_class_dump_stats(struct Qdisc *sch, unsigned long cl, struct gnet_dump *d)
{
	struct dmsc_qdisc *q = qdisc_priv(sch);
	struct gnet_stats_queue qs = { 0 };
	struct gnet_stats_basic_sync bs;
	struct dmsc_counters n;

	sch_tree_lock(sch);
	n = q->sched.class[cl - 1].n;
	sch_tree_unlock(sch);

	gnet_stats_basic_sync_init(&bs);
	u64_stats_set(&bs.bytes, n.deq_bytes);
	u64_stats_set(&bs.packets, n.deq_packets);
	qs.qlen = n.backlog_packets;
	qs.backlog = n.backlog_bytes;
	qs.drops = n.drop_packets;
	if (gnet_stats_copy_basic(d, NULL, &bs, false) < 0 ||
	    gnet_stats_copy_queue(d, NULL, &qs, qs.qlen) < 0)
		return -1;
	return 0;
}

static const struct Qdisc_class_ops dmsc_class_ops = {
	.find		= dmsc_class_find,
	.leaf		= dmsc_class_leaf,
	.walk		= dmsc_class_walk,
	.dump		= dmsc_class_dump,
	.dump_stats	= dmsc_class_dump_stats,
};

struct Qdisc_ops dmsc_qdisc_ops __read_mostly = {
	.id		= "dmsc",
	.priv_size	= sizeof(struct dmsc_qdisc),
	.cl_ops		= &dmsc_class_ops,
	.enqueue	= dmsc_enqueue,
	.dequeue	= dmsc_dequeue,
	.peek		= dmsc_peek,
	.init		= dmsc_init,
	.reset		= dmsc_reset,
	.destroy	= dmsc_destroy,
	.dump		= dmsc_dump,
	.owner		= THIS_MODULE,
};
