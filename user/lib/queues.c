// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/queues.h"

#define QUEUE_MSG_SIZE 96 /* upper bound of one nested queue, bytes */

struct queues {
	struct mnl_socket *nl;
	struct mnl_socket *events;
	uint32_t seq;
	uint16_t family;
	uint32_t group;
	char *buf; /* for answers */
	size_t buf_len;
};

typedef int (*message_fn)(const struct nlmsghdr *nlh, void *data);

/* ---- one request and its answers ---- */

struct answer {
	message_fn fn;
	void *data;
	/* filled by transact() */
	const struct nlmsghdr *request;
	char why[256]; /* the kernel's own words, and what they are about */
};

static int on_message(const struct nlmsghdr *nlh, void *data)
{
	struct answer *a = data;

	return a->fn ? a->fn(nlh, a->data) : MNL_CB_OK;
}

/* Name of the attribute at byte @offset of a request of the family, "" if none. */
static const char *attr_name(const struct nlmsghdr *request, uint32_t offset)
{
	static const char *const of_class[DMSC_CLASS_A_MAX + 1] = {
		[DMSC_CLASS_A_ID] = "class id",	  [DMSC_CLASS_A_MODE] = "mode",
		[DMSC_CLASS_A_WEIGHT] = "weight", [DMSC_CLASS_A_SHARE] = "share",
		[DMSC_CLASS_A_LIMIT] = "limit",	  [DMSC_CLASS_A_ECN] = "ecn",
		[DMSC_CLASS_A_CEIL] = "ceil",	  [DMSC_CLASS_A_CODEL] = "codel",
		[DMSC_CLASS_A_TARGET] = "target", [DMSC_CLASS_A_INTERVAL] = "interval",
		[DMSC_CLASS_A_FAIR] = "fair",	  [DMSC_CLASS_A_STARVE] = "starve",
	};
	static const char *const of_queue[DMSC_QUEUE_A_MAX + 1] = {
		[DMSC_QUEUE_A_SLOT] = "slot",	  [DMSC_QUEUE_A_CLASS] = "class",
		[DMSC_QUEUE_A_WEIGHT] = "weight", [DMSC_QUEUE_A_SID] = "sid",
		[DMSC_QUEUE_A_RANK] = "rank",	  [DMSC_QUEUE_A_RATE] = "rate",
		[DMSC_QUEUE_A_CEIL] = "ceil",	  [DMSC_QUEUE_A_REMAINING] = "remaining",
	};
	const struct nlattr *attr, *inner, *at = (const void *)((const char *)request + offset);
	const char *const *names;
	uint16_t type, max;

	mnl_attr_for_each(attr, request, sizeof(struct genlmsghdr))
	{
		type = mnl_attr_get_type(attr);
		if (at == attr)
			return type == DMSC_A_IFINDEX ? "interface" : "";
		if (type == DMSC_A_CLASS) {
			names = of_class;
			max = DMSC_CLASS_A_MAX;
		} else if (type == DMSC_A_QUEUE) {
			names = of_queue;
			max = DMSC_QUEUE_A_MAX;
		} else {
			continue;
		}
		mnl_attr_for_each_nested(inner, attr)
		{
			type = mnl_attr_get_type(inner);
			if (inner == at)
				return type <= max && names[type] ? names[type] : "";
		}
	}
	return "";
}

/* Reads the extended acknowledgement that follows the first @skip bytes. */
static void read_extack(struct answer *a, const struct nlmsghdr *nlh, size_t skip)
{
	const char *text = NULL, *name = "";
	const struct nlattr *attr;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS) || nlh->nlmsg_len < NLMSG_HDRLEN + MNL_ALIGN(skip))
		return;
	mnl_attr_for_each(attr, nlh, MNL_ALIGN(skip))
	{
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			text = mnl_attr_get_str(attr);
		else if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_OFFS &&
			 mnl_attr_validate(attr, MNL_TYPE_U32) >= 0 &&
			 a->request->nlmsg_type >= NLMSG_MIN_TYPE)
			name = attr_name(a->request, mnl_attr_get_u32(attr));
	}
	if (text)
		snprintf(a->why, sizeof(a->why), ": %s%s%s", name, *name ? ": " : "", text);
}

