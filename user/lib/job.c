// SPDX-License-Identifier: GPL-2.0-or-later
/* The job: model, parallelism, and what competes with it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/placement.h"
#include "lib/preset.h"
#include "lib/spec.h"
#include "lib/taskgraph.h"
#include "lib/yaml.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MAX_RANKS     65536
#define MAX_BATCHES   4096
#define MAX_BULK      64
#define MAX_SIDS      65536
#define MAX_PERIOD    1000000000000000ULL /* ns, eleven days */
#define LAST_SID      0xffffffffU
#define MAX_MESSAGE   (1ULL << 40) /* 1 TiB: no single message of a job is larger */

struct raw_job {
	struct job job;
	char preset[MODEL_NAME_LEN];
	yaml_node_t *model, *parallel, *bulk, *sids, *tasks, *flows, *placement;
	uint64_t period;
};

struct raw_model {
	struct job_model m;
	yaml_node_t *moe, *mla, *precision;
};

struct raw_parallel {
	struct job_parallel p;
	uint64_t global_batch;
	char recompute[16], exchanges[24], instances[16];
};

#define M(key, type, f, required, min, max) \
	YAML_FIELD(key, type, struct raw_model, m.f, required, min, max)
#define P(key, type, f, required, min, max) \
	YAML_FIELD(key, type, struct raw_parallel, p.f, required, min, max)

static const struct yaml_field job_fields[] = {
	YAML_FIELD("name", YAML_NAME, struct raw_job, job.name, true, 0, 0),
	YAML_FIELD("preset", YAML_NAME, struct raw_job, preset, false, 0, 0),
	YAML_FIELD("model", YAML_SUBTREE, struct raw_job, model, false, 0, 0),
	YAML_FIELD("parallel", YAML_SUBTREE, struct raw_job, parallel, false, 0, 0),
	YAML_FIELD("tasks", YAML_SUBTREE, struct raw_job, tasks, false, 0, 0),
	YAML_FIELD("flows", YAML_SUBTREE, struct raw_job, flows, false, 0, 0),
	YAML_FIELD("period", YAML_TIME, struct raw_job, period, false, 1, MAX_PERIOD),
	YAML_FIELD("gpu_flops", YAML_NUMBER, struct raw_job, job.gpu_flops, false, 1000000000ULL,
		   1000000000000000000ULL),
	YAML_FIELD("bulk", YAML_SUBTREE, struct raw_job, bulk, false, 0, 0),
	YAML_FIELD("first_sid", YAML_U32, struct raw_job, job.first_sid, false, 1, LAST_SID),
	YAML_FIELD("sids", YAML_SUBTREE, struct raw_job, sids, false, 0, 0),
	YAML_FIELD("module", YAML_TEXT, struct raw_job, job.module, false, 0, 0),
	YAML_FIELD("placement", YAML_SUBTREE, struct raw_job, placement, false, 0, 0),
};

static const struct yaml_field model_fields[] = {
	M("layers", YAML_U64, layers, true, 1, 100000),
	M("hidden", YAML_U64, hidden, true, 8, 1 << 20),
	M("ffn", YAML_U64, ffn, false, 8, 1 << 22),
	M("heads", YAML_U64, heads, false, 1, 1 << 16),
	M("sequence", YAML_U64, sequence, true, 1, 1 << 24),
	M("vocabulary", YAML_U64, vocabulary, true, 1, 1 << 28),
	M("kv_heads", YAML_U64, kv_heads, false, 1, 1 << 16),
	M("head_size", YAML_U64, head_size, false, 1, 1 << 16),
	M("gated", YAML_BOOL, gated, false, 0, 0),
	M("bias", YAML_BOOL, bias, false, 0, 0),
	M("rms_norm", YAML_BOOL, rms_norm, false, 0, 0),
	M("learned_positions", YAML_BOOL, learned_positions, false, 0, 0),
	M("tied", YAML_BOOL, tied, false, 0, 0),
	YAML_FIELD("mla", YAML_SUBTREE, struct raw_model, mla, false, 0, 0),
	YAML_FIELD("moe", YAML_SUBTREE, struct raw_model, moe, false, 0, 0),
	YAML_FIELD("precision", YAML_SUBTREE, struct raw_model, precision, false, 0, 0),
};

