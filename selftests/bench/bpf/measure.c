// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Running the cases. They take turns, so that what else the machine does hits
 * all of them alike, and the median of the turns counts.
 *
 * A case that runs through a driver (floor.bpf.c) is measured together with it.
 * In the same turn the driver runs with the empty program, and with one that
 * only moves the packet's start: what the former takes more than the empty
 * program alone, and half of what the latter takes more than the former (moving
 * there, and moving back, are the same call), is the driver's and taken off.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

#include "bench.h"

#define RUNS 1000000U

#define DRIVER_XDP  "driver, XDP"
#define DRIVER_TC   "driver, tc"
#define DRIVER_GROW "driver, XDP, packet moved"
#define EMPTY_XDP   "empty XDP"
#define EMPTY_TC    BENCH_EMPTY_TC

void bench_die(const char *fmt, ...)
{
	va_list ap;

	fputs("bench-bpf: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

struct bench_case *bench_add(struct bench *b, const char *name, ...)
{
	struct bench_case *c;
	va_list ap;

	if (b->nr_cases == BENCH_CASES)
		bench_die("more than %d cases", BENCH_CASES);
	c = &b->cases[b->nr_cases++];
	va_start(ap, name);
	vsnprintf(c->name, sizeof(c->name), name, ap);
	va_end(ap);
	c->metric = "cpu";
	c->unit = "ns";
	c->verdict = -1;
	return c;
}

struct bench_case *bench_find(struct bench *b, const char *name)
{
	size_t i;

	for (i = 0; i < b->nr_cases; i++) {
		if (!strcmp(b->cases[i].name, name))
			return &b->cases[i];
	}
	return NULL;
}

uint64_t bench_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* @runs of @prog on the case's frame; answers the CPU time of one. */
static double run(struct bench_case *c, int prog, uint32_t runs)
{
	struct __sk_buff skb = { .ifindex = c->ifindex ?: 1 };
	uint8_t out[512];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = c->frame->b, .data_size_in = c->frame->len,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = runs);
	uint64_t start;
	int ret;

	if (c->hook == BENCH_TC) {
		opts.ctx_in = &skb;
		opts.ctx_size_in = sizeof(skb);
	}
	start = bench_cpu_ns();
	ret = bpf_prog_test_run_opts(prog, &opts);
	if (ret)
		bench_die("%s: %s", c->name, strerror(-ret));
	if (c->verdict >= 0 && (int)opts.retval != c->verdict)
		bench_die("%s: verdict %d, expected %d", c->name, (int)opts.retval, c->verdict);
	return (double)(bench_cpu_ns() - start) / runs;
}

double measure_direct(struct bench_case *c)
{
	return run(c, c->prog, RUNS);
}

static void stream_set(const struct bench_case *c)
{
	struct floor_stream *s = floor_stream();
	int i;

	s->at = 0;
	s->mask = c->flows - 1;
	s->len = c->frame->len;
	s->ipv6 = c->frame->ipv6;
	memcpy(s->head, c->frame->b, sizeof(s->head));
	s->sum = 0;
	for (i = 14; i < 34; i += 2) {
		if (i < FLOOR_CHECK4 || i >= FLOOR_SADDR4 + 4)
			s->sum += s->head[i] << 8 | s->head[i + 1];
	}
	floor_target(c->hook, c->prog);
}

double measure_packets(struct bench_case *c)
{
	stream_set(c);
	return run(c, floor_driver(c->hook), RUNS);
}

void bench_warm(struct bench_case *c, uint32_t packets)
{
	stream_set(c);
	run(c, floor_driver(c->hook), packets);
}

struct bench_case *bench_add_packets(struct bench *b, const char *name, int prog,
				     enum bench_hook hook, const struct bench_frame *frame,
				     uint32_t flows)
{
	struct bench_case *c;

	if (flows == 1)
		c = bench_add(b, "%s", name);
	else
		c = bench_add(b, "%s, %uK flows", name, flows / 1024);
	c->measure = measure_packets;
	c->net = true;
	c->prog = prog;
	c->hook = hook;
	c->frame = frame;
	c->flows = flows;
	return c;
}

static void take_off_driver(struct bench *b)
{
	const struct bench_case *empty[] = { bench_find(b, EMPTY_XDP), bench_find(b, EMPTY_TC) };
	const struct bench_case *drive[] = { bench_find(b, DRIVER_XDP), bench_find(b, DRIVER_TC) };
	const struct bench_case *grow = bench_find(b, DRIVER_GROW);
	size_t i;
	int r;

	for (i = 0; i < b->nr_cases; i++) {
		struct bench_case *c = &b->cases[i];

		for (r = 0; c->net && r < BENCH_REPEATS; r++) {
			c->value[r] -= drive[c->hook]->value[r] - empty[c->hook]->value[r];
			if (c->grows)
				c->value[r] -= (grow->value[r] - drive[BENCH_XDP]->value[r]) / 2;
		}
	}
}

/* Whether one of the words that were asked for is part of the case's name. */
static bool wanted(const struct bench_case *c, const char *words)
{
	size_t len;

	for (words += strspn(words, " "); *words; words += len + strspn(words + len, " ")) {
		len = strcspn(words, " ");
		if (memmem(c->name, strlen(c->name), words, len))
			return true;
	}
	return false;
}

/* What others are compared with, or taken off from. */
static bool needed(const struct bench_case *c)
{
	static const char *const names[] = { BENCH_FLOOR, EMPTY_XDP, EMPTY_TC,
					     DRIVER_XDP,  DRIVER_TC, DRIVER_GROW };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(c->name, names[i]))
			return true;
	}
	return false;
}

