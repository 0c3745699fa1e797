// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The event loop. Steps of plans become ready when all that they wait for is
 * done; computing and messages within a host take a known time and stand in one
 * heap, flows on the network in the same heap by when they end at their rate.
 * Messages of one flow go one after the other, as on a connection.
 */
#include "planner/simulate.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/plan_steps.h"
#include "planner/simulate_internal.h"

#define NONE UINT32_MAX

/* What can happen: a flow's message is sent (flow), or a step's time is up (step). */
struct event {
	double time;
	uint32_t job, step; /* step NONE: the job may begin an iteration */
};

struct heap {
	struct event *items;
	uint32_t nr, room;
};

struct job_state {
	const struct sim_job *in;
	struct plan_followers followers;
	uint32_t *peer, *pending;
	uint32_t *next;	      /* message behind a step's in its flow's queue */
	uint32_t steps, left; /* of an iteration, bulk not counted */
	uint32_t flow_base;
	uint32_t iterations;
	double began, first_began;
	double computing; /* ns an iteration, of all its GPUs */
	uint32_t gpus, room_times;
	double *times, *ends;
};

struct flow_state {
	double left, since; /* bytes at that time */
	double finish;
	uint32_t head, tail; /* steps whose messages wait; head is under way */
	uint32_t job;
	uint32_t place; /* in the heap of flows, NONE: not there */
	uint32_t hops;	/* the first of its uses; acknowledgements' come behind them */
	bool bulk;
};

struct run {
	const struct topology *topo;
	const struct sim_options *options;
	struct job_state *jobs;
	uint32_t nr_jobs;
	struct rates rates;
	struct flow_state *flows;
	uint32_t *flow_heap, nr_flow_heap; /* flows by finish */
	struct heap timers;
	uint32_t *stack, nr_stack, room_stack; /* pairs of job and step that are done */
	double now, local_rate;
	double *bytes;	   /* by edge */
	uint32_t *watched; /* by edge: index into links, NONE */
	struct sim_result *out;
	bool failed;
};

/* ---- packets ---- */

#define HEADERS	   52 /* of IPv4, TCP and its timestamps, within the MTU */
#define LINK_LAYER 14 /* Ethernet, as queues count it */
#define ACK	   (HEADERS + LINK_LAYER)

/* Bytes that links carry for a message of @amount. */
static double on_wire(const struct run *r, double amount)
{
	const struct sim_packets *p = r->options->packets;
	double bytes;

	if (!p || !(amount > 0))
		return amount;
	bytes = fmax(1, round(amount / p->scale));
	return (bytes + ceil(bytes / (p->mtu - HEADERS)) * ACK) * p->scale;
}

/* What comes back for it, as a part of that. */
static double acks(const struct run *r, double amount)
{
	const struct sim_packets *p = r->options->packets;
	double packets = ceil(fmax(1, round(amount / p->scale)) / (p->mtu - HEADERS));

	return ceil(packets / 2) * ACK * p->scale / on_wire(r, amount);
}

/* How long the last packet takes behind the flow's first link. */
static double hop_time(const struct run *r, uint32_t flow, double amount)
{
	const struct sim_packets *p = r->options->packets;
	const struct rate_flow *f = &r->rates.flows[flow];
	double last, time = 0;
	uint32_t u;

	if (!p)
		return 0;
	last = fmin(fmax(1, round(amount / p->scale)) + ACK, p->mtu + LINK_LAYER) * p->scale;
	for (u = f->first_use + 1; u < f->first_use + r->flows[flow].hops; u++)
		time += last / r->rates.edges[r->rates.uses[u].edge].rate;
	return time;
}

/* ---- time ---- */

static double on_grid(const struct run *r, double time)
{
	double grid = r->options->resolution;

	return grid > 0 ? ceil(time / grid - 1e-9) * grid : time;
}

