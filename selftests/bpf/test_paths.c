// SPDX-License-Identifier: GPL-2.0-or-later
/* guests: 6.12 */
/*
 * When a live connection changes its path: in an idle gap, at once when its path
 * is down, and never otherwise; and that neither new tables nor new programs
 * under traffic cost a packet.
 */
#include <pthread.h>

#include "live.h"

/* A connection from before the programs: its class at once, its path in a gap. */
static void connection_from_before(void)
{
	struct conn c = connect_out(cgroup_job, THERE, DMSC_CLASS_EXPERT);

	ping_pong(&c, 3);
	acks_stop();
	send_all(c.client, 100);
	attached();
	program_rail(1);
	watch();
	send_all(c.client, 100);
	check_tally(tally_some(IPPROTO_TCP, c.port), DMSC_CLASS_EXPERT, 0, "in flight");
	CHECK_EQ(stamp_of(c.client).sid, SID_JOB, "by the cgroup that created it");
	acks_go();
	CHECK(WAIT_FOR(!sock_info(c.client).tcpi_unacked), "everything is acknowledged");
	watch();
	send_all(c.client, 100);
	check_tally(tally_some(IPPROTO_TCP, c.port), DMSC_CLASS_EXPERT, 1, "after a pause");
	conn_close(&c);
}

/*
 * Data is in flight and stays so: the connection keeps its rail however often
 * the tables change, retransmissions included. With everything acknowledged, it
 * moves with its next packet.
 */
static void moves_in_an_idle_gap(void)
{
	struct dmsc_stats before;
	uint32_t retrans;
	struct conn c;

	program_rail(1);
	before = env_counter(dp, SID_JOB, DMSC_CLASS_DATA, DMSC_DIR_TX);
	c = connect_out(cgroup_job, THERE, DMSC_CLASS_DATA);
	ping_pong(&c, 3);
	acks_stop();
	send_all(c.client, 100);
	program_rail(0);
	watch();
	send_all(c.client, 100);
	program_rail(-1);
	send_all(c.client, 100);
	program_rail(0);
	send_all(c.client, 100);
	/* At least one retransmission as well. */
	retrans = sock_info(c.client).tcpi_total_retrans;
	CHECK(WAIT_FOR(sock_info(c.client).tcpi_total_retrans > retrans), "no retransmission");
	CHECK(sock_info(c.client).tcpi_unacked > 0, "nothing is in flight");
	check_tally(tally_some(IPPROTO_TCP, c.port), DMSC_CLASS_DATA, 1, "in flight");
	CHECK_EQ(env_counter(dp, SID_JOB, DMSC_CLASS_DATA, DMSC_DIR_TX).moved, before.moved,
		 "moved");

	acks_go();
	CHECK(WAIT_FOR(!sock_info(c.client).tcpi_unacked), "everything is acknowledged");
	recv_all(c.server, 400);
	watch();
	send_all(c.client, 100);
	recv_all(c.server, 100);
	check_tally(tally(IPPROTO_TCP, c.port), DMSC_CLASS_DATA, 0, "idle before");
	CHECK_EQ(env_counter(dp, SID_JOB, DMSC_CLASS_DATA, DMSC_DIR_TX).moved, before.moved + 1,
		 "moved");
	conn_close(&c);
}

static void path_down_moves_at_once(void)
{
	struct conn c;

	program_rail(1);
	c = connect_out(cgroup_job, THERE, DMSC_CLASS_DATA);
	ping_pong(&c, 3);
	acks_stop();
	send_all(c.client, 100);
	CHECK(!dataplane_set_path(dp, PATH_R1, 0, &env_err), "%s", env_err.text);
	watch();
	send_all(c.client, 100);
	CHECK(sock_info(c.client).tcpi_unacked > 0, "nothing is in flight");
	check_tally(tally_some(IPPROTO_TCP, c.port), DMSC_CLASS_DATA, 0, "routing has it");

	/* Up again: not back before a pause. */
	CHECK(!dataplane_set_path(dp, PATH_R1, DMSC_PATH_F_UP, &env_err), "%s", env_err.text);
	send_all(c.client, 100);
	check_tally(tally_some(IPPROTO_TCP, c.port), DMSC_CLASS_DATA, 0, "still in flight");
	acks_go();
	CHECK(WAIT_FOR(!sock_info(c.client).tcpi_unacked), "everything is acknowledged");
	watch();
	send_all(c.client, 100);
	check_tally(tally_some(IPPROTO_TCP, c.port), DMSC_CLASS_DATA, 1, "after a pause");
	recv_all(c.server, 400);
	conn_close(&c);
}

