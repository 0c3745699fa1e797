// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <math.h>

#include "planner/volume.h"

static uint64_t padded_vocabulary(const struct job *j)
{
	uint64_t unit = 128 * j->par.tensor; /* Megatron-LM, --make-vocab-size-divisible-by */

	return (j->model.vocabulary + unit - 1) / unit * unit;
}

static bool is_moe_layer(const struct job_model *m, uint64_t layer)
{
	return m->experts && layer >= m->moe_first_dense && (layer + 1) % m->moe_every == 0;
}

static uint64_t head_size(const struct job_model *m)
{
	return m->head_size || !m->heads ? m->head_size : m->hidden / m->heads;
}

/* Columns of the query projection, all heads. */
static uint64_t query_width(const struct job_model *m)
{
	return m->heads ? m->heads * (head_size(m) + m->rope) : m->hidden;
}

/* Columns of all keys, and as many of all values, on each of @t tensor ranks. */
static uint64_t key_width(const struct job_model *m, uint64_t t)
{
	uint64_t groups = m->kv_heads ? m->kv_heads : m->heads;

	if (!groups)
		return m->hidden / t;
	/* Fewer groups than ranks: ranks hold copies. */
	return (groups > t ? groups / t : 1) * head_size(m);
}

/*
 * Weights of the attention of one layer on each of @t tensor ranks; @norms:
 * those of them that are no matrices. Multi-head latent attention: DeepSeek-V3
 * (2024), equations 1 to 11; what leads down to the ranks is held by everybody.
 */
static uint64_t attention_weights(const struct job_model *m, uint64_t t, uint64_t *norms)
{
	uint64_t h = m->hidden, q = query_width(m) / t, k, heads;

	*norms = 0;
	if (!m->kv_rank) {
		k = key_width(m, t);
		return h * (q + 2 * k) + q * h;
	}
	heads = m->heads / t;
	*norms = m->kv_rank + m->q_rank;
	return (m->q_rank ? h * m->q_rank + m->q_rank * q : h * q) + h * (m->kv_rank + m->rope) +
	       m->kv_rank * heads * (head_size(m) + m->value) + heads * m->value * h;
}

/* The matrices of an MLP with @f columns on each of @t tensor ranks. */
static uint64_t mlp_weights(const struct job_model *m, uint64_t f, uint64_t t)
{
	return (m->gated ? 3 : 2) * m->hidden * (f / t);
}

static uint64_t mlp_params(const struct job_model *m, uint64_t f, uint64_t t)
{
	return mlp_weights(m, f, t) + (m->bias ? (m->gated ? 2 : 1) * (f / t) : 0);
}

static uint64_t norm_params(const struct job_model *m)
{
	return m->rms_norm ? m->hidden : 2 * m->hidden;
}

/*
 * Parameters as Megatron-LM splits them: attention and MLP weights and the
 * biases of column-parallel layers by tensor rank; norms and the biases of
 * row-parallel layers whole.
 */
static void layer_params(const struct job_model *m, uint64_t layer, uint64_t t, uint64_t experts,
			 struct stage *s)
{
	uint64_t norms;

	s->params += attention_weights(m, t, &norms) + norms + 2 * norm_params(m);
	if (m->bias)
		s->params += query_width(m) / t + 2 * key_width(m, t) + 2 * m->hidden;
	if (!is_moe_layer(m, layer)) {
		s->params += mlp_params(m, m->ffn, t);
		return;
	}
	s->moe_layers++;
	s->expert_params += experts * mlp_params(m, m->moe_ffn, t);
	s->params += m->hidden * m->experts; /* the router */
	s->params += m->moe_shared * mlp_params(m, m->moe_ffn, t);
}

uint64_t volume_embedding(const struct job *j)
{
	return padded_vocabulary(j) / j->par.tensor * j->model.hidden;
}

bool volume_shared_embedding(const struct job *j)
{
	return j->model.tied && j->par.pipeline > 1;
}

