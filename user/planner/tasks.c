// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A task graph to microservices: a task is a MIC and its instances are spread
 * over the hosts; an instance receives all that its task waits for, computes,
 * and sends all that others wait for. Placement goes along the graph and puts
 * each instance where most of its bytes already are, within what a host holds.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/taskgraph.h"
#include "planner/internal.h"

struct layout {
	struct builder b;
	const struct job *job;
	const struct taskgraph *g;
	uint32_t *order;	       /* of the tasks */
	uint32_t *first;	       /* by task: its first instance */
	uint32_t *free_gpus;	       /* by host */
	uint32_t *next_gpu;	       /* by host */
	uint32_t *load;		       /* by host: instances without GPUs */
	uint32_t most;		       /* of those on one host */
	double *near;		       /* by host: bytes of the current task that come from there */
	uint32_t *incoming, *outgoing; /* by task: its first flow + 1 */
	uint32_t *next_in, *next_out;  /* by flow: the next one + 1, in the file's order */
};

/* Messages of a flow; they all count in 32 bits once expect_size() has seen them. */
static uint64_t parts(const struct taskgraph *g, const struct task_flow *f)
{
	uint64_t from = g->tasks[f->from].instances, to = g->tasks[f->to].instances;

	return f->pairs ? from : from * to;
}

/* What instance @i of the one task sends instance @k of the other. */
static uint64_t share(const struct taskgraph *g, const struct task_flow *f, uint32_t i, uint32_t k)
{
	if (f->pairs)
		return i == k ? ring_share(f->bytes, 1, i, parts(g, f)) : 0;
	return ring_share(f->bytes, 1, i * g->tasks[f->to].instances + k, parts(g, f));
}

static void link_flows(struct layout *x)
{
	uint32_t i;

	for (i = x->g->nr_flows; i-- > 0;) {
		x->next_in[i] = x->incoming[x->g->flows[i].to];
		x->incoming[x->g->flows[i].to] = i + 1;
		x->next_out[i] = x->outgoing[x->g->flows[i].from];
		x->outgoing[x->g->flows[i].from] = i + 1;
	}
}

/* Bytes for instance @k of the task from each host; the same for all @k unless flows go by pairs. */
static void find_near(struct layout *x, uint32_t task, uint32_t k)
{
	const struct plan *p = x->b.plan;
	uint32_t f, i;

	memset(x->near, 0, p->nr_hosts * sizeof(*x->near));
	for (f = x->incoming[task]; f; f = x->next_in[f - 1]) {
		const struct task_flow *flow = &x->g->flows[f - 1];
		uint32_t from = x->first[flow->from], n = x->g->tasks[flow->from].instances;
		double bytes = (double)flow->bytes / parts(x->g, flow);

		for (i = flow->pairs ? k : 0; i < (flow->pairs ? k + 1 : n); i++)
			x->near[p->instances[from + i].host] += bytes;
	}
}

static bool has_room(const struct layout *x, const struct task *t, uint32_t host)
{
	return t->gpus ? x->free_gpus[host] >= t->gpus : x->load[host] < x->most;
}

static uint32_t load_of(const struct layout *x, const struct task *t, uint32_t host)
{
	return t->gpus ? x->next_gpu[host] : x->load[host];
}

static uint32_t named_host(const struct plan *p, const char *name)
{
	uint32_t h;

	for (h = 0; h < p->nr_hosts; h++) {
		if (!strcmp(p->hosts[h].name, name))
			return h;
	}
	return MODEL_NONE;
}

/* Where most of its bytes are; of equals, the one with the least to do. */
static uint32_t best_host(const struct layout *x, const struct task *t)
{
	uint32_t h, best = MODEL_NONE;

	for (h = 0; h < x->b.plan->nr_hosts; h++) {
		if (!has_room(x, t, h))
			continue;
		if (best == MODEL_NONE || x->near[h] > x->near[best] ||
		    (x->near[h] == x->near[best] && load_of(x, t, h) < load_of(x, t, best)))
			best = h;
	}
	return best;
}

