/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a class travels between hosts: the DSCP of each class, by the vendor
 * whose switches the fabric is made of.
 */
#ifndef DMSC_LIB_PROFILE_H
#define DMSC_LIB_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/dmsc_bpf.h>

#include "lib/error.h"

struct profile {
	char name[16];
	uint8_t dscp[DMSC_NR_CLASSES]; /* 0..63 */
	uint64_t lossless;	       /* bit d: the fabric pauses (PFC) for DSCP d */
};

/* For usage texts: "default, nvidia, broadcom, sonic, custom". */
#define PROFILE_NAMES "default, nvidia, broadcom, sonic, custom"

/**
 * profile_find - a profile by name
 *
 * "custom" starts as "default"; the configuration then overrides single
 * classes. -EINVAL for an unknown name.
 */
int profile_find(const char *name, struct profile *out, struct dmsc_error *err);

/**
 * profile_check - two classes on one DSCP, or TCP in a lossless class?
 *
 * TCP fills a lossless priority until the fabric pauses, and takes RDMA down
 * with it: refused unless @allow_lossless. DSCPs must differ so that a receiver
 * can tell the class. -EINVAL with the classes named.
 */
int profile_check(const struct profile *p, bool allow_lossless, struct dmsc_error *err);

/** profile_tables - as the data plane wants it, both directions */
void profile_tables(const struct profile *p, struct dmsc_profile *out);

#endif /* DMSC_LIB_PROFILE_H */
