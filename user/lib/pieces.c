// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/pieces.h"

static uint32_t first_of(uint32_t *piece, uint32_t n)
{
	while (piece[n] != n) {
		piece[n] = piece[piece[n]];
		n = piece[n];
	}
	return n;
}

void pieces_make(const struct topology *t, int tier, bool hosts_join, uint32_t *piece)
{
	uint32_t i;

	for (i = 0; i < t->nr_nodes; i++)
		piece[i] = i;
	for (i = 0; i < t->nr_links; i++) {
		int a = t->nodes[t->links[i].a].kind, b = t->nodes[t->links[i].b].kind;
		uint32_t x = first_of(piece, t->links[i].a), y = first_of(piece, t->links[i].b);

		if (a >= tier || b >= tier || (!hosts_join && a == NODE_HOST))
			continue;
		if (x < y)
			piece[y] = x;
		else
			piece[x] = y;
	}
	for (i = 0; i < t->nr_nodes; i++)
		piece[i] = first_of(piece, i);
}
