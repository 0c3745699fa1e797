// SPDX-License-Identifier: GPL-2.0-or-later
/* The job: model, parallelism, and what competes with it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/spec.h"
#include "lib/yaml.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MAX_RANKS	65536
#define MAX_BULK	64
#define MAX_MESSAGE	(1ULL << 40)	/* 1 TiB: no single message of a job is larger */

struct raw_job {
	struct job job;
	yaml_node_t *model, *parallel, *bulk;
};

struct raw_model {
	struct job_model m;
	yaml_node_t *moe, *precision;
};

#define M(f) offsetof(struct raw_model, m.f)
#define P(f) offsetof(struct job_parallel, f)

static const struct yaml_field job_fields[] = {
	{ "name", YAML_NAME, offsetof(struct raw_job, job.name), true, 0, 0 },
	{ "model", YAML_SUBTREE, offsetof(struct raw_job, model), true, 0, 0 },
	{ "parallel", YAML_SUBTREE, offsetof(struct raw_job, parallel), true, 0, 0 },
	{ "gpu_flops", YAML_NUMBER, offsetof(struct raw_job, job.gpu_flops), false, 1000000000ULL,
	  1000000000000000000ULL },
	{ "bulk", YAML_SUBTREE, offsetof(struct raw_job, bulk), false, 0, 0 },
	{ "first_sid", YAML_U32, offsetof(struct raw_job, job.first_sid), false, 1, 0xfffe0000 },
};

static const struct yaml_field model_fields[] = {
	{ "layers", YAML_U64, M(layers), true, 1, 100000 },
	{ "hidden", YAML_U64, M(hidden), true, 8, 1 << 20 },
	{ "ffn", YAML_U64, M(ffn), false, 8, 1 << 22 },
	{ "heads", YAML_U64, M(heads), false, 1, 1 << 16 },
	{ "sequence", YAML_U64, M(sequence), true, 1, 1 << 24 },
	{ "vocabulary", YAML_U64, M(vocabulary), true, 1, 1 << 28 },
	{ "moe", YAML_SUBTREE, offsetof(struct raw_model, moe), false, 0, 0 },
	{ "precision", YAML_SUBTREE, offsetof(struct raw_model, precision), false, 0, 0 },
};

static const struct yaml_field moe_fields[] = {
	{ "experts", YAML_U64, M(experts), true, 2, 65536 },
	{ "topk", YAML_U64, M(topk), true, 1, 64 },
	{ "every", YAML_U64, M(moe_every), false, 1, 1000 },
};

static const struct yaml_field precision_fields[] = {
	{ "parameters", YAML_U32, M(param_bytes), false, 1, 8 },
	{ "gradients", YAML_U32, M(grad_bytes), false, 1, 8 },
};

static const struct yaml_field parallel_fields[] = {
	{ "tensor", YAML_U64, P(tensor), false, 1, MAX_RANKS },
	{ "pipeline", YAML_U64, P(pipeline), false, 1, MAX_RANKS },
	{ "data", YAML_U64, P(data), false, 1, MAX_RANKS },
	{ "expert", YAML_U64, P(expert), false, 1, MAX_RANKS },
	{ "sequence", YAML_BOOL, P(sequence_parallel), false, 0, 0 },
	{ "zero", YAML_U32, P(zero), false, 0, 3 },
	{ "micro_batch", YAML_U64, P(micro_batch), false, 1, 65536 },
	{ "micro_batches", YAML_U64, P(micro_batches), false, 1, 4096 },
	{ "recompute", YAML_BOOL, P(recompute), false, 0, 0 },
};

static const struct yaml_field bulk_fields[] = {
	{ "name", YAML_NAME, offsetof(struct job_bulk, name), true, 0, 0 },
	{ "from", YAML_NAME, offsetof(struct job_bulk, from), true, 0, 0 },
	{ "to", YAML_NAME, offsetof(struct job_bulk, to), true, 0, 0 },
	{ "bytes", YAML_SIZE, offsetof(struct job_bulk, bytes), true, 1, MAX_MESSAGE },
	{ "streams", YAML_U32, offsetof(struct job_bulk, streams), false, 1, 64 },
};

