// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A training job to microservices and their flows.
 *
 * Sources of the formulae:
 *  [M19] Shoeybi et al., Megatron-LM (2019), section 3: two all-reduces a
 *	layer forward and two backward over the tensor group, 2bsh bytes each
 *	in 16-bit precision; the vocabulary-parallel embedding adds one each way.
 *  [M21] Narayanan et al. (SC 2021), section 2.2: one-forward-one-backward
 *	schedule; section 4.1: scatter/gather, 2bsh/t bytes a stage boundary and
 *	rank; equation 3: floating-point operations of an iteration.
 *  [K22] Korthikanti et al. (2022), section 4.2.2: sequence parallelism turns
 *	each all-reduce into an all-gather and a reduce-scatter.
 *  [Z20] Rajbhandari et al., ZeRO (SC 2020), section 7: stages 1 and 2 move
 *	gradients (reduce-scatter) and parameters (all-gather) once; stage 3
 *	gathers parameters for the forward and again for the backward pass.
 *  [G21] Lepikhin et al., GShard (2021), section 3: two all-to-alls a
 *	mixture-of-experts layer forward, and their mirror images backward.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "planner/internal.h"

#define ACTIVATION_BYTES 2 /* bf16, fp16 */

/* What the ranks of one pipeline stage do, per rank. */
struct stage {
	uint64_t layers, moe_layers;
	bool first, last;
	uint64_t params;	/* replicated over the data group */
	uint64_t expert_params; /* replicated over data / expert */
	double forward_ns;	/* of one micro-batch */
};

struct decomposition {
	struct builder b;
	const struct job *job;
	struct grid grid;
	struct stage *stages;
	uint64_t activation; /* S = 2bsh, bytes */
	uint32_t chunks;     /* exchanges a pass */
	/* groups of the current rank */
	uint32_t *tp, *dp, *ep, *edp; /* instance indexes; edp: data group of experts */
	uint32_t t, d, p;
};

static uint64_t padded_vocabulary(const struct job *j)
{
	uint64_t unit = 128 * j->par.tensor; /* Megatron-LM, --make-vocab-size-divisible-by */

	return (j->model.vocabulary + unit - 1) / unit * unit;
}

static bool is_moe_layer(const struct job_model *m, uint64_t layer)
{
	return m->experts && (layer + 1) % m->moe_every == 0;
}

/*
 * Parameters of one rank of a stage, as Megatron-LM splits them: attention and
 * MLP weights, the biases of column-parallel layers and the embedding by
 * tensor rank; layer norms and the biases of row-parallel layers whole. The
 * output embedding is tied to the input's and counted on the first stage.
 */
static void stage_params(const struct job *j, struct stage *s, uint64_t first_layer)
{
	const struct job_model *m = &j->model;
	uint64_t h = m->hidden, f = m->ffn, t = j->par.tensor, layer;
	uint64_t mlp = 2 * h * f / t + f / t;

	for (layer = first_layer; layer < first_layer + s->layers; layer++) {
		/* QKV and projection; their biases; two layer norms, two row biases */
		s->params += 4 * h * h / t + 3 * h / t + 4 * h + 2 * h;
		if (is_moe_layer(m, layer)) {
			s->moe_layers++;
			s->expert_params += m->experts / j->par.expert * mlp;
			s->params += h * m->experts; /* the router */
		} else {
			s->params += mlp;
		}
	}
	if (s->first)
		s->params += padded_vocabulary(j) * h / t + m->sequence * h;
	if (s->last)
		s->params += 2 * h;
}

/* [M21] equation 3 without recomputation: forward is a third of its 72Bslh^2. */
static double stage_forward_ns(const struct job *j, const struct stage *s)
{
	const struct job_model *m = &j->model;
	double h = m->hidden, seq = m->sequence, tokens = (double)j->par.micro_batch * seq;
	double dense = s->layers - s->moe_layers, flops;

	flops = s->layers * (8 * h * h + 4 * seq * h);
	flops += 4 * h * m->ffn * (dense + s->moe_layers * (double)m->topk);
	if (s->last)
		flops += 2 * h * m->vocabulary;
	return flops * tokens / j->par.tensor / j->gpu_flops * 1e9;
}