static void timer_add(struct run *r, double time, uint32_t job, uint32_t step)
{
	struct heap *h = &r->timers;
	uint32_t i;

	if (h->nr == h->room) {
		uint32_t room = h->room ? 2 * h->room : 1024;
		void *grown = realloc(h->items, room * sizeof(*h->items));

		if (!grown) {
			r->failed = true;
			return;
		}
		h->items = grown;
		h->room = room;
	}
	for (i = h->nr++; i && h->items[(i - 1) / 2].time > time; i = (i - 1) / 2)
		h->items[i] = h->items[(i - 1) / 2];
	h->items[i] = (struct event){ time, job, step };
}

static struct event timer_take(struct run *r)
{
	struct heap *h = &r->timers;
	struct event top = h->items[0], last = h->items[--h->nr];
	uint32_t i = 0, child;

	while ((child = 2 * i + 1) < h->nr) {
		if (child + 1 < h->nr && h->items[child + 1].time < h->items[child].time)
			child++;
		if (h->items[child].time >= last.time)
			break;
		h->items[i] = h->items[child];
		i = child;
	}
	h->items[i] = last;
	return top;
}

static void heap_put(struct run *r, uint32_t i, uint32_t flow)
{
	r->flow_heap[i] = flow;
	r->flows[flow].place = i;
}

/* Restores the order around the flow, whose finish has changed. */
static void heap_move(struct run *r, uint32_t flow)
{
	double finish = r->flows[flow].finish;
	uint32_t i = r->flows[flow].place, child;

	for (; i && r->flows[r->flow_heap[(i - 1) / 2]].finish > finish; i = (i - 1) / 2)
		heap_put(r, i, r->flow_heap[(i - 1) / 2]);
	while ((child = 2 * i + 1) < r->nr_flow_heap) {
		if (child + 1 < r->nr_flow_heap &&
		    r->flows[r->flow_heap[child + 1]].finish < r->flows[r->flow_heap[child]].finish)
			child++;
		if (r->flows[r->flow_heap[child]].finish >= finish)
			break;
		heap_put(r, i, r->flow_heap[child]);
		i = child;
	}
	heap_put(r, i, flow);
}

static void heap_add(struct run *r, uint32_t flow)
{
	r->flows[flow].finish = INFINITY;
	heap_put(r, r->nr_flow_heap++, flow);
}

static void heap_remove(struct run *r, uint32_t flow)
{
	uint32_t i = r->flows[flow].place, last = r->flow_heap[--r->nr_flow_heap];

	r->flows[flow].place = NONE;
	if (last == flow)
		return;
	heap_put(r, i, last);
	heap_move(r, last);
}

/* ---- what links carried ---- */

/* Bins cover the run: when it grows over them, two become one. */
static void halve_bins(struct sim_result *out)
{
	uint32_t l, b;

	for (l = 0; l < out->nr_links; l++) {
		double *load = out->links[l].load;

		for (b = 0; b < SIM_BINS; b++)
			load[b] = 2 * b + 1 < SIM_BINS ? load[2 * b] + load[2 * b + 1] : 0;
	}
	out->bin *= 2;
}

static void spread_bins(struct run *r, uint32_t link, double from, double to, double rate)
{
	struct sim_result *out = r->out;
	uint32_t b;

	while (to >= out->bin * SIM_BINS)
		halve_bins(out);
	for (b = from / out->bin; b < SIM_BINS && b * out->bin < to; b++)
		out->links[link].load[b] +=
			rate * (fmin(to, (b + 1) * out->bin) - fmax(from, b * out->bin));
}

/* Brings the flow's account up to now. */
static void settle(struct run *r, uint32_t flow)
{
	const struct rate_flow *f = &r->rates.flows[flow];
	struct flow_state *s = &r->flows[flow];
	double moved = f->rate * (r->now - s->since);
	uint32_t u;

	if (moved > 0) {
		for (u = f->first_use; u < f->first_use + f->nr_uses; u++) {
			uint32_t edge = r->rates.uses[u].edge;
			double share = r->rates.uses[u].share;

			r->bytes[edge] += fmin(moved, s->left) * share;
			if (s->bulk && u == f->first_use)
				r->out->bulk += fmin(moved, s->left) * share;
			if (r->watched[edge] != NONE)
				spread_bins(r, r->watched[edge], s->since, r->now, f->rate * share);
		}
		if (r->options->sent)
			r->options->sent(r->options->sent_arg, s->job,
					 flow - r->jobs[s->job].flow_base, s->since, r->now,
					 fmin(moved, s->left));
		s->left = fmax(0, s->left - moved);
	}
	s->since = r->now;
}

