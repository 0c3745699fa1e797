/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The benchmark of the BPF data plane: cases, what measures them, what is
 * reported. All times are CPU time of the measuring thread in nanoseconds.
 */
#ifndef DMSC_BENCH_BPF_H
#define DMSC_BENCH_BPF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "floor.h"

#define BENCH_REPEATS  5
#define BENCH_CASES    64
#define BENCH_FLOOR    "floor: parse, 20-byte hash, 40-byte LRU"
#define BENCH_EMPTY_TC "empty tc"

enum bench_hook {
	BENCH_XDP,
	BENCH_TC,
};

/* What a case's aim is a multiple of, or is added to. */
enum bench_aim {
	AIM_NONE,
	AIM_FLOOR,	    /* at most aim times the floor */
	AIM_EMPTY_TC_FLOOR, /* at most the empty tc program plus aim times the floor */
	AIM_OVER_PEER,	    /* at most aim more than the case named by peer */
	AIM_ABSOLUTE,	    /* at most aim, in the case's unit */
};

struct bench_frame {
	uint8_t b[128];
	uint32_t len;
	bool ipv6;
};

struct bench;

struct bench_case {
	char name[64];
	const char *metric; /* "cpu" for a packet, ... */
	const char *unit;
	enum bench_aim aim_kind;
	double aim;
	const char *peer; /* name of another case, for AIM_OVER_PEER */

	/* One measurement; anything the case keeps is in the fields below. */
	double (*measure)(struct bench_case *c);
	void (*prepare)(struct bench_case *c); /* before each measurement; may be NULL */

	/* Or what it is, of other cases' measurements in turn @turn. */
	double (*derive)(struct bench *b, int turn);

	/* For packet cases (measure_packets, measure_direct). */
	int prog;
	enum bench_hook hook;
	int ifindex; /* the packet's device, 0: loopback */
	const struct bench_frame *frame;
	uint32_t flows; /* a power of two */
	bool grows;	/* the program moves the packet's start */
	bool net;	/* through a driver, whose cost is to be taken off */
	int verdict;	/* what the program must answer, -1: anything */

	void *arg;
	const char *with; /* cases of one such name are measured in turns, or none of them */
	bool skipped;	  /* not among those asked for */
	double value[BENCH_REPEATS];
};

struct bench {
	struct bench_case cases[BENCH_CASES];
	size_t nr_cases;
};

/* Adds a case that the caller goes on to fill. */
struct bench_case *bench_add(struct bench *b, const char *name, ...)
	__attribute__((format(printf, 2, 3)));
struct bench_case *bench_find(struct bench *b, const char *name);

double bench_median(const struct bench_case *c);
double bench_min(const struct bench_case *c);
double bench_max(const struct bench_case *c);

/* Prints "why" and ends the benchmark: a figure of a wrong run is worth nothing. */
void bench_die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* ---- measure.c ---- */

uint64_t bench_cpu_ns(void); /* of this thread */

/* The program alone, on the case's frame as it is. */
double measure_direct(struct bench_case *c);
/* Through the driver of its hook, over the case's flows; still with the driver's cost. */
double measure_packets(struct bench_case *c);

/* Only the cases whose names have one of @words (by spaces; NULL, "": all), and their bases. */
void bench_select(struct bench *b, const char *words);

/* All cases, one after the other, BENCH_REPEATS times; then takes off the drivers' cost. */
void bench_run(struct bench *b);

/* A packet case: its frame runs through @prog at @hook. */
struct bench_case *bench_add_packets(struct bench *b, const char *name, int prog,
				     enum bench_hook hook, const struct bench_frame *frame,
				     uint32_t flows);

/* Runs @prog once for each flow, in the drivers' order: fills its tables. */
void bench_warm(struct bench_case *c, uint32_t packets);

extern const struct bench_frame bench_tcp4, bench_tcp6;

/* ---- floor.c: the floors, and the drivers ---- */

void floor_cases(struct bench *b);
int floor_driver(enum bench_hook hook);
int floor_empty_tc(void);
void floor_target(enum bench_hook hook, int prog);
struct floor_stream *floor_stream(void);
void floor_close(void);

/* ---- dataplane.c, veth.c: programs and tables of the data plane ---- */

struct dataplane_config;

void dataplane_cases(struct bench *b, const struct dataplane_config *cfg);
void dataplane_cases_end(void);
void veth_cases(struct bench *b, int egress);
void veth_end(void);

/* This process belongs to @cgroup from now on, and the sockets that it makes. */
void bench_enter(const char *cgroup);

/* ---- connect.c: services' addresses; after dataplane_cases() ---- */

struct router_config;

/* @other_cgroup: one that no program is attached to. */
void connect_cases(struct bench *b, const struct router_config *cfg, const char *other_cgroup);
void connect_cases_end(void);

/* ---- gateway.c ---- */

void gateway_cases(struct bench *b, const char *pin_dir);
void gateway_cases_end(void);

/* ---- report.c ---- */

void bench_report(struct bench *b, const char *json);

#endif /* DMSC_BENCH_BPF_H */
