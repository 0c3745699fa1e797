/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The service router of one host: which services there are (struct router_spec, a
 * YAML file), and the BPF maps and hooks that turn a service's address into an
 * instance's when a socket connects or sends. It is part of the data path, whose
 * maps and links are pinned; no daemon is needed.
 */
#ifndef DMSC_LIB_ROUTER_H
#define DMSC_LIB_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/dmsc_router.h>

#include "lib/error.h"
#include "lib/model.h"

#define ROUTER_INSTANCES_MAX 1024 /* of one service */
#define ROUTER_PRIORITY_MAX  7
#define ROUTER_SPILL_MAX     1000000000U
#define ROUTER_TABLE_DEFAULT 4099U /* 40 positions for each of a hundred instances */

enum router_state {
	ROUTER_ACTIVE,
	ROUTER_DRAINING, /* keeps what it has, gets nothing new */
	ROUTER_DOWN,	 /* UDP sockets that it has are ended, TCP is counted */
	ROUTER_NR_STATES,
};

extern const char *const router_state_name[ROUTER_NR_STATES];
extern const char *const router_distance_name[DMSC_RT_FAR + 1];
extern const char *const router_method_name[2]; /* enum dmsc_rt_method */

struct router_instance {
	char name[64];
	char host[64]; /* where it runs; "" unknown */
	struct dmsc_addr addr;
	uint16_t port;	 /* host order */
	uint32_t weight; /* 0 to MAGLEV_WEIGHT_MAX; 0: gets nothing new */
	uint8_t priority;
	enum dmsc_rt_distance distance; /* from this host */
	enum router_state state;
	uint32_t line; /* in the file; 0: from elsewhere */
};

struct router_service {
	char name[64];
	struct dmsc_addr addr;
	uint16_t port; /* host order */
	uint8_t proto; /* IPPROTO_TCP, IPPROTO_UDP */
	enum dmsc_rt_method method;
	bool by_client; /* an instance for each client, not for each socket */
	uint32_t spill; /* outstanding connections of an instance; 0: distance is no matter */
	uint32_t table; /* positions of a Maglev table, a prime */
	struct router_instance *instances;
	size_t nr_instances;
	uint32_t line;
};

struct router_spec {
	uint64_t seed; /* the same on all hosts */
	struct router_service *services;
	size_t nr_services;
};

/**
 * router_spec_read - a file (dmsc-router(5)), checked whole
 * @host: this host's name in plan and topology
 *
 * To be freed by router_spec_free(). On error there is nothing to free.
 */
int router_spec_read(struct router_spec *s, const char *file, const char *host,
		     struct dmsc_error *err);
void router_spec_free(struct router_spec *s);

/**
 * router_place - how far each instance is from host @host
 * @topo: the cluster, or NULL: then only the host itself is told from others
 *
 * An instance is on the host that it names, else on that whose loopback or rail
 * has its address. -EINVAL for a host that the cluster has not; the message begins
 * with the service's and the instance's place, and *line is the instance's, or 0
 * when it is about @host.
 */
int router_place(struct router_spec *s, const struct topology *topo, const char *host,
		 uint32_t *line, struct dmsc_error *err);

struct router; /* at work */

struct router_config {
	const char *pin_dir; /* of the data path; NULL for DMSC_PIN_DIR */
	const char *cgroup;  /* whose processes are served; as dmscd has it */
};

/**
 * router_open - take up the router that is at work
 * @create: load the data path where it is not there yet, and bring its programs
 *	to this release; else -ENOENT where no router is at work
 *
 * Keeps others from changing it until router_close(). -EBUSY when the data path is
 * attached to another cgroup than @cfg names, -EPROTO for another DMSC_RT_ABI.
 */
int router_open(struct router **r, const struct router_config *cfg, bool create,
		struct dmsc_error *err);
void router_close(struct router *r);

/**
 * router_program - make @s the generation in force
 *
 * All of it is checked before anything is written; on an error the old generation
 * stays. An instance that is not named any more keeps its number as long as
 * sockets hold it. Returns the new generation (> 0) or a negative errno.
 */
int router_program(struct router *r, const struct router_spec *s, struct dmsc_error *err);

struct router_ended {
	unsigned int ended; /* UDP sockets whose instance is gone: they got ECONNABORTED */
	unsigned int left;  /* those that could not be ended */
	char why[128];	    /* the first reason; "" when none is left */
};

/**
 * router_end_sockets - end connected UDP sockets whose instance is down or not named
 *
 * In this network namespace and those of all processes. Never fails: *out says
 * what is left.
 */
void router_end_sockets(struct router *r, struct router_ended *out);

/** router_off - addresses are left alone from now on; no error when they were already */
int router_off(const struct router_config *cfg, struct dmsc_error *err);

/* ---- what is in force ---- */

struct router_instance_status {
	struct dmsc_rt_instance inst;
	struct dmsc_rt_load load;
	uint32_t share; /* of the ring's or the members' positions of its level, 1/10000 */
	uint16_t number;
	int8_t level; /* 0 nearest; -1: takes nothing new */
};

struct router_service_status {
	struct dmsc_rt_service_key key;
	struct dmsc_rt_service service; /* key.port 0: not named any more */
	struct dmsc_rt_counts counts;
	struct router_instance_status *instances;
	size_t nr_instances;
};

struct router_status {
	uint32_t generation;
	uint32_t flows; /* connected UDP sockets */
	struct router_service_status *services;
	size_t nr_services;
};

int router_status(struct router *r, struct router_status *st, struct dmsc_error *err);
void router_status_free(struct router_status *st);

/**
 * router_find - the service whose address this is, of the generation in force
 * @pin_dir: as in struct router_config
 * @port: network byte order
 *
 * Looks only and waits for nobody. False when it is none, or no router is at work.
 */
bool router_find(const char *pin_dir, const struct dmsc_addr *addr, __be16 port, uint8_t proto,
		 struct dmsc_rt_service *out);

/* The state that flags of dmsc_rt_instance stand for; "removed" for those of none. */
const char *router_state_of(const struct dmsc_rt_instance *i, uint32_t side);

/* The counters' names as users see them, by enum dmsc_rt_count. */
extern const char *const router_count_name[DMSC_RT_NR_COUNTS];

/**
 * router_spec_current - what is in force, as a specification to be changed
 *
 * Instances that only linger are not in it. To be freed by router_spec_free().
 */
int router_spec_current(struct router *r, struct router_spec *s, struct dmsc_error *err);

#endif /* DMSC_LIB_ROUTER_H */
