// SPDX-License-Identifier: GPL-2.0-or-later
#include "emulator/worker.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "emulator/steps.h"

#define HELLO_MAGIC 0x646d7363 /* first word of a connection, then its flow */
#define SEND_CHUNK  (256 * 1024)
#define MAX_EVENTS  32
/*
 * A receiver is woken when this much of a message is there, or all of it: on a
 * slow machine a wake-up a packet would cost more than the packet.
 */
#define WAKE_BYTES  (16 * 1024)

struct conn {
	int fd;
	bool out, up; /* up: both ends know which flow it is */
	uint32_t flow;
	uint32_t next;	/* message that is being moved */
	uint64_t moved; /* bytes of it */
	int lowat;
	uint32_t hello[2], hello_len;
};

struct worker {
	const struct worker_env *env;
	const struct plan *plan;
	struct steps steps;
	struct worker_order order;
	int epoll;
	int listeners[DMSC_NR_CLASSES];
	struct conn *conns; /* outgoing flows first */
	uint32_t nr_conns, nr_out, nr_in, nr_up;
	struct conn **conn_of_out; /* by flow, for sends */
	uint64_t *arrived;	   /* by message of the plan, 0 not yet */
	bool *ready;		   /* by message: may be sent */
	bool running, told;
	struct dmsc_error err;
};

static char zeros[SEND_CHUNK];

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static const struct plan_instance *self(const struct worker *w)
{
	return &w->plan->instances[w->env->instance];
}

static struct shared_worker *counters(const struct worker *w)
{
	return &w->env->shared->workers[w->env->instance];
}

static void to_sockaddr(const struct plan *p, uint32_t instance, uint16_t port,
			struct sockaddr_in *sa)
{
	uint32_t node = p->hosts[p->instances[instance].host].node;

	memset(sa, 0, sizeof(*sa));
	sa->sin_family = AF_INET;
	sa->sin_port = htons(port);
	memcpy(&sa->sin_addr, p->topo.nodes[node].addr.b + 12, 4);
}

static int new_socket(struct worker *w, uint8_t class)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
	int tos = w->order.dscp[class] << 2;

	if (fd < 0)
		return dmsc_fail(&w->err, -errno, "socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (w->order.mark && setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos))) {
		close(fd);
		return dmsc_fail(&w->err, -errno, "IP_TOS: %s", strerror(errno));
	}
	return fd;
}

static int watch(struct worker *w, int fd, uint32_t events, void *what)
{
	struct epoll_event ev = { .events = events, .data.ptr = what };

	if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &ev))
		return dmsc_fail(&w->err, -errno, "epoll: %s", strerror(errno));
	return 0;
}

static int open_ports(struct worker *w)
{
	struct sockaddr_in sa;
	int c, fd, ret;

	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		if (!self(w)->port[c])
			continue;
		fd = new_socket(w, c);
		if (fd < 0)
			return fd;
		w->listeners[c] = fd;
		to_sockaddr(w->plan, w->env->instance, self(w)->port[c], &sa);
		if (bind(fd, (void *)&sa, sizeof(sa)) || listen(fd, 1024))
			return dmsc_fail(&w->err, -errno, "port %u: %s", self(w)->port[c],
					 strerror(errno));
		ret = watch(w, fd, EPOLLIN, &w->listeners[c]);
		if (ret)
			return ret;
	}
	return 0;
}

