// SPDX-License-Identifier: GPL-2.0-or-later
/* Reports that a simulation is compared with: refused with one line, or sane (fuzz-seconds: 10). */
#include <errno.h>
#include <math.h>

#include "lib/measured.h"
#include "selftests/fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *file = fuzz_file(data, size);
	struct dmsc_error err = { 0 };
	struct measured m;
	uint32_t i;
	int ret;

	ret = measured_read(file, &m, &err);
	if (ret) {
		fuzz_refused(ret, &err, file);
		return 0;
	}
	FUZZ_CHECK(m.rate > 0 && m.bytes > 0 && m.mtu >= 576 && m.nr_setups, "scale");
	for (i = 0; i < m.nr_setups; i++) {
		const struct measured_setup *s = &m.setups[i];

		FUZZ_CHECK(s->iterations && s->least > 0 && s->least <= s->median &&
				   s->median <= s->most && isfinite(s->most),
			   "setup %u", i);
		for (uint32_t k = 0; k < s->nr_local; k++)
			FUZZ_CHECK(s->local[k] >= 0 && isfinite(s->local[k]), "local");
		FUZZ_CHECK(s->idle == -1 || (s->idle >= 0 && s->idle <= 1 + 1e-9), "idle");
	}
	measured_free(&m);
	return 0;
}
