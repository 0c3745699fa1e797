// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/explain.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/dataplane_priv.h"

/*
 * The programs' headers, with their look-ups turned into system calls. Values
 * live until the next look-up in the same map, which their callers respect:
 * none of them holds two entries of one map.
 */
static void *explain_lookup(const char *map, const void *key);

#define DMSC_BPF_MAPS_H
#undef __always_inline
#define __always_inline inline __attribute__((unused))
#undef __weak
#define __weak			      static
#define bpf_map_lookup_elem(map, key) explain_lookup(#map, key)
#include "../../bpf/tables.h"
#undef bpf_map_lookup_elem

static struct {
	struct dataplane *dp;
	struct explain *out;
} now;

static const char *who_text(uint8_t who, uint32_t id, char out[24])
{
	if (who == DMSC_WHO_ANY || who == DMSC_WHO_OUTSIDE)
		return who == DMSC_WHO_ANY ? "any" : "outside";
	snprintf(out, 24, "%s %u", who == DMSC_WHO_SID ? "SID" : "MIC", id);
	return out;
}

/* The key of a look-up, for people. False: not worth a step. */
static bool key_text(const char *table, const void *key, char *out, size_t len)
{
	char a[INET6_ADDRSTRLEN], b[INET6_ADDRSTRLEN], s[24], d[24];

	if (!strcmp(table, "instances")) {
		const struct dmsc_instance_key *k = key;

		snprintf(out, len, "cgroup %llu", (unsigned long long)k->cgroup_id);
	} else if (!strcmp(table, "endpoints")) {
		const struct dmsc_endpoint_key *k = key;

		if (k->port || k->proto)
			snprintf(out, len, "%s port %u protocol %u", dmsc_addr_format(&k->addr, a),
				 ntohs(k->port), k->proto);
		else
			snprintf(out, len, "host %s", dmsc_addr_format(&k->addr, a));
	} else if (!strcmp(table, "groups")) {
		const struct dmsc_group_key *k = key;

		snprintf(out, len,
			 k->dst_sid ? "SID %u to SID %u, class %u%s" :
				      "SID %u to any (%u), class %u%s",
			 k->src_sid, k->dst_sid, k->class, k->ipv6 ? ", IPv6" : "");
	} else if (!strcmp(table, "peers")) {
		const struct dmsc_peer_key *k = key;

		snprintf(out, len, "%s, class %u", dmsc_addr_format(&k->addr, a), k->class);
	} else if (!strcmp(table, "rules")) {
		const struct dmsc_rule_key *k = key;

		snprintf(out, len, "%s to %s", who_text(k->src_who, k->src, s),
			 who_text(k->dst_who, k->dst, d));
	} else if (!strcmp(table, "flows")) {
		const struct dmsc_flow_key *k = key;

		snprintf(out, len, "%s port %u to %s port %u protocol %u",
			 dmsc_addr_format(&k->saddr, a), ntohs(k->sport),
			 dmsc_addr_format(&k->daddr, b), ntohs(k->dport), k->proto);
	} else {
		return false;
	}
	return true;
}

static void *explain_lookup(const char *map, const void *key)
{
	/* Room for a value of each map; "&dmsc_" is in front of the name. */
	static struct {
		const char *name;
		union {
			struct dmsc_ctl ctl;
			struct dmsc_instance instance;
			struct dmsc_endpoint endpoint;
			struct dmsc_group group;
			struct dmsc_peer peer;
			struct dmsc_path path;
			struct dmsc_set set;
			struct dmsc_rule rule;
			struct dmsc_flow flow;
			struct dmsc_profile profile;
		} value;
	} values[] = {
		{ .name = "ctl" },    { .name = "instances" }, { .name = "endpoints" },
		{ .name = "groups" }, { .name = "peers" },     { .name = "paths" },
		{ .name = "rules" },  { .name = "flows" },     { .name = "profile" },
		{ .name = "sets" },
	};
	struct explain_step *step;
	bool found;
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		if (!strcmp(values[i].name, map + 6))
			break;
	}
	if (i == sizeof(values) / sizeof(values[0]))
		return NULL;
	found = !bpf_map_lookup_elem(dataplane_map(now.dp, map + 1), key, &values[i].value);
	step = &now.out->steps[now.out->nr_steps];
	if (now.out->nr_steps < EXPLAIN_MAX_STEPS &&
	    key_text(values[i].name, key, step->what, sizeof(step->what))) {
		step->table = values[i].name;
		step->found = found;
		now.out->nr_steps++;
	}
	return found ? &values[i].value : NULL;
}

