// SPDX-License-Identifier: GPL-2.0-or-later
/* What the router does, out of its maps alone. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/router_priv.h"

const char *const router_count_name[DMSC_RT_NR_COUNTS] = {
	[DMSC_RT_CHOSEN] = "chosen",	       [DMSC_RT_SPILLED] = "spilled",
	[DMSC_RT_FAILED_OVER] = "failed_over", [DMSC_RT_MOVED] = "moved",
	[DMSC_RT_REFUSED] = "refused",	       [DMSC_RT_UNCOUNTED] = "uncounted",
	[DMSC_RT_UNLISTED] = "unlisted",       [DMSC_RT_GIVEN_UP] = "given_up",
};

const char *const router_distance_name[DMSC_RT_FAR + 1] = {
	[DMSC_RT_SAME_HOST] = "host",
	[DMSC_RT_SAME_RAIL] = "rail",
	[DMSC_RT_SAME_LEAF] = "leaf",
	[DMSC_RT_FAR] = "far",
};

const char *router_state_of(const struct dmsc_rt_instance *i, uint32_t side)
{
	uint8_t flags = i->flags[side];

	if (!(flags & DMSC_RT_INSTANCE_USED))
		return "removed";
	if (!(flags & DMSC_RT_INSTANCE_UP))
		return router_state_name[ROUTER_DOWN];
	if (flags & DMSC_RT_INSTANCE_NEW || !i->weight[side])
		return router_state_name[ROUTER_ACTIVE];
	return router_state_name[ROUTER_DRAINING];
}

/* Where the instance stands in the service's levels, and its part of that level. */
static void find_level(const struct router *r, const struct dmsc_rt_service *s, uint32_t side,
		       struct router_instance_status *st)
{
	uint64_t weights = 0, positions = 0;
	uint32_t i, l;

	st->level = -1;
	for (l = 0; l < s->nr_levels; l++) {
		const struct dmsc_rt_level *level = &s->level[l];
		const uint64_t *members = r->members + side * DMSC_RT_MAX_MEMBERS + level->first;
		const uint16_t *ring = r->rings[side * DMSC_RT_RING_BLOCKS + level->ring].instance;

		for (i = 0; i < level->nr && members[i] != st->number; i++)
			;
		if (i == level->nr)
			continue;
		st->level = l;
		for (i = 0; i < level->nr; i++)
			weights += r->instances[members[i] % DMSC_RT_MAX_INSTANCES].weight[side];
		for (i = 0; i < level->ring_size; i++)
			positions += ring[i] == st->number;
		if (level->ring_size)
			st->share = positions * 10000 / level->ring_size;
		else if (weights)
			st->share = st->inst.weight[side] * 10000ULL / weights;
	}
}

/* Instances of the service with @id that are named, or that sockets hold. */
static int fill_instances(const struct router *r, uint32_t id, uint32_t side,
			  struct router_service_status *s)
{
	uint32_t i;

	for (i = 1; i < DMSC_RT_MAX_INSTANCES; i++)
		s->nr_instances += r->instances[i].service == id &&
				   (r->instances[i].flags[side] || router_open_sockets(r, i));
	s->instances = calloc(s->nr_instances + 1, sizeof(*s->instances));
	if (!s->instances)
		return -ENOMEM;
	s->nr_instances = 0;
	for (i = 1; i < DMSC_RT_MAX_INSTANCES; i++) {
		struct router_instance_status *st = &s->instances[s->nr_instances];

		if (r->instances[i].service != id ||
		    (!r->instances[i].flags[side] && !router_open_sockets(r, i)))
			continue;
		st->inst = r->instances[i];
		st->load = r->loads[i];
		st->number = i;
		find_level(r, &s->service, side, st);
		s->nr_instances++;
	}
	return 0;
}

static bool service_known(const struct router_status *st, uint32_t id)
{
	size_t i;

	for (i = 0; i < st->nr_services; i++) {
		if (st->services[i].service.id == id)
			return true;
	}
	return false;
}

/* Services that are not named any more, but whose instances sockets hold. */
static int fill_removed(const struct router *r, uint32_t side, struct router_status *st)
{
	uint32_t i;
	int ret = 0;

	for (i = 1; i < DMSC_RT_MAX_INSTANCES && !ret; i++) {
		const struct dmsc_rt_instance *in = &r->instances[i];
		struct router_service_status *s = &st->services[st->nr_services];

		if (!in->service || !router_open_sockets(r, i) || service_known(st, in->service))
			continue;
		if (st->nr_services == 2 * DMSC_RT_MAX_SERVICES)
			break;
		s->service.id = in->service;
		strcpy(s->service.name, in->service_name);
		ret = fill_instances(r, in->service, side, s);
		st->nr_services++;
	}
	return ret;
}

static int by_name(const void *a, const void *b)
{
	const struct router_service_status *x = a, *y = b;

	return strcmp(x->service.name, y->service.name);
}

