// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscd/watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/neighbour.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "dmscd/apply.h"
#include "dmscd/daemon.h"
#include "dmscd/datapath.h"
#include "dmscd/hops.h"
#include "dmscd/queuectl.h"
#include "lib/log.h"
#include "lib/neigh.h"

#define SETTLE_USEC (200 * 1000) /* routes and qdiscs change in bursts */

struct watch {
	struct mnl_socket *nl;
	sd_event_source *io, *settle;
	bool routes, qdiscs, links; /* what changed since the last settling */
	char *buf;
};

#define WATCH_BUF (256 * 1024)

/* What is known of the rails, brought up to date. */
static int look_at_rails(struct daemon *d, struct hostplan *hp, struct dmsc_error *err)
{
	for (uint32_t i = 0; i < hp->nr_rails; i++) {
		struct rail *r = &hp->rails[i];
		struct link_info now;
		int ret = link_get(d->rtnl, hp->plan.topo.links[r->link].if_a, &now, err);

		/* Gone, or another interface of the same name: the tables name the old one. */
		if (ret == -ENODEV || (!ret && now.ifindex != r->info.ifindex)) {
			r->info.up = false;
			continue;
		}
		if (ret)
			return ret;
		r->info = now;
	}
	return 0;
}

/* The state of path @p's next hop; @states has those of the paths before. */
static int hop_state(struct daemon *d, struct hostplan *hp, uint32_t p, const int *states,
		     struct dmsc_error *err)
{
	const struct dmsc_path *path = &hp->tables.paths[p];
	struct rail *r = hostplan_rail(hp, hp->tables.about[p].link);
	uint32_t first;

	if (!r || !r->info.up)
		return 0;
	if (r->info.noarp)
		return NUD_NOARP;
	first = hostplan_first_by_hop(hp, p);
	if (first != p)
		return states[first];
	return neigh_state(d->rtnl, r->info.ifindex, &path->nexthop, err);
}

int watch_paths(struct daemon *d, struct hostplan *hp, uint8_t *flags, struct dmsc_error *err)
{
	const struct topology *t = &hp->plan.topo;
	int *hop = calloc(hp->tables.t.nr_paths + 1, sizeof(*hop));
	char name[PATH_NAME_LEN];
	int ret;

	if (!hop)
		return dmsc_fail(err, -ENOMEM, "paths: no memory");
	ret = look_at_rails(d, hp, err);
	for (uint32_t p = 1; p < hp->tables.t.nr_paths && !ret; p++) {
		const struct tables_path *about = &hp->tables.about[p];
		const struct dmsc_path *path = &hp->tables.paths[p];
		struct path_state *s = &hp->paths[p];
		struct rail *r = hostplan_rail(hp, about->link);
		const struct topo_node *dst = &t->nodes[hp->plan.hosts[about->dst_host].node];

		hop[p] = hop_state(d, hp, p, hop, err);
		if (hop[p] < 0) {
			ret = hop[p];
			break;
		}
		s->link_up = r && r->info.up;
		s->hop_ok = neigh_usable(hop[p]);
		ret = registry_path_down(d->registry, dst->name, hostplan_path_name(hp, p, name),
					 &s->admin_down, err);
		flags[p] = 0;
		if (ret || s->admin_down || !s->link_up || !s->hop_ok)
			continue;
		flags[p] |= DMSC_PATH_F_UP;
		if (!path->encap && link_routes_via(d->rtnl, about->ipv6 ? &dst->addr6 : &dst->addr,
						    path->ifindex, &path->nexthop))
			flags[p] |= DMSC_PATH_F_ROUTED;
	}
	free(hop);
	return ret;
}

const char *watch_why(const struct hostplan *hp, uint32_t path)
{
	const struct path_state *s = &hp->paths[path];

	if (s->admin_down)
		return "by hand";
	if (!s->link_up)
		return "link down";
	if (!s->hop_ok)
		return "next hop does not answer";
	return "up";
}

