/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the data plane: shared by dataplane*.c only.
 */
#ifndef DMSC_LIB_DATAPLANE_PRIV_H
#define DMSC_LIB_DATAPLANE_PRIV_H

#include <limits.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/dataplane.h"

#define DATAPLANE_NR_TABLES 6

struct dmsc; /* the skeleton */

/* A table of a generation; keys have side 0. */
struct dataplane_table {
	const char *map;
	const void *keys, *values;
	size_t n, max, key_size, value_size, side, side_size;
};

/* What one side of a table has, if that is known: as this process wrote it. */
struct dataplane_side {
	bool known;
	char *keys, *values; /* keys with their side */
	size_t n;
};

struct dataplane {
	char pin_dir[PATH_MAX];
	struct dmsc *skel;
	struct dmsc_ctl *ctl;	 /* mapped; generation and flags are one word */
	struct dmsc_path *paths; /* mapped; both sides */
	struct dmsc_set *sets;	 /* likewise */
	struct dmsc_stats_room *room;
	struct dataplane_side sides[2][DATAPLANE_NR_TABLES];
	bool tcx;
	struct ring_buffer *events;	   /* dataplane_events.c */
	struct dataplane_upgrade *upgrade; /* dataplane_upgrade.c; NULL: our version is at work */
};

/* Both hooks of an interface. */
enum dataplane_dir {
	DATAPLANE_EGRESS,
	DATAPLANE_INGRESS,
	DATAPLANE_NR_DIRS,
};

extern const char *const dataplane_prog_name[DATAPLANE_NR_DIRS];

int dataplane_map(const struct dataplane *dp, const char *name);
int dataplane_prog(const struct dataplane *dp, const char *name);

/* What libbpf said since the last reset, as one line; "" for nothing. */
void dataplane_log_reset(void);
const char *dataplane_log(void);

/* dataplane_pin.c: the pin directory */
int dataplane_pin_dir(char *out, size_t len, const struct dataplane_config *cfg,
		      struct dmsc_error *err);
int dataplane_pin_prepare(const char *dir, struct dmsc_error *err);
int dataplane_pin_link_path(char *out, size_t len, const char *dir, const char *name);
int dataplane_pin_each_link(const char *dir,
			    int (*fn)(const char *path, const char *name, void *arg), void *arg);
void dataplane_pin_remove(const char *dir);

/*
 * dataplane_upgrade.c: taking over from the version before. Begins between open and load,
 * notes interfaces, and ends behind the first generation; on an error there, what is at work
 * is one generation or the other at each hook, and the pins are the version before's.
 */
int dataplane_upgrade_begin(struct dataplane *dp, struct bpf_object *obj, const char *cgroup,
			    struct dmsc_error *err);
int dataplane_upgrade_attach(struct dataplane *dp, const char *ifname, struct dmsc_error *err);
int dataplane_upgrade_finish(struct dataplane *dp, struct dmsc_error *err);
void dataplane_upgrade_free(struct dataplane *dp);

/* dataplane_hops.c: what belongs to no side */
int dataplane_hops_add(struct dataplane *dp, const struct dataplane_tables *t,
		       struct dmsc_path *paths, struct dmsc_error *err);
int dataplane_hop_set(struct dataplane *dp, const struct dmsc_path *p, uint32_t flags);
void dataplane_hops_prune(const struct dataplane *dp);

/* dataplane_batch.c: many entries in one system call */
void *dataplane_all_keys(int fd, size_t key_size, size_t value_size, size_t *n);
int dataplane_update_many(int fd, const void *keys, size_t key_size, const void *values,
			  size_t value_size, size_t n);
int dataplane_delete_many(int fd, const void *keys, size_t key_size, size_t n);

/* dataplane_table.c */
int dataplane_table_replace(struct dataplane *dp, size_t nr, const struct dataplane_table *t,
			    uint32_t side, struct dmsc_error *err);
void dataplane_tables_forget(struct dataplane *dp);

/* dataplane_counters.c */
uint16_t dataplane_stats_index(struct dataplane *dp, const struct dmsc_stats_key *key);
int dataplane_counted_paths(const struct dataplane *dp, bool *used);
void dataplane_stats_prune(struct dataplane *dp, const struct dataplane_tables *t);
int dataplane_compare_sids(const void *a, const void *b);

/* dataplane_events.c */
void dataplane_events_close(struct dataplane *dp);

/* dataplane_attach.c: hooks */
bool dataplane_have_tcx(const struct dataplane *dp);
int dataplane_attach_cgroup(struct dataplane *dp, const char *cgroup, struct dmsc_error *err);
int dataplane_reattach(struct dataplane *dp, struct dmsc_error *err);

/* The service router's hooks; @udp: those that only its UDP services need, too. */
int dataplane_attach_router(struct dataplane *dp, const char *cgroup, bool udp,
			    struct dmsc_error *err);
void dataplane_detach_router(const char *pin_dir);

/* 0 when what is pinned is attached to another cgroup, else 1; negative errno. */
int dataplane_cgroup_is(const char *pin_dir, const char *cgroup, struct dmsc_error *err);

/* dataplane_clsact.c: the older way onto an interface */
int dataplane_clsact_attach(const struct dataplane *dp, int ifindex, struct dmsc_error *err);
int dataplane_clsact_replace_all(const struct dataplane *dp, struct dmsc_error *err);
int dataplane_clsact_detach(int ifindex, struct dmsc_error *err);
int dataplane_clsact_detach_all(struct dmsc_error *err);

#endif /* DMSC_LIB_DATAPLANE_PRIV_H */
