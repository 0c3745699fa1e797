/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses as the tables have them: IPv6, and IPv4 as ::ffff:a.b.c.d. */
#ifndef DMSC_LIB_ADDR_H
#define DMSC_LIB_ADDR_H

#include <stdbool.h>

#include <linux/dmsc_bpf.h>

/** dmsc_addr_is_v4 - is it ::ffff:a.b.c.d? */
bool dmsc_addr_is_v4(const struct dmsc_addr *a);

/** dmsc_addr_given - is it another one than ::, which stands for none? */
bool dmsc_addr_given(const struct dmsc_addr *a);

/** dmsc_addr_format - as people write it; @out has INET6_ADDRSTRLEN bytes */
const char *dmsc_addr_format(const struct dmsc_addr *a, char *out);

#endif /* DMSC_LIB_ADDR_H */
