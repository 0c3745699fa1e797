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

static void merge(struct dmsc_class_config *cfg, const struct class_change *change)
{
	if (change->set & BIT(DMSC_CLASS_A_MODE))
		cfg->mode = change->cfg.mode;
	if (change->set & BIT(DMSC_CLASS_A_WEIGHT))
		cfg->weight = change->cfg.weight;
	if (change->set & BIT(DMSC_CLASS_A_SHARE))
		cfg->share = change->cfg.share;
	if (change->set & BIT(DMSC_CLASS_A_LIMIT))
		cfg->limit = change->cfg.limit;
	if (change->set & BIT(DMSC_CLASS_A_ECN))
		cfg->ecn = change->cfg.ecn;
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
	for (i = 1; i <= DMSC_CLASS_A_MAX; i++) {
		if (tb[i])
			change->set |= BIT(i);
	}
	if (tb[DMSC_CLASS_A_MODE])
		change->cfg.mode = nla_get_u32(tb[DMSC_CLASS_A_MODE]);
	if (tb[DMSC_CLASS_A_WEIGHT])
		change->cfg.weight = nla_get_u32(tb[DMSC_CLASS_A_WEIGHT]);
	if (tb[DMSC_CLASS_A_SHARE])
		change->cfg.share = nla_get_u32(tb[DMSC_CLASS_A_SHARE]);
	if (tb[DMSC_CLASS_A_ECN])
		change->cfg.ecn = nla_get_u32(tb[DMSC_CLASS_A_ECN]);
	if (tb[DMSC_CLASS_A_LIMIT]) {
		change->cfg.limit = nla_get_u32(tb[DMSC_CLASS_A_LIMIT]);
		if (change->cfg.limit < DMSC_LIMIT_MIN || change->cfg.limit > DMSC_LIMIT_MAX) {
			NL_SET_ERR_MSG_ATTR(extack, tb[DMSC_CLASS_A_LIMIT],
					    "limit must be 2048 bytes to 1 GiB");
			return -ERANGE;
		}
	}
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

int dmsc_nl_class_set(struct sk_buff *skb, struct genl_info *info)
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
		sch_tree_unlock(q->sch);
	}
unlock:
	rtnl_unlock();
	return err;
}

struct queue_change {
	u32 slot, class, weight, sid;
};

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
	change->slot = nla_get_u32(tb[DMSC_QUEUE_A_SLOT]);
	change->class = nla_get_u32(tb[DMSC_QUEUE_A_CLASS]);
	change->weight = tb[DMSC_QUEUE_A_WEIGHT] ? nla_get_u32(tb[DMSC_QUEUE_A_WEIGHT]) :
						   DMSC_WEIGHT_DEFAULT;
	change->sid = tb[DMSC_QUEUE_A_SID] ? nla_get_u32(tb[DMSC_QUEUE_A_SID]) : 0;
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
	sch_tree_unlock(q->sch);
}

int dmsc_nl_queue_set(struct sk_buff *skb, struct genl_info *info)
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

		queues[i] = dmsc_queue_alloc(c->slot, c->class, c->weight, c->sid);
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