/* ---- steps ---- */

static void done(struct run *r, uint32_t job, uint32_t step)
{
	if (r->nr_stack + 2 > r->room_stack) {
		uint32_t room = r->room_stack ? 2 * r->room_stack : 1024;
		void *grown = realloc(r->stack, room * sizeof(*r->stack));

		if (!grown) {
			r->failed = true;
			return;
		}
		r->stack = grown;
		r->room_stack = room;
	}
	r->stack[r->nr_stack++] = job;
	r->stack[r->nr_stack++] = step;
}

static void start_message(struct run *r, uint32_t flow, uint32_t step)
{
	struct flow_state *s = &r->flows[flow];

	s->left = on_wire(r, r->jobs[s->job].in->plan->ops[step].amount);
	s->since = r->now;
	rates_begin(&r->rates, flow);
	heap_add(r, flow);
}

/* Of a message within a host. Which of the measured times it gets follows from its number. */
static double local_time(const struct run *r, uint32_t job, uint32_t step)
{
	const struct sim_packets *p = r->options->packets;
	uint64_t h;

	if (!p || !p->nr_local)
		return r->jobs[job].in->plan->ops[step].amount / r->local_rate;
	h = ((uint64_t)r->jobs[job].iterations << 32 | step) * 0x9e3779b97f4a7c15ULL;
	h = (h ^ h >> 32) * 0xbf58476d1ce4e5b9ULL;
	return p->local[(h >> 32) % p->nr_local];
}

static void send_step(struct run *r, uint32_t job, uint32_t step)
{
	struct job_state *j = &r->jobs[job];
	const struct plan_op *op = &j->in->plan->ops[step];
	uint32_t flow = j->flow_base + op->flow;
	struct flow_state *s = &r->flows[flow];

	if (!r->rates.flows[flow].nr_uses) {
		double takes = local_time(r, job, step);

		if (r->options->sent && op->amount)
			r->options->sent(r->options->sent_arg, job, op->flow, r->now,
					 r->now + takes, op->amount);
		timer_add(r, on_grid(r, r->now + takes), job, step);
		return;
	}
	if (!op->amount) {
		done(r, job, step);
		return;
	}
	j->next[step] = NONE;
	if (s->head == NONE) {
		s->head = s->tail = step;
		start_message(r, flow, step);
	} else {
		j->next[s->tail] = step;
		s->tail = step;
	}
}

/* All that it waits for is done. */
static void begin_step(struct run *r, uint32_t job, uint32_t step)
{
	const struct plan_op *op = &r->jobs[job].in->plan->ops[step];

	if (op->kind == OP_SEND)
		send_step(r, job, step);
	else if (op->kind == OP_COMPUTE && op->amount)
		timer_add(r, on_grid(r, r->now + op->amount / 1e9), job, step);
	else
		done(r, job, step);
}

static bool is_bulk(const struct plan *p, const struct plan_op *op)
{
	return op->kind != OP_COMPUTE && p->flows[op->flow].bulk;
}

static void begin_iteration(struct run *r, uint32_t job)
{
	struct job_state *j = &r->jobs[job];
	const struct plan *p = j->in->plan;
	uint32_t i;

	j->began = r->now;
	j->left = j->steps;
	for (i = 0; i < p->nr_ops; i++) {
		if (is_bulk(p, &p->ops[i]))
			continue;
		j->pending[i] = p->ops[i].nr_deps + (p->ops[i].kind == OP_RECV);
		if (!j->pending[i])
			begin_step(r, job, i);
	}
}