static const struct yaml_field mla_fields[] = {
	M("q_rank", YAML_U64, q_rank, false, 1, 1 << 16),
	M("kv_rank", YAML_U64, kv_rank, true, 1, 1 << 16),
	M("rope", YAML_U64, rope, true, 1, 1 << 16),
	M("value", YAML_U64, value, true, 1, 1 << 16),
};

static const struct yaml_field moe_fields[] = {
	M("experts", YAML_U64, experts, true, 2, 65536),
	M("topk", YAML_U64, topk, true, 1, 64),
	M("every", YAML_U64, moe_every, false, 1, 1000),
	M("ffn", YAML_U64, moe_ffn, false, 8, 1 << 22),
	M("shared", YAML_U64, moe_shared, false, 0, 64),
	M("first_dense", YAML_U64, moe_first_dense, false, 0, 100000),
	M("capacity", YAML_NUMBER, moe_capacity, false, 0, 1000),
};

static const struct yaml_field precision_fields[] = {
	M("parameters", YAML_U32, param_bytes, false, 1, 8),
	M("gradients", YAML_U32, grad_bytes, false, 1, 8),
	M("activations", YAML_U32, act_bytes, false, 1, 8),
};

static const struct yaml_field parallel_fields[] = {
	P("tensor", YAML_U64, tensor, false, 1, MAX_RANKS),
	P("pipeline", YAML_U64, pipeline, false, 1, MAX_RANKS),
	P("data", YAML_U64, data, false, 1, MAX_RANKS),
	P("expert", YAML_U64, expert, false, 1, MAX_RANKS),
	P("context", YAML_U64, context, false, 1, MAX_RANKS),
	P("interleave", YAML_U64, interleave, false, 1, 1000),
	P("sequence", YAML_BOOL, sequence_parallel, false, 0, 0),
	P("zero", YAML_U32, zero, false, 0, 3),
	P("micro_batch", YAML_U64, micro_batch, false, 1, 65536),
	P("micro_batches", YAML_U64, micro_batches, false, 1, MAX_BATCHES),
	YAML_FIELD("global_batch", YAML_U64, struct raw_parallel, global_batch, false, 1, 1ULL << 40),
	YAML_FIELD("recompute", YAML_TEXT, struct raw_parallel, recompute, false, 0, 0),
	P("bucket", YAML_SIZE, bucket, false, 1 << 12, MAX_MESSAGE),
	P("overlap", YAML_BOOL, overlap, false, 0, 0),
	P("scatter_gather", YAML_BOOL, scatter_gather, false, 0, 0),
	P("uneven", YAML_BOOL, uneven, false, 0, 0),
	YAML_FIELD("exchanges", YAML_TEXT, struct raw_parallel, exchanges, false, 0, 0),
	YAML_FIELD("instances", YAML_TEXT, struct raw_parallel, instances, false, 0, 0),
};

static const struct yaml_field bulk_fields[] = {
	YAML_FIELD("name", YAML_NAME, struct job_bulk, name, true, 0, 0),
	YAML_FIELD("from", YAML_HOSTS, struct job_bulk, from, true, 0, 0),
	YAML_FIELD("to", YAML_HOSTS, struct job_bulk, to, true, 0, 0),
	YAML_FIELD("bytes", YAML_SIZE, struct job_bulk, bytes, true, 1, MAX_MESSAGE),
	YAML_FIELD("streams", YAML_U32, struct job_bulk, streams, false, 1, 64),
};

static const struct yaml_field sid_fields[] = {
	YAML_FIELD("instance", YAML_NAME, struct job_sid, instance, true, 0, 0),
	YAML_FIELD("sid", YAML_U32, struct job_sid, sid, true, 1, LAST_SID),
};

