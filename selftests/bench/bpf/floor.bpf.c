// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What the data plane is measured against, and what drives it.
 *
 * Floors are what any program of that kind has to pay: nothing at all, reading
 * the headers, one look-up in a hash of 20-byte keys (a service table), that and
 * one in an LRU hash of 40-byte keys (a flow table), reading the clock.
 *
 * BPF_PROG_TEST_RUN repeats a program on one packet, as the last run left it.
 * The drivers make that a stream: they put the packet back into its first shape,
 * write the next flow's source address and port into it, and tail-call the
 * program under test. Their own cost is measured with empty programs and taken
 * off, see measure.c.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "floor.h"

#define __unused __attribute__((unused))

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__type(key, struct floor_service);
	__type(value, __u64);
} floor_services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 20);
	__type(key, struct floor_flow);
	__type(value, struct floor_backend);
} floor_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} xdp_target SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} tc_target SEC(".maps");

struct floor_stream stream = {};

/* ---- drivers ---- */

/* The next flow: all of them in an order that no prefetcher knows, again and again. */
static __always_inline void stream_next(void *data)
{
	__u32 n = (stream.at++ * 0x9e3779b1U) & stream.mask;
	__u64 *to = data, *from = (__u64 *)stream.head;

	to[0] = from[0];
	to[1] = from[1];
	to[2] = from[2];
	to[3] = from[3];
	to[4] = from[4];
	to[5] = from[5];
	to[6] = from[6];
	if (stream.ipv6) {
		*(__u32 *)(data + FLOOR_SADDR6 + 12) = bpf_htonl(n >> 14 | 0x10000);
		*(__u16 *)(data + FLOOR_SPORT6) = bpf_htons(1024 + (n & 0x3fff));
	} else {
		__u32 saddr = 0x0a010000 + (n >> 14);
		__u32 sum = stream.sum + (saddr >> 16) + (saddr & 0xffff);

		sum = (sum & 0xffff) + (sum >> 16);
		sum = (sum & 0xffff) + (sum >> 16);
		*(__u16 *)(data + FLOOR_CHECK4) = bpf_htons(~sum);
		*(__u32 *)(data + FLOOR_SADDR4) = bpf_htonl(saddr);
		*(__u16 *)(data + FLOOR_SPORT4) = bpf_htons(1024 + (n & 0x3fff));
	}
}

SEC("xdp")
int drive_xdp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (end - data != stream.len) {
		if (bpf_xdp_adjust_head(ctx, (int)(end - data) - (int)stream.len))
			return XDP_ABORTED;
		data = (void *)(long)ctx->data;
		end = (void *)(long)ctx->data_end;
	}
	if (data + FLOOR_HEAD > end)
		return XDP_ABORTED;
	stream_next(data);
	bpf_tail_call(ctx, &xdp_target, 0);
	return XDP_ABORTED;
}

SEC("tc")
int drive_tc(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (data + FLOOR_HEAD > end)
		return TC_ACT_SHOT;
	stream_next(data);
	bpf_tail_call(skb, &tc_target, 0);
	return TC_ACT_SHOT;
}

/* Moves the packet's start as an encapsulation does: what putting it back costs. */
SEC("xdp")
int grow_xdp(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_head(ctx, -(int)sizeof(struct iphdr)) ? XDP_ABORTED : XDP_TX;
}

/* ---- floors ---- */

SEC("xdp")
int empty_xdp(struct xdp_md *ctx __unused)
{
	return XDP_PASS;
}

SEC("tc")
int empty_tc(struct __sk_buff *skb __unused)
{
	return TC_ACT_UNSPEC;
}

/* The frame's flow, in the 40 bytes that its two addresses and ports take. */
static __always_inline int floor_parse(void *data, void *end, struct floor_flow *f)
{
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct tcphdr *tcp = (void *)(ip + 1);

	if ((void *)(tcp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5 ||
	    ip->protocol != IPPROTO_TCP)
		return -1;
	f->saddr[2] = f->daddr[2] = bpf_htonl(0xffff);
	f->saddr[3] = ip->saddr;
	f->daddr[3] = ip->daddr;
	f->sport = tcp->source;
	f->dport = tcp->dest;
	f->proto = ip->protocol;
	return 0;
}

SEC("xdp")
int parse_xdp(struct xdp_md *ctx)
{
	struct floor_flow f = {};

	if (floor_parse((void *)(long)ctx->data, (void *)(long)ctx->data_end, &f))
		return XDP_ABORTED;
	return f.saddr[3] == f.daddr[3] ? XDP_DROP : XDP_PASS;
}

static __always_inline __u64 *floor_service(const struct floor_flow *f)
{
	struct floor_service key = { .port = f->dport, .proto = f->proto };

	__builtin_memcpy(key.addr, f->daddr, sizeof(key.addr));
	return bpf_map_lookup_elem(&floor_services, &key);
}

SEC("xdp")
int hash_xdp(struct xdp_md *ctx)
{
	struct floor_flow f = {};

	if (floor_parse((void *)(long)ctx->data, (void *)(long)ctx->data_end, &f))
		return XDP_ABORTED;
	return floor_service(&f) ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int floor_xdp(struct xdp_md *ctx)
{
	struct floor_flow f = {};

	if (floor_parse((void *)(long)ctx->data, (void *)(long)ctx->data_end, &f))
		return XDP_ABORTED;
	if (!floor_service(&f))
		return XDP_DROP;
	return bpf_map_lookup_elem(&floor_flows, &f) ? XDP_PASS : XDP_ABORTED;
}

/* The same on tc, with what classifying means there. */
SEC("tc")
int floor_tc(struct __sk_buff *skb)
{
	struct floor_flow f = {};
	struct floor_backend *b;

	if (floor_parse((void *)(long)skb->data, (void *)(long)skb->data_end, &f))
		return TC_ACT_SHOT;
	if (!floor_service(&f))
		return TC_ACT_SHOT;
	b = bpf_map_lookup_elem(&floor_flows, &f);
	if (!b)
		return TC_ACT_SHOT;
	skb->priority = b->number;
	skb->mark = b->number;
	return TC_ACT_UNSPEC;
}

SEC("xdp")
int clock_xdp(struct xdp_md *ctx __unused)
{
	return bpf_ktime_get_ns() ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int coarse_clock_xdp(struct xdp_md *ctx __unused)
{
	return bpf_ktime_get_coarse_ns() ? XDP_PASS : XDP_DROP;
}