/* Bulk goes on by itself, from the job's start on. */
static void begin_bulk(struct run *r, uint32_t job)
{
	const struct plan *p = r->jobs[job].in->plan;
	uint32_t i;

	for (i = 0; i < p->nr_ops; i++) {
		if (p->ops[i].kind == OP_SEND && is_bulk(p, &p->ops[i]) && p->ops[i].amount)
			begin_step(r, job, i);
	}
}

static void end_iteration(struct run *r, uint32_t job)
{
	struct job_state *j = &r->jobs[job];

	if (j->iterations == j->room_times) {
		uint32_t room = j->room_times ? 2 * j->room_times : 16;
		double *times = realloc(j->times, room * sizeof(*times));
		double *ends = times ? realloc(j->ends, room * sizeof(*ends)) : NULL;

		j->times = times ? times : j->times;
		j->ends = ends ? ends : j->ends;
		if (!times || !ends) {
			r->failed = true;
			return;
		}
		j->room_times = room;
	}
	j->ends[j->iterations] = r->now;
	j->times[j->iterations++] = r->now - j->began;
	/* What takes no time at all would go on for ever without time passing. */
	timer_add(r, fmax(r->now + 1e-9, j->began + j->in->pace), job, NONE);
}

static void release(struct run *r, uint32_t job, uint32_t step)
{
	if (!--r->jobs[job].pending[step])
		begin_step(r, job, step);
}

static void finish_step(struct run *r, uint32_t job, uint32_t step)
{
	struct job_state *j = &r->jobs[job];
	const struct plan *p = j->in->plan;
	uint32_t k;

	r->out->events++;
	if (is_bulk(p, &p->ops[step])) {
		if (p->ops[step].kind == OP_SEND)
			begin_step(r, job, step);
		return;
	}
	for (k = j->followers.start[step]; k < j->followers.start[step + 1]; k++)
		release(r, job, j->followers.op[k]);
	if (p->ops[step].kind == OP_SEND)
		release(r, job, j->peer[step]);
	if (!--j->left)
		end_iteration(r, job);
}

static void message_sent(struct run *r, uint32_t flow)
{
	struct flow_state *s = &r->flows[flow];
	uint32_t step = s->head;
	double behind = hop_time(r, flow, r->jobs[s->job].in->plan->ops[step].amount);

	settle(r, flow);
	rates_end(&r->rates, flow);
	heap_remove(r, flow);
	s->head = r->jobs[s->job].next[step];
	if (s->head != NONE)
		start_message(r, flow, s->head);
	if (behind > 0)
		timer_add(r, on_grid(r, r->now + behind), s->job, step);
	else
		done(r, s->job, step);
}

static void drain(struct run *r)
{
	while (r->nr_stack && !r->failed) {
		uint32_t step = r->stack[--r->nr_stack], job = r->stack[--r->nr_stack];

		finish_step(r, job, step);
	}
}

/* ---- rates ---- */

static void new_rates(struct run *r)
{
	uint32_t i;

	if (!r->rates.nr_dirty)
		return;
	if (!rates_fill(&r->rates)) {
		r->failed = true;
		return;
	}
	r->out->fills++;
	for (i = 0; i < r->rates.nr_list; i++) {
		uint32_t flow = r->rates.list[i];
		struct rate_flow *f = &r->rates.flows[flow];
		struct flow_state *s = &r->flows[flow];

		if (fabs(f->given - f->rate) <= 1e-12 * f->rate && f->rate > 0)
			continue;
		settle(r, flow);
		f->rate = f->given;
		s->finish = f->rate > 0 ? r->now + s->left / f->rate : INFINITY;
		heap_move(r, flow);
	}
}

