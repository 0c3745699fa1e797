// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "planner/builder.h"

void builder_init(struct builder *b, struct plan *plan)
{
	memset(b, 0, sizeof(*b));
	b->plan = plan;
	b->current = MODEL_NONE;
}

static void trouble(struct builder *b, enum builder_trouble what)
{
	if (!b->failed)
		b->trouble = what;
	b->failed = true;
}

/* Room for one more item of an array; remembers when there is none. */
static bool grow(struct builder *b, void *array, uint32_t n, uint32_t *room, size_t size)
{
	void **p = array, *grown;
	uint32_t want;

	if (b->failed)
		return false;
	if (n < *room)
		return true;
	want = *room ? 2 * *room : 64;
	grown = want > *room ? realloc(*p, want * size) : NULL;
	if (!grown) {
		trouble(b, TROUBLE_MEMORY);
		return false;
	}
	*p = grown;
	*room = want;
	return true;
}

/* Names are never cut: two of them might become one. */
static void set_name(struct builder *b, char name[MODEL_NAME_LEN], const char *fmt, va_list ap)
{
	char text[sizeof(b->name)];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (strlen(text) < MODEL_NAME_LEN) {
		strcpy(name, text);
		return;
	}
	if (!b->failed)
		strcpy(b->name, text);
	trouble(b, TROUBLE_NAME);
}

uint32_t builder_mic(struct builder *b, uint32_t id, const char *fmt, ...)
{
	struct plan *p = b->plan;
	va_list ap;

	if (!grow(b, &p->mics, p->nr_mics, &b->room_mics, sizeof(*p->mics)))
		return id;
	p->mics[p->nr_mics].id = id;
	va_start(ap, fmt);
	set_name(b, p->mics[p->nr_mics].name, fmt, ap);
	va_end(ap);
	p->nr_mics++;
	return id;
}

uint32_t builder_instance(struct builder *b, uint32_t mic, uint32_t host, int32_t gpu,
			  const char *fmt, ...)
{
	struct plan *p = b->plan;
	struct plan_instance *i;
	va_list ap;

	if (p->nr_instances == MAX_INSTANCES)
		trouble(b, TROUBLE_INSTANCES);
	if (!grow(b, &p->instances, p->nr_instances, &b->room_instances, sizeof(*p->instances)))
		return 0;
	i = &p->instances[p->nr_instances];
	memset(i, 0, sizeof(*i));
	i->mic = mic;
	i->host = host;
	i->gpu = gpu;
	i->gpus = gpu >= 0;
	va_start(ap, fmt);
	set_name(b, i->name, fmt, ap);
	va_end(ap);
	snprintf(i->cgroup, sizeof(i->cgroup), "%s/%s", p->job, i->name);
	return p->nr_instances++;
}

void builder_gpus(struct builder *b, uint32_t gpus)
{
	if (!b->failed)
		b->plan->instances[b->plan->nr_instances - 1].gpus = gpus;
}

bool plan_note(struct plan *p, const char *fmt, ...)
{
	char **grown = realloc(p->notes, (p->nr_notes + 1) * sizeof(*grown)), *text;
	va_list ap;
	int n;

	if (!grown)
		return false;
	p->notes = grown;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n >= 0)
		p->notes[p->nr_notes++] = text;
	return n >= 0;
}

void builder_note(struct builder *b, const char *fmt, ...)
{
	struct plan *p = b->plan;
	va_list ap;
	char *text;
	int n;

	if (!grow(b, &p->notes, p->nr_notes, &b->room_notes, sizeof(*p->notes)))
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		trouble(b, TROUBLE_MEMORY);
	else
		p->notes[p->nr_notes++] = text;
}

void builder_expect(struct builder *b, double steps)
{
	if (steps > MAX_STEPS)
		trouble(b, TROUBLE_STEPS);
}

void builder_expect_flows(struct builder *b, double flows)
{
	if (flows > MAX_FLOWS)
		trouble(b, TROUBLE_FLOWS);
}

void builder_begin(struct builder *b, uint32_t i)
{
	struct plan *p = b->plan;

	if (!p->op_start)
		p->op_start = calloc(p->nr_instances + 1, sizeof(*p->op_start));
	if (!p->op_start) {
		trouble(b, TROUBLE_MEMORY);
		return;
	}
	b->current = i;
	p->op_start[i] = p->nr_ops;
	p->op_start[i + 1] = p->nr_ops;
}

