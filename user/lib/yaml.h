/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * YAML files against a description of their fields, on libyaml's document API:
 * its marks give every message a line. All functions answer the first mistake
 * with "file:line: field: what, expected what" and -EINVAL.
 */
#ifndef DMSC_LIB_YAML_H
#define DMSC_LIB_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yaml.h>

#include "lib/error.h"
#include "lib/model.h"

#define YAML_FILE_MAX (4U << 20) /* bytes */

struct yaml_file {
	const char *name;
	char *text;
	yaml_document_t doc;
	struct dmsc_error *err;
};

enum yaml_type {
	YAML_NAME,    /* char[64]: letters, digits, ._-; becomes part of paths */
	YAML_HOSTS,   /* char[64]: a name, or "*" */
	YAML_TEXT,    /* char[], any text that fits with its final 0 */
	YAML_U64,     /* uint64_t in min..max */
	YAML_U32,     /* uint32_t in min..max */
	YAML_SIZE,    /* uint64_t, bytes: 4096, 16KiB, 1GB */
	YAML_RATE,    /* uint64_t, bit/s: 400Gbit, 10mbit */
	YAML_TIME,    /* uint64_t, ns: 200ms, 5us, 1.5s */
	YAML_NUMBER,  /* double in min..max, with k, M, G, T, P */
	YAML_BOOL,    /* bool */
	YAML_SUBTREE, /* yaml_node_t *: a mapping or sequence for the caller */
};

struct yaml_field {
	const char *key;
	enum yaml_type type;
	size_t offset, size; /* of the member in the struct, bytes */
	bool required;
	uint64_t min, max; /* of numbers */
};

/*
 * A field of a table, the only way to write one: offset and size come from the
 * member, and one that cannot hold what @kind writes there (a name in char[16],
 * 64 bits in a uint32_t) does not compile.
 */
#define YAML_FIELD(key, kind, type, member, required, min, max)   \
	{ key,                                                    \
	  kind,                                                   \
	  offsetof(type, member) + YAML_FITS(kind, type, member), \
	  sizeof(((type *)0)->member),                            \
	  required,                                               \
	  min,                                                    \
	  max }

#define YAML_IS(type, member, what) \
	__builtin_types_compatible_p(__typeof__(((type *)0)->member), what)

/* clang-format off */
#define YAML_HOLDS(kind, type, member)                                                          \
	((kind) == YAML_NAME || (kind) == YAML_HOSTS ? YAML_IS(type, member, char[MODEL_NAME_LEN]) : \
	 (kind) == YAML_TEXT                         ? YAML_IS(type, member, char[]) :          \
	 (kind) == YAML_U32                          ? YAML_IS(type, member, uint32_t) :        \
	 (kind) == YAML_NUMBER                       ? YAML_IS(type, member, double) :          \
	 (kind) == YAML_BOOL                         ? YAML_IS(type, member, bool) :            \
	 (kind) == YAML_SUBTREE                      ? YAML_IS(type, member, yaml_node_t *) :   \
						       YAML_IS(type, member, uint64_t))
/* clang-format on */

/* 0, or an array of negative size, which no compiler takes. */
#define YAML_FITS(kind, type, member) (sizeof(char[YAML_HOLDS(kind, type, member) ? 1 : -1]) - 1)

/* -errno when the file cannot be read or is not one YAML document; else to be closed. */
int yaml_open(struct yaml_file *f, const char *file, struct dmsc_error *err);
void yaml_close(struct yaml_file *f);
yaml_node_t *yaml_root(struct yaml_file *f);

/* Every key of mapping @node must be one of @fields; sets members of @base. */
int yaml_mapping(struct yaml_file *f, yaml_node_t *node, const char *where,
		 const struct yaml_field *fields, size_t nr_fields, void *base);

/* -EINVAL unless @node is a sequence of at most @max items. */
int yaml_sequence(struct yaml_file *f, yaml_node_t *node, const char *where, size_t max, size_t *n);
yaml_node_t *yaml_item(struct yaml_file *f, yaml_node_t *node, size_t i);
uint32_t yaml_line(const yaml_node_t *node);

/* The line of @key in mapping @node; of the mapping when it has none of that name. */
uint32_t yaml_key_line(struct yaml_file *f, yaml_node_t *node, const char *key);

int yaml_fail(struct yaml_file *f, uint32_t line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* "400Gbit" and the like; false: no rate. */
bool rate_parse(const char *text, uint64_t *bit_per_second);
bool time_parse(const char *text, uint64_t *ns);
bool size_parse(const char *text, uint64_t *bytes);

#endif /* DMSC_LIB_YAML_H */
