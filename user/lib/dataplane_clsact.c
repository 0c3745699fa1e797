// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The way onto an interface before tcx (Linux 6.6): filters of the clsact qdisc,
 * at a fixed handle and priority. Ours are recognised by the program's name, so
 * they are found without any note of where they were put. Interfaces are those
 * of the caller's network namespace.
 */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "lib/dataplane_priv.h"

#define FILTER_HANDLE	1
#define FILTER_PRIORITY 0xd5c

static const enum bpf_tc_attach_point tc_point[DATAPLANE_NR_DIRS] = {
	[DATAPLANE_EGRESS] = BPF_TC_EGRESS,
	[DATAPLANE_INGRESS] = BPF_TC_INGRESS,
};

static const __u32 tc_parent[DATAPLANE_NR_DIRS] = {
	[DATAPLANE_EGRESS] = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
	[DATAPLANE_INGRESS] = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
};

static bool prog_is_ours(__u32 id, enum dataplane_dir dir)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);
	bool ours;

	if (fd < 0)
		return false;
	ours = !bpf_obj_get_info_by_fd(fd, &info, &len) &&
	       !strcmp(info.name, dataplane_prog_name[dir]);
	close(fd);
	return ours;
}

/* 1: our filter is there, 0: it is not, -EEXIST: somebody else's has its place. */
static int filter_find(int ifindex, enum dataplane_dir dir)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = tc_point[dir]);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);

	if (bpf_tc_query(&hook, &opts))
		return 0;
	return prog_is_ours(opts.prog_id, dir) ? 1 : -EEXIST;
}

static int filter_put(const struct dataplane *dp, int ifindex, enum dataplane_dir dir)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = tc_point[dir]);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY,
		    .prog_fd = dataplane_prog(dp, dataplane_prog_name[dir]),
		    .flags = BPF_TC_F_REPLACE);

	return bpf_tc_attach(&hook, &opts);
}

static int filter_remove(int ifindex, enum dataplane_dir dir)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = tc_point[dir]);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);

	return bpf_tc_detach(&hook, &opts);
}

static int count_filter(const struct nlmsghdr *nlh, void *arg)
{
	const struct tcmsg *tcm = mnl_nlmsg_get_payload(nlh);

	/* Each priority has a message of its own, without a handle. */
	if (nlh->nlmsg_type == RTM_NEWTFILTER && tcm->tcm_handle)
		++*(int *)arg;
	return MNL_CB_OK;
}

/* How many filters of whatever owner the hook has; negative errno. */
static int filters_left(int ifindex, enum dataplane_dir dir)
{
	char buf[16384];
	struct mnl_socket *nl;
	struct nlmsghdr *nlh;
	struct tcmsg *tcm;
	int n = 0, ret;

	nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!nl)
		return -errno;
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = RTM_GETTFILTER;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = 1;
	tcm = mnl_nlmsg_put_extra_header(nlh, sizeof(*tcm));
	tcm->tcm_family = AF_UNSPEC;
	tcm->tcm_ifindex = ifindex;
	tcm->tcm_parent = tc_parent[dir];

	ret = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID);
	if (ret >= 0)
		ret = mnl_socket_sendto(nl, nlh, nlh->nlmsg_len);
	while (ret >= 0) {
		ret = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (ret < 0)
			break;
		ret = mnl_cb_run(buf, ret, 1, mnl_socket_get_portid(nl), count_filter, &n);
		if (ret <= MNL_CB_STOP)
			break;
	}
	if (ret < 0)
		ret = -errno;
	mnl_socket_close(nl);
	return ret < 0 ? ret : n;
}

/*
 * Our filters go; the qdisc too when we leave it without any, because it may
 * have come with them. Ingress and egress share it.
 */
int dataplane_clsact_detach(int ifindex, struct dmsc_error *err)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	bool removed = false;
	int dir, ret;

	for (dir = 0; dir < DATAPLANE_NR_DIRS; dir++) {
		if (filter_find(ifindex, dir) != 1)
			continue;
		ret = filter_remove(ifindex, dir);
		if (ret)
			return dmsc_fail(err, ret, "interface %d: cannot remove a tc filter: %s",
					 ifindex, strerror(-ret));
		removed = true;
	}
	if (!removed)
		return 0;
	for (dir = 0; dir < DATAPLANE_NR_DIRS; dir++) {
		if (filters_left(ifindex, dir) != 0)
			return 0;
	}
	ret = bpf_tc_hook_destroy(&hook);
	if (ret && ret != -ENOENT && ret != -EINVAL)
		return dmsc_fail(err, ret, "interface %d: cannot remove clsact: %s", ifindex,
				 strerror(-ret));
	return 0;
}

int dataplane_clsact_attach(const struct dataplane *dp, int ifindex, struct dmsc_error *err)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	struct dmsc_error ignored;
	int dir, ret;

	ret = bpf_tc_hook_create(&hook);
	if (ret && ret != -EEXIST)
		return dmsc_fail(err, ret, "interface %d: cannot add the clsact qdisc: %s (%s)",
				 ifindex, strerror(-ret), dataplane_log());
	for (dir = 0; dir < DATAPLANE_NR_DIRS; dir++) {
		ret = filter_find(ifindex, dir);
		if (ret >= 0)
			ret = filter_put(dp, ifindex, dir);
		if (ret) {
			dmsc_fail(err, ret, "interface %d: cannot add a tc filter: %s", ifindex,
				  strerror(-ret));
			dataplane_clsact_detach(ifindex, &ignored);
			return ret;
		}
	}
	return 0;
}

static int each_interface(int (*fn)(int ifindex, void *arg), void *arg)
{
	struct if_nameindex *list = if_nameindex(), *i;
	int ret = 0;

	if (!list)
		return -errno;
	for (i = list; i->if_index && !ret; i++)
		ret = fn(i->if_index, arg);
	if_freenameindex(list);
	return ret;
}

static int replace_one(int ifindex, void *arg)
{
	int dir, ret = 0;

	for (dir = 0; dir < DATAPLANE_NR_DIRS && !ret; dir++) {
		if (filter_find(ifindex, dir) == 1)
			ret = filter_put(arg, ifindex, dir);
	}
	return ret;
}

int dataplane_clsact_replace_all(const struct dataplane *dp, struct dmsc_error *err)
{
	int ret = each_interface(replace_one, (void *)dp);

	if (ret)
		return dmsc_fail(err, ret, "cannot replace a tc filter: %s", strerror(-ret));
	return 0;
}

static int detach_one(int ifindex, void *arg)
{
	return dataplane_clsact_detach(ifindex, arg);
}

int dataplane_clsact_detach_all(struct dmsc_error *err)
{
	int ret;

	if (err)
		err->text[0] = '\0';
	ret = each_interface(detach_one, err);
	if (ret && err && !*err->text)
		dmsc_fail(err, ret, "cannot list the interfaces: %s", strerror(-ret));
	return ret;
}
