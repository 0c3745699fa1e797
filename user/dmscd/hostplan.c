// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscd/hostplan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/magic.h>

#include "dmscd/daemon.h"
#include "lib/addr.h"
#include "lib/encap.h"
#include "lib/spec.h"

#define CGROUP_MARK "user.dmsc" /* extended attribute of the cgroups made here */

static bool wanted_interface(const struct daemon *d, const char *name)
{
	for (uint32_t i = 0; i < d->conf.nr_interfaces; i++)
		if (!strcmp(d->conf.interfaces[i], name))
			return true;
	return !d->conf.nr_interfaces;
}

static int find_rails(struct daemon *d, struct hostplan *hp, struct dmsc_error *err)
{
	const struct topology *t = &hp->plan.topo;
	int ret;

	hp->ifindexes = calloc(t->nr_links + 1, sizeof(*hp->ifindexes));
	hp->rails = calloc(t->nr_links + 1, sizeof(*hp->rails));
	if (!hp->ifindexes || !hp->rails)
		return dmsc_fail(err, -ENOMEM, "plan: no memory");
	for (uint32_t i = 0; i < t->nr_links; i++) {
		struct rail *r = &hp->rails[hp->nr_rails];
		struct dmsc_error e;

		if (!tables_link_of(&hp->plan, hp->host, i) ||
		    !wanted_interface(d, t->links[i].if_a))
			continue;
		ret = link_get(d->rtnl, t->links[i].if_a, &r->info, &e);
		if (ret)
			return dmsc_fail(err, ret == -ENODEV ? -ENODEV : ret,
					 "plan: topology: %s's %.400s", d->conf.host, e.text);
		r->link = i;
		hp->ifindexes[i] = r->info.ifindex;
		hp->nr_rails++;
	}
	return 0;
}

static bool cgroup_name_ok(const char *name)
{
	const char *p = name;

	while (*p) {
		size_t len = strcspn(p, "/");

		if (!len || (len == 1 && p[0] == '.') || (len == 2 && !memcmp(p, "..", 2)))
			return false;
		for (size_t i = 0; i < len; i++)
			if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
				return false;
		p += len;
		if (*p == '/' && !*++p)
			return false;
	}
	return p != name;
}

static int check_instances(struct daemon *d, struct hostplan *hp, struct dmsc_error *err)
{
	char path[512];

	for (uint32_t i = 0; i < hp->plan.nr_instances; i++) {
		const struct plan_instance *in = &hp->plan.instances[i];

		if (in->host != hp->host)
			continue;
		hp->nr_local++;
		if (!cgroup_name_ok(in->cgroup))
			return dmsc_fail(err, -EINVAL,
					 "plan: instances[%u].cgroup: '%.64s', expected a relative path without . and ..",
					 i, in->cgroup);
		if (hostplan_cgroup_path(d, in->cgroup, path, sizeof(path)))
			return dmsc_fail(err, -EINVAL,
					 "plan: instances[%u].cgroup: too long below %s, expected less than %zu bytes",
					 i, d->conf.cgroup_root, sizeof(path));
	}
	return 0;
}

int hostplan_new(struct daemon *d, const char *text, size_t len, struct hostplan **out,
		 struct dmsc_error *err)
{
	struct hostplan *hp = calloc(1, sizeof(*hp));
	int ret;

	if (!hp)
		return dmsc_fail(err, -ENOMEM, "plan: no memory");
	hp->text = malloc(len + 1);
	if (!hp->text) {
		free(hp);
		return dmsc_fail(err, -ENOMEM, "plan: no memory");
	}
	memcpy(hp->text, text, len);
	hp->text[len] = '\0';
	hp->text_len = len;
	ret = plan_from_text(text, len, &hp->plan, err);
	if (ret) {
		free(hp->text);
		free(hp);
		return ret;
	}
	hp->host = tables_host(&hp->plan, d->conf.host);
	if (hp->host == MODEL_NONE)
		ret = dmsc_fail(err, -EINVAL,
				"plan: hosts: %s is not in the plan, expected it (or another --host)",
				d->conf.host);
	if (!ret)
		ret = check_instances(d, hp, err);
	if (!ret)
		ret = find_rails(d, hp, err);
	if (ret) {
		hostplan_free(hp);
		return ret;
	}
	*out = hp;
	return 0;
}

void hostplan_free(struct hostplan *hp)
{
	if (!hp)
		return;
	for (size_t i = 0; i < hp->nr_made; i++)
		free(hp->made[i]);
	free(hp->made);
	tables_free(&hp->tables);
	plan_free(&hp->plan);
	free(hp->text);
	free(hp->rails);
	free(hp->ifindexes);
	free(hp->cgroup_ids);
	free(hp->paths);
	free(hp);
}

