// SPDX-License-Identifier: GPL-2.0-or-later
/* "explain": a flow as it is asked about, its socket when it lives, what decided. */
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dmscd/daemon.h"
#include "dmscd/policy.h"
#include "lib/explain.h"
#include "lib/neigh.h"
#include "lib/router.h"

#define CGROUP_LEVELS 16

/* ---- the question ---- */

static int get_addr(const json_t *req, const char *key, bool want, struct dmsc_addr *out,
		    struct dmsc_error *err)
{
	const char *s = json_string_value(json_object_get(req, key));

	memset(out, 0, sizeof(*out));
	if (!s && !want)
		return 0;
	if (s && strchr(s, ':') && inet_pton(AF_INET6, s, out->b) == 1)
		return 0;
	out->b[10] = out->b[11] = 0xff;
	if (s && inet_pton(AF_INET, s, out->b + 12) == 1)
		return 0;
	return dmsc_fail(err, -EINVAL, "explain: %s: '%.64s', expected an IPv4 or IPv6 address",
			 key, s ? s : "");
}

static int get_port(const json_t *req, const char *key, uint16_t *out, struct dmsc_error *err)
{
	const json_t *v = json_object_get(req, key);

	*out = 0;
	if (!v)
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > UINT16_MAX)
		return dmsc_fail(err, -EINVAL, "explain: %s: expected a port from 0 to 65535", key);
	*out = json_integer_value(v);
	return 0;
}

static int get_proto(const json_t *req, uint8_t *out, struct dmsc_error *err)
{
	const char *s = json_string_value(json_object_get(req, "protocol"));

	if (!s || !strcmp(s, "tcp"))
		*out = IPPROTO_TCP;
	else if (!strcmp(s, "udp"))
		*out = IPPROTO_UDP;
	else
		return dmsc_fail(err, -EINVAL, "explain: protocol: '%.16s', expected tcp or udp", s);
	return 0;
}

/* The ids of a cgroup and its ancestors, nearest first. */
static int cgroup_ids(const char *path, uint64_t *ids, uint32_t *n, struct dmsc_error *err)
{
	char dir[512], *slash;
	struct stat st;

	snprintf(dir, sizeof(dir), "%s", path);
	for (*n = 0; *n < CGROUP_LEVELS; ++*n) {
		if (stat(dir, &st))
			return *n ? 0 :
				    dmsc_fail(err, -EINVAL, "explain: cgroup: %s: %s", path,
					      strerror(errno));
		ids[*n] = st.st_ino;
		slash = strrchr(dir, '/');
		if (!slash || slash == dir)
			break;
		*slash = '\0';
	}
	return 0;
}

/* By name or SID of a local instance, by cgroup, or not at all (forwarded). */
static int get_process(struct daemon *d, const json_t *req, uint64_t *ids, struct explain_flow *f,
		       struct dmsc_error *err)
{
	const char *service = json_string_value(json_object_get(req, "service"));
	const char *cgroup = json_string_value(json_object_get(req, "cgroup"));
	struct hostplan *hp = d->current;
	char sid[16];

	f->cgroups = ids;
	f->local = service || cgroup || json_is_true(json_object_get(req, "local"));
	if (cgroup)
		return cgroup_ids(cgroup, ids, &f->nr_cgroups, err);
	if (!service)
		return 0;
	for (uint32_t i = 0; hp && i < hp->plan.nr_instances; i++) {
		snprintf(sid, sizeof(sid), "%u", hp->plan.instances[i].sid);
		if (hp->plan.instances[i].host != hp->host ||
		    (strcmp(hp->plan.instances[i].name, service) && strcmp(sid, service)))
			continue;
		ids[0] = hp->cgroup_ids[i];
		f->nr_cgroups = 1;
		return 0;
	}
	return dmsc_fail(err, -EINVAL,
			 "explain: service: '%.64s' is no instance of this host, expected one of `dmscctl service list`",
			 service);
}

/* ---- a live socket ---- */

/* The address as /proc/net writes it: 32-bit words of the host's byte order. */
static void proc_addr(const struct dmsc_addr *a, bool v6, char out[40])
{
	uint32_t w[4];

	memcpy(w, a->b, sizeof(w));
	if (v6)
		snprintf(out, 40, "%08X%08X%08X%08X", w[0], w[1], w[2], w[3]);
	else if (dmsc_addr_is_v4(a))
		snprintf(out, 40, "%08X", w[3]);
	else
		snprintf(out, 40, "-");
}

