/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The BPF data plane of one host: load, pin, attach, program one generation,
 * read the counters, take it away. The only code that calls libbpf.
 */
#ifndef DMSC_LIB_DATAPLANE_H
#define DMSC_LIB_DATAPLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/dmsc_bpf.h>

#include "lib/error.h"

struct dataplane;

struct dataplane_config {
	const char *pin_dir; /* on a bpffs; default DMSC_PIN_DIR */
	const char *cgroup;  /* directory whose processes are ours */
	bool upgrade;	     /* take over from the version before, with the next generation */
};

/* A generation, as whole tables; keys carry side 0, the loader sets it. */
struct dataplane_tables {
	uint32_t flags; /* DMSC_CTL_* */
	struct dmsc_profile profile;
	const struct dmsc_instance_key *instance_keys;
	const struct dmsc_instance *instances;
	size_t nr_instances;
	const struct dmsc_endpoint_key *endpoint_keys;
	const struct dmsc_endpoint *endpoints; /* stats: 0 */
	size_t nr_endpoints;
	const struct dmsc_group_key *group_keys;
	const struct dmsc_group *groups;
	size_t nr_groups;
	const struct dmsc_peer_key *peer_keys;
	const struct dmsc_peer *peers;
	size_t nr_peers;
	const struct dmsc_flow_key *flow_keys;
	const struct dmsc_flow *flows; /* tos, stats: 0 */
	size_t nr_flows;
	const struct dmsc_rule_key *rule_keys;
	const struct dmsc_rule *rules;
	size_t nr_rules;
	const struct dmsc_rule_rate *rates; /* a rule's rate is its place here; [0] is unused; due: 0 */
	size_t nr_rates;
	const struct dmsc_path *paths; /* paths[0] is unused (DMSC_PATH_NONE); counter: 0 */
	size_t nr_paths;
	const struct dmsc_set *sets;
	size_t nr_sets;
	const struct dmsc_encap *encaps; /* a path's encap is its place here; [0] is unused */
	size_t nr_encaps;
};

/**
 * dataplane_open - load the programs, or take up the pinned ones
 *
 * Idempotent: a second open (a daemon started again) reuses the pinned maps
 * with their contents and replaces the programs; traffic goes on. Fails with
 * -EPROTO when what is pinned has another DMSC_ABI.
 *
 * With @cfg->upgrade that of the version before (DMSC_ABI - 1) will do, whatever its maps' layouts:
 * it stays at work until dataplane_program(), which makes the new generation that of new programs
 * in the same hooks. Until then there is no generation here, and interfaces are only noted.
 */
int dataplane_open(struct dataplane **dp, const struct dataplane_config *cfg,
		   struct dmsc_error *err);

/** dataplane_upgrades - is it still the version before that is at work? */
bool dataplane_upgrades(const struct dataplane *dp);

/**
 * dataplane_trust - the interfaces of which the DSCP of what they bring is believed
 * @n: at most DMSC_MAX_TRUSTED
 *
 * They are looked at in generations with DMSC_CTL_TRUST.
 */
int dataplane_trust(struct dataplane *dp, const uint32_t *ifindexes, size_t n,
		    struct dmsc_error *err);

/** dataplane_attach - tc egress and ingress on an interface (tcx, else clsact) */
int dataplane_attach(struct dataplane *dp, const char *ifname, struct dmsc_error *err);

/**
 * dataplane_program - make @t the generation in force
 *
 * Sizes are checked and the other side is filled completely before the one
 * store that flips; on any error the old generation stays in force.
 * Returns the new generation (> 0) or a negative errno.
 */
int dataplane_program(struct dataplane *dp, const struct dataplane_tables *t,
		      struct dmsc_error *err);

/** dataplane_set_path - change flags of one path of the generation in force (link down, up) */
int dataplane_set_path(struct dataplane *dp, uint32_t path, uint8_t flags, struct dmsc_error *err);

struct dataplane_bin {
	uint64_t number; /* of the millisecond, CLOCK_MONOTONIC */
	uint64_t bytes[DMSC_NR_CLASSES];
};

/** dataplane_bin_now - the number of the millisecond that is running */
uint64_t dataplane_bin_now(void);

/**
 * dataplane_bins - bytes sent in each class, millisecond by millisecond
 * @from, @to: numbers of the first and the last; the last DMSC_BINS of them are there
 *
 * In order, without those that had no traffic; *out is to be freed by the caller. The one
 * that is running is still growing.
 */
int dataplane_bins(struct dataplane *dp, uint64_t from, uint64_t to, struct dataplane_bin **out,
		   size_t *n, struct dmsc_error *err);

int dataplane_ctl(struct dataplane *dp, struct dmsc_ctl *ctl);

struct dataplane_counter {
	struct dmsc_stats_key key;
	struct dmsc_stats sum; /* over all CPUs */
};

/**
 * dataplane_counters - all counters that are not 0; *out is to be freed by the caller
 *
 * Of one SID, class and direction there is one for each next hop (key.path) that was taken.
 */
int dataplane_counters(struct dataplane *dp, struct dataplane_counter **out, size_t *n,
		       struct dmsc_error *err);

/** dataplane_stats_add - adds @more to @sum */
void dataplane_stats_add(struct dmsc_stats *sum, const struct dmsc_stats *more);

/** dataplane_path_number - of the next hop of path @path of the generation in force; 0: none */
uint16_t dataplane_path_number(const struct dataplane *dp, uint32_t path);

/** dataplane_path_stats - what the next hop of that number has carried, by those @n counters */
void dataplane_path_stats(const struct dataplane_counter *list, size_t n, uint16_t number,
			  struct dmsc_stats *out);

/** dataplane_denials - what policy denied or reported so far, over all CPUs */
int dataplane_denials(struct dataplane *dp, struct dmsc_denial out[DMSC_NR_HOOKS][DMSC_NR_REASONS],
		      struct dmsc_error *err);

/** dataplane_exceeded - what was dropped so far as more than rules' rates, over all CPUs */
int dataplane_exceeded(struct dataplane *dp, struct dmsc_denial out[DMSC_NR_HOOKS],
		       struct dmsc_error *err);

/** dataplane_trace - sample packets into the events, or no more */
void dataplane_trace(struct dataplane *dp, bool on);

/**
 * dataplane_events_fd, dataplane_events - sampled denials and packets
 *
 * The descriptor can be polled for input; dataplane_events() then hands all that
 * is there to @fn. One reader only. A negative errno on failure.
 */
int dataplane_events_fd(struct dataplane *dp, struct dmsc_error *err);
int dataplane_events(struct dataplane *dp, void (*fn)(const struct dmsc_sample *ev, void *arg),
		     void *arg);

/** dataplane_close - forget; programs, maps and links stay pinned and at work */
void dataplane_close(struct dataplane *dp);

/** dataplane_flush - detach and unpin everything under the pin directory */
int dataplane_flush(const struct dataplane_config *cfg, struct dmsc_error *err);

/** dataplane_method - "tcx" or "clsact": how programs are attached here */
const char *dataplane_method(const struct dataplane *dp);

#endif /* DMSC_LIB_DATAPLANE_H */
