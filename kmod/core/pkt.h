/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A packet as the core sees it: a length, a link to the next, and the time when
 * it was queued. In the kernel it is the sk_buff: link and length are in its
 * first cache line, so that a packet on its way through touches no other one of
 * it, but for the time (CoDel) and the priority. In userspace the caller embeds it.
 */
#ifndef DMSC_CORE_PKT_H
#define DMSC_CORE_PKT_H

#include "shim.h"

#ifdef __KERNEL__
#include <linux/skbuff.h>
#include <net/sch_generic.h>

struct dmsc_pkt;

/* What is kept in the control block. */
struct dmsc_pkt_cb {
	u32 time;
};

static inline struct dmsc_pkt *dmsc_pkt_of(struct sk_buff *skb)
{
	return (struct dmsc_pkt *)skb;
}

static inline struct sk_buff *dmsc_skb_of(const struct dmsc_pkt *p)
{
	return (struct sk_buff *)p;
}

static inline struct dmsc_pkt_cb *dmsc_pkt_cb(const struct dmsc_pkt *p)
{
	BUILD_BUG_ON(sizeof(struct dmsc_pkt_cb) > QDISC_CB_PRIV_LEN);
	return (struct dmsc_pkt_cb *)qdisc_skb_cb(dmsc_skb_of(p))->data;
}

static inline struct dmsc_pkt *dmsc_pkt_next(const struct dmsc_pkt *p)
{
	return dmsc_pkt_of(dmsc_skb_of(p)->next);
}

static inline void dmsc_pkt_link(struct dmsc_pkt *p, struct dmsc_pkt *next)
{
	dmsc_skb_of(p)->next = dmsc_skb_of(next);
}

static inline u32 dmsc_pkt_len(const struct dmsc_pkt *p)
{
	return qdisc_pkt_len(dmsc_skb_of(p));
}

static inline u32 dmsc_pkt_time(const struct dmsc_pkt *p)
{
	return dmsc_pkt_cb(p)->time;
}

static inline void dmsc_pkt_stamp(struct dmsc_pkt *p, u32 time)
{
	dmsc_pkt_cb(p)->time = time;
}
#else
struct dmsc_pkt {
	struct dmsc_pkt *next;
	u32 len;		/* bytes on the wire */
	u32 time;		/* when it was queued, CoDel's units; 0: not under CoDel */
};

static inline struct dmsc_pkt *dmsc_pkt_next(const struct dmsc_pkt *p)
{
	return p->next;
}

static inline void dmsc_pkt_link(struct dmsc_pkt *p, struct dmsc_pkt *next)
{
	p->next = next;
}

static inline u32 dmsc_pkt_len(const struct dmsc_pkt *p)
{
	return p->len;
}

static inline u32 dmsc_pkt_time(const struct dmsc_pkt *p)
{
	return p->time;
}

static inline void dmsc_pkt_stamp(struct dmsc_pkt *p, u32 time)
{
	p->time = time;
}
#endif

#endif /* DMSC_CORE_PKT_H */
