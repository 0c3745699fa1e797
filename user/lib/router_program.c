// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One generation into the router's maps: it is put together whole, then written
 * into the side that is out of use, then one store makes that side the one in
 * force. Numbers of services and instances stay. A number is given to another
 * instance only when no socket holds it and the generation in force does not name
 * it, so that nobody can take it up meanwhile.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bpf_write.h"
#include "lib/maglev.h"
#include "lib/router_priv.h"

/* What an instance's number is on the new side. */
struct half {
	uint16_t weight;
	uint8_t flags, distance, priority;
};

/* A generation in the making. */
struct draft {
	struct router *r;
	const struct router_spec *spec;
	uint32_t side, old; /* the new one, the one in force */
	uint32_t last_id;
	struct dmsc_rt_service_key *old_keys;
	struct dmsc_rt_service *old_services;
	size_t nr_old;
	struct dmsc_rt_service services[DMSC_RT_MAX_SERVICES]; /* as in the spec */
	bool new_number[DMSC_RT_MAX_SERVICES];		       /* its counters begin at nothing */
	uint16_t *numbers[DMSC_RT_MAX_SERVICES];	       /* of each service's instances */
	struct dmsc_rt_instance made[DMSC_RT_MAX_INSTANCES];   /* new numbers' contents */
	bool is_new[DMSC_RT_MAX_INSTANCES];
	struct half half[DMSC_RT_MAX_INSTANCES];
	uint64_t members[DMSC_RT_MAX_MEMBERS];
	uint32_t nr_members, nr_blocks;
};

static void address_words(const struct dmsc_addr *a, uint64_t w[2])
{
	memcpy(w, a, sizeof(*a));
}

/* ---- services ---- */

static const struct dmsc_rt_service *old_service(const struct draft *p,
						 const struct router_service *s)
{
	size_t i;

	for (i = 0; i < p->nr_old; i++) {
		if (p->old_keys[i].port == htons(s->port) && p->old_keys[i].proto == s->proto &&
		    !memcmp(&p->old_keys[i].addr, &s->addr, sizeof(s->addr)))
			return &p->old_services[i];
	}
	return NULL;
}

static bool number_used(const struct dmsc_rt_service *list, size_t n, uint16_t number)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (list[i].number == number)
			return true;
	}
	return false;
}

/* A number that neither generation uses; of two full ones, one that the old uses. */
static uint16_t free_number(const struct draft *p)
{
	uint16_t i, spare = 0;

	for (i = 1; i < DMSC_RT_MAX_SERVICES; i++) {
		if (number_used(p->services, p->spec->nr_services, i))
			continue;
		if (!number_used(p->old_services, p->nr_old, i))
			return i;
		spare = i;
	}
	return spare;
}

static void describe_service(const struct draft *p, const struct router_service *s,
			     struct dmsc_rt_service *to)
{
	uint64_t w[2];

	address_words(&s->addr, w);
	to->salt = dmsc_gw_salt(p->spec->seed, w[0], w[1], htons(s->port), s->proto);
	to->method = s->method;
	to->flags = s->by_client ? DMSC_RT_BY_CLIENT : 0;
	to->spill = s->spill;
	to->table = s->table;
	strcpy(to->name, s->name);
}

static int plan_services(struct draft *p, struct dmsc_error *err)
{
	const struct dmsc_rt_service *old;
	size_t i;

	if (p->spec->nr_services >= DMSC_RT_MAX_SERVICES)
		return dmsc_fail(err, -E2BIG, "services: %zu, at most %d fit", p->spec->nr_services,
				 DMSC_RT_MAX_SERVICES - 1);
	for (i = 0; i < p->spec->nr_services; i++) {
		describe_service(p, &p->spec->services[i], &p->services[i]);
		old = old_service(p, &p->spec->services[i]);
		if (old) {
			p->services[i].number = old->number;
			p->services[i].id = old->id;
		}
	}
	for (i = 0; i < p->spec->nr_services; i++) {
		if (p->services[i].number)
			continue;
		p->services[i].number = free_number(p);
		p->new_number[i] = true;
		/* After four thousand million services ids begin again. */
		if (!++p->last_id)
			++p->last_id;
		p->services[i].id = p->last_id;
	}
	return 0;
}

