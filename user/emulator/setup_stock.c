// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The best that the kernel's own parts do: the classes of DMSC as an ets tree
 * with fq_codel leaves, chosen by DSCP, which the processes set themselves.
 */
#include "emulator/qdisc.h"
#include "emulator/setup.h"

static void write_port(struct setup_env *env, struct text *t, const char *ifname, uint64_t rate)
{
	if (env->fifo)
		qdisc_set_fifo(t, ifname, rate, QDISC_DSCP_HOST);
	else
		qdisc_set_dscp(t, ifname, rate, QDISC_DSCP_HOST, &env->profile);
}

static int enter(struct setup_env *env, struct dmsc_error *err)
{
	return setup_hosts(env, write_port, err);
}

const struct setup setup_stock = {
	.name = "stock",
	.title = "best stock",
	.description =
		"ets with fq_codel leaves by DSCP at the hosts, marked by the processes, paths by ECMP hashing",
	.mark = true,
	.enter = enter,
};
