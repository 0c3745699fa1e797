// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A host's configuration with its policy: refused with one line and the old one
 * untouched, or within the bounds that the daemon counts on (fuzz-seconds: 10).
 */
#include <errno.h>

#include "lib/hostconf.h"
#include "selftests/fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *file = fuzz_file(data, size);
	static struct hostconf defaults, conf;
	struct dmsc_error err = { 0 };
	uint32_t i;
	int ret;

	if (!*defaults.socket)
		hostconf_defaults(&defaults);
	conf = defaults;
	ret = hostconf_read(file, &conf, &err);
	if (ret) {
		fuzz_refused(ret, &err, file);
		FUZZ_CHECK(!memcmp(&conf, &defaults, sizeof(conf)), "changed by what was refused");
		return 0;
	}
	FUZZ_CHECK(*conf.host && *conf.socket && *conf.state && *conf.module, "an empty text");
	FUZZ_CHECK(conf.nr_interfaces <= HOSTCONF_MAX_INTERFACES, "%u interfaces",
		   conf.nr_interfaces);
	FUZZ_CHECK(conf.policy.nr_rules <= POLICY_MAX_RULES, "%u rules",
		   (unsigned int)conf.policy.nr_rules);
	for (i = 0; i < conf.policy.nr_rules; i++)
		FUZZ_CHECK(*conf.policy.rules[i].from && *conf.policy.rules[i].to &&
				   memchr(conf.policy.rules[i].from, 0,
					  sizeof(conf.policy.rules[i].from)),
			   "rule %u: ends", i);
	ret = hostconf_check(&conf, &err);
	FUZZ_CHECK(!ret || (*err.text && !strchr(err.text, '\n')), "%d '%s'", ret, err.text);
	return 0;
}
