// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Traffic of the namespace tests: TCP between chosen addresses, counted at both
 * ends. The receiver tells the sender how much came, so that the sender's exit
 * status says whether everything did.
 *
 *   stream listen ADDR PORT            serves for ever, one process a connection
 *   stream send SRC DST PORT BYTES     0 bytes: until SIGTERM, then says how many
 *
 * "send" prints "BYTES MAX_GAP_MS": what arrived, and the longest time that
 * the connection took nothing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 60000 /* of a connection that moves nothing */

static volatile sig_atomic_t stop;
static char chunk[65536];

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "stream: %s: %s\n", what, strerror(errno));
	exit(1);
}

struct end {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t len;
};

static struct end address(const char *addr, const char *port)
{
	struct end e = { .len = sizeof(e.v4) };

	e.v4.sin_family = AF_INET;
	e.v4.sin_port = htons(atoi(port)); /* in the same place in both */
	if (inet_pton(AF_INET, addr, &e.v4.sin_addr) == 1)
		return e;
	e.v6.sin6_family = AF_INET6;
	e.len = sizeof(e.v6);
	if (inet_pton(AF_INET6, addr, &e.v6.sin6_addr) != 1) {
		fprintf(stderr, "stream: %s: no address\n", addr);
		exit(2);
	}
	return e;
}

static void serve(int fd)
{
	uint64_t total = 0;
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		total += n;
	if (n < 0 || write(fd, &total, sizeof(total)) != sizeof(total))
		exit(1);
	exit(0);
}

__attribute__((noreturn)) static void do_listen(char **argv)
{
	struct end at = address(argv[2], argv[3]);
	int fd = socket(at.any.sa_family, SOCK_STREAM, 0), one = 1;

	signal(SIGCHLD, SIG_IGN);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, &at.any, at.len) || listen(fd, 64))
		die("listen");
	puts("listening");
	fflush(stdout);
	for (;;) {
		int conn = accept(fd, NULL, NULL);

		if (conn < 0)
			continue;
		if (fork() == 0) {
			close(fd);
			serve(conn);
		}
		close(conn);
	}
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int do_send(char **argv)
{
	struct end src = address(argv[2], "0"), dst = address(argv[3], argv[4]);
	uint64_t want = strtoull(argv[5], NULL, 10), sent = 0, got = 0;
	int fd = socket(dst.any.sa_family, SOCK_STREAM, 0);
	int64_t last, gap = 0;

	signal(SIGTERM, on_term);
	signal(SIGPIPE, SIG_IGN);
	if (bind(fd, &src.any, src.len))
		die("bind");
	if (connect(fd, &dst.any, dst.len))
		die("connect");
	last = now_ms();
	while (!stop && (!want || sent < want)) {
		size_t len = want && want - sent < sizeof(chunk) ? want - sent : sizeof(chunk);
		struct pollfd p = { .fd = fd, .events = POLLOUT };
		ssize_t n = send(fd, chunk, len, MSG_DONTWAIT);

		if (n > 0) {
			int64_t now = now_ms();

			gap = now - last > gap ? now - last : gap;
			last = now;
			sent += n;
		} else if (errno != EAGAIN && errno != EINTR) {
			die("send");
		} else if (!poll(&p, 1, PATIENCE_MS)) {
			errno = ETIMEDOUT;
			die("send");
		}
		if (!want)
			usleep(1000);
	}
	shutdown(fd, SHUT_WR);
	if (recv(fd, &got, sizeof(got), MSG_WAITALL) != sizeof(got))
		die("count");
	printf("%llu %lld\n", (unsigned long long)got, (long long)gap);
	if (got != sent) {
		fprintf(stderr, "stream: sent %llu bytes, %llu arrived\n", (unsigned long long)sent,
			(unsigned long long)got);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "listen"))
		do_listen(argv);
	if (argc == 6 && !strcmp(argv[1], "send"))
		return do_send(argv);
	fprintf(stderr, "usage: stream listen ADDR PORT | send SRC DST PORT BYTES\n");
	return 2;
}
