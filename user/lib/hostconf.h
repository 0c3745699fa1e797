/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration of one host's daemon: /etc/dmsc/dmsc.yaml and what the
 * command line puts over it.
 */
#ifndef DMSC_LIB_HOSTCONF_H
#define DMSC_LIB_HOSTCONF_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/model.h"
#include "lib/policy.h"
#include "lib/module.h"
#include "lib/profile.h"
#include "lib/queues.h"

#define HOSTCONF_FILE		"/etc/dmsc/dmsc.yaml"
#define HOSTCONF_SOCKET		"/run/dmsc/dmscd.sock"
#define HOSTCONF_STATE		"/var/lib/dmsc"
#define HOSTCONF_MAX_INTERFACES 64

struct hostconf {
	char host[MODEL_NAME_LEN];
	char socket[100]; /* fits sockaddr_un */
	char state[256];
	char pin_dir[256];
	char cgroup_root[256];
	char module[MODULE_NAME_MAX]; /* functional module, see module_open() */
	bool refuse_findings;	      /* a plan that the module finds fault with */
	char interfaces[HOSTCONF_MAX_INTERFACES][16];
	uint32_t nr_interfaces;			   /* 0: the host's links in the plan */
	char trusted[HOSTCONF_MAX_INTERFACES][16]; /* the DSCP of what they bring is believed */
	uint32_t nr_trusted;
	struct profile profile;
	bool allow_lossless;
	bool queues, bpf;   /* use the module, the BPF data path */
	bool steer, mark;   /* choose paths, write DSCP */
	bool reapply;	    /* the stored plan, after a reboot */
	bool install_qdisc; /* where the system's default qdisc is */
	struct queue_class classes[DMSC_NR_CLASSES];
	struct policy policy; /* who may talk to whom; all may without one */
};

/**
 * hostconf_defaults - what holds without a file
 *
 * The host's name is the machine's, the cgroup root is "dmsc" below the first
 * cgroup2 mount, classes are the module's own defaults.
 */
void hostconf_defaults(struct hostconf *c);

/**
 * hostconf_read - read @file over what is in @c
 *
 * -EINVAL with "file:line: field: what, expected what"; -ENOENT when there is
 * no such file. On error @c is not touched.
 */
int hostconf_read(const char *file, struct hostconf *c, struct dmsc_error *err);

/** hostconf_class_check - ranges of one class, with @where in front of the message */
int hostconf_class_check(const char *where, const struct queue_class *c, struct dmsc_error *err);

/** hostconf_check - what single fields cannot show: profile, sum of shares, names */
int hostconf_check(const struct hostconf *c, struct dmsc_error *err);

#endif /* DMSC_LIB_HOSTCONF_H */
