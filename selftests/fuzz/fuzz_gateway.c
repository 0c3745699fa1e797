// SPDX-License-Identifier: GPL-2.0-or-later
/* The gateway's files: refused with one line, or services that the maps can take (fuzz-seconds: 10). */
#include <errno.h>

#include "lib/gateway.h"
#include "lib/maglev.h"
#include "selftests/fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *file = fuzz_file(data, size);
	struct dmsc_error err = { 0 };
	struct gateway_spec spec;
	size_t i, k;
	int ret;

	ret = gateway_spec_read(&spec, file, &err);
	if (ret) {
		fuzz_refused(ret, &err, file);
		return 0;
	}
	FUZZ_CHECK(spec.nr_devices <= GATEWAY_DEVICES_MAX &&
			   spec.nr_unwrap_devices <= GATEWAY_DEVICES_MAX &&
			   spec.nr_gateways <= DMSC_GW_MAX_GATEWAYS,
		   "%zu devices, %zu to unwrap, %zu gateways", spec.nr_devices,
		   spec.nr_unwrap_devices, spec.nr_gateways);
	FUZZ_CHECK(spec.nr_services <= DMSC_GW_MAX_SERVICES, "%zu services", spec.nr_services);
	for (i = 0; i < spec.nr_services; i++) {
		const struct gateway_service *s = &spec.services[i];

		FUZZ_CHECK(*s->name && s->nr_instances && maglev_size_ok(s->table) &&
				   s->nr_instances <= s->table,
			   "service %zu: %zu instances, table of %u", i, s->nr_instances, s->table);
		for (k = 0; k < s->nr_instances; k++)
			FUZZ_CHECK(*s->instances[k].name &&
					   s->instances[k].weight <= MAGLEV_WEIGHT_MAX,
				   "instance %zu: weight %u", k, s->instances[k].weight);
	}
	gateway_spec_free(&spec);
	return 0;
}
