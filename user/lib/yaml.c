// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "lib/model.h"
#include "lib/yaml.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define MAX_DEPTH      100
#define MAX_ANCHORS    1000
#define MAX_DIRECTIVES 10
#define MAX_NODES      500000 /* keys, values, lists; what 4 MiB of a topology hold */

int yaml_fail(struct yaml_file *f, uint32_t line, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return dmsc_fail(f->err, -EINVAL, "%s:%u: %s", f->name, line, text);
}

/* All of @in, however it is made (a pipe too), up to YAML_FILE_MAX bytes. */
static int read_text(struct yaml_file *f, FILE *in, size_t *len)
{
	size_t room = 0, n;
	char *grown;

	*len = 0;
	do {
		if (*len + 1 >= room) {
			room = room ? 2 * room : 16384;
			grown = realloc(f->text, room);
			if (!grown)
				return dmsc_fail(f->err, -ENOMEM, "%s: out of memory", f->name);
			f->text = grown;
		}
		n = fread(f->text + *len, 1, room - *len - 1, in);
		*len += n;
		if (*len > YAML_FILE_MAX)
			return yaml_fail(f, 1, "file: larger than expected, at most %u bytes",
					 YAML_FILE_MAX);
	} while (n);
	if (ferror(in))
		return dmsc_fail(f->err, -errno, "%s: %s", f->name, strerror(errno));
	return 0;
}

static int syntax_error(struct yaml_file *f, const yaml_parser_t *p)
{
	/* Errors of encoding have no mark, only an offset. */
	uint32_t line = p->problem_mark.line + 1;
	size_t i;

	if (p->error == YAML_READER_ERROR) {
		for (line = 1, i = 0; i < p->problem_offset; i++)
			line += f->text[i] == '\n';
	}
	return yaml_fail(f, line, "YAML: %s%s%s, expected valid YAML",
			 p->problem ? p->problem : "cannot be read", p->context ? ", " : "",
			 p->context ? p->context : "");
}

/*
 * libyaml handles all the directives of a document at once, in a time that
 * grows with their square, so they are counted before it sees them.
 */
static int check_directives(struct yaml_file *f, size_t len)
{
	uint32_t line = 1, directives = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		directives += f->text[i] == '%' && (!i || f->text[i - 1] == '\n');
		line += f->text[i] == '\n';
		if (directives > MAX_DIRECTIVES)
			return yaml_fail(f, line, "YAML: too many directives, expected at most %d",
					 MAX_DIRECTIVES);
	}
	return 0;
}

struct shape {
	uint32_t depth, anchors, nodes;
};

/* What the event adds to the document, against the bounds. */
static int check_event(struct yaml_file *f, const yaml_event_t *e, struct shape *shape)
{
	const yaml_char_t *anchor = NULL;

	switch (e->type) {
	case YAML_SEQUENCE_START_EVENT:
		anchor = e->data.sequence_start.anchor;
		shape->depth++;
		shape->nodes++;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = e->data.mapping_start.anchor;
		shape->depth++;
		shape->nodes++;
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		shape->depth--;
		break;
	case YAML_SCALAR_EVENT:
		anchor = e->data.scalar.anchor;
		shape->nodes++;
		break;
	default:
		break;
	}
	shape->anchors += anchor != NULL;
	if (shape->depth > MAX_DEPTH)
		return yaml_fail(f, e->start_mark.line + 1,
				 "YAML: nested too deep, expected at most %d levels", MAX_DEPTH);
	if (shape->anchors > MAX_ANCHORS)
		return yaml_fail(f, e->start_mark.line + 1,
				 "YAML: too many anchors, expected at most %d", MAX_ANCHORS);
	if (shape->nodes > MAX_NODES)
		return yaml_fail(f, e->start_mark.line + 1,
				 "YAML: too many keys and values, expected at most %d", MAX_NODES);
	return 0;
}

/*
 * libyaml's scanner and its document tree take a time that grows with the
 * square of nesting and anchors; a stream of events does not, when it is left
 * at the first one too many. No file of ours comes near these bounds.
 */
