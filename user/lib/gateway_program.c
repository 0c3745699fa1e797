// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One generation into the gateway's maps: it is put together whole, then written
 * into the side that is out of use, then one store makes that side the one in
 * force. Numbers of services and instances are those that they had, so that flows
 * go on; numbers that are needed anew are such that the side in force does not
 * use. Whoever is killed on the way leaves one side or the other in force, whole.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bpf_write.h"
#include "lib/gateway_priv.h"
#include "lib/maglev.h"
#include "lib/neigh.h"

#define SEEDS 4096 /* tried for an address table without a bucket that is too full */

/* A generation in the making. */
struct plan {
	struct gw *gw;
	const struct gateway_spec *spec;
	uint32_t side;
	uint32_t last_id;
	uint32_t *live; /* flows of each real */
	struct dmsc_gw_service services[DMSC_GW_MAX_SERVICES];
	uint16_t number[DMSC_GW_MAX_SERVICES];	     /* of each service of the spec */
	uint16_t *reals[DMSC_GW_MAX_SERVICES];	     /* of each instance of it */
	struct dmsc_gw_real made[DMSC_GW_MAX_REALS]; /* new numbers' contents */
	bool is_new[DMSC_GW_MAX_REALS];
	uint8_t flags[DMSC_GW_MAX_REALS]; /* of the new side */
	struct dmsc_gw_bucket vips[DMSC_GW_VIP_BUCKETS];
	uint64_t vip_seed;
};

const struct dmsc_gw_vip *gateway_vip(const struct gw *gw, const struct dmsc_addr *addr,
				      __be16 port, uint8_t proto)
{
	uint32_t side = gateway_side(gw), i;

	for (i = 0; i < DMSC_GW_VIP_BUCKETS * DMSC_GW_WAYS; i++) {
		const struct dmsc_gw_bucket *b =
			&gw->vips[side * DMSC_GW_VIP_BUCKETS + i / DMSC_GW_WAYS];
		const struct dmsc_gw_vip *v = &b->way[i % DMSC_GW_WAYS];

		if (v->proto == proto && v->port == port && !memcmp(&v->addr, addr, sizeof(*addr)))
			return v;
	}
	return NULL;
}

/* ---- services ---- */

static uint64_t interval(uint64_t rate)
{
	return rate ? 1000000000ULL / rate : 0;
}

/* A number that neither the new side nor the one in force uses; 0: none is left. */
static uint16_t free_service(const struct plan *p)
{
	const struct dmsc_gw_service *old =
		p->gw->services + gateway_side(p->gw) * DMSC_GW_MAX_SERVICES;
	uint32_t i;

	for (i = 1; i < DMSC_GW_MAX_SERVICES; i++) {
		if (!p->services[i].id && !old[i].id)
			return i;
	}
	/* Two full generations with nothing in common: the old one's numbers will do. */
	for (i = 1; i < DMSC_GW_MAX_SERVICES; i++) {
		if (!p->services[i].id)
			return i;
	}
	return 0;
}

static void set_service(struct plan *p, uint16_t number, uint32_t id,
			const struct gateway_service *s)
{
	struct dmsc_gw_service *to = &p->services[number];
	uint64_t w[2];

	gateway_words(&s->addr, w);
	*to = (struct dmsc_gw_service){
		.salt = dmsc_gw_salt(p->spec->seed, w[0], w[1], htons(s->port), s->proto),
		.id = id,
		.packet_ns = interval(s->rate),
		.syn_ns = interval(s->syn_rate),
		.source_ns = interval(s->source_rate),
	};
	strcpy(to->name, s->name);
}

/* First those that are there keep their numbers, then the others get what is left. */
static int plan_services(struct plan *p, struct dmsc_error *err)
{
	size_t i;

	for (i = 0; i < p->spec->nr_services; i++) {
		const struct gateway_service *s = &p->spec->services[i];
		const struct dmsc_gw_vip *v = gateway_vip(p->gw, &s->addr, htons(s->port), s->proto);

		if (v) {
			p->number[i] = v->service;
			set_service(p, v->service, v->id, s);
		}
	}
	for (i = 0; i < p->spec->nr_services; i++) {
		if (p->number[i])
			continue;
		p->number[i] = free_service(p);
		if (!p->number[i])
			return dmsc_fail(err, -E2BIG, "services: more than %d",
					 DMSC_GW_MAX_SERVICES - 1);
		/* After four thousand million services ids begin again. */
		if (!++p->last_id)
			++p->last_id;
		set_service(p, p->number[i], p->last_id, &p->spec->services[i]);
	}
	return 0;
}

/* ---- instances ---- */

