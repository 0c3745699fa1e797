// SPDX-License-Identifier: GPL-2.0-or-later
/* The job: model, parallelism, and what competes with it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/spec.h"
#include "lib/yaml.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MAX_RANKS     65536
#define MAX_BULK      64
#define MAX_SIDS      65536
#define LAST_SID      0xffffffffU
#define MAX_MESSAGE   (1ULL << 40) /* 1 TiB: no single message of a job is larger */

struct raw_job {
	struct job job;
	yaml_node_t *model, *parallel, *bulk, *sids;
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
	{ "first_sid", YAML_U32, offsetof(struct raw_job, job.first_sid), false, 1, LAST_SID },
	{ "sids", YAML_SUBTREE, offsetof(struct raw_job, sids), false, 0, 0 },
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
	{ "from", YAML_HOSTS, offsetof(struct job_bulk, from), true, 0, 0 },
	{ "to", YAML_HOSTS, offsetof(struct job_bulk, to), true, 0, 0 },
	{ "bytes", YAML_SIZE, offsetof(struct job_bulk, bytes), true, 1, MAX_MESSAGE },
	{ "streams", YAML_U32, offsetof(struct job_bulk, streams), false, 1, 64 },
};

static const struct yaml_field sid_fields[] = {
	{ "instance", YAML_NAME, offsetof(struct job_sid, instance), true, 0, 0 },
	{ "sid", YAML_U32, offsetof(struct job_sid, sid), true, 1, LAST_SID },
};

static int read_model(struct yaml_file *f, yaml_node_t *node, struct job_model *out)
{
	struct raw_model raw = { .m = { .param_bytes = 2, .grad_bytes = 4 } };
	struct job_model *m = &raw.m;
	int ret;

	ret = yaml_mapping(f, node, "model", model_fields, ARRAY_SIZE(model_fields), &raw);
	if (!ret && raw.moe) {
		m->moe_every = 1;
		ret = yaml_mapping(f, raw.moe, "model.moe", moe_fields, ARRAY_SIZE(moe_fields),
				   &raw);
		if (!ret && m->topk > m->experts)
			return yaml_fail(f, yaml_key_line(f, raw.moe, "topk"),
					 "model.moe.topk: %llu, expected at most experts (%llu)",
					 (unsigned long long)m->topk,
					 (unsigned long long)m->experts);
	}
	if (!ret && raw.precision)
		ret = yaml_mapping(f, raw.precision, "model.precision", precision_fields,
				   ARRAY_SIZE(precision_fields), &raw);
	if (!ret && m->heads && m->hidden % m->heads)
		return yaml_fail(f, yaml_key_line(f, node, "heads"),
				 "model.heads: %llu, expected a divisor of model.hidden (%llu)",
				 (unsigned long long)m->heads, (unsigned long long)m->hidden);
	if (ret)
		return ret;
	if (!m->ffn)
		m->ffn = 4 * m->hidden;
	*out = *m;
	return 0;
}

/* @key of mapping parallel, whose value is @by, must divide @what, which is @of. */
static int divides(struct yaml_file *f, yaml_node_t *parallel, const char *key, uint64_t by,
		   const char *what, uint64_t of)
{
	if (of % by)
		return yaml_fail(f, yaml_key_line(f, parallel, key),
				 "parallel.%s: %llu, expected a divisor of %s (%llu)", key,
				 (unsigned long long)by, what, (unsigned long long)of);
	return 0;
}

static int read_parallel(struct yaml_file *f, yaml_node_t *node, const struct job_model *m,
			 struct job_parallel *p)
{
	uint64_t message;
	int ret;

	*p = (struct job_parallel){ .tensor = 1,
				    .pipeline = 1,
				    .data = 1,
				    .expert = 1,
				    .zero = 1,
				    .micro_batch = 1,
				    .micro_batches = 1 };
	ret = yaml_mapping(f, node, "parallel", parallel_fields, ARRAY_SIZE(parallel_fields), p);
	if (ret)
		return ret;
	/* Each factor is at most MAX_RANKS, so the product fits 64 bits. */
	if (p->tensor * p->pipeline * p->data > MAX_RANKS)
		return yaml_fail(f, yaml_line(node),
				 "parallel: tensor x pipeline x data is %llu ranks, expected at most %d",
				 (unsigned long long)(p->tensor * p->pipeline * p->data), MAX_RANKS);
	ret = divides(f, node, "tensor", p->tensor, "model.hidden", m->hidden);
	if (!ret)
		ret = divides(f, node, "tensor", p->tensor, "model.ffn", m->ffn);
	if (!ret && m->heads)
		ret = divides(f, node, "tensor", p->tensor, "model.heads", m->heads);
	if (!ret)
		ret = divides(f, node, "pipeline", p->pipeline, "model.layers", m->layers);
	if (!ret)
		ret = divides(f, node, "expert", p->expert, "parallel.data", p->data);
	if (!ret && p->expert > 1 && !m->experts)
		ret = yaml_fail(f, yaml_key_line(f, node, "expert"),
				"parallel.expert: %llu, expected 1 (model.moe is missing)",
				(unsigned long long)p->expert);
	if (!ret && m->experts)
		ret = divides(f, node, "expert", p->expert, "model.moe.experts", m->experts);
	if (!ret && p->zero == 3 && p->pipeline > 1)
		ret = yaml_fail(f, yaml_key_line(f, node, "zero"),
				"parallel.zero: 3 with pipeline %llu, expected pipeline 1",
				(unsigned long long)p->pipeline);
	if (ret)
		return ret;
	/* The largest message is an activation; all factors are below 2^24, 2^16, 2^20. */
	if (__builtin_mul_overflow(2 * p->micro_batch * m->sequence, m->hidden, &message) ||
	    message > MAX_MESSAGE)
		return yaml_fail(f, yaml_key_line(f, node, "micro_batch"),
				 "parallel.micro_batch: activations of 2 x micro_batch x sequence x hidden, expected at most %llu bytes",
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
	if (!ret && raw.sids)
		ret = read_sids(&f, raw.sids, &raw.job);
	if (!ret) {
		raw.job.line.name = yaml_key_line(&f, yaml_root(&f), "name");
		raw.job.line.model = yaml_key_line(&f, yaml_root(&f), "model");
		raw.job.line.parallel = yaml_key_line(&f, yaml_root(&f), "parallel");
		raw.job.line.gpu_flops = yaml_key_line(&f, yaml_root(&f), "gpu_flops");
		raw.job.line.bulk = yaml_key_line(&f, yaml_root(&f), "bulk");
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
