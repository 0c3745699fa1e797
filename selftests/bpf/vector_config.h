/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A generation from lines, for the vectors:
 *
 *   flags [steer] [dscp]
 *   policy allow|deny|audit          for what no rule is about
 *   rule FROM TO ACTION [CLASS...]   each end is any, outside, sid:N or mic:N
 *   host ADDR                        a host of the plan
 *   profile CLASS=DSCP...            which DSCP a class has; it stands for the class
 *   path NAME DEV NEXTHOP [up] [routed] [srv6 SEGMENT...] [udp PORT FROM] [label N]
 *   set NAME PATH...                 as many positions for each; may stand for a path
 *   endpoint ADDR PORT PROTO SID CLASS [MIC]
 *   flow SRC DST SPORT DPORT PROTO SID CLASS SLOT PATH     SPORT 0: any; PATH may be -
 *
 * PROTO is tcp, udp or a number.
 */
#ifndef DMSC_SELFTESTS_VECTOR_CONFIG_H
#define DMSC_SELFTESTS_VECTOR_CONFIG_H

#include <net/if.h>

#include "lib/encap.h"

#include "vector_packet.h"

#define VECTOR_ROWS  128
#define VECTOR_PATHS 32

struct vector_config {
	struct dataplane_tables t;
	struct dmsc_endpoint_key endpoint_keys[VECTOR_ROWS];
	struct dmsc_endpoint endpoints[VECTOR_ROWS];
	struct dmsc_flow_key flow_keys[VECTOR_ROWS];
	struct dmsc_flow flows[VECTOR_ROWS];
	struct dmsc_rule_key rule_keys[VECTOR_ROWS];
	struct dmsc_rule rules[VECTOR_ROWS];
	struct dmsc_path paths[VECTOR_PATHS];
	struct dmsc_encap encaps[VECTOR_PATHS];
	struct dmsc_set sets[VECTOR_PATHS];
	char path_names[VECTOR_PATHS][16], set_names[VECTOR_PATHS][16];
};

static const char *const vector_classes[DMSC_NR_CLASSES] = {
	"default", "bulk", "data", "pipeline", "expert", "tensor", "gateway", "control",
};

static inline int vector_class(const char *name)
{
	for (int c = 0; c < DMSC_NR_CLASSES; c++) {
		if (!strcmp(vector_classes[c], name))
			return c;
	}
	tap_fail("# '%s' is no class", name);
}

static inline struct dmsc_addr vector_addr(const char *text)
{
	struct dmsc_addr a = V4(0, 0, 0, 0);
	int ok = strchr(text, ':') ? inet_pton(AF_INET6, text, a.b) :
				     inet_pton(AF_INET, text, a.b + 12);

	CHECK(ok == 1, "'%s' is no address", text);
	return a;
}

static inline uint8_t vector_ipproto(const char *text)
{
	if (!strcmp(text, "tcp"))
		return IPPROTO_TCP;
	if (!strcmp(text, "udp"))
		return IPPROTO_UDP;
	return vector_number(text, 255);
}

static inline uint32_t vector_path(const struct vector_config *c, const char *name)
{
	if (!strcmp(name, "-"))
		return DMSC_PATH_NONE;
	for (size_t p = 1; p < c->t.nr_paths; p++) {
		if (!strcmp(c->path_names[p], name))
			return p;
	}
	for (size_t s = 0; s < c->t.nr_sets; s++) {
		if (!strcmp(c->set_names[s], name))
			return DMSC_PATH_SET | s;
	}
	tap_fail("# '%s' is no path", name);
}

static inline void vector_config_init(struct vector_config *c)
{
	memset(c, 0, sizeof(*c));
	c->t.endpoint_keys = c->endpoint_keys;
	c->t.endpoints = c->endpoints;
	c->t.flow_keys = c->flow_keys;
	c->t.flows = c->flows;
	c->t.rule_keys = c->rule_keys;
	c->t.rules = c->rules;
	c->t.paths = c->paths;
	c->t.nr_paths = 1;
	c->t.encaps = c->encaps;
	c->t.nr_encaps = 1;
	c->t.sets = c->sets;
	memset(c->t.profile.class_of, 0xff, sizeof(c->t.profile.class_of));
}

