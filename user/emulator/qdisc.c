// SPDX-License-Identifier: GPL-2.0-or-later
#include "emulator/qdisc.h"

#include "emulator/scale.h"
#include "lib/hostconf.h"

/* Strict classes as dmsc.h orders them; what is weighted follows the strict. */
static const uint8_t class_order[DMSC_NR_CLASSES] = {
	DMSC_CLASS_CONTROL,  DMSC_CLASS_GATEWAY, DMSC_CLASS_TENSOR,  DMSC_CLASS_EXPERT,
	DMSC_CLASS_PIPELINE, DMSC_CLASS_DATA,	 DMSC_CLASS_DEFAULT, DMSC_CLASS_BULK,
};

void qdisc_bands(struct qdisc_band bands[DMSC_NR_CLASSES])
{
	struct hostconf conf;
	uint32_t i, n = 0;
	int strict;

	hostconf_defaults(&conf);
	for (strict = 1; strict >= 0; strict--) {
		for (i = 0; i < DMSC_NR_CLASSES; i++) {
			const struct queue_class *c = &conf.classes[class_order[i]];

			if ((c->mode == DMSC_MODE_STRICT) != strict)
				continue;
			bands[n].class = c->id;
			bands[n].strict = strict;
			bands[n++].weight = strict ? 0 : c->weight;
		}
	}
}

uint32_t qdisc_limit(uint64_t rate)
{
	uint64_t bytes = rate / 8 * QDISC_LIMIT_MS / 1000;

	if (bytes < 32 * EMULATED_FRAME)
		bytes = 32 * EMULATED_FRAME;
	return bytes > DMSC_LIMIT_MAX ? DMSC_LIMIT_MAX : bytes;
}

void qdisc_add_port(struct text *t, const char *ifname, uint64_t rate)
{
	text_add(t, "qdisc add dev %s root handle 1: tbf rate %llubit burst %d limit %d\n", ifname,
		 (unsigned long long)rate, 2 * EMULATED_FRAME, 1000 * EMULATED_FRAME);
}

void qdisc_set_default(struct text *t, const char *ifname)
{
	text_add(t, "qdisc replace dev %s parent 1:1 handle %x: fq_codel\n", ifname, QDISC_DEFAULT);
}

void qdisc_set_dmsc(struct text *t, const char *ifname)
{
	text_add(t, "qdisc replace dev %s parent 1:1 handle %x: dmsc\n", ifname, QDISC_DMSC);
}

void qdisc_set_fifo(struct text *t, const char *ifname, uint64_t rate, unsigned int handle)
{
	text_add(t, "qdisc replace dev %s parent 1:1 handle %x: bfifo limit %u\n", ifname, handle,
		 qdisc_limit(rate));
}

/*
 * CoDel's target is to be above the time of some frames (tc-fq_codel(8)), else
 * slow links drop while their queue is as short as it can be.
 */
static void add_leaf(struct text *t, const char *ifname, unsigned int handle, uint32_t band,
		     uint64_t rate)
{
	uint64_t target = 4 * 8000000ULL * EMULATED_FRAME / rate; /* µs */

	if (target < 5000)
		target = 5000;
	text_add(t,
		 "qdisc add dev %s parent %x:%x handle %x: fq_codel target %lluus interval %lluus\n",
		 ifname, handle, band + 1, handle + 1 + band, (unsigned long long)target,
		 (unsigned long long)(20 * target));
}

void qdisc_set_dscp(struct text *t, const char *ifname, uint64_t rate, unsigned int handle,
		    const struct profile *profile)
{
	struct qdisc_band bands[DMSC_NR_CLASSES];
	uint32_t i, nr_strict = 0, fallback = 0, control = 0;

	qdisc_bands(bands);
	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		nr_strict += bands[i].strict;
		if (bands[i].class == DMSC_CLASS_DEFAULT)
			fallback = i;
		if (bands[i].class == DMSC_CLASS_CONTROL)
			control = i;
	}
	text_add(t, "qdisc replace dev %s parent 1:1 handle %x: ets bands %d strict %u", ifname,
		 handle, DMSC_NR_CLASSES, nr_strict);
	for (i = nr_strict; i < DMSC_NR_CLASSES; i++)
		text_add(t, "%s%u", i == nr_strict ? " quanta " : " ",
			 EMULATED_FRAME * bands[i].weight / DMSC_WEIGHT_DEFAULT);
	for (i = 0; i < 16; i++)
		text_add(t, "%s%u", i ? " " : " priomap ", fallback);
	text_add(t, "\n");
	for (i = 0; i < DMSC_NR_CLASSES; i++)
		add_leaf(t, ifname, handle, i, rate);
	/* A table of 64, indexed by DSCP: the six bits 10..15 of the IPv4 header. */
	text_add(t, "filter add dev %s parent %x: prio 1 protocol ip handle 1: u32 divisor 64\n",
		 ifname, handle);
	for (i = 0; i < DMSC_NR_CLASSES; i++)
		text_add(t,
			 "filter add dev %s parent %x: prio 1 protocol ip u32 ht 1:%x: match u8 0 0 flowid %x:%x\n",
			 ifname, handle, profile->dscp[bands[i].class], handle, i + 1);
	text_add(t,
		 "filter add dev %s parent %x: prio 1 protocol ip u32 ht 800:: match u8 0 0 hashkey mask 0x00fc0000 at 0 link 1:\n",
		 ifname, handle);
	text_add(t,
		 "filter add dev %s parent %x: prio 2 protocol arp u32 match u8 0 0 flowid %x:%x\n",
		 ifname, handle, handle, control + 1);
}
