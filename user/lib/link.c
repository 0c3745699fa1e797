// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/link.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "lib/neigh.h"

#ifndef IFF_LOWER_UP /* linux/if.h has it and cannot stand beside net/if.h */
#define IFF_LOWER_UP (1 << 16)
#endif

static int on_link(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct link_info *l = data;
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi))
		return MNL_CB_OK;
	l->ifindex = ifi->ifi_index;
	l->up = (ifi->ifi_flags & (IFF_UP | IFF_LOWER_UP)) == (IFF_UP | IFF_LOWER_UP);
	l->noarp = ifi->ifi_flags & IFF_NOARP;
	mnl_attr_for_each(attr, nlh, sizeof(*ifi))
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
				snprintf(l->name, sizeof(l->name), "%s", mnl_attr_get_str(attr));
			break;
		case IFLA_QDISC:
			if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
				snprintf(l->qdisc, sizeof(l->qdisc), "%s", mnl_attr_get_str(attr));
			break;
		case IFLA_MTU:
			if (mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
				l->mtu = mnl_attr_get_u32(attr);
			break;
		case IFLA_NUM_TX_QUEUES:
			if (mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
				l->tx_queues = mnl_attr_get_u32(attr);
			break;
		}
	}
	return MNL_CB_OK;
}

int link_get(struct rtnl *r, const char *name, struct link_info *out, struct dmsc_error *err)
{
	struct nlmsghdr *nlh;
	char doing[40];

	if (strlen(name) >= sizeof(out->name))
		return dmsc_fail(err, -ENODEV, "interface %s: name too long", name);
	memset(out, 0, sizeof(*out));
	snprintf(doing, sizeof(doing), "interface %s", name);
	nlh = rtnl_start(r, RTM_GETLINK, 0);
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	return rtnl_do(r, nlh, on_link, out, doing, err);
}

static int on_route(const struct nlmsghdr *nlh, void *data)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct dmsc_addr *via = data;
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*rtm))
	{
		const uint8_t *p = mnl_attr_get_payload(attr);
		uint16_t len = mnl_attr_get_payload_len(attr), family = rtm->rtm_family;

		if (mnl_attr_get_type(attr) == RTA_VIA && len > 2) {
			memcpy(&family, p, 2);
			p += 2;
			len -= 2;
		} else if (mnl_attr_get_type(attr) != RTA_GATEWAY) {
			continue;
		}
		memset(via, 0, sizeof(*via));
		if (family == AF_INET && len == 4) {
			via->b[10] = via->b[11] = 0xff;
			memcpy(via->b + 12, p, 4);
		} else if (family == AF_INET6 && len == 16) {
			memcpy(via->b, p, 16);
		}
	}
	return MNL_CB_OK;
}

/* A question about the way to @dst. */
static struct nlmsghdr *ask_route(struct rtnl *r, const struct dmsc_addr *dst)
{
	struct nlmsghdr *nlh = rtnl_start(r, RTM_GETROUTE, 0);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	if (dmsc_addr_is_v4(dst)) {
		rtm->rtm_family = AF_INET;
		rtm->rtm_dst_len = 32;
		mnl_attr_put(nlh, RTA_DST, 4, dst->b + 12);
	} else {
		rtm->rtm_family = AF_INET6;
		rtm->rtm_dst_len = 128;
		mnl_attr_put(nlh, RTA_DST, 16, dst->b);
	}
	return nlh;
}

int link_routes_via(struct rtnl *r, const struct dmsc_addr *dst, uint32_t ifindex,
		    const struct dmsc_addr *nexthop)
{
	struct dmsc_addr via = *dst; /* on-link: the destination is the next hop */
	struct nlmsghdr *nlh = ask_route(r, dst);

	mnl_attr_put_u32(nlh, RTA_OIF, ifindex);
	if (rtnl_do(r, nlh, on_route, &via, "route", NULL))
		return 0;
	return !memcmp(&via, nexthop, sizeof(via));
}

struct route_mtu {
	uint32_t mtu, ifindex;
};

static int on_route_mtu(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr, *metric;
	struct route_mtu *m = data;

	if (nlh->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(nlh) < sizeof(struct rtmsg))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(struct rtmsg))
	{
		if (mnl_attr_get_type(attr) == RTA_OIF && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			m->ifindex = mnl_attr_get_u32(attr);
		if (mnl_attr_get_type(attr) != RTA_METRICS)
			continue;
		mnl_attr_for_each_nested(metric, attr)
		{
			if (mnl_attr_get_type(metric) == RTAX_MTU &&
			    mnl_attr_validate(metric, MNL_TYPE_U32) >= 0)
				m->mtu = mnl_attr_get_u32(metric);
		}
	}
	return MNL_CB_OK;
}

uint32_t link_route_mtu(struct rtnl *r, const struct dmsc_addr *dst)
{
	struct route_mtu m = { 0 };
	struct link_info link = { 0 };
	struct nlmsghdr *nlh;

	if (rtnl_do(r, ask_route(r, dst), on_route_mtu, &m, "route", NULL))
		return 0;
	if (m.mtu)
		return m.mtu;
	nlh = rtnl_start(r, RTM_GETLINK, 0);
	((struct ifinfomsg *)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg)))->ifi_index =
		m.ifindex;
	if (rtnl_do(r, nlh, on_link, &link, "interface", NULL))
		return 0;
	return link.mtu;
}
