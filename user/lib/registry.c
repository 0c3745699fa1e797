// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/registry.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <sqlite3.h>

#define REGISTRY_SCHEMA	 1    /* PRAGMA user_version */
#define REGISTRY_HISTORY 1000 /* lines kept */
#define REGISTRY_BUSY_MS 5000 /* wait for another process's transaction */

struct registry {
	sqlite3 *db;
	char file[512];
};

static const char schema[] =
	"CREATE TABLE plans ("
	"  slot TEXT PRIMARY KEY CHECK (slot IN ('current', 'staged')),"
	"  generation INTEGER NOT NULL, applied INTEGER NOT NULL,"
	"  job TEXT NOT NULL, text BLOB NOT NULL, tables BLOB NOT NULL);"
	"CREATE TABLE mics (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
	"CREATE TABLE instances ("
	"  sid INTEGER PRIMARY KEY, mic INTEGER NOT NULL,"
	"  name TEXT NOT NULL, host TEXT NOT NULL, cgroup TEXT NOT NULL,"
	"  local INTEGER NOT NULL);"
	"CREATE TABLE history ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT, generation INTEGER NOT NULL,"
	"  applied INTEGER NOT NULL, job TEXT NOT NULL, instances INTEGER NOT NULL,"
	"  flows INTEGER NOT NULL);"
	"CREATE TABLE settings (name TEXT PRIMARY KEY, value INTEGER NOT NULL);"
	"CREATE TABLE paths_down (dst TEXT NOT NULL, ifname TEXT NOT NULL,"
	"  PRIMARY KEY (dst, ifname));"
	"CREATE TABLE classes ("
	"  id INTEGER PRIMARY KEY, mode INTEGER NOT NULL, weight INTEGER NOT NULL,"
	"  share INTEGER NOT NULL, lim INTEGER NOT NULL, ecn INTEGER NOT NULL);";

/*
 * Of classes, what is not in every one: a name of queue_class_options. Of queues,
 * what was set by hand: a name of queue_queue_options.
 */
static const char schema_options[] = "CREATE TABLE IF NOT EXISTS class_options ("
				     "  id INTEGER NOT NULL, name TEXT NOT NULL,"
				     "  value INTEGER NOT NULL, PRIMARY KEY (id, name));"
				     "CREATE TABLE IF NOT EXISTS queue_options ("
				     "  service TEXT NOT NULL, class INTEGER NOT NULL,"
				     "  name TEXT NOT NULL, value INTEGER NOT NULL,"
				     "  PRIMARY KEY (service, class, name))";

static int sql_fail(struct registry *r, struct dmsc_error *err, const char *doing)
{
	int code = sqlite3_errcode(r->db), ret = -EIO;

	if (code == SQLITE_FULL)
		ret = -ENOSPC;
	else if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN || code == SQLITE_PERM)
		ret = -EACCES;
	else if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
		ret = -EBUSY;
	return dmsc_fail(err, ret, "registry: %s: %s: %s", r->file, doing, sqlite3_errmsg(r->db));
}

