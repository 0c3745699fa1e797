// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How flows go under each set-up: one way for each flow, found hop by hop as
 * switches do that hash (RFC 2992), a class and a rank.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "planner/interleave.h"
#include "planner/predict_module.h"
#include "planner/simulate.h"

#define CRUX_CHOICES 8 /* hashed ways among which the least congested is taken */
#define HOPS_MAX     16

const struct sim_class sim_default_classes[DMSC_NR_CLASSES] = {
	[DMSC_CLASS_CONTROL] = { true, 16, 0 },	  [DMSC_CLASS_GATEWAY] = { true, 16, 0 },
	[DMSC_CLASS_TENSOR] = { true, 16, 0 },	  [DMSC_CLASS_EXPERT] = { true, 16, 0 },
	[DMSC_CLASS_PIPELINE] = { true, 16, 50 }, [DMSC_CLASS_DATA] = { false, 64, 100 },
	[DMSC_CLASS_DEFAULT] = { false, 16, 50 }, [DMSC_CLASS_BULK] = { false, 4, 50 },
};

static const char *const kind_names[] = { "dmsc", "ecmp", "crux", "sincronia", "stock", "module" };

const char *sim_kind_name(enum sim_kind kind)
{
	return kind_names[kind];
}

int sim_kind_parse(const char *name)
{
	int k;

	for (k = 0; k <= SIM_MODULE; k++) {
		if (!strcmp(name, kind_names[k]))
			return k;
	}
	return -1;
}

struct walker {
	const struct topology *t;
	uint32_t *adj_start, *adj; /* edges that leave each node */
	uint32_t *dist, *queue;	   /* hops to the present target */
	uint32_t target;
	uint32_t *ways; /* [CRUX_CHOICES * HOPS_MAX] */
	double *load;	/* seconds an iteration by edge, of what has its way */
	const struct plan_modules *module;
	uint64_t seed;
};

static int walker_open(struct walker *w, const struct topology *t, uint64_t seed)
{
	uint32_t e, n;

	memset(w, 0, sizeof(*w));
	w->t = t;
	w->seed = seed;
	w->target = MODEL_NONE;
	w->adj_start = calloc((size_t)t->nr_nodes + 2, sizeof(*w->adj_start));
	w->adj = calloc((size_t)2 * t->nr_links + 1, sizeof(*w->adj));
	w->dist = calloc((size_t)t->nr_nodes + 1, sizeof(*w->dist));
	w->queue = calloc((size_t)t->nr_nodes + 1, sizeof(*w->queue));
	w->load = calloc((size_t)2 * t->nr_links + 1, sizeof(*w->load));
	w->ways = calloc(CRUX_CHOICES * HOPS_MAX, sizeof(*w->ways));
	if (!w->adj_start || !w->adj || !w->dist || !w->queue || !w->load || !w->ways)
		return -ENOMEM;
	for (e = 0; e < 2 * t->nr_links; e++)
		w->adj_start[topo_edge_from(t, e) + 2]++;
	for (n = 0; n < t->nr_nodes; n++)
		w->adj_start[n + 2] += w->adj_start[n + 1];
	for (e = 0; e < 2 * t->nr_links; e++)
		w->adj[w->adj_start[topo_edge_from(t, e) + 1]++] = e;
	return 0;
}

static void walker_close(struct walker *w)
{
	free(w->adj_start);
	free(w->adj);
	free(w->dist);
	free(w->queue);
	free(w->load);
	free(w->ways);
}

/* Hops from all nodes to @target; hosts do not forward. */
static void aim_at(struct walker *w, uint32_t target)
{
	uint32_t head = 0, tail = 0, n, k, to;

	if (w->target == target)
		return;
	w->target = target;
	for (n = 0; n < w->t->nr_nodes; n++)
		w->dist[n] = MODEL_NONE;
	w->dist[target] = 0;
	w->queue[tail++] = target;
	while (head < tail) {
		n = w->queue[head++];
		if (n != target && w->t->nodes[n].kind == NODE_HOST)
			continue;
		for (k = w->adj_start[n]; k < w->adj_start[n + 1]; k++) {
			to = topo_edge_to(w->t, w->adj[k]);
			if (w->dist[to] == MODEL_NONE) {
				w->dist[to] = w->dist[n] + 1;
				w->queue[tail++] = to;
			}
		}
	}
}

