/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a host must still know after a restart: the plan in force, the services
 * it brought, and the history of generations. SQLite in WAL mode; every call
 * that writes is one transaction, so a crash leaves the state before or after.
 *
 * An apply writes twice: registry_stage() before the data path changes,
 * registry_commit() after. Whoever opens the registry and finds a staged plan
 * compares the data path's generation with the stored one and so learns on
 * which side of the change the crash fell.
 */
#ifndef DMSC_LIB_REGISTRY_H
#define DMSC_LIB_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/model.h"
#include "lib/queues.h"

struct registry;

struct registry_plan {
	uint32_t generation; /* of the data path; 0 when it has none */
	int64_t applied;     /* seconds since 1970 */
	char job[MODEL_NAME_LEN];
	char *text; /* the plan as JSON */
	size_t text_len;
	void *tables; /* tables_blob() of it */
	size_t tables_len;
};

/** registry_open - open or create DIR/registry.db; @dir is made when missing */
int registry_open(struct registry **out, const char *dir, struct dmsc_error *err);
void registry_close(struct registry *r);

/** registry_stage - this plan is about to go in force */
int registry_stage(struct registry *r, const struct registry_plan *p, struct dmsc_error *err);

/** registry_unstage - it did not; no staged plan is no error */
int registry_unstage(struct registry *r, struct dmsc_error *err);

/**
 * registry_commit - the staged plan is in force as @generation
 * @plan: the staged plan, read; its services replace those known
 * @host: index of this host in @plan
 *
 * Also enables (see registry_enabled) and adds a line to the history.
 * -ENOENT when nothing is staged.
 */
int registry_commit(struct registry *r, const struct plan *plan, uint32_t host, uint32_t generation,
		    struct dmsc_error *err);

/**
 * registry_current, registry_staged - read a plan; -ENOENT when there is none
 *
 * registry_plan_free() what was read.
 */
int registry_current(struct registry *r, struct registry_plan *out, struct dmsc_error *err);
int registry_staged(struct registry *r, struct registry_plan *out, struct dmsc_error *err);
void registry_plan_free(struct registry_plan *p);

/*
 * Is the stored plan meant to be in force? "off" says no without forgetting it;
 * the next commit says yes.
 */
int registry_set_enabled(struct registry *r, bool enabled, struct dmsc_error *err);
int registry_enabled(struct registry *r, bool *enabled, struct dmsc_error *err);

struct registry_service {
	uint32_t sid, mic;
	char name[MODEL_NAME_LEN], mic_name[MODEL_NAME_LEN], host[MODEL_NAME_LEN];
	char cgroup[2 * MODEL_NAME_LEN];
	bool local;
};

/** registry_services - all instances by SID; *out is to be freed by the caller */
int registry_services(struct registry *r, struct registry_service **out, size_t *n,
		      struct dmsc_error *err);

struct registry_generation {
	uint32_t generation;
	int64_t applied;
	char job[MODEL_NAME_LEN];
	uint32_t instances, flows;
};

/** registry_history - newest first, at most @max; *out is to be freed by the caller */
int registry_history(struct registry *r, size_t max, struct registry_generation **out, size_t *n,
		     struct dmsc_error *err);

/* Paths that were taken out by hand, by destination host and interface. */
int registry_path_set(struct registry *r, const char *dst_host, const char *ifname, bool down,
		      struct dmsc_error *err);
int registry_path_down(struct registry *r, const char *dst_host, const char *ifname, bool *down,
		       struct dmsc_error *err);

/*
 * Classes as they were set by hand, over the configuration file.
 * registry_class_get() returns -ENOENT when @id was never set, or is unset.
 */
int registry_class_set(struct registry *r, const struct queue_class *c, struct dmsc_error *err);
int registry_class_unset(struct registry *r, uint32_t id, struct dmsc_error *err);
int registry_class_get(struct registry *r, uint32_t id, struct queue_class *out,
		       struct dmsc_error *err);

/*
 * Queues as they were set by hand, over the plan's: of a service (by name) and a
 * class, what `given` names and is kept (queue_queue_options). A set replaces
 * what was there; nothing given forgets it.
 */
struct registry_queue {
	char service[MODEL_NAME_LEN];
	struct queue_queue queue; /* class, and what is given */
};

int registry_queue_set(struct registry *r, const char *service, const struct queue_queue *q,
		       struct dmsc_error *err);
/* *out is to be freed by the caller. */
int registry_queues(struct registry *r, struct registry_queue **out, size_t *n,
		    struct dmsc_error *err);

#endif /* DMSC_LIB_REGISTRY_H */
