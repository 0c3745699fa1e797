/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Who may talk to whom: the rule that decides about a pair. No context and no
 * helper but map look-ups, so that userspace can ask the same question of the
 * same code (dmscctl explain).
 */
#ifndef DMSC_BPF_POLICY_H
#define DMSC_BPF_POLICY_H

#include <stdbool.h>

#include "maps.h"

/*
 * A question, its answer, and for the report what it is about. SID 0: that end
 * is no instance.
 */
struct policy {
	__u32 src_sid, src_mic;
	__u32 dst_sid, dst_mic;
	__u32 side;
	__u32 flags;		/* DMSC_CTL_* */
	__u32 rule;		/* number, 0: the default decided */
	__u8 action;		/* enum dmsc_action */
	__u8 class_mask;
	__u8 reason;		/* enum dmsc_reason */
	__u8 hook;		/* enum dmsc_hook */
	__u32 ifindex, length, packets;	/* of a packet, else 0, 0 and 1 */
	__u8 traced;		/* 0: policy; else verdict + 1 of a packet */
	__u8 reserved;
	__u16 rate;		/* of the rule, number in dmsc_rates; 0 none */
};

/*
 * How specific source (high digit) and destination (low digit) are taken in
 * each step: 2 the end itself, 1 its MIC, 0 anybody. The first step has the
 * lowest digits.
 */
#define POLICY_STEPS	8
#define POLICY_ORDER	0x0110022011122122ULL

static __always_inline bool policy_end(__u32 sid, __u32 mic, __u32 level, __u32 *id, __u8 *who)
{
	*id = level == 2 ? sid : level == 1 ? mic : 0;
	*who = level == 0 ? DMSC_WHO_ANY : level == 1 ? DMSC_WHO_MIC :
	       sid ? DMSC_WHO_SID : DMSC_WHO_OUTSIDE;
	return level != 1 || (sid && mic);
}

/*
 * A global function: the verifier looks at it once and not at each call. Fills
 * the answer in @p. Returns 0, and nonzero when there is no question.
 */
__weak int dmsc_policy_ask(struct policy *p)
{
	__u64 order = POLICY_ORDER;
	struct dmsc_rule_key key = {};
	struct dmsc_rule *rule;
	int i;

	if (!p)
		return 1;
	p->action = DMSC_ACTION_ALLOW;
	p->class_mask = 0xff;
	p->reason = DMSC_REASON_AUDIT;
	p->rule = 0;
	p->rate = 0;
	if (!(p->flags & DMSC_CTL_POLICY) || (!p->src_sid && !p->dst_sid))
		return 1;

	key.side = p->side;
	for (i = 0; i < POLICY_STEPS; i++, order >>= 8) {
		if (!policy_end(p->src_sid, p->src_mic, order >> 4 & 15, &key.src, &key.src_who) ||
		    !policy_end(p->dst_sid, p->dst_mic, order & 15, &key.dst, &key.dst_who))
			continue;
		rule = bpf_map_lookup_elem(&dmsc_rules, &key);
		if (!rule)
			continue;
		p->rule = rule->number;
		p->action = rule->action;
		p->class_mask = rule->class_mask;
		p->rate = rule->rate;
		if (p->action == DMSC_ACTION_DENY)
			p->reason = DMSC_REASON_RULE;
		return 0;
	}
	if (p->flags & DMSC_CTL_DENY) {
		p->action = DMSC_ACTION_DENY;
		p->reason = DMSC_REASON_DEFAULT;
	} else if (p->flags & DMSC_CTL_AUDIT) {
		p->action = DMSC_ACTION_AUDIT;
	}
	return 0;
}

#endif /* DMSC_BPF_POLICY_H */