static uint32_t add_op(struct builder *b, enum op_kind kind, uint32_t flow, uint64_t amount,
		       const struct after *after, uint8_t phase, uint32_t micro_batch)
{
	struct plan *p = b->plan;
	struct plan_op *op;
	uint32_t i;

	if (p->nr_ops == MAX_STEPS)
		trouble(b, TROUBLE_STEPS);
	if (!grow(b, &p->ops, p->nr_ops, &b->room_ops, sizeof(*p->ops)))
		return 0;
	op = &p->ops[p->nr_ops];
	*op = (struct plan_op){ .kind = kind,
				.flow = flow,
				.amount = amount,
				.first_dep = p->nr_deps,
				.phase = phase,
				.micro_batch = micro_batch };
	for (i = 0; after && i < after->n; i++) {
		if (!grow(b, &p->deps, p->nr_deps, &b->room_deps, sizeof(*p->deps)))
			return 0;
		p->deps[p->nr_deps++] = after->ops[i];
		op->nr_deps++;
	}
	p->op_start[b->current + 1] = p->nr_ops + 1;
	return p->nr_ops++;
}

uint32_t builder_compute(struct builder *b, uint64_t ns, const struct after *after, uint8_t phase,
			 uint32_t micro_batch)
{
	return add_op(b, OP_COMPUTE, MODEL_NONE, ns, after, phase, micro_batch);
}

static uint32_t hash_slot(const struct builder *b, uint32_t src, uint32_t dst, uint8_t class)
{
	uint64_t h = ((uint64_t)src << 32 | dst) * 0x9e3779b97f4a7c15ULL + class * 0x85ebca6bULL;
	uint32_t at = (h >> 32) & (b->hash_size - 1);

	while (b->flow_hash[at]) {
		const struct plan_flow *f = &b->plan->flows[b->flow_hash[at] - 1];

		if (f->src == src && f->dst == dst && f->class == class)
			break;
		at = (at + 1) & (b->hash_size - 1);
	}
	return at;
}

static bool rehash(struct builder *b)
{
	uint32_t size = b->hash_size ? 2 * b->hash_size : 1024, i;

	free(b->flow_hash);
	b->flow_hash = calloc(size, sizeof(*b->flow_hash));
	if (!b->flow_hash) {
		trouble(b, TROUBLE_MEMORY);
		return false;
	}
	b->hash_size = size;
	for (i = 0; i < b->plan->nr_flows; i++) {
		const struct plan_flow *f = &b->plan->flows[i];

		if (!f->bulk)
			b->flow_hash[hash_slot(b, f->src, f->dst, f->class)] = i + 1;
	}
	return true;
}

static uint32_t new_flow(struct builder *b, uint32_t src, uint32_t dst, uint8_t class)
{
	struct plan *p = b->plan;

	if (p->nr_flows == MAX_FLOWS)
		trouble(b, TROUBLE_FLOWS);
	if (!grow(b, &p->flows, p->nr_flows, &b->room_flows, sizeof(*p->flows)))
		return 0;
	p->flows[p->nr_flows] = (struct plan_flow){
		.src = src,
		.dst = dst,
		.class = class,
		.order = MODEL_NONE,
		.path = MODEL_NONE,
		.connections = 1,
	};
	return p->nr_flows++;
}

static uint32_t flow_of(struct builder *b, uint32_t src, uint32_t dst, uint8_t class)
{
	uint32_t at;

	if (2 * (b->plan->nr_flows + 1) > b->hash_size && !rehash(b))
		return 0;
	at = hash_slot(b, src, dst, class);
	if (!b->flow_hash[at]) {
		uint32_t flow = new_flow(b, src, dst, class);

		if (b->failed)
			return 0;
		b->flow_hash[at] = flow + 1;
	}
	return b->flow_hash[at] - 1;
}

uint32_t builder_send(struct builder *b, uint32_t dst, uint8_t class, uint64_t bytes,
		      const struct after *after, uint8_t phase, uint32_t micro_batch)
{
	uint32_t f = flow_of(b, b->current, dst, class);
	uint32_t op = add_op(b, OP_SEND, f, bytes, after, phase, micro_batch);

	if (!b->failed) {
		struct plan_flow *flow = &b->plan->flows[f];

		/* JSON's integers end at 2^63 - 1. */
		if (bytes > INT64_MAX - flow->bytes)
			trouble(b, TROUBLE_BYTES);
		flow->bytes += bytes;
		flow->messages++;
		if (flow->order == MODEL_NONE)
			flow->order = op - b->plan->op_start[b->current];
	}
	return op;
}

uint32_t builder_recv(struct builder *b, uint32_t src, uint8_t class, uint64_t bytes,
		      const struct after *after, uint8_t phase, uint32_t micro_batch)
{
	return add_op(b, OP_RECV, flow_of(b, src, b->current, class), bytes, after, phase,
		      micro_batch);
}

