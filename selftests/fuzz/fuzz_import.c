// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Topologies of others: SimAI links, Slurm's topology.conf and topology.yaml, the
 * Lingjun table; the first byte says which. Refused with one line, or a network
 * whose links join its nodes (fuzz-seconds: 10).
 */
#include <errno.h>

#include "lib/topology_build.h"
#include "selftests/fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int (*const imports[])(const char *file, const struct import_options *o,
				      struct topology *t, struct dmsc_error *err) = {
		topology_import_simai,
		topology_import_slurm_conf,
		topology_import_slurm_yaml,
		topology_import_lingjun,
	};
	const struct import_options options = { 8, 400000000000ULL, 100000000000ULL };
	struct topology t = { .name = "fuzz" };
	struct dmsc_error err = { 0 };
	const char *file;
	uint32_t i;
	int ret;

	if (!size)
		return 0;
	file = fuzz_file(data + 1, size - 1);
	ret = imports[data[0] % 4](file, &options, &t, &err);
	if (ret) {
		fuzz_refused(ret, &err, file);
		topology_free(&t);
		return 0;
	}
	FUZZ_CHECK(t.nr_nodes > 0, "no nodes");
	for (i = 0; i < t.nr_nodes; i++)
		FUZZ_CHECK(memchr(t.nodes[i].name, 0, sizeof(t.nodes[i].name)) && *t.nodes[i].name,
			   "node %u has no name", i);
	for (i = 0; i < t.nr_links; i++) {
		const struct topo_link *l = &t.links[i];

		FUZZ_CHECK(l->a < t.nr_nodes && l->b < t.nr_nodes && l->a != l->b && l->rate,
			   "link %u: %u to %u, %llu bit/s", i, l->a, l->b,
			   (unsigned long long)l->rate);
		FUZZ_CHECK(memchr(l->if_a, 0, sizeof(l->if_a)) && memchr(l->if_b, 0, sizeof(l->if_b)),
			   "link %u: names", i);
	}
	topology_free(&t);
	return 0;
}
