// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscctl/simulate_measured.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmscctl/bar.h"
#include "dmscctl/table.h"
#include "dmscctl/units.h"
#include "lib/measured.h"
#include "planner/simulate.h"

#define ITERATIONS 3
#define SEEDS	   9

static bool show(void *name, double part)
{
	bar_show(name, part);
	return true;
}

static int by_time(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* -1: no set-up of the emulator */
static int kind_of(const char *setup)
{
	if (!strcmp(setup, "default"))
		return SIM_ECMP;
	if (!strcmp(setup, "stock"))
		return SIM_STOCK;
	return strcmp(setup, "dmsc") ? -1 : SIM_DMSC;
}

/* The median iteration, seconds. @hosts: messages within hosts take as long as was measured. */
static int median(const struct jobs *jobs, const struct measured *m, uint32_t index, bool hosts,
		  double *out, struct dmsc_error *err)
{
	const struct measured_setup *s = &m->setups[index];
	const struct sim_packets packets = { .mtu = m->mtu,
					     .scale = m->bytes,
					     .local = s->local,
					     .nr_local = hosts ? s->nr_local : 0 };
	enum sim_kind kind = kind_of(s->name);
	struct sim_options o = { .iterations = ITERATIONS, .packets = &packets, .progress = show };
	uint32_t seeds = kind == SIM_DMSC ? 1 : SEEDS, n = 0, i, seed;
	double times[SEEDS * ITERATIONS];
	struct sim_result result;
	struct sim_setup setup;
	int ret = 0;

	o.arg = (void *)sim_kind_name(kind);
	for (seed = 1; seed <= seeds && !ret; seed++) {
		ret = sim_setup(kind, jobs->list, jobs->nr, 1, false, seed, NULL, &setup, err);
		if (ret)
			break;
		ret = simulate(&jobs->topo, &setup, &o, &result, err);
		sim_setup_free(&setup);
		for (i = 0; !ret && i < ITERATIONS; i++)
			times[n++] = result.jobs[0].times[i];
		if (!ret)
			sim_result_free(&result);
	}
	bar_clear();
	if (ret)
		return ret;
	qsort(times, n, sizeof(*times), by_time);
	*out = (times[n / 2] + times[(n - 1) / 2]) / 2;
	return 0;
}

struct simulated {
	double links; /* the links alone decide */
	double hosts; /* messages within hosts take as long as was measured */
};

static void print_text(const struct ctl *c, const struct measured *m, const struct simulated *sim)
{
	static const char *const heads[] = { "SET-UP",	    "-MEASURED",   "-LEAST",
					     "-MOST",	    "-CPU IDLE",   "-LINKS ALONE",
					     "-DIFFERENCE", "-HOSTS, TOO", "-DIFFERENCE",
					     NULL };
	char a[UNITS_LEN];
	struct table t;

	table_init(&t, c, heads);
	for (uint32_t i = 0; i < m->nr_setups; i++) {
		const struct measured_setup *s = &m->setups[i];

		table_add(&t, "%s", s->name);
		table_add(&t, "%s", units_time(s->median * 1e9, c->exact, a));
		table_add(&t, "%s", units_time(s->least * 1e9, c->exact, a));
		table_add(&t, "%s", units_time(s->most * 1e9, c->exact, a));
		table_add(&t, s->idle < 0 ? "-" : "%.0f %%", s->idle * 100);
		table_add(&t, "%s", units_time(sim[i].links * 1e9, c->exact, a));
		table_add(&t, "%+.1f %%", 100 * (sim[i].links / s->median - 1));
		table_add(&t, "%s", units_time(sim[i].hosts * 1e9, c->exact, a));
		table_add(&t, "%+.1f %%", 100 * (sim[i].hosts / s->median - 1));
	}
	table_print(&t);
}

static void print_json(const struct measured *m, const struct simulated *sim)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < m->nr_setups; i++) {
		const struct measured_setup *s = &m->setups[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:f, s:f, s:f, s:i, s:o, s:f, s:f, s:f, s:f}",
						"name", s->name, "simulated_as",
						sim_kind_name(kind_of(s->name)), "median_ns",
						s->median * 1e9, "min_ns", s->least * 1e9, "max_ns",
						s->most * 1e9, "iterations", s->iterations,
						"cpu_idle",
						s->idle < 0 ? json_null() : json_real(s->idle),
						"links_ns", sim[i].links * 1e9, "links_difference",
						sim[i].links / s->median - 1, "hosts_ns",
						sim[i].hosts * 1e9, "hosts_difference",
						sim[i].hosts / s->median - 1));
	}
	ctl_print_json(json_pack("{s:s, s:o}", "job", m->job, "measured", list));
}

static int compare(const struct jobs *jobs, const struct measured *m, const char *file,
		   struct simulated *out, struct dmsc_error *err)
{
	int ret = 0;

	if (jobs->nr != 1 || strcmp(jobs->plans[0].job, m->job))
		return dmsc_fail(err, -EINVAL, "%s: job: '%s', expected the only --job, '%s'", file,
				 m->job, jobs->plans[0].job);
	for (uint32_t i = 0; i < m->nr_setups && !ret; i++) {
		if (kind_of(m->setups[i].name) < 0)
			return dmsc_fail(err, -EINVAL,
					 "%s: setups[%u].name: '%s', expected default, stock or dmsc",
					 file, i, m->setups[i].name);
		ret = median(jobs, m, i, false, &out[i].links, err);
		if (!ret)
			ret = median(jobs, m, i, true, &out[i].hosts, err);
	}
	return ret;
}

int simulate_measured(struct ctl *c, const struct jobs *jobs, const char *file,
		      struct dmsc_error *err)
{
	struct simulated simulated[MEASURED_SETUPS];
	struct measured m;
	int ret = measured_read(file, &m, err);

	if (ret)
		return ret == -ENOMEM ? ret : -EINVAL;
	ret = compare(jobs, &m, file, simulated, err);
	if (!ret && c->json)
		print_json(&m, simulated);
	else if (!ret)
		print_text(c, &m, simulated);
	measured_free(&m);
	return ret;
}
