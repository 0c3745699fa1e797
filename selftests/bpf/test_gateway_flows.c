// SPDX-License-Identifier: GPL-2.0-or-later
/* guests: 6.1 */
/*
 * The gateway over many packets: flows that stay while instances come and go,
 * limits, gateways that agree with each other, errors that find their flow.
 */
#include "gateway.h"

#define FLOWS 400

static const char two[] =
	GW_HEAD "  - {name: web, address: 10.9.0.1, port: 80, table: 1021, instances: [\n"
		"      {name: a, address: 10.0.0.11}, {name: b, address: 10.0.0.12}]}\n";
static const char three[] = GW_HEAD
	"  - {name: web, address: 10.9.0.1, port: 80, table: 1021, instances: [\n"
	"      {name: c, address: 10.0.0.13}, {name: b, address: 10.0.0.12}, {name: a, address: 10.0.0.11}]}\n";
static const char only_a[] =
	GW_HEAD "  - {name: web, address: 10.9.0.1, port: 80, table: 1021, instances: [\n"
		"      {name: a, address: 10.0.0.11}]}\n";
static const char b_drains[] = GW_HEAD
	"  - {name: web, address: 10.9.0.1, port: 80, table: 1021, instances: [\n"
	"      {name: a, address: 10.0.0.11}, {name: b, address: 10.0.0.12, state: draining}]}\n";
static const char b_down[] = GW_HEAD
	"  - {name: web, address: 10.9.0.1, port: 80, table: 1021, instances: [\n"
	"      {name: a, address: 10.0.0.11}, {name: b, address: 10.0.0.12, state: down}]}\n";

static void client(struct frame *f, int flow, uint8_t flags)
{
	char addr[32];
	struct frame_spec s = { .saddr = addr,
				.daddr = "10.9.0.1",
				.sport = 1024 + flow,
				.dport = 80,
				.proto = IPPROTO_TCP,
				.payload = 4 };

	snprintf(addr, sizeof(addr), "198.51.100.%d", 1 + flow % 200);
	gw_frame(f, &s, flags);
}

/* The instance that packet @flags of the flow gets to; 0: dropped. */
static int send_xdp(int flow, uint8_t flags)
{
	struct frame_result r;
	struct frame f;

	client(&f, flow, flags);
	return gw_run(true, &f, &r) == FATE_FORWARD ? gw_instance(&f, &r, 0) : 0;
}

static void send_all(uint8_t flags, int *to)
{
	int i;

	for (i = 0; i < FLOWS; i++)
		to[i] = send_xdp(i, flags);
}

static int count(const int *to, int instance)
{
	int i, n = 0;

	for (i = 0; i < FLOWS; i++)
		n += to[i] == instance;
	return n;
}

static int differ(const int *a, const int *b)
{
	int i, n = 0;

	for (i = 0; i < FLOWS; i++)
		n += a[i] != b[i];
	return n;
}

static int before[FLOWS], after[FLOWS];

static void live_flows_stay_when_instances_come(void)
{
	gw_fresh(two);
	send_all(TH_SYN, before);
	CHECK(count(before, 11) > FLOWS / 4 && count(before, 12) > FLOWS / 4, "%d and %d",
	      count(before, 11), count(before, 12));
	gw_program(gw, three);
	send_all(TH_ACK, after);
	CHECK_EQ(differ(before, after), 0, "live flows moved");
	gw_fresh(three);
	send_all(TH_SYN, after);
	CHECK(count(after, 13) > FLOWS / 5, "%d", count(after, 13));
	/* Maglev: hardly anybody moves who need not. */
	CHECK(differ(before, after) - count(after, 13) < FLOWS / 20, "%d of %d moved, %d to c",
	      differ(before, after), FLOWS, count(after, 13));
}

static void draining_keeps_its_flows(void)
{
	int i;

	gw_fresh(two);
	send_all(TH_SYN, before);
	gw_program(gw, b_drains);
	send_all(TH_ACK, after);
	CHECK_EQ(differ(before, after), 0, "live flows moved");
	for (i = FLOWS; i < 2 * FLOWS; i++)
		CHECK_EQ(send_xdp(i, TH_SYN), 11, "a new flow");
	/* Also by the ports of an old one. */
	send_all(TH_SYN, after);
	CHECK_EQ(count(after, 11), FLOWS, "new connections");
}

