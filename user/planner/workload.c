// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plan from a workload file (AICB, SimAI): its rows in their order, runs of collectives made
 * one exchange, groups folded onto the ranks that the cluster has. Bytes of a
 * rank stay those of the file. Compute times are those of the file where it
 * has any; else they are estimated from the parameters that it moves.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "planner/internal.h"

#define FUSE_ROWS   40		 /* collectives in one exchange at most */
#define FUSE_WIRE   (1ULL << 61) /* bytes in one exchange at most, so that sums fit */
#define TOKENS	    2048	 /* of a micro-batch, for compute times */
#define PARAM_BYTES 2
#define UNKNOWN_NS  100000 /* compute before an exchange of unknown models */
#define MAX_NS	    1e15   /* of a phase */

struct fold {
	struct builder b;
	const struct workload *w;
	const struct job *job;
	struct grid grid;
	uint32_t expert;	      /* size of an expert group, divides grid.data */
	uint32_t *start;	      /* of each stage of the file in its items, and the end */
	uint32_t *stage;	      /* of the file, by stage of the grid */
	uint32_t *tp, *dp, *ep, *edp; /* groups of the current rank, instance indexes */
	uint32_t t, d, p;	      /* the current rank */
	struct after after;
	uint64_t forward_ns, backward_ns; /* of all rows of the phase and stage */
	uint32_t rows[3];		  /* of the current stage by phase */
	bool measured;			  /* the file has compute times */
	bool computed_forward;
	uint32_t micro_batch;
};

/* Rows that will become one exchange, and the computation before it. */
struct run {
	enum comm_group group;
	bool all_to_all;
	uint8_t phase;
	uint32_t rows;
	uint64_t wire; /* sum of payload * ring factor; all-to-all: of payload */
	uint64_t ns;   /* measured */
};

static uint8_t phase_of(const struct workload_item *i)
{
	if (i->phase[0] == 'f')
		return PHASE_FORWARD;
	return i->phase[0] == 'b' ? PHASE_BACKWARD : PHASE_PARAMETER;
}

static uint32_t phase_index(uint8_t phase)
{
	return phase == PHASE_PARAMETER ? 2 : phase;
}

/* The ranks of a row's group that the current rank is one of. */
struct members {
	const uint32_t *list;
	uint32_t n, me;
	uint8_t class;
};

static struct members members_of(const struct fold *x, enum comm_group group)
{
	switch (group) {
	case GROUP_TP:
		return (struct members){ x->tp, x->grid.tensor, x->t, DMSC_CLASS_TENSOR };
	case GROUP_EP:
		return (struct members){ x->ep, x->expert, x->d % x->expert, DMSC_CLASS_EXPERT };
	case GROUP_EDP:
		return (struct members){ x->edp, x->grid.data / x->expert, x->d / x->expert,
					 DMSC_CLASS_DATA };
	default:
		return (struct members){ x->dp, x->grid.data, x->d, DMSC_CLASS_DATA };
	}
}

static uint32_t ring_factor(enum comm_kind kind, uint32_t n)
{
	return kind == COMM_ALL_REDUCE ? 2 * (n - 1) : n - 1;
}

static uint64_t estimate(struct fold *x, const struct run *run)
{
	uint64_t ns = 0, total = run->phase == PHASE_FORWARD ? x->forward_ns : x->backward_ns;
	uint32_t rows = x->rows[phase_index(run->phase)];

	if (run->phase == PHASE_PARAMETER || !run->rows)
		return 0;
	if (run->phase == PHASE_BACKWARD && !x->computed_forward && !x->rows[0])
		ns = x->forward_ns;
	if (run->phase == PHASE_BACKWARD)
		x->computed_forward = true;
	return ns + (total && rows ? total * run->rows / rows : UNKNOWN_NS);
}

static void flush(struct fold *x, struct run *run)
{
	struct members m = members_of(x, run->group);
	uint8_t phase = run->phase;
	uint64_t ns = x->measured ? run->ns : estimate(x, run);

	if (ns)
		x->after = after_one(builder_compute(&x->b, ns, &x->after, phase, x->micro_batch));
	if (run->rows && m.class == DMSC_CLASS_DATA && phase == PHASE_BACKWARD)
		phase = PHASE_GRADIENT;
	if (run->rows && run->all_to_all)
		x->after = builder_all_to_all(&x->b, m.list, m.n, m.me, m.class, run->wire,
					      &x->after, phase, x->micro_batch);
	else if (run->rows) /* The factor is in the sum already. */
		x->after = builder_ring(&x->b, m.list, m.n, m.me, m.class, run->wire, 1, &x->after,
					phase, x->micro_batch);
	memset(run, 0, sizeof(*run));
}

