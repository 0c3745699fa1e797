// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The gateway: known and new flows, few and many, and what is not its business.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "lib/gateway_priv.h"

#include "bench.h"

#define FLOWS (1U << 21) /* kept for a CPU: room for 512K without crowding */

#define NEVER (1ULL << 62) /* ns between flows that are kept */

static const char config[] =
	"devices: [bench-gw]\nsource: 10.7.0.1\nsource6: 'fd07::1'\ninsert_rate: 0\nservices:\n"
	"  - {name: web, address: 10.0.0.2, port: 80, instances: [\n"
	"      {name: a, address: 10.7.0.2}, {name: b, address: 10.7.0.3}]}\n"
	"  - {name: web6, address: 'fd00::2', port: 80, instances: [{name: a, address: 'fd07::2'}]}\n"
	"  - {name: limited, address: 10.0.0.4, port: 80, source_rate: 1G, instances: [\n"
	"      {name: a, address: 10.7.0.2}]}\n";

static struct gw *gw;
static char pins[96];
static struct bench_frame syn, other, limited;

static void run(const char *cmd)
{
	if (system(cmd))
		bench_die("%s: failed", cmd);
}

static void program(void)
{
	struct gateway_spec spec;
	struct dmsc_error err;
	char path[] = "/tmp/bench-gateway.XXXXXX";
	int fd = mkstemp(path), ret;

	if (fd < 0 || write(fd, config, sizeof(config) - 1) != (ssize_t)sizeof(config) - 1)
		bench_die("%s: %s", path, strerror(errno));
	close(fd);
	ret = gateway_spec_read(&spec, path, &err);
	unlink(path);
	if (!ret)
		ret = gateway_program(gw, &spec, &err);
	if (ret < 0)
		bench_die("%s", err.text);
	gateway_spec_free(&spec);
}

static void settings(uint64_t insert_ns, uint64_t tcp_ns)
{
	gw->ctl->insert_ns = insert_ns;
	gw->ctl->tcp_ns = tcp_ns;
}

static void prepare_known(struct bench_case *c)
{
	settings(0, 3600000000000ULL);
	bench_warm(c, 2 * c->flows);
}

/* The one flow that may be kept is another one, so that this one is new each time. */
static void prepare_guarded(struct bench_case *c)
{
	struct bench_case first = *c;

	first.frame = &other;
	settings(NEVER, 3600000000000ULL);
	bench_warm(&first, 2);
}

/* A flow is forgotten within a millisecond, which is less than all of them take. */
static void prepare_forgotten(struct bench_case *c)
{
	(void)c;
	settings(0, 0);
}

static void frames(void)
{
	syn = bench_tcp4;
	syn.b[47] = 0x02;
	/* Sources are the stream's, so it is the destination that differs. */
	other = syn;
	other.b[33] = 4;
	limited = bench_tcp4;
	limited.b[33] = 4;
}

static struct bench_case *add(struct bench *b, const char *name, const struct bench_frame *frame,
			      uint32_t flows, void (*prepare)(struct bench_case *c), double aim)
{
	struct bench_case *c = bench_add_packets(b, name, gateway_prog(gw, "dmsc_gw_xdp"),
						 BENCH_XDP, frame, flows);

	c->prepare = prepare;
	c->grows = true;
	c->verdict = XDP_REDIRECT;
	if (aim) {
		c->aim_kind = AIM_FLOOR;
		c->aim = aim;
	}
	return c;
}

void gateway_cases(struct bench *b, const char *pin_dir)
{
	static struct bench_frame not_ours;
	struct dmsc_error err;
	struct bench_case *c;

	run("ip link add bench-gw address 02:00:00:00:00:0a type veth peer name bench-gw1");
	run("ip addr add 10.7.0.1/24 dev bench-gw; ip addr add fd07::1/64 dev bench-gw nodad");
	run("ip link set bench-gw up; ip link set bench-gw1 up");
	run("ip neigh add 10.7.0.2 lladdr 02:00:00:00:00:0b dev bench-gw nud permanent");
	run("ip neigh add 10.7.0.3 lladdr 02:00:00:00:00:0c dev bench-gw nud permanent");
	run("ip neigh add fd07::2 lladdr 02:00:00:00:00:0d dev bench-gw nud permanent");
	run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
	snprintf(pins, sizeof(pins), "%s-gateway", pin_dir);
	if (gateway_open(&gw, pins, FLOWS, &err))
		bench_die("%s", err.text);
	program();
	frames();
	not_ours = bench_tcp4;
	not_ours.b[33] = 3;

	c = add(b, "gateway, not ours", &not_ours, 1, NULL, 0.5);
	c->grows = false;
	c->verdict = XDP_PASS;
	add(b, "gateway, known flow", &bench_tcp4, 1, prepare_known, 1.5);
	add(b, "gateway, known flow, IPv6", &bench_tcp6, 1, prepare_known, 0);
	add(b, "gateway, known flow, source limited", &limited, 1, prepare_known, 0);
	add(b, "gateway, new flow (SYN), guard on", &syn, 1, prepare_guarded, 2.2);
	add(b, "gateway, known flow", &bench_tcp4, 1 << 10, prepare_known, 0);
	add(b, "gateway, known flow", &bench_tcp4, 1 << 16, prepare_known, 5.0);
	add(b, "gateway, known flow", &bench_tcp4, 1 << 19, prepare_known, 0);
	add(b, "gateway, new flow kept", &bench_tcp4, 1 << 16, prepare_forgotten, 0);
}

void gateway_cases_end(void)
{
	struct dmsc_error err;

	gateway_close(gw);
	gateway_flush(pins, &err);
}
