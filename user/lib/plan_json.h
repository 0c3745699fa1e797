/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What writing and reading plans as JSON share. */
#ifndef DMSC_LIB_PLAN_JSON_H
#define DMSC_LIB_PLAN_JSON_H

#include <jansson.h>

#define PLAN_VERSION 1

/* Members of struct plan_totals; they have the same names in JSON. */
#define PLAN_TOTALS(x)                                                                           \
	x(tp_all_reduce_forward) x(tp_all_reduce_backward) x(tp_all_gather) x(tp_reduce_scatter) \
		x(dp_reduce_scatter) x(dp_all_gather) x(dp_all_reduce) x(pp_send_forward)        \
			x(pp_send_backward) x(ep_all_to_all)

/* The same; plans of the first writers lack them, which is 0. */
#define PLAN_TOTALS_LATER(x)                                                                     \
	x(pp_tensor_all_gather) x(pp_embedding_all_reduce) x(cp_all_gather) x(cp_reduce_scatter) \
		x(tp_all_to_all)

#define PLAN_KINDS 4
extern const char *const plan_kind_names[PLAN_KINDS]; /* by enum node_kind */
extern const char *const plan_op_names[3];	      /* by enum op_kind */

#endif /* DMSC_LIB_PLAN_JSON_H */
