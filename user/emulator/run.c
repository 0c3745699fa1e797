// SPDX-License-Identifier: GPL-2.0-or-later
#include "emulator/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "emulator/control.h"
#include "emulator/interrupt.h"
#include "emulator/progress.h"
#include "emulator/report.h"
#include "emulator/results.h"
#include "emulator/round.h"

struct session {
	const struct run_options *o;
	const struct plan *plan;
	struct scale scale;
	struct messages messages;
	struct shared shared;
	struct cluster cluster;
	struct control control;
	struct setup_env setup;
	struct results results;
	char date[32];
};

static int prepare(struct session *s, struct dmsc_error *err)
{
	const struct run_options *o = s->o;
	struct worker_env env;
	uint32_t i;
	int ret;

	progress_line("scale: link rates / %.6g, bytes / %.6g, time x %.4g", s->scale.rate,
		      s->scale.bytes, s->scale.time);
	progress("cluster: %u nodes, %u links", s->plan->topo.nr_nodes, s->plan->topo.nr_links);
	ret = cluster_make(&s->cluster, s->plan, &s->scale, err);
	if (ret)
		return ret;
	progress("cluster: rate limits and queues of the fabric");
	ret = setup_fabric(&s->setup, err);
	if (ret)
		return ret;
	progress("processes: %u", s->plan->nr_instances);
	env = (struct worker_env){
		.plan = s->plan,
		.scale = &s->scale,
		.messages = &s->messages,
		.shared = &s->shared,
	};
	ret = control_start(&s->control, &s->cluster, &env, err);
	for (i = 0; i < o->nr_setups && !ret; i++) {
		if (!o->setups[i]->start)
			continue;
		progress("set-up %s", o->setups[i]->name);
		ret = o->setups[i]->start(&s->setup, err);
	}
	return ret;
}

/* In turns, so that what disturbs the machine for a while disturbs all alike. */
static int run_rounds(struct session *s, struct dmsc_error *err)
{
	const struct round_env env = {
		.plan = s->plan,
		.scale = &s->scale,
		.messages = &s->messages,
		.cluster = &s->cluster,
		.shared = &s->shared,
		.control = &s->control,
		.setup = &s->setup,
		.timeout_ms = s->o->timeout_ms,
	};
	struct results *r = &s->results;
	uint32_t i, k;
	int ret;

	for (i = 0; i < r->iterations; i++) {
		for (k = 0; k < r->nr_setups; k++) {
			struct round *round = &r->rounds[r->nr_rounds];

			if (interrupt_pending())
				return dmsc_fail(err, -EINTR, "interrupted");
			progress("iteration %u of %u, %s", i + 1, r->iterations, r->setups[k]->name);
			round->setup = k;
			round->iteration = i;
			ret = round_run(&env, r->setups[k], round, err);
			if (ret)
				return ret;
			r->nr_rounds++;
			progress_line("iteration %u of %u, %-7s  %.1f ms, real %.2f s, CPU idle %.0f %%",
				      i + 1, r->iterations, r->setups[k]->name,
				      scale_to_emulated(&s->scale, round->time) / 1e6,
				      round->time / 1e9, 100 * round->cpu_idle);
		}
	}
	return 0;
}

static void machine(char *out, size_t size)
{
	struct utsname u;
	struct sysinfo info;

	uname(&u);
	sysinfo(&info);
	snprintf(out, size, "%s, %ld CPUs, %.1f GiB", u.machine, sysconf(_SC_NPROCESSORS_ONLN),
		 (double)info.totalram * info.mem_unit / (1 << 30));
}

