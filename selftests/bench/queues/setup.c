// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * setup DEVICE COMMAND...: configures the dmsc qdisc of a device for a benchmark.
 *	slots N				queues 1 to N, queue n in class 1 + (n - 1) % 7, and no
 *					limit or threshold near what the benchmark queues
 *	class ID KEY=VALUE...		mode (0 strict, 1 weighted), weight, share, limit, ecn, ceil
 *	queue SLOT CLASS KEY=VALUE...	weight, rank, rate, ceil, remaining
 * Units are those of linux/dmsc.h.
 */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/queues.h"

#define NR_CLASSES 7 /* 1 to 7: what a plan uses, and not under CoDel */

static struct queues *queues;
static unsigned int ifindex;
static struct dmsc_error err;

static void die(const char *what)
{
	fprintf(stderr, "setup: %s\n", what);
	exit(1);
}

static void set_class(const struct queue_class *c)
{
	if (queues_set_classes(queues, ifindex, 0, c, 1, &err))
		die(err.text);
}

static struct queue_class get_class(uint32_t id)
{
	struct queue_class_entry *all;
	struct queue_class c;
	size_t n, i;

	if (queues_get_classes(queues, ifindex, &all, &n, &err))
		die(err.text);
	for (i = 0; i < n && all[i].class.id != id; i++)
		;
	if (i == n)
		die("no such class");
	c = all[i].class;
	free(all);
	return c;
}

static void slots(uint32_t n)
{
	static struct queue_queue all[DMSC_NR_SLOTS];
	struct queue_class c;
	uint32_t i;

	if (!n || n >= DMSC_NR_SLOTS)
		die("slots: expected 1 to 4095");
	for (i = 0; i < n; i++)
		all[i] = (struct queue_queue){ .slot = i + 1,
					       .class = 1 + i % NR_CLASSES,
					       .weight = DMSC_WEIGHT_DEFAULT,
					       .sid = i + 1 };
	if (queues_set_queues(queues, ifindex, 0, all, n, true, &err))
		die(err.text);
	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		c = get_class(i);
		c.limit = 64 << 20;
		c.ecn = 32 << 20;
		set_class(&c);
	}
}

/* The value of "KEY=VALUE" into *@field when @arg is of @key. */
static void take(const char *arg, const char *key, uint32_t *field)
{
	size_t len = strlen(key);

	if (!strncmp(arg, key, len) && arg[len] == '=')
		*field = strtoul(arg + len + 1, NULL, 10);
}

static bool take64(const char *arg, const char *key, uint64_t *field)
{
	size_t len = strlen(key);

	if (strncmp(arg, key, len) || arg[len] != '=')
		return false;
	*field = strtoull(arg + len + 1, NULL, 10);
	return true;
}

static void class(char **args)
{
	struct queue_class c = get_class(strtoul(args[0], NULL, 10));

	for (args++; *args; args++) {
		take(*args, "mode", &c.mode);
		take(*args, "weight", &c.weight);
		take(*args, "share", &c.share);
		take(*args, "limit", &c.limit);
		take(*args, "ecn", &c.ecn);
		take(*args, "codel", &c.codel);
		take64(*args, "ceil", &c.ceil);
	}
	set_class(&c);
}

static void queue(char **args)
{
	struct queue_queue q = { .weight = DMSC_WEIGHT_DEFAULT, .rank = DMSC_RANK_DEFAULT };

	q.slot = strtoul(args[0], NULL, 10);
	q.class = strtoul(args[1], NULL, 10);
	q.sid = q.slot;
	q.given = QUEUE_QUEUE_RANK | QUEUE_QUEUE_RATE | QUEUE_QUEUE_CEIL;
	for (args += 2; *args; args++) {
		take(*args, "weight", &q.weight);
		take(*args, "rank", &q.rank);
		take64(*args, "rate", &q.rate);
		take64(*args, "ceil", &q.ceil);
		if (take64(*args, "remaining", &q.remaining))
			q.given |= QUEUE_QUEUE_REMAINING;
	}
	if (queues_set_queues(queues, ifindex, 0, &q, 1, false, &err))
		die(err.text);
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: setup DEVICE slots N | class ID KEY=VALUE... | "
				"queue SLOT CLASS KEY=VALUE...\n");
		return 2;
	}
	ifindex = if_nametoindex(argv[1]);
	if (!ifindex)
		die("no such device");
	if (queues_open(&queues, true, &err))
		die(err.text);
	if (!strcmp(argv[2], "slots"))
		slots(strtoul(argv[3], NULL, 10));
	else if (!strcmp(argv[2], "class"))
		class(argv + 3);
	else if (!strcmp(argv[2], "queue") && argc > 4)
		queue(argv + 3);
	else
		die("no such command");
	queues_close(queues);
	return 0;
}
