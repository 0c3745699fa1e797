// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * tc egress: every packet gets its queue, its DSCP and its path here.
 *
 * Whose a packet is, in this order:
 *   1. a connection of a local socket: the socket's stamp (one look-up); other
 *      local sockets: their instance, and the endpoints of the packet
 *   2. handshakes and closed connections, which the kernel answers without a
 *      full socket: the local endpoint
 *   3. packets that no local socket sent: the flow table, then the endpoints
 *
 * Verdicts are "next program" (TC_ACT_UNSPEC), so that others' programs on the
 * same hook still run, a redirect, or a drop where policy denies.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "choice.h"
#include "deal.h"
#include "dscp.h"
#include "fast.h"
#include "filter.h"
#include "packet.h"
#include "redirect.h"
#include "stats.h"
#include "steer.h"
#include "tables.h"

#define SOCK_RAW	3

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* What became of a packet. */
struct decision {
	struct hop hop;
	struct dmsc_stamp *stamp;	/* of its connection, whose next packets are like it */
	__u32 sid;
	__u32 hash;		/* of the flow, where it has a path */
	__u16 slot;
	__u16 rate;		/* of the rule that allows it, 0 none */
	__u8 class;
	bool moved;
	bool denied;
};

/* The instance of the cgroup that the packet's socket was created in. */
static __always_inline struct dmsc_instance *packet_instance(struct __sk_buff *skb, __u32 side)
{
	__u64 own = bpf_skb_cgroup_id(skb);
	struct dmsc_instance *inst;
	int level;

	if (!own)
		return NULL;
	inst = instance_get(side, own);
	for (level = DMSC_CGROUP_LEVELS; !inst && level > 0; level--) {
		__u64 id = bpf_skb_ancestor_cgroup_id(skb, level);

		if (id && id != own)
			inst = instance_get(side, id);
	}
	return inst;
}

/* The process that connected, bound or sent counts before the one that created. */
static __noinline struct dmsc_instance *socket_instance(struct __sk_buff *skb, __u32 side,
							__u64 cgroup_id)
{
	struct dmsc_instance *inst = NULL;

	if (cgroup_id)
		inst = instance_get(side, cgroup_id);
	return inst ?: packet_instance(skb, side);
}

static __always_inline void ends_of_packet(struct ends *e, const struct packet *p)
{
	e->peer = p->daddr;
	e->peer_port = p->dport;
	e->local = p->saddr;
	e->local_port = p->sport;
	e->proto = p->proto;
	e->has_local = true;
	e->has_ports = p->has_ports;
}

/*
 * A socket's address, of which all words are read before one form is chosen: the
 * verifier wants constant offsets into a socket, and a compiler would make one
 * access of those in two branches.
 */
static __always_inline void socket_addr(struct dmsc_addr *out, bool v4, __u32 ip4,
					__u32 w0, __u32 w1, __u32 w2, __u32 w3)
{
	__u32 *w = (__u32 *)out->b;

	barrier_var(ip4);
	barrier_var(w0);
	barrier_var(w1);
	barrier_var(w2);
	barrier_var(w3);
	if (v4) {
		addr_v4(out, ip4);
		return;
	}
	w[0] = w0;
	w[1] = w1;
	w[2] = w2;
	w[3] = w3;
}

static __always_inline void socket_peer(struct dmsc_addr *out, struct bpf_sock *sk)
{
	socket_addr(out, sk->family == AF_INET, sk->dst_ip4, sk->dst_ip6[0], sk->dst_ip6[1],
		    sk->dst_ip6[2], sk->dst_ip6[3]);
}

static __always_inline void socket_local(struct dmsc_addr *out, struct bpf_sock *sk)
{
	socket_addr(out, sk->family == AF_INET, sk->src_ip4, sk->src_ip6[0], sk->src_ip6[1],
		    sk->src_ip6[2], sk->src_ip6[3]);
}

static __always_inline void ends_of_socket(struct ends *e, struct bpf_sock *sk)
{
	socket_peer(&e->peer, sk);
	socket_local(&e->local, sk);
	e->peer_port = sk->dst_port;
	e->local_port = bpf_htons(sk->src_port);
	e->proto = sk->protocol;
	e->has_local = true;
	e->has_ports = true;
}

