// SPDX-License-Identifier: GPL-2.0-or-later
/* guests: 7.3 */
/*
 * Damaged frames through the gateway: what is forwarded is a sound packet to a
 * service, by a judgement of its own that shares nothing with the programs; what
 * is not forwarded is as it was; and the counters say where every frame went. The
 * sequence is fixed, so that a failure comes again.
 */
#include "gateway.h"

#define FRAMES 30000
#define SEED   0x6d5c2024U

static const char config[] = GW_HEAD
	"  - {name: web, address: 10.9.0.1, port: 80, table: 1021, instances: [\n"
	"      {name: a, address: 10.0.0.11}, {name: b, address: 'fd00::12'}]}\n"
	"  - {name: web6, address: 'fd09::1', port: 80, table: 1021, encap: gue, instances: [\n"
	"      {name: a, address: 'fd00::11'}, {name: b, address: 10.0.0.12}]}\n"
	"  - {name: udp, address: 10.9.0.1, port: 80, protocol: udp, affinity: source, table: 1021,\n"
	"     instances: [{name: a, address: 10.0.0.13}]}\n"
	"  - {name: udp6, address: 'fd09::1', port: 80, protocol: udp, table: 1021, instances: [\n"
	"      {name: a, address: 'fd00::13'}]}\n";

static uint32_t state = SEED;