/* As egress does for a socket, and connect() before it. */
static void explain_socket(const struct explain_flow *f, const struct control *c,
			   struct explain *out)
{
	struct ends e = {
		.peer = f->daddr,
		.local = f->saddr,
		.peer_port = htons(f->dport),
		.local_port = htons(f->sport),
		.proto = f->proto,
		.has_local = f->sport != 0,
		.has_ports = f->dport != 0,
	};
	struct dmsc_stamp s = { .flags = f->accepted ? DMSC_STAMP_F_PASSIVE : 0 };
	struct dmsc_instance *inst = NULL;
	struct policy p = { .class_mask = 0xff };

	for (uint32_t i = 0; i < f->nr_cgroups && !inst; i++)
		inst = instance_get(side_of(c->generation), f->cgroups[i]);
	dmsc_stamp_resolve(&s, c, inst, &e, &p);
	out->sid = s.sid;
	out->mic = inst ? inst->mic : 0;
	out->peer_sid = s.peer_sid;
	out->class = s.class;
	out->slot = s.slot;
	out->path = s.path;
	out->set = s.set;
	out->action = p.action;
	out->reason = p.reason;
	out->rule = p.rule;
	out->asked = p.flags & DMSC_CTL_POLICY && (p.src_sid || p.dst_sid);
}

/* By which interface it comes, and with which DSCP, is not known. */
static void explain_trust(void)
{
	struct explain_step *step = &now.out->steps[now.out->nr_steps];

	if (now.out->nr_steps == EXPLAIN_MAX_STEPS)
		return;
	step->table = "trusted";
	snprintf(step->what, sizeof(step->what),
		 "class by its DSCP if it comes by an interface of trust_dscp");
	step->found = false;
	now.out->nr_steps++;
}

/* As egress does for what no local socket sent (decide_flow, packet_denied). */
static void explain_forwarded(const struct explain_flow *f, const struct control *c,
			      struct explain *out)
{
	uint32_t side = side_of(c->generation);
	struct dmsc_flow_key key = {
		.saddr = f->saddr,
		.daddr = f->daddr,
		.sport = htons(f->sport),
		.dport = htons(f->dport),
		.proto = f->proto,
		.side = side,
	};
	struct policy p = { .side = side, .flags = c->flags };
	struct dmsc_endpoint *ep = NULL, *to;
	struct dmsc_flow *flow;

	flow = explain_lookup("&dmsc_flows", &key);
	if (!flow && key.sport) {
		key.sport = 0;
		flow = explain_lookup("&dmsc_flows", &key);
	}
	if (flow) {
		out->sid = flow->sid;
		out->class = flow->class;
		out->slot = flow->slot;
		out->path = way_path(side, flow->path, 0);
		out->set = flow->path & DMSC_PATH_SET ? flow->path : 0;
	}
	to = endpoint_get(side, &f->daddr, htons(f->dport), f->proto);
	if (to) {
		out->peer_sid = p.dst_sid = to->sid;
		p.dst_mic = to->mic;
		if (!flow)
			out->class = to->class;
	} else if (!flow) {
		ep = endpoint_get(side, &f->saddr, htons(f->sport), f->proto);
		if (ep)
			out->class = ep->class;
		else if (c->flags & DMSC_CTL_TRUST)
			explain_trust();
	}
	if (p.dst_sid && c->flags & DMSC_CTL_POLICY && (out->sid || !host_known(side, &f->saddr))) {
		p.src_sid = out->sid;
		out->asked = !dmsc_policy_ask(&p);
		out->action = p.action;
		out->reason = p.reason;
		out->rule = p.rule;
	}
}

int explain(struct dataplane *dp, const struct explain_flow *f, struct explain *out,
	    struct dmsc_error *err)
{
	struct dmsc_profile *profile;
	struct dmsc_path *path;
	struct dmsc_set *set;
	struct control c;
	uint32_t side;

	memset(out, 0, sizeof(*out));
	now.dp = dp;
	now.out = out;
	if (!control_read(&c))
		return dmsc_fail(err, -ENOENT, "no generation is in force");
	side = side_of(c.generation);
	out->generation = c.generation;
	out->flags = c.flags;
	if (f->local)
		explain_socket(f, &c, out);
	else
		explain_forwarded(f, &c, out);
	profile = explain_lookup("&dmsc_profile", &side);
	if (profile)
		out->dscp = profile->dscp[out->class & (DMSC_NR_CLASSES - 1)];
	set = set_get(side, out->set);
	if (set)
		out->ways = *set;
	path = path_get(side, out->path);
	if (path)
		out->hop = *path;
	return 0;
}

int explain_stamp(struct dataplane *dp, int fd, struct dmsc_stamp *out, struct dmsc_error *err)
{
	if (!bpf_map_lookup_elem(dataplane_map(dp, "dmsc_sockets"), &fd, out))
		return 0;
	return dmsc_fail(err, -errno, "dmsc_sockets: %s",
			 errno == ENOENT ? "this socket has no stamp" : strerror(errno));
}
