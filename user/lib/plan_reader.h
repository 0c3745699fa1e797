/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Members of a plan's JSON objects, one by one: each is checked, and what is
 * wrong is said in one line. For plan_read.c and plan_paths.c.
 */
#ifndef DMSC_LIB_PLAN_READER_H
#define DMSC_LIB_PLAN_READER_H

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "lib/error.h"
#include "lib/model.h"

#define PLAN_MAX_ITEMS (64U << 20)

struct reader {
	const char *file;
	struct dmsc_error *err;
	char where[64];
};

static inline int bad(struct reader *r, const char *field, const char *expected)
{
	return dmsc_fail(r->err, -EINVAL, "%s: %s%s%s: expected %s", r->file, r->where,
			 *r->where && *field ? "." : "", field, expected);
}

static inline int get_int(struct reader *r, json_t *o, const char *key, uint64_t min, uint64_t max,
			  uint64_t *out)
{
	json_t *v = json_object_get(o, key);
	char text[80];

	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    (uint64_t)json_integer_value(v) < min || (uint64_t)json_integer_value(v) > max) {
		snprintf(text, sizeof(text), "a whole number, %llu to %llu",
			 (unsigned long long)min, (unsigned long long)max);
		return bad(r, key, text);
	}
	*out = json_integer_value(v);
	return 0;
}

static inline int get_u32(struct reader *r, json_t *o, const char *key, uint32_t max, uint32_t *out)
{
	uint64_t v = 0;
	int ret = get_int(r, o, key, 0, max, &v);

	if (!ret)
		*out = v;
	return ret;
}

/* An index below @n, or null for none where that is allowed. */
static inline int get_index(struct reader *r, json_t *o, const char *key, uint32_t n, bool none,
			    uint32_t *out)
{
	if (none && json_is_null(json_object_get(o, key))) {
		*out = MODEL_NONE;
		return 0;
	}
	if (!n)
		return bad(r, key, "an index of a list that is not empty");
	return get_u32(r, o, key, n - 1, out);
}

static inline bool has_controls(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return true;
	}
	return false;
}

static inline int get_text(struct reader *r, json_t *o, const char *key, char *out, size_t size)
{
	const char *s = json_string_value(json_object_get(o, key));

	if (!s || !*s || strlen(s) >= size || has_controls(s))
		return bad(r, key, "a text");
	strcpy(out, s);
	return 0;
}

static inline int get_real(struct reader *r, json_t *v, const char *field, double max, double *out)
{
	*out = json_number_value(v);
	if (!json_is_number(v) || !(*out >= 0 && *out <= max))
		return bad(r, field, max == 1 ? "a number, 0 to 1" : "a number, not negative");
	return 0;
}

/* A path below the cgroup root that cannot leave it. */
static inline int get_cgroup(struct reader *r, json_t *o, char *out, size_t size)
{
	int ret = get_text(r, o, "cgroup", out, size);

	if (!ret && (*out == '/' || strstr(out, "..")))
		return bad(r, "cgroup", "a relative path without '..'");
	return ret;
}

static inline int get_addr(struct reader *r, json_t *o, const char *key, struct dmsc_addr *out)
{
	const char *s = json_string_value(json_object_get(o, key));

	memset(out, 0, sizeof(*out));
	out->b[10] = 0xff;
	out->b[11] = 0xff;
	if (!s || inet_pton(AF_INET, s, out->b + 12) != 1)
		return bad(r, key, "an IPv4 address");
	return 0;
}

static inline int get_class(struct reader *r, json_t *o, uint8_t *out)
{
	const char *s = json_string_value(json_object_get(o, "class"));
	int c = s ? dmsc_class_parse(s) : -1;

	if (c < 0)
		return bad(r, "class", "the name of a class");
	*out = c;
	return 0;
}

static inline int get_array(struct reader *r, json_t *o, const char *key, size_t size, void *out,
			    uint32_t *n, json_t **array)
{
	r->where[0] = '\0';
	*array = json_object_get(o, key);
	if (!json_is_array(*array) || json_array_size(*array) > PLAN_MAX_ITEMS)
		return bad(r, key, "a list");
	*n = json_array_size(*array);
	*(void **)out = calloc(*n + 1, size);
	return *(void **)out ? 0 : dmsc_fail(r->err, -ENOMEM, "%s: out of memory", r->file);
}

static inline int find_name(const char *const *names, size_t n, const char *s)
{
	size_t i;

	for (i = 0; s && i < n; i++) {
		if (!strcmp(names[i], s))
			return i;
	}
	return -1;
}

#define AT(r, list, i) snprintf((r)->where, sizeof((r)->where), "%s[%u]", list, i)

#endif /* DMSC_LIB_PLAN_READER_H */