static bool with_wanted(const struct bench *b, const struct bench_case *c, const char *words)
{
	size_t i;

	for (i = 0; c->with && i < b->nr_cases; i++) {
		if (b->cases[i].with && !strcmp(b->cases[i].with, c->with) &&
		    wanted(&b->cases[i], words))
			return true;
	}
	return false;
}

void bench_select(struct bench *b, const char *words)
{
	size_t i;

	for (i = 0; words && *words && i < b->nr_cases; i++) {
		const struct bench_case *c = &b->cases[i];

		b->cases[i].skipped = !wanted(c, words) && !needed(c) && !with_wanted(b, c, words);
	}
}

void bench_run(struct bench *b)
{
	size_t i;
	int r;

	for (r = 0; r < BENCH_REPEATS; r++) {
		for (i = 0; i < b->nr_cases; i++) {
			struct bench_case *c = &b->cases[i];

			if (c->skipped)
				continue;
			if (c->prepare)
				c->prepare(c);
			if (c->measure)
				c->value[r] = c->measure(c);
		}
		fprintf(stderr, "bench-bpf: turn %d of %d\n", r + 1, BENCH_REPEATS);
	}
	take_off_driver(b);
	for (i = 0; i < b->nr_cases; i++) {
		for (r = 0; b->cases[i].derive && r < BENCH_REPEATS; r++)
			b->cases[i].value[r] = b->cases[i].derive(b, r);
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void sorted(const struct bench_case *c, double out[BENCH_REPEATS])
{
	memcpy(out, c->value, sizeof(c->value));
	qsort(out, BENCH_REPEATS, sizeof(*out), compare);
}

double bench_median(const struct bench_case *c)
{
	double v[BENCH_REPEATS];

	sorted(c, v);
	return v[BENCH_REPEATS / 2];
}

double bench_min(const struct bench_case *c)
{
	double v[BENCH_REPEATS];

	sorted(c, v);
	return v[0];
}

double bench_max(const struct bench_case *c)
{
	double v[BENCH_REPEATS];

	sorted(c, v);
	return v[BENCH_REPEATS - 1];
}
