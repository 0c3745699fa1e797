// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The gateway's hooks. XDP, in the driver or above it, by a pinned link, and its
 * twin at tc ingress for what XDP hands on; the twin alone where there can be no
 * XDP. Links are pinned in links/ by kind and interface; a later call puts its
 * programs into them, so that no packet passes without one.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_link.h>

#include "lib/dataplane_priv.h"
#include "lib/gateway_priv.h"

#define ATTACH_TCX_INGRESS 46 /* not in the headers of kernels before 6.6 */

/* Of the filter where there is no tcx; the classifier's have others. */
#define FILTER_HANDLE	2
#define FILTER_PRIORITY 0xd5d

#define TC_PROGRAM "dmsc_gw_tc"

/* The links of a call: those that are pinned and not among them go. */
struct attachment {
	struct gw *gw;
	char kept[3 * GATEWAY_DEVICES_MAX][32];
	size_t nr_kept;
};

static int link_path(const struct gw *gw, const char *kind, int ifindex, char *path, size_t len)
{
	char name[32];

	snprintf(name, sizeof(name), "%s-%d", kind, ifindex);
	return dataplane_pin_link_path(path, len, gw->pin_dir, name);
}

static void keep(struct attachment *a, const char *kind, int ifindex)
{
	snprintf(a->kept[a->nr_kept++], sizeof(a->kept[0]), "%s-%d", kind, ifindex);
}

/* XDP_FLAGS_* of the link, or -1: bpf_link_info does not tell, the interface does. */
static bool xdp_mode_is(int ifindex, uint32_t flags)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);

	if (!flags || bpf_xdp_query(ifindex, 0, &q))
		return true;
	return q.attach_mode == (flags == XDP_FLAGS_SKB_MODE ? XDP_ATTACHED_SKB : XDP_ATTACHED_DRV);
}

/*
 * Puts @prog into the pinned link, or makes one. A link whose interface is gone,
 * or that is in another mode than @flags asks for, is replaced.
 */
static int link_put(struct attachment *a, const char *kind, int ifindex, int prog,
		    enum bpf_attach_type type, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	char path[PATH_MAX];
	int fd, ret = link_path(a->gw, kind, ifindex, path, sizeof(path));

	if (ret)
		return ret;
	fd = bpf_obj_get(path);
	if (fd >= 0) {
		ret = bpf_link_update(fd, prog, NULL) ? -errno : 0;
		if (!ret && (type != BPF_XDP || xdp_mode_is(ifindex, flags))) {
			close(fd);
			keep(a, kind, ifindex);
			return 0;
		}
		bpf_link_detach(fd);
		close(fd);
		unlink(path);
	}
	fd = bpf_link_create(prog, ifindex, type, &opts);
	if (fd < 0)
		return -errno;
	ret = bpf_obj_pin(fd, path) ? -errno : 0;
	if (ret)
		bpf_link_detach(fd);
	else
		keep(a, kind, ifindex);
	close(fd);
	return ret;
}

/* ---- tc before tcx ---- */

/* 1: our filter is there, 0: none, -EEXIST: somebody else's has its place. */
static int filter_find(int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int fd, ret = -EEXIST;

	if (bpf_tc_query(&hook, &opts))
		return 0;
	fd = bpf_prog_get_fd_by_id(opts.prog_id);
	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) && !strcmp(info.name, TC_PROGRAM))
		ret = 1;
	if (fd >= 0)
		close(fd);
	return ret;
}

static int filter_put(int ifindex, int prog)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY,
		    .prog_fd = prog, .flags = BPF_TC_F_REPLACE);
	int ret = bpf_tc_hook_create(&hook);

	if (ret && ret != -EEXIST)
		return ret;
	ret = filter_find(ifindex);
	if (ret < 0)
		return ret;
	hook.attach_point = BPF_TC_INGRESS;
	return bpf_tc_attach(&hook, &opts);
}

static void filter_remove(int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);

	if (filter_find(ifindex) == 1)
		bpf_tc_detach(&hook, &opts);
}

/* Ours on interfaces that are not named; clsact may be others' as well and stays. */
static void filters_prune(const struct attachment *a)
{
	struct if_nameindex *list = if_nameindex(), *i;
	char name[32];
	size_t k;

	for (i = list; list && i->if_index; i++) {
		snprintf(name, sizeof(name), "filter-%d", i->if_index);
		for (k = 0; k < a->nr_kept && strcmp(a->kept[k], name); k++)
			;
		if (k == a->nr_kept)
			filter_remove(i->if_index);
	}
	if_freenameindex(list);
}

