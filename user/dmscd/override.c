// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscd/override.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmscd/daemon.h"
#include "dmscd/queuectl.h"
#include "lib/log.h"

/* The queue of @list with this SID and class; NULL: there is none. */
static struct queue_queue *find(struct queue_queue *list, size_t n, uint32_t sid, uint32_t class)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].sid == sid && list[i].class == class)
			return &list[i];
	return NULL;
}

/* A service of this host. */
static const struct plan_instance *local_service(const struct hostplan *hp, const char *name)
{
	char *end;
	unsigned long sid = strtoul(name, &end, 10);

	for (uint32_t i = 0; i < hp->plan.nr_instances; i++) {
		const struct plan_instance *in = &hp->plan.instances[i];

		if (in->host == hp->host &&
		    (!strcmp(in->name, name) || (*name && !*end && in->sid == sid)))
			return in;
	}
	return NULL;
}

int override_apply(struct daemon *d, const struct hostplan *hp, struct queue_queue **out,
		   struct dmsc_error *err)
{
	size_t n = hp->tables.nr_queues, nr = 0;
	struct registry_queue *set = NULL;
	struct queue_queue *list;
	int ret;

	list = calloc(n + 1, sizeof(*list));
	if (!list)
		return dmsc_fail(err, -ENOMEM, "queues: no memory");
	if (n)
		memcpy(list, hp->tables.queues, n * sizeof(*list));
	ret = registry_queues(d->registry, &set, &nr, err);
	for (size_t i = 0; i < nr && !ret; i++) {
		const struct plan_instance *in = local_service(hp, set[i].service);
		struct queue_queue *q = in ? find(list, n, in->sid, set[i].queue.class) : NULL;
		struct queue_queue merged;
		struct dmsc_error e;

		if (!q)
			continue;
		merged = *q;
		queue_queue_merge(&merged, &set[i].queue);
		/* The plan's other bound may have changed since it was set. */
		if (queue_queue_check(&merged, &e))
			log_warn("queues: %s, class %s: what was set by hand is left out: %s",
				 in->name, dmsc_class_name(q->class), e.text);
		else
			*q = merged;
	}
	free(set);
	if (ret)
		free(list);
	else
		*out = list;
	return ret;
}

/* What is set by hand for this service and class. */
static int stored(struct daemon *d, const char *service, uint32_t class, struct queue_queue *q,
		  struct dmsc_error *err)
{
	struct registry_queue *list;
	size_t n;
	int ret;

	memset(q, 0, sizeof(*q));
	q->class = class;
	ret = registry_queues(d->registry, &list, &n, err);
	if (ret)
		return ret;
	for (size_t i = 0; i < n; i++)
		if (list[i].queue.class == class && !strcmp(list[i].service, service))
			*q = list[i].queue;
	free(list);
	return 0;
}

/* The queue in every qdisc of the host's rails; a hint is no part of the configuration. */
static int hint(struct daemon *d, const struct hostplan *hp, const struct queue_queue *q,
		struct dmsc_error *err)
{
	struct queue_qdisc *qdiscs;
	size_t n;
	int ret = 0;

	for (uint32_t i = 0; i < hp->nr_rails && !ret && d->queues; i++) {
		ret = queues_get_qdiscs(d->queues, hp->rails[i].info.ifindex, &qdiscs, &n, err);
		if (ret)
			break;
		for (size_t k = 0; k < n && !ret; k++)
			ret = queues_set_queues(d->queues, qdiscs[k].ifindex, qdiscs[k].handle, q,
						1, false, err);
		free(qdiscs);
	}
	return ret;
}

int override_set(struct daemon *d, const char *name, uint32_t class,
		 const struct queue_queue *change, bool forget, struct queue_queue *now,
		 struct dmsc_error *err)
{
	struct queue_queue before, after, merged, *list = NULL, *q;
	struct hostplan *hp = d->current;
	const struct plan_instance *in = hp ? local_service(hp, name) : NULL;
	int ret;

	if (!in || !in->slot[class])
		return dmsc_fail(err, -EINVAL,
				 "queue: %.64s has no queue of class %s here, expected one of `dmscctl queue list`",
				 name, dmsc_class_name(class));
	ret = stored(d, in->name, class, &before, err);
	if (ret)
		return ret;
	after = before;
	if (forget)
		after.given = 0;
	queue_queue_merge(&after, change);

	/* Judged with the plan's values for what nobody set by hand. */
	q = find(hp->tables.queues, hp->tables.nr_queues, in->sid, class);
	if (!q)
		return dmsc_fail(err, -EINVAL, "queue: %.64s: no queue of class %s", name,
				 dmsc_class_name(class));
	merged = *q;
	queue_queue_merge(&merged, &after);
	ret = queue_queue_check(&merged, err);
	if (!ret)
		ret = registry_queue_set(d->registry, in->name, &after, err);
	if (ret)
		return ret;
	ret = queuectl_program(d, hp, NULL, NULL, err);
	if (!ret)
		ret = override_apply(d, hp, &list, err);
	q = ret ? NULL : find(list, hp->tables.nr_queues, in->sid, class);
	if (q && (change->given & QUEUE_QUEUE_REMAINING)) {
		queue_queue_option_set(q, QUEUE_QUEUE_REMAINING, change->remaining);
		ret = hint(d, hp, q, err);
	}
	if (q && now)
		*now = *q;
	free(list);
	if (ret) {
		registry_queue_set(d->registry, in->name, &before, NULL);
		queuectl_program(d, hp, NULL, NULL, NULL);
	}
	return ret;
}
