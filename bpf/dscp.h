/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What class the DSCP of a packet that came from elsewhere stands for. */
#ifndef DMSC_BPF_DSCP_H
#define DMSC_BPF_DSCP_H

#include "packet.h"
#include "tables.h"

static __always_inline __u8 dscp_class(__u32 side, const struct packet *p)
{
	struct dmsc_profile *profile = bpf_map_lookup_elem(&dmsc_profile, &side);
	__u8 class;

	if (!profile || (p->kind != PACKET_IPV4 && p->kind != PACKET_IPV6))
		return DMSC_CLASS_DEFAULT;
	class = profile->class_of[(p->tos >> 2) & 63];
	return class < DMSC_NR_CLASSES ? class : DMSC_CLASS_DEFAULT;
}

/*
 * The same at egress, where nothing else is known of a packet: it is believed only if it
 * came by an interface that is trusted.
 */
static __always_inline __u8 dscp_trusted(struct __sk_buff *skb, const struct packet *p,
					 const struct control *c)
{
	__u32 ifindex = skb->ingress_ifindex;

	if (!(c->flags & DMSC_CTL_TRUST) || !bpf_map_lookup_elem(&dmsc_trusted, &ifindex))
		return DMSC_CLASS_DEFAULT;
	return dscp_class(side_of(c->generation), p);
}

#endif /* DMSC_BPF_DSCP_H */
