/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the gateway's tests share: a namespace with routes to instances, a gateway
 * of a written file, frames through both of its programs, and a reader of what
 * comes out that knows nothing of how it was made.
 */
#ifndef DMSC_SELFTESTS_GATEWAY_H
#define DMSC_SELFTESTS_GATEWAY_H

#include <linux/pkt_cls.h>

#include "frame.h"
#include "lib/gateway_priv.h"

#define GW_SOURCE  "10.0.0.1"
#define GW_SOURCE6 "fd00::1"

#define TH_FIN 0x01
#define TH_SYN 0x02
#define TH_RST 0x04
#define TH_ACK 0x10

static struct gw *gw;
static int gw_xdp, gw_tc;

/* Flows are kept for each CPU, so a test keeps to one. */
static inline void gw_keep_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK(!sched_setaffinity(0, sizeof(set), &set), "CPU %d: %s", cpu, strerror(errno));
}

/* Routes by v0 to instances 10.0.0.11 to .19 and fd00::11 to ::19, whose link addresses are known. */
static inline void gw_network(void)
{
	int i;

	gw_keep_cpu(0);
	sh("ip link add v0 address 02:00:00:00:00:0a type veth peer name v1");
	sh("ip addr add " GW_SOURCE "/24 dev v0 && ip addr add " GW_SOURCE6 "/64 dev v0 nodad");
	sh("ip link set v0 up && ip link set v1 up");
	for (i = 11; i <= 19; i++)
		sh("ip neigh add 10.0.0.%d lladdr 02:00:00:00:00:%d dev v0 nud permanent && "
		   "ip -6 neigh add fd00::%d lladdr 02:00:00:00:00:%d dev v0 nud permanent",
		   i, i, i, i);
	sh("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
}

static inline const char *gw_pins(int n)
{
	static char path[2][80];

	snprintf(path[n], sizeof(path[n]), "%s-gw%d", env_pins, n);
	return path[n];
}

/* Writes @text as a file and reads it as a gateway's. */
static inline int gw_read(struct gateway_spec *spec, const char *text)
{
	char path[64];
	FILE *f;
	int ret;

	snprintf(path, sizeof(path), "%s/gateway.yaml", env_dir);
	f = fopen(path, "we");
	CHECK(f && fputs(text, f) >= 0 && !fclose(f), "%s: %s", path, strerror(errno));
	ret = gateway_spec_read(spec, path, &env_err);
	unlink(path);
	return ret;
}

static inline void gw_program(struct gw *to, const char *text)
{
	struct gateway_spec spec;
	int ret = gw_read(&spec, text);

	CHECK(!ret, "%s", env_err.text);
	ret = gateway_program(to, &spec, &env_err);
	gateway_spec_free(&spec);
	CHECK(ret > 0, "%s", env_err.text);
}

/* A gateway without memory of earlier tests. */
static inline void gw_fresh(const char *text)
{
	gateway_close(gw);
	gw = NULL;
	gateway_flush(gw_pins(0), &env_err);
	CHECK(!gateway_open(&gw, gw_pins(0), 65536, &env_err), "%s", env_err.text);
	gw_xdp = gateway_prog(gw, "dmsc_gw_xdp");
	gw_tc = gateway_prog(gw, "dmsc_gw_tc");
	gw_program(gw, text);
}

/* ---- frames ---- */

static inline void gw_frame(struct frame *f, const struct frame_spec *s, uint8_t tcp_flags)
{
	frame_build(f, s);
	if (s->proto == IPPROTO_TCP && f->l4 + 13 < f->len)
		f->b[f->l4 + 13] = tcp_flags;
}

static inline void gw_fix_sum(struct frame *f)
{
	uint8_t *ip = f->b + f->l3;
	uint16_t sum;

	ip[10] = ip[11] = 0;
	sum = htons(ip_sum(ip, (ip[0] & 15) * 4));
	memcpy(ip + 10, &sum, 2);
}

/* XDP takes no context here: the packet comes in by the loopback device. */
static inline int gw_run_xdp(int prog, const struct frame *f, struct frame_result *r)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->b, .data_size_in = f->len,
		    .data_out = r->out.b, .data_size_out = sizeof(r->out.b));
	int ret = bpf_prog_test_run_opts(prog, &opts);

	r->verdict = opts.retval;
	r->out.len = opts.data_size_out;
	r->out.l3 = ETHER_HDR_LEN;
	return ret;
}

enum gw_fate {
	FATE_PASS,
	FATE_DROP,
	FATE_FORWARD,
};

static inline enum gw_fate gw_fate(bool xdp, int verdict)
{
	if (xdp) {
		CHECK(verdict == XDP_PASS || verdict == XDP_DROP || verdict == XDP_TX ||
			      verdict == XDP_REDIRECT,
		      "XDP verdict %d", verdict);
		return verdict == XDP_PASS ? FATE_PASS :
		       verdict == XDP_DROP ? FATE_DROP :
					     FATE_FORWARD;
	}
	CHECK(verdict == TC_ACT_UNSPEC || verdict == TC_ACT_SHOT || verdict == TC_ACT_REDIRECT,
	      "tc verdict %d", verdict);
	return verdict == TC_ACT_UNSPEC ? FATE_PASS :
	       verdict == TC_ACT_SHOT	? FATE_DROP :
					  FATE_FORWARD;
}