/* An acknowledgement or a refusal. */
static int on_error(const struct nlmsghdr *nlh, void *data)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	size_t skip = sizeof(*e);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*e)) {
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	if (!e->error)
		return MNL_CB_STOP;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += e->msg.nlmsg_len - sizeof(e->msg);
	read_extack(data, nlh, skip);
	errno = -e->error;
	return MNL_CB_ERROR;
}

/* The end of a dump, which may have failed on the way. */
static int on_done(const struct nlmsghdr *nlh, void *data)
{
	const int *error = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*error) || *error >= 0)
		return MNL_CB_STOP;
	read_extack(data, nlh, sizeof(*error));
	errno = -*error;
	return MNL_CB_ERROR;
}

static mnl_cb_t control[] = { [NLMSG_ERROR] = on_error, [NLMSG_DONE] = on_done };

/*
 * Sends a request and hands each message of its answer to @answer. -EINTR when
 * what is dumped changed under the dump.
 */
static int transact(struct queues *q, struct nlmsghdr *nlh, struct answer *answer, const char *what,
		    struct dmsc_error *err)
{
	ssize_t n;
	int ret;

	answer->request = nlh;
	answer->why[0] = '\0';
	nlh->nlmsg_seq = ++q->seq;
	if (mnl_socket_sendto(q->nl, nlh, nlh->nlmsg_len) < 0)
		return dmsc_fail(err, -errno, "%s: cannot send to the kernel: %s", what,
				 strerror(errno));
	do {
		n = mnl_socket_recvfrom(q->nl, q->buf, q->buf_len);
		if (n < 0)
			return dmsc_fail(err, -errno, "%s: %s", what, strerror(errno));
		ret = mnl_cb_run2(q->buf, n, q->seq, mnl_socket_get_portid(q->nl), on_message,
				  answer, control, sizeof(control) / sizeof(control[0]));
	} while (ret > MNL_CB_STOP);
	if (ret == MNL_CB_ERROR)
		return dmsc_fail(err, -errno, "%s: %s%s", what, strerror(errno), answer->why);
	return 0;
}

static struct nlmsghdr *request(char *buf, uint16_t type, uint8_t cmd, uint8_t version, bool dump)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | (dump ? NLM_F_DUMP : NLM_F_ACK);
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = version;
	return nlh;
}

/* Attributes of a message or nest into a table; unknown ones are skipped. */
struct table {
	const struct nlattr **tb;
	unsigned int max;
};

static int on_attr(const struct nlattr *attr, void *data)
{
	struct table *t = data;

	if (mnl_attr_get_type(attr) <= t->max)
		t->tb[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static void parse_message(const struct nlmsghdr *nlh, const struct nlattr **tb, unsigned int max)
{
	struct table t = { tb, max };

	memset(tb, 0, (max + 1) * sizeof(*tb));
	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), on_attr, &t);
}

static void parse_nest(const struct nlattr *nest, const struct nlattr **tb, unsigned int max)
{
	struct table t = { tb, max };

	memset(tb, 0, (max + 1) * sizeof(*tb));
	if (nest)
		mnl_attr_parse_nested(nest, on_attr, &t);
}

static uint32_t get_u32(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) >= sizeof(uint32_t) ? mnl_attr_get_u32(a) : 0;
}

static uint64_t get_u64(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) >= sizeof(uint64_t) ? mnl_attr_get_u64(a) : 0;
}

/* ---- opening ---- */

struct family {
	uint16_t id;
	uint32_t group;
};

static int on_group(const struct nlattr *group, void *data)
{
	const struct nlattr *tb[CTRL_ATTR_MCAST_GRP_MAX + 1];
	struct family *f = data;

	parse_nest(group, tb, CTRL_ATTR_MCAST_GRP_MAX);
	if (tb[CTRL_ATTR_MCAST_GRP_NAME] && tb[CTRL_ATTR_MCAST_GRP_ID] &&
	    !strcmp(mnl_attr_get_str(tb[CTRL_ATTR_MCAST_GRP_NAME]), DMSC_MCGRP_EVENTS))
		f->group = get_u32(tb[CTRL_ATTR_MCAST_GRP_ID]);
	return MNL_CB_OK;
}

