// SPDX-License-Identifier: GPL-2.0
/*
 * The qdisc "dmsc": flat, no children, no options; configured by netlink.c.
 * One a device or, under mq, one a tx queue.
 */
#include <linux/module.h>
#include <linux/netdevice.h>
#include <net/inet_ecn.h>
#include <net/pkt_cls.h>

#include "compat/compat.h"
#include "core/fast.h"
#include "qdisc.h"

/* How late the watchdog may be, so that timers can be served together. */
#define WATCHDOG_SLACK_NS	(10 * NSEC_PER_USEC)

static bool mark_packet(struct dmsc_pkt *p)
{
	return INET_ECN_set_ce(dmsc_skb_of(p));
}

static const struct dmsc_sched_ops sched_ops = {
	.mark	= mark_packet,
};

/*
 * Takes packets that the core gave up out of the qdisc and its parents, which
 * have counted them. @to_free: NULL in dequeue.
 */
static void drop_chain(struct Qdisc *sch, struct dmsc_pkt *chain, struct sk_buff **to_free)
{
	unsigned int packets = 0, bytes = 0;
	struct dmsc_pkt *next;
	struct sk_buff *skb;

	for (; chain; chain = next) {
		next = dmsc_pkt_next(chain);
		skb = dmsc_skb_of(chain);
		packets++;
		bytes += qdisc_pkt_len(skb);
		qdisc_qlen_dec(sch);
		qdisc_qstats_backlog_dec(sch, skb);
		if (to_free)
			dmsc_drop_overlimit(skb, sch, to_free);
		else
			dmsc_drop_congested(skb, sch);
	}
	qdisc_tree_reduce_backlog(sch, packets, bytes);
	dmsc_event_drops(qdisc_priv(sch));
}

static int enqueue_overlimit(struct sk_buff *skb, struct Qdisc *sch, struct dmsc_pkt *dropped,
			     struct sk_buff **to_free)
{
	/*
	 * Others may have gone before the new packet was refused, even all of them,
	 * where a limit was lowered: it is not counted, so that the parent is told
	 * when the qdisc ran empty.
	 */
	if (dropped == dmsc_pkt_of(skb)) {
		drop_chain(sch, dmsc_pkt_next(dropped), to_free);
		return dmsc_drop_overlimit(skb, sch, to_free);
	}
	/* It is counted first: a parent must not be told so when it did not. */
	qdisc_qlen_inc(sch);
	qdisc_qstats_backlog_inc(sch, skb);
	drop_chain(sch, dropped, to_free);
	return NET_XMIT_SUCCESS;
}

static noinline int enqueue_one(struct sk_buff *skb, struct Qdisc *sch,
				struct dmsc_queue *queue, struct sk_buff **to_free)
{
	struct dmsc_qdisc *q = qdisc_priv(sch);
	struct dmsc_pkt *dropped;

	dropped = dmsc_sched_enqueue(&q->sched, queue, dmsc_pkt_of(skb));
	if (unlikely(dropped))
		return enqueue_overlimit(skb, sch, dropped, to_free);
	qdisc_qlen_inc(sch);
	qdisc_qstats_backlog_inc(sch, skb);
	return NET_XMIT_SUCCESS;
}

/* A packet of several, one at a time. Parents will have counted one. */
static noinline int enqueue_segments(struct sk_buff *skb, struct Qdisc *sch,
				     struct dmsc_queue *queue, struct sk_buff **to_free)
{
	netdev_features_t features = netif_skb_features(skb);
	unsigned int whole = qdisc_pkt_len(skb), len = 0;
	struct sk_buff *segs, *next;
	int packets = 0;

	segs = skb_gso_segment(skb, features & ~NETIF_F_GSO_MASK);
	if (IS_ERR_OR_NULL(segs))
		return enqueue_one(skb, sch, queue, to_free);
	skb_list_walk_safe(segs, segs, next) {
		skb_mark_not_on_list(segs);
		dmsc_pkt_len_init(segs);
		if (enqueue_one(segs, sch, queue, to_free) == NET_XMIT_SUCCESS) {
			packets++;
			len += qdisc_pkt_len(segs);
		}
	}
	if (!packets) {
		/* Each of its parts was counted as dropped. */
		consume_skb(skb);
		return NET_XMIT_DROP;
	}
	qdisc_tree_reduce_backlog(sch, 1 - packets, whole - len);
	consume_skb(skb);
	return NET_XMIT_SUCCESS;
}

