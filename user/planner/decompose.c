// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A training job to microservices and their flows: what each rank computes,
 * sends and receives in an iteration, and in which order. Amounts come from
 * volume.c, which cites their formulae, the order of passes from schedule.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/plan_steps.h"
#include "planner/granularity.h"
#include "planner/internal.h"
#include "planner/schedule.h"
#include "planner/volume.h"

/* Messages from one neighbour, received in the order in which it sends them. */
struct inbox {
	uint32_t source; /* pipeline stage */
	uint32_t next;	 /* of its slots */
	struct slot *slots;
};

struct decomposition {
	struct builder b;
	const struct job *job;
	struct grid grid;
	struct schedule order;
	struct stage *stages; /* of the virtual pipeline */
	uint32_t chunks;      /* exchanges of a pass over one virtual stage */
	uint32_t merged;      /* ranks in one instance: 1, or those of a tensor group */
	double local_ns;      /* of a byte within a host, for exchanges inside an instance */
	/* the current rank */
	uint32_t t, d, p;
	uint32_t *tp, *dp, *ep, *edp, *cp; /* its groups, instance indexes; edp: of its experts */
	struct slot *slots;
	struct inbox inbox[2]; /* of the stage before and behind; one when they are the same */
	uint32_t *received;    /* by boundary_index(): step + 1 */
	struct after gradients;
	/* the current pass */
	const struct stage *s;
	uint8_t phase;
	uint32_t mb;
};

/* Gradients that are final and wait until they fill a bucket. */
struct pending {
	uint64_t params, experts;
};

/* How many of @n things fall into chunk @k, so that all chunks hold all. */
static uint64_t chunk_of(uint64_t n, uint32_t k, uint32_t chunks)
{
	return n * (k + 1) / chunks - n * k / chunks;
}

static uint64_t again(const struct decomposition *x)
{
	return x->phase == PHASE_BACKWARD ? volume_again(x->job) : 0;
}

/* A ring inside an instance is no flow, but takes its time. */
static struct after inner_ring(struct decomposition *x, struct after after, uint64_t activations,
			       uint64_t factor)
{
	double bytes = (double)activations * volume_activation(x->job) * factor * (x->merged - 1) /
		       x->merged;

	if (!activations)
		return after;
	return after_one(builder_compute(&x->b, bytes * x->local_ns, &after, x->phase, x->mb));
}

static struct after tensor_ring(struct decomposition *x, struct after after, uint64_t activations,
				uint64_t factor)
{
	if (x->merged > 1)
		return inner_ring(x, after, activations, factor);
	return builder_ring(&x->b, x->tp, x->grid.tensor, x->t, DMSC_CLASS_TENSOR,
			    activations * volume_activation(x->job), factor * (x->grid.tensor - 1),
			    &after, x->phase, x->mb);
}

/* @reduces: all-reduces of the layers in one direction; @embedding: those of the embedding */
static struct after tensor_exchange(struct decomposition *x, struct after after, uint64_t reduces,
				    uint64_t embedding)
{
	uint64_t more = again(x) * reduces;

	if (!x->job->par.sequence_parallel)
		return tensor_ring(x, after, reduces + more + embedding, 2);
	/* Backward gathers the input once more for the weight gradient (volume.h, K22). */
	after = tensor_ring(x, after, (x->phase == PHASE_BACKWARD ? 2 : 1) * reduces + more, 1);
	after = tensor_ring(x, after, reduces + more, 1);
	return tensor_ring(x, after, embedding, 2);
}

/* Two all-to-alls a layer and direction. */
static struct after expert_exchange(struct decomposition *x, struct after after, uint64_t layers)
{
	uint32_t ep = x->job->par.expert;

	return builder_all_to_all(&x->b, x->ep, ep, x->d % ep, DMSC_CLASS_EXPERT,
				  2 * (layers + again(x) * layers) * x->merged *
					  volume_all_to_all(x->job),
				  &after, x->phase, x->mb);
}

/*
 * Keys and values of @layers layers, and backward their gradients. In the
 * pipeline's class: between servers, delay-sensitive, partly concealed behind
 * the computation of attention.
 */
static struct after context_exchange(struct decomposition *x, struct after after, uint64_t layers)
{
	uint32_t n = x->job->par.context, me = x->d % n;
	uint64_t bytes = layers * x->merged * volume_keys_values(x->job);

	after = builder_ring(&x->b, x->cp, n, me, DMSC_CLASS_PIPELINE, (1 + again(x)) * bytes,
			     n - 1, &after, x->phase, x->mb);
	if (x->phase == PHASE_BACKWARD)
		after = builder_ring(&x->b, x->cp, n, me, DMSC_CLASS_PIPELINE, bytes, n - 1, &after,
				     x->phase, x->mb);
	return after;
}

