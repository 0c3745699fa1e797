// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The gateway's object: load it or take up what is pinned, and its maps as memory.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "lib/dataplane_priv.h"
#include "lib/gateway_priv.h"
#include "lib/neigh.h"

#include "bpf/gateway.skel.h"

#define DEFAULT_FLOWS 262144

int gateway_map(const struct gw *gw, const char *name)
{
	return bpf_object__find_map_fd_by_name(gw->skel->obj, name);
}

int gateway_prog(const struct gw *gw, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(gw->skel->obj, name);

	return prog ? bpf_program__fd(prog) : -ENOENT;
}

uint32_t gateway_side(const struct gw *gw)
{
	return gw->ctl->generation & 1;
}

int gateway_log(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	return getenv("DMSC_BPF_LOG") ? vfprintf(stderr, fmt, ap) : 0;
}

/* ---- what is pinned ---- */

static int pin_dir(char *out, size_t len, const char *dir, struct dmsc_error *err)
{
	struct dataplane_config cfg = { .pin_dir = dir ?: DMSC_GW_PIN_DIR };

	return dataplane_pin_dir(out, len, &cfg, err);
}

/* 1 and what it holds: a control word of ours; 0: nothing is pinned. */
static int pinned_ctl(const char *dir, struct dmsc_gw_ctl *ctl, struct dmsc_error *err)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), zero = 0;
	char path[PATH_MAX + 16];
	int fd, ret = 1;

	snprintf(path, sizeof(path), "%s/dmsc_gw_ctl", dir);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return errno == ENOENT ? 0 : dmsc_fail(err, -errno, "%s: %s", path, strerror(errno));
	if (bpf_obj_get_info_by_fd(fd, &info, &len) || info.value_size != sizeof(*ctl) ||
	    bpf_map_lookup_elem(fd, &zero, ctl))
		ret = dmsc_fail(err, -EPROTO,
				"%s: not of this release; 'dmscctl gateway off' first", path);
	else if (ctl->abi && ctl->abi != DMSC_GW_ABI)
		ret = dmsc_fail(err, -EPROTO,
				"%s: a gateway of ABI %u is at work, this program needs %u; 'dmscctl gateway off' first",
				path, ctl->abi, DMSC_GW_ABI);
	close(fd);
	return ret;
}

int gateway_running(const char *dir, struct dmsc_error *err)
{
	struct dmsc_gw_ctl ctl;
	char path[PATH_MAX];
	int ret = pin_dir(path, sizeof(path), dir, err);

	return ret ?: pinned_ctl(path, &ctl, err);
}

/* ---- flow tables ---- */

/* Sets of a table for @flows flows: a power of two. */
static uint32_t flow_sets(uint32_t flows)
{
	uint32_t sets = 1;

	while (sets * DMSC_GW_WAYS < flows)
		sets *= 2;
	return sets;
}

/* The memory node that @cpu belongs to; 0 where there is one only. */
static int cpu_node(uint32_t cpu)
{
	char path[64];
	int node;

	for (node = 0; node < 1024; node++) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/node%d", cpu, node);
		if (!access(path, F_OK))
			return node;
	}
	return 0;
}

/* @opts: with flags and node. */
static int make_table(uint32_t sets, struct bpf_map_create_opts *opts)
{
	int fd;

	opts->map_flags = BPF_F_MMAPABLE | BPF_F_NUMA_NODE;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "dmsc_gw_flow", sizeof(__u32),
			    sizeof(struct dmsc_gw_set), sets, opts);
	return fd < 0 ? -errno : fd;
}

static int put_table(struct gw *gw, int outer, uint32_t cpu, struct bpf_map_create_opts *opts)
{
	int fd = make_table(gw->ctl->flow_mask + 1, opts), ret;

	if (fd >= 0 && bpf_map_update_elem(outer, &cpu, &fd, BPF_ANY)) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

/* A table in the outer map, near its CPU: the one that is there, else a new one. */
static int flow_table(struct gw *gw, uint32_t cpu)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .numa_node = cpu_node(cpu),
		    .btf_fd = bpf_object__btf_fd(gw->skel->obj),
		    .btf_key_type_id = gw->flow_key_type, .btf_value_type_id = gw->flow_value_type);
	int outer = gateway_map(gw, "dmsc_gw_flows"), fd;
	__u32 id;

	if (!bpf_map_lookup_elem(outer, &cpu, &id))
		return bpf_map_get_fd_by_id(id);
	fd = put_table(gw, outer, cpu, &opts);
	if (fd != -EINVAL)
		return fd;
	/* Before 6.2 a map with a type is no match for the outer map's pattern, which has none. */
	opts.btf_fd = opts.btf_key_type_id = opts.btf_value_type_id = 0;
	return put_table(gw, outer, cpu, &opts);
}