/* What is not planned, and what needs more than to be queued. */
static noinline int enqueue_slow(struct sk_buff *skb, struct Qdisc *sch, struct sk_buff **to_free)
{
	struct dmsc_qdisc *q = qdisc_priv(sch);
	struct dmsc_verdict v = dmsc_classify(skb);
	struct dmsc_queue *queue;
	bool hashed;

	/* The hash is only taken where it is looked at. */
	hashed = !v.slot && q->sched.class[v.class].cfg.fair;
	queue = dmsc_sched_queue(&q->sched, v.slot, v.class, hashed ? skb_get_hash(skb) : 0);
	if (unlikely(dmsc_sample_due(q)))
		dmsc_sample(q);
	if (unlikely(q->sched.nr_shaped)) {
		q->used |= 1U << v.class;
		if (skb_is_gso(skb) &&
		    dmsc_sched_overshoots(&q->sched, queue, qdisc_pkt_len(skb)))
			return enqueue_segments(skb, sch, queue, to_free);
	}
	if (unlikely(!dmsc_enqueue_fast(&q->sched, queue, dmsc_pkt_of(skb), true)))
		return enqueue_one(skb, sch, queue, to_free);
	qdisc_qlen_inc(sch);
	qdisc_qstats_backlog_inc(sch, skb);
	return NET_XMIT_SUCCESS;
}

static int dmsc_enqueue(struct sk_buff *skb, struct Qdisc *sch, struct sk_buff **to_free)
{
	struct dmsc_qdisc *q = qdisc_priv(sch);
	struct dmsc_queue *queue = dmsc_planned_queue(&q->sched, skb);

	if (unlikely(!queue || q->sched.nr_shaped || dmsc_sample_due(q) ||
		     !dmsc_enqueue_fast(&q->sched, queue, dmsc_pkt_of(skb), false)))
		return enqueue_slow(skb, sch, to_free);
	qdisc_qlen_inc(sch);
	qdisc_qstats_backlog_inc(sch, skb);
	return NET_XMIT_SUCCESS;
}

/* Packets are held back: come again when one may go. */
static void wait_for_next(struct Qdisc *sch)
{
	struct dmsc_qdisc *q = qdisc_priv(sch);

	if (q->sched.backlog_packets)
		qdisc_watchdog_schedule_range_ns(&q->watchdog, dmsc_sched_next(&q->sched),
						 WATCHDOG_SLACK_NS);
}

/* After a change: what was held back may be free to go. */
void dmsc_kick(struct dmsc_qdisc *q)
{
	if (q->sched.backlog_packets)
		qdisc_watchdog_schedule_ns(&q->watchdog, ktime_get_ns());
}

/* @p left the core. */
static __always_inline struct sk_buff *take_off(struct Qdisc *sch, struct dmsc_pkt *p)
{
	struct sk_buff *skb = dmsc_skb_of(p);

	skb_mark_not_on_list(skb);
	qdisc_qlen_dec(sch);
	qdisc_qstats_backlog_dec(sch, skb);
	qdisc_bstats_update(sch, skb);
	return skb;
}

static noinline struct sk_buff *dequeue_slow(struct Qdisc *sch)
{
	struct dmsc_qdisc *q = qdisc_priv(sch);
	struct dmsc_pkt *dropped, *p;

	if (unlikely(q->sched.nr_shaped) && (sch->flags & TCQ_F_ONETXQUEUE))
		dmsc_siblings_update(q);
	p = dmsc_sched_dequeue(&q->sched, &dropped);
	if (!p) {
		wait_for_next(sch);
		return NULL;
	}
	/* Before this packet is taken off, so that parents see what was dropped alone. */
	if (unlikely(dropped))
		drop_chain(sch, dropped, NULL);
	return take_off(sch, p);
}

