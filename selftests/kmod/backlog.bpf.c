// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Programs of test_kfunc.c: ask sch_dmsc for the backlog of a class. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <linux/dmsc_kfunc.h>

extern int bpf_dmsc_skb_class_backlog(struct __sk_buff *ctx, __u32 ifindex, __u32 class,
				      struct dmsc_backlog *out, __u32 out__sz) __ksym;
extern int bpf_dmsc_xdp_class_backlog(struct xdp_md *ctx, __u32 ifindex, __u32 class,
				      struct dmsc_backlog *out, __u32 out__sz) __ksym;

__u32 ask_ifindex, ask_class;
struct dmsc_backlog answer;
int error, short_error;

SEC("tc")
int ask_skb(struct __sk_buff *skb)
{
	struct dmsc_backlog b;

	__builtin_memset(&b, 0xee, sizeof(b));
	error = bpf_dmsc_skb_class_backlog(skb, ask_ifindex, ask_class, &b, sizeof(b));
	answer = b;
	/* a size that is not the structure's */
	short_error = bpf_dmsc_skb_class_backlog(skb, ask_ifindex, ask_class, &b, sizeof(b) - 8);
	return 0;
}

SEC("xdp")
int ask_xdp(struct xdp_md *xdp)
{
	struct dmsc_backlog b;

	__builtin_memset(&b, 0xee, sizeof(b));
	error = bpf_dmsc_xdp_class_backlog(xdp, ask_ifindex, ask_class, &b, sizeof(b));
	answer = b;
	short_error = bpf_dmsc_xdp_class_backlog(xdp, ask_ifindex, ask_class, &b, sizeof(b) - 8);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