static int on_family(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[CTRL_ATTR_MAX + 1];
	struct family *f = data;

	parse_message(nlh, tb, CTRL_ATTR_MAX);
	if (tb[CTRL_ATTR_FAMILY_ID])
		f->id = mnl_attr_get_u16(tb[CTRL_ATTR_FAMILY_ID]);
	if (tb[CTRL_ATTR_MCAST_GROUPS])
		mnl_attr_parse_nested(tb[CTRL_ATTR_MCAST_GROUPS], on_group, f);
	return MNL_CB_OK;
}

static int find_family(struct queues *q, struct dmsc_error *err)
{
	struct family f = { 0 };
	struct answer a = { .fn = on_family, .data = &f };
	char buf[256];
	struct nlmsghdr *nlh = request(buf, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, false);
	int ret;

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, DMSC_GENL_NAME);
	ret = transact(q, nlh, &a, "family " DMSC_GENL_NAME, err);
	if (ret == -ENOENT)
		return dmsc_fail(err, -ENOENT, "kernel module sch_dmsc is not loaded");
	if (ret)
		return ret;
	q->family = f.id;
	q->group = f.group;
	return 0;
}

static void load_module(void)
{
	char *argv[] = { "modprobe", "-q", "sch_dmsc", NULL };
	pid_t pid = fork();

	if (pid == 0) {
		execv("/sbin/modprobe", argv);
		execv("/usr/sbin/modprobe", argv);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static struct mnl_socket *open_socket(void)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	int one = 1;

	if (!nl)
		return NULL;
	mnl_socket_setsockopt(nl, NETLINK_EXT_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(nl, NETLINK_CAP_ACK, &one, sizeof(one));
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(nl);
		return NULL;
	}
	return nl;
}

int queues_open(struct queues **out, bool load, struct dmsc_error *err)
{
	struct queues *q = calloc(1, sizeof(*q));
	int ret;

	if (!q)
		return dmsc_fail(err, -ENOMEM, "out of memory");
	q->buf_len = 65536;
	q->buf = malloc(q->buf_len);
	q->nl = q->buf ? open_socket() : NULL;
	if (!q->nl) {
		ret = dmsc_fail(err, -errno, "generic netlink: %s", strerror(errno));
		queues_close(q);
		return ret;
	}
	ret = find_family(q, err);
	if (ret == -ENOENT && load) {
		load_module();
		ret = find_family(q, err);
	}
	if (ret) {
		queues_close(q);
		return ret;
	}
	*out = q;
	return 0;
}

void queues_close(struct queues *q)
{
	if (!q)
		return;
	if (q->events)
		mnl_socket_close(q->events);
	if (q->nl)
		mnl_socket_close(q->nl);
	free(q->buf);
	free(q);
}

/* ---- version ---- */

struct version {
	uint32_t abi;
	char *text;
	size_t len;
};

static int on_version(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[DMSC_A_MAX + 1];
	struct version *v = data;

	parse_message(nlh, tb, DMSC_A_MAX);
	v->abi = get_u32(tb[DMSC_A_ABI]);
	if (tb[DMSC_A_VERSION] && v->text && v->len) {
		strncpy(v->text, mnl_attr_get_str(tb[DMSC_A_VERSION]), v->len - 1);
		v->text[v->len - 1] = '\0';
	}
	return MNL_CB_OK;
}

int queues_version(struct queues *q, uint32_t *abi, char *version, size_t len,
		   struct dmsc_error *err)
{
	struct version v = { 0, version, len };
	struct answer a = { .fn = on_version, .data = &v };
	char buf[256];
	int ret;

	ret = transact(q, request(buf, q->family, DMSC_CMD_VERSION_GET, DMSC_GENL_VERSION, false),
		       &a, "version", err);
	if (!ret && abi)
		*abi = v.abi;
	return ret;
}

/* ---- setting ---- */

const struct queue_class_option queue_class_options[QUEUE_CLASS_OPTIONS] = {
	{ "ceil", QUEUE_CLASS_CEIL, DMSC_RATE_MIN, DMSC_RATE_MAX, true },
	{ "codel", QUEUE_CLASS_CODEL, 0, 1, true },
	{ "target", QUEUE_CLASS_TARGET, 1, DMSC_TARGET_MAX, false },
	{ "interval", QUEUE_CLASS_INTERVAL, 1, DMSC_INTERVAL_MAX, false },
	{ "fair", QUEUE_CLASS_FAIR, 0, 1, true },
	{ "starve", QUEUE_CLASS_STARVE, 0, DMSC_STARVE_MAX, true },
};

static uint32_t *option_field(struct queue_class *c, uint32_t given)
{
	switch (given) {
	case QUEUE_CLASS_CODEL:
		return &c->codel;
	case QUEUE_CLASS_TARGET:
		return &c->target;
	case QUEUE_CLASS_INTERVAL:
		return &c->interval;
	case QUEUE_CLASS_FAIR:
		return &c->fair;
	default:
		return &c->starve;
	}
}

uint64_t queue_class_option_get(const struct queue_class *c, uint32_t given)
{
	struct queue_class copy = *c;

	return given == QUEUE_CLASS_CEIL ? c->ceil : *option_field(&copy, given);
}

void queue_class_option_set(struct queue_class *c, uint32_t given, uint64_t value)
{
	if (given == QUEUE_CLASS_CEIL)
		c->ceil = value;
	else
		*option_field(c, given) = value;
	c->given |= given;
}

static void put_class_given(struct nlmsghdr *nlh, const struct queue_class *c)
{
	if (c->given & QUEUE_CLASS_CEIL)
		mnl_attr_put_u64(nlh, DMSC_CLASS_A_CEIL, c->ceil);
	if (c->given & QUEUE_CLASS_CODEL)
		mnl_attr_put_u32(nlh, DMSC_CLASS_A_CODEL, c->codel);
	if (c->given & QUEUE_CLASS_TARGET)
		mnl_attr_put_u32(nlh, DMSC_CLASS_A_TARGET, c->target);
	if (c->given & QUEUE_CLASS_INTERVAL)
		mnl_attr_put_u32(nlh, DMSC_CLASS_A_INTERVAL, c->interval);
	if (c->given & QUEUE_CLASS_FAIR)
		mnl_attr_put_u32(nlh, DMSC_CLASS_A_FAIR, c->fair);
	if (c->given & QUEUE_CLASS_STARVE)
		mnl_attr_put_u32(nlh, DMSC_CLASS_A_STARVE, c->starve);
}

static void put_queue_given(struct nlmsghdr *nlh, const struct queue_queue *q)
{
	if (q->given & QUEUE_QUEUE_RANK)
		mnl_attr_put_u32(nlh, DMSC_QUEUE_A_RANK, q->rank);
	if (q->given & QUEUE_QUEUE_RATE)
		mnl_attr_put_u64(nlh, DMSC_QUEUE_A_RATE, q->rate);
	if (q->given & QUEUE_QUEUE_CEIL)
		mnl_attr_put_u64(nlh, DMSC_QUEUE_A_CEIL, q->ceil);
	if (q->given & QUEUE_QUEUE_REMAINING)
		mnl_attr_put_u64(nlh, DMSC_QUEUE_A_REMAINING, q->remaining);
}

int queues_set_classes(struct queues *q, uint32_t ifindex, uint32_t handle,
		       const struct queue_class *classes, size_t n, struct dmsc_error *err)
{
	char buf[4096];
	struct nlmsghdr *nlh = request(buf, q->family, DMSC_CMD_CLASS_SET, DMSC_GENL_VERSION, false);
	struct answer a = { 0 };
	struct nlattr *nest;
	size_t i;

	if (n > DMSC_NR_CLASSES)
		return dmsc_fail(err, -EINVAL, "classes: %zu given, there are %d", n,
				 DMSC_NR_CLASSES);
	mnl_attr_put_u32(nlh, DMSC_A_IFINDEX, ifindex);
	if (handle)
		mnl_attr_put_u32(nlh, DMSC_A_HANDLE, handle);
	for (i = 0; i < n; i++) {
		nest = mnl_attr_nest_start(nlh, DMSC_A_CLASS);
		mnl_attr_put_u32(nlh, DMSC_CLASS_A_ID, classes[i].id);
		mnl_attr_put_u32(nlh, DMSC_CLASS_A_MODE, classes[i].mode);
		mnl_attr_put_u32(nlh, DMSC_CLASS_A_WEIGHT, classes[i].weight);
		mnl_attr_put_u32(nlh, DMSC_CLASS_A_SHARE, classes[i].share);
		mnl_attr_put_u32(nlh, DMSC_CLASS_A_LIMIT, classes[i].limit);
		mnl_attr_put_u32(nlh, DMSC_CLASS_A_ECN, classes[i].ecn);
		put_class_given(nlh, &classes[i]);
		mnl_attr_nest_end(nlh, nest);
	}
	return transact(q, nlh, &a, "set classes", err);
}

int queues_set_queues(struct queues *q, uint32_t ifindex, uint32_t handle,
		      const struct queue_queue *queues, size_t n, bool replace,
		      struct dmsc_error *err)
{
	struct answer a = { 0 };
	struct nlmsghdr *nlh;
	struct nlattr *nest;
	size_t i;
	char *buf;
	int ret;

	if (n >= DMSC_NR_SLOTS)
		return dmsc_fail(err, -E2BIG, "queues: %zu given, there are %d slots", n,
				 DMSC_NR_SLOTS - 1);
	buf = malloc(256 + n * QUEUE_MSG_SIZE);
	if (!buf)
		return dmsc_fail(err, -ENOMEM, "out of memory");
	nlh = request(buf, q->family, DMSC_CMD_QUEUE_SET, DMSC_GENL_VERSION, false);
	mnl_attr_put_u32(nlh, DMSC_A_IFINDEX, ifindex);
	if (handle)
		mnl_attr_put_u32(nlh, DMSC_A_HANDLE, handle);
	if (replace)
		mnl_attr_put(nlh, DMSC_A_REPLACE, 0, NULL);
	for (i = 0; i < n; i++) {
		nest = mnl_attr_nest_start(nlh, DMSC_A_QUEUE);
		mnl_attr_put_u32(nlh, DMSC_QUEUE_A_SLOT, queues[i].slot);
		mnl_attr_put_u32(nlh, DMSC_QUEUE_A_CLASS, queues[i].class);
		mnl_attr_put_u32(nlh, DMSC_QUEUE_A_WEIGHT, queues[i].weight);
		mnl_attr_put_u32(nlh, DMSC_QUEUE_A_SID, queues[i].sid);
		put_queue_given(nlh, &queues[i]);
		mnl_attr_nest_end(nlh, nest);
	}
	ret = transact(q, nlh, &a, "set queues", err);
	free(buf);
	return ret;
}

/* ---- dumps: an array that grows by one entry a message ---- */

struct list {
	char *items;
	size_t n, room, size;
};

static void *list_add(struct list *l)
{
	char *grown;

	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 16;
		grown = realloc(l->items, l->room * l->size);
		if (!grown)
			return NULL;
		l->items = grown;
	}
	return memset(l->items + l->n++ * l->size, 0, l->size);
}

