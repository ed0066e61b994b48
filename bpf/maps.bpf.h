/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps of the balancer. Arrays everywhere, for the JIT inlines their look-ups. Those that
 * poised writes through shared memory are mmapable, which also aligns them to cache lines.
 */
#ifndef POISE_MAPS_BPF_H
#define POISE_MAPS_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "poise_abi.h"

#define ARRAY_OF(name_, map_type, entries, value_type, flags)                                      \
	struct {                                                                                   \
		__uint(type, map_type);                                                            \
		__uint(max_entries, entries);                                                      \
		__uint(map_flags, flags);                                                          \
		__type(key, __u32);                                                                \
		__type(value, value_type);                                                         \
	} name_ SEC(".maps")

ARRAY_OF(settings, BPF_MAP_TYPE_ARRAY, 1, struct poise_settings, BPF_F_MMAPABLE);
ARRAY_OF(services, BPF_MAP_TYPE_ARRAY, POISE_SERVICE_ENTRIES, struct poise_service, BPF_F_MMAPABLE);
ARRAY_OF(backends, BPF_MAP_TYPE_ARRAY, POISE_MAX_BACKENDS, struct poise_backend, BPF_F_MMAPABLE);
ARRAY_OF(backends_next, BPF_MAP_TYPE_ARRAY, POISE_MAX_BACKENDS, struct poise_backend,
	 BPF_F_MMAPABLE);
ARRAY_OF(port_ranges, BPF_MAP_TYPE_ARRAY, POISE_RANGE_ENTRIES, struct poise_port_range,
	 BPF_F_MMAPABLE);
ARRAY_OF(backend_load, BPF_MAP_TYPE_ARRAY, POISE_MAX_BACKENDS, struct poise_backend_load,
	 BPF_F_MMAPABLE);
/* roundrobin: connections so far, by the service's index */
ARRAY_OF(cursors, BPF_MAP_TYPE_ARRAY, POISE_SERVICE_ENTRIES, __u32, BPF_F_MMAPABLE);
/* poised sets the number of buckets, a power of two, before it loads the program */
ARRAY_OF(flows, BPF_MAP_TYPE_ARRAY, POISE_DEFAULT_FLOWS / POISE_EXCEPTION_WAYS,
	 struct poise_exception_bucket, BPF_F_MMAPABLE);
ARRAY_OF(limits, BPF_MAP_TYPE_PERCPU_ARRAY, POISE_LIMIT_COUNT, struct poise_limit, 0);
ARRAY_OF(exceptions, BPF_MAP_TYPE_ARRAY, POISE_EXCEPTION_BUCKETS, struct poise_exception_bucket,
	 BPF_F_MMAPABLE);

/* Rings live in segments that poised adds as they are needed: [segment][0].slot[...] */
struct ring_segment_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct poise_ring_segment));
};

struct move_segment_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct poise_move_segment));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, POISE_MAX_SEGMENTS);
	__type(key, __u32);
	__array(values, struct ring_segment_map);
} rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, POISE_MAX_SEGMENTS);
	__type(key, __u32);
	__array(values, struct move_segment_map);
} moves SEC(".maps");

/* Never called, and in no program: its parameters have the type information tell how segments are
 * laid out, for other versions of poised. The kernel keeps no types of maps of maps. */
__noinline int poise_segment_types(struct poise_ring_segment *slots,
				   struct poise_move_segment *part)
{
	return !slots || !part;
}

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, POISE_MAX_INTERFACES);
	__type(key, __u32);
	__type(value, __u32);
} egress SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, POISE_PREFIX_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct poise_prefix);
	__type(value, __u32);
} prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, POISE_QUIC_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct poise_quic_server);
	__type(value, __u32);
} quic_servers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, POISE_FRAGMENT_ENTRIES);
	__type(key, struct poise_fragment_key);
	__type(value, struct poise_fragment);
} fragments SEC(".maps");

ARRAY_OF(service_count, BPF_MAP_TYPE_PERCPU_ARRAY, POISE_SERVICE_ENTRIES,
	 struct poise_service_count, 0);
ARRAY_OF(backend_count, BPF_MAP_TYPE_PERCPU_ARRAY, POISE_MAX_BACKENDS, struct poise_backend_count,
	 0);
ARRAY_OF(reason_count, BPF_MAP_TYPE_PERCPU_ARRAY, POISE_REASON_COUNT, __u64, 0);
ARRAY_OF(event_count, BPF_MAP_TYPE_PERCPU_ARRAY, POISE_EVENT_COUNT, __u64, 0);

/* For poised alone: what it must find again after a restart. */
ARRAY_OF(service_record, BPF_MAP_TYPE_ARRAY, POISE_SERVICE_ENTRIES, struct poise_service_record, 0);
ARRAY_OF(backend_record, BPF_MAP_TYPE_ARRAY, POISE_MAX_BACKENDS, struct poise_backend_record, 0);

/* Of rings and of the flow hash; the same on every balancer of a fleet. */
const volatile __u64 poise_seed;
/* Buckets of 'flows', less one. */
const volatile __u32 poise_flow_mask;

#define READ_ONCE(x)	 (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define likely(x)	 __builtin_expect(!!(x), 1)
#define unlikely(x)	 __builtin_expect(!!(x), 0)

#endif
