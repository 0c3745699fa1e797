// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hooks: cgroup links, and tcx links where the kernel has them. Links are pinned
 * in links/, by what they are attached to; a later open replaces the program
 * inside the link, so that no packet and no connect() passes without one.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/dataplane_priv.h"

#define CGROUP2_SUPER_MAGIC 0x63677270

/* Not in the headers of kernels before 6.6. */
#define ATTACH_TCX_INGRESS 46
#define ATTACH_TCX_EGRESS  47

static const enum bpf_attach_type tcx_type[DATAPLANE_NR_DIRS] = {
	[DATAPLANE_EGRESS] = ATTACH_TCX_EGRESS,
	[DATAPLANE_INGRESS] = ATTACH_TCX_INGRESS,
};

struct cgroup_hook {
	const char *name; /* the program without its prefix; the link's pin */
	enum bpf_attach_type type;
};

static const struct cgroup_hook cgroup_hooks[] = {
	{ "connect4", BPF_CGROUP_INET4_CONNECT },     { "connect6", BPF_CGROUP_INET6_CONNECT },
	{ "post_bind4", BPF_CGROUP_INET4_POST_BIND }, { "post_bind6", BPF_CGROUP_INET6_POST_BIND },
	{ "sendmsg4", BPF_CGROUP_UDP4_SENDMSG },      { "sendmsg6", BPF_CGROUP_UDP6_SENDMSG },
	{ "setsockopt", BPF_CGROUP_SETSOCKOPT },
};

/*
 * The service router's, while there are services. The release comes first:
 * what is counted from then on is taken back. Those of recvmsg, which cost every
 * UDP receiver something, are the last and only there for services over UDP.
 */
static const struct cgroup_hook router_hooks[] = {
	{ "sock_release", BPF_CGROUP_INET_SOCK_RELEASE },
	{ "getpeername4", BPF_CGROUP_INET4_GETPEERNAME },
	{ "getpeername6", BPF_CGROUP_INET6_GETPEERNAME },
	{ "recvmsg4", BPF_CGROUP_UDP4_RECVMSG },
	{ "recvmsg6", BPF_CGROUP_UDP6_RECVMSG },
};

#define NR_ROUTER_HOOKS	    (sizeof(router_hooks) / sizeof(router_hooks[0]))
#define NR_ROUTER_HOOKS_TCP (NR_ROUTER_HOOKS - 2)

/*
 * Kernels before 6.6 do not know the attach type; later ones look for the
 * interface, which nobody has. DMSC_TC=clsact asks for the older way.
 */
bool dataplane_have_tcx(const struct dataplane *dp)
{
	const char *want = getenv("DMSC_TC");
	int fd;

	if (want && !strcmp(want, "clsact"))
		return false;
	fd = bpf_link_create(dataplane_prog(dp, "dmsc_egress"), INT_MAX, ATTACH_TCX_EGRESS, NULL);
	if (fd >= 0)
		close(fd);
	return fd >= 0 || errno == ENODEV;
}

/*
 * Puts @prog into the link pinned at @path. 0, or -ENOENT when there is no such
 * link or what it was attached to is gone; then the pin is removed as well.
 */
static int link_update(const char *path, int prog)
{
	int fd = bpf_obj_get(path), ret = 0;

	if (fd < 0)
		return -errno;
	if (bpf_link_update(fd, prog, NULL))
		ret = -errno;
	close(fd);
	if (ret == -ENOLINK) {
		unlink(path);
		ret = -ENOENT;
	}
	return ret;
}

static int link_make(const char *path, int prog, int target, enum bpf_attach_type type)
{
	int fd = bpf_link_create(prog, target, type, NULL), ret = 0;

	if (fd < 0)
		return -errno;
	if (bpf_obj_pin(fd, path)) {
		ret = -errno;
		bpf_link_detach(fd);
	}
	close(fd);
	return ret;
}

