/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Other programs (ip, tc, dmscd, dmscctl), run inside a network namespace.
 * Many may be under way at the same time.
 */
#ifndef DMSC_EMULATOR_COMMAND_H
#define DMSC_EMULATOR_COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/error.h"

struct text { /* a string that grows; zeroed: empty */
	char *data;
	size_t len, room;
	bool failed; /* out of memory */
};

void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_free(struct text *t);

struct command {
	char name[64];	   /* for messages */
	pid_t pid;	   /* 0: not running */
	int out, errors;   /* what it printed */
	const char *input; /* as given; lines of it stand in messages */
};

struct command_options {
	int netns;	    /* file descriptor, -1: the caller's */
	const char *cgroup; /* directory it moves to before it starts; NULL: the caller's */
	const char *input;  /* its standard input, NULL none; stays until command_wait() */
	const char *log;    /* file that gets its output; NULL: see command_wait() */
	/* In the child, inside the namespace, before the program starts; may be NULL. */
	int (*prepare)(void *arg);
	void *arg;
};

/**
 * command_start - run argv[0] found by PATH
 *
 * The program dies with the caller. It reads nothing but @input.
 */
int command_start(struct command *c, const struct command_options *o, const char *const *argv,
		  struct dmsc_error *err);

/**
 * command_wait - until it ends
 * @out: what it printed, to be freed by the caller; may be NULL
 *
 * -EIO with the last line that it wrote to standard error when it failed.
 */
int command_wait(struct command *c, char **out, struct dmsc_error *err);

/** command_signal - to a running one; false when it has ended */
bool command_signal(struct command *c, int signal);

/** command_running - has it not ended yet? */
bool command_running(struct command *c);

/** command_kill - stop at once and forget */
void command_kill(struct command *c);

/** command_run - start and wait */
int command_run(const struct command_options *o, const char *const *argv, char **out,
		struct dmsc_error *err);

#endif /* DMSC_EMULATOR_COMMAND_H */
