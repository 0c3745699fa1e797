// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/pieces.h"
#include "lib/topology_build.h"

#define FIRST_LOOPBACK 0xac100001U /* 172.16.0.1 */
#define FIRST_SUBNET   0x0a000000U /* 10.0.0.0 */

static struct dmsc_addr mapped(uint32_t host_order)
{
	struct dmsc_addr addr = { .b = { [10] = 0xff, [11] = 0xff } };
	uint32_t v4 = htonl(host_order);

	memcpy(addr.b + 12, &v4, 4);
	return addr;
}

void topo_build_begin(struct topo_builder *b, struct topology *topo)
{
	memset(b, 0, sizeof(*b));
	b->topo = topo;
}

static bool grow(struct topo_builder *b, void *array, uint32_t n, uint32_t *room, uint32_t max,
		 size_t size)
{
	void **p = array, *grown;
	uint32_t want = *room ? 2 * *room : 1024;

	if (b->failed)
		return false;
	if (n == max) {
		b->failed = true;
		b->too_large = true;
		return false;
	}
	if (n < *room)
		return true;
	grown = realloc(*p, want * size);
	if (!grown) {
		b->failed = true;
		return false;
	}
	*p = grown;
	*room = want;
	return true;
}

uint32_t topo_build_node(struct topo_builder *b, enum node_kind kind, uint32_t gpus, uint32_t line,
			 const char *fmt, ...)
{
	struct topology *t = b->topo;
	uint32_t room = b->room_nodes;
	struct topo_node *n;
	va_list ap;

	if (!grow(b, &b->degree, t->nr_nodes, &room, TOPO_MAX_NODES, sizeof(*b->degree)) ||
	    !grow(b, &t->nodes, t->nr_nodes, &b->room_nodes, TOPO_MAX_NODES, sizeof(*t->nodes)))
		return 0;
	b->degree[t->nr_nodes] = 0;
	n = &t->nodes[t->nr_nodes];
	memset(n, 0, sizeof(*n));
	n->kind = kind;
	n->gpus = gpus;
	n->line = line;
	n->addr = mapped(FIRST_LOOPBACK + t->nr_nodes);
	va_start(ap, fmt);
	vsnprintf(n->name, sizeof(n->name), fmt, ap);
	va_end(ap);
	return t->nr_nodes++;
}

static void name_interface(struct topo_builder *b, uint32_t node, char name[16])
{
	snprintf(name, 16, b->topo->nodes[node].kind == NODE_HOST ? "rail%u" : "p%u",
		 b->degree[node]++);
}

void topo_build_link(struct topo_builder *b, uint32_t low, uint32_t high, uint64_t rate,
		     uint32_t line)
{
	struct topology *t = b->topo;
	struct topo_link *l;

	if (!grow(b, &t->links, t->nr_links, &b->room_links, TOPO_MAX_LINKS, sizeof(*t->links)))
		return;
	l = &t->links[t->nr_links];
	*l = (struct topo_link){ .a = low,
				 .b = high,
				 .rate = rate,
				 .line = line,
				 .addr_a = mapped(FIRST_SUBNET + 2 * t->nr_links),
				 .addr_b = mapped(FIRST_SUBNET + 2 * t->nr_links + 1) };
	name_interface(b, low, l->if_a);
	name_interface(b, high, l->if_b);
	t->nr_links++;
}

/* Hosts do not forward: two reach each other when they have links into one piece of switches. */
int topo_find_cut_off(const struct topology *t, uint32_t *host)
{
	uint32_t *piece = calloc(t->nr_nodes + 1, sizeof(*piece)), first = MODEL_NONE, i;
	bool *near = calloc(t->nr_nodes + 1, sizeof(*near));
	bool *met = calloc(t->nr_nodes + 1, sizeof(*met));
	int ret = piece && near && met ? 0 : -ENOMEM;

	*host = MODEL_NONE;
	if (!ret)
		pieces_make(t, PIECES_WHOLE, false, piece);
	for (i = 0; !ret && i < t->nr_nodes && first == MODEL_NONE; i++) {
		if (t->nodes[i].kind == NODE_HOST)
			first = i;
	}
	for (i = 0; !ret && i < t->nr_links; i++) {
		if (t->links[i].a == first)
			near[piece[t->links[i].b]] = true;
	}
	for (i = 0; !ret && i < t->nr_links; i++) {
		if (near[piece[t->links[i].b]])
			met[t->links[i].a] = true;
	}
	for (i = 0; !ret && i < t->nr_nodes && *host == MODEL_NONE; i++) {
		if (t->nodes[i].kind == NODE_HOST && i != first && !met[i])
			*host = i;
	}
	free(piece);
	free(near);
	free(met);
	return ret;
}

static int by_name(const void *a, const void *b, void *nodes)
{
	const struct topo_node *n = nodes;

	return strcmp(n[*(const uint32_t *)a].name, n[*(const uint32_t *)b].name);
}

static int check_names(const struct topology *t, const char *where, struct dmsc_error *err)
{
	uint32_t *order = calloc(t->nr_nodes + 1, sizeof(*order)), i;
	int ret = 0;

	if (!order)
		return dmsc_fail(err, -ENOMEM, "out of memory");
	for (i = 0; i < t->nr_nodes; i++)
		order[i] = i;
	qsort_r(order, t->nr_nodes, sizeof(*order), by_name, t->nodes);
	for (i = 1; i < t->nr_nodes && !ret; i++) {
		if (!by_name(&order[i - 1], &order[i], t->nodes))
			ret = dmsc_fail(err, -EINVAL, "%s: two nodes are named '%s', expected one",
					where, t->nodes[order[i]].name);
	}
	free(order);
	return ret;
}

int topo_build_end(struct topo_builder *b, const char *where, struct dmsc_error *err)
{
	const struct topology *t = b->topo;
	uint32_t hosts = 0, first = MODEL_NONE, cut, i;
	int ret = 0;

	free(b->degree);
	for (i = 0; i < t->nr_nodes; i++) {
		hosts += t->nodes[i].kind == NODE_HOST;
		if (first == MODEL_NONE && hosts)
			first = i;
	}
	if (b->too_large || hosts > TOPO_MAX_HOSTS)
		return dmsc_fail(err, -EINVAL,
				 "%s: too large, expected at most %u hosts, %u nodes and %u links",
				 where, TOPO_MAX_HOSTS, TOPO_MAX_NODES, TOPO_MAX_LINKS);
	if (b->failed)
		return dmsc_fail(err, -ENOMEM, "out of memory");
	if (!hosts)
		return dmsc_fail(err, -EINVAL, "%s: no host, expected at least one", where);
	ret = check_names(t, where, err);
	if (ret)
		return ret;
	if (topo_find_cut_off(t, &cut))
		return dmsc_fail(err, -ENOMEM, "out of memory");
	if (cut != MODEL_NONE)
		return dmsc_fail(err, -EINVAL, "%s: no way from '%s' to '%s', expected one fabric",
				 where, t->nodes[first].name, t->nodes[cut].name);
	return 0;
}
