// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What policy denied: the counters, and the samples in the ring buffer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dataplane_priv.h"

struct dataplane_events_reader {
	void (*fn)(const struct dmsc_sample *ev, void *arg);
	void *arg;
};

/* libbpf binds the context at creation, the reader comes with each call. */
static struct dataplane_events_reader reader;

static int on_event(void *ctx, void *data, size_t size)
{
	(void)ctx;
	if (size >= sizeof(struct dmsc_sample) && reader.fn)
		reader.fn(data, reader.arg);
	return 0;
}

int dataplane_events_fd(struct dataplane *dp, struct dmsc_error *err)
{
	if (!dp->events)
		dp->events =
			ring_buffer__new(dataplane_map(dp, "dmsc_events"), on_event, NULL, NULL);
	if (!dp->events)
		return dmsc_fail(err, -errno, "dmsc_events: %s", strerror(errno));
	return ring_buffer__epoll_fd(dp->events);
}

int dataplane_events(struct dataplane *dp, void (*fn)(const struct dmsc_sample *ev, void *arg),
		     void *arg)
{
	struct dmsc_error err;
	int ret = dataplane_events_fd(dp, &err);

	if (ret < 0)
		return ret;
	reader = (struct dataplane_events_reader){ fn, arg };
	ret = ring_buffer__consume(dp->events);
	reader.fn = NULL;
	return ret < 0 ? ret : 0;
}

void dataplane_events_close(struct dataplane *dp)
{
	ring_buffer__free(dp->events);
	dp->events = NULL;
}

/* @n counters of a map, each added up over all CPUs. */
static int add_up(struct dataplane *dp, const char *map, __u32 n, struct dmsc_denial *out,
		  struct dmsc_error *err)
{
	int fd = dataplane_map(dp, map), cpus = libbpf_num_possible_cpus();
	struct dmsc_denial *values;

	if (cpus < 1)
		return dmsc_fail(err, -EIO, "cannot tell the number of CPUs");
	values = calloc(cpus, sizeof(*values));
	if (!values)
		return dmsc_fail(err, -ENOMEM, "out of memory");
	memset(out, 0, n * sizeof(*out));
	for (__u32 i = 0; i < n; i++) {
		if (bpf_map_lookup_elem(fd, &i, values))
			continue;
		for (int cpu = 0; cpu < cpus; cpu++) {
			out[i].count += values[cpu].count;
			out[i].bytes += values[cpu].bytes;
			out[i].sampled += values[cpu].sampled;
		}
	}
	free(values);
	return 0;
}

int dataplane_denials(struct dataplane *dp, struct dmsc_denial out[DMSC_NR_HOOKS][DMSC_NR_REASONS],
		      struct dmsc_error *err)
{
	return add_up(dp, "dmsc_denials", DMSC_NR_HOOKS * DMSC_NR_REASONS, out[0], err);
}

int dataplane_exceeded(struct dataplane *dp, struct dmsc_denial out[DMSC_NR_HOOKS],
		       struct dmsc_error *err)
{
	return add_up(dp, "dmsc_exceeded", DMSC_NR_HOOKS, out, err);
}
