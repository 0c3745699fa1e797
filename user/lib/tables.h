/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plan seen from one host: the rows of the BPF tables and the scheduling
 * queues. Pure: no system call, the same input gives the same rows in the same
 * order, so that two results can be compared byte by byte.
 */
#ifndef DMSC_LIB_TABLES_H
#define DMSC_LIB_TABLES_H

#include "lib/dataplane.h"
#include "lib/model.h"
#include "lib/policy.h"
#include "lib/profile.h"
#include "lib/queues.h"

struct tables_input {
	const struct plan *plan;
	uint32_t host; /* index into plan->hosts */
	const struct profile *profile;
	uint32_t flags;		     /* DMSC_CTL_*, without those of the policy */
	const struct policy *policy; /* NULL: none */
	const uint64_t *cgroup_ids;  /* by plan instance; read for local ones */
	const uint32_t *ifindexes;   /* by topology link; read for the host's links */
};

/* What a row of dmsc_paths stands for: towards a host, out of one link, in one manner. */
struct tables_path {
	uint32_t dst_host;  /* index into plan->hosts */
	bool ipv6;	    /* for flows of IPv6, without encap; else of IPv4, or both */
	uint32_t link;	    /* topology link */
	uint32_t plan_path; /* MODEL_NONE: only answers (ACKs) take it */
	const struct plan_encap *encap; /* of the plan; NULL: none */
};

struct tables {
	struct dataplane_tables t;  /* points into what follows */
	struct dmsc_path *paths;    /* nr_paths; flags 0, for the caller to fill */
	struct tables_path *about;  /* nr_paths; [0] is unused */
	struct dmsc_set *sets;	    /* nr_sets */
	struct dmsc_encap *encaps;  /* nr_encaps; [0] is unused */
	struct queue_queue *queues; /* one a local (SID, class) with a slot */
	size_t nr_queues;
};

/** tables_host - index of the host called @name, MODEL_NONE when it is not in the plan */
uint32_t tables_host(const struct plan *p, const char *name);

/** tables_link_of - is topology link @link one of @host's rails? */
bool tables_link_of(const struct plan *p, uint32_t host, uint32_t link);

/**
 * tables_build - make the rows
 *
 * Endpoints: every instance's ports, on each address of its host; with a policy also every
 * host's addresses (port 0), and the local ports on any address (::). Groups: for what local instances send,
 * the planned path; for what they receive, the way back through the link by
 * which it arrives, so that answers keep to the rail of their data. Where a
 * receiver's peers all come by one rail that is also its path for a peer
 * unknown (DMSC_SID_ANY); dmsc_peers has the path of most bytes to each host
 * and class. Where a flow has several paths, a set of them stands in a path's
 * place. Groups of the plan are written out, pair by pair. Between two hosts with addresses of
 * IPv6 all of this is there once more, with the links' next hops of IPv6.
 *
 * -EINVAL when the plan contradicts itself or does not fit the maps; the
 * message names the field of the plan.
 */
int tables_build(const struct tables_input *in, struct tables *out, struct dmsc_error *err);

void tables_free(struct tables *t);

/**
 * tables_blob - all rows as one string of bytes, without the paths' flags
 *
 * Two generations are the same exactly when their blobs are. NULL: no memory.
 */
void *tables_blob(const struct tables *t, size_t *len);

#endif /* DMSC_LIB_TABLES_H */
