/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The service router: which instance a socket gets when it asks for a service.
 * socket.bpf.c calls it before anything else in connect() and sendmsg(), so that
 * identity, policy and path are about the instance; router.bpf.c has the hooks
 * that keep the application's view (the service) and the counts.
 *
 * All of this runs under the socket's lock, but for the release, after which
 * nobody has the socket any more: what a socket holds has one writer at a time.
 */
#ifndef DMSC_BPF_ROUTER_H
#define DMSC_BPF_ROUTER_H

#include "process.h"
#include "router_maps.h"

#ifndef ECONNREFUSED
#define ECONNREFUSED	111
#endif

/* What a call asks for, and which instance it gets. */
struct route {
	struct dmsc_addr addr;	/* the service's; then the instance's */
	__be16 port;
	__u8 proto;
	__u8 side;
	bool connects;
	__u8 reserved[3];
	__u64 cookie, netns;	/* of the socket */
	__u64 secret;		/* of ctl */
	__u32 best, weight;	/* the best instance so far, 0 none */
	__u64 open;
};

enum route_verdict {
	ROUTE_NONE,		/* no address of a service */
	ROUTE_FOUND,
	ROUTE_REFUSED,
};

static __always_inline struct dmsc_rt_instance *rt_instance(__u32 number)
{
	return bpf_map_lookup_elem(&dmsc_rt_instances, &number);
}

static __always_inline struct dmsc_rt_load *rt_load(__u32 number)
{
	return bpf_map_lookup_elem(&dmsc_rt_loads, &number);
}

static __always_inline void rt_count(__u32 number, enum dmsc_rt_count what)
{
	struct dmsc_rt_counts *c = bpf_map_lookup_elem(&dmsc_rt_counts, &number);

	if (c)
		__sync_fetch_and_add(&c->n[what], 1);
}

/* ---- what a socket holds ---- */

static __always_inline void peer_leave(struct dmsc_rt_peer *p)
{
	struct dmsc_rt_load *load = rt_load(p->instance);

	if (load && p->instance)
		__sync_fetch_and_add(&load->open, -1);
	p->instance = 0;
}

/* Everything that the socket holds. Global: the verifier looks at it once. */
__weak int dmsc_route_leave(struct dmsc_rt_socket *s)
{
	__u64 cookie;
	int i;

	if (!s)
		return 0;
	for (i = 0; i < DMSC_RT_MAX_PEERS; i++)
		peer_leave(&s->peer[i]);
	cookie = s->cookie;
	if (cookie)
		bpf_map_delete_elem(&dmsc_rt_flows, &cookie);
	s->cookie = 0;
	s->next = 0;
	s->connected = 0;
	return 0;
}

/* An unused entry; else the oldest, whose answers come with the instance's address from now on. */
static __always_inline struct dmsc_rt_peer *peer_entry(struct dmsc_rt_socket *s, __u32 number)
{
	struct dmsc_rt_peer *p;
	int i;

	for (i = 0; i < DMSC_RT_MAX_PEERS; i++) {
		if (!s->peer[i].instance)
			return &s->peer[i];
	}
	p = &s->peer[s->next & (DMSC_RT_MAX_PEERS - 1)];
	s->next++;
	rt_count(number, DMSC_RT_GIVEN_UP);
	peer_leave(p);
	return p;
}

/* ---- which instance ---- */

/*
 * What a scan finds lies in @r and not in here: before 6.7 the verifier takes a
 * callback for one that is called once, believes what it knows of the stack, and
 * cuts off the branches of later calls. Of memory that it was given it knows nothing.
 */
struct rt_scan {
	struct route *r;
	__u32 first, nr, start, side;
	__u32 limit;		/* outstanding connections, 0: none */
};

static long scan_one(__u32 i, struct rt_scan *s)
{
	__u32 at = s->start + i, weight;
	struct dmsc_rt_instance *inst;
	struct dmsc_rt_load *load;
	struct route *r = s->r;
	__u64 *number, open;

	at = s->side * DMSC_RT_MAX_MEMBERS + s->first + (at < s->nr ? at : at - s->nr);
	number = bpf_map_lookup_elem(&dmsc_rt_members, &at);
	if (!number)
		return 1;
	at = *number;
	inst = rt_instance(at);
	load = rt_load(at);
	if (!inst || !load)
		return 0;
	open = *(volatile __u64 *)&load->open;
	weight = inst->weight[s->side & 1];
	if (!weight || (s->limit && open >= s->limit))
		return 0;
	/* As if it had this one already: (open + 1) / weight, without dividing. */
	if (!r->best || (open + 1) * r->weight < (r->open + 1) * weight) {
		r->best = at;
		r->open = open;
		r->weight = weight;
	}
	return 0;
}

