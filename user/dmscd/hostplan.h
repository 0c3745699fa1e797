/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan made ready for this host: its interfaces, cgroups, tables, path states. */
#ifndef DMSC_DMSCD_HOSTPLAN_H
#define DMSC_DMSCD_HOSTPLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/link.h"
#include "lib/model.h"
#include "lib/tables.h"

struct daemon;

struct path_state {
	bool admin_down;      /* taken out by hand */
	bool link_up, hop_ok; /* interface, next hop */
	uint8_t flags;	      /* DMSC_PATH_F_*, as in force */
};

/* A rail: one of the host's links in the topology. */
struct rail {
	uint32_t link; /* topology link */
	struct link_info info;
};

struct hostplan {
	struct plan plan;
	char *text;
	size_t text_len;
	uint32_t host; /* this one, in plan.hosts */
	struct rail *rails;
	uint32_t nr_rails;
	uint32_t *ifindexes;  /* by topology link, 0 not a rail */
	uint64_t *cgroup_ids; /* by plan instance, 0 remote or not made */
	uint32_t nr_local;
	char **made; /* cgroups that hostplan_cgroups() made */
	size_t nr_made;
	struct tables tables;
	struct path_state *paths; /* tables.t.nr_paths */
	uint32_t generation;	  /* 0: not in force */
	int64_t applied;	  /* seconds since 1970 */
	bool in_force;
};

/**
 * hostplan_new - read a plan and check all of it that this host can check
 * @text: copied
 *
 * -EINVAL: bad plan, or one that does not know this host; -ENODEV: an
 * interface is missing.
 */
int hostplan_new(struct daemon *d, const char *text, size_t len, struct hostplan **out,
		 struct dmsc_error *err);
void hostplan_free(struct hostplan *hp);

/**
 * hostplan_cgroups - find the instances' cgroups, make them unless @check
 *
 * With @check cgroups that are missing get ids that no cgroup has.
 */
int hostplan_cgroups(struct daemon *d, struct hostplan *hp, bool check, struct dmsc_error *err);

/** hostplan_undo_cgroups - remove those that were made, if nobody moved in */
void hostplan_undo_cgroups(struct hostplan *hp);

/** hostplan_retire_cgroups - remove @old's cgroups that @hp (or NULL) does not use, if empty */
void hostplan_retire_cgroups(struct daemon *d, const struct hostplan *old,
			     const struct hostplan *hp);

/** hostplan_build - the tables; after hostplan_cgroups() */
int hostplan_build(struct daemon *d, struct hostplan *hp, struct dmsc_error *err);

/** hostplan_service - the plan's instance with this SID, on whatever host; NULL: none */
const struct plan_instance *hostplan_service(const struct hostplan *hp, uint32_t sid);

/** hostplan_rail - by topology link; NULL: not a rail of this host */
struct rail *hostplan_rail(struct hostplan *hp, uint32_t link);

/** hostplan_first_by_hop - the first path with the interface and next hop of path @p */
uint32_t hostplan_first_by_hop(const struct hostplan *hp, uint32_t p);

#define PATH_NAME_LEN 600

/**
 * hostplan_path_name - what tells path @p from others to the same host: its
 * interface, and what is put around packets. Returns @out
 */
const char *hostplan_path_name(const struct hostplan *hp, uint32_t p, char out[PATH_NAME_LEN]);

/** hostplan_check_mtu - has each path's interface room for what goes around packets? -EINVAL */
int hostplan_check_mtu(struct daemon *d, struct hostplan *hp, struct dmsc_error *err);

/** hostplan_cgroup_path - where instance @i's processes belong on this host */
int hostplan_cgroup_path(const struct daemon *d, const char *cgroup, char *out, size_t size);

#endif /* DMSC_DMSCD_HOSTPLAN_H */
