// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Modules from files: the example, built outside the tree, answers; broken,
 * slow, crashing and lying ones are cut off, with one event, and the built-in
 * one takes over. Each module is compiled here from a few lines.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/module.h"
#include "planner/predict.h"
#include "planner/predict_module.h"
#include "selftests/unit/plan_util.h"

static char dir[64], copied[80];
static char last_event[256];
static int events;

static void on_event(void *arg, const char *text)
{
	assert_ptr_equal(arg, &events);
	snprintf(last_event, sizeof(last_event), "%s", text);
	events++;
}

static int make_dir(void **state)
{
	char command[512];

	(void)state;
	strcpy(dir, "/tmp/dmsc-module-XXXXXX");
	if (!mkdtemp(dir) || chmod(dir, 0755))
		return -1;
	/* Outside the tree: nothing of it but the header. */
	snprintf(command, sizeof(command),
		 "mkdir %s/include && cp user/lib/module_api.h %s/include && "
		 "cp examples/module/shortest.c examples/module/Makefile %s && "
		 "make -s -C %s HEADERS=%s/include shortest.so",
		 dir, dir, dir, dir, dir);
	snprintf(copied, sizeof(copied), "%s/shortest.so", dir);
	return system(command);
}

static int remove_dir(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* Compiles @body, the members of dmsc_module and what stands before it. */
static const char *compile(const char *name, const char *functions, const char *members)
{
	static char file[128];
	char source[128], command[512];
	FILE *f;

	snprintf(source, sizeof(source), "%s/%s.c", dir, name);
	snprintf(file, sizeof(file), "%s/%s.so", dir, name);
	f = fopen(source, "we");
	assert_non_null(f);
	fprintf(f,
		"#include <signal.h>\n#include <stdlib.h>\n#include <unistd.h>\n#include \"module_api.h\"\n%s\n"
		"const struct dmsc_module dmsc_module = { %s };\n",
		functions, members);
	fclose(f);
	snprintf(command, sizeof(command), "cc -O1 -w -I%s/include -shared -fPIC -o %s %s", dir,
		 file, source);
	assert_int_equal(system(command), 0);
	return file;
}

#define HEAD "DMSC_MODULE_VERSION, sizeof(struct dmsc_module), \"test\", "

static const double series_of[] = { 10, 12, 11, 13, 12, 14 };
#define NR_SERIES (sizeof(series_of) / sizeof(series_of[0]))

static double builtin_next(void)
{
	double next;

	builtin_module.predict(series_of, NR_SERIES, &next);
	return next;
}

static void open_ok(struct module *m, const char *spec, uint32_t limit)
{
	struct dmsc_error err;

	events = 0;
	*last_event = '\0';
	if (module_open(m, &builtin_module, spec, limit, on_event, &events, &err))
		fail_msg("%s", err.text);
}

static void test_builtin(void **state)
{
	const struct dmsc_module_way ways[] = { { 2, 5, 4 }, { 1, 9, 4 }, { 1, 8, 4 } };
	struct dmsc_module_flow flow = { .class = 3, .job_level = 2, .critical_path_ns = 1000 };
	struct dmsc_module_importance i;
	struct module m;

	(void)state;
	open_ok(&m, NULL, 0);
	assert_string_equal(m.name, "builtin");
	assert_int_equal(m.pid, 0);
	assert_int_equal(module_path(&m, ways, 3), 2);
	module_policy(&m, &flow, &i);
	assert_int_equal(i.class, 3);
	assert_int_equal(i.rank, 8);
	flow.slack_ns = 900;
	module_policy(&m, &flow, &i);
	assert_int_equal(i.rank, 11);
	/* Levels beyond what the queues have ranks for share the last ones. */
	flow.job_level = 1000;
	module_policy(&m, &flow, &i);
	assert_true(i.rank <= DMSC_RANK_MAX);
	assert_true(module_predict(&m, series_of, NR_SERIES) == builtin_next());
	assert_true(isnan(module_predict(&m, series_of, 0)));
	module_close(&m);
	assert_int_equal(events, 0);
}

/* What the example has is its own; what it has not is the built-in one's. */
static void test_example(void **state)
{
	const struct dmsc_module_way ways[] = { { 2, 5, 4 }, { 1, 9, 4 } };
	const struct dmsc_module_flow flow = { .class = 3, .job_level = 2, .bytes = 5 << 20 };
	static double many[3 * MODULE_VALUES_MAX];
	struct dmsc_module_importance i;
	struct module m;
	uint32_t k;

	(void)state;
	open_ok(&m, copied, 20000);
	assert_string_equal(m.name, "shortest");
	assert_true(m.pid > 0);
	assert_true(fabs(module_predict(&m, series_of, NR_SERIES) - 12.5) < 1e-12);
	module_policy(&m, &flow, &i);
	assert_int_equal(i.class, 3);
	assert_int_equal(i.rank, 5);
	assert_int_equal(module_path(&m, ways, 2), 1);
	/* Nothing to go by: it passes, and is not cut off for that. */
	assert_true(isnan(module_predict(&m, series_of, 0)));
	/* More than a message holds: the newest count. */
	for (k = 0; k < 3 * MODULE_VALUES_MAX; k++)
		many[k] = k;
	assert_true(module_predict(&m, many, k) == k - 2.5);
	assert_int_equal(events, 0);
	module_close(&m);
	assert_int_equal(m.pid, 0);
}

/* Asked for a prediction, it fails as @why says; then the built-in one answers. */
static void cut_off(const char *name, const char *functions, uint32_t limit, const char *why)
{
	struct module m;
	pid_t pid;

	open_ok(&m, compile(name, functions, HEAD "0, 0, predict"), limit);
	pid = m.pid;
	assert_true(module_predict(&m, series_of, NR_SERIES) == builtin_next());
	assert_int_equal(events, 1);
	if (!strstr(last_event, why) || !strstr(last_event, "built-in one takes over"))
		fail_msg("%s: '%s'", name, last_event);
	assert_string_equal(m.name, "builtin");
	/* Its process is gone, and nobody is told twice. */
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
	assert_true(module_predict(&m, series_of, NR_SERIES) == builtin_next());
	assert_int_equal(events, 1);
	module_close(&m);
}

#define PREDICT "int predict(const double *v, uint32_t n, double *next) "

static void test_cut_off(void **state)
{
	(void)state;
	cut_off("crash", PREDICT "{ raise(SIGSEGV); return 0; }", 20000, "ended by signal 11");
	cut_off("abort", PREDICT "{ abort(); }", 20000, "ended by signal 6");
	cut_off("leave", PREDICT "{ _exit(7); }", 20000, "ended with status 7");
	cut_off("slow", PREDICT "{ for (;;) pause(); }", 300, "no answer within 300 ms");
	cut_off("nonsense", PREDICT "{ *next = 0.0 / 0.0; return 0; }", 20000, "out of range");
	cut_off("below", PREDICT "{ *next = -1; return 0; }", 20000, "out of range");
	/* It writes to the socket itself. */
	cut_off("babble", PREDICT "{ write(3, \"abcdefghijklmnop\", 16); return 0; }", 20000,
		"not understood");
}

static void test_out_of_range(void **state)
{
	const struct dmsc_module_way ways[] = { { 2, 5, 4 }, { 1, 9, 4 } };
	const struct dmsc_module_flow flow = { .class = 3 };
	struct dmsc_module_importance i;
	struct module m;

	(void)state;
	open_ok(&m,
		compile("far",
			"int path(const void *w, uint32_t n, uint32_t *c) { *c = n; return 0; }",
			HEAD "0, path, 0"),
		20000);
	assert_int_equal(module_path(&m, ways, 2), 1);
	assert_int_equal(events, 1);
	module_close(&m);
	open_ok(&m,
		compile("high",
			"int policy(const void *f, struct dmsc_module_importance *i) { i->class = 8; i->rank = 0; return 0; }",
			HEAD "policy, 0, 0"),
		20000);
	module_policy(&m, &flow, &i);
	assert_int_equal(i.class, 3);
	assert_int_equal(events, 1);
	module_close(&m);
}

/* It has nothing of the program's: descriptors, privileges, standard output. */
static void test_confined(void **state)
{
	struct module m;

	(void)state;
	open_ok(&m,
		compile("probe",
			PREDICT
			"{ int fd, open = 0; for (fd = 4; fd < 256; fd++) open += fcntl(fd, 1) >= 0;\n"
			"write(1, \"not ok - printed\\n\", 17); *next = open * 1000 + !geteuid(); return 0; }",
			HEAD "0, 0, predict"),
		20000);
	assert_true(module_predict(&m, series_of, NR_SERIES) == 0);
	assert_int_equal(events, 0);
	module_close(&m);
}

/* What cannot be loaded is refused, and leaves the built-in one. */
static void refused(const char *spec, const char *why)
{
	struct dmsc_error err;
	struct module m;

	assert_int_equal(module_open(&m, &builtin_module, spec, 0, on_event, &events, &err),
			 -EINVAL);
	if (!strstr(err.text, why))
		fail_msg("'%s', expected '%s'", err.text, why);
	assert_string_equal(m.name, "builtin");
	assert_true(module_predict(&m, series_of, NR_SERIES) == builtin_next());
	module_close(&m);
}

static void test_refused(void **state)
{
	(void)state;
	refused("no-such-module", MODULE_DIR "/no-such-module.so");
	refused("/etc/passwd", "invalid ELF header");
	refused(compile("version", "", "99, sizeof(struct dmsc_module), \"test\""),
		"version 99, expected 1");
	refused(compile("size", "", "DMSC_MODULE_VERSION, 8, \"test\""), "size 8, expected");
	refused(compile("boom",
			"__attribute__((constructor)) static void boom(void) { raise(SIGSEGV); }",
			HEAD "0, 0, 0"),
		"ended by signal 11");
	refused(compile("empty", "#pragma GCC visibility push(hidden)", HEAD "0, 0, 0"),
		"exports no dmsc_module");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_builtin),	 cmocka_unit_test(test_example),
		cmocka_unit_test(test_cut_off),	 cmocka_unit_test(test_out_of_range),
		cmocka_unit_test(test_confined), cmocka_unit_test(test_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
