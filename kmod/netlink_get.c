// SPDX-License-Identifier: GPL-2.0
/*
 * Dumps. Counters are copied under the qdisc's lock, so that they balance.
 * cb->args[0] counts qdiscs, cb->args[1] what was dumped of the current one; a
 * change of the list between two parts is told to the reader by cb->seq.
 */
#include <linux/rtnetlink.h>
#include <net/sock.h>

#include "compat/compat.h"
#include "netlink.h"

static int put_stats(struct sk_buff *skb, int attr, const struct dmsc_counters *n)
{
	struct nlattr *nest = nla_nest_start(skb, attr);

	if (!nest ||
	    nla_put_u64_64bit(skb, DMSC_STATS_A_ENQ_PACKETS, n->enq_packets, DMSC_STATS_A_PAD) ||
	    nla_put_u64_64bit(skb, DMSC_STATS_A_ENQ_BYTES, n->enq_bytes, DMSC_STATS_A_PAD) ||
	    nla_put_u64_64bit(skb, DMSC_STATS_A_DEQ_PACKETS, dmsc_sent_packets(n),
			      DMSC_STATS_A_PAD) ||
	    nla_put_u64_64bit(skb, DMSC_STATS_A_DEQ_BYTES, dmsc_sent_bytes(n),
			      DMSC_STATS_A_PAD) ||
	    nla_put_u64_64bit(skb, DMSC_STATS_A_DROP_PACKETS, n->drop_packets, DMSC_STATS_A_PAD) ||
	    nla_put_u64_64bit(skb, DMSC_STATS_A_DROP_BYTES, n->drop_bytes, DMSC_STATS_A_PAD) ||
	    nla_put_u64_64bit(skb, DMSC_STATS_A_MARK_PACKETS, n->mark_packets, DMSC_STATS_A_PAD) ||
	    nla_put_u32(skb, DMSC_STATS_A_BACKLOG_PACKETS, n->backlog_packets) ||
	    nla_put_u32(skb, DMSC_STATS_A_BACKLOG_BYTES, n->backlog_bytes))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

int dmsc_nl_put_class(struct sk_buff *skb, u32 id, const struct dmsc_class_config *cfg,
		      const struct dmsc_counters *n)
{
	struct nlattr *nest = nla_nest_start(skb, DMSC_A_CLASS);

	if (!nest ||
	    nla_put_u32(skb, DMSC_CLASS_A_ID, id) ||
	    nla_put_u32(skb, DMSC_CLASS_A_MODE, cfg->mode) ||
	    nla_put_u32(skb, DMSC_CLASS_A_WEIGHT, cfg->weight) ||
	    nla_put_u32(skb, DMSC_CLASS_A_SHARE, cfg->share) ||
	    nla_put_u32(skb, DMSC_CLASS_A_LIMIT, cfg->limit) ||
	    nla_put_u32(skb, DMSC_CLASS_A_ECN, cfg->ecn) ||
	    put_stats(skb, DMSC_CLASS_A_STATS, n) ||
	    nla_put_u64_64bit(skb, DMSC_CLASS_A_CEIL, cfg->ceil, DMSC_CLASS_A_PAD) ||
	    nla_put_u32(skb, DMSC_CLASS_A_CODEL, cfg->codel) ||
	    nla_put_u32(skb, DMSC_CLASS_A_TARGET, cfg->target) ||
	    nla_put_u32(skb, DMSC_CLASS_A_INTERVAL, cfg->interval) ||
	    nla_put_u32(skb, DMSC_CLASS_A_FAIR, cfg->fair) ||
	    nla_put_u32(skb, DMSC_CLASS_A_STARVE, cfg->starve))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_queue(struct sk_buff *skb, const struct dmsc_queue *q)
{
	struct nlattr *nest = nla_nest_start(skb, DMSC_A_QUEUE);

	if (!nest ||
	    nla_put_u32(skb, DMSC_QUEUE_A_SLOT, q->slot) ||
	    nla_put_u32(skb, DMSC_QUEUE_A_CLASS, q->class) ||
	    nla_put_u32(skb, DMSC_QUEUE_A_WEIGHT, q->weight) ||
	    nla_put_u32(skb, DMSC_QUEUE_A_SID, q->sid) ||
	    put_stats(skb, DMSC_QUEUE_A_STATS, &q->n) ||
	    nla_put_u32(skb, DMSC_QUEUE_A_RANK, q->rank) ||
	    nla_put_u64_64bit(skb, DMSC_QUEUE_A_RATE, q->rate.bytes, DMSC_QUEUE_A_PAD) ||
	    nla_put_u64_64bit(skb, DMSC_QUEUE_A_CEIL, q->ceil.bytes, DMSC_QUEUE_A_PAD) ||
	    nla_put_u64_64bit(skb, DMSC_QUEUE_A_REMAINING, q->remaining, DMSC_QUEUE_A_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

int dmsc_nl_put_event_queue(struct sk_buff *skb, u32 slot, u32 class, u32 sid,
			    const struct dmsc_counters *n)
{
	struct nlattr *nest = nla_nest_start(skb, DMSC_A_QUEUE);

	if (!nest ||
	    nla_put_u32(skb, DMSC_QUEUE_A_SLOT, slot) ||
	    nla_put_u32(skb, DMSC_QUEUE_A_CLASS, class) ||
	    nla_put_u32(skb, DMSC_QUEUE_A_SID, sid) ||
	    put_stats(skb, DMSC_QUEUE_A_STATS, n))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

int dmsc_nl_version_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *hdr;

	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &dmsc_genl_family, 0, DMSC_CMD_VERSION_GET);
	if (!hdr || nla_put_u32(msg, DMSC_A_ABI, DMSC_ABI) ||
	    nla_put_string(msg, DMSC_A_VERSION, DMSC_VERSION)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

static void *start_message(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
			   struct dmsc_qdisc *q)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				&dmsc_genl_family, NLM_F_MULTI, cmd);

	if (!hdr)
		return NULL;
	genl_dump_check_consistent(cb, hdr);
	if (nla_put_u32(skb, DMSC_A_IFINDEX, qdisc_dev(q->sch)->ifindex) ||
	    nla_put_u32(skb, DMSC_A_HANDLE, q->sch->handle)) {
		genlmsg_cancel(skb, hdr);
		return NULL;
	}
	return hdr;
}

/* Dumps item @at of @q: -ENOENT none left, -EAGAIN skip it, -EMSGSIZE no room. */
typedef int (*dump_item)(struct sk_buff *skb, struct netlink_callback *cb,
			 struct dmsc_qdisc *q, long at);

static int dump(struct sk_buff *skb, struct netlink_callback *cb, dump_item item)
{
	struct nlattr **attrs = dmsc_dump_attrs(cb);
	struct net *net = sock_net(skb->sk);
	struct dmsc_net *dn = dmsc_net(net);
	u32 ifindex = 0, handle = 0;
	struct dmsc_qdisc *q;
	int err = 0;
	long i = 0;

	if (attrs && attrs[DMSC_A_IFINDEX])
		ifindex = nla_get_u32(attrs[DMSC_A_IFINDEX]);
	if (attrs && attrs[DMSC_A_HANDLE])
		handle = nla_get_u32(attrs[DMSC_A_HANDLE]);

	rtnl_lock();
	cb->seq = dn->seq;
	list_for_each_entry(q, &dn->qdiscs, node) {
		if (i++ < cb->args[0])
			continue;
		if (dmsc_qdisc_matches(q, ifindex, handle)) {
			for (;;) {
				err = item(skb, cb, q, cb->args[1]);
				if (err && err != -EAGAIN)
					break;
				cb->args[1]++;
			}
			if (err == -EMSGSIZE)
				break;
			err = 0;
		}
		cb->args[0]++;
		cb->args[1] = 0;
	}
	rtnl_unlock();
	return skb->len ? skb->len : err;
}

static int dump_qdisc_item(struct sk_buff *skb, struct netlink_callback *cb,
			   struct dmsc_qdisc *q, long at)
{
	struct dmsc_counters n;
	void *hdr;

	if (at)
		return -ENOENT;
	hdr = start_message(skb, cb, DMSC_CMD_QDISC_GET, q);
	if (!hdr)
		return -EMSGSIZE;
	sch_tree_lock(q->sch);
	n = dmsc_sched_counters(&q->sched);
	sch_tree_unlock(q->sch);
	if (nla_put_u32(skb, DMSC_A_PARENT, q->sch->parent) || put_stats(skb, DMSC_A_STATS, &n)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static int dump_class_item(struct sk_buff *skb, struct netlink_callback *cb,
			   struct dmsc_qdisc *q, long at)
{
	struct dmsc_sched_class *c = &q->sched.class[at];
	struct dmsc_counters n;
	void *hdr;

	if (at >= DMSC_NR_CLASSES)
		return -ENOENT;
	hdr = start_message(skb, cb, DMSC_CMD_CLASS_GET, q);
	if (!hdr)
		return -EMSGSIZE;
	sch_tree_lock(q->sch);
	n = c->n;
	sch_tree_unlock(q->sch);
	if (dmsc_nl_put_class(skb, at, &c->cfg, &n)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static int dump_queue_item(struct sk_buff *skb, struct netlink_callback *cb,
			   struct dmsc_qdisc *q, long at)
{
	struct dmsc_queue copy;
	void *hdr;

	if (at >= DMSC_NR_SLOTS)
		return -ENOENT;
	/* RTNL keeps the slot; the lock is for its counters. */
	if (!q->sched.slot[at])
		return -EAGAIN;
	hdr = start_message(skb, cb, DMSC_CMD_QUEUE_GET, q);
	if (!hdr)
		return -EMSGSIZE;
	sch_tree_lock(q->sch);
	copy = *q->sched.slot[at];
	sch_tree_unlock(q->sch);
	if (put_queue(skb, &copy)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

int dmsc_nl_qdisc_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump(skb, cb, dump_qdisc_item);
}

int dmsc_nl_class_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump(skb, cb, dump_class_item);
}

int dmsc_nl_queue_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump(skb, cb, dump_queue_item);
}