static size_t flow_bytes(const struct gw *gw)
{
	return (gw->ctl->flow_mask + 1) * sizeof(struct dmsc_gw_set);
}

static int flow_tables(struct gw *gw, struct dmsc_error *err)
{
	uint32_t cpu;
	void *p;
	int fd;

	gw->flows = calloc(gw->cpus, sizeof(*gw->flows));
	if (!gw->flows)
		return dmsc_fail(err, -ENOMEM, "out of memory");
	for (cpu = 0; cpu < gw->cpus; cpu++) {
		fd = flow_table(gw, cpu);
		if (fd < 0)
			return dmsc_fail(err, fd, "flow table of CPU %u: %s", cpu, strerror(-fd));
		p = mmap(NULL, flow_bytes(gw), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
		if (p == MAP_FAILED)
			return dmsc_fail(err, -errno, "flow table of CPU %u: mmap: %s", cpu,
					 strerror(errno));
		gw->flows[cpu] = p;
	}
	return 0;
}

static bool flow_live(const struct dmsc_gw_flow *f, const struct dmsc_gw_ctl *ctl, uint64_t now)
{
	uint64_t limit = f->flags & DMSC_GW_FLOW_UDP ? ctl->udp_ns : ctl->tcp_ns;

	if (!f->service)
		return false;
	if (f->flags & DMSC_GW_FLOW_CLOSED && limit > DMSC_GW_CLOSED_NS)
		limit = DMSC_GW_CLOSED_NS;
	return (uint32_t)((now >> DMSC_GW_TIME_SHIFT) - f->seen) <= limit >> DMSC_GW_TIME_SHIFT;
}

uint32_t *gateway_live_flows(const struct gw *gw)
{
	uint32_t *live = calloc(DMSC_GW_MAX_REALS, sizeof(*live)), cpu, set, way;
	struct timespec ts;
	uint64_t now;

	if (!live)
		return NULL;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	now = ts.tv_sec * 1000000000ULL + ts.tv_nsec;
	for (cpu = 0; cpu < gw->cpus; cpu++) {
		for (set = 0; set <= gw->ctl->flow_mask; set++) {
			for (way = 0; way < DMSC_GW_WAYS; way++) {
				const struct dmsc_gw_flow *f = &gw->flows[cpu][set].way[way];

				if (f->real < DMSC_GW_MAX_REALS && flow_live(f, gw->ctl, now) &&
				    gw->reals[f->real].version == f->version)
					live[f->real]++;
			}
		}
	}
	return live;
}

/* ---- open ---- */

static int map_memory(struct gw *gw, void **out, const char *name, size_t bytes,
		      struct dmsc_error *err)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, gateway_map(gw, name), 0);

	if (p == MAP_FAILED)
		return dmsc_fail(err, -errno, "%s: mmap: %s", name, strerror(errno));
	*out = p;
	return 0;
}

static const struct {
	const char *name;
	size_t member; /* of struct gw */
	size_t bytes;  /* for each CPU, where per_cpu says so */
	bool per_cpu;
} memory[] = {
	{ "dmsc_gw_ctl", offsetof(struct gw, ctl), sizeof(struct dmsc_gw_ctl), false },
	{ "dmsc_gw_vips", offsetof(struct gw, vips),
	  2 * DMSC_GW_VIP_BUCKETS * sizeof(struct dmsc_gw_bucket), false },
	{ "dmsc_gw_services", offsetof(struct gw, services),
	  2 * DMSC_GW_MAX_SERVICES * sizeof(struct dmsc_gw_service), false },
	{ "dmsc_gw_rings", offsetof(struct gw, rings),
	  2UL * DMSC_GW_RING_BLOCKS * sizeof(struct dmsc_gw_ring), false },
	{ "dmsc_gw_reals", offsetof(struct gw, reals),
	  DMSC_GW_MAX_REALS * sizeof(struct dmsc_gw_real), false },
	{ "dmsc_gw_lanes", offsetof(struct gw, lanes),
	  DMSC_GW_MAX_REALS * sizeof(struct dmsc_gw_lane), true },
	{ "dmsc_gw_counts", offsetof(struct gw, counts),
	  DMSC_GW_MAX_SERVICES * sizeof(struct dmsc_gw_counts), true },
};

#define NR_MEMORY (sizeof(memory) / sizeof(memory[0]))

static size_t memory_bytes(const struct gw *gw, size_t i)
{
	return memory[i].bytes * (memory[i].per_cpu ? gw->cpus : 1);
}

