// SPDX-License-Identifier: GPL-2.0-or-later
#include "emulator/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/gen_stats.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "emulator/qdisc.h"
#include "lib/queues.h"

struct dump {
	const struct cluster *c;
	uint32_t node;
	struct measure_edge *edges;
	struct qdisc_band bands[DMSC_NR_CLASSES];
	uint32_t *dmsc; /* edges whose port has sch_dmsc */
	uint32_t nr_dmsc;
};

/* The edge that the node's interface sends on; MODEL_NONE: not one of ours. */
static uint32_t edge_of(const struct dump *d, uint32_t ifindex)
{
	const struct topology *t = &d->c->plan->topo;
	uint32_t i;

	for (i = 0; i < 2 * t->nr_links; i++)
		if (d->c->ifindex[i] == ifindex && cluster_end(&t->links[i / 2], i & 1) == d->node)
			return i;
	return MODEL_NONE;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int on_link(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *ifm = mnl_nlmsg_get_payload(nlh);
	struct rtnl_link_stats64 stats;
	const struct nlattr *attr;
	struct dump *d = data;
	uint32_t edge;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	edge = edge_of(d, ifm->ifi_index);
	if (edge == MODEL_NONE)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*ifm))
	{
		if (mnl_attr_get_type(attr) != IFLA_STATS64 ||
		    mnl_attr_get_payload_len(attr) < offsetof(struct rtnl_link_stats64, rx_errors))
			continue;
		memset(&stats, 0, sizeof(stats));
		memcpy(&stats, mnl_attr_get_payload(attr),
		       offsetof(struct rtnl_link_stats64, rx_errors));
		d->edges[edge].bytes = stats.tx_bytes;
		d->edges[edge].at = now_ns();
	}
	return MNL_CB_OK;
}

static int dump_node(struct dump *d, uint16_t type, size_t header, mnl_cb_t cb,
		     struct dmsc_error *err)
{
	struct rtnl *r = d->c->nodes[d->node].rtnl;
	struct nlmsghdr *nlh;
	int ret, tries = 0;

	do {
		nlh = rtnl_start(r, type, NLM_F_DUMP);
		memset(mnl_nlmsg_put_extra_header(nlh, header), 0, header);
		ret = rtnl_do(r, nlh, cb, d, "counters", err);
	} while (ret == -EINTR && ++tries < 10);
	return ret;
}

int measure_bytes(const struct cluster *c, struct measure_edge *edges, struct dmsc_error *err)
{
	struct dump d = { .c = c, .edges = edges };
	int ret = 0;

	for (; d.node < c->plan->topo.nr_nodes && !ret; d.node++)
		ret = dump_node(&d, RTM_GETLINK, sizeof(struct ifinfomsg), on_link, err);
	return ret;
}

static void read_stats(const struct nlattr *nest, uint64_t *bytes, struct gnet_stats_queue *queue)
{
	struct gnet_stats_basic basic = { 0 };
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		size_t len = mnl_attr_get_payload_len(attr);

		if (mnl_attr_get_type(attr) == TCA_STATS_BASIC && len >= sizeof(basic.bytes)) {
			memcpy(&basic, mnl_attr_get_payload(attr),
			       len < sizeof(basic) ? len : sizeof(basic));
			*bytes = basic.bytes;
		} else if (mnl_attr_get_type(attr) == TCA_STATS_QUEUE && len >= sizeof(*queue)) {
			memcpy(queue, mnl_attr_get_payload(attr), sizeof(*queue));
		}
	}
}

static int on_qdisc(const struct nlmsghdr *nlh, void *data)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);
	struct gnet_stats_queue queue = { 0 };
	uint32_t edge, major, minor;
	struct measure_edge *e;
	const struct nlattr *attr;
	struct dump *d = data;
	const char *kind = "";
	uint64_t bytes = 0;

	if (nlh->nlmsg_type != RTM_NEWQDISC)
		return MNL_CB_OK;
	edge = edge_of(d, tc->tcm_ifindex);
	if (edge == MODEL_NONE)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*tc))
	{
		if (mnl_attr_get_type(attr) == TCA_STATS2)
			read_stats(attr, &bytes, &queue);
		else if (mnl_attr_get_type(attr) == TCA_KIND &&
			 mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			kind = mnl_attr_get_str(attr);
	}
	e = &d->edges[edge];
	major = TC_H_MAJ(tc->tcm_parent) >> 16;
	minor = TC_H_MIN(tc->tcm_parent);
	/* Drops of children are counted by their parents too, up to the rate limit. */
	if (tc->tcm_parent == TC_H_ROOT) {
		e->drops = queue.drops;
		e->backlog = queue.backlog;
	} else if (!strcmp(kind, "dmsc")) {
		d->dmsc[d->nr_dmsc++] = edge;
	} else if ((major == QDISC_DSCP_FABRIC || major == QDISC_DSCP_HOST) && minor >= 1 &&
		   minor <= DMSC_NR_CLASSES) {
		e->by_class = true;
		e->class_bytes[d->bands[minor - 1].class] = bytes;
	}
	return MNL_CB_OK;
}

