// SPDX-License-Identifier: GPL-2.0
/* sch_dmsc: scheduling queues for the traffic of distributed training. */
#include <linux/module.h>
#include <net/genetlink.h>

#include "qdisc.h"

static int __init dmsc_module_init(void)
{
	int err;

	err = dmsc_netlink_init();
	if (err)
		goto err_netlink;
	err = register_qdisc(&dmsc_qdisc_ops);
	if (err)
		goto err_qdisc;
	dmsc_kfuncs_init();
	return 0;

err_qdisc:
	dmsc_netlink_exit();
err_netlink:
	return err;
}

static void __exit dmsc_module_exit(void)
{
	unregister_qdisc(&dmsc_qdisc_ops);
	dmsc_netlink_exit();
}

module_init(dmsc_module_init);
module_exit(dmsc_module_exit);
MODULE_DESCRIPTION("DMSC scheduling queues for distributed training traffic");
MODULE_AUTHOR("The DMSC on Linux developers");
MODULE_LICENSE("GPL");
MODULE_VERSION(DMSC_VERSION);
MODULE_ALIAS("net-sch-dmsc");
MODULE_ALIAS_GENL_FAMILY(DMSC_GENL_NAME);