static void add_notes(struct session *s)
{
	struct text *t = &s->results.notes;
	uint32_t i;

	for (i = 0; i < s->plan->nr_notes; i++)
		text_add(t, "%s\n", s->plan->notes[i]);
	text_add(t,
		 "Messages within a host go over its loopback interface, which has no rate limit.\n");
	text_add(t,
		 "Protocol headers, retransmission time-outs and CoDel's times are not scaled.\n");
	if (s->o->fifo)
		text_add(t,
			 "--fifo: every port is a FIFO below its rate limit; the set-ups differ in their paths only.\n");
	if (s->setup.warnings.len)
		text_add(&s->results.warnings, "%s", s->setup.warnings.data);
}

static int report(struct session *s, struct dmsc_error *err)
{
	char json[512], html[512], where[128];
	struct results_about about = {
		.command = s->o->command,
		.date = s->date,
		.job_file = s->o->job_file,
		.topology_file = s->o->topology_file,
		.workload_file = s->o->workload_file,
	};
	struct utsname u;
	int ret;

	uname(&u);
	machine(where, sizeof(where));
	about.kernel = u.release;
	about.machine = where;
	add_notes(s);
	ret = results_summarise(&s->results, err);
	if (ret)
		return ret;
	snprintf(json, sizeof(json), "%s/report.json", s->o->out);
	snprintf(html, sizeof(html), "%s/report.html", s->o->out);
	results_print(&s->results);
	fflush(stdout);
	ret = results_write(&s->results, &about, json, err);
	return ret ? ret : report_html(json, html, err);
}

static void tear_down(struct session *s)
{
	uint32_t i;

	progress("removing the cluster");
	for (i = 0; i < s->o->nr_setups; i++)
		if (s->o->setups[i]->stop && s->cluster.id[0])
			s->o->setups[i]->stop(&s->setup);
	if (s->control.workers)
		control_stop(&s->control);
	if (s->o->keep && s->cluster.nodes) {
		progress_line("kept: namespaces %s-*, %s (the next run removes them)",
			      s->cluster.id, s->cluster.dir);
		cluster_forget(&s->cluster);
	} else {
		cluster_remove(&s->cluster);
	}
	progress_close();
}

int run(const struct run_options *o, const struct plan *plan, struct dmsc_error *err)
{
	struct session s = { .o = o, .plan = plan };
	struct results *r = &s.results;
	time_t now = time(NULL);
	int ret;

	ret = scale_choose(&s.scale, plan, o->link_rate, o->bytes_scale, err);
	if (!ret)
		ret = messages_build(&s.messages, plan, &s.scale, err);
	if (ret)
		return ret;
	if (mkdir(o->out, 0755) && errno != EEXIST)
		ret = dmsc_fail(err, -EINVAL, "--out: %s: %s", o->out, strerror(errno));
	strftime(s.date, sizeof(s.date), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	s.setup = (struct setup_env){
		.cluster = &s.cluster,
		.plan = plan,
		.fifo = o->fifo,
		.dmscd = o->dmscd,
		.dmscctl = o->dmscctl,
	};
	if (!ret)
		ret = profile_find("default", &s.setup.profile, err);
	if (!ret)
		ret = shared_make(&s.shared, plan, &s.messages, err);
	*r = (struct results){
		.plan = plan,
		.scale = &s.scale,
		.messages = &s.messages,
		.profile = s.setup.profile,
		.nr_setups = o->nr_setups,
		.iterations = o->iterations,
		.nr_bulk = s.shared.nr_bulk,
	};
	memcpy(r->setups, o->setups, sizeof(r->setups));
	r->rounds = calloc((size_t)o->iterations * o->nr_setups, sizeof(*r->rounds));
	if (!ret && !r->rounds)
		ret = dmsc_fail(err, -ENOMEM, "no memory");
	if (!ret) {
		progress_open();
		interrupt_catch();
		cluster_sweep();
		ret = prepare(&s, err);
		if (!ret)
			ret = run_rounds(&s, err);
		interrupt_ignore();
		tear_down(&s);
	}
	if (!ret)
		ret = report(&s, err);
	text_free(&s.setup.warnings);
	results_free(r);
	shared_free(&s.shared);
	messages_free(&s.messages);
	return ret;
}
