// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscd/hops.h"

#include <string.h>

#include "dmscd/daemon.h"
#include "lib/log.h"
#include "lib/neigh.h"

/* The rails that paths of the plan leave by. */
static bool rail_used(const struct hostplan *hp, const struct rail *r)
{
	for (uint32_t p = 1; p < hp->tables.t.nr_paths; p++)
		if (hp->tables.about[p].link == r->link)
			return true;
	return false;
}

static bool can_answer(const struct hostplan *hp, const struct rail *r)
{
	return !r->info.noarp && r->info.up && rail_used(hp, r);
}

static const struct dmsc_addr *hop_of(const struct hostplan *hp, const struct rail *r)
{
	return &hp->plan.topo.links[r->link].addr_b;
}

int hops_ask(struct daemon *d, struct hostplan *hp, bool *managed, struct dmsc_error *err)
{
	*managed = true;
	for (uint32_t i = 0; i < hp->nr_rails; i++) {
		struct rail *r = &hp->rails[i];
		bool kept;
		int ret;

		if (!can_answer(hp, r))
			continue;
		ret = neigh_manage(d->rtnl, r->info.ifindex, hop_of(hp, r), &kept, err);
		if (ret)
			return ret;
		*managed &= kept;
	}
	return 0;
}

void hops_again(struct daemon *d, struct hostplan *hp)
{
	for (uint32_t i = 0; i < hp->nr_rails; i++) {
		struct rail *r = &hp->rails[i];
		struct link_info now;
		struct dmsc_error e;
		bool kept;

		/* What is known about the link may be older than the event that led here. */
		if (link_get(d->rtnl, hp->plan.topo.links[r->link].if_a, &now, NULL) ||
		    now.ifindex != r->info.ifindex || !now.up || now.noarp || !rail_used(hp, r) ||
		    neigh_state(d->rtnl, now.ifindex, hop_of(hp, r), NULL))
			continue;
		if (neigh_manage(d->rtnl, now.ifindex, hop_of(hp, r), &kept, &e))
			log_warn("%s: %s", now.name, e.text);
	}
}

bool hops_answered(struct daemon *d, struct hostplan *hp)
{
	for (uint32_t i = 0; i < hp->nr_rails; i++) {
		struct rail *r = &hp->rails[i];

		if (can_answer(hp, r) &&
		    !neigh_usable(neigh_state(d->rtnl, r->info.ifindex, hop_of(hp, r), NULL)))
			return false;
	}
	return true;
}

static bool keep_hop(uint32_t ifindex, const struct dmsc_addr *addr, void *arg)
{
	const struct hostplan *hp = arg;

	for (uint32_t i = 0; i < hp->nr_rails; i++)
		if (hp->rails[i].info.ifindex == ifindex && rail_used(hp, &hp->rails[i]) &&
		    !memcmp(hop_of(hp, &hp->rails[i]), addr, sizeof(*addr)))
			return true;
	return false;
}

int hops_release(struct daemon *d, struct hostplan *keep, struct dmsc_error *err)
{
	return neigh_release(d->rtnl, keep ? keep_hop : NULL, keep, err);
}
