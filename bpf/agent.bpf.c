// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The backend's side: opens tunnels (IP in IP, GUE, GRE; all four mixes of IPv4 and IPv6) for the
 * VIPs and hands the inner packet to the stack. Whatever is not for a VIP is passed on as it came,
 * to the byte.
 */
#include "agent_ecn.bpf.h"
#include "agent_parse.bpf.h"

#include <xdp/xdp_helpers.h>

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

/* An Ethernet header in words: struct ethhdr is packed, and would be copied byte by byte. */
enum { ETH_WORDS = ETH_HLEN / 2, ETH_TYPE_WORD = ETH_WORDS - 1 };

struct ethernet {
	__u16 word[ETH_WORDS];
};

/* Bit n: reason n drops. */
enum {
#define REASON_DROPS(name, verdict, text) | ((verdict == XDP_DROP) << POISE_AGENT_REASON_##name)
	DROPPING_REASONS = 0 POISE_AGENT_REASONS(REASON_DROPS)
#undef REASON_DROPS
};

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

static __always_inline int check_source(struct xdp_md *ctx, const struct poise_agent_settings *set,
					const struct tunnel *tunnel)
{
	struct poise_agent_prefix source = {};
	int reason;

	if (!set->check_sources)
		return GO_ON;
	reason = read_source(ctx, tunnel, &source);
	if (reason != GO_ON)
		return reason;
	return bpf_map_lookup_elem(&sources, &source) ? GO_ON : POISE_AGENT_REASON_BAD_SOURCE;
}

/* Moves the Ethernet header to just before the inner packet, and the frame's beginning with it. */
static __always_inline int strip_outer(struct xdp_md *ctx, const struct tunnel *tunnel)
{
	__u16 type = tunnel->inner_family == 4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
	struct ethernet *from = frame_at(ctx, 0, sizeof(*from));
	struct ethernet *to = frame_at(ctx, tunnel->inner - ETH_HLEN, sizeof(*to));

	if (!from || !to)
		return POISE_AGENT_REASON_INTERNAL;
	for (int i = 0; i < ETH_TYPE_WORD; i++)
		to->word[i] = from->word[i];
	to->word[ETH_TYPE_WORD] = type;
	if (bpf_xdp_adjust_head(ctx, tunnel->inner - ETH_HLEN))
		return POISE_AGENT_REASON_INTERNAL;
	return GO_ON;
}

/* The reasons stand in this order: by encapsulation, outer and inner family. */
static __always_inline int decapsulated(const struct tunnel *tunnel)
{
	enum { MIXES = 4 };

	return POISE_AGENT_REASON_DECAPSULATED_4IN4 + tunnel->encapsulation * MIXES +
	       (tunnel->outer_family == 6) * 2 + (tunnel->inner_family == 6);
}

static __always_inline int open_tunnel(struct xdp_md *ctx)
{
	struct poise_agent_prefix destination = {};
	struct poise_agent_settings *set;
	struct poise_agent_count *vip;
	struct tunnel tunnel = {};
	__u32 length = 0, zero = 0;
	int reason;

	set = bpf_map_lookup_elem(&settings, &zero);
	if (!set)
		return POISE_AGENT_REASON_INTERNAL;
	reason = parse_outer(ctx, set, &tunnel);
	if (reason != GO_ON)
		return reason;
	reason = read_destination(ctx, &tunnel, &destination);
	if (reason != GO_ON)
		return reason;
	vip = find_vip(&destination);
	if (!vip)
		return POISE_AGENT_REASON_NOT_VIP;

	reason = check_source(ctx, set, &tunnel);
	if (reason != GO_ON)
		return reason;
	reason = check_inner(ctx, &tunnel, &length);
	if (reason != GO_ON)
		return reason;
	reason = carry_ecn(ctx, &tunnel);
	if (reason != GO_ON)
		return reason;
	reason = strip_outer(ctx, &tunnel);
	if (reason != GO_ON)
		return reason;
	vip->packets++;
	vip->bytes += length;
	return decapsulated(&tunnel);
}

SEC("xdp")
int poise_agent(struct xdp_md *ctx)
{
	__u32 reason = open_tunnel(ctx);
	__u64 *count = bpf_map_lookup_elem(&reasons, &reason);

	if (!count)
		return XDP_DROP;
	(*count)++;
	return DROPPING_REASONS >> reason & 1 ? XDP_DROP : XDP_PASS;
}

struct {
	__uint(priority, 60);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(poise_agent);

char _license[] SEC("license") = "Dual BSD/GPL";