static int no_divisor(struct yaml_file *f, yaml_node_t *node, const char *where, const char *key,
		      uint64_t by, const char *what, uint64_t of)
{
	return yaml_fail(f, yaml_key_line(f, node, key),
			 "%s.%s: %llu, expected a divisor of %s (%llu)", where, key,
			 (unsigned long long)by, what, (unsigned long long)of);
}

static int check_heads(struct yaml_file *f, yaml_node_t *node, const struct job_model *m)
{
	if ((m->kv_heads || m->head_size || m->kv_rank) && !m->heads)
		return yaml_fail(f, yaml_line(node),
				 "model.heads: missing, expected it beside kv_heads, head_size and mla");
	if (m->kv_rank && !m->head_size)
		return yaml_fail(f, yaml_line(node),
				 "model.head_size: missing, expected it beside mla (without rope)");
	if (m->heads && !m->head_size && m->hidden % m->heads)
		return no_divisor(f, node, "model", "heads", m->heads, "model.hidden", m->hidden);
	if (m->kv_heads && m->heads % m->kv_heads)
		return no_divisor(f, node, "model", "kv_heads", m->kv_heads, "model.heads",
				  m->heads);
	return 0;
}

static int read_moe(struct yaml_file *f, yaml_node_t *node, struct raw_model *raw)
{
	struct job_model *m = &raw->m;
	int ret;

	if (!m->moe_every)
		m->moe_every = 1;
	ret = yaml_mapping(f, node, "model.moe", moe_fields, ARRAY_SIZE(moe_fields), raw);
	if (!ret && m->topk > m->experts)
		ret = yaml_fail(f, yaml_key_line(f, node, "topk"),
				"model.moe.topk: %llu, expected at most experts (%llu)",
				(unsigned long long)m->topk, (unsigned long long)m->experts);
	if (!ret && m->moe_first_dense >= m->layers)
		ret = yaml_fail(f, yaml_key_line(f, node, "first_dense"),
				"model.moe.first_dense: %llu, expected less than model.layers (%llu)",
				(unsigned long long)m->moe_first_dense,
				(unsigned long long)m->layers);
	return ret;
}

/* @preset: what stands where the file gives nothing; NULL: no preset */
static int read_model(struct yaml_file *f, yaml_node_t *node, const struct job_model *preset,
		      struct job_model *out)
{
	struct raw_model raw = { .m = { .bias = true, .learned_positions = true, .tied = true } };
	struct yaml_field fields[ARRAY_SIZE(model_fields)];
	struct job_model *m = &raw.m;
	int ret = 0;
	size_t i;

	memcpy(fields, model_fields, sizeof(fields));
	if (preset)
		*m = *preset;
	for (i = 0; preset && i < ARRAY_SIZE(fields); i++)
		fields[i].required = false;
	m->param_bytes = 2;
	m->grad_bytes = 4;
	m->act_bytes = 2;
	if (node)
		ret = yaml_mapping(f, node, "model", fields, ARRAY_SIZE(fields), &raw);
	if (!ret && raw.mla)
		ret = yaml_mapping(f, raw.mla, "model.mla", mla_fields, ARRAY_SIZE(mla_fields),
				   &raw);
	if (!ret && raw.moe)
		ret = read_moe(f, raw.moe, &raw);
	if (!ret && raw.precision)
		ret = yaml_mapping(f, raw.precision, "model.precision", precision_fields,
				   ARRAY_SIZE(precision_fields), &raw);
	if (!ret && node)
		ret = check_heads(f, node, m);
	if (ret)
		return ret;
	if (!m->ffn)
		m->ffn = 4 * m->hidden;
	if (!m->moe_ffn)
		m->moe_ffn = m->ffn;
	*out = *m;
	return 0;
}

/* @key of mapping parallel, whose value is @by, must divide @what, which is @of. */
static int divides(struct yaml_file *f, yaml_node_t *parallel, const char *key, uint64_t by,
		   const char *what, uint64_t of)
{
	return of % by ? no_divisor(f, parallel, "parallel", key, by, what, of) : 0;
}

