/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any application as tasks and the flows between them, in a job file in place
 * of a model: data science, industrial control, whatever has steps that wait
 * for each other. One pass over the graph is an iteration.
 */
#ifndef DMSC_LIB_TASKGRAPH_H
#define DMSC_LIB_TASKGRAPH_H

#include "lib/model.h"
#include "lib/yaml.h"

/**
 * taskgraph_read - the sequences "tasks" and "flows" of a job file
 * @out: to be freed with taskgraph_free()
 *
 * Names are unique, flows lead from task to task and in no circle; instances
 * of all tasks together are bounded. -EINVAL with file, line and field.
 */
int taskgraph_read(struct yaml_file *f, yaml_node_t *tasks, yaml_node_t *flows,
		   struct taskgraph **out);

/**
 * taskgraph_order - every task behind those that it waits for
 * @order: nr_tasks entries
 *
 * Returns how many could be put in order: all of them unless some wait for
 * each other in a circle; 0 without memory.
 */
uint32_t taskgraph_order(const struct taskgraph *g, uint32_t *order);

#endif /* DMSC_LIB_TASKGRAPH_H */
