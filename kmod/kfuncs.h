/* SPDX-License-Identifier: GPL-2.0 */
/* What BPF programs call, as linux/dmsc_kfunc.h documents it. */
#ifndef DMSC_KFUNCS_H
#define DMSC_KFUNCS_H

#include <linux/bpf.h>

#include <linux/dmsc_kfunc.h>

int bpf_dmsc_skb_class_backlog(struct __sk_buff *ctx, u32 ifindex, u32 class,
			       struct dmsc_backlog *out, u32 out__sz);
int bpf_dmsc_xdp_class_backlog(struct xdp_md *ctx, u32 ifindex, u32 class,
			       struct dmsc_backlog *out, u32 out__sz);

#endif /* DMSC_KFUNCS_H */
