// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * AICB workload files (aliyun/aicb, physical workloads): one row a collective
 * of the ranks of a pipeline stage. A file is
 *	[rank0 ~ rank127]	or	[ pp_stage0: [rank0, rank1, ...] ]
 *	comm_type,comm_group,comm_group_size,msg_size,stage,dst,src,additional,...
 *	rows; the last one is CommType.epoch_end
 * once, or once a pipeline stage. Initialisation is not part of an iteration;
 * of several iterations the first is taken. Rows of computation hold shapes
 * with commas in them, and a time when the file is a measurement.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/spec.h"

#define MAX_ROWS   4000000U
#define MAX_STAGES 1024U
#define MAX_BYTES  (1ULL << 40)
#define MAX_FILE   (256LL << 20)
#define MAX_MS	   1e9
#define NR_COLUMNS 12
#define HEADER	   "comm_type,comm_group,comm_group_size,msg_size,stage,"

enum {
	COL_TYPE,
	COL_GROUP,
	COL_SIZE,
	COL_BYTES,
	COL_STAGE,
	COL_DST,
	COL_SRC,
	COL_ADDITIONAL,
	COL_TIME,
	COL_COUNT = 11
};

struct name {
	const char *name;
	int value;
};

static const struct name kinds[] = {
	{ "all_reduce", COMM_ALL_REDUCE },
	{ "reduce_scatter", COMM_REDUCE_SCATTER },
	{ "all_gather", COMM_ALL_GATHER },
	{ "all_to_all", COMM_ALL_TO_ALL },
	{ "broadcast", COMM_BROADCAST },
	{ "isend", COMM_SEND },
	{ "irecv", COMM_RECV },
	{ "barrier", COMM_BARRIER },
	{ "reduce", COMM_REDUCE_SCATTER },
	{ "all_gather_into_tensor", COMM_ALL_GATHER },
	{ "reduce_scatter_tensor", COMM_REDUCE_SCATTER },
	{ NULL, -1 },
};

static const struct name groups[] = {
	{ "tp_group", GROUP_TP },
	{ "dp_group", GROUP_DP },
	{ "pp_group", GROUP_PP },
	{ "ep_group", GROUP_EP },
	{ "ep_dp_group", GROUP_EDP },
	{ "ep_tp_group", GROUP_TP },
	{ NULL, -1 },
};

struct parser {
	const char *file;
	struct dmsc_error *err;
	uint32_t line, room;
	uint32_t nr_stages, expert_data;
	uint32_t iterations; /* that ended, of the current stage */
	bool in_block, ended, in_iteration;
	struct workload w;
};

static int fail(struct parser *p, const char *field, const char *got, const char *expected)
{
	return dmsc_fail(p->err, -EINVAL, "%s:%u: %s: '%.60s', expected %s", p->file, p->line,
			 field, got, expected);
}

static int find(const struct name *names, const char *prefix, const char *s)
{
	size_t n = strlen(prefix);

	if (strncmp(s, prefix, n))
		return -1;
	for (; names->name; names++) {
		if (!strcmp(names->name, s + n))
			return names->value;
	}
	return -1;
}

static int parse_number(struct parser *p, const char *field, const char *s, uint64_t max,
			uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(s, &end, 10);
	if (isdigit((unsigned char)*s) && !*end && !errno && *out <= max)
		return 0;
	return dmsc_fail(p->err, -EINVAL,
			 "%s:%u: %s: '%.60s', expected a whole number, at most %llu", p->file,
			 p->line, field, s, (unsigned long long)max);
}

/* "[rank0 ~ rank127]" or "[ pp_stage3: [rank48, ...] ]" opens a stage. */
static int open_stage(struct parser *p, const char *line)
{
	const char *pp = strstr(line, "pp_stage"), *s;
	unsigned long stage = 0, last;
	char *end;

	if (p->in_block && !p->ended)
		return dmsc_fail(p->err, -EINVAL,
				 "%s:%u: stage %u: no CommType.epoch_end before the next stage",
				 p->file, p->line, p->nr_stages - 1);
	if (pp) {
		stage = strtoul(pp + 8, &end, 10);
		if (end == pp + 8 || *end != ':' || stage >= MAX_STAGES)
			return fail(p, "stage", line, "[ pp_stageN: [rank...] ]");
	}
	if (stage != p->nr_stages)
		return fail(p, "stage", line, "stages in order, each once");
	for (s = line; (s = strstr(s, "rank")); s += 4) {
		last = strtoul(s + 4, &end, 10);
		if (end == s + 4 || last >= 1000000)
			return fail(p, "ranks", line, "rank numbers below 1000000");
		if (last + 1 > p->w.world)
			p->w.world = last + 1;
	}
	if (!p->w.world)
		return fail(p, "ranks", line, "[rank0 ~ rankN] or [ pp_stageN: [rank...] ]");
	p->nr_stages++;
	p->in_block = true;
	p->ended = false;
	p->in_iteration = false;
	p->iterations = 0;
	return 0;
}

