// SPDX-License-Identifier: GPL-2.0
/*
 * kfuncs: what BPF programs may ask. Optional: they take BTF of the module, which
 * a build without the kernel's own BTF does not have.
 *
 * Qdiscs are found as the kernel finds them without RTNL (qdisc_lookup_rcu()):
 * the device's root, and its hash of all others. Both, and the qdiscs' own
 * memory, live until a grace period after they were taken out.
 */
#include <linux/bpf.h>
#include <linux/hashtable.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <net/xdp.h>

#include "compat/compat.h"
#include "compat/kfunc.h"
#include "kfuncs.h"
#include "qdisc.h"

static void add_backlog(struct dmsc_backlog *sum, struct Qdisc *sch, u32 class)
{
	const struct dmsc_counters *n;
	const struct dmsc_qdisc *q;

	if (!sch || sch->ops != &dmsc_qdisc_ops)
		return;
	q = qdisc_priv(sch);
	n = &q->sched.class[class].n;
	sum->bytes += READ_ONCE(n->backlog_bytes);
	sum->packets += READ_ONCE(n->backlog_packets);
	sum->qdiscs++;
}

static int class_backlog(struct net_device *dev, u32 ifindex, u32 class,
			 struct dmsc_backlog *out, u32 size)
{
	struct dmsc_backlog sum = { 0 };
	struct Qdisc *sch;
	int bucket;

	if (class >= DMSC_NR_CLASSES || size != sizeof(*out))
		return -EINVAL;
	rcu_read_lock();
	if (ifindex && ifindex != dev->ifindex)
		dev = dev_get_by_index_rcu(dev_net(dev), ifindex);
	if (dev) {
		add_backlog(&sum, rcu_dereference(dev->qdisc), class);
		hash_for_each_rcu(dev->qdisc_hash, bucket, sch, hash)
			add_backlog(&sum, sch, class);
	}
	rcu_read_unlock();
	if (!dev)
		return -ENODEV;
	if (!sum.qdiscs)
		return -ENOENT;
	*out = sum;
	return 0;
}

__bpf_kfunc int bpf_dmsc_skb_class_backlog(struct __sk_buff *ctx, u32 ifindex, u32 class,
					   struct dmsc_backlog *out, u32 out__sz)
{
	return class_backlog(((struct sk_buff *)ctx)->dev, ifindex, class, out, out__sz);
}

__bpf_kfunc int bpf_dmsc_xdp_class_backlog(struct xdp_md *ctx, u32 ifindex, u32 class,
					   struct dmsc_backlog *out, u32 out__sz)
{
	return class_backlog(((struct xdp_buff *)ctx)->rxq->dev, ifindex, class, out, out__sz);
}

BTF_KFUNCS_START(skb_kfuncs)
BTF_ID_FLAGS(func, bpf_dmsc_skb_class_backlog)
BTF_KFUNCS_END(skb_kfuncs)

BTF_KFUNCS_START(xdp_kfuncs)
BTF_ID_FLAGS(func, bpf_dmsc_xdp_class_backlog)
BTF_KFUNCS_END(xdp_kfuncs)

static const struct btf_kfunc_id_set skb_set = {
	.owner	= THIS_MODULE,
	.set	= &skb_kfuncs,
};

static const struct btf_kfunc_id_set xdp_set = {
	.owner	= THIS_MODULE,
	.set	= &xdp_kfuncs,
};

/* They go with the module's BTF, by themselves. */
void __init dmsc_kfuncs_init(void)
{
	int err;

	err = register_btf_kfunc_id_set(BPF_PROG_TYPE_SCHED_CLS, &skb_set);
	if (!err)
		err = register_btf_kfunc_id_set(BPF_PROG_TYPE_XDP, &xdp_set);
	/* -ENOENT: no BTF; some kernels say so, others do not call it an error */
	if (err && err != -ENOENT)
		pr_warn("dmsc: no kfuncs for BPF programs: error %d\n", err);
}