/* Generic netlink answers for the namespace of its socket. */
static int read_dmsc(const struct dump *d, struct dmsc_error *err)
{
	struct queue_class_entry *list = NULL;
	struct queues *q;
	size_t n = 0, i;
	uint32_t k;
	int own, ret;

	own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own < 0 || setns(d->c->nodes[d->node].fd, CLONE_NEWNET)) {
		if (own >= 0)
			close(own);
		return dmsc_fail(err, -errno, "setns: %s", strerror(errno));
	}
	ret = queues_open(&q, false, err);
	if (setns(own, CLONE_NEWNET) && !ret)
		ret = dmsc_fail(err, -errno, "setns: %s", strerror(errno));
	close(own);
	if (ret)
		return ret;
	ret = queues_get_classes(q, 0, &list, &n, err);
	for (i = 0; i < n && !ret; i++) {
		for (k = 0; k < d->nr_dmsc; k++) {
			struct measure_edge *e = &d->edges[d->dmsc[k]];

			if (d->c->ifindex[d->dmsc[k]] != list[i].ifindex ||
			    list[i].class.id >= DMSC_NR_CLASSES)
				continue;
			e->by_class = true;
			e->class_bytes[list[i].class.id] = list[i].class.stats.deq_bytes;
		}
	}
	free(list);
	queues_close(q);
	return ret;
}

int measure_qdiscs(const struct cluster *c, struct measure_edge *edges, struct dmsc_error *err)
{
	uint32_t nr = 2 * c->plan->topo.nr_links, i;
	struct dump d = { .c = c, .edges = edges };
	int ret = 0;

	d.dmsc = calloc(nr + 1, sizeof(*d.dmsc));
	if (!d.dmsc)
		return dmsc_fail(err, -ENOMEM, "no memory");
	qdisc_bands(d.bands);
	for (i = 0; i < nr; i++) {
		edges[i].by_class = false;
		memset(edges[i].class_bytes, 0, sizeof(edges[i].class_bytes));
	}
	for (; d.node < c->plan->topo.nr_nodes && !ret; d.node++) {
		d.nr_dmsc = 0;
		ret = dump_node(&d, RTM_GETQDISC, sizeof(struct tcmsg), on_qdisc, err);
		if (!ret && d.nr_dmsc)
			ret = read_dmsc(&d, err);
	}
	free(d.dmsc);
	return ret;
}

uint64_t measure_backlog(const struct cluster *c, const struct measure_edge *edges)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < 2 * c->plan->topo.nr_links; i++)
		sum += edges[i].backlog;
	return sum;
}

/* What the daemons' cgroup has used, ns; 0 where it is not there. */
static uint64_t daemons_time(const struct cluster *c)
{
	unsigned long long usec = 0;
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/" CLUSTER_DAEMONS "/cpu.stat", c->cgroup);
	f = fopen(path, "re");
	if (f) {
		if (fscanf(f, "usage_usec %llu", &usec) != 1)
			usec = 0;
		fclose(f);
	}
	return usec * 1000;
}

int measure_cpu(const struct cluster *c, struct measure_cpu *cpu)
{
	/* user nice system idle iowait irq softirq steal; guest times are in user */
	unsigned long long t[8] = { 0 };
	FILE *f = fopen("/proc/stat", "re");
	int n = 0, i;

	if (f) {
		n = fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2],
			   &t[3], &t[4], &t[5], &t[6], &t[7]);
		fclose(f);
	}
	memset(cpu, 0, sizeof(*cpu));
	if (n < 5)
		return -EIO;
	for (i = 0; i < 8; i++)
		cpu->total += t[i];
	cpu->idle = t[3] + t[4];
	cpu->daemons = daemons_time(c);
	return 0;
}
