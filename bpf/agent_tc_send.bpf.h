/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sends a tunnel packet on from TC: the new headers in the place of the old ones, and the way out.
 */
#ifndef POISE_AGENT_TC_SEND_BPF_H
#define POISE_AGENT_TC_SEND_BPF_H

#include "agent_second.bpf.h"
#include "agent_tc_strip.bpf.h"

/* Room for the new headers, whose bytes are still those of the old ones, or zeros. */
static __always_inline int make_room(struct __sk_buff *ctx, const struct tunnel *tunnel,
				     const struct forward *forward)
{
	__s32 surplus = tunnel->inner - ETH_HLEN - forward->bytes;

	if (change_family(ctx, tunnel->outer_family, forward->family, &surplus) != GO_ON ||
	    (surplus &&
	     bpf_skb_adjust_room(ctx, -surplus, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO)))
		return POISE_AGENT_REASON_INTERNAL;
	return GO_ON;
}

/* A function of its own, in which the verifier does not lose sight of the length. */
static __noinline int store_header(struct __sk_buff *ctx, const struct forward *forward)
{
	__u64 bytes = forward->bytes;

	if (bytes > sizeof(forward->header))
		return POISE_AGENT_REASON_INTERNAL;
	barrier_var(bytes); /* two comparisons, not one of a difference */
	if (bytes < sizeof(struct iphdr) ||
	    bpf_skb_store_bytes(ctx, ETH_HLEN, forward->header, bytes, BPF_F_RECOMPUTE_CSUM))
		return POISE_AGENT_REASON_INTERNAL;
	return GO_ON;
}

/*
 * The kernel finds the neighbour, by asking for it if need be, and writes the Ethernet header.
 * Where it did not say which way out the route takes, it looks for one by the interface itself.
 */
static __always_inline int send_on(struct __sk_buff *ctx, const struct tunnel *tunnel,
				   const struct forward *forward)
{
	__be16 type = forward->family == 4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);

	if (make_room(ctx, tunnel, forward) != GO_ON || store_header(ctx, forward) != GO_ON ||
	    bpf_skb_store_bytes(ctx, offsetof(struct ethhdr, h_proto), &type, sizeof(type), 0) ||
	    bpf_redirect_neigh(forward->ifindex ? forward->ifindex : ctx->ifindex, NULL, 0, 0) !=
		    TC_ACT_REDIRECT)
		return POISE_AGENT_REASON_INTERNAL;
	return POISE_AGENT_REASON_FORWARDED;
}

#endif