uint32_t builder_bulk_flow(struct builder *b, uint32_t src, uint32_t dst, uint64_t bytes)
{
	uint32_t f = new_flow(b, src, dst, DMSC_CLASS_BULK);

	if (!b->failed) {
		b->plan->flows[f].bulk = true;
		b->plan->flows[f].bytes = bytes;
		b->plan->flows[f].messages = 1;
		b->plan->flows[f].order = 0;
	}
	return f;
}

void builder_bulk_op(struct builder *b, enum op_kind kind, uint32_t flow)
{
	if (!b->failed)
		add_op(b, kind, flow, b->plan->flows[flow].bytes, NULL, PHASE_FORWARD, 0);
}

uint64_t ring_share(uint64_t payload, uint64_t factor, uint32_t i, uint32_t n)
{
	/* floor((i + 1) X / n) - floor(i X / n) for X = payload * factor */
	unsigned __int128 x = (unsigned __int128)payload * factor;

	return (uint64_t)(x * (i + 1) / n) - (uint64_t)(x * i / n);
}

struct after builder_ring(struct builder *b, const uint32_t *members, uint32_t n, uint32_t me,
			  uint8_t class, uint64_t payload, uint64_t factor,
			  const struct after *after, uint8_t phase, uint32_t micro_batch)
{
	uint32_t prev = (me + n - 1) % n, next = (me + 1) % n;
	uint64_t out = ring_share(payload, factor, me, n), in = ring_share(payload, factor, prev, n);
	struct after done = { .n = 0 };

	if (n < 2 || !payload)
		return *after;
	if (out)
		done.ops[done.n++] =
			builder_send(b, members[next], class, out, after, phase, micro_batch);
	if (in)
		done.ops[done.n++] =
			builder_recv(b, members[prev], class, in, after, phase, micro_batch);
	return done.n ? done : *after;
}

struct after builder_all_to_all(struct builder *b, const uint32_t *members, uint32_t n, uint32_t me,
				uint8_t class, uint64_t payload, const struct after *after,
				uint8_t phase, uint32_t micro_batch)
{
	uint32_t k, first = b->plan->nr_ops;
	uint64_t out, in;

	if (n < 2 || !payload)
		return *after;
	for (k = 1; k < n && !b->failed; k++) {
		uint32_t to = (me + k) % n, from = (me + n - k) % n;

		out = ring_share(payload, 1, to, n);
		in = ring_share(payload, 1, me, n);
		if (out)
			builder_send(b, members[to], class, out, after, phase, micro_batch);
		if (in)
			builder_recv(b, members[from], class, in, after, phase, micro_batch);
	}
	return builder_join(b, first, after, phase, micro_batch);
}

struct after builder_join(struct builder *b, uint32_t first, const struct after *after,
			  uint8_t phase, uint32_t micro_batch)
{
	struct plan *p = b->plan;
	uint32_t join, i;

	if (first == p->nr_ops)
		return *after;
	join = add_op(b, OP_COMPUTE, MODEL_NONE, 0, after, phase, micro_batch);
	for (i = first; i < join && !b->failed; i++) {
		if (!grow(b, &p->deps, p->nr_deps, &b->room_deps, sizeof(*p->deps)))
			break;
		p->deps[p->nr_deps++] = i;
		p->ops[join].nr_deps++;
	}
	return after_one(join);
}

int builder_finish(struct builder *b, const struct job *job, const char *source,
		   struct dmsc_error *err)
{
	const char *field = job->graph ? "flows" : "parallel";

	free(b->flow_hash);
	b->flow_hash = NULL;
	if (!b->failed)
		return 0;
	switch (b->trouble) {
	case TROUBLE_NAME:
		return dmsc_fail(err, -EINVAL,
				 "%s:%u: name: '%s' would name an instance, expected at most %d characters",
				 job->file, job->line.name, b->name, MODEL_NAME_LEN - 1);
	case TROUBLE_INSTANCES:
		return dmsc_fail(err, -EINVAL,
				 "%s:%u: bulk: more than %u instances, expected fewer hosts or entries",
				 job->file, job->line.bulk, MAX_INSTANCES);
	case TROUBLE_FLOWS:
		return dmsc_fail(err, -EINVAL,
				 "%s: %s: more than %u flows, expected fewer ranks, experts or bulk streams",
				 source, field, MAX_FLOWS);
	case TROUBLE_STEPS:
		return dmsc_fail(err, -EINVAL,
				 "%s: %s: more than %u steps an iteration, expected fewer ranks, experts or micro-batches",
				 source, field, MAX_STEPS);
	case TROUBLE_BYTES:
		return dmsc_fail(err, -EINVAL,
				 "%s: %s: a flow of more than 2^63 bytes an iteration, expected fewer",
				 source, field);
	default:
		return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	}
}
