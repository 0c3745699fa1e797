// SPDX-License-Identifier: GPL-2.0-or-later
/* Plans: exact byte counts, steps that end, paths that exist, files that round-trip. */
#include <errno.h>

#include "lib/plan_steps.h"
#include "selftests/unit/plan_check.h"

/*
 * What crosses the wire is the totals times the factors of the exchanges, to
 * the byte: a ring's edges together carry 2(n-1) times an all-reduce's payload,
 * n-1 times that of the others, and so do all messages of an all-to-all.
 */
static void check_wire(const struct plan *p, const struct job_parallel *par)
{
	const struct plan_totals *n = &p->totals;
	uint64_t wire[DMSC_NR_CLASSES] = { 0 }, data, replicas = par->data * par->context;
	uint32_t i;

	for (i = 0; i < p->nr_flows; i++)
		wire[p->flows[i].class] += p->flows[i].bulk ? 0 : p->flows[i].bytes;
	assert_true(wire[DMSC_CLASS_TENSOR] ==
		    replicas * (par->tensor - 1) *
			    (2 * (n->tp_all_reduce_forward + n->tp_all_reduce_backward) +
			     n->tp_all_gather + n->tp_reduce_scatter + n->pp_tensor_all_gather));
	assert_true(wire[DMSC_CLASS_PIPELINE] ==
		    par->tensor * ((par->pipeline * par->interleave - 1) * replicas *
					   (n->pp_send_forward + n->pp_send_backward) +
				   par->data * (par->context - 1) *
					   (n->cp_all_gather + n->cp_reduce_scatter)));
	assert_true(wire[DMSC_CLASS_EXPERT] ==
		    par->tensor * (replicas / par->expert) * (par->expert - 1) * n->ep_all_to_all);
	/* Two ranks of each chain of stages, each the whole payload. */
	wire[DMSC_CLASS_DATA] -= par->tensor * replicas * 2 * n->pp_embedding_all_reduce;
	/* Experts have fewer replicas than the rest, so this is exact without them only. */
	data = par->tensor * (2 * n->dp_all_reduce + n->dp_reduce_scatter + n->dp_all_gather);
	if (par->expert == 1)
		assert_true(wire[DMSC_CLASS_DATA] == (replicas - 1) * data);
	else
		assert_true(wire[DMSC_CLASS_DATA] <= (replicas - 1) * data);
	assert_int_equal(wire[DMSC_CLASS_DATA] > 0, data > 0);
}

/* The figures of the papers' formulae for GPT-13B, tensor 8, data 16. */
static void test_reference(void **state)
{
	struct plan p = make_plan("examples/gpt13b-tp8-dp16.yaml", "examples/cluster16.yaml", NULL);
	uint64_t tensor = 0, data = 0;
	uint32_t i;

	(void)state;
	assert_true(p.totals.tp_all_reduce_forward == 1698693120);
	assert_true(p.totals.tp_all_reduce_backward == 1698693120);
	assert_true(p.totals.dp_reduce_scatter == 6422958080);
	assert_true(p.totals.dp_all_gather == 3211479040);
	assert_int_equal(p.nr_instances, 128);
	/* what goes over the wire: ring factors over all ranks of a group */
	for (i = 0; i < p.nr_flows; i++) {
		if (p.flows[i].class == DMSC_CLASS_TENSOR)
			tensor += p.flows[i].bytes;
		else
			data += p.flows[i].bytes;
	}
	assert_true(tensor == 16 * 2 * 7 * 2 * 1698693120ULL);
	assert_true(data == 8 * 15 * (6422958080ULL + 3211479040ULL));
	check_all(&p);
	plan_free(&p);
}

static void training_load(const struct plan *p, double *load)
{
	uint32_t i, k;

	memset(load, 0, 2 * p->topo.nr_links * sizeof(*load));
	for (i = 0; i < p->nr_flows; i++) {
		const struct plan_path *path = &p->paths[p->flows[i].path];

		for (k = 0;
		     !p->flows[i].bulk && p->flows[i].path != MODEL_NONE && k < path->nr_edges; k++)
			load[path->edges[k]] += p->flows[i].bytes * path->share[k];
	}
}

