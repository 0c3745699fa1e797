// SPDX-License-Identifier: GPL-2.0-or-later
/* guests: 6.1 */
/*
 * Policy on real sockets: what connect(), bind() and sendto() say, what becomes
 * of a connection whose permission ends, what comes in from outside, and what is
 * counted and sampled. Packets without sockets are in vectors/policy.vec.
 */
#include "live.h"

static char cgroup_none[128]; /* with the hooks, but of no instance */

static struct dmsc_rule_key rule_keys[16];
static struct dmsc_rule rules[16];

static void rule(uint8_t src_who, uint32_t src, uint8_t dst_who, uint32_t dst, uint8_t action,
		 uint8_t mask)
{
	size_t n = g.t.nr_rules++;

	rule_keys[n] = (struct dmsc_rule_key){
		.src = src, .dst = dst, .src_who = src_who, .dst_who = dst_who
	};
	rules[n] = (struct dmsc_rule){ .action = action, .class_mask = mask, .number = n + 1 };
}

/* A host of the plan. */
static void host(const char *addr)
{
	g.endpoint_keys[g.t.nr_endpoints] = (struct dmsc_endpoint_key){ .addr = addr_of(addr) };
	g.endpoints[g.t.nr_endpoints++] = (struct dmsc_endpoint){};
}

/* Starts a generation with a policy; rule() adds to it, program() puts it in force. */
static void policy(uint32_t flags)
{
	tables_make(0);
	memset(rule_keys, 0, sizeof(rule_keys));
	g.t.flags |= DMSC_CTL_POLICY | flags;
	g.t.rule_keys = rule_keys;
	g.t.rules = rules;
	g.t.nr_rules = 0;
}

static void program(void)
{
	env_program(dp, &g.t);
}

static uint64_t denied(int hook, int reason)
{
	struct dmsc_denial n[DMSC_NR_HOOKS][DMSC_NR_REASONS];

	CHECK(!dataplane_denials(dp, n, &env_err), "%s", env_err.text);
	return n[hook][reason].count;
}

/* connect() or sendto() by a process of @cgroup; 0 or the error. */
static int try_to(const char *cgroup, int type, const char *addr, uint16_t port)
{
	struct sockaddr_storage ss;
	int fd, ret;

	cgroup_enter(cgroup);
	fd = sock_make(ns_here, type, strchr(addr, ':') ? HERE6 : HERE, 0);
	if (type == SOCK_STREAM)
		ret = connect(fd, (void *)&ss, sock_addr(&ss, addr, port));
	else
		ret = sendto(fd, "x", 1, 0, (void *)&ss, sock_addr(&ss, addr, port)) == 1 ? 0 : -1;
	ret = ret ? errno : 0;
	cgroup_enter(cgroup_nobody);
	sock_close(fd);
	return ret;
}

static int try_bind(const char *cgroup, int type, const char *addr, uint16_t port)
{
	struct sockaddr_storage ss;
	int fd, ret;

	cgroup_enter(cgroup);
	fd = sock_keep(socket(strchr(addr, ':') ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0));
	ret = bind(fd, (void *)&ss, sock_addr(&ss, addr, port)) ? errno : 0;
	cgroup_enter(cgroup_nobody);
	sock_close(fd);
	return ret;
}

static struct dmsc_sample last;
static int nr_samples;

static void keep(const struct dmsc_sample *s, void *arg)
{
	(void)arg;
	last = *s;
	nr_samples++;
}

/* Who plays the other host is none of our processes: the hooks do not hang there. */
static void outside_of_it(void)
{
	snprintf(cgroup_none, sizeof(cgroup_none), "%s/none", env_cgroup);
	snprintf(cgroup_nobody, sizeof(cgroup_nobody), "%s/cgroup", env_dir);
	sh("mkdir -p %s", cgroup_none);
	cgroup_enter(cgroup_nobody);
}