static int read_recompute(struct yaml_file *f, yaml_node_t *node, struct raw_parallel *raw)
{
	static const struct {
		const char *name;
		enum job_recompute value;
	} words[] = {
		{ "", RECOMPUTE_NONE },	     { "none", RECOMPUTE_NONE },
		{ "false", RECOMPUTE_NONE }, { "no", RECOMPUTE_NONE },
		{ "full", RECOMPUTE_FULL },  { "true", RECOMPUTE_FULL },
		{ "yes", RECOMPUTE_FULL },   { "selective", RECOMPUTE_SELECTIVE },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcmp(words[i].name, raw->recompute)) {
			raw->p.recompute = words[i].value;
			return 0;
		}
	}
	return yaml_fail(f, yaml_key_line(f, node, "recompute"),
			 "parallel.recompute: '%s', expected none, selective or full",
			 raw->recompute);
}

static int read_exchanges(struct yaml_file *f, yaml_node_t *node, struct raw_parallel *raw)
{
	const char *s = raw->exchanges;
	char *end;

	if (!*s || !strcmp(s, "auto"))
		return 0;
	raw->p.exchanges = strtoul(s, &end, 10);
	if (*s < '0' || *s > '9' || *end || !raw->p.exchanges || raw->p.exchanges > 100000)
		return yaml_fail(f, yaml_key_line(f, node, "exchanges"),
				 "parallel.exchanges: '%s', expected auto or 1 to 100000", s);
	return 0;
}

static int read_instances(struct yaml_file *f, yaml_node_t *node, struct raw_parallel *raw)
{
	const char *s = raw->instances;

	if (!strcmp(s, "rank"))
		raw->p.instances = INSTANCES_RANK;
	else if (!strcmp(s, "group"))
		raw->p.instances = INSTANCES_GROUP;
	else if (*s && strcmp(s, "auto"))
		return yaml_fail(f, yaml_key_line(f, node, "instances"),
				 "parallel.instances: '%s', expected auto, rank or group", s);
	return 0;
}

static int read_batches(struct yaml_file *f, yaml_node_t *node, struct raw_parallel *raw)
{
	uint64_t at_once = raw->p.micro_batch * raw->p.data, n;

	if (!raw->global_batch) {
		if (!raw->p.micro_batches)
			raw->p.micro_batches = 1;
		return 0;
	}
	n = raw->global_batch / at_once;
	if (raw->p.micro_batches)
		return yaml_fail(f, yaml_key_line(f, node, "global_batch"),
				 "parallel.global_batch: beside micro_batches, expected one of them");
	if (raw->global_batch % at_once || n > MAX_BATCHES)
		return yaml_fail(f, yaml_key_line(f, node, "global_batch"),
				 "parallel.global_batch: %llu, expected a multiple of micro_batch x data (%llu), at most %d times",
				 (unsigned long long)raw->global_batch, (unsigned long long)at_once,
				 MAX_BATCHES);
	raw->p.micro_batches = n;
	return 0;
}

static int check_pipeline(struct yaml_file *f, yaml_node_t *node, const struct job_model *m,
			  const struct job_parallel *p)
{
	uint64_t stages = p->pipeline * p->interleave;

	if (p->uneven && stages > m->layers)
		return yaml_fail(f, yaml_key_line(f, node, "pipeline"),
				 "parallel.pipeline: %llu stages, expected at most model.layers (%llu)",
				 (unsigned long long)stages, (unsigned long long)m->layers);
	if (!p->uneven && m->layers % p->pipeline)
		return no_divisor(f, node, "parallel", "pipeline", p->pipeline, "model.layers",
				  m->layers);
	if (!p->uneven && m->layers % stages)
		return no_divisor(f, node, "parallel", "interleave", p->interleave,
				  "the layers of a stage", m->layers / p->pipeline);
	if (p->interleave > 1 && (p->pipeline < 2 || p->micro_batches % p->pipeline))
		return yaml_fail(f, yaml_key_line(f, node, "interleave"),
				 "parallel.interleave: %llu, expected 1 (it needs a pipeline, and micro-batches in multiples of its stages)",
				 (unsigned long long)p->interleave);
	if (p->zero == 3 && p->pipeline > 1)
		return yaml_fail(f, yaml_key_line(f, node, "zero"),
				 "parallel.zero: 3 with pipeline %llu, expected pipeline 1",
				 (unsigned long long)p->pipeline);
	return 0;
}