static void removed_keeps_its_flows(void)
{
	int round;

	gw_fresh(two);
	send_all(TH_SYN, before);
	/* Several generations, so that its number could have been taken. */
	for (round = 0; round < 4; round++) {
		gw_program(gw, only_a);
		send_all(TH_ACK, after);
		CHECK_EQ(differ(before, after), 0, "live flows moved in round %d", round);
	}
	gw_program(gw, three);
	send_all(TH_ACK, after);
	CHECK_EQ(differ(before, after), 0, "live flows moved when it came back");
	/* Closed connections hold nothing for long, but they do while they close. */
	send_all(TH_ACK | TH_FIN, after);
	CHECK_EQ(differ(before, after), 0, "closing");
}

static void down_gives_its_flows_away(void)
{
	gw_fresh(two);
	send_all(TH_SYN, before);
	gw_program(gw, b_down);
	send_all(TH_ACK, after);
	CHECK_EQ(count(after, 11), FLOWS, "");
	CHECK_EQ(gw_counter("web", DMSC_GW_FAILOVER), count(before, 12), "");
	/* Back again: those that moved stay where they are now. */
	gw_program(gw, two);
	send_all(TH_ACK, after);
	CHECK_EQ(count(after, 11), FLOWS, "");
}

static void idle_flows_are_forgotten(void)
{
	static const char text[] = "udp_timeout: 1\ntcp_timeout: 1\n";
	char config[2048];

	gw_fresh(two);
	send_all(TH_SYN, before);
	snprintf(config, sizeof(config), "%s%s", text, only_a);
	gw_program(gw, config);
	send_all(TH_ACK, after);
	CHECK_EQ(differ(before, after), 0, "live flows moved");
	sleep_ms(2500);
	send_all(TH_ACK, after);
	CHECK_EQ(count(after, 11), FLOWS, "idle flows kept their instance");
}

static void gateways_agree(void)
{
	struct gw *other;
	struct frame_result r;
	struct frame f;
	int prog, i;

	gw_fresh(three);
	gateway_flush(gw_pins(1), &env_err);
	CHECK(!gateway_open(&other, gw_pins(1), 65536, &env_err), "%s", env_err.text);
	/* Another history: its numbers and ids are not the first one's. */
	gw_program(other, only_a);
	gw_program(other, GW_HEAD "  - {name: x, address: 10.9.7.7, port: 80, instances: []}\n");
	gw_program(other, two);
	gw_program(other, three);
	prog = gateway_prog(other, "dmsc_gw_xdp");
	for (i = 0; i < FLOWS; i++) {
		client(&f, i, TH_SYN);
		CHECK_EQ(gw_run_xdp(prog, &f, &r), 0, "");
		CHECK(r.verdict == XDP_REDIRECT || r.verdict == XDP_TX, "verdict %d", r.verdict);
		CHECK_EQ(gw_instance(&f, &r, 0), send_xdp(i, TH_SYN), "flow %d", i);
	}
	gateway_close(other);
	gateway_flush(gw_pins(1), &env_err);
}

/* What another gateway or CPU has begun is gone on with, without a SYN. */
static void cpus_agree(void)
{
	gw_fresh(three);
	send_all(TH_SYN, before);
	gw_keep_cpu(sysconf(_SC_NPROCESSORS_ONLN) - 1);
	send_all(TH_ACK, after);
	gw_keep_cpu(0);
	CHECK_EQ(differ(before, after), 0, "");
}

static void a_restart_keeps_flows(void)
{
	gw_fresh(two);
	send_all(TH_SYN, before);
	gateway_close(gw);
	CHECK(!gateway_open(&gw, gw_pins(0), 1 << 20, &env_err), "%s", env_err.text);
	gw_xdp = gateway_prog(gw, "dmsc_gw_xdp");
	gw_program(gw, only_a);
	send_all(TH_ACK, after);
	CHECK_EQ(differ(before, after), 0, "");
}