uint64_t volume_parameters(const struct job_model *m)
{
	struct stage s = { .first = true };
	uint64_t layer;

	for (layer = 0; layer < m->layers; layer++)
		layer_params(m, layer, 1, m->experts, &s);
	s.params += m->vocabulary * m->hidden * (m->tied ? 1 : 2) + norm_params(m);
	if (m->learned_positions)
		s.params += m->sequence * m->hidden;
	return s.params + s.expert_params;
}

static void stage_params(const struct job *j, struct stage *s, uint64_t first_layer)
{
	const struct job_model *m = &j->model;
	uint64_t layer;

	for (layer = first_layer; layer < first_layer + s->layers; layer++)
		layer_params(m, layer, j->par.tensor, m->experts / j->par.expert, s);
	if (s->first)
		s->params +=
			volume_embedding(j) + (m->learned_positions ? m->sequence * m->hidden : 0);
	if (s->last)
		s->params += norm_params(m);
	/* Its own, or a copy of the first stage's. */
	if (s->last && (!m->tied || volume_shared_embedding(j)))
		s->params += volume_embedding(j);
}

/* Of scores and weighted values: 4sh a token where heads fill the hidden size. */
static double attention_core_flops(const struct job_model *m)
{
	double value = m->kv_rank ? (double)m->heads * m->value : query_width(m);

	return 2.0 * m->sequence * (query_width(m) + value);
}

/* [M21] equation 3 without recomputation: forward is a third of its 72Bslh^2. */
static double stage_flops(const struct job_model *m, const struct stage *s)
{
	double dense = s->layers - s->moe_layers, flops;
	uint64_t norms;

	flops = s->layers * (2.0 * attention_weights(m, 1, &norms) + attention_core_flops(m));
	flops += 2.0 * mlp_weights(m, m->ffn, 1) * dense;
	flops += 2.0 * mlp_weights(m, m->moe_ffn, 1) * s->moe_layers *
		 (double)(m->topk + m->moe_shared);
	if (s->last)
		flops += 2.0 * m->hidden * m->vocabulary;
	return flops;
}

static void stage_times(const struct job *j, struct stage *s)
{
	double tokens = (double)j->par.micro_batch * j->model.sequence / j->par.context;
	double again = s->layers * attention_core_flops(&j->model);

	s->forward_ns = stage_flops(&j->model, s) * tokens / j->par.tensor / j->gpu_flops * 1e9;
	s->backward_ns = (2 + volume_again(j)) * s->forward_ns;
	if (j->par.recompute == RECOMPUTE_SELECTIVE)
		s->backward_ns += again * tokens / j->par.tensor / j->gpu_flops * 1e9;
}

void volume_stages(const struct job *j, struct stage *stages)
{
	uint64_t n = j->par.pipeline * j->par.interleave, l = j->model.layers, u;

	for (u = 0; u < n; u++) {
		struct stage *s = &stages[u];

		s->layers = l * (u + 1) / n - l * u / n;
		s->first = u == 0;
		s->last = u == n - 1;
		stage_params(j, s, l * u / n);
		stage_times(j, s);
	}
}

/* [M19] 2bsh, of the part of the sequence that a rank has. */
uint64_t volume_activation(const struct job *j)
{
	return j->model.act_bytes * j->par.micro_batch * (j->model.sequence / j->par.context) *
	       j->model.hidden;
}

/* [G21] S * k / t, times the capacity factor. */
uint64_t volume_all_to_all(const struct job *j)
{
	uint64_t bytes = volume_activation(j) * j->model.topk / j->par.tensor;

	return j->model.moe_capacity > 0 ? (uint64_t)ceil(bytes * j->model.moe_capacity) : bytes;
}

/* [R23]; latent attention exchanges what its heads read. */
uint64_t volume_keys_values(const struct job *j)
{
	const struct job_model *m = &j->model;
	uint64_t columns = 2 * key_width(m, j->par.tensor);

	if (m->kv_rank)
		columns = m->heads / j->par.tensor * (head_size(m) + m->rope + m->value);
	return m->act_bytes * j->par.micro_batch * m->sequence * columns;
}