static int check_tensor(struct yaml_file *f, yaml_node_t *node, const struct job_model *m,
			uint64_t t)
{
	int ret = divides(f, node, "tensor", t, "model.hidden", m->hidden);

	if (!ret)
		ret = divides(f, node, "tensor", t, "model.ffn", m->ffn);
	if (!ret)
		ret = divides(f, node, "tensor", t, "model.moe.ffn", m->moe_ffn);
	if (!ret && m->heads)
		ret = divides(f, node, "tensor", t, "model.heads", m->heads);
	if (!ret && m->kv_heads > t)
		ret = divides(f, node, "tensor", t, "model.kv_heads", m->kv_heads);
	return ret;
}

static int check_groups(struct yaml_file *f, yaml_node_t *node, const struct job_model *m,
			const struct job_parallel *p)
{
	/* Each factor is at most MAX_RANKS, so three of them fit 64 bits. */
	uint64_t replicas = p->data * p->context, ranks = p->tensor * p->pipeline * p->data;
	int ret;

	if (replicas > MAX_RANKS || ranks > MAX_RANKS || ranks * p->context > MAX_RANKS)
		return yaml_fail(f, yaml_line(node),
				 "parallel: tensor x pipeline x data%s is %.10g ranks, expected at most %d",
				 p->context > 1 ? " x context" : "", (double)ranks * p->context,
				 MAX_RANKS);
	ret = divides(f, node, "context", p->context, "model.sequence", m->sequence);
	if (!ret)
		ret = divides(f, node, "expert", p->expert,
			      p->context > 1 ? "parallel.data x context" : "parallel.data",
			      replicas);
	if (!ret && p->expert > 1 && !m->experts)
		ret = yaml_fail(f, yaml_key_line(f, node, "expert"),
				"parallel.expert: %llu, expected 1 (model.moe is missing)",
				(unsigned long long)p->expert);
	if (!ret && m->experts)
		ret = divides(f, node, "expert", p->expert, "model.moe.experts", m->experts);
	return ret;
}

static int read_parallel(struct yaml_file *f, yaml_node_t *node, const struct job_model *m,
			 struct job_parallel *out)
{
	struct raw_parallel raw = { .p = { .tensor = 1,
					   .pipeline = 1,
					   .data = 1,
					   .expert = 1,
					   .context = 1,
					   .interleave = 1,
					   .zero = 1,
					   .micro_batch = 1,
					   .overlap = true,
					   .scatter_gather = true } };
	const struct job_parallel *p = &raw.p;
	uint64_t message;
	int ret;

	ret = yaml_mapping(f, node, "parallel", parallel_fields, ARRAY_SIZE(parallel_fields), &raw);
	if (!ret)
		ret = read_recompute(f, node, &raw);
	if (!ret)
		ret = read_exchanges(f, node, &raw);
	if (!ret)
		ret = read_instances(f, node, &raw);
	if (!ret)
		ret = read_batches(f, node, &raw);
	if (!ret)
		ret = check_groups(f, node, m, p);
	if (!ret)
		ret = check_tensor(f, node, m, p->tensor);
	if (!ret)
		ret = check_pipeline(f, node, m, p);
	if (ret)
		return ret;
	/* The largest message is an activation; all factors are below 2^4, 2^17, 2^25, 2^21. */
	if (__builtin_mul_overflow(m->act_bytes * p->micro_batch * m->sequence, m->hidden, &message) ||
	    message > MAX_MESSAGE)
		return yaml_fail(f, yaml_key_line(f, node, "micro_batch"),
				 "parallel.micro_batch: activations of %u x micro_batch x sequence x hidden, expected at most %llu bytes",
				 m->act_bytes, (unsigned long long)MAX_MESSAGE);
	*out = *p;
	return 0;
}

