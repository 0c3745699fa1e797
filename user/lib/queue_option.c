// SPDX-License-Identifier: GPL-2.0-or-later
/* What may be set of a queue, by name: for people, the daemon's requests and the registry. */
#include <errno.h>

#include "lib/queues.h"

const struct queue_queue_option queue_queue_options[QUEUE_QUEUE_OPTIONS] = {
	{ "weight", QUEUE_QUEUE_WEIGHT, DMSC_WEIGHT_MIN, DMSC_WEIGHT_MAX, false, true },
	{ "rank", QUEUE_QUEUE_RANK, 0, DMSC_RANK_MAX, true, true },
	{ "rate", QUEUE_QUEUE_RATE, DMSC_RATE_MIN, DMSC_RATE_MAX, true, true },
	{ "ceil", QUEUE_QUEUE_CEIL, DMSC_RATE_MIN, DMSC_RATE_MAX, true, true },
	{ "remaining", QUEUE_QUEUE_REMAINING, 0, DMSC_REMAINING_MAX, true, false },
};

uint64_t queue_queue_option_get(const struct queue_queue *q, uint32_t given)
{
	switch (given) {
	case QUEUE_QUEUE_WEIGHT:
		return q->weight;
	case QUEUE_QUEUE_RANK:
		return q->rank;
	case QUEUE_QUEUE_RATE:
		return q->rate;
	case QUEUE_QUEUE_CEIL:
		return q->ceil;
	default:
		return q->remaining;
	}
}

void queue_queue_option_set(struct queue_queue *q, uint32_t given, uint64_t value)
{
	switch (given) {
	case QUEUE_QUEUE_WEIGHT:
		q->weight = value;
		break;
	case QUEUE_QUEUE_RANK:
		q->rank = value;
		break;
	case QUEUE_QUEUE_RATE:
		q->rate = value;
		break;
	case QUEUE_QUEUE_CEIL:
		q->ceil = value;
		break;
	default:
		q->remaining = value;
	}
	q->given |= given;
}

void queue_queue_merge(struct queue_queue *q, const struct queue_queue *from)
{
	for (int i = 0; i < QUEUE_QUEUE_OPTIONS; i++) {
		uint32_t given = queue_queue_options[i].given;

		if (from->given & given)
			queue_queue_option_set(q, given, queue_queue_option_get(from, given));
	}
}

int queue_queue_check(const struct queue_queue *q, struct dmsc_error *err)
{
	for (int i = 0; i < QUEUE_QUEUE_OPTIONS; i++) {
		const struct queue_queue_option *o = &queue_queue_options[i];
		uint64_t v = queue_queue_option_get(q, o->given);

		if (!(q->given & o->given) || (!v && o->zero) || (v >= o->min && v <= o->max))
			continue;
		return dmsc_fail(err, -EINVAL, "queue: %s: %llu, expected %s%llu to %llu", o->name,
				 (unsigned long long)v, o->zero && o->min ? "0 or " : "",
				 (unsigned long long)o->min, (unsigned long long)o->max);
	}
	if (q->ceil && (q->given & QUEUE_QUEUE_CEIL) && (q->given & QUEUE_QUEUE_RATE) &&
	    q->ceil < q->rate)
		return dmsc_fail(err, -EINVAL,
				 "queue: ceil: %llu, expected not below the rate, %llu",
				 (unsigned long long)q->ceil, (unsigned long long)q->rate);
	return 0;
}