static int split(struct parser *p, char *line, char *col[NR_COLUMNS])
{
	char *s = line;
	int n = 0;

	for (;;) {
		if (n == NR_COLUMNS)
			return fail(p, "row", line, "12 columns");
		col[n++] = s;
		s = strchr(s, ',');
		if (!s)
			break;
		*s++ = '\0';
	}
	if (n != NR_COLUMNS)
		return fail(p, "row", line, "12 columns (is the file truncated?)");
	return 0;
}

/* Columns from the stage on, counted from the end: shapes before them hold commas. */
static int split_compute(struct parser *p, char *line, char *col[NR_COLUMNS])
{
	int n;

	for (n = NR_COLUMNS - 1; n >= COL_STAGE; n--) {
		char *comma = strrchr(line, ',');

		if (!comma)
			return fail(p, "row", line, "12 columns (is the file truncated?)");
		*comma = '\0';
		col[n] = comma + 1;
	}
	return 0;
}

static int check_group_size(struct parser *p, const struct workload_item *item, const char *text)
{
	uint32_t *known = item->group == GROUP_TP  ? &p->w.tensor :
			  item->group == GROUP_DP  ? &p->w.data :
			  item->group == GROUP_EP  ? &p->w.expert :
			  item->group == GROUP_EDP ? &p->expert_data :
						     NULL;

	if (!known)
		return 0;
	if (!item->group_size)
		return fail(p, "comm_group_size", text, "at least 1");
	if (*known && *known != item->group_size)
		return fail(p, "comm_group_size", text, "the size that the group had before");
	*known = item->group_size;
	return 0;
}

static int check_stage(struct parser *p, const char *stage)
{
	if (strncmp(stage, "forward", 7) && strncmp(stage, "backward", 8) &&
	    strncmp(stage, "step", 4))
		return fail(p, "stage", stage, "forward..., backward..., step... or init...");
	return 0;
}

/* Keeps @item when it belongs to the stage's first iteration. */
static int keep(struct parser *p, const struct workload_item *item)
{
	struct workload_item *grown;

	p->in_iteration = true;
	if (p->iterations)
		return 0;
	if (p->w.nr_items == p->room) {
		p->room = p->room ? 2 * p->room : 1024;
		grown = p->room <= 2 * MAX_ROWS ? realloc(p->w.items, p->room * sizeof(*grown)) :
						  NULL;
		if (!grown)
			return dmsc_fail(p->err, -ENOMEM, "%s:%u: row: too many rows", p->file,
					 p->line);
		p->w.items = grown;
	}
	p->w.items[p->w.nr_items++] = *item;
	return 0;
}

static void set_phase(struct workload_item *item, const char *stage)
{
	snprintf(item->phase, sizeof(item->phase), "%.*s", (int)strcspn(stage, "._"), stage);
}

/* A measured computation counts with its time; one without says nothing. */
static int add_compute(struct parser *p, char *line)
{
	struct workload_item item = { .kind = COMM_COMPUTE,
				      .stage = p->nr_stages - 1,
				      .line = p->line };
	char *col[NR_COLUMNS], *end;
	double ms;
	int ret;

	ret = split_compute(p, line, col);
	p->ended = false;
	if (ret || !strncmp(col[COL_STAGE], "init", 4) || !strcmp(col[COL_TIME], "None"))
		return ret;
	ret = check_stage(p, col[COL_STAGE]);
	if (ret)
		return ret;
	ms = strtod(col[COL_TIME], &end);
	if (end == col[COL_TIME] || *end || !(ms >= 0 && ms <= MAX_MS))
		return fail(p, "_elapsed_time", col[COL_TIME], "None or milliseconds, at most 10^9");
	item.bytes = ms * 1e6;
	set_phase(&item, col[COL_STAGE]);
	return keep(p, &item);
}

