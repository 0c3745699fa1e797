// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscctl/ctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OPTIONS 24

#define CALL_TIMEOUT_MS	 30000 /* an apply waits 5 s for next hops, the rest is work */
#define CALL_TIMEOUT_MAX 3600  /* seconds, that DMSC_CALL_TIMEOUT may ask for */

static void show_help(const struct ctl *c, const struct opt *opts)
{
	const struct command *cmd = c->command;

	printf("Usage: dmscctl %s [OPTION...]%s%s\n\n%s\n", cmd->name, *cmd->usage ? " " : "",
	       cmd->usage, cmd->summary);
	if (cmd->details)
		printf("\n%s\n", cmd->details);
	printf("\nOptions:\n");
	for (; opts && opts->name; opts++) {
		char left[64];

		if (opts->letter)
			snprintf(left, sizeof(left), "-%c, --%s%s%s", opts->letter, opts->name,
				 opts->arg ? " " : "", opts->arg ? opts->arg : "");
		else
			snprintf(left, sizeof(left), "    --%s%s%s", opts->name,
				 opts->arg ? " " : "", opts->arg ? opts->arg : "");
		printf("  %-24s  %s\n", left, opts->help);
	}
	printf("  -j, --json                JSON on stdout\n"
	       "  -d, --exact               numbers without units\n"
	       "      --socket PATH         where dmscd listens\n"
	       "  -h, --help                this\n");
}

__attribute__((format(printf, 2, 0))) static int wrong(const struct ctl *c, const char *fmt,
						       const char *what)
{
	char text[256];

	snprintf(text, sizeof(text), fmt, what);
	ctl_usage(c, "%s", text);
	return -1;
}

int ctl_options(struct ctl *c, int argc, char **argv, const struct opt *opts, int min, int max,
		int *status)
{
	struct option longs[MAX_OPTIONS] = {
		{ "json", no_argument, NULL, 'j' },
		{ "exact", no_argument, NULL, 'd' },
		{ "socket", required_argument, NULL, 1 },
		{ "help", no_argument, NULL, 'h' },
	};
	char shorts[2 * MAX_OPTIONS] = ":jdh";
	int n = 4, key, left;

	for (const struct opt *o = opts; o && o->name; o++, n++) {
		longs[n].name = o->name;
		longs[n].has_arg = o->arg ? required_argument : no_argument;
		longs[n].val = 256 + n;
		if (o->letter) {
			char add[3] = { o->letter, o->arg ? ':' : '\0', '\0' };

			strcat(shorts, add);
		}
	}
	opterr = 0;
	optind = 0;
	*status = STATUS_USAGE;
	while ((key = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct opt *o = NULL;

		for (const struct opt *p = opts; p && p->name; p++)
			if (key == 256 + 4 + (int)(p - opts) || (p->letter && key == p->letter))
				o = p;
		if (o && o->arg && c->list && o->letter == c->list->letter) {
			if (c->list->nr == CTL_LIST_MAX)
				return wrong(c, "too many options '--%s'", o->name);
			c->list->items[c->list->nr++] = optarg;
			*o->value = optarg;
		} else if (o && o->arg)
			*o->value = optarg;
		else if (o)
			*o->flag = true;
		else if (key == 'j')
			c->json = true;
		else if (key == 'd')
			c->exact = true;
		else if (key == 1)
			c->socket = optarg;
		else if (key == 'h')
			c->help = true;
		else if (key == ':')
			return wrong(c, "option '%s' needs an argument", argv[optind - 1]);
		else if (optopt > 0 && optopt < 256)
			return wrong(c, "unknown option '-%s'", (char[]){ optopt, '\0' });
		else
			return wrong(c, "unknown option '%s'", argv[optind - 1]);
	}
	if (c->help) {
		show_help(c, opts);
		*status = 0;
		return -1;
	}
	left = argc - optind;
	if (left < min)
		return wrong(c, "too few arguments, expected %s", c->command->usage);
	if (max >= 0 && left > max)
		return wrong(c, "unexpected argument '%s'", argv[optind + max]);
	memmove(argv + 1, argv + optind, (left + 1) * sizeof(*argv));
	return left;
}

int ctl_fail(int err, const struct dmsc_error *e)
{
	fprintf(stderr, "dmscctl: %s\n", e->text);
	return err == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
}

int ctl_usage(const struct ctl *c, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "dmscctl%s%s: ", c->command ? " " : "", c->command ? c->command->name : "");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (see dmscctl%s%s --help)\n", c->command ? " " : "",
		c->command ? c->command->name : "");
	return STATUS_USAGE;
}

/* A kernel with detectors, or an emulated one, may load programs for longer than usual. */
static int call_timeout(int *ms, struct dmsc_error *err)
{
	const char *given = getenv("DMSC_CALL_TIMEOUT");
	unsigned long long seconds;

	*ms = CALL_TIMEOUT_MS;
	if (!given || !*given)
		return 0;
	if (!ctl_number(given, CALL_TIMEOUT_MAX, &seconds) || !seconds)
		return dmsc_fail(err, -EINVAL,
				 "DMSC_CALL_TIMEOUT: '%.40s', expected seconds, 1 to %d", given,
				 CALL_TIMEOUT_MAX);
	*ms = seconds * 1000;
	return 0;
}

int ctl_ask(const struct ctl *c, struct ipc_client *client, json_t *req, json_t **answer,
	    struct dmsc_error *err)
{
	int ret, timeout;

	ret = call_timeout(&timeout, err);
	if (!ret)
		ret = ipc_connect(client, c->socket, err);
	if (ret) {
		json_decref(req);
		return ret;
	}
	ret = ipc_call(client, req, answer, timeout, err);
	if (ret)
		ipc_disconnect(client);
	return ret;
}

int ctl_call(struct ctl *c, json_t *req, json_t **answer)
{
	struct ipc_client client;
	struct dmsc_error err;
	int ret = ctl_ask(c, &client, req, answer, &err);

	if (ret)
		return ctl_fail(ret, &err);
	ipc_disconnect(&client);
	return 0;
}

int ctl_print_json(json_t *v)
{
	json_object_del(v, "ok");
	json_dumpf(v, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
	putchar('\n');
	json_decref(v);
	return 0;
}

long long ctl_int(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

const char *ctl_str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

bool ctl_bool(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

void ctl_warnings(const json_t *answer)
{
	const json_t *list = json_object_get(answer, "warnings"), *w;
	size_t i;

	json_array_foreach(list, i, w) fprintf(stderr, "warning: %s\n", json_string_value(w));
}

const char *ctl_color(const struct ctl *c, const char *word)
{
	static const char *const good[] = { "up", "ok", "loaded", "in force", NULL };
	static const char *const bad[] = { "down", "missing", "unavailable", "idle", NULL };

	if (!c->color)
		return "";
	for (int i = 0; good[i]; i++)
		if (!strcmp(good[i], word))
			return "\033[32m";
	for (int i = 0; bad[i]; i++)
		if (!strcmp(bad[i], word))
			return "\033[31m";
	return "";
}

const char *ctl_plain(const struct ctl *c)
{
	return c->color ? "\033[0m" : "";
}

bool ctl_number(const char *s, unsigned long long max, unsigned long long *out)
{
	char *rest;

	if (!s || *s < '0' || *s > '9')
		return false;
	errno = 0;
	*out = strtoull(s, &rest, 10);
	return !errno && !*rest && *out <= max;
}