static void test_gpt13b(void **state)
{
	struct plan p = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL);
	double *load = calloc(2 * p.topo.nr_links, sizeof(*load)), worst = 0, least = 1e30;
	uint32_t i;

	(void)state;
	/* 8 micro-batches; payload of the layers does not depend on the pipeline */
	assert_true(p.totals.tp_all_reduce_forward == 8 * 1698693120ULL);
	/* the last stage has a copy of the embedding, of 32768 x 5120 in 8 parts */
	assert_true(p.totals.dp_reduce_scatter == 6422958080 + 4 * (32768 * 5120 / 8));
	assert_true(p.totals.pp_embedding_all_reduce == 4 * (32768 * 5120 / 8));
	/* each boundary is gathered in whole activations, forward and backward */
	assert_true(p.totals.pp_tensor_all_gather == 2 * 8 * 2ULL * 2048 * 5120);
	/* a boundary carries 2bsh / t a micro-batch */
	assert_true(p.totals.pp_send_forward == 8 * 2ULL * 2048 * 5120 / 8);
	check_all(&p);
	/* the rails of the hosts share the job's traffic evenly, both ways, whatever bulk does */
	training_load(&p, load);
	for (i = 0; i < 2 * p.topo.nr_links; i++) {
		if (p.topo.nodes[p.topo.links[i / 2].a].gpus == 0)
			continue;
		worst = load[i] > worst ? load[i] : worst;
		least = load[i] < least ? load[i] : least;
	}
	assert_true(worst < 1.1 * least);
	free(load);
	plan_free(&p);
}

/* A host with an idle rail sends its bulk over that one. */
static void test_bulk_apart(void **state)
{
	struct dmsc_error err;
	struct topology t;
	struct job j;
	struct plan p;
	uint32_t i, k, rail = 0, bulk = 0;

	(void)state;
	assert_int_equal(topology_read(EXAMPLE_TOPO, &t, &err), 0);
	assert_int_equal(job_read(EXAMPLE_JOB, &j, &err), 0);
	/* one ring over all ranks, so one flow leaves each host */
	j.par.tensor = 1;
	j.par.pipeline = 1;
	j.par.data = 32;
	if (plan_job(&j, &t, &p, &err))
		fail_msg("%s", err.text);
	for (i = 0; i < p.nr_flows; i++) {
		const struct plan_flow *f = &p.flows[i];

		if (f->path == MODEL_NONE || f->bulk)
			continue;
		rail++;
		for (k = 0; k < p.nr_flows; k++) {
			const struct plan_flow *g = &p.flows[k];

			if (!g->bulk || p.instances[g->src].host != p.instances[f->src].host)
				continue;
			assert_true(p.paths[g->path].link != p.paths[f->path].link);
			bulk++;
		}
	}
	assert_int_equal(rail, 4);
	assert_int_equal(bulk, 4);
	plan_free(&p);
	topology_free(&t);
	job_free(&j);
}

static void test_moe(void **state)
{
	struct plan p = make_plan("examples/moe.yaml", EXAMPLE_TOPO, NULL);
	uint64_t expert = 0, params;
	uint32_t i;

	(void)state;
	/* 4 all-to-alls a layer, 32 layers, 2 micro-batches, 2bshk/t bytes each */
	assert_true(p.totals.ep_all_to_all == 4 * 32 * 2 * (2ULL * 4096 * 4096 * 2 / 4));
	for (i = 0; i < p.nr_flows; i++)
		expert += p.flows[i].class == DMSC_CLASS_EXPERT ? p.flows[i].bytes : 0;
	/* of each, 7/8 go to others; 32 ranks */
	assert_true(expert == 32 * p.totals.ep_all_to_all / 8 * 7);
	/* An expert has one copy, so its gradients stay; what attention and router have: */
	params = 32 * (4ULL * 4096 * 4096 / 4 + 3 * 4096 / 4 + 6 * 4096 + 8 * 4096) +
		 32256ULL * 4096 / 4 + 4096 * 4096 + 2 * 4096;
	assert_true(p.totals.dp_reduce_scatter == 4 * params);
	assert_true(p.totals.dp_all_gather == 2 * params);
	check_all(&p);
	plan_free(&p);
}