/*
 * A collective over the replicas: the experts' parameters have fewer replicas
 * than the others.
 */
static struct after data_exchange(struct decomposition *x, struct after after, uint64_t params,
				  uint64_t experts, uint32_t bytes, uint64_t factor, uint8_t phase)
{
	uint32_t n = x->grid.data, ep = x->job->par.expert, en = n / ep;

	after = builder_ring(&x->b, x->dp, n, x->d, DMSC_CLASS_DATA, params * bytes * x->merged,
			     factor * (n - 1), &after, phase, x->mb);
	return builder_ring(&x->b, x->edp, en, x->d / ep, DMSC_CLASS_DATA,
			    experts * bytes * x->merged, factor * (en - 1), &after, phase, x->mb);
}

/* Parameters of chunk @k of stage @s, to everybody. */
static struct after gather(struct decomposition *x, struct after after, const struct stage *s,
			   uint32_t k, uint8_t phase)
{
	return data_exchange(x, after, chunk_of(s->params, k, x->chunks),
			     chunk_of(s->expert_params, k, x->chunks), x->job->model.param_bytes, 1,
			     phase);
}

/* ZeRO-3 gathers a chunk's parameters before it is computed. */
static struct after gather_before(struct decomposition *x, struct after after, uint32_t k)
{
	return x->job->par.zero < 3 ? after : gather(x, after, x->s, k, x->phase);
}

/* Behind the gradients that the rank is exchanging: exchanges of one rank queue up. */
static void exchange(struct decomposition *x, struct after ready, uint64_t params, uint64_t experts)
{
	const struct job *j = x->job;
	uint32_t i;

	for (i = 0; i < x->gradients.n && ready.n < 4; i++)
		ready.ops[ready.n++] = x->gradients.ops[i];
	x->gradients = data_exchange(x, ready, params, experts, j->model.grad_bytes,
				     j->par.zero ? 1 : 2, PHASE_GRADIENT);
}

/* Gradients of chunk @k are final; those that fill a bucket go, and all after the last chunk. */
static void add_gradients(struct decomposition *x, struct after ready, uint32_t k,
			  struct pending *wait)
{
	uint64_t bucket = x->job->par.bucket / x->job->model.grad_bytes;
	bool rest = k == x->chunks - 1 || !bucket;

	wait->params += chunk_of(x->s->params, k, x->chunks);
	wait->experts += chunk_of(x->s->expert_params, k, x->chunks);
	for (; bucket && wait->params > bucket && !x->b.failed; wait->params -= bucket)
		exchange(x, ready, bucket, 0);
	for (; bucket && wait->experts > bucket && !x->b.failed; wait->experts -= bucket)
		exchange(x, ready, 0, bucket);
	if (!rest)
		return;
	exchange(x, ready, wait->params, wait->experts);
	*wait = (struct pending){ 0, 0 };
}

/* Of all ranks of the instance. */
static uint64_t boundary_bytes(const struct decomposition *x)
{
	return x->merged * volume_boundary(x->job);
}

/* Of what the current stage takes in the current pass, if @b were that. */
static uint32_t boundary_index(const struct decomposition *x, const struct boundary *b)
{
	uint32_t chunk = b->stage / x->grid.pipeline;

	return (b->backward * x->order.interleave + chunk) * x->order.micro_batches + b->micro_batch;
}

/*
 * What the neighbour sends for this pass, and before it all that it sends
 * earlier: messages of a flow are received in the order of their sending.
 */
static struct after receive(struct decomposition *x, struct after after, const struct boundary *b)
{
	uint32_t n = x->grid.pipeline, me = x->p, *got = &x->received[boundary_index(x, b)];
	uint32_t source = b->backward ? (me + 1) % n : (me + n - 1) % n;
	struct inbox *in = &x->inbox[x->inbox[0].source != source];
	bool early = *got;
	struct boundary sent;

	while (!*got && in->next < schedule_length(&x->order)) {
		if (!schedule_output(&x->order, source, &in->slots[in->next++], &sent) ||
		    sent.stage % n != me)
			continue;
		x->received[boundary_index(x, &sent)] =
			1 + builder_recv(&x->b, grid_rank(&x->grid, x->t, x->d, source),
					 DMSC_CLASS_PIPELINE, boundary_bytes(x), &after,
					 sent.backward ? PHASE_BACKWARD : PHASE_FORWARD,
					 sent.micro_batch);
	}
	if (!early)
		after.n = 0;
	after.ops[after.n++] = *got - 1;
	/* Scatter/gather brought each rank its part (volume.h, M21). */
	if (x->job->par.scatter_gather && !x->job->par.sequence_parallel)
		after = tensor_ring(x, after, 1, 1);
	return after;
}

