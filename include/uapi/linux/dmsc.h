/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * DMSC scheduling queues: the contract between the kernel module sch_dmsc and
 * userspace. The generic netlink family "dmsc", all of whose integers are in
 * host byte order, is in dmsc_netlink.h: classes, ranges that the module
 * enforces (what lies outside is refused with extack), commands, attributes,
 * events. Here is what does not go by netlink.
 */
#ifndef _UAPI_LINUX_DMSC_H
#define _UAPI_LINUX_DMSC_H

#include <linux/types.h>

#include <linux/dmsc_netlink.h>

/*
 * How tc egress names a queue to the qdisc: skb->priority holds a major of
 * its own (the same on every device, so that BPF needs no qdisc handles), and
 * a minor made of slot and class.
 */
#define DMSC_PRIO_MAJOR		0xd5c00000U
#define DMSC_PRIO_MAJOR_MASK	0xffff0000U
#define DMSC_PRIO_CLASS_MASK	0x0000000fU
#define DMSC_PRIO_SLOT_SHIFT	4
#define DMSC_PRIO(slot, class) \
	(DMSC_PRIO_MAJOR | ((__u32)(slot) << DMSC_PRIO_SLOT_SHIFT) | (__u32)(class))

#endif /* _UAPI_LINUX_DMSC_H */
