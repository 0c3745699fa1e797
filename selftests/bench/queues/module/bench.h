/* SPDX-License-Identifier: GPL-2.0 */
/* Measures a device's root qdisc from inside the kernel; used by bench-queues only. */
#ifndef BENCH_H
#define BENCH_H

#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/sch_generic.h>

#define PACKET_LEN  1514
#define PACKETS_MAX 10000

/*
 * packet.c: packets with a payload of zeros, their IPv4 header, and the hash of
 * their flow, so that no qdisc has to dissect them.
 */
struct sk_buff *bench_packet(struct net_device *dev, u32 flow);

/* Whatever a qdisc keeps in a packet is put back to what a new packet has. */
void bench_packet_renew(struct sk_buff *skb, u32 priority, u8 dscp, u32 flow);

/* The tests. Each takes the rest of its request and writes its answer; RTNL is held. */
#define ANSWER_MAX 2048

/*
 * cost.c: DEVICE SCHEME FLOWS PACKETS ROUNDS QUEUED
 * The time of PACKETS enqueues, then as many dequeues, under the qdisc's lock
 * and with nothing else in between, while QUEUED packets are in it already; then
 * they are its limit, and each enqueue has to drop. A packet is written shortly
 * before it is enqueued, as it is by whoever sends it. Answer: the medians over
 * the rounds, ns a packet: enqueue dequeue. Packet i belongs to flow i % FLOWS;
 * SCHEME says how the qdisc is told its class, by skb->priority:
 *	hash	not at all: the hash is all there is
 *	bands	band 1 + flow % 7 of the qdisc
 *	classes	class 1 + flow of the qdisc
 *	slots	dmsc's slot 1 + flow, class 1 + flow % 7
 */
int bench_cost(const char *request, char *answer);

/* The priority of a packet of @flow; 0: no such scheme, or hash. */
u32 bench_priority(const struct Qdisc *q, const char *scheme, u32 flow);

/*
 * cores.c: DEVICE SCHEME FLOWS PACKETS ROUNDS
 * Two processors, each with a transmit queue of the device, its qdisc (the
 * root, for both, where that is no mq) and packets of its own: each takes the
 * qdisc's lock for each packet, as sending does. In each round processor 0 does
 * so alone, and then both at the same time. Answer: the medians over the rounds
 * of enqueue + dequeue, ns a packet: 0 alone, 0 of both, 1 of both.
 */
int bench_cores(const char *request, char *answer);

/*
 * share.c: DEVICE MBIT MS WINDOW_US PRIORITY:DSCP...
 * A link of MBIT takes packets from the qdisc for MS of virtual time, and each
 * of the flows given by skb->priority (hexadecimal) and DSCP has always some
 * queued. Answer: a line a flow: bytes, and the least and most in a window.
 */
int bench_share(const char *request, char *answer);

#endif /* BENCH_H */