static void describe_real(const struct plan *p, size_t service, const struct gateway_instance *inst,
			  struct dmsc_gw_real *r)
{
	const struct gateway_service *s = &p->spec->services[service];
	bool v4 = dmsc_addr_is_v4(&inst->addr);
	uint16_t word;
	int i;

	memset(r, 0, sizeof(*r));
	r->addr = inst->addr;
	r->number = p->number[service];
	r->service = p->services[r->number].id;
	strcpy(r->name, inst->name);
	if (s->local)
		return;
	r->encap = v4 ? DMSC_GW_ENCAP_IP4 : DMSC_GW_ENCAP_IP6;
	r->source = p->spec->source[!v4];
	r->gue_port = htons(s->gue_port);
	for (i = 12; i < 16 && v4; i += 2) {
		memcpy(&word, r->addr.b + i, sizeof(word));
		r->csum += word;
		memcpy(&word, r->source.b + i, sizeof(word));
		r->csum += word;
	}
}

/* Whether packets to @a go where packets to @b go. */
static bool same_real(const struct dmsc_gw_real *a, const struct dmsc_gw_real *b)
{
	return a->service == b->service && a->encap == b->encap && a->gue_port == b->gue_port &&
	       !memcmp(&a->addr, &b->addr, sizeof(a->addr)) &&
	       !memcmp(&a->source, &b->source, sizeof(a->source));
}

static uint16_t known_real(const struct plan *p, const struct dmsc_gw_real *r)
{
	uint32_t old = gateway_side(p->gw), i;

	for (i = 1; i < DMSC_GW_MAX_REALS; i++) {
		if (p->gw->reals[i].flags[old] && !p->flags[i] && same_real(&p->gw->reals[i], r))
			return i;
	}
	return 0;
}

static uint16_t free_real(const struct plan *p)
{
	uint32_t old = gateway_side(p->gw), i;

	for (i = 1; i < DMSC_GW_MAX_REALS; i++) {
		if (!p->gw->reals[i].flags[old] && !p->flags[i] && !p->is_new[i])
			return i;
	}
	return 0;
}

static uint8_t real_flags(const struct gateway_instance *inst)
{
	switch (inst->state) {
	case GATEWAY_ACTIVE:
		return DMSC_GW_REAL_USED | DMSC_GW_REAL_UP | (inst->weight ? DMSC_GW_REAL_NEW : 0);
	case GATEWAY_DRAINING:
		return DMSC_GW_REAL_USED | DMSC_GW_REAL_UP;
	case GATEWAY_DOWN:
		break;
	}
	return DMSC_GW_REAL_USED;
}

static int plan_instances(struct plan *p, size_t service, struct dmsc_error *err)
{
	const struct gateway_service *s = &p->spec->services[service];
	struct dmsc_gw_real r;
	uint16_t number;
	size_t i;

	p->reals[service] = calloc(s->nr_instances + 1, sizeof(uint16_t));
	if (!p->reals[service])
		return dmsc_fail(err, -ENOMEM, "out of memory");
	for (i = 0; i < s->nr_instances; i++) {
		describe_real(p, service, &s->instances[i], &r);
		number = known_real(p, &r);
		if (!number) {
			number = free_real(p);
			if (!number)
				return dmsc_fail(err, -E2BIG,
						 "instances: more than %d, with those that still have flows",
						 DMSC_GW_MAX_REALS - 1);
			r.version = p->gw->reals[number].version + 1;
			p->made[number] = r;
			p->is_new[number] = true;
		}
		p->reals[service][i] = number;
		p->flags[number] = real_flags(&s->instances[i]);
	}
	return 0;
}

/* Who is not named any more keeps its flows, as long as its service is there. */
static void plan_lingering(struct plan *p)
{
	uint32_t old = gateway_side(p->gw), i;

	for (i = 1; i < DMSC_GW_MAX_REALS; i++) {
		const struct dmsc_gw_real *r = &p->gw->reals[i];

		if ((r->flags[old] & DMSC_GW_REAL_UP) && !p->flags[i] && p->live[i] &&
		    p->services[r->number].id == r->service)
			p->flags[i] = DMSC_GW_REAL_UP;
	}
}

/* ---- addresses ---- */

static bool put_vip(struct plan *p, const struct dmsc_gw_vip *v)
{
	struct dmsc_gw_bucket *b;
	uint64_t w[2], h;
	int i;

	gateway_words(&v->addr, w);
	h = dmsc_gw_mix(p->vip_seed, w[0] ^ ((uint64_t)v->port << 8 | v->proto));
	h = dmsc_gw_mix(h, w[1]);
	b = &p->vips[(uint32_t)h & (DMSC_GW_VIP_BUCKETS - 1)];
	for (i = 0; i < DMSC_GW_WAYS; i++) {
		if (!b->way[i].proto) {
			b->way[i] = *v;
			return true;
		}
	}
	return false;
}

