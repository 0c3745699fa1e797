// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plan seen from one host: rows of the BPF tables and queues, checked against
 * the plan itself and against small plans whose rows are known.
 */
#include "plan_util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "lib/hostconf.h"
#include "lib/tables.h"

#include "kmod/core/dscp.h"
#include "kmod/core/sched.h"

struct host {
	struct plan plan;
	struct profile profile;
	uint64_t *cgroups;
	uint32_t *ifindexes;
	struct tables_input in;
};

static void host_init(struct host *h, struct plan plan, uint32_t host)
{
	memset(h, 0, sizeof(*h));
	h->plan = plan;
	h->cgroups = calloc(plan.nr_instances, sizeof(*h->cgroups));
	h->ifindexes = calloc(plan.topo.nr_links, sizeof(*h->ifindexes));
	for (uint32_t i = 0; i < plan.nr_instances; i++)
		h->cgroups[i] = 1000 + i;
	for (uint32_t i = 0; i < plan.topo.nr_links; i++)
		h->ifindexes[i] = tables_link_of(&plan, host, i) ? 10 + i : 0;
	assert_int_equal(profile_find("default", &h->profile, NULL), 0);
	h->in = (struct tables_input){
		.plan = &h->plan,
		.host = host,
		.profile = &h->profile,
		.flags = DMSC_CTL_STEER | DMSC_CTL_DSCP,
		.cgroup_ids = h->cgroups,
		.ifindexes = h->ifindexes,
	};
}

static void host_free(struct host *h)
{
	free(h->cgroups);
	free(h->ifindexes);
	plan_free(&h->plan);
}

static uint32_t group(const struct tables *t, uint32_t src, uint32_t dst, uint8_t class)
{
	for (size_t i = 0; i < t->t.nr_groups; i++)
		if (t->t.group_keys[i].src_sid == src && t->t.group_keys[i].dst_sid == dst &&
		    t->t.group_keys[i].class == class && !t->t.group_keys[i].ipv6)
			return t->t.groups[i].path;
	return MODEL_NONE;
}

/* The same of IPv6. */
static uint32_t group6(const struct tables *t, uint32_t src, uint32_t dst, uint8_t class)
{
	for (size_t i = 0; i < t->t.nr_groups; i++)
		if (t->t.group_keys[i].src_sid == src && t->t.group_keys[i].dst_sid == dst &&
		    t->t.group_keys[i].class == class && t->t.group_keys[i].ipv6)
			return t->t.groups[i].path;
	return MODEL_NONE;
}

static uint32_t peer(const struct tables *t, const struct dmsc_addr *addr, uint8_t class)
{
	for (size_t i = 0; i < t->t.nr_peers; i++)
		if (!memcmp(&t->t.peer_keys[i].addr, addr, sizeof(*addr)) &&
		    t->t.peer_keys[i].class == class)
			return t->t.peers[i].path;
	return MODEL_NONE;
}

