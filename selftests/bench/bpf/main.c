// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench-bpf [FILE]: measures the BPF data plane natively and writes FILE
 * (default build/bench/bpf.json). Decides nothing: aims that are missed are shown.
 * BENCH="words" in the environment: only cases whose names have one of them.
 */
#include <libgen.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "selftests/bpf/env.h"

#include "lib/router.h"

#include "bench.h"

static const char *json = "build/bench/bpf.json";

static int run(void)
{
	static struct bench b;
	cpu_set_t one;

	/* What is kept for a CPU is measured on one. */
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	floor_cases(&b);
	gateway_cases(&b, env_pins);
	dataplane_cases(&b, &(struct dataplane_config){ .pin_dir = env_pins, .cgroup = env_cgroup });
	connect_cases(&b, &(struct router_config){ .pin_dir = env_pins, .cgroup = env_cgroup },
		      dirname(strdupa(env_cgroup)));
	bench_select(&b, getenv("BENCH"));
	bench_run(&b);
	bench_report(&b, json);
	connect_cases_end();
	dataplane_cases_end();
	gateway_cases_end();
	floor_close();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		fprintf(stderr, "usage: bench-bpf [FILE]\n");
		return 2;
	}
	if (argc == 2)
		json = argv[1];
	mkdir("build/bench", 0755);
	return env_main(run);
}
