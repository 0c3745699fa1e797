/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A heap of nodes that its users embed: the smallest key first. A pairing heap
 * (Fredman, Sedgewick, Sleator and Tarjan, Algorithmica 1986, section 2): adding
 * takes constant time, removing amortised logarithmic time, and a queue can be
 * in one without memory being allocated.
 */
#ifndef DMSC_CORE_HEAP_H
#define DMSC_CORE_HEAP_H

#include "shim.h"

struct dmsc_heap_node {
	u64 key;
	struct dmsc_heap_node *child;	/* the first */
	struct dmsc_heap_node *next;	/* sibling */
	struct dmsc_heap_node *prev;	/* sibling; parent of a first child; NULL: root */
};

struct dmsc_heap {
	struct dmsc_heap_node *root;	/* the smallest; NULL: empty */
};

/* @n is in no heap, its key is set. */
void dmsc_heap_add(struct dmsc_heap *h, struct dmsc_heap_node *n);

/* @n is in @h. */
void dmsc_heap_remove(struct dmsc_heap *h, struct dmsc_heap_node *n);

/* All nodes in some order, from @n = root on; NULL after the last. */
struct dmsc_heap_node *dmsc_heap_next(struct dmsc_heap_node *n);

#endif /* DMSC_CORE_HEAP_H */
