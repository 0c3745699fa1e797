// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * topo.csv of the Alibaba Lingjun data set: a line a host, "ip,DSW,PSW,ASW",
 * the switches above it. Names of ASWs count within their PSW, names of PSWs
 * within their DSW. Hosts are named by the first half of their hashed address.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/textfile.h"
#include "lib/topology_tree.h"

#define HOST_NAME_LEN 32

/* The switch of that path of names, made when it is new. */
static int find_switch(struct tree *t, uint32_t line, const char *field, const char *name,
		       uint32_t parent, uint32_t *index)
{
	*index = tree_find(t, name);
	if (*index != MODEL_NONE)
		return 0;
	if (tree_add(t, name, false, line, field, index))
		return -EINVAL;
	return parent == MODEL_NONE ? 0 : tree_hang(t, *index, parent, line, field);
}

static int read_line(struct tree *t, struct textfile *f)
{
	static const char *const fields[] = { "ip", "DSW", "PSW", "ASW" };
	char *value[4], *at = f->line, name[3 * MODEL_NAME_LEN], host[HOST_NAME_LEN + 1];
	uint32_t parent = MODEL_NONE, index;
	size_t len = 0;
	int i, ret;

	for (i = 0; i < 4; i++) {
		value[i] = at;
		at += strcspn(at, ",");
		if (at == value[i] || (i < 3) != (*at == ','))
			return textfile_fail(f, f->number,
					     "%s: missing or too much, expected ip,DSW,PSW,ASW",
					     fields[i]);
		*at++ = '\0';
		if (i && at - value[i] > 20)
			return textfile_fail(f, f->number,
					     "%s: '%.40s', expected at most 19 characters",
					     fields[i], value[i]);
	}
	for (i = 1; i < 4; i++) {
		len += snprintf(name + len, sizeof(name) - len, "%s%s", len ? "." : "", value[i]);
		ret = find_switch(t, f->number, fields[i], name, parent, &index);
		if (ret)
			return ret;
		parent = index;
	}
	snprintf(host, sizeof(host), "%.*s", HOST_NAME_LEN, value[0]);
	ret = tree_add(t, host, true, f->number, "ip", &index);
	return ret ? ret : tree_hang(t, index, parent, f->number, "ip");
}

int topology_import_lingjun(const char *file, const struct import_options *o, struct topology *t,
			    struct dmsc_error *err)
{
	struct tree tree = { .file = file, .err = err };
	struct textfile f;
	int ret = textfile_open(&f, file, err);

	if (ret)
		return ret;
	ret = textfile_next(&f);
	if (ret >= 0 && (!ret || strcmp(f.line, "ip,DSW,PSW,ASW")))
		ret = textfile_fail(&f, 1, "header: expected ip,DSW,PSW,ASW");
	while (ret >= 0 && (ret = textfile_next(&f)) > 0) {
		int line = *f.line ? read_line(&tree, &f) : 0;

		if (line)
			ret = line;
	}
	if (!ret)
		ret = tree_build(&tree, o, t);
	tree_free(&tree);
	textfile_close(&f);
	return ret;
}