static struct plan_totals totals_of(const struct job *j, const struct topology *t)
{
	struct plan_totals totals;
	struct dmsc_error err;
	struct plan p;

	if (plan_job(j, t, &p, &err))
		fail_msg("%s", err.text);
	check_all(&p);
	check_wire(&p, &j->par);
	totals = p.totals;
	plan_free(&p);
	return totals;
}

/* The variants' formulae (doc/decomposition.md), each against numbers. */
static void test_variants(void **state)
{
	const uint64_t s = 2ULL * 2048 * 5120, params = 1605739520;
	struct plan_totals n;
	struct dmsc_error err;
	struct topology t;
	struct job j;

	(void)state;
	assert_int_equal(topology_read("examples/cluster16.yaml", &t, &err), 0);
	assert_int_equal(job_read("examples/gpt13b-tp8-dp16.yaml", &j, &err), 0);
	j.par.recompute = RECOMPUTE_SELECTIVE;
	n = totals_of(&j, &t);
	assert_true(n.tp_all_reduce_backward == 81 * s);
	j.par.recompute = RECOMPUTE_FULL;
	n = totals_of(&j, &t);
	assert_true(n.tp_all_reduce_forward == 81 * s);
	assert_true(n.tp_all_reduce_backward == 161 * s);
	j.par.sequence_parallel = true;
	n = totals_of(&j, &t);
	assert_true(n.tp_all_gather == 8 * 40 * s && n.tp_reduce_scatter == 6 * 40 * s);
	j.par.recompute = RECOMPUTE_NONE;
	n = totals_of(&j, &t);
	assert_true(n.tp_all_gather == 6 * 40 * s && n.tp_reduce_scatter == 4 * 40 * s);
	assert_true(n.tp_all_reduce_forward == s && n.tp_all_reduce_backward == s);
	j.par.zero = 0;
	n = totals_of(&j, &t);
	assert_true(n.dp_all_reduce == 4 * params && !n.dp_reduce_scatter && !n.dp_all_gather);
	j.par.zero = 3;
	j.par.micro_batches = 2;
	n = totals_of(&j, &t);
	/* from ZeRO-2 on nobody keeps the gradients of a micro-batch */
	assert_true(n.dp_reduce_scatter == 2 * 4 * params && n.dp_all_gather == 2 * 2 * 2 * params);
	j.par.zero = 2;
	n = totals_of(&j, &t);
	assert_true(n.dp_reduce_scatter == 2 * 4 * params && n.dp_all_gather == 2 * params);
	/* three matrices instead of two, one more bias of a column-parallel layer */
	j.par.zero = 1;
	j.model.gated = true;
	n = totals_of(&j, &t);
	assert_true(n.dp_all_gather == 2 * (params + 40ULL * (5120 * 20480 / 8 + 20480 / 8)));
	j.model.gated = false;
	/* half the sequence a rank; keys and values of two micro-batches go round twice, their gradients once */
	j.par.context = 2;
	j.par.data = 8;
	j.par.sequence_parallel = false;
	n = totals_of(&j, &t);
	assert_true(n.tp_all_reduce_forward == 2 * 81 * s / 2);
	assert_true(n.dp_all_gather == 2 * params);
	assert_true(n.cp_reduce_scatter == 2 * 40 * 2 * (s / 8));
	assert_true(n.cp_all_gather == 2 * n.cp_reduce_scatter);
	/* buckets and overlap change when, not how much */
	j.par.bucket = 25 << 20;
	n = totals_of(&j, &t);
	assert_true(n.dp_reduce_scatter == 4 * params);
	j.par.overlap = false;
	n = totals_of(&j, &t);
	assert_true(n.dp_reduce_scatter == 4 * params);
	topology_free(&t);
	job_free(&j);
}

/* Messages of a class that instance @i sends. */
static uint32_t sends(const struct plan *p, uint32_t i, uint8_t class)
{
	uint32_t k, n = 0;

	for (k = p->op_start[i]; k < p->op_start[i + 1]; k++)
		n += p->ops[k].kind == OP_SEND && p->flows[p->ops[k].flow].class == class;
	return n;
}