static void add_row(struct fold *x, struct run *run, const struct workload_item *item)
{
	bool all_to_all = item->kind == COMM_ALL_TO_ALL;

	if (run->rows && (item->kind == COMM_COMPUTE ?
				  run->phase != phase_of(item) :
				  run->group != item->group || run->all_to_all != all_to_all ||
					  run->phase != phase_of(item) || run->rows == FUSE_ROWS ||
					  run->wire > FUSE_WIRE))
		flush(x, run);
	run->phase = phase_of(item);
	if (item->kind == COMM_COMPUTE) {
		run->ns += item->bytes;
		return;
	}
	run->group = item->group;
	run->all_to_all = all_to_all;
	run->rows++;
	run->wire += all_to_all ?
			     item->bytes :
			     item->bytes * ring_factor(item->kind, members_of(x, item->group).n);
}

/*
 * Sends and receives that stand together are one posted batch: none of them
 * waits for another, and what follows waits for the receives.
 */
static uint32_t pipeline_block(struct fold *x, uint32_t i, uint32_t end)
{
	const struct workload_item *items = x->w->items;
	uint32_t from = i, first, k, other;
	uint8_t phase = phase_of(&items[i]);

	while (i < end && items[i].group == GROUP_PP && items[i].kind != COMM_COMPUTE)
		i++;
	if (x->grid.pipeline < 2)
		return i;
	for (k = from; k < i; k++) {
		other = grid_rank(&x->grid, x->t, x->d, items[k].to_next ? x->p + 1 : x->p - 1);
		if (items[k].kind == COMM_SEND)
			builder_send(&x->b, other, DMSC_CLASS_PIPELINE, items[k].bytes, &x->after,
				     phase_of(&items[k]), x->micro_batch);
	}
	first = x->b.plan->nr_ops;
	for (k = from; k < i; k++) {
		other = grid_rank(&x->grid, x->t, x->d, items[k].to_next ? x->p + 1 : x->p - 1);
		if (items[k].kind == COMM_RECV)
			builder_recv(&x->b, other, DMSC_CLASS_PIPELINE, items[k].bytes, NULL,
				     phase_of(&items[k]), x->micro_batch);
	}
	x->after = builder_join(&x->b, first, &x->after, phase, x->micro_batch);
	x->micro_batch++;
	return i;
}

static void set_groups(struct fold *x)
{
	const struct grid *g = &x->grid;
	uint32_t i;

	for (i = 0; i < g->tensor; i++)
		x->tp[i] = grid_rank(g, i, x->d, x->p);
	for (i = 0; i < g->data; i++)
		x->dp[i] = grid_rank(g, x->t, i, x->p);
	for (i = 0; i < x->expert; i++)
		x->ep[i] = grid_rank(g, x->t, x->d / x->expert * x->expert + i, x->p);
	for (i = 0; i < g->data / x->expert; i++)
		x->edp[i] = grid_rank(g, x->t, i * x->expert + x->d % x->expert, x->p);
}

static bool is_pipeline(const struct workload_item *i)
{
	return i->kind == COMM_SEND || i->kind == COMM_RECV;
}

static void rank_steps(struct fold *x, uint32_t first, uint32_t end)
{
	const struct workload_item *items = x->w->items;
	struct run run = { .rows = 0 };
	uint32_t i;

	set_groups(x);
	x->after.n = 0;
	x->computed_forward = false;
	x->micro_batch = 0;
	memset(x->rows, 0, sizeof(x->rows));
	for (i = first; i < end; i++) {
		if (!is_pipeline(&items[i]) && items[i].kind != COMM_COMPUTE)
			x->rows[phase_index(phase_of(&items[i]))]++;
	}
	builder_begin(&x->b, grid_rank(&x->grid, x->t, x->d, x->p));
	for (i = first; i < end && !x->b.failed;) {
		if (is_pipeline(&items[i])) {
			flush(x, &run);
			i = pipeline_block(x, i, end);
		} else {
			add_row(x, &run, &items[i++]);
		}
	}
	flush(x, &run);
}

static void larger(uint64_t *n, uint64_t than)
{
	if (*n < than)
		*n = than;
}

