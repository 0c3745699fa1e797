/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the commands of dmscctl share: options, the connection, the way they
 * print. A command returns its exit status: 0, STATUS_FAILED or STATUS_USAGE.
 */
#ifndef DMSC_DMSCCTL_CTL_H
#define DMSC_DMSCCTL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/error.h"
#include "lib/ipc.h"

#define STATUS_FAILED 1 /* could not be done */
#define STATUS_USAGE  2 /* wrong options or bad input; nothing was done */

#define CTL_LIST_MAX 256

/* Values of an option that may be given several times. */
struct ctl_list {
	int letter; /* its short form */
	const char *items[CTL_LIST_MAX];
	uint32_t nr;
};

struct ctl {
	const char *socket;
	bool json;
	bool exact; /* numbers as they are, no units */
	bool color;
	bool help;
	const struct command *command;
	struct ctl_list *list; /* set by a command that has such an option, else NULL */
};

/* An option of one command; ends with name NULL. */
struct opt {
	const char *name;
	int letter;	 /* short form, 0 none */
	const char *arg; /* name of its argument, NULL: a flag */
	const char *help;
	const char **value; /* with an argument */
	bool *flag;	    /* without */
};

struct command {
	const char *name;
	const char *usage; /* what follows the name: "PLAN", "[list|show NAME]" */
	const char *summary;
	const char *details; /* for its own --help; NULL: none */
	int (*run)(struct ctl *c, int argc, char **argv);
};

extern const struct command cmd_plan, cmd_apply, cmd_status, cmd_service, cmd_path, cmd_class,
	cmd_queue, cmd_counters, cmd_monitor, cmd_off, cmd_env, cmd_doctor, cmd_order, cmd_simulate,
	cmd_gateway;
extern const struct command cmd_policy, cmd_explain, cmd_top, cmd_trace, cmd_predict;
extern const struct command cmd_route, cmd_bins, cmd_entropy;

/**
 * ctl_options - the options of a command and those of all
 * @min, @max: how many arguments are to be left; max -1: any number
 * @opts: may be NULL
 *
 * Takes out of @argv what was an option; argv[0] is the command's name and
 * argv[1] .. are the arguments that remain. Everything after "--" is one.
 * Returns the number of arguments, or -1 when the command shall return
 * *status at once (help was shown, or the options are wrong).
 */
int ctl_options(struct ctl *c, int argc, char **argv, const struct opt *opts, int min, int max,
		int *status);

/** ctl_fail - the one line on stderr; returns the exit status that belongs to @err */
int ctl_fail(int err, const struct dmsc_error *e);

/** ctl_usage - a wrong command line, in one line; STATUS_USAGE */
int ctl_usage(const struct ctl *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * ctl_ask - connect, one request (stolen) and its answer
 *
 * Waits for as long as DMSC_CALL_TIMEOUT says. 0 with *answer, and @client to be disconnected;
 * or a negative errno, with nothing left open.
 */
int ctl_ask(const struct ctl *c, struct ipc_client *client, json_t *req, json_t **answer,
	    struct dmsc_error *err);

/**
 * ctl_call - one request (stolen) and its answer
 *
 * Failure is printed. Returns 0 with *answer, or the exit status.
 */
int ctl_call(struct ctl *c, json_t *req, json_t **answer);

/** ctl_print_json - @v as it is, and gone */
int ctl_print_json(json_t *v);

/* Members of answers, forgiving: 0, "" or false when they are not there. */
long long ctl_int(const json_t *o, const char *key);
const char *ctl_str(const json_t *o, const char *key);
bool ctl_bool(const json_t *o, const char *key);

/** ctl_warnings - the answer's warnings on stderr */
void ctl_warnings(const json_t *answer);

/** ctl_color - escape sequence for a word that is good, bad or neither; "" without colour */
const char *ctl_color(const struct ctl *c, const char *word);
const char *ctl_plain(const struct ctl *c);

/** ctl_number - digits only; false when @s is none or above @max */
bool ctl_number(const char *s, unsigned long long max, unsigned long long *out);

#endif /* DMSC_DMSCCTL_CTL_H */