static void tell(struct daemon *d, struct hostplan *hp, uint32_t p, bool up)
{
	const struct tables_path *about = &hp->tables.about[p];
	const char *host = hp->plan.hosts[about->dst_host].name;
	const char *dev = hp->plan.topo.links[about->link].if_a;

	log_msg(up ? LOG_INFO : LOG_WARNING, "path %u to %s by %s: %s%s%s%s", p, host, dev,
		up ? "up" : "down", up ? "" : " (", up ? "" : watch_why(hp, p), up ? "" : ")");
	daemon_event(d, "path",
		     json_pack("{s:i, s:s, s:s, s:s, s:s}", "path", (int)p, "host", host, "interface",
			       dev, "state", up ? "up" : "down", "reason", watch_why(hp, p)));
}

void watch_refresh(struct daemon *d)
{
	struct hostplan *hp = d->current;
	struct dmsc_error e;
	uint8_t *flags;

	if (!hp || !hp->in_force)
		return;
	flags = calloc(hp->tables.t.nr_paths + 1, 1);
	if (!flags || watch_paths(d, hp, flags, &e)) {
		log_err("paths: %s", flags ? e.text : "no memory");
		free(flags);
		return;
	}
	for (uint32_t p = 1; p < hp->tables.t.nr_paths; p++) {
		uint8_t old = hp->paths[p].flags;

		if (flags[p] == old)
			continue;
		if (d->dp && dataplane_set_path(d->dp, p, flags[p], &e)) {
			log_err("path %u: %s", p, e.text);
			continue;
		}
		hp->paths[p].flags = flags[p];
		if ((flags[p] ^ old) & DMSC_PATH_F_UP)
			tell(d, hp, p, flags[p] & DMSC_PATH_F_UP);
	}
	free(flags);
}

/* A rail that came back with another index needs new tables. */
static bool rails_changed(struct daemon *d, struct hostplan *hp)
{
	for (uint32_t i = 0; i < hp->nr_rails; i++) {
		struct link_info now;

		if (!link_get(d->rtnl, hp->plan.topo.links[hp->rails[i].link].if_a, &now, NULL) &&
		    now.ifindex != hp->ifindexes[hp->rails[i].link])
			return true;
	}
	return false;
}

static int on_settled(sd_event_source *s, uint64_t usec, void *arg)
{
	struct daemon *d = arg;
	struct watch *w = d->watch;
	struct dmsc_error e;

	(void)s, (void)usec;
	if (w->links && d->dp && datapath_trust(d, &e))
		log_warn("bpf: %s", e.text);
	if (w->links && (!d->current || rails_changed(d, d->current))) {
		/* Busy: look again once that is over. */
		if (apply_stored(d) == -EBUSY) {
			sd_event_source_set_time_relative(w->settle, SETTLE_USEC);
			sd_event_source_set_enabled(w->settle, SD_EVENT_ONESHOT);
			return 0;
		}
	} else if (w->qdiscs && d->current && !d->apply) {
		if (queuectl_program(d, d->current, NULL, NULL, &e))
			log_warn("queues: %s", e.text);
	}
	if (w->routes)
		watch_refresh(d);
	w->links = w->routes = w->qdiscs = false;
	return 0;
}

static bool is_rail(struct daemon *d, uint32_t ifindex)
{
	struct hostplan *hp = d->current;

	for (uint32_t i = 0; hp && i < hp->nr_rails; i++)
		if (hp->rails[i].info.ifindex == ifindex)
			return true;
	return false;
}

/*
 * Entries go from reachable to stale and back all the time, which is no news while
 * every path by that rail has a next hop that answers, and nobody waits for one.
 */