/* Every host of the example: each row can be found again in the plan, and none is missing. */
static void test_example(void **state)
{
	struct plan p = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL);
	uint32_t nr_hosts = p.nr_hosts;

	(void)state;
	plan_free(&p);
	for (uint32_t host = 0; host < nr_hosts; host++) {
		size_t local = 0, ports = 0, slots = 0;
		struct dmsc_error err;
		struct tables t;
		struct host h;

		host_init(&h, make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL), host);
		if (tables_build(&h.in, &t, &err))
			fail_msg("%s", err.text);
		for (uint32_t i = 0; i < h.plan.nr_instances; i++) {
			const struct plan_instance *in = &h.plan.instances[i];

			for (int c = 0; c < DMSC_NR_CLASSES; c++)
				ports += in->port[c] != 0;
			if (in->host != host)
				continue;
			assert_int_equal(t.t.instance_keys[local].cgroup_id, 1000 + i);
			assert_int_equal(t.t.instances[local].sid, in->sid);
			assert_int_equal(t.t.instances[local].class_mask, in->class_mask);
			assert_memory_equal(t.t.instances[local].slot, in->slot, sizeof(in->slot));
			local++;
			for (int c = 0; c < DMSC_NR_CLASSES; c++)
				slots += in->slot[c] != 0;
		}
		assert_int_equal(t.t.nr_instances, local);
		assert_int_equal(t.t.nr_endpoints, ports);
		assert_int_equal(t.nr_queues, slots);
		for (uint32_t i = 0; i < h.plan.nr_flows; i++) {
			const struct plan_flow *f = &h.plan.flows[i];
			const struct plan_instance *s = &h.plan.instances[f->src];
			const struct plan_instance *d = &h.plan.instances[f->dst];
			uint32_t row;

			if (f->path == MODEL_NONE || s->host != host)
				continue;
			row = group(&t, s->sid, d->sid, f->class);
			assert_in_range(row, 1, t.t.nr_paths - 1);
			assert_int_equal(t.about[row].link, h.plan.paths[f->path].link);
			assert_int_equal(t.about[row].dst_host, d->host);
			assert_int_equal(t.paths[row].ifindex, 10 + h.plan.paths[f->path].link);
			assert_memory_equal(&t.paths[row].nexthop,
					    &h.plan.topo.links[t.about[row].link].addr_b,
					    sizeof(struct dmsc_addr));
			assert_int_equal(t.paths[row].family, AF_INET);
			assert_int_not_equal(peer(&t,
						  &h.plan.topo.nodes[h.plan.hosts[d->host].node].addr,
						  f->class),
					     MODEL_NONE);
		}
		tables_free(&t);
		host_free(&h);
	}
}

/* Answers leave by the link by which their data arrives. */
static void test_answers(void **state)
{
	struct plan p = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL);
	uint32_t nr_hosts = p.nr_hosts;
	size_t seen = 0;

	(void)state;
	plan_free(&p);
	for (uint32_t host = 0; host < nr_hosts; host++) {
		struct dmsc_error err;
		struct tables t;
		struct host h;

		host_init(&h, make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL), host);
		if (tables_build(&h.in, &t, &err))
			fail_msg("%s", err.text);
		for (uint32_t i = 0; i < h.plan.nr_flows; i++) {
			const struct plan_flow *f = &h.plan.flows[i];
			const struct plan_instance *s = &h.plan.instances[f->src];
			const struct plan_instance *d = &h.plan.instances[f->dst];
			const struct plan_path *path;
			bool arrives = false, sends_too = false;
			uint32_t row;

			if (f->path == MODEL_NONE || d->host != host)
				continue;
			for (uint32_t k = 0; k < h.plan.nr_flows; k++)
				sends_too |= h.plan.flows[k].src == f->dst &&
					     h.plan.flows[k].dst == f->src &&
					     h.plan.flows[k].class == f->class;
			if (sends_too)
				continue; /* its own flow's path comes first */
			path = &h.plan.paths[f->path];
			row = group(&t, d->sid, s->sid, f->class);
			assert_in_range(row, 1, t.t.nr_paths - 1);
			for (uint32_t e = 0; e < path->nr_edges; e++)
				arrives |= path->edges[e] == 2 * t.about[row].link + 1;
			assert_true(arrives);
			assert_int_equal(t.about[row].dst_host, s->host);
			seen++;
		}
		tables_free(&t);
		host_free(&h);
	}
	assert_true(seen > 0);
}

/*
 * Two hosts, two rails; host 0 holds instances 0 and 1, host 1 holds 2. Flow
 * paths are [0] 0->1 by link 0, [1] 0->1 by link 1, [2] 1->0 by link 2.
 */
struct small {
	struct topo_node nodes[4];
	struct topo_link links[4];
	struct plan_host hosts[2];
	struct plan_mic mic;
	struct plan_instance inst[3];
	struct plan_flow flows[4];
	struct plan_path paths[3];
	uint32_t edges[3][2];
	double share[3][2];
	struct plan plan;
	uint64_t cgroups[3];
	uint32_t ifindexes[4];
	struct profile profile;
	struct tables_input in;
};

static struct dmsc_addr v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (struct dmsc_addr){ .b = { [10] = 0xff, 0xff, a, b, c, d } };
}

