// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscd/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "dmscd/daemon.h"
#include "dmscd/request.h"
#include "lib/ipc.h"
#include "lib/log.h"

#define MAX_CLIENTS  64
#define MAX_MEMORY   (256UL << 20) /* what all clients' lines may hold */
#define MAX_EVENTS   (1UL << 20)   /* unread bytes before a monitor is dropped */
#define READ_AT_ONCE (256 * 1024)  /* of one client before others have their turn */
#define SILENT_USEC  (60UL * 1000 * 1000)

struct client {
	struct client *next;
	struct daemon *d;
	uint64_t id;
	int fd;
	sd_event_source *io, *silent;
	struct ipc_buf in;
	char *out;
	size_t out_start, out_end, out_cap;
	bool waiting; /* for the answer of an apply */
	bool monitor;
	bool closing; /* after what is in out */
};

struct control {
	int fd;
	sd_event_source *io;
	struct client *clients;
	unsigned int nr_clients;
	uint64_t last_id;
	char *chunk;
};

static void client_free(struct client *c)
{
	struct control *ctl = c->d->control;
	struct client **p = &ctl->clients;

	while (*p && *p != c)
		p = &(*p)->next;
	if (*p) {
		*p = c->next;
		ctl->nr_clients--;
	}
	sd_event_source_disable_unref(c->io);
	sd_event_source_disable_unref(c->silent);
	close(c->fd);
	ipc_buf_free(&c->in);
	free(c->out);
	free(c);
}

static struct client *client_find(struct daemon *d, uint64_t id)
{
	struct client *c = d->control ? d->control->clients : NULL;

	while (c && c->id != id)
		c = c->next;
	return c;
}

static size_t memory_held(const struct control *ctl)
{
	size_t sum = 0;

	for (const struct client *c = ctl->clients; c; c = c->next)
		sum += ipc_buf_size(&c->in) + c->out_cap;
	return sum;
}