static int read_bulk(struct yaml_file *f, yaml_node_t *node, struct job *j)
{
	char where[32];
	size_t n, i;
	int ret;

	ret = yaml_sequence(f, node, "bulk", MAX_BULK, &n);
	if (ret)
		return ret;
	j->bulk = calloc(n + 1, sizeof(*j->bulk));
	if (!j->bulk)
		return dmsc_fail(f->err, -ENOMEM, "out of memory");
	for (i = 0; i < n; i++) {
		struct job_bulk *b = &j->bulk[i];
		yaml_node_t *item = yaml_item(f, node, i);
		uint32_t k;

		snprintf(where, sizeof(where), "bulk[%zu]", i);
		b->streams = 1;
		ret = yaml_mapping(f, item, where, bulk_fields, ARRAY_SIZE(bulk_fields), b);
		if (ret)
			return ret;
		for (k = 0; k < j->nr_bulk; k++) {
			if (!strcmp(j->bulk[k].name, b->name))
				return yaml_fail(f, yaml_line(item),
						 "%s.name: '%s' is given twice, expected once",
						 where, b->name);
		}
		if (!strcmp(b->from, b->to) && strcmp(b->from, "*"))
			return yaml_fail(f, yaml_line(item),
					 "%s.to: '%s', expected another host than from", where,
					 b->to);
		b->line = yaml_line(item);
		j->nr_bulk++;
	}
	return 0;
}

