// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The page made of a report: report.json beside this file is what a run wrote,
 * with most of its timeline left out. Each test changes what it is about.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "emulator/report.h"

#define FIXTURE "selftests/unit/report.json"

static char dir[] = "/tmp/dmsc-report.XXXXXX";
static char json_file[64], html_file[64];

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(json_file, sizeof(json_file), "%s/report.json", dir);
	snprintf(html_file, sizeof(html_file), "%s/report.html", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(json_file);
	unlink(html_file);
	return rmdir(dir);
}

static json_t *fixture(void)
{
	json_error_t e;
	json_t *root = json_load_file(FIXTURE, 0, &e);

	if (!root)
		fail_msg("%s:%d: %s", FIXTURE, e.line, e.text);
	return root;
}

static char *read_page(void)
{
	FILE *f = fopen(html_file, "re");
	char *s = calloc(1, REPORT_MAX_HTML + 2);

	assert_non_null(f);
	assert_non_null(s);
	assert_true(fread(s, 1, REPORT_MAX_HTML + 1, f) <= REPORT_MAX_HTML);
	fclose(f);
	return s;
}

/* Writes @root, which it takes over, and makes the page. */
static int make(json_t *root, struct dmsc_error *err)
{
	memset(err, 0, sizeof(*err));
	unlink(html_file);
	assert_int_equal(json_dump_file(root, json_file, 0), 0);
	json_decref(root);
	return report_html(json_file, html_file, err);
}

static char *page_of(json_t *root)
{
	struct dmsc_error err;

	if (make(root, &err))
		fail_msg("%s", err.text);
	return read_page();
}

/* ---- is it HTML that a parser need not repair? ---- */

