// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The vectors: the *.vec of selftests/bpf/vectors, each a list of packets with what
 * egress or ingress must make of them. A file is made of
 *
 *   config                 a generation; its lines follow (vector_config.h)
 *   case NAME              a packet and one line for each program that gets it:
 *     packet LAYERS...     (vector_packet.h)
 *     egress VERDICT class CLASS slot SLOT sid SID [tos TOS] [reason REASON] [wrap BYTES]
 *     ingress VERDICT class CLASS sid SID [reason REASON]
 *
 * VERDICT is next, redirect or drop, which is counted by its REASON (rule,
 * default; audit is for what is let through) and nowhere else. With `tos`, the first IP header has that
 * traffic class afterwards, and IPv4 a checksum to it; every other byte must be
 * as before, always. With `wrap`, so many bytes have come in front of it: a header of
 * IPv6 (IPv4 where there are 28) with that traffic class and the right length; with
 * `label`, IPv6 has that flow label. SID and CLASS say which counters grow by this packet and
 * its bytes; no other counter may grow. A case is one test point.
 */
#include <linux/pkt_cls.h>

#include "vector_file.h"

static struct dataplane *dp;
static int v0;

static size_t in_force = SIZE_MAX;

/* ---- running ---- */

static void take_config(size_t n)
{
	static struct vector_config config;

	config_read(&config, n);
	env_program(dp, &config.t);
	in_force = n;
}

struct expected {
	int dir, verdict, class, slot, tos; /* tos -1: as it was */
	int reason;			    /* -1: policy has nothing to say */
	int label;			    /* -1: as it was */
	uint32_t wrap;			    /* bytes in front */
	uint32_t sid;
};

static void read_expected(struct expected *e, char *line)
{
	char *w[VECTOR_WORDS];
	int n = words(line, w);

	*e = (struct expected){ .tos = -1, .class = -1, .reason = -1, .label = -1 };
	e->dir = strcmp(w[0], "egress") ? DMSC_DIR_RX : DMSC_DIR_TX;
	CHECK(n >= 2 && n % 2 == 0, "expected a verdict and pairs");
	if (!strcmp(w[1], "next"))
		e->verdict = TC_ACT_UNSPEC;
	else if (!strcmp(w[1], "redirect"))
		e->verdict = TC_ACT_REDIRECT;
	else if (!strcmp(w[1], "drop"))
		e->verdict = TC_ACT_SHOT;
	else
		tap_fail("# verdict '%s'", w[1]);
	for (int i = 2; i < n; i += 2) {
		if (!strcmp(w[i], "class"))
			e->class = vector_class(w[i + 1]);
		else if (!strcmp(w[i], "slot"))
			e->slot = vector_number(w[i + 1], DMSC_NR_SLOTS - 1);
		else if (!strcmp(w[i], "sid"))
			e->sid = vector_number(w[i + 1], UINT32_MAX);
		else if (!strcmp(w[i], "reason"))
			e->reason = !strcmp(w[i + 1], "rule")	 ? DMSC_REASON_RULE :
				    !strcmp(w[i + 1], "default") ? DMSC_REASON_DEFAULT :
								   DMSC_REASON_AUDIT;
		else if (!strcmp(w[i], "tos"))
			e->tos = vector_number(w[i + 1], 255);
		else if (!strcmp(w[i], "wrap"))
			e->wrap = vector_number(w[i + 1], DMSC_ENCAP_MAX);
		else if (!strcmp(w[i], "label"))
			e->label = vector_number(w[i + 1], 0xfffff);
		else
			tap_fail("# '%s' is nothing to expect", w[i]);
	}
	CHECK(e->class >= 0 || e->verdict == TC_ACT_SHOT, "no class expected");
	CHECK(e->verdict != TC_ACT_SHOT || e->reason >= 0, "no reason expected");
}

/* The frame as it must come out. */
static void expected_bytes(struct frame *f, const struct expected *e)
{
	uint8_t *ip = f->b + f->l3;
	uint16_t sum;

	if (e->label >= 0) {
		ip[1] = (ip[1] & 0xf0) | e->label >> 16;
		ip[2] = e->label >> 8;
		ip[3] = e->label;
	}
	if (e->tos < 0)
		return;
	if (ip[0] >> 4 == 6) {
		ip[0] = 0x60 | e->tos >> 4;
		ip[1] = e->tos << 4 | (ip[1] & 15);
		return;
	}
	ip[1] = e->tos;
	memset(ip + 10, 0, 2);
	sum = htons(ip_sum(ip, (ip[0] & 15) * 4));
	memcpy(ip + 10, &sum, 2);
}

/* What came in front; takes it off again. */
static void check_wrap(struct frame *out, const struct expected *e)
{
	uint8_t *ip = out->b + out->l3;
	uint32_t rest = out->len - out->l3 - e->wrap, outer = e->wrap == 28 ? 20 : 40;

	if (!e->wrap)
		return;
	CHECK(out->len > out->l3 + e->wrap, "%u bytes came out", out->len);
	if (outer == 20) {
		CHECK_EQ(ip[0], 0x45, "outer header");
		CHECK_EQ(ip[1], e->tos, "outer TOS");
		CHECK_EQ(ip[2] << 8 | ip[3], rest + 28, "outer length");
		CHECK_EQ(ip_sum(ip, 20), 0, "outer checksum");
	} else {
		CHECK_EQ(ip[0] << 4 | ip[1] >> 4, 0x600 | e->tos, "outer version and class");
		CHECK_EQ(ip[4] << 8 | ip[5], rest + e->wrap - 40, "outer length");
	}
	if (ip[outer == 20 ? 9 : 6] == IPPROTO_UDP)
		CHECK_EQ(ip[outer + 4] << 8 | ip[outer + 5], rest + 8, "UDP length");
	memmove(ip, ip + e->wrap, rest);
	out->len -= e->wrap;
}