static int place_task(struct layout *x, uint32_t task, struct dmsc_error *err)
{
	const struct task *t = &x->g->tasks[task];
	struct plan *p = x->b.plan;
	uint32_t mic, k, host, fixed = MODEL_NONE;
	bool by_pairs = false;

	if (*t->host) {
		fixed = named_host(p, t->host);
		if (fixed == MODEL_NONE)
			return dmsc_fail(err, -EINVAL,
					 "%s:%u: tasks.host: '%s', expected a host of topology %s",
					 x->job->file, t->line, t->host, p->topo.name);
	}
	for (k = x->incoming[task]; k; k = x->next_in[k - 1])
		by_pairs |= x->g->flows[k - 1].pairs;
	mic = builder_mic(&x->b, x->job->first_sid + p->nr_mics, "%s.%s", p->job, t->name);
	x->first[task] = p->nr_instances;
	for (k = 0; k < t->instances && !x->b.failed; k++) {
		if (!k || by_pairs)
			find_near(x, task, k);
		host = fixed != MODEL_NONE ? fixed : best_host(x, t);
		if (host == MODEL_NONE || (t->gpus && x->free_gpus[host] < t->gpus))
			return dmsc_fail(err, -EINVAL,
					 "%s:%u: tasks.gpus: instance %u of %s needs %u, expected as many free on %s%s",
					 x->job->file, t->line, k, t->name, t->gpus,
					 fixed != MODEL_NONE ? "host " : "a host of topology ",
					 fixed != MODEL_NONE ? t->host : p->topo.name);
		builder_instance(&x->b, mic, host, t->gpus ? (int32_t)x->next_gpu[host] : -1,
				 "%s.%s.%u", p->job, t->name, k);
		builder_gpus(&x->b, t->gpus);
		x->next_gpu[host] += t->gpus;
		x->free_gpus[host] -= t->gpus;
		x->load[host] += !t->gpus;
	}
	return 0;
}

static int place_tasks(struct layout *x, struct dmsc_error *err)
{
	const struct plan *p = x->b.plan;
	uint32_t i, without = 0;
	int ret = 0;

	for (i = 0; i < p->nr_hosts; i++)
		x->free_gpus[i] = p->topo.nodes[p->hosts[i].node].gpus;
	for (i = 0; i < x->g->nr_tasks; i++)
		without +=
			x->g->tasks[i].gpus || *x->g->tasks[i].host ? 0 : x->g->tasks[i].instances;
	x->most = (without + p->nr_hosts - 1) / p->nr_hosts;
	/* Those with a place of their own do not take that of others. */
	for (i = 0; i < x->g->nr_tasks && !ret && !x->b.failed; i++) {
		ret = place_task(x, x->order[i], err);
		if (*x->g->tasks[x->order[i]].host && !x->g->tasks[x->order[i]].gpus && !ret)
			x->load[named_host(p, x->g->tasks[x->order[i]].host)] -=
				x->g->tasks[x->order[i]].instances;
	}
	return ret;
}

/* The earlier of the flow's own deadline and what its receiver's leaves, 0 none. */
static uint64_t deadline_of(const struct taskgraph *g, const struct task_flow *f)
{
	const struct task *to = &g->tasks[f->to];
	uint64_t left = to->deadline > to->compute ? to->deadline - to->compute : 1;

	if (!to->deadline || (f->deadline && f->deadline < left))
		return f->deadline;
	return left;
}

static void set_deadline(struct layout *x, uint32_t op, uint64_t deadline)
{
	struct plan_flow *f;

	if (x->b.failed || !deadline)
		return;
	f = &x->b.plan->flows[x->b.plan->ops[op].flow];
	if (!f->deadline || f->deadline > deadline)
		f->deadline = deadline;
}

