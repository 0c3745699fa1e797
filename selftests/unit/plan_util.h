/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the unit tests of specs and planner share. Tests run in the top folder. */
#ifndef DMSC_SELFTESTS_PLAN_UTIL_H
#define DMSC_SELFTESTS_PLAN_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/spec.h"
#include "planner/planner.h"

#define EXAMPLE_JOB  "examples/gpt13b.yaml"
#define EXAMPLE_TOPO "examples/cluster4.yaml"

static inline struct plan make_plan(const char *job, const char *topo, const char *workload)
{
	struct workload w = { 0 };
	struct dmsc_error err;
	struct topology t;
	struct plan p;
	struct job j;

	if (job_read(job, &j, &err) || topology_read(topo, &t, &err))
		fail_msg("%s", err.text);
	if (workload && workload_read(workload, &w, &err))
		fail_msg("%s", err.text);
	if (workload ? plan_workload(&w, &j, &t, &p, &err) : plan_job(&j, &t, &p, &err))
		fail_msg("%s", err.text);
	workload_free(&w);
	topology_free(&t);
	job_free(&j);
	return p;
}

/* Writes @text to a temporary file; the name is to be unlinked and freed. */
static inline char *temp_file(const char *text, size_t len)
{
	char name[] = "/tmp/dmsc-unit-XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	close(fd);
	return strdup(name);
}

static inline char *slurp(const char *file, size_t *len)
{
	FILE *in = fopen(file, "re");
	char *text;

	if (!in)
		fail_msg("%s cannot be read", file);
	fseek(in, 0, SEEK_END);
	*len = ftell(in);
	rewind(in);
	text = malloc(*len + 1);
	assert_int_equal(fread(text, 1, *len, in), *len);
	text[*len] = '\0';
	fclose(in);
	return text;
}

#endif /* DMSC_SELFTESTS_PLAN_UTIL_H */