/* Whether the packet goes where the socket is connected to. */
static __always_inline bool to_peer(struct bpf_sock *sk, const struct packet *p)
{
	struct dmsc_addr peer;

	if (!sk->dst_port || sk->protocol != p->proto)
		return false;
	if (p->has_ports && sk->dst_port != p->dport)
		return false;
	socket_peer(&peer, sk);
	return addr_equal(&peer, &p->daddr);
}

static __always_inline void decide_stamp(struct decision *d, const struct dmsc_stamp *s)
{
	d->sid = s->sid;
	d->slot = s->slot;
	d->class = s->class;
	d->hash = s->hash;
	d->rate = s->rate;
	d->denied = s->flags & DMSC_STAMP_F_DENIED;
}

/*
 * The number of a flow that has no socket of its own, or a packet that has none:
 * made of its ends.
 */
static __always_inline __u32 packet_hash(const struct packet *p)
{
	const __u32 *s = (const __u32 *)p->saddr.b, *d = (const __u32 *)p->daddr.b;
	__u64 h = (__u64)s[3] << 32 | d[3];

	h ^= ((__u64)s[1] << 32 | d[1]) * 0xff51afd7ed558ccdULL;
	h ^= ((__u64)s[2] << 32 | d[2]) * 0xc4ceb9fe1a85ec53ULL;
	h ^= (h >> 33) * 0xff51afd7ed558ccdULL;
	h ^= (__u64)p->sport << 24 | (__u64)p->dport << 8 | p->proto;
	return flow_hash(h);
}

/* Stamps @s by the tables, for a packet whose ends are in @q; reports what policy says. */
static __always_inline void resolve_packet(struct __sk_buff *skb, struct scratch *q,
					   struct dmsc_stamp *s, const struct control *c)
{
	struct dmsc_instance *inst;

	inst = socket_instance(skb, side_of(c->generation), s->cgroup_id);
	dmsc_stamp_resolve(s, c, inst, &q->ends, &q->policy);
	if (q->policy.action == DMSC_ACTION_ALLOW)
		return;
	q->policy.ifindex = skb->ifindex;
	q->policy.length = skb->wire_len ?: skb->len;
	q->policy.packets = skb->gso_segs ?: 1;
	q->policy.hook = DMSC_HOOK_EGRESS;
	dmsc_report(&q->ends, &q->policy, s);
}

/*
 * A packet of a full socket. A connection's stamp also stands for packets that
 * were encapsulated or translated on their way here, except for their path. UDP
 * sockets may talk to others than their peer, or to many.
 */
static __always_inline void decide_socket(struct decision *d, struct __sk_buff *skb,
					  struct bpf_sock *sk, const struct packet *p,
					  const struct control *c)
{
	bool ip = sk->family == AF_INET || sk->family == AF_INET6;
	bool peer = ip && to_peer(sk, p);
	__u32 side = side_of(c->generation);
	struct dmsc_stamp *s;
	struct scratch *q;

	s = bpf_sk_storage_get(&dmsc_sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s)
		return;		/* out of memory, or the socket is being destroyed */

	if (!peer && !(ip && sk->dst_port && sk->protocol == IPPROTO_TCP)) {
		q = scratch_get(DMSC_HOOK_EGRESS);
		if (!q)
			return;
		q->stamp.cgroup_id = s->cgroup_id;
		q->stamp.hash = packet_hash(p);
		ends_of_packet(&q->ends, p);
		q->ends.chosen = choice_of(sk);
		resolve_packet(skb, q, &q->stamp, c);
		decide_stamp(d, &q->stamp);
		if (ip && (c->flags & DMSC_CTL_STEER) && !sk->bound_dev_if)
			hop_of_stamp(&d->hop, side, &q->stamp);
		return;
	}

	/* What is denied is asked again each time, for the reason to report. */
	if (s->generation != c->generation || (s->flags & DMSC_STAMP_F_DENIED)) {
		q = scratch_get(DMSC_HOOK_EGRESS);
		if (!q)
			return;
		/* A connection that was here before the programs. */
		if (!s->cgroup_id && !s->generation && sk->state != BPF_TCP_SYN_SENT)
			s->flags |= DMSC_STAMP_F_LIVE;
		if (!s->hash)
			s->hash = flow_hash(bpf_get_socket_cookie(skb));
		ends_of_socket(&q->ends, sk);
		q->ends.chosen = choice_of(sk);
		resolve_packet(skb, q, s, c);
		if (deal_due(s))
			dmsc_deal(s, &q->ends.peer);
	}
	decide_stamp(d, s);
	if (d->denied || !peer || sk->bound_dev_if)
		return;
	d->stamp = s;
	s->flags &= ~DMSC_STAMP_F_SETTLED;
	s->proto = sk->protocol;
	if (s->proto == IPPROTO_TCP) {
		d->moved = tcp_steer(&d->hop, s, sk, side, c->flags);
		return;
	}
	if (c->flags & DMSC_CTL_STEER)
		hop_of_stamp(&d->hop, side, s);
	s->counter = d->hop.counter;
}

