// SPDX-License-Identifier: GPL-2.0
/*
 * Events: drops, queues that stay over their threshold, classes that starve.
 * They are noticed under the root lock, with the counters of that moment, and
 * sent by a worker, since sending sleeps.
 */
#include "netlink.h"

#define SAMPLE_INTERVAL	max(HZ / 10, 1)

static bool anybody_listens(struct dmsc_qdisc *q)
{
	return genl_has_listeners(&dmsc_genl_family, dev_net(qdisc_dev(q->sch)), 0);
}

static int put_event(struct sk_buff *skb, u32 event, u32 class, const struct dmsc_event_state *e)
{
	if (event == DMSC_EVENT_CONGESTED)
		return dmsc_nl_put_event_queue(skb, e->slot, class, e->sid, &e->n);
	return dmsc_nl_put_class(skb, class, &e->cfg, &e->n);
}

static void send_event(struct dmsc_qdisc *q, u32 event, u32 class,
		       const struct dmsc_event_state *e)
{
	struct net *net = dev_net(qdisc_dev(q->sch));
	struct sk_buff *skb;
	void *hdr;

	skb = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!skb)
		return;
	hdr = genlmsg_put(skb, 0, 0, &dmsc_genl_family, 0, DMSC_CMD_EVENT);
	if (!hdr ||
	    nla_put_u32(skb, DMSC_A_EVENT, event) ||
	    nla_put_u32(skb, DMSC_A_IFINDEX, qdisc_dev(q->sch)->ifindex) ||
	    nla_put_u32(skb, DMSC_A_HANDLE, q->sch->handle) ||
	    put_event(skb, event, class, e)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast_netns(&dmsc_genl_family, net, skb, 0, 0, GFP_KERNEL);
}

static void event_work(struct work_struct *work)
{
	struct dmsc_qdisc *q = container_of(to_delayed_work(work), struct dmsc_qdisc, event_work);
	struct dmsc_event_state e;
	u32 event, class;

	for (event = 1; event <= DMSC_EVENT_MAX; event++) {
		for (class = 0; class < DMSC_NR_CLASSES; class++) {
			spin_lock_bh(&q->event_lock);
			e = q->event[event][class];
			q->event[event][class].pending = false;
			q->event_next = jiffies + HZ;
			spin_unlock_bh(&q->event_lock);
			if (e.pending)
				send_event(q, event, class, &e);
		}
	}
}

void dmsc_events_init(struct dmsc_qdisc *q)
{
	INIT_DELAYED_WORK(&q->event_work, event_work);
	spin_lock_init(&q->event_lock);
	q->event_next = jiffies;
	q->sample_at = jiffies;
}

void dmsc_events_stop(struct dmsc_qdisc *q)
{
	cancel_delayed_work_sync(&q->event_work);
}

/* Returns what is to be filled in, until schedule_events(). */
static struct dmsc_event_state *note_event(struct dmsc_qdisc *q, u32 event, u32 class)
{
	struct dmsc_event_state *e = &q->event[event][class];

	e->pending = true;
	e->cfg = q->sched.class[class].cfg;
	e->n = q->sched.class[class].n;
	return e;
}

static void schedule_events(struct dmsc_qdisc *q)
{
	unsigned long now = jiffies;

	schedule_delayed_work(&q->event_work, time_before(now, q->event_next) ?
			      q->event_next - now : 0);
}

void dmsc_event_drops(struct dmsc_qdisc *q)
{
	unsigned long classes = q->sched.dropped;
	u32 class;

	q->sched.dropped = 0;
	if (!classes || !anybody_listens(q))
		return;
	spin_lock(&q->event_lock);
	for_each_set_bit(class, &classes, DMSC_NR_CLASSES)
		note_event(q, DMSC_EVENT_DROPS, class);
	schedule_events(q);
	spin_unlock(&q->event_lock);
}

static bool starved(struct dmsc_qdisc *q, u32 class)
{
	const struct dmsc_sched_class *c = &q->sched.class[class];
	struct dmsc_sample *sample = &q->sample[class];
	u64 sent = dmsc_sent_packets(&c->n);

	if (sent != sample->sent || !c->n.backlog_packets) {
		sample->sent = sent;
		sample->served = jiffies;
		return false;
	}
	return c->cfg.starve &&
	       time_after_eq(jiffies, sample->served + msecs_to_jiffies(c->cfg.starve));
}

/* The longest queue of a class if it was the longest and too long before, too. */
static const struct dmsc_queue *stays_over(struct dmsc_qdisc *q, u32 class)
{
	struct dmsc_sched_class *c = &q->sched.class[class];
	const struct dmsc_queue *before = q->sample[class].over, *now = NULL;

	if (c->cfg.ecn && c->n.backlog_bytes > c->cfg.ecn)
		now = dmsc_sched_longest(&q->sched, class);
	if (now && now->n.backlog_bytes <= c->cfg.ecn)
		now = NULL;
	/* Only compared: the queue of before may be gone. */
	q->sample[class].over = now;
	return now == before ? now : NULL;
}

void dmsc_sample(struct dmsc_qdisc *q)
{
	const struct dmsc_queue *over;
	struct dmsc_event_state *e;
	bool noted = false;
	u32 class;

	q->sample_at = jiffies + SAMPLE_INTERVAL;
	if (!anybody_listens(q)) {
		memset(q->sample, 0, sizeof(q->sample));
		for (class = 0; class < DMSC_NR_CLASSES; class++)
			q->sample[class].served = jiffies;
		return;
	}
	spin_lock(&q->event_lock);
	for (class = 0; class < DMSC_NR_CLASSES; class++) {
		if (starved(q, class)) {
			note_event(q, DMSC_EVENT_STARVED, class);
			noted = true;
		}
		over = stays_over(q, class);
		if (over) {
			e = note_event(q, DMSC_EVENT_CONGESTED, class);
			e->slot = over->slot;
			e->sid = over->sid;
			e->n = over->n;
			noted = true;
		}
	}
	if (noted)
		schedule_events(q);
	spin_unlock(&q->event_lock);
}
