/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the files a user names to a plan. */
#ifndef DMSC_DMSCCTL_INPUTS_H
#define DMSC_DMSCCTL_INPUTS_H

#include "dmscctl/ctl.h"
#include "lib/model.h"

struct inputs {
	const char *job, *topology, *workload;
};

#define INPUTS_OPTIONS(in)                                                                  \
	{ "job", 'f', "FILE", "job file (YAML)", &(in)->job, NULL },                        \
		{ "topology", 't', "FILE", "topology file (YAML)", &(in)->topology, NULL }, \
	{                                                                                   \
		"workload", 'w', "FILE", "take the traffic from this AICB or SimAI file",   \
			&(in)->workload, NULL                                               \
	}

/** inputs_plan - read them all and plan; -EINVAL with the parser's one line */
int inputs_plan(const struct inputs *in, struct plan *out, struct dmsc_error *err);

#endif /* DMSC_DMSCCTL_INPUTS_H */