static int sql_exec(struct registry *r, const char *sql, struct dmsc_error *err)
{
	if (sqlite3_exec(r->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return sql_fail(r, err, "cannot write");
	return 0;
}

/*
 * A statement with its arguments: i int64, t text, b blob and size_t. Strings
 * and blobs must live until the statement is finalised.
 */
static int sql_prepare(struct registry *r, sqlite3_stmt **stmt, struct dmsc_error *err,
		       const char *sql, const char *types, ...)
{
	va_list ap;
	int ret;

	ret = sqlite3_prepare_v2(r->db, sql, -1, stmt, NULL);
	va_start(ap, types);
	for (int i = 0; types[i] && ret == SQLITE_OK; i++) {
		if (types[i] == 'i') {
			ret = sqlite3_bind_int64(*stmt, i + 1, va_arg(ap, int64_t));
		} else if (types[i] == 't') {
			ret = sqlite3_bind_text(*stmt, i + 1, va_arg(ap, const char *), -1,
						SQLITE_STATIC);
		} else {
			const void *p = va_arg(ap, const void *);
			size_t len = va_arg(ap, size_t);

			ret = len ? sqlite3_bind_blob64(*stmt, i + 1, p, len, SQLITE_STATIC) :
				    sqlite3_bind_zeroblob(*stmt, i + 1, 0);
		}
	}
	va_end(ap);
	if (ret != SQLITE_OK) {
		ret = sql_fail(r, err, "cannot prepare");
		sqlite3_finalize(*stmt);
		*stmt = NULL;
		return ret;
	}
	return 0;
}

static int sql_finish(struct registry *r, sqlite3_stmt *stmt, struct dmsc_error *err)
{
	int step = sqlite3_step(stmt), ret = 0;

	if (step != SQLITE_DONE && step != SQLITE_ROW)
		ret = sql_fail(r, err, "cannot write");
	sqlite3_finalize(stmt);
	return ret;
}

static int begin(struct registry *r, struct dmsc_error *err)
{
	return sql_exec(r, "BEGIN IMMEDIATE", err);
}

/* COMMIT when @ret is 0, else ROLLBACK. */
static int end(struct registry *r, int ret, struct dmsc_error *err)
{
	if (!ret)
		ret = sql_exec(r, "COMMIT", err);
	if (ret)
		sqlite3_exec(r->db, "ROLLBACK", NULL, NULL, NULL);
	return ret;
}

static int make_dir(const char *dir, struct dmsc_error *err)
{
	char path[400];

	if (strlen(dir) >= sizeof(path))
		return dmsc_fail(err, -ENAMETOOLONG, "registry: %s: name too long", dir);
	strcpy(path, dir);
	for (char *p = path + 1;; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0700) && errno != EEXIST)
			return dmsc_fail(err, -errno, "registry: %s: %s", path, strerror(errno));
		*p = c;
		if (!c)
			return 0;
	}
}

static int user_version(struct registry *r, int *version, struct dmsc_error *err)
{
	sqlite3_stmt *stmt;
	int ret = sql_prepare(r, &stmt, err, "PRAGMA user_version", "");

	if (ret)
		return ret;
	if (sqlite3_step(stmt) != SQLITE_ROW)
		ret = sql_fail(r, err, "cannot read");
	else
		*version = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return ret;
}

static int create_schema(struct registry *r, struct dmsc_error *err)
{
	int version = 0, ret = begin(r, err);
	char sql[64];

	if (ret)
		return ret;
	ret = user_version(r, &version, err);
	if (!ret && version == 0) {
		snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", REGISTRY_SCHEMA);
		ret = sql_exec(r, schema, err);
		if (!ret)
			ret = sql_exec(r, sql, err);
	} else if (!ret && version != REGISTRY_SCHEMA) {
		ret = dmsc_fail(err, -EPROTO,
				"registry: %s: schema %d is of another release, expected %d",
				r->file, version, REGISTRY_SCHEMA);
	}
	return end(r, ret, err);
}