static void read_stats(const struct nlattr *nest, struct queue_stats *s)
{
	const struct nlattr *tb[DMSC_STATS_A_MAX + 1];

	parse_nest(nest, tb, DMSC_STATS_A_MAX);
	s->enq_packets = get_u64(tb[DMSC_STATS_A_ENQ_PACKETS]);
	s->enq_bytes = get_u64(tb[DMSC_STATS_A_ENQ_BYTES]);
	s->deq_packets = get_u64(tb[DMSC_STATS_A_DEQ_PACKETS]);
	s->deq_bytes = get_u64(tb[DMSC_STATS_A_DEQ_BYTES]);
	s->drop_packets = get_u64(tb[DMSC_STATS_A_DROP_PACKETS]);
	s->drop_bytes = get_u64(tb[DMSC_STATS_A_DROP_BYTES]);
	s->mark_packets = get_u64(tb[DMSC_STATS_A_MARK_PACKETS]);
	s->backlog_packets = get_u32(tb[DMSC_STATS_A_BACKLOG_PACKETS]);
	s->backlog_bytes = get_u32(tb[DMSC_STATS_A_BACKLOG_BYTES]);
}

static void read_class(const struct nlattr *nest, struct queue_class *c)
{
	const struct nlattr *tb[DMSC_CLASS_A_MAX + 1];

	parse_nest(nest, tb, DMSC_CLASS_A_MAX);
	c->id = get_u32(tb[DMSC_CLASS_A_ID]);
	c->mode = get_u32(tb[DMSC_CLASS_A_MODE]);
	c->weight = get_u32(tb[DMSC_CLASS_A_WEIGHT]);
	c->share = get_u32(tb[DMSC_CLASS_A_SHARE]);
	c->limit = get_u32(tb[DMSC_CLASS_A_LIMIT]);
	c->ecn = get_u32(tb[DMSC_CLASS_A_ECN]);
	read_stats(tb[DMSC_CLASS_A_STATS], &c->stats);
	c->given = (tb[DMSC_CLASS_A_CEIL] ? QUEUE_CLASS_CEIL : 0) |
		   (tb[DMSC_CLASS_A_CODEL] ? QUEUE_CLASS_CODEL : 0) |
		   (tb[DMSC_CLASS_A_TARGET] ? QUEUE_CLASS_TARGET : 0) |
		   (tb[DMSC_CLASS_A_INTERVAL] ? QUEUE_CLASS_INTERVAL : 0) |
		   (tb[DMSC_CLASS_A_FAIR] ? QUEUE_CLASS_FAIR : 0) |
		   (tb[DMSC_CLASS_A_STARVE] ? QUEUE_CLASS_STARVE : 0);
	c->ceil = get_u64(tb[DMSC_CLASS_A_CEIL]);
	c->codel = get_u32(tb[DMSC_CLASS_A_CODEL]);
	c->target = get_u32(tb[DMSC_CLASS_A_TARGET]);
	c->interval = get_u32(tb[DMSC_CLASS_A_INTERVAL]);
	c->fair = get_u32(tb[DMSC_CLASS_A_FAIR]);
	c->starve = get_u32(tb[DMSC_CLASS_A_STARVE]);
}

