// SPDX-License-Identifier: GPL-2.0
/*
 * What two processors get done that send at the same time. Each measures its own
 * time, and only rounds count in which both began together, so that a machine
 * which takes a processor away for a while does not decide.
 */
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/rtnetlink.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>

#include "bench.h"

#define CORES	   2
#define ROUNDS_MAX 1000

struct cores;

struct core {
	struct cores *all;
	u32 id;
	struct Qdisc *q;
	struct sk_buff **skbs;
	u64 start, elapsed; /* ns, of the last round */
	int err;
	struct completion done;
};

struct cores {
	struct net_device *dev;
	char scheme[16];
	u32 flows, packets, nr_rounds;
	u32 active;	  /* cores of this round */
	atomic_t arrived; /* of them, at the start */
	struct core core[CORES];
	u64 *alone, *both[CORES];
};

static int renew(struct core *c)
{
	u32 flows = c->all->flows, i, flow;

	for (i = 0; i < c->all->packets; i++) {
		if (!c->skbs[i])
			c->skbs[i] = bench_packet(c->all->dev, i);
		if (!c->skbs[i])
			return -ENOMEM;
		/* Each core has flows of its own, as senders that stay on theirs. */
		flow = i % flows * CORES + c->id;
		bench_packet_renew(c->skbs[i], bench_priority(c->q, c->all->scheme, flow), 0, flow);
	}
	return 0;
}

/* -ENOBUFS: not all came out again, as it may be with one that has a clock. */
static int send(struct core *c)
{
	struct sk_buff *to_free = NULL, *skb;
	u32 n = c->all->packets, i, got = 0;
	struct Qdisc *q = c->q;

	c->start = ktime_get_ns();
	for (i = 0; i < n; i++) {
		spin_lock(qdisc_lock(q));
		q->enqueue(c->skbs[i], q, &to_free);
		spin_unlock(qdisc_lock(q));
	}
	do {
		spin_lock(qdisc_lock(q));
		skb = q->dequeue(q);
		spin_unlock(qdisc_lock(q));
		if (skb)
			c->skbs[got++] = skb;
	} while (skb && got < n);
	c->elapsed = ktime_get_ns() - c->start;
	kfree_skb_list(to_free);
	for (i = got; i < n; i++)
		c->skbs[i] = NULL;
	return got == n ? 0 : -ENOBUFS;
}

static int core_round(void *data)
{
	struct core *c = data;

	c->err = renew(c);
	local_bh_disable();
	atomic_inc(&c->all->arrived);
	while (atomic_read(&c->all->arrived) < c->all->active)
		cpu_relax();
	if (!c->err)
		c->err = send(c);
	local_bh_enable();
	kthread_complete_and_exit(&c->done, 0);
}

/* One round on the first @active cores. */
static int one_round(struct cores *all, u32 active)
{
	struct task_struct *task[CORES];
	int err = 0;
	u32 i;

	all->active = active;
	atomic_set(&all->arrived, 0);
	for (i = 0; i < active; i++) {
		init_completion(&all->core[i].done);
		task[i] = kthread_create(core_round, &all->core[i], "bench_qdisc/%u", i);
		if (IS_ERR(task[i])) {
			while (i--)
				kthread_stop(task[i]);
			return -ENOMEM;
		}
		kthread_bind(task[i], i);
	}
	for (i = 0; i < active; i++)
		wake_up_process(task[i]);
	for (i = 0; i < active; i++) {
		wait_for_completion(&all->core[i].done);
		if (all->core[i].err)
			err = all->core[i].err;
	}
	return err;
}

/* Did both begin within a tenth of what the shorter took? */
static bool together(const struct cores *all)
{
	const struct core *a = &all->core[0], *b = &all->core[1];
	u64 apart = a->start > b->start ? a->start - b->start : b->start - a->start;

	return 10 * apart < min(a->elapsed, b->elapsed);
}

static int measure(struct cores *all)
{
	u32 round, again = 0, i;
	int err;

	for (round = 0; round < all->nr_rounds; round++) {
		err = one_round(all, 1);
		all->alone[round] = all->core[0].elapsed;
		if (!err)
			err = one_round(all, CORES);
		if (!err && !together(all))
			err = -EAGAIN;
		for (i = 0; i < CORES; i++)
			all->both[i][round] = all->core[i].elapsed;
		if ((err == -EAGAIN || err == -ENOBUFS) && again++ < 100 * all->nr_rounds)
			round--;
		else if (err)
			return err;
		cond_resched();
	}
	return 0;
}

static int by_time(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* Tenths of a nanosecond a packet. */
static u32 median(const struct cores *all, u64 *of)
{
	sort(of, all->nr_rounds, sizeof(*of), by_time, NULL);
	return div_u64(10 * of[all->nr_rounds / 2], all->packets);
}

/* What qdiscs of parents' queues send must not go to the device meanwhile. */
static void empty(struct cores *all)
{
	u32 i;

	for (i = 0; i < CORES; i++) {
		spin_lock_bh(qdisc_lock(all->core[i].q));
		qdisc_reset(all->core[i].q);
		spin_unlock_bh(qdisc_lock(all->core[i].q));
	}
}

static int run(struct cores *all, char *answer)
{
	u32 i, k, alone, both[CORES];
	struct Qdisc *root = rtnl_dereference(all->dev->qdisc);
	int err = -ENOMEM;

	all->alone = vcalloc(all->nr_rounds, sizeof(u64));
	for (i = 0; i < CORES; i++) {
		struct core *c = &all->core[i];

		c->all = all;
		c->id = i;
		c->q = rtnl_dereference(netdev_get_tx_queue(all->dev, i)->qdisc);
		c->skbs = vcalloc(all->packets, sizeof(*c->skbs));
		all->both[i] = vcalloc(all->nr_rounds, sizeof(u64));
		if (!c->skbs || !all->both[i] || !all->alone)
			goto out;
	}
	err = measure(all);
	empty(all);
	if (err) {
		pr_err("bench_qdisc: %s, %s: error %d\n", root->ops->id, all->core[0].q->ops->id,
		       err);
		goto out;
	}
	alone = median(all, all->alone);
	for (i = 0; i < CORES; i++)
		both[i] = median(all, all->both[i]);
	scnprintf(answer, ANSWER_MAX, "%u.%u %u.%u %u.%u\n", alone / 10, alone % 10, both[0] / 10,
		  both[0] % 10, both[1] / 10, both[1] % 10);
out:
	for (i = 0; i < CORES; i++) {
		for (k = 0; all->core[i].skbs && k < all->packets; k++)
			kfree_skb(all->core[i].skbs[k]);
		vfree(all->core[i].skbs);
		vfree(all->both[i]);
	}
	vfree(all->alone);
	return err;
}

int bench_cores(const char *request, char *answer)
{
	struct cores *all;
	char name[IFNAMSIZ];
	int err = -EINVAL;

	all = kzalloc(sizeof(*all), GFP_KERNEL);
	if (!all)
		return -ENOMEM;
	if (sscanf(request, "%15s %15s %u %u %u", name, all->scheme, &all->flows, &all->packets,
		   &all->nr_rounds) != 5 ||
	    !all->flows || !all->packets || all->packets > PACKETS_MAX || !all->nr_rounds ||
	    all->nr_rounds > ROUNDS_MAX)
		goto out;
	all->dev = __dev_get_by_name(&init_net, name);
	err = -ENODEV;
	if (all->dev && all->dev->real_num_tx_queues >= CORES && num_online_cpus() >= CORES)
		err = run(all, answer);
out:
	kfree(all);
	return err;
}