/* Deals with all that happens next; false: nothing ever will. */
static bool advance(struct run *r)
{
	double next = r->timers.nr ? r->timers.items[0].time : INFINITY;

	if (r->nr_flow_heap)
		next = fmin(next, on_grid(r, r->flows[r->flow_heap[0]].finish));
	if (!isfinite(next))
		return false;
	r->now = fmax(r->now, next);
	while (r->timers.nr && r->timers.items[0].time <= r->now * (1 + 1e-13)) {
		struct event e = timer_take(r);

		if (e.step == NONE)
			begin_iteration(r, e.job);
		else
			done(r, e.job, e.step);
	}
	while (r->nr_flow_heap && r->flows[r->flow_heap[0]].finish <= r->now * (1 + 1e-13))
		message_sent(r, r->flow_heap[0]);
	drain(r);
	new_rates(r);
	return true;
}

/* ---- set up and result ---- */

/* The links of flow @flow the other way round, for what comes back. */
static void add_acks(struct run *r, uint32_t flow, const struct plan_flow *f, uint32_t *use)
{
	struct rate_flow *rf = &r->rates.flows[flow];
	uint32_t hops = rf->nr_uses, u;

	for (u = rf->first_use; u < rf->first_use + hops; u++, (*use)++)
		r->rates.uses[*use] = (struct rate_use){
			.edge = r->rates.uses[u].edge ^ 1,
			.share = acks(r, (double)f->bytes / (f->messages ? f->messages : 1)),
			.flow = flow,
		};
	rf->nr_uses += hops;
}

static int open_job(struct run *r, uint32_t job, uint32_t *flow, uint32_t *use,
		    struct dmsc_error *err)
{
	struct job_state *j = &r->jobs[job];
	const struct plan *p = j->in->plan;
	uint32_t bad, i, u;
	int ret;

	j->flow_base = *flow;
	j->peer = calloc((size_t)p->nr_ops + 1, sizeof(*j->peer));
	j->pending = calloc((size_t)p->nr_ops + 1, sizeof(*j->pending));
	j->next = calloc((size_t)p->nr_ops + 1, sizeof(*j->next));
	if (!j->peer || !j->pending || !j->next || !plan_followers(p, &j->followers))
		return -ENOMEM;
	ret = plan_match(p, j->peer, &bad);
	/* The order itself is not needed: that there is one, is. */
	if (!ret)
		ret = plan_order(p, j->peer, j->pending);
	if (ret == -EINVAL)
		return dmsc_fail(err, ret, "job %s: steps of the plan do not end", p->job);
	if (ret)
		return ret;
	for (i = 0; i < p->nr_instances; i++) {
		uint32_t gpus = p->instances[i].gpus, k;

		for (k = p->op_start[i]; k < p->op_start[i + 1]; k++) {
			j->steps += !is_bulk(p, &p->ops[k]);
			j->computing += p->ops[k].kind == OP_COMPUTE ? gpus * p->ops[k].amount : 0;
		}
		j->gpus += gpus;
	}
	for (i = 0; i < p->nr_flows; i++, (*flow)++) {
		const struct sim_flow *in = &j->in->flows[i];
		struct rate_flow *f = &r->rates.flows[*flow];

		*f = (struct rate_flow){ .first_use = *use,
					 .nr_uses = in->nr_uses,
					 .rank = in->rank,
					 .weight = in->weight,
					 .class = in->class };
		for (u = 0; u < in->nr_uses; u++, (*use)++)
			r->rates.uses[*use] = (struct rate_use){
				.edge = j->in->uses[in->first_use + u].edge,
				.share = j->in->uses[in->first_use + u].share,
				.flow = *flow,
			};
		r->flows[*flow] = (struct flow_state){ .head = NONE,
						       .job = job,
						       .place = NONE,
						       .hops = in->nr_uses,
						       .bulk = p->flows[i].bulk };
		if (r->options->packets && in->nr_uses)
			add_acks(r, *flow, &p->flows[i], use);
	}
	return 0;
}