/* Inode of the socket with these ends, 0 when there is none in this namespace. */
static unsigned long find_inode(const struct explain_flow *f)
{
	static const char *const files[2][2] = { { "/proc/self/net/tcp", "/proc/self/net/tcp6" },
						 { "/proc/self/net/udp", "/proc/self/net/udp6" } };
	char want_l[48], want_r[48], local[48], remote[48], addr[40], line[512];
	unsigned long inode = 0, n;

	for (int v6 = 0; v6 < 2 && !inode; v6++) {
		FILE *file = fopen(files[f->proto == IPPROTO_UDP][v6], "re");

		proc_addr(&f->saddr, v6, addr);
		snprintf(want_l, sizeof(want_l), "%s:%04X", addr, f->sport);
		proc_addr(&f->daddr, v6, addr);
		snprintf(want_r, sizeof(want_r), "%s:%04X", addr, f->dport);
		while (file && !inode && fgets(line, sizeof(line), file)) {
			if (sscanf(line, " %*d: %47s %47s %*s %*s %*s %*s %*s %*s %lu", local,
				   remote, &n) == 3 &&
			    !strcmp(local, want_l) && !strcmp(remote, want_r))
				inode = n;
		}
		if (file)
			fclose(file);
	}
	return inode;
}

/* A descriptor of ours for the socket, from a process that holds it. */
static int steal_socket(unsigned long inode, pid_t *pid)
{
	char want[32], dir[64], link[320], text[64];
	DIR *proc = opendir("/proc"), *fds;
	struct dirent *p, *e;
	int fd = -1, pidfd;
	ssize_t n;

	snprintf(want, sizeof(want), "socket:[%lu]", inode);
	while (proc && fd < 0 && (p = readdir(proc))) {
		if (!isdigit((unsigned char)p->d_name[0]))
			continue;
		snprintf(dir, sizeof(dir), "/proc/%.16s/fd", p->d_name);
		fds = opendir(dir);
		while (fds && fd < 0 && (e = readdir(fds))) {
			snprintf(link, sizeof(link), "%s/%s", dir, e->d_name);
			n = readlink(link, text, sizeof(text) - 1);
			if (n < 0)
				continue;
			text[n] = '\0';
			if (strcmp(text, want))
				continue;
			*pid = atoi(p->d_name);
			pidfd = syscall(SYS_pidfd_open, *pid, 0);
			if (pidfd < 0)
				continue;
			fd = syscall(SYS_pidfd_getfd, pidfd, atoi(e->d_name), 0);
			close(pidfd);
		}
		if (fds)
			closedir(fds);
	}
	if (proc)
		closedir(proc);
	return fd;
}

/* What is stamped on the flow's own socket, if it lives here; else NULL. */
static json_t *live_json(struct daemon *d, const struct explain_flow *f)
{
	unsigned long inode = f->sport ? find_inode(f) : 0;
	struct dmsc_stamp s;
	struct dmsc_error err;
	char dev[IF_NAMESIZE] = "", hop[INET6_ADDRSTRLEN];
	json_t *o = NULL;
	pid_t pid = 0;
	int fd;

	if (!inode)
		return NULL;
	fd = steal_socket(inode, &pid);
	if (fd < 0)
		return NULL;
	if (!explain_stamp(d->dp, fd, &s, &err)) {
		if (s.flags & DMSC_STAMP_F_STEERED && !if_indextoname(s.ifindex, dev))
			dev[0] = '\0';
		o = json_pack("{s:i, s:I, s:I, s:I, s:s, s:i, s:I, s:b, s:b, s:b, s:s, s:s}", "pid",
			      (int)pid, "generation", (json_int_t)s.generation, "sid",
			      (json_int_t)s.sid, "peer_sid", (json_int_t)s.peer_sid, "class",
			      dmsc_class_name(s.class), "slot", (int)s.slot, "path",
			      (json_int_t)s.path, "accepted", !!(s.flags & DMSC_STAMP_F_PASSIVE),
			      "denied", !!(s.flags & DMSC_STAMP_F_DENIED), "steered",
			      !!(s.flags & DMSC_STAMP_F_STEERED), "interface", dev, "nexthop",
			      s.flags & DMSC_STAMP_F_STEERED ? dmsc_addr_format(&s.nexthop, hop) :
							       "");
	}
	close(fd);
	return o;
}

/* ---- the answer ---- */

