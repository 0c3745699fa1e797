// SPDX-License-Identifier: GPL-2.0
/*
 * Changing classes and queues. Everything is checked and allocated first; the
 * commit, under each qdisc's lock, cannot fail.
 */
#include <linux/rtnetlink.h>

#include "netlink.h"

struct class_change {
	u32 set;			/* attributes given, bit n: DMSC_CLASS_A n */
	struct dmsc_class_config cfg;
};

/* Attributes of a class that are a u32, and where the configuration has them. */
static const struct {
	u16 attr, at;
} class_fields[] = {
	{ DMSC_CLASS_A_MODE,		offsetof(struct dmsc_class_config, mode) },
	{ DMSC_CLASS_A_WEIGHT,		offsetof(struct dmsc_class_config, weight) },
	{ DMSC_CLASS_A_SHARE,		offsetof(struct dmsc_class_config, share) },
	{ DMSC_CLASS_A_LIMIT,		offsetof(struct dmsc_class_config, limit) },
	{ DMSC_CLASS_A_ECN,		offsetof(struct dmsc_class_config, ecn) },
	{ DMSC_CLASS_A_CODEL,		offsetof(struct dmsc_class_config, codel) },
	{ DMSC_CLASS_A_TARGET,		offsetof(struct dmsc_class_config, target) },
	{ DMSC_CLASS_A_INTERVAL,	offsetof(struct dmsc_class_config, interval) },
	{ DMSC_CLASS_A_FAIR,		offsetof(struct dmsc_class_config, fair) },
	{ DMSC_CLASS_A_STARVE,		offsetof(struct dmsc_class_config, starve) },
};

static u32 *class_field(struct dmsc_class_config *cfg, int i)
{
	return (u32 *)((char *)cfg + class_fields[i].at);
}

static void merge(struct dmsc_class_config *cfg, const struct class_change *change)
{
	struct dmsc_class_config from = change->cfg;
	int i;

	for (i = 0; i < ARRAY_SIZE(class_fields); i++) {
		if (change->set & BIT(class_fields[i].attr))
			*class_field(cfg, i) = *class_field(&from, i);
	}
	if (change->set & BIT(DMSC_CLASS_A_CEIL))
		cfg->ceil = from.ceil;
}

/* For ranges wider than a policy's s16: 0 none given, or inside. */
static int outside(const struct nlattr *attr, u64 min, u64 max)
{
	u64 v;

	if (!attr)
		return 0;
	v = nla_len(attr) == sizeof(u64) ? nla_get_u64(attr) : nla_get_u32(attr);
	return v >= min && v <= max ? 0 : -ERANGE;
}

static int rate_outside(const struct nlattr *attr)
{
	if (!attr || !nla_get_u64(attr))
		return 0;
	return outside(attr, DMSC_RATE_MIN, DMSC_RATE_MAX);
}

static int check_class_ranges(struct nlattr **tb, struct netlink_ext_ack *extack)
{
	if (outside(tb[DMSC_CLASS_A_LIMIT], DMSC_LIMIT_MIN, DMSC_LIMIT_MAX)) {
		NL_SET_ERR_MSG_ATTR(extack, tb[DMSC_CLASS_A_LIMIT],
				    "limit must be 2048 bytes to 1 GiB");
		return -ERANGE;
	}
	if (rate_outside(tb[DMSC_CLASS_A_CEIL])) {
		NL_SET_ERR_MSG_ATTR(extack, tb[DMSC_CLASS_A_CEIL],
				    "ceiling must be 0 or 10^3 to 10^12 bytes a second");
		return -ERANGE;
	}
	if (outside(tb[DMSC_CLASS_A_TARGET], 1, DMSC_TARGET_MAX)) {
		NL_SET_ERR_MSG_ATTR(extack, tb[DMSC_CLASS_A_TARGET],
				    "target must be 1 to 1000000 microseconds");
		return -ERANGE;
	}
	if (outside(tb[DMSC_CLASS_A_INTERVAL], 1, DMSC_INTERVAL_MAX)) {
		NL_SET_ERR_MSG_ATTR(extack, tb[DMSC_CLASS_A_INTERVAL],
				    "interval must be 1 to 10000000 microseconds");
		return -ERANGE;
	}
	if (outside(tb[DMSC_CLASS_A_STARVE], 0, DMSC_STARVE_MAX)) {
		NL_SET_ERR_MSG_ATTR(extack, tb[DMSC_CLASS_A_STARVE],
				    "starve must be at most 3600000 milliseconds");
		return -ERANGE;
	}
	return 0;
}