/* Goes on beside what follows. */
static void hand_on(struct decomposition *x, struct after after, const struct slot *slot)
{
	struct boundary b;

	if (!schedule_output(&x->order, x->p, slot, &b))
		return;
	builder_send(&x->b, grid_rank(&x->grid, x->t, x->d, b.stage % x->grid.pipeline),
		     DMSC_CLASS_PIPELINE, boundary_bytes(x), &after, x->phase, x->mb);
}

static struct after compute(struct decomposition *x, struct after after, uint64_t ns, uint32_t k)
{
	return after_one(builder_compute(&x->b, chunk_of(ns, k, x->chunks), &after, x->phase, x->mb));
}

static struct after forward(struct decomposition *x, struct after after)
{
	const struct stage *s = x->s;
	uint32_t k;

	for (k = 0; k < x->chunks; k++) {
		uint64_t layers = chunk_of(s->layers, k, x->chunks);

		after = gather_before(x, after, k);
		after = compute(x, after, s->forward_ns, k);
		after = context_exchange(x, after, layers);
		after = expert_exchange(x, after, chunk_of(s->moe_layers, k, x->chunks));
		after = tensor_exchange(x, after, 2 * layers, s->first && k == 0);
	}
	return after;
}

static struct after backward(struct decomposition *x, struct after after)
{
	const struct job_parallel *par = &x->job->par;
	bool final = par->zero >= 2 || x->mb == par->micro_batches - 1;
	struct pending wait = { 0, 0 };
	const struct stage *s = x->s;
	uint32_t k;

	for (k = 0; k < x->chunks; k++) {
		uint64_t layers = chunk_of(s->layers, k, x->chunks);

		after = gather_before(x, after, x->chunks - 1 - k);
		after = compute(x, after, s->backward_ns, k);
		after = context_exchange(x, after, layers);
		after = expert_exchange(x, after, chunk_of(s->moe_layers, k, x->chunks));
		after = tensor_exchange(x, after, 2 * layers, s->last && k == 0);
		if (final && par->overlap)
			add_gradients(x, after, k, &wait);
	}
	for (k = 0; final && !par->overlap && k < x->chunks; k++)
		add_gradients(x, after, k, &wait);
	return after;
}

static struct after run_slot(struct decomposition *x, struct after after, const struct slot *slot)
{
	uint32_t u = schedule_stage(&x->order, x->p, slot);
	struct boundary in = { slot->backward, u, slot->micro_batch };

	x->s = &x->stages[u];
	x->phase = slot->backward ? PHASE_BACKWARD : PHASE_FORWARD;
	x->mb = slot->micro_batch;
	if (!(slot->backward ? x->s->last : x->s->first))
		after = receive(x, after, &in);
	after = slot->backward ? backward(x, after) : forward(x, after);
	hand_on(x, after, slot);
	/* Gradients that do not go on beside the computation hold it up. */
	if (slot->backward && !x->job->par.overlap && x->gradients.n)
		after = x->gradients;
	return after;
}

/* The first and the last stage hold copies of one embedding. */
static struct after embedding_exchange(struct decomposition *x, struct after after)
{
	uint32_t last = x->grid.pipeline - 1;
	const uint32_t members[] = { grid_rank(&x->grid, x->t, x->d, 0),
				     grid_rank(&x->grid, x->t, x->d, last) };

	if (!volume_shared_embedding(x->job) || (x->p && x->p != last))
		return after;
	return builder_ring(&x->b, members, 2, x->p != 0, DMSC_CLASS_DATA,
			    volume_embedding(x->job) * x->job->model.grad_bytes * x->merged, 2,
			    &after, PHASE_GRADIENT, x->mb);
}

/* The optimiser has stepped; ZeRO-1 and -2 hand out what each rank updated. */
static void gather_updated(struct decomposition *x, struct after after)
{
	uint32_t c, k;

	if (x->job->par.zero != 1 && x->job->par.zero != 2)
		return;
	for (c = 0; c < x->order.interleave; c++) {
		const struct stage *s = &x->stages[c * x->grid.pipeline + x->p];

		for (k = 0; k < x->chunks; k++)
			after = gather(x, after, s, k, PHASE_PARAMETER);
	}
}

