// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscctl/modules.h"

#include <errno.h>
#include <stdio.h>

#include "dmscctl/bar.h"
#include "lib/hostconf.h"
#include "planner/predict_module.h"

static void tell(void *arg, const char *text)
{
	(void)arg;
	bar_clear();
	fprintf(stderr, "warning: %s\n", text);
}

int ctl_module(const char *name, struct module *out, struct dmsc_error *err)
{
	struct hostconf conf;
	int ret;

	hostconf_defaults(&conf);
	if (!name) {
		ret = hostconf_read(HOSTCONF_FILE, &conf, err);
		if (ret && ret != -ENOENT) {
			module_open(out, &builtin_module, NULL, 0, NULL, NULL, NULL);
			return ret;
		}
		name = conf.module;
	}
	return module_open(out, &builtin_module, name, 0, tell, NULL, err);
}
