// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Who a socket belongs to. These hooks run in the process that connects, binds
 * or sends, which is the one whose instance counts; the cgroup that tc egress
 * can see is the one of the process that created the socket. A connection gets
 * its class and path here already, so that its SYN has them.
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#include "choice.h"
#include "deal.h"
#include "events.h"
#include "process.h"
#include "router.h"
#include "tables.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* What policy says about a socket that connects or sends. */
static __always_inline int judged(const struct dmsc_stamp *s, struct policy *p,
				  const struct ends *e, __u8 hook)
{
	if (p->action == DMSC_ACTION_ALLOW)
		return ALLOW;
	p->packets = 1;
	p->hook = hook;
	dmsc_report(e, p, s);
	return p->action == DMSC_ACTION_DENY ? REFUSE : ALLOW;
}

static __always_inline int connected(struct bpf_sock_addr *ctx, struct ends *e)
{
	struct policy p = {};
	struct dmsc_stamp *s;
	struct control c;

	s = bpf_sk_storage_get(&dmsc_sockets, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s)
		return ALLOW;
	s->cgroup_id = bpf_get_current_cgroup_id();
	s->flags = 0;
	s->hash = flow_hash(bpf_get_socket_cookie(ctx));
	if (!control_read(&c)) {
		s->generation = 0;
		return ALLOW;
	}
	e->peer_port = ctx->user_port;
	e->proto = ctx->protocol;
	e->has_ports = true;
	e->chosen = choice_of(ctx->sk);
	dmsc_stamp_resolve(s, &c, current_instance(side_of(c.generation), s->cgroup_id), e, &p);
	if (deal_due(s))
		dmsc_deal(s, &e->peer);
	return judged(s, &p, e, DMSC_HOOK_CONNECT);
}

/* Where a call goes; @e is zero. */
static __always_inline void ends_of_call4(struct ends *e, struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;

	addr_v4(&e->peer, ctx->user_ip4);
	if (sk->src_port) {
		__be32 local = sk->src_ip4;

		/* Bound to all addresses: ::, which endpoints have. */
		if (local)
			addr_v4(&e->local, local);
		e->local_port = bpf_htons(sk->src_port);
		e->has_local = true;
	}
}

static __always_inline void ends_of_call6(struct ends *e, struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	__u32 *w = (__u32 *)e->peer.b;

	w[0] = ctx->user_ip6[0];
	w[1] = ctx->user_ip6[1];
	w[2] = ctx->user_ip6[2];
	w[3] = ctx->user_ip6[3];
	if (sk->src_port) {
		w = (__u32 *)e->local.b;
		w[0] = sk->src_ip6[0];
		w[1] = sk->src_ip6[1];
		w[2] = sk->src_ip6[2];
		w[3] = sk->src_ip6[3];
		e->local_port = bpf_htons(sk->src_port);
		e->has_local = true;
	}
}

SEC("cgroup/connect4")
int dmsc_connect4(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct ends e = {};

	if (!sk)
		return ALLOW;
	if (route4(ctx, sk, true) == REFUSE)
		return REFUSE;
	ends_of_call4(&e, ctx);
	if (connected(ctx, &e) == ALLOW)
		return ALLOW;
	route_undo(sk);
	return REFUSE;
}

SEC("cgroup/connect6")
int dmsc_connect6(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct ends e = {};

	if (!sk)
		return ALLOW;
	if (route6(ctx, sk, true) == REFUSE)
		return REFUSE;
	ends_of_call6(&e, ctx);
	if (connected(ctx, &e) == ALLOW)
		return ALLOW;
	route_undo(sk);
	return REFUSE;
}

