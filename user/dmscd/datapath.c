// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscd/datapath.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include "dmscd/daemon.h"
#include "dmscd/hops.h"
#include "dmscd/policy.h"
#include "dmscd/queuectl.h"
#include "lib/log.h"

static struct dataplane_config config(const struct daemon *d)
{
	return (struct dataplane_config){
		.pin_dir = d->conf.pin_dir,
		.cgroup = d->conf.cgroup_root,
		.upgrade = true,
	};
}

/* Pins need a bpffs; a plain directory would fail later with less to go by. */
static int check_bpffs(const struct daemon *d, struct dmsc_error *err)
{
	char path[sizeof(d->conf.pin_dir)], *slash;
	struct statfs st;

	strcpy(path, d->conf.pin_dir);
	while (statfs(path, &st)) {
		slash = strrchr(path, '/');
		if (errno != ENOENT || !slash || slash == path)
			return dmsc_fail(err, -errno, "%s: %s", path, strerror(errno));
		*slash = '\0';
	}
	if (st.f_type != BPF_FS_MAGIC)
		return dmsc_fail(err, -ENODEV,
				 "%s is not on a bpf file system (mount -t bpf bpf /sys/fs/bpf)",
				 d->conf.pin_dir);
	return 0;
}

int datapath_open(struct daemon *d)
{
	struct dataplane_config cfg = config(d);
	int ret;

	if (!d->conf.bpf)
		return dmsc_fail(&d->dp_why, -EOPNOTSUPP, "switched off by configuration");
	if (d->dp)
		return 0;
	ret = check_bpffs(d, &d->dp_why);
	if (!ret)
		ret = dataplane_open(&d->dp, &cfg, &d->dp_why);
	if (ret) {
		d->dp = NULL;
		return ret;
	}
	d->dp_why.text[0] = '\0';
	if (dataplane_upgrades(d->dp))
		log_info("bpf: the data path of version %u stays at work until a plan is in force",
			 DMSC_ABI - 1);
	policy_watch(d);
	return 0;
}

uint32_t datapath_generation(struct daemon *d)
{
	struct dmsc_ctl ctl;

	return d->dp && !dataplane_ctl(d->dp, &ctl) ? ctl.generation : 0;
}

int datapath_is_pinned(const struct daemon *d)
{
	struct stat st;

	return !stat(d->conf.pin_dir, &st);
}

int datapath_attach(struct daemon *d, struct hostplan *hp, struct dmsc_error *err)
{
	for (uint32_t i = 0; i < hp->nr_rails; i++) {
		int ret = dataplane_attach(d->dp, hp->rails[i].info.name, err);

		if (ret)
			return ret;
	}
	return 0;
}

int datapath_trust(struct daemon *d, struct dmsc_error *err)
{
	uint32_t ifindexes[HOSTCONF_MAX_INTERFACES];
	size_t n = 0;

	for (uint32_t i = 0; i < d->conf.nr_trusted; i++) {
		ifindexes[n] = if_nametoindex(d->conf.trusted[i]);
		n += !!ifindexes[n];
	}
	return dataplane_trust(d->dp, ifindexes, n, err);
}

int datapath_remove(struct daemon *d, struct dmsc_error *err)
{
	struct dataplane_config cfg = config(d);
	struct registry_plan stored;
	struct hostplan *hp = d->current;
	struct dmsc_error e;
	int ret, one;

	/* First what decides over a restart: nothing shall come back by itself. */
	ret = registry_set_enabled(d->registry, false, err);
	policy_unwatch(d);
	dataplane_close(d->dp);
	d->dp = NULL;
	one = datapath_is_pinned(d) ? dataplane_flush(&cfg, &e) : 0;
	if (one && !ret)
		ret = dmsc_fail(err, one, "bpf: %.500s", e.text);
	one = hops_release(d, NULL, &e);
	if (one && !ret)
		ret = dmsc_fail(err, one, "%.500s", e.text);
	if (!hp && !registry_current(d->registry, &stored, &e)) {
		if (hostplan_new(d, stored.text, stored.text_len, &hp, &e))
			hp = NULL;
		registry_plan_free(&stored);
	}
	one = queuectl_program(d, NULL, NULL, NULL, &e);
	if (one && !ret)
		ret = dmsc_fail(err, one, "queues: %.500s", e.text);
	if (hp) {
		queuectl_uninstall(d, hp);
		hostplan_retire_cgroups(d, hp, NULL);
	}
	if (hp != d->current)
		hostplan_free(hp);
	hostplan_free(d->current);
	d->current = NULL;
	dmsc_fail(&d->plan_why, 0, "switched off; apply a plan to switch on");
	return ret;
}
