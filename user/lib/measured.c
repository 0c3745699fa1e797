// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/measured.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#define MAX_ITERATIONS 100000

struct source {
	const char *file;
	struct dmsc_error *err;
};

static int bad(const struct source *s, const char *where, const char *expected)
{
	return dmsc_fail(s->err, -EINVAL, "%s: %s: expected %s", s->file, where, expected);
}

/* A finite number in @min..@max at @key of @o. */
static bool number(json_t *o, const char *key, double min, double max, double *out)
{
	json_t *v = json_object_get(o, key);

	*out = json_number_value(v);
	return json_is_number(v) && *out >= min && *out <= max;
}

static int read_scale(const struct source *s, json_t *o, struct measured *m)
{
	double mtu;

	if (!number(o, "rate", 1e-6, 1e12, &m->rate))
		return bad(s, "scale.rate", "a factor");
	if (!number(o, "bytes", 1e-6, 1e12, &m->bytes))
		return bad(s, "scale.bytes", "a factor");
	if (!number(o, "mtu", 576, 65535, &mtu))
		return bad(s, "scale.mtu", "576 to 65535 bytes");
	m->mtu = mtu;
	return 0;
}

static int by_time(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int read_setup(const struct source *s, json_t *o, uint32_t index, struct measured_setup *out)
{
	json_t *list = json_object_get(o, "iterations");
	const char *name = json_string_value(json_object_get(o, "name"));
	size_t n = json_array_size(list), i;
	double *times, idle;
	char where[64];

	snprintf(where, sizeof(where), "setups[%u].name", index);
	if (!name || !*name || strlen(name) >= sizeof(out->name))
		return bad(s, where, "default, stock or dmsc");
	strcpy(out->name, name);
	snprintf(where, sizeof(where), "setups[%u].iterations", index);
	if (!n || n > MAX_ITERATIONS)
		return bad(s, where, "a list of 1 to 100000");
	times = calloc(n, sizeof(*times));
	if (!times)
		return dmsc_fail(s->err, -ENOMEM, "%s: out of memory", s->file);
	for (i = 0; i < n; i++) {
		json_t *it = json_array_get(list, i);

		if (!number(it, "time_ns", 1, 1e18, &times[i])) {
			free(times);
			snprintf(where, sizeof(where), "setups[%u].iterations[%zu].time_ns", index,
				 i);
			return bad(s, where, "nanoseconds");
		}
		if (out->idle >= 0 && number(it, "cpu_idle", 0, 1, &idle))
			out->idle += idle / n;
		else
			out->idle = -1;
	}
	qsort(times, n, sizeof(*times), by_time);
	out->iterations = n;
	out->least = times[0] / 1e9;
	out->most = times[n - 1] / 1e9;
	out->median = (times[n / 2] + times[(n - 1) / 2]) / 2e9;
	free(times);
	return 0;
}

static json_t *host_of(json_t *report, json_t *instance)
{
	json_t *list = json_object_get(report, "instances");

	if (!json_is_integer(instance) || json_integer_value(instance) < 0)
		return NULL;
	return json_object_get(json_array_get(list, json_integer_value(instance)), "host");
}

/* [class, from, to, bytes, ready, received], ns */
static int read_local(const struct source *s, json_t *report, json_t *o, uint32_t index,
		      struct measured_setup *out)
{
	json_t *list = json_object_get(json_object_get(o, "timeline"), "records");
	size_t n = json_array_size(list), i;
	char where[64];

	out->local = calloc(n + 1, sizeof(*out->local));
	if (!out->local)
		return dmsc_fail(s->err, -ENOMEM, "%s: out of memory", s->file);
	for (i = 0; i < n; i++) {
		json_t *r = json_array_get(list, i), *a = host_of(report, json_array_get(r, 1));
		double from = json_number_value(json_array_get(r, 4));
		double to = json_number_value(json_array_get(r, 5));

		if (!(from >= 0 && to >= from && to <= 1e18)) {
			snprintf(where, sizeof(where), "setups[%u].timeline.records[%zu]", index, i);
			return bad(s, where, "a beginning before its end");
		}
		if (a && json_equal(a, host_of(report, json_array_get(r, 2))))
			out->local[out->nr_local++] = (to - from) / 1e9;
	}
	return 0;
}

static int read_report(const struct source *s, json_t *o, struct measured *m)
{
	const char *job = json_string_value(json_object_get(o, "job"));
	json_t *setups = json_object_get(o, "setups");
	uint32_t i;
	int ret;

	if (!job || !*job || strlen(job) >= sizeof(m->job))
		return bad(s, "job", "a name");
	strcpy(m->job, job);
	ret = read_scale(s, json_object_get(o, "scale"), m);
	if (ret)
		return ret;
	if (!json_array_size(setups) || json_array_size(setups) > MEASURED_SETUPS)
		return bad(s, "setups", "a list of 1 to 8");
	m->nr_setups = json_array_size(setups);
	for (i = 0; i < m->nr_setups && !ret; i++) {
		ret = read_setup(s, json_array_get(setups, i), i, &m->setups[i]);
		if (!ret)
			ret = read_local(s, o, json_array_get(setups, i), i, &m->setups[i]);
	}
	return ret;
}

int measured_read(const char *file, struct measured *out, struct dmsc_error *err)
{
	const struct source s = { file, err };
	json_error_t why;
	struct stat st;
	json_t *o;
	int ret;

	memset(out, 0, sizeof(*out));
	if (stat(file, &st))
		return dmsc_fail(err, -errno, "%s: %s", file, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > MEASURED_MAX_FILE)
		return dmsc_fail(err, -EINVAL,
				 "%s: no file, or too large, expected at most %u bytes", file,
				 MEASURED_MAX_FILE);
	o = json_load_file(file, JSON_REJECT_DUPLICATES, &why);
	if (!o)
		return dmsc_fail(err, -EINVAL, "%s:%d: %s, expected a report of dmsc-emulate", file,
				 why.line, why.text);
	ret = json_is_object(o) ? read_report(&s, o, out) :
				  bad(&s, "report", "an object, as dmsc-emulate writes it");
	json_decref(o);
	if (ret)
		measured_free(out);
	return ret;
}

void measured_free(struct measured *m)
{
	uint32_t i;

	for (i = 0; i < MEASURED_SETUPS; i++)
		free(m->setups[i].local);
	memset(m, 0, sizeof(*m));
}
