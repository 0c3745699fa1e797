// SPDX-License-Identifier: GPL-2.0-or-later
#include "planner/granularity.h"

#define MESSAGE_NS \
	20000.0 /* to start a message: hand-over, system call, one way through a fabric */
#define TOLERANCE 0.02

struct cost {
	double messages;    /* that a rank sends, for each group of a pass */
	double gradients;   /* D */
	double beside;	    /* B */
	double computation; /* of an iteration, pipeline full */
	bool overlap;
};

/* bit/s that a GPU can count on, when its host's links are shared out. */
static double rank_rate(const struct topology *t)
{
	double rate = 0, gpus = 0;
	uint32_t i;

	for (i = 0; i < t->nr_nodes; i++)
		gpus += t->nodes[i].gpus;
	for (i = 0; i < t->nr_links; i++)
		rate += t->nodes[t->links[i].a].gpus ? t->links[i].rate : 0;
	return rate > 0 && gpus > 0 ? rate / gpus : 1e9;
}

static struct cost describe(const struct job *j, const struct stage *stages,
			    const struct topology *topo)
{
	const struct job_parallel *par = &j->par;
	uint32_t n = par->pipeline * par->interleave, u;
	double replicas = par->data * par->context, bytes = 0, backward = 0, forward = 0;
	struct cost c = { .overlap = par->overlap };

	for (u = 0; u < n; u++) {
		bytes += stages[u].params * (replicas - 1) / replicas;
		bytes += stages[u].expert_params * (1 - par->expert / replicas);
		backward += stages[u].backward_ns;
		forward += stages[u].forward_ns;
	}
	bytes *= j->model.grad_bytes * (par->zero ? 1 : 2) / (double)par->pipeline;
	c.gradients = bytes * 8e9 / rank_rate(topo);
	c.beside = backward / par->pipeline;
	c.computation = (forward + backward) / par->pipeline * par->micro_batches;
	/* A ring takes one message a rank, an all-to-all one for each other rank. */
	c.messages = (par->tensor > 1) + (par->expert - 1.0) + (par->context > 1) + (par->zero == 3);
	c.messages *= 2.0 * par->micro_batches * par->interleave;
	if (replicas > 1)
		c.messages += par->interleave * (1.0 + volume_gradient_rounds(j));
	return c;
}

static struct plan_choice weigh(const struct cost *c, uint32_t g)
{
	double tail = c->gradients / g, rest = c->gradients - c->beside * (g - 1) / g;
	double exposed = c->overlap ? (tail > rest ? tail : rest) : c->gradients;
	double overhead = MESSAGE_NS * c->messages * g;

	return (struct plan_choice){ g, overhead < 1e18 ? overhead : 1e18,
				     exposed < 1e18 ? exposed : 1e18 };
}

static double total(const struct plan_choice *c)
{
	return (double)c->overhead_ns + c->exposed_ns;
}

void granularity_choose(const struct job *j, const struct stage *stages,
			const struct topology *topo, struct plan_granularity *out)
{
	uint64_t most = j->model.layers / (j->par.pipeline * j->par.interleave), g;
	struct cost cost = describe(j, stages, topo);
	double best = 0, allowed;
	uint32_t i;

	*out = (struct plan_granularity){ .given = j->par.exchanges };
	for (g = 1; out->nr_choices < PLAN_CHOICES; g = 2 * g < most ? 2 * g : most) {
		struct plan_choice c = weigh(&cost, g);

		if (!out->nr_choices || total(&c) < best)
			best = total(&c);
		out->choices[out->nr_choices++] = c;
		if (g >= most)
			break;
	}
	allowed = best + TOLERANCE * (cost.computation + best);
	for (i = 0; total(&out->choices[i]) > allowed;)
		i++;
	out->exchanges = out->choices[i].exchanges;
	if (j->par.exchanges)
		out->exchanges = j->par.exchanges < most ? j->par.exchanges : most;
}
