/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon of one host: what its parts share. One thread, one event loop. */
#ifndef DMSC_DMSCD_DAEMON_H
#define DMSC_DMSCD_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>
#include <systemd/sd-event.h>

#include "lib/dataplane.h"
#include "lib/error.h"
#include "lib/hostconf.h"
#include "lib/queues.h"
#include "lib/registry.h"
#include "lib/rtnl.h"

#include "dmscd/hostplan.h"

struct apply;
struct control;
struct functional;
struct rhythm;
struct watch;

struct daemon {
	struct hostconf conf;
	sd_event *event;
	int lock;	 /* <state>/lock: one daemon a state directory */
	int64_t started; /* seconds since 1970 */

	struct registry *registry;
	struct rtnl *rtnl;
	struct dataplane *dp;  /* NULL: see dp_why */
	struct queues *queues; /* NULL: see queues_why */
	sd_event_source *queue_events, *policy_events, *trace_end;
	struct dmsc_error dp_why, queues_why;

	struct hostplan *current;   /* in force; NULL: none, see plan_why */
	struct dmsc_error plan_why; /* why the stored plan is not in force */
	struct apply *apply;	    /* under way */

	struct control *control;
	struct watch *watch;
	struct functional *functional; /* NULL: not asked yet */
	struct rhythm *rhythm;
};

/** daemon_event - tell those who monitor; @ev is stolen, gets "event" and "time" */
void daemon_event(struct daemon *d, const char *name, json_t *ev);

#endif /* DMSC_DMSCD_DAEMON_H */
