/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Which instance a flow goes to: the one that it went to before, as the flow
 * table of this CPU knows, else the one that its hash names in the service's
 * Maglev table. Limits on the way there.
 */
#ifndef DMSC_BPF_GATEWAY_FLOW_H
#define DMSC_BPF_GATEWAY_FLOW_H

#include "gateway_maps.h"
#include "gateway_packet.h"

#define GW_FAILOVER_TRIES	8	/* positions of the ring tried for an instance that is up */
#define GW_LIMIT_TRIES		4	/* times another CPU may be first at a limit */

/* One packet's way through the gateway. */
struct gw {
	struct gw_packet p;
	struct dmsc_gw_ctl *ctl;
	struct dmsc_gw_vip *vip;
	struct dmsc_gw_counts *counts;	/* of the service, this CPU's */
	struct dmsc_gw_real *real;
	struct dmsc_gw_lane *lane;
	__u64 now;			/* coarse clock, ns */
	__u64 hash;			/* the flow's, on this host */
	__u32 cpu;
	__u32 side;
};

static __always_inline void gw_count(struct gw *g, enum dmsc_gw_count what)
{
	if (g->counts)
		g->counts->n[what]++;
}

static __always_inline bool gw_counts_of(struct gw *g, __u32 service)
{
	__u32 index = g->cpu * DMSC_GW_MAX_SERVICES + service;

	g->counts = bpf_map_lookup_elem(&dmsc_gw_counts, &index);
	return g->counts;
}

/* The entry of the address table that the packet is for. */
static __always_inline struct dmsc_gw_vip *gw_vip(const struct gw *g, __be16 port)
{
	const struct gw_packet *p = &g->p;
	struct dmsc_gw_bucket *bucket;
	__u64 h;
	__u32 index;
	int i;

	h = dmsc_gw_mix(g->ctl->vip_seed[g->side], p->dst.a ^ ((__u64)port << 8 | p->proto));
	h = dmsc_gw_mix(h, p->dst.b);
	index = ((__u32)h & (DMSC_GW_VIP_BUCKETS - 1)) + g->side * DMSC_GW_VIP_BUCKETS;
	bucket = bpf_map_lookup_elem(&dmsc_gw_vips, &index);
	if (!bucket)
		return NULL;
	for (i = 0; i < DMSC_GW_WAYS; i++) {
		struct dmsc_gw_vip *v = &bucket->way[i];
		const __u64 *w = (const __u64 *)&v->addr;

		if (w[1] == p->dst.b && w[0] == p->dst.a && v->port == port &&
		    v->proto == p->proto)
			return v;
	}
	return NULL;
}

/* ---- limits ---- */

/*
 * The virtual scheduling form of the leaky bucket (ITU-T I.371, GCRA): *@at is
 * when the next packet is due that comes exactly at the rate. One that is more
 * than a burst early is one too many. When other CPUs keep being first, it
 * passes: the limit is theirs as well, so it errs by a packet a CPU.
 */
static __always_inline bool gw_over(__u64 *at, __u64 now, __u64 interval)
{
	int i;

	for (i = 0; i < GW_LIMIT_TRIES; i++) {
		__u64 old = *(volatile __u64 *)at, due = old;

		if ((__s64)(due - now) < 0)
			due = now;
		else if (due - now > DMSC_GW_BURST_NS)
			return true;
		if (__sync_val_compare_and_swap(at, old, due + interval) == old)
			return false;
	}
	return false;
}

static __always_inline bool gw_source_over(struct gw *g, __u64 interval)
{
	struct dmsc_gw_source_key key = { .service = g->vip->id };
	struct dmsc_gw_source *s, fresh = { .at = g->now + interval };

	__builtin_memcpy(&key.addr, &g->p.src, sizeof(key.addr));
	if (g->p.ipv6)
		__builtin_memset(key.addr.b + 8, 0, 8);
	s = bpf_map_lookup_elem(&dmsc_gw_sources, &key);
	if (s)
		return gw_over(&s->at, g->now, interval);
	bpf_map_update_elem(&dmsc_gw_sources, &key, &fresh, BPF_NOEXIST);
	return false;
}

static __always_inline struct dmsc_gw_service *gw_service(const struct gw *g)
{
	__u32 index = g->side * DMSC_GW_MAX_SERVICES +
		      (g->vip->service & (DMSC_GW_MAX_SERVICES - 1));

	return bpf_map_lookup_elem(&dmsc_gw_services, &index);
}