static void describe_stages(struct decomposition *x)
{
	const struct job *j = x->job;
	uint32_t p, n = x->grid.pipeline;

	for (p = 0; p < n; p++) {
		struct stage *s = &x->stages[p];

		s->layers = j->model.layers / n;
		s->first = p == 0;
		s->last = p == n - 1;
		stage_params(j, s, p * s->layers);
		s->forward_ns = stage_forward_ns(j, s);
	}
}

/* How many of @n things fall into chunk @k, so that all chunks hold all. */
static uint64_t chunk_of(uint64_t n, uint32_t k, uint32_t chunks)
{
	return n * (k + 1) / chunks - n * k / chunks;
}

/* How often a backward pass carries out a layer's exchanges of the forward pass. */
static uint64_t forward_again(const struct decomposition *x, uint8_t phase)
{
	return phase == PHASE_BACKWARD && x->job->par.recompute;
}

static struct after tensor_ring(struct decomposition *x, struct after after, uint64_t reduces,
				uint64_t factor, uint8_t phase, uint32_t mb)
{
	return builder_ring(&x->b, x->tp, x->grid.tensor, x->t, DMSC_CLASS_TENSOR,
			    reduces * x->activation, factor * (x->grid.tensor - 1), &after, phase,
			    mb);
}

/* @reduces: all-reduces of the layers in one direction; @embedding: those of the embedding */
static struct after tensor_exchange(struct decomposition *x, struct after after, uint64_t reduces,
				    uint64_t embedding, uint8_t phase, uint32_t mb)
{
	uint64_t again = forward_again(x, phase) * reduces;

	if (!x->job->par.sequence_parallel)
		return tensor_ring(x, after, reduces + again + embedding, 2, phase, mb);
	/* [K22]: backward gathers the input once more for the weight gradient */
	after = tensor_ring(x, after, (phase == PHASE_BACKWARD ? 2 : 1) * reduces + again, 1, phase,
			    mb);
	after = tensor_ring(x, after, reduces + again, 1, phase, mb);
	return tensor_ring(x, after, embedding, 2, phase, mb);
}

/* Two all-to-alls a layer and direction; S = 2bshk/t bytes a rank. */
static struct after expert_exchange(struct decomposition *x, struct after after, uint64_t layers,
				    uint8_t phase, uint32_t mb)
{
	uint64_t bytes = x->activation * x->job->model.topk / x->grid.tensor;
	uint32_t ep = x->job->par.expert;

	return builder_all_to_all(&x->b, x->ep, ep, x->d % ep, DMSC_CLASS_EXPERT,
				  2 * (layers + forward_again(x, phase) * layers) * bytes, &after,
				  phase, mb);
}

/*
 * A collective over the replicas, of @bytes bytes for each parameter of a
 * chunk: the experts' parameters have fewer replicas than the others.
 */
static struct after data_exchange(struct decomposition *x, struct after after, uint32_t chunk,
				  uint32_t bytes, uint64_t factor, uint8_t phase, uint32_t mb)
{
	const struct stage *s = &x->stages[x->p];
	uint32_t n = x->grid.data, ep = x->job->par.expert, en = n / ep;

	after = builder_ring(&x->b, x->dp, n, x->d, DMSC_CLASS_DATA,
			     chunk_of(s->params, chunk, x->chunks) * bytes, factor * (n - 1),
			     &after, phase, mb);
	return builder_ring(&x->b, x->edp, en, x->d / ep, DMSC_CLASS_DATA,
			    chunk_of(s->expert_params, chunk, x->chunks) * bytes, factor * (en - 1),
			    &after, phase, mb);
}

/* ZeRO-3 gathers a chunk's parameters before it is computed. */
static struct after gather_params(struct decomposition *x, struct after after, uint32_t chunk,
				  uint8_t phase, uint32_t mb)
{
	if (x->job->par.zero < 3)
		return after;
	return data_exchange(x, after, chunk, x->job->model.param_bytes, 1, phase, mb);
}

