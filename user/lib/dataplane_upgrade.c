// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From the version before to this one, with traffic. Maps may have other layouts, so ours are
 * new ones, and not pinned until a generation is in them. Then each hook gets our program
 * inside the link that is there: every packet is handled by the old generation or by the new
 * one. Pins come last, and dmsc_ctl at the very end. Whoever is killed on the way leaves a
 * version before to the next one, who does all of it again.
 *
 * What is kept with sockets stays with the old programs: connections are resolved anew, as
 * those that are older than the data path. Kept are maps whose layouts have versions of
 * their own (the service router's), or never change (what applications chose).
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/dataplane_priv.h"

#define NEXT_PIN "dmsc_next" /* a map on its way to its own name */

struct dataplane_upgrade {
	char *cgroup;
	char **interfaces; /* to be attached to with the others */
	size_t nr_interfaces;
	struct bpf_map **maps; /* to be pinned */
	size_t nr_maps;
};

/* Whether the map pinned under @map's name has its layout. */
static bool same_layout(const struct bpf_map *map)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int fd = bpf_obj_get(bpf_map__pin_path(map));
	bool same;

	if (fd < 0)
		return false;
	same = !bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == bpf_map__type(map) &&
	       info.key_size == bpf_map__key_size(map) &&
	       info.value_size == bpf_map__value_size(map) &&
	       info.max_entries == bpf_map__max_entries(map) &&
	       info.map_flags == bpf_map__map_flags(map);
	close(fd);
	return same;
}

static bool is_kept(const char *name)
{
	return !strncmp(name, "dmsc_rt_", 8) || !strcmp(name, "dmsc_choices");
}

int dataplane_upgrade_begin(struct dataplane *dp, struct bpf_object *obj, const char *cgroup,
			    struct dmsc_error *err)
{
	struct dataplane_upgrade *u = calloc(1, sizeof(*u));
	struct bpf_map *map;
	size_t n = 0;

	bpf_object__for_each_map(map, obj) n++;
	dp->upgrade = u;
	if (u) {
		u->cgroup = strdup(cgroup ?: "");
		u->maps = calloc(n, sizeof(*u->maps));
	}
	if (!u || !u->cgroup || !u->maps)
		return dmsc_fail(err, -ENOMEM, "out of memory");
	bpf_object__for_each_map(map, obj)
	{
		if (!bpf_map__pin_path(map) || (is_kept(bpf_map__name(map)) && same_layout(map)))
			continue;
		if (bpf_map__set_pin_path(map, NULL))
			return dmsc_fail(err, -ENOMEM, "out of memory");
		u->maps[u->nr_maps++] = map;
	}
	return 0;
}

bool dataplane_upgrades(const struct dataplane *dp)
{
	return dp->upgrade;
}

int dataplane_upgrade_attach(struct dataplane *dp, const char *ifname, struct dmsc_error *err)
{
	struct dataplane_upgrade *u = dp->upgrade;
	char **list;

	for (size_t i = 0; i < u->nr_interfaces; i++)
		if (!strcmp(u->interfaces[i], ifname))
			return 0;
	list = reallocarray(u->interfaces, u->nr_interfaces + 1, sizeof(*list));
	if (list)
		u->interfaces = list;
	if (!list || !(list[u->nr_interfaces] = strdup(ifname)))
		return dmsc_fail(err, -ENOMEM, "out of memory");
	u->nr_interfaces++;
	return 0;
}

/* The map under its name, in the place of what is there, in one step. */
static int pin(const struct dataplane *dp, const struct bpf_map *map, struct dmsc_error *err)
{
	char next[PATH_MAX + 16], path[PATH_MAX + 64];

	snprintf(next, sizeof(next), "%s/" NEXT_PIN, dp->pin_dir);
	snprintf(path, sizeof(path), "%s/%s", dp->pin_dir, bpf_map__name(map));
	unlink(next);
	if (bpf_obj_pin(bpf_map__fd(map), next) || rename(next, path))
		return dmsc_fail(err, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

static int pin_all(const struct dataplane *dp, struct dmsc_error *err)
{
	const struct dataplane_upgrade *u = dp->upgrade;
	const struct bpf_map *ctl = NULL;
	int ret = 0;

	for (size_t i = 0; i < u->nr_maps && !ret; i++) {
		if (!strcmp(bpf_map__name(u->maps[i]), "dmsc_ctl"))
			ctl = u->maps[i];
		else
			ret = pin(dp, u->maps[i], err);
	}
	return ret || !ctl ? ret : pin(dp, ctl, err);
}

int dataplane_upgrade_finish(struct dataplane *dp, struct dmsc_error *err)
{
	struct dataplane_upgrade *u = dp->upgrade;
	int ret;

	dp->upgrade = NULL; /* dataplane_attach() means it now */
	ret = dataplane_attach_cgroup(dp, u->cgroup, err);
	if (!ret)
		ret = dataplane_reattach(dp, err);
	for (size_t i = 0; i < u->nr_interfaces && !ret; i++)
		ret = dataplane_attach(dp, u->interfaces[i], err);
	dp->upgrade = u;
	if (!ret)
		ret = pin_all(dp, err);
	if (!ret)
		dataplane_upgrade_free(dp);
	return ret;
}

void dataplane_upgrade_free(struct dataplane *dp)
{
	struct dataplane_upgrade *u = dp->upgrade;

	if (!u)
		return;
	for (size_t i = 0; i < u->nr_interfaces; i++)
		free(u->interfaces[i]);
	free(u->interfaces);
	free(u->maps);
	free(u->cgroup);
	free(u);
	dp->upgrade = NULL;
}
