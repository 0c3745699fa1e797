// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Job files, training and task graphs: refused with one line, or a plan on a
 * small cluster is made or refused the same way (fuzz-seconds: 10).
 */
#include <errno.h>

#include "planner/planner.h"
#include "selftests/fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *file = fuzz_file(data, size);
	struct topology topo = fuzz_topology(8);
	struct dmsc_error err = { 0 };
	struct plan plan;
	struct job job;
	int ret;

	ret = job_read(file, &job, &err);
	if (ret) {
		fuzz_refused(ret, &err, file);
		return 0;
	}
	/* Large plans are right or wrong as small ones are, but take a second each. */
	if (job.graph || job.par.micro_batches * job.par.interleave <= 64) {
		ret = plan_job(&job, &topo, &plan, &err);
		if (ret)
			FUZZ_CHECK(*err.text && !strchr(err.text, '\n'), "'%s'", err.text);
		else
			plan_free(&plan);
	}
	job_free(&job);
	return 0;
}
