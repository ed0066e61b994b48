/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The agent's maps, which its XDP and its TC programs share, and what is looked up in them for a
 * single address.
 */
#ifndef POISE_AGENT_MAPS_BPF_H
#define POISE_AGENT_MAPS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "poise_agent_abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct poise_agent_settings);
} settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, POISE_AGENT_VIP_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct poise_agent_prefix);
	__type(value, struct poise_agent_count);
} vips SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, POISE_AGENT_VIP_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct poise_agent_prefix);
	__type(value, struct poise_agent_prefix);
} vip_prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, POISE_AGENT_SOURCE_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct poise_agent_prefix);
	__type(value, __u32);
} sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, POISE_AGENT_HOP_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct poise_agent_prefix);
	__type(value, __u32);
} hops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, POISE_AGENT_REASON_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} reasons SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, POISE_AGENT_DECISION_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} decisions SEC(".maps");

/* The VIP that an address is, or the longest prefix of VIPs that it is in; NULL: none. */
static __always_inline struct poise_agent_count *find_vip(const struct poise_agent_prefix *address)
{
	struct poise_agent_count *vip = bpf_map_lookup_elem(&vips, address);
	struct poise_agent_prefix *prefix;

	if (vip)
		return vip;
	prefix = bpf_map_lookup_elem(&vip_prefixes, address);
	return prefix ? bpf_map_lookup_elem(&vips, prefix) : NULL;
}

static __always_inline void count_decision(__u32 decision)
{
	__u64 *count = bpf_map_lookup_elem(&decisions, &decision);

	if (count)
		(*count)++;
}

#endif