static struct after forward(struct decomposition *x, struct after after, uint32_t mb)
{
	const struct stage *s = &x->stages[x->p];
	uint64_t boundary = x->activation / x->grid.tensor;
	uint32_t k;

	if (!s->first)
		after = after_one(builder_recv(&x->b, grid_rank(&x->grid, x->t, x->d, x->p - 1),
					       DMSC_CLASS_PIPELINE, boundary, &after, PHASE_FORWARD,
					       mb));
	for (k = 0; k < x->chunks; k++) {
		after = gather_params(x, after, k, PHASE_FORWARD, mb);
		after = after_one(builder_compute(&x->b, chunk_of(s->forward_ns, k, x->chunks),
						  &after, PHASE_FORWARD, mb));
		after = expert_exchange(x, after, chunk_of(s->moe_layers, k, x->chunks),
					PHASE_FORWARD, mb);
		after = tensor_exchange(x, after, 2 * chunk_of(s->layers, k, x->chunks),
					s->first && k == 0, PHASE_FORWARD, mb);
	}
	/* The send goes on beside what follows. */
	if (!s->last)
		builder_send(&x->b, grid_rank(&x->grid, x->t, x->d, x->p + 1), DMSC_CLASS_PIPELINE,
			     boundary, &after, PHASE_FORWARD, mb);
	return after;
}

/* Gradients of a chunk, as soon as they are final; exchanges of one rank queue up. */
static void exchange_gradients(struct decomposition *x, struct after ready, uint32_t chunk,
			       struct after *stream)
{
	const struct job *j = x->job;
	struct after after = ready;
	uint32_t i;

	for (i = 0; i < stream->n && after.n < 4; i++)
		after.ops[after.n++] = stream->ops[i];
	*stream = data_exchange(x, after, chunk, j->model.grad_bytes, j->par.zero ? 1 : 2,
				PHASE_GRADIENT, j->par.micro_batches - 1);
}

static struct after backward(struct decomposition *x, struct after after, uint32_t mb,
			     struct after *gradients)
{
	const struct stage *s = &x->stages[x->p];
	uint64_t boundary = x->activation / x->grid.tensor;
	uint64_t ns = (2 + forward_again(x, PHASE_BACKWARD)) * s->forward_ns;
	bool final = mb == x->job->par.micro_batches - 1;
	uint32_t k;

	if (!s->last)
		after = after_one(builder_recv(&x->b, grid_rank(&x->grid, x->t, x->d, x->p + 1),
					       DMSC_CLASS_PIPELINE, boundary, &after,
					       PHASE_BACKWARD, mb));
	for (k = 0; k < x->chunks; k++) {
		uint64_t layers = chunk_of(s->layers, k, x->chunks);
		uint64_t moe = chunk_of(s->moe_layers, k, x->chunks);

		after = gather_params(x, after, x->chunks - 1 - k, PHASE_BACKWARD, mb);
		after = after_one(builder_compute(&x->b, chunk_of(ns, k, x->chunks), &after,
						  PHASE_BACKWARD, mb));
		after = expert_exchange(x, after, moe, PHASE_BACKWARD, mb);
		after = tensor_exchange(x, after, 2 * layers, s->last && k == 0, PHASE_BACKWARD, mb);
		if (final)
			exchange_gradients(x, after, k, gradients);
	}
	if (!s->first)
		builder_send(&x->b, grid_rank(&x->grid, x->t, x->d, x->p - 1), DMSC_CLASS_PIPELINE,
			     boundary, &after, PHASE_BACKWARD, mb);
	return after;
}

/* The optimiser has stepped; ZeRO-1 and -2 hand out what each rank updated. */
static void gather_updated(struct decomposition *x, struct after after)
{
	const struct job *j = x->job;
	uint32_t k;

	if (j->par.zero != 1 && j->par.zero != 2)
		return;
	for (k = 0; k < x->chunks; k++)
		after = data_exchange(x, after, k, j->model.param_bytes, 1, PHASE_PARAMETER,
				      j->par.micro_batches - 1);
}

