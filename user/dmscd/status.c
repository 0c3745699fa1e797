// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dmscd/daemon.h"
#include "dmscd/datapath.h"
#include "dmscd/queuectl.h"
#include "dmscd/request.h"
#include "dmscd/rhythm.h"

static json_t *plan_json(const struct hostplan *hp)
{
	const struct plan *p = &hp->plan;

	return json_pack("{s:s, s:s, s:I, s:i, s:i, s:i, s:i}", "job", p->job, "source", p->source,
			 "applied", (json_int_t)hp->applied, "hosts", (int)p->nr_hosts, "instances",
			 (int)hp->nr_local, "instances_total", (int)p->nr_instances, "flows",
			 (int)p->nr_flows);
}

static json_t *bpf_json(struct daemon *d)
{
	json_t *o = json_pack("{s:s, s:s, s:I}", "pin_dir", d->conf.pin_dir, "state",
			      !d->conf.bpf	? "disabled" :
			      d->dp		? "loaded" :
			      d->dp_why.text[0] ? "unavailable" :
						  "off",
			      "generation", (json_int_t)datapath_generation(d));
	struct dmsc_ctl ctl;

	if (d->dp) {
		json_object_set_new(o, "method", json_string(dataplane_method(d->dp)));
		if (!dataplane_ctl(d->dp, &ctl)) {
			json_object_set_new(o, "steer", json_boolean(ctl.flags & DMSC_CTL_STEER));
			json_object_set_new(o, "dscp", json_boolean(ctl.flags & DMSC_CTL_DSCP));
			json_object_set_new(o, "trust_dscp",
					    json_boolean(ctl.flags & DMSC_CTL_TRUST));
		}
	} else if (d->dp_why.text[0]) {
		json_object_set_new(o, "why", json_string(d->dp_why.text));
	}
	return o;
}

static json_t *queues_json(struct daemon *d)
{
	struct queue_qdisc *qdiscs = NULL;
	char version[64] = "";
	json_t *o = json_object(), *list = json_array();
	uint32_t abi = 0;
	size_t n = 0;

	if (queuectl_open(d)) {
		json_object_set_new(o, "state",
				    json_string(d->conf.queues ? "missing" : "disabled"));
		json_object_set_new(o, "why", json_string(d->queues_why.text));
	} else {
		queues_version(d->queues, &abi, version, sizeof(version), NULL);
		json_object_set_new(o, "state", json_string("loaded"));
		json_object_set_new(o, "version", json_string(version));
		json_object_set_new(o, "abi", json_integer(abi));
		if (queues_get_qdiscs(d->queues, 0, &qdiscs, &n, NULL))
			n = 0;
	}
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list,
				      json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:i}", "ifindex",
						(int)qdiscs[i].ifindex, "handle",
						(json_int_t)qdiscs[i].handle, "parent",
						(json_int_t)qdiscs[i].parent, "packets",
						(json_int_t)qdiscs[i].stats.deq_packets, "bytes",
						(json_int_t)qdiscs[i].stats.deq_bytes, "drops",
						(json_int_t)qdiscs[i].stats.drop_packets, "backlog",
						(int)qdiscs[i].stats.backlog_bytes));
	free(qdiscs);
	json_object_set_new(o, "qdiscs", list);
	return o;
}

static json_t *interfaces_json(struct daemon *d)
{
	struct hostplan *hp = d->current;
	json_t *list = json_array();

	for (uint32_t i = 0; hp && i < hp->nr_rails; i++) {
		const char *name = hp->plan.topo.links[hp->rails[i].link].if_a;
		struct link_info now;

		if (link_get(d->rtnl, name, &now, NULL))
			memset(&now, 0, sizeof(now));
		json_array_append_new(list,
				      json_pack("{s:s, s:i, s:b, s:s, s:I}", "name", name,
						"ifindex", (int)now.ifindex, "up", now.up, "qdisc",
						now.qdisc, "rate",
						(json_int_t)hp->plan.topo.links[hp->rails[i].link]
							.rate));
	}
	return list;
}

static json_t *profile_json(const struct profile *p)
{
	json_t *dscp = json_object();

	for (unsigned int c = 0; c < DMSC_NR_CLASSES; c++)
		json_object_set_new(dscp, dmsc_class_name(c), json_integer(p->dscp[c]));
	return json_pack("{s:s, s:o}", "name", p->name, "dscp", dscp);
}

static json_t *history_json(struct daemon *d)
{
	struct registry_generation *list = NULL;
	json_t *out = json_array();
	size_t n = 0;

	if (registry_history(d->registry, 10, &list, &n, NULL))
		n = 0;
	for (size_t i = 0; i < n; i++)
		json_array_append_new(out, json_pack("{s:I, s:I, s:s, s:i, s:i}", "generation",
						     (json_int_t)list[i].generation, "applied",
						     (json_int_t)list[i].applied, "job", list[i].job,
						     "instances", (int)list[i].instances, "flows",
						     (int)list[i].flows));
	free(list);
	return out;
}

json_t *status_json(struct daemon *d)
{
	struct hostplan *hp = d->current;
	int up = 0, down = 0;
	json_t *o;

	for (uint32_t p = 1; hp && p < hp->tables.t.nr_paths; p++) {
		up += hp->paths[p].flags & DMSC_PATH_F_UP;
		down += !(hp->paths[p].flags & DMSC_PATH_F_UP);
	}
	o = json_pack("{s:s, s:s, s:i, s:i, s:I, s:s, s:I, s:o, s:o, s:o, s:o, s:{s:i, s:i}, s:o, s:o}",
		      "host", d->conf.host, "version", DMSC_VERSION, "abi", DMSC_ABI, "pid",
		      (int)getpid(), "started", (json_int_t)d->started, "state",
		      d->apply ? "applying" :
		      hp       ? "in force" :
				 "idle",
		      "generation", (json_int_t)(hp ? hp->generation : datapath_generation(d)),
		      "plan", hp ? plan_json(hp) : json_null(), "bpf", bpf_json(d), "queues",
		      queues_json(d), "interfaces", interfaces_json(d), "paths", "up", up, "down",
		      down, "profile", profile_json(&d->conf.profile), "history", history_json(d));
	if (!o)
		return NULL;
	json_object_set_new(o, "cgroup_root", json_string(d->conf.cgroup_root));
	json_object_set_new(o, "iterations", rhythm_json(d));
	json_object_set_new(o, "state_dir", json_string(d->conf.state));
	if (!hp && d->plan_why.text[0])
		json_object_set_new(o, "why", json_string(d->plan_why.text));
	return o;
}
