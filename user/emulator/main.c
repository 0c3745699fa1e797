// SPDX-License-Identifier: GPL-2.0-or-later
/* emulator (dmsc-emulate): the command line. */
#include <argp.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emulator/report.h"
#include "emulator/run.h"
#include "lib/spec.h"
#include "planner/planner.h"

enum {
	OPT_JOB = 'j',
	OPT_TOPOLOGY = 't',
	OPT_WORKLOAD = 'w',
	OPT_ITERATIONS = 'n',
	OPT_OUT = 'o',
	OPT_SETUPS = 256,
	OPT_LINK_RATE,
	OPT_BYTES_SCALE,
	OPT_DMSCD,
	OPT_DMSCCTL,
	OPT_TIMEOUT,
	OPT_FIFO,
	OPT_KEEP,
};

static const struct argp_option options[] = {
	{ "job", OPT_JOB, "FILE", 0, "the training job", 0 },
	{ "topology", OPT_TOPOLOGY, "FILE", 0, "the cluster", 0 },
	{ "workload", OPT_WORKLOAD, "FILE", 0, "take the traffic from an AICB or SimAI file", 0 },
	{ "iterations", OPT_ITERATIONS, "N", 0, "of each set-up, interleaved (default 5)", 0 },
	{ "out", OPT_OUT, "DIR", 0, "gets report.json and report.html", 0 },
	{ "setups", OPT_SETUPS, "LIST", 0, "of default, stock, dmsc (default: all three)", 0 },
	{ "link-rate", OPT_LINK_RATE, "RATE", 0,
	  "of the fastest link as emulated, such as 10mbit (the default)", 0 },
	{ "bytes-scale", OPT_BYTES_SCALE, "X", 0,
	  "divide message sizes by X (default auto: an iteration takes about two seconds)", 0 },
	{ "dmscd", OPT_DMSCD, "PATH", 0, "the daemon (default: beside this program, else in PATH)",
	  0 },
	{ "dmscctl", OPT_DMSCCTL, "PATH", 0, "its command line (default: the same)", 0 },
	{ "timeout", OPT_TIMEOUT, "SECONDS", 0,
	  "real time that an iteration may take (default 300)", 0 },
	{ "fifo", OPT_FIFO, NULL, 0,
	  "a FIFO in place of every qdisc, for kernels without fq_codel, ets and sch_dmsc: "
	  "the set-ups then differ in their paths only",
	  0 },
	{ "keep", OPT_KEEP, NULL, 0, "leave the cluster standing at the end", 0 },
	{ 0 }
};

const char *argp_program_version = "dmsc-emulate " DMSC_VERSION;