int registry_open(struct registry **out, const char *dir, struct dmsc_error *err)
{
	struct registry *r;
	int ret;

	ret = make_dir(dir, err);
	if (ret)
		return ret;
	r = calloc(1, sizeof(*r));
	if (!r)
		return dmsc_fail(err, -ENOMEM, "registry: no memory");
	snprintf(r->file, sizeof(r->file), "%s/registry.db", dir);
	if (sqlite3_open_v2(r->file, &r->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
	    SQLITE_OK) {
		ret = sql_fail(r, err, "cannot open");
		goto fail;
	}
	sqlite3_extended_result_codes(r->db, 0);
	sqlite3_busy_timeout(r->db, REGISTRY_BUSY_MS);
	ret = sql_exec(r, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", err);
	if (!ret)
		ret = create_schema(r, err);
	if (!ret)
		ret = sql_exec(r, schema_options, err);
	if (ret)
		goto fail;
	*out = r;
	return 0;
fail:
	registry_close(r);
	return ret;
}

void registry_close(struct registry *r)
{
	if (!r)
		return;
	sqlite3_close(r->db);
	free(r);
}

int registry_stage(struct registry *r, const struct registry_plan *p, struct dmsc_error *err)
{
	sqlite3_stmt *stmt;
	int ret;

	ret = sql_prepare(r, &stmt, err,
			  "INSERT OR REPLACE INTO plans (slot, generation, applied, job, text, tables)"
			  " VALUES ('staged', ?, ?, ?, ?, ?)",
			  "iitbb", (int64_t)p->generation, p->applied, p->job, (const void *)p->text,
			  p->text_len, (const void *)p->tables, p->tables_len);
	return ret ? ret : sql_finish(r, stmt, err);
}

int registry_unstage(struct registry *r, struct dmsc_error *err)
{
	return sql_exec(r, "DELETE FROM plans WHERE slot = 'staged'", err);
}

/*
 * Nothing in a plan may make this fail: by now it is in force. So a row that
 * repeats an id replaces the one before; refusing that is the reader's work.
 */
static int write_services(struct registry *r, const struct plan *p, uint32_t host,
			  struct dmsc_error *err)
{
	sqlite3_stmt *stmt;
	int ret;

	ret = sql_exec(r, "DELETE FROM instances; DELETE FROM mics", err);
	for (uint32_t i = 0; i < p->nr_mics && !ret; i++) {
		ret = sql_prepare(r, &stmt, err,
				  "INSERT OR REPLACE INTO mics (id, name) VALUES (?, ?)", "it",
				  (int64_t)p->mics[i].id, p->mics[i].name);
		if (!ret)
			ret = sql_finish(r, stmt, err);
	}
	for (uint32_t i = 0; i < p->nr_instances && !ret; i++) {
		const struct plan_instance *in = &p->instances[i];

		ret = sql_prepare(r, &stmt, err,
				  "INSERT OR REPLACE INTO instances (sid, mic, name, host, cgroup, local)"
				  " VALUES (?, ?, ?, ?, ?, ?)",
				  "iittti", (int64_t)in->sid, (int64_t)in->mic, in->name,
				  p->hosts[in->host].name, in->cgroup, (int64_t)(in->host == host));
		if (!ret)
			ret = sql_finish(r, stmt, err);
	}
	return ret;
}

static int write_history(struct registry *r, const struct plan *p, uint32_t generation,
			 struct dmsc_error *err)
{
	sqlite3_stmt *stmt;
	int ret;

	ret = sql_prepare(r, &stmt, err,
			  "INSERT INTO history (generation, applied, job, instances, flows)"
			  " VALUES (?, ?, ?, ?, ?)",
			  "iitii", (int64_t)generation, (int64_t)time(NULL), p->job,
			  (int64_t)p->nr_instances, (int64_t)p->nr_flows);
	if (!ret)
		ret = sql_finish(r, stmt, err);
	if (!ret)
		ret = sql_prepare(r, &stmt, err,
				  "DELETE FROM history WHERE id <= (SELECT max(id) FROM history) - ?",
				  "i", (int64_t)REGISTRY_HISTORY);
	return ret ? ret : sql_finish(r, stmt, err);
}

int registry_commit(struct registry *r, const struct plan *plan, uint32_t host, uint32_t generation,
		    struct dmsc_error *err)
{
	sqlite3_stmt *stmt;
	int ret;

	ret = begin(r, err);
	if (ret)
		return ret;
	ret = sql_exec(r,
		       "DELETE FROM plans WHERE slot = 'current'"
		       " AND EXISTS (SELECT 1 FROM plans WHERE slot = 'staged')",
		       err);
	if (!ret)
		ret = sql_prepare(r, &stmt, err,
				  "UPDATE plans SET slot = 'current', generation = ?"
				  " WHERE slot = 'staged'",
				  "i", (int64_t)generation);
	if (!ret)
		ret = sql_finish(r, stmt, err);
	if (!ret && sqlite3_changes(r->db) != 1)
		ret = dmsc_fail(err, -ENOENT, "registry: %s: no plan is staged", r->file);
	if (!ret)
		ret = write_services(r, plan, host, err);
	if (!ret)
		ret = write_history(r, plan, generation, err);
	if (!ret)
		ret = sql_exec(r, "INSERT OR REPLACE INTO settings VALUES ('enabled', 1)", err);
	return end(r, ret, err);
}

static void *column_dup(sqlite3_stmt *stmt, int col, size_t *len)
{
	const void *p = sqlite3_column_blob(stmt, col);
	char *copy;

	*len = sqlite3_column_bytes(stmt, col);
	copy = malloc(*len + 1);
	if (copy) {
		if (*len)
			memcpy(copy, p, *len);
		copy[*len] = '\0';
	}
	return copy;
}

static void column_str(sqlite3_stmt *stmt, int col, char *out, size_t size)
{
	const char *s = (const char *)sqlite3_column_text(stmt, col);

	snprintf(out, size, "%s", s ? s : "");
}

static int read_plan(struct registry *r, const char *slot, struct registry_plan *out,
		     struct dmsc_error *err)
{
	sqlite3_stmt *stmt;
	int ret, step;

	ret = sql_prepare(r, &stmt, err,
			  "SELECT generation, applied, job, text, tables FROM plans WHERE slot = ?",
			  "t", slot);
	if (ret)
		return ret;
	step = sqlite3_step(stmt);
	if (step == SQLITE_DONE) {
		ret = dmsc_fail(err, -ENOENT, "registry: %s: no %s plan", r->file, slot);
	} else if (step != SQLITE_ROW) {
		ret = sql_fail(r, err, "cannot read");
	} else {
		memset(out, 0, sizeof(*out));
		out->generation = sqlite3_column_int64(stmt, 0);
		out->applied = sqlite3_column_int64(stmt, 1);
		column_str(stmt, 2, out->job, sizeof(out->job));
		out->text = column_dup(stmt, 3, &out->text_len);
		out->tables = column_dup(stmt, 4, &out->tables_len);
		if (!out->text || !out->tables) {
			registry_plan_free(out);
			ret = dmsc_fail(err, -ENOMEM, "registry: no memory");
		}
	}
	sqlite3_finalize(stmt);
	return ret;
}

int registry_current(struct registry *r, struct registry_plan *out, struct dmsc_error *err)
{
	return read_plan(r, "current", out, err);
}

int registry_staged(struct registry *r, struct registry_plan *out, struct dmsc_error *err)
{
	return read_plan(r, "staged", out, err);
}

void registry_plan_free(struct registry_plan *p)
{
	free(p->text);
	free(p->tables);
	memset(p, 0, sizeof(*p));
}

int registry_set_enabled(struct registry *r, bool enabled, struct dmsc_error *err)
{
	sqlite3_stmt *stmt;
	int ret;

	ret = sql_prepare(r, &stmt, err, "INSERT OR REPLACE INTO settings VALUES ('enabled', ?)",
			  "i", (int64_t)enabled);
	return ret ? ret : sql_finish(r, stmt, err);
}

int registry_enabled(struct registry *r, bool *enabled, struct dmsc_error *err)
{
	sqlite3_stmt *stmt;
	int ret, step;

	ret = sql_prepare(r, &stmt, err, "SELECT value FROM settings WHERE name = 'enabled'", "");
	if (ret)
		return ret;
	step = sqlite3_step(stmt);
	if (step == SQLITE_ROW)
		*enabled = sqlite3_column_int(stmt, 0);
	else if (step == SQLITE_DONE)
		*enabled = false;
	else
		ret = sql_fail(r, err, "cannot read");
	sqlite3_finalize(stmt);
	return ret;
}

/* Room for one more element of an array that doubles; NULL: no memory, @array freed. */
static void *grow(void *array, size_t n, size_t size)
{
	void *p;

	if (n & (n - 1) || (n && n < 16))
		return array;
	p = reallocarray(array, n ? 2 * n : 16, size);
	if (!p)
		free(array);
	return p;
}

/* All rows of a list were read, if @step, the last answer, says so; else @list is freed. */
static int rows_end(struct registry *r, sqlite3_stmt *stmt, int step, void *list,
		    struct dmsc_error *err)
{
	int ret = step == SQLITE_DONE ? 0 : sql_fail(r, err, "cannot read");

	sqlite3_finalize(stmt);
	if (ret)
		free(list);
	return ret;
}

int registry_services(struct registry *r, struct registry_service **out, size_t *n,
		      struct dmsc_error *err)
{
	struct registry_service *list = NULL, *s;
	sqlite3_stmt *stmt;
	size_t count = 0;
	int ret, step;

	ret = sql_prepare(r, &stmt, err,
			  "SELECT sid, mic, instances.name, mics.name, host, cgroup, local"
			  " FROM instances LEFT JOIN mics ON mic = mics.id ORDER BY sid",
			  "");
	if (ret)
		return ret;
	while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
		list = grow(list, count, sizeof(*list));
		if (!list) {
			sqlite3_finalize(stmt);
			return dmsc_fail(err, -ENOMEM, "registry: no memory");
		}
		s = &list[count++];
		s->sid = sqlite3_column_int64(stmt, 0);
		s->mic = sqlite3_column_int64(stmt, 1);
		column_str(stmt, 2, s->name, sizeof(s->name));
		column_str(stmt, 3, s->mic_name, sizeof(s->mic_name));
		column_str(stmt, 4, s->host, sizeof(s->host));
		column_str(stmt, 5, s->cgroup, sizeof(s->cgroup));
		s->local = sqlite3_column_int(stmt, 6);
	}
	ret = rows_end(r, stmt, step, list, err);
	if (!ret) {
		*out = list;
		*n = count;
	}
	return ret;
}

int registry_history(struct registry *r, size_t max, struct registry_generation **out, size_t *n,
		     struct dmsc_error *err)
{
	struct registry_generation *list = NULL, *g;
	sqlite3_stmt *stmt;
	size_t count = 0;
	int ret, step;

	ret = sql_prepare(r, &stmt, err,
			  "SELECT generation, applied, job, instances, flows FROM history"
			  " ORDER BY id DESC LIMIT ?",
			  "i", (int64_t)max);
	if (ret)
		return ret;
	while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
		list = grow(list, count, sizeof(*list));
		if (!list) {
			sqlite3_finalize(stmt);
			return dmsc_fail(err, -ENOMEM, "registry: no memory");
		}
		g = &list[count++];
		g->generation = sqlite3_column_int64(stmt, 0);
		g->applied = sqlite3_column_int64(stmt, 1);
		column_str(stmt, 2, g->job, sizeof(g->job));
		g->instances = sqlite3_column_int64(stmt, 3);
		g->flows = sqlite3_column_int64(stmt, 4);
	}
	ret = rows_end(r, stmt, step, list, err);
	if (!ret) {
		*out = list;
		*n = count;
	}
	return ret;
}

