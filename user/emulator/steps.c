// SPDX-License-Identifier: GPL-2.0-or-later
#include "emulator/steps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_bulk(const struct plan *p, uint32_t op)
{
	return p->ops[op].kind != OP_COMPUTE && p->flows[p->ops[op].flow].bulk;
}

int steps_make(struct steps *s, const struct plan *p, uint32_t instance, uint64_t *done)
{
	uint32_t i, k, nr_deps = 0, *fill;

	memset(s, 0, sizeof(*s));
	s->plan = p;
	s->first = p->op_start[instance];
	s->nr = p->op_start[instance + 1] - s->first;
	s->done = done;
	for (i = s->first; i < s->first + s->nr; i++)
		nr_deps += p->ops[i].nr_deps;
	s->succ_start = calloc(s->nr + 2, sizeof(*s->succ_start));
	s->succ = calloc(nr_deps + 1, sizeof(*s->succ));
	s->pending = calloc(s->nr + 1, sizeof(*s->pending));
	s->ready_at = calloc(s->nr + 1, sizeof(*s->ready_at));
	s->queue = calloc(s->nr + 1, sizeof(*s->queue));
	s->timers = calloc(s->nr + 1, sizeof(*s->timers));
	s->deadline = calloc(s->nr + 1, sizeof(*s->deadline));
	fill = calloc(s->nr + 1, sizeof(*fill));
	if (!s->succ_start || !s->succ || !s->pending || !s->ready_at || !s->queue || !s->timers ||
	    !s->deadline || !fill) {
		free(fill);
		steps_free(s);
		return -ENOMEM;
	}
	for (i = s->first; i < s->first + s->nr; i++)
		for (k = 0; k < p->ops[i].nr_deps; k++)
			s->succ_start[p->deps[p->ops[i].first_dep + k] - s->first + 1]++;
	for (i = 0; i < s->nr; i++)
		s->succ_start[i + 1] += s->succ_start[i];
	for (i = s->first; i < s->first + s->nr; i++) {
		for (k = 0; k < p->ops[i].nr_deps; k++) {
			uint32_t dep = p->deps[p->ops[i].first_dep + k] - s->first;

			s->succ[s->succ_start[dep] + fill[dep]++] = i;
		}
	}
	free(fill);
	return 0;
}

void steps_free(struct steps *s)
{
	free(s->succ_start);
	free(s->succ);
	free(s->pending);
	free(s->ready_at);
	free(s->queue);
	free(s->timers);
	free(s->deadline);
	memset(s, 0, sizeof(*s));
}

void steps_restart(struct steps *s, uint64_t start)
{
	uint32_t i;

	s->head = s->tail = 0;
	s->nr_timers = 0;
	s->nr_left = 0;
	s->last = start;
	for (i = 0; i < s->nr; i++) {
		s->pending[i] = s->plan->ops[s->first + i].nr_deps;
		s->ready_at[i] = start;
		s->nr_left += !is_bulk(s->plan, s->first + i);
		if (!s->pending[i])
			s->queue[s->tail++] = s->first + i;
	}
}

uint32_t steps_next(struct steps *s, uint64_t *at)
{
	uint32_t op;

	if (s->head == s->tail)
		return MODEL_NONE;
	op = s->queue[s->head++];
	*at = s->ready_at[op - s->first];
	return op;
}

void steps_done(struct steps *s, uint32_t op, uint64_t at)
{
	uint32_t i = op - s->first, k;

	if (at < s->ready_at[i])
		at = s->ready_at[i];
	s->done[i] = at;
	if (!is_bulk(s->plan, op)) {
		s->nr_left--;
		if (at > s->last)
			s->last = at;
	}
	for (k = s->succ_start[i]; k < s->succ_start[i + 1]; k++) {
		uint32_t next = s->succ[k] - s->first;

		if (s->ready_at[next] < at)
			s->ready_at[next] = at;
		if (!--s->pending[next])
			s->queue[s->tail++] = s->succ[k];
	}
}

void steps_compute(struct steps *s, uint32_t op, uint64_t deadline)
{
	uint32_t n = s->nr_timers++;

	s->deadline[op - s->first] = deadline;
	while (n && s->deadline[s->timers[n - 1] - s->first] < deadline) {
		s->timers[n] = s->timers[n - 1];
		n--;
	}
	s->timers[n] = op;
}

uint64_t steps_expire(struct steps *s, uint64_t now)
{
	while (s->nr_timers) {
		uint32_t op = s->timers[s->nr_timers - 1];
		uint64_t deadline = s->deadline[op - s->first];

		if (deadline > now)
			return deadline;
		s->nr_timers--;
		steps_done(s, op, deadline);
	}
	return UINT64_MAX;
}

bool steps_waiting(const struct steps *s, uint32_t op)
{
	uint32_t i = op - s->first;

	return !s->pending[i] && !s->done[i];
}