/* Whether the packet is one too many for its source or its service; counted. */
static __always_inline bool gw_limited(struct gw *g)
{
	__u32 number = g->vip->service;
	struct dmsc_gw_service *s;
	struct dmsc_gw_state *state;

	s = gw_service(g);
	state = bpf_map_lookup_elem(&dmsc_gw_states, &number);
	if (!s || !state)
		return false;
	/* A source that is stopped takes nothing from what the service may get. */
	if (s->source_ns && gw_source_over(g, s->source_ns)) {
		gw_count(g, DMSC_GW_DROP_SOURCE);
		return true;
	}
	if ((g->p.tcp & (TCP_SYN | TCP_ACK)) == TCP_SYN && s->syn_ns &&
	    gw_over(&state->syn_at, g->now, s->syn_ns)) {
		gw_count(g, DMSC_GW_DROP_SYN);
		return true;
	}
	if (s->packet_ns && gw_over(&state->packet_at, g->now, s->packet_ns)) {
		gw_count(g, DMSC_GW_DROP_RATE);
		return true;
	}
	return false;
}

/* ---- instances ---- */

static __always_inline struct dmsc_gw_real *gw_real(__u32 number)
{
	return bpf_map_lookup_elem(&dmsc_gw_reals, &number);
}

/* @id: of the service that it has to belong to. */
static __always_inline bool gw_real_usable(const struct dmsc_gw_real *r, __u32 side, __u32 id)
{
	return r && (r->flags[side & 1] & DMSC_GW_REAL_UP) && r->service == id;
}

/*
 * The number of the instance that the service's table names for the flow, 0 when
 * there is none. Where it is down, the hash goes on to another position: the same
 * one at every gateway, and only flows of the instance that is down move. A
 * function that the verifier looks at by itself, so that it does so once.
 */
__noinline int gw_choose(const struct gw_packet *p, __u32 side, __u32 service, __u32 id)
{
	__u32 index = (side & 1) * DMSC_GW_MAX_SERVICES + (service & (DMSC_GW_MAX_SERVICES - 1));
	struct dmsc_gw_service *s;
	__u64 h;
	int i;

	if (!p)
		return 0;
	s = bpf_map_lookup_elem(&dmsc_gw_services, &index);
	if (!s || !s->ring_size)
		return 0;
	h = dmsc_gw_hash(s->salt, p->src.a, p->src.b, p->sport);
	for (i = 0; i < GW_FAILOVER_TRIES; i++) {
		__u32 at = dmsc_gw_position(h, s->ring_size), number;
		struct dmsc_gw_ring *ring;

		index = (side & 1) * DMSC_GW_RING_BLOCKS + s->ring + at / DMSC_GW_RING_BLOCK;
		ring = bpf_map_lookup_elem(&dmsc_gw_rings, &index);
		if (!ring)
			return 0;
		number = ring->real[at % DMSC_GW_RING_BLOCK];
		if (number && gw_real_usable(gw_real(number), side, id))
			return number;
		h = dmsc_gw_mix(h, i + 1);
	}
	return 0;
}

/* ---- flows ---- */

static __always_inline struct dmsc_gw_set *gw_flow_set(struct gw *g)
{
	__u32 index;
	void *table;

	g->hash = dmsc_gw_mix(g->ctl->secret, g->p.src.a ^ ((__u64)g->vip->id << 16 | g->p.sport));
	g->hash = dmsc_gw_mix(g->hash, g->p.src.b);
	index = (__u32)g->hash & g->ctl->flow_mask;
	table = bpf_map_lookup_elem(&dmsc_gw_flows, &g->cpu);
	return table ? bpf_map_lookup_elem(table, &index) : NULL;
}

static __always_inline bool gw_flow_is(const struct dmsc_gw_flow *f, const struct gw *g)
{
	const __u64 *w = (const __u64 *)&f->source;

	return w[1] == g->p.src.b && f->port == g->p.sport && f->service == g->vip->id &&
	       w[0] == g->p.src.a;
}