static void set_groups(struct decomposition *x)
{
	const struct grid *g = &x->grid;
	uint32_t ep = x->job->par.expert, i;

	for (i = 0; i < g->tensor; i++)
		x->tp[i] = grid_rank(g, i, x->d, x->p);
	for (i = 0; i < g->data; i++)
		x->dp[i] = grid_rank(g, x->t, i, x->p);
	for (i = 0; i < ep; i++)
		x->ep[i] = grid_rank(g, x->t, x->d / ep * ep + i, x->p);
	for (i = 0; i < g->data / ep; i++)
		x->edp[i] = grid_rank(g, x->t, i * ep + x->d % ep, x->p);
}

/* One iteration of one rank: [M21] figure 4, one-forward-one-backward. */
static void schedule_rank(struct decomposition *x)
{
	uint32_t m = x->job->par.micro_batches, warm = x->grid.pipeline - x->p - 1, i;
	struct after after = { .n = 0 }, gradients = { .n = 0 };

	set_groups(x);
	builder_begin(&x->b, grid_rank(&x->grid, x->t, x->d, x->p));
	if (warm > m)
		warm = m;
	for (i = 0; i < warm; i++)
		after = forward(x, after, i);
	for (i = 0; i < m - warm; i++) {
		after = forward(x, after, warm + i);
		after = backward(x, after, i, &gradients);
	}
	for (i = m - warm; i < m; i++)
		after = backward(x, after, i, &gradients);
	gather_updated(x, gradients.n ? gradients : after);
}

/* Payload of one rank, summed over the stages of its pipeline. */
static void count_totals(const struct decomposition *x, struct plan_totals *n)
{
	const struct job *j = x->job;
	uint64_t m = j->par.micro_batches, s = x->activation, reduces = 2 * j->model.layers;
	uint64_t again = forward_again(x, PHASE_BACKWARD), params = 0, moe = 0;
	uint32_t p;

	for (p = 0; p < x->grid.pipeline; p++) {
		if (x->grid.data > 1)
			params += x->stages[p].params;
		/* Experts without replicas have nobody to exchange gradients with. */
		if (x->grid.data / j->par.expert > 1)
			params += x->stages[p].expert_params;
		moe += x->stages[p].moe_layers;
	}
	if (x->grid.tensor > 1 && j->par.sequence_parallel) {
		n->tp_all_gather = (3 + again) * reduces * s * m;
		n->tp_reduce_scatter = (2 + again) * reduces * s * m;
		n->tp_all_reduce_forward = s * m;
		n->tp_all_reduce_backward = s * m;
	} else if (x->grid.tensor > 1) {
		n->tp_all_reduce_forward = (reduces + 1) * s * m;
		n->tp_all_reduce_backward = (reduces + again * reduces + 1) * s * m;
	}
	if (j->par.zero) {
		n->dp_reduce_scatter = params * j->model.grad_bytes;
		n->dp_all_gather = params * j->model.param_bytes * (j->par.zero == 3 ? 2 * m : 1);
	} else {
		n->dp_all_reduce = params * j->model.grad_bytes;
	}
	if (x->grid.pipeline > 1) {
		n->pp_send_forward = s / x->grid.tensor * m;
		n->pp_send_backward = s / x->grid.tensor * m;
	}
	if (j->par.expert > 1)
		n->ep_all_to_all = (4 + 2 * again) * moe * m * (s * j->model.topk / x->grid.tensor);
}

/*
 * Everything here counts in 64 bits; a job whose sums would not fit is refused
 * in floating point before anything is counted.
 */
