/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two namespaces with two rails between them: "here", which has the data plane,
 * and "there", which is the peer and watches what arrives.
 *
 *   here: lo 10.9.0.1 fd09::1          there: lo 10.9.0.2 fd09::2
 *     r0 10.1.0.1 fd01::1  <------------> r0 10.1.0.2 fd01::2   (routing's choice)
 *     r1 10.2.0.1 fd02::1  <------------> r1 10.2.0.2 fd02::2
 */
#ifndef DMSC_SELFTESTS_RAILS_H
#define DMSC_SELFTESTS_RAILS_H

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <linux/if_packet.h>
#include <linux/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "env.h"

#define HERE   "10.9.0.1"
#define THERE  "10.9.0.2"
#define HERE6  "fd09::1"
#define THERE6 "fd09::2"

#define TH_FIN 0x01
#define TH_SYN 0x02
#define TH_RST 0x04
#define TH_ACK 0x10

static int ns_here, ns_there;
static pid_t ns_holder;
static int rail_here[2], rail_there[2]; /* interface numbers */

static inline void enter(int ns)
{
	CHECK(!setns(ns, CLONE_NEWNET), "setns: %s", strerror(errno));
}

/* A process that keeps the other namespace, and gives it a name: its number. */
static inline bool rails_hold(void)
{
	char path[64];
	int p[2];
	char c;

	if (pipe(p))
		return false;
	ns_holder = fork();
	if (!ns_holder) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) || write(p[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(p[1]);
	if (read(p[0], &c, 1) != 1)
		return false;
	close(p[0]);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", ns_holder);
	ns_there = open(path, O_RDONLY | O_CLOEXEC);
	ns_here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return ns_here >= 0 && ns_there >= 0;
}

static inline void rails_addresses(int side)
{
	int other = 3 - side, r;

	sh("ip link set lo up && ip addr add 10.9.0.%d/32 dev lo && ip addr add fd09::%d/128 dev lo nodad",
	   side, side);
	for (r = 0; r < 2; r++)
		sh("ip link set r%d up && ip addr add 10.%d.0.%d/24 dev r%d && "
		   "ip addr add fd0%d::%d/64 dev r%d nodad",
		   r, r + 1, side, r, r + 1, side, r);
	sh("ip route add 10.9.0.%d via 10.1.0.%d src 10.9.0.%d", other, other, side);
	sh("ip -6 route add fd09::%d via fd01::%d src fd09::%d", other, other, side);
	sh("for f in all r0 r1; do echo 0 > /proc/sys/net/ipv4/conf/$f/rp_filter; done");
	for (r = 0; r < 2; r++)
		rail_here[r] = if_nametoindex(r ? "r1" : "r0");
}

/* Next hops that are always resolved, as the daemon keeps them. */
static inline void rails_neighbours(int side)
{
	int other = 3 - side, r;

	for (r = 0; r < 2; r++)
		sh("ip neigh replace 10.%d.0.%d lladdr 02:00:00:00:%02d:%02d dev r%d nud permanent && "
		   "ip neigh replace fd0%d::%d lladdr 02:00:00:00:%02d:%02d dev r%d nud permanent",
		   r + 1, other, r, other, r, r + 1, other, r, other, r);
}

/* What is sent on one CPU arrives in order, which is what marks (below) go by. */
static inline void rails_pin(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	CHECK(!sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity: %s", strerror(errno));
}

static inline void rails_up(void)
{
	int r;

	rails_pin();
	CHECK(rails_hold(), "namespaces: %s", strerror(errno));
	for (r = 0; r < 2; r++)
		sh("ip link add r%d address 02:00:00:00:%02d:01 type veth "
		   "peer name r%d address 02:00:00:00:%02d:02 netns %d",
		   r, r, r, r, ns_holder);
	enter(ns_there);
	rails_addresses(2);
	rails_neighbours(2);
	memcpy(rail_there, rail_here, sizeof(rail_there));
	enter(ns_here);
	rails_addresses(1);
	rails_neighbours(1);
}

/* ---- what arrives there ---- */

struct seen {
	int rail;
	uint8_t proto, flags, tos;
	uint16_t sport, dport;
	uint32_t seq, bytes; /* bytes of payload */
};

/*
 * A packet is there some time after it was sent: the receiving end may leave it to
 * a thread. Behind packets whose arrival is to be judged goes a mark on each rail, a
 * frame of nobody's protocol that no queue and no program sees; when it has come, so
 * have they.
 */
#define MARK_ETHERTYPE 0x88b5 /* IEEE 802, local experimental */

struct mark {
	uint8_t dst[6], src[6];
	uint16_t type;
	uint32_t number;
	uint8_t pad[44];
} __attribute__((packed));

static int watch_fd = -1, mark_fd = -1;
static uint32_t mark_number, mark_seen[2]; /* the last that came in, by rail */

static inline void mark_open(void)
{
	int one = 1;

	if (mark_fd >= 0)
		close(mark_fd);
	mark_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	CHECK(mark_fd >= 0 &&
		      !setsockopt(mark_fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)),
	      "packet socket: %s", strerror(errno));
}

/* Sends a mark on each rail; those that are down, which take none, count as arrived. */
static inline void mark_send(void)
{
	struct mark m = { .type = htons(MARK_ETHERTYPE), .number = ++mark_number };
	int r;

	memset(m.dst, 0xff, sizeof(m.dst));
	for (r = 0; r < 2; r++) {
		struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = rail_here[r] };

		if (sendto(mark_fd, &m, sizeof(m), 0, (void *)&to, sizeof(to)) < 0)
			mark_seen[r] = mark_number;
	}
}

static inline void mark_take(int rail, const uint8_t *frame)
{
	struct mark m;

	memcpy(&m, frame, sizeof(m));
	mark_seen[rail] = m.number;
}

static inline bool marks_came(void)
{
	return mark_seen[0] == mark_number && mark_seen[1] == mark_number;
}

/* Sees packets of both rails from now on. */
static inline void watch(void)
{
	int size = 64 << 20;

	mark_open();
	enter(ns_there);
	if (watch_fd >= 0)
		close(watch_fd);
	watch_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
	enter(ns_here);
	CHECK(watch_fd >= 0, "packet socket: %s", strerror(errno));
	setsockopt(watch_fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
}

static inline bool seen_parse(struct seen *s, const uint8_t *b, size_t len, size_t whole)
{
	const uint8_t *l4;
	uint16_t type = b[12] << 8 | b[13];
	uint32_t total;

	if (type == ETHERTYPE_IP) {
		l4 = b + 14 + (b[14] & 15) * 4;
		s->tos = b[15];
		s->proto = b[23];
		total = b[16] << 8 | b[17];
	} else if (type == ETHERTYPE_IPV6) {
		l4 = b + 14 + 40;
		s->tos = b[14] << 4 | b[15] >> 4;
		s->proto = b[20];
		total = 40 + (b[18] << 8 | b[19]);
	} else {
		return false;
	}
	if (!total)
		total = whole - 14;
	if (len < (size_t)(l4 - b) + 20 && s->proto == IPPROTO_TCP)
		return false;
	s->sport = l4[0] << 8 | l4[1];
	s->dport = l4[2] << 8 | l4[3];
	if (s->proto == IPPROTO_TCP) {
		s->seq = (uint32_t)l4[4] << 24 | l4[5] << 16 | l4[6] << 8 | l4[7];
		s->flags = l4[13];
		s->bytes = total - (l4 - b - 14) - (l4[12] >> 4) * 4;
	}
	return true;
}

/* The next packet of ours that came in; false when there is none yet. */
static inline bool seen_next(struct seen *s)
{
	struct sockaddr_ll from;
	socklen_t from_len;
	uint8_t b[160];
	ssize_t n;

	for (;;) {
		from_len = sizeof(from);
		n = recvfrom(watch_fd, b, sizeof(b), MSG_TRUNC, (struct sockaddr *)&from, &from_len);
		if (n < 0)
			return false;
		if (from.sll_pkttype == PACKET_OUTGOING || n < 14 + 28)
			continue;
		memset(s, 0, sizeof(*s));
		s->rail = from.sll_ifindex == rail_there[1];
		if (!s->rail && from.sll_ifindex != rail_there[0])
			continue;
		if (n == sizeof(struct mark) && b[12] == MARK_ETHERTYPE >> 8 &&
		    b[13] == (MARK_ETHERTYPE & 0xff))
			mark_take(s->rail, b);
		else if (seen_parse(s, b, n < (ssize_t)sizeof(b) ? (size_t)n : sizeof(b), n))
			return true;
	}
}

/* Nothing came in unseen since the last time. */
static inline void watch_complete(void)
{
	struct tpacket_stats st = {};
	socklen_t len = sizeof(st);

	CHECK(!getsockopt(watch_fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) && !st.tp_drops,
	      "the watcher lost %u packets", st.tp_drops);
}

struct tally {
	int packets, rail[2]; /* all, and by rail */
	int class[64];	      /* by DSCP */
	int syn, rst, data;
	uint64_t bytes;
};

static inline void tally_add(struct tally *t, uint8_t proto, uint16_t port)
{
	struct seen s;

	while (seen_next(&s)) {
		if (s.proto != proto || (port && s.sport != port))
			continue;
		t->packets++;
		t->rail[s.rail]++;
		t->class[s.tos >> 2]++;
		t->syn += !!(s.flags & TH_SYN);
		t->rst += !!(s.flags & TH_RST);
		t->data += s.bytes > 0;
		t->bytes += s.bytes;
	}
}

/* All packets sent so far of one protocol and the local port @port, 0 for all. */
static inline struct tally tally(uint8_t proto, uint16_t port)
{
	struct tally t = {};

	mark_send();
	CHECK(WAIT_FOR((tally_add(&t, proto, port), marks_came())), "the rails take no packets");
	watch_complete();
	return t;
}

/*
 * Waits for packets and returns what came: where data is in flight, TCP may send
 * new data now, or only retransmit some time later.
 */
static inline struct tally tally_some(uint8_t proto, uint16_t port)
{
	struct tally t;

	(void)WAIT_FOR((t = tally(proto, port)).packets > 0);
	return t;
}

/*
 * The order of a stream's segments as they arrive. A gap is a segment that comes
 * before others with lower numbers: those were overtaken, or lost.
 */
struct order {
	uint16_t port;
	bool begun;
	uint32_t next;
	int segments, gaps;
};

static inline void order_add(struct order *o, const struct seen *s)
{
	if (s->proto != IPPROTO_TCP || s->sport != o->port || !s->bytes)
		return;
	o->segments++;
	if (o->begun && (int32_t)(s->seq - o->next) > 0)
		o->gaps++;
	if (!o->begun || (int32_t)(s->seq + s->bytes - o->next) > 0)
		o->next = s->seq + s->bytes;
	o->begun = true;
}

static inline void order_follow(struct order *o)
{
	struct seen s;

	while (seen_next(&s))
		order_add(o, &s);
}

/* ---- sockets ---- */

static inline socklen_t sock_addr(struct sockaddr_storage *ss, const char *addr, uint16_t port)
{
	struct sockaddr_in6 *in6 = (void *)ss;
	struct sockaddr_in *in = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	if (strchr(addr, ':')) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		inet_pton(AF_INET6, addr, &in6->sin6_addr);
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	inet_pton(AF_INET, addr, &in->sin_addr);
	return sizeof(*in);
}

/* Sockets that are open: a test that fails leaves some. */
static int socks[512], nr_socks;

static inline int sock_keep(int fd)
{
	if (fd >= 0) {
		CHECK(nr_socks < 512, "too many sockets");
		socks[nr_socks++] = fd;
	}
	return fd;
}

static inline void sock_close(int fd)
{
	int i;

	for (i = 0; i < nr_socks; i++) {
		if (socks[i] == fd) {
			socks[i] = socks[--nr_socks];
			close(fd);
			return;
		}
	}
}

/* Whoever is waiting on one of them is woken up. */
static inline void socks_close(void)
{
	while (nr_socks) {
		shutdown(socks[nr_socks - 1], SHUT_RDWR);
		sock_close(socks[nr_socks - 1]);
	}
}

/* A socket in namespace @ns, bound unless @addr is NULL. */
static inline int sock_make(int ns, int type, const char *addr, uint16_t port)
{
	struct timeval limit = { .tv_sec = 60 };
	struct sockaddr_storage ss;
	int fd, one = 1;
	socklen_t len = sock_addr(&ss, addr ?: "0.0.0.0", port);

	enter(ns);
	fd = sock_keep(socket(ss.ss_family, type | SOCK_CLOEXEC, 0));
	enter(ns_here);
	CHECK(fd >= 0, "socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	CHECK(!addr || !bind(fd, (struct sockaddr *)&ss, len), "bind %s:%u: %s", addr, port,
	      strerror(errno));
	return fd;
}

static inline int sock_listen(int ns, const char *addr, uint16_t port)
{
	int fd = sock_make(ns, SOCK_STREAM, addr, port);

	CHECK(!listen(fd, 16), "listen: %s", strerror(errno));
	return fd;
}

static inline void sock_connect(int fd, const char *addr, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = sock_addr(&ss, addr, port);

	CHECK(!connect(fd, (struct sockaddr *)&ss, len), "connect %s:%u: %s", addr, port,
	      strerror(errno));
}

static inline int sock_accept(int fd)
{
	int conn = sock_keep(accept4(fd, NULL, NULL, SOCK_CLOEXEC));

	CHECK(conn >= 0, "accept: %s", strerror(errno));
	return conn;
}

static inline uint16_t sock_port(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	CHECK(!getsockname(fd, (struct sockaddr *)&ss, &len), "getsockname: %s", strerror(errno));
	return ntohs(((struct sockaddr_in *)&ss)->sin_port);
}

static inline void send_all(int fd, size_t n)
{
	static char buf[65536];
	ssize_t sent;

	while (n) {
		sent = send(fd, buf, n < sizeof(buf) ? n : sizeof(buf), MSG_NOSIGNAL);
		CHECK(sent > 0, "send: %s", strerror(errno));
		n -= sent;
	}
}

static inline void recv_all(int fd, size_t n)
{
	static char buf[65536];
	ssize_t got;

	while (n) {
		got = recv(fd, buf, n < sizeof(buf) ? n : sizeof(buf), 0);
		CHECK(got > 0, "recv: %s", got ? strerror(errno) : "closed");
		n -= got;
	}
}

static inline struct tcp_info sock_info(int fd)
{
	struct tcp_info ti = {};
	socklen_t len = sizeof(ti);

	CHECK(!getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti, &len), "TCP_INFO: %s", strerror(errno));
	return ti;
}

/* A counter of /proc/net/netstat in the current namespace. */
static inline long netstat(const char *name)
{
	char names[8192], values[8192], *n, *v, *ns, *vs;
	FILE *f = fopen("/proc/thread-self/net/netstat", "re");
	long result = -1;

	CHECK(f, "netstat: %s", strerror(errno));
	while (result < 0 && fgets(names, sizeof(names), f) && fgets(values, sizeof(values), f)) {
		n = strtok_r(names, " \n", &ns);
		v = strtok_r(values, " \n", &vs);
		for (; n && v; n = strtok_r(NULL, " \n", &ns), v = strtok_r(NULL, " \n", &vs)) {
			if (!strcmp(n, name))
				result = atol(v);
		}
	}
	fclose(f);
	CHECK(result >= 0, "netstat has no %s", name);
	return result;
}

static inline long netstat_there(const char *name)
{
	long v;

	enter(ns_there);
	v = netstat(name);
	enter(ns_here);
	return v;
}

/* What the data plane knows of a socket; false for nothing. */
static inline bool sock_stamp(const struct dataplane *dp, int fd, struct dmsc_stamp *s)
{
	return !bpf_map_lookup_elem(dataplane_map(dp, "dmsc_sockets"), &fd, s);
}

#endif /* DMSC_SELFTESTS_RAILS_H */
