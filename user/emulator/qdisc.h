/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports and their qdiscs, as commands for tc -batch. Every port is
 *
 *	tbf 1:		the link's rate; bursts of two frames, so GSO is split
 *	  child		what the set-up says
 *
 * and the child of a DSCP port is
 *
 *	ets H:		a band a class, strict and weighted as sch_dmsc's defaults
 *	  fq_codel	H + 1: .. H + 8:, a leaf a band
 *	u32 filters	DSCP to band, one table look-up
 */
#ifndef DMSC_EMULATOR_QDISC_H
#define DMSC_EMULATOR_QDISC_H

#include <stdint.h>

#include "emulator/command.h"
#include "lib/profile.h"

/* Handles, as tc writes them (hexadecimal). */
#define QDISC_DSCP_FABRIC 0x10
#define QDISC_DSCP_HOST	  0x30
#define QDISC_DEFAULT	  0x20
#define QDISC_DMSC	  0x40
#define QDISC_FIFO	  0x50

struct qdisc_band {
	uint8_t class;
	bool strict;
	uint32_t weight; /* among the weighted, 16 a frame a round */
};

/* Bands by precedence, one a class; order and weights of sch_dmsc's defaults. */
void qdisc_bands(struct qdisc_band bands[DMSC_NR_CLASSES]);

/* The rate limit at the root of a port. */
void qdisc_add_port(struct text *t, const char *ifname, uint64_t rate);

/* Children of the rate limit; each takes the place of the one before. */
void qdisc_set_default(struct text *t, const char *ifname);
void qdisc_set_dmsc(struct text *t, const char *ifname);
void qdisc_set_fifo(struct text *t, const char *ifname, uint64_t rate, unsigned int handle);

/* @handle: QDISC_DSCP_FABRIC or QDISC_DSCP_HOST */
void qdisc_set_dscp(struct text *t, const char *ifname, uint64_t rate, unsigned int handle,
		    const struct profile *profile);

/*
 * How much a class may hold at a link of this rate, bytes: QDISC_LIMIT_MS of
 * the link, so that limits mean the same time at any scale.
 */
#define QDISC_LIMIT_MS 200
uint32_t qdisc_limit(uint64_t rate);

#endif /* DMSC_EMULATOR_QDISC_H */