/* ---- instances ---- */

/* The number that the instance has, or had and sockets still hold. */
static uint16_t known_number(const struct draft *p, uint32_t service,
			     const struct router_instance *inst)
{
	uint32_t i;

	for (i = 1; i < DMSC_RT_MAX_INSTANCES; i++) {
		const struct dmsc_rt_instance *in = &p->r->instances[i];

		if (in->service == service && in->port == htons(inst->port) && !p->half[i].flags &&
		    !memcmp(&in->addr, &inst->addr, sizeof(in->addr)) &&
		    (in->flags[p->old] || router_open_sockets(p->r, i)))
			return i;
	}
	return 0;
}

static uint16_t free_instance(const struct draft *p)
{
	uint32_t i;

	for (i = 1; i < DMSC_RT_MAX_INSTANCES; i++) {
		if (!p->r->instances[i].flags[p->old] && !p->half[i].flags &&
		    !router_open_sockets(p->r, i))
			return i;
	}
	return 0;
}

static uint8_t instance_flags(const struct router_instance *inst)
{
	switch (inst->state) {
	case ROUTER_ACTIVE:
		return DMSC_RT_INSTANCE_USED | DMSC_RT_INSTANCE_UP |
		       (inst->weight ? DMSC_RT_INSTANCE_NEW : 0);
	case ROUTER_DRAINING:
		return DMSC_RT_INSTANCE_USED | DMSC_RT_INSTANCE_UP;
	default:
		return DMSC_RT_INSTANCE_USED;
	}
}

static int plan_instances(struct draft *p, size_t service, struct dmsc_error *err)
{
	const struct router_service *s = &p->spec->services[service];
	const struct dmsc_rt_service *to = &p->services[service];
	uint16_t number;
	size_t i;

	p->numbers[service] = calloc(s->nr_instances + 1, sizeof(uint16_t));
	if (!p->numbers[service])
		return dmsc_fail(err, -ENOMEM, "out of memory");
	for (i = 0; i < s->nr_instances; i++) {
		const struct router_instance *inst = &s->instances[i];

		number = known_number(p, to->id, inst);
		if (!number) {
			number = free_instance(p);
			if (!number)
				return dmsc_fail(err, -E2BIG,
						 "services[%zu].instances[%zu]: more than %d instances in all, with those that sockets still hold",
						 service, i, DMSC_RT_MAX_INSTANCES - 1);
			p->is_new[number] = true;
			p->made[number] = (struct dmsc_rt_instance){ .addr = inst->addr,
								     .port = htons(inst->port),
								     .service = to->id };
		}
		p->made[number].number = to->number;
		strcpy(p->made[number].name, inst->name);
		strcpy(p->made[number].service_name, s->name);
		p->half[number] = (struct half){ inst->weight, instance_flags(inst), inst->distance,
						 inst->priority };
		p->numbers[service][i] = number;
	}
	return 0;
}

/* ---- levels ---- */

static bool takes_new(const struct router_instance *inst)
{
	return instance_flags(inst) & DMSC_RT_INSTANCE_NEW;
}

/* The best priority of those that take something new; *named: of all. -1: nobody does. */
static int best_priority(const struct router_service *s, int *named)
{
	int best = -1;
	size_t i;

	*named = ROUTER_PRIORITY_MAX;
	for (i = 0; i < s->nr_instances; i++) {
		const struct router_instance *inst = &s->instances[i];

		if (inst->priority < *named)
			*named = inst->priority;
		if (takes_new(inst) && (best < 0 || inst->priority < best))
			best = inst->priority;
	}
	return best;
}

/* Members of a level: of @priority, and of @distance where that matters. */
static bool in_level(const struct router_service *s, const struct router_instance *inst,
		     int priority, uint32_t distance)
{
	return takes_new(inst) && inst->priority == priority &&
	       (!s->spill || inst->distance == distance);
}