static inline enum gw_fate gw_run(bool xdp, const struct frame *f, struct frame_result *r)
{
	int ret = xdp ? gw_run_xdp(gw_xdp, f, r) : frame_try(gw_tc, f, 1, r);

	CHECK(!ret, "bpf_prog_test_run: %s, %u bytes", strerror(-ret), f->len);
	return gw_fate(xdp, r->verdict);
}

/* ---- what came out ---- */

/*
 * Checks the outer header of @r byte by byte and that what is inside is @f with
 * one hop less to live. Returns the last byte of the outer destination, by which
 * the tests tell instances apart.
 */
static inline int gw_instance(const struct frame *f, const struct frame_result *r, int gue_port)
{
	const uint8_t *o = r->out.b + ETHER_HDR_LEN, *in;
	uint32_t inner_len = f->len - f->l3, left = r->out.len - ETHER_HDR_LEN, head;
	bool v6 = f->b[f->l3] >> 4 == 6, outer6 = r->out.b[12] == 0x86;
	uint8_t addr[16], expect = v6 ? IPPROTO_IPV6 : IPPROTO_IPIP, proto, last;
	uint8_t inner[FRAME_MAX];

	if (!outer6) {
		CHECK(r->out.b[12] == 8 && r->out.b[13] == 0 && o[0] == 0x45, "outer IPv4");

		CHECK_EQ(ip_sum(o, 20), 0, "outer checksum");
		CHECK_EQ(o[2] << 8 | o[3], left, "outer length");
		inet_pton(AF_INET, GW_SOURCE, addr);
		CHECK(!memcmp(o + 12, addr, 4), "outer source");
		CHECK_EQ(o[1], frame_tos(f), "outer TOS");
		CHECK_EQ(o[8], 64, "outer TTL");
		proto = o[9];
		last = o[19];
		head = 20;
	} else {
		CHECK(r->out.b[13] == 0xdd && o[0] >> 4 == 6, "outer IPv6");
		CHECK_EQ(o[4] << 8 | o[5], left - 40, "outer length");
		inet_pton(AF_INET6, GW_SOURCE6, addr);
		CHECK(!memcmp(o + 8, addr, 16), "outer source");
		CHECK_EQ((uint8_t)(o[0] << 4 | o[1] >> 4), frame_tos(f), "outer traffic class");
		CHECK_EQ(o[7], 64, "outer hop limit");
		proto = o[6];
		last = (o[39] >> 4) * 10 + (o[39] & 15);
		head = 40;
	}
	in = o + head;
	if (gue_port) {
		CHECK_EQ(proto, IPPROTO_UDP, "outer protocol");
		CHECK_EQ(in[2] << 8 | in[3], gue_port, "GUE port");
		CHECK((in[0] << 8 | in[1]) >= 0xc000, "GUE source port");
		CHECK_EQ(in[4] << 8 | in[5], left - head, "UDP length");
		in += 8;
		head += 8;
	} else {
		CHECK_EQ(proto, expect, "outer protocol");
	}
	CHECK_EQ(left - head, inner_len, "length of what is inside");
	memcpy(inner, f->b + f->l3, inner_len);
	if (v6) {
		inner[7]--;
	} else {
		inner[8]--;
		CHECK_EQ(ip_sum(in, (in[0] & 15) * 4), 0, "inner checksum");
		memcpy(inner + 10, in + 10, 2);
	}
	CHECK(!memcmp(in, inner, inner_len), "what is inside has changed");
	return last;
}

/* Of a service, or of all (NULL). */
static inline uint64_t gw_counter(const char *service, enum dmsc_gw_count what)
{
	struct gateway_status st;
	uint64_t sum = 0;
	size_t i;

	CHECK(!gateway_status(gw, &st, &env_err), "%s", env_err.text);
	for (i = 0; i < st.nr_services; i++) {
		if (!service || !strcmp(st.services[i].service->name, service))
			sum += st.services[i].counts[what];
	}
	gateway_status_free(&st);
	return sum;
}

/* Packets that instances got. */
static inline uint64_t gw_forwarded(void)
{
	struct gateway_status st;
	uint64_t sum = 0;
	size_t i, k;

	CHECK(!gateway_status(gw, &st, &env_err), "%s", env_err.text);
	for (i = 0; i < st.nr_services; i++) {
		for (k = 0; k < st.services[i].nr_instances; k++)
			sum += st.services[i].instances[k].packets;
	}
	gateway_status_free(&st);
	return sum;
}

#define GW_HEAD                                                       \
	"devices: [v0]\nsource: " GW_SOURCE "\nsource6: '" GW_SOURCE6 \
	"'\nseed: 7\ninsert_rate: 0\nservices:\n"

#endif /* DMSC_SELFTESTS_GATEWAY_H */