static int parse_class(struct nlattr *nest, struct class_change *changes,
		       struct netlink_ext_ack *extack)
{
	struct nlattr *tb[DMSC_CLASS_A_MAX + 1];
	struct class_change *change;
	int err, i;

	/* The family's policy has validated the contents. */
	err = nla_parse_nested(tb, DMSC_CLASS_A_MAX, nest, NULL, extack);
	if (err)
		return err;
	if (!tb[DMSC_CLASS_A_ID]) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "class without an id");
		return -EINVAL;
	}
	change = &changes[nla_get_u32(tb[DMSC_CLASS_A_ID])];
	if (change->set) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "class named twice");
		return -EINVAL;
	}
	err = check_class_ranges(tb, extack);
	if (err)
		return err;
	for (i = 1; i <= DMSC_CLASS_A_MAX; i++) {
		if (tb[i])
			change->set |= BIT(i);
	}
	for (i = 0; i < ARRAY_SIZE(class_fields); i++) {
		if (tb[class_fields[i].attr])
			*class_field(&change->cfg, i) = nla_get_u32(tb[class_fields[i].attr]);
	}
	if (tb[DMSC_CLASS_A_CEIL])
		change->cfg.ceil = nla_get_u64(tb[DMSC_CLASS_A_CEIL]);
	return 0;
}

static int target(struct genl_info *info, u32 *ifindex, u32 *handle)
{
	if (GENL_REQ_ATTR_CHECK(info, DMSC_A_IFINDEX)) {
		NL_SET_ERR_MSG(info->extack, "no interface given");
		return -EINVAL;
	}
	*ifindex = nla_get_u32(info->attrs[DMSC_A_IFINDEX]);
	*handle = info->attrs[DMSC_A_HANDLE] ? nla_get_u32(info->attrs[DMSC_A_HANDLE]) : 0;
	return 0;
}

static int check_classes(struct dmsc_qdisc *q, const struct class_change *changes,
			 struct netlink_ext_ack *extack)
{
	struct dmsc_class_config cfg[DMSC_NR_CLASSES];
	u32 c;

	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		cfg[c] = q->sched.class[c].cfg;
		merge(&cfg[c], &changes[c]);
	}
	if (!dmsc_sched_check(cfg)) {
		NL_SET_ERR_MSG(extack, "guaranteed shares add up to more than 900 permille");
		return -ERANGE;
	}
	return 0;
}

int dmsc_nl_class_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct class_change changes[DMSC_NR_CLASSES] = { 0 };
	struct dmsc_net *dn = dmsc_net(genl_info_net(info));
	struct dmsc_class_config cfg;
	u32 ifindex, handle, c;
	struct dmsc_qdisc *q;
	struct nlattr *attr;
	int err, rem, found = 0;

	err = target(info, &ifindex, &handle);
	if (err)
		return err;
	if (!info->attrs[DMSC_A_CLASS]) {
		NL_SET_ERR_MSG(info->extack, "no class given");
		return -EINVAL;
	}
	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) != DMSC_A_CLASS)
			continue;
		err = parse_class(attr, changes, info->extack);
		if (err)
			return err;
	}

	rtnl_lock();
	list_for_each_entry(q, &dn->qdiscs, node) {
		if (!dmsc_qdisc_matches(q, ifindex, handle))
			continue;
		found++;
		err = check_classes(q, changes, info->extack);
		if (err)
			goto unlock;
	}
	if (!found) {
		NL_SET_ERR_MSG(info->extack, "no dmsc qdisc on this interface");
		err = -ENOENT;
		goto unlock;
	}
	list_for_each_entry(q, &dn->qdiscs, node) {
		if (!dmsc_qdisc_matches(q, ifindex, handle))
			continue;
		sch_tree_lock(q->sch);
		for (c = 0; c < DMSC_NR_CLASSES; c++) {
			if (!changes[c].set)
				continue;
			cfg = q->sched.class[c].cfg;
			merge(&cfg, &changes[c]);
			dmsc_sched_configure(&q->sched, c, &cfg);
		}
		dmsc_kick(q);
		sch_tree_unlock(q->sch);
	}
