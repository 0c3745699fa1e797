/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The scheduling queues of a plan, in every dmsc qdisc of the host's interfaces. */
#ifndef DMSC_DMSCD_QUEUECTL_H
#define DMSC_DMSCD_QUEUECTL_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "lib/error.h"
#include "lib/queues.h"

struct daemon;
struct hostplan;

/* What the qdiscs held before, to go back to. Zeroed: nothing. */
struct queue_undo {
	struct queue_class_entry *classes;
	size_t nr_classes;
	struct queue_queue_entry *queues;
	size_t nr_queues;
	struct {
		uint32_t ifindex, handle;
	} *qdiscs; /* those that were changed */
	size_t nr_qdiscs;
};

/**
 * queuectl_open - find the module, also one that was loaded since
 *
 * 0 when queues can be set; else queues_why says why not.
 */
int queuectl_open(struct daemon *d);
void queuectl_close(struct daemon *d);

/**
 * queuectl_program - classes and queues of @hp, where they differ
 * @hp: NULL: no queues
 * @warnings: gets what is missing but no error (module, qdiscs); may be NULL
 * @undo: gets what was there before; may be NULL; queuectl_undo_free() it
 *
 * No module is no error. On error everything is as it was.
 */
int queuectl_program(struct daemon *d, struct hostplan *hp, json_t *warnings,
		     struct queue_undo *undo, struct dmsc_error *err);

/** queuectl_undo - back to what was before; failures are logged */
void queuectl_undo(struct daemon *d, const struct queue_undo *undo);
void queuectl_undo_free(struct queue_undo *undo);

/** queuectl_class - class @id as configured or set by hand */
int queuectl_class(struct daemon *d, uint32_t id, struct queue_class *out, struct dmsc_error *err);

/** queuectl_install - sch_dmsc where the system's default qdisc is (install_qdisc) */
int queuectl_install(struct daemon *d, struct hostplan *hp, json_t *warnings,
		     struct dmsc_error *err);

/** queuectl_uninstall - take away what queuectl_install() put on these interfaces */
void queuectl_uninstall(struct daemon *d, struct hostplan *hp);

#endif /* DMSC_DMSCD_QUEUECTL_H */