/*
 * Whether the connection is where its tables want it, and so the next packet goes the
 * way of this one, which was counted as @stats: then fast.h can see to it. @by_path:
 * this one went by a next hop of ours.
 */
static __always_inline void settle(const struct decision *d, const struct control *c,
				   const struct packet *p, bool by_path, __u32 stats)
{
	__u32 side = side_of(c->generation);
	struct dmsc_stamp *s = d->stamp;
	struct dmsc_profile *profile;
	struct dmsc_path *path;

	if (!s || p->tagged || s->generation != c->generation || d->hop.encap || s->rate)
		return;
	if (c->flags & DMSC_CTL_STEER && (s->path != DMSC_PATH_NONE || s->set)) {
		path = path_get(side, s->path);
		if (!by_path || !path || !s->counter || path->counter != s->counter)
			return;
	} else if (by_path || s->flags & DMSC_STAMP_F_STEERED) {
		return;
	}
	profile = bpf_map_lookup_elem(&dmsc_profile, &side);
	if (!profile)
		return;
	s->tos = c->flags & DMSC_CTL_DSCP ?
		 (profile->dscp[s->class & (DMSC_NR_CLASSES - 1)] & 63) << 2 | DMSC_TOS_F_WRITE : 0;
	s->stats = stats;
	s->flags |= DMSC_STAMP_F_SETTLED;
}

/*
 * SYN-ACKs, resets, and answers for connections in TIME_WAIT: there is no storage
 * to ask. @inst is the listener's, where that is known.
 */
static __always_inline void decide_handshake(struct decision *d, const struct packet *p,
					     const struct control *c,
					     const struct dmsc_instance *inst)
{
	__u32 side = side_of(c->generation);
	struct dmsc_endpoint *ep;
	bool local = true;

	ep = endpoint_get(side, &p->saddr, p->sport, p->proto);
	if (!ep) {
		ep = endpoint_get(side, &p->daddr, p->dport, p->proto);
		local = false;
	}
	if (inst) {
		d->class = class_allowed(inst, ep ? ep->class : inst->class_default);
		d->sid = inst->sid;
		d->slot = inst->slot[d->class & (DMSC_NR_CLASSES - 1)];
	} else if (ep) {
		d->class = ep->class;
		d->sid = local ? ep->sid : DMSC_SID_UNKNOWN;
	}
	if (c->flags & DMSC_CTL_STEER) {
		d->hash = packet_hash(p);
		hop_of_way(&d->hop, side, peer_path(side, &p->daddr, d->class), d->hash);
	}
}

