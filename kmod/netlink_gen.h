/* SPDX-License-Identifier: GPL-2.0 */
/* Do not edit directly, auto-generated from: */
/*	include/netlink/specs/dmsc.yaml */
/* YNL-GEN kernel header */
/* To regenerate run: selftests/ynl/generate.sh */

#ifndef _LINUX_DMSC_GEN_H
#define _LINUX_DMSC_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <linux/dmsc_netlink.h>

/* Common nested types */
extern const struct nla_policy dmsc_class_nl_policy[DMSC_CLASS_A_STARVE + 1];
extern const struct nla_policy dmsc_queue_nl_policy[DMSC_QUEUE_A_REMAINING + 1];

/* Global operation policy for dmsc */
extern const struct nla_policy dmsc_nl_policy[DMSC_A_REPLACE + 1];

/* Ops table for dmsc */
extern const struct genl_small_ops dmsc_nl_ops[6];

int dmsc_nl_version_get_doit(struct sk_buff *skb, struct genl_info *info);
int dmsc_nl_qdisc_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int dmsc_nl_class_set_doit(struct sk_buff *skb, struct genl_info *info);
int dmsc_nl_class_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int dmsc_nl_queue_set_doit(struct sk_buff *skb, struct genl_info *info);
int dmsc_nl_queue_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

enum {
	DMSC_NLGRP_EVENTS,
};

#endif /* _LINUX_DMSC_GEN_H */