/* Returns -1 when the client is gone. */
static int client_flush(struct client *c)
{
	while (c->out_start < c->out_end) {
		ssize_t n = send(c->fd, c->out + c->out_start, c->out_end - c->out_start,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			c->out_start += n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		client_free(c);
		return -1;
	}
	if (c->out_start == c->out_end) {
		c->out_start = c->out_end = 0;
		/* A long answer's memory is not kept for the next short one. */
		if (c->out_cap > READ_AT_ONCE) {
			free(c->out);
			c->out = NULL;
			c->out_cap = 0;
		}
		if (c->closing) {
			client_free(c);
			return -1;
		}
	}
	return 0;
}

/* While an answer is outstanding nothing more is read: the sender waits, not we. */
static void client_interest(struct client *c)
{
	bool in = !c->closing && !c->waiting && c->out_start == c->out_end;

	sd_event_source_set_io_events(c->io, (in || c->monitor ? EPOLLIN : 0) |
						     (c->out_start < c->out_end ? EPOLLOUT : 0));
}

static int client_put(struct client *c, const json_t *msg)
{
	char *text = json_dumps(msg, JSON_COMPACT), *p;
	size_t len, used = c->out_end - c->out_start;

	if (!text)
		return -ENOMEM;
	len = strlen(text);
	text[len++] = '\n';
	if (c->out_start && c->out_cap - c->out_end < len) {
		memmove(c->out, c->out + c->out_start, used);
		c->out_start = 0;
		c->out_end = used;
	}
	if (c->out_cap - c->out_end < len) {
		p = realloc(c->out, c->out_end + len);
		if (!p) {
			free(text);
			return -ENOMEM;
		}
		c->out = p;
		c->out_cap = c->out_end + len;
	}
	memcpy(c->out + c->out_end, text, len);
	c->out_end += len;
	free(text);
	return 0;
}

/* Returns -1 when the client is gone. */
static int client_send(struct client *c, const json_t *msg)
{
	if (client_put(c, msg)) {
		client_free(c);
		return -1;
	}
	if (client_flush(c))
		return -1;
	client_interest(c);
	return 0;
}

static json_t *failure(int ret, const char *text)
{
	json_t *msg = json_pack("{s:b, s:s}", "ok", 0, "error", text);
	const char *code = ipc_code(ret);

	/* A file's bytes may be quoted in a message and be no UTF-8. */
	if (!msg)
		msg = json_pack("{s:b, s:s}", "ok", 0, "error", "refused (message is no UTF-8)");
	if (msg && code)
		json_object_set_new(msg, "code", json_string(code));
	return msg;
}

/* Returns -1 when the client is gone. */
static int client_fail(struct client *c, int ret, const char *text)
{
	json_t *msg = failure(ret, text);
	int gone = client_send(c, msg);

	json_decref(msg);
	return gone;
}

static void close_after(struct client *c, int ret, const char *text)
{
	c->closing = true;
	client_fail(c, ret, text);
}

/* Returns -1 when the client is gone. */
static int client_line(struct client *c, const char *line, size_t len)
{
	json_error_t je;
	json_t *req = json_loadb(line, len, JSON_REJECT_DUPLICATES, &je), *answer = NULL;
	struct dmsc_error err = { "" };
	uint64_t id = c->id;
	struct daemon *d = c->d;
	int ret;

	if (!json_is_object(req)) {
		const char *what = req ? "request: not an object, expected one" :
					 "request: not JSON, expected one object a line";

		json_decref(req);
		return client_fail(c, -EINVAL, what);
	}
	c->waiting = true;
	ret = request_handle(d, id, req, &answer, &err);
	json_decref(req);
	if (ret == 1) /* answered later; while it waits nothing is read */
		return 0;
	c = client_find(d, id);
	if (!c) {
		json_decref(answer);
		return -1;
	}
	c->waiting = false;
	if (ret < 0) {
		json_decref(answer);
		return client_fail(c, ret, err.text);
	}
	ret = client_send(c, answer);
	json_decref(answer);
	return ret;
}

/* All whole lines, as long as answers go out. Returns -1 when the client is gone. */
static int client_lines(struct client *c)
{
	char *line;
	size_t len;

	while (!c->waiting && !c->closing && c->out_start == c->out_end &&
	       (line = ipc_buf_line(&c->in, &len)))
		if (client_line(c, line, len))
			return -1;
	/* The memory of a long request goes with it. */
	if (c->in.start == c->in.end && c->in.cap > READ_AT_ONCE)
		ipc_buf_free(&c->in);
	client_interest(c);
	return 0;
}

static void client_alive(struct client *c)
{
	sd_event_source_set_time_relative(c->silent, SILENT_USEC);
	sd_event_source_set_enabled(c->silent, c->monitor ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static int on_silent(sd_event_source *s, uint64_t usec, void *arg)
{
	struct client *c = arg;

	(void)s, (void)usec;
	/* Who waits for us is not silent. */
	if (c->waiting)
		client_alive(c);
	else
		client_free(c);
	return 0;
}

static void client_read(struct client *c)
{
	struct control *ctl = c->d->control;
	ssize_t n = recv(c->fd, ctl->chunk, READ_AT_ONCE, MSG_DONTWAIT);
	int ret;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		/* It may have closed its sending side only and still want the answer. */
		if (n == 0 && (c->waiting || c->out_start < c->out_end)) {
			c->closing = true;
			client_interest(c);
		} else {
			client_free(c);
		}
		return;
	}
	client_alive(c);
	if (c->monitor) /* has nothing more to say */
		return;
	ret = ipc_buf_add(&c->in, ctl->chunk, n);
	if (ret == -EMSGSIZE)
		close_after(c, ret, "request: line too long, expected at most 64 MiB");
	else if (ret || memory_held(ctl) > MAX_MEMORY)
		close_after(c, -ENOMEM, "request: clients hold too much memory, try again");
	else
		client_lines(c);
}

static int on_client(sd_event_source *s, int fd, uint32_t revents, void *arg)
{
	struct client *c = arg;

	(void)s, (void)fd;
	if (revents & EPOLLOUT) {
		if (client_flush(c))
			return 0;
		client_alive(c);
		if (client_lines(c))
			return 0;
	}
	if (revents & EPOLLIN)
		client_read(c);
	else if (revents & (EPOLLHUP | EPOLLERR))
		client_free(c);
	return 0;
}

static bool peer_allowed(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) &&
	       (cred.uid == 0 || cred.uid == geteuid());
}

static void refuse(int fd, int ret, const char *text)
{
	json_t *msg = failure(ret, text);
	char *line = json_dumps(msg, JSON_COMPACT);

	if (line) {
		send(fd, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT);
		send(fd, "\n", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	free(line);
	json_decref(msg);
	close(fd);
}

static int on_connect(sd_event_source *s, int listener, uint32_t revents, void *arg)
{
	struct daemon *d = arg;
	struct control *ctl = d->control;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *c;

	(void)s, (void)revents;
	if (fd < 0)
		return 0;
	if (!peer_allowed(fd)) {
		refuse(fd, -EPERM, "only root may talk to dmscd");
		return 0;
	}
	if (ctl->nr_clients >= MAX_CLIENTS) {
		refuse(fd, -EBUSY, "too many clients");
		return 0;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return 0;
	}
	c->d = d;
	c->fd = fd;
	c->id = ++ctl->last_id;
	c->next = ctl->clients;
	ctl->clients = c;
	ctl->nr_clients++;
	if (sd_event_add_io(d->event, &c->io, fd, EPOLLIN, on_client, c) < 0 ||
	    sd_event_add_time_relative(d->event, &c->silent, CLOCK_MONOTONIC, SILENT_USEC, 0,
				       on_silent, c) < 0)
		client_free(c);
	return 0;
}

void control_answer(struct daemon *d, uint64_t client, json_t *answer)
{
	struct client *c = client_find(d, client);

	if (c) {
		c->waiting = false;
		client_alive(c);
		if (!client_send(c, answer))
			client_lines(c);
	}
	json_decref(answer);
}

void control_fail(struct daemon *d, uint64_t client, int ret, const struct dmsc_error *err)
{
	control_answer(d, client, failure(ret, err->text));
}

void control_monitor(struct daemon *d, uint64_t client)
{
	struct client *c = client_find(d, client);

	if (c) {
		c->monitor = true;
		sd_event_source_set_enabled(c->silent, SD_EVENT_OFF);
	}
}

void daemon_event(struct daemon *d, const char *name, json_t *ev)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ev && d->control) {
		json_object_set_new(ev, "event", json_string(name));
		json_object_set_new(ev, "time", json_real(now.tv_sec + now.tv_nsec / 1e9));
		for (struct client *c = d->control->clients, *next; c; c = next) {
			next = c->next;
			if (!c->monitor || c->waiting)
				continue;
			/* Who does not read them is not worth remembering them for. */
			if (c->out_end - c->out_start > MAX_EVENTS)
				client_free(c);
			else
				client_send(c, ev);
		}
	}
	json_decref(ev);
}

static int listen_at(const char *path, struct dmsc_error *err)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char dir[sizeof(sa.sun_path)], *slash;
	mode_t mask;
	int fd, ret;

	strcpy(sa.sun_path, path);
	strcpy(dir, path);
	slash = strrchr(dir, '/');
	if (slash && slash != dir) {
		*slash = '\0';
		mkdir(dir, 0755); /* if it cannot be made, bind says so */
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return dmsc_fail(err, -errno, "socket: %s", strerror(errno));
	unlink(path); /* ours: the lock on the state directory says so */
	mask = umask(0177);
	ret = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) ? -errno : 0;
	umask(mask);
	if (!ret && listen(fd, 64))
		ret = -errno;
	if (ret) {
		close(fd);
		return dmsc_fail(err, ret, "%s: %s", path, strerror(-ret));
	}
	return fd;
}