static void small_init(struct small *s)
{
	memset(s, 0, sizeof(*s));
	for (uint32_t i = 0; i < 4; i++) {
		s->nodes[i].kind = i < 2 ? NODE_HOST : NODE_LEAF;
		s->nodes[i].addr = v4(10, 255, 0, i + 1);
		s->links[i].a = i / 2;
		s->links[i].b = 2 + i % 2;
		s->links[i].addr_b = v4(10, 0, i, 1);
		s->links[i].rate = 1000000000;
		snprintf(s->links[i].if_a, sizeof(s->links[i].if_a), "rail%u", i % 2);
	}
	for (uint32_t i = 0; i < 2; i++) {
		snprintf(s->hosts[i].name, sizeof(s->hosts[i].name), "h%u", i);
		s->hosts[i].node = i;
	}
	for (uint32_t i = 0; i < 3; i++) {
		s->inst[i] = (struct plan_instance){
			.sid = 100 + i,
			.mic = 7,
			.host = i == 2,
			.class_mask = 0xff,
		};
		s->inst[i].slot[DMSC_CLASS_DATA] = 1 + i;
		s->inst[i].port[DMSC_CLASS_DATA] = 2000 + i;
		s->cgroups[i] = 50 + i;
	}
	for (uint32_t i = 0; i < 3; i++) {
		static const uint32_t link[] = { 0, 1, 2 }, arrives[] = { 2, 3, 0 };

		s->edges[i][0] = 2 * link[i];
		s->edges[i][1] = 2 * arrives[i] + 1;
		s->share[i][0] = s->share[i][1] = 1;
		s->paths[i] = (struct plan_path){
			.src_host = i == 2,
			.dst_host = i != 2,
			.link = link[i],
			.edges = s->edges[i],
			.share = s->share[i],
			.nr_edges = 2,
		};
	}
	s->flows[0] = (struct plan_flow){
		.src = 0, .dst = 2, .class = DMSC_CLASS_DATA, .bytes = 100, .path = 0
	};
	s->flows[1] = (struct plan_flow){
		.src = 1, .dst = 2, .class = DMSC_CLASS_DATA, .bytes = 300, .path = 1
	};
	s->plan.topo = (struct topology){
		.nodes = s->nodes, .nr_nodes = 4, .links = s->links, .nr_links = 4
	};
	s->plan.hosts = s->hosts;
	s->plan.nr_hosts = 2;
	s->plan.mics = &s->mic;
	s->plan.nr_mics = 1;
	s->plan.instances = s->inst;
	s->plan.nr_instances = 3;
	s->plan.flows = s->flows;
	s->plan.nr_flows = 2;
	s->plan.paths = s->paths;
	s->plan.nr_paths = 3;
	for (uint32_t i = 0; i < 4; i++)
		s->ifindexes[i] = 10 + i;
	profile_find("default", &s->profile, NULL);
	s->in = (struct tables_input){ .plan = &s->plan,
				       .profile = &s->profile,
				       .cgroup_ids = s->cgroups,
				       .ifindexes = s->ifindexes };
}

/* Expects @field in the message, and that nothing is left to free. */
static void refused(struct small *s, const char *field)
{
	struct dmsc_error err = { "" };
	struct tables t;

	assert_int_equal(tables_build(&s->in, &t, &err), -EINVAL);
	if (!strstr(err.text, field))
		fail_msg("'%s' does not name '%s'", err.text, field);
	assert_null(t.paths);
	assert_int_equal(t.t.nr_groups, 0);
}