/* Payload of a stage's rows, to the totals; returns a guess at its parameters. */
static uint64_t count_totals(const struct fold *x, uint32_t stage, struct plan_totals *n)
{
	uint64_t gathered[3] = { 0 }, next = 0, prev = 0;
	uint32_t i;

	for (i = x->start[stage]; i < x->start[stage + 1]; i++) {
		const struct workload_item *item = &x->w->items[i];
		uint8_t phase = phase_of(item);
		bool data = item->group == GROUP_DP || item->group == GROUP_EDP;
		bool tensor = item->group == GROUP_TP && item->kind != COMM_COMPUTE;

		if (data && item->kind == COMM_ALL_GATHER) {
			n->dp_all_gather += item->bytes;
			gathered[phase_index(phase)] += item->bytes;
		} else if (data && item->kind == COMM_REDUCE_SCATTER) {
			n->dp_reduce_scatter += item->bytes;
		} else if (data && item->kind == COMM_ALL_REDUCE) {
			n->dp_all_reduce += item->bytes;
		} else if (tensor && item->kind == COMM_ALL_GATHER) {
			n->tp_all_gather += item->bytes;
		} else if (tensor && item->kind == COMM_ALL_TO_ALL) {
			n->tp_all_to_all += item->bytes;
		} else if (tensor && item->kind == COMM_REDUCE_SCATTER) {
			n->tp_reduce_scatter += item->bytes;
		} else if (tensor && item->kind == COMM_ALL_REDUCE) {
			if (phase == PHASE_FORWARD)
				n->tp_all_reduce_forward += item->bytes;
			else if (phase == PHASE_BACKWARD)
				n->tp_all_reduce_backward += item->bytes;
		} else if (item->group == GROUP_EP && item->kind == COMM_ALL_TO_ALL) {
			n->ep_all_to_all += item->bytes;
		} else if (item->kind == COMM_SEND) {
			*(item->to_next ? &next : &prev) += item->bytes;
		}
	}
	larger(&n->pp_send_forward, next);
	larger(&n->pp_send_backward, prev);
	/* ZeRO-1 and -2 gather once after the step, ZeRO-3 before the forward pass. */
	return (gathered[0] ? gathered[0] : gathered[2]) / PARAM_BYTES;
}

/*
 * As many stages, then replicas, as the cluster's GPUs hold, and two replicas
 * at least where the file has several. The last stage stays the last one;
 * stages before it are left out.
 */
static int fold_grid(struct fold *x, const struct topology *topo, struct dmsc_error *err)
{
	const struct workload *w = x->w;
	uint64_t groups = 0, groups_for_stages;
	uint32_t n, most = 0;

	for (n = 0; n < topo->nr_nodes; n++) {
		if (topo->nodes[n].kind != NODE_HOST)
			continue;
		groups += topo->nodes[n].gpus / w->tensor;
		if (topo->nodes[n].gpus > most)
			most = topo->nodes[n].gpus;
	}
	if (!groups)
		return dmsc_fail(err, -EINVAL,
				 "%s:1: ranks: tensor groups of %u, expected at most %u, the GPUs of the largest host of topology %s",
				 w->file, w->tensor, most, topo->name);
	groups_for_stages = groups;
	x->grid.tensor = w->tensor;
	/* Half for stages at most, so that replicas and their traffic are not left out. */
	if (w->data != 1 && groups > 1)
		groups_for_stages = groups / 2;
	x->grid.pipeline = groups_for_stages < w->pipeline ? groups_for_stages : w->pipeline;
	n = groups / x->grid.pipeline;
	if (w->data && w->data < n)
		n = w->data;
	while (n % w->expert && w->expert % n)
		n--;
	x->grid.data = n;
	x->expert = n < w->expert ? n : w->expert;
	for (n = 0; n < x->grid.pipeline; n++)
		x->stage[n] = n;
	if (x->grid.pipeline > 1)
		x->stage[x->grid.pipeline - 1] = w->pipeline - 1;
	return 0;
}

/* The next row from @i on that sends (receives) forward (backward) in its stage. */
static uint32_t next_row(const struct fold *x, uint32_t i, uint32_t stage, enum comm_kind kind,
			 bool to_next)
{
	while (i < x->start[stage + 1] &&
	       (x->w->items[i].kind != kind || x->w->items[i].to_next != to_next))
		i++;
	return i;
}

/* Sends of stage @from must find as many receives at stage @to, of the same sizes. */
static int check_boundary(const struct fold *x, uint32_t from, uint32_t to, struct dmsc_error *err)
{
	const struct workload *w = x->w;
	uint32_t i = x->start[from], k = x->start[to];
	bool forward = from < to;

	for (;; i++, k++) {
		i = next_row(x, i, from, COMM_SEND, forward);
		k = next_row(x, k, to, COMM_RECV, !forward);
		if (i == x->start[from + 1] && k == x->start[to + 1])
			return 0;
		if (i == x->start[from + 1])
			return dmsc_fail(err, -EINVAL,
					 "%s:%u: irecv: of stage %u, expected an isend of stage %u for it",
					 w->file, w->items[k].line, to, from);
		if (k == x->start[to + 1] || w->items[k].bytes != w->items[i].bytes)
			return dmsc_fail(err, -EINVAL,
					 "%s:%u: isend: of stage %u, expected an irecv of the same size at stage %u",
					 w->file, w->items[i].line, from, to);
	}
}

