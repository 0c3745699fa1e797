// SPDX-License-Identifier: GPL-2.0-or-later
#include "emulator/setup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "emulator/qdisc.h"

static const struct setup *const setups[] = { &setup_default, &setup_stock, &setup_dmsc };

const struct setup *setup_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(setups) / sizeof(setups[0]); i++)
		if (!strcmp(name, setups[i]->name))
			return setups[i];
	return NULL;
}

/* tc -batch in every node that has something to do, side by side. */
static int run_tc(struct setup_env *env, struct text *scripts, struct dmsc_error *err)
{
	const char *const argv[] = { "tc", "-batch", "-", NULL };
	const struct topology *t = &env->plan->topo;
	struct command *cmd = calloc(t->nr_nodes + 1, sizeof(*cmd));
	struct dmsc_error e;
	int ret = 0, r;
	uint32_t i;

	if (!cmd)
		return dmsc_fail(err, -ENOMEM, "no memory");
	for (i = 0; i < t->nr_nodes && !ret; i++) {
		const struct command_options o = {
			.netns = env->cluster->nodes[i].fd,
			.input = scripts[i].data,
		};

		if (scripts[i].failed)
			ret = dmsc_fail(err, -ENOMEM, "no memory");
		else if (scripts[i].len)
			ret = command_start(&cmd[i], &o, argv, err);
	}
	for (i = 0; i < t->nr_nodes; i++) {
		r = cmd[i].pid ? command_wait(&cmd[i], NULL, &e) : 0;
		if (r && !ret)
			ret = dmsc_fail(err, r, "%s: %.400s", t->nodes[i].name, e.text);
	}
	free(cmd);
	return ret;
}

static struct text *new_scripts(const struct plan *p, struct dmsc_error *err)
{
	struct text *scripts = calloc(p->topo.nr_nodes + 1, sizeof(*scripts));

	if (!scripts)
		dmsc_fail(err, -ENOMEM, "no memory");
	return scripts;
}

static void free_scripts(const struct plan *p, struct text *scripts)
{
	uint32_t i;

	for (i = 0; i < p->topo.nr_nodes; i++)
		text_free(&scripts[i]);
	free(scripts);
}

int setup_fabric(struct setup_env *env, struct dmsc_error *err)
{
	const struct topology *t = &env->plan->topo;
	struct text *scripts = new_scripts(env->plan, err);
	uint32_t i, n;
	int side, ret;

	if (!scripts)
		return -ENOMEM;
	for (i = 0; i < t->nr_links; i++) {
		uint64_t rate = scale_rate(env->cluster->scale, t->links[i].rate);

		for (side = 0; side < 2; side++) {
			const char *ifname = cluster_ifname(&t->links[i], side);

			n = cluster_end(&t->links[i], side);
			qdisc_add_port(&scripts[n], ifname, rate);
			if (t->nodes[n].kind == NODE_HOST)
				continue;
			if (env->fifo)
				qdisc_set_fifo(&scripts[n], ifname, rate, QDISC_FIFO);
			else
				qdisc_set_dscp(&scripts[n], ifname, rate, QDISC_DSCP_FABRIC,
					       &env->profile);
		}
	}
	ret = run_tc(env, scripts, err);
	free_scripts(env->plan, scripts);
	return ret;
}

int setup_hosts(struct setup_env *env,
		void (*write)(struct setup_env *env, struct text *t, const char *ifname,
			      uint64_t rate),
		struct dmsc_error *err)
{
	const struct topology *t = &env->plan->topo;
	struct text *scripts = new_scripts(env->plan, err);
	uint32_t i;
	int ret;

	if (!scripts)
		return -ENOMEM;
	for (i = 0; i < t->nr_links; i++) {
		const struct topo_link *l = &t->links[i];

		if (t->nodes[l->a].kind == NODE_HOST)
			write(env, &scripts[l->a], l->if_a,
			      scale_rate(env->cluster->scale, l->rate));
	}
	ret = run_tc(env, scripts, err);
	free_scripts(env->plan, scripts);
	return ret;
}
