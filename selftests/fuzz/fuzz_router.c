// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The service router's files: refused with one line, or services that the maps
 * can take (fuzz-seconds: 10).
 */
#include <errno.h>

#include "lib/maglev.h"
#include "lib/router.h"
#include "selftests/fuzz/file.h"

static void check_service(const struct router_service *s)
{
	size_t i;

	FUZZ_CHECK(*s->name && s->port, "service without name or port");
	FUZZ_CHECK(s->nr_instances && s->nr_instances <= ROUTER_INSTANCES_MAX, "%zu instances",
		   s->nr_instances);
	FUZZ_CHECK(maglev_size_ok(s->table) && s->nr_instances <= s->table, "table of %u", s->table);
	for (i = 0; i < s->nr_instances; i++) {
		const struct router_instance *inst = &s->instances[i];

		FUZZ_CHECK(*inst->name && inst->port, "instance without name or port");
		FUZZ_CHECK(inst->weight <= MAGLEV_WEIGHT_MAX && inst->state < ROUTER_NR_STATES &&
				   inst->priority <= ROUTER_PRIORITY_MAX,
			   "weight %u, state %d, priority %u", inst->weight, inst->state,
			   inst->priority);
		FUZZ_CHECK(inst->distance <= DMSC_RT_FAR, "distance %d", inst->distance);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *file = fuzz_file(data, size);
	struct dmsc_error err = { 0 };
	struct router_spec spec;
	size_t i;
	int ret;

	ret = router_spec_read(&spec, file, "host0", &err);
	if (ret) {
		/* About this file, or the plan or topology that it names. */
		FUZZ_CHECK(ret < 0 && *err.text && !strchr(err.text, '\n'), "%d '%s'", ret,
			   err.text);
		return 0;
	}
	FUZZ_CHECK(spec.nr_services < DMSC_RT_MAX_SERVICES, "%zu services", spec.nr_services);
	for (i = 0; i < spec.nr_services; i++)
		check_service(&spec.services[i]);
	router_spec_free(&spec);
	return 0;
}