/* Out of line, so that what needs no clock does without what a call to it takes. */
static noinline struct sk_buff *dequeue_codel(struct Qdisc *sch, struct dmsc_pick pick)
{
	struct dmsc_qdisc *q = qdisc_priv(sch);
	struct dmsc_pkt *p = dmsc_take_fast(&q->sched, pick, true);

	return likely(p) ? take_off(sch, p) : dequeue_slow(sch);
}

static struct sk_buff *dmsc_dequeue(struct Qdisc *sch)
{
	struct dmsc_qdisc *q = qdisc_priv(sch);
	struct dmsc_pick pick = dmsc_pick_fast(&q->sched);
	struct dmsc_pkt *p;

	if (unlikely(!pick.class))
		return dequeue_slow(sch);
	if (pick.class->extra)
		return dequeue_codel(sch, pick);
	p = dmsc_take_fast(&q->sched, pick, false);
	return likely(p) ? take_off(sch, p) : dequeue_slow(sch);
}

static struct sk_buff *dmsc_peek(struct Qdisc *sch)
{
	struct dmsc_qdisc *q = qdisc_priv(sch);
	struct dmsc_pkt *dropped, *p;

	p = dmsc_sched_peek(&q->sched, &dropped);
	if (!p) {
		wait_for_next(sch);
		return NULL;
	}
	if (unlikely(dropped))
		drop_chain(sch, dropped, NULL);
	return dmsc_skb_of(p);
}

static void dmsc_reset(struct Qdisc *sch)
{
	struct dmsc_qdisc *q = qdisc_priv(sch);
	struct dmsc_pkt *chain, *next;

	/* After a failed init there is nothing to go through. */
	if (!q->sched.hashed)
		return;
	qdisc_watchdog_cancel(&q->watchdog);
	for (chain = dmsc_sched_purge(&q->sched); chain; chain = next) {
		next = dmsc_pkt_next(chain);
		rtnl_kfree_skbs(dmsc_skb_of(chain), dmsc_skb_of(chain));
	}
}

/* Also what a change is answered with: there is nothing to change here. */
static int refuse_options(struct Qdisc *sch, struct nlattr *opt, struct netlink_ext_ack *extack)
{
	NL_SET_ERR_MSG(extack, "dmsc takes no options here: use generic netlink family dmsc");
	return -EINVAL;
}

static int dmsc_init(struct Qdisc *sch, struct nlattr *opt, struct netlink_ext_ack *extack)
{
	struct dmsc_qdisc *q = qdisc_priv(sch);
	int err;

	q->sch = sch;
	q->active_at = jiffies;
	qdisc_watchdog_init(&q->watchdog, sch);
	dmsc_events_init(q);
	if (opt)
		return refuse_options(sch, opt, extack);
	err = dmsc_sched_init(&q->sched, psched_mtu(qdisc_dev(sch)), &sched_ops);
	if (err) {
		NL_SET_ERR_MSG(extack, "no memory for the queues");
		return err;
	}
	sch->flags |= DMSC_QDISC_FLAGS;
	dmsc_qdisc_list(q);
	return 0;
}

/* Also called after a failed init. */
static void dmsc_destroy(struct Qdisc *sch)
{
	struct dmsc_qdisc *q = qdisc_priv(sch);

	dmsc_qdisc_unlist(q);
	if (q->sch) {
		qdisc_watchdog_cancel(&q->watchdog);
		dmsc_events_stop(q);
	}
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
	u64_stats_set(&bs.bytes, dmsc_sent_bytes(&n));
	u64_stats_set(&bs.packets, dmsc_sent_packets(&n));
	qs.qlen = n.backlog_packets;
	qs.backlog = n.backlog_bytes;
	qs.drops = n.drop_packets;
	qs.overlimits = n.mark_packets;	/* as RED counts marks */
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
	.change		= refuse_options,
	.reset		= dmsc_reset,
	.destroy	= dmsc_destroy,
	.dump		= dmsc_dump,
	.owner		= THIS_MODULE,
};