int control_start(struct daemon *d, struct dmsc_error *err)
{
	struct control *ctl = calloc(1, sizeof(*ctl));

	if (!ctl)
		return dmsc_fail(err, -ENOMEM, "socket: no memory");
	ctl->chunk = malloc(READ_AT_ONCE);
	ctl->fd = ctl->chunk ? listen_at(d->conf.socket, err) :
			       dmsc_fail(err, -ENOMEM, "socket: no memory");
	if (ctl->fd < 0) {
		int ret = ctl->fd;

		free(ctl->chunk);
		free(ctl);
		return ret;
	}
	d->control = ctl;
	if (sd_event_add_io(d->event, &ctl->io, ctl->fd, EPOLLIN, on_connect, d) < 0)
		return dmsc_fail(err, -ENOMEM, "socket: no memory");
	return 0;
}

void control_stop(struct daemon *d)
{
	struct control *ctl = d->control;

	if (!ctl)
		return;
	while (ctl->clients) {
		struct client *c = ctl->clients;

		c->closing = true;
		if (!client_flush(c))
			client_free(c);
	}
	sd_event_source_disable_unref(ctl->io);
	close(ctl->fd);
	unlink(d->conf.socket);
	free(ctl->chunk);
	free(ctl);
	d->control = NULL;
}
