// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files of one number a line: refused with one line, or a period is looked for and
 * iteration times are predicted, from whatever they are (fuzz-seconds: 10).
 */
#include <errno.h>
#include <math.h>

#include "lib/numbers.h"
#include "planner/period.h"
#include "planner/predict.h"
#include "selftests/fuzz/file.h"

#define MOST 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *file = fuzz_file(data, size);
	struct dmsc_error err = { 0 };
	struct numbers n;
	struct series s;
	struct period p;
	struct watch w;
	uint32_t i;
	int ret;

	ret = numbers_read(file, MOST, &n, &err);
	if (ret) {
		fuzz_refused(ret, &err, file);
		return 0;
	}
	FUZZ_CHECK(n.nr <= MOST, "%u values", n.nr);
	series_init(&s);
	watch_init(&w);
	for (i = 0; i < n.nr; i++) {
		FUZZ_CHECK(isfinite(n.v[i]) && n.v[i] >= 0, "value %u: %g", i, n.v[i]);
		series_add(&s, n.v[i]);
		watch_add(&w, n.v[i]);
	}
	ret = period_find(n.v, n.nr, &p);
	FUZZ_CHECK(!ret || ret == -EINVAL || ret == -ENODATA, "%d", ret);
	numbers_free(&n);
	return 0;
}
