// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/rtnl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#define RTNL_BUF 65536

struct rtnl {
	struct mnl_socket *nl;
	unsigned int seq;
	char *buf;
};

int rtnl_open(struct rtnl **out, struct dmsc_error *err)
{
	struct rtnl *r = calloc(1, sizeof(*r));
	int one = 1, ret;

	if (!r)
		return dmsc_fail(err, -ENOMEM, "rtnetlink: no memory");
	r->buf = malloc(RTNL_BUF);
	r->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!r->buf || !r->nl || mnl_socket_bind(r->nl, 0, MNL_SOCKET_AUTOPID)) {
		ret = r->buf ? -errno : -ENOMEM;
		rtnl_close(r);
		return dmsc_fail(err, ret, "rtnetlink: %s", strerror(-ret));
	}
	/* Kernels without them only say less. */
	mnl_socket_setsockopt(r->nl, NETLINK_EXT_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(r->nl, NETLINK_CAP_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(r->nl, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	*out = r;
	return 0;
}

void rtnl_close(struct rtnl *r)
{
	if (!r)
		return;
	if (r->nl)
		mnl_socket_close(r->nl);
	free(r->buf);
	free(r);
}

struct nlmsghdr *rtnl_start(struct rtnl *r, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(r->buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	nlh->nlmsg_seq = ++r->seq;
	return nlh;
}

/* The kernel's text in an error message, NULL when there is none. */
static const char *ext_ack(const struct nlmsghdr *nlh, const struct nlmsgerr *e)
{
	const struct nlattr *attr;
	size_t skip = sizeof(*e);

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += mnl_nlmsg_get_payload_len(&e->msg);
	mnl_attr_for_each(attr, nlh, skip) if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
					       mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >=
						       0) return mnl_attr_get_str(attr);
	return NULL;
}

struct answer {
	mnl_cb_t cb;
	void *data;
	int err;
	char text[256];
};

static int on_data(const struct nlmsghdr *nlh, void *data)
{
	struct answer *a = data;

	return a->cb ? a->cb(nlh, a->data) : MNL_CB_OK;
}

static int on_error(const struct nlmsghdr *nlh, void *data)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	struct answer *a = data;
	const char *text;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*e))
		return MNL_CB_ERROR;
	a->err = e->error > 0 ? -e->error : e->error;
	text = a->err ? ext_ack(nlh, e) : NULL;
	if (text) {
		strncpy(a->text, text, sizeof(a->text) - 1);
		a->text[sizeof(a->text) - 1] = '\0';
	}
	return MNL_CB_STOP;
}

/* The end of a dump carries its error, if there was one. */
static int on_done(const struct nlmsghdr *nlh, void *data)
{
	struct answer *a = data;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(int))
		memcpy(&a->err, mnl_nlmsg_get_payload(nlh), sizeof(int));
	if (a->err > 0)
		a->err = 0;
	return MNL_CB_STOP;
}

int rtnl_do(struct rtnl *r, struct nlmsghdr *nlh, mnl_cb_t cb, void *data, const char *doing,
	    struct dmsc_error *err)
{
	mnl_cb_t ctl[NLMSG_MIN_TYPE] = {
		[NLMSG_ERROR] = on_error,
		[NLMSG_DONE] = on_done,
	};
	struct answer a = { .cb = cb, .data = data };
	unsigned int seq = nlh->nlmsg_seq;
	int ret;

	if (mnl_socket_sendto(r->nl, nlh, nlh->nlmsg_len) < 0) {
		ret = -errno;
		return dmsc_fail(err, ret, "%s: %s", doing, strerror(-ret));
	}
	do {
		ssize_t n = mnl_socket_recvfrom(r->nl, r->buf, RTNL_BUF);

		if (n < 0 && errno == EINTR) {
			ret = MNL_CB_OK;
			continue;
		}
		if (n < 0) {
			ret = -errno;
			return dmsc_fail(err, ret, "%s: %s", doing, strerror(-ret));
		}
		ret = mnl_cb_run2(r->buf, n, seq, mnl_socket_get_portid(r->nl), on_data, &a, ctl,
				  NLMSG_MIN_TYPE);
		/* Left over from a dump that was broken off (another sequence number). */
		if (ret < 0 && errno == EPROTO)
			ret = MNL_CB_OK;
	} while (ret > 0);
	if (ret < 0) {
		ret = errno == EINTR ? -EINTR : -EIO;
		return dmsc_fail(err, ret, "%s: %s", doing,
				 ret == -EINTR ? "changed while it was read" : strerror(errno));
	}
	if (a.err)
		return dmsc_fail(err, a.err, "%s: %s%s%s", doing, strerror(-a.err),
				 a.text[0] ? ": " : "", a.text);
	return 0;
}

bool rtnl_is_own(const struct rtnl *r, const struct nlmsghdr *nlh)
{
	return nlh->nlmsg_pid == mnl_socket_get_portid(r->nl);
}

int rtnl_watch(struct mnl_socket **out, const unsigned int *groups, size_t n, struct dmsc_error *err)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int size = 1 << 20, ret;

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID))
		goto fail;
	for (size_t i = 0; i < n; i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(nl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
			goto fail;
	}
	setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	*out = nl;
	return mnl_socket_get_fd(nl);
fail:
	ret = -errno;
	if (nl)
		mnl_socket_close(nl);
	return dmsc_fail(err, ret, "rtnetlink: cannot listen: %s", strerror(-ret));
}