/* A bucket is one exchange; without overlap they come when the backward pass is over. */
static void test_buckets(void **state)
{
	struct dmsc_error err;
	struct topology t;
	struct plan whole, cut;
	struct job j;

	(void)state;
	assert_int_equal(topology_read("examples/cluster16.yaml", &t, &err), 0);
	assert_int_equal(job_read("examples/gpt13b-tp8-dp16.yaml", &j, &err), 0);
	assert_int_equal(plan_job(&j, &t, &whole, &err), 0);
	j.par.bucket = 1 << 30;
	j.par.exchanges = 4;
	assert_int_equal(plan_job(&j, &t, &cut, &err), 0);
	/* 6.4 GB in GiB, and one all-gather for each of 4 exchanges */
	assert_int_equal(sends(&cut, 0, DMSC_CLASS_DATA), 6 + 4);
	assert_int_equal(whole.granularity.exchanges, 8);
	assert_int_equal(sends(&whole, 0, DMSC_CLASS_DATA), 8 + 8);
	plan_free(&cut);
	j.par.bucket = 0;
	j.par.exchanges = 0;
	j.par.overlap = false;
	assert_int_equal(plan_job(&j, &t, &cut, &err), 0);
	assert_true(cut.critical_path > whole.critical_path);
	plan_free(&cut);
	plan_free(&whole);
	topology_free(&t);
	job_free(&j);
}

/*
 * [M21] section 2.2: the bubble of v chunks a stage is a v-th of that of one,
 * whatever the schedule does in between.
 */
static void test_bubble(void **state)
{
	uint64_t ideal, time[3];
	struct dmsc_error err;
	struct topology t;
	struct plan p;
	struct job j;
	uint32_t i;

	(void)state;
	assert_int_equal(topology_read(EXAMPLE_TOPO, &t, &err), 0);
	assert_int_equal(job_read(EXAMPLE_JOB, &j, &err), 0);
	/* hardly anything to move: short sequences, one rank a stage, no vocabulary */
	j.par.tensor = 1;
	j.par.data = 1;
	j.par.pipeline = 4;
	j.model.sequence = 1;
	j.model.vocabulary = 1;
	j.gpu_flops = 1e9;
	j.nr_bulk = 0;
	for (i = 0; i < 3; i++) {
		/* 40 layers are 4 stages of 1, 2 or 5 chunks */
		j.par.interleave = (const uint32_t[]){ 1, 2, 5 }[i];
		assert_int_equal(plan_job(&j, &t, &p, &err), 0);
		check_all(&p);
		time[i] = p.critical_path;
		plan_free(&p);
	}
	/* (m + (p - 1) / v) forward and backward passes of a quarter of the model */
	ideal = (time[0] * 8) / (8 + 3);
	assert_in_range(time[1], (ideal * (16 + 3) / 16) * 99 / 100,
			(ideal * (16 + 3) / 16) * 101 / 100);
	assert_in_range(time[2], (ideal * (40 + 3) / 40) * 99 / 100,
			(ideal * (40 + 3) / 40) * 101 / 100);
	topology_free(&t);
	job_free(&j);
}

/* The steps of the critical path follow each other and add up to its length. */
static void test_critical(void **state)
{
	static const char *const jobs[] = { EXAMPLE_JOB, "examples/moe.yaml" };
	uint32_t i, k, zero;
	struct plan p;
	double sum;

	(void)state;
	for (k = 0; k < 2; k++) {
		p = make_plan(jobs[k], EXAMPLE_TOPO, NULL);
		for (sum = 0, i = 0; i < p.nr_critical; i++)
			sum += plan_step_ns(&p, plan_local_rate(&p), &p.ops[p.critical[i]]);
		/* Each step is rounded down to a nanosecond. */
		assert_true(sum >= p.critical_path && sum < p.critical_path + p.nr_critical);
		/* Flows on it have no slack; nobody's is negative, and somebody has some. */
		for (i = 0; i < p.nr_critical; i++) {
			const struct plan_op *op = &p.ops[p.critical[i]];

			if (op->kind != OP_COMPUTE)
				assert_int_equal(p.flows[op->flow].slack, 0);
		}
		for (i = 0, zero = 0; i < p.nr_flows; i++)
			zero += !p.flows[i].bulk && p.flows[i].slack == 0;
		assert_true(zero > 0 && zero < p.nr_flows);
		plan_free(&p);
	}
}

