// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscd/policy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "dmscd/daemon.h"
#include "lib/log.h"
#include "lib/neigh.h"

static const char *const hook_names[DMSC_NR_HOOKS] = {
	[DMSC_HOOK_CONNECT] = "connect", [DMSC_HOOK_BIND] = "bind",	  [DMSC_HOOK_SEND] = "send",
	[DMSC_HOOK_EGRESS] = "egress",	 [DMSC_HOOK_INGRESS] = "ingress",
};

static const char *const reason_names[DMSC_REASON_RATE + 1] = {
	[DMSC_REASON_RULE] = "rule",   [DMSC_REASON_DEFAULT] = "default",
	[DMSC_REASON_CLASS] = "class", [DMSC_REASON_FOREIGN] = "foreign",
	[DMSC_REASON_AUDIT] = "audit", [DMSC_REASON_RATE] = "rate",
};

static const char *name_of_sid(const struct daemon *d, uint32_t sid)
{
	const struct hostplan *hp = d->current;

	for (uint32_t i = 0; sid && hp && i < hp->plan.nr_instances; i++)
		if (hp->plan.instances[i].sid == sid)
			return hp->plan.instances[i].name;
	return NULL;
}

static json_t *end_json(const struct daemon *d, uint32_t sid)
{
	const char *name = name_of_sid(d, sid);

	return json_pack("{s:I, s:s?}", "sid", (json_int_t)sid, "name", name);
}

static void on_packet(struct daemon *d, const struct dmsc_sample *s, const char *dev)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];

	daemon_event(d, "packet",
		     json_pack("{s:o, s:s, s:i, s:s, s:i, s:i, s:s, s:i, s:s, s:b, s:i, s:I}",
			       "local", end_json(d, s->sid), "from",
			       dmsc_addr_format(&s->saddr, from), "from_port", (int)ntohs(s->sport),
			       "to", dmsc_addr_format(&s->daddr, to), "to_port",
			       (int)ntohs(s->dport), "protocol", (int)s->proto, "class",
			       dmsc_class_name(s->class), "slot", (int)s->slot, "interface", dev,
			       "steered", s->verdict == DMSC_VERDICT_STEERED, "length",
			       (int)s->length, "generation", (json_int_t)s->generation));
}

static void on_sample(const struct dmsc_sample *s, void *arg)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN], dev[IF_NAMESIZE] = "";
	struct daemon *d = arg;

	if (s->hook >= DMSC_NR_HOOKS || s->reason > DMSC_REASON_RATE)
		return;
	if (s->ifindex && !if_indextoname(s->ifindex, dev))
		dev[0] = '\0';
	if (s->kind == DMSC_SAMPLE_PACKET)
		on_packet(d, s, dev);
	if (s->kind != DMSC_SAMPLE_POLICY)
		return;
	daemon_event(d, s->reason == DMSC_REASON_AUDIT ? "audit" : "denied",
		     json_pack("{s:s, s:s, s:I, s:s, s:o, s:o, s:s, s:i, s:s, s:i, s:i, s:s}",
			       "hook", hook_names[s->hook], "reason", reason_names[s->reason],
			       "rule", (json_int_t)s->rule, "class", dmsc_class_name(s->class),
			       "local", end_json(d, s->sid), "peer", end_json(d, s->peer_sid),
			       "from", dmsc_addr_format(&s->saddr, from), "from_port",
			       (int)ntohs(s->sport), "to", dmsc_addr_format(&s->daddr, to), "to_port",
			       (int)ntohs(s->dport), "protocol", (int)s->proto, "interface", dev));
}

static int on_samples(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct daemon *d = arg;

	(void)source, (void)fd, (void)revents;
	dataplane_events(d->dp, on_sample, d);
	return 0;
}

static int on_trace_end(sd_event_source *source, uint64_t usec, void *arg)
{
	struct daemon *d = arg;

	(void)source, (void)usec;
	if (d->dp)
		dataplane_trace(d->dp, false);
	d->trace_end = sd_event_source_disable_unref(d->trace_end);
	return 0;
}

