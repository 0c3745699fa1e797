// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SimAI and ASTRA-sim workload text (aliyun/SimAI, aicb workload/simAI). One
 * rank's layers, dense or mixture of experts:
 *	HYBRID_TRANSFORMER_FWD_IN_BCKWD model_parallel_NPU_group: 8 ep: 1 pp: 1 ga: 1 ...
 *	number of rows
 *	name -1 fwd-ns FWD bytes grad-ns GRAD bytes weight-ns WEIGHT bytes update-ns
 * Forward takes the rows downwards, backward upwards: the input's gradients,
 * then the weights'. Collectives without a suffix are those of the tensor group
 * forward and for the input's gradients, of the data group for the weights';
 * _EP is the expert group, _DP_EP the replicas of the same experts.
 *
 * What the format does not say is taken from the rows' names: a micro-batch
 * begins at embedding_layer; grad_* and moe_grad_* belong to the data group in
 * every column, and their all-gathers, optimizer* and embedding_norm to the
 * optimiser's step. With "pp" and "pp_comm" every stage has the file's rows and
 * hands pp_comm bytes a micro-batch to its neighbours.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/spec.h"

#define NR_COLUMNS 12
#define MAX_ROWS   200000U
#define MAX_ITEMS  1000000U /* of all stages */
#define MAX_STAGES 1024U
#define MAX_BYTES  (1ULL << 40)
#define MAX_NS	   1000000000000000ULL
#define MAX_FILE   (64LL << 20)
#define MICRO	   "embedding_layer" /* the first row of a micro-batch */

enum pass { FORWARD, INPUT, WEIGHT }; /* columns 2, 5 and 8 */

struct cell {
	uint64_t ns, bytes;
	int kind; /* -1: no collective */
	enum comm_group group;
};

struct row {
	char name[32];
	struct cell cell[3];
	uint32_t line;
};

struct reader {
	const char *file;
	struct dmsc_error *err;
	uint32_t line, announced, room, nr_rows;
	uint32_t micro_batches, begin, end; /* of their rows: the first one, the first one behind */
	uint64_t pp_comm;
	struct row *rows;
	uint32_t room_items;
	struct workload w;
};

static int fail(struct reader *r, const char *field, const char *got, const char *expected)
{
	return dmsc_fail(r->err, -EINVAL, "%s:%u: %s: '%.60s', expected %s", r->file, r->line,
			 field, got, expected);
}

static int number(struct reader *r, const char *field, const char *s, uint64_t min, uint64_t max,
		  uint64_t *out)
{
	char *end, text[80];

	errno = 0;
	*out = strtoull(s, &end, 10);
	if (isdigit((unsigned char)*s) && !*end && !errno && *out >= min && *out <= max)
		return 0;
	snprintf(text, sizeof(text), "a whole number, %llu to %llu", (unsigned long long)min,
		 (unsigned long long)max);
	return fail(r, field, s, text);
}

static int head_value(struct reader *r, const char *key, const char *value)
{
	static const struct {
		const char *key;
		uint64_t min, max;
	} known[] = {
		{ "model_parallel_NPU_group:", 1, 65536 },
		{ "ep:", 1, 65536 },
		{ "pp:", 1, MAX_STAGES },
		{ "all_gpus:", 1, 1 << 24 },
		{ "pp_comm", 0, MAX_BYTES },
		{ "pp_comm:", 0, MAX_BYTES },
	};
	char name[32];
	uint64_t v = 0;
	size_t i;
	int ret;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!strcmp(known[i].key, key))
			break;
	}
	if (i == sizeof(known) / sizeof(known[0]))
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(key, ":"), key);
	if (!value)
		return fail(r, name, "", "a number behind it");
	ret = number(r, name, value, known[i].min, known[i].max, &v);
	if (ret)
		return ret;
	switch (i) {
	case 0:
		r->w.tensor = v;
		break;
	case 1:
		r->w.expert = v;
		break;
	case 2:
		r->w.pipeline = v;
		break;
	case 3:
		r->w.world = v;
		break;
	default:
		r->pp_comm = v;
	}
	return 0;
}