/* Forwarded packets, and what containers send through this namespace. */
static __always_inline void decide_flow(struct decision *d, struct __sk_buff *skb,
					const struct packet *p, const struct control *c,
					bool in_table)
{
	__u32 side = side_of(c->generation);
	struct dmsc_flow_key key = {
		.saddr = p->saddr, .daddr = p->daddr, .sport = p->sport, .dport = p->dport,
		.proto = p->proto, .side = side,
	};
	struct dmsc_flow *flow = NULL;
	struct dmsc_endpoint *ep;

	d->class = dscp_trusted(skb, p, c);
	if (p->fragment) {
		d->denied = packet_denied(skb, p, c, DMSC_SID_UNKNOWN, DMSC_HOOK_EGRESS);
		return;
	}
	if (in_table)
		flow = bpf_map_lookup_elem(&dmsc_flows, &key);
	if (in_table && !flow && p->sport) {
		key.sport = 0;
		flow = bpf_map_lookup_elem(&dmsc_flows, &key);
	}
	d->denied = packet_denied(skb, p, c, flow ? flow->sid : DMSC_SID_UNKNOWN,
				  DMSC_HOOK_EGRESS);
	if (flow) {
		d->sid = flow->sid;
		d->slot = flow->slot;
		d->class = flow->class;
		if (c->flags & DMSC_CTL_STEER && flow->path != DMSC_PATH_NONE) {
			d->hash = packet_hash(p);
			hop_of_way(&d->hop, side, flow->path, d->hash);
		}
		return;
	}
	if (!p->has_ports)
		return;
	ep = endpoint_get(side, &p->daddr, p->dport, p->proto);
	if (!ep)
		ep = endpoint_get(side, &p->saddr, p->sport, p->proto);
	if (ep)
		d->class = ep->class;
}

static __always_inline void decide(struct decision *d, struct __sk_buff *skb,
				   const struct packet *p, const struct control *c, bool in_table)
{
	__u32 side = side_of(c->generation);
	struct bpf_sock *sk, *full;

	if (p->kind == PACKET_ARP || p->discovery) {
		d->class = DMSC_CLASS_CONTROL;
		return;
	}
	if (p->kind == PACKET_OTHER)
		return;
	sk = skb->sk;
	if (!sk) {
		decide_flow(d, skb, p, c, in_table);
		return;
	}
	full = bpf_sk_fullsock(sk);
	if (!full || full->state == BPF_TCP_LISTEN)
		decide_handshake(d, p, c, socket_instance(skb, side, 0));
	else if (full->type == SOCK_RAW && full->protocol == IPPROTO_TCP)
		decide_handshake(d, p, c, NULL);	/* the kernel's own, for all */
	else if (!full->type)
		decide_flow(d, skb, p, c, in_table);	/* of no protocol: BPF_PROG_TEST_RUN */
	else
		decide_socket(d, skb, full, p, c);
}

/* The ECN bits belong to the transport and stay. */
static __always_inline void write_dscp(struct __sk_buff *skb, struct packet *p,
				       const struct control *c, __u8 class)
{
	__u32 side = side_of(c->generation);
	struct dmsc_profile *profile;
	__be16 old, new;
	__u8 tos;

	if (p->kind != PACKET_IPV4 && p->kind != PACKET_IPV6)
		return;
	profile = bpf_map_lookup_elem(&dmsc_profile, &side);
	if (!profile)
		return;
	tos = (profile->dscp[class] & 63) << 2 | (p->tos & 3);
	if (tos == p->tos)
		return;
	p->tos = tos;

	/* Either header's first 16 bits hold all of it. */
	if (bpf_skb_load_bytes(skb, p->l3, &old, sizeof(old)))
		return;
	if (p->kind == PACKET_IPV4) {
		new = (old & bpf_htons(0xff00)) | bpf_htons(tos);
		if (bpf_l3_csum_replace(skb, p->l3 + offsetof(struct iphdr, check), old, new,
					sizeof(new)))
			return;
		bpf_skb_store_bytes(skb, p->l3, &new, sizeof(new), 0);
	} else {
		new = (old & bpf_htons(0xf00f)) | bpf_htons(tos << 4);
		bpf_skb_store_bytes(skb, p->l3, &new, sizeof(new), BPF_F_RECOMPUTE_CSUM);
	}
}

/* Whether the packet is too much for the rule that allows it. */
static __noinline bool too_much(struct __sk_buff *skb, const struct packet *p,
				const struct decision *d, __u32 generation)
{
	__u32 bytes = skb->wire_len ?: skb->len;
	struct scratch *q;

	if (!rate_exceeded(side_of(generation), d->rate, bytes))
		return false;
	q = scratch_get(DMSC_HOOK_EGRESS);
	if (!q)
		return true;
	ends_of_packet(&q->ends, p);
	q->stamp.generation = generation;
	q->stamp.sid = d->sid;
	q->stamp.slot = d->slot;
	q->stamp.class = d->class;
	q->policy.hook = DMSC_HOOK_EGRESS;
	q->policy.rule = d->rate;	/* a rule's rate has its number */
	q->policy.ifindex = skb->ifindex;
	q->policy.length = bytes;
	q->policy.packets = skb->gso_segs ?: 1;
	rate_report(&q->ends, &q->policy, &q->stamp);
	return true;
}