static void check_counters(const struct expected *e, const struct dmsc_stats *of,
			   const struct dmsc_stats *all, uint32_t len)
{
	struct dmsc_stats one = env_counter(dp, e->sid, e->class, e->dir), sum;
	int steered = e->verdict == TC_ACT_REDIRECT, drop = e->verdict == TC_ACT_SHOT;

	CHECK_EQ(one.packets - of->packets, !drop, "packets of SID %u", e->sid);
	CHECK_EQ(one.bytes - of->bytes, drop ? 0 : len, "bytes of SID %u", e->sid);
	CHECK_EQ(one.steered - of->steered, steered, "steered packets of SID %u", e->sid);
	sum = env_counter(dp, ANY_SID, ANY_CLASS, e->dir);
	CHECK_EQ(sum.packets - all->packets, !drop, "packets of all SIDs");
	sum = env_counter(dp, ANY_SID, ANY_CLASS, !e->dir);
	CHECK_EQ(sum.packets - all[1].packets, 0, "packets of the other direction");
}

/* Every reason of every hook: this one has counted, no other. */
static void check_denials(const struct expected *e, struct dmsc_denial before[][DMSC_NR_REASONS],
			  uint32_t len)
{
	int hook = e->dir == DMSC_DIR_TX ? DMSC_HOOK_EGRESS : DMSC_HOOK_INGRESS;
	struct dmsc_denial now[DMSC_NR_HOOKS][DMSC_NR_REASONS];

	CHECK(!dataplane_denials(dp, now, &env_err), "%s", env_err.text);
	for (int h = 0; h < DMSC_NR_HOOKS; h++) {
		for (int r = 0; r < DMSC_NR_REASONS; r++) {
			int one = h == hook && r == e->reason;

			CHECK_EQ(now[h][r].count - before[h][r].count, one, "hook %d, reason %d", h,
				 r);
			CHECK_EQ(now[h][r].bytes - before[h][r].bytes, one ? len : 0,
				 "hook %d, reason %d", h, r);
		}
	}
}

static void run_one(const struct frame *f, char *line)
{
	struct dmsc_denial denials[DMSC_NR_HOOKS][DMSC_NR_REASONS];
	struct dmsc_stats of, all[2];
	struct frame_result r;
	struct frame want = *f;
	struct expected e;
	uint32_t at;

	read_expected(&e, line);
	CHECK(!dataplane_denials(dp, denials, &env_err), "%s", env_err.text);
	of = env_counter(dp, e.sid, e.class, e.dir);
	all[0] = env_counter(dp, ANY_SID, ANY_CLASS, e.dir);
	all[1] = env_counter(dp, ANY_SID, ANY_CLASS, !e.dir);
	frame_run(dataplane_prog(dp, dataplane_prog_name[e.dir == DMSC_DIR_TX ? DATAPLANE_EGRESS :
										DATAPLANE_INGRESS]),
		  f, v0, &r);
	CHECK_EQ(r.verdict, e.verdict, "verdict");
	if (e.dir == DMSC_DIR_TX && e.verdict != TC_ACT_SHOT)
		CHECK_EQ(r.priority, DMSC_PRIO(e.slot, e.class), "priority");
	expected_bytes(&want, &e);
	check_wrap(&r.out, &e);
	CHECK_EQ(r.out.len, want.len, "length");
	for (at = 0; at < want.len; at++)
		CHECK_EQ(r.out.b[at], want.b[at], "byte %u", at);
	check_counters(&e, &of, all, f->len);
	check_denials(&e, denials, f->len);
}

static size_t next_case;

static void run_case(void)
{
	const struct vector_case *c = &cases[next_case++];
	struct frame f;

	CHECK(c->packet && c->nr_runs, "a case without a packet or without a program");
	if (c->config != in_force)
		take_config(c->config);
	case_packet(c, &f);
	for (int i = 0; i < c->nr_runs; i++)
		run_one(&f, c->runs[i]);
}

static const char *where(const struct vector_case *c)
{
	char *name;

	if (asprintf(&name, "%s:%d: %s", c->file, c->line, c->name) < 0)
		abort();
	return name;
}

static int run(void)
{
	static struct tap_test tests[VECTOR_CASES];
	struct dataplane_config cfg = env_config();
	int ret;

	if (!read_all())
		return TAP_FAIL;
	if (system("ip link add v0 type veth peer name v0p && ip link add v1 type veth peer name v1p && "
		   "ip link set v0 up && ip link set v1 up && ip link set v1p up && ip link set v0p up")) {
		printf("Bail out! cannot make veth interfaces\n");
		return TAP_FAIL;
	}
	v0 = if_nametoindex("v0");
	if (dataplane_open(&dp, &cfg, &env_err)) {
		printf("Bail out! %s\n", env_err.text);
		return TAP_FAIL;
	}
	for (size_t i = 0; i < nr_cases; i++)
		tests[i] = (struct tap_test){ where(&cases[i]), run_case };
	ret = tap_run(tests, nr_cases);
	dataplane_close(dp);
	return ret;
}

int main(void)
{
	return env_main(run);
}
