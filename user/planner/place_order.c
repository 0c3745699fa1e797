// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which hosts a job takes. The traffic between two hosts crosses the fewest
 * links when they share a leaf, then when they share a pod. So a job goes into
 * the smallest group of hosts below common leaves that holds all of it, else
 * into the smallest pod, else into as few pods as can be, the largest first;
 * and within, leaf by leaf. Where all are alike the file's order decides.
 */
#include <stdlib.h>

#include "lib/pieces.h"
#include "planner/internal.h"

struct place {
	uint32_t host, leaf, pod;     /* pieces: their first nodes */
	uint64_t leaf_gpus, pod_gpus; /* of the pieces, in whole tensor groups */
	uint8_t fits;		      /* 2: its leaves hold the job, 1: its pod does */
};

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->fits != y->fits)
		return x->fits > y->fits ? -1 : 1;
	if (x->fits == 2 && x->leaf_gpus != y->leaf_gpus)
		return x->leaf_gpus < y->leaf_gpus ? -1 : 1;
	if (x->pod_gpus != y->pod_gpus)
		return (x->pod_gpus < y->pod_gpus) == (x->fits > 0) ? -1 : 1;
	if (x->pod != y->pod)
		return x->pod < y->pod ? -1 : 1;
	if (x->leaf != y->leaf)
		return x->leaf < y->leaf ? -1 : 1;
	return x->host < y->host ? -1 : x->host > y->host;
}

static uint32_t usable(const struct plan *p, uint32_t host, uint32_t tensor)
{
	uint32_t gpus = p->topo.nodes[p->hosts[host].node].gpus;

	return gpus - gpus % tensor;
}

static void fill(const struct plan *p, uint32_t tensor, uint64_t gpus, struct place *places,
		 uint32_t *piece, uint64_t *sum)
{
	uint32_t h, tier;

	for (tier = NODE_SPINE; tier <= NODE_CORE; tier++) {
		pieces_make(&p->topo, tier, true, piece);
		for (h = 0; h < p->topo.nr_nodes; h++)
			sum[h] = 0;
		for (h = 0; h < p->nr_hosts; h++)
			sum[piece[p->hosts[h].node]] += usable(p, h, tensor);
		for (h = 0; h < p->nr_hosts; h++) {
			struct place *at = &places[h];
			uint32_t mine = piece[p->hosts[h].node];

			at->host = h;
			*(tier == NODE_SPINE ? &at->leaf : &at->pod) = mine;
			*(tier == NODE_SPINE ? &at->leaf_gpus : &at->pod_gpus) = sum[mine];
		}
	}
	for (h = 0; h < p->nr_hosts; h++)
		places[h].fits = places[h].leaf_gpus >= gpus ? 2 : places[h].pod_gpus >= gpus;
}

uint32_t *place_order(const struct plan *p, uint32_t tensor, uint64_t gpus)
{
	struct place *places = calloc(p->nr_hosts + 1, sizeof(*places));
	uint32_t *piece = calloc(p->topo.nr_nodes + 1, sizeof(*piece));
	uint64_t *sum = calloc(p->topo.nr_nodes + 1, sizeof(*sum));
	uint32_t *order = calloc(p->nr_hosts + 1, sizeof(*order)), h;

	if (places && piece && sum && order) {
		fill(p, tensor, gpus, places, piece, sum);
		qsort(places, p->nr_hosts, sizeof(*places), by_place);
		for (h = 0; h < p->nr_hosts; h++)
			order[h] = places[h].host;
	} else {
		free(order);
		order = NULL;
	}
	free(places);
	free(piece);
	free(sum);
	return order;
}
