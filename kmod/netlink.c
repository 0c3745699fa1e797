// SPDX-License-Identifier: GPL-2.0
/*
 * Generic netlink family "dmsc": registration, policies, and the list of qdiscs
 * of each network namespace.
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
	[DMSC_CLASS_A_CEIL]	= { .type = NLA_U64 },
	[DMSC_CLASS_A_CODEL]	= NLA_POLICY_MAX(NLA_U32, 1),
	[DMSC_CLASS_A_TARGET]	= { .type = NLA_U32 },
	[DMSC_CLASS_A_INTERVAL]	= { .type = NLA_U32 },
	[DMSC_CLASS_A_FAIR]	= NLA_POLICY_MAX(NLA_U32, 1),
	[DMSC_CLASS_A_STARVE]	= { .type = NLA_U32 },
};

static const struct nla_policy queue_policy[DMSC_QUEUE_A_MAX + 1] = {
	[DMSC_QUEUE_A_SLOT]	= NLA_POLICY_RANGE(NLA_U32, 1, DMSC_NR_SLOTS - 1),
	[DMSC_QUEUE_A_CLASS]	= NLA_POLICY_MAX(NLA_U32, DMSC_NR_CLASSES - 1),
	[DMSC_QUEUE_A_WEIGHT]	= NLA_POLICY_RANGE(NLA_U32, DMSC_WEIGHT_MIN, DMSC_WEIGHT_MAX),
	[DMSC_QUEUE_A_SID]	= { .type = NLA_U32 },
	[DMSC_QUEUE_A_STATS]	= { .type = NLA_REJECT },
	[DMSC_QUEUE_A_RANK]	= NLA_POLICY_MAX(NLA_U32, DMSC_RANK_MAX),
	[DMSC_QUEUE_A_RATE]	= { .type = NLA_U64 },
	[DMSC_QUEUE_A_CEIL]	= { .type = NLA_U64 },
	[DMSC_QUEUE_A_REMAINING] = { .type = NLA_U64 },
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