static void read_queue(const struct nlattr *nest, struct queue_queue *q)
{
	const struct nlattr *tb[DMSC_QUEUE_A_MAX + 1];

	parse_nest(nest, tb, DMSC_QUEUE_A_MAX);
	q->slot = get_u32(tb[DMSC_QUEUE_A_SLOT]);
	q->class = get_u32(tb[DMSC_QUEUE_A_CLASS]);
	q->weight = get_u32(tb[DMSC_QUEUE_A_WEIGHT]);
	q->sid = get_u32(tb[DMSC_QUEUE_A_SID]);
	read_stats(tb[DMSC_QUEUE_A_STATS], &q->stats);
	q->given = (tb[DMSC_QUEUE_A_RANK] ? QUEUE_QUEUE_RANK : 0) |
		   (tb[DMSC_QUEUE_A_RATE] ? QUEUE_QUEUE_RATE : 0) |
		   (tb[DMSC_QUEUE_A_CEIL] ? QUEUE_QUEUE_CEIL : 0) |
		   (tb[DMSC_QUEUE_A_REMAINING] ? QUEUE_QUEUE_REMAINING : 0);
	q->rank = get_u32(tb[DMSC_QUEUE_A_RANK]);
	q->rate = get_u64(tb[DMSC_QUEUE_A_RATE]);
	q->ceil = get_u64(tb[DMSC_QUEUE_A_CEIL]);
	q->remaining = get_u64(tb[DMSC_QUEUE_A_REMAINING]);
}