/* A sample of what was decided, for who watches. */
static __noinline void trace(struct __sk_buff *skb, const struct packet *p,
			     const struct decision *d, __u32 generation, bool steered)
{
	struct scratch *q = scratch_get(DMSC_HOOK_EGRESS);
	__u32 ifindex = skb->ifindex;

	if (!q)
		return;
	/* Not a choice between two addresses: the context's must be constant. */
	barrier_var(ifindex);
	if (steered)
		ifindex = d->hop.ifindex;
	ends_of_packet(&q->ends, p);
	q->stamp.generation = generation;
	q->stamp.sid = d->sid;
	q->stamp.slot = d->slot;
	q->stamp.class = d->class;
	q->policy.hook = DMSC_HOOK_EGRESS;
	q->policy.ifindex = ifindex;
	q->policy.length = skb->wire_len ?: skb->len;
	q->policy.traced = 1 + (steered ? DMSC_VERDICT_STEERED : DMSC_VERDICT_ROUTED);
	dmsc_sample_take(&q->ends, &q->policy, &q->stamp);
}

/*
 * A packet that fast.h leaves to us, under the generation and flags @word. @in_table: it
 * may be in the flow table. A global function, so that the verifier looks at it once
 * and not again for each way that leads here.
 */
__weak int dmsc_egress_rest(struct __sk_buff *skb, __u64 word, __u32 in_table)
{
	__u64 packets = skb->gso_segs ?: 1, bytes = skb->wire_len ?: skb->len;
	struct control c = { .generation = word, .flags = word >> 32 };
	struct decision d = {};
	bool steered, by_path;
	struct packet p;
	int verdict = -1;
	__u32 stats;

	packet_parse(skb, &p);
	decide(&d, skb, &p, &c, in_table);
	if (d.denied || (d.rate && too_much(skb, &p, &d, c.generation)))
		return TC_ACT_SHOT;
	d.class &= DMSC_NR_CLASSES - 1;
	d.slot &= DMSC_NR_SLOTS - 1;
	skb->priority = DMSC_PRIO(d.slot, d.class);
	if (c.flags & DMSC_CTL_DSCP)
		write_dscp(skb, &p, &c, d.class);
	if (d.hop.ifindex && !p.tagged && packet_routable(&p))
		verdict = hop_redirect(skb, &p, &d.hop, d.hash);
	if (verdict == TC_ACT_SHOT)
		return verdict;
	steered = verdict == TC_ACT_REDIRECT;
	if (c.flags & DMSC_CTL_TRACE)
		trace(skb, &p, &d, c.generation, steered);
	by_path = steered || (d.hop.ifindex && d.hop.routed && d.hop.ifindex == skb->ifindex);
	stats = dmsc_stats_index(d.sid, d.class, DMSC_DIR_TX, by_path ? d.hop.counter : 0);
	stats_add(stats, packets, bytes, steered, d.moved);
	stats_bin(departure(skb), d.class, bytes);
	settle(&d, &c, &p, by_path, stats);
	if (!steered)
		return TC_ACT_UNSPEC;
	reentry_expect(skb, d.hop.ifindex);
	return verdict;
}

SEC("tc")
int dmsc_egress(struct __sk_buff *skb)
{
	struct control c;
	int verdict;

	if (reentry(skb))
		return TC_ACT_UNSPEC;
	if (!control_read(&c)) {
		skb->priority = DMSC_PRIO(0, DMSC_CLASS_DEFAULT);
		return TC_ACT_UNSPEC;
	}
	verdict = fast_egress(skb, &c);
	if (verdict == FAST_NOT || verdict == FAST_NO_FLOW)
		return dmsc_egress_rest(skb, (__u64)c.flags << 32 | c.generation,
					verdict == FAST_NOT);
	return verdict;
}
