// SPDX-License-Identifier: GPL-2.0-or-later
#include "emulator/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "emulator/interrupt.h"

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void __attribute__((noreturn)) fail_early(int fd, const char *what)
{
	struct worker_answer a = { .kind = WORKER_LISTEN, .status = -errno };

	snprintf(a.text, sizeof(a.text), "%.150s: %s", what, strerror(errno));
	send(fd, &a, sizeof(a), MSG_NOSIGNAL);
	_exit(1);
}

/* In the child. First the cgroup: sockets belong to the one they are made in. */
static void __attribute__((noreturn)) child(struct worker_env env, int netns, const char *cgroup,
					    pid_t parent)
{
	char path[600], name[16];
	int fd;

	interrupt_ignore();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	snprintf(name, sizeof(name), "emw:%.11s", env.plan->instances[env.instance].name);
	prctl(PR_SET_NAME, name);
	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		fail_early(env.control, path);
	if (setns(netns, CLONE_NEWNET))
		fail_early(env.control, "setns");
	/* The lock, namespaces and the others' sockets are the controller's alone. */
	if (dup2(env.control, 3) < 0 || close_range(4, ~0U, 0))
		fail_early(env.control, "close_range");
	env.control = 3;
	worker_run(&env);
}

static int start_one(struct control *c, const struct cluster *cluster, const struct worker_env *env,
		     uint32_t i, struct dmsc_error *err)
{
	struct worker_env own = *env;
	pid_t parent = getpid();
	char cgroup[512];
	int fds[2], ret;

	ret = cluster_cgroup(cluster, i, cgroup, sizeof(cgroup), err);
	if (ret)
		return ret;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return dmsc_fail(err, -errno, "socketpair: %s", strerror(errno));
	own.instance = i;
	own.control = fds[1];
	c->workers[i].pid = fork();
	if (!c->workers[i].pid)
		child(own, cluster_host_netns(cluster, c->plan->instances[i].host), cgroup, parent);
	close(fds[1]);
	if (c->workers[i].pid < 0) {
		ret = dmsc_fail(err, -errno, "fork: %s", strerror(errno));
		close(fds[0]);
		return ret;
	}
	c->workers[i].fd = fds[0];
	c->nr = i + 1;
	return 0;
}

int control_start(struct control *c, const struct cluster *cluster, const struct worker_env *env,
		  struct dmsc_error *err)
{
	uint32_t i;
	int ret = 0;

	memset(c, 0, sizeof(*c));
	c->plan = env->plan;
	c->shared = env->shared;
	c->workers = calloc(env->plan->nr_instances + 1, sizeof(*c->workers));
	if (!c->workers)
		return dmsc_fail(err, -ENOMEM, "no memory");
	fflush(NULL);
	for (i = 0; i < env->plan->nr_instances && !ret; i++)
		ret = start_one(c, cluster, env, i, err);
	return ret;
}

int control_send(struct control *c, const struct worker_order *order, struct dmsc_error *err)
{
	struct worker_order copy;
	uint32_t i;

	/* Holes between members would carry what is on the stack. */
	memset(&copy, 0, sizeof(copy));
	copy = *order;
	for (i = 0; i < c->nr; i++)
		if (send(c->workers[i].fd, &copy, sizeof(copy), MSG_NOSIGNAL) != sizeof(copy))
			return dmsc_fail(err, -EPIPE, "%s: its process is gone",
					 c->plan->instances[i].name);
	return 0;
}

/* One answer of worker @i; 1 when it is the one that was waited for. */
static int take_answer(struct control *c, uint32_t i, enum worker_order_kind kind,
		       struct dmsc_error *err)
{
	struct worker_answer a;
	ssize_t n = recv(c->workers[i].fd, &a, sizeof(a), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n != sizeof(a))
		return dmsc_fail(err, -EPIPE, "%s: its process ended unexpectedly",
				 c->plan->instances[i].name);
	if (a.status)
		return dmsc_fail(err, a.status < 0 ? a.status : -EIO, "%s: %.239s",
				 c->plan->instances[i].name, a.text);
	return a.kind == kind;
}