/* One of a level's instances, with less than @limit outstanding connections; 0: none. */
static __always_inline __u32 level_choose(const struct dmsc_rt_service *svc,
					  const struct dmsc_rt_level *l, struct route *r,
					  __u32 limit, __u64 hash)
{
	__u32 side = r->side & 1;
	struct rt_scan scan = {
		.r = r, .first = l->first, .nr = l->nr, .side = side, .limit = limit,
	};
	struct dmsc_rt_ring *ring;
	struct dmsc_rt_load *load;
	__u32 at, number;

	if (!l->nr)
		return 0;
	if (svc->method == DMSC_RT_HASH && l->ring_size) {
		at = dmsc_gw_position(hash, l->ring_size);
		number = at & (DMSC_RT_RING_BLOCK - 1);
		at = side * DMSC_RT_RING_BLOCKS + l->ring + at / DMSC_RT_RING_BLOCK;
		ring = bpf_map_lookup_elem(&dmsc_rt_rings, &at);
		number = ring ? ring->instance[number] : 0;
		load = rt_load(number);
		if (number && load && (!limit || *(volatile __u64 *)&load->open < limit))
			return number;
	}
	/* Among equals the first one counts: each socket begins elsewhere. */
	scan.start = dmsc_gw_position(hash, l->nr);
	r->best = 0;
	bpf_loop(l->nr, scan_one, &scan, 0);
	return r->best;
}

/* Nearest first; the last level takes what the others are too full for. */
static __always_inline __u32 service_choose(const struct dmsc_rt_service *svc, struct route *r,
					    __u64 hash)
{
	__u32 number = 0, limit;
	int i;

	for (i = 0; i < DMSC_RT_MAX_LEVELS && !number; i++) {
		if (i >= svc->nr_levels)
			break;
		limit = i + 1 < svc->nr_levels ? svc->spill : 0;
		number = level_choose(svc, &svc->level[i], r, limit, hash);
		if (number && i)
			rt_count(svc->number, DMSC_RT_SPILLED);
	}
	return number;
}

/* Who asks, the same on all hosts where it is an instance of the plan. */
static __always_inline __u64 client_of(const struct route *r)
{
	__u64 id = bpf_get_current_cgroup_id();
	struct dmsc_instance *inst = NULL;
	struct control c;

	if (control_read(&c))
		inst = current_instance(side_of(c.generation), id);
	return inst ? inst->sid : id ^ r->secret;
}

/* ---- a call ---- */

static __always_inline struct dmsc_rt_service *rt_service(const struct route *r)
{
	struct dmsc_rt_service_key key = {
		.addr = r->addr, .port = r->port, .proto = r->proto, .side = r->side,
	};

	return bpf_map_lookup_elem(&dmsc_rt_services, &key);
}

/* What the socket has of the service, if its instance still takes it. */
static __always_inline bool route_known(struct route *r, struct dmsc_rt_socket *s,
					const struct dmsc_rt_service *svc, bool *moved)
{
	struct dmsc_rt_instance *inst;
	int i;

	for (i = 0; i < DMSC_RT_MAX_PEERS; i++) {
		struct dmsc_rt_peer *p = &s->peer[i];

		if (!p->instance || p->service != svc->id)
			continue;
		inst = rt_instance(p->instance);
		if (inst && inst->flags[r->side & 1] & DMSC_RT_INSTANCE_UP) {
			r->addr = p->addr;
			r->port = p->port;
			return true;
		}
		peer_leave(p);
		*moved = true;
		return false;
	}
	return false;
}

static __always_inline void route_list(const struct route *r, struct dmsc_rt_socket *s,
				       __u16 instance, __u32 number)
{
	struct dmsc_rt_flow flow = { .netns = r->netns, .instance = instance };
	__u64 cookie = r->cookie;

	if (bpf_map_update_elem(&dmsc_rt_flows, &cookie, &flow, BPF_ANY))
		rt_count(number, DMSC_RT_UNLISTED);
	else
		s->cookie = cookie;
}

/*
 * Gives the socket an instance of the service that @r asks for. @s is what it
 * holds, NULL where there was no memory: then it is not counted, but it has its
 * instance all the same. Returns enum route_verdict.
 */
