// SPDX-License-Identifier: GPL-2.0-or-later
#include "emulator/command.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	for (;;) {
		va_start(ap, fmt);
		n = vsnprintf(t->data + t->len, t->room - t->len, fmt, ap);
		va_end(ap);
		if (n < 0 || t->failed) {
			t->failed = true;
			return;
		}
		if (t->len + n < t->room)
			break;
		t->room = 2 * (t->len + n) + 256;
		char *data = realloc(t->data, t->room);

		if (!data) {
			t->failed = true;
			return;
		}
		t->data = data;
	}
	t->len += n;
}

void text_free(struct text *t)
{
	free(t->data);
	memset(t, 0, sizeof(*t));
}

static int memory_file(const char *text)
{
	int fd = memfd_create("text", MFD_CLOEXEC);
	size_t len = text ? strlen(text) : 0;

	if (fd < 0)
		return -1;
	if ((len && write(fd, text, len) != (ssize_t)len) || lseek(fd, 0, SEEK_SET)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* In the child. What goes wrong is said where the program's own errors go. */
static void __attribute__((noreturn)) child(const struct command_options *o, const char *const *argv,
					    int in, int out, int errors, pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(errors, 2) < 0)
		_exit(126);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(126);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (o->cgroup) {
		char path[512];
		int fd;

		snprintf(path, sizeof(path), "%s/cgroup.procs", o->cgroup);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "0", 1) != 1) {
			fprintf(stderr, "%s: %s\n", path, strerror(errno));
			_exit(126);
		}
	}
	if (o->netns >= 0 && setns(o->netns, CLONE_NEWNET)) {
		fprintf(stderr, "network namespace: %s\n", strerror(errno));
		_exit(126);
	}
	if (o->prepare && o->prepare(o->arg))
		_exit(126);
	execvp(argv[0], (char *const *)argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int command_start(struct command *c, const struct command_options *o, const char *const *argv,
		  struct dmsc_error *err)
{
	const char *slash = strrchr(argv[0], '/');
	pid_t parent = getpid();
	int in, ret = 0;

	memset(c, 0, sizeof(*c));
	c->input = o->input;
	snprintf(c->name, sizeof(c->name), "%s", slash ? slash + 1 : argv[0]);
	in = memory_file(o->input);
	if (o->log) {
		c->out = open(o->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		c->errors = c->out < 0 ? -1 : dup(c->out);
	} else {
		c->out = memory_file(NULL);
		c->errors = memory_file(NULL);
	}
	if (in < 0 || c->out < 0 || c->errors < 0) {
		ret = dmsc_fail(err, -errno, "%s: %s", o->log ? o->log : c->name, strerror(errno));
	} else {
		/* What is buffered would come out twice. */
		fflush(NULL);
		c->pid = fork();
		if (c->pid < 0)
			ret = dmsc_fail(err, -errno, "%s: fork: %s", c->name, strerror(errno));
		else if (!c->pid)
			child(o, argv, in, c->out, c->errors, parent);
	}
	if (in >= 0)
		close(in);
	if (ret) {
		c->pid = 0;
		if (c->out >= 0)
			close(c->out);
		if (c->errors >= 0)
			close(c->errors);
	}
	return ret;
}

static char *read_all(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *data;

	if (size < 0)
		size = 0;
	data = calloc(1, size + 1);
	if (data && size && pread(fd, data, size, 0) < 0)
		data[0] = '\0';
	return data;
}

/* The last line that says something; what comes after it is cut off. */
static const char *last_line(char *text)
{
	char *end = text + strlen(text), *line;

	while (end > text && (end[-1] == '\n' || end[-1] == ' '))
		*--end = '\0';
	line = strrchr(text, '\n');
	return line ? line + 1 : text;
}

/*
 * ip -batch and tc -batch say last which line of their input failed; the reason
 * stands before. *len: of the line of @input, 0 when that is not known.
 */
static const char *batch_line(char *errors, const char *input, int *len)
{
	char *said = strstr(errors, "Command failed -:");
	unsigned int line;

	*len = 0;
	if (!said || !input || sscanf(said, "Command failed -:%u", &line) != 1)
		return "";
	*said = '\0';
	while (input && --line)
		input = (input = strchr(input, '\n')) ? input + 1 : NULL;
	if (!input)
		return "";
	*len = strcspn(input, "\n");
	return input;
}

static int failed(const struct command *c, int status, struct dmsc_error *err)
{
	char *errors = read_all(c->errors);
	const char *line;
	int len, ret;

	if (WIFSIGNALED(status)) {
		ret = dmsc_fail(err, -EIO, "%s: killed by signal %d", c->name, WTERMSIG(status));
	} else if (!errors || !errors[0]) {
		ret = dmsc_fail(err, -EIO, "%s: failed", c->name);
	} else {
		line = batch_line(errors, c->input, &len);
		ret = dmsc_fail(err, -EIO, "%s: %.300s%s%.*s%s", c->name, last_line(errors),
				len ? " (" : "", len > 120 ? 120 : len, line, len ? ")" : "");
	}
	free(errors);
	return ret;
}

int command_wait(struct command *c, char **out, struct dmsc_error *err)
{
	int status, ret = 0;

	if (out)
		*out = NULL;
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	c->pid = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		ret = failed(c, status, err);
	} else if (out) {
		*out = read_all(c->out);
		if (!*out)
			ret = dmsc_fail(err, -ENOMEM, "%s: no memory", c->name);
	}
	close(c->out);
	close(c->errors);
	return ret;
}

bool command_running(struct command *c)
{
	siginfo_t info = { 0 };

	return c->pid > 0 && !waitid(P_PID, c->pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
	       !info.si_pid;
}

bool command_signal(struct command *c, int signal)
{
	return command_running(c) && !kill(c->pid, signal);
}

void command_kill(struct command *c)
{
	if (c->pid <= 0)
		return;
	kill(c->pid, SIGKILL);
	command_wait(c, NULL, NULL);
}

int command_run(const struct command_options *o, const char *const *argv, char **out,
		struct dmsc_error *err)
{
	struct command c;
	int ret = command_start(&c, o, argv, err);

	return ret ? ret : command_wait(&c, out, err);
}