static int check_pipeline(const struct fold *x, struct dmsc_error *err)
{
	const struct workload *w = x->w;
	uint32_t p, i;
	int ret = 0;

	for (i = 0; i < w->nr_items; i++) {
		const struct workload_item *s = &w->items[i];

		if (is_pipeline(s) && s->stage == (s->to_next ? w->pipeline - 1 : 0))
			return dmsc_fail(err, -EINVAL,
					 "%s:%u: additional: stage %u of %u, expected a stage that has such a neighbour",
					 w->file, s->line, s->stage, w->pipeline);
	}
	for (p = 0; p + 1 < w->pipeline && !ret; p++) {
		ret = check_boundary(x, p, p + 1, err);
		if (!ret)
			ret = check_boundary(x, p + 1, p, err);
	}
	/* Where stages were left out, others have become neighbours. */
	for (p = 0; p + 1 < x->grid.pipeline && !ret; p++) {
		ret = check_boundary(x, x->stage[p], x->stage[p + 1], err);
		if (!ret)
			ret = check_boundary(x, x->stage[p + 1], x->stage[p], err);
	}
	return ret;
}

static void note_fold(struct fold *x)
{
	const struct workload *w = x->w;

	if (x->grid.pipeline != w->pipeline)
		builder_note(&x->b,
			     "pipeline of %u stages is folded to %u: stages %u to %u are left out",
			     w->pipeline, x->grid.pipeline,
			     x->grid.pipeline > 1 ? x->grid.pipeline - 1 : 1,
			     x->grid.pipeline > 1 ? w->pipeline - 2 : w->pipeline - 1);
	if (!w->data)
		builder_note(&x->b,
			     "the file does not say how many replicas there are: %u, as many as the cluster holds",
			     x->grid.data);
	else if (x->grid.data != w->data && x->grid.data > 1)
		builder_note(&x->b,
			     "data parallel groups of %u ranks are folded to %u; payload of a rank is that of the file",
			     w->data, x->grid.data);
	else if (x->grid.data != w->data)
		builder_note(&x->b,
			     "data parallel groups of %u ranks are folded to 1: their traffic is left out",
			     w->data);
	if (x->expert != w->expert)
		builder_note(&x->b,
			     "expert groups of %u ranks are folded to %u; payload of a rank is that of the file",
			     w->expert, x->expert);
}

static void add_notes(struct fold *x, uint64_t params)
{
	const struct plan_totals *n = &x->b.plan->totals;
	const struct workload *w = x->w;
	const char *name = strrchr(w->file, '/') ? strrchr(w->file, '/') + 1 : w->file;
	char text[sizeof(w->file)];
	uint32_t i;

	/* JSON wants UTF-8, which a file's name need not be. */
	for (i = 0; name[i]; i++)
		text[i] = name[i] > ' ' && name[i] <= '~' ? name[i] : '?';
	text[i] = '\0';
	builder_note(&x->b,
		     "traffic of %s; rows are carried out one after the other, up to %d collectives as one exchange with the bytes of all",
		     text, FUSE_ROWS);
	note_fold(x);
	if (x->measured)
		builder_note(&x->b, "compute times are those of the file");
	else if (params)
		builder_note(&x->b,
			     "compute times are estimates: %.3g parameters a rank, %d tokens a micro-batch, %.3g operations a second",
			     (double)params, TOKENS, x->job->gpu_flops);
	else
		builder_note(&x->b,
			     "compute times are not known from the file: %d us before each exchange",
			     UNKNOWN_NS / 1000);
	if (w->iterations > 1)
		builder_note(&x->b, "the file holds %u iterations: this is the first",
			     w->iterations);
	if (n->dp_all_reduce > n->dp_reduce_scatter && n->dp_all_gather)
		builder_note(&x->b,
			     "gradients stand in the file as all-reduce although parameters are gathered (ZeRO); taken as they stand");
	if (w->pipeline > 1 && !strcmp(w->source, "simai"))
		builder_note(&x->b,
			     "the file has the rows of one stage: every stage takes them, all micro-batches forward, then all backward");
	else if (w->pipeline > 1)
		builder_note(&x->b,
			     "each stage's tensor traffic is taken from its rows as they stand, also where a file repeats all layers on every stage");
}

