/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of the service router: shared by router*.c only. */
#ifndef DMSC_LIB_ROUTER_PRIV_H
#define DMSC_LIB_ROUTER_PRIV_H

#include "lib/dataplane_priv.h"
#include "lib/router.h"

struct router {
	char pin_dir[PATH_MAX];
	char cgroup[PATH_MAX];
	int lock;	      /* the pin directory, locked */
	struct dataplane *dp; /* NULL: only looked at */
	int services, flows;  /* maps, as descriptors */

	/* Maps, as memory. */
	struct dmsc_rt_ctl *ctl;
	uint64_t *members;
	struct dmsc_rt_ring *rings;
	struct dmsc_rt_instance *instances;
	struct dmsc_rt_load *loads;
	struct dmsc_rt_counts *counts;
};

/* The side in force. */
uint32_t router_side(const struct router *r);

/* Sockets that hold instance @number now. */
uint64_t router_open_sockets(const struct router *r, uint32_t number);

/* The services of one side: keys and values, to be freed; negative errno. */
int router_services(const struct router *r, uint32_t side, struct dmsc_rt_service_key **keys,
		    struct dmsc_rt_service **values, size_t *n, struct dmsc_error *err);

#endif /* DMSC_LIB_ROUTER_PRIV_H */