static inline bool vector_has(char **w, int n, const char *word)
{
	for (int i = 0; i < n; i++) {
		if (!strcmp(w[i], word))
			return true;
	}
	return false;
}

static inline void config_profile(struct vector_config *c, char **w, int n)
{
	for (int i = 0; i < n; i++) {
		char *eq = strchr(w[i], '=');
		uint8_t dscp;
		int class;

		CHECK(eq, "'%s', expected CLASS=DSCP", w[i]);
		*eq = '\0';
		class = vector_class(w[i]);
		dscp = vector_number(eq + 1, 63);
		c->t.profile.dscp[class] = dscp;
		c->t.profile.class_of[dscp] = class;
	}
}

/* What stands behind a path's flags: how it is encapsulated, or nothing. */
static inline uint32_t config_encap(struct vector_config *c, char **w, int n)
{
	struct dmsc_addr here = vector_addr("192.0.2.1"), there = vector_addr("192.0.2.2");
	struct plan_encap e = { .source = here, .target = there };
	uint32_t at = c->t.nr_encaps;

	if (!n)
		return 0;
	if (!strcmp(w[0], "srv6")) {
		e.kind = PATH_SRV6;
		e.source = vector_addr("2001:db8::1");
		CHECK(n > 1 && n <= 1 + DMSC_MAX_SEGMENTS, "srv6 SEGMENT...");
		while (--n)
			e.segments[e.nr_segments++] = vector_addr(*++w);
	} else if (!strcmp(w[0], "udp") && n == 3) {
		e.kind = PATH_UDP;
		e.port = vector_number(w[1], UINT16_MAX);
		e.entropy = vector_number(w[2], UINT16_MAX);
	} else if (!strcmp(w[0], "label") && n == 2) {
		e.kind = PATH_LABEL;
		e.entropy = vector_number(w[1], 0xfffff);
	} else {
		tap_fail("# '%s' is nothing to put around packets", w[0]);
	}
	encap_build(&e, &here, &there, &c->encaps[at]);
	c->t.nr_encaps++;
	return at;
}

static inline void config_set(struct vector_config *c, char **w, int n)
{
	size_t s = c->t.nr_sets;
	struct dmsc_set *set = &c->sets[s];

	CHECK(s < VECTOR_PATHS && n > 1 && n <= 1 + DMSC_MAX_WAYS, "set NAME PATH...");
	snprintf(c->set_names[s], sizeof(c->set_names[s]), "%s", w[0]);
	for (int i = 1; i < n; i++) {
		set->path[i - 1] = vector_path(c, w[i]);
		set->weight[i - 1] = 1;
	}
	set->nr = n - 1;
	for (int i = 0; i < DMSC_SET_SLOTS; i++)
		set->slot[i] = i % set->nr;
	c->t.nr_sets++;
}

static inline void config_path(struct vector_config *c, char **w, int n)
{
	int more = 3;

	size_t p = c->t.nr_paths++;

	CHECK(p < VECTOR_PATHS && n >= 3, "path NAME DEV NEXTHOP");
	snprintf(c->path_names[p], sizeof(c->path_names[p]), "%s", w[0]);
	/* An interface that is not there is what some vectors are about. */
	c->paths[p].ifindex = if_nametoindex(w[1]) ?: 4711;
	c->paths[p].nexthop = vector_addr(w[2]);
	c->paths[p].family = strchr(w[2], ':') ? AF_INET6 : AF_INET;
	c->paths[p].flags = (vector_has(w, n, "up") ? DMSC_PATH_F_UP : 0) |
			    (vector_has(w, n, "routed") ? DMSC_PATH_F_ROUTED : 0);
	while (more < n && (!strcmp(w[more], "up") || !strcmp(w[more], "routed")))
		more++;
	c->paths[p].encap = config_encap(c, w + more, n - more);
}

static inline uint8_t vector_action(const char *text)
{
	CHECK(!strcmp(text, "allow") || !strcmp(text, "deny") || !strcmp(text, "audit"),
	      "'%s' is no action", text);
	return !strcmp(text, "allow") ? DMSC_ACTION_ALLOW :
	       !strcmp(text, "deny")  ? DMSC_ACTION_DENY :
					DMSC_ACTION_AUDIT;
}

