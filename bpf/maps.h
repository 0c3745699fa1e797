/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * All maps. Every object file defines them weakly, so that each one loads on
 * its own and the linker makes one set of them. All are pinned by name; keys
 * and values are described in <linux/dmsc_bpf.h>.
 *
 * Memory: hash tables take their elements when they need them, so that a host
 * pays for its own tables and not for the limits; what is taken at load time
 * is about 14 MB, most of it hash buckets, and 5 MB for the service router.
 */
#ifndef DMSC_BPF_MAPS_H
#define DMSC_BPF_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <linux/dmsc_bpf.h>

/* The loader writes single words of ctl and paths in place, hence mmap. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct dmsc_ctl);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_ctl __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct dmsc_profile);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_profile __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * DMSC_MAX_INSTANCES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct dmsc_instance_key);
	__type(value, struct dmsc_instance);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_instances __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * DMSC_MAX_ENDPOINTS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct dmsc_endpoint_key);
	__type(value, struct dmsc_endpoint);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_endpoints __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * DMSC_MAX_GROUPS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct dmsc_group_key);
	__type(value, struct dmsc_group);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_groups __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * DMSC_MAX_PEERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct dmsc_peer_key);
	__type(value, struct dmsc_peer);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_peers __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * DMSC_MAX_FLOWS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct dmsc_flow_key);
	__type(value, struct dmsc_flow);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_flows __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * DMSC_MAX_PATHS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct dmsc_path);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_paths __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * DMSC_MAX_SETS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct dmsc_set);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_sets __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, DMSC_MAX_DEALS);
	__type(key, struct dmsc_deal_key);
	__type(value, struct dmsc_deal);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_deals __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DMSC_MAX_ENCAPS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct dmsc_encap);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_encaps __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DMSC_MAX_HOPS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct dmsc_hop_key);
	__type(value, struct dmsc_hop);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_hops __weak SEC(".maps");

/* By interface index; only looked up with DMSC_CTL_TRUST. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DMSC_MAX_TRUSTED);
	__type(key, __u32);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_trusted __weak SEC(".maps");

/* Cloned on accept: a connection starts with what its listener knew. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct dmsc_stamp);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_sockets __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct dmsc_choice);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_choices __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DMSC_MAX_STATS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct dmsc_stats_key);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_counters __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DMSC_MAX_STATS);
	__type(key, __u32);
	__type(value, struct dmsc_stats);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_stats __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct dmsc_stats_room);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_stats_room __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, DMSC_MAX_STATS);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_stats_free __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DMSC_BINS);
	__type(key, __u32);
	__type(value, struct dmsc_bin);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_bins __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * DMSC_MAX_RULES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct dmsc_rule_key);
	__type(value, struct dmsc_rule);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_rules __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DMSC_NR_HOOKS * DMSC_NR_REASONS);
	__type(key, __u32);
	__type(value, struct dmsc_denial);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_denials __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DMSC_NR_HOOKS);
	__type(key, __u32);
	__type(value, struct dmsc_denial);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_exceeded __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * DMSC_MAX_RATES);
	__type(key, __u32);
	__type(value, struct dmsc_rule_rate);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_rates __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_events __weak SEC(".maps");

/* See events.h: how much this CPU has reported in this jiffy. */
struct dmsc_sampling {
	__u64 jiffy;
	__u32 used;
	__u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dmsc_sampling);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_sampling __weak SEC(".maps");

/* See redirect.h: the packet that this CPU is redirecting. */
struct dmsc_reentry {
	__u32 ifindex;
	__u32 token;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dmsc_reentry);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} dmsc_reentry __weak SEC(".maps");

#endif /* DMSC_BPF_MAPS_H */