static int on_qdisc(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[DMSC_A_MAX + 1];
	struct queue_qdisc *d = list_add(data);

	if (!d)
		return MNL_CB_ERROR;
	parse_message(nlh, tb, DMSC_A_MAX);
	d->ifindex = get_u32(tb[DMSC_A_IFINDEX]);
	d->handle = get_u32(tb[DMSC_A_HANDLE]);
	d->parent = get_u32(tb[DMSC_A_PARENT]);
	read_stats(tb[DMSC_A_STATS], &d->stats);
	return MNL_CB_OK;
}

static int on_class(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[DMSC_A_MAX + 1];
	struct queue_class_entry *e = list_add(data);

	if (!e)
		return MNL_CB_ERROR;
	parse_message(nlh, tb, DMSC_A_MAX);
	e->ifindex = get_u32(tb[DMSC_A_IFINDEX]);
	e->handle = get_u32(tb[DMSC_A_HANDLE]);
	read_class(tb[DMSC_A_CLASS], &e->class);
	return MNL_CB_OK;
}

static int on_queue(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[DMSC_A_MAX + 1];
	struct queue_queue_entry *e = list_add(data);

	if (!e)
		return MNL_CB_ERROR;
	parse_message(nlh, tb, DMSC_A_MAX);
	e->ifindex = get_u32(tb[DMSC_A_IFINDEX]);
	e->handle = get_u32(tb[DMSC_A_HANDLE]);
	read_queue(tb[DMSC_A_QUEUE], &e->queue);
	return MNL_CB_OK;
}