static struct after receive_all(struct layout *x, uint32_t task, uint32_t me)
{
	const struct after none = { .n = 0 };
	uint32_t first = x->b.plan->nr_ops, f, i;
	uint64_t bytes;

	for (f = x->incoming[task]; f; f = x->next_in[f - 1]) {
		const struct task_flow *flow = &x->g->flows[f - 1];
		uint32_t n = x->g->tasks[flow->from].instances;

		for (i = flow->pairs ? me : 0; i < (flow->pairs ? me + 1 : n); i++) {
			bytes = share(x->g, flow, i, me);
			if (bytes && !x->b.failed)
				builder_recv(&x->b, x->first[flow->from] + i, flow->class, bytes,
					     NULL, PHASE_FORWARD, 0);
		}
	}
	return builder_join(&x->b, first, &none, PHASE_FORWARD, 0);
}

static void send_all(struct layout *x, uint32_t task, uint32_t me, struct after after)
{
	uint32_t f, k, op;
	uint64_t bytes;

	for (f = x->outgoing[task]; f; f = x->next_out[f - 1]) {
		const struct task_flow *flow = &x->g->flows[f - 1];
		uint32_t n = x->g->tasks[flow->to].instances;

		for (k = flow->pairs ? me : 0; k < (flow->pairs ? me + 1 : n); k++) {
			bytes = share(x->g, flow, me, k);
			if (!bytes || x->b.failed)
				continue;
			op = builder_send(&x->b, x->first[flow->to] + k, flow->class, bytes, &after,
					  PHASE_FORWARD, 0);
			set_deadline(x, op, deadline_of(x->g, flow));
		}
	}
}

static int by_ends(const void *a, const void *b, void *graph)
{
	const struct taskgraph *g = graph;
	const struct task_flow *f = &g->flows[*(const uint32_t *)a];
	const struct task_flow *h = &g->flows[*(const uint32_t *)b];

	if (f->from != h->from)
		return f->from < h->from ? -1 : 1;
	if (f->to != h->to)
		return f->to < h->to ? -1 : 1;
	return (f->class > h->class) - (f->class < h->class);
}

/*
 * What the plan will have, before it is made. Flows of one class between the same
 * two tasks become one for each two instances. False: no memory.
 */
static bool expect_size(struct layout *x)
{
	uint32_t *list = malloc((x->g->nr_flows + 1) * sizeof(*list)), i;
	double steps = 0, flows = 0, most = 0;

	if (!list)
		return false;
	for (i = 0; i < x->g->nr_flows; i++) {
		list[i] = i;
		steps += 2.0 * parts(x->g, &x->g->flows[i]);
	}
	qsort_r(list, x->g->nr_flows, sizeof(*list), by_ends, (void *)x->g);
	for (i = 0; i < x->g->nr_flows; i++) {
		double n = parts(x->g, &x->g->flows[list[i]]);

		if (i && by_ends(&list[i - 1], &list[i], (void *)x->g)) {
			flows += most;
			most = 0;
		}
		most = n > most ? n : most;
	}
	free(list);
	builder_expect(&x->b, steps);
	builder_expect_flows(&x->b, flows + most);
	return true;
}

static void all_steps(struct layout *x)
{
	uint32_t i, k;

	for (i = 0; i < x->g->nr_tasks; i++) {
		uint32_t task = x->order[i];
		const struct task *t = &x->g->tasks[task];

		for (k = 0; k < t->instances && !x->b.failed; k++) {
			struct after after;

			builder_begin(&x->b, x->first[task] + k);
			after = receive_all(x, task, k);
			after = after_one(
				builder_compute(&x->b, t->compute, &after, PHASE_FORWARD, 0));
			send_all(x, task, k, after);
		}
	}
}

