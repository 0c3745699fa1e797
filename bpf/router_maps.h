/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The service router's maps; keys and values are described in
 * <linux/dmsc_router.h>. What userspace fills whole is memory to it, hence mmap.
 * Memory: 5 MB when it is not used; services and flows take theirs when they come.
 */
#ifndef DMSC_BPF_ROUTER_MAPS_H
#define DMSC_BPF_ROUTER_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <linux/dmsc_router.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct dmsc_rt_ctl);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_rt_ctl __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * DMSC_RT_MAX_SERVICES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct dmsc_rt_service_key);
	__type(value, struct dmsc_rt_service);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_rt_services __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * DMSC_RT_MAX_MEMBERS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_rt_members __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * DMSC_RT_RING_BLOCKS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct dmsc_rt_ring);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_rt_rings __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DMSC_RT_MAX_INSTANCES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct dmsc_rt_instance);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_rt_instances __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DMSC_RT_MAX_INSTANCES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct dmsc_rt_load);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_rt_loads __weak SEC(".maps");

/* Not cloned on accept: who accepts asked for no service. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct dmsc_rt_socket);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_rt_sockets __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DMSC_RT_MAX_FLOWS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct dmsc_rt_flow);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_rt_flows __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DMSC_RT_MAX_SERVICES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct dmsc_rt_counts);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_rt_counts __weak SEC(".maps");

#endif /* DMSC_BPF_ROUTER_MAPS_H */
