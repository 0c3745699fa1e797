// SPDX-License-Identifier: GPL-2.0-or-later
/* Plans as JSON: refused with one line, or written and read again they are the same (fuzz-seconds: 10). */
#include <errno.h>

#include "selftests/fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dmsc_error err = { 0 };
	struct plan plan, again;
	char *text, *back;
	int ret;

	ret = plan_from_text((const char *)data, size, &plan, &err);
	if (ret) {
		fuzz_refused(ret, &err, "plan");
		return 0;
	}
	text = plan_to_text(&plan, &err);
	FUZZ_CHECK(text, "%s", err.text);
	ret = plan_from_text(text, strlen(text), &again, &err);
	FUZZ_CHECK(!ret, "%s", err.text);
	back = plan_to_text(&again, &err);
	FUZZ_CHECK(back && !strcmp(text, back), "another plan");
	free(text);
	free(back);
	plan_free(&plan);
	plan_free(&again);
	return 0;
}
