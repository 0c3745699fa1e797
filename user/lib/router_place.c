// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which instances are near. The first switch is what counts: what stays below it
 * loads no link that others share.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <string.h>

#include "lib/router.h"

/* Whether @a is an address of this machine. */
static bool address_is_here(const struct ifaddrs *list, const struct dmsc_addr *a)
{
	const struct ifaddrs *i;

	for (i = list; i; i = i->ifa_next) {
		struct dmsc_addr own = { { [10] = 0xff, [11] = 0xff } };

		if (!i->ifa_addr)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			memcpy(own.b + 12, &((struct sockaddr_in *)i->ifa_addr)->sin_addr, 4);
		else if (i->ifa_addr->sa_family == AF_INET6)
			memcpy(own.b, &((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr, 16);
		else
			continue;
		if (!memcmp(&own, a, sizeof(own)))
			return true;
	}
	return false;
}

static uint32_t host_by_name(const struct topology *t, const char *name)
{
	uint32_t n;

	for (n = 0; n < t->nr_nodes; n++) {
		if (t->nodes[n].kind == NODE_HOST && !strcmp(t->nodes[n].name, name))
			return n;
	}
	return MODEL_NONE;
}

/* The host that has the address, and the link if it is that of a rail (else MODEL_NONE). */
static uint32_t host_by_address(const struct topology *t, const struct dmsc_addr *a, uint32_t *link)
{
	uint32_t i;

	*link = MODEL_NONE;
	for (i = 0; i < t->nr_links; i++) {
		if (t->nodes[t->links[i].a].kind == NODE_HOST &&
		    !memcmp(&t->links[i].addr_a, a, sizeof(*a))) {
			*link = i;
			return t->links[i].a;
		}
	}
	for (i = 0; i < t->nr_nodes; i++) {
		if (t->nodes[i].kind == NODE_HOST && !memcmp(&t->nodes[i].addr, a, sizeof(*a)))
			return i;
	}
	return MODEL_NONE;
}

/* The place of @link among its host's: rail 0, 1, ... */
static uint32_t rail_of(const struct topology *t, uint32_t link)
{
	uint32_t i, rail = 0;

	for (i = 0; i < link; i++)
		rail += t->links[i].a == t->links[link].a;
	return rail;
}

/* Whether rail number @rail of host @here is at switch @node. */
static bool rail_is_at(const struct topology *t, uint32_t here, uint32_t rail, uint32_t node)
{
	uint32_t i;

	for (i = 0; i < t->nr_links; i++) {
		if (t->links[i].a == here && rail-- == 0)
			return t->links[i].b == node;
	}
	return false;
}

static bool leaf_in_common(const struct topology *t, uint32_t a, uint32_t b)
{
	uint32_t i, k;

	for (i = 0; i < t->nr_links; i++) {
		if (t->links[i].a != a)
			continue;
		for (k = 0; k < t->nr_links; k++) {
			if (t->links[k].a == b && t->links[k].b == t->links[i].b)
				return true;
		}
	}
	return false;
}

static enum dmsc_rt_distance distance(const struct topology *t, uint32_t here, uint32_t there,
				      uint32_t link)
{
	if (there == MODEL_NONE)
		return DMSC_RT_FAR;
	if (there == here)
		return DMSC_RT_SAME_HOST;
	if (link != MODEL_NONE && rail_is_at(t, here, rail_of(t, link), t->links[link].b))
		return DMSC_RT_SAME_RAIL;
	return leaf_in_common(t, here, there) ? DMSC_RT_SAME_LEAF : DMSC_RT_FAR;
}

static int place_one(struct router_instance *inst, const struct topology *t, uint32_t here,
		     struct dmsc_error *err)
{
	uint32_t link, there = host_by_address(t, &inst->addr, &link);

	if (*inst->host) {
		uint32_t named = host_by_name(t, inst->host);

		if (named == MODEL_NONE)
			return dmsc_fail(err, -EINVAL, "host: '%s', expected a host of %s",
					 inst->host, t->name);
		if (there != MODEL_NONE && there != named)
			return dmsc_fail(err, -EINVAL,
					 "host: '%s', but the address is that of '%s' in %s",
					 inst->host, t->nodes[there].name, t->name);
		there = named;
	} else if (there != MODEL_NONE) {
		strcpy(inst->host, t->nodes[there].name);
	}
	inst->distance = distance(t, here, there, link);
	return 0;
}

int router_place(struct router_spec *s, const struct topology *topo, const char *host,
		 uint32_t *line, struct dmsc_error *err)
{
	uint32_t here = topo ? host_by_name(topo, host) : MODEL_NONE;
	struct dmsc_error why = { "" };
	struct ifaddrs *own = NULL;
	size_t i, k;
	int ret = 0;

	*line = 0;
	if (topo && here == MODEL_NONE)
		return dmsc_fail(err, -EINVAL,
				 "'%s', this host's name, is no host of %s (--host NAME)", host,
				 topo->name);
	if (getifaddrs(&own))
		own = NULL;
	for (i = 0; i < s->nr_services && !ret; i++) {
		for (k = 0; k < s->services[i].nr_instances && !ret; k++) {
			struct router_instance *inst = &s->services[i].instances[k];

			inst->distance = DMSC_RT_FAR;
			if (topo)
				ret = place_one(inst, topo, here, &why);
			if (ret) {
				*line = inst->line;
				dmsc_fail(err, ret, "services[%zu].instances[%zu].%s", i, k,
					  why.text);
			} else if ((*inst->host && !strcmp(inst->host, host)) ||
				   address_is_here(own, &inst->addr)) {
				inst->distance = DMSC_RT_SAME_HOST;
			}
		}
	}
	freeifaddrs(own);
	return ret;
}