/* The length of the iteration when step @late ends @delay ns later than it could. */
static uint64_t replay(const struct plan *p, uint32_t late, int64_t delay)
{
	uint32_t *peer = calloc(p->nr_ops, sizeof(*peer)),
		 *order = calloc(p->nr_ops, sizeof(*order));
	int64_t *end = calloc(p->nr_ops, sizeof(*end)), length = 0;
	uint64_t local = plan_local_rate(p);
	uint32_t n, i, k, flow;

	assert_int_equal(plan_match(p, peer, &flow), 0);
	assert_int_equal(plan_order(p, peer, order), 0);
	for (n = 0; n < p->nr_ops; n++) {
		const struct plan_op *op = &p->ops[i = order[n]];

		for (k = op->first_dep; k < op->first_dep + op->nr_deps; k++)
			end[i] = end[p->deps[k]] > end[i] ? end[p->deps[k]] : end[i];
		if (op->kind == OP_RECV && end[peer[i]] > end[i])
			end[i] = end[peer[i]];
		end[i] += (int64_t)plan_step_ns(p, local, op) + (i == late ? delay : 0);
		if (op->kind == OP_COMPUTE || !p->flows[op->flow].bulk)
			length = end[i] > length ? end[i] : length;
	}
	free(peer);
	free(order);
	free(end);
	return length;
}

/* The longest iteration when any one message of flow @f ends @delay ns later. */
static uint64_t late_alone(const struct plan *p, uint32_t f, int64_t delay)
{
	uint64_t length = 0, l;
	uint32_t i;

	for (i = 0; i < p->nr_ops; i++) {
		if (p->ops[i].kind != OP_SEND || p->ops[i].flow != f)
			continue;
		l = replay(p, i, delay);
		length = l > length ? l : length;
	}
	return length;
}

/*
 * A flow that is late by its slack makes no iteration longer, by more it does:
 * with the steps carried out, not by the formula that the planner uses.
 */
static void test_slack_holds(void **state)
{
	struct plan p = make_plan("examples/moe.yaml", EXAMPLE_TOPO, NULL);
	uint64_t length = p.critical_path;
	uint32_t f, tried = 0;

	(void)state;
	assert_true(replay(&p, MODEL_NONE, 0) == length);
	for (f = 0; f < p.nr_flows; f++) {
		if (p.flows[f].bulk || p.flows[f].slack <= 0 || f % 7)
			continue;
		assert_true(late_alone(&p, f, p.flows[f].slack) <= length);
		assert_true(late_alone(&p, f, p.flows[f].slack + 1000) > length);
		tried++;
	}
	assert_true(tried > 0);
	plan_free(&p);
}

/*
 * A tensor group as one instance: the same bytes between hosts, none inside,
 * the same time of an iteration but for what several links of a host carry.
 */
static void test_groups(void **state)
{
	static const char *const jobs[] = { EXAMPLE_JOB, "examples/moe.yaml" };
	uint64_t wire[2][DMSC_NR_CLASSES];
	struct dmsc_error err;
	struct topology t;
	struct plan p[2];
	struct job j;
	uint32_t i, k, c;

	(void)state;
	assert_int_equal(topology_read(EXAMPLE_TOPO, &t, &err), 0);
	for (i = 0; i < 2; i++) {
		assert_int_equal(job_read(jobs[i], &j, &err), 0);
		memset(wire, 0, sizeof(wire));
		for (k = 0; k < 2; k++) {
			j.par.instances = k ? INSTANCES_GROUP : INSTANCES_RANK;
			if (plan_job(&j, &t, &p[k], &err))
				fail_msg("%s", err.text);
			check_all(&p[k]);
			for (c = 0; c < p[k].nr_flows; c++)
				wire[k][p[k].flows[c].class] += p[k].flows[c].bytes;
		}
		for (c = 0; c < DMSC_NR_CLASSES; c++)
			assert_true(wire[1][c] == (c == DMSC_CLASS_TENSOR ? 0 : wire[0][c]));
		assert_memory_equal(&p[0].totals, &p[1].totals, sizeof(p[0].totals));
		assert_true(p[1].critical_path >= p[0].critical_path);
		assert_true(p[1].nr_ops < p[0].nr_ops);
		/* each has the GPUs of its ranks */
		assert_int_equal(p[1].instances[1].gpu, p[0].instances[j.par.tensor].gpu);
		plan_free(&p[0]);
		plan_free(&p[1]);
		job_free(&j);
	}
	topology_free(&t);
}

