// SPDX-License-Identifier: GPL-2.0-or-later
/* guests: 6.1 */
/*
 * The class that an application chooses for a socket, by SO_PRIORITY and by
 * dmsc_tag(): only among its own, from the next packet on.
 */
#include "live.h"

#include "libdmsc-tag/dmsc_tag.h"

/* As the process of @cgroup; 0 or the error. */
static int tag(const char *cgroup, int fd, int class)
{
	int ret;

	cgroup_enter(cgroup);
	ret = dmsc_tag(fd, class) ? errno : 0;
	cgroup_enter(cgroup_nobody);
	return ret;
}

static int priority(const char *cgroup, int fd, int value)
{
	int ret;

	cgroup_enter(cgroup);
	ret = setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &value, sizeof(value)) ? errno : 0;
	cgroup_enter(cgroup_nobody);
	return ret;
}

static int class_after_packet(const struct conn *c)
{
	ping_pong(c, 1);
	return stamp_of(c->client).class;
}

static void nothing_in_force(void)
{
	int fd = sock_make(ns_here, SOCK_STREAM, HERE, 0);

	CHECK_EQ(tag(cgroup_job, fd, DMSC_CLASS_DATA), ENOPROTOOPT, "no generation");
	CHECK_EQ(priority(cgroup_job, fd, 2), 0, "SO_PRIORITY is the kernel's");
	sock_close(fd);
	program_rail(1);
}

static void while_connected(void)
{
	struct conn c = connect_out(cgroup_job, THERE, DMSC_CLASS_TENSOR);

	CHECK_EQ(class_after_packet(&c), DMSC_CLASS_TENSOR, "the endpoint's");
	CHECK_EQ(tag(cgroup_job, c.client, DMSC_CLASS_DATA), 0, "dmsc_tag");
	CHECK_EQ(class_after_packet(&c), DMSC_CLASS_DATA, "chosen");
	CHECK_EQ(stamp_of(c.client).slot, 200 + DMSC_CLASS_DATA, "its queue");
	CHECK_EQ(stamp_of(c.client).sid, SID_JOB, "SID");
	CHECK_EQ(priority(cgroup_job, c.client, DMSC_CLASS_EXPERT), 0, "SO_PRIORITY");
	CHECK_EQ(class_after_packet(&c), DMSC_CLASS_EXPERT, "chosen");
	program_rail(1);
	CHECK_EQ(class_after_packet(&c), DMSC_CLASS_EXPERT, "in the next generation, too");
	CHECK_EQ(priority(cgroup_job, c.client, 0), 0, "SO_PRIORITY 0");
	CHECK_EQ(class_after_packet(&c), DMSC_CLASS_TENSOR, "the endpoint's again");
	CHECK_EQ(tag(cgroup_job, c.client, DMSC_CLASS_DEFAULT), 0, "class 0 can be chosen");
	CHECK_EQ(class_after_packet(&c), DMSC_CLASS_DEFAULT, "chosen");
	CHECK_EQ(tag(cgroup_job, c.client, DMSC_TAG_NONE), 0, "no choice any more");
	CHECK_EQ(class_after_packet(&c), DMSC_CLASS_TENSOR, "the endpoint's again");
	cgroup_enter(cgroup_job);
	CHECK_EQ(dmsc_tag_name(c.client, "pipeline"), 0, "by name");
	CHECK(dmsc_tag_name(c.client, "fast") && errno == EINVAL, "an unknown name");
	cgroup_enter(cgroup_nobody);
	CHECK_EQ(class_after_packet(&c), DMSC_CLASS_PIPELINE, "chosen");
	conn_close(&c);
}

static void before_the_syn(void)
{
	int listener = sock_listen(ns_there, THERE, PORT_THERE + DMSC_CLASS_TENSOR), fd, server;
	struct tally t;
	uint16_t port;

	watch();
	cgroup_enter(cgroup_job);
	fd = sock_make(ns_here, SOCK_STREAM, HERE, 0);
	CHECK_EQ(dmsc_tag(fd, DMSC_CLASS_BULK), 0, "dmsc_tag: %s", strerror(errno));
	sock_connect(fd, THERE, PORT_THERE + DMSC_CLASS_TENSOR);
	cgroup_enter(cgroup_nobody);
	server = sock_accept(listener);
	port = sock_port(fd);
	send_all(fd, 100);
	recv_all(server, 100);
	sock_close(fd);
	sock_close(server);
	sock_close(listener);
	t = tally(IPPROTO_TCP, port);
	CHECK_EQ(t.syn, 1, "the SYN was seen");
	check_tally(t, DMSC_CLASS_BULK, 1, "SYN and all after it");
}

