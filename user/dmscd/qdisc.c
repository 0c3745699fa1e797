// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * install_qdisc: sch_dmsc where nobody chose a qdisc. The handle d5c0: says
 * that it was put there by the daemon; only such ones are taken away again.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "dmscd/daemon.h"
#include "dmscd/queuectl.h"
#include "lib/log.h"

#define OUR_HANDLE 0xd5c00000U

struct root {
	uint32_t ifindex, handle;
	char kind[32];
};

static int on_qdisc(const struct nlmsghdr *nlh, void *data)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);
	struct root *root = data;
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWQDISC || mnl_nlmsg_get_payload_len(nlh) < sizeof(*tc) ||
	    (uint32_t)tc->tcm_ifindex != root->ifindex || tc->tcm_parent != TC_H_ROOT)
		return MNL_CB_OK;
	root->handle = tc->tcm_handle;
	mnl_attr_for_each(attr, nlh,
			  sizeof(*tc)) if (mnl_attr_get_type(attr) == TCA_KIND &&
					   mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		snprintf(root->kind, sizeof(root->kind), "%s", mnl_attr_get_str(attr));
	return MNL_CB_OK;
}

static int get_root(struct daemon *d, uint32_t ifindex, struct root *root, struct dmsc_error *err)
{
	struct nlmsghdr *nlh;
	struct tcmsg *tc;
	int ret, tries = 0;

	do {
		memset(root, 0, sizeof(*root));
		root->ifindex = ifindex;
		nlh = rtnl_start(d->rtnl, RTM_GETQDISC, NLM_F_DUMP);
		tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));
		tc->tcm_ifindex = ifindex;
		ret = rtnl_do(d->rtnl, nlh, on_qdisc, root, "qdisc", err);
	} while (ret == -EINTR && ++tries < 10);
	return ret;
}

static int put_qdisc(struct daemon *d, uint32_t ifindex, const char *kind, uint32_t parent,
		     uint32_t handle, struct dmsc_error *err)
{
	struct nlmsghdr *nlh = rtnl_start(d->rtnl, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE);
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));

	tc->tcm_ifindex = ifindex;
	tc->tcm_parent = parent;
	tc->tcm_handle = handle;
	mnl_attr_put_strz(nlh, TCA_KIND, kind);
	return rtnl_do(d->rtnl, nlh, NULL, NULL, kind, err);
}

static int remove_root(struct daemon *d, uint32_t ifindex, struct dmsc_error *err)
{
	struct nlmsghdr *nlh = rtnl_start(d->rtnl, RTM_DELQDISC, 0);
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));

	tc->tcm_ifindex = ifindex;
	tc->tcm_parent = TC_H_ROOT;
	return rtnl_do(d->rtnl, nlh, NULL, NULL, "qdisc", err);
}

static int install(struct daemon *d, const struct link_info *link, struct dmsc_error *err)
{
	int ret;

	if (link->tx_queues <= 1)
		return put_qdisc(d, link->ifindex, "dmsc", TC_H_ROOT, OUR_HANDLE, err);
	ret = put_qdisc(d, link->ifindex, "mq", TC_H_ROOT, OUR_HANDLE, err);
	for (uint32_t q = 1; q <= link->tx_queues && !ret; q++) {
		ret = put_qdisc(d, link->ifindex, "dmsc", OUR_HANDLE | q, 0, err);
		if (ret)
			remove_root(d, link->ifindex, NULL);
	}
	return ret;
}

int queuectl_install(struct daemon *d, struct hostplan *hp, json_t *warnings, struct dmsc_error *err)
{
	if (!d->conf.install_qdisc || queuectl_open(d))
		return 0;
	for (uint32_t i = 0; i < hp->nr_rails; i++) {
		const struct link_info *link = &hp->rails[i].info;
		struct root root;
		int ret = get_root(d, link->ifindex, &root, err);

		if (ret)
			return ret;
		if (root.handle == OUR_HANDLE || !strcmp(root.kind, "dmsc"))
			continue;
		/* A handle of its own means that somebody chose it. */
		if (root.handle) {
			json_array_append_new(warnings,
					      json_sprintf("queues: %s: qdisc %s %x: was put there by somebody, left alone",
							   link->name, root.kind, root.handle >> 16));
			continue;
		}
		ret = install(d, link, err);
		if (ret)
			return ret;
		log_info("queues: %s: installed sch_dmsc", link->name);
	}
	return 0;
}

void queuectl_uninstall(struct daemon *d, struct hostplan *hp)
{
	struct dmsc_error e;
	struct root root;

	for (uint32_t i = 0; i < hp->nr_rails; i++) {
		const struct link_info *link = &hp->rails[i].info;

		if (get_root(d, link->ifindex, &root, &e) || root.handle != OUR_HANDLE)
			continue;
		if (remove_root(d, link->ifindex, &e))
			log_warn("queues: %s: cannot remove our qdisc: %s", link->name, e.text);
	}
}
