// SPDX-License-Identifier: GPL-2.0-or-later
/* Byte counts of connections: refused with one line, or classified (fuzz-seconds: 10). */
#include <errno.h>

#include "lib/flowcounts.h"
#include "planner/classify.h"
#include "selftests/fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *file = fuzz_file(data, size);
	struct counted_flow flows[64];
	struct dmsc_error err = { 0 };
	struct flowcounts f;
	uint8_t class[64];
	uint32_t i;
	int ret;

	ret = flowcounts_read(file, &f, &err);
	if (ret) {
		fuzz_refused(ret, &err, file);
		return 0;
	}
	FUZZ_CHECK(f.nr && f.bins && f.nr_names, "empty");
	for (i = 0; i < f.nr; i++)
		FUZZ_CHECK(f.lines[i].from < f.nr_names && f.lines[i].to < f.nr_names, "names");
	for (i = 0; i < f.nr && i < 64; i++)
		flows[i] = (struct counted_flow){ f.lines[i].from, f.lines[i].to, f.lines[i].here,
						  f.counts + (size_t)i * f.bins };
	ret = classify_flows(flows, i, f.bins, f.bins / 3.0, class);
	FUZZ_CHECK(!ret || ret == -EINVAL, "%d", ret);
	while (!ret && i-- > 0)
		FUZZ_CHECK(class[i] < DMSC_NR_CLASSES, "class %u", class[i]);
	flowcounts_free(&f);
	return 0;
}
