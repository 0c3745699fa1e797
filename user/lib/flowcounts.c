// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/flowcounts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/textfile.h"

#define HASH_SIZE (4 * FLOWCOUNTS_MAX_FLOWS) /* names are at most two a line; a power of two */

struct source {
	struct textfile file;
	struct flowcounts *out;
	uint32_t *hash; /* of names: index + 1 */
	uint32_t room_lines, room_names;
	size_t room_counts;
};

static bool grow(void *list, uint32_t nr, uint32_t *room, size_t size)
{
	uint32_t more = *room ? 2 * *room : 64;
	void *grown;

	if (nr < *room)
		return true;
	grown = realloc(*(void **)list, more * size);
	if (!grown)
		return false;
	*(void **)list = grown;
	*room = more;
	return true;
}

/* -ENOMEM, or the name's number */
static int64_t number_of(struct source *s, const char *name)
{
	struct flowcounts *o = s->out;
	uint32_t h = 2166136261U, at; /* FNV-1a */
	const char *c;

	for (c = name; *c; c++)
		h = (h ^ (unsigned char)*c) * 16777619U;
	for (at = h & (HASH_SIZE - 1); s->hash[at]; at = (at + 1) & (HASH_SIZE - 1)) {
		if (!strcmp(o->names[s->hash[at] - 1], name))
			return s->hash[at] - 1;
	}
	if (!grow(&o->names, o->nr_names, &s->room_names, sizeof(*o->names)))
		return -ENOMEM;
	strcpy(o->names[o->nr_names++], name);
	s->hash[at] = o->nr_names;
	return o->nr_names - 1;
}

static int read_name(struct source *s, char **at, const char *field, uint32_t *out)
{
	struct textfile *f = &s->file;
	const char *word = textfile_word(at);
	int64_t n;

	if (!word)
		return textfile_fail(f, f->number,
				     "%s: missing, expected FROM TO here|away COUNT...", field);
	if (strlen(word) >= MODEL_NAME_LEN)
		return textfile_fail(f, f->number, "%s: '%.70s', expected up to 63 characters",
				     field, word);
	n = number_of(s, word);
	if (n < 0)
		return dmsc_fail(f->err, n, "%s: out of memory", f->name);
	*out = n;
	return 0;
}

static int read_counts(struct source *s, char *at)
{
	struct textfile *f = &s->file;
	struct flowcounts *o = s->out;
	size_t base = (size_t)o->nr * o->bins, n = 0;
	uint64_t value;
	char *word;

	while ((word = textfile_word(&at))) {
		if (!textfile_number(word, FLOWCOUNTS_MAX_COUNT, &value))
			return textfile_fail(f, f->number,
					     "count %zu: '%.40s', expected a whole number up to 2^50",
					     n + 1, word);
		if (base + n >= s->room_counts) {
			size_t room = s->room_counts ? 2 * s->room_counts : 4096;
			float *grown = realloc(o->counts, room * sizeof(*grown));

			if (!grown)
				return dmsc_fail(f->err, -ENOMEM, "%s: out of memory", f->name);
			o->counts = grown;
			s->room_counts = room;
		}
		o->counts[base + n++] = value;
	}
	if (!n || (o->nr && n != o->bins))
		return textfile_fail(f, f->number, "counts: %zu of them, expected %s%u", n,
				     o->nr ? "as many as in the first line, " : "at least ",
				     o->nr ? o->bins : 1);
	o->bins = n;
	return 0;
}

static int read_line(struct source *s)
{
	struct textfile *f = &s->file;
	struct flowcounts *o = s->out;
	struct flowcounts_line line = { .here = false };
	char *at = f->line, *word;
	int ret;

	at += strspn(at, " \t");
	if (!*at || *at == '#')
		return 0;
	if (o->nr == FLOWCOUNTS_MAX_FLOWS)
		return textfile_fail(f, f->number, "line: one more, expected at most %d",
				     FLOWCOUNTS_MAX_FLOWS);
	ret = read_name(s, &at, "FROM", &line.from);
	if (!ret)
		ret = read_name(s, &at, "TO", &line.to);
	if (ret)
		return ret;
	word = textfile_word(&at);
	if (!word || (strcmp(word, "here") && strcmp(word, "away")))
		return textfile_fail(f, f->number, "third word: '%.40s', expected here or away",
				     word ? word : "");
	line.here = !strcmp(word, "here");
	ret = read_counts(s, at);
	if (ret)
		return ret;
	if (!grow(&o->lines, o->nr, &s->room_lines, sizeof(*o->lines)))
		return dmsc_fail(f->err, -ENOMEM, "%s: out of memory", f->name);
	o->lines[o->nr++] = line;
	return 0;
}

int flowcounts_read(const char *file, struct flowcounts *out, struct dmsc_error *err)
{
	struct source s = { .out = out };
	int ret;

	memset(out, 0, sizeof(*out));
	ret = textfile_open(&s.file, file, err);
	if (ret)
		return ret;
	s.hash = calloc(HASH_SIZE, sizeof(*s.hash));
	ret = s.hash ? 1 : dmsc_fail(err, -ENOMEM, "%s: out of memory", file);
	while (ret > 0) {
		ret = textfile_next(&s.file);
		if (ret > 0 && read_line(&s))
			ret = -EINVAL;
	}
	if (!ret && !out->nr)
		ret = textfile_fail(&s.file, 1, "no lines, expected FROM TO here|away COUNT...");
	free(s.hash);
	textfile_close(&s.file);
	if (ret)
		flowcounts_free(out);
	return ret;
}

void flowcounts_free(struct flowcounts *f)
{
	free(f->lines);
	free(f->counts);
	free(f->names);
	memset(f, 0, sizeof(*f));
}