/* [M21] section 4.1; with sequence parallelism activations are in parts anyway. */
uint64_t volume_boundary(const struct job *j)
{
	if (j->par.scatter_gather || j->par.sequence_parallel)
		return volume_activation(j) / j->par.tensor;
	return volume_activation(j);
}

static void tensor_totals(const struct job *j, struct plan_totals *n)
{
	uint64_t m = j->par.micro_batches, s = volume_activation(j) * m;
	uint64_t reduces = 2 * j->model.layers, again = volume_again(j);

	if (j->par.sequence_parallel) {
		n->tp_all_gather = (3 + again) * reduces * s;
		n->tp_reduce_scatter = (2 + again) * reduces * s;
		n->tp_all_reduce_forward = s;
		n->tp_all_reduce_backward = s;
		return;
	}
	n->tp_all_reduce_forward = (reduces + 1) * s;
	n->tp_all_reduce_backward = (reduces + again * reduces + 1) * s;
	if (j->par.scatter_gather)
		n->pp_tensor_all_gather = 2 * (j->par.pipeline * j->par.interleave - 1) * s;
}

void volume_totals(const struct job *j, const struct stage *stages, struct plan_totals *n)
{
	uint64_t m = j->par.micro_batches, layers = j->model.layers, again = volume_again(j);
	uint64_t replicas = j->par.data * j->par.context, params = 0, moe = 0, u;

	for (u = 0; u < j->par.pipeline * j->par.interleave; u++) {
		if (replicas > 1)
			params += stages[u].params;
		/* Experts without replicas have nobody to exchange gradients with. */
		if (replicas / j->par.expert > 1)
			params += stages[u].expert_params;
		moe += stages[u].moe_layers;
	}
	if (j->par.tensor > 1)
		tensor_totals(j, n);
	if (j->par.zero) {
		n->dp_reduce_scatter = params * j->model.grad_bytes * volume_gradient_rounds(j);
		n->dp_all_gather = params * j->model.param_bytes * (j->par.zero == 3 ? 2 * m : 1);
	} else {
		n->dp_all_reduce = params * j->model.grad_bytes;
	}
	if (j->par.pipeline > 1) {
		n->pp_send_forward = volume_boundary(j) * m;
		n->pp_send_backward = volume_boundary(j) * m;
	}
	if (volume_shared_embedding(j))
		n->pp_embedding_all_reduce = volume_embedding(j) * j->model.grad_bytes;
	if (j->par.expert > 1)
		n->ep_all_to_all = (4 + 2 * again) * moe * m * volume_all_to_all(j);
	if (j->par.context > 1) {
		n->cp_all_gather = (2 + again) * layers * m * volume_keys_values(j);
		n->cp_reduce_scatter = layers * m * volume_keys_values(j);
	}
}

int volume_check(const struct job *j, struct dmsc_error *err)
{
	const struct job_model *m = &j->model;
	double h = m->hidden, most = 1e18, experts = m->experts, heads = m->heads;
	double width = m->heads ? heads * (head_size(m) + m->rope + m->value) : h;
	double attention =
		4 * h * width + 3 * width + (m->q_rank + m->kv_rank + m->rope) * (h + 2 * width);
	double mlp = 3 * h * m->ffn + 2 * m->ffn, expert = 3 * h * m->moe_ffn + 2 * m->moe_ffn;
	double layer = attention + 6 * h + mlp + (experts + m->moe_shared) * expert + experts * h;
	double params = m->layers * layer + 2 * h +
			(2 * (m->vocabulary + 128.0 * j->par.tensor) + m->sequence) * h;
	double activation = (double)m->act_bytes * j->par.micro_batch * m->sequence * (h + width);
	double bytes = 12 * (m->layers + 1.0) * activation * j->par.micro_batches *
		       (m->topk * (1 + m->moe_capacity) + 1.0);
	double flops = m->layers * (2 * attention + 4 * width * m->sequence + 2 * mlp +
				    2 * expert * (m->topk + m->moe_shared)) +
		       2 * h * m->vocabulary;

	flops *= (double)j->par.micro_batch * m->sequence * j->par.micro_batches;
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
