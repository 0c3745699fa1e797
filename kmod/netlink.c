// SPDX-License-Identifier: GPL-2.0
/*
 * Generic netlink family "dmsc": registration, policies, the list of qdiscs
 * of each network namespace, and events.
 */
#include <linux/module.h>
#include <linux/rtnetlink.h>

#include "netlink.h"

unsigned int dmsc_net_id __read_mostly;

static const struct nla_policy class_policy[DMSC_CLASS_A_MAX + 1] = {
	[DMSC_CLASS_A_ID]	= NLA_POLICY_MAX(NLA_U32, DMSC_NR_CLASSES - 1),
	[DMSC_CLASS_A_MODE]	= NLA_POLICY_MAX(NLA_U32, DMSC_MODE_STRICT),
	[DMSC_CLASS_A_WEIGHT]	= NLA_POLICY_RANGE(NLA_U32, DMSC_WEIGHT_MIN, DMSC_WEIGHT_MAX),
	[DMSC_CLASS_A_SHARE]	= NLA_POLICY_MAX(NLA_U32, DMSC_SHARE_SUM_MAX),
	[DMSC_CLASS_A_LIMIT]	= { .type = NLA_U32 },	/* range wider than a policy's s16 */
	[DMSC_CLASS_A_ECN]	= { .type = NLA_U32 },
	[DMSC_CLASS_A_STATS]	= { .type = NLA_REJECT },
};

static const struct nla_policy queue_policy[DMSC_QUEUE_A_MAX + 1] = {
	[DMSC_QUEUE_A_SLOT]	= NLA_POLICY_RANGE(NLA_U32, 1, DMSC_NR_SLOTS - 1),
	[DMSC_QUEUE_A_CLASS]	= NLA_POLICY_MAX(NLA_U32, DMSC_NR_CLASSES - 1),
	[DMSC_QUEUE_A_WEIGHT]	= NLA_POLICY_RANGE(NLA_U32, DMSC_WEIGHT_MIN, DMSC_WEIGHT_MAX),
	[DMSC_QUEUE_A_SID]	= { .type = NLA_U32 },
	[DMSC_QUEUE_A_STATS]	= { .type = NLA_REJECT },
};

static const struct nla_policy dmsc_policy[DMSC_A_MAX + 1] = {
	[DMSC_A_IFINDEX]	= NLA_POLICY_MIN(NLA_U32, 1),
	[DMSC_A_HANDLE]		= { .type = NLA_U32 },
	[DMSC_A_CLASS]		= NLA_POLICY_NESTED(class_policy),
	[DMSC_A_QUEUE]		= NLA_POLICY_NESTED(queue_policy),
	[DMSC_A_REPLACE]	= { .type = NLA_FLAG },
};

static const struct genl_small_ops dmsc_genl_ops[] = {
	{
		.cmd	= DMSC_CMD_VERSION_GET,
		.doit	= dmsc_nl_version_get,
	}, {
		.cmd	= DMSC_CMD_QDISC_GET,
		.dumpit	= dmsc_nl_qdisc_dump,
	}, {
		.cmd	= DMSC_CMD_CLASS_SET,
		.flags	= GENL_UNS_ADMIN_PERM,
		.doit	= dmsc_nl_class_set,
	}, {
		.cmd	= DMSC_CMD_CLASS_GET,
		.dumpit	= dmsc_nl_class_dump,
	}, {
		.cmd	= DMSC_CMD_QUEUE_SET,
		.flags	= GENL_UNS_ADMIN_PERM,
		.doit	= dmsc_nl_queue_set,
	}, {
		.cmd	= DMSC_CMD_QUEUE_GET,
		.dumpit	= dmsc_nl_queue_dump,
	},
};

static const struct genl_multicast_group dmsc_genl_groups[] = {
	{ .name = DMSC_GENL_MCGRP_EVENTS },
};

struct genl_family dmsc_genl_family __ro_after_init = {
	.name		= DMSC_GENL_NAME,
	.version	= DMSC_GENL_VERSION,
	.maxattr	= DMSC_A_MAX,
	.policy		= dmsc_policy,
	.netnsok	= true,
	.module		= THIS_MODULE,
	.small_ops	= dmsc_genl_ops,
	.n_small_ops	= ARRAY_SIZE(dmsc_genl_ops),
	.mcgrps		= dmsc_genl_groups,
	.n_mcgrps	= ARRAY_SIZE(dmsc_genl_groups),
};

