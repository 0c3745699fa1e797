// SPDX-License-Identifier: GPL-2.0
/* Do not edit directly, auto-generated from: */
/*	include/netlink/specs/dmsc.yaml */
/* YNL-GEN kernel source */
/* To regenerate run: selftests/ynl/generate.sh */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink_gen.h"

#include <linux/dmsc_netlink.h>

/* Common nested types */
const struct nla_policy dmsc_class_nl_policy[DMSC_CLASS_A_STARVE + 1] = {
	[DMSC_CLASS_A_ID] = NLA_POLICY_MAX(NLA_U32, 7),
	[DMSC_CLASS_A_MODE] = NLA_POLICY_MAX(NLA_U32, 1),
	[DMSC_CLASS_A_WEIGHT] = NLA_POLICY_RANGE(NLA_U32, DMSC_WEIGHT_MIN, DMSC_WEIGHT_MAX),
	[DMSC_CLASS_A_SHARE] = NLA_POLICY_MAX(NLA_U32, 900),
	[DMSC_CLASS_A_LIMIT] = { .type = NLA_U32, },
	[DMSC_CLASS_A_ECN] = { .type = NLA_U32, },
	[DMSC_CLASS_A_STATS] = { .type = NLA_REJECT, },
	[DMSC_CLASS_A_CEIL] = { .type = NLA_U64, },
	[DMSC_CLASS_A_CODEL] = NLA_POLICY_MAX(NLA_U32, 1),
	[DMSC_CLASS_A_TARGET] = { .type = NLA_U32, },
	[DMSC_CLASS_A_INTERVAL] = { .type = NLA_U32, },
	[DMSC_CLASS_A_FAIR] = NLA_POLICY_MAX(NLA_U32, 1),
	[DMSC_CLASS_A_STARVE] = { .type = NLA_U32, },
};

const struct nla_policy dmsc_queue_nl_policy[DMSC_QUEUE_A_REMAINING + 1] = {
	[DMSC_QUEUE_A_SLOT] = NLA_POLICY_RANGE(NLA_U32, 1, 4095),
	[DMSC_QUEUE_A_CLASS] = NLA_POLICY_MAX(NLA_U32, 7),
	[DMSC_QUEUE_A_WEIGHT] = NLA_POLICY_RANGE(NLA_U32, DMSC_WEIGHT_MIN, DMSC_WEIGHT_MAX),
	[DMSC_QUEUE_A_SID] = { .type = NLA_U32, },
	[DMSC_QUEUE_A_STATS] = { .type = NLA_REJECT, },
	[DMSC_QUEUE_A_RANK] = NLA_POLICY_MAX(NLA_U32, DMSC_RANK_MAX),
	[DMSC_QUEUE_A_RATE] = { .type = NLA_U64, },
	[DMSC_QUEUE_A_CEIL] = { .type = NLA_U64, },
	[DMSC_QUEUE_A_REMAINING] = { .type = NLA_U64, },
};

/* Global operation policy for dmsc */
const struct nla_policy dmsc_nl_policy[DMSC_A_REPLACE + 1] = {
	[DMSC_A_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
	[DMSC_A_HANDLE] = { .type = NLA_U32, },
	[DMSC_A_CLASS] = NLA_POLICY_NESTED(dmsc_class_nl_policy),
	[DMSC_A_QUEUE] = NLA_POLICY_NESTED(dmsc_queue_nl_policy),
	[DMSC_A_REPLACE] = { .type = NLA_FLAG, },
};

/* Ops table for dmsc */
const struct genl_small_ops dmsc_nl_ops[6] = {
	{
		.cmd	= DMSC_CMD_VERSION_GET,
		.doit	= dmsc_nl_version_get_doit,
	},
	{
		.cmd	= DMSC_CMD_QDISC_GET,
		.dumpit	= dmsc_nl_qdisc_get_dumpit,
	},
	{
		.cmd	= DMSC_CMD_CLASS_SET,
		.doit	= dmsc_nl_class_set_doit,
		.flags	= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd	= DMSC_CMD_CLASS_GET,
		.dumpit	= dmsc_nl_class_get_dumpit,
	},
	{
		.cmd	= DMSC_CMD_QUEUE_SET,
		.doit	= dmsc_nl_queue_set_doit,
		.flags	= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd	= DMSC_CMD_QUEUE_GET,
		.dumpit	= dmsc_nl_queue_get_dumpit,
	},
};