static int open_connection(struct worker *w, uint32_t flow)
{
	const struct plan_flow *f = &w->plan->flows[flow];
	struct conn *c = &w->conns[w->nr_conns++];
	struct sockaddr_in sa;
	int one = 1;

	memset(c, 0, sizeof(*c));
	c->out = true;
	c->flow = flow;
	c->next = w->env->messages->first[flow];
	c->fd = new_socket(w, f->class);
	if (c->fd < 0)
		return c->fd;
	w->conn_of_out[flow] = c;
	/* Both ends have the hosts' own addresses, whichever rail it takes. */
	to_sockaddr(w->plan, w->env->instance, 0, &sa);
	setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (bind(c->fd, (void *)&sa, sizeof(sa)))
		return dmsc_fail(&w->err, -errno, "bind: %s", strerror(errno));
	to_sockaddr(w->plan, f->dst, w->plan->instances[f->dst].port[f->class], &sa);
	if (connect(c->fd, (void *)&sa, sizeof(sa)) && errno != EINPROGRESS)
		return dmsc_fail(&w->err, -errno, "connect to %s: %s",
				 w->plan->instances[f->dst].name, strerror(errno));
	return watch(w, c->fd, EPOLLOUT | EPOLLET, c);
}

static int open_connections(struct worker *w)
{
	uint32_t f;
	int ret = 0;

	for (f = 0; f < w->plan->nr_flows && !ret; f++)
		if (w->plan->flows[f].src == w->env->instance)
			ret = open_connection(w, f);
	return ret;
}

static int accept_all(struct worker *w, int listener)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), one = 1, ret;
		struct conn *c;

		if (fd < 0)
			return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED ?
				       0 :
				       dmsc_fail(&w->err, -errno, "accept: %s", strerror(errno));
		if (w->nr_conns == w->nr_out + w->nr_in) {
			close(fd);
			return dmsc_fail(&w->err, -EPROTO, "more connections than flows");
		}
		c = &w->conns[w->nr_conns++];
		memset(c, 0, sizeof(*c));
		c->fd = fd;
		c->lowat = 1;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		ret = watch(w, fd, EPOLLIN, c);
		if (ret)
			return ret;
	}
}

/* An outgoing connection stands: say which flow it is. */
static int say_hello(struct worker *w, struct conn *c)
{
	uint32_t hello[2] = { HELLO_MAGIC, c->flow };
	socklen_t len = sizeof(int);
	int error = 0;

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (!error && send(c->fd, hello, sizeof(hello), MSG_NOSIGNAL) != sizeof(hello)) {
		if (errno == EAGAIN || errno == ENOTCONN)
			return 0;
		error = errno;
	}
	if (error)
		return dmsc_fail(&w->err, -error, "connection to %s: %s",
				 w->plan->instances[w->plan->flows[c->flow].dst].name,
				 strerror(error));
	c->up = true;
	w->nr_up++;
	return 0;
}

