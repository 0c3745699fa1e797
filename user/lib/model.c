// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "lib/model.h"
#include "lib/placement.h"

static const char *const class_names[DMSC_NR_CLASSES] = {
	[DMSC_CLASS_DEFAULT] = "default", [DMSC_CLASS_BULK] = "bulk",
	[DMSC_CLASS_DATA] = "data",	  [DMSC_CLASS_PIPELINE] = "pipeline",
	[DMSC_CLASS_EXPERT] = "expert",	  [DMSC_CLASS_TENSOR] = "tensor",
	[DMSC_CLASS_GATEWAY] = "gateway", [DMSC_CLASS_CONTROL] = "control",
};

const char *dmsc_class_name(unsigned int class)
{
	return class < DMSC_NR_CLASSES ? class_names[class] : "?";
}

int dmsc_class_parse(const char *name)
{
	int c;

	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		if (!strcmp(name, class_names[c]))
			return c;
	}
	return -1;
}

void topology_free(struct topology *t)
{
	free(t->nodes);
	free(t->links);
	memset(t, 0, sizeof(*t));
}

void taskgraph_free(struct taskgraph *g)
{
	if (!g)
		return;
	free(g->tasks);
	free(g->flows);
	free(g);
}

void job_free(struct job *j)
{
	taskgraph_free(j->graph);
	free(j->bulk);
	free(j->sids);
	placement_free(j->fixed);
	memset(j, 0, sizeof(*j));
}

void workload_free(struct workload *w)
{
	free(w->items);
	memset(w, 0, sizeof(*w));
}

void plan_free(struct plan *p)
{
	uint32_t i;

	for (i = 0; p->paths && i < p->nr_paths; i++) {
		free(p->paths[i].edges);
		free(p->paths[i].share);
		free(p->paths[i].encap);
	}
	for (i = 0; p->notes && i < p->nr_notes; i++)
		free(p->notes[i]);
	topology_free(&p->topo);
	free(p->notes);
	free(p->hosts);
	free(p->mics);
	free(p->instances);
	free(p->flows);
	free(p->paths);
	free(p->ways);
	free(p->groups);
	free(p->ops);
	free(p->op_start);
	free(p->deps);
	free(p->edge_load);
	free(p->critical);
	memset(p, 0, sizeof(*p));
}
