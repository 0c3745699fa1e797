// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual time (User Mode Linux, time-travel=inf-cpu): it passes only where this
 * test says so, for as long as a packet takes on the link, so what is measured
 * does not depend on the machine. The clock that rates go by is the same.
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/rtnetlink.h>
#include <linux/timekeeping.h>

#include "bench.h"

#define FLOWS_MAX 16
#define DEPTH	  32	/* packets that each flow has queued */
#define IDLE_NS	  10000 /* when nothing may go: as late as a watchdog may be */

struct flow {
	u32 priority;
	u8 dscp;
	u64 bytes, least, most, window;
};

struct link {
	struct net_device *dev;
	struct Qdisc *q;
	u32 mbit, nr_flows;
	u64 end, window_ns; /* ns since the start */
	struct flow flow[FLOWS_MAX];
};

/* "PRIORITY:DSCP", PRIORITY hexadecimal */
static int parse_flows(struct link *l, const char *text)
{
	struct flow *f;
	u32 dscp;
	int n;

	while (sscanf(text, " %x:%u%n", &l->flow[l->nr_flows].priority, &dscp, &n) == 2) {
		f = &l->flow[l->nr_flows++];
		f->dscp = dscp;
		f->least = U64_MAX;
		text += n;
		if (l->nr_flows == FLOWS_MAX)
			break;
	}
	return l->nr_flows ? 0 : -EINVAL;
}

/* Which flow a packet is of stands where no qdisc looks. */
static int send(struct link *l, struct sk_buff *skb, u32 flow)
{
	struct sk_buff *to_free = NULL;

	bench_packet_renew(skb, l->flow[flow].priority, l->flow[flow].dscp, flow);
	skb->mark = flow;
	if (l->q->enqueue(skb, l->q, &to_free) == NET_XMIT_SUCCESS && !to_free)
		return 0;
	kfree_skb_list(to_free);
	pr_err("bench_qdisc: %s refused a packet of flow %u\n", l->q->ops->id, flow);
	return -EIO;
}

static int fill(struct link *l)
{
	struct sk_buff *skb;
	int err = 0;
	u32 i;

	for (i = 0; !err && i < l->nr_flows * DEPTH; i++) {
		skb = bench_packet(l->dev, i % l->nr_flows);
		if (!skb)
			return -ENOMEM;
		local_bh_disable();
		spin_lock(qdisc_lock(l->q));
		err = send(l, skb, i % l->nr_flows);
		spin_unlock(qdisc_lock(l->q));
		local_bh_enable();
	}
	return err;
}

static void end_window(struct link *l)
{
	struct flow *f;

	for (f = l->flow; f < l->flow + l->nr_flows; f++) {
		f->least = min(f->least, f->window);
		f->most = max(f->most, f->window);
		f->window = 0;
	}
}

/* A packet, whose place another of its flow takes; -EAGAIN: none may go. */
static int take(struct link *l)
{
	struct sk_buff *skb;
	struct flow *f;
	int err;

	local_bh_disable();
	spin_lock(qdisc_lock(l->q));
	skb = l->q->dequeue(l->q);
	err = -EAGAIN;
	if (skb) {
		f = &l->flow[skb->mark % l->nr_flows];
		f->bytes += PACKET_LEN;
		f->window += PACKET_LEN;
		err = send(l, skb, skb->mark % l->nr_flows);
	}
	spin_unlock(qdisc_lock(l->q));
	local_bh_enable();
	return err;
}

static void wait_until(u64 time)
{
	u64 now = ktime_get_ns();

	if (now < time)
		ndelay(time - now);
}

static int drain(struct link *l)
{
	u64 start = ktime_get_ns(), due = 0, window_end = l->window_ns, psec = 0;
	int err;

	while (due < l->end) {
		err = take(l);
		if (err && err != -EAGAIN)
			return err;
		if (err) {
			due += IDLE_NS;
		} else {
			/* Parts of a nanosecond add up. */
			psec += 8000000ULL * PACKET_LEN / l->mbit;
			due += psec / 1000;
			psec %= 1000;
		}
		wait_until(start + due);
		while (due >= window_end) {
			end_window(l);
			window_end += l->window_ns;
			cond_resched();
		}
	}
	return 0;
}

/* The watchdog of a qdisc must not send what the test is to take. */
static int run(struct link *l)
{
	struct sk_buff *to_free;
	int err;

	spin_lock_bh(qdisc_lock(l->q));
	if (!qdisc_run_begin(l->q)) {
		spin_unlock_bh(qdisc_lock(l->q));
		return -EBUSY;
	}
	spin_unlock_bh(qdisc_lock(l->q));
	err = fill(l);
	if (!err)
		err = drain(l);
	spin_lock_bh(qdisc_lock(l->q));
	qdisc_reset(l->q);
	to_free = qdisc_run_end(l->q);
	spin_unlock_bh(qdisc_lock(l->q));
	kfree_skb_list(to_free);
	return err;
}

int bench_share(const char *request, char *answer)
{
	struct link *l = kzalloc(sizeof(*l), GFP_KERNEL);
	u32 ms, window_us, i, len = 0;
	char name[IFNAMSIZ];
	int err = -EINVAL, n;
	struct flow *f;

	if (!l)
		return -ENOMEM;
	if (sscanf(request, "%15s %u %u %u%n", name, &l->mbit, &ms, &window_us, &n) != 4 ||
	    !l->mbit || !ms || !window_us || parse_flows(l, request + n))
		goto out;
	l->end = (u64)ms * NSEC_PER_MSEC;
	l->window_ns = (u64)window_us * NSEC_PER_USEC;
	l->dev = __dev_get_by_name(&init_net, name);
	err = -ENODEV;
	if (!l->dev)
		goto out;
	l->q = rtnl_dereference(l->dev->qdisc);
	err = run(l);
	for (i = 0; !err && i < l->nr_flows; i++) {
		f = &l->flow[i];
		len += scnprintf(answer + len, ANSWER_MAX - len, "%llu %llu %llu\n", f->bytes,
				 f->least, f->most);
	}
out:
	kfree(l);
	return err;
}
