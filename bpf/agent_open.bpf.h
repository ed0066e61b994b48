/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What becomes of a frame: the stages in their order, the same in XDP and TC. What moves bytes is
 * the program's own: strip_outer(), and send_on() of agent_second.bpf.h.
 */
#ifndef POISE_AGENT_OPEN_BPF_H
#define POISE_AGENT_OPEN_BPF_H

#include "agent_ecn.bpf.h"
#include "agent_maps.bpf.h"
#include "agent_parse.bpf.h"
#include "agent_second.bpf.h"

/*
 * Takes the outer headers away: the Ethernet header, with the inner packet's type, comes to stand
 * before the inner packet. GO_ON or a reason.
 */
static __always_inline int strip_outer(struct frame *ctx, const struct tunnel *tunnel);

/* Bit n: reason n drops. */
enum {
#define REASON_DROPS(name, verdict, text) | ((verdict == XDP_DROP) << POISE_AGENT_REASON_##name)
	DROPPING_REASONS = 0 POISE_AGENT_REASONS(REASON_DROPS)
#undef REASON_DROPS
};

static __always_inline int check_source(struct frame *ctx, const struct poise_agent_settings *set,
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

/* The reasons stand in this order: by encapsulation, outer and inner family. */
static __always_inline int decapsulated(const struct tunnel *tunnel)
{
	enum { MIXES = 4 };

	return POISE_AGENT_REASON_DECAPSULATED_4IN4 + tunnel->encapsulation * MIXES +
	       (tunnel->outer_family == 6) * 2 + (tunnel->inner_family == 6);
}

static __always_inline int open_tunnel(struct frame *ctx)
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
	if (tunnel.chain) {
		struct tunnel copy = tunnel; /* so that tunnel itself stays in registers */

		reason = second_chance(ctx, set, &copy, length);
		if (reason != GO_ON)
			return reason;
	}
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

/* Whether the reason drops; true for what is none. */
static __always_inline bool count_reason(__u32 reason)
{
	__u64 *count = bpf_map_lookup_elem(&reasons, &reason);

	if (!count)
		return true;
	(*count)++;
	return DROPPING_REASONS >> reason & 1;
}

#endif