/* Whether so many flows begin on this CPU that this one is not kept. */
static __always_inline bool gw_insert_over(struct gw *g)
{
	struct dmsc_gw_cpu *cpu;
	__u64 due;

	if (!g->ctl->insert_ns)
		return false;
	cpu = bpf_map_lookup_elem(&dmsc_gw_cpus, &g->cpu);
	if (!cpu)
		return true;
	due = cpu->insert_at;
	if ((__s64)(due - g->now) < 0)
		due = g->now;
	else if (due - g->now > DMSC_GW_BURST_NS)
		return true;
	cpu->insert_at = due + g->ctl->insert_ns;
	return false;
}

static __always_inline void gw_flow_write(struct dmsc_gw_flow *f, const struct gw *g, __u32 number,
					  __u32 now)
{
	__builtin_memcpy(&f->source, &g->p.src, sizeof(f->source));
	f->service = g->vip->id;
	f->port = g->p.sport;
	f->real = number;
	f->version = g->real->version;
	f->flags = g->p.proto == IPPROTO_UDP ? DMSC_GW_FLOW_UDP : 0;
	f->seen = now;
}

/* What the segment says about the flow's end and about a new start. */
static __always_inline void gw_flow_touch(struct dmsc_gw_flow *f, const struct gw *g, __u32 now)
{
	__u16 flags = f->flags;

	if (f->seen != now)
		f->seen = now;
	if (g->vip->flags & DMSC_GW_VIP_SOURCE)
		return;
	if (g->p.tcp & (TCP_FIN | TCP_RST))
		flags |= DMSC_GW_FLOW_CLOSED;
	else if (g->p.tcp & TCP_SYN)
		flags &= ~DMSC_GW_FLOW_CLOSED;
	if (flags != f->flags)
		f->flags = flags;
}

/* Whether the flow may stay with the instance that it is kept with. */
static __always_inline bool gw_flow_stays(struct dmsc_gw_flow *f, struct gw *g, __u32 now)
{
	__u64 limit = g->p.proto == IPPROTO_UDP ? g->ctl->udp_ns : g->ctl->tcp_ns;

	g->real = gw_real(f->real);
	if (!g->real || f->version != g->real->version ||
	    now - f->seen > limit >> DMSC_GW_TIME_SHIFT)
		return false;
	if (!gw_real_usable(g->real, g->side, g->vip->id)) {
		gw_count(g, DMSC_GW_FAILOVER);
		return false;
	}
	/* A new connection by the ports of an old one has no claim to a draining instance. */
	return (g->real->flags[g->side & 1] & DMSC_GW_REAL_NEW) ||
	       (g->p.tcp & (TCP_SYN | TCP_ACK)) != TCP_SYN ||
	       (g->vip->flags & DMSC_GW_VIP_SOURCE);
}

/*
 * Fills in g->real and returns its number, 0 when there is none. An ICMP error
 * goes the flow's way and leaves its entry as it is.
 */
static __always_inline __u32 gw_flow(struct gw *g)
{
	__u32 now = g->now >> DMSC_GW_TIME_SHIFT, oldest = 0, number;
	struct dmsc_gw_flow *f = NULL;
	struct dmsc_gw_set *set;
	int i, use = -1;

	set = gw_flow_set(g);
	if (!set)
		return 0;
	for (i = 0; i < DMSC_GW_WAYS; i++) {
		f = &set->way[i];
		if (gw_flow_is(f, g)) {
			if (gw_flow_stays(f, g, now)) {
				if (!g->p.error)
					gw_flow_touch(f, g, now);
				return f->real;
			}
			use = i;
			break;
		}
	}

	number = gw_choose(&g->p, g->side, g->vip->service, g->vip->id);
	g->real = gw_real(number);
	if (!number || !g->real || g->p.error)
		return number;
	gw_count(g, DMSC_GW_NEW);
	if (gw_insert_over(g)) {
		gw_count(g, DMSC_GW_UNKEPT);
		return number;
	}
	for (i = 0; i < DMSC_GW_WAYS && use < 0; i++) {
		if (!set->way[i].service)
			use = i;
	}
	for (i = 0; i < DMSC_GW_WAYS && use < 0; i++) {
		if (now - set->way[i].seen >= oldest) {
			oldest = now - set->way[i].seen;
			f = &set->way[i];
		}
	}
	if (use >= 0)
		f = &set->way[use & (DMSC_GW_WAYS - 1)];
	gw_flow_write(f, g, number, now);
	return number;
}

#endif /* DMSC_BPF_GATEWAY_FLOW_H */
