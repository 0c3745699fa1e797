// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/ipc.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

void ipc_buf_free(struct ipc_buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

int ipc_buf_add(struct ipc_buf *b, const void *data, size_t len)
{
	size_t used = b->end - b->start;

	if (b->start == b->end) {
		b->start = b->end = b->scanned = 0;
	} else if (b->start && b->cap - b->end < len) {
		memmove(b->data, b->data + b->start, used);
		b->scanned -= b->start;
		b->end = used;
		b->start = 0;
	}
	if (b->cap - b->end < len) {
		size_t cap = b->cap ? b->cap : 4096;
		char *p;

		while (cap - b->end < len)
			cap *= 2;
		p = realloc(b->data, cap);
		if (!p)
			return -ENOMEM;
		b->data = p;
		b->cap = cap;
	}
	memcpy(b->data + b->end, data, len);
	b->end += len;
	/* The limit is on a line: whole lines that wait are not too long. */
	if (b->end - b->start > IPC_MAX_LINE && !memchr(b->data + b->start, '\n', IPC_MAX_LINE))
		return -EMSGSIZE;
	return 0;
}

char *ipc_buf_line(struct ipc_buf *b, size_t *len)
{
	char *line, *nl;

	if (b->scanned < b->start)
		b->scanned = b->start;
	nl = b->scanned < b->end ? memchr(b->data + b->scanned, '\n', b->end - b->scanned) : NULL;
	if (!nl) {
		b->scanned = b->end;
		return NULL;
	}
	line = b->data + b->start;
	*nl = '\0';
	*len = nl - line;
	b->start = nl - b->data + 1;
	b->scanned = b->start;
	return line;
}

int ipc_connect(struct ipc_client *c, const char *socket_path, struct dmsc_error *err)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int ret;

	memset(c, 0, sizeof(*c));
	c->fd = -1;
	if (strlen(socket_path) >= sizeof(sa.sun_path))
		return dmsc_fail(err, -EINVAL, "%s: socket name too long, expected below %zu bytes",
				 socket_path, sizeof(sa.sun_path));
	strcpy(sa.sun_path, socket_path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return dmsc_fail(err, -errno, "socket: %s", strerror(errno));
	if (connect(c->fd, (struct sockaddr *)&sa, sizeof(sa))) {
		ret = -errno;
		ipc_disconnect(c);
		return dmsc_fail(err, ret, "%s: %s%s", socket_path, strerror(-ret),
				 ret == -ENOENT || ret == -ECONNREFUSED ? " (is dmscd running?)" :
									  "");
	}
	return 0;
}

void ipc_disconnect(struct ipc_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	ipc_buf_free(&c->in);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int wait_fd(int fd, short events, int64_t deadline)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	for (;;) {
		int64_t left = deadline < 0 ? -1 : deadline - now_ms();
		int n;

		if (deadline >= 0 && left < 0)
			left = 0;
		n = poll(&pfd, 1, left);
		if (n > 0)
			return 0;
		if (!n)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

static int64_t deadline_of(int timeout_ms)
{
	return timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
}

int ipc_send(struct ipc_client *c, const json_t *msg, int timeout_ms, struct dmsc_error *err)
{
	int64_t deadline = deadline_of(timeout_ms);
	char *text = json_dumps(msg, JSON_COMPACT);
	size_t len, done = 0;
	int ret = 0;

	if (!text)
		return dmsc_fail(err, -ENOMEM, "cannot write the request as JSON");
	len = strlen(text);
	text[len++] = '\n';
	while (done < len && !ret) {
		ssize_t n = send(c->fd, text + done, len - done, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0)
			done += n;
		else if (errno == EAGAIN)
			ret = wait_fd(c->fd, POLLOUT, deadline);
		else if (errno != EINTR)
			ret = -errno;
	}
	free(text);
	return ret ? dmsc_fail(err, ret, "dmscd: cannot send: %s", strerror(-ret)) : 0;
}

int ipc_receive(struct ipc_client *c, json_t **msg, int timeout_ms, struct dmsc_error *err)
{
	int64_t deadline = deadline_of(timeout_ms);
	char chunk[65536], *line;
	size_t len;
	int ret;

	while (!(line = ipc_buf_line(&c->in, &len))) {
		ssize_t n;

		ret = wait_fd(c->fd, POLLIN, deadline);
		if (ret)
			return dmsc_fail(err, ret, "dmscd: no answer: %s", strerror(-ret));
		n = recv(c->fd, chunk, sizeof(chunk), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return dmsc_fail(err, -ECONNRESET, "dmscd: closed the connection");
		ret = ipc_buf_add(&c->in, chunk, n);
		if (ret)
			return dmsc_fail(err, ret, "dmscd: answer: %s", strerror(-ret));
	}
	*msg = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(*msg)) {
		json_decref(*msg);
		return dmsc_fail(err, -EPROTO, "dmscd: answer is no JSON object");
	}
	return 0;
}

static const struct {
	int err;
	const char *code;
} codes[] = {
	{ EINVAL, "EINVAL" },	      { ENOENT, "ENOENT" },
	{ EBUSY, "EBUSY" },	      { EPERM, "EPERM" },
	{ EACCES, "EACCES" },	      { ENOMEM, "ENOMEM" },
	{ ENODEV, "ENODEV" },	      { EIO, "EIO" },
	{ ENOSPC, "ENOSPC" },	      { EPROTO, "EPROTO" },
	{ EOPNOTSUPP, "EOPNOTSUPP" }, { ETIMEDOUT, "ETIMEDOUT" },
	{ EMSGSIZE, "EMSGSIZE" },     { E2BIG, "E2BIG" },
	{ EEXIST, "EEXIST" },	      { ERANGE, "ERANGE" },
};

const char *ipc_code(int err)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].err == -err)
			return codes[i].code;
	return NULL;
}

int ipc_errno(const char *code)
{
	for (size_t i = 0; code && i < sizeof(codes) / sizeof(codes[0]); i++)
		if (!strcmp(codes[i].code, code))
			return -codes[i].err;
	return -EIO;
}

int ipc_call(struct ipc_client *c, json_t *req, json_t **answer, int timeout_ms,
	     struct dmsc_error *err)
{
	json_t *msg;
	int ret;

	if (!req)
		return dmsc_fail(err, -ENOMEM, "no memory for the request");
	ret = ipc_send(c, req, timeout_ms, err);
	json_decref(req);
	if (!ret)
		ret = ipc_receive(c, &msg, timeout_ms, err);
	if (ret)
		return ret;
	if (!json_is_true(json_object_get(msg, "ok"))) {
		const char *text = json_string_value(json_object_get(msg, "error"));

		ret = dmsc_fail(err, ipc_errno(json_string_value(json_object_get(msg, "code"))),
				"%s", text ? text : "dmscd refused and did not say why");
		json_decref(msg);
		return ret;
	}
	*answer = msg;
	return 0;
}
