/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Look-ups in the tables of one generation.
 */
#ifndef DMSC_BPF_TABLES_H
#define DMSC_BPF_TABLES_H

#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>

#include "maps.h"
#include "policy.h"

#ifndef AF_INET
#define AF_INET		2
#define AF_INET6	10
#endif

/* Cgroups are looked for this deep: a Slurm task is at level 7, a pod at 4. */
#define DMSC_CGROUP_LEVELS	10

/*
 * The words of ctl that are read together, once a run: one packet is handled
 * by one generation whatever the writer does meanwhile.
 */
struct control {
	__u32 generation;
	__u32 flags;
};

static __always_inline __u32 side_of(__u32 generation)
{
	return generation & 1;
}

static __always_inline bool control_read(struct control *c)
{
	union {
		__u64 word;
		struct control c;
	} u;
	struct dmsc_ctl *ctl;
	__u32 zero = 0;

	ctl = bpf_map_lookup_elem(&dmsc_ctl, &zero);
	if (!ctl)
		return false;
	u.word = *(volatile __u64 *)ctl;
	*c = u.c;
	return c->generation != 0;
}

static __always_inline void addr_v4(struct dmsc_addr *a, __be32 v4)
{
	__u32 *w = (__u32 *)a->b;

	w[0] = 0;
	w[1] = 0;
	w[2] = bpf_htonl(0xffff);
	w[3] = v4;
}

static __always_inline bool addr_is_v4(const struct dmsc_addr *a)
{
	const __u32 *w = (const __u32 *)a->b;

	return !w[0] && !w[1] && w[2] == bpf_htonl(0xffff);
}

static __always_inline bool addr_equal(const struct dmsc_addr *a, const struct dmsc_addr *b)
{
	const __u32 *x = (const __u32 *)a->b, *y = (const __u32 *)b->b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3];
}

static __always_inline struct dmsc_instance *instance_get(__u32 side, __u64 cgroup_id)
{
	struct dmsc_instance_key key = { .cgroup_id = cgroup_id, .side = side };

	return bpf_map_lookup_elem(&dmsc_instances, &key);
}

static __always_inline struct dmsc_endpoint *endpoint_get(__u32 side, const struct dmsc_addr *addr,
							  __be16 port, __u8 proto)
{
	struct dmsc_endpoint_key key = {
		.addr = *addr, .port = port, .proto = proto, .side = side,
	};

	return bpf_map_lookup_elem(&dmsc_endpoints, &key);
}

static __always_inline struct dmsc_path *path_get(__u32 side, __u32 path)
{
	__u32 index;

	if (path == DMSC_PATH_NONE || path >= DMSC_MAX_PATHS)
		return NULL;
	index = side * DMSC_MAX_PATHS + path;
	return bpf_map_lookup_elem(&dmsc_paths, &index);
}

/* The set that @way names; NULL where it names a path. */
static __always_inline struct dmsc_set *set_get(__u32 side, __u32 way)
{
	__u32 index = way & ~DMSC_PATH_SET;

	if (!(way & DMSC_PATH_SET) || index >= DMSC_MAX_SETS)
		return NULL;
	index += side * DMSC_MAX_SETS;
	return bpf_map_lookup_elem(&dmsc_sets, &index);
}

/* The path at position @at of a set. */
static __always_inline __u32 set_path(const struct dmsc_set *set, __u32 at)
{
	__u32 slot = at % DMSC_SET_SLOTS, way;

	/* Verifiers know nothing of what a division leaves. */
	asm volatile("" : "+r"(slot));
	if (slot >= DMSC_SET_SLOTS)
		return DMSC_PATH_NONE;
	way = set->slot[slot];
	return way < DMSC_MAX_WAYS ? set->path[way] : DMSC_PATH_NONE;
}

/* The path that flow @hash takes if all are up, @way being a path or a set. */
static __always_inline __u32 way_path(__u32 side, __u32 way, __u32 hash)
{
	struct dmsc_set *set = set_get(side, way);

	return set ? set_path(set, hash) : way;
}

/* Numbers of flows: what is unique, mixed (the end of MurmurHash3); never 0. */
static __always_inline __u32 flow_hash(__u64 unique)
{
	unique ^= unique >> 33;
	unique *= 0xff51afd7ed558ccdULL;
	unique ^= unique >> 33;
	unique *= 0xc4ceb9fe1a85ec53ULL;
	unique ^= unique >> 33;
	return (__u32)unique ?: 1;
}

static __always_inline __u32 peer_path(__u32 side, const struct dmsc_addr *addr, __u8 class)
{
	struct dmsc_peer_key key = { .addr = *addr, .class = class, .side = side };
	struct dmsc_peer *peer = bpf_map_lookup_elem(&dmsc_peers, &key);

	return peer ? peer->path : DMSC_PATH_NONE;
}

static __always_inline struct dmsc_group *group_get(__u32 side, __u32 src, __u32 dst, __u8 class,
						    __u8 ipv6)
{
	struct dmsc_group_key key = {
		.src_sid = src, .dst_sid = dst, .class = class, .side = side, .ipv6 = ipv6,
	};

	return bpf_map_lookup_elem(&dmsc_groups, &key);
}

/*
 * What is said to whom: the class an instance may use when it wants @class and
 * policy leaves @mask of its classes (DMSC_NR_CLASSES when none is left).
 * Whoever is no instance has no claim to any class.
 */
