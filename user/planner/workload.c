// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plan from an AICB file: its rows in their order, runs of collectives made
 * one exchange, groups folded onto the ranks that the cluster has. Bytes of a
 * rank stay those of the file. AICB files carry no compute times; they are
 * estimated from the parameters that the file moves.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "planner/internal.h"

#define FUSE_ROWS	40		/* collectives in one exchange at most */
#define TOKENS		2048		/* of a micro-batch, for compute times */
#define PARAM_BYTES	2
#define UNKNOWN_NS	100000		/* compute before an exchange of unknown models */

struct fold {
	struct builder b;
	const struct workload *w;
	const struct job *job;
	struct grid grid;
	uint32_t *tp, *dp;
	uint32_t t, d, p;		/* the current rank */
	struct after after;
	uint64_t forward_ns, backward_ns;	/* of all rows of the phase and stage */
	uint32_t rows[3];		/* of the current stage by phase */
	bool computed_forward;
	uint32_t micro_batch;
};

/* Rows that will become one exchange. */
struct run {
	enum comm_group group;
	uint8_t phase;
	uint32_t rows;
	uint64_t wire;			/* sum of payload * ring factor */
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

static uint32_t ring_factor(enum comm_kind kind, uint32_t n)
{
	return kind == COMM_ALL_REDUCE ? 2 * (n - 1) : n - 1;
}

static void compute(struct fold *x, uint8_t phase, uint32_t rows)
{
	uint64_t ns = 0, total = phase == PHASE_FORWARD ? x->forward_ns : x->backward_ns;

	if (phase == PHASE_PARAMETER)
		return;
	if (phase == PHASE_BACKWARD && !x->computed_forward && !x->rows[0])
		ns = x->forward_ns;
	if (phase == PHASE_BACKWARD)
		x->computed_forward = true;
	ns += total ? total * rows / (x->rows[phase_index(phase)] ? x->rows[phase_index(phase)] : 1) :
		      UNKNOWN_NS;
	x->after = after_one(builder_compute(&x->b, ns, &x->after, phase, x->micro_batch));
}

static void flush(struct fold *x, struct run *run)
{
	uint32_t n = run->group == GROUP_TP ? x->grid.tensor : x->grid.data;

	if (!run->rows)
		return;
	compute(x, run->phase, run->rows);
	/* The factor is in the sum already. */
	if (run->group == GROUP_TP)
		x->after = builder_ring(&x->b, x->tp, n, x->t, DMSC_CLASS_TENSOR, run->wire, 1, &x->after,
					run->phase, x->micro_batch);
	else
		x->after = builder_ring(&x->b, x->dp, n, x->d, DMSC_CLASS_DATA, run->wire, 1, &x->after,
					run->phase == PHASE_BACKWARD ? PHASE_GRADIENT : run->phase,
					x->micro_batch);
	memset(run, 0, sizeof(*run));
}

/*
 * Sends and receives that stand together are one posted batch: none of them
 * waits for another, and what follows waits for the receives.
 */
static uint32_t pipeline_block(struct fold *x, uint32_t i, uint32_t end)
{
	struct after before = x->after, received = { .n = 0 };
	const struct workload_item *item;
	uint32_t other;

	for (; i < end && x->w->items[i].group == GROUP_PP; i++) {
		item = &x->w->items[i];
		if (x->grid.pipeline < 2)
			continue;
		other = grid_rank(&x->grid, x->t, x->d, item->to_next ? x->p + 1 : x->p - 1);
		if (item->kind == COMM_SEND)
			builder_send(&x->b, other, DMSC_CLASS_PIPELINE, item->bytes, &before, phase_of(item),
				     x->micro_batch);
		else if (received.n < 3)
			received.ops[received.n++] = builder_recv(&x->b, other, DMSC_CLASS_PIPELINE,
								  item->bytes, NULL, phase_of(item),
								  x->micro_batch);
	}
	x->micro_batch++;
	if (received.n && before.n)
		received.ops[received.n++] = before.ops[0];
	x->after = received.n ? received : before;
	return i;
}

static void rank_steps(struct fold *x, uint32_t first, uint32_t end)
{
	const struct workload *w = x->w;
	struct run run = { .rows = 0 };
	uint32_t i, n;

	for (i = 0; i < x->grid.tensor; i++)
		x->tp[i] = grid_rank(&x->grid, i, x->d, x->p);
	for (i = 0; i < x->grid.data; i++)
		x->dp[i] = grid_rank(&x->grid, x->t, i, x->p);
	x->after.n = 0;
	x->computed_forward = false;
	x->micro_batch = 0;
	memset(x->rows, 0, sizeof(x->rows));
	for (i = first; i < end; i++) {
		if (w->items[i].group != GROUP_PP)
			x->rows[phase_index(phase_of(&w->items[i]))]++;
	}
	builder_begin(&x->b, grid_rank(&x->grid, x->t, x->d, x->p));
	for (i = first; i < end;) {
		const struct workload_item *item = &w->items[i];

		if (item->group == GROUP_PP) {
			flush(x, &run);
			i = pipeline_block(x, i, end);
			continue;
		}
		if (run.rows && (run.group != item->group || run.phase != phase_of(item) ||
				 run.rows == FUSE_ROWS))
			flush(x, &run);
		n = item->group == GROUP_TP ? x->grid.tensor : x->grid.data;
		run.group = item->group;
		run.phase = phase_of(item);
		run.rows++;
		run.wire += item->bytes * ring_factor(item->kind, n);
		i++;
	}
	flush(x, &run);
}

/* Payload of a stage's rows, to the totals and as a guess at its parameters. */
static uint64_t count_totals(const struct workload *w, uint32_t first, uint32_t end,
			     struct plan_totals *n)
{
	uint64_t gathered[3] = { 0 };
	uint32_t i;