static void test_choices(void **state)
{
	struct dmsc_error err;
	struct tables t;
	struct small s;

	(void)state;
	small_init(&s);
	assert_int_equal(tables_build(&s.in, &t, &err), 0);
	assert_int_equal(t.t.nr_paths, 3);
	assert_int_equal(t.about[group(&t, 100, 102, DMSC_CLASS_DATA)].link, 0);
	assert_int_equal(t.about[group(&t, 101, 102, DMSC_CLASS_DATA)].link, 1);
	/* Each sends by one rail only: that is its rail for anybody. */
	assert_int_equal(t.about[group(&t, 100, DMSC_SID_ANY, DMSC_CLASS_DATA)].link, 0);
	/* To the host goes most of the class by link 1. */
	assert_int_equal(t.about[peer(&t, &s.nodes[1].addr, DMSC_CLASS_DATA)].link, 1);
	assert_int_equal(group(&t, 100, 102, DMSC_CLASS_BULK), MODEL_NONE);
	tables_free(&t);

	/* From the other side: the receiver's peers come by two rails, so "any" has none. */
	s.in.host = 1;
	assert_int_equal(tables_build(&s.in, &t, &err), 0);
	assert_int_equal(t.about[group(&t, 102, 100, DMSC_CLASS_DATA)].link, 2);
	assert_int_equal(t.about[group(&t, 102, 101, DMSC_CLASS_DATA)].link, 3);
	assert_int_equal(group(&t, 102, DMSC_SID_ANY, DMSC_CLASS_DATA), MODEL_NONE);
	assert_int_equal(t.about[peer(&t, &s.nodes[0].addr, DMSC_CLASS_DATA)].link, 3);
	/* No planned path leaves by link 3: the row was made for the answers. */
	assert_int_equal(t.about[group(&t, 102, 101, DMSC_CLASS_DATA)].plan_path, MODEL_NONE);
	tables_free(&t);

	/* What it sends itself to the same peer decides before answers do. */
	s.flows[2] = (struct plan_flow){
		.src = 2, .dst = 1, .class = DMSC_CLASS_DATA, .bytes = 1, .path = 2
	};
	s.plan.nr_flows = 3;
	assert_int_equal(tables_build(&s.in, &t, &err), 0);
	assert_int_equal(t.about[group(&t, 102, 101, DMSC_CLASS_DATA)].link, 2);
	tables_free(&t);

	/* Two flows of one group by two paths: the one of more bytes. */
	small_init(&s);
	s.flows[2] = s.flows[0];
	s.flows[2].path = 1;
	s.flows[2].bytes = 101;
	s.plan.nr_flows = 3;
	assert_int_equal(tables_build(&s.in, &t, &err), 0);
	assert_int_equal(t.about[group(&t, 100, 102, DMSC_CLASS_DATA)].link, 1);
	tables_free(&t);
}

static const struct dmsc_set *set_of(const struct tables *t, uint32_t way)
{
	assert_true(way & DMSC_PATH_SET);
	assert_in_range(way & ~DMSC_PATH_SET, 0, t->t.nr_sets - 1);
	return &t->sets[way & ~DMSC_PATH_SET];
}

/* Positions of a set by topology link. */
static int slots_by(const struct tables *t, const struct dmsc_set *set, uint32_t link)
{
	int n = 0;

	for (int i = 0; i < DMSC_SET_SLOTS; i++)
		n += t->about[set->path[set->slot[i]]].link == link;
	return n;
}

