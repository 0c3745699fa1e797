/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The layer 4 gateway of one host: what it is to do (struct gateway_spec, a YAML
 * file), and the BPF maps and programs that do it. No daemon is needed: maps and
 * links are pinned, and every call finds there what earlier ones left.
 */
#ifndef DMSC_LIB_GATEWAY_H
#define DMSC_LIB_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/dmsc_gateway.h>

#include "lib/error.h"

#define GATEWAY_DEVICES_MAX   16
#define GATEWAY_INSTANCES_MAX 1024 /* of one service */

enum gateway_mode {
	GATEWAY_AUTO,	 /* XDP in the driver, else generic XDP, else tc */
	GATEWAY_XDP,	 /* in the driver, or not at all */
	GATEWAY_GENERIC, /* XDP above the driver */
	GATEWAY_TC,	 /* the twin alone */
};

enum gateway_state {
	GATEWAY_ACTIVE,
	GATEWAY_DRAINING, /* keeps its flows, gets no new ones */
	GATEWAY_DOWN,	  /* its flows go to others */
};

struct gateway_instance {
	char name[64];
	struct dmsc_addr addr;
	uint32_t weight; /* 0 to MAGLEV_WEIGHT_MAX */
	enum gateway_state state;
	uint32_t line; /* in the file; 0: from elsewhere */
};

struct gateway_service {
	char name[64];
	struct dmsc_addr addr;
	uint16_t port;	   /* host order */
	uint8_t proto;	   /* IPPROTO_TCP, IPPROTO_UDP */
	bool local;	   /* delivered on this host */
	uint16_t gue_port; /* host order; 0: IP in IP */
	bool by_source;	   /* an instance for each source address, not for each flow */
	uint32_t table;	   /* positions, a prime */
	uint64_t rate, syn_rate, source_rate; /* packets/s, 0: no limit */
	struct gateway_instance *instances;
	size_t nr_instances;
	uint32_t line;
};

struct gateway_spec {
	char devices[GATEWAY_DEVICES_MAX][64];
	size_t nr_devices;
	enum gateway_mode mode;
	bool has_source[2];		   /* IPv4, IPv6 */
	struct dmsc_addr source[2];	   /* of outer headers */
	uint64_t seed;			   /* the same at all gateways */
	uint32_t flows;			   /* kept for each CPU */
	uint64_t insert_rate;		   /* new flows/s kept for each CPU, 0: all */
	uint32_t tcp_timeout, udp_timeout; /* s */
	struct gateway_service *services;
	size_t nr_services;

	/* The instances' side. */
	char unwrap_devices[GATEWAY_DEVICES_MAX][64];
	size_t nr_unwrap_devices;
	struct dmsc_addr gateways[DMSC_GW_MAX_GATEWAYS];
	size_t nr_gateways;
	uint16_t unwrap_gue_port; /* host order; 0: IP in IP */
};

/** gateway_spec_read - a file, checked whole; to be freed by gateway_spec_free() */
int gateway_spec_read(struct gateway_spec *s, const char *file, struct dmsc_error *err);
void gateway_spec_free(struct gateway_spec *s);

struct gw; /* a gateway at work */

/**
 * gateway_open - load the programs and make the maps, or take up the pinned ones
 * @pin_dir: on a bpffs; NULL for DMSC_GW_PIN_DIR
 * @flows: for each CPU; only for a gateway that is not there yet, 0 for the default
 *
 * -EPROTO when what is pinned is of another DMSC_GW_ABI.
 */
int gateway_open(struct gw **gw, const char *pin_dir, uint32_t flows, struct dmsc_error *err);

/** gateway_running - 1 when a gateway is pinned there, 0 when not, negative errno */
int gateway_running(const char *pin_dir, struct dmsc_error *err);

/**
 * gateway_program - make @s the generation in force
 *
 * All of it is checked before anything is written; on an error the old generation
 * stays. Flows keep their instance, also one that is not named any more: it gets
 * no new flows, and its number is not used again while it has live ones.
 * Returns the new generation (> 0) or a negative errno.
 */
int gateway_program(struct gw *gw, const struct gateway_spec *s, struct dmsc_error *err);

/** gateway_attach - programs on the devices of @s, and on no others */
int gateway_attach(struct gw *gw, const struct gateway_spec *s, struct dmsc_error *err);

void gateway_close(struct gw *gw);

/** gateway_flush - detach and unpin everything */
int gateway_flush(const char *pin_dir, struct dmsc_error *err);

/* ---- what is in force ---- */

struct gateway_instance_status {
	const struct dmsc_gw_real *real;
	uint16_t number;
	uint64_t packets, bytes;
	uint32_t flows; /* live ones in the flow tables of this host */
	uint32_t share; /* positions of the service's table */
	bool named;	/* in the generation in force; else it only keeps its flows */
	bool resolved;	/* some CPU knows its next hop's link address */
};

struct gateway_service_status {
	const struct dmsc_gw_service *service;
	struct dmsc_gw_vip vip;
	uint64_t counts[DMSC_GW_NR_COUNTS];
	struct gateway_instance_status *instances;
	size_t nr_instances;
};

struct gateway_status {
	uint32_t generation;
	uint64_t flows_max; /* of a CPU */
	uint64_t unwrapped, refused, malformed;
	struct gateway_service_status *services;
	size_t nr_services;
};

int gateway_status(struct gw *gw, struct gateway_status *st, struct dmsc_error *err);
void gateway_status_free(struct gateway_status *st);

/* The counters' names as users see them, by enum dmsc_gw_count. */
extern const char *const gateway_count_name[DMSC_GW_NR_COUNTS];

/* For tests and benchmarks: file descriptors of what the object holds; negative errno. */
int gateway_map(const struct gw *gw, const char *name);
int gateway_prog(const struct gw *gw, const char *name);

#endif /* DMSC_LIB_GATEWAY_H */