/* splitmix64 (Steele et al. 2014) */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/*
 * From @node to the target: at each hop one of the nearer neighbours by hash of
 * the flow and the switch. @first: edge to begin with, or MODEL_NONE.
 * Returns the hops, 0 when the target cannot be reached.
 */
static uint32_t walk(const struct walker *w, uint32_t node, uint32_t first, uint64_t flow,
		     uint32_t *way)
{
	uint32_t n = 0, k, choices, pick;

	if (first != MODEL_NONE) {
		way[n++] = first;
		node = topo_edge_to(w->t, first);
	}
	while (w->dist[node]) {
		if (w->dist[node] == MODEL_NONE || n == HOPS_MAX)
			return 0;
		for (choices = 0, k = w->adj_start[node]; k < w->adj_start[node + 1]; k++)
			choices += w->dist[topo_edge_to(w->t, w->adj[k])] == w->dist[node] - 1;
		if (!choices)
			return 0;
		pick = mix(w->seed ^ mix(flow ^ (uint64_t)node << 40)) % choices;
		for (k = w->adj_start[node];; k++) {
			if (w->dist[topo_edge_to(w->t, w->adj[k])] != w->dist[node] - 1)
				continue;
			if (!pick--)
				break;
		}
		way[n++] = w->adj[k];
		node = topo_edge_to(w->t, w->adj[k]);
	}
	return n;
}

static double way_cost(const struct walker *w, const uint32_t *way, uint32_t hops, double bytes,
		       double *sum)
{
	double most = 0;
	uint32_t i;

	for (*sum = 0, i = 0; i < hops; i++) {
		double s = w->load[way[i]] + bytes * 8 / w->t->links[way[i] / 2].rate;

		*sum += s;
		most = fmax(most, s);
	}
	return most;
}

/*
 * One of several hashed ways: for Crux, and for the built-in module, the one
 * whose busiest edge stays least busy.
 */
static uint32_t least_congested(struct walker *w, uint32_t node, uint64_t flow, double bytes,
				uint32_t *way)
{
	struct dmsc_module_way costs[CRUX_CHOICES];
	uint32_t k, take, i;

	for (k = 0; k < CRUX_CHOICES; k++) {
		uint32_t *at = w->ways + k * HOPS_MAX;

		costs[k].hops = walk(w, node, MODEL_NONE, mix(flow) + k, at);
		if (!costs[k].hops)
			return 0;
		costs[k].worst = way_cost(w, at, costs[k].hops, bytes, &costs[k].sum);
	}
	if (w->module)
		take = w->module->path(w->module->arg, costs, CRUX_CHOICES);
	else
		builtin_module.path(costs, CRUX_CHOICES, &take);
	memcpy(way, w->ways + take * HOPS_MAX, costs[take].hops * sizeof(*way));
	for (i = 0; i < costs[take].hops; i++)
		w->load[way[i]] += bytes * 8 / w->t->links[way[i] / 2].rate;
	return costs[take].hops;
}

static uint32_t node_of(const struct plan *p, uint32_t instance)
{
	return p->hosts[p->instances[instance].host].node;
}

static int by_target(const void *a, const void *b, void *plan)
{
	const struct plan *p = plan;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	uint32_t m = node_of(p, p->flows[x].dst), n = node_of(p, p->flows[y].dst);

	if (m != n)
		return m < n ? -1 : 1;
	return x < y ? -1 : x > y;
}

#define CONNECTIONS_MAX 64 /* of a flow, that are told apart; what 251 positions hold is as even */

/*
 * What DMSC makes of flow @f: each connection takes a path by its number and the weights, as the
 * data plane's table does, and what is above the host hashes. Returns the most hops, 0: no path.
 */
static uint32_t take_ways(struct walker *w, const struct plan *p, const struct plan_flow *f,
			  uint64_t key, struct sim_job *j)
{
	uint32_t n = f->nr_ways ? f->connections : 1, c, i, k, path = f->path, hops = 0;
	uint32_t way[HOPS_MAX], node = node_of(p, f->src);

	n = n < 1 ? 1 : n < CONNECTIONS_MAX ? n : CONNECTIONS_MAX;
	for (c = 0; c < n; c++) {
		double at = (mix(w->seed ^ mix(key + ((uint64_t)c << 48))) >> 11) * 0x1p-53;

		for (i = 0; i < plan_flow_paths(f); i++) {
			at -= plan_flow_share(p, f, i, &path);
			if (at < 0)
				break;
		}
		hops = walk(w, node,
			    2 * p->paths[path].link + (p->topo.links[p->paths[path].link].a != node),
			    key + ((uint64_t)c << 48), way);
		if (!hops)
			return 0;
		for (k = 0; k < hops; k++)
			j->uses[j->nr_uses++] = (struct sim_use){ way[k], 1.0 / n };
	}
	return hops;
}

