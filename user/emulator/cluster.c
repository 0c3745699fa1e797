// SPDX-License-Identifier: GPL-2.0-or-later
#include "emulator/cluster.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emulator/command.h"
#include "emulator/leftovers.h"
#include "lib/link.h"

const char *cluster_addr(const struct dmsc_addr *a, char out[INET_ADDR_LEN])
{
	inet_ntop(AF_INET, a->b + 12, out, INET_ADDR_LEN);
	return out;
}

static int make_dirs(struct cluster *c, struct dmsc_error *err)
{
	char path[128];

	snprintf(c->id, sizeof(c->id), "dmsc-em%d", (int)getpid());
	snprintf(c->dir, sizeof(c->dir), CLUSTER_DIR "/%s", c->id);
	if ((mkdir(CLUSTER_DIR, 0755) && errno != EEXIST) || mkdir(c->dir, 0700))
		return dmsc_fail(err, -errno, "%s: %s", c->dir, strerror(errno));
	snprintf(path, sizeof(path), "%s/lock", c->dir);
	c->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (c->lock < 0 || flock(c->lock, LOCK_EX | LOCK_NB))
		return dmsc_fail(err, -errno, "%s: %s", path, strerror(errno));
	if (leftovers_cgroup_root(c->cgroup, sizeof(c->cgroup), c->id))
		return dmsc_fail(err, -ENOENT,
				 "no cgroup2 is mounted: mount -t cgroup2 none /sys/fs/cgroup");
	if (mkdir(c->cgroup, 0755))
		return dmsc_fail(err, -errno, "%s: %s", c->cgroup, strerror(errno));
	return 0;
}

static int run_ip(const struct command_options *o, const struct text *t, struct dmsc_error *err)
{
	const char *const argv[] = { "ip", "-batch", "-", NULL };
	struct command_options with = *o;

	if (t->failed)
		return dmsc_fail(err, -ENOMEM, "no memory");
	with.input = t->data;
	return command_run(&with, argv, NULL, err);
}

/* Namespaces and cables, in one go. */
static int make_links(struct cluster *c, struct dmsc_error *err)
{
	const struct topology *t = &c->plan->topo;
	const struct command_options o = { .netns = -1 };
	struct text script = { 0 };
	uint32_t i;
	int ret;

	for (i = 0; i < t->nr_nodes; i++) {
		snprintf(c->nodes[i].netns, sizeof(c->nodes[i].netns), "%s-%s", c->id,
			 t->nodes[i].name);
		text_add(&script, "netns add %s\n", c->nodes[i].netns);
	}
	for (i = 0; i < t->nr_links; i++) {
		const struct topo_link *l = &t->links[i];

		text_add(&script,
			 "link add %s mtu %d numtxqueues 1 numrxqueues 1 netns %s type veth peer name %s mtu %d numtxqueues 1 numrxqueues 1 netns %s\n",
			 l->if_a, EMULATED_MTU, c->nodes[l->a].netns, l->if_b, EMULATED_MTU,
			 c->nodes[l->b].netns);
	}
	ret = run_ip(&o, &script, err);
	text_free(&script);
	for (i = 0; i < t->nr_nodes && !ret; i++) {
		char path[128];

		snprintf(path, sizeof(path), "/run/netns/%s", c->nodes[i].netns);
		c->nodes[i].fd = open(path, O_RDONLY | O_CLOEXEC);
		if (c->nodes[i].fd < 0)
			ret = dmsc_fail(err, -errno, "%s: %s", path, strerror(errno));
	}
	return ret;
}

static void write_sysctl(const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	close(fd);
}

/* In the child, inside the node's namespace. IPv6 may not be there at all. */
static int set_sysctls(void *arg)
{
	(void)arg;
	write_sysctl("ipv6/conf/all/disable_ipv6", "1");
	write_sysctl("ipv6/conf/default/disable_ipv6", "1");
	write_sysctl("ipv4/ip_forward", "1");
	write_sysctl("ipv4/conf/all/rp_filter", "0");
	write_sysctl("ipv4/conf/default/rp_filter", "0");
	write_sysctl("ipv4/conf/all/send_redirects", "0");
	write_sysctl("ipv4/conf/default/send_redirects", "0");
	write_sysctl("ipv4/fib_multipath_hash_policy", "1");
	/* What one round learned about a peer must not help the next one. */
	write_sysctl("ipv4/tcp_no_metrics_save", "1");
	return 0;
}