/* More flows than are kept: none is dropped, and without a change none moves. */
static void a_full_table_drops_nothing(void)
{
	int round, i, first[3000];

	gw_fresh(two);
	gateway_close(gw);
	gateway_flush(gw_pins(0), &env_err);
	CHECK(!gateway_open(&gw, gw_pins(0), 1024, &env_err), "%s", env_err.text);
	gw_xdp = gateway_prog(gw, "dmsc_gw_xdp");
	gw_program(gw, two);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 3000; i++) {
			int to = send_xdp(i, TH_ACK);

			if (!round)
				first[i] = to;
			CHECK(to && to == first[i], "flow %d went to %d, then %d", i, first[i], to);
		}
	}
	CHECK(gw_counter("web", DMSC_GW_NEW) > 3000 + 1976, "%llu",
	      (unsigned long long)gw_counter("web", DMSC_GW_NEW));
}

static void insertion_is_guarded(void)
{
	static const char text[] =
		"devices: [v0]\nsource: " GW_SOURCE "\ninsert_rate: 50\nservices:\n"
		"  - {name: web, address: 10.9.0.1, port: 80, table: 1021, instances: [\n"
		"      {name: a, address: 10.0.0.11}, {name: b, address: 10.0.0.12}]}\n";
	uint64_t unkept;

	gw_fresh(text);
	send_all(TH_SYN, before);
	unkept = gw_counter("web", DMSC_GW_UNKEPT);
	CHECK(unkept > FLOWS / 2 && unkept < FLOWS, "%llu", (unsigned long long)unkept);
	CHECK_EQ(count(before, 0), 0, "dropped");
	send_all(TH_ACK, after);
	CHECK_EQ(differ(before, after), 0, "moved");
}

/* ---- limits ---- */

static int passed(int n, bool same_source, uint8_t flags)
{
	struct frame_result r;
	struct frame f;
	int i, ok = 0;

	for (i = 0; i < n; i++) {
		client(&f, same_source ? 0 : i, flags);
		ok += gw_run(i & 1, &f, &r) == FATE_FORWARD;
	}
	return ok;
}

#define LIMITED(what)                                                             \
	GW_HEAD "  - {name: web, address: 10.9.0.1, port: 80, table: 1021, " what \
		", instances: [\n"                                                \
		"      {name: a, address: 10.0.0.11}, {name: b, address: 10.0.0.12}]}\n"

/* A burst of a tenth of a second, then what the clock gives; far below what was sent. */
static void a_service_is_limited(void)
{
	int ok;

	gw_fresh(LIMITED("rate: 200"));
	ok = passed(3000, false, TH_ACK);
	CHECK(ok >= 20 && ok < 2000, "%d", ok);
	CHECK_EQ(gw_counter("web", DMSC_GW_DROP_RATE), 3000 - ok, "");
	sleep_ms(300);
	CHECK(passed(10, false, TH_ACK) == 10, "after a pause");
}

static void a_flood_of_syns_is_stopped(void)
{
	int ok;

	gw_fresh(LIMITED("syn_rate: 200"));
	CHECK_EQ(passed(100, true, TH_ACK), 100, "before");
	ok = passed(3000, false, TH_SYN);
	CHECK(ok >= 20 && ok < 2000, "%d", ok);
	CHECK_EQ(gw_counter("web", DMSC_GW_DROP_SYN), 3000 - ok, "");
	CHECK_EQ(passed(1000, true, TH_ACK), 1000, "connections that are there go on");
}

static void a_source_is_limited(void)
{
	int ok;

	gw_fresh(LIMITED("source_rate: 200"));
	ok = passed(3000, true, TH_ACK);
	CHECK(ok >= 20 && ok < 2000, "%d", ok);
	CHECK_EQ(gw_counter("web", DMSC_GW_DROP_SOURCE), 3000 - ok, "");
	CHECK_EQ(send_xdp(1, TH_ACK) != 0, true, "another source");
}

/* ---- ICMP ---- */

