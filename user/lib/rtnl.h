/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests to rtnetlink: one socket, one request at a time, the kernel's own
 * text (extended acknowledgements) on every refusal.
 */
#ifndef DMSC_LIB_RTNL_H
#define DMSC_LIB_RTNL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

#include "lib/error.h"

struct rtnl;

int rtnl_open(struct rtnl **out, struct dmsc_error *err);
void rtnl_close(struct rtnl *r);

/**
 * rtnl_start - begin a request in the socket's own buffer
 * @flags: NLM_F_*; NLM_F_REQUEST | NLM_F_ACK are added
 *
 * Returns the header, to which attributes may be put (64 KB in all).
 */
struct nlmsghdr *rtnl_start(struct rtnl *r, uint16_t type, uint16_t flags);

/**
 * rtnl_do - send what was started and take the answers
 * @cb: for every message that is no acknowledgement; may be NULL
 *
 * Returns 0 or the kernel's negative errno, "@doing: why" in @err; -EINTR when
 * a dump was inconsistent and should be asked for again.
 */
int rtnl_do(struct rtnl *r, struct nlmsghdr *nlh, mnl_cb_t cb, void *data, const char *doing,
	    struct dmsc_error *err);

/** rtnl_is_own - is a notification, heard by whatever socket, of a request of @r? */
bool rtnl_is_own(const struct rtnl *r, const struct nlmsghdr *nlh);

/** rtnl_watch - a non-blocking socket that hears rtnetlink groups; the fd, or -errno */
int rtnl_watch(struct mnl_socket **out, const unsigned int *groups, size_t n,
	       struct dmsc_error *err);

#endif /* DMSC_LIB_RTNL_H */
