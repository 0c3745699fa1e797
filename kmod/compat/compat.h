/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between the kernels that are supported, by probing their headers
 * (here, or in Kbuild): stable trees and distributions back-port interfaces, so
 * version numbers would be wrong sooner or later.
 */
#ifndef DMSC_COMPAT_H
#define DMSC_COMPAT_H

#include <net/genetlink.h>
#include <net/sch_generic.h>

/* skb_gso_segment() has moved there from netdevice.h. */
#ifdef DMSC_HAVE_NET_GSO_H
#include <net/gso.h>
#endif

/* Lengths that are also read without the lock. */
#ifndef DMSC_HAVE_QDISC_QLEN_INC
static inline void qdisc_qlen_inc(struct Qdisc *sch)
{
	sch->q.qlen++;
}

static inline void qdisc_qlen_dec(struct Qdisc *sch)
{
	sch->q.qlen--;
}
#endif

/* Of a packet that was part of another. */
static inline void dmsc_pkt_len_init(struct sk_buff *skb)
{
	qdisc_skb_cb(skb)->pkt_len = skb->len;
#ifdef DMSC_HAVE_PKT_SEGS
	qdisc_skb_cb(skb)->pkt_segs = 1;
#endif
}

/*
 * Why a packet was dropped: on enqueue over a limit, on dequeue by CoDel. Where
 * the kernel lets it, dequeue leaves the freeing to after the lock.
 */
#ifdef DMSC_HAVE_QDISC_DROP_REASON
static inline int dmsc_drop_overlimit(struct sk_buff *skb, struct Qdisc *sch,
				      struct sk_buff **to_free)
{
	return qdisc_drop_reason(skb, sch, to_free, QDISC_DROP_OVERLIMIT);
}
#else
static inline int dmsc_drop_overlimit(struct sk_buff *skb, struct Qdisc *sch,
				      struct sk_buff **to_free)
{
	return qdisc_drop(skb, sch, to_free);
}
#endif

#if defined(DMSC_HAVE_QDISC_DROP_REASON) && defined(TCQ_F_DEQUEUE_DROPS)
#define DMSC_QDISC_FLAGS	TCQ_F_DEQUEUE_DROPS

static inline void dmsc_drop_congested(struct sk_buff *skb, struct Qdisc *sch)
{
	qdisc_qstats_drop(sch);
	qdisc_dequeue_drop(sch, skb, QDISC_DROP_CONGESTED);
}
#else
#define DMSC_QDISC_FLAGS	0

static inline void dmsc_drop_congested(struct sk_buff *skb, struct Qdisc *sch)
{
	qdisc_qstats_drop(sch);
	kfree_skb(skb);
}
#endif

/* The attributes of a dump's request. */
static inline struct nlattr **dmsc_dump_attrs(struct netlink_callback *cb)
{
#ifdef DMSC_HAVE_DUMPIT_GENL_INFO
	return genl_dumpit_info(cb)->info.attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

#endif /* DMSC_COMPAT_H */