/* An error about what the service sent to the client of @f, from a router. */
static void icmp_about(struct frame *e, const struct frame *f, bool v6, uint8_t type, uint8_t code)
{
	struct frame_spec s = { .saddr = v6 ? "2001:db8:ffff::1" : "203.0.113.1",
				.daddr = v6 ? "fd09::1" : "10.9.0.1",
				.proto = v6 ? IPPROTO_ICMPV6 : 50,
				.payload = v6 ? 60 : 0 };
	uint8_t *p;

	if (!v6)
		s.payload = 8 + 28;
	frame_build(e, &s);
	e->l4 = e->l3 + (v6 ? 40 : 20);
	p = e->b + e->l4;
	memset(p, 0, e->len - e->l4);
	p[0] = type;
	p[1] = code;
	p += 8;
	/* The packet that it quotes: the answer, the other way round. */
	memcpy(p, f->b + f->l3, (v6 ? 40 : 20) + 8);
	if (v6) {
		memcpy(p + 8, f->b + f->l3 + 24, 16);
		memcpy(p + 24, f->b + f->l3 + 8, 16);
		memcpy(p + 40, f->b + f->l4 + 2, 2);
		memcpy(p + 42, f->b + f->l4, 2);
	} else {
		e->b[e->l3 + 9] = IPPROTO_ICMP;
		gw_fix_sum(e);
		memcpy(p + 12, f->b + f->l3 + 16, 4);
		memcpy(p + 16, f->b + f->l3 + 12, 4);
		memcpy(p + 20, f->b + f->l4 + 2, 2);
		memcpy(p + 22, f->b + f->l4, 2);
	}
}

static void errors_find_their_flow(void)
{
	struct frame f, e;
	struct frame_result r;
	int i, xdp;

	gw_fresh(two);
	send_all(TH_SYN, before);
	/* Only the flow table still knows some of them. */
	gw_program(gw, only_a);
	for (i = 0; i < FLOWS; i++) {
		for (xdp = 0; xdp < 2; xdp++) {
			client(&f, i, TH_ACK);
			icmp_about(&e, &f, false, 3, 4);
			CHECK_EQ(gw_run(xdp, &e, &r), FATE_FORWARD, "flow %d", i);
			CHECK_EQ(gw_instance(&e, &r, 0), before[i], "flow %d", i);
		}
	}
	CHECK_EQ(gw_counter("web", DMSC_GW_ICMP), 2 * FLOWS, "");
	/* Other types that tell of a packet, and those that do not. */
	icmp_about(&e, &f, false, 11, 0);
	CHECK_EQ(gw_run(true, &e, &r), FATE_FORWARD, "time exceeded");
	icmp_about(&e, &f, false, 8, 0);
	CHECK_EQ(gw_run(true, &e, &r), FATE_PASS, "echo");
	icmp_about(&e, &f, false, 3, 4);
	e.b[e.l4 + 8 + 15] ^= 1;
	CHECK_EQ(gw_run(true, &e, &r), FATE_PASS, "about a packet that another address sent");
	icmp_about(&e, &f, false, 3, 4);
	e.len = e.l4 + 8 + 20;
	CHECK_EQ(gw_run(true, &e, &r), FATE_PASS, "that quotes no ports");
}

static void errors_find_their_flow_ipv6(void)
{
	static const char text[] =
		GW_HEAD "  - {name: web, address: 'fd09::1', port: 80, table: 1021, instances: [\n"
			"      {name: a, address: 'fd00::11'}, {name: b, address: 'fd00::12'}]}\n";
	struct frame_spec s = { .daddr = "fd09::1", .dport = 80, .proto = IPPROTO_TCP };
	struct frame_result r;
	struct frame f, e;
	char addr[32];
	int i, to;

	gw_fresh(text);
	for (i = 0; i < 100; i++) {
		snprintf(addr, sizeof(addr), "2001:db8::%x", i + 1);
		s.saddr = addr;
		s.sport = 2000 + i;
		gw_frame(&f, &s, TH_SYN);
		CHECK_EQ(gw_run(true, &f, &r), FATE_FORWARD, "");
		to = gw_instance(&f, &r, 0);
		icmp_about(&e, &f, true, 2, 0);
		CHECK_EQ(gw_run(i & 1, &e, &r), FATE_FORWARD, "packet too big");
		CHECK_EQ(gw_instance(&e, &r, 0), to, "flow %d", i);
	}
}

/* ---- what cannot be ---- */

