/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What writers of double-buffered BPF tables share. */
#ifndef DMSC_LIB_BPF_WRITE_H
#define DMSC_LIB_BPF_WRITE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * bpf_grace_period - until no BPF program that runs now runs any more
 *
 * Programs run under RCU; where membarrier() is refused, longer than any of them takes.
 */
void bpf_grace_period(void);

/**
 * bpf_write_again - whether a write that failed with errno is to be tried again
 * @tries: how often it was, 0 at first; counted up
 *
 * Maps without preallocated elements take them from a small cache that the kernel
 * fills in the background: ENOMEM is only believed when it lasts. Waits a moment.
 */
bool bpf_write_again(int *tries);

/** bpf_write - one entry into map @fd, with BPF_ANY or the like; 0 or a negative errno */
int bpf_write(int fd, const void *key, const void *value, uint64_t flags);

#endif /* DMSC_LIB_BPF_WRITE_H */
