/* SPDX-License-Identifier: GPL-2.0 */
/* How kfuncs are defined, where a kernel has no words for it yet. */
#ifndef DMSC_COMPAT_KFUNC_H
#define DMSC_COMPAT_KFUNC_H

#include <linux/btf.h>
#include <linux/btf_ids.h>

/* Never inlined: BPF programs call it by its name. */
#ifndef __bpf_kfunc
#define __bpf_kfunc	noinline
#endif

/* A set of kfuncs, and of nothing else, says so in newer kernels. */
#ifndef BTF_KFUNCS_START
#define BTF_KFUNCS_START(name)	BTF_SET8_START(name)
#define BTF_KFUNCS_END(name)	BTF_SET8_END(name)
#endif

#endif /* DMSC_COMPAT_KFUNC_H */
