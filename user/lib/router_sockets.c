// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ends connected UDP sockets whose instance is gone, as "ss -K" does: nothing
 * else would tell an application that only sends. The data path lists them by
 * cookie (dmsc_rt_flows), sock_diag finds the addresses that belong to a cookie
 * and ends the socket. sock_diag sees one network namespace at a time.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "lib/bpf_write.h"
#include "lib/router_priv.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

struct gone {
	uint64_t cookie, netns;
	bool done; /* its namespace was looked at */
};

struct ending {
	struct gone *list;
	size_t nr, left; /* all, and not done */
	struct router_ended *out;

	/* In one namespace. */
	struct mnl_socket *nl;
	uint64_t netns;
	struct inet_diag_msg *found;
	size_t nr_found;
};

static void note(struct ending *e, const char *what, int err)
{
	e->out->left++;
	if (!*e->out->why)
		snprintf(e->out->why, sizeof(e->out->why), "%s: %s", what, strerror(err));
}

/* ---- one namespace ---- */

static struct gone *find(struct ending *e, uint64_t cookie)
{
	size_t i;

	for (i = 0; i < e->nr; i++) {
		if (e->list[i].cookie == cookie && e->list[i].netns == e->netns)
			return &e->list[i];
	}
	return NULL;
}

static int take(const struct nlmsghdr *nlh, void *arg)
{
	const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	struct ending *e = arg;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(*msg) && e->nr_found < e->nr &&
	    find(e, msg->id.idiag_cookie[0] | (uint64_t)msg->id.idiag_cookie[1] << 32))
		e->found[e->nr_found++] = *msg;
	return MNL_CB_OK;
}

/* Sends one request and takes its answers; negative errno. */
static int ask(struct ending *e, uint16_t type, uint16_t flags, const struct inet_diag_req_v2 *req,
	       mnl_cb_t cb)
{
	char buf[16384];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	unsigned int port = mnl_socket_get_portid(e->nl);
	ssize_t n;
	int ret;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = 1;
	memcpy(mnl_nlmsg_put_extra_header(nlh, sizeof(*req)), req, sizeof(*req));
	if (mnl_socket_sendto(e->nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(e->nl, buf, sizeof(buf));
		if (n < 0)
			return -errno;
		ret = mnl_cb_run(buf, n, 1, port, cb, e);
	} while (ret > MNL_CB_STOP);
	return ret < 0 ? -errno : 0;
}

static void end_found(struct ending *e)
{
	size_t i;
	int ret;

	for (i = 0; i < e->nr_found; i++) {
		struct inet_diag_req_v2 req = { .sdiag_family = e->found[i].idiag_family,
						.sdiag_protocol = IPPROTO_UDP,
						.idiag_states = ~0U,
						.id = e->found[i].id };

		ret = ask(e, SOCK_DESTROY, NLM_F_ACK, &req, NULL);
		if (!ret)
			e->out->ended++;
		else if (ret != -ENOENT) /* closed meanwhile */
			note(e, "SOCK_DESTROY", -ret);
	}
}

static void end_here(struct ending *e)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	size_t i;
	int ret = 0;

	for (i = 0; i < e->nr; i++) {
		if (e->list[i].netns == e->netns && !e->list[i].done) {
			e->list[i].done = true;
			e->left--;
		}
	}
	e->nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	if (!e->nl || mnl_socket_bind(e->nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		note(e, "sock_diag", errno);
		if (e->nl)
			mnl_socket_close(e->nl);
		return;
	}
	e->nr_found = 0;
	for (i = 0; i < 2 && !ret; i++) {
		struct inet_diag_req_v2 req = { .sdiag_family = families[i],
						.sdiag_protocol = IPPROTO_UDP,
						.idiag_states = 1U << TCP_ESTABLISHED };

		ret = ask(e, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &req, take);
	}
	if (ret)
		note(e, "sock_diag", -ret);
	end_found(e);
	mnl_socket_close(e->nl);
}

/* ---- all namespaces ---- */

/* Whether one of those that are left may be in the namespace that this process is in. */
static bool wanted_here(struct ending *e)
{
	socklen_t len = sizeof(e->netns);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret;
	size_t i;

	if (fd < 0)
		return false;
	ret = getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &e->netns, &len);
	close(fd);
	for (i = 0; i < e->nr && !ret; i++) {
		if (!e->list[i].done && e->list[i].netns == e->netns)
			return true;
	}
	return false;
}

/* In the namespaces of all processes, until nothing is left. */
static void end_elsewhere(struct ending *e)
{
	int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), fd;
	DIR *proc = own < 0 ? NULL : opendir("/proc");
	struct dirent *d;
	ino_t last = 0;
	struct stat st;
	char path[300];

	while (proc && e->left && (d = readdir(proc))) {
		if (d->d_name[0] < '1' || d->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", d->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		/* Neighbours in the list are mostly of one namespace. */
		if (!fstat(fd, &st) && st.st_ino != last) {
			last = st.st_ino;
			if (!setns(fd, CLONE_NEWNET) && wanted_here(e))
				end_here(e);
		}
		close(fd);
	}
	if (proc)
		closedir(proc);
	if (own >= 0) {
		/* Was ours a moment ago, and we may have entered others. */
		if (setns(own, CLONE_NEWNET))
			abort();
		close(own);
	}
}

static int collect(struct router *r, struct ending *e)
{
	uint32_t side = router_side(r);
	uint64_t key, *prev = NULL;
	struct dmsc_rt_flow flow;
	size_t room = 0;

	while (!bpf_map_get_next_key(r->flows, prev, &key)) {
		prev = &key;
		if (bpf_map_lookup_elem(r->flows, &key, &flow) ||
		    flow.instance >= DMSC_RT_MAX_INSTANCES ||
		    r->instances[flow.instance].flags[side] & DMSC_RT_INSTANCE_UP)
			continue;
		if (e->nr == room) {
			struct gone *more;

			room = room ? 2 * room : 64;
			more = realloc(e->list, room * sizeof(*more));
			if (!more)
				return -ENOMEM;
			e->list = more;
		}
		e->list[e->nr++] = (struct gone){ .cookie = key, .netns = flow.netns };
	}
	return 0;
}

void router_end_sockets(struct router *r, struct router_ended *out)
{
	struct ending e = { .out = out };

	memset(out, 0, sizeof(*out));
	/* Whoever chose by the generation before is on the list then. */
	bpf_grace_period();
	if (collect(r, &e))
		note(&e, "list of sockets", ENOMEM);
	e.left = e.nr;
	e.found = calloc(e.nr + 1, sizeof(*e.found));
	if (!e.found) {
		note(&e, "list of sockets", ENOMEM);
	} else if (e.nr) {
		if (wanted_here(&e))
			end_here(&e);
		if (e.left)
			end_elsewhere(&e);
		while (e.left--)
			note(&e, "network namespace", ENOENT);
	}
	free(e.found);
	free(e.list);
}
