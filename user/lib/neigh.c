// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/neigh.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#define USABLE (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)

bool neigh_usable(int state)
{
	return state > 0 && state & USABLE;
}

static void put_addr(struct nlmsghdr *nlh, uint16_t type, const struct dmsc_addr *a)
{
	if (dmsc_addr_is_v4(a))
		mnl_attr_put(nlh, type, 4, a->b + 12);
	else
		mnl_attr_put(nlh, type, 16, a->b);
}

static struct nlmsghdr *start(struct rtnl *r, uint16_t type, uint16_t flags, uint32_t ifindex,
			      const struct dmsc_addr *addr, uint8_t ndm_flags)
{
	struct nlmsghdr *nlh = rtnl_start(r, type, flags);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));

	ndm->ndm_family = dmsc_addr_is_v4(addr) ? AF_INET : AF_INET6;
	ndm->ndm_ifindex = ifindex;
	ndm->ndm_flags = ndm_flags;
	put_addr(nlh, NDA_DST, addr);
	return nlh;
}

static int on_neigh(const struct nlmsghdr *nlh, void *data)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_type == RTM_NEWNEIGH && mnl_nlmsg_get_payload_len(nlh) >= sizeof(*ndm))
		*(int *)data = ndm->ndm_state;
	return MNL_CB_OK;
}

int neigh_state(struct rtnl *r, uint32_t ifindex, const struct dmsc_addr *addr,
		struct dmsc_error *err)
{
	int state = 0, ret;

	ret = rtnl_do(r, start(r, RTM_GETNEIGH, 0, ifindex, addr, 0), on_neigh, &state, "neighbour",
		      err);
	if (ret == -ENOENT)
		return 0;
	return ret ? ret : state;
}

int neigh_manage(struct rtnl *r, uint32_t ifindex, const struct dmsc_addr *addr, bool *managed,
		 struct dmsc_error *err)
{
	char text[INET6_ADDRSTRLEN], doing[INET6_ADDRSTRLEN + 16];
	struct nlmsghdr *nlh;
	int ret;

	*managed = true;
	ret = neigh_state(r, ifindex, addr, err);
	if (ret < 0)
		return ret;
	if (ret & (NUD_PERMANENT | NUD_NOARP))
		return 0;
	snprintf(doing, sizeof(doing), "next hop %s", dmsc_addr_format(addr, text));
	nlh = start(r, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, ifindex, addr, 0);
	mnl_attr_put_u32(nlh, NDA_FLAGS_EXT, NTF_EXT_MANAGED);
	mnl_attr_put_u8(nlh, NDA_PROTOCOL, NEIGH_PROTOCOL);
	ret = rtnl_do(r, nlh, NULL, NULL, doing, err);
	if (ret != -EINVAL && ret != -EOPNOTSUPP)
		return ret;
	*managed = false;
	nlh = start(r, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, ifindex, addr, NTF_USE);
	mnl_attr_put_u8(nlh, NDA_PROTOCOL, NEIGH_PROTOCOL);
	return rtnl_do(r, nlh, NULL, NULL, doing, err);
}

struct ours {
	bool (*keep)(uint32_t ifindex, const struct dmsc_addr *addr, void *arg);
	void *arg;
	struct {
		uint32_t ifindex;
		struct dmsc_addr addr;
	} *list;
	size_t n;
	bool no_memory;
};

static int on_attr(const struct nlattr *attr, void *data)
{
	const struct nlattr **tb = data;
	uint16_t type = mnl_attr_get_type(attr);

	if (type <= NDA_MAX)
		tb[type] = attr;
	return MNL_CB_OK;
}

static int on_ours(const struct nlmsghdr *nlh, void *data)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[NDA_MAX + 1] = { 0 };
	struct dmsc_addr addr = { 0 };
	struct ours *o = data;
	void *list;

	if (nlh->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ndm))
		return MNL_CB_OK;
	mnl_attr_parse(nlh, sizeof(*ndm), on_attr, tb);
	if (!tb[NDA_DST] || !tb[NDA_PROTOCOL] || mnl_attr_get_u8(tb[NDA_PROTOCOL]) != NEIGH_PROTOCOL)
		return MNL_CB_OK;
	if (ndm->ndm_family == AF_INET && mnl_attr_get_payload_len(tb[NDA_DST]) == 4) {
		addr.b[10] = addr.b[11] = 0xff;
		memcpy(addr.b + 12, mnl_attr_get_payload(tb[NDA_DST]), 4);
	} else if (ndm->ndm_family == AF_INET6 && mnl_attr_get_payload_len(tb[NDA_DST]) == 16) {
		memcpy(addr.b, mnl_attr_get_payload(tb[NDA_DST]), 16);
	} else {
		return MNL_CB_OK;
	}
	if (o->keep && o->keep(ndm->ndm_ifindex, &addr, o->arg))
		return MNL_CB_OK;
	list = reallocarray(o->list, o->n + 1, sizeof(*o->list));
	if (!list) {
		o->no_memory = true;
		return MNL_CB_OK;
	}
	o->list = list;
	o->list[o->n].ifindex = ndm->ndm_ifindex;
	o->list[o->n++].addr = addr;
	return MNL_CB_OK;
}

int neigh_release(struct rtnl *r,
		  bool (*keep)(uint32_t ifindex, const struct dmsc_addr *addr, void *arg),
		  void *arg, struct dmsc_error *err)
{
	struct ours o = { .keep = keep, .arg = arg };
	struct nlmsghdr *nlh;
	int ret, one, tries = 0;

	do {
		o.n = 0;
		nlh = rtnl_start(r, RTM_GETNEIGH, NLM_F_DUMP);
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct ndmsg));
		ret = rtnl_do(r, nlh, on_ours, &o, "neighbours", err);
	} while (ret == -EINTR && ++tries < 10);
	if (!ret && o.no_memory)
		ret = dmsc_fail(err, -ENOMEM, "neighbours: no memory");
	for (size_t i = 0; i < o.n; i++) {
		nlh = start(r, RTM_DELNEIGH, 0, o.list[i].ifindex, &o.list[i].addr, 0);
		one = rtnl_do(r, nlh, NULL, NULL, "neighbour", ret ? NULL : err);
		/* Gone meanwhile, with its device or by itself. */
		if (one && one != -ENOENT && one != -ENODEV && !ret)
			ret = one;
	}
	free(o.list);
	return ret;
}
