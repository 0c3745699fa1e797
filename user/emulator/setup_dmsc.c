// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DMSC: a daemon a host with the plan in force, sch_dmsc at the rails. The
 * processes know nothing of it. Between rounds of other set-ups the daemons
 * live on, but `dmscctl off` has taken programs and queues away.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "emulator/qdisc.h"
#include "emulator/setup.h"
#include "lib/hostconf.h"
#include "lib/ipc.h"
#include "lib/queues.h"
#include "lib/spec.h"

#define START_MS 120000 /* until a daemon serves; guests without KVM are slow */
#define STOP_MS	 20000

static void file_of(const struct setup_env *env, uint32_t host, const char *suffix, char *out,
		    size_t size)
{
	snprintf(out, size, "%s/%s.%s", env->cluster->dir, env->plan->hosts[host].name, suffix);
}

/* The host's slowest rail says how much its classes may hold. */
static uint64_t host_rate(const struct setup_env *env, uint32_t host)
{
	const struct topology *t = &env->plan->topo;
	uint64_t rate = UINT64_MAX;
	uint32_t i;

	for (i = 0; i < t->nr_links; i++)
		if (t->links[i].a == env->plan->hosts[host].node && t->links[i].rate < rate)
			rate = t->links[i].rate;
	return scale_rate(env->cluster->scale, rate);
}

/*
 * The classes are the module's defaults but for their limits, which are meant
 * for real rates: 4 MiB of a link of 10 Mbit/s are three seconds.
 */