int registry_path_set(struct registry *r, const char *dst_host, const char *ifname, bool down,
		      struct dmsc_error *err)
{
	sqlite3_stmt *stmt;
	int ret;

	ret = sql_prepare(r, &stmt, err,
			  down ? "INSERT OR IGNORE INTO paths_down (dst, ifname) VALUES (?, ?)" :
				 "DELETE FROM paths_down WHERE dst = ? AND ifname = ?",
			  "tt", dst_host, ifname);
	return ret ? ret : sql_finish(r, stmt, err);
}

int registry_path_down(struct registry *r, const char *dst_host, const char *ifname, bool *down,
		       struct dmsc_error *err)
{
	sqlite3_stmt *stmt;
	int ret, step;

	ret = sql_prepare(r, &stmt, err, "SELECT 1 FROM paths_down WHERE dst = ? AND ifname = ?",
			  "tt", dst_host, ifname);
	if (ret)
		return ret;
	step = sqlite3_step(stmt);
	*down = step == SQLITE_ROW;
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		ret = sql_fail(r, err, "cannot read");
	sqlite3_finalize(stmt);
	return ret;
}

static int drop_class_options(struct registry *r, uint32_t id, struct dmsc_error *err)
{
	sqlite3_stmt *stmt;
	int ret;

	ret = sql_prepare(r, &stmt, err, "DELETE FROM class_options WHERE id = ?", "i", (int64_t)id);
	return ret ? ret : sql_finish(r, stmt, err);
}