static void connect_refused(void)
{
	int listener = sock_listen(ns_there, THERE, PORT_THERE + DMSC_CLASS_TENSOR);
	uint64_t before;
	struct tally t;

	policy(0);
	rule(DMSC_WHO_SID, SID_JOB, DMSC_WHO_SID, SID_THERE, DMSC_ACTION_DENY, 0xff);
	program();
	dataplane_events(dp, keep, NULL);
	nr_samples = 0;
	before = denied(DMSC_HOOK_CONNECT, DMSC_REASON_RULE);
	watch();
	CHECK_EQ(try_to(cgroup_job, SOCK_STREAM, THERE, PORT_THERE + DMSC_CLASS_TENSOR), EPERM,
		 "the rule's pair");
	t = tally(IPPROTO_TCP, PORT_THERE + DMSC_CLASS_TENSOR);
	CHECK_EQ(t.packets, 0, "no packet left");
	CHECK_EQ(denied(DMSC_HOOK_CONNECT, DMSC_REASON_RULE) - before, 1, "counted");
	dataplane_events(dp, keep, NULL);
	CHECK_EQ(nr_samples, 1, "sampled");
	CHECK_EQ(last.kind, DMSC_SAMPLE_POLICY, "sample");
	CHECK_EQ(last.sid, SID_JOB, "sample");
	CHECK_EQ(last.peer_sid, SID_THERE, "sample");
	CHECK_EQ(last.rule, 1, "sample");
	CHECK_EQ(ntohs(last.dport), PORT_THERE + DMSC_CLASS_TENSOR, "sample");
	CHECK_EQ(try_to(cgroup_narrow, SOCK_STREAM, THERE, PORT_THERE + DMSC_CLASS_TENSOR), 0,
		 "another instance");
	CHECK_EQ(try_to(cgroup_none, SOCK_STREAM, THERE, PORT_THERE + DMSC_CLASS_TENSOR), 0,
		 "nobody, and the default allows");
	sock_close(listener);
}

static void default_deny(void)
{
	int listener = sock_listen(ns_there, THERE, PORT_THERE + DMSC_CLASS_DATA);
	int other = sock_listen(ns_there, THERE, 9999);
	int six = sock_listen(ns_there, THERE6, PORT_THERE + DMSC_CLASS_DATA);

	policy(DMSC_CTL_DENY);
	rule(DMSC_WHO_MIC, 1, DMSC_WHO_SID, SID_THERE, DMSC_ACTION_ALLOW, 0xff);
	program();
	CHECK_EQ(try_to(cgroup_job, SOCK_STREAM, THERE, PORT_THERE + DMSC_CLASS_DATA), 0,
		 "allowed by its MIC");
	CHECK_EQ(try_to(cgroup_job, SOCK_STREAM, THERE6, PORT_THERE + DMSC_CLASS_DATA), EPERM,
		 "another SID, IPv6");
	CHECK_EQ(try_to(cgroup_job, SOCK_STREAM, THERE, 9999), EPERM, "to the outside");
	CHECK_EQ(try_to(cgroup_none, SOCK_STREAM, THERE, PORT_THERE + DMSC_CLASS_DATA), EPERM,
		 "nobody to an instance");
	CHECK_EQ(try_to(cgroup_none, SOCK_STREAM, THERE, 9999), 0, "nobody to nobody");
	CHECK_EQ(try_to(cgroup_job, SOCK_DGRAM, THERE6, PORT_THERE + DMSC_CLASS_DATA), EPERM,
		 "sendto, IPv6");
	CHECK_EQ(try_to(cgroup_job, SOCK_DGRAM, THERE, 9999), EPERM, "sendto");
	CHECK_EQ(try_to(cgroup_job, SOCK_DGRAM, THERE, PORT_THERE + DMSC_CLASS_DATA), 0,
		 "sendto, allowed");
	rule(DMSC_WHO_MIC, 1, DMSC_WHO_OUTSIDE, 0, DMSC_ACTION_ALLOW, 0xff);
	program();
	CHECK_EQ(try_to(cgroup_job, SOCK_STREAM, THERE, 9999), 0, "to the outside, allowed");
	sock_close(listener);
	sock_close(other);
	sock_close(six);
}