__weak int dmsc_route_give(struct route *r, struct dmsc_rt_socket *s)
{
	struct dmsc_rt_service *svc;
	struct dmsc_rt_instance *inst;
	struct dmsc_rt_load *load;
	struct dmsc_rt_peer *p;
	bool moved = false;
	__u64 hash;
	__u32 number;

	if (!r)
		return ROUTE_NONE;
	svc = rt_service(r);
	if (!svc)
		return ROUTE_NONE;
	if (s && !r->connects && route_known(r, s, svc, &moved))
		return ROUTE_FOUND;

	if (svc->flags & DMSC_RT_BY_CLIENT)
		hash = dmsc_gw_hash(svc->salt, client_of(r), 0, 0);
	else
		hash = dmsc_gw_hash(r->secret, r->cookie, svc->salt, 0);
	number = service_choose(svc, r, hash);
	inst = rt_instance(number);
	load = rt_load(number);
	if (!number || !inst || !load) {
		rt_count(svc->number, DMSC_RT_REFUSED);
		return ROUTE_REFUSED;
	}
	rt_count(svc->number, DMSC_RT_CHOSEN);
	if (svc->flags & DMSC_RT_FAILOVER)
		rt_count(svc->number, DMSC_RT_FAILED_OVER);
	if (moved)
		rt_count(svc->number, DMSC_RT_MOVED);
	__sync_fetch_and_add(&load->total, 1);
	if (s) {
		p = peer_entry(s, svc->number);
		p->addr = inst->addr;
		p->port = inst->port;
		p->service_addr = r->addr;
		p->service_port = r->port;
		p->service = svc->id;
		p->instance = number;
		__sync_fetch_and_add(&load->open, 1);
		s->connected = r->connects;
		if (r->connects && r->proto == IPPROTO_UDP)
			route_list(r, s, number, svc->number);
	} else {
		rt_count(svc->number, DMSC_RT_UNCOUNTED);
	}
	r->addr = inst->addr;
	r->port = inst->port;
	return ROUTE_FOUND;
}

/* @r: with address and port. A connect() ends what the socket held before. */
static __always_inline int route_call(struct bpf_sock_addr *ctx, struct bpf_sock *sk,
				      struct route *r, bool connects)
{
	struct dmsc_rt_socket *s;
	struct dmsc_rt_ctl *ctl;
	__u32 zero = 0, generation;

	ctl = bpf_map_lookup_elem(&dmsc_rt_ctl, &zero);
	if (!ctl)
		return ROUTE_NONE;
	generation = *(volatile __u32 *)&ctl->generation;
	if (!generation)
		return ROUTE_NONE;
	r->side = side_of(generation);
	r->proto = ctx->protocol;
	if (connects) {
		s = bpf_sk_storage_get(&dmsc_rt_sockets, sk, NULL, 0);
		if (s)
			dmsc_route_leave(s);
	}
	if (!rt_service(r))
		return ROUTE_NONE;
	r->connects = connects;
	r->secret = ctl->secret;
	r->cookie = bpf_get_socket_cookie(ctx);
	r->netns = bpf_get_netns_cookie(ctx);
	s = bpf_sk_storage_get(&dmsc_rt_sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s)
		return dmsc_route_give(r, NULL);
	return dmsc_route_give(r, s);
}

/* Verdict of the hook: the call goes on, to the instance if it was about a service. */
static __always_inline int route4(struct bpf_sock_addr *ctx, struct bpf_sock *sk, bool connects)
{
	struct route r = { .port = ctx->user_port };
	int ret;

	addr_v4(&r.addr, ctx->user_ip4);
	ret = route_call(ctx, sk, &r, connects);
	if (ret == ROUTE_FOUND) {
		ctx->user_ip4 = ((__u32 *)r.addr.b)[3];
		ctx->user_port = r.port;
	} else if (ret == ROUTE_REFUSED) {
		bpf_set_retval(-ECONNREFUSED);
		return REFUSE;
	}
	return ALLOW;
}

static __always_inline int route6(struct bpf_sock_addr *ctx, struct bpf_sock *sk, bool connects)
{
	struct route r = { .port = ctx->user_port };
	__u32 *w = (__u32 *)r.addr.b;
	int ret;

	w[0] = ctx->user_ip6[0];
	w[1] = ctx->user_ip6[1];
	w[2] = ctx->user_ip6[2];
	w[3] = ctx->user_ip6[3];
	ret = route_call(ctx, sk, &r, connects);
	if (ret == ROUTE_FOUND) {
		ctx->user_ip6[0] = w[0];
		ctx->user_ip6[1] = w[1];
		ctx->user_ip6[2] = w[2];
		ctx->user_ip6[3] = w[3];
		ctx->user_port = r.port;
	} else if (ret == ROUTE_REFUSED) {
		bpf_set_retval(-ECONNREFUSED);
		return REFUSE;
	}
	return ALLOW;
}

/* The connect() does not take place. */
static __always_inline void route_undo(struct bpf_sock *sk)
{
	struct dmsc_rt_socket *s = bpf_sk_storage_get(&dmsc_rt_sockets, sk, NULL, 0);

	if (s)
		dmsc_route_leave(s);
}

#endif /* DMSC_BPF_ROUTER_H */