/* Several paths: shares as weights say, few moves when they change, sets shared. */
static void test_ways(void **state)
{
	struct plan_way ways[3] = { { 0, 1 }, { 1, 1 }, { 1, 7 } };
	struct plan_group group_of_mic = { .from = 100,
					   .to = 7,
					   .to_mic = true,
					   .class = DMSC_CLASS_DATA,
					   .first_way = 2,
					   .nr_ways = 1 };
	uint8_t before[DMSC_SET_SLOTS];
	const struct dmsc_set *set;
	struct dmsc_error err;
	struct tables t;
	struct small s;
	int moved = 0;

	(void)state;
	small_init(&s);
	s.plan.ways = ways;
	s.plan.nr_ways = 3;
	s.flows[0].nr_ways = s.flows[1].nr_ways = 2;
	assert_int_equal(tables_build(&s.in, &t, &err), 0);
	assert_int_equal(t.t.nr_sets, 1);
	set = set_of(&t, group(&t, 100, 102, DMSC_CLASS_DATA));
	assert_ptr_equal(set, set_of(&t, group(&t, 101, 102, DMSC_CLASS_DATA)));
	assert_int_equal(set->nr, 2);
	assert_in_range(slots_by(&t, set, 0), DMSC_SET_SLOTS / 2, DMSC_SET_SLOTS / 2 + 1);
	for (int i = 0; i < DMSC_SET_SLOTS; i++)
		before[i] = t.about[set->path[set->slot[i]]].link;
	tables_free(&t);

	/* 1:1 to 1:3: a quarter has to move, to the second link; hardly more does. */
	ways[1].weight = 3;
	assert_int_equal(tables_build(&s.in, &t, &err), 0);
	set = set_of(&t, group(&t, 100, 102, DMSC_CLASS_DATA));
	assert_in_range(slots_by(&t, set, 0), DMSC_SET_SLOTS / 4, DMSC_SET_SLOTS / 4 + 1);
	for (int i = 0; i < DMSC_SET_SLOTS; i++)
		moved += before[i] != t.about[set->path[set->slot[i]]].link;
	print_message("# %d of %d positions moved, %d have to\n", moved, DMSC_SET_SLOTS,
		      DMSC_SET_SLOTS / 4);
	assert_in_range(moved, DMSC_SET_SLOTS / 4, DMSC_SET_SLOTS * 2 / 5);
	tables_free(&t);

	/* The receiver's answers take the links by which the data arrives. */
	s.in.host = 1;
	assert_int_equal(tables_build(&s.in, &t, &err), 0);
	set = set_of(&t, group(&t, 102, 100, DMSC_CLASS_DATA));
	assert_in_range(slots_by(&t, set, 2), DMSC_SET_SLOTS / 4, DMSC_SET_SLOTS / 4 + 1);
	assert_int_not_equal(group(&t, 102, DMSC_SID_ANY, DMSC_CLASS_DATA), MODEL_NONE);
	tables_free(&t);

	/* A group's pair that has no flow; the one that has keeps its own. */
	small_init(&s);
	s.plan.ways = ways;
	s.plan.nr_ways = 3;
	s.plan.groups = &group_of_mic;
	s.plan.nr_groups = 1;
	assert_int_equal(tables_build(&s.in, &t, &err), 0);
	assert_int_equal(t.about[group(&t, 100, 102, DMSC_CLASS_DATA)].link, 0);
	tables_free(&t);
	group_of_mic.class = DMSC_CLASS_BULK;
	assert_int_equal(tables_build(&s.in, &t, &err), 0);
	assert_int_equal(t.about[group(&t, 100, 102, DMSC_CLASS_BULK)].link, 1);
	assert_int_equal(group(&t, 101, 102, DMSC_CLASS_BULK), MODEL_NONE);
	tables_free(&t);
}

static struct dmsc_addr v6(uint8_t a, uint8_t b)
{
	return (struct dmsc_addr){ .b = { 0xfd, a, [15] = b } };
}

/* A host that is known by an address, @port being 0: as a host; whose SID it is. */
static int64_t endpoint(const struct tables *t, const struct dmsc_addr *addr, uint16_t port)
{
	for (size_t i = 0; i < t->t.nr_endpoints; i++)
		if (!memcmp(&t->t.endpoint_keys[i].addr, addr, sizeof(*addr)) &&
		    t->t.endpoint_keys[i].port == htons(port))
			return t->t.endpoints[i].sid;
	return -1;
}

