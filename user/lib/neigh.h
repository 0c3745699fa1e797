/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Next hops: neighbour entries that the kernel keeps resolved (NTF_EXT_MANAGED),
 * so that a packet redirected to one never waits for ARP or ND.
 */
#ifndef DMSC_LIB_NEIGH_H
#define DMSC_LIB_NEIGH_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/dmsc_bpf.h>

#include "lib/addr.h"
#include "lib/error.h"
#include "lib/rtnl.h"

/* NDA_PROTOCOL of our entries, so that they are found again; unused by others. */
#define NEIGH_PROTOCOL 0xd5

/**
 * neigh_manage - have the kernel resolve @addr on @ifindex and keep it so
 *
 * An entry that an administrator made permanent stays as it is. A kernel that
 * knows no managed entries resolves it once (NTF_USE); *managed tells which.
 */
int neigh_manage(struct rtnl *r, uint32_t ifindex, const struct dmsc_addr *addr, bool *managed,
		 struct dmsc_error *err);

/** neigh_state - NUD_* of the entry, 0 when there is none, negative errno */
int neigh_state(struct rtnl *r, uint32_t ifindex, const struct dmsc_addr *addr,
		struct dmsc_error *err);

/** neigh_usable - can a packet leave with this NUD_* state? */
bool neigh_usable(int state);

/**
 * neigh_release - give back entries that neigh_manage() made
 * @keep: answers whether this one is still wanted; NULL: none is
 */
int neigh_release(struct rtnl *r,
		  bool (*keep)(uint32_t ifindex, const struct dmsc_addr *addr, void *arg),
		  void *arg, struct dmsc_error *err);

#endif /* DMSC_LIB_NEIGH_H */
