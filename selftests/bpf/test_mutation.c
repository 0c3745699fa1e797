// SPDX-License-Identifier: GPL-2.0-or-later
/* guests: 7.3 */
/*
 * Damaged frames through egress and ingress: whatever a frame holds, the verdict
 * is one that the programs may give, the queue is a valid one, the length stays
 * (what is redirected may have a header in front),
 * what is redirected is a whole IP packet to one other host, every packet is
 * counted once, and nothing but counters is left behind. The seeds are the
 * packets of the vectors, each in its own generation; the sequence is fixed, so
 * that a failure comes again.
 *
 * DMSC_FRAMES says how many frames there are.
 */
#include <linux/pkt_cls.h>

#include "vector_file.h"

#define FRAMES 1000000
#define SEED   0x0d5c2024U

static struct dataplane *dp;
static int egress, ingress, v0;

static uint32_t state = SEED;

static uint32_t rnd(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

static void mutate(struct frame *f)
{
	int n = rnd(8);

	while (n-- && f->len > 13) {
		/* Mostly the headers: they are what decides. */
		uint32_t head = f->l4 > 12 && f->l4 < f->len ? f->l4 : f->len;
		uint32_t at = rnd(4) ? 12 + rnd(head - 12) : rnd(f->len);

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
	if (!rnd(4) && f->len > ETHER_HDR_LEN + 1)
		f->len = ETHER_HDR_LEN + 1 + rnd(f->len - ETHER_HDR_LEN);
}

/* Written without a look at packet.h: what may be sent elsewhere at all. */
static bool may_redirect(const struct frame *f)
{
	const uint8_t *ip = f->b + ETHER_HDR_LEN, *d;
	uint16_t type = f->b[12] << 8 | f->b[13];

	if (type == ETHERTYPE_IP) {
		if (f->len < ETHER_HDR_LEN + 20 || ip[0] >> 4 != 4 || (ip[0] & 15) < 5 ||
		    f->len < ETHER_HDR_LEN + (ip[0] & 15) * 4U)
			return false;
		d = ip + 16;
		return d[0] && d[0] != 127 && d[0] < 224 && (d[0] != 169 || d[1] != 254);
	}
	if (type == ETHERTYPE_IPV6) {
		static const uint8_t zero[15];

		if (f->len < ETHER_HDR_LEN + 40 || ip[0] >> 4 != 6)
			return false;
		d = ip + 24;
		return d[0] != 0xff && !(d[0] == 0xfe && d[1] >> 6 == 2) &&
		       (memcmp(d, zero, 15) || d[15] > 1);
	}
	return false;
}

static void check(const struct frame *f, const struct frame_result *r, bool out, int i)
{
	bool drop = r->verdict == TC_ACT_SHOT;

	CHECK(r->verdict == TC_ACT_UNSPEC || drop || (out && r->verdict == TC_ACT_REDIRECT),
	      "frame %d: verdict %d", i, r->verdict);
	if (r->verdict == TC_ACT_REDIRECT && r->out.len > f->len)
		CHECK(r->out.len - f->len <= DMSC_ENCAP_MAX, "frame %d: %u bytes in front", i,
		      r->out.len - f->len);
	else
		CHECK_EQ(r->out.len, f->len, "frame %d", i);
	if (!out) {
		CHECK(!memcmp(r->out.b, f->b, f->len), "frame %d changed at ingress", i);
		return;
	}
	if (drop)
		return;
	CHECK_EQ(r->priority & DMSC_PRIO_MAJOR_MASK, DMSC_PRIO_MAJOR, "frame %d", i);
	CHECK((r->priority & DMSC_PRIO_CLASS_MASK) < DMSC_NR_CLASSES, "frame %d: priority 0x%x", i,
	      r->priority);
	CHECK(r->verdict != TC_ACT_REDIRECT || may_redirect(f), "frame %d is redirected", i);
}

/* Entries of all hash tables that hold configuration or state. */
static size_t entries(void)
{
	static const char *const maps[] = { "dmsc_instances", "dmsc_endpoints", "dmsc_groups",
					    "dmsc_peers",     "dmsc_flows",	"dmsc_hops" };
	uint8_t key[2][64];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		int fd = dataplane_map(dp, maps[i]), side = 0;
		void *prev = NULL;

		CHECK(fd >= 0, "%s", maps[i]);
		while (!bpf_map_get_next_key(fd, prev, key[side])) {
			prev = key[side];
			side = !side;
			n++;
		}
	}
	return n;
}

struct sums {
	uint64_t ran[2], dropped[2], redirected, frames;
};

static void check_balance(const struct sums *s, const struct dmsc_stats *before)
{
	for (int dir = 0; dir < 2; dir++) {
		struct dmsc_stats now = env_counter(dp, ANY_SID, ANY_CLASS, dir);

		CHECK_EQ(now.packets - before[dir].packets, s->ran[dir] - s->dropped[dir],
			 "packets counted, direction %d", dir);
		if (dir == DMSC_DIR_TX)
			CHECK_EQ(now.steered - before[dir].steered, s->redirected, "steered");
	}
}

/* @n frames from the packets of one generation: cases[first .. last]. */
static void mutate_cases(struct sums *s, size_t first, size_t last, int n)
{
	struct dmsc_stats before[2];
	struct sums here = {};
	struct frame_result r;
	struct frame *seeds, f;
	size_t kept;
	int i;

	seeds = calloc(last - first + 1, sizeof(*seeds));
	CHECK(seeds, "no memory");
	for (size_t c = first; c <= last; c++)
		case_packet(&cases[c], &seeds[c - first]);
	before[0] = env_counter(dp, ANY_SID, ANY_CLASS, DMSC_DIR_TX);
	before[1] = env_counter(dp, ANY_SID, ANY_CLASS, DMSC_DIR_RX);
	kept = entries();
	for (i = 0; i < n; i++) {
		f = seeds[rnd(last - first + 1)];
		mutate(&f);
		here.frames++;
		if (frame_try(egress, &f, v0, &r))
			continue; /* too short for this kernel */
		here.ran[DMSC_DIR_TX]++;
		check(&f, &r, true, i);
		here.redirected += r.verdict == TC_ACT_REDIRECT;
		here.dropped[DMSC_DIR_TX] += r.verdict == TC_ACT_SHOT;
		CHECK_EQ(frame_try(ingress, &f, v0, &r), 0, "frame %d", i);
		here.ran[DMSC_DIR_RX]++;
		check(&f, &r, false, i);
		here.dropped[DMSC_DIR_RX] += r.verdict == TC_ACT_SHOT;
	}
	free(seeds);
	check_balance(&here, before);
	CHECK_EQ(entries(), kept, "entries of tables");
	s->frames += here.frames;
	s->ran[0] += here.ran[0];
	s->redirected += here.redirected;
	s->dropped[0] += here.dropped[0];
	s->dropped[1] += here.dropped[1];
}

static void mutated_frames(void)
{
	static struct vector_config config;
	const char *want = getenv("DMSC_FRAMES");
	long frames = want ? atol(want) : FRAMES;
	struct sums s = {};
	size_t first, last;

	CHECK(frames > 0, "DMSC_FRAMES=%s", want);
	for (first = 0; first < nr_cases; first = last + 1) {
		for (last = first; last + 1 < nr_cases; last++) {
			if (cases[last + 1].config != cases[first].config)
				break;
		}
		config_read(&config, cases[first].config);
		env_program(dp, &config.t);
		mutate_cases(&s, first, last, frames * (last - first + 1) / nr_cases);
	}
	printf("# %llu frames of %zu seeds, %llu ran, %llu redirected, %llu and %llu dropped\n",
	       (unsigned long long)s.frames, nr_cases, (unsigned long long)s.ran[0],
	       (unsigned long long)s.redirected, (unsigned long long)s.dropped[0],
	       (unsigned long long)s.dropped[1]);
	CHECK(s.ran[0] > s.frames * 8 / 10, "too few frames ran");
	CHECK(s.redirected > s.frames / 200, "hardly any frame reached the end of the program");
}

static int run(void)
{
	static const struct tap_test tests[] = { TAP_TEST(mutated_frames) };
	struct dataplane_config cfg = env_config();
	int ret;

	if (!read_all())
		return TAP_FAIL;
	if (system("ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up")) {
		printf("Bail out! cannot make veth interfaces\n");
		return TAP_FAIL;
	}
	v0 = if_nametoindex("v0");
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