unlock:
	rtnl_unlock();
	return err;
}

struct queue_change {
	u32 slot, class;
	struct dmsc_queue_config cfg;
};

static u32 u32_or(const struct nlattr *attr, u32 otherwise)
{
	return attr ? nla_get_u32(attr) : otherwise;
}

static u64 u64_or(const struct nlattr *attr, u64 otherwise)
{
	return attr ? nla_get_u64(attr) : otherwise;
}

static int parse_queue_rates(struct nlattr **tb, struct dmsc_queue_config *cfg,
			     struct netlink_ext_ack *extack)
{
	int i;

	for (i = DMSC_QUEUE_A_RATE; i <= DMSC_QUEUE_A_CEIL; i++) {
		if (rate_outside(tb[i])) {
			NL_SET_ERR_MSG_ATTR(extack, tb[i],
					    "rates must be 0 or 10^3 to 10^12 bytes a second");
			return -ERANGE;
		}
	}
	cfg->rate = u64_or(tb[DMSC_QUEUE_A_RATE], 0);
	cfg->ceil = u64_or(tb[DMSC_QUEUE_A_CEIL], 0);
	if (cfg->ceil && cfg->ceil < cfg->rate) {
		NL_SET_ERR_MSG_ATTR(extack, tb[DMSC_QUEUE_A_CEIL],
				    "ceiling must not be below the rate");
		return -EINVAL;
	}
	return 0;
}

static int parse_queue(struct nlattr *nest, struct queue_change *change, unsigned long *seen,
		       struct netlink_ext_ack *extack)
{
	struct nlattr *tb[DMSC_QUEUE_A_MAX + 1];
	int err;

	err = nla_parse_nested(tb, DMSC_QUEUE_A_MAX, nest, NULL, extack);
	if (err)
		return err;
	if (!tb[DMSC_QUEUE_A_SLOT] || !tb[DMSC_QUEUE_A_CLASS]) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "queue without slot or class");
		return -EINVAL;
	}
	if (outside(tb[DMSC_QUEUE_A_REMAINING], 0, DMSC_REMAINING_MAX)) {
		NL_SET_ERR_MSG_ATTR(extack, tb[DMSC_QUEUE_A_REMAINING],
				    "remaining must be below 2^48 bytes");
		return -ERANGE;
	}
	err = parse_queue_rates(tb, &change->cfg, extack);
	if (err)
		return err;
	change->slot = nla_get_u32(tb[DMSC_QUEUE_A_SLOT]);
	change->class = nla_get_u32(tb[DMSC_QUEUE_A_CLASS]);
	change->cfg.weight = u32_or(tb[DMSC_QUEUE_A_WEIGHT], DMSC_WEIGHT_DEFAULT);
	change->cfg.sid = u32_or(tb[DMSC_QUEUE_A_SID], 0);
	change->cfg.rank = u32_or(tb[DMSC_QUEUE_A_RANK], DMSC_RANK_DEFAULT);
	change->cfg.remaining = u64_or(tb[DMSC_QUEUE_A_REMAINING], DMSC_REMAINING_KEEP);
	if (__test_and_set_bit(change->slot, seen)) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "slot named twice");
		return -EINVAL;
	}
	return 0;
}

static void free_queues(struct dmsc_queue **queues, size_t n)
{
	size_t i;

	for (i = 0; queues && i < n; i++)
		dmsc_queue_free(queues[i]);
	kvfree(queues);
}

