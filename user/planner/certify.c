// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plan's certificate: the most loaded link, and a lower bound for it on any
 * topology. The bound is the largest over these cuts: take away all switches
 * of tier t and above; around each piece that is left (a host; hosts and their
 * leaves; a pod), what has to leave or enter it is divided by the rate of all
 * links that lead out of it. O(tiers * (flows + links)).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/pieces.h"
#include "planner/internal.h"

struct cuts {
	struct plan *p;
	uint32_t *piece;	 /* by node: its piece's first node */
	double *out, *in, *rate; /* by that node: bytes, bytes, bit/s */
};

static void make_pieces(struct cuts *c, int tier)
{
	uint32_t n = c->p->topo.nr_nodes;

	pieces_make(&c->p->topo, tier, true, c->piece);
	memset(c->out, 0, n * sizeof(*c->out));
	memset(c->in, 0, n * sizeof(*c->in));
	memset(c->rate, 0, n * sizeof(*c->rate));
}

/* What crosses the border of each piece, and the rate of the links over it. */
static void add_up(struct cuts *c)
{
	const struct plan *p = c->p;
	uint32_t i, a, b;

	for (i = 0; i < p->topo.nr_links; i++) {
		a = c->piece[p->topo.links[i].a];
		b = c->piece[p->topo.links[i].b];
		if (a == b)
			continue;
		c->rate[a] += p->topo.links[i].rate;
		c->rate[b] += p->topo.links[i].rate;
	}
	for (i = 0; i < p->nr_flows; i++) {
		a = p->hosts[p->instances[p->flows[i].src].host].node;
		b = p->hosts[p->instances[p->flows[i].dst].host].node;
		a = c->piece[a];
		b = c->piece[b];
		if (a == b)
			continue;
		c->out[a] += p->flows[i].bytes;
		c->in[b] += p->flows[i].bytes;
	}
}

/* "out of host3", "into the 4 hosts of host0" */
static void describe(const struct cuts *c, uint32_t piece, bool in, char *text, size_t size)
{
	const struct topology *t = &c->p->topo;
	uint32_t i, hosts = 0, first = 0;

	for (i = t->nr_nodes; i-- > 0;) {
		if (t->nodes[i].kind == NODE_HOST && c->piece[i] == piece) {
			hosts++;
			first = i;
		}
	}
	if (hosts == 1)
		snprintf(text, size, "%s %s", in ? "into" : "out of", t->nodes[first].name);
	else
		snprintf(text, size, "%s the %u hosts around %s", in ? "into" : "out of", hosts,
			 t->nodes[first].name);
}

static void largest(struct cuts *c)
{
	struct plan_certificate *cert = &c->p->certificate;
	uint32_t i;

	for (i = 0; i < c->p->topo.nr_nodes; i++) {
		double most = c->out[i] > c->in[i] ? c->out[i] : c->in[i];

		if (c->piece[i] != i || !(most > 0) || !(c->rate[i] > 0))
			continue;
		if (8 * most / c->rate[i] <= cert->bound)
			continue;
		cert->bound = 8 * most / c->rate[i];
		describe(c, i, c->in[i] > c->out[i], cert->cut, sizeof(cert->cut));
	}
}

static void find_worst(struct plan *p)
{
	uint32_t e;

	for (e = 0; e < 2 * p->topo.nr_links; e++) {
		double load = 8 * p->edge_load[e] / p->topo.links[e / 2].rate;

		if (load > p->certificate.worst) {
			p->certificate.worst = load;
			p->certificate.edge = e;
		}
	}
}

int plan_certify(struct plan *p, struct dmsc_error *err)
{
	struct cuts c = { .p = p };
	uint32_t n = p->topo.nr_nodes + 1, tier;
	int ret = 0;

	p->certificate =
		(struct plan_certificate){ .edge = MODEL_NONE, .core = p->certificate.core };
	c.piece = calloc(n, sizeof(*c.piece));
	c.out = calloc(n, sizeof(*c.out));
	c.in = calloc(n, sizeof(*c.in));
	c.rate = calloc(n, sizeof(*c.rate));
	if (!c.piece || !c.out || !c.in || !c.rate) {
		ret = dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	} else {
		find_worst(p);
		for (tier = NODE_LEAF; tier <= NODE_CORE; tier++) {
			make_pieces(&c, tier);
			add_up(&c);
			largest(&c);
		}
	}
	free(c.piece);
	free(c.out);
	free(c.in);
	free(c.rate);
	return ret;
}