static int plan_level(struct draft *p, size_t service, int priority, uint32_t distance,
		      struct dmsc_error *err)
{
	const struct router_service *s = &p->spec->services[service];
	struct dmsc_rt_service *to = &p->services[service];
	struct dmsc_rt_level *l = &to->level[to->nr_levels];
	size_t i;

	*l = (struct dmsc_rt_level){ .first = p->nr_members, .ring = p->nr_blocks };
	for (i = 0; i < s->nr_instances; i++) {
		if (!in_level(s, &s->instances[i], priority, distance))
			continue;
		if (p->nr_members == DMSC_RT_MAX_MEMBERS)
			return dmsc_fail(err, -E2BIG,
					 "services[%zu].instances: more than %d in all services",
					 service, DMSC_RT_MAX_MEMBERS);
		p->members[p->nr_members++] = p->numbers[service][i];
		l->nr++;
	}
	if (!l->nr)
		return 0;
	if (s->method == DMSC_RT_HASH) {
		l->ring_size = s->table;
		p->nr_blocks += (s->table + DMSC_RT_RING_BLOCK - 1) / DMSC_RT_RING_BLOCK;
		if (p->nr_blocks > DMSC_RT_RING_BLOCKS)
			return dmsc_fail(err, -E2BIG,
					 "services[%zu].table: %u positions, of %u that fit in all; give services smaller tables",
					 service, s->table,
					 DMSC_RT_RING_BLOCKS * DMSC_RT_RING_BLOCK);
	}
	to->nr_levels++;
	return 0;
}

static int plan_levels(struct draft *p, size_t service, struct dmsc_error *err)
{
	const struct router_service *s = &p->spec->services[service];
	struct dmsc_rt_service *to = &p->services[service];
	int named, priority = best_priority(s, &named), ret = 0;
	uint32_t distance;

	if (priority < 0)
		return 0;
	to->priority = priority;
	if (named < priority)
		to->flags |= DMSC_RT_FAILOVER;
	if (!s->spill)
		return plan_level(p, service, priority, 0, err);
	for (distance = 0; distance < DMSC_RT_MAX_LEVELS && !ret; distance++)
		ret = plan_level(p, service, priority, distance, err);
	return ret;
}

/* ---- writing ---- */

static int write_ring(const struct draft *p, const struct router_service *s,
		      const struct dmsc_rt_service *to, const struct dmsc_rt_level *l,
		      struct dmsc_error *err)
{
	struct maglev_backend *b;
	uint32_t i;
	int ret;

	if (!l->ring_size)
		return 0;
	b = calloc(l->nr, sizeof(*b));
	if (!b)
		return dmsc_fail(err, -ENOMEM, "out of memory");
	for (i = 0; i < l->nr; i++) {
		uint16_t number = p->members[l->first + i];
		const struct dmsc_rt_instance *in =
			p->is_new[number] ? &p->made[number] : &p->r->instances[number];

		/* Instances of one host differ by port. */
		address_words(&in->addr, b[i].key);
		b[i].key[1] = dmsc_gw_mix(b[i].key[1], in->port);
		b[i].weight = p->half[number].weight;
		b[i].number = number;
	}
	ret = maglev_fill(p->r->rings[p->side * DMSC_RT_RING_BLOCKS + l->ring].instance,
			  l->ring_size, b, l->nr, to->salt);
	free(b);
	return ret ? dmsc_fail(err, ret, "service %s: no Maglev table: %s", s->name, strerror(-ret)) :
		     0;
}

static void write_instances(const struct draft *p)
{
	struct router *r = p->r;
	uint32_t i;

	for (i = 1; i < DMSC_RT_MAX_INSTANCES; i++) {
		struct dmsc_rt_instance *in = &r->instances[i];

		if (p->is_new[i]) {
			*in = p->made[i];
			r->loads[i].total = 0;
		} else if (p->half[i].flags) {
			/* Only names and counters: no program reads the one and all may the other. */
			in->number = p->made[i].number;
			memcpy(in->name, p->made[i].name, sizeof(in->name));
			memcpy(in->service_name, p->made[i].service_name, sizeof(in->service_name));
		}
		in->weight[p->side] = p->half[i].weight;
		in->flags[p->side] = p->half[i].flags;
		in->distance[p->side] = p->half[i].distance;
		in->priority[p->side] = p->half[i].priority;
	}
}