/* Whether the link is attached to another cgroup than @id, or to none any more. */
static bool link_elsewhere(const char *path, __u64 id)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	int fd = bpf_obj_get(path);
	bool other;

	if (fd < 0)
		return false;
	other = !bpf_obj_get_info_by_fd(fd, &info, &len) && info.cgroup.cgroup_id != id;
	close(fd);
	return other;
}

/* The directory of a cgroup and its id, which is its inode number. */
static int cgroup_open(const char *cgroup, __u64 *id, struct dmsc_error *err)
{
	struct statfs fs;
	struct stat st;
	int fd;

	if (!cgroup)
		return dmsc_fail(err, -EINVAL, "no cgroup given");
	fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return dmsc_fail(err, -errno, "%s: %s", cgroup, strerror(errno));
	if (fstatfs(fd, &fs) || fstat(fd, &st) || fs.f_type != CGROUP2_SUPER_MAGIC) {
		close(fd);
		return dmsc_fail(err, -EINVAL, "%s: not a directory of cgroup v2", cgroup);
	}
	*id = st.st_ino;
	return fd;
}

/* Programs into their links; @make: also where there is no link yet. */
static int attach_hooks(struct dataplane *dp, const char *cgroup, const struct cgroup_hook *hooks,
			size_t n, bool make, struct dmsc_error *err)
{
	char path[PATH_MAX], prog[32];
	int fd, ret = 0;
	size_t i;
	__u64 id;

	fd = cgroup_open(cgroup, &id, err);
	if (fd < 0)
		return fd;
	for (i = 0; i < n && !ret; i++) {
		snprintf(prog, sizeof(prog), "dmsc_%s", hooks[i].name);
		ret = dataplane_pin_link_path(path, sizeof(path), dp->pin_dir, hooks[i].name);
		if (ret || (!make && access(path, F_OK)))
			continue;
		if (link_elsewhere(path, id))
			unlink(path);
		ret = link_update(path, dataplane_prog(dp, prog));
		if (ret == -ENOENT)
			ret = link_make(path, dataplane_prog(dp, prog), fd, hooks[i].type);
		if (ret)
			dmsc_fail(err, ret, "%s: cannot attach %s: %s", cgroup, hooks[i].name,
				  strerror(-ret));
	}
	close(fd);
	return ret;
}

int dataplane_attach_cgroup(struct dataplane *dp, const char *cgroup, struct dmsc_error *err)
{
	int ret = attach_hooks(dp, cgroup, router_hooks, NR_ROUTER_HOOKS, false, err);

	return ret   ?:
		       attach_hooks(dp, cgroup, cgroup_hooks,
				    sizeof(cgroup_hooks) / sizeof(cgroup_hooks[0]), true, err);
}

int dataplane_attach_router(struct dataplane *dp, const char *cgroup, bool udp,
			    struct dmsc_error *err)
{
	return attach_hooks(dp, cgroup, router_hooks, udp ? NR_ROUTER_HOOKS : NR_ROUTER_HOOKS_TCP,
			    true, err);
}

void dataplane_detach_router(const char *pin_dir)
{
	char path[PATH_MAX];
	size_t i;
	int fd;

	for (i = NR_ROUTER_HOOKS; i-- > 0;) {
		if (dataplane_pin_link_path(path, sizeof(path), pin_dir, router_hooks[i].name))
			continue;
		fd = bpf_obj_get(path);
		if (fd < 0)
			continue;
		bpf_link_detach(fd);
		close(fd);
		unlink(path);
	}
}

int dataplane_cgroup_is(const char *pin_dir, const char *cgroup, struct dmsc_error *err)
{
	char path[PATH_MAX];
	int fd, ret;
	__u64 id;

	fd = cgroup_open(cgroup, &id, err);
	if (fd < 0)
		return fd;
	close(fd);
	ret = dataplane_pin_link_path(path, sizeof(path), pin_dir, "connect4");
	if (ret)
		return dmsc_fail(err, ret, "%s: %s", pin_dir, strerror(-ret));
	return !link_elsewhere(path, id);
}

