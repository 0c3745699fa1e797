/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands that a test runs. An emulated processor takes a tenth of a second to
 * start a process, so what ip and tc are to do is given to one of them at once.
 */
#ifndef DMSC_SELFTESTS_COMMANDS_H
#define DMSC_SELFTESTS_COMMANDS_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs a command line; its exit status. */
__attribute__((unused, format(printf, 1, 2))) static int run(const char *fmt, ...)
{
	char command[512];
	va_list ap;
	int status;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/**
 * batch - runs lines of ip or tc, in order, up to the first that fails
 * @tool: "ip" or "tc"
 * @netns: name of the network namespace; NULL: this one
 * @lines: arguments of the tool, a line each, less than a page in all
 *
 * Returns its exit status, 0 when all lines were carried out.
 */
__attribute__((unused)) static int batch(const char *tool, const char *netns, const char *lines)
{
	size_t len = strlen(lines);
	int fd[2], status;
	pid_t pid;

	/* what fits into the pipe is written before anybody reads */
	if (len > 4096 || pipe(fd))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(fd[0], STDIN_FILENO);
		close(fd[0]);
		close(fd[1]);
		if (netns)
			execlp(tool, tool, "-n", netns, "-batch", "-", NULL);
		else
			execlp(tool, tool, "-batch", "-", NULL);
		_exit(127);
	}
	close(fd[0]);
	if (pid < 0 || write(fd[1], lines, len) != (ssize_t)len) {
		close(fd[1]);
		return -1;
	}
	close(fd[1]);
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define RUN(...)  CHECK(run(__VA_ARGS__) == 0, "%s", #__VA_ARGS__)
#define IP(lines) CHECK(batch("ip", NULL, lines) == 0, "ip: %s", lines)
#define TC(lines) CHECK(batch("tc", NULL, lines) == 0, "tc: %s", lines)

#endif /* DMSC_SELFTESTS_COMMANDS_H */