static void all_ranks(struct fold *x)
{
	struct plan_totals ignored;
	double ns;

	for (x->p = 0; x->p < x->grid.pipeline; x->p++) {
		uint32_t stage = x->stage[x->p];

		memset(&ignored, 0, sizeof(ignored));
		ns = 2.0 * count_totals(x, stage, &ignored) * TOKENS / x->job->gpu_flops * 1e9;
		x->forward_ns = ns < MAX_NS ? ns : MAX_NS;
		x->backward_ns = 2 * x->forward_ns;
		for (x->d = 0; x->d < x->grid.data; x->d++)
			for (x->t = 0; x->t < x->grid.tensor && !x->b.failed; x->t++)
				rank_steps(x, x->start[stage], x->start[stage + 1]);
	}
}

static int prepare(struct fold *x, const struct topology *topo, struct dmsc_error *err)
{
	const struct workload *w = x->w;
	uint32_t i;
	int ret;

	x->start = calloc(w->pipeline + 1, sizeof(*x->start));
	x->stage = calloc(w->pipeline + 1, sizeof(*x->stage));
	if (!x->start || !x->stage)
		return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	for (i = 0; i < w->nr_items; i++) {
		x->start[w->items[i].stage + 1] = i + 1;
		x->measured |= w->items[i].kind == COMM_COMPUTE;
	}
	for (i = 1; i <= w->pipeline; i++) {
		if (x->start[i] < x->start[i - 1])
			x->start[i] = x->start[i - 1];
	}
	ret = fold_grid(x, topo, err);
	if (!ret)
		ret = check_pipeline(x, err);
	if (ret)
		return ret;
	x->tp = calloc(x->grid.tensor + 3 * (size_t)x->grid.data + 1, sizeof(*x->tp));
	if (!x->tp)
		return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	x->dp = x->tp + x->grid.tensor;
	x->ep = x->dp + x->grid.data;
	x->edp = x->ep + x->grid.data;
	return 0;
}

static int build(struct fold *x, const char *source, const struct topology *topo,
		 struct dmsc_error *err)
{
	struct plan *plan = x->b.plan;
	struct bulk *bulk = NULL;
	uint64_t params = 0;
	uint32_t p;
	int ret;

	ret = prepare(x, topo, err);
	if (!ret)
		ret = place_hosts(plan, topo, err);
	if (!ret)
		ret = place_ranks(&x->b, source, x->job, &x->grid, err);
	if (!ret)
		ret = bulk_place(&x->b, x->job, &bulk, err);
	if (!ret && !x->b.failed)
		ret = plan_sids(plan, x->job, err);
	if (!ret && !x->b.failed) {
		for (p = 0; p < x->grid.pipeline; p++)
			params += count_totals(x, x->stage[p], &plan->totals);
		all_ranks(x);
		bulk_flows(&x->b, x->job, bulk);
		add_notes(x, params / x->grid.pipeline);
	}
	bulk_free(bulk);
	free(x->tp);
	free(x->start);
	free(x->stage);
	return ret;
}

static int plan_file(const struct workload *w, const struct job *job, const struct topology *topo,
		     struct plan *out, struct dmsc_error *err)
{
	struct plan plan = { .source = "", .pinned = job->pinned, .ask = job->ask };
	struct fold x = { .w = w, .job = job };
	char source[300];
	int ret, fin;

	snprintf(source, sizeof(source), "%s:1", w->file);
	strcpy(plan.job, job->name);
	strcpy(plan.source, w->source);
	builder_init(&x.b, &plan);
	ret = build(&x, source, topo, err);
	fin = builder_finish(&x.b, job, source, ret ? NULL : err);
	if (!ret)
		ret = fin;
	if (!ret)
		ret = plan_derive(&plan, source, err);
	if (ret)
		plan_free(&plan);
	else
		*out = plan;
	return ret;
}

int plan_workload(const struct workload *w, const struct job *job, const struct topology *topo,
		  struct plan *out, struct dmsc_error *err)
{
	struct job free_job = *job;
	struct dmsc_error why;
	struct plan own;
	int ret;

	if (job->graph)
		return dmsc_fail(err, -EINVAL,
				 "%s:%u: tasks: beside a workload file, expected one or the other",
				 job->file, job->line.tasks);
	ret = plan_file(w, job, topo, out, err);
	if (ret || !job->fixed)
		return ret;
	free_job.fixed = NULL;
	ret = plan_file(w, &free_job, topo, &own, &why);
	plan_assess(out, ret ? NULL : &own);
	if (!ret)
		plan_free(&own);
	return 0;
}
