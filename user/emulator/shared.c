// SPDX-License-Identifier: GPL-2.0-or-later
#include "emulator/shared.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int shared_make(struct shared *s, const struct plan *p, const struct messages *m,
		struct dmsc_error *err)
{
	uint32_t f;
	char *at;

	memset(s, 0, sizeof(*s));
	s->bulk_of_flow = calloc(p->nr_flows + 1, sizeof(*s->bulk_of_flow));
	if (!s->bulk_of_flow)
		return dmsc_fail(err, -ENOMEM, "no memory");
	for (f = 0; f < p->nr_flows; f++)
		s->bulk_of_flow[f] = p->flows[f].bulk ? s->nr_bulk++ : MODEL_NONE;
	s->size = p->nr_instances * sizeof(*s->workers) + 2 * m->nr * sizeof(*s->start) +
		  p->nr_ops * sizeof(*s->done) + s->nr_bulk * sizeof(*s->bulk) + 1;
	s->base = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->base == MAP_FAILED) {
		free(s->bulk_of_flow);
		memset(s, 0, sizeof(*s));
		return dmsc_fail(err, -errno, "shared memory: %s", strerror(errno));
	}
	at = s->base;
	s->workers = (void *)at;
	at += p->nr_instances * sizeof(*s->workers);
	s->start = (void *)at;
	at += m->nr * sizeof(*s->start);
	s->end = (void *)at;
	at += m->nr * sizeof(*s->end);
	s->done = (void *)at;
	at += p->nr_ops * sizeof(*s->done);
	s->bulk = (void *)at;
	return 0;
}

void shared_clear(struct shared *s)
{
	memset(s->base, 0, s->size);
}

void shared_free(struct shared *s)
{
	if (s->base)
		munmap(s->base, s->size);
	free(s->bulk_of_flow);
	memset(s, 0, sizeof(*s));
}
