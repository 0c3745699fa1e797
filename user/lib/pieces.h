/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a topology falls into when its upper switches are taken away. */
#ifndef DMSC_LIB_PIECES_H
#define DMSC_LIB_PIECES_H

#include "lib/model.h"

#define PIECES_WHOLE (NODE_CORE + 1) /* as @tier: nothing is taken away */

/**
 * pieces_make - the pieces without the switches of @tier and above
 * @hosts_join: whether a host joins the switches that it is linked to
 * @piece: by node: the first node of its piece (a switch that was taken away is its own)
 */
void pieces_make(const struct topology *t, int tier, bool hosts_join, uint32_t *piece);

#endif /* DMSC_LIB_PIECES_H */