/* Hops from every node to @dst; hosts pass nothing on. UINT32_MAX: no way. */
static void distances(const struct topology *t, uint32_t dst, uint32_t *dist, uint32_t *queue)
{
	uint32_t head = 0, tail = 0, i;

	for (i = 0; i < t->nr_nodes; i++)
		dist[i] = UINT32_MAX;
	dist[dst] = 0;
	queue[tail++] = dst;
	while (head < tail) {
		uint32_t n = queue[head++];

		if (n != dst && t->nodes[n].kind == NODE_HOST)
			continue;
		for (i = 0; i < t->nr_links; i++) {
			const struct topo_link *l = &t->links[i];
			uint32_t other = l->a == n ? l->b : l->b == n ? l->a : UINT32_MAX;

			if (other == UINT32_MAX || dist[other] != UINT32_MAX)
				continue;
			dist[other] = dist[n] + 1;
			queue[tail++] = other;
		}
	}
}

/* Routes of all nodes to one host: every shortest way, equal weights. */
static void add_routes(const struct topology *t, uint32_t dst, const uint32_t *dist,
		       struct text *scripts)
{
	char to[INET_ADDR_LEN], src[INET_ADDR_LEN], via[INET_ADDR_LEN];
	uint32_t n, i;

	cluster_addr(&t->nodes[dst].addr, to);
	for (n = 0; n < t->nr_nodes; n++) {
		bool any = false;

		if (n == dst || dist[n] == UINT32_MAX)
			continue;
		for (i = 0; i < t->nr_links; i++) {
			const struct topo_link *l = &t->links[i];
			int side = l->a == n ? 0 : l->b == n ? 1 : -1;
			uint32_t next = side < 0 ? n : cluster_end(l, !side);

			if (side < 0 || dist[next] != dist[n] - 1 ||
			    (next != dst && t->nodes[next].kind == NODE_HOST))
				continue;
			if (!any)
				text_add(&scripts[n], "route add %s/32 src %s", to,
					 cluster_addr(&t->nodes[n].addr, src));
			any = true;
			text_add(&scripts[n], " nexthop via %s dev %s",
				 cluster_addr(side ? &l->addr_a : &l->addr_b, via),
				 cluster_ifname(l, side));
		}
		if (any)
			text_add(&scripts[n], "\n");
	}
}

static void add_addresses(const struct topology *t, uint32_t node, struct text *script)
{
	char addr[INET_ADDR_LEN];
	uint32_t i;
	int side;

	text_add(script, "link set lo up\naddr add %s/32 dev lo\n",
		 cluster_addr(&t->nodes[node].addr, addr));
	for (i = 0; i < t->nr_links; i++) {
		const struct topo_link *l = &t->links[i];

		for (side = 0; side < 2; side++) {
			if (cluster_end(l, side) != node)
				continue;
			text_add(script, "addr add %s/31 dev %s\nlink set %s up\n",
				 cluster_addr(side ? &l->addr_b : &l->addr_a, addr),
				 cluster_ifname(l, side), cluster_ifname(l, side));
		}
	}
}

static int configure_nodes(struct cluster *c, struct dmsc_error *err)
{
	const char *const argv[] = { "ip", "-batch", "-", NULL };
	const struct topology *t = &c->plan->topo;
	uint32_t *dist = calloc(t->nr_nodes + 1, sizeof(*dist));
	uint32_t *queue = calloc(t->nr_nodes + 1, sizeof(*queue)), i;
	struct text *scripts = calloc(t->nr_nodes + 1, sizeof(*scripts));
	struct command *cmd = calloc(t->nr_nodes + 1, sizeof(*cmd));
	struct dmsc_error e;
	int ret = 0, r;

	if (!dist || !queue || !scripts || !cmd) {
		ret = dmsc_fail(err, -ENOMEM, "no memory");
		goto out;
	}
	for (i = 0; i < t->nr_nodes; i++)
		add_addresses(t, i, &scripts[i]);
	for (i = 0; i < t->nr_nodes; i++) {
		if (t->nodes[i].kind != NODE_HOST)
			continue;
		distances(t, i, dist, queue);
		add_routes(t, i, dist, scripts);
	}
	for (i = 0; i < t->nr_nodes && !ret; i++) {
		const struct command_options o = {
			.netns = c->nodes[i].fd,
			.input = scripts[i].data,
			.prepare = set_sysctls,
		};

		ret = scripts[i].failed ? dmsc_fail(err, -ENOMEM, "no memory") :
					  command_start(&cmd[i], &o, argv, err);
	}
	for (i = 0; i < t->nr_nodes; i++) {
		r = cmd[i].pid ? command_wait(&cmd[i], NULL, &e) : 0;
		if (r && !ret)
			ret = dmsc_fail(err, r, "%s: %.400s", t->nodes[i].name, e.text);
	}
out:
	for (i = 0; i < t->nr_nodes && scripts; i++)
		text_free(&scripts[i]);
	free(dist);
	free(queue);
	free(scripts);
	free(cmd);
	return ret;
}