/* After it, @queues holds what the qdisc no longer needs. */
static void commit_queues(struct dmsc_qdisc *q, struct dmsc_queue **queues, size_t n,
			  struct dmsc_queue **removed, const unsigned long *seen, bool replace)
{
	size_t i;
	u32 slot;

	sch_tree_lock(q->sch);
	for (i = 0; i < n; i++)
		queues[i] = dmsc_sched_set_slot(&q->sched, queues[i]->slot, queues[i]);
	for (slot = 1; replace && slot < DMSC_NR_SLOTS; slot++) {
		if (!test_bit(slot, seen))
			removed[slot] = dmsc_sched_set_slot(&q->sched, slot, NULL);
	}
	dmsc_kick(q);
	sch_tree_unlock(q->sch);
}

int dmsc_nl_queue_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	bool replace = info->attrs[DMSC_A_REPLACE];
	struct dmsc_net *dn = dmsc_net(genl_info_net(info));
	struct queue_change *changes = NULL;
	struct dmsc_queue **queues = NULL, **removed = NULL;
	unsigned long *seen = NULL;
	u32 ifindex, handle;
	size_t n = 0, i, nr_qdiscs = 0, at = 0;
	struct dmsc_qdisc *q;
	struct nlattr *attr;
	int err, rem;

	err = target(info, &ifindex, &handle);
	if (err)
		return err;
	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem)
		n += nla_type(attr) == DMSC_A_QUEUE;
	if (!n && !replace) {
		NL_SET_ERR_MSG(info->extack, "no queue given");
		return -EINVAL;
	}
	if (n >= DMSC_NR_SLOTS) {
		NL_SET_ERR_MSG(info->extack, "more queues than slots");
		return -E2BIG;
	}

	seen = bitmap_zalloc(DMSC_NR_SLOTS, GFP_KERNEL);
	changes = kvcalloc(n + 1, sizeof(*changes), GFP_KERNEL);
	removed = kvcalloc(DMSC_NR_SLOTS, sizeof(*removed), GFP_KERNEL);
	if (!seen || !changes || !removed) {
		NL_SET_ERR_MSG(info->extack, "no memory for the queues");
		err = -ENOMEM;
		goto free;
	}
	n = 0;
	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) != DMSC_A_QUEUE)
			continue;
		err = parse_queue(attr, &changes[n++], seen, info->extack);
		if (err)
			goto free;
	}

	rtnl_lock();
	list_for_each_entry(q, &dn->qdiscs, node)
		nr_qdiscs += dmsc_qdisc_matches(q, ifindex, handle);
	if (!nr_qdiscs) {
		NL_SET_ERR_MSG(info->extack, "no dmsc qdisc on this interface");
		err = -ENOENT;
		goto unlock;
	}
	queues = kvcalloc(nr_qdiscs * n + 1, sizeof(*queues), GFP_KERNEL);
	if (!queues) {
		NL_SET_ERR_MSG(info->extack, "no memory for the queues");
		err = -ENOMEM;
		goto unlock;
	}
	for (i = 0; i < nr_qdiscs * n; i++) {
		const struct queue_change *c = &changes[i % n];

		queues[i] = dmsc_queue_alloc(c->slot, c->class, &c->cfg);
		if (!queues[i]) {
			NL_SET_ERR_MSG(info->extack, "no memory for the queues");
			err = -ENOMEM;
			goto unlock;
		}
	}
	list_for_each_entry(q, &dn->qdiscs, node) {
		if (!dmsc_qdisc_matches(q, ifindex, handle))
			continue;
		commit_queues(q, queues + at, n, removed, seen, replace);
		at += n;
		for (i = 0; i < DMSC_NR_SLOTS; i++) {
			dmsc_queue_free(removed[i]);
			removed[i] = NULL;
		}
	}
unlock:
	rtnl_unlock();
	free_queues(queues, nr_qdiscs * n);
free:
	kvfree(removed);
	kvfree(changes);
	bitmap_free(seen);
	return err;
}