static void set_groups(struct decomposition *x)
{
	const struct grid *g = &x->grid;
	uint32_t ep = x->job->par.expert, cp = x->job->par.context, i;

	for (i = 0; i < g->tensor; i++)
		x->tp[i] = grid_rank(g, i, x->d, x->p);
	for (i = 0; i < g->data; i++)
		x->dp[i] = grid_rank(g, x->t, i, x->p);
	for (i = 0; i < ep; i++)
		x->ep[i] = grid_rank(g, x->t, x->d / ep * ep + i, x->p);
	for (i = 0; i < g->data / ep; i++)
		x->edp[i] = grid_rank(g, x->t, i * ep + x->d % ep, x->p);
	for (i = 0; i < cp; i++)
		x->cp[i] = grid_rank(g, x->t, x->d / cp * cp + i, x->p);
}

/* What the ranks of pipeline stage x->p have in common. */
static void begin_stage(struct decomposition *x)
{
	uint32_t n = x->grid.pipeline;

	schedule_fill(&x->order, x->p, x->slots);
	x->inbox[0].source = (x->p + n - 1) % n;
	x->inbox[1].source = (x->p + 1) % n;
	schedule_fill(&x->order, x->inbox[0].source, x->inbox[0].slots);
	schedule_fill(&x->order, x->inbox[1].source, x->inbox[1].slots);
}

/* One iteration of one rank. */
static void schedule_rank(struct decomposition *x)
{
	uint32_t n = schedule_length(&x->order), i;
	struct after after = { .n = 0 };

	set_groups(x);
	builder_begin(&x->b, grid_rank(&x->grid, x->t, x->d, x->p));
	x->gradients.n = 0;
	x->inbox[0].next = 0;
	x->inbox[1].next = 0;
	memset(x->received, 0, n * sizeof(*x->received));
	for (i = 0; i < n && !x->b.failed; i++)
		after = run_slot(x, after, &x->slots[i]);
	x->mb = x->job->par.micro_batches - 1;
	after = embedding_exchange(x, x->gradients.n ? x->gradients : after);
	gather_updated(x, after);
}

/* The fewest steps that a rank may have, so that a hopeless plan is not begun. */
static double least_steps(const struct decomposition *x)
{
	const struct job_parallel *par = &x->job->par;
	double passes = schedule_length(&x->order), steps, params = 0;
	uint32_t u, n = x->grid.pipeline * x->order.interleave;
	uint64_t moe = UINT64_MAX;

	for (u = 0; u < n; u++) {
		params += x->stages[u].params;
		moe = x->stages[u].moe_layers < moe ? x->stages[u].moe_layers : moe;
	}
	steps = passes * x->chunks * (1 + (x->grid.tensor > 1 ? 2 : 0));
	/* At least one all-to-all a pass; a message to and from each other member. */
	if (moe)
		steps += passes * 2 * (par->expert - 1);
	if (par->bucket && x->grid.data > 1)
		steps += 2 * params * x->job->model.grad_bytes / par->bucket / x->grid.pipeline;
	return steps;
}

static void schedule_ranks(struct decomposition *x)
{
	uint32_t ranks = x->grid.tensor * x->grid.data, before;

	builder_expect(&x->b, least_steps(x) * ranks * x->grid.pipeline);
	for (x->p = 0; x->p < x->grid.pipeline && !x->b.failed; x->p++) {
		begin_stage(x);
		before = x->b.plan->nr_ops;
		for (x->d = 0; x->d < x->grid.data; x->d++) {
			for (x->t = 0; x->t < x->grid.tensor && !x->b.failed; x->t++) {
				schedule_rank(x);
				/* The other ranks of the stage have about as many. */
				if (!x->d && !x->t)
					builder_expect(&x->b, before + 0.9 * ranks *
									       (x->b.plan->nr_ops -
										before));
			}
		}
	}
}

/* Each rank of a tensor group that is one instance has its own connection to its peer. */
static void count_connections(struct decomposition *x)
{
	uint32_t i;

	for (i = 0; x->merged > 1 && i < x->b.plan->nr_flows; i++)
		x->b.plan->flows[i].connections = x->merged;
}

static int decompose(struct decomposition *x, const char *source, struct dmsc_error *err)
{
	struct bulk *bulk = NULL;
	int ret;

	ret = place_ranks(&x->b, source, x->job, &x->grid, err);
	if (!ret)
		ret = bulk_place(&x->b, x->job, &bulk, err);
	if (!ret && !x->b.failed)
		ret = plan_sids(x->b.plan, x->job, err);
	if (!ret && !x->b.failed) {
		schedule_ranks(x);
		count_connections(x);
		bulk_flows(&x->b, x->job, bulk);
		builder_note(&x->b,
			     "collectives of several layers are fused: %u exchanges a pass and micro-batch%s; bytes are those of all layers",
			     x->chunks,
			     x->b.plan->granularity.given ? " (given)" : " (chosen by cost)");
	}
	bulk_free(bulk);
	return ret;
}