static int dump(struct queues *q, uint8_t cmd, uint32_t ifindex, message_fn fn, size_t size,
		void *out, size_t *n, const char *what, struct dmsc_error *err)
{
	struct list l = { .size = size };
	struct answer a = { .fn = fn, .data = &l };
	struct nlmsghdr *nlh;
	char buf[256];
	int ret, tries = 10;

	do {
		l.n = 0;
		nlh = request(buf, q->family, cmd, DMSC_GENL_VERSION, true);
		if (ifindex)
			mnl_attr_put_u32(nlh, DMSC_A_IFINDEX, ifindex);
		ret = transact(q, nlh, &a, what, err);
		/* What is left of an interrupted dump must not answer the next request. */
		while (ret && recv(mnl_socket_get_fd(q->nl), q->buf, q->buf_len, MSG_DONTWAIT) > 0)
			;
	} while (ret == -EINTR && --tries);
	if (ret) {
		free(l.items);
		return ret;
	}
	*(void **)out = l.items;
	*n = l.n;
	return 0;
}

int queues_get_qdiscs(struct queues *q, uint32_t ifindex, struct queue_qdisc **out, size_t *n,
		      struct dmsc_error *err)
{
	return dump(q, DMSC_CMD_QDISC_GET, ifindex, on_qdisc, sizeof(**out), out, n, "list qdiscs",
		    err);
}

int queues_get_classes(struct queues *q, uint32_t ifindex, struct queue_class_entry **out,
		       size_t *n, struct dmsc_error *err)
{
	return dump(q, DMSC_CMD_CLASS_GET, ifindex, on_class, sizeof(**out), out, n, "list classes",
		    err);
}

int queues_get_queues(struct queues *q, uint32_t ifindex, struct queue_queue_entry **out, size_t *n,
		      struct dmsc_error *err)
{
	return dump(q, DMSC_CMD_QUEUE_GET, ifindex, on_queue, sizeof(**out), out, n, "list queues",
		    err);
}

/* ---- events ---- */

int queues_event_fd(struct queues *q, struct dmsc_error *err)
{
	int group = q->group;

	if (!q->events) {
		q->events = open_socket();
		if (!q->events)
			return dmsc_fail(err, -errno, "events: %s", strerror(errno));
		if (mnl_socket_setsockopt(q->events, NETLINK_ADD_MEMBERSHIP, &group,
					  sizeof(group)) < 0) {
			int ret = dmsc_fail(err, -errno, "events: %s", strerror(errno));

			mnl_socket_close(q->events);
			q->events = NULL;
			return ret;
		}
	}
	return mnl_socket_get_fd(q->events);
}

int queues_event_read(struct queues *q, struct queue_event *ev, struct dmsc_error *err)
{
	const struct nlattr *tb[DMSC_A_MAX + 1];
	const struct nlmsghdr *nlh;
	const struct genlmsghdr *genl;
	char buf[4096];
	ssize_t n;

	if (!q->events)
		return dmsc_fail(err, -ENOTCONN, "events: not subscribed");
	n = recv(mnl_socket_get_fd(q->events), buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0)
		return dmsc_fail(err, -errno, "events: %s", strerror(errno));
	nlh = (const struct nlmsghdr *)buf;
	if (!mnl_nlmsg_ok(nlh, n) || nlh->nlmsg_type != q->family)
		return dmsc_fail(err, -EAGAIN, "events: not an event");
	genl = mnl_nlmsg_get_payload(nlh);
	if (genl->cmd != DMSC_CMD_EVENT)
		return dmsc_fail(err, -EAGAIN, "events: not an event");
	parse_message(nlh, tb, DMSC_A_MAX);
	memset(ev, 0, sizeof(*ev));
	ev->event = get_u32(tb[DMSC_A_EVENT]);
	ev->ifindex = get_u32(tb[DMSC_A_IFINDEX]);
	ev->handle = get_u32(tb[DMSC_A_HANDLE]);
	if (tb[DMSC_A_CLASS])
		read_class(tb[DMSC_A_CLASS], &ev->class);
	if (tb[DMSC_A_QUEUE])
		read_queue(tb[DMSC_A_QUEUE], &ev->queue);
	return 0;
}