static uint32_t rnd(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

static void base(struct frame *f)
{
	static const uint8_t ext[] = { IPPROTO_HOPOPTS,	 IPPROTO_ROUTING, IPPROTO_DSTOPTS,
				       IPPROTO_FRAGMENT, IPPROTO_AH,	  IPPROTO_NONE };
	bool v6 = rnd(2);
	struct frame_spec s = {
		.saddr = v6 ? "2001:db8::1" : "198.51.100.1",
		.daddr = v6 ? "fd09::1" : "10.9.0.1",
		.sport = rnd(65536),
		.dport = 80,
		.tos = rnd(256),
		.proto = rnd(2) ? IPPROTO_TCP : IPPROTO_UDP,
		.options = rnd(3) ? 0 : 4 * rnd(11),
		.payload = rnd(64),
		.frag_off = rnd(8) ? 0 : rnd(65536),
		.ext = v6 && !rnd(3) ? ext + rnd(5) : NULL,
		.ext_frag = rnd(2) ? 0 : 8 * rnd(100),
	};

	gw_frame(f, &s, rnd(3) ? TH_ACK : rnd(256));
}

static void mutate(struct frame *f)
{
	int n = rnd(4);

	while (n--) {
		uint32_t at = rnd(4) ? 12 + rnd(f->l4 - 12 + 14) : rnd(f->len);

		if (at >= f->len)
			continue;
		switch (rnd(4)) {
		case 0:
			f->b[at] = rnd(256);
			break;
		case 1:
			f->b[at] ^= 1 << rnd(8);
			break;
		case 2:
			f->b[at] = rnd(2) ? 0xff : 0;
			break;
		case 3:
			f->b[at] = (uint8_t[]){ 0, 43, 44, 51, 60, 58, 6, 17 }[rnd(8)];
			break;
		}
	}
	/* A checksum that is right again, so that what lies behind it is looked at. */
	if (rnd(4) && f->b[12] == 8 && f->b[13] == 0 && f->b[f->l3] >> 4 == 4 &&
	    f->l3 + (f->b[f->l3] & 15) * 4U <= f->len && (f->b[f->l3] & 15) >= 5)
		gw_fix_sum(f);
	if (!rnd(6))
		f->len = ETHER_HDR_LEN + 21 + rnd(f->len - ETHER_HDR_LEN - 20);
}

/* A whole transport header that a receiver would take: @left bytes from @p on. */
static bool sound_transport(uint8_t proto, const uint8_t *p, uint32_t left, bool icmp)
{
	uint32_t n;

	switch (proto) {
	case IPPROTO_TCP:
		if (left < 20)
			return false;
		n = (p[12] >> 4) * 4;
		return n >= 20 && n <= left && (p[13] & (TH_SYN | TH_ACK | TH_RST)) &&
		       !((p[13] & TH_SYN) && (p[13] & (TH_FIN | TH_RST)));
	case IPPROTO_UDP:
		if (left < 8)
			return false;
		n = p[4] << 8 | p[5];
		return n >= 8 && n <= left;
	}
	return icmp;
}

static bool sound4(const struct frame *f)
{
	const uint8_t *ip = f->b + f->l3;
	uint32_t room = f->len - f->l3, head = (ip[0] & 15) * 4, total;
	uint16_t frag;

	if (room < 20 || ip[0] >> 4 != 4 || head < 20 || head > room || ip_sum(ip, head))
		return false;
	total = ip[2] << 8 | ip[3];
	frag = (ip[6] << 8 | ip[7]) & 0x3fff;
	if (total < head || total > room || ip[8] < 2)
		return false;
	if (ip[9] == IPPROTO_ICMP)
		return ip[head] == 3 || ip[head] == 11 || ip[head] == 12;
	if (!ip[12] || ip[12] == 127 || ip[12] >= 224)
		return false;
	if (frag)
		return ip[9] == IPPROTO_UDP;
	return sound_transport(ip[9], ip + head, total - head, false);
}

static bool sound6(const struct frame *f)
{
	const uint8_t *ip = f->b + f->l3;
	uint32_t room = f->len - f->l3, total, at = 40;
	uint8_t next;

	if (room < 40 || ip[0] >> 4 != 6 || ip[7] < 2 || ip[8] == 0xff)
		return false;
	total = 40 + (ip[4] << 8 | ip[5]);
	if (total > room)
		return false;
	for (next = ip[6]; next == 0 || next == 43 || next == 44 || next == 51 || next == 60;) {
		const uint8_t *h = ip + at;

		if (at + 8 > room)
			return false;
		/* A fragment, but no atomic one: no service of the test takes it. */
		if (next == 44 && ((h[2] << 8 | h[3]) & 0xfff9))
			return false;
		at += next == 44 ? 8 : next == 51 ? (h[1] + 2) * 4 : (h[1] + 1) * 8;
		next = h[0];
	}
	if (at > total)
		return false;
	return sound_transport(next, ip + at, total - at, next == IPPROTO_ICMPV6);
}

static uint64_t drops(void)
{
	uint64_t sum = 0;
	int i;

	for (i = DMSC_GW_DROP; i < DMSC_GW_NR_COUNTS; i++)
		sum += gw_counter(NULL, i);
	return sum;
}

static void run_mutated(bool xdp)
{
	uint64_t fates[3] = {};
	struct frame_result r;
	struct frame f;
	int i, ran = 0;

	gw_fresh(config);
	for (i = 0; i < FRAMES; i++) {
		enum gw_fate fate;

		base(&f);
		mutate(&f);
		if (xdp ? gw_run_xdp(gw_xdp, &f, &r) : frame_try(gw_tc, &f, 1, &r))
			continue; /* too short for this kernel */
		ran++;
		fate = gw_fate(xdp, r.verdict);
		fates[fate]++;
		if (fate != FATE_FORWARD) {
			CHECK(r.out.len == f.len && !memcmp(r.out.b, f.b, f.len),
			      "frame %d changed and was not forwarded", i);
			continue;
		}
		CHECK(f.b[12] == 8 ? sound4(&f) : sound6(&f), "frame %d is malformed, forwarded", i);
		CHECK(r.out.len >= f.len + 20 && r.out.len <= f.len + 48, "frame %d: length", i);
	}
	printf("# %d frames: %llu passed, %llu dropped, %llu forwarded\n", ran,
	       (unsigned long long)fates[FATE_PASS], (unsigned long long)fates[FATE_DROP],
	       (unsigned long long)fates[FATE_FORWARD]);
	CHECK(ran > FRAMES * 9 / 10, "too few frames ran");
	CHECK(fates[FATE_FORWARD] > FRAMES / 20, "hardly any frame was forwarded");
	CHECK(fates[FATE_DROP] > FRAMES / 20, "hardly any frame was dropped");
	CHECK_EQ(gw_forwarded(), fates[FATE_FORWARD], "counters of instances");
	CHECK_EQ(drops(), fates[FATE_DROP], "counters of drops");
}

static void mutated_xdp(void)
{
	run_mutated(true);
}

static void mutated_tc(void)
{
	run_mutated(false);
}

static int run(void)
{
	static const struct tap_test tests[] = { TAP_TEST(mutated_xdp), TAP_TEST(mutated_tc) };
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
