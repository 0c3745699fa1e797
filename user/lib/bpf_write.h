/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What writers of double-buffered BPF tables share. */
#ifndef DMSC_LIB_BPF_WRITE_H
#define DMSC_LIB_BPF_WRITE_H

/**
 * bpf_grace_period - until no BPF program that runs now runs any more
 *
 * Programs run under RCU; where membarrier() is refused, longer than any of them takes.
 */
void bpf_grace_period(void);

/**
 * bpf_write - one entry into map @fd; 0 or a negative errno
 *
 * Maps without preallocated elements take them from a small cache that the kernel
 * fills in the background: -ENOMEM is only believed when it lasts.
 */
int bpf_write(int fd, const void *key, const void *value);

#endif /* DMSC_LIB_BPF_WRITE_H */