static int tc_put(struct attachment *a, int ifindex)
{
	int prog = gateway_prog(a->gw, TC_PROGRAM), ret = -EINVAL;
	const char *want = getenv("DMSC_TC");

	if (!want || strcmp(want, "clsact"))
		ret = link_put(a, "tc", ifindex, prog, ATTACH_TCX_INGRESS, 0);
	if (ret != -EINVAL && ret != -EOPNOTSUPP)
		return ret;
	ret = filter_put(ifindex, prog);
	if (!ret)
		keep(a, "filter", ifindex);
	return ret;
}

/* ---- devices ---- */

static int xdp_put(struct attachment *a, const char *kind, int ifindex, int prog,
		   enum gateway_mode mode)
{
	int ret = -EOPNOTSUPP;

	if (mode == GATEWAY_AUTO || mode == GATEWAY_XDP)
		ret = link_put(a, kind, ifindex, prog, BPF_XDP, XDP_FLAGS_DRV_MODE);
	if (ret && (mode == GATEWAY_AUTO || mode == GATEWAY_GENERIC))
		ret = link_put(a, kind, ifindex, prog, BPF_XDP, XDP_FLAGS_SKB_MODE);
	return ret;
}

static int device(const char *name, struct dmsc_error *err)
{
	int ifindex = if_nametoindex(name);

	return ifindex ?: dmsc_fail(err, -errno, "%s: %s", name, strerror(errno));
}

static int attach_device(struct attachment *a, const char *name, enum gateway_mode mode,
			 struct dmsc_error *err)
{
	int ifindex = device(name, err), ret;

	if (ifindex < 0)
		return ifindex;
	/* The twin first: what XDP hands on must not reach the stack. */
	ret = tc_put(a, ifindex);
	if (ret)
		return dmsc_fail(err, ret, "%s: cannot attach to tc ingress: %s", name,
				 strerror(-ret));
	if (mode == GATEWAY_TC)
		return 0;
	ret = xdp_put(a, "xdp", ifindex, gateway_prog(a->gw, "dmsc_gw_xdp"), mode);
	if (ret && mode != GATEWAY_AUTO)
		return dmsc_fail(err, ret, "%s: cannot attach to XDP: %s", name, strerror(-ret));
	return 0;
}

static int prune(const char *path, const char *name, void *arg)
{
	const struct attachment *a = arg;
	size_t i;
	int fd;

	for (i = 0; i < a->nr_kept; i++) {
		if (!strcmp(a->kept[i], name))
			return 0;
	}
	fd = bpf_obj_get(path);
	if (fd >= 0) {
		bpf_link_detach(fd);
		close(fd);
	}
	unlink(path);
	return 0;
}

int gateway_attach(struct gw *gw, const struct gateway_spec *s, struct dmsc_error *err)
{
	struct attachment a = { .gw = gw };
	int ret = 0, ifindex;
	size_t i;

	for (i = 0; i < s->nr_devices && ret >= 0; i++)
		ret = device(s->devices[i], err);
	for (i = 0; i < s->nr_unwrap_devices && ret >= 0; i++)
		ret = device(s->unwrap_devices[i], err);
	if (ret < 0)
		return ret;
	for (i = 0, ret = 0; i < s->nr_devices && !ret; i++)
		ret = attach_device(&a, s->devices[i], s->mode, err);
	for (i = 0; i < s->nr_unwrap_devices && !ret; i++) {
		ifindex = device(s->unwrap_devices[i], err);
		ret = ifindex < 0 ?
			      ifindex :
			      xdp_put(&a, "unwrap", ifindex, gateway_prog(gw, "dmsc_gw_unwrap"),
				      s->mode == GATEWAY_TC ? GATEWAY_AUTO : s->mode);
		if (ret && ifindex >= 0)
			dmsc_fail(err, ret, "%s: cannot attach to XDP: %s", s->unwrap_devices[i],
				  strerror(-ret));
	}
	if (ret)
		return ret;
	dataplane_pin_each_link(gw->pin_dir, prune, &a);
	filters_prune(&a);
	return 0;
}

int gateway_flush(const char *dir, struct dmsc_error *err)
{
	struct dataplane_config cfg = { .pin_dir = dir ?: DMSC_GW_PIN_DIR };
	struct attachment none = {};
	char path[PATH_MAX];
	int ret = dataplane_pin_dir(path, sizeof(path), &cfg, err);

	if (ret)
		return ret;
	libbpf_set_print(gateway_log);
	filters_prune(&none);
	dataplane_pin_remove(path);
	if (!access(path, F_OK) && rmdir(path) && errno != ENOTEMPTY && errno != EBUSY &&
	    errno != ENOTDIR)
		return dmsc_fail(err, -errno, "%s: %s", path, strerror(errno));
	return 0;
}