void dmsc_qdisc_list(struct dmsc_qdisc *q)
{
	struct dmsc_net *dn = dmsc_net(dev_net(qdisc_dev(q->sch)));

	ASSERT_RTNL();
	list_add_tail(&q->node, &dn->qdiscs);
	q->listed = true;
	dn->seq++;
}

void dmsc_qdisc_unlist(struct dmsc_qdisc *q)
{
	ASSERT_RTNL();
	if (!q->listed)
		return;
	list_del(&q->node);
	q->listed = false;
	dmsc_net(dev_net(qdisc_dev(q->sch)))->seq++;
}

static void send_drops(struct dmsc_qdisc *q, u32 class, const struct dmsc_class_config *cfg,
		       const struct dmsc_counters *n)
{
	struct net *net = dev_net(qdisc_dev(q->sch));
	struct sk_buff *skb;
	void *hdr;

	skb = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!skb)
		return;
	hdr = genlmsg_put(skb, 0, 0, &dmsc_genl_family, 0, DMSC_CMD_EVENT);
	if (!hdr ||
	    nla_put_u32(skb, DMSC_A_EVENT, DMSC_EVENT_DROPS) ||
	    nla_put_u32(skb, DMSC_A_IFINDEX, qdisc_dev(q->sch)->ifindex) ||
	    nla_put_u32(skb, DMSC_A_HANDLE, q->sch->handle) ||
	    dmsc_nl_put_class(skb, class, cfg, n)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast_netns(&dmsc_genl_family, net, skb, 0, 0, GFP_KERNEL);
}

void dmsc_event_work(struct work_struct *work)
{
	struct dmsc_qdisc *q = container_of(to_delayed_work(work), struct dmsc_qdisc, event_work);
	struct dmsc_class_config cfg;
	struct dmsc_counters n;
	bool pending;
	u32 class;

	for (class = 0; class < DMSC_NR_CLASSES; class++) {
		spin_lock_bh(&q->event_lock);
		pending = q->event_pending & BIT(class);
		q->event_pending &= ~BIT(class);
		q->event_next = jiffies + HZ;
		cfg = q->event_cfg[class];
		n = q->event_counters[class];
		spin_unlock_bh(&q->event_lock);
		if (pending)
			send_drops(q, class, &cfg, &n);
	}
}

/* Sending sleeps, so it is left to a worker; the counters balance only here. */
void dmsc_event_drops(struct dmsc_qdisc *q)
{
	unsigned long classes = q->sched.dropped;
	u32 class;

	q->sched.dropped = 0;
	if (!genl_has_listeners(&dmsc_genl_family, dev_net(qdisc_dev(q->sch)), 0))
		return;
	spin_lock(&q->event_lock);
	for_each_set_bit(class, &classes, DMSC_NR_CLASSES) {
		q->event_cfg[class] = q->sched.class[class].cfg;
		q->event_counters[class] = q->sched.class[class].n;
		q->event_pending |= BIT(class);
	}
	schedule_delayed_work(&q->event_work, time_before(jiffies, q->event_next) ?
			      q->event_next - jiffies : 0);
	spin_unlock(&q->event_lock);
}

static int __net_init dmsc_net_init(struct net *net)
{
	INIT_LIST_HEAD(&dmsc_net(net)->qdiscs);
	return 0;
}

static struct pernet_operations dmsc_net_ops = {
	.init	= dmsc_net_init,
	.id	= &dmsc_net_id,
	.size	= sizeof(struct dmsc_net),
};

int __init dmsc_netlink_init(void)
{
	int err;

	err = register_pernet_subsys(&dmsc_net_ops);
	if (err)
		goto err_pernet;
	err = genl_register_family(&dmsc_genl_family);
	if (err)
		goto err_family;
	return 0;

err_family:
	unregister_pernet_subsys(&dmsc_net_ops);
err_pernet:
	return err;
}

void dmsc_netlink_exit(void)
{
	genl_unregister_family(&dmsc_genl_family);
	unregister_pernet_subsys(&dmsc_net_ops);
}