static bool is_void(const char *name)
{
	static const char *const names[] = { "meta", "input", "br", "link", "img" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static const char *check_entity(const char *p)
{
	static const char *const known[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&#39;" };
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strncmp(p, known[i], strlen(known[i])))
			return p + strlen(known[i]);
	fail_msg("bare & at: %.60s", p);
	return NULL;
}

#define NAME_MAX_LEN 24

/* After a tag's name: attributes in double quotes, without markup in them. */
static const char *check_attributes(const char *p, bool *closed)
{
	*closed = false;
	while (*p != '>') {
		if (*p == '/' && p[1] == '>') {
			*closed = true;
			return p + 2;
		}
		if (*p == '"') {
			for (p++; *p != '"';) {
				if (!*p || *p == '<')
					fail_msg("markup in an attribute: %.60s", p);
				p = *p == '&' ? check_entity(p) : p + 1;
			}
			p++;
		} else if (*p == ' ' || *p == '=' || *p == '-' || *p == '\n' ||
			   (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')) {
			p++;
		} else {
			fail_msg("not an attribute: %.60s", p);
		}
	}
	return p + 1;
}

static void check_form(const char *page)
{
	char open[64][NAME_MAX_LEN];
	int depth = 0;
	const char *p = page;

	assert_int_equal(strncmp(p, "<!DOCTYPE html>\n", 16), 0);
	for (p += 16; *p;) {
		char name[NAME_MAX_LEN] = "";
		bool end, closed;
		size_t len;

		if ((unsigned char)*p < 0x20 && *p != '\n')
			fail_msg("control character %d", *p);
		if (*p == '&') {
			p = check_entity(p);
			continue;
		}
		if (*p != '<') {
			p++;
			continue;
		}
		end = p[1] == '/';
		p += 1 + end;
		len = strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789");
		if (!len || len >= NAME_MAX_LEN)
			fail_msg("not a tag: %.60s", p);
		memcpy(name, p, len);
		p = check_attributes(p + len, &closed);
		if (end) {
			if (!depth || strcmp(open[--depth], name))
				fail_msg("</%s> does not close <%s>", name, open[depth]);
		} else if (!closed && !is_void(name)) {
			assert_true(depth < 64);
			strcpy(open[depth++], name);
			if (!strcmp(name, "script") || !strcmp(name, "style")) {
				p = strstr(p, "</");
				assert_non_null(p);
			}
		}
	}
	assert_int_equal(depth, 0);
}

static int count(const char *page, const char *what)
{
	int n = 0;

	for (; (page = strstr(page, what)); page += strlen(what))
		n++;
	return n;
}

/* Ids are unique, and whatever is said to label something exists. */
static void check_ids(const char *page)
{
	const char *p;
	char id[64], find[80];

	for (p = page; (p = strstr(p, " id=\"")); p++) {
		assert_int_equal(sscanf(p, " id=\"%63[^\"]", id), 1);
		snprintf(find, sizeof(find), " id=\"%s\"", id);
		assert_int_equal(count(page, find), 1);
	}
	for (p = page; (p = strstr(p, "aria-labelledby=\"")); p++) {
		char list[128], *name, *save;

		assert_int_equal(sscanf(p, "aria-labelledby=\"%127[^\"]", list), 1);
		for (name = strtok_r(list, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
			snprintf(find, sizeof(find), " id=\"%s\"", name);
			assert_int_equal(count(page, find), 1);
		}
	}
}

static void check_page(const char *page)
{
	check_form(page);
	check_ids(page);
	/* Self-contained: nothing to fetch. */
	assert_int_equal(count(page, "src="), 0);
	assert_int_equal(count(page, "href"), 0);
	assert_int_equal(count(page, "url("), 0);
	assert_int_equal(count(page, "@import"), 0);
	assert_int_equal(count(page, "//"), 0);
	assert_int_equal(count(page, "<script"), 1);
}

static void test_whole(void **state)
{
	char *page = page_of(fixture());

	(void)state;
	check_page(page);
	assert_int_equal(count(page, "<svg class=\"time\""), 3);
	assert_int_equal(count(page, "<svg class=\"net\""), 2);
	assert_non_null(
		strstr(page, "<strong>Scaled down.</strong> Link rates are divided by 40000"));
	assert_non_null(strstr(page, "Under DMSC the median iteration of gpt13b took"));
	assert_non_null(strstr(page, "<th scope=\"row\">pipeline, p99</th>"));
	assert_non_null(strstr(page, "examples/gpt13b.yaml"));
	free(page);
}

/* What the summary says follows from the numbers, whoever is better. */
static void set_times(json_t *root, int setup, double median, double min, double max)
{
	json_t *s = json_array_get(json_object_get(root, "setups"), setup);

	json_object_set_new(s, "time",
			    json_pack("{s:f,s:f,s:f,s:f}", "median_ns", median, "p95_ns", max,
				      "min_ns", min, "max_ns", max));
}

static void test_summary(void **state)
{
	json_t *root;
	char *page;

	(void)state;
	root = fixture();
	set_times(root, 0, 2e9, 1.9e9, 2.1e9);
	set_times(root, 1, 1e9, 0.9e9, 1.1e9);
	set_times(root, 2, 1.25e9, 1.2e9, 1.3e9);
	page = page_of(root);
	assert_non_null(strstr(page, "took <strong>1.25\u00a0s</strong>"));
	assert_non_null(strstr(page, "<strong>25.0\u00a0% more</strong> than under best stock"));
	assert_non_null(strstr(page, "longer than each of the other"));
	assert_non_null(strstr(page, "<strong>37.5\u00a0% less</strong> than under kernel default"));
	assert_non_null(strstr(page, "<dt>Worse</dt><dd>iteration time, median (+25.0\u00a0%)"));
	free(page);

	root = fixture();
	set_times(root, 1, 1e9, 0.9e9, 1.1e9);
	set_times(root, 2, 0.9e9, 0.8e9, 1.0e9);
	page = page_of(root);
	assert_non_null(strstr(page, "<strong>10.0\u00a0% less</strong> than under best stock"));
	assert_non_null(strstr(page, "but their iterations overlap"));
	free(page);

	root = fixture();
	set_times(root, 1, 1e9, 0.9e9, 1.1e9);
	set_times(root, 2, 0.99e9, 0.8e9, 1.0e9);
	page = page_of(root);
	assert_non_null(strstr(page, "as long as under best stock"));
	free(page);

	root = fixture();
	json_array_remove(json_object_get(root, "setups"), 2);
	page = page_of(root);
	check_page(page);
	assert_non_null(strstr(page, "nothing to compare: DMSC did not run"));
	free(page);
}

#define HOSTILE "\"'><script>alert(1)</script>&<!--\x01\u202e]]>"

/* Every string of the report, except those that are words of the format. */
static void poison(json_t *v, const char *key)
{
	const char *k;
	json_t *o;
	size_t i;

	json_object_foreach(v, k, o)
	{
		if (json_is_string(o) && strcmp(k, "kind") && strcmp(k, "class") &&
		    !(key && !strcmp(key, "classes")) &&
		    !(key && !strcmp(key, "setups") && !strcmp(k, "name")))
			json_string_set(o, HOSTILE);
		else
			poison(o, k);
	}
	json_array_foreach(v, i, o)
	{
		if (json_is_string(o) && (!strcmp(key, "notes") || !strcmp(key, "warnings")))
			json_string_set(o, HOSTILE);
		else if (strcmp(key, "records"))
			poison(o, key);
	}
}

static void test_hostile_names(void **state)
{
	json_t *root = fixture();
	char *page;

	(void)state;
	poison(root, NULL);
	page = page_of(root);
	check_page(page);
	assert_non_null(strstr(page, "&lt;script&gt;alert(1)"));
	assert_null(strstr(page, "<!--"));
	assert_null(strstr(page, "\u202e"));
	free(page);
}

static void check_refused(int rc, const struct dmsc_error *err, const char *expected)
{
	if (rc != -EINVAL)
		fail_msg("%d instead of %d, expected: %s", rc, -EINVAL, expected);
	assert_int_equal(strncmp(err->text, json_file, strlen(json_file)), 0);
	assert_null(strchr(err->text, '\n'));
	if (!strstr(err->text, expected))
		fail_msg("\"%s\" does not say \"%s\"", err->text, expected);
	assert_int_not_equal(access(html_file, F_OK), 0);
}

static void test_truncated(void **state)
{
	json_t *root = fixture();
	char *text = json_dumps(root, 0);
	size_t len = strlen(text), at;
	struct dmsc_error err;

	(void)state;
	json_decref(root);
	unlink(html_file);
	for (at = 0; at < len; at += 997) {
		FILE *f = fopen(json_file, "we");

		assert_non_null(f);
		assert_int_equal(fwrite(text, 1, at, f), at);
		fclose(f);
		check_refused(report_html(json_file, html_file, &err), &err, "report.json:");
	}
	free(text);
	unlink(json_file);
	assert_int_equal(report_html(json_file, html_file, &err), -ENOENT);
	assert_int_equal(report_html(dir, html_file, &err), -EINVAL);
}

/* The value at a path such as "setups.2.time"; the parent, so that it can be set. */
static void put(json_t *root, const char *path, const char *value)
{
	json_t *v = json_loads(value, JSON_DECODE_ANY, NULL), *parent = root;
	char copy[128], *name, *next, *save;

	assert_non_null(v);
	snprintf(copy, sizeof(copy), "%s", path);
	name = strtok_r(copy, ".", &save);
	for (; (next = strtok_r(NULL, ".", &save)); name = next)
		parent = json_is_array(parent) ? json_array_get(parent, atoi(name)) :
						 json_object_get(parent, name);
	if (json_is_array(parent))
		assert_int_equal(json_array_set_new(parent, atoi(name), v), 0);
	else
		assert_int_equal(json_object_set_new(parent, name, v), 0);
}

static void test_wrong_fields(void **state)
{
	static const struct {
		const char *path, *value, *expected;
	} cases[] = {
		{ "format", "2", ": format: expected 1" },
		{ "nodes.1.kind", "\"router\"",
		  ": nodes[1].kind: expected host, leaf, spine or core" },
		{ "nodes.2.gpus", "-1", ": nodes[2].gpus: expected a number" },
		{ "links.3.a", "99", ": links[3].a: expected an index below 9" },
		{ "links.3.b", "-1", ": links[3].b: expected an index" },
		{ "links", "{}", ": links: expected an array" },
		{ "hosts.0", "7", ": hosts[0].node: expected an index" },
		{ "instances.4.host", "5", ": instances[4].host: expected an index below 5" },
		{ "paths.0.bytes", "{\"nobody\": 1}", ": paths[0].bytes: a key that is not" },
		{ "paths.0.edges.0.edge", "28", ": paths[0].edges: expected an index below 28" },
		{ "classes.0.name", "\"first\"", ": classes[0].name: expected the name of a class" },
		{ "scale", "null", ": scale: expected an object" },
		{ "job", "7", ": job: not text" },
		{ "kernel", "null", ": kernel: missing" },
		{ "setups", "[]", ": setups: 0 of them, expected 1..4" },
		{ "setups.1.time", "[]", ": setups[1].time: expected an object" },
		{ "setups.0.utilisation", "[0.5]", ": setups[0].utilisation: 1 values, expected 28" },
		{ "setups.2.completion.0.class", "3", ": setups[2].completion: expected the name" },
		{ "setups.2.timeline.records.1", "[]", ": setups[2].timeline.records[1].[0]: " },
		{ "setups.2.timeline.records.1.2", "9999", ".[2]: expected an index below" },
		{ "setups.2.timeline.records.1.5", "-4", ".[4], [5]: expected a start and an end" },
	};
	struct dmsc_error err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *root = fixture();

		put(root, cases[i].path, cases[i].value);
		check_refused(make(root, &err), &err, cases[i].expected);
	}
}

/* Each value in turn becomes something else: a page without nonsense, or a refusal. */
static void mutate(json_t *root, json_t *v, int *pages, int *refusals)
{
	static const char *const values[] = { "null", "-1", "1e308", "0", "\"x\"", "[]", "{}" };
	const char *key;
	json_t *old;
	size_t i, at;
	void *next;

	json_object_foreach_safe(v, next, key, old)
	{
		json_incref(old);
		for (i = 0; i < sizeof(values) / sizeof(*values); i++) {
			struct dmsc_error err;
			char name[64];
			int rc;

			snprintf(name, sizeof(name), "%s", key);
			json_object_set_new(v, name, json_loads(values[i], JSON_DECODE_ANY, NULL));
			json_incref(root);
			rc = make(root, &err);
			if (rc) {
				check_refused(rc, &err, "");
				(*refusals)++;
			} else {
				char *page = read_page();

				check_form(page);
				assert_null(strstr(page, "nan"));
				assert_null(strstr(page, "inf<"));
				assert_null(strstr(page, "-inf"));
				free(page);
				(*pages)++;
			}
			json_object_set(v, name, old);
		}
		mutate(root, old, pages, refusals);
		json_decref(old);
	}
	/* Elements of an array are alike: the first stands for all. */
	if (json_is_array(v)) {
		at = 0;
		mutate(root, json_array_get(v, at), pages, refusals);
	}
}

static void test_mutations(void **state)
{
	json_t *root = fixture();
	int pages = 0, refusals = 0;

	(void)state;
	mutate(root, root, &pages, &refusals);
	json_decref(root);
	print_message("# %d pages, %d refusals\n", pages, refusals);
	assert_true(pages > 100 && refusals > 100);
}

/* As many of everything as a run may write, and names that grow when escaped. */
static void test_size(void **state)
{
	enum { HOSTS = 400, RECORDS = 20000, EDGES = 4 * HOSTS };
	json_t *root = fixture(), *nodes = json_array(), *links = json_array();
	json_t *hosts = json_array(), *instances = json_array(), *paths = json_array();
	json_t *use = json_array(), *notes = json_array(), *setups;
	char name[64], note[4000], *page;
	int i, s;

	(void)state;
	memset(name, '&', sizeof(name));
	name[63] = '\0';
	memset(note, '"', sizeof(note));
	note[sizeof(note) - 1] = '\0';
	for (i = 0; i < HOSTS; i++) {
		json_array_append_new(nodes, json_pack("{s:s,s:s,s:i}", "name", name, "kind",
						       "host", "gpus", 8));
		json_array_append_new(hosts, json_pack("{s:s,s:i}", "name", name, "node", i));
		json_array_append_new(instances, json_pack("{s:i}", "host", i));
		json_array_append_new(notes, json_string(note));
	}
	for (i = 0; i < HOSTS; i++)
		json_array_append_new(nodes, json_pack("{s:s,s:s}", "name", name, "kind",
						       i % 2 ? "leaf" : "spine"));
	for (i = 0; i < EDGES / 2; i++) {
		json_array_append_new(links, json_pack("{s:i,s:i,s:s,s:s,s:f}", "a", i % HOSTS, "b",
						       HOSTS + i * 7 % HOSTS, "if_a", name, "if_b",
						       name, "rate", 4e11));
		json_array_append_new(use, json_real(0.7));
		json_array_append_new(use, json_real(0.3));
	}
	for (i = 0; i < 2000; i++)
		json_array_append_new(paths, json_pack("{s:i,s:i,s:i,s:[{s:i,s:f}],s:{s:f,s:f}}",
						       "src", i % HOSTS, "dst", i * 3 % HOSTS,
						       "link", i % (EDGES / 2), "edges", "edge",
						       i % EDGES, "share", 0.5, "bytes", "pipeline",
						       1e9, "bulk", 1e9));
	json_object_set_new(root, "nodes", nodes);
	json_object_set_new(root, "links", links);
	json_object_set_new(root, "hosts", hosts);
	json_object_set_new(root, "instances", instances);
	json_object_set_new(root, "paths", paths);
	json_object_set(root, "notes", notes);
	json_object_set_new(root, "warnings", notes);
	setups = json_object_get(root, "setups");
	json_array_append_new(setups, json_deep_copy(json_array_get(setups, 0)));
	for (s = 0; s < 4; s++) {
		json_t *setup = json_array_get(setups, s), *records = json_array(), *its;

		for (i = 0; i < RECORDS; i++) {
			int at = i / 20;

			json_array_append_new(records,
					      json_pack("[s,i,i,i,i,i]", i % 2 ? "data" : "bulk",
							i % 20, 1, 1, at * 1000, at * 1000 + 499));
		}
		json_object_set_new(setup, "title", json_string(name));
		json_object_set(setup, "utilisation", use);
		json_object_set_new(setup, "timeline",
				    json_pack("{s:i,s:i,s:o}", "iteration", 0, "time_ns", 1000000,
					      "records", records));
		its = json_object_get(setup, "iterations");
		for (i = 0; i < 5000; i++)
			json_array_append(its, json_array_get(its, 0));
	}
	json_decref(use);
	page = page_of(root);
	check_page(page);
	print_message("# %zu bytes\n", strlen(page));
	assert_true(strlen(page) > 100000);
	assert_non_null(strstr(page, "Not drawn: "));
	free(page);
}

/* A page that cannot be made leaves the one that was there. */
static void test_old_page_stays(void **state)
{
	struct dmsc_error err;
	char *page = page_of(fixture()), *again;
	FILE *f = fopen(json_file, "we");

	(void)state;
	assert_non_null(f);
	fputs("{", f);
	fclose(f);
	assert_int_equal(report_html(json_file, html_file, &err), -EINVAL);
	again = read_page();
	assert_string_equal(page, again);
	free(page);
	free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),	      cmocka_unit_test(test_summary),
		cmocka_unit_test(test_hostile_names), cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_wrong_fields),  cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_size),	      cmocka_unit_test(test_old_page_stays),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