static void classes_of_a_rule(void)
{
	struct conn c;

	policy(0);
	rule(DMSC_WHO_SID, SID_JOB, DMSC_WHO_SID, SID_THERE, DMSC_ACTION_ALLOW,
	     1 << DMSC_CLASS_BULK | 1 << DMSC_CLASS_DATA);
	rule(DMSC_WHO_SID, SID_NARROW, DMSC_WHO_SID, SID_THERE, DMSC_ACTION_ALLOW,
	     1 << DMSC_CLASS_TENSOR);
	program();
	watch();
	c = connect_out(cgroup_job, THERE, DMSC_CLASS_TENSOR);
	CHECK_EQ(stamp_of(c.client).class, DMSC_CLASS_BULK, "its default is among the rule's");
	ping_pong(&c, 3);
	conn_close(&c);
	check_tally(tally(IPPROTO_TCP, c.port), DMSC_CLASS_BULK, 0, "limited by the rule");
	c = connect_out(cgroup_job, THERE, DMSC_CLASS_DATA);
	CHECK_EQ(stamp_of(c.client).class, DMSC_CLASS_DATA, "allowed by the rule");
	conn_close(&c);
	CHECK_EQ(try_to(cgroup_narrow, SOCK_STREAM, THERE, PORT_THERE + DMSC_CLASS_TENSOR), EPERM,
		 "rule and instance have no class in common");
	CHECK(denied(DMSC_HOOK_CONNECT, DMSC_REASON_CLASS) > 0, "counted");
}

/* A connection that is denied by a later generation ends there. */
static void permission_ends(void)
{
	uint64_t before;
	struct conn c;

	policy(0);
	program();
	c = connect_out(cgroup_job, THERE, DMSC_CLASS_EXPERT);
	ping_pong(&c, 2);
	policy(0);
	rule(DMSC_WHO_SID, SID_JOB, DMSC_WHO_SID, SID_THERE, DMSC_ACTION_DENY, 0xff);
	program();
	before = denied(DMSC_HOOK_EGRESS, DMSC_REASON_RULE);
	send_all(c.client, 100);
	CHECK(WAIT_FOR(denied(DMSC_HOOK_EGRESS, DMSC_REASON_RULE) > before), "dropped and counted");
	CHECK(stamp_of(c.client).flags & DMSC_STAMP_F_DENIED, "stamped");
	policy(0);
	program();
	recv_all(c.server, 100);
	CHECK(!(stamp_of(c.client).flags & DMSC_STAMP_F_DENIED), "allowed again: it goes on");
	conn_close(&c);
}

static uint64_t exceeded(int hook)
{
	struct dmsc_denial n[DMSC_NR_HOOKS];

	CHECK(!dataplane_exceeded(dp, n, &env_err), "%s", env_err.text);
	return n[hook].count;
}

/* Datagrams of 1000 bytes to THERE, as fast as they go; how many the rails saw. */
static int datagrams(const char *cgroup, int class, int n)
{
	char buf[1000] = { 0 };
	int fd, i, port;

	cgroup_enter(cgroup);
	fd = sock_make(ns_here, SOCK_DGRAM, HERE, 0);
	sock_connect(fd, THERE, PORT_THERE + class);
	cgroup_enter(cgroup_nobody);
	port = sock_port(fd);
	watch();
	for (i = 0; i < n; i++)
		send(fd, buf, sizeof(buf), 0);
	sock_close(fd);
	return tally(IPPROTO_UDP, port).packets;
}

