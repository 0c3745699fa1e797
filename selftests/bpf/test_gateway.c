// SPDX-License-Identifier: GPL-2.0-or-later
/* guests: 7.3 */
/*
 * The gateway's treatment of single packets, as a table: frame in; what becomes of
 * it, byte by byte, and which counter says so. Each goes through XDP and its twin
 * at tc.
 */
#include "gateway.h"

/* A vector names what is different from its kind. */
#pragma GCC diagnostic ignored "-Woverride-init"

static const char config[] = GW_HEAD
	"  - {name: web, address: 10.9.0.1, port: 80, table: 1021, instances: [\n"
	"      {name: a, address: 10.0.0.11}, {name: b, address: 10.0.0.12}]}\n"
	"  - {name: web6, address: 'fd09::1', port: 80, table: 1021, instances: [\n"
	"      {name: a, address: 'fd00::11'}, {name: b, address: 'fd00::12'}]}\n"
	"  - {name: dns, address: 10.9.0.1, port: 53, protocol: udp, table: 1021, instances: [\n"
	"      {name: a, address: 10.0.0.13}]}\n"
	"  - {name: four-in-six, address: 10.9.0.2, port: 80, table: 1021, instances: [\n"
	"      {name: a, address: 'fd00::14'}]}\n"
	"  - {name: six-in-four, address: 'fd09::2', port: 80, table: 1021, instances: [\n"
	"      {name: a, address: 10.0.0.14}]}\n"
	"  - {name: gue, address: 10.9.0.3, port: 80, encap: gue, gue_port: 6080, table: 1021,\n"
	"     instances: [{name: a, address: 10.0.0.15}]}\n"
	"  - {name: gue6, address: 'fd09::3', port: 80, encap: gue, gue_port: 6081, table: 1021,\n"
	"     instances: [{name: a, address: 'fd00::15'}]}\n"
	"  - {name: here, address: 10.9.0.4, port: 80, encap: local, table: 1021, instances: [\n"
	"      {name: a, address: 10.0.0.1}]}\n"
	"  - {name: sticky, address: 10.9.0.5, port: 4000, protocol: udp, affinity: source,\n"
	"     table: 1021, instances: [{name: a, address: 10.0.0.16}, {name: b, address: 10.0.0.17}]}\n"
	"  - {name: sticky6, address: 'fd09::5', port: 4000, protocol: udp, affinity: source,\n"
	"     table: 1021, instances: [{name: a, address: 'fd00::16'}]}\n"
	"  - {name: empty, address: 10.9.0.6, port: 80, instances: []}\n"
	"  - {name: down, address: 10.9.0.7, port: 80, table: 1021, instances: [\n"
	"      {name: a, address: 10.0.0.18, state: down}]}\n"
	"  - {name: nowhere, address: 10.9.0.8, port: 80, table: 1021, instances: [\n"
	"      {name: a, address: 192.0.2.1}]}\n";

#define NO_COUNT (-1)

enum damage {
	SOUND,
	BAD_SUM,
	BAD_VERSION,
	SHORT_IHL,
	LONG_TOTAL,  /* the packet claims more than the frame holds */
	SHORT_TOTAL, /* less than its own headers */
	TCP_OFFSET_SHORT,
	TCP_OFFSET_LONG,
	UDP_LEN_SHORT,
	UDP_LEN_LONG,
	CUT_L4, /* the frame ends in the transport header */
	CUT_L3,
	PADDED, /* the frame is longer than its packet, as small ones are */
};

static const uint8_t hop_by_hop[] = { IPPROTO_HOPOPTS, IPPROTO_NONE };
static const uint8_t dst_and_ah[] = { IPPROTO_DSTOPTS, IPPROTO_AH, IPPROTO_NONE };
static const uint8_t fragment[] = { IPPROTO_FRAGMENT, IPPROTO_NONE };

