// SPDX-License-Identifier: GPL-2.0-or-later
/* The registry: stage and commit, what a crash leaves, what is kept by hand. */
#include "plan_util.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include <sqlite3.h>

#include "lib/registry.h"

static char dir[64];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/dmsc-registry-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char cmd[96];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static struct registry *open_registry(void)
{
	struct dmsc_error err;
	struct registry *r;

	if (registry_open(&r, dir, &err))
		fail_msg("%s", err.text);
	return r;
}

static struct registry_plan text_plan(const char *text)
{
	struct registry_plan p = {
		.applied = 1234567890,
		.job = "job",
		.text = (char *)text,
		.text_len = strlen(text),
		.tables = (void *)"\0\1\2",
		.tables_len = 3,
	};

	return p;
}

static void test_stage_commit(void **state)
{
	struct plan plan = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL);
	struct registry_generation *history;
	struct registry_service *services;
	struct registry_plan p, got;
	struct registry *r = open_registry();
	struct dmsc_error err = { "" };
	bool enabled = true;
	size_t n, local = 0;

	(void)state;
	assert_int_equal(registry_current(r, &got, &err), -ENOENT);
	assert_int_equal(registry_staged(r, &got, &err), -ENOENT);
	assert_int_equal(registry_enabled(r, &enabled, &err), 0);
	assert_false(enabled);
	assert_int_equal(registry_commit(r, &plan, 0, 1, &err), -ENOENT);

	p = text_plan("{\"first\": 1}");
	assert_int_equal(registry_stage(r, &p, &err), 0);
	assert_int_equal(registry_current(r, &got, &err), -ENOENT);
	assert_int_equal(registry_commit(r, &plan, 0, 7, &err), 0);
	assert_int_equal(registry_staged(r, &got, &err), -ENOENT);
	assert_int_equal(registry_current(r, &got, &err), 0);
	assert_int_equal(got.generation, 7);
	assert_int_equal(got.applied, 1234567890);
	assert_string_equal(got.job, "job");
	assert_string_equal(got.text, "{\"first\": 1}");
	assert_int_equal(got.tables_len, 3);
	assert_memory_equal(got.tables, "\0\1\2", 3);
	registry_plan_free(&got);
	assert_int_equal(registry_enabled(r, &enabled, &err), 0);
	assert_true(enabled);

	/* Staged and dropped: the current one stays. */
	p = text_plan("{\"second\": 2}");
	assert_int_equal(registry_stage(r, &p, &err), 0);
	assert_int_equal(registry_unstage(r, &err), 0);
	assert_int_equal(registry_unstage(r, &err), 0);
	assert_int_equal(registry_commit(r, &plan, 0, 8, &err), -ENOENT);
	assert_int_equal(registry_current(r, &got, &err), 0);
	assert_int_equal(got.generation, 7);
	registry_plan_free(&got);

	assert_int_equal(registry_services(r, &services, &n, &err), 0);
	assert_int_equal(n, plan.nr_instances);
	for (size_t i = 0; i < n; i++) {
		if (i)
			assert_true(services[i].sid > services[i - 1].sid);
		local += services[i].local;
		assert_true(services[i].mic_name[0] && services[i].host[0]);
		assert_int_equal(services[i].local, !strcmp(services[i].host, plan.hosts[0].name));
	}
	assert_true(local > 0 && local < n);
	free(services);

	/* Newest first, and as many as asked for. */
	for (uint32_t g = 8; g < 12; g++) {
		assert_int_equal(registry_stage(r, &p, &err), 0);
		assert_int_equal(registry_commit(r, &plan, 1, g, &err), 0);
	}
	assert_int_equal(registry_history(r, 3, &history, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_int_equal(history[0].generation, 11);
	assert_int_equal(history[2].generation, 9);
	assert_int_equal(history[0].instances, plan.nr_instances);
	free(history);
	registry_close(r);

	/* All of it is there the next time. */
	r = open_registry();
	assert_int_equal(registry_current(r, &got, &err), 0);
	assert_int_equal(got.generation, 11);
	registry_plan_free(&got);
	registry_close(r);
	plan_free(&plan);
}

static void test_settings(void **state)
{
	struct queue_class c = { .id = 5,
				 .mode = DMSC_MODE_STRICT,
				 .weight = 3,
				 .share = 40,
				 .limit = DMSC_LIMIT_MAX,
				 .ecn = UINT32_MAX },
			   got;
	struct registry *r = open_registry();
	struct dmsc_error err;
	bool b;

	(void)state;
	assert_int_equal(registry_path_down(r, "h1", "rail0", &b, &err), 0);
	assert_false(b);
	assert_int_equal(registry_path_set(r, "h1", "rail0", true, &err), 0);
	assert_int_equal(registry_path_set(r, "h1", "rail0", true, &err), 0);
	assert_int_equal(registry_path_set(r, "h'; DROP TABLE paths_down; --", "x", true, &err), 0);
	assert_int_equal(registry_path_down(r, "h1", "rail0", &b, &err), 0);
	assert_true(b);
	assert_int_equal(registry_path_down(r, "h1", "rail1", &b, &err), 0);
	assert_false(b);
	assert_int_equal(registry_path_set(r, "h1", "rail0", false, &err), 0);
	assert_int_equal(registry_path_down(r, "h1", "rail0", &b, &err), 0);
	assert_false(b);

	assert_int_equal(registry_class_get(r, 5, &got, &err), -ENOENT);
	assert_int_equal(registry_class_set(r, &c, &err), 0);
	assert_int_equal(registry_class_get(r, 5, &got, &err), 0);
	assert_int_equal(got.id, 5);
	assert_int_equal(got.mode, c.mode);
	assert_int_equal(got.weight, 3);
	assert_int_equal(got.share, 40);
	assert_int_equal(got.limit, c.limit);
	assert_true(got.ecn == UINT32_MAX);
	/* what is not in every class: only what was given, and the latest of it */
	assert_int_equal(got.given, 0);
	queue_class_option_set(&c, QUEUE_CLASS_CEIL, DMSC_RATE_MAX);
	queue_class_option_set(&c, QUEUE_CLASS_FAIR, 0);
	assert_int_equal(registry_class_set(r, &c, &err), 0);
	c.given = QUEUE_CLASS_CEIL;
	assert_int_equal(registry_class_set(r, &c, &err), 0);
	assert_int_equal(registry_class_get(r, 5, &got, &err), 0);
	assert_int_equal(got.given, QUEUE_CLASS_CEIL);
	assert_true(got.ceil == DMSC_RATE_MAX);
	assert_int_equal(registry_class_unset(r, 5, &err), 0);
	assert_int_equal(registry_class_get(r, 5, &got, &err), -ENOENT);

	assert_int_equal(registry_set_enabled(r, true, &err), 0);
	assert_int_equal(registry_enabled(r, &b, &err), 0);
	assert_true(b);
	assert_int_equal(registry_set_enabled(r, false, &err), 0);
	assert_int_equal(registry_enabled(r, &b, &err), 0);
	assert_false(b);
	registry_close(r);
}

/* Queues set by hand: by service and class; a set replaces, nothing given forgets. */
static void test_queues_by_hand(void **state)
{
	struct registry *r = open_registry();
	struct queue_queue q = { .class = 2 };
	struct registry_queue *list;
	struct dmsc_error err;
	sqlite3 *db;
	char file[96];
	size_t n;

	(void)state;
	assert_int_equal(registry_queues(r, &list, &n, &err), 0);
	assert_int_equal(n, 0);
	free(list);
	queue_queue_option_set(&q, QUEUE_QUEUE_RANK, 0);
	queue_queue_option_set(&q, QUEUE_QUEUE_CEIL, DMSC_RATE_MAX);
	queue_queue_option_set(&q, QUEUE_QUEUE_REMAINING, 5);
	assert_int_equal(registry_queue_set(r, "b", &q, &err), 0);
	q.class = 3;
	assert_int_equal(registry_queue_set(r, "b", &q, &err), 0);
	q = (struct queue_queue){ .class = 3 };
	queue_queue_option_set(&q, QUEUE_QUEUE_WEIGHT, 7);
	assert_int_equal(registry_queue_set(r, "b", &q, &err), 0);
	assert_int_equal(registry_queue_set(r, "a", &q, &err), 0);
	registry_close(r);

	r = open_registry();
	assert_int_equal(registry_queues(r, &list, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_string_equal(list[0].service, "a");
	assert_string_equal(list[1].service, "b");
	assert_int_equal(list[1].queue.class, 2);
	/* what remains is of one transfer */
	assert_int_equal(list[1].queue.given, QUEUE_QUEUE_RANK | QUEUE_QUEUE_CEIL);
	assert_int_equal(list[1].queue.rank, 0);
	assert_true(list[1].queue.ceil == DMSC_RATE_MAX);
	assert_int_equal(list[2].queue.class, 3);
	assert_int_equal(list[2].queue.given, QUEUE_QUEUE_WEIGHT);
	free(list);
	q.given = 0;
	assert_int_equal(registry_queue_set(r, "a", &q, &err), 0);
	assert_int_equal(registry_queues(r, &list, &n, &err), 0);
	assert_int_equal(n, 2);
	free(list);
	registry_close(r);

	/* what another release may have left */
	snprintf(file, sizeof(file), "%s/registry.db", dir);
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				      "DELETE FROM queue_options; INSERT INTO queue_options VALUES"
				      " ('c', 2, 'colour', 1), ('c', 2, 'rank', 63),"
				      " ('c', 2, 'rate', -1), ('c', 2, 'weight', 9), ('c', 8, 'rank', 1)",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	r = open_registry();
	assert_int_equal(registry_queues(r, &list, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(list[0].queue.given, QUEUE_QUEUE_WEIGHT);
	assert_int_equal(list[0].queue.weight, 9);
	free(list);
	registry_close(r);
}

/* Writes generations until it is killed; what it leaves is one of them, whole. */
static void test_killed(void **state)
{
	struct plan plan = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL);
	struct registry_generation *history;
	struct registry_service *services;
	struct registry_plan got;
	struct dmsc_error err;
	struct registry *r;
	uint32_t last = 0;
	size_t n;

	(void)state;
	for (int round = 0; round < 15; round++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (!pid) {
			r = open_registry();
			for (uint32_t g = last + 1;; g++) {
				char text[64];
				struct registry_plan p;

				snprintf(text, sizeof(text), "plan %u", g);
				p = text_plan(text);
				if (registry_stage(r, &p, &err) ||
				    registry_commit(r, &plan, g % 2, g, &err))
					_exit(1);
			}
		}
		usleep(20000 + 7000 * round);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);

		r = open_registry();
		if (!registry_current(r, &got, &err)) {
			char text[64];

			snprintf(text, sizeof(text), "plan %u", got.generation);
			assert_string_equal(got.text, text);
			assert_true(got.generation >= last);
			last = got.generation;
			registry_plan_free(&got);
			/* Services and history are of the same transaction. */
			assert_int_equal(registry_services(r, &services, &n, &err), 0);
			assert_int_equal(n, plan.nr_instances);
			for (size_t i = 0; i < n; i++)
				assert_int_equal(services[i].local,
						 !strcmp(services[i].host,
							 plan.hosts[last % 2].name));
			free(services);
			assert_int_equal(registry_history(r, 1, &history, &n, &err), 0);
			assert_int_equal(history[0].generation, last);
			free(history);
		}
		registry_close(r);
	}
	assert_true(last > 0);
	plan_free(&plan);
}

static void test_refused(void **state)
{
	struct dmsc_error err = { "" };
	struct registry *r;
	char path[128];
	sqlite3 *db;
	FILE *f;

	(void)state;
	/* No database at all. */
	snprintf(path, sizeof(path), "%s/registry.db", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	for (int i = 0; i < 5000; i++)
		fputs("not a database ", f);
	fclose(f);
	assert_true(registry_open(&r, dir, &err) < 0);
	assert_non_null(strstr(err.text, "registry.db"));
	unlink(path);

	/* Of a later release. */
	r = open_registry();
	registry_close(r);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(registry_open(&r, dir, &err), -EPROTO);
	assert_non_null(strstr(err.text, "99"));
	/* Where no directory can be. */
	assert_true(registry_open(&r, "/proc/dmsc", &err) < 0);
	assert_non_null(strstr(err.text, "/proc/dmsc"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stage_commit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_settings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_queues_by_hand, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
