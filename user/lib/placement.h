/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part "placement" of a job file: ranks to hosts and GPUs, dmsc-job(5). */
#ifndef DMSC_LIB_PLACEMENT_H
#define DMSC_LIB_PLACEMENT_H

#include "lib/model.h"
#include "lib/yaml.h"

#define PLACEMENT_MAX_HOSTS  65536
#define PLACEMENT_MAX_PLACES 65536
#define PLACEMENT_LAST_RANK  (1U << 20)

/**
 * placement_read - a Slurm host list, or ranks one by one
 *
 * Whether hosts and ranks exist is for the planner to say. -EINVAL with one line; on an error
 * @out is NULL.
 */
int placement_read(struct yaml_file *f, yaml_node_t *node, struct job_placement **out);
void placement_free(struct job_placement *p); /* and @p itself; NULL does nothing */

#endif /* DMSC_LIB_PLACEMENT_H */