/* An endpoint belongs to its instance; on all addresses of the host, too. */
static __always_inline int may_bind(struct ends *e, __u64 cgroup_id)
{
	struct dmsc_instance *inst;
	struct dmsc_endpoint *ep;
	struct dmsc_stamp s = {};
	struct policy p = {};
	struct control c;
	__u32 side;

	if (!control_read(&c) || !(c.flags & DMSC_CTL_POLICY))
		return ALLOW;
	side = side_of(c.generation);
	ep = endpoint_get(side, &e->local, e->local_port, e->proto);
	if (!ep)
		return ALLOW;
	inst = current_instance(side, cgroup_id);
	if (inst && inst->sid == ep->sid)
		return ALLOW;
	s.generation = c.generation;
	s.sid = inst ? inst->sid : DMSC_SID_UNKNOWN;
	s.peer_sid = ep->sid;
	s.class = ep->class;
	p.packets = 1;
	p.hook = DMSC_HOOK_BIND;
	p.reason = c.flags & DMSC_CTL_AUDIT ? DMSC_REASON_AUDIT : DMSC_REASON_FOREIGN;
	dmsc_report(e, &p, &s);
	return c.flags & DMSC_CTL_AUDIT ? ALLOW : REFUSE;
}

/*
 * A bound socket may become a listener. Its local address may be a wildcard, so
 * its connections are resolved one by one, at their first packet: generation 0.
 */
static __always_inline int bound(struct bpf_sock *ctx, struct ends *e)
{
	struct dmsc_stamp *s;

	e->local_port = bpf_htons(ctx->src_port);
	e->proto = ctx->protocol;
	e->has_local = true;
	s = bpf_sk_storage_get(&dmsc_sockets, ctx, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s)
		return ALLOW;
	s->cgroup_id = bpf_get_current_cgroup_id();
	s->flags = ctx->protocol == IPPROTO_TCP ? DMSC_STAMP_F_PASSIVE : 0;
	s->generation = 0;
	s->hash = 0;	/* a connection that is accepted has its own */
	return may_bind(e, s->cgroup_id);
}

SEC("cgroup/post_bind4")
int dmsc_post_bind4(struct bpf_sock *ctx)
{
	struct ends e = {};

	if (ctx->src_ip4)
		addr_v4(&e.local, ctx->src_ip4);
	return bound(ctx, &e);
}

SEC("cgroup/post_bind6")
int dmsc_post_bind6(struct bpf_sock *ctx)
{
	struct ends e = {};
	__u32 *w = (__u32 *)e.local.b;

	w[0] = ctx->src_ip6[0];
	w[1] = ctx->src_ip6[1];
	w[2] = ctx->src_ip6[2];
	w[3] = ctx->src_ip6[3];
	return bound(ctx, &e);
}

/*
 * UDP without connect: whose it is; the packet itself tells the class. Policy is
 * asked here already, for an error that the caller sees.
 */
static __always_inline int sent(struct bpf_sock_addr *ctx, struct ends *e)
{
	__u64 id = bpf_get_current_cgroup_id();
	struct dmsc_stamp *s, once = {};
	struct policy p = {};
	struct control c;

	s = bpf_sk_storage_get(&dmsc_sockets, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s)
		return ALLOW;
	if (s->cgroup_id != id) {
		s->cgroup_id = id;
		s->generation = 0;
	}
	if (!control_read(&c) || !(c.flags & DMSC_CTL_POLICY))
		return ALLOW;
	e->peer_port = ctx->user_port;
	e->proto = ctx->protocol;
	e->has_ports = true;
	e->chosen = choice_of(ctx->sk);
	dmsc_stamp_resolve(&once, &c, current_instance(side_of(c.generation), id), e, &p);
	return judged(&once, &p, e, DMSC_HOOK_SEND);
}

SEC("cgroup/sendmsg4")
int dmsc_sendmsg4(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct ends e = {};

	if (!sk)
		return ALLOW;
	if (route4(ctx, sk, false) == REFUSE)
		return REFUSE;
	ends_of_call4(&e, ctx);
	return sent(ctx, &e);
}

SEC("cgroup/sendmsg6")
int dmsc_sendmsg6(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct ends e = {};

	if (!sk)
		return ALLOW;
	if (route6(ctx, sk, false) == REFUSE)
		return REFUSE;
	ends_of_call6(&e, ctx);
	return sent(ctx, &e);
}