/* The edges that an iteration loads most are watched. */
static int watch(struct run *r)
{
	double *load = calloc((size_t)r->rates.nr_edges + 1, sizeof(*load)), shortest = INFINITY;
	uint32_t i, k, u, e;

	if (!load)
		return -ENOMEM;
	for (i = 0; i < r->nr_jobs; i++) {
		const struct sim_job *in = r->jobs[i].in;

		shortest = fmin(shortest, fmax(in->plan->critical_path, 1000) / 1e9);
		for (k = 0; k < in->plan->nr_flows; k++) {
			const struct sim_flow *f = &in->flows[k];

			for (u = f->first_use; u < f->first_use + f->nr_uses; u++)
				load[in->uses[u].edge] += (double)in->plan->flows[k].bytes *
							  in->uses[u].share /
							  r->rates.edges[in->uses[u].edge].rate;
		}
	}
	memset(r->watched, 0xff, ((size_t)r->rates.nr_edges + 1) * sizeof(*r->watched));
	while (r->out->nr_links < SIM_WATCHED) {
		uint32_t most = NONE;

		for (e = 0; e < r->rates.nr_edges; e++) {
			if (load[e] > 0 && (most == NONE || load[e] > load[most]))
				most = e;
		}
		if (most == NONE)
			break;
		load[most] = 0;
		r->watched[most] = r->out->nr_links;
		r->out->links[r->out->nr_links++].edge = most;
	}
	free(load);
	r->out->bin = shortest / SIM_BINS;
	return 0;
}

static int open_run(struct run *r, const struct sim_setup *setup, struct dmsc_error *err)
{
	uint32_t flows = 0, uses = 0, i, k, flow = 0, use = 0;
	int ret;

	for (i = 0; i < setup->nr_jobs; i++) {
		flows += setup->jobs[i].plan->nr_flows;
		for (k = 0; k < setup->jobs[i].plan->nr_flows; k++)
			uses += (r->options->packets ? 2 : 1) * setup->jobs[i].flows[k].nr_uses;
	}
	r->local_rate = plan_local_rate(setup->jobs[0].plan) / 8.0;
	r->jobs = calloc((size_t)setup->nr_jobs + 1, sizeof(*r->jobs));
	r->flows = calloc((size_t)flows + 1, sizeof(*r->flows));
	r->flow_heap = calloc((size_t)flows + 1, sizeof(*r->flow_heap));
	r->bytes = calloc((size_t)2 * r->topo->nr_links + 1, sizeof(*r->bytes));
	r->watched = calloc((size_t)2 * r->topo->nr_links + 1, sizeof(*r->watched));
	r->out->jobs = calloc((size_t)setup->nr_jobs + 1, sizeof(*r->out->jobs));
	if (!r->jobs || !r->flows || !r->flow_heap || !r->bytes || !r->watched || !r->out->jobs)
		return -ENOMEM;
	r->nr_jobs = setup->nr_jobs;
	ret = rates_open(&r->rates, r->topo, flows, uses, setup->classes);
	for (i = 0; !ret && i < setup->nr_jobs; i++) {
		r->jobs[i].in = &setup->jobs[i];
		ret = open_job(r, i, &flow, &use, err);
	}
	return ret ? ret : watch(r);
}

static void close_run(struct run *r)
{
	uint32_t i;

	for (i = 0; r->jobs && i < r->nr_jobs; i++) {
		free(r->jobs[i].followers.start);
		free(r->jobs[i].followers.op);
		free(r->jobs[i].peer);
		free(r->jobs[i].pending);
		free(r->jobs[i].next);
		free(r->jobs[i].times);
		free(r->jobs[i].ends);
	}
	rates_close(&r->rates);
	free(r->jobs);
	free(r->flows);
	free(r->flow_heap);
	free(r->timers.items);
	free(r->stack);
	free(r->bytes);
	free(r->watched);
}