static void test_deterministic(void **state)
{
	struct plan a = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL);
	struct plan b = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL);
	char *x = plan_to_text(&a, NULL), *y = plan_to_text(&b, NULL);

	(void)state;
	assert_string_equal(x, y);
	free(x);
	free(y);
	plan_free(&a);
	plan_free(&b);
}

/* All ways of parallelism that fit 32 GPUs plan, and their plans can be carried out. */
static void test_grid(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 4, 8 };
	struct dmsc_error err;
	struct topology t;
	struct job j;
	struct plan p;
	uint32_t k, n = 0;

	(void)state;
	assert_int_equal(topology_read(EXAMPLE_TOPO, &t, &err), 0);
	assert_int_equal(job_read("examples/moe.yaml", &j, &err), 0);
	for (k = 0; k < 4 * 4 * 4 * 4 * 2 * 2; k++) {
		struct job_parallel *par = &j.par;

		par->tensor = sizes[k % 4];
		par->pipeline = sizes[k / 4 % 4];
		par->data = sizes[k / 16 % 4];
		par->zero = k / 64 % 4;
		par->context = 1 + k / 256 % 2;
		par->interleave = 1 + k / 512 % 2;
		par->expert = par->data > 2 ? par->data * par->context / 2 : 1;
		par->micro_batches = par->interleave > 1 ? par->pipeline : 2;
		par->sequence_parallel = par->zero & 1;
		par->recompute = par->zero & 2 ? RECOMPUTE_FULL : RECOMPUTE_NONE;
		par->overlap = par->zero != 2;
		par->scatter_gather = k % 3;
		if (par->tensor * par->pipeline * par->data * par->context > 32 ||
		    (par->pipeline > 1 && par->zero == 3) ||
		    (par->pipeline == 1 && par->interleave > 1))
			continue;
		if (plan_job(&j, &t, &p, &err))
			fail_msg("%s", err.text);
		run_plan(&p);
		check_paths(&p);
		check_wire(&p, par);
		if (n % 16 == 0)
			check_all(&p);
		plan_free(&p);
		n++;
	}
	assert_true(n > 300);
	topology_free(&t);
	job_free(&j);
}

static void refused(struct job *j, const struct topology *t, const char *why)
{
	struct dmsc_error err = { "" };
	struct plan p;

	assert_int_equal(plan_job(j, t, &p, &err), -EINVAL);
	if (!strstr(err.text, why) || strchr(err.text, '\n'))
		fail_msg("'%s' does not say '%s' on one line", err.text, why);
}

