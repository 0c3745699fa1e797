/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Packets are redirected to a next hop, and pass egress again then. */
#ifndef DMSC_BPF_REDIRECT_H
#define DMSC_BPF_REDIRECT_H

#include <stdbool.h>

#include "tables.h"

/*
 * A redirected packet passes egress again, on the other device, within the same
 * run of the transmit path and so on the same CPU. It is recognised by a token
 * that is renewed with every redirect and valid once: tc_index alone could be
 * set by a program in another namespace, or be left over from one. A packet
 * that the neighbour code had to keep comes back without a valid token; it is
 * simply steered again, by then to a known address.
 */
static __always_inline struct dmsc_reentry *reentry_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&dmsc_reentry, &zero);
}

static __always_inline bool reentry(struct __sk_buff *skb)
{
	struct dmsc_reentry *r;
	bool ours;

	if (!skb->tc_index)
		return false;
	r = reentry_get();
	ours = r && r->ifindex == skb->ifindex && (r->token & 0xffff) == skb->tc_index;
	if (ours)
		r->ifindex = 0;
	skb->tc_index = 0;
	return ours;
}

static __always_inline void reentry_expect(struct __sk_buff *skb, __u32 ifindex)
{
	struct dmsc_reentry *r = reentry_get();

	if (!r)
		return;
	r->token++;
	if (!(r->token & 0xffff))
		r->token++;
	r->ifindex = ifindex;
	skb->tc_index = r->token & 0xffff;
}

/* Out of @ifindex to @nexthop; @v4: that is an IPv4 address. The verdict. */
static __always_inline int neigh_redirect(__u32 ifindex, bool v4, const struct dmsc_addr *nexthop)
{
	struct bpf_redir_neigh nh = {};

	if (v4) {
		nh.nh_family = AF_INET;
		nh.ipv4_nh = ((const __u32 *)nexthop->b)[3];
	} else {
		nh.nh_family = AF_INET6;
		__builtin_memcpy(nh.ipv6_nh, nexthop->b, sizeof(nh.ipv6_nh));
	}
	return bpf_redirect_neigh(ifindex, &nh, sizeof(nh), 0);
}

#endif /* DMSC_BPF_REDIRECT_H */
