/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything a user hands in as a file. Every parser checks all it reads and
 * answers the first mistake with "file:line: field: what, expected what" and
 * -EINVAL (-errno when the file cannot be read); then *out is not touched.
 */
#ifndef DMSC_LIB_SPEC_H
#define DMSC_LIB_SPEC_H

#include "lib/error.h"
#include "lib/model.h"

int job_read(const char *file, struct job *out, struct dmsc_error *err);
int topology_read(const char *file, struct topology *out, struct dmsc_error *err);
/* Traffic of an iteration; workload_read() goes by the file's first line. */
int workload_read(const char *file, struct workload *out, struct dmsc_error *err);
int workload_read_aicb(const char *file, struct workload *out, struct dmsc_error *err);
int workload_read_simai(const char *file, struct workload *out, struct dmsc_error *err);

/* Plans as JSON (format: doc/plan-format.md); reading checks every index and range. */
int plan_write(const struct plan *p, const char *file, struct dmsc_error *err);
int plan_read(const char *file, struct plan *out, struct dmsc_error *err);
char *plan_to_text(const struct plan *p, struct dmsc_error *err); /* free() it */
int plan_from_text(const char *text, size_t len, struct plan *out, struct dmsc_error *err);

#endif /* DMSC_LIB_SPEC_H */