/* What one rule allows: a burst, and then next to nothing at 1000 bytes a second. */
static void rate_of_a_rule(void)
{
	struct dmsc_rule_rate rates[2] = {
		{}, { .cost = 1000000ULL << DMSC_RATE_SHIFT, .burst = 50 * 1000000000ULL }
	};
	uint64_t before;
	int n, dropped;

	policy(0);
	rule(DMSC_WHO_SID, SID_JOB, DMSC_WHO_SID, SID_THERE, DMSC_ACTION_ALLOW, 0xff);
	rules[0].rate = 1;
	CHECK_EQ(dataplane_program(dp, &g.t, &env_err), -EINVAL, "a rate that is not there");
	g.t.rates = rates;
	g.t.nr_rates = 2;
	program();
	dataplane_events(dp, keep, NULL);
	nr_samples = 0;
	before = exceeded(DMSC_HOOK_EGRESS);
	n = datagrams(cgroup_job, DMSC_CLASS_DATA, 200);
	dropped = exceeded(DMSC_HOOK_EGRESS) - before;
	/* 50 seconds' worth is 50,000 bytes; each second on a slow machine one more. */
	CHECK(n > 0 && n <= 200 - dropped, "%d of 200 went through, %d were dropped", n, dropped);
	CHECK(dropped > 50 && dropped <= 160, "%d of 200 were dropped", dropped);
	dataplane_events(dp, keep, NULL);
	CHECK(nr_samples > 0 && last.reason == DMSC_REASON_RATE && last.rule == 1 &&
		      last.hook == DMSC_HOOK_EGRESS,
	      "%d samples, reason %u, rule %u", nr_samples, last.reason, last.rule);

	/* Others go on, and the next generation of the same rule is no new burst. */
	before = exceeded(DMSC_HOOK_EGRESS);
	datagrams(cgroup_narrow, DMSC_CLASS_DATA, 100);
	CHECK_EQ(exceeded(DMSC_HOOK_EGRESS), before, "of another instance");
	program();
	datagrams(cgroup_job, DMSC_CLASS_DATA, 100);
	CHECK(exceeded(DMSC_HOOK_EGRESS) - before > 40, "a generation is a new burst");
	rules[0].rate = 0;
	program();
	before = exceeded(DMSC_HOOK_EGRESS);
	datagrams(cgroup_job, DMSC_CLASS_DATA, 100);
	CHECK_EQ(exceeded(DMSC_HOOK_EGRESS), before, "without a rate");
	g.t.rates = NULL;
	g.t.nr_rates = 0;
}

static void foreign_endpoint(void)
{
	uint64_t before;

	policy(0);
	add_endpoints("::", PORT_HERE, SID_JOB);
	program();
	before = denied(DMSC_HOOK_BIND, DMSC_REASON_FOREIGN);
	CHECK_EQ(try_bind(cgroup_narrow, SOCK_STREAM, HERE, PORT_HERE), EPERM, "its address");
	CHECK_EQ(try_bind(cgroup_narrow, SOCK_STREAM, "0.0.0.0", PORT_HERE), EPERM, "any address");
	CHECK_EQ(try_bind(cgroup_narrow, SOCK_STREAM, "::", PORT_HERE), EPERM, "any, IPv6");
	CHECK_EQ(try_bind(cgroup_none, SOCK_DGRAM, HERE, PORT_HERE), EPERM, "UDP, by nobody");
	CHECK_EQ(denied(DMSC_HOOK_BIND, DMSC_REASON_FOREIGN) - before, 4, "counted");
	CHECK_EQ(try_bind(cgroup_job, SOCK_STREAM, HERE, PORT_HERE), 0, "by its instance");
	CHECK_EQ(try_bind(cgroup_deep, SOCK_STREAM, "::", PORT_HERE), 0, "below its cgroup");
	CHECK_EQ(try_bind(cgroup_narrow, SOCK_STREAM, HERE, PORT_HERE + 100), 0, "nobody's port");
	policy(DMSC_CTL_AUDIT);
	program();
	before = denied(DMSC_HOOK_BIND, DMSC_REASON_AUDIT);
	CHECK_EQ(try_bind(cgroup_narrow, SOCK_STREAM, HERE, PORT_HERE), 0, "audited");
	CHECK_EQ(denied(DMSC_HOOK_BIND, DMSC_REASON_AUDIT) - before, 1, "counted");
}

