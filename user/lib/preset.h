/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Well-known models, for the job file's key "preset". */
#ifndef DMSC_LIB_PRESET_H
#define DMSC_LIB_PRESET_H

#include "lib/model.h"

struct preset {
	const char *name;
	const char *source; /* where its figures come from, for people */
	struct job_model model;
};

/* One after the other; NULL behind the last one. */
const struct preset *preset_get(size_t i);

/* NULL: none of that name. Precisions are not a model's and left 0. */
const struct job_model *preset_find(const char *name);

/* All names with commas between them, cut to @size; returns @out. */
const char *preset_names(char *out, size_t size);

#endif /* DMSC_LIB_PRESET_H */