static inline void config_policy(struct vector_config *c, const char *text)
{
	uint8_t action = vector_action(text);

	c->t.flags |= DMSC_CTL_POLICY | (action == DMSC_ACTION_DENY  ? DMSC_CTL_DENY :
					 action == DMSC_ACTION_AUDIT ? DMSC_CTL_AUDIT :
								       0);
}

static inline uint8_t vector_who(const char *text, uint32_t *id)
{
	*id = 0;
	if (!strcmp(text, "any"))
		return DMSC_WHO_ANY;
	if (!strcmp(text, "outside"))
		return DMSC_WHO_OUTSIDE;
	CHECK(!strncmp(text, "sid:", 4) || !strncmp(text, "mic:", 4), "'%s'", text);
	*id = vector_number(text + 4, UINT32_MAX);
	return *text == 's' ? DMSC_WHO_SID : DMSC_WHO_MIC;
}

static inline void config_rule(struct vector_config *c, char **w, int n)
{
	size_t i = c->t.nr_rules++;
	struct dmsc_rule_key *k = &c->rule_keys[i];
	uint8_t mask = 0;

	CHECK(i < VECTOR_ROWS && n >= 3, "rule FROM TO ACTION");
	k->src_who = vector_who(w[0], &k->src);
	k->dst_who = vector_who(w[1], &k->dst);
	for (int class = 3; class < n; class ++)
		mask |= 1U << vector_class(w[class]);
	c->rules[i] = (struct dmsc_rule){
		.action = vector_action(w[2]),
		.class_mask = mask ?: 0xff,
		.number = i + 1,
	};
}

static inline void config_endpoint(struct vector_config *c, char **w, int n)
{
	size_t i = c->t.nr_endpoints++;

	CHECK(i < VECTOR_ROWS, "too many endpoints");
	c->endpoint_keys[i].addr = vector_addr(w[0]);
	if (n < 5)
		return; /* a host */
	c->endpoint_keys[i].port = htons(vector_number(w[1], UINT16_MAX));
	c->endpoint_keys[i].proto = vector_ipproto(w[2]);
	c->endpoints[i] = (struct dmsc_endpoint){
		.sid = vector_number(w[3], UINT32_MAX),
		.class = vector_class(w[4]),
		.mic = n > 5 ? vector_number(w[5], UINT32_MAX) : 0,
	};
}

/* One line, as words. */
static inline void vector_config_line(struct vector_config *c, char **w, int n)
{
	size_t i;

	if (!strcmp(w[0], "flags")) {
		c->t.flags |= (vector_has(w, n, "steer") ? DMSC_CTL_STEER : 0) |
			      (vector_has(w, n, "dscp") ? DMSC_CTL_DSCP : 0);
	} else if (!strcmp(w[0], "profile")) {
		config_profile(c, w + 1, n - 1);
	} else if (!strcmp(w[0], "path")) {
		config_path(c, w + 1, n - 1);
	} else if (!strcmp(w[0], "set")) {
		config_set(c, w + 1, n - 1);
	} else if (!strcmp(w[0], "policy") && n == 2) {
		config_policy(c, w[1]);
	} else if (!strcmp(w[0], "rule")) {
		config_rule(c, w + 1, n - 1);
	} else if ((!strcmp(w[0], "host") && n == 2) ||
		   (!strcmp(w[0], "endpoint") && (n == 6 || n == 7))) {
		config_endpoint(c, w + 1, n - 1);
	} else if (!strcmp(w[0], "flow") && n == 10) {
		i = c->t.nr_flows++;
		CHECK(i < VECTOR_ROWS, "too many flows");
		c->flow_keys[i] = (struct dmsc_flow_key){
			.saddr = vector_addr(w[1]),
			.daddr = vector_addr(w[2]),
			.sport = htons(vector_number(w[3], UINT16_MAX)),
			.dport = htons(vector_number(w[4], UINT16_MAX)),
			.proto = vector_ipproto(w[5]),
		};
		c->flows[i] = (struct dmsc_flow){
			.sid = vector_number(w[6], UINT32_MAX),
			.class = vector_class(w[7]),
			.slot = vector_number(w[8], DMSC_NR_SLOTS - 1),
			.path = vector_path(c, w[9]),
		};
	} else {
		tap_fail("# '%s' with %d words is no line of a configuration", w[0], n);
	}
}

#endif /* DMSC_SELFTESTS_VECTOR_CONFIG_H */
