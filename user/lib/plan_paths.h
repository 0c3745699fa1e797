/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths in plans: what they are, and which ones flows and groups are spread over. */
#ifndef DMSC_LIB_PLAN_PATHS_H
#define DMSC_LIB_PLAN_PATHS_H

#include <jansson.h>

#include "lib/model.h"

struct reader;

/* Members of the plan @o; after hosts and topology. */
int plan_read_paths(struct reader *r, json_t *o, struct plan *p);

/* "paths" of the flow @o, which is there. */
int plan_read_flow_ways(struct reader *r, json_t *o, struct plan *p, struct plan_flow *f);

/* "groups" of the plan @o, which may be missing; after instances and paths. */
int plan_read_groups(struct reader *r, json_t *o, struct plan *p);

/* An address of IPv6 at @key of @o; one that is missing leaves @out as it is. */
int plan_get_addr6(struct reader *r, json_t *o, const char *key, struct dmsc_addr *out);

/* An address of either family, written; *@ok becomes false when memory ran out. The address zero is left out. */
void plan_set_addr(json_t *o, const char *key, const struct dmsc_addr *a, bool *ok);
json_t *plan_path_json(const struct plan_path *path, bool *ok);
json_t *plan_ways_json(const struct plan *p, uint32_t first, uint32_t nr, bool *ok);
json_t *plan_groups_json(const struct plan *p, bool *ok);

#endif /* DMSC_LIB_PLAN_PATHS_H */