/* Hosts of both families: everything twice, with next hops of their own. */
static void test_ipv6(void **state)
{
	struct plan_way ways[] = { { .path = 0, .weight = 1 }, { .path = 1, .weight = 3 } };
	struct plan_encap label = { .kind = PATH_LABEL, .entropy = 77, .nexthop = v6(9, 1) };
	struct policy policy = { 0 };
	const struct dmsc_set *set;
	struct dmsc_error err;
	struct tables t;
	struct small s;
	uint32_t row;

	(void)state;
	small_init(&s);
	for (uint32_t i = 0; i < 4; i++) {
		s.links[i].addr6_a = v6(i, 2);
		s.links[i].addr6_b = v6(i, 3);
	}
	/* One of two is no conversation. */
	s.nodes[0].addr6 = v6(0xff, 1);
	assert_int_equal(tables_build(&s.in, &t, &err), 0);
	assert_int_equal(t.t.nr_paths, 3);
	assert_int_equal(group6(&t, 100, 102, DMSC_CLASS_DATA), MODEL_NONE);
	assert_int_equal(endpoint(&t, &s.nodes[0].addr6, 2000), 100);
	tables_free(&t);

	s.nodes[1].addr6 = v6(0xff, 2);
	assert_int_equal(tables_build(&s.in, &t, &err), 0);
	assert_int_equal(t.t.nr_paths, 5);
	assert_int_equal(t.t.nr_endpoints, 6);
	assert_int_equal(endpoint(&t, &s.nodes[1].addr6, 2002), 102);
	for (uint32_t i = 0; i < 2; i++) {
		row = group6(&t, 100 + i, 102, DMSC_CLASS_DATA);
		assert_int_equal(t.about[row].link, i);
		assert_true(t.about[row].ipv6);
		assert_int_equal(t.paths[row].family, AF_INET6);
		assert_memory_equal(&t.paths[row].nexthop, &s.links[i].addr6_b, 16);
		assert_int_equal(group6(&t, 100 + i, DMSC_SID_ANY, DMSC_CLASS_DATA), row);
		row = group(&t, 100 + i, 102, DMSC_CLASS_DATA);
		assert_false(t.about[row].ipv6);
		assert_memory_equal(&t.paths[row].nexthop, &s.links[i].addr_b, 16);
	}
	row = peer(&t, &s.nodes[1].addr6, DMSC_CLASS_DATA);
	assert_true(row != MODEL_NONE && t.about[row].ipv6 && t.about[row].link == 1);
	assert_int_equal(endpoint(&t, &s.nodes[1].addr6, 0), -1);
	tables_free(&t);

	/* With a policy hosts are known by every address. */
	s.in.policy = &policy;
	assert_int_equal(tables_build(&s.in, &t, &err), 0);
	assert_int_equal(endpoint(&t, &s.nodes[1].addr6, 0), 0);
	assert_int_equal(endpoint(&t, &s.links[2].addr6_a, 0), 0);
	tables_free(&t);
	s.in.policy = NULL;

	/* A link without next hops of IPv6 is no way for it, alone or in a set. */
	memset(&s.links[0].addr6_b, 0, sizeof(s.links[0].addr6_b));
	s.flows[1].first_way = 0;
	s.flows[1].nr_ways = 2;
	s.plan.ways = ways;
	s.plan.nr_ways = 2;
	assert_int_equal(tables_build(&s.in, &t, &err), 0);
	assert_int_equal(group6(&t, 100, 102, DMSC_CLASS_DATA), MODEL_NONE);
	row = group6(&t, 101, 102, DMSC_CLASS_DATA);
	assert_false(row & DMSC_PATH_SET);
	assert_true(t.about[row].ipv6 && t.about[row].link == 1);
	set = set_of(&t, group(&t, 101, 102, DMSC_CLASS_DATA));
	assert_int_equal(set->nr, 2);
	tables_free(&t);

	/* What is put around packets, or their label, has one row for both. */
	s.paths[0].encap = &label;
	assert_int_equal(tables_build(&s.in, &t, &err), 0);
	row = group6(&t, 100, 102, DMSC_CLASS_DATA);
	assert_int_equal(row, group(&t, 100, 102, DMSC_CLASS_DATA));
	assert_memory_equal(&t.paths[row].nexthop, &label.nexthop, 16);
	assert_int_equal(t.encaps[t.paths[row].encap].kind, DMSC_ENCAP_LABEL);
	tables_free(&t);
}