static int write_class(struct registry *r, const struct queue_class *c, struct dmsc_error *err)
{
	sqlite3_stmt *stmt;
	int ret;

	ret = sql_prepare(r, &stmt, err,
			  "INSERT OR REPLACE INTO classes (id, mode, weight, share, lim, ecn)"
			  " VALUES (?, ?, ?, ?, ?, ?)",
			  "iiiiii", (int64_t)c->id, (int64_t)c->mode, (int64_t)c->weight,
			  (int64_t)c->share, (int64_t)c->limit, (int64_t)c->ecn);
	if (!ret)
		ret = sql_finish(r, stmt, err);
	if (!ret)
		ret = drop_class_options(r, c->id, err);
	for (int i = 0; i < QUEUE_CLASS_OPTIONS && !ret; i++) {
		const struct queue_class_option *o = &queue_class_options[i];

		if (!(c->given & o->given))
			continue;
		ret = sql_prepare(r, &stmt, err,
				  "INSERT INTO class_options (id, name, value) VALUES (?, ?, ?)",
				  "iti", (int64_t)c->id, o->name,
				  (int64_t)queue_class_option_get(c, o->given));
		if (!ret)
			ret = sql_finish(r, stmt, err);
	}
	return ret;
}

int registry_class_set(struct registry *r, const struct queue_class *c, struct dmsc_error *err)
{
	int ret = begin(r, err);

	return ret ? ret : end(r, write_class(r, c, err), err);
}

