/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The class that an application chose for a socket, see choice.bpf.c.
 */
#ifndef DMSC_BPF_CHOICE_H
#define DMSC_BPF_CHOICE_H

#include "maps.h"

/* class + 1, 0 for none */
static __always_inline __u8 choice_of(struct bpf_sock *sk)
{
	struct dmsc_choice *choice = bpf_sk_storage_get(&dmsc_choices, sk, NULL, 0);

	return choice ? choice->chosen : 0;
}

#endif /* DMSC_BPF_CHOICE_H */