/* Keys that the planner has no use for (vpp, ga, checkpoints) are skipped. */
static int read_head(struct reader *r, char *line)
{
	char *save, *word = strtok_r(line, " \t", &save), *next;
	int ret = 0;

	if (!word ||
	    (strcmp(word, "HYBRID_TRANSFORMER_FWD_IN_BCKWD") && strcmp(word, "HYBRID_TRANSFORMER")))
		return fail(r, "policy", word ? word : "",
			    "HYBRID_TRANSFORMER_FWD_IN_BCKWD or HYBRID_TRANSFORMER");
	r->w.expert = 1;
	r->w.pipeline = 1;
	for (word = strtok_r(NULL, " \t", &save); word && !ret; word = next) {
		next = strtok_r(NULL, " \t", &save);
		ret = head_value(r, word, next);
	}
	if (!ret && !r->w.tensor)
		ret = fail(r, "model_parallel_NPU_group", "", "it in the first line");
	return ret;
}

/* NONE, or a collective with the suffix of its group. */
static int read_kind(struct reader *r, const char *s, enum pass pass, struct cell *c)
{
	static const struct {
		const char *name;
		enum comm_kind kind;
	} kinds[] = {
		{ "ALLREDUCE", COMM_ALL_REDUCE }, { "REDUCESCATTER", COMM_REDUCE_SCATTER },
		{ "ALLGATHER", COMM_ALL_GATHER }, { "ALLTOALL", COMM_ALL_TO_ALL },
		{ "BROADCAST", COMM_BROADCAST },
	};
	static const char *const fields[] = { "forward", "input gradient", "weight gradient" };
	size_t i, len;

	c->kind = -1;
	if (!strcmp(s, "NONE"))
		return 0;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		len = strlen(kinds[i].name);
		if (strncmp(s, kinds[i].name, len))
			continue;
		if (!s[len])
			c->group = pass == WEIGHT ? GROUP_DP : GROUP_TP;
		else if (!strcmp(s + len, "_EP"))
			c->group = GROUP_EP;
		else if (!strcmp(s + len, "_DP_EP"))
			c->group = GROUP_EDP;
		else
			continue;
		c->kind = kinds[i].kind;
		return 0;
	}
	return fail(r, fields[pass], s,
		    "NONE, ALLREDUCE, REDUCESCATTER, ALLGATHER, ALLTOALL or BROADCAST, with _EP or _DP_EP");
}