static int write_config(const struct setup_env *env, uint32_t host, struct dmsc_error *err)
{
	uint32_t limit = qdisc_limit(host_rate(env, host)), i;
	struct hostconf conf;
	char path[256];
	FILE *f;

	hostconf_defaults(&conf);
	file_of(env, host, "yaml", path, sizeof(path));
	f = fopen(path, "we");
	if (!f)
		return dmsc_fail(err, -errno, "%s: %s", path, strerror(errno));
	fprintf(f, "# Written by the emulator.\nhost: %s\nprofile: %s\nclasses:\n",
		env->plan->hosts[host].name, env->profile.name);
	for (i = 0; i < DMSC_NR_CLASSES; i++)
		fprintf(f, "  %s: {limit: %u, ecn: %u}\n", dmsc_class_name(i), limit,
			conf.classes[i].ecn ? limit / 4 : 0);
	if (fclose(f))
		return dmsc_fail(err, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

static int start_daemon(struct setup_env *env, uint32_t host, struct dmsc_error *err)
{
	char config[256], socket[256], state[256], pins[256], cgroup[512], own[512], log[256];
	const char *const argv[] = {
		env->dmscd,	 "--foreground", "--host",    env->plan->hosts[host].name,
		"--config",	 config,	 "--socket",  socket,
		"--state",	 state,		 "--pin-dir", pins,
		"--cgroup-root", cgroup,	 NULL
	};
	const struct command_options o = {
		.netns = cluster_host_netns(env->cluster, host),
		.cgroup = own,
		.log = log,
	};
	int ret;

	file_of(env, host, "yaml", config, sizeof(config));
	file_of(env, host, "sock", socket, sizeof(socket));
	file_of(env, host, "state", state, sizeof(state));
	file_of(env, host, "log", log, sizeof(log));
	snprintf(pins, sizeof(pins), "%s/bpf/%s", env->cluster->dir, env->plan->hosts[host].name);
	snprintf(cgroup, sizeof(cgroup), "%s/%s", env->cluster->cgroup, env->plan->hosts[host].name);
	snprintf(own, sizeof(own), "%s/" CLUSTER_DAEMONS, env->cluster->cgroup);
	if ((mkdir(own, 0755) && errno != EEXIST) || (mkdir(cgroup, 0755) && errno != EEXIST))
		return dmsc_fail(err, -errno, "%s: %s", own, strerror(errno));
	ret = write_config(env, host, err);
	return ret ? ret : command_start(&env->daemons[host], &o, argv, err);
}

/* What the daemon said last, for the message. */
static int daemon_failed(struct setup_env *env, uint32_t host, const char *what,
			 struct dmsc_error *err)
{
	char path[256], line[400] = "", last[400] = "";
	FILE *f;

	file_of(env, host, "log", path, sizeof(path));
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		strcpy(last, line);
	if (f)
		fclose(f);
	last[strcspn(last, "\n")] = '\0';
	return dmsc_fail(err, -EIO, "%s: dmscd %s: %s", env->plan->hosts[host].name, what,
			 last[0] ? last : "it said nothing");
}

static int wait_daemon(struct setup_env *env, uint32_t host, struct dmsc_error *err)
{
	const struct timespec pause = { 0, 50 * 1000 * 1000 };
	struct ipc_client client;
	char socket[256];
	int i;

	file_of(env, host, "sock", socket, sizeof(socket));
	for (i = 0; i < START_MS / 50; i++) {
		if (!ipc_connect(&client, socket, NULL)) {
			ipc_disconnect(&client);
			return 0;
		}
		if (!command_running(&env->daemons[host]))
			return daemon_failed(env, host, "ended", err);
		nanosleep(&pause, NULL);
	}
	return daemon_failed(env, host, "does not serve its socket", err);
}

/* Found out before anything runs, with what can be done without it. */
static int need_module(struct dmsc_error *err)
{
	struct dmsc_error e;
	struct queues *q;
	int ret = queues_open(&q, true, &e);

	if (!ret)
		queues_close(q);
	if (ret == -ENOENT)
		return dmsc_fail(err, ret,
				 "set-up dmsc: kernel module sch_dmsc is not there; without it work --setups default,stock, and --fifo");
	return ret ? dmsc_fail(err, ret, "set-up dmsc: %.400s", e.text) : 0;
}

static int start(struct setup_env *env, struct dmsc_error *err)
{
	const struct plan *p = env->plan;
	char path[256];
	uint32_t h;
	int ret;

	ret = env->fifo ? 0 : need_module(err);
	if (ret)
		return ret;
	if (access(env->dmscd, X_OK))
		return dmsc_fail(err, -errno, "%s: %s (--dmscd)", env->dmscd, strerror(errno));
	if (access(env->dmscctl, X_OK))
		return dmsc_fail(err, -errno, "%s: %s (--dmscctl)", env->dmscctl, strerror(errno));
	env->daemons = calloc(p->nr_hosts + 1, sizeof(*env->daemons));
	if (!env->daemons)
		return dmsc_fail(err, -ENOMEM, "no memory");
	snprintf(path, sizeof(path), "%s/plan.json", env->cluster->dir);
	ret = plan_write(p, path, err);
	for (h = 0; h < p->nr_hosts && !ret; h++)
		ret = start_daemon(env, h, err);
	for (h = 0; h < p->nr_hosts && !ret; h++)
		ret = wait_daemon(env, h, err);
	return ret;
}

/* What many hosts say, and say again each round, is said once. */
static void warn(struct setup_env *env, const char *host, const char *text)
{
	if (!env->warnings.data || !strstr(env->warnings.data, text))
		text_add(&env->warnings, "dmsc: %s: %s\n", host, text);
}

/* dmscctl in every host, side by side; @check looks at each answer, may be NULL. */
static int ctl(struct setup_env *env, const char *verb, const char *arg,
	       int (*check)(struct setup_env *env, uint32_t host, const char *answer,
			    struct dmsc_error *err),
	       struct dmsc_error *err)
{
	const struct plan *p = env->plan;
	struct command *cmd = calloc(p->nr_hosts + 1, sizeof(*cmd));
	struct dmsc_error e;
	int ret = 0, r;
	uint32_t h;

	if (!cmd)
		return dmsc_fail(err, -ENOMEM, "no memory");
	for (h = 0; h < p->nr_hosts && !ret; h++) {
		char socket[256];
		const char *const argv[] = { env->dmscctl, "--json", "--socket", socket,
					     verb,	   arg,	     NULL };
		const struct command_options o = {
			.netns = cluster_host_netns(env->cluster, h),
		};

		file_of(env, h, "sock", socket, sizeof(socket));
		ret = command_start(&cmd[h], &o, argv, err);
	}
	for (h = 0; h < p->nr_hosts; h++) {
		char *answer = NULL;

		r = cmd[h].pid ? command_wait(&cmd[h], &answer, &e) : 0;
		if (r && !ret)
			ret = dmsc_fail(err, r, "%s: %.400s", p->hosts[h].name, e.text);
		if (!ret && check)
			ret = check(env, h, answer, err);
		free(answer);
	}
	free(cmd);
	return ret;
}

/* A path that is down is left to routing: then it is not the plan that runs. */
static int check_apply(struct setup_env *env, uint32_t host, const char *answer,
		       struct dmsc_error *err)
{
	const char *name = env->plan->hosts[host].name, *text;
	json_error_t where;
	json_t *root = json_loads(answer ? answer : "", 0, &where), *w;
	int down = -1;
	size_t i;

	if (json_unpack(root, "{s:{s:i}}", "paths", "down", &down)) {
		json_decref(root);
		return dmsc_fail(err, -EPROTO, "%s: dmscctl apply: unexpected answer", name);
	}
	json_array_foreach(json_object_get(root, "warnings"), i, w)
	{
		text = json_string_value(w);
		if (text)
			warn(env, name, text);
		if (text && down > 0) {
			dmsc_fail(err, -EIO, "%s: %.400s", name, text);
			down = -2;
		}
	}
	json_decref(root);
	if (down > 0)
		return dmsc_fail(err, -EIO, "%s: %d paths are down after dmscctl apply", name, down);
	return down ? -EIO : 0;
}

static void write_port(struct setup_env *env, struct text *t, const char *ifname, uint64_t rate)
{
	if (env->fifo)
		qdisc_set_fifo(t, ifname, rate, QDISC_DMSC);
	else
		qdisc_set_dmsc(t, ifname);
}

static int enter(struct setup_env *env, struct dmsc_error *err)
{
	char path[256];
	int ret;

	ret = setup_hosts(env, write_port, err);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "%s/plan.json", env->cluster->dir);
	return ctl(env, "apply", path, check_apply, err);
}

static int leave(struct setup_env *env, struct dmsc_error *err)
{
	return ctl(env, "off", NULL, NULL, err);
}

static void stop(struct setup_env *env)
{
	const struct timespec pause = { 0, 20 * 1000 * 1000 };
	uint32_t h;
	int i;

	if (!env->daemons)
		return;
	for (h = 0; h < env->plan->nr_hosts; h++)
		command_signal(&env->daemons[h], SIGTERM);
	for (h = 0; h < env->plan->nr_hosts; h++) {
		for (i = 0; i < STOP_MS / 20 && command_running(&env->daemons[h]); i++)
			nanosleep(&pause, NULL);
		if (env->daemons[h].pid)
			command_kill(&env->daemons[h]);
	}
	free(env->daemons);
	env->daemons = NULL;
}

const struct setup setup_dmsc = {
	.name = "dmsc",
	.title = "DMSC",
	.description = "sch_dmsc at the hosts, class and path of every flow by BPF after the plan",
	.start = start,
	.enter = enter,
	.leave = leave,
	.stop = stop,
};