static int check_shape(struct yaml_file *f, size_t len)
{
	struct shape shape = { 0 };
	yaml_parser_t parser;
	yaml_event_t event;
	bool end = false;
	int ret;

	ret = check_directives(f, len);
	if (ret)
		return ret;
	if (!yaml_parser_initialize(&parser))
		return dmsc_fail(f->err, -ENOMEM, "%s: out of memory", f->name);
	yaml_parser_set_input_string(&parser, (const unsigned char *)f->text, len);
	while (!ret && !end) {
		if (!yaml_parser_parse(&parser, &event)) {
			ret = syntax_error(f, &parser);
			break;
		}
		end = event.type == YAML_STREAM_END_EVENT;
		ret = check_event(f, &event, &shape);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return ret;
}

static int load(struct yaml_file *f, size_t len)
{
	yaml_parser_t parser;
	yaml_document_t next;
	yaml_node_t *root;
	int ret = 0;

	if (!yaml_parser_initialize(&parser))
		return dmsc_fail(f->err, -ENOMEM, "%s: out of memory", f->name);
	yaml_parser_set_input_string(&parser, (const unsigned char *)f->text, len);
	if (!yaml_parser_load(&parser, &f->doc)) {
		ret = syntax_error(f, &parser);
		goto out;
	}
	if (!yaml_document_get_root_node(&f->doc)) {
		ret = yaml_fail(f, 1, "file: empty, expected a mapping");
	} else if (!yaml_parser_load(&parser, &next)) {
		ret = syntax_error(f, &parser);
	} else {
		root = yaml_document_get_root_node(&next);
		if (root)
			ret = yaml_fail(f, yaml_line(root), "file: a second document, expected one");
		yaml_document_delete(&next);
	}
	if (ret)
		yaml_document_delete(&f->doc);
out:
	yaml_parser_delete(&parser);
	return ret;
}

int yaml_open(struct yaml_file *f, const char *file, struct dmsc_error *err)
{
	struct stat st;
	size_t len;
	FILE *in;
	int ret;

	memset(f, 0, sizeof(*f));
	f->name = file;
	f->err = err;
	in = fopen(file, "re");
	if (!in)
		return dmsc_fail(err, -errno, "%s: %s", file, strerror(errno));
	if (fstat(fileno(in), &st) < 0 || S_ISDIR(st.st_mode)) {
		fclose(in);
		return dmsc_fail(err, -EISDIR, "%s: is not a file", file);
	}
	ret = read_text(f, in, &len);
	fclose(in);
	if (!ret)
		ret = check_shape(f, len);
	if (!ret)
		ret = load(f, len);
	if (ret)
		free(f->text);
	return ret;
}

void yaml_close(struct yaml_file *f)
{
	yaml_document_delete(&f->doc);
	free(f->text);
}

yaml_node_t *yaml_root(struct yaml_file *f)
{
	return yaml_document_get_root_node(&f->doc);
}

uint32_t yaml_line(const yaml_node_t *node)
{
	return node->start_mark.line + 1;
}

uint32_t yaml_key_line(struct yaml_file *f, yaml_node_t *node, const char *key)
{
	yaml_node_pair_t *pair;

	for (pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *k = yaml_document_get_node(&f->doc, pair->key);

		if (k->type == YAML_SCALAR_NODE && !strcmp((const char *)k->data.scalar.value, key))
			return yaml_line(k);
	}
	return yaml_line(node);
}

/* ---- scalars ---- */

struct unit {
	const char *name;
	double factor;
};

static bool with_unit(const char *text, const struct unit *units, size_t n, double *out)
{
	char *end;
	size_t i;

	if (!isdigit((unsigned char)text[0]) && text[0] != '.')
		return false;
	errno = 0;
	*out = strtod(text, &end);
	if (errno || !isfinite(*out))
		return false;
	for (i = 0; i < n; i++) {
		if (!strcasecmp(end, units[i].name)) {
			*out *= units[i].factor;
			return true;
		}
	}
	return false;
}

static bool to_u64(double v, uint64_t *out)
{
	if (!(v >= 0 && v < 18e18))
		return false;
	*out = (uint64_t)(v + 0.5);
	return true;
}

bool rate_parse(const char *text, uint64_t *out)
{
	static const struct unit units[] = {
		{ "bit", 1 }, { "kbit", 1e3 }, { "mbit", 1e6 }, { "gbit", 1e9 }, { "tbit", 1e12 },
	};
	double v;

	return with_unit(text, units, ARRAY_SIZE(units), &v) && to_u64(v, out);
}

bool time_parse(const char *text, uint64_t *out)
{
	static const struct unit units[] = {
		{ "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "min", 60e9 },
	};
	double v;

	return with_unit(text, units, ARRAY_SIZE(units), &v) && to_u64(v, out);
}

bool size_parse(const char *text, uint64_t *out)
{
	static const struct unit units[] = {
		{ "", 1 },
		{ "B", 1 },
		{ "kB", 1e3 },
		{ "MB", 1e6 },
		{ "GB", 1e9 },
		{ "TB", 1e12 },
		{ "PB", 1e15 },
		{ "KiB", 1024.0 },
		{ "MiB", 1048576.0 },
		{ "GiB", 1073741824.0 },
		{ "TiB", 1099511627776.0 },
	};
	double v;

	return with_unit(text, units, ARRAY_SIZE(units), &v) && to_u64(v, out);
}

static bool number_parse(const char *text, double *out)
{
	static const struct unit units[] = {
		{ "", 1 }, { "k", 1e3 }, { "M", 1e6 }, { "G", 1e9 }, { "T", 1e12 }, { "P", 1e15 },
	};

	return with_unit(text, units, ARRAY_SIZE(units), out);
}

static bool integer_parse(const char *text, uint64_t *out)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return !errno && !*end;
}

/* Names become folders and cgroups: none that leads elsewhere or looks like an option. */
static bool is_name(const char *s)
{
	if (!isalnum((unsigned char)*s) || strlen(s) >= MODEL_NAME_LEN || strstr(s, ".."))
		return false;
	for (; *s; s++) {
		if (!isalnum((unsigned char)*s) && !strchr("._-", *s))
			return false;
	}
	return true;
}

static int read_scalar(struct yaml_file *f, yaml_node_t *node, const char *name,
		       const struct yaml_field *field, void *member)
{
	static const char *const expected[] = {
		[YAML_NAME] = "a name of at most 63 letters, digits, '.', '_', '-'",
		[YAML_HOSTS] = "a host's name or \"*\"",
		[YAML_TEXT] = "a text",
		[YAML_U64] = "a whole number",
		[YAML_U32] = "a whole number",
		[YAML_SIZE] = "a size such as 4096, 16KiB, 1GB",
		[YAML_RATE] = "a rate such as 400Gbit",
		[YAML_TIME] = "a time such as 200ms, 5us, 1.5s",
		[YAML_NUMBER] = "a number such as 150T",
		[YAML_BOOL] = "true or false",
	};
	uint32_t line = yaml_line(node);
	uint64_t v = 0;
	const char *s;
	double d;
	bool ok;

	if (node->type != YAML_SCALAR_NODE)
		return yaml_fail(f, line, "%s: a %s, expected %s", name,
				 node->type == YAML_MAPPING_NODE ? "mapping" : "sequence",
				 expected[field->type]);
	s = (const char *)node->data.scalar.value;
	if (strlen(s) != node->data.scalar.length)
		return yaml_fail(f, line, "%s: holds a zero byte, expected %s", name,
				 expected[field->type]);
	switch (field->type) {
	case YAML_NAME:
	case YAML_HOSTS:
		ok = is_name(s) || (field->type == YAML_HOSTS && !strcmp(s, "*"));
		ok = ok && strlen(s) < field->size;
		if (ok)
			strcpy(member, s);
		break;
	case YAML_TEXT:
		ok = *s && strlen(s) < field->size;
		if (ok)
			strcpy(member, s);
		break;
	case YAML_NUMBER:
		ok = number_parse(s, &d);
		if (ok && (d < (double)field->min || d > (double)field->max))
			return yaml_fail(f, line, "%s: %.60s, expected %llu to %llu", name, s,
					 (unsigned long long)field->min,
					 (unsigned long long)field->max);
		if (ok)
			*(double *)member = d;
		break;
	case YAML_BOOL:
		ok = !strcmp(s, "true") || !strcmp(s, "false");
		*(bool *)member = !strcmp(s, "true");
		break;
	default:
		if (field->type == YAML_SIZE)
			ok = size_parse(s, &v);
		else if (field->type == YAML_RATE)
			ok = rate_parse(s, &v);
		else if (field->type == YAML_TIME)
			ok = time_parse(s, &v);
		else
			ok = integer_parse(s, &v);
		if (ok && (v < field->min || v > field->max))
			return yaml_fail(f, line, "%s: %.60s, expected %llu to %llu", name, s,
					 (unsigned long long)field->min,
					 (unsigned long long)field->max);
		if (field->type == YAML_U32)
			*(uint32_t *)member = v;
		else
			*(uint64_t *)member = v;
		break;
	}
	if (!ok)
		return yaml_fail(f, line, "%s: '%.60s', expected %s", name, s,
				 expected[field->type]);
	return 0;
}

static int unknown_key(struct yaml_file *f, uint32_t line, const char *name,
		       const struct yaml_field *fields, size_t n)
{
	char keys[240] = "";
	size_t i, len = 0;

	for (i = 0; i < n && len < sizeof(keys); i++)
		len += snprintf(keys + len, sizeof(keys) - len, "%s%s", i ? ", " : "",
				fields[i].key);
	return yaml_fail(f, line, "%s: unknown key, expected one of %s", name, keys);
}

int yaml_mapping(struct yaml_file *f, yaml_node_t *node, const char *where,
		 const struct yaml_field *fields, size_t nr_fields, void *base)
{
	char name[160];
	yaml_node_pair_t *pair;
	yaml_node_t *key, *value;
	uint64_t seen = 0;
	size_t i;
	int ret;

	if (node->type != YAML_MAPPING_NODE)
		return yaml_fail(f, yaml_line(node), "%s: a %s, expected a mapping",
				 *where ? where : "file",
				 node->type == YAML_SCALAR_NODE ? "value" : "sequence");
	for (pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
		key = yaml_document_get_node(&f->doc, pair->key);
		value = yaml_document_get_node(&f->doc, pair->value);
		if (key->type != YAML_SCALAR_NODE)
			return yaml_fail(f, yaml_line(key),
					 "%s: a key that is no word, expected one",
					 *where ? where : "file");
		snprintf(name, sizeof(name), "%s%s%.60s", where, *where ? "." : "",
			 (const char *)key->data.scalar.value);
		for (i = 0; i < nr_fields; i++) {
			if (strlen(fields[i].key) == key->data.scalar.length &&
			    !strcmp(fields[i].key, (const char *)key->data.scalar.value))
				break;
		}
		if (i == nr_fields)
			return unknown_key(f, yaml_line(key), name, fields, nr_fields);
		if (seen & (1ULL << i))
			return yaml_fail(f, yaml_line(key), "%s: given twice, expected once", name);
		seen |= 1ULL << i;
		if (fields[i].type == YAML_SUBTREE) {
			*(yaml_node_t **)((char *)base + fields[i].offset) = value;
			continue;
		}
		ret = read_scalar(f, value, name, &fields[i], (char *)base + fields[i].offset);
		if (ret)
			return ret;
	}
	for (i = 0; i < nr_fields; i++) {
		if (fields[i].required && !(seen & (1ULL << i)))
			return yaml_fail(f, yaml_line(node), "%s%s%s: missing, expected it here",
					 where, *where ? "." : "", fields[i].key);
	}
	return 0;
}

int yaml_sequence(struct yaml_file *f, yaml_node_t *node, const char *where, size_t max, size_t *n)
{
	if (node->type != YAML_SEQUENCE_NODE)
		return yaml_fail(f, yaml_line(node), "%s: no sequence, expected '- ...' items",
				 where);
	*n = node->data.sequence.items.top - node->data.sequence.items.start;
	if (*n > max)
		return yaml_fail(f, yaml_line(node), "%s: %zu items, expected at most %zu", where,
				 *n, max);
	return 0;
}

yaml_node_t *yaml_item(struct yaml_file *f, yaml_node_t *node, size_t i)
{
	return yaml_document_get_node(&f->doc, node->data.sequence.items.start[i]);
}