static void refused(const char *text, const char *why)
{
	struct gateway_spec spec;
	uint32_t generation = gw->ctl->generation;
	int ret = gw_read(&spec, text);

	if (!ret) {
		ret = gateway_program(gw, &spec, &env_err);
		gateway_spec_free(&spec);
	}
	CHECK(ret < 0, "accepted: %s", why);
	CHECK(strstr(env_err.text, why), "'%s', expected '%s' in it", env_err.text, why);
	CHECK_EQ(gw->ctl->generation, generation, "%s", why);
}

static void what_does_not_fit_is_refused(void)
{
	char *text = malloc(1 << 20);
	size_t len;
	int i;

	gw_fresh(two);
	refused(GW_HEAD "  - {name: a, address: 10.9.0.1, port: 80, table: 1000, instances: []}\n",
		"expected a prime");
	refused(GW_HEAD "  - {name: a, address: 224.0.0.1, port: 80, instances: []}\n",
		"expected a unicast");
	refused(GW_HEAD "  - {name: a, address: 10.9.0.1, port: 80, instances: []}\n"
			"  - {name: b, address: 10.9.0.1, port: 80, instances: []}\n",
		"also on line");
	refused("devices: [v0]\nservices:\n  - {name: a, address: 10.9.0.1, port: 80, instances: [{name: x, address: 10.0.0.11}]}\n",
		"needs an outer source");
	refused("services:\n  - {name: a, address: 10.9.0.1, port: 80, instances: []}\n",
		"devices: missing");
	len = sprintf(text, "%s", GW_HEAD);
	for (i = 0; i < 65; i++)
		len += sprintf(text + len,
			       "  - {name: s%d, address: 10.9.1.%d, port: 80, instances: [{name: a, address: 10.0.0.11}]}\n",
			       i, i + 1);
	refused(text, "that fit in all");
	free(text);
}

/* As many services as there can be, and then entirely others. */
static void a_thousand_services(void)
{
	char *text = malloc(1 << 20);
	struct frame_spec s = {
		.saddr = "198.51.100.1", .sport = 1, .dport = 80, .proto = IPPROTO_TCP
	};
	struct frame_result r;
	struct frame f;
	char addr[32];
	size_t len;
	int i, net;

	gw_fresh(two);
	for (net = 1; net < 4; net++) {
		len = sprintf(text, "%s", GW_HEAD);
		for (i = 0; i < DMSC_GW_MAX_SERVICES - 1; i++)
			len += sprintf(text + len,
				       "  - {name: s%d, address: 10.%d.%d.%d, port: 80, table: 251, instances: [{name: a, address: 10.0.0.%d}]}\n",
				       i, 100 + net, i / 250, 1 + i % 250, 11 + i % 9);
		gw_program(gw, text);
		for (i = 0; i < DMSC_GW_MAX_SERVICES - 1; i += 31) {
			snprintf(addr, sizeof(addr), "10.%d.%d.%d", 100 + net, i / 250, 1 + i % 250);
			s.daddr = addr;
			gw_frame(&f, &s, TH_SYN);
			CHECK_EQ(gw_run(true, &f, &r), FATE_FORWARD, "%s", addr);
			CHECK_EQ(gw_instance(&f, &r, 0), 11 + i % 9, "%s", addr);
		}
	}
	free(text);
}

static int run(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(live_flows_stay_when_instances_come),
		TAP_TEST(draining_keeps_its_flows),
		TAP_TEST(removed_keeps_its_flows),
		TAP_TEST(down_gives_its_flows_away),
		TAP_TEST(idle_flows_are_forgotten),
		TAP_TEST(gateways_agree),
		TAP_TEST(cpus_agree),
		TAP_TEST(a_restart_keeps_flows),
		TAP_TEST(a_full_table_drops_nothing),
		TAP_TEST(insertion_is_guarded),
		TAP_TEST(a_service_is_limited),
		TAP_TEST(a_flood_of_syns_is_stopped),
		TAP_TEST(a_source_is_limited),
		TAP_TEST(errors_find_their_flow),
		TAP_TEST(errors_find_their_flow_ipv6),
		TAP_TEST(what_does_not_fit_is_refused),
		TAP_TEST(a_thousand_services),
	};
	int ret;

	gw_network();
	ret = TAP_RUN(tests);
	gateway_close(gw);
	return ret;
}

int main(void)
{
	return env_main(run);
}