int registry_class_unset(struct registry *r, uint32_t id, struct dmsc_error *err)
{
	sqlite3_stmt *stmt;
	int ret = begin(r, err);

	if (ret)
		return ret;
	ret = sql_prepare(r, &stmt, err, "DELETE FROM classes WHERE id = ?", "i", (int64_t)id);
	if (!ret)
		ret = sql_finish(r, stmt, err);
	if (!ret)
		ret = drop_class_options(r, id, err);
	return end(r, ret, err);
}

/* What is stored by a name that is not known, or another release's, is passed over. */
static int read_class_options(struct registry *r, struct queue_class *c, struct dmsc_error *err)
{
	sqlite3_stmt *stmt;
	int ret, step;

	ret = sql_prepare(r, &stmt, err, "SELECT name, value FROM class_options WHERE id = ?", "i",
			  (int64_t)c->id);
	if (ret)
		return ret;
	while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
		for (int i = 0; i < QUEUE_CLASS_OPTIONS; i++) {
			const struct queue_class_option *o = &queue_class_options[i];

			if (!strcmp((const char *)sqlite3_column_text(stmt, 0), o->name))
				queue_class_option_set(c, o->given, sqlite3_column_int64(stmt, 1));
		}
	}
	if (step != SQLITE_DONE)
		ret = sql_fail(r, err, "cannot read");
	sqlite3_finalize(stmt);
	return ret;
}

int registry_class_get(struct registry *r, uint32_t id, struct queue_class *out,
		       struct dmsc_error *err)
{
	sqlite3_stmt *stmt;
	int ret, step;

