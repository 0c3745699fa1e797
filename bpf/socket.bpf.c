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

#include "tables.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define ALLOW	1

static __always_inline struct dmsc_instance *current_instance(__u32 side, __u64 cgroup_id)
{
	struct dmsc_instance *inst = instance_get(side, cgroup_id);
	int level;

	/* The nearest registered ancestor; 0 is what lies deeper than we are. */
	for (level = DMSC_CGROUP_LEVELS; !inst && level > 0; level--) {
		__u64 id = bpf_get_current_ancestor_cgroup_id(level);

		if (id && id != cgroup_id)
			inst = instance_get(side, id);
	}
	return inst;
}

static __always_inline int connected(struct bpf_sock_addr *ctx, struct ends *e)
{
	struct dmsc_stamp *s;
	struct control c;

	s = bpf_sk_storage_get(&dmsc_sockets, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s)
		return ALLOW;
	s->cgroup_id = bpf_get_current_cgroup_id();
	s->flags = 0;
	if (!control_read(&c)) {
		s->generation = 0;
		return ALLOW;
	}
	e->peer_port = ctx->user_port;
	e->proto = ctx->protocol;
	e->has_ports = true;
	stamp_resolve(s, c.generation, current_instance(side_of(c.generation), s->cgroup_id), e);
	return ALLOW;
}

SEC("cgroup/connect4")
int dmsc_connect4(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct ends e = {};

	if (!sk)
		return ALLOW;
	addr_v4(&e.peer, ctx->user_ip4);
	if (sk->src_port) {
		addr_v4(&e.local, sk->src_ip4);
		e.local_port = bpf_htons(sk->src_port);
		e.has_local = true;
	}
	return connected(ctx, &e);
}

SEC("cgroup/connect6")
int dmsc_connect6(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct ends e = {};
	__u32 *w;

	if (!sk)
		return ALLOW;
	w = (__u32 *)e.peer.b;
	w[0] = ctx->user_ip6[0];
	w[1] = ctx->user_ip6[1];
	w[2] = ctx->user_ip6[2];
	w[3] = ctx->user_ip6[3];
	if (sk->src_port) {
		w = (__u32 *)e.local.b;
		w[0] = sk->src_ip6[0];
		w[1] = sk->src_ip6[1];
		w[2] = sk->src_ip6[2];
		w[3] = sk->src_ip6[3];
		e.local_port = bpf_htons(sk->src_port);
		e.has_local = true;
	}
	return connected(ctx, &e);
}

/*
 * A bound socket may become a listener. Its local address may be a wildcard, so
 * its connections are resolved one by one, at their first packet: generation 0.
 */
static __always_inline int bound(struct bpf_sock *ctx)
{
	struct dmsc_stamp *s;

	s = bpf_sk_storage_get(&dmsc_sockets, ctx, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s)
		return ALLOW;
	s->cgroup_id = bpf_get_current_cgroup_id();
	s->flags = ctx->protocol == IPPROTO_TCP ? DMSC_STAMP_F_PASSIVE : 0;
	s->generation = 0;
	return ALLOW;
}

SEC("cgroup/post_bind4")
int dmsc_post_bind4(struct bpf_sock *ctx)
{
	return bound(ctx);
}

SEC("cgroup/post_bind6")
int dmsc_post_bind6(struct bpf_sock *ctx)
{
	return bound(ctx);
}

/* UDP without connect: whose it is; the packet itself tells the class. */
static __always_inline int sent(struct bpf_sock_addr *ctx)
{
	__u64 id = bpf_get_current_cgroup_id();
	struct dmsc_stamp *s;

	if (!ctx->sk)
		return ALLOW;
	s = bpf_sk_storage_get(&dmsc_sockets, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (s && s->cgroup_id != id) {
		s->cgroup_id = id;
		s->generation = 0;
	}
	return ALLOW;
}

SEC("cgroup/sendmsg4")
int dmsc_sendmsg4(struct bpf_sock_addr *ctx)
{
	return sent(ctx);
}

SEC("cgroup/sendmsg6")
int dmsc_sendmsg6(struct bpf_sock_addr *ctx)
{
	return sent(ctx);
}
