// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What the service router needs beside connect() and sendmsg(): the application
 * goes on seeing the service that it asked for, and the instance learns that a
 * socket is gone. These hooks are attached only while there are services.
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#include "router.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * What the socket holds of the instance at @addr and the call's port, among its
 * first @n entries; NULL: it is none of ours.
 */
static __always_inline struct dmsc_rt_peer *peer_of(struct bpf_sock_addr *ctx, int n,
						    const struct dmsc_addr *addr)
{
	struct bpf_sock *sk = ctx->sk;
	__be16 port = ctx->user_port;
	struct dmsc_rt_socket *s;
	int i;

	if (!sk)
		return NULL;
	s = bpf_sk_storage_get(&dmsc_rt_sockets, sk, NULL, 0);
	if (!s)
		return NULL;
	for (i = 0; i < n; i++) {
		struct dmsc_rt_peer *p = &s->peer[i];

		if (p->instance && p->port == port && addr_equal(&p->addr, addr))
			return p;
	}
	return NULL;
}

static __always_inline int show4(struct bpf_sock_addr *ctx, int n)
{
	struct dmsc_rt_peer *p;
	struct dmsc_addr addr;

	addr_v4(&addr, ctx->user_ip4);
	p = peer_of(ctx, n, &addr);
	if (p) {
		ctx->user_ip4 = ((__u32 *)p->service_addr.b)[3];
		ctx->user_port = p->service_port;
	}
	return ALLOW;
}

static __always_inline int show6(struct bpf_sock_addr *ctx, int n)
{
	struct dmsc_rt_peer *p;
	struct dmsc_addr addr;
	__u32 *w = (__u32 *)addr.b;

	w[0] = ctx->user_ip6[0];
	w[1] = ctx->user_ip6[1];
	w[2] = ctx->user_ip6[2];
	w[3] = ctx->user_ip6[3];
	p = peer_of(ctx, n, &addr);
	if (p) {
		w = (__u32 *)p->service_addr.b;
		ctx->user_ip6[0] = w[0];
		ctx->user_ip6[1] = w[1];
		ctx->user_ip6[2] = w[2];
		ctx->user_ip6[3] = w[3];
		ctx->user_port = p->service_port;
	}
	return ALLOW;
}

/* A connection's other end is the first entry. */
SEC("cgroup/getpeername4")
int dmsc_getpeername4(struct bpf_sock_addr *ctx)
{
	return show4(ctx, 1);
}

SEC("cgroup/getpeername6")
int dmsc_getpeername6(struct bpf_sock_addr *ctx)
{
	return show6(ctx, 1);
}

SEC("cgroup/recvmsg4")
int dmsc_recvmsg4(struct bpf_sock_addr *ctx)
{
	return show4(ctx, DMSC_RT_MAX_PEERS);
}

SEC("cgroup/recvmsg6")
int dmsc_recvmsg6(struct bpf_sock_addr *ctx)
{
	return show6(ctx, DMSC_RT_MAX_PEERS);
}

/*
 * The last descriptor is closed, however the process ended. Once for each socket
 * that a process created.
 */
SEC("cgroup/sock_release")
int dmsc_sock_release(struct bpf_sock *ctx)
{
	struct dmsc_rt_socket *s = bpf_sk_storage_get(&dmsc_rt_sockets, ctx, NULL, 0);

	if (s)
		dmsc_route_leave(s);
	return ALLOW;
}