static __always_inline __u8 class_within(const struct dmsc_instance *inst, __u8 class, __u8 mask)
{
	if (!inst)
		return DMSC_CLASS_DEFAULT;
	class &= DMSC_NR_CLASSES - 1;
	mask &= inst->class_mask;
	if (mask & (1U << class))
		return class;
	class = inst->class_default & (DMSC_NR_CLASSES - 1);
	if (mask & (1U << class))
		return class;
	/* What a rule leaves of it: the least important first. */
	if (mask & (1U << DMSC_CLASS_BULK))
		return DMSC_CLASS_BULK;
	for (class = 0; class < DMSC_NR_CLASSES; class++) {
		if (mask & (1U << class))
			break;
	}
	return class;
}

static __always_inline __u8 class_allowed(const struct dmsc_instance *inst, __u8 class)
{
	return class_within(inst, class, 0xff) & (DMSC_NR_CLASSES - 1);
}

/* Whether @addr is one of the plan's hosts; known only with DMSC_CTL_POLICY. */
static __always_inline bool host_known(__u32 side, const struct dmsc_addr *addr)
{
	return endpoint_get(side, addr, 0, 0);
}

/*
 * A socket's path is its flow group's. An accepted socket does not know its
 * peer's SID: what its instance answers to anybody counts, then the peer's host.
 */
static __always_inline __u32 path_choose(__u32 side, const struct dmsc_stamp *s,
					 const struct dmsc_addr *peer)
{
	struct dmsc_group *g = NULL;
	__u8 ipv6 = !addr_is_v4(peer);

	if (s->sid) {
		if (s->peer_sid)
			g = group_get(side, s->sid, s->peer_sid, s->class, ipv6);
		if (!g)
			g = group_get(side, s->sid, DMSC_SID_ANY, s->class, ipv6);
	}
	return g ? g->path : peer_path(side, peer, s->class);
}

/* The two ends of a flow as its local socket sees them; @local may be unknown. */
struct ends {
	struct dmsc_addr peer, local;
	__be16 peer_port, local_port;
	__u8 proto;
	bool has_local, has_ports;
	__u8 chosen;		/* by the application: class + 1, 0 none */
};

/*
 * Whose pair policy is asked about. @ep is the peer's endpoint, or the local one
 * where the socket @answers: then the peer began, and if it is a host of the
 * plan, its own data plane has decided.
 */
static __always_inline void policy_of_ends(struct policy *p, const struct dmsc_instance *inst,
					   const struct dmsc_endpoint *ep, const struct ends *e,
					   bool answers)
{
	if (answers) {
		if (inst && !host_known(p->side, &e->peer)) {
			p->dst_sid = inst->sid;
			p->dst_mic = inst->mic;
		}
	} else {
		if (inst) {
			p->src_sid = inst->sid;
			p->src_mic = inst->mic;
		}
		if (ep) {
			p->dst_sid = ep->sid;
			p->dst_mic = ep->mic;
		}
	}
	dmsc_policy_ask(p);
}

/*
 * Fills what generation @c says about a socket of instance @inst (NULL for
 * nobody) with these ends, and in @p what policy says. Leaves alone what is not
 * the tables' business: the path in use, the flow's number, the cgroup, and flags
 * but DENIED.
 *
 * A global function, so that the verifier looks at it once and not at each call;
 * hence also the checks of pointers that are never NULL.
 */
__weak int dmsc_stamp_resolve(struct dmsc_stamp *s, const struct control *c,
			      const struct dmsc_instance *inst, const struct ends *e,
			      struct policy *p)
{
	struct dmsc_endpoint *ep = NULL;
	__u8 class = DMSC_CLASS_DEFAULT;
	bool answers;
	__u32 side, way;

	if (!s || !c || !e || !p)
		return 0;
	side = side_of(c->generation);
	answers = s->flags & DMSC_STAMP_F_PASSIVE;

	s->peer_sid = DMSC_SID_UNKNOWN;
	s->flags &= ~(DMSC_STAMP_F_DENIED | DMSC_STAMP_F_SETTLED);
	if (inst)
		class = inst->class_default & (DMSC_NR_CLASSES - 1);
	if (e->has_ports) {
		if (!answers) {
			ep = endpoint_get(side, &e->peer, e->peer_port, e->proto);
			if (ep)
				s->peer_sid = ep->sid;
		}
		if (!ep && e->has_local) {
			ep = endpoint_get(side, &e->local, e->local_port, e->proto);
			answers |= !!ep;
		}
		if (ep)
			class = ep->class;
	}
	p->class_mask = 0xff;
	p->action = DMSC_ACTION_ALLOW;
	if (c->flags & DMSC_CTL_POLICY) {
		p->side = side;
		p->flags = c->flags;
		policy_of_ends(p, inst, answers ? NULL : ep, e, answers);
	}
	if (inst && e->chosen && e->chosen <= DMSC_NR_CLASSES &&
	    (inst->class_mask & p->class_mask & (1U << (e->chosen - 1))))
		class = e->chosen - 1;
	class = class_within(inst, class, p->class_mask);
	if (class >= DMSC_NR_CLASSES) {
		class = DMSC_CLASS_DEFAULT;
		p->action = DMSC_ACTION_DENY;
		p->reason = DMSC_REASON_CLASS;
	}
	if (p->action == DMSC_ACTION_DENY)
		s->flags |= DMSC_STAMP_F_DENIED;
	s->rate = answers ? 0 : p->rate;
	s->class = class;
	s->sid = inst ? inst->sid : DMSC_SID_UNKNOWN;
	s->slot = inst ? inst->slot[s->class & (DMSC_NR_CLASSES - 1)] : 0;
	way = path_choose(side, s, &e->peer);
	s->set = way & DMSC_PATH_SET ? way : 0;
	s->path = way_path(side, way, s->hash);
	s->generation = c->generation;
	return 0;
}

#endif /* DMSC_BPF_TABLES_H */