static int empty_services(const struct draft *p, struct dmsc_error *err)
{
	struct dmsc_rt_service_key *keys;
	struct dmsc_rt_service *values;
	size_t n, i;
	int ret = router_services(p->r, p->side, &keys, &values, &n, err);

	if (ret)
		return ret;
	for (i = 0; i < n; i++)
		bpf_map_delete_elem(p->r->services, &keys[i]);
	free(keys);
	free(values);
	return 0;
}

static int write_side(const struct draft *p, struct dmsc_error *err)
{
	struct router *r = p->r;
	int ret = empty_services(p, err);
	size_t i;
	uint8_t l;

	if (ret)
		return ret;
	write_instances(p);
	memcpy(r->members + p->side * DMSC_RT_MAX_MEMBERS, p->members, sizeof(p->members));
	for (i = 0; i < p->spec->nr_services && !ret; i++) {
		const struct router_service *s = &p->spec->services[i];
		const struct dmsc_rt_service *to = &p->services[i];
		struct dmsc_rt_service_key key = { s->addr, htons(s->port), s->proto, p->side };

		for (l = 0; l < to->nr_levels && !ret; l++)
			ret = write_ring(p, s, to, &to->level[l], err);
		if (ret)
			return ret;
		if (p->new_number[i])
			memset(&r->counts[to->number], 0, sizeof(*r->counts));
		ret = bpf_write(r->services, &key, to, BPF_ANY);
		if (ret)
			dmsc_fail(err, ret, "service %s: dmsc_rt_services: %s", s->name,
				  strerror(-ret));
	}
	return ret;
}

static void commit(struct router *r, uint32_t generation)
{
	union {
		struct {
			uint32_t generation, flags;
		};
		uint64_t word;
	} u = { .generation = generation };

	__atomic_store_n((uint64_t *)r->ctl, u.word, __ATOMIC_RELEASE);
}

static bool any_udp(const struct router_spec *s)
{
	size_t i;

	for (i = 0; i < s->nr_services; i++) {
		if (s->services[i].proto == IPPROTO_UDP)
			return true;
	}
	return false;
}

static int plan_make(struct draft *p, struct dmsc_error *err)
{
	size_t i;
	int ret;

	ret = router_services(p->r, p->old, &p->old_keys, &p->old_services, &p->nr_old, err);
	if (!ret)
		ret = plan_services(p, err);
	for (i = 0; i < p->spec->nr_services && !ret; i++)
		ret = plan_instances(p, i, err);
	for (i = 0; i < p->spec->nr_services && !ret; i++)
		ret = plan_levels(p, i, err);
	return ret;
}

int router_program(struct router *r, const struct router_spec *s, struct dmsc_error *err)
{
	uint32_t before = r->ctl->generation;
	uint32_t generation = before >= INT_MAX ? 2 : before + 1;
	struct draft *p = calloc(1, sizeof(*p));
	size_t i;
	int ret;

	if (!p)
		return dmsc_fail(err, -ENOMEM, "out of memory");
	p->r = r;
	p->spec = s;
	p->side = generation & 1;
	p->old = before & 1;
	p->last_id = r->ctl->last_id;
	/* Who still reads the side that is written may be about to take up a number. */
	bpf_grace_period();
	ret = plan_make(p, err);
	/* The hooks that count down are there before anything is counted up. */
	if (!ret && r->dp)
		ret = dataplane_attach_router(r->dp, r->cgroup, any_udp(s), err);
	if (!ret) {
		/* An id that was written somewhere is never given again. */
		r->ctl->last_id = p->last_id;
		ret = write_side(p, err);
	}
	if (!ret) {
		r->ctl->seed = s->seed;
		commit(r, generation);
	} else if (!before && r->dp) {
		dataplane_detach_router(r->pin_dir);
	}
	for (i = 0; i < s->nr_services && i < DMSC_RT_MAX_SERVICES; i++)
		free(p->numbers[i]);
	free(p->old_keys);
	free(p->old_services);
	free(p);
	return ret ?: (int)generation;
}