const struct plan_instance *hostplan_service(const struct hostplan *hp, uint32_t sid)
{
	for (uint32_t i = 0; i < hp->plan.nr_instances; i++)
		if (hp->plan.instances[i].sid == sid)
			return &hp->plan.instances[i];
	return NULL;
}

struct rail *hostplan_rail(struct hostplan *hp, uint32_t link)
{
	for (uint32_t i = 0; i < hp->nr_rails; i++)
		if (hp->rails[i].link == link)
			return &hp->rails[i];
	return NULL;
}

int hostplan_cgroup_path(const struct daemon *d, const char *cgroup, char *out, size_t size)
{
	int n = snprintf(out, size, "%s/%s", d->conf.cgroup_root, cgroup);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static int mkdir_root(const struct daemon *d, struct dmsc_error *err)
{
	char path[sizeof(d->conf.cgroup_root)];

	strcpy(path, d->conf.cgroup_root);
	for (char *p = path + 1;; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0755) && errno != EEXIST)
			return dmsc_fail(err, -errno, "cgroup: cannot make %s: %s", path,
					 strerror(errno));
		*p = c;
		if (!c)
			return 0;
	}
}

/* mkdir -p, noting what was made so that it can be taken back. */
static int make_dirs(struct hostplan *hp, const char *dir, struct dmsc_error *err)
{
	char path[512];

	snprintf(path, sizeof(path), "%s", dir);
	for (char *p = path + 1;; p++) {
		char c = *p, **made;

		if (c && c != '/')
			continue;
		*p = '\0';
		if (!mkdir(path, 0755)) {
			made = reallocarray(hp->made, hp->nr_made + 1, sizeof(*made));
			if (made)
				hp->made = made;
			if (!made || !(made[hp->nr_made] = strdup(path))) {
				rmdir(path);
				return dmsc_fail(err, -ENOMEM, "cgroup: no memory");
			}
			hp->nr_made++;
			/* Without the mark it stays when the plan goes: the safe side. */
			setxattr(path, CGROUP_MARK, "1", 1, 0);
		} else if (errno != EEXIST) {
			return dmsc_fail(err, -errno, "cgroup: cannot make %s: %s", path,
					 strerror(errno));
		}
		*p = c;
		if (!c)
			return 0;
	}
}

/* The nearest directory that exists must be of a cgroup2 file system. */
static int check_cgroup_root(const struct daemon *d, struct dmsc_error *err)
{
	char path[sizeof(d->conf.cgroup_root)], *slash;
	struct statfs st;

	strcpy(path, d->conf.cgroup_root);
	while (statfs(path, &st)) {
		slash = strrchr(path, '/');
		if (errno != ENOENT || !slash || slash == path)
			return dmsc_fail(err, -errno, "cgroup: %s: %s", path, strerror(errno));
		*slash = '\0';
	}
	if (st.f_type != CGROUP2_SUPER_MAGIC)
		return dmsc_fail(err, -EINVAL,
				 "cgroup: %s is not on a cgroup2 file system, expected --cgroup-root below one",
				 d->conf.cgroup_root);
	return 0;
}

int hostplan_cgroups(struct daemon *d, struct hostplan *hp, bool check, struct dmsc_error *err)
{
	char path[512];
	struct stat st;
	int ret;

	ret = check_cgroup_root(d, err);
	if (ret)
		return ret;
	free(hp->cgroup_ids);
	hp->cgroup_ids = calloc(hp->plan.nr_instances + 1, sizeof(*hp->cgroup_ids));
	if (!hp->cgroup_ids)
		return dmsc_fail(err, -ENOMEM, "plan: no memory");
	/* The root is never taken back: the socket hooks are attached to it. */
	if (!check) {
		ret = mkdir_root(d, err);
		if (ret)
			return ret;
	}
	for (uint32_t i = 0; i < hp->plan.nr_instances; i++) {
		const struct plan_instance *in = &hp->plan.instances[i];

		if (in->host != hp->host)
			continue;
		hostplan_cgroup_path(d, in->cgroup, path, sizeof(path));
		if (!check) {
			ret = make_dirs(hp, path, err);
			if (ret)
				return ret;
		}
		if (!stat(path, &st))
			hp->cgroup_ids[i] = st.st_ino; /* what bpf_get_current_cgroup_id() says */
		else if (check && errno == ENOENT)
			hp->cgroup_ids[i] = UINT64_MAX - i;
		else
			return dmsc_fail(err, -errno, "cgroup: %s: %s", path, strerror(errno));
	}
	return 0;
}