static void test_refusals(void **state)
{
	struct job_sid sid = { .sid = 65537, .line = 77 };
	struct topology t, big;
	struct dmsc_error err;
	struct job j;

	(void)state;
	assert_int_equal(topology_read(EXAMPLE_TOPO, &t, &err), 0);
	assert_int_equal(topology_read("examples/cluster16.yaml", &big, &err), 0);
	assert_int_equal(job_read(EXAMPLE_JOB, &j, &err), 0);
	j.sids = &sid;
	j.par.data = 16;
	refused(&j, &t, "gpt13b.yaml:13: parallel: tensor 8 x pipeline 2 x data 16 needs 256 GPUs");
	j.par.data = 2;
	j.par.tensor = 16;
	refused(&j, &t, "a tensor group stays inside one host");
	j.par.tensor = 8;
	strcpy(j.bulk[0].to, "nowhere");
	refused(&j, &t, "gpt13b.yaml:22: bulk.to: 'nowhere', expected a host of topology cluster4");
	strcpy(j.bulk[0].to, "store0");
	/* sums that 64 bits do not hold */
	j.model.layers = 100000;
	j.model.hidden = 1 << 20;
	j.model.ffn = 1 << 22;
	j.par.micro_batches = 4096;
	refused(&j, &t, "gpt13b.yaml:5: model: ");
	j.model.hidden = 5120;
	j.model.ffn = 20480;
	j.model.layers = 40;
	j.model.hidden = 8;
	j.model.ffn = 1 << 22;
	j.model.layers = 4000;
	j.model.sequence = 1 << 24;
	j.gpu_flops = 1e9;
	refused(&j, &t, "gpt13b.yaml:20: gpu_flops: 1e+09, expected more");
	j.gpu_flops = 150e12;
	j.model.hidden = 5120;
	j.model.ffn = 20480;
	j.model.layers = 40;
	j.model.sequence = 2048;
	j.par.micro_batches = 8;
	/* names that do not fit are not cut */
	memset(j.name, 'x', MODEL_NAME_LEN - 1);
	refused(&j, &t, "gpt13b.yaml:4: name: 'xxxxx");
	strcpy(j.name, "gpt13b");
	strcpy(j.bulk[0].from, "store0");
	refused(&j, &t, "gpt13b.yaml:22: bulk.to: 'store0', expected a host other than");
	strcpy(j.bulk[0].from, "*");
	j.first_sid = UINT32_MAX - 40;
	refused(&j, &t, "gpt13b.yaml:4: first_sid: 4294967255, expected at most 4294967254 for 42");
	j.first_sid = 65536;
	j.nr_sids = 1;
	strcpy(sid.instance, "gpt13b.pp9.dp0.tp0");
	refused(&j, &t, "gpt13b.yaml:77: sids.instance: 'gpt13b.pp9.dp0.tp0', expected an instance");
	strcpy(sid.instance, "gpt13b.pp0.dp0.tp0");
	refused(&j, &t,
		"gpt13b.yaml:77: sids.sid: 65537 of gpt13b.pp0.dp0.tp0 is handed out to gpt13b.pp0.dp0.tp1");
	j.nr_sids = 0;
	/* more steps than anybody could carry out */
	j.par.micro_batches = 4096;
	j.par.data = 8;
	j.model.sequence = 1;
	j.model.layers = 40;
	refused(&j, &big, "gpt13b.yaml:13: parallel: more than 4194304 steps");
	j.par.micro_batches = 8;
	j.par.data = 2;
	j.model.sequence = 2048;
	j.par.bucket = 4096;
	refused(&j, &t, "gpt13b.yaml:13: parallel: more than 4194304 steps");
	j.par.bucket = 0;
	/* a fabric in two pieces */
	t.nr_links = 4;
	refused(&j, &t, "no path from");
	topology_free(&t);
	topology_free(&big);
	j.sids = NULL;
	job_free(&j);
}

static void test_sids(void **state)
{
	struct job_sid sids[] = { { "gpt13b.loading.store0.tx", 7, 1 },
				  { "gpt13b.pp0.dp0.tp0", 9, 2 } };
	struct dmsc_error err;
	struct topology t;
	struct plan p;
	struct job j;

	(void)state;
	assert_int_equal(topology_read(EXAMPLE_TOPO, &t, &err), 0);
	assert_int_equal(job_read(EXAMPLE_JOB, &j, &err), 0);
	j.sids = sids;
	j.nr_sids = 2;
	if (plan_job(&j, &t, &p, &err))
		fail_msg("%s", err.text);
	assert_int_equal(p.instances[0].sid, 9);
	assert_int_equal(p.instances[1].sid, 65537);
	check_instances(&p);
	j.sids = NULL;
	plan_free(&p);
	topology_free(&t);
	job_free(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference),   cmocka_unit_test(test_gpt13b),
		cmocka_unit_test(test_moe),	    cmocka_unit_test(test_deterministic),
		cmocka_unit_test(test_grid),	    cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_variants),    cmocka_unit_test(test_sids),
		cmocka_unit_test(test_bulk_apart),  cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_bubble),	    cmocka_unit_test(test_critical),
		cmocka_unit_test(test_slack_holds), cmocka_unit_test(test_groups),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