static int map_all(struct gw *gw, struct dmsc_error *err)
{
	size_t i;
	int ret = 0;

	for (i = 0; i < NR_MEMORY && !ret; i++)
		ret = map_memory(gw, (void **)((char *)gw + memory[i].member), memory[i].name,
				 memory_bytes(gw, i), err);
	return ret;
}

/*
 * Sizes that depend on the machine, before the object is loaded. The flow tables'
 * size is that of a pattern; to set it in the object's own needs libbpf 1.2.
 */
static int set_sizes(struct gw *gw, uint32_t sets)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	struct bpf_map *flows = gw->skel->maps.dmsc_gw_flows;
	struct bpf_map *inner = bpf_map__inner_map(flows);
	int ret;

	gw->flow_key_type = bpf_map__btf_key_type_id(inner);
	gw->flow_value_type = bpf_map__btf_value_type_id(inner);
	gw->pattern = make_table(sets, &opts);
	if (gw->pattern < 0)
		return gw->pattern;
	ret = bpf_map__set_inner_map_fd(flows, gw->pattern);
	if (!ret)
		ret = bpf_map__set_max_entries(flows, gw->cpus);
	if (!ret)
		ret = bpf_map__set_max_entries(gw->skel->maps.dmsc_gw_lanes,
					       gw->cpus * DMSC_GW_MAX_REALS);
	if (!ret)
		ret = bpf_map__set_max_entries(gw->skel->maps.dmsc_gw_counts,
					       gw->cpus * DMSC_GW_MAX_SERVICES);
	if (!ret)
		ret = bpf_map__set_max_entries(gw->skel->maps.dmsc_gw_cpus, gw->cpus);
	return ret;
}

/* What a gateway that was not there before starts with. */
static int first_words(struct gw *gw, uint32_t sets, struct dmsc_error *err)
{
	uint64_t secret;

	if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret))
		return dmsc_fail(err, -EIO, "no random numbers");
	gw->ctl->secret = secret;
	gw->ctl->flow_mask = sets - 1;
	gw->ctl->abi = DMSC_GW_ABI;
	return 0;
}

int gateway_open(struct gw **out, const char *dir, uint32_t flows, struct dmsc_error *err)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts);
	struct dmsc_gw_ctl ctl = {};
	int ret, reuse = 1, cpus = libbpf_num_possible_cpus();
	uint32_t sets = flow_sets(flows ?: DEFAULT_FLOWS);
	struct gw *gw;

	*out = NULL;
	libbpf_set_print(gateway_log);
	gw = calloc(1, sizeof(*gw));
	if (!gw || cpus < 1) {
		free(gw);
		return dmsc_fail(err, -ENOMEM, "out of memory");
	}
	gw->cpus = cpus;
	gw->pattern = -1;
	ret = pin_dir(gw->pin_dir, sizeof(gw->pin_dir), dir, err);
	if (!ret)
		ret = dataplane_pin_prepare(gw->pin_dir, err);
	if (!ret)
		ret = reuse = pinned_ctl(gw->pin_dir, &ctl, err);
	if (ret < 0)
		goto failed;
	if (ctl.abi)
		sets = ctl.flow_mask + 1;
	opts.pin_root_path = gw->pin_dir;
	gw->skel = gateway__open_opts(&opts);
	ret = gw->skel ? set_sizes(gw, sets) : -errno;
	if (!ret)
		ret = gateway__load(gw->skel);
	if (ret) {
		dmsc_fail(err, ret,
			  "cannot load the gateway's programs: %s (DMSC_BPF_LOG=1 shows more)",
			  strerror(-ret));
		goto failed;
	}
	ret = map_all(gw, err);
	if (!ret && !gw->ctl->abi)
		ret = first_words(gw, sets, err);
	if (!ret)
		ret = flow_tables(gw, err);
	if (ret)
		goto failed;
	*out = gw;
	return 0;

failed:
	/* What this call pinned goes again; what was there before stays at work. */
	if (!reuse) {
		dataplane_pin_remove(gw->pin_dir);
		rmdir(gw->pin_dir);
	}
	gateway_close(gw);
	return ret;
}

void gateway_close(struct gw *gw)
{
	uint32_t cpu;
	size_t i;

	if (!gw)
		return;
	for (cpu = 0; gw->flows && cpu < gw->cpus; cpu++) {
		if (gw->flows[cpu])
			munmap(gw->flows[cpu], flow_bytes(gw));
	}
	free(gw->flows);
	for (i = 0; i < NR_MEMORY; i++) {
		void **p = (void **)((char *)gw + memory[i].member);

		if (*p)
			munmap(*p, memory_bytes(gw, i));
	}
	gateway__destroy(gw->skel);
	if (gw->pattern >= 0)
		close(gw->pattern);
	free(gw);
}