void hostplan_undo_cgroups(struct hostplan *hp)
{
	while (hp->nr_made) {
		rmdir(hp->made[--hp->nr_made]);
		free(hp->made[hp->nr_made]);
	}
}

static bool uses_cgroup(const struct hostplan *hp, const char *cgroup)
{
	for (uint32_t i = 0; i < hp->plan.nr_instances; i++)
		if (hp->plan.instances[i].host == hp->host &&
		    !strcmp(hp->plan.instances[i].cgroup, cgroup))
			return true;
	return false;
}

void hostplan_retire_cgroups(struct daemon *d, const struct hostplan *old, const struct hostplan *hp)
{
	char path[512], *slash;

	for (uint32_t i = 0; i < old->plan.nr_instances; i++) {
		const struct plan_instance *in = &old->plan.instances[i];

		if (in->host != old->host || (hp && uses_cgroup(hp, in->cgroup)) ||
		    hostplan_cgroup_path(d, in->cgroup, path, sizeof(path)))
			continue;
		/*
		 * Up to the root; the first that still holds something, or that
		 * somebody else made, ends it.
		 */
		while (strlen(path) > strlen(d->conf.cgroup_root) &&
		       getxattr(path, CGROUP_MARK, NULL, 0) >= 0 && !rmdir(path)) {
			slash = strrchr(path, '/');
			*slash = '\0';
		}
	}
}

int hostplan_build(struct daemon *d, struct hostplan *hp, struct dmsc_error *err)
{
	struct tables_input in = {
		.plan = &hp->plan,
		.host = hp->host,
		.profile = &d->conf.profile,
		.flags = (d->conf.steer ? DMSC_CTL_STEER : 0) | (d->conf.mark ? DMSC_CTL_DSCP : 0) |
			 (d->conf.nr_trusted ? DMSC_CTL_TRUST : 0),
		.policy = policy_in_use(&d->conf.policy) ? &d->conf.policy : NULL,
		.cgroup_ids = hp->cgroup_ids,
		.ifindexes = hp->ifindexes,
	};
	int ret;

	tables_free(&hp->tables);
	ret = tables_build(&in, &hp->tables, err);
	if (ret)
		return ret;
	free(hp->paths);
	hp->paths = calloc(hp->tables.t.nr_paths + 1, sizeof(*hp->paths));
	return hp->paths ? 0 : dmsc_fail(err, -ENOMEM, "plan: no memory");
}

uint32_t hostplan_first_by_hop(const struct hostplan *hp, uint32_t p)
{
	const struct dmsc_path *paths = hp->tables.paths;
	uint32_t i = 1;

	while (i < p && (paths[i].ifindex != paths[p].ifindex ||
			 memcmp(&paths[i].nexthop, &paths[p].nexthop, sizeof(paths[p].nexthop))))
		i++;
	return i;
}

const char *hostplan_path_name(const struct hostplan *hp, uint32_t p, char out[PATH_NAME_LEN])
{
	const struct tables_path *about = &hp->tables.about[p];
	char text[ENCAP_TEXT_LEN];

	encap_text(about->encap, text);
	snprintf(out, PATH_NAME_LEN, "%s%s%s%s", hp->plan.topo.links[about->link].if_a,
		 about->ipv6 ? " IPv6" : "", *text ? " " : "", text);
	return out;
}

int hostplan_check_mtu(struct daemon *d, struct hostplan *hp, struct dmsc_error *err)
{
	for (uint32_t p = 1; p < hp->tables.t.nr_paths; p++) {
		const struct tables_path *about = &hp->tables.about[p];
		uint32_t more = hp->tables.encaps[hp->tables.paths[p].encap].length, route, mtu;
		const struct topo_node *dst =
			&hp->plan.topo.nodes[hp->plan.hosts[about->dst_host].node];
		struct rail *r = hostplan_rail(hp, about->link);
		char name[PATH_NAME_LEN];

		if (!more || !r)
			continue;
		mtu = r->info.mtu;
		route = link_route_mtu(d->rtnl, &dst->addr);
		if (dmsc_addr_given(&dst->addr6)) {
			uint32_t route6 = link_route_mtu(d->rtnl, &dst->addr6);

			route = route6 > route ? route6 : route;
		}
		if (route && route + more > mtu)
			return dmsc_fail(err, -EINVAL,
					 "plan: paths[%u]: %.200s puts %u bytes around packets of up to %u to %s, expected room for them in the MTU of %u (a route with an mtu of at most %d)",
					 about->plan_path, hostplan_path_name(hp, p, name), more,
					 route, dst->name, mtu, (int)mtu - (int)more);
	}
	return 0;
}
