// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/module.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/dmsc.h>

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 0; -ETIMEDOUT; -EPIPE when the process has ended. */
static int transfer(int fd, void *data, size_t size, bool out, int64_t deadline)
{
	char *p = data;

	while (size) {
		struct pollfd pfd = { .fd = fd, .events = out ? POLLOUT : POLLIN };
		int64_t left = deadline - now_ms();
		ssize_t n;

		if (left < 0)
			return -ETIMEDOUT;
		n = poll(&pfd, 1, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ETIMEDOUT;
		n = out ? send(fd, p, size, MSG_DONTWAIT | MSG_NOSIGNAL) :
			  recv(fd, p, size, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return -EPIPE;
		p += n;
		size -= n;
	}
	return 0;
}

/* Ends the process and says how it ended. */
static void reap(struct module *m, char *how, size_t size)
{
	int status = 0;
	bool ended;

	ended = waitpid(m->pid, &status, WNOHANG) == m->pid;
	if (!ended) {
		/* A process that is about to die of what it did may say so first. */
		for (int k = 0; k < 10 && !ended && *how == 'e'; k++) {
			nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
			ended = waitpid(m->pid, &status, WNOHANG) == m->pid;
		}
	}
	if (!ended) {
		kill(m->pid, SIGKILL);
		while (waitpid(m->pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	if (ended && WIFSIGNALED(status))
		snprintf(how, size, "ended by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else if (ended)
		snprintf(how, size, "ended with status %d", WEXITSTATUS(status));
	close(m->fd);
	m->pid = 0;
	m->fd = -1;
}

static void use_builtin(struct module *m)
{
	m->has = 0;
	snprintf(m->name, sizeof(m->name), "%s", m->builtin->name);
}

static void cut_off(struct module *m, const char *why)
{
	char how[128], text[256];

	snprintf(how, sizeof(how), "%s", why);
	reap(m, how, sizeof(how));
	snprintf(text, sizeof(text), "module %s: %s; the built-in one takes over", m->name, how);
	use_builtin(m);
	if (m->event)
		m->event(m->arg, text);
}

/* "name" is MODULE_DIR/name.so; what has a slash is a path. */
static void file_of(const char *spec, char *out, size_t size)
{
	if (strchr(spec, '/'))
		snprintf(out, size, "%s", spec);
	else
		snprintf(out, size, MODULE_DIR "/%s.so", spec);
}

static int start(struct module *m, const char *file, struct dmsc_error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return dmsc_fail(err, -errno, "module %s: socket: %s", file, strerror(errno));
	fflush(NULL);
	m->pid = fork();
	if (m->pid < 0) {
		m->pid = 0;
		close(pair[0]);
		close(pair[1]);
		return dmsc_fail(err, -errno, "module %s: fork: %s", file, strerror(errno));
	}
	if (!m->pid)
		module_work(file, pair[1]);
	close(pair[1]);
	m->fd = pair[0];
	return 0;
}

static int greet(struct module *m, const char *file, struct dmsc_error *err)
{
	int64_t deadline = now_ms() + MODULE_START_MS;
	struct module_hello hello;
	struct module_head head;
	char how[128] = "ended";
	int ret;

	ret = transfer(m->fd, &head, sizeof(head), false, deadline);
	if (!ret && (head.question != MODULE_HELLO || head.length != sizeof(hello)))
		ret = -EPROTO;
	if (!ret)
		ret = transfer(m->fd, &hello, sizeof(hello), false, deadline);
	if (ret == -ETIMEDOUT)
		snprintf(how, sizeof(how), "took longer than %d ms to load", MODULE_START_MS);
	if (ret) {
		reap(m, how, sizeof(how));
		return dmsc_fail(err, -EINVAL, "module %s: %s", file, how);
	}
	hello.name[sizeof(hello.name) - 1] = '\0';
	hello.error[sizeof(hello.error) - 1] = '\0';
	if (*hello.error) {
		reap(m, how, sizeof(how));
		return dmsc_fail(err, -EINVAL, "module %s: %s", file, hello.error);
	}
	m->has = hello.has;
	snprintf(m->name, sizeof(m->name), "%s", hello.name);
	return 0;
}

int module_open(struct module *m, const struct dmsc_module *builtin, const char *spec,
		uint32_t limit_ms, void (*event)(void *arg, const char *text), void *arg,
		struct dmsc_error *err)
{
	char file[MODULE_NAME_MAX + sizeof(MODULE_DIR) + 8];
	int ret;

	*m = (struct module){ .builtin = builtin,
			      .fd = -1,
			      .limit_ms = limit_ms ? limit_ms : MODULE_LIMIT_MS,
			      .event = event,
			      .arg = arg };
	use_builtin(m);
	if (!spec || !strcmp(spec, MODULE_BUILTIN))
		return 0;
	if (strlen(spec) >= MODULE_NAME_MAX)
		return dmsc_fail(err, -EINVAL, "module: name of %zu bytes, expected less than %d",
				 strlen(spec), MODULE_NAME_MAX);
	file_of(spec, file, sizeof(file));
	ret = start(m, file, err);
	if (!ret)
		ret = greet(m, file, err);
	if (ret)
		use_builtin(m);
	return ret;
}

void module_close(struct module *m)
{
	char how[128] = "";

	if (m->pid)
		reap(m, how, sizeof(how));
	use_builtin(m);
}

/* True: @out is the module's answer. */
static bool ask(struct module *m, enum module_question question, const void *data, size_t size,
		struct module_answer *out)
{
	struct module_head head = { question, size };
	int64_t deadline = now_ms() + m->limit_ms;
	char why[64];
	int ret;

	if (!m->pid || !(m->has & 1U << question))
		return false;
	ret = transfer(m->fd, &head, sizeof(head), true, deadline);
	if (!ret)
		ret = transfer(m->fd, (void *)data, size, true, deadline);
	if (!ret)
		ret = transfer(m->fd, &head, sizeof(head), false, deadline);
	if (!ret && (head.question != question || head.length != sizeof(*out)))
		ret = -EPROTO;
	if (!ret)
		ret = transfer(m->fd, out, sizeof(*out), false, deadline);
	if (!ret)
		return !out->status;
	if (ret == -ETIMEDOUT)
		snprintf(why, sizeof(why), "no answer within %u ms", m->limit_ms);
	else
		snprintf(why, sizeof(why), "%s", ret == -EPIPE ? "ended" : "not understood");
	cut_off(m, why);
	return false;
}

void module_policy(struct module *m, const struct dmsc_module_flow *flow,
		   struct dmsc_module_importance *out)
{
	struct module_answer a;

	if (ask(m, MODULE_POLICY, flow, sizeof(*flow), &a)) {
		if (a.importance.class < DMSC_NR_CLASSES && a.importance.rank <= DMSC_RANK_MAX) {
			*out = a.importance;
			return;
		}
		cut_off(m, "class or rank out of range");
	}
	m->builtin->policy(flow, out);
}

uint32_t module_path(struct module *m, const struct dmsc_module_way *ways, uint32_t nr)
{
	struct module_answer a;
	uint32_t choice = 0;

	if (nr <= MODULE_WAYS_MAX && ask(m, MODULE_PATH, ways, nr * sizeof(*ways), &a)) {
		if (a.choice < nr)
			return a.choice;
		cut_off(m, "path out of range");
	}
	m->builtin->path(ways, nr, &choice);
	return choice;
}

double module_predict(struct module *m, const double *values, uint32_t nr)
{
	uint32_t last = nr < MODULE_VALUES_MAX ? nr : MODULE_VALUES_MAX;
	struct module_answer a;
	double next = NAN;

	if (ask(m, MODULE_PREDICT, values + (nr - last), last * sizeof(*values), &a)) {
		if (isfinite(a.next) && a.next >= 0)
			return a.next;
		cut_off(m, "prediction out of range");
	}
	m->builtin->predict(values, nr, &next);
	return next;
}