static void results(struct run *r)
{
	struct sim_result *out = r->out;
	double sum = 0, all = 0;
	uint32_t i, k;

	out->end = r->now;
	for (i = 0; i < r->nr_jobs; i++) {
		struct job_state *j = &r->jobs[i];
		struct sim_job_result *o = &out->jobs[out->nr_jobs++];
		double length = j->ends[j->iterations - 1] - j->in->start;

		*o = (struct sim_job_result){ .iterations = j->iterations,
					      .gpus = j->gpus,
					      .times = j->times,
					      .ends = j->ends };
		j->times = j->ends = NULL;
		for (k = 0; k < o->iterations; k++) {
			o->mean += o->times[k] / o->iterations;
			o->worst = fmax(o->worst, o->times[k]);
		}
		if (o->gpus && length > 0)
			o->utilisation = o->iterations * j->computing / 1e9 / (length * o->gpus);
		sum += o->utilisation * o->gpus;
		all += o->gpus;
	}
	out->utilisation = all > 0 ? sum / all : 0;
	for (i = 0; i < r->rates.nr_edges; i++)
		out->busiest = fmax(out->busiest, r->bytes[i] / r->rates.edges[i].rate / r->now);
	for (i = 0; i < out->nr_links; i++) {
		struct sim_link *l = &out->links[i];

		l->bytes = r->bytes[l->edge];
		l->utilisation = l->bytes / r->rates.edges[l->edge].rate / r->now;
		for (k = 0; k < SIM_BINS; k++)
			l->load[k] /= r->rates.edges[l->edge].rate * out->bin;
	}
	out->nr_bins = fmin(SIM_BINS, ceil(r->now / out->bin));
}

/* Part of the iterations that were asked for; 1: all have done theirs. */
static double part_done(const struct run *r)
{
	double want = r->options->iterations, sum = 0;
	uint32_t i;

	for (i = 0; i < r->nr_jobs; i++) {
		const struct job_state *j = &r->jobs[i];

		sum += j->iterations >= want ?
			       1 :
			       (j->iterations + 1 - (double)j->left / (j->steps + 1)) / want;
	}
	return sum / r->nr_jobs;
}

static bool all_done(const struct run *r)
{
	uint32_t i;

	for (i = 0; i < r->nr_jobs; i++) {
		if (r->jobs[i].iterations < r->options->iterations)
			return false;
	}
	return true;
}

static int go(struct run *r, struct dmsc_error *err)
{
	const struct sim_options *o = r->options;
	uint64_t told = 0;
	uint32_t i;

	for (i = 0; i < r->nr_jobs; i++) {
		if (!r->jobs[i].steps)
			return dmsc_fail(err, -EINVAL, "job %s: its plan has no steps",
					 r->jobs[i].in->plan->job);
		r->jobs[i].left = r->jobs[i].steps;
		timer_add(r, r->jobs[i].in->start, i, NONE);
		begin_bulk(r, i);
	}
	new_rates(r);
	while (!all_done(r)) {
		if (!advance(r))
			return dmsc_fail(err, -EINVAL,
					 "a flow never gets a rate: its links have none");
		if (r->failed)
			return -ENOMEM;
		if (o->progress && r->out->events - told >= 20000) {
			told = r->out->events;
			if (!o->progress(o->arg, part_done(r)))
				return dmsc_fail(err, -EINTR, "interrupted");
		}
	}
	for (i = 0; i < r->nr_flow_heap; i++)
		settle(r, r->flow_heap[i]);
	results(r);
	return 0;
}

int simulate(const struct topology *topo, const struct sim_setup *setup,
	     const struct sim_options *options, struct sim_result *out, struct dmsc_error *err)
{
	struct run r = { .topo = topo, .options = options, .out = out };
	int ret;

	memset(out, 0, sizeof(*out));
	if (!setup->nr_jobs || !options->iterations)
		return dmsc_fail(err, -EINVAL, "no job or no iteration to simulate");
	ret = open_run(&r, setup, err);
	if (!ret)
		ret = go(&r, err);
	close_run(&r);
	if (ret)
		sim_result_free(out);
	return ret == -ENOMEM ? dmsc_fail(err, ret, "out of memory for the simulation") : ret;
}

void sim_result_free(struct sim_result *r)
{
	uint32_t i;

	for (i = 0; r->jobs && i < r->nr_jobs; i++) {
		free(r->jobs[i].times);
		free(r->jobs[i].ends);
	}
	free(r->jobs);
	memset(r, 0, sizeof(*r));
}
