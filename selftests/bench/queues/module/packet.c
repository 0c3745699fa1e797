// SPDX-License-Identifier: GPL-2.0
#include <linux/etherdevice.h>
#include <linux/hash.h>
#include <linux/ip.h>

#include "bench.h"

struct sk_buff *bench_packet(struct net_device *dev, u32 flow)
{
	struct sk_buff *skb = alloc_skb(PACKET_LEN + NET_SKB_PAD, GFP_KERNEL);
	struct iphdr *ip;

	if (!skb)
		return NULL;
	skb_reserve(skb, NET_SKB_PAD);
	skb_reset_mac_header(skb);
	skb_put_zero(skb, PACKET_LEN);
	skb_set_network_header(skb, ETH_HLEN);
	ip = ip_hdr(skb);
	ip->version = 4;
	ip->ihl = 5;
	ip->ttl = 64;
	ip->protocol = IPPROTO_UDP;
	ip->tot_len = htons(PACKET_LEN - ETH_HLEN);
	ip->saddr = htonl(0x0a000001);
	ip->daddr = htonl(0x0a000002 + flow);
	skb->protocol = htons(ETH_P_IP);
	skb->dev = dev;
	return skb;
}

void bench_packet_renew(struct sk_buff *skb, u32 priority, u8 dscp, u32 flow)
{
	memset(skb->cb, 0, sizeof(skb->cb));
	skb->next = NULL;
	skb->prev = NULL;
	skb->tstamp = 0;
	skb->mark = 0;
	skb->priority = priority;
	ip_hdr(skb)->tos = dscp << 2;
	qdisc_skb_cb(skb)->pkt_len = PACKET_LEN;
	qdisc_skb_cb(skb)->pkt_segs = 1;
	skb_set_hash(skb, hash_32(flow + 1, 32), PKT_HASH_TYPE_L4);
}
