// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const action_names[] = {
	[DMSC_ACTION_ALLOW] = "allow",
	[DMSC_ACTION_DENY] = "deny",
	[DMSC_ACTION_AUDIT] = "audit",
};

const char *policy_action_name(uint8_t action)
{
	return action <= DMSC_ACTION_AUDIT ? action_names[action] : "?";
}

bool policy_in_use(const struct policy *p)
{
	return p->nr_rules || p->action != DMSC_ACTION_ALLOW;
}

uint32_t policy_flags(const struct policy *p)
{
	return (policy_in_use(p) ? DMSC_CTL_POLICY : 0) |
	       (p->action == DMSC_ACTION_DENY ? DMSC_CTL_DENY : 0) |
	       (p->action == DMSC_ACTION_AUDIT ? DMSC_CTL_AUDIT : 0);
}

/* ---- reading ---- */

static int action_parse(struct yaml_file *f, uint32_t line, const char *key, const char *text,
			uint8_t *out)
{
	for (uint8_t a = 0; a <= DMSC_ACTION_AUDIT; a++) {
		if (!strcmp(text, action_names[a])) {
			*out = a;
			return 0;
		}
	}
	return yaml_fail(f, line, "policy: %s: '%s', expected allow, deny or audit", key, text);
}

static int read_classes(struct yaml_file *f, yaml_node_t *node, uint8_t *mask)
{
	size_t n;
	int ret = yaml_sequence(f, node, "policy: classes", DMSC_NR_CLASSES, &n);

	if (ret)
		return ret;
	*mask = 0;
	for (size_t i = 0; i < n; i++) {
		yaml_node_t *item = yaml_item(f, node, i);
		int class = item->type == YAML_SCALAR_NODE ?
				    dmsc_class_parse((const char *)item->data.scalar.value) :
				    -1;

		if (class < 0)
			return yaml_fail(f, yaml_line(item),
					 "policy: classes: unknown class, expected control, gateway, tensor, expert, pipeline, data, default or bulk");
		*mask |= 1U << class;
	}
	if (!*mask)
		return yaml_fail(f, yaml_line(node),
				 "policy: classes: empty, expected classes, or action: deny");
	return 0;
}

static int read_rule(struct yaml_file *f, yaml_node_t *node, struct policy *p)
{
	struct {
		char from[MODEL_NAME_LEN], to[MODEL_NAME_LEN], action[MODEL_NAME_LEN];
		yaml_node_t *classes;
		uint64_t rate;
	} raw = { .action = "allow" };
	static const struct yaml_field fields[] = {
		YAML_FIELD("from", YAML_NAME, typeof(raw), from, true, 0, 0),
		YAML_FIELD("to", YAML_NAME, typeof(raw), to, true, 0, 0),
		YAML_FIELD("action", YAML_NAME, typeof(raw), action, false, 0, 0),
		YAML_FIELD("classes", YAML_SUBTREE, typeof(raw), classes, false, 0, 0),
		YAML_FIELD("rate", YAML_RATE, typeof(raw), rate, false, 8 * DMSC_RATE_MIN,
			   8 * DMSC_RATE_MAX),
	};
	struct policy_rule *r = &p->rules[p->nr_rules];
	int ret;

	ret = yaml_mapping(f, node, "policy: rules", fields, sizeof(fields) / sizeof(fields[0]),
			   &raw);
	if (ret)
		return ret;
	*r = (struct policy_rule){ .class_mask = 0xff, .rate = raw.rate, .line = yaml_line(node) };
	memcpy(r->from, raw.from, sizeof(r->from));
	memcpy(r->to, raw.to, sizeof(r->to));
	ret = action_parse(f, r->line, "action", raw.action, &r->action);
	if (!ret && raw.classes)
		ret = read_classes(f, raw.classes, &r->class_mask);
	if (!ret && raw.classes && r->action == DMSC_ACTION_DENY)
		ret = yaml_fail(f, r->line,
				"policy: classes: given with action: deny, expected none");
	if (!ret && raw.rate && r->action == DMSC_ACTION_DENY)
		ret = yaml_fail(f, r->line, "policy: rate: given with action: deny, expected none");
	if (!ret && (!strcmp(r->from, "any") || !strcmp(r->from, "outside")) &&
	    (!strcmp(r->to, "any") || !strcmp(r->to, "outside")) && !strcmp(r->from, r->to))
		ret = yaml_fail(f, r->line,
				"policy: rules: from %s to %s is no rule, expected default: %s",
				r->from, r->to, action_names[r->action]);
	for (uint32_t i = 0; i < p->nr_rules && !ret; i++) {
		if (!strcmp(p->rules[i].from, r->from) && !strcmp(p->rules[i].to, r->to))
			ret = yaml_fail(f, r->line,
					"policy: rules: from %s to %s given twice, expected once (first in line %u)",
					r->from, r->to, p->rules[i].line);
	}
	p->nr_rules++;
	return ret;
}