/* The path that fails is one of an earlier generation, which the flow kept. */
static void kept_path_down(void)
{
	struct conn c;

	program_rail(1);
	c = connect_out(cgroup_job, THERE, DMSC_CLASS_DATA);
	ping_pong(&c, 3);
	acks_stop();
	send_all(c.client, 100);
	program_rail(0);
	program_rail(0);
	watch();
	send_all(c.client, 100);
	check_tally(tally_some(IPPROTO_TCP, c.port), DMSC_CLASS_DATA, 1,
		    "kept over two generations");
	CHECK(!dataplane_set_path(dp, PATH_R1, 0, &env_err), "%s", env_err.text);
	watch();
	send_all(c.client, 100);
	check_tally(tally_some(IPPROTO_TCP, c.port), DMSC_CLASS_DATA, 0, "down");
	acks_go();
	recv_all(c.server, 300);
	conn_close(&c);
}

struct traffic {
	struct conn c;
	volatile bool stop;
	bool bursts;   /* wait for an answer after each */
	uint64_t sent; /* bytes */
	pthread_t sender, receiver;
};

#define BURST 65536

/*
 * veth puts a packet into the backlog of the CPU that sends it, so two CPUs that
 * send over one rail may reorder a stream. Who sends, sends on the first CPU.
 */
static void one_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void any_cpu(void)
{
	cpu_set_t set;

	memset(&set, 0xff, sizeof(set));
	sched_setaffinity(0, sizeof(set), &set);
}

static void *traffic_send(void *arg)
{
	static const char buf[BURST];
	struct traffic *t = arg;
	char c;

	one_cpu();
	while (!t->stop) {
		size_t n = 0;

		while (n < BURST) {
			ssize_t ret = send(t->c.client, buf + n, BURST - n, MSG_NOSIGNAL);

			if (ret <= 0)
				return "send";
			n += ret;
		}
		t->sent += BURST;
		if (t->bursts && recv(t->c.client, &c, 1, 0) != 1)
			return "answer";
	}
	shutdown(t->c.client, SHUT_WR);
	return NULL;
}

static void *traffic_receive(void *arg)
{
	static char buf[BURST];
	struct traffic *t = arg;
	uint64_t got = 0;
	ssize_t n;

	one_cpu();
	while ((n = recv(t->c.server, buf, sizeof(buf), 0)) > 0) {
		if (t->bursts && got / BURST != (got + n) / BURST)
			send(t->c.server, "x", 1, MSG_NOSIGNAL);
		got += n;
	}
	return n || got != t->sent ? "receive" : NULL;
}

static void traffic_start(struct traffic *t, const char *to, int class, bool bursts)
{
	memset(t, 0, sizeof(*t));
	t->c = connect_out(cgroup_job, to, class);
	t->bursts = bursts;
	CHECK(!pthread_create(&t->receiver, NULL, traffic_receive, t), "thread");
	CHECK(!pthread_create(&t->sender, NULL, traffic_send, t), "thread");
}

static void traffic_stop(struct traffic *t)
{
	void *send_err, *recv_err;

	t->stop = true;
	pthread_join(t->sender, &send_err);
	pthread_join(t->receiver, &recv_err);
	CHECK(!send_err && !recv_err, "%s%s failed", send_err ? (char *)send_err : "",
	      recv_err ? (char *)recv_err : "");
}

/* Waits for @bytes more of a stream that goes on, and follows its order. */
static void traffic_wait(struct traffic *t, uint64_t bytes, struct order *o)
{
	uint64_t until = t->sent + bytes;

	CHECK(WAIT_FOR((order_follow(o), t->sent >= until)), "the traffic has stopped");
}

/*
 * Rail 1 is the slower one and holds a queue; every change of the tables sends the
 * flow to the other rail. Whatever overtook that queue would arrive too early.
 */
static void generations_under_traffic(void)
{
	struct dmsc_stats before, after;
	static struct traffic t;
	struct order o = {};
	struct tcp_info ti;
	int i;

	slow_rails();
	no_timers();
	program_rail(1);
	before = env_counter(dp, SID_JOB, DMSC_CLASS_PIPELINE, DMSC_DIR_TX);
	watch();
	traffic_start(&t, THERE, DMSC_CLASS_PIPELINE, true);
	o.port = t.c.port;
	for (i = 0; i < 40; i++) {
		traffic_wait(&t, 3 * BURST, &o);
		program_rail(i & 1);
	}
	traffic_stop(&t);
	order_follow(&o);
	watch_complete();
	ti = sock_info(t.c.client);
	conn_close(&t.c);
	after = env_counter(dp, SID_JOB, DMSC_CLASS_PIPELINE, DMSC_DIR_TX);
	printf("# %llu bytes, 40 generations, %llu moves, %u retransmissions\n",
	       (unsigned long long)t.sent, (unsigned long long)(after.moved - before.moved),
	       ti.tcpi_total_retrans);
	CHECK(after.moved - before.moved >= 10, "moved %llu times in 40 generations",
	      (unsigned long long)(after.moved - before.moved));
	CHECK(o.segments > 1000, "%d segments seen", o.segments);
	CHECK_EQ(o.gaps, 0, "segments that arrived too early");
	CHECK_EQ(ti.tcpi_reord_seen, 0, "reordering seen by the sender");
}