static bool hop_is_news(struct daemon *d, const struct ndmsg *ndm)
{
	struct hostplan *hp = d->current;

	if (!hp || !hp->in_force || d->apply || !neigh_usable(ndm->ndm_state))
		return true;
	for (uint32_t p = 1; p < hp->tables.t.nr_paths; p++)
		if (hp->tables.paths[p].ifindex == (uint32_t)ndm->ndm_ifindex && !hp->paths[p].hop_ok)
			return true;
	return false;
}

static void heard(struct daemon *d, const struct nlmsghdr *nlh, bool *now)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);
	size_t len = mnl_nlmsg_get_payload_len(nlh);
	struct watch *w = d->watch;

	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (len >= sizeof(*ifi) && is_rail(d, ifi->ifi_index))
			*now = true;
		w->links = true;
		break;
	case RTM_NEWNEIGH:
		if (len >= sizeof(*ndm) && is_rail(d, ndm->ndm_ifindex) && hop_is_news(d, ndm))
			*now = true;
		break;
	case RTM_DELNEIGH:
		if (len >= sizeof(*ndm) && is_rail(d, ndm->ndm_ifindex))
			*now = true;
		break;
	case RTM_NEWQDISC:
		/* Where the data path hooks in are no queues, and own ones are programmed anyway. */
		if (len >= sizeof(*tc) && is_rail(d, tc->tcm_ifindex) &&
		    tc->tcm_parent != TC_H_CLSACT && !rtnl_is_own(d->rtnl, nlh))
			w->qdiscs = true;
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		w->routes = true;
		break;
	}
}

static int on_rtnl(sd_event_source *s, int fd, uint32_t revents, void *arg)
{
	struct daemon *d = arg;
	struct watch *w = d->watch;
	bool now = false;

	(void)s, (void)fd, (void)revents;
	/* Bounded, so that a storm of changes leaves time for others. */
	for (int i = 0; i < 64; i++) {
		ssize_t n = mnl_socket_recvfrom(w->nl, w->buf, WATCH_BUF);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)w->buf;
		int left = n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS) {
			/* Some were lost: look at everything. */
			now = w->links = w->routes = w->qdiscs = true;
			continue;
		}
		if (n <= 0)
			break;
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			heard(d, nlh, &now);
	}
	if (now) {
		if (d->current)
			hops_again(d, d->current);
		watch_refresh(d);
		apply_poll(d);
	}
	if (w->links || w->routes || w->qdiscs) {
		sd_event_source_set_time_relative(w->settle, SETTLE_USEC);
		sd_event_source_set_enabled(w->settle, SD_EVENT_ONESHOT);
	}
	return 0;
}

int watch_start(struct daemon *d, struct dmsc_error *err)
{
	static const unsigned int groups[] = {
		RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_TC, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
	};
	struct watch *w = calloc(1, sizeof(*w));
	int fd;

	if (!w)
		return dmsc_fail(err, -ENOMEM, "watch: no memory");
	d->watch = w;
	w->buf = malloc(WATCH_BUF);
	if (!w->buf)
		return dmsc_fail(err, -ENOMEM, "watch: no memory");
	fd = rtnl_watch(&w->nl, groups, sizeof(groups) / sizeof(groups[0]), err);
	if (fd < 0)
		return fd;
	if (sd_event_add_io(d->event, &w->io, fd, EPOLLIN, on_rtnl, d) < 0 ||
	    sd_event_add_time(d->event, &w->settle, CLOCK_MONOTONIC, 0, 0, on_settled, d) < 0)
		return dmsc_fail(err, -ENOMEM, "watch: no memory");
	return sd_event_source_set_enabled(w->settle, SD_EVENT_OFF);
}

void watch_stop(struct daemon *d)
{
	struct watch *w = d->watch;

	if (!w)
		return;
	sd_event_source_disable_unref(w->io);
	sd_event_source_disable_unref(w->settle);
	if (w->nl)
		mnl_socket_close(w->nl);
	free(w->buf);
	free(w);
	d->watch = NULL;
}