/* What cannot be kept even by a network that nobody else uses. */
static void note_times(struct layout *x)
{
	const struct plan *p = x->b.plan;
	uint32_t i, late = 0, worst = 0;

	for (i = 0; i < p->nr_flows; i++) {
		if (!p->flows[i].deadline || p->flows[i].slack >= 0)
			continue;
		if (!late++ || p->flows[i].slack < p->flows[worst].slack)
			worst = i;
	}
	if (late)
		builder_note(&x->b,
			     "deadlines cannot be kept: %u flows are late even without contention, %s to %s by %.3g ms",
			     late, p->instances[p->flows[worst].src].name,
			     p->instances[p->flows[worst].dst].name, -p->flows[worst].slack / 1e6);
	for (i = 0; i < x->g->nr_tasks; i++) {
		const struct task *t = &x->g->tasks[i];

		if (t->deadline && t->compute > t->deadline)
			builder_note(&x->b, "task %s computes %.3g ms, longer than its deadline",
				     t->name, t->compute / 1e6);
	}
	if (x->g->period && p->critical_path > x->g->period)
		builder_note(&x->b,
			     "an iteration takes %.3g ms, longer than the period: iterations overlap",
			     p->critical_path / 1e6);
}

static bool allocate(struct layout *x, uint32_t hosts)
{
	const struct taskgraph *g = x->g;

	x->order = calloc(4 * (size_t)g->nr_tasks, sizeof(*x->order));
	x->next_in = calloc(2 * (size_t)g->nr_flows + 1, sizeof(*x->next_in));
	x->free_gpus = calloc(3 * (size_t)hosts + 1, sizeof(*x->free_gpus));
	x->near = calloc(hosts + 1, sizeof(*x->near));
	if (!x->order || !x->next_in || !x->free_gpus || !x->near)
		return false;
	x->first = x->order + g->nr_tasks;
	x->incoming = x->first + g->nr_tasks;
	x->outgoing = x->incoming + g->nr_tasks;
	x->next_out = x->next_in + g->nr_flows;
	x->next_gpu = x->free_gpus + hosts;
	x->load = x->next_gpu + hosts;
	link_flows(x);
	return taskgraph_order(g, x->order) == g->nr_tasks;
}

static int build(struct layout *x, struct dmsc_error *err)
{
	struct bulk *bulk = NULL;
	int ret;

	if (!expect_size(x))
		return dmsc_fail(err, -ENOMEM, "out of memory for the plan");
	if (x->b.failed)
		return 0;
	ret = place_tasks(x, err);
	if (!ret)
		ret = bulk_place(&x->b, x->job, &bulk, err);
	if (!ret && !x->b.failed)
		ret = plan_sids(x->b.plan, x->job, err);
	if (!ret && !x->b.failed) {
		all_steps(x);
		bulk_flows(&x->b, x->job, bulk);
	}
	bulk_free(bulk);
	return ret;
}

int plan_tasks(const struct job *job, const struct topology *topo, struct plan *out,
	       struct dmsc_error *err)
{
	struct plan plan = { .source = "tasks", .pinned = job->pinned, .ask = job->ask };
	struct layout x = { .job = job, .g = job->graph };
	char source[300];
	int ret, fin;

	snprintf(source, sizeof(source), "%s:%u", job->file, job->line.tasks);
	strcpy(plan.job, job->name);
	builder_init(&x.b, &plan);
	ret = place_hosts(&plan, topo, err);
	if (!ret && !allocate(&x, plan.nr_hosts))
		x.b.failed = true;
	if (!ret && !x.b.failed)
		ret = build(&x, err);
	fin = builder_finish(&x.b, job, source, ret ? NULL : err);
	if (!ret)
		ret = fin;
	if (!ret)
		ret = plan_derive(&plan, source, err);
	if (!ret)
		note_times(&x);
	free(x.order);
	free(x.next_in);
	free(x.free_gpus);
	free(x.near);
	if (ret)
		plan_free(&plan);
	else
		*out = plan;
	return ret;
}