/* A netlink socket stays in the namespace in which it was made. */
static int open_rtnl(struct cluster *c, struct dmsc_error *err)
{
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), ret = 0, side;
	const struct topology *t = &c->plan->topo;
	struct link_info info;
	uint32_t i;

	if (own < 0)
		return dmsc_fail(err, -errno, "/proc/self/ns/net: %s", strerror(errno));
	for (i = 0; i < t->nr_nodes && !ret; i++) {
		if (setns(c->nodes[i].fd, CLONE_NEWNET))
			ret = dmsc_fail(err, -errno, "%s: setns: %s", c->nodes[i].netns,
					strerror(errno));
		else
			ret = rtnl_open(&c->nodes[i].rtnl, err);
	}
	if (setns(own, CLONE_NEWNET) && !ret)
		ret = dmsc_fail(err, -errno, "setns: %s", strerror(errno));
	close(own);
	for (i = 0; i < t->nr_links && !ret; i++) {
		for (side = 0; side < 2 && !ret; side++) {
			ret = link_get(c->nodes[cluster_end(&t->links[i], side)].rtnl,
				       cluster_ifname(&t->links[i], side), &info, err);
			c->ifindex[2 * i + side] = info.ifindex;
		}
	}
	return ret;
}

static int mount_bpffs(struct cluster *c, struct dmsc_error *err)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/bpf", c->dir);
	if (mkdir(path, 0700) || mount("bpf", path, "bpf", 0, "mode=0700"))
		return dmsc_fail(err, -errno, "%s: cannot mount a bpffs: %s", path, strerror(errno));
	return 0;
}

int cluster_make(struct cluster *c, const struct plan *p, const struct scale *s,
		 struct dmsc_error *err)
{
	uint32_t i;
	int ret;

	memset(c, 0, sizeof(*c));
	c->plan = p;
	c->scale = s;
	c->lock = -1;
	c->nodes = calloc(p->topo.nr_nodes + 1, sizeof(*c->nodes));
	c->ifindex = calloc(2 * p->topo.nr_links + 1, sizeof(*c->ifindex));
	if (!c->nodes || !c->ifindex)
		return dmsc_fail(err, -ENOMEM, "no memory");
	for (i = 0; i < p->topo.nr_nodes; i++)
		c->nodes[i].fd = -1;
	ret = make_dirs(c, err);
	if (!ret)
		ret = mount_bpffs(c, err);
	if (!ret)
		ret = make_links(c, err);
	if (!ret)
		ret = configure_nodes(c, err);
	if (!ret)
		ret = open_rtnl(c, err);
	return ret;
}

int cluster_cgroup(const struct cluster *c, uint32_t instance, char *out, size_t size,
		   struct dmsc_error *err)
{
	const struct plan_instance *in = &c->plan->instances[instance];
	char *slash;
	int n;

	n = snprintf(out, size, "%s/%s/%s", c->cgroup, c->plan->hosts[in->host].name, in->cgroup);
	if (n < 0 || (size_t)n >= size)
		return dmsc_fail(err, -ENAMETOOLONG, "%s: cgroup: name too long", in->name);
	for (slash = out + strlen(c->cgroup) + 1;; slash++) {
		slash = strchrnul(slash, '/');
		char was = *slash;

		*slash = '\0';
		if (mkdir(out, 0755) && errno != EEXIST)
			return dmsc_fail(err, -errno, "%s: %s", out, strerror(errno));
		*slash = was;
		if (!was)
			return 0;
	}
}

void cluster_forget(struct cluster *c)
{
	uint32_t i;

	for (i = 0; c->nodes && i < c->plan->topo.nr_nodes; i++) {
		rtnl_close(c->nodes[i].rtnl);
		if (c->nodes[i].fd >= 0)
			close(c->nodes[i].fd);
	}
	free(c->nodes);
	free(c->ifindex);
	c->nodes = NULL;
	c->ifindex = NULL;
	if (c->lock >= 0)
		close(c->lock);
	c->lock = -1;
}

void cluster_remove(struct cluster *c)
{
	char id[sizeof(c->id)];

	memcpy(id, c->id, sizeof(id));
	cluster_forget(c);
	c->id[0] = '\0';
	if (id[0])
		leftovers_remove(id);
}

void cluster_sweep(void)
{
	leftovers_sweep();
}
