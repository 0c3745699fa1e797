/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The gateway's maps; keys and values are described in <linux/dmsc_gateway.h>.
 * The loader sets the sizes of what is kept per CPU, and makes the flow tables
 * on the memory node of their CPU.
 */
#ifndef DMSC_BPF_GATEWAY_MAPS_H
#define DMSC_BPF_GATEWAY_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <linux/dmsc_gateway.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct dmsc_gw_ctl);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_gw_ctl SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * DMSC_GW_VIP_BUCKETS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct dmsc_gw_bucket);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_gw_vips SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * DMSC_GW_MAX_SERVICES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct dmsc_gw_service);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_gw_services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * DMSC_GW_RING_BLOCKS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct dmsc_gw_ring);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_gw_rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DMSC_GW_MAX_REALS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct dmsc_gw_real);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_gw_reals SEC(".maps");

/* Named by nothing else that the compiler describes; the inner maps' type needs it. */
const struct dmsc_gw_set *dmsc_gw_set_type;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__uint(max_entries, 1);
		__uint(map_flags, BPF_F_MMAPABLE | BPF_F_NUMA_NODE);
		__type(key, __u32);
		__type(value, struct dmsc_gw_set);
	});
} dmsc_gw_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DMSC_GW_MAX_REALS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct dmsc_gw_lane);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_gw_lanes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DMSC_GW_MAX_SERVICES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct dmsc_gw_counts);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_gw_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dmsc_gw_cpu);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_gw_cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DMSC_GW_MAX_SERVICES);
	__type(key, __u32);
	__type(value, struct dmsc_gw_state);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_gw_states SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, DMSC_GW_MAX_SOURCES);
	__type(key, struct dmsc_gw_source_key);
	__type(value, struct dmsc_gw_source);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_gw_sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DMSC_GW_MAX_GATEWAYS);
	__type(key, struct dmsc_addr);
	__type(value, struct dmsc_gw_peer);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_gw_decap SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dmsc_gw_unwrapped);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_gw_unwrapped SEC(".maps");

#endif /* DMSC_BPF_GATEWAY_MAPS_H */
