/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DMSC_NETLINK_H
#define DMSC_NETLINK_H

#include <net/genetlink.h>
#include <net/netns/generic.h>

#include "netlink_gen.h"
#include "qdisc.h"

/* Per network namespace; all of it is protected by RTNL. */
struct dmsc_net {
	struct list_head qdiscs;	/* struct dmsc_qdisc.node */
	unsigned int seq;		/* changes of the list, for dumps */
};

extern unsigned int dmsc_net_id;
extern struct genl_family dmsc_genl_family;

static inline struct dmsc_net *dmsc_net(struct net *net)
{
	return net_generic(net, dmsc_net_id);
}

/* Does a request for @ifindex (0 any) and @handle (0 any) mean this qdisc? */
static inline bool dmsc_qdisc_matches(struct dmsc_qdisc *q, u32 ifindex, u32 handle)
{
	return (!ifindex || qdisc_dev(q->sch)->ifindex == ifindex) &&
	       (!handle || q->sch->handle == handle);
}

/* netlink_get.c */
int dmsc_nl_put_class(struct sk_buff *skb, u32 id, const struct dmsc_class_config *cfg,
		      const struct dmsc_counters *n);
int dmsc_nl_put_event_queue(struct sk_buff *skb, u32 slot, u32 class, u32 sid,
			    const struct dmsc_counters *n);

#endif /* DMSC_NETLINK_H */