static json_t *steps_json(const struct explain *x)
{
	json_t *steps = json_array();

	for (uint32_t i = 0; i < x->nr_steps; i++)
		json_array_append_new(steps, json_pack("{s:s, s:s, s:b}", "table",
						       x->steps[i].table, "key", x->steps[i].what,
						       "found", x->steps[i].found));
	return steps;
}

static json_t *policy_part(const struct daemon *d, const struct explain *x)
{
	static const char *const reasons[DMSC_NR_REASONS] = { "rule", "default", "class", "foreign",
							      "audit" };
	const struct policy *p = &d->conf.policy;
	json_t *o = json_pack("{s:b, s:s, s:I}", "asked", x->asked, "action",
			      policy_action_name(x->action), "rule", (json_int_t)x->rule);

	if (x->action != DMSC_ACTION_ALLOW && x->reason < DMSC_NR_REASONS)
		json_object_set_new(o, "reason", json_string(reasons[x->reason]));
	if (x->rule && x->rule <= p->nr_rules) {
		json_object_set_new(o, "from", json_string(p->rules[x->rule - 1].from));
		json_object_set_new(o, "to", json_string(p->rules[x->rule - 1].to));
	}
	return o;
}

static json_t *ways_json(const struct dmsc_set *set)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < set->nr && i < DMSC_MAX_WAYS; i++)
		json_array_append_new(a, json_pack("{s:i, s:i}", "path", (int)set->path[i],
						   "weight", (int)set->weight[i]));
	return a;
}

/* The service whose address the flow goes to; NULL: none, so that the tables decide. */
static json_t *service_part(const struct daemon *d, const struct explain_flow *f)
{
	struct dmsc_rt_service s;
	uint32_t i, instances = 0;

	if (!router_find(*d->conf.pin_dir ? d->conf.pin_dir : NULL, &f->daddr, htons(f->dport),
			 f->proto, &s))
		return NULL;
	for (i = 0; i < s.nr_levels && i < DMSC_RT_MAX_LEVELS; i++)
		instances += s.level[i].nr;
	return json_pack("{s:s, s:I}", "name", s.name, "instances", (json_int_t)instances);
}

int explain_json(struct daemon *d, const json_t *req, json_t **answer, struct dmsc_error *err)
{
	char hop[INET6_ADDRSTRLEN], dev[IF_NAMESIZE] = "";
	struct explain_flow f = { 0 };
	uint64_t ids[CGROUP_LEVELS];
	struct explain x;
	json_t *live, *service;
	int ret;

	if (!d->dp)
		return dmsc_fail(err, -ENODEV, "explain: no BPF data path%s%.480s",
				 d->dp_why.text[0] ? ": " : "", d->dp_why.text);
	ret = get_addr(req, "from", false, &f.saddr, err);
	if (!ret)
		ret = get_addr(req, "to", true, &f.daddr, err);
	if (!ret)
		ret = get_port(req, "from_port", &f.sport, err);
	if (!ret)
		ret = get_port(req, "to_port", &f.dport, err);
	if (!ret)
		ret = get_proto(req, &f.proto, err);
	if (!ret)
		ret = get_process(d, req, ids, &f, err);
	if (ret)
		return ret;
	f.accepted = json_is_true(json_object_get(req, "accepted"));
	ret = explain(d->dp, &f, &x, err);
	if (ret)
		return ret;
	live = live_json(d, &f);
	if (x.hop.ifindex && !if_indextoname(x.hop.ifindex, dev))
		dev[0] = '\0';
	*answer = json_pack("{s:I, s:I, s:I, s:I, s:s, s:i, s:i, s:I, s:s, s:s, s:b, s:o, s:o}",
			    "generation", (json_int_t)x.generation, "sid", (json_int_t)x.sid, "mic",
			    (json_int_t)x.mic, "peer_sid", (json_int_t)x.peer_sid, "class",
			    dmsc_class_name(x.class), "slot", (int)x.slot, "dscp", (int)x.dscp,
			    "path", (json_int_t)x.path, "interface", dev, "nexthop",
			    x.hop.ifindex ? dmsc_addr_format(&x.hop.nexthop, hop) : "", "path_up",
			    x.hop.flags & DMSC_PATH_F_UP, "policy", policy_part(d, &x), "steps",
			    steps_json(&x));
	if (*answer && x.ways.nr)
		json_object_set_new(*answer, "paths", ways_json(&x.ways));
	if (*answer && live)
		json_object_set_new(*answer, "live", live);
	else
		json_decref(live);
	service = service_part(d, &f);
	if (*answer && service)
		json_object_set_new(*answer, "service", service);
	else
		json_decref(service);
	return 0;
}