static int read_model(struct yaml_file *f, yaml_node_t *node, struct job_model *out)
{
	struct raw_model raw = { .m = { .param_bytes = 2, .grad_bytes = 4 } };
	struct job_model *m = &raw.m;
	int ret;

	ret = yaml_mapping(f, node, "model", model_fields, ARRAY_SIZE(model_fields), &raw);
	if (!ret && raw.moe) {
		m->moe_every = 1;
		ret = yaml_mapping(f, raw.moe, "model.moe", moe_fields, ARRAY_SIZE(moe_fields), &raw);
		if (!ret && m->topk > m->experts)
			return yaml_fail(f, yaml_line(raw.moe), "model.moe.topk: %llu, expected at most experts (%llu)",
					 (unsigned long long)m->topk, (unsigned long long)m->experts);
	}
	if (!ret && raw.precision)
		ret = yaml_mapping(f, raw.precision, "model.precision", precision_fields,
				   ARRAY_SIZE(precision_fields), &raw);
	if (ret)
		return ret;
	if (!m->ffn)
		m->ffn = 4 * m->hidden;
	*out = *m;
	return 0;
}

static int divides(struct yaml_file *f, uint32_t line, const char *field, uint64_t of, const char *what,
		   uint64_t by)
{
	if (of % by)
		return yaml_fail(f, line, "%s: %llu does not divide %s (%llu)", field,
				 (unsigned long long)by, what, (unsigned long long)of);
	return 0;
}

static int read_parallel(struct yaml_file *f, yaml_node_t *node, const struct job_model *m,
			 struct job_parallel *p)
{
	uint32_t line = yaml_line(node);
	uint64_t message;
	int ret;

	*p = (struct job_parallel){ .tensor = 1, .pipeline = 1, .data = 1, .expert = 1, .zero = 1,
				    .micro_batch = 1, .micro_batches = 1 };
	ret = yaml_mapping(f, node, "parallel", parallel_fields, ARRAY_SIZE(parallel_fields), p);
	if (ret)
		return ret;
	/* Each factor is at most MAX_RANKS, so the product fits 64 bits. */
	if (p->tensor * p->pipeline * p->data > MAX_RANKS)
		return yaml_fail(f, line, "parallel: tensor x pipeline x data is %llu ranks, expected at most %d",
				 (unsigned long long)(p->tensor * p->pipeline * p->data), MAX_RANKS);
	ret = divides(f, line, "parallel.tensor", m->hidden, "model.hidden", p->tensor);
	if (!ret)
		ret = divides(f, line, "parallel.tensor", m->ffn, "model.ffn", p->tensor);
	if (!ret)
		ret = divides(f, line, "parallel.pipeline", m->layers, "model.layers", p->pipeline);
	if (!ret)
		ret = divides(f, line, "parallel.expert", p->data, "parallel.data", p->expert);
	if (!ret && p->expert > 1 && !m->experts)
		ret = yaml_fail(f, line, "parallel.expert: %llu, but model.moe is missing",
				(unsigned long long)p->expert);
	if (!ret && m->experts)
		ret = divides(f, line, "parallel.expert", m->experts, "model.moe.experts", p->expert);
	if (!ret && p->zero == 3 && p->pipeline > 1)
		ret = yaml_fail(f, line, "parallel.zero: 3 with pipeline %llu, expected pipeline 1",
				(unsigned long long)p->pipeline);
	if (ret)
		return ret;
	/* The largest message is an activation; all factors are below 2^24, 2^16, 2^20. */
	if (__builtin_mul_overflow(2 * p->micro_batch * m->sequence, m->hidden, &message) ||
	    message > MAX_MESSAGE)
		return yaml_fail(f, line, "parallel.micro_batch: activations of more than %llu bytes a message",
				 (unsigned long long)MAX_MESSAGE);
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
				return yaml_fail(f, yaml_line(item), "%s.name: '%s' is given twice", where,
						 b->name);
		}
		b->line = yaml_line(item);
		j->nr_bulk++;
	}
	return 0;
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
		ret = read_model(&f, raw.model, &raw.job.model);
	if (!ret)
		ret = read_parallel(&f, raw.parallel, &raw.job.model, &raw.job.par);
	if (!ret && raw.bulk)
		ret = read_bulk(&f, raw.bulk, &raw.job);
	if (!ret) {
		raw.job.line_parallel = yaml_line(raw.parallel);
		snprintf(raw.job.file, sizeof(raw.job.file), "%s", file);
	}
	yaml_close(&f);
	if (ret)
		job_free(&raw.job);
	else
		*out = raw.job;
	return ret;
}