int policy_read(struct yaml_file *f, yaml_node_t *node, struct policy *out)
{
	struct {
		char action[MODEL_NAME_LEN];
		yaml_node_t *rules;
	} raw = { .action = "allow" };
	static const struct yaml_field fields[] = {
		YAML_FIELD("default", YAML_NAME, typeof(raw), action, false, 0, 0),
		YAML_FIELD("rules", YAML_SUBTREE, typeof(raw), rules, false, 0, 0),
	};
	struct policy *p = calloc(1, sizeof(*p));
	size_t n = 0;
	int ret;

	if (!p)
		return dmsc_fail(f->err, -ENOMEM, "%s: no memory", f->name);
	ret = yaml_mapping(f, node, "policy", fields, sizeof(fields) / sizeof(fields[0]), &raw);
	if (!ret)
		ret = action_parse(f, yaml_line(node), "default", raw.action, &p->action);
	if (!ret && raw.rules)
		ret = yaml_sequence(f, raw.rules, "policy: rules", POLICY_MAX_RULES, &n);
	for (size_t i = 0; i < n && !ret; i++)
		ret = read_rule(f, yaml_item(f, raw.rules, i), p);
	if (!ret)
		*out = *p;
	free(p);
	return ret;
}

/* ---- rows ---- */

/* Instances before clusters, so that a name that both have means the one. */
static bool find(const struct plan *plan, const char *name, uint32_t *id, uint8_t *who)
{
	*id = 0;
	if (!strcmp(name, "any") || !strcmp(name, "outside")) {
		*who = strcmp(name, "any") ? DMSC_WHO_OUTSIDE : DMSC_WHO_ANY;
		return true;
	}
	for (uint32_t i = 0; i < plan->nr_instances; i++) {
		if (!strcmp(plan->instances[i].name, name)) {
			*id = plan->instances[i].sid;
			*who = DMSC_WHO_SID;
			return true;
		}
	}
	for (uint32_t i = 0; i < plan->nr_mics; i++) {
		if (!strcmp(plan->mics[i].name, name)) {
			*id = plan->mics[i].id;
			*who = DMSC_WHO_MIC;
			return true;
		}
	}
	return false;
}

struct dmsc_rule_rate *policy_rates(const struct policy *p, size_t *n)
{
	struct dmsc_rule_rate *rates;
	bool any = false;

	for (uint32_t i = 0; i < p->nr_rules; i++)
		any |= p->rules[i].rate != 0;
	*n = any ? p->nr_rules + 1 : 0;
	rates = any ? calloc(*n, sizeof(*rates)) : NULL;
	for (uint32_t i = 0; rates && i < p->nr_rules; i++) {
		double bytes = p->rules[i].rate / 8.0, most = bytes * POLICY_BURST_MS / 1000;

		if (!p->rules[i].rate)
			continue;
		rates[i + 1].cost = 1e9 * (1 << DMSC_RATE_SHIFT) / bytes;
		rates[i + 1].burst = 1e9 * (most > POLICY_BURST ? most : POLICY_BURST) / bytes;
	}
	return rates;
}

int policy_rows(const struct policy *p, const struct plan *plan, struct dmsc_rule_key **keys,
		struct dmsc_rule **rules, size_t *n, struct dmsc_error *err)
{
	*n = 0;
	*keys = calloc(p->nr_rules + 1, sizeof(**keys));
	*rules = calloc(p->nr_rules + 1, sizeof(**rules));
	if (!*keys || !*rules)
		return dmsc_fail(err, -ENOMEM, "no memory for the policy");
	for (uint32_t i = 0; i < p->nr_rules; i++) {
		const struct policy_rule *r = &p->rules[i];
		struct dmsc_rule_key *k = &(*keys)[i];

		if (!find(plan, r->from, &k->src, &k->src_who) ||
		    !find(plan, r->to, &k->dst, &k->dst_who))
			return dmsc_fail(err, -EINVAL,
					 "policy: rules[%u] (line %u): %s: not in the plan, expected one of its instances or clusters, any or outside",
					 i, r->line,
					 find(plan, r->from, &k->src, &k->src_who) ? r->to :
										     r->from);
		(*rules)[i] = (struct dmsc_rule){
			.action = r->action,
			.class_mask = r->class_mask,
			.rate = r->rate ? i + 1 : 0,
			.number = i + 1,
		};
	}
	*n = p->nr_rules;
	return 0;
}
