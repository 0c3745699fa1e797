// SPDX-License-Identifier: GPL-2.0-or-later
/* Topology files: refused with one line, or a small job is planned on them or refused (fuzz-seconds: 10). */
#include <errno.h>

#include "planner/planner.h"
#include "selftests/fuzz/file.h"

static struct task tasks[] = {
	{ .name = "a", .instances = 3, .compute = 1000, .line = 1 },
	{ .name = "b", .instances = 2, .compute = 1000, .line = 2 },
};
static struct task_flow flows[] = {
	{ .from = 0, .to = 1, .bytes = 100000, .class = DMSC_CLASS_DATA, .line = 3 },
};
static struct taskgraph graph = { tasks, 2, flows, 1, 0 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct job job = { .name = "x", .graph = &graph, .first_sid = 1, .file = "job" };
	const char *file = fuzz_file(data, size);
	struct dmsc_error err = { 0 };
	struct topology topo;
	struct plan plan;
	int ret;

	ret = topology_read(file, &topo, &err);
	if (ret) {
		fuzz_refused(ret, &err, file);
		return 0;
	}
	ret = plan_job(&job, &topo, &plan, &err);
	if (ret)
		FUZZ_CHECK(*err.text && !strchr(err.text, '\n'), "'%s'", err.text);
	else
		plan_free(&plan);
	topology_free(&topo);
	return 0;
}
