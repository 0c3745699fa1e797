// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmscctl/ctl.h"
#include "lib/dataplane.h"
#include "lib/hostconf.h"
#include "lib/neigh.h"
#include "lib/queues.h"
#include "lib/registry.h"

#define OFF_TIMEOUT_MS 10000 /* then the daemon counts as stuck and is not needed */

/* Through the daemon, which then knows. -1: there is none, or it does not answer. */
static int ask_daemon(struct ctl *c)
{
	struct ipc_client client;
	struct dmsc_error err;
	json_t *answer;
	int ret;

	ret = ipc_connect(&client, c->socket, &err);
	if (ret == -ENOENT || ret == -ECONNREFUSED)
		return -1;
	if (ret)
		return ctl_fail(ret, &err);
	ret = ipc_call(&client, json_pack("{s:s}", "cmd", "off"), &answer, OFF_TIMEOUT_MS, &err);
	ipc_disconnect(&client);
	if (ret == -ETIMEDOUT || ret == -ECONNRESET) {
		fprintf(stderr, "dmscctl: %s; going on without it\n", err.text);
		return -1;
	}
	if (ret)
		return ctl_fail(ret, &err);
	json_decref(answer);
	return 0;
}

static void note(int ret, const struct dmsc_error *e, int *first)
{
	if (!ret)
		return;
	fprintf(stderr, "dmscctl: %s\n", e->text);
	if (!*first)
		*first = ret;
}

/* Queues of ours in every dmsc qdisc; without the module there are none. */
static int clear_queues(struct dmsc_error *err)
{
	struct queue_qdisc *list = NULL;
	struct queues *q;
	size_t n = 0;
	int ret;

	ret = queues_open(&q, false, err);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	ret = queues_get_qdiscs(q, 0, &list, &n, err);
	for (size_t i = 0; i < n && !ret; i++)
		ret = queues_set_queues(q, list[i].ifindex, list[i].handle, NULL, 0, true, err);
	free(list);
	queues_close(q);
	return ret;
}

/* Everything is tried, whatever fails: it is the kill switch. */
static int flush(const struct hostconf *conf)
{
	struct dataplane_config cfg = { .pin_dir = conf->pin_dir, .cgroup = conf->cgroup_root };
	struct dmsc_error err = { "" };
	struct registry *registry;
	struct rtnl *rtnl;
	int ret, first = 0;

	note(dataplane_flush(&cfg, &err), &err, &first);
	ret = rtnl_open(&rtnl, &err);
	if (!ret) {
		ret = neigh_release(rtnl, NULL, NULL, &err);
		rtnl_close(rtnl);
	}
	note(ret, &err, &first);
	note(clear_queues(&err), &err, &first);
	/* So that a daemon that starts does not switch it on again. */
	ret = registry_open(&registry, conf->state, &err);
	if (!ret) {
		ret = registry_set_enabled(registry, false, &err);
		registry_close(registry);
	}
	note(ret, &err, &first);
	return first ? STATUS_FAILED : 0;
}

static int run(struct ctl *c, int argc, char **argv)
{
	const char *config = NULL, *pin_dir = NULL, *state = NULL;
	const struct opt opts[] = { { "config", 'c', "FILE", "dmscd's configuration", &config, NULL },
				    { "pin-dir", 0, "DIR", "as given to dmscd", &pin_dir, NULL },
				    { "state", 0, "DIR", "as given to dmscd", &state, NULL },
				    { 0 } };
	struct hostconf conf;
	struct dmsc_error err;
	bool alone = false;
	int ret, status;

	if (ctl_options(c, argc, argv, opts, 0, 0, &status) < 0)
		return status;
	hostconf_defaults(&conf);
	ret = hostconf_read(config ? config : HOSTCONF_FILE, &conf, &err);
	if (ret && (config || ret != -ENOENT)) {
		/* A broken configuration must not stop the kill switch. */
		fprintf(stderr, "dmscctl: %s; using the defaults\n", err.text);
	}
	if (pin_dir)
		snprintf(conf.pin_dir, sizeof(conf.pin_dir), "%s", pin_dir);
	if (state)
		snprintf(conf.state, sizeof(conf.state), "%s", state);
	status = ask_daemon(c);
	if (status < 0) {
		alone = true;
		status = flush(&conf);
	}
	if (status)
		return status;
	if (c->json)
		return ctl_print_json(
			json_pack("{s:b, s:s}", "off", 1, "by", alone ? "dmscctl" : "dmscd"));
	printf("off: nothing is classified or steered; traffic is left to routing%s\n",
	       alone ? " (dmscd does not run)" : "");
	return 0;
}

const struct command cmd_off = {
	.name = "off",
	.usage = "",
	.summary = "kill switch: detach everything, plain forwarding",
	.details = "Works also when dmscd is dead or stuck. The next apply switches on again.",
	.run = run,
};