/* How many uses the job's flows can come to. */
static size_t most_uses(enum sim_kind kind, const struct plan *p)
{
	size_t n = p->nr_flows;
	uint32_t i;

	for (i = 0; kind == SIM_DMSC && i < p->nr_flows; i++) {
		if (p->flows[i].nr_ways && p->flows[i].connections > 1)
			n += p->flows[i].connections < CONNECTIONS_MAX ? p->flows[i].connections :
									 CONNECTIONS_MAX;
	}
	return n * HOPS_MAX + 1;
}

static int route_job(struct walker *w, enum sim_kind kind, uint32_t job, struct sim_job *j,
		     struct dmsc_error *err)
{
	const struct plan *p = j->plan;
	uint32_t *order = calloc((size_t)p->nr_flows + 1, sizeof(*order)), i, k, n = 0, hops;
	uint32_t way[HOPS_MAX];
	int ret = 0;

	j->uses = calloc(most_uses(kind, p), sizeof(*j->uses));
	if (!order || !j->uses)
		ret = -ENOMEM;
	for (i = 0; !ret && i < p->nr_flows; i++) {
		if (node_of(p, p->flows[i].src) != node_of(p, p->flows[i].dst))
			order[n++] = i;
	}
	if (!ret)
		qsort_r(order, n, sizeof(*order), by_target, (void *)p);
	for (i = 0; !ret && i < n; i++) {
		const struct plan_flow *f = &p->flows[order[i]];
		uint64_t key = (uint64_t)job << 32 | order[i];
		struct sim_flow *out = &j->flows[order[i]];

		aim_at(w, node_of(p, f->dst));
		out->first_use = j->nr_uses;
		if (kind == SIM_CRUX || kind == SIM_MODULE)
			hops = least_congested(w, node_of(p, f->src), key, f->bytes, way);
		else if (kind == SIM_DMSC)
			hops = take_ways(w, p, f, key, j);
		else
			hops = walk(w, node_of(p, f->src), MODEL_NONE, key, way);
		if (!hops) {
			ret = dmsc_fail(err, -EINVAL, "job %s: %s cannot reach %s", p->job,
					w->t->nodes[node_of(p, f->src)].name,
					w->t->nodes[node_of(p, f->dst)].name);
			break;
		}
		for (k = 0; kind != SIM_DMSC && k < hops; k++)
			j->uses[j->nr_uses++] = (struct sim_use){ way[k], 1 };
		out->nr_uses = j->nr_uses - out->first_use;
	}
	free(order);
	return ret;
}

/* Levels of the jobs and, for Crux, the order in which they take their ways. */
struct levels {
	uint32_t *level, *sequence;
	double *start, *pace;
};

static int find_levels(enum sim_kind kind, const struct plan *const *plans, uint32_t nr,
		       uint32_t levels, bool interleave, struct levels *out, struct dmsc_error *err)
{
	struct order_limits limits = { .levels = levels };
	struct order_choice choice = { .way = NULL };
	struct interleave times;
	struct order_case c;
	uint32_t *rank, *way, k;
	int ret;

	out->level = calloc((size_t)nr + 1, sizeof(*out->level));
	out->sequence = calloc((size_t)nr + 1, sizeof(*out->sequence));
	out->start = calloc((size_t)nr + 1, sizeof(*out->start));
	out->pace = calloc((size_t)nr + 1, sizeof(*out->pace));
	rank = calloc((size_t)nr + 1, sizeof(*rank));
	way = calloc((size_t)nr + 1, sizeof(*way)); /* plans have one way a job */
	ret = out->level && out->sequence && out->start && out->pace && rank && way ? 0 : -ENOMEM;
	for (k = 0; !ret && k < nr; k++)
		out->sequence[k] = k;
	if (!ret && kind != SIM_ECMP && kind != SIM_STOCK) {
		ret = order_from_plans(plans, nr, &c, err);
		if (!ret && kind == SIM_CRUX) {
			ret = crux_ranks(&c, way, rank);
			if (!ret)
				ret = crux_levels(&c, way, rank, levels, out->level);
			for (k = 0; !ret && k < nr; k++)
				out->sequence[rank[k]] = k;
		} else if (!ret && kind == SIM_SINCRONIA) {
			ret = sincronia_ranks(&c, way, rank);
			if (!ret)
				sincronia_levels(&c, rank, levels, out->level);
		} else if (!ret) {
			ret = order_decide(&c, &limits, &choice, err);
			for (k = 0; !ret && k < nr; k++)
				out->level[k] = choice.level[k];
			if (!ret && interleave)
				ret = interleave_jobs(&c, choice.way, choice.level, &times, err);
			for (k = 0; !ret && interleave && k < nr; k++) {
				out->start[k] = times.shift[k];
				out->pace[k] = times.pace[k];
			}
			if (!ret && interleave)
				interleave_free(&times);
			order_choice_free(&choice);
		}
		order_case_free(&c);
	}
	free(rank);
	free(way);
	return ret;
}