/*
 * The service that fragments to the address of service @i belong to: the one that
 * tells instances apart by source, else the first of the address, which counts
 * them as dropped. *@first: whether @i is to say so.
 */
static size_t fragments_of(const struct gateway_spec *spec, size_t i, bool *first)
{
	const struct gateway_service *s = &spec->services[i];
	size_t k, owner = i;

	*first = true;
	for (k = 0; k < spec->nr_services; k++) {
		const struct gateway_service *o = &spec->services[k];

		if (o->proto != s->proto || memcmp(&o->addr, &s->addr, sizeof(s->addr)))
			continue;
		if (k < i)
			*first = false;
		if (o->by_source)
			owner = k;
	}
	return owner;
}

static bool put_service(struct plan *p, size_t i)
{
	const struct gateway_service *s = &p->spec->services[i];
	const struct dmsc_gw_service *to = &p->services[p->number[i]];
	struct dmsc_gw_vip v = {
		.addr = s->addr,
		.port = htons(s->port),
		.proto = s->proto,
		.service = p->number[i],
		.id = to->id,
	};
	bool first;
	size_t owner;

	if (to->packet_ns || to->syn_ns || to->source_ns)
		v.flags |= DMSC_GW_VIP_LIMITED;
	if (s->by_source)
		v.flags |= DMSC_GW_VIP_SOURCE;
	if (!put_vip(p, &v))
		return false;
	owner = fragments_of(p->spec, i, &first);
	if (!first)
		return true;
	to = &p->services[p->number[owner]];
	v.port = 0;
	v.service = p->number[owner];
	v.id = to->id;
	v.flags = p->spec->services[owner].by_source ? DMSC_GW_VIP_SOURCE : 0;
	if (to->packet_ns || to->source_ns)
		v.flags |= DMSC_GW_VIP_LIMITED;
	return put_vip(p, &v);
}

static int plan_addresses(struct plan *p, struct dmsc_error *err)
{
	uint64_t seed;
	size_t i;

	for (seed = 1; seed <= SEEDS; seed++) {
		memset(p->vips, 0, sizeof(p->vips));
		p->vip_seed = dmsc_gw_mix(p->gw->ctl->secret, seed);
		for (i = 0; i < p->spec->nr_services && put_service(p, i); i++)
			;
		if (i == p->spec->nr_services)
			return 0;
	}
	return dmsc_fail(err, -E2BIG, "services: their addresses do not fit the address table");
}

/* ---- Maglev tables ---- */

static uint32_t ring_blocks(uint32_t positions)
{
	return (positions + DMSC_GW_RING_BLOCK - 1) / DMSC_GW_RING_BLOCK;
}

static uint32_t weight(const struct gateway_instance *inst)
{
	return inst->state == GATEWAY_ACTIVE ? inst->weight : 0;
}

/* Where each service's table lies. */
static int plan_rings(struct plan *p, struct dmsc_error *err)
{
	uint32_t used = 0;
	size_t i, k;

	for (i = 0; i < p->spec->nr_services; i++) {
		const struct gateway_service *s = &p->spec->services[i];
		struct dmsc_gw_service *to = &p->services[p->number[i]];

		to->ring = used;
		used += ring_blocks(s->table);
		if (used > DMSC_GW_RING_BLOCKS)
			return dmsc_fail(err, -E2BIG,
					 "services[%zu].table: %u positions, of %u that fit in all; give services smaller tables",
					 i, s->table, DMSC_GW_RING_BLOCKS * DMSC_GW_RING_BLOCK);
		for (k = 0; k < s->nr_instances; k++) {
			if (weight(&s->instances[k]))
				to->ring_size = s->table;
		}
	}
	return 0;
}

/* Fills one service's table, in place, on the side that is out of use. */
static int write_ring(const struct plan *p, size_t i, struct dmsc_error *err)
{
	const struct gateway_service *s = &p->spec->services[i];
	const struct dmsc_gw_service *to = &p->services[p->number[i]];
	struct maglev_backend *b;
	size_t k;
	int ret;

	if (!to->ring_size)
		return 0;
	b = calloc(s->nr_instances, sizeof(*b));
	if (!b)
		return dmsc_fail(err, -ENOMEM, "out of memory");
	for (k = 0; k < s->nr_instances; k++) {
		gateway_words(&s->instances[k].addr, b[k].key);
		b[k].weight = weight(&s->instances[k]);
		b[k].number = p->reals[i][k];
	}
	ret = maglev_fill(p->gw->rings[p->side * DMSC_GW_RING_BLOCKS + to->ring].real,
			  to->ring_size, b, s->nr_instances, to->salt);
	free(b);
	return ret ? dmsc_fail(err, ret, "services[%zu]: no Maglev table: %s", i, strerror(-ret)) :
		     0;
}

