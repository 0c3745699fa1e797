/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trees of switches, as Slurm and the Lingjun data set describe clusters:
 * every host and switch has one way up. A link of a tree stands for all the
 * parallel links that there are, so its rate is the common one.
 */
#ifndef DMSC_LIB_TOPOLOGY_TREE_H
#define DMSC_LIB_TOPOLOGY_TREE_H

#include "lib/topology_build.h"

struct tree_entry {
	char name[MODEL_NAME_LEN];
	uint32_t line;
	uint32_t parent; /* its switch, MODEL_NONE: none yet */
	bool host;
};

struct tree {
	const char *file;
	struct tree_entry *entries;
	uint32_t nr, room;
	uint32_t *hash, hash_size; /* by name: entry + 1 */
	struct dmsc_error *err;
};

void tree_free(struct tree *t);

/*
 * A new entry; its name must be a name (letters, digits, ._-) and new.
 * @field: what to call it in messages
 */
int tree_add(struct tree *t, const char *name, bool host, uint32_t line, const char *field,
	     uint32_t *index);

/* The switch of that name, or MODEL_NONE. */
uint32_t tree_find(const struct tree *t, const char *name);

/* @child hangs below @parent; -EINVAL when it hangs somewhere already. */
int tree_hang(struct tree *t, uint32_t child, uint32_t parent, uint32_t line, const char *field);

/* The topology: circles, more than three tiers and several pieces are refused. */
int tree_build(struct tree *t, const struct import_options *o, struct topology *out);

/*
 * Slurm's host lists: "n[01-16,20],login". Calls @each for every name.
 * -EINVAL with "file:line: field: ..." for what is no list or too long.
 */
int hostlist_each(const char *file, uint32_t line, const char *field, const char *list,
		  int (*each)(void *arg, const char *name), void *arg, struct dmsc_error *err);

#endif /* DMSC_LIB_TOPOLOGY_TREE_H */
