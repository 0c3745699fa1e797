// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Workload files (aicb): refused with one line, or folded onto a small cluster,
 * or that is refused the same way (fuzz-seconds: 10).
 */
#include <errno.h>

#include "planner/planner.h"
#include "selftests/fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct job job = { .name = "x", .gpu_flops = 1e14, .first_sid = 1, .file = "job" };
	const char *file = fuzz_file(data, size);
	struct topology topo = fuzz_topology(4);
	struct dmsc_error err = { 0 };
	struct workload w;
	struct plan plan;
	int ret;

	ret = workload_read_aicb(file, &w, &err);
	if (ret) {
		fuzz_refused(ret, &err, file);
		return 0;
	}
	FUZZ_CHECK(w.tensor && w.pipeline && w.expert && w.nr_items, "what a workload has");
	ret = plan_workload(&w, &job, &topo, &plan, &err);
	if (ret)
		fuzz_refused(ret, &err, file);
	else
		plan_free(&plan);
	workload_free(&w);
	return 0;
}