static void test_rows(void **state)
{
	struct dmsc_error err;
	struct tables t;
	struct small s;

	(void)state;
	small_init(&s);
	s.in.flags = DMSC_CTL_DSCP;
	assert_int_equal(tables_build(&s.in, &t, &err), 0);
	assert_int_equal(t.t.flags, DMSC_CTL_DSCP);
	assert_int_equal(t.t.nr_instances, 2);
	assert_int_equal(t.t.nr_endpoints, 3);
	for (size_t i = 0; i < t.t.nr_endpoints; i++) {
		uint32_t n = t.t.endpoints[i].sid - 100;

		assert_int_equal(t.t.endpoint_keys[i].port, htons(2000 + n));
		assert_int_equal(t.t.endpoint_keys[i].proto, IPPROTO_TCP);
		assert_memory_equal(&t.t.endpoint_keys[i].addr, &s.nodes[n == 2].addr, 16);
		assert_int_equal(t.t.endpoints[i].class, DMSC_CLASS_DATA);
		assert_int_equal(t.t.endpoints[i].mic, 7);
	}
	assert_int_equal(t.nr_queues, 2);
	assert_int_equal(t.queues[0].slot, 1);
	assert_int_equal(t.queues[1].sid, 101);
	assert_int_equal(t.queues[1].weight, DMSC_WEIGHT_DEFAULT);
	assert_int_equal(t.queues[1].given, QUEUE_QUEUE_RANK | QUEUE_QUEUE_RATE | QUEUE_QUEUE_CEIL);
	assert_int_equal(t.queues[1].rank, DMSC_RANK_DEFAULT);
	assert_true(!t.queues[1].rate && !t.queues[1].ceil);
	assert_int_equal(t.t.profile.dscp[DMSC_CLASS_TENSOR], 46);
	assert_int_equal(t.t.profile.class_of[46], DMSC_CLASS_TENSOR);
	assert_int_equal(t.t.profile.class_of[47], 0xff);
	tables_free(&t);

	/* ranks, rates and ceilings are an instance's own, by class */
	s.plan.instances[1].rank[DMSC_CLASS_DATA] = 3;
	s.plan.instances[1].rank[DMSC_CLASS_TENSOR] = 5;
	s.plan.instances[1].rate[DMSC_CLASS_DATA] = 1000;
	s.plan.instances[1].ceil[DMSC_CLASS_DATA] = DMSC_RATE_MAX;
	s.plan.instances[1].ceil[DMSC_CLASS_TENSOR] = 7777;
	assert_int_equal(tables_build(&s.in, &t, &err), 0);
	assert_int_equal(t.queues[0].rank, DMSC_RANK_DEFAULT);
	assert_int_equal(t.queues[1].rank, DMSC_RANK_DEFAULT + 3);
	assert_int_equal(t.queues[1].class, DMSC_CLASS_DATA);
	assert_int_equal(t.queues[1].rate, 1000);
	assert_true(t.queues[1].ceil == DMSC_RATE_MAX);
	tables_free(&t);
}

static void test_refused(void **state)
{
	struct small s;

	(void)state;
	small_init(&s);
	s.cgroups[1] = s.cgroups[0];
	refused(&s, "cgroup");
	small_init(&s);
	s.inst[1].slot[DMSC_CLASS_BULK] = 1; /* instance 0's, of another class */
	refused(&s, "slot 1");
	small_init(&s);
	s.inst[1].slot[DMSC_CLASS_DATA] = DMSC_NR_SLOTS;
	refused(&s, "slot");
	small_init(&s);
	s.inst[1].port[DMSC_CLASS_BULK] = 2000;
	refused(&s, "port");
	small_init(&s);
	s.paths[0].link = 2; /* host 1's */
	refused(&s, "paths[0].link");
	small_init(&s);
	s.flows[0].path = 2; /* from host 1 to host 0 */
	refused(&s, "flows[0].path");
	small_init(&s);
	s.ifindexes[1] = 0;
	refused(&s, "rail1");
	small_init(&s);
	s.in.host = 1;
	s.paths[0].nr_edges = 1; /* never arrives */
	refused(&s, "paths[0].edges");
	small_init(&s);
	s.in.host = 9;
	refused(&s, "hosts");
}

static void *blob(struct small *s, size_t *len, uint8_t path_flags)
{
	struct dmsc_error err;
	struct tables t;
	void *b;

	assert_int_equal(tables_build(&s->in, &t, &err), 0);
	t.paths[1].flags = path_flags;
	b = tables_blob(&t, len);
	assert_non_null(b);
	tables_free(&t);
	return b;
}

