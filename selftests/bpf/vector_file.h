/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the vectors: the *.vec of selftests/bpf/vectors, whose format
 * test_vectors.c describes.
 */
#ifndef DMSC_SELFTESTS_VECTOR_FILE_H
#define DMSC_SELFTESTS_VECTOR_FILE_H

#include <glob.h>
#include <libgen.h>

#include "vector_config.h"

#define VECTOR_CASES 1024
#define CASE_LINES   4

struct vector_case {
	const char *file;
	int line;      /* of its packet */
	size_t config; /* index into configs[] */
	char *name;
	char *packet;
	char *runs[CASE_LINES];
	int nr_runs;
};

static struct vector_case cases[VECTOR_CASES];
static size_t nr_cases;
static char *configs[VECTOR_CASES]; /* their lines */
static size_t nr_configs;

static inline int words(char *line, char **out)
{
	char *save, *w;
	int n = 0;

	for (w = strtok_r(line, " \t\n", &save); w; w = strtok_r(NULL, " \t\n", &save)) {
		CHECK(n < VECTOR_WORDS, "too many words");
		out[n++] = w;
	}
	return n;
}

static inline char *copy(const char *text)
{
	char *s = strdup(text);

	if (!s)
		abort();
	return s;
}

static inline void append(char **to, const char *line)
{
	size_t len = *to ? strlen(*to) : 0;

	*to = realloc(*to, len + strlen(line) + 1);
	if (!*to)
		abort();
	strcpy(*to + len, line);
}

static inline const char *after(const char *line, const char *word)
{
	size_t n = strlen(word);

	return !strncmp(line, word, n) && (line[n] == ' ' || line[n] == '\n') ? line + n : NULL;
}

/* Returns false with a message when a line has no place. */
static inline bool read_file(const char *path)
{
	const char *file = copy(strrchr(path, '/') + 1), *p;
	struct vector_case *c = NULL;
	bool config = false;
	char text[1024];
	FILE *f = fopen(path, "re");
	int line = 0;

	while (f && fgets(text, sizeof(text), f)) {
		const char *s = text + strspn(text, " \t");

		line++;
		if (*s == '#' || *s == '\n')
			continue;
		if (after(s, "config")) {
			configs[nr_configs++] = copy("");
			config = true;
			continue;
		}
		p = after(s, "case");
		if (p && nr_cases < VECTOR_CASES && nr_configs) {
			c = &cases[nr_cases++];
			c->file = file;
			c->config = nr_configs - 1;
			c->name = copy(p + strspn(p, " "));
			c->name[strcspn(c->name, "\n")] = '\0';
			config = false;
		} else if (config) {
			append(&configs[nr_configs - 1], s);
		} else if (c && (p = after(s, "packet")) && !c->packet) {
			c->packet = copy(p);
			c->line = line;
		} else if (c && c->packet && (after(s, "egress") || after(s, "ingress")) &&
			   c->nr_runs < CASE_LINES) {
			c->runs[c->nr_runs++] = copy(s);
		} else {
			printf("Bail out! %s:%d: out of place: %s", file, line, s);
			return false;
		}
	}
	if (f)
		fclose(f);
	return f;
}

static inline void config_read(struct vector_config *config, size_t n)
{
	char *text = copy(configs[n]), *save, *line, *w[VECTOR_WORDS];

	vector_config_init(config);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		vector_config_line(config, w, words(line, w));
	free(text);
}

static inline void case_packet(const struct vector_case *c, struct frame *f)
{
	char *w[VECTOR_WORDS], *packet = copy(c->packet);

	vector_packet(f, w, words(packet, w));
	free(packet);
}

/* The vectors lie beside the source, wherever this runs from. */
static inline bool read_all(void)
{
	char dir[] = __FILE__, pattern[256];
	bool ok = true;
	glob_t g;

	snprintf(pattern, sizeof(pattern), "%s/vectors/*.vec", dirname(dir));
	if (glob(pattern, 0, NULL, &g)) {
		printf("Bail out! %s: nothing there; run this in the top folder of the tree\n",
		       pattern);
		return false;
	}
	for (size_t i = 0; i < g.gl_pathc && ok; i++)
		ok = read_file(g.gl_pathv[i]);
	globfree(&g);
	return ok;
}

#endif /* DMSC_SELFTESTS_VECTOR_FILE_H */
