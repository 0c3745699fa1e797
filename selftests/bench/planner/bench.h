/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Benchmarks of the planner. A file of this folder registers a group with
 * BENCH(name); the program runs all groups, or those named on its command
 * line, and writes one table and one JSON file (doc/benchmarks.md). Nothing
 * here decides anything: an aim that is missed is shown, not failed.
 */
#ifndef DMSC_SELFTESTS_BENCH_H
#define DMSC_SELFTESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A group: its function calls bench_report() for each result. */
struct bench_group {
	const char *name;
	void (*run)(void);
	struct bench_group *next;
};

void bench_register(struct bench_group *group);

#define BENCH(NAME)                                                               \
	static void bench_run_##NAME(void);                                       \
	static void __attribute__((constructor)) bench_add_##NAME(void)           \
	{                                                                         \
		static struct bench_group group = { #NAME, bench_run_##NAME, 0 }; \
                                                                                  \
		bench_register(&group);                                           \
	}                                                                         \
	static void bench_run_##NAME(void)

/* Most repeats of one measurement that bench_report() takes. */
#define BENCH_REPEATS 64

/**
 * bench_report - one line of the table
 * @what: the case, such as "fat-tree, 1024 hosts, rings"
 * @metric: what was measured, such as "time" or "worst load / bound"
 * @unit: "ms", "%", "" for a ratio
 * @values: the repeats, @n of them (1 to BENCH_REPEATS); the median is the result
 * @aim: as text ("<= 5 ms"), or NULL when there is none
 * @met: whether the median meets it
 */
void bench_report(const char *what, const char *metric, const char *unit, const double *values,
		  size_t n, const char *aim, bool met);

/* Another system's median in the same run, for the line that was reported last. */
void bench_peer(const char *name, double median);

double bench_median(const double *values, size_t n);

/*
 * Processor time of this thread, ms. The planner computes in one thread without input or
 * output, so this is what the clock on the wall shows where nothing else runs.
 */
double bench_ms(void);

/* The next number of a fixed sequence; the same for the same start of *@state (not 0). */
uint64_t bench_random(uint64_t *state);

/* DMSC_DATA or its default; NULL (and a line that says so) when the folder is absent. */
const char *bench_data(const char *folder, char *path, size_t size);

#endif /* DMSC_SELFTESTS_BENCH_H */