#define C4 "198.51.100.7"
#define C6 "2001:db8::7"
#define TCP4(to, ...)           \
	{ .saddr = C4,          \
	  .daddr = to,          \
	  .sport = 4321,        \
	  .dport = 80,          \
	  .proto = IPPROTO_TCP, \
	  .payload = 10,        \
	  ##__VA_ARGS__ }
#define TCP6(to, ...)           \
	{ .saddr = C6,          \
	  .daddr = to,          \
	  .sport = 4321,        \
	  .dport = 80,          \
	  .proto = IPPROTO_TCP, \
	  .payload = 10,        \
	  ##__VA_ARGS__ }
#define UDP4(to, port, ...)     \
	{ .saddr = C4,          \
	  .daddr = to,          \
	  .sport = 4321,        \
	  .dport = port,        \
	  .proto = IPPROTO_UDP, \
	  .payload = 20,        \
	  ##__VA_ARGS__ }
#define UDP6(to, port, ...)     \
	{ .saddr = C6,          \
	  .daddr = to,          \
	  .sport = 4321,        \
	  .dport = port,        \
	  .proto = IPPROTO_UDP, \
	  .payload = 20,        \
	  ##__VA_ARGS__ }

static const struct vector {
	const char *what;
	struct frame_spec spec;
	uint8_t flags; /* TCP */
	enum damage damage;
	enum gw_fate fate;
	int count;	 /* the counter that goes up by one, or NO_COUNT */
	int first, last; /* instances that it may go to */
	int gue;
} vectors[] = {
	{ "TCP, IPv4: SYN", TCP4("10.9.0.1"), TH_SYN, SOUND, FATE_FORWARD, DMSC_GW_NEW, 11, 12, 0 },
	{ "the same flow goes on", TCP4("10.9.0.1"), TH_ACK, SOUND, FATE_FORWARD, NO_COUNT, 11, 12,
	  0 },
	{ "TCP, IPv4: a segment of a flow not seen before", TCP4("10.9.0.1", .saddr = "198.51.100.8"),
	  TH_ACK, SOUND, FATE_FORWARD, DMSC_GW_NEW, 11, 12, 0 },
	{ "TCP, IPv4: reset", TCP4("10.9.0.1"), TH_RST, SOUND, FATE_FORWARD, NO_COUNT, 11, 12, 0 },
	{ "TCP, IPv4: TOS and ECN are copied", TCP4("10.9.0.1", .tos = 0xbb), TH_ACK, SOUND,
	  FATE_FORWARD, NO_COUNT, 11, 12, 0 },
	{ "TCP, IPv4: options", TCP4("10.9.0.1", .options = 40), TH_ACK, SOUND, FATE_FORWARD,
	  NO_COUNT, 11, 12, 0 },
	{ "TCP, IPv4: do not fragment", TCP4("10.9.0.1", .frag_off = 0x4000), TH_ACK, SOUND,
	  FATE_FORWARD, NO_COUNT, 11, 12, 0 },
	{ "TCP, IPv4: the least TTL that goes on", TCP4("10.9.0.1", .ttl = 2), TH_ACK, SOUND,
	  FATE_FORWARD, NO_COUNT, 11, 12, 0 },
	{ "TCP, IPv6: SYN", TCP6("fd09::1"), TH_SYN, SOUND, FATE_FORWARD, DMSC_GW_NEW, 11, 12, 0 },
	{ "TCP, IPv6: hop-by-hop options", TCP6("fd09::1", .ext = hop_by_hop), TH_ACK, SOUND,
	  FATE_FORWARD, NO_COUNT, 11, 12, 0 },
	{ "TCP, IPv6: destination options and AH", TCP6("fd09::1", .ext = dst_and_ah), TH_ACK,
	  SOUND, FATE_FORWARD, NO_COUNT, 11, 12, 0 },
	{ "TCP, IPv6: atomic fragment", TCP6("fd09::1", .ext = fragment), TH_ACK, SOUND,
	  FATE_FORWARD, NO_COUNT, 11, 12, 0 },
	{ "TCP, IPv6: traffic class is copied", TCP6("fd09::1", .tos = 0x2e << 2 | 1), TH_ACK,
	  SOUND, FATE_FORWARD, NO_COUNT, 11, 12, 0 },
	{ "UDP, IPv4, same address as TCP", UDP4("10.9.0.1", 53), 0, SOUND, FATE_FORWARD,
	  DMSC_GW_NEW, 13, 13, 0 },
	{ "UDP, IPv4: no payload", UDP4("10.9.0.1", 53, .payload = 0), 0, SOUND, FATE_FORWARD,
	  NO_COUNT, 13, 13, 0 },
	{ "IPv4 in IPv6", TCP4("10.9.0.2"), TH_SYN, SOUND, FATE_FORWARD, DMSC_GW_NEW, 14, 14, 0 },
	{ "IPv6 in IPv4", TCP6("fd09::2"), TH_SYN, SOUND, FATE_FORWARD, DMSC_GW_NEW, 14, 14, 0 },
	{ "GUE over IPv4", TCP4("10.9.0.3"), TH_SYN, SOUND, FATE_FORWARD, DMSC_GW_NEW, 15, 15, 6080 },
	{ "GUE over IPv6", TCP6("fd09::3"), TH_SYN, SOUND, FATE_FORWARD, DMSC_GW_NEW, 15, 15, 6081 },
	{ "local delivery", TCP4("10.9.0.4"), TH_SYN, SOUND, FATE_PASS, DMSC_GW_NEW, 0, 0, 0 },
	{ "padded frame", UDP4("10.9.0.1", 53, .payload = 1), 0, PADDED, FATE_FORWARD, NO_COUNT, 0,
	  0, 0 },

	{ "not ours: address", TCP4("10.9.0.99"), TH_SYN, SOUND, FATE_PASS, NO_COUNT, 0, 0, 0 },
	{ "not ours: port", TCP4("10.9.0.1", .dport = 81), TH_SYN, SOUND, FATE_PASS, NO_COUNT, 0, 0,
	  0 },
	{ "not ours: protocol", UDP4("10.9.0.1", 80), 0, SOUND, FATE_PASS, NO_COUNT, 0, 0, 0 },
	{ "not ours: ICMPv6 echo",
	  { .saddr = C6, .daddr = "fd09::1", .proto = IPPROTO_ICMPV6, .icmp_type = 128, .payload = 40 },
	  0,
	  SOUND,
	  FATE_PASS,
	  NO_COUNT,
	  0,
	  0,
	  0 },
	{ "not ours: ESP", TCP4("10.9.0.1", .proto = 50, .payload = 40), 0, SOUND, FATE_PASS,
	  NO_COUNT, 0, 0, 0 },
	{ "not ours: tagged", TCP4("10.9.0.1", .vlans = 1), TH_SYN, SOUND, FATE_PASS, NO_COUNT, 0,
	  0, 0 },
	{ "not ours: not damaged either, another address's bad checksum", TCP4("10.9.0.99"), TH_SYN,
	  BAD_SUM, FATE_PASS, NO_COUNT, 0, 0, 0 },
	{ "not IPv4, whatever its type says", TCP4("10.9.0.1"), TH_SYN, BAD_VERSION, FATE_PASS,
	  NO_COUNT, 0, 0, 0 },
	{ "not IPv6, whatever its type says", TCP6("fd09::1"), TH_SYN, BAD_VERSION, FATE_PASS,
	  NO_COUNT, 0, 0, 0 },
	{ "header shorter than a header", TCP4("10.9.0.1"), TH_SYN, SHORT_IHL, FATE_PASS, NO_COUNT,
	  0, 0, 0 },
	{ "frame ends in the IPv6 header", TCP6("fd09::1"), TH_SYN, CUT_L3, FATE_PASS, NO_COUNT, 0,
	  0, 0 },

	{ "bad header checksum", TCP4("10.9.0.1"), TH_ACK, BAD_SUM, FATE_DROP,
	  DMSC_GW_DROP_MALFORMED, 0, 0, 0 },
	{ "bad header checksum, with options", TCP4("10.9.0.1", .options = 12), TH_ACK, BAD_SUM,
	  FATE_DROP, DMSC_GW_DROP_MALFORMED, 0, 0, 0 },
	{ "IPv4 longer than its frame", TCP4("10.9.0.1"), TH_ACK, LONG_TOTAL, FATE_DROP,
	  DMSC_GW_DROP_MALFORMED, 0, 0, 0 },
	{ "IPv6 longer than its frame", TCP6("fd09::1"), TH_ACK, LONG_TOTAL, FATE_DROP,
	  DMSC_GW_DROP_MALFORMED, 0, 0, 0 },
	{ "IPv4 shorter than its headers", TCP4("10.9.0.1"), TH_ACK, SHORT_TOTAL, FATE_DROP,
	  DMSC_GW_DROP_MALFORMED, 0, 0, 0 },
	{ "IPv6 shorter than its headers", TCP6("fd09::1"), TH_ACK, SHORT_TOTAL, FATE_DROP,
	  DMSC_GW_DROP_MALFORMED, 0, 0, 0 },
	{ "TCP header shorter than one", TCP4("10.9.0.1"), TH_ACK, TCP_OFFSET_SHORT, FATE_DROP,
	  DMSC_GW_DROP_MALFORMED, 0, 0, 0 },
	{ "TCP header longer than its packet", TCP4("10.9.0.1"), TH_ACK, TCP_OFFSET_LONG, FATE_DROP,
	  DMSC_GW_DROP_MALFORMED, 0, 0, 0 },
	{ "UDP shorter than its header", UDP4("10.9.0.1", 53), 0, UDP_LEN_SHORT, FATE_DROP,
	  DMSC_GW_DROP_MALFORMED, 0, 0, 0 },
	{ "UDP longer than its packet", UDP4("10.9.0.1", 53), 0, UDP_LEN_LONG, FATE_DROP,
	  DMSC_GW_DROP_MALFORMED, 0, 0, 0 },
	{ "frame ends in the TCP header", TCP4("10.9.0.1"), TH_ACK, CUT_L4, FATE_DROP,
	  DMSC_GW_DROP_MALFORMED, 0, 0, 0 },
	{ "SYN and FIN", TCP4("10.9.0.1"), TH_SYN | TH_FIN, SOUND, FATE_DROP,
	  DMSC_GW_DROP_MALFORMED, 0, 0, 0 },
	{ "SYN and RST", TCP6("fd09::1"), TH_SYN | TH_RST, SOUND, FATE_DROP, DMSC_GW_DROP_MALFORMED,
	  0, 0, 0 },
	{ "no flag at all", TCP4("10.9.0.1"), 0, SOUND, FATE_DROP, DMSC_GW_DROP_MALFORMED, 0, 0, 0 },
	{ "from the service itself", TCP4("10.9.0.1", .saddr = "10.9.0.1"), TH_SYN, SOUND,
	  FATE_DROP, DMSC_GW_DROP_MALFORMED, 0, 0, 0 },
	{ "from a loopback address", TCP4("10.9.0.1", .saddr = "127.0.0.1"), TH_SYN, SOUND,
	  FATE_DROP, DMSC_GW_DROP_MALFORMED, 0, 0, 0 },
	{ "from a multicast address", TCP6("fd09::1", .saddr = "ff02::1"), TH_SYN, SOUND, FATE_DROP,
	  DMSC_GW_DROP_MALFORMED, 0, 0, 0 },
	{ "from no address", TCP6("fd09::1", .saddr = "::"), TH_SYN, SOUND, FATE_DROP,
	  DMSC_GW_DROP_MALFORMED, 0, 0, 0 },
	{ "end of life, IPv4", TCP4("10.9.0.1", .ttl = 1), TH_ACK, SOUND, FATE_DROP,
	  DMSC_GW_DROP_TTL, 0, 0, 0 },
	{ "end of life, IPv6", TCP6("fd09::1", .ttl = 1), TH_ACK, SOUND, FATE_DROP,
	  DMSC_GW_DROP_TTL, 0, 0, 0 },

	{ "first fragment where ports decide", UDP4("10.9.0.1", 53, .frag_off = 0x2000), 0, SOUND,
	  FATE_DROP, DMSC_GW_DROP_FRAGMENT, 0, 0, 0 },
	{ "later fragment where ports decide", UDP4("10.9.0.1", 53, .frag_off = 64), 0, SOUND,
	  FATE_DROP, DMSC_GW_DROP_FRAGMENT, 0, 0, 0 },
	{ "fragment of TCP where ports decide, IPv6", TCP6("fd09::1", .ext = fragment, .ext_frag = 8),
	  TH_ACK, SOUND, FATE_DROP, DMSC_GW_DROP_FRAGMENT, 0, 0, 0 },
	{ "whole packet where the source decides", UDP4("10.9.0.5", 4000), 0, SOUND, FATE_FORWARD,
	  DMSC_GW_NEW, 16, 17, 0 },
	{ "first fragment where the source decides", UDP4("10.9.0.5", 4000, .frag_off = 0x2000), 0,
	  SOUND, FATE_FORWARD, DMSC_GW_FRAGMENT, 16, 17, 0 },
	{ "later fragment where the source decides", UDP4("10.9.0.5", 4000, .frag_off = 64), 0,
	  SOUND, FATE_FORWARD, DMSC_GW_FRAGMENT, 16, 17, 0 },
	{ "last fragment of a byte",
	  { .saddr = C4, .daddr = "10.9.0.5", .proto = IPPROTO_UDP, .frag_off = 64 },
	  0,
	  SHORT_TOTAL,
	  FATE_DROP,
	  DMSC_GW_DROP_MALFORMED,
	  0,
	  0,
	  0 },
	{ "whole packet, IPv6, where the source decides", UDP6("fd09::5", 4000), 0, SOUND,
	  FATE_FORWARD, DMSC_GW_NEW, 16, 16, 0 },
	{ "fragment, IPv6, where the source decides",
	  UDP6("fd09::5", 4000, .ext = fragment, .ext_frag = 8), 0, SOUND, FATE_FORWARD,
	  DMSC_GW_FRAGMENT, 16, 16, 0 },
	{ "fragment of another protocol", TCP4("10.9.0.5", .frag_off = 64), 0, SOUND, FATE_PASS,
	  NO_COUNT, 0, 0, 0 },

	{ "a service without instances", TCP4("10.9.0.6"), TH_SYN, SOUND, FATE_DROP,
	  DMSC_GW_DROP_NO_REAL, 0, 0, 0 },
	{ "a service whose instance is down", TCP4("10.9.0.7"), TH_SYN, SOUND, FATE_DROP,
	  DMSC_GW_DROP_NO_REAL, 0, 0, 0 },
};

static void hurt(struct frame *f, enum damage damage)
{
	uint8_t *ip = f->b + f->l3, *l4 = f->b + f->l4;
	bool v6 = ip[0] >> 4 == 6;
	int len = v6 ? 4 : 2;

	switch (damage) {
	case SOUND:
		return;
	case BAD_SUM:
		ip[10] ^= 0x40;
		return;
	case BAD_VERSION:
		ip[0] ^= 0x30;
		break;
	case SHORT_IHL:
		ip[0] = 0x44;
		break;
	case LONG_TOTAL:
		ip[len + 1]++;
		break;
	case SHORT_TOTAL:
		ip[len] = 0;
		ip[len + 1] = v6 ? 12 : 19;
		break;
	case TCP_OFFSET_SHORT:
		l4[12] = 0x40;
		break;
	case TCP_OFFSET_LONG:
		l4[12] = 0xf0;
		break;
	case UDP_LEN_SHORT:
		l4[5] = 7;
		break;
	case UDP_LEN_LONG:
		l4[5]++;
		break;
	case CUT_L4:
		f->len = f->l4 + 12;
		ip[len + 1] = f->len - f->l3;
		break;
	case CUT_L3:
		f->len = f->l3 + 30;
		break;
	case PADDED:
		f->len += 17;
		break;
	}
	if (!v6)
		gw_fix_sum(f);
}

static void run_vector(const struct vector *v, bool xdp)
{
	uint64_t before[DMSC_GW_NR_COUNTS], forwarded = gw_forwarded();
	struct frame_result r = {};
	struct frame f;
	int i, instance;

	gw_frame(&f, &v->spec, v->flags);
	hurt(&f, v->damage);
	/* The kernel itself takes no such frame for a test at tc. */
	if (!xdp && v->damage == CUT_L3)
		return;
	for (i = 0; i < DMSC_GW_NR_COUNTS; i++)
		before[i] = gw_counter(NULL, i);
	CHECK_EQ(gw_run(xdp, &f, &r), v->fate, "%s, %s", v->what, xdp ? "XDP" : "tc");
	for (i = 0; i < DMSC_GW_NR_COUNTS; i++)
		CHECK_EQ(gw_counter(NULL, i) - before[i], i == v->count, "%s: counter %s", v->what,
			 gateway_count_name[i]);
	if (v->fate != FATE_FORWARD) {
		CHECK(r.out.len == f.len && !memcmp(r.out.b, f.b, f.len), "%s: the frame changed",
		      v->what);
		return;
	}
	CHECK_EQ(gw_forwarded() - forwarded, 1, "%s", v->what);
	if (v->damage == PADDED)
		return;
	instance = gw_instance(&f, &r, v->gue);
	CHECK(instance >= v->first && instance <= v->last, "%s: instance %d", v->what, instance);
	if (xdp)
		CHECK(r.out.b[5] == (instance / 10) * 16 + instance % 10 && r.out.b[11] == 10,
		      "%s: link addresses", v->what);
}

static void run_all(bool xdp)
{
	size_t i;

	gw_fresh(config);
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		run_vector(&vectors[i], xdp);
	printf("# %zu vectors\n", i);
}

static void vectors_xdp(void)
{
	run_all(true);
}

static void vectors_tc(void)
{
	run_all(false);
}

/* Without a neighbour XDP hands on to tc, which has the kernel ask; without a route it is dropped. */
static void no_way(void)
{
	struct frame_spec s = TCP4("10.9.0.8");
	struct frame_result r;
	struct frame f;

	gw_fresh(config);
	gw_frame(&f, &s, TH_SYN);
	CHECK_EQ(gw_run(true, &f, &r), FATE_PASS, "XDP");
	CHECK_EQ(gw_run(false, &f, &r), FATE_DROP, "tc");
	CHECK_EQ(gw_counter("nowhere", DMSC_GW_DROP_NO_HOP), 1, "");
	sh("ip route add 192.0.2.1 via 10.0.0.77");
	sleep_ms(50);
	CHECK_EQ(gw_run(true, &f, &r), FATE_PASS, "XDP, with a route, no neighbour");
	CHECK_EQ(gw_run(false, &f, &r), FATE_FORWARD, "tc, with a route, no neighbour");
	sh("ip neigh add 10.0.0.77 lladdr 02:00:00:00:00:77 dev v0 nud permanent");
	sleep_ms(50);
	CHECK_EQ(gw_run(true, &f, &r), FATE_FORWARD, "XDP, with a neighbour");
	CHECK_EQ(r.out.b[5], 0x77, "the neighbour's address");
	sh("ip neigh del 10.0.0.77 dev v0 && ip route del 192.0.2.1");
}

/* The one's complement sum of @len bytes, and of a pseudo header before it; 0: right. */
static uint16_t sum_of(const uint8_t *b, uint32_t len, uint32_t sum)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		sum += i & 1 ? b[i] : b[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* What came out tells the client of @f that @mtu bytes would fit. */
static void check_told(const struct frame *f, const struct frame_result *r, uint32_t mtu)
{
	const uint8_t *o = r->out.b + ETHER_HDR_LEN, *in = f->b + f->l3, *icmp;
	uint32_t len = r->out.len - ETHER_HDR_LEN, head, i, sum = 0;
	bool v6 = in[0] >> 4 == 6;

	CHECK(!memcmp(r->out.b, f->b + 6, 6) && !memcmp(r->out.b + 6, f->b, 6),
	      "link addresses are turned round");
	CHECK(!memcmp(r->out.b + 12, f->b + 12, 2), "protocol");
	head = v6 ? 40 : 20;
	icmp = o + head;
	if (v6) {
		CHECK_EQ(o[0] >> 4, 6, "version");
		CHECK_EQ(o[4] << 8 | o[5], len - 40, "length");
		CHECK_EQ(o[6], IPPROTO_ICMPV6, "protocol");
		CHECK(!memcmp(o + 8, in + 24, 16) && !memcmp(o + 24, in + 8, 16), "addresses");
		CHECK_EQ(len, 1280, "as much as fits the least MTU");
		for (i = 8; i < 40; i += 2)
			sum += o[i] << 8 | o[i + 1];
		sum += len - 40 + IPPROTO_ICMPV6;
		CHECK(icmp[0] == 2 && icmp[1] == 0, "packet too big: %d/%d", icmp[0], icmp[1]);
		CHECK_EQ(icmp[4] << 24 | icmp[5] << 16 | icmp[6] << 8 | icmp[7], mtu, "MTU");
	} else {
		CHECK_EQ(o[0], 0x45, "version");
		CHECK_EQ(ip_sum(o, 20), 0, "header checksum");
		CHECK_EQ(o[2] << 8 | o[3], len, "length");
		CHECK_EQ(o[9], IPPROTO_ICMP, "protocol");
		CHECK(!memcmp(o + 12, in + 16, 4) && !memcmp(o + 16, in + 12, 4), "addresses");
		CHECK(icmp[0] == 3 && icmp[1] == 4, "fragmentation needed: %d/%d", icmp[0], icmp[1]);
		CHECK_EQ(icmp[4] << 8 | icmp[5], 0, "unused");
		CHECK_EQ(icmp[6] << 8 | icmp[7], mtu, "MTU");
	}
	CHECK_EQ(sum_of(icmp, len - head, sum), 0, "ICMP checksum");
	CHECK(len - head - 8 >= (uint32_t)(in[0] & 15) * 4 + 8, "quotes header and ports");
	CHECK(!memcmp(icmp + 8, in, len - head - 8), "what is quoted is what came");
}

/* A packet that fits its link only without the outer header. */
static void too_big(void)
{
	static const struct {
		const char *what, *service;
		struct frame_spec spec;
		uint32_t mtu, head; /* of the link; headers of the packet and of the outer one */
		bool told;
	} cases[] = {
		/* First: an MTU below 1280 takes IPv6 from the device for good. */
		{ "IPv6", "web6", TCP6("fd09::1"), 1400, 60 + 40, true },
		{ "IPv6 over GUE", "gue6", TCP6("fd09::3"), 1400, 60 + 48, true },
		{ "IPv6 in IPv4", "six-in-four", TCP6("fd09::2"), 1400, 60 + 20, true },
		{ "IPv6, less than its least MTU", "web6", TCP6("fd09::1"), 1300, 60 + 40, false },
		{ "IPv4", "web", TCP4("10.9.0.1", .saddr = "198.51.100.60", .frag_off = 0x4000),
		  300, 40 + 20, true },
		{ "IPv4 with options", "web",
		  TCP4("10.9.0.1", .saddr = "198.51.100.61", .options = 40, .frag_off = 0x4000),
		  300, 80 + 20, true },
		{ "IPv4 over GUE", "gue", TCP4("10.9.0.3", .frag_off = 0x4000), 300, 40 + 28, true },
		{ "IPv4 that may be fragmented", "web", TCP4("10.9.0.1"), 300, 40 + 20, false },
	};
	uint64_t told, dropped;
	struct frame_result r;
	struct frame f;
	size_t i;
	int xdp;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame_spec s = cases[i].spec;

		/* A next hop's MTU is asked for anew. */
		gw_fresh(config);
		sh("ip link set v0 mtu %u", cases[i].mtu);
		for (xdp = 0; xdp < 2; xdp++) {
			const char *what = cases[i].what;

			s.payload = cases[i].mtu - cases[i].head;
			gw_frame(&f, &s, TH_ACK);
			CHECK_EQ(gw_run(xdp, &f, &r), FATE_FORWARD, "%s: exactly the MTU", what);
			gw_instance(&f, &r,
				    strstr(what, "GUE") ?
					    (s.ext || strchr(s.daddr, ':') ? 6081 : 6080) :
					    0);
			s.payload++;
			gw_frame(&f, &s, TH_ACK);
			told = gw_counter(cases[i].service, DMSC_GW_TOO_BIG_SENT);
			dropped = gw_counter(cases[i].service, DMSC_GW_DROP_TOO_BIG);
			CHECK_EQ(gw_run(xdp, &f, &r), cases[i].told ? FATE_FORWARD : FATE_DROP,
				 "%s: a byte more, %s", what, xdp ? "XDP" : "tc");
			CHECK_EQ(gw_counter(cases[i].service, DMSC_GW_TOO_BIG_SENT) - told,
				 cases[i].told, "%s", what);
			CHECK_EQ(gw_counter(cases[i].service, DMSC_GW_DROP_TOO_BIG) - dropped,
				 !cases[i].told, "%s", what);
			if (cases[i].told)
				check_told(&f, &r, f.len - f.l3 - 1);
			if (cases[i].told && xdp)
				CHECK_EQ(r.verdict, XDP_TX, "%s: by the way it came", what);
		}
	}
	sh("ip link set v0 mtu 1500");
}

/* Answers are not sent without bound: 1000 a second, a tenth of them at once. */
static void too_big_rate(void)
{
	struct frame_spec s = TCP4("10.9.0.1", .payload = 260, .frag_off = 0x4000);
	uint64_t began, told;
	struct frame_result r;
	struct frame f;
	int i;

	gw_fresh(config);
	sh("ip link set v0 mtu 300");
	gw_frame(&f, &s, TH_ACK);
	began = now_ms();
	for (i = 0; i < 3000; i++)
		gw_run(true, &f, &r);
	told = gw_counter("web", DMSC_GW_TOO_BIG_SENT);
	printf("# %llu of 3000 answered in %llu ms\n", (unsigned long long)told,
	       (unsigned long long)(now_ms() - began));
	/* The clock of the data path is coarse: a tick of at most 10 ms. */
	CHECK(told >= 100 && told <= 102 + now_ms() - began + 10, "%llu answered",
	      (unsigned long long)told);
	CHECK_EQ(gw_counter("web", DMSC_GW_DROP_TOO_BIG), 3000 - told, "the others are counted");
	sh("ip link set v0 mtu 1500");
}

/* Nothing was programmed yet: everything passes. */
static void unprogrammed(void)
{
	struct frame_spec s = TCP4("10.9.0.1");
	struct frame_result r;
	struct frame f;

	gateway_close(gw);
	gateway_flush(gw_pins(0), &env_err);
	CHECK(!gateway_open(&gw, gw_pins(0), 65536, &env_err), "%s", env_err.text);
	gw_xdp = gateway_prog(gw, "dmsc_gw_xdp");
	gw_tc = gateway_prog(gw, "dmsc_gw_tc");
	gw_frame(&f, &s, TH_SYN);
	CHECK_EQ(gw_run(true, &f, &r), FATE_PASS, "XDP");
	CHECK_EQ(gw_run(false, &f, &r), FATE_PASS, "tc");
}

static int run(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(vectors_xdp), TAP_TEST(vectors_tc),   TAP_TEST(no_way),
		TAP_TEST(too_big),     TAP_TEST(too_big_rate), TAP_TEST(unprogrammed),
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
