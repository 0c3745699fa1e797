// SPDX-License-Identifier: GPL-2.0-or-later
/* What a Linux host does when nobody tells it anything: fq_codel, ECMP by hash. */
#include "emulator/qdisc.h"
#include "emulator/setup.h"

static void write_port(struct setup_env *env, struct text *t, const char *ifname, uint64_t rate)
{
	if (env->fifo)
		qdisc_set_fifo(t, ifname, rate, QDISC_DEFAULT);
	else
		qdisc_set_default(t, ifname);
}

static int enter(struct setup_env *env, struct dmsc_error *err)
{
	return setup_hosts(env, write_port, err);
}

const struct setup setup_default = {
	.name = "default",
	.title = "kernel default",
	.description = "fq_codel at the hosts, paths by ECMP hashing, no DSCP",
	.enter = enter,
};
