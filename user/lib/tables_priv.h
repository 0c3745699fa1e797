/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of the making of tables: shared by tables*.c only. */
#ifndef DMSC_LIB_TABLES_PRIV_H
#define DMSC_LIB_TABLES_PRIV_H

#include "lib/tables.h"

/* A wish of one flow for a path under one key; reduce() settles them. */
struct choice {
	uint8_t key[sizeof(struct dmsc_peer_key)];
	uint32_t rank; /* 0: sends; 1: answers */
	uint32_t path; /* or a set */
	uint64_t bytes;
};

struct choices {
	struct choice *c;
	size_t n, cap;
};

struct build {
	const struct tables_input *in;
	struct tables *out;
	struct dmsc_error *err;
	struct choices groups, any, peers;
};

/* Rows for the paths of the plan that leave this host. */
int tables_paths(struct build *b);

/* Whether this host and @host have addresses of IPv6, so that they talk by these as well. */
bool tables_talk6(const struct build *b, uint32_t host);

/*
 * What flow @f takes, a path or a set, with IPv4 or with IPv6: as its sender, or as its
 * receiver for the answers, which take the links by which its data arrives. DMSC_PATH_NONE:
 * no link has next hops of IPv6.
 */
int tables_flow_way(struct build *b, const struct plan_flow *f, bool ipv6, uint32_t *way);

/* The same for a group's pairs between this host and @dst_host; DMSC_PATH_NONE: none. */
int tables_group_way(struct build *b, const struct plan_group *g, uint32_t dst_host, bool ipv6,
		     uint32_t *way);

#endif /* DMSC_LIB_TABLES_PRIV_H */
