// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscctl/modules.h"

#include <errno.h>
#include <stdio.h>

#include "dmscctl/bar.h"
#include "lib/hostconf.h"
#include "planner/predict_module.h"

static char event[256];

static void tell(void *arg, const char *text)
{
	(void)arg;
	snprintf(event, sizeof(event), "%s", text);
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

static void ask_policy(void *module, const struct dmsc_module_flow *flow,
		       struct dmsc_module_importance *out)
{
	module_policy(module, flow, out);
}

static uint32_t ask_path(void *module, const struct dmsc_module_way *ways, uint32_t nr)
{
	return module_path(module, ways, nr);
}

struct plan_modules ctl_module_ask(struct module *m)
{
	return (struct plan_modules){
		.policy = m->has >> MODULE_POLICY & 1 ? ask_policy : NULL,
		.path = m->has >> MODULE_PATH & 1 ? ask_path : NULL,
		.arg = m,
	};
}

const char *ctl_module_event(void)
{
	return event;
}