/* Equal plans give equal blobs, whatever paths are up; any change shows. */
static void test_blob(void **state)
{
	static const struct {
		size_t offset, size;
	} changes[] = {
#define CHANGE(member) { offsetof(struct small, member), sizeof(((struct small *)0)->member) }
		CHANGE(inst[0].sid),	       CHANGE(inst[0].class_mask), CHANGE(inst[2].port[2]),
		CHANGE(inst[1].slot[2]),       CHANGE(cgroups[0]),	   CHANGE(ifindexes[1]),
		CHANGE(links[0].addr_b.b[15]), CHANGE(profile.dscp[5]),	   CHANGE(in.flags),
		CHANGE(nodes[1].addr.b[15]),   CHANGE(flows[0].class),
#undef CHANGE
	};
	struct small s;
	size_t len, other;
	void *a, *b;

	(void)state;
	small_init(&s);
	a = blob(&s, &len, 0);
	small_init(&s);
	b = blob(&s, &other, DMSC_PATH_F_UP);
	assert_int_equal(len, other);
	assert_memory_equal(a, b, len);
	free(b);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		small_init(&s);
		*((uint8_t *)&s + changes[i].offset) ^= 4;
		b = blob(&s, &other, 0);
		if (len == other && !memcmp(a, b, len))
			fail_msg("change %zu does not show", i);
		free(b);
	}
	free(a);
}

static void test_profiles(void **state)
{
	static const char *const names[] = { "default", "nvidia", "broadcom", "sonic", "custom" };
	struct dmsc_error err = { "" };
	struct dmsc_profile tables;
	struct profile p;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(profile_find(names[i], &p, &err), 0);
		assert_string_equal(p.name, names[i]);
		assert_int_equal(profile_check(&p, false, &err), 0);
		profile_tables(&p, &tables);
		for (int c = 0; c < DMSC_NR_CLASSES; c++)
			assert_int_equal(tables.class_of[tables.dscp[c]], c);
	}
	assert_int_equal(profile_find("cisco", &p, &err), -EINVAL);
	assert_non_null(strstr(err.text, "cisco"));
	/* TCP in RoCE's class is refused, unless it is asked for. */
	profile_find("broadcom", &p, NULL);
	p.dscp[DMSC_CLASS_PIPELINE] = 26;
	assert_int_equal(profile_check(&p, false, &err), -EINVAL);
	assert_non_null(strstr(err.text, "pipeline"));
	assert_int_equal(profile_check(&p, true, &err), 0);
	p.dscp[DMSC_CLASS_PIPELINE] = p.dscp[DMSC_CLASS_DATA];
	assert_int_equal(profile_check(&p, true, &err), -EINVAL);
	p.dscp[DMSC_CLASS_PIPELINE] = 64;
	assert_int_equal(profile_check(&p, true, &err), -EINVAL);
}

/* The module classes by the default profile what carries no DMSC priority. */
static void test_module_profile(void **state)
{
	struct dmsc_profile tables;
	struct profile p;

	(void)state;
	profile_find("default", &p, NULL);
	profile_tables(&p, &tables);
	for (int d = 0; d < 64; d++)
		assert_int_equal(dmsc_class_of_dscp[d], tables.class_of[d] == 0xff ?
								DMSC_CLASS_DEFAULT :
								tables.class_of[d]);
}

/* The daemon's defaults are the scheduler's own. */
static void test_class_defaults(void **state)
{
	static const struct dmsc_sched_ops ops;
	struct dmsc_sched sched;
	struct hostconf c;

	(void)state;
	hostconf_defaults(&c);
	assert_int_equal(dmsc_sched_init(&sched, 1514, &ops), 0);
	for (uint32_t i = 0; i < DMSC_NR_CLASSES; i++) {
		assert_int_equal(c.classes[i].id, i);
		assert_int_equal(c.classes[i].mode, sched.class[i].cfg.mode);
		assert_int_equal(c.classes[i].weight, sched.class[i].cfg.weight);
		assert_int_equal(c.classes[i].share, sched.class[i].cfg.share);
		assert_int_equal(c.classes[i].limit, sched.class[i].cfg.limit);
		assert_int_equal(c.classes[i].ecn, sched.class[i].cfg.ecn);
	}
	dmsc_sched_destroy(&sched);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example),	       cmocka_unit_test(test_answers),
		cmocka_unit_test(test_choices),	       cmocka_unit_test(test_ways),
		cmocka_unit_test(test_rows),	       cmocka_unit_test(test_refused),
		cmocka_unit_test(test_blob),	       cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_module_profile), cmocka_unit_test(test_class_defaults),
		cmocka_unit_test(test_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
