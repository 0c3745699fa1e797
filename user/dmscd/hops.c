// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscd/hops.h"

#include <string.h>

#include "dmscd/daemon.h"
#include "lib/log.h"
#include "lib/neigh.h"

/* The rail of path @p, if its next hop is to be asked for through it. */
static struct rail *to_ask(struct hostplan *hp, uint32_t p)
{
	struct rail *r = hostplan_rail(hp, hp->tables.about[p].link);

	return r && hostplan_first_by_hop(hp, p) == p ? r : NULL;
}

int hops_ask(struct daemon *d, struct hostplan *hp, bool *managed, struct dmsc_error *err)
{
	*managed = true;
	for (uint32_t p = 1; p < hp->tables.t.nr_paths; p++) {
		struct rail *r = to_ask(hp, p);
		bool kept;
		int ret;

		if (!r || r->info.noarp || !r->info.up)
			continue;
		ret = neigh_manage(d->rtnl, r->info.ifindex, &hp->tables.paths[p].nexthop, &kept,
				   err);
		if (ret)
			return ret;
		*managed &= kept;
	}
	return 0;
}

void hops_again(struct daemon *d, struct hostplan *hp)
{
	for (uint32_t p = 1; p < hp->tables.t.nr_paths; p++) {
		const struct dmsc_addr *hop = &hp->tables.paths[p].nexthop;
		struct rail *r = to_ask(hp, p);
		struct link_info now;
		struct dmsc_error e;
		bool kept;

		/* What is known about the link may be older than the event that led here. */
		if (!r || link_get(d->rtnl, hp->plan.topo.links[r->link].if_a, &now, NULL) ||
		    now.ifindex != r->info.ifindex || !now.up || now.noarp ||
		    neigh_state(d->rtnl, now.ifindex, hop, NULL))
			continue;
		if (neigh_manage(d->rtnl, now.ifindex, hop, &kept, &e))
			log_warn("%s: %s", now.name, e.text);
	}
}

bool hops_answered(struct daemon *d, struct hostplan *hp)
{
	for (uint32_t p = 1; p < hp->tables.t.nr_paths; p++) {
		struct rail *r = to_ask(hp, p);

		if (r && !r->info.noarp && r->info.up &&
		    !neigh_usable(neigh_state(d->rtnl, r->info.ifindex,
					      &hp->tables.paths[p].nexthop, NULL)))
			return false;
	}
	return true;
}

static bool keep_hop(uint32_t ifindex, const struct dmsc_addr *addr, void *arg)
{
	const struct hostplan *hp = arg;

	for (uint32_t p = 1; p < hp->tables.t.nr_paths; p++)
		if (hp->tables.paths[p].ifindex == ifindex &&
		    !memcmp(&hp->tables.paths[p].nexthop, addr, sizeof(*addr)))
			return true;
	return false;
}

int hops_release(struct daemon *d, struct hostplan *keep, struct dmsc_error *err)
{
	return neigh_release(d->rtnl, keep ? keep_hop : NULL, keep, err);
}