int router_status(struct router *r, struct router_status *st, struct dmsc_error *err)
{
	uint32_t side = router_side(r);
	struct dmsc_rt_service_key *keys;
	struct dmsc_rt_service *values;
	uint64_t key, *prev = NULL;
	size_t n, i;
	int ret;

	memset(st, 0, sizeof(*st));
	st->generation = r->ctl->generation;
	ret = router_services(r, side, &keys, &values, &n, err);
	if (ret)
		return ret;
	st->services = calloc(2 * DMSC_RT_MAX_SERVICES + 1, sizeof(*st->services));
	if (!st->services)
		ret = -ENOMEM;
	for (i = 0; i < n && !ret; i++) {
		struct router_service_status *s = &st->services[st->nr_services++];

		s->key = keys[i];
		s->service = values[i];
		s->counts = r->counts[values[i].number % DMSC_RT_MAX_SERVICES];
		ret = fill_instances(r, values[i].id, side, s);
	}
	free(keys);
	free(values);
	if (!ret)
		ret = fill_removed(r, side, st);
	if (ret) {
		router_status_free(st);
		return dmsc_fail(err, ret, "out of memory");
	}
	qsort(st->services, st->nr_services, sizeof(*st->services), by_name);
	while (!bpf_map_get_next_key(r->flows, prev, &key)) {
		prev = &key;
		st->flows++;
	}
	return 0;
}

/* An entry of a pinned map. */
static bool pinned_entry(const char *pin_dir, const char *name, const void *key, void *value)
{
	char path[PATH_MAX];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/%s", pin_dir, name);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return false;
	ret = bpf_map_lookup_elem(fd, key, value);
	close(fd);
	return !ret;
}

bool router_find(const char *pin_dir, const struct dmsc_addr *addr, __be16 port, uint8_t proto,
		 struct dmsc_rt_service *out)
{
	struct dmsc_rt_service_key key = { .addr = *addr, .port = port, .proto = proto };
	struct dmsc_rt_ctl ctl;
	__u32 zero = 0;

	pin_dir = pin_dir ?: DMSC_PIN_DIR;
	if (!pinned_entry(pin_dir, "dmsc_rt_ctl", &zero, &ctl) || !ctl.generation ||
	    ctl.abi != DMSC_RT_ABI)
		return false;
	key.side = ctl.generation & 1;
	return pinned_entry(pin_dir, "dmsc_rt_services", &key, out);
}

void router_status_free(struct router_status *st)
{
	size_t i;

	for (i = 0; i < st->nr_services; i++)
		free(st->services[i].instances);
	free(st->services);
	memset(st, 0, sizeof(*st));
}

/* ---- as a specification ---- */

static void instance_back(const struct router_instance_status *from, uint32_t side,
			  struct router_instance *to)
{
	const struct dmsc_rt_instance *in = &from->inst;

	strcpy(to->name, in->name);
	to->addr = in->addr;
	to->port = ntohs(in->port);
	to->weight = in->weight[side];
	to->priority = in->priority[side];
	to->distance = in->distance[side];
	if (!(in->flags[side] & DMSC_RT_INSTANCE_UP))
		to->state = ROUTER_DOWN;
	else if (to->weight && !(in->flags[side] & DMSC_RT_INSTANCE_NEW))
		to->state = ROUTER_DRAINING;
}

static int service_back(const struct router_service_status *from, uint32_t side,
			struct router_service *to)
{
	size_t i;

	strcpy(to->name, from->service.name);
	to->addr = from->key.addr;
	to->port = ntohs(from->key.port);
	to->proto = from->key.proto;
	to->method = from->service.method;
	to->by_client = from->service.flags & DMSC_RT_BY_CLIENT;
	to->spill = from->service.spill;
	to->table = from->service.table;
	to->instances = calloc(from->nr_instances + 1, sizeof(*to->instances));
	if (!to->instances)
		return -ENOMEM;
	for (i = 0; i < from->nr_instances; i++) {
		if (from->instances[i].inst.flags[side])
			instance_back(&from->instances[i], side, &to->instances[to->nr_instances++]);
	}
	return 0;
}

int router_spec_current(struct router *r, struct router_spec *s, struct dmsc_error *err)
{
	struct router_status st;
	size_t i;
	int ret;

	memset(s, 0, sizeof(*s));
	ret = router_status(r, &st, err);
	if (ret)
		return ret;
	s->seed = r->ctl->seed;
	s->services = calloc(st.nr_services + 1, sizeof(*s->services));
	if (!s->services)
		ret = -ENOMEM;
	for (i = 0; i < st.nr_services && !ret; i++) {
		/* A port of 0: not named any more. */
		if (st.services[i].key.port)
			ret = service_back(&st.services[i], st.generation & 1,
					   &s->services[s->nr_services++]);
	}
	router_status_free(&st);
	if (!ret)
		return 0;
	router_spec_free(s);
	return dmsc_fail(err, ret, "out of memory");
}
