// SPDX-License-Identifier: GPL-2.0-or-later
/* What the gateway does, out of its maps alone. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/gateway_priv.h"

const char *const gateway_count_name[DMSC_GW_NR_COUNTS] = {
	[DMSC_GW_NEW] = "new",
	[DMSC_GW_UNKEPT] = "unkept",
	[DMSC_GW_ICMP] = "icmp",
	[DMSC_GW_FRAGMENT] = "fragments",
	[DMSC_GW_FAILOVER] = "failover",
	[DMSC_GW_TOO_BIG_SENT] = "too_big_sent",
	[DMSC_GW_DROP_MALFORMED] = "drop_malformed",
	[DMSC_GW_DROP_FRAGMENT] = "drop_fragment",
	[DMSC_GW_DROP_RATE] = "drop_rate",
	[DMSC_GW_DROP_SYN] = "drop_syn",
	[DMSC_GW_DROP_SOURCE] = "drop_source",
	[DMSC_GW_DROP_NO_REAL] = "drop_no_instance",
	[DMSC_GW_DROP_NO_HOP] = "drop_no_hop",
	[DMSC_GW_DROP_TOO_BIG] = "drop_too_big",
	[DMSC_GW_DROP_TTL] = "drop_ttl",
	[DMSC_GW_DROP_ERROR] = "drop_error",
};

static void count_shares(const struct gw *gw, const struct dmsc_gw_service *s, uint32_t side,
			 uint32_t *shares)
{
	const uint16_t *ring = gw->rings[side * DMSC_GW_RING_BLOCKS + s->ring].real;
	uint32_t i;

	for (i = 0; i < s->ring_size; i++) {
		if (ring[i] < DMSC_GW_MAX_REALS)
			shares[ring[i]]++;
	}
}

static void fill_instance(const struct gw *gw, uint32_t number, uint32_t side,
			  struct gateway_instance_status *st)
{
	uint32_t cpu;

	st->real = &gw->reals[number];
	st->number = number;
	st->named = st->real->flags[side] & DMSC_GW_REAL_USED;
	for (cpu = 0; cpu < gw->cpus; cpu++) {
		const struct dmsc_gw_lane *lane = &gw->lanes[cpu * DMSC_GW_MAX_REALS + number];

		st->packets += lane->packets;
		st->bytes += lane->bytes;
		st->resolved |= lane->resolved;
	}
}

static int fill_service(const struct gw *gw, uint32_t number, uint32_t side, const uint32_t *live,
			const uint32_t *shares, struct gateway_service_status *st)
{
	uint32_t i, cpu, what;

	st->service = &gw->services[side * DMSC_GW_MAX_SERVICES + number];
	for (cpu = 0; cpu < gw->cpus; cpu++) {
		for (what = 0; what < DMSC_GW_NR_COUNTS; what++)
			st->counts[what] += gw->counts[cpu * DMSC_GW_MAX_SERVICES + number].n[what];
	}
	for (i = 1; i < DMSC_GW_MAX_REALS; i++)
		st->nr_instances += gw->reals[i].flags[side] && gw->reals[i].number == number &&
				    gw->reals[i].service == st->service->id;
	st->instances = calloc(st->nr_instances + 1, sizeof(*st->instances));
	if (!st->instances)
		return -ENOMEM;
	st->nr_instances = 0;
	for (i = 1; i < DMSC_GW_MAX_REALS; i++) {
		struct gateway_instance_status *inst = &st->instances[st->nr_instances];

		if (!gw->reals[i].flags[side] || gw->reals[i].number != number ||
		    gw->reals[i].service != st->service->id)
			continue;
		fill_instance(gw, i, side, inst);
		inst->flows = live[i];
		inst->share = shares[i];
		st->nr_instances++;
	}
	return 0;
}

static void read_unwrapped(const struct gw *gw, struct gateway_status *st)
{
	struct dmsc_gw_unwrapped *v = calloc(gw->cpus, sizeof(*v));
	__u32 zero = 0, cpu;

	if (v && !bpf_map_lookup_elem(gateway_map(gw, "dmsc_gw_unwrapped"), &zero, v)) {
		for (cpu = 0; cpu < gw->cpus; cpu++) {
			st->unwrapped += v[cpu].packets;
			st->refused += v[cpu].refused;
			st->malformed += v[cpu].malformed;
		}
	}
	free(v);
}

/* The address entry of service @number; fragments' entries have port 0. */
static void find_vip(const struct gw *gw, uint32_t number, uint32_t side, struct dmsc_gw_vip *out)
{
	uint32_t i;

	for (i = 0; i < DMSC_GW_VIP_BUCKETS * DMSC_GW_WAYS; i++) {
		const struct dmsc_gw_vip *v =
			&gw->vips[side * DMSC_GW_VIP_BUCKETS + i / DMSC_GW_WAYS].way[i % DMSC_GW_WAYS];

		if (v->proto && v->port && v->service == number)
			*out = *v;
	}
}

int gateway_status(struct gw *gw, struct gateway_status *st, struct dmsc_error *err)
{
	uint32_t side = gateway_side(gw), i;
	uint32_t *live = gateway_live_flows(gw), *shares;
	int ret = 0;

	memset(st, 0, sizeof(*st));
	shares = calloc(DMSC_GW_MAX_REALS, sizeof(*shares));
	st->services = calloc(DMSC_GW_MAX_SERVICES, sizeof(*st->services));
	if (!live || !shares || !st->services)
		ret = -ENOMEM;
	st->generation = gw->ctl->generation;
	st->flows_max = (gw->ctl->flow_mask + 1ULL) * DMSC_GW_WAYS;
	for (i = 1; i < DMSC_GW_MAX_SERVICES && !ret; i++) {
		const struct dmsc_gw_service *s = &gw->services[side * DMSC_GW_MAX_SERVICES + i];

		if (!s->id)
			continue;
		count_shares(gw, s, side, shares);
		find_vip(gw, i, side, &st->services[st->nr_services].vip);
		ret = fill_service(gw, i, side, live, shares, &st->services[st->nr_services]);
		st->nr_services++;
	}
	read_unwrapped(gw, st);
	free(live);
	free(shares);
	if (!ret)
		return 0;
	gateway_status_free(st);
	return dmsc_fail(err, ret, "out of memory");
}

void gateway_status_free(struct gateway_status *st)
{
	size_t i;

	for (i = 0; i < st->nr_services; i++)
		free(st->services[i].instances);
	free(st->services);
	memset(st, 0, sizeof(*st));
}