	ret = sql_prepare(r, &stmt, err,
			  "SELECT mode, weight, share, lim, ecn FROM classes WHERE id = ?", "i",
			  (int64_t)id);
	if (ret)
		return ret;
	step = sqlite3_step(stmt);
	if (step == SQLITE_ROW) {
		memset(out, 0, sizeof(*out));
		out->id = id;
		out->mode = sqlite3_column_int64(stmt, 0);
		out->weight = sqlite3_column_int64(stmt, 1);
		out->share = sqlite3_column_int64(stmt, 2);
		out->limit = sqlite3_column_int64(stmt, 3);
		out->ecn = sqlite3_column_int64(stmt, 4);
	} else {
		ret = step == SQLITE_DONE ?
			      dmsc_fail(err, -ENOENT, "registry: class %u was never set", id) :
			      sql_fail(r, err, "cannot read");
	}
	sqlite3_finalize(stmt);
	return ret ? ret : read_class_options(r, out, err);
}

static int drop_queue(struct registry *r, const char *service, uint32_t class,
		      struct dmsc_error *err)
{
	sqlite3_stmt *stmt;
	int ret;

	ret = sql_prepare(r, &stmt, err, "DELETE FROM queue_options WHERE service = ? AND class = ?",
			  "ti", service, (int64_t)class);
	return ret ? ret : sql_finish(r, stmt, err);
}

int registry_queue_set(struct registry *r, const char *service, const struct queue_queue *q,
		       struct dmsc_error *err)
{
	sqlite3_stmt *stmt;
	int ret = begin(r, err);

	if (ret)
		return ret;
	ret = drop_queue(r, service, q->class, err);
	for (int i = 0; i < QUEUE_QUEUE_OPTIONS && !ret; i++) {
		const struct queue_queue_option *o = &queue_queue_options[i];

		if (!(q->given & o->given) || !o->kept)
			continue;
		ret = sql_prepare(r, &stmt, err,
				  "INSERT INTO queue_options (service, class, name, value)"
				  " VALUES (?, ?, ?, ?)",
				  "titi", service, (int64_t)q->class, o->name,
				  (int64_t)queue_queue_option_get(q, o->given));
		if (!ret)
			ret = sql_finish(r, stmt, err);
	}
	return end(r, ret, err);
}

/* What is stored by a name that is not known, or out of range, is passed over. */
static void take_queue_option(struct queue_queue *q, const char *name, int64_t value)
{
	for (int i = 0; i < QUEUE_QUEUE_OPTIONS; i++) {
		const struct queue_queue_option *o = &queue_queue_options[i];
		struct queue_queue one = { 0 };

		if (strcmp(name, o->name))
			continue;
		queue_queue_option_set(&one, o->given, value);
		if (value >= 0 && (uint64_t)value <= o->max && !queue_queue_check(&one, NULL))
			queue_queue_option_set(q, o->given, value);
	}
}

int registry_queues(struct registry *r, struct registry_queue **out, size_t *n,
		    struct dmsc_error *err)
{
	struct registry_queue *list = NULL, *last = NULL;
	char service[MODEL_NAME_LEN];
	sqlite3_stmt *stmt;
	size_t count = 0;
	uint32_t class;
	int ret, step;

	ret = sql_prepare(r, &stmt, err,
			  "SELECT service, class, name, value FROM queue_options"
			  " WHERE class >= 0 AND class < ? ORDER BY service, class",
			  "i", (int64_t)DMSC_NR_CLASSES);
	if (ret)
		return ret;
	while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
		column_str(stmt, 0, service, sizeof(service));
		class = sqlite3_column_int64(stmt, 1);
		if (!last || last->queue.class != class || strcmp(last->service, service)) {
			list = grow(list, count, sizeof(*list));
			if (!list) {
				sqlite3_finalize(stmt);
				return dmsc_fail(err, -ENOMEM, "registry: no memory");
			}
			last = &list[count++];
			memset(last, 0, sizeof(*last));
			strcpy(last->service, service);
			last->queue.class = class;
		}
		take_queue_option(&last->queue, (const char *)sqlite3_column_text(stmt, 2),
				  sqlite3_column_int64(stmt, 3));
	}
	ret = rows_end(r, stmt, step, list, err);
	if (!ret) {
		*out = list;
		*n = count;
	}
	return ret;
}
