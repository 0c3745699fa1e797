/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who may talk to whom, as a host's configuration says it: rules between
 * instances, clusters of them (MICs), anybody, and the outside.
 */
#ifndef DMSC_LIB_POLICY_H
#define DMSC_LIB_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/model.h"
#include "lib/yaml.h"

#define POLICY_MAX_RULES 256 /* each may have a rate */
#define POLICY_BURST_MS	 10
#define POLICY_BURST	 (128 << 10)

struct policy_rule {
	char from[MODEL_NAME_LEN]; /* an instance, a MIC, "any" or "outside" */
	char to[MODEL_NAME_LEN];
	uint8_t action;	    /* enum dmsc_action */
	uint8_t class_mask; /* bit n: class n; 0xff: no limit */
	uint64_t rate;	    /* bit/s, of all that its senders send together; 0: no limit */
	uint32_t line;	    /* in the file, for messages */
};

struct policy {
	uint8_t action; /* of what no rule is about */
	uint32_t nr_rules;
	struct policy_rule rules[POLICY_MAX_RULES];
};

const char *policy_action_name(uint8_t action);

/** policy_in_use - does it say anything at all? */
bool policy_in_use(const struct policy *p);

/** policy_flags - DMSC_CTL_* that go with it */
uint32_t policy_flags(const struct policy *p);

/**
 * policy_read - the mapping @node: default, rules
 *
 * -EINVAL with "file:line: field: what, expected what"; then @out is not touched.
 */
int policy_read(struct yaml_file *f, yaml_node_t *node, struct policy *out);

/**
 * policy_rates - the rows of dmsc_rates, by the rules' numbers
 *
 * A rule may send POLICY_BURST_MS of its rate at once, and at least POLICY_BURST bytes, so that a
 * GSO packet has room. To be freed by the caller; NULL without rates, or without memory, which
 * *n tells: 0, or 1 more than there are rules.
 */
struct dmsc_rule_rate *policy_rates(const struct policy *p, size_t *n);

/**
 * policy_rows - the rows of dmsc_rules for @plan
 *
 * *keys and *rules are to be freed by the caller. -EINVAL when a rule names
 * something that the plan does not know.
 */
int policy_rows(const struct policy *p, const struct plan *plan, struct dmsc_rule_key **keys,
		struct dmsc_rule **rules, size_t *n, struct dmsc_error *err);

#endif /* DMSC_LIB_POLICY_H */