/* ---- the change ---- */

static int plan_make(struct plan *p, struct dmsc_error *err)
{
	size_t i;
	int ret = plan_services(p, err);

	for (i = 0; i < p->spec->nr_services && !ret; i++)
		ret = plan_instances(p, i, err);
	if (!ret)
		ret = plan_addresses(p, err);
	if (!ret)
		ret = plan_rings(p, err);
	if (!ret)
		plan_lingering(p);
	return ret;
}

static int write_side(const struct plan *p, struct dmsc_error *err)
{
	struct gw *gw = p->gw;
	size_t i;
	int ret = 0;

	/* The counters and lanes of a number that means something new start at nothing. */
	for (i = 1; i < DMSC_GW_MAX_REALS; i++) {
		uint32_t cpu;

		if (p->is_new[i]) {
			gw->reals[i] = p->made[i];
			for (cpu = 0; cpu < gw->cpus; cpu++)
				memset(&gw->lanes[cpu * DMSC_GW_MAX_REALS + i], 0,
				       sizeof(*gw->lanes));
		}
		gw->reals[i].flags[p->side] = p->flags[i];
	}
	for (i = 0; i < p->spec->nr_services && !ret; i++)
		ret = write_ring(p, i, err);
	if (ret)
		return ret;
	memcpy(gw->services + p->side * DMSC_GW_MAX_SERVICES, p->services, sizeof(p->services));
	memcpy(gw->vips + p->side * DMSC_GW_VIP_BUCKETS, p->vips, sizeof(p->vips));
	gw->ctl->vip_seed[p->side] = p->vip_seed;
	return 0;
}

static void commit(struct gw *gw, uint32_t generation)
{
	union {
		struct {
			uint32_t generation, flags;
		};
		uint64_t word;
	} u = { .generation = generation };

	__atomic_store_n((uint64_t *)gw->ctl, u.word, __ATOMIC_RELEASE);
}

/* Whom packets are unwrapped from: new ones first, so that no known one is missing. */
static int program_unwrap(struct gw *gw, const struct gateway_spec *s, struct dmsc_error *err)
{
	struct dmsc_gw_peer peer = { .gue_port = htons(s->unwrap_gue_port) };
	struct dmsc_addr key, gone[DMSC_GW_MAX_GATEWAYS], *prev = NULL;
	int fd = gateway_map(gw, "dmsc_gw_decap");
	size_t i, n = 0;

	while (!bpf_map_get_next_key(fd, prev, &key)) {
		for (i = 0; i < s->nr_gateways && memcmp(&s->gateways[i], &key, sizeof(key)); i++)
			;
		if (i == s->nr_gateways && n < DMSC_GW_MAX_GATEWAYS)
			gone[n++] = key;
		prev = &key;
	}
	/* A full map has no room for the new before the old are gone. */
	for (i = 0; i < n; i++)
		bpf_map_delete_elem(fd, &gone[i]);
	for (i = 0; i < s->nr_gateways; i++) {
		if (bpf_map_update_elem(fd, &s->gateways[i], &peer, BPF_ANY))
			return dmsc_fail(err, -errno, "unwrap.from[%zu]: %s", i, strerror(errno));
	}
	return 0;
}

int gateway_program(struct gw *gw, const struct gateway_spec *s, struct dmsc_error *err)
{
	uint32_t generation = gw->ctl->generation >= INT_MAX ? 2 : gw->ctl->generation + 1;
	struct plan *p = calloc(1, sizeof(*p));
	size_t i;
	int ret;

	if (!p)
		return dmsc_fail(err, -ENOMEM, "out of memory");
	p->gw = gw;
	p->spec = s;
	p->side = generation & 1;
	p->last_id = gw->ctl->last_id;
	p->live = gateway_live_flows(gw);
	ret = p->live ? plan_make(p, err) : dmsc_fail(err, -ENOMEM, "out of memory");
	if (!ret)
		ret = program_unwrap(gw, s, err);
	if (!ret) {
		/* An id that was written somewhere is never given again. */
		gw->ctl->last_id = p->last_id;
		bpf_grace_period();
		ret = write_side(p, err);
	}
	if (!ret) {
		gw->ctl->insert_ns = interval(s->insert_rate);
		gw->ctl->tcp_ns = s->tcp_timeout * 1000000000ULL;
		gw->ctl->udp_ns = s->udp_timeout * 1000000000ULL;
		commit(gw, generation);
	}
	for (i = 0; i < s->nr_services; i++)
		free(p->reals[i]);
	free(p->live);
	free(p);
	return ret ?: (int)generation;
}