int control_wait(struct control *c, enum worker_order_kind kind, int timeout_ms,
		 struct dmsc_error *err)
{
	struct pollfd *fds = calloc(c->nr + 1, sizeof(*fds));
	int64_t end = now_ms() + timeout_ms, left;
	uint32_t missing = c->nr, i;
	int ret = 0, n;

	if (!fds)
		return dmsc_fail(err, -ENOMEM, "no memory");
	for (i = 0; i < c->nr; i++) {
		fds[i].fd = c->workers[i].fd;
		fds[i].events = POLLIN;
	}
	while (missing && !ret) {
		left = end - now_ms();
		if (interrupt_pending()) {
			ret = dmsc_fail(err, -EINTR, "interrupted");
			break;
		}
		if (left <= 0) {
			ret = dmsc_fail(err, -ETIMEDOUT,
					"%u of %u processes did not answer within %d s", missing,
					c->nr, timeout_ms / 1000);
			break;
		}
		n = poll(fds, c->nr, left);
		for (i = 0; n > 0 && i < c->nr && !ret; i++) {
			int got;

			if (!fds[i].revents)
				continue;
			got = take_answer(c, i, kind, err);
			if (got < 0)
				ret = got;
			if (got <= 0)
				continue;
			fds[i].fd = -1;
			missing--;
		}
	}
	free(fds);
	return ret;
}

/* The first step of @i that could be done and is not. */
static uint32_t first_pending(const struct control *c, uint32_t i)
{
	const struct plan *p = c->plan;
	uint32_t op, d;

	for (op = p->op_start[i]; op < p->op_start[i + 1]; op++) {
		const struct plan_op *o = &p->ops[op];
		bool ready = !c->shared->done[op];

		if (o->kind != OP_COMPUTE && p->flows[o->flow].bulk)
			continue;
		for (d = o->first_dep; d < o->first_dep + o->nr_deps && ready; d++)
			ready = c->shared->done[p->deps[d]];
		if (ready)
			return op;
	}
	return MODEL_NONE;
}

void control_pending(const struct control *c, const struct messages *m, uint32_t max,
		     struct text *out)
{
	const struct plan *p = c->plan;
	uint32_t i, op, n = 0;

	for (i = 0; i < c->nr; i++) {
		if (c->shared->workers[i].done_at)
			continue;
		op = first_pending(c, i);
		if (op == MODEL_NONE || ++n > max)
			continue;
		text_add(out, "%s: step %u of %u: ", p->instances[i].name, op - p->op_start[i] + 1,
			 p->op_start[i + 1] - p->op_start[i]);
		if (p->ops[op].kind == OP_COMPUTE) {
			text_add(out, "compute\n");
		} else {
			const struct plan_flow *f = &p->flows[p->ops[op].flow];
			bool send = p->ops[op].kind == OP_SEND;

			text_add(out, "%s %s, class %s, message %u of %u, %llu bytes\n",
				 send ? "send to" : "receive from",
				 p->instances[send ? f->dst : f->src].name,
				 dmsc_class_name(f->class),
				 m->of_op[op] - m->first[p->ops[op].flow] + 1,
				 m->first[p->ops[op].flow + 1] - m->first[p->ops[op].flow],
				 (unsigned long long)m->list[m->of_op[op]].bytes);
		}
	}
	if (n > max)
		text_add(out, "and %u more\n", n - max);
}

void control_stop(struct control *c)
{
	uint32_t i;

	for (i = 0; i < c->nr; i++)
		kill(c->workers[i].pid, SIGKILL);
	for (i = 0; i < c->nr; i++) {
		while (waitpid(c->workers[i].pid, NULL, 0) < 0 && errno == EINTR)
			;
		close(c->workers[i].fd);
	}
	free(c->workers);
	memset(c, 0, sizeof(*c));
}
