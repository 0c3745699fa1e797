// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscd/functional.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/module.h"
#include "planner/planner.h"
#include "planner/predict_module.h"

struct functional {
	struct module module;
	char spec[MODULE_NAME_MAX]; /* as the configuration named it */
};

static void on_cut_off(void *arg, const char *text)
{
	log_warn("%s", text);
	daemon_event(arg, "module", json_pack("{s:s}", "text", text));
}

struct module *functional_module(struct daemon *d)
{
	struct dmsc_error e;

	if (d->functional && strcmp(d->functional->spec, d->conf.module))
		functional_close(d);
	if (d->functional)
		return &d->functional->module;
	d->functional = calloc(1, sizeof(*d->functional));
	if (!d->functional)
		return NULL;
	strcpy(d->functional->spec, d->conf.module);
	if (module_open(&d->functional->module, &builtin_module, d->conf.module, 0, on_cut_off, d,
			&e)) {
		char text[sizeof(e.text) + 40];

		snprintf(text, sizeof(text), "%s; the built-in one takes over", e.text);
		on_cut_off(d, text);
	}
	return &d->functional->module;
}

void functional_close(struct daemon *d)
{
	if (d->functional)
		module_close(&d->functional->module);
	free(d->functional);
	d->functional = NULL;
}

/* ---- policy analysis ---- */

struct verdict {
	uint32_t flow;
	struct dmsc_module_importance answer;
};

struct findings {
	uint32_t nr, first; /* flows; the first of them */
	char text[160];	    /* about the first */
};

static void ask(void *module, const struct dmsc_module_flow *flow,
		struct dmsc_module_importance *out)
{
	module_policy(module, flow, out);
}

/* As the plan orders them: class by class, what goes first before what waits. */
static int by_plan(const void *a, const void *b, void *plan)
{
	const struct plan *p = plan;
	uint32_t i = ((const struct verdict *)a)->flow, k = ((const struct verdict *)b)->flow;

	if (p->flows[i].class != p->flows[k].class)
		return p->flows[i].class < p->flows[k].class ? -1 : 1;
	if (p->flows[i].rank != p->flows[k].rank)
		return p->flows[i].rank < p->flows[k].rank ? -1 : 1;
	return i < k ? -1 : i > k;
}

static void other_class(const struct plan *p, const struct verdict *v, struct findings *f)
{
	const struct plan_flow *flow = &p->flows[v->flow];

	if (v->answer.class == flow->class || f->nr++)
		return;
	f->first = v->flow;
	snprintf(f->text, sizeof(f->text), "class %s, expected %s", dmsc_class_name(flow->class),
		 dmsc_class_name(v->answer.class));
}

/*
 * Flows of one class that the module puts before one that the plan puts before them. Ranks as
 * such say nothing: a plan of several jobs counts on from those of more important ones.
 */
static void other_order(const struct plan *p, const struct verdict *v, uint32_t n,
			struct findings *f)
{
	uint32_t i, next, least = 0, latest = 0;

	for (i = 0; i < n; i = next) {
		const struct plan_flow *flow = &p->flows[v[i].flow];

		if (!i || flow->class != p->flows[v[i - 1].flow].class)
			latest = 0;
		least = latest;
		for (next = i; next < n && p->flows[v[next].flow].class == flow->class &&
			       p->flows[v[next].flow].rank == flow->rank;
		     next++) {
			const struct dmsc_module_importance *a = &v[next].answer;

			if (a->class != flow->class)
				continue;
			latest = a->rank > latest ? a->rank : latest;
			if (a->rank >= least || f->nr++)
				continue;
			f->first = v[next].flow;
			snprintf(f->text, sizeof(f->text),
				 "rank %u of class %s, expected it before others of it", flow->rank,
				 dmsc_class_name(flow->class));
		}
	}
}

static int tell(struct daemon *d, const struct plan *p, const struct findings *f, json_t *warnings,
		struct dmsc_error *err)
{
	const struct plan_flow *flow = &p->flows[f->first];
	char text[512];

	if (!f->nr)
		return 0;
	snprintf(text, sizeof(text), "plan: flows[%u]: %s to %s: %s (module %s; %u flow%s like it)",
		 f->first, p->instances[flow->src].name, p->instances[flow->dst].name, f->text,
		 d->functional->module.name, f->nr, f->nr == 1 ? "" : "s");
	daemon_event(d, "finding",
		     json_pack("{s:s, s:s, s:i, s:i, s:b}", "text", text, "module",
			       d->functional->module.name, "flow", (int)f->first, "flows",
			       (int)f->nr, "refused", (int)d->conf.refuse_findings));
	if (d->conf.refuse_findings)
		return dmsc_fail(err, -EINVAL, "%s", text);
	json_array_append_new(warnings, json_string(text));
	return 0;
}

int functional_review(struct daemon *d, const struct hostplan *hp, json_t *warnings,
		      struct dmsc_error *err)
{
	const struct plan *p = &hp->plan;
	struct module *m = functional_module(d);
	const struct plan_modules modules = { .policy = ask, .arg = m };
	struct findings class = { 0 }, order = { 0 };
	struct verdict *v;
	uint32_t i, n = 0;
	int ret = 0;

	if (!m || !m->pid || !(m->has >> MODULE_POLICY & 1))
		return 0;
	v = calloc((size_t)p->nr_flows + 1, sizeof(*v));
	if (!v)
		return dmsc_fail(err, -ENOMEM, "apply: no memory");
	/* One that is cut off in the middle has said nothing. */
	for (i = 0; i < p->nr_flows && m->pid; i++) {
		if (p->instances[p->flows[i].src].host != hp->host || p->flows[i].path == MODEL_NONE)
			continue;
		v[n].flow = i;
		plan_ask_importance(&modules, p, &p->flows[i], 0, &v[n].answer);
		other_class(p, &v[n++], &class);
	}
	if (m->pid) {
		qsort_r(v, n, sizeof(*v), by_plan, (void *)p);
		other_order(p, v, n, &order);
		ret = tell(d, p, &class, warnings, err);
		if (!ret)
			ret = tell(d, p, &order, warnings, err);
	}
	free(v);
	return ret;
}