	for (i = first; i < end; i++) {
		const struct workload_item *item = &w->items[i];
		uint8_t phase = phase_of(item);

		if (item->group == GROUP_DP && item->kind == COMM_ALL_GATHER) {
			n->dp_all_gather += item->bytes;
			gathered[phase_index(phase)] += item->bytes;
		} else if (item->group == GROUP_DP && item->kind == COMM_REDUCE_SCATTER) {
			n->dp_reduce_scatter += item->bytes;
		} else if (item->group == GROUP_DP && item->kind == COMM_ALL_REDUCE) {
			n->dp_all_reduce += item->bytes;
		} else if (item->group == GROUP_TP && item->kind == COMM_ALL_GATHER) {
			n->tp_all_gather += item->bytes;
		} else if (item->group == GROUP_TP && item->kind == COMM_REDUCE_SCATTER) {
			n->tp_reduce_scatter += item->bytes;
		} else if (item->group == GROUP_TP && item->kind == COMM_ALL_REDUCE) {
			if (phase == PHASE_FORWARD)
				n->tp_all_reduce_forward += item->bytes;
			else if (phase == PHASE_BACKWARD)
				n->tp_all_reduce_backward += item->bytes;
		} else if (item->group == GROUP_PP && item->kind == COMM_SEND) {
			if (item->to_next)
				n->pp_send_forward += item->bytes;
			else
				n->pp_send_backward += item->bytes;
		}
	}
	/* ZeRO-1 and -2 gather once after the step, ZeRO-3 before the forward pass. */
	return (gathered[0] ? gathered[0] : gathered[2]) / PARAM_BYTES;
}

/* As many replicas, then stages, as the cluster's GPUs hold. */
static int fold_grid(struct fold *x, const struct topology *topo, struct dmsc_error *err)
{
	const struct workload *w = x->w;
	uint64_t groups = 0;
	uint32_t n;

	for (n = 0; n < topo->nr_nodes; n++)
		groups += topo->nodes[n].kind == NODE_HOST ? topo->nodes[n].gpus / w->tensor : 0;
	if (groups < w->pipeline)
		return dmsc_fail(err, -EINVAL,
				 "%s:1: ranks: %u pipeline stages of %u tensor ranks, but topology %s holds %llu such groups",
				 w->file, w->pipeline, w->tensor, topo->name, (unsigned long long)groups);
	x->grid.tensor = w->tensor;
	x->grid.pipeline = w->pipeline;
	x->grid.data = groups / w->pipeline < w->data ? groups / w->pipeline : w->data;
	return 0;
}

/* Sends of a stage must find as many receives at the neighbour, of the same sizes. */
static int check_pipeline(const struct workload *w, const uint32_t *start, struct dmsc_error *err)
{
	uint32_t p, dir, i, k;

	for (p = 0; p + 1 < w->pipeline; p++) {
		for (dir = 0; dir < 2; dir++) {
			uint32_t from = dir ? p + 1 : p, to = dir ? p : p + 1;

			k = start[to];
			for (i = start[from]; i < start[from + 1]; i++) {
				const struct workload_item *s = &w->items[i];

				if (s->kind != COMM_SEND || s->to_next == dir)
					continue;
				while (k < start[to + 1] &&
				       (w->items[k].kind != COMM_RECV || w->items[k].to_next != dir))
					k++;
				if (k == start[to + 1] || w->items[k].bytes != s->bytes)
					return dmsc_fail(err, -EINVAL,
							 "%s:%u: isend: stage %u has no irecv of the same size for it",
							 w->file, s->line, to);
				k++;
			}
			while (k < start[to + 1] &&
			       (w->items[k].kind != COMM_RECV || w->items[k].to_next != dir))
				k++;
			if (k < start[to + 1])
				return dmsc_fail(err, -EINVAL, "%s:%u: irecv: stage %u has no isend for it",
						 w->file, w->items[k].line, from);
		}
	}
	for (i = 0; i < w->nr_items; i++) {
		const struct workload_item *s = &w->items[i];

		if ((s->kind == COMM_SEND || s->kind == COMM_RECV) &&
		    s->stage == (s->to_next ? w->pipeline - 1 : 0))
			return dmsc_fail(err, -EINVAL, "%s:%u: additional: stage %u has no such neighbour",
					 w->file, s->line, s->stage);
	}
	return 0;
}

static void add_notes(struct fold *x, uint64_t params)
{
	const struct workload *w = x->w;

	builder_note(&x->b, "traffic of %s; up to %d collectives are one exchange, their bytes together",
		     strrchr(w->file, '/') ? strrchr(w->file, '/') + 1 : w->file, FUSE_ROWS);
	if (x->grid.data != w->data)
		builder_note(&x->b, "data parallel groups of %u ranks are folded to %u; payload of a rank is that of the file",
			     w->data, x->grid.data);
	if (params)
		builder_note(&x->b, "compute times are estimates: %.3g parameters a rank, %d tokens a micro-batch",
			     (double)params, TOKENS);
	else
		builder_note(&x->b, "compute times are not known from the file: %d us before each exchange",
			     UNKNOWN_NS / 1000);
	if (x->b.plan->totals.dp_all_reduce && !x->b.plan->totals.dp_reduce_scatter &&
	    x->b.plan->totals.dp_all_gather)
		builder_note(&x->b, "gradients stand in the file as all-reduce although parameters are gathered (ZeRO); taken as they stand");
	if (w->pipeline > 1)
		builder_note(&x->b, "each stage's tensor traffic is taken from its rows as they stand, also where a file repeats all layers on every stage");
}

static void all_ranks(struct fold *x, const uint32_t *start)
{
	struct plan_totals ignored;
	uint64_t params;

	for (x->p = 0; x->p < x->grid.pipeline; x->p++) {
		memset(&ignored, 0, sizeof(ignored));
		params = count_totals(x->w, start[x->p], start[x->p + 1], &ignored);
		x->forward_ns = 2.0 * params * TOKENS / x->job->gpu_flops * 1e9;
		x->backward_ns = 2 * x->forward_ns;
		for (x->d = 0; x->d < x->grid.data; x->d++)
			for (x->t = 0; x->t < x->grid.tensor && !x->b.failed; x->t++)
				rank_steps(x, start[x->p], start[x->p + 1]);
	}
}

static int build(struct fold *x, const struct topology *topo, struct plan *plan, struct dmsc_error *err)
{
	uint32_t *start = calloc(x->w->pipeline + 1, sizeof(*start)), i;
	struct bulk *bulk = NULL;
	uint64_t params = 0;
	char source[300];
	int ret;

	snprintf(source, sizeof(source), "%s:1", x->w->file);
	ret = start ? 0 : dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	for (i = 0; !ret && i < x->w->nr_items; i++)
		start[x->w->items[i].stage + 1] = i + 1;
	for (i = 1; !ret && i <= x->w->pipeline; i++) {
		if (start[i] < start[i - 1])
			start[i] = start[i - 1];
		params += count_totals(x->w, start[i - 1], start[i], &plan->totals);
	}
	if (!ret)
		ret = check_pipeline(x->w, start, err);
	if (!ret)
		ret = fold_grid(x, topo, err);
	if (!ret)
		ret = place_hosts(plan, topo, err);
	if (!ret)
		ret = place_ranks(&x->b, source, &x->grid, x->job->first_sid, err);
	if (!ret)
		ret = bulk_place(&x->b, x->job, &bulk, err);
	x->tp = calloc(x->grid.tensor + x->grid.data + 1, sizeof(*x->tp));
	if (!ret && !x->tp)
		ret = dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	if (!ret) {
		x->dp = x->tp + x->grid.tensor;
		all_ranks(x, start);
		bulk_flows(&x->b, x->job, bulk);
		add_notes(x, params);
	}
	bulk_free(bulk);
	free(x->tp);
	free(start);
	return ret;
}

int plan_workload(const struct workload *w, const struct job *job, const struct topology *topo,
		  struct plan *out, struct dmsc_error *err)
{
	struct plan plan = { .source = "aicb" };
	struct fold x = { .w = w, .job = job };
	int ret, fin;

	strcpy(plan.job, job->name);
	builder_init(&x.b, &plan);
	ret = build(&x, topo, &plan, err);
	fin = builder_finish(&x.b, ret ? NULL : err);
	if (!ret)
		ret = fin;
	if (!ret)
		ret = plan_derive(&plan, err);
	if (ret)
		plan_free(&plan);
	else
		*out = plan;
	return ret;
}
