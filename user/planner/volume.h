/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much there is to compute and to move: parameters, operations and bytes
 * of the parts of a job, by formulae. Payload of one rank; what a collective
 * puts on the wire follows from it (planner/builder.h).
 *
 * Sources of the formulae:
 *  [M19] Shoeybi et al., Megatron-LM (2019), section 3: two all-reduces a
 *	layer forward and two backward over the tensor group, 2bsh bytes each
 *	in 16-bit precision; the vocabulary-parallel embedding adds one each way.
 *  [M21] Narayanan et al. (SC 2021), section 2.2: one-forward-one-backward
 *	and interleaved schedules; section 4.1: scatter/gather, 2bsh/t bytes a
 *	stage boundary and rank, and the all-gather behind it; equation 3:
 *	floating-point operations of an iteration; section 3.1, footnote: tied
 *	embeddings are all-reduced between the first and the last stage.
 *  [K22] Korthikanti et al. (2022), section 4.2.2: sequence parallelism turns
 *	each all-reduce into an all-gather and a reduce-scatter; section 5:
 *	full and selective recomputation.
 *  [Z20] Rajbhandari et al., ZeRO (SC 2020), section 7: stages 1 and 2 move
 *	gradients (reduce-scatter) and parameters (all-gather); stage 3 gathers
 *	parameters for the forward and again for the backward pass. From stage 2
 *	on no rank keeps whole gradients (section 5.2), so those of every
 *	micro-batch are exchanged.
 *  [G21] Lepikhin et al., GShard (2021), section 3: two all-to-alls a
 *	mixture-of-experts layer forward, and their mirror images backward;
 *	section 2.2: each expert takes capacity x k x tokens / experts.
 *  [R23] Liu et al., Ring Attention (2023), section 3: keys and values go
 *	round the ranks that share a sequence; backward again, with their
 *	gradients, which end where their keys and values are.
 */
#ifndef DMSC_PLANNER_VOLUME_H
#define DMSC_PLANNER_VOLUME_H

#include "lib/error.h"
#include "lib/model.h"

/*
 * What the ranks of one stage of the virtual pipeline do, per rank. Stage u of
 * pipeline * interleave lies on the ranks of pipeline stage u % pipeline.
 */
struct stage {
	uint64_t layers, moe_layers;
	bool first, last;
	uint64_t params;	/* replicated over the data group */
	uint64_t expert_params; /* replicated over data / expert */
	double forward_ns;	/* of one micro-batch */
	double backward_ns;	/* with what is computed again */
};

/**
 * volume_stages - describe all virtual stages
 * @stages: pipeline * interleave entries
 */
void volume_stages(const struct job *j, struct stage *stages);

/* Parameters of the whole model, without padding of its vocabulary. */
uint64_t volume_parameters(const struct job_model *m);

/* Of the input embedding on one tensor rank. */
uint64_t volume_embedding(const struct job *j);

/* S, one activation of a micro-batch: bytes before the tensor group splits them. */
uint64_t volume_activation(const struct job *j);

/* What a rank hands each all-to-all of one MoE layer and micro-batch. */
uint64_t volume_all_to_all(const struct job *j);

/* Keys and values of one layer and micro-batch, of the whole sequence. */
uint64_t volume_keys_values(const struct job *j);

/* What a rank sends over a stage boundary for one micro-batch. */
uint64_t volume_boundary(const struct job *j);

/* Whether first and last stage hold copies of one embedding. */
bool volume_shared_embedding(const struct job *j);

/* How often the backward pass carries out a layer's exchanges of the forward pass. */
static inline uint64_t volume_again(const struct job *j)
{
	return j->par.recompute == RECOMPUTE_FULL;
}

/* How often gradients are exchanged in an iteration. */
static inline uint64_t volume_gradient_rounds(const struct job *j)
{
	return j->par.zero >= 2 ? j->par.micro_batches : 1;
}

/* Payload of one rank, summed over the stages of its pipeline. */
void volume_totals(const struct job *j, const struct stage *stages, struct plan_totals *n);

/**
 * volume_check - refuse what would not fit the counters
 *
 * The planner counts in 64 bits; a job whose sums would not fit is refused in
 * floating point before anything is counted.
 */
int volume_check(const struct job *j, struct dmsc_error *err);

#endif /* DMSC_PLANNER_VOLUME_H */
