/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between the kernels that are supported, by probing their headers
 * (see Kbuild): stable trees and distributions back-port interfaces, so
 * version numbers would be wrong sooner or later.
 */
#ifndef DMSC_COMPAT_H
#define DMSC_COMPAT_H

#include <net/sch_generic.h>

#ifndef DMSC_HAVE_QDISC_QLEN_INC
static inline void qdisc_qlen_inc(struct Qdisc *sch)
{
	sch->q.qlen++;
}

static inline void qdisc_qlen_dec(struct Qdisc *sch)
{
	sch->q.qlen--;
}
#endif

#endif /* DMSC_COMPAT_H */