static int by_sid(const void *a, const void *b)
{
	const struct job_sid *x = a, *y = b;

	if (x->sid != y->sid)
		return x->sid < y->sid ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static int by_instance(const void *a, const void *b)
{
	const struct job_sid *x = a, *y = b;
	int order = strcmp(x->instance, y->instance);

	return order ? order : x->line < y->line ? -1 : x->line > y->line;
}

/* Leaves them in the order of their SIDs, so that the planner can look them up. */
static int read_sids(struct yaml_file *f, yaml_node_t *node, struct job *j)
{
	const struct job_sid *s;
	char where[32];
	size_t n, i;
	int ret;

	ret = yaml_sequence(f, node, "sids", MAX_SIDS, &n);
	if (ret)
		return ret;
	j->sids = calloc(n + 1, sizeof(*j->sids));
	if (!j->sids)
		return dmsc_fail(f->err, -ENOMEM, "out of memory");
	for (i = 0; i < n; i++) {
		yaml_node_t *item = yaml_item(f, node, i);

		snprintf(where, sizeof(where), "sids[%zu]", i);
		ret = yaml_mapping(f, item, where, sid_fields, ARRAY_SIZE(sid_fields), &j->sids[i]);
		if (ret)
			return ret;
		j->sids[i].line = yaml_line(item);
		j->nr_sids++;
	}
	qsort(j->sids, n, sizeof(*j->sids), by_instance);
	for (s = j->sids; s + 1 < j->sids + n; s++) {
		if (!strcmp(s[0].instance, s[1].instance))
			return yaml_fail(f, s[1].line,
					 "sids.instance: '%s' is also on line %u, expected once",
					 s[1].instance, s[0].line);
	}
	qsort(j->sids, n, sizeof(*j->sids), by_sid);
	for (s = j->sids; s + 1 < j->sids + n; s++) {
		if (s[0].sid == s[1].sid)
			return yaml_fail(f, s[1].line,
					 "sids.sid: %u is also on line %u, expected a SID of its own",
					 s[1].sid, s[0].line);
	}
	return 0;
}

/* NULL: none is named */
static int find_preset(struct yaml_file *f, const struct raw_job *raw, const struct job_model **out)
{
	char names[240];

	*out = NULL;
	if (!*raw->preset && !raw->model)
		return yaml_fail(f, yaml_line(yaml_root(f)),
				 "model: missing, expected it or preset here");
	if (!*raw->preset)
		return 0;
	*out = preset_find(raw->preset);
	if (*out)
		return 0;
	return yaml_fail(f, yaml_key_line(f, yaml_root(f), "preset"),
			 "preset: '%s', expected one of %s", raw->preset,
			 preset_names(names, sizeof(names)));
}

static int read_training(struct yaml_file *f, struct raw_job *raw)
{
	const struct job_model *preset;
	int ret;

	if (raw->flows || raw->period)
		return yaml_fail(f, yaml_key_line(f, yaml_root(f), raw->flows ? "flows" : "period"),
				 "%s: without tasks, expected them beside it",
				 raw->flows ? "flows" : "period");
	ret = find_preset(f, raw, &preset);
	if (!ret && !raw->parallel)
		ret = yaml_fail(f, yaml_line(yaml_root(f)), "parallel: missing, expected it here");
	if (!ret)
		ret = read_model(f, raw->model, preset, &raw->job.model);
	if (!ret)
		ret = read_parallel(f, raw->parallel, &raw->job.model, &raw->job.par);
	return ret;
}

static int read_graph(struct yaml_file *f, struct raw_job *raw)
{
	const char *other = raw->model ? "model" : *raw->preset ? "preset" : "parallel";
	int ret;

	if (raw->model || *raw->preset || raw->parallel)
		return yaml_fail(f, yaml_key_line(f, yaml_root(f), other),
				 "%s: beside tasks, expected one or the other", other);
	ret = taskgraph_read(f, raw->tasks, raw->flows, &raw->job.graph);
	if (!ret)
		raw->job.graph->period = raw->period;
	return ret;
}

int job_read(const char *file, struct job *out, struct dmsc_error *err)
{
	struct raw_job raw = { .job = { .gpu_flops = 150e12, .first_sid = 0x10000 } };
	struct yaml_file f;
	int ret;

	ret = yaml_open(&f, file, err);
	if (ret)
		return ret;
	ret = yaml_mapping(&f, yaml_root(&f), "", job_fields, ARRAY_SIZE(job_fields), &raw);
	if (!ret)
		ret = raw.tasks ? read_graph(&f, &raw) : read_training(&f, &raw);
	if (!ret && raw.bulk)
		ret = read_bulk(&f, raw.bulk, &raw.job);
	if (!ret && raw.sids)
		ret = read_sids(&f, raw.sids, &raw.job);
	if (!ret && raw.placement)
		ret = raw.tasks ?
			      yaml_fail(&f, yaml_key_line(&f, yaml_root(&f), "placement"),
					"placement: beside tasks, expected host in each of them") :
			      placement_read(&f, raw.placement, &raw.job.fixed);
	if (!ret) {
		raw.job.line.name = yaml_key_line(&f, yaml_root(&f), "name");
		raw.job.line.model =
			yaml_key_line(&f, yaml_root(&f), raw.model ? "model" : "preset");
		raw.job.line.parallel = yaml_key_line(&f, yaml_root(&f), "parallel");
		raw.job.line.gpu_flops = yaml_key_line(&f, yaml_root(&f), "gpu_flops");
		raw.job.line.tasks = yaml_key_line(&f, yaml_root(&f), "tasks");
		raw.job.line.period = yaml_key_line(&f, yaml_root(&f), "period");
		raw.job.line.bulk = yaml_key_line(&f, yaml_root(&f), "bulk");
		raw.job.line.module = yaml_key_line(&f, yaml_root(&f), "module");
		raw.job.line.first_sid = yaml_key_line(&f, yaml_root(&f), "first_sid");
		snprintf(raw.job.file, sizeof(raw.job.file), "%s", file);
	}
	yaml_close(&f);
	if (ret)
		job_free(&raw.job);
	else
		*out = raw.job;
	return ret;
}