/* "10mbit", as tc writes rates: bit/s, decimal units. */
static int parse_rate(const char *text, uint64_t *rate)
{
	static const struct {
		const char *name;
		double unit;
	} units[] = { { "bit", 1 }, { "kbit", 1e3 }, { "mbit", 1e6 }, { "gbit", 1e9 } };
	char *end;
	double v;
	size_t i;

	v = strtod(text, &end);
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (end != text && !strcasecmp(end, units[i].name) && v * units[i].unit >= 100e3 &&
		    v * units[i].unit <= 100e9) {
			*rate = v * units[i].unit;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_int(const char *text, int min, int max, int *out)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(text, &end, 10);
	if (end == text || *end || errno || v < min || v > max)
		return -EINVAL;
	*out = v;
	return 0;
}

static void parse_setups(struct argp_state *state, struct run_options *o, char *text)
{
	char *name, *rest = NULL;
	uint32_t i;

	o->nr_setups = 0;
	for (name = strtok_r(text, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
		const struct setup *s = setup_find(name);

		if (!s)
			argp_error(state, "--setups: '%s', expected default, stock or dmsc", name);
		for (i = 0; i < o->nr_setups; i++)
			if (o->setups[i] == s)
				argp_error(state, "--setups: '%s' is there twice", name);
		o->setups[o->nr_setups++] = s;
	}
	if (!o->nr_setups)
		argp_error(state, "--setups: none, expected some of default, stock, dmsc");
}

static error_t on_option(int key, char *arg, struct argp_state *state)
{
	struct run_options *o = state->input;
	char *end;
	int n;

	switch (key) {
	case OPT_JOB:
		o->job_file = arg;
		break;
	case OPT_TOPOLOGY:
		o->topology_file = arg;
		break;
	case OPT_WORKLOAD:
		o->workload_file = arg;
		break;
	case OPT_ITERATIONS:
		if (parse_int(arg, 1, 9999, &n))
			argp_error(state, "--iterations: '%s', expected 1 to 9999", arg);
		o->iterations = n;
		break;
	case OPT_OUT:
		o->out = arg;
		break;
	case OPT_SETUPS:
		parse_setups(state, o, arg);
		break;
	case OPT_LINK_RATE:
		if (parse_rate(arg, &o->link_rate))
			argp_error(state, "--link-rate: '%s', expected 100kbit to 100gbit", arg);
		break;
	case OPT_BYTES_SCALE:
		o->bytes_scale = strcmp(arg, "auto") ? strtod(arg, &end) : 0;
		if (strcmp(arg, "auto") &&
		    (end == arg || *end || !(o->bytes_scale >= 1) || o->bytes_scale > 1e12))
			argp_error(state, "--bytes-scale: '%s', expected auto or 1 to 1e12", arg);
		break;
	case OPT_DMSCD:
		o->dmscd = arg;
		break;
	case OPT_DMSCCTL:
		o->dmscctl = arg;
		break;
	case OPT_TIMEOUT:
		if (parse_int(arg, 1, 86400, &n))
			argp_error(state, "--timeout: '%s', expected 1 to 86400 seconds", arg);
		o->timeout_ms = n * 1000;
		break;
	case OPT_FIFO:
		o->fifo = true;
		break;
	case OPT_KEEP:
		o->keep = true;
		break;
	case ARGP_KEY_ARG:
		if (state->arg_num || strcmp(arg, "run"))
			argp_error(state,
				   "unexpected argument '%s', expected run, or report and two files",
				   arg);
		break;
	case ARGP_KEY_END:
		if (!state->arg_num)
			argp_error(state, "no command, expected run");
		if (!o->job_file || !o->topology_file || !o->out)
			argp_error(state, "run needs --job, --topology and --out");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* Beside this program (a build directory), else where PATH finds it. */
static char *find_program(const char *name)
{
	char self[PATH_MAX], *path = NULL, *dir, *rest = NULL, *list;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = '\0';
		if (asprintf(&path, "%s/%s", dirname(self), name) < 0)
			return NULL;
		if (!access(path, X_OK))
			return path;
		free(path);
	}
	list = strdup(getenv("PATH") ? getenv("PATH") : "/usr/sbin:/usr/bin");
	for (dir = list ? strtok_r(list, ":", &rest) : NULL; dir; dir = strtok_r(NULL, ":", &rest)) {
		if (asprintf(&path, "%s/%s", dir, name) < 0)
			break;
		if (!access(path, X_OK)) {
			free(list);
			return path;
		}
		free(path);
	}
	free(list);
	return strdup(name);
}

static int make_plan(const struct run_options *o, struct plan *plan, struct dmsc_error *err)
{
	struct workload workload = { 0 };
	struct topology topo = { 0 };
	struct job job = { 0 };
	int ret;

	ret = job_read(o->job_file, &job, err);
	if (ret)
		return ret;
	ret = topology_read(o->topology_file, &topo, err);
	if (ret) {
		job_free(&job);
		return ret;
	}
	if (o->workload_file) {
		ret = workload_read(o->workload_file, &workload, err);
		if (!ret)
			ret = plan_workload(&workload, &job, &topo, plan, err);
		workload_free(&workload);
	} else {
		ret = plan_job(&job, &topo, plan, err);
	}
	job_free(&job);
	topology_free(&topo);
	return ret;
}

static void join_command(int argc, char **argv, struct text *t)
{
	int i;

	text_add(t, "dmsc-emulate");
	for (i = 1; i < argc; i++)
		text_add(t, " %s", argv[i]);
}

/* The page again, of a report that a run left. */
static int report_again(const char *json, const char *html)
{
	struct dmsc_error err = { "" };
	int ret = report_html(json, html, &err);

	if (ret)
		fprintf(stderr, "emulator: %s\n", err.text);
	return !ret ? 0 : ret == -EINVAL || access(json, R_OK) ? 2 : 1;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		options,
		on_option,
		"run\nreport REPORT.json REPORT.html",
		"Carries out a training job's traffic on a cluster made of network namespaces, "
		"under the kernel's defaults, the best stock set-up and DMSC.\v"
		"Exit status: 0 done, 1 could not be done, 2 bad input. Needs root.",
		NULL,
		NULL,
		NULL
	};
	struct run_options o = {
		.iterations = 5,
		.link_rate = 10000000,
		.timeout_ms = 300000,
		.nr_setups = 3,
		.setups = { &setup_default, &setup_stock, &setup_dmsc },
	};
	struct dmsc_error err = { "" };
	struct text command = { 0 };
	struct plan plan;
	int ret;

	argp_err_exit_status = 2;
	if (argc == 4 && !strcmp(argv[1], "report"))
		return report_again(argv[2], argv[3]);
	join_command(argc, argv, &command);
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	o.command = command.data;
	/* All that may be wrong with the input is said before anything is made. */
	ret = make_plan(&o, &plan, &err);
	if (ret) {
		fprintf(stderr, "emulator: %s\n", err.text);
		return ret == -ENOMEM ? 1 : 2;
	}
	if (geteuid()) {
		fprintf(stderr, "emulator: needs root, for network namespaces and cgroups\n");
		return 1;
	}
	if (!o.dmscd)
		o.dmscd = find_program("dmscd");
	if (!o.dmscctl)
		o.dmscctl = find_program("dmscctl");
	ret = run(&o, &plan, &err);
	if (ret)
		fprintf(stderr, "emulator: %s\n", err.text);
	plan_free(&plan);
	text_free(&command);
	return ret == -EINVAL ? 2 : ret ? 1 : 0;
}
