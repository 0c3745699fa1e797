// SPDX-License-Identifier: GPL-2.0-or-later
/* dmscctl: the command line. Commands are a table, one file each. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dmscctl/ctl.h"
#include "lib/hostconf.h"

static const struct command *const commands[] = {
	&cmd_plan,    &cmd_apply,    &cmd_status,  &cmd_service, &cmd_path,    &cmd_class,
	&cmd_queue,   &cmd_counters, &cmd_monitor, &cmd_env,	 &cmd_doctor,  &cmd_off,
	&cmd_order,   &cmd_simulate, &cmd_policy,  &cmd_explain, &cmd_top,     &cmd_trace,
	&cmd_gateway, &cmd_predict,  &cmd_route,   &cmd_bins,	 &cmd_entropy,
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int usage(void)
{
	printf("Usage: dmscctl [OPTION...] COMMAND [...]\n\n"
	       "Plans a training job's traffic and controls dmscd, which puts the plan in force.\n\n"
	       "Commands:\n");
	for (size_t i = 0; i < NR_COMMANDS; i++)
		printf("  %-10s  %s\n", commands[i]->name, commands[i]->summary);
	printf("\nOptions:\n"
	       "  -j, --json         JSON on stdout\n"
	       "  -d, --exact        numbers without units\n"
	       "      --socket PATH  where dmscd listens (default " HOSTCONF_SOCKET ")\n"
	       "  -h, --help         this; after a command: about it\n"
	       "  -V, --version      version\n\n"
	       "Exit status: 0 done, 1 could not be done, 2 wrong command line or bad input.\n");
	return 0;
}

/* What was printed must have arrived: a full disk is no success. */
static int finish(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	fprintf(stderr, "dmscctl: cannot write: %s\n", strerror(errno ? errno : EIO));
	return status ? status : STATUS_FAILED;
}

int main(int argc, char **argv)
{
	struct ctl c = { .socket = HOSTCONF_SOCKET };
	const char *no_color = getenv("NO_COLOR");
	int i;

	c.color = isatty(STDOUT_FILENO) && !(no_color && *no_color);
	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help"))
			return usage();
		if (!strcmp(argv[i], "-V") || !strcmp(argv[i], "--version")) {
			printf("dmscctl %s\n", DMSC_VERSION);
			return 0;
		}
		if (!strcmp(argv[i], "-j") || !strcmp(argv[i], "--json"))
			c.json = true;
		else if (!strcmp(argv[i], "-d") || !strcmp(argv[i], "--exact"))
			c.exact = true;
		else if (!strncmp(argv[i], "--socket=", 9))
			c.socket = argv[i] + 9;
		else if (!strcmp(argv[i], "--socket") && i + 1 < argc)
			c.socket = argv[++i];
		else
			return ctl_usage(&c, "unknown option '%s'", argv[i]);
	}
	if (i == argc)
		return ctl_usage(&c, "no command");
	if (!strcmp(argv[i], "help"))
		return usage();
	for (size_t k = 0; k < NR_COMMANDS; k++) {
		if (!strcmp(argv[i], commands[k]->name)) {
			c.command = commands[k];
			return finish(commands[k]->run(&c, argc - i, argv + i));
		}
	}
	return ctl_usage(&c, "unknown command '%s'", argv[i]);
}