static bool starts(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static bool of_data_group(const struct row *row)
{
	return starts(row->name, "grad_") || starts(row->name, "moe_grad_");
}

static bool of_step(const struct row *row, const struct cell *c)
{
	return starts(row->name, "optimizer") || !strcmp(row->name, "embedding_norm") ||
	       (of_data_group(row) && c->kind == COMM_ALL_GATHER);
}

static int read_row(struct reader *r, char *line)
{
	static const char *const times[] = { "forward time", "input gradient time",
					     "weight gradient time" };
	static const char *const sizes[] = { "forward bytes", "input gradient bytes",
					     "weight gradient bytes" };
	char *col[NR_COLUMNS + 1], *save;
	struct row *row, *grown;
	int n = 0, ret = 0, k;

	for (col[0] = strtok_r(line, " \t", &save); col[n] && n < NR_COLUMNS;)
		col[++n] = strtok_r(NULL, " \t", &save);
	if (n != NR_COLUMNS || col[n])
		return fail(r, "row", line, "12 columns (is the file truncated?)");
	if (r->nr_rows == r->announced || r->nr_rows == MAX_ROWS)
		return fail(r, "row", line, "no more rows than the second line says");
	if (r->nr_rows == r->room) {
		r->room = r->room ? 2 * r->room : 256;
		grown = realloc(r->rows, r->room * sizeof(*grown));
		if (!grown)
			return dmsc_fail(r->err, -ENOMEM, "%s: out of memory", r->file);
		r->rows = grown;
	}
	row = &r->rows[r->nr_rows];
	memset(row, 0, sizeof(*row));
	if (strlen(col[0]) >= sizeof(row->name))
		return fail(r, "name", col[0], "at most 31 characters");
	strcpy(row->name, col[0]);
	row->line = r->line;
	for (k = FORWARD; k <= WEIGHT && !ret; k++) {
		struct cell *c = &row->cell[k];

		ret = number(r, times[k], col[2 + 3 * k], 0, MAX_NS, &c->ns);
		if (!ret)
			ret = read_kind(r, col[3 + 3 * k], k, c);
		if (!ret)
			ret = number(r, sizes[k], col[4 + 3 * k], 0, MAX_BYTES, &c->bytes);
		if (of_data_group(row) && c->group == GROUP_TP)
			c->group = GROUP_DP;
	}
	r->nr_rows += !ret;
	return ret;
}

static int parse_line(struct reader *r, char *line)
{
	uint64_t v;
	int ret;

	if (r->line == 1)
		return read_head(r, line);
	if (!line[strspn(line, " \t")])
		return 0;
	if (r->line > 2)
		return read_row(r, line);
	while (*line && isspace((unsigned char)line[strlen(line) - 1]))
		line[strlen(line) - 1] = '\0';
	ret = number(r, "rows", line + strspn(line, " \t"), 1, MAX_ROWS, &v);
	r->announced = v;
	return ret;
}

static int add(struct reader *r, const struct workload_item *item)
{
	struct workload *w = &r->w;
	struct workload_item *grown;

	if (w->nr_items == MAX_ITEMS)
		return dmsc_fail(r->err, -EINVAL, "%s:2: rows: times pp %u, expected fewer",
				 r->file, w->pipeline);
	if (w->nr_items == r->room_items) {
		r->room_items = r->room_items ? 2 * r->room_items : 1024;
		grown = realloc(w->items, r->room_items * sizeof(*grown));
		if (!grown)
			return dmsc_fail(r->err, -ENOMEM, "%s: out of memory", r->file);
		w->items = grown;
	}
	w->items[w->nr_items++] = *item;
	return 0;
}

static uint32_t group_size(const struct workload *w, enum comm_group group)
{
	switch (group) {
	case GROUP_TP:
		return w->tensor;
	case GROUP_EP:
		return w->expert;
	case GROUP_EDP:
		return w->data / w->expert;
	default:
		return w->data;
	}
}

/* Computation and collective of one cell. */
static int add_cell(struct reader *r, uint32_t stage, const struct row *row, enum pass pass,
		    const char *phase)
{
	const struct cell *c = &row->cell[pass];
	struct workload_item item = { .stage = stage, .line = row->line };
	int ret = 0;

	snprintf(item.phase, sizeof(item.phase), "%s", phase);
	if (c->ns) {
		item.kind = COMM_COMPUTE;
		item.bytes = c->ns;
		ret = add(r, &item);
	}
	if (ret || c->kind < 0 || !c->bytes)
		return ret;
	item.kind = c->kind;
	item.group = c->group;
	item.bytes = c->bytes;
	item.group_size = group_size(&r->w, c->group);
	return add(r, &item);
}

/* With the neighbour before (@to_next false) or behind, where there is one. */
static int add_boundary(struct reader *r, uint32_t stage, enum comm_kind kind, bool to_next,
			const char *phase, uint32_t line)
{
	struct workload_item item = { .kind = kind,
				      .group = GROUP_PP,
				      .bytes = r->pp_comm,
				      .group_size = 1,
				      .stage = stage,
				      .to_next = to_next,
				      .line = line };

	if (!r->pp_comm || stage == (to_next ? r->w.pipeline - 1 : 0))
		return 0;
	snprintf(item.phase, sizeof(item.phase), "%s", phase);
	return add(r, &item);
}

static bool begins_micro_batch(const struct reader *r, uint32_t i)
{
	return r->micro_batches && !strcmp(r->rows[i].name, MICRO);
}

/* The last row of a micro-batch: the next one begins another, or the tail. */
static bool ends_micro_batch(const struct reader *r, uint32_t i)
{
	return r->micro_batches && i >= r->begin &&
	       (i + 1 == r->end || (i + 1 < r->end && begins_micro_batch(r, i + 1)));
}

static int add_forward(struct reader *r, uint32_t stage)
{
	uint32_t i;
	int ret = 0;

	for (i = 0; i < r->nr_rows && !ret; i++) {
		const struct row *row = &r->rows[i];

		if (begins_micro_batch(r, i))
			ret = add_boundary(r, stage, COMM_RECV, false, "forward", row->line);
		if (!ret && !of_step(row, &row->cell[FORWARD]))
			ret = add_cell(r, stage, row, FORWARD, "forward");
		if (!ret && ends_micro_batch(r, i))
			ret = add_boundary(r, stage, COMM_SEND, true, "forward", row->line);
	}
	return ret;
}

static int add_backward(struct reader *r, uint32_t stage)
{
	uint32_t i;
	int ret = 0;

	for (i = r->nr_rows; i-- > 0 && !ret;) {
		const struct row *row = &r->rows[i];

		if (ends_micro_batch(r, i))
			ret = add_boundary(r, stage, COMM_RECV, true, "backward", row->line);
		if (!ret && !of_step(row, &row->cell[INPUT]))
			ret = add_cell(r, stage, row, INPUT, "backward");
		if (!ret && !of_step(row, &row->cell[WEIGHT]))
			ret = add_cell(r, stage, row, WEIGHT, "backward");
		if (!ret && begins_micro_batch(r, i))
			ret = add_boundary(r, stage, COMM_SEND, false, "backward", row->line);
	}
	return ret;
}

static int add_step(struct reader *r, uint32_t stage)
{
	uint32_t i, k;
	int ret = 0;

	for (i = 0; i < r->nr_rows; i++) {
		for (k = FORWARD; k <= WEIGHT && !ret; k++) {
			if (of_step(&r->rows[i], &r->rows[i].cell[k]))
				ret = add_cell(r, stage, &r->rows[i], k, "step");
		}
	}
	return ret;
}

/* Micro-batches lie between the first embedding_layer and the rows of loss and optimiser. */
static void find_micro_batches(struct reader *r)
{
	uint32_t i;

	for (i = 0; i < r->nr_rows; i++) {
		if (!strcmp(r->rows[i].name, MICRO) && !r->micro_batches++)
			r->begin = i;
		if (r->micro_batches && !starts(r->rows[i].name, "cross_entropy") &&
		    !starts(r->rows[i].name, "optimizer") &&
		    strcmp(r->rows[i].name, "embedding_norm"))
			r->end = i + 1;
	}
}

static int finish(struct reader *r)
{
	struct workload *w = &r->w;
	uint64_t group = (uint64_t)w->tensor * w->pipeline;
	uint32_t s;
	int ret = 0;

	if (r->line < 2 || r->nr_rows != r->announced)
		return dmsc_fail(r->err, -EINVAL,
				 "%s:%u: rows: %u, expected %u as the second line says (truncated?)",
				 r->file, r->line, r->nr_rows, r->announced);
	r->line = 1;
	if (w->world && (w->world % group || w->world / group % w->expert))
		return dmsc_fail(r->err, -EINVAL,
				 "%s:1: all_gpus: %u, expected a multiple of model_parallel_NPU_group %u x pp %u x ep %u",
				 r->file, w->world, w->tensor, w->pipeline, w->expert);
	/* Without their number, as many replicas as the cluster holds. */
	w->data = w->world / group;
	find_micro_batches(r);
	if (w->pipeline > 1 && r->pp_comm && !r->micro_batches)
		return dmsc_fail(r->err, -EINVAL,
				 "%s:1: pp_comm: without a row %s, expected one for each micro-batch",
				 r->file, MICRO);
	for (s = 0; s < w->pipeline && !ret; s++) {
		ret = add_forward(r, s);
		if (!ret)
			ret = add_backward(r, s);
		if (!ret)
			ret = add_step(r, s);
	}
	if (!ret && !w->nr_items)
		ret = fail(r, "file", "", "at least one computation or collective");
	w->iterations = 1;
	return ret;
}

int workload_read_simai(const char *file, struct workload *out, struct dmsc_error *err)
{
	struct reader r = { .file = file, .err = err, .w = { .source = "simai" } };
	size_t room = 0;
	char *line = NULL;
	struct stat st;
	ssize_t n;
	FILE *in;
	int ret = 0;

	in = fopen(file, "re");
	if (!in)
		return dmsc_fail(err, -errno, "%s: %s", file, strerror(errno));
	if (fstat(fileno(in), &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > MAX_FILE) {
		fclose(in);
		return dmsc_fail(err, -EINVAL, "%s: is not a file of at most %lld bytes", file,
				 MAX_FILE);
	}
	snprintf(r.w.file, sizeof(r.w.file), "%s", file);
	while (!ret && (n = getline(&line, &room, in)) >= 0) {
		r.line++;
		if (memchr(line, '\0', n)) {
			ret = fail(&r, "row", "", "text, no binary data");
			break;
		}
		while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			line[--n] = '\0';
		ret = parse_line(&r, line);
	}
	if (!ret && ferror(in))
		ret = dmsc_fail(err, -EIO, "%s: cannot be read", file);
	if (!ret)
		ret = finish(&r);
	free(line);
	free(r.rows);
	fclose(in);
	if (ret)
		workload_free(&r.w);
	else
		*out = r.w;
	return ret;
}
