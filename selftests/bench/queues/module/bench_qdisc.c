// SPDX-License-Identifier: GPL-2.0
/*
 * What a device's root qdisc costs: the time of N enqueues, then N dequeues,
 * under its lock and with nothing else in between. Used by bench-queues only.
 *
 * To the parameter "run", write
 *	DEVICE SCHEME FLOWS PACKETS ROUNDS
 * and read back the medians over the rounds, ns a packet: enqueue dequeue.
 *
 * Packet i belongs to flow i % FLOWS, has 1514 bytes and the hash of its flow.
 * SCHEME says how the qdisc is told its class:
 *	hash	by the hash alone
 *	bands	skb->priority names band 1 + flow % 8 of the qdisc
 *	classes	skb->priority names class 1 + flow of the qdisc
 *	dmsc	skb->priority names slot 1 + flow, class flow % 8
 */
#include <linux/etherdevice.h>
#include <linux/hash.h>
#include <linux/ip.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>
#include <net/pkt_sched.h>
#include <net/sch_generic.h>

#define PACKET_LEN  1514
#define PACKETS_MAX 10000
#define ROUNDS_MAX  1000
#define PRIO_MAJOR  0xd5c00000U /* as in linux/dmsc.h */

static DEFINE_MUTEX(lock);
static char answer[80] = "none\n";

static struct sk_buff *make_packet(struct net_device *dev, u32 flow)
{
	struct sk_buff *skb = alloc_skb(PACKET_LEN + NET_SKB_PAD, GFP_KERNEL);
	struct iphdr *ip;

	if (!skb)
		return NULL;
	skb_reserve(skb, NET_SKB_PAD);
	skb_reset_mac_header(skb);
	skb_put_zero(skb, PACKET_LEN);
	skb_set_network_header(skb, ETH_HLEN);
	ip = ip_hdr(skb);
	ip->version = 4;
	ip->ihl = 5;
	ip->ttl = 64;
	ip->protocol = IPPROTO_UDP;
	ip->tot_len = htons(PACKET_LEN - ETH_HLEN);
	ip->saddr = htonl(0x0a000001);
	ip->daddr = htonl(0x0a000002 + flow);
	skb->protocol = htons(ETH_P_IP);
	skb->dev = dev;
	return skb;
}

/* Whatever a qdisc keeps in a packet is put back to what a new packet has. */
static int prepare(struct sk_buff *skb, const struct Qdisc *q, const char *scheme, u32 flow)
{
	memset(skb->cb, 0, sizeof(skb->cb));
	skb->next = NULL;
	skb->prev = NULL;
	skb->tstamp = 0;
	skb->mark = 0;
	qdisc_skb_cb(skb)->pkt_len = PACKET_LEN;
	skb_set_hash(skb, hash_32(flow + 1, 32), PKT_HASH_TYPE_L4);
	if (!strcmp(scheme, "hash"))
		skb->priority = 0;
	else if (!strcmp(scheme, "bands"))
		skb->priority = q->handle | (1 + flow % 8);
	else if (!strcmp(scheme, "classes"))
		skb->priority = q->handle | (1 + flow);
	else if (!strcmp(scheme, "dmsc"))
		skb->priority = PRIO_MAJOR | (1 + flow) << 4 | flow % 8;
	else
		return -EINVAL;
	return 0;
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* One round. Fails when the qdisc dropped or kept a packet: then it is no measurement. */
static int one_round(struct Qdisc *q, struct sk_buff **skbs, u32 n, u64 *enqueue, u64 *dequeue)
{
	struct sk_buff *to_free = NULL, *skb;
	int refused = 0;
	u32 i, got = 0;
	u64 start;

	local_bh_disable();
	spin_lock(qdisc_lock(q));
	start = ktime_get_ns();
	for (i = 0; i < n; i++)
		refused += q->enqueue(skbs[i], q, &to_free) != NET_XMIT_SUCCESS;
	*enqueue = ktime_get_ns() - start;
	start = ktime_get_ns();
	while ((skb = q->dequeue(q)) != NULL)
		skbs[got++] = skb;
	*dequeue = ktime_get_ns() - start;
	spin_unlock(qdisc_lock(q));
	local_bh_enable();
	if (refused || to_free || got != n) {
		pr_err("bench_qdisc: %s: %d refused, %u of %u came out\n", q->ops->id, refused, got,
		       n);
		return -EIO;
	}
	return 0;
}

static int measure(struct net_device *dev, const char *scheme, u32 flows, u32 n, u32 rounds)
{
	struct Qdisc *q = rtnl_dereference(dev->qdisc);
	u32 i, round, flow = 0, made = 0;
	u64 *enqueue, *dequeue;
	struct sk_buff **skbs;
	int err = -ENOMEM;

	skbs = vcalloc(n, sizeof(*skbs));
	enqueue = kcalloc(rounds, sizeof(*enqueue), GFP_KERNEL);
	dequeue = kcalloc(rounds, sizeof(*dequeue), GFP_KERNEL);
	if (!skbs || !enqueue || !dequeue)
		goto out;
	for (made = 0; made < n; made++) {
		skbs[made] = make_packet(dev, made);
		if (!skbs[made])
			goto out;
	}
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < n; i++) {
			err = prepare(skbs[i], q, scheme, flow);
			if (err)
				goto out;
			flow = (flow + 1) % flows;
		}
		err = one_round(q, skbs, n, &enqueue[round], &dequeue[round]);
		if (err) {
			/* Some packets are the qdisc's or freed: leave them to it. */
			made = 0;
			qdisc_reset(q);
			goto out;
		}
		cond_resched();
	}
	sort(enqueue, rounds, sizeof(*enqueue), compare, NULL);
	sort(dequeue, rounds, sizeof(*dequeue), compare, NULL);
	/* tenths of a nanosecond a packet */
	enqueue[0] = div_u64(10 * enqueue[rounds / 2], n);
	dequeue[0] = div_u64(10 * dequeue[rounds / 2], n);
	snprintf(answer, sizeof(answer), "%llu.%llu %llu.%llu\n", enqueue[0] / 10, enqueue[0] % 10,
		 dequeue[0] / 10, dequeue[0] % 10);
out:
	while (made)
		kfree_skb(skbs[--made]);
	kfree(dequeue);
	kfree(enqueue);
	vfree(skbs);
	return err;
}

static int run_set(const char *text, const struct kernel_param *kp)
{
	char name[IFNAMSIZ], scheme[16];
	u32 flows, packets, rounds;
	struct net_device *dev;
	int err;

	if (sscanf(text, "%15s %15s %u %u %u", name, scheme, &flows, &packets, &rounds) != 5 ||
	    !flows || !packets || packets > PACKETS_MAX || !rounds || rounds > ROUNDS_MAX)
		return -EINVAL;
	mutex_lock(&lock);
	rtnl_lock();
	strscpy(answer, "failed\n", sizeof(answer));
	dev = __dev_get_by_name(&init_net, name);
	err = dev ? measure(dev, scheme, flows, packets, rounds) : -ENODEV;
	rtnl_unlock();
	mutex_unlock(&lock);
	return err;
}

static int run_get(char *buffer, const struct kernel_param *kp)
{
	return sprintf(buffer, "%s", answer);
}

static const struct kernel_param_ops run_ops = { .set = run_set, .get = run_get };
module_param_cb(run, &run_ops, NULL, 0644);
MODULE_PARM_DESC(run, "DEVICE SCHEME FLOWS PACKETS ROUNDS");

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Cost of a qdisc's enqueue and dequeue");