static int hear_hello(struct worker *w, struct conn *c)
{
	ssize_t n = recv(c->fd, (char *)c->hello + c->hello_len, sizeof(c->hello) - c->hello_len, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return dmsc_fail(&w->err, n ? -errno : -ECONNRESET,
				 "a connection broke before it began");
	c->hello_len += n;
	if (c->hello_len < sizeof(c->hello))
		return 0;
	if (c->hello[0] != HELLO_MAGIC || c->hello[1] >= w->plan->nr_flows ||
	    w->plan->flows[c->hello[1]].dst != w->env->instance)
		return dmsc_fail(&w->err, -EPROTO, "a connection of no flow of the plan");
	c->flow = c->hello[1];
	c->next = w->env->messages->first[c->flow];
	c->up = true;
	w->nr_up++;
	return 0;
}

/* ---- moving bytes ---- */

static struct shared_bulk *bulk_of(const struct worker *w, uint32_t flow)
{
	uint32_t b = w->env->shared->bulk_of_flow[flow];

	return b == MODEL_NONE ? NULL : &w->env->shared->bulk[b];
}

static int broken(struct worker *w, struct conn *c, int error)
{
	const struct plan_flow *f = &w->plan->flows[c->flow];

	return dmsc_fail(&w->err, -error, "connection %s %s, class %s: %s", c->out ? "to" : "from",
			 w->plan->instances[c->out ? f->dst : f->src].name,
			 dmsc_class_name(f->class), strerror(error));
}

/* Over and over the same transfer, while the iteration lasts. */
static int push_bulk(struct worker *w, struct conn *c)
{
	const struct message *m = &w->env->messages->list[c->next];
	struct shared_bulk *b = bulk_of(w, c->flow);
	ssize_t n;

	for (;;) {
		uint64_t left = m->bytes - c->moved;

		if (!c->moved) {
			if (b->nr_started < BULK_RECORDS)
				b->start[b->nr_started] = now_ns();
			b->nr_started++;
		}
		n = send(c->fd, zeros, left < SEND_CHUNK ? left : SEND_CHUNK, MSG_NOSIGNAL);
		if (n < 0) {
			if (!c->moved)
				b->nr_started--;
			return errno == EAGAIN || errno == EINTR ? 0 : broken(w, c, errno);
		}
		c->moved += n;
		if (c->moved == m->bytes)
			c->moved = 0;
	}
}

/* All that may be sent and that the socket takes; messages of a flow keep their order. */
static int push(struct worker *w, struct conn *c)
{
	const struct messages *ms = w->env->messages;

	if (w->plan->flows[c->flow].bulk)
		return push_bulk(w, c);
	while (c->next < ms->first[c->flow + 1] && w->ready[c->next]) {
		uint64_t left = ms->list[c->next].bytes - c->moved;
		ssize_t n = send(c->fd, zeros, left < SEND_CHUNK ? left : SEND_CHUNK, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : broken(w, c, errno);
		counters(w)->sent += n;
		c->moved += n;
		if ((uint64_t)n < left)
			continue;
		c->moved = 0;
		steps_done(&w->steps, ms->list[c->next++].send, now_ns());
	}
	return 0;
}

static void set_lowat(struct worker *w, struct conn *c)
{
	const struct messages *ms = w->env->messages;
	uint64_t want = 1;

	if (c->next < ms->first[c->flow + 1])
		want = ms->list[c->next].bytes - c->moved;
	if (want > WAKE_BYTES)
		want = WAKE_BYTES;
	if ((int)want == c->lowat)
		return;
	c->lowat = want;
	setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &c->lowat, sizeof(c->lowat));
}

static void count_bulk(struct worker *w, struct conn *c, uint64_t n, uint64_t now)
{
	const struct message *m = &w->env->messages->list[c->next];
	struct shared_bulk *b = bulk_of(w, c->flow);

	b->received += n;
	c->moved += n;
	while (c->moved >= m->bytes) {
		c->moved -= m->bytes;
		if (b->nr_done < BULK_RECORDS)
			b->end[b->nr_done] = now;
		b->nr_done++;
	}
}

static int count_messages(struct worker *w, struct conn *c, uint64_t n, uint64_t now)
{
	const struct messages *ms = w->env->messages;

	counters(w)->received += n;
	c->moved += n;
	while (c->next < ms->first[c->flow + 1] && c->moved >= ms->list[c->next].bytes) {
		const struct message *m = &ms->list[c->next];

		c->moved -= m->bytes;
		w->arrived[c->next] = now;
		w->env->shared->end[c->next++] = now;
		if (steps_waiting(&w->steps, m->recv))
			steps_done(&w->steps, m->recv, now);
	}
	if (c->next == ms->first[c->flow + 1] && c->moved)
		return dmsc_fail(&w->err, -EPROTO, "flow %u: more bytes than planned", c->flow);
	return 0;
}

/* The bytes mean nothing: the kernel drops them without a copy (MSG_TRUNC). */
static int pull(struct worker *w, struct conn *c)
{
	ssize_t n = recv(c->fd, NULL, 1 << 30, MSG_TRUNC);
	uint64_t now = now_ns();
	int ret = 0;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : broken(w, c, errno);
	if (!n)
		return broken(w, c, ECONNRESET);
	if (w->plan->flows[c->flow].bulk)
		count_bulk(w, c, n, now);
	else
		ret = count_messages(w, c, n, now);
	set_lowat(w, c);
	return ret;
}

/* ---- a round ---- */

static int begin_op(struct worker *w, uint32_t op, uint64_t at)
{
	const struct plan_op *o = &w->plan->ops[op];
	uint32_t m = w->env->messages->of_op[op];
	uint64_t ns;

	switch (o->kind) {
	case OP_COMPUTE:
		ns = scale_to_real(w->env->scale, o->amount);
		if (ns)
			steps_compute(&w->steps, op, at + ns);
		else
			steps_done(&w->steps, op, at);
		return 0;
	case OP_SEND:
		w->env->shared->start[m] = at;
		w->ready[m] = true;
		return push(w, w->conn_of_out[o->flow]);
	case OP_RECV:
		/* It may have come, and been noted, between becoming ready and this. */
		if (w->arrived[m] && steps_waiting(&w->steps, op))
			steps_done(&w->steps, op, w->arrived[m]);
		return 0;
	}
	return 0;
}

static int answer(struct worker *w, enum worker_order_kind kind, int status)
{
	struct worker_answer a = { .kind = kind, .status = status };

	if (status)
		snprintf(a.text, sizeof(a.text), "%.239s", w->err.text);
	return send(w->env->control, &a, sizeof(a), MSG_NOSIGNAL) == sizeof(a) ? 0 : -EPIPE;
}

/* Whatever can be done now is; returns when the next step is due. */
static uint64_t advance(struct worker *w, int *ret)
{
	uint64_t next = UINT64_MAX, at;
	uint32_t op;

	do {
		while (!*ret && (op = steps_next(&w->steps, &at)) != MODEL_NONE)
			*ret = begin_op(w, op, at);
		if (!*ret)
			next = steps_expire(&w->steps, now_ns());
	} while (!*ret && w->steps.head != w->steps.tail);
	if (!*ret && !w->steps.nr_left && !w->told) {
		w->told = true;
		counters(w)->done_at = w->steps.last;
		*ret = answer(w, WORKER_START, 0);
	}
	return next;
}

static void begin_round(struct worker *w)
{
	const struct messages *ms = w->env->messages;
	uint32_t i;

	memset(w->arrived, 0, ms->nr * sizeof(*w->arrived));
	memset(w->ready, 0, ms->nr * sizeof(*w->ready));
	for (i = 0; i < w->nr_conns; i++)
		if (!w->conns[i].out)
			set_lowat(w, &w->conns[i]);
	steps_restart(&w->steps, w->order.start);
	w->told = false;
	w->running = true;
}

static void stop_round(struct worker *w)
{
	struct tcp_info info;
	socklen_t len;
	uint32_t i;

	w->running = false;
	counters(w)->stopped_at = now_ns();
	for (i = 0; i < w->nr_conns; i++) {
		epoll_ctl(w->epoll, EPOLL_CTL_DEL, w->conns[i].fd, NULL);
		len = sizeof(info);
		if (!getsockopt(w->conns[i].fd, IPPROTO_TCP, TCP_INFO, &info, &len))
			counters(w)->retransmits += info.tcpi_total_retrans;
	}
}

static void close_all(struct worker *w)
{
	const struct linger at_once = { 1, 0 };
	uint32_t i;
	int c;

	for (i = 0; i < w->nr_conns; i++) {
		/* What is still to be sent must not reach into the next round. */
		setsockopt(w->conns[i].fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		if (w->conns[i].fd >= 0)
			close(w->conns[i].fd);
	}
	w->nr_conns = 0;
	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		if (w->listeners[c] >= 0)
			close(w->listeners[c]);
		w->listeners[c] = -1;
	}
}

/* Answers at once, but for CONNECT and START, which take their time. */
static int obey(struct worker *w)
{
	ssize_t n = recv(w->env->control, &w->order, sizeof(w->order), 0);
	int ret = 0;

	if (n < 0 && errno == EINTR)
		return 0;
	if (n != sizeof(w->order))
		exit(0); /* the controller is gone */
	switch (w->order.kind) {
	case WORKER_LISTEN:
		/* Peers may connect before this one is told to. */
		w->nr_conns = w->nr_up = 0;
		ret = open_ports(w);
		break;
	case WORKER_CONNECT:
		ret = open_connections(w);
		if (!ret && w->nr_up < w->nr_out + w->nr_in)
			return 0;
		break;
	case WORKER_START:
		begin_round(w);
		return 0;
	case WORKER_STOP:
		stop_round(w);
		break;
	case WORKER_CLOSE:
		close_all(w);
		break;
	}
	return ret ? ret : answer(w, w->order.kind, 0);
}

static int handle(struct worker *w, const struct epoll_event *ev)
{
	struct conn *c = ev->data.ptr;
	uint32_t was_up = w->nr_up;
	int ret;

	if (!ev->data.ptr)
		return obey(w);
	if (ev->data.ptr >= (void *)w->listeners &&
	    ev->data.ptr < (void *)(w->listeners + DMSC_NR_CLASSES))
		return accept_all(w, *(int *)ev->data.ptr);
	if (c->up)
		return !w->running ? 0 : c->out ? push(w, c) : pull(w, c);
	ret = c->out ? say_hello(w, c) : hear_hello(w, c);
	if (!ret && w->nr_up > was_up && w->nr_up == w->nr_out + w->nr_in &&
	    w->order.kind == WORKER_CONNECT)
		ret = answer(w, WORKER_CONNECT, 0);
	return ret;
}

static int wait_events(struct worker *w, struct epoll_event *events, uint64_t until)
{
	struct timespec ts, *timeout = NULL;
	uint64_t now;
	int n;

	if (until != UINT64_MAX) {
		now = now_ns();
		until = until > now ? until - now : 0;
		ts.tv_sec = until / 1000000000;
		ts.tv_nsec = until % 1000000000;
		timeout = &ts;
	}
	n = epoll_pwait2(w->epoll, events, MAX_EVENTS, timeout, NULL);
	if (n < 0 && errno != EINTR)
		return dmsc_fail(&w->err, -errno, "epoll: %s", strerror(errno));
	return n < 0 ? 0 : n;
}

static int make(struct worker *w, const struct worker_env *env)
{
	uint32_t f, nr = env->messages->nr + 1;
	int c;

	memset(w, 0, sizeof(*w));
	w->env = env;
	w->plan = env->plan;
	for (c = 0; c < DMSC_NR_CLASSES; c++)
		w->listeners[c] = -1;
	for (f = 0; f < w->plan->nr_flows; f++) {
		w->nr_out += w->plan->flows[f].src == env->instance;
		w->nr_in += w->plan->flows[f].dst == env->instance;
	}
	w->conns = calloc(w->nr_out + w->nr_in + 1, sizeof(*w->conns));
	w->conn_of_out = calloc(w->plan->nr_flows + 1, sizeof(*w->conn_of_out));
	w->arrived = calloc(nr, sizeof(*w->arrived));
	w->ready = calloc(nr, sizeof(*w->ready));
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!w->conns || !w->conn_of_out || !w->arrived || !w->ready || w->epoll < 0 ||
	    steps_make(&w->steps, w->plan, env->instance,
		       env->shared->done + w->plan->op_start[env->instance]))
		return dmsc_fail(&w->err, -ENOMEM, "no memory");
	return watch(w, env->control, EPOLLIN, NULL);
}

void worker_run(const struct worker_env *env)
{
	struct epoll_event events[MAX_EVENTS];
	uint64_t until = UINT64_MAX;
	static struct worker w;
	int ret, n, i;

	ret = make(&w, env);
	while (!ret) {
		n = wait_events(&w, events, until);
		ret = n < 0 ? n : 0;
		for (i = 0; i < n && !ret; i++)
			ret = handle(&w, &events[i]);
		until = UINT64_MAX;
		if (!w.running || ret)
			continue;
		/* A round begins for all at the same time, not when its order arrives. */
		until = w.order.start;
		if (now_ns() >= until)
			until = advance(&w, &ret);
	}
	answer(&w, w.order.kind, ret);
	exit(1);
}
