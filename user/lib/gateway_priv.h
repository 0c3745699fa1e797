/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of the gateway: shared by gateway*.c only. */
#ifndef DMSC_LIB_GATEWAY_PRIV_H
#define DMSC_LIB_GATEWAY_PRIV_H

#include <limits.h>
#include <stdarg.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/gateway.h"

struct gateway; /* the skeleton */

struct gw {
	char pin_dir[PATH_MAX];
	struct gateway *skel;
	uint32_t cpus;
	int pattern;				 /* of a flow table */
	uint32_t flow_key_type, flow_value_type; /* BTF ids */

	/* Maps, as memory. */
	struct dmsc_gw_ctl *ctl;
	struct dmsc_gw_bucket *vips;
	struct dmsc_gw_service *services;
	struct dmsc_gw_ring *rings;
	struct dmsc_gw_real *reals;
	struct dmsc_gw_lane *lanes;
	struct dmsc_gw_counts *counts;
	struct dmsc_gw_set **flows; /* one table for each CPU, ctl->flow_mask + 1 sets */
};

/* libbpf's messages: shown when DMSC_BPF_LOG is set. */
int gateway_log(enum libbpf_print_level level, const char *fmt, va_list ap);

/* The side in force. */
uint32_t gateway_side(const struct gw *gw);

/* Live flows of each real, DMSC_GW_MAX_REALS of them. To be freed; NULL: no memory. */
uint32_t *gateway_live_flows(const struct gw *gw);

/* The service of @addr, @port and @proto in force; NULL: none. */
const struct dmsc_gw_vip *gateway_vip(const struct gw *gw, const struct dmsc_addr *addr,
				      __be16 port, uint8_t proto);

/* The two words of an address that dmsc_gw_hash() takes. */
static inline void gateway_words(const struct dmsc_addr *a, uint64_t w[2])
{
	__builtin_memcpy(w, a, sizeof(*a));
}

#endif /* DMSC_LIB_GATEWAY_PRIV_H */
