/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What sch_dmsc lets BPF programs read: kfuncs for programs of the types
 * SCHED_CLS (tc) and XDP, where the module has BTF (/sys/kernel/btf/sch_dmsc).
 * Integers are in host byte order.
 *
 *   int bpf_dmsc_skb_class_backlog(struct __sk_buff *ctx, __u32 ifindex, __u32 class,
 *				    struct dmsc_backlog *out, __u32 out__sz) __ksym;
 *   int bpf_dmsc_xdp_class_backlog(struct xdp_md *ctx, __u32 ifindex, __u32 class,
 *				    struct dmsc_backlog *out, __u32 out__sz) __ksym;
 *
 * @ctx: the program's own; the device is looked for in its network namespace
 * @ifindex: of the device that sends; 0: that of @ctx
 * @class: enum dmsc_class
 * @out: what the class holds in all dmsc qdiscs of the device, wherever they stand
 * @out__sz: sizeof(*out)
 *
 * Returns 0; -EINVAL: no such class, or another size; -ENODEV: no such device;
 * -ENOENT: it has no dmsc qdisc. On errors @out is untouched. No lock is taken:
 * bytes and packets may be of two moments while packets come and go.
 */
#ifndef _UAPI_LINUX_DMSC_KFUNC_H
#define _UAPI_LINUX_DMSC_KFUNC_H

#include <linux/types.h>

/** struct dmsc_backlog - what waits in a class of a device */
struct dmsc_backlog {
	__u64 bytes;	/* on the wire, as the qdisc counts them */
	__u64 packets;
	__u32 qdiscs;	/* dmsc qdiscs of the device: 1, or one a transmit queue under mq */
	__u32 pad;	/* 0 */
};

#endif /* _UAPI_LINUX_DMSC_KFUNC_H */
