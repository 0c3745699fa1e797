// SPDX-License-Identifier: GPL-2.0
#include "heap.h"

/* Both are roots or NULL. */
static struct dmsc_heap_node *meld(struct dmsc_heap_node *a, struct dmsc_heap_node *b)
{
	struct dmsc_heap_node *smaller = a, *larger = b;

	if (!a)
		return b;
	if (!b)
		return a;
	if (b->key < a->key) {
		smaller = b;
		larger = a;
	}
	larger->prev = smaller;
	larger->next = smaller->child;
	if (smaller->child)
		smaller->child->prev = larger;
	smaller->child = larger;
	return smaller;
}

/* Siblings become one heap: in pairs first, then the pairs from the last on. */
static struct dmsc_heap_node *meld_siblings(struct dmsc_heap_node *first)
{
	struct dmsc_heap_node *pairs = NULL, *a, *b;

	while (first) {
		a = first;
		b = a->next;
		first = b ? b->next : NULL;
		a->next = NULL;
		a->prev = NULL;
		if (b) {
			b->next = NULL;
			b->prev = NULL;
		}
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	for (a = NULL; pairs; pairs = b) {
		b = pairs->next;
		pairs->next = NULL;
		a = meld(a, pairs);
	}
	return a;
}

void dmsc_heap_add(struct dmsc_heap *h, struct dmsc_heap_node *n)
{
	n->child = NULL;
	n->next = NULL;
	n->prev = NULL;
	h->root = meld(h->root, n);
}

void dmsc_heap_remove(struct dmsc_heap *h, struct dmsc_heap_node *n)
{
	if (n == h->root) {
		h->root = meld_siblings(n->child);
		return;
	}
	if (n->prev->child == n)
		n->prev->child = n->next;
	else
		n->prev->next = n->next;
	if (n->next)
		n->next->prev = n->prev;
	h->root = meld(h->root, meld_siblings(n->child));
}

struct dmsc_heap_node *dmsc_heap_next(struct dmsc_heap_node *n)
{
	struct dmsc_heap_node *left;

	if (n->child)
		return n->child;
	while (n && !n->next) {
		/* up to the parent, past the siblings to the left */
		for (left = n->prev; left && left->child != n; left = n->prev)
			n = left;
		n = left;
	}
	return n ? n->next : NULL;
}
