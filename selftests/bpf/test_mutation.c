// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Damaged frames through egress and ingress: whatever a frame holds, the verdict
 * is one that the programs may give, the queue is a valid one, and the length
 * stays. The sequence is fixed, so that a failure comes again.
 */
#include <net/if.h>

#include <linux/pkt_cls.h>

#include "frame.h"

#define FRAMES 20000
#define SEED   0x0d5c2024U

static struct dataplane *dp;
static int egress, ingress, v0, v1;

static uint32_t state = SEED;

static uint32_t rnd(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

/* Everything goes to one address of either family, and has a flow that steers. */
static void program(void)
{
	struct dmsc_path paths[2] = { {}, { v1, AF_INET6, DMSC_PATH_F_UP, 0, V4(0, 0, 0, 0) } };
	struct dmsc_flow_key keys[4] = {};
	struct dmsc_flow flows[4];
	struct dataplane_tables t = {
		.flags = DMSC_CTL_STEER | DMSC_CTL_DSCP,
		.paths = paths,
		.nr_paths = 2,
		.flow_keys = keys,
		.flows = flows,
		.nr_flows = 4,
	};
	int i;

	inet_pton(AF_INET6, "fd02::2", paths[1].nexthop.b);
	for (i = 0; i < 4; i++) {
		keys[i].dport = htons(80);
		keys[i].proto = i & 1 ? IPPROTO_TCP : IPPROTO_UDP;
		if (i & 2) {
			inet_pton(AF_INET6, "fd00::1", keys[i].saddr.b);
			inet_pton(AF_INET6, "fd00::2", keys[i].daddr.b);
		} else {
			keys[i].saddr = V4(10, 0, 0, 1);
			keys[i].daddr = V4(10, 0, 0, 2);
		}
		flows[i] = (struct dmsc_flow){
			.sid = 1, .path = 1, .slot = 9, .class = DMSC_CLASS_DATA
		};
	}
	memset(t.profile.class_of, 0xff, sizeof(t.profile.class_of));
	for (i = 0; i < DMSC_NR_CLASSES; i++)
		t.profile.dscp[i] = 8 * i;
	env_program(dp, &t);
}

static void base(struct frame *f)
{
	static const uint8_t ext[] = { IPPROTO_HOPOPTS,	 IPPROTO_ROUTING, IPPROTO_DSTOPTS,
				       IPPROTO_FRAGMENT, IPPROTO_AH,	  IPPROTO_NONE };
	bool v6 = rnd(2);
	struct frame_spec s = {
		.saddr = v6 ? "fd00::1" : "10.0.0.1",
		.daddr = v6 ? "fd00::2" : "10.0.0.2",
		.sport = rnd(65536),
		.dport = 80,
		.tos = rnd(256),
		.proto = rnd(2) ? IPPROTO_TCP : IPPROTO_UDP,
		.vlans = rnd(3),
		.options = 4 * rnd(11),
		.payload = rnd(64),
		.ext = v6 && rnd(2) ? ext + rnd(5) : NULL,
	};

	frame_build(f, &s);
}

static void mutate(struct frame *f)
{
	int n = rnd(8);

	while (n--) {
		/* Mostly the headers: they are what decides. */
		uint32_t at = rnd(4) ? 12 + rnd(f->l4 - 12) : rnd(f->len);

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
			/* Headers that announce other headers. */
			f->b[at] = (uint8_t[]){ 0, 43, 44, 51, 60, 58, 6, 17 }[rnd(8)];
			break;
		}
	}
	if (!rnd(4))
		f->len = ETHER_HDR_LEN + 1 + rnd(f->len - ETHER_HDR_LEN);
}

static void check(const struct frame *f, const struct frame_result *r, bool out, int i)
{
	CHECK(r->verdict == TC_ACT_UNSPEC || (out && r->verdict == TC_ACT_REDIRECT),
	      "frame %d: verdict %d", i, r->verdict);
	CHECK_EQ(r->out.len, f->len, "frame %d", i);
	if (!out) {
		CHECK(!memcmp(r->out.b, f->b, f->len), "frame %d changed at ingress", i);
		return;
	}
	CHECK_EQ(r->priority & DMSC_PRIO_MAJOR_MASK, DMSC_PRIO_MAJOR, "frame %d", i);
	CHECK((r->priority & DMSC_PRIO_CLASS_MASK) < DMSC_NR_CLASSES, "frame %d: priority 0x%x", i,
	      r->priority);
}

static void mutated_frames(void)
{
	int i, ran = 0, redirected = 0;
	struct frame_result r;
	struct frame f;

	program();
	for (i = 0; i < FRAMES; i++) {
		base(&f);
		mutate(&f);
		if (frame_try(egress, &f, v0, &r))
			continue; /* too short for this kernel */
		ran++;
		check(&f, &r, true, i);
		redirected += r.verdict == TC_ACT_REDIRECT;
		CHECK_EQ(frame_try(ingress, &f, v0, &r), 0, "frame %d", i);
		check(&f, &r, false, i);
	}
	printf("# %d of %d frames, %d redirected\n", ran, FRAMES, redirected);
	CHECK(ran > FRAMES * 9 / 10, "too few frames ran");
	CHECK(redirected > FRAMES / 20, "hardly any frame reached the end of the program");
}

static int run(void)
{
	static const struct tap_test tests[] = { TAP_TEST(mutated_frames) };
	struct dataplane_config cfg = env_config();
	int ret;

	if (system("ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up")) {
		printf("Bail out! cannot make veth interfaces\n");
		return TAP_FAIL;
	}
	v0 = if_nametoindex("v0");
	v1 = if_nametoindex("v1");
	if (dataplane_open(&dp, &cfg, &env_err)) {
		printf("Bail out! %s\n", env_err.text);
		return TAP_FAIL;
	}
	egress = dataplane_prog(dp, "dmsc_egress");
	ingress = dataplane_prog(dp, "dmsc_ingress");
	ret = TAP_RUN(tests);
	dataplane_close(dp);
	return ret;
}

int main(void)
{
	return env_main(run);
}