static int check_size(const struct job *j, uint64_t activation, struct dmsc_error *err)
{
	const struct job_model *m = &j->model;
	double h = m->hidden, mlp = 2 * h * m->ffn + m->ffn, most = 1e18;
	double layer = 4 * h * h + 9 * h + (m->experts ? m->experts * (mlp + h) : mlp);
	double params = m->layers * layer + 2 * h +
			((double)m->vocabulary + 128.0 * j->par.tensor + m->sequence) * h;
	double bytes = 12 * (m->layers + 1.0) * activation * j->par.micro_batches * (m->topk + 1.0);
	double flops =
		(m->layers * (8 * h * h + 4 * h * m->sequence + 4 * h * m->ffn * (m->topk + 1.0)) +
		 2 * h * m->vocabulary) *
		j->par.micro_batch * m->sequence * j->par.micro_batches;

	if (params * 2 * (m->param_bytes + m->grad_bytes) * j->par.micro_batches > most)
		return dmsc_fail(err, -EINVAL,
				 "%s:%u: model: %.3g parameters, expected at most what moves 10^18 bytes an iteration",
				 j->file, j->line.model, params);
	if (bytes > most)
		return dmsc_fail(err, -EINVAL,
				 "%s:%u: parallel.micro_batches: %.3g bytes of activations an iteration, expected at most 10^18",
				 j->file, j->line.parallel, bytes);
	if (flops / j->gpu_flops * 1e9 > most)
		return dmsc_fail(err, -EINVAL,
				 "%s:%u: gpu_flops: %.3g, expected more (an iteration of %.3g operations would take a GPU over 30 years)",
				 j->file, j->line.gpu_flops, j->gpu_flops, flops);
	return 0;
}

static int decompose(struct decomposition *x, const char *source, struct dmsc_error *err)
{
	struct bulk *bulk = NULL;
	int ret;

	ret = place_ranks(&x->b, source, &x->grid, x->job->first_sid, err);
	if (!ret)
		ret = bulk_place(&x->b, x->job, &bulk, err);
	if (!ret && !x->b.failed)
		ret = plan_sids(x->b.plan, x->job, err);
	if (!ret && !x->b.failed) {
		for (x->p = 0; x->p < x->grid.pipeline; x->p++)
			for (x->d = 0; x->d < x->grid.data; x->d++)
				for (x->t = 0; x->t < x->grid.tensor && !x->b.failed; x->t++)
					schedule_rank(x);
		bulk_flows(&x->b, x->job, bulk);
		builder_note(&x->b,
			     "collectives of several layers are fused: %u exchanges a pass and micro-batch; bytes are those of all layers",
			     x->chunks);
	}
	bulk_free(bulk);
	return ret;
}

int plan_job(const struct job *job, const struct topology *topo, struct plan *out,
	     struct dmsc_error *err)
{
	const struct job_parallel *par = &job->par;
	struct plan plan = { .source = "job" };
	struct decomposition x = {
		.job = job,
		.grid = { par->tensor, par->data, par->pipeline },
		.activation = ACTIVATION_BYTES * par->micro_batch * job->model.sequence *
			      job->model.hidden,
	};
	char source[300];
	int ret, fin;

	snprintf(source, sizeof(source), "%s:%u", job->file, job->line.parallel);
	ret = check_size(job, x.activation, err);
	if (ret)
		return ret;
	strcpy(plan.job, job->name);
	builder_init(&x.b, &plan);
	x.stages = calloc(par->pipeline, sizeof(*x.stages));
	x.tp = calloc(par->tensor + 3 * par->data, sizeof(*x.tp));
	ret = place_hosts(&plan, topo, err);
	if (!x.stages || !x.tp)
		x.b.failed = true;
	if (!ret && !x.b.failed) {
		x.dp = x.tp + par->tensor;
		x.ep = x.dp + par->data;
		x.edp = x.ep + par->data;
		describe_stages(&x);
		x.chunks = x.stages[0].layers < EXCHANGES_PER_PASS ? x.stages[0].layers :
								     EXCHANGES_PER_PASS;
		count_totals(&x, &plan.totals);
		ret = decompose(&x, source, err);
	}
	fin = builder_finish(&x.b, job, source, ret ? NULL : err);
	if (!ret)
		ret = fin;
	if (!ret)
		ret = plan_derive(&plan, source, err);
	free(x.stages);
	free(x.tp);
	if (ret)
		plan_free(&plan);
	else
		*out = plan;
	return ret;
}
