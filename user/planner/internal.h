/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the planner share. */
#ifndef DMSC_PLANNER_INTERNAL_H
#define DMSC_PLANNER_INTERNAL_H

#include "planner/builder.h"
#include "planner/planner.h"

/* The grid of ranks, tensor fastest, then data, then pipeline (Megatron-LM's order). */
struct grid {
	uint32_t tensor, data, pipeline;
	uint32_t gpus; /* of each instance; more than one: it stands for its tensor group */
};

static inline uint32_t grid_rank(const struct grid *g, uint32_t t, uint32_t d, uint32_t p)
{
	return t + g->tensor * (d + g->data * p);
}

/*
 * place.c: hosts of the topology, ranks as instances, as the job file places
 * them or else as is best; @source: file:line of the grid
 */
int place_hosts(struct plan *plan, const struct topology *topo, struct dmsc_error *err);
int place_ranks(struct builder *b, const char *source, const struct job *job, const struct grid *g,
		struct dmsc_error *err);

/* Where an instance goes, by its number. */
struct seat {
	uint32_t host;
	int32_t gpu; /* the first of them */
};

/*
 * place_fixed.c: what job->fixed says, for @nr instances of @each ranks
 *
 * -EINVAL with a line of the job file when hosts, ranks or GPUs do not fit.
 */
int place_fixed(const struct plan *plan, const struct job *job, uint32_t nr, uint32_t each,
		struct seat *seats, struct dmsc_error *err);

/* assess.c: what the placement of @given costs against the planner's own, @own (NULL: none) */
void plan_assess(struct plan *given, const struct plan *own);

/* tasks.c: the job's task graph instead of its model */
int plan_tasks(const struct job *job, const struct topology *topo, struct plan *out,
	       struct dmsc_error *err);

/*
 * place_order.c: all hosts, in the order in which groups of @tensor ranks take
 * them until @gpus are taken; free() it. NULL: out of memory
 */
uint32_t *place_order(const struct plan *plan, uint32_t tensor, uint64_t gpus);

/* sids.c: once all instances are there */
int plan_sids(struct plan *plan, const struct job *job, struct dmsc_error *err);

/* bulk.c: instances before, flows after the steps of the ranks */
struct bulk;
int bulk_place(struct builder *b, const struct job *job, struct bulk **bulk, struct dmsc_error *err);
void bulk_flows(struct builder *b, const struct job *job, struct bulk *bulk);
void bulk_free(struct bulk *bulk);

/*
 * derive.c: paths.c (with paths_core.c), segments.c, certify.c, slack.c and slots.c, once all
 * flows are known
 * @source: file:line of what the traffic comes from, for messages
 */
int plan_derive(struct plan *plan, const char *source, struct dmsc_error *err);
int plan_paths(struct plan *plan, struct dmsc_error *err);
int plan_segments(struct plan *plan, struct dmsc_error *err);
int plan_certify(struct plan *plan, struct dmsc_error *err);
int plan_slack(struct plan *plan, const char *source, struct dmsc_error *err);
int plan_slots(struct plan *plan, struct dmsc_error *err);

/* importance.c: classes and ranks of the flows of a job of @level; true: a class changed */
bool plan_importance(struct plan *plan, uint32_t level);
/* The ranks of instances, from those of their flows; -ENOMEM */
int plan_ranks(struct plan *const *plans, uint32_t nr);

#endif /* DMSC_PLANNER_INTERNAL_H */
