/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the files a user names to a plan. */
#ifndef DMSC_DMSCCTL_INPUTS_H
#define DMSC_DMSCCTL_INPUTS_H

#include "dmscctl/ctl.h"
#include "lib/model.h"

struct inputs {
	const char *job, *topology, *workload, *module;
	bool advise; /* the plan is to be looked at: its notes say what would do better */
};

#define INPUTS_OPTIONS(in)                                                                  \
	{ "job", 'f', "FILE", "job file (YAML)", &(in)->job, NULL },                        \
		{ "topology", 't', "FILE", "topology file (YAML)", &(in)->topology, NULL }, \
		{ "module",	 'm', "NAME", "functional module (job file, dmsc.yaml)",    \
		  &(in)->module, NULL },                                                    \
	{                                                                                   \
		"workload", 'w', "FILE", "take the traffic from this AICB or SimAI file",   \
			&(in)->workload, NULL                                               \
	}

/**
 * inputs_plan - read them all and plan; -EINVAL with the parser's one line
 *
 * Asks the module of the command line, else of the job file, else of the
 * configuration. One that was cut off meanwhile is told on stderr and in the
 * plan's notes; the built-in one has answered in its place.
 */
int inputs_plan(const struct inputs *in, struct plan *out, struct dmsc_error *err);

#endif /* DMSC_DMSCCTL_INPUTS_H */