static void of_a_listener(void)
{
	struct conn c;

	cgroup_enter(cgroup_job);
	c.listener = sock_listen(ns_here, HERE, PORT_HERE + DMSC_CLASS_EXPERT);
	CHECK_EQ(dmsc_tag(c.listener, DMSC_CLASS_DATA), 0, "dmsc_tag: %s", strerror(errno));
	cgroup_enter(cgroup_nobody);
	c.client = sock_make(ns_there, SOCK_STREAM, THERE, 0);
	sock_connect(c.client, HERE, PORT_HERE + DMSC_CLASS_EXPERT);
	c.server = sock_accept(c.listener);
	ping_pong(&c, 2);
	CHECK_EQ(stamp_of(c.server).class, DMSC_CLASS_DATA, "accepted with the listener's choice");
	conn_close(&c);
}

static void beyond_the_mask(void)
{
	struct conn c = connect_out(cgroup_narrow, THERE, DMSC_CLASS_BULK);

	CHECK_EQ(tag(cgroup_narrow, c.client, DMSC_CLASS_TENSOR), EPERM, "dmsc_tag");
	CHECK_EQ(class_after_packet(&c), DMSC_CLASS_BULK, "nothing has changed");
	CHECK_EQ(priority(cgroup_narrow, c.client, DMSC_CLASS_TENSOR), 0, "SO_PRIORITY");
	CHECK_EQ(class_after_packet(&c), DMSC_CLASS_BULK, "has no say");
	CHECK_EQ(tag(cgroup_narrow, c.client, DMSC_CLASS_DATA), 0, "one of its own");
	CHECK_EQ(class_after_packet(&c), DMSC_CLASS_DATA, "chosen");
	CHECK_EQ(tag(cgroup_narrow, c.client, 8), EINVAL, "no class");
	CHECK_EQ(tag(cgroup_narrow, c.client, -2), EINVAL, "no class");
	CHECK_EQ(tag(cgroup_nobody, c.client, DMSC_CLASS_DATA), ESRCH, "by nobody");
	/* What is chosen is lost when a generation takes the class away. */
	tables_make(1);
	g.instances[1].class_mask = 1 << DMSC_CLASS_BULK;
	g.instances[1].class_default = DMSC_CLASS_BULK;
	env_program(dp, &g.t);
	CHECK_EQ(class_after_packet(&c), DMSC_CLASS_BULK, "not allowed any more");
	program_rail(1);
	CHECK_EQ(class_after_packet(&c), DMSC_CLASS_DATA, "allowed again");
	conn_close(&c);
}

static void udp_and_others(void)
{
	char big[8192] = {};
	struct sockaddr_storage ss;
	socklen_t len = sock_addr(&ss, THERE, PORT_THERE + DMSC_CLASS_TENSOR);
	int fd, zero = 0, server;
	uint16_t port;

	watch();
	server = sock_make(ns_there, SOCK_DGRAM, THERE, PORT_THERE + DMSC_CLASS_TENSOR);
	cgroup_enter(cgroup_job);
	fd = sock_make(ns_here, SOCK_DGRAM, HERE, 0);
	port = sock_port(fd);
	CHECK_EQ(dmsc_tag(fd, DMSC_CLASS_PIPELINE), 0, "dmsc_tag: %s", strerror(errno));
	CHECK_EQ(sendto(fd, "x", 1, 0, (void *)&ss, len), 1, "sendto: %s", strerror(errno));
	recv_all(server, 1); /* it has arrived */
	check_tally(tally(IPPROTO_UDP, port), DMSC_CLASS_PIPELINE, 1, "UDP to many");
	sock_connect(fd, THERE, PORT_THERE + DMSC_CLASS_TENSOR);
	CHECK_EQ(send(fd, "x", 1, 0), 1, "send: %s", strerror(errno));
	recv_all(server, 1);
	check_tally(tally(IPPROTO_UDP, port), DMSC_CLASS_PIPELINE, 1, "UDP, connected");

	/* Options of others pass, whatever their size. */
	CHECK(!setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &zero, sizeof(zero)), "another option");
	CHECK(setsockopt(fd, 0xabc, 1, big, sizeof(big)) && errno == ENOPROTOOPT,
	      "a large buffer: %s", strerror(errno));
	CHECK(setsockopt(fd, DMSC_SOL, DMSC_SO_CLASS, big, 1) && errno == ENOPROTOOPT,
	      "too short: %s", strerror(errno));
	CHECK_EQ(dmsc_tag(-1, 0), -1, "no socket");
	cgroup_enter(cgroup_nobody);
	sock_close(fd);
	sock_close(server);
}

static int run(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(attached),	  TAP_TEST(nothing_in_force), TAP_TEST(while_connected),
		TAP_TEST(before_the_syn), TAP_TEST(of_a_listener),    TAP_TEST(beyond_the_mask),
		TAP_TEST(udp_and_others),
	};

	return live_run(tests, sizeof(tests) / sizeof(tests[0]));
}

int main(void)
{
	return env_main(run);
}