static void tc_link_name(char *out, size_t len, enum dataplane_dir dir, int ifindex)
{
	snprintf(out, len, "%s-%d", dir == DATAPLANE_EGRESS ? "egress" : "ingress", ifindex);
}

/* Pinned links of interfaces get this object's programs; those of gone ones go. */
static int tc_link_update(const char *path, const char *name, void *arg)
{
	const struct dataplane *dp = arg;
	enum dataplane_dir dir;
	int ret;

	if (!strncmp(name, "egress-", 7))
		dir = DATAPLANE_EGRESS;
	else if (!strncmp(name, "ingress-", 8))
		dir = DATAPLANE_INGRESS;
	else
		return 0;
	ret = link_update(path, dataplane_prog(dp, dataplane_prog_name[dir]));
	return ret == -ENOENT ? 0 : ret;
}

int dataplane_reattach(struct dataplane *dp, struct dmsc_error *err)
{
	int ret = dataplane_pin_each_link(dp->pin_dir, tc_link_update, dp);

	if (ret)
		return dmsc_fail(err, ret, "%s/links: cannot replace a program: %s", dp->pin_dir,
				 strerror(-ret));
	return dataplane_clsact_replace_all(dp, err);
}

/* Steering pulls and pushes Ethernet headers, so nothing else will do. */
static int check_ethernet(const char *ifname, struct dmsc_error *err)
{
	struct ifreq ifr = {};
	int fd, ret = 0;

	if (strlen(ifname) >= sizeof(ifr.ifr_name))
		return dmsc_fail(err, -ENODEV, "%s: no such interface", ifname);
	strcpy(ifr.ifr_name, ifname);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &ifr))
		ret = dmsc_fail(err, -errno, "%s: %s", ifname, strerror(errno));
	else if (ifr.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		ret = dmsc_fail(err, -EINVAL, "%s: not an Ethernet interface", ifname);
	if (fd >= 0)
		close(fd);
	return ret;
}

int dataplane_attach(struct dataplane *dp, const char *ifname, struct dmsc_error *err)
{
	bool made[DATAPLANE_NR_DIRS] = {};
	char path[PATH_MAX], name[32];
	int ifindex, prog, dir, ret;

	dataplane_log_reset();
	ret = check_ethernet(ifname, err);
	if (ret)
		return ret;
	ifindex = if_nametoindex(ifname);
	if (!ifindex)
		return dmsc_fail(err, -errno, "%s: %s", ifname, strerror(errno));
	if (dp->upgrade)
		return dataplane_upgrade_attach(dp, ifname, err);
	if (!dp->tcx)
		return dataplane_clsact_attach(dp, ifindex, err);

	for (dir = 0; dir < DATAPLANE_NR_DIRS; dir++) {
		tc_link_name(name, sizeof(name), dir, ifindex);
		ret = dataplane_pin_link_path(path, sizeof(path), dp->pin_dir, name);
		if (ret)
			break;
		prog = dataplane_prog(dp, dataplane_prog_name[dir]);
		ret = link_update(path, prog);
		if (ret == -ENOENT) {
			ret = link_make(path, prog, ifindex, tcx_type[dir]);
			made[dir] = !ret;
		}
		if (ret)
			break;
	}
	if (!ret) {
		/* What an earlier run attached the older way would count twice. */
		return dataplane_clsact_detach(ifindex, err);
	}
	dmsc_fail(err, ret, "%s: cannot attach to tcx: %s", ifname, strerror(-ret));
	for (dir = 0; dir < DATAPLANE_NR_DIRS; dir++) {
		tc_link_name(name, sizeof(name), dir, ifindex);
		if (made[dir] && !dataplane_pin_link_path(path, sizeof(path), dp->pin_dir, name))
			unlink(path);
	}
	return ret;
}