/*
 * Which ranks form an instance. A rank each is the finest: every rank has its
 * own SID, queues and share of the host's links, so it is isolated from the
 * others and its flows can go different ways. Coordination grows with the
 * steps of all instances; where ranks would make more than a plan may have,
 * the tensor group, which stays inside one host anyway, is one instance. Its
 * flows between hosts are those of its ranks together.
 */
static void choose_instances(struct decomposition *x)
{
	const struct job_parallel *par = &x->job->par;
	double ranks = (double)par->tensor * par->data * par->context * par->pipeline;
	bool group = par->instances == INSTANCES_GROUP;

	if (par->instances == INSTANCES_FIT)
		group = least_steps(x) * ranks > MAX_STEPS;
	if (!group || par->tensor == 1)
		return;
	x->merged = par->tensor;
	x->grid.tensor = 1;
	x->grid.gpus = par->tensor;
	builder_note(&x->b,
		     "an instance is the tensor group of %u ranks%s: its exchanges are no flows, those between hosts are of all its ranks",
		     x->merged,
		     par->instances == INSTANCES_FIT ?
			     ", because one a rank would make too many steps" :
			     "");
}

static bool allocate(struct decomposition *x)
{
	const struct job_parallel *par = &x->job->par;
	uint32_t length = schedule_length(&x->order);

	x->stages = calloc(par->pipeline * par->interleave, sizeof(*x->stages));
	x->tp = calloc(par->tensor + 4 * (size_t)x->grid.data, sizeof(*x->tp));
	x->slots = calloc(3 * (size_t)length, sizeof(*x->slots));
	x->received = calloc(length, sizeof(*x->received));
	if (!x->stages || !x->tp || !x->slots || !x->received)
		return false;
	x->dp = x->tp + par->tensor;
	x->ep = x->dp + x->grid.data;
	x->edp = x->ep + x->grid.data;
	x->cp = x->edp + x->grid.data;
	x->inbox[0].slots = x->slots + length;
	x->inbox[1].slots = x->slots + 2 * (size_t)length;
	return true;
}

static int plan_model(const struct job *job, const struct topology *topo, struct plan *out,
		      struct dmsc_error *err)
{
	const struct job_parallel *par = &job->par;
	struct plan plan = { .source = "job", .pinned = job->pinned, .ask = job->ask };
	struct decomposition x = {
		.job = job,
		.grid = { par->tensor, par->data * par->context, par->pipeline, 1 },
		.merged = 1,
		.order = { par->pipeline, par->interleave, par->micro_batches },
	};
	char source[300];
	int ret, fin;

	snprintf(source, sizeof(source), "%s:%u", job->file, job->line.parallel);
	ret = volume_check(job, err);
	if (ret)
		return ret;
	strcpy(plan.job, job->name);
	builder_init(&x.b, &plan);
	ret = place_hosts(&plan, topo, err);
	if (!ret && !allocate(&x))
		x.b.failed = true;
	if (!ret && !x.b.failed) {
		volume_stages(job, x.stages);
		volume_totals(job, x.stages, &plan.totals);
		granularity_choose(job, x.stages, topo, &plan.granularity);
		x.chunks = plan.granularity.exchanges;
		x.local_ns = 8e9 / plan_local_rate(&plan);
		choose_instances(&x);
		ret = decompose(&x, source, err);
	}
	fin = builder_finish(&x.b, job, source, ret ? NULL : err);
	if (!ret)
		ret = fin;
	if (!ret)
		ret = plan_derive(&plan, source, err);
	free(x.stages);
	free(x.tp);
	free(x.slots);
	free(x.received);
	if (ret)
		plan_free(&plan);
	else
		*out = plan;
	return ret;
}

int plan_job(const struct job *job, const struct topology *topo, struct plan *out,
	     struct dmsc_error *err)
{
	struct job free_job = *job;
	struct dmsc_error why;
	struct plan own;
	int ret;

	if (job->graph)
		return plan_tasks(job, topo, out, err);
	ret = plan_model(job, topo, out, err);
	if (ret || !job->fixed)
		return ret;
	free_job.fixed = NULL;
	ret = plan_model(&free_job, topo, &own, &why);
	plan_assess(out, ret ? NULL : &own);
	if (!ret)
		plan_free(&own);
	return 0;
}