static void from_outside(void)
{
	struct sockaddr_storage ss;
	int listener, fd;
	uint64_t before;
	struct conn c;

	policy(DMSC_CTL_DENY);
	program();
	before = denied(DMSC_HOOK_INGRESS, DMSC_REASON_DEFAULT);
	cgroup_enter(cgroup_job);
	listener = sock_listen(ns_here, HERE, PORT_HERE + DMSC_CLASS_DATA);
	cgroup_enter(cgroup_nobody);
	fd = sock_make(ns_there, SOCK_STREAM, THERE, 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	connect(fd, (void *)&ss, sock_addr(&ss, HERE, PORT_HERE + DMSC_CLASS_DATA));
	CHECK(WAIT_FOR(denied(DMSC_HOOK_INGRESS, DMSC_REASON_DEFAULT) > before),
	      "its SYN is dropped");
	sock_close(fd);
	sock_close(listener);

	/* Allowed from outside: its answers are as well. */
	rule(DMSC_WHO_OUTSIDE, 0, DMSC_WHO_SID, SID_JOB, DMSC_ACTION_ALLOW, 0xff);
	program();
	c = connect_in(cgroup_job, HERE, DMSC_CLASS_EXPERT);
	ping_pong(&c, 3);
	CHECK_EQ(stamp_of(c.server).class, DMSC_CLASS_EXPERT, "class");
	conn_close(&c);

	/* A host of the plan has checked it itself. */
	policy(DMSC_CTL_DENY);
	host(THERE);
	program();
	c = connect_in(cgroup_job, "0.0.0.0", DMSC_CLASS_PIPELINE);
	ping_pong(&c, 3);
	conn_close(&c);
}

static void audited(void)
{
	uint64_t before;
	struct conn c;

	policy(DMSC_CTL_AUDIT);
	program();
	before = denied(DMSC_HOOK_CONNECT, DMSC_REASON_AUDIT);
	c = connect_out(cgroup_job, THERE, DMSC_CLASS_EXPERT);
	ping_pong(&c, 2);
	CHECK_EQ(stamp_of(c.client).class, DMSC_CLASS_EXPERT, "as without a policy");
	CHECK_EQ(denied(DMSC_HOOK_CONNECT, DMSC_REASON_AUDIT) - before, 1, "counted once");
	conn_close(&c);
}

static void refused_rules(void)
{
	uint32_t any = DMSC_WHO_ANY, out = DMSC_WHO_OUTSIDE;

	policy(0);
	rule(any, 0, any, 0, DMSC_ACTION_DENY, 0xff);
	CHECK_EQ(dataplane_program(dp, &g.t, &env_err), -EINVAL, "any to any");
	policy(0);
	rule(out, 0, out, 0, DMSC_ACTION_DENY, 0xff);
	CHECK_EQ(dataplane_program(dp, &g.t, &env_err), -EINVAL, "outside to outside");
	policy(0);
	rule(DMSC_WHO_SID, 0, any, 0, DMSC_ACTION_DENY, 0xff);
	CHECK_EQ(dataplane_program(dp, &g.t, &env_err), -EINVAL, "SID 0");
	policy(0);
	rule(DMSC_WHO_SID, SID_JOB, any, 7, DMSC_ACTION_DENY, 0xff);
	CHECK_EQ(dataplane_program(dp, &g.t, &env_err), -EINVAL, "any with an id");
	policy(0);
	rule(DMSC_WHO_SID, SID_JOB, any, 0, 3, 0xff);
	CHECK_EQ(dataplane_program(dp, &g.t, &env_err), -EINVAL, "action 3");
	policy(0);
	rule(DMSC_WHO_SID, SID_JOB, any, 0, DMSC_ACTION_DENY, 0xff);
	rule(DMSC_WHO_SID, SID_JOB, any, 0, DMSC_ACTION_ALLOW, 0xff);
	CHECK_EQ(dataplane_program(dp, &g.t, &env_err), -EEXIST, "one pair twice");
	g.t.nr_rules = DMSC_MAX_RULES + 1;
	CHECK_EQ(dataplane_program(dp, &g.t, &env_err), -E2BIG, "too many");
}

static int run(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(attached),	   TAP_TEST(outside_of_it),  TAP_TEST(refused_rules),
		TAP_TEST(connect_refused), TAP_TEST(default_deny),   TAP_TEST(classes_of_a_rule),
		TAP_TEST(permission_ends), TAP_TEST(rate_of_a_rule), TAP_TEST(foreign_endpoint),
		TAP_TEST(from_outside),	   TAP_TEST(audited),
	};

	return live_run(tests, sizeof(tests) / sizeof(tests[0]));
}

int main(void)
{
	return env_main(run);
}
