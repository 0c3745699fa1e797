/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A report as the page needs it: checked, indexes within range, "not measured"
 * as NAN. Times are emulated nanoseconds, rates bit/s, sizes bytes. Strings
 * belong to the JSON document, which lives as long as the struct.
 */
#ifndef DMSC_EMULATOR_REPORT_DATA_H
#define DMSC_EMULATOR_REPORT_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/error.h"
#include "lib/model.h"

#define REPORT_MAX_SETUPS 4

struct report_node {
	const char *name;
	enum node_kind kind;
	uint32_t gpus;
};

struct report_link {
	uint32_t a, b; /* nodes */
	const char *if_a, *if_b;
	double rate;
};

struct report_path {
	uint32_t src, dst;	       /* hosts */
	uint32_t link;		       /* by which the source sends */
	double bytes[DMSC_NR_CLASSES]; /* of one iteration */
	json_t *edges;
};

struct report_class {
	int dscp; /* -1: not said */
	const char *band;
	double weight;
};

struct report_iteration {
	double time, retransmits, host_drops, fabric_drops, bulk_goodput, cpu_idle;
};

struct report_completion {
	bool present;
	double messages, p50, p99, max;
};

struct report_record {
	uint8_t class;
	uint32_t src, dst; /* instances */
	double start, end;
};

struct report_setup {
	const char *name, *title, *description;
	struct report_iteration *iterations;
	uint32_t nr_iterations;
	double median, p95, min, max;
	double retransmits, host_drops, fabric_drops, bulk_goodput, cpu_idle, cpu_daemons;
	struct report_completion between[DMSC_NR_CLASSES]; /* hosts */
	struct report_completion local[DMSC_NR_CLASSES];
	double *utilisation; /* by directed edge, 0..1 */
	double timeline_time;
	uint32_t timeline_iteration;
	bool truncated;
	struct report_record *records;
	uint32_t nr_records;
};

struct report {
	json_t *root;
	const char *version, *date, *kernel, *machine, *command, *job, *source;
	const char *file_job, *file_topology, *file_workload; /* NULL: none */
	double scale_rate, scale_bytes, scale_time, link_rate_real, critical_path;
	double planned_real_bytes; /* of all messages of an iteration, as sent; NAN unknown */
	uint32_t iterations;
	struct report_class classes[DMSC_NR_CLASSES];
	struct report_node *nodes;
	uint32_t nr_nodes;
	struct report_link *links;
	uint32_t nr_links;
	uint32_t *host_node; /* by host */
	uint32_t nr_hosts;
	uint32_t *instance_host; /* by instance */
	uint32_t nr_instances;
	struct report_path *paths;
	uint32_t nr_paths;
	double *planned[DMSC_NR_CLASSES]; /* bytes an iteration on each directed edge */
	struct report_setup setups[REPORT_MAX_SETUPS];
	uint32_t nr_setups;
	json_t *notes, *warnings; /* arrays, NULL none */
};

/**
 * report_load - read and check a report
 *
 * -EINVAL with the file and the line or the field that is wrong.
 */
int report_load(struct report *r, const char *file, struct dmsc_error *err);
void report_free(struct report *r);

/* Name of a host, by its index. */
static inline const char *report_host(const struct report *r, uint32_t host)
{
	return r->nodes[r->host_node[host]].name;
}

/** report_find_setup - NULL: it did not run */
const struct report_setup *report_find_setup(const struct report *r, const char *name);

/* Order of classes on the page: the most important first. */
extern const uint8_t report_class_order[DMSC_NR_CLASSES];

#endif /* DMSC_EMULATOR_REPORT_DATA_H */