static void classify(enum sim_kind kind, const struct plan *p, const struct plan_flow *f,
		     uint32_t level, const struct plan_modules *module, struct sim_flow *out)
{
	struct dmsc_module_importance answer;

	out->weight = 1;
	switch (kind) {
	case SIM_MODULE:
		plan_ask_importance(module, p, f, level, &answer);
		out->class = answer.class;
		out->rank = answer.rank;
		return;
	case SIM_DMSC:
		out->class = f->class;
		out->rank = level;
		return;
	case SIM_STOCK:
		out->class = f->class;
		return;
	case SIM_ECMP:
		out->class = DMSC_CLASS_DEFAULT;
		return;
	default:
		/* Priorities of jobs, and nothing else; what belongs to no iteration is last. */
		out->class = f->bulk ? DMSC_CLASS_BULK : DMSC_CLASS_CONTROL;
		out->rank = level;
	}
}

int sim_setup(enum sim_kind kind, const struct plan *const *plans, uint32_t nr, uint32_t levels,
	      bool interleave, uint64_t seed, const struct plan_modules *module,
	      struct sim_setup *out, struct dmsc_error *err)
{
	struct sim_setup s = { .name = kind_names[kind], .nr_jobs = nr };
	struct levels l = { .level = NULL };
	struct walker w = { .t = NULL };
	uint32_t k, i;
	int ret;

	memcpy(s.classes, sim_default_classes, sizeof(s.classes));
	/* The others know no guarantees. */
	for (k = 0; kind != SIM_DMSC && kind != SIM_MODULE && k < DMSC_NR_CLASSES; k++)
		s.classes[k].share = 0;
	s.jobs = calloc((size_t)nr + 1, sizeof(*s.jobs));
	ret = s.jobs && nr ? walker_open(&w, &plans[0]->topo, seed) : -ENOMEM;
	w.module = kind == SIM_MODULE ? module : NULL;
	if (!ret)
		ret = find_levels(kind, plans, nr, levels, interleave, &l, err);
	for (k = 0; !ret && k < nr; k++) {
		struct sim_job *j = &s.jobs[l.sequence[k]];

		j->plan = plans[l.sequence[k]];
		j->start = l.start[l.sequence[k]];
		j->pace = l.pace[l.sequence[k]];
		j->flows = calloc((size_t)j->plan->nr_flows + 1, sizeof(*j->flows));
		if (!j->flows) {
			ret = -ENOMEM;
			break;
		}
		for (i = 0; i < j->plan->nr_flows; i++)
			classify(kind, j->plan, &j->plan->flows[i], l.level[l.sequence[k]], module,
				 &j->flows[i]);
		ret = route_job(&w, kind, l.sequence[k], j, err);
	}
	walker_close(&w);
	free(l.level);
	free(l.sequence);
	free(l.start);
	free(l.pace);
	if (!ret) {
		*out = s;
		return 0;
	}
	sim_setup_free(&s);
	return ret == -ENOMEM ? dmsc_fail(err, ret, "out of memory for the simulation") : ret;
}

void sim_setup_free(struct sim_setup *s)
{
	uint32_t k;

	for (k = 0; s->jobs && k < s->nr_jobs; k++) {
		free(s->jobs[k].flows);
		free(s->jobs[k].uses);
	}
	free(s->jobs);
	memset(s, 0, sizeof(*s));
}
