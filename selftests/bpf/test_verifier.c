// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the programs cost this kernel's verifier, and how long they are. Prints a
 * table and holds each program against its line of verifier.budget: programs
 * grow slowly, and the verifier's limit is far away until a change of a compiler
 * or a kernel brings it close.
 */
#include <libgen.h>
#include <sys/utsname.h>

#include "env.h"

#include "lib/gateway_priv.h"

#include "bpf/dmsc.skel.h"
#include "bpf/gateway.skel.h"

struct budget {
	char name[32];
	unsigned int insns, verified;
};

static struct dataplane *dp;
static struct gw *gw;
static struct budget budgets[64];
static size_t nr_budgets;

static bool read_budgets(void)
{
	char dir[] = __FILE__, path[256], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/verifier.budget", dirname(dir));
	f = fopen(path, "re");
	if (!f) {
		printf("Bail out! %s: %s\n", path, strerror(errno));
		return false;
	}
	while (fgets(line, sizeof(line), f) && nr_budgets < 64) {
		struct budget *b = &budgets[nr_budgets];

		if (line[0] != '#' &&
		    sscanf(line, "%31s %u %u", b->name, &b->insns, &b->verified) == 3)
			nr_budgets++;
	}
	fclose(f);
	return true;
}

static const struct budget *budget_of(const char *name)
{
	for (size_t i = 0; i < nr_budgets; i++) {
		if (!strcmp(budgets[i].name, name))
			return &budgets[i];
	}
	return NULL;
}

/* Adds how many programs of @obj there are, and are over their budget or have none. */
static void measure(struct bpf_object *obj, size_t *nr, size_t *over)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj)
	{
		struct bpf_prog_info info = {};
		const char *name = bpf_program__name(prog);
		const struct budget *b = budget_of(name);
		__u32 len = sizeof(info);

		CHECK(!bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len), "%s: %s", name,
		      strerror(errno));
		printf("# %-20s %8u %8u %10u %10u\n", name, info.xlated_prog_len / 8,
		       b ? b->insns : 0, info.verified_insns, b ? b->verified : 0);
		++*nr;
		*over += !b || info.xlated_prog_len / 8 > b->insns ||
			 info.verified_insns > b->verified;
	}
}

static void within_budget(void)
{
	size_t nr = 0, over = 0;

	printf("# %-20s %8s %8s %10s %10s\n", "program", "insns", "budget", "verified", "budget");
	measure(dp->skel->obj, &nr, &over);
	measure(gw->skel->obj, &nr, &over);
	CHECK(nr > 0, "no programs");
	CHECK_EQ(over, 0, "programs over their budget, or without one in verifier.budget");
}

static void no_budget_of_nothing(void)
{
	for (size_t i = 0; i < nr_budgets; i++)
		CHECK(dataplane_prog(dp, budgets[i].name) >= 0 ||
			      gateway_prog(gw, budgets[i].name) >= 0,
		      "%s is no program", budgets[i].name);
}

static int run(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(within_budget),
		TAP_TEST(no_budget_of_nothing),
	};
	struct dataplane_config cfg = env_config();
	char pins[80];
	struct utsname un;
	int ret;

	if (!read_budgets())
		return TAP_FAIL;
	snprintf(pins, sizeof(pins), "%s-gateway", env_pins);
	if (dataplane_open(&dp, &cfg, &env_err) || gateway_open(&gw, pins, 1024, &env_err)) {
		printf("Bail out! %s\n", env_err.text);
		return TAP_FAIL;
	}
	if (!uname(&un))
		printf("# Linux %s\n", un.release);
	ret = TAP_RUN(tests);
	gateway_close(gw);
	dataplane_close(dp);
	return ret;
}

int main(void)
{
	return env_main(run);
}