/* A timer ends it, so that a client that dies leaves nothing switched on. */
int policy_trace(struct daemon *d, uint32_t seconds, struct dmsc_error *err)
{
	uint64_t now;

	if (!d->dp || !d->current)
		return dmsc_fail(err, -ENOENT, "trace: no plan is in force with a BPF data path");
	d->trace_end = sd_event_source_disable_unref(d->trace_end);
	if (sd_event_now(d->event, CLOCK_MONOTONIC, &now) < 0 ||
	    sd_event_add_time(d->event, &d->trace_end, CLOCK_MONOTONIC, now + seconds * 1000000ULL,
			      0, on_trace_end, d) < 0)
		return dmsc_fail(err, -ENOMEM, "trace: no timer");
	dataplane_trace(d->dp, true);
	return 0;
}

void policy_watch(struct daemon *d)
{
	struct dmsc_error err;
	int fd;

	if (!d->dp || d->policy_events)
		return;
	/* What an earlier daemon could not switch off any more. */
	dataplane_trace(d->dp, false);
	fd = dataplane_events_fd(d->dp, &err);
	if (fd < 0)
		log_warn("policy: denials are counted but not shown: %s", err.text);
	else if (sd_event_add_io(d->event, &d->policy_events, fd, EPOLLIN, on_samples, d) < 0)
		log_warn("policy: denials are counted but not shown: no event source");
}

void policy_unwatch(struct daemon *d)
{
	if (d->dp && d->trace_end)
		dataplane_trace(d->dp, false);
	d->trace_end = sd_event_source_disable_unref(d->trace_end);
	d->policy_events = sd_event_source_disable_unref(d->policy_events);
}

static json_t *rule_json(const struct policy_rule *r, uint32_t number)
{
	json_t *classes = json_array();

	for (unsigned int c = 0; c < DMSC_NR_CLASSES && r->class_mask != 0xff; c++)
		if (r->class_mask >> c & 1)
			json_array_append_new(classes, json_string(dmsc_class_name(c)));
	return json_pack("{s:I, s:s, s:s, s:s, s:I, s:o}", "rule", (json_int_t)number, "from",
			 r->from, "to", r->to, "action", policy_action_name(r->action), "rate",
			 (json_int_t)r->rate, "classes", classes);
}

static void add_denial(json_t *out, int hook, int reason, const struct dmsc_denial *n)
{
	if (n->count)
		json_array_append_new(out,
				      json_pack("{s:s, s:s, s:I, s:I, s:I}", "hook", hook_names[hook],
						"reason", reason_names[reason], "count",
						(json_int_t)n->count, "bytes", (json_int_t)n->bytes,
						"sampled", (json_int_t)n->sampled));
}

static int denials_json(struct daemon *d, json_t *out, struct dmsc_error *err)
{
	struct dmsc_denial n[DMSC_NR_HOOKS][DMSC_NR_REASONS], exceeded[DMSC_NR_HOOKS];
	int ret = d->dp ? dataplane_denials(d->dp, n, err) : 0;

	if (d->dp && !ret)
		ret = dataplane_exceeded(d->dp, exceeded, err);
	for (int h = 0; h < DMSC_NR_HOOKS && d->dp && !ret; h++) {
		for (int r = 0; r < DMSC_NR_REASONS; r++)
			add_denial(out, h, r, &n[h][r]);
		add_denial(out, h, DMSC_REASON_RATE, &exceeded[h]);
	}
	return ret;
}

int policy_json(struct daemon *d, json_t **answer, struct dmsc_error *err)
{
	json_t *rules = json_array(), *denials = json_array();
	const struct policy *p = &d->conf.policy;
	int ret = denials_json(d, denials, err);

	for (uint32_t i = 0; i < p->nr_rules; i++)
		json_array_append_new(rules, rule_json(&p->rules[i], i + 1));
	*answer = json_pack("{s:s, s:b, s:o, s:o}", "default", policy_action_name(p->action),
			    "in_use", policy_in_use(p) && d->current && d->dp, "rules", rules,
			    "denials", denials);
	return ret;
}
