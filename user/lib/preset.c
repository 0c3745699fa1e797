// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a figure comes from stands beside it. Test: parameters of each model
 * against the number that its authors published.
 */
#include <stdio.h>
#include <string.h>

#include "lib/preset.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Brown et al., Language Models are Few-Shot Learners (2020): layers, heads,
 * context of 2048 and feed-forward of 4 x hidden: table 2.1 and section 2.1;
 * hidden: heads x 128, the table's d_head (its d_model of 5140 for 13B is no
 * multiple of it). Vocabulary: GPT-2's (Radford et al. 2019, section 2.3).
 */
#define GPT3(l, n)                         \
	{                                  \
		.layers = l,               \
		.hidden = 128 * (n),       \
		.ffn = 4 * 128 * (n),      \
		.heads = n,                \
		.sequence = 2048,          \
		.vocabulary = 50257,       \
		.bias = true,              \
		.learned_positions = true, \
		.tied = true,              \
		.moe_ffn = 4 * 128 * (n),  \
	}

/*
 * Touvron et al., LLaMA (2023): hidden, heads and layers: table 2; SwiGLU of
 * 2/3 x 4 x hidden, RMSNorm, rotary positions: section 2.2; context of 2048
 * and the multiple of 256 to which the feed-forward size is rounded: the
 * published code (params.json, model.py). Vocabulary: the published tokenizer.
 */
#define LLAMA(l, h, n, f)            \
	{                            \
		.layers = l,         \
		.hidden = h,         \
		.ffn = f,            \
		.heads = n,          \
		.sequence = 2048,    \
		.vocabulary = 32000, \
		.gated = true,       \
		.rms_norm = true,    \
		.moe_ffn = f,        \
	}

static const struct preset presets[] = {
	{ "gpt-13b", "Brown et al. (2020), table 2.1", GPT3(40, 40) },
	{ "gpt-175b", "Brown et al. (2020), table 2.1", GPT3(96, 96) },
	{ "llama-7b", "Touvron et al. (2023), table 2", LLAMA(32, 4096, 32, 11008) },
	{ "llama-13b", "Touvron et al. (2023), table 2", LLAMA(40, 5120, 40, 13824) },
	{ "llama-30b", "Touvron et al. (2023), table 2 (there 33B)", LLAMA(60, 6656, 52, 17920) },
	{ "llama-65b", "Touvron et al. (2023), table 2", LLAMA(80, 8192, 64, 22016) },
	/* Jiang et al., Mixtral of Experts (2024): all of table 1; SwiGLU experts: section 2.1. */
	{ "mixtral-8x7b",
	  "Jiang et al. (2024), table 1",
	  { .layers = 32,
	    .hidden = 4096,
	    .ffn = 14336,
	    .heads = 32,
	    .kv_heads = 8,
	    .head_size = 128,
	    .sequence = 32768,
	    .vocabulary = 32000,
	    .experts = 8,
	    .topk = 2,
	    .moe_every = 1,
	    .moe_ffn = 14336,
	    .gated = true,
	    .rms_norm = true } },
	/*
	 * DeepSeek-AI, DeepSeek-V3 Technical Report (2024), section 4.2: 61
	 * layers, hidden 7168, 128 heads of 128, ranks 512 and 1536, 64 rotary
	 * columns; all but the first three layers with 1 shared and 256 routed
	 * experts of 2048, 8 of them a token; sequences of 4096. Feed-forward
	 * size of the dense layers, vocabulary and untied embeddings: the
	 * published config.json. Without the multi-token prediction module,
	 * which the report counts apart.
	 */
	{ "deepseek-v3",
	  "DeepSeek-AI (2024), section 4.2",
	  { .layers = 61,
	    .hidden = 7168,
	    .ffn = 18432,
	    .heads = 128,
	    .head_size = 128,
	    .q_rank = 1536,
	    .kv_rank = 512,
	    .rope = 64,
	    .value = 128,
	    .sequence = 4096,
	    .vocabulary = 129280,
	    .experts = 256,
	    .topk = 8,
	    .moe_every = 1,
	    .moe_ffn = 2048,
	    .moe_shared = 1,
	    .moe_first_dense = 3,
	    .gated = true,
	    .rms_norm = true } },
};

const struct preset *preset_get(size_t i)
{
	return i < ARRAY_SIZE(presets) ? &presets[i] : NULL;
}

const struct job_model *preset_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(presets); i++) {
		if (!strcmp(presets[i].name, name))
			return &presets[i].model;
	}
	return NULL;
}

const char *preset_names(char *out, size_t size)
{
	size_t i, len = 0;

	*out = '\0';
	for (i = 0; i < ARRAY_SIZE(presets) && len < size; i++)
		len += snprintf(out + len, size - len, "%s%s", i ? ", " : "", presets[i].name);
	return out;
}