static int add_row(struct parser *p, char *line)
{
	struct workload_item item = { .stage = p->nr_stages - 1, .line = p->line };
	char *col[NR_COLUMNS];
	uint64_t v;
	int ret, kind, group;

	if (!p->in_block)
		return fail(p, "row", line, "[rank0 ~ rankN] first");
	if (!strncmp(line, "CommType.computation,", 21))
		return add_compute(p, line);
	ret = split(p, line, col);
	if (ret)
		return ret;
	if (!strcmp(col[COL_TYPE], "CommType.epoch_end")) {
		p->ended = true;
		p->iterations += p->in_iteration;
		p->in_iteration = false;
		if (p->iterations > p->w.iterations)
			p->w.iterations = p->iterations;
		return 0;
	}
	kind = find(kinds, "CommType.", col[COL_TYPE]);
	if (kind < 0)
		return fail(p, "comm_type", col[COL_TYPE], "a CommType that is known");
	ret = parse_number(p, "msg_size", col[COL_BYTES], MAX_BYTES, &v);
	if (ret)
		return ret;
	p->ended = false;
	if (!strncmp(col[COL_STAGE], "init", 4) || kind == COMM_BARRIER || !v)
		return 0;
	group = find(groups, "CommGroup.", col[COL_GROUP]);
	if (group < 0)
		return fail(p, "comm_group", col[COL_GROUP],
			    "tp_group, dp_group, pp_group, ep_group, ep_dp_group or ep_tp_group");
	if ((group == GROUP_PP) != (kind == COMM_SEND || kind == COMM_RECV))
		return fail(p, "comm_group", col[COL_GROUP],
			    "pp_group for isend and irecv, another else");
	if (strcmp(col[COL_COUNT], "1"))
		return fail(p, "count", col[COL_COUNT], "1");
	item.kind = kind;
	item.group = group;
	item.bytes = v;
	set_phase(&item, col[COL_STAGE]);
	ret = check_stage(p, col[COL_STAGE]);
	if (!ret)
		ret = parse_number(p, "comm_group_size", col[COL_SIZE], 1000000, &v);
	item.group_size = v;
	if (!ret)
		ret = check_group_size(p, &item, col[COL_SIZE]);
	if (!ret && group == GROUP_PP) {
		item.to_next = strstr(col[COL_ADDITIONAL], "_next");
		if (!item.to_next && !strstr(col[COL_ADDITIONAL], "_prev"))
			ret = fail(p, "additional", col[COL_ADDITIONAL],
				   "send_next, send_prev, recv_next or recv_prev");
	}
	return ret ? ret : keep(p, &item);
}

static int parse_line(struct parser *p, char *line)
{
	if (!*line)
		return 0;
	if (*line == '[')
		return open_stage(p, line);
	if (!strncmp(line, HEADER, strlen(HEADER)))
		return 0;
	return add_row(p, line);
}

static int finish(struct parser *p)
{
	uint32_t ranks;

	if (!p->in_block)
		return fail(p, "file", "", "an AICB workload: [rank0 ~ rankN]");
	if (!p->ended)
		return dmsc_fail(p->err, -EINVAL,
				 "%s:%u: file: ends without CommType.epoch_end, expected it as the last row (truncated?)",
				 p->file, p->line);
	if (!p->w.nr_items)
		return fail(p, "file", "", "at least one collective of an iteration");
	p->w.pipeline = p->nr_stages;
	if (!p->w.tensor)
		p->w.tensor = 1;
	if (!p->w.expert)
		p->w.expert = 1;
	ranks = p->w.world / p->nr_stages;
	if (!p->w.data)
		p->w.data = ranks / p->w.tensor ? ranks / p->w.tensor : 1;
	if ((uint64_t)p->w.tensor * p->w.data * p->w.pipeline != p->w.world)
		return dmsc_fail(p->err, -EINVAL,
				 "%s:1: ranks: %u, expected tensor %u x data %u x pipeline %u",
				 p->file, p->w.world, p->w.tensor, p->w.data, p->w.pipeline);
	if (p->w.data % p->w.expert ||
	    (p->expert_data && p->expert_data * (uint64_t)p->w.expert != p->w.data))
		return dmsc_fail(p->err, -EINVAL,
				 "%s:1: ranks: expert groups of %u, expected that they (times ep_dp_group) fill data %u",
				 p->file, p->w.expert, p->w.data);
	return 0;
}

int workload_read_aicb(const char *file, struct workload *out, struct dmsc_error *err)
{
	struct parser p = { .file = file, .err = err, .w = { .source = "aicb" } };
	size_t room = 0;
	char *line = NULL;
	struct stat st;
	ssize_t n;
	FILE *in;
	int ret = 0;

	in = fopen(file, "re");
	if (!in)
		return dmsc_fail(err, -errno, "%s: %s", file, strerror(errno));
	if (fstat(fileno(in), &st) < 0 || !S_ISREG(st.st_mode)) {
		fclose(in);
		return dmsc_fail(err, -EINVAL, "%s: is not a file", file);
	}
	if (st.st_size > MAX_FILE) {
		fclose(in);
		return dmsc_fail(err, -EINVAL, "%s:1: file: %lld bytes, expected at most %lld",
				 file, (long long)st.st_size, MAX_FILE);
	}
	snprintf(p.w.file, sizeof(p.w.file), "%s", file);
	while (!ret && (n = getline(&line, &room, in)) >= 0) {
		p.line++;
		if (memchr(line, '\0', n)) {
			ret = fail(&p, "row", "", "text, no binary data");
			break;
		}
		while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			line[--n] = '\0';
		ret = parse_line(&p, line);
	}
	if (!ret && ferror(in))
		ret = dmsc_fail(err, -EIO, "%s: cannot be read", file);
	if (!ret)
		ret = finish(&p);
	free(line);
	fclose(in);
	if (ret)
		workload_free(&p.w);
	else
		*out = p.w;
	return ret;
}
