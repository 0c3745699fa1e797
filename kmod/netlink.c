// SPDX-License-Identifier: GPL-2.0
/*
 * Generic netlink family "dmsc": registration, and the list of qdiscs of each
 * network namespace. Policies and operations follow from the specification
 * (netlink_gen.c).
 */
#include <linux/module.h>
#include <linux/rtnetlink.h>

#include "netlink.h"

unsigned int dmsc_net_id __read_mostly;

static const struct genl_multicast_group dmsc_genl_groups[] = {
	[DMSC_NLGRP_EVENTS] = { .name = DMSC_MCGRP_EVENTS },
};

struct genl_family dmsc_genl_family __ro_after_init = {
	.name		= DMSC_GENL_NAME,
	.version	= DMSC_GENL_VERSION,
	.maxattr	= ARRAY_SIZE(dmsc_nl_policy) - 1,
	.policy		= dmsc_nl_policy,
	.netnsok	= true,
	.module		= THIS_MODULE,
	.small_ops	= dmsc_nl_ops,
	.n_small_ops	= ARRAY_SIZE(dmsc_nl_ops),
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