/* The same without waiting for a gap, to show that the test above would see it. */
static void moving_without_a_gap_reorders(void)
{
	static struct traffic t;
	struct order o = {};
	int i;

	slow_rails();
	program_rail(1);
	watch();
	traffic_start(&t, THERE, DMSC_CLASS_PIPELINE, false);
	o.port = t.c.port;
	for (i = 0; i < 50 && !o.gaps; i++) {
		traffic_wait(&t, 4 * BURST, &o);
		CHECK(!dataplane_set_path(dp, PATH_R1, i & 1 ? DMSC_PATH_F_UP : 0, &env_err), "%s",
		      env_err.text);
	}
	traffic_stop(&t);
	order_follow(&o);
	conn_close(&t.c);
	CHECK(o.gaps > 0, "a path that failed under a full queue reordered nothing");
}

/* A daemon that is started again, ten times, while datagrams and a stream run. */
static void reopened_under_traffic(void)
{
	int server = sock_make(ns_there, SOCK_DGRAM, THERE, PORT_THERE + DMSC_CLASS_GATEWAY), fd, i,
	    n;
	int sent = 0, got = 0, datagrams = 0, strangers = 0;
	struct order o = {};
	struct dmsc_ctl before, after;
	struct dataplane *again;
	static struct traffic t;
	int size = 16 << 20;
	struct seen s;
	uint16_t port;
	char c;

	slow_rails();
	no_timers();
	setsockopt(server, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	program_rail(1);
	cgroup_enter(cgroup_job);
	fd = sock_make(ns_here, SOCK_DGRAM, HERE, 0);
	port = sock_port(fd);
	sock_connect(fd, THERE, PORT_THERE + DMSC_CLASS_GATEWAY);
	cgroup_enter(cgroup_nobody);
	dataplane_ctl(dp, &before);
	watch();
	traffic_start(&t, THERE, DMSC_CLASS_TENSOR, true);
	o.port = t.c.port;
	for (i = 0; i < 10; i++) {
		uint64_t until = t.sent + BURST;

		again = env_open();
		one_cpu();
		for (n = 0; n < 50; n++)
			sent += send(fd, "x", 1, 0) == 1;
		any_cpu();
		dataplane_close(dp);
		dp = again;
		CHECK(WAIT_FOR(t.sent >= until), "the traffic has stopped");
		/* The last ones came through the queue before the stream's end. */
		if (i == 9)
			traffic_stop(&t);
		/* Not one passes without a program: each has its class and its rail. */
		while (seen_next(&s)) {
			bool udp = s.proto == IPPROTO_UDP && s.sport == port;
			bool tcp = s.proto == IPPROTO_TCP && s.sport == t.c.port;

			datagrams += udp;
			order_add(&o, &s);
			strangers += (udp && s.tos >> 2 != 8 + DMSC_CLASS_GATEWAY) ||
				     (tcp && s.tos >> 2 != 8 + DMSC_CLASS_TENSOR) ||
				     ((udp || tcp) && s.rail != 1);
		}
	}
	dataplane_ctl(dp, &after);
	CHECK_EQ(after.generation, before.generation, "generation");
	watch_complete();
	while (recv(server, &c, 1, MSG_DONTWAIT) == 1)
		got++;
	CHECK_EQ(sent, 500, "datagrams sent");
	CHECK_EQ(got, sent, "datagrams received");
	CHECK_EQ(datagrams, sent, "datagrams seen");
	printf("# %d segments, %u retransmissions\n", o.segments,
	       sock_info(t.c.client).tcpi_total_retrans);
	CHECK(o.segments > 100, "%d segments seen", o.segments);
	CHECK_EQ(o.gaps, 0, "segments that arrived too early");
	CHECK_EQ(strangers, 0, "packets with another class or rail");
	conn_close(&t.c);
	sock_close(fd);
	sock_close(server);
}

static int run(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(connection_from_before),    TAP_TEST(moves_in_an_idle_gap),
		TAP_TEST(path_down_moves_at_once),   TAP_TEST(kept_path_down),
		TAP_TEST(generations_under_traffic), TAP_TEST(moving_without_a_gap_reorders),
		TAP_TEST(reopened_under_traffic),
	};

	return live_run(tests, sizeof(tests) / sizeof(tests[0]));
}

int main(void)
{
	return env_main(run);
}
